//! Modules whose bytes come piece by piece: the same module, the same errors, and nothing left when there is none.
//!
//! A module that is made from all its bytes at once goes the same way, so what that way says is compared with what
//! decoding without an engine says. `UPDRAFT_PROVE=1` takes a million damaged modules; a failure prints what reproduces it.

mod common;

use std::sync::Arc;

use common::{Rng, alone, call, exported_func, footprint, proving};
use updraft::compile::events::{Event, EventKind, Scope, Subscription};
use updraft::config::{BaselineChoice, Config, Strategy, Tiering, TieringPolicy, Tiers, Validation, Workers};
use updraft::engine::{CompiledModule, Engine, JobState, ModuleOptions, Stream};
use updraft::error::Error;
use updraft::module::decode::{Decoded, decode};
use updraft::module::validate::validate_all;
use updraft::module::{Features, Module};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::types::FuncIndex;

const STRATEGIES: [Strategy; 4] =
    [Strategy::Lazy, Strategy::Eager, Strategy::EagerBackground, Strategy::LazyBaselineEagerTop];
const TIERS: [Tiers; 3] = [Tiers::Top, Tiers::Baseline, Tiers::Both];
const VALIDATIONS: [Validation; 3] = [Validation::Upfront, Validation::Deferred, Validation::Background];

fn config(workers: usize) -> Config {
    // Nothing moves up but what a test asks for.
    let tiering = Tiering { policy: TieringPolicy::Off, ..Tiering::default() };
    let workers = Workers::Threads(workers);
    Config { tiers: Tiers::Both, tiering, workers, compile_threads: 3, code_reservation: 64 << 20, ..Config::default() }
}

fn engine(workers: usize) -> Engine {
    Engine::new(config(workers)).unwrap()
}

/// Every section, and so many functions: `f<i>` returns i + 1.
fn module(functions: usize) -> Vec<u8> {
    let mut text = format!(
        r#"(module $name (@custom "first" (before type) "one") (type $t (func (result i32)))
        (import "" "h" (func $h)) (table (export "table") {functions} funcref) (memory (export "memory") 1)
        (global (export "g") i32 (i32.const 7)) (data $d "passive") (data (i32.const 8) "active")
        (@custom "last" (after last) "two") (func $touch (export "touch") (result i32)
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.load8_u (i32.const 0)))
        (elem (i32.const 0)"#
    );
    (0..functions).for_each(|i| text.push_str(&format!(" $f{i}")));
    text.push(')');
    for i in 0..functions {
        let body = match i % 10 {
            0 => format!("(i32.const {})", i + 1),
            3 => format!("(i32.add (call_indirect (type $t) (i32.const {})) (i32.const 1))", i - 1),
            _ => format!("(i32.add (call $f{}) (i32.const 1))", i - 1),
        };
        let padding = "(if (i32.const 1) (then (nop)))".repeat(i % 7);
        text.push_str(&format!("(func $f{i} (export \"f{i}\") (type $t) {padding}{body})"));
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

/// How the pieces of a stream are cut.
#[derive(Clone, Copy, Debug)]
enum Pieces {
    Bytes,
    Of(usize),
    Random(u64),
    One,
}

fn write(stream: &mut Stream, bytes: &[u8], pieces: Pieces) -> Result<(), Error> {
    match pieces {
        Pieces::Bytes => bytes.chunks(1).try_for_each(|piece| stream.write(piece)),
        Pieces::Of(size) => bytes.chunks(size).try_for_each(|piece| stream.write(piece)),
        Pieces::One => stream.write(bytes),
        Pieces::Random(seed) => {
            let mut rng = Rng::new(seed);
            let mut rest = bytes;
            while !rest.is_empty() {
                let most = if rng.below(4) == 0 { 4096 } else { 24 };
                let (piece, others) = rest.split_at(rng.below(most).min(rest.len()));
                stream.write(piece)?;
                rest = others;
            }
            Ok(())
        }
    }
}

fn stream(engine: &Engine, bytes: &[u8], options: &ModuleOptions, pieces: Pieces) -> Result<CompiledModule, Error> {
    let mut stream = Stream::new(engine, options, 0)?;
    write(&mut stream, bytes, pieces)?;
    stream.finish()
}

/// All that a module says about itself.
fn described(module: &Module) -> String {
    let defined = 0..module.functions().len() as u32;
    let names: Vec<_> = defined.map(|func| module.names().function(FuncIndex(func))).collect();
    let bodies: Vec<_> = (0..module.defined_func_count() as u32)
        .map(|func| module.body_range(updraft::types::DefinedFunc(func)))
        .collect();
    let sites: Vec<_> = (0..module.defined_func_count() as u32)
        .map(|func| module.indirect_sites().of(updraft::types::DefinedFunc(func)))
        .collect();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{names:?}\n{bodies:?}\n{sites:?}",
        module.imports(),
        module.exports(),
        module.functions(),
        module.data(),
        module.custom_sections(),
        module.features(),
        module.names().module(),
        module.escaping(),
        module.code_bytes(),
    )
}

fn instantiate(engine: &Engine, module: &CompiledModule) -> (Store, Instance) {
    let mut store = Store::new(engine).unwrap();
    let mut linker = updraft::runtime::linker::Linker::new(engine);
    linker.define_unknown_imports_as_traps(module).unwrap();
    let instance = linker.instantiate(&mut store, module).unwrap();
    (store, instance)
}

fn check_results(engine: &Engine, module: &CompiledModule, functions: usize) {
    let (mut store, instance) = instantiate(engine, module);
    for i in (0..functions).step_by(7) {
        let func = exported_func(&mut store, instance, &format!("f{i}"));
        assert_eq!(call(&mut store, func, &[]).unwrap(), [Val::I32(i as i32 + 1)], "f{i}");
    }
    let touch = exported_func(&mut store, instance, "touch");
    assert_eq!(call(&mut store, touch, &[]).unwrap(), [Val::I32('p' as i32)]);
}

#[test]
fn pieces_of_any_size_make_the_same_module() {
    let bytes = module(300);
    let functions = decode(bytes.clone().into(), Features::ALL).unwrap();
    let reference = validate_all(&functions.bodies, &functions.module, 1).unwrap();
    let reference = functions.validated(reference);
    for workers in [0, 1, 3] {
        for (tiers, strategy) in TIERS.into_iter().flat_map(|tiers| STRATEGIES.map(|strategy| (tiers, strategy))) {
            // Both baseline tiers.
            let baseline = if workers == 1 { BaselineChoice::Portable } else { BaselineChoice::Auto };
            let engine = Engine::new(Config { tiers, strategy, baseline, ..config(workers) }).unwrap();
            let all = [Pieces::Bytes, Pieces::Of(1000), Pieces::Random(workers as u64), Pieces::One];
            for (round, pieces) in all.into_iter().enumerate() {
                let validation = Some(VALIDATIONS[(round + workers) % 3]);
                let options = ModuleOptions { validation, ..ModuleOptions::default() };
                let module = stream(&engine, &bytes, &options, pieces).unwrap();
                assert!(module.module().bytes() == bytes);
                module.validate_rest().unwrap();
                if validation == Some(Validation::Upfront) {
                    assert_eq!(described(module.module()), described(&reference), "{strategy:?}, {pieces:?}");
                }
                check_results(&engine, &module, 300);
            }
        }
    }
}

/// Without an engine: sections first, then the lowest invalid body.
fn reference(bytes: &[u8], features: Features) -> Result<(), Error> {
    let Decoded { module, bodies } = decode(bytes.to_vec().into(), features)?;
    validate_all(&bodies, &module, 1).map(drop)
}

fn told(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "valid".into(),
        Err(error @ (Error::Invalid { .. } | Error::Unsupported { .. })) => error.to_string(),
        Err(error) => panic!("{error}"),
    }
}

/// Truncates the module, or flips bits, or moves its parts.
fn damage(module: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = module.to_vec();
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(bytes.len().max(1));
        match rng.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + 1 + rng.below(8)).min(bytes.len()))),
            2 => bytes.insert(at, rng.next() as u8),
            3 if !bytes.is_empty() => {
                let from = rng.below(bytes.len());
                let part = bytes[from..(from + rng.below(16)).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
    bytes
}

fn smiths(count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(0x736d);
    let mut modules = Vec::new();
    while modules.len() < count {
        let entropy = rng.bytes(2048);
        let config = wasm_smith::Config {
            // Some have what the engine does not.
            exceptions_enabled: rng.below(16) == 0,
            gc_enabled: rng.below(16) == 0,
            max_memories: 3,
            max_tables: 4,
            ..wasm_smith::Config::default()
        };
        if let Ok(module) = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&entropy)) {
            modules.push(module.to_bytes());
        }
    }
    modules
}

/// An invalid body or two, and something wrong behind them: the order of errors is that of all bytes.
fn defects_of_several_kinds() -> Vec<Vec<u8>> {
    let body =
        |text: &str| format!("(module (memory 1) (func) (func {text}) (func (i32.add)) (data (i32.const 0) \"abc\"))");
    let parse = |text: &str| wat::parse_str(body(text)).unwrap();
    let mut modules = vec![parse(""), parse("(i32.const 1)"), parse("(drop (i32.const 1))")];
    let mut bad_data = parse("(i32.const 1)");
    let at = bad_data.len() - 8;
    bad_data[at] = 0x7f;
    modules.push(bad_data);
    let mut twice = parse("(i32.const 1)");
    // A custom section whose name is not UTF-8.
    twice.extend([0, 3, 2, 0xff, 0xfe]);
    modules.push(twice);
    modules.push(module(40));
    modules
}

/// Damaged modules: what is wrong is told in the same words whether the bytes come at once or in pieces, and as without an
/// engine; whoever is told early is told the same.
#[test]
fn errors_are_those_of_all_bytes() {
    let cases = if proving() { 1_000_000 } else { 6_000 };
    let mut materials = smiths(120);
    materials.extend(defects_of_several_kinds());
    let engines = [Features::ALL, Features(Features::ALL.0 & !Features::SIMD.0 & !Features::MULTI_VALUE.0)]
        .map(|features| Engine::new(Config { features, strategy: Strategy::Lazy, ..config(1) }).unwrap());
    let mut rng = Rng::new(0x5EED);
    let (mut valid, mut early, mut late) = (0, 0, 0);
    for case in 0..cases {
        let bytes = damage(&materials[rng.below(materials.len())], &mut rng);
        let engine = &engines[case % 2];
        let expected = told(reference(&bytes, engine.config().features));
        let options = ModuleOptions {
            strategy: Some(STRATEGIES[rng.below(4)]),
            // The first invalid body that is met is told of later otherwise.
            validation: Some(Validation::Upfront),
            ..ModuleOptions::default()
        };
        let pieces = match rng.below(4) {
            0 if bytes.len() < 500 => Pieces::Bytes,
            1 => Pieces::One,
            _ => Pieces::Random(rng.next()),
        };
        let mut stream = Stream::new(engine, &options, if rng.below(2) == 0 { 0 } else { bytes.len() }).unwrap();
        let written = write(&mut stream, &bytes, pieces);
        let was_early = written.is_err();
        let made = written.and_then(|()| stream.finish().map(drop));
        let found = told(made);
        assert_eq!(found, expected, "case {case}, {pieces:?}\nbytes: {bytes:02x?}");
        if found == "valid" {
            valid += 1;
            continue;
        }
        *if was_early { &mut early } else { &mut late } += 1;
        for again in [stream.write(b"x"), stream.write(b""), stream.finish().map(drop)] {
            assert_eq!(told(again), expected, "an error stays");
        }
        // (Text is not for streams.)
        if !bytes.trim_ascii_start().starts_with(b"(") && !bytes.trim_ascii_start().starts_with(b";;") {
            assert_eq!(told(CompiledModule::with_options(engine, &bytes, &options).map(drop)), expected);
            assert_eq!(told(CompiledModule::validate(engine, &bytes)), expected);
        }
    }
    eprintln!("{cases} modules: {valid} valid, {early} refused early, {late} in the end");
    assert!(valid > cases / 50 && early > cases / 20 && late > cases / 50, "{valid}, {early}, {late}");
    for engine in &engines {
        assert_nothing_left(engine);
    }
}

/// Nobody has anything of a stream that is gone. (Workers may still be at a chunk for a moment.)
fn assert_nothing_left(engine: &Engine) {
    while !engine.is_idle() {
        std::thread::yield_now();
    }
    assert_eq!(engine.events().module_count(), 0, "a module of which listeners could hear");
    assert!(engine.code_use().0 < 4 << 20, "{:?} bytes of code and slots", engine.code_use());
}

#[test]
fn bytes_that_are_missing_or_too_many_are_told_of() {
    let engine = engine(1);
    let bytes = module(60);
    let options = ModuleOptions::default();
    for len in (0..bytes.len()).step_by(if proving() { 1 } else { 41 }) {
        let mut stream = Stream::new(&engine, &options, bytes.len()).unwrap();
        write(&mut stream, &bytes[..len], Pieces::Random(len as u64)).unwrap();
        let cut = told(reference(&bytes[..len], Features::ALL));
        assert_eq!(told(stream.finish().map(drop)), cut, "{len} bytes");
        assert!(len == 8 || cut != "valid");
    }
    let mut stream = Stream::new(&engine, &options, 3).unwrap();
    stream.write(&bytes).unwrap();
    stream.finish().expect("how many were expected does not matter");
    for over in [stream.write(b"x"), stream.write(b""), stream.finish().map(drop), stream.finish_job().map(drop)] {
        assert!(matches!(over, Err(Error::Misuse { .. })));
    }
    assert!(!stream.abort());
}

#[test]
fn text_is_not_for_streams() {
    let engine = engine(1);
    let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
    let error = stream.write(b"(module)").err().unwrap();
    assert_eq!(error.to_string(), told(reference(b"(module)", Features::ALL)));
}

/// What is wrong with a section is told with its last byte; what is wrong with a body, in the end.
#[test]
fn errors_come_as_soon_as_they_can() {
    let engine = engine(1);
    let mut bytes = wat::parse_str("(module (memory 1) (func) (export \"a\" (func 0)) (start 0))").unwrap();
    let start = bytes.windows(3).position(|window| window == [8, 1, 0]).unwrap();
    bytes[start + 2] = 9;
    let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
    stream.write(&bytes[..start + 2]).unwrap();
    let error = stream.write(&bytes[start + 2..start + 3]).expect_err("the start function does not exist");
    assert_eq!(error.to_string(), told(reference(&bytes, Features::ALL)));

    let bytes = wat::parse_str("(module (func (i32.add)))").unwrap();
    let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
    stream.write(&bytes).unwrap();
    assert_eq!(told(stream.finish().map(drop)), told(reference(&bytes, Features::ALL)));
}

/// With nobody but the host to compile, what is done before the last byte can be counted.
#[test]
fn bodies_are_validated_and_compiled_before_the_last_byte() {
    let bytes = module(2000);
    let engine = Engine::new(Config { strategy: Strategy::Eager, ..config(0) }).unwrap();
    for piece in [1, 100, 10_000] {
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), bytes.len()).unwrap();
        let (body, tail) = bytes.split_at(bytes.len() / 10 * 9);
        let mut ran = 0;
        for piece in body.chunks(piece) {
            stream.write(piece).unwrap();
            ran += engine.run_jobs(usize::MAX, None).unwrap();
        }
        assert!(ran > 500, "{ran} units were run before the end, with pieces of {piece}");
        stream.write(tail).unwrap();
        let module = stream.finish().unwrap();
        assert_eq!(module.compiled_count(), module.module().defined_func_count());
        check_results(&engine, &module, 2000);
    }
    assert_nothing_left(&engine);
}

/// Given up with whatever has come: nothing is queued, compiled or known any more.
#[test]
fn a_stream_can_be_given_up_at_every_stage() {
    let bytes = module(400);
    for workers in [0, 1, 2] {
        let engine = Engine::new(Config { strategy: Strategy::Eager, ..config(workers) }).unwrap();
        let subscription = engine.events().subscribe(Scope::Engine, u32::MAX, 1 << 16);
        for stage in 0..40 {
            let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
            let id = stream.id();
            write(&mut stream, &bytes[..bytes.len() * stage / 39], Pieces::Of(997)).unwrap();
            match stage % 4 {
                0 => drop(stream),
                1 => {
                    assert!(stream.abort());
                    assert!(!stream.abort());
                    for again in [stream.write(b"x"), stream.finish().map(drop)] {
                        assert!(matches!(again, Err(Error::Cancelled)));
                    }
                }
                2 => assert!(stream.finish().is_err()),
                _ => drop(stream.finish_job()),
            }
            engine.run_jobs(usize::MAX, None).unwrap();
            assert_nothing_left(&engine);
            let events = drained(&subscription);
            assert!(events.iter().all(|event| event.module == id), "{events:?}");
            check_events(&events);
        }
    }
}

fn drained(subscription: &Subscription) -> Vec<Event> {
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).unwrap();
    events
}

/// At most one event that ends a module but for `Closed`, which is the last.
fn check_events(events: &[Event]) {
    let ends =
        |event: &&Event| matches!(event.kind, EventKind::Failed | EventKind::Cancelled | EventKind::BaselineFinished);
    assert!(events.iter().filter(ends).count() <= 1, "{events:?}");
    assert!(events.iter().rev().skip(1).all(|event| event.kind != EventKind::Closed), "{events:?}");
}

#[test]
fn events_are_those_of_a_module_that_came_at_once() {
    let bytes = module(200);
    let kinds = |pieces: Option<Pieces>, strategy| {
        let engine = Engine::new(Config { strategy, ..config(2) }).unwrap();
        let subscription = engine.events().subscribe(Scope::Engine, u32::MAX, 1 << 16);
        let module = match pieces {
            Some(pieces) => stream(&engine, &bytes, &ModuleOptions::default(), pieces).unwrap(),
            None => CompiledModule::new(&engine, &bytes).unwrap(),
        };
        module.wait_finished(None).unwrap();
        drop(module);
        let events = drained(&subscription);
        check_events(&events);
        let finished = events.iter().position(|event| event.kind == EventKind::BaselineFinished).unwrap();
        let of_baseline = |event: &Event| event.to_tier == Some(updraft::tier::Tier::Baseline);
        assert!(events[finished..].iter().all(|event| !of_baseline(event)), "{events:?}");
        let mut tiered: Vec<_> = events
            .iter()
            .filter(|event| event.kind == EventKind::FunctionTiered)
            .map(|event| (event.func, event.from_tier, event.to_tier, event.code_size))
            .collect();
        tiered.sort_unstable();
        (tiered, finished > 0, events.last().unwrap().kind)
    };
    for strategy in [Strategy::Lazy, Strategy::Eager, Strategy::EagerBackground] {
        let whole = kinds(None, strategy);
        for pieces in [Pieces::Bytes, Pieces::Of(500), Pieces::One] {
            assert_eq!(kinds(Some(pieces), strategy), whole, "{strategy:?}, {pieces:?}");
        }
    }
}

#[test]
fn a_job_goes_on_where_the_bytes_end() {
    let bytes = module(500);
    for workers in [0, 2] {
        let engine = Engine::new(Config { strategy: Strategy::Eager, ..config(workers) }).unwrap();
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        write(&mut stream, &bytes, Pieces::Of(3000)).unwrap();
        let done = stream.finish_job().unwrap();
        assert_eq!(done.id(), stream.id());
        let module = done.wait(None).unwrap().unwrap();
        check_results(&engine, &module, 500);
        assert_eq!(module.compiled_count(), module.module().defined_func_count());

        // Cancelled while it runs, or before.
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        write(&mut stream, &bytes, Pieces::Of(3000)).unwrap();
        let cancelled = stream.finish_job().unwrap();
        cancelled.cancel();
        match cancelled.wait(None).unwrap() {
            Err(Error::Cancelled) => assert_eq!(cancelled.state(), JobState::Failed),
            Ok(_) => assert_eq!(cancelled.state(), JobState::Done),
            Err(error) => panic!("{error}"),
        }

        // An invalid body is the job's to tell.
        let invalid = wat::parse_str("(module (func) (func (i32.add)))").unwrap();
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        stream.write(&invalid).unwrap();
        let failed = stream.finish_job().unwrap();
        assert_eq!(told(failed.wait(None).unwrap().map(drop)), told(reference(&invalid, Features::ALL)));
        drop((done, cancelled, failed, module));
        engine.run_jobs(usize::MAX, None).unwrap();
        assert_nothing_left(&engine);
    }
}

#[test]
fn an_engine_that_is_shut_down_meanwhile_compiles_at_calls() {
    let bytes = module(500);
    for at in [0, 100, bytes.len() / 2, bytes.len() - 1] {
        for (strategy, is_made) in [(Strategy::Lazy, true), (Strategy::Eager, false)] {
            let engine = Engine::new(Config { strategy, ..config(2) }).unwrap();
            let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
            write(&mut stream, &bytes[..at], Pieces::Of(700)).unwrap();
            assert!(engine.shutdown(None));
            write(&mut stream, &bytes[at..], Pieces::Of(700)).unwrap();
            match stream.finish() {
                Ok(module) => {
                    assert!(is_made);
                    check_results(&engine, &module, 500);
                }
                Err(error) => assert!(!is_made && matches!(error, Error::Cancelled), "{error}"),
            }
        }
    }
}

#[test]
fn options_that_do_not_fit_are_told_of_in_the_end() {
    let engine = engine(1);
    let options = ModuleOptions { overrides: vec![(FuncIndex(900), Strategy::Eager)], ..ModuleOptions::default() };
    let bytes = module(300);
    let whole = CompiledModule::with_options(&engine, &bytes, &options).err().unwrap().to_string();
    assert_eq!(stream(&engine, &bytes, &options, Pieces::Of(100)).err().unwrap().to_string(), whole);
    let mut invalid = bytes.clone();
    invalid.extend([0xff; 9]);
    assert_eq!(
        told(stream(&engine, &invalid, &options, Pieces::One).map(drop)),
        told(reference(&invalid, Features::ALL))
    );
    assert_nothing_left(&engine);
}

/// The child of a fork may go on with a stream of which nobody was at a body, and is told so otherwise.
#[test]
fn a_child_of_a_fork_does_not_wait_for_the_parents_threads() {
    let engine = engine(2);
    let bytes = module(2000);
    let open = |len: usize| {
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        write(&mut stream, &bytes[..len], Pieces::Of(5000)).unwrap();
        stream
    };
    // Behind the bodies.
    let cut = bytes.len() - 4000;
    let (mut fresh, mut begun) = (open(100), open(cut));
    // SAFETY: the child leaves by `_exit`, and what it calls is made for children of a fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let is_right = fresh.write(&bytes[100..]).and_then(|()| fresh.finish()).is_ok()
            && matches!(begun.write(&bytes[cut..]), Err(Error::Busy { .. }))
            && matches!(begun.finish(), Err(Error::Busy { .. }));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if is_right { 0 } else { 7 }) };
    }
    let mut status = 0;
    // SAFETY: waits for the child, into a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's status");
    begun.write(&bytes[cut..]).unwrap();
    check_results(&engine, &begun.finish().unwrap(), 2000);
}

/// Streams that end in every way leave no memory, thread, file or mapping.
#[test]
fn thousands_of_streams_leave_nothing() {
    if !alone("thousands_of_streams_leave_nothing") {
        return;
    }
    let engine = Engine::new(Config { strategy: Strategy::EagerBackground, ..config(2) }).unwrap();
    let bytes = Arc::new(module(150));
    let mut rng = Rng::new(9);
    let mut before = None;
    let rounds = if proving() { 20_000 } else { 600 };
    for round in 0..rounds {
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), rng.below(2) * bytes.len()).unwrap();
        let len = if rng.below(2) == 0 { bytes.len() } else { rng.below(bytes.len()) };
        write(&mut stream, &bytes[..len], Pieces::Of(1 + rng.below(9000))).unwrap();
        match rng.below(5) {
            0 => drop(stream),
            1 => assert!(stream.abort()),
            2 => drop(stream.finish_job()),
            _ => drop(stream.finish()),
        }
        if round == rounds / 3 {
            assert_nothing_left(&engine);
            before = Some(footprint());
        }
    }
    assert_nothing_left(&engine);
    let (before, after) = (before.unwrap(), footprint());
    assert!(after.mappings <= before.mappings + 16, "{before:?} {after:?}");
    assert!(after.resident < before.resident + (24 << 20), "{before:?} {after:?}");
}
