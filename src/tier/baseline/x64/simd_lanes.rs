//! Operators that move whole lanes: constants, shuffles, splats, access to single lanes.

use super::asm::{Mem, Rm};
use super::regs::SCRATCH_VREG;
use super::simd::Sign;
use super::sse::{Sse, Xm};
use super::xmm::{lanes8, lanes16, lanes32, lanes64};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, VectorMoves as _, Width};
use crate::tier::baseline::regs::Vreg;
use crate::tier::baseline::stack::{Entry, Kind, width};
use crate::types::ValType;

/// The indices of a shuffle that leaves everything where it is.
const IDENTITY: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;

/// Indices of a shuffle that interleaves elements of this size, of the lower or the upper halves.
const fn interleave(size: usize, start: usize) -> u128 {
    let mut lanes = [0u8; 16];
    let mut i = 0;
    while i < 16 {
        let (element, byte) = (i / size, i % size);
        let source = start + element / 2 * size + byte;
        lanes[i] = (source + if element % 2 == 1 { 16 } else { 0 }) as u8;
        i += 1;
    }
    u128::from_le_bytes(lanes)
}

/// Shuffles of two vectors that are one instruction.
const INTERLEAVES: [(u128, Sse); 8] = [
    (interleave(1, 0), Sse::PUNPCKLBW),
    (interleave(1, 8), Sse::PUNPCKHBW),
    (interleave(2, 0), Sse::PUNPCKLWD),
    (interleave(2, 8), Sse::PUNPCKHWD),
    (interleave(4, 0), Sse::PUNPCKLDQ),
    (interleave(4, 8), Sse::PUNPCKHDQ),
    (interleave(8, 0), Sse::PUNPCKLQDQ),
    (interleave(8, 8), Sse::PUNPCKHQDQ),
];

/// The same indices with the operands in the other order.
const OTHER: u128 = lanes8(16);

/// A shuffle of elements of `size` bytes: indices of the elements, if whole elements are moved.
fn elements<const N: usize>(indices: u128) -> Option<[u8; N]> {
    let bytes = indices.to_le_bytes();
    let size = (16 / N) as u8;
    let mut out = [0; N];
    for (chunk, out) in bytes.chunks(16 / N).zip(&mut out) {
        let aligned = chunk[0].is_multiple_of(size);
        if !aligned || chunk.iter().zip(chunk[0]..).any(|(byte, expected)| *byte != expected) {
            return None;
        }
        *out = chunk[0] / size;
    }
    Some(out)
}

/// Four indices below four, as `pshufd` and its like take them.
fn packed(indices: &[u8]) -> u8 {
    indices.iter().rev().fold(0, |all, index| all << 2 | index & 3)
}

impl Emit<'_> {
    /// Handles the operator if it is one of this file.
    pub(super) fn simd_lane_operator(&mut self, number: u32) -> bool {
        use ValType::{F32, F64, I32, I64};
        match number {
            12 => {
                let start = self.pc;
                self.pc += 16;
                self.push_const(ValType::V128, start as u64);
            }
            13 => self.shuffle(),
            14 => self.swizzle(),
            15..=18 => self.splat_integer(number - 15),
            19 => self.splat_float(F32),
            20 => self.splat_float(F64),
            21 | 22 => {
                let lane = self.byte();
                self.extract_narrow(1, lane, if number == 21 { Sign::Signed } else { Sign::Unsigned });
            }
            24 | 25 => {
                let lane = self.byte();
                self.extract_narrow(2, lane, if number == 24 { Sign::Signed } else { Sign::Unsigned });
            }
            27 => self.extract_integer(I32, Width::W32),
            29 => self.extract_integer(I64, Width::W64),
            31 => self.extract_float(F32),
            33 => self.extract_float(F64),
            23 => self.replace_integer(Sse::PINSRB),
            26 => self.replace_integer(Sse::PINSRW),
            28 => self.replace_integer(Sse::PINSRD),
            30 => self.replace_integer(Sse::PINSRQ),
            32 => self.replace_f32(),
            34 => self.replace_f64(),
            _ => return false,
        }
        true
    }

    /// Indices from 16 on give 0: with 0x70 added, saturating, they have the bit that `pshufb` looks for.
    fn swizzle(&mut self) {
        let (a, indices) = self.pop_vectors();
        self.vc(Sse::PADDUSB, SCRATCH_VREG, indices, lanes8(0x70));
        self.vr(Sse::PSHUFB, a, a, SCRATCH_VREG);
        self.free_vreg(indices);
        self.push_vector(a);
    }
}

/// Shuffles.
impl Emit<'_> {
    fn shuffle(&mut self) {
        let bytes = self.code[self.pc..self.pc + 16].try_into().expect("sixteen bytes");
        self.pc += 16;
        let mut indices = u128::from_le_bytes(bytes);
        let b = self.pop();
        let a = self.pop();
        if a.kind == Kind::Local && b.kind == Kind::Local && a.bits == b.bits {
            indices &= lanes8(15);
        }
        if indices & OTHER == 0 {
            self.free_entry(b);
            self.shuffle_one(a, indices);
        } else if indices & OTHER == OTHER {
            self.free_entry(a);
            self.shuffle_one(b, indices & lanes8(15));
        } else if !self.shuffle_pair(a, b, indices) && !self.shuffle_pair(b, a, indices ^ OTHER) {
            self.shuffle_any(a, b, indices);
        }
    }

    /// All lanes come from one operand.
    fn shuffle_one(&mut self, a: Entry, indices: u128) {
        if indices == IDENTITY {
            // Not at home: it may be the second operand, whose home is another one's from now on.
            let a = self.to_temp_vreg(a);
            return self.push_vector(a);
        }
        let words = elements::<8>(indices);
        let pshuf = if let Some(doublewords) = elements::<4>(indices) {
            Some((Sse::PSHUFD, packed(&doublewords)))
        } else if let Some([low @ .., 4, 5, 6, 7]) = words
            && low.iter().all(|index| *index < 4)
        {
            Some((Sse::PSHUFLW, packed(&low)))
        } else if let Some([0, 1, 2, 3, high @ ..]) = words
            && high.iter().all(|index| *index >= 4)
        {
            Some((Sse::PSHUFHW, packed(&high)))
        } else {
            None
        };
        match pshuf {
            Some((row, imm)) => {
                let a = self.to_xm_packed(a);
                let dst = self.result_vreg(a);
                self.asm.x2i(row, dst, a, imm);
                self.push_vector(dst);
            }
            None => {
                let a = self.to_temp_vreg(a);
                self.vc(Sse::PSHUFB, a, a, indices);
                self.push_vector(a);
            }
        }
    }

    /// One instruction that takes both operands in this order, if there is one.
    fn shuffle_pair(&mut self, a: Entry, b: Entry, indices: u128) -> bool {
        let lanes = indices.to_le_bytes();
        let (row, first, second, imm) = if let Some(&(_, row)) = INTERLEAVES.iter().find(|(known, _)| *known == indices)
        {
            let target = self.vector_target();
            let dst = self.combine(row, a, b, super::xmm::Order::Fixed, target);
            self.vector_result(ValType::V128, dst, target);
            return true;
        } else if lanes.iter().zip(lanes[0]..).all(|(lane, expected)| *lane == expected) {
            // A window of both, of which the second is the upper one.
            (Sse::PALIGNR, b, a, lanes[0])
        } else if let Some(words) = elements::<8>(indices)
            && words.iter().zip(0..).all(|(word, i)| *word & 7 == i)
        {
            (Sse::PBLENDW, a, b, words.iter().rev().fold(0, |all, word| all << 1 | word >> 3))
        } else if let Some(words @ [0..4, 0..4, 4..8, 4..8]) = elements::<4>(indices) {
            (Sse::SHUFPS, a, b, packed(&words))
        } else {
            return false;
        };
        let second = self.to_xm_packed(second);
        let first = self.to_temp_vreg(first);
        self.v3i(row, first, first, second, imm);
        self.free_xm(second);
        self.push_vector(first);
        true
    }

    /// Each operand is shuffled with zeros where the other one's lanes go.
    fn shuffle_any(&mut self, a: Entry, b: Entry, indices: u128) {
        let (mut from_a, mut from_b) = ([0x80; 16], [0x80; 16]);
        for (i, lane) in indices.to_le_bytes().into_iter().enumerate() {
            if lane < 16 { from_a[i] = lane } else { from_b[i] = lane - 16 }
        }
        let b = self.to_vreg(b);
        let a = self.to_temp_vreg(a);
        self.vc(Sse::PSHUFB, SCRATCH_VREG, b, u128::from_le_bytes(from_b));
        self.vc(Sse::PSHUFB, a, a, u128::from_le_bytes(from_a));
        self.vr(Sse::POR, a, a, SCRATCH_VREG);
        self.free_vreg(b);
        self.push_vector(a);
    }
}

/// Single lanes.
impl Emit<'_> {
    /// `log` is that of the number of bytes in a lane.
    fn splat_integer(&mut self, log: u32) {
        let value = self.pop();
        if let Some(value) = value.as_const() {
            let all = match log {
                0 => lanes8(value as u8),
                1 => lanes16(value as u16),
                2 => lanes32(value as u32),
                _ => lanes64(value),
            };
            return self.push_vector_const(all);
        }
        let width = width(value.ty);
        let value = self.to_loc(value);
        let dst = self.alloc_vreg();
        match value {
            Rm::Reg(reg) => self.gpr_to_vreg(width, dst, reg),
            Rm::Mem(mem) => self.load_vreg(if log == 3 { ValType::F64 } else { ValType::F32 }, dst, mem),
        }
        self.free_loc(value);
        self.spread_lowest(log, dst);
        self.push_vector(dst);
    }

    /// Copies the lowest lane into all lanes.
    pub(super) fn spread_lowest(&mut self, log: u32, dst: Vreg) {
        match log {
            0 if self.options.cpu.avx2 => self.asm.x2(Sse::VPBROADCASTB, dst, Xm::Reg(dst)),
            1 if self.options.cpu.avx2 => self.asm.x2(Sse::VPBROADCASTW, dst, Xm::Reg(dst)),
            0 => {
                self.zero_vreg(SCRATCH_VREG);
                self.vr(Sse::PSHUFB, dst, dst, SCRATCH_VREG);
            }
            1 => {
                self.asm.x2i(Sse::PSHUFLW, dst, Xm::Reg(dst), 0);
                self.asm.x2i(Sse::PSHUFD, dst, Xm::Reg(dst), 0);
            }
            2 => self.asm.x2i(Sse::PSHUFD, dst, Xm::Reg(dst), 0),
            _ => self.vr(Sse::PUNPCKLQDQ, dst, dst, dst),
        }
    }

    /// Pushes a constant that the body does not contain.
    fn push_vector_const(&mut self, bits: u128) {
        let dst = self.alloc_vreg();
        match bits {
            0 => self.zero_vreg(dst),
            u128::MAX => self.ones_vreg(dst),
            _ => {
                let place = self.pool_wide(bits);
                self.asm.x2(Sse::MOVAPS, dst, place);
            }
        }
        self.push_vector(dst);
    }

    fn splat_float(&mut self, lane: ValType) {
        let value = self.pop();
        if let Some(bits) = value.as_const() {
            let all = if lane == ValType::F32 { lanes32(bits as u32) } else { lanes64(bits) };
            return self.push_vector_const(all);
        }
        if lane == ValType::F64 {
            let value = self.to_xm(value);
            let dst = self.result_vreg(value);
            self.asm.x2(Sse::MOVDDUP, dst, value);
            return self.push_vector(dst);
        }
        let dst = self.to_temp_vreg(value);
        self.v3i(Sse::SHUFPS, dst, dst, Xm::Reg(dst), 0);
        self.push_vector(dst);
    }

    /// A lane of one or two bytes.
    fn extract_narrow(&mut self, size: u8, lane: u8, sign: Sign) {
        let a = self.pop();
        let a = self.to_xm(a);
        let dst = self.alloc();
        let place = match a {
            Xm::Mem(mem) => Rm::Mem(lane_of(mem, lane, size)),
            other => {
                let a = self.in_register(other);
                self.asm.gxi_out(if size == 1 { Sse::PEXTRB } else { Sse::PEXTRW }, dst, a, lane);
                Rm::Reg(dst)
            }
        };
        match (place, size, sign) {
            (_, 1, Sign::Signed) => self.asm.movsx8(Width::W32, dst, place),
            (_, _, Sign::Signed) => self.asm.movsx16(Width::W32, dst, place),
            // Extended by the extraction.
            (Rm::Reg(_), ..) => {}
            (_, 1, _) => self.asm.movzx8(dst, place),
            _ => self.asm.movzx16(dst, place),
        }
        self.free_xm(a);
        self.push_gpr(ValType::I32, dst);
    }

    fn extract_integer(&mut self, ty: ValType, width: Width) {
        let lane = self.byte();
        let a = self.pop();
        let a = self.to_xm(a);
        let dst = self.alloc();
        match a {
            Xm::Mem(mem) => self.asm.load(width, dst, lane_of(mem, lane, 4 << width as u8)),
            other => {
                let a = self.in_register(other);
                match (width, lane) {
                    (_, 0) => self.vreg_to_gpr(width, dst, a),
                    (Width::W32, _) => self.asm.gxi_out(Sse::PEXTRD, dst, a, lane),
                    (Width::W64, _) => self.asm.gxi_out(Sse::PEXTRQ, dst, a, lane),
                }
            }
        }
        self.free_xm(a);
        self.push_gpr(ty, dst);
    }

    fn extract_float(&mut self, ty: ValType) {
        let lane = self.byte();
        let a = self.pop();
        let a = self.to_xm(a);
        let dst = self.result_vreg(a);
        match a {
            Xm::Mem(mem) => self.load_vreg(ty, dst, lane_of(mem, lane, if ty == ValType::F32 { 4 } else { 8 })),
            other => {
                // What is above the lowest lane of a float does not matter.
                let (doubleword, a) = (if ty == ValType::F32 { lane } else { 2 * lane }, other);
                if doubleword != 0 {
                    self.asm.x2i(Sse::PSHUFD, dst, a, packed(&[doubleword, doubleword + 1, 2, 3]));
                } else if a != Xm::Reg(dst) {
                    self.asm.x2(Sse::MOVAPS, dst, a);
                }
            }
        }
        self.push_vreg(ty, dst);
    }

    /// A constant of the pool in the scratch register; others are in one.
    fn in_register(&mut self, a: Xm) -> Vreg {
        match a {
            Xm::Reg(reg) => reg,
            other => {
                self.asm.x2(Sse::MOVUPS_LOAD, SCRATCH_VREG, other);
                SCRATCH_VREG
            }
        }
    }

    fn replace_integer(&mut self, row: Sse) {
        let lane = self.byte();
        let value = self.pop();
        let a = self.pop();
        let value = self.to_loc(value);
        let a = self.to_temp_vreg(a);
        self.asm.x2gi(row, a, a, value, lane);
        self.free_loc(value);
        self.push_vector(a);
    }

    fn replace_f32(&mut self) {
        let lane = self.byte();
        let value = self.pop();
        let a = self.pop();
        let value = self.to_xm(value);
        let a = self.to_temp_vreg(a);
        self.v3i(Sse::INSERTPS, a, a, value, lane << 4);
        self.free_xm(value);
        self.push_vector(a);
    }

    fn replace_f64(&mut self) {
        let lane = self.byte();
        let value = self.pop();
        let a = self.pop();
        let value = self.to_vreg(value);
        let a = self.to_temp_vreg(a);
        self.vr(if lane == 0 { Sse::MOVSD_MERGE } else { Sse::MOVLHPS }, a, a, value);
        self.free_vreg(value);
        self.push_vector(a);
    }
}

/// A lane of a vector in memory.
fn lane_of(mem: Mem, lane: u8, size: u8) -> Mem {
    Mem { disp: mem.disp + i32::from(lane) * i32::from(size), ..mem }
}
