//! Models of events: the real hub and queues, under every execution that locks and orderings allow.
//!
//! Each model holds as the code is; and both orderings are needed: with one of them weakened to Relaxed, a host
//! that subscribes, then looks, then waits, waits for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::{ALL_EVENTS, DeliverOn, Event, EventHub, EventKind, Listener, ModuleEvents, Scope, Subscription, Waited};
use crate::sync::{AtomicUsize, Ordering, Site, weakened};

/// Runs a model. Every execution with up to this many preemptions, which is where such protocols break.
fn model(body: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

fn stream() -> Event {
    Event::new(EventKind::FunctionTiered)
}

fn finished() -> Event {
    Event::new(EventKind::BaselineFinished)
}

fn drained(subscription: &Subscription) -> Vec<Event> {
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).unwrap();
    events
}

fn count(events: &[Event], kind: EventKind) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

/// A hub with a module, and one subscription.
fn subscribed(capacity: usize) -> (EventHub, ModuleEvents, Subscription) {
    let hub = EventHub::default();
    let module = hub.open();
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, capacity);
    (hub, module, subscription)
}

/// Who subscribes and then finds nothing done gets the event when it is.
fn subscribe_then_look() {
    let hub = EventHub::default();
    let module = hub.open();
    let done = Arc::new(AtomicUsize::new(0));
    let own = done.clone();
    let poster = thread::spawn(move || {
        // Relaxed, here and below: whatever the state word of a function does, the fences are enough.
        own.store(1, Ordering::Relaxed);
        module.post(stream());
        module
    });
    let subscriber = thread::spawn(move || {
        let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 1);
        let seen = done.load(Ordering::Relaxed);
        (hub, subscription, seen)
    });
    let _module = poster.join().unwrap();
    let (_hub, subscription, seen) = subscriber.join().unwrap();
    assert!(seen == 1 || drained(&subscription).len() == 1, "neither seen nor told");
}

/// A state event is in the replay or comes live, never both, never neither.
fn replay_exactly_once() {
    let hub = EventHub::default();
    let module = hub.open();
    let poster = thread::spawn(move || {
        module.post(finished());
        module.post(Event::new(EventKind::Cancelled));
        module
    });
    let subscription = hub.subscribe(Scope::Module(1), ALL_EVENTS, 1);
    let mut events = drained(&subscription);
    let _module = poster.join().unwrap();
    events.append(&mut drained(&subscription));
    events.retain(|event| event.kind != EventKind::Resync);
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::BaselineFinished, EventKind::Cancelled]);
    assert_eq!(subscription.wait(None), Waited::Ended);
}

/// Nobody sleeps through an event, nor through the end.
fn wait_wakes() {
    let (hub, module, subscription) = subscribed(1);
    let poster = thread::spawn(move || {
        module.post(stream());
        drop(module);
        drop(hub);
    });
    let mut seen = 0;
    while subscription.wait(None) == Waited::Ready {
        seen += drained(&subscription).iter().filter(|event| event.kind == EventKind::Closed).count();
        seen += 100 * subscription.dropped() as usize;
    }
    // The end of the module, or the note that it was lost: it was forgotten before the queue was drained.
    assert!(seen > 0);
    poster.join().unwrap();
}

/// One event, and no end that would wake the sleeper in its place.
fn one_event_wakes() {
    let (_hub, module, subscription) = subscribed(1);
    let poster = thread::spawn(move || {
        module.post(stream());
        module
    });
    assert_eq!(subscription.wait(None), Waited::Ready);
    assert_eq!(drained(&subscription).len(), 1);
    let _module = poster.join().unwrap();
}

/// What is dropped is counted, and a dropped state event comes all the same.
fn overflow() {
    let (_hub, module, subscription) = subscribed(1);
    let poster = thread::spawn(move || {
        module.post(stream());
        module.post(finished());
        module
    });
    let mut events = drained(&subscription);
    let module = poster.join().unwrap();
    events.append(&mut drained(&subscription));
    assert_eq!(count(&events, EventKind::BaselineFinished), 1);
    assert_eq!(count(&events, EventKind::FunctionTiered), 1);
    let lost: u32 = events.iter().filter(|event| event.kind == EventKind::Resync).map(|event| event.count).sum();
    assert_eq!(u64::from(lost), subscription.dropped());
    assert!(events.is_sorted_by_key(|event| event.seq));
    drop(module);
}

/// What the listener uses: loom reports a call that overlaps with another one or with the finalizer.
struct Token(Arc<(UnsafeCell<usize>, AtomicUsize)>);

// SAFETY: that the cell is used by one thread at a time is what the model checks.
unsafe impl Sync for Token {}
// SAFETY: as above.
unsafe impl Send for Token {}

impl Listener for Token {
    fn event(&self, _: &Event) {
        // SAFETY: no other access at this time, or loom says so.
        self.0.0.with_mut(|calls| unsafe { *calls += 1 });
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: as in `event`.
        self.0.0.with_mut(|calls| unsafe { *calls += 100 });
        self.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two threads post, one closes: calls never overlap, none comes after the close, the finalizer runs once, by then.
fn post_and_close() {
    let (_hub, module, subscription) = subscribed(2);
    let token = Arc::new((UnsafeCell::new(0), AtomicUsize::new(0)));
    let listener = std::sync::Arc::new(Token(token.clone()));
    subscription.set_listener(DeliverOn::Poster, listener).unwrap();
    let module = Arc::new(module);
    let posters = [(); 2].map(|()| {
        let module = module.clone();
        thread::spawn(move || {
            module.post(stream());
        })
    });
    subscription.close();
    assert_eq!(token.1.load(Ordering::Relaxed), 1, "the finalizer ran before the close returned");
    // SAFETY: no call comes any more, or loom says so.
    assert!(token.0.with(|calls| unsafe { *calls }) >= 100);
    for poster in posters {
        poster.join().unwrap();
    }
}

const MODELS: [fn(); 6] =
    [subscribe_then_look, replay_exactly_once, wait_wakes, one_event_wakes, overflow, post_and_close];

#[test]
fn loom_events_are_told_exactly_once() {
    MODELS.into_iter().for_each(model);
}

/// Were an ordering not needed, it should be weaker; were a model blind, it would prove nothing.
#[test]
fn loom_every_ordering_of_events_is_needed() {
    for site in [Site::EventPost, Site::EventSubscribe] {
        let fails = |body: &fn()| catch_unwind(AssertUnwindSafe(|| weakened(site, || model(*body)))).is_err();
        assert!(MODELS.iter().take(1).any(fails), "{site:?} may be Relaxed, or no model needs it");
    }
}
