//! Deadlines of calls, and alarms: one thread per engine, started by the first one, asleep until the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::interrupt::Shared;
use crate::error::{Error, Result};
use crate::sync::ForkMutex;
use crate::sys::fork;
use crate::sys::threads::without_host_signals;

/// The deadlines of an engine.
#[derive(Default)]
pub(crate) struct Timer(Arc<Clock>);

#[derive(Default)]
struct Clock {
    state: ForkMutex<State>,
}

#[derive(Default)]
struct State {
    /// By time, then by number.
    pending: BTreeMap<(Instant, u64), Due>,
    next: u64,
    thread: Option<std::thread::JoinHandle<()>>,
    /// The process that the thread runs in: a child has it no more.
    generation: usize,
    closed: bool,
}

/// What is done at a time.
enum Due {
    /// The call of a store traps.
    Trap(Arc<Shared>),
    /// Somebody is told.
    Alarm(Weak<dyn Alarm>),
}

/// Is told that a time has come, on the thread of the timer, which must not be held up. Under no lock.
pub(crate) trait Alarm: Send + Sync {
    /// It has.
    fn alarm(self: Arc<Self>);
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
        let key = self.add(deadline, Due::Trap(shared.clone()))?;
        Ok(Deadline { clock: self.0.clone(), key, shared })
    }

    /// Has `alarm` told when the time has come, if it still lives then.
    pub(crate) fn wake(&self, time: Instant, alarm: Weak<dyn Alarm>) -> Result<()> {
        self.add(time, Due::Alarm(alarm)).map(drop)
    }

    fn add(&self, time: Instant, due: Due) -> Result<(Instant, u64)> {
        let clock = self.0.clone();
        let mut state = clock.state.lock();
        if state.thread.is_none() || state.generation != fork::generation() {
            let own = clock.clone();
            let builder = std::thread::Builder::new().name("updraft-timer".into());
            let thread = without_host_signals(|| builder.spawn(move || own.run()))
                .map_err(|source| Error::System { what: "start the thread for deadlines", source })?;
            // After a fork the old handle names a thread that is not there: it is not joined.
            if let Some(gone) = state.thread.replace(thread) {
                std::mem::forget(gone);
            }
            state.generation = fork::generation();
        }
        let key = (time, state.next);
        state.next += 1;
        state.pending.insert(key, due);
        state.wake();
        Ok(key)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let thread = {
            let mut state = self.0.state.lock();
            state.closed = true;
            state.wake();
            let same_process = state.generation == fork::generation();
            // An alarm may have held the last reference to the engine: then this is the thread.
            let me = std::thread::current().id();
            state.thread.take().filter(|thread| same_process && thread.thread().id() != me)
        };
        if let Some(thread) = thread {
            // It sleeps or delivers, and sees `closed` at once. It fails only if it panicked.
            let _ = thread.join();
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.clock.state.lock().pending.remove(&self.key);
        // After the removal: a deadline that passed meanwhile was delivered under the lock.
        self.shared.clear_deadline();
    }
}

impl State {
    /// Has the thread look again.
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Delivers the deadlines that have passed. Returns the alarms that have, and the next time.
    fn deliver(&mut self, now: Instant) -> (Vec<Weak<dyn Alarm>>, Option<Instant>) {
        let mut alarms = Vec::new();
        while let Some(first) = self.pending.first_entry() {
            if first.key().0 > now {
                return (alarms, Some(first.key().0));
            }
            match first.remove() {
                Due::Trap(shared) => shared.request_deadline(),
                Due::Alarm(alarm) => alarms.push(alarm),
            }
        }
        (alarms, None)
    }
}

impl Clock {
    /// Body of the thread. It sleeps without the lock: a fork waits for whoever holds it.
    fn run(&self) {
        loop {
            let now = Instant::now();
            let (alarms, next) = {
                let mut state = self.state.lock();
                if state.closed {
                    return;
                }
                state.deliver(now)
            };
            if !alarms.is_empty() {
                alarms.iter().filter_map(Weak::upgrade).for_each(Alarm::alarm);
                // They take a while, and may have set others.
                continue;
            }
            match next {
                Some(next) => std::thread::park_timeout(next - now),
                None => std::thread::park(),
            }
        }
    }
}
