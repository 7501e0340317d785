//! What the analysis of bodies needs of a module, in the form in which it needs it.
//!
//! In: the sections of a decoded module. Out: packed signatures, and facts that the [`Module`] itself drops.

use super::BodyFlags;
use crate::module::{Features, Module};
use crate::types::{FuncIndex, FuncType, IndexType, MemoryType, TableType, ValType};

/// A type in four bits. 0 is no operand.
pub(super) type Code = u64;

pub(super) const I32: Code = 1;
pub(super) const I64: Code = 2;
pub(super) const F32: Code = 3;
pub(super) const F64: Code = 4;
pub(super) const V128: Code = 5;
pub(super) const FUNC: Code = 6;
pub(super) const EXTERN: Code = 7;
/// An operand of unreachable code: of any type.
pub(super) const BOTTOM: Code = 8;
/// What the operand of no block can be.
pub(super) const NEVER: u64 = u64::MAX;

/// Bits of a type in a packed list.
pub(super) const BITS: u32 = 4;

/// Longest list of types that is packed: with an operand below it there is still room in a word.
pub(super) const PACKED: usize = 15;

/// Facts about a module for the analysis of its bodies.
#[derive(Default)]
pub(crate) struct Environment {
    /// What the host allows.
    pub(super) allowed: Features,
    /// The module's types, by index.
    pub(super) signatures: Vec<Signature>,
    /// Imported functions of which a `ref.func` may be taken. Sorted.
    pub(super) declared_imports: Vec<FuncIndex>,
    /// Contents of the data count section.
    pub(super) data_count: Option<u32>,
    /// Type of the addresses of memory 0; without a memory a type that no operand has.
    pub(super) memory0: Code,
}

impl Environment {
    /// The environment of the bodies of a module, whose sections have all been read.
    pub(crate) fn new(
        module: &Module,
        allowed: Features,
        declared_imports: Vec<FuncIndex>,
        data_count: Option<u32>,
    ) -> Environment {
        Environment {
            allowed,
            signatures: module.types.iter().map(Signature::new).collect(),
            declared_imports,
            data_count,
            memory0: module.memories.first().map_or(NEVER, MemoryType::address),
        }
    }
}

/// A function type with packed lists, the last type in the lowest bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// [`NEVER`] if there are more than [`PACKED`].
    pub(super) params: u64,
    /// [`NEVER`] if there are more than [`PACKED`].
    pub(super) results: u64,
    /// 0 if the list is not packed.
    pub(super) param_count: u8,
    /// 0 if the list is not packed.
    pub(super) result_count: u8,
    /// What a call of such a function says about the body that makes it.
    pub(super) call: BodyFlags,
}

impl Signature {
    fn new(ty: &FuncType) -> Signature {
        let (params, param_count) = pack(ty.params());
        let (results, result_count) = pack(ty.results());
        let vectors = ty.params().iter().chain(ty.results()).any(|ty| *ty == ValType::V128);
        let call = BodyFlags(BodyFlags::CALLS.0 | if vectors { BodyFlags::SIMD.0 } else { 0 });
        Signature { params, results, param_count, result_count, call }
    }

    /// Nothing to at most one value.
    pub(super) fn block(result: Code) -> Signature {
        let result_count = (result != 0) as u8;
        Signature { params: 0, results: result, param_count: 0, result_count, call: BodyFlags::default() }
    }
}

fn pack(types: &[ValType]) -> (u64, u8) {
    if types.len() > PACKED {
        return (NEVER, 0);
    }
    (types.iter().fold(0, |word, ty| word << BITS | code(*ty)), types.len() as u8)
}

/// The lowest `count` types of a word, `count` at most [`PACKED`].
#[inline(always)]
pub(super) fn mask(count: u8) -> u64 {
    (1 << (BITS * count as u32)) - 1
}

/// How many operands a word holds.
#[inline(always)]
pub(super) fn count(word: u64) -> u32 {
    (u64::BITS - word.leading_zeros()).div_ceil(BITS)
}

#[inline(always)]
pub(super) fn code(ty: ValType) -> Code {
    match ty {
        ValType::I32 => I32,
        ValType::I64 => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
        ValType::V128 => V128,
        ValType::FuncRef => FUNC,
        ValType::ExternRef => EXTERN,
    }
}

/// The type of a local.
pub(super) fn val_type(code: Code) -> ValType {
    match code {
        I32 => ValType::I32,
        I64 => ValType::I64,
        F32 => ValType::F32,
        F64 => ValType::F64,
        V128 => ValType::V128,
        FUNC => ValType::FuncRef,
        EXTERN => ValType::ExternRef,
        _ => unreachable!("no type has the code {code}"),
    }
}

impl MemoryType {
    /// Type of the addresses.
    pub(super) fn address(&self) -> Code {
        index(self.index)
    }
}

impl TableType {
    /// Type of the indices.
    pub(super) fn key(&self) -> Code {
        index(self.index)
    }
}

fn index(ty: IndexType) -> Code {
    match ty {
        IndexType::I32 => I32,
        IndexType::I64 => I64,
    }
}
