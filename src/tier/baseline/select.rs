//! What uses flags: branches on comparisons, `select`, and comparisons whose result is wanted as a number.

use super::Emit;
use super::stack::in_xmm;
use super::stack::width;
use super::x64::asm::{Alu, Cond, Rm, Width};
use super::x64::regs::{Gpr, SCRATCH};
use crate::types::ValType;

/// What the flags say after a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    One(Cond),
    /// Both conditions hold.
    And(Cond, Cond),
    /// One of them holds.
    Or(Cond, Cond),
}

impl Test {
    pub(crate) fn not(self) -> Test {
        match self {
            Test::One(cond) => Test::One(cond.not()),
            Test::And(a, b) => Test::Or(a.not(), b.not()),
            Test::Or(a, b) => Test::And(a.not(), b.not()),
        }
    }
}

/// Flags and what uses them.
impl Emit<'_> {
    /// A comparison has been written, and its operands are freed: pushes its result, or, if the next operator is a
    /// branch, an `if` or a `select`, emits that.
    pub(crate) fn flags(&mut self, mut test: Test) {
        // i32.eqz inverts.
        while self.peek() == 0x45 {
            self.pc += 1;
            test = test.not();
        }
        match self.peek() {
            0x0d => {
                self.pc += 1;
                self.br_if_flags(test);
            }
            0x04 => {
                self.pc += 1;
                self.if_flags(test);
            }
            0x1b => {
                self.pc += 1;
                self.select_flags(test);
            }
            _ => {
                let reg = self.alloc();
                self.set_flag(test, reg);
                self.push_gpr(ValType::I32, reg);
            }
        }
    }

    /// 1 if the test holds, else 0.
    fn set_flag(&mut self, test: Test, reg: Gpr) {
        match test {
            Test::One(cond) => self.asm.setcc(cond, reg),
            Test::And(a, b) | Test::Or(a, b) => {
                self.asm.setcc(a, reg);
                self.asm.setcc(b, SCRATCH);
                let op = if matches!(test, Test::And(..)) { Alu::And } else { Alu::Or };
                self.asm.alu(op, Width::W32, reg, Rm::Reg(SCRATCH));
            }
        }
        self.asm.movzx8(reg, Rm::Reg(reg));
    }

    pub(crate) fn select(&mut self) {
        self.test_condition();
        self.select_flags(Test::One(Cond::NotEqual));
    }

    pub(crate) fn typed_select(&mut self) {
        for _ in 0..self.u32() {
            super::decode::val_type_at(self.code, &mut self.pc);
        }
        self.select();
    }

    /// `select`, on flags.
    fn select_flags(&mut self, test: Test) {
        let no = self.pop();
        let yes = self.pop();
        if in_xmm(yes.ty) {
            let result = self.to_temp_xmm(no);
            let over = match test {
                Test::One(cond) => [Some(self.asm.jcc_short(cond.not())), None],
                Test::And(a, b) => [Some(self.asm.jcc_short(a.not())), Some(self.asm.jcc_short(b.not()))],
                Test::Or(a, b) => {
                    let take = self.asm.jcc_short(a);
                    let over = self.asm.jcc_short(b.not());
                    self.asm.land(take);
                    [Some(over), None]
                }
            };
            self.load_xmm_entry(result, yes);
            over.into_iter().flatten().for_each(|jump| self.asm.land(jump));
            self.free_entry(yes);
            self.push_xmm(yes.ty, result);
            return;
        }
        let width = width(yes.ty);
        // `and` is the inverse of an `or` with the operands in each other's place.
        let (yes, no, test) = if let Test::And(..) = test { (no, yes, test.not()) } else { (yes, no, test) };
        let result = self.to_temp(no);
        let source = self.to_rm(yes);
        match test {
            Test::One(cond) => self.asm.cmov(cond, width, result, source),
            Test::And(a, b) | Test::Or(a, b) => {
                self.asm.cmov(a, width, result, source);
                self.asm.cmov(b, width, result, source);
            }
        }
        self.free_rm(source);
        // A 32-bit cmov clears the upper half, whether it moves or not.
        self.push_gpr(yes.ty, result);
    }
}
