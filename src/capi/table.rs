//! Tables of a store.

use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::store::{updraft_store_t, updraft_table_t, with_store};
use super::types::{table_type_for_c, updraft_tabletype_t};
use super::value::{updraft_val_t, val, val_for_c};
use super::{array, enter, out, out_struct};
use crate::error::Error;
use crate::runtime::store::Handle;
use crate::runtime::table::Table;
use crate::runtime::value::Val;

/// A value behind a pointer from C.
pub(super) fn required_val(pointer: *const updraft_val_t, name: &'static str) -> Result<Val, Fail> {
    val(&array(pointer, 1, name)?[0], name)
}

/// Makes a table in a store, all of whose elements are `init`, a value of the element type.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). A handle in `init` stays the caller's.
/// Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_new(
    store: *mut updraft_store_t,
    table_type: *const updraft_tabletype_t,
    init: *const updraft_val_t,
    out: *mut updraft_table_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, ty) = (super::out(out, "out")?, super::types::table_type(table_type)?);
        let init = required_val(init, "init")?;
        out.write(with_store(store, |store| Ok(Table::new(store, ty, init)?))?.0.0);
        Ok(())
    })
}

/// Fills in the type of a table; `min` is its current size.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_type(
    store: *mut updraft_store_t,
    table: updraft_table_t,
    table_type: *mut updraft_tabletype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(table_type, "table_type")?;
        let ty = with_store(store, |store| Ok(Table(Handle(table)).ty(store)?))?;
        out.write(table_type_for_c(&ty));
        Ok(())
    })
}

/// Writes to `size` the number of elements of a table.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_size(
    store: *mut updraft_store_t,
    table: updraft_table_t,
    size: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let size = out(size, "size")?;
        size.write(with_store(store, |store| Ok(Table(Handle(table)).size(store)?))?);
        Ok(())
    })
}

fn no_element(index: u64) -> Fail {
    Fail::out_of_bounds(format!("the table has no element {index}"))
}

/// Writes to `value` the element at `index`; a handle in it is owned by the caller (`updraft_store_release`).
///
/// Fails with OUT_OF_BOUNDS, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_get(
    store: *mut updraft_store_t,
    table: updraft_table_t,
    index: u64,
    value: *mut updraft_val_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let value = out(value, "value")?;
        let found = with_store(store, |store| Ok(Table(Handle(table)).get(store, index)?))?;
        value.write(val_for_c(&found.ok_or_else(|| no_element(index))?));
        Ok(())
    })
}

/// Sets the element at `index`. A handle in `value` stays the caller's.
///
/// Fails with OUT_OF_BOUNDS, MISUSE (also for a value of another type), BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_set(
    store: *mut updraft_store_t,
    table: updraft_table_t,
    index: u64,
    value: *const updraft_val_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let value = required_val(value, "value")?;
        let in_bounds = with_store(store, |store| Ok(Table(Handle(table)).set(store, index, value)?))?;
        if in_bounds { Ok(()) } else { Err(no_element(index)) }
    })
}

/// Grows a table by `delta` elements, all of them `init`, and writes the old size to `old_size` unless that is NULL.
///
/// Fails with LIMIT if the table cannot grow so far, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_table_grow(
    store: *mut updraft_store_t,
    table: updraft_table_t,
    delta: u64,
    init: *const updraft_val_t,
    old_size: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let init = required_val(init, "init")?;
        let old = with_store(store, |store| Ok(Table(Handle(table)).grow(store, delta, init)?))?;
        let old = old.ok_or(Error::Limit { what: "elements that the table can grow by", asked: delta, limit: 0 })?;
        if let Ok(out) = out(old_size, "old_size") {
            out.write(old);
        }
        Ok(())
    })
}
