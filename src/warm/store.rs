//! Where entries of the cache are kept: what a cache asks of its store, whoever brings it.
//!
//! In: keys, bytes. Out: the bytes that somebody put under the key, or why there are none.
//!
//! A store is not trusted. What it gives is read once, and authenticated before it is used, so it may lose, damage, exchange or refuse
//! entries: each of these is a miss.
//!
//! Not here: what the bytes are (`artifact`), when they are written (`cache`).

use crate::sys::files::KeptFile;

/// The name of an entry: a digest of all that must be the same for its code to be of use.
pub type EntryKey = [u8; 32];

/// Why a cache has given nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Miss {
    /// There is no entry.
    Absent,
    /// The system or the host's own store would not give it.
    Unreadable,
    /// There is something else in its place: a link, a directory, a pipe, a file of another user, or a file that has
    /// not a size that entries have.
    NotAnEntry,
    /// It was not written with this key, or was changed.
    NotAuthentic,
    /// It was written by another version of the engine, for another processor, or with other settings.
    OtherEngine,
    /// There is no key to check it with.
    NoKey,
}

impl Miss {
    /// How many reasons there are.
    pub const COUNT: usize = Miss::NoKey as usize + 1;
}

/// Why something was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// What is there is not what `over` says: it is to be read again.
    Changed,
    /// It is larger than the store may be.
    TooLarge,
    /// The system or the host's own store would not take it, or there is no key to write it with.
    Failed,
}

/// Which version of an entry somebody has read. Stores that cannot tell have but one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// What tells files apart: device and number.
    pub file: (u64, u64),
    /// Seconds and nanoseconds of its last change, which a number used again does not share.
    pub changed: (i64, i64),
    /// Bytes.
    pub len: u64,
}

/// In place of what an entry is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Of nothing.
    Absent,
    /// Of what was read.
    Version(Version),
    /// Of whatever is there.
    Anything,
}

/// An entry as its store has it.
#[derive(Debug)]
pub struct Entry {
    /// The bytes.
    pub body: Body,
    /// Which version they are.
    pub version: Version,
}

/// The bytes of an entry.
#[derive(Debug)]
pub enum Body {
    /// All of them.
    Memory(Vec<u8>),
    /// A regular file, to be read where it is needed. Whoever may write to it may change it at any time.
    File(KeptFile),
}

/// Keeps entries. Any thread, several at once.
pub trait Store: Send + Sync {
    /// The entry of this name.
    fn get(&self, key: &EntryKey) -> Result<Entry, Miss>;

    /// Keeps the entry, in place of `over`, if it may.
    fn put(&self, key: &EntryKey, bytes: &[u8], over: Over) -> Result<(), Unwritten>;
}
