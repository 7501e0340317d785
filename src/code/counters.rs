//! Memory that baseline code counts in: the shards of a module's profile.
//!
//! A shard is made when the first thread that hashes to it makes an instance, and lives as long as the module. Its
//! pages are zero, and take memory once something in them is counted.
//!
//! What is counted, and where, is the business of `abi/profile.rs`; what it means, of `compile/profile.rs`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::Result;
use crate::sys::mmap::{Mapping, Protection, page_size};
use crate::sys::threads::{thread_token, usable_cores};

/// Shards of a module, at most.
const SHARDS: usize = 16;

/// The shards of a module.
pub struct Counters {
    bytes: usize,
    shards: Box<[OnceLock<Mapping>]>,
}

impl Counters {
    /// Shards of this size. Takes no memory yet.
    pub fn new(bytes: usize) -> Counters {
        let count = usable_cores().clamp(1, SHARDS);
        Counters { bytes, shards: (0..count).map(|_| OnceLock::new()).collect() }
    }

    /// What an instance that this thread makes counts in.
    pub fn of_this_thread(&self) -> Result<*mut u8> {
        // The token is the address of the thread's control block.
        let hash = (thread_token() as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let shard = &self.shards[hash as usize % self.shards.len()];
        if shard.get().is_none() {
            let len = self.bytes.next_multiple_of(page_size());
            let pages = Mapping::reserve(len)?;
            // SAFETY: the range is fresh.
            unsafe { pages.map_anonymous(0, len, Protection::ReadWrite)? };
            // Made before the cell is claimed: a child of a fork must not meet it half-way. Of two threads that get
            // here at once, one's pages are dropped.
            let _ = shard.set(pages);
        }
        Ok(shard.get().expect("set above").base())
    }

    /// The shards that there are.
    pub fn shards(&self) -> impl Iterator<Item = Shard<'_>> {
        self.shards.iter().filter_map(OnceLock::get).map(|pages| Shard { pages, bytes: self.bytes })
    }

    /// Bytes of the shards that there are; their memory is what of them was touched.
    pub fn reserved(&self) -> usize {
        self.shards().map(|shard| shard.pages.len()).sum()
    }
}

/// A shard, for reading.
#[derive(Clone, Copy)]
pub struct Shard<'a> {
    pages: &'a Mapping,
    bytes: usize,
}

impl Shard<'_> {
    fn at<T>(&self, offset: i32) -> *mut T {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(size_of::<T>()) && offset + size_of::<T>() <= self.bytes);
        self.pages.base().wrapping_add(offset).cast()
    }

    /// A word of 32 bits.
    pub fn count(&self, offset: i32) -> u64 {
        // SAFETY: inside of the shard and aligned, as just checked; machine code of other threads may write at the same
        // time, whole words. Relaxed: nothing else is handed over by a count.
        unsafe { AtomicU32::from_ptr(self.at(offset)).load(Ordering::Relaxed) }.into()
    }

    /// Adds to a word of 32 bits.
    pub fn add(&self, offset: i32, count: u32) {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.at(offset)).fetch_add(count, Ordering::Relaxed) };
    }

    /// A word of 64 bits.
    pub fn address(&self, offset: i32) -> usize {
        // SAFETY: as above, for the other width: machine code accesses each word with one width only.
        unsafe { AtomicU64::from_ptr(self.at(offset)).load(Ordering::Relaxed) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_come_when_they_are_asked_for() {
        let counters = Counters::new(4096 * 3 + 64);
        assert_eq!(counters.shards().count(), 0);
        let base = counters.of_this_thread().unwrap();
        assert_eq!(counters.of_this_thread().unwrap(), base);
        assert_eq!(counters.shards().count(), 1);
        let shard = counters.shards().next().unwrap();
        shard.add(4096 * 3, 7);
        // SAFETY: in the shard.
        unsafe { base.add(16).cast::<u64>().write(1 << 40) };
        assert_eq!((shard.count(4096 * 3), shard.count(0), shard.address(16)), (7, 0, 1 << 40));
    }
}
