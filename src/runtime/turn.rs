//! Whose turn it is: which thread is inside a store. A second one is refused.
//!
//! A claim is a compare-and-swap, which costs as much as a whole call otherwise does. Nearly every store is used by one
//! thread for long; such a store *leans* on its thread, which then enters by plain loads and stores, and whoever else
//! wants in makes a fence on all threads first.
//!
//!     the thread that the store leans on       | another one, which holds the claim
//!     -----------------------------------------+-----------------------------------------
//!     1. lean.inside = 1          (Relaxed)    | a. era += 1, leans no more   (Relaxed)
//!     2. fence, compiler only                  | b. fence on all threads
//!     3. era unchanged? then in   (Relaxed)    | c. lean.inside == 0? then in (Acquire)
//!     4. lean.inside = 0 at last  (Release)    |    else era as it was, and refused
//!
//! - (b) is a full fence on both threads. If it comes between 1 and 3 or before, then 3 sees (a) and the thread gives way
//!   (1 undone, then as everyone else); if it comes after 1, then (c) sees 1. Never are both in; that both give way is
//!   possible, and means that both came at once.
//! - (c) pairs with 4: what was done inside before is seen.
//! - A thread that gives way has written `inside` late, perhaps long after the era ended. Hence every era has its own
//!   `Lean`, which nobody looks at in another. There are few; when they are used up, the store is claimed for ever.
//! - `era` is written by who holds the claim only. Odd = leans on the thread of `leans[era / 2]`.
//! - A store begins to lean at the end of a claim, before the claim is given up: who claims next sees it (Release of the
//!   claim, Acquire of the next).
//!
//! `loom_tests` below has the model; it makes both fences SeqCst, which is what (b) does for real.

use std::sync::atomic::AtomicUsize as StdAtomicUsize;

use crate::error::{Error, Result};
use crate::sync::{AtomicUsize, Ordering, Site, order};
pub(crate) use crate::sys::threads::thread_token;

/// How often a store may change the thread that it leans on.
const ERAS: usize = 4;
/// Claims in a row by one thread after which the store leans on it: a store that is made by one thread and used by
/// another is not worth the fence.
const LEAN_AFTER: usize = 64;

const OTHER_THREAD: Error = Error::Busy { what: "the store is in use by another thread" };

/// Who is inside a store.
pub(crate) struct Turn {
    era: AtomicUsize,
    leans: [Lean; ERAS],
    /// The thread that is inside by a claim, 0 = none.
    claim: AtomicUsize,
    /// The thread that claimed last, and how often in a row. Written under the claim.
    last: StdAtomicUsize,
    streak: StdAtomicUsize,
}

/// One era: a thread, and whether it is inside.
struct Lean {
    thread: AtomicUsize,
    inside: AtomicUsize,
}

/// A turn that began; to be ended by [`Turn::end`].
#[must_use]
pub(crate) struct Held<'a> {
    /// None = by a claim.
    lean: Option<&'a Lean>,
    /// Whether the thread was inside before: 0 = it was not.
    outer: usize,
}

impl Held<'_> {
    /// Whether the thread was inside before.
    #[inline(always)]
    pub(crate) fn is_nested(&self) -> bool {
        self.outer != 0
    }
}

impl Turn {
    /// Nobody's turn.
    pub(crate) fn new() -> Turn {
        Turn {
            era: AtomicUsize::new(0),
            leans: std::array::from_fn(|_| Lean { thread: AtomicUsize::new(0), inside: AtomicUsize::new(0) }),
            claim: AtomicUsize::new(0),
            last: StdAtomicUsize::new(0),
            streak: StdAtomicUsize::new(0),
        }
    }

    /// The lean of this era, if it is on this thread, and the era.
    #[inline(always)]
    fn my_lean(&self, me: usize) -> Option<(&Lean, usize)> {
        // Acquire pairs with the Release in `lean_on`: the thread of the era is seen.
        let era = self.era.load(Ordering::Acquire);
        let lean = &self.leans[era / 2 % ERAS];
        // Relaxed: as above.
        if era.is_multiple_of(2) || lean.thread.load(Ordering::Relaxed) != me { None } else { Some((lean, era)) }
    }

    /// Marks this thread inside, if the era goes on.
    #[inline(always)]
    fn step_in<'a>(&self, lean: &'a Lean, era: usize) -> Option<Held<'a>> {
        lean.inside.store(1, Ordering::Relaxed);
        fences::light();
        if self.era.load(Ordering::Relaxed) == era {
            return Some(Held { lean: Some(lean), outer: 0 });
        }
        // Release: as in `end`; another thread may read this 0 instead of that one.
        lean.inside.store(0, Ordering::Release);
        None
    }

    /// Enters the store that leans on this thread, from outside; None if that is not so, and then nothing happened.
    #[inline(always)]
    pub(crate) fn begin_leaning(&self, me: usize) -> Option<Held<'_>> {
        let (lean, era) = self.my_lean(me)?;
        // Relaxed: only this thread writes `inside` of an era of its own.
        if lean.inside.load(Ordering::Relaxed) != 0 { None } else { self.step_in(lean, era) }
    }

    /// Enters the store. `me` is the token of this thread.
    #[inline]
    pub(crate) fn begin(&self, me: usize) -> Result<Held<'_>> {
        if let Some((lean, era)) = self.my_lean(me) {
            // Relaxed: as in `begin_leaning`. Whoever tries to take the store meanwhile finds this thread inside.
            if lean.inside.load(Ordering::Relaxed) != 0 {
                return Ok(Held { lean: Some(lean), outer: 1 });
            }
            if let Some(held) = self.step_in(lean, era) {
                return Ok(held);
            }
        }
        self.begin_claiming(me)
    }

    fn begin_claiming(&self, me: usize) -> Result<Held<'_>> {
        // A thread that is inside while another tries to take the store: that one will find it, and be refused.
        // Relaxed: this thread wrote what it looks for.
        let mine = |lean: &&Lean| lean.thread.load(Ordering::Relaxed) == me && lean.inside.load(Ordering::Relaxed) != 0;
        if let Some(lean) = self.leans.iter().find(mine) {
            return Ok(Held { lean: Some(lean), outer: 1 });
        }
        // Acquire pairs with the Release in `end`: this thread sees what the thread before it did.
        match self.claim.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {}
            Err(owner) if owner == me => return Ok(Held { lean: None, outer: me }),
            Err(_) => return Err(OTHER_THREAD),
        }
        // Relaxed: written under the claim.
        let era = self.era.load(Ordering::Relaxed);
        if era.is_multiple_of(2) {
            self.count(me);
            return Ok(Held { lean: None, outer: 0 });
        }
        let lean = &self.leans[era / 2];
        if lean.thread.load(Ordering::Relaxed) == me {
            // Another thread tried, and gave up just now. Who claims next sees this thread inside.
            lean.inside.store(1, Ordering::Relaxed);
            self.claim.store(0, Ordering::Release);
            return Ok(Held { lean: Some(lean), outer: 0 });
        }
        match self.take(era, lean) {
            Ok(()) => {
                self.count(me);
                Ok(Held { lean: None, outer: 0 })
            }
            Err(error) => {
                // Release: as the first one, in `lean_on`.
                self.era.store(era, Ordering::Release);
                self.claim.store(0, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Takes the store from the thread that it leans on, unless that one is inside.
    #[cold]
    fn take(&self, era: usize, lean: &Lean) -> Result<()> {
        self.era.store(era + 1, Ordering::Relaxed);
        if !fences::heavy() {
            return Err(Error::last_os("a fence on all threads, to take a store from the thread that used it"));
        }
        // Acquire pairs with the Release in `end`.
        if lean.inside.load(Ordering::Acquire) != 0 { Err(OTHER_THREAD) } else { Ok(()) }
    }

    fn count(&self, me: usize) {
        // Relaxed, all of them: under the claim.
        let streak = if self.last.load(Ordering::Relaxed) == me { self.streak.load(Ordering::Relaxed) + 1 } else { 1 };
        self.last.store(me, Ordering::Relaxed);
        self.streak.store(streak, Ordering::Relaxed);
    }

    /// Ends a turn that this thread began, the one that began last first.
    #[inline(always)]
    pub(crate) fn end(&self, held: Held<'_>) {
        match held.lean {
            // Release: pairs with the Acquire of who takes the store.
            Some(lean) => lean.inside.store(held.outer, order(Site::TurnEnd, Ordering::Release)),
            None => self.end_claim(held.outer),
        }
    }

    fn end_claim(&self, outer: usize) {
        if outer != 0 {
            return;
        }
        let me = self.claim.load(Ordering::Relaxed);
        if self.streak.load(Ordering::Relaxed) >= LEAN_AFTER {
            self.lean_on(me);
        }
        // Release: pairs with the Acquire of the next claim.
        self.claim.store(0, Ordering::Release);
    }

    /// Lets the store lean on a thread from now on, which holds the claim.
    #[cold]
    fn lean_on(&self, me: usize) {
        self.streak.store(0, Ordering::Relaxed);
        let era = self.era.load(Ordering::Relaxed);
        let Some(lean) = self.leans.get(era / 2) else { return };
        if fences::may() {
            lean.thread.store(me, Ordering::Relaxed);
            // Release: pairs with the Acquire in `begin_leaning`.
            self.era.store(era + 1, Ordering::Release);
        }
    }
}

/// The two fences, which together are one SeqCst fence on either side.
mod fences {
    use crate::sync::{Ordering, Site, fence_at, order};
    #[cfg(not(loom))]
    use crate::sys::threads;

    /// The fence of the thread that the store leans on: orders the compiler, and is made real by the other one's.
    #[inline(always)]
    pub(super) fn light() {
        match order(Site::TurnEnter, Ordering::SeqCst) {
            Ordering::Relaxed => {}
            #[cfg(not(loom))]
            ordering => std::sync::atomic::compiler_fence(ordering),
            #[cfg(loom)]
            ordering => crate::sync::fence(ordering),
        }
    }

    /// The fence of the thread that takes the store; false if the system refuses.
    pub(super) fn heavy() -> bool {
        fence_at(Site::TurnTake, Ordering::SeqCst);
        #[cfg(not(loom))]
        let done = threads::fence_all_threads();
        #[cfg(loom)]
        let done = true;
        done
    }

    /// Whether stores may lean at all, by now.
    pub(super) fn may() -> bool {
        #[cfg(not(loom))]
        let may = threads::may_fence_all_threads(threads::Asking::Behind);
        #[cfg(loom)]
        let may = true;
        may
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sys::threads::{Asking, may_fence_all_threads, thread_token};
    use std::sync::atomic::AtomicU32;

    fn turns(turn: &Turn, me: usize, count: usize) {
        for _ in 0..count {
            let held = turn.begin(me).unwrap();
            turn.end(held);
        }
    }

    /// The store leans on who uses it again and again, also when it changes hands, and at last on nobody.
    #[test]
    fn a_store_leans_on_its_thread_until_it_changed_hands_too_often() {
        assert!(may_fence_all_threads(Asking::Now));
        let turn = Turn::new();
        for round in 0..ERAS + 2 {
            let me = 8 + round;
            turns(&turn, me, LEAN_AFTER - 1);
            assert!(turn.begin_leaning(me).is_none(), "round {round}: too early");
            turns(&turn, me, 1);
            assert_eq!(turn.begin_leaning(me).map(|held| turn.end(held)).is_some(), round < ERAS, "round {round}");
            assert!(turn.begin_leaning(7).is_none() && turn.begin_leaning(0).is_none());
            turns(&turn, me, LEAN_AFTER);
        }
    }

    /// Inside is inside, however the thread came in: others are refused, and it may come in again.
    #[test]
    fn a_second_thread_is_refused_and_the_first_may_nest() {
        assert!(may_fence_all_threads(Asking::Now));
        for uses in [0, LEAN_AFTER] {
            let turn = Turn::new();
            turns(&turn, 1, uses);
            let outer = turn.begin(1).unwrap();
            assert!(!outer.is_nested());
            for _ in 0..2 {
                assert!(matches!(turn.begin(2), Err(Error::Busy { .. })));
                let inner = turn.begin(1).unwrap();
                assert!(inner.is_nested());
                turn.end(inner);
            }
            turn.end(outer);
            turns(&turn, 2, 1);
            turns(&turn, 1, 1);
        }
    }

    /// For real: threads that fight for a store are never in at once, and each comes in.
    #[test]
    fn threads_that_fight_are_never_in_at_once() {
        assert!(may_fence_all_threads(Asking::Now));
        let (turn, inside) = (Turn::new(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut done = 0;
                    while done < 20 * LEAN_AFTER {
                        let Ok(held) = turn.begin(thread_token()) else {
                            std::thread::yield_now();
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        inside.fetch_sub(1, Ordering::Relaxed);
                        turn.end(held);
                        done += 1;
                    }
                });
            }
        });
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::weakened;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct Shared {
        turn: Turn,
        data: UnsafeCell<usize>,
    }
    // SAFETY: the data are what the model checks.
    unsafe impl Sync for Shared {}
    // SAFETY: as above.
    unsafe impl Send for Shared {}

    impl Shared {
        fn enter(&self, me: usize) {
            if let Ok(held) = self.turn.begin(me) {
                // SAFETY: alone inside, or loom says otherwise.
                self.data.with_mut(|data| unsafe { *data += 1 });
                self.turn.end(held);
            }
        }
    }

    /// A store leans on one thread, and another one comes: loom reports accesses at once, and such as do not come
    /// after those of the turn before.
    fn model() {
        loom::model(|| {
            let shared = Arc::new(Shared { turn: Turn::new(), data: UnsafeCell::new(0) });
            let held = shared.turn.begin(1).unwrap();
            shared.turn.lean_on(1);
            shared.turn.end(held);
            let other = shared.clone();
            let thread = loom::thread::spawn(move || other.enter(2));
            shared.enter(1);
            shared.enter(1);
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_one_thread_at_a_time() {
        model();
    }

    #[test]
    fn loom_both_fences_and_the_release_are_needed() {
        for site in [Site::TurnEnter, Site::TurnTake, Site::TurnEnd] {
            let outcome = weakened(site, || catch_unwind(AssertUnwindSafe(model)));
            assert!(outcome.is_err(), "{site:?} weakened to Relaxed does no harm");
        }
    }
}
