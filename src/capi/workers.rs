//! Who compiles in the background: threads of the engine, threads of the host, or nobody. And what an engine has compiled.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::config::{change, updraft_config_t};
use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t};
use super::events::deadline;
use super::status::{self, updraft_status_t};
use super::{
    Counted, Dropped, Extensible, HostData, array, delete, drop_object, enter, new_object, object, out, out_struct,
    updraft_finalizer_t,
};
use crate::config::{LazyBatch, Workers};
use crate::engine::{Lane, Task};
use crate::runtime::lazy::OwnStack;

/// In `updraft_config_set_workers`: as many as the machine suggests.
pub const UPDRAFT_WORKERS_AUTO: u32 = 0xffff_ffff;

/// Background work that an executor is given. It is run once, or deleted, on any thread.
pub struct updraft_task_t {
    _private: [u8; 0],
}

impl Counted for updraft_task_t {
    type Value = TaskValue;
    const KIND: u32 = 0x6b73_6154;
}

/// What a task object holds.
pub(super) struct TaskValue(Task);

/// Has the host run a task (`updraft_task_run`), sooner or later, on a thread of its own, or here; or delete it. A task
/// compiles until nothing is left to do. Called on any thread that adds work, under no lock; several at once.
pub type updraft_executor_t = Option<unsafe extern "C" fn(env: *mut c_void, task: *mut updraft_task_t)>;

/// Threads that compile in the background: up to `count` for each tier, started when there is work. With 0, the host
/// compiles: `updraft_engine_run_jobs`, and whoever waits. `UPDRAFT_WORKERS_AUTO`, the default: one fewer than the
/// process may use, at least one; none if `updraft_config_set_compile_threads` says 1. Threads of the top tier have a lower
/// priority with the operating system.
///
/// Fails with MISUSE (more than 1024) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_workers(
    config: *mut updraft_config_t,
    count: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.workers = match count {
            UPDRAFT_WORKERS_AUTO => Workers::Auto,
            count => Workers::Threads(worker_count(count)?),
        };
        Ok(())
    })
}

fn worker_count(count: u32) -> Result<usize, Fail> {
    if count <= 1024 { Ok(count as usize) } else { Err(Fail::misuse(format!("count is {count}, more than 1024"))) }
}

/// Has threads of the host compile in the background: up to `count` (1 to 1024) tasks for each tier are out at once.
///
/// `env` may be NULL. `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses
/// it goes, on the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_executor(
    config: *mut updraft_config_t,
    count: u32,
    executor: updraft_executor_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let executor = executor.ok_or_else(|| Fail::misuse("executor is NULL"))?;
        if count == 0 {
            return Err(Fail::misuse("count is 0"));
        }
        let count = worker_count(count)?;
        let env = HostData::new(env, finalizer);
        env.arm();
        let run = move |task: Task| {
            let task = new_object::<updraft_task_t>(TaskValue(task));
            // SAFETY: the C contract of `updraft_executor_t`.
            unsafe { executor(env.pointer(), task) }
        };
        config.workers = Workers::Executor(count, Arc::new(run));
        Ok(())
    })
}

/// Has a lazy call compile what the called function may call next as well, in parallel: up to `functions` functions and
/// `bytes` bytes of their bodies. 0 functions, the default: the called one alone.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_lazy_batch(
    config: *mut updraft_config_t,
    functions: usize,
    bytes: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.lazy_batch = (functions > 0).then_some(LazyBatch { functions, bytes });
        Ok(())
    })
}

/// Shuffles the order in which functions are compiled and published, by this seed; 0, the default: not. A test mode.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_schedule_seed(
    config: *mut updraft_config_t,
    seed: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.schedule_seed = (seed != 0).then_some(seed);
        Ok(())
    })
}

/// Runs a task to its end, on this thread, and deletes it. Its stack is the engine's.
///
/// Fails with SYSTEM and MISUSE; the task is then still there. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_task_run(
    task: *mut updraft_task_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let stack = OwnStack::new()?;
        let Dropped::Last(task) = drop_object(task, "task", |_| Ok(()))? else { return Ok(()) };
        Ok(stack.run(|| {
            task.0.run();
            Ok(())
        })?)
    })
}

/// Writes to `background` whether a task is work that nobody waits for (1), better run with a low priority, or not (0).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_task_is_background(
    task: *const updraft_task_t,
    background: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (background, task) = (out(background, "background")?, object(task, "task")?);
        background.write(u32::from(task.0.lane() == Lane::Top));
        Ok(())
    })
}

/// Gives a task up; its work waits for the next one. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_task_delete(task: *mut updraft_task_t) {
    delete(task);
}

/// Runs background work on this thread, until `max` functions were compiled or refused, `timeout_ns` is over (UINT64_MAX:
/// no end; a function that was begun is ended), or nothing is queued. What somebody may wait for comes first. Writes to
/// `ran` how much it ran; it may be NULL.
///
/// Fails with SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_run_jobs(
    engine: *const updraft_engine_t,
    max: usize,
    timeout_ns: u64,
    ran: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let count = object(engine, "engine")?.engine.run_jobs(max, deadline(timeout_ns))?;
        if let Ok(ran) = out(ran, "ran") {
            ran.write(count);
        }
        Ok(())
    })
}

/// Stops the background work of all modules and jobs of an engine, as `updraft_module_cancel` (ALWAYS) and
/// `updraft_job_cancel` do. Modules that are made later are compiled as ever.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_cancel(
    engine: *const updraft_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(engine, "engine")?.engine.cancel_all();
        Ok(())
    })
}

/// Ends background compilation for good, and waits up to `timeout_ns` (UINT64_MAX: no end) until the engine's threads have
/// ended: each ends the function that it is in. After that the engine has no thread but those that run WebAssembly and its
/// deadlines, and the process may close the library. Everything else goes on: a function without code is compiled by the
/// thread that calls it.
///
/// Fails with TIMEOUT (some are still busy: call again; this too if called on one of them, from a callback) and MISUSE. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_shutdown(
    engine: *const updraft_engine_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let timeout = (timeout_ns != u64::MAX).then(|| Duration::from_nanos(timeout_ns));
        if object(engine, "engine")?.engine.shutdown(timeout) {
            return Ok(());
        }
        Err(Fail::Status(status::UPDRAFT_STATUS_TIMEOUT, "threads of the engine are still compiling".into()))
    })
}

/// Drops the machine code of all modules of an engine that have no instance (`updraft_module_clear`). Writes to `count`
/// how many there were; it may be NULL.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_clear(
    engine: *const updraft_engine_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let cleared = object(engine, "engine")?.engine.clear();
        if let Ok(count) = out(count, "count") {
            count.write(cleared);
        }
        Ok(())
    })
}

/// Bounds the machine code that an engine may hold, all modules together: `bytes`, rounded up to what it takes at once
/// (64 KiB); 0, the default: as much as was reserved (`updraft_config_set_code_reservation`). Code that is there stays.
/// Beyond the bound compilation fails with LIMIT: of a module that is made, or of the call of a lazy function; a function
/// that has code keeps it.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_set_code_limit(
    engine: *const updraft_engine_t,
    bytes: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(engine, "engine")?.engine.set_code_limit(bytes);
        Ok(())
    })
}

/// How much memory a module is expected to take. Set `struct_size` before it is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_estimate_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Functions that the module defines.
    pub functions: u64,
    /// Bytes of machine code, once every function was compiled.
    pub code_bytes: u64,
    /// Bytes of what the engine keeps about functions.
    pub record_bytes: u64,
    /// Bytes of the module itself.
    pub wire_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_estimate_t {
    const FIRST_SIZE: usize = size_of::<updraft_estimate_t>();
}

/// Fills in how much memory the module in the `len` bytes at `bytes` is expected to take with the tiers of this engine. Looks
/// at the sections, validates and compiles no function. `updraft_module_stats` has what a module really takes.
///
/// Fails as `updraft_module_validate` does, but not for what is wrong within functions. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_estimate(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    estimate: *mut updraft_estimate_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (out_struct(estimate, "estimate")?, object(engine, "engine")?);
        let (functions, expected) = engine.engine.estimate(array(bytes, len, "bytes")?)?;
        out.write(updraft_estimate_t {
            struct_size: size_of::<updraft_estimate_t>(),
            functions: functions as u64,
            code_bytes: expected.code as u64,
            record_bytes: expected.records as u64,
            wire_bytes: expected.wire as u64,
            total_bytes: expected.total() as u64,
        });
        Ok(())
    })
}

/// Numbers of an engine's background compilation, since it was made. Set `struct_size` before it is filled in. They are
/// read one by one while other threads may go on; when nothing is queued or in flight they fit together: what was added
/// was compiled, failed or was discarded. "First" is work that gives functions their first code, "background" the rest.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_compile_stats_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Units that are queued.
    pub first_queued: u64,
    /// Units that are being compiled.
    pub first_in_flight: u64,
    /// Units that were added.
    pub first_added: u64,
    /// Units that were compiled.
    pub first_compiled: u64,
    /// Units that could not be compiled.
    pub first_failed: u64,
    /// Units that nobody needed any more.
    pub first_discarded: u64,
    /// Units that a thread took from another one's queue.
    pub first_stolen: u64,
    /// Nanoseconds that units spent in queues.
    pub first_wait_ns: u64,
    /// Nanoseconds that units took.
    pub first_run_ns: u64,
    /// As `first_queued`.
    pub background_queued: u64,
    /// As `first_in_flight`.
    pub background_in_flight: u64,
    /// As `first_added`.
    pub background_added: u64,
    /// As `first_compiled`.
    pub background_compiled: u64,
    /// As `first_failed`.
    pub background_failed: u64,
    /// As `first_discarded`.
    pub background_discarded: u64,
    /// As `first_stolen`.
    pub background_stolen: u64,
    /// As `first_wait_ns`.
    pub background_wait_ns: u64,
    /// As `first_run_ns`.
    pub background_run_ns: u64,
    /// Units that went before others because of a priority.
    pub prioritised: u64,
    /// Threads of the engine that compile now.
    pub threads: u64,
    /// Times that a thread handed what it had compiled to a publication.
    pub publications: u64,
    /// Units in them.
    pub published_units: u64,
    /// Bytes of machine code in them.
    pub published_bytes: u64,
    /// How often a thread had to wait for a lock.
    pub lock_waits: u64,
    /// How often a thread went to sleep.
    pub sleeps: u64,
    /// How often one was woken.
    pub wakes: u64,
    /// Bytes of machine code and what belongs to it, of all modules.
    pub code_bytes: u64,
    /// The bound of that (`updraft_engine_set_code_limit`).
    pub code_limit: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_compile_stats_t {
    const FIRST_SIZE: usize = size_of::<updraft_compile_stats_t>();
}

/// Fills in the numbers of an engine's background compilation.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_compile_stats(
    engine: *const updraft_engine_t,
    stats: *mut updraft_compile_stats_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (out_struct(stats, "stats")?, &object(engine, "engine")?.engine);
        let stats = engine.compile_stats();
        let [first, background] = stats.lanes;
        let (code_bytes, code_limit) = engine.code_use();
        out.write(updraft_compile_stats_t {
            struct_size: size_of::<updraft_compile_stats_t>(),
            first_queued: first.queued as u64,
            first_in_flight: first.in_flight as u64,
            first_added: first.added,
            first_compiled: first.compiled,
            first_failed: first.failed,
            first_discarded: first.discarded,
            first_stolen: first.stolen,
            first_wait_ns: first.wait_ns,
            first_run_ns: first.run_ns,
            background_queued: background.queued as u64,
            background_in_flight: background.in_flight as u64,
            background_added: background.added,
            background_compiled: background.compiled,
            background_failed: background.failed,
            background_discarded: background.discarded,
            background_stolen: background.stolen,
            background_wait_ns: background.wait_ns,
            background_run_ns: background.run_ns,
            prioritised: first.prioritised + background.prioritised,
            threads: stats.threads as u64,
            publications: stats.publications,
            published_units: stats.published_units,
            published_bytes: stats.published_bytes,
            lock_waits: stats.contended,
            sleeps: stats.sleeps,
            wakes: stats.wakes,
            code_bytes: code_bytes as u64,
            code_limit: code_limit as u64,
        });
        Ok(())
    })
}
