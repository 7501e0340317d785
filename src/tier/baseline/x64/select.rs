//! What uses flags: `select`, and comparisons whose result is wanted as a number. Branches are in `masm`.

use super::asm::{Alu, Cond, Rm};
use super::regs::SCRATCH;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Conditions, Width};
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::stack::{Entry, in_vreg, width};
use crate::trap::TrapCode;

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
    /// After a comparison with 0.
    pub(crate) const NOT_ZERO: Test = Test::One(Cond::NotEqual);

    pub(crate) fn not(self) -> Test {
        match self {
            Test::One(cond) => Test::One(cond.not()),
            Test::And(a, b) => Test::Or(a.not(), b.not()),
            Test::Or(a, b) => Test::And(a.not(), b.not()),
        }
    }
}

impl Conditions for Emit<'_> {
    fn condition(&mut self, entry: Entry) {
        if let Some(value) = entry.as_const() {
            // The way not taken is emitted all the same: it is rare.
            self.asm.mov_imm32(SCRATCH, value as u32);
            self.asm.test(Width::W32, SCRATCH, SCRATCH);
        } else {
            self.test_zero(entry);
        }
    }

    fn set_test(&mut self, test: Test, reg: Gpr) {
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

    fn select_test(&mut self, test: Test) {
        let no = self.pop();
        let yes = self.pop();
        if in_vreg(yes.ty) {
            let result = self.to_temp_vreg(no);
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
            self.load_vreg_entry(result, yes);
            over.into_iter().flatten().for_each(|jump| self.asm.land(jump));
            self.free_entry(yes);
            self.push_vreg(yes.ty, result);
            return;
        }
        let width = width(yes.ty);
        // `and` is the inverse of an `or` with the operands in each other's place.
        let (yes, no, test) = if let Test::And(..) = test { (no, yes, test.not()) } else { (yes, no, test) };
        let result = self.to_temp(no);
        let source = self.to_loc(yes);
        match test {
            Test::One(cond) => self.asm.cmov(cond, width, result, source),
            Test::And(a, b) | Test::Or(a, b) => {
                self.asm.cmov(a, width, result, source);
                self.asm.cmov(b, width, result, source);
            }
        }
        self.free_loc(source);
        // A 32-bit cmov clears the upper half, whether it moves or not.
        self.push_gpr(yes.ty, result);
    }
}

impl Emit<'_> {
    /// Traps if the condition holds.
    pub(super) fn trap_if(&mut self, cond: Cond, code: TrapCode) {
        self.trap_on(Test::One(cond), code);
    }

    /// Compares an integer with zero.
    pub(super) fn test_zero(&mut self, entry: Entry) {
        let width = width(entry.ty);
        match self.to_loc(entry) {
            Rm::Reg(reg) => {
                self.asm.test(width, reg, reg);
                self.free(reg);
            }
            mem => self.asm.alu_imm(Alu::Cmp, width, mem, 0),
        }
    }
}
