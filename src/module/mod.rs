//! Stage 1: bytes become a [`Module`]: decoded, validated, immutable, shared by reference count.
//!
//! Bodies are kept as ranges of the wasm bytes; whoever compiles them reads them again with wasmparser.
//!
//! Not here: compilation (`compile`), instances (`runtime`).

pub mod body;
mod data;
pub mod decode;
mod elements;
mod encoding;
mod escaping;
pub(crate) mod facts;
pub(crate) mod fixed;
pub mod hints;
pub(crate) mod integral;
mod kept;
pub mod names;
pub mod registry;
pub mod stream;
pub(crate) mod tables;
pub mod text;
mod unsupported;
pub mod validate;
mod validity;
mod wire;

use std::ops::Range;
use std::sync::OnceLock;

pub(crate) use data::{Extent, PlainSegment, PlainSegments};
pub(crate) use escaping::Escaping;
pub use tables::IndirectSites;
pub use validity::{Chunk, Invalid, Rejected};
pub use wire::{SharedBytes, WireBytes, copied};

use crate::sync::get_or_make;
use crate::types::{
    DefinedFunc, ExternType, FuncIndex, FuncType, GlobalIndex, GlobalType, MemoryIndex, MemoryType, TableIndex,
    TableType, TypeIndex, ValType,
};

/// A decoded module.
///
/// It exists as soon as the first of its bodies has been read, so that bodies are validated and compiled while later bytes
/// are still on their way. What comes behind them is in [`Late`], and `bodies` fills up meanwhile. Nobody but its maker
/// and those who help sees it before it is whole.
pub struct Module {
    pub(crate) bytes: WireBytes,
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
    /// Type of every function, imports first.
    pub(crate) functions: Vec<TypeIndex>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) import_counts: ImportCounts,
    /// Initial values of the globals that the module defines.
    pub(crate) global_inits: Vec<ConstExpr>,
    /// Initial value of the elements of each table that the module defines; `None` is null.
    pub(crate) table_inits: Vec<Option<ConstExpr>>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) start: Option<FuncIndex>,
    /// Bodies of the defined functions, as ranges of `bytes` (locals included, size prefix not).
    pub(crate) bodies: tables::BodyTable,
    /// Functions that the module defines and that can be called through a reference: exported, in an
    /// element segment or in a `ref.func` of a constant expression. Sorted. (A `ref.func` in a body is
    /// valid only for functions, imported ones aside, that are among these.)
    pub(crate) escaping: Escaping,
    /// Known of a function once it and all before it are validated.
    pub(crate) indirect_sites: IndirectSites,
    /// What is known when all bytes were read, and all bodies validated that are to be.
    pub(crate) late: OnceLock<Late>,
    /// Made when somebody asks.
    pub(crate) hints: OnceLock<hints::Hints>,
    pub(crate) host_hints: Option<Box<hints::HostHints>>,
    /// Made when somebody asks.
    pub(crate) fixed_tables: OnceLock<fixed::FixedTables>,
    /// What the analysis of bodies needs of all this.
    pub(crate) environment: body::Environment,
    pub(crate) validity: validity::Validity,
    /// Of bodies that are about to be compiled.
    pub(crate) analyses: body::Kept,
}

/// What comes behind the bodies of a module, or follows from all of them.
#[derive(Default)]
pub(crate) struct Late {
    pub(crate) data: data::Data,
    pub(crate) custom_sections: Vec<CustomSection>,
    pub(crate) names: names::Names,
    /// Those that the sections use, and the bodies that were validated before the module was whole.
    pub(crate) features: Features,
    /// What bodies do to tables.
    pub(crate) table_writes: fixed::TableWrites,
}

/// How many of each kind are imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub functions: usize,
    pub tables: usize,
    pub memories: usize,
    pub globals: usize,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    pub module: Box<str>,
    pub name: Box<str>,
    pub ty: ExternType,
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    pub name: Box<str>,
    pub item: ExportItem,
}

/// What an export names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportItem {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
}

/// A validated constant expression.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstExpr(Ops);

/// Modules have expressions by the hundred thousand, nearly all of them a single constant.
#[derive(Clone, Debug, PartialEq)]
enum Ops {
    One(ConstOp),
    Many(Box<[ConstOp]>),
}

impl ConstExpr {
    /// A single operator.
    pub fn of(op: ConstOp) -> ConstExpr {
        ConstExpr(Ops::One(op))
    }

    /// Several operators, in postfix order.
    fn of_many(ops: Vec<ConstOp>) -> ConstExpr {
        ConstExpr(Ops::Many(ops.into()))
    }

    /// The operators, in postfix order.
    pub fn ops(&self) -> &[ConstOp] {
        match &self.0 {
            Ops::One(op) => std::slice::from_ref(op),
            Ops::Many(ops) => ops,
        }
    }
}

/// An operator of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstOp {
    I32(i32),
    I64(i64),
    /// Bits.
    F32(u32),
    /// Bits.
    F64(u64),
    V128([u8; 16]),
    RefNull(ValType),
    RefFunc(FuncIndex),
    GlobalGet(GlobalIndex),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// A data segment; its bytes are a range of the module's.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// Memory and offset of an active segment.
    pub active: Option<(MemoryIndex, ConstExpr)>,
    pub bytes: Range<u32>,
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    pub mode: ElementMode,
    pub ty: ValType,
    pub items: ElementItems,
}

/// When an element segment is used.
#[derive(Clone, Debug)]
pub enum ElementMode {
    Active(TableIndex, ConstExpr),
    Passive,
    Declared,
}

/// Contents of an element segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    Functions(Box<[FuncIndex]>),
    Expressions(Box<[ConstExpr]>),
}

impl ElementItems {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Expressions(items) => items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A custom section.
#[derive(Clone, Debug)]
pub struct CustomSection {
    pub name: Box<str>,
    /// Contents, as a range of the module's bytes.
    pub bytes: Range<u32>,
}

macro_rules! features {
    ($( $(#[$doc:meta])* $name:ident = $bit:literal, $text:literal, $flag:ident; )*) => {
        /// A set of WebAssembly features. The bits are part of the C interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct Features(pub u64);

        impl Features {
            $( $(#[$doc])* pub const $name: Features = Features(1 << $bit); )*
            /// Every feature that the engine implements.
            pub const ALL: Features = Features(0 $( | 1 << $bit )*);
            /// Each feature with its name and its flag in wasmparser.
            pub const LIST: &'static [(Features, &'static str, wasmparser::WasmFeatures)] =
                &[$( (Features::$name, $text, wasmparser::WasmFeatures::$flag), )*];
        }
    };
}
features! {
    /// Mutable globals may be imported and exported.
    MUTABLE_GLOBAL = 0, "mutable-global", MUTABLE_GLOBAL;
    /// Float to integer conversions that saturate.
    SATURATING_FLOAT_TO_INT = 1, "saturating-float-to-int", SATURATING_FLOAT_TO_INT;
    /// Sign extension operators.
    SIGN_EXTENSION = 2, "sign-extension", SIGN_EXTENSION;
    /// References and several tables.
    REFERENCE_TYPES = 3, "reference-types", REFERENCE_TYPES;
    /// Several results, and blocks with parameters.
    MULTI_VALUE = 4, "multi-value", MULTI_VALUE;
    /// Bulk operators on memories and tables.
    BULK_MEMORY = 5, "bulk-memory", BULK_MEMORY;
    /// 128-bit vectors.
    SIMD = 6, "simd", SIMD;
    /// Vector operators with a choice of results.
    RELAXED_SIMD = 7, "relaxed-simd", RELAXED_SIMD;
    /// Shared memories and atomic operators.
    THREADS = 8, "threads", THREADS;
    /// Tail calls.
    TAIL_CALL = 9, "tail-call", TAIL_CALL;
    /// Several memories.
    MULTI_MEMORY = 10, "multi-memory", MULTI_MEMORY;
    /// 64-bit memories and tables.
    MEMORY64 = 11, "memory64", MEMORY64;
    /// Arithmetic in constant expressions.
    EXTENDED_CONST = 12, "extended-const", EXTENDED_CONST;
    /// 128-bit addition, subtraction and multiplication.
    WIDE_ARITHMETIC = 13, "wide-arithmetic", WIDE_ARITHMETIC;
}

impl Features {
    /// Whether all of `other` are in the set.
    pub fn contains(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// The features for wasmparser. Floats and `externref` have flags there and are always on.
    pub(crate) fn flags(self) -> wasmparser::WasmFeatures {
        let on = Features::LIST.iter().filter(|(feature, ..)| self.contains(*feature));
        on.fold(wasmparser::WasmFeatures::MVP, |flags, (.., flag)| flags | *flag)
    }
}

impl std::ops::BitOr for Features {
    type Output = Features;
    fn bitor(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }
}

impl Module {
    /// The wasm bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The wasm bytes, of which a part may be looked at alone.
    pub fn wire(&self) -> &WireBytes {
        &self.bytes
    }

    /// Function types, by type index.
    pub fn types(&self) -> &[FuncType] {
        &self.types
    }

    /// Imports, in order.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Exports, in order.
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// Type index of every function, imports first.
    pub fn functions(&self) -> &[TypeIndex] {
        &self.functions
    }

    /// Type of every table, imports first.
    pub fn tables(&self) -> &[TableType] {
        &self.tables
    }

    /// Type of every memory, imports first.
    pub fn memories(&self) -> &[MemoryType] {
        &self.memories
    }

    /// Type of every global, imports first.
    pub fn globals(&self) -> &[GlobalType] {
        &self.globals
    }

    /// How many of each kind are imported.
    pub fn import_counts(&self) -> ImportCounts {
        self.import_counts
    }

    /// Number of functions that the module defines.
    pub fn defined_func_count(&self) -> usize {
        self.functions.len() - self.import_counts.functions
    }

    /// The index among all functions of a defined one.
    pub fn func_index(&self, func: DefinedFunc) -> FuncIndex {
        FuncIndex(func.0 + self.import_counts.functions as u32)
    }

    /// The index among the defined functions, unless the function is imported.
    pub fn defined_func(&self, func: FuncIndex) -> Option<DefinedFunc> {
        func.0.checked_sub(self.import_counts.functions as u32).map(DefinedFunc)
    }

    /// The type of a function.
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.functions[func.index()].index()]
    }

    /// Bytes of all function bodies, and of what lies between them. (Once the first of them was read.)
    pub fn code_bytes(&self) -> usize {
        self.bodies.bytes().len()
    }

    /// Where the first body begins.
    pub(crate) fn code_start(&self) -> usize {
        self.bodies.bytes().start
    }

    /// The body of a defined function, as a range of the module's bytes. Its bytes are valid: whoever cannot know that
    /// asks [`Module::is_valid`] first.
    pub fn body(&self, func: DefinedFunc) -> Range<usize> {
        assert!(self.is_valid(func), "a body that nobody has validated");
        self.body_range(func)
    }

    /// Where the body of a defined function is, valid or not.
    pub fn body_range(&self, func: DefinedFunc) -> Range<usize> {
        self.bodies.get(func.index())
    }

    /// Functions, imported ones not counted, that can be called through a reference; sorted.
    pub fn escaping(&self) -> &[FuncIndex] {
        self.escaping.list()
    }

    /// Number of [`Module::escaping`] functions.
    pub fn escaping_count(&self) -> usize {
        self.escaping.list().len()
    }

    /// Position among the escaping functions.
    pub fn escaping_position(&self, func: FuncIndex) -> Option<u32> {
        self.escaping.position(func)
    }

    /// The tables whose elements never change.
    pub(crate) fn fixed_tables(&self) -> &fixed::FixedTables {
        get_or_make(&self.fixed_tables, || fixed::FixedTables::new(self))
    }

    /// Whether all of it was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.late.get().is_some()
    }

    fn late(&self) -> &Late {
        self.late.get().expect("nobody asks a module that is not whole")
    }

    /// Data segments. `None`: the bytes that they are in were changed after the module was made from an artifact.
    pub fn data(&self) -> Option<&[DataSegment]> {
        self.late().data.get(&self.bytes, &self.memories)
    }

    /// Data segments one by one, without a table of them, if they are of the usual form; and where they go, if that is known.
    pub(crate) fn plain_data(&self) -> Option<(PlainSegments<'_>, Option<&Extent>)> {
        let data = &self.late().data;
        Some((data.plain(&self.bytes)?, data.extent()))
    }

    /// What bodies do to tables.
    pub(crate) fn table_writes(&self) -> fixed::TableWrites {
        self.late().table_writes
    }

    /// The features that the module uses (those that its bytes need, not those that were allowed). Of bodies that are
    /// validated later, those that were found to be valid.
    pub fn features(&self) -> Features {
        self.late().features | self.deferred_features()
    }

    /// The numbers of the indirect calls. None if the bodies are validated later.
    pub fn indirect_sites(&self) -> &IndirectSites {
        &self.indirect_sites
    }

    /// Custom sections, in order.
    pub fn custom_sections(&self) -> &[CustomSection] {
        &self.late().custom_sections
    }

    /// The name section.
    pub fn names(&self) -> &names::Names {
        &self.late().names
    }

    /// The type of what an export names.
    pub fn export_type(&self, item: ExportItem) -> ExternType {
        match item {
            ExportItem::Func(index) => ExternType::Func(self.func_type(index).clone()),
            ExportItem::Table(index) => ExternType::Table(self.tables[index.index()]),
            ExportItem::Memory(index) => ExternType::Memory(self.memories[index.index()]),
            ExportItem::Global(index) => ExternType::Global(self.globals[index.index()]),
        }
    }
}

#[cfg(test)]
mod tests;
