//! Linear memories.

use super::store::{Handle, Store};
use crate::engine::Engine;
use crate::error::Result;
use crate::types::MemoryType;

/// A memory of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub Handle);

/// Where a host's own linear memories come from.
pub trait MemoryCreator: Send + Sync {
    /// Makes a memory of `min` accessible, zeroed bytes at a page-aligned base that never moves. Behind the
    /// base, `reserved` bytes are the memory's to grow into and the `guard` bytes after them stay inaccessible.
    fn create(&self, ty: MemoryType, min: usize, reserved: usize, guard: usize) -> Result<Box<dyn HostMemory>>;
}

/// A linear memory that the host provides.
pub trait HostMemory: Send + Sync {
    fn base(&self) -> *mut u8;
    /// Makes `new_len` bytes accessible (never fewer than before); false if that cannot be.
    fn grow(&mut self, new_len: usize) -> bool;
}

/// A memory that several stores and threads use. Reference-counted.
#[derive(Clone)]
pub struct SharedMemory {}
impl SharedMemory {
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        todo!()
    }
    pub fn ty(&self) -> MemoryType {
        todo!()
    }
    pub fn size(&self) -> u64 {
        todo!()
    }
    pub fn grow(&self, delta: u64) -> Option<u64> {
        todo!()
    }
    pub fn data(&self) -> (*mut u8, usize) {
        todo!()
    }
}

impl Memory {
    pub fn new(store: &mut Store, ty: MemoryType) -> Result<Memory> {
        todo!()
    }
    pub fn from_shared(store: &mut Store, shared: &SharedMemory) -> Result<Memory> {
        todo!()
    }
    /// The shared memory behind this one, if it is shared.
    pub fn shared(self, store: &Store) -> Result<Option<SharedMemory>> {
        todo!()
    }
    /// The type, with the current size as its minimum.
    pub fn ty(self, store: &Store) -> Result<MemoryType> {
        todo!()
    }
    /// Size in pages.
    pub fn size(self, store: &Store) -> Result<u64> {
        todo!()
    }
    /// The old size in pages, or None if the memory cannot grow so far.
    pub fn grow(self, store: &mut Store, delta: u64) -> Result<Option<u64>> {
        todo!()
    }
    /// Base and length. Valid until the memory grows or is reclaimed.
    pub fn data(self, store: &Store) -> Result<(*mut u8, usize)> {
        todo!()
    }
    /// Copies out of the memory; an error, and nothing copied, if out of bounds.
    pub fn read(self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<()> {
        todo!()
    }
    /// Copies into the memory; an error, and nothing copied, if out of bounds.
    pub fn write(self, store: &mut Store, offset: u64, bytes: &[u8]) -> Result<()> {
        todo!()
    }
}
