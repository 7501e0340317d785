//! Comparisons lane by lane, and what reduces a vector to an i32.
//!
//! The processor compares integers for equal and greater only. Less is greater the other way round; the others are
//! comparisons of the minimum or maximum with an operand, or negations.

use super::asm::{Cond, Rm};
use super::regs::SCRATCH_VREG;
use super::simd::Lanes;
use super::sse::{Sse, Xm};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, VectorMoves as _};
use crate::tier::baseline::regs::Vreg;
use crate::types::ValType;

/// Predicates of `cmpps`.
const EQUAL: u8 = 0;
const LESS: u8 = 1;
const LESS_OR_EQUAL: u8 = 2;
const NOT_EQUAL: u8 = 4;

/// Whether a result is negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negate {
    Yes,
    No,
}

impl Emit<'_> {
    /// Handles the operator if it is a comparison that is more than one instruction.
    pub(super) fn simd_comparison(&mut self, number: u32) -> bool {
        use Negate::{No, Yes};
        match number {
            36 => self.compare_equal(Sse::PCMPEQB),
            37 => self.x_binary_swapped(Sse::PCMPGTB),
            38 => self.compare_extreme(Sse::PMAXUB, Sse::PCMPEQB, Yes),
            40 => self.compare_extreme(Sse::PMINUB, Sse::PCMPEQB, Yes),
            41 => self.compare_extreme(Sse::PMINSB, Sse::PCMPEQB, No),
            42 => self.compare_extreme(Sse::PMINUB, Sse::PCMPEQB, No),
            43 => self.compare_extreme(Sse::PMAXSB, Sse::PCMPEQB, No),
            44 => self.compare_extreme(Sse::PMAXUB, Sse::PCMPEQB, No),
            46 => self.compare_equal(Sse::PCMPEQW),
            47 => self.x_binary_swapped(Sse::PCMPGTW),
            48 => self.compare_extreme(Sse::PMAXUW, Sse::PCMPEQW, Yes),
            50 => self.compare_extreme(Sse::PMINUW, Sse::PCMPEQW, Yes),
            51 => self.compare_extreme(Sse::PMINSW, Sse::PCMPEQW, No),
            52 => self.compare_extreme(Sse::PMINUW, Sse::PCMPEQW, No),
            53 => self.compare_extreme(Sse::PMAXSW, Sse::PCMPEQW, No),
            54 => self.compare_extreme(Sse::PMAXUW, Sse::PCMPEQW, No),
            56 => self.compare_equal(Sse::PCMPEQD),
            57 => self.x_binary_swapped(Sse::PCMPGTD),
            58 => self.compare_extreme(Sse::PMAXUD, Sse::PCMPEQD, Yes),
            60 => self.compare_extreme(Sse::PMINUD, Sse::PCMPEQD, Yes),
            61 => self.compare_extreme(Sse::PMINSD, Sse::PCMPEQD, No),
            62 => self.compare_extreme(Sse::PMINUD, Sse::PCMPEQD, No),
            63 => self.compare_extreme(Sse::PMAXSD, Sse::PCMPEQD, No),
            64 => self.compare_extreme(Sse::PMAXUD, Sse::PCMPEQD, No),
            65 => self.compare_floats(Sse::CMPPS, EQUAL),
            66 => self.compare_floats(Sse::CMPPS, NOT_EQUAL),
            67 => self.compare_floats(Sse::CMPPS, LESS),
            68 => self.compare_floats_swapped(Sse::CMPPS, LESS),
            69 => self.compare_floats(Sse::CMPPS, LESS_OR_EQUAL),
            70 => self.compare_floats_swapped(Sse::CMPPS, LESS_OR_EQUAL),
            71 => self.compare_floats(Sse::CMPPD, EQUAL),
            72 => self.compare_floats(Sse::CMPPD, NOT_EQUAL),
            73 => self.compare_floats(Sse::CMPPD, LESS),
            74 => self.compare_floats_swapped(Sse::CMPPD, LESS),
            75 => self.compare_floats(Sse::CMPPD, LESS_OR_EQUAL),
            76 => self.compare_floats_swapped(Sse::CMPPD, LESS_OR_EQUAL),
            215 => self.compare_equal(Sse::PCMPEQQ),
            216 => self.x_binary_swapped(Sse::PCMPGTQ),
            218 => {
                // Not greater.
                let (a, b) = self.pop_vectors();
                self.vr(Sse::PCMPGTQ, a, a, b);
                self.finish_comparison(a, b, Yes);
            }
            219 => {
                // Not less: `b > a`, negated.
                let a = self.pop();
                let b = self.pop();
                let a = self.to_temp_vreg(a);
                let b = self.to_vreg(b);
                self.vr(Sse::PCMPGTQ, a, a, b);
                self.finish_comparison(a, b, Yes);
            }
            _ => return false,
        }
        true
    }

    fn finish_comparison(&mut self, result: Vreg, other: Vreg, negate: Negate) {
        self.free_vreg(other);
        if negate == Negate::Yes {
            self.vc(Sse::PXOR, result, result, u128::MAX);
        }
        self.push_vector(result);
    }

    /// Not equal.
    fn compare_equal(&mut self, equal: Sse) {
        let (a, b) = self.pop_vectors();
        self.vr(equal, a, a, b);
        self.finish_comparison(a, b, Negate::Yes);
    }

    /// Whether the minimum or maximum is the first operand.
    fn compare_extreme(&mut self, extreme: Sse, equal: Sse, negate: Negate) {
        let (a, b) = self.pop_vectors();
        self.vr(extreme, SCRATCH_VREG, a, b);
        self.vr(equal, a, a, SCRATCH_VREG);
        self.finish_comparison(a, b, negate);
    }

    fn compare_floats(&mut self, row: Sse, predicate: u8) {
        let (a, b) = self.pop_vectors();
        self.v3i(row, a, a, Xm::Reg(b), predicate);
        self.finish_comparison(a, b, Negate::No);
    }

    fn compare_floats_swapped(&mut self, row: Sse, predicate: u8) {
        let b = self.pop();
        let a = self.pop();
        let b = self.to_temp_vreg(b);
        let a = self.to_vreg(a);
        self.v3i(row, b, b, Xm::Reg(a), predicate);
        self.finish_comparison(b, a, Negate::No);
    }
}

/// Bitwise operators and reductions.
impl Emit<'_> {
    /// Handles the operator if it is one of this group.
    pub(super) fn simd_bit_operator(&mut self, number: u32) -> bool {
        match number {
            77 => {
                let a = self.pop_vector();
                self.vc(Sse::PXOR, a, a, u128::MAX);
                self.push_vector(a);
            }
            // `!b & a`
            79 => self.x_binary_swapped(Sse::PANDN),
            82 => self.bitselect(),
            83 => {
                let a = self.pop();
                let a = self.to_vreg(a);
                let dst = self.alloc();
                self.asm.zero(dst);
                self.asm.x2(Sse::PTEST, a, Xm::Reg(a));
                self.asm.setcc(Cond::NotEqual, dst);
                self.free_vreg(a);
                self.push_gpr(ValType::I32, dst);
            }
            99 => self.all_true(Sse::PCMPEQB),
            131 => self.all_true(Sse::PCMPEQW),
            163 => self.all_true(Sse::PCMPEQD),
            195 => self.all_true(Sse::PCMPEQQ),
            100 => self.bitmask(Lanes::B),
            132 => self.bitmask(Lanes::W),
            164 => self.bitmask(Lanes::D),
            196 => self.bitmask(Lanes::Q),
            _ => return false,
        }
        true
    }

    /// Bits of the first operand where the third has ones, else of the second.
    pub(super) fn bitselect(&mut self) {
        let mask = self.pop();
        let b = self.pop();
        let a = self.pop();
        let mask = self.to_vreg(mask);
        let b = self.to_vreg(b);
        let a = self.to_temp_vreg(a);
        self.vr(Sse::PANDN, SCRATCH_VREG, mask, b);
        self.vr(Sse::PAND, a, a, mask);
        self.vr(Sse::POR, a, a, SCRATCH_VREG);
        self.free_vreg(mask);
        self.free_vreg(b);
        self.push_vector(a);
    }

    /// Whether no lane equals 0.
    fn all_true(&mut self, equal: Sse) {
        let a = self.pop();
        let a = self.to_vreg(a);
        let dst = self.alloc();
        self.zero_vreg(SCRATCH_VREG);
        self.vr(equal, SCRATCH_VREG, SCRATCH_VREG, a);
        self.asm.zero(dst);
        self.asm.x2(Sse::PTEST, SCRATCH_VREG, Xm::Reg(SCRATCH_VREG));
        self.asm.setcc(Cond::Equal, dst);
        self.free_vreg(a);
        self.push_gpr(ValType::I32, dst);
    }

    /// The highest bits of the lanes.
    fn bitmask(&mut self, lanes: Lanes) {
        let a = self.pop();
        let a = self.to_vreg(a);
        let dst = self.alloc();
        match lanes {
            Lanes::B => self.asm.gx(Sse::PMOVMSKB, dst, Xm::Reg(a)),
            Lanes::W => {
                // Both halves are the same.
                self.vr(Sse::PACKSSWB, SCRATCH_VREG, a, a);
                self.asm.gx(Sse::PMOVMSKB, dst, Xm::Reg(SCRATCH_VREG));
                self.asm.movzx8(dst, Rm::Reg(dst));
            }
            Lanes::D => self.asm.gx(Sse::MOVMSKPS, dst, Xm::Reg(a)),
            Lanes::Q => self.asm.gx(Sse::MOVMSKPD, dst, Xm::Reg(a)),
        }
        self.free_vreg(a);
        self.push_gpr(ValType::I32, dst);
    }
}
