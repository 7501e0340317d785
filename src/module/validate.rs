//! Validation of bodies: any body, on any thread, in any order; one pass that also finds the features used.
//!
//! A body that the analysis in `body` accepts is valid. All others go to wasmparser, which decides, and whose
//! error is reported. The error is that of the invalid body with the lowest index, whatever the threads do.
//!
//! With debug assertions both look at each body, and it is a panic if only the analysis accepts it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources, WasmFeatures,
};

use crate::error::{Error, Result};
use crate::module::body::{self, Analysis, AnalysisScratch, BodyFlags, Keep, Kept, Made};
use crate::module::fixed::TableWrites;
use crate::module::{Features, IndirectSites, Module, unsupported};
use crate::sync::without_host_signals;
use crate::types::DefinedFunc;

/// Bodies that a thread takes at once.
const CHUNK: usize = 16;

/// Bytes of bodies below which another thread costs more than it brings (validation runs at some
/// 100 MB/s, a thread takes about 50 us to start).
const BYTES_PER_THREAD: usize = 64 << 10;

/// What validation of the bodies needs besides the module.
pub struct Bodies {
    /// The module as wasmparser sees it; `None` if there are no bodies.
    pub(super) resources: Option<ValidatorResources>,
    pub(super) flags: WasmFeatures,
}

impl Default for Bodies {
    fn default() -> Bodies {
        Bodies { resources: None, flags: WasmFeatures::empty() }
    }
}

impl Bodies {
    /// A function as wasmparser validates it.
    pub fn to_validate(&self, module: &Module, func: DefinedFunc) -> FuncToValidate<ValidatorResources> {
        let index = module.func_index(func);
        FuncToValidate {
            resources: self.resources.clone().expect("a module with bodies has resources"),
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
    /// The features that the module uses, sections and bodies together.
    pub features: Features,
    /// For [`Module::indirect_sites`].
    pub(super) indirect_sites: IndirectSites,
    /// For [`Module::fixed_tables`].
    pub(super) table_writes: TableWrites,
    /// What was found out about each, if it is to be kept.
    pub(super) analyses: Kept,
}

/// Validates all bodies on up to `threads` threads, the calling one included. (An engine has threads for that, and uses
/// [`Progress`].)
pub fn validate_all(bodies: &Bodies, module: &Module, threads: usize) -> Result<Validated> {
    let progress = Progress::new(module, Keep::Nothing);
    std::thread::scope(|scope| {
        for _ in 1..worthwhile_threads(module, threads) {
            // Without the thread the others do its share.
            let work = || progress.work(bodies, module);
            let _ = without_host_signals(|| std::thread::Builder::new().spawn_scoped(scope, work));
        }
        progress.work(bodies, module);
    });
    progress.finish(bodies, module)
}

/// How many of `threads` threads are worth their start.
pub fn worthwhile_threads(module: &Module, threads: usize) -> usize {
    threads.min(module.code_bytes() / BYTES_PER_THREAD + 1).min(module.bodies.len().div_ceil(CHUNK)).max(1)
}

/// Bodies that several threads validate, and what they have found.
pub struct Progress {
    next: AtomicUsize,
    /// Lowest invalid body; those behind it need no look. Chunks are handed out in order, so all before it have been
    /// taken by somebody, who finishes them: the final value is the lowest of all.
    invalid: AtomicUsize,
    outcome: Mutex<Outcome>,
    keep: Keep,
}

impl Progress {
    /// Nobody has looked at any body.
    pub fn new(module: &Module, keep: Keep) -> Progress {
        let (used, table_writes) = (module.features, TableWrites::None);
        let outcome = Outcome { checked: 0, error: None, used, indirect: Vec::new(), table_writes, made: Vec::new() };
        Progress {
            next: AtomicUsize::new(0),
            invalid: AtomicUsize::new(usize::MAX),
            outcome: Mutex::new(outcome),
            keep,
        }
    }

    /// Validates bodies that nobody has taken until there are none.
    pub fn work(&self, bodies: &Bodies, module: &Module) {
        let mut scratch = Scratch::default();
        let mut used = Features::default();
        let mut indirect = Vec::new();
        let mut table_writes = TableWrites::None;
        let mut checked = 0;
        let mut made = Made::default();
        loop {
            // Relaxed: the counter hands out indices and the bound saves work; results travel by the mutex.
            let start = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            let end = module.bodies.len().min(start + CHUNK);
            if start >= end || start > self.invalid.load(Ordering::Relaxed) {
                break;
            }
            for index in start..end {
                let func = DefinedFunc(index as u32);
                match check(bodies, module, func, &mut scratch) {
                    Ok(verdict) => {
                        checked += 1;
                        used = used | verdict.features;
                        table_writes = table_writes.max(verdict.table_writes);
                        if verdict.indirect_calls != 0 {
                            indirect.push((func, verdict.indirect_calls));
                        }
                        if let (Keep::Analyses, Some(analysis)) = (self.keep, &verdict.analysis) {
                            made.add(func, analysis, &scratch.analysis);
                        }
                    }
                    Err(error) => {
                        self.invalid.fetch_min(index, Ordering::Relaxed);
                        let mut outcome = self.outcome.lock().unwrap();
                        if outcome.error.as_ref().is_none_or(|(lowest, _)| index < *lowest) {
                            outcome.error = Some((index, error));
                        }
                        return;
                    }
                }
            }
        }
        let mut outcome = self.outcome.lock().unwrap();
        outcome.checked += checked;
        outcome.used = outcome.used | used;
        outcome.indirect.append(&mut indirect);
        outcome.table_writes = outcome.table_writes.max(table_writes);
        outcome.made.push(made);
    }

    /// What was found, after the last `work` has returned, of which there was one at least.
    pub fn finish(self, bodies: &Bodies, module: &Module) -> Result<Validated> {
        let outcome = self.outcome.into_inner().unwrap();
        match outcome.error {
            Some((_, error)) => Err(unsupported::explain(&error, &module.bytes, bodies.flags)),
            // A thread that panicked on the way has left bodies behind that nobody has looked at.
            None if outcome.checked != module.bodies.len() => {
                Err(Error::Bug { reason: "the validation of a body panicked".into() })
            }
            None => Ok(Validated {
                features: outcome.used,
                indirect_sites: IndirectSites::new(outcome.indirect),
                table_writes: outcome.table_writes,
                analyses: match self.keep {
                    Keep::Analyses => Kept::new(module.bodies.len(), outcome.made),
                    Keep::Nothing => Kept::default(),
                },
            }),
        }
    }
}

/// The first invalid body so far, and what the others use.
struct Outcome {
    /// Bodies that are valid.
    checked: usize,
    error: Option<(usize, wasmparser::Error)>,
    used: Features,
    /// Functions with indirect calls, and how many.
    indirect: Vec<(DefinedFunc, u32)>,
    table_writes: TableWrites,
    /// By the threads that are done.
    made: Vec<Made>,
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
