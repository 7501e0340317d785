//! Free ranges of equal units, first fit from either end. Neighbours merge when they are given back.

use std::collections::BTreeMap;

/// Which end to take from. Keeping two kinds of use apart keeps each together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

/// Free ranges: length by start.
#[derive(Debug)]
pub(super) struct FreeRanges(BTreeMap<usize, usize>);

impl FreeRanges {
    /// All of `0..len` is free.
    pub(super) fn new(len: usize) -> FreeRanges {
        FreeRanges(BTreeMap::from([(0, len)]))
    }

    /// Takes `len` neighbouring units, and returns the first.
    pub(super) fn take(&mut self, len: usize, end: End) -> Option<usize> {
        let fits = |&(_, &free): &(&usize, &usize)| free >= len;
        let (&start, &free) = match end {
            End::Low => self.0.iter().find(fits)?,
            End::High => self.0.iter().rev().find(fits)?,
        };
        match end {
            End::Low => {
                self.0.remove(&start);
                if free > len {
                    self.0.insert(start + len, free - len);
                }
                Some(start)
            }
            End::High => {
                if free > len {
                    self.0.insert(start, free - len);
                } else {
                    self.0.remove(&start);
                }
                Some(start + free - len)
            }
        }
    }

    /// Gives units back.
    pub(super) fn give(&mut self, mut start: usize, mut len: usize) {
        if let Some((&before, &before_len)) = self.0.range(..start).next_back() {
            assert!(before + before_len <= start, "range freed twice");
            if before + before_len == start {
                (start, len) = (before, before_len + len);
            }
        }
        if let Some((&after, &after_len)) = self.0.range(start + 1..).next() {
            assert!(start + len <= after, "range freed twice");
            if start + len == after {
                self.0.remove(&after);
                len += after_len;
            }
        }
        self.0.insert(start, len);
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
        assert_eq!(free.0, BTreeMap::from([(0, 10)]));
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
