//! Relaxed operators. The specification leaves a choice; it is made once, in the optimising tier, and is the same
//! here: `tier/top/translate/relaxed.rs` says which and why.

use super::sse::Sse;
use super::xmm::Order;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::VectorMoves as _;
use crate::tier::baseline::regs::Vreg;

impl Emit<'_> {
    /// An operator from `i8x16.relaxed_swizzle` to `i32x4.relaxed_dot_i8x16_i7x16_add_s`.
    pub(super) fn simd_relaxed_operator(&mut self, number: u32) -> bool {
        match number {
            256 => self.x_binary(Sse::PSHUFB, Order::Fixed),
            261 => self.relaxed_madd(Sse::MULPS, Sse::ADDPS),
            262 => self.relaxed_nmadd(Sse::MULPS, Sse::SUBPS),
            263 => self.relaxed_madd(Sse::MULPD, Sse::ADDPD),
            264 => self.relaxed_nmadd(Sse::MULPD, Sse::SUBPD),
            265..=268 => self.bitselect(),
            // The first operand is the signed one, which the instruction has second.
            274 => self.x_binary_swapped(Sse::PMADDUBSW),
            275 => {
                let sum = self.pop();
                let b = self.pop();
                let a = self.pop();
                let products = self.combine(Sse::PMADDUBSW, b, a, Order::Fixed, None);
                self.pairwise_words(products);
                let sum = self.to_xm_packed(sum);
                self.v3(Sse::PADDD, products, products, sum);
                self.free_xm(sum);
                self.push_vector(products);
            }
            // Those that are the strict operator, or another one.
            _ => return self.simd_arithmetic(number) || self.simd_conversion(number),
        }
        true
    }

    /// The factors of `madd` and `nmadd` become their product; the product and the summand.
    fn product(&mut self, multiply: Sse) -> (Vreg, Vreg) {
        let c = self.pop();
        let (a, b) = self.pop_vectors();
        self.vr(multiply, a, a, b);
        self.free_vreg(b);
        let c = self.to_vreg(c);
        (a, c)
    }

    /// `a * b + c`, rounded twice.
    fn relaxed_madd(&mut self, multiply: Sse, add: Sse) {
        let (product, c) = self.product(multiply);
        self.vr(add, product, product, c);
        self.free_vreg(c);
        self.push_rounded(product, multiply);
    }

    /// `c - a * b`, rounded twice.
    fn relaxed_nmadd(&mut self, multiply: Sse, subtract: Sse) {
        let (product, c) = self.product(multiply);
        let c = if self.temp_vregs.has(c.0) {
            c
        } else {
            let copy = self.alloc_vreg();
            self.move_vreg(copy, c);
            copy
        };
        self.vr(subtract, c, c, product);
        self.free_vreg(product);
        self.push_rounded(c, multiply);
    }

    fn push_rounded(&mut self, reg: Vreg, multiply: Sse) {
        let lane = if multiply == Sse::MULPS { crate::types::ValType::F32 } else { crate::types::ValType::F64 };
        self.canonicalize_lanes(lane, reg);
        self.push_vector(reg);
    }
}
