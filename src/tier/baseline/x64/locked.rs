//! Atomic forms: operand in memory, 1 to 8 bytes wide.

use super::asm::{Asm, Mem, Opcode};
use crate::tier::baseline::backend::Width;
use crate::tier::baseline::regs::Gpr;

/// The prefix that makes an instruction atomic.
const LOCK: u8 = 0xf0;

/// The opcode for operands of `size` bytes; the one for bytes precedes the other.
fn sized(size: u32, opcode: Opcode) -> Opcode {
    match size {
        1 => Opcode(opcode.0 - 1).byte_reg(),
        2 => opcode.prefix(0x66),
        4 => opcode,
        _ => opcode.width(Width::W64),
    }
}

impl Asm {
    /// Exchanges register and memory, atomically.
    pub(super) fn xchg_mem(&mut self, size: u32, mem: Mem, reg: Gpr) {
        self.op_rm(sized(size, Opcode::one(0x87)), reg.0, mem);
    }

    /// Adds the register to memory, and gives it the old value.
    pub(super) fn lock_xadd(&mut self, size: u32, mem: Mem, reg: Gpr) {
        self.put_u8(LOCK);
        self.op_rm(sized(size, Opcode::map_0f(0xc1)), reg.0, mem);
    }

    /// Writes the register if rax equals memory; else gives rax the value in memory.
    pub(super) fn lock_cmpxchg(&mut self, size: u32, mem: Mem, reg: Gpr) {
        self.put_u8(LOCK);
        self.op_rm(sized(size, Opcode::map_0f(0xb1)), reg.0, mem);
    }

    /// No access moves across.
    pub(super) fn mfence(&mut self) {
        self.put(0xf0_ae0f, 3);
    }
}
