//! Events: subscriptions to what happens to modules.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t, updraft_tier_t};
use super::status::{self, updraft_status_t};
use super::{
    Counted, HostData, Record, clone_object, delete, enter, new_object, object, out, updraft_finalizer_t, write_records,
};
use crate::compile::events::{ALL_EVENTS, DeliverOn, Event, EventKind, Listener, Scope, Subscription, Waited};
use crate::error::Error;
use crate::limits::MAX_EVENT_QUEUE;
use crate::types::Tier;

/// Receives events of an engine, or of one of its modules, until it is closed. Reference-counted; any thread. Keeps
/// neither engine nor module alive.
pub struct updraft_subscription_t {
    _private: [u8; 0],
}

impl Counted for updraft_subscription_t {
    type Value = Subscription;
    const KIND: u32 = 0x6276_5375;
}

/// What an event tells. *State events* (1 to 4) say what became of a module: they are remembered as long as the module
/// lives, and later subscribers get them, once. *Stream events* say what was done, to those who are subscribed then.
/// Of a module, BASELINE_FINISHED comes at most once, and exactly one of FAILED, CANCELLED and CLOSED, as its last.
pub type updraft_event_kind_t = u32;
/// State: every function has what the module's strategy asks for at first.
pub const UPDRAFT_EVENT_BASELINE_FINISHED: updraft_event_kind_t = 1;
/// State, last of its module: the module cannot be used; `status` says why, and `func` which body is invalid if that was found
/// after the module was made (`updraft_validation_t`). Takes back what was not delivered yet.
pub const UPDRAFT_EVENT_FAILED: updraft_event_kind_t = 2;
/// State, last of its module: its background work was cancelled.
pub const UPDRAFT_EVENT_CANCELLED: updraft_event_kind_t = 3;
/// State, last of its module: nobody uses it any more.
pub const UPDRAFT_EVENT_CLOSED: updraft_event_kind_t = 4;
/// Stream: a batch of code was published: `count` functions, `code_size` bytes.
pub const UPDRAFT_EVENT_COMPILATION_CHUNK: updraft_event_kind_t = 5;
/// Stream: a function reached a tier: `func`, `from_tier`, `to_tier`, `code_size`, `began_ns`, `duration_ns`,
/// `worker`. The tiers of a function only go up, until its code is dropped; one that was replaced at once may be left out.
pub const UPDRAFT_EVENT_FUNCTION_TIERED: updraft_event_kind_t = 6;
/// Stream: a tier (`to_tier`) cannot compile a function (`func`), which stays as it is; `status` says why.
pub const UPDRAFT_EVENT_FUNCTION_REFUSED: updraft_event_kind_t = 7;
/// The queue was full: `count` events were dropped here. State events among them follow, if their module lives; what
/// else was missed can be asked for (`updraft_module_func_states`). Comes whatever the mask says.
pub const UPDRAFT_EVENT_RESYNC: updraft_event_kind_t = 8;
/// Stream: code was compiled for threads that run a loop of a function (`func`) in the baseline tier, so that they go on
/// in the top tier, or was refused (`status` says why, else 0): `code_size`, `began_ns`, `duration_ns`, `worker`; `count`
/// is the offset of the loop's operator in the module. The function itself stays where it is.
pub const UPDRAFT_EVENT_LOOP_TIERED: updraft_event_kind_t = 9;
/// Stream: a module was written to the cache (`updraft_config_set_cache_directory`): `count` functions with code of the top
/// tier, `code_size` bytes in all.
pub const UPDRAFT_EVENT_CACHE_WRITTEN: updraft_event_kind_t = 10;
/// Stream: `count` more functions of the module have code of the top tier that can be kept beyond this process, `code_size`
/// bytes: the next artifact or entry of a cache will have them.
// Last added.
pub const UPDRAFT_EVENT_SERIALIZABLE: updraft_event_kind_t = 11;

/// Kinds of events, as bits: `1 << UPDRAFT_EVENT_...`.
pub type updraft_event_mask_t = u32;
/// Every kind, also those of later versions.
pub const UPDRAFT_EVENT_MASK_ALL: updraft_event_mask_t = 0xffff_ffff;

/// `func` of an event that is about no single function.
pub const UPDRAFT_NO_FUNC: u32 = 0xffff_ffff;
/// `worker` of an event that comes from a thread of the host.
pub const UPDRAFT_NO_WORKER: u32 = 0xffff_ffff;

/// Something that happened. What a kind does not speak of is 0 (`func`, `worker`: none).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct updraft_event_t {
    /// Bytes of this struct that are filled in.
    pub size: u32,
    /// What it tells: an `UPDRAFT_EVENT_` number. Later versions may add some.
    pub kind: updraft_event_kind_t,
    /// Counts the events of the engine. Grows from event to event of a subscription; a RESYNC has the number of the
    /// first event that was dropped.
    pub seq: u64,
    /// When it was posted: nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The module (`updraft_module_id`), 0 for a RESYNC of a whole engine.
    pub module_id: u64,
    /// How long the work took.
    pub duration_ns: u64,
    /// Index of the function, imported ones counted; `UPDRAFT_NO_FUNC`.
    pub func: u32,
    /// How many functions, or dropped events, it stands for; of a loop, where it is.
    pub count: u32,
    /// Bytes of machine code.
    pub code_size: u32,
    /// Why: an `UPDRAFT_STATUS_` number.
    pub status: updraft_status_t,
    /// The tier before, an `UPDRAFT_TIER_` number; 0 = none.
    pub from_tier: u16,
    /// The tier now.
    pub to_tier: u16,
    /// Which worker did the work, from 1; `UPDRAFT_NO_WORKER`.
    pub worker: u32,
    /// When the work began, by the clock of `time_ns`.
    pub began_ns: u64,
    /// Where the code came from: an `UPDRAFT_ORIGIN_` number.
    pub origin: updraft_origin_t,
    /// 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<updraft_event_t>() == 80);

// SAFETY: `repr(C)`; the assertion above leaves no room for padding.
unsafe impl Record for updraft_event_t {}

/// Called with an event, which lives until it returns. It may call Updraft, also to close its own subscription, but for
/// functions that wait; it must not delete the engine's last reference.
pub type updraft_event_callback_t = Option<unsafe extern "C" fn(env: *mut c_void, event: *const updraft_event_t)>;

/// Where code came from.
pub type updraft_origin_t = u32;
/// It was compiled.
pub const UPDRAFT_ORIGIN_COMPILED: updraft_origin_t = 0;
/// It was loaded: kept from another process, or from a module before.
pub const UPDRAFT_ORIGIN_LOADED: updraft_origin_t = 1;

/// On which threads a callback is called.
pub type updraft_event_thread_t = u32;
/// On those that post: workers of the engine, and threads of the host inside Updraft. Not for languages whose runtime
/// must know its threads.
pub const UPDRAFT_EVENT_THREAD_POSTER: updraft_event_thread_t = 0;
/// On the one that calls `updraft_subscription_dispatch`.
pub const UPDRAFT_EVENT_THREAD_DISPATCHER: updraft_event_thread_t = 1;

/// The number of a tier, 0 for none.
pub(super) fn tier_number(tier: Option<Tier>) -> updraft_tier_t {
    tier.map_or(0, |tier| tier as updraft_tier_t)
}

fn event_for_c(event: &Event) -> updraft_event_t {
    updraft_event_t {
        size: size_of::<updraft_event_t>() as u32,
        kind: event.kind as updraft_event_kind_t,
        seq: event.seq,
        time_ns: event.time_ns,
        module_id: event.module,
        duration_ns: event.duration_ns,
        func: event.func,
        count: if event.kind == EventKind::LoopTiered { event.loop_offset } else { event.count },
        code_size: event.code_size,
        status: event.status,
        from_tier: tier_number(event.from_tier) as u16,
        to_tier: tier_number(event.to_tier) as u16,
        worker: event.worker,
        began_ns: event.began_ns,
        origin: event.origin as updraft_origin_t,
        reserved: 0,
    }
}

/// The time at which a timeout ends; none if that is beyond all time.
pub(super) fn deadline(timeout_ns: u64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_nanos(timeout_ns)).filter(|_| timeout_ns != u64::MAX)
}

/// Subscribes to the events of an engine: of the module `module_id`, or of all if that is 0. `mask` has the bits
/// `1 << UPDRAFT_EVENT_...` of the kinds that are wanted, or is `UPDRAFT_EVENT_MASK_ALL`.
///
/// The state events of the past come first, those of the future follow, without a gap. Up to `capacity` events (1 to
/// 1048576, about 80 bytes each) wait to be fetched; while they fill the queue, new ones are dropped and counted.
/// Writes to `out` a subscription owned by the caller (`updraft_subscription_delete`). Fails with MISUSE (also for a mask
/// of no kind) and LIMIT. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_new(
    engine: *const updraft_engine_t,
    module_id: u64,
    mask: updraft_event_mask_t,
    capacity: usize,
    out: *mut *mut updraft_subscription_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        if mask & ALL_EVENTS == 0 {
            return Err(Fail::misuse(format!("mask names no kind of event: {mask:#x}")));
        }
        if capacity == 0 {
            return Err(Fail::misuse("capacity is 0"));
        }
        if capacity > MAX_EVENT_QUEUE {
            let limit = MAX_EVENT_QUEUE as u64;
            return Err(Error::Limit { what: "events of a subscription", asked: capacity as u64, limit }.into());
        }
        let scope = if module_id == 0 { Scope::Engine } else { Scope::Module(module_id) };
        out.write(new_object(engine.engine.events().subscribe(scope, mask, capacity)));
        Ok(())
    })
}

/// Counts one more reference to a subscription, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_clone(
    subscription: *const updraft_subscription_t,
    out: *mut *mut updraft_subscription_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(subscription, "subscription")?);
        Ok(())
    })
}

/// Gives up a reference to a subscription. The last one closes it (`updraft_subscription_close`) and closes its file
/// descriptor. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_delete(subscription: *mut updraft_subscription_t) {
    delete(subscription);
}

/// Ends a subscription: nothing comes any more, what is queued is gone, threads that wait return. Waits until a call
/// of the callback that runs on another thread has returned, and then calls the callback's finalizer, on this thread.
/// Closed from within its callback, the finalizer is called on the same thread, as soon as the callback has returned.
/// Closing twice is allowed.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_close(
    subscription: *const updraft_subscription_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(subscription, "subscription")?.close();
        Ok(())
    })
}

/// Takes up to `capacity` events out of the queue, oldest first, and writes how many to `count`. `event_size` is the
/// size of an element of `events` as its user knows it, sizeof(updraft_event_t); each event says in `size` how much
/// of it was filled in, and the rest is 0. `events` may be NULL if `capacity` is 0. Never waits.
///
/// Fails with MISUSE (also if the subscription has a callback, which gets the events). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_drain(
    subscription: *const updraft_subscription_t,
    events: *mut updraft_event_t,
    capacity: usize,
    event_size: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, subscription) = (out(count, "count")?, object(subscription, "subscription")?);
        let records = || {
            let mut drained = Vec::new();
            subscription.drain(&mut drained, capacity)?;
            Ok(drained.iter().map(event_for_c).collect())
        };
        count.write(write_records(events, capacity, event_size, ["events", "event_size"], records)?);
        Ok(())
    })
}

/// Waits until there are events to drain. Calls no callback. `timeout_ns` may be 0, and UINT64_MAX to wait without end.
///
/// Fails with TIMEOUT, CANCELLED (there are none and none will come: it was closed, its module has ended, or the
/// engine is gone) and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_wait(
    subscription: *const updraft_subscription_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || match object(subscription, "subscription")?.wait(deadline(timeout_ns)) {
        Waited::Ready => Ok(()),
        Waited::Timeout => Err(Fail::Status(status::UPDRAFT_STATUS_TIMEOUT, "no event came in time".into())),
        Waited::Ended => Err(Fail::Status(status::UPDRAFT_STATUS_CANCELLED, "no event will come any more".into())),
    })
}

/// Writes to `fd` a file descriptor that `poll` and its like see as readable while there are events to drain, and when
/// no event will come any more. It must not be read or closed; it lives as long as the subscription. In the
/// child of a fork, ask again: only then it is the child's own.
///
/// Fails with MISUSE and SYSTEM. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_fd(
    subscription: *const updraft_subscription_t,
    fd: *mut i32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (fd, subscription) = (out(fd, "fd")?, object(subscription, "subscription")?);
        fd.write(subscription.descriptor()?);
        Ok(())
    })
}

/// Writes to `count` how many events were dropped so far because the queue was full.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_dropped(
    subscription: *const updraft_subscription_t,
    count: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, subscription) = (out(count, "count")?, object(subscription, "subscription")?);
        count.write(subscription.dropped());
        Ok(())
    })
}

/// Has events given to a callback from now on, instead of being drained; once per subscription. `thread` says on which
/// threads (an `UPDRAFT_EVENT_THREAD_` number). It is called with one event at a time, and under no lock of the engine.
/// With POSTER, what is queued by now is delivered before this function returns, on this thread.
///
/// `env` may be NULL. `finalizer`, unless NULL, is called once with `env`, after the last call of the callback, on
/// the thread that closes the subscription. On failure `env` stays with the caller.
/// Fails with MISUSE (also for a closed subscription) and BUSY (there is a callback). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_set_callback(
    subscription: *const updraft_subscription_t,
    thread: updraft_event_thread_t,
    callback: updraft_event_callback_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let subscription = object(subscription, "subscription")?;
        let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
        let on = match thread {
            UPDRAFT_EVENT_THREAD_POSTER => DeliverOn::Poster,
            UPDRAFT_EVENT_THREAD_DISPATCHER => DeliverOn::Dispatcher,
            other => return Err(Fail::misuse(format!("thread has no value {other}"))),
        };
        let listener = Arc::new(CListener { callback, env: HostData::new(env, finalizer) });
        Ok(subscription.set_listener(on, listener)?)
    })
}

/// Calls the callback of a subscription (`UPDRAFT_EVENT_THREAD_DISPATCHER`) for up to `max` events, on this thread, and
/// writes to `count` for how many. Never waits: 0 if there are none, if another thread dispatches, or from within the
/// callback. `count` may be NULL.
///
/// Fails with MISUSE (also without such a callback). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_subscription_dispatch(
    subscription: *const updraft_subscription_t,
    max: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let ran = object(subscription, "subscription")?.dispatch(max)?;
        if let Ok(count) = out(count, "count") {
            count.write(ran);
        }
        Ok(())
    })
}

/// A callback in C.
struct CListener {
    callback: unsafe extern "C" fn(*mut c_void, *const updraft_event_t),
    env: HostData,
}

impl Listener for CListener {
    fn taken(&self) {
        self.env.arm();
    }

    fn event(&self, event: &Event) {
        let event = event_for_c(event);
        // SAFETY: the C contract of `updraft_event_callback_t`.
        unsafe { (self.callback)(self.env.pointer(), &event) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// A kind added to the engine must get its constant in the header.
    #[test]
    fn every_kind_has_a_constant() {
        assert_eq!(EventKind::ALL.len(), UPDRAFT_EVENT_SERIALIZABLE as usize);
        for (position, kind) in EventKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, position + 1);
        }
    }
}
