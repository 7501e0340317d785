//! Tables.

use super::store::{Handle, Store};
use super::value::Val;
use crate::error::Result;
use crate::types::TableType;

/// A table of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table(pub Handle);

impl Table {
    pub fn new(store: &mut Store, ty: TableType, init: Val) -> Result<Table> {
        todo!()
    }
    /// The type, with the current size as its minimum.
    pub fn ty(self, store: &Store) -> Result<TableType> {
        todo!()
    }
    pub fn size(self, store: &Store) -> Result<u64> {
        todo!()
    }
    /// The element, or None if `index` is out of bounds. A reference is a new handle.
    pub fn get(self, store: &mut Store, index: u64) -> Result<Option<Val>> {
        todo!()
    }
    /// False if `index` is out of bounds.
    pub fn set(self, store: &mut Store, index: u64, value: Val) -> Result<bool> {
        todo!()
    }
    /// The old size, or None if the table cannot grow so far.
    pub fn grow(self, store: &mut Store, delta: u64, init: Val) -> Result<Option<u64>> {
        todo!()
    }
}
