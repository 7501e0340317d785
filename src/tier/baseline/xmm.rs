//! Operands in vector registers: moves, constants, and the two encodings made alike.
//!
//! In: rows of the encoder's table, written with three registers as AVX has them. Out: the same, with a move in
//! front where the legacy encoding needs one. Operators are written once.
//!
//! Not here: where operands are (`stack`), what an operator computes (`float`, `convert`, `simd`).

use super::Emit;
use super::stack::{Entry, Kind, NO_PIN, in_xmm};
use super::x64::asm::{Cond, Mem, Width};
use super::x64::regs::{Gpr, Xmm};
use super::x64::sse::{Encoding, Sse, Xm};
use crate::types::ValType;

/// Whether the operands of an instruction may change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Any,
    Fixed,
}

/// A pinned local that the next operator sets, which has been consumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorTarget {
    pin: Xmm,
    local: u32,
    /// Whether the value stays on the stack, too.
    tee: bool,
}

/// A constant of four equal lanes.
pub(crate) const fn lanes32(lane: u32) -> u128 {
    lane as u128 * 0x1_0000_0001_0000_0001_0000_0001
}

/// A constant of two equal lanes.
pub(crate) const fn lanes64(lane: u64) -> u128 {
    lane as u128 * 0x1_0000_0000_0000_0001
}

/// A constant of sixteen equal lanes.
pub(crate) const fn lanes8(lane: u8) -> u128 {
    lanes32(lane as u32 * 0x0101_0101)
}

/// A constant of eight equal lanes.
pub(crate) const fn lanes16(lane: u16) -> u128 {
    lanes32(lane as u32 * 0x1_0001)
}

/// Moves.
impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn move_xmm(&mut self, dst: Xmm, src: Xmm) {
        self.asm.x2(Sse::MOVAPS, dst, Xm::Reg(src));
    }

    #[inline(always)]
    pub(crate) fn zero_xmm(&mut self, dst: Xmm) {
        self.asm.x3(Sse::XORPS, dst, dst, Xm::Reg(dst));
    }

    /// Sets all bits.
    pub(crate) fn ones_xmm(&mut self, dst: Xmm) {
        self.asm.x3(Sse::PCMPEQD, dst, dst, Xm::Reg(dst));
    }

    pub(crate) fn gpr_to_xmm(&mut self, width: Width, dst: Xmm, src: Gpr) {
        self.asm.xg(if width == Width::W32 { Sse::MOVD_IN } else { Sse::MOVQ_IN }, dst, src);
    }

    pub(crate) fn xmm_to_gpr(&mut self, width: Width, dst: Gpr, src: Xmm) {
        self.asm.gx_out(if width == Width::W32 { Sse::MOVD_OUT } else { Sse::MOVQ_OUT }, dst, src);
    }

    #[inline(always)]
    pub(crate) fn load_xmm(&mut self, ty: ValType, dst: Xmm, mem: Mem) {
        self.asm.x2(load_row(ty), dst, Xm::Mem(mem));
    }

    #[inline(always)]
    pub(crate) fn store_xmm(&mut self, ty: ValType, mem: Mem, src: Xmm) {
        let row = match ty {
            ValType::F32 => Sse::MOVSS_STORE,
            ValType::F64 => Sse::MOVSD_STORE,
            _ => Sse::MOVUPS_STORE,
        };
        self.asm.mx(row, mem, src);
    }

    /// The operand of an instruction that is this constant; equal constants of a function share their place.
    pub(crate) fn pool_wide(&mut self, bits: u128) -> Xm {
        Xm::Pool(self.asm.pool.wide(bits))
    }

    /// As [`Emit::pool_wide`], for constants of up to 8 bytes.
    pub(crate) fn pool_narrow(&mut self, bits: u64) -> Xm {
        Xm::Pool(self.asm.pool.narrow(bits))
    }

    /// The place of a constant operand.
    pub(crate) fn pool_entry(&mut self, entry: Entry) -> Xm {
        if entry.ty == ValType::V128 {
            let bits = self.vector_const(entry);
            self.pool_wide(bits)
        } else {
            self.pool_narrow(entry.bits)
        }
    }

    /// The value of a constant v128.
    pub(crate) fn vector_const(&self, entry: Entry) -> u128 {
        let start = entry.bits as usize;
        u128::from_le_bytes(self.code[start..start + 16].try_into().expect("sixteen bytes"))
    }

    /// Copies a constant operand into a register.
    pub(crate) fn load_xmm_const(&mut self, dst: Xmm, entry: Entry) {
        let vector = entry.ty == ValType::V128;
        let bits = if vector { self.vector_const(entry) } else { u128::from(entry.bits) };
        if bits == 0 {
            self.zero_xmm(dst);
        } else if vector && bits == u128::MAX {
            self.ones_xmm(dst);
        } else {
            let place = self.pool_entry(entry);
            self.asm.x2(load_row(entry.ty), dst, place);
        }
    }

    /// As [`Emit::to_xm`], but an operand that a legacy instruction would need aligned gets a register.
    #[inline]
    pub(crate) fn to_xm_packed(&mut self, entry: Entry) -> Xm {
        match self.to_xm(entry) {
            Xm::Mem(mem) if self.asm.encoding == Encoding::Legacy => {
                let reg = self.alloc_xmm();
                self.load_xmm(entry.ty, reg, mem);
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
    fn first(&mut self, dst: Xmm, a: Xmm) -> Xmm {
        if self.asm.encoding == Encoding::Vex || dst == a {
            return a;
        }
        self.move_xmm(dst, a);
        dst
    }

    /// `dst = a op b`.
    #[inline]
    pub(crate) fn v3(&mut self, row: Sse, dst: Xmm, a: Xmm, b: Xm) {
        debug_assert!(self.asm.encoding == Encoding::Vex || dst == a || b != Xm::Reg(dst), "overwritten before use");
        let a = self.first(dst, a);
        self.asm.x3(row, dst, a, b);
    }

    /// `dst = a op b`, both in registers.
    #[inline]
    pub(crate) fn vr(&mut self, row: Sse, dst: Xmm, a: Xmm, b: Xmm) {
        self.v3(row, dst, a, Xm::Reg(b));
    }

    /// `dst = a op constant`.
    pub(crate) fn vc(&mut self, row: Sse, dst: Xmm, a: Xmm, constant: u128) {
        let b = self.pool_wide(constant);
        self.v3(row, dst, a, b);
    }

    /// `dst = op(a, b, imm)`.
    pub(crate) fn v3i(&mut self, row: Sse, dst: Xmm, a: Xmm, b: Xm, imm: u8) {
        debug_assert!(self.asm.encoding == Encoding::Vex || dst == a || b != Xm::Reg(dst), "overwritten before use");
        let a = self.first(dst, a);
        self.asm.x3i(row, dst, a, b, imm);
    }

    /// `dst = a shifted by imm`.
    pub(crate) fn v_shift(&mut self, row: Sse, dst: Xmm, a: Xmm, imm: u8) {
        let a = self.first(dst, a);
        self.asm.x_shift_imm(row, dst, a, imm);
    }

    /// `dst = op(src)` on the lowest lane, for instructions that keep the other lanes of a register: none that
    /// is still being computed.
    pub(crate) fn scalar2(&mut self, row: Sse, dst: Xmm, src: Xm) {
        match src {
            Xm::Reg(reg) if self.asm.encoding == Encoding::Vex => self.asm.x3(row, dst, reg, src),
            Xm::Reg(reg) if reg == dst => self.asm.x3(row, dst, dst, src),
            _ => {
                self.zero_xmm(dst);
                self.asm.x3(row, dst, dst, src);
            }
        }
    }
}

/// Popped operands become a result.
impl Emit<'_> {
    /// Whether the register of an operand may be written by its operator.
    #[inline]
    fn is_temp(&self, entry: Entry) -> bool {
        entry.kind == Kind::Reg && self.temp_xmms.has(entry.reg)
    }

    /// `a op b` in a register of the result's own, or in the target. Vectors are read whole.
    pub(crate) fn combine(&mut self, row: Sse, a: Entry, b: Entry, order: Order, target: Option<VectorTarget>) -> Xmm {
        let is_target = |entry| target.is_some_and(|target| self.xmm_of(entry) == Some(target.pin));
        let better = is_target(b) || self.is_temp(b) && !self.is_temp(a) && !is_target(a);
        let (a, b) = if order == Order::Any && better { (b, a) } else { (a, b) };
        match self.asm.encoding {
            Encoding::Vex => {
                let first = self.to_xmm(a);
                let second = self.to_xm(b);
                let dst = match (target, second) {
                    (Some(target), _) => target.pin,
                    _ if self.temp_xmms.has(first.0) => first,
                    (_, Xm::Reg(reg)) if self.temp_xmms.has(reg.0) => reg,
                    _ => self.alloc_xmm(),
                };
                self.asm.x3(row, dst, first, second);
                if first != dst {
                    self.free_xmm(first);
                }
                if second != Xm::Reg(dst) && second != Xm::Reg(first) {
                    self.free_xm(second);
                }
                dst
            }
            Encoding::Legacy => {
                let second = if a.ty == ValType::V128 { self.to_xm_packed(b) } else { self.to_xm(b) };
                let dst = match (target, self.xmm_of(a)) {
                    (Some(target), Some(first)) if first == target.pin && second != Xm::Reg(first) => first,
                    _ => self.to_temp_xmm(a),
                };
                self.asm.x3(row, dst, dst, second);
                self.free_xm(second);
                dst
            }
        }
    }

    /// An operator with two operands that is one instruction.
    #[inline]
    pub(crate) fn x_binary(&mut self, row: Sse, order: Order) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(row, a, b, order, target);
        self.vector_result(a.ty, dst, target);
    }

    /// As [`Emit::x_binary`] with the operands in the other order.
    pub(crate) fn x_binary_swapped(&mut self, row: Sse) {
        let b = self.pop();
        let a = self.pop();
        let target = self.vector_target();
        let dst = self.combine(row, b, a, Order::Fixed, target);
        self.vector_result(a.ty, dst, target);
    }

    /// As [`Emit::target`], for locals in vector registers.
    #[inline(always)]
    pub(crate) fn vector_target(&mut self) -> Option<VectorTarget> {
        let opcode = self.peek();
        if opcode != 0x21 && opcode != 0x22 {
            return None;
        }
        let mut at = self.pc + 1;
        let local = super::decode::u32_at(self.code, &mut at);
        let super::Local { ty, pin, .. } = self.locals[local as usize];
        if pin == NO_PIN || !in_xmm(ty) {
            return None;
        }
        self.pc = at;
        self.read_before_write(local);
        Some(VectorTarget { pin: Xmm(pin), local, tee: opcode == 0x22 })
    }

    /// Pushes the result of an operator, which is in `reg`; or, with a target, in its pin.
    #[inline(always)]
    pub(crate) fn vector_result(&mut self, ty: ValType, reg: Xmm, target: Option<VectorTarget>) {
        let Some(target) = target else { return self.push_xmm(ty, reg) };
        if reg != target.pin {
            self.move_xmm(target.pin, reg);
            self.free_xmm(reg);
        }
        self.write_through(target.local);
        if target.tee {
            self.push(Entry::local(ty, target.local));
        }
    }

    /// A register for a result that is computed from nothing in a register.
    #[inline(always)]
    pub(crate) fn vector_result_register(&mut self, target: Option<VectorTarget>) -> Xmm {
        match target {
            Some(target) => target.pin,
            None => self.alloc_xmm(),
        }
    }

    /// The register for a result: the operand's if it is its own, which it is then not any more.
    pub(crate) fn result_xmm(&mut self, operand: Xm) -> Xmm {
        match operand {
            Xm::Reg(reg) if self.temp_xmms.has(reg.0) => reg,
            _ => self.alloc_xmm(),
        }
    }

    /// Replaces NaNs in `x` by the canonical one if the engine was asked to.
    pub(crate) fn canonicalize(&mut self, ty: ValType, x: Xmm) {
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
