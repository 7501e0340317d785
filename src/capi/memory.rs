//! Memories of a store, and shared memories.

use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::store::{updraft_memory_t, updraft_store_t, with_store};
use super::types::{memory_type_for_c, updraft_memorytype_t};
use super::{Counted, array, array_mut, clone_object, delete, enter, new_object, object, out, out_struct};
use crate::error::Error;
use crate::runtime::memory::{Memory, SharedMemory};
use crate::runtime::store::Handle;

/// A memory that several stores and threads use. Reference-counted; any thread.
pub struct updraft_shared_memory_t {
    _private: [u8; 0],
}

impl Counted for updraft_shared_memory_t {
    type Value = SharedMemory;
    const KIND: u32 = 0x6d68_5375;
}

/// What `grow` fails with.
fn cannot_grow(delta: u64) -> Fail {
    Error::Limit { what: "pages that the memory can grow by", asked: delta, limit: 0 }.into()
}

/// Makes a memory in a store. For a shared type, use `updraft_shared_memory_new` to give it to several stores.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_new(
    store: *mut updraft_store_t,
    memory_type: *const updraft_memorytype_t,
    out: *mut updraft_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, ty) = (super::out(out, "out")?, super::types::memory_type(memory_type)?);
        out.write(with_store(store, |store| Ok(Memory::new(store, ty)?))?.0.0);
        Ok(())
    })
}

/// Fills in the type of a memory; `min` is its current size.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_type(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    memory_type: *mut updraft_memorytype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(memory_type, "memory_type")?;
        let ty = with_store(store, |store| Ok(Memory(Handle(memory)).ty(store)?))?;
        out.write(memory_type_for_c(&ty));
        Ok(())
    })
}

/// Writes to `pages` the size of a memory in pages of 64 KiB.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_size(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    pages: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let pages = out(pages, "pages")?;
        pages.write(with_store(store, |store| Ok(Memory(Handle(memory)).size(store)?))?);
        Ok(())
    })
}

/// Grows a memory by `delta` pages, and writes the old size in pages to `old_pages` unless that is NULL. Pointers
/// into the memory (`updraft_memory_data`) are then stale.
///
/// Fails with LIMIT if the memory cannot grow so far, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_grow(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    delta: u64,
    old_pages: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let old = with_store(store, |store| Ok(Memory(Handle(memory)).grow(store, delta)?))?;
        let old = old.ok_or_else(|| cannot_grow(delta))?;
        if let Ok(out) = out(old_pages, "old_pages") {
            out.write(old);
        }
        Ok(())
    })
}

/// Writes to `data` where a memory's first byte is, and to `len` its size in bytes. Valid until the memory grows (by
/// WebAssembly too) or is reclaimed. An empty memory may have any pointer.
///
/// Fails with MISUSE, BUSY, BUG and TRAP (its initial contents are in an artifact that was changed meanwhile). The store's
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_data(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    data: *mut *mut u8,
    len: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (data, len) = (out(data, "data")?, out(len, "len")?);
        let (base, length) = with_store(store, |store| Ok(Memory(Handle(memory)).data(store)?))?;
        data.write(base);
        len.write(length);
        Ok(())
    })
}

/// The status of an access that does not lie in a memory of `len` bytes.
fn check_bounds(offset: u64, count: usize, len: usize) -> Result<(), Fail> {
    if offset.checked_add(count as u64).is_none_or(|end| end > len as u64) {
        return Err(Fail::out_of_bounds(format!("{count} bytes at {offset:#x} are not in the memory's {len:#x}")));
    }
    Ok(())
}

/// Copies `len` bytes at `offset` of a memory to `buffer`, which may be NULL if `len` is 0.
///
/// Fails with OUT_OF_BOUNDS, and nothing is copied, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_read(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    offset: u64,
    buffer: *mut u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let buffer = array_mut(buffer, len, "buffer")?;
        with_store(store, |store| {
            let memory = Memory(Handle(memory));
            check_bounds(offset, len, memory.len(store)?)?;
            Ok(memory.read(store, offset, buffer)?)
        })
    })
}

/// Copies `len` bytes at `bytes`, which may be NULL if `len` is 0, to `offset` of a memory.
///
/// Fails with OUT_OF_BOUNDS, and nothing is copied, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_write(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    offset: u64,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let bytes = array(bytes, len, "bytes")?;
        with_store(store, |store| {
            let memory = Memory(Handle(memory));
            check_bounds(offset, len, memory.len(store)?)?;
            Ok(memory.write(store, offset, bytes)?)
        })
    })
}

/// Makes a shared memory, whose type has UPDRAFT_LIMITS_SHARED and a maximum.
///
/// Writes to `out` a memory owned by the caller (`updraft_shared_memory_delete`). Fails with MISUSE, LIMIT and SYSTEM.
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_new(
    engine: *const updraft_engine_t,
    memory_type: *const updraft_memorytype_t,
    out: *mut *mut updraft_shared_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let ty = super::types::memory_type(memory_type)?;
        if !ty.shared {
            return Err(Fail::misuse("memory_type is not shared"));
        }
        out.write(new_object(SharedMemory::new(&engine.engine, ty)?));
        Ok(())
    })
}

/// Makes a shared memory a memory of a store.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE (also for a memory of another
/// engine), LIMIT, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_from_shared(
    store: *mut updraft_store_t,
    shared: *const updraft_shared_memory_t,
    out: *mut updraft_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, shared) = (super::out(out, "out")?, object(shared, "shared")?);
        out.write(with_store(store, |store| Ok(Memory::from_shared(store, shared)?))?.0.0);
        Ok(())
    })
}

/// Writes to `out` the shared memory behind a memory of a store: a new reference, owned by the caller.
///
/// Fails with NOT_FOUND if the memory is not shared, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_memory_shared(
    store: *mut updraft_store_t,
    memory: updraft_memory_t,
    out: *mut *mut updraft_shared_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let shared = with_store(store, |store| Ok(Memory(Handle(memory)).shared(store)?))?;
        out.write(new_object(shared.ok_or_else(|| Fail::not_found("the memory is not shared"))?));
        Ok(())
    })
}

/// Fills in the type of a shared memory.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_type(
    shared: *const updraft_shared_memory_t,
    memory_type: *mut updraft_memorytype_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, shared) = (out_struct(memory_type, "memory_type")?, object(shared, "shared")?);
        out.write(memory_type_for_c(&shared.ty()));
        Ok(())
    })
}

/// Writes to `pages` the size of a shared memory in pages of 64 KiB.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_size(
    shared: *const updraft_shared_memory_t,
    pages: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (pages, shared) = (out(pages, "pages")?, object(shared, "shared")?);
        pages.write(shared.size());
        Ok(())
    })
}

/// Grows a shared memory by `delta` pages, and writes the old size in pages to `old_pages` unless that is NULL. Its
/// bytes never move.
///
/// Fails with LIMIT if the memory cannot grow so far, and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_grow(
    shared: *const updraft_shared_memory_t,
    delta: u64,
    old_pages: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let old = object(shared, "shared")?.grow(delta).ok_or_else(|| cannot_grow(delta))?;
        if let Ok(out) = out(old_pages, "old_pages") {
            out.write(old);
        }
        Ok(())
    })
}

/// Writes to `data` where a shared memory's first byte is, and to `len` its size in bytes now; it never moves nor
/// shrinks. Other threads may write to it meanwhile: use atomic accesses.
///
/// Valid while a reference to the memory is held. Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_data(
    shared: *const updraft_shared_memory_t,
    data: *mut *mut u8,
    len: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (data, len) = (out(data, "data")?, out(len, "len")?);
        let (base, length) = object(shared, "shared")?.data();
        data.write(base);
        len.write(length);
        Ok(())
    })
}

/// Counts one more reference to a shared memory, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_clone(
    shared: *const updraft_shared_memory_t,
    out: *mut *mut updraft_shared_memory_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(shared, "shared")?);
        Ok(())
    })
}

/// Gives up a reference to a shared memory. NULL is allowed. Stores that use the memory keep it alive.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_shared_memory_delete(shared: *mut updraft_shared_memory_t) {
    delete(shared);
}
