//! Code that was published, as it was before: for whoever keeps it.
//!
//! Not here: what that needs (`kept`), what is made of it (`warm`).

use super::super::map::Installed;
use super::ModuleCode;
use crate::tier::compiled::{CodeKind, CompiledCode};
use crate::types::DefinedFunc;

impl ModuleCode {
    /// The code of the top tier that callers now get, as it was before linking, sorted; what was not kept
    /// ([`Retain`]) is left out.
    pub fn unlinked(&self) -> Vec<(DefinedFunc, CompiledCode)> {
        let mut units: Vec<(DefinedFunc, &Installed)> = Vec::new();
        {
            let state = self.state.lock();
            for placed in &state.batches {
                // SAFETY: from `Box::into_raw`; freed by `clear`, whose caller keeps it from happening meanwhile, and when
                // `self` is dropped.
                let batch = unsafe { &*placed.batch };
                for unit in &batch.functions {
                    if let CodeKind::Function(func) = unit.kind
                        && unit.kept.is_some()
                        && let Some(func) = self.module.defined_func(func)
                        && self.entry(func) == unit.entry
                    {
                        units.push((func, unit));
                    }
                }
            }
        }
        units.sort_unstable_by_key(|(func, _)| *func);
        let restore = |(func, unit): (DefinedFunc, &Installed)| {
            // SAFETY: finished code, which nobody changes, of a unit that lives as just said; it can be read wherever it
            // can be run.
            let linked = unsafe { std::slice::from_raw_parts(unit.start as *const u8, unit.len) };
            Some((func, unit.kept.as_ref()?.restore(unit, linked)?))
        };
        units.into_iter().filter_map(restore).collect()
    }
}
