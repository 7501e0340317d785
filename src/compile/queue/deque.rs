//! The queue of one slot: whoever owns the slot takes the newest unit, others steal the newest half.
//!
//! Not here: which slot is asked (`queue`).

use std::cmp::Ordering;

use super::super::lock::{Guard, Lock};
use super::Counts;

/// What a slot's queue can do. One set of tests (`queue/tests.rs`) runs on every implementation.
pub(crate) trait UnitQueue<T>: Default + Send + Sync {
    /// Adds units, the last one as the newest.
    fn push(&self, units: Vec<T>, counts: &Counts);

    /// Takes a unit.
    fn pop(&self, pick: Pick, counts: &Counts) -> Option<T>;

    /// Takes the newer half of this queue, the odd one included: the oldest of them is the result, the others
    /// go to `thief` as its newest, in their order. Also says how many were taken.
    fn steal_half(&self, thief: &Self, counts: &Counts) -> Option<(T, usize)>;

    /// As `steal_half`, but only of the units that are `wanted`.
    fn steal_half_of(&self, thief: &Self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Option<(T, usize)>;

    /// The newest unit that is `wanted`.
    fn pop_of(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Option<T>;

    /// Takes out all units that are `wanted`.
    fn remove(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Vec<T>;

    /// How often somebody had to wait for the queue.
    fn contended(&self) -> u64;
}

/// Which unit of the own queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// The newest: what it needs is still in the caches.
    Newest,
    /// Any, by a random number: for tests that the order does not matter.
    Random(u64),
}

/// The contents of two queues.
type Both<'a, T> = (Guard<'a, Vec<T>>, Guard<'a, Vec<T>>);

/// A vector behind a lock. RATIONALE: "Why are the queues of the workers behind locks?"
pub(crate) struct LockedDeque<T>(Lock<Vec<T>>);

impl<T> Default for LockedDeque<T> {
    fn default() -> LockedDeque<T> {
        LockedDeque(Lock::new(Vec::new()))
    }
}

impl<T: Send> UnitQueue<T> for LockedDeque<T> {
    fn push(&self, units: Vec<T>, counts: &Counts) {
        let mut own = self.0.lock();
        counts.added(units.len());
        own.extend(units);
    }

    fn pop(&self, pick: Pick, counts: &Counts) -> Option<T> {
        let mut own = self.0.lock();
        let index = match pick {
            Pick::Newest => own.len().checked_sub(1)?,
            Pick::Random(random) => random.checked_rem(own.len() as u64)? as usize,
        };
        counts.taken();
        Some(own.remove(index))
    }

    fn steal_half(&self, thief: &Self, counts: &Counts) -> Option<(T, usize)> {
        let (mut from, mut to) = self.lock_both(thief)?;
        let kept = from.len() / 2;
        let mut taken = from.drain(kept..);
        let first = taken.next()?;
        let count = 1 + taken.len();
        to.extend(taken);
        counts.taken();
        Some((first, count))
    }

    fn steal_half_of(&self, thief: &Self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Option<(T, usize)> {
        let (mut from, mut to) = self.lock_both(thief)?;
        let all = from.iter().filter(|unit| wanted(unit)).count();
        let mut kept = all / 2;
        let mut taken = from.extract_if(.., |unit| {
            let take = wanted(unit) && kept == 0;
            kept -= usize::from(wanted(unit) && kept > 0);
            take
        });
        let first = taken.next()?;
        let before = to.len();
        to.extend(taken);
        counts.taken();
        Some((first, 1 + to.len() - before))
    }

    fn pop_of(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Option<T> {
        let mut own = self.0.lock();
        let index = own.iter().rposition(wanted)?;
        counts.taken();
        Some(own.remove(index))
    }

    fn remove(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Vec<T> {
        let mut own = self.0.lock();
        let removed: Vec<T> = own.extract_if(.., |unit| wanted(unit)).collect();
        counts.removed(removed.len());
        removed
    }

    fn contended(&self) -> u64 {
        self.0.contended()
    }
}

impl<T> LockedDeque<T> {
    /// Locks two queues, in the order of their addresses: no unit is ever between queues, where a worker that
    /// looks for the last one would not find it. Nothing for a queue with itself.
    fn lock_both<'a>(&'a self, thief: &'a Self) -> Option<Both<'a, T>> {
        match std::ptr::from_ref(self).cmp(&std::ptr::from_ref(thief)) {
            Ordering::Equal => None,
            Ordering::Less => {
                let from = self.0.lock();
                Some((from, thief.0.lock()))
            }
            Ordering::Greater => {
                let to = thief.0.lock();
                Some((self.0.lock(), to))
            }
        }
    }
}
