//! The encoder: one function per form of instruction, bytes out, no decisions.
//!
//! `regs` names the registers, `asm` has the buffer, labels and jumps, `forms` the integer forms, `locked` the
//! atomic ones, `sse` those of vector registers, `pool` the constants behind the code. Not here: which instruction an
//! operator becomes.

pub(crate) mod asm;
pub(crate) mod forms;
#[cfg(test)]
mod forms_tests;
pub(crate) mod locked;
#[cfg(test)]
mod oracle;
pub(crate) mod pool;
pub(crate) mod regs;
pub(crate) mod sse;
#[cfg(test)]
mod sse_tests;
