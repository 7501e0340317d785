//! Host objects that WebAssembly holds but cannot look into.

use super::store::{Handle, Store};
use crate::error::Result;
use std::any::Any;

/// An external reference of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternRef(pub Handle);

impl ExternRef {
    /// Wraps a host object; dropped when nothing reaches the reference any more.
    pub fn new(store: &mut Store, object: Box<dyn Any + Send>) -> Result<ExternRef> {
        todo!()
    }
    pub fn object(self, store: &Store) -> Result<&(dyn Any + Send)> {
        todo!()
    }
    pub fn to_raw(self, store: &Store) -> Result<u32> {
        todo!()
    }
    /// The reference with this raw form, as a new handle; None for null, an error for a number that is not in use.
    pub fn from_raw(store: &mut Store, raw: u32) -> Result<Option<ExternRef>> {
        todo!()
    }
}
