//! Why the engine refused, and what a failed call brings back.

use std::fmt;
use std::io;

use crate::trap::{Trap, TrapCode};
use crate::types::FuncIndex;

/// Why something failed. Messages are lower case, without a full stop, offsets in hexadecimal.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a valid module; `offset` counts from the module's first byte.
    Invalid { offset: u64, reason: Box<str> },
    /// The module needs a feature that is switched off or not there yet.
    Unsupported { offset: u64, feature: Box<str> },
    /// The text could not be parsed.
    Text { reason: Box<str> },
    /// The bytes are not a profile of the module; `offset` counts from the profile's first byte.
    Profile { offset: u64, reason: Box<str> },
    /// The bytes are not an artifact, or one that is of no use here.
    Artifact { reason: Box<str> },
    /// A function could not be compiled.
    Compile { func: FuncIndex, reason: Box<str> },
    /// Imports are missing, or are not what the module asks for.
    Link { reason: Box<str> },
    /// A bound was reached: `what` names it.
    Limit { what: &'static str, asked: u64, limit: u64 },
    /// The host broke the contract of the interface; `what` names the argument.
    Misuse { what: Box<str> },
    /// The object is in use: by another thread, or by a call that is still running.
    Busy { what: &'static str },
    /// The host cancelled it.
    Cancelled,
    /// The operating system refused memory, a thread or a file; `what` says for which purpose.
    System { what: &'static str, source: io::Error },
    /// WebAssembly trapped, or a host function raised an error.
    Trap(Box<Trap>),
    /// The engine panicked. Always our fault.
    Bug { reason: Box<str> },
}

/// What fallible functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Misuse`] that names the argument and what is wrong with it.
    pub fn misuse(what: impl Into<Box<str>>) -> Error {
        Error::Misuse { what: what.into() }
    }

    /// The last error of the operating system.
    pub fn last_os(what: &'static str) -> Error {
        Error::System { what, source: io::Error::last_os_error() }
    }

    /// Its number in the C interface (`capi::status`, which tests that they agree).
    pub fn status(&self) -> u32 {
        match self {
            Error::Misuse { .. } => 1,
            Error::Invalid { .. } | Error::Profile { .. } | Error::Artifact { .. } => 2,
            Error::Unsupported { .. } => 3,
            Error::Text { .. } => 4,
            Error::Compile { .. } => 5,
            Error::Link { .. } => 6,
            Error::Limit { .. } => 7,
            Error::Busy { .. } => 8,
            Error::System { .. } => 9,
            Error::Trap(_) => 10,
            Error::Bug { .. } => 11,
            Error::Cancelled => 15,
        }
    }

    /// The same error once more, for another one who asks. (What an error of the operating system carries besides
    /// its number is lost, and so is what a host attached to a trap.)
    pub fn duplicate(&self) -> Error {
        match self {
            Error::Invalid { offset, reason } => Error::Invalid { offset: *offset, reason: reason.clone() },
            Error::Unsupported { offset, feature } => Error::Unsupported { offset: *offset, feature: feature.clone() },
            Error::Profile { offset, reason } => Error::Profile { offset: *offset, reason: reason.clone() },
            Error::Text { reason } => Error::Text { reason: reason.clone() },
            Error::Artifact { reason } => Error::Artifact { reason: reason.clone() },
            Error::Compile { func, reason } => Error::Compile { func: *func, reason: reason.clone() },
            Error::Link { reason } => Error::Link { reason: reason.clone() },
            Error::Limit { what, asked, limit } => Error::Limit { what, asked: *asked, limit: *limit },
            Error::Misuse { what } => Error::Misuse { what: what.clone() },
            Error::Busy { what } => Error::Busy { what },
            Error::Cancelled => Error::Cancelled,
            Error::System { what, source } => {
                let code = source.raw_os_error();
                let source = code.map_or_else(|| io::Error::from(source.kind()), io::Error::from_raw_os_error);
                Error::System { what, source }
            }
            Error::Trap(trap) => {
                let Trap { code, exit_status, invalid, .. } = **trap;
                let (message, frames) = (trap.message.clone(), trap.frames.clone());
                Error::from(Trap { code, message, frames, payload: None, exit_status, invalid })
            }
            Error::Bug { reason } => Error::Bug { reason: reason.clone() },
        }
    }

    /// The trap behind this error.
    pub fn trap(&self) -> Option<&Trap> {
        if let Error::Trap(trap) = self { Some(trap) } else { None }
    }
}

impl From<TrapCode> for Error {
    fn from(code: TrapCode) -> Error {
        Error::Trap(Box::new(Trap::new(code)))
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::Trap(Box::new(trap))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid { offset, reason } => write!(f, "invalid module: {reason} (at offset {offset:#x})"),
            Error::Profile { offset, reason } => write!(f, "invalid profile: {reason} (at offset {offset:#x})"),
            // Not of a module: those begin otherwise.
            Error::Unsupported { offset: 0, feature } => write!(f, "unsupported feature: {feature}"),
            Error::Unsupported { offset, feature } => {
                write!(f, "unsupported feature: {feature} (at offset {offset:#x})")
            }
            Error::Text { reason } => write!(f, "invalid text: {reason}"),
            Error::Artifact { reason } => write!(f, "invalid artifact: {reason}"),
            Error::Compile { func, reason } => write!(f, "function {} could not be compiled: {reason}", func.0),
            Error::Link { reason } => write!(f, "cannot link: {reason}"),
            Error::Limit { what, asked, limit } => write!(f, "limit reached: {what} ({asked} asked, {limit} allowed)"),
            Error::Misuse { what } => write!(f, "misuse: {what}"),
            Error::Busy { what } => write!(f, "busy: {what}"),
            Error::Cancelled => f.write_str("cancelled"),
            Error::System { what, source } => write!(f, "{what}: {source}"),
            Error::Trap(trap) => write!(f, "trap: {trap}"),
            Error::Bug { reason } => write!(f, "internal error: {reason}"),
        }
    }
}

impl std::error::Error for Error {}
