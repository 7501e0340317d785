//! Which bodies of a module are known to be valid.
//!
//! While a module is made, that is all of them up to one ([`Validity::UpTo`], moved by `validate::Progress`). The rest of
//! this file is about modules whose bodies are validated after they were made.
//!
//! In: a decoded module whose bodies nobody has looked at. Out: for each body that somebody wants to compile, whether it
//! is valid; for the module, the first body that was found not to be. From then on the module is one that has failed:
//! bodies that were not known to be valid by then count as invalid too.
//!
//! Any thread validates any body, at any time; two that meet at the same body both do, with the same outcome. Nobody
//! waits for anybody.
//!
//! # Orderings
//!
//! A bit of `valid` is itself the message: what it speaks of, bytes and sections, is older than the module's first
//! sharing and never changes. So bits are Relaxed. `left` counts bits that are missing; whoever reads 0 may also want the
//! features of all bodies, which were noted before: hence Release and Acquire there.
//!
//! Not here: who validates when (`compile/validation.rs`), how a body is validated (`validate`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::module::validate::{self, Bodies, Scratch};
use crate::module::{Features, Module};
use crate::sync::{ForkMutex, zeroed_table};
use crate::types::{DefinedFunc, FuncIndex};

/// What is known of the bodies of a module.
pub(crate) enum Validity {
    /// So many are valid, from the first one on. All are, once the module is made.
    UpTo(AtomicUsize),
    /// It is found out one by one.
    Deferred(Box<Deferred>),
}

impl Default for Validity {
    fn default() -> Validity {
        Validity::UpTo(AtomicUsize::new(0))
    }
}

/// Of a module whose bodies are validated after it was made.
pub(crate) struct Deferred {
    /// What validation needs; dropped when the last body is valid.
    bodies: ForkMutex<Option<Arc<Bodies>>>,
    /// A bit for each body that is valid.
    valid: Box<[AtomicU64]>,
    /// How many are not known to be.
    left: AtomicUsize,
    /// Features of those that are.
    used: AtomicU64,
    /// The first body from which nobody who goes through all of them has looked at.
    next: AtomicUsize,
    invalid: ForkMutex<Option<Arc<Invalid>>>,
    /// 1 as soon as `invalid` is set.
    has_failed: AtomicUsize,
}

/// The first body that was found to be invalid.
#[derive(Debug)]
pub struct Invalid {
    /// Whose body it is.
    pub func: FuncIndex,
    /// Where in the module the error is.
    pub offset: u64,
    defect: Defect,
}

/// What is wrong with a body.
#[derive(Debug)]
enum Defect {
    /// The reason.
    Invalid(Box<str>),
    /// The feature.
    Unsupported(Box<str>),
}

impl Invalid {
    fn new(func: FuncIndex, error: Error) -> Invalid {
        match error {
            Error::Unsupported { offset, feature } => Invalid { func, offset, defect: Defect::Unsupported(feature) },
            Error::Invalid { offset, reason } => Invalid { func, offset, defect: Defect::Invalid(reason) },
            other => Invalid { func, offset: 0, defect: Defect::Invalid(other.to_string().into()) },
        }
    }

    /// What the module would have been refused with.
    pub fn error(&self) -> Error {
        let offset = self.offset;
        match &self.defect {
            Defect::Invalid(reason) => Error::Invalid { offset, reason: reason.clone() },
            Defect::Unsupported(feature) => Error::Unsupported { offset, feature: feature.clone() },
        }
    }
}

/// Why a body is not to be compiled.
pub enum Rejected {
    /// It is the first one of its module that is invalid: somebody is to be told.
    First(Arc<Invalid>),
    /// The module had failed before.
    Again(Arc<Invalid>),
}

impl Rejected {
    /// The first invalid body.
    pub fn invalid(&self) -> &Invalid {
        let (Rejected::First(invalid) | Rejected::Again(invalid)) = self;
        invalid
    }
}

/// Bodies that a thread takes at once.
const CHUNK: usize = 32;

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Yes.
    More,
    /// Every body has been taken by somebody, who may still be at it.
    Last,
}

impl Deferred {
    pub(super) fn new(module: &Module, bodies: Bodies) -> Deferred {
        let count = module.bodies.len();
        Deferred {
            bodies: ForkMutex::new(Some(Arc::new(bodies))),
            valid: zeroed_table(count.div_ceil(64)),
            left: AtomicUsize::new(count),
            used: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            invalid: ForkMutex::new(None),
            has_failed: AtomicUsize::new(0),
        }
    }

    fn is_valid(&self, func: DefinedFunc) -> bool {
        // Relaxed: see the header.
        self.valid[func.index() / 64].load(Ordering::Relaxed) >> (func.index() % 64) & 1 == 1
    }

    fn note_valid(&self, func: DefinedFunc, features: Features) {
        // Relaxed: `left` hands it over.
        self.used.fetch_or(features.0, Ordering::Relaxed);
        let bit = 1 << (func.index() % 64);
        // Relaxed: see the header.
        if self.valid[func.index() / 64].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        // Release: pairs with the Acquire in `is_complete`. AcqRel, so that the features of all go along.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let bodies = self.bodies.lock().take();
            drop(bodies);
        }
    }

    fn is_complete(&self) -> bool {
        // Acquire: pairs with the Release in `note_valid`.
        self.left.load(Ordering::Acquire) == 0
    }

    fn invalid(&self) -> Option<Arc<Invalid>> {
        // Relaxed: the lock hands it over.
        if self.has_failed.load(Ordering::Relaxed) == 0 { None } else { self.invalid.lock().clone() }
    }

    fn reject(&self, func: FuncIndex, error: Error) -> Rejected {
        let mut invalid = self.invalid.lock();
        if let Some(first) = &*invalid {
            return Rejected::Again(first.clone());
        }
        let first = Arc::new(Invalid::new(func, error));
        *invalid = Some(first.clone());
        // Relaxed: as in `invalid`.
        self.has_failed.store(1, Ordering::Relaxed);
        Rejected::First(first)
    }
}

impl Module {
    /// The first `count` bodies are valid.
    pub(super) fn note_valid_up_to(&self, count: usize) {
        if let Validity::UpTo(valid) = &self.validity {
            // Relaxed: as with the bits of `valid`, it is itself the message. Nobody moves it back: a lock is held.
            valid.store(count, Ordering::Relaxed);
        }
    }

    /// Whether a body is known to be valid.
    pub fn is_valid(&self, func: DefinedFunc) -> bool {
        match &self.validity {
            // Relaxed: as above.
            Validity::UpTo(valid) => func.index() < valid.load(Ordering::Relaxed),
            Validity::Deferred(deferred) => deferred.is_valid(func),
        }
    }

    /// Whether all bodies are known to be valid.
    pub fn is_all_valid(&self) -> bool {
        match &self.validity {
            // Relaxed: as above.
            Validity::UpTo(valid) => valid.load(Ordering::Relaxed) == self.bodies.len(),
            Validity::Deferred(deferred) => deferred.is_complete(),
        }
    }

    /// The first body that was found to be invalid, if one was: then the module cannot be used.
    pub fn invalid(&self) -> Option<Arc<Invalid>> {
        match &self.validity {
            Validity::UpTo(_) => None,
            Validity::Deferred(deferred) => deferred.invalid(),
        }
    }

    /// Validates a body, unless that has happened. In a module that has failed, whatever is not valid by then is
    /// rejected.
    pub fn ensure_valid(&self, func: DefinedFunc, scratch: &mut Scratch) -> Result<(), Rejected> {
        let Validity::Deferred(deferred) = &self.validity else { return Ok(()) };
        if deferred.is_valid(func) {
            return Ok(());
        }
        if let Some(first) = deferred.invalid() {
            return Err(Rejected::Again(first));
        }
        // Nothing to validate it by: the last body has just become valid.
        let Some(bodies) = deferred.bodies.lock().clone() else { return Ok(()) };
        match validate::validate(&bodies, self, func, scratch) {
            Ok(features) => {
                deferred.note_valid(func, features);
                Ok(())
            }
            Err(error) => Err(deferred.reject(self.func_index(func), error)),
        }
    }

    /// Validates the next few bodies of those that nobody has taken. Only if the module is not known to be valid.
    pub fn validate_chunk(&self, scratch: &mut Scratch) -> Result<Chunk, Rejected> {
        let Validity::Deferred(deferred) = &self.validity else { return Ok(Chunk::Last) };
        // Relaxed: the counter hands out indices, nothing else.
        let start = deferred.next.fetch_add(CHUNK, Ordering::Relaxed);
        let end = self.bodies.len().min(start.saturating_add(CHUNK));
        for index in start..end {
            self.ensure_valid(DefinedFunc(index as u32), scratch)?;
        }
        Ok(if end < self.bodies.len() && start < end { Chunk::More } else { Chunk::Last })
    }

    /// Validates whatever is not known to be valid, also what others are at.
    pub fn validate_rest(&self, scratch: &mut Scratch) -> Result<(), Rejected> {
        while self.validate_chunk(scratch)? == Chunk::More {}
        if !self.is_all_valid() {
            for func in (0..self.bodies.len() as u32).map(DefinedFunc) {
                self.ensure_valid(func, scratch)?;
            }
        }
        Ok(())
    }

    /// How many chunks there are, about.
    pub fn chunk_count(&self) -> usize {
        self.bodies.len().div_ceil(CHUNK)
    }

    /// Features of the bodies that were found to be valid after the module was made.
    pub(super) fn deferred_features(&self) -> Features {
        match &self.validity {
            Validity::UpTo(_) => Features::default(),
            // Relaxed: more of them may come; who has seen that the module is valid has seen all.
            Validity::Deferred(deferred) => Features(deferred.used.load(Ordering::Relaxed)),
        }
    }
}
