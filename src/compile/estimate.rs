//! How much memory the compilation of a module will take, before it begins.
//!
//! In: a decoded module. Out: bytes. The factors are measured (RATIONALE.md). They may be wrong by a factor of two for
//! modules of an unusual kind, and say nothing about a module whose functions are never called.
//!
//! Not here: what is in use (`compilation`).

use crate::config::Tiers;
use crate::module::Module;

/// Bytes of machine code for a byte of body, in sixteenths: 2.0 and 2.5.
const BASELINE_FACTOR: usize = 32;
const TOP_FACTOR: usize = 40;

/// Bytes of records and slots for a function that is compiled.
const PER_FUNCTION: usize = 120;

/// Of the bodies of a module, the part in sixteenths that gets hot enough for the top tier.
const HOT: usize = 4;

/// What a module is expected to need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Machine code, once every function was compiled.
    pub code: usize,
    /// Records, slots and states.
    pub records: usize,
    /// The wire bytes.
    pub wire: usize,
}

impl Estimate {
    /// The estimate for a module under these tiers.
    pub fn of(module: &Module, tiers: Tiers) -> Estimate {
        let functions = module.defined_func_count();
        let bodies: usize =
            (0..functions as u32).map(|func| module.body_range(crate::types::DefinedFunc(func)).len()).sum();
        let factor = match tiers {
            Tiers::Top => TOP_FACTOR,
            Tiers::Baseline => BASELINE_FACTOR,
            Tiers::Both => BASELINE_FACTOR + TOP_FACTOR * HOT / 16,
        };
        let code = bodies.saturating_mul(factor) / 16 + functions * 32;
        Estimate { code, records: functions * PER_FUNCTION, wire: module.wire().len() }
    }

    /// All of it.
    pub fn total(self) -> usize {
        self.code + self.records + self.wire
    }
}
