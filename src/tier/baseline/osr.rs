//! Leaving a loop for code of the top tier, which goes on in it: the rest of a loop's detour for a budget (`budget.rs`).
//!
//!     scratch = what the helper answered: an entry, or 0
//!     if it is 0: back to the loop
//!     pins -> homes                 ; operands, and the pins of a loop, are at home
//!     call scratch (vmctx, vmctx, [result pointer], frame)
//!     epilogue                      ; the results are where it leaves them: our caller's, unchanged
//!
//! The code that is called reads the homes and returns what this function returns. So the frame stays, does nothing
//! any more, and is left out of backtraces ([`CallKind::Osr`]). Nothing is restored but what the epilogue restores.
//!
//! Not here: whether there is such code, and stack for it (`runtime/osr.rs`).

use super::backend::{Assembler as _, FRAME, PARAMS, SCRATCH, VMCTX, VectorMoves as _, Width};
use super::regs::{Gpr, Vreg};
use super::stack::{NO_PIN, in_vreg, width};
use super::{Emit, pins};
use crate::tier::compiled::CallKind;

impl Emit<'_> {
    /// Goes on at the address in the scratch register, or back to the loop if that is 0.
    pub(crate) fn leave_for_osr(&mut self, back: u32) {
        self.asm.reserve(256);
        let none = self.asm.is_zero(SCRATCH);
        self.asm.branch_back(none, back);
        self.store_pins();
        let frame = self.frame;
        let mut params = PARAMS.into_iter();
        let mut next = || params.next().expect("there are few of them");
        self.asm.copy(Width::W64, next(), VMCTX);
        self.asm.copy(Width::W64, next(), VMCTX);
        if frame.has_result_pointer() {
            self.asm.load(Width::W64, next(), frame.result_pointer_mem());
        }
        self.asm.copy(Width::W64, next(), FRAME);
        self.asm.call_reg(SCRATCH);
        self.call_site();
        self.call_sites.last_mut().expect("it was just added").kind = CallKind::Osr;
        self.leave();
        self.asm.ret(frame.stack_args);
    }

    /// Brings every local home that lives in a register and has nothing that counts there.
    fn store_pins(&mut self) {
        for index in 0..self.locals.len() {
            let local = self.locals[index];
            if local.pin == NO_PIN || local.home == pins::Home::Current {
                continue;
            }
            let home = self.frame.local_mem(index as u32);
            if in_vreg(local.ty) {
                self.store_vreg(local.ty, home, Vreg(local.pin));
            } else {
                self.asm.store(width(local.ty), home, Gpr(local.pin));
            }
        }
    }
}
