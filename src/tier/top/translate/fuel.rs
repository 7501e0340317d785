//! Fuel: what a run of operators takes, in front of it; what a bulk operator takes by its size.
//!
//! `tier/fuel.rs` has the rule. The counter is in the store, and is written at each run: a trap within a run, by a
//! fault of any load, must find there what was taken. (Cranelift passes the value on from run to run, and does not load it
//! again between calls.)

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};

use super::Translator;
use super::env::MUTABLE;
use crate::abi::vmctx;
use crate::tier::fuel::{self, Metering, Size};
use crate::trap::TrapCode;
use crate::types::IndexType;

impl Translator<'_> {
    /// Notes that a function's body begins, a run with it.
    pub(super) fn begin_body_fuel(&mut self) {
        self.run_due = self.options.fuel == Metering::On;
    }

    /// In front of an operator that is reached: takes the cost of the run that begins with it, if one does. `opcode`
    /// is its first byte.
    pub(super) fn fuel_before(&mut self, opcode: u8) {
        if self.run_due && !fuel::is_free(opcode) {
            self.run_due = false;
            let run = fuel::run(self.module.bytes(), self.offset as usize).expect("the operator counts");
            let cost = self.b.ins().iconst(types::I64, i64::from(run.cost));
            self.take_fuel(cost);
        }
    }

    /// Behind an operator, reached or not.
    pub(super) fn fuel_behind(&mut self, opcode: u8) {
        self.run_due |= fuel::is_border(opcode);
    }

    /// Takes what a bulk operator costs beyond the unit that each operator does.
    pub(super) fn take_by_size(&mut self, len: Value, index: IndexType, size: Size) {
        if self.options.fuel == Metering::Off {
            return;
        }
        if self.constant(len).is_some_and(|len| len as u64 >> size.shift() == 0) {
            return;
        }
        let len = self.widen(index, len);
        let amount = self.b.ins().ushr_imm_u(len, i64::from(size.shift()));
        self.take_fuel(amount);
    }

    fn take_fuel(&mut self, amount: Value) {
        let store = self.vmctx_constant(types::I64, vmctx::VMCTX_STORE);
        let left = self.b.ins().load(types::I64, MUTABLE, store, vmctx::STORE_FUEL);
        let left = self.b.ins().isub(left, amount);
        self.b.ins().store(MUTABLE, left, store, vmctx::STORE_FUEL);
        let spent = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        self.trap_if(spent, TrapCode::OutOfFuel);
    }
}
