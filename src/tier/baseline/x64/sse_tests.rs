//! Every row of the table, with all registers and all forms of memory operands, equals what an
//! independent disassembler makes of the bytes.
//!
//! Which registers a memory operand meets is `oracle`'s matter.

use crate::tier::baseline::backend::Assembler as _;
use iced_x86::{Decoder, DecoderOptions};

use super::Cpu;
use super::asm::{Asm, Mem, Rm};
use super::forms_tests::VECTOR_FORMS;
use super::oracle::{Checker, Operand, gpr, memories, registers_for};
use super::sse::{Age, Encoding, Shape, Sse, Xm};
use crate::tier::baseline::regs::{Gpr, Vreg};

/// Registers of an instruction; in the legacy encoding the second is the first.
fn triples(encoding: Encoding) -> impl Iterator<Item = (u8, u8, u8)> {
    (0..=255u8)
        .flat_map(move |pair| (0..16u8).map(move |b| (pair >> 4, pair & 15, b)))
        .filter(move |(dst, a, _)| encoding == Encoding::Vex || dst == a)
}

/// In the legacy encoding an operand that is also the destination is not listed twice.
fn operands(encoding: Encoding, dst: u8, a: u8, rest: &[Operand]) -> Vec<Operand> {
    let mut out = vec![Operand::X(dst)];
    if encoding == Encoding::Vex {
        out.push(Operand::X(a));
    }
    out.extend_from_slice(rest);
    out
}

/// What the disassembler calls the row.
fn mnemonic(name: &str, encoding: Encoding) -> String {
    let plain = name.split('_').next().unwrap_or(name).to_lowercase();
    match encoding {
        Encoding::Vex if !plain.starts_with('v') => format!("v{plain}"),
        _ => plain,
    }
}

/// An immediate byte that differs from case to case.
fn immediate(dst: u8, b: u8) -> u8 {
    dst.wrapping_mul(31) ^ b.wrapping_mul(7) ^ 0x5a
}

/// Forms with registers only.
fn check_registers(c: &mut Checker, name: &str, op: Sse, shape: Shape) {
    let encoding = c.asm.encoding;
    for (dst, a, b) in triples(encoding) {
        let (x, xa, xb, gb, imm) = (Vreg(dst), Vreg(a), Vreg(b), Gpr(b), immediate(dst, b));
        let three = |last: &[Operand]| operands(encoding, dst, a, last);
        match shape {
            Shape::Xxm(_) | Shape::Xxx => {
                c.check("x3", name, 0, &three(&[Operand::X(b)]), |asm| asm.x3(op, x, xa, Xm::Reg(xb)));
            }
            Shape::XxmI(_) => {
                c.check("x3i", name, 0, &three(&[Operand::X(b), Operand::Imm(u64::from(imm), 8)]), |asm| {
                    asm.x3i(op, x, xa, Xm::Reg(xb), imm)
                });
            }
            Shape::Xxg(size) => {
                c.check("x2g", name, 0, &three(&[gpr(size, b)]), |asm| asm.x2g(op, x, xa, Rm::Reg(gb)));
            }
            Shape::XxgI(size) => {
                c.check("x2gi", name, 0, &three(&[gpr(size.max(4), b), Operand::Imm(u64::from(imm), 8)]), |asm| {
                    asm.x2gi(op, x, xa, Rm::Reg(gb), imm)
                });
            }
            _ => {}
        }
    }
    for (dst, b) in (0..16).flat_map(|dst| (0..16).map(move |b| (dst, b))) {
        let (x, xb, g, gb, imm) = (Vreg(dst), Vreg(b), Gpr(dst), Gpr(b), immediate(dst, b));
        match shape {
            Shape::Xm(_) => c.check("x2", name, 0, &[Operand::X(dst), Operand::X(b)], |asm| asm.x2(op, x, Xm::Reg(xb))),
            Shape::XmI(_) => {
                let expected = [Operand::X(dst), Operand::X(b), Operand::Imm(u64::from(imm), 8)];
                c.check("x2i", name, 0, &expected, |asm| asm.x2i(op, x, Xm::Reg(xb), imm));
            }
            Shape::ShiftImm(_) if encoding == Encoding::Vex => {
                let expected = [Operand::X(dst), Operand::X(b), Operand::Imm(u64::from(imm), 8)];
                c.check("x_shift_imm", name, 0, &expected, |asm| asm.x_shift_imm(op, x, xb, imm));
            }
            Shape::ShiftImm(_) => {
                c.check("x_shift_imm", name, 0, &[Operand::X(dst), Operand::Imm(u64::from(imm), 8)], |asm| {
                    asm.x_shift_imm(op, x, x, imm)
                });
            }
            Shape::Xg(size) => c.check("xg", name, 0, &[Operand::X(dst), gpr(size, b)], |asm| asm.xg(op, x, gb)),
            Shape::Gxm(size, _) => {
                c.check("gx", name, 0, &[gpr(size, dst), Operand::X(b)], |asm| asm.gx(op, g, Xm::Reg(xb)))
            }
            Shape::Gx => c.check("gx", name, 0, &[gpr(4, dst), Operand::X(b)], |asm| asm.gx(op, g, Xm::Reg(xb))),
            Shape::GxStore(size) => {
                c.check("gx_out", name, 0, &[gpr(size, dst), Operand::X(b)], |asm| asm.gx_out(op, g, xb))
            }
            Shape::GxStoreI(size, _) => {
                let expected = [gpr(size, dst), Operand::X(b), Operand::Imm(u64::from(imm), 8)];
                c.check("gxi_out", name, 0, &expected, |asm| asm.gxi_out(op, g, xb, imm));
            }
            _ => {}
        }
    }
}

/// The form with this memory operand, with `n` for all registers.
fn check_memory(c: &mut Checker, name: &str, op: Sse, shape: Shape, mem: Mem, n: u8) {
    let encoding = c.asm.encoding;
    let a = if encoding == Encoding::Vex { (n * 5 + 3) % 16 } else { n };
    let (x, xa, g, imm) = (Vreg(n), Vreg(a), Gpr(n), immediate(n, mem.disp as u8));
    let m = Operand::Mem(mem);
    match shape {
        Shape::Xxm(bytes) => {
            c.check("x3", name, bytes, &operands(encoding, n, a, &[m]), |asm| asm.x3(op, x, xa, Xm::Mem(mem)))
        }
        Shape::XxmI(bytes) => {
            let expected = operands(encoding, n, a, &[m, Operand::Imm(u64::from(imm), 8)]);
            c.check("x3i", name, bytes, &expected, |asm| asm.x3i(op, x, xa, Xm::Mem(mem), imm));
        }
        Shape::XxgI(bytes) => {
            let expected = operands(encoding, n, a, &[m, Operand::Imm(u64::from(imm), 8)]);
            c.check("x2gi", name, bytes, &expected, |asm| asm.x2gi(op, x, xa, Rm::Mem(mem), imm));
        }
        Shape::Xxg(bytes) => {
            c.check("x2g", name, bytes, &operands(encoding, n, a, &[m]), |asm| asm.x2g(op, x, xa, Rm::Mem(mem)));
        }
        Shape::Xm(bytes) | Shape::Load(bytes) => {
            c.check("x2", name, bytes, &[Operand::X(n), m], |asm| asm.x2(op, x, Xm::Mem(mem)));
        }
        Shape::XmI(bytes) => {
            c.check("x2i", name, bytes, &[Operand::X(n), m, Operand::Imm(u64::from(imm), 8)], |asm| {
                asm.x2i(op, x, Xm::Mem(mem), imm)
            });
        }
        Shape::Store(bytes) => c.check("mx", name, bytes, &[m, Operand::X(n)], |asm| asm.mx(op, mem, x)),
        Shape::Gxm(size, bytes) => c.check("gx", name, bytes, &[gpr(size, n), m], |asm| asm.gx(op, g, Xm::Mem(mem))),
        Shape::GxStoreI(_, bytes) => {
            c.check("mxi", name, bytes, &[m, Operand::X(n), Operand::Imm(u64::from(imm), 8)], |asm| {
                asm.mxi(op, mem, x, imm)
            });
        }
        Shape::Xxx | Shape::ShiftImm(_) | Shape::Xg(_) | Shape::Gx | Shape::GxStore(_) => {}
    }
}

#[test]
fn every_instruction_is_what_a_disassembler_reads() {
    let memories = memories();
    for encoding in [Encoding::Legacy, Encoding::Vex] {
        let mut checker = Checker::new(encoding);
        for &(name, op, age, shape) in Sse::ALL {
            if age == Age::Vex && encoding == Encoding::Legacy {
                continue;
            }
            let before = checker.count;
            let mnemonic = mnemonic(name, encoding);
            check_registers(&mut checker, &mnemonic, op, shape);
            for (i, &mem) in memories.iter().enumerate() {
                registers_for(i).for_each(|n| check_memory(&mut checker, &mnemonic, op, shape, mem, n));
            }
            assert!(checker.count - before >= 256, "{name} is not covered");
        }
        assert!(checker.count > 300_000, "{} cases", checker.count);
        for form in VECTOR_FORMS {
            assert!(checker.forms.contains(form), "no row has the form `{form}`");
        }
    }
}

/// Operands from the pool lead to their constant, whatever follows them in their instruction.
#[test]
fn constants_are_found_where_instructions_look_for_them() {
    let constants = [3u128, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677, 3];
    for encoding in [Encoding::Legacy, Encoding::Vex] {
        let mut asm = Asm { encoding, ..Asm::default() };
        for n in 0..16u8 {
            let x = Vreg(n);
            asm.reserve(256);
            for constant in constants {
                let wide = asm.pool.wide(constant);
                asm.x3(Sse::PADDD, x, x, Xm::Pool(wide));
                asm.x2i(Sse::PSHUFD, x, Xm::Pool(wide), 0x1b);
                let narrow = asm.pool.narrow(constant as u64);
                asm.x3(Sse::ADDSD, x, x, Xm::Pool(narrow));
                asm.x3i(Sse::ROUNDSD, x, x, Xm::Pool(narrow), 3);
            }
        }
        let end = asm.offset() as usize;
        asm.place_constants(0);
        let bytes = asm.bytes();
        assert!(bytes.len() <= end + 16 + 3 * 24, "equal constants are shared");
        let mut decoder = Decoder::with_ip(64, &bytes[..end], 0, DecoderOptions::NONE);
        let mut count = 0;
        while decoder.can_decode() {
            let inst = decoder.decode();
            assert!(inst.is_ip_rel_memory_operand(), "{inst}");
            let at = inst.ip_rel_memory_address() as usize;
            let expected = constants[count / 4 % 4].to_le_bytes();
            let len = if count % 4 < 2 { 16 } else { 8 };
            assert_eq!(bytes[at..at + len], expected[..len], "{inst}");
            assert_eq!(at % len, 0, "{inst} is not aligned");
            count += 1;
        }
        assert_eq!(count, 16 * 16);
        asm.start(Cpu::default());
        asm.reserve(16);
        asm.place_constants(0);
        assert_eq!(asm.offset(), 0, "the pool is empty again");
    }
}
