//! What the pool runs: a function at a tier, or a task of a job.
//!
//! In: units. Out: claims, compiled code that waits in its module's [`Compilation`], batches when the pool says so.
//!
//! Not here: which unit comes next, and when a batch is published (`pool`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::compilation::Compilation;
use super::events::NO_WORKER;
use super::osr::OsrUnit;
use super::pool::{self, Lane, Outcome, Pending};
use super::tiering::Speed;
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

/// Something to do.
pub(super) struct Unit(Work);

enum Work {
    /// Compile a function.
    Function { compilation: Arc<Compilation>, func: DefinedFunc, tier: Tier },
    /// Compile what goes on at a loop of a function.
    Osr(Box<OsrUnit>),
    /// A step of a job that is not about one function, on behalf of a module. Dropped if nobody will run it.
    Task { module: u64, lane: Lane, run: Box<dyn FnOnce() + Send> },
}

impl Unit {
    /// A function at a tier.
    pub(super) fn function(compilation: &Arc<Compilation>, func: DefinedFunc, tier: Tier) -> Unit {
        compilation.count_unit(1);
        Unit(Work::Function { compilation: compilation.clone(), func, tier })
    }

    /// A loop of a function, claimed.
    pub(super) fn osr(unit: OsrUnit) -> Unit {
        Unit(Work::Osr(Box::new(unit)))
    }

    /// A task.
    pub(super) fn task(module: u64, lane: Lane, run: impl FnOnce() + Send + 'static) -> Unit {
        Unit(Work::Task { module, lane, run: Box::new(run) })
    }
}

impl Unit {
    /// Whether this is a task on behalf of this module.
    pub(super) fn is_task_of(&self, of: u64) -> bool {
        matches!(&self.0, Work::Task { module, .. } if *module == of)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if let Work::Function { compilation, .. } = &self.0 {
            compilation.count_unit(-1);
        }
    }
}

/// What belongs to one compiling thread.
pub(super) struct Context {
    scratch: Scratch,
    worker: u32,
    pending: Pending,
    /// The modules of the functions that were compiled and are not published yet.
    modules: Vec<Arc<Compilation>>,
}

impl Context {
    fn note(&mut self, compilation: &Arc<Compilation>, bytes: usize) {
        self.pending.units += 1;
        self.pending.bytes += bytes;
        if !self.modules.iter().any(|known| Arc::ptr_eq(known, compilation)) {
            self.modules.push(compilation.clone());
        }
    }
}

/// The compilers behind the pool.
pub(super) struct Client {
    compilers: Arc<Compilers>,
    top_speed: Arc<Speed>,
}

impl Client {
    pub(super) fn new(compilers: Arc<Compilers>, top_speed: Arc<Speed>) -> Client {
        Client { compilers, top_speed }
    }
}

impl Client {
    /// What goes on at a loop is published at once: a thread runs the loop meanwhile.
    fn run_osr(&self, context: &mut Context, unit: &OsrUnit) -> Outcome {
        let compilation = unit.compilation();
        if compilation.stopped().is_some() {
            compilation.count_discarded();
            return Outcome::Discarded;
        }
        match unit.run(&self.compilers, &mut context.scratch, context.worker) {
            Ok(_) => Outcome::Compiled,
            Err(_) => Outcome::Failed,
        }
    }
}

impl pool::Client for Client {
    type Unit = Unit;
    type Context = Context;

    fn lane(&self, unit: &Unit) -> Lane {
        match &unit.0 {
            // The first code of a function is what somebody may wait for, whichever tier makes it.
            Work::Function { compilation, tier, .. } if *tier != compilation.lowest() => Lane::Top,
            Work::Function { .. } => Lane::Baseline,
            Work::Osr(_) => Lane::Top,
            Work::Task { lane, .. } => *lane,
        }
    }

    fn size(&self, unit: &Unit) -> u32 {
        match &unit.0 {
            Work::Function { compilation, func, .. } => compilation.module().body_range(*func).len() as u32,
            Work::Osr(unit) => unit.size() as u32,
            Work::Task { .. } => 0,
        }
    }

    fn module(&self, unit: &Unit) -> u64 {
        match &unit.0 {
            Work::Function { compilation, .. } => compilation.id(),
            Work::Osr(unit) => unit.compilation().id(),
            Work::Task { module, .. } => *module,
        }
    }

    fn context(&self, worker: u32) -> Context {
        // 0 is a thread of the host's.
        let worker = if worker == 0 { NO_WORKER } else { worker };
        Context { scratch: Scratch::new(), worker, pending: Pending::default(), modules: Vec::new() }
    }

    fn run(&self, context: &mut Context, mut unit: Unit) -> Outcome {
        let (compilation, func, tier) = match &mut unit.0 {
            Work::Function { compilation, func, tier } => (compilation.clone(), *func, *tier),
            Work::Osr(unit) => return self.run_osr(context, unit),
            Work::Task { run, .. } => {
                let run = std::mem::replace(run, Box::new(|| ()));
                // Whoever waits for the task sees that it ended without a result.
                let ended = catch_unwind(AssertUnwindSafe(run));
                return if ended.is_ok() { Outcome::Compiled } else { Outcome::Failed };
            }
        };
        if compilation.stopped().is_some() {
            compilation.discard(func, tier);
            return Outcome::Discarded;
        }
        if tier == Tier::Baseline
            && let Some(ready) = compilation.load(func, context.worker)
        {
            compilation.unqueued(func, tier);
            let bytes = compilation.add_ready(ready);
            context.note(&compilation, bytes);
            return Outcome::Compiled;
        }
        if compilation.claim(func, tier).is_err() {
            compilation.not_needed(func, tier);
            return Outcome::Discarded;
        }
        match compilation.compile(&self.compilers, &mut context.scratch, func, tier, context.worker) {
            Ok(ready) => {
                if tier == Tier::Top && ready.is_compiled() {
                    self.top_speed.note(compilation.module().body_range(func).len(), ready.compile_ns());
                }
                let bytes = compilation.add_ready(ready);
                context.note(&compilation, bytes);
                Outcome::Compiled
            }
            Err(_) => Outcome::Failed,
        }
    }

    fn discard(&self, unit: Unit) {
        // A claimed loop is given back when the unit is dropped.
        if let Work::Function { compilation, func, tier } = &unit.0 {
            compilation.discard(*func, *tier);
        }
    }

    fn pending(&self, context: &Context) -> Pending {
        context.pending
    }

    fn publish(&self, context: &mut Context) {
        context.pending = Pending::default();
        for compilation in context.modules.drain(..) {
            compilation.publish();
        }
    }
}
