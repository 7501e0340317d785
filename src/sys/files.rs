//! Files of the user's own: opened without following links or waiting, and told apart from what others left there.
//!
//! In: paths. Out: open files that are regular, belong to the user of this process, and are closed by `exec`.
//!
//! Not here: what is in the files, and what they are called (`warm`).

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whom files belong to that this process makes.
pub fn own_user() -> u32 {
    // SAFETY: reads a number of the process; cannot fail.
    unsafe { libc::geteuid() }
}

/// Opens a file for reading. `InvalidInput` if it is not one of the user's own: a link, a pipe, a directory, a device, or
/// a file of another user. What is behind the name is looked at once it is open, so that it cannot change meanwhile.
pub fn open_own(path: &Path) -> io::Result<(File, Metadata)> {
    // A pipe is opened without waiting for its other end.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        // A link; a socket, or a device without its driver.
        Some(libc::ELOOP | libc::ENXIO) => io::ErrorKind::InvalidInput.into(),
        _ => error,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != own_user() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok((file, metadata))
}

/// Opens a file for reading, whoever's it is, also through a link. `InvalidInput` if it is not a regular one.
pub fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok((file, metadata))
}

/// Makes a file that nobody else may read. Fails if the name is taken.
pub fn create_own(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// A file that is kept open for long. They are counted, since a process can only have so many files.
#[derive(Debug)]
pub struct KeptFile(File);

/// How many there are.
static KEPT: AtomicUsize = AtomicUsize::new(0);

impl KeptFile {
    /// Keeps a file open.
    pub fn new(file: File) -> KeptFile {
        // Relaxed: the number is a guide.
        KEPT.fetch_add(1, Ordering::Relaxed);
        KeptFile(file)
    }

    /// How many are open.
    pub fn count() -> usize {
        KEPT.load(Ordering::Relaxed)
    }
}

impl Deref for KeptFile {
    type Target = File;
    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has a write beyond the size that files of this process may have fail, instead of ending the process: the kernel sends
/// SIGXFSZ besides, to this thread, where it is blocked meanwhile and then taken back.
pub fn without_size_signal<R>(write: impl FnOnce() -> R) -> R {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut signal = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are initialised before they are read; changes the mask of this thread only.
    let was_blocked = unsafe {
        libc::sigemptyset(signal.as_mut_ptr());
        libc::sigaddset(signal.as_mut_ptr(), libc::SIGXFSZ);
        libc::pthread_sigmask(libc::SIG_BLOCK, signal.as_ptr(), before.as_mut_ptr()) != 0
            || libc::sigismember(before.as_ptr(), libc::SIGXFSZ) == 1
    };
    let result = write();
    if !was_blocked {
        let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both sets were initialised above; a timeout of 0 returns at once.
        unsafe {
            while libc::sigtimedwait(signal.as_ptr(), std::ptr::null_mut(), &none) == libc::SIGXFSZ {}
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::in_child;
    use std::io::Write;

    /// Whoever's default for the signal is to end the process must not lose it to a cache.
    #[test]
    fn a_file_that_grows_too_large_is_an_error() {
        let path = std::env::temp_dir().join(format!("updraft-files-{}", std::process::id()));
        in_child(|| {
            let limit = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
            // SAFETY: a limit of the child's own.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
            let mut file = create_own(&path).unwrap();
            let written = without_size_signal(|| file.write_all(&[7; 200]));
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        });
        std::fs::remove_file(&path).unwrap();
    }
}
