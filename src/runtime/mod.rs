//! Stage 5: instances run. Stores, instances, calls, traps, helpers of machine code.
//!
//! Objects of a store are named by handles: 64-bit values of (kind, store, generation, index), checked at
//! each use. A handle given to the host keeps its object alive until it is released.
//!
//! Not here: compilers; the runtime asks `compile` for code and sees slots only.

mod attention;
mod backtrace;
mod builtins;
pub(crate) mod call;
mod cells;
mod enter;
pub mod extern_ref;
pub(crate) mod fault;
mod fuel;
pub mod func;
pub mod global;
mod handle;
pub mod host;
pub(crate) mod image;
pub mod instance;
mod instantiate;
pub mod interrupt;
pub(crate) mod lazy;
mod linear;
pub mod linker;
pub mod memory;
mod osr;
mod paging;
mod reclaim;
mod segments;
mod shared_memory;
pub mod store;
pub mod table;
pub(crate) mod tiering;
pub(crate) mod timer;
pub(crate) mod turn;
pub mod value;
