//! Free ranges of equal units, first fit from either end. Neighbours merge when they are given back.

use std::collections::BTreeMap;

/// Which end to take from. Keeping two kinds of use apart keeps each together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

/// Free ranges.
#[derive(Debug)]
pub(super) struct FreeRanges {
    /// Length by start.
    free: BTreeMap<usize, usize>,
    taken: usize,
}

impl FreeRanges {
    /// All of `0..len` is free.
    pub(super) fn new(len: usize) -> FreeRanges {
        FreeRanges { free: BTreeMap::from([(0, len)]), taken: 0 }
    }

    /// How many units are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes `len` neighbouring units, and returns the first.
    pub(super) fn take(&mut self, len: usize, end: End) -> Option<usize> {
        let fits = |&(_, &free): &(&usize, &usize)| free >= len;
        let (&start, &free) = match end {
            End::Low => self.free.iter().find(fits)?,
            End::High => self.free.iter().rev().find(fits)?,
        };
        self.taken += len;
        match end {
            End::Low => {
                self.free.remove(&start);
                if free > len {
                    self.free.insert(start + len, free - len);
                }
                Some(start)
            }
            End::High => {
                if free > len {
                    self.free.insert(start, free - len);
                } else {
                    self.free.remove(&start);
                }
                Some(start + free - len)
            }
        }
    }

    /// Gives units back.
    pub(super) fn give(&mut self, mut start: usize, mut len: usize) {
        let own = len;
        if let Some((&before, &before_len)) = self.free.range(..start).next_back() {
            assert!(before + before_len <= start, "range freed twice");
            if before + before_len == start {
                (start, len) = (before, before_len + len);
            }
        }
        if let Some((&after, &after_len)) = self.free.range(start + 1..).next() {
            assert!(start + len <= after, "range freed twice");
            if start + len == after {
                self.free.remove(&after);
                len += after_len;
            }
        }
        self.free.insert(start, len);
        self.taken -= own;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_from_the_chosen_end_and_merge_again() {
        let mut free = FreeRanges::new(10);
        assert_eq!(free.take(3, End::Low), Some(0));
        assert_eq!(free.take(2, End::High), Some(8));
        assert_eq!(free.take(5, End::Low), Some(3));
        assert_eq!(free.take(1, End::Low), None);
        free.give(0, 3);
        free.give(8, 2);
        assert_eq!(free.take(4, End::High), None, "not merged across a used range");
        free.give(3, 5);
        assert_eq!(free.taken(), 0);
        assert_eq!(free.free, BTreeMap::from([(0, 10)]));
        assert_eq!(free.take(11, End::Low), None);
        assert_eq!(free.take(10, End::High), Some(0));
    }

    #[test]
    #[should_panic(expected = "freed twice")]
    fn double_frees_are_caught() {
        let mut free = FreeRanges::new(4);
        free.take(2, End::Low);
        free.give(0, 2);
        free.give(1, 1);
    }
}
