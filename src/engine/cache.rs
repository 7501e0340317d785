//! The cache at work: modules begin with what its entries have, and are written when there is more.
//!
//!     bytes of a module -> their hash -> entry -> what an artifact has of the module (`stream`, `artifact`)
//!     code of the top tier is published -> `Schedule` -> the timer, then a task of the pool -> an entry
//!     the last user of a module gives it up -> an entry
//!
//! An entry is an artifact without the wasm. It is written as a whole, with what is in the present entry and not here, so
//! that processes that write the same module add up: code, and what was counted, once.
//!
//! Bytes that come piece by piece are validated and compiled before their hash is known. Then the entry helps from the end of
//! the bytes on: what it has is loaded instead of compiled, or in place of what was.
//!
//! A child of a fork writes nothing by itself of a module that its parent made.
//!
//! Not here: where entries are, and what is counted (`warm/cache.rs`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::artifact::Kept;
use super::module::{CompiledModuleInner, WeakModule};
use super::stream::Wanted;
use super::{CompiledModule, Engine, EngineInner};
use crate::compile::events::{Event, EventKind};
use crate::compile::growth::Watcher;
use crate::compile::profile::{ProfileData, format};
use crate::config::Strategy;
use crate::error::{Error, Result};
use crate::runtime::lazy::on_compile_stack;
use crate::runtime::timer::Alarm;
use crate::sync::{ForkMutex, generation};
use crate::warm::artifact::{self, Identity, Key, Part, Rejected};
use crate::warm::cache::Cache;
use crate::warm::schedule::{Do, Schedule};
use crate::warm::store::{Body, Entry, Miss};

pub use crate::warm::cache::CacheStats;

/// What became of a wish to write a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheWrite {
    /// The engine has no cache.
    NoCache,
    /// It is an entry of so many bytes.
    Written(u64),
    /// The cache would not take it, or there is no key.
    Failed,
}

impl Engine {
    /// What became of all accesses to the cache.
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.as_ref().map(|cache| cache.stats()).unwrap_or_default()
    }

    /// The key of entries: one that other processes have, too.
    pub(super) fn shared_key(&self) -> Option<Key> {
        self.0.keeper.secret().map(Key::new)
    }
}

/// What is known of bytes of which a module is to be made.
#[derive(Default)]
pub(super) struct Found {
    /// Their hash, if there is a cache.
    pub hash: Option<[u8; 32]>,
    /// What an entry has of them.
    pub kept: Option<Kept>,
}

/// Looks for the entry of a module that is to be made of these bytes. With one, nothing is compiled before it is needed,
/// unless the host wants it so for this module.
pub(super) fn look_up(engine: &Engine, mut wanted: Wanted, bytes: &[u8]) -> (Wanted, Found) {
    let mut found = Found::default();
    if let Wanted::Module { options, .. } = &mut wanted {
        found = seek(engine, bytes);
        if found.kept.is_some() {
            options.strategy.get_or_insert(Strategy::Lazy);
        }
    }
    (wanted, found)
}

/// Looks for the entry of a module that is made of these bytes.
pub(super) fn seek(engine: &Engine, bytes: &[u8]) -> Found {
    let Some(cache) = &engine.0.cache else { return Found::default() };
    let hash = artifact::hash(bytes);
    let kept = find(engine, cache, &hash);
    match &kept {
        Ok(_) => cache.hit(),
        Err(miss) => cache.missed(*miss),
    }
    Found { hash: Some(hash), kept: kept.ok() }
}

fn find(engine: &Engine, cache: &Cache, hash: &[u8; 32]) -> Result<Kept, Miss> {
    let key = engine.shared_key().ok_or(Miss::NoKey)?;
    let identity = engine.identity();
    let part = Arc::new(open(cache.get(&identity.entry(hash))?, &identity, &key, hash)?);
    let facts = part.facts().ok_or(Miss::NotAuthentic)?;
    Ok(Kept { facts, part })
}

/// What an entry has of the module with this hash.
fn open(entry: Entry, identity: &Identity, key: &Key, hash: &[u8; 32]) -> Result<Part, Miss> {
    let store = match entry.body {
        Body::Memory(bytes) => artifact::Store::memory(Arc::new(bytes)),
        Body::File(file) => artifact::Store::opened(file).map_err(|_| Miss::Unreadable)?,
    };
    let opened = artifact::open(store, identity, key).map_err(|_| Miss::NotAuthentic)?;
    let mut parts = opened.parts.map_err(|rejected| match rejected {
        Rejected::Key | Rejected::Damaged | Rejected::Wasm => Miss::NotAuthentic,
        _ => Miss::OtherEngine,
    })?;
    let part = parts.pop().filter(|part| parts.is_empty() && part.hash == *hash);
    part.ok_or(Miss::NotAuthentic)
}

/// Writes a module when it should be. Code that is published holds it, and it holds nothing.
pub(super) struct Writer {
    schedule: Schedule,
    born: Instant,
    module: WeakModule,
    engine: Weak<EngineInner>,
    /// 0, or one more than the generation of the process in which a thread is writing.
    writing: AtomicUsize,
    generation: usize,
    /// What was known of how the module ran when it was last written: that is in the entry.
    told: ForkMutex<Option<Arc<ProfileData>>>,
}

/// Has a module written when there is something new, if its engine has a cache.
pub(super) fn watch(module: &CompiledModule) {
    let engine = module.engine();
    let Some(cache) = &engine.0.cache else { return };
    let kept = module.part().map_or(0, |part| part.code_bytes()) as usize;
    let writer = Arc::new(Writer {
        schedule: Schedule::new(cache.when(), kept),
        born: Instant::now(),
        module: module.downgrade(),
        engine: engine.downgrade(),
        writing: AtomicUsize::new(0),
        generation: generation(),
        told: ForkMutex::default(),
    });
    module.set_writer(writer.clone());
    module.compilation().watch_growth(writer);
}

impl Writer {
    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    fn act(self: &Arc<Self>, what: Do) {
        if self.generation != generation() {
            return;
        }
        let Some(engine) = self.engine.upgrade() else { return };
        match what {
            Do::Nothing => {}
            // Without a thread for it, the module is written when there is much, or at its end.
            Do::Wait(time) => {
                let alarm: Arc<dyn Alarm> = self.clone();
                let _ = engine.timer.wake(Instant::now() + time, Arc::downgrade(&alarm));
            }
            Do::Write => {
                let task = Task(self.clone());
                engine.pipeline.add_background_task(move || task.run());
            }
        }
    }

    /// Claims the right to write.
    fn begin(&self) -> Option<Writing<'_>> {
        let own = generation() + 1;
        // Acquire: pairs with the Release at the end: one writes after the other.
        let claim = |writer| (writer != own).then_some(own);
        self.writing.fetch_update(Ordering::Acquire, Ordering::Relaxed, claim).ok()?;
        Some(Writing(self))
    }

    /// Writes a module in the state that it is in. On a compile stack.
    fn write(&self, module: &CompiledModuleInner) -> Result<CacheWrite> {
        let engine = &module.engine;
        let Some(cache) = &engine.0.cache else { return Ok(CacheWrite::NoCache) };
        let _writing = self.begin().ok_or(Error::Busy { what: "another thread is writing the module" })?;
        engine.pipeline().validate_rest(&module.compilation)?;
        let Some(key) = engine.shared_key() else {
            cache.failed();
            return Ok(CacheWrite::Failed);
        };
        let (identity, hash) = (engine.identity(), module.hash());
        let new = self.schedule.begin();
        let mut told = None;
        let written = cache.put(&identity.entry(hash), |present| {
            let present = present.and_then(|entry| open(entry, &identity, &key, hash).ok());
            let (known, kept) = module.profile_and_kept();
            let profile = self.with_others(module, known.clone(), kept, present.as_ref());
            told = Some(Arc::new(known));
            let contents = module.contents(artifact::Wasm::LeftOut, present.as_ref(), &profile);
            let functions = contents.code.len();
            (artifact::write(&identity, &key, vec![contents]), functions)
        });
        let Ok((bytes, functions)) = written else { return Ok(CacheWrite::Failed) };
        self.schedule.written(new);
        *self.told.lock() = told;
        module.compilation.events().post(Event {
            count: functions as u32,
            code_size: u32::try_from(bytes).unwrap_or(u32::MAX),
            ..Event::new(EventKind::CacheWritten)
        });
        Ok(CacheWrite::Written(bytes))
    }

    /// What the entry says of how the module ran, and what was found out here since the entry was read or written.
    fn with_others(
        &self,
        module: &CompiledModuleInner,
        mut known: ProfileData,
        kept: Option<Arc<ProfileData>>,
        present: Option<&Part>,
    ) -> ProfileData {
        let others = present.and_then(Part::profile);
        let Some(mut all) = others.and_then(|bytes| format::read(&module.module, None, &bytes).ok()) else {
            return known;
        };
        let told = self.told.lock().clone().or(kept);
        if let Some(told) = told {
            known.take_away(&told);
        }
        all.merge(&known);
        all
    }

    /// The last user of the module gives it up: what is new is written.
    pub(super) fn end(&self, module: &CompiledModuleInner) {
        let is_wanted = self.schedule.unwritten() > 0 && self.schedule.writes_by_itself();
        if is_wanted && self.generation == generation() {
            // Whoever gives it up may have little stack, and there is nobody to tell of an error.
            let _ = on_compile_stack(&module.engine, || self.write(module));
        }
    }
}

impl Watcher for Writer {
    fn grown(self: Arc<Self>, bytes: u64) {
        let what = self.schedule.grown(bytes as usize, self.now());
        self.act(what);
    }
}

impl Alarm for Writer {
    fn alarm(self: Arc<Self>) {
        let what = self.schedule.alarm(self.now());
        self.act(what);
    }
}

/// The right to write a module.
struct Writing<'a>(&'a Writer);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `begin`.
        self.0.writing.store(0, Ordering::Release);
    }
}

/// Somebody is to write a module. If nobody runs it, somebody else may be asked.
struct Task(Arc<Writer>);

impl Task {
    fn run(self) {
        // First the engine: whoever holds its last reference drops it last.
        let Some(_engine) = self.0.engine.upgrade() else { return };
        if self.0.generation == generation()
            && let Some(module) = self.0.module.upgrade()
            && self.0.schedule.begin() > 0
        {
            let _quiet = module.instantiated();
            if let Ok(CacheWrite::Written(_)) = self.0.write(module.inner()) {
                self.0.act(self.0.schedule.ended(self.0.now()));
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.schedule.begin();
    }
}

impl CompiledModule {
    /// Writes the module to the engine's cache now, whether there is anything new or not.
    pub fn write_to_cache(&self) -> Result<CacheWrite> {
        let Some(writer) = self.writer() else { return Ok(CacheWrite::NoCache) };
        on_compile_stack(self.engine(), || {
            // Nobody drops the code while it is copied.
            let _quiet = self.instantiated();
            let written = writer.write(self.inner())?;
            if let CacheWrite::Written(_) = written {
                writer.act(writer.schedule.ended(writer.now()));
            }
            Ok(written)
        })
    }
}
