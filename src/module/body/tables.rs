//! What the operators without side effects on control do to the operands, as tables.

use super::env::{BITS, Code, F32, F64, I32, I64, V128};

/// Operands of known types become results of known types.
#[derive(Clone, Copy)]
pub(super) struct Effect {
    /// Types of the operands, the top in the lowest bits.
    pub(super) operands: u16,
    /// All bits of as many types.
    pub(super) mask: u16,
    /// Types of the results.
    pub(super) results: u8,
    pub(super) operand_bits: u8,
    pub(super) result_bits: u8,
}

const fn effect(operands: &[Code], results: &[Code]) -> Effect {
    let operand_bits = operands.len() as u32 * BITS;
    let (operands, results, result_bits) = (pack(operands), pack(results), results.len() as u32 * BITS);
    assert!(operand_bits <= 16 && result_bits <= 8);
    Effect {
        operands: operands as u16,
        mask: ((1u32 << operand_bits) - 1) as u16,
        results: results as u8,
        operand_bits: operand_bits as u8,
        result_bits: result_bits as u8,
    }
}

const fn pack(types: &[Code]) -> u64 {
    let (mut word, mut i) = (0, 0);
    while i < types.len() {
        word = word << BITS | types[i];
        i += 1;
    }
    word
}

/// The numeric operators of one byte, 0x45 to 0xc4. What no operator has stays without operands, and is not used.
pub(super) static NUMERIC: [Effect; 256] = {
    let mut table = [effect(&[], &[]); 256];
    let mut opcode = 0x45;
    while opcode <= 0xc4 {
        table[opcode] = match opcode {
            0x45 => effect(&[I32], &[I32]),
            0x46..=0x4f => effect(&[I32, I32], &[I32]),
            0x50 => effect(&[I64], &[I32]),
            0x51..=0x5a => effect(&[I64, I64], &[I32]),
            0x5b..=0x60 => effect(&[F32, F32], &[I32]),
            0x61..=0x66 => effect(&[F64, F64], &[I32]),
            0x67..=0x69 => effect(&[I32], &[I32]),
            0x6a..=0x78 => effect(&[I32, I32], &[I32]),
            0x79..=0x7b => effect(&[I64], &[I64]),
            0x7c..=0x8a => effect(&[I64, I64], &[I64]),
            0x8b..=0x91 => effect(&[F32], &[F32]),
            0x92..=0x98 => effect(&[F32, F32], &[F32]),
            0x99..=0x9f => effect(&[F64], &[F64]),
            0xa0..=0xa6 => effect(&[F64, F64], &[F64]),
            0xa7 => effect(&[I64], &[I32]),
            0xa8 | 0xa9 => effect(&[F32], &[I32]),
            0xaa | 0xab => effect(&[F64], &[I32]),
            0xac | 0xad => effect(&[I32], &[I64]),
            0xae | 0xaf => effect(&[F32], &[I64]),
            0xb0 | 0xb1 => effect(&[F64], &[I64]),
            0xb2 | 0xb3 => effect(&[I32], &[F32]),
            0xb4 | 0xb5 => effect(&[I64], &[F32]),
            0xb6 => effect(&[F64], &[F32]),
            0xb7 | 0xb8 => effect(&[I32], &[F64]),
            0xb9 | 0xba => effect(&[I64], &[F64]),
            0xbb => effect(&[F32], &[F64]),
            0xbc => effect(&[F32], &[I32]),
            0xbd => effect(&[F64], &[I64]),
            0xbe => effect(&[I32], &[F32]),
            0xbf => effect(&[I64], &[F64]),
            0xc0 | 0xc1 => effect(&[I32], &[I32]),
            _ => effect(&[I64], &[I64]),
        };
        opcode += 1;
    }
    table
};

/// Whether the alignment of an access must be the natural one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alignment {
    AtMost,
    Exactly,
}

/// An access to memory: values above an address become results.
#[derive(Clone, Copy)]
pub(super) struct Access {
    /// Logarithm of the natural alignment.
    pub(super) natural: u8,
    pub(super) alignment: Alignment,
    /// Operands are what stands above the address.
    pub(super) effect: Effect,
}

const fn access(natural: u8, values: &[Code], results: &[Code]) -> Access {
    Access { natural, alignment: Alignment::AtMost, effect: effect(values, results) }
}

const fn atomic(natural: u8, values: &[Code], results: &[Code]) -> Access {
    Access { natural, alignment: Alignment::Exactly, effect: effect(values, results) }
}

/// The loads and stores of one byte, from 0x28 to 0x3e.
pub(super) static ACCESSES: [Access; 64] = {
    let mut table = [access(0, &[], &[]); 64];
    let mut opcode = 0x28;
    while opcode <= 0x3e {
        table[opcode] = match opcode {
            0x28 => access(2, &[], &[I32]),
            0x29 => access(3, &[], &[I64]),
            0x2a => access(2, &[], &[F32]),
            0x2b => access(3, &[], &[F64]),
            0x2c | 0x2d => access(0, &[], &[I32]),
            0x2e | 0x2f => access(1, &[], &[I32]),
            0x30 | 0x31 => access(0, &[], &[I64]),
            0x32 | 0x33 => access(1, &[], &[I64]),
            0x34 | 0x35 => access(2, &[], &[I64]),
            0x36 => access(2, &[I32], &[]),
            0x37 => access(3, &[I64], &[]),
            0x38 => access(2, &[F32], &[]),
            0x39 => access(3, &[F64], &[]),
            0x3a => access(0, &[I32], &[]),
            0x3b => access(1, &[I32], &[]),
            0x3c => access(0, &[I64], &[]),
            0x3d => access(1, &[I64], &[]),
            _ => access(2, &[I64], &[]),
        };
        opcode += 1;
    }
    table
};

/// A vector operator.
#[derive(Clone, Copy)]
pub(super) enum Vector {
    /// No operator has the number.
    None,
    Plain(Effect),
    Access(Access),
    /// An access with a lane, which must be below the number.
    LaneAccess(Access, u8),
    /// With a lane, which must be below the number.
    Lane(Effect, u8),
    /// 16 bytes follow.
    Const,
    /// 16 lanes follow.
    Shuffle,
}

/// Numbers of vector operators, relaxed ones included.
pub(super) const VECTORS: usize = 0x114;

/// The first relaxed one.
pub(super) const RELAXED: u32 = 0x100;

/// The operators behind 0xfd.
pub(super) static VECTOR: [Vector; VECTORS] = {
    let mut table = [Vector::None; VECTORS];
    let mut number = 0;
    while number < VECTORS {
        table[number] = vector(number);
        number += 1;
    }
    table
};

const fn vector(number: usize) -> Vector {
    use Vector::{Access, Const, Lane, LaneAccess, None, Plain, Shuffle};
    const UNARY: Vector = Plain(effect(&[V128], &[V128]));
    const BINARY: Vector = Plain(effect(&[V128, V128], &[V128]));
    const TERNARY: Vector = Plain(effect(&[V128, V128, V128], &[V128]));
    const TEST: Vector = Plain(effect(&[V128], &[I32]));
    const SHIFT: Vector = Plain(effect(&[V128, I32], &[V128]));
    match number {
        0x00 => Access(access(4, &[], &[V128])),
        0x01..=0x06 => Access(access(3, &[], &[V128])),
        0x07..=0x0a => Access(access(number as u8 - 0x07, &[], &[V128])),
        0x0b => Access(access(4, &[V128], &[])),
        0x0c => Const,
        0x0d => Shuffle,
        0x0e => BINARY,
        0x0f..=0x11 => Plain(effect(&[I32], &[V128])),
        0x12 => Plain(effect(&[I64], &[V128])),
        0x13 => Plain(effect(&[F32], &[V128])),
        0x14 => Plain(effect(&[F64], &[V128])),
        0x15 | 0x16 => Lane(effect(&[V128], &[I32]), 16),
        0x17 => Lane(effect(&[V128, I32], &[V128]), 16),
        0x18 | 0x19 => Lane(effect(&[V128], &[I32]), 8),
        0x1a => Lane(effect(&[V128, I32], &[V128]), 8),
        0x1b => Lane(effect(&[V128], &[I32]), 4),
        0x1c => Lane(effect(&[V128, I32], &[V128]), 4),
        0x1d => Lane(effect(&[V128], &[I64]), 2),
        0x1e => Lane(effect(&[V128, I64], &[V128]), 2),
        0x1f => Lane(effect(&[V128], &[F32]), 4),
        0x20 => Lane(effect(&[V128, F32], &[V128]), 4),
        0x21 => Lane(effect(&[V128], &[F64]), 2),
        0x22 => Lane(effect(&[V128, F64], &[V128]), 2),
        0x23..=0x4c => BINARY,
        0x4d => UNARY,
        0x4e..=0x51 => BINARY,
        0x52 => TERNARY,
        0x53 => TEST,
        0x54..=0x57 => LaneAccess(access(number as u8 - 0x54, &[V128], &[V128]), 16 >> (number - 0x54)),
        0x58..=0x5b => LaneAccess(access(number as u8 - 0x58, &[V128], &[]), 16 >> (number - 0x58)),
        0x5c => Access(access(2, &[], &[V128])),
        0x5d => Access(access(3, &[], &[V128])),
        0x5e..=0x62 | 0x67..=0x6a | 0x74 | 0x75 | 0x7a | 0x7c..=0x81 | 0x87..=0x8a | 0x94 => UNARY,
        0x63 | 0x64 | 0x83 | 0x84 | 0xa3 | 0xa4 | 0xc3 | 0xc4 => TEST,
        0x6b..=0x6d | 0x8b..=0x8d | 0xab..=0xad | 0xcb..=0xcd => SHIFT,
        0xa0 | 0xa1 | 0xa7..=0xaa | 0xc0 | 0xc1 | 0xc7..=0xca => UNARY,
        0xe0 | 0xe1 | 0xe3 | 0xec | 0xed | 0xef | 0xf8..=0xff => UNARY,
        0x65 | 0x66 | 0x6e..=0x73 | 0x76..=0x79 | 0x7b | 0x82 | 0x85 | 0x86 | 0x8e..=0x93 | 0x95..=0x99 => BINARY,
        0x9b..=0x9f | 0xae | 0xb1 | 0xb5..=0xba | 0xbc..=0xbf | 0xce | 0xd1 | 0xd5..=0xdf => BINARY,
        0xe4..=0xeb | 0xf0..=0xf7 => BINARY,
        0x100 => BINARY,
        0x101..=0x104 => UNARY,
        0x105..=0x10c => TERNARY,
        0x10d..=0x112 => BINARY,
        0x113 => TERNARY,
        // Gaps: 0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2..=0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2..=0xd4,
        // 0xe2 and 0xee.
        _ => None,
    }
}

/// The atomic access with a number behind 0xfe; `None` for the fence and for what no operator has.
pub(super) fn atomic_access(number: u32) -> Option<Access> {
    Some(match number {
        0x00 => atomic(2, &[I32], &[I32]),
        0x01 => atomic(2, &[I32, I64], &[I32]),
        0x02 => atomic(3, &[I64, I64], &[I32]),
        0x10..=0x16 => {
            let (natural, ty) = atomic_width(number - 0x10);
            atomic(natural, &[], &[ty])
        }
        0x17..=0x1d => {
            let (natural, ty) = atomic_width(number - 0x17);
            atomic(natural, &[ty], &[])
        }
        // add, sub, and, or, xor, xchg
        0x1e..=0x47 => {
            let (natural, ty) = atomic_width((number - 0x1e) % 7);
            atomic(natural, &[ty], &[ty])
        }
        0x48..=0x4e => {
            let (natural, ty) = atomic_width(number - 0x48);
            atomic(natural, &[ty, ty], &[ty])
        }
        _ => return None,
    })
}

/// Natural alignment and type of the seven widths that every atomic access has, in their order.
fn atomic_width(width: u32) -> (u8, Code) {
    [(2, I32), (3, I64), (0, I32), (1, I32), (0, I64), (1, I64), (2, I64)][width as usize]
}

/// The arithmetic behind 0xfc: saturating conversions and wide arithmetic.
pub(super) fn miscellaneous(number: u32) -> Option<Effect> {
    Some(match number {
        0x00 | 0x01 => effect(&[F32], &[I32]),
        0x02 | 0x03 => effect(&[F64], &[I32]),
        0x04 | 0x05 => effect(&[F32], &[I64]),
        0x06 | 0x07 => effect(&[F64], &[I64]),
        0x13 | 0x14 => effect(&[I64, I64, I64, I64], &[I64, I64]),
        0x15 | 0x16 => effect(&[I64, I64], &[I64, I64]),
        _ => return None,
    })
}

/// `v128.const`.
pub(super) const VECTOR_RESULT: Effect = effect(&[], &[V128]);
/// `i8x16.shuffle`.
pub(super) const SHUFFLE: Effect = effect(&[V128, V128], &[V128]);
