//! Vectors, whatever their elements are.
//!
//! Their memory is the C library's, so that nothing depends on a size that C may have changed meanwhile. Arrays
//! that are made here are zeroed: a half-filled vector of pointers can be deleted.

use std::ffi::c_char;

use super::object;
use super::values::{self, wasm_val_t};
use crate::capi::{Counted, array, delete as delete_object, enter_total};

/// A byte, as C sees text.
pub type byte_t = c_char;
/// A byte.
pub type wasm_byte_t = byte_t;

/// What a vector holds.
pub(in crate::capi) trait Element: Copy {
    /// Another owner of the element.
    fn copy(&self) -> Self;
    fn delete(self);
}

impl Element for wasm_byte_t {
    fn copy(&self) -> wasm_byte_t {
        *self
    }

    fn delete(self) {}
}

impl<C: Counted> Element for *mut C {
    fn copy(&self) -> *mut C {
        object::copy(*self)
    }

    fn delete(self) {
        delete_object(self);
    }
}

impl Element for wasm_val_t {
    fn copy(&self) -> wasm_val_t {
        values::copy(self)
    }

    fn delete(mut self) {
        values::delete(&mut self);
    }
}

/// A struct of the standard: a size and a pointer to the elements.
///
/// # Safety
/// `repr(C)`, a `usize` and a `*mut Element`, nothing else.
pub(in crate::capi) unsafe trait Vector: Copy {
    type Element: Element;
}

/// What every vector is.
#[derive(Clone, Copy)]
#[repr(C)]
struct Raw<T> {
    size: usize,
    data: *mut T,
}

/// Writes a vector to a place that C gave, which may be NULL.
fn put<V: Vector>(out: *mut V, size: usize, data: *mut V::Element) {
    const { assert!(size_of::<V>() == size_of::<Raw<V::Element>>()) };
    if !out.is_null() {
        // SAFETY: the C contract: a place for a result is writable; the trait vouches for the layout.
        unsafe { out.cast::<Raw<V::Element>>().write(Raw { size, data }) };
    }
}

/// The elements of a vector; none for NULL.
pub(super) fn elements<'a, V: Vector>(vector: *const V) -> &'a [V::Element] {
    if vector.is_null() {
        return &[];
    }
    // SAFETY: the C contract: `vector` leads to a vector; the trait vouches for the layout.
    let raw = unsafe { vector.cast::<Raw<V::Element>>().read() };
    array(raw.data.cast_const(), raw.size, "vector").unwrap_or_default()
}

/// How many elements a vector has room for, and where. What is there is not looked at.
pub(super) fn places<V: Vector>(vector: *mut V) -> (usize, *mut V::Element) {
    if vector.is_null() {
        return (0, std::ptr::null_mut());
    }
    // SAFETY: as in `elements`.
    let raw = unsafe { vector.cast::<Raw<V::Element>>().read() };
    if raw.data.is_null() { (0, raw.data) } else { (raw.size, raw.data) }
}

/// A zeroed array; NULL if it is empty or there is no memory.
fn allocate<T>(size: usize) -> *mut T {
    if size == 0 || size > isize::MAX as usize / size_of::<T>() {
        return std::ptr::null_mut();
    }
    // SAFETY: any numbers are allowed.
    unsafe { libc::calloc(size, size_of::<T>()) }.cast()
}

/// `wasm_X_vec_new_empty`.
pub(super) fn new_empty<V: Vector>(out: *mut V) {
    put(out, 0, std::ptr::null_mut());
}

/// `wasm_X_vec_new_uninitialized`.
pub(super) fn new_uninitialized<V: Vector>(out: *mut V, size: usize) {
    // What nobody can get at is not allocated.
    let data = if out.is_null() { std::ptr::null_mut() } else { allocate::<V::Element>(size) };
    put(out, if data.is_null() { 0 } else { size }, data);
}

/// `wasm_X_vec_new`: moves the elements.
pub(super) fn new<V: Vector>(out: *mut V, size: usize, data: *const V::Element) {
    fill(out, array(data, size, "data").unwrap_or_default(), |element| *element);
}

/// `wasm_X_vec_copy`.
pub(super) fn copy<V: Vector>(out: *mut V, vector: *const V) {
    enter_total((), || fill(out, elements(vector), V::Element::copy));
}

fn fill<V: Vector>(out: *mut V, from: &[V::Element], element: impl Fn(&V::Element) -> V::Element) {
    if out.is_null() {
        return;
    }
    let data = allocate::<V::Element>(from.len());
    if data.is_null() {
        return put(out, 0, data);
    }
    for (i, from) in from.iter().enumerate() {
        // SAFETY: the array has as many elements.
        unsafe { data.add(i).write(element(from)) };
    }
    put(out, from.len(), data);
}

/// `wasm_X_vec_delete`: the vector is empty afterwards, so that it may be deleted once more.
pub(super) fn delete<V: Vector>(vector: *mut V) {
    if vector.is_null() {
        return;
    }
    enter_total((), || {
        for element in elements(vector) {
            element.delete();
        }
    });
    free(vector);
}

/// Frees the array of a vector, but not what its elements are; the vector is empty afterwards.
fn free<V: Vector>(vector: *mut V) {
    // SAFETY: the C contract: `vector` leads to a vector, whose array `allocate` made, or which is NULL.
    unsafe {
        libc::free((*vector.cast::<Raw<V::Element>>()).data.cast());
    }
    put(vector, 0, std::ptr::null_mut());
}

/// Takes the elements out of a vector that C hands over; the vector is empty afterwards.
pub(super) fn take<V: Vector>(vector: *mut V) -> Vec<V::Element> {
    if vector.is_null() {
        return Vec::new();
    }
    let taken = elements(vector.cast_const()).to_vec();
    free(vector);
    taken
}

/// Hands elements over to C.
pub(super) fn give<V: Vector>(out: *mut V, from: Vec<V::Element>) {
    if out.is_null() {
        from.into_iter().for_each(Element::delete);
    } else {
        fill(out, &from, |element| *element);
    }
}

/// A vector that is part of an object and deleted with it.
pub(in crate::capi) struct Owned<V: Vector>(V);

impl<V: Vector> Owned<V> {
    pub(super) fn new(elements: Vec<V::Element>) -> Owned<V> {
        let mut vector = std::mem::MaybeUninit::<V>::uninit();
        give(vector.as_mut_ptr(), elements);
        // SAFETY: `give` wrote it.
        Owned(unsafe { vector.assume_init() })
    }

    /// What C looks at.
    pub(super) fn get(&self) -> &V {
        &self.0
    }

    pub(super) fn elements(&self) -> &[V::Element] {
        elements(&raw const self.0)
    }
}

impl<V: Vector> Drop for Owned<V> {
    fn drop(&mut self) {
        delete(&raw mut self.0);
    }
}

/// The bytes of a text as C wants them.
pub(super) fn bytes(bytes: &[u8]) -> Vec<wasm_byte_t> {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

/// The bytes of a vector.
pub(super) fn as_bytes(elements: &[wasm_byte_t]) -> &[u8] {
    // SAFETY: both types are one byte, of which any bits are a value.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) }
}
