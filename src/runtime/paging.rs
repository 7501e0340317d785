//! Memories whose initial contents come from an artifact, a unit at a time, when code first touches them.
//!
//!     machine code touches a missing unit -> SIGSEGV -> `on_fault` -> page_in, as if it had been called -> the access again
//!     the runtime, helpers and hosts      -> `Paged::ensure`, before they use an address
//!
//! Until a unit is there nobody can access it. It is read into its place, authenticated there, and left: what machine
//! code sees is a copy of our own that nobody can change any more. A unit that is not what was written is made from the
//! module's data segments ([`KeptImage::fetch`]); if these are lost as well, the code that needs it traps.
//!
//! The system must not be the first to use an address: it would fail, not fault. So whoever is given the address of a
//! memory gets all of it (`Memory::data`).
//!
//! Only the first instance of a module is paged; for the next one the whole image is made, which all that follow share.
//! A paged memory is used by one thread at a time, as its store is.
//!
//! Not here: what is in the image (`image`), which addresses are paged (`sys/regions.rs`).

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::backtrace::{self, Start};
use super::enter::{preserving_all, unwind_to};
use super::fault::running;
use super::image::KeptImage;
use super::store::StoreInner;
use crate::error::{Error, Result};
use crate::sys::mmap::{Mapping, Protection};
use crate::sys::regions::{self, PagedRegion};
use crate::sys::signals::{Fault, Redirect};
use crate::trap::{Trap, TrapCode};

/// The part of a memory that is paged.
pub(super) struct Paged {
    image: Arc<KeptImage>,
    /// Which units are there. Changed by the thread that uses the store, between which a lock lies.
    there: Box<[AtomicBool]>,
    /// Where machine code faults for a unit. Given up before the memory is unmapped or moved.
    _region: PagedRegion,
}

impl Paged {
    /// Makes the place of an image in a new memory inaccessible until its units are needed.
    pub(super) fn new(mapping: &Mapping, image: &Arc<KeptImage>) -> Result<Paged> {
        // SAFETY: the memory is new: nobody uses it yet.
        unsafe { mapping.protect(image.offset, image.len, Protection::None) }?;
        let there = (0..image.units()).map(|_| AtomicBool::new(false)).collect();
        let start = mapping.base() as usize + image.offset;
        Ok(Paged { image: image.clone(), there, _region: PagedRegion::new(start, image.len) })
    }

    /// Has a range of the memory in its place.
    pub(super) fn ensure(&self, mapping: &Mapping, range: Range<usize>) -> Result<(), TrapCode> {
        let (from, to) = (self.image.offset, self.image.offset + self.image.len);
        let (start, end) = (range.start.max(from), range.end.min(to));
        if start >= end {
            return Ok(());
        }
        (self.image.unit_at(start - from)..=self.image.unit_at(end - 1 - from))
            .try_for_each(|unit| self.ensure_unit(mapping, unit))
    }

    /// Gives the initial contents up: zeros take the place of all that machine code has not written yet.
    pub(super) fn discard(self, mapping: &Mapping) -> Result<()> {
        // SAFETY: no code of the instance has run yet.
        unsafe { mapping.map_anonymous(self.image.offset, self.image.len, Protection::ReadWrite) }
    }

    fn ensure_unit(&self, mapping: &Mapping, unit: usize) -> Result<(), TrapCode> {
        // Relaxed: see `there`.
        if self.there[unit].load(Relaxed) {
            return Ok(());
        }
        let range = self.image.range(unit);
        let at = self.image.offset + range.start;
        // SAFETY: the unit is inside of the memory, and nobody can have used it.
        let place = unsafe {
            mapping.protect(at, range.len(), Protection::ReadWrite).map_err(|_| TrapCode::InvalidModule)?;
            std::slice::from_raw_parts_mut(mapping.base().add(at), range.len())
        };
        if !self.image.fetch(unit, place) {
            // SAFETY: as above; whoever comes next faults again.
            let _ = unsafe { mapping.protect(at, range.len(), Protection::None) };
            return Err(TrapCode::InvalidModule);
        }
        self.there[unit].store(true, Relaxed);
        Ok(())
    }
}

/// Bytes that [`on_fault`] puts on the stack: where to go on, and the address.
const PUSHED: usize = 16;

/// A fault of machine code for a unit that is missing: as if the instruction had called [`page_in`], which has it
/// executed again. Runs in the signal handler.
pub(super) fn on_fault(fault: &Fault) -> Option<Redirect> {
    if fault.signal != libc::SIGSEGV || !regions::is_paged(fault.address) {
        return None;
    }
    let sp = fault.sp - PUSHED;
    // SAFETY: machine code's own frames use nothing below the stack pointer, and the headroom is mapped.
    unsafe { *(sp as *mut [usize; 2]) = [fault.pc, fault.address] };
    Some(Redirect { pc: page_in as *const () as usize, sp, args: None })
}

/// Preserves the flags, too: a load may stand between a comparison and what depends on it.
///
/// # Safety
/// Entered through a [`Redirect`] of [`on_fault`] only.
#[unsafe(naked)]
unsafe extern "C" fn page_in() {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "pushfq",
        // Machine code may be in the middle of pushing arguments.
        "and rsp, -16",
        "call {registers}",
        "lea rsp, [rbp - 8]",
        "popfq",
        "pop rbp",
        "ret 8",
        registers = sym page_in_registers,
    )
}

/// # Safety
/// Called by [`page_in`] only.
#[unsafe(naked)]
unsafe extern "C" fn page_in_registers() {
    preserving_all!(
        "mov rdi, [rbp]",
        "cld",
        "call {body}",
        "test rax, rax",
        "jne 2f";
        "mov rdi, rax",
        "jmp {unwind_to}";
        body = sym page_in_body,
        unwind_to = sym unwind_to,
    )
}

/// 0 if the access may be tried again, else the frame pointer of the entry frame to unwind to. `fp` is the frame of
/// [`page_in`].
///
/// # Safety
/// As for [`page_in`], whose frame it is.
unsafe extern "C" fn page_in_body(fp: usize) -> usize {
    // SAFETY: the frame of `page_in`: the function's frame pointer, then what `on_fault` put there.
    let [function_fp, pc, address] = unsafe { *(fp as *const [usize; 3]) };
    // SAFETY: a function of WebAssembly faulted, whose frame that is.
    unsafe { ensured(function_fp, pc, &[(address, 1)]) }
}

/// 0 if these bytes, given by address and length, may be used, else the frame pointer of the entry frame to unwind to, the trap being noted.
///
/// # Safety
/// `fp` is the frame pointer of a function of WebAssembly that is running, at `pc`.
unsafe fn ensured(fp: usize, pc: usize, ranges: &[(usize, usize)]) -> usize {
    // SAFETY: the caller's contract.
    let (entry_fp, store) = unsafe { running(fp) };
    let ensure = || ranges.iter().try_for_each(|(at, len)| store.ensure_addresses(*at..at + len));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(ensure));
    let error = match outcome {
        Ok(Ok(())) => return 0,
        Ok(Err(code)) => {
            let mut trap = Trap::new(code);
            trap.frames = backtrace::capture(store, Start::Fault { pc, fp });
            Error::Trap(Box::new(trap))
        }
        Err(_) => Error::Bug { reason: "a page of a memory panicked".into() },
    };
    store.pending = Some(error);
    entry_fp
}

/// A function on bytes that machine code calls directly, with a body that has what it needs in its place if anything is
/// paged at all.
macro_rules! plain {
    ($body:ident, $then:ident) => {
        std::arch::naked_asm!(
            "cmp qword ptr [rip + {paged}], 0",
            "jne 2f",
            "jmp {then}",
            "2:",
            "push rbp",
            "mov rbp, rsp",
            "push rdi",
            "push rsi",
            "push rdx",
            "sub rsp, 8",
            "mov rcx, rbp",
            "call {body}",
            "test rax, rax",
            "jne 3f",
            "add rsp, 8",
            "pop rdx",
            "pop rsi",
            "pop rdi",
            "pop rbp",
            "jmp {then}",
            "3:",
            "mov rdi, rax",
            "jmp {unwind_to}",
            paged = sym regions::PAGED,
            then = sym $then,
            body = sym $body,
            unwind_to = sym unwind_to,
        )
    };
}

/// `memmove`, as machine code calls it: with what it needs in its place.
///
/// # Safety
/// Called by machine code only, in the platform's C convention, with ranges inside of memories.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn plain_move() {
    plain!(plain_move_body, move_bytes)
}

/// `memset`, likewise.
///
/// # Safety
/// As for [`plain_move`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn plain_fill() {
    plain!(plain_fill_body, fill_bytes)
}

/// # Safety
/// As for [`plain_move`], whose frame `fp` is.
unsafe extern "C" fn plain_move_body(target: usize, source: usize, len: usize, fp: usize) -> usize {
    // SAFETY: the frame of the shim: the function's frame pointer, and where it goes on.
    let [function_fp, behind] = unsafe { *(fp as *const [usize; 2]) };
    // SAFETY: the function is running, at a call of the shim.
    unsafe { ensured(function_fp, behind - 1, &[(target, len), (source, len)]) }
}

/// # Safety
/// As for [`plain_fill`], whose frame `fp` is.
unsafe extern "C" fn plain_fill_body(target: usize, _value: u32, len: usize, fp: usize) -> usize {
    // SAFETY: as above.
    let [function_fp, behind] = unsafe { *(fp as *const [usize; 2]) };
    // SAFETY: as above.
    unsafe { ensured(function_fp, behind - 1, &[(target, len)]) }
}

/// # Safety
/// As for `memmove`.
unsafe extern "C" fn move_bytes(target: *mut u8, source: *const u8, len: usize) {
    // SAFETY: the caller's contract.
    unsafe { std::ptr::copy(source, target, len) };
}

/// # Safety
/// As for `memset`.
unsafe extern "C" fn fill_bytes(target: *mut u8, value: u32, len: usize) {
    // SAFETY: the caller's contract.
    unsafe { std::ptr::write_bytes(target, value as u8, len) };
}

impl StoreInner {
    /// Has a range of addresses, those of them that are in memories, in its place.
    pub(super) fn ensure_addresses(&self, range: Range<usize>) -> Result<(), TrapCode> {
        for (_, memory) in self.memories.iter() {
            let (base, len) = (memory.base() as usize, memory.len());
            let (start, end) = (range.start.max(base), range.end.min(base + len));
            if start < end {
                memory.ensure(start - base..end - base)?;
            }
        }
        Ok(())
    }
}
