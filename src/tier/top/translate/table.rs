//! Tables.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, condcodes::IntCC, types};
use wasmparser::Operator;

use super::env::{CONSTANT, MUTABLE, clif_trap};
use super::{Translator, clif_type};
use crate::abi::builtin::Builtin;
use crate::abi::call::Processor;
use crate::abi::vmctx;
use crate::tier::fuel::Size;
use crate::tier::top::Signals;
use crate::trap::TrapCode;
use crate::types::{IndexType, TableIndex, TableType, ValType};

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::TableGet { table } => t.table_get(TableIndex(table)),
        Operator::TableSet { table } => t.table_set(TableIndex(table)),
        Operator::TableSize { table } => t.table_size(TableIndex(table)),
        Operator::TableGrow { table } => t.table_grow(TableIndex(table)),
        Operator::TableFill { table } => t.table_fill(TableIndex(table)),
        Operator::TableCopy { dst_table, src_table } => t.table_copy(TableIndex(dst_table), TableIndex(src_table)),
        Operator::TableInit { elem_index, table } => t.table_init(elem_index, TableIndex(table)),
        Operator::ElemDrop { elem_index } => {
            let segment = t.index_const(elem_index);
            t.call_builtin(Builtin::elem_drop, &[segment]);
        }
        _ => return false,
    }
    true
}

/// A checked element.
pub(super) struct Element {
    /// Its address.
    pub(super) addr: Value,
    /// Flags for the instruction that makes the access.
    pub(super) flags: MemFlagsData,
}

impl Translator<'_> {
    fn table_type(&self, table: TableIndex) -> TableType {
        self.module.tables()[table.index()]
    }

    fn table_length(&mut self, table: TableIndex) -> Value {
        if let Some(length) = fixed_length(&self.table_type(table)) {
            return self.b.ins().iconst(types::I64, length as i64);
        }
        let (base, offset) = self.place(self.layout.table(table));
        self.b.ins().load(types::I64, MUTABLE, base, offset + vmctx::TABLE_LENGTH)
    }

    /// The element at `index`, an operand of the table's index type; traps with `code` if out of bounds.
    pub(super) fn table_element(&mut self, table: TableIndex, index: Value, code: TrapCode) -> Element {
        let index = self.widen(self.table_type(table).index, index);
        let length = self.table_length(table);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        let flags = match self.options.signals {
            Signals::On => MUTABLE.with_trap_code(Some(clif_trap(code))),
            Signals::Off => {
                self.trap_if(outside, code);
                MUTABLE
            }
        };
        let (base, offset) = self.place(self.layout.table(table));
        let fixed = fixed_length(&self.table_type(table)).is_some();
        let base_flags = if fixed { CONSTANT } else { MUTABLE };
        let base = self.b.ins().load(types::I64, base_flags, base, offset + vmctx::TABLE_BASE);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        let addr = self.b.ins().iadd(base, offset);
        // An access out of bounds faults in the null page, mispredicted branches included.
        let null = self.b.ins().iconst(types::I64, 0);
        let addr = self.b.ins().select_spectre_guard(outside, null, addr);
        Element { addr, flags }
    }

    /// A reference as tables hold it: 64 bits.
    fn widen_reference(&mut self, ty: ValType, value: Value) -> Value {
        if ty == ValType::ExternRef { self.b.ins().uextend(types::I64, value) } else { value }
    }

    fn table_get(&mut self, table: TableIndex) {
        let index = self.pop();
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        let ty = clif_type(self.table_type(table).element);
        let wide = ty == types::I32 && self.options.processor == Processor::S390x;
        let value = self.b.ins().load(if wide { types::I64 } else { ty }, element.flags, element.addr, 0);
        // Its lower half is not where a little-endian processor has it.
        let value = if wide { self.b.ins().ireduce(types::I32, value) } else { value };
        self.push(value);
    }

    fn table_set(&mut self, table: TableIndex) {
        let (index, value) = self.pop2();
        let value = self.widen_reference(self.table_type(table).element, value);
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        self.b.ins().store(element.flags, value, element.addr, 0);
    }

    fn table_size(&mut self, table: TableIndex) {
        let length = self.table_length(table);
        let length = self.narrow(self.table_type(table).index, length);
        self.push(length);
    }

    fn table_grow(&mut self, table: TableIndex) {
        let ty = self.table_type(table);
        let (init, delta) = self.pop2();
        let init = self.widen_reference(ty.element, init);
        let delta = self.widen(ty.index, delta);
        let number = self.index_const(table.0);
        let old = self.call_builtin_value(Builtin::table_grow, &[number, delta, init]);
        let old = self.narrow(ty.index, old);
        self.push(old);
    }

    fn table_fill(&mut self, table: TableIndex) {
        let ty = self.table_type(table);
        let (dst, value, len) = self.pop3();
        self.take_by_size(len, ty.index, Size::Elements);
        let dst = self.widen(ty.index, dst);
        let value = self.widen_reference(ty.element, value);
        let len = self.widen(ty.index, len);
        let number = self.index_const(table.0);
        self.call_builtin(Builtin::table_fill, &[number, dst, value, len]);
    }

    fn table_copy(&mut self, dst_table: TableIndex, src_table: TableIndex) {
        let (dst_ty, src_ty) = (self.table_type(dst_table).index, self.table_type(src_table).index);
        let (dst, src, len) = self.pop3();
        self.take_by_size(len, narrower(dst_ty, src_ty), Size::Elements);
        let dst = self.widen(dst_ty, dst);
        let src = self.widen(src_ty, src);
        let len = self.widen(narrower(dst_ty, src_ty), len);
        let (dst_number, src_number) = (self.index_const(dst_table.0), self.index_const(src_table.0));
        self.call_builtin(Builtin::table_copy, &[dst_number, src_number, dst, src, len]);
    }

    fn table_init(&mut self, segment: u32, table: TableIndex) {
        let (dst, src, len) = self.pop3();
        self.take_by_size(len, IndexType::I32, Size::Elements);
        let dst = self.widen(self.table_type(table).index, dst);
        let (number, segment) = (self.index_const(table.0), self.index_const(segment));
        self.call_builtin(Builtin::table_init, &[number, segment, dst, src, len]);
    }
}

/// The length of a table that cannot grow. Its elements never move either.
fn fixed_length(ty: &TableType) -> Option<u64> {
    ty.max.filter(|max| *max == ty.min)
}

/// The width of a count that applies to both sides of a copy.
pub(super) fn narrower(a: IndexType, b: IndexType) -> IndexType {
    if a == IndexType::I64 { b } else { a }
}
