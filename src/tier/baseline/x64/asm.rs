//! The buffer that code is written to, operands, labels and jumps: what the forms of instructions are made of.
//!
//! The buffer is kept longer than what is written by [`SLACK`], so that every part of an instruction is one store
//! of eight bytes, of which only the true length counts. `reserve` is called once per operator.

use super::pool::Pool;
use super::sse::Encoding;
use crate::tier::baseline::backend::{Assembler as _, Width};
use crate::tier::baseline::operand::Loc;
use crate::tier::baseline::regs::Gpr;

/// Bytes behind the cursor that one operator may fill without asking for more.
pub(crate) const SLACK: usize = 1024;

/// An operand in memory: `[base + index * 2^scale + disp]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mem {
    pub(crate) base: Gpr,
    /// Not rsp.
    pub(crate) index: Option<Gpr>,
    pub(crate) scale: u8,
    pub(crate) disp: i32,
}

impl Mem {
    #[inline(always)]
    pub(crate) fn base(base: Gpr, disp: i32) -> Mem {
        Mem { base, index: None, scale: 0, disp }
    }

    #[inline(always)]
    pub(super) fn indexed(base: Gpr, index: Gpr, scale: u8, disp: i32) -> Mem {
        debug_assert!(index != Gpr::RSP && scale < 4);
        Mem { base, index: Some(index), scale, disp }
    }

    /// So many bytes further on.
    #[inline(always)]
    pub(crate) fn plus(self, bytes: i32) -> Mem {
        Mem { disp: self.disp + bytes, ..self }
    }
}

/// What the ModRM byte can name: an operand that an instruction takes from a register or from memory.
pub(super) type Rm = Loc;

/// What precedes the ModRM byte: opcode, its map, its mandatory prefix, REX.W, and which operands are bytes.
///
///     bits 0-7 opcode | 8-9 map: none, 0F, 0F 38, 0F 3A | 16-23 prefix | 24 REX.W | 25 rm is a byte | 26 reg is a byte
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opcode(pub(crate) u32);

impl Opcode {
    pub(super) const fn one(opcode: u8) -> Opcode {
        Opcode(opcode as u32)
    }

    pub(super) const fn map_0f(opcode: u8) -> Opcode {
        Opcode(opcode as u32 | 1 << 8)
    }

    /// With a mandatory prefix: 66, F2 or F3.
    pub(super) const fn prefix(self, prefix: u8) -> Opcode {
        Opcode(self.0 | (prefix as u32) << 16)
    }

    pub(super) const fn width(self, width: Width) -> Opcode {
        Opcode(self.0 | (width as u32) << 24)
    }

    /// The operand in the ModRM field `rm` is a byte.
    pub(super) const fn byte_rm(self) -> Opcode {
        Opcode(self.0 | 1 << 25)
    }

    /// The operand in the ModRM field `reg` is a byte.
    pub(super) const fn byte_reg(self) -> Opcode {
        Opcode(self.0 | 1 << 26)
    }
}

/// Two-operand arithmetic, by the number in its opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alu {
    Add = 0,
    Or = 1,
    Adc = 2,
    Sbb = 3,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts and rotates, by the number in their opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// One-operand arithmetic, by the number in its opcode. The last four use rdx:rax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Neg = 3,
    Mul = 4,
    Imul = 5,
    Div = 6,
    Idiv = 7,
}

/// Conditions of jumps, moves and `setcc`, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cond {
    Overflow = 0,
    NotOverflow = 1,
    Below = 2,
    AboveEqual = 3,
    Equal = 4,
    NotEqual = 5,
    BelowEqual = 6,
    Above = 7,
    Sign = 8,
    NotSign = 9,
    Parity = 10,
    NotParity = 11,
    Less = 12,
    GreaterEqual = 13,
    LessEqual = 14,
    Greater = 15,
}

impl Cond {
    /// The condition that holds when this one does not.
    pub(super) fn not(self) -> Cond {
        use Cond::*;
        match self {
            Overflow => NotOverflow,
            NotOverflow => Overflow,
            Below => AboveEqual,
            AboveEqual => Below,
            Equal => NotEqual,
            NotEqual => Equal,
            BelowEqual => Above,
            Above => BelowEqual,
            Sign => NotSign,
            NotSign => Sign,
            Parity => NotParity,
            NotParity => Parity,
            Less => GreaterEqual,
            GreaterEqual => Less,
            LessEqual => Greater,
            Greater => LessEqual,
        }
    }

    /// The condition that holds when the operands of the comparison change places.
    pub(super) fn swapped(self) -> Cond {
        use Cond::*;
        match self {
            Below => Above,
            Above => Below,
            BelowEqual => AboveEqual,
            AboveEqual => BelowEqual,
            Less => Greater,
            Greater => Less,
            LessEqual => GreaterEqual,
            GreaterEqual => LessEqual,
            other => other,
        }
    }
}

/// Forward jumps to one place. Their fields form a list: each holds the position of the one before, 0 ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Label(u32);

impl Label {
    /// Whether something jumps there.
    pub(crate) fn is_used(self) -> bool {
        self.0 != 0
    }
}

/// A short forward jump within one operator: where its field is.
#[derive(Debug)]
#[must_use]
pub(crate) struct ShortJump(pub(super) usize);

/// The buffer. `pos` is the number of bytes that count.
#[derive(Debug, Default)]
pub(crate) struct Asm {
    pub(super) buf: Vec<u8>,
    pub(super) pos: usize,
    /// How instructions on vector registers are encoded.
    pub(super) encoding: Encoding,
    /// Constants, which are placed behind the code.
    pub(super) pool: Pool,
}

impl Asm {
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self, len: usize) {
        let wanted = (self.buf.len() * 2).max(self.pos + len + 16).max(64 << 10);
        self.buf.resize(wanted, 0);
    }

    /// Writes the lowest `len` bytes of `bits`.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, len: u32) {
        debug_assert!(len <= 8);
        *self.buf[self.pos..].first_chunk_mut().expect("reserved") = bits.to_le_bytes();
        self.pos += len as usize;
    }

    #[inline(always)]
    pub(super) fn put_u8(&mut self, byte: u8) {
        self.buf[self.pos] = byte;
        self.pos += 1;
    }

    #[inline(always)]
    pub(super) fn put_u32(&mut self, bits: u32) {
        *self.buf[self.pos..].first_chunk_mut().expect("reserved") = bits.to_le_bytes();
        self.pos += 4;
    }

    /// The 32-bit field at `offset`.
    pub(super) fn field(&self, offset: u32) -> u32 {
        u32::from_le_bytes(*self.buf[offset as usize..].first_chunk().expect("it was written"))
    }

    /// Overwrites the 32-bit field at `offset`.
    pub(super) fn set_field(&mut self, offset: u32, value: u32) {
        *self.buf[offset as usize..].first_chunk_mut().expect("it was written") = value.to_le_bytes();
    }
}

/// Forms with a ModRM byte.
impl Asm {
    /// Both operands are registers.
    #[inline(always)]
    pub(super) fn op_rr(&mut self, op: Opcode, reg: u8, rm: u8) {
        let (mut bits, mut len) = head(op, reg, 0, rm);
        bits |= u64::from(0xc0 | (reg & 7) << 3 | rm & 7) << len;
        len += 8;
        self.put(bits, len / 8);
    }

    /// The operand `rm` is in memory.
    #[inline(always)]
    pub(super) fn op_rm(&mut self, op: Opcode, reg: u8, mem: Mem) {
        let index = mem.index.map_or(0, |index| index.0);
        let (mut bits, mut len) = head(op & !Opcode::BYTE_RM, reg, index, mem.base.0);
        let (tail, tail_len) = modrm_mem(reg, mem);
        bits |= u64::from(tail) << len;
        len += tail_len;
        self.put(bits, len / 8);
        self.put_disp(mem);
    }

    /// Writes `len` bytes of prefixes and opcode, then an operand in memory.
    #[inline(always)]
    pub(super) fn put_mem(&mut self, bits: u64, len: u32, reg: u8, mem: Mem) {
        self.put(bits, len);
        let (tail, tail_len) = modrm_mem(reg, mem);
        self.put(u64::from(tail), tail_len / 8);
        self.put_disp(mem);
    }

    /// Writes the displacement of an operand whose ModRM byte was written.
    #[inline(always)]
    pub(super) fn put_disp(&mut self, mem: Mem) {
        if mem.disp == 0 && mem.base.0 & 7 != 5 {
            return;
        }
        let len = if mem.disp as i8 as i32 == mem.disp { 1 } else { 4 };
        self.put(u64::from(mem.disp as u32), len);
    }

    #[inline(always)]
    pub(super) fn op_r_rm(&mut self, op: Opcode, reg: u8, rm: Rm) {
        match rm {
            Rm::Reg(rm) => self.op_rr(op, reg, rm.0),
            Rm::Mem(mem) => self.op_rm(op, reg, mem),
        }
    }
}

impl Opcode {
    const BYTE_RM: Opcode = Opcode(1 << 25);
}

impl std::ops::Not for Opcode {
    type Output = Opcode;
    #[inline(always)]
    fn not(self) -> Opcode {
        Opcode(!self.0)
    }
}

impl std::ops::BitAnd for Opcode {
    type Output = Opcode;
    #[inline(always)]
    fn bitand(self, other: Opcode) -> Opcode {
        Opcode(self.0 & other.0)
    }
}

/// Prefix, REX and opcode, and how many bits they take.
#[inline(always)]
fn head(op: Opcode, reg: u8, index: u8, rm: u8) -> (u64, u32) {
    let Opcode(op) = op;
    let (mut bits, mut len) = (0, 0);
    let prefix = u64::from(op >> 16 & 0xff);
    if prefix != 0 {
        bits = prefix;
        len = 8;
    }
    let rex = (op >> 24 & 1) << 3 | u32::from(reg >> 3) << 2 | u32::from(index >> 3) << 1 | u32::from(rm >> 3);
    // Without REX, bytes 4 to 7 would be ah to bh.
    let low_byte = op >> 25 & 1 != 0 && rm >= 4 || op >> 26 & 1 != 0 && reg >= 4;
    if rex != 0 || low_byte {
        bits |= u64::from(0x40 | rex) << len;
        len += 8;
    }
    match op >> 8 & 3 {
        0 => {}
        1 => {
            bits |= 0x0f << len;
            len += 8;
        }
        2 => {
            bits |= 0x380f << len;
            len += 16;
        }
        _ => {
            bits |= 0x3a0f << len;
            len += 16;
        }
    }
    bits |= u64::from(op & 0xff) << len;
    (bits, len + 8)
}

/// ModRM and SIB of an operand in memory, and how many bits they take.
#[inline(always)]
pub(super) fn modrm_mem(reg: u8, mem: Mem) -> (u32, u32) {
    let mode = match mem.disp {
        0 if mem.base.0 & 7 != 5 => 0,
        disp if disp as i8 as i32 == disp => 1,
        _ => 2,
    };
    let modrm = u32::from(mode << 6 | (reg & 7) << 3);
    match mem.index {
        None if mem.base.0 & 7 != 4 => (modrm | u32::from(mem.base.0 & 7), 8),
        None => (modrm | 4 | 0x24 << 8, 16),
        Some(index) => {
            let sib = u32::from(mem.scale << 6 | (index.0 & 7) << 3 | mem.base.0 & 7);
            (modrm | 4 | sib << 8, 16)
        }
    }
}

/// Jumps.
impl Asm {
    /// `jcc` to a place that is not known yet.
    pub(super) fn jcc(&mut self, cond: Cond, label: &mut Label) {
        self.put(0x800f | (cond as u64) << 8, 2);
        self.put_hole(label);
    }

    /// A field of a forward reference, relative to its end, at the cursor.
    pub(super) fn put_hole(&mut self, label: &mut Label) {
        let hole = self.offset();
        self.put_u32(label.0);
        label.0 = hole;
    }

    /// `jcc` to a place behind the cursor.
    pub(super) fn jcc_back(&mut self, cond: Cond, target: u32) {
        let distance = target as i32 - (self.offset() as i32 + 2);
        if let Ok(short) = i8::try_from(distance) {
            self.put(0x70 | cond as u64 | u64::from(short as u8) << 8, 2);
        } else {
            self.put(0x800f | (cond as u64) << 8, 2);
            self.put_u32((distance - 4) as u32);
        }
    }

    /// Lets all jumps of the label lead to `target`.
    pub(super) fn bind_to(&mut self, label: Label, target: u32) {
        let mut hole = label.0;
        while hole != 0 {
            let next = self.field(hole);
            self.set_field(hole, target.wrapping_sub(hole + 4));
            hole = next;
        }
    }

    /// `jcc` over less than 128 bytes, which follow.
    pub(super) fn jcc_short(&mut self, cond: Cond) -> ShortJump {
        self.put(0x70 | cond as u64, 2);
        ShortJump(self.pos)
    }

    /// `jmp` over less than 128 bytes, which follow.
    pub(super) fn jmp_short(&mut self) -> ShortJump {
        self.put(0xeb, 2);
        ShortJump(self.pos)
    }

    /// `call` of a place that is not known yet.
    pub(super) fn call(&mut self, label: &mut Label) {
        self.put_u8(0xe8);
        self.put_hole(label);
    }

    /// `jmp reg`.
    pub(super) fn jmp_reg(&mut self, reg: Gpr) {
        self.op_rr(Opcode::one(0xff), 4, reg.0);
    }

    /// `lea dst, [rip + field]` to a place that is not known yet.
    pub(super) fn lea_label(&mut self, dst: Gpr, label: &mut Label) {
        self.put(u64::from(0x48 | (dst.0 >> 3) << 2) | 0x8d << 8 | u64::from((dst.0 & 7) << 3 | 5) << 16, 3);
        self.put_hole(label);
    }

    /// `lea dst, [rsp + field]`; where the field is.
    pub(super) fn lea_rsp_field(&mut self, dst: Gpr) -> u32 {
        self.put(
            u64::from(0x48 | (dst.0 >> 3) << 2) | 0x8d << 8 | u64::from(0x84 | (dst.0 & 7) << 3) << 16 | 0x24 << 24,
            4,
        );
        self.put_u32(0);
        self.offset() - 4
    }

    /// `ud2`.
    pub(super) fn ud2(&mut self) {
        self.put(0x0b0f, 2);
    }
}
