//! Arithmetic and comparisons of f32 and f64.
//!
//! In: the opcode; operands on the stack. Out: SSE instructions, of which many are one instruction with the second
//! operand in memory. A NaN result has whatever bits the processor gives it, unless canonical ones were asked for.
//!
//! Not here: conversions (`convert`), what a branch makes of a comparison (`control`).

use super::asm::Cond;
use super::regs::SCRATCH_VREG;
use super::select::Test;
use super::sse::{Sse, Xm};
use super::xmm::{Order, lanes32, lanes64};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Floats};
use crate::types::ValType;

/// The instructions of one operator for both types.
#[derive(Clone, Copy)]
struct Pair(Sse, Sse);

impl Pair {
    #[inline]
    fn of(self, ty: ValType) -> Sse {
        if ty == ValType::F32 { self.0 } else { self.1 }
    }
}

const UCOMIS: Pair = Pair(Sse::UCOMISS, Sse::UCOMISD);

/// Immediates of `roundss`: the rounding, and that inexactness is no exception.
pub(crate) const NEAREST: u8 = 8;
pub(crate) const DOWN: u8 = 9;
pub(crate) const UP: u8 = 10;
pub(crate) const TO_ZERO: u8 = 11;

/// All bits but the sign, in all lanes.
pub(super) fn magnitude_mask(ty: ValType) -> u128 {
    if ty == ValType::F32 { lanes32(0x7fff_ffff) } else { lanes64(0x7fff_ffff_ffff_ffff) }
}

/// The sign, in all lanes.
pub(super) fn sign_mask(ty: ValType) -> u128 {
    !magnitude_mask(ty)
}

impl Floats for Emit<'_> {
    /// A comparison from `f32.eq` (0x5b) to `f64.ge` (0x66), or an operator from `f32.abs` (0x8b) to
    /// `f64.copysign` (0xa6).
    #[inline(never)]
    fn float(&mut self, opcode: u8) {
        if opcode < 0x8b {
            return self.float_comparison(opcode);
        }
        let (ty, number) = if opcode < 0x99 { (ValType::F32, opcode - 0x8b) } else { (ValType::F64, opcode - 0x99) };
        match number {
            0 => self.float_mask(ty, Sse::ANDPS, magnitude_mask(ty)),
            1 => self.float_mask(ty, Sse::XORPS, sign_mask(ty)),
            2 => self.float_round(ty, UP),
            3 => self.float_round(ty, DOWN),
            4 => self.float_round(ty, TO_ZERO),
            5 => self.float_round(ty, NEAREST),
            6 => self.float_unary(ty, Pair(Sse::SQRTSS, Sse::SQRTSD)),
            7 => self.float_binary(ty, Pair(Sse::ADDSS, Sse::ADDSD), Order::Any),
            8 => self.float_binary(ty, Pair(Sse::SUBSS, Sse::SUBSD), Order::Fixed),
            9 => self.float_binary(ty, Pair(Sse::MULSS, Sse::MULSD), Order::Any),
            10 => self.float_binary(ty, Pair(Sse::DIVSS, Sse::DIVSD), Order::Fixed),
            11 => self.float_extreme(ty, Pair(Sse::MINSS, Sse::MINSD), Sse::ORPS),
            12 => self.float_extreme(ty, Pair(Sse::MAXSS, Sse::MAXSD), Sse::ANDPS),
            _ => self.copysign(ty),
        }
    }
}

impl Emit<'_> {
    #[inline]
    fn float_binary(&mut self, ty: ValType, rows: Pair, order: Order) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(rows.of(ty), a, b, order, target);
        self.canonicalize(ty, dst);
        self.vector_result(ty, dst, target);
    }

    fn float_unary(&mut self, ty: ValType, rows: Pair) {
        let a = self.pop();
        let a = self.to_xm(a);
        let dst = self.result_vreg(a);
        self.scalar2(rows.of(ty), dst, a);
        self.canonicalize(ty, dst);
        self.push_vreg(ty, dst);
    }

    fn float_round(&mut self, ty: ValType, mode: u8) {
        let row = Pair(Sse::ROUNDSS, Sse::ROUNDSD).of(ty);
        let a = self.pop();
        let a = self.to_vreg(a);
        let dst = self.result_vreg(Xm::Reg(a));
        // In the legacy encoding, what `dst` held before is waited for otherwise.
        self.v3i(row, dst, a, Xm::Reg(a), mode);
        self.canonicalize(ty, dst);
        self.push_vreg(ty, dst);
    }

    /// Changes the sign only.
    fn float_mask(&mut self, ty: ValType, row: Sse, mask: u128) {
        let a = self.pop();
        let a = self.to_vreg(a);
        let dst = self.result_vreg(Xm::Reg(a));
        self.vc(row, dst, a, mask);
        self.push_vreg(ty, dst);
    }

    /// `min` or `max`. The instruction gives its second operand where the operands are equal or unordered: zeros
    /// are joined by their sign instead, and NaNs by an addition.
    fn float_extreme(&mut self, ty: ValType, rows: Pair, join: Sse) {
        let b = self.pop();
        let a = self.pop();
        let b = self.to_vreg(b);
        let dst = self.to_temp_vreg(a);
        self.asm.x2(UCOMIS.of(ty), dst, Xm::Reg(b));
        let unordered = self.asm.jcc_short(Cond::Parity);
        let different = self.asm.jcc_short(Cond::NotEqual);
        self.asm.x3(join, dst, dst, Xm::Reg(b));
        let joined = self.asm.jmp_short();
        self.asm.land(unordered);
        self.asm.x3(Pair(Sse::ADDSS, Sse::ADDSD).of(ty), dst, dst, Xm::Reg(b));
        let added = self.asm.jmp_short();
        self.asm.land(different);
        self.asm.x3(rows.of(ty), dst, dst, Xm::Reg(b));
        self.asm.land(joined);
        self.asm.land(added);
        self.free_vreg(b);
        self.canonicalize(ty, dst);
        self.push_vreg(ty, dst);
    }

    /// The magnitude of the first operand with the sign of the second.
    fn copysign(&mut self, ty: ValType) {
        let b = self.pop();
        let a = self.pop();
        let b = self.to_vreg(b);
        let a = self.to_vreg(a);
        self.vc(Sse::ANDPS, SCRATCH_VREG, b, sign_mask(ty));
        let dst = self.result_vreg(Xm::Reg(a));
        self.vc(Sse::ANDPS, dst, a, magnitude_mask(ty));
        self.vr(Sse::ORPS, dst, dst, SCRATCH_VREG);
        self.free_vreg(b);
        self.push_vreg(ty, dst);
    }
}

/// Comparisons.
impl Emit<'_> {
    fn float_comparison(&mut self, opcode: u8) {
        let (ty, number) = if opcode < 0x61 { (ValType::F32, opcode - 0x5b) } else { (ValType::F64, opcode - 0x61) };
        let b = self.pop();
        let a = self.pop();
        // Less is greater the other way round: then one flag tells, unordered operands included.
        let (test, first, second) = match number {
            0 => (Test::And(Cond::NotParity, Cond::Equal), a, b),
            1 => (Test::Or(Cond::Parity, Cond::NotEqual), a, b),
            2 => (Test::One(Cond::Above), b, a),
            3 => (Test::One(Cond::Above), a, b),
            4 => (Test::One(Cond::AboveEqual), b, a),
            _ => (Test::One(Cond::AboveEqual), a, b),
        };
        let first = self.to_vreg(first);
        let second = self.to_xm(second);
        self.asm.x2(UCOMIS.of(ty), first, second);
        self.free_vreg(first);
        self.free_xm(second);
        self.outcome(test);
    }
}
