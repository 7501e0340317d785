//! Instructions on xmm registers, SSE2 to SSE4.2 and the AVX forms of the same.
//!
//! In: a row of the table below and register numbers. Out: bytes. One row serves both encodings: the
//! legacy one, where the first operand is also the destination, and VEX, where it is not.
//!
//! A program that mixes the two pays for it, so that [`Encoding`] is chosen once per compiler. Rows with
//! the mark `Vex` exist in that encoding only. The tests run through every row.
//!
//! Not here: which instructions an operator needs.

use super::asm::{Asm, Mem, Rm};
use super::pool::PoolIndex;
use crate::tier::baseline::backend::Assembler as _;
use crate::tier::baseline::regs::{Gpr, Vreg};

/// How instructions on xmm registers are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The encoding that every processor has.
    #[default]
    Legacy,
    /// AVX.
    Vex,
}

/// An instruction: bits 0-7 opcode, 8-9 prefix, 10-11 map, 12 W, 16-18 the extension of the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sse(u32);

/// Mandatory prefixes, by their number in VEX.
const NP: u32 = 0;
const P66: u32 = 1;
const PF3: u32 = 2;
const PF2: u32 = 3;

/// Opcode maps, by their number in VEX.
const M0F: u32 = 1;
const M38: u32 = 2;
const M3A: u32 = 3;

/// What an operand can be; the tests read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// xmm, xmm, xmm or this many bytes of memory.
    Xxm(u8),
    /// The same, with an immediate byte.
    XxmI(u8),
    /// xmm, xmm or this many bytes of memory.
    Xm(u8),
    /// The same, with an immediate byte.
    XmI(u8),
    /// xmm from memory only.
    Load(u8),
    /// Memory from xmm.
    Store(u8),
    /// xmm, xmm, xmm; no memory.
    Xxx,
    /// xmm, xmm, immediate byte; the reg field extends the opcode.
    ShiftImm(u8),
    /// xmm, xmm, 32-bit or 64-bit register or memory.
    Xxg(u8),
    /// xmm, xmm, 32-bit or 64-bit register or so many bytes of memory, immediate byte.
    XxgI(u8),
    /// xmm from a 32-bit or 64-bit register.
    Xg(u8),
    /// A 32-bit or 64-bit register from xmm or so many bytes of memory.
    Gxm(u8, u8),
    /// A 32-bit register from xmm.
    Gx,
    /// A 32-bit or 64-bit register from xmm, which stands in the reg field.
    GxStore(u8),
    /// A register or so many bytes of memory from xmm, immediate byte.
    GxStoreI(u8, u8),
}

/// Whether an instruction has a legacy encoding.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// In both encodings.
    Both,
    /// In VEX only.
    Vex,
}

macro_rules! rows {
    ($( $name:ident $prefix:ident $map:ident $opcode:literal $w:literal $age:ident $shape:expr; )*) => {
        impl Sse {
            $( pub(crate) const $name: Sse = Sse::new($prefix, $map, $opcode, $w, $shape); )*

            /// Every row, with its name.
            #[cfg(test)]
            pub(crate) const ALL: &'static [(&'static str, Sse, Age, Shape)] =
                &[$( (stringify!($name), Sse::$name, Age::$age, $shape), )*];
        }
    };
}

use Shape::*;
rows! {
    // Scalar floats.
    ADDSS PF3 M0F 0x58 0 Both Xxm(4);
    ADDSD PF2 M0F 0x58 0 Both Xxm(8);
    MULSS PF3 M0F 0x59 0 Both Xxm(4);
    MULSD PF2 M0F 0x59 0 Both Xxm(8);
    SUBSS PF3 M0F 0x5c 0 Both Xxm(4);
    SUBSD PF2 M0F 0x5c 0 Both Xxm(8);
    MINSS PF3 M0F 0x5d 0 Both Xxm(4);
    MINSD PF2 M0F 0x5d 0 Both Xxm(8);
    DIVSS PF3 M0F 0x5e 0 Both Xxm(4);
    DIVSD PF2 M0F 0x5e 0 Both Xxm(8);
    MAXSS PF3 M0F 0x5f 0 Both Xxm(4);
    MAXSD PF2 M0F 0x5f 0 Both Xxm(8);
    SQRTSS PF3 M0F 0x51 0 Both Xxm(4);
    SQRTSD PF2 M0F 0x51 0 Both Xxm(8);
    ROUNDSS P66 M3A 0x0a 0 Both XxmI(4);
    ROUNDSD P66 M3A 0x0b 0 Both XxmI(8);
    UCOMISS NP M0F 0x2e 0 Both Xm(4);
    UCOMISD P66 M0F 0x2e 0 Both Xm(8);
    CVTSS2SD PF3 M0F 0x5a 0 Both Xxm(4);
    CVTSD2SS PF2 M0F 0x5a 0 Both Xxm(8);
    CVTSI2SS PF3 M0F 0x2a 0 Both Xxg(4);
    CVTSI2SS_64 PF3 M0F 0x2a 1 Both Xxg(8);
    CVTSI2SD PF2 M0F 0x2a 0 Both Xxg(4);
    CVTSI2SD_64 PF2 M0F 0x2a 1 Both Xxg(8);
    CVTTSS2SI PF3 M0F 0x2c 0 Both Gxm(4, 4);
    CVTTSS2SI_64 PF3 M0F 0x2c 1 Both Gxm(8, 4);
    CVTTSD2SI PF2 M0F 0x2c 0 Both Gxm(4, 8);
    CVTTSD2SI_64 PF2 M0F 0x2c 1 Both Gxm(8, 8);

    // Moves.
    MOVAPS NP M0F 0x28 0 Both Xm(16);
    MOVUPS_LOAD NP M0F 0x10 0 Both Load(16);
    MOVUPS_STORE NP M0F 0x11 0 Both Store(16);
    MOVSS_LOAD PF3 M0F 0x10 0 Both Load(4);
    MOVSS_STORE PF3 M0F 0x11 0 Both Store(4);
    MOVSD_LOAD PF2 M0F 0x10 0 Both Load(8);
    MOVSD_STORE PF2 M0F 0x11 0 Both Store(8);
    MOVHPS_STORE NP M0F 0x17 0 Both Store(8);
    MOVD_IN P66 M0F 0x6e 0 Both Xg(4);
    MOVQ_IN P66 M0F 0x6e 1 Both Xg(8);
    MOVD_OUT P66 M0F 0x7e 0 Both GxStore(4);
    MOVQ_OUT P66 M0F 0x7e 1 Both GxStore(8);
    MOVMSKPS NP M0F 0x50 0 Both Gx;
    MOVMSKPD P66 M0F 0x50 0 Both Gx;
    PMOVMSKB P66 M0F 0xd7 0 Both Gx;
    MOVLHPS NP M0F 0x16 0 Both Xxx;
    MOVSD_MERGE PF2 M0F 0x10 0 Both Xxx;
    MOVDDUP PF2 M0F 0x12 0 Both Xm(8);
    VBROADCASTSS P66 M38 0x18 0 Vex Load(4);
    VPBROADCASTB P66 M38 0x78 0 Vex Xm(1);
    VPBROADCASTW P66 M38 0x79 0 Vex Xm(2);

    // Packed floats.
    ADDPS NP M0F 0x58 0 Both Xxm(16);
    ADDPD P66 M0F 0x58 0 Both Xxm(16);
    MULPS NP M0F 0x59 0 Both Xxm(16);
    MULPD P66 M0F 0x59 0 Both Xxm(16);
    SUBPS NP M0F 0x5c 0 Both Xxm(16);
    SUBPD P66 M0F 0x5c 0 Both Xxm(16);
    MINPS NP M0F 0x5d 0 Both Xxm(16);
    MINPD P66 M0F 0x5d 0 Both Xxm(16);
    DIVPS NP M0F 0x5e 0 Both Xxm(16);
    DIVPD P66 M0F 0x5e 0 Both Xxm(16);
    MAXPS NP M0F 0x5f 0 Both Xxm(16);
    MAXPD P66 M0F 0x5f 0 Both Xxm(16);
    SQRTPS NP M0F 0x51 0 Both Xm(16);
    SQRTPD P66 M0F 0x51 0 Both Xm(16);
    ROUNDPS P66 M3A 0x08 0 Both XmI(16);
    ROUNDPD P66 M3A 0x09 0 Both XmI(16);
    CMPPS NP M0F 0xc2 0 Both XxmI(16);
    CMPPD P66 M0F 0xc2 0 Both XxmI(16);
    ANDPS NP M0F 0x54 0 Both Xxm(16);
    ANDNPS NP M0F 0x55 0 Both Xxm(16);
    ORPS NP M0F 0x56 0 Both Xxm(16);
    XORPS NP M0F 0x57 0 Both Xxm(16);
    ANDPD P66 M0F 0x54 0 Both Xxm(16);
    ORPD P66 M0F 0x56 0 Both Xxm(16);
    XORPD P66 M0F 0x57 0 Both Xxm(16);
    UNPCKLPS NP M0F 0x14 0 Both Xxm(16);
    SHUFPS NP M0F 0xc6 0 Both XxmI(16);
    INSERTPS P66 M3A 0x21 0 Both XxmI(4);
    CVTDQ2PS NP M0F 0x5b 0 Both Xm(16);
    CVTDQ2PD PF3 M0F 0xe6 0 Both Xm(8);
    CVTTPS2DQ PF3 M0F 0x5b 0 Both Xm(16);
    CVTTPD2DQ P66 M0F 0xe6 0 Both Xm(16);
    CVTPD2PS P66 M0F 0x5a 0 Both Xm(16);
    CVTPS2PD NP M0F 0x5a 0 Both Xm(8);

    // Integers, lane by lane.
    PADDB P66 M0F 0xfc 0 Both Xxm(16);
    PADDW P66 M0F 0xfd 0 Both Xxm(16);
    PADDD P66 M0F 0xfe 0 Both Xxm(16);
    PADDQ P66 M0F 0xd4 0 Both Xxm(16);
    PSUBB P66 M0F 0xf8 0 Both Xxm(16);
    PSUBW P66 M0F 0xf9 0 Both Xxm(16);
    PSUBD P66 M0F 0xfa 0 Both Xxm(16);
    PSUBQ P66 M0F 0xfb 0 Both Xxm(16);
    PADDSB P66 M0F 0xec 0 Both Xxm(16);
    PADDSW P66 M0F 0xed 0 Both Xxm(16);
    PADDUSB P66 M0F 0xdc 0 Both Xxm(16);
    PADDUSW P66 M0F 0xdd 0 Both Xxm(16);
    PSUBSB P66 M0F 0xe8 0 Both Xxm(16);
    PSUBSW P66 M0F 0xe9 0 Both Xxm(16);
    PSUBUSB P66 M0F 0xd8 0 Both Xxm(16);
    PSUBUSW P66 M0F 0xd9 0 Both Xxm(16);
    PMINSB P66 M38 0x38 0 Both Xxm(16);
    PMINSW P66 M0F 0xea 0 Both Xxm(16);
    PMINSD P66 M38 0x39 0 Both Xxm(16);
    PMINUB P66 M0F 0xda 0 Both Xxm(16);
    PMINUW P66 M38 0x3a 0 Both Xxm(16);
    PMINUD P66 M38 0x3b 0 Both Xxm(16);
    PMAXSB P66 M38 0x3c 0 Both Xxm(16);
    PMAXSW P66 M0F 0xee 0 Both Xxm(16);
    PMAXSD P66 M38 0x3d 0 Both Xxm(16);
    PMAXUB P66 M0F 0xde 0 Both Xxm(16);
    PMAXUW P66 M38 0x3e 0 Both Xxm(16);
    PMAXUD P66 M38 0x3f 0 Both Xxm(16);
    PAVGB P66 M0F 0xe0 0 Both Xxm(16);
    PAVGW P66 M0F 0xe3 0 Both Xxm(16);
    PABSB P66 M38 0x1c 0 Both Xm(16);
    PABSW P66 M38 0x1d 0 Both Xm(16);
    PABSD P66 M38 0x1e 0 Both Xm(16);
    PMULLW P66 M0F 0xd5 0 Both Xxm(16);
    PMULLD P66 M38 0x40 0 Both Xxm(16);
    PMULHW P66 M0F 0xe5 0 Both Xxm(16);
    PMULHUW P66 M0F 0xe4 0 Both Xxm(16);
    PMULHRSW P66 M38 0x0b 0 Both Xxm(16);
    PMULUDQ P66 M0F 0xf4 0 Both Xxm(16);
    PMULDQ P66 M38 0x28 0 Both Xxm(16);
    PMADDWD P66 M0F 0xf5 0 Both Xxm(16);
    PMADDUBSW P66 M38 0x04 0 Both Xxm(16);
    PCMPEQB P66 M0F 0x74 0 Both Xxm(16);
    PCMPEQW P66 M0F 0x75 0 Both Xxm(16);
    PCMPEQD P66 M0F 0x76 0 Both Xxm(16);
    PCMPEQQ P66 M38 0x29 0 Both Xxm(16);
    PCMPGTB P66 M0F 0x64 0 Both Xxm(16);
    PCMPGTW P66 M0F 0x65 0 Both Xxm(16);
    PCMPGTD P66 M0F 0x66 0 Both Xxm(16);
    PCMPGTQ P66 M38 0x37 0 Both Xxm(16);
    PAND P66 M0F 0xdb 0 Both Xxm(16);
    PANDN P66 M0F 0xdf 0 Both Xxm(16);
    POR P66 M0F 0xeb 0 Both Xxm(16);
    PXOR P66 M0F 0xef 0 Both Xxm(16);
    PTEST P66 M38 0x17 0 Both Xm(16);

    // Shifts.
    PSLLW P66 M0F 0xf1 0 Both Xxm(16);
    PSLLD P66 M0F 0xf2 0 Both Xxm(16);
    PSLLQ P66 M0F 0xf3 0 Both Xxm(16);
    PSRLW P66 M0F 0xd1 0 Both Xxm(16);
    PSRLD P66 M0F 0xd2 0 Both Xxm(16);
    PSRLQ P66 M0F 0xd3 0 Both Xxm(16);
    PSRAW P66 M0F 0xe1 0 Both Xxm(16);
    PSRAD P66 M0F 0xe2 0 Both Xxm(16);
    PSLLW_IMM P66 M0F 0x71 0 Both ShiftImm(6);
    PSLLD_IMM P66 M0F 0x72 0 Both ShiftImm(6);
    PSLLQ_IMM P66 M0F 0x73 0 Both ShiftImm(6);
    PSRLW_IMM P66 M0F 0x71 0 Both ShiftImm(2);
    PSRLD_IMM P66 M0F 0x72 0 Both ShiftImm(2);
    PSRLQ_IMM P66 M0F 0x73 0 Both ShiftImm(2);
    PSRAW_IMM P66 M0F 0x71 0 Both ShiftImm(4);
    PSRAD_IMM P66 M0F 0x72 0 Both ShiftImm(4);

    // Lanes.
    PSHUFB P66 M38 0x00 0 Both Xxm(16);
    PSHUFD P66 M0F 0x70 0 Both XmI(16);
    PSHUFLW PF2 M0F 0x70 0 Both XmI(16);
    PSHUFHW PF3 M0F 0x70 0 Both XmI(16);
    PALIGNR P66 M3A 0x0f 0 Both XxmI(16);
    PBLENDW P66 M3A 0x0e 0 Both XxmI(16);
    PUNPCKLBW P66 M0F 0x60 0 Both Xxm(16);
    PUNPCKLWD P66 M0F 0x61 0 Both Xxm(16);
    PUNPCKLDQ P66 M0F 0x62 0 Both Xxm(16);
    PUNPCKLQDQ P66 M0F 0x6c 0 Both Xxm(16);
    PUNPCKHBW P66 M0F 0x68 0 Both Xxm(16);
    PUNPCKHWD P66 M0F 0x69 0 Both Xxm(16);
    PUNPCKHDQ P66 M0F 0x6a 0 Both Xxm(16);
    PUNPCKHQDQ P66 M0F 0x6d 0 Both Xxm(16);
    PACKSSWB P66 M0F 0x63 0 Both Xxm(16);
    PACKSSDW P66 M0F 0x6b 0 Both Xxm(16);
    PACKUSWB P66 M0F 0x67 0 Both Xxm(16);
    PACKUSDW P66 M38 0x2b 0 Both Xxm(16);
    PMOVSXBW P66 M38 0x20 0 Both Xm(8);
    PMOVSXWD P66 M38 0x23 0 Both Xm(8);
    PMOVSXDQ P66 M38 0x25 0 Both Xm(8);
    PMOVZXBW P66 M38 0x30 0 Both Xm(8);
    PMOVZXWD P66 M38 0x33 0 Both Xm(8);
    PMOVZXDQ P66 M38 0x35 0 Both Xm(8);
    PINSRB P66 M3A 0x20 0 Both XxgI(1);
    PINSRW P66 M0F 0xc4 0 Both XxgI(2);
    PINSRD P66 M3A 0x22 0 Both XxgI(4);
    PINSRQ P66 M3A 0x22 1 Both XxgI(8);
    PEXTRB P66 M3A 0x14 0 Both GxStoreI(4, 1);
    PEXTRW P66 M3A 0x15 0 Both GxStoreI(4, 2);
    PEXTRD P66 M3A 0x16 0 Both GxStoreI(4, 4);
    PEXTRQ P66 M3A 0x16 1 Both GxStoreI(8, 8);
}

impl Sse {
    const fn new(prefix: u32, map: u32, opcode: u32, w: u32, shape: Shape) -> Sse {
        let extension = match shape {
            ShiftImm(extension) => extension as u32,
            _ => 0,
        };
        Sse(opcode | prefix << 8 | map << 10 | w << 12 | extension << 16)
    }

    fn extension(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// What stands before the ModRM byte, and its length. `third` is the register that only VEX names, or 0;
    /// `x` and `b` are the fourth bits of the index and of the base or register in the rm field.
    #[inline]
    fn head(self, encoding: Encoding, reg: u8, third: u8, x: u8, b: u8) -> (u64, u32) {
        let (prefix, map, w) = (self.0 >> 8 & 3, self.0 >> 10 & 3, self.0 >> 12 & 1);
        let opcode = u64::from(self.0 & 0xff);
        let (r, x, b) = (u64::from(reg >> 3), u64::from(x), u64::from(b));
        match encoding {
            Encoding::Vex => {
                let tail = u64::from(!third & 15) << 3 | u64::from(prefix);
                if map == M0F && w == 0 && x | b == 0 {
                    (0xc5 | ((r ^ 1) << 7 | tail) << 8 | opcode << 16, 3)
                } else {
                    let inverted = ((r << 2 | x << 1 | b) ^ 7) << 5;
                    (0xc4 | (inverted | u64::from(map)) << 8 | (u64::from(w) << 7 | tail) << 16 | opcode << 24, 4)
                }
            }
            Encoding::Legacy => {
                let (mut bits, mut len) = (0, 0);
                let mut byte = |value: u64| {
                    bits |= value << len;
                    len += 8;
                };
                if prefix != NP {
                    byte([0x66, 0xf3, 0xf2][prefix as usize - 1]);
                }
                let rex = u64::from(w) << 3 | r << 2 | x << 1 | b;
                if rex != 0 {
                    byte(0x40 | rex);
                }
                byte(0x0f);
                if map != M0F {
                    byte(if map == M38 { 0x38 } else { 0x3a });
                }
                byte(opcode);
                (bits, len / 8)
            }
        }
    }
}

/// What the instruction has after its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Imm {
    None,
    Byte(u8),
}

/// An operand that an instruction takes from a vector register, from memory or from the pool of constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Xm {
    Reg(Vreg),
    Mem(Mem),
    Pool(PoolIndex),
}

/// The encoder. In the legacy encoding an instruction with a third register needs `dst == a`, and an operand of
/// 16 bytes in memory must be aligned.
impl Asm {
    #[inline]
    fn sse_reg(&mut self, op: Sse, reg: u8, third: u8, rm: u8, imm: Imm) {
        let (bits, len) = op.head(self.encoding, reg, third, 0, rm >> 3);
        let bits = bits | u64::from(0xc0 | (reg & 7) << 3 | rm & 7) << (len * 8);
        match imm {
            Imm::None => self.put(bits, len + 1),
            Imm::Byte(imm) => self.put(bits | u64::from(imm) << (len * 8 + 8), len + 2),
        }
    }

    fn sse_mem(&mut self, op: Sse, reg: u8, third: u8, mem: Mem, imm: Imm) {
        let index = mem.index.map_or(0, |index| index.0);
        let (bits, len) = op.head(self.encoding, reg, third, index >> 3, mem.base.0 >> 3);
        self.put_mem(bits, len, reg, mem);
        if let Imm::Byte(imm) = imm {
            self.put_u8(imm);
        }
    }

    /// The field holds the number of bytes that follow it until the pool is placed.
    fn sse_pool(&mut self, op: Sse, reg: u8, third: u8, index: PoolIndex, imm: Imm) {
        let (bits, len) = op.head(self.encoding, reg, third, 0, 0);
        self.put(bits | u64::from(0x05 | (reg & 7) << 3) << (len * 8), len + 1);
        self.pool.refer(self.offset(), index);
        match imm {
            Imm::None => self.put_u32(0),
            Imm::Byte(imm) => self.put(1 | u64::from(imm) << 32, 5),
        }
    }

    #[inline]
    fn sse(&mut self, op: Sse, reg: u8, third: u8, src: Xm, imm: Imm) {
        match src {
            Xm::Reg(src) => self.sse_reg(op, reg, third, src.0, imm),
            Xm::Mem(mem) => self.sse_mem(op, reg, third, mem, imm),
            Xm::Pool(index) => self.sse_pool(op, reg, third, index, imm),
        }
    }

    #[inline]
    fn third(&self, dst: Vreg, a: Vreg) -> u8 {
        debug_assert!(self.encoding == Encoding::Vex || dst == a, "legacy instructions overwrite their operand");
        a.0
    }

    /// `dst = a op b`.
    #[inline]
    pub(super) fn x3(&mut self, op: Sse, dst: Vreg, a: Vreg, b: Xm) {
        let third = self.third(dst, a);
        self.sse(op, dst.0, third, b, Imm::None);
    }

    /// `dst = op(a, b, imm)`.
    #[inline]
    pub(super) fn x3i(&mut self, op: Sse, dst: Vreg, a: Vreg, b: Xm, imm: u8) {
        let third = self.third(dst, a);
        self.sse(op, dst.0, third, b, Imm::Byte(imm));
    }

    /// `dst = op(src)`.
    #[inline]
    pub(super) fn x2(&mut self, op: Sse, dst: Vreg, src: Xm) {
        self.sse(op, dst.0, 0, src, Imm::None);
    }

    /// `dst = op(src, imm)`.
    #[inline]
    pub(super) fn x2i(&mut self, op: Sse, dst: Vreg, src: Xm, imm: u8) {
        self.sse(op, dst.0, 0, src, Imm::Byte(imm));
    }

    /// `memory = src`.
    #[inline]
    pub(super) fn mx(&mut self, op: Sse, dst: Mem, src: Vreg) {
        self.sse_mem(op, src.0, 0, dst, Imm::None);
    }

    /// Memory from a lane of `src`.
    pub(super) fn mxi(&mut self, op: Sse, dst: Mem, src: Vreg, imm: u8) {
        self.sse_mem(op, src.0, 0, dst, Imm::Byte(imm));
    }

    /// `dst = src shifted by imm`: the rows that end in `_IMM`.
    pub(super) fn x_shift_imm(&mut self, op: Sse, dst: Vreg, src: Vreg, imm: u8) {
        debug_assert!(self.encoding == Encoding::Vex || dst == src, "legacy instructions overwrite their operand");
        self.sse_reg(op, op.extension(), dst.0, src.0, Imm::Byte(imm));
    }

    /// A vector register from an integer register.
    pub(super) fn xg(&mut self, op: Sse, dst: Vreg, src: Gpr) {
        self.sse_reg(op, dst.0, 0, src.0, Imm::None);
    }

    /// `dst = a op b` with an integer register or memory.
    pub(super) fn x2g(&mut self, op: Sse, dst: Vreg, a: Vreg, b: Rm) {
        let third = self.third(dst, a);
        match b {
            Rm::Reg(b) => self.sse_reg(op, dst.0, third, b.0, Imm::None),
            Rm::Mem(b) => self.sse_mem(op, dst.0, third, b, Imm::None),
        }
    }

    /// `dst = op(a, b, imm)` with an integer register or memory.
    pub(super) fn x2gi(&mut self, op: Sse, dst: Vreg, a: Vreg, b: Rm, imm: u8) {
        let third = self.third(dst, a);
        match b {
            Rm::Reg(b) => self.sse_reg(op, dst.0, third, b.0, Imm::Byte(imm)),
            Rm::Mem(b) => self.sse_mem(op, dst.0, third, b, Imm::Byte(imm)),
        }
    }

    /// An integer register from `op(src)`.
    pub(super) fn gx(&mut self, op: Sse, dst: Gpr, src: Xm) {
        self.sse(op, dst.0, 0, src, Imm::None);
    }

    /// An integer register from `src`, for the rows that have the vector register in the reg field.
    pub(super) fn gx_out(&mut self, op: Sse, dst: Gpr, src: Vreg) {
        self.sse_reg(op, src.0, 0, dst.0, Imm::None);
    }

    /// An integer register from a lane of `src`.
    pub(super) fn gxi_out(&mut self, op: Sse, dst: Gpr, src: Vreg, imm: u8) {
        self.sse_reg(op, src.0, 0, dst.0, Imm::Byte(imm));
    }
}
