//! What is known of how a function has run: plain data, for the optimising tier.
//!
//! A profile names operators by their offset in the module and functions by their index, and holds nothing of the
//! process: equal profiles give equal code. It is advice. Code that was made with a profile is right whatever runs
//! later, and whatever the profile says: it may be incomplete, of another run, or made up.
//!
//! Besides the function's own, a snapshot has the sites of those functions that it has been seen to call, since
//! they may be compiled into it.
//!
//! Not here: where the numbers come from (`compile::profile`), what is done with them (`top`).

use crate::types::DefinedFunc;

/// A profile in which nothing happened more often than this says nothing.
pub const SIGNIFICANT: u64 = 200;

/// How a function, and what it calls, has run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionProfile {
    /// Direct calls of functions of the module. Sorted by offset.
    pub calls: Vec<CallCount>,
    /// Indirect calls. Sorted by offset.
    pub indirect: Vec<IndirectCalls>,
    /// Loops. Sorted by offset.
    pub loops: Vec<LoopTrips>,
    /// Calls of which something was said, whatever they do. Sorted by offset.
    pub orders: Vec<(u32, Order)>,
    /// What it means that something is not there.
    pub absent: Absent,
}

/// What it means that a profile does not have an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// It has not run.
    #[default]
    NotRun,
    /// Nothing is known of it.
    Unknown,
}

/// What a toolchain or the host wants to become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It stays a call.
    NeverInline,
    /// It is replaced by what it calls, wherever that is possible.
    AlwaysInline,
}

/// A `call` or `return_call`, and how often it was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// Offset of the operator from the first byte of the module.
    pub wasm_offset: u32,
    /// How often.
    pub count: u64,
}

/// A `call_indirect` or `return_call_indirect`, and what it has called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndirectCalls {
    /// Offset of the operator from the first byte of the module.
    pub wasm_offset: u32,
    /// How often it was run, whatever it called.
    pub total: u64,
    /// Functions of the module that it called, the most frequent first, and how often. What is missing to `total`
    /// are other functions, also of other modules.
    pub targets: Vec<(DefinedFunc, u64)>,
}

/// A loop, and how often its function's budget was spent there: a sample of where it spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopTrips {
    /// Offset of the `loop` operator from the first byte of the module.
    pub wasm_offset: u32,
    /// How often.
    pub trips: u64,
}

impl FunctionProfile {
    /// How often the direct call at this offset was run, if that was noted.
    pub fn calls(&self, wasm_offset: u32) -> Option<u64> {
        let found = self.calls.binary_search_by_key(&wasm_offset, |call| call.wasm_offset).ok()?;
        Some(self.calls[found].count)
    }

    /// What is to become of the call at this offset.
    pub fn order(&self, wasm_offset: u32) -> Option<Order> {
        let found = self.orders.binary_search_by_key(&wasm_offset, |(at, _)| *at).ok()?;
        Some(self.orders[found].1)
    }

    /// What the indirect call at this offset has called.
    pub fn indirect(&self, wasm_offset: u32) -> Option<&IndirectCalls> {
        let found = self.indirect.binary_search_by_key(&wasm_offset, |site| site.wasm_offset).ok()?;
        Some(&self.indirect[found])
    }

    /// How often the budget was spent at the loop at this offset; 0 if nothing is known of it.
    pub fn trips(&self, wasm_offset: u32) -> u64 {
        let found = self.loops.binary_search_by_key(&wasm_offset, |site| site.wasm_offset);
        found.map_or(0, |found| self.loops[found].trips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let profile = FunctionProfile {
            calls: vec![CallCount { wasm_offset: 10, count: 3 }, CallCount { wasm_offset: 20, count: 4 }],
            indirect: vec![IndirectCalls { wasm_offset: 30, total: 9, targets: vec![(DefinedFunc(7), 8)] }],
            loops: vec![LoopTrips { wasm_offset: 40, trips: 6 }],
            absent: Absent::NotRun,
            orders: vec![(10, Order::NeverInline), (20, Order::AlwaysInline)],
        };
        let orders = [9, 10, 20].map(|offset| profile.order(offset));
        assert_eq!(orders, [None, Some(Order::NeverInline), Some(Order::AlwaysInline)]);
        assert_eq!([9, 10, 20, 21].map(|offset| profile.calls(offset)), [None, Some(3), Some(4), None]);
        assert_eq!([29, 30, 31].map(|offset| profile.indirect(offset).map(|site| site.total)), [None, Some(9), None]);
        assert_eq!([39, 40, 41].map(|offset| profile.trips(offset)), [0, 6, 0]);
    }
}
