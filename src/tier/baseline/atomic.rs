//! Operators behind the prefix FE: which is which, `memory.atomic.wait` and `memory.atomic.notify`.
//!
//! All accesses are sequentially consistent. An address that is not a multiple of the width traps, and this is found
//! out before the address is compared with the length.
//!
//! Not here: the accesses themselves (`Atomics`).

use super::Emit;
use super::backend::{Atomics as _, Rmw};
use super::call::Arg;
use super::decode::MemArg;
use super::stack::{Entry, Upper};
use crate::abi::builtin::Builtin;
use crate::trap::TrapCode;
use crate::types::{IndexType, ValType};

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
            return self.atomic_fence();
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
            4 => self.read_modify_write(memarg, Rmw::And, ty, size),
            5 => self.read_modify_write(memarg, Rmw::Or, ty, size),
            6 => self.read_modify_write(memarg, Rmw::Xor, ty, size),
            7 => self.read_modify_write(memarg, Rmw::Exchange, ty, size),
            _ => self.compare_exchange(memarg, ty, size),
        }
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
        let code = (self.index_type(memarg.memory) == IndexType::I64).then_some(TrapCode::MemoryOutOfBounds);
        self.add_offset(addr, memarg.offset, code);
        Entry::register(ValType::I64, addr.0, Upper::Zero)
    }
}
