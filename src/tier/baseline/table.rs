//! Tables, references to functions, indirect calls.

use super::Emit;
use super::backend::{Accesses as _, Assembler as _, CALLEE, Mem, SCRATCH, VMCTX, Width};
use super::call::{Arg, Call, Callee};
use super::stack::width;
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{FUNCREF_TYPE_ID, IMPORT_FUNCREF, TABLE_LENGTH, VMCTX_TYPE_IDS};
use crate::tier::fuel::Size;
use crate::tier::top::Signals;
use crate::trap::TrapCode;
use crate::types::{FuncIndex, IndexType, TableIndex, TableType, ValType};

/// The integer type of an index or a count.
pub(crate) fn index_val_type(index: IndexType) -> ValType {
    match index {
        IndexType::I32 => ValType::I32,
        IndexType::I64 => ValType::I64,
    }
}

impl Emit<'_> {
    pub(crate) fn table_type(&self, table: u32) -> TableType {
        self.module.tables()[table as usize]
    }

    /// What precedes the access to an element, directly.
    fn element_site(&mut self, code: TrapCode) {
        if self.options.signals == Signals::On {
            self.trap_site(code);
        }
    }

    pub(crate) fn table_get(&mut self) {
        let table = self.u32();
        let index = self.pop();
        let addr = self.element(table, index, TrapCode::TableOutOfBounds);
        let ty = self.table_type(table).element;
        self.element_site(TrapCode::TableOutOfBounds);
        self.asm.load(width(ty), addr, Mem::base(addr, 0));
        self.push_gpr(ty, addr);
    }

    pub(crate) fn table_set(&mut self) {
        let table = self.u32();
        let value = self.pop();
        let index = self.pop();
        // An external reference is stored as 64 bits.
        let value = self.clean_gpr(value);
        let addr = self.element(table, index, TrapCode::TableOutOfBounds);
        self.element_site(TrapCode::TableOutOfBounds);
        self.asm.store(Width::W64, Mem::base(addr, 0), value);
        self.free(addr);
        self.free(value);
    }

    pub(crate) fn table_size(&mut self) {
        let table = self.u32();
        let reg = self.alloc();
        let place = self.place(self.layout.table(TableIndex(table)));
        self.asm.load(Width::W64, reg, place.plus(TABLE_LENGTH));
        self.push_gpr(index_val_type(self.table_type(table).index), reg);
    }

    pub(crate) fn table_grow(&mut self) {
        let table = self.u32();
        let delta = self.pop();
        let init = self.pop();
        let args = [Arg::Index(table), Arg::Operand(delta), Arg::Operand(init)];
        self.call_builtin(Builtin::table_grow, &args);
        self.push_builtin_result(index_val_type(self.table_type(table).index));
    }

    pub(crate) fn table_fill(&mut self) {
        let table = self.u32();
        let len = self.pop();
        let value = self.pop();
        let dst = self.pop();
        self.take_by_size(len, Size::Elements);
        let args = [Arg::Index(table), Arg::Operand(dst), Arg::Operand(value), Arg::Operand(len)];
        self.call_builtin(Builtin::table_fill, &args);
    }

    pub(crate) fn call_indirect(&mut self, call: Call) {
        self.indirect_index += 1;
        let type_index = self.u32();
        let table = self.u32();
        let index = self.pop();
        let addr = self.element(table, index, TrapCode::UndefinedElement);
        if addr != CALLEE {
            self.take(CALLEE);
        }
        self.element_site(TrapCode::UndefinedElement);
        self.asm.load(Width::W64, CALLEE, Mem::base(addr, 0));
        if addr != CALLEE {
            self.free(addr);
        }
        if self.options.signals == Signals::Off {
            let null = self.asm.is_zero(CALLEE);
            self.trap_on(null, TrapCode::UninitializedElement);
        }
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_TYPE_IDS));
        self.asm.load(Width::W32, SCRATCH, Mem::base(SCRATCH, type_index as i32 * 4));
        // A null reference faults in the null page.
        self.element_site(TrapCode::UninitializedElement);
        let mismatch = self.asm.differ(Mem::base(CALLEE, FUNCREF_TYPE_ID), SCRATCH);
        self.trap_on(mismatch, TrapCode::IndirectCallTypeMismatch);
        let ty = &self.module.types()[type_index as usize];
        match call {
            Call::Nested => self.nested_call(Callee::Reference, ty),
            Call::Tail => self.tail_call(Callee::Reference, ty),
        }
    }

    pub(crate) fn ref_null(&mut self) {
        // The two heap types; in one byte each.
        let ty = match self.byte() {
            0x6f => ValType::ExternRef,
            _ => ValType::FuncRef,
        };
        self.push_const(ty, 0);
    }

    pub(crate) fn ref_func(&mut self) {
        let func = FuncIndex(self.u32());
        let reg = self.alloc();
        if self.module.defined_func(func).is_some() {
            let position = self.module.escaping_position(func).expect("functions of `ref.func` escape");
            self.asm.address(reg, Mem::base(VMCTX, self.layout.funcref(position)));
        } else {
            let record = self.layout.func_import(func);
            self.asm.load(Width::W64, reg, Mem::base(VMCTX, record + IMPORT_FUNCREF));
        }
        self.push_gpr(ValType::FuncRef, reg);
    }
}
