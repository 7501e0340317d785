//! Globals of a store.

use super::error::updraft_error_t;
use super::status::updraft_status_t;
use super::store::{updraft_global_t, updraft_store_t, with_store};
use super::table::required_val;
use super::types::{global_type_for_c, updraft_globaltype_t};
use super::value::{updraft_val_t, val_for_c};
use super::{enter, out, out_struct};
use crate::runtime::global::Global;
use crate::runtime::store::Handle;

/// Makes a global in a store, with a first value of its type.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). A handle in `value` stays the caller's.
/// Fails with MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_global_new(
    store: *mut updraft_store_t,
    global_type: *const updraft_globaltype_t,
    value: *const updraft_val_t,
    out: *mut updraft_global_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, ty) = (super::out(out, "out")?, super::types::global_type(global_type)?);
        let value = required_val(value, "value")?;
        out.write(with_store(store, |store| Ok(Global::new(store, ty, value)?))?.0.0);
        Ok(())
    })
}

/// Fills in the type of a global.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_global_type(
    store: *mut updraft_store_t,
    global: updraft_global_t,
    global_type: *mut updraft_globaltype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(global_type, "global_type")?;
        let ty = with_store(store, |store| Ok(Global(Handle(global)).ty(store)?))?;
        out.write(global_type_for_c(&ty));
        Ok(())
    })
}

/// Writes to `value` the value of a global; a handle in it is owned by the caller (`updraft_store_release`).
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_global_get(
    store: *mut updraft_store_t,
    global: updraft_global_t,
    value: *mut updraft_val_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let value = out(value, "value")?;
        value.write(val_for_c(&with_store(store, |store| Ok(Global(Handle(global)).get(store)?))?));
        Ok(())
    })
}

/// Sets the value of a global. A handle in `value` stays the caller's.
///
/// Fails with MISUSE (a value of another type, a global that cannot be written), BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_global_set(
    store: *mut updraft_store_t,
    global: updraft_global_t,
    value: *const updraft_val_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let value = required_val(value, "value")?;
        with_store(store, |store| Ok(Global(Handle(global)).set(store, value)?))
    })
}
