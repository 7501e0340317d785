//! A cache in a directory that belongs to the user, shared by any number of processes.
//!
//!     KEY            an entry, 64 hexadecimal digits; replaced by renaming, never changed
//!     new-RANDOM     an entry that is being written, locked by its writer as long as that one lives
//!     lock           locked for the moment between a look at an entry and the renaming
//!     key            the user's key (`key_file`)
//!
//! In: entries. Out: the same, whole or not at all.
//!
//! - The directory belongs to the user and nobody else may write to it: this is looked at before each use.
//! - An entry is opened without following links or waiting, and looked at once it is open. No file is mapped: who
//!   truncates one would end the process.
//! - Nobody waits for a lock. Who cannot have one in time goes on without: that may lose what another process has
//!   learned, which comes again.
//! - Nothing is written to the disk by force: an entry that a power failure damages is not authentic, and a miss.
//! - What the system refuses (no space, a quota, a read-only file system, no permission) is a failure of this one
//!   access. Nothing is remembered, and the next access tries again.
//!
//! Not here: what is in an entry.

use std::fs::{self, DirBuilder, File, FileTimes, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::store::{Body, Entry, EntryKey, Miss, Over, Store, Unwritten, Version};
use crate::sync::yield_now;
use crate::sys::files::{self, KeptFile};
use crate::sys::random::random;

/// How old the time of an entry's last use may be before it is set again: a hit costs no write in between.
const TOUCH_AFTER: Duration = Duration::from_secs(600);
/// Share of the limit that is left when entries were removed because it was exceeded.
const KEPT_EIGHTHS: u64 = 7;
/// How often a lock is asked for.
const LOCK_ATTEMPTS: usize = 1000;
/// An unfinished entry of this age is nobody's, where locks say nothing.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of an entry that is read at once. Larger ones are read where they are needed.
const READ_WHOLE: u64 = 256 << 10;
/// Entries that the process keeps open. More are read at once: a process often has no more than 1024 descriptors.
const MAX_KEPT: usize = 64;

/// The directory.
pub struct Directory {
    path: PathBuf,
    limit: u64,
}

impl Directory {
    /// Entries at this path, which is made when it is first needed; together up to so many bytes.
    pub fn new(path: PathBuf, limit: u64) -> Directory {
        Directory { path, limit }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn entry(&self, key: &EntryKey) -> PathBuf {
        self.path.join(hex(key))
    }

    /// Makes room, writes a new file, and moves it to its name if what is there is what it may replace.
    fn write(&self, key: &EntryKey, bytes: &[u8], over: Over) -> io::Result<Result<(), Unwritten>> {
        ensure_own_directory(&self.path)?;
        self.make_room(bytes.len() as u64, key)?;
        let (temporary, mut file) = create_unfinished(&self.path)?;
        let moved = write_all(&mut file, bytes).and_then(|()| {
            let entry = self.entry(key);
            let lock = Locked::new(&self.path.join("lock"));
            let may_replace = match over {
                Over::Absent => version_of(&entry).is_none(),
                Over::Version(read) => version_of(&entry) == Some(read),
                Over::Anything => true,
            };
            let moved = if may_replace { fs::rename(&temporary, &entry).map(Ok) } else { Ok(Err(Unwritten::Changed)) };
            drop(lock);
            match moved {
                // Taken for a leftover before it was locked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err(Unwritten::Changed)),
                moved => moved,
            }
        });
        if !matches!(moved, Ok(Ok(()))) {
            // What cannot be removed now is a leftover for the next writer.
            let _ = fs::remove_file(&temporary);
        }
        moved
    }

    /// Removes the entries that were not used for longest, until there is room for so many bytes in the place of an
    /// entry, and what writers that are gone have left behind. Other processes may do the same at the same time.
    fn make_room(&self, len: u64, key: &EntryKey) -> io::Result<()> {
        let name_of_new = hex(key);
        let (mut entries, mut total) = (Vec::<((i64, i64), u64, PathBuf)>::new(), len);
        for item in fs::read_dir(&self.path)?.flatten() {
            let name = item.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(UNFINISHED) {
                remove_if_abandoned(&item.path());
            } else if is_entry_name(name) && name != name_of_new {
                // Of a link, not of what it leads to.
                let Ok(metadata) = item.metadata() else { continue };
                total += metadata.len();
                entries.push(((metadata.mtime(), metadata.mtime_nsec()), metadata.len(), item.path()));
            }
        }
        if total > self.limit {
            while total > self.limit / 8 * KEPT_EIGHTHS {
                let oldest = (0..entries.len()).min_by_key(|entry| entries[*entry].0);
                let Some((_, len, path)) = oldest.map(|oldest| entries.swap_remove(oldest)) else { break };
                // Somebody else may have removed it, or may have it open and read it to its end.
                if fs::remove_file(&path).is_ok() || version_of(&path).is_none() {
                    total -= len;
                }
            }
        }
        Ok(())
    }
}

impl Store for Directory {
    fn get(&self, key: &EntryKey) -> Result<Entry, Miss> {
        let miss = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Miss::Absent,
            io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory => Miss::NotAnEntry,
            _ => Miss::Unreadable,
        };
        check_own_directory(&self.path).map_err(miss)?;
        let (file, metadata) = files::open_own(&self.entry(key)).map_err(miss)?;
        if !(1..=self.limit).contains(&metadata.len()) {
            return Err(Miss::NotAnEntry);
        }
        let metadata = if touch(&file, &metadata) { file.metadata().map_err(miss)? } else { metadata };
        Ok(Entry { body: body(file, metadata.len())?, version: version(&metadata) })
    }

    fn put(&self, key: &EntryKey, bytes: &[u8], over: Over) -> Result<(), Unwritten> {
        if bytes.len() as u64 > self.limit {
            return Err(Unwritten::TooLarge);
        }
        self.write(key, bytes, over).unwrap_or(Err(Unwritten::Failed))
    }
}

/// What unfinished entries are called.
const UNFINISHED: &str = "new-";

/// The bytes as lower-case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn is_entry_name(name: &str) -> bool {
    name.len() == 2 * size_of::<EntryKey>() && name.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

fn version(metadata: &fs::Metadata) -> Version {
    Version {
        file: (metadata.dev(), metadata.ino()),
        // Of the file, not of its bytes: renaming sets this one. A hit sets both, after which whoever has read the entry
        // before reads it once more for nothing.
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        len: metadata.len(),
    }
}

/// The version of what is there, whatever it is.
fn version_of(path: &Path) -> Option<Version> {
    fs::symlink_metadata(path).ok().map(|metadata| version(&metadata))
}

/// Fails with `InvalidInput` if others may write to the directory, or if it is none.
pub(super) fn check_own_directory(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() && metadata.uid() == files::own_user() && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Makes the directory if it is not there.
pub(super) fn ensure_own_directory(path: &Path) -> io::Result<()> {
    match check_own_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            check_own_directory(path)
        }
        checked => checked,
    }
}

pub(super) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    random().map_err(|_| io::ErrorKind::Other.into())
}

/// A file of a name of its own, locked.
pub(super) fn create_unfinished(directory: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let path = directory.join(format!("{UNFINISHED}{}", hex(&random_bytes::<16>()?)));
        let file = files::create_own(&path)?;
        match file.try_lock() {
            // Whoever looks for leftovers was quicker, and removes it.
            Err(TryLockError::WouldBlock) => {}
            // Without locks age has to do.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok((path, file)),
        }
    }
}

pub(super) fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    files::without_size_signal(|| file.write_all(bytes))
}

/// Removes an unfinished entry whose writer has ended.
fn remove_if_abandoned(path: &Path) {
    let Ok((file, metadata)) = files::open_own(path) else { return };
    let is_old = || {
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        age.is_some_and(|age| age > ABANDONED_AFTER)
    };
    let is_abandoned = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => is_old(),
    };
    if is_abandoned {
        // If its writer has moved it meanwhile, this name is nobody's.
        let _ = fs::remove_file(path);
    }
}

/// Reads a small file, which then costs no descriptor for as long as the module lives, and any file if there are many
/// already. One that is not as long as it says has been changed, which nobody does to an entry.
fn body(mut file: File, len: u64) -> Result<Body, Miss> {
    if len > READ_WHOLE && KeptFile::count() < MAX_KEPT {
        return Ok(Body::File(KeptFile::new(file)));
    }
    let len = usize::try_from(len).map_err(|_| Miss::NotAnEntry)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Miss::Unreadable)?;
    bytes.resize(len, 0);
    file.read_exact(&mut bytes).map_err(|_| Miss::Unreadable)?;
    Ok(Body::Memory(bytes))
}

/// Notes that an entry was used; whether the file has changed by that.
fn touch(file: &File, metadata: &fs::Metadata) -> bool {
    let now = SystemTime::now();
    let age = metadata.modified().ok().and_then(|time| now.duration_since(time).ok());
    // Also if it is of the future.
    // A file system that cannot keep it removes entries in the order in which they were written.
    age.is_none_or(|age| age > TOUCH_AFTER) && file.set_times(FileTimes::new().set_modified(now)).is_ok()
}

/// The right to replace entries, if it could be had.
struct Locked(Option<File>);

impl Locked {
    fn new(path: &Path) -> Locked {
        let open = || files::open_own(path).map(|(file, _)| file);
        let opened = open().or_else(|_| files::create_own(path)).or_else(|_| open());
        let Ok(file) = opened else { return Locked(None) };
        for _ in 0..LOCK_ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Locked(Some(file)),
                Err(TryLockError::WouldBlock) => yield_now(),
                Err(TryLockError::Error(_)) => break,
            }
        }
        Locked(None)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Closing would not do if the process was forked meanwhile: a child has a copy.
            let _ = file.unlock();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
