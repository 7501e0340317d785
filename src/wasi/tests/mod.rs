//! Tests of the functions, on a guest that is a vector of bytes and directories made for each test.

mod fd;
mod hostile;
mod path;
mod poll;
mod process;
mod sandbox;
mod sock;

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::abi::{Dialect, Rights};
use super::config::{Access, Output, WasiConfig};
use super::errno::Errno;
use super::guest::Guest;
use super::path::OpenRequest;
use super::{Context, Wasi};

/// Rights that wasi-libc asks for, for files that are read and written.
const ALL: u64 = Rights::DIRECTORY.with(Rights::FILE).0;
/// Rights without those that wasi-libc leaves out for files that are only read.
const READ: u64 =
    ALL & !(Rights::FD_WRITE.0 | Rights::FD_DATASYNC.0 | Rights::FD_ALLOCATE.0 | Rights::FD_FILESTAT_SET_SIZE.0);

const MEMORY_BYTES: usize = 1 << 20;
/// Where results go.
const OUT: u32 = 64;
/// Where strings and buffers are put.
const HEAP: u32 = 4096;

/// The running thread, for [`until_blocked`].
fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Returns when the thread waits in a system call.
fn until_blocked(thread: i32) {
    let state = || fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    // The state stands behind the name, which may hold anything but ends with the last parenthesis.
    while !state().rsplit(')').next().unwrap().trim_start().starts_with('S') {
        std::thread::yield_now();
    }
}

/// A guest that is only a memory.
struct Fake {
    memory: Vec<u8>,
    wake: Option<OwnedFd>,
}

impl Guest for Fake {
    fn size(&self) -> u64 {
        self.memory.len() as u64
    }
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let start = usize::try_from(address).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(buffer.len()).ok_or(Errno::Fault)?;
        buffer.copy_from_slice(self.memory.get(start..end).ok_or(Errno::Fault)?);
        Ok(())
    }
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let start = usize::try_from(address).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(bytes.len()).ok_or(Errno::Fault)?;
        self.memory.get_mut(start..end).ok_or(Errno::Fault)?.copy_from_slice(bytes);
        Ok(())
    }
    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().map(|wake| wake.as_fd())
    }
    fn is_interrupted(&self) -> bool {
        self.wake.as_ref().is_some_and(|wake| rustix::io::ioctl_fionread(wake).unwrap_or(0) > 0)
    }
}

/// A directory that goes when it is dropped.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Temp {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wasi-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Temp(path)
    }
    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program: its context, its memory, and the host's directory that it may use.
struct Rig {
    wasi: Wasi,
    guest: Fake,
    temp: Temp,
    heap: u32,
}

/// The descriptor of [`Rig::new`]'s directory, `box` in `temp`, writable.
const DIR: u32 = 3;
/// The descriptor of `ro` in `temp`, read-only.
const RO: u32 = 4;

impl Rig {
    /// Two directories side by side, and a secret above them.
    fn new() -> Rig {
        Rig::with(|_| ())
    }
    fn with(change: impl FnOnce(&mut WasiConfig)) -> Rig {
        let temp = Temp::new();
        for name in ["box", "ro"] {
            fs::create_dir(temp.join(name)).unwrap();
        }
        fs::write(temp.join("secret"), "secret").unwrap();
        fs::write(temp.join("ro/file"), "fixed").unwrap();
        let mut config = WasiConfig::new();
        config.preopen(temp.join("box"), "/", Access::ReadWrite).preopen(temp.join("ro"), "/ro", Access::ReadOnly);
        config.stdout(Output::Buffer { limit: 16 });
        change(&mut config);
        let wasi = Wasi::new(config).unwrap();
        Rig { wasi, guest: Fake { memory: vec![0; MEMORY_BYTES], wake: None }, temp, heap: HEAP }
    }
    /// The context and the guest, to call a function.
    fn parts(&mut self) -> (&Context, &mut Fake) {
        (&self.wasi.context, &mut self.guest)
    }
    fn alloc(&mut self, len: u32) -> u32 {
        let at = self.heap;
        self.heap = (at + len + 7) & !7;
        at
    }
    /// Puts bytes into the memory.
    fn put(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = self.alloc(bytes.len() as u32);
        self.guest.write(at.into(), bytes).unwrap();
        (at, bytes.len() as u32)
    }
    fn path(&mut self, path: &str) -> (u32, u32) {
        self.put(path.as_bytes())
    }
    /// Vectors of these parts.
    fn vectors(&mut self, parts: &[(u32, u32)]) -> (u32, u32) {
        let bytes: Vec<u8> =
            parts.iter().flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat()).collect();
        (self.put(&bytes).0, parts.len() as u32)
    }
    fn bytes(&self, at: u32, len: u32) -> Vec<u8> {
        self.guest.memory[at as usize..(at + len) as usize].to_vec()
    }
    fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }
    fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    fn open_as(&mut self, fd: u32, path: &str, request: OpenRequest) -> Result<u32, Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_open(guest, fd, at, request, OUT)?;
        Ok(self.u32(OUT))
    }
    /// Opens with all rights of the directory, following links.
    fn open(&mut self, fd: u32, path: &str, oflags: u32) -> Result<u32, Errno> {
        self.open_as(fd, path, OpenRequest { lookup: 1, oflags, base: ALL, inheriting: ALL, fdflags: 0 })
    }
    fn open_read(&mut self, fd: u32, path: &str, oflags: u32) -> Result<u32, Errno> {
        self.open_as(fd, path, OpenRequest { lookup: 1, oflags, base: READ, inheriting: READ, fdflags: 0 })
    }
    fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let part = self.put(bytes);
        let vectors = self.vectors(&[part]);
        let (context, guest) = self.parts();
        context.fd_write(guest, fd, vectors, OUT)?;
        Ok(self.u32(OUT))
    }
    fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        let at = self.alloc(len);
        let vectors = self.vectors(&[(at, len)]);
        let (context, guest) = self.parts();
        context.fd_read(guest, fd, vectors, OUT)?;
        Ok(self.bytes(at, self.u32(OUT)))
    }
    fn seek(&mut self, fd: u32, delta: i64, whence: u32) -> Result<u64, Errno> {
        let (context, guest) = self.parts();
        context.fd_seek(guest, fd, delta, whence, OUT, Dialect::Preview1)?;
        Ok(self.u64(OUT))
    }
    /// (filetype, flags, base, inheriting)
    fn fdstat(&mut self, fd: u32) -> Result<(u8, u16, u64, u64), Errno> {
        let (context, guest) = self.parts();
        context.fd_fdstat_get(guest, fd, OUT)?;
        let bytes = self.bytes(OUT, 24);
        Ok((bytes[0], u16::from_le_bytes([bytes[2], bytes[3]]), self.u64(OUT + 8), self.u64(OUT + 16)))
    }
    /// (filetype, size)
    fn stat(&mut self, fd: u32, path: &str, lookup: u32) -> Result<(u8, u64), Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_filestat_get(guest, (fd, lookup), at, OUT, Dialect::Preview1)?;
        Ok((self.bytes(OUT + 16, 1)[0], self.u64(OUT + 32)))
    }
    fn mkdir(&mut self, fd: u32, path: &str) -> Result<(), Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_create_directory(guest, fd, at)
    }
    fn rmdir(&mut self, fd: u32, path: &str) -> Result<(), Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_remove_directory(guest, fd, at)
    }
    fn unlink(&mut self, fd: u32, path: &str) -> Result<(), Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_unlink_file(guest, fd, at)
    }
    fn rename(&mut self, fd: u32, old: &str, new_fd: u32, new: &str) -> Result<(), Errno> {
        let (old, new) = (self.path(old), self.path(new));
        let (context, guest) = self.parts();
        context.path_rename(guest, fd, old, new_fd, new)
    }
    fn link(&mut self, fd: u32, lookup: u32, old: &str, new_fd: u32, new: &str) -> Result<(), Errno> {
        let (old, new) = (self.path(old), self.path(new));
        let (context, guest) = self.parts();
        context.path_link(guest, (fd, lookup), old, new_fd, new)
    }
    fn symlink(&mut self, target: &str, fd: u32, path: &str) -> Result<(), Errno> {
        let (target, at) = (self.path(target), self.path(path));
        let (context, guest) = self.parts();
        context.path_symlink(guest, target, fd, at)
    }
    fn readlink(&mut self, fd: u32, path: &str, len: u32) -> Result<Vec<u8>, Errno> {
        let (at, buffer) = (self.path(path), self.alloc(len));
        let (context, guest) = self.parts();
        context.path_readlink(guest, fd, at, (buffer, len), OUT)?;
        Ok(self.bytes(buffer, self.u32(OUT)))
    }
    fn set_times(&mut self, fd: u32, path: &str, lookup: u32, times: (u64, u64), flags: u32) -> Result<(), Errno> {
        let at = self.path(path);
        let (context, guest) = self.parts();
        context.path_filestat_set_times(guest, (fd, lookup), at, times, flags)
    }
    fn host(&self, name: &str) -> PathBuf {
        self.temp.join(name)
    }
}
