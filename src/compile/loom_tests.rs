//! Models of claims, publication, cancellation and the end of a module: the real state words, counts and publishers,
//! under every execution that locks and orderings allow.
//!
//! Each model holds as the code is, and each ordering is needed: with one of them weakened to Relaxed, a model finds
//! an execution in which somebody calls a function that has no code yet, or counts do not come right.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::counts::Outstanding;
use super::publisher::{Drained, Publisher};
use super::state::{Change, State, Taken, Word};
use crate::sync::{AtomicUsize, Ordering, Site, weakened};
use crate::tier::Tier::{self, Baseline, Top};

/// Every execution with up to this many preemptions, which is where such protocols break.
fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

/// The slot of a function: loom reports a read that does not come after the write.
struct Slot(UnsafeCell<u32>);

// SAFETY: that accesses are ordered is what the models check.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

/// A module: what `Compilation` does with states, counts and publishers, without code and events.
struct Module {
    states: Vec<State>,
    slots: Vec<Slot>,
    first: Outstanding,
    publisher: Publisher<usize>,
    compiled: AtomicUsize,
    discarded: AtomicUsize,
}

impl Module {
    fn new(functions: usize, required: Option<Tier>) -> Arc<Module> {
        let word = Word::new(required, required);
        Arc::new(Module {
            states: (0..functions).map(|_| State::new(word)).collect(),
            slots: (0..functions).map(|_| Slot(UnsafeCell::new(0))).collect(),
            first: Outstanding::new(if required.is_some() { functions as u32 } else { 0 }),
            publisher: Publisher::default(),
            compiled: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
        })
    }

    fn account(&self, change: Change) -> bool {
        self.first.change(change.outstanding()[0])
    }

    /// A worker meets a unit.
    fn run(&self, func: usize) {
        match self.states[func].claim(Baseline) {
            Ok(change) => {
                self.account(change);
                self.compiled.fetch_add(1, Ordering::Relaxed);
                self.publisher.push(func);
                self.account(self.states[func].compiled(Baseline));
            }
            Err(_) => {
                self.discarded.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn publish(&self) -> Drained {
        self.publisher.drain(|batch| batch.into_iter().for_each(|func| self.publish_one(func)))
    }

    fn publish_one(&self, func: usize) {
        // SAFETY: whoever has claimed a function is alone with its slot, or loom says otherwise.
        self.slots[func].0.with_mut(|slot| unsafe { *slot = 42 });
        self.account(self.states[func].published(Baseline));
    }

    /// A call of a function that is said to be there.
    fn call(&self, func: usize) {
        // SAFETY: nobody writes it any more, or loom says otherwise.
        assert_eq!(self.slots[func].0.with(|slot| unsafe { *slot }), 42, "a call of a function without code");
    }

    /// What a lazy caller does, without waiting.
    fn call_lazily(&self, func: usize) {
        match self.states[func].claim(Baseline) {
            Ok(change) => {
                self.account(change);
                self.compiled.fetch_add(1, Ordering::Relaxed);
                self.publish_one(func);
                self.call(func);
            }
            Err(Taken::Reached) => self.call(func),
            Err(Taken::InFlight) if self.states[func].look().is_compiled(Baseline) => {
                if let Some(func) = self.publisher.take(|waiting| *waiting == func) {
                    self.publish_one(func);
                    self.call(func);
                }
            }
            Err(_) => {}
        }
    }
}

/// Two callers and a worker: one of them compiles, and who is told that it is done finds the code.
fn state_word() {
    let module = Module::new(1, None);
    let threads = [0, 1].map(|_| {
        let module = module.clone();
        thread::spawn(move || module.call_lazily(0))
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(module.compiled.load(Ordering::Relaxed), 1);
    assert_eq!(module.states[0].look().reached(), Some(Baseline));
}

/// A worker compiles and publishes, a caller needs the function at any time in between.
fn caller_takes_what_waits() {
    let module = Module::new(1, Some(Baseline));
    let worker = module.clone();
    let thread = thread::spawn(move || {
        worker.run(0);
        worker.publish();
    });
    module.call_lazily(0);
    thread.join().unwrap();
    module.call_lazily(0);
    assert_eq!(module.compiled.load(Ordering::Relaxed), 1);
    assert_eq!(module.first.get(), 0);
}

/// Two workers push and publish; nothing stays behind, and who sees nothing outstanding finds everything.
fn publishers() {
    let module = Module::new(2, Some(Baseline));
    let threads = [0, 1].map(|func| {
        let module = module.clone();
        thread::spawn(move || {
            module.run(func);
            module.publish();
        })
    });
    if module.first.get() == 0 {
        module.call(0);
        module.call(1);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(module.first.get(), 0, "something waits, and nobody publishes it");
}

/// A cancellation at any time leaves no count, whatever a worker is doing.
fn cancel() {
    let module = Module::new(2, Some(Baseline));
    let worker = module.clone();
    let thread = thread::spawn(move || {
        worker.run(0);
        worker.publish();
    });
    for state in &module.states {
        module.account(state.abandon());
    }
    thread.join().unwrap();
    assert_eq!(module.first.get(), 0);
    assert!(!module.states[0].look().is_in_flight(Baseline));
    // A later call still compiles what was given up.
    module.call_lazily(1);
    module.call(1);
}

/// The module goes while a worker has a unit: what is not published is given up, and nothing is counted twice.
fn dropped_in_flight() {
    let module = Module::new(1, Some(Baseline));
    let alive = Arc::new(AtomicUsize::new(1));
    let (worker, seen) = (module.clone(), alive.clone());
    let thread = thread::spawn(move || {
        worker.run(0);
        worker.publisher.drain(|batch| {
            for func in batch {
                // The weak reference: Relaxed is the worst case.
                if seen.load(Ordering::Relaxed) == 1 {
                    worker.publish_one(func);
                } else {
                    worker.account(worker.states[func].release(Baseline));
                    worker.account(worker.states[func].abandon());
                }
            }
        });
    });
    alive.store(0, Ordering::Relaxed);
    module.account(module.states[0].abandon());
    for func in module.publisher.take_all() {
        module.account(module.states[func].release(Baseline));
    }
    thread.join().unwrap();
    for func in module.publisher.take_all() {
        module.account(module.states[func].release(Baseline));
    }
    assert_eq!(module.first.get(), 0);
    assert!(!module.states[0].look().is_in_flight(Baseline));
}

/// A permission that comes while a compilation is in flight is good for one more, neither lost nor used twice.
fn again() {
    let state = Arc::new(State::new(Word::new(None, None)));
    state.claim(Top).unwrap();
    let publisher = state.clone();
    let thread = thread::spawn(move || {
        publisher.published(Top);
        publisher.claim(Top).is_ok()
    });
    state.allow_again();
    let here = state.claim(Top).is_ok();
    let there = thread.join().unwrap();
    assert!(!(here && there), "one permission, two compilations");
    if !here && !there {
        state.claim(Top).expect("the permission is there");
    }
}

const MODELS: [fn(); 6] = [state_word, caller_takes_what_waits, publishers, cancel, dropped_in_flight, again];

#[test]
fn loom_functions_are_compiled_once_and_found_when_they_are_said_to_be_there() {
    MODELS.into_iter().for_each(model);
}

/// Were an ordering not needed, it should be weaker; were a model blind, it would prove nothing.
#[test]
fn loom_every_ordering_of_states_and_counts_is_needed() {
    for site in [Site::StatePublish, Site::StateLook, Site::OutstandingChange, Site::OutstandingLook] {
        let fails = |body: &fn()| catch_unwind(AssertUnwindSafe(|| weakened(site, || model(*body)))).is_err();
        assert!(MODELS.iter().any(fails), "{site:?} may be Relaxed, or no model needs it");
    }
}

/// A state that is told before the code is in the slot is found out.
#[test]
fn loom_the_slot_comes_before_the_state() {
    let broken = || {
        let module = Module::new(1, None);
        let worker = module.clone();
        let thread = thread::spawn(move || {
            worker.states[0].claim(Baseline).unwrap();
            worker.account(worker.states[0].published(Baseline));
            // SAFETY: it is not, and that is what loom is to say.
            worker.slots[0].0.with_mut(|slot| unsafe { *slot = 42 });
        });
        // (loom explores more interleavings of spawned threads than of one of them with the first.)
        let caller = thread::spawn(move || {
            if module.states[0].look().reached().is_some() {
                module.call(0);
            }
        });
        caller.join().unwrap();
        thread.join().unwrap();
    };
    assert!(catch_unwind(|| model(broken)).is_err());
}
