//! Statuses: what every fallible function returns. Numbers are never reused.

use crate::error::Error;

/// What became of a call: `UPDRAFT_STATUS_OK`, or why it failed.
pub type updraft_status_t = u32;

/// It worked.
pub const UPDRAFT_STATUS_OK: updraft_status_t = 0;
/// The host broke the contract of the interface: a NULL or stale pointer, a wrong handle, an unknown number, a
/// value of the wrong type. The message names the argument.
pub const UPDRAFT_STATUS_MISUSE: updraft_status_t = 1;
/// The bytes are not a valid module; the error has the offset.
pub const UPDRAFT_STATUS_INVALID: updraft_status_t = 2;
/// A feature is switched off, not there yet, or not compiled into this library.
pub const UPDRAFT_STATUS_UNSUPPORTED: updraft_status_t = 3;
/// The text format could not be parsed.
pub const UPDRAFT_STATUS_TEXT: updraft_status_t = 4;
/// A function could not be compiled.
pub const UPDRAFT_STATUS_COMPILE: updraft_status_t = 5;
/// Imports are missing, or are not what the module asks for.
pub const UPDRAFT_STATUS_LINK: updraft_status_t = 6;
/// A limit was reached.
pub const UPDRAFT_STATUS_LIMIT: updraft_status_t = 7;
/// The object is in use, by another thread or by a call that is still running.
pub const UPDRAFT_STATUS_BUSY: updraft_status_t = 8;
/// The operating system refused memory, a thread or a file.
pub const UPDRAFT_STATUS_SYSTEM: updraft_status_t = 9;
/// WebAssembly trapped, or a host function raised an error; the error has the trap code and the frames.
pub const UPDRAFT_STATUS_TRAP: updraft_status_t = 10;
/// The engine has a bug and noticed it. Only the delete functions may be called on the objects involved.
pub const UPDRAFT_STATUS_BUG: updraft_status_t = 11;
/// There is nothing of this name.
pub const UPDRAFT_STATUS_NOT_FOUND: updraft_status_t = 12;
/// An index or an address is out of bounds.
pub const UPDRAFT_STATUS_OUT_OF_BOUNDS: updraft_status_t = 13;
/// What was waited for did not come in time.
pub const UPDRAFT_STATUS_TIMEOUT: updraft_status_t = 14;
/// It was cancelled, or what would bring it is gone.
pub const UPDRAFT_STATUS_CANCELLED: updraft_status_t = 15;
/// What was waited for can never come: it was refused, or is not allowed.
// Last added.
pub const UPDRAFT_STATUS_FAILED: updraft_status_t = 16;

/// The status that tells of an error.
pub(super) fn of(error: &Error) -> updraft_status_t {
    error.status()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trap::TrapCode;
    use crate::types::FuncIndex;

    #[test]
    fn errors_have_the_numbers_of_the_interface() {
        let io = || std::io::Error::from_raw_os_error(1);
        for (error, status) in [
            (Error::misuse(""), UPDRAFT_STATUS_MISUSE),
            (Error::Invalid { offset: 0, reason: "".into() }, UPDRAFT_STATUS_INVALID),
            (Error::Unsupported { offset: 0, feature: "".into() }, UPDRAFT_STATUS_UNSUPPORTED),
            (Error::Text { reason: "".into() }, UPDRAFT_STATUS_TEXT),
            (Error::Compile { func: FuncIndex(0), reason: "".into() }, UPDRAFT_STATUS_COMPILE),
            (Error::Link { reason: "".into() }, UPDRAFT_STATUS_LINK),
            (Error::Limit { what: "", asked: 0, limit: 0 }, UPDRAFT_STATUS_LIMIT),
            (Error::Busy { what: "" }, UPDRAFT_STATUS_BUSY),
            (Error::System { what: "", source: io() }, UPDRAFT_STATUS_SYSTEM),
            (TrapCode::Unreachable.into(), UPDRAFT_STATUS_TRAP),
            (Error::Bug { reason: "".into() }, UPDRAFT_STATUS_BUG),
            (Error::Cancelled, UPDRAFT_STATUS_CANCELLED),
        ] {
            assert_eq!((of(&error), of(&error.duplicate())), (status, status), "{error}");
            assert_eq!(error.to_string(), error.duplicate().to_string());
        }
    }
}
