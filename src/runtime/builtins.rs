//! Bodies of the helpers that machine code calls (`abi/builtin.rs` lists them).
//!
//! Each body runs below a shim of `enter.rs` and returns its result, or has the shim unwind with the trap
//! that it left in the store. Panics are caught here: they are bugs, and become a pending error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use super::backtrace::{self, Start};
use super::enter::{BuiltinResult, shim};
use super::instance::owner_of;
use super::instantiate::in_bounds;
use super::shared_memory::Waited;
use super::store::{Store, StoreInner};
use crate::abi::vmctx::{Place, VmHeader, VmInstance, VmMemory, VmTable};
use crate::code::map;
use crate::error::{Error, Result};
use crate::for_each_builtin;
use crate::sys::regions;
use crate::trap::TrapCode;
use crate::types::{DefinedFunc, MemoryIndex, TableIndex};

/// Runs a helper's body for the calling instance.
///
/// # Safety
/// `vmctx` is a live instance of a store that is running on this thread.
pub(super) unsafe fn run(
    vmctx: *mut VmHeader,
    body: impl FnOnce(&mut StoreInner, u32) -> Result<u64>,
) -> BuiltinResult {
    // SAFETY: the caller's contract.
    let (store, instance) = unsafe { (Store::from_vmctx(vmctx), owner_of(vmctx)) };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(store, instance)))
        .unwrap_or_else(|_| Err(Error::Bug { reason: "a helper panicked".into() }));
    finish(store, outcome, Start::Exit)
}

/// Turns an outcome into what the shim wants; a trap gets its frames here.
fn finish(store: &mut StoreInner, outcome: Result<u64>, start: Start) -> BuiltinResult {
    match outcome {
        Ok(value) => BuiltinResult { value, raised: 0 },
        Err(mut error) => {
            if let Error::Trap(trap) = &mut error {
                trap.frames = backtrace::capture(store, start);
            }
            store.pending = Some(error);
            BuiltinResult { value: 0, raised: 1 }
        }
    }
}

/// A helper that succeeded without a result.
const DONE: BuiltinResult = BuiltinResult { value: 0, raised: 0 };

/// Where a memory, or a table, of an instance is defined.
///
/// # Safety
/// `vmctx` is a live instance, `place` of its layout, and `T` what is defined there.
#[inline(always)]
unsafe fn definition<'a, T>(vmctx: *mut VmHeader, place: Place) -> &'a T {
    // SAFETY: the caller's contract; a definition lives as long as who uses it.
    unsafe {
        match place {
            Place::Own(offset) => &*vmctx.byte_offset(offset as isize).cast::<T>(),
            Place::Imported(offset) => &**vmctx.byte_offset(offset as isize).cast::<*const T>(),
        }
    }
}

/// The bytes of a memory: their address and number.
///
/// # Safety
/// `vmctx` is a live instance, and has this memory.
#[inline(always)]
unsafe fn bytes_of(vmctx: *mut VmHeader, memory: u32) -> (*mut u8, usize) {
    // SAFETY: the caller's contract. A shared memory's length is read atomically, and only grows.
    unsafe {
        let layout = &*(*vmctx.cast::<VmInstance>()).layout;
        let memory = std::ptr::from_ref(definition::<VmMemory>(vmctx, layout.memory(MemoryIndex(memory)))).cast_mut();
        ((*memory).base, AtomicUsize::from_ptr(&raw mut (*memory).length).load(Relaxed))
    }
}

/// The elements of a table: their address and number.
///
/// # Safety
/// `vmctx` is a live instance, and has this table.
#[inline(always)]
unsafe fn elements_of(vmctx: *mut VmHeader, table: u32) -> (*mut u64, usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let layout = &*(*vmctx.cast::<VmInstance>()).layout;
        let VmTable { base, length } = *definition::<VmTable>(vmctx, layout.table(TableIndex(table)));
        (base, length)
    }
}

/// Has the shim unwind with a trap.
///
/// # Safety
/// As for [`run`].
#[cold]
unsafe fn trap(vmctx: *mut VmHeader, code: TrapCode) -> BuiltinResult {
    // SAFETY: the caller's contract.
    unsafe { run(vmctx, |_, _| Err(code.into())) }
}

/// Whether a memory of the process may have bytes that are not in their place yet.
#[inline(always)]
fn is_anything_paged() -> bool {
    // Relaxed: what this store has, its own thread entered.
    regions::PAGED.load(Relaxed) != 0
}

/// Has bytes of memories in their places.
///
/// # Safety
/// As for [`run`].
#[cold]
unsafe fn ensure(vmctx: *mut VmHeader, ranges: &[(*mut u8, usize)]) -> Result<(), TrapCode> {
    // SAFETY: the caller's contract.
    let store = unsafe { Store::from_vmctx(vmctx) };
    let ensure = || ranges.iter().try_for_each(|(at, len)| store.ensure_addresses(at.addr()..at.addr() + len));
    catch_unwind(AssertUnwindSafe(ensure)).unwrap_or(Err(TrapCode::InvalidModule))
}

fn memory_object(store: &StoreInner, instance: u32, memory: u32) -> u32 {
    store.instances.at(instance).memories[memory as usize]
}

fn table_object(store: &StoreInner, instance: u32, table: u32) -> u32 {
    store.instances.at(instance).tables[table as usize]
}

macro_rules! bodies {
    ($( $(#[$doc:meta])* fn $name:ident($store:ident, $instance:ident $(, $arg:ident: $ty:ty)*) $body:block )*) => { $(
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by its shim only.
        pub(in crate::runtime) unsafe extern "C" fn $name(vmctx: *mut VmHeader $(, $arg: $ty)*) -> BuiltinResult {
            let body = |$store: &mut StoreInner, $instance: u32| $body;
            // SAFETY: machine code passes its own vmctx.
            unsafe { run(vmctx, body) }
        }
    )* };
}

pub(super) mod body {
    use super::*;
    pub(in crate::runtime) use crate::runtime::tiering::{budget_spent, budget_spent as budget_spent_keeping};

    // These four go straight to the definitions that machine code uses, and do nothing that could panic.

    /// `memory.fill`.
    ///
    /// # Safety
    /// Called by its shim only.
    pub(in crate::runtime) unsafe extern "C" fn memory_fill(
        vmctx: *mut VmHeader,
        memory: u32,
        dst: u64,
        value: u32,
        len: u64,
    ) -> BuiltinResult {
        // SAFETY: machine code passes its own vmctx and a memory of its module. In bounds; races on a shared memory are
        // the guest's, and only tear its bytes.
        unsafe {
            let (base, size) = bytes_of(vmctx, memory);
            let Some(target) = in_bounds(dst, len, size as u64) else {
                return trap(vmctx, TrapCode::MemoryOutOfBounds);
            };
            let place = base.add(target.start);
            if is_anything_paged()
                && let Err(code) = ensure(vmctx, &[(place, target.len())])
            {
                return trap(vmctx, code);
            }
            std::ptr::write_bytes(place, value as u8, target.len());
        }
        DONE
    }

    /// `memory.copy`.
    ///
    /// # Safety
    /// Called by its shim only.
    pub(in crate::runtime) unsafe extern "C" fn memory_copy(
        vmctx: *mut VmHeader,
        dst_memory: u32,
        src_memory: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> BuiltinResult {
        // SAFETY: as above; the two may overlap.
        unsafe {
            let (dst_base, dst_size) = bytes_of(vmctx, dst_memory);
            let (src_base, src_size) = bytes_of(vmctx, src_memory);
            let (Some(source), Some(target)) =
                (in_bounds(src, len, src_size as u64), in_bounds(dst, len, dst_size as u64))
            else {
                return trap(vmctx, TrapCode::MemoryOutOfBounds);
            };
            let (source, place, len) = (src_base.add(source.start), dst_base.add(target.start), source.len());
            if is_anything_paged()
                && let Err(code) = ensure(vmctx, &[(source, len), (place, len)])
            {
                return trap(vmctx, code);
            }
            std::ptr::copy(source, place, len);
        }
        DONE
    }

    /// `table.fill`.
    ///
    /// # Safety
    /// Called by its shim only.
    pub(in crate::runtime) unsafe extern "C" fn table_fill(
        vmctx: *mut VmHeader,
        table: u32,
        dst: u64,
        value: u64,
        len: u64,
    ) -> BuiltinResult {
        // SAFETY: machine code passes its own vmctx and a table of its module. In bounds, and nobody else uses the store.
        unsafe {
            let (base, size) = elements_of(vmctx, table);
            let Some(target) = in_bounds(dst, len, size as u64) else { return trap(vmctx, TrapCode::TableOutOfBounds) };
            std::slice::from_raw_parts_mut(base.add(target.start), target.len()).fill(value);
        }
        DONE
    }

    /// `table.copy`.
    ///
    /// # Safety
    /// Called by its shim only.
    pub(in crate::runtime) unsafe extern "C" fn table_copy(
        vmctx: *mut VmHeader,
        dst_table: u32,
        src_table: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> BuiltinResult {
        // SAFETY: as above; the two may overlap.
        unsafe {
            let (dst_base, dst_size) = elements_of(vmctx, dst_table);
            let (src_base, src_size) = elements_of(vmctx, src_table);
            let (Some(source), Some(target)) =
                (in_bounds(src, len, src_size as u64), in_bounds(dst, len, dst_size as u64))
            else {
                return trap(vmctx, TrapCode::TableOutOfBounds);
            };
            std::ptr::copy(src_base.add(source.start), dst_base.add(target.start), source.len());
        }
        DONE
    }

    bodies! {
    /// `memory.grow`.
    fn memory_grow(store, instance, memory: u32, delta: u64) {
        let (object, limit, engine) = (memory_object(store, instance, memory), store.limits.memory_bytes, store.engine.clone());
        Ok(store.memories.at_mut(object).grow(delta, limit, &engine).map_or(-1i64 as u64, |old| old))
    }

    /// `memory.init`.
    fn memory_init(store, instance, memory: u32, segment: u32, dst: u64, src: u32, len: u32) {
        store.init_memory(instance, MemoryIndex(memory), segment, dst, src.into(), len.into())?;
        Ok(0)
    }

    /// `data.drop`.
    fn data_drop(store, instance, segment: u32) {
        store.drop_data(instance, segment);
        Ok(0)
    }

    /// `table.grow`.
    fn table_grow(store, instance, table: u32, delta: u64, init: u64) {
        let (object, limits) = (table_object(store, instance, table), store.limits);
        Ok(store.tables.at_mut(object).grow(delta, init, &limits).map_or(-1i64 as u64, |old| old))
    }

    /// `table.init`.
    fn table_init(store, instance, table: u32, segment: u32, dst: u64, src: u32, len: u32) {
        store.init_table(instance, TableIndex(table), segment, dst, src.into(), len.into())?;
        Ok(0)
    }

    /// `elem.drop`.
    fn elem_drop(store, instance, segment: u32) {
        store.drop_elements(instance, segment);
        Ok(0)
    }

    /// `memory.atomic.notify`.
    fn memory_notify(store, instance, memory: u32, addr: u64, count: u32) {
        let (object, address) = atomic_address(store, instance, memory, addr, 4)?;
        // Nobody can wait on a memory that is not shared.
        Ok(store.memories.at(object).shared().map_or(0, |shared| shared.notify(address, count)).into())
    }

    /// `memory.atomic.wait32`.
    fn memory_wait32(store, instance, memory: u32, addr: u64, expected: u32, timeout: i64) {
        wait(store, instance, memory, addr, 4, timeout, |cell| {
            // SAFETY: an aligned address in the memory, which is accessed atomically by whoever shares it.
            unsafe { AtomicU32::from_ptr(cell.cast()) }.load(SeqCst) == expected
        })
    }

    /// `memory.atomic.wait64`.
    fn memory_wait64(store, instance, memory: u32, addr: u64, expected: u64, timeout: i64) {
        wait(store, instance, memory, addr, 8, timeout, |cell| {
            // SAFETY: as above.
            unsafe { AtomicU64::from_ptr(cell.cast()) }.load(SeqCst) == expected
        })
    }

    /// An explicit check failed.
    fn raise(_store, _instance, code: u32) {
        let code = u8::try_from(code).ok().and_then(TrapCode::from_number);
        Err(code.map_or_else(|| Error::Bug { reason: "unknown trap code".into() }, Error::from))
    }

    /// A loop found the stack limit poisoned.
    fn interrupt(store, _instance) {
        let limit = store.stack_limit;
        store.shared.take(limit).map_or(Ok(0), |code| Err(code.into()))
    }
    }
}

/// Checks the address of an atomic wait or notify; the memory's object and the address in it.
fn atomic_address(
    store: &StoreInner,
    instance: u32,
    memory: u32,
    addr: u64,
    width: u64,
) -> Result<(u32, usize), TrapCode> {
    let object = memory_object(store, instance, memory);
    let size = store.memories.at(object).len();
    let range = in_bounds(addr, width, size as u64).ok_or(TrapCode::MemoryOutOfBounds)?;
    if !addr.is_multiple_of(width) {
        return Err(TrapCode::UnalignedAtomic);
    }
    Ok((object, range.start))
}

/// Waits while `is_equal`; `timeout` is in nanoseconds, negative = for ever.
fn wait(
    store: &mut StoreInner,
    instance: u32,
    memory: u32,
    addr: u64,
    width: u64,
    timeout: i64,
    is_equal: impl Fn(*mut u8) -> bool,
) -> Result<u64> {
    let (object, address) = atomic_address(store, instance, memory, addr, width)?;
    let Some(shared) = store.memories.at(object).shared().cloned() else {
        return Err(TrapCode::WaitOnUnsharedMemory.into());
    };
    // A deadline beyond what the clock can express is never.
    let deadline =
        u64::try_from(timeout).ok().and_then(|nanos| Instant::now().checked_add(Duration::from_nanos(nanos)));
    let cell = shared.data().0.wrapping_add(address);
    loop {
        match shared.wait(address, || is_equal(cell), deadline, &store.shared) {
            Waited::Interrupted => {
                let limit = store.stack_limit;
                if let Some(code) = store.shared.take(limit) {
                    return Err(code.into());
                }
                // Taken back meanwhile: wait on.
            }
            waited => return Ok(waited as u64),
        }
    }
}

/// Body of the lazy stub: compiles a function; its entry.
///
/// # Safety
/// Called by `enter::lazy_compile` only.
pub(super) unsafe extern "C" fn lazy_compile_body(vmctx: *mut VmHeader, func: u32) -> BuiltinResult {
    // SAFETY: only instances have lazy stubs.
    unsafe {
        run(vmctx, |store, instance| {
            let module = store.instances.at(instance).module.clone();
            let compiled = super::lazy::compile(&module, DefinedFunc(func));
            compiled.map(|entry| entry as u64).map_err(|error| super::lazy::trap(&module, &error).into())
        })
    }
}

/// Body of `enter::lazy_host`: compiles the trampoline of a host function; its entry.
///
/// # Safety
/// Called by `enter::lazy_host` only.
pub(super) unsafe extern "C" fn lazy_host_body(vmctx: *mut VmHeader, _: u32) -> BuiltinResult {
    // SAFETY: the slot is a host function's, of a store that is running on this thread.
    let store = unsafe { Store::from_vmctx(vmctx) };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as above.
        let entry = unsafe { super::host::HostFunc::trampoline(vmctx.cast()) };
        entry.map(|entry| entry as u64).map_err(|error| super::lazy::failure(&error).into())
    }))
    .unwrap_or_else(|_| Err(Error::Bug { reason: "a helper panicked".into() }));
    finish(store, outcome, Start::Exit)
}

/// Body of the stack check: decides whether the function may run after all. `fp` is the stub's frame.
///
/// # Safety
/// Called by `enter::stack_check` only.
pub(super) unsafe extern "C" fn stack_check_body(vmctx: *mut VmHeader, fp: usize) -> BuiltinResult {
    // SAFETY: the function's vmctx, an instance's or a host function's.
    let store = unsafe { Store::from_vmctx(vmctx) };
    // SAFETY: the stub's frame: [fp + 8] returns into the function's stack check, [fp + 16] to its caller.
    let check = unsafe { *((fp + 8) as *const usize) };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let limit = store.stack_limit;
        if let Some(code) = store.shared.take(limit) {
            return Err(Error::from(code));
        }
        // SAFETY: the check belongs to a function that is running.
        let frame = unsafe { map::find(check) }.map_or(u32::MAX, |found| found.function.frame_size);
        if fp.saturating_sub(frame as usize) < limit { Err(TrapCode::StackOverflow.into()) } else { Ok(0) }
    }))
    .unwrap_or_else(|_| Err(Error::Bug { reason: "the stack check panicked".into() }));
    finish(store, outcome, Start::StackCheck { fp })
}

macro_rules! shims_and_table {
    ($( $(#[$doc:meta])* $name:ident ( $($arg:ident : $ty:ident),* ) $(-> $ret:ident)? ; )*) => {
        mod shims {
            use super::shim;
            $( shim!($name, super::body::$name); )*
        }
        /// The addresses that machine code loads, in the order of `Builtin` and then of `Plain`.
        pub(super) static TABLE: Table = Table({
            const PLAIN_MOVE: *const () = super::paging::plain_move as *const ();
            const PLAIN_FILL: *const () = super::paging::plain_fill as *const ();
            let mut table = [$( shims::$name as *const (), )* PLAIN_MOVE, PLAIN_FILL];
            // These preserve all registers: their shims are written out.
            table[crate::abi::builtin::Builtin::interrupt as usize] = super::enter::interrupt as *const ();
            table[crate::abi::builtin::Builtin::budget_spent_keeping as usize] =
                super::tiering::budget_spent_keeping as *const ();
            table
        });
    };
}
for_each_builtin!(shims_and_table);

/// A table of code addresses; constant, hence shared by all threads.
#[repr(transparent)]
pub(super) struct Table([*const (); crate::abi::builtin::Builtin::ALL.len() + crate::abi::builtin::Plain::COUNT]);

// SAFETY: never written, and code belongs to no thread.
unsafe impl Sync for Table {}

impl Table {
    /// What vmctx holds.
    pub(super) fn as_ptr(&self) -> *const usize {
        self.0.as_ptr().cast()
    }
}
