//! Operators that change the shape of lanes: extending, multiplying into wider lanes, conversions between integers
//! and floats.

use super::regs::SCRATCH_VREG;
use super::simd::{Half, Lanes, Sign};
use super::sse::{Sse, Xm};
use super::xmm::{lanes8, lanes16, lanes32, lanes64};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::VectorMoves as _;
use crate::tier::baseline::regs::Vreg;
use crate::types::ValType;

/// Predicates of `cmpps`.
const EQUAL: u8 = 0;
const LESS_OR_EQUAL: u8 = 2;

/// 2^52, above which the lowest bits of an f64 are those of an integer.
const F64_INTEGERS: u64 = 0x4330_0000_0000_0000;

impl Emit<'_> {
    /// Handles the operator if it is one of this file.
    pub(super) fn simd_conversion(&mut self, number: u32) -> bool {
        use Half::{High, Low};
        use Lanes::{B, D, W};
        use Sign::{Signed, Unsigned};
        match number {
            94 => {
                self.x_unary(Sse::CVTPD2PS);
                self.canonicalize_top(ValType::F32);
            }
            95 => {
                self.convert_low(Sse::CVTPS2PD);
                self.canonicalize_top(ValType::F64);
            }
            // Pairs of products with ones.
            124 => self.pairwise_bytes_signed(),
            125 => self.pairwise(Sse::PMADDUBSW, lanes8(1)),
            126 => self.pairwise(Sse::PMADDWD, lanes16(1)),
            127 => self.pairwise_words_unsigned(),
            135 => self.vector_extend(B, Low, Signed),
            136 => self.vector_extend(B, High, Signed),
            137 => self.vector_extend(B, Low, Unsigned),
            138 => self.vector_extend(B, High, Unsigned),
            167 => self.vector_extend(W, Low, Signed),
            168 => self.vector_extend(W, High, Signed),
            169 => self.vector_extend(W, Low, Unsigned),
            170 => self.vector_extend(W, High, Unsigned),
            199 => self.vector_extend(D, Low, Signed),
            200 => self.vector_extend(D, High, Signed),
            201 => self.vector_extend(D, Low, Unsigned),
            202 => self.vector_extend(D, High, Unsigned),
            156 => self.multiply_bytes(Low, Signed),
            157 => self.multiply_bytes(High, Signed),
            158 => self.multiply_bytes(Low, Unsigned),
            159 => self.multiply_bytes(High, Unsigned),
            188 => self.multiply_words(Low, Signed),
            189 => self.multiply_words(High, Signed),
            190 => self.multiply_words(Low, Unsigned),
            191 => self.multiply_words(High, Unsigned),
            220 => self.multiply_doublewords(Low, Signed),
            221 => self.multiply_doublewords(High, Signed),
            222 => self.multiply_doublewords(Low, Unsigned),
            223 => self.multiply_doublewords(High, Unsigned),
            // Relaxed truncation is the strict one.
            248 | 257 => self.truncate_f32x4_signed(),
            249 | 258 => self.truncate_f32x4_unsigned(),
            252 | 259 => self.truncate_f64x2_signed(),
            253 | 260 => self.truncate_f64x2_unsigned(),
            250 => self.x_unary(Sse::CVTDQ2PS),
            251 => self.convert_u32x4(),
            254 => self.convert_low(Sse::CVTDQ2PD),
            255 => self.convert_low_u32x4(),
            _ => return false,
        }
        true
    }

    /// Canonicalises the lanes of the result that was just pushed.
    fn canonicalize_top(&mut self, lane: ValType) {
        if self.options.canonicalize_nans {
            let a = self.pop_vector();
            self.canonicalize_lanes(lane, a);
            self.push_vector(a);
        }
    }

    /// One instruction that reads the lower half of its operand.
    fn convert_low(&mut self, row: Sse) {
        let a = self.pop();
        let a = self.to_xm(a);
        let dst = self.result_vreg(a);
        self.asm.x2(row, dst, a);
        self.push_vector(dst);
    }

    fn vector_extend(&mut self, lanes: Lanes, half: Half, sign: Sign) {
        let row = extend_row(lanes, sign);
        if half == Half::Low {
            return self.convert_low(row);
        }
        let a = self.pop();
        let a = self.to_xm_packed(a);
        let dst = self.result_vreg(a);
        self.asm.x2i(Sse::PSHUFD, dst, a, UPPER_HALF);
        self.asm.x2(row, dst, Xm::Reg(dst));
        self.push_vector(dst);
    }

    /// Sums of neighbours as products with this constant.
    fn pairwise(&mut self, row: Sse, ones: u128) {
        let a = self.pop_vector();
        self.vc(row, a, a, ones);
        self.push_vector(a);
    }

    /// The first operand of `pmaddubsw` is unsigned, the second one signed.
    fn pairwise_bytes_signed(&mut self) {
        let a = self.pop();
        let a = self.to_vreg(a);
        let ones = self.pool_wide(lanes8(1));
        let dst = self.alloc_vreg();
        self.asm.x2(Sse::MOVAPS, dst, ones);
        self.vr(Sse::PMADDUBSW, dst, dst, a);
        self.free_vreg(a);
        self.push_vector(dst);
    }

    /// Unsigned lanes are made signed by taking 2^15 from each, which the sums get back.
    fn pairwise_words_unsigned(&mut self) {
        let a = self.pop_vector();
        self.vc(Sse::PXOR, a, a, lanes16(0x8000));
        self.vc(Sse::PMADDWD, a, a, lanes16(1));
        self.vc(Sse::PADDD, a, a, lanes32(0x10000));
        self.push_vector(a);
    }

    fn multiply_bytes(&mut self, half: Half, sign: Sign) {
        let row = extend_row(Lanes::B, sign);
        let (a, b) = self.pop_vectors();
        for (dst, src) in [(SCRATCH_VREG, b), (a, a)] {
            match half {
                Half::Low => self.asm.x2(row, dst, Xm::Reg(src)),
                Half::High => {
                    self.asm.x2i(Sse::PSHUFD, dst, Xm::Reg(src), UPPER_HALF);
                    self.asm.x2(row, dst, Xm::Reg(dst));
                }
            }
        }
        self.vr(Sse::PMULLW, a, a, SCRATCH_VREG);
        self.free_vreg(b);
        self.push_vector(a);
    }

    /// Lower and upper halves of the products, interleaved.
    fn multiply_words(&mut self, half: Half, sign: Sign) {
        let (a, b) = self.pop_vectors();
        self.vr(if sign == Sign::Signed { Sse::PMULHW } else { Sse::PMULHUW }, SCRATCH_VREG, a, b);
        self.vr(Sse::PMULLW, a, a, b);
        self.vr(if half == Half::Low { Sse::PUNPCKLWD } else { Sse::PUNPCKHWD }, a, a, SCRATCH_VREG);
        self.free_vreg(b);
        self.push_vector(a);
    }

    /// The instruction multiplies the even lanes.
    fn multiply_doublewords(&mut self, half: Half, sign: Sign) {
        let spread = if half == Half::Low { 0b01_01_00_00 } else { 0b11_11_10_10 };
        let (a, b) = self.pop_vectors();
        self.asm.x2i(Sse::PSHUFD, SCRATCH_VREG, Xm::Reg(b), spread);
        self.asm.x2i(Sse::PSHUFD, a, Xm::Reg(a), spread);
        self.vr(if sign == Sign::Signed { Sse::PMULDQ } else { Sse::PMULUDQ }, a, a, SCRATCH_VREG);
        self.free_vreg(b);
        self.push_vector(a);
    }
}

/// `pshufd`: the upper half of a vector in its lower half.
const UPPER_HALF: u8 = 0b11_10_11_10;

/// The instruction that extends the lower half of the lanes to twice the width.
fn extend_row(lanes: Lanes, sign: Sign) -> Sse {
    match (lanes, sign) {
        (Lanes::B, Sign::Signed) => Sse::PMOVSXBW,
        (Lanes::B, Sign::Unsigned) => Sse::PMOVZXBW,
        (Lanes::W, Sign::Signed) => Sse::PMOVSXWD,
        (Lanes::W, Sign::Unsigned) => Sse::PMOVZXWD,
        (_, Sign::Signed) => Sse::PMOVSXDQ,
        (_, Sign::Unsigned) => Sse::PMOVZXDQ,
    }
}

/// Floats and integers. Truncations saturate, and make 0 of NaNs.
impl Emit<'_> {
    /// The instruction gives 0x8000_0000 for all that is out of range. All bits of that are flipped where the float
    /// was positive.
    fn truncate_f32x4_signed(&mut self) {
        let a = self.pop_vector();
        let mask = SCRATCH_VREG;
        self.v3i(Sse::CMPPS, mask, a, Xm::Reg(a), EQUAL);
        self.vr(Sse::ANDPS, a, a, mask);
        // The sign bit: ordered and not negative.
        self.vr(Sse::PXOR, mask, mask, a);
        self.asm.x2(Sse::CVTTPS2DQ, a, Xm::Reg(a));
        self.vr(Sse::PAND, mask, mask, a);
        self.v_shift(Sse::PSRAD_IMM, mask, mask, 31);
        self.vr(Sse::PXOR, a, a, mask);
        self.push_vector(a);
    }

    /// What is above 2^31 is converted without it, and added to the 2^31 that the instruction gives for such floats.
    fn truncate_f32x4_unsigned(&mut self) {
        const HALF: u128 = lanes32(0x4f00_0000);
        let a = self.pop_vector();
        let (above, mask) = (self.alloc_vreg(), SCRATCH_VREG);
        // NaNs and negative floats become 0.
        self.zero_vreg(mask);
        self.vr(Sse::MAXPS, a, a, mask);
        self.vc(Sse::SUBPS, above, a, HALF);
        let half = self.pool_wide(HALF);
        self.asm.x2(Sse::MOVAPS, mask, half);
        self.v3i(Sse::CMPPS, mask, mask, Xm::Reg(above), LESS_OR_EQUAL);
        self.asm.x2(Sse::CVTTPS2DQ, above, Xm::Reg(above));
        // Above 2^32 the rest is out of range, too: 0x7fff_ffff.
        self.vr(Sse::PXOR, above, above, mask);
        self.zero_vreg(mask);
        self.vr(Sse::PMAXSD, above, above, mask);
        self.asm.x2(Sse::CVTTPS2DQ, a, Xm::Reg(a));
        self.vr(Sse::PADDD, a, a, above);
        self.free_vreg(above);
        self.push_vector(a);
    }

    /// The instruction gives the smallest integer for all that is out of range, which is left to be too small.
    fn truncate_f64x2_signed(&mut self) {
        let a = self.pop_vector();
        let limit = SCRATCH_VREG;
        // The greatest integer, or 0 where `a` is no number: the minimum is then 0.
        self.v3i(Sse::CMPPD, limit, a, Xm::Reg(a), EQUAL);
        self.vc(Sse::ANDPD, limit, limit, lanes64(f64::from(i32::MAX).to_bits()));
        self.vr(Sse::MINPD, a, a, limit);
        self.asm.x2(Sse::CVTTPD2DQ, a, Xm::Reg(a));
        self.push_vector(a);
    }

    /// Brought into range and made whole, a float and 2^52 have the integer in the lower half of their bits.
    fn truncate_f64x2_unsigned(&mut self) {
        let a = self.pop_vector();
        let zero = SCRATCH_VREG;
        self.zero_vreg(zero);
        self.vr(Sse::MAXPD, a, a, zero);
        self.vc(Sse::MINPD, a, a, lanes64(f64::from(u32::MAX).to_bits()));
        self.asm.x2i(Sse::ROUNDPD, a, Xm::Reg(a), super::float::TO_ZERO);
        self.vc(Sse::ADDPD, a, a, lanes64(F64_INTEGERS));
        self.v3i(Sse::SHUFPS, a, a, Xm::Reg(zero), 0b10_00_10_00);
        self.push_vector(a);
    }

    /// The lower 16 bits and the others are converted by themselves, exactly; their sum is rounded.
    fn convert_u32x4(&mut self) {
        let a = self.pop_vector();
        let low = SCRATCH_VREG;
        self.vc(Sse::PAND, low, a, lanes32(0xffff));
        self.vr(Sse::PSUBD, a, a, low);
        self.asm.x2(Sse::CVTDQ2PS, low, Xm::Reg(low));
        // Halved, so that there is no sign.
        self.v_shift(Sse::PSRLD_IMM, a, a, 1);
        self.asm.x2(Sse::CVTDQ2PS, a, Xm::Reg(a));
        self.vr(Sse::ADDPS, a, a, a);
        self.vr(Sse::ADDPS, a, a, low);
        self.push_vector(a);
    }

    /// With the upper half of 2^52 above them, integers are floats that are too great by 2^52.
    fn convert_low_u32x4(&mut self) {
        let a = self.pop_vector();
        self.vc(Sse::UNPCKLPS, a, a, lanes32((F64_INTEGERS >> 32) as u32));
        self.vc(Sse::SUBPD, a, a, lanes64(F64_INTEGERS));
        self.push_vector(a);
    }

    /// The register with the sums of neighbours of signed 16-bit lanes.
    pub(super) fn pairwise_words(&mut self, a: Vreg) {
        self.vc(Sse::PMADDWD, a, a, lanes16(1));
    }
}
