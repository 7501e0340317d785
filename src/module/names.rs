//! The name section, read at its first use: backtraces need it, nothing else waits for it.
//!
//! A malformed name section yields the names that came before the fault; names never make a module invalid.

/// Names of a module's functions.
#[derive(Default)]
pub struct Names {}
