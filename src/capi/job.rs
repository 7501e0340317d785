//! Jobs: modules that are made in the background, and what may be chosen for one module.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use super::config::{strategy_of, updraft_strategy_t, updraft_validation_t, validation_of};
use super::engine::{Live, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::events::deadline;
use super::module::{ModuleValue, updraft_module_t};
use super::status::{self, updraft_status_t};
use super::{Counted, HostData, array, clone_object, delete, enter, new_object, object, out, updraft_finalizer_t};
use crate::engine::{CompiledModule, Job, JobState, ModuleOptions};
use crate::error::Error;
use crate::module::{SharedBytes, copied};
use crate::types::FuncIndex;

/// What is chosen for one module, instead of what its engine's configuration says. Reference-counted; any thread, one at
/// a time (a second one gets BUSY).
pub struct updraft_module_options_t {
    _private: [u8; 0],
}

impl Counted for updraft_module_options_t {
    type Value = Mutex<ModuleOptions>;
    const KIND: u32 = 0x706f_4d75;
}

/// A module that is being made. Reference-counted; any thread. Giving up the last reference cancels what is not done.
pub struct updraft_job_t {
    _private: [u8; 0],
}

impl Counted for updraft_job_t {
    type Value = JobValue;
    const KIND: u32 = 0x626f_4a75;
}

/// What a job object holds.
pub(super) struct JobValue {
    job: Job,
    live: Arc<Live>,
}

/// How far a job is.
pub type updraft_job_state_t = u32;
/// The module is being decoded, validated or compiled.
pub const UPDRAFT_JOB_RUNNING: updraft_job_state_t = 0;
/// The module is there (`updraft_job_module`).
pub const UPDRAFT_JOB_DONE: updraft_job_state_t = 1;
/// There will be no module; `updraft_job_wait` says why.
pub const UPDRAFT_JOB_FAILED: updraft_job_state_t = 2;

pub(super) const BUSY: Error = Error::Busy { what: "the options are in use by another thread" };

/// Makes options that choose nothing.
///
/// Writes to `out` options owned by the caller (`updraft_module_options_delete`). Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_new(
    out: *mut *mut updraft_module_options_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(new_object(Mutex::new(ModuleOptions::default())));
        Ok(())
    })
}

/// Counts one more reference to options, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_clone(
    options: *const updraft_module_options_t,
    out: *mut *mut updraft_module_options_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(options, "options")?);
        Ok(())
    })
}

/// Gives up a reference to options. NULL is allowed. Modules made with them are not affected.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_delete(options: *mut updraft_module_options_t) {
    delete(options);
}

/// When the functions of the module are compiled: an `UPDRAFT_STRATEGY_` number. Default: as the engine's configuration says.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_set_strategy(
    options: *const updraft_module_options_t,
    strategy: updraft_strategy_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let mut options = object(options, "options")?.try_lock().map_err(|_| BUSY)?;
        options.strategy = Some(strategy_of(strategy)?);
        Ok(())
    })
}

/// When the module's bodies are validated: an `UPDRAFT_VALIDATION_` number.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_set_validation(
    options: *const updraft_module_options_t,
    validation: updraft_validation_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let mut options = object(options, "options")?.try_lock().map_err(|_| BUSY)?;
        options.validation = Some(validation_of(validation)?);
        Ok(())
    })
}

/// When the `count` functions at `funcs` are compiled, unlike the others of the module. A function that is named twice
/// gets the strategy that was given last; making a module fails with MISUSE if it does not define one of them. `funcs`
/// counts imported functions, and may be NULL if `count` is 0.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_set_func_strategy(
    options: *const updraft_module_options_t,
    funcs: *const u32,
    count: usize,
    strategy: updraft_strategy_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (options, funcs) = (object(options, "options")?, array(funcs, count, "funcs")?);
        let strategy = strategy_of(strategy)?;
        let mut options = options.try_lock().map_err(|_| BUSY)?;
        options.overrides.extend(funcs.iter().map(|func| (FuncIndex(*func), strategy)));
        Ok(())
    })
}

/// A new object for a job.
pub(super) fn new_job(job: Job, live: &Arc<Live>) -> *mut updraft_job_t {
    new_object(JobValue { job, live: live.clone() })
}

/// The choices of options, NULL = none.
pub(super) fn chosen(options: *const updraft_module_options_t) -> Result<ModuleOptions, Fail> {
    if options.is_null() {
        return Ok(ModuleOptions::default());
    }
    Ok(object(options, "options")?.try_lock().map_err(|_| BUSY)?.clone())
}

/// As `updraft_module_new`, with `options`, which may be NULL, and are copied.
///
/// Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_new` does, and with
/// BUSY (the options). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_new_with_options(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    options: *const updraft_module_options_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let bytes = array(bytes, len, "bytes")?;
        let module = CompiledModule::with_options(&engine.engine, bytes, &chosen(options)?)?;
        out.write(new_object(ModuleValue::new(module, &engine.live)));
        Ok(())
    })
}

/// Begins to make a module from the `len` bytes at `bytes`, in the background: by the engine's workers, or by whoever waits
/// for it. `options` may be NULL, and are copied.
///
/// With `release` NULL the bytes are copied (and `env` is not used). Otherwise they must stay as they are until
/// `release` is called with `env`, which happens once, as soon as the engine does not need them any more: with the end of
/// the module (functions are compiled from them, and memories filled), after text was parsed, or when the job has failed;
/// on the thread where that happens: a worker, one that waits for the job, or one that deletes an object; it may be
/// called before this function returns. On failure of this function it is not called.
/// Writes to `out` a job owned by the caller (`updraft_job_delete`). Fails with MISUSE and BUSY (the options); what is wrong
/// with the module, `updraft_job_wait` tells. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_new_async(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    release: updraft_finalizer_t,
    env: *mut c_void,
    options: *const updraft_module_options_t,
    out: *mut *mut updraft_job_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        array(bytes, len, "bytes")?;
        let options = chosen(options)?;
        let bytes = shared(bytes, len, release, env)?;
        let job = Job::start(&engine.engine, bytes, options);
        out.write(new_job(job, &engine.live));
        Ok(())
    })
}

/// Bytes from C: a copy, or the host's, if it is to be told when they are not needed any more.
pub(super) fn shared(
    bytes: *const u8,
    len: usize,
    release: updraft_finalizer_t,
    env: *mut c_void,
) -> Result<SharedBytes, Fail> {
    let given = array(bytes, len, "bytes")?;
    Ok(match release {
        None => copied(given)?,
        Some(_) => {
            let held = HeldBytes { bytes, len, host: HostData::new(env, release) };
            held.host.arm();
            Arc::new(held)
        }
    })
}

/// Bytes that the host keeps until it is told that they are not needed any more.
struct HeldBytes {
    bytes: *const u8,
    len: usize,
    host: HostData,
}

// SAFETY: plain bytes that nobody writes to while this lives: the C contract of `updraft_module_new_async`.
unsafe impl Send for HeldBytes {}
// SAFETY: as above.
unsafe impl Sync for HeldBytes {}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        // It was checked when it was made, and holds as long as `release` was not called.
        array(self.bytes, self.len, "bytes").unwrap_or_default()
    }
}

/// Writes to `state` how far a job is: an `UPDRAFT_JOB_` number. Never waits.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_state(
    job: *const updraft_job_t,
    state: *mut updraft_job_state_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (state, job) = (out(state, "state")?, object(job, "job")?);
        state.write(match job.job.state() {
            JobState::Running => UPDRAFT_JOB_RUNNING,
            JobState::Done => UPDRAFT_JOB_DONE,
            JobState::Failed => UPDRAFT_JOB_FAILED,
        });
        Ok(())
    })
}

/// Waits until a job has ended, and helps meanwhile: the work is done on this thread if nobody else does it. A piece of
/// work that was begun is ended, even beyond `timeout_ns` (UINT64_MAX: no end). No callback of the host is called but
/// those of subscriptions, and the release of the bytes.
///
/// Fails as `updraft_module_new` would have failed, and with CANCELLED, TIMEOUT and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_wait(
    job: *const updraft_job_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || match object(job, "job")?.job.wait(deadline(timeout_ns)) {
        Some(outcome) => Ok(outcome.map(drop)?),
        None => Err(Fail::Status(status::UPDRAFT_STATUS_TIMEOUT, "the job did not end in time".into())),
    })
}

/// Writes to `out` the module that a job has made, as a new reference owned by the caller (`updraft_module_delete`).
///
/// Fails with BUSY while the job runs, as `updraft_job_wait` if it failed, and with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_module(
    job: *const updraft_job_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, job) = (super::out(out, "out")?, object(job, "job")?);
        let module = job.job.result().ok_or(Error::Busy { what: "the module is still being made" })??;
        out.write(new_object(ModuleValue::new(module, &job.live)));
        Ok(())
    })
}

/// Writes to `module_id` the number of the module that a job makes (`updraft_module_id`), by which its events are known.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_module_id(
    job: *const updraft_job_t,
    module_id: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module_id, job) = (out(module_id, "module_id")?, object(job, "job")?);
        module_id.write(job.job.id());
        Ok(())
    })
}

/// Gives up a job: who waits for it gets CANCELLED. Nothing happens if it has ended. Returns at once; a worker may still
/// be in the function that it compiles, whose result is dropped.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_cancel(
    job: *const updraft_job_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(job, "job")?.job.cancel();
        Ok(())
    })
}

/// Counts one more reference to a job, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_clone(
    job: *const updraft_job_t,
    out: *mut *mut updraft_job_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(job, "job")?);
        Ok(())
    })
}

/// Gives up a reference to a job. The last one cancels it, if it has not ended. NULL is allowed. Modules that it gave
/// are not affected.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_job_delete(job: *mut updraft_job_t) {
    delete(job);
}
