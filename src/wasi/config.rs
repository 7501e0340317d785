//! What the host gives to a WASI program. Nothing is given by default: no arguments, no environment, no
//! files, silent standard streams. Clocks and random numbers are the system's unless set otherwise.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Descriptors of a program: half of what a Linux process usually may have, so that no guest takes its host's.
const DEFAULT_DESCRIPTORS: u32 = 512;

/// Whether a program may change what is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As if on a read-only file system: whatever would change a file or a directory fails with `EROFS`.
    ReadOnly,
    /// Everything that the operating system allows to the process.
    ReadWrite,
}

/// Fills the buffer and returns how many bytes it wrote; 0 ends the stream. Any thread that runs the program.
pub type ReadCallback = Box<dyn FnMut(&mut [u8]) -> io::Result<usize> + Send>;
/// Takes bytes and returns how many it took. Any thread that runs the program.
pub type WriteCallback = Box<dyn FnMut(&[u8]) -> io::Result<usize> + Send>;

/// Where a program's standard input comes from.
pub enum Input {
    /// Empty.
    Null,
    /// The process's own.
    Inherit,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This file, pipe or terminal.
    File(File),
    /// What the callback returns.
    Callback(ReadCallback),
}

/// Where a program's standard output or error goes.
pub enum Output {
    /// Nowhere.
    Null,
    /// The process's own.
    Inherit,
    /// A buffer of at most `limit` bytes (then `ENOSPC`), which `Wasi::stdout` and `Wasi::stderr` return.
    Buffer {
        /// Largest number of bytes that are held.
        limit: usize,
    },
    /// This file, pipe or terminal.
    File(File),
    /// The callback.
    Callback(WriteCallback),
}

/// Where a program's clocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockSource {
    System,
    Virtual { start: u64, step: u64 },
}

/// A directory that a program may use from the start.
pub(super) struct Preopen {
    pub(super) host: PathBuf,
    pub(super) guest: Vec<u8>,
    pub(super) access: Access,
}

/// Builds a [`super::Wasi`].
pub struct WasiConfig {
    pub(super) args: Vec<Vec<u8>>,
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) preopens: Vec<Preopen>,
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) clock: ClockSource,
    pub(super) seed: Option<u64>,
    pub(super) max_descriptors: u32,
}

impl Default for WasiConfig {
    fn default() -> WasiConfig {
        WasiConfig::new()
    }
}

impl WasiConfig {
    /// Nothing but the system's clocks and random numbers.
    pub fn new() -> WasiConfig {
        WasiConfig {
            args: Vec::new(),
            env: Vec::new(),
            preopens: Vec::new(),
            sockets: Vec::new(),
            stdin: Input::Null,
            stdout: Output::Null,
            stderr: Output::Null,
            clock: ClockSource::System,
            seed: None,
            max_descriptors: DEFAULT_DESCRIPTORS,
        }
    }
    /// Adds an argument; the first one is the program's name.
    pub fn arg(&mut self, arg: impl Into<Vec<u8>>) -> &mut WasiConfig {
        self.args.push(arg.into());
        self
    }
    /// Adds arguments.
    pub fn args<A: Into<Vec<u8>>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut WasiConfig {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
    /// Sets an environment variable, in place of an earlier one of this name.
    pub fn env(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut WasiConfig {
        let (name, value) = (name.into(), value.into());
        match self.env.iter_mut().find(|(other, _)| *other == name) {
            Some(entry) => entry.1 = value,
            None => self.env.push((name, value)),
        }
        self
    }
    /// Sets every environment variable of the process.
    pub fn inherit_env(&mut self) -> &mut WasiConfig {
        for (name, value) in std::env::vars_os() {
            self.env(name.into_encoded_bytes(), value.into_encoded_bytes());
        }
        self
    }
    /// Opens a directory of the host to the program, under the name `guest`.
    pub fn preopen(&mut self, host: impl Into<PathBuf>, guest: impl Into<Vec<u8>>, access: Access) -> &mut WasiConfig {
        self.preopens.push(Preopen { host: host.into(), guest: guest.into(), access });
        self
    }
    /// Gives a socket, connected or listening, to the program. Sockets come after the directories. A listening one
    /// becomes non-blocking, for whoever shares it.
    pub fn socket(&mut self, socket: impl Into<OwnedFd>) -> &mut WasiConfig {
        self.sockets.push(socket.into());
        self
    }
    /// Sets standard input.
    pub fn stdin(&mut self, input: Input) -> &mut WasiConfig {
        self.stdin = input;
        self
    }
    /// Sets standard output.
    pub fn stdout(&mut self, output: Output) -> &mut WasiConfig {
        self.stdout = output;
        self
    }
    /// Sets standard error.
    pub fn stderr(&mut self, output: Output) -> &mut WasiConfig {
        self.stderr = output;
        self
    }
    /// Gives the program the process's standard streams.
    pub fn inherit_stdio(&mut self) -> &mut WasiConfig {
        self.stdin(Input::Inherit).stdout(Output::Inherit).stderr(Output::Inherit)
    }
    /// Makes all clocks one counter of nanoseconds, which starts at `start` and moves by `step` when it is
    /// read. Waiting takes no time: it moves the counter. Times of files stay the host's.
    pub fn virtual_clock(&mut self, start: u64, step: u64) -> &mut WasiConfig {
        self.clock = ClockSource::Virtual { start, step };
        self
    }
    /// Makes random numbers a function of `seed`. They are then not fit for secrets.
    pub fn random_seed(&mut self, seed: u64) -> &mut WasiConfig {
        self.seed = Some(seed);
        self
    }
    /// Bounds how many descriptors the program may have at once, at least what it starts with (default 512). Each
    /// may hold one of the process's.
    pub fn max_descriptors(&mut self, count: u32) -> &mut WasiConfig {
        self.max_descriptors = count;
        self
    }
}
