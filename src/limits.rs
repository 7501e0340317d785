//! Every bound that does not come from the embedder, with its reason.

/// Stack below the limit that WebAssembly leaves to helpers, host functions and signal frames. An AVX-512
/// signal frame takes 3 to 4 KiB, the deepest helper (a WASI path walk) under 16 KiB.
pub const STACK_HEADROOM: usize = 32 << 10;

/// Frames smaller than this in functions that call nothing need no stack check: the headroom covers them.
pub const UNCHECKED_FRAME: u32 = 1024;

/// Address space behind a guarded memory's 4 GiB. A static offset up to it needs no check.
pub const MEMORY_GUARD: u64 = 32 << 20;

/// Address space that a guarded memory's index can reach.
pub const MEMORY_RESERVATION: u64 = 4 << 30;

/// Elements of a table, as in other engines: beyond this a grow returns -1.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;

/// Pages of a 64-bit memory (2^48 bytes are more than an address space holds).
pub const MAX_MEMORY64_PAGES: u64 = 1 << 32;

/// Events that a subscription may hold: about 80 MiB of them.
pub const MAX_EVENT_QUEUE: usize = 1 << 20;

/// Locals of a function of which other code may go on at a loop: that code loads them all.
pub const OSR_LOCALS: usize = 4096;

/// Operands below a loop, of which the same holds.
pub const OSR_OPERANDS: usize = 64;

/// Locals of a function, parameters included: the bound of wasmparser, which all engines have agreed on.
pub const MAX_LOCALS: u32 = 50_000;

/// Bytes of kept code that are loaded and published at a time, ahead of their first call: enough that publishing costs
/// nothing, and less than a millisecond of work.
pub const LOADED_BATCH: usize = 100 << 10;
