//! Models of sleeping, waking, queues and the end of a pool: the real functions, under every execution that
//! the orderings allow. A wake-up that gets lost shows as a deadlock.
//!
//! Each model holds with the orderings as they are, and each ordering is needed: weakened to Relaxed, or left
//! out, one of the models finds an execution that goes wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::sync::Arc;
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::thread;

use super::super::wake::Wake;
use super::{Client, Lane, Outcome, Pending, Pool, PoolConfig, PublishBounds, Runner};
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicUsize, Site, weakened};

/// What became of a unit. loom reports a read that does not come after the write.
struct Fate(UnsafeCell<Option<How>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Published,
    Discarded,
}

// SAFETY: that accesses are ordered is what the models check.
unsafe impl Sync for Fate {}
// SAFETY: as above.
unsafe impl Send for Fate {}

impl Fate {
    fn decide(&self, how: How) {
        // SAFETY: only whoever has the unit writes, or loom says otherwise.
        self.0.with_mut(|fate| unsafe {
            assert_eq!(*fate, None, "a unit is done with once");
            *fate = Some(how);
        });
    }

    fn decided(&self) -> Option<How> {
        // SAFETY: read after the unit is done with, or loom says otherwise.
        self.0.with(|fate| unsafe { *fate })
    }
}

/// A client that does nothing else.
struct Model {
    fates: Vec<Fate>,
}

#[derive(Clone, Copy)]
struct Unit {
    number: usize,
    lane: Lane,
}

impl Client for Arc<Model> {
    type Unit = Unit;
    type Context = Vec<usize>;

    fn lane(&self, unit: &Unit) -> Lane {
        unit.lane
    }

    fn size(&self, _unit: &Unit) -> u32 {
        1
    }

    fn module(&self, unit: &Unit) -> u64 {
        unit.number as u64
    }

    fn context(&self, _worker: u32) -> Vec<usize> {
        Vec::new()
    }

    fn run(&self, batch: &mut Vec<usize>, unit: Unit) -> Outcome {
        batch.push(unit.number);
        Outcome::Compiled
    }

    fn discard(&self, unit: Unit) {
        self.fates[unit.number].decide(How::Discarded);
    }

    fn pending(&self, batch: &Vec<usize>) -> Pending {
        Pending { units: batch.len(), bytes: 0 }
    }

    fn publish(&self, batch: &mut Vec<usize>) {
        batch.drain(..).for_each(|unit| self.fates[unit].decide(How::Published));
    }
}

/// A pool with a worker per lane that has one, and a client to ask afterwards.
struct World {
    pool: Pool<Arc<Model>>,
    model: Arc<Model>,
}

impl World {
    fn new(units: usize, workers: usize) -> Arc<World> {
        let model = Arc::new(Model { fates: (0..units).map(|_| Fate(UnsafeCell::new(None))).collect() });
        // Models have no time.
        let bounds = PublishBounds { age: Duration::MAX, ..PublishBounds::default() };
        let pool = Pool::new(model.clone(), PoolConfig { workers, bounds, ..PoolConfig::default() });
        Arc::new(World { pool, model })
    }

    /// Threads that are workers until the pool is shut down.
    fn workers(self: &Arc<World>, lane: Lane, count: usize) -> Vec<thread::JoinHandle<()>> {
        self.pool.model_workers(lane, count);
        let worker = |slot| {
            let world = self.clone();
            thread::spawn(move || world.pool.model_worker(lane, slot))
        };
        (1..=count).map(worker).collect()
    }

    /// Everything is done with when the pool has ended.
    fn end(&self, threads: Vec<thread::JoinHandle<()>>) -> Vec<How> {
        assert!(self.pool.shutdown(None));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = self.pool.stats();
        for lane in stats.lanes {
            assert_eq!((lane.queued, lane.in_flight), (0, 0));
            assert_eq!(lane.added, lane.compiled + lane.discarded);
        }
        self.model.fates.iter().map(|fate| fate.decided().expect("every unit is done with")).collect()
    }
}

fn unit(number: usize, lane: Lane) -> Unit {
    Unit { number, lane }
}

/// Two threads: one sleeps until there is work, the other one makes some.
fn sleep_and_wake() {
    let world = Arc::new((Wake::default(), AtomicUsize::new(0)));
    let sleeper = thread::spawn({
        let world = world.clone();
        move || {
            let (wake, work) = &*world;
            while work.load(Relaxed) == 0 {
                let ticket = wake.prepare();
                if work.load(Relaxed) == 0 {
                    ticket.sleep(None);
                }
            }
        }
    });
    let (wake, work) = &*world;
    work.store(1, Relaxed);
    wake.wake(1);
    sleeper.join().unwrap();
}

/// A sleeper that has been called for a piece of work but finds another one leaves the call to the next: no
/// piece waits for a thread that is busy while another one sleeps. Each of the workers keeps the piece that it
/// takes until all are taken.
fn calls_are_passed_on() {
    struct Work {
        wake: Wake,
        pieces: AtomicUsize,
        taken: AtomicUsize,
        all_taken: Wake,
    }
    let take = |work: &Work| work.pieces.fetch_update(Relaxed, Relaxed, |pieces| pieces.checked_sub(1)).is_ok();
    let world = Arc::new(Work {
        wake: Wake::default(),
        pieces: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
        all_taken: Wake::default(),
    });
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let world = world.clone();
            thread::spawn(move || {
                while !take(&world) {
                    let ticket = world.wake.prepare();
                    if world.pieces.load(Relaxed) == 0 {
                        ticket.sleep(None);
                    }
                }
                world.taken.fetch_add(1, Relaxed);
                world.all_taken.wake_all();
                while world.taken.load(Relaxed) < 2 {
                    let ticket = world.all_taken.prepare();
                    if world.taken.load(Relaxed) < 2 {
                        ticket.sleep(None);
                    }
                }
            })
        })
        .collect();
    for _ in 0..2 {
        world.pieces.fetch_add(1, Relaxed);
        world.wake.wake(1);
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// A unit is added while the worker goes to sleep. Whoever waits for it sees that it was published.
fn add_and_sleep() {
    let world = World::new(1, 1);
    let threads = world.workers(Lane::Baseline, 1);
    assert_eq!(world.pool.add_units(vec![unit(0, Lane::Baseline)]), Runner::Workers);
    world.pool.wait_until(Lane::Baseline, None, &|| world.pool.is_idle());
    assert_eq!(world.model.fates[0].decided(), Some(How::Published));
    world.end(threads);
}

/// Units are added to one worker's queue while another one steals.
fn add_and_steal() {
    let world = World::new(2, 2);
    let threads = world.workers(Lane::Baseline, 2);
    world.pool.add_units(vec![unit(0, Lane::Baseline), unit(1, Lane::Baseline)]);
    world.pool.wait_until(Lane::Baseline, None, &|| world.pool.is_idle());
    assert_eq!(world.end(threads), [How::Published; 2]);
}

/// One thread adds, another one shuts the pool down: the unit is run or discarded, by whomever.
fn add_and_shut_down() {
    let world = World::new(1, 1);
    let adder = thread::spawn({
        let world = world.clone();
        move || {
            world.pool.add_units(vec![unit(0, Lane::Baseline)]);
        }
    });
    world.pool.shutdown(None);
    adder.join().unwrap();
    assert_eq!(world.end(Vec::new()), [How::Discarded]);
}

/// The same with a worker that may be at the unit, or on its way to sleep.
fn shut_down_a_worker() {
    let world = World::new(1, 1);
    let threads = world.workers(Lane::Baseline, 1);
    world.pool.add_units(vec![unit(0, Lane::Baseline)]);
    world.end(threads);
}

/// A module is dropped while its unit is queued or in flight; the unit of another module is not touched.
fn cancel_in_flight() {
    let world = World::new(2, 1);
    let threads = world.workers(Lane::Baseline, 1);
    world.pool.add_units(vec![unit(0, Lane::Baseline), unit(1, Lane::Baseline)]);
    world.pool.cancel(0);
    world.pool.wait_until(Lane::Baseline, None, &|| world.pool.is_idle());
    assert_eq!(world.end(threads)[1], How::Published);
}

/// A worker of the top tier that baseline work holds up begins when that is gone.
fn top_tier_is_held_up() {
    let world = World::new(2, 1);
    let threads = world.workers(Lane::Top, 1);
    world.pool.add_units(vec![unit(0, Lane::Baseline)]);
    let waiting = world.pool.waiting(Lane::Baseline);
    world.pool.add_units(vec![unit(1, Lane::Top)]);
    // Nobody else runs it.
    world.pool.run_jobs(1, None);
    world.pool.wait_until(Lane::Top, None, &|| world.pool.is_idle());
    drop(waiting);
    assert_eq!(world.end(threads), [How::Published; 2]);
}

/// The same when the one who waits gives up instead.
fn a_waiter_gives_up() {
    let world = World::new(2, 1);
    world.pool.add_units(vec![unit(0, Lane::Baseline)]);
    let waiting = world.pool.waiting(Lane::Baseline);
    world.pool.add_units(vec![unit(1, Lane::Top)]);
    let threads = world.workers(Lane::Top, 1);
    drop(waiting);
    world.pool.wait_until(Lane::Top, None, &|| world.pool.stats().lanes[1].compiled == 1);
    assert_eq!(world.end(threads), [How::Discarded, How::Published]);
}

/// Whoever sees the pool idle sees what it did, though he has asked nobody else.
fn idle_means_done() {
    let world = World::new(1, 1);
    world.pool.add_units(vec![unit(0, Lane::Baseline)]);
    let helper = thread::spawn({
        let world = world.clone();
        move || world.pool.run_jobs(1, None)
    });
    if world.pool.is_idle() {
        assert_eq!(world.model.fates[0].decided(), Some(How::Published));
    }
    assert_eq!(helper.join().unwrap(), 1);
    assert_eq!(world.end(Vec::new()), [How::Published]);
}

/// Whoever sees that a unit is queued also finds it.
fn counted_is_found() {
    let world = World::new(1, 1);
    let adder = thread::spawn({
        let world = world.clone();
        move || world.pool.add_priority_unit(unit(0, Lane::Top), 1)
    });
    if !world.pool.is_idle() {
        assert_eq!(world.pool.run_jobs(1, None), 1);
    }
    adder.join().unwrap();
    world.end(Vec::new());
}

const MODELS: [(&str, fn()); 10] = [
    ("sleep and wake", sleep_and_wake),
    ("idle means done", idle_means_done),
    ("counted is found", counted_is_found),
    ("add and sleep", add_and_sleep),
    ("shut down a worker", shut_down_a_worker),
    ("calls are passed on", calls_are_passed_on),
    ("a waiter gives up", a_waiter_gives_up),
    ("add and shut down", add_and_shut_down),
    ("cancel in flight", cancel_in_flight),
    ("top tier is held up", top_tier_is_held_up),
];

/// Explores a model, but for executions in which threads are interrupted more than `preemptions` times.
fn explore(model: fn(), preemptions: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

#[test]
fn loom_no_unit_and_no_wake_up_is_lost() {
    MODELS.into_iter().for_each(|(_, model)| explore(model, 2));
}

/// Three threads of the whole pool: two interruptions take minutes.
#[test]
fn loom_thieves_lose_no_unit() {
    let prove = std::env::var("UPDRAFT_PROVE").is_ok_and(|value| value == "1");
    explore(add_and_steal, if prove { 2 } else { 1 });
}

/// Were an ordering not needed, it should be weaker; were a model blind, it would prove nothing.
#[test]
fn loom_every_ordering_of_the_pool_is_needed() {
    use Site::{InFlightCount, InFlightDone, QueueAdd, QueueCount, QueueTake, SleepFence, WakeFence};
    let sites = [SleepFence, WakeFence, QueueAdd, QueueTake, QueueCount, InFlightDone, InFlightCount];
    let mut needless = Vec::new();
    for site in sites {
        let fails = |(_, model): &(&str, fn())| {
            catch_unwind(AssertUnwindSafe(|| weakened(site, || explore(*model, 2)))).is_err()
        };
        match MODELS.iter().find(|model| fails(model)) {
            Some((name, _)) => eprintln!("{site:?} is needed: {name}"),
            None => needless.push(site),
        }
    }
    assert!(needless.is_empty(), "may be Relaxed, or no model needs it: {needless:?}");
}
