//! What an independent disassembler reads in the bytes of the encoder.
//!
//! In: a form of the encoder, what it was asked for. Out: a failed test if the bytes say something else. The names of
//! the forms are remembered, so that one that no test knows is found.

use crate::tier::baseline::backend::Assembler as _;
use std::collections::BTreeSet;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, MemorySize, Mnemonic, OpKind, Register};

use super::Cpu;
use super::asm::{Asm, Mem};
use super::sse::Encoding;
use crate::tier::baseline::regs::Gpr;

/// What an operand should turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    X(u8),
    /// The lowest byte.
    G8(u8),
    G16(u8),
    G32(u8),
    G64(u8),
    Mem(Mem),
    /// So many low bits of an immediate.
    Imm(u64, u32),
}

/// A register of the width of an instruction.
pub(super) fn gpr(size: u8, number: u8) -> Operand {
    match size {
        1 => Operand::G8(number),
        2 => Operand::G16(number),
        8 => Operand::G64(number),
        _ => Operand::G32(number),
    }
}

/// All forms of addresses: no index, each index with each scale, displacements of each length.
pub(super) fn memories() -> Vec<Mem> {
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

/// The registers that a memory operand meets: one, and every register for some of the operands; all for all under
/// `UPDRAFT_PROVE=1`.
pub(super) fn registers_for(memory: usize) -> std::ops::Range<u8> {
    let all = memory.is_multiple_of(640) || std::env::var_os("UPDRAFT_PROVE").is_some();
    let one = (memory % 16) as u8;
    if all { 0..16 } else { one..one + 1 }
}

pub(super) struct Checker {
    pub(super) asm: Asm,
    pub(super) count: u64,
    /// Forms that were checked.
    pub(super) forms: BTreeSet<&'static str>,
    /// The last mnemonic, with its name.
    last: (Mnemonic, String),
}

impl Checker {
    pub(super) fn new(encoding: Encoding) -> Checker {
        let mut checker =
            Checker { asm: Asm::default(), count: 0, forms: BTreeSet::new(), last: (Mnemonic::INVALID, String::new()) };
        checker.asm.encoding = encoding;
        checker
    }

    /// Lets `emit` write one instruction and reads it.
    pub(super) fn read(&mut self, form: &'static str, emit: impl FnOnce(&mut Asm)) -> Instruction {
        self.forms.insert(form);
        self.count += 1;
        let encoding = self.asm.encoding;
        self.asm.start(Cpu::default());
        self.asm.encoding = encoding;
        self.asm.reserve(64);
        emit(&mut self.asm);
        let bytes = self.asm.bytes();
        let inst = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE).decode();
        assert_ne!(inst.code(), Code::INVALID, "{form}: {bytes:02x?}");
        assert_eq!(inst.len(), bytes.len(), "{form}: {bytes:02x?} is {inst}");
        inst
    }

    /// Compares what `emit` writes with mnemonic and operands.
    pub(super) fn check(
        &mut self,
        form: &'static str,
        mnemonic: &str,
        memory_bytes: u8,
        operands: &[Operand],
        emit: impl FnOnce(&mut Asm),
    ) {
        let inst = self.read(form, emit);
        if self.last.0 != inst.mnemonic() {
            self.last = (inst.mnemonic(), format!("{:?}", inst.mnemonic()).to_lowercase());
        }
        let context = || format!("{form}, {mnemonic} {operands:?}: {:02x?} is {inst}", self.asm.bytes());
        assert_eq!(self.last.1, mnemonic, "{}", context());
        assert_eq!(inst.op_count() as usize, operands.len(), "{}", context());
        for (i, operand) in operands.iter().enumerate() {
            assert!(same(&inst, i as u32, *operand, memory_bytes), "operand {i}: {}", context());
        }
    }
}

fn same(inst: &Instruction, i: u32, operand: Operand, memory_bytes: u8) -> bool {
    let numbered = |first: Register, n: u8| Register::try_from(first as usize + usize::from(n)).expect("in range");
    let register =
        |first: Register, n: u8| inst.op_kind(i) == OpKind::Register && inst.op_register(i) == numbered(first, n);
    match operand {
        Operand::X(n) => register(Register::XMM0, n),
        // Numbers 4 to 7 stand for ah to bh in the disassembler's list.
        Operand::G8(n) if n < 4 => register(Register::AL, n),
        Operand::G8(n) => register(Register::SPL, n - 4),
        Operand::G16(n) => register(Register::AX, n),
        Operand::G32(n) => register(Register::EAX, n),
        Operand::G64(n) => register(Register::RAX, n),
        Operand::Imm(value, bits) => {
            let immediate = !matches!(inst.op_kind(i), OpKind::Register | OpKind::Memory);
            immediate && (inst.immediate(i) ^ value) << (64 - bits) == 0
        }
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
    match size {
        // `lea` touches none.
        MemorySize::Unknown => 0,
        MemorySize::QwordOffset => 8,
        _ => {
            // `Packed128_Int8`, `Float32`, `UInt8`: the first number is the whole.
            let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            (digits[..end].parse::<u32>().expect("a size in the name") / 8) as u8
        }
    }
}
