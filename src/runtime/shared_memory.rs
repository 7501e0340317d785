//! Memories that several threads use, and `memory.atomic.wait` and `notify` on them.
//!
//! The base never moves; the length only grows, under a lock, and is read atomically. Waiters park on
//! their store's parker, so that an interrupt wakes them too.

use std::cell::UnsafeCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Instant;

use super::image::Initial;
use super::interrupt::{Parked, Shared};
use super::linear::LinearMemory;
use super::memory::{check_type, grown};
use crate::abi::vmctx::VmMemory;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sync::ForkMutex;
use crate::types::{MemoryType, PAGE_SIZE};

/// A memory that several stores and threads use. Reference-counted; any thread.
#[derive(Clone)]
pub struct SharedMemory(Arc<Inner>);

struct Inner {
    engine: Engine,
    ty: MemoryType,
    /// What machine code reads. `base` is constant; `length` is accessed atomically only.
    definition: UnsafeCell<VmMemory>,
    bytes: ForkMutex<LinearMemory>,
    waiters: ForkMutex<Waiters>,
}

// SAFETY: of `definition`, `base` is never written after construction and `length` only atomically.
unsafe impl Sync for Inner {}
// SAFETY: as above; the pointer leads to memory that `bytes` owns.
unsafe impl Send for Inner {}

type Waiters = HashMap<usize, VecDeque<Arc<Waiter>>>;

/// A thread that waits at an address.
struct Waiter {
    woken: AtomicBool,
    parker: Arc<Shared>,
}

/// How a wait ended; the numbers are the instruction's results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Woken = 0,
    NotEqual = 1,
    TimedOut = 2,
    Interrupted = 3,
}

impl SharedMemory {
    /// A new memory; the type must be shared.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        if !ty.shared {
            return Err(Error::misuse("type: the memory is not shared"));
        }
        check_type(ty)?;
        let bytes = LinearMemory::new(engine, ty, Initial::Zeros)?;
        let definition = UnsafeCell::new(VmMemory { base: bytes.base(), length: bytes.len() });
        let waiters = ForkMutex::default();
        Ok(SharedMemory(Arc::new(Inner {
            engine: engine.clone(),
            ty,
            definition,
            bytes: ForkMutex::new(bytes),
            waiters,
        })))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The type, with the size at its creation as the minimum.
    pub fn ty(&self) -> MemoryType {
        self.0.ty
    }

    /// Size in pages.
    pub fn size(&self) -> u64 {
        self.data().1 as u64 / PAGE_SIZE
    }

    /// The old size in pages, or None if the memory cannot grow so far.
    pub fn grow(&self, delta: u64) -> Option<u64> {
        self.grow_within(delta, u64::MAX)
    }

    pub(super) fn grow_within(&self, delta: u64, byte_limit: u64) -> Option<u64> {
        let mut bytes = self.0.bytes.lock();
        let old = bytes.len();
        let new_len = grown(old, delta, self.0.ty, byte_limit)?;
        if new_len > old && !bytes.grow(new_len, &self.0.engine) {
            return None;
        }
        // Release: pairs with the Acquire in `data`; whoever sees the length may touch the pages.
        self.length().store(bytes.len(), Release);
        Some(old as u64 / PAGE_SIZE)
    }

    fn length(&self) -> &AtomicUsize {
        // SAFETY: the field is aligned, lives as long as `self`, and is accessed atomically only.
        unsafe { AtomicUsize::from_ptr(&raw mut (*self.0.definition.get()).length) }
    }

    /// Base, which never moves, and the current length.
    pub fn data(&self) -> (*mut u8, usize) {
        // Acquire: pairs with the Release in `grow_within`.
        let length = self.length().load(Acquire);
        // SAFETY: `base` is constant.
        (unsafe { (*self.0.definition.get()).base }, length)
    }

    /// What machine code reads.
    pub(super) fn definition(&self) -> *mut VmMemory {
        self.0.definition.get()
    }

    /// Wakes up to `count` threads that wait at `addr`; how many it were.
    pub(super) fn notify(&self, addr: usize, count: u32) -> u32 {
        let mut woken = Vec::new();
        {
            let mut waiters = self.0.waiters.lock();
            if let Some(queue) = waiters.get_mut(&addr) {
                let take = queue.len().min(count as usize);
                woken.extend(queue.drain(..take));
                if queue.is_empty() {
                    waiters.remove(&addr);
                }
            }
            for waiter in &woken {
                // Relaxed: read under this lock, or after the parker's lock which `wake_parked` takes.
                waiter.woken.store(true, Relaxed);
            }
        }
        woken.iter().for_each(|waiter| waiter.parker.wake_parked());
        woken.len() as u32
    }

    /// Waits at `addr` while `is_equal`, until notified, interrupted, or past the deadline.
    pub(super) fn wait(
        &self,
        addr: usize,
        is_equal: impl FnOnce() -> bool,
        deadline: Option<Instant>,
        parker: &Arc<Shared>,
    ) -> Waited {
        let waiter = {
            let mut waiters = self.0.waiters.lock();
            // Under the lock: a notify that follows a change of the value finds this waiter in the queue.
            if !is_equal() {
                return Waited::NotEqual;
            }
            let waiter = Arc::new(Waiter { woken: AtomicBool::new(false), parker: parker.clone() });
            waiters.entry(addr).or_default().push_back(waiter.clone());
            waiter
        };
        let parked = parker.park_until(deadline, || waiter.woken.load(Relaxed));
        let mut waiters = self.0.waiters.lock();
        // A notify counts this waiter from the moment it takes it out of the queue.
        if waiter.woken.load(Relaxed) {
            return Waited::Woken;
        }
        if let Some(queue) = waiters.get_mut(&addr) {
            queue.retain(|other| !Arc::ptr_eq(other, &waiter));
            if queue.is_empty() {
                waiters.remove(&addr);
            }
        }
        if parked == Parked::Interrupted { Waited::Interrupted } else { Waited::TimedOut }
    }
}
