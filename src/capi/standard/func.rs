//! Functions: host functions, and calls.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Arc, Weak};

use super::generated::references::{wasm_func_t, wasm_trap_t};
use super::generated::types::wasm_functype_t;
use super::generated::vectors::wasm_val_vec_t;
use super::object::{What, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::trap::{carry, new_trap};
use super::types::{func_type, new_extern_type};
use super::values::{are_numbers, check_kind, default_of, delete, number_for_c, number_from_c};
use super::values::{val_for_c, val_from_c, wasm_val_t};
use super::vectors::{self, elements};
use crate::abi::call::RawVal;
use crate::abi::vmctx::{VmHeader, VmHostFunc};
use crate::capi::HostData;
use crate::capi::error::Fail;
use crate::capi::store::enter_quickly;
use crate::error::{Error, Result as EngineResult};
use crate::runtime::call::Went;
use crate::runtime::func::{Callback as RuntimeCallback, Caller, Func, HostCallback, Native, NativeCall};
use crate::runtime::host::{self, raise};
use crate::runtime::store::{Handle, Store};
use crate::runtime::value::Val;
use crate::trap::{Trap, TrapCode};
use crate::types::{ExternType, FuncType, ValType};

/// A host function. `args` are borrowed. `results` has as many values as the function's type, set to zero and null; what
/// is written there is taken over. Returns NULL, or a trap, which is taken over, and then the results are deleted.
///
/// A result of a kind that the type does not say is a trap. Must not unwind, nor leave by longjmp.
pub type wasm_func_callback_t =
    Option<unsafe extern "C" fn(args: *const wasm_val_vec_t, results: *mut wasm_val_vec_t) -> *mut wasm_trap_t>;

/// A host function that gets the pointer which it was made with; otherwise as `wasm_func_callback_t`.
pub type wasm_func_callback_with_env_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        args: *const wasm_val_vec_t,
        results: *mut wasm_val_vec_t,
    ) -> *mut wasm_trap_t,
>;

/// Either kind of host functions.
enum Callback {
    Plain(unsafe extern "C" fn(args: *const wasm_val_vec_t, results: *mut wasm_val_vec_t) -> *mut wasm_trap_t),
    WithEnv(
        unsafe extern "C" fn(
            env: *mut c_void,
            args: *const wasm_val_vec_t,
            results: *mut wasm_val_vec_t,
        ) -> *mut wasm_trap_t,
        HostData,
    ),
}

/// Values of a call, on their way to or from C; deleted at the drop.
struct Values(Vec<wasm_val_t>);

impl Drop for Values {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(delete);
    }
}

impl Values {
    fn vector(&mut self) -> wasm_val_vec_t {
        let data = if self.0.is_empty() { null_mut() } else { self.0.as_mut_ptr() };
        wasm_val_vec_t { size: self.0.len(), data }
    }
}

impl Callback {
    /// # Safety
    /// The C contract of the callback types; the store is open.
    unsafe fn call(&self, args: *const wasm_val_vec_t, results: *mut wasm_val_vec_t) -> *mut wasm_trap_t {
        // SAFETY: the caller's contract.
        unsafe {
            match self {
                Callback::Plain(callback) => callback(args, results),
                Callback::WithEnv(callback, env) => callback(env.pointer(), args, results),
            }
        }
    }
}

/// Values of a call that takes the short way.
const QUICK_VALUES: usize = 16;

/// A host function.
struct Hosted {
    callback: Callback,
    ty: FuncType,
    values: Marshalling,
}

/// How its values are turned into C's and back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marshalling {
    /// Numbers, and few of them: by [`call_c`].
    Quick,
    /// By the closure.
    Thorough,
}

fn host_callback(shared: &Arc<Shared>, callback: Callback, ty: &FuncType) -> Native {
    // Weak: the store owns the callback.
    let shared = Arc::downgrade(shared);
    let is_quick =
        are_numbers(ty.params()) && are_numbers(ty.results()) && ty.params().len() + ty.results().len() <= QUICK_VALUES;
    let values = if is_quick { Marshalling::Quick } else { Marshalling::Thorough };
    let hosted = Arc::new(Hosted { callback, ty: ty.clone(), values });
    let env = Arc::as_ptr(&hosted).cast_mut().cast();
    let closure: HostCallback =
        Arc::new(move |caller, args, results| call_host(&shared, &hosted.callback, caller, args, results));
    let closure = Box::new(RuntimeCallback::Checked(closure));
    Native { call: NativeCall::Routine(call_c), env, closure }
}

/// The routine that trampolines call; see `VmHostFunc::call`. Nothing here panics.
///
/// # Safety
/// Called by machine code only, for a host function that [`host_callback`] made.
unsafe extern "C" fn call_c(host: *mut VmHostFunc, instance: *mut VmHeader, cells: *mut RawVal) -> u32 {
    // SAFETY: the closure of the host function, which is alive, owns the `Hosted`.
    let (this, mut caller) = unsafe { (&*(*host).env.cast::<Hosted>(), Caller::new(host, instance)) };
    if this.values == Marshalling::Thorough || !caller.shares_float_env() {
        // SAFETY: our own arguments.
        return unsafe { host::call_host(host, instance, cells) };
    }
    let (params, result_types) = (this.ty.params(), this.ty.results());
    let mut values = [const { MaybeUninit::<wasm_val_t>::uninit() }; QUICK_VALUES];
    let args: *mut wasm_val_t = values.as_mut_ptr().cast();
    // SAFETY: `Quick` says that there is room for all; the cells are those of the function's type.
    let results = unsafe {
        for (i, ty) in params.iter().enumerate() {
            args.add(i).write(number_for_c(*ty, &*cells.add(i)));
        }
        let results = args.add(params.len());
        for (i, ty) in result_types.iter().enumerate() {
            results.add(i).write(default_of(*ty));
        }
        std::slice::from_raw_parts_mut(results, result_types.len())
    };
    let vector = |data: *mut wasm_val_t, size| wasm_val_vec_t { size, data: if size == 0 { null_mut() } else { data } };
    let (arg_vector, mut result_vector) = (vector(args, params.len()), vector(results.as_mut_ptr(), results.len()));
    // SAFETY: the C contract of the callback types.
    let trap = caller.open(|_| unsafe { this.callback.call(&raw const arg_vector, &raw mut result_vector) });
    if !trap.is_null() {
        // SAFETY: the host function is running, and its store is not borrowed.
        unsafe { raise(host, || given_up(carry(trap), results)) };
        return 1;
    }
    for (i, ty) in result_types.iter().enumerate() {
        // SAFETY: the cells are those of the function's type.
        if !number_from_c(&results[i], *ty, unsafe { &mut *cells.add(i) }) {
            let error = |results: &[wasm_val_t]| match check_kind(&results[i], *ty) {
                Err(fail) => wrong_result(i, fail),
                Ok(()) => Error::Bug { reason: "a result was refused without a reason".into() },
            };
            // SAFETY: as above.
            unsafe { raise(host, || given_up(error(results), results)) };
            return 1;
        }
    }
    0
}

/// The error of a host function whose results are not taken: what they own is given up.
fn given_up(error: Error, results: &mut [wasm_val_t]) -> Error {
    results.iter_mut().for_each(delete);
    error
}

fn wrong_result(index: usize, fail: Fail) -> Error {
    let mut trap = Trap::new(TrapCode::Host);
    trap.message = format!("results[{index}] of a host function: {}", error_of(fail)).into();
    trap.into()
}

fn call_host(
    shared: &Weak<Shared>,
    callback: &Callback,
    caller: &mut Caller<'_>,
    args: &[Val],
    results: &mut [Val],
) -> EngineResult<()> {
    let shared = shared.upgrade().ok_or_else(|| Error::misuse("the store was deleted"))?;
    let mut c_args = Values(Vec::with_capacity(args.len()));
    for arg in args {
        // The handle is only borrowed from the runtime.
        if let Val::FuncRef(Some(Func(handle))) | Val::ExternRef(Some(crate::runtime::extern_ref::ExternRef(handle))) =
            arg
        {
            caller.store().retain(*handle)?;
        }
        c_args.0.push(val_for_c(caller.store(), &shared, arg).map_err(error_of)?);
    }
    let mut c_results = Values(results.iter().map(|result| default_of(result.ty())).collect());
    let (arg_vector, mut result_vector) = (c_args.vector(), c_results.vector());
    // SAFETY: the C contract of the callback types.
    let trap = caller.open(|_| unsafe { callback.call(&raw const arg_vector, &raw mut result_vector) });
    if !trap.is_null() {
        return Err(carry(trap));
    }
    for (i, (to, from)) in results.iter_mut().zip(&c_results.0).enumerate() {
        let made = val_from_c(caller.store(), &shared, from, to.ty());
        let (value, made) = made.map_err(|fail| wrong_result(i, fail))?;
        *to = value;
        if let Some(handle) = made {
            // Released by the next entry: nothing is reclaimed while the call runs.
            shared.release(handle);
        }
    }
    Ok(())
}

fn error_of(fail: Fail) -> Error {
    match fail {
        Fail::Error(error) => error,
        Fail::Status(_, message) => Error::Misuse { what: message },
    }
}

fn new_func(
    store: *mut wasm_store_t,
    ty: *const wasm_functype_t,
    callback: impl FnOnce() -> Result<Callback, Fail>,
) -> *mut wasm_func_t {
    quiet(null_mut(), || {
        let (shared, ty) = (shared(store)?, func_type(ty)?);
        let callback = callback()?;
        let native = host_callback(&shared, callback, &ty);
        let func = shared.enter(|store| Ok(Func::new_native(store, ty, native)?))?;
        Ok(new_ref(&shared, What::Func(func)))
    })
}

/// Makes a host function; NULL without a store, type or callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_new(
    store: *mut wasm_store_t,
    ty: *const wasm_functype_t,
    callback: wasm_func_callback_t,
) -> *mut wasm_func_t {
    new_func(store, ty, || callback.map(Callback::Plain).ok_or_else(|| Fail::misuse("callback is NULL")))
}

/// Makes a host function that gets `env`. `finalizer`, unless NULL, is called once with `env`: when the function dies, or
/// now if it cannot be made, which gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_new_with_env(
    store: *mut wasm_store_t,
    ty: *const wasm_functype_t,
    callback: wasm_func_callback_with_env_t,
    env: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) -> *mut wasm_func_t {
    let env = HostData::new(env, finalizer);
    env.arm();
    new_func(store, ty, || {
        let callback = callback.ok_or_else(|| Fail::misuse("callback is NULL"))?;
        Ok(Callback::WithEnv(callback, env))
    })
}

fn func(pointer: *const wasm_func_t) -> Result<(Arc<Shared>, Func), Fail> {
    let value = reference(pointer, "func")?;
    match value.what {
        What::Func(func) => Ok((value.store.clone(), func)),
        _ => Err(Fail::misuse("func is a reference of another kind")),
    }
}

fn type_of(pointer: *const wasm_func_t) -> Result<FuncType, Fail> {
    let (shared, func) = func(pointer)?;
    shared.enter(|store| Ok(func.ty(store)?))
}

/// The type of a function, owned by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_type(func: *const wasm_func_t) -> *mut wasm_functype_t {
    quiet(null_mut(), || Ok(new_extern_type(ExternType::Func(type_of(func)?))))
}

/// How many parameters a function has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_param_arity(func: *const wasm_func_t) -> usize {
    quiet(0, || Ok(type_of(func)?.params().len()))
}

/// How many results a function has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_result_arity(func: *const wasm_func_t) -> usize {
    quiet(0, || Ok(type_of(func)?.results().len()))
}

/// Calls a function. It may delete itself and its store meanwhile.
///
/// `args` are borrowed, as many as the function has parameters; NULL is an empty vector. `results` has room for at least as
/// many values as the function has results, or for none (or is NULL) if they are not wanted; what is there before
/// is not looked at, and what is written is owned by the caller. Returns NULL, or a trap, owned by the caller, and
/// then nothing was written. Wrong arguments, a store that was deleted or is in use, and everything else that goes
/// wrong, are traps too; only NULL as the function returns NULL, and does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_call(
    func: *const wasm_func_t,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    quiet(null_mut(), || {
        let (shared, func) = self::func(func)?;
        if let Some(trap) = call_quickly(&shared, func, elements(args), results) {
            return Ok(trap);
        }
        let outcome = shared.enter(|store| {
            let outcome = call(store, &shared, func, elements(args), results);
            Ok(outcome.err().map(|fail| new_trap(&shared, Some(store), fail)))
        });
        Ok(match outcome {
            Ok(trap) => trap.unwrap_or(null_mut()),
            Err(fail) => new_trap(&shared, None, fail),
        })
    })
}

/// The short way of a call; None = the long way is needed, and nothing happened.
fn call_quickly(
    shared: &Arc<Shared>,
    func: Func,
    args: &[wasm_val_t],
    results: *mut wasm_val_vec_t,
) -> Option<*mut wasm_trap_t> {
    let (room, places) = vectors::places(results);
    let inside = shared.step_in()?;
    let trapped = enter_quickly(inside.native, |store| {
        // SAFETY: the store is used for this call only.
        let quick = unsafe { store.quick(func) }?;
        let ty = quick.ty();
        let (params, result_types) = (ty.params(), ty.results());
        let fits = args.len() == params.len()
            && args.len().max(result_types.len()) <= QUICK_VALUES
            && (room == 0 || room >= result_types.len())
            && are_numbers(params)
            && are_numbers(result_types);
        if !fits {
            return None;
        }
        let mut cells = [const { MaybeUninit::<RawVal>::uninit() }; QUICK_VALUES];
        let cells: *mut RawVal = cells.as_mut_ptr().cast();
        for (i, (arg, ty)) in args.iter().zip(params).enumerate() {
            // SAFETY: there are enough cells.
            if !number_from_c(arg, *ty, unsafe { &mut *cells.add(i) }) {
                return None;
            }
        }
        // SAFETY: there are enough cells, and the arguments have the parameter types.
        match unsafe { quick.call(cells) } {
            Went::Well => {}
            Went::Trapped => return Some(Some(store.take_trap())),
            Went::Nowhere => return None,
        }
        let written = if room == 0 { &[] } else { result_types };
        for (i, ty) in written.iter().enumerate() {
            // SAFETY: the function stored a value of this type; the C contract: there is that much room.
            unsafe { places.add(i).write(number_for_c(*ty, &*cells.add(i))) };
        }
        Some(None)
    })?;
    let Some(trap) = trapped else { return Some(null_mut()) };
    let mut trap = Some(trap.into());
    let mut take = |store: Option<&mut Store>| new_trap(shared, store, trap.take().expect("taken once"));
    // Frames find their instances in the store.
    Some(shared.enter(|store| Ok(take(Some(store)))).unwrap_or_else(|_| take(None)))
}

fn call(
    store: &mut Store,
    shared: &Arc<Shared>,
    func: Func,
    args: &[wasm_val_t],
    results: *mut wasm_val_vec_t,
) -> Result<(), Fail> {
    let ty = func.ty(store)?;
    if args.len() != ty.params().len() {
        return Err(Fail::misuse(format!("args: {} given, the function takes {}", args.len(), ty.params().len())));
    }
    if ty.params().iter().chain(ty.results()).any(|ty| *ty == ValType::V128) {
        return Err(Fail::misuse("the function takes or gives a v128, which this interface cannot pass"));
    }
    let (room, places) = vectors::places(results);
    if room != 0 && room < ty.results().len() {
        return Err(Fail::misuse(format!("results: room for {room}, the function gives {}", ty.results().len())));
    }
    let mut made: Vec<Handle> = Vec::new();
    let mut values = Vec::with_capacity(args.len());
    let mut outcome = Ok(());
    for (arg, ty) in args.iter().zip(ty.params()) {
        match val_from_c(store, shared, arg, *ty) {
            Ok((value, handle)) => {
                values.push(value);
                made.extend(handle);
            }
            Err(fail) => outcome = Err(fail),
        }
    }
    let mut given: Vec<Val> = ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
    let outcome = outcome.and_then(|()| Ok(func.call(store, &values, &mut given)?));
    for handle in made {
        store.release(handle)?;
    }
    outcome?;
    let mut owned = Values(Vec::with_capacity(given.len()));
    for value in &given {
        owned.0.push(val_for_c(store, shared, value)?);
    }
    // What there is no room for is deleted.
    for (i, value) in owned.0.drain(..if room == 0 { 0 } else { given.len() }).enumerate() {
        // SAFETY: the C contract: `results` leads to a vector with room for them, as counted above.
        unsafe { places.add(i).write(value) };
    }
    Ok(())
}
