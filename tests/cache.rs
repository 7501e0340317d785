//! Caches: what a later process finds, when it is written, and everything that can go wrong with files.
//!
//! In each case the module runs, the results are right, and what was not found is counted by its reason. Processes are
//! forked from this one, each with an engine of its own. `UPDRAFT_PROVE=1` kills ten thousand writers; else it is a slice.

mod common;
#[path = "cache/processes.rs"]
mod processes;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use updraft::compile::events::{Event, EventKind, Scope, Waited};
use updraft::config::{Config, Strategy, Workers};
use updraft::engine::{CacheStats, CacheWrite, CompiledModule, Engine, ModuleOptions, Stream};
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::FuncIndex;
use updraft::warm::cache::{CacheConfig, Place};
use updraft::warm::schedule::When;
use updraft::warm::store::Miss;

/// Functions of the module.
const FUNCTIONS: u32 = 24;

/// What function `n` computes.
fn expected(n: u32, x: u32) -> u32 {
    (1..STEPS).fold(n, |sum, step| sum.wrapping_mul(step).wrapping_add(x))
}

/// So many multiplications are some code.
const STEPS: u32 = 30;

fn wasm() -> Vec<u8> {
    let function = |n: u32| {
        let step = |step| format!("(local.set 1 (i32.add (i32.mul (local.get 1) (i32.const {step})) (local.get 0)))");
        let steps: String = (1..STEPS).map(step).collect();
        format!(
            "(func (export \"f{n}\") (param i32) (result i32) (local i32)
            (local.set 1 (i32.const {n})) {steps} (local.get 1))"
        )
    };
    let text = format!("(module {})", (0..FUNCTIONS).map(function).collect::<String>());
    wat::parse_str(text).expect("valid text")
}

/// A directory that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("updraft-cache-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    /// An engine as another process would have it.
    fn engine(&self) -> Engine {
        Engine::new(self.config()).expect("an engine")
    }

    /// Written on request and at the end of a module.
    fn config(&self) -> Config {
        let when = When { quiet: Duration::from_secs(1 << 30), least: 1, most: usize::MAX };
        let place = Place::Directory { path: self.0.clone(), limit: 64 << 20 };
        Config {
            strategy: Strategy::Lazy,
            workers: Workers::Threads(0),
            cache: Some(CacheConfig { place, when }),
            code_reservation: 64 << 20,
            ..Config::default()
        }
    }

    /// The one entry.
    fn entry(&self) -> PathBuf {
        let is_entry = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 64);
        let mut entries = fs::read_dir(&self.0).expect("a directory").map(|item| item.unwrap().path()).filter(is_entry);
        let entry = entries.next().expect("an entry");
        assert!(entries.next().is_none());
        entry
    }

    fn unfinished(&self) -> usize {
        let names = fs::read_dir(&self.0).expect("a directory").map(|item| item.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("new-")).count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make(engine: &Engine) -> CompiledModule {
    CompiledModule::new(engine, &wasm()).expect("a valid module")
}

/// Has functions compiled by the top tier.
fn tier_up(module: &CompiledModule, functions: impl IntoIterator<Item = u32>) {
    let functions: Vec<FuncIndex> = functions.into_iter().map(FuncIndex).collect();
    module.wait_tiers(&functions, Tier::Top, None).expect("the tier exists");
}

/// Calls every function; how many are in the top tier right after their first call.
fn run(module: &CompiledModule) -> usize {
    let mut store = Store::new(module.engine()).expect("a store");
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    for n in 0..FUNCTIONS {
        let Ok(Some(Extern::Func(func))) = instance.export(&mut store, &format!("f{n}")) else { panic!("no f{n}") };
        assert_eq!(call(&mut store, func, 1000) as u32, expected(n, 1000));
    }
    let in_top = |n: &u32| module.function_state(FuncIndex(*n)).unwrap().reached() == Some(Tier::Top);
    (0..FUNCTIONS).filter(in_top).count()
}

fn call(store: &mut Store, func: Func, argument: i32) -> i32 {
    let mut results = [Val::I32(0)];
    func.call(store, &[Val::I32(argument)], &mut results).expect("no trap");
    match results {
        [Val::I32(result)] => result,
        other => panic!("{other:?}"),
    }
}

fn hits(count: u64) -> CacheStats {
    CacheStats { hits: count, ..CacheStats::default() }
}

fn missed(miss: Miss) -> CacheStats {
    let mut stats = CacheStats::default();
    stats.misses[miss as usize] = 1;
    stats
}

/// Without what was written.
fn accesses(engine: &Engine) -> CacheStats {
    CacheStats { writes: 0, failures: 0, written_bytes: 0, ..engine.cache_stats() }
}

/// An entry with so many functions of the top tier.
fn filled(name: &str, functions: u32) -> Folder {
    let folder = Folder::new(name);
    let engine = folder.engine();
    let module = make(&engine);
    tier_up(&module, 0..functions);
    assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(200..))));
    folder
}

#[test]
fn a_later_process_begins_with_the_code_of_an_earlier_one() {
    let folder = Folder::new("later");
    let engine = folder.engine();
    let module = make(&engine);
    assert_eq!(accesses(&engine), missed(Miss::Absent));
    tier_up(&module, 0..5);
    assert_eq!(run(&module), 5);
    drop(module);
    let stats = engine.cache_stats();
    assert_eq!((stats.writes, stats.failures), (1, 0));
    assert_eq!(stats.written_bytes, fs::metadata(folder.entry()).unwrap().len());

    let later = folder.engine();
    let module = make(&later);
    assert_eq!(accesses(&later), hits(1));
    assert_eq!(run(&module), 5, "from the first call on");
    assert_eq!(module.progress().compiled, u64::from(FUNCTIONS) - 5, "what was kept is not compiled");
    drop(module);
    assert_eq!(later.cache_stats().writes, 0, "nothing is new");
    for file in ["key", folder.entry().file_name().unwrap().to_str().unwrap()] {
        assert_eq!(fs::metadata(folder.0.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn what_processes_learn_adds_up() {
    let folder = Folder::new("adds-up");
    let engines: Vec<Engine> = (0..3).map(|_| folder.engine()).collect();
    let modules: Vec<CompiledModule> = engines.iter().map(make).collect();
    for (number, module) in modules.into_iter().enumerate() {
        let first = number as u32 * 4;
        tier_up(&module, first..first + 4);
    }
    let engine = folder.engine();
    let module = make(&engine);
    assert_eq!(run(&module), 12);
    // Also what it has from its entry and has not needed.
    let engine = folder.engine();
    let module = make(&engine);
    tier_up(&module, 20..21);
    fs::remove_file(folder.entry()).unwrap();
    drop(module);
    let engine = folder.engine();
    assert_eq!(run(&make(&engine)), 13);
}

/// A module whose export `run` calls a function as often as it is told.
const CALLS: &str = r#"(module
    (func $callee (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "run") (param i32) (result i32) (local i32)
        (loop $again
            (local.set 1 (call $callee (local.get 1)))
            (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
        (local.get 1)))"#;

/// What was counted in several processes that write the same entry is added up, and nothing of it twice.
#[test]
fn what_processes_count_adds_up() {
    let folder = Folder::new("counts");
    let wasm = wat::parse_str(CALLS).expect("valid text");
    let process = || {
        let engine = folder.engine();
        let module = CompiledModule::new(&engine, &wasm).expect("a valid module");
        while engine.run_jobs(1, None).unwrap() > 0 {}
        module
    };
    let run = |module: &CompiledModule, times: i32| {
        let mut store = Store::new(module.engine()).expect("a store");
        let instance = Instance::new(&mut store, module, &[]).expect("an instance");
        let Ok(Some(Extern::Func(func))) = instance.export(&mut store, "run") else { panic!("no export") };
        assert_eq!(call(&mut store, func, times), times);
    };
    let write = |module: &CompiledModule| {
        assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(_))));
    };
    let counted = |module: &CompiledModule| -> u64 {
        let records = module.profile().functions;
        records.iter().flat_map(|(_, record)| &record.calls).map(|call| call.count).sum()
    };
    // Neither knows of the other.
    let (one, other) = (process(), process());
    run(&one, 10);
    run(&other, 100);
    write(&one);
    write(&other);
    let third = process();
    assert_eq!(counted(&third), 110);
    write(&third);
    assert_eq!(counted(&process()), 110, "what it read is there already");
    run(&third, 1000);
    write(&third);
    write(&third);
    assert_eq!(counted(&process()), 1110, "what it wrote is there already");
    run(&one, 10_000);
    write(&one);
    assert_eq!(counted(&process()), 11_110);
    assert_eq!(counted(&one), 10_010, "an entry is read when a module is made");
    // The first to write after somebody has removed the entry tells all that it knows.
    fs::remove_file(folder.entry()).unwrap();
    write(&third);
    assert_eq!(counted(&process()), 1110);
}

/// Bytes that come in pieces are compiled before anybody knows what they are.
#[test]
fn a_stream_begins_with_what_was_kept_once_it_has_ended() {
    let folder = filled("stream", 6);
    for strategy in [Strategy::Lazy, Strategy::Eager] {
        let engine = Engine::new(Config { strategy, ..folder.config() }).unwrap();
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        wasm().chunks(1000).for_each(|piece| stream.write(piece).unwrap());
        assert_eq!(accesses(&engine), CacheStats::default());
        let module = stream.finish().unwrap();
        assert_eq!(accesses(&engine), hits(1));
        while engine.run_jobs(1, None).unwrap() > 0 {}
        assert_eq!(run(&module), 6, "{strategy:?}");
        drop(module);
    }
    fs::remove_file(folder.entry()).unwrap();
    let engine = folder.engine();
    let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
    wasm().chunks(1).for_each(|piece| stream.write(piece).unwrap());
    let module = stream.finish().unwrap();
    assert_eq!(accesses(&engine), missed(Miss::Absent));
    tier_up(&module, 0..4);
    drop(module);
    assert_eq!(run(&make(&folder.engine())), 4, "what came in pieces is written as any other");
}

/// Waits for an event of this kind; what else comes is forgotten.
fn wait_for(subscription: &updraft::compile::events::Subscription, kind: EventKind) -> Event {
    loop {
        assert_eq!(subscription.wait(None), Waited::Ready);
        let mut events = Vec::new();
        subscription.drain(&mut events, usize::MAX).unwrap();
        if let Some(event) = events.into_iter().find(|event| event.kind == kind) {
            return event;
        }
    }
}

fn with_when(folder: &Folder, when: When, workers: Workers) -> Engine {
    let mut config = folder.config();
    config.cache.as_mut().unwrap().when = when;
    config.workers = workers;
    Engine::new(config).unwrap()
}

#[test]
fn a_module_is_written_after_a_quiet_period() {
    let folder = Folder::new("quiet");
    let when = When { quiet: Duration::from_millis(20), least: 1, most: usize::MAX };
    let engine = with_when(&folder, when, Workers::Threads(1));
    let subscription = engine.events().subscribe(Scope::Engine, u32::MAX, 1000);
    let module = make(&engine);
    tier_up(&module, 0..3);
    let event = wait_for(&subscription, EventKind::CacheWritten);
    // Some of them may have come after a pause of this thread.
    assert!((1..=3).contains(&event.count) && event.module == module.id());
    tier_up(&module, 3..4);
    wait_for(&subscription, EventKind::CacheWritten);
    assert!(run(&make(&folder.engine())) >= 1);
}

#[test]
fn much_is_written_at_once_by_whoever_compiles() {
    let folder = Folder::new("at-once");
    let when = When { quiet: Duration::from_secs(1 << 30), least: 1, most: 2000 };
    let engine = with_when(&folder, when, Workers::Threads(0));
    let subscription = engine.events().subscribe(Scope::Engine, u32::MAX, 1000);
    let module = make(&engine);
    tier_up(&module, 0..FUNCTIONS);
    assert_eq!(engine.cache_stats().writes, 0, "nobody runs what is queued");
    while engine.run_jobs(1, None).unwrap() > 0 {}
    assert_eq!(engine.cache_stats().writes, 1);
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).unwrap();
    let of = |kind| events.iter().filter(move |event| event.kind == kind);
    assert_eq!(of(EventKind::Serializable).map(|event| event.count).sum::<u32>(), FUNCTIONS);
    let written: Vec<&Event> = of(EventKind::CacheWritten).collect();
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].count, u64::from(written[0].code_size)), (FUNCTIONS, engine.cache_stats().written_bytes));
}

/// What was queued is gone then; the last user of the module writes all the same.
#[test]
fn an_engine_that_was_shut_down_still_writes_at_the_end_of_a_module() {
    let folder = Folder::new("shutdown");
    let when = When { quiet: Duration::ZERO, least: 1, most: usize::MAX };
    let engine = with_when(&folder, when, Workers::Threads(0));
    let module = make(&engine);
    tier_up(&module, 0..2);
    assert!(engine.shutdown(None));
    assert_eq!(engine.cache_stats().writes, 0);
    drop(module);
    assert_eq!(engine.cache_stats().writes, 1);
    assert_eq!(run(&make(&folder.engine())), 2);
}

#[test]
fn a_host_that_wants_it_so_writes_by_itself() {
    let folder = Folder::new("on-request");
    let when = When { quiet: Duration::ZERO, least: usize::MAX, most: usize::MAX };
    let engine = with_when(&folder, when, Workers::Threads(0));
    let module = make(&engine);
    tier_up(&module, 0..2);
    assert_eq!(engine.run_jobs(10, None).unwrap(), 0);
    drop(module);
    assert_eq!(engine.cache_stats().writes, 0);
    let module = make(&engine);
    tier_up(&module, 0..2);
    assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(_))));
    let without = Engine::new(Config { cache: None, ..folder.config() }).unwrap();
    assert_eq!(make(&without).write_to_cache().unwrap(), CacheWrite::NoCache);
    assert_eq!(without.cache_stats(), CacheStats::default());
}

/// Something is done to the only entry; the module runs, the miss is counted, and the entry is written anew.
fn damaged(name: &str, miss: Miss, damage: impl FnOnce(&Path)) {
    let folder = filled(name, 5);
    let entry = folder.entry();
    damage(&entry);
    let engine = folder.engine();
    let module = make(&engine);
    assert_eq!(accesses(&engine), missed(miss), "{name}");
    assert_eq!(run(&module), 0, "{name}");
    tier_up(&module, 5..8);
    drop(module);
    let stats = engine.cache_stats();
    if entry.is_dir() {
        assert_eq!((stats.writes, stats.failures), (0, 1), "{name}");
    } else {
        assert_eq!((stats.writes, stats.failures), (1, 0), "{name}");
        assert_eq!(run(&make(&folder.engine())), 3, "{name}");
    }
}

#[test]
fn what_is_no_entry_is_a_counted_miss() {
    damaged("link", Miss::NotAnEntry, |entry| {
        let other = entry.with_file_name("other");
        fs::rename(entry, &other).unwrap();
        symlink(other, entry).unwrap();
    });
    damaged("pipe", Miss::NotAnEntry, |entry| {
        fs::remove_file(entry).unwrap();
        let path = std::ffi::CString::new(entry.to_str().unwrap()).unwrap();
        // SAFETY: a path that ends with a NUL.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    });
    damaged("directory", Miss::NotAnEntry, |entry| {
        fs::remove_file(entry).unwrap();
        fs::create_dir(entry).unwrap();
        fs::write(entry.join("file"), "").unwrap();
    });
    let resized =
        |len: u64| move |entry: &Path| fs::OpenOptions::new().write(true).open(entry).unwrap().set_len(len).unwrap();
    damaged("empty", Miss::NotAnEntry, resized(0));
    damaged("huge", Miss::NotAnEntry, resized(1 << 42));
    damaged("larger", Miss::NotAuthentic, resized(32 << 20));
    damaged("cut", Miss::NotAuthentic, resized(700));
    damaged("sparse", Miss::NotAuthentic, |entry| {
        fs::File::create(entry).unwrap().set_len(32 << 20).unwrap();
    });
    damaged("text", Miss::NotAuthentic, |entry| fs::write(entry, "hello").unwrap());
    damaged("another module's", Miss::NotAuthentic, |entry| {
        let folder = Folder(entry.parent().unwrap().into());
        let engine = folder.engine();
        let other =
            CompiledModule::new(&engine, b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b");
        let other = other.unwrap();
        tier_up(&other, 0..1);
        let kept = entry.with_file_name("kept");
        fs::rename(entry, kept).unwrap();
        assert!(matches!(other.write_to_cache(), Ok(CacheWrite::Written(_))));
        fs::rename(folder.entry(), entry).unwrap();
        std::mem::forget(folder);
    });
    damaged("another key", Miss::NotAuthentic, |entry| {
        let key = entry.with_file_name("key");
        fs::remove_file(&key).unwrap();
    });
    damaged("head", Miss::NotAuthentic, |entry| {
        let mut bytes = fs::read(entry).unwrap();
        bytes[140] ^= 1;
        fs::write(entry, bytes).unwrap();
    });
    damaged("settings", Miss::OtherEngine, |entry| {
        let folder = Folder(entry.parent().unwrap().into());
        let kept = entry.with_file_name("kept");
        fs::rename(entry, &kept).unwrap();
        let engine = Engine::new(Config { canonicalize_nans: true, ..folder.config() }).unwrap();
        let module = make(&engine);
        assert_eq!(accesses(&engine), missed(Miss::Absent), "other settings, another name");
        tier_up(&module, 0..1);
        drop(module);
        fs::rename(folder.entry(), entry).unwrap();
        std::mem::forget(folder);
    });
}

#[test]
fn other_settings_are_another_entry() {
    let folder = filled("settings-skew", 3);
    let skews: [fn(&mut Config); 4] = [
        |config| config.canonicalize_nans = true,
        |config| config.fuel = true,
        |config| config.signals = false,
        |config| config.interrupts = false,
    ];
    for skew in skews {
        let mut config = folder.config();
        skew(&mut config);
        let engine = Engine::new(config).unwrap();
        make(&engine);
        assert_eq!(accesses(&engine), missed(Miss::Absent));
    }
    let engine = folder.engine();
    assert_eq!(run(&make(&engine)), 3);
}

#[test]
fn without_a_key_there_is_no_cache() {
    let folder = filled("no-key", 3);
    let key = folder.0.join("key");
    let good = fs::read(&key).unwrap();
    let expect = |what: &str| {
        let engine = folder.engine();
        let module = make(&engine);
        assert_eq!(run(&module), 0, "{what}");
        tier_up(&module, 0..1);
        drop(module);
        let stats = engine.cache_stats();
        assert_eq!((accesses(&engine), stats.writes, stats.failures), (missed(Miss::NoKey), 0, 1), "{what}");
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    expect("others can read it");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    expect("a directory");
    fs::remove_dir(&key).unwrap();
    fs::write(&key, &good[..31]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    expect("too short");
    fs::write(&key, &good).unwrap();
    assert_eq!(run(&make(&folder.engine())), 3);
}
