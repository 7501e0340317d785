//! Operators that move bits or whole lanes: constants, shuffles, splats, lane access, bitwise logic and
//! the reductions to an i32.

use cranelift_codegen::ir::types::{I8, I8X16, I16, I32};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Type};
use wasmparser::V128;

use super::super::Translator;
use super::convert::Sign;
use super::to_lane;

pub(super) fn constant(t: &mut Translator<'_>, value: &V128) {
    let data = t.b.func.dfg.constants.insert(ConstantData::from(&value.bytes()[..]));
    let result = t.b.ins().vconst(I8X16, data);
    t.push(result);
}

/// Validation has checked that every index is below 32.
pub(super) fn shuffle(t: &mut Translator<'_>, lanes: &[u8; 16]) {
    let (a, b) = t.pop2_vectors(I8X16);
    let mask = t.b.func.dfg.immediates.push(ConstantData::from(&lanes[..]));
    let result = t.b.ins().shuffle(a, b, mask);
    t.push(result);
}

pub(super) fn splat(t: &mut Translator<'_>, ty: Type) {
    let value = t.pop();
    let lane = to_lane(t, value, ty.lane_type());
    let result = t.b.ins().splat(ty, lane);
    t.push_vector(result);
}

/// A lane that has a WebAssembly type of its own.
pub(super) fn extract(t: &mut Translator<'_>, ty: Type, lane: u8) {
    let a = t.pop_vector(ty);
    let result = t.b.ins().extractlane(a, lane);
    t.push(result);
}

/// A lane narrower than an i32.
pub(super) fn extract_extended(t: &mut Translator<'_>, ty: Type, lane: u8, sign: Sign) {
    debug_assert!(matches!(ty.lane_type(), I8 | I16));
    let a = t.pop_vector(ty);
    let narrow = t.b.ins().extractlane(a, lane);
    let result = match sign {
        Sign::Signed => t.b.ins().sextend(I32, narrow),
        Sign::Unsigned => t.b.ins().uextend(I32, narrow),
    };
    t.push(result);
}

pub(super) fn replace(t: &mut Translator<'_>, ty: Type, lane: u8) {
    let value = t.pop();
    let a = t.pop_vector(ty);
    let value = to_lane(t, value, ty.lane_type());
    let result = t.b.ins().insertlane(a, value, lane);
    t.push_vector(result);
}

/// `a & !b`.
pub(super) fn and_not(t: &mut Translator<'_>) {
    let (a, b) = t.pop2_vectors(I8X16);
    let not_b = t.b.ins().bnot(b);
    let result = t.b.ins().band(a, not_b);
    t.push(result);
}

/// Bits of the first operand where the third has ones, else of the second.
pub(in crate::tier::top::translate) fn bitselect(t: &mut Translator<'_>) {
    let mask = t.pop_vector(I8X16);
    let (a, b) = t.pop2_vectors(I8X16);
    let result = t.b.ins().bitselect(mask, a, b);
    t.push(result);
}

pub(super) fn any_true(t: &mut Translator<'_>) {
    let a = t.pop_vector(I8X16);
    let flag = t.b.ins().vany_true(a);
    let result = t.b.ins().uextend(I32, flag);
    t.push(result);
}

pub(super) fn all_true(t: &mut Translator<'_>, ty: Type) {
    let a = t.pop_vector(ty);
    let flag = t.b.ins().vall_true(a);
    let result = t.b.ins().uextend(I32, flag);
    t.push(result);
}

/// The highest bits of the lanes.
pub(super) fn bitmask(t: &mut Translator<'_>, ty: Type) {
    let a = t.pop_vector(ty);
    let result = t.b.ins().vhigh_bits(I32, a);
    t.push(result);
}
