//! Budgets: what a function counts down, so that the runtime learns which ones are hot.
//!
//! At the entry:                                  At a loop header:
//!
//!     budgets[func] -= cost                          chunk -= cost
//!     if it is negative: detour                      if it is negative: detour
//!     chunk = CHUNK                  ; if there are loops
//!
//! Loops use up a chunk that each activation gets for nothing, and take the next one from the function's budget in
//! their detour. So they touch their frame only, by one instruction, and threads do not meet; where a register is left,
//! the chunk is there. (Entries have no frame that lasts.) The entry pays for the whole body, and more where there are loops, which makes up for the first chunk. The detour also
//! polls for interrupts, so that the loop need not: a chunk is a fraction of a microsecond, and nobody else counts it.
//!
//! A cost is the bytes of WebAssembly that follow, of a loop without the loops within it, which pay for themselves; of
//! large bodies a part, since they branch. That of a loop is known at its end, and filled in then. The budget is no
//! place for threads to agree: decrements that are lost do not matter.
//!
//! The detour asks the runtime, which fills the budget up, and goes on where it came from, or elsewhere (`osr.rs`).
//! Every register but the scratch register is preserved, and at a loop header all operands are at home, or constants.
//!
//! Not here: what the runtime decides (`compile/tiering.rs`).

use super::Emit;
use super::backend::{Assembler as _, Label, Mem, SCRATCH, Test, VMCTX, Width};
use super::operand::Loc;
use super::trap::{Detour, DetourKind};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{VMCTX_BUDGETS, VMCTX_BUILTINS};
use crate::config::{Config, Osr, TieringPolicy};
use crate::tier::compiled::NO_LOOP;

/// Work that a loop does before it looks at the budget, at least, and how often it may run through the whole body.
const CHUNK: i32 = 512;
const BODIES: i32 = 32;

/// What an entry pays of a body with loops, in bodies: between one that skips them and the chunk that is free.
const LOOPING: i32 = 4;

/// Bytes of a body that are run as a rule.
const WHOLE: usize = 1024;

/// Of those beyond, one in so many.
const BRANCHY: usize = 4;

/// Whether functions count what they do, and in which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budgets {
    Off,
    /// Loops look at the budget after a chunk.
    On,
    /// They do after so much work.
    After(i32),
}

impl Budgets {
    pub(crate) fn of(config: &Config) -> Budgets {
        if !config.tiers_up() {
            return Budgets::Off;
        }
        match (config.tiering.osr, config.tiering.policy) {
            // A test counts iterations.
            (Osr::At(_), _) => Budgets::After(0),
            (_, TieringPolicy::Custom(budget)) if budget < SMALL => Budgets::After((budget / 8) as i32),
            _ => Budgets::On,
        }
    }
}

/// A budget that chunks would be too large for.
const SMALL: u32 = 1 << 16;

/// The cost of a loop that is not known yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    /// Where it is to be written.
    field: u32,
    /// Where the loop starts in the body.
    start: usize,
    /// Bytes of the loops within it.
    inner: usize,
}

/// What is left, and why somebody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// The loop's index among the recorded ones.
    site: u32,
    /// Where its cost is written; `None`: at the entry.
    field: Option<u32>,
    /// Where to go on.
    back: u32,
}

/// What so many bytes cost.
fn cost_of(bytes: usize) -> i32 {
    let cost = bytes.min(WHOLE) + bytes.saturating_sub(WHOLE) / BRANCHY;
    (cost as i32).max(1)
}

impl Emit<'_> {
    /// Charges for an entry: all locals are where they live.
    pub(crate) fn charge_entry(&mut self) {
        let Some(chunk) = self.chunk() else { return };
        let bodies = if self.frame.chunk().is_some() { LOOPING } else { 1 };
        let entry_cost = bodies * cost_of(self.code.len());
        self.asm.reserve(64);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUDGETS));
        let spent = self.asm.decrement(Width::W32, self.budget(), entry_cost);
        self.branch_if_spent(spent, NO_LOOP, None);
        if let Some(rest) = self.frame.chunk() {
            self.set_chunk(rest, chunk);
        }
    }

    /// Charges for an iteration, at the header of a loop with this index among the recorded ones.
    pub(crate) fn charge_loop(&mut self, site: u32) {
        if let Some(rest) = self.frame.chunk() {
            self.asm.reserve(32);
            let (field, spent) = self.asm.decrement_later(rest);
            self.branch_if_spent(spent, site, Some(field));
            self.charges.push(Charge { field, start: self.pc, inner: 0 });
        }
    }

    /// Work that loops do before they look at the budget.
    fn chunk(&self) -> Option<i32> {
        match self.options.budgets {
            Budgets::Off => None,
            Budgets::On => Some(CHUNK.max(BODIES * cost_of(self.code.len()))),
            Budgets::After(chunk) => Some(chunk),
        }
    }

    fn set_chunk(&mut self, rest: Loc, chunk: i32) {
        match rest {
            Loc::Reg(reg) => self.asm.set(reg, u64::from(chunk as u32)),
            Loc::Mem(rest) => self.asm.store_const(Width::W32, rest, u64::from(chunk as u32)),
        }
    }

    /// The budget of the function, whose array is in the scratch register.
    fn budget(&self) -> Mem {
        Mem::base(SCRATCH, 4 * self.func.0 as i32)
    }

    fn branch_if_spent(&mut self, spent: Test, site: u32, field: Option<u32>) {
        let mut from = Label::default();
        self.asm.branch(spent, &mut from);
        let kind = DetourKind::BudgetSpent(Spent { site, field, back: self.asm.offset() });
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind });
    }

    /// Fills in the cost of the innermost open loop, whose `end` was read.
    pub(crate) fn close_charge(&mut self) {
        let Some(Charge { field, start, inner }) = self.charges.pop() else { return };
        let bytes = self.pc - start;
        self.asm.set_amount(field, cost_of(bytes - inner) as u32);
        if let Some(outer) = self.charges.last_mut() {
            outer.inner += bytes;
        }
    }

    /// The detour: see the header, and `Builtin::budget_spent_keeping`.
    pub(crate) fn budget_spent(&mut self, Spent { site, field, back }: Spent) {
        if let (Some(field), Some(rest), Some(chunk)) = (field, self.frame.chunk(), self.chunk()) {
            let cost = self.asm.amount(field) as i32;
            self.asm.reserve(128);
            self.set_chunk(rest, chunk);
            self.poll_here();
            self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUDGETS));
            let spent = self.asm.decrement(Width::W32, self.budget(), chunk.max(cost));
            self.asm.branch_back(spent.not(), back);
        }
        self.asm.push_two(site as i32, self.func.0 as i32);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUILTINS));
        self.asm.call_mem(Mem::base(SCRATCH, Builtin::budget_spent_keeping.offset()));
        self.call_site();
        self.asm.raise_stack(16);
        if site == NO_LOOP || self.options.osr == Osr::Off {
            return self.asm.jump_back(back);
        }
        self.leave_for_osr(back);
    }
}
