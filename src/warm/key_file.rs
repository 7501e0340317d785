//! The user's key: a file of random bytes that only the user can read.
//!
//! In: a path. Out: the key in the file, which is made if there is none. Processes that make it at once get the same.
//!
//! A file that another user could have written or read, or that is no file at all, is not a key, and stays as it is:
//! there is no cache then.
//!
//! Not here: what the key is used for (`artifact`).

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::directory::{create_unfinished, ensure_own_directory, random_bytes, write_all};
use crate::sys::files;

/// A secret that entries are authenticated with.
pub type SecretKey = [u8; 32];

/// The key in the file at this path.
pub fn load(path: &Path) -> io::Result<SecretKey> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            // Not what was made here, if somebody else was quicker.
            read(path)
        }
        key => key,
    }
}

fn read(path: &Path) -> io::Result<SecretKey> {
    let (mut file, metadata) = files::open_own(path)?;
    let mut key = SecretKey::default();
    if metadata.mode() & 0o077 != 0 || metadata.len() != key.len() as u64 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Makes a whole file and gives it the name, unless that is taken.
fn make(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure_own_directory(directory)?;
    let key: SecretKey = random_bytes()?;
    let (temporary, mut file) = create_unfinished(directory)?;
    let named = write_all(&mut file, &key).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links. Who reads the key before another one replaces it misses what others write.
        Err(_) => fs::rename(&temporary, path),
        Ok(()) => Ok(()),
    });
    // Gone already if it was moved; else a leftover for the next writer if it cannot be removed.
    let _ = fs::remove_file(&temporary);
    named
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("updraft-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        ensure_own_directory(&path).unwrap();
        path
    }

    #[test]
    fn all_who_make_it_at_once_have_the_same_key() {
        let folder = folder("keys");
        for round in 0..20 {
            let path = folder.join(format!("key{round}"));
            let keys: Vec<SecretKey> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&path).unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 20, "nothing else is left");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_others_could_have_written_is_not_a_key() {
        let folder = folder("foreign-keys");
        let (good, path) = (folder.join("good"), folder.join("key"));
        let key = load(&good).unwrap();
        symlink(&good, &path).unwrap();
        assert!(load(&path).is_err(), "a link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(load(&path).is_err(), "a directory");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, key).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load(&path).is_err(), "a file that others can read");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load(&path).unwrap(), key);
        for len in [0, 31, 33] {
            fs::write(&path, vec![1; len]).unwrap();
            assert!(load(&path).is_err(), "{len} bytes");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(load(&folder.join("other")).is_err(), "a folder that others can write to");
        fs::remove_dir_all(&folder).unwrap();
    }
}
