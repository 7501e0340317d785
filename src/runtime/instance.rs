//! Instances: linking imports, initialising state, exports.

use super::store::{Handle, Store};
use super::value::Extern;
use crate::engine::CompiledModule;
use crate::error::Result;

/// An instance of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(pub Handle);

impl Instance {
    /// Instantiates with imports in the order of `Module::imports`, and runs the start function.
    pub fn new(store: &mut Store, module: &CompiledModule, imports: &[Extern]) -> Result<Instance> {
        todo!()
    }
    pub fn module(self, store: &Store) -> Result<CompiledModule> {
        todo!()
    }
    /// The export of this name, as a new handle.
    pub fn export(self, store: &mut Store, name: &str) -> Result<Option<Extern>> {
        todo!()
    }
    /// The `index`-th export (in the order of `Module::exports`), as a new handle.
    pub fn export_at(self, store: &mut Store, index: usize) -> Result<Option<Extern>> {
        todo!()
    }
}
