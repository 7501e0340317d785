//! Relaxed SIMD. The specification leaves a choice; we make each once, so that results are the same on
//! every x86-64-v2 machine, with and without AVX and FMA, and in every tier.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmparser::Operator;

use super::Translator;
use super::vector::{self, Sign};
use crate::abi::call::Processor;

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match op {
        // Indices from 16 to 127 wrap, those above give 0: `pshufb`, without the saturating addition
        // that the strict operator needs before it.
        Operator::I8x16RelaxedSwizzle => {
            let (values, indices) = t.pop2_vectors(I8X16);
            let result = swizzle(t, values, indices);
            t.push_vector(result);
        }
        // Strict: saturating, NaN becomes 0. What `cvttps2dq` gives instead is worth two instructions for
        // the signed operators only, and no other architecture gives it.
        Operator::I32x4RelaxedTruncF32x4S => vector::trunc_sat_f32x4(t, Sign::Signed),
        Operator::I32x4RelaxedTruncF32x4U => vector::trunc_sat_f32x4(t, Sign::Unsigned),
        Operator::I32x4RelaxedTruncF64x2SZero => vector::trunc_sat_f64x2_zero(t, Sign::Signed),
        Operator::I32x4RelaxedTruncF64x2UZero => vector::trunc_sat_f64x2_zero(t, Sign::Unsigned),
        // Rounded after the multiplication and after the addition: not every machine has FMA, and the
        // result may not depend on that.
        Operator::F32x4RelaxedMadd => madd(t, F32X4),
        Operator::F64x2RelaxedMadd => madd(t, F64X2),
        Operator::F32x4RelaxedNmadd => nmadd(t, F32X4),
        Operator::F64x2RelaxedNmadd => nmadd(t, F64X2),
        // Bit by bit, as `v128.bitselect`: `blendv` would look at different bits per lane width.
        Operator::I8x16RelaxedLaneselect
        | Operator::I16x8RelaxedLaneselect
        | Operator::I32x4RelaxedLaneselect
        | Operator::I64x2RelaxedLaneselect => vector::bitselect(t),
        // `minps` and its like: the pseudo-minimum, which gives the first operand where one is NaN or
        // both are zeros. One instruction on every machine, where the strict operator takes nine.
        Operator::F32x4RelaxedMin => vector::pseudo_min(t, F32X4),
        Operator::F32x4RelaxedMax => vector::pseudo_max(t, F32X4),
        Operator::F64x2RelaxedMin => vector::pseudo_min(t, F64X2),
        Operator::F64x2RelaxedMax => vector::pseudo_max(t, F64X2),
        // Strict: -1 * -1 saturates to the largest value. `pmulhrsw` alone would wrap.
        Operator::I16x8RelaxedQ15mulrS => {
            vector::binary(t, I16X8, |ins, a, b| ins.sqmul_round_sat(a, b));
        }
        Operator::I16x8RelaxedDotI8x16I7x16S => {
            let (a, b) = t.pop2_vectors(I8X16);
            let result = dot(t, a, b);
            t.push_vector(result);
        }
        Operator::I32x4RelaxedDotI8x16I7x16AddS => {
            let c = t.pop_vector(I32X4);
            let (a, b) = t.pop2_vectors(I8X16);
            let products = dot(t, a, b);
            let sums = vector::pairwise_sums(t, products, Sign::Signed);
            let result = t.b.ins().iadd(sums, c);
            t.push_vector(result);
        }
        _ => return false,
    }
    true
}

/// Sums of pairs of products of signed lanes of `a` and lanes of `b`: `pmaddubsw`. A lane of `b` that is
/// no i7 counts as unsigned, and a sum saturates.
fn dot(t: &mut Translator<'_>, a: Value, b: Value) -> Value {
    if t.options.processor == Processor::X86_64 {
        return t.b.ins().x86_pmaddubsw(a, b);
    }
    let (low, high) = (t.b.ins().swiden_low(a), t.b.ins().swiden_high(a));
    let (low_factor, high_factor) = (t.b.ins().uwiden_low(b), t.b.ins().uwiden_high(b));
    let products = [t.b.ins().imul(low, low_factor), t.b.ins().imul(high, high_factor)];
    let [low, high] = products.map(|products| vector::pairwise_sums(t, products, Sign::Signed));
    t.b.ins().snarrow(low, high)
}

/// Bytes of `values`, as `pshufb` picks them.
fn swizzle(t: &mut Translator<'_>, values: Value, indices: Value) -> Value {
    if t.options.processor == Processor::X86_64 {
        return t.b.ins().x86_pshufb(values, indices);
    }
    let mask = t.b.ins().iconst(types::I8, 0x8f);
    let mask = t.b.ins().splat(I8X16, mask);
    let indices = t.b.ins().band(indices, mask);
    t.b.ins().swizzle(values, indices)
}

/// `a * b + c`.
fn madd(t: &mut Translator<'_>, ty: Type) {
    let c = t.pop_vector(ty);
    let (a, b) = t.pop2_vectors(ty);
    let product = t.b.ins().fmul(a, b);
    let result = t.b.ins().fadd(product, c);
    t.push_vector(result);
}

/// `-(a * b) + c`, which is `c - a * b`: negation is exact.
fn nmadd(t: &mut Translator<'_>, ty: Type) {
    let c = t.pop_vector(ty);
    let (a, b) = t.pop2_vectors(ty);
    let product = t.b.ins().fmul(a, b);
    let result = t.b.ins().fsub(c, product);
    t.push_vector(result);
}
