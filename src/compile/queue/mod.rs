//! The queues of one lane: what is to be compiled, and which unit comes next.
//!
//!     add (a batch) ----> the queue of one slot, the slots in turn       -+
//!                   `---> big units: one heap, largest first              +--> take
//!     add (a priority) -> one heap, highest priority first, then oldest  -+
//!
//! A slot belongs to a worker; slot 0 to any host thread that helps. `take` looks for a unit with a priority,
//! then for a big one, then for the newest of its own slot, then it steals half of another slot's and remembers
//! where to steal next. Large units come first since a large one that starts last is waited for alone.
//!
//! In: units. Out: the same units, each once. Not here: threads (`pool`), and whether a unit is still wanted
//! (the claim in the state word of its function).
//!
//! The counts are exact at any time (`counts.rs`).

mod counts;
mod deque;
mod ranked;
mod shuffle;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use deque::{LockedDeque, Pick, UnitQueue};
pub(crate) use shuffle::Shuffle;

use counts::Counts;
use ranked::Ranked;

use crate::sync::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// A unit whose body has more bytes is big. V8's figure: some 1 % of functions, and half of the work.
pub(super) const BIG_UNIT: u32 = 4096;

/// A unit whose body has more bytes takes the baseline tier about a millisecond.
pub(super) const LONG_UNIT: u32 = 64 << 10;

/// Units that a worker compiles at least before it publishes them, unless something else asks for it.
const LEAST_PUBLISHED: usize = 10;

/// A unit in a queue.
#[derive(Debug)]
pub(crate) struct Entry<U> {
    pub(crate) unit: U,
    /// Bytes of the body.
    pub(crate) size: u32,
    /// What it belongs to.
    pub(crate) module: u64,
    /// When it was added, in nanoseconds since the pool was made.
    pub(crate) added: u64,
}

impl<U> Entry<U> {
    pub(crate) fn is_big(&self) -> bool {
        self.size > BIG_UNIT
    }

    /// Whether it takes so long that what is finished is not to wait for it.
    pub(crate) fn is_long(&self) -> bool {
        self.size > LONG_UNIT
    }
}

/// Where a unit was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Priority,
    Big,
    Own,
    /// Stolen, with so many others.
    Stolen(usize),
}

/// The queues of one lane.
pub(crate) struct Queues<U, Q = LockedDeque<Entry<U>>> {
    /// As many as there may ever be; those in use come first.
    slots: Box<[Slot<Q>]>,
    /// Slots in use. Grows only.
    active: AtomicUsize,
    /// The slot that gets the next batch.
    next_add: AtomicUsize,
    counts: Counts,
    /// Units that were added since nothing was queued: what the publish limits are computed from.
    declared: AtomicUsize,
    priority: Ranked<Entry<U>>,
    big: Ranked<Entry<U>>,
}

struct Slot<Q> {
    units: Q,
    /// Where to steal next.
    next_steal: AtomicUsize,
}

impl<U: Send, Q: UnitQueue<Entry<U>>> Queues<U, Q> {
    /// Empty queues for up to `slots` workers and helpers, one slot in use.
    pub(crate) fn new(slots: usize) -> Self {
        let slot = |index| Slot { units: Q::default(), next_steal: AtomicUsize::new(index + 1) };
        Queues {
            slots: (0..slots.max(1)).map(slot).collect(),
            active: AtomicUsize::new(1),
            next_add: AtomicUsize::new(0),
            counts: Counts::default(),
            declared: AtomicUsize::new(0),
            priority: Ranked::default(),
            big: Ranked::default(),
        }
    }

    /// Has `slot` and all before it in use.
    pub(crate) fn grow_to(&self, slot: usize) {
        assert!(slot < self.slots.len());
        // Relaxed: the slots exist from the beginning; this only says which of them get batches.
        self.active.fetch_max(slot + 1, Relaxed);
    }

    /// Slots in use.
    pub(crate) fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    /// Adds a batch.
    pub(crate) fn add(&self, units: Vec<Entry<U>>, shuffle: Option<&Shuffle>) {
        self.declare(units.len());
        let (big, small): (Vec<_>, Vec<_>) = units.into_iter().partition(Entry::is_big);
        if !big.is_empty() {
            self.big.push(big.into_iter().map(|entry| (u64::from(entry.size), entry)), &self.counts);
        }
        match shuffle {
            Some(shuffle) => {
                for batch in shuffle.split(small) {
                    self.slots[shuffle.below(self.active())].units.push(batch, &self.counts);
                }
            }
            None if small.is_empty() => {}
            None => {
                // Relaxed: any slot will do; the queues' locks hand the units over.
                let slot = self.next_add.fetch_add(1, Relaxed) % self.active();
                self.slots[slot].units.push(small, &self.counts);
            }
        }
    }

    /// Says that so many units come.
    fn declare(&self, count: usize) {
        let declared = if self.len() == 0 { 0 } else { self.declared.load(Relaxed) };
        // Relaxed, and sometimes wrong if two threads add at once: it decides how often is published, no more.
        self.declared.store(declared + count, Relaxed);
    }

    /// Adds a unit that goes before others. The highest goes first.
    pub(crate) fn add_priority(&self, entry: Entry<U>, priority: u64) {
        self.priority.push(std::iter::once((priority, entry)), &self.counts);
    }

    /// Adds a batch that goes before others, in its order.
    pub(crate) fn add_ordered(&self, entries: Vec<Entry<U>>, priority: u64) {
        self.declare(entries.len());
        self.priority.push(entries.into_iter().map(|entry| (priority, entry)), &self.counts);
    }

    /// Units that were taken are done with.
    pub(crate) fn finished(&self, count: usize) {
        self.counts.finished(count);
    }

    /// Units that were taken and are not done with.
    pub(crate) fn in_flight(&self) -> usize {
        self.counts.in_flight()
    }

    /// The next unit for the worker of `slot`.
    pub(crate) fn take(&self, slot: usize, shuffle: Option<&Shuffle>) -> Option<(Entry<U>, Source)> {
        let shared_first = shuffle.is_none_or(|shuffle| shuffle.below(4) != 0);
        if shared_first {
            self.take_shared().or_else(|| self.take_small(slot, shuffle))
        } else {
            self.take_small(slot, shuffle).or_else(|| self.take_shared())
        }
    }

    fn take_shared(&self) -> Option<(Entry<U>, Source)> {
        let priority = self.priority.pop(&self.counts).map(|entry| (entry, Source::Priority));
        priority.or_else(|| self.big.pop(&self.counts).map(|entry| (entry, Source::Big)))
    }

    fn take_small(&self, slot: usize, shuffle: Option<&Shuffle>) -> Option<(Entry<U>, Source)> {
        let own = &self.slots[slot].units;
        let pick = shuffle.map_or(Pick::Newest, |shuffle| Pick::Random(shuffle.next()));
        if let Some(entry) = own.pop(pick, &self.counts) {
            return Some((entry, Source::Own));
        }
        self.steal(slot, shuffle, |victim| victim.steal_half(own, &self.counts))
    }

    /// Tries the other slots in turn, from where the last theft ended.
    fn steal(
        &self,
        slot: usize,
        shuffle: Option<&Shuffle>,
        from: impl Fn(&Q) -> Option<(Entry<U>, usize)>,
    ) -> Option<(Entry<U>, Source)> {
        let active = self.active();
        // Relaxed: a hint of this slot's own; of several helpers at slot 0, any may write it.
        let next = &self.slots[slot].next_steal;
        let start = shuffle.map_or_else(|| next.load(Relaxed), |shuffle| shuffle.below(active));
        (0..active).map(|offset| (start + offset) % active).filter(|victim| *victim != slot).find_map(|victim| {
            let (entry, count) = from(&self.slots[victim].units)?;
            next.store(victim + 1, Relaxed);
            Some((entry, Source::Stolen(count)))
        })
    }

    /// The next unit of one module. What is stolen for it is of that module, too.
    pub(crate) fn take_of(&self, slot: usize, module: u64) -> Option<(Entry<U>, Source)> {
        let wanted = |entry: &Entry<U>| entry.module == module;
        let own = &self.slots[slot].units;
        (self.priority.pop_of(&wanted, &self.counts).map(|entry| (entry, Source::Priority)))
            .or_else(|| self.big.pop_of(&wanted, &self.counts).map(|entry| (entry, Source::Big)))
            .or_else(|| own.pop_of(&wanted, &self.counts).map(|entry| (entry, Source::Own)))
            .or_else(|| self.steal(slot, None, |victim| victim.steal_half_of(own, &wanted, &self.counts)))
    }

    /// Takes out all units that are `wanted`.
    pub(crate) fn remove(&self, wanted: &dyn Fn(&Entry<U>) -> bool) -> Vec<Entry<U>> {
        let mut removed = self.priority.remove(wanted, &self.counts);
        removed.extend(self.big.remove(wanted, &self.counts));
        for slot in &self.slots {
            removed.extend(slot.units.remove(wanted, &self.counts));
        }
        removed
    }

    /// Units that are queued.
    pub(crate) fn len(&self) -> usize {
        self.counts.queued()
    }

    /// Whether a unit is queued that somebody asked for who is running (with the priority 0, a unit only comes before
    /// others).
    pub(crate) fn is_urgent(&self) -> bool {
        self.priority.highest().is_some_and(|rank| rank > 0)
    }

    /// After how many units the worker of `slot` publishes them.
    pub(crate) fn publish_limit(&self, slot: usize) -> usize {
        publish_limit(self.declared.load(Relaxed), self.active(), slot)
    }

    /// How often somebody had to wait for a lock.
    pub(crate) fn contended(&self) -> u64 {
        let slots: u64 = self.slots.iter().map(|slot| slot.units.contended()).sum();
        slots + self.priority.contended() + self.big.contended()
    }
}

/// Workers publish four to eight times per wave of units, each at a count of its own, so that they do not all
/// come at once.
fn publish_limit(declared: usize, slots: usize, slot: usize) -> usize {
    let least = (declared / slots / 8).max(LEAST_PUBLISHED);
    least + least * slot / slots
}
