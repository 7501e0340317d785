//! The owner of everything that runs: objects, handles, limits, reclaiming.
//!
//! # Threads and re-entry
//!
//! A store is used by one thread at a time. While WebAssembly runs, host functions get the store back
//! through the pointer in `VmStore::store`; the `&mut Store` of the call around them is not used meanwhile.
//!
//! # Reclaiming
//!
//! Objects refer to each other freely (an import, a function in a table), cycles included, so they are
//! marked from what the host holds and swept, but only while no WebAssembly runs: then no reference lives
//! on a stack. `reclaim.rs` does it.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use super::extern_ref::ExternRef;
use super::func::{Func, FuncObject};
use super::global::{Global, GlobalObject};
pub use super::handle::{Handle, Kind};
use super::handle::{Slab, StoreId};
use super::instance::{Instance, InstanceObject};
use super::interrupt::{InterruptHandle, Shared};
use super::memory::{Memory, MemoryObject};
use super::table::{Table, TableObject};
use super::value::Extern;
use crate::abi::vmctx::{Activation, VmHeader, VmStore};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::trap::Frame;

/// Bounds on what guests may allocate. A grow beyond them returns -1, anything else is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits {
            memory_bytes: u64::MAX,
            table_elements: crate::limits::MAX_TABLE_ELEMENTS,
            instances: u64::MAX,
            memories: u64::MAX,
            tables: u64::MAX,
        }
    }
}

/// A host object behind an external reference.
pub(super) type ExternObject = Box<dyn std::any::Any + Send>;

/// What a host attaches to an object.
pub type Attachment = dyn std::any::Any + Send;

/// Owner of instances and what belongs to them. One thread at a time.
pub struct Store {
    /// Owned, but reachable from machine code and host functions as well: hence no `Box`.
    inner: NonNull<StoreInner>,
}

// SAFETY: all pointers in a store lead to memory that the store owns, to code and modules that it keeps
// alive, or to shared memories; none is bound to a thread. Host callbacks and host objects are Send. `embedder` is not
// followed here.
unsafe impl Send for Store {}

pub(super) struct StoreInner {
    pub(super) engine: Engine,
    pub(super) shared: Arc<Shared>,
    id: StoreId,
    pub(super) limits: StoreLimits,
    pub(super) instances: Slab<Box<InstanceObject>>,
    pub(super) funcs: Slab<FuncObject>,
    pub(super) tables: Slab<TableObject>,
    pub(super) memories: Slab<MemoryObject>,
    pub(super) globals: Slab<GlobalObject>,
    pub(super) externs: Slab<ExternObject>,
    /// The trap with which machine code unwinds.
    pub(super) pending: Option<Error>,
    /// The stack limit of the running call, unpoisoned.
    pub(super) stack_limit: usize,
    /// Where outermost calls start that `stack_limit` was computed for, 0 = nowhere; and how many threads had ended then.
    pub(super) placed_sp: usize,
    pub(super) placed_ended: usize,
    /// Bytes of stack that a call may use; the engine's.
    pub(super) max_stack: usize,
    /// What the embedder calls this store; null = nothing.
    pub(super) embedder: *const (),
    /// When the running calls have to end.
    pub(super) deadline: Option<Instant>,
    /// Weight of what was made since the last reclaiming, and the weight that starts the next one.
    pub(super) made: usize,
    pub(super) made_limit: usize,
    /// Work list of the marking; kept for its allocation.
    pub(super) mark_queue: Vec<(Kind, u32)>,
    /// What host functions get as the store: a second `Store` on this very object, never dropped.
    alias: Option<ManuallyDrop<Store>>,
}

/// Weight that the first reclaiming waits for.
pub(super) const FIRST_RECLAIM: usize = 1 << 10;

impl Store {
    /// A new store of the engine.
    pub fn new(engine: &Engine) -> Result<Store> {
        engine.must_run_here()?;
        let id = StoreId::take()?;
        let inner = Box::new(StoreInner {
            engine: engine.clone(),
            shared: Shared::new(),
            id,
            limits: StoreLimits::default(),
            instances: Slab::new(Kind::Instance, id),
            funcs: Slab::new(Kind::Func, id),
            tables: Slab::new(Kind::Table, id),
            memories: Slab::new(Kind::Memory, id),
            globals: Slab::new(Kind::Global, id),
            externs: Slab::new(Kind::ExternRef, id),
            pending: None,
            stack_limit: 0,
            placed_sp: 0,
            placed_ended: 0,
            max_stack: engine.config().max_stack,
            embedder: std::ptr::null(),
            deadline: None,
            made: 0,
            made_limit: FIRST_RECLAIM,
            mark_queue: Vec::new(),
            alias: None,
        });
        let inner = NonNull::from(Box::leak(inner));
        // SAFETY: nobody else has the store yet.
        unsafe {
            (*inner.as_ptr()).alias = Some(ManuallyDrop::new(Store { inner }));
            (*(*inner.as_ptr()).vm()).store = inner.as_ptr().cast();
        }
        Ok(Store { inner })
    }

    /// The store that a vmctx belongs to.
    ///
    /// # Safety
    /// - `vmctx` belongs to a live store that is running on this thread.
    /// - The `&mut Store` through which it was entered is not used while the result lives.
    pub(super) unsafe fn from_vmctx<'a>(vmctx: *mut VmHeader) -> &'a mut StoreInner {
        // SAFETY: the first clause; `VmStore::store` points to the boxed inner store.
        unsafe { &mut *(*(*vmctx).store).store.cast::<StoreInner>() }
    }

    pub(super) fn inner(&self) -> &StoreInner {
        // SAFETY: lives as long as `self`; a `&Store` excludes a `&mut StoreInner` in use.
        unsafe { self.inner.as_ref() }
    }

    pub(super) fn inner_mut(&mut self) -> &mut StoreInner {
        // SAFETY: as above. A `Store` around this one, whose call is running, is not used meanwhile.
        unsafe { self.inner.as_mut() }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner().engine
    }

    /// What guests may allocate.
    pub fn limits(&self) -> StoreLimits {
        self.inner().limits
    }

    /// Sets what guests may allocate from now on.
    pub fn set_limits(&mut self, limits: StoreLimits) {
        self.inner_mut().limits = limits;
    }

    /// Another `Store` on the same objects, for C, which owns none. Never to be dropped.
    ///
    /// # Safety
    /// Of all such stores and the first one, only one is used at a time, unless the others wait for a host function; none
    /// is used after the first one was dropped.
    pub(crate) unsafe fn alias(&self) -> ManuallyDrop<Store> {
        ManuallyDrop::new(Store { inner: self.inner })
    }

    /// Notes what [`Store::embedder`] gives.
    pub(crate) fn set_embedder(&mut self, embedder: *const ()) {
        self.inner_mut().embedder = embedder;
    }

    /// What the embedder noted; null = nothing.
    pub(crate) fn embedder(&self) -> *const () {
        self.inner().embedder
    }

    /// Sets whether C may enter the store from the host function that runs: 1 or 0. What was before.
    #[inline(always)]
    pub(crate) fn set_open(&mut self, open: u32) -> u32 {
        // SAFETY: only the thread that uses the store gets here.
        unsafe { std::mem::replace(&mut (*self.inner().vm()).open, open) }
    }

    /// A handle that interrupts this store's calls, from any thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(self.inner().shared.clone())
    }

    /// Counts one more holder of the object.
    pub fn retain(&mut self, handle: Handle) -> Result<()> {
        self.inner_mut().with_slab(handle, SlabTask::Retain)
    }

    /// Gives up one holder; the object may be reclaimed when nothing reaches it any more.
    pub fn release(&mut self, handle: Handle) -> Result<()> {
        self.inner_mut().with_slab(handle, SlabTask::Release)
    }

    /// The kind of a valid handle.
    pub fn kind(&self, handle: Handle) -> Result<Kind> {
        let inner = self.inner();
        let kind = handle.claimed_kind().ok_or_else(|| Error::misuse(format!("handle {:#x}: no handle", handle.0)))?;
        match kind {
            Kind::Instance => inner.instances.resolve(handle),
            Kind::Func => inner.funcs.resolve(handle),
            Kind::Table => inner.tables.resolve(handle),
            Kind::Memory => inner.memories.resolve(handle),
            Kind::Global => inner.globals.resolve(handle),
            Kind::ExternRef => inner.externs.resolve(handle),
        }?;
        Ok(kind)
    }

    /// Whether two handles name the same object.
    pub fn same(&self, a: Handle, b: Handle) -> Result<bool> {
        self.kind(a)?;
        self.kind(b)?;
        // Every object has one entry, and a valid handle is determined by its entry.
        Ok(a == b)
    }

    /// What the host attached to the object.
    pub fn host_info(&self, handle: Handle) -> Result<Option<&Attachment>> {
        let inner = self.inner();
        Ok(match self.kind(handle)? {
            Kind::Instance => inner.instances.host_info(inner.instances.resolve(handle)?),
            Kind::Func => inner.funcs.host_info(inner.funcs.resolve(handle)?),
            Kind::Table => inner.tables.host_info(inner.tables.resolve(handle)?),
            Kind::Memory => inner.memories.host_info(inner.memories.resolve(handle)?),
            Kind::Global => inner.globals.host_info(inner.globals.resolve(handle)?),
            Kind::ExternRef => inner.externs.host_info(inner.externs.resolve(handle)?),
        })
    }

    /// Attaches something to the object, which is dropped with it; what was attached before. The drop may not use
    /// the store.
    pub fn set_host_info(&mut self, handle: Handle, info: Box<Attachment>) -> Result<Option<Box<Attachment>>> {
        fn set<T>(slab: &mut Slab<T>, handle: Handle, info: Box<Attachment>) -> Result<Option<Box<Attachment>>> {
            let index = slab.resolve(handle)?;
            Ok(slab.set_host_info(index, info))
        }
        let kind = self.kind(handle)?;
        let inner = self.inner_mut();
        match kind {
            Kind::Instance => set(&mut inner.instances, handle, info),
            Kind::Func => set(&mut inner.funcs, handle, info),
            Kind::Table => set(&mut inner.tables, handle, info),
            Kind::Memory => set(&mut inner.memories, handle, info),
            Kind::Global => set(&mut inner.globals, handle, info),
            Kind::ExternRef => set(&mut inner.externs, handle, info),
        }
    }

    /// The instance whose function a frame of a backtrace stands for, as a new handle. None if there is more than
    /// one instance of the module, since frames do not tell them apart, or none any more.
    pub fn instance_of(&mut self, frame: &Frame) -> Option<Instance> {
        let inner = self.inner_mut();
        let address = |object: &InstanceObject| Arc::as_ptr(object.module.module()).addr();
        let mut found = inner.instances.iter().filter(|(_, object)| address(object) == frame.module);
        let (index, _) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        drop(found);
        Some(Instance(inner.instances.retain(index)))
    }

    /// Reclaims what nothing reaches. Does nothing while a call is running. Returns how many objects went.
    pub fn collect(&mut self) -> usize {
        self.inner_mut().collect()
    }

    /// Instances alive.
    pub fn instance_count(&self) -> usize {
        self.inner().instances.live()
    }

    /// Objects of any kind alive.
    pub fn object_count(&self) -> usize {
        let inner = self.inner();
        inner.instances.live()
            + inner.funcs.live()
            + inner.tables.live()
            + inner.memories.live()
            + inner.globals.live()
            + inner.externs.live()
    }

    /// Whether a WebAssembly call is running.
    pub fn is_running(&self) -> bool {
        self.inner().is_running()
    }

    /// A handle of the object that `item` names, held once more by the host.
    pub(crate) fn retain_extern(&mut self, item: Extern) -> Result<()> {
        let inner = self.inner();
        // The handle must be of the kind that it is said to be.
        match item {
            Extern::Func(func) => inner.funcs.resolve(func.0),
            Extern::Table(table) => inner.tables.resolve(table.0),
            Extern::Memory(memory) => inner.memories.resolve(memory.0),
            Extern::Global(global) => inner.globals.resolve(global.0),
        }?;
        self.retain(item.handle())
    }
}

/// What [`StoreInner::with_slab`] does.
enum SlabTask {
    Retain,
    Release,
}

impl StoreInner {
    fn with_slab(&mut self, handle: Handle, task: SlabTask) -> Result<()> {
        fn run<T>(slab: &mut Slab<T>, handle: Handle, task: SlabTask) -> Result<()> {
            match task {
                SlabTask::Retain => {
                    let index = slab.resolve(handle)?;
                    slab.retain(index);
                    Ok(())
                }
                SlabTask::Release => slab.release(handle),
            }
        }
        match handle.claimed_kind() {
            Some(Kind::Instance) => run(&mut self.instances, handle, task),
            Some(Kind::Func) => run(&mut self.funcs, handle, task),
            Some(Kind::Table) => run(&mut self.tables, handle, task),
            Some(Kind::Memory) => run(&mut self.memories, handle, task),
            Some(Kind::Global) => run(&mut self.globals, handle, task),
            Some(Kind::ExternRef) => run(&mut self.externs, handle, task),
            None => Err(Error::misuse(format!("handle {:#x}: no handle", handle.0))),
        }
    }

    /// The store as the host knows it.
    pub(super) fn as_store(&mut self) -> &mut Store {
        self.alias.as_mut().expect("set when the store was made")
    }

    /// The machine-visible part.
    pub(super) fn vm(&self) -> *mut VmStore {
        self.shared.vm()
    }

    /// The innermost activation.
    pub(super) fn activation(&self) -> *mut Activation {
        // SAFETY: only the owning thread gets here, and `vm` lives as long as `shared`.
        unsafe { (*self.vm()).activation }
    }

    pub(super) fn is_running(&self) -> bool {
        !self.activation().is_null()
    }

    /// Notes that something of this weight was made; reclaims first if much was made since the last time.
    pub(super) fn make_room(&mut self, weight: usize) {
        self.made = self.made.saturating_add(weight);
        if self.made > self.made_limit && !self.is_running() {
            self.collect();
        }
    }

    /// Checks that one more object of a kind may live, after a look for dead ones if it may not.
    pub(super) fn check_count(&mut self, what: &'static str, limit: u64, live: fn(&StoreInner) -> usize) -> Result<()> {
        if live(self) as u64 >= limit {
            self.collect();
        }
        let asked = live(self) as u64 + 1;
        if asked > limit { Err(Error::Limit { what, asked, limit }) } else { Ok(()) }
    }

    /// Gives up a handle that the engine itself held.
    pub(super) fn release_quietly(&mut self, handle: Handle) {
        // Only fails for handles that are stale already.
        let _ = self.with_slab(handle, SlabTask::Release);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`; the alias in it is never dropped.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl Drop for StoreInner {
    fn drop(&mut self) {
        debug_assert!(!self.is_running());
        // Instances first: their blocks hold pointers into the rest, which nobody follows any more.
        self.instances.drain(drop);
        self.funcs.drain(drop);
        self.tables.drain(drop);
        self.memories.drain(drop);
        self.globals.drain(drop);
        self.externs.drain(drop);
        self.id.give_back();
    }
}

macro_rules! handle_access {
    ($($ty:ident),*) => { $(
        impl $ty {
            /// The handle.
            pub fn handle(self) -> Handle {
                self.0
            }
        }
    )* };
}
handle_access!(Instance, Func, Table, Memory, Global, ExternRef);
