//! Traps and polls: what is emitted in line, and what lies behind the function.
//!
//! With signals, a check jumps to an undefined instruction of its own, which is a trap site. Without, it jumps to a
//! call of the helper that raises.

use super::Emit;
use super::backend::{Assembler as _, Label, Mem, PARAMS, Profiles as _, SCRATCH, Test, VMCTX, Width};
use super::budget::{Budgets, Spent};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{STORE_STACK_LIMIT, VMCTX_BUILTINS, VMCTX_STORE};
use crate::tier::compiled::{CallKind, CallSite, InlinedIndex, TrapSite};
use crate::tier::top::Signals;
use crate::trap::TrapCode;

/// Code behind the function, which something in it jumps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detour {
    pub(crate) from: Label,
    pub(crate) wasm_offset: u32,
    pub(crate) kind: DetourKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum DetourKind {
    Trap(TrapCode),
    /// The poll of a loop found the limit poisoned; goes on at this offset.
    Attend {
        back: u32,
    },
    /// An indirect call whose target is not the first of its record, at this offset; goes on at this offset.
    OtherTarget {
        site: i32,
        back: u32,
    },
    /// The budget is spent, at a loop or at the entry; goes on at this offset.
    BudgetSpent(Spent),
}

impl Emit<'_> {
    /// Notes that the instruction at the cursor may fault with this code.
    #[inline(always)]
    pub(crate) fn trap_site(&mut self, code: TrapCode) {
        let (offset, wasm_offset) = (self.asm.offset(), self.wasm_offset());
        let site = TrapSite { offset, wasm_offset, inlined: InlinedIndex::OWN, code };
        self.trap_sites.push(site);
    }

    /// Notes that a call has just been written.
    pub(crate) fn call_site(&mut self) {
        let site = CallSite {
            return_offset: self.asm.offset(),
            wasm_offset: self.wasm_offset(),
            inlined: InlinedIndex::OWN,
            reference_map: CallSite::NONE,
            handler: CallSite::NONE,
            kind: CallKind::Nested,
        };
        self.call_sites.push(site);
    }

    /// Traps if the test holds.
    #[inline(always)]
    pub(crate) fn trap_on(&mut self, test: Test, code: TrapCode) {
        let mut from = Label::default();
        self.asm.branch(test, &mut from);
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind: DetourKind::Trap(code) });
    }

    /// Traps.
    pub(crate) fn trap(&mut self, code: TrapCode) {
        match self.options.signals {
            Signals::On => {
                self.trap_site(code);
                self.asm.undefined();
            }
            Signals::Off => {
                self.asm.set(PARAMS[1], u64::from(code as u32));
                self.call_builtin_with(Builtin::raise);
                self.asm.undefined();
            }
        }
    }

    /// Calls a helper whose arguments are in place but for the vmctx.
    pub(crate) fn call_builtin_with(&mut self, builtin: Builtin) {
        self.asm.copy(Width::W64, PARAMS[0], VMCTX);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUILTINS));
        self.asm.call_mem(Mem::base(SCRATCH, builtin.offset()));
        self.call_site();
    }

    /// Lets the host interrupt this loop: asks for attention if the stack limit is poisoned. No operand is in a
    /// register. Where loops count, they ask when they look at the budget.
    pub(crate) fn poll(&mut self) {
        if !self.options.interrupts || self.options.budgets != Budgets::Off {
            return;
        }
        let poisoned = self.limit_is_poisoned();
        let mut from = Label::default();
        self.asm.branch(poisoned, &mut from);
        let kind = DetourKind::Attend { back: self.asm.offset() };
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind });
    }

    /// Whether the stack limit is that of an interrupt.
    fn limit_is_poisoned(&mut self) -> Test {
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_STORE));
        self.asm.is_all_ones(Mem::base(SCRATCH, STORE_STACK_LIMIT))
    }

    /// The same as [`Emit::poll`], where it is not run often.
    pub(crate) fn poll_here(&mut self) {
        if self.options.interrupts {
            let poisoned = self.limit_is_poisoned();
            let calm = self.asm.skip_unless(poisoned);
            self.attend();
            self.asm.land(calm);
        }
    }

    /// Asks for attention. The helper preserves everything; the register of its argument may be a pinned local's.
    fn attend(&mut self) {
        self.asm.keep(PARAMS[0]);
        self.call_builtin_with(Builtin::interrupt);
        self.asm.take_back(PARAMS[0]);
    }

    /// Writes what the function jumps to from within.
    pub(crate) fn write_detours(&mut self) {
        let mut detours = std::mem::take(&mut self.detours);
        for Detour { from, wasm_offset, kind } in detours.drain(..) {
            self.asm.reserve(64);
            self.asm.bind(from);
            self.operator = (wasm_offset - self.body_start) as usize;
            match kind {
                DetourKind::Trap(code) => self.trap(code),
                DetourKind::Attend { back } => {
                    self.attend();
                    self.asm.jump_back(back);
                }
                DetourKind::OtherTarget { site, back } => self.other_target(site, back),
                DetourKind::BudgetSpent(spent) => self.budget_spent(spent),
            }
        }
        self.detours = detours;
        self.write_target_routine();
    }
}
