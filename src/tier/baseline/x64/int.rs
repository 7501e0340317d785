//! Integers: arithmetic, comparisons, extensions.

use super::asm::{Alu, Cond, Mem, Rm, Shift};
use super::operand::Rmi;
use super::regs::SCRATCH;
use super::select::Test;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Arith, Assembler as _, Integers, Relation, ShiftBy, Width};
use crate::tier::baseline::locals::Target;
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::stack::{Entry, Kind, Upper, width};
use crate::types::ValType;

/// What the flags say after a comparison of integers.
fn condition(relation: Relation) -> Cond {
    match relation {
        Relation::Equal => Cond::Equal,
        Relation::NotEqual => Cond::NotEqual,
        Relation::LessSigned => Cond::Less,
        Relation::LessUnsigned => Cond::Below,
        Relation::GreaterSigned => Cond::Greater,
        Relation::GreaterUnsigned => Cond::Above,
        Relation::LessEqualSigned => Cond::LessEqual,
        Relation::LessEqualUnsigned => Cond::BelowEqual,
        Relation::GreaterEqualSigned => Cond::GreaterEqual,
        Relation::GreaterEqualUnsigned => Cond::AboveEqual,
    }
}

impl Integers for Emit<'_> {
    fn arith(&mut self, op: Arith, ty: ValType) {
        let op = match op {
            Arith::Add => Alu::Add,
            Arith::Sub => Alu::Sub,
            Arith::And => Alu::And,
            Arith::Or => Alu::Or,
            Arith::Xor => Alu::Xor,
        };
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
                        self.free_loc(rm);
                    }
                    self.alloc()
                }
            };
            self.asm.lea(width, dst, sum);
            if target.is_some()
                && let Rmi::Rm(rm) = source
            {
                self.free_loc(rm);
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
                self.free_loc(rm);
            }
        }
        self.result(ty, dst, target);
    }

    fn mul(&mut self, ty: ValType) {
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
        let source = self.to_loc(rhs);
        self.asm.imul(width, dst, source);
        self.free_loc(source);
        self.result(ty, dst, target);
    }

    fn shift(&mut self, by: ShiftBy, ty: ValType) {
        let op = match by {
            ShiftBy::Left => Shift::Shl,
            ShiftBy::RightSigned => Shift::Sar,
            ShiftBy::RightUnsigned => Shift::Shr,
            ShiftBy::RotateLeft => Shift::Rol,
            ShiftBy::RotateRight => Shift::Ror,
        };
        let count = self.pop();
        let value = self.pop();
        let width = width(ty);
        if let Some(bits) = count.as_const() {
            let target = self.target();
            let mask = if width == Width::W32 { 31 } else { 63 };
            let count = (bits & mask) as u8;
            if matches!(op, Shift::Rol | Shift::Ror) && self.options.cpu.bmi2 && count != 0 {
                let right = if op == Shift::Ror { count } else { mask as u8 + 1 - count };
                let source = self.to_loc(value);
                self.free_loc(source);
                let dst = self.result_register(target);
                self.asm.rorx(width, dst, source, right);
                return self.result(ty, dst, target);
            }
            let dst = self.writable(value, target);
            if bits & mask != 0 {
                self.asm.shift_imm(op, width, dst, (bits & mask) as u8);
            } else if width == Width::W32 && value.upper == Upper::Unknown {
                // Nothing else clears the upper half.
                self.asm.copy(width, dst, dst);
            }
            return self.result(ty, dst, target);
        }
        if self.options.cpu.bmi2 && !matches!(op, Shift::Rol | Shift::Ror) {
            let count = self.to_gpr(count);
            let source = self.to_loc(value);
            let target = self.target();
            self.free_loc(source);
            self.free(count);
            let dst = self.result_register(target);
            self.asm.shift_x(op, width, dst, source, count);
            return self.result(ty, dst, target);
        }
        let mut dst = self.to_temp(value);
        if count.kind != Kind::Reg || count.reg != Gpr::RCX.0 {
            if dst == Gpr::RCX {
                dst = self.alloc();
                self.asm.copy(Width::W64, dst, Gpr::RCX);
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

    fn compare(&mut self, relation: Relation, ty: ValType) {
        let mut rhs = self.pop();
        let mut lhs = self.pop();
        let mut cond = condition(relation);
        if lhs.kind == Kind::Const {
            std::mem::swap(&mut lhs, &mut rhs);
            cond = cond.swapped();
        }
        let width = width(ty);
        let first = self.to_loc(lhs);
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
                self.free_loc(second);
                Rm::Reg(reg)
            }
        };
        self.free_loc(first);
        self.outcome(Test::One(cond));
    }

    fn eqz(&mut self) {
        let entry = self.pop();
        let rm = self.to_loc(entry);
        self.compare_with(rm, width(entry.ty), 0);
        self.free_loc(rm);
        self.outcome(Test::One(Cond::Equal));
    }

    fn clz(&mut self, ty: ValType) {
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

    fn ctz(&mut self, ty: ValType) {
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

    fn popcnt(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.popcnt(width(ty), dst, source));
    }

    fn extend8(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.movsx8(width(ty), dst, source));
    }

    fn extend16(&mut self, ty: ValType) {
        self.unary(ty, |e, dst, source| e.asm.movsx16(width(ty), dst, source));
    }

    fn extend32(&mut self) {
        self.unary(ValType::I64, |e, dst, source| e.asm.movsx32(dst, source));
    }
}

impl Emit<'_> {
    /// An address that is the sum, if that saves a move: the left operand is a pinned local that is not the target.
    fn sum(&self, op: Alu, lhs: Entry, source: Rmi, target: Option<Target>) -> Option<Mem> {
        if lhs.kind != Kind::Local || op != Alu::Add && op != Alu::Sub {
            return None;
        }
        let Rm::Reg(base) = self.local_loc(lhs.bits) else { return None };
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

    fn mul_imm(&mut self, ty: ValType, lhs: Entry, imm: i32, target: Option<Target>) {
        let width = width(ty);
        if imm > 0 && imm.count_ones() == 1 {
            let dst = self.writable(lhs, target);
            let count = imm.trailing_zeros() as u8;
            if count != 0 {
                self.asm.shift_imm(Shift::Shl, width, dst, count);
            } else if width == Width::W32 {
                // Nothing else clears the upper half.
                self.asm.copy(width, dst, dst);
            }
            return self.result(ty, dst, target);
        }
        let source = self.to_loc(lhs);
        self.free_loc(source);
        let dst = self.result_register(target);
        match (imm, source) {
            (3 | 5 | 9, Rm::Reg(reg)) => {
                self.asm.lea(width, dst, Mem::indexed(reg, reg, (imm - 1).trailing_zeros() as u8, 0));
            }
            _ => self.asm.imul_imm(width, dst, source, imm),
        }
        self.result(ty, dst, target);
    }

    pub(super) fn compare_with(&mut self, rm: Rm, width: Width, imm: i32) {
        match rm {
            Rm::Reg(reg) if imm == 0 => self.asm.test(width, reg, reg),
            _ => self.asm.alu_imm(Alu::Cmp, width, rm, imm),
        }
    }

    /// Computes a result from an operand in a register or in memory.
    fn unary(&mut self, ty: ValType, emit: impl FnOnce(&mut Self, Gpr, Rm)) {
        let entry = self.pop();
        let source = self.to_loc(entry);
        let target = self.target();
        self.free_loc(source);
        let dst = self.result_register(target);
        emit(self, dst, source);
        self.result(ty, dst, target);
    }
}
