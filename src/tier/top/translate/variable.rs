//! Locals and globals.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

use super::env::{CONSTANT, MUTABLE};
use super::{Translator, clif_type};
use crate::types::{GlobalIndex, ValType};

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::LocalGet { local_index } => {
            let variable = t.variable(local_index);
            let value = t.b.use_var(variable);
            t.push(value);
        }
        Operator::LocalSet { local_index } => {
            let value = t.pop();
            let variable = t.variable(local_index);
            t.b.def_var(variable, value);
        }
        Operator::LocalTee { local_index } => {
            let value = t.pop();
            let variable = t.variable(local_index);
            t.b.def_var(variable, value);
            t.push(value);
        }
        Operator::GlobalGet { global_index } => t.global_get(GlobalIndex(global_index)),
        Operator::GlobalSet { global_index } => t.global_set(GlobalIndex(global_index)),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    /// The value that locals of this type start with.
    pub(super) fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::I32 | ValType::I64 | ValType::FuncRef | ValType::ExternRef => {
                self.b.ins().iconst(clif_type(ty), 0)
            }
            ValType::F32 => self.b.ins().f32const(0.0),
            ValType::F64 => self.b.ins().f64const(0.0),
            ValType::V128 => {
                let zeros = self.b.func.dfg.constants.insert([0; 16].as_slice().into());
                self.b.ins().vconst(types::I8X16, zeros)
            }
        }
    }

    fn global_get(&mut self, global: GlobalIndex) {
        let ty = self.module.globals()[global.index()];
        let flags = if ty.mutable { MUTABLE } else { CONSTANT };
        let (base, offset) = self.place(self.layout.global(global));
        let value = self.b.ins().load(clif_type(ty.content), flags, base, offset);
        self.push(value);
    }

    fn global_set(&mut self, global: GlobalIndex) {
        let value = self.pop();
        let (base, offset) = self.place(self.layout.global(global));
        self.b.ins().store(MUTABLE, value, base, offset);
    }
}
