//! Bytes that are fetched a page at a time, when somebody first needs them.
//!
//! # Protocol
//!
//!     whoever needs a page                         | readers
//!     ---------------------------------------------+------------------------------------------
//!     1. lock; the page is still missing           |
//!     2. fetch it into its place                   |
//!     3. its state (Release)                       | a. its state (Acquire): only then a slice of it
//!
//! A page is written once, before anybody has a slice of it.

use std::sync::atomic::{AtomicU8, Ordering};

use super::fork::ForkMutex;
use super::mmap::{Mapping, page_size};
use crate::error::Result;

const MISSING: u8 = 0;
const THERE: u8 = 1;
/// It could not be fetched, and never will be: its bytes are zero.
const LOST: u8 = 2;

/// Fetches the page with this number into its place. False: it cannot be had; what was written there is forgotten.
pub type Fetch = Box<dyn Fn(usize, &mut [u8]) -> bool + Send + Sync>;

/// Bytes of which those are in memory that somebody needed.
pub struct LazyBytes {
    mapping: Mapping,
    len: usize,
    page: usize,
    states: Box<[AtomicU8]>,
    fetching: ForkMutex<()>,
    fetch: Fetch,
}

impl LazyBytes {
    /// So many bytes, in pages of this size.
    pub fn new(len: usize, page: usize, fetch: Fetch) -> Result<LazyBytes> {
        let mapping = Mapping::anonymous(len.max(1).next_multiple_of(page_size()))?;
        let states = (0..len.div_ceil(page)).map(|_| AtomicU8::new(MISSING)).collect();
        Ok(LazyBytes { mapping, len, page, states, fetching: ForkMutex::new(()), fetch })
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A range of them. `None`: it does not exist, or could not be fetched.
    pub fn slice(&self, start: usize, end: usize) -> Option<&[u8]> {
        if start > end || end > self.len {
            return None;
        }
        (start / self.page..end.div_ceil(self.page)).all(|page| self.ensure(page)).then(|| {
            // SAFETY: inside of the mapping, and these pages are not written to any more.
            unsafe { std::slice::from_raw_parts(self.mapping.base().add(start), end - start) }
        })
    }

    /// All of them, with zeros for what could not be fetched.
    pub fn all(&self) -> &[u8] {
        for page in 0..self.states.len() {
            self.ensure(page);
        }
        // SAFETY: as above: every page is there, or lost.
        unsafe { std::slice::from_raw_parts(self.mapping.base(), self.len) }
    }

    fn ensure(&self, page: usize) -> bool {
        // Acquire: pairs with the Release below.
        match self.states[page].load(Ordering::Acquire) {
            MISSING => self.fetch(page),
            state => state == THERE,
        }
    }

    #[cold]
    fn fetch(&self, page: usize) -> bool {
        let _fetching = self.fetching.lock();
        // Relaxed: changed under this lock only.
        let known = self.states[page].load(Ordering::Relaxed);
        if known != MISSING {
            return known == THERE;
        }
        let start = page * self.page;
        let len = self.page.min(self.len - start);
        // SAFETY: inside of the mapping, which is writable; nobody has a slice of a page that is missing, and nobody else
        // fetches one.
        let place = unsafe { std::slice::from_raw_parts_mut(self.mapping.base().add(start), len) };
        let is_there = (self.fetch)(page, place);
        if !is_there {
            place.fill(0);
        }
        // Release: pairs with the Acquire in `ensure`.
        self.states[page].store(if is_there { THERE } else { LOST }, Ordering::Release);
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Many threads read ranges of pages, one of which is lost; each page is fetched once.
    #[test]
    fn pages_are_fetched_once_when_they_are_needed() {
        const LEN: usize = 10 * 4096 + 100;
        let fetched = Arc::new(AtomicUsize::new(0));
        let count = fetched.clone();
        let fetch = move |page: usize, place: &mut [u8]| {
            count.fetch_add(1, Ordering::Relaxed);
            place.iter_mut().enumerate().for_each(|(at, byte)| *byte = ((page * 4096 + at) % 251) as u8);
            page != 7
        };
        let bytes = LazyBytes::new(LEN, 4096, Box::new(fetch)).unwrap();
        assert_eq!((bytes.len(), bytes.is_empty(), fetched.load(Ordering::Relaxed)), (LEN, false, 0));
        assert_eq!(bytes.slice(4095, 4097), Some(&[(4095 % 251) as u8, (4096 % 251) as u8][..]));
        assert_eq!(fetched.load(Ordering::Relaxed), 2);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let bytes = &bytes;
                scope.spawn(move || {
                    for start in (thread * 100..LEN).step_by(997) {
                        let end = (start + 5000).min(LEN);
                        let is_lost = start < 8 * 4096 && end > 7 * 4096;
                        match bytes.slice(start, end) {
                            Some(slice) => {
                                assert!(!is_lost);
                                assert!(slice.iter().enumerate().all(|(at, byte)| *byte == ((start + at) % 251) as u8));
                            }
                            None => assert!(is_lost),
                        }
                    }
                });
            }
        });
        assert_eq!(fetched.load(Ordering::Relaxed), 11);
        assert_eq!(bytes.all()[7 * 4096..8 * 4096], [0; 4096]);
        assert!(bytes.slice(LEN, LEN + 1).is_none() && bytes.slice(5, 4).is_none());
        assert_eq!(bytes.slice(LEN, LEN), Some(&[][..]));
    }
}
