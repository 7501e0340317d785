//! Atomics: the standard ones, or loom's when a model explores every execution that the orderings allow.
//! And the mutex for everything that engines share, and what threads are started with.
//!
//! Not here: system calls, which the models do not contain.

use std::sync::OnceLock;
use std::time::Instant;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

pub(crate) use std::sync::atomic::Ordering;

pub(crate) use crate::sys::clock::now_ns;
pub(crate) use crate::sys::event_fd::EventFd;
pub(crate) use crate::sys::float_env::WasmFloats;
pub(crate) use crate::sys::fork::{ForkGuard, ForkMutex, generation, is_inside};
pub(crate) use crate::sys::threads::lower_priority;
pub(crate) use crate::sys::threads::without_host_signals;
pub(crate) use crate::sys::zeroed::table as zeroed_table;

#[cfg(not(loom))]
pub(crate) use std::thread::{Thread, current as current_thread, yield_now};

#[cfg(loom)]
pub(crate) use loom::thread::{Thread, current as current_thread, yield_now};

/// Sleeps until this thread is unparked, or until the deadline, or for no reason. (Models know no time.)
pub(crate) fn park_until(deadline: Option<Instant>) {
    #[cfg(not(loom))]
    match deadline {
        Some(deadline) => std::thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
        None => std::thread::park(),
    }
    #[cfg(loom)]
    {
        assert!(deadline.is_none());
        loom::thread::park();
    }
}

/// What a cell holds, made by whoever asks first. It is made before the cell is claimed, since a child of a fork must not
/// meet it half-way; of two threads that get here at once, one's work is dropped.
pub(crate) fn get_or_make<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    match cell.get() {
        Some(made) => made,
        None => {
            let made = make();
            cell.get_or_init(|| made)
        }
    }
}

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
    /// The count of queued units, when some are added.
    QueueAdd = 11,
    /// The same, when one is taken.
    QueueTake = 12,
    /// The same, when it is read.
    QueueCount = 13,
    /// The count of units in flight, when some are done with.
    InFlightDone = 14,
    /// The same, when it is read.
    InFlightCount = 15,
    /// The change of a function's state after its code is in the slot.
    StatePublish = 20,
    /// The look at a function's state by whoever then takes the code from the slot.
    StateLook = 21,
    /// The change of the number of outstanding functions.
    OutstandingChange = 22,
    /// The look at the number of outstanding functions.
    OutstandingLook = 23,
    /// The fence between what an event tells of and the question whether anybody wants to hear it.
    EventPost = 30,
    /// The fence between a subscription and what its owner looks at next.
    EventSubscribe = 31,
    /// The fence of a thread that enters the store that leans on it.
    TurnEnter = 40,
    /// The fence of a thread that takes a store from another.
    TurnTake = 41,
    /// The store that ends a turn.
    TurnEnd = 42,
    /// The mark that somebody is asked to write a module.
    ScheduleAsk = 50,
    /// The same, when it is taken away.
    ScheduleTake = 51,
}

/// The ordering of a place: `ordering`, unless a model weakens it.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn order(_site: Site, ordering: Ordering) -> Ordering {
    ordering
}

/// Whether a model has failed: its destructors then leave the shared state, which no thread may use any more.
pub(crate) fn model_failed() -> bool {
    cfg!(loom) && std::thread::panicking()
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
