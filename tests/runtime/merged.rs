//! Loads that the optimising tier merges into the instruction that uses their value: a trap is where the load is.
//!
//! The baseline tier, which merges nothing, says where that is.

use std::fmt::Write as _;

use updraft::runtime::value::Val;
use updraft::trap::TrapCode;

use crate::inline::run_everywhere;

/// Operands: `$a` and `$b` are addresses, one of which may be out of bounds; `$x` is neither null nor constant.
const SHAPES: &[&str] = &[
    "(i32.add (local.get $x) (i32.load (local.get $a)))",
    "(i32.add (i32.load (local.get $a)) (i32.load (local.get $b)))",
    "(i32.sub (i32.xor (local.get $x) (i32.load (local.get $b))) (i32.load (local.get $a)))",
    "(i32.mul (i32.add (i32.const 1) (local.get $x)) (i32.load (local.get $a)))",
    "(i32.lt_s (local.get $x) (i32.load (local.get $a)))",
    "(i32.eqz (i32.load (local.get $a)))",
    "(i32.popcnt (i32.load (local.get $a)))",
    "(i32.wrap_i64 (i64.add (i64.load (local.get $a)) (i64.load (local.get $b))))",
    "(i32.wrap_i64 (i64.extend_i32_u (i32.load (local.get $a))))",
    "(i32.wrap_i64 (i64.xor (i64.extend_i32_s (local.get $x)) (i64.load32_s (local.get $a))))",
    "(i32.shl (local.get $x) (i32.load (local.get $a)))",
    "(i32.rotl (i32.load (local.get $a)) (i32.const 7))",
    "(i32.load (i32.and (i32.const 1020) (i32.load (local.get $a))))",
    "(select (local.get $x) (i32.load (local.get $a)) (i32.load (local.get $b)))",
    "(select (i32.load (local.get $a)) (local.get $x) (i32.lt_u (local.get $x) (i32.load (local.get $b))))",
    "(select (i32.load (local.get $a)) (i32.load (local.get $b)) (local.get $x))",
    "(i32.and (i32.lt_u (local.get $x) (i32.load (local.get $a))) (i32.gt_u (local.get $x) (i32.load (local.get $b))))",
    "(i32.or (i32.eq (i32.load (local.get $a)) (local.get $x)) (i32.eq (i32.load (local.get $b)) (local.get $x)))",
    "(i32.reinterpret_f32 (f32.add (f32.load (local.get $a)) (f32.load (local.get $b))))",
    "(i32.lt_s (i32.const 0) (f64.lt (f64.load (local.get $a)) (f64.load (local.get $b))))",
    "(i32.reinterpret_f32 (f32.sqrt (f32.load (local.get $a))))",
    "(i32.reinterpret_f32 (f32.demote_f64 (f64.load (local.get $a))))",
    "(i32.reinterpret_f32 (f32.convert_i32_s (i32.load (local.get $a))))",
    "(i32.trunc_sat_f32_s (f32.load (local.get $a)))",
    "(i32x4.extract_lane 1 (i32x4.add (v128.load (local.get $b)) (v128.load (local.get $a))))",
    "(i8x16.extract_lane_u 3 (i8x16.swizzle (v128.load (local.get $b)) (v128.load (local.get $a))))",
    "(i32x4.extract_lane 1 (i32x4.splat (i32.load (local.get $a))))",
    "(i32x4.extract_lane 1 (i32x4.replace_lane 2 (v128.const i32x4 1 2 3 4) (i32.load (local.get $a))))",
    "(i32.add (i32.div_u (local.get $x) (i32.load (local.get $a))) (i32.const 1))",
    "(i32.rem_s (i32.load (local.get $b)) (i32.load (local.get $a)))",
    "(i32.trunc_f32_s (f32.load (local.get $a)))",
    "(if (result i32) (i32.lt_s (local.get $x) (i32.load (local.get $a)))
       (then (i32.load (local.get $b))) (else (i32.const 1)))",
    "(if (result i32) (i32.and (i32.ge_u (local.get $x) (i32.load (local.get $a))) (i32.load (local.get $b)))
       (then (i32.const 2)) (else (i32.const 1)))",
    "(if (i32.eq (local.get $x) (i32.load (local.get $a))) (then unreachable)) (local.get $x)",
    "(block $1 (block $0 (br_table $0 $1 (i32.load (local.get $a))))) (local.get $x)",
    // One instruction that reads, changes and writes.
    "(i32.store (local.get $a) (i32.add (i32.load (local.get $a)) (local.get $x))) (local.get $x)",
    "(i32.store (local.get $a) (i32.or (local.get $x) (i32.load (local.get $a)))) (local.get $x)",
    "(i64.store (local.get $a) (i64.sub (i64.load (local.get $a)) (i64.extend_i32_u (local.get $x)))) (local.get $x)",
    // The load is in bounds where the store is not.
    "(i32.store (local.get $a) (i32.add (i32.load (local.get $b)) (local.get $x))) (local.get $x)",
    "(global.set $g (i32.add (local.get $x) (i32.load (local.get $a)))) (global.get $g)",
    "(call $id (i32.add (local.get $x) (i32.load (local.get $a))))",
    "(call_indirect (param i32) (result i32) (local.get $x) (i32.add (i32.const 0) (i32.load (local.get $a))))",
];

/// Calls `run` with each address in and out of bounds; how many of the calls trap where a load is.
fn check(body: &str) -> usize {
    let text = format!(
        "(module (memory 1 1) (global $g (mut i32) (i32.const 0)) (table 1 funcref) (elem (i32.const 0) $id)
           (func $id (param i32) (result i32) (local.get 0))
           (func (export \"run\") (param $a i32) (param $b i32) (param $x i32) (result i32) {body}))"
    );
    let (inside, outside) = (Val::I32(64), Val::I32(0x10_0000));
    let arguments: Vec<Vec<Val>> = [(inside, inside), (inside, outside), (outside, inside), (outside, outside)]
        .into_iter()
        .map(|(a, b)| vec![a, b, Val::I32(5)])
        .collect();
    let outcomes = run_everywhere(&text, "run", &arguments);
    outcomes.iter().filter(|got| matches!(got, Err((TrapCode::MemoryOutOfBounds, _)))).count()
}

#[test]
fn traps_are_where_the_loads_are() {
    for body in SHAPES {
        assert!(check(body) >= 2, "{body}");
        // In a callee that is inlined.
        let callee = "(call $callee (local.get $a) (local.get $b) (local.get $x)))
             (func $callee (param $a i32) (param $b i32) (param $x i32) (result i32)";
        assert!(check(&format!("{callee} {body}")) >= 2, "{body}");
    }
}

/// More loads in a row than there are names for them, all of which could be merged.
#[test]
fn of_many_loads_in_a_row_the_right_one_traps() {
    for (count, at) in [(127, 126), (128, 127), (129, 128), (300, 0), (300, 128), (300, 171), (300, 299)] {
        let mut body = String::new();
        for number in 0..count {
            let address = if number == at { "$a" } else { "$b" };
            let _ = write!(body, "(i32.load offset={} (local.get {address}))", 4 * number);
        }
        body.push_str("(local.get $x)");
        body.push_str(&"i32.xor ".repeat(count));
        assert_eq!(check(&body), 3, "{at} of {count}");
    }
}
