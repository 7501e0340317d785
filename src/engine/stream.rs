//! Modules are made while their bytes come, or from bytes that are there: the same way.
//!
//!     bytes --> Decoder: sections, and bodies one by one --> Making: validated, compiled --> CompiledModule
//!
//! Bodies are validated, and compiled if the strategy says so, on workers while later sections are read, or have not even
//! arrived. What is reported does not depend on that: an error of a section, wherever it is, comes before that of a body,
//! and of the invalid bodies the first counts. So invalid bodies are told of when the bytes end.
//!
//! Not here: how a section is read (`module`), who validates which body (`compile/making.rs`).

use std::borrow::Cow;
use std::sync::Arc;

use super::Engine;
use super::artifact::{self, Kept};
use super::cache::{self, Found};
use super::job::Job;
use super::module::{CompiledModule, ModuleOptions, Outcome, plan, read_given};
use crate::abi::vmctx::VmLayout;
use crate::compile::events::{Event, EventKind, ModuleEvents};
use crate::compile::making::Making;
use crate::compile::pipeline::{Begun, Early, SMALL_BYTES};
use crate::config::Validation;
use crate::error::{Error, Result};
use crate::module::body::Keep;
use crate::module::facts::Facts;
use crate::module::stream::{Bytes, Decoder, Read, check_length};
use crate::module::validate::Validated;
use crate::module::{Module, SharedBytes, WireBytes, copied, text};
use crate::runtime::lazy::on_compile_stack;
use crate::sync::generation;
use crate::sys::bytes::Appender;
use crate::warm::artifact::{Part, hash as artifact_hash};

/// Bytes of bodies for which another worker is engaged, where all bytes are there: validation runs at some 100 MB/s, and a
/// thread takes about 50 us to start.
const BATCH: usize = 64 << 10;

/// The same where they come one after the other, and nothing else is to be done meanwhile.
const STREAM_BATCH: usize = 16 << 10;

/// Bytes that are copied at once: workers are at the bodies in them while the next are copied.
const SLICE: usize = 1 << 20;

/// What is to come of bytes.
pub(super) enum Wanted {
    /// A module.
    Module {
        /// Where its events are posted.
        events: ModuleEvents,
        /// How it is compiled.
        options: ModuleOptions,
    },
    /// Whether they are valid.
    Verdict,
}

impl Wanted {
    /// A module with a number of its own.
    pub(super) fn module(engine: &Engine, options: &ModuleOptions) -> Wanted {
        Wanted::Module { events: engine.pipeline().events().open(), options: options.clone() }
    }
}

/// Tells that there will be no module.
pub(super) fn post_failure(events: &ModuleEvents, error: &Error) {
    let kind = if let Error::Cancelled = error { EventKind::Cancelled } else { EventKind::Failed };
    events.post(Event { status: error.status(), ..Event::new(kind) });
}

/// What has become of the wish for a module.
enum Wish {
    /// Only a verdict.
    None,
    /// Its sections are being read.
    Module { events: ModuleEvents, options: ModuleOptions },
    /// Its options do not fit; that is told if it is valid.
    Unfit { events: ModuleEvents, error: Error },
    /// It has slots, and what its strategy requires is compiled.
    Prepared(Begun),
    /// There are no slots for it; as above.
    Unprepared(Error),
}

impl Wish {
    fn has_profile(&self) -> bool {
        matches!(self, Wish::Module { options, .. } if options.profile.is_some())
    }
}

/// A module that is being read. Dropped before its end, it leaves nothing.
pub(super) struct Loader {
    engine: Engine,
    /// 0 for a verdict.
    id: u64,
    wish: Wish,
    validation: Validation,
    /// What an artifact knows of the bodies, which are valid then.
    facts: Option<Facts>,
    /// What an artifact has of the module.
    part: Option<Arc<Part>>,
    /// What became of the profile in its options.
    given: Option<Outcome>,
    /// The hash of its bytes, if it is known.
    hash: Option<[u8; 32]>,
    decoder: Decoder,
    /// What is wrong, if only all bytes tell how to say it.
    defect: Option<wasmparser::Error>,
    /// Its bodies, once there is one.
    making: Option<Arc<Making>>,
    /// Bytes of bodies for which a worker is engaged.
    batch: usize,
    /// The process whose workers are at its bodies.
    generation: usize,
}

impl Loader {
    fn new(engine: &Engine, wire: WireBytes, batch: usize, wanted: Wanted) -> Result<Loader> {
        let mut decoder = begun(&wanted, || Decoder::new(wire, engine.config().features))?;
        if let Wanted::Module { options, .. } = &wanted {
            decoder.set_host_hints(&options.hints);
        }
        let (id, wish, validation) = match wanted {
            Wanted::Verdict => (0, Wish::None, Validation::Upfront),
            Wanted::Module { events, options } => {
                let validation = options.validation.unwrap_or(engine.config().validation);
                (events.id(), Wish::Module { events, options }, validation)
            }
        };
        let mut loader = Loader {
            engine: engine.clone(),
            id,
            wish,
            validation,
            facts: None,
            part: None,
            given: None,
            hash: None,
            decoder,
            defect: None,
            making: None,
            batch,
            generation: generation(),
        };
        if validation != Validation::Upfront {
            loader.decoder.defer();
        }
        Ok(loader)
    }

    /// Reads text or bytes, which may change or go as soon as this returns.
    pub(super) fn of_copy(engine: &Engine, bytes: &[u8], wanted: Wanted) -> Result<Loader> {
        if let Cow::Owned(binary) = begun(&wanted, || text::to_binary(bytes))? {
            return Loader::of_wire(engine, binary.into(), wanted);
        }
        begun(&wanted, || check_length(bytes.len()))?;
        let (wanted, found) = cache::look_up(engine, wanted, bytes);
        if found.kept.is_some() {
            let copy = begun(&wanted, || copied(bytes))?;
            return Loader::of_found(engine, copy.into(), wanted, found);
        }
        let mut copy = begun(&wanted, || Appender::of_length(bytes.len()))?;
        let shared: SharedBytes = copy.bytes().clone();
        let mut loader = Loader::new(engine, shared.into(), BATCH, wanted)?;
        loader.hash = found.hash;
        for slice in bytes.chunks(SLICE) {
            let appended = copy.append(slice);
            loader.check(appended)?;
            if copy.len() < bytes.len() {
                loader.read(Bytes::Some)?;
            }
        }
        loader.read(Bytes::All)?;
        Ok(loader)
    }

    /// As [`Loader::of_copy`], from bytes that are kept, not copied, unless they are text.
    pub(super) fn of_shared(engine: &Engine, bytes: &SharedBytes, wanted: Wanted) -> Result<Loader> {
        let wire = match begun(&wanted, || text::to_binary((**bytes).as_ref()))? {
            Cow::Borrowed(_) => bytes.clone().into(),
            Cow::Owned(binary) => binary.into(),
        };
        Loader::of_wire(engine, wire, wanted)
    }

    fn of_wire(engine: &Engine, wire: WireBytes, wanted: Wanted) -> Result<Loader> {
        let (wanted, found) = cache::look_up(engine, wanted, &wire);
        Loader::of_found(engine, wire, wanted, found)
    }

    /// Reads bytes of which an artifact has kept something. They are kept, not copied.
    pub(super) fn of_kept(engine: &Engine, bytes: WireBytes, wanted: Wanted, kept: Kept) -> Result<Loader> {
        Loader::of_found(engine, bytes, wanted, Found { hash: None, kept: Some(kept) })
    }

    fn of_found(engine: &Engine, wire: WireBytes, mut wanted: Wanted, found: Found) -> Result<Loader> {
        if let (Wanted::Module { options, .. }, Some(_)) = (&mut wanted, &found.kept) {
            options.validation = Some(Validation::Upfront);
        }
        let mut loader = Loader::new(engine, wire, BATCH, wanted)?;
        loader.hash = found.hash;
        let Some(kept) = found.kept else {
            loader.read(Bytes::All)?;
            return Ok(loader);
        };
        let read = loader.decoder.read_kept(&kept.facts);
        (loader.facts, loader.part) = (Some(kept.facts), Some(kept.part));
        let fitting = loader.decoder.module().zip(loader.part.as_ref()).is_some_and(|(module, part)| {
            part.fits(module.functions().len(), module.defined_func_count(), module.wire().len())
        });
        let checked = if read.is_some() && fitting {
            Ok(())
        } else {
            Err(Error::Artifact { reason: "its module is damaged".into() })
        };
        loader.check(checked)?;
        Ok(loader)
    }

    /// The number of the module.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Reads what has come.
    fn read(&mut self, bytes: Bytes) -> Result<()> {
        let read = self.try_read(bytes);
        self.check(read)
    }

    fn try_read(&mut self, bytes: Bytes) -> Result<()> {
        self.check_process()?;
        if self.defect.is_none() {
            match self.read_on(bytes) {
                Ok(()) => return Ok(()),
                Err(error) => self.defect = Some(error),
            }
            // Whoever helps need not go on.
            self.abandon();
        }
        let Some(defect) = &self.defect else { return Ok(()) };
        match bytes {
            Bytes::All => Err(self.decoder.explain(defect)),
            Bytes::Some => self.decoder.explain_prefix(defect).map_or(Ok(()), Err),
        }
    }

    fn read_on(&mut self, bytes: Bytes) -> Result<(), wasmparser::Error> {
        loop {
            let read = self.decoder.read(bytes, self.batch)?;
            if read != Read::Enough {
                return Ok(());
            }
            if self.validation == Validation::Upfront
                && self.facts.is_none()
                && let Some(making) = self.start()
            {
                making.announce(self.decoder.count());
                making.engage();
            }
        }
    }

    /// Begins with the bodies, if there are any.
    fn start(&mut self) -> Option<Arc<Making>> {
        if self.making.is_none() {
            let module = self.decoder.module()?.clone();
            let mut keep = Keep::Nothing;
            if let Wish::Module { options, .. } = &self.wish {
                let strategy = options.strategy.unwrap_or(self.engine.config().strategy);
                keep = self.engine.pipeline().analyses_to_keep(strategy);
            }
            // Advice names functions by their bodies: it is known when all of these are.
            let is_advised = self.decoder.is_hinted() || self.wish.has_profile();
            if self.decoder.code_size() > SMALL_BYTES && !is_advised {
                self.prepare(&module);
            }
            let compilation = if let Wish::Prepared(begun) = &self.wish { Some(&begun.compilation) } else { None };
            self.generation = generation();
            let (bodies, threads) = (self.decoder.bodies(), self.engine.compile_threads());
            self.making = Some(self.engine.pipeline().make(self.id, module, bodies, compilation, keep, threads));
        }
        self.making.clone()
    }

    /// Makes slots for the module. What is wrong with that, is told when the module is known to be valid.
    fn prepare(&mut self, module: &Arc<Module>) {
        let (pipeline, space) = (self.engine.pipeline(), self.engine.code_space());
        self.wish = match std::mem::replace(&mut self.wish, Wish::None) {
            Wish::Module { events, options } => {
                let mut known = None;
                if let Some(profile) = options.profile.as_ref().filter(|_| module.is_whole()) {
                    let of_part = self.part.as_ref().map(|part| part.hash);
                    let hash = self.hash.or(of_part).unwrap_or_else(|| artifact_hash(module.bytes()));
                    self.hash = Some(hash);
                    let (outcome, data) = read_given(module, profile, &hash);
                    (self.given, known) = (Some(outcome), data);
                }
                match plan(&self.engine, module, &options, known) {
                    Ok(plan) => {
                        let source = self.part.clone().map(artifact::source);
                        let layout = VmLayout::new(module);
                        match pipeline.prepare(space, events, module.clone(), layout, plan, source) {
                            Ok(begun) => Wish::Prepared(begun),
                            Err(error) => Wish::Unprepared(error),
                        }
                    }
                    Err(error) => Wish::Unfit { events, error },
                }
            }
            wish => wish,
        };
    }

    /// Validates what is left of the bodies, all of which are there.
    fn validate(&mut self) -> Result<Option<Validated>> {
        self.check_process()?;
        if self.validation != Validation::Upfront {
            return Ok(None);
        }
        let Some(making) = self.start() else { return Err(Error::misuse("stream: its bytes have not ended")) };
        making.announce(self.decoder.count());
        self.engine.pipeline().settle(&making);
        making.finish().map(Some)
    }

    /// Whether the bytes, which have ended, are those of a valid module.
    pub(super) fn verdict(mut self) -> Result<()> {
        self.validate().map(drop)
    }

    /// The module, whose bytes have ended and whose compilation has begun. On a compile stack.
    pub(super) fn module(mut self) -> Result<CompiledModule> {
        let module = self.complete();
        let module = self.check(module)?;
        // It is the module's from now on.
        self.wish = Wish::None;
        Ok(module)
    }

    fn complete(&mut self) -> Result<CompiledModule> {
        let validated = match (self.facts.take(), self.decoder.module()) {
            (Some(facts), Some(module)) => Some(module.note_facts(facts)),
            _ => self.validate()?,
        };
        let module = self.decoder.finish(validated);
        if self.part.is_none() && self.hash.is_none() {
            // The bytes came piece by piece.
            let found = cache::seek(&self.engine, module.bytes());
            (self.hash, self.part) = (found.hash, found.kept.map(|kept| kept.part));
        }
        self.prepare(&module);
        let begun = match &self.wish {
            Wish::Prepared(begun) => begun.clone(),
            Wish::Unfit { error, .. } | Wish::Unprepared(error) => return Err(error.duplicate()),
            Wish::None | Wish::Module { .. } => return Err(Error::misuse("stream: only a verdict was asked for")),
        };
        let types = module.types().iter().map(|ty| self.engine.register_type(ty)).collect();
        let compilation = begun.compilation.clone();
        let compiled = CompiledModule::assemble(&self.engine, begun, types, self.part.take(), self.given.take())?;
        cache::watch(&compiled);
        if let Some(part) = compiled.part() {
            compilation.offer(artifact::source(part.clone()));
        }
        let pipeline = self.engine.pipeline();
        pipeline.begin(&compilation, self.making.as_ref().map_or(Early::Nothing, |making| making.early()));
        if let Some(hash) = self.hash {
            compiled.note_hash(hash);
        }
        artifact::load_ahead(&compiled);
        if self.validation == Validation::Background {
            pipeline.validate_in_background(&compilation);
        }
        Ok(compiled)
    }

    /// There will be no module, for this reason.
    pub(super) fn end(mut self, error: &Error) {
        self.fail(error);
    }

    /// A result, of which the listeners hear if it is an error.
    fn check<T>(&mut self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| self.fail(error))
    }

    fn fail(&mut self, error: &Error) {
        match &self.wish {
            Wish::Module { events, .. } | Wish::Unfit { events, .. } => post_failure(events, error),
            Wish::Prepared(begun) => post_failure(begun.compilation.events(), error),
            Wish::None | Wish::Unprepared(_) => {}
        }
        self.abandon();
        self.wish = Wish::None;
    }

    /// Nobody is to go on with it.
    fn abandon(&self) {
        if let Some(making) = &self.making {
            self.engine.pipeline().abandon(making);
        }
        if let Wish::Prepared(begun) = &self.wish {
            self.engine.pipeline().withdraw(&begun.compilation);
        }
    }

    /// What threads of a parent process are at, does not come.
    fn check_process(&self) -> Result<()> {
        if self.generation != generation() && self.making.is_some() {
            return Err(Error::Busy { what: "the parent process makes the module" });
        }
        Ok(())
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// What is done before there is a loader; the listeners hear of an error.
fn begun<T>(wanted: &Wanted, begin: impl FnOnce() -> Result<T>) -> Result<T> {
    begin().inspect_err(|error| {
        if let Wanted::Module { events, .. } = wanted {
            post_failure(events, error);
        }
    })
}

/// A module whose bytes come piece by piece. One thread at a time, any thread.
///
/// Dropping it, or [`Stream::abort`], leaves nothing behind. The bytes are kept where they were put first; they are bounded
/// by what a module may have, 4 GiB. The text format is not accepted.
pub struct Stream {
    engine: Engine,
    id: u64,
    state: State,
}

enum State {
    Open { loader: Box<Loader>, bytes: Appender },
    Failed(Error),
    Ended,
}

impl Stream {
    /// A stream without bytes, of which `expected` will come (0: nobody knows). That is a hint: there may be more, or fewer.
    pub fn new(engine: &Engine, options: &ModuleOptions, expected: usize) -> Result<Stream> {
        let bytes = Appender::growing(u32::MAX as usize, expected)?;
        let shared: SharedBytes = bytes.bytes().clone();
        let loader = Loader::new(engine, shared.into(), STREAM_BATCH, Wanted::module(engine, options))?;
        let id = loader.id();
        Ok(Stream { engine: engine.clone(), id, state: State::Open { loader: Box::new(loader), bytes } })
    }

    /// The number of the module, by which its events are known.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Adds bytes. Fails with what is wrong with a section as soon as that is there. After an error, every call gets it.
    pub fn write(&mut self, more: &[u8]) -> Result<()> {
        let State::Open { loader, bytes } = &mut self.state else { return Err(self.over()) };
        let mut written = Ok(());
        for slice in more.chunks(SLICE) {
            let appended = bytes.append(slice);
            written = loader.check(appended).and_then(|()| loader.read(Bytes::Some));
            if written.is_err() {
                break;
            }
        }
        written.inspect_err(|error| self.state = State::Failed(error.duplicate()))
    }

    /// The bytes have ended: the module, as it would have been made from all of them at once.
    pub fn finish(&mut self) -> Result<CompiledModule> {
        let loader = self.end()?;
        let made = on_compile_stack(&self.engine, || {
            let module = loader.module()?;
            if module.compilation().plan().is_awaited() {
                module.finish(None)?;
            }
            Ok(module)
        });
        made.inspect_err(|error| self.state = State::Failed(error.duplicate()))
    }

    /// As [`Stream::finish`], without waiting for what is left to be done. What is wrong with sections is told at once.
    pub fn finish_job(&mut self) -> Result<Job> {
        let loader = self.end()?;
        Ok(Job::of_stream(&self.engine, loader))
    }

    /// Reads what there is to its end.
    fn end(&mut self) -> Result<Box<Loader>> {
        let (mut loader, bytes) = match std::mem::replace(&mut self.state, State::Ended) {
            State::Open { loader, bytes } => (loader, bytes),
            state => {
                self.state = state;
                return Err(self.over());
            }
        };
        bytes.finish();
        match loader.read(Bytes::All) {
            Ok(()) => Ok(loader),
            Err(error) => {
                self.state = State::Failed(error.duplicate());
                Err(error)
            }
        }
    }

    /// Gives the module up. False: the stream had ended before.
    pub fn abort(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Failed(Error::Cancelled)) {
            State::Open { loader, .. } => {
                loader.end(&Error::Cancelled);
                true
            }
            state => {
                self.state = state;
                false
            }
        }
    }

    /// Why there is nothing to be done with it.
    fn over(&self) -> Error {
        match &self.state {
            State::Failed(error) => error.duplicate(),
            State::Open { .. } | State::Ended => Error::misuse("stream: it has ended"),
        }
    }
}

#[cfg(test)]
mod tests;
