//! Interrupt handles: stop a store's calls from any thread.

use super::error::updraft_error_t;
use super::status::updraft_status_t;
use super::{Counted, clone_object, delete, enter, object, out};
use crate::runtime::interrupt::InterruptHandle;

/// Interrupts calls of one store; made by `updraft_store_interrupt_handle`. Reference-counted; any thread; may outlive
/// the store.
pub struct updraft_interrupt_t {
    _private: [u8; 0],
}

impl Counted for updraft_interrupt_t {
    type Value = InterruptHandle;
    const KIND: u32 = 0x7274_4975;
}

/// Makes the running call, or the next one if none is running, trap with `UPDRAFT_TRAP_INTERRUPT`. Wakes a guest
/// that waits. Nothing happens if the store is gone.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_interrupt_trigger(
    interrupt: *const updraft_interrupt_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(interrupt, "interrupt")?.interrupt();
        Ok(())
    })
}

/// Takes back an interrupt that was not delivered yet.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_interrupt_clear(
    interrupt: *const updraft_interrupt_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        object(interrupt, "interrupt")?.clear();
        Ok(())
    })
}

/// Writes to `pending` whether an interrupt, or a deadline that passed, was not delivered yet: 1 or 0. A host function
/// that takes long may ask, and return early.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_interrupt_is_pending(
    interrupt: *const updraft_interrupt_t,
    pending: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let pending = out(pending, "pending")?;
        pending.write(object(interrupt, "interrupt")?.is_pending().into());
        Ok(())
    })
}

/// Counts one more reference to an interrupt handle, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_interrupt_clone(
    interrupt: *const updraft_interrupt_t,
    out: *mut *mut updraft_interrupt_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(interrupt, "interrupt")?);
        Ok(())
    })
}

/// Gives up a reference to an interrupt handle. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_interrupt_delete(interrupt: *mut updraft_interrupt_t) {
    delete(interrupt);
}
