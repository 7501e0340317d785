//! Imports and exports of modules, and their types.

use std::ffi::c_char;

use super::error::{Fail, updraft_error_t};
use super::module::{ModuleValue, updraft_module_t};
use super::status::updraft_status_t;
use super::types::{func_type_for_c, global_type_for_c, memory_type_for_c, table_type_for_c};
use super::types::{updraft_functype_t, updraft_globaltype_t, updraft_memorytype_t, updraft_tabletype_t};
use super::value::{UPDRAFT_KIND_FUNC, UPDRAFT_KIND_GLOBAL, UPDRAFT_KIND_MEMORY, UPDRAFT_KIND_TABLE, updraft_kind_t};
use super::{Extensible, enter, object, out, out_struct, text};
use crate::module::{Export, ExportItem, Import};
use crate::types::ExternType;

/// An import. Set `struct_size` before it is filled in. Strings are UTF-8, not terminated, and live as long as the module.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_import_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Module that the import names.
    pub module: *const c_char,
    /// Its length in bytes.
    pub module_len: usize,
    /// Name within that module.
    pub name: *const c_char,
    /// Its length in bytes.
    pub name_len: usize,
    /// What is imported: an `UPDRAFT_KIND_` number.
    pub kind: updraft_kind_t,
    /// 0.
    pub reserved: u32,
}

/// An export. Set `struct_size` before it is filled in. The name is UTF-8, not terminated, and lives as long as the module.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_export_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// The name.
    pub name: *const c_char,
    /// Its length in bytes.
    pub name_len: usize,
    /// What is exported: an `UPDRAFT_KIND_` number.
    pub kind: updraft_kind_t,
    /// Its index among the functions, tables, memories or globals of the module.
    pub item_index: u32,
}

// SAFETY: `repr(C)`, the size comes first, integers and raw pointers.
unsafe impl Extensible for updraft_import_t {
    const FIRST_SIZE: usize = size_of::<updraft_import_t>();
}
// SAFETY: as above.
unsafe impl Extensible for updraft_export_t {
    const FIRST_SIZE: usize = size_of::<updraft_export_t>();
}
fn kind_of(ty: &ExternType) -> updraft_kind_t {
    match ty {
        ExternType::Func(_) => UPDRAFT_KIND_FUNC,
        ExternType::Table(_) => UPDRAFT_KIND_TABLE,
        ExternType::Memory(_) => UPDRAFT_KIND_MEMORY,
        ExternType::Global(_) => UPDRAFT_KIND_GLOBAL,
    }
}

fn import_at(module: &ModuleValue, index: usize) -> Result<&Import, Fail> {
    let import = module.module.module().imports().get(index);
    import.ok_or_else(|| Fail::out_of_bounds(format!("there is no import {index}")))
}

fn export_at(module: &ModuleValue, index: usize) -> Result<&Export, Fail> {
    let export = module.module.module().exports().get(index);
    export.ok_or_else(|| Fail::out_of_bounds(format!("there is no export {index}")))
}

/// Fills in the `index`-th import.
///
/// Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import(
    module: *const updraft_module_t,
    index: usize,
    import: *mut updraft_import_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(import, "import")?;
        let import = import_at(object(module, "module")?, index)?;
        out.write(updraft_import_t {
            struct_size: size_of::<updraft_import_t>(),
            module: import.module.as_ptr().cast(),
            module_len: import.module.len(),
            name: import.name.as_ptr().cast(),
            name_len: import.name.len(),
            kind: kind_of(&import.ty),
            reserved: 0,
        });
        Ok(())
    })
}

/// Fills in the `index`-th export.
///
/// Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export(
    module: *const updraft_module_t,
    index: usize,
    item: *mut updraft_export_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(item, "item")?;
        let export = export_at(object(module, "module")?, index)?;
        let (kind, item_index) = match export.item {
            ExportItem::Func(index) => (UPDRAFT_KIND_FUNC, index.0),
            ExportItem::Table(index) => (UPDRAFT_KIND_TABLE, index.0),
            ExportItem::Memory(index) => (UPDRAFT_KIND_MEMORY, index.0),
            ExportItem::Global(index) => (UPDRAFT_KIND_GLOBAL, index.0),
        };
        out.write(updraft_export_t {
            struct_size: size_of::<updraft_export_t>(),
            name: export.name.as_ptr().cast(),
            name_len: export.name.len(),
            kind,
            item_index,
        });
        Ok(())
    })
}

/// Writes to `index` the number of the export with a name, for `updraft_module_export` and `updraft_instance_export_at`.
///
/// Fails with NOT_FOUND and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_find_export(
    module: *const updraft_module_t,
    name: *const c_char,
    name_len: usize,
    index: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (index, name) = (out(index, "index")?, text(name, name_len, "name")?);
        let exports = object(module, "module")?.module.module().exports();
        let position = exports.iter().position(|export| &*export.name == name);
        index.write(position.ok_or_else(|| Fail::not_found(format!("there is no export \"{name}\"")))?);
        Ok(())
    })
}

fn import_type(module: *const updraft_module_t, index: usize) -> Result<ExternType, Fail> {
    Ok(import_at(object(module, "module")?, index)?.ty.clone())
}

fn export_type(module: *const updraft_module_t, index: usize) -> Result<ExternType, Fail> {
    let module = object(module, "module")?;
    Ok(module.module.module().export_type(export_at(module, index)?.item))
}

/// An import or export is of another kind than was asked for.
fn wrong_kind(index: usize, found: &ExternType, asked: &str) -> Fail {
    let found = match found {
        ExternType::Func(_) => "function",
        ExternType::Table(_) => "table",
        ExternType::Memory(_) => "memory",
        ExternType::Global(_) => "global",
    };
    Fail::misuse(format!("index: number {index} is a {found}, not a {asked}"))
}

/// Writes to `functype` the type of the `index`-th import, a function: owned by the caller (`updraft_functype_delete`).
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_functype(
    module: *const updraft_module_t,
    index: usize,
    functype: *mut *mut updraft_functype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out(functype, "functype")?;
        match import_type(module, index)? {
            ExternType::Func(ty) => out.write(func_type_for_c(ty)),
            other => return Err(wrong_kind(index, &other, "function")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th import, a table.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_tabletype(
    module: *const updraft_module_t,
    index: usize,
    table_type: *mut updraft_tabletype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(table_type, "table_type")?;
        match import_type(module, index)? {
            ExternType::Table(ty) => out.write(table_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "table")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th import, a memory.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_memorytype(
    module: *const updraft_module_t,
    index: usize,
    memory_type: *mut updraft_memorytype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(memory_type, "memory_type")?;
        match import_type(module, index)? {
            ExternType::Memory(ty) => out.write(memory_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "memory")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th import, a global.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_globaltype(
    module: *const updraft_module_t,
    index: usize,
    global_type: *mut updraft_globaltype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(global_type, "global_type")?;
        match import_type(module, index)? {
            ExternType::Global(ty) => out.write(global_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "global")),
        }
        Ok(())
    })
}

/// Writes to `functype` the type of the `index`-th export, a function: owned by the caller (`updraft_functype_delete`).
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_functype(
    module: *const updraft_module_t,
    index: usize,
    functype: *mut *mut updraft_functype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out(functype, "functype")?;
        match export_type(module, index)? {
            ExternType::Func(ty) => out.write(func_type_for_c(ty)),
            other => return Err(wrong_kind(index, &other, "function")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th export, a table.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_tabletype(
    module: *const updraft_module_t,
    index: usize,
    table_type: *mut updraft_tabletype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(table_type, "table_type")?;
        match export_type(module, index)? {
            ExternType::Table(ty) => out.write(table_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "table")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th export, a memory.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_memorytype(
    module: *const updraft_module_t,
    index: usize,
    memory_type: *mut updraft_memorytype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(memory_type, "memory_type")?;
        match export_type(module, index)? {
            ExternType::Memory(ty) => out.write(memory_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "memory")),
        }
        Ok(())
    })
}

/// Fills in the type of the `index`-th export, a global.
///
/// Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_globaltype(
    module: *const updraft_module_t,
    index: usize,
    global_type: *mut updraft_globaltype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(global_type, "global_type")?;
        match export_type(module, index)? {
            ExternType::Global(ty) => out.write(global_type_for_c(&ty)),
            other => return Err(wrong_kind(index, &other, "global")),
        }
        Ok(())
    })
}
