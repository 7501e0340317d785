//! What is known function by function while a module is read: where its bodies are, how many indirect calls they have.
//!
//! Both tables have their full size from the start and fill up in the order of the functions. An entry is written once,
//! before anybody else hears of it. Where the bodies of a module are that was kept is fetched a page of functions at a time,
//! by whoever asks first; two who do write the same.
//!
//! # Orderings
//!
//! All accesses are Relaxed: whoever reads an entry got its function from somebody who knew of it, under a lock
//! (`Progress`, the queues of the pool), and what is behind those it has no business with. An entry that is fetched is a
//! single word, which is there or not.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sync::zeroed_table;
use crate::types::DefinedFunc;

/// Functions whose bodies are fetched together.
pub(crate) const BODY_PAGE: usize = 1024;

/// Fetches where the bodies of a page of functions are: for each two words, start and end, little-endian. `None`: it is lost.
pub(crate) type FetchBodies = Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>;

/// In place of a body that is lost: it is empty.
const LOST: u64 = 1 | 1 << 32;

/// Where the bodies are in the bytes of a module.
#[derive(Default)]
pub(crate) struct BodyTable {
    /// Where entries come from that are 0, which no body is.
    fetch: Option<FetchBodies>,
    /// Start in the low half, end in the high one.
    ranges: Box<[AtomicU64]>,
    /// From the first body to the end of the last one.
    bytes: Range<u32>,
}

impl BodyTable {
    /// A table for so many bodies. The first begins and the last ends here, and the parser sees to that.
    pub(super) fn new(count: usize, bytes: Range<u32>) -> BodyTable {
        BodyTable { ranges: zeroed_table(count), bytes, fetch: None }
    }

    /// A table that is filled in as it is needed.
    pub(super) fn set_fetch(&mut self, fetch: FetchBodies) {
        self.fetch = Some(fetch);
    }

    /// Number of bodies, those included that were not read yet.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn bytes(&self) -> Range<usize> {
        self.bytes.start as usize..self.bytes.end as usize
    }

    pub(super) fn set(&self, index: usize, range: Range<u32>) {
        self.ranges[index].store(u64::from(range.start) | u64::from(range.end) << 32, Ordering::Relaxed);
    }

    /// The body at this offset, or the last one before it.
    pub(super) fn at(&self, offset: u32) -> Range<usize> {
        let (mut first, mut behind) = (0, self.len());
        while first < behind {
            let middle = first.midpoint(behind);
            if self.get(middle).start <= offset as usize { first = middle + 1 } else { behind = middle }
        }
        self.get(first.saturating_sub(1))
    }

    pub(crate) fn get(&self, index: usize) -> Range<usize> {
        let range = match self.ranges[index].load(Ordering::Relaxed) {
            0 => self.fetched(index),
            range => range,
        };
        range as u32 as usize..(range >> 32) as usize
    }

    #[cold]
    fn fetched(&self, index: usize) -> u64 {
        let Some(fetch) = &self.fetch else { return 0 };
        let page = index / BODY_PAGE;
        let ranges = self.ranges.iter().skip(page * BODY_PAGE).take(BODY_PAGE);
        let bytes = fetch(page).unwrap_or_default();
        let mut words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        for range in ranges {
            let body = words.next().zip(words.next()).filter(|(start, end)| {
                (self.bytes.start..=*end).contains(start) && *start != 0 && *end <= self.bytes.end
            });
            let body = body.map_or(LOST, |(start, end)| u64::from(start) | u64::from(end) << 32);
            range.store(body, Ordering::Relaxed);
        }
        self.ranges[index].load(Ordering::Relaxed)
    }
}

/// The numbers of the indirect calls of a module: in the order of the functions, and in a function in the order of
/// the operators, those that cannot be reached included.
#[derive(Debug, Default)]
pub struct IndirectSites {
    /// The number of the first of each function, and how many there are.
    first: Box<[AtomicU32]>,
}

impl IndirectSites {
    /// Of so many functions, none of which has any yet.
    pub(super) fn new(functions: usize) -> IndirectSites {
        IndirectSites { first: zeroed_table(functions + 1) }
    }

    /// The functions have so many of them. The counts of all before are known.
    pub(super) fn add(&self, functions: Range<usize>, counts: &[(DefinedFunc, u32)]) {
        let mut counts = counts.iter().peekable();
        let mut next = self.at(functions.start);
        for index in functions {
            if let Some((_, count)) = counts.next_if(|(func, _)| func.index() == index) {
                // An indirect call takes three bytes, and a module has less than 2^32.
                next += count;
            }
            self.first[index + 1].store(next, Ordering::Relaxed);
        }
    }

    fn at(&self, index: usize) -> u32 {
        self.first.get(index).map_or(0, |first| first.load(Ordering::Relaxed))
    }

    /// How many there are. (Once all bodies are validated.)
    pub fn count(&self) -> u32 {
        self.at(self.first.len().wrapping_sub(1))
    }

    /// The numbers of those of a function.
    pub fn of(&self, func: DefinedFunc) -> Range<u32> {
        self.at(func.index())..self.at(func.index() + 1)
    }
}
