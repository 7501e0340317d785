//! Globals.
//!
//! A global lives in the block of the instance that defines it, or in a box of its own if the host made it.
//! The object here exists once the host or another instance has asked for it.

use super::store::{Handle, Store, StoreInner};
use super::value::Val;
use crate::abi::call::RawVal;
use crate::abi::vmctx::VmGlobal;
use crate::error::{Error, Result};
use crate::types::GlobalType;

/// A global of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global(pub Handle);

/// What the store keeps about a global.
pub(super) struct GlobalObject {
    pub(super) ty: GlobalType,
    pub(super) definition: *mut VmGlobal,
    /// The instance that defines it, which keeps `definition` alive.
    pub(super) owner: Option<u32>,
    /// Keeps `definition` alive if the host made the global.
    #[allow(dead_code)]
    own: Option<Box<VmGlobal>>,
}

impl GlobalObject {
    /// The object of a global that an instance defines.
    pub(super) fn of_instance(ty: GlobalType, definition: *mut VmGlobal, owner: u32) -> GlobalObject {
        GlobalObject { ty, definition, owner: Some(owner), own: None }
    }

    fn cell(&self) -> RawVal {
        // SAFETY: the definition is alive; a global has the layout of a cell.
        unsafe { *self.definition.cast::<RawVal>() }
    }

    /// The value in the 8-byte form of tables, if it is a reference.
    pub(super) fn raw_reference(&self) -> u64 {
        raw_reference(self.ty, self.cell())
    }
}

/// A reference in a global's cell, in the 8-byte form of tables.
pub(super) fn raw_reference(ty: GlobalType, cell: RawVal) -> u64 {
    match ty.content {
        // SAFETY: all fields are plain bits.
        crate::types::ValType::ExternRef => u64::from(unsafe { cell.externref }),
        // SAFETY: as above.
        _ => unsafe { cell.funcref as u64 },
    }
}

impl Global {
    /// A global made by the host.
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global> {
        let inner = store.inner_mut();
        check_type(ty, &value)?;
        inner.make_room(1);
        let mut own = Box::new(VmGlobal([0; 16]));
        let definition: *mut VmGlobal = &mut *own;
        // SAFETY: the box was just made, and has the layout of a cell.
        unsafe { *definition.cast::<RawVal>() = inner.to_raw(&value)? };
        let index = inner.globals.insert(GlobalObject { ty, definition, owner: None, own: Some(own) }, 1)?;
        Ok(Global(inner.globals.handle(index)))
    }

    /// The type.
    pub fn ty(self, store: &Store) -> Result<GlobalType> {
        Ok(store.inner().globals.get(self.0)?.ty)
    }

    /// The value. A reference is a new handle.
    pub fn get(self, store: &mut Store) -> Result<Val> {
        let inner: &mut StoreInner = store.inner_mut();
        let global = inner.globals.get(self.0)?;
        let (ty, cell) = (global.ty.content, global.cell());
        // SAFETY: a global holds values of its type.
        unsafe { inner.value_from_raw(ty, &cell) }
    }

    /// Sets the value.
    pub fn set(self, store: &mut Store, value: Val) -> Result<()> {
        let inner = store.inner_mut();
        let raw = inner.to_raw(&value)?;
        let global = inner.globals.get(self.0)?;
        if !global.ty.mutable {
            return Err(Error::misuse("global: it is immutable"));
        }
        check_type(global.ty, &value)?;
        // SAFETY: the definition is alive, and the store is used by this thread alone.
        unsafe { *global.definition.cast::<RawVal>() = raw };
        Ok(())
    }
}

fn check_type(ty: GlobalType, value: &Val) -> Result<()> {
    if value.ty() == ty.content {
        return Ok(());
    }
    Err(Error::misuse(format!("value: a {} given, the global holds a {}", value.ty(), ty.content)))
}
