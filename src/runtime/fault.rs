//! Hardware faults that are traps.
//!
//! The signal handler only decides whether a fault is ours, and sends the thread on to [`land`], on the same
//! stack, out of the handler. There everything is allowed again: the trap gets its backtrace, and the thread
//! unwinds to the entry frame.
//!
//! A fault is ours if the instruction is a trap site and, for a bad address, if the address lies in one of
//! our memories or next to null, where masked accesses go.

use super::backtrace::{self, Start};
use super::enter::{ENTRY_ACTIVATION, unwind_to};
use super::store::StoreInner;
use crate::abi::vmctx::Activation;
use crate::code::map;
use crate::error::Error;
use crate::sys::regions;
use crate::sys::signals::{Fault, Redirect};
use crate::trap::Trap;

/// Addresses below this count as null: a masked access may add its width.
const NULL_PAGE: usize = 4096;
/// Bytes below the stack pointer that a leaf function may use without moving it.
const RED_ZONE: usize = 128;

/// Decides about a fault. Runs in the signal handler.
pub(crate) fn on_fault(fault: &Fault) -> Option<Redirect> {
    // SAFETY: the code at `pc` is running.
    let site = unsafe { map::find(fault.pc) }?.trap_site_at(fault.pc)?;
    let by_address = fault.signal == libc::SIGSEGV || fault.signal == libc::SIGBUS;
    if by_address && fault.address >= NULL_PAGE && !regions::contains(fault.address) {
        return None;
    }
    // As if the faulting instruction had called `land`: aligned to 16, less a return address.
    let sp = ((fault.sp - RED_ZONE) & !15) - 8;
    Some(Redirect { pc: land as *const () as usize, sp, args: [fault.pc, fault.fp, site.code as usize, 0] })
}

/// Where a thread goes on after a trap by fault.
///
/// # Safety
/// Entered through a [`Redirect`] of [`on_fault`] only.
unsafe extern "C" fn land(pc: usize, fp: usize, code: usize) -> ! {
    // SAFETY: the fault was in a function of WebAssembly, whose frame is intact.
    let entry_fp = unsafe { record(pc, fp, code) };
    // SAFETY: the frames below the entry frame are machine code's, and this one, which holds nothing.
    unsafe { unwind_to(entry_fp) }
}

/// Leaves the trap in the store; the frame pointer of the entry frame.
///
/// # Safety
/// As for [`land`].
unsafe fn record(pc: usize, fp: usize, code: usize) -> usize {
    // SAFETY: the caller's contract; the entry routine keeps its activation at a fixed place.
    let (entry_fp, store) = unsafe {
        let entry_fp = backtrace::entry_frame(fp);
        // `entry_frame` stops at the entry trampoline, whose caller is the entry routine.
        let entry_fp = *(entry_fp as *const usize);
        let activation = *((entry_fp - ENTRY_ACTIVATION) as *const *mut Activation);
        (entry_fp, &mut *(*(*activation).store).store.cast::<StoreInner>())
    };
    let code = u8::try_from(code).ok().and_then(crate::trap::TrapCode::from_number);
    store.pending = Some(match code {
        Some(code) => {
            let mut trap = Trap::new(code);
            trap.frames = backtrace::capture(store, Start::Fault { pc, fp });
            Error::Trap(Box::new(trap))
        }
        None => Error::Bug { reason: "unknown trap code".into() },
    });
    entry_fp
}
