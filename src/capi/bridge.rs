//! Bridges between the objects of the standard C API and those of the native one (`include/updraft_wasm.h`).
//!
//! Configurations and engines are the same objects in both. The others are different objects around the same
//! thing, and each function here makes a new one.

use super::config::updraft_config_t;
use super::engine::updraft_engine_t;
use super::error::{self, Fail, updraft_error_t};
use super::module::{ModuleValue, updraft_module_t};
use super::standard::config::{wasm_config_t, wasm_engine_t};
use super::standard::generated::references::{wasm_module_t, wasm_ref_t, wasm_trap_t};
use super::standard::store::wasm_store_t;
use super::standard::{module, object as reference, store, trap};
use super::status::updraft_status_t;
use super::store::{updraft_handle_t, updraft_store_t};
use super::value::{kind_for_c, updraft_kind_t};
use super::{clone_object, enter, new_object, object, out};
use crate::runtime::store::Handle;

/// Writes to `out` the settings as a native object: a new reference to the same one, owned by the caller
/// (`updraft_config_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_config_native(
    config: *const wasm_config_t,
    out: *mut *mut updraft_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(config, "config")?.cast());
        Ok(())
    })
}

/// Writes to `out` native settings as an object of the standard API: a new reference to the same one, owned by the
/// caller (`wasm_config_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_config_wrap(
    config: *const updraft_config_t,
    out: *mut *mut wasm_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(config, "config")?.cast());
        Ok(())
    })
}

/// Writes to `out` the engine as a native object: a new reference to the same one, owned by the caller
/// (`updraft_engine_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_engine_native(
    engine: *const wasm_engine_t,
    out: *mut *mut updraft_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(engine, "engine")?.cast());
        Ok(())
    })
}

/// Writes to `out` a native engine as an object of the standard API: a new reference to the same one, owned by the
/// caller (`wasm_engine_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_engine_wrap(
    engine: *const updraft_engine_t,
    out: *mut *mut wasm_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(engine, "engine")?.cast());
        Ok(())
    })
}

/// Writes to `out` the native store behind a store of the standard API: a new reference, owned by the caller
/// (`updraft_store_delete`). While it is held, deleting the `wasm_store_t` does not end the native store.
///
/// Fails with MISUSE, also after the store was deleted. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_store_native(
    store: *const wasm_store_t,
    out: *mut *mut updraft_store_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(store::shared(store)?.native()?);
        Ok(())
    })
}

/// Writes to `out` a new store of the standard API around a native store, owned by the caller (`wasm_store_delete`). It
/// holds a reference to the native store. Objects of one such store are not objects of another one, though the native
/// store be the same.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_store_wrap(
    store: *mut updraft_store_t,
    out: *mut *mut wasm_store_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(store::wrap(store)?);
        Ok(())
    })
}

/// Writes to `out` a native object for a module, owned by the caller (`updraft_module_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_module_native(
    module: *const wasm_module_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let live = &reference::reference(module, "module")?.store.live;
        out.write(new_object(ModuleValue::new(module::module(module)?.clone(), live)));
        Ok(())
    })
}

/// Writes to `out` a native module as a module of a store, owned by the caller (`wasm_module_delete`).
///
/// Fails with MISUSE, also for a module of another engine. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_module_wrap(
    store: *mut wasm_store_t,
    module: *const updraft_module_t,
    out: *mut *mut wasm_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let (shared, module) = (store::shared(store)?, &object(module, "module")?.module);
        if !module.engine().same(&shared.engine) {
            return Err(Fail::misuse("module belongs to another engine than the store"));
        }
        out.write(module::new_module(&shared, module.clone()));
        Ok(())
    })
}

/// Writes to `handle` a handle for a function, global, table, memory, instance or foreign object, owned by the caller
/// (`updraft_store_release`), and to `kind`, unless NULL, an `UPDRAFT_KIND_` number. Its store is that of
/// `updraft_wasm_store_native`.
///
/// Fails with MISUSE (modules and traps have no handles), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_ref_native(
    object: *const wasm_ref_t,
    kind: *mut updraft_kind_t,
    handle: *mut updraft_handle_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out(handle, "handle")?;
        let value = reference::reference(object, "object")?;
        let handle = value.what.handle().ok_or_else(|| Fail::misuse("object is a module or a trap"))?;
        let found = value.store.enter(|store| {
            let kind = store.kind(handle)?;
            store.retain(handle)?;
            Ok(kind)
        })?;
        if let Ok(kind) = super::out(kind, "kind") {
            kind.write(kind_for_c(found));
        }
        out.write(handle.0);
        Ok(())
    })
}

/// Writes to `out` the reference for a handle of the store, owned by the caller (`wasm_ref_delete`); the casts of the
/// standard API find out its kind. The handle stays the caller's.
///
/// Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_ref_wrap(
    store: *mut wasm_store_t,
    handle: updraft_handle_t,
    out: *mut *mut wasm_ref_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let shared = store::shared(store)?;
        out.write(shared.enter(|store| reference::from_handle(store, &shared, Handle(handle)))?);
        Ok(())
    })
}

/// Writes to `out` a trap as a native error: status TRAP, with its code, message and frames. Owned by the caller
/// (`updraft_error_delete`).
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_trap_native(
    trap: *const wasm_trap_t,
    out: *mut *mut updraft_error_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(error::object(Fail::Error(trap::to_error(trap)?.into())));
        Ok(())
    })
}

/// Writes to `out` a trap for what a native call failed with, owned by the caller (`wasm_trap_delete`). The error stays
/// the caller's.
///
/// Fails with MISUSE. The store's thread; elsewhere the frames have no instances. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_wasm_trap_wrap(
    store: *mut wasm_store_t,
    err: *const updraft_error_t,
    out: *mut *mut wasm_trap_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let shared = store::shared(store)?;
        // `take` gives up a reference; this one is for it.
        object(err, "err")?;
        let fail = || -> Result<Fail, Fail> { Ok(Fail::Error(error::take(clone_object(err, "err")?))) };
        let trap = match shared.enter(|store| Ok(trap::new_trap(&shared, Some(store), fail()?))) {
            Ok(trap) => trap,
            Err(_) => trap::new_trap(&shared, None, fail()?),
        };
        out.write(trap);
        Ok(())
    })
}
