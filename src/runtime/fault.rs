//! Hardware faults that are traps.
//!
//! The signal handler only decides whether a fault is ours, and sends the thread on to [`land`], on the same
//! stack, out of the handler. There everything is allowed again: the trap gets its backtrace, and the thread
//! unwinds to the entry frame.
//!
//! A fault is ours if the instruction is a trap site and, for a bad address, if the address lies in one of
//! our memories or next to null, where masked accesses go. Before that, if what belongs at the address is still to be
//! fetched (`paging`), and then the instruction may be any of machine code.

use super::backtrace::{self, Start};
use super::enter::{ENTRY_ACTIVATION, preserving_all, unwind_to};
use super::paging;
use super::store::StoreInner;
use crate::abi::poll;
use crate::abi::vmctx::Activation;
use crate::code::map;
use crate::error::Error;
use crate::sys::regions;
use crate::sys::signals::{Fault, Redirect};
use crate::trap::{Trap, TrapCode};

/// Addresses below this count as null: a masked access may add its width.
const NULL_PAGE: usize = 4096;
/// Bytes below the stack pointer that a leaf function may use without moving it.
const RED_ZONE: usize = 128;

/// Decides about a fault. Runs in the signal handler.
pub(crate) fn on_fault(fault: &Fault) -> Option<Redirect> {
    // SAFETY: the code at `pc` is running.
    let found = unsafe { map::find(fault.pc) }?;
    if let Some(redirect) = paging::on_fault(fault) {
        return Some(redirect);
    }
    let site = found.trap_site_at(fault.pc)?;
    let by_address = fault.signal == libc::SIGSEGV || fault.signal == libc::SIGBUS;
    if by_address && fault.address >= NULL_PAGE && !regions::contains(fault.address) {
        return None;
    }
    if site.code == TrapCode::Interrupt {
        // SAFETY: the poll is being executed.
        return unsafe { call_of_attend(fault) };
    }
    // As if the faulting instruction had called `land`: aligned to 16, less a return address.
    let sp = ((fault.sp - RED_ZONE) & !15) - 8;
    Some(Redirect { pc: land as *const () as usize, sp, args: Some([fault.pc, fault.fp, site.code as usize, 0]) })
}

/// As if the poll of a loop were a call of [`attend`], which returns behind it.
///
/// # Safety
/// `fault` is at the load of a poll, in a function of WebAssembly.
unsafe fn call_of_attend(fault: &Fault) -> Option<Redirect> {
    // SAFETY: 4 bytes, as many as the longest such load has, are code: a return follows it at the least.
    let bytes = unsafe { *(fault.pc as *const [u8; 4]) };
    let behind = fault.pc + poll::load_length(&bytes)?;
    let sp = fault.sp - 8;
    // SAFETY: machine code's own frames use nothing below the stack pointer, and the headroom is mapped.
    unsafe { *(sp as *mut usize) = behind };
    Some(Redirect { pc: attend as *const () as usize, sp, args: None })
}

/// The body of [`attend`]: 0 if the loop may go on, else the frame pointer of the entry frame to unwind to. `fp` is
/// the frame of `attend`.
///
/// # Safety
/// As for [`attend`], whose frame it is.
unsafe extern "C" fn attend_body(fp: usize) -> usize {
    // SAFETY: the frame of `attend`: the loop's function's frame pointer, and the address behind the poll.
    let (function_fp, behind) = unsafe { (*(fp as *const usize), *((fp + 8) as *const usize)) };
    // SAFETY: `fp` is of a frame whose caller is a function of WebAssembly.
    let (entry_fp, store) = unsafe { running(function_fp) };
    let limit = store.stack_limit;
    let Some(code) = store.shared.take(limit) else { return 0 };
    // SAFETY: the function is running.
    let found = unsafe { map::find(behind - 1) };
    // The poll is the trap site that ends here: of two to four bytes.
    let is_poll = |pc: &usize| found.is_some_and(|found| found.trap_site_at(*pc).is_some());
    let pc = (behind - 4..behind - 1).rev().find(is_poll).unwrap_or(behind);
    let mut trap = Trap::new(code);
    trap.frames = backtrace::capture(store, Start::Fault { pc, fp: function_fp });
    store.pending = Some(Error::Trap(Box::new(trap)));
    entry_fp
}

/// Where a loop goes that found its poll poisoned. Preserves every register.
///
/// # Safety
/// Entered through a [`Redirect`] of [`on_fault`] only.
#[unsafe(naked)]
unsafe extern "C" fn attend() {
    preserving_all!(
        "mov rdi, rbp",
        "call {body}",
        "test rax, rax",
        "jne 2f";
        "mov rdi, rax",
        "jmp {unwind_to}";
        body = sym attend_body,
        unwind_to = sym unwind_to,
    )
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

/// The frame pointer of the entry frame, and the store that runs.
///
/// # Safety
/// `fp` is the frame pointer of a running function of WebAssembly; the store is used by nobody else meanwhile.
pub(super) unsafe fn running<'a>(fp: usize) -> (usize, &'a mut StoreInner) {
    // SAFETY: the caller's contract; the entry routine keeps its activation at a fixed place.
    unsafe {
        let entry_fp = backtrace::entry_frame(fp);
        // `entry_frame` stops at the entry trampoline, whose caller is the entry routine.
        let entry_fp = *(entry_fp as *const usize);
        let activation = *((entry_fp - ENTRY_ACTIVATION) as *const *mut Activation);
        (entry_fp, &mut *(*(*activation).store).store.cast::<StoreInner>())
    }
}

/// Leaves the trap in the store; the frame pointer of the entry frame.
///
/// # Safety
/// As for [`land`].
unsafe fn record(pc: usize, fp: usize, code: usize) -> usize {
    // SAFETY: the caller's contract.
    let (entry_fp, store) = unsafe { running(fp) };
    let code = u8::try_from(code).ok().and_then(TrapCode::from_number);
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
