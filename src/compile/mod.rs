//! Stage 2: which functions are compiled, when, and on which thread.
//!
//!     plan ------> units --> pool (queues, threads) --> client: claim, compile --> publisher --> code
//!     lazy call -> claim, compile, publish, on the calling thread                     |
//!                                                                                     v
//!                                                                   states, counts, events
//!
//! `state` is where work is claimed, `compilation` what one module has done, `pipeline` who may ask for what.
//!
//! In: validated modules, strategies, wishes of hosts. Out: code that is published, events.
//!
//! Not here: code generation (`tier`), executable memory (`code`). No lock is held while compiling.

pub mod advice;
mod batch;
mod client;
pub mod compilation;
mod counts;
pub mod estimate;
pub mod events;
pub mod growth;
mod lazy;
mod lock;
pub(crate) mod making;
pub mod osr;
pub mod pipeline;
pub mod plan;
pub mod pool;
pub mod profile;
mod publisher;
mod queue;
pub mod source;
pub mod state;
pub mod tiering;
pub mod trampoline;
mod validation;
mod wake;

#[cfg(all(test, loom))]
mod loom_tests;

#[cfg(all(test, not(loom)))]
mod tests;

/// Stack of a compiling thread: Cranelift recurses on deep expression trees.
pub(crate) const COMPILE_STACK: usize = 8 << 20;
