//! Every form of the encoder that is not one of the vector registers', with all registers, widths, conditions and forms
//! of memory operands, equals what an independent disassembler makes of the bytes.

use crate::tier::baseline::backend::{Assembler as _, Width};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};

use super::asm::{Alu, Asm, Cond, Label, Mem, Rm, Shift, Unary};
use super::oracle::{Checker, Operand, gpr, memories, registers_for};
use super::sse::Encoding;
use crate::tier::baseline::regs::Gpr;
use crate::tier::compiled::{Relocation, RelocationTarget};
use crate::types::DefinedFunc;

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const IMMEDIATES: [i32; 9] = [0, 1, -1, 127, -128, 128, -129, i32::MAX, i32::MIN];

const CONDITIONS: [(Cond, &str); 16] = [
    (Cond::Overflow, "o"),
    (Cond::NotOverflow, "no"),
    (Cond::Below, "b"),
    (Cond::AboveEqual, "ae"),
    (Cond::Equal, "e"),
    (Cond::NotEqual, "ne"),
    (Cond::BelowEqual, "be"),
    (Cond::Above, "a"),
    (Cond::Sign, "s"),
    (Cond::NotSign, "ns"),
    (Cond::Parity, "p"),
    (Cond::NotParity, "np"),
    (Cond::Less, "l"),
    (Cond::GreaterEqual, "ge"),
    (Cond::LessEqual, "le"),
    (Cond::Greater, "g"),
];

const ALUS: [(Alu, &str); 8] = [
    (Alu::Add, "add"),
    (Alu::Or, "or"),
    (Alu::Adc, "adc"),
    (Alu::Sbb, "sbb"),
    (Alu::And, "and"),
    (Alu::Sub, "sub"),
    (Alu::Xor, "xor"),
    (Alu::Cmp, "cmp"),
];

const SHIFTS: [(Shift, &str); 5] =
    [(Shift::Rol, "rol"), (Shift::Ror, "ror"), (Shift::Shl, "shl"), (Shift::Shr, "shr"), (Shift::Sar, "sar")];

fn bytes(width: Width) -> u8 {
    4 << width as u8
}

/// An instruction with a register and an operand that is a register or in memory.
struct Form<'a> {
    form: &'static str,
    mnemonic: &'a str,
    /// Widths of the register and of the other operand.
    reg: u8,
    rm: u8,
    emit: &'a dyn Fn(&mut Asm, Gpr, Rm),
    /// What follows the operands.
    tail: &'a [Operand],
}

impl Form<'_> {
    /// All pairs of registers.
    fn registers(&self, c: &mut Checker) {
        for (reg, rm) in (0..16).flat_map(|reg| (0..16).map(move |rm| (reg, rm))) {
            let operands = [&[gpr(self.reg, reg), gpr(self.rm, rm)], self.tail].concat();
            c.check(self.form, self.mnemonic, 0, &operands, |asm| (self.emit)(asm, Gpr(reg), Rm::Reg(Gpr(rm))));
        }
    }

    /// All memory operands.
    fn memory(&self, c: &mut Checker, memories: &[Mem]) {
        for (i, &mem) in memories.iter().enumerate() {
            for reg in registers_for(i) {
                let operands = [&[gpr(self.reg, reg), Operand::Mem(mem)], self.tail].concat();
                c.check(self.form, self.mnemonic, self.rm, &operands, |asm| (self.emit)(asm, Gpr(reg), Rm::Mem(mem)));
            }
        }
    }

    fn both(&self, c: &mut Checker, memories: &[Mem]) {
        self.registers(c);
        self.memory(c, memories);
    }
}

/// An instruction that writes a register to memory, or combines it with memory.
fn store_form(
    c: &mut Checker,
    memories: &[Mem],
    form: &'static str,
    mnemonic: &str,
    size: u8,
    emit: &dyn Fn(&mut Asm, Mem, Gpr),
) {
    for (i, &mem) in memories.iter().enumerate() {
        for reg in registers_for(i) {
            let operands = [Operand::Mem(mem), gpr(size, reg)];
            c.check(form, mnemonic, size, &operands, |asm| emit(asm, mem, Gpr(reg)));
        }
    }
}

/// An instruction with one operand, which is a register or in memory.
fn single_form(
    c: &mut Checker,
    memories: &[Mem],
    form: &'static str,
    mnemonic: &str,
    size: u8,
    tail: &[Operand],
    emit: &dyn Fn(&mut Asm, Rm),
) {
    for reg in 0..16 {
        let operands = [&[gpr(size, reg)], tail].concat();
        c.check(form, mnemonic, 0, &operands, |asm| emit(asm, Rm::Reg(Gpr(reg))));
    }
    for &mem in memories {
        let operands = [&[Operand::Mem(mem)], tail].concat();
        c.check(form, mnemonic, size, &operands, |asm| emit(asm, Rm::Mem(mem)));
    }
}

/// A sign-extended immediate as the disassembler shows it for this width.
fn imm(width: Width, value: i32) -> Operand {
    Operand::Imm(value as i64 as u64, 32 << width as u32)
}

fn moves(c: &mut Checker, memories: &[Mem]) {
    for width in WIDTHS {
        let size = bytes(width);
        let pair = |form, mnemonic, emit: &dyn Fn(&mut Asm, Gpr, Rm), c: &mut Checker, rm| {
            Form { form, mnemonic, reg: size, rm, emit, tail: &[] }.both(c, memories);
        };
        let mov: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| match src {
            Rm::Reg(src) => asm.copy(width, dst, src),
            Rm::Mem(mem) => asm.load(width, dst, mem),
        };
        Form { form: "copy", mnemonic: "mov", reg: size, rm: size, emit: mov, tail: &[] }.registers(c);
        Form { form: "load", mnemonic: "mov", reg: size, rm: size, emit: mov, tail: &[] }.memory(c, memories);
        let lea: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| match src {
            Rm::Mem(mem) => asm.lea(width, dst, mem),
            Rm::Reg(_) => unreachable!("asked for memory only"),
        };
        Form { form: "lea", mnemonic: "lea", reg: size, rm: 0, emit: lea, tail: &[] }.memory(c, memories);
        store_form(c, memories, "store", "mov", size, &|asm, mem, src| asm.store(width, mem, src));
        pair("movsx8", "movsx", &|asm, dst, src| asm.movsx8(width, dst, src), c, 1);
        pair("movsx16", "movsx", &|asm, dst, src| asm.movsx16(width, dst, src), c, 2);
        for (cond, name) in CONDITIONS {
            let emit: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| asm.cmov(cond, width, dst, src);
            let mnemonic = &format!("cmov{name}");
            Form { form: "cmov", mnemonic, reg: size, rm: size, emit, tail: &[] }.both(c, memories);
        }
        for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
            c.check("xchg", "xchg", 0, &[gpr(size, b), gpr(size, a)], |asm| asm.xchg(width, Gpr(a), Gpr(b)));
        }
        for value in IMMEDIATES {
            for &mem in memories {
                let operands = [Operand::Mem(mem), imm(width, value)];
                c.check("store_imm", "mov", size, &operands, |asm| asm.store_imm(width, mem, value));
            }
        }
    }
    let narrow = |form, mnemonic, reg, rm, emit: &dyn Fn(&mut Asm, Gpr, Rm), c: &mut Checker| {
        Form { form, mnemonic, reg, rm, emit, tail: &[] }.both(c, memories);
    };
    narrow("movzx8", "movzx", 4, 1, &|asm, dst, src| asm.movzx8(dst, src), c);
    narrow("movzx16", "movzx", 4, 2, &|asm, dst, src| asm.movzx16(dst, src), c);
    narrow("movsx32", "movsxd", 8, 4, &|asm, dst, src| asm.movsx32(dst, src), c);
    store_form(c, memories, "store8", "mov", 1, &|asm, mem, src| asm.store8(mem, src));
    store_form(c, memories, "store16", "mov", 2, &|asm, mem, src| asm.store16(mem, src));
    for &mem in memories {
        c.check("store8_imm", "mov", 1, &[Operand::Mem(mem), Operand::Imm(0xa5, 8)], |asm| asm.store8_imm(mem, 0xa5));
        c.check("add8_imm", "add", 1, &[Operand::Mem(mem), Operand::Imm(0xa5, 8)], |asm| asm.add8_imm(mem, 0xa5));
        let operands = [Operand::Mem(mem), Operand::Imm(0xa55a, 16)];
        c.check("store16_imm", "mov", 2, &operands, |asm| asm.store16_imm(mem, 0xa55a));
    }
}

fn constants(c: &mut Checker) {
    for reg in 0..16 {
        let (g, r32, r64) = (Gpr(reg), Operand::G32(reg), Operand::G64(reg));
        for value in [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let operands = [r32, Operand::Imm(u64::from(value), 32)];
            c.check("mov_imm32", "mov", 0, &operands, |asm| asm.mov_imm32(g, value));
            c.check("set", "mov", 0, &operands, |asm| asm.set(g, u64::from(value)));
        }
        for value in [1 << 32, u64::MAX, i64::MIN as u64, i32::MIN as i64 as u64, 0x0123_4567_89ab_cdef] {
            c.check("set", "mov", 0, &[r64, Operand::Imm(value, 64)], |asm| asm.set(g, value));
        }
        c.check("zero", "xor", 0, &[r32, r32], |asm| asm.zero(g));
        c.check("push", "push", 0, &[r64], |asm| asm.push(g));
        c.check("pop", "pop", 0, &[r64], |asm| asm.pop(g));
        for (cond, name) in CONDITIONS {
            c.check("setcc", &format!("set{name}"), 0, &[Operand::G8(reg)], |asm| asm.setcc(cond, g));
        }
    }
    for value in IMMEDIATES {
        c.check("push_imm", "push", 0, &[Operand::Imm(value as u32 as u64, 32)], |asm| asm.push_imm(value));
    }
    for (width, name) in [(Width::W32, "cdq"), (Width::W64, "cqo")] {
        c.check("sign_into_rdx", name, 0, &[], |asm| asm.sign_into_rdx(width));
    }
}

fn arithmetic(c: &mut Checker, memories: &[Mem]) {
    for width in WIDTHS {
        let size = bytes(width);
        let pair = |form, mnemonic, emit: &dyn Fn(&mut Asm, Gpr, Rm), c: &mut Checker| {
            Form { form, mnemonic, reg: size, rm: size, emit, tail: &[] }.both(c, memories);
        };
        for (op, name) in ALUS {
            pair("alu", name, &|asm, dst, src| asm.alu(op, width, dst, src), c);
            store_form(c, memories, "alu_mem", name, size, &|asm, mem, src| asm.alu_mem(op, width, mem, src));
            for &mem in memories {
                c.check("alu_field", name, size, &[Operand::Mem(mem), Operand::Imm(0x1234_5678, 32)], |asm| {
                    let field = asm.alu_field(op, width, Rm::Mem(mem));
                    asm.set_field(field, 0x1234_5678);
                });
            }
            for value in IMMEDIATES {
                let emit = |asm: &mut Asm, dst| asm.alu_imm(op, width, dst, value);
                single_form(c, memories, "alu_imm", name, size, &[imm(width, value)], &emit);
            }
        }
        pair("imul", "imul", &|asm, dst, src| asm.imul(width, dst, src), c);
        pair("popcnt", "popcnt", &|asm, dst, src| asm.popcnt(width, dst, src), c);
        pair("lzcnt", "lzcnt", &|asm, dst, src| asm.lzcnt(width, dst, src), c);
        pair("tzcnt", "tzcnt", &|asm, dst, src| asm.tzcnt(width, dst, src), c);
        pair("bsr", "bsr", &|asm, dst, src| asm.bsr(width, dst, src), c);
        pair("bsf", "bsf", &|asm, dst, src| asm.bsf(width, dst, src), c);
        for value in IMMEDIATES {
            let emit: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| asm.imul_imm(width, dst, src, value);
            let tail = &[imm(width, value)];
            Form { form: "imul_imm", mnemonic: "imul", reg: size, rm: size, emit, tail }.both(c, memories);
            let test = |asm: &mut Asm, a| asm.test_imm(width, a, value);
            single_form(c, memories, "test_imm", "test", size, tail, &test);
        }
        for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
            c.check("test", "test", 0, &[gpr(size, b), gpr(size, a)], |asm| asm.test(width, Gpr(a), Gpr(b)));
        }
        let unaries = [(Unary::Neg, "neg"), (Unary::Mul, "mul"), (Unary::Imul, "imul")];
        for (op, name) in unaries.into_iter().chain([(Unary::Div, "div"), (Unary::Idiv, "idiv")]) {
            single_form(c, memories, "unary", name, size, &[], &|asm, rm| asm.unary(op, width, rm));
        }
    }
}

fn shifts(c: &mut Checker, memories: &[Mem]) {
    for width in WIDTHS {
        let size = bytes(width);
        for (op, name) in SHIFTS {
            for (reg, count) in (0..16).flat_map(|reg| (1..64).map(move |count| (reg, count))) {
                let operands = [gpr(size, reg), Operand::Imm(u64::from(count), 8)];
                c.check("shift_imm", name, 0, &operands, |asm| asm.shift_imm(op, width, Gpr(reg), count));
            }
            for reg in 0..16 {
                let operands = [gpr(size, reg), Operand::G8(Gpr::RCX.0)];
                c.check("shift_cl", name, 0, &operands, |asm| asm.shift_cl(op, width, Gpr(reg)));
            }
        }
        for (op, name) in [(Shift::Shl, "shlx"), (Shift::Shr, "shrx"), (Shift::Sar, "sarx")] {
            for count in 0..16 {
                let emit: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| asm.shift_x(op, width, dst, src, Gpr(count));
                let form =
                    Form { form: "shift_x", mnemonic: name, reg: size, rm: size, emit, tail: &[gpr(size, count)] };
                form.registers(c);
                if count % 5 == 0 {
                    form.memory(c, memories);
                }
            }
        }
        for count in [1, 7, 31, 33, 63] {
            let emit: &dyn Fn(&mut Asm, Gpr, Rm) = &|asm, dst, src| asm.rorx(width, dst, src, count);
            let tail = &[Operand::Imm(u64::from(count), 8)];
            Form { form: "rorx", mnemonic: "rorx", reg: size, rm: size, emit, tail }.both(c, memories);
        }
    }
}

fn locked(c: &mut Checker, memories: &[Mem]) {
    for size in [1u8, 2, 4, 8] {
        let wide = u32::from(size);
        store_form(c, memories, "xchg_mem", "xchg", size, &|asm, mem, reg| asm.xchg_mem(wide, mem, reg));
        store_form(c, memories, "lock_xadd", "xadd", size, &|asm, mem, reg| asm.lock_xadd(wide, mem, reg));
        store_form(c, memories, "lock_cmpxchg", "cmpxchg", size, &|asm, mem, reg| asm.lock_cmpxchg(wide, mem, reg));
        for &mem in memories {
            let locked = c.read("lock_xadd", |asm| asm.lock_xadd(wide, mem, Gpr::RDX)).has_lock_prefix()
                && c.read("lock_cmpxchg", |asm| asm.lock_cmpxchg(wide, mem, Gpr::RDX)).has_lock_prefix();
            assert!(locked, "{mem:?}");
        }
    }
    c.check("mfence", "mfence", 0, &[], Asm::mfence);
}

fn calls_and_ends(c: &mut Checker, memories: &[Mem]) {
    for &mem in memories {
        c.check("call_mem", "call", 8, &[Operand::Mem(mem)], |asm| asm.call_mem(mem));
        c.check("jump_mem", "jmp", 8, &[Operand::Mem(mem)], |asm| asm.jump_mem(mem));
    }
    for reg in 0..16 {
        c.check("jmp_reg", "jmp", 0, &[Operand::G64(reg)], |asm| asm.jmp_reg(Gpr(reg)));
        c.check("call_reg", "call", 0, &[Operand::G64(reg)], |asm| asm.call_reg(Gpr(reg)));
        let mem = Mem::base(Gpr::RSP, 0x1234_5678);
        c.check("lea_rsp_field", "lea", 0, &[Operand::G64(reg), Operand::Mem(mem)], |asm| {
            let field = asm.lea_rsp_field(Gpr(reg));
            asm.set_field(field, 0x1234_5678);
        });
        let inst = c.read("lea_label", |asm| {
            let mut label = Label::default();
            asm.lea_label(Gpr(reg), &mut label);
            asm.bind_to(label, 0x100);
        });
        assert_eq!(inst.mnemonic(), Mnemonic::Lea);
        assert_eq!(inst.ip_rel_memory_address(), 0x100, "{inst}");
    }
    for (form, mnemonic) in [("call_slot", Mnemonic::Call), ("jump_slot", Mnemonic::Jmp)] {
        let inst = c.read(form, |asm| {
            let mut relocations = Vec::new();
            match mnemonic {
                Mnemonic::Call => asm.call_slot(DefinedFunc(7), &mut relocations),
                _ => asm.jump_slot(DefinedFunc(7), &mut relocations),
            }
            let Relocation { offset, target, addend } = relocations[0];
            assert_eq!((target, addend), (RelocationTarget::Slot(DefinedFunc(7)), -4));
            asm.set_field(offset, (0x100 - i64::from(offset) + addend as i64) as u32);
        });
        assert_eq!(inst.mnemonic(), mnemonic);
        assert_eq!(inst.ip_rel_memory_address(), 0x100, "{inst}");
    }
    c.check("ret", "ret", 0, &[], |asm| asm.ret(0));
    for pop in [16, 0x7ff0, 0xfff0] {
        c.check("ret", "ret", 0, &[Operand::Imm(u64::from(pop), 16)], |asm| asm.ret(pop));
    }
    c.check("leave", "leave", 0, &[], Asm::leave);
    c.check("ud2", "ud2", 0, &[], Asm::ud2);
}

/// The first instruction behind `start` bytes that do nothing.
fn decode_at(asm: &Asm, start: usize) -> Instruction {
    Decoder::with_ip(64, &asm.bytes()[start..], start as u64, DecoderOptions::NONE).decode()
}

fn calls(c: &mut Checker) {
    let inst = c.read("call", |asm| {
        let mut label = Label::default();
        asm.call(&mut label);
        asm.bind_to(label, 0x100);
    });
    assert_eq!((inst.mnemonic(), inst.near_branch_target()), (Mnemonic::Call, 0x100));
}

/// Jumps of all conditions lead where they should, over distances around the limits of their forms.
fn jumps(c: &mut Checker) {
    let name = |inst: &Instruction| format!("{:?}", inst.mnemonic()).to_lowercase();
    let conditions = CONDITIONS.iter().map(|&(cond, text)| (Some(cond), format!("j{text}")));
    for (cond, expected) in conditions.chain([(None, String::from("jmp"))]) {
        for distance in [0, 1, 100, 123, 124, 125, 126, 127, 128, 129, 130, 131, 300, 70_000] {
            let mut asm = Asm::default();
            asm.reserve(200_000);
            // Backward.
            (0..distance).for_each(|_| asm.put_u8(0x90));
            let at = asm.offset() as usize;
            match cond {
                Some(cond) => asm.jcc_back(cond, 0),
                None => asm.jump_back(0),
            }
            let inst = decode_at(&asm, at);
            assert_eq!((name(&inst), inst.near_branch_target()), (expected.clone(), 0), "{distance}");
            assert_eq!(at + inst.len(), asm.offset() as usize);
            // Forward, two jumps to one label, of which the second lies behind filling.
            let mut label = Label::default();
            assert!(!label.is_used());
            let first = asm.offset() as usize;
            for _ in 0..2 {
                match cond {
                    Some(cond) => asm.jcc(cond, &mut label),
                    None => asm.jump(&mut label),
                }
            }
            let second = first + (asm.offset() as usize - first) / 2;
            (0..distance).for_each(|_| asm.put_u8(0x90));
            assert!(label.is_used());
            asm.bind(label);
            let target = u64::from(asm.offset());
            for at in [first, second] {
                let inst = decode_at(&asm, at);
                assert_eq!((name(&inst), inst.near_branch_target()), (expected.clone(), target), "{distance}");
            }
            if distance <= 127 {
                let at = asm.offset() as usize;
                let jump = match cond {
                    Some(cond) => asm.jcc_short(cond),
                    None => asm.jmp_short(),
                };
                (0..distance).for_each(|_| asm.put_u8(0x90));
                asm.land(jump);
                let inst = decode_at(&asm, at);
                let target = u64::from(asm.offset());
                assert_eq!((name(&inst), inst.near_branch_target()), (expected.clone(), target), "{distance}");
            }
        }
    }
    c.forms.extend([
        "jcc",
        "jump",
        "jcc_back",
        "jump_back",
        "jcc_short",
        "jmp_short",
        "land",
        "bind",
        "bind_to",
        "put_hole",
    ]);
}

/// What the encoder has besides forms: the buffer, and the parts that forms are made of.
const PARTS: [&str; 29] = [
    "base",
    "bytes",
    "capacity",
    "field",
    "indexed",
    "is_used",
    "not",
    "offset",
    "grow",
    "op_r_rm",
    "op_rm",
    "op_rr",
    "place_pool",
    "plus",
    "slot",
    "start",
    "place_constants",
    "put",
    "put_disp",
    "put_mem",
    "put_u32",
    "put_u8",
    "reserve",
    "set_field",
    "swapped",
    "wide",
    "narrow",
    "refer",
    "modrm_mem",
];

/// Forms that `sse_tests` checks.
pub(super) const VECTOR_FORMS: [&str; 13] =
    ["x3", "x3i", "x2", "x2i", "mx", "mxi", "x_shift_imm", "xg", "x2g", "x2gi", "gx", "gx_out", "gxi_out"];

/// What the macro assembler makes of forms, and tests that run code check.
const MACROS: [&str; 25] = [
    "address",
    "branch",
    "branch_back",
    "count",
    "count_in_byte",
    "decrement",
    "decrement_by",
    "decrement_later",
    "differ",
    "exchange",
    "is_all_ones",
    "is_zero",
    "keep",
    "lower_stack",
    "push_two",
    "raise_stack",
    "set_amount",
    "shift_right",
    "skip_unless",
    "store_const",
    "table_entry",
    "table_entry_back",
    "table_jump",
    "take_back",
    "undefined",
];

/// Names of the functions that begin with one of these.
fn names_in<'a>(source: &'a str, starts: &[&str]) -> impl Iterator<Item = &'a str> {
    source.lines().filter_map(move |line| {
        let rest = starts.iter().find_map(|start| line.trim_start().strip_prefix(start))?;
        rest.split('(').next()
    })
}

#[test]
fn every_form_is_what_a_disassembler_reads() {
    let memories = memories();
    let mut checker = Checker::new(Encoding::Legacy);
    let c = &mut checker;
    moves(c, &memories);
    constants(c);
    arithmetic(c, &memories);
    shifts(c, &memories);
    locked(c, &memories);
    calls_and_ends(c, &memories);
    calls(c);
    jumps(c);
    assert!(c.count > 1_000_000, "{} cases", c.count);

    let sources = [include_str!("asm.rs"), include_str!("forms.rs"), include_str!("locked.rs"), include_str!("sse.rs")];
    let open = ["pub(super) fn ", "pub(super) const fn ", "pub(crate) fn "];
    let names = sources.iter().flat_map(|source| names_in(source, &open));
    let opcode_parts = ["one", "map_0f", "prefix", "width", "byte_rm", "byte_reg"];
    for name in names.chain(names_in(include_str!("masm.rs"), &["fn "])) {
        let known = [&PARTS[..], &MACROS, &VECTOR_FORMS, &opcode_parts];
        let part = known.iter().any(|known| known.contains(&name));
        assert!(part || c.forms.contains(name), "no test knows the form `{name}`");
    }
}

/// Operators use forms only, so that there are no instructions besides those that are tested here. Jump tables are
/// data.
#[test]
fn nothing_but_the_encoder_writes_bytes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tier/baseline");
    let entries = |folder| std::fs::read_dir(folder).expect("a folder of this tier");
    let mut count = 0;
    for entry in entries(folder.clone()).chain(entries(folder.join("x64"))) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") && !path.to_string_lossy().contains("tests.rs") {
            let source = std::fs::read_to_string(&path).expect("a source file");
            for part in ["asm.put(", "asm.put_u8", "asm.op_r"] {
                assert!(!source.contains(part), "{} uses `{part}`", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count} files");
}
