//! The owner of everything that runs: handles, limits, reclaiming.

use super::interrupt::InterruptHandle;
use crate::engine::Engine;
use crate::error::Result;

/// Kinds of objects that a store owns; the number is part of every handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Instance = 1,
    Func = 2,
    Table = 3,
    Memory = 4,
    Global = 5,
    ExternRef = 6,
}

/// A name for an object of a store, as the host holds it: kind (4 bits), store (20), generation (16), index (24).
/// Zero is never a valid handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Handle(pub u64);

/// Bounds on what guests may allocate.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Bytes of one memory.
    pub memory_bytes: u64,
    /// Elements of one table.
    pub table_elements: u64,
    /// Instances alive.
    pub instances: u64,
    /// Memories alive.
    pub memories: u64,
    /// Tables alive.
    pub tables: u64,
}

/// Owner of instances and what belongs to them. One thread at a time.
pub struct Store {
    engine: Engine,
}

impl Store {
    pub fn new(engine: &Engine) -> Result<Store> {
        todo!()
    }
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
    pub fn limits(&self) -> StoreLimits {
        todo!()
    }
    pub fn set_limits(&mut self, limits: StoreLimits) {
        todo!()
    }
    /// A handle that interrupts this store's calls, from any thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        todo!()
    }
    /// Counts one more holder of the object.
    pub fn retain(&mut self, handle: Handle) -> Result<()> {
        todo!()
    }
    /// Gives up one holder; the object may be reclaimed when nothing reaches it any more.
    pub fn release(&mut self, handle: Handle) -> Result<()> {
        todo!()
    }
    /// The kind of a valid handle.
    pub fn kind(&self, handle: Handle) -> Result<Kind> {
        todo!()
    }
    /// Whether two handles name the same object.
    pub fn same(&self, a: Handle, b: Handle) -> Result<bool> {
        todo!()
    }
    /// Reclaims what nothing reaches. Does nothing while a call is running. Returns how many objects went.
    pub fn collect(&mut self) -> usize {
        todo!()
    }
    /// Number of instances alive (for tests and statistics).
    pub fn instance_count(&self) -> usize {
        todo!()
    }
    /// Whether a WebAssembly call is running.
    pub fn is_running(&self) -> bool {
        todo!()
    }
}
