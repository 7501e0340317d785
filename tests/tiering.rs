//! Functions that move to the top tier by themselves: when, on whose thread, and that nothing else changes.
//!
//! Every test runs in each mode: both baseline compilers, with and without signals and AVX, workers or none.

mod common;
#[path = "tiering/second.rs"]
mod second;

use std::sync::{Arc, Barrier};

use common::{Rng, call, compile, exported_func};
use updraft::config::{
    BaselineChoice, Config, MemoryMode, Osr, Strategy, Target, TierUp, Tiering, TieringPolicy, Tiers, Workers,
};
use updraft::engine::{Cancel, CompiledModule, Denied, Engine};
use updraft::error::Error;
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::{FuncIndex, FuncType};

/// All modes: what they are called, and the configuration.
fn modes() -> Vec<(String, Config)> {
    let mut modes = Vec::new();
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        for (name, signals, avx) in [("", true, true), (" signals off", false, true), (" no avx", true, false)] {
            for workers in 0..3 {
                let memory_mode = if signals { MemoryMode::Guarded } else { MemoryMode::Explicit };
                let config = Config {
                    tiers: Tiers::Both,
                    strategy: Strategy::Lazy,
                    baseline,
                    signals,
                    target: if avx { Target::default() } else { Target::with_features("x86-64-v2") },
                    memory_mode,
                    workers: Workers::Threads(workers),
                    code_reservation: 64 << 20,
                    tiering: custom(1000),
                    ..Config::default()
                };
                modes.push((format!("{baseline:?}{name}, {workers} workers"), config));
            }
        }
    }
    modes
}

fn custom(budget: u32) -> Tiering {
    Tiering { policy: TieringPolicy::Custom(budget), osr: Osr::Off, ..Tiering::default() }
}

fn synchronous(config: Config) -> Config {
    Config { tiering: Tiering { tier_up: TierUp::Synchronous, ..config.tiering }, ..config }
}

/// `once` does next to nothing, `sum` has a loop, `fib` calls itself.
const FUNCTIONS: &str = r#"(module
    (func $once (export "once") (result i32) (i32.const 7))
    (func $sum (export "sum") (param i32) (result i32) (local i32)
        (loop (result i32)
            (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (br_if 0 (i32.const 0) (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
            (drop)
            (local.get 1)))
    (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;

const ONCE: FuncIndex = FuncIndex(0);
const SUM: FuncIndex = FuncIndex(1);
const FIB: FuncIndex = FuncIndex(2);

struct World {
    engine: Engine,
    module: CompiledModule,
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: Config) -> World {
        World::of(config, FUNCTIONS)
    }

    fn of(config: Config, text: &str) -> World {
        let engine = Engine::new(config).unwrap();
        let module = compile(&engine, text);
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        World { engine, module, store, instance }
    }

    fn call(&mut self, name: &str, args: &[Val]) -> i32 {
        let func = exported_func(&mut self.store, self.instance, name);
        match call(&mut self.store, func, args).unwrap()[..] {
            [Val::I32(value)] => value,
            ref other => panic!("{other:?}"),
        }
    }

    fn sum(&mut self, count: i32) {
        assert_eq!(self.call("sum", &[Val::I32(count)]), (1..=count).fold(0, i32::wrapping_add));
    }

    /// Has done whatever was asked for.
    fn settle(&mut self) {
        self.engine.run_jobs(usize::MAX, None).unwrap();
        self.module.wait_finished(None).unwrap();
    }

    fn tier(&self, func: FuncIndex) -> Option<Tier> {
        self.module.function_state(func).unwrap().reached()
    }
}

#[test]
fn what_is_hot_moves_up_by_itself_and_what_is_not_does_not() {
    for (name, config) in modes() {
        let mut world = World::new(config);
        assert_eq!(world.call("once", &[]), 7);
        world.sum(1000);
        assert_eq!(world.call("fib", &[Val::I32(12)]), 144);
        world.settle();
        assert_eq!(world.tier(ONCE), Some(Tier::Baseline), "{name}");
        assert_eq!(world.tier(SUM), Some(Tier::Top), "{name}: by the iterations of a single call");
        assert_eq!(world.tier(FIB), Some(Tier::Top), "{name}: by entries");
        world.sum(77);
        assert_eq!(world.call("fib", &[Val::I32(10)]), 55);
        assert_eq!(world.module.progress().compiled, 5, "{name}: nothing was compiled twice");
    }
}

#[test]
fn synchronously_a_function_has_moved_up_before_its_call_returns() {
    for (name, config) in modes() {
        let mut world = World::new(synchronous(config));
        world.sum(2);
        assert_eq!(world.tier(SUM), Some(Tier::Baseline), "{name}");
        world.sum(1000);
        assert_eq!(world.tier(SUM), Some(Tier::Top), "{name}");
    }
}

#[test]
fn without_a_policy_nothing_is_counted_and_nothing_moves() {
    for (name, config) in modes() {
        let tiering = Tiering { policy: TieringPolicy::Off, ..config.tiering };
        let mut world = World::new(Config { tiering, ..config });
        world.sum(100_000);
        world.settle();
        assert_eq!(world.tier(SUM), Some(Tier::Baseline), "{name}");
        assert!(!world.module.function(SUM).unwrap().was_run, "{name}");
    }
}

/// The state says which functions were run.
#[test]
fn functions_that_were_run_are_known() {
    for (name, config) in modes() {
        let mut world = World::new(config);
        world.sum(1);
        let run = [ONCE, SUM, FIB].map(|func| world.module.function(func).unwrap().was_run);
        assert_eq!(run, [false, true, false], "{name}");
    }
}

#[test]
fn a_function_that_the_host_keeps_down_or_that_is_refused_asks_for_nothing() {
    for (name, config) in modes() {
        let refusing = Config { fail_function: Some(SUM.0), fail_tiers: Tiers::Top, ..config };
        let mut world = World::new(refusing);
        world.module.deny_top(FIB, Denied::Yes).unwrap();
        for _ in 0..50 {
            world.sum(1000);
            assert_eq!(world.call("fib", &[Val::I32(12)]), 144);
            world.settle();
        }
        assert_eq!([world.tier(SUM), world.tier(FIB)], [Some(Tier::Baseline); 2], "{name}");
        let state = world.module.function_state(SUM).unwrap();
        assert!(state.is_refused(Tier::Top) && state.attempts() == 1, "{name}: {state:?}");
        assert_eq!(world.module.function_state(FIB).unwrap().attempts(), 0, "{name}");
    }
}

/// Threads with stores and instances of their own run one module.
#[test]
fn several_threads_and_instances_share_the_budgets_of_a_module() {
    for (name, config) in modes() {
        for config in [config.clone(), synchronous(config)] {
            let engine = Engine::new(config).unwrap();
            let module = compile(&engine, FUNCTIONS);
            let barrier = Arc::new(Barrier::new(4));
            let threads = (0..4).map(|thread| {
                let (engine, module, barrier) = (engine.clone(), module.clone(), barrier.clone());
                std::thread::spawn(move || {
                    let mut rng = Rng::new(thread);
                    barrier.wait();
                    for _ in 0..20 {
                        let mut store = Store::new(&engine).unwrap();
                        let instance = Instance::new(&mut store, &module, &[]).unwrap();
                        let (sum, fib) =
                            (exported_func(&mut store, instance, "sum"), exported_func(&mut store, instance, "fib"));
                        let count = rng.below(300) as i32 + 1;
                        let expected = (1..=count).sum::<i32>();
                        assert_eq!(call(&mut store, sum, &[Val::I32(count)]).unwrap(), [Val::I32(expected)]);
                        assert_eq!(call(&mut store, fib, &[Val::I32(9)]).unwrap(), [Val::I32(34)]);
                    }
                })
            });
            threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
            engine.run_jobs(usize::MAX, None).unwrap();
            module.wait_finished(None).unwrap();
            for func in [SUM, FIB] {
                let state = module.function_state(func).unwrap();
                assert_eq!((state.reached(), state.attempts()), (Some(Tier::Top), 1), "{name}");
            }
        }
    }
}

/// A loop that counts, and is not continued elsewhere, ends by an interrupt: before and after its function has moved up.
#[test]
fn a_loop_that_counts_is_interrupted() {
    let text = |body: &str| {
        format!(
            r#"(module (import "" "started" (func $started))
            (func $leaf)
            (func (export "spin") (param i32)
                (loop (br_if 0 (local.get 0)))
                (call $started)
                (loop {body} (br 0))))"#
        )
    };
    // The second one counts its calls, of a function that does not poll.
    let texts = [text(""), text("(call $leaf)")];
    for ((name, config), text) in modes().iter().flat_map(|mode| texts.iter().map(move |text| (mode, text))) {
        for policy in [TieringPolicy::Default, TieringPolicy::Custom(300)] {
            let tiering = Tiering { policy, ..config.tiering };
            let engine = Engine::new(Config { tiering, ..config.clone() }).unwrap();
            let module = compile(&engine, text);
            let mut store = Store::new(&engine).unwrap();
            let handle = store.interrupt_handle();
            let started = Func::new(
                &mut store,
                FuncType::new([], []),
                Arc::new(move |_, _, _| {
                    handle.interrupt();
                    Ok(())
                }),
            )
            .unwrap();
            let instance = Instance::new(&mut store, &module, &[Extern::Func(started)]).unwrap();
            let spin = exported_func(&mut store, instance, "spin");
            for _ in 0..3 {
                match call(&mut store, spin, &[Val::I32(0)]) {
                    Err(Error::Trap(trap)) => assert_eq!(trap.code, TrapCode::Interrupt, "{name}"),
                    other => panic!("{name}: {other:?}"),
                }
                engine.run_jobs(usize::MAX, None).unwrap();
            }
        }
    }
}

/// A trap behind many detours has the frames that it has in any tier.
#[test]
fn traps_of_functions_that_move_up_have_the_same_frames() {
    let text = r#"(module
        (func $inner (param i32) (result i32) (i32.div_u (i32.const 1000) (local.get 0)))
        (func (export "outer") (param i32) (result i32) (local i32)
            (loop
                (local.set 1 (i32.add (local.get 1) (call $inner (local.get 0))))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br 0))
            (unreachable)))"#;
    for (name, config) in modes() {
        for config in [config.clone(), synchronous(config)] {
            let engine = Engine::new(config).unwrap();
            let module = compile(&engine, text);
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let outer = exported_func(&mut store, instance, "outer");
            let mut frames = Vec::new();
            for _ in 0..4 {
                let Err(Error::Trap(trap)) = call(&mut store, outer, &[Val::I32(300)]) else {
                    panic!("{name}: no trap")
                };
                assert_eq!(trap.code, TrapCode::IntegerDivideByZero, "{name}");
                frames.push(trap.frames.iter().map(|frame| (frame.func, frame.func_offset)).collect::<Vec<_>>());
                engine.run_jobs(usize::MAX, None).unwrap();
            }
            assert_eq!(frames[0].len(), 2, "{name}");
            assert!(frames.iter().all(|other| *other == frames[0]), "{name}: {frames:?}");
        }
    }
}

#[test]
fn nothing_is_asked_for_once_the_work_of_the_module_is_cancelled() {
    for (name, config) in modes() {
        let mut world = World::new(config);
        world.module.cancel(Cancel::Always);
        for _ in 0..10 {
            world.sum(10_000);
        }
        world.settle();
        let state = world.module.function_state(SUM).unwrap();
        assert_eq!((state.reached(), state.attempts()), (Some(Tier::Baseline), 0), "{name}");
    }
}

/// Dropping the code of a module makes its functions start again, counts included.
#[test]
fn a_module_whose_code_was_dropped_counts_anew() {
    for (name, config) in modes() {
        let mut world = World::new(synchronous(config));
        for _ in 0..2 {
            world.sum(1000);
            assert_eq!(world.tier(SUM), Some(Tier::Top), "{name}");
            world.store = Store::new(&world.engine).unwrap();
            world.module.clear().unwrap();
            assert_eq!(world.tier(SUM), None, "{name}");
            assert!(!world.module.function(SUM).unwrap().was_run, "{name}");
            world.instance = Instance::new(&mut world.store, &world.module, &[]).unwrap();
        }
    }
}

/// The default of an engine: both tiers, the baseline before the first call, and what is hot moves up.
#[test]
fn by_default_a_hot_function_moves_up() {
    let mut world = World::new(Config::default());
    assert_eq!(world.tier(SUM), Some(Tier::Baseline), "before the first call");
    for _ in 0..3 {
        world.sum(2_000_000);
    }
    world.settle();
    assert_eq!([world.tier(ONCE), world.tier(SUM)], [Some(Tier::Baseline), Some(Tier::Top)]);
}
