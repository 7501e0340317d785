//! Operands that break things: boundaries of every width, and floats of every class.

use updraft::runtime::value::Val;
use updraft::types::ValType;

use crate::common::Rng;

const I32: &[i32] = &[0, 1, -1, 2, 7, 31, 32, 33, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, i32::MAX, i32::MIN, -128];
const I64: &[i64] = &[
    0,
    1,
    -1,
    2,
    63,
    64,
    65,
    0x7f,
    0x80,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    -0x8000_0000,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
];
const F32: &[u32] = &[
    0,           // 0
    0x8000_0000, // -0
    0x3f80_0000, // 1
    0xbf80_0000, // -1
    0x3f00_0000, // 0.5
    0xbf00_0000, // -0.5
    0x3fc0_0000, // 1.5
    0x4020_0000, // 2.5, a tie
    0x0000_0001, // the least subnormal
    0x807f_ffff, // the greatest negative subnormal
    0x0080_0000, // the least normal
    0x7f7f_ffff, // the greatest
    0x7f80_0000, // infinity
    0xff80_0000, // -infinity
    0x7fc0_0000, // the canonical NaN
    0xffc0_0001, // a NaN with sign and payload
    0x7fa0_0000, // a signalling NaN
    0x4b00_0000, // 2^23
    0x4f00_0000, // 2^31
    0xcf00_0000, // -2^31
    0xcf00_0001, // below -2^31
    0x4eff_ffff, // below 2^31
    0x4f80_0000, // 2^32
    0x4f7f_ffff, // below 2^32
    0x5f00_0000, // 2^63
    0xdf00_0000, // -2^63
    0x5f80_0000, // 2^64
    0xbf7f_ffff, // above -1
];
const F64: &[u64] = &[
    0,
    0x8000_0000_0000_0000, // -0
    0x3ff0_0000_0000_0000, // 1
    0xbff0_0000_0000_0000, // -1
    0x3fe0_0000_0000_0000, // 0.5
    0xbfe0_0000_0000_0000, // -0.5
    0x4004_0000_0000_0000, // 2.5, a tie
    0x0000_0000_0000_0001, // the least subnormal
    0x0010_0000_0000_0000, // the least normal
    0x7fef_ffff_ffff_ffff, // the greatest
    0x7ff0_0000_0000_0000, // infinity
    0xfff0_0000_0000_0000, // -infinity
    0x7ff8_0000_0000_0000, // the canonical NaN
    0xfff8_0000_0000_0001, // a NaN with sign and payload
    0x7ff4_0000_0000_0000, // a signalling NaN
    0x41df_ffff_ffc0_0000, // 2^31 - 1
    0x41e0_0000_0000_0000, // 2^31
    0x41df_ffff_ffff_ffff, // below 2^31
    0xc1e0_0000_0000_0000, // -2^31
    0xc1e0_0000_001f_ffff, // above -2^31 - 1
    0xc1e0_0000_0020_0000, // -2^31 - 1
    0x41ef_ffff_ffff_ffff, // below 2^32
    0x41f0_0000_0000_0000, // 2^32
    0x4330_0000_0000_0000, // 2^52
    0x43e0_0000_0000_0000, // 2^63
    0xc3e0_0000_0000_0000, // -2^63
    0xc3e0_0000_0000_0001, // below -2^63
    0x43df_ffff_ffff_ffff, // below 2^63
    0x43f0_0000_0000_0000, // 2^64
    0x47ef_ffff_e000_0000, // the greatest f32
    0x47ef_ffff_f000_0000, // rounds to an infinite f32
    0x36a0_0000_0000_0000, // the least subnormal f32
    0xbfef_ffff_ffff_ffff, // above -1
];

/// Fills 16 bytes with a lane again and again.
fn splat<const N: usize>(lane: [u8; N]) -> [u8; 16] {
    std::array::from_fn(|i| lane[i % N])
}

fn vectors() -> Vec<[u8; 16]> {
    let mut vectors = vec![
        [0; 16],
        [0xff; 16],
        std::array::from_fn(|i| i as u8),
        std::array::from_fn(|i| 0xf8u8.wrapping_add(i as u8)),
        [0x80; 16],
        [0x7f; 16],
        splat(i16::MIN.to_le_bytes()),
        splat(i16::MAX.to_le_bytes()),
        splat(i32::MIN.to_le_bytes()),
        splat(i32::MAX.to_le_bytes()),
        splat(i64::MIN.to_le_bytes()),
        splat([0x00, 0xff]),
        splat([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
    ];
    // Four neighbours of the float lists at a time, so that lanes differ and every float is met in some lane.
    for floats in F32.chunks(4) {
        vectors.push(std::array::from_fn(|i| floats[(i / 4) % floats.len()].to_le_bytes()[i % 4]));
    }
    for floats in F64.chunks(2) {
        vectors.push(std::array::from_fn(|i| floats[(i / 8) % floats.len()].to_le_bytes()[i % 8]));
    }
    vectors
}

/// Boundary values of a type.
pub fn boundaries(ty: ValType) -> Vec<Val> {
    match ty {
        ValType::I32 => I32.iter().map(|value| Val::I32(*value)).collect(),
        ValType::I64 => I64.iter().map(|value| Val::I64(*value)).collect(),
        ValType::F32 => F32.iter().map(|bits| Val::F32(*bits)).collect(),
        ValType::F64 => F64.iter().map(|bits| Val::F64(*bits)).collect(),
        ValType::V128 => vectors().into_iter().map(Val::V128).collect(),
        ValType::FuncRef | ValType::ExternRef => vec![Val::default_of(ty)],
    }
}

/// A boundary value, or any.
pub fn random(ty: ValType, rng: &mut Rng) -> Val {
    if rng.below(2) == 0 {
        return *rng.pick(&boundaries(ty));
    }
    // Numbers of every magnitude are as likely as those of full width.
    let bits = rng.next() >> rng.below(64);
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(rng.next() as u32),
        ValType::F64 => Val::F64(rng.next()),
        ValType::V128 => Val::V128(rng.bytes(16).try_into().expect("16 bytes")),
        ValType::FuncRef | ValType::ExternRef => Val::default_of(ty),
    }
}

/// The value as an instruction of the text format.
pub fn constant(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("(i32.const {value})"),
        Val::I64(value) => format!("(i64.const {value})"),
        Val::F32(bits) => format!("(f32.const {})", float_text(u64::from(*bits), 8, 23)),
        Val::F64(bits) => format!("(f64.const {})", float_text(*bits, 11, 52)),
        Val::V128(bytes) => {
            let lanes: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!("(v128.const i8x16 {})", lanes.join(" "))
        }
        Val::FuncRef(_) => "(ref.null func)".to_owned(),
        Val::ExternRef(_) => "(ref.null extern)".to_owned(),
    }
}

/// A float's bits as text that reads back as the same bits.
fn float_text(bits: u64, exponent_bits: u32, fraction_bits: u32) -> String {
    let sign = if bits >> (exponent_bits + fraction_bits) & 1 == 1 { "-" } else { "" };
    let exponent_mask = (1u64 << exponent_bits) - 1;
    let exponent = bits >> fraction_bits & exponent_mask;
    let fraction = bits & ((1 << fraction_bits) - 1);
    if exponent == exponent_mask {
        return if fraction == 0 { format!("{sign}inf") } else { format!("{sign}nan:{fraction:#x}") };
    }
    let bias = (exponent_mask >> 1) as i64;
    let (lead, power) = if exponent == 0 { (0, 1 - bias) } else { (1u64 << fraction_bits, exponent as i64 - bias) };
    format!("{sign}{:#x}p{}", lead | fraction, power - i64::from(fraction_bits))
}
