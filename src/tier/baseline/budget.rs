//! Budgets: what a function counts down, so that the runtime learns which ones are hot.
//!
//! At the entry:                                  At a loop header:
//!
//!     budgets[func] -= cost                          chunk -= cost
//!     if it is negative: detour                      if it is negative: detour
//!     chunk = CHUNK       ; if there are loops: here, or in front of a single outermost one
//!
//! Where each iteration begins with a direct call, that is counted in any case (`Profiles`). Such a loop counts it at its
//! header, and has no chunk: after so many calls it goes to its detour, and pays for all these iterations.
//!
//!     lowest byte of cell += 1
//!     if it is 0: detour             ; cell += CALLS, which the byte has lost
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
use super::decode::{skip_operator, u32_at};
use super::operand::Loc;
use super::trap::{Detour, DetourKind};
use crate::abi::builtin::Builtin;
use crate::abi::vmctx::{VMCTX_BUDGETS, VMCTX_BUILTINS, VMCTX_PROFILE};
use crate::config::{Config, Osr, TieringPolicy};
use crate::module::body::{BodyFlags, LoopInfo};
use crate::tier::compiled::NO_LOOP;
use crate::tier::counters::{CALL, LOOP, ends_stretch};
use crate::types::{DefinedFunc, FuncIndex};

/// Work that a loop does before it looks at the budget, at least, and how often it may run through the whole body.
const CHUNK: i32 = 512;
const BODIES: i32 = 32;

/// What an entry pays of a body with loops, in bodies: between one that skips them and the chunk that is free.
const LOOPING: i32 = 4;

/// Iterations that a loop counts by its calls before it pays for them: a byte of them.
const CALLS: i32 = 1 << 8;

/// Bodies that are searched for loops of the other kind before the frame is laid out. In larger ones, a chunk that
/// nobody takes is no matter.
const SEARCHED: usize = 512;

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
    field: Option<u32>,
    /// Index of the loop's detour.
    detour: usize,
    /// Where the loop starts in the body.
    start: usize,
    /// Bytes of the loops within it.
    inner: usize,
}

/// Where loops have what they count down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// There is nothing to count down.
    #[default]
    None,
    /// In a register, if locals leave one, or else in the frame.
    Register,
    /// In the frame: a function that calls itself would save the register as often as it counts.
    Home,
}

/// Where an activation gets the chunk that is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FirstChunk {
    #[default]
    AtEntry,
    /// In front of the outermost loop.
    AtLoop,
}

/// What is left, and why somebody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// The loop's index among the recorded ones.
    site: u32,
    place: Place,
    /// What an iteration of the loop costs, once that is known.
    cost: i32,
    /// Where to go on.
    back: u32,
}

/// What has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The budget, at the entry.
    Entry,
    /// The chunk of a loop.
    Chunk,
    /// The byte of a loop that counts its calls, in this cell.
    Calls(i32),
}

/// What so many bytes cost.
fn cost_of(bytes: usize) -> i32 {
    let cost = bytes.min(WHOLE) + bytes.saturating_sub(WHOLE) / BRANCHY;
    (cost as i32).max(1)
}

impl Emit<'_> {
    /// Charges for an entry: all locals are where they live.
    pub(crate) fn charge_entry(&mut self) {
        if self.options.budgets == Budgets::Off {
            return;
        }
        // What loops count by their calls is not lost from one activation to the next.
        let bodies = if self.frame.chunk().is_some() { LOOPING } else { 1 };
        let entry_cost = bodies * cost_of(self.code.len());
        self.asm.reserve(64);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUDGETS));
        let spent = self.asm.decrement(Width::W32, self.budget(), entry_cost);
        self.branch_if_spent(spent, NO_LOOP, Place::Entry);
        // A loop that is the only one in no other is entered once at most, if at all.
        let mut outermost = self.known.loops().iter().filter(|info| info.outer == LoopInfo::NONE);
        self.frame.first_chunk = match (outermost.next(), outermost.next()) {
            (Some(_), None) => FirstChunk::AtLoop,
            _ => FirstChunk::AtEntry,
        };
        if self.frame.first_chunk == FirstChunk::AtEntry {
            self.set_first_chunk();
        }
    }

    /// In front of the loop with this index: gives it its chunk, if that was left to it.
    pub(crate) fn prepare_charge(&mut self, index: usize) {
        if self.frame.first_chunk == FirstChunk::AtLoop && self.known.loops()[index].outer == LoopInfo::NONE {
            self.set_first_chunk();
        }
    }

    fn set_first_chunk(&mut self) {
        if let Some((rest, chunk)) = self.frame.chunk().zip(self.chunk()) {
            self.asm.reserve(32);
            self.set_chunk(rest, chunk);
        }
    }

    /// Charges for an iteration, at the header of a loop with this index among the recorded ones.
    pub(crate) fn charge_loop(&mut self, site: u32) {
        if self.options.budgets == Budgets::Off {
            return;
        }
        self.asm.reserve(64);
        let (detour, start) = (self.detours.len(), self.pc);
        if let Some(cell) = self.cell_of_header(start) {
            self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_PROFILE));
            let full = self.asm.count_in_byte(Mem::base(SCRATCH, cell));
            self.stretch_is_counted = true;
            self.branch_if_spent(full, site, Place::Calls(cell));
            self.charges.push(Charge { field: None, detour, start, inner: 0 });
        } else {
            let rest = self.frame.chunk().expect("a loop that does not count its calls has a chunk");
            let (field, spent) = self.asm.decrement_later(rest);
            self.branch_if_spent(spent, site, Place::Chunk);
            self.charges.push(Charge { field: Some(field), detour, start, inner: 0 });
        }
    }

    /// The cell of the direct call that each iteration of a loop begins with, whose body starts here.
    fn cell_of_header(&self, mut at: usize) -> Option<i32> {
        // Steps that the host has chosen are kept to.
        let layout = self.counters.filter(|_| self.options.budgets == Budgets::On)?;
        while !ends_stretch(self.code[at]) {
            if self.code[at] == CALL && self.callee_at(at).is_some() {
                return Some(layout.cell(self.body_start + at as u32));
            }
            skip_operator(self.code, &mut at);
        }
        None
    }

    /// What loops count down. A frame of which none is known yet.
    pub(crate) fn choose_chunk(&self) -> Chunks {
        if self.options.budgets == Budgets::Off || !self.has(BodyFlags::LOOPS) {
            return Chunks::None;
        }
        if !self.has(BodyFlags::CALLS_IN_LOOP) || self.code.len() > SEARCHED {
            return Chunks::Register;
        }
        let (mut chunks, mut own_calls) = (Chunks::None, 0);
        let mut at = self.pc;
        while at < self.code.len() {
            let start = at;
            skip_operator(self.code, &mut at);
            match self.code[start] {
                LOOP if self.cell_of_header(at).is_none() => chunks = Chunks::Register,
                CALL if self.callee_at(start) == Some(self.func) => own_calls += 1,
                _ => {}
            }
        }
        if own_calls != 0 && chunks == Chunks::Register { Chunks::Home } else { chunks }
    }

    /// The function of the module that the `call` here calls.
    fn callee_at(&self, at: usize) -> Option<DefinedFunc> {
        self.module.defined_func(FuncIndex(u32_at(self.code, &mut (at + 1))))
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

    fn branch_if_spent(&mut self, spent: Test, site: u32, place: Place) {
        let mut from = Label::default();
        self.asm.branch(spent, &mut from);
        let kind = DetourKind::BudgetSpent(Spent { site, place, cost: 0, back: self.asm.offset() });
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind });
    }

    /// Fills in the cost of the innermost open loop, whose `end` was read.
    pub(crate) fn close_charge(&mut self) {
        let Some(Charge { field, detour, start, inner }) = self.charges.pop() else { return };
        let bytes = self.pc - start;
        let cost = cost_of(bytes - inner);
        if let Some(field) = field {
            self.asm.set_amount(field, cost as u32);
        }
        if let DetourKind::BudgetSpent(spent) = &mut self.detours[detour].kind {
            spent.cost = cost;
        }
        if let Some(outer) = self.charges.last_mut() {
            outer.inner += bytes;
        }
    }

    /// The detour: see the header, and `Builtin::budget_spent_keeping`.
    pub(crate) fn budget_spent(&mut self, Spent { site, place, cost, back }: Spent) {
        self.asm.reserve(128);
        let work = match (place, self.frame.chunk().zip(self.chunk())) {
            (Place::Calls(cell), _) => {
                self.asm.count(Mem::base(SCRATCH, cell), CALLS);
                Some(cost.saturating_mul(CALLS))
            }
            (Place::Chunk, Some((rest, chunk))) => {
                self.set_chunk(rest, chunk);
                Some(chunk.max(cost))
            }
            _ => None,
        };
        if let Some(work) = work {
            self.poll_here();
            self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_BUDGETS));
            let spent = self.asm.decrement(Width::W32, self.budget(), work);
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
