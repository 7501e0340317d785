//! The table of descriptors: small numbers, lowest free first, as programs expect; bounded.

use std::sync::Arc;

use super::errno::Errno;
use super::object::Entry;

/// Descriptors by number.
pub(super) struct Table {
    entries: Vec<Option<Arc<Entry>>>,
    limit: usize,
}

impl Table {
    /// An empty table that may hold `limit` descriptors.
    pub(super) fn new(limit: u32) -> Table {
        Table { entries: Vec::new(), limit: limit as usize }
    }
    pub(super) fn get(&self, fd: u32) -> Result<Arc<Entry>, Errno> {
        self.entries.get(fd as usize).cloned().flatten().ok_or(Errno::Badf)
    }
    /// `Mfile` if no descriptor can be added.
    pub(super) fn require_room(&self) -> Result<(), Errno> {
        self.free().map(|_| ())
    }
    /// Adds a descriptor under the lowest free number.
    pub(super) fn insert(&mut self, entry: Arc<Entry>) -> Result<u32, Errno> {
        let index = self.free()?;
        if index == self.entries.len() {
            self.entries.push(None);
        }
        self.entries[index] = Some(entry);
        u32::try_from(index).map_err(|_| Errno::Mfile)
    }
    /// Takes a descriptor out; it closes when the last call that uses it returns.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Arc<Entry>, Errno> {
        self.entries.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)
    }
    /// Moves `from` to the number of `to`, which closes. Both must be open.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let entry = self.remove(from)?;
            self.entries[to as usize] = Some(entry);
        }
        Ok(())
    }

    fn free(&self) -> Result<usize, Errno> {
        let index = self.entries.iter().position(Option::is_none).unwrap_or(self.entries.len());
        if index < self.limit { Ok(index) } else { Err(Errno::Mfile) }
    }
}
