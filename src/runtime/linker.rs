//! Linking by name.

use std::collections::HashMap;

use super::func::{Func, HostCallback, RawHostCallback};
use super::host::{Callback, HostFunc, Native};
use super::instance::Instance;
use super::store::Store;
use super::value::Extern;
use crate::engine::{CompiledModule, Engine};
use crate::error::{Error, Result};
use crate::trap::{Trap, TrapCode};
use crate::types::{ExternType, FuncType};

/// Definitions by (module, name). Host functions are made in each store that is linked; everything else
/// belongs to one store, which keeps the objects alive until [`Linker::clear`] or until the store goes.
pub struct Linker {
    engine: Engine,
    modules: HashMap<Box<str>, HashMap<Box<str>, Definition>>,
    shadowing: bool,
}

enum Definition {
    Host(FuncType, Callback),
    Item(Extern),
}

impl Linker {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker {
        Linker { engine: engine.clone(), modules: HashMap::new(), shadowing: false }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a later definition replaces an earlier one of the same name (default: an error).
    pub fn allow_shadowing(&mut self, allow: bool) {
        self.shadowing = allow;
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<Option<Definition>> {
        if !self.shadowing && self.find(module, name).is_some() {
            return Err(Error::Link { reason: format!("{module:?} {name:?} is defined already").into() });
        }
        Ok(self.modules.entry(module.into()).or_default().insert(name.into(), definition))
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    /// Defines an object of a store, which the linker then holds.
    pub fn define(&mut self, store: &mut Store, module: &str, name: &str, item: Extern) -> Result<()> {
        store.retain_extern(item)?;
        match self.insert(module, name, Definition::Item(item)) {
            Ok(Some(Definition::Item(old))) => {
                // Fails only for an object of another store, which keeps it.
                let _ = store.release(old.handle());
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => {
                store.release(item.handle())?;
                Err(error)
            }
        }
    }

    /// Defines a host function with checked values.
    pub fn define_func(&mut self, module: &str, name: &str, ty: FuncType, callback: HostCallback) -> Result<()> {
        self.insert(module, name, Definition::Host(ty, Callback::Checked(callback))).map(drop)
    }

    /// Defines a host function on raw cells.
    pub fn define_raw_func(&mut self, module: &str, name: &str, ty: FuncType, callback: RawHostCallback) -> Result<()> {
        self.insert(module, name, Definition::Host(ty, Callback::Raw(callback))).map(drop)
    }

    /// Defines a host function in C.
    pub(crate) fn define_native(&mut self, module: &str, name: &str, ty: FuncType, native: Native) -> Result<()> {
        self.insert(module, name, Definition::Host(ty, Callback::Native(native))).map(drop)
    }

    /// Defines all exports of an instance under `module`.
    pub fn define_instance(&mut self, store: &mut Store, module: &str, instance: Instance) -> Result<()> {
        let compiled = instance.module(store)?;
        for (index, export) in compiled.module().exports().iter().enumerate() {
            let item = instance.export_at(store, index)?.expect("an export of the module");
            let defined = self.define(store, module, &export.name, item);
            store.release(item.handle())?;
            defined?;
        }
        Ok(())
    }

    /// The definition, as a new handle of `store`.
    pub fn get(&self, store: &mut Store, module: &str, name: &str) -> Result<Option<Extern>> {
        match self.find(module, name) {
            None => Ok(None),
            Some(Definition::Item(item)) => store.retain_extern(*item).map(|()| Some(*item)),
            Some(Definition::Host(ty, callback)) => {
                self.check_store(store)?;
                HostFunc::create(store.inner_mut(), ty.clone(), callback.clone()).map(|func| Some(Extern::Func(func)))
            }
        }
    }

    fn check_store(&self, store: &Store) -> Result<()> {
        if store.engine().same(&self.engine) {
            return Ok(());
        }
        Err(Error::misuse("store: it belongs to another engine than the linker"))
    }

    /// Instantiates; unknown imports give one error that lists all that are missing.
    pub fn instantiate(&self, store: &mut Store, module: &CompiledModule) -> Result<Instance> {
        self.check_store(store)?;
        let wanted = module.module().imports();
        let missing: Vec<String> = wanted
            .iter()
            .filter(|import| self.find(&import.module, &import.name).is_none())
            .map(|import| format!("{:?} {:?} ({})", import.module, import.name, import.ty))
            .collect();
        if !missing.is_empty() {
            return Err(Error::Link { reason: format!("unknown import: {}", missing.join(", ")).into() });
        }
        let mut imports = Vec::with_capacity(wanted.len());
        let outcome = (|| {
            for import in wanted {
                imports.push(self.get(store, &import.module, &import.name)?.expect("none is missing"));
            }
            Instance::new(store, module, &imports)
        })();
        // The instance keeps what it imports; these handles were for the way only.
        for item in imports {
            store.release(item.handle())?;
        }
        outcome
    }

    /// Imports of the module that are not defined become functions that trap when called. Tables, memories
    /// and globals cannot be made up and stay missing.
    pub fn define_unknown_imports_as_traps(&mut self, module: &CompiledModule) -> Result<()> {
        for import in module.module().imports() {
            let ExternType::Func(ty) = &import.ty else { continue };
            if self.find(&import.module, &import.name).is_some() {
                continue;
            }
            let message = format!("unknown import called: {:?} {:?}", import.module, import.name);
            let callback: HostCallback = std::sync::Arc::new(move |_, _, _| {
                let mut trap = Trap::new(TrapCode::Host);
                trap.message = message.as_str().into();
                Err(trap.into())
            });
            self.define_func(&import.module, &import.name, ty.clone(), callback)?;
        }
        Ok(())
    }

    /// Gives up all definitions, and what they hold in `store`.
    pub fn clear(&mut self, store: &mut Store) {
        for definition in self.modules.drain().flat_map(|(_, names)| names.into_values()) {
            if let Definition::Item(item) = definition {
                // Fails only for an object of another store, which keeps it.
                let _ = store.release(item.handle());
            }
        }
    }
}

impl From<Func> for Extern {
    fn from(func: Func) -> Extern {
        Extern::Func(func)
    }
}
