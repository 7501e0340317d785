//! Arithmetic lane by lane that takes more than one instruction, or another order of operands; shifts; floats.

use super::asm::{Alu, Rm};
use super::float::{DOWN, NEAREST, TO_ZERO, UP, magnitude_mask, sign_mask};
use super::regs::{SCRATCH, SCRATCH_VREG};
use super::simd::Lanes;
use super::sse::{Sse, Xm};
use super::xmm::{Order, lanes8, lanes16, lanes32, lanes64};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{VectorMoves as _, Width};
use crate::tier::baseline::regs::Vreg;
use crate::types::ValType;

/// Shifts of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
    /// With the sign.
    RightSigned,
}

impl Emit<'_> {
    /// Handles the operator if it is one of this file.
    pub(super) fn simd_arithmetic(&mut self, number: u32) -> bool {
        use Direction::{Left, Right, RightSigned};
        use Lanes::{B, D, Q, W};
        use ValType::{F32, F64};
        match number {
            96 => self.x_unary(Sse::PABSB),
            97 => self.vector_negate(Sse::PSUBB),
            98 => self.vector_popcnt(),
            107 => self.vector_shift(B, Left),
            108 => self.vector_shift(B, RightSigned),
            109 => self.vector_shift(B, Right),
            128 => self.x_unary(Sse::PABSW),
            129 => self.vector_negate(Sse::PSUBW),
            130 | 273 => self.q15_multiply(),
            139 => self.vector_shift(W, Left),
            140 => self.vector_shift(W, RightSigned),
            141 => self.vector_shift(W, Right),
            160 => self.x_unary(Sse::PABSD),
            161 => self.vector_negate(Sse::PSUBD),
            171 => self.vector_shift(D, Left),
            172 => self.vector_shift(D, RightSigned),
            173 => self.vector_shift(D, Right),
            192 => self.vector_abs64(),
            193 => self.vector_negate(Sse::PSUBQ),
            203 => self.vector_shift(Q, Left),
            204 => self.vector_shift(Q, RightSigned),
            205 => self.vector_shift(Q, Right),
            213 => self.vector_multiply64(),

            103 => self.vector_round(F32, UP),
            104 => self.vector_round(F32, DOWN),
            105 => self.vector_round(F32, TO_ZERO),
            106 => self.vector_round(F32, NEAREST),
            116 => self.vector_round(F64, UP),
            117 => self.vector_round(F64, DOWN),
            122 => self.vector_round(F64, TO_ZERO),
            148 => self.vector_round(F64, NEAREST),
            224 => self.vector_mask(Sse::ANDPS, magnitude_mask(F32)),
            225 => self.vector_mask(Sse::XORPS, sign_mask(F32)),
            227 => self.vector_sqrt(F32, Sse::SQRTPS),
            228 => self.vector_float(F32, Sse::ADDPS, Order::Any),
            229 => self.vector_float(F32, Sse::SUBPS, Order::Fixed),
            230 => self.vector_float(F32, Sse::MULPS, Order::Any),
            231 => self.vector_float(F32, Sse::DIVPS, Order::Fixed),
            232 => self.vector_min(F32),
            233 => self.vector_max(F32),
            // `b < a ? b : a` and `a < b ? b : a`, equal and unordered operands included.
            234 | 269 => self.x_binary_swapped(Sse::MINPS),
            235 | 270 => self.x_binary_swapped(Sse::MAXPS),
            236 => self.vector_mask(Sse::ANDPD, magnitude_mask(F64)),
            237 => self.vector_mask(Sse::XORPD, sign_mask(F64)),
            239 => self.vector_sqrt(F64, Sse::SQRTPD),
            240 => self.vector_float(F64, Sse::ADDPD, Order::Any),
            241 => self.vector_float(F64, Sse::SUBPD, Order::Fixed),
            242 => self.vector_float(F64, Sse::MULPD, Order::Any),
            243 => self.vector_float(F64, Sse::DIVPD, Order::Fixed),
            244 => self.vector_min(F64),
            245 => self.vector_max(F64),
            246 | 271 => self.x_binary_swapped(Sse::MINPD),
            247 | 272 => self.x_binary_swapped(Sse::MAXPD),
            _ => return false,
        }
        true
    }

    /// An operator with one operand that is one instruction.
    pub(super) fn x_unary(&mut self, row: Sse) {
        let a = self.pop();
        let a = self.to_xm_packed(a);
        let dst = self.result_vreg(a);
        self.asm.x2(row, dst, a);
        self.push_vector(dst);
    }

    fn vector_negate(&mut self, subtract: Sse) {
        let a = self.pop();
        let a = self.to_xm_packed(a);
        let dst = self.alloc_vreg();
        self.zero_vreg(dst);
        self.asm.x3(subtract, dst, dst, a);
        self.free_xm(a);
        self.push_vector(dst);
    }

    /// `(a ^ s) - s` where `s` is the sign in all bits.
    fn vector_abs64(&mut self) {
        let a = self.pop_vector();
        self.zero_vreg(SCRATCH_VREG);
        self.vr(Sse::PCMPGTQ, SCRATCH_VREG, SCRATCH_VREG, a);
        self.vr(Sse::PXOR, a, a, SCRATCH_VREG);
        self.vr(Sse::PSUBQ, a, a, SCRATCH_VREG);
        self.push_vector(a);
    }

    /// Both halves of each byte are looked up in a table of sixteen counts.
    fn vector_popcnt(&mut self) {
        const COUNTS: u128 = 0x0403_0302_0302_0201_0302_0201_0201_0100;
        let a = self.pop_vector();
        let high = SCRATCH_VREG;
        self.v_shift(Sse::PSRLW_IMM, high, a, 4);
        self.vc(Sse::PAND, high, high, lanes8(15));
        self.vc(Sse::PAND, a, a, lanes8(15));
        let counts = self.alloc_vreg();
        let table = self.pool_wide(COUNTS);
        self.asm.x2(Sse::MOVAPS, counts, table);
        let sum = self.alloc_vreg();
        self.vr(Sse::PSHUFB, sum, counts, a);
        self.vr(Sse::PSHUFB, counts, counts, high);
        self.vr(Sse::PADDB, sum, sum, counts);
        self.free_vreg(counts);
        self.free_vreg(a);
        self.push_vector(sum);
    }

    /// `pmulhrsw` wraps for -1 * -1 only, and gives -1 (0x8000) then and only then.
    fn q15_multiply(&mut self) {
        let (a, b) = self.pop_vectors();
        self.vr(Sse::PMULHRSW, a, a, b);
        self.free_vreg(b);
        self.vc(Sse::PCMPEQW, SCRATCH_VREG, a, lanes16(0x8000));
        self.vr(Sse::PXOR, a, a, SCRATCH_VREG);
        self.push_vector(a);
    }

    /// The product of the lower halves, and the sum of the mixed products, 32 bits higher.
    fn vector_multiply64(&mut self) {
        let (a, b) = self.pop_vectors();
        let mixed = self.alloc_vreg();
        self.v_shift(Sse::PSRLQ_IMM, mixed, a, 32);
        self.vr(Sse::PMULUDQ, mixed, mixed, b);
        self.v_shift(Sse::PSRLQ_IMM, SCRATCH_VREG, b, 32);
        self.vr(Sse::PMULUDQ, SCRATCH_VREG, SCRATCH_VREG, a);
        self.vr(Sse::PADDQ, mixed, mixed, SCRATCH_VREG);
        self.v_shift(Sse::PSLLQ_IMM, mixed, mixed, 32);
        self.vr(Sse::PMULUDQ, a, a, b);
        self.vr(Sse::PADDQ, a, a, mixed);
        self.free_vreg(mixed);
        self.free_vreg(b);
        self.push_vector(a);
    }
}

/// Shifts. The count is taken modulo the width of the lanes.
impl Emit<'_> {
    fn vector_shift(&mut self, lanes: Lanes, direction: Direction) {
        let count = self.pop();
        let bits = 8 << lanes as u32;
        if let Some(count) = count.as_const() {
            let a = self.pop_vector();
            let count = (count as u32 % bits) as u8;
            if count != 0 {
                self.shift_by_const(lanes, direction, a, count);
            }
            return self.push_vector(a);
        }
        let count = self.to_loc(count);
        self.move_gpr(Width::W32, SCRATCH, count);
        self.free_loc(count);
        self.asm.alu_imm(Alu::And, Width::W32, Rm::Reg(SCRATCH), bits as i32 - 1);
        let a = self.pop_vector();
        let count = self.alloc_vreg();
        match (lanes, direction) {
            (Lanes::B, Direction::RightSigned) => {
                // In the upper halves of 16-bit lanes.
                self.asm.alu_imm(Alu::Add, Width::W32, Rm::Reg(SCRATCH), 8);
                self.gpr_to_vreg(Width::W32, count, SCRATCH);
                self.vr(Sse::PUNPCKHBW, SCRATCH_VREG, a, a);
                self.vr(Sse::PUNPCKLBW, a, a, a);
                self.vr(Sse::PSRAW, SCRATCH_VREG, SCRATCH_VREG, count);
                self.vr(Sse::PSRAW, a, a, count);
                self.vr(Sse::PACKSSWB, a, a, SCRATCH_VREG);
            }
            (Lanes::B, _) => {
                self.gpr_to_vreg(Width::W32, count, SCRATCH);
                self.shift_bytes(direction, a, count);
            }
            (Lanes::Q, Direction::RightSigned) => {
                self.gpr_to_vreg(Width::W32, count, SCRATCH);
                let sign = self.pool_wide(lanes64(1 << 63));
                self.asm.x2(Sse::MOVAPS, SCRATCH_VREG, sign);
                self.vr(Sse::PSRLQ, SCRATCH_VREG, SCRATCH_VREG, count);
                self.vr(Sse::PSRLQ, a, a, count);
                self.extend_sign(a, SCRATCH_VREG);
            }
            _ => {
                self.gpr_to_vreg(Width::W32, count, SCRATCH);
                self.vr(shift_row(lanes, direction), a, a, count);
            }
        }
        self.free_vreg(count);
        self.push_vector(a);
    }

    /// Shifts bytes within 16-bit lanes, and clears what came from the neighbour.
    fn shift_bytes(&mut self, direction: Direction, a: Vreg, count: Vreg) {
        let row = shift_row(Lanes::W, direction);
        self.vr(row, a, a, count);
        self.ones_vreg(SCRATCH_VREG);
        self.vr(row, SCRATCH_VREG, SCRATCH_VREG, count);
        if direction == Direction::Right {
            // The mask of a byte is in the upper half.
            self.v_shift(Sse::PSRLW_IMM, SCRATCH_VREG, SCRATCH_VREG, 8);
        }
        // The lowest byte into all of them.
        self.zero_vreg(count);
        self.vr(Sse::PSHUFB, SCRATCH_VREG, SCRATCH_VREG, count);
        self.vr(Sse::PAND, a, a, SCRATCH_VREG);
    }

    /// `a` was shifted right without its sign, `sign` is where the sign bit went: `(a ^ sign) - sign`.
    fn extend_sign(&mut self, a: Vreg, sign: Vreg) {
        self.vr(Sse::PXOR, a, a, sign);
        self.vr(Sse::PSUBQ, a, a, sign);
    }

    fn shift_by_const(&mut self, lanes: Lanes, direction: Direction, a: Vreg, count: u8) {
        match (lanes, direction) {
            (Lanes::B, Direction::RightSigned) => {
                self.vr(Sse::PUNPCKHBW, SCRATCH_VREG, a, a);
                self.vr(Sse::PUNPCKLBW, a, a, a);
                self.v_shift(Sse::PSRAW_IMM, SCRATCH_VREG, SCRATCH_VREG, count + 8);
                self.v_shift(Sse::PSRAW_IMM, a, a, count + 8);
                self.vr(Sse::PACKSSWB, a, a, SCRATCH_VREG);
            }
            (Lanes::B, Direction::Left) => {
                self.v_shift(Sse::PSLLW_IMM, a, a, count);
                self.vc(Sse::PAND, a, a, lanes8(0xff << count));
            }
            (Lanes::B, Direction::Right) => {
                self.v_shift(Sse::PSRLW_IMM, a, a, count);
                self.vc(Sse::PAND, a, a, lanes8(0xff >> count));
            }
            (Lanes::Q, Direction::RightSigned) => {
                let sign = self.pool_wide(lanes64(1 << (63 - count)));
                self.v_shift(Sse::PSRLQ_IMM, a, a, count);
                self.v3(Sse::PXOR, a, a, sign);
                self.v3(Sse::PSUBQ, a, a, sign);
            }
            _ => {
                let row = match (lanes, direction) {
                    (Lanes::W, Direction::Left) => Sse::PSLLW_IMM,
                    (Lanes::W, Direction::Right) => Sse::PSRLW_IMM,
                    (Lanes::W, Direction::RightSigned) => Sse::PSRAW_IMM,
                    (Lanes::D, Direction::Left) => Sse::PSLLD_IMM,
                    (Lanes::D, Direction::Right) => Sse::PSRLD_IMM,
                    (Lanes::D, Direction::RightSigned) => Sse::PSRAD_IMM,
                    (_, Direction::Left) => Sse::PSLLQ_IMM,
                    _ => Sse::PSRLQ_IMM,
                };
                self.v_shift(row, a, a, count);
            }
        }
    }
}

/// The shift of lanes of 16 to 64 bits by a count in a register. None with the sign of 64 bits.
fn shift_row(lanes: Lanes, direction: Direction) -> Sse {
    match (lanes, direction) {
        (Lanes::B | Lanes::W, Direction::Left) => Sse::PSLLW,
        (Lanes::B | Lanes::W, Direction::Right) => Sse::PSRLW,
        (Lanes::B | Lanes::W, Direction::RightSigned) => Sse::PSRAW,
        (Lanes::D, Direction::Left) => Sse::PSLLD,
        (Lanes::D, Direction::Right) => Sse::PSRLD,
        (Lanes::D, Direction::RightSigned) => Sse::PSRAD,
        (Lanes::Q, Direction::Left) => Sse::PSLLQ,
        (Lanes::Q, _) => Sse::PSRLQ,
    }
}

/// Floats.
impl Emit<'_> {
    fn vector_float(&mut self, lane: ValType, row: Sse, order: Order) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(row, a, b, order, target);
        self.canonicalize_lanes(lane, dst);
        self.vector_result(ValType::V128, dst, target);
    }

    fn vector_sqrt(&mut self, lane: ValType, row: Sse) {
        let a = self.pop();
        let a = self.to_xm_packed(a);
        let dst = self.result_vreg(a);
        self.asm.x2(row, dst, a);
        self.canonicalize_lanes(lane, dst);
        self.push_vector(dst);
    }

    fn vector_round(&mut self, lane: ValType, mode: u8) {
        let a = self.pop();
        let a = self.to_xm_packed(a);
        let dst = self.result_vreg(a);
        self.asm.x2i(if lane == ValType::F32 { Sse::ROUNDPS } else { Sse::ROUNDPD }, dst, a, mode);
        self.canonicalize_lanes(lane, dst);
        self.push_vector(dst);
    }

    /// An operation with the same constant on all lanes.
    fn vector_mask(&mut self, row: Sse, mask: u128) {
        let a = self.pop_vector();
        self.vc(row, a, a, mask);
        self.push_vector(a);
    }

    /// The instruction gives its second operand where the operands are equal or unordered. Done both ways and joined
    /// by "or", it gives -0 for zeros of different sign, and something that is a NaN for NaNs.
    fn vector_min(&mut self, lane: ValType) {
        let (row, or) = if lane == ValType::F32 { (Sse::MINPS, Sse::ORPS) } else { (Sse::MINPD, Sse::ORPD) };
        let (a, b) = self.pop_vectors();
        let other = self.alloc_vreg();
        self.vr(row, other, b, a);
        self.vr(row, a, a, b);
        self.vr(or, a, a, other);
        self.free_vreg(b);
        self.quiet_lanes(lane, a, other);
        self.free_vreg(other);
        self.push_vector(a);
    }

    /// As `min`, where the two ways differ in the sign of zeros or in NaNs only. `d` being the difference of their
    /// bits, `(m | d) - d` is `m` where they agree; +0 for zeros of different sign, since then it is -0 - -0; and a
    /// NaN for NaNs.
    fn vector_max(&mut self, lane: ValType) {
        let single = lane == ValType::F32;
        let (row, or) = if single { (Sse::MAXPS, Sse::ORPS) } else { (Sse::MAXPD, Sse::ORPD) };
        let (a, b) = self.pop_vectors();
        let other = self.alloc_vreg();
        self.vr(row, other, b, a);
        self.vr(row, a, a, b);
        self.vr(if single { Sse::XORPS } else { Sse::XORPD }, other, other, a);
        self.vr(or, a, a, other);
        self.vr(if single { Sse::SUBPS } else { Sse::SUBPD }, a, a, other);
        self.free_vreg(b);
        self.quiet_lanes(lane, a, other);
        self.free_vreg(other);
        self.push_vector(a);
    }

    /// Makes canonical NaNs, positive or negative, of the NaNs in `a`. All but the sign, the exponent and the highest
    /// bit of the fraction is cleared. Destroys `mask`.
    fn quiet_lanes(&mut self, lane: ValType, a: Vreg, mask: Vreg) {
        const UNORDERED: u8 = 3;
        if lane == ValType::F32 {
            self.v3i(Sse::CMPPS, mask, a, Xm::Reg(a), UNORDERED);
            self.vr(Sse::ORPS, a, a, mask);
            self.v_shift(Sse::PSRLD_IMM, mask, mask, 10);
        } else {
            self.v3i(Sse::CMPPD, mask, a, Xm::Reg(a), UNORDERED);
            self.vr(Sse::ORPD, a, a, mask);
            self.v_shift(Sse::PSRLQ_IMM, mask, mask, 13);
        }
        self.vr(Sse::ANDNPS, mask, mask, a);
        self.move_vreg(a, mask);
        self.canonicalize_lanes(lane, a);
    }

    /// Replaces NaNs in the lanes of `a` by the canonical one if the engine was asked to. Destroys the scratch register.
    pub(super) fn canonicalize_lanes(&mut self, lane: ValType, a: Vreg) {
        if !self.options.canonicalize_nans {
            return;
        }
        const UNORDERED: u8 = 3;
        let (row, canonical) = match lane {
            ValType::F32 => (Sse::CMPPS, lanes32(0x7fc0_0000)),
            _ => (Sse::CMPPD, lanes64(0x7ff8_0000_0000_0000)),
        };
        // a = (a & !mask) | (canonical & mask)
        self.v3i(row, SCRATCH_VREG, a, Xm::Reg(a), UNORDERED);
        let kept = self.alloc_vreg();
        self.vr(Sse::ANDNPS, kept, SCRATCH_VREG, a);
        self.vc(Sse::ANDPS, SCRATCH_VREG, SCRATCH_VREG, canonical);
        self.vr(Sse::ORPS, a, kept, SCRATCH_VREG);
        self.free_vreg(kept);
    }
}
