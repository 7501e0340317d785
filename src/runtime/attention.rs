//! How another thread asks running code for attention: the protocol between requests and the stack limit.
//!
//! Running code compares a word, the stack limit, with the stack pointer at function entry and with
//! `usize::MAX` at loop headers; other loops read through a second word, the address of [`CALM`]. To ask is to set a
//! bit, then to poison both words. "limit" stands for both: what holds of one holds of the other.
//!
//!     any thread                               | the thread that runs the store
//!     -----------------------------------------+-----------------------------------------
//!     1. bits |= bit              (Release)    | a. limit = new limit         (Relaxed)
//!     2. fence                    (SeqCst)     | b. fence                     (SeqCst)
//!     3. limit = MAX              (Relaxed)    | c. if bits != 0: limit = MAX (Relaxed)
//!
//! - The owner writes a limit only in (a): when it enters on another stack, and after it took the bits.
//! - Either fence comes first. If 2 is before (b), then (c) sees the bit and poisons. If (b) is before 2,
//!   then (a) is before 3 in the order of the word's values, and 3 stays. So a request is never lost; at
//!   worst it is seen twice, and the second time no bit is found.
//! - SeqCst, because each thread writes one word and then reads or relies on the other: two atomics are
//!   compared. Weakening either fence makes the model in `loom_tests.rs` fail.
//! - Taking is one swap (Acquire, pairs with 1): what the asking thread did before is visible.

use crate::sync::{AtomicUsize, Ordering, Site, fence_at};

/// What running code looks at.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) stack_limit: &'a AtomicUsize,
    pub(super) poll: &'a AtomicUsize,
}

/// What loops read while nothing is asked.
static CALM: u32 = 0;

impl Words<'_> {
    fn poison(self) {
        self.stack_limit.store(usize::MAX, Ordering::Relaxed);
        self.poll.store(0, Ordering::Relaxed);
    }

    fn set(self, limit: usize) {
        self.stack_limit.store(limit, Ordering::Relaxed);
        self.poll.store((&raw const CALM).addr(), Ordering::Relaxed);
    }
}

/// What was asked of a store. Bits are the caller's.
pub(super) struct Attention {
    bits: AtomicUsize,
}

impl Attention {
    pub(super) fn new() -> Attention {
        Attention { bits: AtomicUsize::new(0) }
    }

    /// Asks for attention. Any thread.
    pub(super) fn request(&self, bit: usize, words: Words<'_>) {
        self.bits.fetch_or(bit, Ordering::Release);
        fence_at(Site::AttentionRequest, Ordering::SeqCst);
        words.poison();
    }

    /// Sets the limit, which stays poisoned while something is asked. The owning thread.
    pub(super) fn set_limit(&self, new: usize, words: Words<'_>) {
        words.set(new);
        fence_at(Site::AttentionLimit, Ordering::SeqCst);
        if self.bits.load(Ordering::Relaxed) != 0 {
            words.poison();
        }
    }

    /// Takes all bits, and lets code run again up to `new`. The owning thread.
    pub(super) fn take(&self, new: usize, words: Words<'_>) -> usize {
        let bits = self.bits.swap(0, Ordering::Acquire);
        self.set_limit(new, words);
        bits
    }

    /// Takes a request back; the words may stay poisoned, which is harmless. Any thread.
    pub(super) fn withdraw(&self, bit: usize) {
        self.bits.fetch_and(!bit, Ordering::Relaxed);
    }

    /// What is asked at the moment. A hint: the poll of running code decides.
    pub(super) fn pending(&self) -> usize {
        self.bits.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::weakened;
    use loom::sync::Arc;
    use std::panic::catch_unwind;

    /// The bits and both words.
    struct Model {
        attention: Attention,
        stack_limit: AtomicUsize,
        poll: AtomicUsize,
    }

    impl Model {
        fn new() -> Arc<Model> {
            let (stack_limit, poll) = (AtomicUsize::new(1), AtomicUsize::new(1));
            Arc::new(Model { attention: Attention::new(), stack_limit, poll })
        }

        fn words(&self) -> Words<'_> {
            Words { stack_limit: &self.stack_limit, poll: &self.poll }
        }

        fn is_poisoned(&self) -> [bool; 2] {
            [self.stack_limit.load(Ordering::Relaxed) == usize::MAX, self.poll.load(Ordering::Relaxed) == 0]
        }
    }

    /// One thread asks while the owner sets a new limit: afterwards the limit is poisoned, or the owner
    /// has taken the bit.
    fn model() {
        loom::model(|| {
            let shared = Model::new();
            let asking = shared.clone();
            let thread = loom::thread::spawn(move || asking.attention.request(1, asking.words()));
            shared.attention.set_limit(2, shared.words());
            thread.join().unwrap();
            assert_eq!(shared.is_poisoned(), [true; 2]);
            assert_eq!(shared.attention.take(3, shared.words()), 1);
            assert_eq!(shared.is_poisoned(), [false; 2]);
        });
    }

    /// The owner takes while the other thread asks: nothing is lost, nothing is delivered twice.
    #[test]
    fn loom_requests_are_taken_once() {
        loom::model(|| {
            let shared = Model::new();
            let asking = shared.clone();
            let thread = loom::thread::spawn(move || asking.attention.request(1, asking.words()));
            let first = shared.attention.take(2, shared.words());
            thread.join().unwrap();
            if first == 0 {
                assert_eq!(shared.is_poisoned(), [true; 2]);
            }
            assert_eq!(first + shared.attention.take(3, shared.words()), 1);
        });
    }

    #[test]
    fn loom_no_request_is_lost() {
        model();
    }

    /// Each fence is needed: without it the model finds a lost request.
    #[test]
    fn loom_weakened_fences_lose_requests() {
        for site in [Site::AttentionRequest, Site::AttentionLimit] {
            assert!(catch_unwind(|| weakened(site, model)).is_err(), "{site:?} can be weakened");
        }
    }
}
