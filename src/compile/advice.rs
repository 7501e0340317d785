//! What hints and profiles advise: which functions will run, in which order they are wanted, which of them are hot.
//!
//! In: the hints of a module, and what is known of how it has run elsewhere. Out: [`Advice`] for its plan. What was
//! measured counts more than what was hinted.
//!
//! Hot functions are those that had code of the top tier elsewhere; the hottest for their size come first. Of hinted ones, those with the
//! lowest numbers, up to a sum of bytes: the numbers say an order, and no limit.
//!
//! Not here: what becomes of advice (`plan`, `pipeline`).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::plan::Advice;
use super::profile::{ProfileData, Reach, calls_of_functions};
use crate::module::Module;
use crate::module::hints::{Priority, RUN_ONCE};
use crate::types::DefinedFunc;

/// Bytes of bodies that are compiled by the top tier because of hints: about a second of work for one thread.
const HINTED_BYTES: usize = 1 << 20;

/// What compiling a function costs besides its bytes, in bytes.
const FIXED_COST: u128 = 40;

/// Bytes of a body that is twice as dear as its length says: the time that the top tier takes grows faster than that, and what
/// is gained by it grows less, since large bodies are switches whose values are in memory in any tier.
const LARGE: u128 = 8 << 10;

/// Bytes of a body that an entry runs at most, and of those of a loop that a round does.
const PER_ENTRY: u64 = 128;
const PER_ROUND: u64 = 256;

/// Bytes that are run for each call: where a large body is at work is best seen by what it calls.
const PER_CALL: u64 = 32;

/// Bytes that are run until a budget is spent, of which most trips get an eighth (`tiering`).
const TRIP: u64 = 5_000;
const TRIP_PER_BYTE: u64 = 125;

/// How often something happens, at least, for each time that a budget is spent in a loop.
pub(super) const PER_TRIP: u64 = 1 << 10;

/// The advice for a module, sorted by function.
pub fn of(module: &Module, known: Option<&ProfileData>) -> Vec<Advice> {
    let hinted = module.hints().priorities();
    if hinted.is_empty() && known.is_none() {
        return Vec::new();
    }
    let hot = hot_hinted(module, hinted);
    let advice = |(func, said): &(DefinedFunc, Priority)| {
        let top = hot.binary_search_by_key(func, |(func, _)| *func).ok().map(|found| hot[found].1);
        Advice { func: func.0, first: Some(said.compile), top }
    };
    let mut all: BTreeMap<u32, Advice> = hinted.iter().map(|said| (said.0.0, advice(said))).collect();
    for (place, (func, reach)) in known.map(|known| by_heat(module, known)).unwrap_or_default().into_iter().enumerate()
    {
        let top = (reach == Reach::Top).then_some(place as u32);
        let first = all.get(&func.0).and_then(|hinted| hinted.first).unwrap_or(place as u32);
        all.insert(func.0, Advice { func: func.0, first: Some(first), top });
    }
    all.into_values().collect()
}

/// The hinted functions that are worth the top tier, with their places. Sorted by function.
fn hot_hinted(module: &Module, hinted: &[(DefinedFunc, Priority)]) -> Vec<(DefinedFunc, u32)> {
    let heat = |(func, said): &(DefinedFunc, Priority)| Some((said.optimise.filter(|heat| *heat != RUN_ONCE)?, *func));
    let mut hot: Vec<(u32, DefinedFunc)> = hinted.iter().filter_map(heat).collect();
    hot.sort_unstable();
    let mut bytes = 0;
    let fits = hot.iter().take_while(|(_, func)| {
        bytes += module.body_range(*func).len();
        bytes <= HINTED_BYTES
    });
    let mut hot: Vec<(DefinedFunc, u32)> = fits.map(|(_, func)| *func).zip(0..).collect();
    hot.sort_unstable();
    hot
}

/// The functions that have run, those that had code of the top tier first, and of these the hottest for their cost.
pub fn by_heat(module: &Module, known: &ProfileData) -> Vec<(DefinedFunc, Reach)> {
    let heat = heat(module, known);
    let mut run: Vec<(DefinedFunc, Reach)> = known
        .functions
        .iter()
        .map(|(func, record)| (*func, record.reach))
        .filter(|(_, reach)| *reach > Reach::Nowhere)
        .collect();
    // What is gained soonest for what it costs: a large function does not keep many small ones waiting.
    let worth = |func: DefinedFunc| (u128::from(heat[func.index()]) << 32) / cost(module.body_range(func).len());
    run.sort_by_key(|(func, reach)| (Reverse(*reach), Reverse(worth(*func))));
    run
}

/// About what the top tier costs for what it gains, in bytes of a small body.
fn cost(len: usize) -> u128 {
    let len = len as u128;
    FIXED_COST + len + len * len / LARGE
}

/// About how much work each function did in the baseline tier, in bytes of bodies that were run.
pub fn heat(module: &Module, known: &ProfileData) -> Vec<u64> {
    let mut heat = calls_of_functions(module, known);
    for (index, heat) in heat.iter_mut().enumerate() {
        let len = module.body_range(DefinedFunc(index as u32)).len() as u64;
        *heat = heat.saturating_mul(len.min(PER_ENTRY));
    }
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0u64, u64::saturating_add);
    for (func, record) in &known.functions {
        let len = module.body_range(*func).len() as u64;
        let direct = sum(&mut record.calls.iter().map(|call| call.count));
        let calls = direct.saturating_add(sum(&mut record.indirect.iter().map(|site| site.total)));
        let trips = sum(&mut record.loops.iter().map(|site| site.trips));
        // Of a large body a round of a loop runs a small part, and pays for more of it.
        let per_trip = (TRIP + TRIP_PER_BYTE * len) * PER_ROUND.min(len) / len.max(1);
        let heat = &mut heat[func.index()];
        *heat = heat.saturating_add(calls.saturating_mul(PER_CALL)).saturating_add(trips.saturating_mul(per_trip));
    }
    heat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::profile::FunctionRecord;
    use crate::module::{Features, decode};
    use crate::tier::profile::{CallCount, LoopTrips};

    /// A small function, a large one with a loop that calls it, one as large that is called, and a loop without calls.
    fn module() -> Module {
        let steps = "(local.set 0 (i32.mul (local.get 0) (i32.const 12345678)))".repeat(2000);
        let text = format!(
            "(module
            (func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func $switch (param i32) (result i32) (loop $l (local.set 0 (call $small (local.get 0))) {steps}
                (br_if $l (local.get 0))) (local.get 0))
            (func $called (param i32) (result i32) {steps} (local.get 0))
            (func $loop (param i32) (result i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 0)))"
        );
        decode::load(text.as_bytes(), Features::ALL, 1).unwrap()
    }

    /// The offset of an operator whose byte is the only one of its kind at the start of a body.
    fn first(module: &Module, func: u32, operator: u8) -> u32 {
        let range = module.body_range(DefinedFunc(func));
        let found = module.wire().slice(range.clone()).unwrap().iter().position(|byte| *byte == operator).unwrap();
        (range.start + found) as u32
    }

    fn data(module: &Module, calls: u64, trips: [u64; 2]) -> ProfileData {
        let record = |reach| FunctionRecord { reach, ..FunctionRecord::default() };
        let mut functions: Vec<_> = (0..4).map(|func| (DefinedFunc(func), record(Reach::Top))).collect();
        let of = |func, trips| vec![LoopTrips { wasm_offset: first(module, func, 0x03), trips }];
        functions[1].1.calls = vec![CallCount { wasm_offset: first(module, 1, 0x10), count: calls }];
        functions[1].1.loops = of(1, trips[0]);
        functions[3].1.loops = of(3, trips[1]);
        functions[2].1.reach = Reach::Run;
        ProfileData { functions }
    }

    fn order(module: &Module, data: &ProfileData) -> Vec<u32> {
        by_heat(module, data).into_iter().map(|(func, _)| func.0).collect()
    }

    #[test]
    fn what_is_small_goes_before_a_large_function_that_does_most_of_the_work() {
        let module = module();
        let data = data(&module, 1_000_000, [100, 10]);
        let heat = heat(&module, &data);
        assert!(heat[1] > heat[0] && heat[0] > heat[3] && heat[2] == 0, "{heat:?}");
        assert_eq!(order(&module, &data), [0, 3, 1, 2], "and what only ran is last");
    }

    #[test]
    fn work_counts_where_costs_are_the_same() {
        let module = module();
        let mut data = data(&module, 10, [5, 0]);
        data.functions[2].1.reach = Reach::Top;
        let place = |data: &ProfileData, func| order(&module, data).iter().position(|found| *found == func);
        assert!(place(&data, 1) < place(&data, 2));
        data.functions[1].1.calls.clear();
        data.functions[1].1.loops.clear();
        data.functions[0].1.calls = vec![CallCount { wasm_offset: 0, count: 1 << 40 }];
        assert_eq!(place(&data, 0), Some(0), "many calls are much work");
    }

    #[test]
    fn numbers_of_any_size_are_ordered() {
        let module = module();
        let data = data(&module, u64::MAX, [u64::MAX, u64::MAX]);
        assert_eq!(order(&module, &data).len(), 4);
    }

    #[test]
    fn costs_grow_faster_than_sizes() {
        assert!(cost(0) > 0 && cost(200) > cost(100) && cost(64 << 10) > 8 * cost(16 << 10));
    }
}
