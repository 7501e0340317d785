//! How much of a module's code could be kept beyond the process, and who is told when it becomes more.
//!
//! Not here: who keeps it (`warm`).

use std::sync::{Arc, OnceLock};

/// Is told that there is more code of the top tier. On the thread that has published it, under no lock.
pub trait Watcher: Send + Sync {
    /// So many bytes.
    fn grown(self: Arc<Self>, bytes: u64);
}

/// Code of the top tier that was compiled in this process.
#[derive(Default)]
pub(super) struct Growth(OnceLock<Arc<dyn Watcher>>);

impl Growth {
    /// There are so many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        if let Some(watcher) = self.0.get() {
            watcher.clone().grown(bytes);
        }
    }

    /// Whoever comes first is told, of what is published from now on.
    pub(super) fn watch(&self, watcher: Arc<dyn Watcher>) {
        let _ = self.0.set(watcher);
    }
}
