//! Operands in vector registers: moves, constants, and the two encodings made alike.
//!
//! In: rows of the encoder's table, written with three registers as AVX has them. Out: the same, with a move in
//! front where the legacy encoding needs one. Operators are written once.
//!
//! Not here: where operands are (`stack`), what an operator computes (`float`, `convert`, `simd`).

use super::asm::{Cond, Mem};
use super::sse::{Encoding, Sse, Xm};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, VectorMoves, Width};
use crate::tier::baseline::frame::home_at;
use crate::tier::baseline::locals::VectorTarget;
use crate::tier::baseline::regs::{Gpr, Vreg};
use crate::tier::baseline::stack::{Entry, Kind, NO_PIN};
use crate::types::ValType;

/// Whether the operands of an instruction may change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Any,
    Fixed,
}

/// A constant of four equal lanes.
pub(super) const fn lanes32(lane: u32) -> u128 {
    lane as u128 * 0x1_0000_0001_0000_0001_0000_0001
}

/// A constant of two equal lanes.
pub(super) const fn lanes64(lane: u64) -> u128 {
    lane as u128 * 0x1_0000_0000_0000_0001
}

/// A constant of sixteen equal lanes.
pub(super) const fn lanes8(lane: u8) -> u128 {
    lanes32(lane as u32 * 0x0101_0101)
}

/// A constant of eight equal lanes.
pub(super) const fn lanes16(lane: u16) -> u128 {
    lanes32(lane as u32 * 0x1_0001)
}

impl VectorMoves for Emit<'_> {
    #[inline(always)]
    fn move_vreg(&mut self, dst: Vreg, src: Vreg) {
        self.asm.x2(Sse::MOVAPS, dst, Xm::Reg(src));
    }

    #[inline(always)]
    fn zero_vreg(&mut self, dst: Vreg) {
        self.asm.x3(Sse::XORPS, dst, dst, Xm::Reg(dst));
    }

    #[inline(always)]
    fn load_vreg(&mut self, ty: ValType, dst: Vreg, mem: Mem) {
        self.asm.x2(load_row(ty), dst, Xm::Mem(mem));
    }

    #[inline(always)]
    fn store_vreg(&mut self, ty: ValType, mem: Mem, src: Vreg) {
        let row = match ty {
            ValType::F32 => Sse::MOVSS_STORE,
            ValType::F64 => Sse::MOVSD_STORE,
            _ => Sse::MOVUPS_STORE,
        };
        self.asm.mx(row, mem, src);
    }

    /// Copies a constant operand into a register.
    fn load_vreg_const(&mut self, dst: Vreg, entry: Entry) {
        let vector = entry.ty == ValType::V128;
        let bits = if vector { self.vector_const(entry) } else { u128::from(entry.bits) };
        if bits == 0 {
            self.zero_vreg(dst);
        } else if vector && bits == u128::MAX {
            self.ones_vreg(dst);
        } else {
            let place = self.pool_entry(entry);
            self.asm.x2(load_row(entry.ty), dst, place);
        }
    }

    fn gpr_to_vreg(&mut self, width: Width, dst: Vreg, src: Gpr) {
        self.asm.xg(if width == Width::W32 { Sse::MOVD_IN } else { Sse::MOVQ_IN }, dst, src);
    }
}

/// Constants, and other moves.
impl Emit<'_> {
    /// Sets all bits.
    pub(super) fn ones_vreg(&mut self, dst: Vreg) {
        self.asm.x3(Sse::PCMPEQD, dst, dst, Xm::Reg(dst));
    }

    pub(super) fn vreg_to_gpr(&mut self, width: Width, dst: Gpr, src: Vreg) {
        self.asm.gx_out(if width == Width::W32 { Sse::MOVD_OUT } else { Sse::MOVQ_OUT }, dst, src);
    }

    /// The operand of an instruction that is this constant; equal constants of a function share their place.
    pub(super) fn pool_wide(&mut self, bits: u128) -> Xm {
        Xm::Pool(self.asm.pool.wide(bits))
    }

    /// As [`Emit::pool_wide`], for constants of up to 8 bytes.
    pub(super) fn pool_narrow(&mut self, bits: u64) -> Xm {
        Xm::Pool(self.asm.pool.narrow(bits))
    }

    /// The place of a constant operand.
    pub(super) fn pool_entry(&mut self, entry: Entry) -> Xm {
        if entry.ty == ValType::V128 {
            let bits = self.vector_const(entry);
            self.pool_wide(bits)
        } else {
            self.pool_narrow(entry.bits)
        }
    }

    /// As [`Emit::to_xm`], but an operand that a legacy instruction would need aligned gets a register.
    #[inline]
    pub(super) fn to_xm_packed(&mut self, entry: Entry) -> Xm {
        match self.to_xm(entry) {
            Xm::Mem(mem) if self.asm.encoding == Encoding::Legacy => {
                let reg = self.alloc_vreg();
                self.load_vreg(entry.ty, reg, mem);
                Xm::Reg(reg)
            }
            other => other,
        }
    }
}

fn load_row(ty: ValType) -> Sse {
    match ty {
        ValType::F32 => Sse::MOVSS_LOAD,
        ValType::F64 => Sse::MOVSD_LOAD,
        _ => Sse::MOVUPS_LOAD,
    }
}

/// Instructions with three registers. `dst` may be `a`; it may be `b` only if it is `a`, too.
impl Emit<'_> {
    /// Puts `a` into `dst` if the encoding wants it there; what is to be named as the first operand.
    #[inline]
    fn first(&mut self, dst: Vreg, a: Vreg) -> Vreg {
        if self.asm.encoding == Encoding::Vex || dst == a {
            return a;
        }
        self.move_vreg(dst, a);
        dst
    }

    /// `dst = a op b`.
    #[inline]
    pub(super) fn v3(&mut self, row: Sse, dst: Vreg, a: Vreg, b: Xm) {
        debug_assert!(self.asm.encoding == Encoding::Vex || dst == a || b != Xm::Reg(dst), "overwritten before use");
        let a = self.first(dst, a);
        self.asm.x3(row, dst, a, b);
    }

    /// `dst = a op b`, both in registers.
    #[inline]
    pub(super) fn vr(&mut self, row: Sse, dst: Vreg, a: Vreg, b: Vreg) {
        self.v3(row, dst, a, Xm::Reg(b));
    }

    /// `dst = a op constant`.
    pub(super) fn vc(&mut self, row: Sse, dst: Vreg, a: Vreg, constant: u128) {
        let b = self.pool_wide(constant);
        self.v3(row, dst, a, b);
    }

    /// `dst = op(a, b, imm)`.
    pub(super) fn v3i(&mut self, row: Sse, dst: Vreg, a: Vreg, b: Xm, imm: u8) {
        debug_assert!(self.asm.encoding == Encoding::Vex || dst == a || b != Xm::Reg(dst), "overwritten before use");
        let a = self.first(dst, a);
        self.asm.x3i(row, dst, a, b, imm);
    }

    /// `dst = a shifted by imm`.
    pub(super) fn v_shift(&mut self, row: Sse, dst: Vreg, a: Vreg, imm: u8) {
        let a = self.first(dst, a);
        self.asm.x_shift_imm(row, dst, a, imm);
    }

    /// `dst = op(src)` on the lowest lane, for instructions that keep the other lanes of a register: none that
    /// is still being computed.
    pub(super) fn scalar2(&mut self, row: Sse, dst: Vreg, src: Xm) {
        match src {
            Xm::Reg(reg) if self.asm.encoding == Encoding::Vex => self.asm.x3(row, dst, reg, src),
            Xm::Reg(reg) if reg == dst => self.asm.x3(row, dst, dst, src),
            _ => {
                self.zero_vreg(dst);
                self.asm.x3(row, dst, dst, src);
            }
        }
    }
}

/// Operands of instructions.
impl Emit<'_> {
    #[inline(always)]
    fn local_xm(&self, index: u64) -> Xm {
        let local = self.local(index as u32);
        if local.pin != NO_PIN { Xm::Reg(Vreg(local.pin)) } else { Xm::Mem(self.frame.local_mem(index as u32)) }
    }

    /// As a vector register, in memory or in the pool of constants. To be freed with [`Emit::free_xm`].
    #[inline(always)]
    pub(super) fn to_xm(&mut self, entry: Entry) -> Xm {
        match entry.kind {
            Kind::Reg => Xm::Reg(Vreg(entry.reg)),
            Kind::Local => self.local_xm(entry.bits),
            Kind::Home => Xm::Mem(home_at(entry.bits as i32)),
            Kind::Const => self.pool_entry(entry),
        }
    }

    #[inline(always)]
    pub(super) fn free_xm(&mut self, xm: Xm) {
        if let Xm::Reg(reg) = xm {
            self.free_vreg(reg);
        }
    }
}

/// Popped operands become a result.
impl Emit<'_> {
    /// Whether the register of an operand may be written by its operator.
    #[inline]
    fn is_temp(&self, entry: Entry) -> bool {
        entry.kind == Kind::Reg && self.temp_vregs.has(entry.reg)
    }

    /// `a op b` in a register of the result's own, or in the target. Vectors are read whole.
    pub(super) fn combine(&mut self, row: Sse, a: Entry, b: Entry, order: Order, target: Option<VectorTarget>) -> Vreg {
        let is_target = |entry| target.is_some_and(|target| self.vreg_of(entry) == Some(target.pin));
        let better = is_target(b) || self.is_temp(b) && !self.is_temp(a) && !is_target(a);
        let (a, b) = if order == Order::Any && better { (b, a) } else { (a, b) };
        match self.asm.encoding {
            Encoding::Vex => {
                let first = self.to_vreg(a);
                let second = self.to_xm(b);
                let dst = match (target, second) {
                    (Some(target), _) => target.pin,
                    _ if self.temp_vregs.has(first.0) => first,
                    (_, Xm::Reg(reg)) if self.temp_vregs.has(reg.0) => reg,
                    _ => self.alloc_vreg(),
                };
                self.asm.x3(row, dst, first, second);
                if first != dst {
                    self.free_vreg(first);
                }
                if second != Xm::Reg(dst) && second != Xm::Reg(first) {
                    self.free_xm(second);
                }
                dst
            }
            Encoding::Legacy => {
                let second = if a.ty == ValType::V128 { self.to_xm_packed(b) } else { self.to_xm(b) };
                let dst = match (target, self.vreg_of(a)) {
                    (Some(target), Some(first)) if first == target.pin && second != Xm::Reg(first) => first,
                    _ => self.to_temp_vreg(a),
                };
                self.asm.x3(row, dst, dst, second);
                self.free_xm(second);
                dst
            }
        }
    }

    /// An operator with two operands that is one instruction.
    #[inline]
    pub(super) fn x_binary(&mut self, row: Sse, order: Order) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(row, a, b, order, target);
        self.vector_result(a.ty, dst, target);
    }

    /// As [`Emit::x_binary`] with the operands in the other order.
    pub(super) fn x_binary_swapped(&mut self, row: Sse) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(row, b, a, Order::Fixed, target);
        self.vector_result(a.ty, dst, target);
    }

    /// The register for a result: the operand's if it is its own, which it is then not any more.
    pub(super) fn result_vreg(&mut self, operand: Xm) -> Vreg {
        match operand {
            Xm::Reg(reg) if self.temp_vregs.has(reg.0) => reg,
            _ => self.alloc_vreg(),
        }
    }

    /// Replaces NaNs in `x` by the canonical one if the engine was asked to.
    pub(super) fn canonicalize(&mut self, ty: ValType, x: Vreg) {
        if !self.options.canonicalize_nans {
            return;
        }
        let (row, canonical) = match ty {
            ValType::F32 => (Sse::UCOMISS, 0x7fc0_0000),
            _ => (Sse::UCOMISD, 0x7ff8_0000_0000_0000),
        };
        self.asm.x2(row, x, Xm::Reg(x));
        let ordered = self.asm.jcc_short(Cond::NotParity);
        let canonical = self.pool_narrow(canonical);
        self.asm.x2(load_row(ty), x, canonical);
        self.asm.land(ordered);
    }
}
