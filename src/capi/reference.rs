//! References: handles of any kind, and external references, which wrap a host pointer.

use std::ffi::c_void;
use std::sync::Arc;

use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::store::{updraft_externref_t, updraft_handle_t, updraft_store_t, with_store};
use super::value::{kind_for_c, updraft_kind_t};
use super::{HostData, enter, out, updraft_finalizer_t};
use crate::runtime::extern_ref::ExternRef;
use crate::runtime::store::Handle;

/// Counts one more holder of an object: the handle must be released once more. In a host function this makes a
/// borrowed handle outlive the call.
///
/// Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_retain(
    store: *mut updraft_store_t,
    handle: updraft_handle_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || with_store(store, |store| Ok(store.retain(Handle(handle))?)))
}

/// Gives up one holder of an object. The object lives on while something else reaches it; after the last release the
/// handle is stale. Handle 0 is allowed, and nothing happens.
///
/// Fails with MISUSE (a stale or foreign handle), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_release(
    store: *mut updraft_store_t,
    handle: updraft_handle_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || with_store(store, |store| if handle == 0 { Ok(()) } else { Ok(store.release(Handle(handle))?) }))
}

/// Writes to `same` whether two handles name the same object: 1 or 0.
///
/// Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_same(
    store: *mut updraft_store_t,
    a: updraft_handle_t,
    b: updraft_handle_t,
    same: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let same = out(same, "same")?;
        same.write(with_store(store, |store| Ok(store.same(Handle(a), Handle(b))?))?.into());
        Ok(())
    })
}

/// Writes to `kind` what a handle names: an `UPDRAFT_KIND_` number.
///
/// Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_kind(
    store: *mut updraft_store_t,
    handle: updraft_handle_t,
    kind: *mut updraft_kind_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let kind = out(kind, "kind")?;
        kind.write(kind_for_c(with_store(store, |store| Ok(store.kind(Handle(handle))?))?));
        Ok(())
    })
}

/// What an external reference made by C wraps.
struct Foreign(Arc<HostData>);

/// Makes an external reference around a host pointer, which may be NULL.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). `finalizer`, unless NULL, is called once with
/// `data` when neither a handle nor WebAssembly reaches the reference any more and the store reclaims it, on the
/// store's thread. On failure `data` stays with the caller. Fails with MISUSE, LIMIT, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_externref_new(
    store: *mut updraft_store_t,
    data: *mut c_void,
    finalizer: updraft_finalizer_t,
    out: *mut updraft_externref_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let data = Arc::new(HostData::new(data, finalizer));
        let foreign = Box::new(Foreign(data.clone()));
        let reference = with_store(store, |store| Ok(ExternRef::new(store, foreign)?))?;
        data.arm();
        out.write(reference.0.0);
        Ok(())
    })
}

/// Writes to `data` the host pointer that an external reference wraps. The reference still owns it.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_externref_data(
    store: *mut updraft_store_t,
    externref: updraft_externref_t,
    data: *mut *mut c_void,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let data = out(data, "data")?;
        let pointer = with_store(store, |store| {
            let object = ExternRef(Handle(externref)).object(store)?;
            let foreign = object.downcast_ref::<Foreign>();
            Ok(foreign.ok_or_else(|| Fail::misuse("externref was not made by this interface"))?.0.pointer())
        })?;
        data.write(pointer);
        Ok(())
    })
}

/// Writes to `raw` the form that an external reference has in a raw cell. It is valid while the object lives.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_externref_to_raw(
    store: *mut updraft_store_t,
    externref: updraft_externref_t,
    raw: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let raw = out(raw, "raw")?;
        raw.write(with_store(store, |store| Ok(ExternRef(Handle(externref)).to_raw(store)?))?);
        Ok(())
    })
}

/// Writes to `out` a handle, owned by the caller, for an external reference from a raw cell; 0 for null.
///
/// Fails with MISUSE (a number that is not in use), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_externref_from_raw(
    store: *mut updraft_store_t,
    raw: u32,
    out: *mut updraft_externref_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let reference = with_store(store, |store| Ok(ExternRef::from_raw(store, raw)?))?;
        out.write(reference.map_or(0, |reference| reference.0.0));
        Ok(())
    })
}
