//! WASI preview 1: what a program is given, and its functions in a linker.
//!
//! In a library without WASI every function here is still present, and nothing can be made: UNSUPPORTED.

use std::ffi::{c_char, c_void};
use std::sync::Mutex;

use super::error::{Fail, updraft_error_t};
use super::linker::updraft_linker_t;
use super::status::updraft_status_t;
use super::updraft_finalizer_t;
use super::{Counted, HostData, array, array_mut, clone_object, delete, enter, new_object, object, out};
use crate::error::Error;

#[cfg(not(feature = "wasi"))]
use super::wasi_absent::{Access, Input, Output, Wasi, WasiConfig};
#[cfg(feature = "wasi")]
use crate::wasi::{Access, Input, Output, Wasi, WasiConfig};

/// What a WASI program will be given; nothing at first. Reference-counted; any thread, one at a time (a second one gets
/// BUSY).
pub struct updraft_wasi_config_t {
    _private: [u8; 0],
}

impl Counted for updraft_wasi_config_t {
    type Value = Mutex<WasiConfig>;
    const KIND: u32 = 0x6343_5775;
}

/// What one WASI program was given, and its open files. Reference-counted; any thread.
pub struct updraft_wasi_t {
    _private: [u8; 0],
}

impl Counted for updraft_wasi_t {
    type Value = Wasi;
    const KIND: u32 = 0x6973_5775;
}

/// A standard stream of a WASI program: its descriptor.
pub type updraft_wasi_stream_t = u32;
/// Standard input.
pub const UPDRAFT_WASI_STDIN: updraft_wasi_stream_t = 0;
/// Standard output.
pub const UPDRAFT_WASI_STDOUT: updraft_wasi_stream_t = 1;
/// Standard error.
pub const UPDRAFT_WASI_STDERR: updraft_wasi_stream_t = 2;

/// Whether a program may change what is in a directory.
pub type updraft_wasi_access_t = u32;
/// It may not.
pub const UPDRAFT_WASI_READ_ONLY: updraft_wasi_access_t = 0;
/// It may, as far as the operating system lets the process.
pub const UPDRAFT_WASI_READ_WRITE: updraft_wasi_access_t = 1;

/// Gives a program input: fills `buffer`, which has room for `len` bytes, and returns how many it wrote; 0 ends the
/// stream; a negative number is an `errno` value, negated. Runs on the thread that runs the program.
pub type updraft_wasi_read_t = Option<unsafe extern "C" fn(env: *mut c_void, buffer: *mut u8, len: usize) -> isize>;

/// Takes a program's output: `len` bytes at `bytes`. Returns how many it took; a negative number is an `errno` value,
/// negated. Runs on the thread that runs the program.
pub type updraft_wasi_write_t = Option<unsafe extern "C" fn(env: *mut c_void, bytes: *const u8, len: usize) -> isize>;

fn change(
    config: *mut updraft_wasi_config_t,
    error: *mut *mut updraft_error_t,
    body: impl FnOnce(&mut WasiConfig) -> Result<(), Fail>,
) -> updraft_status_t {
    enter(error, || body(&mut *object(config, "config")?.try_lock().map_err(|_| BUSY)?))
}

const BUSY: Error = Error::Busy { what: "the configuration is in use by another thread" };

/// Makes a configuration that gives nothing: no arguments, no environment, no files, silent streams.
///
/// Writes to `out` a configuration owned by the caller (`updraft_wasi_config_delete`). Fails with UNSUPPORTED in a library
/// without WASI, and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_new(
    out: *mut *mut updraft_wasi_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        if cfg!(not(feature = "wasi")) {
            return Err(Error::Unsupported { offset: 0, feature: "wasi is not in this library".into() }.into());
        }
        out.write(new_object(Mutex::new(WasiConfig::default())));
        Ok(())
    })
}

/// Counts one more reference to a configuration, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_clone(
    config: *const updraft_wasi_config_t,
    out: *mut *mut updraft_wasi_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(config, "config")?);
        Ok(())
    })
}

/// Gives up a reference to a configuration. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_delete(config: *mut updraft_wasi_config_t) {
    delete(config);
}

/// Adds an argument, `len` bytes without a NUL, copied; the first one is the program's name.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_add_arg(
    config: *mut updraft_wasi_config_t,
    arg: *const c_char,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.arg(without_nul(arg, len, "arg")?);
        Ok(())
    })
}

/// Bytes of a string that a program gets with a NUL behind it.
fn without_nul(pointer: *const c_char, len: usize, name: &'static str) -> Result<&'static [u8], Fail> {
    // The lifetime ends with the C call; every user copies.
    let bytes = array(pointer.cast::<u8>(), len, name)?;
    if bytes.contains(&0) {
        return Err(Fail::misuse(format!("{name} contains a NUL")));
    }
    Ok(bytes)
}

/// Sets an environment variable, copied, in place of an earlier one of this name. Neither string may contain a NUL, nor
/// the name a '='.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_env(
    config: *mut updraft_wasi_config_t,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let (name, value) = (without_nul(name, name_len, "name")?, without_nul(value, value_len, "value")?);
        if name.is_empty() || name.contains(&b'=') {
            return Err(Fail::misuse("name is empty or contains a '='"));
        }
        config.env(name, value);
        Ok(())
    })
}

/// Sets every environment variable that the process has.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_inherit_env(
    config: *mut updraft_wasi_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.inherit_env();
        Ok(())
    })
}

/// Opens the host's directory `host_path` (bytes, copied) to the program under the name `guest_path`. The program reaches
/// nothing outside of the directories that it was given. `access`: an `UPDRAFT_WASI_READ_` number. The directory is opened
/// by `updraft_wasi_new`.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_add_dir(
    config: *mut updraft_wasi_config_t,
    host_path: *const c_char,
    host_path_len: usize,
    guest_path: *const c_char,
    guest_path_len: usize,
    access: updraft_wasi_access_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    use std::os::unix::ffi::OsStrExt;
    change(config, error, |config| {
        let host = without_nul(host_path, host_path_len, "host_path")?;
        let guest = without_nul(guest_path, guest_path_len, "guest_path")?;
        let access = match access {
            UPDRAFT_WASI_READ_ONLY => Access::ReadOnly,
            UPDRAFT_WASI_READ_WRITE => Access::ReadWrite,
            other => return Err(Fail::misuse(format!("access has no value {other}"))),
        };
        config.preopen(std::ffi::OsStr::from_bytes(host), guest, access);
        Ok(())
    })
}

/// Gives the program the process's own standard streams.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_inherit_stdio(
    config: *mut updraft_wasi_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.inherit_stdio();
        Ok(())
    })
}

/// Where a stream comes from or goes to.
fn set_stream(
    config: &mut WasiConfig,
    stream: updraft_wasi_stream_t,
    input: impl FnOnce() -> Result<Input, Fail>,
    output: impl FnOnce() -> Result<Output, Fail>,
) -> Result<(), Fail> {
    match stream {
        UPDRAFT_WASI_STDIN => config.stdin(input()?),
        UPDRAFT_WASI_STDOUT => config.stdout(output()?),
        UPDRAFT_WASI_STDERR => config.stderr(output()?),
        other => return Err(Fail::misuse(format!("stream has no value {other}"))),
    };
    Ok(())
}

/// Gives the program the process's own standard stream for `stream` (an `UPDRAFT_WASI_STD` number).
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_inherit_stream(
    config: *mut updraft_wasi_config_t,
    stream: updraft_wasi_stream_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| set_stream(config, stream, || Ok(Input::Inherit), || Ok(Output::Inherit)))
}

/// Makes a file, pipe or terminal of the process the stream `stream`. The descriptor `fd` is duplicated and stays the
/// caller's.
///
/// Fails with MISUSE, SYSTEM (`fd` is not open) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_stream_fd(
    config: *mut updraft_wasi_config_t,
    stream: updraft_wasi_stream_t,
    fd: i32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        set_stream(
            config,
            stream,
            || Ok(Input::File(duplicate(fd)?.into())),
            || Ok(Output::File(duplicate(fd)?.into())),
        )
    })
}

/// A descriptor of our own for what `fd` refers to.
fn duplicate(fd: i32) -> Result<std::os::fd::OwnedFd, Fail> {
    use std::os::fd::FromRawFd;
    // SAFETY: a system call on a number.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(Error::last_os("a duplicate of fd").into());
    }
    // SAFETY: just made, and nobody else knows it.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(copy) })
}

/// Gives the program a socket, connected or listening; sockets come after the directories. The descriptor `fd` is
/// duplicated and stays the caller's.
///
/// Fails with MISUSE, SYSTEM (`fd` is not open) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_add_socket(
    config: *mut updraft_wasi_config_t,
    fd: i32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.socket(duplicate(fd)?);
        Ok(())
    })
}

/// Makes `len` bytes at `bytes`, copied, the program's standard input. `bytes` may be NULL if `len` is 0.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_stdin_bytes(
    config: *mut updraft_wasi_config_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.stdin(Input::Bytes(array(bytes, len, "bytes")?.to_vec()));
        Ok(())
    })
}

/// Makes a callback the source of the program's standard input.
///
/// `finalizer`, unless NULL, is called once with `env` when the last user goes, on the thread that drops it. On failure
/// `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_stdin_callback(
    config: *mut updraft_wasi_config_t,
    callback: updraft_wasi_read_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
        let env = HostData::new(env, finalizer);
        env.arm();
        config.stdin(Input::Callback(Box::new(move |buffer| {
            // SAFETY: the C contract of `updraft_wasi_read_t`.
            let count = unsafe { callback(env.pointer(), buffer.as_mut_ptr(), buffer.len()) };
            transferred(count, buffer.len())
        })));
        Ok(())
    })
}

/// What a stream's callback returned.
fn transferred(count: isize, len: usize) -> std::io::Result<usize> {
    match usize::try_from(count) {
        Ok(count) if count <= len => Ok(count),
        Ok(_) => Err(std::io::Error::from_raw_os_error(libc::EIO)),
        Err(_) => Err(std::io::Error::from_raw_os_error(i32::try_from(count.unsigned_abs()).unwrap_or(libc::EIO))),
    }
}

/// Makes a buffer of at most `limit` bytes the stream `stream`, which is standard output or error;
/// `updraft_wasi_output` reads it. The program gets an error when it is full.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_output_buffer(
    config: *mut updraft_wasi_config_t,
    stream: updraft_wasi_stream_t,
    limit: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| set_stream(config, stream, || Err(not_an_output()), || Ok(Output::Buffer { limit })))
}

fn not_an_output() -> Fail {
    Fail::misuse("stream is standard input")
}

/// Makes a callback the stream `stream`, which is standard output or error.
///
/// `finalizer`, unless NULL, is called once with `env` when the last user goes, on the thread that drops it. On failure
/// `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_output_callback(
    config: *mut updraft_wasi_config_t,
    stream: updraft_wasi_stream_t,
    callback: updraft_wasi_write_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
        set_stream(
            config,
            stream,
            || Err(not_an_output()),
            || {
                let env = HostData::new(env, finalizer);
                env.arm();
                Ok(Output::Callback(Box::new(move |bytes| {
                    // SAFETY: the C contract of `updraft_wasi_write_t`.
                    transferred(unsafe { callback(env.pointer(), bytes.as_ptr(), bytes.len()) }, bytes.len())
                })))
            },
        )
    })
}

/// Makes all clocks one counter of nanoseconds, which starts at `start` and moves by `step` when it is read; waiting moves
/// it and takes no time. For runs that must repeat. Times of files stay the host's.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_virtual_clock(
    config: *mut updraft_wasi_config_t,
    start: u64,
    step: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.virtual_clock(start, step);
        Ok(())
    })
}

/// Makes random numbers a function of `seed`. They are then not fit for secrets.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_random_seed(
    config: *mut updraft_wasi_config_t,
    seed: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.random_seed(seed);
        Ok(())
    })
}

/// Bounds how many descriptors the program may have at once, those that it starts with included. Default: 512.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_config_set_max_descriptors(
    config: *mut updraft_wasi_config_t,
    count: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.max_descriptors(count);
        Ok(())
    })
}

/// Opens what a configuration names, for one program. Takes all that the configuration holds, which is then as new, also
/// when this fails.
///
/// Writes to `out` an object owned by the caller (`updraft_wasi_delete`). Fails with SYSTEM (a directory cannot be opened),
/// LIMIT, MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_new(
    config: *mut updraft_wasi_config_t,
    out: *mut *mut updraft_wasi_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let config = std::mem::take(&mut *object(config, "config")?.try_lock().map_err(|_| BUSY)?);
        out.write(new_object(Wasi::new(config)?));
        Ok(())
    })
}

/// Counts one more reference to a program's WASI state, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_clone(
    wasi: *const updraft_wasi_t,
    out: *mut *mut updraft_wasi_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(wasi, "wasi")?);
        Ok(())
    })
}

/// Gives up a reference to a program's WASI state. NULL is allowed. Linkers and stores that use it keep it alive.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_delete(wasi: *mut updraft_wasi_t) {
    delete(wasi);
}

/// Copies what the program has written to `stream`, a buffered standard output or error, to `buffer`: as much as fits into
/// `capacity` bytes. Writes the length of all of it to `needed`. `buffer` may be NULL if `capacity` is 0. Nothing is
/// written to streams that have no buffer.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasi_output(
    wasi: *const updraft_wasi_t,
    stream: updraft_wasi_stream_t,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (needed, wasi) = (out(needed, "needed")?, object(wasi, "wasi")?);
        let bytes = match stream {
            UPDRAFT_WASI_STDOUT => wasi.stdout(),
            UPDRAFT_WASI_STDERR => wasi.stderr(),
            UPDRAFT_WASI_STDIN => return Err(not_an_output()),
            other => return Err(Fail::misuse(format!("stream has no value {other}"))),
        };
        let buffer = array_mut(buffer, capacity, "buffer")?;
        let len = bytes.len().min(capacity);
        buffer[..len].copy_from_slice(&bytes[..len]);
        needed.write(bytes.len());
        Ok(())
    })
}

/// Defines the functions of WASI preview 1 in a linker, for one program: modules that are instantiated by the linker share
/// its descriptors. The linker keeps the state alive.
///
/// Fails with LINK if a name is taken, MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define_wasi(
    linker: *mut updraft_linker_t,
    wasi: *const updraft_wasi_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (linker, wasi) = (object(linker, "linker")?, object(wasi, "wasi")?);
        Ok(wasi.add_to_linker(&mut *linker.write()?)?)
    })
}
