//! Stage 3: a unit becomes [`compiled::CompiledCode`]. A pure function: no threads, no OS, no engine.
//!
//! Not here: when a unit is compiled (`compile`), where its bytes go (`code`).

#![forbid(unsafe_code)]

pub mod compiled;
pub mod top;

pub use crate::types::Tier;
