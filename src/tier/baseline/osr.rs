//! Leaving a loop for code of the top tier, which goes on in it: the rest of a loop's detour for a budget (`budget.rs`).
//!
//!     test r11, r11                 ; what the helper answered: an entry, or 0
//!     jz   back to the loop
//!     pins -> homes                 ; operands, and the pins of a loop, are at home
//!     rdi = vmctx, rsi = vmctx, [rdx = result pointer], next = rbp
//!     call r11
//!     epilogue                      ; the results are where it leaves them: our caller's, unchanged
//!
//! The code that is called reads the homes and returns what this function returns. So the frame stays, does nothing
//! any more, and is left out of backtraces ([`CallKind::Osr`]). Nothing is restored but what the epilogue restores.
//!
//! Not here: whether there is such code, and stack for it (`runtime/osr.rs`).

use super::stack::{NO_PIN, in_xmm, width};
use super::x64::asm::{Cond, Width};
use super::x64::regs::{Gpr, PARAMS, SCRATCH, VMCTX, Xmm};
use super::{Emit, pins};
use crate::tier::compiled::CallKind;

impl Emit<'_> {
    /// Goes on at the address in the scratch register, or back to the loop if that is 0.
    pub(crate) fn leave_for_osr(&mut self, back: u32) {
        self.asm.reserve(256);
        self.asm.test(Width::W64, SCRATCH, SCRATCH);
        self.asm.jcc_back(Cond::Equal, back);
        self.store_pins();
        let frame = self.frame;
        let mut params = PARAMS.into_iter();
        let mut next = || params.next().expect("there are few of them");
        self.asm.mov_rr(Width::W64, next(), VMCTX);
        self.asm.mov_rr(Width::W64, next(), VMCTX);
        if frame.has_result_pointer() {
            self.asm.load(Width::W64, next(), frame.result_pointer_mem());
        }
        self.asm.mov_rr(Width::W64, next(), Gpr::RBP);
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
            if in_xmm(local.ty) {
                self.store_xmm(local.ty, home, Xmm(local.pin));
            } else {
                self.asm.store(width(local.ty), home, Gpr(local.pin));
            }
        }
    }
}
