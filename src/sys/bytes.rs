//! The bytes of modules: copies of a host's, made at once or as they come.
//!
//! They never move: whoever has some of them keeps them while others are added behind. Of megabytes, most of the time of
//! a copy goes to page faults: large ones are mapped with huge pages, where the system has them to spare.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fork::ForkMutex;
use super::mmap::{Mapping, Protection, page_size};
use crate::error::{Error, Result};

/// From this length on, bytes have a mapping of their own: a huge page, and what the allocator would map by itself.
const LARGE: usize = 2 << 20;

/// Addresses for bytes whose number nobody knows, where the process cannot have as many as a module may need.
const FALLBACK: usize = 64 << 20;

/// Bytes that are made accessible at once while there are few.
const STEP: usize = 64 << 10;

/// Bytes that nobody changes; more of them may come.
#[derive(Debug)]
pub struct Bytes {
    memory: Memory,
    /// First byte of the memory.
    base: *mut u8,
    len: AtomicUsize,
}

#[derive(Debug)]
enum Memory {
    /// Held for its drop.
    Small {
        _cells: Box<[UnsafeCell<u8>]>,
    },
    Large(ForkMutex<Mapping>),
}

// SAFETY: bytes below `len` do not change, those behind it belong to the one `Appender`.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        // Acquire: pairs with the Release in `append`.
        let len = self.len.load(Ordering::Acquire);
        // SAFETY: so many bytes have been written, nobody writes to them later, and they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base, len) }
    }
}

/// Whoever adds bytes behind those that are there.
#[derive(Debug)]
pub struct Appender {
    bytes: Arc<Bytes>,
    /// Bytes that may be written to, and those that have addresses.
    accessible: usize,
    reserved: usize,
}

impl Appender {
    /// For exactly so many bytes.
    pub fn of_length(len: usize) -> Result<Appender> {
        if len >= LARGE {
            let reserved = len.next_multiple_of(page_size());
            let mapping = Mapping::anonymous(reserved)?;
            mapping.prefer_huge_pages();
            return Ok(Appender::new(mapping, reserved));
        }
        let cells = Box::into_raw(vec![0u8; len].into_boxed_slice()) as *mut [UnsafeCell<u8>];
        // SAFETY: an `UnsafeCell` has the layout of what is in it, and the box was given up just now.
        let cells = unsafe { Box::from_raw(cells) };
        let base = cells.as_ptr().cast::<u8>().cast_mut();
        let bytes = Bytes { memory: Memory::Small { _cells: cells }, base, len: AtomicUsize::new(0) };
        Ok(Appender { bytes: Arc::new(bytes), accessible: len, reserved: len })
    }

    /// For up to `most` bytes, of which `expected` are likely to come (0: nobody knows). Where the process cannot have so
    /// many addresses, for fewer.
    pub fn growing(most: usize, expected: usize) -> Result<Appender> {
        let sizes = [most, expected.clamp(FALLBACK, most.max(FALLBACK)), FALLBACK.min(most)];
        let mut reserved =
            Err(Error::System { what: "reserve address space", source: std::io::ErrorKind::Other.into() });
        for size in sizes {
            reserved = Mapping::reserve(size.next_multiple_of(page_size()));
            if reserved.is_ok() {
                break;
            }
        }
        let mapping = reserved?;
        if expected >= LARGE {
            mapping.prefer_huge_pages();
        }
        Ok(Appender::new(mapping, 0))
    }

    fn new(mapping: Mapping, accessible: usize) -> Appender {
        let (base, reserved) = (mapping.base(), mapping.len());
        let bytes = Bytes { memory: Memory::Large(ForkMutex::new(mapping)), base, len: AtomicUsize::new(0) };
        Appender { bytes: Arc::new(bytes), accessible, reserved }
    }

    /// The bytes that are there, and those that come.
    pub fn bytes(&self) -> &Arc<Bytes> {
        &self.bytes
    }

    /// How many are there.
    pub fn len(&self) -> usize {
        // Relaxed: only this value changes it.
        self.bytes.len.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes. Nothing is added if it fails.
    pub fn append(&mut self, more: &[u8]) -> Result<()> {
        let start = self.len();
        let end = start.saturating_add(more.len());
        if end > self.reserved {
            return Err(Error::Limit { what: "bytes of a module", asked: end as u64, limit: self.reserved as u64 });
        }
        self.make_accessible(end)?;
        // SAFETY: the range is accessible, inside the memory, behind the bytes that others read, and nobody else
        // appends: `Appender` cannot be cloned. The host's bytes are not in there, since nobody gets a pointer to it.
        unsafe { self.bytes.base.add(start).copy_from_nonoverlapping(more.as_ptr(), more.len()) };
        // Release: pairs with the Acquire in `as_ref`.
        self.bytes.len.store(end, Ordering::Release);
        Ok(())
    }

    fn make_accessible(&mut self, end: usize) -> Result<()> {
        let Memory::Large(mapping) = &self.bytes.memory else { return Ok(()) };
        if end <= self.accessible {
            return Ok(());
        }
        let step = if end < LARGE { STEP.max(page_size()) } else { LARGE };
        let accessible = end.next_multiple_of(step).min(self.reserved);
        let mapping = mapping.lock();
        if end >= LARGE && self.accessible < LARGE {
            mapping.prefer_huge_pages();
        }
        let more = accessible - self.accessible;
        // SAFETY: pages without any rights get some, and they hold nothing.
        unsafe { mapping.protect(self.accessible, more, Protection::ReadWrite)? };
        self.accessible = accessible;
        Ok(())
    }

    /// Gives back the addresses behind the last byte.
    pub fn finish(self) -> Arc<Bytes> {
        if let Memory::Large(mapping) = &self.bytes.memory {
            let used = self.len().max(1).next_multiple_of(page_size());
            // SAFETY: nobody reads behind the last byte, and nobody writes there any more.
            unsafe { mapping.lock().truncate(used) };
        }
        self.bytes
    }
}

/// A copy.
pub fn copy(bytes: &[u8]) -> Result<Arc<Bytes>> {
    let mut copy = Appender::of_length(bytes.len())?;
    copy.append(bytes)?;
    Ok(copy.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    #[test]
    fn a_copy_has_all_bytes_whatever_its_size() {
        for len in [0, 1, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE + 4097] {
            let original = original(len);
            assert!((*copy(&original).unwrap()).as_ref() == original, "{len} bytes");
        }
    }

    #[test]
    fn bytes_that_come_in_pieces_stay_where_they_are() {
        for (piece, expected) in [(1, 0), (4095, 5000), (70_000, 0), (LARGE + 1, 3 * LARGE)] {
            let original = original(3 * piece + 1);
            let mut appender = Appender::growing(u32::MAX as usize, expected).unwrap();
            let bytes = appender.bytes().clone();
            let first = (*bytes).as_ref().as_ptr();
            let mut seen = 0;
            for piece in original.chunks(piece) {
                let before = (*bytes).as_ref();
                appender.append(piece).unwrap();
                assert!(*before == original[..seen]);
                seen += piece.len();
                assert_eq!(((*bytes).as_ref().len(), (*bytes).as_ref().as_ptr()), (seen, first));
            }
            assert!((*appender.finish()).as_ref() == original);
        }
    }

    #[test]
    fn more_than_there_is_room_for_is_refused() {
        let mut appender = Appender::growing(page_size(), 0).unwrap();
        appender.append(&original(page_size())).unwrap();
        assert!(matches!(appender.append(b"x"), Err(Error::Limit { .. })));
        assert_eq!(appender.len(), page_size());
        let mut exact = Appender::of_length(2).unwrap();
        assert!(matches!(exact.append(b"xyz"), Err(Error::Limit { .. })));
        exact.append(b"xy").unwrap();
        assert_eq!((*exact.finish()).as_ref(), b"xy");
    }
}
