//! The pool with a client that compiles nothing: each unit is claimed, run and published, or discarded, once.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use super::*;
use std::sync::atomic::Ordering::SeqCst;

/// A unit, and how often it went which way.
#[derive(Debug, Default)]
pub(super) struct Record {
    claimed: AtomicUsize,
    published: AtomicUsize,
    discarded: AtomicUsize,
}

/// What a test asks of the client while it runs a unit.
type Hook = Box<dyn Fn(&MockUnit) + Send + Sync>;

#[derive(Clone, Debug)]
pub(super) struct MockUnit {
    lane: Lane,
    size: u32,
    module: u64,
    number: usize,
    record: Arc<Record>,
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

fn unit(lane: Lane, size: u32, module: u64, number: usize) -> MockUnit {
    MockUnit { lane, size, module, number, record: Arc::default() }
}

fn units(lane: Lane, count: usize) -> Vec<MockUnit> {
    (0..count).map(|number| unit(lane, 100, 1, number)).collect()
}

fn is_published(unit: &MockUnit) -> bool {
    unit.record.published.load(SeqCst) == 1
}

fn pool(workers: usize) -> Pool<Mock> {
    Pool::new(Mock::default(), PoolConfig { workers, ..PoolConfig::default() })
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
