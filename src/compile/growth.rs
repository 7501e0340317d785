//! How much of a module's code could be kept beyond the process, and who is told when it becomes more.
//!
//! Not here: who keeps it (`warm`).

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use crate::sync::Ordering;

/// Is told that there is more code of the top tier. On the thread that has published it, under no lock.
pub trait Watcher: Send + Sync {
    /// So many bytes.
    fn grown(self: Arc<Self>, bytes: u64);
}

/// Code of the top tier that was compiled in this process.
#[derive(Default)]
pub(super) struct Growth {
    /// Bytes that nobody was told of.
    untold: AtomicU64,
    watcher: OnceLock<Arc<dyn Watcher>>,
}

impl Growth {
    /// There are so many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        // Release: pairs with the Acquire in `tell`, of `watch` as well: either that one takes these bytes, or the
        // watcher is seen here.
        self.untold.fetch_add(bytes, Ordering::AcqRel);
        self.tell();
    }

    /// From now on, and of all that there is already. At most once.
    pub(super) fn watch(&self, watcher: Arc<dyn Watcher>) {
        if self.watcher.set(watcher).is_ok() {
            self.tell();
        }
    }

    fn tell(&self) {
        if let Some(watcher) = self.watcher.get() {
            let bytes = self.untold.swap(0, Ordering::AcqRel);
            if bytes > 0 {
                watcher.clone().grown(bytes);
            }
        }
    }
}
