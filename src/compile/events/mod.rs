//! What happens to modules, told to whoever subscribed.
//!
//!     worker, caller -> ModuleEvents::post -> EventHub -> Subscription (a bounded queue) -> drain | callback
//!
//! In: events, each posted at the module that it is about. Out: for each subscription the events of its scope and
//! mask, in the order of their numbers.
//!
//! # The rules
//!
//! - **State events** say what became of a module. They are remembered as long as the module lives, and a later
//!   subscriber gets them, once. `BaselineFinished` comes at most once; exactly one of `Failed`, `Cancelled` and
//!   `Closed` ends a module, and nothing of it comes after that. `Failed` takes back what was not delivered yet.
//! - **Stream events** say what was done. Who was not subscribed then never gets them.
//! - A subscription sees no gap: it is registered and its replay is taken under one lock, so that an event is
//!   in the replay or comes live, never both.
//! - A queue that is full drops what comes until it was drained. Then a `Resync` event counts what was dropped, and
//!   the dropped state events of living modules follow. So a queue of any size loses no state of a living module.
//! - Events are delivered outside of all locks, one at a time per subscription, so that a callback may do what
//!   it likes, closing its own subscription included.
//!
//! # Nobody listens
//!
//! Then a stream event costs one fence and one load of [`Shared::wanted`]. A host that subscribes and then finds a
//! function not yet compiled relies on the event; both sides write first and look afterwards:
//!
//!     poster                                 | subscriber
//!     ---------------------------------------+------------------------------------
//!     1. the function is published           | a. store `wanted`
//!     2. fence, SeqCst                       | b. fence, SeqCst
//!     3. load `wanted`                       | c. look at the function
//!
//! With both fences one of 3 and c sees what the other side wrote; with one less, both may miss it.
//!
//! Not here: what the events are about. Nothing here compiles, waits for compilation, or keeps a module alive.

mod subscription;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::lock::Lock;
use crate::compile::source::Origin;
use crate::sync::{AtomicU32, Ordering, Site, fence_at, now_ns};
use crate::types::Tier;

pub use subscription::{DeliverOn, Listener, Scope, Subscription, Waited};
use subscription::{Queue, wake};

/// What an event tells. The numbers are those of the C interface; they are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum EventKind {
    /// State: every function has what its strategy asks for at first.
    BaselineFinished = 1,
    /// State, the last event of a module: it cannot be used; `status` says why.
    Failed = 2,
    /// State, the last event of a module: the host stopped its background work.
    Cancelled = 3,
    /// State, the last event of a module: nobody uses it any more.
    Closed = 4,
    /// Stream: a batch of code was published: `count` functions, `code_size` bytes.
    CompilationChunk = 5,
    /// Stream: a function has code of another tier.
    FunctionTiered = 6,
    /// Stream: a tier refused a function, which stays where it is.
    FunctionRefused = 7,
    /// Made by the queue itself: `count` events were dropped here.
    Resync = 8,
    /// Stream: what goes on at a loop of a function was compiled for threads that run it in the baseline tier, or was
    /// refused.
    LoopTiered = 9,
    /// Stream: a module was written to the cache: `count` functions with code of the top tier, `code_size` bytes in all.
    CacheWritten = 10,
    /// Stream: `count` more functions have code of the top tier that can be kept beyond this process, `code_size` bytes.
    Serializable = 11,
}

impl EventKind {
    /// All of them, by number.
    pub const ALL: [EventKind; 11] = [
        EventKind::BaselineFinished,
        EventKind::Failed,
        EventKind::Cancelled,
        EventKind::Closed,
        EventKind::CompilationChunk,
        EventKind::FunctionTiered,
        EventKind::FunctionRefused,
        EventKind::Resync,
        EventKind::LoopTiered,
        EventKind::CacheWritten,
        EventKind::Serializable,
    ];

    /// Its bit in a mask.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Whether it says what became of a module, and is remembered.
    pub const fn is_state(self) -> bool {
        (self as u32) <= EventKind::Closed as u32
    }

    /// Whether it is the last event of a module.
    pub const fn is_terminal(self) -> bool {
        matches!(self, EventKind::Failed | EventKind::Cancelled | EventKind::Closed)
    }
}

/// Every kind that a mask can name. `Resync` comes whatever the mask says.
pub const ALL_EVENTS: u32 = {
    let mut mask = 0;
    let mut kind = 0;
    while kind < EventKind::ALL.len() {
        mask |= EventKind::ALL[kind].bit();
        kind += 1;
    }
    mask & !EventKind::Resync.bit()
};

/// `func` of events that are about no single function.
pub const NO_FUNC: u32 = u32::MAX;

/// `worker` of events that come from a thread of the host.
pub const NO_WORKER: u32 = u32::MAX;

/// Something that happened. What a kind does not speak of is 0, or says "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it tells.
    pub kind: EventKind,
    /// Its number: counts the events of an engine. Set by the hub.
    pub seq: u64,
    /// When it was posted: nanoseconds of CLOCK_MONOTONIC. Set by the hub.
    pub time_ns: u64,
    /// The module; 0 = all of the scope. Set by the hub.
    pub module: u64,
    /// How long the work took.
    pub duration_ns: u64,
    /// When the work began, by the same clock as `time_ns`.
    pub began_ns: u64,
    /// Index of the function in its module, imported ones counted, or [`NO_FUNC`].
    pub func: u32,
    /// Where the loop is: the offset of its operator from the first byte of the module.
    pub loop_offset: u32,
    /// How many functions (chunks) or dropped events (resync) it stands for.
    pub count: u32,
    /// Bytes of machine code.
    pub code_size: u32,
    /// Why, as a status of the C interface; 0 = it went well.
    pub status: u32,
    /// The tier that the function had.
    pub from_tier: Option<Tier>,
    /// The tier that it has now.
    pub to_tier: Option<Tier>,
    /// Which worker did the work, or [`NO_WORKER`].
    pub worker: u32,
    /// Where the code came from.
    pub origin: Origin,
}

impl Event {
    /// An event that says nothing but its kind.
    pub const fn new(kind: EventKind) -> Event {
        Event {
            kind,
            seq: 0,
            time_ns: 0,
            module: 0,
            duration_ns: 0,
            began_ns: 0,
            func: NO_FUNC,
            loop_offset: 0,
            count: 0,
            code_size: 0,
            status: 0,
            from_tier: None,
            to_tier: None,
            worker: NO_WORKER,
            origin: Origin::Compiled,
        }
    }
}

/// Whether an event was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It counts; whoever wants it will get it.
    Yes,
    /// Its module has ended, or it had happened before, or (stream events) nobody listens.
    No,
}

/// The events of an engine. Dropping it ends all subscriptions.
pub struct EventHub(Arc<Shared>);

pub(super) struct Shared {
    /// What any subscription of any scope wants. Written under the lock of `state`.
    wanted: AtomicU32,
    /// Taken before the locks of queues.
    state: Lock<State>,
}

struct State {
    /// Number of the last event.
    seq: u64,
    /// Number of the last module.
    last_module: u64,
    modules: Modules,
    queues: Vec<Arc<Queue>>,
    ended: bool,
}

/// What is remembered of each module that lives.
type Modules = BTreeMap<u64, Remembered>;

/// The state events of a module.
#[derive(Default)]
struct Remembered {
    finished: Option<Event>,
    terminal: Option<Event>,
}

impl Remembered {
    fn admits(&self, kind: EventKind) -> bool {
        self.terminal.is_none() && (kind != EventKind::BaselineFinished || self.finished.is_none())
    }

    fn remember(&mut self, event: Event) {
        if event.kind.is_terminal() {
            self.terminal = Some(event);
            if event.kind == EventKind::Failed {
                self.finished = None;
            }
        } else if event.kind.is_state() {
            self.finished = Some(event);
        }
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.finished.iter().chain(&self.terminal)
    }
}

impl Default for EventHub {
    fn default() -> EventHub {
        let state = State { seq: 0, last_module: 0, modules: BTreeMap::new(), queues: Vec::new(), ended: false };
        EventHub(Arc::new(Shared { wanted: AtomicU32::new(0), state: Lock::new(state) }))
    }
}

impl EventHub {
    /// A new module, about which nothing has happened yet.
    pub fn open(&self) -> ModuleEvents {
        let mut state = self.0.state.lock();
        state.last_module += 1;
        let id = state.last_module;
        state.modules.insert(id, Remembered::default());
        ModuleEvents { hub: self.0.clone(), id }
    }

    /// Subscribes to the events of `scope` that `mask` names, after a replay of the state events that it names.
    /// The queue holds `capacity` events (at least one).
    pub fn subscribe(&self, scope: Scope, mask: u32, capacity: usize) -> Subscription {
        let queue = Arc::new(Queue::new(scope, mask & ALL_EVENTS, capacity));
        let mut state = self.0.state.lock();
        queue.replay(&state.modules, 0);
        if state.ended || state.has_ended(scope) {
            queue.end();
        }
        state.queues.push(queue.clone());
        self.0.set_wanted(&state);
        drop(state);
        // Pairs with the fence in `ModuleEvents::post`: see the header.
        fence_at(Site::EventSubscribe, Ordering::SeqCst);
        Subscription::new(queue, self.0.clone())
    }

    /// Ends all subscriptions: what is queued can be drained, waiting ends.
    pub fn end(&self) {
        let mut sleepers = Vec::new();
        let mut state = self.0.state.lock();
        state.ended = true;
        for queue in &state.queues {
            sleepers.append(&mut queue.end());
        }
        drop(state);
        wake(sleepers);
    }

    /// How many modules there are of which a subscription may hear.
    pub fn module_count(&self) -> usize {
        self.0.state.lock().modules.len()
    }

    /// How many subscriptions there are.
    pub fn subscription_count(&self) -> usize {
        self.0.state.lock().queues.len()
    }
}

impl Drop for EventHub {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn has_ended(&self, scope: Scope) -> bool {
        match scope {
            Scope::Engine => false,
            Scope::Module(id) => self.modules.get(&id).is_none_or(|module| module.terminal.is_some()),
        }
    }
}

impl Shared {
    /// Tells posters what is wanted; under the lock.
    fn set_wanted(&self, state: &State) {
        let wanted = state.queues.iter().fold(0, |mask, queue| mask | queue.mask());
        // Relaxed: the queues are handed over by the lock, and the header says what the fences order.
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// `is_true` is asked under the lock.
    fn post(&self, module: u64, mut event: Event, is_true: impl FnOnce() -> bool) -> Posted {
        let (mut sleepers, mut deliver) = (Vec::new(), Vec::new());
        let mut state = self.state.lock();
        let State { seq, modules, queues, .. } = &mut *state;
        let Some(remembered) = modules.get_mut(&module).filter(|module| module.admits(event.kind)) else {
            return Posted::No;
        };
        if !is_true() {
            return Posted::No;
        }
        *seq += 1;
        event.seq = *seq;
        event.time_ns = now_ns();
        event.module = module;
        remembered.remember(event);
        for queue in queues.iter().filter(|queue| queue.scope().contains(module)) {
            sleepers.append(&mut queue.push(event));
            if queue.delivers_on_poster() {
                deliver.push(queue.clone());
            }
        }
        drop(state);
        wake(sleepers);
        for queue in deliver {
            queue.deliver(self, DeliverOn::Poster, usize::MAX);
        }
        Posted::Yes
    }

    /// Takes a subscription out.
    fn forget_queue(&self, queue: &Arc<Queue>) {
        let mut state = self.state.lock();
        state.queues.retain(|other| !Arc::ptr_eq(other, queue));
        self.set_wanted(&state);
    }

    /// Has a queue that dropped events, and was drained since, say so and go on.
    fn resync(&self, queue: &Queue) {
        let state = self.state.lock();
        queue.resync(&state.modules);
    }
}

/// Where the events of one module are posted. Dropping it closes the module and forgets it.
pub struct ModuleEvents {
    hub: Arc<Shared>,
    id: u64,
}

impl ModuleEvents {
    /// Number of the module: from 1, never used again in its engine.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether anybody wants stream events of this kind. What would be told must be there to be seen before.
    #[must_use]
    pub fn is_wanted(&self, kind: EventKind) -> bool {
        // Pairs with the fence in `EventHub::subscribe`: see the header.
        fence_at(Site::EventPost, Ordering::SeqCst);
        // Relaxed: the queues themselves are looked up under the lock.
        self.hub.wanted.load(Ordering::Relaxed) & kind.bit() != 0
    }

    /// Tells that something has happened, which must be there to be seen by now. Callbacks of subscriptions that
    /// want them from the poster run in here: no lock may be held.
    pub fn post(&self, event: Event) -> Posted {
        debug_assert!(event.kind != EventKind::Resync, "made by queues alone");
        if !event.kind.is_state() && !self.is_wanted(event.kind) {
            return Posted::No;
        }
        self.hub.post(self.id, event, || true)
    }

    /// As `post`, unless it is not true any more: then somebody else tells, or has told, what came after. So the
    /// events of two threads about one thing come in the order in which it changed. `is_true` must be quick, and is
    /// asked under the lock.
    pub fn post_if(&self, event: Event, is_true: impl FnOnce() -> bool) -> Posted {
        if !self.is_wanted(event.kind) {
            return Posted::No;
        }
        self.hub.post(self.id, event, is_true)
    }

    /// The state event that ended the module, if one did.
    pub fn terminal(&self) -> Option<Event> {
        self.hub.state.lock().modules.get(&self.id).and_then(|module| module.terminal)
    }
}

impl Drop for ModuleEvents {
    fn drop(&mut self) {
        self.hub.post(self.id, Event::new(EventKind::Closed), || true);
        self.hub.state.lock().modules.remove(&self.id);
    }
}
