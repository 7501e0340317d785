//! Loops that run in the baseline tier and go on in the top tier: the same results, traps and backtraces, whatever is
//! alive, wherever the loop is, however little stack is left; and what is compiled for it is bounded and counted.
//!
//! Every test runs with both baseline compilers, with and without signals. What the specification's suite and the
//! generated programs say of it stands in `tests/spec.rs` and `tests/differential.rs`, which have modes for it.

mod common;
#[path = "osr/lifecycle.rs"]
mod lifecycle;

use std::sync::Arc;

use common::{Fixture, call, exported_func};
use updraft::config::{BaselineChoice, Config, MemoryMode, Osr, Target, TierUp, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Engine, OsrCounts};
use updraft::error::Error;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::value::{Extern, Val};
use updraft::trap::{Trap, TrapCode};
use updraft::types::{FuncIndex, FuncType, ValType};

/// Both baseline compilers, with and without signals.
fn modes(tiering: Tiering) -> Vec<(String, Config)> {
    let mut modes = Vec::new();
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        for signals in [true, false] {
            let config = Config {
                tiers: Tiers::Both,
                baseline,
                signals,
                target: if signals { Target::default() } else { Target::with_features("x86-64-v2") },
                memory_mode: if signals { MemoryMode::Auto } else { MemoryMode::Explicit },
                code_reservation: 64 << 20,
                tiering,
                ..Config::default()
            };
            modes.push((format!("{baseline:?}, signals {signals}, {:?}", tiering.osr), config));
        }
    }
    modes
}

fn forced(every: u32) -> Tiering {
    Tiering { policy: TieringPolicy::Custom(1), osr: Osr::At(every), ..Tiering::default() }
}

/// The same module in the baseline tier, and in the top tier.
fn references() -> [Config; 2] {
    [Tiers::Baseline, Tiers::Top].map(|tiers| Config { tiers, code_reservation: 64 << 20, ..Config::default() })
}

fn entered(module: &CompiledModule) -> OsrCounts {
    module.osr_counts()
}

/// Calls an export in every mode, with loops that are left at the 1st, 2nd, 3rd and 7th time that a header is reached.
/// The results are those of the two tiers. Some of the loops are left, or the test proves nothing.
fn same_everywhere(text: &str, name: &str, args: &[Val]) {
    let [baseline, top] = references().map(|config| Fixture::with_config(config, text).call(name, args));
    let expected = format!("{:?}", baseline.as_ref().map_err(described));
    assert_eq!(expected, format!("{:?}", top.as_ref().map_err(described)), "{name} in both tiers");
    for every in [1, 2, 3, 7] {
        for (mode, config) in modes(forced(every)) {
            let mut fixture = Fixture::with_config(config, text);
            let found = fixture.call(name, args);
            assert_eq!(expected, format!("{:?}", found.as_ref().map_err(described)), "{name}: {mode}");
            let counts = entered(&fixture.module);
            assert!(counts.entered > 0 && counts.refused == 0 && counts.claimed == 0, "{name}: {mode}: {counts:?}");
        }
    }
}

/// A trap with its backtrace, as far as it is the same in every tier.
fn described(error: &Error) -> String {
    match error {
        Error::Trap(trap) => format!("{:?} {:?}", trap.code, frames(trap)),
        other => format!("{other:?}"),
    }
}

fn frames(trap: &Trap) -> Vec<(FuncIndex, u32)> {
    trap.frames.iter().map(|frame| (frame.func, frame.module_offset)).collect()
}

/// Forty values of every type are alive at the header of the inner loop: locals, operands below both loops, parameters
/// of both. Each is changed in the loop, and all of them are in the result.
#[test]
fn forty_live_values_of_every_type() {
    const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];
    let constant = |ty: &str, n: usize| match ty {
        "v128" => format!("(v128.const i64x2 {n} -{n})"),
        ty => format!("({ty}.const {n})"),
    };
    let to_i64 = |ty: &str| match ty {
        "i32" => "(i64.extend_i32_u)",
        "i64" => "",
        "f32" => "(i32.reinterpret_f32) (i64.extend_i32_u)",
        "f64" => "(i64.reinterpret_f64)",
        _ => "(i64x2.extract_lane 1)",
    };
    let add = |ty: &str| if ty == "v128" { "i64x2.add".into() } else { format!("{ty}.add") };
    let (mut locals, mut below, mut steps, mut sums) = (String::new(), String::new(), String::new(), String::new());
    for n in 0..25 {
        let ty = TYPES[n % 5];
        locals += &format!("(local $l{n} {ty})");
        steps += &format!("(local.set $l{n} ({} (local.get $l{n}) {}))", add(ty), constant(ty, n + 1));
        sums += &format!("(local.get $l{n}) {} (call $mix)", to_i64(ty));
    }
    let mut pops = String::new();
    for n in 0..10 {
        below += &constant(TYPES[n % 5], 1000 + n);
        pops = format!("{} (call $mix) {pops}", to_i64(TYPES[n % 5]));
    }
    let text = format!(
        r#"(module (global $sum (mut i64) (i64.const 1))
          (func $mix (param i64)
            (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) (local.get 0))))
          (func $nothing)
          (func (export "f") (param $n i32) (param $f funcref) (param $r externref) (result i64 i32 funcref externref)
            (local $i i32) (local $j i32) {locals}
            {below}
            (i32.const 5) (f64.const 0.5)
            (loop $outer (param i32 f64) (result i32 f64)
              (local.set $j (i32.const 0))
              (i64.const 77) (f32.const 1.5)
              (loop $inner (param i32 f64 i64 f32) (result i32 f64 i64 f32)
                {steps}
                (f32.add (f32.const 0.25))
                (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
              (i64.extend_i32_u (i32.reinterpret_f32)) (call $mix) (call $mix)
              (f64.add (f64.const 1))
              (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
            (i64.reinterpret_f64) (call $mix) (i64.extend_i32_u) (call $mix)
            {pops} {sums}
            (global.get $sum) (i32.add (local.get $i) (local.get $j)) (local.get $f) (local.get $r)))"#
    );
    same_everywhere(&text, "f", &[Val::I32(5), Val::FuncRef(None), Val::ExternRef(None)]);
}

/// References keep their identity, and travel through loops as locals and operands.
#[test]
fn references_are_carried() {
    let text = r#"(module (table $t 4 funcref) (elem (i32.const 0) $a $b) (type $i (func (result i32)))
        (func $a (type $i) (i32.const 10)) (func $b (type $i) (i32.const 20))
        (func (export "f") (param $n i32) (result i32) (local $f funcref) (local $g funcref) (local $s i32)
          (ref.func $a) (local.set $f (ref.func $b))
          (loop $l (param funcref) (result funcref)
            (local.set $g)
            (table.set $t (i32.const 2) (local.get $g))
            (table.set $t (i32.const 3) (local.get $f))
            (local.set $s (i32.add (local.get $s) (call_indirect (type $i) (i32.const 2))))
            (table.get $t (i32.const 3)) (local.set $f (table.get $t (i32.const 2)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.set $g)
          (table.set $t (i32.const 1) (local.get $g))
          (i32.add (local.get $s) (i32.mul (i32.const 1000) (call_indirect (type $i) (i32.const 1))))))"#;
    same_everywhere(text, "f", &[Val::I32(9)]);
}

/// A nest of three: left at each of its loops, with branches to all of them.
#[test]
fn nests_of_loops() {
    let text = r#"(module (memory 1)
        (func (export "f") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $k i32) (local $s i32)
          (loop $a (result i32)
            (local.set $j (i32.const 0))
            (loop $b
              (local.set $k (i32.const 0))
              (loop $c
                (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 17))
                  (i32.add (local.get $k) (i32.mul (local.get $i) (local.get $j)))))
                (i32.store (i32.and (local.get $s) (i32.const 0xfff)) (local.get $s))
                (local.set $k (i32.add (local.get $k) (i32.const 1)))
                (br_if $c (i32.lt_u (local.get $k) (local.get $n)))
                (local.set $j (i32.add (local.get $j) (i32.const 1)))
                (br_if $b (i32.and (i32.lt_u (local.get $j) (local.get $n)) (i32.and (local.get $s) (i32.const 1)))))
              (if (i32.lt_u (local.get $j) (local.get $n))
                (then (local.set $s (i32.add (local.get $s) (i32.load (i32.and (local.get $s) (i32.const 0xff0))))) (br $b))
                (else (nop))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_table $a 1 (i32.ge_u (local.get $i) (local.get $n)) )
            (local.get $s))))"#
        .replace("(br_table $a 1 (i32.ge_u (local.get $i) (local.get $n)) )", "(br_if $a (i32.lt_u (local.get $i) (local.get $n)))");
    same_everywhere(&text, "f", &[Val::I32(7)]);
    // All three loops were left, at one time or another.
    for (mode, config) in modes(forced(3)) {
        let mut fixture = Fixture::with_config(config, &text);
        for n in 1..9 {
            fixture.call("f", &[Val::I32(n)]).unwrap();
        }
        assert_eq!(entered(&fixture.module).entered_sites, 3, "{mode}");
    }
}

/// Results in registers of both kinds, in memory, and stack arguments that the baseline's frame must give back.
#[test]
fn many_parameters_and_results() {
    for count in [1, 7, 8, 9, 20] {
        let types = ["i32", "f64", "i64", "v128", "f32"].iter().cycle().take(count).copied().collect::<Vec<_>>();
        let list = types.join(" ");
        let gets: String = (0..count).map(|n| format!("(local.get {n})")).collect();
        let text = format!(
            r#"(module (type $t (func (param {list} i32) (result {list})))
              (func $f (type $t)
                (loop $l
                  (if (i32.gt_u (local.get {count}) (i32.const 5))
                    (then (local.set {count} (i32.sub (local.get {count}) (i32.const 1))) (br $l))))
                {gets}
                (if (type $t) (local.get {count}) (local.get {count})
                  (then (i32.sub (i32.const 1)) (call $f))
                  (else (drop))))
              (func (export "f") (param {list} i32) (result {list} i32)
                {gets} (local.get {count}) (call $f) (i32.const 99)))"#
        );
        let value = |ty: &&str| match *ty {
            "i32" => Val::I32(-3),
            "i64" => Val::I64(i64::MIN + 1),
            "f32" => Val::F32(0x7fc0_0001),
            "f64" => Val::F64(1.5f64.to_bits()),
            _ => Val::V128([0xab; 16]),
        };
        let mut args: Vec<Val> = types.iter().map(value).collect();
        args.push(Val::I32(12));
        same_everywhere(&text, "f", &args);
    }
}

/// Every activation of a recursion decides for itself.
#[test]
fn recursion() {
    let text = r#"(module
        (func $f (export "f") (param $n i32) (result i32) (local $i i32) (local $s i32)
          (local.set $s (local.get $n))
          (loop $l
            (if (local.get $n)
              (then (local.set $s (i32.add (local.get $s) (call $f (i32.sub (local.get $n) (i32.const 1)))))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
          (local.get $s)))"#;
    same_everywhere(text, "f", &[Val::I32(7)]);
}

/// 64-bit memories, memories that move while the loop runs, bulk operations.
/// A loop that counts the calls that it begins with goes on in the top tier as any other.
#[test]
fn loops_that_count_their_calls() {
    let text = r#"(module
        (func $step (param i64) (result i64) (i64.rotl (i64.add (local.get 0) (i64.const 3)) (i64.const 7)))
        (func $nest (param $n i32) (param $x i64) (result i64) (local $i i32)
            (loop $outer
                (local.set $x (call $step (local.get $x)))
                (local.set $i (i32.and (local.get $n) (i32.const 7)))
                (loop $inner
                    (local.set $x (i64.xor (call $step (local.get $x)) (i64.extend_i32_u (local.get $i))))
                    (br_if $inner (i32.ge_s (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const 0))))
                (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $x))
        (func (export "run") (result i64) (call $nest (i32.const 100000) (i64.const 1))))"#;
    let [baseline, top] = references().map(|config| Fixture::with_config(config, text).call("run", &[]).unwrap());
    assert_eq!(baseline, top);
    let policy = TieringPolicy::Custom(1 << 16);
    let tiering = Tiering { policy, tier_up: TierUp::Synchronous, osr: Osr::On, ..Tiering::default() };
    for (mode, config) in modes(tiering) {
        let mut fixture = Fixture::with_config(config, text);
        assert_eq!(fixture.call("run", &[]).unwrap(), baseline, "{mode}");
        let counts = entered(&fixture.module);
        assert!(counts.entered > 0 && counts.refused == 0, "{mode}: {counts:?}");
    }
}

#[test]
fn memories() {
    let text = r#"(module (memory i64 1 9) (memory $m 1 9)
        (func (export "f") (param $n i32) (result i64 i32) (local $p i64) (local $s i64)
          (loop $l
            (i64.store (local.get $p) (i64.add (local.get $s) (i64.const 3)))
            (i32.store $m (i32.wrap_i64 (local.get $p)) (local.get $n))
            (local.set $s (i64.add (local.get $s) (i64.load (local.get $p))))
            (if (i32.eqz (i32.and (local.get $n) (i32.const 7)))
              (then
                (drop (memory.grow (i64.const 1))) (drop (memory.grow $m (i32.const 1)))
                (local.set $p (i64.add (local.get $p) (i64.const 65536)))
                (memory.fill (local.get $p) (i32.const 1) (i64.const 9))))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.get $s) (memory.size $m)))"#;
    same_everywhere(text, "f", &[Val::I32(50)]);
}

/// Traps in the loop, in what it calls, and by a table; the frames are those of any tier.
#[test]
fn traps_have_the_backtrace_of_any_tier() {
    let text = |what: &str| {
        format!(
            r#"(module (memory 1) (table 1 funcref) (type $v (func))
              (func $callee (param $n i32) (drop (i32.div_u (i32.const 1) (local.get $n))))
              (func $f (param $n i32)
                (loop $a (loop $b
                  {what}
                  (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                  (br_if $a (i32.and (local.get $n) (i32.const 1)))
                  (br $b))))
              (func $middle (param $n i32) (call $f (local.get $n)) (nop))
              (func (export "f") (param $n i32) (loop $l (call $middle (local.get $n)) (br $l))))"#
        )
    };
    for what in [
        "(call $callee (local.get $n))",
        "(drop (i32.load (i32.mul (i32.eqz (local.get $n)) (i32.const 65536))))",
        "(if (i32.eqz (local.get $n)) (then (call_indirect (type $v) (i32.const 0))))",
        "(drop (i32.rem_s (i32.const 7) (local.get $n)))",
    ] {
        same_everywhere(&text(what), "f", &[Val::I32(20)]);
    }
}

/// What a host function sees of the stack, and a trap through it.
#[test]
fn loops_in_calls_from_the_host() {
    let text = r#"(module (import "" "host" (func $host (param i32) (result i32)))
        (func $f (export "f") (param $n i32) (result i32) (local $s i32)
          (loop $l
            (if (local.get $n) (then
              (local.set $s (i32.add (local.get $s) (call $host (i32.sub (local.get $n) (i32.const 1)))))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br $l))))
          (if (i32.eq (local.get $s) (i32.const 120)) (then (unreachable)))
          (i32.add (local.get $s) (i32.const 1))))"#;
    let run = |config: Config, n: i32| {
        let engine = Engine::new(config).unwrap();
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let ty = FuncType::new([ValType::I32], [ValType::I32]);
            let callback = Arc::new(|caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
                let instance = caller.instance().expect("a calling instance");
                let store = caller.store();
                let func = exported_func(store, instance, "f");
                let outcome = call(store, func, args);
                store.release(func.0)?;
                results[0] = outcome?[0];
                Ok(())
            });
            vec![Extern::Func(Func::new(store, ty, callback).unwrap())]
        });
        let outcome = fixture.call("f", &[Val::I32(n)]);
        (format!("{:?}", outcome.as_ref().map_err(described)), entered(&fixture.module).entered)
    };
    for n in [4, 7] {
        let [expected, top] = references().map(|config| run(config, n).0);
        assert_eq!(expected, top);
        for (mode, config) in modes(forced(2)) {
            let (found, entered) = run(config, n);
            assert_eq!((found, entered > 0), (expected.clone(), true), "{n}: {mode}");
        }
    }
}

/// A tail call leaves the frame of the top tier's code only. Calls in a circle take no stack all the same.
#[test]
fn tail_calls_do_not_pile_up_frames() {
    let text = r#"(module (type $t (func (param i32 i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $g)
        (func $f (export "f") (type $t) (local $i i32)
          (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
          (if (i32.eqz (local.get 0)) (then (return (i32.add (local.get 1) (local.get $i)))))
          (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1))
            (i32.add (local.get 1) (local.get $i)) (i32.const 0)))
        (func $g (type $t) (local $i i32)
          (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2))))
          (return_call $f (local.get 0) (local.get 1))))"#;
    for every in [1, 2] {
        for (mode, config) in modes(forced(every)) {
            let mut fixture = Fixture::with_config(config, text);
            let results = fixture.call("f", &[Val::I32(300_000), Val::I32(0)]);
            assert_eq!(results.unwrap(), [Val::I32(3 * 300_001)], "{mode}");
            let counts = entered(&fixture.module);
            // The first activation, at most: then the functions are in the top tier themselves.
            assert!((1..10).contains(&counts.entered), "{mode}: {counts:?}");
        }
    }
}

/// Down to the last frame that the baseline tier has stack for: the loop there runs where it is.
#[test]
fn where_there_is_no_stack_the_loop_stays() {
    let text = r#"(module
        (func $spin (export "spin") (param $n i32) (result i32) (local $s i32)
          (loop $l
            (local.set $s (i32.add (local.get $s) (local.get $n)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.get $s))
        (func $down (export "down") (param $n i32) (result i32)
          (if (result i32) (local.get $n)
            (then (call $down (i32.sub (local.get $n) (i32.const 1))))
            (else (call $spin (i32.const 100))))))"#;
    for (mode, config) in modes(forced(1)) {
        let mut fixture = Fixture::with_config(Config { max_stack: 256 << 10, ..config }, text);
        let works = |fixture: &mut Fixture, depth: i32| {
            let before = entered(&fixture.module).entered;
            match fixture.call("down", &[Val::I32(depth)]) {
                Ok(results) => {
                    assert_eq!(results, [Val::I32(5050)], "{mode}: {depth}");
                    Some(entered(&fixture.module).entered > before)
                }
                Err(Error::Trap(trap)) => {
                    assert_eq!(trap.code, TrapCode::StackOverflow, "{mode}: {depth}");
                    None
                }
                Err(other) => panic!("{mode}: {other}"),
            }
        };
        let (mut low, mut high) = (0, 1 << 20);
        while high - low > 1 {
            let middle = (low + high) / 2;
            *(if works(&mut fixture, middle).is_some() { &mut low } else { &mut high }) = middle;
        }
        assert!(low > 100, "{mode}: {low}");
        let outcomes: Vec<bool> = (0..=low).rev().step_by(37).filter_map(|depth| works(&mut fixture, depth)).collect();
        assert!(!outcomes[0] && *outcomes.last().unwrap(), "{mode}: {outcomes:?}");
        // Where there is room once, there is room above.
        assert!(outcomes.is_sorted(), "{mode}: {outcomes:?}");
    }
}

/// Two loops, one behind the other.
const TWO_LOOPS: &str = r#"(module
    (func $f (export "f") (param $n i32) (result i32) (local $i i32) (local $s i32)
      (loop $a
        (local.set $s (i32.add (local.get $s) (local.get $i)))
        (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (loop $b
        (local.set $s (i32.xor (local.get $s) (local.get $i)))
        (br_if $b (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.get $s)))"#;

/// What a program takes of its fuel does not depend on where its loops run, nor where it runs out.
#[test]
fn fuel_is_the_same() {
    let run = |config: Config, fuel: u64| {
        let mut fixture = Fixture::with_config(Config { fuel: true, ..config }, TWO_LOOPS);
        fixture.store.set_fuel(fuel).unwrap();
        let outcome = fixture.call("f", &[Val::I32(30)]);
        (format!("{:?} {:?}", outcome.as_ref().map_err(described), fixture.store.fuel()), entered(&fixture.module))
    };
    for fuel in [100_000, 200, 150, 77, 10, 1] {
        let [expected, top] = references().map(|config| run(config, fuel).0);
        assert_eq!(expected, top, "{fuel}");
        for every in [1, 2, 5] {
            for (mode, config) in modes(forced(every)) {
                let (found, counts) = run(config, fuel);
                assert_eq!(found, expected, "{mode}: {fuel}");
                assert!(counts.entered > 0 || fuel < 200, "{mode}: {fuel}: {counts:?}");
            }
        }
    }
}
