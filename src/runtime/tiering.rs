//! The counters of baseline code, and what happens when one runs out.
//!
//! A module has up to [`MOST_SHARDS`] arrays of counters, so that threads that run it at the same time do not fight for
//! cache lines; an instance uses the array of the thread that makes it. All of them are zero pages at first: a function
//! costs memory once it has run. The first check of a function in a shard finds 0, and comes here, which gives it its
//! first budget and remembers that it was run ([`Budgets::was_run`]).
//!
//!     baseline code -> shim -> budget_spent -> compile/tiering.rs decides -> the pipeline is asked, on a compile stack
//!
//! Machine code counts without atomics, and so do we, as it were: lost decrements and lost budgets do not matter. What
//! must not be lost is a request, and that is a claim in the function's state (`compile/state.rs`).
//!
//! Nothing here fails: a function whose request cannot be made stays in the baseline tier.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicU32};

use super::builtins::run;
use super::enter::{BuiltinResult, preserving_all, unwind};
use super::lazy::on_compile_stack;
use super::osr::{self, Going, Trip};
use super::store::StoreInner;
use crate::abi::profile::UNFORESEEN;
use crate::abi::vmctx::{STORE_EXIT_FP, VMCTX_STORE, VmHeader, VmInstance};
use crate::code::counters::{APART, Cells, MOST_SHARDS, shard_count, shard_of_this_thread};
use crate::compile::tiering::{self, Spent, Stopped, Subject};
use crate::config::{Osr, TierUp};
use crate::engine::CompiledModule;
use crate::error::Result;
use crate::types::{DefinedFunc, Tier};

/// What is known of a function besides its counters: bits 0..16 the shards that it was run in, above them its trips, and at
/// the top whether its code of the top tier has got a budget.
const TRIP: u32 = 1 << MOST_SHARDS;

/// Most trips that are counted.
const MOST_TRIPS: u32 = SURPRISED / TRIP - 1;

/// As in [`TRIP`].
const SURPRISED: u32 = 1 << 31;

/// The counters of a module.
pub(crate) struct Budgets {
    cells: Cells,
    functions: usize,
    shards: usize,
    /// Bytes of a shard, and of the marks in front of them.
    stride: usize,
    /// Bytes of all bodies.
    module_bytes: usize,
}

impl Budgets {
    /// Counters for this many functions with so many bytes of bodies.
    pub(crate) fn new(functions: usize, module_bytes: usize) -> Result<Budgets> {
        let shards = shard_count();
        let stride = (functions * 4).next_multiple_of(APART);
        let cells = Cells::new(stride * (1 + shards))?;
        Ok(Budgets { cells, functions, shards, stride, module_bytes })
    }

    /// The marks, which the shards follow.
    fn base(&self) -> *mut u8 {
        self.cells.base()
    }

    fn mark(&self, func: DefinedFunc) -> &AtomicU32 {
        assert!(func.index() < self.functions);
        // SAFETY: one of the marks, which live as long as `self` and are only accessed atomically.
        unsafe { AtomicU32::from_ptr(self.base().cast::<u32>().add(func.index())) }
    }

    fn counter(&self, shard: usize, func: DefinedFunc) -> &AtomicI32 {
        assert!(func.index() < self.functions && shard < self.shards);
        let start = self.base().wrapping_add(self.stride * (1 + shard));
        // SAFETY: a counter, which lives as long as `self`. Machine code of other threads may count at the same time:
        // aligned accesses of 32 bits.
        unsafe { AtomicI32::from_ptr(start.cast::<i32>().add(func.index())) }
    }

    /// What an instance that this thread makes counts in.
    pub(super) fn of_this_thread(&self) -> *mut i32 {
        self.base().wrapping_add(self.stride * (1 + shard_of_this_thread())).cast()
    }

    /// Whether baseline code of a function has been run.
    pub(crate) fn was_run(&self, func: DefinedFunc) -> bool {
        self.mark(func).load(Relaxed) != 0
    }

    /// How much more work a function may do before it asks for the top tier; 1 if it has asked. `None`: it was not run, or
    /// nobody waits for it to ask.
    pub(crate) fn left(&self, func: DefinedFunc) -> Option<u32> {
        let mark = self.mark(func).load(Relaxed);
        if (mark / TRIP) & MOST_TRIPS != 0 {
            return Some(1);
        }
        let shards = (0..self.shards).filter(|shard| mark & 1 << shard != 0);
        let least = shards.map(|shard| self.counter(shard, func).load(Relaxed)).min()?;
        (least != tiering::UNBOUNDED).then_some(least.max(1) as u32)
    }

    /// Forgets everything: the module's code was dropped, and no instance exists.
    pub(crate) fn reset(&self) {
        for func in (0..self.functions as u32).map(DefinedFunc) {
            if self.mark(func).swap(0, Relaxed) != 0 {
                (0..self.shards).for_each(|shard| self.counter(shard, func).store(0, Relaxed));
            }
        }
    }

    /// Bytes that it may take.
    pub(crate) fn memory_use(&self) -> usize {
        self.cells.memory_use()
    }
}

/// Shim of [`budget_spent`] for the native baseline tier: see `Builtin::budget_spent_keeping`.
///
/// # Safety
/// Called by machine code only, with the vmctx in r14 and, above the return address, the function and the loop.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn budget_spent_keeping() {
    preserving_all!(
        "mov rax, [r14 + {store}]",
        "mov [rax + {exit_fp}], rbp",
        "mov rdi, r14",
        "mov esi, [rbp + 16]",
        "mov edx, [rbp + 24]",
        "call {body}",
        "test edx, edx",
        "jne 2f",
        // Where r11 was saved.
        "mov [rbp - 72], rax";
        "mov rdi, r14",
        "jmp {unwind}";
        store = const VMCTX_STORE,
        exit_fp = const STORE_EXIT_FP,
        body = sym budget_spent,
        unwind = sym unwind,
    )
}

/// Body of both helpers: the budget of a function is spent, at a loop or (`NO_LOOP`) at its entry. The entry of an OSR
/// body for that loop, or 0.
///
/// # Safety
/// Called by its shims only.
pub(super) unsafe extern "C" fn budget_spent(vmctx: *mut VmHeader, func: u32, site: u32) -> BuiltinResult {
    // SAFETY: machine code passes its own vmctx, which is an instance's.
    unsafe {
        let counters = (*vmctx.cast::<VmInstance>()).budgets;
        run(vmctx, |store, instance| {
            let module = CompiledModule::clone(&store.instances.at(instance).module);
            Ok(spend(store, &module, DefinedFunc(func), site, counters) as u64)
        })
    }
}

/// Sets the next budget of a function, and asks for the top tier if it is time. Where a loop goes on, or 0.
fn spend(store: &StoreInner, module: &CompiledModule, func: DefinedFunc, site: u32, counters: *mut i32) -> usize {
    let Some(budgets) = module.budgets() else { return 0 };
    let shard = (counters as usize - budgets.base() as usize) / budgets.stride - 1;
    let (tiering, speed) = (&module.engine().config().tiering, module.engine().pipeline().top_speed());
    // Relaxed: nothing else is handed over by the mark.
    let before = budgets.mark(func).fetch_or(1 << shard, Relaxed);
    let first_here = before & 1 << shard == 0;
    let compilation = module.compilation();
    let mut subject = Subject {
        func: func.0,
        bytes: module.module().body_range(func).len(),
        module_bytes: budgets.module_bytes,
        trips: (before / TRIP) & MOST_TRIPS,
        word: compilation.look(func),
        stopped: if compilation.stopped().is_some() { Stopped::Yes } else { Stopped::No },
    };
    if site == UNFORESEEN {
        let budget = spend_unforeseen(module, budgets, subject);
        budgets.counter(shard, func).store(budget, Relaxed);
        return 0;
    }
    if let Osr::At(_) = tiering.osr {
        // Each check comes here.
        budgets.counter(shard, func).store(0, Relaxed);
        return match osr::go_on(store, module, Trip { func, site, trips: 0 }) {
            Going::Elsewhere(entry) => entry,
            Going::Here | Going::Forever => 0,
        };
    }
    let (budget, going) = if first_here {
        let full = tiering::full_budget(tiering, speed, subject);
        // What it did in another process counts.
        let kept = module.kept_budget(func).and_then(|kept| i32::try_from(kept).ok());
        (kept.filter(|_| full != tiering::UNBOUNDED).map_or(full, |kept| kept.clamp(1, full)), Going::Here)
    } else {
        // Two threads at once may count one too many, which the bound leaves room for.
        if subject.trips < MOST_TRIPS / 2 {
            subject.trips = (1 + budgets.mark(func).fetch_add(TRIP, Relaxed) / TRIP) & MOST_TRIPS;
        }
        let trip = Trip { func, site, trips: subject.trips };
        if let Some(offset) = osr::loop_offset(store, trip) {
            compilation.profile().note_loop(offset);
        }
        let decision = tiering::spent(tiering, speed, subject);
        if let Some(priority) = decision.ask {
            ask(module, func, priority);
        }
        let going = osr::go_on(store, module, trip);
        // A loop that may still go on elsewhere asks again soon, also when there is nothing to do for the function.
        let soon = going != Going::Forever && decision.budget == tiering::UNBOUNDED;
        (if soon { tiering::pending_budget(tiering, speed, subject) } else { decision.budget }, going)
    };
    budgets.counter(shard, func).store(budget, Relaxed);
    match going {
        Going::Elsewhere(entry) => entry,
        Going::Here | Going::Forever => 0,
    }
}

/// The next budget of a function whose code of the top tier has spent one on what its profile did not foresee. Asks for
/// another compilation if it is time.
#[cold]
fn spend_unforeseen(module: &CompiledModule, budgets: &Budgets, subject: Subject) -> i32 {
    let func = DefinedFunc(subject.func);
    let (tiering, speed) = (&module.engine().config().tiering, module.engine().pipeline().top_speed());
    let before = budgets.mark(func).fetch_or(SURPRISED, Relaxed);
    let spent = if before & SURPRISED == 0 { Spent::Rest } else { Spent::Full };
    let decision = tiering::unforeseen(tiering, speed, subject, spent);
    if let Some(priority) = decision.ask
        && module.compilation().allow_second(func)
    {
        ask(module, func, priority);
    }
    decision.budget
}

/// Asks for the top tier of a function. Not on the guest's stack, of which next to nothing may be left.
#[cold]
fn ask(module: &CompiledModule, func: DefinedFunc, priority: u8) {
    let (pipeline, compilation) = (module.engine().pipeline(), module.compilation());
    // An error is one of the stack, or a panic: the function stays where it is, and asks again later.
    let _ = on_compile_stack(module.engine(), || {
        match module.engine().config().tiering.tier_up {
            TierUp::Background => _ = pipeline.request(compilation, func, Tier::Top, priority),
            TierUp::Synchronous => pipeline.tier_up_now(compilation, func),
        }
        Ok(())
    });
}
