//! The compiling threads of an engine, and everything that lets a host compile instead of them.
//!
//!     add_units ---> queues of the lane ---> worker ---> Client::run ---> Client::publish (a batch)
//!                         |    |    `------> a host thread that waits (`help_until`) or lends itself (`run_jobs`)
//!                         |    `-----------> a task of the host's own thread pool (`Executor`)
//!                         `----------------> `cancel`, `shutdown`: Client::discard
//!
//! Baseline and top tier are two lanes with workers of their own. Those of the top tier have a lower priority
//! with the operating system: however long a unit they are in, baseline work gets the processor.
//!
//! In: units of any kind. Out: each of them once to [`Client::run`] or to [`Client::discard`].
//! Not here: what a unit is, claims, and what publishing means (the client), the order of units (`queue`).
//!
//! # When a worker publishes
//!
//! After as many units as its limit says (`queue`), or when the batch has grown to a number of bytes or to an
//! age ([`PublishBounds`]); when anybody waits; before a long or a top-tier unit, which would hold up what is
//! finished; and when there is nothing left to do.
//!
//! # Forks
//!
//! A child has no workers. It finds all locks free and the queues whole (`lock.rs`), and nobody else runs its
//! units: [`Pool::add_units`] says so.

#[cfg(all(test, not(loom)))]
mod end_tests;
#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod schedule_tests;
mod session;
mod stats;
#[cfg(all(test, not(loom)))]
mod tests;
mod threads;

pub use stats::{LaneStats, Stats};

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::lock::Lock;
use super::queue::{Entry, Queues, Shuffle, Source};
use super::wake::Wake;
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicUsize, generation, model_failed, yield_now};
use session::Session;
use stats::Counters;

/// Which workers run a unit. A lane per tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Work that somebody may wait for.
    Baseline = 0,
    /// Work that makes running code faster.
    Top = 1,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Lane; 2] = [Lane::Baseline, Lane::Top];
}

/// What a batch holds that is not published yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Units.
    pub units: usize,
    /// Bytes of code.
    pub bytes: usize,
}

/// How running a unit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was compiled and is in the batch.
    Compiled,
    /// Somebody else has compiled it or does so, or nobody wants it any more.
    Discarded,
    /// It cannot be compiled; its waiters know.
    Failed,
}

/// What the pool does not know: what units are.
pub trait Client: Send + Sync + 'static {
    /// Owns what compiling it needs.
    type Unit: Send + 'static;
    /// Belongs to one thread at a time: scratch buffers, and the batch that is not published yet.
    type Context: Send + 'static;

    /// The lane of a unit.
    fn lane(&self, unit: &Self::Unit) -> Lane;

    /// Bytes of its body.
    fn size(&self, unit: &Self::Unit) -> u32;

    /// The module it belongs to, by a number of the client's choice.
    fn module(&self, unit: &Self::Unit) -> u64;

    /// A context for a worker. Worker 0 is any thread of the host's; there may be several at once.
    fn context(&self, worker: u32) -> Self::Context;

    /// Claims the unit, compiles it, appends it to the batch. Must not panic; if it does, the context is
    /// dropped, and the unit with it.
    fn run(&self, context: &mut Self::Context, unit: Self::Unit) -> Outcome;

    /// Nobody will run this unit: its module was cancelled, or the pool is shut down.
    fn discard(&self, unit: Self::Unit);

    /// How much the batch holds.
    fn pending(&self, context: &Self::Context) -> Pending;

    /// Publishes the batch, after which nothing is pending.
    fn publish(&self, context: &mut Self::Context);
}

/// How long finished code may wait to be published while its worker goes on.
#[derive(Clone, Copy, Debug)]
pub struct PublishBounds {
    /// Bytes of code in a batch: a bound of the memory that batches take.
    pub bytes: usize,
    /// Age of the oldest unit in a batch.
    pub age: Duration,
}

impl Default for PublishBounds {
    fn default() -> PublishBounds {
        PublishBounds { bytes: 1 << 20, age: Duration::from_millis(2) }
    }
}

/// Has the host run a task, at once or on a thread of its own. Called without locks, by whoever adds units.
pub type Executor = Arc<dyn Fn(Task) + Send + Sync>;

/// Compiles until nothing is left in its lane. Dropping it unused is allowed: its units wait for the next one.
#[must_use]
pub struct Task {
    lane: Lane,
    run: Box<dyn FnOnce() + Send>,
}

impl Task {
    /// What it works on. Tasks of the top tier are better run with a low priority.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Compiles, on a stack of at least `COMPILE_STACK` bytes.
    pub fn run(self) {
        (self.run)();
    }
}

/// How a pool works.
#[derive(Clone, Default)]
pub struct PoolConfig {
    /// Threads per lane, or tasks at the host's executor. 0: the host calls [`Pool::run_jobs`].
    pub workers: usize,
    /// Shuffles the order of units, victims and publications.
    pub seed: Option<u64>,
    /// Takes the place of threads.
    pub executor: Option<Executor>,
    /// When batches are published at the latest.
    pub bounds: PublishBounds,
}

/// Who runs what was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Threads of the pool, or of the host's executor.
    Workers,
    /// Whoever calls `run_jobs` or `help_until`: the host wants it so.
    Host,
    /// The caller is to run it, with `run_jobs` or `help_until`: this is a child of the process that had the
    /// threads, or no thread could be started.
    Caller,
    /// Nobody: the pool is shut down, and the units were discarded.
    Nobody,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for is there.
    Done,
    /// The deadline has passed.
    TimedOut,
    /// The pool is shut down, and what was waited for will not come from it.
    Closed,
}

/// The compiling threads of an engine. Dropping it shuts it down and waits for its threads.
pub struct Pool<C: Client>(Arc<Shared<C>>);

/// What workers, helpers and hosts share.
struct Shared<C: Client> {
    client: C,
    config: PoolConfig,
    lanes: [LaneState<C::Unit>; 2],
    /// Threads in `help_until` and `wait_until`: batches are published at once for them.
    waiting: AtomicUsize,
    /// Those of them that wait for baseline: no top-tier unit is begun while baseline units are queued.
    waiting_for_baseline: AtomicUsize,
    /// Something was published, discarded or added: those who wait look again.
    progress: Wake,
    /// 1: nothing is run any more.
    closing: AtomicUsize,
    shuffle: Option<Shuffle>,
    /// Contexts of helpers, for the next one.
    spare: Lock<Vec<Box<C::Context>>>,
    threads: Lock<threads::Threads>,
    counters: Counters,
    born: Instant,
    /// The process that the threads run in.
    generation: usize,
}

struct LaneState<U> {
    queues: Queues<U>,
    /// Workers without work.
    wake: Wake,
}

impl<C: Client> Pool<C> {
    /// A pool without threads: they are started when there is work.
    pub fn new(client: C, config: PoolConfig) -> Pool<C> {
        let lane = || LaneState { queues: Queues::new(1 + config.workers), wake: Wake::default() };
        Pool(Arc::new(Shared {
            client,
            lanes: [lane(), lane()],
            waiting: AtomicUsize::new(0),
            waiting_for_baseline: AtomicUsize::new(0),
            progress: Wake::default(),
            closing: AtomicUsize::new(0),
            shuffle: config.seed.map(Shuffle::new),
            spare: Lock::new(Vec::new()),
            threads: Lock::new(threads::Threads::new(config.workers)),
            counters: Counters::default(),
            born: Instant::now(),
            generation: generation(),
            config,
        }))
    }

    /// The client.
    pub fn client(&self) -> &C {
        &self.0.client
    }

    /// Adds a batch; its units may be of both lanes.
    pub fn add_units(&self, units: Vec<C::Unit>) -> Runner {
        self.0.add_units(units)
    }

    /// For units that add others: it does not keep the pool.
    pub fn adder(&self) -> Adder<C> {
        Adder(Arc::downgrade(&self.0))
    }

    /// Adds a unit that goes before others of its lane; the highest priority first, then the oldest.
    pub fn add_priority_unit(&self, unit: C::Unit, priority: u64) -> Runner {
        let shared = &self.0;
        let lane = shared.client.lane(&unit);
        shared.counters.added(lane, 1);
        shared.lane(lane).queues.add_priority(shared.entry(unit), priority);
        shared.added(lane, 1)
    }

    /// As [`Pool::add_priority_unit`], of units of one lane, which have the same priority: in their order.
    pub fn add_priority_units(&self, units: Vec<C::Unit>, priority: u64) -> Runner {
        let shared = &self.0;
        let Some(first) = units.first() else { return Runner::Host };
        let (lane, count) = (shared.client.lane(first), units.len());
        shared.counters.added(lane, count);
        let entries = units.into_iter().map(|unit| shared.entry(unit)).collect();
        shared.lane(lane).queues.add_ordered(entries, priority);
        shared.added(lane, count)
    }

    /// Runs up to `max` units on the calling thread, until the deadline or until nothing is queued. Baseline
    /// units come first. Says how many it ran. The thread's stack is used: at least `COMPILE_STACK` bytes.
    pub fn run_jobs(&self, max: usize, deadline: Option<Instant>) -> usize {
        let shared = &self.0;
        let mut session = Session::helper(shared);
        let mut ran = 0;
        while ran < max && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            let Some((lane, entry)) = shared.take_any() else { break };
            session.run(lane, entry);
            ran += 1;
        }
        ran
    }

    /// Runs the units of a module in a lane until `done` says so. When all that are left are in other hands, it
    /// sleeps; `done` is asked again after each publication, and after [`Pool::notify`]. The thread's stack is
    /// used: at least `COMPILE_STACK` bytes.
    pub fn help_until(&self, lane: Lane, module: u64, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        self.help(lane, module, deadline, done, self.waiting(lane))
    }

    /// As `help_until`, for somebody who needs all units of the module in this lane and has no use for the first of
    /// them: batches are published when their workers are done, not unit by unit.
    pub fn help_through(&self, lane: Lane, module: u64, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        self.help(lane, module, deadline, done, self.begin_waiting(lane, Hurry::ForTheLast))
    }

    fn help(
        &self,
        lane: Lane,
        module: u64,
        deadline: Option<Instant>,
        done: &dyn Fn() -> bool,
        _waiting: Waiting<'_, C>,
    ) -> Waited {
        let shared = &self.0;
        let mut session = Session::helper(shared);
        shared.wait(deadline, done, &mut || {
            let entry = shared.take_of(lane, module);
            entry.map(|entry| session.run(lane, entry)).is_some() || session.publish()
        })
    }

    /// As `help_until`, running the units of a module in both lanes, baseline units first.
    pub fn help_all_until(&self, module: u64, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        let shared = &self.0;
        let _waiting = self.waiting(Lane::Top);
        let mut session = Session::helper(shared);
        shared.wait(deadline, done, &mut || {
            let found = Lane::ALL.into_iter().find_map(|lane| Some((lane, shared.take_of(lane, module)?)));
            found.map(|(lane, entry)| session.run(lane, entry)).is_some() || session.publish()
        })
    }

    /// Sleeps until `done` says so, running nothing.
    pub fn wait_until(&self, lane: Lane, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        let _waiting = self.waiting(lane);
        self.0.wait(deadline, done, &mut || false)
    }

    /// Has those who wait look again. To be called after a change that the pool did not make.
    pub fn notify(&self) {
        self.0.progress.wake_all();
    }

    /// While the result lives, batches are published at once, and if the lane is baseline, no worker begins a
    /// top-tier unit while baseline units are queued.
    pub fn waiting(&self, lane: Lane) -> Waiting<'_, C> {
        self.begin_waiting(lane, Hurry::ForEach)
    }

    fn begin_waiting(&self, lane: Lane, hurry: Hurry) -> Waiting<'_, C> {
        // Relaxed: workers may notice one unit later.
        if hurry == Hurry::ForEach {
            self.0.waiting.fetch_add(1, Relaxed);
        }
        if lane == Lane::Baseline {
            self.0.waiting_for_baseline.fetch_add(1, Relaxed);
        }
        Waiting { shared: &self.0, lane, hurry }
    }

    /// Discards the queued units of a module. Those that are being run are the client's to refuse.
    pub fn cancel(&self, module: u64) -> usize {
        let count = self.0.discard(&|entry| entry.module == module);
        self.notify();
        count
    }

    /// Discards queued units of one kind.
    pub fn discard(&self, wanted: &dyn Fn(&C::Unit) -> bool) -> usize {
        self.0.discard(&|entry| wanted(&entry.unit))
    }

    /// Whether nothing is queued and nothing is being run.
    pub fn is_idle(&self) -> bool {
        // In this order: a unit is in flight before it leaves the queue. What the threads of a parent process had
        // in their hands is nobody's any more.
        let idle = |queues: &Queues<C::Unit>| queues.len() == 0 && (self.0.is_forked() || queues.in_flight() == 0);
        self.0.lanes.iter().all(|lane| idle(&lane.queues))
    }

    /// Discards what is queued and waits for the workers to finish their unit and end. True: no thread of the
    /// pool is left. False: some were still busy when the time was over (call again), or this is one of them.
    /// Units that are added later are discarded.
    pub fn shutdown(&self, timeout: Option<Duration>) -> bool {
        self.0.shutdown(timeout)
    }
}

/// Adds units to a pool, as long as there is one.
pub struct Adder<C: Client>(Weak<Shared<C>>);

impl<C: Client> Adder<C> {
    /// As [`Pool::add_units`]. `Nobody`: the pool is gone, and the units were dropped.
    pub fn add_units(&self, units: Vec<C::Unit>) -> Runner {
        self.0.upgrade().map_or(Runner::Nobody, |shared| shared.add_units(units))
    }
}

#[cfg(loom)]
impl<C: Client> Pool<C> {
    /// A model's thread is a worker until the pool is shut down. `counted` before it begins.
    pub(super) fn model_worker(&self, lane: Lane, slot: usize) {
        self.0.model_worker(lane, slot);
    }

    /// So many threads of a model will be workers of the lane.
    pub(super) fn model_workers(&self, lane: Lane, count: usize) {
        self.0.threads.lock().model_started(count);
        self.0.lane(lane).queues.grow_to(count);
    }
}

impl<C: Client> Drop for Pool<C> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        self.0.shutdown(None);
    }
}

/// Somebody waits: see [`Pool::waiting`].
#[must_use]
pub struct Waiting<'a, C: Client> {
    shared: &'a Arc<Shared<C>>,
    lane: Lane,
    hurry: Hurry,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hurry {
    /// Any unit may be the one.
    ForEach,
    /// All of them.
    ForTheLast,
}

impl<C: Client> Drop for Waiting<'_, C> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        // Relaxed: workers of the top tier that were held up are woken below, after a fence.
        if self.hurry == Hurry::ForEach {
            self.shared.waiting.fetch_sub(1, Relaxed);
        }
        if self.lane == Lane::Baseline && self.shared.waiting_for_baseline.fetch_sub(1, Relaxed) == 1 {
            self.shared.wake_held_up();
        }
    }
}

impl<C: Client> Shared<C> {
    fn lane(&self, lane: Lane) -> &LaneState<C::Unit> {
        &self.lanes[lane as usize]
    }

    fn add_units(self: &Arc<Self>, units: Vec<C::Unit>) -> Runner {
        let mut batches = [Vec::new(), Vec::new()];
        for unit in units {
            batches[self.client.lane(&unit) as usize].push(self.entry(unit));
        }
        let mut runner = Runner::Host;
        for (lane, batch) in Lane::ALL.into_iter().zip(batches) {
            let count = batch.len();
            if count > 0 {
                self.counters.added(lane, count);
                self.lane(lane).queues.add(batch, self.shuffle.as_ref());
                runner = self.added(lane, count);
            }
        }
        runner
    }

    fn entry(&self, unit: C::Unit) -> Entry<C::Unit> {
        let (size, module) = (self.client.size(&unit), self.client.module(&unit));
        Entry { unit, size, module, added: self.now() }
    }

    /// Nanoseconds since the pool was made.
    fn now(&self) -> u64 {
        self.born.elapsed().as_nanos() as u64
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Relaxed) != 0
    }

    /// Whether the threads of the pool are in another process.
    fn is_forked(&self) -> bool {
        self.generation != generation()
    }

    /// Sees to it that somebody runs `count` units that were added.
    fn added(self: &Arc<Self>, lane: Lane, count: usize) -> Runner {
        // Relaxed: the queues' locks order it. A shutdown that has looked at the queue of a unit before the unit
        // came shows that it closes; then the units are discarded here.
        if self.is_closing() {
            self.discard_all();
            return Runner::Nobody;
        }
        let runner = self.engage(lane, count);
        // Helpers sleep there.
        self.progress.wake_all();
        runner
    }

    /// Whether a worker of the lane may begin a unit now.
    fn may_begin(&self, lane: Lane) -> bool {
        // Relaxed: whoever makes it true wakes the workers after a fence.
        lane == Lane::Baseline
            || self.waiting_for_baseline.load(Relaxed) == 0
            || self.lane(Lane::Baseline).queues.len() == 0
    }

    /// Engages workers of the top tier that baseline work held up.
    fn wake_held_up(self: &Arc<Self>) {
        self.engage(Lane::Top, self.lane(Lane::Top).queues.len());
    }

    /// A unit for a worker.
    fn take(self: &Arc<Self>, lane: Lane, slot: usize) -> Option<Entry<C::Unit>> {
        if self.is_closing() || !self.may_begin(lane) {
            return None;
        }
        let queues = &self.lane(lane).queues;
        let (entry, source) = queues.take(slot, self.shuffle.as_ref())?;
        Some(self.taken(lane, entry, source))
    }

    /// A unit for a host thread that runs whatever there is.
    fn take_any(self: &Arc<Self>) -> Option<(Lane, Entry<C::Unit>)> {
        let top = self.lane(Lane::Top).queues.is_urgent() && self.waiting_for_baseline.load(Relaxed) == 0;
        let shuffled = self.shuffle.as_ref().is_some_and(|shuffle| shuffle.below(2) == 0);
        let order = if top != shuffled { [Lane::Top, Lane::Baseline] } else { Lane::ALL };
        order.into_iter().find_map(|lane| Some((lane, self.take(lane, 0)?)))
    }

    /// A unit of a module for a host thread that waits for it.
    fn take_of(self: &Arc<Self>, lane: Lane, module: u64) -> Option<Entry<C::Unit>> {
        if self.is_closing() {
            return None;
        }
        let (entry, source) = self.lane(lane).queues.take_of(0, module)?;
        Some(self.taken(lane, entry, source))
    }

    fn taken(self: &Arc<Self>, lane: Lane, entry: Entry<C::Unit>, source: Source) -> Entry<C::Unit> {
        let state = self.lane(lane);
        self.counters.taken(lane, source, self.now().saturating_sub(entry.added));
        if lane == Lane::Baseline && state.queues.len() == 0 {
            self.wake_held_up();
        }
        entry
    }

    /// Waits for `done`, after each `step` that changed something and whenever something else did.
    fn wait(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool, step: &mut dyn FnMut() -> bool) -> Waited {
        loop {
            if done() {
                return Waited::Done;
            }
            if self.is_closing() {
                return Waited::Closed;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Waited::TimedOut;
            }
            if step() {
                continue;
            }
            let ticket = self.progress.prepare();
            if !done() && !self.is_closing() && !step() {
                ticket.sleep(deadline);
            }
        }
    }

    fn discard(self: &Arc<Self>, wanted: &dyn Fn(&Entry<C::Unit>) -> bool) -> usize {
        let mut count = 0;
        for lane in Lane::ALL {
            let removed = self.lane(lane).queues.remove(wanted);
            count += removed.len();
            self.counters.discarded(lane, removed.len());
            removed.into_iter().for_each(|entry| self.client.discard(entry.unit));
        }
        self.wake_held_up();
        count
    }

    /// Discards everything. Units may move between queues meanwhile: hence the loop.
    fn discard_all(self: &Arc<Self>) {
        while self.discard(&|_| true) > 0 || self.lanes.iter().any(|lane| lane.queues.len() > 0) {
            yield_now();
        }
    }
}
