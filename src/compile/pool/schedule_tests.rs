//! Random schedules of many workers and functions, with the real pool, queues, state words and publishers.
//!
//! All workers of a schedule run on one thread. At each step a random one goes on: it takes a unit, publishes, or
//! finds nothing; and within a unit, wherever another thread could get between (before and after the claim, before the
//! code is handed to the publisher, in the middle of a publication), random others make steps of their own. A schedule
//! repeats by its seed. What the processor may reorder, the models look at (`loom_tests.rs`).

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Mutex, Weak};

use super::super::publisher::Publisher;
use super::super::state::{State, Word};
use super::session::Suspended;
use super::tests::prove;
use super::*;
use crate::tier::Tier;

/// How deep units are interrupted by others: as many threads as that are in the middle of something.
const WORKERS: usize = 8;
const FUNCTIONS: usize = 100;

struct Function {
    state: State,
    /// The tier of the code that callers reach.
    slot: AtomicU32,
    /// Compilations by tier, publications by tier.
    compiled: [AtomicUsize; 2],
    published: [AtomicUsize; 2],
    /// Units that are queued or being run.
    units: AtomicUsize,
}

/// A module and what a pool asks of it.
struct Modelled {
    functions: Vec<Function>,
    publishers: [Publisher<(usize, Tier)>; 2],
    /// Somebody stores slots of this tier.
    storing: [AtomicUsize; 2],
    stopped: AtomicUsize,
    random: Shuffle,
    schedule: Mutex<Weak<Schedule>>,
}

#[derive(Clone, Copy)]
struct Unit {
    func: usize,
    tier: Tier,
}

fn lane(tier: Tier) -> Lane {
    if tier == Tier::Baseline { Lane::Baseline } else { Lane::Top }
}

impl Modelled {
    fn new(seed: u64) -> Modelled {
        let function = |_| Function {
            state: State::new(Word::new(None, None)),
            slot: AtomicU32::new(0),
            compiled: Default::default(),
            published: Default::default(),
            units: AtomicUsize::new(0),
        };
        Modelled {
            functions: (0..FUNCTIONS).map(function).collect(),
            publishers: Default::default(),
            storing: Default::default(),
            stopped: AtomicUsize::new(0),
            random: Shuffle::new(seed),
            schedule: Mutex::default(),
        }
    }

    /// Other threads may get between here.
    fn interrupt(&self) {
        let schedule = self.schedule.lock().unwrap().upgrade();
        if let Some(schedule) = schedule {
            schedule.interrupt();
        }
    }

    /// What a worker does with a unit, and a lazy caller with the function that it needs.
    fn compile(&self, unit: Unit) -> Outcome {
        let function = &self.functions[unit.func];
        self.interrupt();
        if function.state.claim(unit.tier).is_err() {
            function.state.unqueued(unit.tier);
            return Outcome::Discarded;
        }
        self.interrupt();
        // One function of fifty is refused.
        if unit.func % 50 == 49 {
            function.state.refuse(unit.tier);
            return Outcome::Failed;
        }
        function.compiled[unit.tier as usize - 1].fetch_add(1, SeqCst);
        self.publishers[unit.tier as usize - 1].push((unit.func, unit.tier));
        self.interrupt();
        function.state.compiled(unit.tier);
        Outcome::Compiled
    }

    fn publish_all(&self, tier: Tier) {
        self.publishers[tier as usize - 1].drain(|batch| {
            let storing = &self.storing[tier as usize - 1];
            assert_eq!(storing.fetch_add(1, SeqCst), 0, "two publishers at once");
            for (func, tier) in batch {
                self.interrupt();
                self.store(func, tier);
            }
            storing.fetch_sub(1, SeqCst);
        });
    }

    fn store(&self, func: usize, tier: Tier) {
        let function = &self.functions[func];
        function.published[tier as usize - 1].fetch_add(1, SeqCst);
        // No slot moves down.
        function.slot.fetch_max(tier as u32, SeqCst);
        let change = function.state.published(tier);
        assert!(change.old.reached() <= change.new.reached());
        assert!(change.new.reached().map_or(0, |tier| tier as u32) <= function.slot.load(SeqCst));
    }
}

impl Client for Arc<Modelled> {
    type Unit = Unit;
    type Context = Pending;

    fn lane(&self, unit: &Unit) -> Lane {
        lane(unit.tier)
    }

    fn size(&self, unit: &Unit) -> u32 {
        if unit.func.is_multiple_of(10) { 5000 + unit.func as u32 } else { 100 }
    }

    fn module(&self, _unit: &Unit) -> u64 {
        1
    }

    fn context(&self, _worker: u32) -> Pending {
        Pending::default()
    }

    fn run(&self, batch: &mut Pending, unit: Unit) -> Outcome {
        let outcome = if self.stopped.load(SeqCst) != 0 {
            self.functions[unit.func].state.unqueued(unit.tier);
            Outcome::Discarded
        } else {
            self.compile(unit)
        };
        self.functions[unit.func].units.fetch_sub(1, SeqCst);
        batch.units += usize::from(outcome == Outcome::Compiled);
        outcome
    }

    fn discard(&self, unit: Unit) {
        self.functions[unit.func].state.unqueued(unit.tier);
        self.functions[unit.func].units.fetch_sub(1, SeqCst);
    }

    fn pending(&self, batch: &Pending) -> Pending {
        *batch
    }

    fn publish(&self, batch: &mut Pending) {
        *batch = Pending::default();
        self.publish_all(Tier::Baseline);
        self.publish_all(Tier::Top);
    }
}

/// A worker between two steps: its lane, its slot, what it has in hand.
type Worker = (Lane, usize, Suspended<Arc<Modelled>>);

/// The workers of a schedule. One that is in the middle of a step is not here.
struct Schedule {
    model: Arc<Modelled>,
    pool: Pool<Arc<Modelled>>,
    idle: RefCell<Vec<Worker>>,
    depth: Cell<usize>,
}

// SAFETY: a schedule stays on its thread.
unsafe impl Send for Schedule {}
// SAFETY: as above.
unsafe impl Sync for Schedule {}

impl Schedule {
    fn new(seed: u64) -> Arc<Schedule> {
        let model = Arc::new(Modelled::new(seed));
        let bounds = PublishBounds { age: Duration::MAX, ..PublishBounds::default() };
        let seed = seed.is_multiple_of(2).then_some(seed);
        // The steps are the workers: an executor that keeps no task stands for threads that are never started.
        let config = PoolConfig { workers: WORKERS / 2, seed, bounds, executor: Some(Arc::new(drop)) };
        let pool = Pool::new(model.clone(), config);
        for lane in Lane::ALL {
            pool.0.lane(lane).queues.grow_to(WORKERS / 2);
        }
        let workers = Lane::ALL
            .into_iter()
            .flat_map(|lane| (1..=WORKERS / 2).map(move |slot| (lane, slot, Suspended::default())));
        let schedule = Arc::new(Schedule { model, pool, idle: RefCell::new(workers.collect()), depth: Cell::new(0) });
        *schedule.model.schedule.lock().unwrap() = Arc::downgrade(&schedule);
        schedule
    }

    fn request(&self, func: usize, tier: Tier, priority: u8) {
        let function = &self.model.functions[func];
        if function.state.request(tier, priority).1 {
            function.units.fetch_add(1, SeqCst);
            let unit = Unit { func, tier };
            match priority {
                0 => self.pool.add_units(vec![unit]),
                _ => self.pool.add_priority_unit(unit, priority.into()),
            };
        }
    }

    fn interrupt(&self) {
        let depth = self.depth.get();
        if depth >= WORKERS || self.model.random.below(3) != 0 {
            return;
        }
        self.depth.set(depth + 1);
        (0..1 + self.model.random.below(2)).for_each(|_| {
            self.step();
        });
        self.depth.set(depth);
    }

    /// One step of anybody. False: it found nothing to do.
    fn step(&self) -> bool {
        let random = &self.model.random;
        match random.below(24) {
            0 => self.request(random.below(FUNCTIONS), Tier::Top, 1 + random.below(4) as u8),
            1 => self.lazy_call(random.below(FUNCTIONS)),
            _ => return self.work(),
        }
        true
    }

    /// A call of a function without code compiles it on the calling thread, and publishes it alone.
    fn lazy_call(&self, func: usize) {
        let function = &self.model.functions[func];
        if function.slot.load(SeqCst) != 0
            || self.model.compile(Unit { func, tier: Tier::Baseline }) != Outcome::Compiled
        {
            return;
        }
        // Unless somebody publishes it already.
        if self.model.publishers[0].take(|(waiting, _)| *waiting == func).is_some() {
            self.model.store(func, Tier::Baseline);
        }
    }

    /// A random worker takes a unit and runs it; or publishes, because it has found none.
    fn work(&self) -> bool {
        let Some(index) = self.idle.borrow().len().checked_sub(1) else { return false };
        let chosen = self.model.random.below(index + 1);
        let (lane, slot, suspended) = self.idle.borrow_mut().swap_remove(chosen);
        let shared = &self.pool.0;
        let mut session = Session::worker(shared, slot, slot);
        session.resume(suspended);
        let entry = shared.take(lane, slot);
        let found = entry.is_some();
        match entry {
            Some(entry) => session.run(lane, entry),
            None => {
                session.publish();
            }
        }
        let suspended = session.suspend();
        self.idle.borrow_mut().push((lane, slot, suspended));
        found
    }

    /// Until everybody finds nothing.
    fn finish(&self) {
        let mut vain = 0;
        while vain < 200 || !self.pool.is_idle() {
            vain = if self.work() { 0 } else { vain + 1 };
        }
    }

    fn check(&self, seed: u64, stopped: bool) {
        let stats = self.pool.stats();
        assert_eq!(stats.panics, 0, "seed {seed}");
        for lane in stats.lanes {
            assert_eq!((lane.queued, lane.in_flight), (0, 0), "seed {seed}");
            assert_eq!(lane.added, lane.compiled + lane.discarded + lane.failed, "seed {seed}");
        }
        for (index, function) in self.model.functions.iter().enumerate() {
            let word = function.state.look();
            assert_eq!(function.units.load(SeqCst), 0, "seed {seed}");
            for tier in [Tier::Baseline, Tier::Top] {
                let [compiled, published] =
                    [&function.compiled, &function.published].map(|counts| counts[tier as usize - 1].load(SeqCst));
                assert!(
                    compiled <= 1 && published == compiled,
                    "seed {seed}, function {index}: {compiled} {published}"
                );
                assert!(!word.is_in_flight(tier) && !word.is_queued(tier), "seed {seed}, function {index}");
            }
            let reached = word.reached().map_or(0, |tier| tier as u32);
            assert_eq!(reached, function.slot.load(SeqCst), "seed {seed}, function {index}");
            let refused = index % 50 == 49;
            assert_eq!(reached == 0, refused || (stopped && reached == 0), "seed {seed}, function {index}");
        }
    }
}

fn run(seed: u64) {
    let schedule = Schedule::new(seed);
    let random = &schedule.model.random;
    for func in 0..FUNCTIONS {
        schedule.request(func, Tier::Baseline, 0);
        if random.below(3) == 0 {
            schedule.request(func, Tier::Top, 0);
        }
    }
    (0..random.below(400)).for_each(|_| {
        schedule.step();
    });
    let stopped = random.below(4) == 0;
    if stopped {
        schedule.model.stopped.store(1, SeqCst);
        schedule.pool.cancel(1);
    }
    schedule.finish();
    schedule.check(seed, stopped);
}

/// Each function is compiled once per tier or its units are discarded, everything compiled is published, counts end
/// at 0.
#[test]
fn eight_workers_and_a_hundred_functions_in_random_schedules() {
    (0..if prove() { 100_000 } else { 500 }).for_each(run);
}
