//! Interrupting calls from any thread.
//!
//! `attention.rs` has the protocol with running code; this file adds threads that sleep.

use std::cell::UnsafeCell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use super::attention::{Attention, Words};
use crate::abi::vmctx::VmStore;
use crate::error::{Error, Result};
use crate::sync::AtomicUsize;
use crate::trap::TrapCode;

/// The host asked for it.
const INTERRUPT: usize = 1;
/// The deadline of a call passed.
const DEADLINE: usize = 2;

/// The part of a store that other threads may reach.
pub(super) struct Shared {
    /// Written by the owning thread, but for `stack_limit` and `poll`, which are atomic.
    vm: UnsafeCell<VmStore>,
    attention: Attention,
    /// Paired with `wake`: whoever parks holds it while it looks at `attention`.
    parked: Mutex<()>,
    wake: Condvar,
    event: OnceLock<OwnedFd>,
}

// SAFETY: `vm` is written through `vm()` by the thread that owns the store only; other threads touch nothing
// of it but the atomic `stack_limit` and `poll`. Everything else is Sync by itself.
unsafe impl Sync for Shared {}
// SAFETY: the pointers in `vm` are followed by the owning thread only.
unsafe impl Send for Shared {}

impl Shared {
    pub(super) fn new() -> Arc<Shared> {
        Arc::new(Shared {
            vm: UnsafeCell::new(VmStore {
                stack_limit: AtomicUsize::new(0),
                activation: std::ptr::null_mut(),
                exit_fp: 0,
                open: 0,
                float_env: 0,
                store: std::ptr::null_mut(),
                poll: AtomicUsize::new(0),
                fuel: 0,
            }),
            attention: Attention::new(),
            parked: Mutex::new(()),
            wake: Condvar::new(),
            event: OnceLock::new(),
        })
    }

    /// The machine-visible part. To be written by the owning thread only.
    pub(super) fn vm(&self) -> *mut VmStore {
        self.vm.get()
    }

    fn words(&self) -> Words<'_> {
        // SAFETY: the fields are atomic and live as long as `self`.
        unsafe { Words { stack_limit: &(*self.vm.get()).stack_limit, poll: &(*self.vm.get()).poll } }
    }

    /// Sets the stack limit of running code.
    pub(super) fn set_stack_limit(&self, limit: usize) {
        self.attention.set_limit(limit, self.words());
    }

    fn request(&self, bit: usize) {
        self.attention.request(bit, self.words());
        // Whoever parks looked at the bits under this lock, before (then it is woken) or after (then it saw them).
        drop(self.lock());
        self.wake.notify_all();
        if let Some(event) = self.event.get() {
            signal_event(event);
        }
    }

    /// Takes what was requested, and lets code run again up to `limit`.
    pub(super) fn take(&self, limit: usize) -> Option<TrapCode> {
        let bits = self.attention.take(limit, self.words());
        self.settle_event();
        // An interrupt is the stronger wish: the host meant this very moment.
        match bits {
            0 => None,
            bits if bits & INTERRUPT != 0 => Some(TrapCode::Interrupt),
            _ => Some(TrapCode::Deadline),
        }
    }

    /// Whether something is requested; a hint on the call path.
    pub(super) fn is_requested(&self) -> bool {
        self.attention.pending() != 0
    }

    /// The deadline of the running call passed.
    pub(super) fn request_deadline(&self) {
        self.request(DEADLINE);
    }

    /// The call whose deadline this was is over.
    pub(super) fn clear_deadline(&self) {
        self.forget(DEADLINE);
    }

    fn forget(&self, bit: usize) {
        self.attention.withdraw(bit);
        self.settle_event();
    }

    /// Makes the event descriptor unreadable if nothing is requested. A request that comes meanwhile either
    /// signals after the read, or is seen here and signalled again.
    fn settle_event(&self) {
        if let Some(event) = self.event.get()
            && !self.is_requested()
        {
            clear_event(event);
            if self.is_requested() {
                signal_event(event);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.parked.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Blocks until `is_done` under the lock, an interrupt, or the deadline. Whoever changes what `is_done`
    /// looks at calls [`Shared::wake_parked`] afterwards.
    pub(super) fn park_until(&self, deadline: Option<Instant>, mut is_done: impl FnMut() -> bool) -> Parked {
        let mut guard = self.lock();
        loop {
            if is_done() {
                return Parked::Done;
            }
            if self.is_requested() {
                return Parked::Interrupted;
            }
            guard = match deadline {
                None => self.wake.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
                    else {
                        return Parked::TimedOut;
                    };
                    self.wake.wait_timeout(guard, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
    }

    /// Makes a parked thread look at its condition again.
    pub(super) fn wake_parked(&self) {
        drop(self.lock());
        self.wake.notify_all();
    }
}

/// Why a parked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parked {
    Done,
    Interrupted,
    TimedOut,
}

fn signal_event(event: &OwnedFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: the descriptor is ours and the buffer has 8 bytes. A full counter is a signalled one.
    unsafe { libc::write(event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

fn clear_event(event: &OwnedFd) {
    let mut count = [0u8; 8];
    // SAFETY: as above; non-blocking, so an empty counter returns at once.
    unsafe { libc::read(event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
}

/// Interrupts calls of one store. Any thread; may outlive the store.
#[derive(Clone)]
pub struct InterruptHandle(pub(super) Arc<Shared>);

impl InterruptHandle {
    /// Makes the running call, or the next one if none is running, trap with `TrapCode::Interrupt`.
    pub fn interrupt(&self) {
        self.0.request(INTERRUPT);
    }

    /// Takes back an interrupt that was not delivered yet.
    pub fn clear(&self) {
        self.0.forget(INTERRUPT);
    }

    /// Blocks until `deadline` (None = for ever) or an interrupt, whichever is first; true = interrupted.
    pub fn park(&self, deadline: Option<Instant>) -> bool {
        self.0.park_until(deadline, || false) == Parked::Interrupted
    }

    /// A file descriptor that becomes readable when an interrupt is pending, for poll(2). Owned by the handle.
    pub fn fd(&self) -> Result<i32> {
        self.as_fd().map(|fd| fd.as_raw_fd())
    }

    /// As [`InterruptHandle::fd`], borrowed from the handle.
    pub fn as_fd(&self) -> Result<BorrowedFd<'_>> {
        if let Some(event) = self.0.event.get() {
            // A request that was taken before it had signalled leaves the descriptor readable.
            self.0.settle_event();
            return Ok(event.as_fd());
        }
        // SAFETY: no arguments that could be wrong.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Error::last_os("event descriptor of an interrupt handle"));
        }
        // SAFETY: `fd` is a fresh descriptor that nobody else owns.
        let fresh = unsafe { OwnedFd::from_raw_fd(fd) };
        // If another thread was first, its descriptor is used and ours drops.
        let event = self.0.event.get_or_init(|| fresh);
        // A request locks between its bit and its look at the event: it sees the event, or its bit is seen here.
        drop(self.0.lock());
        if self.0.is_requested() {
            signal_event(event);
        }
        Ok(event.as_fd())
    }

    /// Whether an interrupt or a passed deadline is pending.
    pub fn is_pending(&self) -> bool {
        self.0.is_requested()
    }
}
