//! Operators that change the shape of lanes: extending, multiplying into wider lanes, conversions
//! between integers and floats.

use cranelift_codegen::ir::types::{F32X4, F64X2, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value};

use super::super::Translator;

/// How integer lanes are read.
#[derive(Clone, Copy)]
pub(in crate::tier::top::translate) enum Sign {
    Signed,
    Unsigned,
}

/// Which lanes are taken.
#[derive(Clone, Copy)]
pub(super) enum Half {
    Low,
    High,
}

fn widen(t: &mut Translator<'_>, value: Value, half: Half, sign: Sign) -> Value {
    let ins = t.b.ins();
    match (half, sign) {
        (Half::Low, Sign::Signed) => ins.swiden_low(value),
        (Half::High, Sign::Signed) => ins.swiden_high(value),
        (Half::Low, Sign::Unsigned) => ins.uwiden_low(value),
        (Half::High, Sign::Unsigned) => ins.uwiden_high(value),
    }
}

/// Half of the lanes of `ty` in twice the width.
pub(super) fn extend(t: &mut Translator<'_>, ty: Type, half: Half, sign: Sign) {
    let a = t.pop_vector(ty);
    let result = widen(t, a, half, sign);
    t.push_vector(result);
}

/// Products of half of the lanes of `ty` in twice the width.
pub(super) fn extmul(t: &mut Translator<'_>, ty: Type, half: Half, sign: Sign) {
    let (a, b) = t.pop2_vectors(ty);
    let b = widen(t, b, half, sign);
    let a = widen(t, a, half, sign);
    let result = t.b.ins().imul(a, b);
    t.push_vector(result);
}

/// Sums of neighbouring lanes of `value` in twice the width.
pub(in crate::tier::top::translate) fn pairwise_sums(t: &mut Translator<'_>, value: Value, sign: Sign) -> Value {
    let low = widen(t, value, Half::Low, sign);
    let high = widen(t, value, Half::High, sign);
    t.b.ins().iadd_pairwise(low, high)
}

pub(super) fn extadd_pairwise(t: &mut Translator<'_>, ty: Type, sign: Sign) {
    let a = t.pop_vector(ty);
    let result = pairwise_sums(t, a, sign);
    t.push_vector(result);
}

/// `i32x4.dot_i16x8_s`.
pub(super) fn dot(t: &mut Translator<'_>) {
    let (a, b) = t.pop2_vectors(I16X8);
    let (a_low, b_low) = (widen(t, a, Half::Low, Sign::Signed), widen(t, b, Half::Low, Sign::Signed));
    let (a_high, b_high) = (widen(t, a, Half::High, Sign::Signed), widen(t, b, Half::High, Sign::Signed));
    let low = t.b.ins().imul(a_low, b_low);
    let high = t.b.ins().imul(a_high, b_high);
    let result = t.b.ins().iadd_pairwise(low, high);
    t.push_vector(result);
}

/// Saturating; NaN becomes 0.
pub(in crate::tier::top::translate) fn trunc_sat_f32x4(t: &mut Translator<'_>, sign: Sign) {
    let a = t.pop_vector(F32X4);
    let result = match sign {
        Sign::Signed => t.b.ins().fcvt_to_sint_sat(I32X4, a),
        Sign::Unsigned => t.b.ins().fcvt_to_uint_sat(I32X4, a),
    };
    t.push_vector(result);
}

/// Two lanes, saturated twice: to 64 bits, then to 32. The upper two lanes are 0.
///
/// Cranelift has no rules for the single steps, only for the pair of them with this constant.
pub(in crate::tier::top::translate) fn trunc_sat_f64x2_zero(t: &mut Translator<'_>, sign: Sign) {
    let a = t.pop_vector(F64X2);
    let zero = t.b.func.dfg.constants.insert(ConstantData::from(&[0; 16][..]));
    let zero = t.b.ins().vconst(I64X2, zero);
    let result = match sign {
        Sign::Signed => {
            let wide = t.b.ins().fcvt_to_sint_sat(I64X2, a);
            t.b.ins().snarrow(wide, zero)
        }
        Sign::Unsigned => {
            let wide = t.b.ins().fcvt_to_uint_sat(I64X2, a);
            t.b.ins().uunarrow(wide, zero)
        }
    };
    t.push_vector(result);
}

/// The low two lanes as f64.
pub(super) fn f64x2_convert_low(t: &mut Translator<'_>, sign: Sign) {
    let a = t.pop_vector(I32X4);
    let wide = widen(t, a, Half::Low, sign);
    let result = match sign {
        Sign::Signed => t.b.ins().fcvt_from_sint(F64X2, wide),
        Sign::Unsigned => t.b.ins().fcvt_from_uint(F64X2, wide),
    };
    t.push_vector(result);
}
