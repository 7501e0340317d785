//! Validation of bodies: any body, on any thread, in any order; one pass that also finds the features used.
//!
//! [`Progress`] is about all bodies of a module, which may still be on their way: several threads take those that are
//! there, and the first so many of them are valid. What is known of those is what their compilation may build on.
//!
//! A body that the analysis in `body` accepts is valid. All others go to wasmparser, which decides, and whose
//! error is reported. The error is that of the invalid body with the lowest index, whatever the threads do.
//!
//! With debug assertions both look at each body, and it is a panic if only the analysis accepts it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wasmparser::{
    BinaryReader, Chunk, FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

use crate::error::{Error, Result};
use crate::module::body::{self, Analysis, AnalysisScratch, BodyFlags, Keep, Made};
use crate::module::fixed::TableWrites;
use crate::module::{Features, Module, WireBytes, unsupported};
use crate::sync::{ForkMutex, get_or_make, without_host_signals};
use crate::types::DefinedFunc;

/// Bodies that a thread takes at once.
const CHUNK: usize = 16;

/// Bytes of bodies below which another thread costs more than it brings (validation runs at some
/// 100 MB/s, a thread takes about 50 us to start).
const BYTES_PER_THREAD: usize = 64 << 10;

/// What validation of the bodies needs besides the module. Cheap to clone.
#[derive(Clone)]
pub struct Bodies {
    reference: Arc<Reference>,
    pub(super) flags: WasmFeatures,
}

/// The module as wasmparser sees it, made when a body is left to it: it reads the sections a second time.
struct Reference {
    wire: WireBytes,
    resources: OnceLock<ValidatorResources>,
}

impl Reference {
    /// To be called once a body is there.
    fn resources(&self, flags: WasmFeatures) -> &ValidatorResources {
        get_or_make(&self.resources, || {
            let wire: &[u8] = &self.wire;
            let (mut parser, mut validator) = (Parser::new(0), Validator::new_with_features(flags));
            parser.set_features(flags);
            let mut at = 0;
            loop {
                let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(&wire[at..], false) else {
                    unreachable!("sections that were read before")
                };
                at += consumed;
                match validator.payload(&payload) {
                    Ok(ValidPayload::Func(func, _)) => return func.resources,
                    Ok(_) => {}
                    Err(error) => panic!("sections were accepted, and are invalid: {error}"),
                }
            }
        })
    }
}

impl Bodies {
    pub(super) fn new(wire: WireBytes, flags: WasmFeatures) -> Bodies {
        Bodies { reference: Arc::new(Reference { wire, resources: OnceLock::new() }), flags }
    }

    /// A function as wasmparser validates it. Its body is there.
    pub fn to_validate(&self, module: &Module, func: DefinedFunc) -> FuncToValidate<ValidatorResources> {
        let index = module.func_index(func);
        FuncToValidate {
            resources: self.reference.resources(self.flags).clone(),
            index: index.0,
            ty: module.functions[index.index()].0,
            features: self.flags,
        }
    }
}

/// Memory that validations share, one after the other.
#[derive(Default)]
pub struct Scratch {
    analysis: AnalysisScratch,
    reference: FuncValidatorAllocations,
}

/// Validates one body and returns the features that it uses.
pub fn validate(bodies: &Bodies, module: &Module, func: DefinedFunc, scratch: &mut Scratch) -> Result<Features> {
    check(bodies, module, func, scratch)
        .map(|verdict| verdict.features)
        .map_err(|error| unsupported::explain(&error, &module.bytes, bodies.flags))
}

/// What validation finds out about valid bodies.
pub struct Validated {
    /// The features that they use.
    pub features: Features,
    /// For [`Module::fixed_tables`].
    pub(super) table_writes: TableWrites,
}

/// Validates all bodies on up to `threads` threads, the calling one included; says which features the module uses,
/// sections and bodies together. (An engine has threads for that, and uses [`Progress`].)
pub fn validate_all(bodies: &Bodies, module: &Module, threads: usize) -> Result<Validated> {
    let progress = Progress::new(module, Keep::Nothing);
    progress.announce(module.bodies.len());
    std::thread::scope(|scope| {
        for _ in 1..worthwhile_threads(module, threads) {
            // Without the thread the others do its share.
            let work = || progress.work(bodies, module, &mut |_| ());
            let _ = without_host_signals(|| std::thread::Builder::new().spawn_scoped(scope, work));
        }
        progress.work(bodies, module, &mut |_| ());
    });
    let validated = progress.finish(bodies, module)?;
    Ok(Validated { features: validated.features | module.features(), ..validated })
}

/// How many of `threads` threads are worth their start.
fn worthwhile_threads(module: &Module, threads: usize) -> usize {
    threads.min(module.code_bytes() / BYTES_PER_THREAD + 1).min(module.bodies.len().div_ceil(CHUNK)).max(1)
}

/// Bodies that several threads validate, and what they have found.
pub struct Progress {
    ledger: ForkMutex<Ledger>,
    keep: Keep,
}

#[derive(Default)]
struct Ledger {
    /// Bodies that are there.
    known: usize,
    /// The first that nobody has taken.
    next: usize,
    /// Chunks in somebody's hands.
    in_hand: usize,
    /// A thread panicked at a chunk.
    lost: bool,
    /// Chunks before which another is not finished.
    early: Vec<Finished>,
    /// How many are valid, from the first one on.
    valid: usize,
    /// The lowest invalid body; those behind it need no look. Chunks are handed out in order, so all before it have been
    /// taken by somebody, who finishes them: in the end it is the lowest of all.
    invalid: Option<(usize, wasmparser::Error)>,
    used: Features,
    table_writes: Option<TableWrites>,
}

/// Bodies that are valid.
struct Finished {
    bodies: Range<usize>,
    used: Features,
    table_writes: TableWrites,
    /// Functions with indirect calls, and how many.
    indirect: Vec<(DefinedFunc, u32)>,
    made: Made,
}

impl Progress {
    /// No body is there yet. What is found out about them is kept with the module, if it is to be.
    pub fn new(module: &Module, keep: Keep) -> Progress {
        if keep == Keep::Analyses {
            module.analyses.begin();
        }
        Progress { ledger: ForkMutex::default(), keep }
    }

    /// So many bodies are there.
    pub fn announce(&self, known: usize) {
        self.ledger.lock().known = known;
    }

    /// Validates bodies that are there, and that nobody has taken, until there are none. `advance` is told which are known
    /// to be valid, together with all before them: each once, all of them in order if one thread is at it.
    pub fn work(&self, bodies: &Bodies, module: &Module, advance: &mut dyn FnMut(Range<usize>)) {
        let mut scratch = Scratch::default();
        while let Some(taken) = self.take() {
            match check_chunk(bodies, module, taken.bodies.clone(), self.keep, &mut scratch) {
                Ok(finished) => {
                    let valid = taken.finish(module, finished);
                    if !valid.is_empty() {
                        advance(valid);
                    }
                }
                Err(invalid) => taken.fail(invalid),
            }
        }
    }

    fn take(&self) -> Option<Taken<'_>> {
        let mut ledger = self.ledger.lock();
        let bodies = ledger.next_chunk()?;
        ledger.next = bodies.end;
        ledger.in_hand += 1;
        Some(Taken { progress: self, bodies })
    }

    /// Whether there is a body that nobody has taken.
    pub fn has_more(&self) -> bool {
        self.ledger.lock().next_chunk().is_some()
    }

    /// Nobody is to take another body.
    pub fn abandon(&self) {
        self.ledger.lock().next = usize::MAX - CHUNK;
    }

    /// Whether nobody is at a body any more. (After `work` returned, and nothing more was announced: for good.)
    pub fn is_settled(&self) -> bool {
        self.ledger.lock().in_hand == 0
    }

    /// What was found, after all bodies were announced, `work` has returned and everything is settled.
    pub fn finish(&self, bodies: &Bodies, module: &Module) -> Result<Validated> {
        let ledger = self.ledger.lock();
        match &ledger.invalid {
            Some((_, error)) => Err(unsupported::explain(error, &module.bytes, bodies.flags)),
            // A thread that panicked on the way has left bodies behind that nobody has looked at.
            None if ledger.lost || ledger.valid != module.bodies.len() => {
                Err(Error::Bug { reason: "the validation of a body panicked".into() })
            }
            None => {
                Ok(Validated { features: ledger.used, table_writes: ledger.table_writes.unwrap_or(TableWrites::None) })
            }
        }
    }
}

impl Ledger {
    /// The next bodies that are worth a look.
    fn next_chunk(&self) -> Option<Range<usize>> {
        let (start, end) = (self.next, self.known.min(self.next + CHUNK));
        let is_useless = self.invalid.as_ref().is_some_and(|(lowest, _)| start > *lowest);
        (start < end && !is_useless).then_some(start..end)
    }

    /// Bodies are valid; which are now, together with all before them.
    fn add(&mut self, module: &Module, finished: Finished) -> Range<usize> {
        let before = self.valid;
        self.early.push(finished);
        while let Some(next) = self.early.iter().position(|early| early.bodies.start == self.valid) {
            let Finished { bodies, used, table_writes, indirect, made } = self.early.swap_remove(next);
            self.valid = bodies.end;
            self.used = self.used | used;
            self.table_writes = self.table_writes.max(Some(table_writes));
            module.indirect_sites.add(bodies, &indirect);
            module.analyses.add(made);
        }
        module.note_valid_up_to(self.valid);
        before..self.valid
    }
}

/// A chunk in the hands of a thread. Dropped without a word if that panics.
struct Taken<'a> {
    progress: &'a Progress,
    bodies: Range<usize>,
}

impl Taken<'_> {
    fn finish(self, module: &Module, finished: Finished) -> Range<usize> {
        let mut ledger = self.progress.ledger.lock();
        ledger.in_hand -= 1;
        let valid = ledger.add(module, finished);
        drop(ledger);
        std::mem::forget(self);
        valid
    }

    fn fail(self, invalid: (usize, wasmparser::Error)) {
        let mut ledger = self.progress.ledger.lock();
        ledger.in_hand -= 1;
        if ledger.invalid.as_ref().is_none_or(|(lowest, _)| invalid.0 < *lowest) {
            ledger.invalid = Some(invalid);
        }
        drop(ledger);
        std::mem::forget(self);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut ledger = self.progress.ledger.lock();
        ledger.in_hand -= 1;
        ledger.lost = true;
    }
}

/// Validates bodies; fails with the first of them that is invalid.
fn check_chunk(
    bodies: &Bodies,
    module: &Module,
    chunk: Range<usize>,
    keep: Keep,
    scratch: &mut Scratch,
) -> Result<Finished, (usize, wasmparser::Error)> {
    let mut finished = Finished {
        bodies: chunk.clone(),
        used: Features::default(),
        table_writes: TableWrites::None,
        indirect: Vec::new(),
        made: Made::default(),
    };
    for index in chunk {
        let func = DefinedFunc(index as u32);
        let verdict = check(bodies, module, func, scratch).map_err(|error| (index, error))?;
        finished.used = finished.used | verdict.features;
        finished.table_writes = finished.table_writes.max(verdict.table_writes);
        if verdict.indirect_calls != 0 {
            finished.indirect.push((func, verdict.indirect_calls));
        }
        if let (Keep::Analyses, Some(analysis)) = (keep, &verdict.analysis) {
            finished.made.add(func, analysis, &scratch.analysis);
        }
    }
    Ok(finished)
}

/// What is known of a valid body.
struct Verdict {
    features: Features,
    indirect_calls: u32,
    table_writes: TableWrites,
    /// Unless the analysis does not know the body.
    analysis: Option<Analysis>,
}

fn check(
    bodies: &Bodies,
    module: &Module,
    func: DefinedFunc,
    scratch: &mut Scratch,
) -> Result<Verdict, wasmparser::Error> {
    let Some(analysis) = body::analyse(module, func, &mut scratch.analysis) else {
        check_by_reference(bodies, module, func, &module.bytes[module.body_range(func)], scratch)?;
        let features = features_by_reference(bodies, module, func, scratch);
        return Ok(Verdict { features, indirect_calls: 0, table_writes: TableWrites::Possible, analysis: None });
    };
    if cfg!(debug_assertions)
        && let Err(error) = check_by_reference(bodies, module, func, &module.bytes[module.body_range(func)], scratch)
    {
        panic!("{func:?} was accepted, and is invalid: {error}");
    }
    let writes = analysis.flags.contains(BodyFlags::TABLE_WRITES);
    let table_writes = if writes { TableWrites::Possible } else { TableWrites::None };
    let Analysis { features, indirect_calls, .. } = analysis;
    Ok(Verdict { features, indirect_calls, table_writes, analysis: Some(analysis) })
}

/// The verdict of wasmparser, which is the meaning of validity here, on bytes in the place of a function's body.
pub fn check_by_reference(
    bodies: &Bodies,
    module: &Module,
    func: DefinedFunc,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<(), wasmparser::Error> {
    check_with(bodies, bodies.flags, module, func, bytes, scratch)
}

fn check_with(
    bodies: &Bodies,
    flags: WasmFeatures,
    module: &Module,
    func: DefinedFunc,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<(), wasmparser::Error> {
    let to_validate = FuncToValidate { features: flags, ..bodies.to_validate(module, func) };
    let mut validator = to_validate.into_validator(std::mem::take(&mut scratch.reference));
    let start = module.body_range(func).start as u64;
    validator.validate(&FunctionBody::new(BinaryReader::new_features(bytes, start, flags)))?;
    scratch.reference = validator.into_allocations();
    Ok(())
}

/// The features that a valid body uses, found without knowing its operators: those without which it is refused. For a
/// body that the analysis does not know, and there is none.
pub fn features_by_reference(bodies: &Bodies, module: &Module, func: DefinedFunc, scratch: &mut Scratch) -> Features {
    let bytes = &module.bytes[module.body_range(func)];
    let used = Features::LIST.iter().filter(|(_, _, flag)| {
        let less = bodies.flags.difference(*flag);
        less != bodies.flags && check_with(bodies, less, module, func, bytes, scratch).is_err()
    });
    used.fold(Features::default(), |used, (feature, ..)| used | *feature)
}
