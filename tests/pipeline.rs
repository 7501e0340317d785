//! The compilation pipeline as hosts see it: strategies, tiers, jobs, many threads and instances, loads and unloads.

mod common;

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Rng, alone, call, compile, exported_func, footprint, proving};
use updraft::config::{Config, LazyBatch, Strategy, Tiering, TieringPolicy, Tiers, Workers};
use updraft::engine::{Cancel, CompiledModule, Denied, Engine, Job, JobState, ModuleOptions, Waited};
use updraft::error::Error;
use updraft::module::SharedBytes;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::FuncIndex;

const STRATEGIES: [Strategy; 4] =
    [Strategy::Lazy, Strategy::Eager, Strategy::EagerBackground, Strategy::LazyBaselineEagerTop];
const TIERS: [Tiers; 3] = [Tiers::Top, Tiers::Baseline, Tiers::Both];

fn config(tiers: Tiers, strategy: Strategy) -> Config {
    // Nothing moves up but what a test asks for.
    let tiering = Tiering { policy: TieringPolicy::Off, ..Tiering::default() };
    Config { tiers, strategy, tiering, code_reservation: 64 << 20, ..Config::default() }
}

/// `f<i>` returns i + 1 after a few calls of others; all are in a table as well.
fn functions(count: usize) -> String {
    let mut text = format!("(module (type $t (func (result i32))) (table (export \"table\") {count} funcref)");
    text.push_str("(elem (i32.const 0)");
    (0..count).for_each(|i| text.push_str(&format!(" $f{i}")));
    text.push(')');
    for i in 0..count {
        let body = match i % 10 {
            0 => format!("(i32.const {})", i + 1),
            3 => format!("(i32.add (call_indirect (type $t) (i32.const {})) (i32.const 1))", i - 1),
            _ => format!("(i32.add (call $f{}) (i32.const 1))", i - 1),
        };
        text.push_str(&format!("(func $f{i} (export \"f{i}\") (type $t) {body})"));
    }
    text.push(')');
    text
}

fn check(store: &mut Store, instance: Instance, func: usize) {
    let handle = exported_func(store, instance, &format!("f{func}"));
    assert_eq!(call(store, handle, &[]).unwrap(), [Val::I32(func as i32 + 1)], "f{func}");
}

fn total(module: &CompiledModule) -> usize {
    let counts = module.progress().counts;
    counts.baseline + counts.top
}

#[test]
fn strategies_and_tiers_do_not_change_results() {
    for tiers in TIERS {
        for strategy in STRATEGIES {
            let engine = Engine::new(config(tiers, strategy)).unwrap();
            let module = compile(&engine, &functions(60));
            if strategy == Strategy::Eager {
                assert_eq!(total(&module), 60, "{tiers:?}");
            }
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            for func in 0..60 {
                check(&mut store, instance, func);
            }
            assert_eq!(module.wait_finished(None).unwrap(), Waited::Done);
            let progress = module.progress();
            assert_eq!((progress.outstanding_first, progress.outstanding_top), (0, 0), "{tiers:?} {strategy:?}");
            let counts = progress.counts;
            match (tiers, strategy) {
                (Tiers::Top, _) => assert_eq!((counts.baseline, counts.top), (0, 60)),
                (Tiers::Both, Strategy::LazyBaselineEagerTop) => assert_eq!((counts.baseline, counts.top), (0, 60)),
                _ => assert_eq!((counts.baseline, counts.top), (60, 0), "{tiers:?} {strategy:?}"),
            }
        }
    }
}

#[test]
fn modules_and_functions_may_have_a_strategy_of_their_own() {
    let engine = Engine::new(config(Tiers::Both, Strategy::Eager)).unwrap();
    let bytes = wat::parse_str(functions(20)).unwrap();
    let options = |strategy, overrides: &[(u32, Strategy)]| ModuleOptions {
        strategy,
        overrides: overrides.iter().map(|(func, strategy)| (FuncIndex(*func), *strategy)).collect(),
        ..ModuleOptions::default()
    };
    let make = |options| CompiledModule::with_options(&engine, &bytes, &options).unwrap();
    assert_eq!(total(&make(options(None, &[]))), 20);
    assert_eq!(total(&make(options(Some(Strategy::Lazy), &[]))), 0);
    let module = make(options(None, &[(3, Strategy::Lazy), (7, Strategy::Lazy)]));
    assert_eq!(total(&module), 18);
    assert_eq!(module.function_state(FuncIndex(3)).unwrap().reached(), None);
    let module = make(options(Some(Strategy::Lazy), &[(3, Strategy::Eager)]));
    module.wait_ready(None).unwrap();
    assert_eq!((total(&module), module.function_state(FuncIndex(3)).unwrap().reached()), (1, Some(Tier::Baseline)));
    let wrong = CompiledModule::with_options(&engine, &bytes, &options(None, &[(99, Strategy::Lazy)]));
    assert!(matches!(wrong, Err(Error::Misuse { .. })));
}

/// Two threads with three instances each, at once, on a module of which nothing is compiled.
#[test]
fn threads_and_instances_share_what_is_compiled() {
    const FUNCTIONS: usize = 5000;
    let count = if proving() { FUNCTIONS } else { 1000 };
    let text = functions(count);
    for (tiers, strategy) in [(Tiers::Both, Strategy::Lazy), (Tiers::Both, Strategy::LazyBaselineEagerTop)] {
        let engine = Engine::new(config(tiers, strategy)).unwrap();
        let module = compile(&engine, &text);
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (module, engine, barrier) = (&module, &engine, &barrier);
                scope.spawn(move || {
                    let mut store = Store::new(engine).unwrap();
                    let instances = [(); 3].map(|()| Instance::new(&mut store, module, &[]).unwrap());
                    barrier.wait();
                    for i in 0..count {
                        let func = if thread == 0 { i } else { count - 1 - i };
                        check(&mut store, instances[i % 3], func);
                    }
                });
            }
        });
        module.wait_finished(None).unwrap();
        let progress = module.progress();
        let top = if strategy == Strategy::Lazy { 0 } else { count };
        assert_eq!(total(&module), count);
        assert_eq!(progress.counts.top, top);
        assert!(progress.compiled <= (count + top) as u64, "each function once per tier: {progress:?}");
        assert!(progress.compiled >= count as u64);
        // A later instance starts with everything.
        let before = module.progress().compiled;
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        (0..count).for_each(|func| check(&mut store, instance, func));
        assert_eq!(module.progress().compiled, before);
    }
}

/// Calls into functions of another module that are not compiled yet, and back through its table, from two threads.
#[test]
fn modules_import_each_others_functions_before_they_are_compiled() {
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    let library = compile(&engine, &functions(40));
    let imports: String = (0..40).map(|i| format!("(import \"\" \"f{i}\" (func $i{i} (type $t)))")).collect();
    let calls: String = (0..40)
        .map(|i| {
            format!(
                "(func (export \"f{i}\") (type $t) (i32.sub (i32.add (call $i{i})
                   (call_indirect (type $t) (i32.const {i}))) (call $i{i})))"
            )
        })
        .collect();
    let table = "(import \"\" \"table\" (table 40 funcref))";
    let user = compile(&engine, &format!("(module (type $t (func (result i32))) {imports} {table} {calls})"));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (engine, library, user) = (&engine, &library, &user);
            scope.spawn(move || {
                let mut store = Store::new(engine).unwrap();
                let provider = Instance::new(&mut store, library, &[]).unwrap();
                let mut externs: Vec<Extern> =
                    (0..40).map(|i| provider.export(&mut store, &format!("f{i}")).unwrap().unwrap()).collect();
                externs.push(provider.export(&mut store, "table").unwrap().unwrap());
                let instance = Instance::new(&mut store, user, &externs).unwrap();
                for i in 0..40 {
                    let func = if thread == 0 { i } else { 39 - i };
                    check(&mut store, instance, func);
                }
                library.tier_up_all().unwrap();
                user.tier_up_all().unwrap();
                for module in [library, user] {
                    assert_eq!(module.wait_finished(None).unwrap(), Waited::Done);
                }
                (0..40).for_each(|func| check(&mut store, instance, func));
            });
        }
    });
    for module in [&library, &user] {
        let progress = module.progress();
        assert_eq!((progress.counts.top, progress.compiled), (40, 80), "each function once per tier");
    }
}

/// A reference is to a function, whatever code it has: tables are never rewritten.
#[test]
fn references_put_into_tables_before_and_after_a_tier_change_lead_to_the_same_function() {
    let text = "(module (table (export \"table\") 4 funcref) (type $t (func (result i32)))
        (elem declare func $f)
        (global $n (mut i32) (i32.const 0))
        (func $f (export \"f\") (type $t) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
        (func (export \"put\") (param i32) (table.set (local.get 0) (ref.func $f)))
        (func (export \"through\") (param i32) (result i32) (call_indirect (type $t) (local.get 0))))";
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    let module = compile(&engine, text);
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut run = |name: &str, args: &[Val]| {
        let func = exported_func(&mut store, instance, name);
        call(&mut store, func, args).unwrap().first().copied()
    };
    run("put", &[Val::I32(0)]);
    assert_eq!(run("through", &[Val::I32(0)]), Some(Val::I32(1)));
    run("put", &[Val::I32(1)]);
    assert_eq!(module.wait_tier(FuncIndex(0), Tier::Top, None).unwrap(), Waited::Done);
    run("put", &[Val::I32(2)]);
    for (index, expected) in [(0, 2), (1, 3), (2, 4)] {
        assert_eq!(run("through", &[Val::I32(index)]), Some(Val::I32(expected)));
    }
    assert_eq!(run("f", &[]), Some(Val::I32(5)));
}

#[test]
fn tiers_can_be_asked_for_waited_for_and_denied() {
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    let module = compile(&engine, &functions(10));
    let reached = |func| module.function_state(FuncIndex(func)).unwrap().reached();
    assert_eq!(module.wait_tier(FuncIndex(2), Tier::Baseline, None).unwrap(), Waited::Done);
    assert_eq!(reached(2), Some(Tier::Baseline));
    module.deny_top(FuncIndex(4), Denied::Yes).unwrap();
    assert!(!module.request_tier(FuncIndex(4), Tier::Top, 9).unwrap());
    assert!(module.wait_tier(FuncIndex(4), Tier::Top, None).is_err());
    module.tier_up_all().unwrap();
    assert_eq!(module.wait_finished(None).unwrap(), Waited::Done);
    assert_eq!((module.progress().counts.top, reached(4)), (9, None));
    module.deny_top(FuncIndex(4), Denied::No).unwrap();
    assert_eq!(module.wait_tier(FuncIndex(4), Tier::Top, None).unwrap(), Waited::Done);
    assert!(matches!(module.wait_tier(FuncIndex(10), Tier::Top, None), Err(Error::Misuse { .. })));
    let top_only = Engine::new(config(Tiers::Top, Strategy::Lazy)).unwrap();
    assert!(compile(&top_only, &functions(1)).deny_top(FuncIndex(0), Denied::Yes).is_err());
}

/// Bytes of the host's that count their release.
struct Held(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

fn held(text: &str, released: &Arc<AtomicUsize>) -> SharedBytes {
    Arc::new(Held(wat::parse_str(text).unwrap(), released.clone()))
}

#[test]
fn jobs_are_polled_waited_for_and_cancelled() {
    for workers in [0, 1, 3] {
        for strategy in STRATEGIES {
            let config = Config { workers: Workers::Threads(workers), ..config(Tiers::Both, strategy) };
            let engine = Engine::new(config).unwrap();
            let released = Arc::new(AtomicUsize::new(0));
            let start = || Job::start(&engine, held(&functions(50), &released), ModuleOptions::default());
            // Waited for.
            let job = start();
            let module = job.wait(None).unwrap().unwrap();
            assert_eq!((job.state(), module.id()), (JobState::Done, job.id()));
            if strategy == Strategy::Eager {
                assert_eq!(total(&module), 50);
            }
            // Polled, while the host lends a thread or the workers do it.
            let job = start();
            let module = loop {
                if let Some(result) = job.result() {
                    break result.unwrap();
                }
                if engine.run_jobs(1, None).unwrap() == 0 {
                    std::thread::yield_now();
                }
            };
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            check(&mut store, instance, 29);
            drop((module, store));
            // Cancelled at any time.
            let job = start();
            engine.run_jobs(20, None).unwrap();
            if job.cancel() {
                assert!(matches!(job.result(), Some(Err(Error::Cancelled))));
                assert!(matches!(job.wait(None), Some(Err(Error::Cancelled))));
            } else {
                assert!(job.result().unwrap().is_ok());
            }
            drop(job);
            // Given up.
            drop(start());
            while !engine.is_idle() {
                engine.run_jobs(usize::MAX, None).unwrap();
            }
        }
    }
}

/// Whatever thread meets it, at whatever time: the lowest invalid function.
#[test]
fn an_invalid_module_gives_the_same_error_however_it_is_loaded() {
    let mut text = functions(3000);
    let good = wat::parse_str(&text).unwrap();
    text.insert_str(text.len() - 1, "(func (result i32)) (func (result i64) (i32.const 1)) (func (drop))");
    let bad = wat::parse_str(&text).unwrap();
    let expected = {
        let engine = Engine::new(Config { compile_threads: 1, ..config(Tiers::Top, Strategy::Eager) }).unwrap();
        CompiledModule::new(&engine, &bad).err().unwrap().to_string()
    };
    for strategy in STRATEGIES {
        for threads in [1, 2, 5] {
            let config = Config { compile_threads: threads, ..config(Tiers::Both, strategy) };
            let engine = Engine::new(config).unwrap();
            assert_eq!(CompiledModule::new(&engine, &bad).err().unwrap().to_string(), expected);
            let job = Job::start(&engine, Arc::new(bad.clone()), ModuleOptions::default());
            assert_eq!(job.wait(None).unwrap().err().unwrap().to_string(), expected);
            assert_eq!(job.result().unwrap().err().unwrap().to_string(), expected);
        }
    }
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    assert!(CompiledModule::new(&engine, &good).is_ok());
}

#[test]
fn waits_have_deadlines() {
    let engine =
        Engine::new(Config { workers: Workers::Threads(0), ..config(Tiers::Both, Strategy::EagerBackground) }).unwrap();
    let module = compile(&engine, &functions(10));
    assert_eq!(module.wait_ready(Some(Instant::now())).unwrap(), Waited::TimedOut);
    assert_eq!(engine.run_jobs(usize::MAX, Some(Instant::now())).unwrap(), 0);
    assert_eq!(engine.run_jobs(4, None).unwrap(), 4);
    assert_eq!(module.wait_ready(Some(Instant::now() + Duration::from_secs(3600))).unwrap(), Waited::Done);
    assert_eq!(total(&module), 10);
}

/// With no workers and one seed, the same happens every time; with another seed, something else.
#[test]
fn a_host_that_drives_compilation_itself_gets_the_same_order_every_time() {
    let order = |seed: Option<u64>| {
        let config = Config {
            workers: Workers::Threads(0),
            schedule_seed: seed,
            ..config(Tiers::Both, Strategy::EagerBackground)
        };
        let engine = Engine::new(config).unwrap();
        let module = compile(&engine, &functions(20));
        let mut order = Vec::new();
        while engine.run_jobs(1, None).unwrap() > 0 {
            let next = (0..20).find(|func| {
                !order.contains(func) && module.function_state(FuncIndex(*func)).unwrap().reached().is_some()
            });
            order.extend(next);
        }
        assert_eq!(order.len(), 20);
        order
    };
    assert_eq!(order(None), order(None));
    assert_eq!(order(Some(7)), order(Some(7)));
    assert!((1..9).any(|seed| order(Some(seed)) != order(Some(seed + 1))));
}

#[test]
fn a_host_may_lend_a_thread_pool() {
    let tasks = Arc::new(AtomicUsize::new(0));
    let counted = tasks.clone();
    let executor = Arc::new(move |task: updraft::compile::pool::Task| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::Builder::new().stack_size(8 << 20).spawn(move || task.run()).unwrap();
    });
    let config =
        Config { workers: Workers::Executor(2, executor), ..config(Tiers::Both, Strategy::LazyBaselineEagerTop) };
    let engine = Engine::new(config).unwrap();
    let module = compile(&engine, &functions(100));
    assert_eq!(module.wait_finished(None).unwrap(), Waited::Done);
    assert_eq!(module.progress().counts.top, 100);
    assert!(tasks.load(Ordering::Relaxed) > 0);
    assert!(engine.shutdown(None));
}

#[test]
fn clear_drops_the_code_of_a_quiet_module_and_keeps_it_usable() {
    for (tiers, strategy) in [(Tiers::Top, Strategy::Eager), (Tiers::Both, Strategy::Lazy)] {
        let engine = Engine::new(config(tiers, strategy)).unwrap();
        let module = compile(&engine, &functions(30));
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        check(&mut store, instance, 29);
        let size = module.code_size();
        assert!(size > 0);
        assert!(matches!(module.clear(), Err(Error::Busy { .. })), "an instance may run");
        drop(store);
        assert_eq!(engine.clear(), 1);
        assert_eq!((module.code_size(), total(&module)), (0, 0));
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        check(&mut store, instance, 27);
        // The optimising tier may inline callees.
        let expected = if tiers == Tiers::Top { 3..=8 } else { 8..=8 };
        assert!(expected.contains(&total(&module)), "what is called is compiled again, and no more");
        module.tier_up_all().unwrap();
        module.wait_finished(None).unwrap();
        check(&mut store, instance, 29);
    }
}

#[test]
fn estimates_hold_within_a_factor_of_four() {
    for tiers in TIERS {
        let engine = Engine::new(config(tiers, Strategy::Eager)).unwrap();
        let bytes = wat::parse_str(functions(500)).unwrap();
        let module = CompiledModule::new(&engine, &bytes).unwrap();
        let (functions, estimate) = engine.estimate(&bytes).unwrap();
        assert_eq!(functions, 500);
        let (expected, found) = (estimate.total(), module.memory_use());
        assert!(expected < 4 * found && found < 4 * expected, "{tiers:?}: {estimate:?}, in use {found}");
    }
}

#[test]
fn batches_of_lazy_compilation_do_not_change_results() {
    let batch = Some(LazyBatch { functions: 20, bytes: 1 << 16 });
    let engine = Engine::new(Config { lazy_batch: batch, ..config(Tiers::Both, Strategy::Lazy) }).unwrap();
    let module = compile(&engine, &functions(100));
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    check(&mut store, instance, 69);
    assert_eq!(total(&module), 10, "the function and the nine that it reaches");
    (0..100).for_each(|func| check(&mut store, instance, func));
    assert_eq!(module.progress().compiled, 100);
}

/// Loads, compiles, cancels and unloads; memory, threads, descriptors and mappings stay as they were.
#[test]
fn loading_and_unloading_leaves_nothing_behind() {
    if !alone("loading_and_unloading_leaves_nothing_behind") {
        return;
    }
    let cycles = if proving() { 100_000 } else { 600 };
    let engine = Engine::new(Config { workers: Workers::Threads(2), ..config(Tiers::Both, Strategy::Lazy) }).unwrap();
    let bytes: SharedBytes = Arc::new(wat::parse_str(functions(30)).unwrap());
    let mut rng = Rng::new(5);
    let mut cycle = || {
        let options = ModuleOptions { strategy: Some(*rng.pick(&STRATEGIES)), ..ModuleOptions::default() };
        let job = Job::start(&engine, bytes.clone(), options);
        for _ in 0..rng.below(3) {
            engine.run_jobs(rng.below(4), None).unwrap();
        }
        if rng.below(2) == 0 {
            job.cancel();
        }
        if let Some(Ok(module)) = job.wait(None) {
            if rng.below(2) == 0 {
                module.tier_up_all().unwrap();
            }
            if rng.below(3) == 0 {
                module.cancel(Cancel::Always);
            }
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            check(&mut store, instance, rng.below(30));
        }
    };
    (0..cycles / 6).for_each(|_| cycle());
    let count = |folder: &str| std::fs::read_dir(folder).expect("procfs").count();
    let before = (footprint(), count("/proc/self/task"), count("/proc/self/fd"));
    (0..cycles).for_each(|_| cycle());
    while !engine.is_idle() {
        engine.run_jobs(usize::MAX, None).unwrap();
    }
    let after = (footprint(), count("/proc/self/task"), count("/proc/self/fd"));
    assert_eq!((before.1, before.2), (after.1, after.2), "threads and descriptors");
    assert!(after.0.mappings <= before.0.mappings + 8, "{before:?} {after:?}");
    assert!(after.0.resident <= before.0.resident + (8 << 20), "{before:?} {after:?}");
}

/// Bytes that the host holds are read in place, and let go with the last that may need them.
#[test]
fn bytes_of_the_host_are_released_once_and_not_before_the_module_is_gone() {
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    let released = Arc::new(AtomicUsize::new(0));
    let bytes = held(&functions(20), &released);
    let address = (*bytes).as_ref().as_ptr();
    let job = Job::start(&engine, bytes, ModuleOptions::default());
    let module = job.wait(None).unwrap().unwrap();
    assert_eq!(module.module().bytes().as_ptr(), address, "not copied");
    drop(job);
    module.tier_up_all().unwrap();
    module.wait_finished(None).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    check(&mut store, instance, 19);
    drop(module);
    assert_eq!(released.load(Ordering::Relaxed), 0, "the instance may compile more");
    drop(store);
    while !engine.is_idle() {
        std::thread::yield_now();
    }
    assert_eq!(released.load(Ordering::Relaxed), 1);
    // A job that fails lets them go as well, and so does one that is given up.
    let invalid = Arc::new(Held(b"\0asm\x01\0\0\0\xff".to_vec(), released.clone()));
    assert!(Job::start(&engine, invalid, ModuleOptions::default()).wait(None).unwrap().is_err());
    assert_eq!(released.load(Ordering::Relaxed), 2);
}

/// Code that runs never waits for a publication, however much is published meanwhile.
#[test]
fn running_code_does_not_wait_while_others_publish() {
    let engine = Engine::new(config(Tiers::Both, Strategy::LazyBaselineEagerTop)).unwrap();
    let module = compile(&engine, &functions(400));
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    while !module.compilation().is_finished() {
        check(&mut store, instance, 399);
    }
    let progress = module.progress();
    assert_eq!((progress.publication_waits, progress.counts.top), (0, 400));
}

/// Engines whose handles go while their workers are busy end all by themselves, jobs and all.
#[test]
fn engines_may_go_while_their_jobs_run() {
    if !alone("engines_may_go_while_their_jobs_run") {
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").expect("procfs").count();
    let bytes: SharedBytes = Arc::new(wat::parse_str(functions(200)).unwrap());
    let before = threads();
    for round in 0..if proving() { 2000 } else { 60 } {
        let config = Config { workers: Workers::Threads(1 + round % 3), ..config(Tiers::Both, Strategy::Eager) };
        let engine = Engine::new(config).unwrap();
        let job = Job::start(&engine, bytes.clone(), ModuleOptions::default());
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        drop(engine);
        if round % 4 == 0 {
            job.cancel();
        }
        drop(job);
    }
    // The last of them may still be about to end.
    while threads() > before {
        std::thread::yield_now();
    }
}

/// New code again and again, under threads that run the old: results and traps stay what they are.
#[test]
fn code_is_replaced_under_running_threads() {
    let engine = Engine::new(config(Tiers::Both, Strategy::Lazy)).unwrap();
    let count = 30;
    let module = compile(&engine, &functions(count));
    let rounds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (engine, module, rounds) = (&engine, &module, &rounds);
            scope.spawn(move || {
                let mut store = Store::new(engine).unwrap();
                let instance = Instance::new(&mut store, module, &[]).unwrap();
                let mut rng = Rng::new(thread);
                while rounds.load(Ordering::Relaxed) < 10 {
                    check(&mut store, instance, rng.below(count));
                }
            });
        }
        for round in 1..=10 {
            module.allow_again(None).unwrap();
            module.tier_up_all().unwrap();
            while !engine.is_idle() {
                std::thread::yield_now();
            }
            rounds.store(round, Ordering::Relaxed);
        }
    });
    let attempts = |func| module.function_state(FuncIndex(func)).unwrap().attempts();
    assert!((0..count as u32).all(|func| attempts(func) == 10), "{:?}", module.progress());
    assert_eq!(module.progress().counts.top, count);
}
