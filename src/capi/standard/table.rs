//! Tables.

use std::ptr::null_mut;
use std::sync::Arc;

use super::generated::references::{wasm_ref_t, wasm_table_t};
use super::generated::types::wasm_tabletype_t;
use super::object::{What, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::types::{new_extern_type, table_type};
use super::values::{ref_from_c, val_for_c};
use crate::capi::error::Fail;
use crate::error::Result as EngineResult;
use crate::runtime::store::Store;
use crate::runtime::table::Table;
use crate::runtime::value::Val;
use crate::types::{ExternType, ValType};

/// A number of elements.
pub type wasm_table_size_t = u32;

fn table(pointer: *const wasm_table_t) -> Result<(Arc<Shared>, Table), Fail> {
    let value = reference(pointer, "table")?;
    match value.what {
        What::Table(table) => Ok((value.store.clone(), table)),
        _ => Err(Fail::misuse("table is a reference of another kind")),
    }
}

/// Runs `body` with a reference of C as an element.
fn with_element<R>(
    store: &mut Store,
    shared: &Arc<Shared>,
    element: *const wasm_ref_t,
    ty: ValType,
    body: impl FnOnce(&mut Store, Val) -> EngineResult<R>,
) -> Result<R, Fail> {
    let (value, made) = ref_from_c(store, shared, element, ty)?;
    let outcome = body(store, value);
    made.map_or(Ok(()), |handle| store.release(handle))?;
    Ok(outcome?)
}

/// Makes a table whose elements are all `init`, which is borrowed and may be NULL for null. NULL if `init` is not what the
/// table holds, or there is no room for the elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_new(
    store: *mut wasm_store_t,
    ty: *const wasm_tabletype_t,
    init: *mut wasm_ref_t,
) -> *mut wasm_table_t {
    quiet(null_mut(), || {
        let (shared, ty) = (shared(store)?, table_type(ty)?);
        let table = shared
            .enter(|store| with_element(store, &shared, init, ty.element, |store, init| Table::new(store, ty, init)))?;
        Ok(new_ref(&shared, What::Table(table)))
    })
}

/// The type of a table, owned by the caller. Its minimum is the current size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_type(table: *const wasm_table_t) -> *mut wasm_tabletype_t {
    quiet(null_mut(), || {
        let (shared, table) = self::table(table)?;
        Ok(new_extern_type(ExternType::Table(shared.enter(|store| Ok(table.ty(store)?))?)))
    })
}

/// An element of a table, owned by the caller. NULL for a null element, and for an index out of bounds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_get(table: *const wasm_table_t, index: wasm_table_size_t) -> *mut wasm_ref_t {
    quiet(null_mut(), || {
        let (shared, table) = self::table(table)?;
        shared.enter(|store| {
            let Some(value) = table.get(store, index.into())? else { return Ok(null_mut()) };
            let value = val_for_c(store, &shared, &value)?;
            // SAFETY: a table holds references, and null ones are written as zeros.
            Ok(unsafe { value.of.r#ref })
        })
    })
}

/// Sets an element of a table. The element is borrowed; NULL is null. False if the index is out of bounds or the
/// element is not what the table holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_set(
    table: *mut wasm_table_t,
    index: wasm_table_size_t,
    element: *mut wasm_ref_t,
) -> bool {
    quiet(false, || {
        let (shared, table) = self::table(table)?;
        shared.enter(|store| {
            let ty = table.ty(store)?.element;
            with_element(store, &shared, element, ty, |store, element| table.set(store, index.into(), element))
        })
    })
}

/// The number of elements; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_size(table: *const wasm_table_t) -> wasm_table_size_t {
    quiet(0, || {
        let (shared, table) = self::table(table)?;
        let size = shared.enter(|store| Ok(table.size(store)?))?;
        Ok(u32::try_from(size).unwrap_or(u32::MAX))
    })
}

/// Grows a table by `delta` elements, all `init`, which is borrowed and may be NULL for null. False if the table cannot
/// grow so far, or `init` is not what it holds. Host functions may grow tables; running WebAssembly sees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_grow(
    table: *mut wasm_table_t,
    delta: wasm_table_size_t,
    init: *mut wasm_ref_t,
) -> bool {
    quiet(false, || {
        let (shared, table) = self::table(table)?;
        shared.enter(|store| {
            let ty = table.ty(store)?.element;
            with_element(store, &shared, init, ty, |store, init| Ok(table.grow(store, delta.into(), init)?.is_some()))
        })
    })
}
