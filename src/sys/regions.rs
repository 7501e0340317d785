//! Which address ranges belong to linear memories, and which of these are fetched when they are needed: written by anyone,
//! read by the signal handler.
//!
//! # Protocol
//!
//! The ranges stand in blocks that are linked once and never freed, so that a reader in a signal handler
//! needs no lock. A cell is `(start, end)`; `end == 0` means free.
//!
//!     writer, under the lock               | signal handler
//!     -------------------------------------+--------------------------------
//!     1. start.store(s, Relaxed)           | a. end.load(Acquire), skip if 0
//!     2. end.store(e, Release)             | b. start.load(Relaxed)
//!
//! The Release in 2 pairs with the Acquire in (a): who sees an end sees its start, or one of a later owner of
//! the cell. The handler asks only about memory that its own thread is using, whose cell was written before
//! and stays until that thread is done; about other cells any answer will do.

use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

use super::fork::ForkMutex;

const CELLS: usize = 64;

struct Block {
    cells: [Cell; CELLS],
    next: AtomicPtr<Block>,
}

struct Cell {
    start: AtomicUsize,
    end: AtomicUsize,
}

/// Free cells that were used before, and how many were handed out ever.
type Free = (Vec<&'static Cell>, usize);

static FIRST: Block = new_block();
static FREE: ForkMutex<Free> = ForkMutex::new((Vec::new(), 0));
static FIRST_PAGED: Block = new_block();
static FREE_PAGED: ForkMutex<Free> = ForkMutex::new((Vec::new(), 0));

/// How many ranges are paged. (Machine code looks at it, too.)
pub static PAGED: AtomicUsize = AtomicUsize::new(0);

const fn new_block() -> Block {
    Block {
        cells: [const { Cell { start: AtomicUsize::new(0), end: AtomicUsize::new(0) } }; CELLS],
        next: AtomicPtr::new(ptr::null_mut()),
    }
}

/// A range that counts as ours as long as this value lives.
pub struct Region(&'static Cell);

impl Region {
    /// Enters `[start, start + len)`.
    pub fn new(start: usize, len: usize) -> Region {
        Region(enter(&FIRST, &FREE, start, len))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        leave(self.0, &FREE);
    }
}

/// A range, within a region, whose contents are fetched when they are needed, as long as this value lives.
pub struct PagedRegion(&'static Cell);

impl PagedRegion {
    /// Enters `[start, start + len)`.
    pub fn new(start: usize, len: usize) -> PagedRegion {
        let region = PagedRegion(enter(&FIRST_PAGED, &FREE_PAGED, start, len));
        // Relaxed: who uses the range has its store from whoever entered it.
        PAGED.fetch_add(1, Relaxed);
        region
    }
}

impl Drop for PagedRegion {
    fn drop(&mut self) {
        PAGED.fetch_sub(1, Relaxed);
        leave(self.0, &FREE_PAGED);
    }
}

fn enter(first: &'static Block, free: &ForkMutex<Free>, start: usize, len: usize) -> &'static Cell {
    let mut free = free.lock();
    let cell = free.0.pop().unwrap_or_else(|| {
        free.1 += 1;
        nth_cell(first, free.1 - 1)
    });
    cell.start.store(start, Relaxed);
    cell.end.store(start.saturating_add(len), Release);
    cell
}

fn leave(cell: &'static Cell, free: &ForkMutex<Free>) {
    cell.end.store(0, Release);
    free.lock().0.push(cell);
}

/// The n-th cell; links a new block when the last one is full. Called under the lock.
fn nth_cell(first: &'static Block, n: usize) -> &'static Cell {
    let mut block = first;
    for _ in 0..n / CELLS {
        let mut next = block.next.load(Relaxed);
        if next.is_null() {
            next = Box::leak(Box::new(new_block()));
            // Release: pairs with the Acquire in `find`.
            block.next.store(next, Release);
        }
        // SAFETY: blocks are leaked, hence live for ever.
        block = unsafe { &*next };
    }
    &block.cells[n % CELLS]
}

/// Whether an address lies in a range of ours. Usable in a signal handler.
pub fn contains(address: usize) -> bool {
    find(&FIRST, address)
}

/// Whether what belongs at an address may have to be fetched first. Usable in a signal handler.
pub fn is_paged(address: usize) -> bool {
    PAGED.load(Relaxed) != 0 && find(&FIRST_PAGED, address)
}

fn find(first: &Block, address: usize) -> bool {
    let mut block = first;
    loop {
        for cell in &block.cells {
            let end = cell.end.load(Acquire);
            if address < end && address >= cell.start.load(Relaxed) {
                return true;
            }
        }
        let next = block.next.load(Acquire);
        if next.is_null() {
            return false;
        }
        // SAFETY: blocks are never freed.
        block = unsafe { &*next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A paged range is one of its own, and is counted.
    #[test]
    fn paged_ranges_are_kept_apart() {
        let base = 0x7100_0000_0000;
        let whole = Region::new(base, 0x4000);
        let part = PagedRegion::new(base + 0x1000, 0x1000);
        assert_eq!([0, 0x1000, 0x1fff, 0x2000].map(|at| is_paged(base + at)), [false, true, true, false]);
        drop(part);
        assert!(!is_paged(base + 0x1000) && contains(base + 0x1000));
        drop(whole);
    }

    /// Ranges are found while they live, also beyond the first block, and cells are reused.
    #[test]
    fn regions_come_and_go() {
        let base = 0x7000_0000_0000;
        for _ in 0..3 {
            let regions: Vec<Region> = (0..CELLS * 3).map(|i| Region::new(base + i * 0x2000, 0x1000)).collect();
            for i in 0..CELLS * 3 {
                assert!(contains(base + i * 0x2000) && contains(base + i * 0x2000 + 0xfff));
                assert!(!contains(base + i * 0x2000 + 0x1000));
            }
            drop(regions);
            assert!(!contains(base));
        }
        assert!(FREE.lock().1 < CELLS * 4);
    }
}
