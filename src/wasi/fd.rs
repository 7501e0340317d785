//! The functions on descriptors: `fd_*`.

use std::fs::File;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::fs::Metadata;
use rustix::fs::{Advice, FallocateFlags, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::Context;
use super::abi::{Dialect, FDSTAT_SIZE, Filestat, Rights, encode_fdstat, fdflags, fstflags};
use super::errno::Errno;
use super::guest::{Guest, Iovecs};
use super::object::{Entry, HostDir, HostFile, Object, Origin, filestat, lock};

/// One new time of a file.
#[derive(Clone, Copy)]
pub(super) enum NewTime {
    Keep,
    Now,
    At(u64),
}

impl NewTime {
    /// The new access and modification times that the flags ask for.
    pub(super) fn pair(atim: u64, mtim: u64, flags: u32) -> Result<(NewTime, NewTime), Errno> {
        let one = |at, now, time| match (flags & at != 0, flags & now != 0) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(NewTime::At(time)),
            (false, true) => Ok(NewTime::Now),
            (false, false) => Ok(NewTime::Keep),
        };
        if flags & !fstflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        Ok((one(fstflags::ATIM, fstflags::ATIM_NOW, atim)?, one(fstflags::MTIM, fstflags::MTIM_NOW, mtim)?))
    }
    /// As cap-std wants it.
    pub(super) fn spec(self) -> Option<SystemTimeSpec> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(nanos) => {
                let time: SystemTime = UNIX_EPOCH + Duration::from_nanos(nanos);
                Some(SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(time)))
            }
        }
    }
    fn timespec(self) -> Timespec {
        match self {
            NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            NewTime::At(nanos) => {
                Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as _ }
            }
        }
    }
}

/// The file with these rights, if the descriptor is one with a position.
fn positioned(entry: &Entry, rights: Rights) -> Result<&HostFile, Errno> {
    match &entry.object {
        Object::Dir(_) => Err(Errno::Badf),
        Object::File(host) if !host.is_stream() => {
            entry.require(rights)?;
            Ok(host)
        }
        _ => Err(Errno::Spipe),
    }
}

/// Offsets that the host's system calls take as signed.
fn offset(value: u64) -> Result<u64, Errno> {
    if i64::try_from(value).is_ok() { Ok(value) } else { Err(Errno::Inval) }
}

impl Context {
    pub(super) fn entry(&self, fd: u32) -> Result<Arc<Entry>, Errno> {
        lock(&self.table).get(fd)
    }

    pub(crate) fn fd_advise(&self, fd: u32, from: u64, len: u64, advice: u32) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        let entry = self.entry(fd)?;
        let host = positioned(&entry, Rights::FD_ADVISE)?;
        Ok(rustix::fs::fadvise(&host.file, offset(from)?, NonZeroU64::new(offset(len)?), advice)?)
    }

    pub(crate) fn fd_allocate(&self, fd: u32, from: u64, len: u64) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = positioned(&entry, Rights::FD_ALLOCATE)?;
        host.require_writable()?;
        if len == 0 {
            return Err(Errno::Inval);
        }
        let end = offset(from)?.checked_add(offset(len)?).ok_or(Errno::Fbig)?;
        offset(end).map_err(|_| Errno::Fbig)?;
        Ok(rustix::fs::fallocate(&host.file, FallocateFlags::empty(), from, len)?)
    }

    pub(crate) fn fd_close(&self, fd: u32) -> Result<(), Errno> {
        // The lock is given up before the entry drops: closing a file may take long.
        let entry = lock(&self.table).remove(fd);
        entry.map(drop)
    }

    pub(crate) fn fd_datasync(&self, fd: u32) -> Result<(), Errno> {
        self.sync(fd, Rights::FD_DATASYNC, |file| rustix::fs::fdatasync(file))
    }

    pub(crate) fn fd_sync(&self, fd: u32) -> Result<(), Errno> {
        self.sync(fd, Rights::FD_SYNC, |file| rustix::fs::fsync(file))
    }

    fn sync(&self, fd: u32, right: Rights, call: impl Fn(&File) -> rustix::io::Result<()>) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        entry.require(right)?;
        match &entry.object {
            Object::File(host) if !host.is_stream() => Ok(call(&host.file)?),
            Object::Dir(host) => Ok(call(&host.reopen()?)?),
            // Nothing is held back on the way to a stream.
            _ => Ok(()),
        }
    }

    pub(crate) fn fd_fdstat_get(&self, guest: &mut dyn Guest, fd: u32, out: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        guest.check(out, FDSTAT_SIZE.into())?;
        let status = entry.status();
        guest.write(out.into(), &encode_fdstat(entry.filetype(), status.flags, status.base, status.inheriting))
    }

    /// What the host opened shares its flags with others, so `nonblock` is kept here, and not in the kernel.
    pub(crate) fn fd_fdstat_set_flags(&self, fd: u32, flags: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        if flags & !fdflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        entry.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        entry.update(|status| {
            // A file is opened as synchronous or not; the kernel does not let that change.
            let fixed = fdflags::DSYNC | fdflags::RSYNC | fdflags::SYNC;
            if (flags ^ status.flags) & fixed != 0 {
                return Err(Errno::NotSup);
            }
            if let Object::File(host) = &entry.object
                && !host.is_stream()
                && (flags ^ status.flags) & fdflags::APPEND != 0
            {
                if host.origin == Origin::Host {
                    return Err(Errno::NotSup);
                }
                set_append(&host.file, flags)?;
            }
            status.flags = flags;
            Ok(())
        })
    }

    pub(crate) fn fd_fdstat_set_rights(&self, fd: u32, base: u64, inheriting: u64) -> Result<(), Errno> {
        let (base, inheriting) = (Rights(base), Rights(inheriting));
        self.entry(fd)?.update(|status| {
            if !status.base.contains(base) || !status.inheriting.contains(inheriting) {
                return Err(Errno::NotCapable);
            }
            (status.base, status.inheriting) = (base, inheriting);
            Ok(())
        })
    }

    pub(crate) fn fd_filestat_get(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        out: u32,
        dialect: Dialect,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        entry.require(Rights::FD_FILESTAT_GET)?;
        let stat = match &entry.object {
            Object::File(host) => {
                let stat = filestat(&Metadata::from_file(&host.file)?);
                Filestat { filetype: host.filetype, ..stat }
            }
            Object::Dir(host) => filestat(&host.dir.dir_metadata()?),
            _ => Filestat::bare(entry.filetype()),
        };
        guest.write(out.into(), &stat.encode(dialect))
    }

    pub(crate) fn fd_filestat_set_size(&self, fd: u32, size: u64) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let Object::File(host) = &entry.object else {
            return Err(if matches!(entry.object, Object::Dir(_)) { Errno::Badf } else { Errno::Inval });
        };
        entry.require(Rights::FD_FILESTAT_SET_SIZE)?;
        host.require_writable()?;
        Ok(rustix::fs::ftruncate(&host.file, offset(size)?)?)
    }

    pub(crate) fn fd_filestat_set_times(&self, fd: u32, atim: u64, mtim: u64, flags: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let (access, modification) = NewTime::pair(atim, mtim, flags)?;
        entry.require(Rights::FD_FILESTAT_SET_TIMES)?;
        match &entry.object {
            Object::File(host) => {
                host.require_writable()?;
                let times = Timestamps { last_access: access.timespec(), last_modification: modification.timespec() };
                Ok(rustix::fs::futimens(&host.file, &times)?)
            }
            Object::Dir(host) => {
                host.require_writable()?;
                Ok(host.dir.set_times(".", access.spec(), modification.spec())?)
            }
            _ => Err(Errno::Inval),
        }
    }

    pub(crate) fn fd_prestat_get(&self, guest: &mut dyn Guest, fd: u32, out: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let name = preopen_name(&entry)?;
        guest.check(out, 8)?;
        guest.write_u32(out, 0)?;
        guest.write(u64::from(out) + 4, &(name.len() as u32).to_le_bytes())
    }

    pub(crate) fn fd_prestat_dir_name(&self, guest: &mut dyn Guest, fd: u32, path: u32, len: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let name = preopen_name(&entry)?;
        guest.check(path, len.into())?;
        if (len as usize) < name.len() {
            return Err(Errno::NameTooLong);
        }
        guest.write(path.into(), name)
    }

    pub(crate) fn fd_read(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        read_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        if matches!(entry.object, Object::Dir(_)) {
            return Err(Errno::Badf);
        }
        entry.require(Rights::FD_READ)?;
        guest.check(read_at, 4)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        let read = read_into(guest, &entry, iovecs)?;
        guest.write_u32(read_at, read)
    }

    pub(crate) fn fd_write(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        written_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        if matches!(entry.object, Object::Dir(_)) {
            return Err(Errno::Badf);
        }
        entry.require(Rights::FD_WRITE)?;
        guest.check(written_at, 4)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        let written = iovecs.drain(guest, |guest, bytes| entry.write(guest, bytes))?;
        guest.write_u32(written_at, written)
    }

    pub(crate) fn fd_pread(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        from: u64,
        read_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = positioned(&entry, Rights::FD_READ.with(Rights::FD_SEEK))?;
        guest.check(read_at, 4)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        offset(from)?;
        let mut at = from;
        let read = iovecs.fill(guest, |_, buffer| {
            let count = retry(|| rustix::io::pread(&host.file, &mut *buffer, offset(at)?).map_err(Errno::from))?;
            at = at.saturating_add(count as u64);
            Ok((count, ControlFlow::Continue(())))
        })?;
        guest.write_u32(read_at, read)
    }

    pub(crate) fn fd_pwrite(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        from: u64,
        written_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = positioned(&entry, Rights::FD_WRITE.with(Rights::FD_SEEK))?;
        guest.check(written_at, 4)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        offset(from)?;
        let mut at = from;
        let written = iovecs.drain(guest, |_, bytes| {
            let count = retry(|| rustix::io::pwrite(&host.file, bytes, offset(at)?).map_err(Errno::from))?;
            at = at.saturating_add(count as u64);
            Ok(count)
        })?;
        guest.write_u32(written_at, written)
    }

    pub(crate) fn fd_renumber(&self, from: u32, to: u32) -> Result<(), Errno> {
        lock(&self.table).renumber(from, to)
    }

    pub(crate) fn fd_seek(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        delta: i64,
        whence: u32,
        out: u32,
        dialect: Dialect,
    ) -> Result<(), Errno> {
        // The older interface numbers them cur, end, set.
        let (set, current, end) = if dialect == Dialect::Preview1 { (0, 1, 2) } else { (2, 0, 1) };
        let to = match whence {
            w if w == set => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::Inval)?),
            w if w == current => SeekFrom::Current(delta),
            w if w == end => SeekFrom::End(delta),
            _ => return Err(Errno::Inval),
        };
        let right = if delta == 0 && whence == current { Rights::FD_TELL } else { Rights::FD_SEEK };
        let entry = self.entry(fd)?;
        let host = positioned(&entry, right)?;
        guest.check(out, 8)?;
        let position = rustix::fs::seek(&host.file, to)?;
        guest.write_u64(out, position)
    }

    pub(crate) fn fd_tell(&self, guest: &mut dyn Guest, fd: u32, out: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = positioned(&entry, Rights::FD_TELL)?;
        let position = rustix::fs::tell(&host.file)?;
        guest.write_u64(out, position)
    }
}

/// Fills the vectors: all of them from a file, with what is there from a stream.
fn read_into(guest: &mut dyn Guest, entry: &Entry, iovecs: Iovecs) -> Result<u32, Errno> {
    // Asking a stream for nothing must not wait for something.
    if iovecs.total == 0 {
        return Ok(0);
    }
    let once = match &entry.object {
        Object::File(host) => host.is_stream(),
        Object::Reader(_) => true,
        _ => false,
    };
    iovecs.fill(guest, |guest, buffer| {
        let count = entry.read(guest, buffer)?;
        Ok((count, if once { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }))
    })
}

/// Sets whether writes go to the end. Only for files that the guest opened.
pub(super) fn set_append(file: &File, flags: u32) -> Result<(), Errno> {
    let append = if flags & fdflags::APPEND != 0 { OFlags::APPEND } else { OFlags::empty() };
    let old = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file.as_fd(), (old - OFlags::APPEND) | append)?)
}

/// Repeats a call on a regular file while signals of the host break it off.
fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::Intr) => {}
            other => return other,
        }
    }
}

fn preopen_name(entry: &Entry) -> Result<&[u8], Errno> {
    match &entry.object {
        Object::Dir(HostDir { preopen: Some(name), .. }) => Ok(name),
        _ => Err(Errno::Badf),
    }
}
