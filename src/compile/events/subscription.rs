//! One subscription: a bounded queue of events, who waits for it, and who is called back.
//!
//! In: events from the hub. Out: the same events to one reader at a time.
//!
//! # States of a queue
//!
//! | state    | pushed events   | left when                                                    |
//! |----------|-----------------|--------------------------------------------------------------|
//! | replay   | queued          | the remembered events, which do not count as queued, are out |
//! | live     | queued          | the queue is full: lossy                                     |
//! | lossy    | dropped, counted| the queue was drained: `Resync`, the lost state events: replay |
//! | closed   | ignored         | never                                                        |
//!
//! # One caller at a time
//!
//! Whoever calls the listener sets `delivering` under the lock, calls without it, and clears it. Who finds it set
//! leaves: the other one sees the new event when it is back. Who closes the subscription waits until it is
//! clear, unless it is itself the one who delivers; then the listener goes when its call returns. So the listener
//! is dropped by the thread that closes, and never while it runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{Event, EventKind, Modules, Shared};
use crate::compile::lock::{Guard, Lock};
use crate::error::{Error, Result};
use crate::limits::MAX_EVENT_QUEUE;
use crate::sync::{EventFd, Thread, current_thread, generation, is_inside, now_ns, park_until};

/// Events that are moved under the lock at once: posters wait that long at most.
const PAGE: usize = 256;

/// Which modules a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the engine.
    Engine,
    /// The one of this number.
    Module(u64),
}

impl Scope {
    pub(super) fn contains(self, module: u64) -> bool {
        match self {
            Scope::Engine => true,
            Scope::Module(own) => own == module,
        }
    }
}

/// On which threads a listener is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliverOn {
    /// On the one that posts: a worker, or a thread of the host that compiles.
    Poster,
    /// On the one that calls [`Subscription::dispatch`].
    Dispatcher,
}

/// Who is called back. Dropped exactly once, by the thread that closes the subscription.
pub trait Listener: Send + Sync {
    /// Called when the subscription takes it, before the first event. Must do next to nothing.
    fn taken(&self) {}

    /// Called with each event, one at a time, under no lock.
    fn event(&self, event: &Event);
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There are events.
    Ready,
    /// The deadline passed.
    Timeout,
    /// There are none, and none will come.
    Ended,
}

/// A subscription as the hub knows it.
pub(super) struct Queue {
    scope: Scope,
    mask: u32,
    inner: Lock<Inner>,
}

struct Inner {
    /// Remembered events, which come first.
    replay: VecDeque<Event>,
    live: VecDeque<Event>,
    capacity: usize,
    /// The number of the first event of the present loss, and how many there are.
    loss: Option<(u64, u64)>,
    /// Events dropped in all.
    dropped: u64,
    /// Nothing will be pushed any more.
    ended: bool,
    closed: bool,
    /// The listener closed the subscription and is still running.
    closed_within: bool,
    /// Threads that wait for events, or for the listener to return.
    sleepers: Vec<Thread>,
    bell: Option<EventFd>,
    listener: Option<(DeliverOn, Arc<dyn Listener>)>,
    delivering: Option<Thread>,
    /// The process that the threads above belong to.
    generation: usize,
}

/// Wakes threads; outside of all locks.
pub(super) fn wake(sleepers: Vec<Thread>) {
    for thread in sleepers {
        thread.unpark();
    }
}

impl Inner {
    fn is_ready(&self) -> bool {
        !self.replay.is_empty() || !self.live.is_empty() || self.loss.is_some()
    }

    /// Sets the descriptor as the queue is now, and returns whom to wake.
    fn changed(&mut self) -> Vec<Thread> {
        let ready = self.is_ready() || self.ended;
        if let Some(bell) = &self.bell {
            if ready { bell.set() } else { bell.clear() }
        }
        if ready { std::mem::take(&mut self.sleepers) } else { Vec::new() }
    }

    fn pop(&mut self) -> Option<Event> {
        self.replay.pop_front().or_else(|| self.live.pop_front())
    }

    /// Events that can be popped.
    fn pending(&self) -> usize {
        self.replay.len() + self.live.len()
    }

    /// Adds the current thread to those that are woken.
    fn sleep(&mut self) {
        self.wake_up();
        self.sleepers.push(current_thread());
    }

    /// Takes the current thread out again.
    fn wake_up(&mut self) {
        let me = current_thread();
        self.sleepers.retain(|thread| thread.id() != me.id());
    }

    /// Queues the remembered events of `queue`, which this is the inside of, from number `from` on.
    fn replay(&mut self, queue: &Queue, modules: &Modules, from: u64) {
        let wanted = |event: &&Event| event.seq >= from && queue.mask & event.kind.bit() != 0;
        match queue.scope {
            Scope::Engine => {
                let before = self.replay.len();
                self.replay.extend(modules.values().flat_map(|module| module.events()).filter(wanted));
                self.replay.make_contiguous()[before..].sort_unstable_by_key(|event| event.seq);
            }
            Scope::Module(id) => {
                self.replay.extend(modules.get(&id).into_iter().flat_map(|module| module.events()).filter(wanted));
            }
        }
    }
}

impl Queue {
    pub(super) fn new(scope: Scope, mask: u32, capacity: usize) -> Queue {
        let capacity = capacity.clamp(1, MAX_EVENT_QUEUE);
        let inner = Inner {
            replay: VecDeque::new(),
            // All of it now: posters shall not wait for memory to be moved. Pages that no event reaches cost nothing.
            live: VecDeque::with_capacity(capacity),
            capacity,
            loss: None,
            dropped: 0,
            ended: false,
            closed: false,
            closed_within: false,
            sleepers: Vec::new(),
            bell: None,
            listener: None,
            delivering: None,
            generation: generation(),
        };
        Queue { scope, mask, inner: Lock::new(inner) }
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    pub(super) fn mask(&self) -> u32 {
        self.mask
    }

    /// The lock; what a fork left behind is put right first.
    fn lock(&self) -> Guard<'_, Inner> {
        let mut inner = self.inner.lock();
        if inner.generation != generation() {
            inner.generation = generation();
            // Threads of the parent's, which are not here.
            inner.sleepers.clear();
            inner.delivering = inner.delivering.take().filter(|thread| thread.id() == current_thread().id());
            if let Some(bell) = &inner.bell {
                // Without a descriptor of its own the child would disturb its parent: it gets none.
                if bell.separate().is_err() {
                    inner.bell = None;
                }
            }
            inner.changed();
        }
        inner
    }

    /// Adds an event; returns whom to wake.
    pub(super) fn push(&self, event: Event) -> Vec<Thread> {
        let mut inner = self.lock();
        if inner.ended {
            return Vec::new();
        }
        if event.kind == EventKind::Failed {
            let stays = |other: &Event| other.module != event.module;
            inner.replay.retain(stays);
            inner.live.retain(stays);
        }
        if self.mask & event.kind.bit() != 0 {
            if let Some((_, lost)) = &mut inner.loss {
                *lost += 1;
                inner.dropped += 1;
            } else if inner.live.len() == inner.capacity {
                inner.loss = Some((event.seq, 1));
                inner.dropped += 1;
            } else {
                inner.live.push_back(event);
            }
        }
        inner.ended |= event.kind.is_terminal() && self.scope == Scope::Module(event.module);
        inner.changed()
    }

    /// Queues the remembered events from number `from` on. Under the hub's lock.
    pub(super) fn replay(&self, modules: &Modules, from: u64) {
        self.lock().replay(self, modules, from);
    }

    /// Leaves the lossy state if the queue was drained. Under the hub's lock.
    pub(super) fn resync(&self, modules: &Modules) {
        let mut inner = self.lock();
        if !inner.replay.is_empty() || !inner.live.is_empty() {
            return;
        }
        if let Some((from, lost)) = inner.loss.take() {
            let mut event = Event::new(EventKind::Resync);
            event.seq = from;
            event.time_ns = now_ns();
            event.count = u32::try_from(lost).unwrap_or(u32::MAX);
            if let Scope::Module(id) = self.scope {
                event.module = id;
            }
            inner.replay.push_back(event);
            inner.replay(self, modules, from);
        }
    }

    /// Nothing will be pushed any more. Returns whom to wake.
    pub(super) fn end(&self) -> Vec<Thread> {
        let mut inner = self.lock();
        inner.ended = true;
        inner.changed()
    }

    pub(super) fn delivers_on_poster(&self) -> bool {
        matches!(self.lock().listener, Some((DeliverOn::Poster, _)))
    }

    /// Calls the listener with what is queued, up to `max` events, unless another thread does so. How many it
    /// was called with.
    pub(super) fn deliver(&self, hub: &Shared, on: DeliverOn, max: usize) -> usize {
        debug_assert!(!is_inside(), "a listener would run under a lock");
        let mut count = 0;
        while count < max {
            let mut inner = self.lock();
            let listener = match &inner.listener {
                Some((own, listener)) if *own == on && !inner.closed && inner.delivering.is_none() => listener.clone(),
                _ => break,
            };
            let Some(event) = inner.pop() else {
                if inner.loss.is_none() {
                    break;
                }
                drop(inner);
                hub.resync(self);
                continue;
            };
            inner.delivering = Some(current_thread());
            let sleepers = inner.changed();
            drop(inner);
            wake(sleepers);
            let call = Call { queue: self, listener: Some(listener) };
            call.listener.iter().for_each(|listener| listener.event(&event));
            drop(call);
            count += 1;
        }
        count
    }
}

/// A call of a listener; dropped when it returns.
struct Call<'a> {
    queue: &'a Queue,
    listener: Option<Arc<dyn Listener>>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Before `delivering` is cleared: the last reference is the one that is given up by who closes.
        self.listener = None;
        let mut inner = self.queue.lock();
        inner.delivering = None;
        let closed = if inner.closed && inner.closed_within { inner.listener.take() } else { None };
        let sleepers = std::mem::take(&mut inner.sleepers);
        drop(inner);
        wake(sleepers);
        drop(closed);
    }
}

/// Events of an engine or of a module, for one reader. Dropping it closes it.
pub struct Subscription {
    queue: Arc<Queue>,
    hub: Arc<Shared>,
}

impl Subscription {
    pub(super) fn new(queue: Arc<Queue>, hub: Arc<Shared>) -> Subscription {
        Subscription { queue, hub }
    }

    /// Moves up to `max` events to the end of `out`; how many. Fails if a listener gets them.
    pub fn drain(&self, out: &mut Vec<Event>, max: usize) -> Result<usize> {
        let before = out.len();
        loop {
            let mut inner = self.queue.lock();
            if inner.listener.is_some() {
                return Err(Error::misuse("the subscription delivers its events to a callback"));
            }
            let room = (max - (out.len() - before)).min(PAGE);
            let page = std::iter::from_fn(|| inner.pop()).take(room);
            out.extend(page);
            let sleepers = inner.changed();
            let (more, lossy) = (inner.is_ready(), inner.pending() == 0 && inner.loss.is_some());
            drop(inner);
            wake(sleepers);
            if !more || out.len() - before == max {
                return Ok(out.len() - before);
            }
            if lossy {
                self.hub.resync(&self.queue);
            }
        }
    }

    /// Waits until there are events.
    pub fn wait(&self, deadline: Option<Instant>) -> Waited {
        loop {
            let mut inner = self.queue.lock();
            if inner.is_ready() {
                return Waited::Ready;
            }
            if inner.ended {
                return Waited::Ended;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                inner.wake_up();
                return Waited::Timeout;
            }
            inner.sleep();
            drop(inner);
            park_until(deadline);
        }
    }

    /// A descriptor that is readable while there are events, or when none will come. It lives as long as the
    /// subscription. In the child of a fork it is the child's own from the first call on.
    pub fn descriptor(&self) -> Result<i32> {
        let mut inner = self.queue.lock();
        if inner.bell.is_none() {
            inner.bell = Some(EventFd::new()?);
            wake(inner.changed());
        }
        Ok(inner.bell.as_ref().map_or(-1, EventFd::number))
    }

    /// Has events delivered to a listener from now on, once. With [`DeliverOn::Poster`], what is queued is
    /// delivered on this thread before the return.
    pub fn set_listener(&self, on: DeliverOn, listener: Arc<dyn Listener>) -> Result<()> {
        {
            let mut inner = self.queue.lock();
            if inner.closed {
                return Err(Error::misuse("the subscription is closed"));
            }
            if inner.listener.is_some() {
                return Err(Error::Busy { what: "the subscription has a callback already" });
            }
            listener.taken();
            inner.listener = Some((on, listener));
        }
        if on == DeliverOn::Poster {
            // The listener may drop this very subscription.
            let (queue, hub) = (self.queue.clone(), self.hub.clone());
            queue.deliver(&hub, on, usize::MAX);
        }
        Ok(())
    }

    /// Calls the listener for up to `max` events on this thread; how many. 0 from within the listener.
    pub fn dispatch(&self, max: usize) -> Result<usize> {
        if !matches!(self.queue.lock().listener, Some((DeliverOn::Dispatcher, _))) {
            return Err(Error::misuse("the subscription has no callback for this thread"));
        }
        // The listener may drop this very subscription.
        let (queue, hub) = (self.queue.clone(), self.hub.clone());
        Ok(queue.deliver(&hub, DeliverOn::Dispatcher, max))
    }

    /// Events dropped so far, since the queue was full.
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }

    /// How many threads wait.
    #[cfg(all(test, not(loom)))]
    pub(super) fn queue_sleepers(&self) -> usize {
        self.queue.lock().sleepers.len()
    }

    /// Ends the subscription: nothing is delivered any more, what is queued is gone, waiting ends. Waits for a
    /// call of the listener that runs on another thread, and drops the listener: here, or, if this is called from
    /// within it, on this thread when it returns. May be called again.
    pub fn close(&self) {
        self.hub.forget_queue(&self.queue);
        let mut inner = self.queue.lock();
        inner.closed = true;
        inner.ended = true;
        inner.replay.clear();
        inner.live.clear();
        inner.loss = None;
        let sleepers = inner.changed();
        drop(inner);
        wake(sleepers);
        loop {
            let mut inner = self.queue.lock();
            match &inner.delivering {
                None => {
                    let listener = inner.listener.take();
                    drop(inner);
                    return drop(listener);
                }
                Some(thread) if thread.id() == current_thread().id() => {
                    inner.closed_within = true;
                    return;
                }
                Some(_) => inner.sleep(),
            }
            drop(inner);
            park_until(None);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.close();
        let mut inner = self.queue.lock();
        inner.bell = None;
    }
}
