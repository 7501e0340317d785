//! What a descriptor stands for: a file, a directory, or a stream of the host's choice.
//!
//! Streams (pipes, terminals, sockets, devices) may block. Before each transfer on one the thread waits for
//! the stream *and* for an interrupt, so no guest sits in a system call that its host cannot end.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::{Dir, FileTypeExt, Metadata, MetadataExt};
use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvFlags, SendFlags};

use super::abi::{FileType, Filestat, Rights, fdflags};
use super::config::{Access, ReadCallback, WriteCallback};
use super::dir::Listing;
use super::errno::Errno;
use super::guest::Guest;
use super::poll::wait_for;

/// What a pipe takes at once without blocking when it is ready (POSIX's least `PIPE_BUF` is 512, Linux's 4096).
const STREAM_WRITE_BYTES: usize = 4096;

/// Locks; a panic of a callback must not make the lock unusable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that a program wrote, up to a limit.
#[derive(Clone)]
pub(super) struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl OutputBuffer {
    pub(super) fn new(limit: usize) -> OutputBuffer {
        OutputBuffer { bytes: Arc::default(), limit }
    }
    pub(super) fn contents(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }
    fn append(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let mut held = lock(&self.bytes);
        let room = self.limit.saturating_sub(held.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(Errno::NoSpc);
        }
        held.extend_from_slice(&bytes[..room]);
        Ok(room)
    }
}

/// Who opened a file. The flags of one that the host opened are shared, and not the guest's to set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Guest,
    Host,
}

/// An open file of the host that is no directory.
pub(super) struct HostFile {
    pub(super) file: File,
    pub(super) filetype: FileType,
    pub(super) access: Access,
    pub(super) origin: Origin,
}

/// An open directory of the host, the root of everything that is reached through it.
pub(super) struct HostDir {
    pub(super) dir: Dir,
    pub(super) access: Access,
    pub(super) listing: Mutex<Option<Listing>>,
    /// The guest's name for it, if the program started with it.
    pub(super) preopen: Option<Box<[u8]>>,
}

/// What a descriptor stands for.
pub(super) enum Object {
    Null,
    Input(Mutex<io::Cursor<Vec<u8>>>),
    Output(OutputBuffer),
    Reader(Mutex<ReadCallback>),
    Writer(Mutex<WriteCallback>),
    File(HostFile),
    Dir(HostDir),
}

/// What can change about a descriptor.
#[derive(Clone, Copy)]
pub(super) struct Status {
    pub(super) base: Rights,
    pub(super) inheriting: Rights,
    pub(super) flags: u32,
}

/// One descriptor.
pub(super) struct Entry {
    pub(super) object: Object,
    status: Mutex<Status>,
}

impl Entry {
    pub(super) fn new(object: Object, base: Rights, inheriting: Rights, flags: u32) -> Entry {
        Entry { object, status: Mutex::new(Status { base, inheriting, flags }) }
    }
    pub(super) fn status(&self) -> Status {
        *lock(&self.status)
    }
    pub(super) fn update(&self, change: impl FnOnce(&mut Status) -> Result<(), Errno>) -> Result<(), Errno> {
        change(&mut lock(&self.status))
    }
    /// `NotCapable` unless the descriptor has these rights. Reading and writing are refused with `Badf`
    /// instead, as programs written for POSIX expect.
    pub(super) fn require(&self, rights: Rights) -> Result<(), Errno> {
        let missing = rights.without(self.status().base);
        if missing == Rights::NONE {
            Ok(())
        } else if missing.and(Rights::FD_READ.with(Rights::FD_WRITE)) != Rights::NONE {
            Err(Errno::Badf)
        } else {
            Err(Errno::NotCapable)
        }
    }
    /// The directory, if it is one and has these rights.
    pub(super) fn dir(&self, rights: Rights) -> Result<&HostDir, Errno> {
        let Object::Dir(dir) = &self.object else { return Err(Errno::NotDir) };
        self.require(rights)?;
        Ok(dir)
    }
    pub(super) fn is_nonblocking(&self) -> bool {
        self.status().flags & fdflags::NONBLOCK != 0
    }
    /// Reads what is there, waiting for the first byte unless the descriptor does not block.
    pub(super) fn read(&self, guest: &dyn Guest, buffer: &mut [u8]) -> Result<usize, Errno> {
        match &self.object {
            Object::Null => Ok(0),
            Object::Input(cursor) => Ok(io::Read::read(&mut *lock(cursor), buffer)?),
            Object::Reader(callback) => Ok(lock(callback)(buffer)?),
            Object::File(host) => host.read(guest, buffer, self.is_nonblocking()),
            Object::Output(_) | Object::Writer(_) | Object::Dir(_) => Err(Errno::Badf),
        }
    }
    /// Writes all of `bytes`, or what fits. An error counts only before the first byte.
    pub(super) fn write(&self, guest: &dyn Guest, bytes: &[u8]) -> Result<usize, Errno> {
        match &self.object {
            Object::Null => Ok(bytes.len()),
            Object::Output(buffer) => buffer.append(bytes),
            Object::Writer(callback) => all(bytes, |rest| Ok(lock(callback)(rest)?)),
            Object::File(host) => host.write(guest, bytes, self.is_nonblocking()),
            Object::Input(_) | Object::Reader(_) | Object::Dir(_) => Err(Errno::Badf),
        }
    }
    pub(super) fn filetype(&self) -> FileType {
        match &self.object {
            Object::File(host) => host.filetype,
            Object::Dir(_) => FileType::Directory,
            _ => FileType::Unknown,
        }
    }
}

/// Hands over `bytes` until all are taken or none is.
fn all(bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
    let mut taken = 0;
    while taken < bytes.len() {
        match take(&bytes[taken..]) {
            Ok(0) => break,
            Ok(count) => taken = bytes.len().min(taken + count),
            Err(_) if taken > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

impl HostFile {
    /// An open file, with its type looked up.
    pub(super) fn new(file: File, access: Access, origin: Origin) -> Result<HostFile, Errno> {
        let filetype = filetype_of(&file)?;
        Ok(HostFile { file, filetype, access, origin })
    }
    /// Every right that means something on it.
    pub(super) fn rights(&self) -> Rights {
        match self.filetype {
            FileType::RegularFile | FileType::BlockDevice => Rights::FILE,
            FileType::SocketStream | FileType::SocketDgram => {
                let listens = rustix::net::sockopt::socket_acceptconn(&self.file).unwrap_or(false);
                if listens { Rights::LISTENER } else { Rights::SOCKET }
            }
            // With these, wasi-libc's `isatty` knows that a device is no terminal.
            FileType::CharacterDevice if !self.file.is_terminal() => {
                Rights::STREAM.with(Rights::FD_SEEK).with(Rights::FD_TELL)
            }
            _ => Rights::STREAM,
        }
    }
    /// Whether it has no position and may block.
    pub(super) fn is_stream(&self) -> bool {
        !matches!(self.filetype, FileType::RegularFile | FileType::BlockDevice)
    }
    pub(super) fn is_socket(&self) -> bool {
        matches!(self.filetype, FileType::SocketStream | FileType::SocketDgram)
    }
    /// `Rofs` if the file was reached through a read-only directory.
    pub(super) fn require_writable(&self) -> Result<(), Errno> {
        if self.access == Access::ReadWrite { Ok(()) } else { Err(Errno::Rofs) }
    }
    /// Runs a system call once the stream is ready, again if it was not ready after all.
    pub(super) fn retry<T>(
        &self,
        guest: &dyn Guest,
        what: PollFlags,
        nonblocking: bool,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Result<T, Errno> {
        loop {
            if self.is_stream() {
                wait_for(guest, self.file.as_fd(), what, nonblocking)?;
            }
            match call(self.file.as_fd()) {
                Err(rustix::io::Errno::INTR) if !guest.is_interrupted() => {}
                Err(rustix::io::Errno::AGAIN) if !nonblocking && self.is_stream() => {}
                other => return Ok(other?),
            }
        }
    }
    fn read(&self, guest: &dyn Guest, buffer: &mut [u8], nonblocking: bool) -> Result<usize, Errno> {
        self.retry(guest, PollFlags::IN, nonblocking, |file| match self.is_socket() {
            true => rustix::net::recv(file, &mut *buffer, RecvFlags::DONTWAIT).map(|(count, _)| count),
            false => rustix::io::read(file, &mut *buffer),
        })
    }
    fn write(&self, guest: &dyn Guest, bytes: &[u8], nonblocking: bool) -> Result<usize, Errno> {
        match self.filetype {
            // Datagrams are not to be cut, and an empty one is one.
            FileType::SocketDgram => self.retry(guest, PollFlags::OUT, nonblocking, |file| send(file, bytes)),
            FileType::SocketStream => {
                all(bytes, |rest| self.retry(guest, PollFlags::OUT, nonblocking, |file| send(file, rest)))
            }
            _ => all(bytes, |rest| {
                let step = if self.is_stream() { &rest[..rest.len().min(STREAM_WRITE_BYTES)] } else { rest };
                self.retry(guest, PollFlags::OUT, nonblocking, |file| rustix::io::write(file, step))
            }),
        }
    }
}

/// Sends what fits, without the signal that would end a host which does not ignore it.
fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> rustix::io::Result<usize> {
    rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}

impl HostDir {
    /// A directory below which the program may do what `access` says.
    pub(super) fn new(dir: Dir, access: Access, preopen: Option<Box<[u8]>>) -> HostDir {
        HostDir { dir, access, listing: Mutex::new(None), preopen }
    }
    /// The directory once more, open for listing and synchronising. `dir` itself may only be a place to start from.
    pub(super) fn reopen(&self) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.dir, c".", flags, Mode::empty())?))
    }
    /// `Rofs` if nothing in the directory may be changed.
    pub(super) fn require_writable(&self) -> Result<(), Errno> {
        if self.access == Access::ReadWrite { Ok(()) } else { Err(Errno::Rofs) }
    }
}

/// The type of an open file. Of a socket, the kernel is asked for more.
fn filetype_of(file: &File) -> Result<FileType, Errno> {
    let filetype = metadata_type(&Metadata::from_file(file)?);
    if filetype != FileType::SocketStream {
        return Ok(filetype);
    }
    Ok(match rustix::net::sockopt::socket_type(file)? {
        rustix::net::SocketType::DGRAM => FileType::SocketDgram,
        _ => FileType::SocketStream,
    })
}

fn metadata_type(metadata: &Metadata) -> FileType {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileType::RegularFile
    } else if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::SymbolicLink
    } else if kind.is_char_device() {
        FileType::CharacterDevice
    } else if kind.is_block_device() {
        FileType::BlockDevice
    } else if kind.is_socket() {
        FileType::SocketStream
    } else {
        FileType::Unknown
    }
}

/// The attributes that the interface knows.
pub(super) fn filestat(metadata: &Metadata) -> Filestat {
    // Before 1970 there is no time in the interface.
    let nanos = |seconds: i64, nanos: i64| {
        let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        u64::try_from(total.max(0)).unwrap_or(u64::MAX)
    };
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: metadata_type(metadata),
        nlink: metadata.nlink(),
        size: metadata.size(),
        atim: nanos(metadata.atime(), metadata.atime_nsec()),
        mtim: nanos(metadata.mtime(), metadata.mtime_nsec()),
        ctim: nanos(metadata.ctime(), metadata.ctime_nsec()),
    }
}
