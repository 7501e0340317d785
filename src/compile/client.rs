//! What the pool runs: a function at a tier, or a task of a job.
//!
//! In: units. Out: claims, compiled code that waits in its module's [`Compilation`], batches when the pool says so.
//!
//! Not here: which unit comes next, and when a batch is published (`pool`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::compilation::Compilation;
use super::events::NO_WORKER;
use super::pool::{self, Lane, Outcome, Pending};
use super::tiering::Speed;
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

/// Something to do.
pub(super) struct Unit(Work);

enum Work {
    /// Compile a function.
    Function { compilation: Arc<Compilation>, func: DefinedFunc, tier: Tier },
    /// A step of a job that is not about one function, on behalf of a module. Dropped if nobody will run it.
    Task { module: u64, run: Box<dyn FnOnce() + Send> },
}

impl Unit {
    /// A function at a tier.
    pub(super) fn function(compilation: &Arc<Compilation>, func: DefinedFunc, tier: Tier) -> Unit {
        compilation.count_unit(1);
        Unit(Work::Function { compilation: compilation.clone(), func, tier })
    }

    /// A task.
    pub(super) fn task(module: u64, run: impl FnOnce() + Send + 'static) -> Unit {
        Unit(Work::Task { module, run: Box::new(run) })
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

impl pool::Client for Client {
    type Unit = Unit;
    type Context = Context;

    fn lane(&self, unit: &Unit) -> Lane {
        match &unit.0 {
            // The first code of a function is what somebody may wait for, whichever tier makes it.
            Work::Function { compilation, tier, .. } if *tier != compilation.lowest() => Lane::Top,
            _ => Lane::Baseline,
        }
    }

    fn size(&self, unit: &Unit) -> u32 {
        match &unit.0 {
            Work::Function { compilation, func, .. } => compilation.module().body(*func).len() as u32,
            Work::Task { .. } => 0,
        }
    }

    fn module(&self, unit: &Unit) -> u64 {
        match &unit.0 {
            Work::Function { compilation, .. } => compilation.id(),
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
        if compilation.claim(func, tier).is_err() {
            compilation.not_needed(func, tier);
            return Outcome::Discarded;
        }
        match compilation.compile(&self.compilers, &mut context.scratch, func, tier, context.worker) {
            Ok(ready) => {
                if tier == Tier::Top {
                    self.top_speed.note(compilation.module().body(func).len(), ready.compile_ns());
                }
                let bytes = compilation.add_ready(ready);
                context.note(&compilation, bytes);
                Outcome::Compiled
            }
            Err(_) => Outcome::Failed,
        }
    }

    fn discard(&self, unit: Unit) {
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
