//! Types: immutable objects. All kinds of externals' types are one, so that their casts are views.

use std::ptr::{null, null_mut};

use super::generated::types::{
    wasm_exporttype_t, wasm_externtype_t, wasm_functype_t, wasm_globaltype_t, wasm_importtype_t, wasm_memorytype_t,
    wasm_tabletype_t, wasm_valtype_t,
};
use super::generated::vectors::{wasm_byte_vec_t, wasm_valtype_vec_t};
use super::quiet;
use super::values::{kind_of, type_of, wasm_valkind_enum, wasm_valkind_t};
use super::vectors::{self, Owned, take};
use crate::capi::error::Fail;
use crate::capi::{Counted, delete, new_object, object};
use crate::types::{ExternType, FuncType, GlobalType, IndexType, MemoryType, TableType, ValType};

/// A name: bytes, UTF-8, not terminated.
pub type wasm_name_t = wasm_byte_vec_t;

/// Whether a global can be set: a number of `wasm_mutability_enum`.
pub type wasm_mutability_t = u8;

/// Whether a global can be set.
#[repr(C)]
pub enum wasm_mutability_enum {
    /// It cannot.
    WASM_CONST = 0,
    /// It can.
    WASM_VAR = 1,
}

/// Bounds of a table's or memory's size, in elements or pages. `max` is 0xffffffff if there is none; sizes that are
/// larger than 32 bits can say are given as 0xffffffff.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct wasm_limits_t {
    /// Initial size.
    pub min: u32,
    /// Largest size.
    pub max: u32,
}

/// `wasm_limits_max_default` of the header: no maximum.
const NO_MAX: u32 = u32::MAX;

/// What an external is: a number of `wasm_externkind_enum`.
pub type wasm_externkind_t = u8;

/// What an external is.
#[repr(C)]
pub enum wasm_externkind_enum {
    /// A function.
    WASM_EXTERN_FUNC = 0,
    /// A global.
    WASM_EXTERN_GLOBAL = 1,
    /// A table.
    WASM_EXTERN_TABLE = 2,
    /// A memory.
    WASM_EXTERN_MEMORY = 3,
    /// A tag, of later revisions of the standard. Set aside: this version gives no external of this kind.
    WASM_EXTERN_TAG = 4,
}

/// What a value type holds.
pub(in crate::capi) struct ValTypeValue(pub(super) ValType);

/// Kind word of all types of externals.
pub(super) const EXTERN_TYPE_KIND: u32 = 0x7978_4577;

/// What a type of an external holds.
pub(in crate::capi) enum ExternTypeValue {
    Func { ty: FuncType, params: Owned<wasm_valtype_vec_t>, results: Owned<wasm_valtype_vec_t> },
    Global { ty: GlobalType, content: Part<wasm_valtype_t> },
    Table { ty: TableType, element: Part<wasm_valtype_t>, limits: wasm_limits_t },
    Memory { ty: MemoryType, limits: wasm_limits_t },
}

/// What an import holds.
pub(in crate::capi) struct ImportValue {
    module: Owned<wasm_name_t>,
    name: Owned<wasm_name_t>,
    ty: Part<wasm_externtype_t>,
}

/// What an export holds.
pub(in crate::capi) struct ExportValue {
    name: Owned<wasm_name_t>,
    ty: Part<wasm_externtype_t>,
}

/// An object that is part of another one and deleted with it.
pub(in crate::capi) struct Part<C: Counted>(*mut C);

impl<C: Counted> Drop for Part<C> {
    fn drop(&mut self) {
        delete(self.0);
    }
}

impl<C: Counted> Part<C> {
    /// Takes over an object that C hands over, once it is known to be one.
    fn take(pointer: *mut C, name: &'static str) -> Result<Part<C>, Fail> {
        object(pointer.cast_const(), name)?;
        Ok(Part(pointer))
    }
}

/// What a cast of a type asks for; all types of externals have one kind word.
trait ExternTypeView: Counted<Value = ExternTypeValue> {
    fn fits(value: &ExternTypeValue) -> bool;
}

macro_rules! views {
    ($($name:ident => $pattern:pat,)*) => { $(
        impl ExternTypeView for $name {
            fn fits(value: &ExternTypeValue) -> bool {
                matches!(value, $pattern)
            }
        }
    )* };
}
views! {
    wasm_externtype_t => _,
    wasm_functype_t => ExternTypeValue::Func { .. },
    wasm_globaltype_t => ExternTypeValue::Global { .. },
    wasm_tabletype_t => ExternTypeValue::Table { .. },
    wasm_memorytype_t => ExternTypeValue::Memory { .. },
}

/// A cast: the same pointer under another name, or NULL if it is of another kind.
#[allow(private_bounds)]
pub(super) fn view<From, To>(pointer: *const From) -> *mut To
where
    From: Counted<Value = ExternTypeValue>,
    To: ExternTypeView,
{
    quiet(null_mut(), || Ok(if To::fits(object(pointer, "object")?) { pointer.cast_mut().cast() } else { null_mut() }))
}

fn new_val_type(ty: ValType) -> *mut wasm_valtype_t {
    new_object(ValTypeValue(ty))
}

/// The type of a function, from a pointer of C.
pub(super) fn func_type(pointer: *const wasm_functype_t) -> Result<FuncType, Fail> {
    match object(pointer, "type")? {
        ExternTypeValue::Func { ty, .. } => Ok(ty.clone()),
        _ => Err(Fail::misuse("type is not that of a function")),
    }
}

pub(super) fn global_type(pointer: *const wasm_globaltype_t) -> Result<GlobalType, Fail> {
    match object(pointer, "type")? {
        ExternTypeValue::Global { ty, .. } => Ok(*ty),
        _ => Err(Fail::misuse("type is not that of a global")),
    }
}

pub(super) fn table_type(pointer: *const wasm_tabletype_t) -> Result<TableType, Fail> {
    match object(pointer, "type")? {
        ExternTypeValue::Table { ty, .. } => Ok(*ty),
        _ => Err(Fail::misuse("type is not that of a table")),
    }
}

pub(super) fn memory_type(pointer: *const wasm_memorytype_t) -> Result<MemoryType, Fail> {
    match object(pointer, "type")? {
        ExternTypeValue::Memory { ty, .. } => Ok(*ty),
        _ => Err(Fail::misuse("type is not that of a memory")),
    }
}

fn limits_for_c(min: u64, max: Option<u64>) -> wasm_limits_t {
    let narrow = |size: u64| u32::try_from(size).unwrap_or(NO_MAX);
    wasm_limits_t { min: narrow(min), max: max.map_or(NO_MAX, narrow) }
}

fn limits_from_c(limits: *const wasm_limits_t) -> Result<(u64, Option<u64>), Fail> {
    if limits.is_null() {
        return Err(Fail::misuse("limits is NULL"));
    }
    // SAFETY: the C contract: `limits` leads to limits.
    let limits = unsafe { limits.read() };
    let max = (limits.max != NO_MAX).then_some(u64::from(limits.max));
    Ok((limits.min.into(), max))
}

/// A type of an external for C, under any of its names.
pub(super) fn new_extern_type<C: Counted<Value = ExternTypeValue>>(ty: ExternType) -> *mut C {
    new_object(match ty {
        ExternType::Func(ty) => {
            let list = |types: &[ValType]| Owned::new(types.iter().map(|ty| new_val_type(*ty)).collect());
            let (params, results) = (list(ty.params()), list(ty.results()));
            ExternTypeValue::Func { ty, params, results }
        }
        ExternType::Global(ty) => ExternTypeValue::Global { ty, content: Part(new_val_type(ty.content)) },
        ExternType::Table(ty) => {
            ExternTypeValue::Table { element: Part(new_val_type(ty.element)), limits: limits_for_c(ty.min, ty.max), ty }
        }
        ExternType::Memory(ty) => ExternTypeValue::Memory { limits: limits_for_c(ty.min, ty.max), ty },
    })
}

/// An import for C.
pub(super) fn new_import(module: &str, name: &str, ty: ExternType) -> *mut wasm_importtype_t {
    let text = |text: &str| Owned::new(vectors::bytes(text.as_bytes()));
    new_object(ImportValue { module: text(module), name: text(name), ty: Part(new_extern_type(ty)) })
}

/// An export for C.
pub(super) fn new_export(name: &str, ty: ExternType) -> *mut wasm_exporttype_t {
    let name = Owned::new(vectors::bytes(name.as_bytes()));
    new_object(ExportValue { name, ty: Part(new_extern_type(ty)) })
}

/// Makes a value type from a number of `wasm_valkind_enum`; NULL for any other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_new(kind: wasm_valkind_t) -> *mut wasm_valtype_t {
    quiet(null_mut(), || Ok(new_val_type(type_of(kind)?)))
}

/// The kind of a value type: a number of `wasm_valkind_enum`, or 4 for a v128, of which no value can be passed.
/// `WASM_I32` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_kind(ty: *const wasm_valtype_t) -> wasm_valkind_t {
    quiet(wasm_valkind_enum::WASM_I32 as u8, || Ok(kind_of(object(ty, "type")?.0)))
}

/// Makes a function type, and takes both vectors over, also when it fails; they are empty afterwards, and NULL is an
/// empty one. NULL if a vector holds NULL or anything but value types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_new(
    params: *mut wasm_valtype_vec_t,
    results: *mut wasm_valtype_vec_t,
) -> *mut wasm_functype_t {
    quiet(null_mut(), || {
        let (params, results) = (Owned::<wasm_valtype_vec_t>::new(take(params)), Owned::new(take(results)));
        let types = |list: &Owned<wasm_valtype_vec_t>| {
            list.elements().iter().map(|ty| Ok(object(ty.cast_const(), "type")?.0)).collect::<Result<Vec<_>, Fail>>()
        };
        let ty = FuncType::new(types(&params)?, types(&results)?);
        Ok(new_object(ExternTypeValue::Func { ty, params, results }))
    })
}

/// The parameters of a function type; they live as long as the type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_params(ty: *const wasm_functype_t) -> *const wasm_valtype_vec_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Func { params, .. } => Ok(std::ptr::from_ref(params.get())),
        _ => Ok(null()),
    })
}

/// The results of a function type; they live as long as the type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_results(ty: *const wasm_functype_t) -> *const wasm_valtype_vec_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Func { results, .. } => Ok(std::ptr::from_ref(results.get())),
        _ => Ok(null()),
    })
}

/// Makes a global type, and takes the value type over, also when it fails. NULL if the mutability is neither
/// `WASM_CONST` nor `WASM_VAR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_new(
    content: *mut wasm_valtype_t,
    mutability: wasm_mutability_t,
) -> *mut wasm_globaltype_t {
    quiet(null_mut(), || {
        let content = Part::take(content, "content")?;
        if mutability > wasm_mutability_enum::WASM_VAR as u8 {
            return Err(Fail::misuse("mutability"));
        }
        let ty = GlobalType { content: object(content.0.cast_const(), "content")?.0, mutable: mutability != 0 };
        Ok(new_object(ExternTypeValue::Global { ty, content }))
    })
}

/// The type of a global's value; it lives as long as the global type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_content(ty: *const wasm_globaltype_t) -> *const wasm_valtype_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Global { content, .. } => Ok(content.0.cast_const()),
        _ => Ok(null()),
    })
}

/// Whether the global can be set: `WASM_VAR` or `WASM_CONST`, which is also the answer for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_mutability(ty: *const wasm_globaltype_t) -> wasm_mutability_t {
    quiet(wasm_mutability_enum::WASM_CONST as u8, || Ok(global_type(ty)?.mutable.into()))
}

/// Makes a table type, and takes the element type over, also when it fails. NULL if elements are not references, or
/// without limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_new(
    element: *mut wasm_valtype_t,
    limits: *const wasm_limits_t,
) -> *mut wasm_tabletype_t {
    quiet(null_mut(), || {
        let element = Part::take(element, "element")?;
        let (min, max) = limits_from_c(limits)?;
        let content = object(element.0.cast_const(), "element")?.0;
        if !content.is_ref() {
            return Err(Fail::misuse("element is no reference type"));
        }
        let ty = TableType { element: content, min, max, index: IndexType::I32 };
        Ok(new_object(ExternTypeValue::Table { ty, element, limits: limits_for_c(min, max) }))
    })
}

/// The type of a table's elements; it lives as long as the table type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_element(ty: *const wasm_tabletype_t) -> *const wasm_valtype_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Table { element, .. } => Ok(element.0.cast_const()),
        _ => Ok(null()),
    })
}

/// The limits of a table type; they live as long as the type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_limits(ty: *const wasm_tabletype_t) -> *const wasm_limits_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Table { limits, .. } => Ok(std::ptr::from_ref(limits)),
        _ => Ok(null()),
    })
}

/// Makes a memory type; NULL without limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_new(limits: *const wasm_limits_t) -> *mut wasm_memorytype_t {
    quiet(null_mut(), || {
        let (min, max) = limits_from_c(limits)?;
        Ok(new_extern_type(ExternType::Memory(MemoryType { min, max, index: IndexType::I32, shared: false })))
    })
}

/// The limits of a memory type; they live as long as the type. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_limits(ty: *const wasm_memorytype_t) -> *const wasm_limits_t {
    quiet(null(), || match object(ty, "type")? {
        ExternTypeValue::Memory { limits, .. } => Ok(std::ptr::from_ref(limits)),
        _ => Ok(null()),
    })
}

/// The kind of a type of an external: a number of `wasm_externkind_enum`; `WASM_EXTERN_FUNC` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_kind(ty: *const wasm_externtype_t) -> wasm_externkind_t {
    quiet(wasm_externkind_enum::WASM_EXTERN_FUNC as u8, || {
        Ok(match object(ty, "type")? {
            ExternTypeValue::Func { .. } => wasm_externkind_enum::WASM_EXTERN_FUNC,
            ExternTypeValue::Global { .. } => wasm_externkind_enum::WASM_EXTERN_GLOBAL,
            ExternTypeValue::Table { .. } => wasm_externkind_enum::WASM_EXTERN_TABLE,
            ExternTypeValue::Memory { .. } => wasm_externkind_enum::WASM_EXTERN_MEMORY,
        } as u8)
    })
}

/// Makes an import, and takes everything over, also when it fails; the names are empty afterwards, and NULL is an empty
/// one. NULL without a type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_new(
    module: *mut wasm_name_t,
    name: *mut wasm_name_t,
    ty: *mut wasm_externtype_t,
) -> *mut wasm_importtype_t {
    quiet(null_mut(), || {
        let (module, name) = (Owned::new(take(module)), Owned::new(take(name)));
        Ok(new_object(ImportValue { module, name, ty: Part::take(ty, "type")? }))
    })
}

/// The module that an import names; it lives as long as the import. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_module(ty: *const wasm_importtype_t) -> *const wasm_name_t {
    quiet(null(), || Ok(std::ptr::from_ref(object(ty, "import")?.module.get())))
}

/// The name of an import; it lives as long as the import. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_name(ty: *const wasm_importtype_t) -> *const wasm_name_t {
    quiet(null(), || Ok(std::ptr::from_ref(object(ty, "import")?.name.get())))
}

/// The type of an import; it lives as long as the import. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_type(ty: *const wasm_importtype_t) -> *const wasm_externtype_t {
    quiet(null(), || Ok(object(ty, "import")?.ty.0.cast_const()))
}

/// Makes an export, and takes everything over, also when it fails; the name is empty afterwards, and NULL is an empty
/// one. NULL without a type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_new(
    name: *mut wasm_name_t,
    ty: *mut wasm_externtype_t,
) -> *mut wasm_exporttype_t {
    quiet(null_mut(), || {
        let name = Owned::new(take(name));
        Ok(new_object(ExportValue { name, ty: Part::take(ty, "type")? }))
    })
}

/// The name of an export; it lives as long as the export. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_name(ty: *const wasm_exporttype_t) -> *const wasm_name_t {
    quiet(null(), || Ok(std::ptr::from_ref(object(ty, "export")?.name.get())))
}

/// The type of an export; it lives as long as the export. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_type(ty: *const wasm_exporttype_t) -> *const wasm_externtype_t {
    quiet(null(), || Ok(object(ty, "export")?.ty.0.cast_const()))
}
