//! The one place that wires the stages together: engines and compiled modules.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::abi::vmctx::{CodeSlot, VmLayout};
use crate::code::arena::CodeSpace;
use crate::code::publish::{Lazy, ModuleCode};
use crate::compile::trampoline::{self, TypeEntry, Types};
use crate::compile::{self, LazyUnits, ModuleId};
use crate::config::{Config, MemoryMode, Strategy};
use crate::error::{Error, Result};
use crate::limits::{MEMORY_GUARD, MEMORY_RESERVATION};
use crate::module::{ExportItem, Features, Module, decode};
use crate::runtime::image::{Images, MemoryImage};
use crate::runtime::lazy::on_compile_stack;
use crate::runtime::timer::Timer;
use crate::sync::ForkMutex;
use crate::sys::mmap::Mapping;
use crate::sys::{signals, threads};
use crate::tier::Compilers;
use crate::tier::top::Bounds;
use crate::types::{DefinedFunc, FuncType, MemoryIndex};

/// Configuration, compiler, code space and types, shared by modules and stores. Any thread.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
    bounds: Bounds,
    /// Asked once: the answer takes tens of microseconds of reading what the system says of its groups.
    compile_threads: usize,
    compilers: Compilers,
    modules: AtomicU64,
    types: Types,
    space: Arc<CodeSpace>,
    timer: Timer,
    compile_stacks: ForkMutex<Vec<Mapping>>,
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
        let bounds = bounds(&config)?;
        let compilers = Compilers::new(&config, bounds)?;
        let space = CodeSpace::new(config.code_reservation)?;
        let faults = if config.signals { Some(signals::install(crate::runtime::fault::on_fault)?) } else { None };
        let compile_threads = match config.compile_threads {
            0 => threads::usable_cores(),
            count => count,
        };
        Ok(Engine(Arc::new(EngineInner {
            config,
            bounds,
            compile_threads,
            compilers,
            modules: AtomicU64::new(1),
            types: Types::default(),
            space,
            timer: Timer::default(),
            compile_stacks: ForkMutex::default(),
            _faults: faults,
        })))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
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

    pub(crate) fn register_type(&self, ty: &FuncType) -> TypeEntry {
        self.0.types.register(ty)
    }

    pub(crate) fn entry_trampoline(&self, ty: &TypeEntry) -> Result<usize> {
        match ty.data().entry() {
            Some(entry) => Ok(entry),
            None => on_compile_stack(self, || trampoline::entry(ty, self.0.compilers.top(), &self.0.space)),
        }
    }

    pub(crate) fn host_trampoline(&self, ty: &TypeEntry) -> Result<usize> {
        match ty.data().host() {
            Some(entry) => Ok(entry),
            None => on_compile_stack(self, || trampoline::host(ty, self.0.compilers.top(), &self.0.space)),
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

/// Decides how 32-bit memories are kept in bounds, by a probe of what the process may reserve.
fn bounds(config: &Config) -> Result<Bounds> {
    let probe = || Mapping::reserve((MEMORY_RESERVATION + MEMORY_GUARD) as usize);
    match (config.signals, config.memory_mode) {
        (false, MemoryMode::Guarded) => Err(Error::misuse("memory mode: guarded memories need signals")),
        (false, _) | (true, MemoryMode::Explicit) => Ok(Bounds::Explicit),
        (true, MemoryMode::Guarded) => probe().map(|_| Bounds::Guarded),
        (true, MemoryMode::Auto) => Ok(probe().map_or(Bounds::Explicit, |_| Bounds::Guarded)),
    }
}

/// A module with its machine code. Any thread; reference-counted.
#[derive(Clone)]
pub struct CompiledModule(Arc<CompiledModuleInner>);

struct CompiledModuleInner {
    id: ModuleId,
    /// Before `engine`: code goes before its space.
    code: ModuleCode,
    module: Arc<Module>,
    layout: VmLayout,
    lazy: Option<LazyUnits>,
    types: Vec<TypeEntry>,
    type_ids: Box<[u32]>,
    /// Engine-wide number and position of each type, by number.
    types_by_id: Box<[(u32, u32)]>,
    exports: HashMap<Box<str>, ExportItem>,
    caller_memory: Option<MemoryIndex>,
    images: OnceLock<Images>,
    engine: Engine,
}

impl CompiledModule {
    /// Decodes, validates and (eager) compiles. Text is accepted when the `wat` feature is compiled in.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<CompiledModule> {
        on_compile_stack(engine, || CompiledModule::load(engine, bytes))
    }

    fn load(engine: &Engine, bytes: &[u8]) -> Result<CompiledModule> {
        let module = Arc::new(decode::load(bytes, engine.config().features, engine.compile_threads())?);
        let layout = VmLayout::new(&module);
        let types: Vec<TypeEntry> = module.types().iter().map(|ty| engine.register_type(ty)).collect();
        let (code, lazy) = match engine.config().strategy {
            Strategy::Eager => {
                let units = compile::compile_all(
                    &engine.0.compilers,
                    engine.config().tiers.lowest(),
                    &module,
                    &layout,
                    engine.compile_threads(),
                )?;
                let code = ModuleCode::new(&engine.0.space, module.clone(), Lazy::NoStubs)?;
                code.publish(units)?;
                (code, None)
            }
            Strategy::Lazy | Strategy::EagerBackground | Strategy::LazyBaselineEagerTop => {
                (ModuleCode::new(&engine.0.space, module.clone(), Lazy::Stubs)?, Some(LazyUnits::new(&module)))
            }
        };
        let type_ids: Box<[u32]> = types.iter().map(TypeEntry::id).collect();
        let mut types_by_id: Box<[(u32, u32)]> = type_ids.iter().copied().zip(0..).collect();
        types_by_id.sort_unstable();
        // Relaxed: hands out numbers.
        let id = ModuleId(engine.0.modules.fetch_add(1, Ordering::Relaxed));
        Ok(CompiledModule(Arc::new(CompiledModuleInner {
            id,
            code,
            layout,
            lazy,
            type_ids,
            types_by_id,
            types,
            exports: module.exports().iter().map(|export| (export.name.clone(), export.item)).collect(),
            caller_memory: caller_memory(&module),
            images: OnceLock::new(),
            module,
            engine: engine.clone(),
        })))
    }

    /// Decodes and validates only.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        on_compile_stack(engine, || decode::load(bytes, engine.config().features, engine.compile_threads()).map(drop))
    }

    /// The decoded module.
    pub fn module(&self) -> &Arc<Module> {
        &self.0.module
    }

    /// The number of the module in its engine.
    pub fn id(&self) -> ModuleId {
        self.0.id
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// How many functions have machine code.
    pub fn compiled_count(&self) -> usize {
        self.0.code.published_count()
    }

    /// Bytes of machine code.
    pub fn code_size(&self) -> usize {
        self.0.code.code_size()
    }

    /// The export of this name.
    pub fn find_export(&self, name: &str) -> Option<ExportItem> {
        self.0.exports.get(name).copied()
    }

    /// The memory that host functions called by an instance mean by "the caller's".
    pub(crate) fn caller_memory(&self) -> Option<MemoryIndex> {
        self.0.caller_memory
    }

    pub(crate) fn layout(&self) -> &VmLayout {
        &self.0.layout
    }

    pub(crate) fn type_ids(&self) -> &[u32] {
        &self.0.type_ids
    }

    /// The type of the module with this engine-wide number.
    pub(crate) fn type_by_id(&self, id: u32) -> TypeEntry {
        let by_id = &self.0.types_by_id;
        let found = by_id.binary_search_by_key(&id, |(own, _)| *own).expect("a type of the module");
        self.0.types[by_id[found].1 as usize].clone()
    }

    pub(crate) fn slot(&self, func: DefinedFunc) -> *const CodeSlot {
        self.0.code.slot(func)
    }

    /// Initial contents of a memory that can be mapped, if they can.
    pub(crate) fn memory_image(&self, memory: MemoryIndex) -> Option<&MemoryImage> {
        let images = &self.0.images;
        if images.get().is_none() {
            // Made before the cell is claimed: a child of a fork must not meet it half-way. Of two threads
            // that get here at once, one's images are dropped.
            let _ = images.set(Images::new(self.engine(), &self.0.module));
        }
        images.get()?.of(memory)
    }

    /// Compiles and publishes a function of a lazy module, once; its entry.
    pub(crate) fn compile_now(&self, func: DefinedFunc) -> Result<usize> {
        let inner = &*self.0;
        if let Some(lazy) = &inner.lazy {
            lazy.compile(
                &inner.engine.0.compilers,
                inner.engine.config().tiers.lowest(),
                &inner.module,
                &inner.layout,
                &inner.code,
                func,
            )?;
        }
        Ok(inner.code.entry(func))
    }
}

/// The export "memory", else the only memory.
fn caller_memory(module: &Module) -> Option<MemoryIndex> {
    let exported = module.exports().iter().find_map(|export| match export.item {
        ExportItem::Memory(index) if &*export.name == "memory" => Some(index),
        _ => None,
    });
    exported.or_else(|| (module.memories().len() == 1).then_some(MemoryIndex(0)))
}
