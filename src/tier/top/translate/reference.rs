//! References.

use cranelift_codegen::ir::{InstBuilder, condcodes::IntCC, types};
use wasmparser::{AbstractHeapType, HeapType, Operator};

use super::Translator;
use crate::abi::vmctx;
use crate::types::FuncIndex;

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::RefNull { hty } => {
            let ty = match hty {
                HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => types::I32,
                _ => types::I64,
            };
            let null = t.b.ins().iconst(ty, 0);
            t.push(null);
        }
        Operator::RefIsNull => {
            let reference = t.pop();
            let null = t.b.ins().icmp_imm_u(IntCC::Equal, reference, 0);
            let null = t.b.ins().uextend(types::I32, null);
            t.push(null);
        }
        Operator::RefFunc { function_index } => t.ref_func(FuncIndex(function_index)),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    fn ref_func(&mut self, func: FuncIndex) {
        let reference = if self.module.defined_func(func).is_some() {
            let position = self.module.escaping_position(func).expect("functions of `ref.func` escape");
            let offset = self.layout.funcref(position);
            self.b.ins().iadd_imm_s(self.vmctx, i64::from(offset))
        } else {
            self.vmctx_constant(types::I64, self.layout.func_import(func) + vmctx::IMPORT_FUNCREF)
        };
        self.push(reference);
    }
}
