//! Modules that do not exist yet: their bodies are validated, and then compiled, while others are still to come.
//!
//!     bodies that have come --> announce --> tasks of the pool, and `work` --> valid, in order --> units of the pool
//!
//! Who makes a module announces the bodies that are there. From a number of bytes on that is worth it, workers are
//! engaged, one more each time: each validates chunks until there are none. Bodies that are valid together with all
//! before them are compiled at once if the strategy wants that, by the native baseline tier: it asks for nothing that comes
//! later. (Cranelift does, in either tier. It looks into other bodies, at hints, and at what becomes of tables.)
//!
//! In the end the maker does what is left, and waits for chunks that others are at. All that threads tell each other here
//! they tell under locks: a worker that leaves is not counted any more before it looks a last time.
//!
//! Not here: what is known of bodies (`module/validate.rs`), who brings them (`engine/stream.rs`).

use std::ops::Range;
use std::sync::Arc;

use super::client::{Client, Unit};
use super::compilation::Compilation;
use super::lock::Lock;
use super::pipeline::{Early, Pipeline, first_units};
use super::pool::{Adder, Lane, Runner, Waited};
use crate::error::Result;
use crate::module::Module;
use crate::module::body::Keep;
use crate::module::validate::{Bodies, Progress, Validated};
use crate::sync::yield_now;
use crate::tier::{BaselineKind, Tier};

/// A module whose bodies come.
pub(crate) struct Making {
    /// The number of the module; 0 = of all that will not exist.
    id: u64,
    module: Arc<Module>,
    bodies: Bodies,
    progress: Progress,
    /// What is compiled as soon as it is valid.
    compilation: Option<Arc<Compilation>>,
    pool: Adder<Client>,
    helpers: Lock<Helpers>,
}

/// Tasks that validate bodies.
struct Helpers {
    /// Queued or running.
    count: usize,
    most: usize,
    /// Units were left to whoever added them.
    units_for_caller: bool,
}

impl Making {
    /// Says that so many bodies have come, without engaging anybody for them.
    pub(crate) fn announce(&self, count: usize) {
        self.progress.announce(count);
    }

    /// Engages one more worker, unless there are enough of them.
    pub(crate) fn engage(self: &Arc<Self>) {
        if let Some(helper) = self.helper() {
            let run = move || helper.work();
            self.pool.add_units(vec![Unit::task(self.id, Lane::Baseline, run)]);
        }
    }

    fn helper(self: &Arc<Self>) -> Option<Helper> {
        let mut helpers = self.helpers.lock();
        (helpers.count < helpers.most).then(|| {
            helpers.count += 1;
            Helper(self.clone())
        })
    }

    /// Validates bodies that have come until nobody has to take one.
    pub(crate) fn work(&self) {
        self.progress.work(&self.bodies, &self.module, &mut |valid| self.compile(valid));
    }

    fn compile(&self, valid: Range<usize>) {
        let Some(compilation) = &self.compilation else { return };
        let units = first_units(compilation, valid);
        if !units.is_empty() && self.pool.add_units(units) == Runner::Caller {
            self.helpers.lock().units_for_caller = true;
        }
    }

    /// What was queued for compilation.
    pub(crate) fn early(&self) -> Early {
        match (&self.compilation, self.helpers.lock().units_for_caller) {
            (None, _) => Early::Nothing,
            (Some(_), false) => Early::First,
            (Some(_), true) => Early::ForCaller,
        }
    }

    /// The outcome, after [`Pipeline::settle`].
    pub(crate) fn finish(&self) -> Result<Validated> {
        self.progress.finish(&self.bodies, &self.module)
    }
}

#[cfg(test)]
impl Making {
    /// Whether bodies were announced that nobody has taken.
    pub(crate) fn has_more(&self) -> bool {
        self.progress.has_more()
    }
}

/// A worker's part in a module, from when it is queued.
struct Helper(Arc<Making>);

impl Helper {
    fn work(self) {
        let making = self.0.clone();
        let mut helper = Some(self);
        while let Some(one) = helper {
            making.work();
            drop(one);
            // It counts as gone: bodies that were announced while there were enough workers are not left to one that has
            // just found nothing to do.
            helper = if making.progress.has_more() { making.helper() } else { None };
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.helpers.lock().count -= 1;
    }
}

impl Pipeline {
    /// Begins with the bodies of a module, on up to `threads` threads, the one that makes it included. With a compilation,
    /// what its plan requires at first is compiled meanwhile.
    pub(crate) fn make(
        &self,
        id: u64,
        module: Arc<Module>,
        bodies: Bodies,
        compilation: Option<&Arc<Compilation>>,
        keep: Keep,
        threads: usize,
    ) -> Arc<Making> {
        let progress = Progress::new(&module, keep);
        let is_native = self.compilers().baseline_kind() == Some(BaselineKind::Native);
        let early = compilation.filter(|compilation| is_native && compilation.lowest() == Tier::Baseline);
        let helpers = Helpers { count: 0, most: threads.saturating_sub(1), units_for_caller: false };
        Arc::new(Making {
            id,
            module,
            bodies,
            progress,
            compilation: early.cloned(),
            pool: self.pool().adder(),
            helpers: Lock::new(helpers),
        })
    }

    /// Validates what is left of the bodies, all of which have come.
    pub(crate) fn settle(&self, making: &Making) {
        making.work();
        self.forget_tasks(making);
        let is_settled = || making.progress.is_settled();
        while !is_settled() {
            if self.pool().wait_until(Lane::Baseline, None, &is_settled) == Waited::Closed {
                // The engine is shut down, and a worker is at its last chunk.
                yield_now();
            }
        }
    }

    /// Whoever has not begun with the bodies is not needed.
    fn forget_tasks(&self, making: &Making) {
        if making.helpers.lock().count > 0 {
            self.pool().discard(&|unit| unit.is_task_of(making.id));
        }
    }

    /// There will be no module: nobody takes another body.
    pub(crate) fn abandon(&self, making: &Making) {
        making.progress.abandon();
        self.forget_tasks(making);
    }
}
