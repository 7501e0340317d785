//! The integer forms: moves, arithmetic, shifts, bits.

use super::asm::{Alu, Asm, Cond, Mem, Opcode, Rm, Shift, Unary};
use crate::tier::baseline::backend::{Assembler as _, Width};
use crate::tier::baseline::regs::Gpr;

/// Moves.
impl Asm {
    pub(super) fn store8(&mut self, mem: Mem, src: Gpr) {
        self.op_rm(Opcode::one(0x88).byte_reg(), src.0, mem);
    }

    pub(super) fn store16(&mut self, mem: Mem, src: Gpr) {
        self.op_rm(Opcode::one(0x89).prefix(0x66), src.0, mem);
    }

    /// Stores an immediate, which the 64-bit form extends with its sign.
    pub(super) fn store_imm(&mut self, width: Width, mem: Mem, imm: i32) {
        self.op_rm(Opcode::one(0xc7).width(width), 0, mem);
        self.put_u32(imm as u32);
    }

    pub(super) fn store8_imm(&mut self, mem: Mem, imm: u8) {
        self.op_rm(Opcode::one(0xc6), 0, mem);
        self.put_u8(imm);
    }

    pub(super) fn add8_imm(&mut self, mem: Mem, imm: u8) {
        self.op_rm(Opcode::one(0x80), 0, mem);
        self.put_u8(imm);
    }

    pub(super) fn store16_imm(&mut self, mem: Mem, imm: u16) {
        self.op_rm(Opcode::one(0xc7).prefix(0x66), 0, mem);
        self.put(u64::from(imm), 2);
    }

    /// `mov r32, imm`: the upper half becomes 0. No flags.
    #[inline(always)]
    pub(super) fn mov_imm32(&mut self, dst: Gpr, imm: u32) {
        let rex = u64::from(dst.0 >> 3);
        let bits = u64::from(0xb8 | dst.0 & 7) | u64::from(imm) << 8;
        if rex != 0 { self.put(0x41 | bits << 8, 6) } else { self.put(bits, 5) }
    }

    #[inline(always)]
    pub(super) fn lea(&mut self, width: Width, dst: Gpr, mem: Mem) {
        self.op_rm(Opcode::one(0x8d).width(width), dst.0, mem);
    }

    /// Zero-extends a byte; the upper half of the register becomes 0.
    pub(super) fn movzx8(&mut self, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xb6).byte_rm(), dst.0, src);
    }

    pub(super) fn movzx16(&mut self, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xb7), dst.0, src);
    }

    pub(super) fn movsx8(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbe).byte_rm().width(width), dst.0, src);
    }

    pub(super) fn movsx16(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbf).width(width), dst.0, src);
    }

    /// `movsxd`: extends 32 bits to 64 with their sign.
    pub(super) fn movsx32(&mut self, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::one(0x63).width(Width::W64), dst.0, src);
    }

    pub(super) fn cmov(&mut self, cond: Cond, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0x40 | cond as u8).width(width), dst.0, src);
    }

    /// `setcc`: writes the lowest byte only.
    pub(super) fn setcc(&mut self, cond: Cond, dst: Gpr) {
        self.op_rr(Opcode::map_0f(0x90 | cond as u8).byte_rm(), 0, dst.0);
    }

    pub(super) fn xchg(&mut self, width: Width, a: Gpr, b: Gpr) {
        self.op_rr(Opcode::one(0x87).width(width), a.0, b.0);
    }

    pub(super) fn push(&mut self, reg: Gpr) {
        if reg.0 >= 8 { self.put(0x41 | u64::from(0x50 | reg.0 & 7) << 8, 2) } else { self.put_u8(0x50 | reg.0) }
    }

    /// Pushes a constant, extended with its sign.
    pub(super) fn push_imm(&mut self, imm: i32) {
        self.put(0x68 | u64::from(imm as u32) << 8, 5);
    }

    pub(super) fn pop(&mut self, reg: Gpr) {
        if reg.0 >= 8 { self.put(0x41 | u64::from(0x58 | reg.0 & 7) << 8, 2) } else { self.put_u8(0x58 | reg.0) }
    }
}

/// Arithmetic.
impl Asm {
    #[inline(always)]
    pub(super) fn alu(&mut self, op: Alu, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::one((op as u8) << 3 | 3).width(width), dst.0, src);
    }

    /// The destination (of `cmp`: the first operand) is in memory.
    pub(super) fn alu_mem(&mut self, op: Alu, width: Width, dst: Mem, src: Gpr) {
        self.op_rm(Opcode::one((op as u8) << 3 | 1).width(width), src.0, dst);
    }

    #[inline(always)]
    pub(super) fn alu_imm(&mut self, op: Alu, width: Width, dst: Rm, imm: i32) {
        if imm as i8 as i32 == imm {
            self.op_r_rm(Opcode::one(0x83).width(width), op as u8, dst);
            self.put_u8(imm as u8);
        } else {
            self.op_r_rm(Opcode::one(0x81).width(width), op as u8, dst);
            self.put_u32(imm as u32);
        }
    }

    /// As [`Asm::alu_imm`], with a constant that is not known yet; where its 32 bits are.
    pub(super) fn alu_field(&mut self, op: Alu, width: Width, dst: Rm) -> u32 {
        self.op_r_rm(Opcode::one(0x81).width(width), op as u8, dst);
        self.put_u32(0);
        self.offset() - 4
    }

    pub(super) fn test(&mut self, width: Width, a: Gpr, b: Gpr) {
        self.op_rr(Opcode::one(0x85).width(width), a.0, b.0);
    }

    pub(super) fn test_imm(&mut self, width: Width, a: Rm, imm: i32) {
        self.op_r_rm(Opcode::one(0xf7).width(width), 0, a);
        self.put_u32(imm as u32);
    }

    pub(super) fn imul(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xaf).width(width), dst.0, src);
    }

    pub(super) fn imul_imm(&mut self, width: Width, dst: Gpr, src: Rm, imm: i32) {
        if imm as i8 as i32 == imm {
            self.op_r_rm(Opcode::one(0x6b).width(width), dst.0, src);
            self.put_u8(imm as u8);
        } else {
            self.op_r_rm(Opcode::one(0x69).width(width), dst.0, src);
            self.put_u32(imm as u32);
        }
    }

    pub(super) fn unary(&mut self, op: Unary, width: Width, rm: Rm) {
        self.op_r_rm(Opcode::one(0xf7).width(width), op as u8, rm);
    }

    pub(super) fn shift_imm(&mut self, op: Shift, width: Width, dst: Gpr, count: u8) {
        if count == 1 {
            self.op_rr(Opcode::one(0xd1).width(width), op as u8, dst.0);
        } else {
            self.op_rr(Opcode::one(0xc1).width(width), op as u8, dst.0);
            self.put_u8(count);
        }
    }

    /// Shifts by cl.
    pub(super) fn shift_cl(&mut self, op: Shift, width: Width, dst: Gpr) {
        self.op_rr(Opcode::one(0xd3).width(width), op as u8, dst.0);
    }

    /// `cdq` or `cqo`: the sign of rax into all bits of rdx.
    pub(super) fn sign_into_rdx(&mut self, width: Width) {
        match width {
            Width::W32 => self.put_u8(0x99),
            Width::W64 => self.put(0x9948, 2),
        }
    }

    pub(super) fn popcnt(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xb8).prefix(0xf3).width(width), dst.0, src);
    }

    /// Needs LZCNT.
    pub(super) fn lzcnt(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbd).prefix(0xf3).width(width), dst.0, src);
    }

    /// Needs BMI1.
    pub(super) fn tzcnt(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbc).prefix(0xf3).width(width), dst.0, src);
    }

    pub(super) fn bsr(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbd).width(width), dst.0, src);
    }

    pub(super) fn bsf(&mut self, width: Width, dst: Gpr, src: Rm) {
        self.op_r_rm(Opcode::map_0f(0xbc).width(width), dst.0, src);
    }

    /// `shlx`, `shrx`, `sarx`: shifts `src` by the low bits of `count`. Needs BMI2.
    pub(super) fn shift_x(&mut self, op: Shift, width: Width, dst: Gpr, src: Rm, count: Gpr) {
        let prefix = match op {
            Shift::Shl => 1,
            Shift::Sar => 2,
            Shift::Shr => 3,
            Shift::Rol | Shift::Ror => unreachable!("rotates have no such form"),
        };
        self.vex_gpr(2, prefix, width, 0xf7, dst, count, src);
    }

    /// `rorx`: rotates right by a constant. Needs BMI2.
    pub(super) fn rorx(&mut self, width: Width, dst: Gpr, src: Rm, count: u8) {
        self.vex_gpr(3, 3, width, 0xf0, dst, Gpr::RAX, src);
        self.put_u8(count);
    }

    /// A VEX form on general purpose registers; `vvvv` is rax where the form has none.
    #[allow(clippy::too_many_arguments)]
    fn vex_gpr(&mut self, map: u8, prefix: u8, width: Width, opcode: u8, reg: Gpr, vvvv: Gpr, rm: Rm) {
        let (index, base) = match rm {
            Rm::Reg(reg) => (0, reg.0),
            Rm::Mem(mem) => (mem.index.map_or(0, |index| index.0), mem.base.0),
        };
        let inverted = (!reg.0 >> 3 & 1) << 7 | (!index >> 3 & 1) << 6 | (!base >> 3 & 1) << 5;
        let last = (width as u8) << 7 | (!vvvv.0 & 15) << 3 | prefix;
        self.put(u64::from_le_bytes([0xc4, inverted | map, last, opcode, 0, 0, 0, 0]), 4);
        match rm {
            Rm::Reg(rm) => self.put_u8(0xc0 | (reg.0 & 7) << 3 | rm.0 & 7),
            Rm::Mem(mem) => self.put_mem(0, 0, reg.0, mem),
        }
    }
}
