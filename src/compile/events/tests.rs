//! Events: what is legal, what is remembered, what is dropped, who is called, and what a fork leaves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::EventKind::{BaselineFinished, Cancelled, Closed, CompilationChunk, Failed, FunctionTiered, Resync};
use super::*;
use crate::error::Error;
use crate::sys::tests::in_child;

fn drained(subscription: &Subscription) -> Vec<Event> {
    let mut events = Vec::new();
    subscription.drain(&mut events, usize::MAX).unwrap();
    events
}

fn kinds(subscription: &Subscription) -> Vec<EventKind> {
    drained(subscription).iter().map(|event| event.kind).collect()
}

fn post(module: &ModuleEvents, kind: EventKind) -> Posted {
    module.post(Event::new(kind))
}

/// A number from a seed, the next seed left in it.
fn random(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

#[test]
fn a_module_ends_once_and_nothing_follows() {
    for terminal in [Failed, Cancelled, Closed] {
        let hub = EventHub::default();
        let module = hub.open();
        let all = hub.subscribe(Scope::Engine, ALL_EVENTS, 100);
        assert_eq!(post(&module, CompilationChunk), Posted::Yes);
        assert_eq!(drained(&all).len(), 1);
        assert_eq!(post(&module, BaselineFinished), Posted::Yes);
        assert_eq!(post(&module, BaselineFinished), Posted::No);
        assert_eq!(drained(&all).len(), 1);
        assert_eq!(post(&module, terminal), Posted::Yes);
        for kind in EventKind::ALL.into_iter().filter(|kind| *kind != Resync) {
            assert_eq!(post(&module, kind), Posted::No, "{kind:?} after {terminal:?}");
        }
        assert_eq!(module.terminal().map(|event| event.kind), Some(terminal));
        drop(module);
        assert_eq!(kinds(&all), [terminal]);
    }
}

#[test]
fn events_carry_what_was_posted_and_numbers_that_grow() {
    let hub = EventHub::default();
    let (first, second) = (hub.open(), hub.open());
    let all = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    let sent = Event {
        func: 3,
        count: 4,
        code_size: 5,
        status: 6,
        duration_ns: 7,
        worker: 8,
        from_tier: Some(Tier::Top),
        to_tier: Some(Tier::Top),
        ..Event::new(FunctionTiered)
    };
    first.post(sent);
    second.post(sent);
    let events = drained(&all);
    assert_eq!((events[0].seq, events[1].seq), (1, 2));
    assert_eq!((events[0].module, events[1].module), (first.id(), second.id()));
    assert!(events[0].time_ns > 0 && events[0].time_ns <= events[1].time_ns);
    for event in events {
        assert_eq!(Event { seq: 0, time_ns: 0, module: 0, ..event }, sent);
    }
}

#[test]
fn masks_and_scopes_select() {
    let hub = EventHub::default();
    let (one, other) = (hub.open(), hub.open());
    assert_eq!(post(&one, FunctionTiered), Posted::No, "nobody listens");
    let chunks = hub.subscribe(Scope::Engine, CompilationChunk.bit(), 10);
    let own = hub.subscribe(Scope::Module(other.id()), ALL_EVENTS, 10);
    assert!(one.is_wanted(FunctionTiered));
    post(&one, FunctionTiered);
    post(&one, CompilationChunk);
    post(&other, FunctionTiered);
    post(&other, BaselineFinished);
    assert_eq!(kinds(&chunks), [CompilationChunk]);
    assert_eq!(kinds(&own), [FunctionTiered, BaselineFinished]);
    own.close();
    assert!(!one.is_wanted(FunctionTiered) && one.is_wanted(CompilationChunk));
    assert_eq!(hub.subscription_count(), 1);
    // A module that ended, or never was, has no events to wait for.
    let id = other.id();
    drop(other);
    assert_eq!(hub.subscribe(Scope::Module(id), ALL_EVENTS, 1).wait(None), Waited::Ended);
    assert_eq!(hub.subscribe(Scope::Module(u64::MAX), ALL_EVENTS, 1).wait(None), Waited::Ended);
}

/// More modules than the queue or a page has room for: the replay comes whole, in order, then what is live.
#[test]
fn late_subscribers_get_what_is_remembered_once() {
    let hub = EventHub::default();
    let modules: Vec<ModuleEvents> = (0..1000).map(|_| hub.open()).collect();
    for module in modules.iter().rev() {
        post(module, FunctionTiered);
        post(module, BaselineFinished);
    }
    post(&modules[7], Cancelled);
    post(&modules[8], Failed);
    let late = hub.subscribe(Scope::Engine, ALL_EVENTS, 2);
    post(&modules[0], FunctionTiered);
    post(&modules[1], CompilationChunk);
    let mut events = Vec::new();
    while late.drain(&mut events, 300).unwrap() != 0 {}
    assert_eq!(late.dropped(), 0);
    // All finished but the one that failed, two ends, two live ones.
    assert_eq!(events.len(), 999 + 2 + 2);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(events.iter().filter(|event| event.kind == BaselineFinished).count(), 999);
    assert_eq!(events[1001].kind, FunctionTiered);

    let own = hub.subscribe(Scope::Module(modules[7].id()), ALL_EVENTS, 1);
    assert_eq!(own.wait(None), Waited::Ready);
    assert_eq!(kinds(&own), [BaselineFinished, Cancelled]);
    assert_eq!(own.wait(None), Waited::Ended);
    assert_eq!(kinds(&hub.subscribe(Scope::Module(modules[8].id()), ALL_EVENTS, 1)), [Failed]);
    assert_eq!(kinds(&hub.subscribe(Scope::Module(modules[7].id()), Failed.bit(), 1)), []);
    drop(modules);
    assert_eq!(kinds(&hub.subscribe(Scope::Engine, ALL_EVENTS, 1)), [], "what is gone is forgotten");
}

#[test]
fn a_failure_takes_back_what_was_not_delivered() {
    let hub = EventHub::default();
    let (bad, good) = (hub.open(), hub.open());
    let all = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    let without = hub.subscribe(Scope::Engine, ALL_EVENTS & !Failed.bit(), 10);
    post(&bad, CompilationChunk);
    post(&good, CompilationChunk);
    post(&bad, BaselineFinished);
    let status = 5;
    bad.post(Event { status, ..Event::new(Failed) });
    let events = drained(&all);
    assert_eq!(
        events.iter().map(|event| (event.kind, event.module)).collect::<Vec<_>>(),
        [(CompilationChunk, good.id()), (Failed, bad.id())]
    );
    assert_eq!(events[1].status, status);
    assert_eq!(kinds(&without), [CompilationChunk]);
}

#[test]
fn a_full_queue_counts_what_it_drops_and_says_so() {
    let hub = EventHub::default();
    let (module, brief) = (hub.open(), hub.open());
    let own = hub.subscribe(Scope::Engine, ALL_EVENTS, 2);
    for _ in 0..5 {
        post(&module, FunctionTiered);
    }
    post(&module, BaselineFinished);
    post(&brief, BaselineFinished);
    drop(brief);
    assert_eq!(own.dropped(), 6);
    // Lossy until it is drained, even when there is room.
    let mut events = Vec::new();
    assert_eq!(own.drain(&mut events, 1).unwrap(), 1);
    post(&module, FunctionTiered);
    assert_eq!(own.dropped(), 7);
    events.extend(drained(&own));
    post(&module, FunctionTiered);
    events.extend(drained(&own));
    let found: Vec<_> = events.iter().map(|event| (event.kind, event.seq, event.count)).collect();
    let state = (BaselineFinished, 6, 0);
    assert_eq!(found, [(FunctionTiered, 1, 0), (FunctionTiered, 2, 0), (Resync, 3, 7), state, (FunctionTiered, 10, 0)]);
    assert_eq!(own.dropped(), 7);
}

/// What a subscription may have seen of one module.
#[derive(Default)]
struct Seen {
    finished: usize,
    terminal: Option<EventKind>,
}

/// Fails if the events of a subscription are in an order that the rules forbid.
fn assert_legal(events: &[Event]) -> BTreeMap<u64, Seen> {
    let mut modules = BTreeMap::<u64, Seen>::new();
    let mut before = 0;
    for event in events {
        // A note of loss has the number of what was lost first, which may come after it.
        assert!(event.seq > before || event.seq == before && event.kind.is_state(), "{event:?} after number {before}");
        before = event.seq - u64::from(event.kind == Resync);
        if event.kind == Resync {
            continue;
        }
        let seen = modules.entry(event.module).or_default();
        assert_eq!(seen.terminal, None, "{event:?}");
        match event.kind {
            BaselineFinished => seen.finished += 1,
            kind if kind.is_terminal() => seen.terminal = Some(kind),
            _ => {}
        }
        assert!(seen.finished <= 1, "{event:?}");
    }
    modules
}

/// Random posts, drains, subscriptions and ends: every subscription gets its part of the whole, or a count of what
/// it missed.
#[test]
fn random_histories_are_told_in_a_legal_order() {
    let rounds = if std::env::var_os("UPDRAFT_PROVE").is_some() { 20_000 } else { 500 };
    let mut overflows = 0;
    for round in 0..rounds {
        let mut seed = round;
        let hub = EventHub::default();
        let mut modules: Vec<ModuleEvents> = Vec::new();
        let mut log: Vec<Event> = Vec::new();
        let mut subscriptions: Vec<(Subscription, Scope, u64, u32, Vec<Event>)> = Vec::new();
        for _ in 0..60 {
            match random(&mut seed) % 10 {
                0 | 1 => modules.push(hub.open()),
                2 => {
                    let scope = match modules.first() {
                        Some(module) if random(&mut seed).is_multiple_of(2) => Scope::Module(module.id()),
                        _ => Scope::Engine,
                    };
                    let mask = if random(&mut seed).is_multiple_of(2) {
                        ALL_EVENTS
                    } else {
                        random(&mut seed) as u32 & ALL_EVENTS
                    };
                    let subscription = hub.subscribe(scope, mask, random(&mut seed) % 4);
                    subscriptions.push((subscription, scope, hub.0.state.lock().seq, mask, Vec::new()));
                }
                3 if !modules.is_empty() => {
                    let gone = modules.swap_remove(random(&mut seed) % modules.len());
                    let (module, ended) = (gone.id(), gone.terminal().is_some());
                    drop(gone);
                    if !ended {
                        log.push(Event { module, seq: hub.0.state.lock().seq, ..Event::new(Closed) });
                    }
                }
                4 if !subscriptions.is_empty() => {
                    let which = random(&mut seed) % subscriptions.len();
                    let (subscription, .., events) = &mut subscriptions[which];
                    subscription.drain(events, random(&mut seed) % 5).unwrap();
                }
                _ if !modules.is_empty() => {
                    let module = &modules[random(&mut seed) % modules.len()];
                    let kind = EventKind::ALL[random(&mut seed) % (Resync as usize - 1)];
                    let before = hub.0.state.lock().seq;
                    if post(module, kind) == Posted::Yes {
                        log.push(Event { module: module.id(), seq: before + 1, ..Event::new(kind) });
                    }
                }
                _ => {}
            }
        }
        let failed: Vec<u64> = log.iter().filter(|event| event.kind == Failed).map(|event| event.module).collect();
        for (subscription, scope, from, mask, mut events) in subscriptions {
            events.extend(drained(&subscription));
            assert_legal(&events);
            let lost: u64 =
                events.iter().filter(|event| event.kind == Resync).map(|event| u64::from(event.count)).sum();
            assert_eq!(lost, subscription.dropped());
            overflows += usize::from(lost > 0);
            let concerns = |event: &&Event| scope.contains(event.module) && mask & event.kind.bit() != 0;
            for event in log.iter().filter(concerns) {
                let got = events.iter().filter(|own| (own.kind, own.seq) == (event.kind, event.seq)).count();
                let lives = modules.iter().any(|module| module.id() == event.module);
                // A failure may have come before it was delivered.
                let certain = !failed.contains(&event.module) || event.kind == Failed;
                let must = certain && if event.kind.is_state() && lives { true } else { event.seq > from && lost == 0 };
                assert!(got <= 1 && (got == 1 || !must), "round {round}: {event:?} came {got} times");
            }
        }
    }
    assert!(overflows > rounds as usize / 10, "only {overflows} queues overflowed");
}

/// Many threads at once; a module is cancelled while another thread publishes.
#[test]
fn threads_that_post_drain_and_cancel_agree() {
    let rounds = if std::env::var_os("UPDRAFT_PROVE").is_some() { 2_000 } else { 50 };
    for round in 0..rounds {
        let hub = EventHub::default();
        let module = hub.open();
        let start = Barrier::new(4);
        let subscription = hub.subscribe(Scope::Module(module.id()), ALL_EVENTS, 1 + round % 40);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..50 {
                        post(&module, FunctionTiered);
                        post(&module, CompilationChunk);
                    }
                    post(&module, BaselineFinished);
                });
            }
            scope.spawn(|| {
                start.wait();
                (0..round).for_each(|_| std::hint::spin_loop());
                post(&module, Cancelled);
            });
            start.wait();
            let mut events = Vec::new();
            while subscription.wait(None) == Waited::Ready {
                subscription.drain(&mut events, 7).unwrap();
            }
            let seen = assert_legal(&events);
            assert_eq!(seen[&module.id()].terminal, Some(Cancelled));
        });
    }
}

#[test]
fn waiting_ends_by_an_event_by_time_and_by_the_end() {
    let hub = EventHub::default();
    let module = hub.open();
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 1);
    assert_eq!(subscription.wait(Some(Instant::now())), Waited::Timeout);
    assert_eq!(subscription.wait(Some(Instant::now() + Duration::from_millis(5))), Waited::Timeout);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| subscription.wait(None));
        post(&module, FunctionTiered);
        assert_eq!(waits.join().unwrap(), Waited::Ready);
        assert_eq!(drained(&subscription).len(), 1);
        let two = [(); 2].map(|()| scope.spawn(|| subscription.wait(Some(Instant::now() + Duration::from_secs(600)))));
        drop(hub);
        assert!(two.into_iter().all(|waits| waits.join().unwrap() == Waited::Ended));
    });
    drop(module);
}

/// The descriptor is readable exactly while there is something to drain, or nothing will come.
#[test]
fn the_descriptor_shows_what_is_queued() {
    fn is_readable(subscription: &Subscription) -> bool {
        let mut poll = libc::pollfd { fd: subscription.descriptor().unwrap(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one element, a local.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }
    let hub = EventHub::default();
    let module = hub.open();
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 2);
    let mut events = Vec::new();
    assert!(!is_readable(&subscription));
    for _ in 0..4 {
        post(&module, CompilationChunk);
    }
    let late = hub.subscribe(Scope::Engine, ALL_EVENTS, 2);
    post(&module, CompilationChunk);
    assert!(is_readable(&subscription) && is_readable(&late), "set when the descriptor was asked for first");
    subscription.drain(&mut events, 2).unwrap();
    assert!(is_readable(&subscription), "the loss is still to be told");
    subscription.drain(&mut events, 2).unwrap();
    assert!(!is_readable(&subscription));
    assert_eq!(kinds(&late), [CompilationChunk]);
    post(&module, CompilationChunk);
    post(&module, Failed);
    assert_eq!(kinds(&late), [Failed]);
    assert!(!is_readable(&late));
    drop(hub);
    assert!(is_readable(&late));
}

type Note = Box<dyn Fn(&Event) + Send + Sync>;

/// Calls a closure, and notes on which thread it was dropped.
struct Hears(Note, Arc<OnceLock<std::thread::ThreadId>>);

impl Listener for Hears {
    fn event(&self, event: &Event) {
        (self.0)(event);
    }
}

impl Drop for Hears {
    fn drop(&mut self) {
        self.1.set(std::thread::current().id()).expect("a listener is dropped once");
    }
}

fn hears(note: impl Fn(&Event) + Send + Sync + 'static) -> (Arc<dyn Listener>, Arc<OnceLock<std::thread::ThreadId>>) {
    let dropped = Arc::new(OnceLock::new());
    (Arc::new(Hears(Box::new(note), dropped.clone())), dropped)
}

#[test]
fn listeners_are_called_on_the_poster_or_by_dispatch() {
    let hub = EventHub::default();
    let module = hub.open();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let note = |calls: &Arc<Mutex<Vec<_>>>| {
        let calls = calls.clone();
        move |event: &Event| calls.lock().unwrap().push((event.kind, std::thread::current().id()))
    };
    let me = std::thread::current().id();
    post(&module, BaselineFinished);
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    assert!(matches!(subscription.dispatch(1), Err(Error::Misuse { .. })));
    let (listener, dropped) = hears(note(&calls));
    subscription.set_listener(DeliverOn::Poster, listener).unwrap();
    assert_eq!(*calls.lock().unwrap(), [(BaselineFinished, me)], "the replay comes here");
    let other = std::thread::scope(|scope| {
        let poster = scope.spawn(|| {
            post(&module, FunctionTiered);
        });
        poster.thread().id()
    });
    assert_eq!(calls.lock().unwrap()[1..], [(FunctionTiered, other)]);
    assert!(matches!(subscription.drain(&mut Vec::new(), 1), Err(Error::Misuse { .. })));
    assert!(matches!(subscription.set_listener(DeliverOn::Poster, hears(|_| ()).0), Err(Error::Busy { .. })));
    assert!(matches!(subscription.dispatch(1), Err(Error::Misuse { .. })));
    std::thread::scope(|scope| assert!(scope.spawn(|| subscription.close()).join().is_ok()));
    assert!(dropped.get().is_some_and(|thread| *thread != me), "dropped by who closed");
    assert!(matches!(subscription.set_listener(DeliverOn::Poster, hears(|_| ()).0), Err(Error::Misuse { .. })));

    calls.lock().unwrap().clear();
    let dispatched = hub.subscribe(Scope::Engine, FunctionTiered.bit(), 2);
    let (listener, dropped) = hears(note(&calls));
    dispatched.set_listener(DeliverOn::Dispatcher, listener).unwrap();
    (0..4).for_each(|_| assert_eq!(post(&module, FunctionTiered), Posted::Yes));
    assert!(calls.lock().unwrap().is_empty());
    assert_eq!(dispatched.dispatch(1).unwrap(), 1);
    assert_eq!(dispatched.dispatch(9).unwrap(), 2);
    assert_eq!(*calls.lock().unwrap(), [(FunctionTiered, me), (FunctionTiered, me), (Resync, me)]);
    drop(dispatched);
    assert_eq!(dropped.get(), Some(&me));
}

/// Events that a listener causes come to it after its call, not within it.
#[test]
fn listeners_may_post_and_close() {
    let hub = EventHub::default();
    let module = Arc::new(hub.open());
    let own: Arc<OnceLock<Mutex<Option<Subscription>>>> = Arc::default();
    let (depth, calls) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (inner, posts, count) = (own.clone(), module.clone(), calls.clone());
    let (listener, dropped) = hears(move |event| {
        assert_eq!(depth.fetch_add(1, Relaxed), 0, "calls do not nest");
        count.fetch_add(1, Relaxed);
        if event.kind == CompilationChunk {
            post(&posts, FunctionTiered);
            post(&posts, FunctionTiered);
        } else {
            // Gone in its own call: the second event is never delivered.
            drop(inner.get().unwrap().lock().unwrap().take());
        }
        depth.fetch_sub(1, Relaxed);
    });
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    subscription.set_listener(DeliverOn::Poster, listener).unwrap();
    own.set(Mutex::new(Some(subscription))).ok().unwrap();
    post(&module, CompilationChunk);
    assert_eq!(calls.load(Relaxed), 2);
    assert_eq!(dropped.get(), Some(&std::thread::current().id()));
    assert_eq!(hub.subscription_count(), 0);
}

/// Who closes may free what the listener uses: it is not running any more, on no thread.
#[test]
fn closing_waits_for_a_running_call() {
    let hub = EventHub::default();
    let module = hub.open();
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    let (running, go_on, returned) =
        (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
    let (entered, leave, done) = (running.clone(), go_on.clone(), returned.clone());
    let (listener, dropped) = hears(move |_| {
        entered.wait();
        leave.wait();
        done.store(true, Relaxed);
    });
    subscription.set_listener(DeliverOn::Poster, listener).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| post(&module, FunctionTiered));
        running.wait();
        let closer = scope.spawn(|| {
            subscription.close();
            assert!(returned.load(Relaxed) && dropped.get() == Some(&std::thread::current().id()));
        });
        // The closer is seen to wait.
        while subscription.queue_sleepers() == 0 {
            std::thread::yield_now();
        }
        go_on.wait();
        closer.join().unwrap();
    });
}

/// In a child, nobody waits for threads that are not there, and its events are its own.
#[test]
fn a_child_has_its_own_events() {
    crate::sys::fork::install().unwrap();
    let hub = EventHub::default();
    let module = hub.open();
    let subscription = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
    let called = hub.subscribe(Scope::Engine, CompilationChunk.bit(), 10);
    let (running, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (entered, leave) = (running.clone(), go_on.clone());
    let (listener, _dropped) = hears(move |_| {
        entered.wait();
        leave.wait();
    });
    called.set_listener(DeliverOn::Poster, listener).unwrap();
    let descriptor = subscription.descriptor().unwrap();
    let parent_sees = |expected: bool| {
        let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: one element, a local.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) == 1 }, expected);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| post(&module, CompilationChunk));
        running.wait();
        parent_sees(true);
        in_child(|| {
            assert_eq!(subscription.descriptor().unwrap(), descriptor);
            assert_eq!(kinds(&subscription), [CompilationChunk]);
            parent_sees(false);
            post(&module, FunctionTiered);
            parent_sees(true);
            assert_eq!(kinds(&subscription), [FunctionTiered]);
            // The thread in the listener is not here.
            called.close();
        });
        parent_sees(true);
        assert_eq!(kinds(&subscription), [CompilationChunk]);
        go_on.wait();
    });
}

/// Two threads change one thing and tell of it: the stories come in the order of the changes.
#[test]
fn what_is_not_true_any_more_is_not_told() {
    for _ in 0..if std::env::var_os("UPDRAFT_PROVE").is_some() { 20_000 } else { 500 } {
        let hub = EventHub::default();
        let module = hub.open();
        let all = hub.subscribe(Scope::Engine, ALL_EVENTS, 10);
        let (level, start) = (AtomicUsize::new(0), Barrier::new(2));
        std::thread::scope(|scope| {
            for own in [1, 2] {
                let (level, start, module) = (&level, &start, &module);
                scope.spawn(move || {
                    start.wait();
                    if level.fetch_max(own, Relaxed) < own {
                        let event = Event { count: own as u32, ..Event::new(FunctionTiered) };
                        module.post_if(event, || level.load(Relaxed) == own);
                    }
                });
            }
        });
        let counts: Vec<u32> = drained(&all).iter().map(|event| event.count).collect();
        assert!(counts == [2] || counts == [1, 2], "{counts:?}");
    }
}
