//! A thread that has spent its budget at a loop of the baseline tier: what it goes on with.
//!
//! In: where machine code called the helper. Out: the address of code that goes on in the loop, or 0.
//!
//! The code's stack is checked here, before it is entered: where there is no room the loop goes on in the baseline tier,
//! which is no trap. (The code checks its own stack all the same, for what it calls.)
//!
//! Not here: when a budget is spent (`tiering`), who compiles what (`compile/osr.rs`), how the code is entered
//! (`tier/baseline/osr.rs`).

use std::sync::atomic::Ordering::Relaxed;

use super::lazy::on_compile_stack;
use super::store::StoreInner;
use crate::code::map;
use crate::compile::osr::{Answer, Asked, Entrance};
use crate::config::{Osr, TierUp};
use crate::engine::CompiledModule;
use crate::types::DefinedFunc;

/// Stack that must be left below the frame of the code: what its tail calls may pass on the stack, and its own frame's
/// fixed part.
const MARGIN: usize = 20 << 10;

/// What becomes of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    /// It goes on at this address.
    Elsewhere(usize),
    /// Ask again.
    Here,
    /// It stays in the baseline tier: nothing is to be asked any more.
    Forever,
}

/// Which trip of a function this is, and with which priority it asks.
#[derive(Clone, Copy)]
pub(super) struct Trip {
    pub(super) func: DefinedFunc,
    pub(super) site: u32,
    /// How often the function's budget was spent.
    pub(super) trips: u32,
}

/// Trips of a function before its loops ask: until then it may be called again soon, in the top tier.
const PATIENCE: u32 = 2;

/// Decides for the loop that called the helper.
pub(super) fn go_on(store: &StoreInner, module: &CompiledModule, trip: Trip) -> Going {
    let (compilation, tiering) = (module.compilation(), &module.engine().config().tiering);
    if tiering.osr == Osr::Off {
        return Going::Forever;
    }
    // At an entry, there is no loop.
    let Some(asked) = asked(store, trip) else { return Going::Forever };
    let is_forced = match tiering.osr {
        Osr::On if trip.trips < PATIENCE => return Going::Here,
        Osr::Off | Osr::On => false,
        Osr::At(every) => {
            if !compilation.count_asked(trip.func, trip.site).is_multiple_of(every.max(1)) {
                return Going::Here;
            }
            if asked.has_tail_calls() {
                tier_up(module, trip.func);
            }
            true
        }
    };
    let entrance = match compilation.ask_osr(asked) {
        Answer::Enter(entrance) => entrance,
        Answer::Later => return Going::Here,
        Answer::Never => return Going::Forever,
        Answer::Compile(unit) => {
            let pipeline = module.engine().pipeline();
            if !is_forced && tiering.tier_up == TierUp::Background {
                let priority = trip.trips.min(u32::from(u8::MAX)) as u8;
                let _ = on_compile_stack(module.engine(), || {
                    pipeline.queue_osr(unit, priority);
                    Ok(())
                });
                return Going::Here;
            }
            // An error is a refusal, or one of the stack.
            match on_compile_stack(module.engine(), || pipeline.compile_osr_now(unit)) {
                Ok(entrance) => entrance,
                Err(_) => return Going::Here,
            }
        }
    };
    if !has_room(store, entrance) {
        return Going::Here;
    }
    compilation.count_entered(trip.func, trip.site);
    Going::Elsewhere(entrance.entry)
}

/// Where in the module the loop is that spent the budget; `None` at an entry.
pub(super) fn loop_offset(store: &StoreInner, trip: Trip) -> Option<u32> {
    let asked = asked(store, trip)?;
    Some(asked.loops.sites[asked.site as usize].wasm_offset)
}

/// Has the function itself compiled by the top tier.
fn tier_up(module: &CompiledModule, func: DefinedFunc) {
    // Of an error, the function's state tells.
    let _ = on_compile_stack(module.engine(), || {
        module.engine().pipeline().tier_up_now(module.compilation(), func);
        Ok(())
    });
}

/// The loop whose code called the helper.
fn asked(store: &StoreInner, Trip { func, site, .. }: Trip) -> Option<Asked> {
    // SAFETY: the shim's frame, which is live, has a return address into code that runs.
    let found = unsafe { map::find(*(((*store.vm()).exit_fp + 8) as *const usize) - 1) }?;
    let loops = found.function.loops.as_ref()?;
    ((site as usize) < loops.sites.len()).then(|| Asked { func, loops: loops.clone(), site })
}

/// Whether the stack below the running frame has room for the code.
fn has_room(store: &StoreInner, entrance: Entrance) -> bool {
    // SAFETY: this thread runs the store. The limit may be poisoned at any time, which then means: no.
    let (fp, limit) = unsafe { ((*store.vm()).exit_fp, (*store.vm()).stack_limit.load(Relaxed)) };
    limit.checked_add(entrance.frame_size as usize + MARGIN).is_some_and(|lowest| fp >= lowest)
}
