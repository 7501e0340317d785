//! fork: which memory other processes may see, and locks that the child must find free.
//!
//! # Protocol
//!
//! `fork` copies one thread. A lock that another thread holds at that time would stay locked in the child
//! for ever, and what it protects would be half done. Hence:
//!
//! - Whoever takes a lock that outlives a call (publication, code space, registries) first *enters* the
//!   [`Gate`] of its engine, and leaves it last. Any number of threads may be inside.
//! - Before a fork, all gates are closed: the forking thread waits until nobody is inside. Gates are closed
//!   in the order of their creation, and nobody enters a gate while inside of one, so nobody waits in a circle.
//! - After it, both processes count a new [`epoch`] and open the gates again.
//!
//! Memory in a file is shared by parent and child (unlike private memory, which each of them owns). It must
//! not change any more once there are two of them: neither may write, free or reuse pages from an older
//! epoch. Both take a fresh file for what they add.
//!
//! `vfork` and `posix_spawn` run no handlers and need none: the child runs none of our code.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use once_cell::sync::OnceCell;

use crate::error::{Error, Result};

/// Forks that this process and its ancestors went through while they used the engine.
static EPOCH: AtomicUsize = AtomicUsize::new(0);

/// All gates, in the order of their creation.
static GATES: Mutex<Vec<Arc<Gate>>> = Mutex::new(Vec::new());

/// What `prepare` holds until `parent` or `child`, which run on the same thread.
static HELD: Mutex<Option<Held>> = Mutex::new(None);

/// Counts the forks. Equal epochs mean: no fork in between. To be compared inside of a gate only, since
/// outside of all gates a fork may happen at any time.
pub fn epoch() -> usize {
    // Relaxed: changes only while the gate is closed; the gate's lock hands the value over.
    EPOCH.load(Ordering::Relaxed)
}

/// Keeps forks out while someone is inside.
#[derive(Debug, Default)]
pub struct Gate {
    lock: RwLock<()>,
}

/// Proof that the gate is entered.
#[derive(Debug)]
pub struct Pass<'a> {
    _guard: RwLockReadGuard<'a, ()>,
}

impl Gate {
    /// Waits while a fork is under way. Must not be called by a thread that is inside of any gate.
    pub fn enter(&self) -> Pass<'_> {
        Pass { _guard: self.lock.read().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// A gate that forks respect until this value is dropped.
#[derive(Debug)]
pub struct RegisteredGate(Arc<Gate>);

impl RegisteredGate {
    /// A new gate.
    pub fn new() -> Result<RegisteredGate> {
        static INSTALLED: OnceCell<()> = OnceCell::new();
        INSTALLED.get_or_try_init(|| {
            // SAFETY: the handlers run on the forking thread and may use what the C library allows there.
            let status = unsafe { libc::pthread_atfork(Some(prepare), Some(resume), Some(resume)) };
            let source = || std::io::Error::from_raw_os_error(status);
            if status == 0 { Ok(()) } else { Err(Error::System { what: "install a fork handler", source: source() }) }
        })?;
        let gate = Arc::new(Gate::default());
        gates().push(Arc::clone(&gate));
        Ok(RegisteredGate(gate))
    }
}

impl std::ops::Deref for RegisteredGate {
    type Target = Gate;
    fn deref(&self) -> &Gate {
        &self.0
    }
}

impl Drop for RegisteredGate {
    fn drop(&mut self) {
        gates().retain(|gate| !Arc::ptr_eq(gate, &self.0));
    }
}

fn gates() -> MutexGuard<'static, Vec<Arc<Gate>>> {
    GATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The locks of a fork. Fields drop in this order: gates open before they can go away.
struct Held {
    _closed: Vec<RwLockWriteGuard<'static, ()>>,
    _gates: MutexGuard<'static, Vec<Arc<Gate>>>,
}

// SAFETY: the guards must be dropped by the thread that made them. `prepare` makes them and `resume` drops
// them, on the thread that forks; no other thread gets between, since `prepare` holds `GATES`.
unsafe impl Send for Held {}

extern "C" fn prepare() {
    let gates = gates();
    let close = |gate: &Arc<Gate>| {
        // SAFETY: the gate lives as long as its entry in `GATES`, which stays locked for longer than the guard.
        let gate: &'static Gate = unsafe { &*Arc::as_ptr(gate) };
        gate.lock.write().unwrap_or_else(PoisonError::into_inner)
    };
    let closed = gates.iter().map(close).collect();
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Held { _closed: closed, _gates: gates });
}

extern "C" fn resume() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(held);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::in_child;

    /// A child that inherits a locked gate would hang in its first call.
    #[test]
    fn forks_wait_for_those_inside_and_both_sides_count_them() {
        let gate = Arc::new(RegisteredGate::new().unwrap());
        let stop = Arc::new(AtomicUsize::new(0));
        let busy = {
            let (gate, stop) = (Arc::clone(&gate), Arc::clone(&stop));
            std::thread::spawn(move || {
                while stop.load(Ordering::Relaxed) == 0 {
                    let _pass = gate.enter();
                    std::hint::black_box([0u8; 64]);
                }
            })
        };
        for _ in 0..20 {
            let before = epoch();
            let gate = Arc::clone(&gate);
            in_child(move || {
                let _pass = gate.enter();
                assert!(epoch() > before);
            });
            assert!(epoch() > before);
        }
        stop.store(1, Ordering::Relaxed);
        busy.join().unwrap();
    }
}
