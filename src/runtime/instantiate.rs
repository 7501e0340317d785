//! Instantiation: imports are checked, the block is filled, segments run, the start function is called.
//!
//! An instance that fails half-way is released but not torn down: what it wrote into imported tables may
//! refer to it, and then it lives on as the specification wants it.

use std::collections::HashMap;

use super::func::FuncOwner;
use super::handle::Kind;
use super::image::Images;
use super::instance::{Block, InstanceObject};
use super::memory::MemoryObject;
use super::store::StoreInner;
use super::table::TableObject;
use super::tiering::Budgets;
use super::value::Extern;
use crate::abi::call::RawVal;
use crate::abi::vmctx::{Place, VmFuncImport, VmFuncRef, VmGlobal, VmHeader, VmMemory, VmTable};
use crate::engine::CompiledModule;
use crate::error::{Error, Result};
use crate::module::{ConstExpr, ConstOp, DataSegment, ElementItems, ElementMode, Import};
use crate::trap::TrapCode;
use crate::types::{ExternType, FuncIndex, GlobalIndex, IndexType, MemoryIndex, TableIndex, ValType};

impl StoreInner {
    /// Makes an instance, held once by the host; its object.
    pub(super) fn instantiate(&mut self, module: &CompiledModule, imports: &[Extern]) -> Result<u32> {
        if !module.engine().same(&self.engine) {
            return Err(Error::misuse("module: it belongs to another engine than the store"));
        }
        if let Some(invalid) = module.module().invalid() {
            return Err(invalid.error());
        }
        let wanted = module.module().imports();
        if wanted.len() != imports.len() {
            return Err(Error::misuse(format!("imports: {} given, the module wants {}", imports.len(), wanted.len())));
        }
        let weight = 4 + module.module().memories().iter().map(|memory| memory.min / 16).sum::<u64>() as usize;
        self.make_room(weight);
        self.check_count("instances alive", self.limits.instances, |store| store.instances.live())?;
        // Imported functions come first among the functions, in the order of the imports.
        let mut func_types = module.module().functions().iter().map(|ty| module.type_ids()[ty.index()]);
        for (import, item) in wanted.iter().zip(imports) {
            let type_id = if matches!(import.ty, ExternType::Func(_)) { func_types.next() } else { None };
            if !self.import_fits(import, type_id, *item)? {
                return Err(self.import_error(import, *item));
            }
        }
        let index = self.make_object(module)?;
        let images = module.images();
        let filled = self.fill(index, imports, images).and_then(|()| self.run_segments(index, images));
        let outcome = filled.and_then(|()| self.run_start(index));
        if let Err(error) = outcome {
            let handle = self.instances.handle(index);
            self.release_quietly(handle);
            return Err(error);
        }
        Ok(index)
    }

    /// Whether `item` is what an import asks for; `type_id` is the engine-wide number of a function's type.
    fn import_fits(&self, import: &Import, type_id: Option<u32>, item: Extern) -> Result<bool> {
        Ok(match (&import.ty, item) {
            (ExternType::Func(_), Extern::Func(func)) => Some(self.funcs.get(func.0)?.ty.id()) == type_id,
            (ExternType::Table(want), Extern::Table(table)) => {
                let have = self.tables.get(table.0)?.current_type();
                let fits = have.element == want.element && have.index == want.index;
                fits && limits_fit(have.min, have.max, want.min, want.max)
            }
            (ExternType::Memory(want), Extern::Memory(memory)) => {
                let have = self.memories.get(memory.0)?.current_type();
                let fits = have.shared == want.shared && have.index == want.index;
                fits && limits_fit(have.min, have.max, want.min, want.max)
            }
            (ExternType::Global(want), Extern::Global(global)) => self.globals.get(global.0)?.ty == *want,
            _ => false,
        })
    }

    /// Why `item` is not what an import asks for.
    fn import_error(&self, import: &Import, item: Extern) -> Error {
        let got = match (&import.ty, item) {
            (ExternType::Func(_), Extern::Func(func)) => self.funcs.get(func.0).map(|have| have.ty.ty().to_string()),
            (ExternType::Table(_), Extern::Table(table)) => {
                self.tables.get(table.0).map(|have| have.current_type().to_string())
            }
            (ExternType::Memory(_), Extern::Memory(memory)) => {
                self.memories.get(memory.0).map(|have| have.current_type().to_string())
            }
            (ExternType::Global(_), Extern::Global(global)) => {
                self.globals.get(global.0).map(|have| have.ty.to_string())
            }
            (_, other) => Ok(kind_name(other).into()),
        };
        let (want, module, name) = (&import.ty, &import.module, &import.name);
        match got {
            Ok(got) => Error::Link {
                reason: format!("incompatible import type for {module:?} {name:?}: expected {want}, got {got}").into(),
            },
            Err(error) => error,
        }
    }

    /// The object, with a block that machine code could run in but whose imports are still missing.
    fn make_object(&mut self, module: &CompiledModule) -> Result<u32> {
        let block = Block::new(module.layout())?;
        let profile = module.compilation().profile().shard()?;
        let decoded = module.module();
        let object = InstanceObject {
            block,
            memories: Vec::with_capacity(decoded.memories().len()),
            tables: Vec::with_capacity(decoded.tables().len()),
            imported_globals: Vec::new(),
            known_globals: HashMap::new(),
            imported_funcs: Vec::new(),
            spent_data: 0,
            dropped_data: Vec::new(),
            dropped_elements: Vec::new(),
            module: module.instantiated(),
        };
        let index = self.instances.insert(Box::new(object), 1)?;
        let vm = self.instances.at(index).block.vm();
        // SAFETY: the block is live and nobody else knows it.
        unsafe {
            (*vm).header = VmHeader {
                store: self.vm(),
                builtins: super::builtins::TABLE.as_ptr(),
                lazy_compile: super::enter::lazy_compile as *const () as usize,
                stack_check: super::enter::stack_check as *const () as usize,
                unwind: super::enter::unwind as *const () as usize,
            };
            (*vm).type_ids = module.type_ids().as_ptr();
            (*vm).instance = index as usize as *mut u8;
            (*vm).layout = module.layout();
            (*vm).profile = profile;
            (*vm).budgets = module.budgets().map_or(std::ptr::null_mut(), Budgets::of_this_thread);
        }
        Ok(index)
    }

    /// Fills the block: imports, memories, tables, references, globals.
    fn fill(&mut self, index: u32, imports: &[Extern], images: &Images) -> Result<()> {
        self.fill_imports(index, imports)?;
        self.fill_memories_and_tables(index, images)?;
        let object = self.instances.at(index);
        let module = object.module.module();
        for (position, func) in module.escaping().iter().enumerate() {
            let defined = module.defined_func(*func).expect("escaping functions are own ones");
            let reference: *mut VmFuncRef = object.block.at(object.module.layout().funcref(position as u32));
            let type_id = object.module.type_ids()[module.functions()[func.index()].index()];
            // SAFETY: a reference of the live block.
            unsafe {
                *reference =
                    VmFuncRef { slot: object.module.slot(defined), vmctx: object.block.vmctx(), type_id, handle: 0 };
            }
        }
        let imported = module.import_counts().globals;
        for (i, init) in module.global_inits.iter().enumerate() {
            let value = object.evaluate(init);
            let cell = object.global_cell(GlobalIndex((imported + i) as u32));
            // SAFETY: an own global of the live block.
            unsafe { *cell = value };
        }
        self.fill_table_inits(index);
        Ok(())
    }

    fn fill_imports(&mut self, index: u32, imports: &[Extern]) -> Result<()> {
        let (mut funcs, mut globals) = (0, 0);
        for item in imports {
            match *item {
                Extern::Func(func) => {
                    let object = self.funcs.at(self.funcs.resolve(func.0)?);
                    let funcref = object.funcref;
                    let edge = match object.owner {
                        FuncOwner::Instance(owner) => (Kind::Instance, owner),
                        FuncOwner::Host(_) => (Kind::Func, self.funcs.resolve(func.0)?),
                    };
                    let instance = self.instances.at_mut(index);
                    let record: *mut VmFuncImport =
                        instance.block.at(instance.module.layout().func_import(FuncIndex(funcs)));
                    // SAFETY: the record is part of the live block; the reference is alive, and the edge keeps it so.
                    unsafe { *record = VmFuncImport { slot: (*funcref).slot, vmctx: (*funcref).vmctx, funcref } };
                    instance.imported_funcs.push(edge);
                    funcs += 1;
                }
                Extern::Table(table) => {
                    let object = self.tables.resolve(table.0)?;
                    self.instances.at_mut(index).tables.push(object);
                }
                Extern::Memory(memory) => {
                    let object = self.memories.resolve(memory.0)?;
                    self.instances.at_mut(index).memories.push(object);
                }
                Extern::Global(global) => {
                    let object = self.globals.resolve(global.0)?;
                    let definition = self.globals.at(object).definition;
                    let instance = self.instances.at_mut(index);
                    let Place::Imported(offset) = instance.module.layout().global(GlobalIndex(globals)) else {
                        unreachable!("imports come first")
                    };
                    // SAFETY: a pointer cell of the live block.
                    unsafe { *instance.block.at::<*mut VmGlobal>(offset) = definition };
                    instance.imported_globals.push(object);
                    globals += 1;
                }
            }
        }
        Ok(())
    }

    fn fill_memories_and_tables(&mut self, index: u32, images: &Images) -> Result<()> {
        let compiled = self.instances.at(index).module.clone();
        let module = compiled.module();
        for (i, ty) in module.memories().iter().enumerate() {
            let memory = MemoryIndex(i as u32);
            let place = compiled.layout().memory(memory);
            if i >= module.import_counts().memories {
                let at = match place {
                    Place::Own(offset) => Some((self.instances.at(index).block.at::<VmMemory>(offset), index)),
                    // A shared memory keeps its definition itself; the instance owns it all the same.
                    Place::Imported(_) => Some((std::ptr::null_mut(), index)),
                };
                let initial = images.initial(&self.engine, memory)?;
                let object = MemoryObject::new(self, *ty, initial, at)?;
                let object = self.memories.insert(object, 0)?;
                self.instances.at_mut(index).memories.push(object);
            }
            if let Place::Imported(offset) = place {
                let instance = self.instances.at(index);
                let definition = self.memories.at(instance.memories[i]).definition();
                // SAFETY: a pointer cell of the live block.
                unsafe { *instance.block.at::<*mut VmMemory>(offset) = definition };
            }
        }
        for (i, ty) in module.tables().iter().enumerate() {
            let place = compiled.layout().table(TableIndex(i as u32));
            if let Place::Own(offset) = place {
                self.check_count("tables alive", self.limits.tables, |store| store.tables.live())?;
                let definition = self.instances.at(index).block.at::<VmTable>(offset);
                let object = TableObject::new(*ty, 0, &self.limits, Some((definition, index)))?;
                let object = self.tables.insert(object, 0)?;
                self.instances.at_mut(index).tables.push(object);
            } else if let Place::Imported(offset) = place {
                let instance = self.instances.at(index);
                let definition = self.tables.at(instance.tables[i]).definition();
                // SAFETY: a pointer cell of the live block.
                unsafe { *instance.block.at::<*mut VmTable>(offset) = definition };
            }
        }
        Ok(())
    }

    fn fill_table_inits(&mut self, index: u32) {
        let instance = self.instances.at(index);
        let module = instance.module.module();
        let imported = module.import_counts().tables;
        for (i, init) in module.table_inits.iter().enumerate() {
            let Some(init) = init else { continue };
            let value = instance.evaluate_reference(init);
            // A table starts with nulls, in pages that nobody has touched.
            if value != 0 {
                self.tables.at_mut(instance.tables[imported + i]).elements_mut().fill(value);
            }
        }
    }

    /// Runs the active segments, elements first.
    fn run_segments(&mut self, index: u32, images: &Images) -> Result<()> {
        let compiled = self.instances.at(index).module.clone();
        let module = compiled.module();
        for (i, segment) in module.elements.iter().enumerate() {
            if let ElementMode::Active(table, offset) = &segment.mode {
                let offset = self.evaluate_offset(index, offset, module.tables()[table.index()].index);
                let done = self.init_table(index, *table, i as u32, offset, 0, segment.items.len() as u64);
                if let Err(code) = done {
                    self.clear_images(index)?;
                    return Err(code.into());
                }
            }
            if !matches!(segment.mode, ElementMode::Passive) {
                self.drop_elements(index, i as u32);
            }
        }
        if !images.replace_segments() {
            return self.run_data(index);
        }
        self.instances.at_mut(index).spent_data = u32::MAX;
        Ok(())
    }

    /// The element segments failed, so the data segments must not have run: takes what was mapped back.
    fn clear_images(&mut self, index: u32) -> Result<()> {
        let instance = self.instances.at(index);
        let own = instance.module.module().import_counts().memories..;
        for object in &instance.memories[own] {
            self.memories.at_mut(*object).clear()?;
        }
        Ok(())
    }

    pub(super) fn evaluate_offset(&self, index: u32, offset: &ConstExpr, ty: IndexType) -> u64 {
        let value = self.instances.at(index).evaluate(offset);
        match ty {
            // SAFETY: the expression was validated to give this type.
            IndexType::I32 => u64::from(unsafe { value.i32 } as u32),
            // SAFETY: as above.
            IndexType::I64 => unsafe { value.i64 as u64 },
        }
    }

    fn run_start(&mut self, index: u32) -> Result<()> {
        let instance = self.instances.at(index);
        let Some(start) = instance.module.module().start else { return Ok(()) };
        let layout = instance.module.layout();
        let module = instance.module.module().clone();
        let (slot, vmctx) = match module.defined_func(start) {
            Some(defined) => (instance.module.slot(defined), instance.block.vmctx()),
            None => {
                // SAFETY: an import record of the live block.
                let record = unsafe { &*instance.block.at::<VmFuncImport>(layout.func_import(start)) };
                (record.slot, record.vmctx)
            }
        };
        let type_id = instance.module.type_ids()[module.functions()[start.index()].index()];
        let ty = instance.module.type_by_id(type_id);
        let trampoline = self.engine.entry_trampoline(&ty)?;
        let funcref = VmFuncRef { slot, vmctx, type_id, handle: 0 };
        // SAFETY: the start function takes and gives nothing; the host holds the instance meanwhile.
        unsafe { StoreInner::enter(self, &funcref, trampoline, std::ptr::null_mut()) }
    }

    /// `table.init`.
    pub(super) fn init_table(
        &mut self,
        index: u32,
        table: TableIndex,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let instance = self.instances.at(index);
        let items = &instance.module.module().elements[segment as usize].items;
        let dropped = instance.dropped_elements.get(segment as usize).copied().unwrap_or(false);
        let available = if dropped { 0 } else { items.len() as u64 };
        let source = in_bounds(src, len, available).ok_or(TrapCode::TableOutOfBounds)?;
        let table = self.tables.at_mut(instance.tables[table.index()]);
        let size = table.elements().len() as u64;
        let target = in_bounds(dst, len, size).ok_or(TrapCode::TableOutOfBounds)?;
        let elements = &mut table.elements_mut()[target];
        match items {
            ElementItems::Functions(funcs) => {
                for (element, func) in elements.iter_mut().zip(&funcs[source]) {
                    *element = instance.funcref(*func) as u64;
                }
            }
            ElementItems::Expressions(expressions) => {
                for (element, expression) in elements.iter_mut().zip(&expressions[source]) {
                    *element = instance.evaluate_reference(expression);
                }
            }
        }
        Ok(())
    }

    /// `memory.init`.
    pub(super) fn init_memory(
        &mut self,
        index: u32,
        memory: MemoryIndex,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let instance = self.instances.at(index);
        let module = instance.module.module();
        let segments = module.data().ok_or(TrapCode::InvalidModule)?;
        let DataSegment { active, bytes } = &segments[segment as usize];
        let dropped = instance.dropped_data.get(segment as usize).copied().unwrap_or(false)
            || (active.is_some() && segment < instance.spent_data);
        let available = if dropped { 0 } else { bytes.len() as u64 };
        let source = in_bounds(src, len, available).ok_or(TrapCode::MemoryOutOfBounds)?;
        let object = self.memories.at(instance.memories[memory.index()]);
        let target = in_bounds(dst, len, object.len() as u64).ok_or(TrapCode::MemoryOutOfBounds)?;
        object.ensure(target.clone())?;
        let bytes = bytes.start as usize + source.start..bytes.start as usize + source.end;
        // Bytes of an artifact that was changed after it was opened.
        let source = module.wire().slice(bytes).ok_or(TrapCode::InvalidModule)?;
        // SAFETY: the target is in bounds, and a module's bytes are not part of a memory.
        unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), object.base().add(target.start), source.len()) };
        Ok(())
    }

    /// `data.drop`.
    pub(super) fn drop_data(&mut self, index: u32, segment: u32) {
        let dropped = &mut self.instances.at_mut(index).dropped_data;
        dropped.resize(dropped.len().max(segment as usize + 1), false);
        dropped[segment as usize] = true;
    }

    /// `elem.drop`.
    pub(super) fn drop_elements(&mut self, index: u32, segment: u32) {
        let instance = self.instances.at_mut(index);
        instance.dropped_elements.resize(instance.module.module().elements.len(), false);
        instance.dropped_elements[segment as usize] = true;
    }
}

impl InstanceObject {
    /// The value of a constant expression.
    fn evaluate(&self, expression: &ConstExpr) -> RawVal {
        let mut stack: Vec<RawVal> = Vec::with_capacity(expression.ops().len().min(8));
        for op in expression.ops() {
            let mut value = RawVal::default();
            match *op {
                ConstOp::I32(constant) => value.i32 = constant,
                ConstOp::I64(constant) => value.i64 = constant,
                ConstOp::F32(bits) => value.f32 = bits,
                ConstOp::F64(bits) => value.f64 = bits,
                ConstOp::V128(bytes) => value.v128 = bytes,
                ConstOp::RefNull(_) => {}
                ConstOp::RefFunc(func) => value.funcref = self.funcref(func) as usize,
                // SAFETY: validated: an imported global, or an own one that has its value already.
                ConstOp::GlobalGet(global) => value = unsafe { *self.global_cell(global) },
                ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => {
                    let (a, b) = pop_two(&mut stack);
                    // SAFETY: validated: both are i32.
                    let (a, b) = unsafe { (a.i32, b.i32) };
                    value.i32 = match op {
                        ConstOp::I32Add => a.wrapping_add(b),
                        ConstOp::I32Sub => a.wrapping_sub(b),
                        _ => a.wrapping_mul(b),
                    };
                }
                ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => {
                    let (a, b) = pop_two(&mut stack);
                    // SAFETY: validated: both are i64.
                    let (a, b) = unsafe { (a.i64, b.i64) };
                    value.i64 = match op {
                        ConstOp::I64Add => a.wrapping_add(b),
                        ConstOp::I64Sub => a.wrapping_sub(b),
                        _ => a.wrapping_mul(b),
                    };
                }
            }
            stack.push(value);
        }
        stack.pop().expect("validated: one value")
    }

    /// The reference that a constant expression gives, in the 8-byte form of tables.
    fn evaluate_reference(&self, expression: &ConstExpr) -> u64 {
        let value = self.evaluate(expression);
        let external = match expression.ops().last() {
            Some(ConstOp::GlobalGet(global)) => {
                self.module.module().globals()[global.index()].content == ValType::ExternRef
            }
            _ => false,
        };
        // SAFETY: all fields are plain bits; null is 0 in both.
        if external { u64::from(unsafe { value.externref }) } else { unsafe { value.funcref as u64 } }
    }
}

fn pop_two(stack: &mut Vec<RawVal>) -> (RawVal, RawVal) {
    let b = stack.pop().expect("validated");
    let a = stack.pop().expect("validated");
    (a, b)
}

/// `start..start + len`, if that lies within `size`.
pub(super) fn in_bounds(start: u64, len: u64, size: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(len).filter(|end| *end <= size)?;
    Some(start as usize..end as usize)
}

fn limits_fit(have_min: u64, have_max: Option<u64>, want_min: u64, want_max: Option<u64>) -> bool {
    let max_fits = match (have_max, want_max) {
        (_, None) => true,
        (Some(have), Some(want)) => have <= want,
        (None, Some(_)) => false,
    };
    have_min >= want_min && max_fits
}

fn kind_name(item: Extern) -> &'static str {
    match item {
        Extern::Func(_) => "a function",
        Extern::Table(_) => "a table",
        Extern::Memory(_) => "a memory",
        Extern::Global(_) => "a global",
    }
}
