//! Stage 3: a unit becomes [`compiled::CompiledCode`]. A pure function: no threads, no OS, no engine.
//!
//! Not here: when a unit is compiled (`compile`), where its bytes go (`code`).

#![forbid(unsafe_code)]

pub mod compiled;
pub mod top;

/// A compiler level. A function's code only ever moves up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// The optimising tier.
    Top = 2,
}
