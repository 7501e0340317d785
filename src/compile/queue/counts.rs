//! How many units are queued, and how many are in flight.
//!
//! A count changes under the lock of the queue that a unit enters or leaves. Hence a worker that has found all
//! queues empty also finds the count at 0, unless a unit came since; it does not search in vain.

use crate::sync::{AtomicUsize, Site, order};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The counts of a lane.
#[derive(Default)]
pub(crate) struct Counts {
    queued: AtomicUsize,
    /// Units that were taken and are not done with.
    in_flight: AtomicUsize,
}

impl Counts {
    /// Units were queued.
    pub(crate) fn added(&self, count: usize) {
        // Release: partner is the Acquire in `queued`; who sees the count sees the hints of the heaps, too.
        self.queued.fetch_add(count, order(Site::QueueAdd, Release));
    }

    /// A unit was taken: it is in flight before it leaves the queue, so that nobody takes the lane for idle in
    /// between.
    pub(crate) fn taken(&self) {
        // Relaxed: the next line hands it over.
        self.in_flight.fetch_add(1, Relaxed);
        // Release: partner is the Acquire in `queued`.
        self.queued.fetch_sub(1, order(Site::QueueTake, Release));
    }

    /// Units that were taken are done with.
    pub(crate) fn finished(&self, count: usize) {
        // Release: partner is the Acquire in `in_flight`; who sees the lane idle sees what was published.
        self.in_flight.fetch_sub(count, order(Site::InFlightDone, Release));
    }

    /// Units were taken out of the queue and will not be run.
    pub(crate) fn removed(&self, count: usize) {
        // Relaxed: units fewer, which hand nothing over.
        self.queued.fetch_sub(count, Relaxed);
    }

    /// Units that are queued.
    pub(crate) fn queued(&self) -> usize {
        // Acquire: partners are the Releases in `added` and `taken`.
        self.queued.load(order(Site::QueueCount, Acquire))
    }

    /// Units that were taken and are not done with. To be asked after `queued` by whoever wants to know
    /// whether anything is left to do.
    pub(crate) fn in_flight(&self) -> usize {
        // Acquire: partner is the Release in `finished`.
        self.in_flight.load(order(Site::InFlightCount, Acquire))
    }
}
