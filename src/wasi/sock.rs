//! The functions on sockets: `sock_*`. A program gets sockets from its host and accepts connections on them;
//! preview 1 has no way to make one.

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, Shutdown, SocketFlags};

use super::Context;
use super::abi::{FileType, RECV_DATA_TRUNCATED, Rights, fdflags, riflags, sdflags};
use super::config::Access;
use super::errno::Errno;
use super::guest::{Guest, Iovecs};
use super::object::{Entry, HostFile, Object, Origin, lock};

fn socket(entry: &Entry, rights: Rights) -> Result<&HostFile, Errno> {
    match &entry.object {
        Object::File(host) if host.is_socket() => {
            entry.require(rights)?;
            Ok(host)
        }
        _ => Err(Errno::NotSock),
    }
}

impl Context {
    pub(crate) fn sock_accept(&self, guest: &mut dyn Guest, fd: u32, flags: u32, out: u32) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = socket(&entry, Rights::SOCK_ACCEPT)?;
        if flags & !fdflags::NONBLOCK != 0 {
            return Err(Errno::Inval);
        }
        guest.check(out, 4)?;
        lock(&self.table).require_room()?;
        let accepted = host.retry(guest, PollFlags::IN, entry.is_nonblocking(), |socket| {
            rustix::net::accept_with(socket, SocketFlags::CLOEXEC)
        })?;
        let accepted = HostFile::new(File::from(accepted), Access::ReadWrite, Origin::Guest)?;
        let rights = Rights::SOCKET.and(entry.status().inheriting);
        let accepted = Entry::new(Object::File(accepted), rights, Rights::NONE, flags);
        let number = lock(&self.table).insert(Arc::new(accepted))?;
        guest.write_u32(out, number)
    }

    pub(crate) fn sock_recv(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        flags: u32,
        read_at: u32,
        flags_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        let host = socket(&entry, Rights::FD_READ)?;
        if flags & !riflags::ALL != 0 {
            return Err(Errno::Inval);
        }
        guest.check(read_at, 4)?;
        guest.check(flags_at, 2)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        let peek = flags & riflags::PEEK != 0;
        // A peek does not move on, so it is one transfer. The rest waits for all by itself, interruptibly.
        let again = flags & riflags::WAITALL != 0 && !peek && host.filetype == FileType::SocketStream;
        let mut host_flags = RecvFlags::DONTWAIT;
        if peek {
            host_flags |= RecvFlags::PEEK;
        }
        if host.filetype == FileType::SocketDgram {
            // The kernel then tells the whole length.
            host_flags |= RecvFlags::TRUNC;
        }
        // Asking a stream for nothing must not wait for something.
        if iovecs.total == 0 && host.filetype == FileType::SocketStream {
            guest.write_u32(read_at, 0)?;
            return guest.write_u16(flags_at, 0);
        }
        let mut truncated = false;
        let read = iovecs.fill(guest, |guest, buffer| {
            let mut filled = 0;
            loop {
                let rest = &mut buffer[filled..];
                let received = host.retry(guest, PollFlags::IN, entry.is_nonblocking(), |socket| {
                    rustix::net::recv(socket, &mut *rest, host_flags)
                });
                let (count, whole) = match received {
                    Ok(received) => received,
                    Err(_) if filled > 0 => return Ok((filled, ControlFlow::Break(()))),
                    Err(error) => return Err(error),
                };
                truncated |= whole > count;
                filled += count;
                if !again {
                    return Ok((filled, ControlFlow::Break(())));
                }
                if count == 0 || filled == buffer.len() {
                    return Ok((filled, ControlFlow::Continue(())));
                }
            }
        })?;
        guest.write_u32(read_at, read)?;
        guest.write_u16(flags_at, if truncated { RECV_DATA_TRUNCATED } else { 0 })
    }

    pub(crate) fn sock_send(
        &self,
        guest: &mut dyn Guest,
        fd: u32,
        (iovs, count): (u32, u32),
        flags: u32,
        written_at: u32,
    ) -> Result<(), Errno> {
        let entry = self.entry(fd)?;
        socket(&entry, Rights::FD_WRITE)?;
        if flags != 0 {
            return Err(Errno::Inval);
        }
        guest.check(written_at, 4)?;
        let iovecs = Iovecs::read(guest, iovs, count)?;
        let written = iovecs.drain(guest, |guest, bytes| entry.write(guest, bytes))?;
        guest.write_u32(written_at, written)
    }

    pub(crate) fn sock_shutdown(&self, fd: u32, how: u32) -> Result<(), Errno> {
        const BOTH: u32 = sdflags::RD | sdflags::WR;
        let entry = self.entry(fd)?;
        let host = socket(&entry, Rights::SOCK_SHUTDOWN)?;
        let how = match how {
            sdflags::RD => Shutdown::Read,
            sdflags::WR => Shutdown::Write,
            BOTH => Shutdown::Both,
            _ => return Err(Errno::Inval),
        };
        Ok(rustix::net::shutdown(&host.file, how)?)
    }
}
