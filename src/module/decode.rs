//! Bytes become a [`Module`], everything but the bodies validated on the way.
//!
//! wasmparser's validator sees each section before we read it, so reading here meets no invalid section,
//! and the verdict on a module is wasmparser's. What the engine does not implement is never switched on.
//!
//! Not here: validation of the bodies (`validate`), the text format (`text`).

use std::borrow::Cow;
use std::sync::OnceLock;

use wasmparser::{
    DataKind, DataSectionReader, ElementItems as ParsedItems, ElementKind, ExternalKind, Operator, Parser, Payload,
    RefType, TableInit, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use crate::error::{Error, Result};
use crate::module::body::{Environment, Kept};
use crate::module::data::plain_segments;
use crate::module::fixed::TableWrites;
use crate::module::names::Names;
use crate::module::unsupported;
use crate::module::validate::{self, Bodies, Validated};
use crate::module::validity::{Deferred, Validity};
use crate::module::{
    ConstExpr, ConstOp, CustomSection, DataSegment, ElementItems, ElementMode, ElementSegment, Export, ExportItem,
    Features, Import, ImportCounts, IndirectSites, Module, SharedBytes, WireBytes, copied, encoding, text,
};
use crate::types::{
    ExternType, FuncIndex, FuncType, GlobalIndex, GlobalType, IndexType, MemoryIndex, MemoryType, TableIndex,
    TableType, TypeIndex, ValType,
};

/// A module whose sections are valid and whose bodies have not been looked at.
pub struct Decoded {
    /// The module. Its features are those that its sections use.
    pub module: Module,
    /// What validation of the bodies needs.
    pub bodies: Bodies,
}

/// When the bodies of a module are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the module exists, on up to so many threads.
    Now(usize),
    /// Afterwards, each before it is compiled (`validity`).
    Later,
}

/// Text or bytes to a module that is valid throughout, on up to `threads` threads.
pub fn load(bytes: &[u8], features: Features, threads: usize) -> Result<Module> {
    load_when(bytes, features, When::Now(threads))
}

/// Text or bytes to a module.
pub fn load_when(bytes: &[u8], features: Features, when: When) -> Result<Module> {
    let decoded = decode_copy(bytes, features)?;
    match when {
        When::Now(threads) => {
            let validated = validate::validate_all(&decoded.bodies, &decoded.module, threads)?;
            Ok(decoded.validated(validated))
        }
        When::Later => Ok(decoded.deferred()),
    }
}

/// Decodes text or bytes, which may change or go as soon as this returns.
pub fn decode_copy(bytes: &[u8], features: Features) -> Result<Decoded> {
    decode(own(bytes)?, features)
}

/// As [`decode_copy`], from bytes that are kept, not copied, unless they are text.
pub fn decode_shared(bytes: &SharedBytes, features: Features) -> Result<Decoded> {
    let wire = match text::to_binary((**bytes).as_ref())? {
        Cow::Borrowed(_) => bytes.clone().into(),
        Cow::Owned(binary) => binary.into(),
    };
    decode(wire, features)
}

impl Decoded {
    /// The module, whose bodies have been validated with this outcome.
    pub fn validated(self, validated: Validated) -> Module {
        let Validated { features, indirect_sites, table_writes, analyses } = validated;
        Module { features, indirect_sites, table_writes, analyses, ..self.module }
    }

    /// The module, whose bodies are validated later. What all of them together would tell stays unknown.
    pub fn deferred(self) -> Module {
        let Decoded { mut module, bodies } = self;
        if !module.bodies.is_empty() {
            module.validity = Validity::Deferred(Box::new(Deferred::new(&module, bodies)));
        }
        module
    }
}

/// Text or bytes to a module whose bodies nobody has looked at: not to be compiled.
pub fn outline(bytes: &[u8], features: Features) -> Result<Module> {
    load_when(bytes, features, When::Later)
}

/// The binary form of text or bytes, which may change or go as soon as this returns.
fn own(bytes: &[u8]) -> Result<WireBytes> {
    match text::to_binary(bytes)? {
        Cow::Borrowed(binary) => Ok(copied(binary)?.into()),
        Cow::Owned(binary) => Ok(binary.into()),
    }
}

/// Decodes a module and validates all of it but the bodies.
pub fn decode(bytes: WireBytes, features: Features) -> Result<Decoded> {
    // Positions in a module are 32 bits wide.
    if u32::try_from(bytes.len()).is_err() {
        return Err(Error::Limit { what: "bytes of a module", asked: bytes.len() as u64, limit: u32::MAX as u64 });
    }
    let flags = features.flags();
    let mut builder = Builder::new(bytes.clone());
    match builder.read(&bytes, flags) {
        Ok(()) => Ok(builder.finish(features, flags)),
        Err(error) => Err(unsupported::explain(&error, &bytes, flags)),
    }
}

struct Builder {
    module: Module,
    bodies: Bodies,
    used: Features,
    data_count: Option<u32>,
}

type Parsed<T = ()> = Result<T, wasmparser::Error>;

impl Builder {
    fn new(bytes: WireBytes) -> Builder {
        let module = Module {
            bytes,
            types: Vec::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            functions: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            import_counts: ImportCounts::default(),
            global_inits: Vec::new(),
            table_inits: Vec::new(),
            data: Vec::new(),
            elements: Vec::new(),
            start: None,
            bodies: Vec::new(),
            escaping: Vec::new(),
            custom_sections: Vec::new(),
            features: Features::default(),
            indirect_sites: IndirectSites::default(),
            names: Names::default(),
            hints: OnceLock::new(),
            host_hints: None,
            table_writes: TableWrites::Possible,
            fixed_tables: OnceLock::new(),
            environment: Environment::default(),
            validity: Validity::Known,
            analyses: Kept::default(),
        };
        Builder { module, bodies: Bodies::default(), used: Features::default(), data_count: None }
    }

    fn read(&mut self, bytes: &[u8], flags: WasmFeatures) -> Parsed {
        let mut validator = Validator::new_with_features(flags);
        let mut parser = Parser::new(0);
        parser.set_features(flags);
        for payload in parser.parse_all(bytes) {
            let payload = payload?;
            if let Payload::DataSection(segments) = &payload
                && let Some(plain) = self.plain_data(bytes, segments)
            {
                self.module.data = plain;
                continue;
            }
            if let ValidPayload::Func(func, body) = validator.payload(&payload)? {
                // All bodies share one set of resources, complete since the code section began.
                self.bodies.resources.get_or_insert(func.resources);
                self.module.bodies.push(range(body.range()));
            }
            self.section(payload)?;
        }
        Ok(())
    }

    fn finish(self, allowed: Features, flags: WasmFeatures) -> Decoded {
        let Builder { mut module, mut bodies, used, data_count } = self;
        bodies.flags = flags;
        module.escaping.sort_unstable();
        module.escaping.dedup();
        let imported = module.import_counts.functions as u32;
        let defined = module.escaping.partition_point(|func| func.0 < imported);
        let declared_imports = module.escaping.drain(..defined).collect();
        module.escaping.shrink_to_fit();
        module.environment = Environment::new(&module, allowed, declared_imports, data_count);
        module.features = used;
        let names = module.custom_sections.iter().find(|section| &*section.name == "name");
        module.names = Names::new(module.bytes.clone(), names.map(|section| section.bytes.clone()));
        Decoded { module, bodies }
    }

    fn section(&mut self, payload: Payload<'_>) -> Parsed {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    for sub in group?.types() {
                        let ty = self.func_type(sub.unwrap_func());
                        self.module.types.push(ty);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.uses(encoding::import(&self.module.bytes[offset as usize..]));
                    self.import(import);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.module.functions.push(TypeIndex(ty?));
                }
            }
            Payload::TableSection(tables) => {
                for table in tables.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    self.uses(encoding::table(&self.module.bytes[offset as usize..]));
                    self.table(table.ty);
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(self.const_expr(expr)?),
                    };
                    self.module.table_inits.push(init);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    self.uses(encoding::limits(&self.module.bytes[offset as usize..]));
                    self.memory(memory);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.global(global.ty);
                    let init = self.const_expr(&global.init_expr)?;
                    self.module.global_inits.push(init);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.export(export?);
                }
            }
            Payload::StartSection { func, .. } => self.module.start = Some(FuncIndex(func)),
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element(element?)?;
                }
            }
            Payload::DataCountSection { count, .. } => {
                self.data_count = Some(count);
                self.uses(Features::BULK_MEMORY);
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.data(segment?)?;
                }
            }
            Payload::CustomSection(section) => self
                .module
                .custom_sections
                .push(CustomSection { name: section.name().into(), bytes: range(section.data_range()) }),
            // The rest carries nothing that a module keeps, or has been refused.
            _ => {}
        }
        Ok(())
    }

    fn uses(&mut self, features: Features) {
        self.used = self.used | features;
    }

    fn func_type(&mut self, ty: &wasmparser::FuncType) -> FuncType {
        if ty.results().len() > 1 {
            self.uses(Features::MULTI_VALUE);
        }
        for &ty in ty.params().iter().chain(ty.results()) {
            self.uses(value_features(ty));
        }
        FuncType::new(ty.params().iter().copied().map(val_type), ty.results().iter().copied().map(val_type))
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let counts = &mut self.module.import_counts;
        let ty = match import.ty {
            TypeRef::Func(ty) => {
                counts.functions += 1;
                self.module.functions.push(TypeIndex(ty));
                ExternType::Func(self.module.types[ty as usize].clone())
            }
            TypeRef::Table(ty) => {
                counts.tables += 1;
                ExternType::Table(self.table(ty))
            }
            TypeRef::Memory(ty) => {
                counts.memories += 1;
                ExternType::Memory(self.memory(ty))
            }
            TypeRef::Global(ty) => {
                counts.globals += 1;
                if ty.mutable {
                    self.uses(Features::MUTABLE_GLOBAL);
                }
                ExternType::Global(self.global(ty))
            }
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => unreachable!("exceptions and exact types are off"),
        };
        self.module.imports.push(Import { module: import.module.into(), name: import.name.into(), ty });
    }

    fn table(&mut self, ty: wasmparser::TableType) -> TableType {
        let element = val_type(wasmparser::ValType::Ref(ty.element_type));
        // Tables of functions are as old as WebAssembly.
        if element != ValType::FuncRef || !self.module.tables.is_empty() {
            self.uses(Features::REFERENCE_TYPES);
        }
        let index = if ty.table64 { self.wide() } else { IndexType::I32 };
        let ty = TableType { element, min: ty.initial, max: ty.maximum, index };
        self.module.tables.push(ty);
        ty
    }

    fn memory(&mut self, ty: wasmparser::MemoryType) -> MemoryType {
        if !self.module.memories.is_empty() {
            self.uses(Features::MULTI_MEMORY);
        }
        if ty.shared {
            self.uses(Features::THREADS);
        }
        let index = if ty.memory64 { self.wide() } else { IndexType::I32 };
        let ty = MemoryType { min: ty.initial, max: ty.maximum, index, shared: ty.shared };
        self.module.memories.push(ty);
        ty
    }

    /// The index type of a wide memory or table.
    fn wide(&mut self) -> IndexType {
        self.uses(Features::MEMORY64);
        IndexType::I64
    }

    fn global(&mut self, ty: wasmparser::GlobalType) -> GlobalType {
        self.uses(value_features(ty.content_type));
        let ty = GlobalType { content: val_type(ty.content_type), mutable: ty.mutable };
        self.module.globals.push(ty);
        ty
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        let item = match export.kind {
            ExternalKind::Func => {
                self.module.escaping.push(FuncIndex(export.index));
                ExportItem::Func(FuncIndex(export.index))
            }
            ExternalKind::Table => ExportItem::Table(TableIndex(export.index)),
            ExternalKind::Memory => ExportItem::Memory(MemoryIndex(export.index)),
            ExternalKind::Global => {
                if self.module.globals[export.index as usize].mutable {
                    self.uses(Features::MUTABLE_GLOBAL);
                }
                ExportItem::Global(GlobalIndex(export.index))
            }
            ExternalKind::Tag | ExternalKind::FuncExact => unreachable!("exceptions and exact types are off"),
        };
        self.module.exports.push(Export { name: export.name.into(), item });
    }

    fn element(&mut self, element: wasmparser::Element<'_>) -> Parsed {
        let mode = match element.kind {
            ElementKind::Active { table_index, offset_expr } => {
                ElementMode::Active(TableIndex(table_index.unwrap_or(0)), self.const_expr(&offset_expr)?)
            }
            ElementKind::Passive => {
                self.uses(Features::BULK_MEMORY);
                ElementMode::Passive
            }
            ElementKind::Declared => {
                self.uses(Features::BULK_MEMORY);
                ElementMode::Declared
            }
        };
        let (ty, items) = match element.items {
            ParsedItems::Functions(functions) => {
                let functions = functions.into_iter().map(|func| func.map(FuncIndex)).collect::<Parsed<Box<[_]>>>()?;
                self.module.escaping.extend(&functions);
                (ValType::FuncRef, ElementItems::Functions(functions))
            }
            ParsedItems::Expressions(ty, items) => {
                self.uses(Features::REFERENCE_TYPES);
                let items = items.into_iter().map(|item| self.const_expr(&item?)).collect::<Parsed<Box<[_]>>>()?;
                (val_type(wasmparser::ValType::Ref(ty)), ElementItems::Expressions(items))
            }
        };
        self.module.elements.push(ElementSegment { mode, ty, items });
        Ok(())
    }

    /// The segments of a section that is plain. (That it comes where it must, and has as many segments as announced,
    /// wasmparser's parser sees to.)
    fn plain_data(&self, bytes: &[u8], section: &DataSectionReader<'_>) -> Option<Vec<DataSegment>> {
        let first = section.original_position() as usize;
        let end = section.range().end as usize;
        plain_segments(bytes, first..end, section.count(), &self.module.memories)
    }

    fn data(&mut self, segment: wasmparser::Data<'_>) -> Parsed {
        let active = match segment.kind {
            DataKind::Passive => {
                self.uses(Features::BULK_MEMORY);
                None
            }
            DataKind::Active { memory_index, offset_expr } => {
                Some((MemoryIndex(memory_index), self.const_expr(&offset_expr)?))
            }
        };
        let end = segment.range.end;
        self.module.data.push(DataSegment { active, bytes: range(end - segment.data.len() as u64..end) });
        Ok(())
    }

    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Parsed<ConstExpr> {
        let mut first = None;
        let mut ops = Vec::new();
        let mut reader = expr.get_operators_reader();
        loop {
            let (op, features) = match reader.read()? {
                Operator::I32Const { value } => (ConstOp::I32(value), Features::default()),
                Operator::I64Const { value } => (ConstOp::I64(value), Features::default()),
                Operator::F32Const { value } => (ConstOp::F32(value.bits()), Features::default()),
                Operator::F64Const { value } => (ConstOp::F64(value.bits()), Features::default()),
                Operator::V128Const { value } => (ConstOp::V128(*value.bytes()), Features::SIMD),
                Operator::RefNull { hty } => {
                    let ty = RefType::new(true, hty).map_or(ValType::FuncRef, |ty| val_type(ty.into()));
                    (ConstOp::RefNull(ty), Features::REFERENCE_TYPES)
                }
                Operator::RefFunc { function_index } => {
                    self.module.escaping.push(FuncIndex(function_index));
                    (ConstOp::RefFunc(FuncIndex(function_index)), Features::REFERENCE_TYPES)
                }
                Operator::GlobalGet { global_index } => {
                    (ConstOp::GlobalGet(GlobalIndex(global_index)), Features::default())
                }
                Operator::I32Add => (ConstOp::I32Add, Features::EXTENDED_CONST),
                Operator::I32Sub => (ConstOp::I32Sub, Features::EXTENDED_CONST),
                Operator::I32Mul => (ConstOp::I32Mul, Features::EXTENDED_CONST),
                Operator::I64Add => (ConstOp::I64Add, Features::EXTENDED_CONST),
                Operator::I64Sub => (ConstOp::I64Sub, Features::EXTENDED_CONST),
                Operator::I64Mul => (ConstOp::I64Mul, Features::EXTENDED_CONST),
                Operator::End => break,
                // Without its name: that would cost the names of all operators.
                _ => unreachable!("an operator in a constant expression that the validator does not allow there"),
            };
            self.uses(features);
            match first {
                None => first = Some(op),
                Some(first) => {
                    if ops.is_empty() {
                        ops.push(first);
                    }
                    ops.push(op);
                }
            }
        }
        Ok(match first {
            Some(op) if ops.is_empty() => ConstExpr::of(op),
            _ => ConstExpr::of_many(ops),
        })
    }
}

/// The features that a value of this type needs.
fn value_features(ty: wasmparser::ValType) -> Features {
    match ty {
        wasmparser::ValType::V128 => Features::SIMD,
        wasmparser::ValType::Ref(_) => Features::REFERENCE_TYPES,
        _ => Features::default(),
    }
}

/// A value type that has been validated. (Also the one way to read types out of bodies.)
pub(crate) fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(RefType::FUNCREF) => ValType::FuncRef,
        wasmparser::ValType::Ref(RefType::EXTERNREF) => ValType::ExternRef,
        wasmparser::ValType::Ref(ty) => unreachable!("{ty} needs a feature that is never on"),
    }
}

/// A range of a module's bytes; [`decode`] has checked that positions fit.
fn range(range: std::ops::Range<u64>) -> std::ops::Range<u32> {
    range.start as u32..range.end as u32
}
