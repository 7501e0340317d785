//! Operators behind a prefix byte, and the rarer ones of one byte that read more than a type or an index.
//!
//! Each function takes the bytes behind the opcode or prefix, and gives the word and how many of the bytes it read.

use super::BodyFlags;
use super::env::{self, Code, EXTERN, FUNC, I32};
use super::leb;
use super::tables::{self, Vector};
use super::walk::Walk;
use crate::module::{Features, Module};
use crate::types::{FuncIndex, TableType};

/// The word, and the bytes read.
type Step = (u64, usize);

/// An immediate that must be there.
fn index(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let (index, len) = leb::u32_long(bytes.get(*at..)?)?;
    *at += len;
    Some(index)
}

/// A value type at the start of the bytes, which needs a feature, with its length.
pub(super) fn value_type(bytes: &[u8]) -> Option<(Code, Features, usize)> {
    let reference = |ty| match ty {
        0x70 => Some(FUNC),
        0x6f => Some(EXTERN),
        _ => None,
    };
    let none = Features::default();
    Some(match *bytes.first()? {
        0x7f => (I32, none, 1),
        0x7e => (env::I64, none, 1),
        0x7d => (env::F32, none, 1),
        0x7c => (env::F64, none, 1),
        0x7b => (env::V128, Features::SIMD, 1),
        // The long form of a nullable reference.
        0x63 => (reference(*bytes.get(1)?)?, Features::REFERENCE_TYPES, 2),
        ty => (reference(ty)?, Features::REFERENCE_TYPES, 1),
    })
}

impl Walk {
    /// A value type, noted and allowed.
    pub(super) fn value_type(&mut self, module: &Module, bytes: &[u8]) -> Option<(Code, usize)> {
        let (ty, features, len) = value_type(bytes)?;
        self.needs(module, features)?;
        self.has_type(ty);
        Some((ty, len))
    }

    /// 0xfd: vectors.
    pub(super) fn vector(&mut self, module: &Module, bytes: &[u8], word: u64) -> Option<Step> {
        let (number, mut at) = leb::u32_long(bytes)?;
        let features = if number < tables::RELAXED { Features::SIMD } else { Features::RELAXED_SIMD };
        self.needs(module, features)?;
        self.flag(BodyFlags::SIMD);
        let word = match tables::VECTOR.get(number as usize)? {
            Vector::Plain(effect) => self.apply(word, effect)?,
            Vector::Access(access) => {
                let (word, len) = self.access(module, &bytes[at..], word, access)?;
                at += len;
                word
            }
            Vector::LaneAccess(access, lanes) => {
                let (word, len) = self.access(module, &bytes[at..], word, access)?;
                at += len;
                let lane = *bytes.get(at)?;
                at += 1;
                (lane < *lanes).then_some(word)?
            }
            Vector::Lane(effect, lanes) => {
                let lane = *bytes.get(at)?;
                at += 1;
                (lane < *lanes).then_some(())?;
                self.apply(word, effect)?
            }
            Vector::Const => {
                at += 16;
                self.apply(word, &tables::VECTOR_RESULT)?
            }
            Vector::Shuffle => {
                let lanes = bytes.get(at..at + 16)?;
                at += 16;
                lanes.iter().all(|lane| *lane < 32).then_some(())?;
                self.apply(word, &tables::SHUFFLE)?
            }
            Vector::None => return None,
        };
        Some((word, at))
    }

    /// 0xfe: atomics.
    pub(super) fn atomic(&mut self, module: &Module, bytes: &[u8], word: u64) -> Option<Step> {
        let (number, at) = leb::u32_long(bytes)?;
        self.needs(module, Features::THREADS)?;
        self.flag(BodyFlags::ATOMICS);
        // The fence.
        if number == 0x03 {
            return (*bytes.get(at)? == 0).then_some((word, at + 1));
        }
        if number < 0x03 {
            self.calls();
        }
        let access = tables::atomic_access(number)?;
        let (word, len) = self.access(module, &bytes[at..], word, &access)?;
        Some((word, at + len))
    }

    /// 0xfc: saturating conversions, bulk operators, wide arithmetic.
    pub(super) fn miscellaneous(&mut self, module: &Module, bytes: &[u8], word: u64) -> Option<Step> {
        let (number, mut at) = leb::u32_long(bytes)?;
        if let Some(effect) = tables::miscellaneous(number) {
            let saturating = number < 0x08;
            let features = if saturating { Features::SATURATING_FLOAT_TO_INT } else { Features::WIDE_ARITHMETIC };
            self.needs(module, features)?;
            return Some((self.apply(word, &effect)?, at));
        }
        let references = matches!(number, 0x0f..=0x11);
        self.needs(module, if references { Features::REFERENCE_TYPES } else { Features::BULK_MEMORY })?;
        if number >= 0x0c {
            self.flag(BodyFlags::REFS);
        }
        if number != 0x10 {
            self.calls();
        }
        // table.init, table.copy, table.grow, table.fill
        if matches!(number, 0x0c | 0x0e | 0x0f | 0x11) {
            self.flag(BodyFlags::TABLE_WRITES);
        }
        let word = match number {
            // memory.init
            0x08 => {
                let (segment, memory) = (index(bytes, &mut at)?, index(bytes, &mut at)?);
                data_segment(module, segment)?;
                let address = self.address(module, memory)?;
                self.pop_all(word, [address, I32, I32])?
            }
            // data.drop
            0x09 => {
                data_segment(module, index(bytes, &mut at)?)?;
                word
            }
            // memory.copy
            0x0a => {
                let (to, from) = (index(bytes, &mut at)?, index(bytes, &mut at)?);
                let (to, from) = (self.address(module, to)?, self.address(module, from)?);
                self.pop_all(word, [to, from, Walk::length_type(from, to)])?
            }
            // memory.fill
            0x0b => {
                let address = index(bytes, &mut at)?;
                let address = self.address(module, address)?;
                self.pop_all(word, [address, I32, address])?
            }
            // table.init
            0x0c => {
                let (segment, to) = (index(bytes, &mut at)?, index(bytes, &mut at)?);
                let (segment, to) = (module.elements.get(segment as usize)?, table(module, to)?);
                (segment.ty == to.element).then_some(())?;
                self.pop_all(word, [to.key(), I32, I32])?
            }
            // elem.drop
            0x0d => {
                module.elements.get(index(bytes, &mut at)? as usize)?;
                word
            }
            // table.copy
            0x0e => {
                let (to, from) = (index(bytes, &mut at)?, index(bytes, &mut at)?);
                let (to, from) = (table(module, to)?, table(module, from)?);
                (from.element == to.element).then_some(())?;
                self.pop_all(word, [to.key(), from.key(), Walk::length_type(from.key(), to.key())])?
            }
            // table.grow
            0x0f => {
                let table = table(module, index(bytes, &mut at)?)?;
                let word = self.pop_all(word, [env::code(table.element), table.key()])?;
                self.push(word, table.key())
            }
            // table.size
            0x10 => {
                let table = table(module, index(bytes, &mut at)?)?;
                self.push(word, table.key())
            }
            // table.fill
            0x11 => {
                let table = table(module, index(bytes, &mut at)?)?;
                self.pop_all(word, [table.key(), env::code(table.element), table.key()])?
            }
            _ => return None,
        };
        Some((word, at))
    }

    /// References and tables behind an opcode of one byte, and `select` with a type.
    pub(super) fn reference(&mut self, module: &Module, opcode: u8, bytes: &[u8], word: u64) -> Option<Step> {
        self.needs(module, Features::REFERENCE_TYPES)?;
        let mut at = 0;
        let word = match opcode {
            // select with a type
            0x1c => {
                (index(bytes, &mut at)? == 1).then_some(())?;
                let (ty, len) = self.value_type(module, &bytes[at..])?;
                at += len;
                let word = self.pop_all(word, [ty, ty, I32])?;
                return Some((self.push(word, ty), at));
            }
            // table.get
            0x25 => {
                let table = table(module, index(bytes, &mut at)?)?;
                let word = self.pop(word, table.key())?;
                self.calls();
                self.push(word, env::code(table.element))
            }
            // table.set
            0x26 => {
                self.flag(BodyFlags::TABLE_WRITES);
                let table = table(module, index(bytes, &mut at)?)?;
                self.calls();
                self.pop_all(word, [table.key(), env::code(table.element)])?
            }
            // ref.null
            0xd0 => {
                at = 1;
                let ty = match bytes[0] {
                    0x70 => FUNC,
                    0x6f => EXTERN,
                    _ => return None,
                };
                self.push(word, ty)
            }
            // ref.is_null
            0xd1 => {
                let (word, ty) = self.pop_any(word)?;
                matches!(ty, FUNC | EXTERN | env::BOTTOM).then_some(())?;
                self.push(word, I32)
            }
            // ref.func
            0xd2 => {
                declared(module, FuncIndex(index(bytes, &mut at)?))?;
                self.calls();
                self.push(word, FUNC)
            }
            _ => return None,
        };
        self.flag(BodyFlags::REFS);
        Some((word, at))
    }
}

fn table(module: &Module, index: u32) -> Option<&TableType> {
    module.tables.get(index as usize)
}

fn data_segment(module: &Module, segment: u32) -> Option<()> {
    module.environment.data_count.is_some_and(|count| segment < count).then_some(())
}

/// Whether a reference to a function may be made in a body.
fn declared(module: &Module, func: FuncIndex) -> Option<()> {
    match module.defined_func(func) {
        Some(_) => module.escaping.position(func).map(drop),
        None => module.environment.declared_imports.binary_search(&func).ok().map(drop),
    }
}
