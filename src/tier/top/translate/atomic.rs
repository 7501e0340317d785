//! Atomic accesses, the fence, `memory.atomic.wait` and `memory.atomic.notify`.
//!
//! All accesses are sequentially consistent. An address that is not a multiple of the width traps, and
//! this is found out before the address is compared with the length.

use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, Type, Value};
use wasmparser::{MemArg, Operator};

use super::Translator;
use super::memory::{Access, memory_of};
use crate::abi::builtin::Builtin;
use crate::trap::TrapCode;
use crate::types::IndexType;

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use AtomicRmwOp::{Add, And, Or, Sub, Xchg, Xor};
    match op {
        Operator::AtomicFence { .. } => {
            t.b.ins().fence();
        }
        Operator::MemoryAtomicNotify { memarg } => notify(t, memarg),
        Operator::MemoryAtomicWait32 { memarg } => wait(t, memarg, Builtin::memory_wait32, 4),
        Operator::MemoryAtomicWait64 { memarg } => wait(t, memarg, Builtin::memory_wait64, 8),

        Operator::I32AtomicLoad { memarg } => load(t, memarg, I32, I32),
        Operator::I32AtomicLoad8U { memarg } => load(t, memarg, I8, I32),
        Operator::I32AtomicLoad16U { memarg } => load(t, memarg, I16, I32),
        Operator::I64AtomicLoad { memarg } => load(t, memarg, I64, I64),
        Operator::I64AtomicLoad8U { memarg } => load(t, memarg, I8, I64),
        Operator::I64AtomicLoad16U { memarg } => load(t, memarg, I16, I64),
        Operator::I64AtomicLoad32U { memarg } => load(t, memarg, I32, I64),

        Operator::I32AtomicStore { memarg } => store(t, memarg, I32),
        Operator::I32AtomicStore8 { memarg } => store(t, memarg, I8),
        Operator::I32AtomicStore16 { memarg } => store(t, memarg, I16),
        Operator::I64AtomicStore { memarg } => store(t, memarg, I64),
        Operator::I64AtomicStore8 { memarg } => store(t, memarg, I8),
        Operator::I64AtomicStore16 { memarg } => store(t, memarg, I16),
        Operator::I64AtomicStore32 { memarg } => store(t, memarg, I32),

        Operator::I32AtomicRmwAdd { memarg } => rmw(t, memarg, Add, I32, I32),
        Operator::I32AtomicRmw8AddU { memarg } => rmw(t, memarg, Add, I8, I32),
        Operator::I32AtomicRmw16AddU { memarg } => rmw(t, memarg, Add, I16, I32),
        Operator::I64AtomicRmwAdd { memarg } => rmw(t, memarg, Add, I64, I64),
        Operator::I64AtomicRmw8AddU { memarg } => rmw(t, memarg, Add, I8, I64),
        Operator::I64AtomicRmw16AddU { memarg } => rmw(t, memarg, Add, I16, I64),
        Operator::I64AtomicRmw32AddU { memarg } => rmw(t, memarg, Add, I32, I64),

        Operator::I32AtomicRmwSub { memarg } => rmw(t, memarg, Sub, I32, I32),
        Operator::I32AtomicRmw8SubU { memarg } => rmw(t, memarg, Sub, I8, I32),
        Operator::I32AtomicRmw16SubU { memarg } => rmw(t, memarg, Sub, I16, I32),
        Operator::I64AtomicRmwSub { memarg } => rmw(t, memarg, Sub, I64, I64),
        Operator::I64AtomicRmw8SubU { memarg } => rmw(t, memarg, Sub, I8, I64),
        Operator::I64AtomicRmw16SubU { memarg } => rmw(t, memarg, Sub, I16, I64),
        Operator::I64AtomicRmw32SubU { memarg } => rmw(t, memarg, Sub, I32, I64),

        Operator::I32AtomicRmwAnd { memarg } => rmw(t, memarg, And, I32, I32),
        Operator::I32AtomicRmw8AndU { memarg } => rmw(t, memarg, And, I8, I32),
        Operator::I32AtomicRmw16AndU { memarg } => rmw(t, memarg, And, I16, I32),
        Operator::I64AtomicRmwAnd { memarg } => rmw(t, memarg, And, I64, I64),
        Operator::I64AtomicRmw8AndU { memarg } => rmw(t, memarg, And, I8, I64),
        Operator::I64AtomicRmw16AndU { memarg } => rmw(t, memarg, And, I16, I64),
        Operator::I64AtomicRmw32AndU { memarg } => rmw(t, memarg, And, I32, I64),

        Operator::I32AtomicRmwOr { memarg } => rmw(t, memarg, Or, I32, I32),
        Operator::I32AtomicRmw8OrU { memarg } => rmw(t, memarg, Or, I8, I32),
        Operator::I32AtomicRmw16OrU { memarg } => rmw(t, memarg, Or, I16, I32),
        Operator::I64AtomicRmwOr { memarg } => rmw(t, memarg, Or, I64, I64),
        Operator::I64AtomicRmw8OrU { memarg } => rmw(t, memarg, Or, I8, I64),
        Operator::I64AtomicRmw16OrU { memarg } => rmw(t, memarg, Or, I16, I64),
        Operator::I64AtomicRmw32OrU { memarg } => rmw(t, memarg, Or, I32, I64),

        Operator::I32AtomicRmwXor { memarg } => rmw(t, memarg, Xor, I32, I32),
        Operator::I32AtomicRmw8XorU { memarg } => rmw(t, memarg, Xor, I8, I32),
        Operator::I32AtomicRmw16XorU { memarg } => rmw(t, memarg, Xor, I16, I32),
        Operator::I64AtomicRmwXor { memarg } => rmw(t, memarg, Xor, I64, I64),
        Operator::I64AtomicRmw8XorU { memarg } => rmw(t, memarg, Xor, I8, I64),
        Operator::I64AtomicRmw16XorU { memarg } => rmw(t, memarg, Xor, I16, I64),
        Operator::I64AtomicRmw32XorU { memarg } => rmw(t, memarg, Xor, I32, I64),

        Operator::I32AtomicRmwXchg { memarg } => rmw(t, memarg, Xchg, I32, I32),
        Operator::I32AtomicRmw8XchgU { memarg } => rmw(t, memarg, Xchg, I8, I32),
        Operator::I32AtomicRmw16XchgU { memarg } => rmw(t, memarg, Xchg, I16, I32),
        Operator::I64AtomicRmwXchg { memarg } => rmw(t, memarg, Xchg, I64, I64),
        Operator::I64AtomicRmw8XchgU { memarg } => rmw(t, memarg, Xchg, I8, I64),
        Operator::I64AtomicRmw16XchgU { memarg } => rmw(t, memarg, Xchg, I16, I64),
        Operator::I64AtomicRmw32XchgU { memarg } => rmw(t, memarg, Xchg, I32, I64),

        Operator::I32AtomicRmwCmpxchg { memarg } => cmpxchg(t, memarg, I32, I32),
        Operator::I32AtomicRmw8CmpxchgU { memarg } => cmpxchg(t, memarg, I8, I32),
        Operator::I32AtomicRmw16CmpxchgU { memarg } => cmpxchg(t, memarg, I16, I32),
        Operator::I64AtomicRmwCmpxchg { memarg } => cmpxchg(t, memarg, I64, I64),
        Operator::I64AtomicRmw8CmpxchgU { memarg } => cmpxchg(t, memarg, I8, I64),
        Operator::I64AtomicRmw16CmpxchgU { memarg } => cmpxchg(t, memarg, I16, I64),
        Operator::I64AtomicRmw32CmpxchgU { memarg } => cmpxchg(t, memarg, I32, I64),
        _ => return false,
    }
    true
}

/// Loads `width` bytes as an integer of type `result`, zero-extended.
fn load(t: &mut Translator<'_>, memarg: &MemArg, width: Type, result: Type) {
    let access = pop_aligned(t, memarg, width);
    let addr = t.flat_addr(access);
    let value = t.b.ins().atomic_load(width, access.flags, addr);
    push_extended(t, value, result);
}

fn store(t: &mut Translator<'_>, memarg: &MemArg, width: Type) {
    let value = pop_narrowed(t, width);
    let access = pop_aligned(t, memarg, width);
    let addr = t.flat_addr(access);
    t.b.ins().atomic_store(access.flags, value, addr);
}

/// Replaces the value in memory by a function of it and the operand; the old value is the result.
fn rmw(t: &mut Translator<'_>, memarg: &MemArg, op: AtomicRmwOp, width: Type, result: Type) {
    let value = pop_narrowed(t, width);
    let access = pop_aligned(t, memarg, width);
    let addr = t.flat_addr(access);
    let old = t.b.ins().atomic_rmw(width, access.flags, op, addr, value);
    push_extended(t, old, result);
}

/// Replaces the value in memory if it equals the expected one; the old value is the result.
fn cmpxchg(t: &mut Translator<'_>, memarg: &MemArg, width: Type, result: Type) {
    let replacement = pop_narrowed(t, width);
    // The expected value is wrapped to the width, too: its upper bits do not make the comparison fail.
    let expected = pop_narrowed(t, width);
    let access = pop_aligned(t, memarg, width);
    let addr = t.flat_addr(access);
    let old = t.b.ins().atomic_cas(access.flags, addr, expected, replacement);
    push_extended(t, old, result);
}

/// How many waiters were woken. Needs no shared memory: on another one it is always 0.
fn notify(t: &mut Translator<'_>, memarg: &MemArg) {
    let count = t.pop();
    let (memory, addr) = pop_waiter_address(t, memarg, 4);
    let result = t.call_builtin_value(Builtin::memory_notify, &[memory, addr, count]);
    t.push(result);
}

fn wait(t: &mut Translator<'_>, memarg: &MemArg, builtin: Builtin, width: u32) {
    let (expected, timeout) = t.pop2();
    let (memory, addr) = pop_waiter_address(t, memarg, width);
    let result = t.call_builtin_value(builtin, &[memory, addr, expected, timeout]);
    t.push(result);
}

/// The memory's index and the effective address as helpers take them. The helper checks it against the
/// length; it cannot see that `index + offset` exceeded 64 bits, so that is checked here.
fn pop_waiter_address(t: &mut Translator<'_>, memarg: &MemArg, width: u32) -> (Value, Value) {
    let index = t.pop();
    trap_unless_aligned(t, memarg, index, width);
    let memory = memory_of(memarg);
    let index_type = t.memory_type(memory).index;
    let index = t.widen(index_type, index);
    let addr = match (index_type, memarg.offset) {
        (_, 0) => index,
        (IndexType::I32, offset) => t.b.ins().iadd_imm_s(index, offset as i64),
        (IndexType::I64, offset) => {
            let offset = t.b.ins().iconst(I64, offset as i64);
            let (addr, wrapped) = t.b.ins().uadd_overflow(index, offset);
            t.trap_if(wrapped, TrapCode::MemoryOutOfBounds);
            addr
        }
    };
    let memory = t.index_const(memory.0);
    (memory, addr)
}

/// Pops the index of an access of this width, whose effective address must be a multiple of it.
fn pop_aligned(t: &mut Translator<'_>, memarg: &MemArg, width: Type) -> Access {
    let index = t.pop();
    trap_unless_aligned(t, memarg, index, width.bytes());
    t.mem_addr(memarg, index, width.bytes())
}

/// Traps unless `index + memarg.offset` is a multiple of `width`, a power of two.
fn trap_unless_aligned(t: &mut Translator<'_>, memarg: &MemArg, index: Value, width: u32) {
    if width == 1 {
        return;
    }
    let mask = i64::from(width - 1);
    // Only the low bits matter, and no carry into them can be lost.
    let low = memarg.offset as i64 & mask;
    let addr = if low == 0 { index } else { t.b.ins().iadd_imm_s(index, low) };
    let misaligned = t.b.ins().band_imm_s(addr, mask);
    t.trap_if(misaligned, TrapCode::UnalignedAtomic);
}

/// Pops an integer and wraps it to the width of an access.
fn pop_narrowed(t: &mut Translator<'_>, width: Type) -> Value {
    let value = t.pop();
    if t.b.func.dfg.value_type(value) == width { value } else { t.b.ins().ireduce(width, value) }
}

/// Pushes an integer, zero-extended to `result`.
fn push_extended(t: &mut Translator<'_>, value: Value, result: Type) {
    let value = if t.b.func.dfg.value_type(value) == result { value } else { t.b.ins().uextend(result, value) };
    t.push(value);
}
