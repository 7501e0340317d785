//! The functions on paths: `path_*`.
//!
//! # The sandbox
//!
//! - Every path is resolved by cap-std below the directory of its descriptor: `..`, absolute paths and symbolic
//!   links that lead outside are refused at the component where they would.
//! - A read-only directory passes on that it is one to all that is opened through it, and every function that
//!   changes anything asks for it, on both sides where there are two: a hard link from a read-only directory
//!   into a writable one would be a writable name of a read-only file.
//! - Rights only shrink: what is opened gets at most the inheriting rights of the directory.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

use super::Context;
use super::abi::{Dialect, LOOKUP_SYMLINK_FOLLOW, Rights, fdflags, oflags};
use super::errno::Errno;
use super::fd::{NewTime, set_append};
use super::guest::{Guest, read_path};
use super::object::{Entry, HostDir, HostFile, Object, Origin, filestat, lock};

/// A path in the guest's memory.
pub(crate) type PathAt = (u32, u32);

/// What `path_open` is asked for.
#[derive(Clone, Copy)]
pub(crate) struct OpenRequest {
    pub(crate) lookup: u32,
    pub(crate) oflags: u32,
    pub(crate) base: u64,
    pub(crate) inheriting: u64,
    pub(crate) fdflags: u32,
}

fn path(guest: &dyn Guest, (address, len): PathAt) -> Result<PathBuf, Errno> {
    let bytes = read_path(guest, address, len)?;
    // POSIX: an empty path names nothing. Said here, so that no library takes it for the directory itself.
    if bytes.is_empty() { Err(Errno::NoEnt) } else { Ok(OsStr::from_bytes(&bytes).into()) }
}

/// The path without trailing slashes and dots (`a/`, `a/.`), if it has any: it names a directory, and if the
/// last component is a link, what that leads to. Rust's `Path` hides this, so it is looked for in the bytes.
fn without_slashes(path: &Path) -> Option<&Path> {
    let bytes = path.as_os_str().as_bytes();
    let mut kept = bytes;
    while let Some(shorter) = kept.strip_suffix(b"/").or(kept.strip_suffix(b"/.").map(|_| &kept[..kept.len() - 1])) {
        kept = shorter;
    }
    // Slashes only are the root, which is outside.
    let kept = if kept.is_empty() { b"/" } else { kept };
    (kept.len() < bytes.len()).then(|| Path::new(OsStr::from_bytes(kept)))
}

/// Whether the last component is `.`, which can be looked at, but is no name to make, move or remove.
fn ends_in_dot(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    bytes[..end] == *b"." || bytes[..end].ends_with(b"/.")
}

/// The path, without trailing slashes, of something that is no directory: the error, if it has any, is
/// `NotDir` if something else than a directory is there, `IsDir` if a directory is.
fn no_directory(host: &HostDir, path: PathBuf) -> Result<PathBuf, Errno> {
    let bare = match without_slashes(&path) {
        None if !ends_in_dot(&path) => return Ok(path),
        bare => bare.unwrap_or(&path),
    };
    let metadata = host.dir.metadata(bare)?;
    Err(if metadata.is_dir() { Errno::IsDir } else { Errno::NotDir })
}

/// The path of a link that is to be made; it is no directory's.
fn new_link(host: &HostDir, path: PathBuf) -> Result<PathBuf, Errno> {
    if without_slashes(&path).is_none() && !ends_in_dot(&path) {
        return Ok(path);
    }
    Err(metadata(host, &path, true).err().unwrap_or(Errno::Exist))
}

fn follows(lookup: u32) -> Result<bool, Errno> {
    match lookup {
        0 => Ok(false),
        LOOKUP_SYMLINK_FOLLOW => Ok(true),
        _ => Err(Errno::Inval),
    }
}

/// Attributes; a trailing slash asks for a directory, which is reached through a link as well.
fn metadata(host: &HostDir, path: &Path, follow: bool) -> Result<Metadata, Errno> {
    if let Some(bare) = without_slashes(path) {
        let metadata = host.dir.metadata(bare)?;
        return if metadata.is_dir() { Ok(metadata) } else { Err(Errno::NotDir) };
    }
    Ok(if follow { host.dir.metadata(path)? } else { host.dir.symlink_metadata(path)? })
}

impl Context {
    pub(crate) fn path_create_directory(&self, guest: &mut dyn Guest, fd: u32, at: PathAt) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_CREATE_DIRECTORY)?;
        let path = path(guest, at)?;
        host.require_writable()?;
        if ends_in_dot(&path) {
            return Err(metadata(host, &path, true).err().unwrap_or(Errno::Exist));
        }
        Ok(host.dir.create_dir(without_slashes(&path).unwrap_or(&path))?)
    }

    pub(crate) fn path_filestat_get(
        &self,
        guest: &mut dyn Guest,
        (fd, lookup): (u32, u32),
        at: PathAt,
        out: u32,
        dialect: Dialect,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_FILESTAT_GET)?;
        let stat = filestat(&metadata(host, &path(guest, at)?, follows(lookup)?)?);
        guest.write(out.into(), &stat.encode(dialect))
    }

    pub(crate) fn path_filestat_set_times(
        &self,
        guest: &mut dyn Guest,
        (fd, lookup): (u32, u32),
        at: PathAt,
        (atim, mtim): (u64, u64),
        flags: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_FILESTAT_SET_TIMES)?;
        let path = path(guest, at)?;
        let follow = follows(lookup)?;
        let (access, modification) = NewTime::pair(atim, mtim, flags)?;
        host.require_writable()?;
        let (access, modification) = (access.spec(), modification.spec());
        match without_slashes(&path) {
            Some(bare) => {
                metadata(host, &path, follow)?;
                host.dir.set_times(bare, access, modification)?;
            }
            None if follow => host.dir.set_times(&path, access, modification)?,
            None => host.dir.set_symlink_times(&path, access, modification)?,
        }
        Ok(())
    }

    pub(crate) fn path_link(
        &self,
        guest: &mut dyn Guest,
        (old_fd, lookup): (u32, u32),
        old_at: PathAt,
        new_fd: u32,
        new_at: PathAt,
    ) -> Result<(), Errno> {
        let (old_entry, new_entry) = (self.entry(old_fd)?, self.entry(new_fd)?);
        let old = old_entry.dir(Rights::PATH_LINK_SOURCE)?;
        let new = new_entry.dir(Rights::PATH_LINK_TARGET)?;
        let follow = follows(lookup)?;
        let (old_path, new_path) = (path(guest, old_at)?, path(guest, new_at)?);
        old.require_writable()?;
        new.require_writable()?;
        let mut old_path = no_directory(old, old_path)?;
        let new_path = new_link(new, new_path)?;
        if follow {
            old_path = old.dir.canonicalize(&old_path)?;
        }
        Ok(old.dir.hard_link(old_path, &new.dir, new_path)?)
    }

    pub(crate) fn path_open(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        at: PathAt,
        request: OpenRequest,
        out: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(request.needed(Rights::PATH_OPEN))?;
        request.check(entry.status().inheriting)?;
        guest.check(out, 4)?;
        let path = path(guest, at)?;
        if host.require_writable().is_err() && request.changes() {
            return Err(Errno::Rofs);
        }
        lock(&self.table).require_room()?;
        let opened = Arc::new(open(host, &path, request)?);
        let number = lock(&self.table).insert(opened)?;
        guest.write_u32(out, number)
    }

    /// Writes where a link leads, cut to the buffer, without a NUL.
    pub(crate) fn path_readlink(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        at: PathAt,
        (buffer, len): (u32, u32),
        used_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_READLINK)?;
        let path = path(guest, at)?;
        guest.check(buffer, len.into())?;
        guest.check(used_at, 4)?;
        // A slash means what the link leads to, which is no link.
        if without_slashes(&path).is_some() {
            metadata(host, &path, true)?;
            return Err(Errno::Inval);
        }
        let target = host.dir.read_link(path)?.into_os_string().into_vec();
        let used = target.len().min(len as usize);
        guest.write(buffer.into(), &target[..used])?;
        guest.write_u32(used_at, used as u32)
    }

    pub(crate) fn path_remove_directory(&self, guest: &mut dyn Guest, fd: u32, at: PathAt) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_REMOVE_DIRECTORY)?;
        let path = path(guest, at)?;
        host.require_writable()?;
        if ends_in_dot(&path) {
            return Err(Errno::Inval);
        }
        Ok(host.dir.remove_dir(without_slashes(&path).unwrap_or(&path))?)
    }

    pub(crate) fn path_rename(
        &self,
        guest: &mut dyn Guest,
        old_fd: u32,
        old_at: PathAt,
        new_fd: u32,
        new_at: PathAt,
    ) -> Result<(), Errno> {
        let (old_entry, new_entry) = (self.entry(old_fd)?, self.entry(new_fd)?);
        let old = old_entry.dir(Rights::PATH_RENAME_SOURCE)?;
        let new = new_entry.dir(Rights::PATH_RENAME_TARGET)?;
        let (old_path, new_path) = (path(guest, old_at)?, path(guest, new_at)?);
        old.require_writable()?;
        new.require_writable()?;
        if ends_in_dot(&old_path) || ends_in_dot(&new_path) {
            return Err(Errno::Busy);
        }
        // A slash on either side says that a directory is renamed; a link to one is not.
        let (old_bare, new_bare) = (without_slashes(&old_path), without_slashes(&new_path));
        let old_path = old_bare.unwrap_or(&old_path);
        if (old_bare.is_some() || new_bare.is_some()) && !old.dir.symlink_metadata(old_path)?.is_dir() {
            return Err(Errno::NotDir);
        }
        Ok(old.dir.rename(old_path, &new.dir, new_bare.unwrap_or(&new_path))?)
    }

    /// Makes a link. Its target is relative, since an absolute one would mean the host's root to the host.
    pub(crate) fn path_symlink(
        &self,
        guest: &mut dyn Guest,
        target_at: PathAt,
        fd: u32,
        at: PathAt,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_SYMLINK)?;
        let (target, path) = (path(guest, target_at)?, path(guest, at)?);
        host.require_writable()?;
        Ok(host.dir.symlink(target, new_link(host, path)?)?)
    }

    pub(crate) fn path_unlink_file(&self, guest: &mut dyn Guest, fd: u32, at: PathAt) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::PATH_UNLINK_FILE)?;
        let path = path(guest, at)?;
        host.require_writable()?;
        Ok(host.dir.remove_file_or_symlink(no_directory(host, path)?)?)
    }
}

impl OpenRequest {
    fn asks(&self, flag: u32) -> bool {
        self.oflags & flag != 0
    }
    /// The rights that the directory must have, besides these.
    fn needed(&self, mut rights: Rights) -> Rights {
        if self.asks(oflags::CREAT) {
            rights = rights.with(Rights::PATH_CREATE_FILE);
        }
        if self.asks(oflags::TRUNC) {
            rights = rights.with(Rights::PATH_FILESTAT_SET_SIZE);
        }
        rights
    }
    /// Whether flags make sense and no right is asked for that the directory does not pass on.
    fn check(&self, inheriting: Rights) -> Result<(), Errno> {
        follows(self.lookup)?;
        if self.oflags & !oflags::ALL != 0 || self.fdflags & !fdflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        if self.asks(oflags::DIRECTORY) && self.asks(oflags::CREAT | oflags::EXCL | oflags::TRUNC) {
            return Err(Errno::Inval);
        }
        // Some libraries ask for all 64 bits; only known ones mean anything.
        let mut asked = self.base().with(Rights(self.inheriting).and(Rights::ALL));
        if self.fdflags & fdflags::DSYNC != 0 {
            asked = asked.with(Rights::FD_DATASYNC);
        }
        if self.fdflags & (fdflags::SYNC | fdflags::RSYNC) != 0 {
            asked = asked.with(Rights::FD_SYNC);
        }
        if inheriting.contains(asked) { Ok(()) } else { Err(Errno::NotCapable) }
    }
    fn base(&self) -> Rights {
        Rights(self.base).and(Rights::ALL)
    }
    fn writes(&self) -> bool {
        // A directory is never open for writing, whatever rights are asked for.
        self.base().contains(Rights::FD_WRITE) && !self.asks(oflags::DIRECTORY)
    }
    /// Whether opening changes something, or lets the guest do so.
    fn changes(&self) -> bool {
        self.writes() || self.asks(oflags::CREAT | oflags::EXCL | oflags::TRUNC)
    }
}

fn open(host: &HostDir, path: &Path, request: OpenRequest) -> Result<Entry, Errno> {
    let inheriting = Rights(request.inheriting).and(Rights::ALL);
    let directory = |dir: Dir| {
        let object = Object::Dir(HostDir::new(dir, host.access, None));
        Entry::new(object, request.base().and(Rights::DIRECTORY), inheriting, request.fdflags)
    };
    let follow = follows(request.lookup)?;
    let bare = without_slashes(path);
    if request.asks(oflags::DIRECTORY) {
        let bare = bare.unwrap_or(path);
        // A slash follows a link.
        return Ok(directory(match follow || bare != path {
            true => host.dir.open_dir(bare)?,
            false => host.dir.open_dir_nofollow(bare)?,
        }));
    }
    if bare.is_some() && request.changes() {
        // Only a directory can be meant, which is neither made nor written by opening it.
        return Err(match host.dir.metadata(bare.unwrap_or(path)) {
            Ok(metadata) if !metadata.is_dir() => Errno::NotDir,
            Err(error) if !request.asks(oflags::CREAT) => error.into(),
            _ => Errno::IsDir,
        });
    }

    // Creating and cutting need a descriptor for writing, even where the guest gets no right to write.
    let write = request.changes();
    let read = request.base().and(Rights::FD_READ.with(Rights::FD_READDIR)) != Rights::NONE || !write;
    let mut options = OpenOptions::new();
    options
        .read(read)
        .write(write)
        .create(request.asks(oflags::CREAT))
        .create_new(request.asks(oflags::CREAT) && request.asks(oflags::EXCL))
        .truncate(request.asks(oflags::TRUNC))
        .follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No })
        .maybe_dir(true)
        .dsync(request.fdflags & fdflags::DSYNC != 0)
        .sync(request.fdflags & fdflags::SYNC != 0)
        .rsync(request.fdflags & fdflags::RSYNC != 0)
        // Opening a pipe would wait for its other end, which no interrupt reaches. Waiting is done in `poll`.
        .nonblock(true);
    let file: File = host.dir.open_with(path, &options)?.into_std();
    if Metadata::from_file(&file)?.is_dir() {
        return Ok(directory(Dir::from_std_file(file)));
    }
    if bare.is_some() {
        return Err(Errno::NotDir);
    }
    let file = HostFile::new(file, host.access, Origin::Guest)?;
    if request.fdflags & fdflags::APPEND != 0 {
        set_append(&file.file, request.fdflags)?;
    }
    let base = request.base().and(file.rights());
    Ok(Entry::new(Object::File(file), base, Rights::NONE, request.fdflags))
}
