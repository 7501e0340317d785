//! Functions: host functions, calls from the host.

use super::instance::Instance;
use super::memory::Memory;
use super::store::{Handle, Store};
use super::value::Val;
use crate::abi::call::RawVal;
use crate::error::Result;
use crate::types::FuncType;
use std::sync::Arc;
use std::time::Duration;

/// A function of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func(pub Handle);

/// A host function with checked values. `results` arrive zeroed, and must keep their types.
/// Its drop is the finalizer: it runs exactly once, on the thread that drops the last user.
pub type HostCallback = Arc<dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync>;
/// A host function on raw cells: arguments in, results out, in the same array of `raw_cells(type)` cells.
pub type RawHostCallback = Arc<dyn Fn(&mut Caller<'_>, *mut RawVal) -> Result<()> + Send + Sync>;

/// What a host function may reach while it runs.
pub struct Caller<'a> {
    store: &'a mut Store,
    instance: Option<Instance>,
}

impl Caller<'_> {
    /// The store that is running.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }
    /// The calling instance; None if the host called the function directly. The handle is borrowed: it
    /// is valid until the host function returns.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }
    /// The caller's memory: its export "memory", else its only memory. Borrowed, as above.
    pub fn memory(&mut self) -> Option<Memory> {
        todo!()
    }
}

impl Func {
    pub fn new(store: &mut Store, ty: FuncType, callback: HostCallback) -> Result<Func> {
        todo!()
    }
    pub fn new_raw(store: &mut Store, ty: FuncType, callback: RawHostCallback) -> Result<Func> {
        todo!()
    }
    pub fn ty(self, store: &Store) -> Result<FuncType> {
        todo!()
    }
    /// Calls with checked arguments. `results.len()` must equal the number of results; it is written only on success.
    /// References in `results` are new handles, owned by the caller.
    pub fn call(self, store: &mut Store, args: &[Val], results: &mut [Val]) -> Result<()> {
        todo!()
    }
    /// As `call`; traps with `TrapCode::Deadline` when `timeout` has passed.
    pub fn call_with_timeout(
        self,
        store: &mut Store,
        args: &[Val],
        results: &mut [Val],
        timeout: Duration,
    ) -> Result<()> {
        todo!()
    }
    /// Calls with unchecked values.
    ///
    /// # Safety
    /// `values` points to `raw_cells(type)` cells that hold arguments of the function's parameter types.
    pub unsafe fn call_raw(self, store: &mut Store, values: *mut RawVal) -> Result<()> {
        todo!()
    }
    /// The raw form of a reference to this function.
    pub fn to_raw(self, store: &Store) -> Result<usize> {
        todo!()
    }
    /// The function behind a raw reference, as a new handle; None for null.
    ///
    /// # Safety
    /// `raw` is 0 or came from `to_raw` or from a result of this store whose function is alive.
    pub unsafe fn from_raw(store: &mut Store, raw: usize) -> Option<Func> {
        todo!()
    }
}
