//! The lock of the queues: no fork meets it locked, and it counts how often somebody had to wait for it.
//!
//! Not here: locks that are held while something is compiled. There are none.

#[cfg(not(loom))]
pub(crate) use standard::{Guard, Lock};

#[cfg(loom)]
pub(crate) use modelled::{Guard, Lock};

#[cfg(not(loom))]
mod standard {
    use crate::sync::{ForkGuard, ForkMutex};
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    pub(crate) type Guard<'a, T> = ForkGuard<'a, T>;

    /// A mutex with a count of contention.
    pub(crate) struct Lock<T> {
        mutex: ForkMutex<T>,
        contended: AtomicU64,
    }

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Lock<T> {
            Lock { mutex: ForkMutex::new(value), contended: AtomicU64::new(0) }
        }

        /// Waits for the lock.
        pub(crate) fn lock(&self) -> Guard<'_, T> {
            if let Some(guard) = self.mutex.try_lock() {
                return guard;
            }
            // Relaxed: a statistic.
            self.contended.fetch_add(1, Relaxed);
            self.mutex.lock()
        }

        /// How often somebody had to wait.
        pub(crate) fn contended(&self) -> u64 {
            self.contended.load(Relaxed)
        }
    }
}

#[cfg(loom)]
mod modelled {
    use loom::sync::{Mutex, MutexGuard};

    pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

    /// The same in a model.
    pub(crate) struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Lock<T> {
            Lock(Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> Guard<'_, T> {
            self.0.lock().expect("no panic under this lock")
        }

        pub(crate) fn contended(&self) -> u64 {
            0
        }
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Lock<T> {
        Lock::new(T::default())
    }
}
