//! Fuel: what a run of operators takes, in front of it; what a bulk operator takes by its size.
//!
//! `tier/fuel.rs` has the rule. The counter is in the store, and nothing is kept in registers: a run takes one load,
//! one subtraction in memory and a branch.

use super::Emit;
use super::backend::{Assembler as _, Mem, SCRATCH, VMCTX, Width};
use super::stack::Entry;
use crate::abi::vmctx::{STORE_FUEL, VMCTX_STORE};
use crate::tier::fuel::{Metering, Size, run};
use crate::trap::TrapCode;

impl Emit<'_> {
    /// What comes next is not run as often as what came before: see [`Emit::begin_run`], and `tier/counters.rs`.
    #[inline(always)]
    pub(crate) fn begin_stretch(&mut self) {
        self.stretch_is_counted = false;
        self.begin_run();
    }

    /// A run of operators may begin at the next one: takes what it costs. Changes what tests look at.
    #[inline(always)]
    pub(crate) fn begin_run(&mut self) {
        if self.options.fuel == Metering::On {
            self.charge_run();
        }
    }

    #[inline(never)]
    fn charge_run(&mut self) {
        let Some(run) = run(self.code, self.pc) else { return };
        self.asm.reserve(64);
        // The trap is the first operator's of those that count.
        let operator = std::mem::replace(&mut self.operator, run.start);
        self.take_fuel(run.cost as i32);
        self.operator = operator;
    }

    fn take_fuel(&mut self, cost: i32) {
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_STORE));
        let exhausted = self.asm.decrement(Width::W64, Mem::base(SCRATCH, STORE_FUEL), cost);
        self.trap_on(exhausted, TrapCode::OutOfFuel);
    }

    /// Takes what a bulk operator costs beyond the unit that each operator does. `len` is popped, and stays as it is.
    pub(crate) fn take_by_size(&mut self, len: Entry, size: Size) {
        if self.options.fuel == Metering::Off {
            return;
        }
        self.asm.reserve(64);
        // Not the operand's register: the copy leaves zeros above an i32.
        let amount = self.alloc();
        self.load_entry(amount, len);
        self.asm.shift_right(amount, size.shift());
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_STORE));
        let exhausted = self.asm.decrement_by(Mem::base(SCRATCH, STORE_FUEL), amount);
        self.trap_on(exhausted, TrapCode::OutOfFuel);
        self.free(amount);
    }
}
