//! Immediates of operators, and operators that are passed over because nothing reaches them.
//!
//! The body is valid: nothing is checked. A slice that is too short would be a bug, and panics.

use super::Emit;
use super::stack::Entry;
use crate::types::ValType;

/// What a block takes and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockType {
    Empty,
    Result(ValType),
    /// Index of a function type.
    Func(u32),
}

/// The immediates of an access to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemArg {
    pub(crate) memory: u32,
    pub(crate) offset: u64,
}

#[inline(always)]
pub(crate) fn u32_at(code: &[u8], at: &mut usize) -> u32 {
    let first = code[*at];
    *at += 1;
    if first < 0x80 { u32::from(first) } else { leb_rest(code, at, u64::from(first & 0x7f)) as u32 }
}

/// The bytes of a number behind the first, which goes on.
#[inline(never)]
fn leb_rest(code: &[u8], at: &mut usize, first: u64) -> u64 {
    let (mut value, mut shift) = (first, 7);
    loop {
        let byte = code[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// A signed number of any width.
#[inline(always)]
fn signed_at(code: &[u8], at: &mut usize) -> i64 {
    let first = code[*at];
    *at += 1;
    if first < 0x80 { i64::from((first << 1) as i8 >> 1) } else { signed_rest(code, at, first) }
}

#[inline(never)]
fn signed_rest(code: &[u8], at: &mut usize, first: u8) -> i64 {
    let start = *at;
    let value = leb_rest(code, at, u64::from(first & 0x7f));
    let bits = 7 * (*at - start + 1) as u32;
    if bits >= 64 { value as i64 } else { (value << (64 - bits)) as i64 >> (64 - bits) }
}

/// The type of a value; references may be written in two ways.
pub(crate) fn val_type_at(code: &[u8], at: &mut usize) -> ValType {
    let byte = code[*at];
    *at += 1;
    match byte {
        // `(ref null heap)` in full.
        0x63 => val_type_at(code, at),
        byte => val_type(byte),
    }
}

fn val_type(byte: u8) -> ValType {
    match byte {
        0x7f => ValType::I32,
        0x7e => ValType::I64,
        0x7d => ValType::F32,
        0x7c => ValType::F64,
        0x7b => ValType::V128,
        0x70 => ValType::FuncRef,
        0x6f => ValType::ExternRef,
        other => unreachable!("validated: {other:#x} is not a type"),
    }
}

impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn byte(&mut self) -> u8 {
        let byte = self.code[self.pc];
        self.pc += 1;
        byte
    }

    /// The next byte, which stays.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u8 {
        self.code[self.pc]
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> u32 {
        u32_at(self.code, &mut self.pc)
    }

    pub(crate) fn u64(&mut self) -> u64 {
        let first = self.byte();
        if first < 0x80 { u64::from(first) } else { leb_rest(self.code, &mut self.pc, u64::from(first & 0x7f)) }
    }

    #[inline(always)]
    pub(crate) fn signed(&mut self) -> i64 {
        signed_at(self.code, &mut self.pc)
    }

    pub(crate) fn bits32(&mut self) -> u32 {
        let bytes = &self.code[self.pc..self.pc + 4];
        self.pc += 4;
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }

    pub(crate) fn bits64(&mut self) -> u64 {
        let bytes = &self.code[self.pc..self.pc + 8];
        self.pc += 8;
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// The value of a constant v128.
    pub(crate) fn vector_const(&self, entry: Entry) -> u128 {
        let start = entry.bits as usize;
        u128::from_le_bytes(self.code[start..start + 16].try_into().expect("sixteen bytes"))
    }

    #[inline(always)]
    pub(crate) fn memarg(&mut self) -> MemArg {
        let align = self.u32();
        let memory = if align & 0x40 != 0 { self.u32() } else { 0 };
        MemArg { memory, offset: self.u64() }
    }

    #[inline(always)]
    pub(crate) fn block_type(&mut self) -> BlockType {
        match self.peek() {
            0x40 => {
                self.pc += 1;
                BlockType::Empty
            }
            0x63 | 0x6f | 0x70 | 0x7b..=0x7f => BlockType::Result(val_type_at(self.code, &mut self.pc)),
            _ => BlockType::Func(self.signed() as u32),
        }
    }

    /// Passes over operators that nothing reaches, up to the `else` or `end` of the innermost block that began
    /// where code was reached.
    pub(crate) fn skip_unreachable(&mut self) {
        let mut depth = 0u32;
        loop {
            match self.peek() {
                0x02 | 0x04 => depth += 1,
                0x03 => {
                    depth += 1;
                    self.loop_index += 1;
                }
                0x11 | 0x13 => self.indirect_index += 1,
                0x05 if depth == 0 => return,
                0x0b if depth == 0 => return,
                0x0b => depth -= 1,
                _ => {}
            }
            skip_operator(self.code, &mut self.pc);
        }
    }
}

/// Passes over the operator at `at`.
pub(in crate::tier) fn skip_operator(code: &[u8], at: &mut usize) {
    let opcode = code[*at];
    *at += 1;
    match opcode {
        0x02..=0x04 => skip_block_type(code, at),
        // br, br_if, call, return_call, locals, globals, tables, memory.size, memory.grow, ref.null, ref.func
        0x0c | 0x0d | 0x10 | 0x12 | 0x20..=0x26 | 0x3f | 0x40 | 0xd2 => {
            u32_at(code, at);
        }
        0xd0 => {
            signed_at(code, at);
        }
        0x11 | 0x13 => {
            u32_at(code, at);
            u32_at(code, at);
        }
        0x0e => {
            for _ in 0..=u32_at(code, at) {
                u32_at(code, at);
            }
        }
        0x1c => {
            for _ in 0..u32_at(code, at) {
                val_type_at(code, at);
            }
        }
        0x28..=0x3e => skip_memarg(code, at),
        0x41 | 0x42 => {
            signed_at(code, at);
        }
        0x43 => *at += 4,
        0x44 => *at += 8,
        0xfc => skip_misc(code, at),
        0xfd => skip_vector(code, at),
        0xfe => match u32_at(code, at) {
            3 => *at += 1,
            _ => skip_memarg(code, at),
        },
        _ => {}
    }
}

fn skip_block_type(code: &[u8], at: &mut usize) {
    match code[*at] {
        0x40 => *at += 1,
        0x63 | 0x6f | 0x70 | 0x7b..=0x7f => {
            val_type_at(code, at);
        }
        _ => {
            signed_at(code, at);
        }
    }
}

fn skip_memarg(code: &[u8], at: &mut usize) {
    if u32_at(code, at) & 0x40 != 0 {
        u32_at(code, at);
    }
    signed_at(code, at);
}

fn skip_misc(code: &[u8], at: &mut usize) {
    match u32_at(code, at) {
        // memory.init, memory.copy, table.init, table.copy
        8 | 10 | 12 | 14 => {
            u32_at(code, at);
            u32_at(code, at);
        }
        9 | 11 | 13 | 15..=17 => {
            u32_at(code, at);
        }
        _ => {}
    }
}

fn skip_vector(code: &[u8], at: &mut usize) {
    match u32_at(code, at) {
        0..=11 | 92 | 93 => skip_memarg(code, at),
        // v128.const, i8x16.shuffle
        12 | 13 => *at += 16,
        // Lanes.
        21..=34 => *at += 1,
        84..=91 => {
            skip_memarg(code, at);
            *at += 1;
        }
        _ => {}
    }
}
