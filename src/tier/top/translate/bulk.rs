//! Bulk operators of memories.
//!
//! Copies and fills are checked here and done by the platform's `memmove` and `memset`. Short ones of constant
//! length are a few loads and stores.

use cranelift_codegen::ir::{InstBuilder, Type, Value, condcodes::IntCC, types};
use wasmparser::Operator;

use super::Translator;
use super::table::narrower;
use crate::abi::builtin::{Builtin, Plain};
use crate::tier::fuel::Size;
use crate::trap::TrapCode;
use crate::types::{IndexType, MemoryIndex};

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::MemoryFill { mem } => t.memory_fill(MemoryIndex(mem)),
        Operator::MemoryCopy { dst_mem, src_mem } => t.memory_copy(MemoryIndex(dst_mem), MemoryIndex(src_mem)),
        Operator::MemoryInit { data_index, mem } => t.memory_init(data_index, MemoryIndex(mem)),
        Operator::DataDrop { data_index } => {
            let segment = t.index_const(data_index);
            t.call_builtin(Builtin::data_drop, &[segment]);
        }
        _ => return false,
    }
    true
}

/// Longest copy that is done in place: four vectors, held in registers between the loads and the stores.
const SHORT_COPY: u64 = 64;
/// Longest fill that is done in place: about as much code as a call.
const SHORT_FILL: u64 = 128;

/// The accesses, offset and type, that cover `len` bytes (not 0); the last ones may overlap.
fn chunks(len: u32) -> impl DoubleEndedIterator<Item = (i32, Type)> + ExactSizeIterator {
    let (ty, size) = match len {
        16.. => (types::I8X16, 16),
        8.. => (types::I64, 8),
        4.. => (types::I32, 4),
        2.. => (types::I16, 2),
        _ => (types::I8, 1),
    };
    (0..len.div_ceil(size)).map(move |position| ((position * size).min(len - size) as i32, ty))
}

impl Translator<'_> {
    /// A constant length from 1 to `most`.
    fn short(&self, len: Value, most: u64) -> Option<u32> {
        let len = self.constant(len)? as u64;
        (1..=most).contains(&len).then_some(len as u32)
    }

    /// The native address of `len` bytes at `start`, both in 64 bits. Traps if they are not all in bounds.
    fn range(&mut self, memory: MemoryIndex, start: Value, len: Value) -> Value {
        let length = self.memory_length(memory);
        let outside = match self.memory_type(memory).index {
            IndexType::I32 => {
                let end = self.b.ins().iadd(start, len);
                self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length)
            }
            IndexType::I64 => {
                let (end, wrapped) = self.b.ins().uadd_overflow(start, len);
                let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
                self.b.ins().bor(outside, wrapped)
            }
        };
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let base = self.memory_base(memory);
        self.b.ins().iadd(base, start)
    }

    fn memory_fill(&mut self, memory: MemoryIndex) {
        let index = self.memory_type(memory).index;
        let (dst, value, len) = self.pop3();
        self.take_by_size(len, index, Size::Bytes);
        if let Some(len) = self.short(len, SHORT_FILL) {
            return self.short_fill(memory, dst, value, len);
        }
        let dst = self.widen(index, dst);
        let len = self.widen(index, len);
        let dst = self.range(memory, dst, len);
        self.call_plain(Plain::Fill, &[dst, value, len]);
    }

    fn memory_copy(&mut self, dst_memory: MemoryIndex, src_memory: MemoryIndex) {
        let (dst_index, src_index) = (self.memory_type(dst_memory).index, self.memory_type(src_memory).index);
        let (dst, src, len) = self.pop3();
        self.take_by_size(len, narrower(dst_index, src_index), Size::Bytes);
        if let Some(len) = self.short(len, SHORT_COPY) {
            return self.short_copy((dst_memory, dst), (src_memory, src), len);
        }
        let dst = self.widen(dst_index, dst);
        let src = self.widen(src_index, src);
        let len = self.widen(narrower(dst_index, src_index), len);
        // Both checks come before the first write.
        let dst = self.range(dst_memory, dst, len);
        let src = self.range(src_memory, src, len);
        self.call_plain(Plain::Move, &[dst, src, len]);
    }

    fn short_copy(&mut self, dst: (MemoryIndex, Value), src: (MemoryIndex, Value), len: u32) {
        let src = self.access(src.0, src.1, 0, len);
        // All loads before the first store: the ranges may overlap.
        let mut values = [src.addr; SHORT_COPY as usize / 16];
        let values = &mut values[..chunks(len).len()];
        for ((offset, ty), value) in chunks(len).zip(&mut *values) {
            *value = self.b.ins().load(ty, src.flags, src.addr, src.offset + offset);
        }
        let dst = self.access(dst.0, dst.1, 0, len);
        // The last bytes first: if any is out of bounds, they are, and nothing was written.
        for ((offset, _), value) in chunks(len).zip(&*values).rev() {
            self.b.ins().store(dst.flags, *value, dst.addr, dst.offset + offset);
        }
    }

    fn short_fill(&mut self, memory: MemoryIndex, dst: Value, value: Value, len: u32) {
        let dst = self.access(memory, dst, 0, len);
        let ty = chunks(len).next().expect("the length is not 0").1;
        let value = self.repeated(value, ty);
        // The last bytes first, as above.
        for (offset, _) in chunks(len).rev() {
            self.b.ins().store(dst.flags, value, dst.addr, dst.offset + offset);
        }
    }

    /// The low byte of `value` in each byte of `ty`.
    fn repeated(&mut self, value: Value, ty: Type) -> Value {
        if let Some(value) = self.constant(value) {
            let bytes = [value as u8; 16];
            return if ty == types::I8X16 {
                let bytes = self.b.func.dfg.constants.insert(bytes.as_slice().into());
                self.b.ins().vconst(ty, bytes)
            } else {
                let all = u64::from_le_bytes([value as u8; 8]);
                self.b.ins().iconst(ty, (all >> (64 - ty.bits())) as i64)
            };
        }
        let byte = self.b.ins().ireduce(types::I8, value);
        if ty == types::I8 {
            return byte;
        }
        if ty == types::I8X16 {
            return self.b.ins().splat(ty, byte);
        }
        let byte = self.b.ins().uextend(ty, byte);
        let ones = self.b.ins().iconst(ty, (0x0101_0101_0101_0101_u64 >> (64 - ty.bits())) as i64);
        self.b.ins().imul(byte, ones)
    }

    fn memory_init(&mut self, segment: u32, memory: MemoryIndex) {
        let (dst, src, len) = self.pop3();
        self.take_by_size(len, IndexType::I32, Size::Bytes);
        let dst = self.widen(self.memory_type(memory).index, dst);
        let (number, segment) = (self.index_const(memory.0), self.index_const(segment));
        self.call_builtin(Builtin::memory_init, &[number, segment, dst, src, len]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_byte_and_no_other() {
        for len in 1..=SHORT_FILL as u32 {
            let mut covered = vec![false; len as usize];
            for (offset, ty) in chunks(len) {
                covered[offset as usize..][..ty.bytes() as usize].fill(true);
            }
            assert!(covered.iter().all(|&covered| covered), "{len}");
            assert!(chunks(len).map(|(offset, _)| offset).is_sorted(), "{len}: the last one ends last");
        }
        assert_eq!(chunks(SHORT_COPY as u32).count(), 4);
    }
}
