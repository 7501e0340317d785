//! What running WebAssembly promises beyond its results: traps and their frames, depth, limits, interrupts,
//! threads, and memory that stays constant.
//!
//! In all modes where a mode could make a difference. Not here: signal handlers of the host and the main
//! thread's stack (`tests/process.rs`).

#[path = "runtime/addresses.rs"]
mod addresses;
#[path = "runtime/arguments.rs"]
mod arguments;
#[path = "runtime/bulk.rs"]
mod bulk;
#[path = "runtime/checks.rs"]
mod checks;
mod common;
#[path = "runtime/floats.rs"]
mod floats;
#[path = "runtime/guesses.rs"]
mod guesses;
#[path = "runtime/host.rs"]
mod host;
#[path = "runtime/inline.rs"]
mod inline;
#[path = "runtime/interrupts.rs"]
mod interrupts;
#[path = "runtime/lifetime.rs"]
mod lifetime;
#[path = "runtime/loops.rs"]
mod loops;
#[path = "runtime/merged.rs"]
mod merged;
#[path = "runtime/reclaim.rs"]
mod reclaim;
#[path = "runtime/stack.rs"]
mod stack;
#[path = "runtime/tables.rs"]
mod tables;
#[path = "runtime/threads.rs"]
mod threads;
#[path = "runtime/traps.rs"]
mod traps;
