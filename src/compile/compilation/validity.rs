//! Bodies that are validated after their module was made: what a module does that turns out not to be valid.
//!
//! The first invalid body, whoever finds it, makes the module one that has failed: its background work stops, the event
//! says so, and what was not known to be valid by then is refused. Code that runs goes on.
//!
//! Not here: what is known of which body (`module/validity.rs`), who goes through all of them (`compile/validation.rs`).

use super::{Compilation, Stopped};
use crate::compile::events::{Event, EventKind};
use crate::error::{Error, Result};
use crate::module::validate::Scratch;
use crate::module::{Chunk, Rejected};
use crate::types::DefinedFunc;

impl Compilation {
    /// Sees to it that a body is valid before it is compiled.
    pub(in crate::compile) fn ensure_valid(&self, func: DefinedFunc, scratch: &mut Scratch) -> Result<()> {
        self.module.ensure_valid(func, scratch).map_err(|rejected| self.rejected(&rejected))
    }

    /// Sees to it that the bytes of a body can be had, if they are fetched when they are needed.
    pub(in crate::compile) fn ensure_there(&self, func: DefinedFunc) -> Result<()> {
        if self.module.wire().has(self.module.body_range(func)) {
            return Ok(());
        }
        Err(Error::Compile { func: self.module.func_index(func), reason: "its bytes are damaged".into() })
    }

    /// Validates the next few bodies that nobody has taken.
    pub(in crate::compile) fn validate_chunk(&self, scratch: &mut Scratch) -> Result<Chunk> {
        self.module.validate_chunk(scratch).map_err(|rejected| self.rejected(&rejected))
    }

    /// Validates all bodies that are not known to be valid.
    pub(in crate::compile) fn validate_rest(&self, scratch: &mut Scratch) -> Result<()> {
        self.module.validate_rest(scratch).map_err(|rejected| self.rejected(&rejected))
    }

    fn rejected(&self, rejected: &Rejected) -> Error {
        let invalid = rejected.invalid();
        if let Rejected::First(_) = rejected {
            // First, so that nothing that ends by it counts as finished.
            self.stop(Stopped::Failed);
            let (func, status) = (invalid.func.0, invalid.error().status());
            self.events.post(Event { func, status, ..Event::new(EventKind::Failed) });
        }
        invalid.error()
    }
}
