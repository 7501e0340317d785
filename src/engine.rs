//! The one place that wires the stages together: engines and compiled modules.

mod artifact;
mod cache;
mod job;
mod module;
mod profile;
mod steer;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::abi::call::Processor;
use crate::code::Retain;
use crate::code::arena::CodeSpace;
use crate::compile::events::EventHub;
use crate::compile::pipeline::Pipeline;
use crate::compile::pool::{PoolConfig, Stats};
use crate::compile::trampoline::{self, HostKind, TypeEntry, Types};
use crate::config::{Config, MemoryMode, Strategy, Tiering, TieringPolicy, Tiers, Workers};
use crate::error::{Error, Result};
use crate::limits::{MEMORY_GUARD, MEMORY_RESERVATION};
use crate::module::Features;
use crate::runtime::lazy::on_compile_stack;
use crate::runtime::timer::Timer;
use crate::sync::ForkMutex;
use crate::sys::mmap::Mapping;
use crate::sys::{signals, threads};
use crate::tier::target::{Place, place};
use crate::tier::top::Bounds;
use crate::tier::{self, Compilers};
use crate::types::FuncType;
use crate::warm::artifact::Identity;
use crate::warm::cache::{Cache, Keeper};

pub use crate::compile::compilation::Cancel;
pub use crate::compile::osr::OsrCounts;
pub use crate::compile::pool::{Lane, Task, Waited};
pub use crate::compile::profile::{FunctionRecord, ProfileData, Reach, calls_of_functions};
pub use crate::compile::state::Denied;
pub use artifact::{Restored, Status, Store, Wasm};
pub use cache::{CacheStats, CacheWrite};
use job::JobInner;
pub use job::{Job, JobState};
pub(crate) use module::Instantiated;
use module::WeakModule;
pub use module::{CompiledModule, ModuleOptions};
pub use profile::{Eagerness, merge_profiles, read_profile};
pub use steer::FunctionState;
pub use stream::Stream;

/// Configuration, compiler, code space and types, shared by modules and stores. Any thread.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    /// First, so that its threads end before anything else goes.
    pipeline: Pipeline,
    config: Config,
    bounds: Bounds,
    /// Asked once: the answer takes tens of microseconds of reading what the system says of its groups.
    compile_threads: usize,
    types: Types,
    /// What its code depends on, once somebody has asked.
    identity: OnceLock<Identity>,
    space: Arc<CodeSpace>,
    timer: Timer,
    cache: Option<Cache>,
    keeper: Keeper,
    compile_stacks: ForkMutex<Vec<Mapping>>,
    /// Modules that live, by number.
    modules: ForkMutex<HashMap<u64, WeakModule>>,
    /// Jobs that live, by the number of their module.
    jobs: ForkMutex<HashMap<u64, std::sync::Weak<JobInner>>>,
    /// The wish for faults, if signals are on.
    _faults: Option<signals::Active>,
}

impl Engine {
    /// An engine with these settings. Fails if the machine or the process cannot give what they ask for.
    pub fn new(config: Config) -> Result<Engine> {
        let features = config.features;
        if !Features::ALL.contains(features) {
            return Err(Error::misuse(format!("features: unknown bits {:#x}", features.0 & !Features::ALL.0)));
        }
        // Before this engine has threads of its own: `runtime/turn.rs` wants it, and it takes long later.
        threads::may_fence_all_threads(threads::Asking::IfQuick);
        let place = place(&config.target)?;
        let config = if let Place::Elsewhere(processor) = place { for_elsewhere(config, processor)? } else { config };
        let bounds = bounds(&config, place)?;
        let compilers = Compilers::new(&config, bounds)?;
        let space = CodeSpace::new(config.code_reservation)?;
        let faults = if config.signals && place == Place::Here {
            Some(signals::install(crate::runtime::fault::on_fault)?)
        } else {
            None
        };
        let compile_threads = match config.compile_threads {
            0 => threads::usable_cores(),
            count => count,
        };
        let retain = match place {
            Place::Elsewhere(_) => Retain::Elsewhere,
            Place::Here if config.artifacts || config.cache.is_some() => Retain::Unlinked,
            Place::Here => Retain::Nothing,
        };
        let pipeline =
            Pipeline::new(compilers, config.lazy_batch, pool_config(&config, compile_threads)).retaining(retain);
        let keeper = Keeper::new(config.artifact_key.as_ref(), config.key_file.as_ref(), config.cache.as_ref());
        Ok(Engine(Arc::new(EngineInner {
            cache: config.cache.as_ref().map(Cache::new),
            keeper,
            config,
            bounds,
            compile_threads,
            pipeline,
            types: Types::default(),
            identity: OnceLock::new(),
            space,
            timer: Timer::default(),
            compile_stacks: ForkMutex::default(),
            modules: ForkMutex::default(),
            jobs: ForkMutex::default(),
            _faults: faults,
        })))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The machine that code is made for, as a triple.
    pub fn target(&self) -> String {
        self.0.pipeline.compilers().top().target()
    }

    /// Whether code is made for another machine: then nothing runs.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.0.pipeline.compilers().top().place() != Place::Here
    }

    /// Refuses what runs code, where that is made for another machine.
    pub(crate) fn must_run_here(&self) -> Result<()> {
        if !self.is_elsewhere() {
            return Ok(());
        }
        let here = tier::target::here()?;
        Err(Error::misuse(format!("engine: it makes code for {}, and this is {here}", self.target())))
    }

    /// The names of the processor features that code may use, separated by commas.
    pub fn cpu_features(&self) -> String {
        self.0.pipeline.compilers().top().cpu_features()
    }

    /// Whether 32-bit memories are kept in bounds by unmapped pages.
    pub fn memories_are_guarded(&self) -> bool {
        self.0.bounds == Bounds::Guarded
    }

    /// Whether two handles are one engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Threads that may compile at once.
    pub fn compile_threads(&self) -> usize {
        self.0.compile_threads
    }

    /// Runs up to `max` units of background compilation on this thread, until the deadline or until nothing is
    /// queued. Baseline work comes first. Says how many it ran.
    pub fn run_jobs(&self, max: usize, deadline: Option<Instant>) -> Result<usize> {
        on_compile_stack(self, || Ok(self.0.pipeline.run_jobs(max, deadline)))
    }

    /// Whether no compilation is queued or under way in the background.
    pub fn is_idle(&self) -> bool {
        self.0.pipeline.is_idle()
    }

    /// Numbers of background compilation.
    pub fn compile_stats(&self) -> Stats {
        self.0.pipeline.stats()
    }

    /// What happens to the engine's modules.
    pub fn events(&self) -> &EventHub {
        self.0.pipeline.events()
    }

    /// Ends background compilation for good, and waits for its threads. False: some were still busy when the time
    /// was over, or the caller is one of them. Functions that have no code are still compiled at their first call.
    pub fn shutdown(&self, timeout: Option<Duration>) -> bool {
        self.0.pipeline.shutdown(timeout)
    }

    /// Drops the machine code of all modules that allow it ([`CompiledModule::clear`]); how many did.
    pub fn clear(&self) -> usize {
        self.live_modules().iter().filter(|module| module.clear().is_ok()).count()
    }

    fn live_modules(&self) -> Vec<CompiledModule> {
        let known = self.0.modules.lock();
        known.values().filter_map(WeakModule::upgrade).collect()
    }

    fn live_jobs(&self) -> Vec<Job> {
        let known = self.0.jobs.lock();
        known.values().filter_map(Job::upgrade).collect()
    }

    fn remember_module(&self, module: &CompiledModule) {
        self.0.modules.lock().insert(module.id(), module.downgrade());
    }

    fn forget_module(&self, id: u64) {
        self.0.modules.lock().remove(&id);
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.0.pipeline
    }

    pub(crate) fn code_space(&self) -> &Arc<CodeSpace> {
        &self.0.space
    }

    fn downgrade(&self) -> std::sync::Weak<EngineInner> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn register_type(&self, ty: &FuncType) -> TypeEntry {
        self.0.types.register(ty)
    }

    pub(crate) fn entry_trampoline(&self, ty: &TypeEntry) -> Result<usize> {
        debug_assert!(!self.is_elsewhere());
        match ty.data().entry() {
            Some(entry) => Ok(entry),
            None => on_compile_stack(self, || trampoline::entry(ty, self.0.pipeline.compilers().top(), &self.0.space)),
        }
    }

    /// The trampoline of host functions of this type and kind, if one was ever needed.
    pub(crate) fn known_host_trampoline(&self, ty: &TypeEntry, kind: HostKind) -> Option<usize> {
        ty.data().host(kind)
    }

    pub(crate) fn host_trampoline(&self, ty: &TypeEntry, kind: HostKind) -> Result<usize> {
        debug_assert!(!self.is_elsewhere());
        match ty.data().host(kind) {
            Some(entry) => Ok(entry),
            None => {
                on_compile_stack(self, || trampoline::host(ty, kind, self.0.pipeline.compilers().top(), &self.0.space))
            }
        }
    }

    pub(crate) fn timer(&self) -> &Timer {
        &self.0.timer
    }

    /// A stack to compile on, for callers whose own may be nearly used up.
    pub(crate) fn take_compile_stack(&self) -> Result<Mapping> {
        let kept = self.0.compile_stacks.lock().pop();
        kept.map_or_else(crate::runtime::lazy::new_compile_stack, Ok)
    }

    pub(crate) fn give_back_compile_stack(&self, stack: Mapping) {
        let mut kept = self.0.compile_stacks.lock();
        if kept.len() < self.compile_threads() {
            kept.push(stack);
        }
    }
}

/// The settings of an engine that makes code for another machine: all of it, by the one compiler that can.
fn for_elsewhere(config: Config, processor: Processor) -> Result<Config> {
    if config.tiers == Tiers::Baseline {
        return Err(Error::misuse("tiers: code for another machine is made by the optimising tier"));
    }
    let memory_mode = match (processor, config.memory_mode) {
        (Processor::X86_64, mode) => mode,
        (_, MemoryMode::Guarded) => return Err(Error::misuse("memory mode: guarded memories need an x86-64")),
        _ => MemoryMode::Explicit,
    };
    let tiering = Tiering { policy: TieringPolicy::Off, ..config.tiering };
    Ok(Config { tiers: Tiers::Top, strategy: Strategy::Eager, memory_mode, tiering, ..config })
}

/// Decides how 32-bit memories are kept in bounds, by a probe of what the process may reserve.
fn bounds(config: &Config, place: Place) -> Result<Bounds> {
    let probe = || match place {
        Place::Here => Mapping::reserve((MEMORY_RESERVATION + MEMORY_GUARD) as usize).map(drop),
        // The machine that runs the code finds out.
        Place::Elsewhere(_) => Ok(()),
    };
    match (config.signals, config.memory_mode) {
        (false, MemoryMode::Guarded) => Err(Error::misuse("memory mode: guarded memories need signals")),
        (false, _) | (true, MemoryMode::Explicit) => Ok(Bounds::Explicit),
        (true, MemoryMode::Guarded) => probe().map(|_| Bounds::Guarded),
        (true, MemoryMode::Auto) => Ok(probe().map_or(Bounds::Explicit, |_| Bounds::Guarded)),
    }
}

/// The threads of an engine's background compilation.
fn pool_config(config: &Config, compile_threads: usize) -> PoolConfig {
    let (workers, executor) = match &config.workers {
        Workers::Auto if config.compile_threads == 1 => (0, None),
        Workers::Auto => ((compile_threads - 1).max(1), None),
        Workers::Threads(count) => (*count, None),
        Workers::Executor(count, executor) => (*count, Some(executor.clone())),
    };
    PoolConfig { workers, seed: config.schedule_seed, executor, ..PoolConfig::default() }
}
