//! Budgets: what a function counts down, so that the runtime learns which ones are hot.
//!
//! At the entry and at each loop header:
//!
//!     mov r11, [vmctx + VMCTX_BUDGETS]
//!     sub dword [r11 + 4 * func], cost
//!     js  detour
//!
//! The cost is the bytes of WebAssembly that follow: of the entry, those outside of all loops; of a loop, those of an
//! iteration, loops within it not counted, which pay for themselves. It is known at the end, and filled in then. The
//! counter is no place for threads to agree: decrements that are lost do not matter.
//!
//! The detour asks the runtime, which fills the budget up, and goes on where it came from, or elsewhere (`osr.rs`). Every register but r11 is
//! preserved, and at a loop header all operands are at home, or constants.
//!
//! Not here: what the runtime decides (`compile/tiering.rs`).

use super::trap::{Detour, DetourKind};
use super::x64::asm::{Alu, Cond, Label, Mem, Rm, Width};
use super::x64::regs::{Gpr, SCRATCH, VMCTX};
use super::{Budgets, Emit};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{VMCTX_BUDGETS, VMCTX_BUILTINS};
use crate::config::Osr;
use crate::tier::compiled::NO_LOOP;

/// A cost that is not known yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    /// Where it is to be written.
    field: u32,
    /// Where the loop, or the function, starts in the body.
    start: usize,
    /// Bytes of the loops within it.
    inner: usize,
}

impl Emit<'_> {
    /// Charges for an entry: all locals are where they live.
    pub(crate) fn charge_entry(&mut self) {
        self.charge(NO_LOOP);
    }

    /// Charges for an iteration, at the header of a loop with this index among the recorded ones.
    pub(crate) fn charge_loop(&mut self, site: u32) {
        self.charge(site);
    }

    fn charge(&mut self, site: u32) {
        if self.options.budgets == Budgets::Off {
            return;
        }
        self.asm.reserve(64);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUDGETS));
        let field = self.asm.alu_mem_field(Alu::Sub, Width::W32, Mem::base(SCRATCH, 4 * self.func.0 as i32));
        let mut from = Label::default();
        self.asm.jcc(Cond::Sign, &mut from);
        let kind = DetourKind::BudgetSpent { site, back: self.asm.offset() };
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind });
        self.charges.push(Charge { field, start: self.pc, inner: 0 });
    }

    /// Fills in the cost of the innermost open loop, or of the function, whose `end` was read.
    pub(crate) fn close_charge(&mut self) {
        let Some(Charge { field, start, inner }) = self.charges.pop() else { return };
        let bytes = self.pc - start;
        self.asm.set_field(field, (bytes - inner).max(1) as u32);
        if let Some(outer) = self.charges.last_mut() {
            outer.inner += bytes;
        }
    }

    /// The detour: see the header, and `Builtin::budget_spent_keeping`.
    pub(crate) fn budget_spent(&mut self, site: u32, back: u32) {
        self.asm.push_imm(site as i32);
        self.asm.push_imm(self.func.0 as i32);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUILTINS));
        self.asm.call_mem(Mem::base(SCRATCH, Builtin::budget_spent_keeping.offset()));
        self.call_site();
        self.asm.alu_imm(Alu::Add, Width::W64, Rm::Reg(Gpr::RSP), 16);
        if site == NO_LOOP || self.options.osr == Osr::Off {
            return self.asm.jmp_back(back);
        }
        self.leave_for_osr(back);
    }
}
