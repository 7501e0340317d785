//! Types of functions, tables, memories and globals.
//!
//! A function type has arrays and is an object; the others are plain structs.

use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::value::{updraft_valtype_t, val_type, val_type_for_c};
use super::{Counted, Extensible, array, clone_object, delete, enter, new_object, object, out};
use crate::types::{FuncType, GlobalType, IndexType, MemoryType, TableType};

/// The type of a function. Reference-counted, immutable; any thread.
pub struct updraft_functype_t {
    _private: [u8; 0],
}

impl Counted for updraft_functype_t {
    type Value = FuncTypeValue;
    const KIND: u32 = 0x7954_4675;
}

/// What a function type object holds.
pub(super) struct FuncTypeValue {
    pub(super) ty: FuncType,
    params: Box<[updraft_valtype_t]>,
    results: Box<[updraft_valtype_t]>,
}

/// `max` is set.
pub const UPDRAFT_LIMITS_HAS_MAX: u32 = 1;
/// Addresses, or indices of elements, have 64 bits.
pub const UPDRAFT_LIMITS_INDEX64: u32 = 2;
/// Threads share the memory.
pub const UPDRAFT_LIMITS_SHARED: u32 = 4;

/// The type of a memory. Sizes are in pages of 64 KiB. Set `struct_size` first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_memorytype_t {
    /// Size of the struct, set by its user.
    pub struct_size: usize,
    /// A sum of `UPDRAFT_LIMITS_` numbers.
    pub flags: u32,
    /// Base-two logarithm of the page size; 0 and 16 both mean 64 KiB, the only size there is.
    pub page_size_log2: u32,
    /// Initial size.
    pub min: u64,
    /// Largest size, with UPDRAFT_LIMITS_HAS_MAX.
    pub max: u64,
}

/// The type of a table. Sizes are in elements. Set `struct_size` first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_tabletype_t {
    /// Size of the struct, set by its user.
    pub struct_size: usize,
    /// A sum of `UPDRAFT_LIMITS_` numbers.
    pub flags: u32,
    /// Type of the elements, a reference.
    pub element: updraft_valtype_t,
    /// Initial size.
    pub min: u64,
    /// Largest size, with UPDRAFT_LIMITS_HAS_MAX.
    pub max: u64,
}

/// The type of a global. Set `struct_size` first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_globaltype_t {
    /// Size of the struct, set by its user.
    pub struct_size: usize,
    /// Type of the value.
    pub content: updraft_valtype_t,
    /// 1 if it can be written, else 0.
    pub is_mutable: u32,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_memorytype_t {
    const FIRST_SIZE: usize = size_of::<updraft_memorytype_t>();
}
// SAFETY: as above.
unsafe impl Extensible for updraft_tabletype_t {
    const FIRST_SIZE: usize = size_of::<updraft_tabletype_t>();
}
// SAFETY: as above.
unsafe impl Extensible for updraft_globaltype_t {
    const FIRST_SIZE: usize = size_of::<updraft_globaltype_t>();
}

fn index_type(flags: u32) -> IndexType {
    if flags & UPDRAFT_LIMITS_INDEX64 == 0 { IndexType::I32 } else { IndexType::I64 }
}

fn limit_flags(max: Option<u64>, index: IndexType) -> u32 {
    let has_max = if max.is_some() { UPDRAFT_LIMITS_HAS_MAX } else { 0 };
    has_max | if index == IndexType::I64 { UPDRAFT_LIMITS_INDEX64 } else { 0 }
}

fn check_limits(flags: u32, known: u32, min: u64, max: u64) -> Result<Option<u64>, Fail> {
    if flags & !known != 0 {
        return Err(Fail::misuse(format!("flags has unknown bits {:#x}", flags & !known)));
    }
    if flags & UPDRAFT_LIMITS_HAS_MAX == 0 {
        return Ok(None);
    }
    if max < min {
        return Err(Fail::misuse("max is less than min"));
    }
    Ok(Some(max))
}

/// A memory type from C.
pub(super) fn memory_type(pointer: *const updraft_memorytype_t) -> Result<MemoryType, Fail> {
    let ty = super::read_struct(pointer, "memory_type")?;
    let known = UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_INDEX64 | UPDRAFT_LIMITS_SHARED;
    let max = check_limits(ty.flags, known, ty.min, ty.max)?;
    if !matches!(ty.page_size_log2, 0 | 16) {
        return Err(Fail::misuse(format!("page_size_log2 is {}, not 16", ty.page_size_log2)));
    }
    let shared = ty.flags & UPDRAFT_LIMITS_SHARED != 0;
    if shared && max.is_none() {
        return Err(Fail::misuse("a shared memory needs a maximum"));
    }
    let index = index_type(ty.flags);
    let bound: u64 = if index == IndexType::I32 { 1 << 16 } else { 1 << 48 };
    if ty.min > bound || max.is_some_and(|max| max > bound) {
        return Err(Fail::misuse(format!("a memory of this index type has at most {bound} pages")));
    }
    Ok(MemoryType { min: ty.min, max, index, shared })
}

/// A memory type for C.
pub(super) fn memory_type_for_c(ty: &MemoryType) -> updraft_memorytype_t {
    updraft_memorytype_t {
        struct_size: size_of::<updraft_memorytype_t>(),
        flags: limit_flags(ty.max, ty.index) | if ty.shared { UPDRAFT_LIMITS_SHARED } else { 0 },
        page_size_log2: 16,
        min: ty.min,
        max: ty.max.unwrap_or(0),
    }
}

/// A table type from C.
pub(super) fn table_type(pointer: *const updraft_tabletype_t) -> Result<TableType, Fail> {
    let ty = super::read_struct(pointer, "table_type")?;
    let max = check_limits(ty.flags, UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_INDEX64, ty.min, ty.max)?;
    let index = index_type(ty.flags);
    if index == IndexType::I32 && (ty.min > u32::MAX.into() || max.is_some_and(|max| max > u32::MAX.into())) {
        return Err(Fail::misuse("a table with 32-bit indices has less than 2^32 elements"));
    }
    let element = val_type(ty.element, "element")?;
    if !element.is_ref() {
        return Err(Fail::misuse("element is not a reference type"));
    }
    Ok(TableType { element, min: ty.min, max, index })
}

/// A table type for C.
pub(super) fn table_type_for_c(ty: &TableType) -> updraft_tabletype_t {
    updraft_tabletype_t {
        struct_size: size_of::<updraft_tabletype_t>(),
        flags: limit_flags(ty.max, ty.index),
        element: val_type_for_c(ty.element),
        min: ty.min,
        max: ty.max.unwrap_or(0),
    }
}

/// A global type from C.
pub(super) fn global_type(pointer: *const updraft_globaltype_t) -> Result<GlobalType, Fail> {
    let ty = super::read_struct(pointer, "global_type")?;
    Ok(GlobalType { content: val_type(ty.content, "content")?, mutable: super::flag(ty.is_mutable, "is_mutable")? })
}

/// A global type for C.
pub(super) fn global_type_for_c(ty: &GlobalType) -> updraft_globaltype_t {
    updraft_globaltype_t {
        struct_size: size_of::<updraft_globaltype_t>(),
        content: val_type_for_c(ty.content),
        is_mutable: ty.mutable.into(),
    }
}

/// A function type object, owned by C.
pub(super) fn func_type_for_c(ty: FuncType) -> *mut updraft_functype_t {
    let list = |types: &[crate::types::ValType]| types.iter().map(|ty| val_type_for_c(*ty)).collect();
    let (params, results) = (list(ty.params()), list(ty.results()));
    new_object(FuncTypeValue { ty, params, results })
}

/// Makes a function type. The arrays are copied; each may be NULL if it is empty.
///
/// Writes to `out` a type owned by the caller (`updraft_functype_delete`). Fails with MISUSE (an unknown value type,
/// or more than 1000 parameters or results). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_functype_new(
    params: *const updraft_valtype_t,
    param_count: usize,
    results: *const updraft_valtype_t,
    result_count: usize,
    out: *mut *mut updraft_functype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let list = |pointer, len, name| -> Result<Vec<_>, Fail> {
            if len > MAX_FUNCTION_VALUES {
                return Err(Fail::misuse(format!("{name} has more than {MAX_FUNCTION_VALUES} elements")));
            }
            array(pointer, len, name)?.iter().map(|ty| val_type(*ty, name)).collect()
        };
        let ty = FuncType::new(list(params, param_count, "params")?, list(results, result_count, "results")?);
        out.write(func_type_for_c(ty));
        Ok(())
    })
}

/// As many parameters, and as many results, as modules may have.
const MAX_FUNCTION_VALUES: usize = 1000;

/// Counts one more reference to a function type, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_functype_clone(
    functype: *const updraft_functype_t,
    out: *mut *mut updraft_functype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(functype, "functype")?);
        Ok(())
    })
}

/// Gives up a reference to a function type. NULL is allowed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_functype_delete(functype: *mut updraft_functype_t) {
    delete(functype);
}

/// Writes to `params` the types of the parameters and to `count` how many there are; the array lives as long as
/// the function type.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_functype_params(
    functype: *const updraft_functype_t,
    params: *mut *const updraft_valtype_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (params, count) = (out(params, "params")?, out(count, "count")?);
        let list = &object(functype, "functype")?.params;
        params.write(list.as_ptr());
        count.write(list.len());
        Ok(())
    })
}

/// Writes to `results` the types of the results and to `count` how many there are; the array lives as long as
/// the function type.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_functype_results(
    functype: *const updraft_functype_t,
    results: *mut *const updraft_valtype_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (results, count) = (out(results, "results")?, out(count, "count")?);
        let list = &object(functype, "functype")?.results;
        results.write(list.as_ptr());
        count.write(list.len());
        Ok(())
    })
}
