//! Functions that the top tier compiles twice.
//!
//! Not here: when that is worth it (`compile/tiering.rs`), how often it may be (`State::allow_second`).

use super::super::counts::count;
use super::Compilation;
use crate::types::DefinedFunc;

impl Compilation {
    /// Whether a function that is claimed for the top tier is compiled for the first of two times.
    pub(super) fn is_first_of_two(&self, func: DefinedFunc) -> bool {
        self.look(func).attempts() == 1 && self.plan.may_repeat(func.0)
    }

    /// Allows a second compilation by the top tier; see `State::allow_second`.
    pub fn allow_second(&self, func: DefinedFunc) -> bool {
        let (change, allowed) = self.states[func.index()].allow_second();
        self.account(change);
        if allowed {
            count(&self.counters.repeated);
        }
        allowed
    }
}
