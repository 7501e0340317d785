//! fork: locks that the child must find free, and which memory other processes may see.
//!
//! # Protocol
//!
//! `fork` copies one thread. A lock that another thread holds at that time would stay locked in the child
//! for ever, and what it protects would be half done. Hence:
//!
//! - Whoever takes a lock that belongs to more than one store (publication, code space, registries) is
//!   inside ([`enter`], or a [`ForkMutex`]) while he holds it. Any number of threads may be inside, none for
//!   long: who is inside neither waits for an event nor calls the host.
//! - Before a fork, the forking thread waits until nobody is inside, and lets nobody in.
//! - After it, both processes count a new [`epoch`] and let everyone in again. The child counts a new
//!   [`generation`], too: the threads of its parent are not there.
//!
//! Memory in a file is shared by parent and child (unlike private memory, which each of them owns). It must
//! not change any more once there are two of them: neither may write, free or reuse pages from an older
//! epoch. Both take a fresh file for what they add.
//!
//! A fork from a signal handler that interrupted a thread inside cannot wait for it; such a child may only
//! do what POSIX allows there (`exec`, `_exit`). `vfork` and `posix_spawn` run no handlers and need none:
//! the child runs none of our code.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use once_cell::sync::OnceCell;

use crate::error::{Error, Result};

/// Forks that this process and its ancestors went through while they used the engine.
static EPOCH: AtomicUsize = AtomicUsize::new(0);

/// Forks between the first process and this one.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// Read by those inside, written by a fork.
static GATE: RwLock<()> = RwLock::new(());

/// What `prepare` holds until `resume`, which runs on the same thread (or on its copy).
static HELD: Mutex<Option<Closed>> = Mutex::new(None);

thread_local! {
    /// How often the current thread is inside.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Its hold on the gate. Without a destructor: it is taken out when the depth comes back to 0.
    static INSIDE: Cell<Option<ManuallyDrop<RwLockReadGuard<'static, ()>>>> = const { Cell::new(None) };
}

/// Counts the forks. Equal epochs mean: no fork in between. To be compared inside, since outside a fork may
/// happen at any time.
pub fn epoch() -> usize {
    // Relaxed: changes only while nobody is inside; the gate's lock hands the value over.
    EPOCH.load(Ordering::Relaxed)
}

/// Counts the processes: another generation means that this is a child of the process that noted it.
pub fn generation() -> usize {
    // Relaxed: as for `epoch`.
    GENERATION.load(Ordering::Relaxed)
}

/// Proof that no fork can happen. Stays on its thread.
#[derive(Debug)]
pub struct Pass(PhantomData<*const ()>);

/// Keeps forks out until the result is dropped. Waits while one is under way. May be nested.
#[must_use = "forks are kept out while the result lives"]
pub fn enter() -> Pass {
    let depth = DEPTH.get();
    if depth == 0 {
        // Only the outermost: a second hold would wait for a fork that waits for the first.
        let hold = GATE.read().unwrap_or_else(PoisonError::into_inner);
        INSIDE.set(Some(ManuallyDrop::new(hold)));
    }
    DEPTH.set(depth + 1);
    Pass(PhantomData)
}

/// Whether the current thread keeps forks out.
pub fn is_inside() -> bool {
    DEPTH.get() != 0
}

impl Drop for Pass {
    fn drop(&mut self) {
        let depth = DEPTH.get() - 1;
        DEPTH.set(depth);
        if depth == 0 {
            drop(INSIDE.take().map(ManuallyDrop::into_inner));
        }
    }
}

/// A mutex that no fork meets locked. For what engines share; not for what is held while waiting.
///
/// A panic under the lock does not poison it: what it guards must be whole whenever something may panic.
#[derive(Debug, Default)]
pub struct ForkMutex<T>(Mutex<T>);

/// Access to the value of a [`ForkMutex`].
#[derive(Debug)]
pub struct ForkGuard<'a, T> {
    // Dropped in this order.
    guard: MutexGuard<'a, T>,
    _pass: Pass,
}

impl<T> ForkMutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> ForkMutex<T> {
        ForkMutex(Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> ForkGuard<'_, T> {
        let pass = enter();
        ForkGuard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), _pass: pass }
    }

    /// Takes the lock unless somebody else has it.
    pub fn try_lock(&self) -> Option<ForkGuard<'_, T>> {
        let pass = enter();
        match self.0.try_lock() {
            Ok(guard) => Some(ForkGuard { guard, _pass: pass }),
            Err(TryLockError::Poisoned(poisoned)) => Some(ForkGuard { guard: poisoned.into_inner(), _pass: pass }),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The value, to which nobody else has access.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Makes forks respect those inside. Every engine calls it before it shares anything.
pub fn install() -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::new();
    INSTALLED
        .get_or_try_init(|| {
            // SAFETY: the handlers run on the forking thread and use what the C library allows there.
            let status = unsafe { libc::pthread_atfork(Some(prepare), Some(resume), Some(resume_child)) };
            let source = || std::io::Error::from_raw_os_error(status);
            if status == 0 { Ok(()) } else { Err(Error::System { what: "install a fork handler", source: source() }) }
        })
        .copied()
}

/// The closed gate.
struct Closed(#[expect(dead_code, reason = "held for its effect")] RwLockWriteGuard<'static, ()>);

// SAFETY: the guard must be dropped by the thread that made it. `prepare` makes it and `resume` drops it on
// the same thread; no other thread gets between, since `prepare` needs the gate that this guard closes.
unsafe impl Send for Closed {}

fn held() -> MutexGuard<'static, Option<Closed>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn prepare() {
    if DEPTH.get() == 0 {
        let closed = Closed(GATE.write().unwrap_or_else(PoisonError::into_inner));
        *held() = Some(closed);
    }
}

extern "C" fn resume() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    if DEPTH.get() == 0 {
        let closed = held().take();
        drop(closed);
    }
}

extern "C" fn resume_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    resume();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::in_child;
    use std::sync::atomic::AtomicBool;

    /// A child that inherits a lock in somebody else's hands would hang in its first call.
    #[test]
    fn forks_wait_for_those_inside_and_both_sides_count_them() {
        static LOCK: ForkMutex<usize> = ForkMutex::new(0);
        static OTHER: ForkMutex<()> = ForkMutex::new(());
        static STOP: AtomicBool = AtomicBool::new(false);
        install().unwrap();
        let work = || {
            let mut value = LOCK.lock();
            *value += 1;
            // Long enough for forks to meet it; and the inner lock outlives the outer one.
            std::hint::black_box(vec![1u8; 1 << 16]);
            let other = OTHER.lock();
            *value -= 1;
            drop(value);
            std::hint::black_box(vec![1u8; 1 << 16]);
            drop(other);
        };
        let busy = std::thread::spawn(move || {
            while !STOP.load(Ordering::Relaxed) {
                work();
            }
        });
        let here = generation();
        for _ in 0..50 {
            let before = epoch();
            in_child(|| {
                assert!(LOCK.0.try_lock().is_ok_and(|value| *value == 0) && OTHER.0.try_lock().is_ok());
                work();
                assert!(epoch() > before && generation() == here + 1);
            });
            assert!(epoch() > before && generation() == here);
        }
        STOP.store(true, Ordering::Relaxed);
        busy.join().unwrap();
    }
}
