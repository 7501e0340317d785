//! WASI preview 1: all 46 functions of `wasi_snapshot_preview1`, for programs that a host runs in a sandbox.
//!
//! In: a [`WasiConfig`], which says what a program gets. Out: host functions in a linker. A guest of the public
//! interface: nothing else in the engine knows of it.
//!
//!     link (names, types) -> fd, path, dir, poll, sock, clock, process (the functions)
//!                         -> table, object (what descriptors are), guest (memory, interrupts), abi, errno
//!
//! The functions are methods of `Context` over a `Guest`, so they are tested without an engine.
//! What the sandbox promises is told in `path`. All state is behind locks that are held for no system call but
//! one that reads a directory, so threads of one program do not wait for each other's input.
//!
//! Not here: unsafe code, a cache of anything in the guest's memory, output that is held back.

mod abi;
mod clock;
mod config;
mod dir;
mod errno;
mod fd;
mod guest;
mod link;
mod object;
mod path;
mod poll;
mod process;
mod sock;
mod table;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::OFlags;

pub use config::{Access, Input, Output, ReadCallback, WasiConfig, WriteCallback};

use crate::error::{Error, Result};
use abi::{Rights, fdflags};
use clock::{Clock, Random};
use object::{Entry, HostDir, HostFile, Object, Origin, OutputBuffer};
use table::Table;

/// What one program was given, and its descriptors. Any thread; reference-counted.
#[derive(Clone)]
pub struct Wasi {
    context: Arc<Context>,
}

struct Context {
    args: process::Strings,
    env: process::Strings,
    clock: Clock,
    random: Random,
    table: Mutex<Table>,
    stdout: Option<OutputBuffer>,
    stderr: Option<OutputBuffer>,
}

impl Wasi {
    /// Opens what the configuration names. An error if a string holds a NUL, or if something cannot be opened.
    pub fn new(config: WasiConfig) -> Result<Wasi> {
        Context::new(config).map(|context| Wasi { context: Arc::new(context) })
    }

    /// What the program has written so far; empty unless its standard output is [`Output::Buffer`].
    pub fn stdout(&self) -> Vec<u8> {
        self.context.stdout.as_ref().map(OutputBuffer::contents).unwrap_or_default()
    }

    /// As [`Wasi::stdout`], of standard error.
    pub fn stderr(&self) -> Vec<u8> {
        self.context.stderr.as_ref().map(OutputBuffer::contents).unwrap_or_default()
    }
}

impl Context {
    fn new(config: WasiConfig) -> Result<Context> {
        let mut table = Table::new(config.max_descriptors);
        let (stdout, stdout_buffer) = output(config.stdout, rustix::stdio::stdout(), "standard output")?;
        let (stderr, stderr_buffer) = output(config.stderr, rustix::stdio::stderr(), "standard error")?;
        let mut entries = vec![input(config.stdin)?, stdout, stderr];
        for preopen in config.preopens {
            check_string("name of a directory", &preopen.guest)?;
            let dir = Dir::open_ambient_dir(&preopen.host, ambient_authority())
                .map_err(|source| Error::System { what: "directory for wasi", source })?;
            let object = Object::Dir(HostDir::new(dir, preopen.access, Some(preopen.guest.into())));
            let inheriting = Rights::DIRECTORY.with(Rights::FILE);
            entries.push(Entry::new(object, Rights::DIRECTORY, inheriting, 0));
        }
        for socket in config.sockets {
            entries.push(socket_entry(File::from(socket))?);
        }
        let count = entries.len() as u64;
        for entry in entries {
            table.insert(Arc::new(entry)).map_err(|_| Error::Limit {
                what: "wasi descriptors",
                asked: count,
                limit: config.max_descriptors.into(),
            })?;
        }

        let mut env = Vec::new();
        for (name, value) in config.env {
            if name.contains(&b'=') {
                return Err(Error::misuse("name of an environment variable: has an equals sign"));
            }
            env.push([&name[..], b"=", &value].concat());
        }
        Ok(Context {
            args: process::Strings::new("argument", config.args)?,
            env: process::Strings::new("environment variable", env)?,
            clock: Clock::new(config.clock),
            random: Random::new(config.seed),
            table: Mutex::new(table),
            stdout: stdout_buffer,
            stderr: stderr_buffer,
        })
    }
}

/// Refuses a NUL, which would cut the string in the guest.
fn check_string(what: &str, bytes: &[u8]) -> Result<()> {
    if bytes.contains(&0) { Err(Error::misuse(format!("{what}: has a nul byte"))) } else { Ok(()) }
}

/// One of the process's standard streams, under a number of its own, so that closing it closes no one else's.
fn inherited(stream: BorrowedFd<'_>, what: &'static str) -> Result<File> {
    stream.try_clone_to_owned().map(File::from).map_err(|source| Error::System { what, source })
}

fn input(input: Input) -> Result<Entry> {
    let object = match input {
        Input::Null => Object::Null,
        Input::Inherit => return host_stream(inherited(rustix::stdio::stdin(), "standard input")?, Rights::FD_WRITE),
        Input::File(file) => return host_stream(file, Rights::FD_WRITE),
        Input::Bytes(bytes) => Object::Input(Mutex::new(io::Cursor::new(bytes))),
        Input::Callback(callback) => Object::Reader(Mutex::new(callback)),
    };
    Ok(Entry::new(object, Rights::STREAM.without(Rights::FD_WRITE), Rights::NONE, 0))
}

fn output(output: Output, stream: BorrowedFd<'_>, what: &'static str) -> Result<(Entry, Option<OutputBuffer>)> {
    let mut buffer = None;
    let object = match output {
        Output::Null => Object::Null,
        Output::Inherit => return Ok((host_stream(inherited(stream, what)?, Rights::FD_READ)?, None)),
        Output::File(file) => return Ok((host_stream(file, Rights::FD_READ)?, None)),
        Output::Buffer { limit } => Object::Output(buffer.insert(OutputBuffer::new(limit)).clone()),
        Output::Callback(callback) => Object::Writer(Mutex::new(callback)),
    };
    Ok((Entry::new(object, Rights::STREAM.without(Rights::FD_READ), Rights::NONE, 0), buffer))
}

/// A stream that the host opened, for one direction.
fn host_stream(file: File, refused: Rights) -> Result<Entry> {
    let what = "standard stream for wasi";
    let flags = rustix::fs::fcntl_getfl(&file).map_err(|error| Error::System { what, source: error.into() })?;
    let flags = if flags.contains(OFlags::APPEND) { fdflags::APPEND } else { 0 };
    let host = HostFile::new(file, Access::ReadWrite, Origin::Host)
        .map_err(|error| Error::misuse(format!("{what}: cannot be used ({error:?})")))?;
    let rights = host.rights().without(refused);
    Ok(Entry::new(Object::File(host), rights, Rights::NONE, flags))
}

fn socket_entry(socket: File) -> Result<Entry> {
    let host = HostFile::new(socket, Access::ReadWrite, Origin::Host)
        .map_err(|error| Error::misuse(format!("socket: cannot be used ({error:?})")))?;
    if !host.is_socket() {
        return Err(Error::misuse("socket: is none"));
    }
    let rights = host.rights();
    if rights == Rights::LISTENER {
        // A connection may be gone before it is accepted. Accepting must not wait for the next one then, where no
        // interrupt reaches it; all waiting is in `poll`.
        rustix::io::ioctl_fionbio(&host.file, true)
            .map_err(|error| Error::System { what: "socket for wasi", source: error.into() })?;
    }
    Ok(Entry::new(Object::File(host), rights, Rights::SOCKET, 0))
}
