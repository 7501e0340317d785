//! The encoder: one function per form of instruction, bytes out, no decisions.
//!
//! `regs` names the registers, `asm` has the buffer, labels and jumps, `forms` the integer forms. Forms of vector
//! registers are beside them. Not here: which instruction an operator becomes.

pub(crate) mod asm;
pub(crate) mod forms;
pub(crate) mod regs;
