//! Casts between references: views of the same object, not new owners.
//!
//! Written by tools/wasm-functions.py; do not edit.

use super::super::object::{self, Group};
use super::references::*;

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_as_ref(object: *mut wasm_trap_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_trap(object: *mut wasm_ref_t) -> *mut wasm_trap_t {
    object::view(object.cast_const(), Group::Trap)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_as_ref_const(object: *const wasm_trap_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_trap_const(object: *const wasm_ref_t) -> *const wasm_trap_t {
    object::view(object, Group::Trap)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_as_ref(object: *mut wasm_foreign_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_foreign(object: *mut wasm_ref_t) -> *mut wasm_foreign_t {
    object::view(object.cast_const(), Group::Foreign)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_foreign_as_ref_const(object: *const wasm_foreign_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_foreign_const(object: *const wasm_ref_t) -> *const wasm_foreign_t {
    object::view(object, Group::Foreign)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_as_ref(object: *mut wasm_module_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_module(object: *mut wasm_ref_t) -> *mut wasm_module_t {
    object::view(object.cast_const(), Group::Module)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_module_as_ref_const(object: *const wasm_module_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_module_const(object: *const wasm_ref_t) -> *const wasm_module_t {
    object::view(object, Group::Module)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_as_ref(object: *mut wasm_func_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_func(object: *mut wasm_ref_t) -> *mut wasm_func_t {
    object::view(object.cast_const(), Group::Func)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_as_ref_const(object: *const wasm_func_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_func_const(object: *const wasm_ref_t) -> *const wasm_func_t {
    object::view(object, Group::Func)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_as_ref(object: *mut wasm_global_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_global(object: *mut wasm_ref_t) -> *mut wasm_global_t {
    object::view(object.cast_const(), Group::Global)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_as_ref_const(object: *const wasm_global_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_global_const(object: *const wasm_ref_t) -> *const wasm_global_t {
    object::view(object, Group::Global)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_as_ref(object: *mut wasm_table_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_table(object: *mut wasm_ref_t) -> *mut wasm_table_t {
    object::view(object.cast_const(), Group::Table)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_as_ref_const(object: *const wasm_table_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_table_const(object: *const wasm_ref_t) -> *const wasm_table_t {
    object::view(object, Group::Table)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_as_ref(object: *mut wasm_memory_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_memory(object: *mut wasm_ref_t) -> *mut wasm_memory_t {
    object::view(object.cast_const(), Group::Memory)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_as_ref_const(object: *const wasm_memory_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_memory_const(object: *const wasm_ref_t) -> *const wasm_memory_t {
    object::view(object, Group::Memory)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_ref(object: *mut wasm_extern_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_extern(object: *mut wasm_ref_t) -> *mut wasm_extern_t {
    object::view(object.cast_const(), Group::Extern)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_ref_const(object: *const wasm_extern_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_extern_const(object: *const wasm_ref_t) -> *const wasm_extern_t {
    object::view(object, Group::Extern)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_as_ref(object: *mut wasm_instance_t) -> *mut wasm_ref_t {
    object::view(object.cast_const(), Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_instance(object: *mut wasm_ref_t) -> *mut wasm_instance_t {
    object::view(object.cast_const(), Group::Instance)
}

/// The same object as a reference; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_as_ref_const(object: *const wasm_instance_t) -> *const wasm_ref_t {
    object::view(object, Group::Ref)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_ref_as_instance_const(object: *const wasm_ref_t) -> *const wasm_instance_t {
    object::view(object, Group::Instance)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_as_extern(object: *mut wasm_func_t) -> *mut wasm_extern_t {
    object::view(object.cast_const(), Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_func(object: *mut wasm_extern_t) -> *mut wasm_func_t {
    object::view(object.cast_const(), Group::Func)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_func_as_extern_const(object: *const wasm_func_t) -> *const wasm_extern_t {
    object::view(object, Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_func_const(object: *const wasm_extern_t) -> *const wasm_func_t {
    object::view(object, Group::Func)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_as_extern(object: *mut wasm_global_t) -> *mut wasm_extern_t {
    object::view(object.cast_const(), Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_global(object: *mut wasm_extern_t) -> *mut wasm_global_t {
    object::view(object.cast_const(), Group::Global)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_global_as_extern_const(object: *const wasm_global_t) -> *const wasm_extern_t {
    object::view(object, Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_global_const(object: *const wasm_extern_t) -> *const wasm_global_t {
    object::view(object, Group::Global)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_as_extern(object: *mut wasm_table_t) -> *mut wasm_extern_t {
    object::view(object.cast_const(), Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_table(object: *mut wasm_extern_t) -> *mut wasm_table_t {
    object::view(object.cast_const(), Group::Table)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_table_as_extern_const(object: *const wasm_table_t) -> *const wasm_extern_t {
    object::view(object, Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_table_const(object: *const wasm_extern_t) -> *const wasm_table_t {
    object::view(object, Group::Table)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_as_extern(object: *mut wasm_memory_t) -> *mut wasm_extern_t {
    object::view(object.cast_const(), Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_memory(object: *mut wasm_extern_t) -> *mut wasm_memory_t {
    object::view(object.cast_const(), Group::Memory)
}

/// The same object as an external; not a new owner. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_as_extern_const(object: *const wasm_memory_t) -> *const wasm_extern_t {
    object::view(object, Group::Extern)
}

/// The same object, not a new owner; NULL if it is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_extern_as_memory_const(object: *const wasm_extern_t) -> *const wasm_memory_t {
    object::view(object, Group::Memory)
}
