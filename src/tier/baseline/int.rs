//! Integers: arithmetic, comparisons, extensions. And locals and globals, whatever their type.
//!
//! Where the next operator sets a pinned local, the result is computed in its register.

use super::Emit;
use super::select::Test;
use super::stack::{Entry, Kind, NO_PIN, Rmi, Upper, in_xmm, width};
use super::x64::asm::{Alu, Cond, Mem, Rm, Shift, Width};
use super::x64::regs::{Gpr, SCRATCH, VMCTX, Xmm};
use crate::abi::vmctx::Place;
use crate::types::{GlobalIndex, ValType};

/// A pinned local that the next operator sets, which has been consumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) pin: Gpr,
    local: u32,
    /// Whether the value stays on the stack, too.
    tee: bool,
}

/// Locals.
impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn local_get(&mut self) {
        let index = self.u32();
        let ty = self.local(index).ty;
        self.push(Entry::local(ty, index));
    }

    pub(crate) fn local_set(&mut self) {
        let index = self.u32();
        let value = self.pop();
        self.assign(index, value);
        self.free_entry(value);
    }

    pub(crate) fn local_tee(&mut self) {
        let index = self.u32();
        let value = self.pop();
        self.assign(index, value);
        let local = self.local(index);
        if local.pin != NO_PIN {
            self.free_entry(value);
            self.push(Entry::local(local.ty, index));
        } else if value.kind == Kind::Home {
            // Its home is this position's.
            self.push_home(value.ty);
        } else {
            self.push(value);
        }
    }

    /// Gives a local the value of a popped operand, which keeps its register.
    fn assign(&mut self, index: u32, value: Entry) {
        self.read_before_write(index);
        let local = self.local(index);
        if local.pin == NO_PIN {
            if value.kind == Kind::Local && value.bits == u64::from(index) {
                return;
            }
            let home = self.frame.local_mem(index);
            self.store_entry(value, home);
        } else if in_xmm(local.ty) {
            self.load_xmm_entry(Xmm(local.pin), value);
            self.write_through(index);
        } else {
            // 32 bits of an i32, so that the upper half of a pin is always 0.
            self.load_entry(Gpr(local.pin), value);
            self.write_through(index);
        }
    }

    /// If the next operator sets a pinned integer local, consumes it: the result goes straight there. The operands
    /// are popped already; those that remain read the local first if they have not yet.
    #[inline(always)]
    pub(crate) fn target(&mut self) -> Option<Target> {
        let opcode = self.peek();
        if opcode != 0x21 && opcode != 0x22 {
            return None;
        }
        self.target_of_set(opcode)
    }

    fn target_of_set(&mut self, opcode: u8) -> Option<Target> {
        let mut at = self.pc + 1;
        let local = super::decode::u32_at(self.code, &mut at);
        let super::Local { ty, pin, .. } = self.local(local);
        if pin == NO_PIN || in_xmm(ty) {
            return None;
        }
        self.pc = at;
        self.read_before_write(local);
        Some(Target { pin: Gpr(pin), local, tee: opcode == 0x22 })
    }

    /// Pushes the result of an operator, which is in `reg`; or, with a target, in its pin.
    #[inline(always)]
    pub(crate) fn result(&mut self, ty: ValType, reg: Gpr, target: Option<Target>) {
        match target {
            None => self.push_gpr(ty, reg),
            Some(target) => {
                if reg != target.pin {
                    self.asm.mov_rr(width(ty), target.pin, reg);
                    self.free(reg);
                }
                self.write_through(target.local);
                if target.tee {
                    self.push(Entry::local(ty, target.local));
                }
            }
        }
    }

    /// A register for a result that is computed from nothing in a register.
    #[inline(always)]
    pub(crate) fn result_register(&mut self, target: Option<Target>) -> Gpr {
        match target {
            Some(target) => target.pin,
            None => self.alloc(),
        }
    }

    pub(crate) fn global_get(&mut self) {
        let global = GlobalIndex(self.u32());
        let ty = self.module.globals()[global.index()].content;
        let mem = self.place(self.layout.global(global));
        if in_xmm(ty) {
            let reg = self.alloc_xmm();
            self.load_xmm(ty, reg, mem);
            self.push_xmm(ty, reg);
        } else {
            let target = self.target();
            let reg = self.result_register(target);
            self.asm.load(width(ty), reg, mem);
            self.result(ty, reg, target);
        }
    }

    pub(crate) fn global_set(&mut self) {
        let global = GlobalIndex(self.u32());
        let value = self.pop();
        if in_xmm(value.ty) {
            let reg = self.to_xmm(value);
            let mem = self.place(self.layout.global(global));
            self.store_xmm(value.ty, mem, reg);
            self.free_xmm(reg);
        } else if let Some(imm) = value.as_imm() {
            let mem = self.place(self.layout.global(global));
            self.asm.store_imm(width(value.ty), mem, imm);
        } else {
            let reg = self.to_gpr(value);
            let mem = self.place(self.layout.global(global));
            self.asm.store(width(value.ty), mem, reg);
            self.free(reg);
        }
    }

    /// Where a definition is. Uses the scratch register for an imported one.
    pub(crate) fn place(&mut self, place: Place) -> Mem {
        match place {
            Place::Own(offset) => Mem::base(VMCTX, offset),
            Place::Imported(offset) => {
                self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, offset));
                Mem::base(SCRATCH, 0)
            }
        }
    }
}

/// Arithmetic.
impl Emit<'_> {
    /// `add`, `and`, `or`, `xor`, `sub`.
    pub(crate) fn alu(&mut self, op: Alu, ty: ValType) {
        let mut rhs = self.pop();
        let mut lhs = self.pop();
        let target = self.target();
        let commutes = op != Alu::Sub;
        if commutes {
            let is_target = |entry| target.is_some_and(|target| self.is_pin(entry, target.pin));
            let better = rhs.kind == Kind::Reg && lhs.kind != Kind::Reg && !is_target(lhs);
            if lhs.kind == Kind::Const || is_target(rhs) || better {
                std::mem::swap(&mut lhs, &mut rhs);
            }
        }
        let width = width(ty);
        let source = self.to_rmi(rhs);
        if let Some(sum) = self.sum(op, lhs, source, target) {
            let dst = match target {
                Some(target) => target.pin,
                None => {
                    if let Rmi::Rm(rm) = source {
                        self.free_rm(rm);
                    }
                    self.alloc()
                }
            };
            self.asm.lea(width, dst, sum);
            if target.is_some()
                && let Rmi::Rm(rm) = source
            {
                self.free_rm(rm);
            }
            return self.result(ty, dst, target);
        }
        let dst = match target {
            Some(target) if source != Rmi::Rm(Rm::Reg(target.pin)) || self.is_pin(lhs, target.pin) => {
                self.load_entry(target.pin, lhs);
                self.free_entry(lhs);
                target.pin
            }
            _ => self.to_temp(lhs),
        };
        match source {
            Rmi::Imm(imm) => self.asm.alu_imm(op, width, Rm::Reg(dst), imm),
            Rmi::Rm(rm) => {
                self.asm.alu(op, width, dst, rm);
                self.free_rm(rm);
            }
        }
        self.result(ty, dst, target);
    }

    /// Whether an operand is the local in this register.
    fn is_pin(&self, entry: Entry, pin: Gpr) -> bool {
        entry.kind == Kind::Local && self.local_rm(entry.bits) == Rm::Reg(pin)
    }

    /// An address that is the sum, if that saves a move: the left operand is a pinned local that is not the target.
    fn sum(&self, op: Alu, lhs: Entry, source: Rmi, target: Option<Target>) -> Option<Mem> {
        if lhs.kind != Kind::Local || op != Alu::Add && op != Alu::Sub {
            return None;
        }
        let Rm::Reg(base) = self.local_rm(lhs.bits) else { return None };
        if target.is_some_and(|target| target.pin == base) {
            return None;
        }
        match (op, source) {
            (Alu::Add, Rmi::Imm(imm)) => Some(Mem::base(base, imm)),
            (Alu::Sub, Rmi::Imm(imm)) if imm != i32::MIN => Some(Mem::base(base, -imm)),
            (Alu::Add, Rmi::Rm(Rm::Reg(index))) => Some(Mem::indexed(base, index, 0, 0)),
            _ => None,
        }
    }

    pub(crate) fn mul(&mut self, ty: ValType) {
        let mut rhs = self.pop();
        let mut lhs = self.pop();
        if lhs.kind == Kind::Const || rhs.kind == Kind::Reg && lhs.kind != Kind::Reg {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let width = width(ty);
        let target = self.target();
        if let Some(imm) = rhs.as_imm() {
            return self.mul_imm(ty, lhs, imm, target);
        }
        let dst = self.to_temp(lhs);
        let source = self.to_rm(rhs);
        self.asm.imul(width, dst, source);
        self.free_rm(source);
        self.result(ty, dst, target);
    }

    fn mul_imm(&mut self, ty: ValType, lhs: Entry, imm: i32, target: Option<Target>) {
        let width = width(ty);
        if imm > 0 && imm.count_ones() == 1 {
            let dst = self.writable(lhs, target);
            let count = imm.trailing_zeros() as u8;
            if count != 0 {
                self.asm.shift_imm(Shift::Shl, width, dst, count);
            } else if width == Width::W32 {
                // Nothing else clears the upper half.
                self.asm.mov_rr(width, dst, dst);
            }
            return self.result(ty, dst, target);
        }
        let source = self.to_rm(lhs);
        self.free_rm(source);
        let dst = self.result_register(target);
        match (imm, source) {
            (3 | 5 | 9, Rm::Reg(reg)) => {
                self.asm.lea(width, dst, Mem::indexed(reg, reg, (imm - 1).trailing_zeros() as u8, 0));
            }
            _ => self.asm.imul_imm(width, dst, source, imm),
        }
        self.result(ty, dst, target);
    }

    /// A copy of an operand that may be written: in the target, or in a register of the operator's.
    pub(crate) fn writable(&mut self, entry: Entry, target: Option<Target>) -> Gpr {
        match target {
            Some(target) => {
                self.load_entry(target.pin, entry);
                self.free_entry(entry);
                target.pin
            }
            None => self.to_temp(entry),
        }
    }

    pub(crate) fn shift(&mut self, op: Shift, ty: ValType) {
        let count = self.pop();
        let value = self.pop();
        let width = width(ty);
        if let Some(bits) = count.as_const() {
            let target = self.target();
            let mask = if width == Width::W32 { 31 } else { 63 };
            let count = (bits & mask) as u8;
            if matches!(op, Shift::Rol | Shift::Ror) && self.options.cpu.bmi2 && count != 0 {
                let right = if op == Shift::Ror { count } else { mask as u8 + 1 - count };
                let source = self.to_rm(value);
                self.free_rm(source);
                let dst = self.result_register(target);
                self.asm.rorx(width, dst, source, right);
                return self.result(ty, dst, target);
            }
            let dst = self.writable(value, target);
            if bits & mask != 0 {
                self.asm.shift_imm(op, width, dst, (bits & mask) as u8);
            } else if width == Width::W32 && value.upper == Upper::Unknown {
                // Nothing else clears the upper half.
                self.asm.mov_rr(width, dst, dst);
            }
            return self.result(ty, dst, target);
        }
        if self.options.cpu.bmi2 && !matches!(op, Shift::Rol | Shift::Ror) {
            let count = self.to_gpr(count);
            let source = self.to_rm(value);
            let target = self.target();
            self.free_rm(source);
            self.free(count);
            let dst = self.result_register(target);
            self.asm.shift_x(op, width, dst, source, count);
            return self.result(ty, dst, target);
        }
        let mut dst = self.to_temp(value);
        if count.kind != Kind::Reg || count.reg != Gpr::RCX.0 {
            if dst == Gpr::RCX {
                dst = self.alloc();
                self.asm.mov_rr(Width::W64, dst, Gpr::RCX);
            } else {
                self.take(Gpr::RCX);
            }
            self.load_entry(Gpr::RCX, count);
            self.free_entry(count);
        }
        self.asm.shift_cl(op, width, dst);
        self.free(Gpr::RCX);
        self.push_gpr(ty, dst);
    }

    pub(crate) fn compare_with(&mut self, rm: Rm, width: Width, imm: i32) {
        match rm {
            Rm::Reg(reg) if imm == 0 => self.asm.test(width, reg, reg),
            _ => self.asm.alu_imm(Alu::Cmp, width, rm, imm),
        }
    }

    pub(crate) fn compare(&mut self, cond: Cond, ty: ValType) {
        let mut rhs = self.pop();
        let mut lhs = self.pop();
        let mut cond = cond;
        if lhs.kind == Kind::Const {
            std::mem::swap(&mut lhs, &mut rhs);
            cond = cond.swapped();
        }
        let width = width(ty);
        let first = self.to_rm(lhs);
        let first = match (first, self.to_rmi(rhs)) {
            (first, Rmi::Imm(imm)) => {
                self.compare_with(first, width, imm);
                first
            }
            (Rm::Mem(mem), Rmi::Rm(Rm::Reg(second))) => {
                self.asm.alu_mem(Alu::Cmp, width, mem, second);
                self.free(second);
                first
            }
            (first, Rmi::Rm(second)) => {
                let reg = match first {
                    Rm::Reg(reg) => reg,
                    Rm::Mem(mem) => {
                        let reg = self.alloc();
                        self.asm.load(width, reg, mem);
                        reg
                    }
                };
                self.asm.alu(Alu::Cmp, width, reg, second);
                self.free_rm(second);
                Rm::Reg(reg)
            }
        };
        self.free_rm(first);
        self.flags(Test::One(cond));
    }

    pub(crate) fn eqz(&mut self) {
        let entry = self.pop();
        let rm = self.to_rm(entry);
        self.compare_with(rm, width(entry.ty), 0);
        self.free_rm(rm);
        self.flags(Test::One(Cond::Equal));
    }
}

/// Operators on one integer.
impl Emit<'_> {
    /// Computes a result from an operand in a register or in memory.
    fn unary(&mut self, ty: ValType, emit: impl FnOnce(&mut Self, Gpr, Rm)) {
        let entry = self.pop();
        let source = self.to_rm(entry);
        let target = self.target();
        self.free_rm(source);
        let dst = self.result_register(target);
        emit(self, dst, source);
        self.result(ty, dst, target);
    }

    pub(crate) fn clz(&mut self, ty: ValType) {
        let width = width(ty);
        let lzcnt = self.options.cpu.lzcnt;
        self.unary(ty, |e, dst, source| {
            if lzcnt {
                return e.asm.lzcnt(width, dst, source);
            }
            let last = if width == Width::W32 { 31 } else { 63 };
            e.asm.bsr(width, dst, source);
            e.asm.mov_imm32(SCRATCH, 2 * last + 1);
            e.asm.cmov(Cond::Equal, width, dst, Rm::Reg(SCRATCH));
            e.asm.alu_imm(Alu::Xor, width, Rm::Reg(dst), last as i32);
        });
    }

    pub(crate) fn ctz(&mut self, ty: ValType) {
        let width = width(ty);
        let bmi1 = self.options.cpu.bmi1;
        self.unary(ty, |e, dst, source| {
            if bmi1 {
                return e.asm.tzcnt(width, dst, source);
            }
            e.asm.bsf(width, dst, source);
            e.asm.mov_imm32(SCRATCH, if width == Width::W32 { 32 } else { 64 });
            e.asm.cmov(Cond::Equal, width, dst, Rm::Reg(SCRATCH));
        });
    }

    pub(crate) fn popcnt(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.popcnt(width(ty), dst, source));
    }

    pub(crate) fn extend8(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.movsx8(width(ty), dst, source));
    }

    pub(crate) fn extend16(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.movsx16(width(ty), dst, source));
    }

    /// `i64.extend32_s` and `i64.extend_i32_s`.
    pub(crate) fn extend32(&mut self) {
        self.unary(ValType::I64, |e, dst, source| e.asm.movsx32(dst, source));
    }

    /// `i64.extend_i32_u`.
    pub(crate) fn extend_unsigned(&mut self) {
        let entry = self.pop();
        if entry.kind == Kind::Const {
            return self.push_const(ValType::I64, entry.bits);
        }
        let reg = self.clean_temp(entry);
        self.push_gpr(ValType::I64, reg);
    }

    /// `i32.wrap_i64`: no instruction. What is above the lower half is not known any more.
    pub(crate) fn wrap(&mut self) {
        let mut entry = self.pop();
        entry.ty = ValType::I32;
        match entry.kind {
            Kind::Const => entry.bits = u64::from(entry.bits as u32),
            Kind::Local | Kind::Reg => entry.upper = Upper::Unknown,
            Kind::Home => {}
        }
        self.push(entry);
    }

    /// `ref.is_null`: null is 0.
    pub(crate) fn ref_is_null(&mut self) {
        self.eqz();
    }
}
