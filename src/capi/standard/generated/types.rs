//! Types of the API that are objects: to delete, to copy, and views of external types.
//!
//! Written by tools/wasm-functions.py; do not edit.

use super::super::object;
use super::super::trap;
use super::super::types;
use crate::capi::{Counted, delete};

/// The type of a value. Immutable; any thread.
pub struct wasm_valtype_t {
    _private: [u8; 0],
}

impl Counted for wasm_valtype_t {
    type Value = types::ValTypeValue;
    const KIND: u32 = 0x74617677;
}

/// Deletes a value type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_delete(object: *mut wasm_valtype_t) {
    delete(object);
}

/// Another owner of a value type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_valtype_copy(object: *const wasm_valtype_t) -> *mut wasm_valtype_t {
    object::copy(object)
}

/// The type of a function. Immutable; any thread.
pub struct wasm_functype_t {
    _private: [u8; 0],
}

impl Counted for wasm_functype_t {
    type Value = types::ExternTypeValue;
    const KIND: u32 = types::EXTERN_TYPE_KIND;
}

/// Deletes a function type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_delete(object: *mut wasm_functype_t) {
    delete(object);
}

/// Another owner of a function type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_copy(object: *const wasm_functype_t) -> *mut wasm_functype_t {
    object::copy(object)
}

/// The type of a global. Immutable; any thread.
pub struct wasm_globaltype_t {
    _private: [u8; 0],
}

impl Counted for wasm_globaltype_t {
    type Value = types::ExternTypeValue;
    const KIND: u32 = types::EXTERN_TYPE_KIND;
}

/// Deletes a global type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_delete(object: *mut wasm_globaltype_t) {
    delete(object);
}

/// Another owner of a global type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_copy(object: *const wasm_globaltype_t) -> *mut wasm_globaltype_t {
    object::copy(object)
}

/// The type of a table. Immutable; any thread.
pub struct wasm_tabletype_t {
    _private: [u8; 0],
}

impl Counted for wasm_tabletype_t {
    type Value = types::ExternTypeValue;
    const KIND: u32 = types::EXTERN_TYPE_KIND;
}

/// Deletes a table type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_delete(object: *mut wasm_tabletype_t) {
    delete(object);
}

/// Another owner of a table type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_copy(object: *const wasm_tabletype_t) -> *mut wasm_tabletype_t {
    object::copy(object)
}

/// The type of a memory. Immutable; any thread.
pub struct wasm_memorytype_t {
    _private: [u8; 0],
}

impl Counted for wasm_memorytype_t {
    type Value = types::ExternTypeValue;
    const KIND: u32 = types::EXTERN_TYPE_KIND;
}

/// Deletes a memory type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_delete(object: *mut wasm_memorytype_t) {
    delete(object);
}

/// Another owner of a memory type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_copy(object: *const wasm_memorytype_t) -> *mut wasm_memorytype_t {
    object::copy(object)
}

/// The type of an external. Immutable; any thread.
pub struct wasm_externtype_t {
    _private: [u8; 0],
}

impl Counted for wasm_externtype_t {
    type Value = types::ExternTypeValue;
    const KIND: u32 = types::EXTERN_TYPE_KIND;
}

/// Deletes an external type. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_delete(object: *mut wasm_externtype_t) {
    delete(object);
}

/// Another owner of an external type; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_copy(object: *const wasm_externtype_t) -> *mut wasm_externtype_t {
    object::copy(object)
}

/// What a module imports. Immutable; any thread.
pub struct wasm_importtype_t {
    _private: [u8; 0],
}

impl Counted for wasm_importtype_t {
    type Value = types::ImportValue;
    const KIND: u32 = 0x746d6977;
}

/// Deletes an import. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_delete(object: *mut wasm_importtype_t) {
    delete(object);
}

/// Another owner of an import; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_importtype_copy(object: *const wasm_importtype_t) -> *mut wasm_importtype_t {
    object::copy(object)
}

/// What a module exports. Immutable; any thread.
pub struct wasm_exporttype_t {
    _private: [u8; 0],
}

impl Counted for wasm_exporttype_t {
    type Value = types::ExportValue;
    const KIND: u32 = 0x74786577;
}

/// Deletes an export. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_delete(object: *mut wasm_exporttype_t) {
    delete(object);
}

/// Another owner of an export; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_exporttype_copy(object: *const wasm_exporttype_t) -> *mut wasm_exporttype_t {
    object::copy(object)
}

/// A function on the stack of a trap. Immutable; any thread.
pub struct wasm_frame_t {
    _private: [u8; 0],
}

impl Counted for wasm_frame_t {
    type Value = trap::FrameValue;
    const KIND: u32 = 0x74726677;
}

/// Deletes a frame. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_delete(object: *mut wasm_frame_t) {
    delete(object);
}

/// Another owner of a frame; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_copy(object: *const wasm_frame_t) -> *mut wasm_frame_t {
    object::copy(object)
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_as_externtype(object: *mut wasm_functype_t) -> *mut wasm_externtype_t {
    types::view(object.cast_const())
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_functype(object: *mut wasm_externtype_t) -> *mut wasm_functype_t {
    types::view(object.cast_const())
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_functype_as_externtype_const(object: *const wasm_functype_t) -> *const wasm_externtype_t {
    types::view(object)
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_functype_const(object: *const wasm_externtype_t) -> *const wasm_functype_t {
    types::view(object)
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_as_externtype(object: *mut wasm_globaltype_t) -> *mut wasm_externtype_t {
    types::view(object.cast_const())
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_globaltype(object: *mut wasm_externtype_t) -> *mut wasm_globaltype_t {
    types::view(object.cast_const())
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_globaltype_as_externtype_const(
    object: *const wasm_globaltype_t,
) -> *const wasm_externtype_t {
    types::view(object)
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_globaltype_const(
    object: *const wasm_externtype_t,
) -> *const wasm_globaltype_t {
    types::view(object)
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_as_externtype(object: *mut wasm_tabletype_t) -> *mut wasm_externtype_t {
    types::view(object.cast_const())
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_tabletype(object: *mut wasm_externtype_t) -> *mut wasm_tabletype_t {
    types::view(object.cast_const())
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_tabletype_as_externtype_const(
    object: *const wasm_tabletype_t,
) -> *const wasm_externtype_t {
    types::view(object)
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_tabletype_const(
    object: *const wasm_externtype_t,
) -> *const wasm_tabletype_t {
    types::view(object)
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_as_externtype(object: *mut wasm_memorytype_t) -> *mut wasm_externtype_t {
    types::view(object.cast_const())
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_memorytype(object: *mut wasm_externtype_t) -> *mut wasm_memorytype_t {
    types::view(object.cast_const())
}

/// The same type as an external's; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_as_externtype_const(
    object: *const wasm_memorytype_t,
) -> *const wasm_externtype_t {
    types::view(object)
}

/// The same type, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_externtype_as_memorytype_const(
    object: *const wasm_externtype_t,
) -> *const wasm_memorytype_t {
    types::view(object)
}
