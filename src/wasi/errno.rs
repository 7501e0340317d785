//! Why a WASI function failed, as a number of the interface, and how the host's errors become one.

use std::io;

macro_rules! errnos {
    ($( $name:ident = $number:literal $( : $($host:ident)|+ )? ; )*) => {
        /// An error number of `wasi_snapshot_preview1`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Errno { $( $name = $number, )* }

        impl Errno {
            /// The number for an error number of the host; `Io` for one that the interface does not know.
            fn from_host(number: i32) -> Errno {
                match number {
                    $( $( $( libc::$host )|+ => Errno::$name, )? )*
                    _ => Errno::Io,
                }
            }
        }
    };
}
errnos! {
    Success = 0;
    TooBig = 1: E2BIG;
    Acces = 2: EACCES;
    AddrInUse = 3: EADDRINUSE;
    AddrNotAvail = 4: EADDRNOTAVAIL;
    AfNoSupport = 5: EAFNOSUPPORT;
    Again = 6: EAGAIN;
    Already = 7: EALREADY;
    Badf = 8: EBADF;
    BadMsg = 9: EBADMSG;
    Busy = 10: EBUSY;
    Canceled = 11: ECANCELED;
    Child = 12: ECHILD;
    ConnAborted = 13: ECONNABORTED;
    ConnRefused = 14: ECONNREFUSED;
    ConnReset = 15: ECONNRESET;
    Deadlk = 16: EDEADLK;
    DestAddrReq = 17: EDESTADDRREQ;
    Dom = 18: EDOM;
    Dquot = 19: EDQUOT;
    Exist = 20: EEXIST;
    Fault = 21: EFAULT;
    Fbig = 22: EFBIG;
    HostUnreach = 23: EHOSTUNREACH;
    Idrm = 24: EIDRM;
    Ilseq = 25: EILSEQ;
    InProgress = 26: EINPROGRESS;
    Intr = 27: EINTR;
    Inval = 28: EINVAL;
    Io = 29: EIO;
    IsConn = 30: EISCONN;
    IsDir = 31: EISDIR;
    Loop = 32: ELOOP;
    Mfile = 33: EMFILE;
    Mlink = 34: EMLINK;
    MsgSize = 35: EMSGSIZE;
    Multihop = 36: EMULTIHOP;
    NameTooLong = 37: ENAMETOOLONG;
    NetDown = 38: ENETDOWN;
    NetReset = 39: ENETRESET;
    NetUnreach = 40: ENETUNREACH;
    Nfile = 41: ENFILE;
    NoBufs = 42: ENOBUFS;
    NoDev = 43: ENODEV;
    NoEnt = 44: ENOENT;
    NoExec = 45: ENOEXEC;
    NoLck = 46: ENOLCK;
    NoLink = 47: ENOLINK;
    NoMem = 48: ENOMEM;
    NoMsg = 49: ENOMSG;
    NoProtoOpt = 50: ENOPROTOOPT;
    NoSpc = 51: ENOSPC;
    NoSys = 52: ENOSYS;
    NotConn = 53: ENOTCONN;
    NotDir = 54: ENOTDIR;
    NotEmpty = 55: ENOTEMPTY;
    NotRecoverable = 56: ENOTRECOVERABLE;
    NotSock = 57: ENOTSOCK;
    NotSup = 58: ENOTSUP;
    NoTty = 59: ENOTTY;
    Nxio = 60: ENXIO;
    Overflow = 61: EOVERFLOW;
    OwnerDead = 62: EOWNERDEAD;
    Perm = 63: EPERM;
    Pipe = 64: EPIPE;
    Proto = 65: EPROTO;
    ProtoNoSupport = 66: EPROTONOSUPPORT;
    Prototype = 67: EPROTOTYPE;
    Range = 68: ERANGE;
    Rofs = 69: EROFS;
    Spipe = 70: ESPIPE;
    Srch = 71: ESRCH;
    Stale = 72: ESTALE;
    TimedOut = 73: ETIMEDOUT;
    TxtBsy = 74: ETXTBSY;
    Xdev = 75: EXDEV;
    NotCapable = 76;
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Errno {
        Errno::from_host(error.raw_os_error())
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(number) = error.raw_os_error() {
            return Errno::from_host(number);
        }
        // Without a number: cap-std's own refusals (a path that leads outside is `PermissionDenied`), the
        // standard library's checks (a NUL in a path is `InvalidInput`), and errors of the host's callbacks.
        match error.kind() {
            io::ErrorKind::NotFound => Errno::NoEnt,
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::ConnectionRefused => Errno::ConnRefused,
            io::ErrorKind::ConnectionReset => Errno::ConnReset,
            io::ErrorKind::ConnectionAborted => Errno::ConnAborted,
            io::ErrorKind::NotConnected => Errno::NotConn,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::NotADirectory => Errno::NotDir,
            io::ErrorKind::IsADirectory => Errno::IsDir,
            io::ErrorKind::DirectoryNotEmpty => Errno::NotEmpty,
            io::ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::TimedOut => Errno::TimedOut,
            io::ErrorKind::StorageFull => Errno::NoSpc,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::Unsupported => Errno::NotSup,
            io::ErrorKind::OutOfMemory => Errno::NoMem,
            _ => Errno::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_map() {
        assert_eq!(Errno::from(io::Error::from_raw_os_error(libc::ENOTEMPTY)) as u16, 55);
        assert_eq!(Errno::from(rustix::io::Errno::XDEV) as u16, 75);
        assert_eq!(Errno::from(io::Error::from_raw_os_error(99_999)), Errno::Io);
        assert_eq!(Errno::from(io::Error::from(io::ErrorKind::BrokenPipe)), Errno::Pipe);
        assert_eq!(Errno::from(io::Error::other("callback")), Errno::Io);
    }
}
