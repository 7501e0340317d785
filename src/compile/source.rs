//! Code that need not be compiled, because somebody kept it.
//!
//!     lazy call, unit of the pool, background -> claim (top tier) -> `Source::load` -> publish
//!
//! Whoever claims a function for the top tier asks the source before the compiler, and whoever needs a function's first
//! code asks for code of the top tier where the source has it: what is loaded is published by the same steps as what is
//! compiled. A source is asked for the first code of a function only; when code is to be made once more, it is compiled.
//! The tiers are claimed apart: who comes for the first code of a function while another thread has what is kept of it in
//! its hands does not wait for that, and compiles it by the baseline tier.
//!
//! Not here: where the code comes from, and whether it can be trusted (`warm`).

use super::compilation::{Compilation, Ready};
use super::counts::count;
use super::profile::format;
use super::state::Taken;
use crate::tier::Tier;
use crate::tier::compiled::CompiledCode;
use crate::types::DefinedFunc;

/// Where code came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u16)]
pub enum Origin {
    /// It was compiled.
    #[default]
    Compiled = 0,
    /// It was kept from another process, or from a module before.
    Loaded = 1,
}

/// Code of the top tier of a module's functions.
pub trait Source: Send + Sync {
    /// Whether there is code of a function, as far as is known.
    fn offers(&self, func: DefinedFunc) -> bool;

    /// The code of a function. `None`: there is none; it will not be offered any more.
    fn load(&self, func: DefinedFunc) -> Option<CompiledCode>;
}

impl Compilation {
    /// Whether the first code of a function can be loaded.
    pub(super) fn offers(&self, func: DefinedFunc) -> bool {
        let Some(source) = self.source() else { return false };
        let word = self.look(func);
        let may = word.reached() < Some(Tier::Top) && !word.is_refused(Tier::Top) && !word.is_denied();
        // At the first attempt, also while somebody is at it.
        let first = word.attempts() == u32::from(word.is_in_flight(Tier::Top));
        may && first && source.offers(func)
    }

    /// Loads a function that the caller has claimed for the top tier, if that is its first code of that tier.
    pub(super) fn load_claimed(&self, func: DefinedFunc, worker: u32) -> Option<Ready> {
        let source = self.source().filter(|_| self.look(func).attempts() == 1)?;
        self.timed(func, Tier::Top, worker, || source.load(func))
    }

    /// Claims and loads a function, in place of whatever code it would get first. `None`: it is to be compiled.
    pub(super) fn load(&self, func: DefinedFunc, worker: u32) -> Option<Ready> {
        if !self.offers(func) {
            return None;
        }
        self.claim(func, Tier::Top).ok()?;
        let ready = self.load_claimed(func, worker);
        if ready.is_none() {
            self.release(func, Tier::Top);
        }
        ready
    }

    /// Loads a function ahead of its first call; it then waits to be published. Says how many bytes its code has.
    pub(crate) fn load_ahead(&self, func: DefinedFunc, worker: u32) -> usize {
        self.load(func, worker).map_or(0, |ready| self.add_ready(ready))
    }

    /// Notes that the top tier has refused a function elsewhere, so that it is not tried again here.
    pub(crate) fn note_refused(&self, func: DefinedFunc) {
        if self.lowest() == Tier::Baseline && self.claim(func, Tier::Top).is_ok() {
            self.refused_elsewhere(func);
        }
    }

    /// Brings in the profile that a module was kept with. It is advice: one that cannot be read is none.
    pub(crate) fn import_kept_profile(&self, profile: impl FnOnce() -> Option<Vec<u8>>) {
        if let Some(data) = profile().and_then(|bytes| format::read(self.module(), None, &bytes).ok()) {
            self.profile().import_kept(data);
        }
    }

    /// Counts a function that was loaded.
    pub(super) fn count_loaded(&self) {
        count(&self.counters().loaded);
    }

    /// Claims the first code of a function: of the tier that is returned, with what is claimed to be loaded.
    pub(super) fn claim_first(&self, func: DefinedFunc) -> (Tier, Result<(), Taken>) {
        let tier = if self.offers(func) { Tier::Top } else { self.lowest() };
        (tier, self.claim(func, tier))
    }
}
