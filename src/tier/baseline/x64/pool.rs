//! The constants of a function, which stand behind its code.
//!
//! In: values as operators need them. Out: an index for the operand, and in the end the bytes and the fields that
//! refer to them. Recent equal constants are shared.

use super::asm::Asm;
use crate::tier::baseline::backend::Assembler as _;

/// A constant in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolIndex(u32);

/// Marks the index of a constant of 8 bytes.
const NARROW: u32 = 1 << 31;

/// How many constants a new one is compared with, so that the work per constant is bounded.
const COMPARED: usize = 16;

/// The constants of the function that is being compiled.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    wide: Vec<u128>,
    narrow: Vec<u64>,
    /// Fields to fill in, with what they refer to.
    fields: Vec<(u32, PoolIndex)>,
}

/// The place of `value`, which is appended unless it is among the last ones.
fn place<T: Copy + PartialEq>(list: &mut Vec<T>, value: T) -> u32 {
    let recent = list.len().saturating_sub(COMPARED);
    let found = list[recent..].iter().position(|known| *known == value);
    let index = found.map_or(list.len(), |found| recent + found);
    if index == list.len() {
        list.push(value);
    }
    index as u32
}

impl Pool {
    /// A constant of 16 bytes, aligned.
    pub(super) fn wide(&mut self, value: u128) -> PoolIndex {
        PoolIndex(place(&mut self.wide, value))
    }

    /// A constant of up to 8 bytes, aligned.
    pub(super) fn narrow(&mut self, value: u64) -> PoolIndex {
        PoolIndex(place(&mut self.narrow, value) | NARROW)
    }

    /// The field at `offset` is to lead to the constant. It holds the number of bytes between its end and that
    /// of its instruction.
    pub(super) fn refer(&mut self, offset: u32, index: PoolIndex) {
        self.fields.push((offset, index));
    }

    /// Bytes that the pool holds on to.
    pub(super) fn capacity(&self) -> usize {
        16 * self.wide.capacity() + 8 * (self.narrow.capacity() + self.fields.capacity())
    }

    /// Forgets all constants.
    pub(super) fn clear(&mut self) {
        self.wide.clear();
        self.narrow.clear();
        self.fields.clear();
    }
}

impl Asm {
    /// Places the constants behind the code and empties the pool. What is aligned is the distance from `origin`.
    pub(super) fn place_pool(&mut self, origin: u32) {
        if self.pool.fields.is_empty() {
            self.pool.clear();
            return;
        }
        let pool = std::mem::take(&mut self.pool);
        self.reserve(16 + 16 * pool.wide.len() + 8 * pool.narrow.len());
        let alignment = if pool.wide.is_empty() { 8 } else { 16 };
        while !(self.offset() - origin).is_multiple_of(alignment) {
            self.put_u8(0xcc);
        }
        let wide = self.offset();
        for value in &pool.wide {
            self.put(*value as u64, 8);
            self.put((*value >> 64) as u64, 8);
        }
        let narrow = self.offset();
        for value in &pool.narrow {
            self.put(*value, 8);
        }
        for &(field, PoolIndex(index)) in &pool.fields {
            let target = if index & NARROW == 0 { wide + index * 16 } else { narrow + (index & !NARROW) * 8 };
            let end = field + 4 + self.field(field);
            self.set_field(field, target - end);
        }
        self.pool = pool;
        self.pool.clear();
    }
}
