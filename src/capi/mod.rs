//! Stage 6: the C rim. Every function that C sees, one file per C object, and no logic of its own.
//!
//! ## Conventions
//! - A function that can fail returns [`updraft_status_t`] and takes `updraft_error_t **error` last. Results
//!   are written only on success; all arguments are checked before anything happens.
//! - [`enter`] is the only door: it turns errors and panics into a status and an error object. Calls have a shorter way
//!   before it (`func.rs`), on which nothing can panic, and which gives up where anything is unusual.
//! - Reference-counted objects are an [`Object`]: a kind word, a count, the value. The kind word is checked
//!   at each use and poisoned when the object is freed, which finds most wrong and stale pointers.
//! - Objects of a store are handles, plain 64-bit numbers that the store checks.
//! - A store is entered by [`store::with_store`] and [`store::enter_quickly`] alone, which check its thread and whether
//!   it may be re-entered.
//! - Enumerations from C are plain integers here: an unknown number is an error, never undefined behaviour.
//! - Doc comments of `pub` items become `include/updraft.h` (`tools/header.sh`), so they speak to C programmers.
//!
//! Unsafe because it follows pointers that C hands in. Each block leans on one contract, "the C contract": a
//! pointer is NULL or points to what its parameter's documentation says, alive and not written to by others for
//! as long as the call lasts.

#![allow(non_camel_case_types)]
// The contract of every function here is the C contract above; its documentation is written for C.
#![allow(clippy::missing_safety_doc)]

// The order is that of the header. What every function needs:
pub mod error;
pub mod status;
pub mod version;

// Plain data:
pub mod types;
pub mod value;

// What any thread may use:
pub mod config;
pub mod engine;
pub mod module;
pub mod module_items;

// Compilation, watched and steered:
pub mod cache;
pub mod events;
pub mod hints;
pub mod job;
// After the options that it takes:
pub mod artifact;
pub mod policy;
pub mod profile;
pub mod stream;
pub mod target;
pub mod tiering;
pub mod workers;

// Stores:
pub mod interrupt;
pub mod reference;
pub mod store;
// After the stores that have it:
pub mod fuel;

// What stores own:
pub mod caller;
pub mod func;
pub mod global;
pub mod instance;
pub mod memory;
pub mod table;

// Imports by name:
pub mod linker;
pub mod wasi;
#[cfg(not(feature = "wasi"))]
mod wasi_absent;

// The standard C API, which has a header of its own.
/// cbindgen:ignore
pub mod standard;

// What leads from one to the other, which has a header too.
/// cbindgen:ignore
pub mod bridge;

use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use self::error::{Fail, updraft_error_t};
use self::status::{UPDRAFT_STATUS_OK, updraft_status_t};
use crate::error::Error;

/// Frees what a host pointer stands for. Called exactly once, with the pointer that was handed over.
pub type updraft_finalizer_t = Option<unsafe extern "C" fn(data: *mut c_void)>;

/// Runs the body of a C function: an error becomes a status and, unless `error` is NULL, an error object; a
/// panic becomes `UPDRAFT_STATUS_BUG`.
///
/// RATIONALE: "Why does a panic not abort the host?"
fn enter(error: *mut *mut updraft_error_t, body: impl FnOnce() -> Result<(), Fail>) -> updraft_status_t {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => UPDRAFT_STATUS_OK,
        Ok(Err(fail)) => report(error, fail),
        Err(panic) => report(error, Fail::from(bug(panic))),
    }
}

/// Runs a function that cannot fail in C's eyes; a panic yields `fallback`.
fn enter_total<R>(fallback: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        std::mem::forget(panic);
        fallback
    })
}

/// The error that a caught panic is.
fn bug(panic: Box<dyn std::any::Any + Send>) -> Error {
    let reason = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).into(),
        (_, Some(text)) => text.as_str().into(),
        _ => "panic".into(),
    };
    // The drop of a foreign payload could panic again.
    std::mem::forget(panic);
    Error::Bug { reason }
}

#[cold]
fn report(error: *mut *mut updraft_error_t, fail: Fail) -> updraft_status_t {
    let status = fail.status();
    if let Some(error) = NonNull::new(error) {
        // SAFETY: the C contract: `error` points to a writable pointer.
        unsafe { error.write(error::object(fail)) };
    }
    status
}

/// A type whose C pointers are reference-counted [`Object`]s. The type itself is only a name for C.
trait Counted: Sized {
    /// What the object holds.
    type Value;
    /// First word of every object of this type, unlike that of any other.
    const KIND: u32;
}

/// What a C pointer to a reference-counted object points to.
#[repr(C)]
struct Object<T> {
    kind: AtomicU32,
    references: AtomicUsize,
    value: T,
}

/// Kind word of a freed object.
const DEAD: u32 = 0xdead_0bad;

/// Whether an object was the last of its references.
enum Dropped<T> {
    /// Others still hold the object.
    Shared,
    /// Nobody does; here is what it held.
    Last(T),
}

/// A new object with one reference.
fn new_object<C: Counted>(value: C::Value) -> *mut C {
    let object = Object { kind: AtomicU32::new(C::KIND), references: AtomicUsize::new(1), value };
    let pointer = Box::into_raw(Box::new(object));
    // `pointer_of` finds its way back.
    pointer.expose_provenance();
    pointer.cast()
}

/// The object behind a pointer from C, after a check of its kind word.
fn object<'a, C: Counted>(pointer: *const C, name: &'static str) -> Result<&'a C::Value, Fail> {
    Ok(&header(pointer, name)?.value)
}

/// As [`object`]; None where that has a reason.
#[inline(always)]
fn object_quickly<'a, C: Counted>(pointer: *const C) -> Option<&'a C::Value> {
    if pointer.is_null() || !pointer.cast::<Object<C::Value>>().is_aligned() {
        return None;
    }
    // SAFETY: as in `header`.
    unsafe {
        let kind = (*pointer.cast::<AtomicU32>()).load(Ordering::Relaxed);
        if kind == C::KIND { Some(&(*pointer.cast::<Object<C::Value>>()).value) } else { None }
    }
}

fn header<'a, C: Counted>(pointer: *const C, name: &'static str) -> Result<&'a Object<C::Value>, Fail> {
    if pointer.is_null() {
        return Err(Fail::misuse(format!("{name} is NULL")));
    }
    if !pointer.cast::<Object<C::Value>>().is_aligned() {
        return Err(Fail::misuse(format!("{name} is not an object of its type")));
    }
    // SAFETY: the C contract: `pointer` leads to one of our objects, whatever its type; all begin with the kind.
    let kind = unsafe { &*pointer.cast::<AtomicU32>() }.load(Ordering::Relaxed);
    if kind != C::KIND {
        let what = if kind == DEAD { "was deleted" } else { "is not an object of its type" };
        return Err(Fail::misuse(format!("{name} {what}")));
    }
    // SAFETY: the kind word tells the type, and the caller of the C function holds a reference.
    Ok(unsafe { &*pointer.cast::<Object<C::Value>>() })
}

/// Counts one more reference.
fn clone_object<C: Counted>(pointer: *const C, name: &'static str) -> Result<*mut C, Fail> {
    // Relaxed: who clones holds a reference, which keeps the object alive without any ordering.
    header(pointer, name)?.references.fetch_add(1, Ordering::Relaxed);
    Ok(pointer.cast_mut())
}

/// Gives up one reference. Before the last one goes, `may_free` can refuse.
fn drop_object<C: Counted>(
    pointer: *mut C,
    name: &'static str,
    may_free: impl FnOnce(&C::Value) -> Result<(), Fail>,
) -> Result<Dropped<C::Value>, Fail> {
    let header = header(pointer, name)?;
    // Relaxed: the compare-and-swap below decides.
    let mut count = header.references.load(Ordering::Relaxed);
    while count != 1 {
        // Release: what this holder did with the object happens before the object goes.
        match header.references.compare_exchange_weak(count, count - 1, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return Ok(Dropped::Shared),
            Err(now) => count = now,
        }
    }
    // Nobody else holds the object, so the count stays 1. Pairs with the Release of those who did.
    fence(Ordering::Acquire);
    may_free(&header.value)?;
    // SAFETY: a write to the kind word, which is an atomic. Volatile, since the compiler knows that the memory is
    // freed next.
    unsafe { std::ptr::write_volatile(header.kind.as_ptr(), DEAD) };
    // SAFETY: this was the last reference, and `new_object` made the box.
    let object = unsafe { Box::from_raw(pointer.cast::<Object<C::Value>>()) };
    let Object { value, .. } = *object;
    Ok(Dropped::Last(value))
}

/// Body of the `*_delete` functions: NULL is allowed, and nothing is reported.
fn delete<C: Counted>(pointer: *mut C) {
    if !pointer.is_null() {
        enter_total((), || drop(drop_object(pointer, "object", |_| Ok(()))));
    }
}

/// Where a result goes: a pointer from C that is not NULL.
struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Writes the result.
    fn write(self, value: T) {
        // SAFETY: the C contract: a pointer for a result points to writable memory of its type.
        unsafe { self.0.write(value) }
    }
}

/// The place for a result, which must be there.
fn out<T>(pointer: *mut T, name: &'static str) -> Result<Out<T>, Fail> {
    NonNull::new(pointer).map(Out).ok_or_else(|| Fail::misuse(format!("{name} is NULL")))
}

/// An array from C. NULL is allowed when it has no elements.
fn array<'a, T>(pointer: *const T, len: usize, name: &'static str) -> Result<&'a [T], Fail> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Fail::misuse(format!("{name} is NULL")));
    }
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Fail::misuse(format!("the length of {name} is larger than any object")));
    }
    // SAFETY: the C contract: `pointer` points to `len` readable elements.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// A writable array from C. NULL is allowed when it has no elements.
fn array_mut<'a, T>(pointer: *mut T, len: usize, name: &'static str) -> Result<&'a mut [T], Fail> {
    array(pointer.cast_const(), len, name)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the C contract, and `array` checked the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, len) })
}

/// A string from C: UTF-8, not terminated.
fn text<'a>(pointer: *const c_char, len: usize, name: &'static str) -> Result<&'a str, Fail> {
    let bytes = array(pointer.cast::<u8>(), len, name)?;
    std::str::from_utf8(bytes).map_err(|_| Fail::misuse(format!("{name} is not UTF-8")))
}

/// A path from C: bytes, not terminated.
fn path_of<'a>(pointer: *const c_char, len: usize) -> Result<&'a Path, Fail> {
    let bytes = array(pointer.cast::<u8>(), len, "path")?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(Fail::misuse("path is empty, or contains a NUL"));
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A switch from C: 0 or 1.
fn flag(value: u32, name: &'static str) -> Result<bool, Fail> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fail::misuse(format!("{name} is {value}, not 0 or 1"))),
    }
}

/// A struct that grows in later versions: its first field is its size as its user knows it.
///
/// # Safety
/// `repr(C)`, begins with `struct_size: usize`, and any bytes are a value of it.
unsafe trait Extensible: Copy {
    /// Size in the version that had the struct first.
    const FIRST_SIZE: usize;
}

/// Size of a struct as C knows it.
fn struct_size<T: Extensible>(pointer: *const T, name: &'static str) -> Result<usize, Fail> {
    if pointer.is_null() {
        return Err(Fail::misuse(format!("{name} is NULL")));
    }
    // SAFETY: the C contract: `pointer` points to at least the size field, which comes first (`Extensible`).
    let size = unsafe { pointer.cast::<usize>().read() };
    if size < T::FIRST_SIZE {
        return Err(Fail::misuse(format!("struct_size of {name} is {size}, less than {}", T::FIRST_SIZE)));
    }
    Ok(size)
}

/// Reads an extensible struct. Fields that the user does not know are zero; fields that this version does not
/// know must be.
fn read_struct<T: Extensible>(pointer: *const T, name: &'static str) -> Result<T, Fail> {
    let size = struct_size(pointer, name)?;
    let known = size.min(size_of::<T>());
    // SAFETY: zeroed bytes are a value (`Extensible`), and `pointer` leads to `size` readable bytes.
    let value = unsafe {
        let mut value: T = std::mem::zeroed();
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known);
        value
    };
    // SAFETY: as above; the bytes from `known` on belong to the struct.
    let rest = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Fail::misuse(format!("{name} sets a field that this version does not know")));
    }
    Ok(value)
}

/// Where an extensible struct goes.
struct OutStruct<T> {
    pointer: NonNull<T>,
    size: usize,
}

impl<T: Extensible> OutStruct<T> {
    /// Writes the fields that the user knows; `struct_size` stays what it was.
    fn write(self, value: T) {
        let header = size_of::<usize>();
        let len = self.size.min(size_of::<T>()) - header;
        // SAFETY: `struct_size` bytes behind the pointer are writable (C contract); `value` has at least as many.
        unsafe {
            let from = (&raw const value).cast::<u8>().add(header);
            std::ptr::copy_nonoverlapping(from, self.pointer.as_ptr().cast::<u8>().add(header), len);
        }
    }
}

/// The place for an extensible struct, whose `struct_size` is set.
fn out_struct<T: Extensible>(pointer: *mut T, name: &'static str) -> Result<OutStruct<T>, Fail> {
    let size = struct_size(pointer, name)?;
    NonNull::new(pointer)
        .map(|pointer| OutStruct { pointer, size })
        .ok_or_else(|| Fail::misuse(format!("{name} is NULL")))
}

/// A plain record whose first field, a `u32`, is how many of its bytes this version fills in.
///
/// # Safety
/// `repr(C)`, and without padding.
unsafe trait Record: Copy {}

/// Fills an array from C, whose elements are `size` bytes apart, with up to `capacity` records; how many. What is
/// beyond the record in each element becomes 0. The names are those of the array and of the size.
fn write_records<T: Record>(
    places: *mut T,
    capacity: usize,
    size: usize,
    names: [&'static str; 2],
    records: impl FnOnce() -> Result<Vec<T>, Fail>,
) -> Result<usize, Fail> {
    if size < size_of::<T>() {
        return Err(Fail::misuse(format!("{} is {size}, less than {}", names[1], size_of::<T>())));
    }
    let len = capacity.checked_mul(size).ok_or_else(|| Fail::misuse("capacity is larger than any array"))?;
    let bytes = array_mut(places.cast::<u8>(), len, names[0])?;
    let records = records()?;
    for (record, place) in records.iter().zip(bytes.chunks_exact_mut(size)) {
        let (filled, rest) = place.split_at_mut(size_of::<T>());
        // SAFETY: all bytes of a record are initialised (`Record`), and there are as many in `filled`.
        unsafe { std::ptr::copy_nonoverlapping((&raw const *record).cast::<u8>(), filled.as_mut_ptr(), filled.len()) };
        rest.fill(0);
    }
    Ok(records.len())
}

/// A host pointer with its finalizer, which runs at the drop once [`HostData::arm`] was called.
///
/// Until then a failing call leaves the pointer with its owner.
struct HostData {
    data: *mut c_void,
    finalizer: updraft_finalizer_t,
    armed: AtomicU32,
}

// SAFETY: the documentation of each function that takes a host pointer says on which threads it is used.
unsafe impl Send for HostData {}
// SAFETY: as above.
unsafe impl Sync for HostData {}

impl HostData {
    fn new(data: *mut c_void, finalizer: updraft_finalizer_t) -> HostData {
        HostData { data, finalizer, armed: AtomicU32::new(0) }
    }

    /// Takes the pointer over: from now on the drop runs the finalizer.
    fn arm(&self) {
        // Relaxed: the drop happens after every use, by the reference count of who holds the data.
        self.armed.store(1, Ordering::Relaxed);
    }

    fn pointer(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for HostData {
    fn drop(&mut self) {
        if *self.armed.get_mut() == 1
            && let Some(finalizer) = self.finalizer
        {
            // SAFETY: the C contract: the finalizer takes the pointer that it was handed over with, once.
            unsafe { finalizer(self.data) }
        }
    }
}

/// The C pointer of the object that holds a value.
fn pointer_of<C: Counted>(value: &C::Value) -> *mut C {
    let offset = std::mem::offset_of!(Object<C::Value>, value);
    std::ptr::with_exposed_provenance_mut(std::ptr::from_ref(value).addr() - offset)
}

#[cfg(test)]
mod tests {
    use super::status::{UPDRAFT_STATUS_BUG, UPDRAFT_STATUS_MISUSE};
    use super::*;
    use std::ptr::null_mut;

    /// Takes the error that a call left behind; its status and message.
    fn taken(error: *mut updraft_error_t) -> (updraft_status_t, String) {
        // SAFETY: an error object, and its message is terminated.
        unsafe {
            let message = std::ffi::CStr::from_ptr(error::updraft_error_message(error, null_mut()));
            let result = (error::updraft_error_status(error), message.to_string_lossy().into_owned());
            error::updraft_error_delete(error);
            result
        }
    }

    /// A bug of ours must not end the host.
    #[test]
    fn a_panic_becomes_a_status_and_a_message() {
        let mut error = null_mut();
        assert_eq!(enter(&mut error, || panic!("the sky fell")), UPDRAFT_STATUS_BUG);
        assert_eq!(taken(error), (UPDRAFT_STATUS_BUG, "internal error: the sky fell".into()));
        assert_eq!(enter(null_mut(), || std::panic::panic_any(7)), UPDRAFT_STATUS_BUG);
        assert_eq!(enter_total(5, || panic!("again")), 5);
    }

    /// After a panic inside, a store refuses everything but its deletion.
    #[test]
    fn a_store_is_closed_after_a_panic() {
        let mut config = null_mut();
        let (mut engine, mut store, mut error, mut count) = (null_mut(), null_mut(), null_mut(), 7);
        // SAFETY: valid pointers throughout, as each function asks for.
        unsafe {
            assert_eq!(config::updraft_config_new(&mut config, null_mut()), 0);
            assert_eq!(config::updraft_config_set_signals(config, 0, null_mut()), 0);
            assert_eq!(engine::updraft_engine_new(config, &mut engine, null_mut()), 0);
            assert_eq!(store::updraft_store_new(engine, &mut store, null_mut()), 0);
            assert_eq!(enter(null_mut(), || store::with_store(store, |_| panic!("inside"))), UPDRAFT_STATUS_BUG);
            assert_eq!(store::updraft_store_instance_count(store, &mut count, &mut error), UPDRAFT_STATUS_BUG);
            assert_eq!((taken(error).0, count), (UPDRAFT_STATUS_BUG, 7));
            assert_eq!(store::updraft_store_delete(store, null_mut()), 0);
            engine::updraft_engine_delete(engine);
            config::updraft_config_delete(config);
        }
    }

    /// A pointer to an object of another type is refused, and the last reference frees.
    #[test]
    fn objects_are_told_apart_by_their_kind() {
        let object = new_object::<config::updraft_config_t>(Default::default());
        assert!(super::object(object, "config").is_ok());
        let wrong = super::object(object.cast::<engine::updraft_engine_t>(), "engine");
        assert_eq!(wrong.err().map(|fail| fail.status()), Some(UPDRAFT_STATUS_MISUSE));
        assert_eq!(pointer_of::<config::updraft_config_t>(super::object(object, "config").ok().unwrap()), object);
        let clone = clone_object(object, "config").ok().unwrap();
        assert!(matches!(drop_object(object, "config", |_| Ok(())), Ok(Dropped::Shared)));
        assert!(matches!(drop_object(clone, "config", |_| Ok(())), Ok(Dropped::Last(_))));
    }

    /// A struct of an older host is filled up with zeros; one of a newer host must not use what is new.
    #[test]
    fn structs_may_grow() {
        #[derive(Clone, Copy)]
        #[repr(C)]
        struct Grown {
            struct_size: usize,
            first: u64,
            second: u64,
        }
        // SAFETY: `repr(C)`, the size comes first, integers.
        unsafe impl Extensible for Grown {
            const FIRST_SIZE: usize = 16;
        }
        let mut given = Grown { struct_size: 16, first: 1, second: 2 };
        let read = read_struct(&given, "given").ok().unwrap();
        assert_eq!((read.first, read.second), (1, 0));
        out_struct(&mut given, "given").ok().unwrap().write(Grown { struct_size: 24, first: 5, second: 6 });
        assert_eq!((given.struct_size, given.first, given.second), (16, 5, 2));
        given.struct_size = 15;
        assert!(read_struct(&given, "given").is_err() && out_struct(&mut given, "given").is_err());

        let mut newer = [24usize + 8, 1, 2, 0];
        assert!(read_struct(newer.as_ptr().cast::<Grown>(), "newer").is_ok());
        newer[3] = 1;
        assert!(read_struct(newer.as_ptr().cast::<Grown>(), "newer").is_err());
    }
}
