//! Relaxed vector operators, on operands for which all permitted choices give one result.
//!
//! What they do elsewhere depends on the machine; the specification's suite lists the choices.

use updraft::runtime::value::Val;
use updraft::types::ValType;

use crate::engines::Nans;
use crate::operators::Operator;

/// Values for one operand.
type Values = Vec<Val>;

/// All of them.
pub fn operators() -> Vec<Operator> {
    let mut operators = Vec::new();
    let mut add = |names: &[&str], values: Vec<Values>| {
        operators.extend(names.iter().map(|name| Operator {
            text: (*name).to_owned(),
            params: vec![ValType::V128; values.len()],
            results: vec![ValType::V128],
            nans: Nans::Exact,
            values: Some(values.clone()),
        }));
    };
    add(&["i8x16.relaxed_swizzle"], vec![bytes(0x80, 13), bytes(0, 1)]);
    let floats32 = |list: &[f32]| lanes(list.iter().map(|x| x.to_le_bytes()).collect());
    let floats64 = |list: &[f64]| lanes(list.iter().map(|x| x.to_le_bytes()).collect());
    let in_range = [0.0, 1.0, 1.5, 2.75, 1000.25, 2_147_483_520.0, 65536.5, 7.0];
    add(&["i32x4.relaxed_trunc_f32x4_s", "i32x4.relaxed_trunc_f32x4_u"], vec![floats32(&in_range)]);
    let in_range = [0.0, 1.0, 1.5, 2.75, 1000.25, 2_147_483_647.0, 65536.5, 7.0];
    add(&["i32x4.relaxed_trunc_f64x2_s_zero", "i32x4.relaxed_trunc_f64x2_u_zero"], vec![floats64(&in_range)]);
    // Products and sums of small integers are exact, so one rounding or two make no difference.
    let small = [1.0, -2.0, 3.0, 0.5, -1.25, 64.0, 1000.0, -7.0];
    add(&["f32x4.relaxed_madd", "f32x4.relaxed_nmadd"], vec![floats32(&small); 3]);
    let small = small.map(f64::from);
    add(&["f64x2.relaxed_madd", "f64x2.relaxed_nmadd"], vec![floats64(&small); 3]);
    let masks = |width: usize| {
        let mask =
            |pattern: usize| Val::V128(std::array::from_fn(|i| if pattern >> (i / width) & 1 == 1 { 0xff } else { 0 }));
        [0, 1, 0x5555, 0xaaaa, 0xffff, 0x0ff0].into_iter().map(mask).collect::<Values>()
    };
    for (name, width) in [("i8x16", 1), ("i16x8", 2), ("i32x4", 4), ("i64x2", 8)] {
        let text = format!("{name}.relaxed_laneselect");
        add(&[&text], vec![bytes(3, 7), bytes(0x90, 11), masks(width)]);
    }
    let different = [1.0, -2.0, 3.5, f32::INFINITY, -100.0, 0.25, f32::MAX, f32::NEG_INFINITY];
    add(&["f32x4.relaxed_min", "f32x4.relaxed_max"], vec![floats32(&different); 2]);
    let different = different.map(f64::from);
    add(&["f64x2.relaxed_min", "f64x2.relaxed_max"], vec![floats64(&different); 2]);
    // Any but the product of two times -32768.
    let halves: Vec<[u8; 2]> = [1i16, -1, 0x7fff, 0x4000, -0x4000, 255, -32767, 12345].map(i16::to_le_bytes).to_vec();
    add(&["i16x8.relaxed_q15mulr_s"], vec![lanes(halves); 2]);
    // The second factor has seven bits.
    add(&["i16x8.relaxed_dot_i8x16_i7x16_s"], vec![bytes(0xf0, 5), seven_bits()]);
    add(&["i32x4.relaxed_dot_i8x16_i7x16_add_s"], vec![bytes(0xf0, 5), seven_bits(), bytes(1, 3)]);
    operators
}

/// Vectors whose bytes start at `start` and go up by `step`, and some rotations of them.
fn bytes(start: u8, step: u8) -> Values {
    let at = |i: usize| start.wrapping_add(step.wrapping_mul(i as u8));
    // Steps of one stay below 16, so that they are lane numbers.
    [0, 3, 8].iter().map(|by| Val::V128(std::array::from_fn(|i| at((i + by) % 16)))).collect()
}

fn seven_bits() -> Values {
    bytes(0, 9)
        .into_iter()
        .map(|value| match value {
            Val::V128(bytes) => Val::V128(bytes.map(|byte| byte & 0x7f)),
            other => other,
        })
        .collect()
}

/// Vectors with these lanes, at every rotation.
fn lanes<const N: usize>(list: Vec<[u8; N]>) -> Values {
    let lane = |i: usize| list[i % list.len()];
    (0..list.len()).map(|first| Val::V128(std::array::from_fn(|i| lane(first + i / N)[i % N]))).collect()
}
