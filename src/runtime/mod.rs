//! Stage 5: instances run. Stores, instances, calls, traps, helpers of machine code.
//!
//! Objects of a store are named by handles: 64-bit values of (kind, store, generation, index), checked at
//! each use. A handle given to the host keeps its object alive until it is released.
//!
//! Not here: compilers; the runtime asks `compile` for code and sees slots only.

pub mod extern_ref;
pub mod func;
pub mod global;
pub mod instance;
pub mod interrupt;
pub mod linker;
pub mod memory;
pub mod store;
pub mod table;
pub mod value;
