//! What the portable baseline tier notes of how a function runs: as `tier/baseline/x64/profile.rs` does it, in Cranelift's
//! IR. The optimising tier notes what its profile did not foresee, if the function may be compiled once more: targets of
//! indirect calls that are none of the usual ones or that nothing was known of, and direct calls where nothing was known
//! that would be inlined if they run often. Each costs of the function's budget, which baseline code has no use for by then.
//!
//! Not here: where counters are (`tier/counters.rs`), what they say (`compile/profile.rs`).

use cranelift_codegen::ir::{Block, InstBuilder, Value, condcodes::IntCC, types};

use wasmparser::Operator;

use super::Translator;
use super::call::Call;
use super::env::MUTABLE;
use crate::abi::profile::{PATIENCE_SHIFT, SITE_COUNT0, SITE_COUNT1, SITE_OTHERS, SITE_SLOT0, SITE_SLOT1};
use crate::abi::vmctx::VMCTX_PROFILE;
use crate::tier::top::Lookout;
use crate::types::DefinedFunc;

impl Translator<'_> {
    /// Counts the indirect calls that are met, those that cannot be reached included.
    pub(super) fn number_indirect_call(&mut self, op: &Operator<'_>) {
        if matches!(op, Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. }) {
            self.indirect_index += 1;
        }
    }

    /// Counts a direct call of a function of the module.
    pub(super) fn count_call(&mut self, func: Option<DefinedFunc>, call: Call) {
        let Some(layout) = self.counters else { return };
        let unforeseen = match (self.lookout, func) {
            (Lookout::Off, _) => false,
            (Lookout::On, Some(func)) if call == Call::Nested && self.may_be_worth_inlining(func) => true,
            (Lookout::On, _) => return,
        };
        let counters = self.vmctx_constant(types::I64, VMCTX_PROFILE);
        self.increment(counters, layout.cell(self.offset as u32));
        if unforeseen {
            self.charge_unforeseen();
        }
    }

    /// Notes the target of an indirect call, whose slot this is.
    pub(super) fn note_target(&mut self, slot: Value) {
        let Some(layout) = self.counters.filter(|_| self.unforeseen || self.lookout == Lookout::Off) else { return };
        let index = self.indirect_index - 1;
        let Some(site) = layout.site(self.module, self.current_func(), index) else { return };
        let counters = self.vmctx_constant(types::I64, VMCTX_PROFILE);
        let done = self.b.create_block();
        let slot0 = self.b.ins().load(types::I64, MUTABLE, counters, site + SITE_SLOT0);
        self.unless_equal(slot0, slot, done, |t| t.increment(counters, site + SITE_COUNT0));
        let slot1 = self.b.ins().load(types::I64, MUTABLE, counters, site + SITE_SLOT1);
        self.unless_equal(slot1, slot, done, |t| t.count_second(counters, site, slot));
        for (place, known, count) in [(SITE_SLOT0, slot0, SITE_COUNT0), (SITE_SLOT1, slot1, SITE_COUNT1)] {
            let zero = self.b.ins().iconst(types::I64, 0);
            self.unless_equal(known, zero, done, |t| t.take_place(counters, site, place, count, slot));
        }
        self.count_other(counters, site, slot);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
        if self.unforeseen {
            self.charge_unforeseen();
        }
    }

    fn increment(&mut self, counters: Value, offset: i32) {
        let count = self.b.ins().load(types::I32, MUTABLE, counters, offset);
        let count = self.b.ins().iadd_imm_s(count, 1);
        self.b.ins().store(MUTABLE, count, counters, offset);
    }

    /// If the values are equal, does `then` and goes to `done`; else goes on here.
    fn unless_equal(&mut self, a: Value, b: Value, done: Block, then: impl FnOnce(&mut Self)) {
        let (equal, next) = (self.b.create_block(), self.b.create_block());
        let is_equal = self.b.ins().icmp(IntCC::Equal, a, b);
        self.b.ins().brif(is_equal, equal, &[], next, &[]);
        self.b.switch_to_block(equal);
        self.b.seal_block(equal);
        then(self);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    fn take_place(&mut self, counters: Value, site: i32, place: i32, count: i32, slot: Value) {
        self.b.ins().store(MUTABLE, slot, counters, site + place);
        let one = self.b.ins().iconst(types::I32, 1);
        self.b.ins().store(MUTABLE, one, counters, site + count);
    }

    /// The second target was called once more: if it is the more frequent one now, both change places.
    fn count_second(&mut self, counters: Value, site: i32, slot: Value) {
        self.increment(counters, site + SITE_COUNT1);
        let slot0 = self.b.ins().load(types::I64, MUTABLE, counters, site + SITE_SLOT0);
        let count0 = self.b.ins().load(types::I32, MUTABLE, counters, site + SITE_COUNT0);
        let count1 = self.b.ins().load(types::I32, MUTABLE, counters, site + SITE_COUNT1);
        let more = self.b.ins().icmp(IntCC::UnsignedGreaterThan, count1, count0);
        let mut store = |place, then: Value, otherwise: Value| {
            let value = self.b.ins().select(more, then, otherwise);
            self.b.ins().store(MUTABLE, value, counters, site + place);
        };
        store(SITE_SLOT0, slot, slot0);
        store(SITE_SLOT1, slot0, slot);
        store(SITE_COUNT0, count1, count0);
        store(SITE_COUNT1, count0, count1);
    }

    /// A target without a place, which gets the second one if whatever is there has not been called for long.
    fn count_other(&mut self, counters: Value, site: i32, slot: Value) {
        self.increment(counters, site + SITE_OTHERS);
        let slot1 = self.b.ins().load(types::I64, MUTABLE, counters, site + SITE_SLOT1);
        let count1 = self.b.ins().load(types::I32, MUTABLE, counters, site + SITE_COUNT1);
        let others = self.b.ins().load(types::I32, MUTABLE, counters, site + SITE_OTHERS);
        let patience = self.b.ins().ishl_imm_u(count1, i64::from(PATIENCE_SHIFT));
        let replace = self.b.ins().icmp(IntCC::UnsignedLessThan, patience, others);
        let one = self.b.ins().iconst(types::I32, 1);
        let moved = self.b.ins().iadd(others, count1);
        let moved = self.b.ins().isub(moved, one);
        let mut store = |place, then: Value, otherwise: Value| {
            let value = self.b.ins().select(replace, then, otherwise);
            self.b.ins().store(MUTABLE, value, counters, site + place);
        };
        store(SITE_SLOT1, slot, slot1);
        store(SITE_COUNT1, one, count1);
        store(SITE_OTHERS, moved, others);
    }
}
