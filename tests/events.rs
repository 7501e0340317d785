//! Events of real modules: random hosts that make, steer, cancel and drop modules while others subscribe, drain and leave.
//!
//! `UPDRAFT_PROVE=1` runs forty times as many; a failure names the seed.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use common::{Rng, proving};
use updraft::compile::events::{
    ALL_EVENTS, DeliverOn, Event, EventKind, Listener, NO_WORKER, Scope, Subscription, Waited as Events,
};
use updraft::config::{Config, Strategy, Tiers, Workers};
use updraft::engine::{Cancel, CompiledModule, Engine, Job, ModuleOptions, Waited};
use updraft::module::SharedBytes;
use updraft::tier::Tier;
use updraft::types::FuncIndex;

const STRATEGIES: [Strategy; 4] =
    [Strategy::Lazy, Strategy::Eager, Strategy::EagerBackground, Strategy::LazyBaselineEagerTop];
const FUNCTIONS: usize = 12;

fn engine(workers: usize, seed: u64) -> Engine {
    let workers = Workers::Threads(workers);
    let config = Config {
        tiers: Tiers::Both,
        workers,
        schedule_seed: Some(seed),
        code_reservation: 64 << 20,
        ..Config::default()
    };
    Engine::new(config).unwrap()
}

fn text(valid: Valid) -> SharedBytes {
    let functions = "(func (result i32) (i32.const 1))".repeat(FUNCTIONS);
    let rest = if valid == Valid::Yes { "" } else { "(func (result i32))" };
    Arc::new(format!("(module {functions} {rest})").into_bytes())
}

#[derive(Clone, Copy, PartialEq)]
enum Valid {
    Yes,
    No,
}

/// What the events of one module said so far.
#[derive(Default)]
struct Told {
    finished: usize,
    terminal: Option<EventKind>,
    tiers: HashMap<u32, Option<Tier>>,
}

/// Fails if events come in an order that the rules forbid. Events that were lost are allowed to be missing.
fn told(events: &[Event], seed: u64) -> BTreeMap<u64, Told> {
    let mut modules = BTreeMap::<u64, Told>::new();
    let mut last = 0;
    for event in events {
        let after_loss = event.kind.is_state() && event.seq == last;
        assert!(event.seq > last || after_loss, "seed {seed}: {event:?} after number {last}");
        if event.kind == EventKind::Resync {
            last = event.seq - 1;
            continue;
        }
        last = event.seq;
        let module = modules.entry(event.module).or_default();
        assert_eq!(module.terminal, None, "seed {seed}: {event:?}");
        match event.kind {
            EventKind::BaselineFinished => module.finished += 1,
            EventKind::FunctionTiered => {
                let before = module.tiers.insert(event.func, event.to_tier);
                assert!(event.from_tier < event.to_tier, "seed {seed}: {event:?}");
                assert!(
                    before.is_none_or(|before| before <= event.from_tier),
                    "seed {seed}: {before:?}, then {event:?}"
                );
                assert!(event.code_size > 0 && event.worker >= 1, "seed {seed}: {event:?}");
            }
            kind if kind.is_terminal() => module.terminal = Some(kind),
            _ => assert!(event.count <= 2 * FUNCTIONS as u32, "seed {seed}: {event:?}"),
        }
        assert!(module.finished <= 1, "seed {seed}: {event:?}");
    }
    modules
}

/// Drains whatever comes until nothing will.
fn collect(subscription: &Subscription, page: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while subscription.wait(None) == Events::Ready {
        subscription.drain(&mut events, page).unwrap();
    }
    events
}

/// A host that does this and that to a few modules. The numbers of those that it made.
fn random_host(engine: &Engine, seed: u64) -> Vec<(u64, Valid)> {
    let mut rng = Rng::new(seed);
    let (mut jobs, mut modules, mut made) = (Vec::<Job>::new(), Vec::<CompiledModule>::new(), Vec::new());
    for _ in 0..30 {
        match rng.below(9) {
            0 | 1 => {
                let options = ModuleOptions { strategy: Some(*rng.pick(&STRATEGIES)), ..ModuleOptions::default() };
                let valid = if rng.below(5) == 0 { Valid::No } else { Valid::Yes };
                let job = Job::start(engine, text(valid), options);
                made.push((job.id(), valid));
                jobs.push(job);
            }
            2 if !jobs.is_empty() => {
                let job = jobs.swap_remove(rng.below(jobs.len()));
                modules.extend(job.wait(None).and_then(Result::ok));
            }
            3 if !jobs.is_empty() => {
                let which = rng.below(jobs.len());
                jobs[which].cancel();
            }
            4 if !modules.is_empty() => drop(modules.swap_remove(rng.below(modules.len()))),
            5 => {
                engine.run_jobs(rng.below(8), None).unwrap();
            }
            6 if !modules.is_empty() => {
                let module = rng.pick(&modules);
                module.request_tier(FuncIndex(rng.below(FUNCTIONS) as u32), Tier::Top, rng.below(4) as u8).unwrap();
            }
            7 if !modules.is_empty() => {
                let module = rng.pick(&modules);
                module.cancel(*rng.pick(&[Cancel::Always, Cancel::IfNotReady]));
            }
            8 if !modules.is_empty() => {
                let all: Vec<FuncIndex> = (0..FUNCTIONS as u32).map(FuncIndex).collect();
                // Fails for those that were cancelled.
                let _ = rng.pick(&modules).wait_tiers(&all, Tier::Baseline, None);
            }
            _ => {}
        }
    }
    made
}

/// Each module ends once, for everybody who looks, however small the queue and late the subscription.
#[test]
fn every_module_has_one_end_whatever_hosts_do() {
    let rounds = if proving() { 2000 } else { 50 };
    let (mut kinds, mut dropped) = (BTreeMap::<EventKind, usize>::new(), 0);
    for seed in 1..=rounds {
        let workers = [0, 1, 2, 8][seed as usize % 4];
        let engine = engine(workers, seed);
        let whole = engine.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 14);
        let small = engine.events().subscribe(Scope::Engine, ALL_EVENTS, 3);
        let ended = AtomicBool::new(false);
        let (made, all, few, late) = std::thread::scope(|scope| {
            let all = scope.spawn(|| collect(&whole, 100));
            let few = scope.spawn(|| collect(&small, 1));
            // Comes and goes.
            let late = scope.spawn(|| {
                let mut seen = Vec::new();
                while !ended.load(Relaxed) {
                    let subscription = engine.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 14);
                    let mut events = Vec::new();
                    std::thread::yield_now();
                    subscription.drain(&mut events, usize::MAX).unwrap();
                    seen.push(events);
                }
                seen
            });
            let hosts = [seed, seed + 1_000_000].map(|seed| {
                scope.spawn({
                    let engine = &engine;
                    move || random_host(engine, seed)
                })
            });
            let made = hosts.map(|host| host.join().unwrap()).concat();
            ended.store(true, Relaxed);
            let late = late.join().unwrap();
            assert!(engine.shutdown(None));
            engine.events().end();
            (made, all.join().unwrap(), few.join().unwrap(), late)
        });
        assert_eq!(whole.dropped(), 0);
        dropped += small.dropped();
        let modules = told(&all, seed);
        assert_eq!(modules.len(), made.len(), "seed {seed}");
        for (id, valid) in made {
            let end = modules[&id].terminal.unwrap_or_else(|| panic!("seed {seed}: module {id} never ended"));
            *kinds.entry(end).or_default() += 1;
            assert!(
                valid == Valid::Yes
                    || end == EventKind::Failed
                    || end == EventKind::Cancelled
                    || end == EventKind::Closed
            );
            assert!(valid == Valid::No || end != EventKind::Failed, "seed {seed}: module {id}");
        }
        told(&few, seed);
        for events in late {
            told(&events, seed);
        }
        // Whatever was not lost is the same for both.
        let lost: u64 =
            few.iter().filter(|event| event.kind == EventKind::Resync).map(|event| u64::from(event.count)).sum();
        assert_eq!(lost, small.dropped(), "seed {seed}");
        assert!(
            few.iter().filter(|event| event.kind != EventKind::Resync).all(|event| all.contains(event)),
            "seed {seed}"
        );
    }
    assert!(kinds.len() == 3 && kinds.values().all(|count| *count > 10), "{kinds:?}");
    assert!(dropped > 0);
}

/// Steers the module that it hears of, from within the callback.
struct Steers {
    engine: Engine,
    module: Mutex<Option<CompiledModule>>,
    calls: AtomicUsize,
    on_worker: AtomicBool,
}

impl Listener for Steers {
    fn event(&self, event: &Event) {
        self.calls.fetch_add(1, Relaxed);
        if event.worker != NO_WORKER {
            self.on_worker.store(true, Relaxed);
        }
        // What a callback may do: ask, request, cancel, subscribe.
        let module = self.module.lock().unwrap().clone();
        if let (Some(module), EventKind::FunctionTiered) = (module, event.kind) {
            module.progress();
            module.request_tier(FuncIndex(event.func), Tier::Top, 3).unwrap();
            let own = self.engine.events().subscribe(Scope::Module(module.id()), ALL_EVENTS, 1);
            own.drain(&mut Vec::new(), 1).unwrap();
            if event.func == 7 && event.to_tier == Some(Tier::Top) {
                module.cancel(Cancel::Always);
            }
        }
    }
}

#[test]
fn callbacks_on_workers_may_steer_the_module_that_they_hear_of() {
    for workers in [0, 1, 2] {
        let engine = engine(workers, 5);
        let subscription = engine.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 10);
        let options = ModuleOptions { strategy: Some(Strategy::EagerBackground), ..ModuleOptions::default() };
        let steers = Arc::new(Steers {
            engine: engine.clone(),
            module: Mutex::default(),
            calls: AtomicUsize::new(0),
            on_worker: AtomicBool::new(false),
        });
        subscription.set_listener(DeliverOn::Poster, steers.clone()).unwrap();
        let job = Job::start(&engine, text(Valid::Yes), options);
        let module = job.wait(None).unwrap().unwrap();
        *steers.module.lock().unwrap() = Some(module.clone());
        module.wait_ready(None).unwrap();
        let all: Vec<FuncIndex> = (0..FUNCTIONS as u32).map(FuncIndex).collect();
        // Ends when the callback has cancelled, at the latest.
        let waited = module.wait_tiers(&all, Tier::Top, None);
        assert!(waited.is_err() || waited.is_ok_and(|waited| waited == Waited::Done));
        assert!(engine.shutdown(None));
        subscription.close();
        assert!(steers.calls.load(Relaxed) >= FUNCTIONS);
        assert!(workers == 0 || steers.on_worker.load(Relaxed) || steers.calls.load(Relaxed) > 0);
        *steers.module.lock().unwrap() = None;
    }
}
