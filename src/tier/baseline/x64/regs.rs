//! The registers of x86-64, and the roles that the baseline tier gives them.
//!
//! rbp is the frame, r14 the vmctx, r15 the first byte of memory 0; r11 and xmm15 hold nothing from one operator to the
//! next. rbx, r12, r13 (and r15 where memory 0 is not used) are preserved by callees, as Cranelift's `tail` convention
//! has it, and hold the hottest locals. All others hold operands.
//!
//! The convention, as `compute_arg_locs` and `is_callee_save_systemv` in Cranelift's `isa/x64/abi.rs` have it (0.135):
//! integers and references are passed in rdi, rsi, rdx, rcx, r8, r9, floats and vectors in xmm0 to xmm7, in order.
//! Results are in `RESULTS` and xmm0 to xmm7. rbx, rbp, r12 to r15 are preserved, tail calls included; nothing else is.

use crate::tier::baseline::regs::{Gpr, Set, Vreg};

impl Gpr {
    pub(super) const RAX: Gpr = Gpr(0);
    pub(super) const RCX: Gpr = Gpr(1);
    pub(super) const RDX: Gpr = Gpr(2);
    pub(super) const RBX: Gpr = Gpr(3);
    pub(super) const RSP: Gpr = Gpr(4);
    pub(super) const RBP: Gpr = Gpr(5);
    pub(super) const RSI: Gpr = Gpr(6);
    pub(super) const RDI: Gpr = Gpr(7);
    pub(super) const R8: Gpr = Gpr(8);
    pub(super) const R9: Gpr = Gpr(9);
    pub(super) const R10: Gpr = Gpr(10);
    pub(super) const R11: Gpr = Gpr(11);
    pub(super) const R12: Gpr = Gpr(12);
    pub(super) const R13: Gpr = Gpr(13);
    pub(super) const R14: Gpr = Gpr(14);
    pub(super) const R15: Gpr = Gpr(15);
}

/// The frame pointer, from which homes are counted.
pub(crate) const FRAME: Gpr = Gpr::RBP;
/// The stack pointer: while a call is prepared, its cells and stack arguments start there.
pub(crate) const STACK: Gpr = Gpr::RSP;
/// The callee's vmctx, from the prologue to the end.
pub(crate) const VMCTX: Gpr = Gpr::R14;
/// First byte of memory 0 in functions that use it.
pub(crate) const MEMORY: Gpr = Gpr::R15;
/// Never holds an operand: for use within one operator.
pub(crate) const SCRATCH: Gpr = Gpr::R11;
/// As [`SCRATCH`], for vectors.
pub(crate) const SCRATCH_VREG: Vreg = Vreg(15);

/// Registers that carry parameters, the two vmctx first, in order.
pub(crate) const PARAMS: [Gpr; 6] = [Gpr::RDI, Gpr::RSI, Gpr::RDX, Gpr::RCX, Gpr::R8, Gpr::R9];
/// Vector registers that carry parameters or results are the first ones of this number.
pub(crate) const PARAM_VREGS: u8 = 8;
/// Registers that carry results, in order. The first one may hold operands, and carries the result of a block.
pub(crate) const RESULTS: [Gpr; 8] = [Gpr::RAX, Gpr::RCX, Gpr::RDX, Gpr::RSI, Gpr::RDI, Gpr::R8, Gpr::R9, Gpr::R10];
/// Holds the reference that is called, then its slot. It carries no argument, and may hold operands.
pub(crate) const CALLEE: Gpr = Gpr::RAX;

/// Registers of a class, at most.
pub(crate) const CLASS: u8 = 16;
/// Registers that may hold operands: all that a call may overwrite, but for the scratch register.
pub(crate) const TEMPS: Set = Set(0b0000_0111_1100_0111);
/// As `TEMPS`, for vectors.
pub(crate) const TEMP_VREGS: Set = Set(0x7fff);

/// Saved registers for pins, in the order in which they are taken; the last one where memory 0 is not used.
pub(crate) const SAVED_PINS: [Gpr; 4] = [Gpr::RBX, Gpr::R12, Gpr::R13, MEMORY];
/// Registers for pins that calls overwrite. Five others are left for operands, which is more than any operator needs.
pub(crate) const UNSAVED_PINS: [Gpr; 3] = [Gpr::RSI, Gpr::RDI, Gpr::R8];
/// Vector registers for pins. Five others are left for operands, which is more than any operator needs.
pub(crate) const VREG_PINS: [Vreg; 10] =
    [Vreg(8), Vreg(9), Vreg(10), Vreg(11), Vreg(12), Vreg(13), Vreg(14), Vreg(7), Vreg(6), Vreg(5)];
/// With more vector parameters than this, only the first few of them are used, which carry no parameter.
pub(crate) const VREG_PINS_PARAMS: usize = 5;
/// How many that are.
pub(crate) const VREG_PINS_BEYOND_PARAMS: usize = 7;
