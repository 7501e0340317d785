//! The bytes behind a linear memory.
//!
//! | kind    | when                                  | base                     | room to grow               |
//! |---------|---------------------------------------|--------------------------|----------------------------|
//! | fixed   | guarded, or shared                    | never moves              | all of it, reserved before |
//! | movable | explicitly checked                    | moves when room runs out | twice the size             |
//! | host    | the embedder's creator                | never moves              | as it says                 |
//!
//! Bytes beyond the length are never accessible: in the guarded mode that *is* the bounds check.

use std::ops::Range;

use super::image::{Initial, MemoryImage};
use super::memory::{HostMemory, MemoryCreator};
use super::paging::Paged;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::limits::{MAX_MEMORY64_PAGES, MEMORY_GUARD, MEMORY_RESERVATION};
use crate::sys::mmap::{Mapping, Protection, Sharing, page_size};
use crate::sys::regions::Region;
use crate::trap::TrapCode;
use crate::types::{IndexType, MemoryType, PAGE_SIZE};

/// Address space that a movable memory takes at least.
const SMALLEST_ROOM: usize = 1 << 20;

/// The bytes behind one memory.
pub(super) struct LinearMemory {
    backing: Backing,
    base: *mut u8,
    len: usize,
    /// Largest length that can be had without moving.
    room: usize,
    max: usize,
    moves: bool,
    /// Lets the signal handler tell the memory's faults from others. Dropped before the backing is unmapped.
    region: Option<Region>,
    /// What is fetched as it is needed. Dropped before the region.
    paged: Option<Paged>,
    /// Where an image is mapped.
    image: Range<usize>,
}

enum Backing {
    Mapped(Mapping),
    Host(Box<dyn HostMemory>),
}

// SAFETY: the base leads to memory that this value owns, or that the host declared usable by any thread.
unsafe impl Send for LinearMemory {}
// SAFETY: methods with `&self` read the fields only.
unsafe impl Sync for LinearMemory {}

/// Largest size of a memory of this type, in pages.
pub(super) fn max_pages(ty: MemoryType) -> u64 {
    let by_index = match ty.index {
        IndexType::I32 => 1 << 16,
        IndexType::I64 => MAX_MEMORY64_PAGES,
    };
    ty.max.unwrap_or(by_index).min(by_index)
}

impl LinearMemory {
    /// A memory of `ty.min` pages.
    pub(super) fn new(engine: &Engine, ty: MemoryType, initial: Initial<'_>) -> Result<LinearMemory> {
        let bytes = |pages: u64| pages.checked_mul(PAGE_SIZE).and_then(|bytes| usize::try_from(bytes).ok());
        let max = bytes(max_pages(ty)).unwrap_or(usize::MAX);
        let Some(len) = bytes(ty.min).filter(|len| *len <= max) else {
            return Err(Error::Limit { what: "pages of a memory", asked: ty.min, limit: max_pages(ty) });
        };
        if let Some(creator) = &engine.config().memory_creator {
            return LinearMemory::from_host(engine, ty, &**creator, len, max);
        }
        let guarded = ty.index == IndexType::I32 && engine.memories_are_guarded();
        let (room, guard) = match (guarded, ty.shared) {
            (true, _) => (MEMORY_RESERVATION as usize, MEMORY_GUARD as usize),
            // A shared memory may not move: another thread may be in it.
            (false, true) => (max, 0),
            (false, false) => (room_for(len, max), 0),
        };
        let moves = !guarded && !ty.shared;
        let mapping = Mapping::reserve(room.max(page_size()).saturating_add(guard))?;
        let mut memory = LinearMemory {
            base: mapping.base(),
            region: Some(Region::new(mapping.base() as usize, mapping.len())),
            backing: Backing::Mapped(mapping),
            len: 0,
            room,
            max,
            moves,
            paged: None,
            image: 0..0,
        };
        memory.commit(len)?;
        match (initial, &memory.backing) {
            (Initial::Mapped(image), _) => memory.map_image(image)?,
            (Initial::Kept(image), Backing::Mapped(mapping)) => memory.paged = Some(Paged::new(mapping, image)?),
            (Initial::Zeros | Initial::Kept(_), _) => {}
        }
        Ok(memory)
    }

    fn from_host(
        engine: &Engine,
        ty: MemoryType,
        creator: &dyn MemoryCreator,
        len: usize,
        max: usize,
    ) -> Result<LinearMemory> {
        let guarded = ty.index == IndexType::I32 && engine.memories_are_guarded();
        let (room, guard) = if guarded {
            (MEMORY_RESERVATION as usize, MEMORY_GUARD as usize)
        } else {
            // It never moves: what is not set aside now can never be had. (A 64-bit memory may name any maximum.)
            (max.min(room_for(len, max).max(MEMORY_RESERVATION as usize)), 0)
        };
        let host = creator.create(ty, len, room, guard)?;
        let base = host.base();
        if base.is_null() || !(base as usize).is_multiple_of(page_size()) {
            return Err(Error::misuse("memory creator: the base is null or not aligned to a page"));
        }
        let region = Some(Region::new(base as usize, room.saturating_add(guard)));
        let (backing, max) = (Backing::Host(host), max.min(room));
        Ok(LinearMemory { backing, base, len, room, max, moves: false, region, paged: None, image: 0..0 })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Has a range of the bytes in its place. Fails if it was kept in an artifact, and is lost.
    pub(super) fn ensure(&self, range: Range<usize>) -> Result<(), TrapCode> {
        match (&self.paged, &self.backing) {
            (Some(paged), Backing::Mapped(mapping)) => paged.ensure(mapping, range),
            _ => Ok(()),
        }
    }

    /// Most bytes of a range are about to be written for the first time: large pages take fewer faults.
    pub(super) fn expect_writes(&self, range: Range<usize>) {
        if let (None, Backing::Mapped(mapping)) = (&self.paged, &self.backing) {
            mapping.prefer_huge_pages_in(range.start..range.end.min(self.len));
        }
    }

    /// Makes all bytes zeros again, which were not used yet.
    pub(super) fn clear(&mut self) -> Result<()> {
        if let (Some(paged), Backing::Mapped(mapping)) = (self.paged.take(), &self.backing) {
            paged.discard(mapping)?;
        }
        let image = std::mem::take(&mut self.image);
        // SAFETY: the image was mapped into this memory, which is that long at least.
        unsafe { std::ptr::write_bytes(self.base.add(image.start), 0, image.len()) };
        Ok(())
    }

    /// Makes `new_len` bytes accessible; false if that cannot be. The base may move.
    pub(super) fn grow(&mut self, new_len: usize, engine: &Engine) -> bool {
        debug_assert!(new_len >= self.len);
        if new_len > self.max {
            return false;
        }
        let must_move = new_len > self.room || engine.config().memory_moves;
        if self.moves && must_move { self.relocate(new_len).is_ok() } else { self.commit(new_len).is_ok() }
    }

    /// Makes `new_len` bytes accessible where the memory is.
    fn commit(&mut self, new_len: usize) -> Result<()> {
        if new_len > self.room {
            return Err(Error::Limit { what: "bytes of a memory", asked: new_len as u64, limit: self.room as u64 });
        }
        match &mut self.backing {
            Backing::Mapped(mapping) if new_len > self.len => {
                // SAFETY: the pages only gain rights, and hold zeros.
                unsafe { mapping.protect(self.len, new_len - self.len, Protection::ReadWrite) }?;
            }
            Backing::Mapped(_) => {}
            Backing::Host(host) => {
                if !host.grow(new_len) {
                    return Err(Error::System {
                        what: "grow a host memory",
                        source: std::io::ErrorKind::OutOfMemory.into(),
                    });
                }
            }
        }
        self.len = new_len;
        Ok(())
    }

    /// Moves to a larger place.
    fn relocate(&mut self, new_len: usize) -> Result<()> {
        self.ensure(0..self.len)?;
        self.paged = None;
        let room = room_for(new_len, self.max);
        let mapping = Mapping::reserve(room.max(page_size()))?;
        if new_len > 0 {
            // SAFETY: nobody uses the new pages yet.
            unsafe { mapping.protect(0, new_len, Protection::ReadWrite) }?;
        }
        // SAFETY: both ranges hold `len` accessible bytes and do not overlap; no WebAssembly runs in the memory,
        // since the caller of `grow` is its thread.
        unsafe { std::ptr::copy_nonoverlapping(self.base, mapping.base(), self.len) };
        self.region = Some(Region::new(mapping.base() as usize, mapping.len()));
        self.base = mapping.base();
        self.backing = Backing::Mapped(mapping);
        self.len = new_len;
        self.room = room;
        Ok(())
    }

    fn map_image(&mut self, image: &MemoryImage) -> Result<()> {
        let Backing::Mapped(mapping) = &self.backing else { return Ok(()) };
        assert!(image.offset + image.len <= self.len, "an image lies in its memory");
        self.image = image.offset..image.offset + image.len;
        // SAFETY: the memory is new: nobody uses it yet.
        unsafe { mapping.map_file(image.offset, image.len, &image.file, 0, Protection::ReadWrite, Sharing::Private) }
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        self.paged = None;
        self.region = None;
    }
}

/// Address space for a movable memory of this length.
fn room_for(len: usize, max: usize) -> usize {
    len.saturating_mul(2).max(SMALLEST_ROOM).min(max).max(len)
}
