//! Functions: calls from the host.
//!
//! A function object exists for every host function, and for every WebAssembly function that the host
//! holds; the latter finds its object again through `VmFuncRef::handle`.

use std::time::{Duration, Instant};

use super::cells::Scratch;
use super::enter::{enter_wasm, stack_pointer};
use super::float_env;
use super::host::HostFunc;
pub use super::host::{Caller, HostCallback, RawHostCallback};
use super::store::{Handle, Store, StoreInner};
use super::value::Val;
use crate::abi::call::RawVal;
use crate::abi::vmctx::{Activation, VmFuncRef};
use crate::compile::trampoline::TypeEntry;
use crate::error::{Error, Result};
use crate::limits::STACK_HEADROOM;
use crate::sys::threads;
use crate::trap::TrapCode;
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
        HostFunc::create(store.inner_mut(), ty, super::host::Callback::Checked(callback))
    }

    /// A host function on raw cells.
    pub fn new_raw(store: &mut Store, ty: FuncType, callback: RawHostCallback) -> Result<Func> {
        HostFunc::create(store.inner_mut(), ty, super::host::Callback::Raw(callback))
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
        let values = scratch.fill(params.len().max(result_types.len()), RawVal::default());
        for (i, (arg, ty)) in args.iter().zip(params).enumerate() {
            if arg.ty() != *ty {
                return Err(Error::misuse(format!("args[{i}]: a {} given, the function takes a {ty}", arg.ty())));
            }
            values[i] = inner.to_raw(arg)?;
        }
        // SAFETY: there are enough cells, and the arguments have the parameter types.
        unsafe { inner.call(index, values.as_mut_ptr()) }?;
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
        unsafe { inner.call(index, values) }
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
    /// Calls a function of the store.
    ///
    /// # Safety
    /// `values` holds arguments of the parameter types and has room for the results.
    unsafe fn call(&mut self, index: u32, values: *mut RawVal) -> Result<()> {
        let object = self.funcs.at_mut(index);
        if object.trampoline == 0 {
            object.trampoline = self.engine.entry_trampoline(&object.ty)?;
        }
        let (funcref, trampoline) = (object.funcref, object.trampoline);
        // SAFETY: the object keeps the reference alive, the trampoline has its type, and the caller vouches
        // for the values.
        unsafe { self.enter(funcref, trampoline, values) }
    }

    /// Enters WebAssembly.
    ///
    /// # Safety
    /// - `funcref` is a live function of this store, whose type `trampoline` was made for.
    /// - `values` holds arguments of the parameter types and has room for the results.
    pub(super) unsafe fn enter(
        &mut self,
        funcref: *const VmFuncRef,
        trampoline: usize,
        values: *mut RawVal,
    ) -> Result<()> {
        let sp = stack_pointer();
        let vm = self.vm();
        // SAFETY: this thread owns the store.
        let (prev, prev_exit_fp) = unsafe {
            // Activations that lie below the stack pointer were jumped over by a host's longjmp.
            while !(*vm).activation.is_null() && was_left((*vm).activation as usize, sp) {
                (*vm).exit_fp = (*(*vm).activation).prev_exit_fp;
                (*vm).activation = (*(*vm).activation).prev;
            }
            ((*vm).activation, (*vm).exit_fp)
        };
        let outer_limit = self.stack_limit;
        if let Err(error) = self.may_enter(sp, prev) {
            self.restore_stack_limit(outer_limit, prev);
            return Err(error);
        }
        let float_env = float_env::enter();
        let mut activation = Activation { entry_fp: 0, prev, prev_exit_fp, store: vm, float_env };
        // SAFETY: the function is alive; the activation outlives the call; the caller vouches for the rest.
        let trapped = unsafe {
            (*vm).activation = &mut activation;
            let (slot, vmctx) = ((*funcref).slot, (*funcref).vmctx);
            // Acquire: pairs with the Release store that publishes the function's code.
            let code = (*slot).0.load(std::sync::atomic::Ordering::Acquire);
            enter_wasm(&mut activation, trampoline, vmctx, std::ptr::null_mut(), code, values)
        };
        // A host function may have changed it.
        float_env::restore(activation.float_env);
        // SAFETY: as above.
        unsafe {
            (*vm).activation = prev;
            (*vm).exit_fp = prev_exit_fp;
        }
        self.restore_stack_limit(outer_limit, prev);
        if trapped == 0 {
            return Ok(());
        }
        Err(self.pending.take().unwrap_or_else(|| Error::Bug { reason: "unwound without a trap".into() }))
    }

    /// Gives the call around, if there is one, its limit back: the one that ended may have run on another stack.
    fn restore_stack_limit(&mut self, outer: usize, prev: *mut Activation) {
        if self.stack_limit != outer && !prev.is_null() {
            self.stack_limit = outer;
            self.shared.set_stack_limit(outer);
        }
    }

    /// Sets the limit for a call that starts at `sp`, and takes what was requested before it.
    fn may_enter(&mut self, sp: usize, prev: *mut Activation) -> Result<()> {
        self.place_stack_limit(sp, prev)?;
        match self.shared.is_requested().then(|| self.shared.take(self.stack_limit)).flatten() {
            Some(code) => Err(code.into()),
            None => Ok(()),
        }
    }

    /// Sets the limit for a call that starts at `sp`. Inside another call on the same stack, the limit stays.
    fn place_stack_limit(&mut self, sp: usize, prev: *mut Activation) -> Result<()> {
        // A call inside of another on the same stack lies below it.
        if prev.is_null() || (prev as usize) < sp || !on_same_stack(prev as usize, sp) {
            let bounds = threads::stack_bounds()?;
            let by_size = sp.saturating_sub(self.engine.config().max_stack);
            let limit = if bounds.contains(sp) { by_size.max(bounds.low + STACK_HEADROOM) } else { by_size };
            if limit != self.stack_limit {
                self.stack_limit = limit;
                self.shared.set_stack_limit(limit);
            }
        }
        if sp < self.stack_limit { Err(TrapCode::StackOverflow.into()) } else { Ok(()) }
    }

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
        let object = FuncObject { funcref, owner: FuncOwner::Instance(owner), ty, trampoline: 0 };
        let index = self.funcs.insert(object, 1)?;
        // SAFETY: only this thread uses the store's references; machine code never reads this field.
        unsafe { (*funcref.cast_mut()).handle = index + 1 };
        Ok(Some(Func(self.funcs.handle(index))))
    }
}

/// Whether an activation at this address is over although it did not end: only where it must have been below
/// the stack pointer. Of two stacks of the host's own, either may lie below the other.
fn was_left(activation: usize, sp: usize) -> bool {
    activation < sp && threads::stack_bounds().is_ok_and(|bounds| bounds.contains(activation) && bounds.contains(sp))
}

/// Whether two addresses lie on the stack of the running thread, or both off it (on a stack of the host's own).
fn on_same_stack(a: usize, b: usize) -> bool {
    threads::stack_bounds().is_ok_and(|bounds| bounds.contains(a) == bounds.contains(b))
}
