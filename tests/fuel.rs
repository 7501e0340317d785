//! Fuel: what is counted, when it is taken, and that all tiers and modes agree on it at every moment a host can see.
//!
//! `random` has the same for random modules.

mod common;
#[path = "fuel/random.rs"]
mod random;

use std::sync::{Arc, Mutex};

use common::{Fixture, MIXED, MODES, Mode, exported_func, proving, tier_up_some};
use updraft::config::{BaselineChoice, Config, Strategy, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Engine, Waited};
use updraft::error::Error;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::{FuncIndex, FuncType};

/// More than anything below uses.
const PLENTY: u64 = 1 << 40;

fn metered(mode: &Mode) -> Config {
    Config { fuel: true, ..mode.config() }
}

fn fixture(mode: &Mode, text: &str) -> Fixture {
    let fixture = Fixture::with_config(metered(mode), text);
    if mode.name == MIXED {
        tier_up_some(&fixture.module, text.len() as u64);
    }
    fixture
}

/// What a call of `f` uses, and how it ended.
fn used(fixture: &mut Fixture, args: &[Val]) -> (u64, Result<Vec<Val>, TrapCode>) {
    fixture.store.set_fuel(PLENTY).expect("fuel is on");
    let outcome = fixture.call("f", args).map_err(|error| match error {
        Error::Trap(trap) => trap.code,
        other => panic!("{other}"),
    });
    (PLENTY - fixture.store.fuel().expect("fuel is on"), outcome)
}

/// Every kind of run, by hand: what is free, where runs begin and end, what a trap leaves paid.
#[test]
fn operators_are_counted_as_the_header_says() {
    use TrapCode::{IntegerDivideByZero, MemoryOutOfBounds, TableOutOfBounds, Unreachable};
    let cases: &[(&str, i32, u64, Option<TrapCode>)] = &[
        ("", 0, 0, None),
        ("nop (block (block)) (return)", 0, 0, None),
        ("(drop (local.get 0))", 0, 1, None),
        ("(return (drop (i32.add (local.get 0) (i32.const 1))))", 0, 3, None),
        ("(if (local.get 0) (then (drop (i32.const 1))) (else nop)) (drop (i32.const 2))", 1, 4, None),
        ("(if (local.get 0) (then (drop (i32.const 1))) (else nop)) (drop (i32.const 2))", 0, 3, None),
        // The condition fused with the branch that uses it.
        ("(if (i32.eqz (i32.eqz (i32.lt_s (local.get 0) (i32.const 1)))) (then (drop (i32.const 1))))", 0, 7, None),
        ("(if (f64.lt (f64.const 1) (f64.const 2)) (then (drop (i32.const 1))))", 0, 5, None),
        ("(drop (select (i32.const 1) (i32.const 2) (i32.eqz (local.get 0))))", 0, 5, None),
        ("(drop (select (result f64) (f64.const 1) (f64.const 2) (i32.const 1)))", 0, 4, None),
        // Three turns of four operators, one before.
        (
            "(local.set 0 (i32.const 3)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
            0,
            2 + 3 * 5,
            None,
        ),
        ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 1, 2, None),
        ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 0, 3, None),
        ("(block (block (br_table 0 1 0 (local.get 0))) (drop (i32.const 1)))", 0, 3, None),
        ("(block (block (br_table 0 1 0 (local.get 0))) (drop (i32.const 1)))", 1, 2, None),
        ("(block (br 0) (drop (i32.const 1)))", 0, 1, None),
        ("(block (result i32) (br_if 0 (i32.const 1) (local.get 0)) (i32.popcnt)) drop", 1, 3, None),
        // A call pays for itself, the callee for what it does.
        ("(call $two) (drop (i32.const 1))", 0, 1 + 2 + 1, None),
        ("(call_indirect (type $t) (i32.const 0)) (drop (i32.const 1))", 0, 2 + 2 + 1, None),
        ("(return_call $two)", 0, 3, None),
        ("(return_call_indirect (type $t) (i32.const 0))", 0, 4, None),
        // A trap leaves its run paid, and what is behind it unpaid.
        ("(drop (i32.const 1)) unreachable", 0, 1, Some(Unreachable)),
        (
            "(drop (i32.div_u (i32.const 1) (local.get 0))) (drop (i32.const 1)) (call $two)",
            0,
            5,
            Some(IntegerDivideByZero),
        ),
        (
            "(drop (i32.load (i32.const -1))) (drop (i32.const 1)) (block) (if (i32.const 1) (then))",
            0,
            3,
            Some(MemoryOutOfBounds),
        ),
        // Bulk operators pay by their length, even where they are out of bounds.
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 63, 4, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 64, 5, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 128))", 0, 6, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 65536, 4 + 1024, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", -1, 4 + (1 << 26) - 1, Some(MemoryOutOfBounds)),
        ("(memory.copy (i32.const 0) (i32.const 8) (i32.add (local.get 0) (local.get 0)))", 64, 6 + 2, None),
        ("(memory.copy (i32.const 0) (i32.const 8) (i32.const 64))", 64, 5, None),
        ("(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))", 70, 5, None),
        ("(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))", 640, 14, Some(MemoryOutOfBounds)),
        ("(table.fill (i32.const 0) (ref.null func) (local.get 0))", 8, 5, None),
        ("(table.copy (i32.const 0) (i32.const 1) (local.get 0))", 7, 4, None),
        ("(table.copy (i32.const 0) (i32.const 1) (local.get 0))", 16, 6, None),
        ("(table.init $e (i32.const 0) (i32.const 0) (local.get 0))", 80, 14, Some(TableOutOfBounds)),
        ("(drop (memory.grow (i32.const 1))) (drop (table.grow (ref.null func) (i32.const 100)))", 0, 5, None),
        ("(data.drop $d) (elem.drop $e)", 0, 2, None),
        ("(drop (i64x2.add (v128.const i64x2 1 1) (v128.load (i32.const 0))))", 0, 4, None),
        ("(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 0))) (atomic.fence)", 0, 4, None),
    ];
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        for &(body, argument, expected, trap) in cases {
            let text = format!(
                "(module (memory 1) (table 20 funcref) (elem (i32.const 0) $two) (type $t (func))
                   (data $d \"{}\") (elem $e func $two $two)
                   (func $two (drop (i32.eqz (i32.const 0))))
                   (func (export \"f\") (param i32) {body}))",
                "x".repeat(70)
            );
            let mut fixture = Fixture::with_engine(&engine, &text);
            if mode.name == MIXED {
                tier_up_some(&fixture.module, body.len() as u64);
            }
            let (used, outcome) = used(&mut fixture, &[Val::I32(argument)]);
            assert_eq!((used, outcome.err()), (expected, trap), "{}: {argument}: {body}", mode.name);
        }
    }
}

/// All that can be seen of a program after it ran out of fuel, at each amount that it can run out at.
const STEPS: &str = "(module (memory (export \"m\") 1) (global $g (export \"g\") (mut i32) (i32.const 0))
  (table funcref (elem $add $sub))
  (type $op (func (param i32)))
  (func $add (param i32) (global.set $g (i32.add (global.get $g) (local.get 0))))
  (func $sub (param i32)
    (if (i32.lt_s (global.get $g) (i32.const 5)) (then (return_call $add (local.get 0))))
    (global.set $g (i32.sub (global.get $g) (local.get 0))))
  (func (export \"f\") (param i32) (result i32) (local $i i32)
    (loop $l
      (i32.store8 (local.get $i) (i32.add (global.get $g) (i32.const 1)))
      (call_indirect (type $op) (local.get $i) (i32.and (local.get $i) (i32.const 1)))
      (memory.copy (i32.const 256) (i32.const 0) (i32.shl (local.get $i) (i32.const 5)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (i32.store (i32.const 100) (local.get $i))
    (global.get $g)))";

#[derive(Debug, PartialEq)]
struct Seen {
    result: Result<Vec<Val>, TrapCode>,
    left: u64,
    global: Val,
    memory: Vec<u8>,
    /// Function and offset of each frame of the trap.
    frames: Vec<(u32, u32)>,
}

fn see(store: &mut Store, instance: Instance, func: Func, args: &[Val]) -> Seen {
    let (result, frames) = match common::call(store, func, args) {
        Ok(values) => (Ok(values), Vec::new()),
        Err(Error::Trap(trap)) => {
            (Err(trap.code), trap.frames.iter().map(|frame| (frame.func.0, frame.module_offset)).collect())
        }
        Err(other) => panic!("{other}"),
    };
    let Ok(Some(Extern::Global(global))) = instance.export(store, "g") else { panic!("there is a global") };
    let Ok(Some(Extern::Memory(memory))) = instance.export(store, "m") else { panic!("there is a memory") };
    let mut bytes = vec![0; 512];
    memory.read(store, 0, &mut bytes).expect("in bounds");
    let global = global.get(store).expect("a live global");
    Seen { result, left: store.fuel().expect("fuel is on"), global, memory: bytes, frames }
}

#[test]
fn whatever_amount_it_ends_at_a_program_ends_alike_in_all_modes() {
    let engines: Vec<Engine> = MODES.iter().map(|mode| Engine::new(metered(mode)).expect("an engine")).collect();
    let mut total = None;
    for fuel in 0.. {
        let mut expected: Option<Seen> = None;
        for (mode, engine) in MODES.iter().zip(&engines) {
            let mut fixture = Fixture::with_engine(engine, STEPS);
            if mode.name == MIXED {
                tier_up_some(&fixture.module, fuel);
            }
            let func = fixture.func("f");
            fixture.store.set_fuel(fuel).expect("fuel is on");
            let seen = see(&mut fixture.store, fixture.instance, func, &[Val::I32(6)]);
            match &seen.result {
                Ok(_) => assert_eq!(seen.left, 0, "the first amount that suffices is used up"),
                Err(code) => {
                    assert_eq!((*code, seen.left), (TrapCode::OutOfFuel, 0));
                    // With more fuel the store works on.
                    fixture.store.add_fuel(PLENTY).expect("fuel is on");
                    fixture.call("f", &[Val::I32(1)]).expect("there is enough");
                }
            }
            if let Some(expected) = &expected {
                assert_eq!(*expected, seen, "{} with {fuel}", mode.name);
            }
            expected = Some(seen);
        }
        if expected.is_some_and(|seen| seen.result.is_ok()) {
            total = Some(fuel);
            break;
        }
    }
    // Counted by hand: the six turns, what they call, what they copy, and the end.
    assert!(total.is_some_and(|total| total > 6 * 25), "{total:?}");
}

/// What a profile leads to, inlined callees and guesses of targets, takes what the calls took, and runs out where they did.
#[test]
fn code_made_with_a_profile_ends_where_code_without_one_does() {
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        let engine = Engine::new(Config {
            fuel: true,
            tiers: Tiers::Both,
            strategy: Strategy::Lazy,
            baseline,
            // No function leaves the baseline tier by itself.
            tiering: Tiering { policy: TieringPolicy::Custom(1 << 30), ..Tiering::default() },
            code_reservation: 64 << 20,
            ..Config::default()
        })
        .expect("an engine");
        let module = common::compile(&engine, STEPS);
        let ends = || -> Vec<Seen> {
            let end = |fuel| {
                let mut store = Store::new(&engine).expect("a store");
                let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                let func = exported_func(&mut store, instance, "f");
                store.set_fuel(fuel).expect("fuel is on");
                see(&mut store, instance, func, &[Val::I32(6)])
            };
            (0..300).map(end).collect()
        };
        let before = ends();
        assert!(before.iter().any(|seen| seen.result.is_ok()), "some have enough");
        let all: Vec<FuncIndex> = (0..3).map(FuncIndex).collect();
        assert_eq!(module.wait_tiers(&all, Tier::Top, None).expect("the tier exists"), Waited::Done);
        for (fuel, (before, after)) in before.iter().zip(&ends()).enumerate() {
            assert_eq!(before, after, "{baseline:?} with {fuel}");
        }
    }
}

/// Everything that can go on for ever takes fuel.
#[test]
fn nothing_runs_for_ever() {
    let text = "(module (type $f (func)) (table 1 funcref) (elem (i32.const 0) $tail)
      (func (export \"loop\") (loop (br 0)))
      (func (export \"loop-if\") (loop (if (i32.const 1) (then (br 1)))))
      (func (export \"table-loop\") (loop (br_table 0 (i32.const 0))))
      (func (export \"nested\") (loop $outer (loop $inner (br_if $outer (i32.const 1)) (br $inner))))
      (func $tail (return_call_indirect (type $f) (i32.const 0)))
      (func (export \"tail\") (call $tail))
      (func $self (export \"self\") (return_call $self)))";
    for mode in MODES {
        let mut fixture = fixture(mode, text);
        for name in ["loop", "loop-if", "table-loop", "nested", "tail", "self"] {
            fixture.store.set_fuel(100_000).expect("fuel is on");
            assert_eq!(fixture.trap(name, &[]), TrapCode::OutOfFuel, "{}: {name}", mode.name);
            assert_eq!(fixture.store.fuel().expect("fuel is on"), 0);
        }
    }
}

/// A host function sees what is left behind its call, and what it sets counts at once, below as well as above.
#[test]
fn host_functions_read_and_set_the_fuel_of_the_running_call() {
    let text = "(module (import \"\" \"host\" (func $host (param i32))) (memory 1)
      (func $in (drop (i32.const 1)) (call $host (i32.const 1)) (drop (i32.const 1)))
      (func (export \"f\") (call $in) (drop (i32.load (i32.const 0))) (call $host (i32.const 2)) (loop (br 0))))";
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let in_host = seen.clone();
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let callback = Arc::new(move |caller: &mut Caller<'_>, args: &[Val], _: &mut [Val]| {
                in_host.lock().expect("no panic").push(caller.store().fuel()?);
                caller.store().set_fuel(if args[0] == Val::I32(1) { 10 } else { 7 })?;
                Ok(())
            });
            let ty = FuncType::new([updraft::types::ValType::I32], []);
            vec![Extern::Func(Func::new(store, ty, callback).expect("a host function"))]
        });
        if mode.name == MIXED {
            tier_up_some(&fixture.module, 1);
        }
        fixture.store.set_fuel(100).expect("fuel is on");
        assert_eq!(fixture.trap("f", &[]), TrapCode::OutOfFuel, "{}", mode.name);
        // 1 for the call, 3 in front of the host; then 1 of 10, and 4 up to the second one.
        assert_eq!(*seen.lock().expect("no panic"), [96, 5], "{}", mode.name);
    }
}

#[test]
fn start_functions_take_fuel_and_constant_expressions_none() {
    let text = "(module (global i32 (i32.add (i32.const 1) (i32.const 2))) (memory 1) (data (i32.const 0) \"abc\")
      (func $start (drop (i32.const 1))) (start $start))";
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        let module = common::compile(&engine, text);
        let mut store = Store::new(&engine).expect("a store");
        match Instance::new(&mut store, &module, &[]) {
            Err(Error::Trap(trap)) => assert_eq!(trap.code, TrapCode::OutOfFuel),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.add_fuel(5).expect("fuel is on"), 5);
        Instance::new(&mut store, &module, &[]).expect("there is enough");
        assert_eq!(store.fuel().expect("fuel is on"), 4, "{}", mode.name);
    }
}

#[test]
fn without_the_setting_there_is_no_fuel() {
    let mut fixture = Fixture::new(MODES[0], "(module (func (export \"f\") (drop (i32.const 1))))");
    for refused in [fixture.store.set_fuel(1).err(), fixture.store.fuel().err(), fixture.store.add_fuel(1).err()] {
        assert!(matches!(refused, Some(Error::Misuse { .. })), "{refused:?}");
    }
    fixture.call("f", &[]).expect("it takes nothing");
}

/// Real programs: loops in loops, tables of functions, vectors.
#[test]
fn kernels_use_the_same_in_all_modes() {
    let folder: std::path::PathBuf = [env!("CARGO_MANIFEST_DIR"), "bench", "kernels"].iter().collect();
    let modes =
        if proving() { MODES.to_vec() } else { vec![MODES[0], Mode::named("portable"), Mode::named("baseline")] };
    for (name, size) in
        [("sha256", 20), ("json", 4), ("interp", 50), ("vcall", 2000), ("quicksort", 1), ("dot_simd", 30)]
    {
        let wasm = std::fs::read(folder.join(format!("{name}.wasm"))).expect("a kernel");
        let uses = modes.iter().map(|mode| {
            let engine = Engine::new(metered(mode)).expect("an engine");
            let module = CompiledModule::new(&engine, &wasm).expect("a module");
            let mut store = Store::new(&engine).expect("a store");
            store.set_fuel(PLENTY).expect("fuel is on");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let func = exported_func(&mut store, instance, "run");
            let result = common::call(&mut store, func, &[Val::I32(size)]).expect("a checksum");
            (PLENTY - store.fuel().expect("fuel is on"), result)
        });
        let uses: Vec<_> = uses.collect();
        assert!(uses.iter().all(|other| *other == uses[0]), "{name}: {uses:?}");
        assert!(uses[0].0 > 10_000, "{name}: {uses:?}");
    }
}
