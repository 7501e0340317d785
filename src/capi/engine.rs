//! Engines: configuration, code space and types, shared by modules and stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::config::{UPDRAFT_MEMORY_MODE_EXPLICIT, UPDRAFT_MEMORY_MODE_GUARDED, updraft_config_t};
use super::config::{settings, updraft_memory_mode_t};
use super::error::updraft_error_t;
use super::status::updraft_status_t;
use super::version::{feature_bit, updraft_feature_t};
use super::{Counted, Extensible, clone_object, delete, enter, new_object, object, out, out_struct};
use crate::engine::Engine;

/// What modules and stores share. Reference-counted; modules and stores hold a reference. Any thread.
pub struct updraft_engine_t {
    _private: [u8; 0],
}

impl Counted for updraft_engine_t {
    type Value = EngineValue;
    const KIND: u32 = 0x676e_4575;
}

/// What an engine object holds.
pub(super) struct EngineValue {
    pub(super) engine: Engine,
    pub(super) live: Arc<Live>,
}

/// How many objects of an engine the host holds.
#[derive(Default)]
pub(super) struct Live {
    modules: AtomicU64,
    stores: AtomicU64,
    linkers: AtomicU64,
}

/// What is counted in [`Live`].
#[derive(Clone, Copy)]
pub(super) enum Counter {
    Modules,
    Stores,
    Linkers,
}

/// Counts one object for as long as it lives.
pub(super) struct Counting {
    live: Arc<Live>,
    counter: Counter,
}

impl Live {
    fn counter(&self, counter: Counter) -> &AtomicU64 {
        match counter {
            Counter::Modules => &self.modules,
            Counter::Stores => &self.stores,
            Counter::Linkers => &self.linkers,
        }
    }

    pub(super) fn count(self: &Arc<Live>, counter: Counter) -> Counting {
        // Relaxed: a statistic, which orders nothing.
        self.counter(counter).fetch_add(1, Ordering::Relaxed);
        Counting { live: self.clone(), counter }
    }
}

impl Counting {
    /// The counters of the engine.
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // Relaxed: as in `count`.
        self.live.counter(self.counter).fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much lives in an engine. Set `struct_size` before it is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_engine_stats_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Module objects that the host made and has not deleted.
    pub modules: u64,
    /// Stores alive.
    pub stores: u64,
    /// Linkers alive.
    pub linkers: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_engine_stats_t {
    const FIRST_SIZE: usize = size_of::<updraft_engine_stats_t>();
}

/// Makes an engine. `config` may be NULL for the default settings; it is copied, and stays with the caller.
///
/// Writes to `out` an engine owned by the caller (`updraft_engine_delete`). Fails with MISUSE (also for settings that
/// contradict each other), BUSY (the configuration), UNSUPPORTED (a processor or system without what the engine needs) and SYSTEM. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_new(
    config: *const updraft_config_t,
    out: *mut *mut updraft_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let engine = Engine::new(settings(config)?)?;
        out.write(new_object(EngineValue { engine, live: Arc::default() }));
        Ok(())
    })
}

/// Counts one more reference to an engine, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_clone(
    engine: *const updraft_engine_t,
    out: *mut *mut updraft_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(engine, "engine")?);
        Ok(())
    })
}

/// Gives up a reference to an engine. NULL is allowed. What was made from the engine keeps it alive.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_delete(engine: *mut updraft_engine_t) {
    delete(engine);
}

/// Writes to `mode` how 32-bit memories are kept in bounds: `UPDRAFT_MEMORY_MODE_GUARDED` or
/// `UPDRAFT_MEMORY_MODE_EXPLICIT`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_memory_mode(
    engine: *const updraft_engine_t,
    mode: *mut updraft_memory_mode_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (mode, engine) = (out(mode, "mode")?, object(engine, "engine")?);
        let guarded = engine.engine.memories_are_guarded();
        mode.write(if guarded { UPDRAFT_MEMORY_MODE_GUARDED } else { UPDRAFT_MEMORY_MODE_EXPLICIT });
        Ok(())
    })
}

/// Writes to `on` whether modules of the engine may use a feature (an `UPDRAFT_FEATURE_` number): 1 or 0, also 0
/// for an unknown number.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_feature(
    engine: *const updraft_engine_t,
    feature: updraft_feature_t,
    on: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (on, engine) = (out(on, "on")?, object(engine, "engine")?);
        let features = engine.engine.config().features;
        on.write(feature_bit(feature).is_some_and(|bit| features.contains(bit)).into());
        Ok(())
    })
}

/// Fills in how much lives in the engine. The numbers are read one by one while other threads may go on.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_stats(
    engine: *const updraft_engine_t,
    stats: *mut updraft_engine_stats_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, live) = (out_struct(stats, "stats")?, &object(engine, "engine")?.live);
        let read = |counter| live.counter(counter).load(Ordering::Relaxed);
        out.write(updraft_engine_stats_t {
            struct_size: size_of::<updraft_engine_stats_t>(),
            modules: read(Counter::Modules),
            stores: read(Counter::Stores),
            linkers: read(Counter::Linkers),
        });
        Ok(())
    })
}
