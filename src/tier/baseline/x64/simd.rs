//! Operators on v128: which file has which, and those that are one instruction.
//!
//! In: the number of the operator; operands on the stack. Out: SSE or AVX instructions. Results are the same
//! with both, and the same as the optimising tier's, relaxed operators included.
//!
//! `simd_arith` computes lane by lane, `simd_compare` compares, `simd_lanes` moves lanes, `simd_convert` changes
//! their shape, `simd_memory` loads and stores, `simd_relaxed` has what is left open by the specification.

use super::sse::Sse;
use super::xmm::Order;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::Vectors;
use crate::tier::baseline::regs::Vreg;
use crate::types::ValType;

/// How lanes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Signed,
    Unsigned,
}

/// Which half of the lanes is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Low,
    High,
}

/// Width of integer lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lanes {
    B,
    W,
    D,
    Q,
}

impl Vectors for Emit<'_> {
    /// An operator behind the prefix 0xfd.
    #[inline(never)]
    fn vector(&mut self, number: u32) {
        if let Some((row, order)) = single(number) {
            return self.x_binary(row, order);
        }
        let handled = match number {
            0..=11 | 84..=93 => self.simd_memory_operator(number),
            12..=34 => self.simd_lane_operator(number),
            35..=76 | 214..=219 => self.simd_comparison(number),
            77..=83 | 99 | 100 | 131 | 132 | 163 | 164 | 195 | 196 => self.simd_bit_operator(number),
            256..=275 => self.simd_relaxed_operator(number),
            _ => self.simd_arithmetic(number) || self.simd_conversion(number),
        };
        assert!(handled, "validated: {number:#x} is no operator on vectors");
    }
}

impl Emit<'_> {
    /// Pops one operand into a register that may be written.
    pub(super) fn pop_vector(&mut self) -> Vreg {
        let a = self.pop();
        self.to_temp_vreg(a)
    }

    /// Pops two operands; the first one into a register that may be written.
    pub(super) fn pop_vectors(&mut self) -> (Vreg, Vreg) {
        let b = self.pop();
        let a = self.pop();
        let b = self.to_vreg(b);
        (self.to_temp_vreg(a), b)
    }

    #[inline]
    pub(super) fn push_vector(&mut self, reg: Vreg) {
        self.push_vreg(ValType::V128, reg);
    }
}

/// The instruction that is all of an operator with two operands.
fn single(number: u32) -> Option<(Sse, Order)> {
    use Order::{Any, Fixed};
    Some(match number {
        78 => (Sse::PAND, Any),
        80 => (Sse::POR, Any),
        81 => (Sse::PXOR, Any),
        35 => (Sse::PCMPEQB, Any),
        39 => (Sse::PCMPGTB, Fixed),
        45 => (Sse::PCMPEQW, Any),
        49 => (Sse::PCMPGTW, Fixed),
        55 => (Sse::PCMPEQD, Any),
        59 => (Sse::PCMPGTD, Fixed),
        214 => (Sse::PCMPEQQ, Any),
        217 => (Sse::PCMPGTQ, Fixed),
        101 => (Sse::PACKSSWB, Fixed),
        102 => (Sse::PACKUSWB, Fixed),
        110 => (Sse::PADDB, Any),
        111 => (Sse::PADDSB, Any),
        112 => (Sse::PADDUSB, Any),
        113 => (Sse::PSUBB, Fixed),
        114 => (Sse::PSUBSB, Fixed),
        115 => (Sse::PSUBUSB, Fixed),
        118 => (Sse::PMINSB, Any),
        119 => (Sse::PMINUB, Any),
        120 => (Sse::PMAXSB, Any),
        121 => (Sse::PMAXUB, Any),
        123 => (Sse::PAVGB, Any),
        133 => (Sse::PACKSSDW, Fixed),
        134 => (Sse::PACKUSDW, Fixed),
        142 => (Sse::PADDW, Any),
        143 => (Sse::PADDSW, Any),
        144 => (Sse::PADDUSW, Any),
        145 => (Sse::PSUBW, Fixed),
        146 => (Sse::PSUBSW, Fixed),
        147 => (Sse::PSUBUSW, Fixed),
        149 => (Sse::PMULLW, Any),
        150 => (Sse::PMINSW, Any),
        151 => (Sse::PMINUW, Any),
        152 => (Sse::PMAXSW, Any),
        153 => (Sse::PMAXUW, Any),
        155 => (Sse::PAVGW, Any),
        174 => (Sse::PADDD, Any),
        177 => (Sse::PSUBD, Fixed),
        181 => (Sse::PMULLD, Any),
        182 => (Sse::PMINSD, Any),
        183 => (Sse::PMINUD, Any),
        184 => (Sse::PMAXSD, Any),
        185 => (Sse::PMAXUD, Any),
        186 => (Sse::PMADDWD, Any),
        206 => (Sse::PADDQ, Any),
        209 => (Sse::PSUBQ, Fixed),
        _ => return None,
    })
}
