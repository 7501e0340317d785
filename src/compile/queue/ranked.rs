//! A heap that all workers share: the highest rank first, the first in first out among equals.
//!
//! It holds what must not wait behind the units of one worker: big units, ranked by size, and units with a
//! priority. RATIONALE: "Why do all workers share the units with a priority?"

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::super::lock::Lock;
use super::Counts;
use crate::sync::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// The heap.
pub(crate) struct Ranked<T> {
    heap: Lock<Heap<T>>,
    /// Units in the heap, so that nobody takes the lock of an empty one. Written under the lock.
    len: AtomicUsize,
}

struct Heap<T> {
    items: BinaryHeap<Item<T>>,
    next: u64,
}

struct Item<T> {
    rank: u64,
    /// Counts the additions.
    number: u64,
    unit: T,
}

impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then(other.number.cmp(&self.number))
    }
}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Item<T> {}

impl<T> Default for Ranked<T> {
    fn default() -> Ranked<T> {
        Ranked { heap: Lock::new(Heap { items: BinaryHeap::new(), next: 0 }), len: AtomicUsize::new(0) }
    }
}

impl<T> Ranked<T> {
    pub(crate) fn push(&self, units: impl Iterator<Item = (u64, T)>, counts: &Counts) {
        let mut heap = self.heap.lock();
        let before = heap.items.len();
        for (rank, unit) in units {
            let number = heap.next;
            heap.next += 1;
            heap.items.push(Item { rank, number, unit });
        }
        // Relaxed: a hint. Whoever goes to sleep asks for the count (`counts.rs`) first, which shows it, too.
        self.len.store(heap.items.len(), Relaxed);
        counts.added(heap.items.len() - before);
    }

    pub(crate) fn pop(&self, counts: &Counts) -> Option<T> {
        if self.len.load(Relaxed) == 0 {
            return None;
        }
        let mut heap = self.heap.lock();
        let item = heap.items.pop()?;
        self.len.store(heap.items.len(), Relaxed);
        counts.taken();
        Some(item.unit)
    }

    /// The highest unit that is `wanted`.
    pub(crate) fn pop_of(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Option<T> {
        if self.len.load(Relaxed) == 0 {
            return None;
        }
        let mut heap = self.heap.lock();
        // As a rule all are.
        if heap.items.peek().is_some_and(|highest| wanted(&highest.unit)) {
            let highest = heap.items.pop()?;
            self.len.store(heap.items.len(), Relaxed);
            counts.taken();
            return Some(highest.unit);
        }
        let (rank, number) =
            heap.items.iter().filter(|item| wanted(&item.unit)).max().map(|item| (item.rank, item.number))?;
        let mut items = std::mem::take(&mut heap.items).into_vec();
        let index = items.iter().position(|item| (item.rank, item.number) == (rank, number))?;
        let item = items.swap_remove(index);
        heap.items = items.into();
        self.len.store(heap.items.len(), Relaxed);
        counts.taken();
        Some(item.unit)
    }

    /// Takes out all units that are `wanted`.
    pub(crate) fn remove(&self, wanted: &dyn Fn(&T) -> bool, counts: &Counts) -> Vec<T> {
        let mut heap = self.heap.lock();
        let (removed, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut heap.items).into_vec().into_iter().partition(|item| wanted(&item.unit));
        heap.items = kept.into();
        self.len.store(heap.items.len(), Relaxed);
        counts.removed(removed.len());
        removed.into_iter().map(|item| item.unit).collect()
    }

    /// The highest rank there is.
    pub(crate) fn highest(&self) -> Option<u64> {
        if self.len.load(Relaxed) == 0 {
            return None;
        }
        self.heap.lock().items.peek().map(|item| item.rank)
    }

    pub(crate) fn contended(&self) -> u64 {
        self.heap.contended()
    }
}
