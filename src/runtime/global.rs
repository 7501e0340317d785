//! Globals.

use super::store::{Handle, Store};
use super::value::Val;
use crate::error::Result;
use crate::types::GlobalType;

/// A global of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global(pub Handle);

impl Global {
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global> {
        todo!()
    }
    pub fn ty(self, store: &Store) -> Result<GlobalType> {
        todo!()
    }
    pub fn get(self, store: &mut Store) -> Result<Val> {
        todo!()
    }
    pub fn set(self, store: &mut Store, value: Val) -> Result<()> {
        todo!()
    }
}
