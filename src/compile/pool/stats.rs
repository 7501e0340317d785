//! What a pool has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::queue::Source;
use super::{Client, Lane, Outcome, Pending, Pool};

/// Counts of a pool since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// By lane: baseline, top.
    pub lanes: [LaneStats; 2],
    /// Threads that were started and have not ended.
    pub threads: usize,
    /// Batches that were published.
    pub publications: u64,
    /// Units in them.
    pub published_units: u64,
    /// Bytes of code in them.
    pub published_bytes: u64,
    /// How often a thread had to wait for a lock.
    pub contended: u64,
    /// How often a thread went to sleep.
    pub sleeps: u64,
    /// How often one was woken.
    pub wakes: u64,
    /// Units whose client panicked.
    pub panics: u64,
}

/// Counts of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Units that are queued.
    pub queued: usize,
    /// Units that are being run.
    pub in_flight: usize,
    /// Units that were added: compiled + failed + discarded + queued + in flight, when nothing moves.
    pub added: u64,
    /// Units that were compiled.
    pub compiled: u64,
    /// Units that could not be compiled.
    pub failed: u64,
    /// Units that nobody wanted any more.
    pub discarded: u64,
    /// Units that a worker took from another one's queue.
    pub stolen: u64,
    /// Units that went before others.
    pub prioritised: u64,
    /// Time that units spent in queues.
    pub wait_ns: u64,
    /// Time that units took.
    pub run_ns: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    lanes: [LaneCounters; 2],
    publications: AtomicU64,
    published_units: AtomicU64,
    published_bytes: AtomicU64,
    panics: AtomicU64,
}

#[derive(Default)]
struct LaneCounters {
    added: AtomicU64,
    compiled: AtomicU64,
    failed: AtomicU64,
    discarded: AtomicU64,
    stolen: AtomicU64,
    prioritised: AtomicU64,
    wait_ns: AtomicU64,
    run_ns: AtomicU64,
}

// Relaxed everywhere: statistics hand nothing over.
impl Counters {
    pub(super) fn added(&self, lane: Lane, count: usize) {
        self.lanes[lane as usize].added.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn taken(&self, lane: Lane, source: Source, wait_ns: u64) {
        let lane = &self.lanes[lane as usize];
        lane.wait_ns.fetch_add(wait_ns, Relaxed);
        match source {
            Source::Stolen(count) => lane.stolen.fetch_add(count as u64, Relaxed),
            Source::Priority => lane.prioritised.fetch_add(1, Relaxed),
            Source::Big | Source::Own => 0,
        };
    }

    pub(super) fn ran(&self, lane: Lane, outcome: Option<Outcome>, run_ns: u64) {
        let lane = &self.lanes[lane as usize];
        lane.run_ns.fetch_add(run_ns, Relaxed);
        match outcome {
            Some(Outcome::Compiled) => lane.compiled.fetch_add(1, Relaxed),
            Some(Outcome::Discarded) => lane.discarded.fetch_add(1, Relaxed),
            Some(Outcome::Failed) => lane.failed.fetch_add(1, Relaxed),
            None => {
                self.panicked();
                lane.failed.fetch_add(1, Relaxed)
            }
        };
    }

    pub(super) fn discarded(&self, lane: Lane, count: usize) {
        self.lanes[lane as usize].discarded.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(super) fn published(&self, batch: Pending) {
        self.publications.fetch_add(1, Relaxed);
        self.published_units.fetch_add(batch.units as u64, Relaxed);
        self.published_bytes.fetch_add(batch.bytes as u64, Relaxed);
    }
}

impl<C: Client> Pool<C> {
    /// What happened so far. Exact while nothing moves.
    pub fn stats(&self) -> Stats {
        let shared = &self.0;
        let lanes = Lane::ALL.map(|lane| {
            let (state, counters) = (shared.lane(lane), &shared.counters.lanes[lane as usize]);
            LaneStats {
                queued: state.queues.len(),
                in_flight: state.queues.in_flight(),
                added: counters.added.load(Relaxed),
                compiled: counters.compiled.load(Relaxed),
                failed: counters.failed.load(Relaxed),
                discarded: counters.discarded.load(Relaxed),
                stolen: counters.stolen.load(Relaxed),
                prioritised: counters.prioritised.load(Relaxed),
                wait_ns: counters.wait_ns.load(Relaxed),
                run_ns: counters.run_ns.load(Relaxed),
            }
        });
        let wakes = [&shared.lanes[0].wake, &shared.lanes[1].wake, &shared.progress].map(|wake| wake.counts());
        Stats {
            lanes,
            threads: shared.threads.lock().running(),
            publications: shared.counters.publications.load(Relaxed),
            published_units: shared.counters.published_units.load(Relaxed),
            published_bytes: shared.counters.published_bytes.load(Relaxed),
            contended: shared.lanes.iter().map(|lane| lane.queues.contended()).sum::<u64>()
                + shared.threads.contended()
                + shared.spare.contended(),
            sleeps: wakes.iter().map(|(sleeps, _)| sleeps).sum(),
            wakes: wakes.iter().map(|(_, wakes)| wakes).sum(),
            panics: shared.counters.panics.load(Relaxed),
        }
    }
}
