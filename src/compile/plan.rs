//! What a strategy requires of each function.
//!
//! What hints and profiles advise for single functions changes what the strategy says, where the host has not said
//! otherwise for them: a function that is known to run is compiled before it is called, a hot one by the top tier, too.
//! Nobody waits for that code, unless the strategy is one that is awaited. Where a profile says what ran, what did not
//! is compiled at its first call, also if the strategy is eager.
//!
//! Not here: compiling it, where advice comes from (`advice`).

use std::collections::HashMap;
use std::sync::Arc;

use super::profile::ProfileData;
use super::state::Word;
use crate::config::{Strategy, Tiers};
use crate::tier::Tier;

/// What is known of a function before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The function, among those that the module defines.
    pub func: u32,
    /// It will run: its place in the order of first code, lower ones first.
    pub first: Option<u32>,
    /// It is hot: its place among such functions.
    pub top: Option<u32>,
}

/// The strategy of a module, with exceptions for single functions. Frozen when the module is made.
#[derive(Clone, Debug)]
pub struct Plan {
    strategy: Strategy,
    tiers: Tiers,
    overrides: HashMap<u32, Strategy>,
    /// Sorted by function.
    advice: Box<[Advice]>,
    /// How the module has run elsewhere.
    known: Option<Arc<ProfileData>>,
}

impl Plan {
    /// A plan; the overrides name functions among those that the module defines.
    pub fn new(strategy: Strategy, tiers: Tiers, overrides: impl IntoIterator<Item = (u32, Strategy)>) -> Plan {
        Plan { strategy, tiers, overrides: overrides.into_iter().collect(), advice: Box::default(), known: None }
    }

    /// The plan, with advice: sorted by function, one for each.
    pub fn with_advice(self, advice: Vec<Advice>) -> Plan {
        Plan { advice: advice.into(), ..self }
    }

    /// The plan of a module that has run elsewhere.
    pub fn with_profile(self, known: Option<Arc<ProfileData>>) -> Plan {
        Plan { known, ..self }
    }

    pub(super) fn known(&self) -> Option<&Arc<ProfileData>> {
        self.known.as_ref()
    }

    /// Whether there is any advice.
    pub(super) fn is_advised(&self) -> bool {
        !self.advice.is_empty()
    }

    /// What is known of a function, if the host has not said what is to become of it.
    pub(super) fn advice(&self, func: u32) -> Option<Advice> {
        let found = self.advice.binary_search_by_key(&func, |advice| advice.func).ok()?;
        Some(self.advice[found]).filter(|_| !self.overrides.contains_key(&func))
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
        let (mut first, mut top) = match self.strategy_of(func) {
            Strategy::Eager | Strategy::EagerBackground if self.is_left_to_its_first_call(func) => (None, None),
            Strategy::Lazy => (None, None),
            Strategy::Eager | Strategy::EagerBackground => (Some(lowest), Some(lowest)),
            Strategy::LazyBaselineEagerTop => (None, Some(highest).filter(|tier| *tier == Tier::Top)),
        };
        if let Some(advice) = self.advice(func) {
            first = first.or(advice.first.map(|_| lowest));
            top = top.max(first).max(advice.top.map(|_| highest).filter(|tier| *tier == Tier::Top));
        }
        (first, top)
    }

    /// The tiers that are required of every function, if they are the same for all.
    pub(super) fn required_of_all(&self) -> Option<(Option<Tier>, Option<Tier>)> {
        (self.overrides.is_empty() && self.advice.is_empty()).then(|| self.required(0))
    }

    /// Whether the top tier may compile a function twice by itself: unless the strategy sends it there at once.
    pub fn may_repeat(&self, func: u32) -> bool {
        self.tiers == Tiers::Both && self.strategy_of(func) != Strategy::LazyBaselineEagerTop
    }

    /// Whether a function did not run where the module ran before: its code can wait, and nobody need wait for it. Not
    /// where all code is linked as one.
    fn is_left_to_its_first_call(&self, func: u32) -> bool {
        self.known.is_some()
            && self.lowest() == Tier::Baseline
            && !self.overrides.contains_key(&func)
            && self.advice(func).is_none()
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
        let all = Plan::new(Strategy::Eager, Tiers::Top, []);
        assert_eq!((all.required(0), all.required_of_all()), ((Some(Top), Some(Top)), Some((Some(Top), Some(Top)))));
        assert_eq!(Plan::new(Strategy::Eager, Tiers::Top, [(3, Strategy::Lazy)]).required_of_all(), None);
    }

    #[test]
    fn advice_adds_to_the_strategy_and_yields_to_the_host() {
        let advice = [(0, Some(1), None), (1, Some(0), Some(0)), (2, None, Some(1)), (3, Some(2), Some(2))];
        let advice: Vec<Advice> = advice.map(|(func, first, top)| Advice { func, first, top }).into();
        let plan = |strategy, tiers| Plan::new(strategy, tiers, [(3, Strategy::Lazy)]).with_advice(advice.clone());
        let required = |plan: Plan| [0, 1, 2, 3, 4].map(|func| plan.required(func));
        let (base, top) = (Some(Baseline), Some(Top));
        let expected = [(base, base), (base, top), (None, top), (None, None), (None, None)];
        assert_eq!(required(plan(Strategy::Lazy, Tiers::Both)), expected);
        let advised = Plan::new(Strategy::Lazy, Tiers::Both, []).with_advice(advice.clone());
        assert_eq!(advised.required_of_all(), None);
        let expected = [(base, base), (base, top), (base, top), (None, None), (base, base)];
        assert_eq!(required(plan(Strategy::Eager, Tiers::Both)), expected);
        let expected = [(base, top), (base, top), (None, top), (None, None), (None, top)];
        assert_eq!(required(plan(Strategy::LazyBaselineEagerTop, Tiers::Both)), expected);
        let expected = [(base, base), (base, base), (None, None), (None, None), (None, None)];
        assert_eq!(required(plan(Strategy::Lazy, Tiers::Baseline)), expected);
        let expected = [(top, top), (top, top), (None, top), (None, None), (None, None)];
        assert_eq!(required(plan(Strategy::Lazy, Tiers::Top)), expected);
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
