//! What uses the result of a comparison: a branch, an `if`, a `select`, or an operator that wants it as a number.

use super::Emit;
use super::backend::{Conditions as _, Test};
use crate::types::ValType;

impl Emit<'_> {
    /// A comparison has been written, and its operands are freed: pushes its result, or, if the next operator is a
    /// branch, an `if` or a `select`, emits that.
    pub(crate) fn outcome(&mut self, mut test: Test) {
        // i32.eqz inverts.
        while self.peek() == 0x45 {
            self.pc += 1;
            test = test.not();
        }
        match self.peek() {
            0x0d => {
                self.pc += 1;
                self.br_if_test(test);
            }
            0x04 => {
                self.pc += 1;
                self.if_test(test);
            }
            0x1b => {
                self.pc += 1;
                self.select_test(test);
            }
            _ => {
                let reg = self.alloc();
                self.set_test(test, reg);
                self.push_gpr(ValType::I32, reg);
            }
        }
    }

    pub(crate) fn select(&mut self) {
        let condition = self.pop();
        self.condition(condition);
        self.select_test(Test::NOT_ZERO);
    }

    pub(crate) fn typed_select(&mut self) {
        for _ in 0..self.u32() {
            super::decode::val_type_at(self.code, &mut self.pc);
        }
        self.select();
    }
}
