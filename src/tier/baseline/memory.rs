//! What accesses to linear memories have in common whatever the machine: widths, and fields of their definitions.
//!
//! Not here: addresses, loads and stores (`Accesses`).

use super::Emit;
use super::backend::{Assembler as _, Load, Mem, VMCTX, Width};
use super::regs::Gpr;
use crate::abi::vmctx::{MEMORY_LENGTH, Place};
use crate::types::{IndexType, MemoryIndex, ValType};

impl Load {
    /// Bytes that are read.
    pub(crate) fn size(self, ty: ValType) -> u32 {
        match self {
            Load::Full => match ty {
                ValType::I32 | ValType::F32 => 4,
                _ => 8,
            },
            Load::Unsigned8 | Load::Signed8 => 1,
            Load::Unsigned16 | Load::Signed16 => 2,
            Load::Unsigned32 | Load::Signed32 => 4,
        }
    }
}

impl Emit<'_> {
    /// The length of a memory in bytes. Uses no other register.
    pub(crate) fn load_length(&mut self, memory: u32, reg: Gpr) {
        self.load_field(memory, MEMORY_LENGTH, reg);
    }

    /// Loads a field of a memory's definition. Uses no other register.
    pub(crate) fn load_field(&mut self, memory: u32, field: i32, reg: Gpr) {
        match self.layout.memory(MemoryIndex(memory)) {
            Place::Own(offset) => self.asm.load(Width::W64, reg, Mem::base(VMCTX, offset + field)),
            Place::Imported(offset) => {
                self.asm.load(Width::W64, reg, Mem::base(VMCTX, offset));
                self.asm.load(Width::W64, reg, Mem::base(reg, field));
            }
        }
    }

    /// The width of a memory's addresses.
    pub(crate) fn index_type(&self, memory: u32) -> IndexType {
        self.module.memories()[memory as usize].index
    }
}
