//! When a function moves to the top tier: how much work its baseline code may do first, and what happens when that is
//! spent. Pure: no clock, no thread, no queue.
//!
//! # The budget
//!
//! Work is counted in bytes of WebAssembly that were run, loops counted once per iteration. A budget is spent when
//! about so much time was lost in the baseline tier, against the top tier, as the compilation costs: whoever waits
//! until then pays at most twice what he would have paid had he known the future. (The compilation is on another
//! thread, as a rule, so that it counts for a part of its time only: [`SHARE`].)
//!
//!     budget = (C0 + bytes of the body * measured time per byte) * SHARE / GAIN
//!
//! # Trips
//!
//! Each time that a budget is spent is a trip. The first asks for the top tier; the 4th, 8th, 16th and so on raise the
//! priority. While the compilation is under way a budget is an eighth, so that the function soon notices; when there
//! is nothing to ask for any more (done, refused, denied, cancelled), it is as large as can be.
//!
//! # The second time
//!
//! Code of the top tier that was made with a profile which lacks something counts what it meets of that, in the budget
//! that baseline code has no use for any more. A full budget of it is the reason to compile the function once more, with
//! the profile that there is by then. There is no third time.
//!
//! Not here: the counters and the machine code that counts (`runtime/tiering.rs`, `tier/baseline/budget.rs`), OSR.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::state::Word;
use crate::config::{Tiering, TieringPolicy};
use crate::tier::Tier;

/// What the compilation of a function costs before its first byte, in nanoseconds.
const C0_NS: u64 = 40_000;

/// What it costs per byte, in nanoseconds, before anything was measured.
const C1_NS: u64 = 1_000;

/// Bytes for which that counts among the measured ones.
const PRIOR_BYTES: u64 = 2_000;

/// Bytes that are remembered; then older ones count half.
const REMEMBERED_BYTES: u64 = 1 << 20;

/// How much of the compilation's time counts: one part in so many.
const SHARE: u64 = 4;

/// Modules with less code than this are compiled sooner: the whole of it is done in no time.
const SMALL_CODE: usize = 150_000;

/// How much sooner.
const SMALL_SHARE: u64 = 3;

/// Nanoseconds that the top tier saves per 16 bytes of WebAssembly that are run.
const GAIN_NS: u64 = 4;

/// Bounds of a budget, where the policy does not name it.
const LEAST: u64 = 2_000;
const MOST: u64 = i32::MAX as u64 / 2;

/// How much sooner the aggressive policy compiles.
const AGGRESSIVE: u64 = 10;

/// Part of the budget that is given while a compilation is under way.
const WHILE_PENDING: i32 = 8;

/// A budget that nobody waits for.
pub const UNBOUNDED: i32 = i32::MAX;

/// How fast the top tier compiles on this machine, as measured. Any thread; updates may be lost.
#[derive(Debug)]
pub struct Speed {
    bytes: AtomicU64,
    ns: AtomicU64,
}

impl Default for Speed {
    fn default() -> Speed {
        Speed { bytes: AtomicU64::new(PRIOR_BYTES), ns: AtomicU64::new(PRIOR_BYTES * C1_NS) }
    }
}

impl Speed {
    /// Notes that a body of so many bytes took so long.
    pub fn note(&self, bytes: usize, ns: u64) {
        // Relaxed: statistics. Two threads at once lose an update, or mix two, which bounds below make harmless.
        let (mut all_bytes, mut all_ns) = (self.bytes.load(Relaxed), self.ns.load(Relaxed));
        if all_bytes > REMEMBERED_BYTES {
            (all_bytes, all_ns) = (all_bytes / 2, all_ns / 2);
        }
        self.bytes.store(all_bytes + bytes as u64, Relaxed);
        self.ns.store(all_ns.saturating_add(ns.saturating_sub(C0_NS)), Relaxed);
    }

    /// What the compilation of a body of so many bytes is expected to cost.
    pub fn cost_ns(&self, bytes: usize) -> u64 {
        let per_byte = self.ns.load(Relaxed) / self.bytes.load(Relaxed).max(1);
        C0_NS.saturating_add(per_byte.clamp(C1_NS / 16, C1_NS * 16).saturating_mul(bytes as u64))
    }
}

/// What is known of a function when its budget is to be set.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Its index among the functions that the module defines.
    pub func: u32,
    /// Bytes of its body.
    pub bytes: usize,
    /// Bytes of all bodies of its module.
    pub module_bytes: usize,
    /// How often its budget was spent, in all shards.
    pub trips: u32,
    /// Its state.
    pub word: Word,
    /// Whether background work of the module has stopped.
    pub stopped: Stopped,
}

/// Whether background work of a module has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It goes on.
    No,
    /// Nothing can be asked for.
    Yes,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Ask for the top tier, with this priority.
    pub ask: Option<u8>,
    /// The next budget.
    pub budget: i32,
}

/// The budget of a function that nobody asked the top tier for.
pub fn full_budget(tiering: &Tiering, speed: &Speed, subject: Subject) -> i32 {
    let divisor = match tiering.policy {
        TieringPolicy::Off => return UNBOUNDED,
        TieringPolicy::Custom(budget) => return drawn(tiering.seed, budget.clamp(1, MOST as u32) as i32, subject),
        TieringPolicy::Default => 1,
        TieringPolicy::Aggressive => AGGRESSIVE,
    };
    let share = if subject.module_bytes < SMALL_CODE { SHARE * SMALL_SHARE } else { SHARE };
    let lost_ns = speed.cost_ns(subject.bytes) / share;
    let budget = (lost_ns.saturating_mul(16) / GAIN_NS / divisor).clamp(LEAST, MOST);
    drawn(tiering.seed, budget as i32, subject)
}

/// A number from 1 to the budget, if there is a seed.
fn drawn(seed: Option<u64>, budget: i32, subject: Subject) -> i32 {
    let Some(seed) = seed else { return budget };
    let mut hash =
        seed ^ (u64::from(subject.func) << 32 | u64::from(subject.trips)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ hash >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^= hash >> 29;
    1 + (hash % budget as u64) as i32
}

/// The budget of a function while something is under way for it.
pub fn pending_budget(tiering: &Tiering, speed: &Speed, subject: Subject) -> i32 {
    (full_budget(tiering, speed, subject) / WHILE_PENDING).max(1)
}

/// A budget was spent: what is to be done.
pub fn spent(tiering: &Tiering, speed: &Speed, subject: Subject) -> Decision {
    let word = subject.word;
    if word.reached() == Some(Tier::Top) && may_repeat(word) {
        return Decision { ask: None, budget: full_budget(tiering, speed, subject) };
    }
    let over = word.reached() == Some(Tier::Top) || word.is_refused(Tier::Top) || word.is_denied();
    if over || subject.stopped == Stopped::Yes {
        return Decision { ask: None, budget: UNBOUNDED };
    }
    let pending = pending_budget(tiering, speed, subject);
    let priority = priority(subject.trips);
    if word.is_in_flight(Tier::Top) {
        return Decision { ask: None, budget: pending };
    }
    let raises = priority.filter(|priority| !word.is_queued(Tier::Top) || *priority > word.priority());
    // What was asked for is under way, unless somebody took it back: then it is asked for at the next power of two.
    Decision { ask: raises, budget: pending }
}

/// Whether the top tier might compile once more, by itself, what it has compiled.
fn may_repeat(word: Word) -> bool {
    word.attempts() == 1 && !word.is_refused(Tier::Top) && !word.is_denied()
}

/// Whether a budget was a full one when the function's code began to spend it on what was not foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was what baseline code had left.
    Rest,
    /// It was.
    Full,
}

/// A budget was spent on what was not foreseen: what is to be done. To ask is to ask for a second compilation.
pub fn unforeseen(tiering: &Tiering, speed: &Speed, subject: Subject, spent: Spent) -> Decision {
    let word = subject.word;
    if word.reached() != Some(Tier::Top) || !may_repeat(word) || subject.stopped == Stopped::Yes {
        return Decision { ask: None, budget: UNBOUNDED };
    }
    let ask = (spent == Spent::Full && !word.may_repeat() && !word.is_in_flight(Tier::Top)).then_some(1);
    Decision { ask, budget: full_budget(tiering, speed, subject) }
}

/// The priority that a trip asks with: the 1st, the 4th, and then each power of two.
pub fn priority(trips: u32) -> Option<u8> {
    let asks = trips == 1 || (trips >= 4 && trips.is_power_of_two());
    asks.then_some(trips.min(u32::from(u8::MAX)) as u8)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::state::{Denied, State};
    use super::*;
    use crate::config::{Osr, TierUp};

    fn tiering(policy: TieringPolicy) -> Tiering {
        Tiering { policy, tier_up: TierUp::Background, osr: Osr::Off, seed: None }
    }

    fn subject(bytes: usize, trips: u32, word: Word) -> Subject {
        Subject { func: 3, bytes, module_bytes: 1 << 20, trips, word, stopped: Stopped::No }
    }

    fn baseline() -> State {
        let state = State::new(Word::new(None, None));
        state.claim(Tier::Baseline).unwrap();
        state.published(Tier::Baseline);
        state
    }

    #[test]
    fn budgets_grow_with_what_compiling_costs_and_shrink_with_the_policy() {
        let speed = Speed::default();
        let budget = |policy, bytes| full_budget(&tiering(policy), &speed, subject(bytes, 0, Word::default()));
        let (small, large) = (budget(TieringPolicy::Default, 100), budget(TieringPolicy::Default, 10_000));
        assert!(small > 10_000 && large > 20 * small, "{small} {large}");
        assert!(budget(TieringPolicy::Aggressive, 10_000) <= large / 9);
        assert_eq!(budget(TieringPolicy::Default, usize::MAX), MOST as i32);
        assert_eq!(budget(TieringPolicy::Custom(17), 10_000), 17);
        assert_eq!(budget(TieringPolicy::Custom(0), 1), 1);
        assert_eq!(budget(TieringPolicy::Custom(u32::MAX), 1), MOST as i32);
        assert_eq!(budget(TieringPolicy::Off, 1), UNBOUNDED);
        let of_small_module = Subject { module_bytes: 1000, ..subject(10_000, 0, Word::default()) };
        assert!(full_budget(&tiering(TieringPolicy::Default), &speed, of_small_module) < large / 2);
    }

    #[test]
    fn budgets_follow_the_measured_speed_of_the_compiler() {
        let speed = Speed::default();
        let before = speed.cost_ns(1000);
        (0..1000).for_each(|_| speed.note(1000, C0_NS + 1000 * C1_NS * 4));
        let slower = speed.cost_ns(1000);
        assert!(slower > 3 * before, "{before} {slower}");
        (0..10_000).for_each(|_| speed.note(1000, C0_NS + 1000 * C1_NS / 4));
        assert!(speed.cost_ns(1000) < before / 2, "what was measured long ago is forgotten");
        (0..100).for_each(|_| speed.note(0, u64::MAX));
        assert!(speed.cost_ns(1000) <= C0_NS + 16_000 * C1_NS, "nonsense is bounded");
    }

    #[test]
    fn random_budgets_are_the_same_for_the_same_seed_and_cover_the_range() {
        let seeded = |seed| Tiering { seed: Some(seed), ..tiering(TieringPolicy::Custom(8)) };
        let speed = Speed::default();
        let draw = |seed, trips| full_budget(&seeded(seed), &speed, subject(1, trips, Word::default()));
        let drawn: Vec<i32> = (0..200).map(|trips| draw(1, trips)).collect();
        assert_eq!(drawn, (0..200).map(|trips| draw(1, trips)).collect::<Vec<_>>());
        assert_ne!(drawn, (0..200).map(|trips| draw(2, trips)).collect::<Vec<_>>());
        assert!((1..=8).all(|budget| drawn.contains(&budget)) && drawn.iter().all(|budget| (1..=8).contains(budget)));
    }

    #[test]
    fn the_first_trip_asks_and_then_each_power_of_two_from_four_on() {
        let asking: Vec<u32> = (0..=600).filter(|trips| priority(*trips).is_some()).collect();
        assert_eq!(asking, [1, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!((priority(1), priority(8), priority(512)), (Some(1), Some(8), Some(u8::MAX)));
    }

    /// A function that waits for the top tier, trip by trip: it asks as above, and polls eight times as often.
    #[test]
    fn a_trip_asks_once_per_priority_and_polls_while_it_waits() {
        let (tiering, speed, state) = (tiering(TieringPolicy::Custom(800)), Speed::default(), baseline());
        let mut asked = Vec::new();
        for trips in 1..=40 {
            let decision = spent(&tiering, &speed, subject(100, trips, state.look()));
            assert_eq!(decision.budget, 100);
            if let Some(priority) = decision.ask {
                assert!(state.request(Tier::Top, priority).1, "each is worth a unit");
                asked.push(priority);
            }
        }
        assert_eq!(asked, [1, 4, 8, 16, 32]);
        state.claim(Tier::Top).unwrap();
        let decision = spent(&tiering, &speed, subject(100, 64, state.look()));
        assert_eq!(decision, Decision { ask: None, budget: 100 }, "it is being compiled");
        state.published(Tier::Top);
        assert_eq!(spent(&tiering, &speed, subject(100, 128, state.look())), Decision { ask: None, budget: 800 });
    }

    /// A function is compiled a second time after a full budget of surprises, and never a third time.
    #[test]
    fn surprises_ask_for_one_more_compilation() {
        let (tiering, speed, state) = (tiering(TieringPolicy::Custom(800)), Speed::default(), baseline());
        let decide = |spent| unforeseen(&tiering, &speed, subject(100, 9, state.look()), spent);
        assert_eq!(decide(Spent::Full), OVER, "there is no code that could have counted");
        state.claim(Tier::Top).unwrap();
        state.published(Tier::Top);
        assert_eq!(spent(&tiering, &speed, subject(100, 9, state.look())), Decision { ask: None, budget: 800 });
        assert_eq!(decide(Spent::Rest), Decision { ask: None, budget: 800 });
        assert_eq!(decide(Spent::Full), Decision { ask: Some(1), budget: 800 });
        assert!(state.allow_second().1 && !state.allow_second().1, "once");
        assert_eq!(decide(Spent::Full), Decision { ask: None, budget: 800 }, "it was asked for");
        assert!(state.request(Tier::Top, 1).1);
        state.claim(Tier::Top).unwrap();
        assert!(!state.allow_second().1);
        state.published(Tier::Top);
        assert!(!state.allow_second().1 && state.look().attempts() == 2);
        assert_eq!(decide(Spent::Full), OVER);
        assert_eq!(spent(&tiering, &speed, subject(100, 10, state.look())), OVER);
    }

    #[test]
    fn what_is_denied_or_refused_is_not_compiled_again() {
        let (tiering, speed) = (tiering(TieringPolicy::Default), Speed::default());
        let top = || {
            let state = baseline();
            state.claim(Tier::Top).unwrap();
            state.published(Tier::Top);
            state
        };
        let (refused, denied) = (top(), top());
        denied.deny(Denied::Yes);
        refused.allow_again();
        refused.claim(Tier::Top).unwrap();
        refused.refuse(Tier::Top);
        for state in [refused, denied] {
            assert!(!state.allow_second().1);
            let decision = unforeseen(&tiering, &speed, subject(100, 1, state.look()), Spent::Full);
            assert_eq!(decision, OVER);
        }
        let stopped = Subject { stopped: Stopped::Yes, ..subject(100, 1, top().look()) };
        assert_eq!(unforeseen(&tiering, &speed, stopped, Spent::Full), OVER);
    }

    const OVER: Decision = Decision { ask: None, budget: UNBOUNDED };

    #[test]
    fn who_cannot_move_up_asks_for_nothing() {
        let (tiering, speed) = (tiering(TieringPolicy::Default), Speed::default());
        let refused = baseline();
        refused.claim(Tier::Top).unwrap();
        refused.refuse(Tier::Top);
        let denied = baseline();
        denied.deny(Denied::Yes);
        for state in [refused, denied] {
            assert_eq!(spent(&tiering, &speed, subject(100, 1, state.look())), OVER);
        }
        let stopped = Subject { stopped: Stopped::Yes, ..subject(100, 1, baseline().look()) };
        assert_eq!(spent(&tiering, &speed, stopped), OVER);
    }

    /// A request that somebody else raised above what a trip would ask with is not repeated.
    #[test]
    fn a_lower_priority_than_the_one_in_the_queue_is_not_asked_for() {
        let state = baseline();
        state.request(Tier::Top, 200);
        let decision = spent(&tiering(TieringPolicy::Default), &Speed::default(), subject(100, 4, state.look()));
        assert_eq!(decision.ask, None);
    }
}
