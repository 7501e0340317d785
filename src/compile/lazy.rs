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

use super::compilation::Compilation;
use super::events::NO_WORKER;
use super::pipeline::Pipeline;
use super::pool::{Lane, Waited};
use super::state::Taken;
use crate::code::ModuleCode;
use crate::error::Result;
use crate::types::DefinedFunc;

impl Pipeline {
    /// Sees to it that a function has code. The thread's stack is used: at least `COMPILE_STACK` bytes.
    pub fn compile_now(&self, compilation: &Arc<Compilation>, code: &ModuleCode, func: DefinedFunc) -> Result<()> {
        let tier = compilation.lowest();
        let mut was_busy = Busy::No;
        loop {
            match compilation.claim(func, tier) {
                Ok(()) => return self.compile_claimed(compilation, func),
                Err(Taken::Reached) => return Ok(()),
                Err(Taken::Refused) => return Err(compilation.failure(func)),
                Err(Taken::InFlight) if compilation.is_inherited() => {
                    return if code.is_published(func) { Ok(()) } else { self.compile_claimed(compilation, func) };
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
                return self.compile_claimed(compilation, func);
            }
        }
    }

    /// Compiles and publishes a function on this thread. What fails here is the caller's error.
    fn compile_claimed(&self, compilation: &Arc<Compilation>, func: DefinedFunc) -> Result<()> {
        let tier = compilation.lowest();
        let len = compilation.module().body(func).len();
        let ready = self
            .with_scratch(len, |scratch| compilation.compile(self.compilers(), scratch, func, tier, NO_WORKER))
            .inspect_err(|_| self.notify())?;
        let published = compilation.publish_now(ready);
        self.notify();
        published
    }
}

/// Whether the function was found in a publisher's hands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    No,
    Yes,
}
