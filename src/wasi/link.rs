//! The functions under the names and types by which programs import them.

use std::cell::OnceCell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::abi::Dialect::{self, Preview1, Unstable};
use super::errno::Errno;
use super::guest::Guest;
use super::path::OpenRequest;
use super::process::proc_exit;
use super::{Context, Wasi};
use crate::error::Result;
use crate::runtime::func::Caller;
use crate::runtime::interrupt::InterruptHandle;
use crate::runtime::linker::Linker;
use crate::runtime::memory::Memory;
use crate::runtime::store::Store;
use crate::runtime::value::Val;
use crate::types::{FuncType, ValType};

/// The caller of a host function, as WASI sees it.
struct StoreGuest<'a> {
    store: &'a mut Store,
    memory: Option<Memory>,
    /// Made when a function first asks.
    interrupt: OnceCell<InterruptHandle>,
}

impl StoreGuest<'_> {
    fn interrupt(&self) -> &InterruptHandle {
        self.interrupt.get_or_init(|| self.store.interrupt_handle())
    }
}

impl Guest for StoreGuest<'_> {
    fn size(&self) -> u64 {
        self.memory.and_then(|memory| memory.data(self.store).ok()).map_or(0, |(_, len)| len as u64)
    }
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let memory = self.memory.ok_or(Errno::Fault)?;
        memory.read(self.store, address, buffer).map_err(|_| Errno::Fault)
    }
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let memory = self.memory.ok_or(Errno::Fault)?;
        memory.write(self.store, address, bytes).map_err(|_| Errno::Fault)
    }
    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.interrupt().as_fd().ok()
    }
    fn is_interrupted(&self) -> bool {
        self.interrupt().is_pending()
    }
}

/// Arguments, which the runtime has checked against the function's type.
pub(super) struct Args<'a>(pub(super) &'a [Val]);

impl Args<'_> {
    fn u32(&self, index: usize) -> u32 {
        match self.0.get(index) {
            Some(Val::I32(value)) => *value as u32,
            _ => 0,
        }
    }
    fn u64(&self, index: usize) -> u64 {
        match self.0.get(index) {
            Some(Val::I64(value)) => *value as u64,
            _ => 0,
        }
    }
    /// Two that belong together: an address and a length, mostly.
    fn pair(&self, index: usize) -> (u32, u32) {
        (self.u32(index), self.u32(index + 1))
    }
}

pub(super) type Body = fn(&Context, &mut dyn Guest, &Args<'_>, Dialect) -> Result<(), Errno>;

/// A function: its name, its parameters (`i` for i32, `I` for i64), and what it does. All return an i32.
pub(super) struct Function(pub(super) &'static str, pub(super) &'static str, pub(super) Body);

pub(super) const FUNCTIONS: &[Function] = &[
    Function("args_get", "ii", |c, g, a, _| c.args_get(g, a.u32(0), a.u32(1))),
    Function("args_sizes_get", "ii", |c, g, a, _| c.args_sizes_get(g, a.u32(0), a.u32(1))),
    Function("environ_get", "ii", |c, g, a, _| c.environ_get(g, a.u32(0), a.u32(1))),
    Function("environ_sizes_get", "ii", |c, g, a, _| c.environ_sizes_get(g, a.u32(0), a.u32(1))),
    Function("clock_res_get", "ii", |c, g, a, _| c.clock_res_get(g, a.u32(0), a.u32(1))),
    Function("clock_time_get", "iIi", |c, g, a, _| c.clock_time_get(g, a.u32(0), a.u32(2))),
    Function("fd_advise", "iIIi", |c, _, a, _| c.fd_advise(a.u32(0), a.u64(1), a.u64(2), a.u32(3))),
    Function("fd_allocate", "iII", |c, _, a, _| c.fd_allocate(a.u32(0), a.u64(1), a.u64(2))),
    Function("fd_close", "i", |c, _, a, _| c.fd_close(a.u32(0))),
    Function("fd_datasync", "i", |c, _, a, _| c.fd_datasync(a.u32(0))),
    Function("fd_fdstat_get", "ii", |c, g, a, _| c.fd_fdstat_get(g, a.u32(0), a.u32(1))),
    Function("fd_fdstat_set_flags", "ii", |c, _, a, _| c.fd_fdstat_set_flags(a.u32(0), a.u32(1))),
    Function("fd_fdstat_set_rights", "iII", |c, _, a, _| c.fd_fdstat_set_rights(a.u32(0), a.u64(1), a.u64(2))),
    Function("fd_filestat_get", "ii", |c, g, a, d| c.fd_filestat_get(g, a.u32(0), a.u32(1), d)),
    Function("fd_filestat_set_size", "iI", |c, _, a, _| c.fd_filestat_set_size(a.u32(0), a.u64(1))),
    Function("fd_filestat_set_times", "iIIi", |c, _, a, _| {
        c.fd_filestat_set_times(a.u32(0), a.u64(1), a.u64(2), a.u32(3))
    }),
    Function("fd_pread", "iiiIi", |c, g, a, _| c.fd_pread(g, a.u32(0), a.pair(1), a.u64(3), a.u32(4))),
    Function("fd_prestat_get", "ii", |c, g, a, _| c.fd_prestat_get(g, a.u32(0), a.u32(1))),
    Function("fd_prestat_dir_name", "iii", |c, g, a, _| c.fd_prestat_dir_name(g, a.u32(0), a.u32(1), a.u32(2))),
    Function("fd_pwrite", "iiiIi", |c, g, a, _| c.fd_pwrite(g, a.u32(0), a.pair(1), a.u64(3), a.u32(4))),
    Function("fd_read", "iiii", |c, g, a, _| c.fd_read(g, a.u32(0), a.pair(1), a.u32(3))),
    Function("fd_readdir", "iiiIi", |c, g, a, _| c.fd_readdir(g, a.u32(0), a.pair(1), a.u64(3), a.u32(4))),
    Function("fd_renumber", "ii", |c, _, a, _| c.fd_renumber(a.u32(0), a.u32(1))),
    Function("fd_seek", "iIii", |c, g, a, d| c.fd_seek(g, a.u32(0), a.u64(1) as i64, a.u32(2), a.u32(3), d)),
    Function("fd_sync", "i", |c, _, a, _| c.fd_sync(a.u32(0))),
    Function("fd_tell", "ii", |c, g, a, _| c.fd_tell(g, a.u32(0), a.u32(1))),
    Function("fd_write", "iiii", |c, g, a, _| c.fd_write(g, a.u32(0), a.pair(1), a.u32(3))),
    Function("path_create_directory", "iii", |c, g, a, _| c.path_create_directory(g, a.u32(0), a.pair(1))),
    Function("path_filestat_get", "iiiii", |c, g, a, d| c.path_filestat_get(g, a.pair(0), a.pair(2), a.u32(4), d)),
    Function("path_filestat_set_times", "iiiiIIi", |c, g, a, _| {
        c.path_filestat_set_times(g, a.pair(0), a.pair(2), (a.u64(4), a.u64(5)), a.u32(6))
    }),
    Function("path_link", "iiiiiii", |c, g, a, _| c.path_link(g, a.pair(0), a.pair(2), a.u32(4), a.pair(5))),
    Function("path_open", "iiiiiIIii", |c, g, a, _| {
        let request =
            OpenRequest { lookup: a.u32(1), oflags: a.u32(4), base: a.u64(5), inheriting: a.u64(6), fdflags: a.u32(7) };
        c.path_open(g, a.u32(0), a.pair(2), request, a.u32(8))
    }),
    Function("path_readlink", "iiiiii", |c, g, a, _| c.path_readlink(g, a.u32(0), a.pair(1), a.pair(3), a.u32(5))),
    Function("path_remove_directory", "iii", |c, g, a, _| c.path_remove_directory(g, a.u32(0), a.pair(1))),
    Function("path_rename", "iiiiii", |c, g, a, _| c.path_rename(g, a.u32(0), a.pair(1), a.u32(3), a.pair(4))),
    Function("path_symlink", "iiiii", |c, g, a, _| c.path_symlink(g, a.pair(0), a.u32(2), a.pair(3))),
    Function("path_unlink_file", "iii", |c, g, a, _| c.path_unlink_file(g, a.u32(0), a.pair(1))),
    Function("poll_oneoff", "iiii", |c, g, a, d| c.poll_oneoff(g, a.pair(0), a.u32(2), a.u32(3), d)),
    Function("sched_yield", "", |c, _, _, _| c.sched_yield()),
    Function("random_get", "ii", |c, g, a, _| c.random_get(g, a.u32(0), a.u32(1))),
    Function("sock_accept", "iii", |c, g, a, _| c.sock_accept(g, a.u32(0), a.u32(1), a.u32(2))),
    Function("sock_recv", "iiiiii", |c, g, a, _| c.sock_recv(g, a.u32(0), a.pair(1), a.u32(3), a.u32(4), a.u32(5))),
    Function("sock_send", "iiiii", |c, g, a, _| c.sock_send(g, a.u32(0), a.pair(1), a.u32(3), a.u32(4))),
    Function("sock_shutdown", "ii", |c, _, a, _| c.sock_shutdown(a.u32(0), a.u32(1))),
];

fn types(letters: &str) -> impl Iterator<Item = ValType> {
    letters.chars().map(|letter| if letter == 'I' { ValType::I64 } else { ValType::I32 })
}

/// Hands the error number to the guest.
fn finish(results: &mut [Val], outcome: Result<(), Errno>) -> Result<()> {
    let errno = outcome.err().unwrap_or(Errno::Success);
    if let Some(result) = results.first_mut() {
        *result = Val::I32(errno as i32);
    }
    Ok(())
}

impl Wasi {
    /// Defines `wasi_snapshot_preview1` and `wasi_unstable` in the linker. What is instantiated with it shares
    /// this context: one linker, or one with shadowing, for each program.
    pub fn add_to_linker(&self, linker: &mut Linker) -> Result<()> {
        for (module, dialect) in [("wasi_snapshot_preview1", Preview1), ("wasi_unstable", Unstable)] {
            for function in FUNCTIONS {
                // Younger than `wasi_unstable`.
                if dialect == Unstable && function.0 == "sock_accept" {
                    continue;
                }
                self.define(linker, module, function, dialect)?;
            }
            let exit = FuncType::new([ValType::I32], []);
            linker.define_func(module, "proc_exit", exit, Arc::new(|_, args, _| Err(proc_exit(Args(args).u32(0)))))?;
            let raise = FuncType::new([ValType::I32], [ValType::I32]);
            let context = self.context.clone();
            linker.define_func(
                module,
                "proc_raise",
                raise,
                Arc::new(move |_, args, results| finish(results, context.proc_raise(Args(args).u32(0))?)),
            )?;
        }
        Ok(())
    }

    fn define(&self, linker: &mut Linker, module: &str, function: &Function, dialect: Dialect) -> Result<()> {
        let Function(name, params, body) = *function;
        let context = self.context.clone();
        let call = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
            let memory = caller.memory();
            let mut guest = StoreGuest { store: caller.store(), memory, interrupt: OnceCell::new() };
            finish(results, body(&context, &mut guest, &Args(args), dialect))
        };
        linker.define_func(module, name, FuncType::new(types(params), [ValType::I32]), Arc::new(call))
    }
}
