//! Deadlines of calls: one thread per engine, started by the first deadline, asleep until the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::interrupt::Shared;
use crate::error::{Error, Result};
use crate::sys::fork;

/// The deadlines of an engine.
#[derive(Default)]
pub(crate) struct Timer(Arc<Clock>);

#[derive(Default)]
struct Clock {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By time, then by number.
    pending: BTreeMap<(Instant, u64), Arc<Shared>>,
    next: u64,
    thread: Option<std::thread::JoinHandle<()>>,
    /// The process that the thread runs in: a child has it no more.
    epoch: usize,
    closed: bool,
}

/// A running deadline; dropping it ends it.
pub(super) struct Deadline {
    clock: Arc<Clock>,
    key: (Instant, u64),
    shared: Arc<Shared>,
}

impl Timer {
    /// Has the store's call trap when `deadline` has passed.
    pub(super) fn start(&self, deadline: Instant, shared: Arc<Shared>) -> Result<Deadline> {
        let clock = self.0.clone();
        let mut state = clock.lock();
        if state.thread.is_none() || state.epoch != fork::epoch() {
            let own = clock.clone();
            let thread = std::thread::Builder::new()
                .name("updraft-timer".into())
                .spawn(move || own.run())
                .map_err(|source| Error::System { what: "start the thread for deadlines", source })?;
            // After a fork the old handle names a thread that is not there: it is not joined.
            if let Some(gone) = state.thread.replace(thread) {
                std::mem::forget(gone);
            }
            state.epoch = fork::epoch();
        }
        let key = (deadline, state.next);
        state.next += 1;
        state.pending.insert(key, shared.clone());
        clock.changed.notify_one();
        drop(state);
        Ok(Deadline { clock, key, shared })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let thread = {
            let mut state = self.0.lock();
            state.closed = true;
            self.0.changed.notify_one();
            let same_process = state.epoch == fork::epoch();
            state.thread.take().filter(|_| same_process)
        };
        if let Some(thread) = thread {
            // It sleeps or delivers, and sees `closed` at once. It fails only if it panicked.
            let _ = thread.join();
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.clock.lock().pending.remove(&self.key);
        // After the removal: a deadline that passed meanwhile was delivered under the lock.
        self.shared.clear_deadline();
    }
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            let Some(&key) = state.pending.keys().next() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if key.0 <= now {
                if let Some(shared) = state.pending.remove(&key) {
                    shared.request_deadline();
                }
                continue;
            }
            state = self.changed.wait_timeout(state, key.0 - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
