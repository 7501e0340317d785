//! Where nothing was counted: a profile made of what hints say.
//!
//! A hint says how often an operator runs per call of its function, as a power of two. A function that is called by another
//! one is taken to be called as often as the calls in that one say, so that its own numbers are on the same scale.

use super::data::{FunctionRecord, add_target, sort_targets};
use super::{Site, called_at, each_site};
use crate::module::Module;
use crate::module::hints::{ALWAYS, MOST, NEVER, ONCE};
use crate::tier::profile::{CallCount, FunctionProfile, IndirectCalls, LoopTrips, Order};
use crate::types::DefinedFunc;

/// How often the function whose profile it is is called, as it were.
const CALLS: u64 = 1 << 31;

/// What hints say of a function that is called as the profile says so far. What they say not to run is there, with the
/// count 0; of what is not there, nothing is known.
pub(super) fn record(module: &Module, func: DefinedFunc, around: &FunctionProfile) -> FunctionRecord {
    let mut record = FunctionRecord::default();
    let hints = module.hints();
    if !hints.has_frequencies(&module.body_range(func)) {
        return record;
    }
    let direct = around.calls.iter().filter(|call| called_at(module, call.wasm_offset) == Some(func));
    let direct = direct.map(|call| call.count);
    let targets = around.indirect.iter().flat_map(|site| &site.targets);
    let indirect = targets.filter(|(target, _)| *target == func).map(|(_, count)| *count);
    let calls = direct.chain(indirect).max().unwrap_or(CALLS);
    each_site(module, func, |wasm_offset, site| {
        let hint = hints.frequency(wasm_offset);
        let count = times(calls, hint);
        match site {
            Site::Call(_) if hint.is_some_and(|hint| hint != NEVER) => {
                record.calls.push(CallCount { wasm_offset, count })
            }
            Site::Loop if hint.is_some() && count > 0 => record.loops.push(LoopTrips { wasm_offset, trips: count }),
            Site::Call(_) | Site::Loop => {}
            Site::Indirect(ty) => {
                let said = hints.targets(wasm_offset);
                if hint == Some(NEVER) || (hint.is_none() && said.is_none()) {
                    return;
                }
                let mut calls = IndirectCalls { wasm_offset, total: count, targets: Vec::new() };
                for (target, percent) in said.unwrap_or_default() {
                    let target = module.defined_func(*target).filter(|target| super::fits(module, *target, ty));
                    let part = (u128::from(count) * u128::from(*percent) / 100) as u64;
                    if let Some(target) = target.filter(|_| part > 0) {
                        add_target(&mut calls.targets, target, part);
                    }
                }
                sort_targets(&mut calls.targets);
                record.indirect.push(calls);
            }
        }
    });
    record
}

/// How often something with this hint runs in a function that is called so often.
fn times(calls: u64, hint: Option<u8>) -> u64 {
    match hint {
        // Where nothing is said, or an order: once per call.
        None | Some(ALWAYS) => calls,
        // The least that can be said: it did not run.
        Some(NEVER..=1) => 0,
        Some(hint) if hint >= ONCE => calls.saturating_mul(1 << (hint.min(MOST) - ONCE)),
        Some(hint) => calls >> (ONCE - hint),
    }
}

/// What hints order of the calls of a function.
pub(super) fn add_orders(module: &Module, func: DefinedFunc, profile: &mut FunctionProfile) {
    let body = module.body_range(func);
    let ordered = module.hints().frequencies_in(&body);
    profile.orders.extend(ordered.filter_map(|(at, hint)| match hint {
        NEVER => Some((at, Order::NeverInline)),
        ALWAYS => Some((at, Order::AlwaysInline)),
        _ => None,
    }));
}
