//! The compilation of an engine: its compilers, its pool, its events, and who may ask them for what.
//!
//!     module made -----> prepare ----> begin ------> units of the plan ---> pool
//!     lazy call   -----> compile_now -> on the calling thread (`lazy`)
//!     host        -----> request, cancel, wait
//!
//! Not here: what one module has done (`compilation`), threads and queues (`pool`).

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Client, Unit};
use super::compilation::{Cancel, Compilation, Stopped};
use super::events::{Event, EventHub, EventKind, ModuleEvents, NO_WORKER};
use super::plan::Plan;
use super::pool::{Lane, Pool, PoolConfig, Runner, Stats, Waited};
use super::source::Source;
use super::tiering::Speed;
use crate::abi::vmctx::VmLayout;
use crate::code::arena::CodeSpace;
use crate::code::{Lazy, ModuleCode, Retain};
use crate::config::{LazyBatch, Strategy};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::module::body::Keep;
use crate::sync::ForkMutex;
use crate::tier::{BaselineKind, Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

/// Bytes of a body above which a scratch is not kept: it has grown to the size of the function.
const KEPT_SCRATCH_BODY: usize = 64 << 10;

/// What [`Pipeline::prepare`] makes of a module.
#[derive(Clone)]
pub struct Begun {
    /// Its compilation.
    pub compilation: Arc<Compilation>,
    /// Its code.
    pub code: Arc<ModuleCode>,
}

/// The compilation of an engine. Any thread.
pub struct Pipeline {
    compilers: Arc<Compilers>,
    /// Scratches of lazy callers, for the next ones.
    scratches: ForkMutex<Vec<Box<Scratch>>>,
    kept_scratches: usize,
    pool: Pool<Client>,
    events: EventHub,
    top_speed: Arc<Speed>,
    pub(super) lazy_batch: Option<LazyBatch>,
    retain: Retain,
}

impl Pipeline {
    /// A pipeline without threads: they are started when there is work.
    pub fn new(compilers: Compilers, lazy_batch: Option<LazyBatch>, config: PoolConfig) -> Pipeline {
        let compilers = Arc::new(compilers);
        let top_speed = Arc::new(Speed::default());
        Pipeline {
            scratches: ForkMutex::default(),
            kept_scratches: config.workers.max(1) + 1,
            pool: Pool::new(Client::new(compilers.clone(), top_speed.clone()), config),
            events: EventHub::default(),
            top_speed,
            lazy_batch,
            retain: Retain::Nothing,
            compilers,
        }
    }

    /// The same, with what is to be kept of the code that is published.
    pub fn retaining(self, retain: Retain) -> Pipeline {
        Pipeline { retain, ..self }
    }

    /// The compilers.
    pub fn compilers(&self) -> &Compilers {
        &self.compilers
    }

    /// How fast the top tier compiles.
    pub fn top_speed(&self) -> &Speed {
        &self.top_speed
    }

    /// Whether the analyses of bodies are worth keeping from their validation until they are compiled.
    pub(crate) fn analyses_to_keep(&self, strategy: Strategy) -> Keep {
        let eager = matches!(strategy, Strategy::Eager | Strategy::EagerBackground);
        let native = self.compilers.baseline_kind() == Some(BaselineKind::Native);
        if eager && native { Keep::Analyses } else { Keep::Nothing }
    }

    /// What happens to modules.
    pub fn events(&self) -> &EventHub {
        &self.events
    }

    /// Makes the slots of a module, which need not be whole. Nothing is queued yet.
    pub fn prepare(
        &self,
        space: &Arc<CodeSpace>,
        events: ModuleEvents,
        module: Arc<Module>,
        layout: VmLayout,
        plan: Plan,
        source: Option<Arc<dyn Source>>,
    ) -> Result<Begun> {
        let lazy = if plan.is_whole(module.defined_func_count()) { Lazy::NoStubs } else { Lazy::Stubs };
        let code = Arc::new(ModuleCode::new(space, module, lazy)?.retaining(self.retain));
        let compilation = Compilation::new(events, &code, layout, plan, self.compilers.counts(), source);
        Ok(Begun { compilation, code })
    }

    /// Has compiled what the plan of a module requires, now that it is whole: by whoever waits, and by the workers. A
    /// module that is awaited is not ready yet: [`Pipeline::finish`].
    pub fn begin(&self, compilation: &Arc<Compilation>, early: Early) {
        compilation.complete();
        self.add_required(compilation, early);
        if early == Early::ForCaller && !compilation.plan().is_awaited() {
            self.help_until_finished(compilation);
        }
    }

    /// Queues what the plan requires, or does it here if that takes less time than waking somebody.
    fn add_required(&self, compilation: &Arc<Compilation>, early: Early) {
        let plan = compilation.plan();
        if early == Early::Nothing && plan.is_awaited() && is_small(compilation) {
            self.compile_here(compilation);
            if !plan.is_advised() {
                return;
            }
        }
        if plan.required_of_all() == Some((None, None)) {
            return;
        }
        let count = compilation.module().defined_func_count() as u32;
        let (mut units, mut first_units, mut hot_units) = (Vec::new(), Vec::new(), Vec::new());
        for func in (0..count).map(DefinedFunc) {
            let (first, top) = plan.required(func.0);
            let advice = plan.advice(func.0);
            let missing = first.filter(|_| early == Early::Nothing);
            for tier in [missing, top.filter(|tier| Some(*tier) != first)].into_iter().flatten() {
                if compilation.request(func, tier, 0) {
                    let unit = Unit::function(compilation, func, tier);
                    match advice.map(|advice| if Some(tier) == first { advice.first } else { advice.top }) {
                        Some(Some(place)) if Some(tier) != first => hot_units.push((place, unit)),
                        // If all of them are waited for, the longest had better come first.
                        Some(Some(place)) if !plan.is_awaited() => first_units.push((place, unit)),
                        _ => units.push(unit),
                    }
                }
            }
        }
        first_units.sort_by_key(|(place, _)| *place);
        hot_units.sort_by_key(|(place, _)| *place);
        let in_order = |units: Vec<(u32, Unit)>| units.into_iter().map(|(_, unit)| unit).collect::<Vec<_>>();
        self.add(compilation, [in_order(first_units), in_order(hot_units)], units);
    }

    /// Compiles what is required at first on this thread. What fails is told as that of any unit.
    fn compile_here(&self, compilation: &Arc<Compilation>) {
        let (tier, module) = (compilation.lowest(), compilation.module());
        let functions = (0..module.defined_func_count() as u32).map(DefinedFunc);
        let longest = functions.clone().map(|func| module.body_range(func).len()).max().unwrap_or(0);
        self.with_scratch(longest, |scratch| {
            for func in functions {
                let required = compilation.plan().required(func.0).0 == Some(tier);
                if required && let Some(ready) = compilation.load(func, NO_WORKER) {
                    compilation.add_ready(ready);
                } else if required
                    && compilation.claim(func, tier).is_ok()
                    && let Ok(ready) = compilation.compile(&self.compilers, scratch, func, tier, NO_WORKER)
                {
                    compilation.add_ready(ready);
                }
            }
        });
        compilation.publish();
    }

    /// Queues units: those that go before others of their lane, in their order, and the others.
    fn add(&self, compilation: &Arc<Compilation>, before: [Vec<Unit>; 2], units: Vec<Unit>) {
        let [first, hot] = before.map(|units| self.pool.add_priority_units(units, 0));
        let runners = [first, hot, self.pool.add_units(units)];
        // A module that is awaited is compiled by its maker in any case.
        if runners.contains(&Runner::Caller) && !compilation.plan().is_awaited() {
            self.help_until_finished(compilation);
        }
    }

    /// Compiles on this thread what the workers of another process, or nobody, would compile.
    fn help_until_finished(&self, compilation: &Arc<Compilation>) {
        self.run_here(None, &|| compilation.is_finished());
    }

    /// Runs what is queued until `done` says so, and waits for nobody. `Closed`: nothing is queued any more.
    fn run_here(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        while !done() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Waited::TimedOut;
            }
            if self.pool.run_jobs(usize::MAX, deadline) == 0 && !done() {
                return Waited::Closed;
            }
        }
        Waited::Done
    }

    /// Waits by `help` until `done` says so. In a child of the process in which the module began, what is missing
    /// when nothing is queued any more was in the hands of a thread that is not here: it is not waited for.
    fn wait(
        &self,
        compilation: &Compilation,
        deadline: Option<Instant>,
        done: &dyn Fn() -> bool,
        help: impl FnOnce() -> Waited,
    ) -> Waited {
        if compilation.is_inherited() { self.run_here(deadline, done) } else { help() }
    }

    /// Waits until a module is ready, compiling meanwhile. Fails as its creation does. The thread's stack is
    /// used: at least `COMPILE_STACK` bytes.
    pub fn finish(&self, compilation: &Arc<Compilation>, deadline: Option<Instant>) -> Result<Waited> {
        let waited = self.wait_ready(compilation, deadline);
        if waited == Waited::TimedOut {
            return Ok(waited);
        }
        match compilation.stopped() {
            Some(Stopped::Cancelled) => Err(Error::Cancelled),
            // Units that nobody ran: the pool is shut down.
            _ => match compilation.error() {
                Some(error) => Err(error),
                None if waited == Waited::Done && !compilation.gave_up() => Ok(Waited::Done),
                None => Err(Error::Cancelled),
            },
        }
    }

    /// Waits until a module is ready, compiling its functions meanwhile.
    pub fn wait_ready(&self, compilation: &Arc<Compilation>, deadline: Option<Instant>) -> Waited {
        let done = || compilation.is_ready();
        let help = || self.pool.help_through(Lane::Baseline, compilation.id(), deadline, &done);
        self.wait(compilation, deadline, &done, help)
    }

    /// Waits until nothing of a module is outstanding, compiling its functions meanwhile.
    pub fn wait_finished(&self, compilation: &Arc<Compilation>, deadline: Option<Instant>) -> Waited {
        match self.wait_ready(compilation, deadline) {
            Waited::Done => {
                let done = || compilation.is_finished();
                // Of both tiers: a host may ask for either.
                let help = || self.pool.help_all_until(compilation.id(), deadline, &done);
                self.wait(compilation, deadline, &done, help)
            }
            waited => waited,
        }
    }

    /// Waits until a function has code of a tier, or better. Fails if it will not get it.
    pub fn wait_tier(
        &self,
        compilation: &Arc<Compilation>,
        func: DefinedFunc,
        tier: Tier,
        deadline: Option<Instant>,
    ) -> Result<Waited> {
        self.request(compilation, func, tier, u8::MAX);
        let lane = if tier == compilation.lowest() { Lane::Baseline } else { Lane::Top };
        let reached = || compilation.look(func).reached() >= Some(tier);
        let under_way = || {
            let word = compilation.look(func);
            word.is_queued(tier) || word.is_in_flight(tier)
        };
        let done = || reached() || !under_way();
        let help = || self.pool.help_until(lane, compilation.id(), deadline, &done);
        match self.wait(compilation, deadline, &done, help) {
            _ if reached() => Ok(Waited::Done),
            Waited::Done if compilation.look(func).is_refused(tier) || compilation.look(func).is_denied() => {
                Err(compilation.failure(func, tier))
            }
            Waited::Done => Err(compilation
                .take_unpublished()
                .or_else(|| Some(compilation.module().invalid()?.error()))
                .unwrap_or(Error::Cancelled)),
            waited => Ok(waited),
        }
    }

    /// Waits until functions that were asked for have a tier, or nobody is at them any more.
    pub fn wait_settled(
        &self,
        compilation: &Arc<Compilation>,
        funcs: &[DefinedFunc],
        tier: Tier,
        deadline: Option<Instant>,
    ) -> Waited {
        let is_settled = |func: DefinedFunc| {
            let word = compilation.look(func);
            word.reached() >= Some(tier) || !(word.is_queued(tier) || word.is_in_flight(tier))
        };
        // Settled functions are not looked at again.
        let settled = Cell::new(0);
        let done = || {
            let more = funcs[settled.get()..].iter().take_while(|func| is_settled(**func)).count();
            settled.set(settled.get() + more);
            settled.get() == funcs.len()
        };
        let lane = if tier == compilation.lowest() { Lane::Baseline } else { Lane::Top };
        self.wait(compilation, deadline, &done, || self.pool.help_until(lane, compilation.id(), deadline, &done))
    }

    /// Asks for a tier of a function, before others of lower priority. True: it is under way, or there.
    pub fn request(&self, compilation: &Arc<Compilation>, func: DefinedFunc, tier: Tier, priority: u8) -> bool {
        if tier > compilation.plan().highest() || tier < compilation.lowest() {
            return false;
        }
        if compilation.request(func, tier, priority) {
            let unit = Unit::function(compilation, func, tier);
            if self.pool.add_priority_unit(unit, priority.into()) == Runner::Caller {
                self.help_until_finished(compilation);
            }
        }
        let word = compilation.look(func);
        word.reached() >= Some(tier) || word.is_queued(tier) || word.is_in_flight(tier)
    }

    /// Asks for the top tier of all functions. Says how many units were queued.
    pub fn tier_up_all(&self, compilation: &Arc<Compilation>) -> usize {
        let tier = compilation.plan().highest();
        let functions = (0..compilation.module().defined_func_count() as u32).map(DefinedFunc);
        let wanted = functions.filter(|func| compilation.request(*func, tier, 0));
        let units: Vec<Unit> = wanted.map(|func| Unit::function(compilation, func, tier)).collect();
        let count = units.len();
        self.add(compilation, Default::default(), units);
        count
    }

    /// Allows another compilation of every function by the top tier.
    pub fn allow_again_all(&self, compilation: &Compilation) {
        (0..compilation.module().defined_func_count() as u32)
            .for_each(|func| compilation.allow_again(DefinedFunc(func)));
    }

    /// Stops the background work of a module. What is compiled stays, and a later call of a function that is
    /// not still compiles it. False: there was nothing to stop.
    pub fn cancel(&self, compilation: &Arc<Compilation>, which: Cancel) -> bool {
        if which == Cancel::IfNotReady && compilation.is_ready() {
            return false;
        }
        let stopped = compilation.stop(Stopped::Cancelled);
        if stopped {
            compilation.events().post(Event { status: Error::Cancelled.status(), ..Event::new(EventKind::Cancelled) });
        }
        self.pool.cancel(compilation.id());
        stopped
    }

    /// Takes back what is queued of a module, drops its code by `clear`, and has its functions start again.
    pub(crate) fn restart(&self, compilation: &Arc<Compilation>, clear: impl FnOnce() -> Result<()>) -> Result<()> {
        self.pool.cancel(compilation.id());
        compilation.restart(clear)
    }

    /// There will be no module: what was begun vanishes.
    pub(crate) fn withdraw(&self, compilation: &Arc<Compilation>) {
        compilation.withdraw();
        self.pool.cancel(compilation.id());
    }

    /// Nobody has the module any more: its units vanish.
    pub(crate) fn close(&self, compilation: &Arc<Compilation>) {
        compilation.close();
        self.pool.cancel(compilation.id());
    }

    /// Runs a task of a job on a worker, or on whoever waits for it.
    pub(crate) fn add_task(&self, module: u64, run: impl FnOnce() + Send + 'static) -> Runner {
        self.pool.add_units(vec![Unit::task(module, Lane::Baseline, run)])
    }

    /// Runs a task that nobody waits for on a worker of the top tier. It belongs to no module.
    pub(crate) fn add_background_task(&self, run: impl FnOnce() + Send + 'static) {
        self.pool.add_units(vec![Unit::task(0, Lane::Top, run)]);
    }

    /// Waits for a job, running its tasks and units meanwhile.
    pub(crate) fn help_job(&self, module: u64, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> Waited {
        self.pool.help_until(Lane::Baseline, module, deadline, done)
    }

    /// Has the first code of functions made in the background.
    pub(crate) fn request_first(&self, compilation: &Arc<Compilation>, funcs: &[DefinedFunc]) {
        let tier = compilation.lowest();
        let wanted = funcs.iter().filter(|func| compilation.request(**func, tier, 0));
        self.pool.add_units(wanted.map(|func| Unit::function(compilation, *func, tier)).collect());
    }

    /// Takes back what is queued of a job.
    pub(crate) fn cancel_job(&self, module: u64) {
        self.pool.cancel(module);
    }

    /// Has those who wait look again.
    pub(crate) fn notify(&self) {
        self.pool.notify();
    }

    /// Runs up to `max` units on this thread, until the deadline or until nothing is queued.
    pub fn run_jobs(&self, max: usize, deadline: Option<Instant>) -> usize {
        self.pool.run_jobs(max, deadline)
    }

    /// Whether nothing is queued and nothing is compiled.
    pub fn is_idle(&self) -> bool {
        self.pool.is_idle()
    }

    /// Numbers of the pool.
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// Ends all background work; see [`Pool::shutdown`]. Lazy calls go on working.
    pub fn shutdown(&self, timeout: Option<Duration>) -> bool {
        self.pool.shutdown(timeout)
    }

    pub(super) fn pool(&self) -> &Pool<Client> {
        &self.pool
    }

    /// Lends a scratch to a lazy caller.
    pub(super) fn with_scratch<T>(&self, body_len: usize, use_it: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let result = use_it(&mut scratch);
        if body_len <= KEPT_SCRATCH_BODY {
            let mut kept = self.scratches.lock();
            if kept.len() < self.kept_scratches {
                kept.push(scratch);
            }
        }
        result
    }
}

/// What was queued of a module before it was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// Nothing.
    Nothing,
    /// All that is required at first.
    First,
    /// The same, and nobody but the caller runs it.
    ForCaller,
}

/// Units of what is required at first of these functions.
pub(super) fn first_units(compilation: &Arc<Compilation>, funcs: Range<usize>) -> Vec<Unit> {
    let funcs = funcs.map(|func| DefinedFunc(func as u32));
    let units = funcs.filter_map(|func| {
        let tier = compilation.plan().required(func.0).0?;
        compilation.request(func, tier, 0).then(|| Unit::function(compilation, func, tier))
    });
    units.collect()
}

/// Whether its maker has compiled a module before anybody else could begin: to wake a thread takes some 5 us, to
/// start one 50, a function takes the top tier 50 and more, and the baseline tier compiles some 15 bytes in a us.
fn is_small(compilation: &Compilation) -> bool {
    let module = compilation.module();
    let count = module.defined_func_count();
    match compilation.lowest() {
        Tier::Top => count <= SMALL_FUNCTIONS,
        Tier::Baseline => {
            count <= SMALL_BYTES / 16
                && (0..count as u32).map(|func| module.body_range(DefinedFunc(func)).len()).sum::<usize>()
                    <= SMALL_BYTES
        }
    }
}

/// Functions of a module that its maker compiles alone, in the top tier.
const SMALL_FUNCTIONS: usize = 4;
/// Bytes of bodies of a module that its maker compiles alone, in the baseline tier.
pub(crate) const SMALL_BYTES: usize = 4096;
