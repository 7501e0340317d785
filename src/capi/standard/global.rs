//! Globals.

use std::ptr::null_mut;
use std::sync::Arc;

use super::generated::references::wasm_global_t;
use super::generated::types::wasm_globaltype_t;
use super::object::{What, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::types::{global_type, new_extern_type};
use super::values::{val_for_c, val_from_c, wasm_val_t};
use crate::capi::error::Fail;
use crate::runtime::global::Global;
use crate::types::ExternType;

fn global(pointer: *const wasm_global_t) -> Result<(Arc<Shared>, Global), Fail> {
    let value = reference(pointer, "global")?;
    match value.what {
        What::Global(global) => Ok((value.store.clone(), global)),
        _ => Err(Fail::misuse("global is a reference of another kind")),
    }
}

fn value<'a>(pointer: *const wasm_val_t) -> Result<&'a wasm_val_t, Fail> {
    // SAFETY: the C contract: `pointer` is NULL or leads to a value.
    unsafe { pointer.as_ref() }.ok_or_else(|| Fail::misuse("value is NULL"))
}

/// Makes a global. The value is borrowed. NULL if it is not of the type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_new(
    store: *mut wasm_store_t,
    ty: *const wasm_globaltype_t,
    value: *const wasm_val_t,
) -> *mut wasm_global_t {
    quiet(null_mut(), || {
        let (shared, ty, value) = (shared(store)?, global_type(ty)?, self::value(value)?);
        let global = shared.enter(|store| {
            let (value, made) = val_from_c(store, &shared, value, ty.content)?;
            let global = Global::new(store, ty, value);
            made.map_or(Ok(()), |handle| store.release(handle))?;
            Ok(global?)
        })?;
        Ok(new_ref(&shared, What::Global(global)))
    })
}

/// The type of a global, owned by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_type(global: *const wasm_global_t) -> *mut wasm_globaltype_t {
    quiet(null_mut(), || {
        let (shared, global) = self::global(global)?;
        Ok(new_extern_type(ExternType::Global(shared.enter(|store| Ok(global.ty(store)?))?)))
    })
}

/// Writes to `out` the value of a global, owned by the caller; if that fails, an `i32` of 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_get(global: *const wasm_global_t, out: *mut wasm_val_t) {
    let fallback = super::values::default_of(crate::types::ValType::I32);
    let value = quiet(fallback, || {
        let (shared, global) = self::global(global)?;
        shared.enter(|store| {
            let value = global.get(store)?;
            val_for_c(store, &shared, &value)
        })
    });
    if !out.is_null() {
        // SAFETY: the C contract: a place for a result is writable.
        unsafe { out.write(value) };
    }
}

/// Sets a global. The value is borrowed. Nothing happens if the global cannot be set or the value is not of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_set(global: *mut wasm_global_t, value: *const wasm_val_t) {
    quiet((), || {
        let ((shared, global), value) = (self::global(global)?, self::value(value)?);
        shared.enter(|store| {
            let ty = global.ty(store)?;
            let (value, made) = val_from_c(store, &shared, value, ty.content)?;
            let outcome = global.set(store, value);
            made.map_or(Ok(()), |handle| store.release(handle))?;
            Ok(outcome?)
        })
    });
}
