//! Values as the host sees them, and their way into cells, tables and globals.

use super::extern_ref::ExternRef;
use super::func::Func;
use super::global::Global;
use super::memory::Memory;
use super::store::{Handle, StoreInner};
use super::table::Table;
use crate::abi::call::RawVal;
use crate::abi::vmctx::VmFuncRef;
use crate::error::Result;
use crate::types::ValType;

/// A value. Floats are carried as bits, so that no NaN changes on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// An i32.
    I32(i32),
    /// An i64.
    I64(i64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// A v128, in memory order.
    V128([u8; 16]),
    /// A function reference or null.
    FuncRef(Option<Func>),
    /// An external reference or null.
    ExternRef(Option<ExternRef>),
}

impl Val {
    /// The value's type.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FuncRef,
            Val::ExternRef(_) => ValType::ExternRef,
        }
    }

    /// Zero, or null.
    pub fn default_of(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128([0; 16]),
            ValType::FuncRef => Val::FuncRef(None),
            ValType::ExternRef => Val::ExternRef(None),
        }
    }
}

/// What can be imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

impl Extern {
    /// The handle.
    pub fn handle(self) -> Handle {
        match self {
            Extern::Func(func) => func.0,
            Extern::Table(table) => table.0,
            Extern::Memory(memory) => memory.0,
            Extern::Global(global) => global.0,
        }
    }
}

impl StoreInner {
    /// A value as a cell; checks the handle of a reference.
    pub(super) fn to_raw(&self, value: &Val) -> Result<RawVal> {
        let mut raw = RawVal::default();
        match value {
            Val::I32(value) => raw.i32 = *value,
            Val::I64(value) => raw.i64 = *value,
            Val::F32(bits) => raw.f32 = *bits,
            Val::F64(bits) => raw.f64 = *bits,
            Val::V128(bytes) => raw.v128 = *bytes,
            Val::FuncRef(None) => raw.funcref = 0,
            Val::FuncRef(Some(func)) => raw.funcref = self.funcs.get(func.0)?.funcref as usize,
            Val::ExternRef(None) => raw.externref = 0,
            Val::ExternRef(Some(external)) => raw.externref = self.externs.resolve(external.0)? + 1,
        }
        Ok(raw)
    }

    /// A reference in the 8-byte form of tables.
    pub(super) fn to_raw_reference(&self, value: &Val) -> Result<u64> {
        let raw = self.to_raw(value)?;
        Ok(match value {
            // SAFETY: written just now.
            Val::ExternRef(_) => u64::from(unsafe { raw.externref }),
            // SAFETY: as above.
            _ => unsafe { raw.funcref as u64 },
        })
    }

    /// The value in a cell. A reference becomes a new handle.
    ///
    /// # Safety
    /// `raw` holds a value of this type, a reference one of this store.
    pub(super) unsafe fn value_from_raw(&mut self, ty: ValType, raw: &RawVal) -> Result<Val> {
        // SAFETY: all fields are plain bits, and the cell was initialised.
        unsafe {
            Ok(match ty {
                ValType::I32 => Val::I32(raw.i32),
                ValType::I64 => Val::I64(raw.i64),
                ValType::F32 => Val::F32(raw.f32),
                ValType::F64 => Val::F64(raw.f64),
                ValType::V128 => Val::V128(raw.v128),
                ValType::FuncRef => Val::FuncRef(self.func_from_raw(raw.funcref as *const VmFuncRef)?),
                ValType::ExternRef => Val::ExternRef(ExternRef::from_raw(self.as_store(), raw.externref)?),
            })
        }
    }

    /// The value of a reference in the 8-byte form of tables, as a new handle.
    ///
    /// # Safety
    /// `raw` is a reference of this type and this store.
    pub(super) unsafe fn reference_from_raw(&mut self, ty: ValType, raw: u64) -> Result<Val> {
        let mut cell = RawVal::default();
        match ty {
            ValType::ExternRef => cell.externref = raw as u32,
            _ => cell.funcref = raw as usize,
        }
        // SAFETY: the caller's contract.
        unsafe { self.value_from_raw(ty, &cell) }
    }
}
