//! What baseline code counts, as machine code and readers of the counts see it.
//!
//! A shard of counters is one range of memory, zero at first, to which a vmctx points (`VMCTX_PROFILE`):
//!
//!     cells    32 bits each: direct calls, trips of loops; by the place of the operator in the module
//!     sites    one record for each indirect call
//!
//! Machine code counts without atomics: threads that share a shard lose counts, and counts wrap around at 2^32. A
//! record may be caught half-way, or name a slot together with the count of another. Readers believe nothing: an
//! address counts only if it is a slot of the module's.
//!
//! Where a counter is, is computed in `tier/counters.rs`.

/// Bytes of a cell.
pub const CELL_SIZE: u32 = 4;

/// Bytes of the record of an indirect call, and their alignment.
pub const SITE_SIZE: u32 = 32;
/// Address of the slot that was called most, or 0 (64 bits).
pub const SITE_SLOT0: i32 = 0;
/// Address of another slot that was called, or 0 (64 bits).
pub const SITE_SLOT1: i32 = 8;
/// How often the first was called (32 bits). The second count follows it, so that both can be swapped at once.
pub const SITE_COUNT0: i32 = 16;
/// How often the second was called (32 bits).
pub const SITE_COUNT1: i32 = 20;
/// How many times as often, as a power of two, the others must have been called for one of them to get the second
/// place.
pub const PATIENCE_SHIFT: u8 = 2;
/// How often others were called (32 bits).
pub const SITE_OTHERS: i32 = 24;

/// In place of a loop's number, to the helper for budgets: code of the top tier does what its profile did not foresee.
pub const UNFORESEEN: u32 = u32::MAX - 1;
