//! Modules: compiling, sharing, serialising (as artifacts).

use std::ptr::null_mut;
use std::sync::Arc;

use super::generated::references::wasm_module_t;
use super::generated::vectors::{wasm_byte_vec_t, wasm_exporttype_vec_t, wasm_importtype_vec_t};
use super::object::{Info, What, new_ref, reference};
use super::store::{Shared, shared, wasm_store_t};
use super::types::{new_export, new_import};
use super::vectors::{as_bytes, elements, give};
use super::{quiet, vectors};
use crate::capi::error::Fail;
use crate::capi::{Counted, delete, enter_total, new_object, object};
use crate::engine::{CompiledModule, ModuleOptions};

/// What a module holds.
pub(in crate::capi) struct ModuleData(pub(in crate::capi) CompiledModule);

/// A module on its way to other stores. Any thread.
pub struct wasm_shared_module_t {
    _private: [u8; 0],
}

impl Counted for wasm_shared_module_t {
    type Value = SharedModuleValue;
    const KIND: u32 = 0x644d_5377;
}

/// What a shared module holds.
pub(in crate::capi) struct SharedModuleValue(CompiledModule);

/// The standard knows no text format.
fn binary(bytes: &[u8]) -> Result<&[u8], Fail> {
    if bytes.starts_with(b"\0asm") { Ok(bytes) } else { Err(Fail::misuse("binary is not WebAssembly's binary format")) }
}

pub(in crate::capi) fn new_module(store: &Arc<Shared>, module: CompiledModule) -> *mut wasm_module_t {
    new_ref(store, What::Module(ModuleData(module), Info::default()))
}

/// The module behind a pointer from C.
pub(in crate::capi) fn module<'a>(pointer: *const wasm_module_t) -> Result<&'a CompiledModule, Fail> {
    match &reference(pointer, "module")?.what {
        What::Module(data, _) => Ok(&data.0),
        _ => Err(Fail::misuse("module is a reference of another kind")),
    }
}

/// Compiles a module from the binary format. The bytes are not kept. NULL if they are not valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_new(
    store: *mut wasm_store_t,
    binary: *const wasm_byte_vec_t,
) -> *mut wasm_module_t {
    quiet(null_mut(), || {
        let store = shared(store)?;
        let module = CompiledModule::new(&store.engine, self::binary(as_bytes(elements(binary)))?)?;
        Ok(new_module(&store, module))
    })
}

/// Whether bytes are a valid module in the binary format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_validate(store: *mut wasm_store_t, binary: *const wasm_byte_vec_t) -> bool {
    quiet(false, || {
        CompiledModule::validate(&shared(store)?.engine, self::binary(as_bytes(elements(binary)))?)?;
        Ok(true)
    })
}

/// Writes to `out` what a module imports, in order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_imports(object: *const wasm_module_t, out: *mut wasm_importtype_vec_t) {
    enter_total((), || {
        let imports = module(object).map_or(&[][..], |module| module.module().imports());
        give(out, imports.iter().map(|item| new_import(&item.module, &item.name, item.ty.clone())).collect());
    });
}

/// Writes to `out` what a module exports, in order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_exports(object: *const wasm_module_t, out: *mut wasm_exporttype_vec_t) {
    enter_total((), || {
        let Ok(compiled) = module(object) else { return vectors::new_empty(out) };
        let exports = compiled.module().exports().iter();
        give(out, exports.map(|item| new_export(&item.name, compiled.module().export_type(item.item))).collect());
    });
}

/// Writes to `out` bytes from which `wasm_module_deserialize` makes the module again, with the machine code that it has by
/// now (`updraft_module_serialize`); an empty vector for NULL, and of a module that is not valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_serialize(object: *const wasm_module_t, out: *mut wasm_byte_vec_t) {
    enter_total((), || match module(object).and_then(|module| Ok(module.serialize()?)) {
        Ok(bytes) => give(out, vectors::bytes(&bytes)),
        Err(_) => vectors::new_empty(out),
    });
}

/// Makes a module from serialised bytes, which are not kept. Bytes of any origin are safe: code is run only if this process, or
/// one with the same key, has written it, and is compiled otherwise. NULL if they are no such bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_deserialize(
    store: *mut wasm_store_t,
    serialized: *const wasm_byte_vec_t,
) -> *mut wasm_module_t {
    quiet(null_mut(), || {
        let store = shared(store)?;
        let module =
            CompiledModule::deserialize_copy(&store.engine, as_bytes(elements(serialized)), &ModuleOptions::default())?;
        Ok(new_module(&store, module.module))
    })
}

/// Makes an object from which other stores, on any thread, obtain the module; it needs neither store nor module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_share(object: *const wasm_module_t) -> *mut wasm_shared_module_t {
    quiet(null_mut(), || Ok(new_object(SharedModuleValue(module(object)?.clone()))))
}

/// A shared module as a module of a store: without compiling if the store is of the same engine, else compiled again.
/// NULL if the engine of the store refuses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_obtain(
    store: *mut wasm_store_t,
    module: *const wasm_shared_module_t,
) -> *mut wasm_module_t {
    quiet(null_mut(), || {
        let (store, module) = (shared(store)?, &object(module, "module")?.0);
        let module = if module.engine().same(&store.engine) {
            module.clone()
        } else {
            CompiledModule::new(&store.engine, module.module().bytes())?
        };
        Ok(new_module(&store, module))
    })
}

/// Deletes a shared module. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_module_delete(object: *mut wasm_shared_module_t) {
    delete(object);
}
