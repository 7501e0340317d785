//! Atomic accesses and the fence.
//!
//! Loads are plain, since every store is locked.

use super::asm::{Alu, Cond, Mem, Rm, Unary};
use super::memory::Access;
use super::regs::SCRATCH;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Atomics, Rmw, Width};
use crate::tier::baseline::decode::MemArg;
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::stack::{Entry, Kind};
use crate::trap::TrapCode;
use crate::types::ValType;

impl Atomics for Emit<'_> {
    fn atomic_fence(&mut self) {
        self.asm.mfence();
    }

    fn atomic_load(&mut self, memarg: MemArg, ty: ValType, size: u32) {
        let index = self.pop();
        let access = self.aligned_access(index, memarg, size);
        self.release(&access);
        let dst = self.alloc();
        self.access_site(&access);
        self.load_zero_extended(size, dst, access.mem);
        self.push_gpr(ty, dst);
    }

    fn atomic_store(&mut self, memarg: MemArg, size: u32) {
        let value = self.pop();
        let index = self.pop();
        let value = self.to_temp(value);
        let access = self.aligned_access(index, memarg, size);
        self.access_site(&access);
        self.asm.xchg_mem(size, access.mem, value);
        self.release(&access);
        self.free(value);
    }

    fn read_modify_write(&mut self, memarg: MemArg, op: Rmw, ty: ValType, size: u32) {
        let value = self.pop();
        let index = self.pop();
        // Without an instruction that gives the old value.
        let in_loop = match op {
            Rmw::Add | Rmw::Sub | Rmw::Exchange => None,
            Rmw::And => Some(Alu::And),
            Rmw::Or => Some(Alu::Or),
            Rmw::Xor => Some(Alu::Xor),
        };
        if let Some(alu) = in_loop {
            return self.update_in_loop(memarg, alu, ty, size, index, value);
        }
        let value = self.to_temp(value);
        let access = self.aligned_access(index, memarg, size);
        if op == Rmw::Sub {
            self.asm.unary(Unary::Neg, Width::W64, Rm::Reg(value));
        }
        self.access_site(&access);
        match op {
            Rmw::Exchange => self.asm.xchg_mem(size, access.mem, value),
            _ => self.asm.lock_xadd(size, access.mem, value),
        }
        self.extend_access(size, value);
        self.release(&access);
        self.push_gpr(ty, value);
    }

    fn compare_exchange(&mut self, memarg: MemArg, ty: ValType, size: u32) {
        let replacement = self.pop();
        let expected = self.pop();
        let index = self.pop();
        let index = self.out_of(Gpr::RAX, index);
        let replacement = self.out_of(Gpr::RAX, replacement);
        self.to_fixed(expected, Gpr::RAX);
        let replacement = self.to_gpr(replacement);
        let access = self.aligned_access(index, memarg, size);
        self.access_site(&access);
        self.asm.lock_cmpxchg(size, access.mem, replacement);
        self.extend_access(size, Gpr::RAX);
        if size == 4 {
            // Where the comparison succeeded, the register is as it was.
            self.asm.copy(Width::W32, Gpr::RAX, Gpr::RAX);
        }
        self.release(&access);
        self.free(replacement);
        self.push_gpr(ty, Gpr::RAX);
    }

    fn trap_unless_aligned(&mut self, index: Entry, memarg: MemArg, size: u32) {
        let mask = i64::from(size - 1);
        // Only the low bits matter, and no carry into them can be lost.
        let low = memarg.offset as i64 & mask;
        if size == 1 {
            return;
        }
        if let Some(index) = index.as_const() {
            if (index as i64).wrapping_add(low) & mask != 0 {
                self.asm.alu(Alu::Cmp, Width::W32, SCRATCH, Rm::Reg(SCRATCH));
                self.trap_if(Cond::Equal, TrapCode::UnalignedAtomic);
            }
            return;
        }
        let place = self.to_loc(index);
        if low == 0 {
            self.asm.test_imm(Width::W32, place, mask as i32);
        } else {
            self.move_gpr(Width::W32, SCRATCH, place);
            self.asm.alu_imm(Alu::Add, Width::W32, Rm::Reg(SCRATCH), low as i32);
            self.asm.test_imm(Width::W32, Rm::Reg(SCRATCH), mask as i32);
        }
        self.trap_if(Cond::NotEqual, TrapCode::UnalignedAtomic);
    }

    fn add_offset(&mut self, addr: Gpr, offset: u64, code: Option<TrapCode>) {
        self.asm.set(SCRATCH, offset);
        self.asm.alu(Alu::Add, Width::W64, addr, Rm::Reg(SCRATCH));
        if let Some(code) = code {
            self.trap_if(Cond::Below, code);
        }
    }
}

impl Emit<'_> {
    /// The address of an access at a popped index.
    fn aligned_access(&mut self, index: Entry, memarg: MemArg, size: u32) -> Access {
        self.trap_unless_aligned(index, memarg, size);
        self.access(index, memarg, size)
    }

    /// A popped operand anywhere but in this register.
    fn out_of(&mut self, reg: Gpr, mut entry: Entry) -> Entry {
        if entry.kind == Kind::Reg && entry.reg == reg.0 {
            let other = self.alloc();
            self.asm.copy(Width::W64, other, reg);
            self.free(reg);
            entry.reg = other.0;
        }
        entry
    }

    /// Extends what an access of `size` bytes has left in the register to its whole.
    fn extend_access(&mut self, size: u32, reg: Gpr) {
        match size {
            1 => self.asm.movzx8(reg, Rm::Reg(reg)),
            2 => self.asm.movzx16(reg, Rm::Reg(reg)),
            // Written in 32 or 64 bits, which leaves zeros above.
            _ => {}
        }
    }

    fn load_zero_extended(&mut self, size: u32, dst: Gpr, mem: Mem) {
        match size {
            1 => self.asm.movzx8(dst, Rm::Mem(mem)),
            2 => self.asm.movzx16(dst, Rm::Mem(mem)),
            4 => self.asm.load(Width::W32, dst, mem),
            _ => self.asm.load(Width::W64, dst, mem),
        }
    }

    /// Tries until nobody else wrote in between.
    fn update_in_loop(&mut self, memarg: MemArg, op: Alu, ty: ValType, size: u32, index: Entry, value: Entry) {
        let index = self.out_of(Gpr::RAX, index);
        let value = self.out_of(Gpr::RAX, value);
        self.take(Gpr::RAX);
        let value = self.to_gpr(value);
        let access = self.aligned_access(index, memarg, size);
        self.access_site(&access);
        self.load_zero_extended(size, Gpr::RAX, access.mem);
        let again = self.asm.offset();
        self.asm.copy(Width::W64, SCRATCH, Gpr::RAX);
        self.asm.alu(op, Width::W64, SCRATCH, Rm::Reg(value));
        self.access_site(&access);
        self.asm.lock_cmpxchg(size, access.mem, SCRATCH);
        self.asm.jcc_back(Cond::NotEqual, again);
        self.release(&access);
        self.free(value);
        // The load had extended it, and a failed attempt writes no more than the access.
        self.push_gpr(ty, Gpr::RAX);
    }
}
