//! What is compiled for loops, when and how often; how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use updraft::config::{Config, Osr, Strategy, TierUp, Tiering, TieringPolicy, Tiers, Workers};
use updraft::engine::{Cancel, Engine, OsrCounts};
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::{FuncIndex, FuncType, ValType};

use crate::common::{Fixture, call, compile, exported_func};
use crate::{TWO_LOOPS, entered, forced, modes, references};

/// What cannot be compiled is not asked for again, and nothing else changes.
#[test]
fn a_refusal_is_for_good() {
    let expected = Fixture::with_config(references()[1].clone(), TWO_LOOPS).call("f", &[Val::I32(100)]).unwrap();
    for (mode, config) in modes(forced(1)) {
        let config = Config { fail_function: Some(0), fail_tiers: Tiers::Top, ..config };
        let mut fixture = Fixture::with_config(config, TWO_LOOPS);
        for _ in 0..3 {
            assert_eq!(fixture.call("f", &[Val::I32(100)]).unwrap(), expected, "{mode}");
        }
        let counts = entered(&fixture.module);
        assert_eq!(counts, OsrCounts { refused: 2, ..OsrCounts::default() }, "{mode}");
        assert_eq!(fixture.module.progress().units, 0, "{mode}");
    }
}

/// Code of a cleared module is gone; the loops ask again.
#[test]
fn clearing_a_module_drops_what_its_loops_had() {
    for (mode, config) in modes(forced(1)) {
        let engine = Engine::new(config).unwrap();
        let module = compile(&engine, TWO_LOOPS);
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let func = exported_func(&mut store, instance, "f");
            call(&mut store, func, &[Val::I32(100)]).unwrap();
            let counts = entered(&module);
            assert_eq!((counts.ready, counts.entered_sites, counts.claimed), (1, 1, 0), "{mode}: {counts:?}");
            assert!(counts.code_size > 0);
            sizes.push(module.progress().code_size);
            drop(store);
            module.clear().unwrap();
            assert_eq!(entered(&module), OsrCounts::default(), "{mode}");
        }
        assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]), "{mode}: {sizes:?}");
    }
}

/// As configured for use: budgets, a worker or none, and a loop that never comes back before it was moved.
#[test]
fn a_loop_that_runs_goes_on_in_the_top_tier() {
    let text = r#"(module (import "" "more" (func $more (result i32)))
        (func (export "f") (result i32) (local $i i32)
          (loop $l
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (call $more)))
          (local.get $i)))"#;
    for tier_up in [TierUp::Background, TierUp::Synchronous] {
        let tiering = Tiering { policy: TieringPolicy::Custom(1000), tier_up, osr: Osr::On, seed: None };
        for (mode, config) in modes(tiering) {
            for workers in [0, 1] {
                let config = Config { strategy: Strategy::Lazy, workers: Workers::Threads(workers), ..config.clone() };
                let engine = Engine::new(config).unwrap();
                let module = compile(&engine, text);
                let mut store = Store::new(&engine).unwrap();
                let calls = Arc::new(AtomicU32::new(0));
                let (seen, counted) = (module.clone(), calls.clone());
                let callback = Arc::new(move |_: &mut Caller<'_>, _: &[Val], results: &mut [Val]| {
                    // The host compiles, where there is no worker.
                    if counted.fetch_add(1, Relaxed) % 1000 == 0 {
                        seen.engine().run_jobs(usize::MAX, None)?;
                    }
                    results[0] = Val::I32(i32::from(entered(&seen).entered == 0));
                    Ok(())
                });
                let more = Func::new(&mut store, FuncType::new([], [ValType::I32]), callback).unwrap();
                let instance = Instance::new(&mut store, &module, &[Extern::Func(more)]).unwrap();
                let func = exported_func(&mut store, instance, "f");
                let results = call(&mut store, func, &[]).unwrap();
                assert_eq!(results, [Val::I32(calls.load(Relaxed) as i32)], "{mode}, {workers}");
                let counts = entered(&module);
                assert_eq!((counts.entered, counts.ready, counts.refused), (1, 1, 0), "{mode}, {workers}: {counts:?}");
                // The function itself may come after its loop, which asked with a higher priority.
                module.wait_finished(None).unwrap();
                let state = module.function(FuncIndex(1)).unwrap();
                assert_eq!((state.osr, state.word.reached()), (counts, Some(Tier::Top)), "{mode}, {workers}");
            }
        }
    }
}

/// A cancelled module compiles nothing more for its loops; the counts end at zero.
#[test]
fn a_cancelled_module_gives_its_claims_back() {
    let tiering = Tiering { policy: TieringPolicy::Custom(1), osr: Osr::On, ..Tiering::default() };
    for (mode, config) in modes(tiering) {
        let config = Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..config };
        let mut fixture = Fixture::with_config(config, TWO_LOOPS);
        fixture.call("f", &[Val::I32(10_000)]).unwrap();
        let counts = entered(&fixture.module);
        assert!(counts.claimed > 0 && counts.entered == 0, "{mode}: {counts:?}");
        fixture.module.cancel(Cancel::Always);
        let counts = entered(&fixture.module);
        assert_eq!((counts, fixture.module.progress().units), (OsrCounts::default(), 0), "{mode}");
        fixture.call("f", &[Val::I32(10_000)]).unwrap();
        assert_eq!(entered(&fixture.module), OsrCounts::default(), "{mode}");
    }
}

/// Off is off.
#[test]
fn loops_stay_where_it_is_off() {
    for (mode, config) in modes(Tiering { policy: TieringPolicy::Custom(1), osr: Osr::Off, ..Tiering::default() }) {
        let config = Config { tiering: Tiering { tier_up: TierUp::Synchronous, ..config.tiering }, ..config };
        let mut fixture = Fixture::with_config(config, TWO_LOOPS);
        fixture.call("f", &[Val::I32(10_000)]).unwrap();
        assert_eq!(entered(&fixture.module), OsrCounts::default(), "{mode}");
    }
}

/// A function whose loops are entered one by one has code for so many of them; the others stay where they are.
#[test]
fn bodies_of_a_function_are_bounded() {
    let count = 24;
    let targets: String = (0..count).map(|n| format!("{n} ")).collect();
    let mut text = format!("(br_table {targets} (local.get $which))");
    for n in 0..count {
        let leave = count - n - 1;
        text = format!(
            "(block {text})
             (loop (local.set $s (i32.add (local.get $s) (i32.const {})))
               (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
             (br {leave})",
            n + 1
        );
    }
    let text = format!(
        "(module (func (export \"f\") (param $which i32) (result i32) (local $s i32) (local $i i32)
           (block {text}) (local.get $s)))"
    );
    for (mode, config) in modes(forced(1)) {
        let mut fixture = Fixture::with_config(config, &text);
        for which in (0..count).chain(0..count) {
            assert_eq!(fixture.call("f", &[Val::I32(which)]).unwrap(), [Val::I32(5 * (which + 1))], "{mode}");
        }
        let counts = entered(&fixture.module);
        assert_eq!((counts.ready, counts.entered_sites, counts.refused, counts.claimed), (16, 16, 0, 0), "{mode}");
        assert_eq!(counts.entered, 32, "{mode}");
    }
}

/// Threads that run the same loops at the same time: each loop is compiled once, and every result is right.
#[test]
fn threads_share_what_was_compiled() {
    const THREADS: usize = 6;
    for (mode, config) in modes(forced(2)) {
        for tiering in [config.tiering, Tiering { policy: TieringPolicy::Custom(50), ..Tiering::default() }] {
            let config = Config { tiering, workers: Workers::Threads(2), ..config.clone() };
            let engine = Engine::new(config).unwrap();
            let module = compile(&engine, TWO_LOOPS);
            let expected =
                Fixture::with_config(references()[1].clone(), TWO_LOOPS).call("f", &[Val::I32(5000)]).unwrap();
            let barrier = std::sync::Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        let mut store = Store::new(&engine).unwrap();
                        let instance = Instance::new(&mut store, &module, &[]).unwrap();
                        let func = exported_func(&mut store, instance, "f");
                        barrier.wait();
                        for _ in 0..20 {
                            assert_eq!(call(&mut store, func, &[Val::I32(5000)]).unwrap(), expected, "{mode}");
                        }
                    });
                }
            });
            module.wait_finished(None).unwrap();
            while !engine.is_idle() {
                engine.run_jobs(usize::MAX, None).unwrap();
                std::thread::yield_now();
            }
            let (counts, progress) = (entered(&module), module.progress());
            assert_eq!((counts.claimed, counts.refused, progress.units), (0, 0, 0), "{mode}: {counts:?}");
            let top = progress.counts.top as u64;
            assert_eq!(progress.compiled, 1 + top + counts.ready as u64, "{mode}: {counts:?}, {progress:?}");
            assert!(counts.ready > 0, "{mode}: {counts:?}");
        }
    }
}
