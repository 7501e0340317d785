//! Code as it was before linking: what can be kept in another process, or on another machine.
//!
//! Not here: what is kept beside installed code for that (`kept`), what it is taken out for (`warm`).

use super::super::map::Installed;
use super::{ModuleCode, NewCode, State};
use crate::tier::compiled::{CodeKind, CompiledCode};
use crate::types::DefinedFunc;

/// What is kept of code that is published, besides what running it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    /// Nothing.
    Nothing,
    /// Of functions of the top tier, what [`ModuleCode::unlinked`] needs.
    Unlinked,
    /// All of it: it is for another machine, and is placed nowhere.
    Elsewhere,
}

impl ModuleCode {
    /// The code of the top tier that callers now get, as it was before linking, sorted; what was not kept
    /// ([`Retain`]) is left out.
    pub fn unlinked(&self) -> Vec<(DefinedFunc, CompiledCode)> {
        let mut units: Vec<(DefinedFunc, &Installed)> = Vec::new();
        {
            let state = self.state.lock();
            if self.retain == Retain::Elsewhere {
                let mut all = state.elsewhere.clone();
                all.sort_unstable_by_key(|(func, _)| *func);
                return all;
            }
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

    /// Counts code as published that is for another machine. All of it is better than what there is.
    pub(super) fn keep_elsewhere(&self, batch: &mut Vec<NewCode>) {
        let mut state = self.state.lock();
        let State { versions, counts, code_size, elsewhere, .. } = &mut *state;
        for NewCode { func, version, code } in batch.drain(..) {
            if let Some(before) = versions[func.index()].replace(version) {
                *counts.of(before.tier) -= 1;
                elsewhere.retain(|(other, _)| *other != func);
            }
            *counts.of(version.tier) += 1;
            *code_size += code.bytes.len();
            elsewhere.push((func, code));
        }
    }
}
