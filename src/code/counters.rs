//! Memory that baseline code counts in: the shards of a module's profile, and of its budgets.
//!
//! What threads count at the same time is kept apart, so that they do not fight for cache lines. A shard of a profile is
//! made when the first thread that hashes to it makes an instance, and lives as long as the module. It is zero at first;
//! of a large one, pages take memory once something in them is counted.
//!
//! What is counted, and where, is the business of `abi/profile.rs`; what it means, of `compile/profile.rs` and
//! `runtime/tiering.rs`.

use std::cell::UnsafeCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::Result;
use crate::sync::get_or_make;
use crate::sys::mmap::{Mapping, page_size};
use crate::sys::threads::{thread_token, usable_cores};

/// Shards of a module, at most.
pub const MOST_SHARDS: usize = 16;

/// Bytes between what different threads count.
pub const APART: usize = 128;

/// Bytes up to which memory comes from the heap, where it is zeroed by hand.
const FROM_HEAP: usize = 16 << 10;

/// Shards of a module on this machine.
pub fn shard_count() -> usize {
    static CORES: once_cell::sync::OnceCell<usize> = once_cell::sync::OnceCell::new();
    (*CORES.get_or_init(usable_cores)).clamp(1, MOST_SHARDS)
}

/// The shard that an instance counts in which this thread makes.
pub fn shard_of_this_thread() -> usize {
    // The token is the address of the thread's control block.
    let hash = (thread_token() as u64 >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    hash as usize % shard_count()
}

/// Memory to count in: zero at first, [`APART`] from everything else, at one place as long as it lives.
pub struct Cells(Memory);

enum Memory {
    Heap(Box<[UnsafeCell<u64>]>),
    Pages(Mapping),
}

// SAFETY: a `Cells` gives away an address only; whoever uses it answers for what threads do there.
unsafe impl Sync for Cells {}

impl Cells {
    /// At least so many bytes.
    pub fn new(bytes: usize) -> Result<Cells> {
        Ok(Cells(if bytes <= FROM_HEAP {
            Memory::Heap((0..(bytes + APART).div_ceil(8)).map(|_| UnsafeCell::new(0)).collect())
        } else {
            Memory::Pages(Mapping::anonymous(bytes.next_multiple_of(page_size()))?)
        }))
    }

    /// The first byte.
    pub fn base(&self) -> *mut u8 {
        match &self.0 {
            Memory::Heap(words) => {
                let start = UnsafeCell::raw_get(words.as_ptr()).cast::<u8>();
                // Room for this was left at the end.
                start.wrapping_add(start.align_offset(APART))
            }
            Memory::Pages(pages) => pages.base(),
        }
    }

    /// Bytes that it may take.
    pub fn memory_use(&self) -> usize {
        match &self.0 {
            Memory::Heap(words) => size_of_val(&**words),
            Memory::Pages(pages) => pages.len(),
        }
    }
}

/// The shards of a module.
pub struct Counters {
    bytes: usize,
    shards: Box<[OnceLock<Cells>]>,
}

impl Counters {
    /// Shards of this size. Takes no memory yet.
    pub fn new(bytes: usize) -> Counters {
        Counters { bytes, shards: (0..shard_count()).map(|_| OnceLock::new()).collect() }
    }

    /// What an instance that this thread makes counts in.
    pub fn of_this_thread(&self) -> Result<*mut u8> {
        let shard = &self.shards[shard_of_this_thread()];
        Ok(match shard.get() {
            Some(cells) => cells.base(),
            None => {
                let cells = Cells::new(self.bytes)?;
                get_or_make(shard, || cells).base()
            }
        })
    }

    /// The shards that there are.
    pub fn shards(&self) -> impl Iterator<Item = Shard<'_>> {
        self.shards.iter().filter_map(OnceLock::get).map(|cells| Shard { cells, bytes: self.bytes })
    }

    /// Bytes of the shards that there are; their memory is what of them was touched.
    pub fn reserved(&self) -> usize {
        self.shards().map(|shard| shard.cells.memory_use()).sum()
    }
}

/// A shard, for reading.
#[derive(Clone, Copy)]
pub struct Shard<'a> {
    cells: &'a Cells,
    bytes: usize,
}

impl Shard<'_> {
    fn at<T>(&self, offset: i32) -> *mut T {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(size_of::<T>()) && offset + size_of::<T>() <= self.bytes);
        self.cells.base().wrapping_add(offset).cast()
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
