//! Accesses to memory that are not plain: any encoding, any memory, any stack.

use super::BodyFlags;
use super::env::{self, BITS, Code};
use super::leb;
use super::tables::{Access, Alignment};
use super::walk::Walk;
use crate::module::{Features, Module};

/// The flag of a memory argument that says that a memory's index follows.
const HAS_INDEX: u32 = 0x40;

impl Walk {
    /// A load, a store or an atomic access; `bytes` start at its memory argument. The result is the word, and the
    /// length of the argument.
    pub(super) fn access(&mut self, module: &Module, bytes: &[u8], word: u64, access: &Access) -> Option<(u64, usize)> {
        let (address, len) = self.memory_argument(module, bytes, access)?;
        let effect = &access.effect;
        let word = self.pop_packed(word, effect.operands as u64, effect.operand_bits as u32)?;
        let word = self.pop(word, address)?;
        Some((self.push_packed(word, effect.results as u64, effect.result_bits as u32), len))
    }

    /// Reads a memory argument; the result is the type of the address, and the length.
    fn memory_argument(&mut self, module: &Module, bytes: &[u8], access: &Access) -> Option<(Code, usize)> {
        let (flags, mut len) = leb::u32_long(bytes)?;
        let align = flags & !HAS_INDEX;
        match access.alignment {
            Alignment::AtMost if align > access.natural as u32 => return None,
            Alignment::Exactly if align != access.natural as u32 => return None,
            _ => {}
        }
        let mut memory = 0;
        if flags & HAS_INDEX != 0 {
            self.needs(module, Features::MULTI_MEMORY)?;
            let (index, index_len) = leb::u32_long(&bytes[len..])?;
            (memory, len) = (index, len + index_len);
        }
        let bytes = bytes.get(len..)?;
        let (offset, offset_len) = if module.environment.allowed.contains(Features::MEMORY64) {
            leb::u64_long(bytes)?
        } else {
            leb::u32_long(bytes).map(|(offset, len)| (offset as u64, len))?
        };
        // A 32-bit number has at most 5 bytes.
        if offset_len > 5 {
            self.uses(Features::MEMORY64);
        }
        let address = self.address(module, memory)?;
        if address == env::I32 && offset > u32::MAX as u64 {
            return None;
        }
        Some((address, len + offset_len))
    }

    /// The type of a memory's addresses. Notes that the memory is used.
    pub(super) fn address(&mut self, module: &Module, memory: u32) -> Option<Code> {
        self.flag(if memory == 0 { BodyFlags::MEMORY0 } else { BodyFlags::OTHER_MEMORY });
        module.memories.get(memory as usize).map(|memory| memory.address())
    }

    /// The memory index of `memory.size` or `memory.grow`, with the type of its addresses and its length.
    pub(super) fn size_argument(&mut self, module: &Module, bytes: &[u8]) -> Option<(Code, usize)> {
        let (memory, len) = leb::u32_long(bytes)?;
        // Without several memories it is one byte, zero.
        if bytes[0] != 0 {
            self.needs(module, Features::MULTI_MEMORY)?;
        }
        Some((self.address(module, memory)?, len))
    }

    /// Notes that the body uses features, which must be allowed.
    pub(super) fn needs(&mut self, module: &Module, features: Features) -> Option<()> {
        self.uses(features);
        module.environment.allowed.contains(features).then_some(())
    }

    /// The smaller of two types of addresses.
    pub(super) fn length_type(one: Code, two: Code) -> Code {
        if one == env::I32 { env::I32 } else { two }
    }

    /// Pops operands, the last type first.
    pub(super) fn pop_all<const N: usize>(&mut self, word: u64, types: [Code; N]) -> Option<u64> {
        let packed = types.iter().fold(0, |word, ty| word << BITS | ty);
        self.pop_packed(word, packed, BITS * N as u32)
    }
}
