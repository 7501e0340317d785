//! Random decisions, repeatable by their seed: a test mode in which no order may be relied upon.
//!
//! With one thread the same seed gives the same order. With several it gives the same numbers, to whoever asks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A sequence of random numbers.
#[derive(Debug)]
pub(crate) struct Shuffle(AtomicU64);

impl Shuffle {
    pub(crate) fn new(seed: u64) -> Shuffle {
        Shuffle(AtomicU64::new(seed))
    }

    /// The next number (SplitMix64).
    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        // Relaxed: the numbers hand nothing over.
        let mut value = self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Cuts a batch into several.
    pub(crate) fn split<T>(&self, mut batch: Vec<T>) -> Vec<Vec<T>> {
        let mut parts = Vec::new();
        while !batch.is_empty() {
            let at = batch.len() - 1 - self.below(batch.len());
            parts.push(batch.split_off(at));
        }
        parts
    }
}
