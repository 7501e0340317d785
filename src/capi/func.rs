//! Functions: host functions made by C, and calls.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use super::caller::updraft_caller_t;
use super::error::{Fail, take, updraft_error_t};
use super::status::{UPDRAFT_STATUS_OK, updraft_status_t};
use super::store::{StoreValue, enter_again, enter_quickly, updraft_func_t, updraft_store_t, with_store};
use super::types::{func_type_for_c, updraft_functype_t};
use super::value::{number_for_c, number_from_c, updraft_raw_t, updraft_val_t, val, val_for_c, zero_for_c};
use super::{HostData, array, array_mut, enter, object, out, updraft_finalizer_t};
use crate::abi::call::{RawVal, raw_cells};
use crate::abi::vmctx::{VmHeader, VmHostFunc};
use crate::error::Error;
use crate::runtime::call::{Quick, Went};
use crate::runtime::extern_ref::ExternRef;
use crate::runtime::func::{Callback, Caller, Func, HostCallback, Native, NativeCall, RawHostCallback};
use crate::runtime::host::{call_host, raise};
use crate::runtime::store::{Handle, Store};
use crate::runtime::value::Val;
use crate::trap::{Trap, TrapCode};
use crate::types::{FuncType, ValType};

/// A host function. `args` holds `arg_count` arguments of the function's parameter types, `results` room for
/// `result_count` results, set to zero and null values of their types, which must be kept.
///
/// References among the arguments are borrowed: valid until the function returns, unless `updraft_store_retain`
/// is called. References among the results are handed over: the library releases them, so that a borrowed one must be
/// retained before it is returned. `caller` is valid until the function returns.
///
/// Returns NULL, or an error (`updraft_error_new`, or one that a call gave it), which is taken over: it stops the
/// WebAssembly that called, and the results are not looked at. Must not unwind, nor leave by longjmp, and leaves the
/// floating-point environment (rounding, exceptions, flushing to zero) as it found it: the host's. Runs on the thread that
/// entered WebAssembly.
pub type updraft_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        caller: *mut updraft_caller_t,
        args: *const updraft_val_t,
        arg_count: usize,
        results: *mut updraft_val_t,
        result_count: usize,
    ) -> *mut updraft_error_t,
>;

/// A host function without checks: `values` holds the arguments in the order of the parameters, and takes the results
/// in the order of the results, in the same `count` cells (the larger of both numbers). A reference in raw form stays valid
/// while a call runs, also after its handle was released. Otherwise as `updraft_callback_t`.
pub type updraft_raw_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        caller: *mut updraft_caller_t,
        values: *mut updraft_raw_t,
        count: usize,
    ) -> *mut updraft_error_t,
>;

/// Values of a call that need no allocation.
const STACK_VALUES: usize = 16;

/// Room for values: on the stack if they are few.
struct Values<T> {
    stack: [T; STACK_VALUES],
    heap: Vec<T>,
    len: usize,
}

impl<T: Copy> Values<T> {
    fn new(len: usize, fill: T) -> Values<T> {
        let heap = if len > STACK_VALUES { vec![fill; len] } else { Vec::new() };
        Values { stack: [fill; STACK_VALUES], heap, len }
    }

    fn slice(&mut self) -> &mut [T] {
        if self.len > STACK_VALUES { &mut self.heap } else { &mut self.stack[..self.len] }
    }
}

type CheckedCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut updraft_caller_t,
    *const updraft_val_t,
    usize,
    *mut updraft_val_t,
    usize,
) -> *mut updraft_error_t;

/// A C callback on checked values.
struct Checked {
    callback: CheckedCallback,
    env: Arc<HostData>,
    ty: FuncType,
    values: Marshalling,
}

/// How the values of a callback are turned into C's and back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marshalling {
    /// Numbers, and few of them: by [`call_c`].
    Quick,
    /// By the closure.
    Thorough,
}

/// The host function of a C callback.
pub(super) fn host_callback(callback: updraft_callback_t, env: Arc<HostData>, ty: &FuncType) -> Result<Native, Fail> {
    let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
    let is_quick = ty.params().len() + ty.results().len() <= STACK_VALUES
        && !ty.params().iter().chain(ty.results()).any(|ty| ty.is_ref());
    let values = if is_quick { Marshalling::Quick } else { Marshalling::Thorough };
    let checked = Arc::new(Checked { callback, env, ty: ty.clone(), values });
    let pointer = Arc::as_ptr(&checked).cast_mut().cast();
    let closure: HostCallback = Arc::new(move |caller, args, results| checked.call(caller, args, results));
    let closure = Box::new(Callback::Checked(closure));
    Ok(Native { call: NativeCall::Routine(call_c), env: pointer, closure })
}

impl Checked {
    fn call(&self, caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]) -> Result<(), Error> {
        let mut values = Values::new(args.len() + results.len(), val_for_c(&Val::I32(0)));
        let (c_args, c_results) = values.slice().split_at_mut(args.len());
        for (to, from) in c_args.iter_mut().zip(args) {
            *to = val_for_c(from);
        }
        for (to, from) in c_results.iter_mut().zip(&*results) {
            *to = val_for_c(from);
        }
        let error = caller.open(|caller| {
            let (args, results) = ((c_args.as_ptr(), c_args.len()), (c_results.as_mut_ptr(), c_results.len()));
            // SAFETY: the C contract of `updraft_callback_t`.
            unsafe { (self.callback)(self.env.pointer(), caller.cast(), args.0, args.1, results.0, results.1) }
        });
        if !error.is_null() {
            return Err(take(error));
        }
        for (i, (to, from)) in results.iter_mut().zip(&*c_results).enumerate() {
            *to = checked_result(i, from, to.ty())?;
            if let Val::FuncRef(Some(Func(handle))) | Val::ExternRef(Some(ExternRef(handle))) = *to {
                // SAFETY: C made the host function, in a store of C.
                unsafe { StoreValue::of(caller.store()) }.release_later(handle);
            }
        }
        Ok(())
    }
}

/// The routine that trampolines call for a C callback on checked values; see `VmHostFunc::call`. Nothing here panics.
///
/// # Safety
/// Called by machine code only, for a host function that [`host_callback`] made.
unsafe extern "C" fn call_c(host: *mut VmHostFunc, instance: *mut VmHeader, cells: *mut RawVal) -> u32 {
    // SAFETY: the closure of the host function, which is alive, owns the `Checked`.
    let (this, mut caller) = unsafe { (&*(*host).env.cast::<Checked>(), Caller::new(host, instance)) };
    if this.values == Marshalling::Thorough || !caller.shares_float_env() {
        // SAFETY: our own arguments.
        return unsafe { call_host(host, instance, cells) };
    }
    let (params, result_types) = (this.ty.params(), this.ty.results());
    let mut values = [const { MaybeUninit::<updraft_val_t>::uninit() }; STACK_VALUES];
    let args: *mut updraft_val_t = values.as_mut_ptr().cast();
    // SAFETY: `Quick` says that there is room for all; the cells are those of the function's type.
    let results = unsafe {
        for (i, ty) in params.iter().enumerate() {
            args.add(i).write(number_for_c(*ty, &*cells.add(i)));
        }
        let results = args.add(params.len());
        for (i, ty) in result_types.iter().enumerate() {
            results.add(i).write(zero_for_c(*ty));
        }
        results
    };
    let error = caller.open(|caller| {
        // SAFETY: the C contract of `updraft_callback_t`.
        unsafe { (this.callback)(this.env.pointer(), caller.cast(), args, params.len(), results, result_types.len()) }
    });
    if !error.is_null() {
        // SAFETY: the host function is running, and its store is not borrowed.
        unsafe { take_failure(host, error.cast()) };
        return 1;
    }
    for (i, ty) in result_types.iter().enumerate() {
        // SAFETY: as above.
        let (value, cell) = unsafe { (&*results.add(i), &mut *cells.add(i)) };
        if !number_from_c(value, *ty, cell) {
            // SAFETY: as above.
            unsafe { refuse_result(host, i, value, *ty) };
            return 1;
        }
    }
    0
}

/// Leaves in the store that a result of a host function is not of its type.
///
/// # Safety
/// As for [`raise`].
#[cold]
unsafe fn refuse_result(host: *mut VmHostFunc, index: usize, value: &updraft_val_t, wanted: ValType) {
    let reason = || match checked_result(index, value, wanted) {
        Err(error) => error,
        Ok(_) => Error::Bug { reason: "a result was refused without a reason".into() },
    };
    // SAFETY: the caller's contract.
    unsafe { raise(host, reason) }
}

/// Leaves the error that a callback returned in the store.
///
/// # Safety
/// `error` is an error object of ours, which is taken over; `host` as for [`raise`].
#[cold]
unsafe extern "C" fn take_failure(host: *mut VmHostFunc, error: *mut c_void) {
    // SAFETY: the caller's contract.
    unsafe { raise(host, || take(error.cast())) }
}

/// A result of a host function, which must be of the type that was announced.
fn checked_result(index: usize, value: &updraft_val_t, wanted: ValType) -> Result<Val, Error> {
    let fail = |given: &dyn std::fmt::Display| {
        let mut trap = Trap::new(TrapCode::Host);
        trap.message = format!("results[{index}] of a host function is {given}, its type says {wanted}").into();
        trap.into()
    };
    match val(value, "results") {
        Ok(value) if value.ty() == wanted => Ok(value),
        Ok(value) => Err(fail(&value.ty())),
        Err(_) => Err(fail(&format_args!("of unknown kind {}", value.kind))),
    }
}

/// The host function of a raw C callback.
pub(super) fn raw_host_callback(
    callback: updraft_raw_callback_t,
    env: Arc<HostData>,
    ty: &FuncType,
) -> Result<Native, Fail> {
    let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
    let (pointer, cells) = (env.pointer(), raw_cells(ty));
    let closure: RawHostCallback = Arc::new(move |caller, values: *mut RawVal| {
        let values = values.cast::<updraft_raw_t>();
        // SAFETY: the C contract of `updraft_raw_callback_t`; both cell types have one layout (`value.rs`).
        let error = caller.open(|caller| unsafe { callback(env.pointer(), caller.cast(), values, cells) });
        if error.is_null() { Ok(()) } else { Err(take(error)) }
    });
    // SAFETY: pointers to what has the same layout, or only a name on either side.
    let raw = unsafe { std::mem::transmute::<RawCallback, crate::runtime::func::NativeRaw>(callback) };
    let closure = Box::new(Callback::Raw(closure));
    Ok(Native { call: NativeCall::Raw { callback: raw, failed: take_failure }, env: pointer, closure })
}

type RawCallback =
    unsafe extern "C" fn(*mut c_void, *mut updraft_caller_t, *mut updraft_raw_t, usize) -> *mut updraft_error_t;

/// Makes a host function of a store.
///
/// `env` is passed to each call, and may be NULL. `finalizer`, unless NULL, is called once with `env` when the function
/// is reclaimed or the store is freed, on the thread that does so. On failure `env` stays with the caller.
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_new(
    store: *mut updraft_store_t,
    functype: *const updraft_functype_t,
    callback: updraft_callback_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    out: *mut updraft_func_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, ty) = (super::out(out, "out")?, object(functype, "functype")?.ty.clone());
        let env = Arc::new(HostData::new(env, finalizer));
        let callback = host_callback(callback, env.clone(), &ty)?;
        let func = with_store(store, |store| Ok(Func::new_native(store, ty, callback)?))?;
        env.arm();
        out.write(func.0.0);
        Ok(())
    })
}

/// Makes a host function of a store that gets raw cells; otherwise as `updraft_func_new`.
///
/// Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_new_raw(
    store: *mut updraft_store_t,
    functype: *const updraft_functype_t,
    callback: updraft_raw_callback_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    out: *mut updraft_func_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, ty) = (super::out(out, "out")?, object(functype, "functype")?.ty.clone());
        let env = Arc::new(HostData::new(env, finalizer));
        let callback = raw_host_callback(callback, env.clone(), &ty)?;
        let func = with_store(store, |store| Ok(Func::new_native(store, ty, callback)?))?;
        env.arm();
        out.write(func.0.0);
        Ok(())
    })
}

/// Writes to `functype` the type of a function, owned by the caller (`updraft_functype_delete`).
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_type(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    functype: *mut *mut updraft_functype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let functype = out(functype, "functype")?;
        let ty = with_store(store, |store| Ok(Func(Handle(func)).ty(store)?))?;
        functype.write(func_type_for_c(ty));
        Ok(())
    })
}

fn call_checked(
    store: *mut updraft_store_t,
    (args, arg_count): (*const updraft_val_t, usize),
    (results, result_count): (*mut updraft_val_t, usize),
    call: impl FnOnce(&mut Store, &[Val], &mut [Val]) -> Result<(), Error>,
) -> Result<(), Fail> {
    let c_args = array(args, arg_count, "args")?;
    array(results.cast_const(), result_count, "results")?;
    let mut args = Values::new(arg_count, Val::I32(0));
    for (to, from) in args.slice().iter_mut().zip(c_args) {
        *to = val(from, "args")?;
    }
    let mut values = Values::new(result_count, Val::I32(0));
    with_store(store, |store| Ok(call(store, args.slice(), values.slice())?))?;
    // Borrowed only now: the arrays may overlap, and callbacks may see them.
    for (to, from) in array_mut(results, result_count, "results")?.iter_mut().zip(values.slice()) {
        *to = val_for_c(from);
    }
    Ok(())
}

/// The short way of a checked call, in a store that was entered; None = the long way is needed, and nothing happened.
/// Nothing here panics.
///
/// # Safety
/// The C contract of [`updraft_func_call`]; `call` is one of those of [`Quick`].
#[inline(always)]
unsafe fn call_quickly(
    store: &mut Store,
    func: updraft_func_t,
    (args, arg_count): (*const updraft_val_t, usize),
    (results, result_count): (*mut updraft_val_t, usize),
    error: *mut *mut updraft_error_t,
    call: impl FnOnce(Quick<'_>, *mut RawVal) -> Went,
) -> Option<updraft_status_t> {
    // SAFETY: the store is used for this call only.
    let quick = unsafe { store.quick(Func(Handle(func))) }?;
    let ty = quick.ty();
    let (params, result_types) = (ty.params(), ty.results());
    let fits = arg_count == params.len()
        && result_count == result_types.len()
        && arg_count.max(result_count) <= STACK_VALUES
        && (arg_count == 0 || !args.is_null())
        && (result_count == 0 || !results.is_null())
        && !result_types.iter().any(|ty| ty.is_ref());
    if !fits {
        return None;
    }
    let mut cells = [const { MaybeUninit::<RawVal>::uninit() }; STACK_VALUES];
    let cells: *mut RawVal = cells.as_mut_ptr().cast();
    for (i, ty) in params.iter().enumerate() {
        // SAFETY: `args` holds that many values (C contract), and there are enough cells.
        let (arg, cell) = unsafe { (&*args.add(i), cells.add(i)) };
        if !number_from_c(arg, *ty, cell) {
            return None;
        }
    }
    match call(quick, cells) {
        Went::Well => {}
        Went::Trapped => return Some(report_trap(store, error)),
        Went::Nowhere => return None,
    }
    for (i, ty) in result_types.iter().enumerate() {
        // SAFETY: the function stored a value of this type; `results` has room for it (C contract). Written only
        // now: the arrays may overlap, and callbacks may see them.
        unsafe { results.add(i).write(number_for_c(*ty, &*cells.add(i))) };
    }
    Some(UPDRAFT_STATUS_OK)
}

/// Reports the trap of a call that went the short way.
#[cold]
#[inline(never)]
fn report_trap(store: &mut Store, error: *mut *mut updraft_error_t) -> updraft_status_t {
    enter(error, || Err(store.take_trap().into()))
}

/// Calls a function with checked arguments.
///
/// `args` and `results` hold as many values as the function has parameters and results; each may be NULL if it is
/// empty; they may overlap. Handles among `args` stay the caller's. On success all of `results` is written, and
/// handles in it are owned by the caller (`updraft_store_release`).
///
/// Fails with MISUSE (a wrong number or type of arguments or results, a bad handle), TRAP, COMPILE, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_call(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    args: *const updraft_val_t,
    arg_count: usize,
    results: *mut updraft_val_t,
    result_count: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    let (args, results) = ((args, arg_count), (results, result_count));
    enter_quickly(store, |store| {
        // SAFETY: the C contract of this function; the cells are as they must be.
        unsafe { call_quickly(store, func, args, results, error, |quick, cells| quick.call(cells)) }
    })
    .unwrap_or_else(|| call_otherwise(store, func, args, results, error))
}

/// The other ways of [`updraft_func_call`].
#[inline(never)]
fn call_otherwise(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    args: (*const updraft_val_t, usize),
    results: (*mut updraft_val_t, usize),
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    let again = enter_again(store, |store| {
        // SAFETY: as above.
        unsafe { call_quickly(store, func, args, results, error, |quick, cells| quick.call_nested(cells)) }
    });
    again.unwrap_or_else(|| {
        enter(error, || {
            call_checked(store, args, results, |store, args, results| Func(Handle(func)).call(store, args, results))
        })
    })
}

/// Calls a function as `updraft_func_call` does, and stops it with `UPDRAFT_TRAP_DEADLINE` once `timeout_ns` nanoseconds
/// have passed. Needs an engine with interrupts.
///
/// Fails with MISUSE, TRAP, COMPILE, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_call_with_timeout(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    args: *const updraft_val_t,
    arg_count: usize,
    results: *mut updraft_val_t,
    result_count: usize,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let timeout = Duration::from_nanos(timeout_ns);
        call_checked(store, (args, arg_count), (results, result_count), |store, args, results| {
            Func(Handle(func)).call_with_timeout(store, args, results, timeout)
        })
    })
}

/// Calls a function without checking the types of its arguments: the fast way, for a buffer that is used again and
/// again.
///
/// `values` holds the arguments, one cell each, and takes the results; it has as many cells as the larger of both
/// numbers, is aligned to 16 bytes, and may be NULL if that is 0. The cells must hold values of the parameter types, and
/// references in raw form that are alive: this is not checked. References in the results live at least until the
/// next call or `updraft_store_collect`, unless a handle is made from them.
///
/// Fails with MISUSE (a bad handle, `values` NULL or misaligned), TRAP, COMPILE, BUSY and BUG. After a failure the
/// cells hold anything. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_call_raw(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    values: *mut updraft_raw_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    if !values.is_null() && values.is_aligned() {
        let quickly = enter_quickly(store, |store| {
            // SAFETY: the store is used for this call only; the cells are as they must be (C contract), and both cell
            // types have one layout (`value.rs`).
            let went = unsafe { store.quick(Func(Handle(func)))?.call(values.cast::<RawVal>()) };
            status_of(went, store, error)
        });
        if let Some(status) = quickly {
            return status;
        }
    }
    // SAFETY: the C contract of this function.
    unsafe { call_raw_otherwise(store, func, values, error) }
}

#[inline(always)]
fn status_of(went: Went, store: &mut Store, error: *mut *mut updraft_error_t) -> Option<updraft_status_t> {
    match went {
        Went::Well => Some(UPDRAFT_STATUS_OK),
        Went::Trapped => Some(report_trap(store, error)),
        Went::Nowhere => None,
    }
}

/// The other ways of [`updraft_func_call_raw`].
///
/// # Safety
/// The C contract of [`updraft_func_call_raw`].
#[inline(never)]
unsafe fn call_raw_otherwise(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    values: *mut updraft_raw_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    if !values.is_null() && values.is_aligned() {
        let again = enter_again(store, |store| {
            // SAFETY: as above.
            let went = unsafe { store.quick(Func(Handle(func)))?.call_nested(values.cast::<RawVal>()) };
            status_of(went, store, error)
        });
        if let Some(status) = again {
            return status;
        }
    }
    enter(error, || {
        if !values.is_aligned() {
            return Err(Fail::misuse("values is not aligned to 16 bytes"));
        }
        with_store(store, |store| {
            let func = Func(Handle(func));
            if values.is_null() && raw_cells(&func.ty(store)?) != 0 {
                return Err(Fail::misuse("values is NULL"));
            }
            // SAFETY: the C contract of this function; both cell types have one layout (`value.rs`).
            Ok(unsafe { func.call_raw(store, values.cast::<RawVal>()) }?)
        })
    })
}

/// Writes to `raw` the form that a reference to a function has in a raw cell. It is valid while the function lives.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_to_raw(
    store: *mut updraft_store_t,
    func: updraft_func_t,
    raw: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let raw = out(raw, "raw")?;
        raw.write(with_store(store, |store| Ok(Func(Handle(func)).to_raw(store)?))?);
        Ok(())
    })
}

/// Writes to `out` a handle, owned by the caller, for a function reference from a raw cell; 0 for null.
///
/// `raw` must be 0 or a live function reference of this store: this is not checked. Fails with MISUSE, LIMIT, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_func_from_raw(
    store: *mut updraft_store_t,
    raw: usize,
    out: *mut updraft_func_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        // SAFETY: the C contract of this function.
        let func = with_store(store, |store| Ok(unsafe { Func::from_raw(store, raw) }?))?;
        out.write(func.map_or(0, |func| func.0.0));
        Ok(())
    })
}
