//! Linear memories: addresses, loads, stores, sizes.

use cranelift_codegen::ir::{
    Block, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, condcodes::IntCC, types,
};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::Translator;
use super::env::{CONSTANT, MUTABLE, clif_trap};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx;
use crate::limits::MEMORY_GUARD;
use crate::tier::top::{Bounds, Signals};
use crate::trap::TrapCode;
use crate::types::{IndexType, MemoryIndex, MemoryType, PAGE_SIZE};

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    if let Some((memarg, load)) = load_of(op) {
        t.load_operator(memarg, load);
        return true;
    }
    if let Some((memarg, store)) = store_of(op) {
        t.store_operator(memarg, store);
        return true;
    }
    match *op {
        Operator::MemorySize { mem } => t.memory_size(MemoryIndex(mem)),
        Operator::MemoryGrow { mem } => t.memory_grow(MemoryIndex(mem)),
        _ => return false,
    }
    true
}

/// What a load makes of the bytes.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// A value of this type, bit by bit.
    Full(Type),
    /// Fewer bytes, extended to this type by this instruction.
    Extend(Opcode, Type),
}

fn load_of<'a>(op: &'a Operator<'_>) -> Option<(&'a MemArg, Load)> {
    use types::{F32, F64, I32, I64};
    Some(match op {
        Operator::I32Load { memarg } => (memarg, Load::Full(I32)),
        Operator::I64Load { memarg } => (memarg, Load::Full(I64)),
        Operator::F32Load { memarg } => (memarg, Load::Full(F32)),
        Operator::F64Load { memarg } => (memarg, Load::Full(F64)),
        Operator::I32Load8S { memarg } => (memarg, Load::Extend(Opcode::Sload8, I32)),
        Operator::I32Load8U { memarg } => (memarg, Load::Extend(Opcode::Uload8, I32)),
        Operator::I32Load16S { memarg } => (memarg, Load::Extend(Opcode::Sload16, I32)),
        Operator::I32Load16U { memarg } => (memarg, Load::Extend(Opcode::Uload16, I32)),
        Operator::I64Load8S { memarg } => (memarg, Load::Extend(Opcode::Sload8, I64)),
        Operator::I64Load8U { memarg } => (memarg, Load::Extend(Opcode::Uload8, I64)),
        Operator::I64Load16S { memarg } => (memarg, Load::Extend(Opcode::Sload16, I64)),
        Operator::I64Load16U { memarg } => (memarg, Load::Extend(Opcode::Uload16, I64)),
        Operator::I64Load32S { memarg } => (memarg, Load::Extend(Opcode::Sload32, I64)),
        Operator::I64Load32U { memarg } => (memarg, Load::Extend(Opcode::Uload32, I64)),
        _ => return None,
    })
}

/// Which part of a value a store writes.
#[derive(Clone, Copy, Debug)]
enum Store {
    All,
    Low8,
    Low16,
    Low32,
}

fn store_of<'a>(op: &'a Operator<'_>) -> Option<(&'a MemArg, Store)> {
    Some(match op {
        Operator::I32Store { memarg }
        | Operator::I64Store { memarg }
        | Operator::F32Store { memarg }
        | Operator::F64Store { memarg } => (memarg, Store::All),
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => (memarg, Store::Low8),
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => (memarg, Store::Low16),
        Operator::I64Store32 { memarg } => (memarg, Store::Low32),
        _ => return None,
    })
}

/// A checked access: the operand of a load or store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// Native address, to which `offset` is added.
    pub(super) addr: Value,
    pub(super) offset: i32,
    /// Flags for the instruction that makes the access.
    pub(super) flags: MemFlagsData,
}

/// How far the page at address 0 reaches, which is never mapped.
const NULL_PAGE: u64 = 4096;

/// A check that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    memory: MemoryIndex,
    /// The operand of the memory's index type.
    index: Value,
    /// How many bytes from the index on are in bounds, if the address is not null.
    end: u64,
    /// The address of the index, or null.
    addr: Value,
    /// Where it holds: in the rest of this block, as long as nothing is called.
    block: Block,
    calls_before: u32,
}

/// What keeps an access in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tier) enum Check {
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
pub(in crate::tier) enum Wrap {
    /// It cannot: the index has 32 bits.
    Impossible,
    /// It can, and must be found out.
    Possible,
}

/// Decides what keeps an access of `size` bytes at `index + offset` in bounds.
///
/// `index` is the index if it is a constant. A memory's length never shrinks.
pub(in crate::tier) fn decide(ty: &MemoryType, bounds: Bounds, index: Option<u64>, offset: u64, size: u64) -> Check {
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

/// The length in bytes of a memory that cannot grow. (It may still move, when it grows by nothing.)
fn fixed_length(ty: &MemoryType) -> Option<u64> {
    ty.max.filter(|max| *max == ty.min)?.checked_mul(PAGE_SIZE)
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

    /// A 64-bit count as an operand of the index type.
    pub(super) fn narrow(&mut self, index: IndexType, value: Value) -> Value {
        match index {
            IndexType::I32 => self.b.ins().ireduce(types::I32, value),
            IndexType::I64 => value,
        }
    }

    /// The current length of a memory in bytes.
    pub(super) fn memory_length(&mut self, memory: MemoryIndex) -> Value {
        if let Some(length) = fixed_length(&self.memory_type(memory)) {
            return self.b.ins().iconst(types::I64, length as i64);
        }
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

    /// The native address of a memory's first byte.
    pub(super) fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        let ty = self.memory_type(memory);
        let never_moves = ty.shared || (self.options.bounds == Bounds::Guarded && ty.index == IndexType::I32);
        let flags = if never_moves { CONSTANT } else { MUTABLE };
        let place = self.layout.memory(memory);
        let (base, offset) = self.place(place);
        self.b.ins().load(types::I64, flags, base, offset + vmctx::MEMORY_BASE)
    }

    /// Checks an access of `size` bytes at `index + memarg.offset`.
    pub(super) fn mem_addr(&mut self, memarg: &MemArg, index: Value, size: u32) -> Access {
        self.access(memory_of(memarg), index, memarg.offset, size)
    }

    /// Checks an access of `size` bytes at `index + offset`, `index` being an operand of the memory's index type.
    /// The one place that widens indices and forms native addresses of loads and stores.
    pub(super) fn access(&mut self, memory: MemoryIndex, index: Value, offset: u64, size: u32) -> Access {
        let ty = self.memory_type(memory);
        let (index, offset) = match ty.index {
            IndexType::I32 => self.split_index(index, offset, u64::from(size)),
            IndexType::I64 => (index, offset),
        };
        let known = self.constant(index).map(|value| match ty.index {
            IndexType::I32 => u64::from(value as u32),
            IndexType::I64 => value as u64,
        });
        let check = decide(&ty, self.options.bounds, known, offset, u64::from(size));
        let operand = index;
        let index = self.widen(ty.index, index);
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        let faulting = flags.with_trap_code(Some(clif_trap(TrapCode::MemoryOutOfBounds)));
        let checked = match self.options.signals {
            Signals::On => faulting,
            Signals::Off => flags.with_notrap(),
        };
        // What the index must be followed by; checks that were made before may say so.
        let near = offset.checked_add(u64::from(size)).filter(|end| *end <= NULL_PAGE);
        if let Some(addr) = near.and_then(|end| self.checked_before(memory, operand, end))
            && !matches!(check, Check::InBounds | Check::Guarded)
        {
            return Access { addr, offset: offset as i32, flags: checked };
        }
        let outside = match check {
            Check::InBounds | Check::Guarded => {
                let base = self.memory_base(memory);
                let (addr, offset) = self.fold_offset(base, index, offset);
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
        // An access out of bounds faults in the null page, mispredicted branches included. Small offsets stay in it.
        let (addr, rest) = match near {
            Some(_) => (addr, offset as i32),
            None => (self.b.ins().iadd_imm_s(addr, offset as i64), 0),
        };
        let null = self.b.ins().iconst(types::I64, 0);
        let addr = self.b.ins().select_spectre_guard(outside, null, addr);
        if let Some(end) = near {
            self.note_checked(memory, operand, end, addr);
        }
        Access { addr, offset: rest, flags: checked }
    }

    /// The address of `index`, or null if it is not followed by `end` bytes, as a check in this block found out. Memories
    /// do not shrink, and do not move without a call; a shared one may grow, but does not move.
    fn checked_before(&self, memory: MemoryIndex, index: Value, end: u64) -> Option<Value> {
        let here = (self.b.current_block()?, self.calls_seen);
        let index = self.b.func.dfg.resolve_aliases(index);
        let known = self.buf.checked.iter().flatten();
        let mut known = known.filter(|known| (known.block, known.calls_before) == here && known.memory == memory);
        known.find(|known| known.index == index && known.end >= end).map(|known| known.addr)
    }

    fn note_checked(&mut self, memory: MemoryIndex, index: Value, end: u64, addr: Value) {
        let Some(block) = self.b.current_block() else { return };
        let index = self.b.func.dfg.resolve_aliases(index);
        let new = Checked { memory, index, end, addr, block, calls_before: self.calls_seen };
        // The oldest one goes.
        self.buf.checked.rotate_right(1);
        self.buf.checked[0] = Some(new);
    }

    /// What was found out in a block holds in another one, which only follows it.
    pub(super) fn keep_checked(&mut self, before: Option<Block>, block: Block) {
        for known in self.buf.checked.iter_mut().flatten().filter(|known| Some(known.block) == before) {
            known.block = block;
        }
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
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
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

/// Operators.
impl Translator<'_> {
    fn load_operator(&mut self, memarg: &MemArg, load: Load) {
        let value = match load {
            Load::Full(ty) => self.load(memarg, ty),
            Load::Extend(opcode, ty) => {
                let size = match opcode {
                    Opcode::Sload8 | Opcode::Uload8 => 1,
                    Opcode::Sload16 | Opcode::Uload16 => 2,
                    _ => 4,
                };
                let Access { addr, offset, flags } = self.pop_access(memarg, size);
                match opcode {
                    Opcode::Sload8 => self.b.ins().sload8(ty, flags, addr, offset),
                    Opcode::Uload8 => self.b.ins().uload8(ty, flags, addr, offset),
                    Opcode::Sload16 => self.b.ins().sload16(ty, flags, addr, offset),
                    Opcode::Uload16 => self.b.ins().uload16(ty, flags, addr, offset),
                    Opcode::Sload32 => self.b.ins().sload32(flags, addr, offset),
                    _ => self.b.ins().uload32(flags, addr, offset),
                }
            }
        };
        self.push(value);
    }

    fn store_operator(&mut self, memarg: &MemArg, store: Store) {
        let value = self.pop();
        let size = match store {
            Store::All => return self.store(memarg, value),
            Store::Low8 => 1,
            Store::Low16 => 2,
            Store::Low32 => 4,
        };
        let Access { addr, offset, flags } = self.pop_access(memarg, size);
        match store {
            Store::Low8 => self.b.ins().istore8(flags, value, addr, offset),
            Store::Low16 => self.b.ins().istore16(flags, value, addr, offset),
            _ => self.b.ins().istore32(flags, value, addr, offset),
        };
    }

    fn memory_size(&mut self, memory: MemoryIndex) {
        let length = self.memory_length(memory);
        // In 64 bits: 4 GiB are 65536 pages.
        let pages = self.b.ins().ushr_imm_u(length, i64::from(PAGE_SIZE.trailing_zeros()));
        let pages = self.narrow(self.memory_type(memory).index, pages);
        self.push(pages);
    }

    fn memory_grow(&mut self, memory: MemoryIndex) {
        let index = self.memory_type(memory).index;
        let delta = self.pop();
        let delta = self.widen(index, delta);
        let number = self.index_const(memory.0);
        let old = self.call_builtin_value(Builtin::memory_grow, &[number, delta]);
        let old = self.narrow(index, old);
        self.push(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(min: u64, index: IndexType) -> MemoryType {
        MemoryType { min, max: None, index, shared: false }
    }

    #[test]
    fn checks_are_left_out_only_where_something_else_keeps_the_bound() {
        use Bounds::{Explicit, Guarded};
        use IndexType::{I32, I64};
        let end = |end, wrap| Check::EndAgainstLength { end, wrap };
        let page = PAGE_SIZE;
        for (ty, bounds, index, offset, size, expected) in [
            // Guarded: up to the end of the guard.
            (memory(0, I32), Guarded, None, 0, 4, Check::Guarded),
            (memory(0, I32), Guarded, None, MEMORY_GUARD - 4, 4, Check::Guarded),
            (memory(0, I32), Guarded, None, MEMORY_GUARD - 3, 4, end(MEMORY_GUARD + 1, Wrap::Impossible)),
            (memory(1024, I32), Guarded, None, MEMORY_GUARD - 3, 4, Check::BelowLength { end: MEMORY_GUARD + 1 }),
            (memory(0, I32), Guarded, None, u64::from(u32::MAX), 16, end((1 << 32) + 15, Wrap::Impossible)),
            // Explicit.
            (memory(1, I32), Explicit, None, page - 4, 4, Check::BelowLength { end: page }),
            (memory(1, I32), Explicit, None, page - 3, 4, end(page + 1, Wrap::Impossible)),
            (memory(0, I32), Explicit, None, 0, 1, end(1, Wrap::Impossible)),
            // 64-bit memories are never guarded.
            (memory(1, I64), Guarded, None, page - 8, 8, Check::BelowLength { end: page }),
            (memory(1, I64), Guarded, None, page - 7, 8, end(page + 1, Wrap::Possible)),
            (memory(1, I64), Explicit, None, u64::MAX - 8, 8, end(u64::MAX, Wrap::Possible)),
            (memory(1, I64), Explicit, None, u64::MAX - 7, 8, Check::Never),
            (memory(u64::MAX, I64), Explicit, None, u64::MAX - 8, 8, Check::BelowLength { end: u64::MAX }),
            // Constant indices.
            (memory(1, I32), Explicit, Some(page - 4), 0, 4, Check::InBounds),
            (memory(1, I32), Explicit, Some(page - 3), 0, 4, Check::BelowLength { end: 4 }),
            (memory(1, I32), Guarded, Some(page - 3), 0, 4, Check::Guarded),
            (memory(1, I64), Explicit, Some(u64::MAX), 1, 8, Check::BelowLength { end: 9 }),
        ] {
            assert_eq!(
                decide(&ty, bounds, index, offset, size),
                expected,
                "{ty:?} {bounds:?} {index:?} {offset} {size}"
            );
        }
    }
}
