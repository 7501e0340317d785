//! One operator, whatever it is and wherever it stands.
//!
//! This is the whole of validation, written to be read. `fast.rs` does the same for what is usual.

use super::BodyFlags;
use super::env::{self, F32, F64, I32, I64};
use super::leb::{self, Window};
use super::tables;
use super::walk::{Kind, Local, Walk};
use crate::module::{Features, Module};

/// A local's bit in a set of 64.
#[inline(always)]
pub(super) fn bit(local: u32) -> u64 {
    if local < u64::BITS { 1 << local } else { 0 }
}

impl Walk {
    /// Takes the operator at the start of the bytes, of which the window are the first. The result is the word, and
    /// the length of the operator. After the last `end` of a function no block is open.
    #[inline(never)]
    pub(super) fn step(&mut self, module: &Module, bytes: &[u8], window: &Window, word: u64) -> Option<(u64, usize)> {
        let opcode = window[0];
        let rest = &bytes[1..];
        let (word, len) = match opcode {
            // unreachable
            0x00 => {
                self.unreachable();
                (0, 0)
            }
            // nop
            0x01 => (word, 0),
            0x02 => self.open(module, Kind::Block, rest, word)?,
            0x03 => self.open(module, Kind::Loop, rest, word)?,
            0x04 => self.open(module, Kind::If, rest, word)?,
            0x05 => (self.begin_else(module, word)?, 0),
            0x0b => (self.close(module, word)?, 0),
            // br
            0x0c => {
                let (depth, len) = leb::u32_long(rest)?;
                self.br(module, word, depth)?;
                (0, len)
            }
            // br_if
            0x0d => {
                let (depth, len) = leb::u32_long(rest)?;
                (self.br_if(module, word, depth)?, len)
            }
            // br_table
            0x0e => {
                let word = self.pop(word, I32)?;
                let len = self.br_table(module, rest, word)?;
                self.unreachable();
                (0, len)
            }
            // return
            0x0f => {
                self.br(module, word, self.depth as u32 - 1)?;
                (0, 0)
            }
            0x10..=0x13 => self.call(module, opcode, rest, word)?,
            // drop
            0x1a => (self.pop_any(word)?.0, 0),
            // select without a type
            0x1b => (self.select(word)?, 0),
            0x20..=0x22 => self.local(opcode, rest, word)?,
            0x23 | 0x24 => self.global(module, opcode, rest, word)?,
            0x28..=0x3e => self.access(module, rest, word, &tables::ACCESSES[opcode as usize & 0x3f])?,
            // memory.size
            0x3f => {
                let (address, len) = self.size_argument(module, rest)?;
                (self.push(word, address), len)
            }
            // memory.grow
            0x40 => {
                let (address, len) = self.size_argument(module, rest)?;
                self.calls();
                self.flag(BodyFlags::MEMORY_GROW);
                let word = self.pop(word, address)?;
                (self.push(word, address), len)
            }
            0x41 => (self.push(word, I32), leb::i32_len(window)?),
            0x42 => (self.push(word, I64), leb::i64_len(window)?),
            0x43 => (self.push(word, F32), 4),
            0x44 => (self.push(word, F64), 8),
            0x45..=0xbf => (self.apply(word, &tables::NUMERIC[opcode as usize])?, 0),
            0xc0..=0xc4 => {
                self.needs(module, Features::SIGN_EXTENSION)?;
                (self.apply(word, &tables::NUMERIC[opcode as usize])?, 0)
            }
            // typed select, table.get, table.set, ref.null, ref.is_null, ref.func
            0x1c | 0x25 | 0x26 | 0xd0..=0xd2 => self.reference(module, opcode, rest, word)?,
            0xfc => self.miscellaneous(module, rest, word)?,
            0xfd => self.vector(module, rest, word)?,
            0xfe => self.atomic(module, rest, word)?,
            _ => return None,
        };
        Some((word, 1 + len))
    }

    /// `local.get`, `local.set` and `local.tee`, from the index on.
    fn local(&mut self, opcode: u8, bytes: &[u8], word: u64) -> Option<(u64, usize)> {
        const GET: u8 = 0x20;
        const SET: u8 = 0x21;
        let (index, len) = leb::u32_long(bytes)?;
        let ty = self.local_type(index)?;
        if let Some(Local(local)) = self.locals.get_mut(index as usize) {
            *local += self.unit;
        }
        self.current.touched |= bit(index);
        if opcode == GET {
            return Some((self.push(word, ty), len));
        }
        self.current.written |= bit(index);
        let word = self.pop(word, ty)?;
        Some((if opcode == SET { word } else { self.push(word, ty) }, len))
    }

    /// `global.get` and `global.set`, from the index on.
    fn global(&mut self, module: &Module, opcode: u8, bytes: &[u8], word: u64) -> Option<(u64, usize)> {
        const GET: u8 = 0x23;
        let (index, len) = leb::u32_long(bytes)?;
        let global = module.globals.get(index as usize)?;
        let ty = env::code(global.content);
        if opcode == GET {
            if ty == env::V128 {
                self.flag(BodyFlags::SIMD);
            }
            return Some((self.push(word, ty), len));
        }
        global.mutable.then_some((self.pop(word, ty)?, len))
    }
}
