//! Tables, references to functions, indirect calls.

use super::Emit;
use super::call::{Arg, Call, Callee};
use super::stack::{Entry, width};
use super::x64::asm::{Alu, Cond, Mem, Rm, Width};
use super::x64::regs::{Gpr, SCRATCH, VMCTX};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{FUNCREF_TYPE_ID, IMPORT_FUNCREF, TABLE_BASE, TABLE_LENGTH, VMCTX_TYPE_IDS};
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
    fn table_type(&self, table: u32) -> TableType {
        self.module.tables()[table as usize]
    }

    /// The address of the element at a popped index, in a register of the operator's. One out of bounds traps with
    /// `code`: here, or where the element is accessed, at null.
    fn element(&mut self, table: u32, index: Entry, code: TrapCode) -> Gpr {
        let addr = self.clean_temp(index);
        let base = self.alloc();
        let place = self.place(self.layout.table(TableIndex(table)));
        let ty = self.table_type(table);
        match ty.max.filter(|max| *max == ty.min).and_then(|length| i32::try_from(length).ok()) {
            Some(length) => self.asm.alu_imm(Alu::Cmp, Width::W64, Rm::Reg(addr), length),
            None => {
                let length = Mem { disp: place.disp + TABLE_LENGTH, ..place };
                self.asm.alu(Alu::Cmp, Width::W64, addr, Rm::Mem(length));
            }
        }
        if self.options.signals == Signals::Off {
            self.trap_if(Cond::AboveEqual, code);
        }
        self.asm.load(Width::W64, base, Mem { disp: place.disp + TABLE_BASE, ..place });
        self.asm.lea(Width::W64, addr, Mem::indexed(base, addr, 3, 0));
        self.asm.mov_imm32(SCRATCH, 0);
        self.asm.cmov(Cond::AboveEqual, Width::W64, addr, Rm::Reg(SCRATCH));
        self.free(base);
        addr
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
        self.asm.load(Width::W64, reg, Mem { disp: place.disp + TABLE_LENGTH, ..place });
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
        if addr != Gpr::RAX {
            self.take(Gpr::RAX);
        }
        self.element_site(TrapCode::UndefinedElement);
        self.asm.load(Width::W64, Gpr::RAX, Mem::base(addr, 0));
        if addr != Gpr::RAX {
            self.free(addr);
        }
        if self.options.signals == Signals::Off {
            self.asm.test(Width::W64, Gpr::RAX, Gpr::RAX);
            self.trap_if(Cond::Equal, TrapCode::UninitializedElement);
        }
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_TYPE_IDS));
        self.asm.load(Width::W32, SCRATCH, Mem::base(SCRATCH, type_index as i32 * 4));
        // A null reference faults in the null page.
        self.element_site(TrapCode::UninitializedElement);
        self.asm.alu_mem(Alu::Cmp, Width::W32, Mem::base(Gpr::RAX, FUNCREF_TYPE_ID), SCRATCH);
        self.trap_if(Cond::NotEqual, TrapCode::IndirectCallTypeMismatch);
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
            self.asm.lea(Width::W64, reg, Mem::base(VMCTX, self.layout.funcref(position)));
        } else {
            let record = self.layout.func_import(func);
            self.asm.load(Width::W64, reg, Mem::base(VMCTX, record + IMPORT_FUNCREF));
        }
        self.push_gpr(ValType::FuncRef, reg);
    }
}
