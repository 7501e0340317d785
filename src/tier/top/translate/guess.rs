//! What a profile is good for: calls that run often are inlined where they would not be otherwise, those that never
//! ran are not, and where an indirect call has one or two usual targets, they are compared with:
//!
//!     funcref == vmctx + place of f ? call f : funcref == vmctx + place of g ? call g : call funcref
//!
//! The reference of an own function is part of the instance, so the comparison says all: it is not null, it has the
//! type, the instance is the caller's. Nothing is loaded from it.
//!
//! What has not run is cold. But in code that goes on at a loop, which runs for the first time perhaps, nobody knows
//! what follows.
//!
//! A profile is believed in nothing but how often things happen.
//!
//! Not here: what is inlined then (`inline.rs`), where profiles come from (`compile/profile.rs`).

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use wasmparser::BlockType;

use super::call::Call;
use super::state::{Frame, FrameKind, Reach};
use super::{Job, Translator};
use crate::tier::profile::FunctionProfile;
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
}

/// A profile in which nothing happened more often than this says nothing.
const SIGNIFICANT: u64 = 200;

/// What happens at least as often as this part of the most frequent happens often.
const OFTEN: u64 = 1 << 7;

/// A target is usual if it is at least this part of a call's.
const USUAL: u64 = 4;

/// A profile, and how often the most frequent of what it counts happens.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    profile: &'a FunctionProfile,
    most: u64,
    /// What is said of what has not run.
    not_yet: Runs,
}

impl<'a> Known<'a> {
    /// What a profile says, if it says something.
    pub(super) fn of(job: &Job<'a>) -> Option<Known<'a>> {
        let profile = job.profile?;
        let calls = profile.calls.iter().map(|call| call.count);
        let indirect = profile.indirect.iter().map(|site| site.total);
        let most = calls.chain(indirect).max()?;
        let not_yet = if job.resume.is_some() { Runs::Unknown } else { Runs::Never };
        (most >= SIGNIFICANT).then_some(Known { profile, most, not_yet })
    }

    fn runs(&self, count: u64) -> Runs {
        match count {
            0 => self.not_yet,
            _ if count.saturating_mul(OFTEN) >= self.most => Runs::Often,
            _ => Runs::Sometimes,
        }
    }
}

impl Translator<'_> {
    /// How often the call that is being translated goes to this function.
    pub(super) fn runs_of_call(&self, func: DefinedFunc) -> Runs {
        let Some(known) = self.known else { return Runs::Unknown };
        let Some(site) = known.profile.indirect(self.offset as u32) else {
            return known.runs(known.profile.calls(self.offset as u32));
        };
        match site.targets.iter().find(|(target, _)| *target == func) {
            Some((_, count)) => known.runs(*count),
            // It may be one of those that have no place of their own.
            None if site.targets.iter().map(|(_, count)| count).sum::<u64>() < site.total => Runs::Sometimes,
            None => known.not_yet,
        }
    }

    /// Marks what is being translated as cold if a call in it, of this function, has never run.
    pub(super) fn note_call(&mut self, func: DefinedFunc) {
        if self.runs_of_call(func) == Runs::Never {
            self.mark_cold();
        }
    }

    /// What is being translated runs rarely, unless it is where the function begins.
    pub(super) fn mark_cold(&mut self) {
        let block = self.b.current_block().expect("code is emitted into it");
        if self.b.func.layout.entry_block().is_some_and(|entry| entry != block) {
            self.b.set_cold_block(block);
        }
    }

    /// The usual targets of the indirect call that is being translated, the most frequent first, and whether there are
    /// hardly any others.
    fn guesses(&self, type_index: TypeIndex) -> ([Option<FuncIndex>; 2], Others) {
        let mut guesses = [None; 2];
        let site = self.known.and_then(|known| known.profile.indirect(self.offset as u32));
        let Some(site) = site.filter(|site| site.total >= SIGNIFICANT) else { return (guesses, Others::Many) };
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
}
