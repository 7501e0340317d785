//! Sections become a [`Module`], everything but the bodies validated on the way.
//!
//! wasmparser's validator sees each section before we read it, so reading here meets no invalid section,
//! and the verdict on a module is wasmparser's. What the engine does not implement is never switched on.
//!
//! Not here: which section comes next (`stream`), validation of the bodies (`validate`), the text format (`text`).

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use wasmparser::{
    DataKind, DataSectionReader, ElementItems as ParsedItems, ElementKind, ElementSectionReader, ExternalKind,
    Operator, Payload, RefType, TableInit, TypeRef,
};

use crate::error::Result;
use crate::module::body::{Environment, Kept};
use crate::module::data::{Data, Extent, Plain, check_plain};
use crate::module::elements::plain_elements;
use crate::module::fixed::TableWrites;
use crate::module::hints::{HintKind, HostHints};
use crate::module::names::Names;
use crate::module::stream::{Bytes, Decoder, Read};
use crate::module::tables::{BodyTable, FetchBodies};
use crate::module::validate::{self, Bodies, Validated};
use crate::module::validity::{Deferred, Validity};
use crate::module::{
    ConstExpr, ConstOp, CustomSection, DataSegment, ElementItems, ElementMode, ElementSegment, Escaping, Export,
    ExportItem, Features, Import, ImportCounts, IndirectSites, Late, Module, WireBytes, copied, encoding, text,
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

/// Text or bytes to a module that is valid throughout, on up to `threads` threads. (An engine does more at once: see
/// `engine/stream.rs`.)
pub fn load(bytes: &[u8], features: Features, threads: usize) -> Result<Module> {
    load_when(bytes, features, When::Now(threads))
}

/// Text or bytes to a module.
pub fn load_when(bytes: &[u8], features: Features, when: When) -> Result<Module> {
    let wire = match text::to_binary(bytes)? {
        Cow::Borrowed(binary) => copied(binary)?.into(),
        Cow::Owned(binary) => binary.into(),
    };
    let decoded = decode(wire, features)?;
    match when {
        When::Now(threads) => {
            let validated = validate::validate_all(&decoded.bodies, &decoded.module, threads)?;
            Ok(decoded.validated(validated))
        }
        When::Later => Ok(decoded.deferred()),
    }
}

impl Decoded {
    /// The module, whose bodies have been validated with this outcome.
    pub fn validated(self, validated: Validated) -> Module {
        let Decoded { mut module, .. } = self;
        let late = module.late.get_mut().expect("all of it was read");
        (late.features, late.table_writes) = (validated.features, validated.table_writes);
        module
    }

    /// The module, whose bodies are validated later. What all of them together would tell stays unknown.
    pub fn deferred(self) -> Module {
        let Decoded { mut module, bodies } = self;
        module.defer(bodies);
        module
    }
}

impl Module {
    /// Has the bodies validated one by one, before each is compiled.
    pub(super) fn defer(&mut self, bodies: Bodies) {
        if self.bodies.len() > 0 {
            self.validity = Validity::Deferred(Box::new(Deferred::new(self, bodies)));
        }
    }
}

/// Text or bytes to a module whose bodies nobody has looked at: not to be compiled.
pub fn outline(bytes: &[u8], features: Features) -> Result<Module> {
    load_when(bytes, features, When::Later)
}

/// Decodes a module and validates all of it but the bodies.
pub fn decode(bytes: WireBytes, features: Features) -> Result<Decoded> {
    let mut decoder = Decoder::new(bytes, features)?;
    match decoder.read(Bytes::All, usize::MAX) {
        Ok(read) => debug_assert_eq!(read, Read::Everything),
        Err(error) => return Err(decoder.explain(&error)),
    }
    let bodies = decoder.bodies();
    let module = decoder.finish(None);
    Ok(Decoded { module: Arc::into_inner(module).expect("nobody else has seen it"), bodies })
}

/// A module as far as its sections are read.
pub(super) struct Builder {
    /// Up to the first body.
    draft: Module,
    /// From then on.
    module: Option<Arc<Module>>,
    /// Functions that something in front of the bodies refers to, as often as it does.
    references: Vec<FuncIndex>,
    used: Features,
    data_count: Option<u32>,
    data: Vec<DataSegment>,
    /// A data section that is read later, in place of `data`, and where its segments go if that is known.
    plain: Option<(Plain, Option<Extent>)>,
    custom_sections: Vec<CustomSection>,
}

pub(super) type Parsed<T = ()> = Result<T, wasmparser::Error>;

impl Builder {
    pub(super) fn new(bytes: WireBytes) -> Builder {
        let draft = Module {
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
            elements: Vec::new(),
            start: None,
            bodies: BodyTable::default(),
            escaping: Escaping::default(),
            indirect_sites: IndirectSites::default(),
            late: OnceLock::new(),
            hints: OnceLock::new(),
            host_hints: None,
            fixed_tables: OnceLock::new(),
            environment: Environment::default(),
            validity: Validity::default(),
            analyses: Kept::default(),
        };
        Builder {
            draft,
            module: None,
            references: Vec::new(),
            used: Features::default(),
            data_count: None,
            data: Vec::new(),
            plain: None,
            custom_sections: Vec::new(),
        }
    }

    /// The module, if its sections up to the first body are there.
    pub(super) fn module(&self) -> Option<&Arc<Module>> {
        self.module.as_ref()
    }

    pub(super) fn set_host_hints(&mut self, hints: &HostHints) {
        self.draft.set_host_hints(hints);
    }

    pub(super) fn is_hinted(&self) -> bool {
        let module = self.module.as_deref().unwrap_or(&self.draft);
        let named = |section: &CustomSection| HintKind::of_section(&section.name).is_some();
        module.host_hints.is_some() || self.custom_sections.iter().any(named)
    }

    /// All that comes before the bodies is there, and the bodies are going to be here.
    pub(super) fn begin(&mut self, bodies: std::ops::Range<u64>, allowed: Features, defer: Option<Bodies>) {
        let empty = Builder::new(self.draft.bytes.clone()).draft;
        let mut module = std::mem::replace(&mut self.draft, empty);
        let imported = module.import_counts.functions as u32;
        let (declared_imports, escaping) = Escaping::new(std::mem::take(&mut self.references), imported);
        module.escaping = escaping;
        module.environment = Environment::new(&module, allowed, declared_imports, self.data_count);
        let count = module.defined_func_count();
        module.bodies = BodyTable::new(count, range(bodies));
        module.indirect_sites = IndirectSites::new(count);
        if let Some(bodies) = defer {
            module.defer(bodies);
        }
        self.module = Some(Arc::new(module));
    }

    /// As [`Builder::begin`], of bodies that are known to be valid, and of which somebody knows where they are.
    pub(super) fn begin_kept(&mut self, bodies: std::ops::Range<u64>, allowed: Features, fetch: FetchBodies) {
        self.begin(bodies, allowed, None);
        // Nobody else has it yet.
        if let Some(module) = self.module.as_mut().and_then(Arc::get_mut) {
            module.bodies.set_fetch(fetch);
        }
    }

    /// All has been read, and the bodies validated with this outcome, or are going to be.
    pub(super) fn finish(self, validated: Option<Validated>) -> Arc<Module> {
        let Builder { module, mut used, data, plain, custom_sections, .. } = self;
        let module = module.expect("a module that was read to its end has begun");
        let mut table_writes = TableWrites::Possible;
        if let Some(validated) = validated {
            (used, table_writes) = (used | validated.features, validated.table_writes);
        }
        let names = custom_sections.iter().find(|section| &*section.name == "name");
        let names = Names::new(module.bytes.clone(), names.map(|section| section.bytes.clone()));
        let data = plain.map_or_else(|| Data::of(data), Data::later);
        let late = Late { data, custom_sections, names, features: used, table_writes };
        // Nobody else sets it.
        let _ = module.late.set(late);
        module
    }

    pub(super) fn section(&mut self, payload: Payload<'_>) -> Parsed {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    for sub in group?.types() {
                        let ty = self.func_type(sub.unwrap_func());
                        self.draft.types.push(ty);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                let end = imports.range().end as usize;
                for import in imports.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.uses(encoding::import(self.draft.bytes.known(offset as usize..end)));
                    self.import(import);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.draft.functions.push(TypeIndex(ty?));
                }
            }
            Payload::TableSection(tables) => {
                let end = tables.range().end as usize;
                for table in tables.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    self.uses(encoding::table(self.draft.bytes.known(offset as usize..end)));
                    self.table(table.ty);
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(self.const_expr(expr)?),
                    };
                    self.draft.table_inits.push(init);
                }
            }
            Payload::MemorySection(memories) => {
                let end = memories.range().end as usize;
                for memory in memories.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    self.uses(encoding::limits(self.draft.bytes.known(offset as usize..end)));
                    self.memory(memory);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.global(global.ty);
                    let init = self.const_expr(&global.init_expr)?;
                    self.draft.global_inits.push(init);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.export(export?);
                }
            }
            Payload::StartSection { func, .. } => self.draft.start = Some(FuncIndex(func)),
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
            Payload::CustomSection(section) => {
                let bytes = range(section.data_range());
                self.custom_sections.push(CustomSection { name: section.name().into(), bytes });
            }
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
        let counts = &mut self.draft.import_counts;
        let ty = match import.ty {
            TypeRef::Func(ty) => {
                counts.functions += 1;
                self.draft.functions.push(TypeIndex(ty));
                ExternType::Func(self.draft.types[ty as usize].clone())
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
        self.draft.imports.push(Import { module: import.module.into(), name: import.name.into(), ty });
    }

    fn table(&mut self, ty: wasmparser::TableType) -> TableType {
        let element = val_type(wasmparser::ValType::Ref(ty.element_type));
        // Tables of functions are as old as WebAssembly.
        if element != ValType::FuncRef || !self.draft.tables.is_empty() {
            self.uses(Features::REFERENCE_TYPES);
        }
        let index = if ty.table64 { self.wide() } else { IndexType::I32 };
        let ty = TableType { element, min: ty.initial, max: ty.maximum, index };
        self.draft.tables.push(ty);
        ty
    }

    fn memory(&mut self, ty: wasmparser::MemoryType) -> MemoryType {
        if !self.draft.memories.is_empty() {
            self.uses(Features::MULTI_MEMORY);
        }
        if ty.shared {
            self.uses(Features::THREADS);
        }
        let index = if ty.memory64 { self.wide() } else { IndexType::I32 };
        let ty = MemoryType { min: ty.initial, max: ty.maximum, index, shared: ty.shared };
        self.draft.memories.push(ty);
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
        self.draft.globals.push(ty);
        ty
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        let item = match export.kind {
            ExternalKind::Func => {
                self.references.push(FuncIndex(export.index));
                ExportItem::Func(FuncIndex(export.index))
            }
            ExternalKind::Table => ExportItem::Table(TableIndex(export.index)),
            ExternalKind::Memory => ExportItem::Memory(MemoryIndex(export.index)),
            ExternalKind::Global => {
                if self.draft.globals[export.index as usize].mutable {
                    self.uses(Features::MUTABLE_GLOBAL);
                }
                ExportItem::Global(GlobalIndex(export.index))
            }
            ExternalKind::Tag | ExternalKind::FuncExact => unreachable!("exceptions and exact types are off"),
        };
        self.draft.exports.push(Export { name: export.name.into(), item });
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
                self.references.extend(&functions);
                (ValType::FuncRef, ElementItems::Functions(functions))
            }
            ParsedItems::Expressions(ty, items) => {
                self.uses(Features::REFERENCE_TYPES);
                let items = items.into_iter().map(|item| self.const_expr(&item?)).collect::<Parsed<Box<[_]>>>()?;
                (val_type(wasmparser::ValType::Ref(ty)), ElementItems::Expressions(items))
            }
        };
        self.draft.elements.push(ElementSegment { mode, ty, items });
        Ok(())
    }

    /// Reads a data section that is plain. (That it comes where it must, and has as many segments as announced,
    /// wasmparser's parser sees to.)
    pub(super) fn plain_data(
        &mut self,
        bytes: &[u8],
        section: &DataSectionReader<'_>,
        allowed: Features,
    ) -> Option<()> {
        let first = section.original_position() as usize;
        let end = section.range().end as usize;
        let module = self.module.as_deref().unwrap_or(&self.draft);
        let count = section.count();
        let (extent, used) = check_plain(bytes, first..end, count, &module.memories, allowed)?;
        self.plain = Some((Plain { section: first as u32..end as u32, count }, Some(extent)));
        self.uses(used);
        Some(())
    }

    /// Reads an element section that is plain. (Where it comes, the parser sees to.)
    pub(super) fn plain_elements(&mut self, bytes: &[u8], section: &ElementSectionReader<'_>) -> Option<()> {
        let first = section.original_position() as usize;
        let end = section.range().end as usize;
        let module = &self.draft;
        let elements = plain_elements(&bytes[..end], first, section.count(), &module.tables, module.functions.len())?;
        for segment in &elements {
            if let ElementItems::Functions(functions) = &segment.items {
                self.references.extend(functions);
            }
        }
        self.draft.elements = elements;
        Some(())
    }

    /// How many types were read.
    pub(super) fn types(&self) -> usize {
        self.draft.types.len()
    }

    /// Functions that the module defines, by their types, which exist.
    pub(super) fn add_functions(&mut self, types: Vec<TypeIndex>) {
        self.draft.functions.extend(types);
    }

    /// The data section is to be read when somebody asks for its segments.
    pub(super) fn set_plain_data(&mut self, plain: Plain) {
        self.plain = Some((plain, None));
    }

    /// A custom section, whose contents are there.
    pub(super) fn add_custom(&mut self, section: CustomSection) {
        self.custom_sections.push(section);
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
        self.data.push(DataSegment { active, bytes: range(end - segment.data.len() as u64..end) });
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
                    self.references.push(FuncIndex(function_index));
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

/// A range of a module's bytes; the decoder has checked that positions fit.
pub(super) fn range(range: std::ops::Range<u64>) -> std::ops::Range<u32> {
    range.start as u32..range.end as u32
}
