//! Schedules: whatever comes first, everything is compiled once, counted, told and published.

use std::collections::HashMap;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::client::Unit;
use super::compilation::{Cancel, Compilation};
use super::events::{ALL_EVENTS, Event, EventKind, Scope, Subscription};
use super::pipeline::{Early, Pipeline};
use super::plan::Plan;
use super::pool::{PoolConfig, Waited};
use super::state::Denied;
use crate::abi::vmctx::VmLayout;
use crate::code::ModuleCode;
use crate::code::arena::CodeSpace;
use crate::config::{Config, LazyBatch, Strategy, Tiers};
use crate::error::Error;
use crate::module::{Features, Module, decode};
use crate::tier::compiled::CompiledCode;
use crate::tier::top::Bounds;
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

const FUNCTIONS: u32 = 16;

/// Functions that call each other; one of them is big.
fn module() -> Arc<Module> {
    let mut text = String::from("(module (table 4 funcref) (elem declare func $f3)");
    for i in 0..FUNCTIONS {
        let next = (i + 1) % FUNCTIONS;
        let filler = "(drop (i32.mul (local.get 0) (i32.const 7)))".repeat(if i == 5 { 800 } else { i as usize % 4 });
        let reference = if i == 2 { "(drop (ref.func $f3))" } else { "" };
        text += &format!(
            "(func $f{i} (param i32) (result i32) {filler} {reference}
               (if (result i32) (local.get 0)
                 (then (call $f{next} (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const {i}))))"
        );
    }
    text.push(')');
    Arc::new(decode::load(&wat::parse_str(text).unwrap(), Features::ALL, 1).unwrap())
}

struct World {
    pipeline: Pipeline,
    space: Arc<CodeSpace>,
    config: Config,
}

impl World {
    fn new(config: Config, pool: PoolConfig) -> World {
        let compilers = Compilers::new(&config, Bounds::Explicit).unwrap();
        let space = CodeSpace::new(config.code_reservation).unwrap();
        World { pipeline: Pipeline::new(compilers, config.lazy_batch, pool), space, config }
    }

    fn begin(&self, module: &Arc<Module>, strategy: Strategy, overrides: &[(u32, Strategy)]) -> Running<'_> {
        let plan = Plan::new(strategy, self.config.tiers, overrides.iter().copied());
        let events = self.pipeline.events().open();
        let begun =
            self.pipeline.prepare(&self.space, events, module.clone(), VmLayout::new(module), plan, None).unwrap();
        self.pipeline.begin(&begun.compilation, Early::Nothing);
        Running { world: self, compilation: begun.compilation, code: begun.code }
    }

    fn settle(&self) {
        while !self.pipeline.is_idle() {
            if self.pipeline.run_jobs(usize::MAX, None) == 0 {
                std::thread::yield_now();
            }
        }
    }
}

/// A module that is in use; dropping it closes it, as its last handle does.
struct Running<'a> {
    world: &'a World,
    compilation: Arc<Compilation>,
    code: Arc<ModuleCode>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.world.pipeline.close(&self.compilation);
    }
}

impl Running<'_> {
    fn call(&self, func: u32) -> Result<(), Error> {
        self.world.pipeline.compile_now(&self.compilation, &self.code, DefinedFunc(func))
    }

    fn request(&self, func: u32, tier: Tier, priority: u8) {
        self.world.pipeline.request(&self.compilation, DefinedFunc(func), tier, priority);
    }
}

fn config(tiers: Tiers) -> Config {
    Config { tiers, signals: false, code_reservation: 16 << 20, ..Config::default() }
}

fn drained(subscription: &Subscription) -> Vec<Event> {
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).unwrap();
    events
}

/// The events of one module are legal: nothing after the terminal one, at most one `BaselineFinished`, tiers only
/// rise, and a module that is told to be ready has `needed` functions by then.
fn check_events(events: &[Event], module: u64, needed: usize) {
    let mut tiers: HashMap<u32, Tier> = HashMap::new();
    let (mut ended, mut finished) = (false, false);
    for event in events.iter().filter(|event| event.module == module) {
        assert!(!ended, "{event:?} after the end");
        match event.kind {
            EventKind::BaselineFinished => {
                assert!(!std::mem::replace(&mut finished, true));
                assert!(tiers.len() >= needed, "ready with {} of {needed} functions", tiers.len());
            }
            EventKind::FunctionTiered => {
                let before = tiers.insert(event.func, event.to_tier.unwrap());
                assert!(before < event.to_tier, "{before:?} {event:?}");
            }
            kind => ended = kind.is_terminal(),
        }
    }
    assert!(ended, "no terminal event");
    assert!(events.is_sorted_by_key(|event| event.seq));
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |bound| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// What every compilation of the module must give, by function and tier.
fn reference(world: &World, module: &Arc<Module>, plan: &Plan) -> HashMap<(u32, Tier), CompiledCode> {
    let layout = VmLayout::new(module);
    let tiers = [Tier::Baseline, Tier::Top].into_iter().filter(|tier| world.config.tiers.contains(*tier));
    let compile = |tier, func| {
        let compilers = world.pipeline.compilers();
        let (mut scratch, index) = (Scratch::new(), DefinedFunc(func));
        if tier == Tier::Top && plan.may_repeat(func) {
            return compilers.compile_first(&mut scratch, module, &layout, index, None);
        }
        compilers.compile(tier, &mut scratch, module, &layout, index, None)
    };
    tiers
        .flat_map(|tier| (0..FUNCTIONS).map(move |func| (func, tier)))
        .map(|(f, t)| ((f, t), compile(t, f).unwrap()))
        .collect()
}

/// What threads do to a module at random.
fn disturb(running: &Running<'_>, seed: u64, tiers: Tiers) {
    let mut random = random(seed);
    for _ in 0..random(12) {
        let func = random(FUNCTIONS.into()) as u32;
        match random(10) {
            0..=3 => running.call(func).unwrap(),
            4..=5 => running.request(func, tiers.highest(), random(9) as u8),
            6 => {
                running.world.pipeline.tier_up_all(&running.compilation);
            }
            7 => {
                running.world.pipeline.run_jobs(random(4) as usize, None);
            }
            8 if random(4) == 0 => {
                let which = if random(2) == 0 { Cancel::Always } else { Cancel::IfNotReady };
                running.world.pipeline.cancel(&running.compilation, which);
            }
            _ => {
                let soon = Instant::now() + Duration::from_micros(random(200));
                running.world.pipeline.wait_ready(&running.compilation, Some(soon));
            }
        }
    }
}

fn one_schedule(module: &Arc<Module>, strategy: Strategy, tiers: Tiers, workers: usize, seed: u64) {
    let mut random = random(seed ^ (workers as u64) << 40);
    let pool = PoolConfig { workers, seed: Some(seed), ..PoolConfig::default() };
    let world = World::new(config(tiers), pool);
    let subscription = world.pipeline.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 12);
    let overrides: Vec<(u32, Strategy)> = (0..random(3)).map(|i| (i as u32 * 3, Strategy::Lazy)).collect();
    let running = world.begin(module, strategy, &overrides);
    let (compilation, whole) = (running.compilation.clone(), running.compilation.is_whole());
    let threads = 1 + random(2);
    if whole {
        // Nobody has the module before it is ready.
        let cancelled = random(3) == 0;
        std::thread::scope(|scope| {
            if cancelled {
                scope.spawn(|| world.pipeline.cancel(&compilation, Cancel::IfNotReady));
            }
            match world.pipeline.finish(&compilation, None) {
                Ok(waited) => assert_eq!((waited, running.code.published_count()), (Waited::Done, FUNCTIONS as usize)),
                Err(error) => assert!(cancelled && matches!(error, Error::Cancelled), "{error}"),
            }
        });
    } else {
        std::thread::scope(|scope| {
            let running = &running;
            (0..threads).for_each(|i| drop(scope.spawn(move || disturb(running, seed * 3 + i, tiers))));
        });
    }
    if random(2) == 0 {
        world.settle();
        let progress = compilation.progress();
        assert_eq!((progress.outstanding_first, progress.outstanding_top, progress.units), (0, 0, 0), "{progress:?}");
        let reached =
            |tier| (0..FUNCTIONS).filter(|func| compilation.look(DefinedFunc(*func)).reached() >= Some(tier)).count();
        assert_eq!(progress.counts.top, reached(Tier::Top));
        assert_eq!(progress.counts.baseline + progress.counts.top, reached(Tier::Baseline));
    }
    let id = compilation.id();
    drop(running);
    world.settle();
    let progress = compilation.progress();
    assert_eq!((progress.outstanding_first, progress.outstanding_top, progress.units), (0, 0, 0), "{progress:?}");
    let stats = world.pipeline.stats();
    for lane in stats.lanes {
        assert_eq!((lane.queued, lane.in_flight), (0, 0));
        assert_eq!(lane.added, lane.compiled + lane.failed + lane.discarded, "{lane:?}");
    }
    let recorded = compilation.recorded();
    let expected = reference(&world, module, compilation.plan());
    let mut seen = HashMap::new();
    for (func, tier, code) in &recorded {
        assert_eq!(Some(code), expected.get(&(func.0, *tier)), "another schedule, other code");
        *seen.entry((func.0, *tier)).or_insert(0) += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "compiled more than once: {seen:?}");
    assert_eq!(progress.compiled as usize, recorded.len());
    let lazy = overrides.len() as u32;
    let needed = if matches!(strategy, Strategy::Eager | Strategy::EagerBackground) { FUNCTIONS - lazy } else { 0 };
    check_events(&drained(&subscription), id, needed as usize);
    drop(compilation);
    assert_eq!(world.space.users(), 0, "memory of a module that is gone");
}

/// How many schedules per strategy and number of workers: all of them, a slice, or as many as asked for.
fn schedules() -> u64 {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let full = number("UPDRAFT_PROVE") == Some(1);
    number("UPDRAFT_SCHEDULES").unwrap_or(if full { 10_000 } else { 12 })
}

fn schedules_of(strategy: Strategy) {
    let module = module();
    for workers in [0, 1, 2, 8] {
        for seed in 1..=schedules() {
            let tiers = [Tiers::Both, Tiers::Both, Tiers::Top, Tiers::Baseline][seed as usize % 4];
            one_schedule(&module, strategy, tiers, workers, seed);
        }
    }
}

#[test]
fn any_schedule_of_lazy_compilation_comes_out_right() {
    schedules_of(Strategy::Lazy);
}

#[test]
fn any_schedule_of_eager_compilation_comes_out_right() {
    schedules_of(Strategy::Eager);
}

#[test]
fn any_schedule_of_background_compilation_comes_out_right() {
    schedules_of(Strategy::EagerBackground);
}

#[test]
fn any_schedule_of_lazy_baseline_and_eager_top_comes_out_right() {
    schedules_of(Strategy::LazyBaselineEagerTop);
}

/// Threads that want the same function at the same time: one compiles, all go on.
#[test]
fn a_function_is_compiled_once_for_all_callers() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig { workers: 2, ..PoolConfig::default() });
    let running = world.begin(&module, Strategy::Lazy, &[]);
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for func in 0..FUNCTIONS {
                    barrier.wait();
                    running.call(func).unwrap();
                    assert!(running.code.is_published(DefinedFunc(func)));
                }
            });
        }
    });
    assert_eq!(running.compilation.progress().compiled, FUNCTIONS.into());
}

/// The counter of waits for publications: it stays 0 when code that waits can be taken, and counts when somebody
/// else holds it.
#[test]
fn waits_for_a_publication_are_counted() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig::default());
    let running = world.begin(&module, Strategy::Lazy, &[]);
    let compile = |func| {
        let compilation = &running.compilation;
        compilation.claim(func, Tier::Baseline).unwrap();
        compilation.compile(world.pipeline.compilers(), &mut Scratch::new(), func, Tier::Baseline, 1).unwrap()
    };
    let first = DefinedFunc(0);
    running.compilation.add_ready(compile(first));
    running.call(0).unwrap();
    assert_eq!(running.compilation.progress().publication_waits, 0, "the caller took what waited");
    let second = DefinedFunc(1);
    running.compilation.add_ready(compile(second));
    let held = running.compilation.hold_ready(second, Tier::Baseline).unwrap();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| running.call(1));
        while running.compilation.progress().publication_waits == 0 {
            std::thread::yield_now();
        }
        assert!(!caller.is_finished());
        running.compilation.publish_batch(vec![held]);
        world.pipeline.notify();
        caller.join().unwrap().unwrap();
    });
    assert_eq!(running.compilation.progress().publication_waits, 1);
}

/// A unit that turns out to be needless leaves nothing behind that looks as if it were still to come.
#[test]
fn who_waits_for_a_denied_function_does_not_wait_for_its_unit() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig::default());
    let running = world.begin(&module, Strategy::Lazy, &[]);
    running.request(3, Tier::Top, 1);
    running.compilation.deny(DefinedFunc(3), Denied::Yes).unwrap();
    world.settle();
    assert!(!running.compilation.look(DefinedFunc(3)).is_queued(Tier::Top));
    assert!(world.pipeline.wait_tier(&running.compilation, DefinedFunc(3), Tier::Top, None).is_err());
    // The other tier first.
    running.request(4, Tier::Baseline, 1);
    running.compilation.deny(DefinedFunc(3), Denied::No).unwrap();
    running.request(3, Tier::Top, 1);
    world.settle();
    assert_eq!(running.compilation.look(DefinedFunc(3)).reached(), Some(Tier::Top));
}

/// One unit that fails harms nothing but itself, in either tier.
#[test]
fn a_refused_function_stays_where_it_is() {
    let module = module();
    let failing = Config { fail_function: Some(3), fail_tiers: Tiers::Top, ..config(Tiers::Both) };
    let world = World::new(failing, PoolConfig { workers: 2, ..PoolConfig::default() });
    let subscription = world.pipeline.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 12);
    let running = world.begin(&module, Strategy::Eager, &[]);
    assert_eq!(world.pipeline.finish(&running.compilation, None).unwrap(), Waited::Done);
    world.pipeline.tier_up_all(&running.compilation);
    assert_eq!(world.pipeline.wait_finished(&running.compilation, None), Waited::Done);
    let progress = running.compilation.progress();
    assert_eq!((progress.counts.baseline, progress.counts.top), (1, FUNCTIONS as usize - 1));
    assert_eq!((progress.refused, progress.outstanding_top), ([0, 1], 0));
    running.call(3).unwrap();
    let error = world.pipeline.wait_tier(&running.compilation, DefinedFunc(3), Tier::Top, None).unwrap_err();
    assert!(matches!(error, Error::Compile { func, .. } if func.0 == 3), "{error}");
    let refusals = drained(&subscription).into_iter().filter(|event| event.kind == EventKind::FunctionRefused);
    let refusals: Vec<_> = refusals.map(|event| (event.func, event.from_tier, event.to_tier, event.status)).collect();
    assert_eq!(refusals, [(3, Some(Tier::Baseline), Some(Tier::Top), 5)]);
}

#[test]
fn a_function_without_any_code_fails_its_callers_and_the_eager_module() {
    let module = module();
    let failing = Config { fail_function: Some(3), ..config(Tiers::Both) };
    let world = World::new(failing.clone(), PoolConfig { workers: 2, ..PoolConfig::default() });
    let running = world.begin(&module, Strategy::EagerBackground, &[]);
    assert_eq!(world.pipeline.wait_ready(&running.compilation, None), Waited::Done);
    assert_eq!(running.code.published_count(), FUNCTIONS as usize - 1, "nothing already compiled is lost");
    for _ in 0..2 {
        let error = running.call(3).unwrap_err();
        assert!(error.to_string().starts_with("function 3 could not be compiled"), "{error}");
    }
    running.call(4).unwrap();
    for (tiers, workers) in [(Tiers::Top, 2), (Tiers::Both, 0), (Tiers::Baseline, 8)] {
        let world = World::new(Config { tiers, ..failing.clone() }, PoolConfig { workers, ..PoolConfig::default() });
        let running = world.begin(&module, Strategy::Eager, &[]);
        let error = world.pipeline.finish(&running.compilation, None).unwrap_err();
        assert!(matches!(error, Error::Compile { func, .. } if func.0 == 3), "{error}");
    }
}

/// A panic is an error of its unit, for the worker's and for the caller's, and leaves no claim behind.
#[test]
fn a_panic_harms_its_unit_only() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig { workers: 2, ..PoolConfig::default() });
    let running = world.begin(&module, Strategy::Lazy, &[]);
    running.compilation.panic_at(DefinedFunc(6));
    let error = running.call(6).unwrap_err();
    assert_eq!(error.to_string(), "function 6 could not be compiled: the compiler panicked");
    running.call(7).unwrap();
    running.compilation.panic_at(DefinedFunc(7));
    world.pipeline.tier_up_all(&running.compilation);
    assert_eq!(world.pipeline.wait_finished(&running.compilation, None), Waited::Done);
    let progress = running.compilation.progress();
    assert_eq!((progress.counts.baseline, progress.counts.top), (1, FUNCTIONS as usize - 1));
    assert_eq!((progress.refused, progress.units), ([1, 1], 0));
    running.call(7).unwrap();
}

/// Exhaustion is the error of whoever asked, and the functions that have code keep it.
#[test]
fn a_full_code_space_fails_the_job_and_nothing_else() {
    let module = module();
    let tiny = Config { code_reservation: 512 << 10, ..config(Tiers::Both) };
    let world = World::new(tiny, PoolConfig { workers: 1, ..PoolConfig::default() });
    let mut modules = Vec::new();
    let error = loop {
        let plan = Plan::new(Strategy::Eager, Tiers::Both, []);
        let events = world.pipeline.events().open();
        let begun = world.pipeline.prepare(&world.space, events, module.clone(), VmLayout::new(&module), plan, None);
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => break error,
        };
        world.pipeline.begin(&begun.compilation, Early::Nothing);
        let running = Running { world: &world, compilation: begun.compilation, code: begun.code };
        if let Err(error) = world.pipeline.finish(&running.compilation, None) {
            break error;
        }
        modules.push(running);
        assert!(modules.len() < 1000, "it should be full by now");
    };
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    assert!(!modules.is_empty());
    for running in &modules {
        assert_eq!(running.code.published_count(), FUNCTIONS as usize);
    }
    world.settle();
    assert!(world.pipeline.is_idle());
    // Room comes back with a module that goes.
    modules.clear();
    let running = world.begin(&module, Strategy::Eager, &[]);
    assert_eq!(world.pipeline.finish(&running.compilation, None).unwrap(), Waited::Done);
}

#[test]
fn a_batch_compiles_what_the_entry_reaches_within_its_bounds() {
    let module = module();
    let batch = |functions, bytes| Config { lazy_batch: Some(LazyBatch { functions, bytes }), ..config(Tiers::Both) };
    for workers in [0, 2] {
        let pool = || PoolConfig { workers, ..PoolConfig::default() };
        let world = World::new(batch(4, 1 << 20), pool());
        let running = world.begin(&module, Strategy::Lazy, &[]);
        running.call(0).unwrap();
        let compiled: Vec<u32> = (0..FUNCTIONS).filter(|func| running.code.is_published(DefinedFunc(*func))).collect();
        assert_eq!(compiled, [0, 1, 2, 3, 4]);
        running.call(0).unwrap();
        assert_eq!(running.compilation.progress().compiled, 5, "nothing is compiled twice");
        // The big function is not within the bound of bytes.
        let world = World::new(batch(100, 1000), pool());
        let running = world.begin(&module, Strategy::Lazy, &[]);
        running.call(2).unwrap();
        assert!(!running.code.is_published(DefinedFunc(5)) && running.code.is_published(DefinedFunc(4)));
        // What fails in a batch is the matter of whoever calls it.
        let failing = Config { fail_function: Some(2), ..batch(100, 1 << 20) };
        let world = World::new(failing, pool());
        let running = world.begin(&module, Strategy::Lazy, &[]);
        running.call(0).unwrap();
        assert_eq!(running.code.published_count(), FUNCTIONS as usize - 1);
        assert!(running.call(2).is_err());
    }
}

/// Units of a module that is gone vanish, and its memory with them.
#[test]
fn a_dropped_module_takes_its_units_with_it() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig::default());
    let running = world.begin(&module, Strategy::EagerBackground, &[]);
    let (compilation, code) = (Arc::downgrade(&running.compilation), Arc::downgrade(&running.code));
    assert_eq!(running.compilation.progress().units, FUNCTIONS as usize);
    // A unit in somebody's hands while the module goes.
    running.compilation.claim(DefinedFunc(0), Tier::Baseline).unwrap();
    let ready = running
        .compilation
        .compile(world.pipeline.compilers(), &mut Scratch::new(), DefinedFunc(0), Tier::Baseline, 1)
        .unwrap();
    let kept = running.compilation.clone();
    drop(running);
    assert!(code.upgrade().is_none(), "nobody can instantiate it: its code is freed");
    kept.add_ready(ready);
    kept.publish();
    let progress = kept.progress();
    assert_eq!((progress.outstanding_first, progress.outstanding_top, progress.units), (0, 0, 0), "{progress:?}");
    drop(kept);
    assert!(compilation.upgrade().is_none(), "and its wire bytes with the last unit");
    assert_eq!(world.pipeline.run_jobs(usize::MAX, None), 0);
}

#[test]
fn cancelling_wakes_who_waits_and_keeps_what_is_compiled() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig::default());
    let subscription = world.pipeline.events().subscribe(Scope::Engine, ALL_EVENTS, 1 << 12);
    let running = world.begin(&module, Strategy::EagerBackground, &[]);
    assert_eq!(world.pipeline.run_jobs(3, None), 3);
    assert!(world.pipeline.cancel(&running.compilation, Cancel::IfNotReady));
    assert!(!world.pipeline.cancel(&running.compilation, Cancel::Always), "once");
    assert_eq!(world.pipeline.wait_ready(&running.compilation, None), Waited::Done);
    assert!(world.pipeline.is_idle() && running.compilation.is_finished());
    assert_eq!(running.code.published_count(), 3);
    for func in 0..FUNCTIONS {
        running.call(func).unwrap();
    }
    let id = running.compilation.id();
    drop(running);
    let events = drained(&subscription);
    check_events(&events, id, FUNCTIONS as usize);
    let ends: Vec<EventKind> = events.iter().map(|event| event.kind).filter(|kind| kind.is_terminal()).collect();
    assert_eq!(ends, [EventKind::Cancelled]);
    // A module that is ready is not cancelled by a late wish.
    let running = world.begin(&module, Strategy::Lazy, &[]);
    assert!(!world.pipeline.cancel(&running.compilation, Cancel::IfNotReady));
}

#[test]
fn another_compilation_by_the_top_tier_replaces_the_code() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig { workers: 1, ..PoolConfig::default() });
    let running = world.begin(&module, Strategy::Lazy, &[]);
    let func = DefinedFunc(7);
    let wait = || world.pipeline.wait_tier(&running.compilation, func, Tier::Top, None).unwrap();
    assert_eq!(wait(), Waited::Done);
    let first = running.code.entry(func);
    running.request(7, Tier::Top, 200);
    world.settle();
    assert_eq!(running.code.entry(func), first, "nobody allowed another one");
    running.compilation.allow_again(func);
    running.request(7, Tier::Top, 200);
    world.settle();
    assert_ne!(running.code.entry(func), first);
    assert_eq!(running.compilation.look(func).attempts(), 2);
}

/// After a shutdown nothing is compiled in the background; callers still compile what they call.
#[test]
fn a_pipeline_that_is_shut_down_serves_callers() {
    let module = module();
    let world = World::new(config(Tiers::Both), PoolConfig { workers: 2, ..PoolConfig::default() });
    let running = world.begin(&module, Strategy::EagerBackground, &[]);
    assert!(world.pipeline.shutdown(None));
    assert!(running.compilation.is_finished());
    for func in 0..FUNCTIONS {
        running.call(func).unwrap();
    }
    assert_eq!(running.code.published_count(), FUNCTIONS as usize);
    let eager = world.begin(&module, Strategy::Eager, &[]);
    assert!(matches!(world.pipeline.finish(&eager.compilation, None), Err(Error::Cancelled)));
}

/// A unit knows its module by reference only; this keeps the size of queues in check.
#[test]
fn units_are_small() {
    assert!(size_of::<Unit>() <= 32);
}
