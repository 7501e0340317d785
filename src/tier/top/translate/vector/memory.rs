//! Loads and stores of whole vectors, of halves that are extended, and of single lanes.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::MemArg;

use super::super::Translator;
use super::convert::Sign;

pub(super) fn load(t: &mut Translator<'_>, memarg: &MemArg) {
    let result = t.load(memarg, I8X16);
    t.push(result);
}

pub(super) fn store(t: &mut Translator<'_>, memarg: &MemArg) {
    let value = t.pop_vector(I8X16);
    t.store(memarg, value);
}

/// Loads 8 bytes and extends their lanes to those of `ty`.
pub(super) fn load_extend(t: &mut Translator<'_>, memarg: &MemArg, ty: Type, sign: Sign) {
    let access = t.pop_access(memarg, 8);
    let (flags, addr, offset) = (access.flags, access.addr, access.offset);
    let ins = t.b.ins();
    let result = match (ty, sign) {
        (I16X8, Sign::Signed) => ins.sload8x8(flags, addr, offset),
        (I16X8, Sign::Unsigned) => ins.uload8x8(flags, addr, offset),
        (I32X4, Sign::Signed) => ins.sload16x4(flags, addr, offset),
        (I32X4, Sign::Unsigned) => ins.uload16x4(flags, addr, offset),
        (I64X2, Sign::Signed) => ins.sload32x2(flags, addr, offset),
        (I64X2, Sign::Unsigned) => ins.uload32x2(flags, addr, offset),
        _ => unreachable!("no operator extends to {ty}"),
    };
    t.push_vector(result);
}

/// Loads one lane into all lanes.
pub(super) fn load_splat(t: &mut Translator<'_>, memarg: &MemArg, ty: Type) {
    let lane = t.load(memarg, ty.lane_type());
    let result = t.b.ins().splat(ty, lane);
    t.push_vector(result);
}

/// Loads the lowest lane; the others are 0.
pub(super) fn load_zero(t: &mut Translator<'_>, memarg: &MemArg, ty: Type) {
    let lane = t.load(memarg, ty.lane_type());
    let result = t.b.ins().scalar_to_vector(ty, lane);
    t.push_vector(result);
}

/// Loads one lane; the others come from the operand.
pub(super) fn load_lane(t: &mut Translator<'_>, memarg: &MemArg, ty: Type, lane: u8) {
    let vector = t.pop_vector(ty);
    let value = t.load(memarg, ty.lane_type());
    let result = t.b.ins().insertlane(vector, value, lane);
    t.push_vector(result);
}

pub(super) fn store_lane(t: &mut Translator<'_>, memarg: &MemArg, ty: Type, lane: u8) {
    let vector = t.pop_vector(ty);
    let value = t.b.ins().extractlane(vector, lane);
    t.store(memarg, value);
}
