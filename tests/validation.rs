//! Bodies that are validated after their module was made: who finds an invalid one, what it does to the module, and what
//! goes on.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::{Rng, exported_func, proving};
use updraft::compile::events::{ALL_EVENTS, Event, EventKind, Scope, Subscription, Waited as Events};
use updraft::config::{Config, LazyBatch, Strategy, Tiers, Validation, Workers};
use updraft::engine::{CompiledModule, Engine, Job, ModuleOptions, Waited};
use updraft::error::Error;
use updraft::module::decode::{When, load_when};
use updraft::module::{Features, Module};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::trap::{Trap, TrapCode};
use updraft::types::FuncIndex;

const TIERS: [Tiers; 3] = [Tiers::Top, Tiers::Baseline, Tiers::Both];
const LATER: [Validation; 2] = [Validation::Deferred, Validation::Background];

/// An engine whose background work is done by this many workers.
fn engine(tiers: Tiers, strategy: Strategy, validation: Validation, workers: usize) -> Engine {
    engine_with(Config { tiers, strategy, validation, workers: Workers::Threads(workers), ..Config::default() })
}

fn engine_with(config: Config) -> Engine {
    Engine::new(Config { code_reservation: 64 << 20, ..config }).expect("an engine")
}

/// A function that is not valid, and lies between two that are. `good` calls the first one, `bad` the invalid one.
const ONE_INVALID: &str = "(module
  (func $first (result i32) (i32.const 7))
  (func $invalid (export \"invalid\") (result i32) (i64.const 7))
  (func $last (export \"last\") (result i32) (i32.const 9))
  (func (export \"good\") (result i32) (call $first))
  (func (export \"bad\") (result i32) (call $invalid)))";
const INVALID: FuncIndex = FuncIndex(1);

/// What is wrong with a module, if its bodies are validated before it exists.
fn upfront(bytes: &[u8]) -> Result<Module, Error> {
    load_when(bytes, Features::ALL, When::Now(1))
}

fn offset_of(error: &Error) -> u64 {
    match error {
        Error::Invalid { offset, .. } => *offset,
        other => panic!("{other}"),
    }
}

/// Calls an export without arguments.
fn call(store: &mut Store, instance: Instance, name: &str) -> Result<i32, Box<Trap>> {
    let func = exported_func(store, instance, name);
    match common::call(store, func, &[]) {
        Ok(values) => match values[..] {
            [Val::I32(value)] => Ok(value),
            _ => panic!("{values:?}"),
        },
        Err(Error::Trap(trap)) => Err(trap),
        Err(other) => panic!("{other}"),
    }
}

fn drain(subscription: &Subscription) -> Vec<Event> {
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).expect("a subscription");
    events
}

/// The event that ends a failed module, once it comes.
fn failure(subscription: &Subscription) -> Event {
    let deadline = Some(Instant::now() + Duration::from_secs(60));
    loop {
        if let Some(event) = drain(subscription).into_iter().find(|event| event.kind == EventKind::Failed) {
            return event;
        }
        assert_eq!(subscription.wait(deadline), Events::Ready, "no event within a minute");
    }
}

/// Everything that must hold of the module once it has failed.
fn check_failed(module: &CompiledModule, subscription: &Subscription) {
    let expected = upfront(&wat::parse_str(ONE_INVALID).expect("valid text")).err().expect("it is invalid");
    let invalid = module.module().invalid().expect("it has failed");
    assert_eq!((invalid.func, invalid.offset), (INVALID, offset_of(&expected)));
    assert_eq!(invalid.error().to_string(), expected.to_string());
    assert!(!module.module().is_valid(updraft::types::DefinedFunc(1)));
    // To whoever asks; and there are no more instances.
    let error = module.validate_rest().expect_err("it has failed");
    assert_eq!(error.to_string(), expected.to_string());
    let mut store = Store::new(module.engine()).expect("a store");
    let error = Instance::new(&mut store, module, &[]).expect_err("it has failed");
    assert_eq!(error.to_string(), expected.to_string());
    let event = failure(subscription);
    assert_eq!((event.func, event.status, event.module), (INVALID.0, expected.status(), module.id()));
    assert_eq!(drain(subscription), [], "nothing of it comes afterwards");
}

/// Without workers nobody looks at a body before it is called.
#[test]
fn a_call_finds_the_invalid_body_and_what_is_valid_goes_on() {
    for tiers in TIERS {
        for validation in LATER {
            let engine = engine(tiers, Strategy::Lazy, validation, 0);
            let module = CompiledModule::new(&engine, ONE_INVALID.as_bytes()).expect("its sections are valid");
            let subscription = engine.events().subscribe(Scope::Module(module.id()), ALL_EVENTS, 64);
            let (mut store, mut other) = (Store::new(&engine).expect("a store"), Store::new(&engine).expect("a store"));
            let instance = Instance::new(&mut store, &module, &[]).expect("nothing is known to be wrong");
            let in_other = Instance::new(&mut other, &module, &[]).expect("nothing is known to be wrong");
            assert_eq!(call(&mut store, instance, "good").expect("valid"), 7);
            for _ in 0..2 {
                let trap = call(&mut store, instance, "bad").expect_err("it calls what is invalid");
                assert_eq!(trap.code, TrapCode::InvalidModule);
                assert!(trap.message.starts_with("function 1: invalid module: type mismatch"), "{}", trap.message);
                let at =
                    upfront(&wat::parse_str(ONE_INVALID).expect("valid text")).err().map(|error| offset_of(&error));
                assert_eq!(trap.invalid.map(|(func, offset)| (func, Some(offset))), Some((INVALID, at)));
                assert_eq!(trap.frames.len(), 1, "the caller");
            }
            // What was compiled goes on; what nobody had validated does not, though nothing is wrong with it.
            assert_eq!(call(&mut other, in_other, "good").expect("valid"), 7);
            assert_eq!(call(&mut other, in_other, "last").expect_err("too late").code, TrapCode::InvalidModule);
            assert_eq!(call(&mut store, instance, "invalid").expect_err("invalid").code, TrapCode::InvalidModule);
            check_failed(&module, &subscription);
        }
    }
}

/// A body that is called before anybody knows better, and stays valid whatever happens to others.
#[test]
fn what_is_valid_before_the_failure_stays_valid() {
    let engine = engine(Tiers::Both, Strategy::Lazy, Validation::Deferred, 0);
    let module = CompiledModule::new(&engine, ONE_INVALID.as_bytes()).expect("its sections are valid");
    let mut store = Store::new(&engine).expect("a store");
    let instance = Instance::new(&mut store, &module, &[]).expect("nothing is known to be wrong");
    assert_eq!(call(&mut store, instance, "last").expect("valid"), 9);
    assert!(module.validate_rest().is_err());
    assert_eq!(call(&mut store, instance, "last").expect("valid"), 9);
    // Nothing is compiled for later any more.
    for func in [1, 2] {
        let outcome = module.wait_tier(FuncIndex(func), Tier::Top, None);
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{func}: {outcome:?}");
    }
}

#[test]
fn workers_find_the_invalid_body_without_a_call() {
    for tiers in TIERS {
        for strategy in [Strategy::Lazy, Strategy::EagerBackground, Strategy::LazyBaselineEagerTop] {
            for validation in LATER {
                let in_background = validation == Validation::Background
                    || strategy == Strategy::EagerBackground
                    || strategy == Strategy::LazyBaselineEagerTop && tiers != Tiers::Baseline;
                let engine = engine(tiers, strategy, validation, 2);
                let subscription = engine.events().subscribe(Scope::Engine, EventKind::Failed.bit(), 64);
                let module = CompiledModule::new(&engine, ONE_INVALID.as_bytes()).expect("its sections are valid");
                if !in_background {
                    assert!(module.validate_rest().is_err());
                }
                let event = failure(&subscription);
                assert_eq!(event.func, INVALID.0);
                // Whoever waits is not left waiting.
                assert_eq!(module.wait_ready(None).expect("a wait"), Waited::Done);
                assert_eq!(module.wait_finished(None).expect("a wait"), Waited::Done);
                assert_eq!(module.progress().outstanding_first, 0);
                assert_eq!(module.progress().outstanding_top, 0);
                let late = engine.events().subscribe(Scope::Module(module.id()), ALL_EVENTS, 64);
                check_failed(&module, &late);
            }
        }
    }
}

/// A module that is compiled before it exists is refused like one that is validated before.
#[test]
fn eager_modules_are_refused_by_their_maker() {
    let expected = upfront(&wat::parse_str(ONE_INVALID).expect("valid text")).err().expect("it is invalid");
    for tiers in TIERS {
        for validation in LATER {
            for workers in [0, 2] {
                let engine = engine(tiers, Strategy::Eager, validation, workers);
                let subscription = engine.events().subscribe(Scope::Engine, ALL_EVENTS, 64);
                let error = CompiledModule::new(&engine, ONE_INVALID.as_bytes()).err().expect("it is invalid");
                assert_eq!(error.to_string(), expected.to_string());
                let job = Job::start(&engine, Arc::new(ONE_INVALID.as_bytes().to_vec()), ModuleOptions::default());
                let error = job.wait(None).expect("no deadline").err().expect("it is invalid");
                assert_eq!(error.to_string(), expected.to_string());
                let failed = drain(&subscription);
                let failed: Vec<_> = failed.iter().filter(|event| event.kind == EventKind::Failed).collect();
                assert_eq!(failed.len(), 2);
                assert!(failed.iter().all(|event| event.func == INVALID.0), "{failed:?}");
            }
        }
    }
}

/// The option of a module goes before the engine's setting.
#[test]
fn a_module_may_be_validated_at_another_time_than_others() {
    let deferred = ModuleOptions { validation: Some(Validation::Deferred), ..ModuleOptions::default() };
    let now = ModuleOptions { validation: Some(Validation::Upfront), ..ModuleOptions::default() };
    let engine_of = |validation| engine(Tiers::Baseline, Strategy::Lazy, validation, 0);
    let make = |engine: &Engine, options: &ModuleOptions| {
        CompiledModule::with_options(engine, ONE_INVALID.as_bytes(), options).is_ok()
    };
    assert!(make(&engine_of(Validation::Upfront), &deferred));
    assert!(!make(&engine_of(Validation::Deferred), &now));
    // Sections are always validated at once.
    let bad_section = "(module (func (export \"f\")) (global i32 (i64.const 1)))";
    assert!(CompiledModule::new(&engine_of(Validation::Deferred), bad_section.as_bytes()).is_err());
}

/// A chain of calls through 200 functions, of which the one at `invalid` is not valid.
fn chain(invalid: Option<usize>) -> Vec<u8> {
    const COUNT: usize = 200;
    let body = |index: usize| match index {
        _ if Some(index) == invalid => "(i64.const 1)".to_owned(),
        _ if index + 1 == COUNT => "(i32.const 5)".to_owned(),
        _ => format!("(call {})", index + 1),
    };
    let functions: String = (0..COUNT).map(|index| format!("(func (result i32) {})", body(index))).collect();
    let text = format!("(module {functions} (export \"f\" (func 0)) (export \"half\" (func 100)))");
    wat::parse_str(text).expect("valid text")
}

/// A lazy batch reads bodies that nobody has validated, to see what they call.
#[test]
fn lazy_batches_may_meet_invalid_bodies() {
    for tiers in TIERS {
        for invalid in [None, Some(50), Some(150)] {
            let engine = engine_with(Config {
                tiers,
                strategy: Strategy::Lazy,
                validation: Validation::Deferred,
                lazy_batch: Some(LazyBatch { functions: 60, bytes: 1 << 16 }),
                workers: Workers::Threads(1),
                ..Config::default()
            });
            let module = CompiledModule::new(&engine, &chain(invalid)).expect("its sections are valid");
            let mut store = Store::new(&engine).expect("a store");
            let instance = Instance::new(&mut store, &module, &[]).expect("nothing is known to be wrong");
            let outcome = call(&mut store, instance, "f").map_err(|trap| trap.code);
            assert_eq!(outcome, if invalid.is_none() { Ok(5) } else { Err(TrapCode::InvalidModule) });
            assert_eq!(module.module().invalid().map(|first| first.func.index()), invalid);
        }
    }
}

/// Many threads, each with a store of its own, all at the same module.
#[test]
fn threads_agree_on_which_body_is_invalid() {
    for round in 0..if proving() { 400 } else { 12 } {
        let invalid = [None, Some(150), Some(3)][round % 3];
        let validation = LATER[round / 3 % 2];
        let engine = engine(TIERS[round % 3], Strategy::Lazy, validation, round % 3);
        let module = CompiledModule::new(&engine, &chain(invalid)).expect("its sections are valid");
        let subscription = engine.events().subscribe(Scope::Module(module.id()), EventKind::Failed.bit(), 64);
        let trapped = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (engine, module, trapped) = (&engine, &module, &trapped);
                scope.spawn(move || {
                    let mut store = Store::new(engine).expect("a store");
                    // The module may have failed by now.
                    let Ok(instance) = Instance::new(&mut store, module, &[]) else { return };
                    for _ in 0..3 {
                        let name = if thread % 2 == 0 { "f" } else { "half" };
                        match call(&mut store, instance, name) {
                            Ok(value) => assert_eq!(value, 5),
                            Err(trap) => {
                                assert_eq!(trap.code, TrapCode::InvalidModule);
                                assert_eq!(trap.invalid.map(|(func, _)| func.index()), invalid);
                                trapped.fetch_add(1, Relaxed);
                            }
                        }
                    }
                    assert_eq!(module.validate_rest().is_err(), invalid.is_some());
                });
            }
        });
        assert_eq!(module.module().is_all_valid(), invalid.is_none());
        assert!(invalid.is_some() || trapped.into_inner() == 0);
        let told = drain(&subscription).iter().filter(|event| event.kind == EventKind::Failed).count();
        assert_eq!(told, usize::from(invalid.is_some()), "the first one is told, once");
    }
}

/// The verdict is that of validation before the module exists, whatever is wrong.
#[test]
fn damaged_modules_are_found_out_as_before() {
    let original = chain(None);
    let code =
        load_when(&original, Features::ALL, When::Now(1)).expect("valid").body(updraft::types::DefinedFunc(0)).start;
    let mut rng = Rng::new(7);
    let (mut invalid, mut valid) = (0, 0);
    let engine = engine(Tiers::Baseline, Strategy::Lazy, Validation::Deferred, 0);
    for _ in 0..if proving() { 20_000 } else { 300 } {
        let mut bytes = original.clone();
        for _ in 0..1 + rng.below(2) {
            let at = code + rng.below(bytes.len() - code);
            bytes[at] = rng.next() as u8;
        }
        let later = CompiledModule::new(&engine, &bytes).and_then(|module| module.validate_rest());
        match (upfront(&bytes), later) {
            (Ok(_), Ok(())) => valid += 1,
            (Err(now), Err(later)) => {
                assert_eq!(now.to_string(), later.to_string());
                invalid += 1;
            }
            (now, later) => panic!("{:?} and {later:?}: {bytes:02x?}", now.map(drop)),
        }
    }
    assert!(invalid > 100 && valid > 10, "{invalid} {valid}");
}

/// The last line: a compiler that is given a body which nobody has validated refuses to read it.
#[test]
fn compilers_refuse_bodies_that_nobody_has_validated() {
    use updraft::abi::vmctx::VmLayout;
    use updraft::tier::top::Bounds;
    use updraft::tier::{Compilers, Scratch};
    use updraft::types::DefinedFunc;
    let text = b"(module (func (result i32) (i32.const 7)))";
    let config = Config { tiers: Tiers::Both, ..Config::default() };
    let compilers = Compilers::new(&config, Bounds::Explicit).expect("the compilers");
    let mut scratch = Scratch::new();
    for when in [When::Later, When::Now(1)] {
        let module = load_when(text, Features::ALL, when).expect("valid sections");
        let layout = VmLayout::new(&module);
        for tier in [Tier::Baseline, Tier::Top] {
            let func = DefinedFunc(0);
            let code = compilers.compile(tier, &mut scratch, &module, &layout, func, None);
            assert_eq!(code.is_ok(), when != When::Later, "{tier:?}");
        }
    }
}

/// 400 functions of 2 kB each, of which some are not valid.
fn large(invalid: &[usize]) -> Vec<u8> {
    use wasm_encoder::{CodeSection, FunctionSection, Module, TypeSection};
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for index in 0..400 {
        functions.function(0);
        // No locals; i32.const 1, drop; and perhaps one drop too many.
        let mut body = vec![0];
        body.extend([0x41, 1, 0x1a].repeat(700));
        body.extend(invalid.contains(&index).then_some(0x1a));
        body.push(0x0b);
        code.raw(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

/// The workers validate what its maker has not got to yet, and the error is that of the lowest invalid body all the same.
#[test]
fn makers_of_modules_are_helped_by_workers() {
    let mut rng = Rng::new(3);
    for round in 0..if proving() { 300 } else { 10 } {
        let engine = engine_with(Config {
            tiers: Tiers::Baseline,
            strategy: Strategy::Lazy,
            workers: Workers::Threads(round % 4),
            compile_threads: 1 + round % 5,
            ..Config::default()
        });
        let invalid: Vec<usize> = (0..rng.below(4)).map(|_| rng.below(400)).collect();
        let bytes = large(&invalid);
        let expected = upfront(&bytes).err().map(|error| error.to_string());
        assert_eq!(expected.is_some(), !invalid.is_empty());
        std::thread::scope(|scope| {
            for way in 0..3 {
                let (engine, bytes, expected) = (&engine, &bytes, &expected);
                scope.spawn(move || {
                    let made = match way {
                        0 => CompiledModule::new(engine, bytes).map(drop),
                        1 => CompiledModule::validate(engine, bytes),
                        _ => {
                            let job = Job::start(engine, Arc::new(bytes.clone()), ModuleOptions::default());
                            job.wait(None).expect("no deadline").map(drop)
                        }
                    };
                    assert_eq!(made.err().map(|error| error.to_string()), *expected);
                });
            }
        });
        assert!(engine.shutdown(None), "nobody is at it any more");
        // Without workers its maker does all of it.
        assert_eq!(CompiledModule::validate(&engine, &bytes).err().map(|error| error.to_string()), expected);
    }
}
