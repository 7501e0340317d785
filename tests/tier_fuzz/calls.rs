//! Programs that call: hot loops with direct, indirect and tail calls of functions of several types, whose targets change.
//!
//! What a profile leads to is at work here: callees that are inlined, indirect calls that are compared with their usual
//! targets, in loops that go on in the top tier. Programs end, and trap now and then.

use std::fmt::Write as _;

use updraft::runtime::value::Val;

use super::ways::Program;
use crate::common::Rng;

const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];

/// Types of functions, and functions of each.
const SIGNATURES: usize = 3;
const OF_EACH: usize = 4;

/// Iterations of the hot loop.
const TIMES: i32 = 400;

struct Signature {
    params: Vec<&'static str>,
    results: Vec<&'static str>,
}

/// An expression of this type, from the locals `$seed` and `$sum`.
fn value(ty: &str) -> &'static str {
    match ty {
        "i32" => "(local.get $seed)",
        "i64" => "(local.get $sum)",
        "f32" => "(f32.convert_i32_s (local.get $seed))",
        "f64" => "(f64.convert_i64_s (local.get $sum))",
        _ => "(i64x2.splat (local.get $sum))",
    }
}

/// Instructions that turn the topmost operand of this type into an i64.
fn to_i64(ty: &str) -> &'static str {
    match ty {
        "i32" => "i64.extend_i32_u",
        "i64" => "",
        "f32" => "i32.reinterpret_f32 i64.extend_i32_u",
        "f64" => "i64.reinterpret_f64",
        _ => "i64x2.extract_lane 1",
    }
}

/// Folds results, the last one on top, into `$sum`.
fn fold(results: &[&str]) -> String {
    let one = |ty: &&str| format!("{} (local.get $sum) (i64.const 7) i64.rotl i64.xor (local.set $sum)\n", to_i64(ty));
    results.iter().rev().map(one).collect()
}

fn arguments(signature: &Signature) -> String {
    signature.params.iter().map(|ty| value(ty)).collect::<Vec<_>>().join(" ")
}

/// A function: its number, type, and what it does with its arguments.
fn function(text: &mut String, number: usize, signatures: &[Signature], rng: &mut Rng) {
    let kind = number % SIGNATURES;
    let signature = &signatures[kind];
    let _ = writeln!(text, "(func $f{number} (type $t{kind}) (local $seed i32) (local $sum i64)");
    let _ = writeln!(text, "(local.set $sum (global.get $total)) (local.set $seed (i32.const {}))", rng.next() as i32);
    for (i, ty) in signature.params.iter().enumerate() {
        let _ = writeln!(text, "(local.get {i}) {}", fold(&[ty]));
    }
    if rng.below(6) == 0 {
        let why = *rng.pick(&["unreachable", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"]);
        let _ = writeln!(text, "(if (i32.eq (global.get $ticks) (i32.const {})) (then {why}))", rng.below(900));
    }
    // Only functions that come before, so that all of it ends.
    if number >= SIGNATURES && rng.below(2) == 0 {
        let callee = rng.below(number);
        let target = &signatures[callee % SIGNATURES];
        let _ = writeln!(text, "{} (call $f{callee}) {}", arguments(target), fold(&target.results));
    }
    if rng.below(4) == 0 {
        let _ = writeln!(
            text,
            "(loop $l (local.set $sum (i64.add (local.get $sum) (i64.const 3)))
               (br_if $l (i32.lt_u (local.tee $seed (i32.add (i32.and (local.get $seed) (i32.const 63)) (i32.const 1)))
                 (i32.const {}))))",
            1 + rng.below(60)
        );
    }
    let _ = writeln!(text, "(global.set $total (i64.add (global.get $total) (local.get $sum)))");
    if number >= SIGNATURES && rng.below(5) == 0 {
        // The first function of the same type.
        let _ = writeln!(text, "{} (return_call $f{kind})", arguments(signature));
    } else {
        signature.results.iter().for_each(|ty| text.push_str(value(ty)));
    }
    text.push_str(")\n");
}

/// The loop: which element is called is mostly the same, then others; the host is called now and then.
fn driver(text: &mut String, signatures: &[Signature], rng: &mut Rng) {
    text.push_str(
        "(func (export \"run\") (param $times i32) (param $seed i32) (result i64) (local $sum i64)
         (loop $again
           (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))
           (local.set $seed (i32.add (i32.mul (local.get $seed) (i32.const 1664525)) (i32.const 1013904223)))\n",
    );
    for (kind, signature) in signatures.iter().enumerate() {
        let mask = [0, 1, 7, 31][rng.below(4)];
        let element = format!(
            "(i32.add (i32.const {}) (select (i32.rem_u (i32.shr_u (local.get $seed) (i32.const 9)) (i32.const {OF_EACH}))
               (i32.const {}) (i32.eqz (i32.and (i32.shr_u (local.get $seed) (i32.const 16)) (i32.const {mask})))))",
            kind * OF_EACH,
            rng.below(OF_EACH)
        );
        let _ = writeln!(
            text,
            "{} (call_indirect (type $t{kind}) {element}) {}",
            arguments(signature),
            fold(&signature.results)
        );
    }
    let direct = rng.below(SIGNATURES * OF_EACH);
    let target = &signatures[direct % SIGNATURES];
    let _ = writeln!(text, "{} (call $f{direct}) {}", arguments(target), fold(&target.results));
    text.push_str(
        "  (if (i32.eqz (i32.and (local.get $times) (i32.const 63))) (then (call $host (local.get $sum))))
           (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
         (local.get $sum))\n",
    );
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut rng = Rng::new(seed ^ 0x6361_6c6c);
    let types = |rng: &mut Rng, least: usize, most: usize| {
        let count = least + rng.below(most - least + 1);
        (0..count).map(|_| *rng.pick(&TYPES)).collect::<Vec<_>>()
    };
    let signatures: Vec<Signature> =
        (0..SIGNATURES).map(|_| Signature { params: types(&mut rng, 0, 5), results: types(&mut rng, 0, 3) }).collect();
    let mut text = String::from("(module (import \"h\" \"h\" (func $host (param i64)))\n");
    for (kind, Signature { params, results }) in signatures.iter().enumerate() {
        let (params, results) = (params.join(" "), results.join(" "));
        let _ = writeln!(text, "(type $t{kind} (func (param {params}) (result {results})))");
    }
    // Exported, so that anybody may write to it.
    let _ = write!(text, "(table $table (export \"table\") {} 100 funcref) (elem (i32.const 0)", SIGNATURES * OF_EACH);
    for kind in 0..SIGNATURES {
        (0..OF_EACH).for_each(|i| text.push_str(&format!(" $f{}", kind + i * SIGNATURES)));
    }
    text.push_str(
        ")\n(global $total (export \"total\") (mut i64) (i64.const 0))
         (global $ticks (export \"ticks\") (mut i32) (i32.const 0))
         (func (export \"swap\") (param i32 i32)
           (table.set $table (local.get 0) (table.get $table (local.get 1))))\n",
    );
    (0..SIGNATURES * OF_EACH).for_each(|number| function(&mut text, number, &signatures, &mut rng));
    driver(&mut text, &signatures, &mut rng);
    text.push(')');
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut calls = Vec::new();
    for _ in 0..3 {
        for _ in 0..2 {
            calls.push(("run".to_owned(), vec![Val::I32(TIMES), Val::I32(rng.next() as i32)]));
        }
        // Mostly within a type; else the call traps.
        let kind = rng.below(SIGNATURES) * OF_EACH;
        let from = if rng.below(5) == 0 { rng.below(SIGNATURES * OF_EACH) } else { kind + rng.below(OF_EACH) };
        let to = kind + rng.below(OF_EACH);
        calls.push(("swap".to_owned(), vec![Val::I32(to as i32), Val::I32(from as i32)]));
    }
    calls.push(("run".to_owned(), vec![Val::I32(TIMES), Val::I32(1)]));
    Program { wasm, calls, fuel: None, state_every: 3 }
}
