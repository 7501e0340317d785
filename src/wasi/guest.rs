//! How WASI reaches the caller: its memory, and whether its call was interrupted.
//!
//! Every address and length comes from the guest; nothing is believed before [`Guest::check`]. Bytes move
//! in pieces, so that no allocation grows with a number that the guest chose.

use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use super::errno::Errno;

/// Bytes that are copied at once between the host and a guest's memory.
pub(crate) const PIECE_BYTES: usize = 64 << 10;
/// Vectors that one call may name, as `IOV_MAX` on Linux.
const MAX_IOVECS: u32 = 1024;
/// Bytes of a path, as `PATH_MAX` on Linux.
const MAX_PATH_BYTES: u32 = 4096;

/// The caller of a WASI function.
pub(crate) trait Guest {
    /// Bytes of its memory, 0 without one. Never shrinks during a call.
    fn size(&self) -> u64;
    /// Copies out of the memory; `Fault`, and nothing copied, if out of bounds.
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Errno>;
    /// Copies into the memory; `Fault`, and nothing copied, if out of bounds.
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Errno>;
    /// What becomes readable when the call is interrupted.
    fn wake_fd(&self) -> Option<BorrowedFd<'_>>;
    /// Whether the call was interrupted.
    fn is_interrupted(&self) -> bool;

    /// `Fault` unless `len` bytes at `address` are in the memory.
    fn check(&self, address: u32, len: u64) -> Result<(), Errno> {
        if u64::from(address) + len <= self.size() { Ok(()) } else { Err(Errno::Fault) }
    }
    fn read_u32(&self, address: u64) -> Result<u32, Errno> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
    fn write_u16(&mut self, address: u32, value: u16) -> Result<(), Errno> {
        self.write(address.into(), &value.to_le_bytes())
    }
    fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address.into(), &value.to_le_bytes())
    }
    fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address.into(), &value.to_le_bytes())
    }
}

/// The bytes of a path. A NUL is refused here, since hosts would cut the path there.
pub(crate) fn read_path(guest: &dyn Guest, address: u32, len: u32) -> Result<Vec<u8>, Errno> {
    guest.check(address, len.into())?;
    if len > MAX_PATH_BYTES {
        return Err(Errno::NameTooLong);
    }
    let mut path = vec![0; len as usize];
    guest.read(address.into(), &mut path)?;
    if path.contains(&0) { Err(Errno::Inval) } else { Ok(path) }
}

/// Buffers in the guest's memory, all of them in bounds.
pub(crate) struct Iovecs {
    parts: Vec<(u32, u32)>,
    /// Bytes in all of them, less than 2^32.
    pub(crate) total: u32,
    /// The next byte: a part, and how much of it is done.
    part: usize,
    done: u32,
}

impl Iovecs {
    pub(crate) fn read(guest: &dyn Guest, address: u32, count: u32) -> Result<Iovecs, Errno> {
        if count > MAX_IOVECS {
            return Err(Errno::Inval);
        }
        guest.check(address, u64::from(count) * 8)?;
        let mut parts = Vec::with_capacity(count as usize);
        let mut total = 0u32;
        for at in (0..u64::from(count)).map(|i| u64::from(address) + 8 * i) {
            let (buffer, len) = (guest.read_u32(at)?, guest.read_u32(at + 4)?);
            guest.check(buffer, len.into())?;
            total = total.checked_add(len).ok_or(Errno::Inval)?;
            parts.push((buffer, len));
        }
        Ok(Iovecs { parts, total, part: 0, done: 0 })
    }

    /// Calls `visit` with (address, length) of what the next `len` bytes lie in, and moves behind them.
    fn advance(&mut self, mut len: usize, mut visit: impl FnMut(u64, usize) -> Result<(), Errno>) -> Result<(), Errno> {
        while len > 0 {
            let Some(&(buffer, size)) = self.parts.get(self.part) else { return Ok(()) };
            let here = (size - self.done).min(u32::try_from(len).unwrap_or(u32::MAX));
            visit(u64::from(buffer) + u64::from(self.done), here as usize)?;
            len -= here as usize;
            self.done += here;
            if self.done == size {
                (self.part, self.done) = (self.part + 1, 0);
            }
        }
        Ok(())
    }

    /// Fills the buffers from `source`, which returns how many bytes it wrote and whether to go on.
    /// An error counts only before the first byte.
    pub(crate) fn fill(
        mut self,
        guest: &mut dyn Guest,
        mut source: impl FnMut(&dyn Guest, &mut [u8]) -> Result<(usize, ControlFlow<()>), Errno>,
    ) -> Result<u32, Errno> {
        let mut piece = vec![0; PIECE_BYTES.min(self.total as usize)];
        let mut filled = 0u32;
        loop {
            let want = piece.len().min((self.total - filled) as usize);
            let (count, flow) = match source(guest, &mut piece[..want]) {
                Ok((count, flow)) => (count.min(want), flow),
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            };
            let mut from = 0;
            self.advance(count, |address, len| {
                guest.write(address, &piece[from..from + len])?;
                from += len;
                Ok(())
            })?;
            filled += count as u32;
            if flow.is_break() || count < want || filled == self.total || guest.is_interrupted() {
                return Ok(filled);
            }
        }
    }

    /// Empties the buffers into `sink`, which returns how many bytes it took. A short count ends the transfer,
    /// and an error counts only before the first byte.
    pub(crate) fn drain(
        mut self,
        guest: &mut dyn Guest,
        mut sink: impl FnMut(&dyn Guest, &[u8]) -> Result<usize, Errno>,
    ) -> Result<u32, Errno> {
        let mut piece = vec![0; PIECE_BYTES.min(self.total as usize)];
        let mut drained = 0u32;
        loop {
            let want = piece.len().min((self.total - drained) as usize);
            let mut to = 0;
            self.advance(want, |address, len| {
                guest.read(address, &mut piece[to..to + len])?;
                to += len;
                Ok(())
            })?;
            let count = match sink(guest, &piece[..want]) {
                Ok(count) => count.min(want),
                Err(_) if drained > 0 => return Ok(drained),
                Err(error) => return Err(error),
            };
            drained += count as u32;
            if count < want || drained == self.total || guest.is_interrupted() {
                return Ok(drained);
            }
        }
    }
}
