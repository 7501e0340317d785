//! Artifacts: modules as bytes and back, in every mode; what is not ours, or damaged, is never run.

mod common;
#[path = "artifact/damage.rs"]
mod damage;
#[path = "artifact/paging.rs"]
mod paging;

use std::sync::Arc;

use common::{Fixture, MODES, Mode, compile, tier_up_some};
use updraft::compile::events::{ALL_EVENTS, Event, EventKind, Scope};
use updraft::compile::source::Origin;
use updraft::config::{Config, Strategy, Target, Tiers, Workers};
use updraft::engine::{CompiledModule, Denied, Engine, ModuleOptions, Restored};
use updraft::error::Error;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::types::FuncIndex;
use updraft::warm::artifact::Rejected;

/// Direct and indirect calls, tail calls, loops, memory, traps at several depths, inlined callees.
const TEXT: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (table 4 4 funcref)
    (elem (i32.const 0) $double $divide $load)
    (data (i32.const 16) "\2a\00\00\00\07\00\00\00")
    (global $seen (mut i32) (i32.const 0))
    (func $double (type $t) (i32.shl (local.get 0) (i32.const 1)))
    (func $divide (type $t) (i32.div_s (i32.const 1000) (local.get 0)))
    (func $load (type $t) (i32.load (local.get 0)))
    (func $deep (type $t)
        (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
        (i32.add (call $divide (local.get 0)) (call $double (call $load (local.get 0)))))
    (func $many (export "many") (param i32) (result i32) (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (call $deep (i32.const 16))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum))
    (func (export "pick") (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 0) (local.get 1)))
    (func (export "deep") (type $t) (call $deep (local.get 0)))
    (func $even (export "even") (type $t)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 1))
            (else (return_call $odd (i32.sub (local.get 0) (i32.const 1))))))
    (func $odd (type $t)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (return_call $even (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "never") (result i32) (unreachable))
    (func (export "float") (param f64) (result f64)
        (f64.add (f64.sqrt (local.get 0)) (f64.const 0.25)))
    (func (export "lost") (param i32) (result i32) (drop (i32.load (i32.const 0x7ffffff0))) (local.get 0)))"#;

fn i32s(values: &[i32]) -> Vec<Val> {
    values.iter().map(|value| Val::I32(*value)).collect()
}

/// What all calls give: values, or the trap with its backtrace.
fn transcript(fixture: &mut Fixture) -> Vec<String> {
    let calls: [(&str, Vec<Val>); 14] = [
        ("many", i32s(&[50])),
        ("pick", i32s(&[21, 0])),
        ("pick", i32s(&[4, 1])),
        ("pick", i32s(&[0, 1])),
        ("pick", i32s(&[65533, 2])),
        ("pick", i32s(&[1, 3])),
        ("pick", i32s(&[1, 9])),
        ("deep", i32s(&[20])),
        ("deep", i32s(&[0])),
        ("deep", i32s(&[-1])),
        ("even", i32s(&[1001])),
        ("never", vec![]),
        ("float", vec![Val::F64(2f64.to_bits())]),
        ("lost", i32s(&[1])),
    ];
    let mut outcome = |(name, args): (&str, Vec<Val>)| match fixture.call(name, &args) {
        Ok(values) => format!("{name}: {values:?}"),
        Err(Error::Trap(trap)) => {
            let frames: Vec<_> = trap.frames.iter().map(|frame| (frame.func.0, frame.module_offset)).collect();
            format!("{name}: {:?} {frames:?}", trap.code)
        }
        Err(error) => panic!("{name}: {error}"),
    };
    calls.into_iter().map(&mut outcome).collect()
}

fn config(mode: Mode) -> Config {
    Config { artifact_key: Some(Arc::from(&b"the key of this test"[..])), ..mode.config() }
}

fn named(mode: &str) -> Config {
    config(Mode::named(mode))
}

fn instance(module: CompiledModule) -> Fixture {
    let mut store = Store::new(module.engine()).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    Fixture { store, module, instance }
}

fn restore(config: Config, bytes: &[u8]) -> Restored {
    let engine = Engine::new(config).unwrap();
    CompiledModule::deserialize_copy(&engine, bytes, &ModuleOptions::default()).unwrap()
}

fn top_functions(module: &CompiledModule) -> Vec<u32> {
    let reached = |func: &u32| module.function(FuncIndex(*func)).unwrap().word.reached() == Some(Tier::Top);
    module.defined_functions().filter(reached).collect()
}

/// An artifact of a module of which all functions have code of the top tier.
fn all_top(config: Config) -> Vec<u8> {
    let module = compile(&Engine::new(config).unwrap(), TEXT);
    let all: Vec<FuncIndex> = module.defined_functions().map(FuncIndex).collect();
    module.wait_tiers(&all, Tier::Top, None).unwrap();
    module.serialize().unwrap()
}

#[test]
fn a_module_comes_back_in_every_mode_and_mix_of_tiers() {
    for mode in MODES {
        for seed in 0..4 {
            let engine = Engine::new(config(*mode)).unwrap();
            let module = compile(&engine, TEXT);
            if engine.config().tiers == Tiers::Both {
                tier_up_some(&module, seed);
            }
            let mut first = instance(module);
            let expected = transcript(&mut first);
            let bytes = first.module.serialize().unwrap();
            let top = top_functions(&first.module);

            let restored = restore(config(*mode), &bytes);
            assert_eq!(restored.rejected, None, "{}", mode.name);
            assert_eq!(restored.module.module().bytes(), first.module.module().bytes());
            let mut second = instance(restored.module);
            assert_eq!(transcript(&mut second), expected, "{} {seed}", mode.name);
            if mode.config().tiers != Tiers::Baseline {
                let has = top_functions(&second.module);
                let called: Vec<u32> = top.iter().filter(|func| !has.contains(func)).copied().collect();
                assert_eq!(second.module.artifact_status().unwrap().damaged, 0);
                // Nothing that was called and had code of the top tier was compiled again.
                assert!(second.module.progress().loaded > 0 || top.is_empty(), "{}: {called:?}", mode.name);
            }
            // And once more, from the module that was loaded.
            let again = second.module.serialize().unwrap();
            let mut third = instance(restore(config(*mode), &again).module);
            assert_eq!(transcript(&mut third), expected, "{} {seed}", mode.name);
        }
    }
}

/// Functions run in the top tier from their first call on, without having been compiled.
#[test]
fn functions_are_loaded_at_their_first_call() {
    for tiers in [Tiers::Both, Tiers::Top] {
        let base = Config { tiers, strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
        let bytes = all_top(base.clone());
        let restored = restore(base, &bytes);
        let module = restored.module.clone();
        let events = module.engine().events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 10);
        let mut fixture = instance(restored.module);
        assert_eq!(module.compiled_count(), 0, "opening publishes nothing");
        fixture.call("even", &[Val::I32(3)]).unwrap();
        let mut all: Vec<Event> = Vec::new();
        events.drain(&mut all, usize::MAX).unwrap();
        let tiered: Vec<&Event> = all.iter().filter(|event| event.kind == EventKind::FunctionTiered).collect();
        let told: Vec<_> = tiered.iter().map(|e| (e.func, e.from_tier, e.to_tier, e.origin)).collect();
        assert_eq!(told, [7, 8].map(|func| (func, None, Some(Tier::Top), Origin::Loaded)));
        let progress = module.progress();
        assert_eq!((progress.loaded, progress.compiled, progress.counts.top), (2, 0, 2));
        // What is left comes in the background.
        while module.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
        let progress = module.progress();
        let count = module.module().defined_func_count();
        assert_eq!((progress.loaded, progress.compiled, progress.counts.top), (count as u64, 0, count));
    }
}

/// What had run without code of the top tier is compiled by the baseline tier in the background.
#[test]
fn functions_that_had_run_are_compiled_ahead() {
    let base = Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let module = compile(&Engine::new(base.clone()).unwrap(), TEXT);
    let mut first = instance(module);
    first.call("deep", &[Val::I32(20)]).unwrap();
    let ran: Vec<u32> = {
        let has = |func: &u32| first.module.function(FuncIndex(*func)).unwrap().word.reached().is_some();
        first.module.defined_functions().filter(has).collect()
    };
    assert!(!ran.is_empty() && ran.len() < 6);
    let module = restore(base, &first.module.serialize().unwrap()).module;
    while module.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
    let reached = |func: &u32| module.function(FuncIndex(*func)).unwrap().word.reached() == Some(Tier::Baseline);
    assert_eq!(module.defined_functions().filter(reached).collect::<Vec<_>>(), ran);
}

#[test]
fn code_of_another_engine_is_not_run() {
    let base = || Config { tiers: Tiers::Both, strategy: Strategy::Lazy, ..named("default") };
    let bytes = all_top(base());
    let cases: [(Rejected, Config); 5] = [
        (Rejected::Key, Config { artifact_key: Some(Arc::from(&b"another"[..])), ..base() }),
        (Rejected::Key, Config { artifact_key: None, ..base() }),
        (Rejected::Settings, Config { interrupts: false, ..base() }),
        (Rejected::Settings, Config { canonicalize_nans: true, ..base() }),
        (Rejected::Features, Config { features: updraft::module::Features(base().features.0 & !(1 << 13)), ..base() }),
    ];
    let expected = transcript(&mut instance(restore(base(), &bytes).module));
    for (why, config) in cases {
        let restored = restore(config, &bytes);
        assert_eq!(restored.rejected, Some(why));
        let mut fixture = instance(restored.module);
        assert_eq!(transcript(&mut fixture), expected);
        assert_eq!(fixture.module.progress().loaded, 0);
    }
    // An artifact for older machines runs on newer ones, not the other way round.
    let old = Config { target: Target::with_features("x86-64-v2"), ..base() };
    assert_eq!(restore(base(), &all_top(old.clone())).rejected, None);
    let has_more = Engine::new(base()).unwrap().identity().cpu != Engine::new(old.clone()).unwrap().identity().cpu;
    assert_eq!(restore(old, &bytes).rejected, has_more.then_some(Rejected::Cpu));
}

/// A module that runs is serialised while its functions move up, are loaded, and are called, all at once.
#[test]
fn everything_at_once() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(2), ..named("default") };
    let mut bytes = compile(&Engine::new(base()).unwrap(), TEXT).serialize().unwrap();
    let engine = Engine::new(base()).unwrap();
    let expected = transcript(&mut instance(compile(&engine, TEXT)));
    for round in 0..if std::env::var_os("UPDRAFT_PROVE").is_some() { 300 } else { 12 } {
        let module = restore(base(), &bytes).module;
        bytes = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(transcript(&mut instance(module.clone())), expected));
            }
            scope.spawn(|| tier_up_some(&module, round));
            let serialized: Vec<Vec<u8>> = (0..3).map(|_| module.serialize().unwrap()).collect();
            for bytes in &serialized[..2] {
                assert_eq!(restore(base(), bytes).rejected, None);
            }
            serialized.into_iter().next_back().unwrap()
        });
    }
}

/// Dropped code is loaded once more; a function that may be compiled again is compiled.
#[test]
fn code_is_loaded_again_after_it_was_dropped() {
    let base = Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let module = restore(base.clone(), &all_top(base)).module;
    let call = |module: &CompiledModule| {
        let mut fixture = instance(module.clone());
        assert_eq!(fixture.call("deep", &[Val::I32(20)]).unwrap(), [Val::I32(64)]);
        let progress = fixture.module.progress();
        (progress.loaded, progress.compiled)
    };
    let (once, compiled) = call(&module);
    assert!(once > 0 && compiled == 0);
    module.clear().unwrap();
    let (twice, compiled) = call(&module);
    assert_eq!((twice, compiled), (2 * once, 0));
    let func = FuncIndex(*top_functions(&module).first().unwrap());
    module.allow_again(Some(func)).unwrap();
    module.wait_tier(func, Tier::Top, None).unwrap();
    while module.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
    module.request_tier(func, Tier::Top, 1).unwrap();
    while module.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
    assert_eq!(module.progress().compiled, 1);
}

/// Functions that the host keeps from the top tier, or that the tier refused, are not loaded.
#[test]
fn denied_and_refused_functions_are_not_loaded() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let bytes = all_top(base());
    let module = restore(base(), &bytes).module;
    module.deny_top(FuncIndex(7), Denied::Yes).unwrap();
    let mut fixture = instance(module.clone());
    assert_eq!(fixture.call("even", &[Val::I32(7)]).unwrap(), [Val::I32(0)]);
    while module.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
    let reached = |func| module.function(FuncIndex(func)).unwrap().word.reached();
    assert_eq!((reached(7), reached(8)), (Some(Tier::Baseline), Some(Tier::Top)));

    let failing = Config { fail_function: Some(7), fail_tiers: Tiers::Top, ..base() };
    let first = compile(&Engine::new(failing.clone()).unwrap(), TEXT);
    assert!(first.wait_tier(FuncIndex(7), Tier::Top, None).is_err());
    let second = restore(failing, &first.serialize().unwrap()).module;
    while second.engine().run_jobs(usize::MAX, None).unwrap() > 0 {}
    assert!(second.function(FuncIndex(7)).unwrap().word.is_refused(Tier::Top));
    let why = second.refusal(FuncIndex(7), Tier::Top).unwrap().to_string();
    assert!(why.contains("has refused it before"), "{why}");
    assert_eq!(instance(second).call("even", &[Val::I32(7)]).unwrap(), [Val::I32(0)]);
}

/// An engine that keeps nothing serialises a module without code.
#[test]
fn an_engine_may_keep_nothing() {
    let base = Config { artifacts: false, strategy: Strategy::Lazy, ..named("default") };
    let bytes = all_top(base.clone());
    let restored = restore(base, &bytes);
    assert_eq!((restored.rejected, restored.module.artifact_status().unwrap().code_bytes), (None, 0));
    let mut fixture = instance(restored.module);
    assert_eq!(fixture.call("deep", &[Val::I32(20)]).unwrap(), [Val::I32(64)]);
}

/// Another process with the same key, and one without it.
#[test]
fn another_process_begins_where_this_one_got_to() {
    const FILE: &str = "UPDRAFT_TEST_ARTIFACT";
    let config = |key: Option<Arc<[u8]>>| Config {
        strategy: Strategy::Lazy,
        workers: Workers::Threads(0),
        artifact_key: key,
        ..Mode::named("default").config()
    };
    let shared = || config(Some(Arc::from(&b"a key of several processes"[..])));
    let expect = |module: CompiledModule, loaded: bool| {
        let mut fixture = instance(module);
        assert_eq!(fixture.call("many", &[Val::I32(50)]).unwrap(), [Val::I32(933_562_432)]);
        let progress = fixture.module.progress();
        assert_eq!((progress.loaded > 0, progress.compiled == 0), (loaded, loaded));
    };
    if let Some(path) = std::env::var_os(FILE) {
        let load = |config: Config| {
            let engine = Engine::new(config).unwrap();
            CompiledModule::deserialize_file(&engine, path.as_ref(), &ModuleOptions::default()).unwrap()
        };
        let restored = load(shared());
        assert_eq!(restored.rejected, None);
        expect(restored.module, true);
        let restored = load(config(None));
        assert_eq!(restored.rejected, Some(Rejected::Key), "the random key is of one process");
        expect(restored.module, false);
        return;
    }
    let path = std::env::temp_dir().join(format!("updraft-process-{}.artifact", std::process::id()));
    std::fs::write(&path, all_top(shared())).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.env(FILE, &path).args(["--exact", "another_process_begins_where_this_one_got_to", "--nocapture"]);
    let output = child.output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    expect(restore(shared(), &all_top(shared())).module, true);
}

/// A host that wants everything at once gets it, and what is kept is not compiled for that.
#[test]
fn an_eager_module_takes_its_code_from_the_artifact() {
    for tiers in [Tiers::Both, Tiers::Top] {
        for strategy in [Strategy::Eager, Strategy::EagerBackground, Strategy::LazyBaselineEagerTop] {
            for workers in [Workers::Threads(0), Workers::Threads(2)] {
                let base = || Config { tiers, strategy, workers: workers.clone(), ..named("default") };
                let expected = transcript(&mut instance(compile(&Engine::new(base()).unwrap(), TEXT)));
                let bytes = all_top(base());
                let engine = Engine::new(base()).unwrap();
                let options = ModuleOptions { strategy: Some(strategy), ..ModuleOptions::default() };
                let restored = CompiledModule::deserialize_copy(&engine, &bytes, &options).unwrap();
                assert_eq!(restored.rejected, None);
                restored.module.wait_finished(None).unwrap();
                let progress = restored.module.progress();
                let count = restored.module.module().defined_func_count();
                assert_eq!((progress.counts.top, progress.loaded as usize), (count, count), "{tiers:?} {strategy:?}");
                // A thread that finds a function's code in the hands of another one may compile it meanwhile.
                if matches!(workers, Workers::Threads(0)) {
                    assert_eq!(progress.compiled, 0, "{tiers:?} {strategy:?}");
                }
                assert_eq!(transcript(&mut instance(restored.module)), expected);
            }
        }
    }
}
