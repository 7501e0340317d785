//! Address space: reservations, what is mapped into them, and the anonymous files behind double mappings.
//!
//! A [`Mapping`] owns a range of addresses and gives it back when it is dropped. What lies inside (nothing,
//! anonymous memory, a part of a [`MemFile`]) can be changed page by page at fixed places, never outside.
//!
//! Not here: who may read or write through the addresses; a mapping hands out raw pointers only.

use std::ffi::CStr;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use once_cell::sync::OnceCell;

use crate::error::{Error, Result};

/// What may be done with pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: every access faults.
    None,
    /// Reads.
    Read,
    /// Reads and writes.
    ReadWrite,
    /// Reads and instruction fetches.
    ReadExecute,
}

impl Protection {
    fn flags(self) -> libc::c_int {
        match self {
            Protection::None => libc::PROT_NONE,
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// Whether writes through a mapping of a file reach the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// They do, and every other shared mapping sees them.
    Shared,
    /// They do not: written pages are copied first.
    Private,
}

impl Sharing {
    fn flags(self) -> libc::c_int {
        match self {
            Sharing::Shared => libc::MAP_SHARED,
            Sharing::Private => libc::MAP_PRIVATE,
        }
    }
}

/// Bytes of a page. All offsets and lengths given to a [`Mapping`] are multiples of it.
pub fn page_size() -> usize {
    static PAGE_SIZE: OnceCell<usize> = OnceCell::new();
    // SAFETY: sysconf has no precondition.
    *PAGE_SIZE.get_or_init(|| usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096))
}

/// Bytes of a large page.
const HUGE_PAGE: usize = 2 << 20;

/// A range of addresses that this value owns. Dropping it unmaps all of it.
#[derive(Debug)]
pub struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: a range of addresses belongs to the process, not to a thread, and every method that touches
// what others may be using is unsafe.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves addresses without memory: every access faults, nothing is charged.
    pub fn reserve(len: usize) -> Result<Mapping> {
        // SAFETY: not fixed: the kernel chooses free addresses.
        unsafe { map(ptr::null_mut(), len, Protection::None, libc::MAP_PRIVATE | ANONYMOUS, -1, 0) }
            .map(|base| Mapping { base, len })
            .map_err(|source| Error::System { what: "reserve address space", source })
    }

    /// Zeroed private memory, readable and writable.
    pub fn anonymous(len: usize) -> Result<Mapping> {
        // SAFETY: not fixed: the kernel chooses free addresses.
        unsafe { map(ptr::null_mut(), len, Protection::ReadWrite, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) }
            .map(|base| Mapping { base, len })
            .map_err(|source| Error::System { what: "map memory", source })
    }

    /// A part of `file`, at addresses that the kernel chooses.
    pub fn of_file(
        file: &MemFile,
        file_offset: usize,
        len: usize,
        protection: Protection,
        sharing: Sharing,
    ) -> Result<Mapping> {
        // SAFETY: not fixed: the kernel chooses free addresses.
        unsafe { map(ptr::null_mut(), len, protection, sharing.flags(), file.0.as_raw_fd(), file_offset) }
            .map(|base| Mapping { base, len })
            .map_err(|source| Error::System { what: "map a memory file", source })
    }

    /// Asks for large pages behind the mapping, which is private memory: fewer faults, at the price of up to one such
    /// page that is not full. A wish: a system without them does nothing.
    pub fn prefer_huge_pages(&self) {
        // SAFETY: the range is ours, and what it holds does not change.
        unsafe { libc::madvise(self.base.cast(), self.len, libc::MADV_HUGEPAGE) };
    }

    /// The same for the large pages that lie within a range of the mapping, if any do.
    pub fn prefer_huge_pages_in(&self, range: std::ops::Range<usize>) {
        let base = self.base.addr();
        let start = (base + range.start).next_multiple_of(HUGE_PAGE);
        let end = (base + range.end.min(self.len)) / HUGE_PAGE * HUGE_PAGE;
        if start < end {
            // SAFETY: the range is ours, and what it holds does not change.
            unsafe { libc::madvise(self.base.wrapping_add(start - base).cast(), end - start, libc::MADV_HUGEPAGE) };
        }
    }

    /// Gives back all addresses but the first `len`, which are some.
    ///
    /// # Safety
    /// Nobody uses the others.
    pub unsafe fn truncate(&mut self, len: usize) {
        assert!(len > 0 && len.is_multiple_of(page_size()));
        if len < self.len {
            // SAFETY: the range is ours, and unused by contract. A failure leaks addresses, as in `drop`.
            unsafe { libc::munmap(self.base.add(len).cast(), self.len - len) };
            self.len = len;
        }
    }

    /// First address.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no addresses; never the case, since the kernel refuses empty mappings.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address `offset` bytes into the range, which must hold `len` bytes from there.
    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "range outside of its mapping");
        self.base.wrapping_add(offset)
    }

    /// Changes what may be done with pages.
    ///
    /// # Safety
    /// - Nobody relies on the rights that pages in the range lose.
    /// - Pages that become writable or executable hold nothing that must not be written or executed.
    pub unsafe fn protect(&self, offset: usize, len: usize, protection: Protection) -> Result<()> {
        // SAFETY: the range is ours (checked by `at`); the caller answers for its users.
        if unsafe { libc::mprotect(self.at(offset, len).cast(), len, protection.flags()) } != 0 {
            return Err(Error::last_os("change the protection of memory"));
        }
        Ok(())
    }

    /// Replaces pages by a part of `file`.
    ///
    /// # Safety
    /// Nobody uses what was mapped in the range before, and no reference into it exists.
    pub unsafe fn map_file(
        &self,
        offset: usize,
        len: usize,
        file: &MemFile,
        file_offset: usize,
        protection: Protection,
        sharing: Sharing,
    ) -> Result<()> {
        let flags = sharing.flags() | libc::MAP_FIXED;
        // SAFETY: the range is ours (checked by `at`) and unused, by contract.
        unsafe { map(self.at(offset, len), len, protection, flags, file.0.as_raw_fd(), file_offset) }
            .map(drop)
            .map_err(|source| Error::System { what: "map a memory file", source })
    }

    /// Replaces pages by zeroed private memory that is not charged before it is touched.
    ///
    /// With [`Protection::None`] this turns the range back into bare addresses.
    ///
    /// # Safety
    /// Nobody uses what was mapped in the range before, and no reference into it exists.
    pub unsafe fn map_anonymous(&self, offset: usize, len: usize, protection: Protection) -> Result<()> {
        let flags = libc::MAP_PRIVATE | ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the range is ours (checked by `at`) and unused, by contract.
        unsafe { map(self.at(offset, len), len, protection, flags, -1, 0) }
            .map(drop)
            .map_err(|source| Error::System { what: "map memory", source })
    }

    /// Gives the memory behind pages back: private pages read as before their first write afterwards.
    ///
    /// # Safety
    /// Nobody relies on the contents, and no reference into the range exists.
    pub unsafe fn discard(&self, offset: usize, len: usize) -> Result<()> {
        // SAFETY: the range is ours (checked by `at`); the caller answers for its contents.
        if unsafe { libc::madvise(self.at(offset, len).cast(), len, libc::MADV_DONTNEED) } != 0 {
            return Err(Error::last_os("discard memory"));
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and whoever drops it vouches that nobody uses it. A failure (only
        // possible at the limit of mappings) leaks addresses, which is harmless.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

const ANONYMOUS: libc::c_int = libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// `mmap`.
///
/// # Safety
/// With `MAP_FIXED`, `[address, address + len)` belongs to the caller and is unused.
unsafe fn map(
    address: *mut u8,
    len: usize,
    protection: Protection,
    flags: libc::c_int,
    fd: libc::c_int,
    offset: usize,
) -> std::io::Result<*mut u8> {
    let offset = libc::off_t::try_from(offset).map_err(|_| std::io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: by contract, or addresses that the kernel finds free.
    let base = unsafe { libc::mmap(address.cast(), len, protection.flags(), flags, fd, offset) };
    if base == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(base.cast()) }
}

/// A file that exists in memory only; pages that were never written take none.
#[derive(Debug)]
pub struct MemFile(OwnedFd);

impl MemFile {
    /// Creates a file of `len` zero bytes. The name shows up in `/proc/self/maps`.
    pub fn new(name: &CStr, len: usize) -> Result<MemFile> {
        let what = "create a memory file";
        // Sealing the (unused) executable bit keeps kernels with `vm.memfd_noexec` content; older ones do
        // not know the flag.
        // SAFETY: `name` is a C string.
        let mut fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | MFD_NOEXEC_SEAL) };
        if fd < 0 {
            // SAFETY: as above.
            fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
        }
        if fd < 0 {
            return Err(Error::last_os(what));
        }
        // SAFETY: the descriptor is fresh and ours.
        let file = MemFile(unsafe { OwnedFd::from_raw_fd(fd) });
        let size = libc::off_t::try_from(len).ok().filter(|_| allows_file_size(len));
        let size =
            size.ok_or_else(|| Error::System { what, source: std::io::Error::from_raw_os_error(libc::EFBIG) })?;
        // SAFETY: the descriptor is open for writing.
        if unsafe { libc::ftruncate(fd, size) } != 0 {
            return Err(Error::last_os(what));
        }
        Ok(file)
    }

    /// Writes `bytes` at `offset`.
    pub fn write_at(&self, mut offset: usize, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            // SAFETY: `bytes` is readable; the descriptor is open for writing.
            let done =
                unsafe { libc::pwrite(self.0.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), offset as libc::off_t) };
            match usize::try_from(done) {
                Ok(done) => (offset, bytes) = (offset + done, &bytes[done..]),
                Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return Err(Error::last_os("write a memory file")),
            }
        }
        Ok(())
    }

    /// Writes `pieces` one behind the other from `offset` on. Beyond [`allows_file_size`] that is deadly.
    pub fn write_all_at(&self, mut offset: usize, pieces: &mut [IoSlice<'_>]) -> Result<()> {
        let mut left = pieces;
        // Pieces without bytes do not count as progress.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let count = left.len().min(MAX_PIECES) as libc::c_int;
            // SAFETY: an `IoSlice` is an iovec of readable bytes; the descriptor is open for writing.
            let done = unsafe { libc::pwritev(self.0.as_raw_fd(), left.as_ptr().cast(), count, offset as libc::off_t) };
            match usize::try_from(done) {
                Ok(done) => {
                    offset += done;
                    IoSlice::advance_slices(&mut left, done);
                }
                Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return Err(Error::last_os("write a memory file")),
            }
        }
        Ok(())
    }

    /// Bytes of memory that the file takes.
    pub fn memory(&self) -> Result<usize> {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: `stat` is valid for writing, and read only after success.
        let stat = unsafe {
            if libc::fstat(self.0.as_raw_fd(), stat.as_mut_ptr()) != 0 {
                return Err(Error::last_os("ask for the size of a memory file"));
            }
            stat.assume_init()
        };
        Ok(stat.st_blocks as usize * 512)
    }

    /// Gives the memory behind a part of the file back; it reads as zeros afterwards, in every mapping.
    pub fn punch_hole(&self, offset: usize, len: usize) -> Result<()> {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: the descriptor is open for writing.
        let status = unsafe { libc::fallocate(self.0.as_raw_fd(), mode, offset as libc::off_t, len as libc::off_t) };
        if status == 0 { Ok(()) } else { Err(Error::last_os("free a part of a memory file")) }
    }
}

/// `UIO_MAXIOV`.
const MAX_PIECES: usize = 1024;

/// `MFD_NOEXEC_SEAL` of Linux 6.3.
const MFD_NOEXEC_SEAL: libc::c_uint = 8;

/// Whether the process may make files of this size: beyond the limit the kernel sends a deadly signal.
pub fn allows_file_size(len: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    status != 0 || limit.rlim_cur == libc::RLIM_INFINITY || len as u64 <= limit.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two views of one file are what code is written and run through.
    #[test]
    fn shared_views_see_each_other_and_private_ones_do_not_write_back() {
        let page = page_size();
        let file = MemFile::new(c"updraft-test", 2 * page).unwrap();
        let views = Mapping::reserve(3 * page).unwrap();
        // SAFETY: the reservation is fresh.
        unsafe {
            views.map_file(0, page, &file, page, Protection::ReadWrite, Sharing::Shared).unwrap();
            views.map_file(page, page, &file, page, Protection::ReadWrite, Sharing::Private).unwrap();
            views.map_anonymous(2 * page, page, Protection::ReadWrite).unwrap();
            views.base().write(7);
            assert_eq!(views.base().add(page).read(), 7);
            views.base().add(page).write(8);
            assert_eq!(views.base().read(), 7);
            views.discard(page, page).unwrap();
            assert_eq!(views.base().add(page).read(), 7, "a discarded private page shows the file again");
        }
        file.punch_hole(page, page).unwrap();
        // SAFETY: still mapped.
        assert_eq!(unsafe { views.base().read() }, 0);
        file.write_at(page, &[9]).unwrap();
        // SAFETY: still mapped.
        assert_eq!(unsafe { views.base().read() }, 9);
    }

    /// The engine's errors name the purpose.
    #[test]
    fn impossible_mappings_are_system_errors() {
        assert!(matches!(Mapping::reserve(1 << 60), Err(Error::System { what: "reserve address space", .. })));
        assert!(matches!(Mapping::anonymous(0), Err(Error::System { what: "map memory", .. })));
    }

    /// More pieces than the kernel takes at once, some of them empty.
    #[test]
    fn pieces_are_written_one_behind_the_other() {
        let page = page_size();
        let file = MemFile::new(c"updraft-test", 3 * page).unwrap();
        let bytes: Vec<u8> = (0..page).map(|i| i as u8).collect();
        let mut pieces: Vec<IoSlice<'_>> = bytes.iter().map(std::slice::from_ref).map(IoSlice::new).collect();
        pieces.insert(0, IoSlice::new(&[]));
        pieces.insert(MAX_PIECES, IoSlice::new(&[]));
        pieces.extend([IoSlice::new(&[]), IoSlice::new(&bytes)]);
        file.write_all_at(7, &mut pieces).unwrap();
        file.write_all_at(0, &mut []).unwrap();
        let view = Mapping::of_file(&file, 0, 3 * page, Protection::ReadWrite, Sharing::Shared).unwrap();
        // SAFETY: the mapping is as long as this, and nobody writes.
        let seen = unsafe { std::slice::from_raw_parts(view.base(), 3 * page) };
        assert_eq!(seen[..7], [0; 7]);
        assert!(seen[7..] == [&bytes[..], &bytes, &vec![0; page - 7]].concat());
    }
}
