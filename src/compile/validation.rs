//! Going through all bodies of a module that exists already: workers do it in the background, with the priority of the top
//! tier; whoever needs to know does what they have left. All bodies are valid in the end, or the module has failed.
//!
//! Not here: modules that do not exist before their bodies are valid (`making`), the validation of a function that is about
//! to be compiled (`compilation`).

use std::sync::Arc;

use super::client::Unit;
use super::compilation::Compilation;
use super::pipeline::Pipeline;
use super::pool::Lane;
use crate::error::Result;
use crate::module::Chunk;
use crate::module::validate::Scratch;

/// Chunks of bodies in a task: some 100 us of work, which holds nobody up.
const CHUNKS_PER_TASK: usize = 4;

impl Pipeline {
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
