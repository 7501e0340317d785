//! Linear memories: addresses, loads, stores, bulk operators.

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, condcodes::IntCC, types};
use wasmparser::{MemArg, MemArgTarget};

use super::Translator;
use super::env::{CONSTANT, MUTABLE, clif_trap};
use crate::abi::vmctx;
use crate::limits::MEMORY_GUARD;
use crate::tier::top::{Bounds, Signals};
use crate::trap::TrapCode;
use crate::types::{IndexType, MemoryIndex, MemoryType, PAGE_SIZE};

/// A checked access: the operand of a load or store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// Native address, to which `offset` is added.
    pub(super) addr: Value,
    pub(super) offset: i32,
    /// Flags for the instruction that makes the access.
    pub(super) flags: MemFlagsData,
}

/// What keeps an access in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing is needed: the address is a constant below the smallest length that the memory can have.
    InBounds,
    /// Unmapped pages: index, offset and size cannot reach beyond the guard.
    Guarded,
    /// A comparison of the index with `length - end`: the memory is never shorter than `end` bytes.
    BelowLength { end: u64 },
    /// A comparison of `index + end` with the length.
    EndAgainstLength { end: u64, wrap: Wrap },
    /// Every index is out of bounds: offset and size alone exceed 64 bits.
    Never,
}

/// Whether `index + end` can exceed 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// It cannot: the index has 32 bits.
    Impossible,
    /// It can, and must be found out.
    Possible,
}

/// Decides what keeps an access of `size` bytes at `index + offset` in bounds.
///
/// `index` is the index if it is a constant. A memory's length never shrinks.
pub(super) fn decide(ty: &MemoryType, bounds: Bounds, index: Option<u64>, offset: u64, size: u64) -> Check {
    let Some(end) = offset.checked_add(size) else {
        return Check::Never;
    };
    let least = ty.min.saturating_mul(PAGE_SIZE);
    if index.and_then(|index| index.checked_add(end)).is_some_and(|end| end <= least) {
        return Check::InBounds;
    }
    match ty.index {
        IndexType::I32 if bounds == Bounds::Guarded && end <= MEMORY_GUARD => Check::Guarded,
        _ if end <= least => Check::BelowLength { end },
        IndexType::I32 => Check::EndAgainstLength { end, wrap: Wrap::Impossible },
        IndexType::I64 => Check::EndAgainstLength { end, wrap: Wrap::Possible },
    }
}

/// The memory that an operator names.
pub(super) fn memory_of(memarg: &MemArg) -> MemoryIndex {
    match memarg.target {
        MemArgTarget::Memory(index) => MemoryIndex(index),
        MemArgTarget::Array(_) => unreachable!("validated: arrays are not supported"),
    }
}

/// Addresses.
impl Translator<'_> {
    /// The type of a memory.
    pub(super) fn memory_type(&self, memory: MemoryIndex) -> MemoryType {
        self.module.memories()[memory.index()]
    }

    /// An index, an address or a count of a memory or table as 64 bits.
    pub(super) fn widen(&mut self, index: IndexType, value: Value) -> Value {
        match index {
            IndexType::I32 => self.b.ins().uextend(types::I64, value),
            IndexType::I64 => value,
        }
    }

    /// The current length of a memory in bytes.
    pub(super) fn memory_length(&mut self, memory: MemoryIndex) -> Value {
        let place = self.layout.memory(memory);
        let (base, offset) = self.place(place);
        let offset = offset + vmctx::MEMORY_LENGTH;
        if self.memory_type(memory).shared {
            let addr = self.b.ins().iadd_imm_s(base, i64::from(offset));
            self.b.ins().atomic_load(types::I64, MUTABLE, addr)
        } else {
            self.b.ins().load(types::I64, MUTABLE, base, offset)
        }
    }

    fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        let ty = self.memory_type(memory);
        let never_moves = ty.shared || (self.options.bounds == Bounds::Guarded && ty.index == IndexType::I32);
        let flags = if never_moves { CONSTANT } else { MUTABLE };
        let place = self.layout.memory(memory);
        let (base, offset) = self.place(place);
        self.b.ins().load(types::I64, flags, base, offset + vmctx::MEMORY_BASE)
    }

    /// Checks an access of `size` bytes at `index + memarg.offset`, `index` being an operand of the
    /// memory's index type. The one place that widens indices and forms native addresses.
    pub(super) fn mem_addr(&mut self, memarg: &MemArg, index: Value, size: u32) -> Access {
        let memory = memory_of(memarg);
        let ty = self.memory_type(memory);
        let known = self.constant(index).map(|value| match ty.index {
            IndexType::I32 => u64::from(value as u32),
            IndexType::I64 => value as u64,
        });
        let check = decide(&ty, self.options.bounds, known, memarg.offset, u64::from(size));
        let index = self.widen(ty.index, index);
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        let faulting = flags.with_trap_code(Some(clif_trap(TrapCode::MemoryOutOfBounds)));
        let checked = match self.options.signals {
            Signals::On => faulting,
            Signals::Off => flags.with_notrap(),
        };
        let outside = match check {
            Check::InBounds | Check::Guarded => {
                let base = self.memory_base(memory);
                let (addr, offset) = self.fold_offset(base, index, memarg.offset);
                let flags = if check == Check::InBounds { flags.with_notrap() } else { faulting };
                return Access { addr, offset, flags };
            }
            Check::BelowLength { end } => {
                let length = self.memory_length(memory);
                let end = self.b.ins().iconst(types::I64, end as i64);
                let last = self.b.ins().isub(length, end);
                self.b.ins().icmp(IntCC::UnsignedGreaterThan, index, last)
            }
            Check::EndAgainstLength { end, wrap } => {
                let length = self.memory_length(memory);
                let end = self.b.ins().iconst(types::I64, end as i64);
                match wrap {
                    Wrap::Impossible => {
                        let end = self.b.ins().iadd(index, end);
                        self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length)
                    }
                    Wrap::Possible => {
                        let (end, wrapped) = self.b.ins().uadd_overflow(index, end);
                        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
                        self.b.ins().bor(outside, wrapped)
                    }
                }
            }
            Check::Never => self.b.ins().iconst(types::I8, 1),
        };
        if self.options.signals == Signals::Off || check == Check::Never {
            self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        }
        let base = self.memory_base(memory);
        let addr = self.b.ins().iadd(base, index);
        let addr = self.b.ins().iadd_imm_s(addr, memarg.offset as i64);
        // An access out of bounds faults in the null page, mispredicted branches included.
        let null = self.b.ins().iconst(types::I64, 0);
        let addr = self.b.ins().select_spectre_guard(outside, null, addr);
        Access { addr, offset: 0, flags: checked }
    }

    fn fold_offset(&mut self, base: Value, index: Value, offset: u64) -> (Value, i32) {
        let addr = self.b.ins().iadd(base, index);
        match i32::try_from(offset) {
            Ok(offset) => (addr, offset),
            Err(_) => (self.b.ins().iadd_imm_s(addr, offset as i64), 0),
        }
    }

    /// The value of a constant operand.
    pub(super) fn constant(&self, value: Value) -> Option<i64> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        match dfg.insts[inst] {
            cranelift_codegen::ir::InstructionData::UnaryImm { opcode: cranelift_codegen::ir::Opcode::Iconst, imm } => {
                Some(imm.bits())
            }
            _ => None,
        }
    }

    /// Pops the index of an access and checks it.
    pub(super) fn pop_access(&mut self, memarg: &MemArg, size: u32) -> Access {
        let index = self.pop();
        self.mem_addr(memarg, index, size)
    }

    /// The native address of an access, for instructions without an offset.
    pub(super) fn flat_addr(&mut self, access: Access) -> Value {
        if access.offset == 0 { access.addr } else { self.b.ins().iadd_imm_s(access.addr, i64::from(access.offset)) }
    }

    /// Loads a value of this type from the popped index.
    pub(super) fn load(&mut self, memarg: &MemArg, ty: Type) -> Value {
        let access = self.pop_access(memarg, ty.bytes());
        self.b.ins().load(ty, access.flags, access.addr, access.offset)
    }

    /// Stores a value at the popped index.
    pub(super) fn store(&mut self, memarg: &MemArg, value: Value) {
        let size = self.b.func.dfg.value_type(value).bytes();
        let access = self.pop_access(memarg, size);
        self.b.ins().store(access.flags, value, access.addr, access.offset);
    }
}
