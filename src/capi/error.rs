//! Error objects: why a call failed, and what a host function raises.
//!
//! Accessors of errors cannot fail, so that no error needs an error; each says what it gives for NULL.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::status::{self, updraft_status_t};
use super::{Counted, Dropped, Extensible, HostData, array, clone_object, delete, drop_object, enter, enter_total};
use super::{new_object, out, out_struct, updraft_finalizer_t};
use crate::error::Error;
use crate::trap::{Frame, Trap, TrapCode};

/// Why a call failed. Reference-counted, immutable; any thread.
pub struct updraft_error_t {
    _private: [u8; 0],
}

impl Counted for updraft_error_t {
    type Value = ErrorValue;
    const KIND: u32 = 0x7272_4575;
}

/// What an error object holds.
pub(super) struct ErrorValue {
    status: updraft_status_t,
    /// The message and a NUL.
    message: Box<[u8]>,
    error: Option<Error>,
}

/// Why the body of a C function failed.
pub(super) enum Fail {
    /// The engine refused.
    Error(Error),
    /// An outcome that only the rim tells apart.
    Status(updraft_status_t, Box<str>),
}

impl Fail {
    #[cold]
    pub(super) fn misuse(what: impl Into<Box<str>>) -> Fail {
        Fail::Error(Error::misuse(what))
    }

    #[cold]
    pub(super) fn not_found(what: impl Into<Box<str>>) -> Fail {
        Fail::Status(status::UPDRAFT_STATUS_NOT_FOUND, what.into())
    }

    #[cold]
    pub(super) fn out_of_bounds(what: impl Into<Box<str>>) -> Fail {
        Fail::Status(status::UPDRAFT_STATUS_OUT_OF_BOUNDS, what.into())
    }

    pub(super) fn status(&self) -> updraft_status_t {
        match self {
            Fail::Error(error) => status::of(error),
            Fail::Status(status, _) => *status,
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail::Error(error)
    }
}

/// A compiler level.
pub type updraft_tier_t = u32;
/// The baseline tier (not there yet).
pub const UPDRAFT_TIER_BASELINE: updraft_tier_t = 1;
/// The optimising tier.
pub const UPDRAFT_TIER_TOP: updraft_tier_t = 2;

/// A trap code: why WebAssembly stopped. The numbers never change and are never reused.
pub type updraft_trap_code_t = u32;
/// No trap.
pub const UPDRAFT_TRAP_NONE: updraft_trap_code_t = 0;
/// The stack of the call is used up.
pub const UPDRAFT_TRAP_STACK_OVERFLOW: updraft_trap_code_t = 1;
/// Access outside of a linear memory.
pub const UPDRAFT_TRAP_MEMORY_OUT_OF_BOUNDS: updraft_trap_code_t = 2;
/// Atomic access to an address that is not aligned.
pub const UPDRAFT_TRAP_UNALIGNED_ATOMIC: updraft_trap_code_t = 3;
/// Access outside of a table.
pub const UPDRAFT_TRAP_TABLE_OUT_OF_BOUNDS: updraft_trap_code_t = 4;
/// `call_indirect` with an index outside of the table.
pub const UPDRAFT_TRAP_UNDEFINED_ELEMENT: updraft_trap_code_t = 5;
/// `call_indirect` of a null element.
pub const UPDRAFT_TRAP_UNINITIALIZED_ELEMENT: updraft_trap_code_t = 6;
/// `call_indirect` of a function of another type.
pub const UPDRAFT_TRAP_INDIRECT_CALL_TYPE_MISMATCH: updraft_trap_code_t = 7;
/// The quotient is not representable.
pub const UPDRAFT_TRAP_INTEGER_OVERFLOW: updraft_trap_code_t = 8;
/// Division by zero.
pub const UPDRAFT_TRAP_INTEGER_DIVIDE_BY_ZERO: updraft_trap_code_t = 9;
/// The float is not representable as an integer.
pub const UPDRAFT_TRAP_INVALID_CONVERSION_TO_INTEGER: updraft_trap_code_t = 10;
/// `unreachable` was executed.
pub const UPDRAFT_TRAP_UNREACHABLE: updraft_trap_code_t = 11;
/// `memory.atomic.wait` on a memory that is not shared.
pub const UPDRAFT_TRAP_WAIT_ON_UNSHARED_MEMORY: updraft_trap_code_t = 12;
/// A null reference was used.
pub const UPDRAFT_TRAP_NULL_REFERENCE: updraft_trap_code_t = 13;
/// The host interrupted the call.
pub const UPDRAFT_TRAP_INTERRUPT: updraft_trap_code_t = 14;
/// The deadline of the call passed.
pub const UPDRAFT_TRAP_DEADLINE: updraft_trap_code_t = 15;
/// A host function raised an error.
pub const UPDRAFT_TRAP_HOST: updraft_trap_code_t = 16;
/// A function could not be compiled when it was first called.
pub const UPDRAFT_TRAP_COMPILATION_FAILED: updraft_trap_code_t = 17;
/// The guest asked to end the program (`proc_exit`); the error has the exit status.
pub const UPDRAFT_TRAP_EXIT: updraft_trap_code_t = 18;
/// The store has less fuel left than the next operators take (`updraft_config_set_fuel`).
pub const UPDRAFT_TRAP_OUT_OF_FUEL: updraft_trap_code_t = 19;
/// The module was found to be invalid, and the function that was called was not known to be valid by then
/// (`updraft_validation_t`). The error names the function that is invalid, and the offset.
// Last added.
pub const UPDRAFT_TRAP_INVALID_MODULE: updraft_trap_code_t = 20;

/// One frame of a backtrace. Set `struct_size` before it is filled in. The strings are UTF-8, not terminated,
/// NULL when there is no such name, and live as long as the error.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_frame_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Index of the function in its module.
    pub func_index: u32,
    /// Offset of the instruction from the first byte of the function's body.
    pub func_offset: u32,
    /// Offset of the instruction from the first byte of the module; the call, for all but the innermost frame.
    pub module_offset: u64,
    /// Name of the function, from the name section.
    pub func_name: *const c_char,
    /// Length of the name in bytes.
    pub func_name_len: usize,
    /// Name of the module, from the name section.
    pub module_name: *const c_char,
    /// Length of the name in bytes.
    pub module_name_len: usize,
    /// The tier whose code ran: an `UPDRAFT_TIER_` number.
    pub tier: updraft_tier_t,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, the size comes first, integers and raw pointers.
unsafe impl Extensible for updraft_frame_t {
    const FIRST_SIZE: usize = size_of::<updraft_frame_t>();
}

/// Host data that travels with an error.
struct Payload(Arc<HostData>);

/// The error object for a failure.
pub(super) fn object(fail: Fail) -> *mut updraft_error_t {
    let status = fail.status();
    let (message, error) = match fail {
        Fail::Error(error) => (error.to_string(), Some(error)),
        Fail::Status(_, message) => (message.into(), None),
    };
    let mut message = message.into_bytes();
    message.push(0);
    new_object(ErrorValue { status, message: message.into(), error })
}

/// The error that a host function returned: gives up the reference.
pub(super) fn take(pointer: *mut updraft_error_t) -> Error {
    let host = |message: &[u8]| {
        let mut trap = Trap::new(TrapCode::Host);
        trap.message = String::from_utf8_lossy(&message[..message.len() - 1]).into();
        trap
    };
    let Ok(value) = super::object(pointer, "the error that a host function returned") else {
        return host(b"the host function returned something that is not an error object\0").into();
    };
    // Copied before the reference goes, since others may hold the object too.
    let copy = match &value.error {
        Some(Error::Trap(trap)) => copy_trap(trap),
        _ => host(&value.message),
    };
    match drop_object(pointer, "error", |_| Ok(())) {
        // The payload of a foreign type cannot be copied; the only holder passes it on.
        Ok(Dropped::Last(ErrorValue { error: Some(error @ Error::Trap(_)), .. })) => error,
        _ => copy.into(),
    }
}

fn copy_trap(trap: &Trap) -> Trap {
    let payload = trap.payload.as_ref().and_then(|payload| payload.downcast_ref::<Payload>());
    Trap {
        code: trap.code,
        message: trap.message.clone(),
        frames: trap.frames.clone(),
        payload: payload.map(|payload| Box::new(Payload(payload.0.clone())) as _),
        exit_status: trap.exit_status,
        invalid: trap.invalid,
    }
}

/// What an accessor looks at; `fallback` for NULL and for pointers that are not errors.
fn look<R>(error: *const updraft_error_t, fallback: R, body: impl FnOnce(&ErrorValue) -> Option<R>) -> R
where
    R: Copy,
{
    enter_total(fallback, || super::object(error, "err").ok().and_then(body).unwrap_or(fallback))
}

fn trap_of(value: &ErrorValue) -> Option<&Trap> {
    value.error.as_ref()?.trap()
}

/// Makes the error that a host function returns to stop its caller with `UPDRAFT_TRAP_HOST`. It comes out of the
/// call that entered WebAssembly, with `payload` in it.
///
/// Copies `len` bytes of text at `message`, which may be NULL if `len` is 0; text that is not UTF-8 is repaired.
/// `payload` may be NULL. `finalizer`, unless NULL, is called once with `payload` when the last reference to the
/// error goes, on the thread that deletes it. Returns an error owned by the caller; never NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_new(
    message: *const c_char,
    len: usize,
    payload: *mut c_void,
    finalizer: updraft_finalizer_t,
) -> *mut updraft_error_t {
    let mut trap = Trap::new(TrapCode::Host);
    if let Ok(message) = array(message.cast::<u8>(), len, "message")
        && len != 0
    {
        trap.message = String::from_utf8_lossy(message).into();
    }
    let data = HostData::new(payload, finalizer);
    data.arm();
    trap.payload = Some(Box::new(Payload(Arc::new(data))));
    object(Fail::Error(trap.into()))
}

/// Makes the error that a host function returns to end the program with `exit_status`: a trap of code
/// `UPDRAFT_TRAP_EXIT`.
///
/// Returns an error owned by the caller; never NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_error_new_exit(exit_status: i32) -> *mut updraft_error_t {
    let mut trap = Trap::new(TrapCode::Exit);
    trap.message = format!("program exited with status {exit_status}").into();
    trap.exit_status = Some(exit_status);
    object(Fail::Error(trap.into()))
}

/// Counts one more reference to an error; each is given up by `updraft_error_delete`. Writes the same pointer
/// to `out`.
///
/// Fails with MISUSE for NULL or a wrong pointer. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_clone(
    err: *const updraft_error_t,
    out: *mut *mut updraft_error_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(err, "err")?);
        Ok(())
    })
}

/// Gives up a reference to an error; the last one frees it and runs the finalizer of its payload. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_delete(err: *mut updraft_error_t) {
    delete(err);
}

/// The status that the call returned which failed with this error; `UPDRAFT_STATUS_MISUSE` for NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_status(err: *const updraft_error_t) -> updraft_status_t {
    look(err, status::UPDRAFT_STATUS_MISUSE, |value| Some(value.status))
}

/// What happened, for people: UTF-8, `*len` bytes and a NUL, lives as long as the error. An empty string for NULL.
/// `len` may be NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_message(err: *const updraft_error_t, len: *mut usize) -> *const c_char {
    let (pointer, length) =
        look(err, (c"".as_ptr(), 0), |value| Some((value.message.as_ptr().cast(), value.message.len() - 1)));
    if !len.is_null() {
        // SAFETY: the C contract: `len` points to a writable size.
        unsafe { len.write(length) };
    }
    pointer
}

/// Writes to `offset` where in the module (or profile) the error is, counted from its first byte, and returns 1; returns 0
/// and writes nothing if the error has no offset (or is NULL). `offset` may be NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_offset(err: *const updraft_error_t, offset: *mut u64) -> u32 {
    let found = look(err, None, |value| match value.error.as_ref()? {
        Error::Invalid { offset, .. } | Error::Unsupported { offset, .. } | Error::Profile { offset, .. } => {
            Some(Some(*offset))
        }
        Error::Trap(trap) => match trap.invalid {
            Some((_, offset)) => Some(Some(offset)),
            None => trap.frames.first().map(|frame| Some(frame.module_offset.into())),
        },
        _ => None,
    });
    write_some(found, offset)
}

/// Writes to `func` the index of the function that the error is about (it could not be compiled, it trapped, or it is
/// why the module is invalid, `UPDRAFT_TRAP_INVALID_MODULE`)
/// and returns 1; returns 0 and writes nothing if there is none (or for NULL). `func` may be NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_func_index(err: *const updraft_error_t, func: *mut u32) -> u32 {
    let found = look(err, None, |value| match value.error.as_ref()? {
        Error::Compile { func, .. } => Some(Some(func.0)),
        Error::Trap(trap) => match trap.invalid {
            Some((func, _)) => Some(Some(func.0)),
            None => trap.frames.first().map(|frame| Some(frame.func.0)),
        },
        _ => None,
    });
    write_some(found, func)
}

/// The trap code (an `UPDRAFT_TRAP_` number), `UPDRAFT_TRAP_NONE` if the error is no trap (or NULL).
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_trap_code(err: *const updraft_error_t) -> updraft_trap_code_t {
    look(err, UPDRAFT_TRAP_NONE, |value| trap_of(value).map(|trap| trap.code as u32))
}

/// Writes to `exit_status` what the guest gave to `proc_exit` and returns 1; returns 0 and writes nothing if the
/// program did not exit (or for NULL). `exit_status` may be NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_exit_status(err: *const updraft_error_t, exit_status: *mut i32) -> u32 {
    write_some(look(err, None, |value| trap_of(value).map(|trap| trap.exit_status)), exit_status)
}

/// The payload that the host function gave to `updraft_error_new`, NULL if there is none. Still owned by the error.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_payload(err: *const updraft_error_t) -> *mut c_void {
    look(err, std::ptr::null_mut(), |value| {
        let payload = trap_of(value)?.payload.as_ref()?;
        payload.downcast_ref::<Payload>().map(|payload| payload.0.pointer())
    })
}

/// Number of frames of the backtrace, 0 if the error is no trap (or NULL).
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_frame_count(err: *const updraft_error_t) -> usize {
    look(err, 0, |value| trap_of(value).map(|trap| trap.frames.len()))
}

/// Fills in the frame at `index`; 0 is the innermost. The strings in it live as long as the error.
///
/// Fails with MISUSE, and OUT_OF_BOUNDS for an index that is too large. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_error_frame(
    err: *const updraft_error_t,
    index: usize,
    frame: *mut updraft_frame_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(frame, "frame")?;
        let value = super::object(err, "err")?;
        let frames = trap_of(value).map_or(&[][..], |trap| &trap.frames);
        let frame = frames.get(index).ok_or_else(|| Fail::out_of_bounds(format!("there is no frame {index}")))?;
        out.write(frame_for_c(frame));
        Ok(())
    })
}

fn frame_for_c(frame: &Frame) -> updraft_frame_t {
    let name = |name: &Option<Arc<str>>| match name {
        Some(name) => (name.as_ptr().cast(), name.len()),
        None => (std::ptr::null(), 0),
    };
    let ((func_name, func_name_len), (module_name, module_name_len)) =
        (name(&frame.func_name), name(&frame.module_name));
    updraft_frame_t {
        struct_size: size_of::<updraft_frame_t>(),
        func_index: frame.func.0,
        func_offset: frame.func_offset,
        module_offset: frame.module_offset.into(),
        func_name,
        func_name_len,
        module_name,
        module_name_len,
        tier: frame.tier as updraft_tier_t,
        reserved: 0,
    }
}

/// What happens, in words, for a trap code: static and NUL-terminated; "unknown trap" for an unknown number.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_trap_code_message(code: updraft_trap_code_t) -> *const c_char {
    let message = u8::try_from(code).ok().and_then(TrapCode::from_number).map_or("unknown trap", TrapCode::message);
    MESSAGES
        .get_or_init(|| {
            let all = TrapCode::ALL.iter().map(|code| code.message()).chain(["unknown trap"]);
            all.map(|text| (text, std::ffi::CString::new(text).unwrap_or_default())).collect()
        })
        .iter()
        .find(|(text, _)| *text == message)
        .map_or(c"".as_ptr(), |(_, text)| text.as_ptr())
}

static MESSAGES: once_cell::sync::OnceCell<Vec<(&'static str, std::ffi::CString)>> = once_cell::sync::OnceCell::new();

fn write_some<T>(value: Option<T>, pointer: *mut T) -> u32 {
    let Some(value) = value else { return 0 };
    if let Ok(out) = out(pointer, "out") {
        out.write(value);
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trap code added to the engine must get its constant in the header.
    #[test]
    fn every_trap_code_has_a_constant() {
        assert_eq!(TrapCode::ALL.len(), UPDRAFT_TRAP_INVALID_MODULE as usize);
        for (position, code) in TrapCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, position + 1);
        }
    }

    /// An error that others still hold passes through a host function whole.
    #[test]
    fn a_shared_error_keeps_its_payload_when_it_is_returned() {
        let number = 7u32;
        let payload = (&raw const number).cast_mut().cast::<c_void>();
        // SAFETY: valid pointers, as each function asks for.
        unsafe {
            let error = updraft_error_new(c"boom".as_ptr(), 4, payload, None);
            let mut other = std::ptr::null_mut();
            assert_eq!(updraft_error_clone(error, &mut other, std::ptr::null_mut()), 0);
            let taken = object(Fail::Error(take(error)));
            assert_eq!(updraft_error_payload(taken), payload);
            assert_eq!(updraft_error_payload(other), payload);
            assert_eq!(updraft_error_trap_code(taken), UPDRAFT_TRAP_HOST);
            updraft_error_delete(taken);
            updraft_error_delete(other);
        }
    }
}
