//! Atomics: the standard ones, or loom's when a model explores every execution that the orderings allow.
//! And the mutex for everything that engines share, and what threads are started with.
//!
//! Not here: system calls, which the models do not contain.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

pub(crate) use std::sync::atomic::Ordering;

pub(crate) use crate::sys::fork::{ForkGuard, ForkMutex, generation};
pub(crate) use crate::sys::threads::lower_priority;
pub(crate) use crate::sys::threads::without_host_signals;

#[cfg(loom)]
pub(crate) use loom::thread::yield_now;
#[cfg(not(loom))]
pub(crate) use std::thread::yield_now;

/// A place whose ordering a protocol depends on. The models weaken each in turn and must then fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Site {
    /// The store of an entry address into a slot.
    SlotStore = 1,
    /// The fence at the start of a lookup.
    FindFence = 2,
    /// The store of a chunk map's length.
    MapCountStore = 3,
    /// The load of a chunk map's length.
    MapCountLoad = 4,
    /// The store of the head of the list of code spaces.
    SpacesStore = 5,
    /// The load of the head of the list of code spaces.
    SpacesLoad = 6,
    /// The fence of a thread that asks running code for attention.
    AttentionRequest = 7,
    /// The fence of the thread that sets a stack limit.
    AttentionLimit = 8,
    /// The fence of a thread that is about to sleep.
    SleepFence = 9,
    /// The fence of a thread that may have to wake others.
    WakeFence = 10,
    /// The fence of a thread that has added units, before it looks whether the pool is shut down.
    AddFence = 11,
    /// The fence of a thread that shuts a pool down, before it looks for units.
    ShutdownFence = 12,
}

/// The ordering of a place: `ordering`, unless a model weakens it.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn order(_site: Site, ordering: Ordering) -> Ordering {
    ordering
}

/// A fence, unless a model took it away.
pub(crate) fn fence_at(site: Site, ordering: Ordering) {
    match order(site, ordering) {
        Ordering::Relaxed => {}
        ordering => fence(ordering),
    }
}

#[cfg(loom)]
pub(crate) use weaken::{order, weakened};

#[cfg(loom)]
mod weaken {
    use super::{Ordering, Site};
    use std::cell::Cell;

    // loom runs all threads of a model on one real thread.
    thread_local!(static WEAKENED: Cell<Option<Site>> = const { Cell::new(None) });

    pub(crate) fn order(site: Site, ordering: Ordering) -> Ordering {
        if WEAKENED.get() == Some(site) { Ordering::Relaxed } else { ordering }
    }

    /// Runs `body` with one place weakened to Relaxed.
    pub(crate) fn weakened<T>(site: Site, body: impl FnOnce() -> T) -> T {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                WEAKENED.set(None);
            }
        }
        let _restore = Restore;
        WEAKENED.set(Some(site));
        body()
    }
}
