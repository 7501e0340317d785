//! Callers: what a host function may reach of who called it.

use std::ffi::c_char;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::store::{StoreValue, updraft_instance_t, updraft_memory_t, updraft_store_t, with_store};
use super::value::{item_for_c, updraft_extern_t};
use super::{enter, enter_total, out, text};
use crate::abi::vmctx::{CALLER_KIND, VmCaller};
use crate::runtime::func::Caller;
use crate::runtime::host::embedder_of;

/// Who called a host function. Borrowed: valid until the host function returns, on its thread.
pub struct updraft_caller_t {
    _private: [u8; 0],
}

/// What a caller pointer points to, on the stack of the host function.
fn vm_caller<'a>(caller: *const updraft_caller_t) -> Result<&'a VmCaller, Fail> {
    if caller.is_null() {
        return Err(Fail::misuse("caller is NULL"));
    }
    let vm = caller.cast::<VmCaller>();
    // SAFETY: the C contract: `caller` is what the running host function got.
    if !vm.is_aligned() || unsafe { &*vm.cast::<AtomicU32>() }.load(Ordering::Relaxed) != CALLER_KIND {
        return Err(Fail::misuse("caller is not the caller of a running host function"));
    }
    // SAFETY: the kind word says that the host function is still running.
    Ok(unsafe { &*vm })
}

/// The store of a caller.
fn store_of(vm: &VmCaller) -> &StoreValue {
    // SAFETY: the host function is running, and was made by C, whose stores all come from `updraft_store_new`.
    unsafe { &*embedder_of(vm).cast::<StoreValue>() }
}

/// Runs `body` with the caller, inside its store.
fn with_caller<R>(
    caller: *const updraft_caller_t,
    body: impl FnOnce(&mut Caller<'_>) -> Result<R, Fail>,
) -> Result<R, Fail> {
    let vm = vm_caller(caller)?;
    // Claims the store, so that a caller on another thread or in a finalizer is refused.
    with_store(store_of(vm).pointer(), |_| {
        // SAFETY: this thread is inside the store, its reference from `with_store` is not used, and the host
        // function that owns the caller is suspended in C.
        body(&mut unsafe { Caller::from_vm(vm) })
    })
}

/// The store that the host function runs in: the host's pointer, not a new reference. NULL for NULL.
///
/// Cannot fail. The host function's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_caller_store(caller: *const updraft_caller_t) -> *mut updraft_store_t {
    enter_total(std::ptr::null_mut(), || vm_caller(caller).map_or(std::ptr::null_mut(), |vm| store_of(vm).pointer()))
}

/// Writes to `instance` the handle of the instance that called, 0 if the host called the function directly. Borrowed:
/// valid until the host function returns, unless `updraft_store_retain` is called.
///
/// Fails with MISUSE and BUSY. The host function's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_caller_instance(
    caller: *const updraft_caller_t,
    instance: *mut updraft_instance_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let instance = out(instance, "instance")?;
        let found = with_caller(caller, |caller| Ok(caller.instance()))?;
        instance.write(found.map_or(0, |instance| instance.0.0));
        Ok(())
    })
}

/// Writes to `memory` the handle of the caller's memory: its export "memory", else its only memory. Borrowed: valid
/// until the host function returns, unless `updraft_store_retain` is called.
///
/// Fails with NOT_FOUND if the caller has none or is the host, MISUSE and BUSY. The host function's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_caller_memory(
    caller: *const updraft_caller_t,
    memory: *mut updraft_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let memory = out(memory, "memory")?;
        let found = with_caller(caller, |caller| {
            caller
                .memory()
                .ok_or_else(|| Fail::not_found("the caller has no memory, or more than one and no export \"memory\""))
        })?;
        memory.write(found.0.0);
        Ok(())
    })
}

/// Writes to `item` an export of the instance that called, by name: a handle owned by the host function
/// (`updraft_store_release`).
///
/// Fails with NOT_FOUND if there is no such export or the caller is the host, MISUSE and BUSY.
/// The host function's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_caller_export(
    caller: *const updraft_caller_t,
    name: *const c_char,
    name_len: usize,
    item: *mut updraft_extern_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (item, name) = (out(item, "item")?, text(name, name_len, "name")?);
        let found = with_caller(caller, |caller| {
            let Some(instance) = caller.instance() else { return Ok(None) };
            Ok(instance.export(caller.store(), name)?)
        })?;
        item.write(item_for_c(found.ok_or_else(|| Fail::not_found(format!("the caller has no export \"{name}\"")))?));
        Ok(())
    })
}
