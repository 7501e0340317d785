//! What a host can ask about how a module has run.
//!
//! Not here: counting and snapshots (`compile::profile`).

use super::CompiledModule;
use crate::compile::profile::ProfileData;

impl CompiledModule {
    /// How the module has run so far: what its baseline code has counted, and what was brought in from elsewhere.
    pub fn profile(&self) -> ProfileData {
        let compilation = self.compilation();
        compilation.profile().data(self.code(), |func| compilation.look(func))
    }

    /// How often each of its own functions was called by the module's code, as far as a profile tells.
    pub fn calls_of_functions(&self, data: &ProfileData) -> Vec<u64> {
        self.compilation().profile().calls_of_functions(data)
    }
}
