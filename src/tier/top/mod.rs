//! The optimising tier: Cranelift.
//!
//! Not here: when functions are compiled, where their bytes go.

mod translate;

/// How 32-bit memories are kept in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// By unmapped pages behind them; they never move.
    Guarded,
    /// By explicit checks; they may move when they grow.
    Explicit,
}

/// Whether traps may use signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// Faulting instructions are trap sites.
    On,
    /// Every check is explicit; no instruction faults.
    Off,
}

/// What changes the code that is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    bounds: Bounds,
    signals: Signals,
    /// Whether loops poll for interrupts.
    interrupts: bool,
}
