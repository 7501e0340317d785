//! The numbers and layouts of `wasi_snapshot_preview1`, as guests see them.
//!
//! Plain data, little-endian, written by hand into byte arrays, so that no layout depends on the compiler.
//! `wasi_unstable` differs in three places, which [`Dialect`] names.

use super::errno::Errno;

/// Which generation of the interface a function was imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `wasi_unstable`: other `whence` numbers, a 32-bit link count, and an identifier in clock subscriptions.
    Unstable,
    /// `wasi_snapshot_preview1`.
    Preview1,
}

/// What a descriptor allows. Bits as in the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights(pub(crate) u64);

impl Rights {
    pub(crate) const NONE: Rights = Rights(0);
    pub(crate) const FD_DATASYNC: Rights = Rights(1 << 0);
    pub(crate) const FD_READ: Rights = Rights(1 << 1);
    pub(crate) const FD_SEEK: Rights = Rights(1 << 2);
    pub(crate) const FD_FDSTAT_SET_FLAGS: Rights = Rights(1 << 3);
    pub(crate) const FD_SYNC: Rights = Rights(1 << 4);
    pub(crate) const FD_TELL: Rights = Rights(1 << 5);
    pub(crate) const FD_WRITE: Rights = Rights(1 << 6);
    pub(crate) const FD_ADVISE: Rights = Rights(1 << 7);
    pub(crate) const FD_ALLOCATE: Rights = Rights(1 << 8);
    pub(crate) const PATH_CREATE_DIRECTORY: Rights = Rights(1 << 9);
    pub(crate) const PATH_CREATE_FILE: Rights = Rights(1 << 10);
    pub(crate) const PATH_LINK_SOURCE: Rights = Rights(1 << 11);
    pub(crate) const PATH_LINK_TARGET: Rights = Rights(1 << 12);
    pub(crate) const PATH_OPEN: Rights = Rights(1 << 13);
    pub(crate) const FD_READDIR: Rights = Rights(1 << 14);
    pub(crate) const PATH_READLINK: Rights = Rights(1 << 15);
    pub(crate) const PATH_RENAME_SOURCE: Rights = Rights(1 << 16);
    pub(crate) const PATH_RENAME_TARGET: Rights = Rights(1 << 17);
    pub(crate) const PATH_FILESTAT_GET: Rights = Rights(1 << 18);
    pub(crate) const PATH_FILESTAT_SET_SIZE: Rights = Rights(1 << 19);
    pub(crate) const PATH_FILESTAT_SET_TIMES: Rights = Rights(1 << 20);
    pub(crate) const FD_FILESTAT_GET: Rights = Rights(1 << 21);
    pub(crate) const FD_FILESTAT_SET_SIZE: Rights = Rights(1 << 22);
    pub(crate) const FD_FILESTAT_SET_TIMES: Rights = Rights(1 << 23);
    pub(crate) const PATH_SYMLINK: Rights = Rights(1 << 24);
    pub(crate) const PATH_REMOVE_DIRECTORY: Rights = Rights(1 << 25);
    pub(crate) const PATH_UNLINK_FILE: Rights = Rights(1 << 26);
    pub(crate) const POLL_FD_READWRITE: Rights = Rights(1 << 27);
    pub(crate) const SOCK_SHUTDOWN: Rights = Rights(1 << 28);
    pub(crate) const SOCK_ACCEPT: Rights = Rights(1 << 29);

    /// Every right that the interface knows.
    pub(crate) const ALL: Rights = Rights((1 << 30) - 1);
    /// Rights that mean something on a regular file.
    pub(crate) const FILE: Rights = Rights(
        Rights::FD_DATASYNC.0
            | Rights::FD_READ.0
            | Rights::FD_SEEK.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_SYNC.0
            | Rights::FD_TELL.0
            | Rights::FD_WRITE.0
            | Rights::FD_ADVISE.0
            | Rights::FD_ALLOCATE.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::FD_FILESTAT_SET_SIZE.0
            | Rights::FD_FILESTAT_SET_TIMES.0
            | Rights::POLL_FD_READWRITE.0,
    );
    /// Rights that mean something on a directory.
    pub(crate) const DIRECTORY: Rights = Rights(
        Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_SYNC.0
            | Rights::FD_DATASYNC.0
            | Rights::FD_ADVISE.0
            | Rights::PATH_CREATE_DIRECTORY.0
            | Rights::PATH_CREATE_FILE.0
            | Rights::PATH_LINK_SOURCE.0
            | Rights::PATH_LINK_TARGET.0
            | Rights::PATH_OPEN.0
            | Rights::FD_READDIR.0
            | Rights::PATH_READLINK.0
            | Rights::PATH_RENAME_SOURCE.0
            | Rights::PATH_RENAME_TARGET.0
            | Rights::PATH_FILESTAT_GET.0
            | Rights::PATH_FILESTAT_SET_SIZE.0
            | Rights::PATH_FILESTAT_SET_TIMES.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::FD_FILESTAT_SET_TIMES.0
            | Rights::PATH_SYMLINK.0
            | Rights::PATH_REMOVE_DIRECTORY.0
            | Rights::PATH_UNLINK_FILE.0
            | Rights::POLL_FD_READWRITE.0,
    );
    /// Rights on a pipe, a terminal or a buffer. Without seek and tell: wasi-libc's `isatty` looks for that.
    pub(crate) const STREAM: Rights = Rights(
        Rights::FD_DATASYNC.0
            | Rights::FD_READ.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_SYNC.0
            | Rights::FD_WRITE.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::POLL_FD_READWRITE.0,
    );
    /// Rights on a connected socket.
    pub(crate) const SOCKET: Rights = Rights(
        Rights::FD_READ.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_WRITE.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::POLL_FD_READWRITE.0
            | Rights::SOCK_SHUTDOWN.0,
    );
    /// Rights on a listening socket; what it accepts gets [`Rights::SOCKET`].
    pub(crate) const LISTENER: Rights = Rights(
        Rights::FD_READ.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::POLL_FD_READWRITE.0
            | Rights::SOCK_ACCEPT.0,
    );

    pub(crate) const fn with(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
    pub(crate) const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }
    pub(crate) const fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
    pub(crate) const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

/// `fdflags`.
pub(crate) mod fdflags {
    pub(crate) const APPEND: u32 = 1 << 0;
    pub(crate) const DSYNC: u32 = 1 << 1;
    pub(crate) const NONBLOCK: u32 = 1 << 2;
    pub(crate) const RSYNC: u32 = 1 << 3;
    pub(crate) const SYNC: u32 = 1 << 4;
    pub(crate) const ALL: u32 = (1 << 5) - 1;
}

/// `oflags`.
pub(crate) mod oflags {
    pub(crate) const CREAT: u32 = 1 << 0;
    pub(crate) const DIRECTORY: u32 = 1 << 1;
    pub(crate) const EXCL: u32 = 1 << 2;
    pub(crate) const TRUNC: u32 = 1 << 3;
    pub(crate) const ALL: u32 = (1 << 4) - 1;
}

/// `fstflags`.
pub(crate) mod fstflags {
    pub(crate) const ATIM: u32 = 1 << 0;
    pub(crate) const ATIM_NOW: u32 = 1 << 1;
    pub(crate) const MTIM: u32 = 1 << 2;
    pub(crate) const MTIM_NOW: u32 = 1 << 3;
    pub(crate) const ALL: u32 = (1 << 4) - 1;
}

/// `lookupflags`: follow a symbolic link in the last component.
pub(crate) const LOOKUP_SYMLINK_FOLLOW: u32 = 1;

/// `riflags`.
pub(crate) mod riflags {
    pub(crate) const PEEK: u32 = 1 << 0;
    pub(crate) const WAITALL: u32 = 1 << 1;
    pub(crate) const ALL: u32 = (1 << 2) - 1;
}

/// `roflags`: the datagram was longer than the buffers.
pub(crate) const RECV_DATA_TRUNCATED: u16 = 1;

/// `sdflags`.
pub(crate) mod sdflags {
    pub(crate) const RD: u32 = 1 << 0;
    pub(crate) const WR: u32 = 1 << 1;
}

/// Attributes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: FileType,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

impl Filestat {
    /// What is known of an object that is no file.
    pub(crate) fn bare(filetype: FileType) -> Filestat {
        Filestat { dev: 0, ino: 0, filetype, nlink: 1, size: 0, atim: 0, mtim: 0, ctim: 0 }
    }

    /// Bytes of a `filestat`.
    pub(crate) fn size(dialect: Dialect) -> usize {
        if dialect == Dialect::Preview1 { 64 } else { 56 }
    }

    pub(crate) fn encode(&self, dialect: Dialect) -> Vec<u8> {
        let mut out = vec![0; Filestat::size(dialect)];
        put(&mut out, 0, &self.dev.to_le_bytes());
        put(&mut out, 8, &self.ino.to_le_bytes());
        put(&mut out, 16, &[self.filetype as u8]);
        let size_at = match dialect {
            Dialect::Preview1 => {
                put(&mut out, 24, &self.nlink.to_le_bytes());
                32
            }
            Dialect::Unstable => {
                put(&mut out, 20, &u32::try_from(self.nlink).unwrap_or(u32::MAX).to_le_bytes());
                24
            }
        };
        for (i, value) in [self.size, self.atim, self.mtim, self.ctim].into_iter().enumerate() {
            put(&mut out, size_at + 8 * i, &value.to_le_bytes());
        }
        out
    }
}

/// Bytes of an `fdstat`.
pub(crate) const FDSTAT_SIZE: u32 = 24;

/// Encodes an `fdstat`.
pub(crate) fn encode_fdstat(
    filetype: FileType,
    flags: u32,
    base: Rights,
    inheriting: Rights,
) -> [u8; FDSTAT_SIZE as usize] {
    let mut out = [0; FDSTAT_SIZE as usize];
    out[0] = filetype as u8;
    put(&mut out, 2, &(flags as u16).to_le_bytes());
    put(&mut out, 8, &base.0.to_le_bytes());
    put(&mut out, 16, &inheriting.0.to_le_bytes());
    out
}

/// Bytes of a `dirent` without its name.
pub(crate) const DIRENT_SIZE: usize = 24;

/// Encodes a `dirent`, which the name follows.
pub(crate) fn encode_dirent(next: u64, ino: u64, name_len: u32, filetype: FileType) -> [u8; DIRENT_SIZE] {
    let mut out = [0; DIRENT_SIZE];
    put(&mut out, 0, &next.to_le_bytes());
    put(&mut out, 8, &ino.to_le_bytes());
    put(&mut out, 16, &name_len.to_le_bytes());
    out[20] = filetype as u8;
    out
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum EventType {
    Clock = 0,
    FdRead = 1,
    FdWrite = 2,
}

/// Something to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub(crate) userdata: u64,
    pub(crate) what: Awaited,
}

/// What a [`Subscription`] waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    Clock { clock: u32, timeout: u64, flags: u16 },
    FdRead(u32),
    FdWrite(u32),
}

/// `subclockflags`: the timeout is a point in time.
pub(crate) const SUBSCRIPTION_CLOCK_ABSTIME: u16 = 1;

impl Subscription {
    /// Bytes of a `subscription`.
    pub(crate) fn size(dialect: Dialect) -> u32 {
        if dialect == Dialect::Preview1 { 48 } else { 56 }
    }

    /// Decodes `size(dialect)` bytes.
    pub(crate) fn decode(bytes: &[u8], dialect: Dialect) -> Result<Subscription, Errno> {
        // The older clock subscription begins with an identifier.
        let clock_at = if dialect == Dialect::Preview1 { 16 } else { 24 };
        let fd = u32::from_le_bytes(take(bytes, 16)?);
        let what = match bytes.get(8) {
            Some(0) => Awaited::Clock {
                clock: u32::from_le_bytes(take(bytes, clock_at)?),
                timeout: u64::from_le_bytes(take(bytes, clock_at + 8)?),
                flags: u16::from_le_bytes(take(bytes, clock_at + 24)?),
            },
            Some(1) => Awaited::FdRead(fd),
            Some(2) => Awaited::FdWrite(fd),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: u64::from_le_bytes(take(bytes, 0)?), what })
    }
}

/// Bytes of an `event`.
pub(crate) const EVENT_SIZE: u32 = 32;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) userdata: u64,
    pub(crate) error: Errno,
    pub(crate) kind: EventType,
    pub(crate) bytes: u64,
    pub(crate) hangup: bool,
}

impl Event {
    pub(crate) fn encode(&self) -> [u8; EVENT_SIZE as usize] {
        let mut out = [0; EVENT_SIZE as usize];
        put(&mut out, 0, &self.userdata.to_le_bytes());
        put(&mut out, 8, &(self.error as u16).to_le_bytes());
        out[10] = self.kind as u8;
        put(&mut out, 16, &self.bytes.to_le_bytes());
        put(&mut out, 24, &u16::from(self.hangup).to_le_bytes());
        out
    }
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or(Errno::Fault)
}
