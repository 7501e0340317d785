//! Values.

use std::sync::Arc;

use super::generated::references::wasm_ref_t;
use super::object::{self, What, new_ref, reference};
use super::store::Shared;
use crate::abi::call::RawVal;
use crate::capi::delete as delete_object;
use crate::capi::error::Fail;
use crate::runtime::store::{Handle, Store};
use crate::runtime::value::Val;
use crate::types::ValType;

/// A 32-bit float.
pub type float32_t = f32;
/// A 64-bit float.
pub type float64_t = f64;

/// The kind of a value: a number of `wasm_valkind_enum`.
pub type wasm_valkind_t = u8;

/// The kind of a value.
#[repr(C)]
pub enum wasm_valkind_enum {
    /// 32-bit integer.
    WASM_I32 = 0,
    /// 64-bit integer.
    WASM_I64 = 1,
    /// 32-bit float.
    WASM_F32 = 2,
    /// 64-bit float.
    WASM_F64 = 3,
    /// Reference to anything of the host.
    WASM_EXTERNREF = 128,
    /// Reference to a function.
    WASM_FUNCREF = 129,
}

/// Kind of a v128, which a type may have and no value.
const V128: wasm_valkind_t = 4;

/// What a value is, without its kind.
#[derive(Clone, Copy)]
#[repr(C)]
pub union wasm_val_union_t {
    /// WASM_I32.
    pub i32: i32,
    /// WASM_I64.
    pub i64: i64,
    /// WASM_F32.
    pub f32: float32_t,
    /// WASM_F64.
    pub f64: float64_t,
    /// WASM_EXTERNREF and WASM_FUNCREF: NULL, or a reference, which an owned value owns.
    pub r#ref: *mut wasm_ref_t,
}

/// A value. Bytes that its kind does not need are not looked at.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_val_t {
    /// Which member of `of` is set.
    pub kind: wasm_valkind_t,
    /// The value.
    pub of: wasm_val_union_t,
}

/// The number of a type.
pub(super) fn kind_of(ty: ValType) -> wasm_valkind_t {
    match ty {
        ValType::I32 => wasm_valkind_enum::WASM_I32 as u8,
        ValType::I64 => wasm_valkind_enum::WASM_I64 as u8,
        ValType::F32 => wasm_valkind_enum::WASM_F32 as u8,
        ValType::F64 => wasm_valkind_enum::WASM_F64 as u8,
        ValType::V128 => V128,
        ValType::ExternRef => wasm_valkind_enum::WASM_EXTERNREF as u8,
        ValType::FuncRef => wasm_valkind_enum::WASM_FUNCREF as u8,
    }
}

/// The type of a number.
pub(super) fn type_of(kind: wasm_valkind_t) -> Result<ValType, Fail> {
    let all = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::ExternRef, ValType::FuncRef];
    let found = all.into_iter().find(|ty| kind_of(*ty) == kind);
    found.ok_or_else(|| Fail::misuse(format!("there is no kind of values {kind}")))
}

fn is_ref(kind: wasm_valkind_t) -> bool {
    matches!(type_of(kind), Ok(ValType::ExternRef | ValType::FuncRef))
}

/// Zero or null.
pub(super) fn default_of(ty: ValType) -> wasm_val_t {
    wasm_val_t { kind: kind_of(ty), of: wasm_val_union_t { i64: 0 } }
}

/// Another owner of a value.
pub(super) fn copy(value: &wasm_val_t) -> wasm_val_t {
    let mut copy = *value;
    if is_ref(value.kind) {
        // SAFETY: any bytes are a pointer, and the kind says that it is one.
        copy.of.r#ref = object::copy(unsafe { value.of.r#ref });
    }
    copy
}

/// Gives up what a value owns; it is a null reference afterwards if it was a reference.
pub(super) fn delete(value: &mut wasm_val_t) {
    if is_ref(value.kind) {
        // SAFETY: as in `copy`.
        delete_object(unsafe { value.of.r#ref });
        value.of.i64 = 0;
    }
}

/// A value for C, owned. Takes over the handle of a reference.
pub(super) fn val_for_c(store: &mut Store, shared: &Arc<Shared>, value: &Val) -> Result<wasm_val_t, Fail> {
    let mut c = default_of(value.ty());
    // Floats are written as bits, so that no NaN changes.
    match *value {
        Val::I32(value) => c.of.i32 = value,
        Val::I64(value) => c.of.i64 = value,
        Val::F32(bits) => c.of.i32 = bits.cast_signed(),
        Val::F64(bits) => c.of.i64 = bits.cast_signed(),
        Val::V128(_) => return Err(Fail::misuse("a v128 cannot be passed by this interface")),
        Val::FuncRef(None) | Val::ExternRef(None) => {}
        Val::FuncRef(Some(func)) => c.of.r#ref = new_ref(shared, What::Func(func)),
        Val::ExternRef(Some(external)) => c.of.r#ref = object::from_external(store, shared, external)?,
    }
    Ok(c)
}

/// A value from C as one of this type, and the handle that was made for it, to be released by the caller.
///
/// A reference may say either kind of references, since C++ knows but one; it must be what the type asks for.
pub(super) fn val_from_c(
    store: &mut Store,
    shared: &Arc<Shared>,
    value: &wasm_val_t,
    ty: ValType,
) -> Result<(Val, Option<Handle>), Fail> {
    check_kind(value, ty)?;
    let of = value.of;
    // SAFETY: any bytes are a value of every member, and the kind says which is set. Floats are read as bits.
    let value = unsafe {
        match ty {
            ValType::I32 => Val::I32(of.i32),
            ValType::I64 => Val::I64(of.i64),
            ValType::F32 => Val::F32(of.i32.cast_unsigned()),
            ValType::F64 => Val::F64(of.i64.cast_unsigned()),
            ValType::V128 => return Err(Fail::misuse("a v128 cannot be passed by this interface")),
            ValType::FuncRef | ValType::ExternRef => return ref_from_c(store, shared, of.r#ref, ty),
        }
    };
    Ok((value, None))
}

/// Whether a value from C is of this type.
pub(super) fn check_kind(value: &wasm_val_t, ty: ValType) -> Result<(), Fail> {
    let given = type_of(value.kind)?;
    if given != ty && !(given.is_ref() && ty.is_ref()) {
        return Err(Fail::misuse(format!("a value is of kind {given}, and should be {ty}")));
    }
    Ok(())
}

/// Whether values of these types are numbers that the interface can pass.
pub(super) fn are_numbers(types: &[ValType]) -> bool {
    types.iter().all(|ty| !ty.is_ref() && *ty != ValType::V128)
}

/// Writes the cell of a number from C; false if it is of another type.
#[inline(always)]
pub(super) fn number_from_c(value: &wasm_val_t, ty: ValType, cell: &mut RawVal) -> bool {
    // SAFETY: any bytes are a value of every member.
    unsafe {
        match ty {
            ValType::I32 | ValType::F32 => cell.i32 = value.of.i32,
            _ => cell.i64 = value.of.i64,
        }
    }
    value.kind == kind_of(ty)
}

/// The number in a cell for C.
///
/// # Safety
/// The cell holds a number of this type.
#[inline(always)]
pub(super) unsafe fn number_for_c(ty: ValType, cell: &RawVal) -> wasm_val_t {
    let mut value = default_of(ty);
    // SAFETY: the caller's contract.
    unsafe {
        match ty {
            ValType::I32 | ValType::F32 => value.of.i32 = cell.i32,
            _ => value.of.i64 = cell.i64,
        }
    }
    value
}

/// A reference from C as a value of a reference type; otherwise as [`val_from_c`].
pub(super) fn ref_from_c(
    store: &mut Store,
    shared: &Arc<Shared>,
    pointer: *const wasm_ref_t,
    ty: ValType,
) -> Result<(Val, Option<Handle>), Fail> {
    if pointer.is_null() {
        return Ok((Val::default_of(ty), None));
    }
    let value = reference(pointer, "value")?;
    if value.what.handle().is_some() && !Arc::ptr_eq(&value.store, shared) {
        return Err(Fail::misuse("a reference belongs to another store"));
    }
    match (ty, &value.what) {
        (ValType::FuncRef, What::Func(func)) => Ok((Val::FuncRef(Some(*func)), None)),
        (ValType::FuncRef, _) => Err(Fail::misuse("a reference is no function")),
        _ => {
            let (external, made) = object::to_external(store, pointer)?;
            Ok((Val::ExternRef(Some(external)), made))
        }
    }
}

/// Gives up what a value owns; a reference is NULL afterwards. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_delete(value: *mut wasm_val_t) {
    // SAFETY: the C contract: `value` is NULL or leads to a value.
    if let Some(value) = unsafe { value.as_mut() } {
        delete(value);
    }
}

/// Writes to `out` a value that owns the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_val_copy(out: *mut wasm_val_t, value: *const wasm_val_t) {
    // SAFETY: the C contract: `value` is NULL or leads to a value.
    if let Some(value) = unsafe { value.as_ref() }
        && !out.is_null()
    {
        // SAFETY: the C contract: a place for a result is writable.
        unsafe { out.write(copy(value)) };
    }
}

const _: () = {
    assert!(size_of::<wasm_val_t>() == 16);
    assert!(std::mem::offset_of!(wasm_val_t, of) == 8);
};
