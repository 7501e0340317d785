//! Memories.

use std::ptr::null_mut;
use std::sync::Arc;

use super::generated::references::wasm_memory_t;
use super::generated::types::wasm_memorytype_t;
use super::object::{What, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::types::{memory_type, new_extern_type};
use super::vectors::byte_t;
use crate::capi::error::Fail;
use crate::runtime::memory::Memory;
use crate::types::ExternType;

/// A number of pages of 64 KiB.
pub type wasm_memory_pages_t = u32;

fn memory(pointer: *const wasm_memory_t) -> Result<(Arc<Shared>, Memory), Fail> {
    let value = reference(pointer, "memory")?;
    match value.what {
        What::Memory(memory) => Ok((value.store.clone(), memory)),
        _ => Err(Fail::misuse("memory is a reference of another kind")),
    }
}

/// Makes a memory; NULL if there is no room for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_new(store: *mut wasm_store_t, ty: *const wasm_memorytype_t) -> *mut wasm_memory_t {
    quiet(null_mut(), || {
        let (shared, ty) = (shared(store)?, memory_type(ty)?);
        let memory = shared.enter(|store| Ok(Memory::new(store, ty)?))?;
        Ok(new_ref(&shared, What::Memory(memory)))
    })
}

/// The type of a memory, owned by the caller. Its minimum is the current size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_type(memory: *const wasm_memory_t) -> *mut wasm_memorytype_t {
    quiet(null_mut(), || {
        let (shared, memory) = self::memory(memory)?;
        Ok(new_extern_type(ExternType::Memory(shared.enter(|store| Ok(memory.ty(store)?))?)))
    })
}

/// The bytes of a memory; NULL for NULL. Valid until the memory grows, by whomever, or dies: ask again after every call.
/// A memory without pages has a pointer to no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_data(memory: *mut wasm_memory_t) -> *mut byte_t {
    quiet(null_mut(), || {
        let (shared, memory) = self::memory(memory)?;
        Ok(shared.enter(|store| Ok(memory.data(store)?))?.0.cast())
    })
}

/// The number of bytes of a memory; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_data_size(memory: *const wasm_memory_t) -> usize {
    quiet(0, || {
        let (shared, memory) = self::memory(memory)?;
        shared.enter(|store| Ok(memory.len(store)?))
    })
}

/// The number of pages of a memory, 65536 for 4 GiB; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_size(memory: *const wasm_memory_t) -> wasm_memory_pages_t {
    quiet(0, || {
        let (shared, memory) = self::memory(memory)?;
        let pages = shared.enter(|store| Ok(memory.size(store)?))?;
        Ok(u32::try_from(pages).unwrap_or(u32::MAX))
    })
}

/// Grows a memory by `delta` pages; false if it cannot grow so far. Host functions may grow memories; running WebAssembly
/// sees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_grow(memory: *mut wasm_memory_t, delta: wasm_memory_pages_t) -> bool {
    quiet(false, || {
        let (shared, memory) = self::memory(memory)?;
        shared.enter(|store| Ok(memory.grow(store, delta.into())?.is_some()))
    })
}
