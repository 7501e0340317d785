//! Every row of the table, with all registers and all forms of memory operands, equals what an
//! independent disassembler makes of the bytes.
//!
//! Each memory operand meets one register and each register sixteen memory operands; with
//! `UPDRAFT_PROVE=1` all of them meet.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, MemorySize, OpKind, Register};

use super::asm::{Asm, Mem, Rm};
use super::regs::{Gpr, Xmm};
use super::sse::{Age, Encoding, Shape, Sse, Xm};

/// What an operand should turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    X(u8),
    G32(u8),
    G64(u8),
    Mem(Mem),
    Imm(u8),
}

fn gpr(size: u8, number: u8) -> Operand {
    if size == 8 { Operand::G64(number) } else { Operand::G32(number) }
}

/// All forms of addresses: no index, each index with each scale, displacements of each length.
fn memories() -> Vec<Mem> {
    let mut out = Vec::new();
    for disp in [0, 1, -1, 127, -128, 128, -129, 0x1234_5678, i32::MAX, i32::MIN] {
        for base in (0..16).map(Gpr) {
            out.push(Mem::base(base, disp));
            for index in (0..16).map(Gpr).filter(|index| *index != Gpr::RSP) {
                out.extend((0..4).map(|scale| Mem::indexed(base, index, scale, disp)));
            }
        }
    }
    out
}

struct Checker {
    asm: Asm,
    count: u64,
}

impl Checker {
    /// Decodes what `emit` wrote and compares it with the operands.
    fn check(&mut self, name: &str, emit: impl FnOnce(&mut Asm), memory_bytes: u8, operands: &[Operand]) {
        let encoding = self.asm.encoding;
        self.asm.clear();
        self.asm.reserve(64);
        emit(&mut self.asm);
        let bytes = self.asm.bytes();
        let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
        let inst = decoder.decode();
        let context = || format!("{name} {operands:?} {encoding:?}: {bytes:02x?} is {inst}");
        assert_ne!(inst.code(), Code::INVALID, "{}", context());
        assert_eq!(inst.len(), bytes.len(), "{}", context());
        let text = format!("{:?}", inst.mnemonic()).to_lowercase();
        let plain = name.split('_').next().unwrap_or(name).to_lowercase();
        let expected = match encoding {
            Encoding::Vex if !plain.starts_with('v') => format!("v{plain}"),
            _ => plain,
        };
        assert_eq!(text, expected, "{}", context());
        assert_eq!(inst.op_count() as usize, operands.len(), "{}", context());
        for (i, operand) in operands.iter().enumerate() {
            assert!(same(&inst, i as u32, *operand, memory_bytes), "operand {i}: {}", context());
        }
        self.count += 1;
    }
}

fn same(inst: &Instruction, i: u32, operand: Operand, memory_bytes: u8) -> bool {
    let register = |first: Register| inst.op_kind(i) == OpKind::Register && inst.op_register(i) == first;
    let numbered = |first: Register, n: u8| Register::try_from(first as usize + usize::from(n)).expect("in range");
    match operand {
        Operand::X(n) => register(numbered(Register::XMM0, n)),
        Operand::G32(n) => register(numbered(Register::EAX, n)),
        Operand::G64(n) => register(numbered(Register::RAX, n)),
        Operand::Imm(value) => inst.op_kind(i) == OpKind::Immediate8 && inst.immediate8() == value,
        Operand::Mem(mem) => {
            let index = mem.index.map_or(Register::None, |index| numbered(Register::RAX, index.0));
            inst.op_kind(i) == OpKind::Memory
                && inst.memory_base() == numbered(Register::RAX, mem.base.0)
                && inst.memory_index() == index
                && (index == Register::None || inst.memory_index_scale() == 1 << mem.scale)
                && inst.memory_displacement64() == mem.disp as i64 as u64
                && bytes_of(inst.memory_size()) == memory_bytes
        }
    }
}

/// How many bytes of memory an instruction touches.
fn bytes_of(size: MemorySize) -> u8 {
    let name = format!("{size:?}");
    // `Packed128_Int8`, `Float32`, `UInt8`: the first number is the whole.
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (digits.parse::<u32>().expect("a size in the name") / 8) as u8
}

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

/// An immediate byte that differs from case to case.
fn immediate(dst: u8, b: u8) -> u8 {
    dst.wrapping_mul(31) ^ b.wrapping_mul(7) ^ 0x5a
}

/// Forms with registers only.
fn check_registers(c: &mut Checker, name: &str, op: Sse, shape: Shape) {
    let encoding = c.asm.encoding;
    for (dst, a, b) in triples(encoding) {
        let (x, xa, xb, gb, imm) = (Xmm(dst), Xmm(a), Xmm(b), Gpr(b), immediate(dst, b));
        let three = |last: &[Operand]| operands(encoding, dst, a, last);
        match shape {
            Shape::Xxm(_) | Shape::Xxx => {
                c.check(name, |asm| asm.x3(op, x, xa, Xm::Reg(xb)), 0, &three(&[Operand::X(b)]));
            }
            Shape::XxmI(_) => {
                c.check(
                    name,
                    |asm| asm.x3i(op, x, xa, Xm::Reg(xb), imm),
                    0,
                    &three(&[Operand::X(b), Operand::Imm(imm)]),
                );
            }
            Shape::Xxg(size) => {
                c.check(name, |asm| asm.x2g(op, x, xa, Rm::Reg(gb)), 0, &three(&[gpr(size, b)]));
            }
            Shape::XxgI(size) => {
                c.check(
                    name,
                    |asm| asm.x2gi(op, x, xa, Rm::Reg(gb), imm),
                    0,
                    &three(&[gpr(size, b), Operand::Imm(imm)]),
                );
            }
            _ => {}
        }
    }
    for (dst, b) in (0..16).flat_map(|dst| (0..16).map(move |b| (dst, b))) {
        let (x, xb, g, gb, imm) = (Xmm(dst), Xmm(b), Gpr(dst), Gpr(b), immediate(dst, b));
        match shape {
            Shape::Xm(_) => c.check(name, |asm| asm.x2(op, x, Xm::Reg(xb)), 0, &[Operand::X(dst), Operand::X(b)]),
            Shape::XmI(_) => {
                let expected = [Operand::X(dst), Operand::X(b), Operand::Imm(imm)];
                c.check(name, |asm| asm.x2i(op, x, Xm::Reg(xb), imm), 0, &expected);
            }
            Shape::ShiftImm(_) if encoding == Encoding::Vex => {
                let expected = [Operand::X(dst), Operand::X(b), Operand::Imm(imm)];
                c.check(name, |asm| asm.x_shift_imm(op, x, xb, imm), 0, &expected);
            }
            Shape::ShiftImm(_) => {
                c.check(name, |asm| asm.x_shift_imm(op, x, x, imm), 0, &[Operand::X(dst), Operand::Imm(imm)]);
            }
            Shape::Xg(size) => c.check(name, |asm| asm.xg(op, x, gb), 0, &[Operand::X(dst), gpr(size, b)]),
            Shape::Gxm(size, _) => c.check(name, |asm| asm.gx(op, g, Xm::Reg(xb)), 0, &[gpr(size, dst), Operand::X(b)]),
            Shape::Gx => c.check(name, |asm| asm.gx(op, g, Xm::Reg(xb)), 0, &[gpr(4, dst), Operand::X(b)]),
            Shape::GxStore(size) => c.check(name, |asm| asm.gx_out(op, g, xb), 0, &[gpr(size, dst), Operand::X(b)]),
            Shape::GxStoreI(size, _) => {
                let expected = [gpr(size, dst), Operand::X(b), Operand::Imm(imm)];
                c.check(name, |asm| asm.gxi_out(op, g, xb, imm), 0, &expected);
            }
            _ => {}
        }
    }
}

/// The form with this memory operand, with `n` for all registers.
fn check_memory(c: &mut Checker, name: &str, op: Sse, shape: Shape, mem: Mem, n: u8) {
    let encoding = c.asm.encoding;
    let a = if encoding == Encoding::Vex { (n * 5 + 3) % 16 } else { n };
    let (x, xa, g, imm) = (Xmm(n), Xmm(a), Gpr(n), immediate(n, mem.disp as u8));
    let m = Operand::Mem(mem);
    match shape {
        Shape::Xxm(bytes) => {
            c.check(name, |asm| asm.x3(op, x, xa, Xm::Mem(mem)), bytes, &operands(encoding, n, a, &[m]))
        }
        Shape::XxmI(bytes) => {
            let expected = operands(encoding, n, a, &[m, Operand::Imm(imm)]);
            c.check(name, |asm| asm.x3i(op, x, xa, Xm::Mem(mem), imm), bytes, &expected);
        }
        Shape::XxgI(bytes) => {
            let expected = operands(encoding, n, a, &[m, Operand::Imm(imm)]);
            c.check(name, |asm| asm.x2gi(op, x, xa, Rm::Mem(mem), imm), bytes, &expected);
        }
        Shape::Xxg(bytes) => {
            c.check(name, |asm| asm.x2g(op, x, xa, Rm::Mem(mem)), bytes, &operands(encoding, n, a, &[m]));
        }
        Shape::Xm(bytes) | Shape::Load(bytes) => {
            c.check(name, |asm| asm.x2(op, x, Xm::Mem(mem)), bytes, &[Operand::X(n), m]);
        }
        Shape::XmI(bytes) => {
            c.check(name, |asm| asm.x2i(op, x, Xm::Mem(mem), imm), bytes, &[Operand::X(n), m, Operand::Imm(imm)]);
        }
        Shape::Store(bytes) => c.check(name, |asm| asm.mx(op, mem, x), bytes, &[m, Operand::X(n)]),
        Shape::Gxm(size, bytes) => c.check(name, |asm| asm.gx(op, g, Xm::Mem(mem)), bytes, &[gpr(size, n), m]),
        Shape::GxStoreI(_, bytes) => {
            c.check(name, |asm| asm.mxi(op, mem, x, imm), bytes, &[m, Operand::X(n), Operand::Imm(imm)]);
        }
        Shape::Xxx | Shape::ShiftImm(_) | Shape::Xg(_) | Shape::Gx | Shape::GxStore(_) => {}
    }
}

#[test]
fn every_instruction_is_what_a_disassembler_reads() {
    let memories = memories();
    let all = std::env::var_os("UPDRAFT_PROVE").is_some();
    for encoding in [Encoding::Legacy, Encoding::Vex] {
        let mut checker = Checker { asm: Asm::default(), count: 0 };
        checker.asm.encoding = encoding;
        for &(name, op, age, shape) in Sse::ALL {
            if age == Age::Vex && encoding == Encoding::Legacy {
                continue;
            }
            let before = checker.count;
            check_registers(&mut checker, name, op, shape);
            for (i, &mem) in memories.iter().enumerate() {
                let registers = if all || i % 640 == 0 { 0..16 } else { (i % 16) as u8..(i % 16) as u8 + 1 };
                registers.for_each(|n| check_memory(&mut checker, name, op, shape, mem, n));
            }
            assert!(checker.count - before >= 256, "{name} is not covered");
        }
        assert!(checker.count > 300_000, "{} cases", checker.count);
    }
}

/// Operands from the pool lead to their constant, whatever follows them in their instruction.
#[test]
fn constants_are_found_where_instructions_look_for_them() {
    let constants = [3u128, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677, 3];
    for encoding in [Encoding::Legacy, Encoding::Vex] {
        let mut asm = Asm::default();
        asm.encoding = encoding;
        for n in 0..16u8 {
            let x = Xmm(n);
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
        asm.place_pool(0);
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
        asm.clear();
        asm.reserve(16);
        asm.place_pool(0);
        assert_eq!(asm.offset(), 0, "the pool is empty again");
    }
}
