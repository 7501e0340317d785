//! Streams: modules whose bytes come piece by piece.

use std::sync::{Arc, Mutex, MutexGuard};

use super::engine::{Live, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::job::{chosen, new_job, updraft_job_t, updraft_module_options_t};
use super::module::{ModuleValue, updraft_module_t};
use super::status::updraft_status_t;
use super::{Counted, array, clone_object, delete, enter, new_object, object, out};
use crate::engine::Stream;
use crate::error::Error;

/// A module whose bytes come piece by piece, in pieces of any size. Sections are read as they arrive; from the first function
/// on, bodies are validated, and compiled if the strategy says so, by the engine's workers while others are on their way.
/// The module is the one that all bytes at once would have given, and so is the error.
///
/// Bytes are copied, once; a module takes 4 GiB at most. The text format is not accepted. Reference-counted; any thread, one
/// at a time (a second one gets BUSY). Giving up the last reference gives up the module, unless the stream was ended.
pub struct updraft_stream_t {
    _private: [u8; 0],
}

impl Counted for updraft_stream_t {
    type Value = StreamValue;
    const KIND: u32 = 0x7274_5375;
}

/// What a stream object holds.
pub(super) struct StreamValue {
    stream: Mutex<Stream>,
    live: Arc<Live>,
}

impl StreamValue {
    /// The stream, which nobody else uses.
    fn take(&self) -> Result<MutexGuard<'_, Stream>, Fail> {
        Ok(self.stream.try_lock().map_err(|_| Error::Busy { what: "the stream is in use by another thread" })?)
    }
}

/// Begins a module of which no byte is there. `options` may be NULL, and are copied. `expected_len` is a hint of how many bytes
/// will come, 0 = nobody knows; more or fewer may. It matters in a process that may have few addresses.
///
/// Writes to `out` a stream owned by the caller (`updraft_stream_delete`). Fails with SYSTEM, MISUSE and BUSY (the options).
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_new(
    engine: *const updraft_engine_t,
    options: *const updraft_module_options_t,
    expected_len: usize,
    out: *mut *mut updraft_stream_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let stream = Stream::new(&engine.engine, &chosen(options)?, expected_len)?;
        out.write(new_object(StreamValue { stream: Mutex::new(stream), live: engine.live.clone() }));
        Ok(())
    })
}

/// Adds the `len` bytes at `bytes`, which are not kept. `bytes` may be NULL if `len` is 0. Waits for nobody.
///
/// Fails with INVALID and UNSUPPORTED as soon as a section that is wrong is there, with the offset from the first byte of
/// all; with LIMIT, SYSTEM and BUSY; and with MISUSE after the stream was ended. What is wrong with a function is told by
/// the end of the stream, since an error of a later section comes before it. After an error every call gets the same one.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_write(
    stream: *const updraft_stream_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (stream, bytes) = (object(stream, "stream")?, array(bytes, len, "bytes")?);
        Ok(stream.take()?.write(bytes)?)
    })
}

/// Ends a stream: its bytes were all. Waits, and helps, as `updraft_module_new` does, for what is left to be done.
///
/// Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_new` would with all bytes,
/// and as `updraft_stream_write`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_finish(
    stream: *const updraft_stream_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, stream) = (out_of(out)?, object(stream, "stream")?);
        let module = stream.take()?.finish()?;
        out.write(new_object(ModuleValue::new(module, &stream.live)));
        Ok(())
    })
}

/// As `updraft_stream_finish`, without waiting: what is left is done in the background, or by whoever waits for the job.
///
/// Writes to `out` a job owned by the caller (`updraft_job_delete`). Fails as `updraft_stream_write`; what is wrong with a
/// function, `updraft_job_wait` tells. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_finish_async(
    stream: *const updraft_stream_t,
    out: *mut *mut updraft_job_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, stream) = (out_of(out)?, object(stream, "stream")?);
        let job = stream.take()?.finish_job()?;
        out.write(new_job(job, &stream.live));
        Ok(())
    })
}

/// Gives the module up: what was begun is dropped, and every later call gets CANCELLED. Nothing happens if the stream was
/// ended, or has failed.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_abort(
    stream: *const updraft_stream_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(stream, "stream")?.take()?.abort();
        Ok(())
    })
}

/// Writes to `module_id` the number of the module that comes of a stream (`updraft_module_id`), by which its events are known.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_module_id(
    stream: *const updraft_stream_t,
    module_id: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module_id, stream) = (out(module_id, "module_id")?, object(stream, "stream")?);
        module_id.write(stream.take()?.id());
        Ok(())
    })
}

/// Counts one more reference to a stream, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_clone(
    stream: *const updraft_stream_t,
    out: *mut *mut updraft_stream_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_of(out)?;
        out.write(clone_object(stream, "stream")?);
        Ok(())
    })
}

/// Gives up a reference to a stream. The last one gives up the module, unless the stream was ended. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_stream_delete(stream: *mut updraft_stream_t) {
    delete(stream);
}

/// Where a result of the name `out` goes.
fn out_of<T>(pointer: *mut T) -> Result<super::Out<T>, Fail> {
    out(pointer, "out")
}
