//! Going through all bodies of a module.
//!
//! Before it exists: its maker does it, and workers that are free help. The outcome is the maker's.
//!
//! Afterwards: workers do it in the background, with the priority of the top tier; whoever needs to know does what they
//! have left. All bodies are valid in the end, or the module has failed.
//!
//! Not here: the validation of a function that is about to be compiled (`compilation`).

use std::sync::Arc;

use super::client::Unit;
use super::compilation::Compilation;
use super::pipeline::Pipeline;
use super::pool::{Lane, Waited};
use crate::error::Result;
use crate::module::body::Keep;
use crate::module::decode::Decoded;
use crate::module::validate::{Progress, Scratch, worthwhile_threads};
use crate::module::{Chunk, Module};
use crate::sync::yield_now;

/// Chunks of bodies in a task: some 100 us of work, which holds nobody up.
const CHUNKS_PER_TASK: usize = 4;

/// A module that is being made.
struct Making {
    decoded: Decoded,
    progress: Progress,
}

impl Making {
    fn work(&self) {
        self.progress.work(&self.decoded.bodies, &self.decoded.module);
    }
}

impl Pipeline {
    /// Validates the bodies of a module that is being made under this number, on up to `threads` threads, the calling one
    /// included; 0 = a number for all modules that will not exist.
    pub(crate) fn validate_now(&self, module: u64, decoded: Decoded, threads: usize, keep: Keep) -> Result<Module> {
        let progress = Progress::new(&decoded.module, keep);
        let helpers = worthwhile_threads(&decoded.module, threads) - 1;
        let mut making = Arc::new(Making { decoded, progress });
        if helpers > 0 {
            let task = || {
                let making = making.clone();
                Unit::task(module, Lane::Baseline, move || making.work())
            };
            self.pool().add_units((0..helpers).map(|_| task()).collect());
        }
        making.work();
        if helpers > 0 {
            // All bodies are taken: whoever has not begun is not needed.
            self.pool().cancel(module);
        }
        let Making { decoded, progress } = loop {
            making = match Arc::try_unwrap(making) {
                Ok(making) => break making,
                Err(shared) => shared,
            };
            let is_alone = || Arc::strong_count(&making) == 1;
            if self.pool().wait_until(Lane::Baseline, None, &is_alone) == Waited::Closed {
                // The engine is shut down, and a worker is at its last chunk.
                yield_now();
            }
        };
        let validated = progress.finish(&decoded.bodies, &decoded.module)?;
        Ok(decoded.validated(validated))
    }

    /// Has the workers validate all bodies. Where nobody would, each is validated when it is needed.
    pub(crate) fn validate_in_background(&self, compilation: &Arc<Compilation>) {
        let count = compilation.module().chunk_count().div_ceil(CHUNKS_PER_TASK);
        let task = || {
            let compilation = compilation.clone();
            Unit::task(compilation.id(), Lane::Top, move || validate_some(&compilation))
        };
        if count > 0 && !compilation.module().is_all_valid() {
            self.pool().add_units((0..count).map(|_| task()).collect());
        }
    }

    /// Validates what is not known to be valid. Fails with what is wrong with the first body that was found not to be.
    pub fn validate_rest(&self, compilation: &Arc<Compilation>) -> Result<()> {
        if compilation.module().is_all_valid() {
            return Ok(());
        }
        self.with_scratch(0, |scratch| compilation.validate_rest(&mut scratch.validation))
    }
}

/// A task of the background. What is found is told by the compilation.
fn validate_some(compilation: &Compilation) {
    let mut scratch = Scratch::default();
    for _ in 0..CHUNKS_PER_TASK {
        if compilation.stopped().is_some() || compilation.validate_chunk(&mut scratch).ok() != Some(Chunk::More) {
            break;
        }
    }
}
