//! One thread that runs units: its batch, and when it publishes it.
//!
//! A session publishes before it ends. Not here: which unit comes next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::super::queue::Entry;
use super::{Client, Lane, Pending, Shared};
use crate::sync::Ordering::Relaxed;
use crate::sync::model_failed;

/// The slot of host threads.
const HELPER: usize = 0;

/// A thread at work.
pub(super) struct Session<'a, C: Client> {
    shared: &'a Shared<C>,
    /// Taken away when the client panicked. Behind a pointer, because it goes in and out for every unit, and is large.
    context: Option<Box<C::Context>>,
    worker: usize,
    slot: usize,
    batch: Option<Batch>,
}

/// Units that were run since the last publication.
struct Batch {
    lane: Lane,
    /// How many, those included that gave no code.
    taken: usize,
    /// When the first one began.
    since: Instant,
}

impl<'a, C: Client> Session<'a, C> {
    /// For a host thread.
    pub(super) fn helper(shared: &'a Shared<C>) -> Session<'a, C> {
        let context = shared.spare.lock().pop();
        Session { shared, context, worker: HELPER, slot: HELPER, batch: None }
    }

    /// For a worker or a task. `worker` is its number over all lanes, `slot` the one in its lane.
    pub(super) fn worker(shared: &'a Shared<C>, worker: usize, slot: usize) -> Session<'a, C> {
        Session { shared, context: None, worker, slot, batch: None }
    }

    /// Runs a unit that was taken, and publishes if it is time to.
    pub(super) fn run(&mut self, lane: Lane, entry: Entry<C::Unit>) {
        let shared = self.shared;
        // What is finished does not wait for a long unit.
        if entry.is_long() || lane == Lane::Top || self.batch.as_ref().is_some_and(|batch| batch.lane != lane) {
            self.publish();
        }
        let mut context = self.context.take().unwrap_or_else(|| Box::new(shared.client.context(self.worker as u32)));
        let start = Instant::now();
        // The context is dropped if the client panics: nobody knows what state it is in.
        let result = catch_unwind(AssertUnwindSafe(move || {
            let outcome = shared.client.run(&mut context, entry.unit);
            let pending = shared.client.pending(&context);
            (outcome, pending, context)
        }));
        let (outcome, pending) = match result {
            Ok((outcome, pending, context)) => {
                self.context = Some(context);
                (Some(outcome), pending)
            }
            Err(_) => (None, Pending::default()),
        };
        let now = Instant::now();
        shared.counters.ran(lane, outcome, (now - start).as_nanos() as u64);
        let batch = self.batch.get_or_insert(Batch { lane, taken: 0, since: start });
        batch.taken += 1;
        let age = now - batch.since;
        if pending.units == 0 {
            // Nothing to publish; but somebody may wait to hear how it went.
            self.settle();
        } else if self.is_due(lane, pending, age) {
            self.publish();
        }
    }

    fn is_due(&self, lane: Lane, pending: Pending, age: Duration) -> bool {
        let shared = self.shared;
        let bounds = &shared.config.bounds;
        // First, so that the sequence of random decisions does not depend on the clock.
        let by_chance = shared.shuffle.as_ref().is_some_and(|shuffle| shuffle.below(4) == 0);
        by_chance
            || pending.units >= shared.lane(lane).queues.publish_limit(self.slot)
            || pending.bytes >= bounds.bytes
            // Relaxed: who has begun to wait just now is seen after the next unit.
            || shared.waiting.load(Relaxed) > 0
            || age >= bounds.age
    }

    /// Publishes the batch if there is one, and says so.
    pub(super) fn publish(&mut self) -> bool {
        if self.batch.is_none() {
            return false;
        }
        let shared = self.shared;
        if let Some(mut context) = self.context.take() {
            let result = catch_unwind(AssertUnwindSafe(move || {
                let pending = shared.client.pending(&context);
                shared.client.publish(&mut context);
                (pending, context)
            }));
            match result {
                Ok((pending, context)) => {
                    shared.counters.published(pending);
                    self.context = Some(context);
                }
                Err(_) => shared.counters.panicked(),
            }
        }
        self.settle();
        true
    }

    /// The units of the batch are done with.
    fn settle(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.shared.lane(batch.lane).queues.finished(batch.taken);
            self.shared.progress.wake_all();
        }
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Client> Session<'_, C> {
    /// Ends a step of a worker, with all that it knows, and without the publication that would end a session.
    pub(super) fn suspend(mut self) -> Suspended<C> {
        Suspended { context: self.context.take(), batch: self.batch.take() }
    }

    /// Goes on where `suspend` has ended.
    pub(super) fn resume(&mut self, suspended: Suspended<C>) {
        (self.context, self.batch) = (suspended.context, suspended.batch);
    }
}

/// A worker between two steps of a schedule.
#[cfg(all(test, not(loom)))]
pub(super) struct Suspended<C: Client> {
    context: Option<Box<C::Context>>,
    batch: Option<Batch>,
}

#[cfg(all(test, not(loom)))]
impl<C: Client> Default for Suspended<C> {
    fn default() -> Suspended<C> {
        Suspended { context: None, batch: None }
    }
}

impl<C: Client> Drop for Session<'_, C> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        self.publish();
        if self.slot == HELPER
            && let Some(context) = self.context.take()
        {
            let mut spare = self.shared.spare.lock();
            if spare.len() <= self.shared.config.workers {
                spare.push(context);
            }
        }
    }
}
