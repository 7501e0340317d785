//! The pool with a client that compiles nothing: each unit is claimed, run and published, or discarded, once.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::*;
use std::sync::atomic::Ordering::SeqCst;

/// A unit, and how often it went which way.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) claimed: AtomicUsize,
    pub(super) published: AtomicUsize,
    pub(super) discarded: AtomicUsize,
}

/// What a test asks of the client while it runs a unit.
type Hook = Box<dyn Fn(&MockUnit) + Send + Sync>;

#[derive(Clone, Debug)]
pub(super) struct MockUnit {
    pub(super) lane: Lane,
    pub(super) size: u32,
    pub(super) module: u64,
    pub(super) number: usize,
    pub(super) record: Arc<Record>,
}

#[derive(Default)]
pub(super) struct Mock {
    /// Numbers of units in the order in which they were run, and of each publication.
    ran: Mutex<Vec<usize>>,
    publications: Mutex<Vec<Vec<usize>>>,
    hook: Option<Hook>,
}

impl Client for Mock {
    type Unit = MockUnit;
    type Context = Vec<MockUnit>;

    fn lane(&self, unit: &MockUnit) -> Lane {
        unit.lane
    }

    fn size(&self, unit: &MockUnit) -> u32 {
        unit.size
    }

    fn module(&self, unit: &MockUnit) -> u64 {
        unit.module
    }

    fn context(&self, _worker: u32) -> Vec<MockUnit> {
        Vec::new()
    }

    fn run(&self, batch: &mut Vec<MockUnit>, unit: MockUnit) -> Outcome {
        if unit.record.claimed.fetch_add(1, SeqCst) > 0 {
            return Outcome::Discarded;
        }
        self.ran.lock().unwrap().push(unit.number);
        if let Some(hook) = &self.hook {
            hook(&unit);
        }
        batch.push(unit);
        Outcome::Compiled
    }

    fn discard(&self, unit: MockUnit) {
        unit.record.discarded.fetch_add(1, SeqCst);
    }

    fn pending(&self, batch: &Vec<MockUnit>) -> Pending {
        Pending { units: batch.len(), bytes: batch.iter().map(|unit| unit.size as usize).sum() }
    }

    fn publish(&self, batch: &mut Vec<MockUnit>) {
        self.publications.lock().unwrap().push(batch.iter().map(|unit| unit.number).collect());
        for unit in batch.drain(..) {
            assert_eq!(unit.record.published.fetch_add(1, SeqCst), 0);
        }
    }
}

pub(super) fn unit(lane: Lane, size: u32, module: u64, number: usize) -> MockUnit {
    MockUnit { lane, size, module, number, record: Arc::default() }
}

pub(super) fn units(lane: Lane, count: usize) -> Vec<MockUnit> {
    (0..count).map(|number| unit(lane, 100, 1, number)).collect()
}

pub(super) fn is_published(unit: &MockUnit) -> bool {
    unit.record.published.load(SeqCst) == 1
}

pub(super) fn pool(workers: usize) -> Pool<Mock> {
    Pool::new(Mock::default(), PoolConfig { workers, ..PoolConfig::default() })
}

pub(super) fn hooked(config: PoolConfig, hook: impl Fn(&MockUnit) + Send + Sync + 'static) -> Pool<Mock> {
    Pool::new(Mock { hook: Some(Box::new(hook)), ..Mock::default() }, config)
}

pub(super) fn workers(workers: usize) -> PoolConfig {
    PoolConfig { workers, ..PoolConfig::default() }
}

/// Numbers of the units of each publication.
pub(super) fn publications(pool: &Pool<Mock>) -> Vec<Vec<usize>> {
    std::mem::take(&mut pool.client().publications.lock().unwrap())
}

pub(super) fn ran(pool: &Pool<Mock>) -> Vec<usize> {
    std::mem::take(&mut pool.client().ran.lock().unwrap())
}

pub(super) fn wait_idle(pool: &Pool<Mock>) {
    assert_eq!(pool.wait_until(Lane::Top, None, &|| pool.is_idle()), Waited::Done);
}

/// Holds up whoever passes until it is opened; says when somebody is there.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    pub(super) fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        drop(changed.wait_while(state, |(_, open)| !*open).unwrap());
    }

    pub(super) fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.0;
        drop(changed.wait_while(state.lock().unwrap(), |(here, _)| *here < count).unwrap());
    }

    pub(super) fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

pub(super) fn prove() -> bool {
    std::env::var("UPDRAFT_PROVE").is_ok_and(|value| value == "1")
}

/// The first thing that a pool is for.
#[test]
fn every_unit_is_run_and_published_once_whoever_runs_it() {
    for workers in [0, 1, 2, 8] {
        let pool = pool(workers);
        let mut all = units(Lane::Baseline, 500);
        all.extend(units(Lane::Top, 100));
        all.extend((0..20).map(|size| unit(Lane::Baseline, 5000 + size, 1, 0)));
        let runner = pool.add_units(all.clone());
        assert_eq!(runner, if workers == 0 { Runner::Host } else { Runner::Workers });
        for lane in Lane::ALL {
            let of_lane: Vec<_> = all.iter().filter(|unit| unit.lane == lane).collect();
            let done = || of_lane.iter().all(|unit| is_published(unit));
            assert_eq!(pool.help_until(lane, 1, None, &done), Waited::Done);
        }
        assert_eq!(pool.wait_until(Lane::Top, None, &|| pool.is_idle()), Waited::Done);
        let stats = pool.stats();
        assert_eq!((stats.lanes[0].added, stats.lanes[0].compiled), (520, 520));
        assert_eq!((stats.lanes[1].added, stats.lanes[1].compiled), (100, 100));
        assert_eq!(stats.published_units, 620);
        assert!(pool.shutdown(None));
        assert_eq!(pool.stats().threads, 0);
    }
}

/// Random orders, victims, batches and publications, by however many threads: nothing is lost or doubled.
#[test]
fn random_schedules_run_or_discard_each_unit_once() {
    for seed in 0..if prove() { 10_000 } else { 60 } {
        let random = Shuffle::new(seed);
        let pool = Arc::new(Pool::new(
            Mock::default(),
            PoolConfig { workers: [0, 1, 2, 8][seed as usize % 4], seed: Some(seed), ..PoolConfig::default() },
        ));
        let mut all = Vec::new();
        for batch in 0..8 {
            let lane = Lane::ALL[random.below(2)];
            let count = 1 + random.below(30);
            let batch: Vec<_> =
                (0..count).map(|number| unit(lane, random.below(6000) as u32, batch % 3, number)).collect();
            pool.add_units(batch.clone());
            // A duplicate: of the two, one is run.
            let again = batch[random.below(count)].clone();
            pool.add_priority_unit(again.clone(), random.next());
            all.extend(batch);
            all.push(again);
        }
        if random.below(2) == 0 {
            pool.cancel(2);
        }
        let helper = std::thread::spawn({
            let pool = pool.clone();
            move || pool.run_jobs(usize::MAX, None)
        });
        let left = || pool.client().ran.lock().unwrap().len();
        pool.help_until(Lane::Baseline, 0, None, &|| left() > 20 || pool.is_idle());
        helper.join().unwrap();
        if random.below(2) == 0 {
            wait_idle(&pool);
        }
        assert!(pool.shutdown(None));
        let stats = pool.stats();
        for lane in Lane::ALL {
            let (lane, expected) = (stats.lanes[lane as usize], all.iter().filter(|unit| unit.lane == lane).count());
            assert_eq!((lane.queued, lane.in_flight, lane.failed), (0, 0, 0));
            assert_eq!((lane.added, lane.compiled + lane.discarded), (expected as u64, expected as u64));
        }
        for unit in &all {
            let record = &unit.record;
            let [claimed, published, discarded] =
                [&record.claimed, &record.published, &record.discarded].map(|count| count.load(SeqCst));
            let times = all.iter().filter(|other| Arc::ptr_eq(&other.record, record)).count();
            assert_eq!((claimed + discarded, published), (times, usize::from(claimed > 0)), "seed {seed}");
        }
    }
}

/// The work of a host that owns its threads: as much as it says, in an order that does not vary.
#[test]
fn a_host_runs_jobs_up_to_a_count_or_a_deadline() {
    let pool = pool(0);
    assert_eq!(pool.add_units(units(Lane::Baseline, 5)), Runner::Host);
    assert_eq!(pool.run_jobs(2, None), 2);
    assert_eq!((ran(&pool), publications(&pool)), (vec![4, 3], vec![vec![4, 3]]));
    assert_eq!(pool.run_jobs(9, Some(Instant::now())), 0);
    assert_eq!(pool.run_jobs(0, None), 0);
    assert_eq!(pool.run_jobs(usize::MAX, Some(Instant::now() + Duration::from_secs(3600))), 3);
    assert_eq!((pool.run_jobs(1, None), pool.is_idle(), pool.stats().threads), (0, true, 0));
}

/// The highest first; among equals the first in is the first out.
#[test]
fn priorities_are_kept_exactly() {
    let pool = pool(0);
    pool.add_units(vec![unit(Lane::Top, 9000, 1, 0), unit(Lane::Top, 1, 1, 1), unit(Lane::Baseline, 1, 1, 2)]);
    for (number, priority) in [(10, 1), (11, 4), (12, 1), (13, 4), (14, 2)] {
        pool.add_priority_unit(unit(Lane::Top, 1, 1, number), priority);
    }
    assert_eq!(pool.run_jobs(usize::MAX, None), 8);
    assert_eq!(ran(&pool), [11, 13, 14, 10, 12, 2, 0, 1]);
}

/// Hot functions go before baseline work that nobody waits for, and behind any that somebody waits for.
#[test]
fn baseline_comes_first_when_anybody_waits() {
    let pool = pool(0);
    pool.add_units(units(Lane::Baseline, 2));
    pool.add_priority_unit(unit(Lane::Top, 1, 1, 10), 1);
    let waiting = pool.waiting(Lane::Baseline);
    assert_eq!((pool.run_jobs(1, None), ran(&pool)), (1, vec![1]));
    drop(waiting);
    assert_eq!((pool.run_jobs(2, None), ran(&pool)), (2, vec![10, 0]));
}

/// However much there is for the top tier, and however long it takes.
#[test]
fn the_top_tier_never_delays_baseline_work() {
    let gate = Gate::default();
    let held = gate.clone();
    let pool = hooked(workers(1), move |unit| {
        if unit.lane == Lane::Top {
            held.pass()
        }
    });
    let mut top = units(Lane::Top, 10_000);
    top[0].size = 1 << 20;
    pool.add_units(top);
    gate.wait_for(1);
    let baseline = units(Lane::Baseline, 300);
    pool.add_units(baseline.clone());
    // Without help of the waiting thread.
    let done = || baseline.iter().all(is_published);
    assert_eq!(pool.wait_until(Lane::Baseline, None, &done), Waited::Done);
    assert_eq!(pool.stats().lanes[Lane::Top as usize].compiled, 0);
    gate.open();
    wait_idle(&pool);
    assert_eq!(pool.stats().lanes[Lane::Top as usize].compiled, 10_000);
}

/// A thread that waits for its module is not held up by a big unit of it that another thread is in, nor by the
/// units of other modules.
#[test]
fn a_waiting_thread_helps_its_own_module_only() {
    let gate = Gate::default();
    let held = gate.clone();
    let pool = hooked(workers(1), move |unit| {
        if unit.size > 4096 {
            held.pass()
        }
    });
    pool.add_units(vec![unit(Lane::Baseline, 5000, 1, 0)]);
    gate.wait_for(1);
    let own: Vec<_> = (0..50).map(|number| unit(Lane::Baseline, 100, 2, number)).collect();
    pool.add_units(units(Lane::Baseline, 50));
    pool.add_units(own.clone());
    pool.add_units(units(Lane::Baseline, 50));
    ran(&pool);
    let done = || own.iter().all(is_published);
    assert_eq!(pool.help_until(Lane::Baseline, 2, None, &done), Waited::Done);
    assert_eq!((ran(&pool).len(), pool.stats().lanes[0].queued), (50, 100));
    gate.open();
}

/// One test per reason to publish; without any, a batch grows to its limit.
#[test]
fn batches_are_published_for_each_of_the_reasons() {
    let bounds = |bytes, age| PublishBounds { bytes, age };
    let with = |bounds| Pool::new(Mock::default(), PoolConfig { bounds, ..PoolConfig::default() });
    let lens = |pool: &Pool<Mock>| publications(pool).iter().map(Vec::len).collect::<Vec<_>>();
    let run = |pool: &Pool<Mock>, units: Vec<MockUnit>| {
        pool.add_units(units);
        pool.run_jobs(usize::MAX, None);
        lens(pool)
    };
    let free = bounds(usize::MAX, Duration::MAX);
    assert_eq!(run(&with(free), units(Lane::Baseline, 100)), [12, 12, 12, 12, 12, 12, 12, 12, 4]);
    assert_eq!(run(&with(bounds(300, Duration::MAX)), units(Lane::Baseline, 7)), [3, 3, 1]);
    assert_eq!(run(&with(bounds(usize::MAX, Duration::ZERO)), units(Lane::Baseline, 3)), [1, 1, 1]);
    assert_eq!(run(&with(free), units(Lane::Top, 3)), [1, 1, 1]);
    // Somebody waits.
    let pool = with(free);
    let waiting = pool.waiting(Lane::Top);
    assert_eq!(run(&pool, units(Lane::Baseline, 3)), [1, 1, 1]);
    drop(waiting);
    // Before another lane.
    let mut mixed = units(Lane::Baseline, 3);
    mixed.push(unit(Lane::Top, 1, 1, 0));
    assert_eq!(run(&pool, mixed), [3, 1]);
    // Before a long unit: it is taken first, so that only one that comes later meets a batch.
    let late = Arc::new(Mutex::new(Vec::new()));
    let (own, again) = (late.clone(), Arc::new(Mutex::new(None::<Weak<Pool<Mock>>>)));
    let pool_of = again.clone();
    let pool = Arc::new(hooked(PoolConfig { bounds: free, ..PoolConfig::default() }, move |unit| {
        if unit.number == 1 {
            let pool = pool_of.lock().unwrap().as_ref().and_then(Weak::upgrade).unwrap();
            pool.add_units(std::mem::take(&mut *own.lock().unwrap()));
        }
    }));
    *again.lock().unwrap() = Some(Arc::downgrade(&pool));
    late.lock().unwrap().push(unit(Lane::Baseline, 70_000, 1, 9));
    pool.add_units(units(Lane::Baseline, 3));
    pool.run_jobs(usize::MAX, None);
    assert_eq!(publications(&pool), [vec![2, 1], vec![9, 0]]);
}

/// Nobody waits for the last units of a batch that is not full.
#[test]
fn idle_workers_have_published() {
    let free = PublishBounds { bytes: usize::MAX, age: Duration::MAX };
    let pool = Pool::new(Mock::default(), PoolConfig { workers: 2, bounds: free, ..PoolConfig::default() });
    let batch = units(Lane::Baseline, 3);
    pool.add_units(batch.clone());
    // Without saying that somebody waits.
    while !pool.is_idle() {
        yield_now();
    }
    assert!(batch.iter().all(is_published));
}

#[test]
fn a_panic_harms_no_other_unit() {
    let pool = hooked(workers(2), |unit| assert_ne!(unit.number, 7, "on purpose"));
    let batch = units(Lane::Top, 20);
    pool.add_units(batch.clone());
    wait_idle(&pool);
    let stats = pool.stats();
    assert_eq!((stats.panics, stats.lanes[1].failed, stats.lanes[1].compiled), (1, 1, 19));
    assert!(batch.iter().all(|unit| is_published(unit) != (unit.number == 7)));
    // The workers are still there.
    pool.add_units(units(Lane::Top, 1));
    wait_idle(&pool);
    assert_eq!(pool.stats().lanes[1].compiled, 20);
}

#[test]
fn a_cancelled_module_leaves_the_others_alone() {
    let pool = pool(0);
    let all: Vec<_> = (0..90).map(|number| unit(Lane::ALL[number % 2], 100, number as u64 % 3, number)).collect();
    pool.add_units(all.clone());
    pool.add_priority_unit(unit(Lane::Top, 1, 2, 100), 1);
    assert_eq!(pool.cancel(2), 31);
    assert_eq!((pool.cancel(2), pool.stats().lanes[0].discarded + pool.stats().lanes[1].discarded), (0, 31));
    pool.run_jobs(usize::MAX, None);
    for unit in all {
        let discarded = unit.record.discarded.load(SeqCst) == 1;
        assert_eq!((discarded, is_published(&unit)), (unit.module == 2, unit.module != 2));
    }
}
