//! Executable memory: one reservation per engine, from which modules take ranges.
//!
//!     reservation  | chunk | chunk | chunk   free ...          free |  slots  |
//!                  code, read and execute                             data, read and write
//!
//! The reservation is at most 2 GiB, so that code reaches all code and all slots with 32 bits. It is handed
//! out in granules. Code comes from the low end, slots from the high end, so that the kernel sees few mappings.
//!
//! A *chunk* is one or more granules. Small batches of any module follow one another in the current chunk;
//! a large one gets a chunk of its own. A chunk is free when all of its users are gone.
//!
//! # Where code is written
//!
//! - Normally a memory file backs the code: its pages are mapped readable and executable in the reservation,
//!   at the offset in the file that they have in the reservation (so neighbours merge into one mapping). A chunk
//!   that is filled by many has a writable view elsewhere meanwhile; what gets a chunk of its own is written into
//!   the file by one system call, which costs less than to map and touch as many pages.
//! - Where that is forbidden, every batch is written into fresh pages that then become executable, once.
//!
//! # Fork
//!
//! Both sides go on with a fresh file, and leave chunks of the old one as they are (`sys::fork`): a freed
//! one is unmapped on that side only, without taking its pages out of the file.
//!
//! Not here: what the bytes are (`publish`), who finds them (`map`).

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;

use super::map::{Batch, ChunkMap, GRANULE, Registration};
use super::ranges::{End, FreeRanges};
use crate::abi::vmctx::CodeSlot;
use crate::error::{Error, Result};
use crate::sync::{ForkGuard, ForkMutex};
use crate::sys::fork::{self, Pass};
use crate::sys::mmap::{Mapping, MemFile, Protection, Sharing, allows_file_size, page_size};

/// The largest reservation: everything in it must be within reach of 32-bit differences.
pub const MAX_RESERVATION: usize = 2 << 30;

/// Batches start on cache lines.
pub(super) const CACHE_LINE: usize = 64;

/// What needs more than this gets a chunk of its own: it bounds the waste at the end of a shared chunk.
const LARGE: usize = GRANULE / 4;

/// How code gets into memory without any address being writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backing {
    /// Into a memory file, mostly through a second view of it.
    TwoViews,
    /// Into fresh pages, which then become executable.
    FreshPages,
}

/// The executable memory of an engine. Any thread.
pub struct CodeSpace {
    registration: Registration,
    reservation: Mapping,
    /// First granule, from the start of the reservation.
    aligned: usize,
    granules: usize,
    backing: Backing,
    state: ForkMutex<State>,
}

pub(super) struct State {
    free: FreeRanges,
    /// Granules that may be taken.
    limit: usize,
    /// Users of all chunks, by first granule.
    chunks: HashMap<usize, Chunk>,
    /// The chunk that is being filled.
    current: Option<Current>,
    /// Slots that modules share, by first granule, and the one that is being filled.
    slot_chunks: HashMap<usize, SlotChunk>,
    current_slots: Option<(usize, usize)>,
    /// Addresses of the groups of lazy stubs made so far.
    pub(super) stubs: Vec<usize>,
    /// The file behind the chunks of this epoch.
    file: Option<Arc<MemFile>>,
    epoch: usize,
}

/// Granules with code.
struct Chunk {
    granules: usize,
    users: usize,
    /// When its file was made; its pages may be changed in this epoch only.
    epoch: usize,
    /// Users of each page of a chunk that is shared, so that no survivor keeps all of it in memory.
    pages: Box<[u16]>,
    map: Arc<ChunkMap<Batch>>,
}

impl Chunk {
    /// The pages that hold a part of the range.
    fn pages_of(&self, offset: usize, len: usize) -> std::ops::Range<usize> {
        let pages = offset / page_size()..(offset + len).div_ceil(page_size());
        if self.pages.is_empty() { 0..0 } else { pages }
    }
}

/// Granules with slots.
struct SlotChunk {
    granules: usize,
    users: usize,
}

struct Current {
    chunk: usize,
    used: usize,
    writer: Writer,
}

/// A range of executable memory.
pub(super) struct CodeRange {
    chunk: usize,
    map: Arc<ChunkMap<Batch>>,
    entry: usize,
    start: usize,
    len: usize,
}

/// Write access to a fresh [`CodeRange`] until it is sealed; or to a chunk that ranges are taken from.
#[derive(Clone)]
pub(super) enum Writer {
    /// The view, and where in it the range starts.
    View(Arc<Mapping>, usize),
    /// The file, and where in it the range starts.
    File(Arc<MemFile>, usize),
    /// The range itself is still writable, and not yet executable.
    InPlace,
}

/// A range of slots.
#[derive(Debug)]
pub(super) struct SlotRange {
    chunk: usize,
    slots: *const CodeSlot,
    count: usize,
}

// SAFETY: slots are atomics in memory that lives as long as the range.
unsafe impl Send for SlotRange {}
// SAFETY: as above.
unsafe impl Sync for SlotRange {}

impl CodeRange {
    /// First address.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes `batch` what lookups find for the range's addresses.
    pub(super) fn set_record(&self, batch: *const Batch) {
        self.map.set(self.entry, batch);
    }
}

impl SlotRange {
    /// The slot with this number.
    pub(super) fn get(&self, index: usize) -> &CodeSlot {
        assert!(index < self.count, "no such function");
        // SAFETY: within the range, which holds initialised slots.
        unsafe { &*self.slots.add(index) }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl CodeSpace {
    /// Reserves `reservation` bytes (rounded up; at most [`MAX_RESERVATION`]) for code and slots.
    ///
    /// Fails if the system allows neither a memory file to be mapped executable nor memory to become
    /// executable.
    pub fn new(reservation: usize) -> Result<Arc<CodeSpace>> {
        let space = match CodeSpace::with_backing(reservation, Backing::TwoViews) {
            // What the other way would meet as well.
            Err(error @ (Error::System { what: "reserve address space", .. } | Error::Misuse { .. })) => Err(error),
            Err(_) => CodeSpace::with_backing(reservation, Backing::FreshPages).map_err(|error| match error {
                Error::System { source, .. } => Error::System { what: "make memory executable", source },
                error => error,
            }),
            space => space,
        };
        space.map(Arc::new)
    }

    /// A code space that is filled in this way, if the system allows it.
    pub(super) fn with_backing(reservation: usize, backing: Backing) -> Result<CodeSpace> {
        if reservation == 0 || reservation > MAX_RESERVATION {
            return Err(Error::misuse(format!("the code reservation must be 1 to {MAX_RESERVATION:#x} bytes")));
        }
        let granules = reservation.div_ceil(GRANULE);
        fork::install()?;
        // One granule more, so that an aligned start fits.
        let mapping = Mapping::reserve((granules + 1) * GRANULE)?;
        let aligned = mapping.base().align_offset(GRANULE);
        let registration = Registration::new(mapping.base() as usize + aligned, granules);
        let state = State {
            free: FreeRanges::new(granules),
            limit: granules,
            chunks: HashMap::new(),
            current: None,
            slot_chunks: HashMap::new(),
            current_slots: None,
            stubs: Vec::new(),
            file: None,
            epoch: fork::epoch(),
        };
        let state = ForkMutex::new(state);
        let space = CodeSpace { registration, reservation: mapping, aligned, granules, backing, state };
        space.probe()?;
        Ok(space)
    }

    /// Bytes of the reservation.
    pub fn reservation(&self) -> usize {
        self.granules * GRANULE
    }

    /// Bounds what may be taken, in bytes, which are rounded up to whole granules; 0 = all of the reservation. What
    /// is taken stays.
    pub fn set_limit(&self, bytes: usize) {
        let limit = if bytes == 0 { self.granules } else { bytes.div_ceil(GRANULE).min(self.granules) };
        self.state.lock().limit = limit;
    }

    /// Bytes that are taken, and how many may be.
    pub fn usage(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.free.taken() * GRANULE, state.limit * GRANULE)
    }

    pub(super) fn lock(&self, _pass: &Pass) -> ForkGuard<'_, State> {
        let mut state = self.state.lock();
        if state.epoch != fork::epoch() {
            state.epoch = fork::epoch();
            state.file = None;
            // Fresh pages are private, so that chunk can be filled further.
            if let Some(current) = state.current.take_if(|_| self.backing == Backing::TwoViews) {
                self.retire(&mut state, current.chunk);
            }
        }
        state
    }

    /// Tries what publishing will need.
    fn probe(&self) -> Result<()> {
        let pass = fork::enter();
        let (range, writer) = self.allocate(&pass, 16, CACHE_LINE)?;
        let sealed = self.write(&pass, &range, writer, &mut [IoSlice::new(&[TRAP; 16])]);
        self.free(&pass, range);
        sealed
    }

    /// Ranges of code and of slots that are in use, those with lazy stubs left out.
    #[cfg(test)]
    pub(crate) fn users(&self) -> usize {
        let state = self.state.lock();
        let slots: usize = state.slot_chunks.values().map(|chunk| chunk.users).sum();
        state.chunks.values().map(|chunk| chunk.users).sum::<usize>() + slots - state.stubs.len()
    }

    fn address(&self, granule: usize) -> usize {
        self.reservation.base() as usize + self.aligned + granule * GRANULE
    }

    /// Offset in the reservation, which may start before the first granule.
    fn offset(&self, granule: usize) -> usize {
        self.aligned + granule * GRANULE
    }

    fn take(&self, state: &mut State, bytes: usize, end: End) -> Result<(usize, usize)> {
        let granules = bytes.div_ceil(GRANULE);
        let allowed = state.free.taken() + granules <= state.limit;
        let first = if allowed { state.free.take(granules, end) } else { None };
        let limit = (state.limit.min(self.granules) * GRANULE) as u64;
        let first = first.ok_or(Error::Limit { what: "bytes of machine code", asked: bytes as u64, limit })?;
        Ok((first, granules))
    }

    /// Takes executable memory for `len` bytes; nothing but the returned writer may write it.
    pub(super) fn allocate(&self, pass: &Pass, len: usize, alignment: usize) -> Result<(CodeRange, Writer)> {
        assert!(len > 0 && alignment.is_power_of_two() && alignment <= GRANULE);
        let (len, alignment) = match self.backing {
            Backing::TwoViews => (len, alignment.max(CACHE_LINE)),
            Backing::FreshPages => (len.next_multiple_of(page_size()), alignment.max(page_size())),
        };
        let mut state = self.lock(pass);
        let state = &mut *state;
        if len > LARGE {
            let (chunk, writer) = self.open_chunk(state, len, 1)?;
            return self.range_in(state, chunk, 0, len, writer).inspect_err(|_| self.release(state, chunk));
        }
        let fits = |current: &Current| current.used.next_multiple_of(alignment) + len <= GRANULE;
        if !state.current.as_ref().is_some_and(fits) {
            if let Some(current) = state.current.take() {
                self.retire(state, current.chunk);
            }
            let (chunk, writer) = self.open_chunk(state, GRANULE, GRANULE / CACHE_LINE)?;
            state.current = Some(Current { chunk, used: 0, writer });
        }
        let current = state.current.as_mut().expect("opened above");
        let offset = current.used.next_multiple_of(alignment);
        current.used = offset + len;
        let (chunk, writer) = (current.chunk, current.writer.clone());
        self.range_in(state, chunk, offset, len, writer).inspect_err(|_| self.release(state, chunk))
    }

    /// Makes a chunk with no users yet.
    fn open_chunk(&self, state: &mut State, bytes: usize, capacity: usize) -> Result<(usize, Writer)> {
        let (first, granules) = self.take(state, bytes, End::Low)?;
        let len = granules * GRANULE;
        let writer = match self.map_code(state, first, len, capacity) {
            Ok(writer) => writer,
            Err(error) => {
                self.unmap(state, first, granules);
                return Err(error);
            }
        };
        let pages = if capacity > 1 { vec![0; len / page_size()].into() } else { Box::default() };
        let map = Arc::new(ChunkMap::new(self.address(first), capacity));
        self.registration.set(first..first + granules, Arc::as_ptr(&map));
        state.chunks.insert(first, Chunk { granules, users: 0, epoch: state.epoch, pages, map });
        Ok((first, writer))
    }

    /// Maps the code of a new chunk for so many users at most; where to write it.
    fn map_code(&self, state: &mut State, first: usize, len: usize, capacity: usize) -> Result<Writer> {
        if self.backing == Backing::FreshPages {
            return Ok(Writer::InPlace);
        }
        if state.file.is_none() {
            state.file = Some(Arc::new(MemFile::new(c"updraft-code", self.reservation())?));
        }
        let file = state.file.as_ref().expect("made above");
        let file_offset = first * GRANULE;
        // The limit may have been lowered since the file was made.
        let writer = if capacity == 1 && allows_file_size(file_offset + len) {
            Writer::File(file.clone(), file_offset)
        } else {
            let view = Mapping::of_file(file, file_offset, len, Protection::ReadWrite, Sharing::Shared)?;
            Writer::View(Arc::new(view), 0)
        };
        // SAFETY: the granules were free.
        unsafe {
            self.reservation.map_file(
                self.offset(first),
                len,
                file,
                file_offset,
                Protection::ReadExecute,
                Sharing::Shared,
            )?;
        }
        Ok(writer)
    }

    /// Counts a user of a chunk, and gives it a place there.
    fn range_in(
        &self,
        state: &mut State,
        chunk: usize,
        offset: usize,
        len: usize,
        writer: Writer,
    ) -> Result<(CodeRange, Writer)> {
        let start = self.address(chunk) + offset;
        let known = state.chunks.get_mut(&chunk).expect("a chunk in use");
        known.users += 1;
        for page in known.pages_of(offset, len) {
            known.pages[page] += 1;
        }
        let entry = known.map.reserve(start, len).expect("an entry per cache line");
        let range = CodeRange { chunk, map: Arc::clone(&known.map), entry, start, len };
        let writer = match writer {
            Writer::View(view, start) => Writer::View(view, start + offset),
            Writer::File(file, start) => Writer::File(file, start + offset),
            Writer::InPlace => {
                // SAFETY: nobody knows these pages, and nothing was ever written to them.
                unsafe { self.reservation.protect(self.offset(chunk) + offset, len, Protection::ReadWrite)? };
                Writer::InPlace
            }
        };
        Ok((range, writer))
    }

    /// Fills the range with `pieces`, one behind the other, and traps behind them, and makes it executable.
    pub(super) fn write(
        &self,
        _pass: &Pass,
        range: &CodeRange,
        writer: Writer,
        pieces: &mut [IoSlice<'_>],
    ) -> Result<()> {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert!(len <= range.len, "what is written fits into its range");
        let target = match &writer {
            Writer::View(view, offset) => view.base().wrapping_add(*offset),
            Writer::File(file, offset) => return file.write_all_at(*offset, pieces),
            Writer::InPlace => range.start as *mut u8,
        };
        let mut end = target;
        for piece in pieces {
            // SAFETY: the writer is the only access to this range, which is writable and not shorter than all pieces;
            // the view lives until the end of the function. Nobody runs or reads the range yet.
            unsafe {
                end.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
                end = end.add(piece.len());
            }
        }
        // SAFETY: as above.
        unsafe { end.write_bytes(TRAP, range.len - len) };
        if let Writer::InPlace = writer {
            let offset = range.start - self.reservation.base() as usize;
            // SAFETY: the pages are the range's own; they hold finished code and are never written again.
            unsafe { self.reservation.protect(offset, range.len, Protection::ReadExecute)? };
        }
        // Nothing to do for instruction fetch: x86-64 keeps it coherent with writes, through any view.
        Ok(())
    }

    /// Gives a range back, whose code nobody runs.
    pub(super) fn free(&self, pass: &Pass, range: CodeRange) {
        range.map.clear(range.entry);
        let mut state = self.lock(pass);
        self.release_pages(&mut state, &range);
        self.release(&mut state, range.chunk);
    }

    /// Takes pages of a shared chunk that have no user any more, and will get none, out of the file.
    fn release_pages(&self, state: &mut State, range: &CodeRange) {
        let chunk = state.chunks.get_mut(&range.chunk).expect("a chunk in use");
        let used = match &state.current {
            Some(current) if current.chunk == range.chunk => current.used,
            _ => GRANULE,
        };
        for page in chunk.pages_of(range.start - self.address(range.chunk), range.len) {
            chunk.pages[page] -= 1;
            let unused = chunk.pages[page] == 0 && (page + 1) * page_size() <= used;
            if let (true, Some(file)) = (unused && chunk.epoch == state.epoch, &state.file) {
                // A failure leaves the memory in use until the chunk is free.
                let _ = file.punch_hole(range.chunk * GRANULE + page * page_size(), page_size());
            }
        }
    }

    /// Takes a user away from a chunk.
    fn release(&self, state: &mut State, first: usize) {
        let chunk = state.chunks.get_mut(&first).expect("a chunk in use");
        chunk.users -= 1;
        if chunk.users > 0 {
            return;
        }
        match &mut state.current {
            // The current chunk starts again. Its old code is dead, and its pages are still ours alone:
            // a fork in between would have retired it. In-place pages cannot be written twice.
            Some(current) if current.chunk == first && !matches!(current.writer, Writer::InPlace) => {
                current.used = 0;
                chunk.map.reset();
            }
            Some(current) if current.chunk == first => {
                state.current = None;
                self.retire(state, first);
            }
            _ => self.retire(state, first),
        }
    }

    /// Frees a chunk that will get no more users, if it has none.
    fn retire(&self, state: &mut State, first: usize) {
        if state.chunks[&first].users > 0 {
            return;
        }
        let chunk = state.chunks.remove(&first).expect("looked up above");
        self.registration.set(first..first + chunk.granules, std::ptr::null());
        let mapped = self.unmap(state, first, chunk.granules);
        if let (true, Some(file)) = (mapped && chunk.epoch == state.epoch, &state.file) {
            // A failure leaves the memory in use until the range is written again.
            let _ = file.punch_hole(first * GRANULE, chunk.granules * GRANULE);
        }
    }

    /// Turns granules back into free addresses. Returns whether that worked; if not (at the system's limit of
    /// mappings), the addresses stay in use for good.
    fn unmap(&self, state: &mut State, first: usize, granules: usize) -> bool {
        // SAFETY: the granules have no users.
        let result =
            unsafe { self.reservation.map_anonymous(self.offset(first), granules * GRANULE, Protection::None) };
        if result.is_ok() {
            state.free.give(first, granules);
        }
        result.is_ok()
    }

    /// Takes `count` slots, all zero.
    pub(super) fn allocate_slots(&self, pass: &Pass, count: usize) -> Result<SlotRange> {
        let bytes = count * size_of::<CodeSlot>();
        if bytes == 0 {
            return Ok(SlotRange { chunk: 0, slots: std::ptr::NonNull::dangling().as_ptr(), count });
        }
        let mut state = self.lock(pass);
        let state = &mut *state;
        let (chunk, offset) = match state.current_slots {
            _ if bytes > LARGE => (self.open_slots(state, bytes)?, 0),
            Some((chunk, used)) if used + bytes <= GRANULE => (chunk, used),
            full => {
                let chunk = self.open_slots(state, GRANULE)?;
                state.current_slots = Some((chunk, 0));
                if let Some((full, _)) = full {
                    self.retire_slots(state, full);
                }
                (chunk, 0)
            }
        };
        if let Some((_, used)) = state.current_slots.as_mut().filter(|(current, _)| *current == chunk) {
            *used = offset + bytes;
        }
        state.slot_chunks.get_mut(&chunk).expect("a chunk in use").users += 1;
        let slots = (self.address(chunk) + offset) as *mut CodeSlot;
        // SAFETY: the range is writable and nobody else's.
        unsafe { std::ptr::write_bytes(slots, 0, count) };
        Ok(SlotRange { chunk, slots, count })
    }

    fn open_slots(&self, state: &mut State, bytes: usize) -> Result<usize> {
        let (first, granules) = self.take(state, bytes, End::High)?;
        // SAFETY: the granules were free.
        let result = unsafe { self.reservation.protect(self.offset(first), granules * GRANULE, Protection::ReadWrite) };
        if let Err(error) = result {
            self.unmap(state, first, granules);
            return Err(error);
        }
        state.slot_chunks.insert(first, SlotChunk { granules, users: 0 });
        Ok(first)
    }

    /// Gives slots back, to which nobody has a pointer any more.
    pub(super) fn free_slots(&self, pass: &Pass, range: &SlotRange) {
        if range.count == 0 {
            return;
        }
        let mut state = self.lock(pass);
        let chunk = state.slot_chunks.get_mut(&range.chunk).expect("a chunk in use");
        chunk.users -= 1;
        if chunk.users > 0 {
            return;
        }
        match &mut state.current_slots {
            Some((current, used)) if *current == range.chunk => *used = 0,
            _ => self.retire_slots(&mut state, range.chunk),
        }
    }

    fn retire_slots(&self, state: &mut State, first: usize) {
        if state.slot_chunks[&first].users > 0 {
            return;
        }
        let chunk = state.slot_chunks.remove(&first).expect("looked up above");
        self.unmap(state, first, chunk.granules);
    }
}

impl Drop for CodeSpace {
    fn drop(&mut self) {
        // Lookups end before the addresses go away.
        self.registration.end();
    }
}

/// What unused bytes between functions hold: `int3`.
pub(super) const TRAP: u8 = 0xCC;

#[cfg(all(test, not(loom)))]
impl CodeSpace {
    /// Addresses of the reservation.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        let base = self.reservation.base() as usize;
        base..base + self.reservation.len()
    }

    /// Bytes of memory behind the file.
    pub(super) fn file_memory(&self) -> usize {
        let pass = fork::enter();
        self.lock(&pass).file.as_ref().map_or(0, |file| file.memory().unwrap())
    }
}
