//! Modules with their machine code, and what a host can ask of their compilation.
//!
//! Not here: jobs that make modules in the background (`job`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::cache::Writer;
use super::stream::{Loader, Wanted};
use super::{Engine, artifact};
use crate::abi::vmctx::{CodeSlot, VmLayout};
use crate::code::publish::ModuleCode;
use crate::compile::advice;
use crate::compile::compilation::{Cancel, Compilation, Progress};
use crate::compile::events::{Event, EventKind};
use crate::compile::pipeline::Begun;
use crate::compile::plan::Plan;
use crate::compile::pool::Waited;
use crate::compile::profile::{ProfileData, format};
use crate::compile::state::{Denied, Word};
use crate::compile::trampoline::TypeEntry;
use crate::config::{Strategy, Validation};
use crate::error::{Error, Result};
use crate::module::hints::HostHints;
use crate::module::{ExportItem, Module, SharedBytes};
use crate::runtime::image::Images;
use crate::runtime::lazy::on_compile_stack;
use crate::runtime::tiering::Budgets;
use crate::sync::get_or_make;
use crate::tier::Tier;
use crate::types::{DefinedFunc, FuncIndex, MemoryIndex};
use crate::warm::artifact::{Part, Rejected, hash};

/// How a module is compiled, where that is not as its engine is configured.
#[derive(Clone, Debug, Default)]
pub struct ModuleOptions {
    /// When its functions are compiled.
    pub strategy: Option<Strategy>,
    /// Functions with a strategy of their own.
    pub overrides: Vec<(FuncIndex, Strategy)>,
    /// When its bodies are validated.
    pub validation: Option<Validation>,
    /// Hints besides those of its sections.
    pub hints: HostHints,
    /// What another process has found out about it: as [`CompiledModule::export_profile`] gives it.
    pub profile: Option<Arc<[u8]>>,
}

/// A module with its machine code. Any thread; reference-counted.
#[derive(Clone)]
pub struct CompiledModule(Arc<CompiledModuleInner>);

pub(super) struct CompiledModuleInner {
    pub(super) code: Arc<ModuleCode>,
    pub(super) compilation: Arc<Compilation>,
    pub(super) module: Arc<Module>,
    types: Vec<TypeEntry>,
    type_ids: Box<[u32]>,
    /// Engine-wide number and position of each type, by number.
    types_by_id: Box<[(u32, u32)]>,
    exports: HashMap<Box<str>, ExportItem>,
    caller_memory: Option<MemoryIndex>,
    images: OnceLock<Images>,
    /// Whether an instance was made, or is being.
    has_had_instance: AtomicBool,
    /// What its functions count down, if they are to move to the top tier by themselves.
    pub(super) budgets: Option<Budgets>,
    /// What an artifact has of the module.
    pub(super) part: Option<Arc<Part>>,
    /// Why the code of the artifact that it was to be made from is not used.
    rejected: OnceLock<Rejected>,
    /// The hash of its bytes.
    hash: OnceLock<[u8; 32]>,
    /// What became of the profile that it was made with.
    given: Option<Outcome>,
    /// Sees to it that it is written to the cache, if there is one.
    writer: OnceLock<Arc<Writer>>,
    /// Instances that exist, or [`CLEARING`].
    instances: AtomicUsize,
    pub(super) engine: Engine,
}

/// In place of the number of instances: the code is being dropped.
const CLEARING: usize = usize::MAX;

impl Drop for CompiledModuleInner {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.get() {
            writer.end(self);
        }
        self.engine.forget_module(self.compilation.id());
        self.engine.pipeline().close(&self.compilation);
    }
}

impl CompiledModuleInner {
    pub(super) fn hash(&self) -> &[u8; 32] {
        get_or_make(&self.hash, || self.part.as_ref().map_or_else(|| hash(self.module.bytes()), |part| part.hash))
    }
}

impl CompiledModule {
    /// Decodes, validates and compiles, as the engine's strategy says. Text is accepted when the `wat` feature is
    /// compiled in.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<CompiledModule> {
        CompiledModule::with_options(engine, bytes, &ModuleOptions::default())
    }

    /// As [`CompiledModule::new`], with settings of the module's own.
    pub fn with_options(engine: &Engine, bytes: &[u8], options: &ModuleOptions) -> Result<CompiledModule> {
        CompiledModule::loaded(engine, options, |wanted| Loader::of_copy(engine, bytes, wanted))?.perhaps_again(options)
    }

    /// As [`CompiledModule::with_options`], from bytes that are kept, not copied, unless they are text.
    pub fn from_shared(engine: &Engine, bytes: &SharedBytes, options: &ModuleOptions) -> Result<CompiledModule> {
        CompiledModule::loaded(engine, options, |wanted| Loader::of_shared(engine, bytes, wanted))?
            .perhaps_again(options)
    }

    pub(super) fn loaded(
        engine: &Engine,
        options: &ModuleOptions,
        load: impl FnOnce(Wanted) -> Result<Loader>,
    ) -> Result<CompiledModule> {
        on_compile_stack(engine, || {
            let module = load(Wanted::module(engine, options))?.module()?;
            if module.0.compilation.plan().is_awaited() {
                module.finish(None)?;
            }
            Ok(module)
        })
    }

    /// A module that is whole, and whose compilation is to begin.
    pub(super) fn assemble(
        engine: &Engine,
        prepared: Begun,
        types: Vec<TypeEntry>,
        part: Option<Arc<Part>>,
        given: Option<Outcome>,
    ) -> Result<CompiledModule> {
        let Begun { code, compilation } = prepared;
        let module = compilation.module().clone();
        let functions = module.defined_func_count();
        let budgets = engine.config().tiers_up().then(|| Budgets::new(functions, module.code_bytes())).transpose()?;
        let type_ids: Box<[u32]> = types.iter().map(TypeEntry::id).collect();
        let mut types_by_id: Box<[(u32, u32)]> = type_ids.iter().copied().zip(0..).collect();
        types_by_id.sort_unstable();
        let module = CompiledModule(Arc::new(CompiledModuleInner {
            code,
            compilation,
            type_ids,
            types_by_id,
            types,
            exports: module.exports().iter().map(|export| (export.name.clone(), export.item)).collect(),
            caller_memory: caller_memory(&module),
            images: OnceLock::new(),
            has_had_instance: AtomicBool::new(false),
            budgets,
            part,
            rejected: OnceLock::new(),
            hash: OnceLock::new(),
            given,
            writer: OnceLock::new(),
            instances: AtomicUsize::new(0),
            module,
            engine: engine.clone(),
        }));
        engine.remember_module(&module);
        Ok(module)
    }

    /// Validates the bodies that are not known to be valid. Fails with what is wrong with the first one that was found
    /// not to be: then the module has failed.
    pub fn validate_rest(&self) -> Result<()> {
        on_compile_stack(self.engine(), || self.pipeline().validate_rest(&self.0.compilation))
    }

    /// Counts an instance, for as long as the result lives.
    pub(crate) fn instantiated(&self) -> Instantiated {
        let instances = &self.0.instances;
        // Acquire: pairs with the Release at the end of `clear`: the slots lead to stubs.
        let add = |count| match count {
            // The thread that drops the code is not in this process, and its code is whole: `ModuleCode::clear`
            // keeps forks out.
            CLEARING if self.0.compilation.is_inherited() => Some(1),
            CLEARING => None,
            count => Some(count + 1),
        };
        while instances.fetch_update(Ordering::Acquire, Ordering::Relaxed, add).is_err() {
            // A few stores and an unmapping away.
            crate::sync::yield_now();
        }
        Instantiated(self.clone())
    }

    /// Drops the machine code; each function is compiled again at its next call. Refused with `Busy` while an
    /// instance of the module exists, or code of it is being published.
    pub fn clear(&self) -> Result<()> {
        let inner = &*self.0;
        if inner.engine.is_elsewhere() {
            return Err(Error::Busy { what: "code for another machine is made once" });
        }
        let claimed = inner.instances.compare_exchange(0, CLEARING, Ordering::Acquire, Ordering::Relaxed);
        claimed.map_err(|_| Error::Busy { what: "the module has instances, whose code may be running" })?;
        let cleared = self.pipeline().restart(&inner.compilation, || {
            // SAFETY: machine code of the module runs on behalf of its instances only. There are none, and
            // `instantiated` makes new ones wait.
            unsafe { inner.code.clear() }
        });
        if let (Ok(()), Some(budgets)) = (&cleared, &inner.budgets) {
            budgets.reset();
        }
        // Release: pairs with the Acquire in `instantiated`.
        inner.instances.store(0, Ordering::Release);
        cleared
    }

    /// The hash of its bytes, where that is known already.
    pub(super) fn note_hash(&self, known: [u8; 32]) {
        get_or_make(&self.0.hash, || known);
    }

    pub(super) fn inner(&self) -> &CompiledModuleInner {
        &self.0
    }

    pub(super) fn writer(&self) -> Option<&Arc<Writer>> {
        self.0.writer.get()
    }

    pub(super) fn set_writer(&self, writer: Arc<Writer>) {
        // At most once: when the module is made.
        let _ = self.0.writer.set(writer);
    }

    pub(super) fn downgrade(&self) -> WeakModule {
        WeakModule(Arc::downgrade(&self.0))
    }

    /// Waits until the module is ready, compiling meanwhile; fails as its creation does. On a compile stack.
    pub(super) fn finish(&self, deadline: Option<Instant>) -> Result<Waited> {
        let compilation = &self.0.compilation;
        self.0.engine.pipeline().finish(compilation, deadline).inspect_err(|error| {
            let kind = if let Error::Cancelled = error { EventKind::Cancelled } else { EventKind::Failed };
            compilation.events().post(Event { status: error.status(), ..Event::new(kind) });
        })
    }

    /// Decodes and validates only.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        on_compile_stack(engine, || Loader::of_copy(engine, bytes, Wanted::Verdict)?.verdict())
    }

    /// The decoded module.
    pub fn module(&self) -> &Arc<Module> {
        &self.0.module
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The number of the module in its engine: from 1, never used again.
    pub fn id(&self) -> u64 {
        self.0.compilation.id()
    }

    /// Where its compilation stands.
    pub fn compilation(&self) -> &Arc<Compilation> {
        &self.0.compilation
    }

    /// How many functions have machine code.
    pub fn compiled_count(&self) -> usize {
        self.0.code.published_count()
    }

    /// Bytes of machine code.
    pub fn code_size(&self) -> usize {
        self.0.code.code_size()
    }

    /// Numbers of its compilation.
    pub fn progress(&self) -> Progress {
        self.0.compilation.progress()
    }

    /// The state of a function.
    pub fn function_state(&self, func: FuncIndex) -> Result<Word> {
        Ok(self.0.compilation.look(self.defined(func)?))
    }

    /// Bytes that the module takes, apart from its instances.
    pub fn memory_use(&self) -> usize {
        self.0.compilation.memory_use() + self.0.budgets.as_ref().map_or(0, Budgets::memory_use)
    }

    fn defined(&self, func: FuncIndex) -> Result<DefinedFunc> {
        defined(&self.0.module, func)
    }

    /// Asks for a tier of a function; the highest priority comes first. True: it has it, or will.
    pub fn request_tier(&self, func: FuncIndex, tier: Tier, priority: u8) -> Result<bool> {
        let func = self.defined(func)?;
        on_compile_stack(self.engine(), || Ok(self.pipeline().request(&self.0.compilation, func, tier, priority)))
    }

    /// Waits until a function has a tier, compiling meanwhile. Fails if it will not have it.
    pub fn wait_tier(&self, func: FuncIndex, tier: Tier, deadline: Option<Instant>) -> Result<Waited> {
        let func = self.defined(func)?;
        on_compile_stack(self.engine(), || self.pipeline().wait_tier(&self.0.compilation, func, tier, deadline))
    }

    /// Waits until all that the strategy requires at first is published, compiling meanwhile.
    pub fn wait_ready(&self, deadline: Option<Instant>) -> Result<Waited> {
        on_compile_stack(self.engine(), || Ok(self.pipeline().wait_ready(&self.0.compilation, deadline)))
    }

    /// Waits until nothing is outstanding, compiling meanwhile.
    pub fn wait_finished(&self, deadline: Option<Instant>) -> Result<Waited> {
        on_compile_stack(self.engine(), || Ok(self.pipeline().wait_finished(&self.0.compilation, deadline)))
    }

    /// Asks for the top tier of all functions; how many units were queued.
    pub fn tier_up_all(&self) -> Result<usize> {
        on_compile_stack(self.engine(), || Ok(self.pipeline().tier_up_all(&self.0.compilation)))
    }

    /// Allows another compilation by the top tier, of one function or (`None`) of all.
    pub fn allow_again(&self, func: Option<FuncIndex>) -> Result<()> {
        match func {
            Some(func) => self.0.compilation.allow_again(self.defined(func)?),
            None => self.pipeline().allow_again_all(&self.0.compilation),
        }
        Ok(())
    }

    /// Keeps a function from the top tier, or lets it go there again.
    pub fn deny_top(&self, func: FuncIndex, denied: Denied) -> Result<()> {
        self.0.compilation.deny(self.defined(func)?, denied)
    }

    /// Stops its background work. False: there was nothing to stop.
    pub fn cancel(&self, which: Cancel) -> bool {
        self.pipeline().cancel(&self.0.compilation, which)
    }

    fn pipeline(&self) -> &crate::compile::pipeline::Pipeline {
        self.0.engine.pipeline()
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
        self.0.compilation.layout()
    }

    /// What its functions count down, if they do.
    pub(crate) fn budgets(&self) -> Option<&Budgets> {
        self.0.budgets.as_ref()
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

    /// What an artifact has of the module, if it was made from one.
    pub(super) fn part(&self) -> Option<&Arc<Part>> {
        self.0.part.as_ref()
    }

    /// Why the code of the artifact that it was made from is not used.
    pub fn artifact_rejected(&self) -> Option<Rejected> {
        self.0.rejected.get().copied()
    }

    pub(super) fn note_rejected(&self, why: Rejected) {
        get_or_make(&self.0.rejected, || why);
    }

    /// The hash of its bytes, by which it is known in other processes.
    pub fn hash(&self) -> &[u8; 32] {
        self.0.hash()
    }

    /// Of how many functions the profile that it was made with knows something, or why that was not used; `None` if it was
    /// made without one.
    pub fn given_profile(&self) -> Option<Result<usize>> {
        self.0.given.as_ref().map(|given| match given {
            Ok(count) => Ok(*count),
            Err((offset, reason)) => Err(Error::Profile { offset: *offset, reason: reason.clone() }),
        })
    }

    pub(super) fn code(&self) -> &ModuleCode {
        &self.0.code
    }

    pub(crate) fn slot(&self, func: DefinedFunc) -> *const CodeSlot {
        self.0.code.slot(func)
    }

    /// Initial contents of its memories, for one more instance. The first one runs its segments, unless an artifact has
    /// what they write: there may be no other, and an image takes longer.
    pub(crate) fn images(&self) -> &Images {
        let (engine, module) = (self.engine(), &self.0.module);
        if let Some(images) = self.0.images.get() {
            return images;
        }
        if let Some(kept) = self.part().and_then(|part| Images::kept(engine, module, artifact::images(part))) {
            return get_or_make(&self.0.images, || kept);
        }
        // Relaxed: whoever comes first; nothing is handed over.
        if !self.0.has_had_instance.swap(true, Ordering::Relaxed) {
            return Images::none();
        }
        get_or_make(&self.0.images, || Images::new(engine, module))
    }

    /// Compiles and publishes a function of a lazy module, once; its entry. On a compile stack.
    pub(crate) fn compile_now(&self, func: DefinedFunc) -> Result<usize> {
        self.pipeline().compile_now(&self.0.compilation, &self.0.code, func)?;
        Ok(self.0.code.entry(func))
    }
}

/// A module that its engine knows of, and does not keep.
pub(super) struct WeakModule(Weak<CompiledModuleInner>);

impl WeakModule {
    pub(super) fn upgrade(&self) -> Option<CompiledModule> {
        self.0.upgrade().map(CompiledModule)
    }
}

/// The module of an instance. While one exists, the module's code is not dropped.
pub(crate) struct Instantiated(CompiledModule);

impl std::ops::Deref for Instantiated {
    type Target = CompiledModule;
    fn deref(&self) -> &CompiledModule {
        &self.0
    }
}

impl Drop for Instantiated {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `clear`: nothing of this instance runs any more.
        self.0.0.instances.fetch_sub(1, Ordering::Release);
    }
}

fn defined(module: &Module, func: FuncIndex) -> Result<DefinedFunc> {
    let exists = func.index() < module.functions().len();
    let defined = module.defined_func(func).filter(|_| exists);
    defined.ok_or_else(|| Error::misuse(format!("func: the module defines no function {}", func.0)))
}

/// What became of the profile that a module was made with: of how many functions it knew something, or where and why it was
/// refused.
pub(super) type Outcome = Result<usize, (u64, Box<str>)>;

/// Reads the profile in the options of a module, all of which was read. `known` is the hash of the module.
pub(super) fn read_given(module: &Module, bytes: &[u8], known: &[u8; 32]) -> (Outcome, Option<Arc<ProfileData>>) {
    let known = format::read(module, Some(known), bytes);
    let outcome = match &known {
        Ok(known) => Ok(known.functions.len()),
        Err(Error::Profile { offset, reason }) => Err((*offset, reason.clone())),
        Err(other) => Err((0, other.to_string().into())),
    };
    (outcome, known.ok().map(Arc::new))
}

/// What is compiled when, for this module.
pub(super) fn plan(
    engine: &Engine,
    module: &Module,
    options: &ModuleOptions,
    known: Option<Arc<ProfileData>>,
) -> Result<Plan> {
    let config = engine.config();
    let overrides = options.overrides.iter().map(|(func, strategy)| Ok((defined(module, *func)?.0, *strategy)));
    let overrides: Vec<(u32, Strategy)> = overrides.collect::<Result<_>>()?;
    if engine.is_elsewhere() {
        return Ok(Plan::new(config.strategy, config.tiers, []));
    }
    let plan = Plan::new(options.strategy.unwrap_or(config.strategy), config.tiers, overrides);
    // A module that is not whole yet, and gets a plan, has neither hints nor a profile.
    if !module.is_whole() {
        return Ok(plan);
    }
    Ok(plan.with_advice(advice::of(module, known.as_deref())).with_profile(known))
}

/// The export "memory", else the only memory.
fn caller_memory(module: &Module) -> Option<MemoryIndex> {
    let exported = module.exports().iter().find_map(|export| match export.item {
        ExportItem::Memory(index) if &*export.name == "memory" => Some(index),
        _ => None,
    });
    exported.or_else(|| (module.memories().len() == 1).then_some(MemoryIndex(0)))
}
