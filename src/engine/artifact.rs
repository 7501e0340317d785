//! Modules as artifacts, and artifacts as modules.
//!
//! What is ours and fits is used as it is needed: a function's code is loaded at its first call, by the same steps that would
//! compile it. In the background, functions that had code of the top tier are loaded ahead, a batch at a time, and those
//! that had run without are compiled by the baseline tier; all others wait for their first call.
//!
//! Not here: the format and its authentication (`warm/artifact`), claims and publication (`compile`).

use std::path::Path;
use std::sync::{Arc, Weak};

use super::module::CompiledModuleInner;
use super::{CompiledModule, Engine, EngineInner, ModuleOptions, stream};
use crate::compile::compilation::Compilation;
use crate::compile::events::NO_WORKER;
use crate::compile::profile::{ProfileData, Reach, format};
use crate::compile::source::Source;
use crate::config::{Config, Strategy};
use crate::error::{Error, Result};
use crate::limits::LOADED_BATCH;
use crate::module::facts::Facts;
use crate::module::{SharedBytes, copied};
use crate::runtime::image::{self, Offered};
use crate::sync::get_or_make;
use crate::sys::random::process_secret;
use crate::tier::Tier;
use crate::tier::compiled::CompiledCode;
use crate::types::{DefinedFunc, FuncIndex};
use crate::warm::artifact::{self, Contents, Identity, Image, KeptImage, Key, Opened, Part, Progress, Rejected};

pub use crate::warm::artifact::{Store, Wasm};

/// What an artifact has of a module that is being made.
pub(super) struct Kept {
    pub facts: Facts,
    pub part: Arc<Part>,
}

/// A module made from an artifact, and what became of the artifact's code.
pub struct Restored {
    /// The module.
    pub module: CompiledModule,
    /// Why the artifact's code is not used; `None`: it is.
    pub rejected: Option<Rejected>,
}

/// What the artifact of a module was good for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes of code that it has.
    pub code_bytes: u64,
    /// Functions that were loaded.
    pub loaded: u64,
    /// Pieces that turned out not to be what was written.
    pub damaged: u64,
}

struct Loader(Arc<Part>);

impl Source for Loader {
    fn offers(&self, func: DefinedFunc) -> bool {
        self.0.offers(func)
    }

    fn load(&self, func: DefinedFunc) -> Option<CompiledCode> {
        self.0.load(func)
    }
}

/// Where a compilation finds code that it need not make.
pub(super) fn source(part: Arc<Part>) -> Arc<dyn Source> {
    Arc::new(Loader(part))
}

/// What memories have in them at first, as far as an artifact has it.
pub(super) fn images(part: &Arc<Part>) -> Vec<Offered> {
    let offer = |image: KeptImage| {
        let (memory, offset, len, part) = (image.memory, image.offset, image.len, part.clone());
        let fetch = move |unit: usize, place: &mut [u8]| part.fetch_unit(&image, unit, place);
        Offered { memory, offset, len, unit: KeptImage::UNIT, fetch: Box::new(fetch) }
    };
    part.images().into_iter().map(offer).collect()
}

impl Engine {
    /// What code of this engine depends on.
    pub fn identity(&self) -> Identity {
        // Asking the compiler takes longer than opening an artifact of a small module.
        get_or_make(&self.0.identity, || self.find_identity()).clone()
    }

    fn find_identity(&self) -> Identity {
        let top = self.pipeline().compilers().top();
        let number = u128::from_str_radix(env!("UPDRAFT_BUILD_ID"), 16).unwrap_or(0);
        Identity {
            build: number.to_be_bytes(),
            target: top.target().into(),
            cpu: top.cpu(),
            settings: settings(self.config(), self.memories_are_guarded()),
            features: self.config().features.0,
        }
    }

    /// The key of the engine's artifacts: one that other processes have, too, or a random one of this process.
    pub fn artifact_key(&self) -> Result<Key> {
        match self.shared_key() {
            Some(key) => Ok(key),
            None => Ok(Key::new(&process_secret()?)),
        }
    }
}

/// Settings that change code of the top tier.
fn settings(config: &Config, guarded: bool) -> u64 {
    let bits = [guarded, config.signals, config.interrupts, config.fuel, config.canonicalize_nans];
    let failing = config.fail_function.map_or(0, |func| u64::from(func) << 32 | 1 << 31);
    (0..).zip(bits).fold(failing, |all, (bit, set)| all | u64::from(set) << bit)
}

impl CompiledModule {
    /// The module as an artifact: its bytes, and what it has of code by now. Bodies that are not known to be valid are
    /// validated first.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        CompiledModule::serialize_together(&[self], Wasm::Kept)
    }

    /// As [`CompiledModule::serialize`], of several modules of one engine.
    pub fn serialize_together(modules: &[&CompiledModule], wasm: Wasm) -> Result<Vec<u8>> {
        let Some(first) = modules.first() else { return Err(Error::misuse("modules: there are none")) };
        if modules.len() > artifact::MAX_MODULES {
            let (asked, limit) = (modules.len() as u64, artifact::MAX_MODULES as u64);
            return Err(Error::Limit { what: "modules of an artifact", asked, limit });
        }
        if !modules.iter().all(|module| module.engine().same(first.engine())) {
            return Err(Error::misuse("modules: they are of several engines"));
        }
        for module in modules {
            module.validate_rest()?;
            let wire = module.module().wire();
            if wasm == Wasm::Kept && !wire.has(0..wire.len()) {
                return Err(Error::Artifact { reason: "the module's own one was changed under it".into() });
            }
        }
        // Nobody drops the code while it is copied.
        let _guards: Vec<_> = modules.iter().map(|module| module.instantiated()).collect();
        let contents = modules.iter().map(|module| module.inner().contents(wasm, None, &module.profile())).collect();
        Ok(artifact::write(&first.engine().identity(), &first.engine().artifact_key()?, contents))
    }

    /// Makes the module of an artifact with one module, from bytes of any origin, which are kept as long as something may
    /// be loaded.
    pub fn deserialize(engine: &Engine, bytes: SharedBytes, options: &ModuleOptions) -> Result<Restored> {
        CompiledModule::restore_one(engine, Store::memory(bytes), options)
    }

    /// As [`CompiledModule::deserialize`], from bytes that may go as soon as this returns.
    pub fn deserialize_copy(engine: &Engine, bytes: &[u8], options: &ModuleOptions) -> Result<Restored> {
        CompiledModule::deserialize(engine, copied(bytes)?, options)
    }

    /// As [`CompiledModule::deserialize`], from a file, which is read as it is needed, and stays open.
    pub fn deserialize_file(engine: &Engine, path: &Path, options: &ModuleOptions) -> Result<Restored> {
        CompiledModule::restore_one(engine, Store::file(path)?, options)
    }

    fn restore_one(engine: &Engine, store: Store, options: &ModuleOptions) -> Result<Restored> {
        let (_, mut all) = CompiledModule::restore(engine, store, options, 1)?;
        match all.pop() {
            Some(restored) => Ok(restored),
            None => Err(Error::Artifact { reason: "it has several modules".into() }),
        }
    }

    /// Makes the modules of an artifact, in the order in which they were given, unless they are more than `most`. Says how
    /// many it has.
    pub fn restore(
        engine: &Engine,
        store: Store,
        options: &ModuleOptions,
        most: usize,
    ) -> Result<(usize, Vec<Restored>)> {
        let identity = engine.identity();
        let mut opened = artifact::open(store, &identity, &engine.artifact_key()?)?;
        if let (Err(Rejected::Target), Some(target)) = (&opened.parts, &opened.target) {
            let reason = format!("it is for {target}, and this is {}", identity.target);
            return Err(Error::Artifact { reason: reason.into() });
        }
        let count = opened.modules();
        if count > most {
            return Ok((count, Vec::new()));
        }
        let parts: Vec<Result<Part, Rejected>> = match std::mem::replace(&mut opened.parts, Ok(Vec::new())) {
            Ok(parts) => parts.into_iter().map(Ok).collect(),
            Err(why) => (0..count).map(|_| Err(why)).collect(),
        };
        let restore = |(number, part): (usize, Result<Part, Rejected>)| match part
            .and_then(|part| with_part(engine, part, options).ok_or(Rejected::Damaged))
        {
            Ok(restored) => restored,
            Err(rejected) => without_part(engine, &opened, number, rejected, options),
        };
        let restored: Vec<Restored> = parts.into_iter().enumerate().map(restore).collect::<Result<_>>()?;
        Ok((count, restored))
    }

    /// The module, or what its artifact gives, if the engine is to try that.
    pub(super) fn perhaps_again(self, options: &ModuleOptions) -> Result<CompiledModule> {
        if self.engine().config().artifact_round_trip { self.round_trip(options) } else { Ok(self) }
    }

    /// The module, made again from itself: three of four functions have code of the top tier then, if there is one.
    fn round_trip(self, options: &ModuleOptions) -> Result<CompiledModule> {
        if self.engine().config().tiers.contains(Tier::Top) {
            let some: Vec<FuncIndex> = self.defined_functions().filter(|func| func % 4 != 3).map(FuncIndex).collect();
            // What the tier refuses stays where it is.
            let _ = self.wait_tiers(&some, Tier::Top, None);
        }
        let restored = CompiledModule::deserialize(self.engine(), Arc::new(self.serialize()?), options)?;
        match restored.rejected {
            None => Ok(restored.module),
            Some(why) => Err(Error::Bug { reason: format!("its own artifact was rejected: {why:?}").into() }),
        }
    }

    /// What was left of a function's budget where the module was kept.
    pub(crate) fn kept_budget(&self, func: DefinedFunc) -> Option<u32> {
        self.part()?.budget(func)
    }

    /// What the artifact that the module was made from was good for so far; `None`: it was not made from one.
    pub fn artifact_status(&self) -> Option<Status> {
        let part = self.part()?;
        let loaded = self.progress().loaded;
        Some(Status { code_bytes: part.code_bytes(), loaded, damaged: part.damaged() })
    }
}

impl CompiledModuleInner {
    /// What is kept of the module, with code that an artifact that is to be replaced has besides.
    pub(super) fn contents(&self, wasm: Wasm, replaced: Option<&Part>, profile: &ProfileData) -> Contents<'_> {
        let mut code = self.code.unlinked();
        let all = (0..self.module.defined_func_count() as u32).map(DefinedFunc);
        let mut has_code = vec![false; all.len()];
        code.iter().for_each(|(func, _)| has_code[func.index()] = true);
        for part in self.part.as_deref().into_iter().chain(replaced) {
            // What was not needed here so far.
            for func in all.clone().filter(|func| part.offers(*func)) {
                if !has_code[func.index()]
                    && let Some(loaded) = part.load(func)
                {
                    has_code[func.index()] = true;
                    code.push((func, loaded));
                }
            }
        }
        code.sort_unstable_by_key(|(func, _)| *func);
        let before = |func| {
            let parts = self.part.as_deref().into_iter().chain(replaced);
            parts.map(|part| part.progress(func)).find(|progress| *progress != Progress::Lazy)
        };
        let progress = all.clone().map(|func| self.progress_of(func, before(func))).collect();
        // What was counted here began with what was kept; and what is kept stays, if nothing was counted.
        let budget = |func| {
            let left = self.budgets.as_ref().and_then(|budgets| budgets.left(func));
            let parts = self.part.as_deref().into_iter().chain(replaced);
            left.or_else(|| parts.filter_map(|part| part.budget(func)).min()).unwrap_or(0)
        };
        let budgets = all.clone().map(budget).collect();
        let profile = format::write(self.hash(), Some(&self.module), profile);
        let images = if wasm == Wasm::Kept { image::contents(&self.module) } else { Vec::new() };
        let to_image = |(memory, offset, bytes)| Image { memory, offset: offset as u64, bytes };
        let images = images.into_iter().map(to_image).collect();
        Contents { module: &self.module, hash: Some(*self.hash()), wasm, progress, budgets, code, profile, images }
    }

    /// `before`: what became of it elsewhere, if anything.
    fn progress_of(&self, func: DefinedFunc, before: Option<Progress>) -> Progress {
        match () {
            _ if self.compilation.look(func).is_refused(Tier::Top) => Progress::Refused,
            _ if self.reach(func) != Reach::Nowhere || before.is_some() => Progress::Executed,
            _ => Progress::Lazy,
        }
    }
}

/// A module whose bytes are authenticated when they are needed, with the code that is kept of it. `None`: what must be
/// there to make it, is not what was written.
fn with_part(engine: &Engine, part: Part, options: &ModuleOptions) -> Option<Result<Restored>> {
    let part = Arc::new(part);
    let (facts, wasm) = (part.facts()?, part.wasm()?);
    // Nothing is compiled before it is needed, unless the host wants it so.
    let strategy = Some(options.strategy.unwrap_or(Strategy::Lazy));
    let options = ModuleOptions { strategy, ..options.clone() };
    let kept = Kept { facts, part };
    match CompiledModule::loaded(engine, &options, |wanted| stream::Loader::of_kept(engine, wasm, wanted, kept)) {
        Err(Error::Artifact { .. }) => None,
        made => Some(made.map(|module| Restored { module, rejected: None })),
    }
}

/// The module of an artifact whose code is not used.
fn without_part(
    engine: &Engine,
    opened: &Opened,
    number: usize,
    rejected: Rejected,
    options: &ModuleOptions,
) -> Result<Restored> {
    let wasm = opened.untrusted_wasm(number);
    let wasm = wasm.ok_or_else(|| Error::Artifact { reason: "it is of no use here, and has no wasm".into() })?;
    if !wasm.starts_with(b"\0asm") {
        return Err(Error::Artifact { reason: "what it has in place of a module is not one".into() });
    }
    let wasm: SharedBytes = Arc::new(wasm);
    let module = CompiledModule::from_shared(engine, &wasm, options)?;
    module.note_rejected(rejected);
    Ok(Restored { module, rejected: Some(rejected) })
}

/// Has the code that a module's artifact has loaded in the background, and what had run without compiled.
pub(super) fn load_ahead(module: &CompiledModule) {
    if let Some(part) = module.part() {
        let (compilation, engine) = (module.compilation().clone(), module.engine().downgrade());
        Ahead { engine, compilation, part: part.clone(), next: 0 }.add(module.engine());
    }
}

/// A module some of whose code is loaded ahead of its first call.
struct Ahead {
    engine: Weak<EngineInner>,
    compilation: Arc<Compilation>,
    part: Arc<Part>,
    /// The first function that was not looked at.
    next: usize,
}

impl Ahead {
    fn add(self, engine: &Engine) {
        // Where nobody will run it, everything is loaded at its first call.
        engine.pipeline().add_task(self.compilation.id(), move || self.run());
    }

    /// A batch; the next one is another task, so that nobody waits for all of them.
    fn run(mut self) {
        let Some(engine) = self.engine.upgrade().map(Engine) else { return };
        let count = self.part.defined();
        if self.next == 0 {
            self.compilation.import_kept_profile(|| self.part.profile());
        }
        let (mut bytes, mut executed) = (0, Vec::new());
        while bytes < LOADED_BATCH && self.next < count && self.compilation.stopped().is_none() {
            let func = DefinedFunc(self.next as u32);
            match self.part.progress(func) {
                Progress::Top => bytes += self.compilation.load_ahead(func, NO_WORKER),
                Progress::Executed => executed.push(func),
                Progress::Refused => {
                    self.compilation.note_refused(func);
                    executed.push(func);
                }
                Progress::Lazy => {}
            }
            self.next += 1;
        }
        self.compilation.publish();
        engine.pipeline().request_first(&self.compilation, &executed);
        if self.next < count && self.compilation.stopped().is_none() {
            self.add(&engine);
        }
        engine.pipeline().notify();
    }
}
