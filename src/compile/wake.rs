//! Sleep and wake without polling and without a wake-up that gets lost: an event count.
//!
//!     sleeper                                 | waker
//!     ----------------------------------------+------------------------------------------
//!     1. `prepare`: on the list, then a fence | a. makes work, or a condition, visible
//!     2. looks for work once more             | b. a fence, then: is anybody on the list?
//!     3. none: `Ticket::sleep`                | c. takes sleepers off the list, wakes them
//!        some: the ticket is dropped          |
//!
//! - Both write first and then read what the other has written. The two fences are sequentially consistent,
//!   so one comes first: after (1) the waker sees the sleeper in (b), or else (2) sees what (a) did.
//! - A sleeper that was taken off the list and then finds work by itself leaves the wake-up to another one:
//!   it was meant for a unit that is still there.
//! - The newest sleeper is woken first: its caches are the warmest.
//!
//! Models: `loom_tests.rs`. Not here: what is waited for.

use std::sync::Arc;
use std::time::Instant;

use super::lock::Lock;
use crate::sync::{AtomicU32, AtomicUsize, Ordering, Site, fence_at, model_failed};
use Ordering::Relaxed;

#[cfg(loom)]
use loom::thread;
#[cfg(not(loom))]
use std::thread;

/// Threads that sleep until something happens.
pub(crate) struct Wake {
    /// How many are on the list. Written under its lock.
    parked: AtomicUsize,
    list: Lock<Vec<Arc<Sleeper>>>,
    // Statistics.
    sleeps: std::sync::atomic::AtomicU64,
    wakes: std::sync::atomic::AtomicU64,
}

struct Sleeper {
    thread: thread::Thread,
    /// 1: taken off the list. It may have been woken by something else, and is to sleep again.
    woken: AtomicU32,
}

/// A place on the list. Dropping it leaves the list, and passes on a wake-up that came nevertheless.
pub(crate) struct Ticket<'a> {
    wake: &'a Wake,
    sleeper: Arc<Sleeper>,
    /// The wake-up has been waited for.
    used: bool,
}

impl Default for Wake {
    fn default() -> Wake {
        Wake {
            parked: AtomicUsize::new(0),
            list: Lock::new(Vec::new()),
            sleeps: Default::default(),
            wakes: Default::default(),
        }
    }
}

impl Wake {
    /// Step 1. The caller then looks whether there is something to do after all.
    pub(crate) fn prepare(&self) -> Ticket<'_> {
        let sleeper = Arc::new(Sleeper { thread: thread::current(), woken: AtomicU32::new(0) });
        {
            let mut list = self.list.lock();
            list.push(sleeper.clone());
            // Relaxed: the fences order it.
            self.parked.store(list.len(), Relaxed);
        }
        // Partner: the fence in `wake`.
        fence_at(Site::SleepFence, Ordering::SeqCst);
        Ticket { wake: self, sleeper, used: false }
    }

    /// Steps b and c, for up to `count` sleepers. Says how many there were.
    pub(crate) fn wake(&self, count: usize) -> usize {
        // Partner: the fence in `prepare`.
        fence_at(Site::WakeFence, Ordering::SeqCst);
        if count == 0 || self.parked.load(Relaxed) == 0 {
            return 0;
        }
        let woken = {
            let mut list = self.list.lock();
            let kept = list.len().saturating_sub(count);
            let woken = list.split_off(kept);
            self.parked.store(kept, Relaxed);
            woken
        };
        for sleeper in &woken {
            // Relaxed: what the sleeper looks at then is behind locks; unparking hands this over, too.
            sleeper.woken.store(1, Relaxed);
            sleeper.thread.unpark();
        }
        // Relaxed: a statistic.
        self.wakes.fetch_add(woken.len() as u64, Relaxed);
        woken.len()
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.wake(usize::MAX);
    }

    /// How often a thread slept, and how many were woken.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.sleeps.load(Relaxed), self.wakes.load(Relaxed))
    }
}

impl Ticket<'_> {
    /// Step 3. Returns once somebody has called `wake`, or at the deadline.
    pub(crate) fn sleep(mut self, deadline: Option<Instant>) {
        // Relaxed: a statistic.
        self.wake.sleeps.fetch_add(1, Relaxed);
        // Relaxed: see `wake`. A thread may be unparked for other reasons; hence the loop.
        while self.sleeper.woken.load(Relaxed) == 0 {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => return,
                #[cfg(not(loom))]
                Some(left) => thread::park_timeout(left),
                #[cfg(loom)]
                Some(_) => unreachable!("models have no time"),
            }
        }
        self.used = true;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.used || model_failed() {
            return;
        }
        let mut list = self.wake.list.lock();
        if let Some(index) = list.iter().position(|other| Arc::ptr_eq(other, &self.sleeper)) {
            list.remove(index);
            // Relaxed: as in `prepare`.
            self.wake.parked.store(list.len(), Relaxed);
        } else {
            drop(list);
            self.wake.wake(1);
        }
    }
}
