//! From a pc to the record of the function that holds it, without locks: signal handlers ask.
//!
//!     list of code spaces --> table: chunk map per granule --> entries, sorted --> batch record
//!
//! # Protocol
//!
//!     publisher                                    | running thread
//!     ---------------------------------------------+----------------------------------------------
//!     1. entry's bounds, then count (Release)      | a. machine code loads the slot, jumps
//!     2. code written, relocated                   | b. on a fault: `find`: fence (Acquire)
//!     3. entry's record                            | c. count (Acquire), bounds, record
//!     4. slot (Release)                            |
//!
//! - Only the pc (or return addresses) of running code are looked up, so the code's module is alive, and with it
//!   its record, its chunk and its space. Their pointers are cleared before they are freed; a lookup can
//!   meet those of others at any stage, but never follows them, because their bounds do not hold the pc.
//! - The thread got into the code through a slot (a, a plain load: Relaxed). The fence in (b) turns it into
//!   an Acquire that pairs with 4, so that 1 to 3 are visible for *this* code.
//! - Entries of *other* code may be appended at the same time. Their bounds steer the binary search, hence
//!   the count's own Release and Acquire. Entries are reserved in the order of their addresses.
//! - Nodes of the list are never freed; those of dropped spaces are used again. A node's bounds are one
//!   word, so no mixture of two spaces' bounds can be seen.
//! - No SeqCst: nothing compares two atomics. Models: `code/loom_tests.rs`.
//!
//! Not here: what to do about a fault (`runtime`).

use std::ptr;
use std::sync::Arc;

use super::kept::Kept;
use crate::module::Module;
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, ForkMutex, Ordering, Site, fence_at, order};
use crate::tier::Tier;
use crate::tier::compiled::{CallSite, CodeKind, InlinedCall, InlinedIndex, Loops, TrapSite};
use crate::types::FuncIndex;

/// Bytes of address space that belong to one chunk at most.
pub(super) const GRANULE: usize = 64 << 10;

/// Everything about the units of one batch. Immutable once it is in a map.
pub struct Batch {
    /// The module of the functions; none for trampolines.
    pub module: Option<Arc<Module>>,
    /// Sorted by address.
    pub functions: Box<[Installed]>,
}

/// One unit in executable memory.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What was compiled.
    pub kind: CodeKind,
    /// By which tier; none for trampolines.
    pub tier: Option<Tier>,
    /// Address of the first byte; the offsets of sites count from here.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// Where callers enter.
    pub entry: usize,
    /// Where the body starts, behind the stack check.
    pub body: usize,
    /// Bytes of the frame, return address and saved frame pointer not counted.
    pub frame_size: u32,
    /// Instructions that may trap, sorted by offset.
    pub trap_sites: Box<[TrapSite]>,
    /// Calls, sorted by return offset.
    pub call_sites: Box<[CallSite]>,
    /// Callees whose bodies are part of the code.
    pub inlined: Box<[InlinedCall]>,
    /// Its loops, where other code could go on.
    pub loops: Option<Arc<Loops>>,
    /// What it was before linking, if that is kept.
    pub kept: Option<Kept>,
}

impl Installed {
    /// Whether the address is in the unit.
    pub fn contains(&self, pc: usize) -> bool {
        pc.wrapping_sub(self.start) < self.len
    }

    /// The trap site of the instruction at `pc`.
    pub fn trap_site_at(&self, pc: usize) -> Option<&TrapSite> {
        let offset = u32::try_from(pc.checked_sub(self.start)?).ok()?;
        let index = self.trap_sites.binary_search_by_key(&offset, |site| site.offset).ok()?;
        Some(&self.trap_sites[index])
    }

    /// The place of a site in the bodies that it is in, the innermost first: each with the inlined callee whose body
    /// it is, the last without one, since it is the unit's own.
    pub fn unfold(
        &self,
        wasm_offset: u32,
        inlined: InlinedIndex,
    ) -> impl Iterator<Item = (Option<FuncIndex>, u32)> + '_ {
        let mut next = Some((wasm_offset, inlined));
        std::iter::from_fn(move || {
            let (offset, inlined) = next?;
            let callee = inlined.position().map(|position| self.inlined[position]);
            next = callee.map(|callee| (callee.wasm_offset, callee.caller));
            Some((callee.map(|callee| callee.func), offset))
        })
    }

    /// The call that returns to `pc`.
    pub fn call_site_returning_to(&self, pc: usize) -> Option<&CallSite> {
        let offset = u32::try_from(pc.checked_sub(self.start)?).ok()?;
        let index = self.call_sites.binary_search_by_key(&offset, |site| site.return_offset).ok()?;
        Some(&self.call_sites[index])
    }
}

/// The unit that holds a pc, and its module.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// The module of the function; none for trampolines.
    pub module: Option<&'a Arc<Module>>,
    /// The unit.
    pub function: &'a Installed,
}

impl<'a> Found<'a> {
    /// [`Installed::trap_site_at`].
    pub fn trap_site_at(&self, pc: usize) -> Option<&'a TrapSite> {
        self.function.trap_site_at(pc)
    }

    /// [`Installed::call_site_returning_to`].
    pub fn call_site_returning_to(&self, pc: usize) -> Option<&'a CallSite> {
        self.function.call_site_returning_to(pc)
    }
}

/// The unit that holds `pc`, in any code space of the process. Async-signal-safe.
///
/// A return address can lie just behind its function (a call that never returns may be its last
/// instruction): look up the address before it, and ask for the site of the address itself.
///
/// # Safety
/// `pc` belongs to code that is running (in some frame of some thread), which it stays for `'a`, or it is in
/// no code space at all.
pub unsafe fn find<'a>(pc: usize) -> Option<Found<'a>> {
    // SAFETY: the caller's contract; the code at `pc` is alive and so is its batch.
    let batch = unsafe { &*SPACES.find(pc)? };
    let index = batch.functions.partition_point(|function| function.start <= pc).checked_sub(1)?;
    let function = batch.functions.get(index).filter(|function| function.contains(pc))?;
    Some(Found { module: batch.module.as_ref(), function })
}

/// Batches of one chunk, in the order of their addresses.
pub(super) struct ChunkMap<R> {
    /// First address of the chunk.
    base: usize,
    /// How many entries are in use. Written under the lock of the code space.
    count: AtomicUsize,
    entries: Box<[Entry<R>]>,
}

struct Entry<R> {
    /// Bounds, from the chunk's base.
    start: AtomicU32,
    end: AtomicU32,
    /// The record, or null before publication and after the end of its module.
    record: AtomicPtr<R>,
}

impl<R> ChunkMap<R> {
    pub(super) fn new(base: usize, capacity: usize) -> ChunkMap<R> {
        let entry =
            || Entry { start: AtomicU32::new(0), end: AtomicU32::new(0), record: AtomicPtr::new(ptr::null_mut()) };
        ChunkMap { base, count: AtomicUsize::new(0), entries: zeroed(capacity, entry) }
    }

    /// Appends an entry for `[start, start + len)`, which lies behind all earlier ones. Returns its index,
    /// or none if the map is full. One caller at a time (the lock of the code space).
    pub(super) fn reserve(&self, start: usize, len: usize) -> Option<usize> {
        // Relaxed: only the holder of the lock writes it.
        let index = self.count.load(Ordering::Relaxed);
        let entry = self.entries.get(index)?;
        let offset = start - self.base;
        // Relaxed, all three: the count's Release hands them over.
        entry.record.store(ptr::null_mut(), Ordering::Relaxed);
        entry.start.store(offset as u32, Ordering::Relaxed);
        entry.end.store((offset + len) as u32, Ordering::Relaxed);
        // Release: pairs with the Acquire in `find`.
        self.count.store(index + 1, order(Site::MapCountStore, Ordering::Release));
        Some(index)
    }

    /// Sets the record of an entry, before any slot leads to its code.
    pub(super) fn set(&self, index: usize, record: *const R) {
        // Relaxed: the Release of the slot (or of whatever else hands the entry address over) comes after.
        self.entries[index].record.store(record.cast_mut(), Ordering::Relaxed);
    }

    /// Clears the record of an entry, whose code nobody runs any more.
    pub(super) fn clear(&self, index: usize) {
        // Relaxed: nobody looks this code up.
        self.entries[index].record.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Forgets all entries, whose code nobody runs any more. Caller as for `reserve`.
    pub(super) fn reset(&self) {
        // Relaxed: nobody looks up an address in this chunk.
        self.count.store(0, Ordering::Relaxed);
    }

    /// The record of the batch that holds `pc`.
    fn find(&self, pc: usize) -> Option<*const R> {
        // Acquire: pairs with the Release in `reserve`.
        let count = self.count.load(order(Site::MapCountLoad, Ordering::Acquire));
        let offset = u32::try_from(pc.checked_sub(self.base)?).ok()?;
        let entries = self.entries.get(..count)?;
        let after = entries.partition_point(|entry| entry.start.load(Ordering::Relaxed) <= offset);
        let entry = &entries[after.checked_sub(1)?];
        let record = entry.record.load(Ordering::Relaxed);
        let holds = offset < entry.end.load(Ordering::Relaxed) && !record.is_null();
        holds.then_some(record.cast_const())
    }
}

/// `len` elements, all zero bytes, of memory that is not touched before it is used.
fn zeroed<T>(len: usize, #[cfg_attr(not(loom), expect(unused))] zero: impl Fn() -> T) -> Box<[T]> {
    #[cfg(loom)]
    return (0..len).map(|_| zero()).collect();
    // SAFETY: both uses have atomics only, for which zero bytes are a valid value, the same as `zero()`.
    #[cfg(not(loom))]
    unsafe {
        Box::new_zeroed_slice(len).assume_init()
    }
}

/// For each granule of a code space the map of its chunk, or null.
pub(super) type Table<R> = Box<[AtomicPtr<ChunkMap<R>>]>;

/// An empty table.
pub(super) fn table<R>(granules: usize) -> Table<R> {
    zeroed(granules, || AtomicPtr::new(ptr::null_mut()))
}

/// Sets the chunk map of granules, or clears it when nobody runs their code any more.
pub(super) fn set_chunk<R>(granules: &[AtomicPtr<ChunkMap<R>>], map: *const ChunkMap<R>) {
    for granule in granules {
        // Relaxed: as for `ChunkMap::set` and `ChunkMap::clear`.
        granule.store(map.cast_mut(), Ordering::Relaxed);
    }
}

/// A list of code spaces.
pub(super) struct Spaces<R> {
    head: AtomicPtr<Node<R>>,
    /// Orders additions and removals.
    changing: ForkMutex<()>,
}

pub(super) struct Node<R> {
    /// Base (a multiple of [`GRANULE`]) plus the number of granules (less than [`GRANULE`]); 0 when unused.
    bounds: AtomicUsize,
    table: AtomicPtr<AtomicPtr<ChunkMap<R>>>,
    next: *const Node<R>,
}

/// The code spaces of the process.
#[cfg(not(loom))]
static SPACES: Spaces<Batch> = Spaces { head: AtomicPtr::new(ptr::null_mut()), changing: ForkMutex::new(()) };
#[cfg(loom)]
loom::lazy_static! {
    static ref SPACES: Spaces<Batch> = Spaces::new();
}

impl<R> Spaces<R> {
    #[cfg(loom)]
    pub(super) fn new() -> Spaces<R> {
        Spaces { head: AtomicPtr::new(ptr::null_mut()), changing: ForkMutex::new(()) }
    }

    /// Adds a space. `table` has an element per granule and outlives the registration.
    pub(super) fn add(&self, base: usize, table: &[AtomicPtr<ChunkMap<R>>]) -> *const Node<R> {
        assert!(base.is_multiple_of(GRANULE) && (1..GRANULE).contains(&table.len()));
        let bounds = base | table.len();
        let table = table.as_ptr().cast_mut();
        let _lock = self.changing.lock();
        // Relaxed: written under the lock only.
        let head = self.head.load(Ordering::Relaxed);
        let mut next = head.cast_const();
        // SAFETY: nodes are never freed.
        while let Some(node) = unsafe { next.as_ref() } {
            if node.bounds.load(Ordering::Relaxed) == 0 {
                // Relaxed: whoever runs code of this space got it through a Release that comes later.
                node.table.store(table, Ordering::Relaxed);
                node.bounds.store(bounds, Ordering::Relaxed);
                return node;
            }
            next = node.next;
        }
        let node = Node { bounds: AtomicUsize::new(bounds), table: AtomicPtr::new(table), next: head };
        let node = Box::into_raw(Box::new(node));
        // Release: pairs with the Acquire in `chunk_of`, for those who run code of other spaces.
        self.head.store(node, order(Site::SpacesStore, Ordering::Release));
        node
    }

    /// Takes a space out, whose code nobody runs any more.
    ///
    /// # Safety
    /// `node` came from [`Spaces::add`], and was not removed since.
    pub(super) unsafe fn remove(&self, node: *const Node<R>) {
        let _lock = self.changing.lock();
        // SAFETY: nodes are never freed. Relaxed: nobody runs code of this space; a later space at the same
        // addresses is ordered after this by the lock.
        unsafe { (*node).bounds.store(0, Ordering::Relaxed) };
    }

    /// The record of the batch that holds `pc`.
    ///
    /// # Safety
    /// As for [`find`].
    pub(super) unsafe fn find(&self, pc: usize) -> Option<*const R> {
        // Acquire: pairs with the Release of the slot through which this thread entered the code.
        fence_at(Site::FindFence, Ordering::Acquire);
        // SAFETY: the code at `pc` is alive, by contract, and so is its chunk's map.
        unsafe { (*self.chunk_of(pc)?).find(pc) }
    }

    /// The map of the chunk that holds `pc`.
    fn chunk_of(&self, pc: usize) -> Option<*const ChunkMap<R>> {
        // Acquire: pairs with the Release in `add`.
        let mut next = self.head.load(order(Site::SpacesLoad, Ordering::Acquire)).cast_const();
        // SAFETY: nodes are never freed.
        while let Some(node) = unsafe { next.as_ref() } {
            let bounds = node.bounds.load(Ordering::Relaxed);
            let granule = pc.wrapping_sub(bounds & !(GRANULE - 1)) / GRANULE;
            if granule < bounds & (GRANULE - 1) {
                let table = node.table.load(Ordering::Relaxed).cast_const();
                // SAFETY: the bounds hold `pc`, so this is its space, which lives because its code runs.
                let chunk = unsafe { (*table.add(granule)).load(Ordering::Relaxed) };
                return (!chunk.is_null()).then_some(chunk.cast_const());
            }
            next = node.next;
        }
        None
    }
}

/// A code space's place in the list, until [`Registration::end`].
pub(super) struct Registration {
    node: *const Node<Batch>,
    table: Table<Batch>,
}

// SAFETY: the node is shared with other threads anyway; all its parts are atomics.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers `granules` granules from `base`.
    pub(super) fn new(base: usize, granules: usize) -> Registration {
        let table = table(granules);
        Registration { node: SPACES.add(base, &table), table }
    }

    /// [`set_chunk`].
    pub(super) fn set(&self, granules: std::ops::Range<usize>, map: *const ChunkMap<Batch>) {
        set_chunk(&self.table[granules], map);
    }

    /// Takes the space out of the list, before its addresses are unmapped.
    pub(super) fn end(&self) {
        // SAFETY: the node came from `add`.
        unsafe { SPACES.remove(self.node) };
    }
}
