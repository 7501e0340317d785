//! WebAssembly's types and index spaces.
//!
//! Plain data, imported by every stage. Indices are newtypes: a bare `u32` never names a thing.

use std::fmt;

macro_rules! index_types {
    ($( $(#[$doc:meta])* $name:ident ; )*) => {
        $( $(#[$doc])* #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
        impl $name {
            /// The index as a position in a slice.
            #[inline]
            pub fn index(self) -> usize { self.0 as usize }
        } )*
    };
}
index_types! {
    /// Index of a type in a module.
    TypeIndex;
    /// Index of a function; imports come first.
    FuncIndex;
    /// Index of a function among those that the module defines.
    DefinedFunc;
    /// Index of a table; imports come first.
    TableIndex;
    /// Index of a memory; imports come first.
    MemoryIndex;
    /// Index of a global; imports come first.
    GlobalIndex;
    /// Index of a global among those that the module defines.
    DefinedGlobal;
    /// Index of a data segment.
    DataIndex;
    /// Index of an element segment.
    ElemIndex;
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// Nullable reference to a function.
    FuncRef,
    /// Nullable reference to a host object.
    ExternRef,
}

impl ValType {
    /// Whether values of this type are references.
    pub fn is_ref(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }

    /// Whether values of this type are floats.
    pub fn is_float(self) -> bool {
        matches!(self, ValType::F32 | ValType::F64)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        })
    }
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    types: Box<[ValType]>,
    param_count: u32,
}

impl FuncType {
    /// A function type with these parameters and results.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let param_count = types.len() as u32;
        types.extend(results);
        FuncType { types: types.into(), param_count }
    }

    /// Types of the parameters.
    #[inline]
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.param_count as usize]
    }

    /// Types of the results.
    #[inline]
    pub fn results(&self) -> &[ValType] {
        &self.types[self.param_count as usize..]
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValType,
    /// Whether it can be written.
    pub mutable: bool,
}

/// The width of a memory's addresses or a table's indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// The type of a memory. Sizes are in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// Initial size in pages.
    pub min: u64,
    /// Largest size in pages, if bounded.
    pub max: Option<u64>,
    /// Width of addresses.
    pub index: IndexType,
    /// Whether threads share it.
    pub shared: bool,
}

/// The type of a table. Sizes are in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// Type of the elements, a reference.
    pub element: ValType,
    /// Initial size.
    pub min: u64,
    /// Largest size, if bounded.
    pub max: Option<u64>,
    /// Width of indices.
    pub index: IndexType,
}

/// Limits as the text format writes them.
fn fmt_limits(f: &mut fmt::Formatter<'_>, index: IndexType, min: u64, max: Option<u64>) -> fmt::Result {
    if index == IndexType::I64 {
        f.write_str("i64 ")?;
    }
    write!(f, "{min}")?;
    max.map_or(Ok(()), |max| write!(f, " {max}"))
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory ")?;
        fmt_limits(f, self.index, self.min, self.max)?;
        f.write_str(if self.shared { " shared" } else { "" })
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("table ")?;
        fmt_limits(f, self.index, self.min, self.max)?;
        write!(f, " {}", self.element)
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable { write!(f, "global (mut {})", self.content) } else { write!(f, "global {}", self.content) }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "function {ty}"),
            ExternType::Table(ty) => ty.fmt(f),
            ExternType::Memory(ty) => ty.fmt(f),
            ExternType::Global(ty) => ty.fmt(f),
        }
    }
}

/// What an import or export is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

/// A compiler level. A function's code only ever moves up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// The tier that compiles fast.
    Baseline = 1,
    /// The optimising tier.
    Top = 2,
}

/// Bytes in a page of linear memory.
pub const PAGE_SIZE: u64 = 65536;
