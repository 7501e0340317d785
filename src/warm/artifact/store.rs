//! Where the bytes of an artifact are: in memory, or in a file that is read, never mapped.
//!
//! What is read is a copy of our own. Somebody may change the original at any time: a copy is authenticated, and then used.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};
use crate::module::SharedBytes;
use crate::sys::files::KeptFile;

/// The bytes of an artifact.
pub struct Store {
    place: Place,
    len: u64,
}

enum Place {
    Memory(SharedBytes),
    File(KeptFile),
}

impl Store {
    /// Bytes that are kept as long as something may be loaded.
    pub fn memory(bytes: SharedBytes) -> Store {
        Store { len: (*bytes).as_ref().len() as u64, place: Place::Memory(bytes) }
    }

    /// A file, which stays open as long as something may be loaded.
    pub fn file(path: &Path) -> Result<Store> {
        let refused = |source| Error::System { what: "artifact file", source };
        // Not blocking: a pipe in place of the file would wait for a writer.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
        let file = file.map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err(refused(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        Ok(Store { len: metadata.len(), place: Place::File(KeptFile::new(file)) })
    }

    /// An open file, which is regular.
    pub fn opened(file: KeptFile) -> io::Result<Store> {
        Ok(Store { len: file.metadata()?.len(), place: Place::File(file) })
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// A copy of a range. `None`: it is not there, or cannot be read.
    pub(super) fn read(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        at.checked_add(len as u64).filter(|end| *end <= self.len)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(len).ok()?;
        copy.resize(len, 0);
        self.read_into(at, &mut copy)?;
        Some(copy)
    }

    /// Copies a range to where it is needed. `None` as for [`Store::read`].
    pub(super) fn read_into(&self, at: u64, place: &mut [u8]) -> Option<()> {
        match &self.place {
            Place::Memory(bytes) => {
                let rest = (**bytes).as_ref().get(usize::try_from(at).ok()?..)?;
                place.copy_from_slice(rest.get(..place.len())?);
                Some(())
            }
            Place::File(file) => file.read_exact_at(place, at).ok(),
        }
    }
}
