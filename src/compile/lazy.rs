//! The first call of a function: compiled by the caller, once, however many threads and instances arrive.
//!
//!     claim it      -> compile, publish, go on
//!     reached       -> go on
//!     in flight     -> compiled and waiting to be published: publish it; else sleep until it is, or until
//!                      whoever had it gives up
//!     refused       -> the error that names the function
//!
//! The caller publishes its function by itself: it needs the entry, and cannot leave it to whoever publishes
//! other functions of the module at the time. (Publications of several threads exclude each other for a few
//! stores only: `code::publish`.)
//!
//! # Forks
//!
//! In a child, whoever holds a claim of its parent's may be a thread that is not there. Claims of another
//! process are not waited for: the function is compiled, and of two threads that do so, one's code is left out.
//!
//! Not here: the stack that all this runs on (`runtime::lazy`).

use std::sync::Arc;

use super::batch::reachable;
use super::client::Unit;
use super::compilation::Compilation;
use super::events::NO_WORKER;
use super::pipeline::Pipeline;
use super::pool::{Lane, Waited};
use super::state::Taken;
use crate::code::ModuleCode;
use crate::error::Result;
use crate::tier::Tier;
use crate::types::DefinedFunc;

impl Pipeline {
    /// Sees to it that a function has code. The thread's stack is used: at least `COMPILE_STACK` bytes.
    pub fn compile_now(&self, compilation: &Arc<Compilation>, code: &ModuleCode, func: DefinedFunc) -> Result<()> {
        let lowest = compilation.lowest();
        let mut was_busy = Busy::No;
        loop {
            let (tier, claimed) = compilation.claim_first(func);
            match claimed {
                Ok(()) if tier > lowest => match compilation.load_claimed(func, NO_WORKER) {
                    Some(ready) => {
                        let published = compilation.publish_now(ready);
                        self.notify();
                        return published;
                    }
                    // From now on it is not offered.
                    None => {
                        compilation.release(func, tier);
                        self.notify();
                        continue;
                    }
                },
                Ok(()) => {
                    let batch = self.add_batch(compilation, func);
                    let own = self.compile_claimed(compilation, func, tier);
                    self.help_batch(compilation, &batch);
                    return own;
                }
                Err(Taken::Reached) => return Ok(()),
                Err(Taken::Refused) if tier > lowest => continue,
                Err(Taken::Refused) => return Err(compilation.failure(func, tier)),
                Err(Taken::InFlight) if compilation.is_inherited() => {
                    return if code.is_published(func) {
                        Ok(())
                    } else {
                        self.compile_claimed(compilation, func, tier)
                    };
                }
                Err(Taken::InFlight) => {}
            }
            if compilation.look(func).is_compiled(tier) && was_busy == Busy::No {
                if compilation.publish_function(func, tier) {
                    self.notify();
                    continue;
                }
                // It left the queue between two looks: published, or about to be.
                was_busy = Busy::Yes;
                if compilation.look(func).is_in_flight(tier) {
                    compilation.count_publication_wait();
                }
            }
            let is_over = || {
                let word = compilation.look(func);
                !word.is_in_flight(tier) || (word.is_compiled(tier) && was_busy == Busy::No)
            };
            if self.pool().wait_until(Lane::Baseline, None, &is_over) == Waited::Closed && !is_over() {
                // The engine is shut down, and may have dropped what this waits for.
                return self.compile_claimed(compilation, func, tier);
            }
        }
    }

    /// Compiles a function by the top tier on this thread, unless somebody is at it, or it needs it no more. (Then it
    /// goes on in the baseline tier; what fails becomes part of its state.) The thread's stack is used: at least
    /// `COMPILE_STACK` bytes.
    pub fn tier_up_now(&self, compilation: &Arc<Compilation>, func: DefinedFunc) {
        if compilation.stopped().is_none() && compilation.claim(func, Tier::Top).is_ok() {
            let _ = self.compile_claimed(compilation, func, Tier::Top);
        }
    }

    /// Compiles and publishes a function on this thread. What fails here is the caller's error.
    fn compile_claimed(&self, compilation: &Arc<Compilation>, func: DefinedFunc, tier: Tier) -> Result<()> {
        let len = compilation.module().body_range(func).len();
        let ready = self
            .with_scratch(len, |scratch| compilation.compile(self.compilers(), scratch, func, tier, NO_WORKER))
            .inspect_err(|_| self.notify())?;
        let published = compilation.publish_now(ready);
        self.notify();
        published
    }
}

impl Pipeline {
    /// Queues what a function reaches, if the engine is configured so. All of it counts as wanted by somebody
    /// who waits.
    fn add_batch(&self, compilation: &Arc<Compilation>, func: DefinedFunc) -> Vec<DefinedFunc> {
        let Some(bounds) = self.lazy_batch.filter(|_| !compilation.is_inherited()) else { return Vec::new() };
        let tier = compilation.lowest();
        let wanted = |func| {
            let word = compilation.look(func);
            word.reached().is_none() && !word.is_in_flight(tier) && !word.is_refused(tier)
        };
        let batch = reachable(compilation.module(), func, bounds, wanted);
        let units = batch.iter().filter(|func| compilation.request(**func, tier, 0));
        self.pool().add_units(units.map(|func| Unit::function(compilation, *func, tier)).collect());
        batch
    }

    /// Compiles of a batch what no worker has taken, and waits for the rest. What fails is found out by whoever
    /// calls it.
    fn help_batch(&self, compilation: &Arc<Compilation>, batch: &[DefinedFunc]) {
        if !batch.is_empty() {
            let tier = compilation.lowest();
            let is_over = |func: &DefinedFunc| {
                let word = compilation.look(*func);
                !word.is_queued(tier) && !word.is_in_flight(tier)
            };
            self.pool().help_until(Lane::Baseline, compilation.id(), None, &|| batch.iter().all(is_over));
        }
    }
}

/// Whether the function was found in a publisher's hands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    No,
    Yes,
}
