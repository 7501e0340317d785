//! The threads of a pool, and the tasks that a host's executor runs in their place.
//!
//! Threads are started one by one: whoever adds units starts the first, each thread the next one if there is
//! work for it. They end when the pool is shut down.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::Session;
use super::{Client, Executor, Lane, Runner, Shared, Task};
#[cfg(not(loom))]
use crate::compile::COMPILE_STACK;
use crate::sync::Ordering::Relaxed;
#[cfg(not(loom))]
use crate::sync::without_host_signals;
use crate::sync::{lower_priority, model_failed};

#[cfg(loom)]
use loom::thread::{self, JoinHandle, ThreadId};
#[cfg(not(loom))]
use std::thread::{self, JoinHandle, ThreadId};

/// What runs at the moment.
pub(super) struct Threads {
    lanes: [LaneThreads; 2],
    handles: Vec<JoinHandle<()>>,
    /// Threads and tasks that have begun, or been started, and have not ended.
    running: usize,
    /// Those of them that have begun.
    ids: Vec<ThreadId>,
}

#[derive(Default)]
struct LaneThreads {
    /// Threads that were started.
    started: usize,
    /// Slots that no task has.
    free: Vec<usize>,
}

impl Threads {
    pub(super) fn new(workers: usize) -> Threads {
        // The last one is used first.
        let lane = || LaneThreads { started: 0, free: (1..=workers).rev().collect() };
        Threads { lanes: [lane(), lane()], handles: Vec::new(), running: 0, ids: Vec::new() }
    }

    #[cfg(loom)]
    pub(super) fn model_started(&mut self, count: usize) {
        self.running += count;
    }

    /// Threads and tasks at work or asleep.
    pub(super) fn running(&self) -> usize {
        self.running
    }
}

impl<C: Client> Shared<C> {
    /// Sees to it that up to `count` units are run.
    pub(super) fn engage(self: &Arc<Self>, lane: Lane, count: usize) -> Runner {
        if self.is_forked() {
            return Runner::Caller;
        }
        match &self.config.executor {
            _ if self.config.workers == 0 => Runner::Host,
            Some(executor) => {
                self.request_tasks(executor, lane, count);
                Runner::Workers
            }
            None if self.lane(lane).wake.wake(count) >= count || self.all_started(lane) => Runner::Workers,
            None => self.start_thread(lane),
        }
    }

    /// Without the lock: slots in use only grow, one per thread.
    fn all_started(&self, lane: Lane) -> bool {
        self.lane(lane).queues.active() > self.config.workers
    }

    /// Runs a worker on the calling thread.
    #[cfg(loom)]
    pub(super) fn model_worker(self: &Arc<Self>, lane: Lane, slot: usize) {
        self.clone().work(lane, slot);
    }

    /// Starts a thread unless all have been.
    fn start_thread(self: &Arc<Self>, lane: Lane) -> Runner {
        let mut threads = self.threads.lock();
        let started = threads.lanes[lane as usize].started;
        // Under the lock: a shutdown that comes later finds the thread.
        if started < self.config.workers && !self.is_closing() {
            let slot = started + 1;
            let own = self.clone();
            if let Ok(handle) = spawn(thread_name(lane, slot), move || own.work(lane, slot)) {
                threads.handles.push(handle);
                threads.running += 1;
                threads.lanes[lane as usize].started = slot;
                self.lane(lane).queues.grow_to(slot);
            } else if started == 0 {
                return Runner::Caller;
            }
        }
        Runner::Workers
    }

    /// Body of a thread.
    fn work(self: Arc<Self>, lane: Lane, slot: usize) {
        let running = Running::new(&self);
        if lane == Lane::Top {
            lower_priority();
        }
        let state = self.lane(lane);
        let mut session = Session::worker(&self, self.worker(lane, slot), slot);
        while !self.is_closing() {
            if let Some(entry) = self.take(lane, slot) {
                if state.queues.len() > 0 {
                    // There is more than this thread can do; not all may have been started.
                    self.start_next(lane, slot);
                }
                session.run(lane, entry);
                continue;
            }
            session.publish();
            let ticket = state.wake.prepare();
            let has_work = state.queues.len() > 0 && self.may_begin(lane);
            if !has_work && !self.is_closing() {
                ticket.sleep(None);
            }
        }
        drop(session);
        drop(running);
    }

    /// Starts the thread after this one, if nobody has.
    fn start_next(self: &Arc<Self>, lane: Lane, slot: usize) {
        if !self.all_started(lane) && self.lane(lane).queues.active() == slot + 1 {
            self.start_thread(lane);
        }
    }

    /// The number of a worker over all lanes.
    fn worker(&self, lane: Lane, slot: usize) -> usize {
        slot + lane as usize * self.config.workers
    }

    /// Has the host run tasks for `count` units, no more at a time than there are workers.
    fn request_tasks(self: &Arc<Self>, executor: &Executor, lane: Lane, count: usize) {
        for _ in 0..count.min(self.config.workers) {
            let slot = {
                let mut threads = self.threads.lock();
                if self.is_closing() {
                    return;
                }
                let Some(slot) = threads.lanes[lane as usize].free.pop() else { return };
                slot
            };
            self.lane(lane).queues.grow_to(slot);
            let lease = Lease { shared: self.clone(), lane, slot };
            executor(Task { lane, run: Box::new(move || lease.run()) });
        }
    }

    /// See [`super::Pool::shutdown`].
    pub(super) fn shutdown(self: &Arc<Self>, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // Relaxed: the locks of queues and threads order it for whoever adds units or starts threads (`added`,
        // `start_thread`), the fences of `wake_all` for whoever goes to sleep.
        self.closing.store(1, Relaxed);
        self.discard_all();
        self.lanes.iter().for_each(|lane| lane.wake.wake_all());
        self.progress.wake_all();
        if self.is_forked() {
            // The handles name threads that are not there.
            std::mem::take(&mut self.threads.lock().handles).into_iter().for_each(std::mem::forget);
            return true;
        }
        let me = thread::current().id();
        let rest = self.threads.lock().ids.iter().filter(|id| **id == me).count();
        let all_ended = || self.threads.lock().running <= rest;
        while !all_ended() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
            let ticket = self.progress.prepare();
            if !all_ended() {
                ticket.sleep(deadline);
            }
        }
        let handles = std::mem::take(&mut self.threads.lock().handles);
        for handle in handles {
            // A thread that waited for itself would wait for ever; it ends by itself. Errors: it panicked.
            if handle.thread().id() != me {
                let _ = handle.join();
            }
        }
        rest == 0
    }
}

#[cfg(not(loom))]
fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    without_host_signals(|| thread::Builder::new().name(name).stack_size(COMPILE_STACK).spawn(body))
}

/// Models start their threads themselves.
#[cfg(loom)]
fn spawn(_name: String, _body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system shows 15 bytes of it.
fn thread_name(lane: Lane, slot: usize) -> String {
    match lane {
        Lane::Baseline => format!("updraft-base-{slot}"),
        Lane::Top => format!("updraft-top-{slot}"),
    }
}

/// A thread or task that counts as running.
struct Running<'a, C: Client>(&'a Arc<Shared<C>>);

impl<'a, C: Client> Running<'a, C> {
    /// For the current thread, which has been counted.
    fn new(shared: &'a Arc<Shared<C>>) -> Self {
        shared.threads.lock().ids.push(thread::current().id());
        Running(shared)
    }
}

impl<C: Client> Drop for Running<'_, C> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        {
            let mut threads = self.0.threads.lock();
            threads.running -= 1;
            let me = thread::current().id();
            // A task that runs in place may be inside another one of the same thread.
            if let Some(index) = threads.ids.iter().rposition(|id| *id == me) {
                threads.ids.remove(index);
            }
        }
        self.0.progress.wake_all();
    }
}

/// A task's hold on a slot.
struct Lease<C: Client> {
    shared: Arc<Shared<C>>,
    lane: Lane,
    slot: usize,
}

impl<C: Client> Lease<C> {
    fn run(self) {
        let (shared, lane) = (self.shared.clone(), self.lane);
        {
            let mut threads = shared.threads.lock();
            if shared.is_closing() {
                return;
            }
            threads.running += 1;
        }
        let running = Running::new(&shared);
        let mut session = Session::worker(&shared, shared.worker(lane, self.slot), self.slot);
        while let Some(entry) = shared.take(lane, self.slot) {
            session.run(lane, entry);
        }
        drop(session);
        drop(self);
        // Whoever added units while all slots were taken relies on this.
        let left = shared.lane(lane).queues.len();
        if left > 0 && shared.may_begin(lane) {
            shared.engage(lane, left);
        }
        drop(running);
    }
}

impl<C: Client> Drop for Lease<C> {
    fn drop(&mut self) {
        self.shared.threads.lock().lanes[self.lane as usize].free.push(self.slot);
    }
}
