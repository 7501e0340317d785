//! Linear memories as objects of a store.

use std::ops::Range;

use super::image::Initial;
use super::linear::LinearMemory;
pub use super::shared_memory::SharedMemory;
use super::store::{Handle, Store, StoreInner};
use crate::abi::vmctx::VmMemory;
use crate::error::{Error, Result};
use crate::trap::TrapCode;
use crate::types::{MemoryType, PAGE_SIZE};

/// A memory of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub Handle);

/// Where a host's own linear memories come from.
pub trait MemoryCreator: Send + Sync {
    /// Makes a memory of `min` accessible, zeroed bytes at a page-aligned base that never moves. Behind the
    /// base, `reserved` bytes are the memory's to grow into and the `guard` bytes after them stay
    /// inaccessible, as does everything beyond the current length.
    fn create(&self, ty: MemoryType, min: usize, reserved: usize, guard: usize) -> Result<Box<dyn HostMemory>>;
}

/// A linear memory that the host provides. Dropped when the engine needs it no more.
pub trait HostMemory: Send + Sync {
    /// The first byte; always the same.
    fn base(&self) -> *mut u8;
    /// Makes `new_len` bytes accessible (never fewer than before), the new ones zero; false if that cannot be.
    fn grow(&mut self, new_len: usize) -> bool;
}

/// What the store keeps about a memory.
pub(super) struct MemoryObject {
    ty: MemoryType,
    bytes: Bytes,
    definition: *mut VmMemory,
    /// The instance that defines it, which keeps `definition` alive.
    pub(super) owner: Option<u32>,
    /// Keeps `definition` alive if the host made the memory.
    #[allow(dead_code)]
    own: Option<Box<VmMemory>>,
}

enum Bytes {
    Own(LinearMemory),
    Shared(SharedMemory),
}

impl MemoryObject {
    /// A memory that one store uses. Without a place for its definition it makes its own.
    pub(super) fn new(
        store: &mut StoreInner,
        ty: MemoryType,
        initial: Initial<'_>,
        place: Option<(*mut VmMemory, u32)>,
    ) -> Result<MemoryObject> {
        store.check_memory(ty)?;
        if ty.shared {
            let shared = SharedMemory::new(&store.engine, ty)?;
            return Ok(MemoryObject::of_shared(shared, place.map(|(_, owner)| owner)));
        }
        let bytes = LinearMemory::new(&store.engine, ty, initial)?;
        let (definition, owner, own) = match place {
            Some((definition, owner)) => (definition, Some(owner), None),
            None => {
                let mut own = Box::new(VmMemory { base: std::ptr::null_mut(), length: 0 });
                (&raw mut *own, None, Some(own))
            }
        };
        let mut memory = MemoryObject { ty, bytes: Bytes::Own(bytes), definition, owner, own };
        memory.publish();
        Ok(memory)
    }

    fn of_shared(shared: SharedMemory, owner: Option<u32>) -> MemoryObject {
        MemoryObject {
            ty: shared.ty(),
            definition: shared.definition(),
            bytes: Bytes::Shared(shared),
            owner,
            own: None,
        }
    }

    /// Tells machine code where the bytes are.
    fn publish(&mut self) {
        if let Bytes::Own(bytes) = &self.bytes {
            // SAFETY: the definition is alive, and only this thread uses the store.
            unsafe { *self.definition = VmMemory { base: bytes.base(), length: bytes.len() } };
        }
    }

    /// What importers point to.
    pub(super) fn definition(&self) -> *mut VmMemory {
        self.definition
    }

    pub(super) fn shared(&self) -> Option<&SharedMemory> {
        if let Bytes::Shared(shared) = &self.bytes { Some(shared) } else { None }
    }

    /// The first byte. What is used of the bytes has to be in its place: [`MemoryObject::ensure`].
    pub(super) fn base(&self) -> *mut u8 {
        match &self.bytes {
            Bytes::Own(bytes) => bytes.base(),
            Bytes::Shared(shared) => shared.data().0,
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Own(bytes) => bytes.len(),
            Bytes::Shared(shared) => shared.data().1,
        }
    }

    /// Has a range of its bytes in its place. Fails if it was kept in an artifact, and is lost.
    pub(super) fn ensure(&self, range: Range<usize>) -> Result<(), TrapCode> {
        if let Bytes::Own(bytes) = &self.bytes { bytes.ensure(range) } else { Ok(()) }
    }

    /// Most bytes of a range are about to be written for the first time.
    pub(super) fn expect_writes(&self, range: Range<usize>) {
        if let Bytes::Own(bytes) = &self.bytes {
            bytes.expect_writes(range);
        }
    }

    /// Makes the bytes of a new memory zeros again.
    pub(super) fn clear(&mut self) -> Result<()> {
        if let Bytes::Own(bytes) = &mut self.bytes { bytes.clear() } else { Ok(()) }
    }

    /// The type, with the current size as its minimum.
    pub(super) fn current_type(&self) -> MemoryType {
        MemoryType { min: self.len() as u64 / PAGE_SIZE, ..self.ty }
    }

    /// The old size in pages, or None if the memory cannot grow so far.
    pub(super) fn grow(&mut self, delta: u64, byte_limit: u64, engine: &crate::engine::Engine) -> Option<u64> {
        match &mut self.bytes {
            Bytes::Shared(shared) => shared.grow_within(delta, byte_limit),
            Bytes::Own(bytes) => {
                let old = bytes.len() as u64 / PAGE_SIZE;
                let new_len = grown(bytes.len(), delta, self.ty, byte_limit)?;
                if new_len > bytes.len() && !bytes.grow(new_len, engine) {
                    return None;
                }
                self.publish();
                Some(old)
            }
        }
    }
}

/// The length in bytes after growing by `delta` pages, if the bounds allow it.
pub(super) fn grown(len: usize, delta: u64, ty: MemoryType, byte_limit: u64) -> Option<usize> {
    let pages = (len as u64 / PAGE_SIZE).checked_add(delta).filter(|pages| *pages <= super::linear::max_pages(ty))?;
    let new_len = pages.checked_mul(PAGE_SIZE).filter(|bytes| delta == 0 || *bytes <= byte_limit)?;
    usize::try_from(new_len).ok()
}

impl Memory {
    /// A memory made by the host.
    pub fn new(store: &mut Store, ty: MemoryType) -> Result<Memory> {
        check_type(ty)?;
        let inner = store.inner_mut();
        inner.make_room(1 + (ty.min / 16) as usize);
        let memory = MemoryObject::new(inner, ty, Initial::Zeros, None)?;
        let index = inner.memories.insert(memory, 1)?;
        Ok(Memory(inner.memories.handle(index)))
    }

    /// A shared memory, as an object of this store.
    pub fn from_shared(store: &mut Store, shared: &SharedMemory) -> Result<Memory> {
        let inner = store.inner_mut();
        if !shared.engine().same(&inner.engine) {
            return Err(Error::misuse("shared memory: it belongs to another engine"));
        }
        inner.make_room(1);
        inner.check_memory(shared.ty())?;
        let index = inner.memories.insert(MemoryObject::of_shared(shared.clone(), None), 1)?;
        Ok(Memory(inner.memories.handle(index)))
    }

    /// The shared memory behind this one, if it is shared.
    pub fn shared(self, store: &Store) -> Result<Option<SharedMemory>> {
        Ok(store.inner().memories.get(self.0)?.shared().cloned())
    }

    /// The type, with the current size as its minimum.
    pub fn ty(self, store: &Store) -> Result<MemoryType> {
        Ok(store.inner().memories.get(self.0)?.current_type())
    }

    /// Size in pages.
    pub fn size(self, store: &Store) -> Result<u64> {
        Ok(self.len(store)? as u64 / PAGE_SIZE)
    }

    /// The old size in pages, or None if the memory cannot grow so far.
    pub fn grow(self, store: &mut Store, delta: u64) -> Result<Option<u64>> {
        let inner = store.inner_mut();
        let (limit, engine) = (inner.limits.memory_bytes, inner.engine.clone());
        Ok(inner.memories.get_mut(self.0)?.grow(delta, limit, &engine))
    }

    /// Length in bytes.
    pub fn len(self, store: &Store) -> Result<usize> {
        Ok(store.inner().memories.get(self.0)?.len())
    }

    /// Base and length. Valid until the memory grows or is reclaimed. Fails if the memory begins with contents of an
    /// artifact, and these are lost.
    pub fn data(self, store: &Store) -> Result<(*mut u8, usize)> {
        let memory = store.inner().memories.get(self.0)?;
        memory.ensure(0..memory.len())?;
        Ok((memory.base(), memory.len()))
    }

    /// The address of a range of bytes, which are in their place.
    fn place(self, store: &Store, offset: u64, count: usize) -> Result<*mut u8> {
        let memory = store.inner().memories.get(self.0)?;
        let start = checked_range(offset, count, memory.len())?;
        memory.ensure(start..start + count)?;
        Ok(memory.base().wrapping_add(start))
    }

    /// Copies out of the memory; an error, and nothing copied, if out of bounds.
    pub fn read(self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let place = self.place(store, offset, buffer.len())?;
        // SAFETY: the range is inside the memory. A buffer of C may lie there too, so the two may overlap.
        unsafe { std::ptr::copy(place, buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    /// Copies into the memory; an error, and nothing copied, if out of bounds.
    pub fn write(self, store: &mut Store, offset: u64, bytes: &[u8]) -> Result<()> {
        let place = self.place(store, offset, bytes.len())?;
        // SAFETY: as above.
        unsafe { std::ptr::copy(bytes.as_ptr(), place, bytes.len()) };
        Ok(())
    }
}

fn checked_range(offset: u64, count: usize, len: usize) -> Result<usize> {
    usize::try_from(offset).ok().filter(|start| start.checked_add(count).is_some_and(|end| end <= len)).ok_or_else(
        || Error::misuse(format!("offset: {count} bytes at {offset:#x} are outside of the memory of {len:#x} bytes")),
    )
}

/// Checks a type that the host made up.
pub(super) fn check_type(ty: MemoryType) -> Result<()> {
    let most = super::linear::max_pages(MemoryType { max: None, ..ty });
    if ty.min > most || ty.max.is_some_and(|max| max > most) {
        return Err(Error::Limit {
            what: "pages of a memory",
            asked: ty.max.unwrap_or(ty.min).max(ty.min),
            limit: most,
        });
    }
    if ty.max.is_some_and(|max| max < ty.min) {
        return Err(Error::misuse("type: the maximum is below the minimum"));
    }
    if ty.shared && ty.max.is_none() {
        return Err(Error::misuse("type: a shared memory needs a maximum"));
    }
    Ok(())
}

impl StoreInner {
    fn check_memory(&mut self, ty: MemoryType) -> Result<()> {
        self.check_count("memories alive", self.limits.memories, |store| store.memories.live())?;
        let (asked, limit) = (ty.min.saturating_mul(PAGE_SIZE), self.limits.memory_bytes);
        if asked > limit { Err(Error::Limit { what: "bytes of a memory", asked, limit }) } else { Ok(()) }
    }
}
