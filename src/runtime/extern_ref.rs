//! Host objects that WebAssembly holds but cannot look into.
//!
//! In machine code an external reference is the index of its object plus one, 0 for null.

use std::any::Any;

use super::store::{Handle, Store};
use crate::error::{Error, Result};

/// An external reference of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternRef(pub Handle);

impl ExternRef {
    /// Wraps a host object; dropped when nothing reaches the reference any more. The drop may not use the store.
    pub fn new(store: &mut Store, object: Box<dyn Any + Send>) -> Result<ExternRef> {
        let inner = store.inner_mut();
        inner.make_room(1);
        let index = inner.externs.insert(object, 1)?;
        Ok(ExternRef(inner.externs.handle(index)))
    }

    /// The host object.
    pub fn object(self, store: &Store) -> Result<&(dyn Any + Send)> {
        Ok(&**store.inner().externs.get(self.0)?)
    }

    /// The form in which raw calls pass the reference.
    pub fn to_raw(self, store: &Store) -> Result<u32> {
        Ok(store.inner().externs.resolve(self.0)? + 1)
    }

    /// The reference with this raw form, as a new handle; None for null, an error for a number that is not in use.
    pub fn from_raw(store: &mut Store, raw: u32) -> Result<Option<ExternRef>> {
        let inner = store.inner_mut();
        let Some(index) = raw.checked_sub(1) else { return Ok(None) };
        if inner.externs.find(index).is_none() {
            return Err(Error::misuse(format!("raw: {raw} is no external reference of this store")));
        }
        Ok(Some(ExternRef(inner.externs.retain(index))))
    }
}
