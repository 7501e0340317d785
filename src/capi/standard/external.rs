//! Foreign objects, and what externals are.

use std::ptr::null_mut;

use super::generated::references::{wasm_extern_t, wasm_foreign_t};
use super::generated::types::wasm_externtype_t;
use super::object::{What, new_ref, reference};
use super::quiet;
use super::store::{shared, wasm_store_t};
use super::types::{new_extern_type, wasm_externkind_enum, wasm_externkind_t};
use crate::capi::error::Fail;
use crate::runtime::extern_ref::ExternRef;
use crate::types::ExternType;

/// What WebAssembly holds for a foreign object, which has nothing but its identity and host info.
struct Foreign;

/// Makes an object of the host, which WebAssembly may hold as an external reference. Attach host info to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_new(store: *mut wasm_store_t) -> *mut wasm_foreign_t {
    quiet(null_mut(), || {
        let shared = shared(store)?;
        let external = shared.enter(|store| Ok(ExternRef::new(store, Box::new(Foreign))?))?;
        Ok(new_ref(&shared, What::Foreign(external)))
    })
}

/// What an external is: a number of `wasm_externkind_enum`; `WASM_EXTERN_FUNC` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_kind(object: *const wasm_extern_t) -> wasm_externkind_t {
    quiet(wasm_externkind_enum::WASM_EXTERN_FUNC as u8, || {
        Ok(match reference(object, "extern")?.what {
            What::Func(_) => wasm_externkind_enum::WASM_EXTERN_FUNC,
            What::Global(_) => wasm_externkind_enum::WASM_EXTERN_GLOBAL,
            What::Table(_) => wasm_externkind_enum::WASM_EXTERN_TABLE,
            What::Memory(_) => wasm_externkind_enum::WASM_EXTERN_MEMORY,
            _ => return Err(Fail::misuse("extern is a reference of another kind")),
        } as u8)
    })
}

/// The type of an external, owned by the caller. The minimum of a table or memory is its current size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_type(object: *const wasm_extern_t) -> *mut wasm_externtype_t {
    quiet(null_mut(), || {
        let value = reference(object, "extern")?;
        let ty = value.store.enter(|store| {
            Ok(match value.what {
                What::Func(func) => ExternType::Func(func.ty(store)?),
                What::Global(global) => ExternType::Global(global.ty(store)?),
                What::Table(table) => ExternType::Table(table.ty(store)?),
                What::Memory(memory) => ExternType::Memory(memory.ty(store)?),
                _ => return Err(Fail::misuse("extern is a reference of another kind")),
            })
        })?;
        Ok(new_extern_type(ty))
    })
}
