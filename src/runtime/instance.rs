//! Instances: the block that machine code sees, its making, and exports.
//!
//! `instantiate.rs` fills the block and runs the segments; this file keeps what comes after.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;

use super::global::{Global, GlobalObject, raw_reference};
use super::handle::Kind;
use super::memory::Memory;
use super::store::{Handle, Store, StoreInner};
use super::table::Table;
use super::value::Extern;
use crate::abi::call::RawVal;
use crate::abi::vmctx::{Place, VmFuncImport, VmFuncRef, VmGlobal, VmHeader, VmInstance, VmLayout};
use crate::engine::{CompiledModule, Instantiated};
use crate::error::{Error, Result};
use crate::module::{ExportItem, integral};
use crate::types::{DefinedGlobal, FuncIndex, GlobalIndex, ValType};

/// An instance of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(pub Handle);

/// What the store keeps about an instance.
pub(super) struct InstanceObject {
    pub(super) module: Instantiated,
    pub(super) block: Block,
    /// Objects of all memories, imports first.
    pub(super) memories: Vec<u32>,
    /// Objects of all tables, imports first.
    pub(super) tables: Vec<u32>,
    /// Objects of the imported globals.
    pub(super) imported_globals: Vec<u32>,
    /// Objects of own globals, for those that somebody asked for, by their definitions.
    pub(super) known_globals: HashMap<*mut VmGlobal, u32>,
    /// What imported functions belong to.
    pub(super) imported_funcs: Vec<(Kind, u32)>,
    /// Active data segments before this one have run, and are dropped by that.
    pub(super) spent_data: u32,
    /// Segments that were dropped by code; those behind the end were not.
    pub(super) dropped_data: Vec<bool>,
    pub(super) dropped_elements: Vec<bool>,
}

/// The memory of an instance as machine code sees it: a [`VmInstance`] and what its layout puts behind it.
pub(super) struct Block {
    vm: *mut VmInstance,
    layout: Layout,
}

impl Block {
    /// A zeroed block.
    pub(super) fn new(layout: &VmLayout) -> Result<Block> {
        let layout = Layout::from_size_align(layout.size(), VmLayout::ALIGN).expect("bounded by the validator");
        // SAFETY: the size is not zero: a block holds at least a `VmInstance`.
        let vm = unsafe { alloc_zeroed(layout) };
        if vm.is_null() {
            let source = std::io::ErrorKind::OutOfMemory.into();
            return Err(Error::System { what: "memory for an instance", source });
        }
        Ok(Block { vm: vm.cast(), layout })
    }

    pub(super) fn vm(&self) -> *mut VmInstance {
        self.vm
    }

    /// The vmctx.
    pub(super) fn vmctx(&self) -> *mut VmHeader {
        self.vm.cast()
    }

    /// The address of what lies at this offset.
    pub(super) fn at<T>(&self, offset: i32) -> *mut T {
        let offset = offset as usize;
        assert!(offset + size_of::<T>() <= self.layout.size());
        // SAFETY: inside of the block, as just checked.
        unsafe { self.vm.cast::<u8>().add(offset).cast() }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; whoever drops the block vouches that nothing points into it.
        unsafe { dealloc(self.vm.cast(), self.layout) };
    }
}

/// The object of the instance that a vmctx belongs to.
///
/// # Safety
/// `vmctx` is a live instance's.
pub(super) unsafe fn owner_of(vmctx: *mut VmHeader) -> u32 {
    // SAFETY: the caller's contract. The field holds the index of the object.
    unsafe { (*vmctx.cast::<VmInstance>()).instance as usize as u32 }
}

impl InstanceObject {
    /// What the instance keeps alive, but for the values of its globals.
    pub(super) fn edges(&self) -> impl Iterator<Item = (Kind, u32)> + '_ {
        let memories = self.memories.iter().map(|index| (Kind::Memory, *index));
        let tables = self.tables.iter().map(|index| (Kind::Table, *index));
        let globals = self.imported_globals.iter().map(|index| (Kind::Global, *index));
        memories.chain(tables).chain(globals).chain(self.imported_funcs.iter().copied())
    }

    /// Values of own globals that hold references, in the 8-byte form of tables.
    pub(super) fn own_ref_globals(&self) -> impl Iterator<Item = (ValType, u64)> + '_ {
        let module = self.module.module();
        let imported = module.import_counts().globals;
        module.globals()[imported..].iter().enumerate().filter(|(_, ty)| ty.content.is_ref()).map(|(i, ty)| {
            let cell = self.block.at::<RawVal>(self.module.layout().own_global(DefinedGlobal(i as u32)));
            // SAFETY: a global of the live block.
            (ty.content, raw_reference(*ty, unsafe { *cell }))
        })
    }

    /// The object of a global went.
    pub(super) fn forget_global(&mut self, definition: *mut VmGlobal) {
        self.known_globals.remove(&definition);
    }

    /// The reference of a function: own ones must be escaping.
    pub(super) fn funcref(&self, func: FuncIndex) -> *const VmFuncRef {
        let module = self.module.module();
        let layout = self.module.layout();
        if module.defined_func(func).is_none() {
            // SAFETY: an import record of the live block.
            return unsafe { (*self.block.at::<VmFuncImport>(layout.func_import(func))).funcref };
        }
        let position = module.escaping_position(func).expect("validated: only declared functions are referred to");
        self.block.at::<VmFuncRef>(layout.funcref(position))
    }

    /// Whether an own function, given by its reference, computes with integers, and all it calls does.
    pub(super) fn is_integral(&self, funcref: *const VmFuncRef) -> bool {
        let (module, layout) = (self.module.module(), self.module.layout());
        let first = self.block.vmctx().addr() + layout.funcref(0) as usize;
        let position = funcref.addr().wrapping_sub(first) / size_of::<VmFuncRef>();
        let func = module.escaping().get(position).and_then(|func| module.defined_func(*func));
        func.is_some_and(|func| integral::is_integral(module, func))
    }

    /// The cell of a global.
    pub(super) fn global_cell(&self, global: GlobalIndex) -> *mut RawVal {
        match self.module.layout().global(global) {
            Place::Own(offset) => self.block.at(offset),
            // SAFETY: the block holds a pointer to the imported global there.
            Place::Imported(offset) => unsafe { (*self.block.at::<*mut VmGlobal>(offset)).cast() },
        }
    }
}

impl Instance {
    /// Instantiates with imports in the order of `Module::imports`, and runs the start function.
    pub fn new(store: &mut Store, module: &CompiledModule, imports: &[Extern]) -> Result<Instance> {
        let inner = store.inner_mut();
        let index = inner.instantiate(module, imports)?;
        Ok(Instance(inner.instances.handle(index)))
    }

    /// The module.
    pub fn module(self, store: &Store) -> Result<CompiledModule> {
        Ok(store.inner().instances.get(self.0)?.module.clone())
    }

    /// The export of this name, as a new handle.
    pub fn export(self, store: &mut Store, name: &str) -> Result<Option<Extern>> {
        let inner = store.inner_mut();
        let index = inner.instances.resolve(self.0)?;
        match inner.instances.at(index).module.find_export(name) {
            Some(item) => inner.export(index, item).map(Some),
            None => Ok(None),
        }
    }

    /// The `index`-th export (in the order of `Module::exports`), as a new handle.
    pub fn export_at(self, store: &mut Store, index: usize) -> Result<Option<Extern>> {
        let inner = store.inner_mut();
        let instance = inner.instances.resolve(self.0)?;
        match inner.instances.at(instance).module.module().exports().get(index).map(|export| export.item) {
            Some(item) => inner.export(instance, item).map(Some),
            None => Ok(None),
        }
    }
}

impl StoreInner {
    fn export(&mut self, instance: u32, item: ExportItem) -> Result<Extern> {
        let object = self.instances.at(instance);
        Ok(match item {
            ExportItem::Func(func) => {
                let funcref = object.funcref(func);
                // SAFETY: a reference of a live instance.
                Extern::Func(unsafe { self.func_from_raw(funcref) }?.expect("not null"))
            }
            ExportItem::Table(table) => Extern::Table(Table(self.tables.retain(object.tables[table.index()]))),
            ExportItem::Memory(memory) => Extern::Memory(Memory(self.memories.retain(object.memories[memory.index()]))),
            ExportItem::Global(global) => Extern::Global(self.global_object(instance, global)?),
        })
    }

    /// The object of an instance's global, as a new handle.
    fn global_object(&mut self, instance: u32, global: GlobalIndex) -> Result<Global> {
        let object = self.instances.at(instance);
        let module = object.module.module();
        let imported = module.import_counts().globals as u32;
        let Some(own) = global.0.checked_sub(imported).map(DefinedGlobal) else {
            return Ok(Global(self.globals.retain(object.imported_globals[global.index()])));
        };
        let definition = object.block.at(object.module.layout().own_global(own));
        if let Some(known) = object.known_globals.get(&definition) {
            return Ok(Global(self.globals.retain(*known)));
        }
        let new = GlobalObject::of_instance(module.globals()[global.index()], definition, instance);
        let index = self.globals.insert(new, 1)?;
        self.instances.at_mut(instance).known_globals.insert(definition, index);
        Ok(Global(self.globals.handle(index)))
    }
}
