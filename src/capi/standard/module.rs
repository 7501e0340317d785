//! Modules: compiling, sharing, serialising.
//!
//! A serialised module is its validated wasm bytes behind a header, until there are artifacts of machine code:
//!
//!     "updraft\0"   version: u32   0: u32   length: u64   FNV-1a of the bytes: u64   bytes      (little-endian)
//!
//! The checksum finds accidents; whoever changes bytes on purpose gets what the validator lets through.

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
use crate::engine::CompiledModule;

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

const MAGIC: &[u8; 8] = b"updraft\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn header(bytes: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend(0u32.to_le_bytes());
    header.extend((bytes.len() as u64).to_le_bytes());
    header.extend(checksum(bytes).to_le_bytes());
    header
}

/// The wasm bytes of a serialised module.
fn unpack(serialized: &[u8]) -> Result<&[u8], Fail> {
    let (start, bytes) = serialized.split_at_checked(HEADER_BYTES).unwrap_or_default();
    if bytes.is_empty() || start != header(bytes) {
        return Err(Fail::misuse("bytes are not a module that this version serialised"));
    }
    Ok(bytes)
}

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

/// Writes to `out` bytes from which `wasm_module_deserialize` makes the module again, in this version of the library;
/// an empty vector for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_serialize(object: *const wasm_module_t, out: *mut wasm_byte_vec_t) {
    enter_total((), || {
        let Ok(module) = module(object) else { return vectors::new_empty(out) };
        let bytes = module.module().bytes();
        let mut serialized = header(bytes);
        serialized.extend_from_slice(bytes);
        give(out, vectors::bytes(&serialized));
    });
}

/// Makes a module from serialised bytes, which are not kept. They are validated again: bytes of any origin are safe. NULL
/// if they are damaged or of another version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_deserialize(
    store: *mut wasm_store_t,
    serialized: *const wasm_byte_vec_t,
) -> *mut wasm_module_t {
    quiet(null_mut(), || {
        let store = shared(store)?;
        let module = CompiledModule::new(&store.engine, binary(unpack(as_bytes(elements(serialized)))?)?)?;
        Ok(new_module(&store, module))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every single damaged byte is noticed, and so is every truncation.
    #[test]
    fn damaged_bytes_are_refused() {
        let wasm = b"\0asm\x01\0\0\0\0\x03\x01a!";
        let mut packed = header(wasm);
        packed.extend_from_slice(wasm);
        assert_eq!(unpack(&packed).ok(), Some(&wasm[..]));
        for at in 0..packed.len() {
            assert!(unpack(&packed[..at]).is_err(), "{at}");
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            assert!(unpack(&damaged).is_err(), "{at}");
        }
        packed.push(0);
        assert!(unpack(&packed).is_err());
    }
}
