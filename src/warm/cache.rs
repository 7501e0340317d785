//! The cache of an engine: a store, a key to check its entries with, and what became of every access.
//!
//! In: names of entries, and bytes to keep. Out: entries that may be ours. Nothing here fails: what cannot be had is a
//! miss, and what cannot be kept is counted.
//!
//! Not here: what an entry is, and whether it is ours (`artifact`); when one is written (`schedule`).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::directory::Directory;
use super::key_file;
use super::schedule::When;
use super::store::{Entry, EntryKey, Miss, Over, Store, Unwritten};

/// Where the entries of a cache are.
#[derive(Clone)]
pub enum Place {
    /// In a directory of the user's, together up to so many bytes.
    Directory { path: PathBuf, limit: u64 },
    /// Where the host keeps them.
    Host(Arc<dyn Store>),
}

/// What a host chooses for a cache.
#[derive(Clone)]
pub struct CacheConfig {
    /// Where.
    pub place: Place,
    /// When.
    pub when: When,
}

/// Numbers of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Modules that began with what an entry had.
    pub hits: u64,
    /// Modules that did not, by reason.
    pub misses: [u64; Miss::COUNT],
    /// Entries that were written.
    pub writes: u64,
    /// Entries that could not be.
    pub failures: u64,
    /// Bytes that were written.
    pub written_bytes: u64,
}

/// The cache.
pub struct Cache {
    store: Arc<dyn Store>,
    when: When,
    stats: Counters,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: [AtomicU64; Miss::COUNT],
    writes: AtomicU64,
    failures: AtomicU64,
    written_bytes: AtomicU64,
}

fn count(counter: &AtomicU64, by: u64) {
    // Relaxed: a statistic.
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Cache {
    /// A cache as the host wants it. Nothing is looked at yet.
    pub fn new(config: &CacheConfig) -> Cache {
        let store = match &config.place {
            Place::Directory { path, limit } => Arc::new(Directory::new(path.clone(), *limit)),
            Place::Host(store) => store.clone(),
        };
        Cache { store, when: config.when, stats: Counters::default() }
    }

    /// When modules are written.
    pub fn when(&self) -> When {
        self.when
    }

    /// The entry of this name, or a miss. What becomes of it is to be counted.
    pub fn get(&self, name: &EntryKey) -> Result<Entry, Miss> {
        self.store.get(name)
    }

    /// An entry was of use.
    pub fn hit(&self) {
        count(&self.stats.hits, 1);
    }

    /// A module begins without.
    pub fn missed(&self, miss: Miss) {
        count(&self.stats.misses[miss as usize], 1);
    }

    /// An entry could not be made.
    pub fn failed(&self) {
        count(&self.stats.failures, 1);
    }

    /// Writes an entry: `make` is given what is there, so that nothing of it is lost, and called again if that
    /// changes meanwhile. Says how many bytes were written, and what `make` said besides.
    pub fn put<T>(
        &self,
        name: &EntryKey,
        mut make: impl FnMut(Option<Entry>) -> (Vec<u8>, T),
    ) -> Result<(u64, T), Unwritten> {
        for attempt in 1.. {
            let (present, over) = match self.store.get(name) {
                Ok(found) => {
                    let version = found.version;
                    (Some(found), Over::Version(version))
                }
                Err(Miss::Absent) => (None, Over::Absent),
                Err(_) => (None, Over::Anything),
            };
            let (bytes, told) = make(present);
            // Others write all the time: they will read what is written now.
            let over = if attempt < ATTEMPTS { over } else { Over::Anything };
            match self.store.put(name, &bytes, over) {
                Ok(()) => {
                    count(&self.stats.writes, 1);
                    count(&self.stats.written_bytes, bytes.len() as u64);
                    return Ok((bytes.len() as u64, told));
                }
                Err(Unwritten::Changed) if attempt < ATTEMPTS => {}
                Err(unwritten) => {
                    self.failed();
                    return Err(unwritten);
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// What became of all accesses.
    pub fn stats(&self) -> CacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: read(&self.stats.hits),
            misses: self.stats.misses.each_ref().map(read),
            writes: read(&self.stats.writes),
            failures: read(&self.stats.failures),
            written_bytes: read(&self.stats.written_bytes),
        }
    }
}

/// How often an entry that others write meanwhile is read again.
const ATTEMPTS: usize = 10;

/// Finds the secret of an engine when it is first needed.
pub struct Keeper {
    /// A key file of the user's.
    file: Option<PathBuf>,
    found: OnceLock<Arc<[u8]>>,
}

impl Keeper {
    /// The host's, or that of a file; without either, that of the key file in the directory of the cache.
    pub fn new(host: Option<&Arc<[u8]>>, file: Option<&PathBuf>, cache: Option<&CacheConfig>) -> Keeper {
        let in_directory = || match &cache?.place {
            Place::Directory { path, .. } => Some(path.join("key")),
            Place::Host(_) => None,
        };
        let found = host.map_or_else(OnceLock::new, |secret| OnceLock::from(secret.clone()));
        Keeper { file: file.cloned().or_else(in_directory), found }
    }

    /// The secret that other processes have, too. `None`: there is none, or the file with it cannot be had, now.
    pub fn secret(&self) -> Option<&[u8]> {
        if self.found.get().is_none() {
            let secret = key_file::load(self.file.as_ref()?).ok()?;
            // Whoever is first: it is the same one, unless somebody exchanges the file right now.
            let _ = self.found.set(Arc::from(secret));
        }
        self.found.get().map(|secret| &**secret)
    }
}
