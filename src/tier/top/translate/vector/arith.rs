//! Operators that work lane by lane and keep the shape: arithmetic, shifts, comparisons.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_frontend::FuncInstBuilder;

use super::super::Translator;

/// One operand in lanes of `ty`.
pub(in crate::tier::top::translate) fn unary(
    t: &mut Translator<'_>,
    ty: Type,
    build: impl FnOnce(FuncInstBuilder<'_, '_>, Value) -> Value,
) {
    let a = t.pop_vector(ty);
    let result = build(t.b.ins(), a);
    t.push_vector(result);
}

/// Two operands in lanes of `ty`.
pub(in crate::tier::top::translate) fn binary(
    t: &mut Translator<'_>,
    ty: Type,
    build: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
) {
    let (a, b) = t.pop2_vectors(ty);
    let result = build(t.b.ins(), a, b);
    t.push_vector(result);
}

/// A vector and an i32 shift amount, of which Cranelift, like WebAssembly, uses the bits below the lane width.
pub(super) fn shift(
    t: &mut Translator<'_>,
    ty: Type,
    build: impl FnOnce(FuncInstBuilder<'_, '_>, Value, Value) -> Value,
) {
    let amount = t.pop();
    let a = t.pop_vector(ty);
    let result = build(t.b.ins(), a, amount);
    t.push_vector(result);
}

/// All ones where the comparison holds.
pub(super) fn compare(t: &mut Translator<'_>, ty: Type, cc: IntCC) {
    binary(t, ty, |ins, a, b| ins.icmp(cc, a, b));
}

/// All ones where the comparison holds.
pub(super) fn float_compare(t: &mut Translator<'_>, ty: Type, cc: FloatCC) {
    binary(t, ty, |ins, a, b| ins.fcmp(cc, a, b));
}

/// `b < a ? b : a` in each lane. This form of select becomes one `minps` or `minpd`.
pub(in crate::tier::top::translate) fn pseudo_min(t: &mut Translator<'_>, ty: Type) {
    let (a, b) = t.pop2_vectors(ty);
    let less = t.b.ins().fcmp(FloatCC::LessThan, b, a);
    let less = t.bitcast(ty, less);
    let result = t.b.ins().bitselect(less, b, a);
    t.push_vector(result);
}

/// `a < b ? b : a` in each lane. This form of select becomes one `maxps` or `maxpd`.
pub(in crate::tier::top::translate) fn pseudo_max(t: &mut Translator<'_>, ty: Type) {
    let (a, b) = t.pop2_vectors(ty);
    let less = t.b.ins().fcmp(FloatCC::LessThan, a, b);
    let less = t.bitcast(ty, less);
    let result = t.b.ins().bitselect(less, b, a);
    t.push_vector(result);
}
