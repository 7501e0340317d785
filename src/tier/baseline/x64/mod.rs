//! The encoder: one function per form of instruction, bytes out, no decisions.
//!
//! `regs` names the registers, `asm` has the buffer, labels and the integer forms. Forms of vector registers are
//! beside them. Not here: which instruction an operator becomes.

pub(crate) mod asm;
pub(crate) mod locked;
pub(crate) mod pool;
pub(crate) mod regs;
pub(crate) mod sse;
#[cfg(test)]
mod sse_tests;
