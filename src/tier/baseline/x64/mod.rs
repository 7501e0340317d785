//! The backend for x86-64: what `baseline/backend.rs` asks for.
//!
//! The encoder, one function per form of instruction, bytes out, no decisions: `asm` has the buffer, labels and jumps,
//! `forms` the integer forms, `locked` the atomic ones, `sse` those of vector registers, `pool` the constants behind
//! the code.
//!
//! The macro assembler: `masm`. `regs` has the registers and their roles, `cpu` what the processor has.
//!
//! The lowering, one file for each group of operators: `int`, `wide`, `float`, `convert`, `memory`, `atomic`, `select`,
//! `simd` and its like; `operand` and `xmm` bring operands where instructions want them. `frame` makes frames,
//! `profile` counts.

mod asm;
mod atomic;
mod convert;
mod cpu;
mod float;
mod forms;
#[cfg(test)]
mod forms_tests;
mod frame;
mod int;
mod locked;
mod masm;
mod memory;
mod operand;
#[cfg(test)]
mod oracle;
mod pool;
mod profile;
mod regs;
mod select;
mod simd;
mod simd_arith;
mod simd_compare;
mod simd_convert;
mod simd_lanes;
mod simd_memory;
mod simd_relaxed;
mod sse;
#[cfg(test)]
mod sse_tests;
mod wide;
mod xmm;

pub(crate) use asm::{Asm, Label, Mem, SLACK, ShortJump};
pub(crate) use cpu::{Cpu, REQUIRED};
pub(crate) use masm::{STACK_ARGS, storable};
pub(crate) use regs::{
    CALLEE, CLASS, FRAME, MEMORY, PARAM_VREGS, PARAMS, RESULTS, SAVED_PINS, SCRATCH, SCRATCH_VREG, STACK, TEMP_VREGS,
    TEMPS, UNSAVED_PINS, VMCTX, VREG_PINS, VREG_PINS_BEYOND_PARAMS, VREG_PINS_PARAMS,
};
pub(crate) use select::Test;
