//! Wide arithmetic: 128-bit integers as pairs of i64, the lower half first.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

use super::Translator;

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match op {
        Operator::I64Add128 => {
            let (a, b) = pop2_wide(t);
            let result = t.b.ins().iadd(a, b);
            push_wide(t, result);
        }
        Operator::I64Sub128 => {
            let (a, b) = pop2_wide(t);
            let result = t.b.ins().isub(a, b);
            push_wide(t, result);
        }
        // Cranelift sees through the extensions and multiplies once.
        Operator::I64MulWideS => {
            let (a, b) = t.pop2();
            let a = t.b.ins().sextend(types::I128, a);
            let b = t.b.ins().sextend(types::I128, b);
            let result = t.b.ins().imul(a, b);
            push_wide(t, result);
        }
        Operator::I64MulWideU => {
            let (a, b) = t.pop2();
            let a = t.b.ins().uextend(types::I128, a);
            let b = t.b.ins().uextend(types::I128, b);
            let result = t.b.ins().imul(a, b);
            push_wide(t, result);
        }
        _ => return false,
    }
    true
}

/// Pops two 128-bit integers: the lower one on the stack first.
fn pop2_wide(t: &mut Translator<'_>) -> (Value, Value) {
    let second = pop_wide(t);
    (pop_wide(t), second)
}

fn pop_wide(t: &mut Translator<'_>) -> Value {
    let (low, high) = t.pop2();
    t.b.ins().iconcat(low, high)
}

fn push_wide(t: &mut Translator<'_>, value: Value) {
    let (low, high) = t.b.ins().isplit(value);
    t.push(low);
    t.push(high);
}
