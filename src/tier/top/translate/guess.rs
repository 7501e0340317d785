//! What a profile is good for: calls that run often are inlined where they would not be otherwise, those that never
//! ran are not, and where an indirect call has one or two usual targets, they are compared with:
//!
//!     funcref == vmctx + place of f ? call f : funcref == vmctx + place of g ? call g : call funcref
//!
//! The reference of an own function is part of the instance, so the comparison says all: it is not null, it has the
//! type, the instance is the caller's. Nothing is loaded from it.
//!
//! What has not run is cold, if something behind it in its body has: otherwise the function may be in its first call,
//! and not have come that far.
//!
//! A profile is believed in nothing but how often things happen. What was ordered of a call counts more than all that.
//!
//! Not here: what is inlined then (`inline.rs`), where profiles come from (`compile/profile.rs`).

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use wasmparser::BlockType;

use super::Translator;
use super::call::Call;
use super::state::{Frame, FrameKind, Reach};
use crate::tier::profile::{Absent, FunctionProfile, Order, SIGNIFICANT};
use crate::tier::top::Lookout;
use crate::types::{DefinedFunc, FuncIndex, TypeIndex};

/// What a profile says about a call, or about one of the targets of an indirect one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// Nothing.
    Unknown,
    /// It is among those that run most.
    Often,
    /// It has run, or what is known is too little.
    Sometimes,
    /// It has not run, though others have, often.
    Never,
    /// Somebody wants it to be inlined, or not to be.
    Ordered(Order),
}

/// What happens at least as often as this part of the most frequent happens often.
const OFTEN: u64 = 1 << 7;

/// A target is usual if it is at least this part of a call's.
const USUAL: u64 = 4;

/// A profile, and how often the most frequent of what it counts happens.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    profile: &'a FunctionProfile,
    /// `None`: too little happened to say anything.
    most: Option<u64>,
}

impl<'a> Known<'a> {
    /// What a profile says, if it says something.
    pub(super) fn of(profile: Option<&'a FunctionProfile>) -> Option<Known<'a>> {
        let profile = profile?;
        let calls = profile.calls.iter().map(|call| call.count);
        let indirect = profile.indirect.iter().map(|site| site.total);
        let most = calls.chain(indirect).max().filter(|most| *most >= SIGNIFICANT);
        (most.is_some() || !profile.orders.is_empty()).then_some(Known { profile, most })
    }

    /// Whether something has run between two offsets, the first of them not counted.
    fn has_run(&self, offset: u32, end: u32) -> bool {
        let FunctionProfile { calls, indirect, loops, .. } = self.profile;
        let next = [
            calls.get(calls.partition_point(|call| call.wasm_offset <= offset)).map(|call| call.wasm_offset),
            indirect.get(indirect.partition_point(|site| site.wasm_offset <= offset)).map(|site| site.wasm_offset),
            loops.get(loops.partition_point(|site| site.wasm_offset <= offset)).map(|site| site.wasm_offset),
        ];
        next.into_iter().flatten().any(|next| next < end)
    }

    fn runs(&self, count: u64, not_yet: Runs) -> Runs {
        match (count, self.most) {
            (_, None) => Runs::Unknown,
            (0, _) => not_yet,
            (_, Some(most)) if count.saturating_mul(OFTEN) >= most => Runs::Often,
            _ => Runs::Sometimes,
        }
    }
}

impl Translator<'_> {
    /// How often the call that is being translated goes to this function.
    pub(super) fn runs_of_call(&self, func: DefinedFunc) -> Runs {
        let Some(known) = self.known else { return Runs::Unknown };
        if let Some(order) = known.profile.order(self.offset as u32) {
            return Runs::Ordered(order);
        }
        let not_yet = self.if_absent(known);
        let Some(site) = known.profile.indirect(self.offset as u32) else {
            let count = known.profile.calls(self.offset as u32);
            return known.runs(count.unwrap_or(0), if count.is_some() { Runs::Never } else { not_yet });
        };
        match site.targets.iter().find(|(target, _)| *target == func) {
            Some((_, count)) => known.runs(*count, not_yet),
            // It may be one of those that have no place of their own.
            None if site.targets.iter().map(|(_, count)| count).sum::<u64>() < site.total => Runs::Sometimes,
            None => Runs::Never,
        }
    }

    /// Whether nothing is known of how often calls run.
    pub(super) fn knows_no_calls(&self) -> bool {
        self.known.is_none_or(|known| known.most.is_none())
    }

    /// Marks what is being translated as cold if a call in it, of this function, has never run.
    pub(super) fn note_call(&mut self, func: DefinedFunc) {
        if self.runs_of_call(func) == Runs::Never {
            self.has_rare_calls = true;
            self.mark_cold();
        }
    }

    /// As [`Translator::note_call`], of an indirect call, whatever it calls.
    pub(super) fn note_indirect_call(&mut self) {
        let never = |known: Known<'_>| match known.profile.indirect(self.offset as u32) {
            Some(site) => site.total == 0,
            // Bodies that are validated late have no place to count in.
            None => self.module.indirect_sites().count() > 0 && self.if_absent(known) == Runs::Never,
        };
        if self.known.is_some_and(|known| known.most.is_some() && never(known)) {
            self.has_rare_calls = true;
            self.mark_cold();
        }
    }

    /// What it says of the call that is being translated that it is not in the profile.
    fn if_absent(&self, known: Known<'_>) -> Runs {
        let end = self.module.body_range(self.current_func()).end as u32;
        let has_not_run = known.profile.absent == Absent::NotRun && known.has_run(self.offset as u32, end);
        if has_not_run { Runs::Never } else { Runs::Unknown }
    }

    /// The usual targets of the indirect call that is being translated, the most frequent first, and whether there are
    /// hardly any others.
    fn guesses(&self, type_index: TypeIndex) -> ([Option<FuncIndex>; 2], Others) {
        let mut guesses = [None; 2];
        let site = self.known.and_then(|known| known.profile.indirect(self.offset as u32));
        let Some(site) = site.filter(|site| site.total >= SIGNIFICANT) else { return (guesses, Others::Unknown) };
        let ty = &self.module.types()[type_index.index()];
        let mut others = site.total;
        let usual = site.targets.iter().filter(|(_, count)| count.saturating_mul(USUAL) >= site.total);
        for (guess, (func, count)) in guesses.iter_mut().zip(usual) {
            let func = self.module.func_index(*func);
            if self.module.func_type(func) == ty && self.module.escaping_position(func).is_some() {
                *guess = Some(func);
                others = others.saturating_sub(*count);
            }
        }
        (guesses, if others.saturating_mul(16) <= site.total { Others::Few } else { Others::Many })
    }

    /// Calls what a reference from a table refers to, if it is a usual target, or says that nothing is known of any.
    /// `otherwise` calls whatever it is. The arguments are on the stack, and the results take their place.
    pub(super) fn call_guessed(
        &mut self,
        funcref: Value,
        type_index: TypeIndex,
        call: Call,
        otherwise: impl FnOnce(&mut Self),
    ) {
        let (guesses, others) = self.guesses(type_index);
        // A call of which nothing is known, or one that was not usual, may become so.
        let unforeseen = self.lookout == Lookout::On && others != Others::Many;
        let otherwise = |t: &mut Self| {
            t.unforeseen = unforeseen;
            otherwise(t);
            t.unforeseen = false;
        };
        if guesses == [None; 2] {
            return otherwise(self);
        }
        let params = self.module.types()[type_index.index()].params().len();
        let base = self.buf.stack.len() - params;
        // A block around all of the ways: its end is where they meet.
        let ty = BlockType::FuncType(type_index.0);
        self.buf.frames.push(Frame { kind: FrameKind::Block, ty, outer_height: base, height: base, end: None });
        for func in guesses.into_iter().flatten() {
            let (hit, miss) = (self.b.create_block(), self.b.create_block());
            let position = self.module.escaping_position(func).expect("as above");
            let own = self.b.ins().iadd_imm_s(self.vmctx, i64::from(self.layout.funcref(position)));
            let is_it = self.b.ins().icmp(IntCC::Equal, funcref, own);
            self.b.ins().brif(is_it, hit, &[], miss, &[]);
            self.b.switch_to_block(hit);
            self.b.seal_block(hit);
            self.buf.stack.extend_from_within(base..);
            self.call(func, call);
            if self.reach == Reach::Live {
                self.branch(0);
            }
            self.reach = Reach::Live;
            self.buf.stack.truncate(base + params);
            self.b.switch_to_block(miss);
            self.b.seal_block(miss);
        }
        if others == Others::Few {
            let miss = self.b.current_block().expect("the last block that was made");
            self.b.set_cold_block(miss);
        }
        otherwise(self);
        self.end();
    }
}

/// Targets besides the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Few,
    Many,
    /// The call has hardly run.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::profile::{CallCount, IndirectCalls, LoopTrips};

    #[test]
    fn what_has_not_run_is_known_only_in_front_of_what_has() {
        let profile = FunctionProfile {
            calls: vec![CallCount { wasm_offset: 10, count: 1000 }, CallCount { wasm_offset: 20, count: 3 }],
            indirect: vec![IndirectCalls { wasm_offset: 30, total: 9, targets: Vec::new() }],
            loops: vec![LoopTrips { wasm_offset: 40, trips: 6 }],
            ..FunctionProfile::default()
        };
        let known = Known::of(Some(&profile)).expect("it says something");
        for (offset, end, expected) in [
            (0, 10, false),
            (0, 11, true),
            (10, 20, false),
            (15, 21, true),
            (20, 31, true),
            (30, 50, true),
            (40, 50, false),
        ] {
            assert_eq!(known.has_run(offset, end), expected, "{offset} to {end}");
        }
        let runs = [1000, 8, 7, 0].map(|count| known.runs(count, Runs::Never));
        assert_eq!(runs, [Runs::Often, Runs::Often, Runs::Sometimes, Runs::Never]);
        let calls = vec![CallCount { wasm_offset: 10, count: SIGNIFICANT - 1 }];
        assert!(Known::of(Some(&FunctionProfile { calls, ..FunctionProfile::default() })).is_none());
        assert!(Known::of(None).is_none());
    }
}
