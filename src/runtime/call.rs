//! Calls from the host: activations, the stack limit, and the short way of a call on which nothing special happens.
//!
//! The short way ([`Quick`]) changes nothing but the stack limit before it has decided. Whatever it does not expect, it
//! leaves to the long way, which says what is wrong, or does it: compile a trampoline, run on a stack of the
//! host's own, deliver an interrupt, switch the floating-point environment.

use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::enter::{enter_wasm, stack_pointer};
use super::func::{Floats, Func, FuncObject, FuncOwner};
use super::store::{Store, StoreInner};
use crate::abi::call::RawVal;
use crate::abi::vmctx::{Activation, VmFuncRef};
use crate::error::{Error, Result};
use crate::limits::STACK_HEADROOM;
use crate::sys::float_env;
use crate::sys::threads::{self, StackBounds};
use crate::trap::TrapCode;
use crate::types::FuncType;

/// How far the start of a call may be from where its stack limit was computed for.
const PLACE_TOLERANCE: usize = 1 << 10;

/// A function that may be called the short way.
pub(crate) struct Quick<'a> {
    store: NonNull<StoreInner>,
    func: &'a FuncObject,
}

/// How a call went that took the short way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// The results are in the cells.
    Well,
    /// The store holds the trap.
    Trapped,
    /// Nothing was done: the long way is needed.
    Nowhere,
}

impl Store {
    /// The function behind a handle; None for a handle that is not one.
    ///
    /// # Safety
    /// Nothing but what the result calls changes the store while the result lives.
    #[inline(always)]
    pub(crate) unsafe fn quick<'a>(&mut self, func: Func) -> Option<Quick<'a>> {
        let inner: *mut StoreInner = self.inner_mut();
        // SAFETY: the store is alive, and function objects stay where they are unless one is made or reclaimed.
        unsafe { Some(Quick { store: NonNull::new_unchecked(inner), func: (*inner).funcs.seek(func.0)? }) }
    }

    /// The trap of a call that went that way.
    #[cold]
    pub(crate) fn take_trap(&mut self) -> Error {
        self.inner_mut().take_pending()
    }
}

impl<'a> Quick<'a> {
    /// The function's type. It stays while the store runs and until something is reclaimed; the object may move.
    #[inline(always)]
    pub(crate) fn ty(&self) -> &'a FuncType {
        self.func.ty.ty()
    }

    /// Calls the function from outside of all calls.
    ///
    /// # Safety
    /// `values` holds arguments of the parameter types and has room for the results.
    #[inline(always)]
    pub(crate) unsafe fn call(self, values: *mut RawVal) -> Went {
        let inner = self.store.as_ptr();
        // SAFETY: this thread is alone in the store. No reference into it is held while WebAssembly runs.
        unsafe {
            let vm = (*inner).vm();
            if !(*vm).activation.is_null() || !(*inner).is_placed(stack_pointer()) && !StoreInner::place(inner) {
                return Went::Nowhere;
            }
            // A limit that differs was poisoned by a request.
            if (*vm).stack_limit.load(Ordering::Relaxed) != (*inner).stack_limit || self.func.trampoline == 0 {
                return Went::Nowhere;
            }
            if self.func.floats != Floats::None && !float_env::is_default() {
                return Went::Nowhere;
            }
            let prev = std::ptr::null_mut();
            let mut activation = Activation { entry_fp: 0, prev, prev_exit_fp: 0, store: vm };
            (*vm).activation = &raw mut activation;
            let trapped = enter_function(&raw mut activation, self.func.funcref, self.func.trampoline, values);
            (*activation.store).activation = prev;
            if trapped == 0 { Went::Well } else { Went::Trapped }
        }
    }

    /// Calls the function from a host function.
    ///
    /// # Safety
    /// As for `call`.
    #[inline(always)]
    pub(crate) unsafe fn call_nested(self, values: *mut RawVal) -> Went {
        let FuncObject { funcref, trampoline, floats, .. } = *self.func;
        let inner = self.store.as_ptr();
        let sp = stack_pointer();
        // SAFETY: as in `call`.
        unsafe {
            let vm = (*inner).vm();
            let (prev, prev_exit_fp) = ((*vm).activation, (*vm).exit_fp);
            let Some(bounds) = threads::known_stack_bounds() else { return Went::Nowhere };
            // Below the call around it, on the same stack, where its limit holds.
            if (prev as usize) < sp || !bounds.contains(prev as usize) || sp < (*inner).stack_limit {
                return Went::Nowhere;
            }
            if (*vm).stack_limit.load(Ordering::Relaxed) != (*inner).stack_limit
                || trampoline == 0
                || (*vm).float_env != 0
                || !bounds.contains(sp)
            {
                return Went::Nowhere;
            }
            if floats != Floats::None && !float_env::is_default() {
                return Went::Nowhere;
            }
            let mut activation = Activation { entry_fp: 0, prev, prev_exit_fp, store: vm };
            (*vm).activation = &raw mut activation;
            let trapped = enter_function(&raw mut activation, funcref, trampoline, values);
            (*vm).activation = prev;
            (*vm).exit_fp = prev_exit_fp;
            if trapped == 0 { Went::Well } else { Went::Trapped }
        }
    }
}

/// # Safety
/// As for [`enter_wasm`], for a live function and the trampoline of its type.
#[inline(always)]
unsafe fn enter_function(
    activation: *mut Activation,
    funcref: *const VmFuncRef,
    trampoline: usize,
    values: *mut RawVal,
) -> u32 {
    // SAFETY: the caller's contract.
    unsafe {
        let VmFuncRef { slot, vmctx, .. } = *funcref;
        // Acquire: pairs with the Release store that publishes the function's code.
        let code = (*slot).0.load(Ordering::Acquire);
        enter_wasm(activation, trampoline, vmctx, code, values)
    }
}

impl StoreInner {
    /// Calls a function of the store.
    ///
    /// # Safety
    /// - `this` is a live store, which this thread is alone in, and to which no reference is used during the call.
    /// - `values` holds arguments of the parameter types and has room for the results.
    pub(super) unsafe fn call(this: *mut StoreInner, index: u32, values: *mut RawVal) -> Result<()> {
        // SAFETY: the object keeps the reference alive, the trampoline has its type, and the caller vouches
        // for the rest.
        unsafe {
            let object = (*this).funcs.at_mut(index);
            if object.trampoline == 0 {
                object.trampoline = (*this).engine.entry_trampoline(&object.ty)?;
                if let FuncOwner::Instance(owner) = object.owner
                    && (*this).instances.at(owner).is_integral(object.funcref)
                {
                    object.floats = Floats::None;
                }
            }
            let (funcref, trampoline) = (object.funcref, object.trampoline);
            StoreInner::enter(this, funcref, trampoline, values)
        }
    }

    /// Enters WebAssembly.
    ///
    /// # Safety
    /// - `this` as for `call`.
    /// - `funcref` is a live function of this store, whose type `trampoline` was made for.
    /// - `values` holds arguments of the parameter types and has room for the results.
    pub(super) unsafe fn enter(
        this: *mut StoreInner,
        funcref: *const VmFuncRef,
        trampoline: usize,
        values: *mut RawVal,
    ) -> Result<()> {
        let sp = stack_pointer();
        // SAFETY: the first clause. References end before WebAssembly runs.
        let (vm, prev, prev_exit_fp, outer_limit) = unsafe {
            let vm = (*this).vm();
            // Activations that lie below the stack pointer were jumped over by a host's longjmp.
            while !(*vm).activation.is_null() && was_left((*vm).activation as usize, sp) {
                (*vm).exit_fp = (*(*vm).activation).prev_exit_fp;
                (*vm).activation = (*(*vm).activation).prev;
            }
            let (prev, outer_limit) = ((*vm).activation, (*this).stack_limit);
            if let Err(error) = (*this).may_enter(sp, prev) {
                (*this).restore_stack_limit(outer_limit, prev);
                return Err(error);
            }
            (vm, prev, (*vm).exit_fp, outer_limit)
        };
        let float_env = float_env::enter();
        let mut activation = Activation { entry_fp: 0, prev, prev_exit_fp, store: vm };
        // SAFETY: the function is alive; the activation outlives the call; the caller vouches for the rest.
        let (trapped, outer_env) = unsafe {
            let outer_env = std::mem::replace(&mut (*vm).float_env, float_env);
            (*vm).activation = &raw mut activation;
            (enter_function(&raw mut activation, funcref, trampoline, values), outer_env)
        };
        float_env::restore(float_env);
        // SAFETY: as above.
        unsafe {
            (*vm).float_env = outer_env;
            (*vm).activation = prev;
            (*vm).exit_fp = prev_exit_fp;
            (*this).restore_stack_limit(outer_limit, prev);
            if trapped == 0 { Ok(()) } else { Err((*this).take_pending()) }
        }
    }

    /// The trap with which machine code unwound.
    fn take_pending(&mut self) -> Error {
        self.pending.take().unwrap_or_else(|| Error::Bug { reason: "unwound without a trap".into() })
    }

    /// Gives the call around, if there is one, its limit back: the one that ended may have run on another stack.
    fn restore_stack_limit(&mut self, outer: usize, prev: *mut Activation) {
        if self.stack_limit != outer && !prev.is_null() {
            self.set_limit(outer);
        }
    }

    #[cold]
    fn set_limit(&mut self, limit: usize) {
        self.stack_limit = limit;
        self.placed_sp = 0;
        self.shared.set_stack_limit(limit);
    }

    /// Whether the stack limit is the one for a call that starts at `sp`, give or take [`PLACE_TOLERANCE`].
    #[inline(always)]
    fn is_placed(&self, sp: usize) -> bool {
        // While no thread ends, these addresses are of the stack that they were of.
        self.placed_sp.wrapping_sub(sp) < PLACE_TOLERANCE && self.placed_ended == threads::ended_threads()
    }

    /// Places the stack limit for outermost calls that start about here; false if the long way has to.
    ///
    /// # Safety
    /// `this` is a live store, which this thread is alone in.
    #[cold]
    #[inline(never)]
    unsafe fn place(this: *mut StoreInner) -> bool {
        let sp = stack_pointer() + PLACE_TOLERANCE / 2;
        let Ok(bounds) = threads::stack_bounds() else { return false };
        // SAFETY: the caller's contract.
        let inner = unsafe { &mut *this };
        let ended = threads::ended_threads();
        let limit = inner.limit_at(sp, bounds);
        if !bounds.contains(sp) || limit + PLACE_TOLERANCE > sp || !threads::watch_thread_end() {
            return false;
        }
        if limit != inner.stack_limit {
            inner.set_limit(limit);
        }
        (inner.placed_sp, inner.placed_ended) = (sp, ended);
        true
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
            let limit = self.limit_at(sp, threads::stack_bounds()?);
            if limit != self.stack_limit {
                self.set_limit(limit);
            }
        }
        if sp < self.stack_limit { Err(TrapCode::StackOverflow.into()) } else { Ok(()) }
    }

    /// The limit of a call that starts at `sp`, on the stack with these bounds or on one of the host's own.
    #[inline(always)]
    fn limit_at(&self, sp: usize, bounds: StackBounds) -> usize {
        let by_size = sp.saturating_sub(self.max_stack);
        if bounds.contains(sp) { by_size.max(bounds.low + STACK_HEADROOM) } else { by_size }
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
