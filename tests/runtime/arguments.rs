//! Arguments and results reach the other side of a call, whatever places they change on the way.
//!
//! A compiler moves them all at once, through cycles, from registers, the frame, the stack and constants.

use std::fmt::Write as _;

use updraft::runtime::value::Val;

use crate::common::{Fixture, MODES, Rng};

/// All orders of the numbers below `n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for next in 0..n {
        all = all
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=next).map(|at| {
                    let mut order = order.clone();
                    order.insert(at, next);
                    order
                })
            })
            .collect();
    }
    all
}

/// Where an argument comes from when it is passed on.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A parameter that is used so often that it may have a register.
    Parameter,
    /// The result of an operator.
    Sum,
    Constant,
    /// What a call left, so that it lies in the frame by now.
    Called,
}

const SOURCES: [Source; 4] = [Source::Parameter, Source::Sum, Source::Constant, Source::Called];

const INTS: usize = 6;
const FLOATS: usize = 4;
const INT_ARGS: [i64; INTS] = [3, -5, 7, 11, -13, 17];
const FLOAT_ARGS: [f64; FLOATS] = [0.5, -1.5, 2.5, 4.0];

/// A number that depends on every argument and its position.
fn digest(ints: &[i64], floats: &[f64]) -> i64 {
    let ints = ints.iter().fold(0i64, |sum, &value| sum.wrapping_mul(31).wrapping_add(value));
    let floats = floats.iter().fold(0.0f64, |sum, &value| sum * 3.0 + value);
    ints ^ floats.to_bits() as i64
}

/// The same in WebAssembly.
fn digest_text() -> String {
    let mut ints = "(i64.const 0)".to_string();
    for i in 0..INTS {
        ints = format!("(i64.add (i64.mul {ints} (i64.const 31)) (local.get {i}))");
    }
    let mut floats = "(f64.const 0)".to_string();
    for i in INTS..INTS + FLOATS {
        floats = format!("(f64.add (f64.mul {floats} (f64.const 3)) (local.get {i}))");
    }
    format!("(i64.xor {ints} (i64.reinterpret_f64 {floats}))")
}

/// A function that passes its arguments on in another order; what it gives for the arguments above.
fn passing(text: &mut String, name: &str, order: &[usize], floats: &[usize], sources: &[Source], call: &str) -> i64 {
    let _ = write!(text, "(func (export \"{name}\") (type $t) ");
    let mut values = Vec::new();
    for (&from, source) in order.iter().zip(sources) {
        let (code, value) = match source {
            Source::Parameter => (format!("(local.get {from})"), INT_ARGS[from]),
            Source::Sum => (format!("(i64.add (local.get {from}) (i64.const 100))"), INT_ARGS[from] + 100),
            Source::Constant => (format!("(i64.const {})", 1i64 << (from * 9)), 1 << (from * 9)),
            Source::Called => (format!("(call $twice (local.get {from}))"), INT_ARGS[from] * 2),
        };
        text.push_str(&code);
        values.push(value);
    }
    for from in floats {
        let _ = write!(text, "(local.get {})", INTS + from);
    }
    let _ = write!(text, "({call} $digest))");
    digest(&values, &floats.iter().map(|&from| FLOAT_ARGS[from]).collect::<Vec<_>>())
}

#[test]
fn arguments_keep_their_values_in_every_order() {
    let mut rng = Rng::new(0x5eed_0a26);
    let mut text = String::from(
        "(module (type $t (func (param i64 i64 i64 i64 i64 i64 f64 f64 f64 f64) (result i64)))
        (func $twice (param i64) (result i64) (i64.mul (local.get 0) (i64.const 2)))",
    );
    let _ = write!(text, "(func $digest (type $t) {})", digest_text());
    let float_orders = permutations(FLOATS);
    let mut expected = Vec::new();
    for (i, order) in permutations(INTS).iter().enumerate() {
        let call = if i % 3 == 0 { "return_call" } else { "call" };
        // Every other function passes on nothing but parameters: pure cycles.
        let mut source = || if i % 2 == 0 { Source::Parameter } else { *rng.pick(&SOURCES) };
        let sources: Vec<Source> = (0..INTS).map(|_| source()).collect();
        let name = format!("f{i}");
        let floats = &float_orders[i % float_orders.len()];
        expected.push((name.clone(), passing(&mut text, &name, order, floats, &sources, call)));
    }
    text.push(')');
    let args: Vec<Val> = INT_ARGS
        .iter()
        .map(|&value| Val::I64(value))
        .chain(FLOAT_ARGS.iter().map(|&value| Val::F64(value.to_bits())))
        .collect();
    for &mode in MODES {
        let mut fixture = Fixture::new(mode, &text);
        for (name, expected) in &expected {
            let results = fixture.call(name, &args).unwrap_or_else(|error| panic!("{} {name}: {error}", mode.name));
            assert!(
                matches!(results[..], [Val::I64(value)] if value == *expected),
                "{} {name}: {results:?}",
                mode.name
            );
        }
    }
}

/// Results of every number and mixture of types: up to eight of a class come in registers, more in memory.
#[test]
fn results_keep_their_values_in_every_number() {
    const MOST: usize = 12;
    let types = ["i32", "f64", "i64", "f32"];
    let mut text = String::from("(module ");
    for count in 1..=MOST {
        for first in 0..types.len() {
            let kinds: Vec<&str> = (0..count).map(|i| types[(first + i * (first + 1)) % types.len()]).collect();
            let name = format!("g{count}_{first}");
            let _ = write!(text, "(func ${name} (result {})", kinds.join(" "));
            for (i, kind) in kinds.iter().enumerate() {
                let _ = write!(text, "({kind}.const {})", i + 1);
            }
            // The sum of all results, each multiplied with its position.
            let _ = write!(text, ") (func (export \"{name}\") (param i64) (result i64) (local i64) ");
            let _ = write!(text, "(i64.const 1000) (call ${name})");
            for (i, kind) in kinds.iter().enumerate().rev() {
                let convert = match *kind {
                    "i32" => "i64.extend_i32_u",
                    "f64" => "i64.trunc_f64_s",
                    "f32" => "i64.trunc_f32_s",
                    _ => "nop",
                };
                let _ = write!(text, " {convert} i64.const {} i64.mul local.get 1 i64.add local.set 1", i + 1);
            }
            text.push_str(" local.get 1 i64.add local.get 0 i64.add)");
        }
    }
    text.push(')');
    for &mode in MODES {
        let mut fixture = Fixture::new(mode, &text);
        for count in 1..=MOST {
            let expected = (1..=count as i64).map(|i| i * i).sum::<i64>() + 1005;
            for first in 0..types.len() {
                let name = format!("g{count}_{first}");
                let results = fixture.call(&name, &[Val::I64(5)]).unwrap();
                assert!(
                    matches!(results[..], [Val::I64(value)] if value == expected),
                    "{} {name}: {results:?} instead of {expected}",
                    mode.name
                );
            }
        }
    }
}

/// A chain of tail calls between functions with ever other numbers of stack arguments, vectors among them, that
/// ends where a call waits for it.
#[test]
fn tail_calls_grow_and_shrink_the_stack_arguments() {
    let counts = [1usize, 20, 3, 9, 0, 30, 30, 2, 11, 5];
    let mut text = String::from("(module ");
    for (k, &count) in counts.iter().enumerate() {
        let _ = write!(text, "(func $f{k} (param i64 {} v128) (result i64)", "i64 ".repeat(count));
        // The sum so far travels in the first argument, and what depends on each argument is added to it.
        let mut sum = "(local.get 0)".to_string();
        for i in 0..count {
            sum = format!("(i64.add (i64.mul {sum} (i64.const 3)) (local.get {}))", i + 1);
        }
        sum = format!("(i64.add {sum} (i64x2.extract_lane 1 (local.get {})))", count + 1);
        match counts.get(k + 1) {
            Some(&next) => {
                let _ = write!(text, "{sum}");
                for i in 0..next {
                    let _ = write!(text, "(i64.const {})", i * 7 + k);
                }
                let _ = write!(text, "(local.get {}) (return_call $f{}))", count + 1, k + 1);
            }
            None => {
                let _ = write!(text, "{sum})");
            }
        }
    }
    text.push_str(
        "(func (export \"run\") (param i64) (result i64) (local i64 i64)
            (local.set 1 (i64.const 77)) (local.set 2 (i64.const 5))
            (local.set 2 (call $f0 (local.get 0) (i64.const 9) (v128.const i64x2 1 6)))
            (i64.add (i64.mul (local.get 1) (local.get 1)) (local.get 2))))",
    );
    let mut sum = 4i64;
    for (k, &count) in counts.iter().enumerate() {
        for i in 0..count {
            let value = if k == 0 { 9 } else { (i * 7 + k - 1) as i64 };
            sum = sum.wrapping_mul(3).wrapping_add(value);
        }
        sum = sum.wrapping_add(6);
    }
    let expected = sum.wrapping_add(77 * 77);
    for &mode in MODES {
        let mut fixture = Fixture::new(mode, &text);
        let results = fixture.call("run", &[Val::I64(4)]).unwrap();
        assert!(matches!(results[..], [Val::I64(value)] if value == expected), "{}: {results:?}", mode.name);
    }
}

/// A body may have vectors among its operands without an operator, a local or a result that says so.
#[test]
fn vectors_that_only_a_global_or_a_call_brings_have_room() {
    for mode in MODES {
        let mut fixture = Fixture::new(
            *mode,
            "(module
                (global $vector v128 (v128.const i64x2 3 4))
                (func $nothing)
                (func $give (result v128) (global.get $vector))
                (func $take (param v128) (result i64) (i64x2.extract_lane 1 (local.get 0)))
                (func (export \"global\") (param i64) (result i64)
                    (i64.add (local.get 0) (i64.const 1)) (global.get $vector) (call $nothing) (drop))
                (func (export \"call\") (param i64) (result i64)
                    (i64.add (local.get 0) (i64.const 1)) (call $give) (call $nothing) (call $take) (i64.add)))",
        );
        let global = fixture.call("global", &[Val::I64(6)]).expect("a call");
        assert_eq!(global, [Val::I64(7)], "{}", mode.name);
        let call = fixture.call("call", &[Val::I64(6)]).expect("a call");
        assert_eq!(call, [Val::I64(11)], "{}", mode.name);
    }
}
