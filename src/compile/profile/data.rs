//! A module's profile as plain data: what was counted in a process, or was brought in from another.

use crate::tier::profile::{CallCount, FunctionProfile, IndirectCalls, LoopTrips};
use crate::types::DefinedFunc;

/// Targets that are kept of an indirect call.
pub const TARGETS: usize = 4;

/// What is known of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionRecord {
    /// How far it got.
    pub reach: Reach,
    /// Direct calls of functions of the module, by offset. None of them has the count 0.
    pub calls: Vec<CallCount>,
    /// Indirect calls, by offset. None of them has the total 0.
    pub indirect: Vec<IndirectCalls>,
    /// Loops, by offset. None of them has no trips.
    pub loops: Vec<LoopTrips>,
}

/// How far a function got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It has not run, as far as is known.
    #[default]
    Nowhere,
    /// It has run.
    Run,
    /// It had code of the top tier.
    Top,
}

impl FunctionRecord {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        !self.has_counts() && self.reach == Reach::Nowhere
    }

    /// Whether anything was counted.
    pub fn has_counts(&self) -> bool {
        !(self.calls.is_empty() && self.indirect.is_empty() && self.loops.is_empty())
    }

    /// Adds what is known from elsewhere. Counts add up, and stop at the largest number.
    pub fn merge(&mut self, other: &FunctionRecord) {
        self.reach = self.reach.max(other.reach);
        merge_sorted(
            &mut self.calls,
            &other.calls,
            |call| call.wasm_offset,
            |own, other| {
                own.count = own.count.saturating_add(other.count);
            },
        );
        merge_sorted(
            &mut self.indirect,
            &other.indirect,
            |site| site.wasm_offset,
            |own, other| {
                own.total = own.total.saturating_add(other.total);
                for (func, count) in &other.targets {
                    add_target(&mut own.targets, *func, *count);
                }
                sort_targets(&mut own.targets);
            },
        );
        merge_sorted(
            &mut self.loops,
            &other.loops,
            |site| site.wasm_offset,
            |own, other| {
                own.trips = own.trips.saturating_add(other.trips);
            },
        );
    }

    /// Takes away what is known elsewhere already, and is part of this. How far the function got stays.
    pub fn take_away(&mut self, part: &FunctionRecord) {
        let less = |count: &mut u64, part: Option<u64>| *count = count.saturating_sub(part.unwrap_or(0));
        for call in &mut self.calls {
            let found = part.calls.binary_search_by_key(&call.wasm_offset, |call| call.wasm_offset).ok();
            less(&mut call.count, found.map(|found| part.calls[found].count));
        }
        self.calls.retain(|call| call.count != 0);
        for site in &mut self.indirect {
            let found = part.indirect.binary_search_by_key(&site.wasm_offset, |site| site.wasm_offset).ok();
            let Some(known) = found.map(|found| &part.indirect[found]) else { continue };
            less(&mut site.total, Some(known.total));
            for (func, count) in &mut site.targets {
                less(count, known.targets.iter().find(|(known, _)| known == func).map(|(_, count)| *count));
            }
            site.targets.retain(|(_, count)| *count != 0);
            sort_targets(&mut site.targets);
        }
        self.indirect.retain(|site| site.total != 0);
        for site in &mut self.loops {
            let found = part.loops.binary_search_by_key(&site.wasm_offset, |site| site.wasm_offset).ok();
            less(&mut site.trips, found.map(|found| part.loops[found].trips));
        }
        self.loops.retain(|site| site.trips != 0);
    }

    /// Adds this to the profile of a function that calls it.
    pub(super) fn add_to(&self, profile: &mut FunctionProfile) {
        profile.calls.extend_from_slice(&self.calls);
        profile.indirect.extend_from_slice(&self.indirect);
        profile.loops.extend_from_slice(&self.loops);
    }
}

/// Counts a target.
pub(super) fn add_target(targets: &mut Vec<(DefinedFunc, u64)>, func: DefinedFunc, count: u64) {
    match targets.iter_mut().find(|(known, _)| *known == func) {
        Some((_, known)) => *known = known.saturating_add(count),
        None => targets.push((func, count)),
    }
}

/// The most frequent first; equal ones by function, so that the order is not one of chance. Keeps [`TARGETS`].
pub(super) fn sort_targets(targets: &mut Vec<(DefinedFunc, u64)>) {
    targets.sort_unstable_by_key(|(func, count)| (std::cmp::Reverse(*count), *func));
    targets.truncate(TARGETS);
}

/// Merges two lists that are sorted by a key.
fn merge_sorted<T: Clone>(own: &mut Vec<T>, other: &[T], key: impl Fn(&T) -> u32, add: impl Fn(&mut T, &T)) {
    let mut merged: Vec<T> = Vec::with_capacity(own.len() + other.len());
    let mut rest = other.iter().peekable();
    for mut item in own.drain(..) {
        while let Some(before) = rest.next_if(|next| key(next) < key(&item)) {
            merged.push(before.clone());
        }
        if let Some(same) = rest.next_if(|next| key(next) == key(&item)) {
            add(&mut item, same);
        }
        merged.push(item);
    }
    merged.extend(rest.cloned());
    *own = merged;
}

/// What is known of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileData {
    /// Functions of which something is known. Sorted.
    pub functions: Vec<(DefinedFunc, FunctionRecord)>,
}

impl ProfileData {
    /// What is known of a function.
    pub fn function(&self, func: DefinedFunc) -> Option<&FunctionRecord> {
        let found = self.functions.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        Some(&self.functions[found].1)
    }

    /// Adds what is known from elsewhere.
    pub fn merge(&mut self, other: &ProfileData) {
        let key = |function: &(DefinedFunc, FunctionRecord)| function.0.0;
        merge_sorted(&mut self.functions, &other.functions, key, |own, other| own.1.merge(&other.1));
    }

    /// Takes away what is known elsewhere already, and is part of this: merged with it there, this is not counted twice.
    pub fn take_away(&mut self, part: &ProfileData) {
        for (func, record) in &mut self.functions {
            if let Some(known) = part.function(*func) {
                record.take_away(known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(calls: &[(u32, u64)], targets: &[(u32, u64)]) -> FunctionRecord {
        let targets: Vec<_> = targets.iter().map(|(func, count)| (DefinedFunc(*func), *count)).collect();
        let total = targets.iter().map(|(_, count)| count).sum();
        let calls = calls.iter().map(|(wasm_offset, count)| CallCount { wasm_offset: *wasm_offset, count: *count });
        FunctionRecord {
            reach: Reach::Run,
            calls: calls.collect(),
            indirect: if total == 0 { vec![] } else { vec![IndirectCalls { wasm_offset: 50, total, targets }] },
            loops: vec![],
        }
    }

    #[test]
    fn merging_adds_what_is_the_same_and_keeps_what_is_not() {
        let mut one = record(&[(10, 1), (30, u64::MAX)], &[(1, 5), (2, 4), (3, 3)]);
        let other = record(&[(5, 2), (10, 3), (30, 1), (40, 9)], &[(9, 1), (2, 3), (8, 1), (3, 1)]);
        one.merge(&FunctionRecord { reach: Reach::Top, ..other });
        let mut expected = record(&[(5, 2), (10, 4), (30, u64::MAX), (40, 9)], &[(2, 7), (1, 5), (3, 4), (8, 1)]);
        expected.reach = Reach::Top;
        // What has no place among the targets stays in the total.
        expected.indirect[0].total = 12 + 6;
        assert_eq!(one, expected);
    }

    #[test]
    fn what_is_taken_away_is_what_merging_would_count_twice() {
        let part = record(&[(10, 1), (30, 2)], &[(1, 5), (2, 4)]);
        let new = record(&[(5, 2), (10, 3)], &[(2, 3), (8, 1)]);
        let mut all = part.clone();
        all.merge(&new);
        all.take_away(&part);
        assert_eq!(all, new);
        let mut data = ProfileData { functions: vec![(DefinedFunc(1), part.clone()), (DefinedFunc(3), new.clone())] };
        data.take_away(&ProfileData { functions: vec![(DefinedFunc(1), part)] });
        let nothing = FunctionRecord { reach: Reach::Run, ..FunctionRecord::default() };
        assert_eq!(data.functions, [(DefinedFunc(1), nothing), (DefinedFunc(3), new)]);
    }

    #[test]
    fn merging_modules_is_merging_functions() {
        let of = |functions: &[(u32, u64)]| ProfileData {
            functions: functions
                .iter()
                .map(|(func, count)| (DefinedFunc(*func), record(&[(7, *count)], &[])))
                .collect(),
        };
        let mut data = of(&[(1, 1), (4, 4)]);
        data.merge(&of(&[(0, 7), (4, 1), (9, 2)]));
        assert_eq!(data, of(&[(0, 7), (1, 1), (4, 5), (9, 2)]));
        assert_eq!(data.function(DefinedFunc(4)).map(|record| record.calls[0].count), Some(5));
        assert_eq!(data.function(DefinedFunc(5)), None);
    }
}
