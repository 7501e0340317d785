//! Arguments, environment, and the end of a program.

use super::Context;
use super::check_string;
use super::errno::Errno;
use super::guest::Guest;
use crate::error::{Error, Result as HostResult};
use crate::trap::{Trap, TrapCode};

/// Signal numbers of the interface end here.
const MAX_SIGNAL: u32 = 30;
/// Child, continue, urgent, window: ignored unless handled, and there are no handlers. And 0, which is none.
const IGNORED_SIGNALS: [u32; 5] = [0, 16, 17, 22, 27];
/// Stop, and its three kinds for terminals: there is no one who could continue the program.
const STOP_SIGNALS: [u32; 4] = [18, 19, 20, 21];

/// Strings as the guest gets them: one after the other, each with its NUL.
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each one begins.
    starts: Vec<u32>,
}

impl Strings {
    pub(super) fn new(what: &'static str, strings: Vec<Vec<u8>>) -> HostResult<Strings> {
        let mut joined = Strings { bytes: Vec::new(), starts: Vec::new() };
        for string in strings {
            check_string(what, &string)?;
            let limit = || Error::Limit { what, asked: joined.bytes.len() as u64, limit: u32::MAX.into() };
            joined.starts.push(u32::try_from(joined.bytes.len()).map_err(|_| limit())?);
            joined.bytes.extend_from_slice(&string);
            joined.bytes.push(0);
        }
        let asked = joined.bytes.len() as u64;
        if asked > u32::MAX.into() {
            return Err(Error::Limit { what, asked, limit: u32::MAX.into() });
        }
        Ok(joined)
    }

    /// Writes the bytes to `buffer` and the address of each string to `pointers`.
    fn get(&self, guest: &mut dyn Guest, pointers: u32, buffer: u32) -> Result<(), Errno> {
        guest.check(pointers, self.starts.len() as u64 * 4)?;
        guest.check(buffer, self.bytes.len() as u64)?;
        for (i, start) in (0u64..).zip(&self.starts) {
            guest.write(u64::from(pointers) + 4 * i, &(buffer.wrapping_add(*start)).to_le_bytes())?;
        }
        guest.write(buffer.into(), &self.bytes)
    }

    fn sizes_get(&self, guest: &mut dyn Guest, count: u32, bytes: u32) -> Result<(), Errno> {
        guest.check(count, 4)?;
        guest.check(bytes, 4)?;
        guest.write_u32(count, self.starts.len() as u32)?;
        guest.write_u32(bytes, self.bytes.len() as u32)
    }
}

/// The error that ends the program and carries its status to the host.
pub(super) fn proc_exit(status: u32) -> Error {
    let mut trap = Trap::new(TrapCode::Exit);
    trap.message = format!("program exited with status {status}").into();
    trap.exit_status = Some(status as i32);
    trap.into()
}

impl Context {
    pub(crate) fn args_get(&self, guest: &mut dyn Guest, argv: u32, buffer: u32) -> Result<(), Errno> {
        self.args.get(guest, argv, buffer)
    }
    pub(crate) fn args_sizes_get(&self, guest: &mut dyn Guest, count: u32, bytes: u32) -> Result<(), Errno> {
        self.args.sizes_get(guest, count, bytes)
    }
    pub(crate) fn environ_get(&self, guest: &mut dyn Guest, environ: u32, buffer: u32) -> Result<(), Errno> {
        self.env.get(guest, environ, buffer)
    }
    pub(crate) fn environ_sizes_get(&self, guest: &mut dyn Guest, count: u32, bytes: u32) -> Result<(), Errno> {
        self.env.sizes_get(guest, count, bytes)
    }
    /// The default action of the signal, in the program and never in the host's process: it ends with the
    /// status that a shell would show, or nothing happens.
    pub(crate) fn proc_raise(&self, signal: u32) -> HostResult<Result<(), Errno>> {
        match signal {
            signal if signal > MAX_SIGNAL => Ok(Err(Errno::Inval)),
            signal if IGNORED_SIGNALS.contains(&signal) => Ok(Ok(())),
            signal if STOP_SIGNALS.contains(&signal) => Ok(Err(Errno::NotSup)),
            signal => Err(proc_exit(128 + signal)),
        }
    }
}
