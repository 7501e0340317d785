//! One module's way to machine code: the states of its functions, what is outstanding, what failed.
//!
//! In: claims, compiled code, failures. Out: published code, counts, events.
//!
//! # Who keeps what alive
//!
//!     CompiledModule ---> Compilation ---> Module (wire bytes)
//!            |                 |
//!            '---> ModuleCode <- - (weak)
//!
//! A unit holds the `Compilation`, so the wire bytes stay as long as something may still read them: until the
//! module is gone and its last unit is compiled or discarded. It does not hold the `ModuleCode`: a module that
//! nobody uses any more is freed, and its units vanish when their turn comes, with correct counts.
//!
//! # How a whole module is linked
//!
//! Code of the top tier calls code of the top tier directly, as far as that is there when it is linked. The code of a
//! module that is compiled whole by that tier before it exists is therefore kept until the last function is compiled,
//! and published as one batch. Of all others, every batch is published when its worker says so.
//!
//! Not here: queues and threads (`pool`), who asks for what (`pipeline`).

mod ends;
mod publication;
mod second;
mod validity;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock, Weak};

use super::counts::{Counters, Measured, Outstanding, count};
use super::events::{Event, EventKind, ModuleEvents};
use super::growth::Growth;
use super::lock::Lock;
use super::osr;
use super::plan::Plan;
use super::profile::ModuleProfile;
use super::publisher::Publisher;
use super::source::{Origin, Source};
use super::state::{Change, Denied, State, Taken, Word};
use crate::abi::vmctx::VmLayout;
use crate::code::ModuleCode;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::sync::{AtomicU32, Ordering, WasmFloats, generation, now_ns};
use crate::tier::compiled::CompiledCode;
use crate::tier::profile::FunctionProfile;
use crate::tier::{Compilers, Counts, Scratch, Tier};
use crate::types::DefinedFunc;

pub use super::counts::Progress;

/// Compiled code of a function that waits to be published.
pub(super) struct Ready {
    func: DefinedFunc,
    tier: Tier,
    code: CompiledCode,
    effort: Effort,
    origin: Origin,
}

impl Ready {
    /// Whether somebody has just compiled it.
    pub(super) fn is_compiled(&self) -> bool {
        self.origin == Origin::Compiled
    }

    /// How long it took to compile.
    pub(super) fn compile_ns(&self) -> u64 {
        self.effort.duration_ns
    }
}

/// When, how long and by whom a function was compiled.
#[derive(Clone, Copy)]
struct Effort {
    began_ns: u64,
    duration_ns: u64,
    worker: u32,
}

/// Why background work stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stopped {
    /// The host cancelled it.
    Cancelled = 1,
    /// Nobody has the module any more.
    Closed = 2,
    /// Something failed that makes the rest useless.
    Failed = 3,
}

/// Which compilations a cancellation stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Whatever is under way.
    Always,
    /// Only if the module is not ready yet.
    IfNotReady,
}

/// One module's compilation.
pub struct Compilation {
    events: ModuleEvents,
    module: Arc<Module>,
    layout: VmLayout,
    code: Weak<ModuleCode>,
    plan: Plan,
    profile: ModuleProfile,
    /// Code that need not be compiled.
    source: OnceLock<Arc<dyn Source>>,
    /// 1: calls are linked directly, and everything is published at once.
    whole: AtomicU32,
    states: Box<[State]>,
    measured: Measured,
    first: Outstanding,
    top: Outstanding,
    /// Functions of a whole module that are not compiled yet.
    uncompiled: AtomicU32,
    publishers: [Publisher<Ready>; 2],
    /// 0, or a [`Stopped`].
    stopped: AtomicU32,
    /// Why functions were refused.
    failures: Lock<BTreeMap<(u32, Tier), Error>>,
    /// 1: something that was required was given up, other than by a refusal.
    gave_up: AtomicU32,
    /// Why something could not be published.
    unpublished: Lock<Option<Error>>,
    units: AtomicUsize,
    osr_bodies: osr::Bodies,
    growth: Growth,
    /// Threads that publish, or [`CLEARING`].
    publishing: AtomicUsize,
    counters: Counters,
    /// All that was compiled.
    #[cfg(test)]
    recorded: Lock<Vec<(DefinedFunc, Tier, CompiledCode)>>,
    /// A function whose compilation panics.
    #[cfg(test)]
    panic_at: AtomicU32,
    /// The process that it began in: in a child, whoever holds a claim may be a thread that is not there.
    generation: usize,
}

impl Compilation {
    /// A compilation of which nothing is done.
    pub(super) fn new(
        events: ModuleEvents,
        code: &Arc<ModuleCode>,
        layout: VmLayout,
        plan: Plan,
        counts: Counts,
        source: Option<Arc<dyn Source>>,
    ) -> Arc<Compilation> {
        let module = code.module().clone();
        let count = module.defined_func_count();
        let of_all = plan.required_of_all().map(|(first, top)| Word::new(first, top));
        let words = (0..count as u32).map(|func| of_all.unwrap_or_else(|| plan.word(func)));
        let total = |of: fn(Word) -> bool| words.clone().filter(|word| of(*word)).count() as u32;
        let (first, top) = (total(Word::first_outstanding), total(Word::top_outstanding));
        let states = words.map(State::new).collect();
        Arc::new(Compilation {
            events,
            layout,
            code: Arc::downgrade(code),
            whole: AtomicU32::new(plan.is_whole(count).into()),
            profile: ModuleProfile::new(&module, counts, plan.known().cloned()),
            plan,
            source: source.map_or_else(OnceLock::new, OnceLock::from),
            uncompiled: AtomicU32::new(count as u32),
            measured: Measured::new(count),
            states,
            // Until the module is whole, one more is outstanding: itself.
            first: Outstanding::new(first + 1),
            top: Outstanding::new(top),
            publishers: [Publisher::default(), Publisher::default()],
            stopped: AtomicU32::new(0),
            failures: Lock::default(),
            gave_up: AtomicU32::new(0),
            unpublished: Lock::default(),
            units: AtomicUsize::new(0),
            osr_bodies: osr::Bodies::default(),
            growth: Growth::default(),
            publishing: AtomicUsize::new(0),
            counters: Counters::default(),
            #[cfg(test)]
            recorded: Lock::default(),
            #[cfg(test)]
            panic_at: AtomicU32::new(u32::MAX),
            generation: generation(),
            module,
        })
    }

    /// The number of the module, from 1, in its engine.
    pub fn id(&self) -> u64 {
        self.events.id()
    }

    /// Where the events of the module are posted.
    pub fn events(&self) -> &ModuleEvents {
        &self.events
    }

    /// The module.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The layout of its instances.
    pub fn layout(&self) -> &VmLayout {
        &self.layout
    }

    /// What is compiled when.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How its functions have run.
    pub fn profile(&self) -> &ModuleProfile {
        &self.profile
    }

    /// The tier of the first code of a function.
    pub fn lowest(&self) -> Tier {
        self.plan.lowest()
    }

    /// The state of a function.
    pub fn look(&self, func: DefinedFunc) -> Word {
        self.states[func.index()].look()
    }

    /// Bytes of a function's code, and how many nanoseconds it took to compile.
    pub fn measured(&self, func: DefinedFunc) -> (u32, u64) {
        self.measured.get(func)
    }

    /// Whether this is a child of the process that it began in.
    pub(crate) fn is_inherited(&self) -> bool {
        self.generation != generation()
    }

    /// Whether all that the strategy requires at first is published, or will not come.
    pub fn is_ready(&self) -> bool {
        self.first.get() == 0
    }

    /// Whether nothing is outstanding.
    pub fn is_finished(&self) -> bool {
        self.first.get() == 0 && self.top.get() == 0
    }

    /// Whether background work has stopped for good.
    pub fn stopped(&self) -> Option<Stopped> {
        // Relaxed: whoever misses it does work that is not needed, and no harm.
        match self.stopped.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Stopped::Cancelled),
            2 => Some(Stopped::Closed),
            _ => Some(Stopped::Failed),
        }
    }

    /// Numbers for hosts and tests.
    pub fn progress(&self) -> Progress {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = |tier| self.states.iter().filter(|state| state.look().is_refused(tier)).count();
        let code = self.code.upgrade();
        Progress {
            outstanding_first: self.first.get() as usize,
            outstanding_top: self.top.get() as usize,
            counts: code.as_ref().map(|code| code.counts()).unwrap_or_default(),
            refused: [refused(Tier::Baseline), refused(Tier::Top)],
            units: self.units.load(Ordering::Relaxed),
            compiled: read(&self.counters.compiled),
            discarded: read(&self.counters.discarded),
            repeated: read(&self.counters.repeated),
            loaded: read(&self.counters.loaded),
            batches: read(&self.counters.batches),
            publication_waits: read(&self.counters.publication_waits),
            code_size: code.map_or(0, |code| code.code_size()),
        }
    }

    /// Bytes that the compilation takes besides the code: what the wire bytes, states and records need.
    pub fn memory_use(&self) -> usize {
        let ready =
            self.publishers.iter().map(|publisher| publisher.sum(|ready| ready.code.bytes.len())).sum::<usize>();
        let code = self.code.upgrade().map_or(0, |code| code.code_size());
        self.module.wire().len()
            + self.states.len() * (size_of::<State>() + Measured::SIZE + 8)
            + ready
            + code
            + self.profile.memory_use()
    }

    fn account(&self, change: Change) {
        let [first, top] = change.outstanding();
        self.account_first(first);
        self.top.change(top);
    }

    fn account_first(&self, change: i32) {
        if self.first.change(change) {
            // Whoever compiles a function after this analyses it by himself.
            self.module.analyses.forget();
            if self.stopped().is_none() {
                self.events.post(Event::new(EventKind::BaselineFinished));
            }
        }
    }

    /// Claims a function. Whoever does must end the claim: see [`State::claim`].
    pub(super) fn claim(&self, func: DefinedFunc, tier: Tier) -> Result<(), Taken> {
        self.states[func.index()].claim(tier).map(|change| self.account(change))
    }

    /// Compiles a claimed function. The claim ends if that fails.
    pub(super) fn compile(
        &self,
        compilers: &Compilers,
        scratch: &mut Scratch,
        func: DefinedFunc,
        tier: Tier,
        worker: u32,
    ) -> Result<Ready> {
        if tier == Tier::Top
            && let Some(ready) = self.load_claimed(func, worker)
        {
            return Ok(ready);
        }
        let began_ns = now_ns();
        // The compilers turn their own panics into errors. One that comes through must not leave a claim behind.
        let compile = AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(self.panic_at.load(Ordering::Relaxed) != func.0, "asked for by a test");
            let _floats = WasmFloats::enter();
            self.ensure_valid(func, &mut scratch.validation)?;
            self.ensure_there(func)?;
            let profile = if tier == Tier::Top { self.snapshot(func) } else { None };
            let profile = profile.as_ref();
            if tier == Tier::Top && self.is_first_of_two(func) {
                return compilers.compile_first(scratch, &self.module, &self.layout, func, profile);
            }
            compilers.compile(tier, scratch, &self.module, &self.layout, func, profile)
        });
        let compiled = catch_unwind(compile).unwrap_or_else(|_| {
            *scratch = Scratch::new();
            Err(Error::Compile { func: self.module.func_index(func), reason: "the compiler panicked".into() })
        });
        let effort = Effort { began_ns, duration_ns: now_ns().saturating_sub(began_ns), worker };
        match compiled {
            Ok(code) => {
                count(&self.counters.compiled);
                #[cfg(test)]
                self.recorded.lock().push((func, tier, code.clone()));
                Ok(Ready { func, tier, code, effort, origin: Origin::Compiled })
            }
            Err(error) => {
                self.refuse(func, tier, &error, effort);
                Err(error)
            }
        }
    }

    /// What need not be compiled.
    pub(super) fn source(&self) -> Option<&dyn Source> {
        self.source.get().map(|source| &**source)
    }

    /// Says where code is that need not be compiled from now on, if nobody has said it before.
    pub(crate) fn offer(&self, source: Arc<dyn Source>) {
        let _ = self.source.set(source);
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Code of a claimed function that `load` may find.
    pub(super) fn timed(
        &self,
        func: DefinedFunc,
        tier: Tier,
        worker: u32,
        load: impl FnOnce() -> Option<CompiledCode>,
    ) -> Option<Ready> {
        let began_ns = now_ns();
        let code = load()?;
        let effort = Effort { began_ns, duration_ns: now_ns().saturating_sub(began_ns), worker };
        self.count_loaded();
        Some(Ready { func, tier, code, effort, origin: Origin::Loaded })
    }

    /// Ends the claim of a function, which somebody else may claim.
    pub(super) fn release(&self, func: DefinedFunc, tier: Tier) {
        self.account(self.states[func.index()].release(tier));
    }

    /// How a function has run, for the compiler.
    pub fn snapshot(&self, func: DefinedFunc) -> Option<FunctionProfile> {
        self.profile.snapshot(&*self.code.upgrade()?, func)
    }

    /// Puts compiled code where a publisher finds it. Says how many bytes it has.
    pub(super) fn add_ready(&self, ready: Ready) -> usize {
        let (func, tier, bytes) = (ready.func, ready.tier, ready.code.bytes.len());
        self.publishers[tier as usize - 1].push(ready);
        self.count_compiled();
        self.account(self.states[func.index()].compiled(tier));
        bytes
    }

    /// Of a whole module: one function fewer to wait for.
    fn count_compiled(&self) {
        // Relaxed: a module stops being whole when it is cleared, before which nobody compiles it.
        if self.whole.load(Ordering::Relaxed) != 0 {
            // Release: pairs with the Acquire in `publish`: who sees 0 finds everybody's code.
            self.uncompiled.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn refuse(&self, func: DefinedFunc, tier: Tier, error: &Error, effort: Effort) {
        self.failures.lock().insert((func.0, tier), error.duplicate());
        self.count_compiled();
        self.account(self.states[func.index()].refuse(tier));
        self.events.post(Event {
            func: self.module.func_index(func).0,
            from_tier: self.look(func).reached(),
            to_tier: Some(tier),
            status: error.status(),
            began_ns: effort.began_ns,
            duration_ns: effort.duration_ns,
            worker: effort.worker,
            ..Event::new(EventKind::FunctionRefused)
        });
    }

    /// The top tier has refused a claimed function in another process.
    pub(super) fn refused_elsewhere(&self, func: DefinedFunc) {
        let reason = "the optimising tier has refused it before".into();
        let error = Error::Compile { func: self.module.func_index(func), reason };
        self.failures.lock().insert((func.0, Tier::Top), error);
        self.account(self.states[func.index()].refuse(Tier::Top));
    }

    /// Whether something that was required will not come, though nothing refused it.
    pub(super) fn gave_up(&self) -> bool {
        // Relaxed: who asks has seen that nothing is outstanding, which comes after.
        self.gave_up.load(Ordering::Relaxed) != 0
    }

    /// Ends the claim of a function whose code will not be used.
    pub(super) fn give_up(&self, func: DefinedFunc, tier: Tier) {
        self.gave_up.store(1, Ordering::Relaxed);
        let state = &self.states[func.index()];
        self.account(state.release(tier));
        self.account(state.abandon());
    }

    /// A unit is not needed any more: somebody does its work otherwise.
    pub(super) fn unqueued(&self, func: DefinedFunc, tier: Tier) {
        self.account(self.states[func.index()].unqueued(tier));
    }

    /// A unit was not run: the function has its code, or may not have it, or somebody else is at it.
    pub(super) fn not_needed(&self, func: DefinedFunc, tier: Tier) {
        // Otherwise who waits for the function would wait for this unit.
        self.unqueued(func, tier);
        self.count_discarded();
    }

    pub(super) fn count_discarded(&self) {
        count(&self.counters.discarded);
    }

    /// A unit will not be run: nobody does its work any more.
    pub(super) fn discard(&self, func: DefinedFunc, tier: Tier) {
        self.gave_up.store(1, Ordering::Relaxed);
        let state = &self.states[func.index()];
        self.account(state.unqueued(tier));
        // Somebody who compiles it right now publishes it all the same.
        self.account(state.abandon());
        self.count_discarded();
    }

    /// Asks for a tier; whether a unit is to be queued. Nothing is required any more of what has stopped. (Who
    /// finds out too late queues a unit, which is discarded.)
    pub(super) fn request(&self, func: DefinedFunc, tier: Tier, priority: u8) -> bool {
        if self.stopped().is_some() {
            return false;
        }
        // Counted before it can be uncounted: the number must not pass through 0.
        self.top.change(1);
        let (change, queue) = self.states[func.index()].request(tier, priority);
        self.account(change);
        self.top.change(-1);
        if queue && self.stopped().is_some() {
            // Stopped meanwhile: there will be no unit, so nothing may count as queued or outstanding.
            self.account(self.states[func.index()].unqueued(tier));
            self.account(self.states[func.index()].abandon());
            return false;
        }
        queue
    }

    /// Allows one more compilation by the top tier; see [`State::allow_again`].
    pub fn allow_again(&self, func: DefinedFunc) {
        if self.lowest() == Tier::Baseline {
            self.account(self.states[func.index()].allow_again());
        }
    }

    /// Keeps a function from the top tier. Not where that is the only one.
    pub fn deny(&self, func: DefinedFunc, denied: Denied) -> Result<()> {
        if self.lowest() == Tier::Top {
            return Err(Error::misuse("tier: without a baseline tier, no function can do without the top tier"));
        }
        self.account(self.states[func.index()].deny(denied));
        Ok(())
    }

    /// Stops background work. False: it had stopped before.
    pub(super) fn stop(&self, why: Stopped) -> bool {
        // Relaxed: as in `stopped`.
        let before = self.stopped.compare_exchange(0, why as u32, Ordering::Relaxed, Ordering::Relaxed);
        for state in &self.states {
            self.account(state.abandon());
        }
        before.is_ok()
    }

    /// Why a tier refused a function; `None` if it has not.
    pub fn refusal(&self, func: DefinedFunc, tier: Tier) -> Option<Error> {
        self.failures.lock().get(&(func.0, tier)).map(Error::duplicate)
    }

    /// Why a function has no code of this tier.
    pub(super) fn failure(&self, func: DefinedFunc, tier: Tier) -> Error {
        let denied =
            || Error::Compile { func: self.module.func_index(func), reason: "it is kept from this tier".into() };
        self.refusal(func, tier).unwrap_or_else(denied)
    }

    /// The error of the first attempt, if anything failed: that of the body that is not valid, else of the lowest
    /// function that could not be compiled, else why something could not be published.
    pub(super) fn error(&self) -> Option<Error> {
        if let Some(invalid) = self.module.invalid() {
            return Some(invalid.error());
        }
        let lowest = self.lowest();
        let failures = self.failures.lock();
        let failed = failures.iter().find(|((_, tier), _)| *tier == lowest).map(|(_, error)| error.duplicate());
        failed.or_else(|| self.unpublished.lock().as_ref().map(Error::duplicate))
    }

    /// Takes the reason why something could not be published, for the one who asked for it.
    pub(super) fn take_unpublished(&self) -> Option<Error> {
        self.unpublished.lock().take()
    }

    /// Code that goes on in the middle of functions.
    pub(super) fn osr_bodies(&self) -> &osr::Bodies {
        &self.osr_bodies
    }

    /// A unit begins to exist, or ends.
    pub(super) fn count_unit(&self, difference: isize) {
        // Relaxed: a statistic.
        self.units.fetch_add(difference as usize, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Compilation {
    /// All that was compiled, before linking.
    pub(crate) fn recorded(&self) -> Vec<(DefinedFunc, Tier, CompiledCode)> {
        self.recorded.lock().clone()
    }

    /// Makes the compilation of a function panic.
    pub(super) fn panic_at(&self, func: DefinedFunc) {
        self.panic_at.store(func.0, Ordering::Relaxed);
    }

    /// Whether calls are linked directly.
    pub(super) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Relaxed) != 0
    }

    /// Takes code away from publishers, as one that is about to publish it does.
    pub(super) fn hold_ready(&self, func: DefinedFunc, tier: Tier) -> Option<Ready> {
        self.publishers[tier as usize - 1].take(|ready| ready.func == func)
    }
}
