//! The state of one function in one atomic word: the only place where work is claimed.
//!
//!     bits  0..2   tier that the strategy requires at first (0 = none)
//!     bits  2..4   tier that is required in the end
//!     bits  4..6   tier that is reached: its code is in the slot
//!     bits  6..8   in flight, one bit per tier: somebody has claimed it
//!     bits  8..10  queued, one bit per tier: a unit is waiting
//!     bits 10..12  compiled, one bit per tier: the code waits to be published
//!     bits 12..14  refused, one bit per tier: it cannot be compiled
//!     bit  14      again: one more compilation by the top tier is allowed
//!     bit  15      denied: the host allows no compilation by the top tier
//!     bits 16..20  compilations by the top tier so far
//!     bits 20..28  priority that the top tier was last asked with
//!     bits 28..30  tier that hosts were told of last
//!
//! Eager units, lazy callers, priority units and hints all claim by one compare and swap here, so nothing is
//! compiled twice; whoever loses corrects the counts. A change of a word is told as a [`Change`], from which
//! follows what else counts ([`Change::outstanding`]).
//!
//! # Orderings
//!
//! - `published` comes after the store to the slot, and is a Release: whoever sees the tier as reached
//!   (Acquire, in `look` and in every attempt to change the word) finds the code in the slot.
//! - Nothing else is handed over by this word: compiled code travels behind locks, and the wire bytes are
//!   shared since before the word was.
//!
//! Not here: who waits for what (`compilation`), what a unit is (`client`).

use crate::sync::{AtomicU32, Ordering, Site, order};
use crate::tier::Tier;

const TIER: u32 = 3;
const REQUIRED_FIRST: u32 = 0;
const REQUIRED_TOP: u32 = 2;
const REACHED: u32 = 4;
const IN_FLIGHT: u32 = 6;
const QUEUED: u32 = 8;
const COMPILED: u32 = 10;
const REFUSED: u32 = 12;
const AGAIN: u32 = 1 << 14;
const DENIED: u32 = 1 << 15;
const ATTEMPTS: u32 = 16;
const PRIORITY: u32 = 20;
const TOLD: u32 = 28;

/// Compilations of a function by the top tier, at most. (Each leaves its code behind until the module goes.)
pub const MAX_ATTEMPTS: u32 = 15;

/// The state of a function at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word(u32);

/// The bit of a tier in a field of one bit per tier.
fn bit(field: u32, tier: Tier) -> u32 {
    1 << (field + tier as u32 - 1)
}

fn number(tier: Option<Tier>) -> u32 {
    tier.map_or(0, |tier| tier as u32)
}

impl Word {
    /// A function of which the strategy requires these tiers.
    pub fn new(first: Option<Tier>, top: Option<Tier>) -> Word {
        Word(number(first) << REQUIRED_FIRST | number(first.max(top)) << REQUIRED_TOP)
    }

    fn tier(self, field: u32) -> Option<Tier> {
        match self.0 >> field & TIER {
            0 => None,
            1 => Some(Tier::Baseline),
            _ => Some(Tier::Top),
        }
    }

    fn with_tier(self, field: u32, tier: Option<Tier>) -> Word {
        Word(self.0 & !(TIER << field) | number(tier) << field)
    }

    /// What the strategy requires before the module counts as ready.
    pub fn required_first(self) -> Option<Tier> {
        self.tier(REQUIRED_FIRST)
    }

    /// What is required in the end.
    pub fn required_top(self) -> Option<Tier> {
        self.tier(REQUIRED_TOP)
    }

    /// What is reached.
    pub fn reached(self) -> Option<Tier> {
        self.tier(REACHED)
    }

    /// Whether somebody compiles it, or has compiled it and did not publish it yet.
    pub fn is_in_flight(self, tier: Tier) -> bool {
        self.0 & bit(IN_FLIGHT, tier) != 0
    }

    /// Whether a unit waits in a queue.
    pub fn is_queued(self, tier: Tier) -> bool {
        self.0 & bit(QUEUED, tier) != 0
    }

    /// Whether code waits to be published.
    pub fn is_compiled(self, tier: Tier) -> bool {
        self.0 & bit(COMPILED, tier) != 0
    }

    /// Whether the tier cannot compile it.
    pub fn is_refused(self, tier: Tier) -> bool {
        self.0 & bit(REFUSED, tier) != 0
    }

    /// Whether the host keeps it from the top tier.
    pub fn is_denied(self) -> bool {
        self.0 & DENIED != 0
    }

    /// Whether the top tier may compile it once more.
    pub fn may_repeat(self) -> bool {
        self.0 & AGAIN != 0
    }

    /// Compilations by the top tier so far, one in flight included.
    pub fn attempts(self) -> u32 {
        self.0 >> ATTEMPTS & MAX_ATTEMPTS
    }

    /// The priority that the top tier was last asked with.
    pub fn priority(self) -> u8 {
        (self.0 >> PRIORITY) as u8
    }

    fn with_priority(self, priority: u8) -> Word {
        Word(self.0 & !(0xFF << PRIORITY) | u32::from(priority) << PRIORITY)
    }

    fn lacks(self, required: Option<Tier>) -> bool {
        required.is_some_and(|tier| {
            self.reached() < required && !self.is_refused(tier) && !(tier == Tier::Top && self.is_denied())
        })
    }

    /// Whether the module is not ready because of this function.
    pub fn first_outstanding(self) -> bool {
        self.lacks(self.required_first())
    }

    /// Whether this function has not got what is required in the end.
    pub fn top_outstanding(self) -> bool {
        self.lacks(self.required_top())
    }

    /// Whether the function needs code of this tier, and may get it.
    fn wants(self, tier: Tier) -> bool {
        let again = tier == Tier::Top && self.may_repeat() && self.attempts() < MAX_ATTEMPTS;
        (self.reached() < Some(tier) || again) && !self.is_refused(tier) && !(tier == Tier::Top && self.is_denied())
    }

    fn bits(self, set: u32, clear: u32) -> Word {
        Word(self.0 & !clear | set)
    }
}

/// Why a function could not be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It has code of this tier, or better.
    Reached,
    /// Somebody else is at it.
    InFlight,
    /// The tier cannot compile it, or may not.
    Refused,
}

/// A word before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub old: Word,
    /// After.
    pub new: Word,
}

impl Change {
    /// How the numbers of outstanding functions change: for the strategy's first tier, and in the end.
    pub fn outstanding(self) -> [i32; 2] {
        let difference = |of: fn(Word) -> bool| i32::from(of(self.new)) - i32::from(of(self.old));
        [difference(Word::first_outstanding), difference(Word::top_outstanding)]
    }
}

/// The state of a function.
pub struct State(AtomicU32);

impl State {
    /// A function in this state.
    pub fn new(word: Word) -> State {
        State(AtomicU32::new(word.0))
    }

    /// The state now.
    pub fn look(&self) -> Word {
        // Acquire: pairs with the Release in `published`.
        Word(self.0.load(order(Site::StateLook, Ordering::Acquire)))
    }

    /// Changes the word, unless `change` refuses; then what it refused.
    fn update(&self, success: Ordering, mut change: impl FnMut(Word) -> Option<Word>) -> Result<Change, Word> {
        let mut old = self.look();
        loop {
            let new = change(old).ok_or(old)?;
            if new == old {
                return Ok(Change { old, new });
            }
            // Relaxed on failure: `look` follows.
            match self.0.compare_exchange_weak(old.0, new.0, success, Ordering::Relaxed) {
                Ok(_) => return Ok(Change { old, new }),
                Err(_) => old = self.look(),
            }
        }
    }

    fn set(&self, change: impl FnMut(Word) -> Word) -> Change {
        let mut change = change;
        // Relaxed: see the header.
        match self.update(Ordering::Relaxed, |word| Some(change(word))) {
            Ok(change) => change,
            Err(word) => Change { old: word, new: word },
        }
    }

    /// Claims the function for one compilation by this tier. Every claim ends with `published`, `refuse` or
    /// `release`.
    pub fn claim(&self, tier: Tier) -> Result<Change, Taken> {
        // Relaxed: who claims is handed nothing by this word.
        let claimed = self.update(Ordering::Relaxed, |word| {
            (word.wants(tier) && !word.is_in_flight(tier)).then(|| {
                let word = word.bits(bit(IN_FLIGHT, tier), bit(QUEUED, tier));
                if tier == Tier::Baseline { word } else { Word((word.0 & !AGAIN) + (1 << ATTEMPTS)) }
            })
        });
        claimed.map_err(|word| match word {
            _ if word.is_in_flight(tier) => Taken::InFlight,
            _ if word.reached() >= Some(tier) => Taken::Reached,
            _ => Taken::Refused,
        })
    }

    /// The claimed function is compiled, and its code waits to be published.
    pub fn compiled(&self, tier: Tier) -> Change {
        // Not if it was published meanwhile.
        self.set(|word| if word.is_in_flight(tier) { word.bits(bit(COMPILED, tier), 0) } else { word })
    }

    /// The claimed function's code is in the slot.
    pub fn published(&self, tier: Tier) -> Change {
        // Release: pairs with the Acquire in `look`; the slot was stored before.
        let changed = self.update(order(Site::StatePublish, Ordering::Release), |word| {
            let word = word.bits(0, bit(IN_FLIGHT, tier) | bit(COMPILED, tier));
            Some(word.with_tier(REACHED, word.reached().max(Some(tier))))
        });
        changed.unwrap_or_else(|word| Change { old: word, new: word })
    }

    /// Whether hosts are to be told now that this tier is reached: once, and not after they were told of a higher one.
    /// Two threads may have published the tiers of a function, and tell in another order.
    pub fn tell(&self, tier: Tier) -> bool {
        let told = self.update(Ordering::Relaxed, |word| {
            let is_new = word.reached() >= Some(tier) && word.tier(TOLD) < Some(tier);
            is_new.then(|| word.with_tier(TOLD, Some(tier)))
        });
        told.is_ok()
    }

    /// The claimed function cannot be compiled by this tier, now or later.
    pub fn refuse(&self, tier: Tier) -> Change {
        self.set(|word| word.bits(bit(REFUSED, tier), bit(IN_FLIGHT, tier) | bit(COMPILED, tier)))
    }

    /// Gives up a claim: whoever comes next may try.
    pub fn release(&self, tier: Tier) -> Change {
        self.set(|word| {
            if !word.is_in_flight(tier) {
                return word;
            }
            let word = word.bits(0, bit(IN_FLIGHT, tier) | bit(COMPILED, tier));
            if tier == Tier::Baseline { word } else { Word(word.0 - (1 << ATTEMPTS)) }
        })
    }

    /// Asks for a tier. Says whether a unit is to be queued, because none is and nobody is at it, or because
    /// the priority of the one in the queue is lower.
    pub fn request(&self, tier: Tier, priority: u8) -> (Change, bool) {
        let mut queue = false;
        let change = self.set(|word| {
            let raised = priority > word.priority();
            queue = word.wants(tier) && !word.is_in_flight(tier) && (!word.is_queued(tier) || raised);
            if !word.wants(tier) {
                return word;
            }
            let word = word.with_tier(REQUIRED_TOP, word.required_top().max(Some(tier)));
            let word = if raised { word.with_priority(priority) } else { word };
            if queue { word.bits(bit(QUEUED, tier), 0) } else { word }
        });
        (change, queue)
    }

    /// A queued unit will not be run.
    pub fn unqueued(&self, tier: Tier) -> Change {
        self.set(|word| word.bits(0, bit(QUEUED, tier)))
    }

    /// Gives up what is required and not reached: nobody waits for it any more.
    pub fn abandon(&self) -> Change {
        self.set(|word| {
            let keep = |required: Option<Tier>| required.min(word.reached());
            word.with_tier(REQUIRED_FIRST, keep(word.required_first()))
                .with_tier(REQUIRED_TOP, keep(word.required_top()))
        })
    }

    /// Allows one more compilation by the top tier, also while one is in flight: its code comes first.
    pub fn allow_again(&self) -> Change {
        self.set(|word| {
            let useful = word.reached() == Some(Tier::Top) || word.is_in_flight(Tier::Top);
            // What was refused once may be tried once more.
            let word = word.bits(0, if word.is_denied() { 0 } else { bit(REFUSED, Tier::Top) });
            if useful { word.bits(AGAIN, 0) } else { word }
        })
    }

    /// Allows a second compilation by the top tier, if there was one, and nothing speaks against another: that many a
    /// function gets by itself. Says whether this has allowed it.
    pub fn allow_second(&self) -> (Change, bool) {
        let mut allowed = false;
        let change = self.set(|word| {
            let top = Tier::Top;
            let held = word.is_in_flight(top) || word.is_refused(top) || word.is_denied() || word.may_repeat();
            allowed = word.reached() == Some(top) && word.attempts() == 1 && !held;
            if allowed { word.bits(AGAIN, 0) } else { word }
        });
        (change, allowed)
    }

    /// Keeps the function from the top tier, or lets it go there again.
    pub fn deny(&self, denied: Denied) -> Change {
        self.set(|word| match denied {
            Denied::Yes => word.bits(DENIED, 0),
            Denied::No => word.bits(0, DENIED),
        })
    }

    /// All code is gone; what the host decided stays.
    pub fn cleared(&self) -> Change {
        self.set(|word| Word(word.0 & DENIED))
    }
}

/// Whether a function is kept from the top tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is.
    Yes,
    /// It is not.
    No,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use Tier::{Baseline, Top};

    fn outstanding(changes: &[Change]) -> [i32; 2] {
        changes.iter().fold([0, 0], |[first, top], change| {
            let [a, b] = change.outstanding();
            [first + a, top + b]
        })
    }

    #[test]
    fn a_function_goes_from_nothing_to_the_top_tier() {
        let state = State::new(Word::new(Some(Baseline), Some(Top)));
        assert!(state.look().first_outstanding() && state.look().top_outstanding());
        let changes = [state.claim(Baseline).unwrap(), state.compiled(Baseline), state.published(Baseline)];
        assert_eq!(outstanding(&changes), [-1, 0]);
        assert_eq!(state.claim(Baseline), Err(Taken::Reached));
        let changes = [state.claim(Top).unwrap(), state.compiled(Top), state.published(Top)];
        assert_eq!(outstanding(&changes), [0, -1]);
        assert_eq!((state.look().reached(), state.look().attempts()), (Some(Top), 1));
        assert_eq!((state.claim(Baseline), state.claim(Top)), (Err(Taken::Reached), Err(Taken::Reached)));
    }

    /// A lazy caller does not wait for the optimising compiler.
    #[test]
    fn both_tiers_may_be_in_flight_at_once_and_the_order_of_publication_does_not_matter() {
        let state = State::new(Word::new(None, Some(Top)));
        state.claim(Top).unwrap();
        state.claim(Baseline).unwrap();
        assert_eq!((state.claim(Baseline), state.claim(Top)), (Err(Taken::InFlight), Err(Taken::InFlight)));
        state.published(Top);
        assert_eq!(state.look().reached(), Some(Top));
        state.published(Baseline);
        assert_eq!(state.look().reached(), Some(Top), "a function never moves down");
        assert!(!state.look().is_in_flight(Baseline) && !state.look().is_in_flight(Top));
    }

    /// Whoever is told that a module is ready was told of each of its functions.
    #[test]
    fn what_is_told_of_a_function_leaves_out_nothing_but_what_is_known() {
        for (first, second) in [(Baseline, Top), (Top, Baseline)] {
            let state = State::new(Word::new(Some(Baseline), Some(Top)));
            assert!(!state.tell(Baseline), "nothing is reached");
            state.claim(Baseline).unwrap();
            state.claim(Top).unwrap();
            state.published(first);
            state.published(second);
            // The thread that published first comes to tell late.
            assert_eq!((state.tell(first), state.tell(second)), (true, first < second));
            assert!(!state.tell(Baseline) && !state.tell(Top), "once");
            state.cleared();
            state.claim(Baseline).unwrap();
            state.published(Baseline);
            assert!(state.tell(Baseline) && !state.tell(Top));
        }
    }

    #[test]
    fn another_top_tier_compilation_may_be_allowed_before_during_and_after_one() {
        let state = State::new(Word::new(None, None));
        state.allow_again();
        assert!(!state.look().may_repeat(), "the first one needs no permission");
        state.claim(Top).unwrap();
        state.allow_again();
        assert_eq!(state.claim(Top), Err(Taken::InFlight), "not two at once");
        state.published(Top);
        state.claim(Top).unwrap();
        assert_eq!((state.look().attempts(), state.look().may_repeat()), (2, false));
        state.published(Top);
        assert_eq!(state.claim(Top), Err(Taken::Reached), "the permission was for one");
        for attempt in 3..=MAX_ATTEMPTS {
            state.allow_again();
            state.claim(Top).unwrap();
            state.published(Top);
            assert_eq!(state.look().attempts(), attempt);
        }
        state.allow_again();
        assert_eq!(state.claim(Top), Err(Taken::Reached), "there is an end");
    }

    #[test]
    fn requests_queue_once_per_priority_and_not_what_is_under_way() {
        let state = State::new(Word::new(None, None));
        let (change, queue) = state.request(Top, 1);
        assert!(queue && change.outstanding() == [0, 1]);
        assert!(!state.request(Top, 1).1 && !state.request(Top, 0).1);
        assert!(state.request(Top, 4).1, "a higher priority is worth a second unit");
        state.claim(Top).unwrap();
        assert!(!state.request(Top, 9).1);
        assert_eq!(state.published(Top).outstanding(), [0, -1]);
        assert_eq!(state.request(Top, 200), (Change { old: state.look(), new: state.look() }, false));
    }

    #[test]
    fn refusals_end_what_is_outstanding() {
        let state = State::new(Word::new(Some(Baseline), Some(Top)));
        state.claim(Baseline).unwrap();
        state.published(Baseline);
        state.claim(Top).unwrap();
        assert_eq!(state.refuse(Top).outstanding(), [0, -1]);
        assert_eq!((state.claim(Top), state.look().reached()), (Err(Taken::Refused), Some(Baseline)));
        let state = State::new(Word::new(Some(Baseline), None));
        assert_eq!(state.deny(Denied::Yes).outstanding(), [0, 0]);
        assert_eq!(state.claim(Top), Err(Taken::Refused));
        state.deny(Denied::No);
        assert!(state.claim(Top).is_ok());
        assert_eq!(state.abandon().outstanding(), [-1, -1]);
    }

    /// Any sequence of steps keeps the invariants that the rest of the pipeline relies on.
    #[test]
    fn random_steps_never_lose_a_tier_or_a_count() {
        for seed in 1..2000u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut next = |n: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % n
            };
            let tiers = [None, Some(Baseline), Some(Top)];
            let state = State::new(Word::new(tiers[next(3) as usize], tiers[next(3) as usize]));
            let mut sums = [i32::from(state.look().first_outstanding()), i32::from(state.look().top_outstanding())];
            let mut claimed = [false; 2];
            let mut reached = None;
            for _ in 0..40 {
                let tier = if next(2) == 0 { Baseline } else { Top };
                let mine = &mut claimed[tier as usize - 1];
                let change = match next(10) {
                    0 | 1 => match state.claim(tier) {
                        Ok(change) => {
                            assert!(!*mine, "claimed twice");
                            *mine = true;
                            change
                        }
                        Err(_) => continue,
                    },
                    2 if *mine => state.compiled(tier),
                    3 if *mine => {
                        *mine = false;
                        state.published(tier)
                    }
                    4 if *mine => {
                        *mine = false;
                        state.refuse(tier)
                    }
                    5 if *mine => {
                        *mine = false;
                        state.release(tier)
                    }
                    6 => state.request(tier, next(4) as u8).0,
                    7 => state.allow_again(),
                    9 => {
                        let (change, allowed) = state.allow_second();
                        assert!(!allowed || change.old.attempts() == 1, "seed {seed}");
                        change
                    }
                    8 => state.deny(if next(2) == 0 { Denied::Yes } else { Denied::No }),
                    _ => continue,
                };
                let [first, top] = change.outstanding();
                sums = [sums[0] + first, sums[1] + top];
                let word = state.look();
                assert_eq!(sums, [i32::from(word.first_outstanding()), i32::from(word.top_outstanding())]);
                assert!(word.reached() >= reached, "seed {seed}");
                reached = word.reached();
                for tier in [Baseline, Top] {
                    assert_eq!(word.is_in_flight(tier), claimed[tier as usize - 1], "seed {seed}");
                    assert!(!word.is_compiled(tier) || word.is_in_flight(tier), "seed {seed}");
                }
            }
        }
    }
}
