//! Indices: how they become 64 bits wide, and what is known of their size.
//!
//! Addresses are sums of 32 bits that wrap, of which the processor can compute only those that do not. Where the parts
//! are known to be small, constants move into the offset of the access, and shifts into its scale. Compilers leave that
//! to the engine where they cannot prove it from types.
//!
//! No fact is assumed: each bound follows from the instructions that make the value.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Inst, InstBuilder, InstructionData, Opcode, Value, types};

use super::Translator;
use crate::limits::MEMORY_GUARD;
use crate::types::IndexType;

/// How many instructions a bound may follow from, one behind the other.
const DEPTH: u32 = 4;

/// Largest scale of an address, as a shift.
const LARGEST_SCALE: u64 = 3;

impl Translator<'_> {
    /// An index, an address or a count of a memory or table as 64 bits.
    pub(super) fn widen(&mut self, index: IndexType, value: Value) -> Value {
        match index {
            IndexType::I32 => self.zero_extend(value),
            IndexType::I64 => value,
        }
    }

    /// A value of 32 bits as one of 64.
    fn zero_extend(&mut self, value: Value) -> Value {
        let value = self.b.func.dfg.resolve_aliases(value);
        let Some(inst) = self.b.func.dfg.value_def(value).inst() else {
            return self.b.ins().uextend(types::I64, value);
        };
        let dfg = &self.b.func.dfg;
        match dfg.insts[inst] {
            // A load clears what it does not fill, but Cranelift extends its result once more. The value has 32 bits.
            InstructionData::Load { opcode: Opcode::Load | Opcode::Uload8 | Opcode::Uload16, .. } => {
                self.widen_load(inst)
            }
            InstructionData::Unary { opcode: Opcode::Ireduce, arg } if self.is_wide_load(arg) => arg,
            InstructionData::Binary { opcode: Opcode::Ishl, args: [shifted, by] } => {
                match self.constant(by).map(|by| by as u64 & 31) {
                    Some(by) if by <= LARGEST_SCALE && self.bound(shifted, DEPTH) << by <= u64::from(u32::MAX) => {
                        let wide = self.zero_extend(shifted);
                        self.b.ins().ishl_imm_u(wide, by as i64)
                    }
                    _ => self.b.ins().uextend(types::I64, value),
                }
            }
            _ => self.b.ins().uextend(types::I64, value),
        }
    }

    /// Makes a load of 32 bits or fewer one into 64, of which its users take the lower half.
    fn widen_load(&mut self, load: Inst) -> Value {
        let InstructionData::Load { opcode, arg, flags, offset } = self.b.func.dfg.insts[load] else {
            unreachable!("the caller looked")
        };
        let flags = self.b.func.dfg.mem_flags[flags];
        let place = self.b.func.srcloc(load);
        let mut cursor = FuncCursor::new(self.b.func).at_inst(load).with_srcloc(place);
        let wide = match opcode {
            Opcode::Uload8 => cursor.ins().uload8(types::I64, flags, arg, offset),
            Opcode::Uload16 => cursor.ins().uload16(types::I64, flags, arg, offset),
            _ => cursor.ins().uload32(flags, arg, offset),
        };
        self.b.func.replace(load).ireduce(types::I32, wide);
        wide
    }

    fn is_wide_load(&self, value: Value) -> bool {
        matches!(self.opcode(value), Some(Opcode::Uload8 | Opcode::Uload16 | Opcode::Uload32))
    }

    /// Of the instruction that makes the value.
    fn opcode(&self, value: Value) -> Option<Opcode> {
        let dfg = &self.b.func.dfg;
        dfg.value_def(value).inst().map(|inst| dfg.insts[inst].opcode())
    }

    /// Moves constants from a 32-bit index into the offset of an access of `size` bytes, as long as what is left and
    /// they do not wrap together, and the guard covers the offset.
    pub(super) fn split_index(&self, mut index: Value, mut offset: u64, size: u64) -> (Value, u64) {
        let dfg = &self.b.func.dfg;
        while let Some(inst) = dfg.value_def(dfg.resolve_aliases(index)).inst()
            && let InstructionData::Binary { opcode: Opcode::Iadd, args: [left, right] } = dfg.insts[inst]
        {
            let (rest, constant) = match (self.constant(left), self.constant(right)) {
                (None, Some(constant)) => (left, constant),
                (Some(constant), None) => (right, constant),
                _ => break,
            };
            let constant = u64::from(constant as u32);
            let wraps = self.bound(rest, DEPTH) + constant > u64::from(u32::MAX);
            if wraps || offset + constant + size > MEMORY_GUARD {
                break;
            }
            (index, offset) = (rest, offset + constant);
        }
        (index, offset)
    }

    /// No less than a value of 32 bits, read without a sign.
    pub(super) fn bound(&self, value: Value, depth: u32) -> u64 {
        const ANY: u64 = u32::MAX as u64;
        let dfg = &self.b.func.dfg;
        let value = dfg.resolve_aliases(value);
        let Some(inst) = dfg.value_def(value).inst().filter(|_| depth > 0) else { return ANY };
        let of = |value| self.bound(value, depth - 1);
        let constant = |value| self.constant(value).map(|value| u64::from(value as u32));
        let exact = |bound: Option<u64>| bound.filter(|bound| *bound <= ANY).unwrap_or(ANY);
        match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => u64::from(imm.bits() as u32),
            InstructionData::Load { opcode: Opcode::Uload8, .. } => 0xff,
            InstructionData::Load { opcode: Opcode::Uload16, .. } => 0xffff,
            InstructionData::Unary { opcode: Opcode::Ireduce, arg } => match self.opcode(arg) {
                Some(Opcode::Uload8) => 0xff,
                Some(Opcode::Uload16) => 0xffff,
                _ => ANY,
            },
            // Comparisons.
            InstructionData::Unary { opcode: Opcode::Uextend, arg } if dfg.value_type(arg) == types::I8 => 0xff,
            InstructionData::Binary { opcode, args: [left, right] } => match opcode {
                Opcode::Band => of(left).min(of(right)),
                // All bits up to the highest one of either.
                Opcode::Bor | Opcode::Bxor => u64::MAX.checked_shr((of(left) | of(right)).leading_zeros()).unwrap_or(0),
                Opcode::Iadd => exact(of(left).checked_add(of(right))),
                Opcode::Imul => exact(of(left).checked_mul(of(right))),
                Opcode::Ishl => match constant(right) {
                    Some(by) => exact(Some(of(left) << (by & 31))),
                    None => ANY,
                },
                Opcode::Ushr => of(left) >> (constant(right).unwrap_or(0) % 32),
                Opcode::Udiv => of(left) / constant(right).unwrap_or(1).max(1),
                Opcode::Urem => of(left).min(constant(right).unwrap_or(0).wrapping_sub(1).min(ANY)),
                _ => ANY,
            },
            InstructionData::Ternary { opcode: Opcode::Select, args: [_, left, right] } => of(left).max(of(right)),
            _ => ANY,
        }
    }

    /// The value that `value & mask` is, if the mask changes nothing.
    pub(super) fn masked(&self, value: Value, mask: Value) -> Option<Value> {
        if self.b.func.dfg.value_type(value) != types::I32 {
            return None;
        }
        let mask = u64::from(self.constant(mask)? as u32);
        let is_low_bits = mask.trailing_ones() + mask.leading_zeros() == u64::BITS;
        (is_low_bits && self.bound(value, DEPTH) <= mask).then_some(value)
    }
}
