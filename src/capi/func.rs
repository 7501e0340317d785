//! Functions: host functions made by C, and calls.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{enter_c, updraft_caller_t};
use super::error::{Fail, take, updraft_error_t};
use super::status::updraft_status_t;
use super::store::{updraft_func_t, updraft_store_t, with_store};
use super::types::{func_type_for_c, updraft_functype_t};
use super::value::{updraft_raw_t, updraft_val_t, val, val_for_c};
use super::{HostData, array, array_mut, enter, object, out, updraft_finalizer_t};
use crate::abi::call::{RawVal, raw_cells};
use crate::error::Error;
use crate::runtime::extern_ref::ExternRef;
use crate::runtime::func::{Func, HostCallback, RawHostCallback};
use crate::runtime::store::{Handle, Store};
use crate::runtime::value::Val;
use crate::trap::{Trap, TrapCode};
use crate::types::ValType;

/// A host function. `args` holds `arg_count` arguments of the function's parameter types, `results` room for
/// `result_count` results, set to zero and null values of their types, which must be kept.
///
/// References among the arguments are borrowed: valid until the function returns, unless `updraft_store_retain`
/// is called. References among the results are handed over: the library releases them, so that a borrowed one must be
/// retained before it is returned. `caller` is valid until the function returns.
///
/// Returns NULL, or an error (`updraft_error_new`, or one that a call gave it), which is taken over: it stops the
/// WebAssembly that called, and the results are not looked at. Must not unwind, nor leave by longjmp. Runs on the thread that entered WebAssembly.
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

/// The host function of a C callback.
pub(super) fn host_callback(callback: updraft_callback_t, env: Arc<HostData>) -> Result<HostCallback, Fail> {
    let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
    Ok(Arc::new(move |caller, args, results| {
        let mut values = Values::new(args.len() + results.len(), val_for_c(&Val::I32(0)));
        let (c_args, c_results) = values.slice().split_at_mut(args.len());
        for (to, from) in c_args.iter_mut().zip(args) {
            *to = val_for_c(from);
        }
        for (to, from) in c_results.iter_mut().zip(&*results) {
            *to = val_for_c(from);
        }
        let (arg_count, result_count) = (c_args.len(), c_results.len());
        enter_c(caller, |caller, store| {
            let (args, results_out) = (c_args.as_ptr(), c_results.as_mut_ptr());
            // SAFETY: the C contract of `updraft_callback_t`.
            let error = unsafe { callback(env.pointer(), caller, args, arg_count, results_out, result_count) };
            if !error.is_null() {
                return Err(take(error));
            }
            for (i, (to, from)) in results.iter_mut().zip(&*c_results).enumerate() {
                *to = checked_result(i, from, to.ty())?;
                if let Val::FuncRef(Some(Func(handle))) | Val::ExternRef(Some(ExternRef(handle))) = *to {
                    store.release_later(handle);
                }
            }
            Ok(())
        })
    }))
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

/// The host function of a raw C callback, for a type with this many cells.
pub(super) fn raw_host_callback(
    callback: updraft_raw_callback_t,
    cells: usize,
    env: Arc<HostData>,
) -> Result<RawHostCallback, Fail> {
    let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
    Ok(Arc::new(move |caller, values: *mut RawVal| {
        let error = enter_c(caller, |caller, _| {
            // SAFETY: the C contract of `updraft_raw_callback_t`; both cell types have one layout (`value.rs`).
            unsafe { callback(env.pointer(), caller, values.cast::<updraft_raw_t>(), cells) }
        });
        if error.is_null() { Ok(()) } else { Err(take(error)) }
    }))
}

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
        let callback = host_callback(callback, env.clone())?;
        let func = with_store(store, |store| Ok(Func::new(store, ty, callback)?))?;
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
        let callback = raw_host_callback(callback, raw_cells(&ty), env.clone())?;
        let func = with_store(store, |store| Ok(Func::new_raw(store, ty, callback)?))?;
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
    enter(error, || {
        call_checked(store, (args, arg_count), (results, result_count), |store, args, results| {
            Func(Handle(func)).call(store, args, results)
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
