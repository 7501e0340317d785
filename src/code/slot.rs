//! The write side of a [`CodeSlot`](crate::abi::vmctx::CodeSlot): which code wins, and who sees what.
//!
//! Not here: who may publish, and when (`publish`, the only caller).

use crate::abi::vmctx::CodeSlot;
use crate::sync::{Ordering, Site, order};
use crate::tier::Tier;

/// Which of two pieces of code for the same function is better: the higher tier, then the later generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The tier that made the code.
    pub tier: Tier,
    /// Counts compilations of the function by this tier.
    pub generation: u16,
}

impl Version {
    /// The first code of a tier.
    pub fn first(tier: Tier) -> Version {
        Version { tier, generation: 0 }
    }
}

/// How many functions have code, by the tier of the best they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierCounts {
    /// Of the baseline tier.
    pub baseline: usize,
    /// Of the top tier.
    pub top: usize,
}

impl TierCounts {
    pub(super) fn of(&mut self, tier: Tier) -> &mut usize {
        match tier {
            Tier::Baseline => &mut self.baseline,
            Tier::Top => &mut self.top,
        }
    }
}

/// The word of a slot, in the standard library's atomics or a model's.
pub(super) trait EntryCell {
    fn load(&self, ordering: Ordering) -> usize;
    fn store(&self, entry: usize, ordering: Ordering);
}

impl EntryCell for CodeSlot {
    fn load(&self, ordering: Ordering) -> usize {
        self.0.load(ordering)
    }
    fn store(&self, entry: usize, ordering: Ordering) {
        self.0.store(entry, ordering);
    }
}

#[cfg(loom)]
impl EntryCell for crate::sync::AtomicUsize {
    fn load(&self, ordering: Ordering) -> usize {
        crate::sync::AtomicUsize::load(self, ordering)
    }
    fn store(&self, entry: usize, ordering: Ordering) {
        crate::sync::AtomicUsize::store(self, entry, ordering);
    }
}

/// Makes `entry` what callers jump to, unless the slot holds code at least as good.
///
/// `current` is the version that the slot holds. The publication lock, which the caller holds, guards it,
/// so the comparison and the store need not be one step.
pub(super) fn publish(slot: &impl EntryCell, current: &mut Option<Version>, version: Version, entry: usize) -> bool {
    if *current >= Some(version) {
        return false;
    }
    *current = Some(version);
    // Release: pairs with the Acquire fence in `map::find`, which a thread runs after it jumped through
    // the slot. Everything that concerns the code was written before.
    slot.store(entry, order(Site::SlotStore, Ordering::Release));
    true
}

/// The entry address as machine code loads it.
pub(super) fn load(slot: &impl EntryCell) -> usize {
    // Relaxed: as strong as machine code's plain load; see `publish`.
    slot.load(Ordering::Relaxed)
}

/// Sets the first entry address, a stub or 0, of a slot that nobody can know yet.
pub(super) fn init(slot: &impl EntryCell, entry: usize) {
    // Relaxed: whoever hands the module's slots to another thread hands this over, too.
    slot.store(entry, Ordering::Relaxed);
}
