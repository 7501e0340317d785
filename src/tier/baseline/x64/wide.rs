//! Integer operators that need rax and rdx: divisions and 128-bit arithmetic.

use super::asm::{Alu, Cond, Rm, Shift, Unary};
use super::regs::SCRATCH;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Division, Wide, WideIntegers, Width};
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::stack::{Entry, Kind, width};
use crate::tier::top::Signals;
use crate::trap::TrapCode;
use crate::types::ValType;

impl WideIntegers for Emit<'_> {
    fn divide(&mut self, division: Division, ty: ValType) {
        let rhs = self.pop();
        let lhs = self.pop();
        let width = width(ty);
        let known = rhs.as_const();
        let minus_one = if width == Width::W32 { u64::from(u32::MAX) } else { u64::MAX };
        if let Some(divisor) = known
            && divisor != 0
            && divisor & (divisor - 1) == 0
            && matches!(division, Division::DivU | Division::RemU)
        {
            return self.divide_by_power(division, ty, lhs, divisor);
        }
        let mut divisor = self.to_loc(rhs);
        if divisor == Rm::Reg(Gpr::RAX) || divisor == Rm::Reg(Gpr::RDX) {
            self.move_gpr(Width::W64, SCRATCH, divisor);
            self.free_loc(divisor);
            divisor = Rm::Reg(SCRATCH);
        }
        self.to_fixed(lhs, Gpr::RAX);
        self.take(Gpr::RDX);
        let signed = matches!(division, Division::DivS | Division::RemS);
        let zero_faults = !signed && self.options.signals == Signals::On;
        if known.is_none_or(|known| known == 0) && !zero_faults {
            self.compare_with(divisor, width, 0);
            self.trap_if(Cond::Equal, TrapCode::IntegerDivideByZero);
        }
        let may_be_minus_one = known.is_none_or(|known| known == minus_one);
        let mut done = None;
        match division {
            Division::DivS if may_be_minus_one && self.options.signals == Signals::Off => {
                self.compare_with(divisor, width, -1);
                let other = self.asm.jcc_short(Cond::NotEqual);
                self.asm.copy(width, Gpr::RDX, Gpr::RAX);
                self.asm.unary(Unary::Neg, width, Rm::Reg(Gpr::RDX));
                self.trap_if(Cond::Overflow, TrapCode::IntegerOverflow);
                self.asm.land(other);
            }
            Division::RemS if may_be_minus_one => {
                self.compare_with(divisor, width, -1);
                let other = self.asm.jcc_short(Cond::NotEqual);
                self.asm.zero(Gpr::RDX);
                done = Some(self.asm.jmp_short());
                self.asm.land(other);
            }
            _ => {}
        }
        if signed {
            self.asm.sign_into_rdx(width);
            if self.options.signals == Signals::On && division == Division::DivS {
                self.trap_site(TrapCode::IntegerOverflow);
            }
            self.asm.unary(Unary::Idiv, width, divisor);
        } else {
            self.asm.zero(Gpr::RDX);
            if self.options.signals == Signals::On {
                self.trap_site(TrapCode::IntegerDivideByZero);
            }
            self.asm.unary(Unary::Div, width, divisor);
        }
        if let Some(done) = done {
            self.asm.land(done);
        }
        if divisor != Rm::Reg(SCRATCH) {
            self.free_loc(divisor);
        }
        let (result, other) = match division {
            Division::DivS | Division::DivU => (Gpr::RAX, Gpr::RDX),
            Division::RemS | Division::RemU => (Gpr::RDX, Gpr::RAX),
        };
        self.free(other);
        self.push_gpr(ty, result);
    }

    fn wide(&mut self, op: Wide) {
        match op {
            Wide::Add => self.wide_add_sub(Alu::Add, Alu::Adc),
            Wide::Sub => self.wide_add_sub(Alu::Sub, Alu::Sbb),
            Wide::MulSigned => self.wide_mul(Unary::Imul),
            Wide::MulUnsigned => self.wide_mul(Unary::Mul),
        }
    }
}

/// Divisions.
impl Emit<'_> {
    /// An unsigned division by a power of two.
    fn divide_by_power(&mut self, division: Division, ty: ValType, lhs: Entry, divisor: u64) {
        let width = width(ty);
        let mask = divisor - 1;
        let target = self.target();
        if division == Division::DivU {
            let dst = self.writable(lhs, target);
            match divisor.trailing_zeros() {
                0 if width == Width::W32 => self.asm.copy(width, dst, dst),
                0 => {}
                count => self.asm.shift_imm(Shift::Shr, width, dst, count as u8),
            }
            return self.result(ty, dst, target);
        }
        let dst = self.writable(lhs, target);
        match i32::try_from(mask) {
            Ok(imm) => self.asm.alu_imm(Alu::And, width, Rm::Reg(dst), imm),
            Err(_) => {
                self.asm.set(SCRATCH, mask);
                self.asm.alu(Alu::And, width, dst, Rm::Reg(SCRATCH));
            }
        }
        self.result(ty, dst, target);
    }
}

/// 128-bit arithmetic on pairs of i64, the lower half first.
impl Emit<'_> {
    fn wide_add_sub(&mut self, op: Alu, op_carry: Alu) {
        let rhs_high = self.pop();
        let rhs_low = self.pop();
        let lhs_high = self.pop();
        let lhs_low = self.pop();
        let low = self.to_temp(lhs_low);
        let high = self.to_temp(lhs_high);
        // Constants take the scratch register: four operands may be in registers.
        let source = self.wide_source(rhs_low);
        self.asm.alu(op, Width::W64, low, source);
        self.release_wide_source(source);
        let source = self.wide_source(rhs_high);
        self.asm.alu(op_carry, Width::W64, high, source);
        self.release_wide_source(source);
        self.push_gpr(ValType::I64, low);
        self.push_gpr(ValType::I64, high);
    }

    fn wide_source(&mut self, entry: Entry) -> Rm {
        match entry.kind {
            Kind::Const => {
                self.asm.set(SCRATCH, entry.bits);
                Rm::Reg(SCRATCH)
            }
            _ => self.to_loc(entry),
        }
    }

    fn release_wide_source(&mut self, source: Rm) {
        if source != Rm::Reg(SCRATCH) {
            self.free_loc(source);
        }
    }

    fn wide_mul(&mut self, op: Unary) {
        let rhs = self.pop();
        let lhs = self.pop();
        let mut source = self.wide_source(rhs);
        if source == Rm::Reg(Gpr::RAX) || source == Rm::Reg(Gpr::RDX) {
            self.move_gpr(Width::W64, SCRATCH, source);
            self.free_loc(source);
            source = Rm::Reg(SCRATCH);
        }
        self.to_fixed(lhs, Gpr::RAX);
        self.take(Gpr::RDX);
        self.asm.unary(op, Width::W64, source);
        self.release_wide_source(source);
        self.push_gpr(ValType::I64, Gpr::RAX);
        self.push_gpr(ValType::I64, Gpr::RDX);
    }
}
