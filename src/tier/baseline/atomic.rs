//! Atomic accesses, the fence, `memory.atomic.wait` and `memory.atomic.notify`.
//!
//! All accesses are sequentially consistent: loads are plain, since every store is locked. An address that is not a
//! multiple of the width traps, and this is found out before the address is compared with the length.

use super::Emit;
use super::call::Arg;
use super::decode::MemArg;
use super::memory::Access;
use super::stack::{Entry, Kind};
use super::x64::asm::{Alu, Cond, Mem, Rm, Unary, Width};
use super::x64::regs::{Gpr, SCRATCH};
use crate::abi::builtin::Builtin;
use crate::trap::TrapCode;
use crate::types::{IndexType, ValType};

/// Operations on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rmw {
    Add,
    Sub,
    Exchange,
    /// Without an instruction that gives the old value.
    Loop(Alu),
}

/// Type of the value and width of the access in bytes, in the order in which the operators of one operation come.
const SHAPES: [(ValType, u32); 7] = [
    (ValType::I32, 4),
    (ValType::I64, 8),
    (ValType::I32, 1),
    (ValType::I32, 2),
    (ValType::I64, 1),
    (ValType::I64, 2),
    (ValType::I64, 4),
];

impl Emit<'_> {
    /// An operator behind the prefix 0xfe.
    #[inline(never)]
    pub(crate) fn atomic(&mut self, number: u32) {
        if number == 3 {
            self.pc += 1;
            return self.asm.mfence();
        }
        let memarg = self.memarg();
        match number {
            0 => return self.notify(memarg),
            1 => return self.wait(memarg, Builtin::memory_wait32, 4),
            2 => return self.wait(memarg, Builtin::memory_wait64, 8),
            _ => {}
        }
        let group = (number - 0x10) / 7;
        let (ty, size) = SHAPES[(number - 0x10) as usize % 7];
        match group {
            0 => self.atomic_load(memarg, ty, size),
            1 => self.atomic_store(memarg, size),
            2 => self.read_modify_write(memarg, Rmw::Add, ty, size),
            3 => self.read_modify_write(memarg, Rmw::Sub, ty, size),
            4 => self.read_modify_write(memarg, Rmw::Loop(Alu::And), ty, size),
            5 => self.read_modify_write(memarg, Rmw::Loop(Alu::Or), ty, size),
            6 => self.read_modify_write(memarg, Rmw::Loop(Alu::Xor), ty, size),
            7 => self.read_modify_write(memarg, Rmw::Exchange, ty, size),
            _ => self.compare_exchange(memarg, ty, size),
        }
    }

    /// Traps unless the address is a multiple of `size`, a power of two.
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
        let place = self.to_rm(index);
        if low == 0 {
            self.asm.test_imm(Width::W32, place, mask as i32);
        } else {
            self.move_gpr(Width::W32, SCRATCH, place);
            self.asm.alu_imm(Alu::Add, Width::W32, Rm::Reg(SCRATCH), low as i32);
            self.asm.test_imm(Width::W32, Rm::Reg(SCRATCH), mask as i32);
        }
        self.trap_if(Cond::NotEqual, TrapCode::UnalignedAtomic);
    }

    /// The address of an access at a popped index.
    fn aligned_access(&mut self, index: Entry, memarg: MemArg, size: u32) -> Access {
        self.trap_unless_aligned(index, memarg, size);
        self.access(index, memarg, size)
    }

    /// A popped operand anywhere but in this register.
    fn out_of(&mut self, reg: Gpr, mut entry: Entry) -> Entry {
        if entry.kind == Kind::Reg && entry.reg == reg.0 {
            let other = self.alloc();
            self.asm.mov_rr(Width::W64, other, reg);
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

    fn atomic_load(&mut self, memarg: MemArg, ty: ValType, size: u32) {
        let index = self.pop();
        let access = self.aligned_access(index, memarg, size);
        self.release(&access);
        let dst = self.alloc();
        self.access_site(&access);
        self.load_zero_extended(size, dst, access.mem);
        self.push_gpr(ty, dst);
    }

    fn load_zero_extended(&mut self, size: u32, dst: Gpr, mem: Mem) {
        match size {
            1 => self.asm.movzx8(dst, Rm::Mem(mem)),
            2 => self.asm.movzx16(dst, Rm::Mem(mem)),
            4 => self.asm.load(Width::W32, dst, mem),
            _ => self.asm.load(Width::W64, dst, mem),
        }
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

    /// Replaces the value in memory by a function of it and the operand; the old value is the result.
    fn read_modify_write(&mut self, memarg: MemArg, op: Rmw, ty: ValType, size: u32) {
        let value = self.pop();
        let index = self.pop();
        if let Rmw::Loop(alu) = op {
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
        self.asm.mov_rr(Width::W64, SCRATCH, Gpr::RAX);
        self.asm.alu(op, Width::W64, SCRATCH, Rm::Reg(value));
        self.access_site(&access);
        self.asm.lock_cmpxchg(size, access.mem, SCRATCH);
        self.asm.jcc_back(Cond::NotEqual, again);
        self.release(&access);
        self.free(value);
        // The load had extended it, and a failed attempt writes no more than the access.
        self.push_gpr(ty, Gpr::RAX);
    }

    /// Replaces the value in memory if it equals the expected one; the old value is the result. The upper bits of
    /// the expected value do not make the comparison fail.
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
            self.asm.mov_rr(Width::W32, Gpr::RAX, Gpr::RAX);
        }
        self.release(&access);
        self.free(replacement);
        self.push_gpr(ty, Gpr::RAX);
    }
}

/// Waiting.
impl Emit<'_> {
    /// How many waiters were woken. Needs no shared memory: on another one it is always 0.
    fn notify(&mut self, memarg: MemArg) {
        let count = self.pop();
        let addr = self.pop_waiter_address(memarg, 4);
        let args = [Arg::Index(memarg.memory), Arg::Operand(addr), Arg::Operand(count)];
        self.call_builtin(Builtin::memory_notify, &args);
        self.push_builtin_result(ValType::I32);
    }

    fn wait(&mut self, memarg: MemArg, builtin: Builtin, size: u32) {
        let timeout = self.pop();
        let expected = self.pop();
        let addr = self.pop_waiter_address(memarg, size);
        let args = [Arg::Index(memarg.memory), Arg::Operand(addr), Arg::Operand(expected), Arg::Operand(timeout)];
        self.call_builtin(builtin, &args);
        self.push_builtin_result(ValType::I32);
    }

    /// The effective address as helpers take it. The helper checks it against the length; it cannot see that index
    /// and offset exceeded 64 bits, so that this is checked here.
    fn pop_waiter_address(&mut self, memarg: MemArg, size: u32) -> Entry {
        let index = self.pop();
        self.trap_unless_aligned(index, memarg, size);
        if memarg.offset == 0 {
            return index;
        }
        let addr = self.clean_temp(index);
        self.asm.mov_imm64(SCRATCH, memarg.offset);
        self.asm.alu(Alu::Add, Width::W64, addr, Rm::Reg(SCRATCH));
        if self.index_type(memarg.memory) == IndexType::I64 {
            self.trap_if(Cond::Below, TrapCode::MemoryOutOfBounds);
        }
        Entry::register(ValType::I64, addr.0, super::stack::Upper::Zero)
    }
}
