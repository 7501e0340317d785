//! Linking by name.

use super::func::{HostCallback, RawHostCallback};
use super::instance::Instance;
use super::store::Store;
use super::value::Extern;
use crate::engine::{CompiledModule, Engine};
use crate::error::Result;
use crate::types::FuncType;

/// Definitions by (module, name). Host functions are made in each store that is linked; everything else
/// belongs to one store, which the linker keeps the objects alive in until `clear` or until the store goes.
pub struct Linker {}

impl Linker {
    pub fn new(engine: &Engine) -> Linker {
        todo!()
    }
    pub fn engine(&self) -> &Engine {
        todo!()
    }
    /// Whether a later definition replaces an earlier one of the same name (default: an error).
    pub fn allow_shadowing(&mut self, allow: bool) {
        todo!()
    }
    pub fn define(&mut self, store: &mut Store, module: &str, name: &str, item: Extern) -> Result<()> {
        todo!()
    }
    pub fn define_func(&mut self, module: &str, name: &str, ty: FuncType, callback: HostCallback) -> Result<()> {
        todo!()
    }
    pub fn define_raw_func(&mut self, module: &str, name: &str, ty: FuncType, callback: RawHostCallback) -> Result<()> {
        todo!()
    }
    /// Defines all exports of an instance under `module`.
    pub fn define_instance(&mut self, store: &mut Store, module: &str, instance: Instance) -> Result<()> {
        todo!()
    }
    /// The definition, as a new handle of `store`.
    pub fn get(&self, store: &mut Store, module: &str, name: &str) -> Result<Option<Extern>> {
        todo!()
    }
    /// Instantiates; unknown imports give one error that lists all that are missing.
    pub fn instantiate(&self, store: &mut Store, module: &CompiledModule) -> Result<Instance> {
        todo!()
    }
    /// Imports that are not defined become functions that trap when called (test tool and partial hosts).
    pub fn define_unknown_imports_as_traps(&mut self, module: &CompiledModule) -> Result<()> {
        todo!()
    }
}
