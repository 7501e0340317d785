//! The encoder: one function per form of instruction, bytes out, no decisions.
//!
//! `regs` names the registers, `asm` has the buffer, labels and jumps, `forms` the integer forms, `locked` the
//! atomic ones, `sse` those of vector registers, `pool` the constants behind the code. Not here: which instruction an
//! operator becomes.

pub(crate) mod asm;
pub(crate) mod forms;
pub(crate) mod locked;
pub(crate) mod pool;
pub(crate) mod regs;
pub(crate) mod sse;
#[cfg(test)]
mod sse_tests;
