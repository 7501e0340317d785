//! What a host can ask about how a module has run.
//!
//! Not here: counting and snapshots (`compile::profile`).

use super::CompiledModule;
use crate::compile::profile::{FunctionRecord, ProfileData, Top, format};
use crate::config::Tiers;
use crate::error::Result;
use crate::types::{FuncIndex, Tier};

/// What becomes of functions that a profile says to be hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// They move to the top tier when they are hot here, too.
    Wait,
    /// They are compiled by the top tier now, in the background.
    TierUp,
}

impl CompiledModule {
    /// How the module has run so far: what its baseline code has counted, and what was brought in from elsewhere.
    pub fn profile(&self) -> ProfileData {
        let compilation = self.compilation();
        compilation.profile().data(self.code(), |func| compilation.look(func))
    }

    /// How a function has run so far; `None` if the module does not define it.
    pub fn function_profile(&self, func: FuncIndex) -> Option<FunctionRecord> {
        let reached = self.function(func)?.word.reached();
        let func = self.module().defined_func(func)?;
        Some(self.compilation().profile().function(self.code(), func, reached))
    }

    /// The profile as bytes, for [`CompiledModule::import_profile`] in another process, or here.
    pub fn export_profile(&self) -> Vec<u8> {
        format::write(self.module(), &self.profile())
    }

    /// Adds what another run has found out about the same module. It counts as if it had been counted here, for what is
    /// compiled from now on. `eagerness` says what becomes of functions that had code of the top tier there.
    pub fn import_profile(&self, bytes: &[u8], eagerness: Eagerness) -> Result<()> {
        let data = format::read(self.module(), bytes)?;
        self.compilation().profile().import(&data);
        if eagerness == Eagerness::TierUp && self.engine().config().tiers == Tiers::Both {
            let hot = data.functions.iter().filter(|(_, record)| record.top == Top::Reached);
            let hot: Vec<FuncIndex> = hot.map(|(func, _)| self.module().func_index(*func)).collect();
            self.request_tiers(&hot, Tier::Top, 0)?;
        }
        Ok(())
    }

    /// How often each of its own functions was called by the module's code, as far as a profile tells.
    pub fn calls_of_functions(&self, data: &ProfileData) -> Vec<u64> {
        self.compilation().profile().calls_of_functions(data)
    }
}
