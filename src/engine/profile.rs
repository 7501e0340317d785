//! What a host can ask about how a module has run.
//!
//! Not here: counting and snapshots (`compile::profile`).

use std::path::Path;
use std::sync::Arc;

use super::CompiledModule;
use super::module::CompiledModuleInner;
use crate::compile::advice;
use crate::compile::profile::{FunctionRecord, ProfileData, Reach, format, sections};
use crate::config::Tiers;
use crate::error::Result;
use crate::runtime::lazy::on_compile_stack;
use crate::types::{DefinedFunc, FuncIndex, Tier};
use crate::warm::profile_file;

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
        self.profile_and_kept().0
    }

    /// The profile, and what part of it the module was kept with.
    pub(super) fn profile_and_kept(&self) -> (ProfileData, Option<Arc<ProfileData>>) {
        self.compilation.profile().data_and_kept(&self.code, |func| self.reach(func))
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
        format::write(self.hash(), Some(self.module()), &self.profile())
    }

    /// Adds what another run has found out about the same module. It counts as if it had been counted here, for what is
    /// compiled from now on. `eagerness` says what becomes of functions that had code of the top tier there.
    pub fn import_profile(&self, bytes: &[u8], eagerness: Eagerness) -> Result<()> {
        let data = format::read(self.module(), Some(self.hash()), bytes)?;
        self.compilation().profile().import(&data);
        let run = advice::by_heat(self.module(), &data);
        if eagerness == Eagerness::Wait {
            return Ok(());
        }
        on_compile_stack(self.engine(), || {
            let (pipeline, compilation) = (self.engine().pipeline(), self.compilation());
            // The newest of a queue is taken first.
            pipeline.request_first(compilation, &run.iter().rev().map(|(func, _)| *func).collect::<Vec<_>>());
            if self.engine().config().tiers == Tiers::Both {
                let hot = run.iter().take_while(|(_, reach)| *reach == Reach::Top);
                hot.for_each(|(func, _)| _ = pipeline.request(compilation, *func, Tier::Top, 0));
            }
            Ok(())
        })
    }

    /// As [`CompiledModule::export_profile`], into a file, which is replaced as a whole or not at all.
    pub fn export_profile_to(&self, path: &Path) -> Result<()> {
        profile_file::write(path, &self.export_profile())
    }

    /// As [`CompiledModule::import_profile`], from a file.
    pub fn import_profile_from(&self, path: &Path, eagerness: Eagerness) -> Result<()> {
        self.import_profile(&profile_file::read(path)?, eagerness)
    }

    /// What is known of how the module has run as hints, for any engine: custom sections that belong in front of its code.
    pub fn export_hints(&self) -> Vec<u8> {
        sections::write(self.module(), &self.profile())
    }

    /// The module with these sections in the place of those that it has: the same program.
    pub fn export_with_hints(&self) -> Vec<u8> {
        sections::insert(self.module(), &self.export_hints())
    }
}

/// Adds up profiles of one module, which need not be there.
pub fn merge_profiles(profiles: &[&[u8]]) -> Result<Vec<u8>> {
    format::merge(profiles)
}

/// The profile in a file.
pub fn read_profile(path: &Path) -> Result<Vec<u8>> {
    profile_file::read(path)
}
