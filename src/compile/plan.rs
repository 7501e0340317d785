//! What a strategy requires of each function.
//!
//! Not here: compiling it.

use std::collections::HashMap;

use super::state::Word;
use crate::config::{Strategy, Tiers};
use crate::tier::Tier;

/// The strategy of a module, with exceptions for single functions. Frozen when the module is made.
#[derive(Clone, Debug)]
pub struct Plan {
    strategy: Strategy,
    tiers: Tiers,
    overrides: HashMap<u32, Strategy>,
}

impl Plan {
    /// A plan; the overrides name functions among those that the module defines.
    pub fn new(strategy: Strategy, tiers: Tiers, overrides: impl IntoIterator<Item = (u32, Strategy)>) -> Plan {
        Plan { strategy, tiers, overrides: overrides.into_iter().collect() }
    }

    /// The strategy of the module.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The tier of first code.
    pub fn lowest(&self) -> Tier {
        self.tiers.lowest()
    }

    /// The tier of the best code.
    pub fn highest(&self) -> Tier {
        self.tiers.highest()
    }

    fn strategy_of(&self, func: u32) -> Strategy {
        self.overrides.get(&func).copied().unwrap_or(self.strategy)
    }

    /// The tiers that are required of a function: before the module counts as ready, and in the end.
    pub fn required(&self, func: u32) -> (Option<Tier>, Option<Tier>) {
        let (lowest, highest) = (self.lowest(), self.highest());
        match self.strategy_of(func) {
            Strategy::Lazy => (None, None),
            Strategy::Eager | Strategy::EagerBackground => (Some(lowest), Some(lowest)),
            Strategy::LazyBaselineEagerTop => (None, Some(highest).filter(|tier| *tier == Tier::Top)),
        }
    }

    /// Whether the top tier may compile a function twice by itself: unless the strategy sends it there at once.
    pub fn may_repeat(&self, func: u32) -> bool {
        self.tiers == Tiers::Both && self.strategy_of(func) != Strategy::LazyBaselineEagerTop
    }

    pub(super) fn word(&self, func: u32) -> Word {
        let (first, top) = self.required(func);
        Word::new(first, top)
    }

    /// Whether whoever makes the module waits until it is ready.
    pub fn is_awaited(&self) -> bool {
        self.strategy == Strategy::Eager
    }

    /// Whether all of its functions are compiled by the top tier before it exists.
    pub(super) fn is_whole(&self, functions: usize) -> bool {
        let all = self.strategy == Strategy::Eager
            && self.overrides.values().all(|strategy| matches!(strategy, Strategy::Eager | Strategy::EagerBackground));
        all && self.tiers == Tiers::Top && functions > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tier::{Baseline, Top};

    #[test]
    fn strategies_require_what_their_documentation_says() {
        let both = [
            (Strategy::Lazy, (None, None)),
            (Strategy::Eager, (Some(Baseline), Some(Baseline))),
            (Strategy::EagerBackground, (Some(Baseline), Some(Baseline))),
            (Strategy::LazyBaselineEagerTop, (None, Some(Top))),
        ];
        for (strategy, required) in both {
            assert_eq!(Plan::new(strategy, Tiers::Both, []).required(0), required, "{strategy:?}");
        }
        assert_eq!(Plan::new(Strategy::LazyBaselineEagerTop, Tiers::Baseline, []).required(0), (None, None));
        assert_eq!(Plan::new(Strategy::LazyBaselineEagerTop, Tiers::Top, []).required(0), (None, Some(Top)));
        assert_eq!(Plan::new(Strategy::Eager, Tiers::Top, []).required(0), (Some(Top), Some(Top)));
    }

    #[test]
    fn one_lazy_function_keeps_a_module_from_being_linked_as_a_whole() {
        assert!(Plan::new(Strategy::Eager, Tiers::Top, []).is_whole(3));
        assert!(!Plan::new(Strategy::Eager, Tiers::Top, [(1, Strategy::Lazy)]).is_whole(3));
        assert!(!Plan::new(Strategy::EagerBackground, Tiers::Top, []).is_whole(3));
        assert!(!Plan::new(Strategy::Eager, Tiers::Both, []).is_whole(3));
        let plan = Plan::new(Strategy::Lazy, Tiers::Top, [(1, Strategy::Eager)]);
        assert_eq!((plan.required(0), plan.required(1)), ((None, None), (Some(Top), Some(Top))));
    }
}
