//! Stage 4: compiled code becomes reachable. In: [`CompiledCode`](crate::tier::compiled::CompiledCode).
//! Out: entry addresses in slots, and records that a signal handler finds by pc.
//!
//!     publish --> arena (place)  --> link (relocate) --> map (pc -> record) --> slot (entry address)
//!
//! Unsafe perimeter: this folder writes machine code and makes it executable. The rules:
//!
//! 1. No address is ever writable and executable. Code is written through a second view of the same memory,
//!    or, where the system forbids that, into fresh pages that become executable once.
//! 2. Live code is never patched, re-protected or moved. What changes is slots, which are data.
//! 3. Code is freed with its module, when no thread can be running it.
//! 4. Memory in a file is never changed after a fork, by either side (`sys::fork`).
//!
//! Locks, outermost first: the fork gate, one module's publication lock, the state of the code space, the
//! list of code spaces. No lock is held while compiling.
//!
//! Not here: compilation (`tier`), when to compile (`compile`), what a trap does (`runtime`).

pub mod arena;
pub mod counters;
pub mod kept;
pub mod link;
pub mod map;
pub mod publish;
pub mod slot;

mod ranges;
mod stubs;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use arena::CodeSpace;
pub use map::{Found, find};
pub use publish::{CodeHandle, Lazy, ModuleCode, NewCode, Retain};
pub use slot::{TierCounts, Version};
