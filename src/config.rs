//! What the embedder chooses when the engine is made.

use std::path::PathBuf;
use std::sync::Arc;

use crate::compile::pool::Executor;
use crate::module::Features;
use crate::runtime::memory::MemoryCreator;
use crate::types::Tier;
use crate::warm::cache::CacheConfig;

/// When functions are compiled. What is compiled first is the lowest tier that [`Tiers`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Each function at its first call.
    Lazy,
    /// All functions before the module exists.
    Eager,
    /// All functions in the background, from the creation of the module on; what is called before its turn
    /// comes is compiled at once.
    EagerBackground,
    /// In the baseline tier at the first call, in the top tier in the background, from the creation of the
    /// module on. With one tier only: as `Lazy`, or as `EagerBackground` if that is the top tier.
    LazyBaselineEagerTop,
}

/// Which compilers are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiers {
    /// The optimising one only.
    Top,
    /// The fast one only.
    Baseline,
    /// The fast one first, the optimising one for what is worth it.
    Both,
}

impl Tiers {
    /// Whether the tier is among them.
    pub fn contains(self, tier: Tier) -> bool {
        matches!((self, tier), (Tiers::Both, _) | (Tiers::Top, Tier::Top) | (Tiers::Baseline, Tier::Baseline))
    }

    /// The tier of the first code of a function.
    pub fn lowest(self) -> Tier {
        if self == Tiers::Top { Tier::Top } else { Tier::Baseline }
    }

    /// The tier of the best code of a function.
    pub fn highest(self) -> Tier {
        if self == Tiers::Baseline { Tier::Baseline } else { Tier::Top }
    }
}

/// Who compiles in the background.
#[derive(Clone, Default)]
pub enum Workers {
    /// One thread fewer than may compile at once, at least one, for each tier; those of the top tier with a lower
    /// priority. None if a single thread is to compile ([`Config::compile_threads`]).
    #[default]
    Auto,
    /// So many threads per tier. With 0 the host drives compilation itself: `Engine::run_jobs`.
    Threads(usize),
    /// So many tasks per tier at once, on the host's own threads.
    Executor(usize, Executor),
}

/// When functions move to the top tier by themselves: after how much work in the baseline tier. Of no effect unless
/// both tiers are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieringPolicy {
    /// Never: nothing is counted, and the code has no counters.
    Off,
    /// When the work that was done tells that compiling pays.
    Default,
    /// Ten times as early.
    Aggressive,
    /// After this many bytes of WebAssembly, those of each iteration of a loop counted, whatever the function (a test
    /// mode, or a host that knows better). At least 1.
    Custom(u32),
}

/// Who compiles a function that has become hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierUp {
    /// Whoever compiles in the background.
    Background,
    /// The thread that runs it, which waits (a test mode: the same every time).
    Synchronous,
}

/// Whether a loop that is running may be continued by code of the top tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Osr {
    /// It stays in the baseline tier until its function is called again.
    Off,
    /// It may.
    On,
    /// It is, whenever its header was reached this many times (at least 1) in whatever calls, by code that is compiled
    /// then, on the thread that runs the loop (a test mode). Functions stay in the baseline tier, but for those with tail
    /// calls.
    At(u32),
}

/// How functions and loops move to the top tier at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiering {
    /// After how much work.
    pub policy: TieringPolicy,
    /// Compiled by whom.
    pub tier_up: TierUp,
    /// Whether running loops do.
    pub osr: Osr,
    /// Draws every budget at random, from 1 to what the policy says (a test mode).
    pub seed: Option<u64>,
}

impl Default for Tiering {
    fn default() -> Tiering {
        Tiering { policy: TieringPolicy::Default, tier_up: TierUp::Background, osr: Osr::On, seed: None }
    }
}

/// When the bodies of functions are validated. Sections always are before the module exists, and no body is compiled
/// that is not known to be valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Before the module exists.
    #[default]
    Upfront,
    /// Each before it is compiled for the first time.
    Deferred,
    /// As `Deferred`, and all in the background, from the creation of the module on.
    Background,
}

/// Bounds of what a lazy call compiles besides the function that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LazyBatch {
    /// Functions.
    pub functions: usize,
    /// Bytes of their bodies.
    pub bytes: usize,
}

/// Which compiler is the baseline tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineChoice {
    /// The engine's own where there is one for the processor.
    Auto,
    /// The engine's own; the engine is refused where there is none.
    Native,
    /// The optimising compiler with optimisation switched off.
    Portable,
}

/// How accesses to 32-bit memories are kept in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMode {
    /// By unmapped pages if a probe at engine creation finds that the process may reserve them, by
    /// explicit checks otherwise.
    Auto,
    /// By unmapped pages; the engine is refused if they cannot be had.
    Guarded,
    /// By explicit checks.
    Explicit,
}

/// The machine that code is made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its triple. None: this machine. With another one, which needs the cargo feature `all-arch`, modules are compiled,
    /// and can be serialised for that machine, but not run.
    pub triple: Option<Box<str>>,
    /// Features of the processor that code may use, besides those that every processor has that the engine runs on: names
    /// as `avx2`, and of groups as `x86-64-v3`, separated by commas; `native` is all that this one has. None: `native` for
    /// this machine, nothing else for another one.
    pub features: Option<Box<str>>,
}

impl Target {
    /// This machine, and others with these features of the processor.
    pub fn with_features(names: &str) -> Target {
        Target { triple: None, features: Some(names.into()) }
    }
}

/// Settings of an engine. The defaults suit a host that trusts its machine but not its guests.
#[derive(Clone)]
pub struct Config {
    /// Features that modules may use.
    pub features: Features,
    /// When functions are compiled, unless a module asks for something else.
    pub strategy: Strategy,
    /// When bodies are validated, unless a module asks for something else.
    pub validation: Validation,
    /// Whether a lazy call has what it may call next compiled as well, in parallel, and how much of it.
    pub lazy_batch: Option<LazyBatch>,
    /// Which compilers are used.
    pub tiers: Tiers,
    /// Which compiler is the baseline tier.
    pub baseline: BaselineChoice,
    /// When functions leave it.
    pub tiering: Tiering,
    /// How 32-bit memories are kept in bounds. `Explicit` whenever `signals` is false.
    pub memory_mode: MemoryMode,
    /// Whether traps may use SIGSEGV, SIGBUS, SIGFPE and SIGILL. If not, no handler is installed and
    /// every check is explicit.
    pub signals: bool,
    /// Whether running code can be interrupted (a poll per loop iteration).
    pub interrupts: bool,
    /// Whether code takes fuel from its store, and traps where none is left.
    pub fuel: bool,
    /// Whether NaN results have one bit pattern.
    pub canonicalize_nans: bool,
    /// The machine that code is made for.
    pub target: Target,
    /// Whether explicitly checked memories move at each grow (a test mode).
    pub memory_moves: bool,
    /// Bytes of stack that one outermost call may use.
    pub max_stack: usize,
    /// Threads that validate and compile a module while its maker waits, the calling one and workers; 0 = as many
    /// as the process may use when the engine is made. With 1, nothing but calling threads compiles.
    pub compile_threads: usize,
    /// Threads that compile in the background.
    pub workers: Workers,
    /// Shuffles the order of units and publications (a test mode).
    pub schedule_seed: Option<u64>,
    /// Bytes of address space for machine code and slots.
    pub code_reservation: usize,
    /// Frames that a backtrace keeps, 0 = no backtraces.
    pub backtrace_frames: usize,
    /// Initial data are mapped copy-on-write where that is possible.
    pub memory_images: bool,
    /// Where linear memories come from, instead of the engine.
    pub memory_creator: Option<Arc<dyn MemoryCreator>>,
    /// Where machine code is kept beyond the process, if it is.
    pub cache: Option<CacheConfig>,
    /// Whether modules can be serialised with their code of the top tier, which takes some bytes for each call in it.
    pub artifacts: bool,
    /// What artifacts are authenticated with; whoever knows it can have the engine run any machine code. None: a key
    /// file, or else a random one, so that artifacts are of use in this process only.
    pub artifact_key: Option<Arc<[u8]>>,
    /// Whether every module that is made from bytes is serialised with code of most of its functions, and made again from
    /// that (a test mode).
    pub artifact_round_trip: bool,
    /// A file of the user's with such a key, made if there is none. None: the one in the directory of the cache.
    pub key_file: Option<PathBuf>,
    /// A function whose compilation fails, counted among the defined ones (fault injection, a test mode).
    pub fail_function: Option<u32>,
    /// In which tiers it fails.
    pub fail_tiers: Tiers,
}

impl Config {
    /// Whether functions move to the top tier by themselves.
    pub fn tiers_up(&self) -> bool {
        self.tiers == Tiers::Both && self.tiering.policy != TieringPolicy::Off
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            features: Features::ALL,
            strategy: Strategy::Eager,
            validation: Validation::Upfront,
            lazy_batch: None,
            tiers: Tiers::Both,
            baseline: BaselineChoice::Auto,
            tiering: Tiering::default(),
            memory_mode: MemoryMode::Auto,
            signals: true,
            interrupts: true,
            fuel: false,
            canonicalize_nans: false,
            target: Target::default(),
            memory_moves: false,
            max_stack: 1 << 20,
            compile_threads: 0,
            workers: Workers::Auto,
            schedule_seed: None,
            code_reservation: 1 << 30,
            backtrace_frames: 64,
            memory_images: true,
            memory_creator: None,
            cache: None,
            artifacts: true,
            artifact_key: None,
            artifact_round_trip: false,
            key_file: None,
            fail_function: None,
            fail_tiers: Tiers::Both,
        }
    }
}
