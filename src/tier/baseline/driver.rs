//! The pass over a body: one match on opcodes.

use super::backend::{
    Accesses as _, Arith, Assembler as _, Conversions as _, Division, Floats as _, Integers as _, Load, Relation,
    SLACK, ShiftBy, Vectors as _, Wide, WideIntegers as _,
};
use super::call::Call;
use super::{Emit, Outcome};
use crate::abi::builtin::Builtin;
use crate::types::ValType::{F32, F64, I32, I64};

impl Emit<'_> {
    /// Emits the function.
    pub(super) fn function(&mut self) -> Outcome {
        self.prologue();
        self.open_function();
        self.begin_run();
        while !self.control.is_empty() {
            self.asm.reserve(SLACK);
            self.operator = self.pc;
            self.operator();
            if self.asm.offset() > self.options.max_code {
                return Outcome::TooLarge;
            }
        }
        debug_assert_eq!(self.pc, self.code.len());
        self.write_detours();
        self.asm.place_constants(self.frame.entry);
        if self.complete_stack_check() { Outcome::Complete } else { Outcome::Again }
    }

    #[inline(always)]
    fn operator(&mut self) {
        let opcode = self.byte();
        match opcode {
            0x00 => self.unreachable_(),
            0x01 => {}
            0x02 => self.block(),
            0x03 => self.loop_(),
            0x04 => self.if_(),
            0x05 => self.else_(),
            0x0b => {
                self.end();
                if self.reachable {
                    self.begin_stretch();
                } else if !self.control.is_empty() {
                    self.skip_unreachable();
                }
            }
            0x0c => self.br(),
            0x0d => self.br_if(),
            0x0e => self.br_table(),
            0x0f => self.return_(),
            0x10 => self.call(Call::Nested),
            0x11 => self.call_indirect(Call::Nested),
            0x12 => self.call(Call::Tail),
            0x13 => self.call_indirect(Call::Tail),
            0x1a => {
                let entry = self.pop();
                self.free_entry(entry);
            }
            0x1b => self.select(),
            0x1c => self.typed_select(),
            0x20 => self.local_get(),
            0x21 => self.local_set(),
            0x22 => self.local_tee(),
            0x23 => self.global_get(),
            0x24 => self.global_set(),
            0x25 => self.table_get(),
            0x26 => self.table_set(),
            0x28 => self.load_operator(I32, Load::Full),
            0x29 => self.load_operator(I64, Load::Full),
            0x2a => self.load_operator(F32, Load::Full),
            0x2b => self.load_operator(F64, Load::Full),
            0x2c => self.load_operator(I32, Load::Signed8),
            0x2d => self.load_operator(I32, Load::Unsigned8),
            0x2e => self.load_operator(I32, Load::Signed16),
            0x2f => self.load_operator(I32, Load::Unsigned16),
            0x30 => self.load_operator(I64, Load::Signed8),
            0x31 => self.load_operator(I64, Load::Unsigned8),
            0x32 => self.load_operator(I64, Load::Signed16),
            0x33 => self.load_operator(I64, Load::Unsigned16),
            0x34 => self.load_operator(I64, Load::Signed32),
            0x35 => self.load_operator(I64, Load::Unsigned32),
            0x36 => self.store_operator(4),
            0x37 => self.store_operator(8),
            0x38 => self.store_float(F32),
            0x39 => self.store_float(F64),
            0x3a | 0x3c => self.store_operator(1),
            0x3b | 0x3d => self.store_operator(2),
            0x3e => self.store_operator(4),
            0x3f => self.memory_size(),
            0x40 => self.memory_grow(),
            0x41 => {
                let value = self.signed() as u32;
                self.push_const(I32, u64::from(value));
            }
            0x42 => {
                let value = self.signed() as u64;
                self.push_const(I64, value);
            }
            0x43 => {
                let bits = self.bits32();
                self.push_const(F32, u64::from(bits));
            }
            0x44 => {
                let bits = self.bits64();
                self.push_const(F64, bits);
            }
            0x45 | 0x50 => self.eqz(),
            0x46..=0x4f => self.compare(RELATIONS[usize::from(opcode - 0x46)], I32),
            0x51..=0x5a => self.compare(RELATIONS[usize::from(opcode - 0x51)], I64),
            0x5b..=0x66 | 0x8b..=0xa6 => self.float(opcode),
            0x67 => self.clz(I32),
            0x68 => self.ctz(I32),
            0x69 => self.popcnt(I32),
            0x6a => self.arith(Arith::Add, I32),
            0x6b => self.arith(Arith::Sub, I32),
            0x6c => self.mul(I32),
            0x6d => self.divide(Division::DivS, I32),
            0x6e => self.divide(Division::DivU, I32),
            0x6f => self.divide(Division::RemS, I32),
            0x70 => self.divide(Division::RemU, I32),
            0x71 => self.arith(Arith::And, I32),
            0x72 => self.arith(Arith::Or, I32),
            0x73 => self.arith(Arith::Xor, I32),
            0x74 => self.shift(ShiftBy::Left, I32),
            0x75 => self.shift(ShiftBy::RightSigned, I32),
            0x76 => self.shift(ShiftBy::RightUnsigned, I32),
            0x77 => self.shift(ShiftBy::RotateLeft, I32),
            0x78 => self.shift(ShiftBy::RotateRight, I32),
            0x79 => self.clz(I64),
            0x7a => self.ctz(I64),
            0x7b => self.popcnt(I64),
            0x7c => self.arith(Arith::Add, I64),
            0x7d => self.arith(Arith::Sub, I64),
            0x7e => self.mul(I64),
            0x7f => self.divide(Division::DivS, I64),
            0x80 => self.divide(Division::DivU, I64),
            0x81 => self.divide(Division::RemS, I64),
            0x82 => self.divide(Division::RemU, I64),
            0x83 => self.arith(Arith::And, I64),
            0x84 => self.arith(Arith::Or, I64),
            0x85 => self.arith(Arith::Xor, I64),
            0x86 => self.shift(ShiftBy::Left, I64),
            0x87 => self.shift(ShiftBy::RightSigned, I64),
            0x88 => self.shift(ShiftBy::RightUnsigned, I64),
            0x89 => self.shift(ShiftBy::RotateLeft, I64),
            0x8a => self.shift(ShiftBy::RotateRight, I64),
            0xa7 => self.wrap(),
            0xac => self.extend32(),
            0xad => self.extend_unsigned(),
            0xa8..=0xbf => self.convert(opcode),
            0xc0 => self.extend8(I32),
            0xc1 => self.extend16(I32),
            0xc2 => self.extend8(I64),
            0xc3 => self.extend16(I64),
            0xc4 => {
                self.wrap();
                self.extend32();
            }
            0xd0 => self.ref_null(),
            // A null reference is 0.
            0xd1 => self.eqz(),
            0xd2 => self.ref_func(),
            0xfc => self.misc(),
            0xfd => {
                let sub = self.u32();
                self.vector(sub);
            }
            0xfe => {
                let sub = self.u32();
                self.atomic(sub);
            }
            other => unreachable!("validated: {other:#x} is not an operator that the engine implements"),
        }
    }

    /// Operators behind the prefix FC.
    #[inline(never)]
    fn misc(&mut self) {
        let sub = self.u32();
        match sub {
            0..=7 => self.trunc_sat(sub),
            8 => self.init(Builtin::memory_init),
            9 => self.drop_segment(Builtin::data_drop),
            10 => self.copy(Builtin::memory_copy),
            11 => self.memory_fill(),
            12 => self.init(Builtin::table_init),
            13 => self.drop_segment(Builtin::elem_drop),
            14 => self.copy(Builtin::table_copy),
            15 => self.table_grow(),
            16 => self.table_size(),
            17 => self.table_fill(),
            19 => self.wide(Wide::Add),
            20 => self.wide(Wide::Sub),
            21 => self.wide(Wide::MulSigned),
            22 => self.wide(Wide::MulUnsigned),
            other => unreachable!("validated: fc {other} is not an operator that the engine implements"),
        }
    }
}

/// What the comparisons of integers test, in the order of their opcodes.
const RELATIONS: [Relation; 10] = [
    Relation::Equal,
    Relation::NotEqual,
    Relation::LessSigned,
    Relation::LessUnsigned,
    Relation::GreaterSigned,
    Relation::GreaterUnsigned,
    Relation::LessEqualSigned,
    Relation::LessEqualUnsigned,
    Relation::GreaterEqualSigned,
    Relation::GreaterEqualUnsigned,
];
