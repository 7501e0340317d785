//! References: what all of them have in common.
//!
//! Written by tools/wasm-functions.py; do not edit.

use std::ffi::c_void;

use super::super::object;
use crate::capi::{Counted, delete};

/// A reference of any kind.
pub struct wasm_ref_t {
    _private: [u8; 0],
}

impl Counted for wasm_ref_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a reference of any kind. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_delete(object: *mut wasm_ref_t) {
    delete(object);
}

/// Another owner of a reference of any kind; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_copy(object: *const wasm_ref_t) -> *mut wasm_ref_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_same(a: *const wasm_ref_t, b: *const wasm_ref_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_get_host_info(object: *const wasm_ref_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_set_host_info(object: *mut wasm_ref_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_set_host_info_with_finalizer(
    object: *mut wasm_ref_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A trap.
pub struct wasm_trap_t {
    _private: [u8; 0],
}

impl Counted for wasm_trap_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a trap. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_delete(object: *mut wasm_trap_t) {
    delete(object);
}

/// Another owner of a trap; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_copy(object: *const wasm_trap_t) -> *mut wasm_trap_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_same(a: *const wasm_trap_t, b: *const wasm_trap_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_get_host_info(object: *const wasm_trap_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_set_host_info(object: *mut wasm_trap_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_set_host_info_with_finalizer(
    object: *mut wasm_trap_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A foreign object, which WebAssembly passes around as an external reference.
pub struct wasm_foreign_t {
    _private: [u8; 0],
}

impl Counted for wasm_foreign_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a foreign object. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_delete(object: *mut wasm_foreign_t) {
    delete(object);
}

/// Another owner of a foreign object; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_copy(object: *const wasm_foreign_t) -> *mut wasm_foreign_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_same(a: *const wasm_foreign_t, b: *const wasm_foreign_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_get_host_info(object: *const wasm_foreign_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_set_host_info(object: *mut wasm_foreign_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_set_host_info_with_finalizer(
    object: *mut wasm_foreign_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A module.
pub struct wasm_module_t {
    _private: [u8; 0],
}

impl Counted for wasm_module_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a module. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_delete(object: *mut wasm_module_t) {
    delete(object);
}

/// Another owner of a module; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_copy(object: *const wasm_module_t) -> *mut wasm_module_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_same(a: *const wasm_module_t, b: *const wasm_module_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_get_host_info(object: *const wasm_module_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_set_host_info(object: *mut wasm_module_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_set_host_info_with_finalizer(
    object: *mut wasm_module_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A function.
pub struct wasm_func_t {
    _private: [u8; 0],
}

impl Counted for wasm_func_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a function. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_delete(object: *mut wasm_func_t) {
    delete(object);
}

/// Another owner of a function; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_copy(object: *const wasm_func_t) -> *mut wasm_func_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_same(a: *const wasm_func_t, b: *const wasm_func_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_get_host_info(object: *const wasm_func_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_set_host_info(object: *mut wasm_func_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_set_host_info_with_finalizer(
    object: *mut wasm_func_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A global.
pub struct wasm_global_t {
    _private: [u8; 0],
}

impl Counted for wasm_global_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a global. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_delete(object: *mut wasm_global_t) {
    delete(object);
}

/// Another owner of a global; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_copy(object: *const wasm_global_t) -> *mut wasm_global_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_same(a: *const wasm_global_t, b: *const wasm_global_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_get_host_info(object: *const wasm_global_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_set_host_info(object: *mut wasm_global_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_set_host_info_with_finalizer(
    object: *mut wasm_global_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A table.
pub struct wasm_table_t {
    _private: [u8; 0],
}

impl Counted for wasm_table_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a table. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_delete(object: *mut wasm_table_t) {
    delete(object);
}

/// Another owner of a table; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_copy(object: *const wasm_table_t) -> *mut wasm_table_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_same(a: *const wasm_table_t, b: *const wasm_table_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_get_host_info(object: *const wasm_table_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_set_host_info(object: *mut wasm_table_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_set_host_info_with_finalizer(
    object: *mut wasm_table_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// A memory.
pub struct wasm_memory_t {
    _private: [u8; 0],
}

impl Counted for wasm_memory_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up a memory. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_delete(object: *mut wasm_memory_t) {
    delete(object);
}

/// Another owner of a memory; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_copy(object: *const wasm_memory_t) -> *mut wasm_memory_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_same(a: *const wasm_memory_t, b: *const wasm_memory_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_get_host_info(object: *const wasm_memory_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_set_host_info(object: *mut wasm_memory_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_set_host_info_with_finalizer(
    object: *mut wasm_memory_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// An external: function, global, table or memory.
pub struct wasm_extern_t {
    _private: [u8; 0],
}

impl Counted for wasm_extern_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up an external. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_delete(object: *mut wasm_extern_t) {
    delete(object);
}

/// Another owner of an external; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_copy(object: *const wasm_extern_t) -> *mut wasm_extern_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_same(a: *const wasm_extern_t, b: *const wasm_extern_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_get_host_info(object: *const wasm_extern_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_set_host_info(object: *mut wasm_extern_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_set_host_info_with_finalizer(
    object: *mut wasm_extern_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}

/// An instance.
pub struct wasm_instance_t {
    _private: [u8; 0],
}

impl Counted for wasm_instance_t {
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}

/// Gives up an instance. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_delete(object: *mut wasm_instance_t) {
    delete(object);
}

/// Another owner of an instance; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_copy(object: *const wasm_instance_t) -> *mut wasm_instance_t {
    object::copy(object)
}

/// Whether both are references to the same object; false if one is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_same(a: *const wasm_instance_t, b: *const wasm_instance_t) -> bool {
    object::same(a, b)
}

/// The host's pointer that is attached to the object; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_get_host_info(object: *const wasm_instance_t) -> *mut c_void {
    object::host_info(object)
}

/// Attaches a pointer to the object; one that was attached before is finalized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_set_host_info(object: *mut wasm_instance_t, info: *mut c_void) {
    object::set_host_info(object, info, None);
}

/// Attaches a pointer, with a function that is called with it once: when the object dies, or when
/// another pointer is attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_set_host_info_with_finalizer(
    object: *mut wasm_instance_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    object::set_host_info(object, info, finalizer);
}
