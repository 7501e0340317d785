//! Budgets of the portable baseline tier, and of the optimising one where its profile was wrong: as `tier/baseline/budget.rs` does it, in Cranelift's IR.
//!
//! Not here: what the runtime decides (`compile/tiering.rs`).

use cranelift_codegen::ir::{Block, Inst, InstBuilder, InstructionData, Value, condcodes::IntCC, types};

use super::Translator;
use super::env::MUTABLE;
use crate::abi::builtin::Builtin;
use crate::abi::profile::UNFORESEEN;
use crate::abi::vmctx::VMCTX_BUDGETS;
use crate::tier::compiled::{Edition, NO_LOOP};
use crate::tier::top::Budgets;

/// What a call costs that the profile did not foresee: about what could be saved, in bytes of WebAssembly.
const UNFORESEEN_COST: i64 = 16;

/// A cost that is not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// The constant that stands for it.
    cost: Inst,
    /// Where the loop, or the function, starts in the module.
    start: u64,
    /// Bytes of the loops within it.
    inner: u64,
}

impl Translator<'_> {
    /// Charges for an entry.
    pub(super) fn charge_entry(&mut self) {
        self.charge(NO_LOOP);
    }

    /// Charges for an iteration, at the header of a loop.
    pub(super) fn charge_loop(&mut self) {
        if self.options.budgets == Budgets::On {
            let site = self.record_loop();
            self.charge(site);
        }
    }

    fn charge(&mut self, site: u32) {
        if self.options.budgets == Budgets::Off {
            return;
        }
        let cost = self.b.ins().iconst(types::I32, 0);
        let next = self.spend(|t, budget| t.b.ins().isub(budget, cost));
        let args = [self.index_const(self.func.0), self.index_const(site)];
        let entry = self.call_builtin_value(Builtin::budget_spent, &args);
        if site == NO_LOOP {
            self.b.ins().jump(next, &[]);
        } else {
            self.leave_for_osr(entry, site, next);
        }
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        let cost = self.b.func.dfg.value_def(cost).unwrap_inst();
        self.charges.push(Charge { cost, start: self.offset, inner: 0 });
    }

    /// Takes from the function's budget, goes on where nothing is left of it, and says where to go from there.
    fn spend(&mut self, take: impl FnOnce(&mut Self, Value) -> Value) -> Block {
        let (spent, next) = (self.b.create_block(), self.b.create_block());
        let budgets = self.vmctx_constant(types::I64, VMCTX_BUDGETS);
        let offset = 4 * self.func.0 as i32;
        let budget = self.b.ins().load(types::I32, MUTABLE, budgets, offset);
        let rest = take(self, budget);
        self.b.ins().store(MUTABLE, rest, budgets, offset);
        let is_spent = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, rest, 0);
        self.b.set_cold_block(spent);
        self.b.ins().brif(is_spent, spent, &[], next, &[]);
        self.b.switch_to_block(spent);
        self.b.seal_block(spent);
        next
    }

    /// Charges for what the profile did not foresee.
    pub(super) fn charge_unforeseen(&mut self) {
        self.edition = Edition::Provisional;
        let next = self.spend(|t, budget| t.b.ins().iadd_imm_s(budget, -UNFORESEEN_COST));
        let args = [self.index_const(self.func.0), self.index_const(UNFORESEEN)];
        self.call_builtin(Builtin::budget_spent, &args);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// Fills in the cost of the innermost open loop, or of the function, whose `end` was read.
    pub(super) fn close_charge(&mut self) {
        let Some(Charge { cost, start, inner }) = self.charges.pop() else { return };
        let bytes = self.offset - start;
        let InstructionData::UnaryImm { imm, .. } = &mut self.b.func.dfg.insts[cost] else {
            unreachable!("it was made as a constant")
        };
        *imm = ((bytes - inner).max(1) as i64).into();
        if let Some(outer) = self.charges.last_mut() {
            outer.inner += bytes;
        }
    }
}
