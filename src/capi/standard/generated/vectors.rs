//! Vectors: five functions for each type of element.
//!
//! Written by tools/wasm-functions.py; do not edit.

use super::super::values::wasm_val_t;
use super::super::vectors::{self, wasm_byte_t};
use super::references::*;
use super::types::*;

/// A vector of bytes. An owned one is deleted by `wasm_byte_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_byte_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut wasm_byte_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_byte_vec_t {
    type Element = wasm_byte_t;
}

/// Makes an empty vector of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_byte_vec_new_empty(out: *mut wasm_byte_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` bytes, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_byte_vec_new_uninitialized(out: *mut wasm_byte_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` bytes at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_byte_vec_new(out: *mut wasm_byte_vec_t, size: usize, data: *const wasm_byte_t) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_byte_vec_copy(out: *mut wasm_byte_vec_t, vec: *const wasm_byte_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes bytes and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_byte_vec_delete(vec: *mut wasm_byte_vec_t) {
    vectors::delete(vec);
}

/// A vector of value types. An owned one is deleted by `wasm_valtype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_valtype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_valtype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_valtype_vec_t {
    type Element = *mut wasm_valtype_t;
}

/// Makes an empty vector of value types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_vec_new_empty(out: *mut wasm_valtype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` value types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_vec_new_uninitialized(out: *mut wasm_valtype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` value types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_vec_new(
    out: *mut wasm_valtype_vec_t,
    size: usize,
    data: *const *mut wasm_valtype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of value types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_vec_copy(out: *mut wasm_valtype_vec_t, vec: *const wasm_valtype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes value types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_vec_delete(vec: *mut wasm_valtype_vec_t) {
    vectors::delete(vec);
}

/// A vector of function types. An owned one is deleted by `wasm_functype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_functype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_functype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_functype_vec_t {
    type Element = *mut wasm_functype_t;
}

/// Makes an empty vector of function types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_vec_new_empty(out: *mut wasm_functype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` function types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_vec_new_uninitialized(out: *mut wasm_functype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` function types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_vec_new(
    out: *mut wasm_functype_vec_t,
    size: usize,
    data: *const *mut wasm_functype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of function types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_vec_copy(out: *mut wasm_functype_vec_t, vec: *const wasm_functype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes function types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_vec_delete(vec: *mut wasm_functype_vec_t) {
    vectors::delete(vec);
}

/// A vector of global types. An owned one is deleted by `wasm_globaltype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_globaltype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_globaltype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_globaltype_vec_t {
    type Element = *mut wasm_globaltype_t;
}

/// Makes an empty vector of global types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_vec_new_empty(out: *mut wasm_globaltype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` global types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_vec_new_uninitialized(out: *mut wasm_globaltype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` global types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_vec_new(
    out: *mut wasm_globaltype_vec_t,
    size: usize,
    data: *const *mut wasm_globaltype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of global types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_vec_copy(out: *mut wasm_globaltype_vec_t, vec: *const wasm_globaltype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes global types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_vec_delete(vec: *mut wasm_globaltype_vec_t) {
    vectors::delete(vec);
}

/// A vector of table types. An owned one is deleted by `wasm_tabletype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_tabletype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_tabletype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_tabletype_vec_t {
    type Element = *mut wasm_tabletype_t;
}

/// Makes an empty vector of table types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_vec_new_empty(out: *mut wasm_tabletype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` table types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_vec_new_uninitialized(out: *mut wasm_tabletype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` table types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_vec_new(
    out: *mut wasm_tabletype_vec_t,
    size: usize,
    data: *const *mut wasm_tabletype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of table types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_vec_copy(out: *mut wasm_tabletype_vec_t, vec: *const wasm_tabletype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes table types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_vec_delete(vec: *mut wasm_tabletype_vec_t) {
    vectors::delete(vec);
}

/// A vector of memory types. An owned one is deleted by `wasm_memorytype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memorytype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_memorytype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_memorytype_vec_t {
    type Element = *mut wasm_memorytype_t;
}

/// Makes an empty vector of memory types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_vec_new_empty(out: *mut wasm_memorytype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` memory types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_vec_new_uninitialized(out: *mut wasm_memorytype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` memory types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_vec_new(
    out: *mut wasm_memorytype_vec_t,
    size: usize,
    data: *const *mut wasm_memorytype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of memory types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_vec_copy(out: *mut wasm_memorytype_vec_t, vec: *const wasm_memorytype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes memory types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_vec_delete(vec: *mut wasm_memorytype_vec_t) {
    vectors::delete(vec);
}

/// A vector of extern types. An owned one is deleted by `wasm_externtype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_externtype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_externtype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_externtype_vec_t {
    type Element = *mut wasm_externtype_t;
}

/// Makes an empty vector of extern types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_vec_new_empty(out: *mut wasm_externtype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` extern types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_vec_new_uninitialized(out: *mut wasm_externtype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` extern types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_vec_new(
    out: *mut wasm_externtype_vec_t,
    size: usize,
    data: *const *mut wasm_externtype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of extern types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_vec_copy(out: *mut wasm_externtype_vec_t, vec: *const wasm_externtype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes extern types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_vec_delete(vec: *mut wasm_externtype_vec_t) {
    vectors::delete(vec);
}

/// A vector of import types. An owned one is deleted by `wasm_importtype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_importtype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_importtype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_importtype_vec_t {
    type Element = *mut wasm_importtype_t;
}

/// Makes an empty vector of import types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_vec_new_empty(out: *mut wasm_importtype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` import types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_vec_new_uninitialized(out: *mut wasm_importtype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` import types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_vec_new(
    out: *mut wasm_importtype_vec_t,
    size: usize,
    data: *const *mut wasm_importtype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of import types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_vec_copy(out: *mut wasm_importtype_vec_t, vec: *const wasm_importtype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes import types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_vec_delete(vec: *mut wasm_importtype_vec_t) {
    vectors::delete(vec);
}

/// A vector of export types. An owned one is deleted by `wasm_exporttype_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_exporttype_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_exporttype_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_exporttype_vec_t {
    type Element = *mut wasm_exporttype_t;
}

/// Makes an empty vector of export types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_vec_new_empty(out: *mut wasm_exporttype_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` export types, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_vec_new_uninitialized(out: *mut wasm_exporttype_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` export types at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_vec_new(
    out: *mut wasm_exporttype_vec_t,
    size: usize,
    data: *const *mut wasm_exporttype_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of export types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_vec_copy(out: *mut wasm_exporttype_vec_t, vec: *const wasm_exporttype_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes export types and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_vec_delete(vec: *mut wasm_exporttype_vec_t) {
    vectors::delete(vec);
}

/// A vector of values. An owned one is deleted by `wasm_val_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_val_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut wasm_val_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_val_vec_t {
    type Element = wasm_val_t;
}

/// Makes an empty vector of values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_vec_new_empty(out: *mut wasm_val_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` values, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_vec_new_uninitialized(out: *mut wasm_val_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` values at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_vec_new(out: *mut wasm_val_vec_t, size: usize, data: *const wasm_val_t) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_vec_copy(out: *mut wasm_val_vec_t, vec: *const wasm_val_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes values and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_vec_delete(vec: *mut wasm_val_vec_t) {
    vectors::delete(vec);
}

/// A vector of frames. An owned one is deleted by `wasm_frame_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_frame_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_frame_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_frame_vec_t {
    type Element = *mut wasm_frame_t;
}

/// Makes an empty vector of frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_vec_new_empty(out: *mut wasm_frame_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` frames, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_vec_new_uninitialized(out: *mut wasm_frame_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` frames at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_vec_new(out: *mut wasm_frame_vec_t, size: usize, data: *const *mut wasm_frame_t) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_vec_copy(out: *mut wasm_frame_vec_t, vec: *const wasm_frame_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes frames and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_vec_delete(vec: *mut wasm_frame_vec_t) {
    vectors::delete(vec);
}

/// A vector of externals. An owned one is deleted by `wasm_extern_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_extern_vec_t {
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut *mut wasm_extern_t,
}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for wasm_extern_vec_t {
    type Element = *mut wasm_extern_t;
}

/// Makes an empty vector of externals.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_vec_new_empty(out: *mut wasm_extern_vec_t) {
    vectors::new_empty(out);
}

/// Makes a vector of `size` externals, all bytes zero; an empty one if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_vec_new_uninitialized(out: *mut wasm_extern_vec_t, size: usize) {
    vectors::new_uninitialized(out, size);
}

/// Makes a vector of the `size` externals at `data`, which are moved into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_vec_new(
    out: *mut wasm_extern_vec_t,
    size: usize,
    data: *const *mut wasm_extern_t,
) {
    vectors::new(out, size, data);
}

/// Makes a vector of copies of externals.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_vec_copy(out: *mut wasm_extern_vec_t, vec: *const wasm_extern_vec_t) {
    vectors::copy(out, vec);
}

/// Deletes externals and what holds them, and leaves an empty vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_vec_delete(vec: *mut wasm_extern_vec_t) {
    vectors::delete(vec);
}
