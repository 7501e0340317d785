//! Conversions between floats, and between integers and floats.
//!
//! In: the opcode; the operand on the stack. Out: `cvt` instructions, with the ways around them where an integer is
//! unsigned or a float is out of range.
//!
//! The processor has no conversion of unsigned 64-bit integers, and gives the smallest integer for every float that
//! it cannot convert. 32-bit results are therefore converted to 64 bits, of which the rest must fit; 64-bit results
//! are looked at again where they are the smallest integer, or negative where they are unsigned.
//!
//! Not here: vectors (`simd_convert`).

use super::asm::{Alu, Cond, Rm, Shift};
use super::regs::{SCRATCH, SCRATCH_VREG};
use super::sse::{Sse, Xm};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Conversions, VectorMoves as _, Width};
use crate::tier::baseline::regs::{Gpr, Vreg};
use crate::tier::baseline::stack::width;
use crate::trap::TrapCode;
use crate::types::ValType;

/// Whether an integer has a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// What becomes of floats that no integer represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    Trap,
    Saturate,
}

/// The bits of a power of two as a float of this type.
fn power_of_two(ty: ValType, exponent: u64) -> u64 {
    if ty == ValType::F32 { (exponent + 127) << 23 } else { (exponent + 1023) << 52 }
}

/// The bits of minus 2^63 as a float of this type.
fn least_i64(ty: ValType) -> u64 {
    power_of_two(ty, 63) | if ty == ValType::F32 { 1 << 31 } else { 1 << 63 }
}

fn ucomis(ty: ValType) -> Sse {
    if ty == ValType::F32 { Sse::UCOMISS } else { Sse::UCOMISD }
}

/// The truncation to an integer of this width.
fn cvtt(ty: ValType, width: Width) -> Sse {
    match (ty, width) {
        (ValType::F32, Width::W32) => Sse::CVTTSS2SI,
        (ValType::F32, Width::W64) => Sse::CVTTSS2SI_64,
        (_, Width::W32) => Sse::CVTTSD2SI,
        (_, Width::W64) => Sse::CVTTSD2SI_64,
    }
}

impl Conversions for Emit<'_> {
    /// An operator from `i32.trunc_f32_s` (0xa8) to `f64.reinterpret_i64` (0xbf), but for the extensions of integers.
    #[inline(never)]
    fn convert(&mut self, opcode: u8) {
        use Sign::{Signed, Unsigned};
        use ValType::{F32, F64, I32, I64};
        match opcode {
            0xa8 => self.trunc(F32, I32, Signed, Outside::Trap),
            0xa9 => self.trunc(F32, I32, Unsigned, Outside::Trap),
            0xaa => self.trunc(F64, I32, Signed, Outside::Trap),
            0xab => self.trunc(F64, I32, Unsigned, Outside::Trap),
            0xae => self.trunc(F32, I64, Signed, Outside::Trap),
            0xaf => self.trunc(F32, I64, Unsigned, Outside::Trap),
            0xb0 => self.trunc(F64, I64, Signed, Outside::Trap),
            0xb1 => self.trunc(F64, I64, Unsigned, Outside::Trap),
            0xb2 | 0xb4 => self.convert_signed(F32, Sse::CVTSI2SS, Sse::CVTSI2SS_64),
            0xb3 => self.convert_u32(F32, Sse::CVTSI2SS_64),
            0xb5 => self.convert_u64(F32, Sse::CVTSI2SS_64, Sse::ADDSS),
            0xb6 => self.change_precision(F64, F32, Sse::CVTSD2SS),
            0xb7 | 0xb9 => self.convert_signed(F64, Sse::CVTSI2SD, Sse::CVTSI2SD_64),
            0xb8 => self.convert_u32(F64, Sse::CVTSI2SD_64),
            0xba => self.convert_u64(F64, Sse::CVTSI2SD_64, Sse::ADDSD),
            0xbb => self.change_precision(F32, F64, Sse::CVTSS2SD),
            0xbc => self.reinterpret_as_integer(I32),
            0xbd => self.reinterpret_as_integer(I64),
            0xbe => self.reinterpret_as_float(F32),
            _ => self.reinterpret_as_float(F64),
        }
    }

    /// An operator from `i32.trunc_sat_f32_s` (0) to `i64.trunc_sat_f64_u` (7).
    #[inline(never)]
    fn trunc_sat(&mut self, opcode: u32) {
        let from = if opcode & 2 == 0 { ValType::F32 } else { ValType::F64 };
        let to = if opcode & 4 == 0 { ValType::I32 } else { ValType::I64 };
        let sign = if opcode & 1 == 0 { Sign::Signed } else { Sign::Unsigned };
        self.trunc(from, to, sign, Outside::Saturate);
    }
}

impl Emit<'_> {
    /// Between f32 and f64.
    fn change_precision(&mut self, from: ValType, to: ValType, row: Sse) {
        let a = self.pop();
        debug_assert_eq!(a.ty, from);
        let a = self.to_xm(a);
        let dst = self.result_vreg(a);
        self.scalar2(row, dst, a);
        self.canonicalize(to, dst);
        self.push_vreg(to, dst);
    }

    fn reinterpret_as_integer(&mut self, to: ValType) {
        let a = self.pop();
        if let Some(bits) = a.as_const() {
            return self.push_const(to, bits);
        }
        let width = width(to);
        let a = self.to_xm(a);
        let dst = self.alloc();
        match a {
            Xm::Reg(reg) => self.vreg_to_gpr(width, dst, reg),
            Xm::Mem(mem) => self.asm.load(width, dst, mem),
            Xm::Pool(_) => unreachable!("constants are done above"),
        }
        self.free_xm(a);
        self.push_gpr(to, dst);
    }

    fn reinterpret_as_float(&mut self, to: ValType) {
        let a = self.pop();
        if let Some(bits) = a.as_const() {
            return self.push_const(to, bits);
        }
        let width = width(a.ty);
        let a = self.to_loc(a);
        let dst = self.alloc_vreg();
        match a {
            Rm::Reg(reg) => self.gpr_to_vreg(width, dst, reg),
            Rm::Mem(mem) => self.load_vreg(to, dst, mem),
        }
        self.free_loc(a);
        self.push_vreg(to, dst);
    }
}

/// Integers to floats.
impl Emit<'_> {
    fn convert_signed(&mut self, to: ValType, row32: Sse, row64: Sse) {
        let a = self.pop();
        let row = if a.ty == ValType::I32 { row32 } else { row64 };
        let a = self.to_loc(a);
        let dst = self.alloc_vreg();
        // The instruction keeps the upper lanes, and would wait for them.
        self.zero_vreg(dst);
        self.asm.x2g(row, dst, dst, a);
        self.free_loc(a);
        self.push_vreg(to, dst);
    }

    /// As a 64-bit integer, which has a sign and room for it.
    fn convert_u32(&mut self, to: ValType, row64: Sse) {
        let a = self.pop();
        let a = self.to_loc(a);
        self.move_gpr(Width::W32, SCRATCH, a);
        self.free_loc(a);
        let dst = self.alloc_vreg();
        self.zero_vreg(dst);
        self.asm.x2g(row64, dst, dst, Rm::Reg(SCRATCH));
        self.push_vreg(to, dst);
    }

    /// An integer with the highest bit is halved, converted and doubled. The bit that halving loses is kept in the
    /// lowest place, where it only breaks ties.
    fn convert_u64(&mut self, to: ValType, row64: Sse, add: Sse) {
        let a = self.pop();
        let a = self.to_temp(a);
        let dst = self.alloc_vreg();
        self.zero_vreg(dst);
        self.asm.test(Width::W64, a, a);
        let negative = self.asm.jcc_short(Cond::Sign);
        self.asm.x2g(row64, dst, dst, Rm::Reg(a));
        let done = self.asm.jmp_short();
        self.asm.land(negative);
        self.asm.copy(Width::W64, SCRATCH, a);
        self.asm.shift_imm(Shift::Shr, Width::W64, SCRATCH, 1);
        self.asm.alu_imm(Alu::And, Width::W32, Rm::Reg(a), 1);
        self.asm.alu(Alu::Or, Width::W64, SCRATCH, Rm::Reg(a));
        self.asm.x2g(row64, dst, dst, Rm::Reg(SCRATCH));
        self.asm.x3(add, dst, dst, Xm::Reg(dst));
        self.asm.land(done);
        self.free(a);
        self.push_vreg(to, dst);
    }
}

/// Floats to integers.
impl Emit<'_> {
    fn trunc(&mut self, from: ValType, to: ValType, sign: Sign, outside: Outside) {
        let a = self.pop();
        let x = self.to_vreg(a);
        let dst = self.alloc();
        match (to, sign) {
            (ValType::I32, _) => self.truncate_to_i32(from, sign, outside, dst, x),
            (_, Sign::Signed) => self.truncate_to_i64(from, outside, dst, x),
            (_, Sign::Unsigned) => self.truncate_to_u64(from, outside, dst, x),
        }
        self.free_vreg(x);
        // A signed 32-bit result was converted to 64 bits.
        if to == ValType::I32 { self.push_dirty(to, dst) } else { self.push_gpr(to, dst) }
    }

    fn truncate_to_i32(&mut self, from: ValType, sign: Sign, outside: Outside, dst: Gpr, x: Vreg) {
        self.asm.gx(cvtt(from, Width::W64), dst, Xm::Reg(x));
        match sign {
            Sign::Signed => self.asm.movsx32(SCRATCH, Rm::Reg(dst)),
            Sign::Unsigned => self.asm.copy(Width::W32, SCRATCH, dst),
        }
        self.asm.alu(Alu::Cmp, Width::W64, SCRATCH, Rm::Reg(dst));
        let fits = self.asm.jcc_short(Cond::Equal);
        match (outside, sign) {
            (Outside::Trap, _) => self.trap_outside(from, x),
            (Outside::Saturate, Sign::Signed) => self.saturate(from, dst, x, i32::MIN as u32 as u64, i32::MAX as u64),
            (Outside::Saturate, Sign::Unsigned) => self.saturate(from, dst, x, 0, u64::from(u32::MAX)),
        }
        self.asm.land(fits);
    }

    fn truncate_to_i64(&mut self, from: ValType, outside: Outside, dst: Gpr, x: Vreg) {
        self.asm.gx(cvtt(from, Width::W64), dst, Xm::Reg(x));
        // Overflows for the smallest integer only.
        self.asm.alu_imm(Alu::Cmp, Width::W64, Rm::Reg(dst), 1);
        let fits = self.asm.jcc_short(Cond::NotOverflow);
        match outside {
            Outside::Trap => {
                // The smallest integer itself is represented.
                let least = self.pool_narrow(least_i64(from));
                self.asm.x2(ucomis(from), x, least);
                self.trap_if(Cond::Parity, TrapCode::InvalidConversionToInteger);
                self.trap_if(Cond::NotEqual, TrapCode::IntegerOverflow);
            }
            Outside::Saturate => self.saturate(from, dst, x, i64::MIN as u64, i64::MAX as u64),
        }
        self.asm.land(fits);
    }

    /// Floats from 2^63 on are converted without it, which is added again as the highest bit.
    fn truncate_to_u64(&mut self, from: ValType, outside: Outside, dst: Gpr, x: Vreg) {
        let half = self.pool_narrow(power_of_two(from, 63));
        self.asm.x2(ucomis(from), x, half);
        // Unordered counts as below.
        let above = self.asm.jcc_short(Cond::AboveEqual);
        self.asm.gx(cvtt(from, Width::W64), dst, Xm::Reg(x));
        self.asm.test(Width::W64, dst, dst);
        let below_fits = self.asm.jcc_short(Cond::NotSign);
        let below_done = match outside {
            Outside::Trap => {
                self.trap_outside(from, x);
                None
            }
            Outside::Saturate => {
                self.asm.zero(dst);
                Some(self.asm.jmp_short())
            }
        };
        self.asm.land(above);
        let subtract = if from == ValType::F32 { Sse::SUBSS } else { Sse::SUBSD };
        self.v3(subtract, SCRATCH_VREG, x, half);
        self.asm.gx(cvtt(from, Width::W64), dst, Xm::Reg(SCRATCH_VREG));
        self.asm.set(SCRATCH, 1 << 63);
        self.asm.test(Width::W64, dst, dst);
        match outside {
            Outside::Trap => self.trap_if(Cond::Sign, TrapCode::IntegerOverflow),
            Outside::Saturate => {
                let above_fits = self.asm.jcc_short(Cond::NotSign);
                // The sum is then all ones.
                self.asm.set(dst, i64::MAX as u64);
                self.asm.land(above_fits);
            }
        }
        self.asm.alu(Alu::Or, Width::W64, dst, Rm::Reg(SCRATCH));
        self.asm.land(below_fits);
        if let Some(done) = below_done {
            self.asm.land(done);
        }
    }

    /// Traps for a float that is known to be out of range.
    fn trap_outside(&mut self, from: ValType, x: Vreg) {
        self.asm.x2(ucomis(from), x, Xm::Reg(x));
        self.trap_if(Cond::Parity, TrapCode::InvalidConversionToInteger);
        self.trap(TrapCode::IntegerOverflow);
    }

    /// The integer that stands for a float which is known to be out of range, or to be the smallest integer.
    fn saturate(&mut self, from: ValType, dst: Gpr, x: Vreg, least: u64, greatest: u64) {
        let zero = self.pool_narrow(0);
        self.asm.x2(ucomis(from), x, zero);
        // None of the moves changes the flags.
        self.asm.set(dst, 0);
        let unordered = self.asm.jcc_short(Cond::Parity);
        self.asm.set(dst, greatest);
        let positive = self.asm.jcc_short(Cond::Above);
        self.asm.set(dst, least);
        self.asm.land(unordered);
        self.asm.land(positive);
    }
}
