//! Functions: calls from the host.
//!
//! A function object exists for every host function, and for every WebAssembly function that the host
//! holds; the latter finds its object again through `VmFuncRef::handle`.

use std::time::{Duration, Instant};

use super::cells::Scratch;
use super::host::HostFunc;
pub(crate) use super::host::{Callback, Native, NativeCall, NativeRaw};
pub use super::host::{Caller, HostCallback, RawHostCallback};
use super::store::{Handle, Store, StoreInner};
use super::value::Val;
use crate::abi::call::{RawVal, raw_cells};
use crate::abi::vmctx::VmFuncRef;
use crate::compile::trampoline::TypeEntry;
use crate::error::{Error, Result};
use crate::types::FuncType;

/// A function of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func(pub Handle);

/// What the store keeps about a function that the host knows.
pub(super) struct FuncObject {
    pub(super) funcref: *const VmFuncRef,
    pub(super) owner: FuncOwner,
    pub(super) ty: TypeEntry,
    /// The entry trampoline of its type, 0 until the first call.
    pub(super) trampoline: usize,
    pub(super) floats: Floats,
}

/// Whether a function depends on the floating-point environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Floats {
    /// It may.
    Possible,
    /// It surely does not; known from the first call on.
    None,
}

/// Who keeps the function's reference alive.
pub(super) enum FuncOwner {
    Instance(u32),
    /// Only held, never read: the callback goes with the object.
    Host(#[allow(dead_code)] Box<HostFunc>),
}

/// Argument and result cells that fit on the stack of a checked call.
const STACK_CELLS: usize = 16;

impl Func {
    /// A host function with checked values.
    pub fn new(store: &mut Store, ty: FuncType, callback: HostCallback) -> Result<Func> {
        HostFunc::create(store.inner_mut(), ty, Callback::Checked(callback))
    }

    /// A host function on raw cells.
    pub fn new_raw(store: &mut Store, ty: FuncType, callback: RawHostCallback) -> Result<Func> {
        HostFunc::create(store.inner_mut(), ty, Callback::Raw(callback))
    }

    /// A host function in C.
    pub(crate) fn new_native(store: &mut Store, ty: FuncType, native: Native) -> Result<Func> {
        HostFunc::create(store.inner_mut(), ty, Callback::Native(native))
    }

    /// The function's type.
    pub fn ty(self, store: &Store) -> Result<FuncType> {
        Ok(store.inner().funcs.get(self.0)?.ty.ty().clone())
    }

    /// Calls with checked arguments. `results.len()` must equal the number of results; it is written only on
    /// success. References in `results` are new handles, owned by the caller.
    pub fn call(self, store: &mut Store, args: &[Val], results: &mut [Val]) -> Result<()> {
        let inner = store.inner_mut();
        let index = inner.funcs.resolve(self.0)?;
        let object = inner.funcs.at(index);
        // SAFETY: the type lives as long as the object, which stays: nothing is reclaimed during the call, nor
        // while its results are read.
        let ty = unsafe { &*std::ptr::from_ref(object.ty.ty()) };
        let (params, result_types) = (ty.params(), ty.results());
        if args.len() != params.len() {
            return Err(Error::misuse(format!("args: {} given, the function takes {}", args.len(), params.len())));
        }
        if results.len() != result_types.len() {
            return Err(Error::misuse(format!(
                "results: room for {}, the function gives {}",
                results.len(),
                result_types.len()
            )));
        }
        let mut scratch = Scratch::<RawVal, STACK_CELLS>::new();
        let values = scratch.fill(raw_cells(ty), RawVal::default());
        for (i, (arg, ty)) in args.iter().zip(params).enumerate() {
            if arg.ty() != *ty {
                return Err(Error::misuse(format!("args[{i}]: a {} given, the function takes a {ty}", arg.ty())));
            }
            values[i] = inner.to_raw(arg)?;
        }
        // SAFETY: there are enough cells, and the arguments have the parameter types.
        unsafe { StoreInner::call(inner, index, values.as_mut_ptr()) }?;
        for ((result, ty), raw) in results.iter_mut().zip(result_types).zip(&*values) {
            // SAFETY: the function stored a value of this type.
            *result = unsafe { inner.value_from_raw(*ty, raw) }?;
        }
        Ok(())
    }

    /// As `call`; traps with `TrapCode::Deadline` when `timeout` has passed.
    pub fn call_with_timeout(
        self,
        store: &mut Store,
        args: &[Val],
        results: &mut [Val],
        timeout: Duration,
    ) -> Result<()> {
        if !store.engine().config().interrupts {
            return Err(Error::misuse("timeout: the engine was made without interrupts"));
        }
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            return self.call(store, args, results);
        };
        let outer = store.inner_mut().deadline.take();
        store.inner_mut().deadline = Some(outer.map_or(deadline, |outer| outer.min(deadline)));
        let outcome = store
            .engine()
            .timer()
            .start(deadline, store.inner().shared.clone())
            .and_then(|_running| self.call(store, args, results));
        let inner = store.inner_mut();
        inner.deadline = outer;
        // Ending the inner deadline took the outer one's request back as well, if there was one.
        if outer.is_some_and(|outer| outer <= Instant::now()) {
            inner.shared.request_deadline();
        }
        outcome
    }

    /// Calls with unchecked values.
    ///
    /// # Safety
    /// `values` points to `raw_cells(type)` cells that hold arguments of the function's parameter types.
    pub unsafe fn call_raw(self, store: &mut Store, values: *mut RawVal) -> Result<()> {
        let inner = store.inner_mut();
        let index = inner.funcs.resolve(self.0)?;
        // SAFETY: the caller's contract.
        unsafe { StoreInner::call(inner, index, values) }
    }

    /// The raw form of a reference to this function.
    pub fn to_raw(self, store: &Store) -> Result<usize> {
        Ok(store.inner().funcs.get(self.0)?.funcref as usize)
    }

    /// The function behind a raw reference, as a new handle; None for null.
    ///
    /// # Safety
    /// `raw` is 0 or came from `to_raw` or from a result of this store whose function is alive.
    pub unsafe fn from_raw(store: &mut Store, raw: usize) -> Result<Option<Func>> {
        // SAFETY: the caller's contract.
        unsafe { store.inner_mut().func_from_raw(raw as *const VmFuncRef) }
    }
}

impl StoreInner {
    /// The function behind a reference, as a new handle; None for null.
    ///
    /// # Safety
    /// `funcref` is null or a live reference of this store.
    pub(super) unsafe fn func_from_raw(&mut self, funcref: *const VmFuncRef) -> Result<Option<Func>> {
        if funcref.is_null() {
            return Ok(None);
        }
        // SAFETY: the reference is alive.
        let known = unsafe { (*funcref).handle };
        if known != 0 {
            return Ok(Some(Func(self.funcs.retain(known - 1))));
        }
        // SAFETY: host functions always know their object, so this one is an instance's.
        let owner = unsafe { super::instance::owner_of((*funcref).vmctx) };
        // SAFETY: as above.
        let ty = self.instances.at(owner).module.type_by_id(unsafe { (*funcref).type_id });
        let object =
            FuncObject { funcref, owner: FuncOwner::Instance(owner), ty, trampoline: 0, floats: Floats::Possible };
        let index = self.funcs.insert(object, 1)?;
        // SAFETY: only this thread uses the store's references; machine code never reads this field.
        unsafe { (*funcref.cast_mut()).handle = index + 1 };
        Ok(Some(Func(self.funcs.handle(index))))
    }
}
