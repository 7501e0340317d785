//! Listings of directories.
//!
//! A listing is taken when a program starts to read at cookie 0, and kept with the descriptor. A cookie is
//! a position in it, so cookies stay valid while entries come and go, and each entry comes exactly once.

use cap_std::fs::MetadataExt;
use rustix::fs::{Dir as DirStream, FileType as HostType};

use super::Context;
use super::abi::{DIRENT_SIZE, FileType, Rights, encode_dirent};
use super::errno::Errno;
use super::guest::Guest;
use super::object::{HostDir, lock};

/// Entries of one listing. A guest makes entries at the cost of the host's memory; this bounds it to some 64 MiB.
const MAX_ENTRIES: usize = 1 << 20;

/// One entry.
struct Named {
    name: Box<[u8]>,
    ino: u64,
    filetype: FileType,
}

/// The entries of a directory, `.` and `..` first, then by name, so that results do not depend on the host.
pub(super) struct Listing(Vec<Named>);

impl Listing {
    fn take(host: &HostDir) -> Result<Listing, Errno> {
        let own = host.dir.dir_metadata()?.ino();
        // The parent's number is the directory's own: what is above a root is not the guest's to know.
        let dot = |name: &[u8]| Named { name: name.into(), ino: own, filetype: FileType::Directory };
        let mut entries = vec![dot(b"."), dot(b"..")];
        // A stream of its own: the directory's descriptor may have no right to read, and has a position.
        for entry in DirStream::new(host.reopen()?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if entries.len() == MAX_ENTRIES {
                return Err(Errno::Overflow);
            }
            entries.push(Named { name: name.into(), ino: entry.ino(), filetype: filetype(entry.file_type()) });
        }
        entries[2..].sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Listing(entries))
    }
}

fn filetype(host: HostType) -> FileType {
    match host {
        HostType::RegularFile => FileType::RegularFile,
        HostType::Directory => FileType::Directory,
        HostType::Symlink => FileType::SymbolicLink,
        HostType::CharacterDevice => FileType::CharacterDevice,
        HostType::BlockDevice => FileType::BlockDevice,
        HostType::Socket => FileType::SocketStream,
        HostType::Fifo | HostType::Unknown => FileType::Unknown,
    }
}

impl Context {
    /// Writes entries from `cookie` on. Fewer than `len` bytes mean the end; the last entry may be cut.
    pub(crate) fn fd_readdir(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (buffer, len): (u32, u32),
        cookie: u64,
        used_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = entry.dir(Rights::FD_READDIR)?;
        guest.check(buffer, len.into())?;
        guest.check(used_at, 4)?;

        let mut listing = lock(&host.listing);
        if cookie == 0 || listing.is_none() {
            *listing = Some(Listing::take(host)?);
        }
        let entries = listing.as_ref().map_or(&[][..], |listing| &listing.0);
        let start = usize::try_from(cookie).unwrap_or(usize::MAX).min(entries.len());

        let mut used = 0u32;
        for (entry, next) in entries[start..].iter().zip(start as u64 + 1..) {
            let head = encode_dirent(next, entry.ino, entry.name.len() as u32, entry.filetype);
            for part in [&head[..DIRENT_SIZE], &entry.name[..]] {
                let fits = part.len().min((len - used) as usize);
                guest.write(u64::from(buffer) + u64::from(used), &part[..fits])?;
                used += fits as u32;
            }
            if used == len {
                break;
            }
        }
        guest.write_u32(used_at, used)
    }
}
