//! The macro assembler: what the rest of the tier writes without knowing the machine, in one to a few instructions.

use super::Cpu;
use super::asm::{Alu, Asm, Cond, Label, Mem, Opcode, Rm, Shift, ShortJump};
use super::regs::SCRATCH;
use super::select::Test;
use super::sse::Encoding;
use crate::tier::baseline::backend::{Assembler, Width};
use crate::tier::baseline::operand::Loc;
use crate::tier::baseline::regs::Gpr;
use crate::tier::compiled::{Relocation, RelocationTarget};
use crate::types::DefinedFunc;

/// From rbp to the first stack argument: the caller's rbp and the return address.
pub(crate) const STACK_ARGS: i32 = 16;

/// Whether a constant can be stored without a register.
#[inline(always)]
pub(crate) fn storable(width: Width, bits: u64) -> bool {
    width == Width::W32 || i32::try_from(bits as i64).is_ok()
}

impl Assembler for Asm {
    fn start(&mut self, cpu: Cpu) {
        self.pos = 0;
        self.pool.clear();
        self.encoding = if cpu.avx { Encoding::Vex } else { Encoding::Legacy };
    }

    #[inline(always)]
    fn offset(&self) -> u32 {
        self.pos as u32
    }

    fn bytes(&self) -> &[u8] {
        &self.buf[..self.pos]
    }

    fn capacity(&self) -> usize {
        self.buf.capacity() + self.pool.capacity()
    }

    #[inline(always)]
    fn reserve(&mut self, len: usize) {
        if self.buf.len() - self.pos < len + 16 {
            self.grow(len);
        }
    }

    fn place_constants(&mut self, origin: u32) {
        self.place_pool(origin);
    }

    #[inline(always)]
    fn copy(&mut self, width: Width, dst: Gpr, src: Gpr) {
        self.op_rr(Opcode::one(0x8b).width(width), dst.0, src.0);
    }

    #[inline(always)]
    fn load(&mut self, width: Width, dst: Gpr, mem: Mem) {
        self.op_rm(Opcode::one(0x8b).width(width), dst.0, mem);
    }

    #[inline(always)]
    fn store(&mut self, width: Width, mem: Mem, src: Gpr) {
        self.op_rm(Opcode::one(0x89).width(width), src.0, mem);
    }

    fn store_const(&mut self, width: Width, mem: Mem, bits: u64) {
        if storable(width, bits) {
            self.store_imm(width, mem, bits as i32);
        } else {
            self.set(SCRATCH, bits);
            self.store(width, mem, SCRATCH);
        }
    }

    /// The shortest move. No flags.
    fn set(&mut self, dst: Gpr, bits: u64) {
        if let Ok(imm) = u32::try_from(bits) {
            self.mov_imm32(dst, imm);
        } else if let Ok(imm) = i32::try_from(bits as i64) {
            self.op_rr(Opcode::one(0xc7).width(Width::W64), 0, dst.0);
            self.put_u32(imm as u32);
        } else {
            self.put(u64::from(0x48 | dst.0 >> 3) | u64::from(0xb8 | dst.0 & 7) << 8, 2);
            self.put(bits, 8);
        }
    }

    /// `xor r32, r32`. Destroys the flags.
    #[inline(always)]
    fn zero(&mut self, dst: Gpr) {
        self.op_rr(Opcode::one(0x33), dst.0, dst.0);
    }

    fn address(&mut self, dst: Gpr, mem: Mem) {
        self.lea(Width::W64, dst, mem);
    }

    fn exchange(&mut self, a: Gpr, b: Gpr) {
        self.xchg(Width::W64, a, b);
    }

    fn shift_right(&mut self, dst: Gpr, count: u8) {
        self.shift_imm(Shift::Shr, Width::W64, dst, count);
    }

    fn decrement(&mut self, width: Width, mem: Mem, by: i32) -> Test {
        self.alu_imm(Alu::Sub, width, Rm::Mem(mem), by);
        Test::One(Cond::Sign)
    }

    fn decrement_later(&mut self, place: Loc) -> (u32, Test) {
        (self.alu_field(Alu::Sub, Width::W32, place), Test::One(Cond::Sign))
    }

    fn set_amount(&mut self, field: u32, by: u32) {
        self.set_field(field, by);
    }

    fn count(&mut self, mem: Mem, by: i32) {
        self.alu_imm(Alu::Add, Width::W32, Rm::Mem(mem), by);
    }

    fn count_in_byte(&mut self, mem: Mem) -> Test {
        self.add8_imm(mem, 1);
        Test::One(Cond::Below)
    }

    fn decrement_by(&mut self, mem: Mem, src: Gpr) -> Test {
        self.alu_mem(Alu::Sub, Width::W64, mem, src);
        Test::One(Cond::Sign)
    }

    fn is_zero(&mut self, reg: Gpr) -> Test {
        self.test(Width::W64, reg, reg);
        Test::One(Cond::Equal)
    }

    fn is_all_ones(&mut self, mem: Mem) -> Test {
        self.alu_imm(Alu::Cmp, Width::W64, Rm::Mem(mem), -1);
        Test::One(Cond::Equal)
    }

    fn differ(&mut self, mem: Mem, reg: Gpr) -> Test {
        self.alu_mem(Alu::Cmp, Width::W32, mem, reg);
        Test::One(Cond::NotEqual)
    }

    fn bind(&mut self, label: Label) {
        let target = self.offset();
        self.bind_to(label, target);
    }

    fn jump(&mut self, label: &mut Label) {
        self.put_u8(0xe9);
        self.put_hole(label);
    }

    fn jump_back(&mut self, target: u32) {
        let distance = target as i32 - (self.offset() as i32 + 2);
        if let Ok(short) = i8::try_from(distance) {
            self.put(0xeb | u64::from(short as u8) << 8, 2);
        } else {
            self.put_u8(0xe9);
            self.put_u32((distance - 3) as u32);
        }
    }

    fn branch(&mut self, test: Test, label: &mut Label) {
        match test {
            Test::One(cond) => self.jcc(cond, label),
            Test::Or(a, b) => {
                self.jcc(a, label);
                self.jcc(b, label);
            }
            Test::And(a, b) => {
                let over = self.jcc_short(a.not());
                self.jcc(b, label);
                self.land(over);
            }
        }
    }

    fn branch_back(&mut self, test: Test, target: u32) {
        match test {
            Test::One(cond) => self.jcc_back(cond, target),
            Test::Or(a, b) => {
                self.jcc_back(a, target);
                self.jcc_back(b, target);
            }
            Test::And(a, b) => {
                let over = self.jcc_short(a.not());
                self.jcc_back(b, target);
                self.land(over);
            }
        }
    }

    fn skip_unless(&mut self, test: Test) -> ShortJump {
        match test {
            Test::One(cond) => self.jcc_short(cond.not()),
            Test::And(..) | Test::Or(..) => unreachable!("two conditions are two jumps"),
        }
    }

    fn land(&mut self, jump: ShortJump) {
        let distance = self.pos - jump.0;
        self.buf[jump.0 - 1] = i8::try_from(distance).expect("a short distance") as u8;
    }

    fn table_jump(&mut self, index: Gpr, last: u32) {
        self.mov_imm32(SCRATCH, last);
        self.alu(Alu::Cmp, Width::W32, index, Rm::Reg(SCRATCH));
        self.cmov(Cond::Above, Width::W32, index, Rm::Reg(SCRATCH));
        let mut table = Label::default();
        self.lea_label(SCRATCH, &mut table);
        self.lea(Width::W64, SCRATCH, Mem::indexed(SCRATCH, index, 2, 0));
        self.movsx32(index, Rm::Mem(Mem::base(SCRATCH, 0)));
        self.lea(Width::W64, SCRATCH, Mem::indexed(SCRATCH, index, 0, 4));
        self.jmp_reg(SCRATCH);
        self.bind(table);
    }

    /// The distance from its end.
    fn table_entry(&mut self, label: &mut Label) {
        self.put_hole(label);
    }

    fn table_entry_back(&mut self, target: u32) {
        let end = self.offset() + 4;
        self.put_u32(target.wrapping_sub(end));
    }

    /// `call [rip + field]`.
    fn call_slot(&mut self, func: DefinedFunc, relocations: &mut Vec<Relocation>) {
        self.put(0x15ff, 2);
        self.slot(func, relocations);
    }

    /// `jmp [rip + field]`.
    fn jump_slot(&mut self, func: DefinedFunc, relocations: &mut Vec<Relocation>) {
        self.put(0x25ff, 2);
        self.slot(func, relocations);
    }

    fn call_mem(&mut self, mem: Mem) {
        self.op_rm(Opcode::one(0xff), 2, mem);
    }

    fn jump_mem(&mut self, mem: Mem) {
        self.op_rm(Opcode::one(0xff), 4, mem);
    }

    fn call_reg(&mut self, reg: Gpr) {
        self.op_rr(Opcode::one(0xff), 2, reg.0);
    }

    fn lower_stack(&mut self, bytes: u32) {
        self.alu_imm(Alu::Sub, Width::W64, Rm::Reg(Gpr::RSP), bytes as i32);
    }

    fn raise_stack(&mut self, bytes: u32) {
        self.alu_imm(Alu::Add, Width::W64, Rm::Reg(Gpr::RSP), bytes as i32);
    }

    fn push_two(&mut self, first: i32, second: i32) {
        self.push_imm(first);
        self.push_imm(second);
    }

    fn keep(&mut self, reg: Gpr) {
        self.push(reg);
        self.push(reg);
    }

    fn take_back(&mut self, reg: Gpr) {
        self.pop(reg);
        self.pop(reg);
    }

    fn undefined(&mut self) {
        self.ud2();
    }

    fn leave(&mut self) {
        self.put_u8(0xc9);
    }

    fn ret(&mut self, stack_args: u32) {
        match stack_args {
            0 => self.put_u8(0xc3),
            bytes => self.put(0xc2 | u64::from(u16::try_from(bytes).expect("at most 1000 parameters")) << 8, 3),
        }
    }
}

impl Asm {
    /// The field that leads to a slot, relative to its end.
    fn slot(&mut self, func: DefinedFunc, relocations: &mut Vec<Relocation>) {
        relocations.push(Relocation { offset: self.offset(), target: RelocationTarget::Slot(func), addend: -4 });
        self.put_u32(0);
    }
}
