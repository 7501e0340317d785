//! Values: checked ones with their type, raw ones without, and what can be imported and exported.

use super::error::Fail;
use super::store::updraft_handle_t;
use crate::abi::call::RawVal;
use crate::runtime::extern_ref::ExternRef;
use crate::runtime::func::Func;
use crate::runtime::global::Global;
use crate::runtime::memory::Memory;
use crate::runtime::store::{Handle, Kind};
use crate::runtime::table::Table;
use crate::runtime::value::{Extern, Val};
use crate::types::ValType;

/// The type of a value: an `UPDRAFT_VAL_` number. Numbers up to 255 are kinds; 130 to 159 are set aside for
/// exception and garbage-collected references, and the bits above for the index of a defined type.
pub type updraft_valtype_t = u32;
/// 32-bit integer.
pub const UPDRAFT_VAL_I32: updraft_valtype_t = 0;
/// 64-bit integer.
pub const UPDRAFT_VAL_I64: updraft_valtype_t = 1;
/// 32-bit float.
pub const UPDRAFT_VAL_F32: updraft_valtype_t = 2;
/// 64-bit float.
pub const UPDRAFT_VAL_F64: updraft_valtype_t = 3;
/// 128-bit vector.
pub const UPDRAFT_VAL_V128: updraft_valtype_t = 4;
/// Nullable reference to a host object.
pub const UPDRAFT_VAL_EXTERNREF: updraft_valtype_t = 128;
/// Nullable reference to a function.
pub const UPDRAFT_VAL_FUNCREF: updraft_valtype_t = 129;

/// What a value is, without its type.
#[derive(Clone, Copy)]
#[repr(C)]
pub union updraft_value_t {
    /// UPDRAFT_VAL_I32.
    pub i32: i32,
    /// UPDRAFT_VAL_I64.
    pub i64: i64,
    /// UPDRAFT_VAL_F32.
    pub f32: f32,
    /// UPDRAFT_VAL_F64.
    pub f64: f64,
    /// UPDRAFT_VAL_V128, in memory order.
    pub v128: [u8; 16],
    /// UPDRAFT_VAL_FUNCREF and UPDRAFT_VAL_EXTERNREF: a handle, 0 for null.
    pub handle: updraft_handle_t,
}

/// A value with its type. Bytes that the type does not need are ignored.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_val_t {
    /// Which member of `of` is set.
    pub kind: updraft_valtype_t,
    /// Ignored.
    pub reserved: u32,
    /// The value.
    pub of: updraft_value_t,
}

/// One cell of a raw argument and result array. Narrow values occupy the low bytes; the others are ignored.
/// 16 bytes, aligned to 16.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union updraft_raw_t {
    /// An i32.
    pub i32: i32,
    /// An i64.
    pub i64: i64,
    /// An f32.
    pub f32: f32,
    /// An f64.
    pub f64: f64,
    /// A v128, in memory order.
    pub v128: [u8; 16],
    /// A function reference (`updraft_func_to_raw`), 0 for null.
    pub funcref: usize,
    /// An external reference (`updraft_externref_to_raw`), 0 for null.
    pub externref: u32,
}

const _: () = {
    assert!(size_of::<updraft_raw_t>() == size_of::<RawVal>());
    assert!(align_of::<updraft_raw_t>() == align_of::<RawVal>());
    assert!(size_of::<updraft_val_t>() == 24);
};

/// The kind of an object of a store, or of an import or export: an `UPDRAFT_KIND_` number. 5 is set aside for tags.
pub type updraft_kind_t = u32;
/// A function.
pub const UPDRAFT_KIND_FUNC: updraft_kind_t = 1;
/// A table.
pub const UPDRAFT_KIND_TABLE: updraft_kind_t = 2;
/// A memory.
pub const UPDRAFT_KIND_MEMORY: updraft_kind_t = 3;
/// A global.
pub const UPDRAFT_KIND_GLOBAL: updraft_kind_t = 4;
/// An instance; never imported or exported.
pub const UPDRAFT_KIND_INSTANCE: updraft_kind_t = 16;
/// An external reference; never imported or exported.
pub const UPDRAFT_KIND_EXTERNREF: updraft_kind_t = 17;

/// What can be imported and exported.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_extern_t {
    /// UPDRAFT_KIND_FUNC, _TABLE, _MEMORY or _GLOBAL.
    pub kind: updraft_kind_t,
    /// Ignored.
    pub reserved: u32,
    /// The object.
    pub handle: updraft_handle_t,
}

/// A value type from C.
pub(super) fn val_type(ty: updraft_valtype_t, name: &str) -> Result<ValType, Fail> {
    Ok(match ty {
        UPDRAFT_VAL_I32 => ValType::I32,
        UPDRAFT_VAL_I64 => ValType::I64,
        UPDRAFT_VAL_F32 => ValType::F32,
        UPDRAFT_VAL_F64 => ValType::F64,
        UPDRAFT_VAL_V128 => ValType::V128,
        UPDRAFT_VAL_FUNCREF => ValType::FuncRef,
        UPDRAFT_VAL_EXTERNREF => ValType::ExternRef,
        other => return Err(Fail::misuse(format!("{name} has no value type {other}"))),
    })
}

/// A value type for C.
#[inline(always)]
pub(super) fn val_type_for_c(ty: ValType) -> updraft_valtype_t {
    match ty {
        ValType::I32 => UPDRAFT_VAL_I32,
        ValType::I64 => UPDRAFT_VAL_I64,
        ValType::F32 => UPDRAFT_VAL_F32,
        ValType::F64 => UPDRAFT_VAL_F64,
        ValType::V128 => UPDRAFT_VAL_V128,
        ValType::FuncRef => UPDRAFT_VAL_FUNCREF,
        ValType::ExternRef => UPDRAFT_VAL_EXTERNREF,
    }
}

/// A value from C.
pub(super) fn val(value: &updraft_val_t, name: &str) -> Result<Val, Fail> {
    let of = value.of;
    // SAFETY: any bytes are a value of every member. Floats are read as bits, so that no NaN changes.
    Ok(unsafe {
        match val_type(value.kind, name)? {
            ValType::I32 => Val::I32(of.i32),
            ValType::I64 => Val::I64(of.i64),
            ValType::F32 => Val::F32(of.i32.cast_unsigned()),
            ValType::F64 => Val::F64(of.i64.cast_unsigned()),
            ValType::V128 => Val::V128(of.v128),
            ValType::FuncRef => Val::FuncRef((of.handle != 0).then_some(Func(Handle(of.handle)))),
            ValType::ExternRef => Val::ExternRef((of.handle != 0).then_some(ExternRef(Handle(of.handle)))),
        }
    })
}

/// A value for C; the bytes behind it are zero.
pub(super) fn val_for_c(value: &Val) -> updraft_val_t {
    let mut of = updraft_value_t { v128: [0; 16] };
    // Writes to members of a union are safe; floats are written as bits.
    match *value {
        Val::I32(value) => of.i32 = value,
        Val::I64(value) => of.i64 = value,
        Val::F32(bits) => of.i32 = bits.cast_signed(),
        Val::F64(bits) => of.i64 = bits.cast_signed(),
        Val::V128(bytes) => of.v128 = bytes,
        Val::FuncRef(func) => of.handle = func.map_or(0, |func| func.0.0),
        Val::ExternRef(object) => of.handle = object.map_or(0, |object| object.0.0),
    }
    updraft_val_t { kind: val_type_for_c(value.ty()), reserved: 0, of }
}

/// Writes the cell of a number from C; false if the value is not of this type, or the type is one of references.
/// Reads and writes as many bytes as the type has: the processor forwards what was just written only to such reads.
#[inline(always)]
pub(super) fn number_from_c(value: &updraft_val_t, ty: ValType, cell: *mut RawVal) -> bool {
    if value.kind != val_type_for_c(ty) {
        return false;
    }
    // SAFETY: any bytes are a value of every member, of which this writes one; `cell` leads to a cell.
    unsafe {
        match ty {
            ValType::I32 | ValType::F32 => (&raw mut (*cell).i32).write(value.of.i32),
            ValType::I64 | ValType::F64 => (&raw mut (*cell).i64).write(value.of.i64),
            ValType::V128 => (&raw mut (*cell).v128).write(value.of.v128),
            ValType::FuncRef | ValType::ExternRef => return false,
        }
    }
    true
}

/// The number in a cell for C; the bytes behind it are zero.
///
/// # Safety
/// The cell holds a value of this type, which is not one of references.
#[inline(always)]
pub(super) unsafe fn number_for_c(ty: ValType, cell: &RawVal) -> updraft_val_t {
    let mut value = zero_for_c(ty);
    // SAFETY: the caller's contract.
    unsafe {
        match ty {
            ValType::I32 | ValType::F32 => value.of.i32 = cell.i32,
            ValType::I64 | ValType::F64 => value.of.i64 = cell.i64,
            _ => value.of.v128 = cell.v128,
        }
    }
    value
}

/// Zero or null for C.
#[inline(always)]
pub(super) fn zero_for_c(ty: ValType) -> updraft_val_t {
    updraft_val_t { kind: val_type_for_c(ty), reserved: 0, of: updraft_value_t { v128: [0; 16] } }
}

/// An import from C.
pub(super) fn item(item: &updraft_extern_t, name: &str) -> Result<Extern, Fail> {
    let handle = Handle(item.handle);
    Ok(match item.kind {
        UPDRAFT_KIND_FUNC => Extern::Func(Func(handle)),
        UPDRAFT_KIND_TABLE => Extern::Table(Table(handle)),
        UPDRAFT_KIND_MEMORY => Extern::Memory(Memory(handle)),
        UPDRAFT_KIND_GLOBAL => Extern::Global(Global(handle)),
        other => return Err(Fail::misuse(format!("{name} has no kind {other}"))),
    })
}

/// An export for C.
pub(super) fn item_for_c(item: Extern) -> updraft_extern_t {
    let (kind, handle) = match item {
        Extern::Func(Func(handle)) => (UPDRAFT_KIND_FUNC, handle),
        Extern::Table(Table(handle)) => (UPDRAFT_KIND_TABLE, handle),
        Extern::Memory(Memory(handle)) => (UPDRAFT_KIND_MEMORY, handle),
        Extern::Global(Global(handle)) => (UPDRAFT_KIND_GLOBAL, handle),
    };
    updraft_extern_t { kind, reserved: 0, handle: handle.0 }
}

/// The kind of an object, for C.
pub(super) fn kind_for_c(kind: Kind) -> updraft_kind_t {
    match kind {
        Kind::Func => UPDRAFT_KIND_FUNC,
        Kind::Table => UPDRAFT_KIND_TABLE,
        Kind::Memory => UPDRAFT_KIND_MEMORY,
        Kind::Global => UPDRAFT_KIND_GLOBAL,
        Kind::Instance => UPDRAFT_KIND_INSTANCE,
        Kind::ExternRef => UPDRAFT_KIND_EXTERNREF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value comes back as it went, NaN payloads included.
    #[test]
    fn values_survive_the_way_through_c() {
        let handle = Handle(0x1234_5678_9abc_def0);
        let values = [
            Val::I32(-1),
            Val::I64(i64::MIN),
            Val::F32(0x7fa0_0001),
            Val::F64(0x7ff4_0000_0000_0001),
            Val::V128(std::array::from_fn(|i| i as u8)),
            Val::FuncRef(None),
            Val::FuncRef(Some(Func(handle))),
            Val::ExternRef(None),
            Val::ExternRef(Some(ExternRef(handle))),
        ];
        for value in values {
            assert_eq!(val(&val_for_c(&value), "value").ok(), Some(value));
        }
    }

    /// Numbers that are set aside, and unknown ones, are refused.
    #[test]
    fn unknown_value_kinds_are_refused() {
        for kind in (5..128).chain(130..300).chain([u32::MAX]) {
            assert!(val_type(kind, "value").is_err(), "{kind}");
        }
    }
}
