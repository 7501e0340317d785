//! What a host can ask about how a module has run.
//!
//! Not here: counting and snapshots (`compile::profile`).

use super::CompiledModule;
use super::module::CompiledModuleInner;
use crate::compile::profile::{FunctionRecord, ProfileData, Reach, format};
use crate::config::Tiers;
use crate::error::Result;
use crate::types::{DefinedFunc, FuncIndex, Tier};

/// What becomes of functions that a profile says to be hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// They move to the top tier when they are hot here, too.
    Wait,
    /// They are compiled by the top tier now, in the background.
    TierUp,
}

impl CompiledModuleInner {
    pub(super) fn profile(&self) -> ProfileData {
        self.compilation.profile().data(&self.code, |func| self.reach(func))
    }

    /// How far a function got in this process.
    pub(super) fn reach(&self, func: DefinedFunc) -> Reach {
        let reached = self.compilation.look(func).reached();
        match &self.budgets {
            _ if reached == Some(Tier::Top) => Reach::Top,
            Some(budgets) if budgets.was_run(func) => Reach::Run,
            // Nothing is counted: what is compiled when it is called, and is compiled, was called.
            None if reached.is_some() && self.compilation.plan().required(func.0).0.is_none() => Reach::Run,
            _ => Reach::Nowhere,
        }
    }
}

impl CompiledModule {
    /// How the module has run so far: what its baseline code has counted, and what was brought in from elsewhere.
    pub fn profile(&self) -> ProfileData {
        self.inner().profile()
    }

    /// How a function has run so far; `None` if the module does not define it.
    pub fn function_profile(&self, func: FuncIndex) -> Option<FunctionRecord> {
        let func = self.module().defined_func(func).filter(|func| func.index() < self.module().defined_func_count())?;
        Some(self.compilation().profile().function(self.code(), func, self.inner().reach(func)))
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
            let hot = data.functions.iter().filter(|(_, record)| record.reach == Reach::Top);
            let hot: Vec<FuncIndex> = hot.map(|(func, _)| self.module().func_index(*func)).collect();
            self.request_tiers(&hot, Tier::Top, 0)?;
        }
        Ok(())
    }
}
