//! Profiles in files of the host's choice.
//!
//! In: a path. Out: what is there, read into memory; or a new file in its place, by renaming, so that a reader finds the old
//! one or the new one.
//!
//! Not here: what is in a profile (`compile/profile/format.rs`); the cache, which has files of its own (`directory`).

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::directory::{create_unfinished, write_all};
use crate::error::{Error, Result};
use crate::sys::files;

/// Bytes of a profile at most. One of the largest programs has a few megabytes.
const MOST_BYTES: u64 = 256 << 20;

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let (file, metadata) = files::open_regular(path)?;
        if metadata.len() > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| failed("the profile cannot be read", path, &error))
}

/// Puts a file with these bytes at the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = || {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (temporary, mut file) = create_unfinished(directory)?;
        let moved = write_all(&mut file, bytes).and_then(|()| fs::rename(&temporary, path));
        if moved.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        moved
    };
    written().map_err(|error| failed("the profile cannot be written", path, &error))
}

fn failed(what: &'static str, path: &Path, error: &io::Error) -> Error {
    Error::System { what, source: io::Error::new(error.kind(), format!("{}: {error}", path.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of the test's own.
    fn directory(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("updraft-profile-file-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let directory = directory("replace");
        let path = directory.join("profile");
        write(&path, b"one").unwrap();
        write(&path, b"the second").unwrap();
        assert_eq!(read(&path).unwrap(), b"the second");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left behind");
        // In the place of a directory nothing can be put.
        let taken = directory.join("taken");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("file"), b"").unwrap();
        assert!(write(&taken, b"three").is_err());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn errors_say_which_file() {
        let directory = directory("errors");
        let missing = directory.join("none").join("profile");
        let text = |error: Error| error.to_string();
        let expected = format!("the profile cannot be read: {}: ", missing.display());
        assert!(text(read(&missing).unwrap_err()).starts_with(&expected));
        let expected = format!("the profile cannot be written: {}: ", missing.display());
        assert!(text(write(&missing, b"").unwrap_err()).starts_with(&expected));
        assert!(text(read(&directory).unwrap_err()).contains("cannot be read"));
        let huge = directory.join("huge");
        fs::File::create(&huge).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(text(read(&huge).unwrap_err()).contains("too large"));
        fs::remove_dir_all(&directory).unwrap();
    }
}
