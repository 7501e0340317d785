//! Updraft: a tiered WebAssembly engine behind a C ABI.
//!
//!     bytes -> module (decode, validate) -> compile (units) -> tier (unit -> CompiledCode)
//!           -> code (arena, link, publish) -> runtime (instances, calls, traps)
//!     abi = what machine code and the runtime agree on    sys = the OS    capi = the C rim    wasi = a guest of the public API
//!
//! Unsafe perimeter: `code`, `runtime`, `sys`, `capi` (each folder says why it may); `module`, `compile`,
//! `tier` and `abi` contain none.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod abi;
pub(crate) mod bytes;
pub mod capi;
pub mod code;
pub mod compile;
pub mod config;
pub mod engine;
pub mod error;
pub mod limits;
pub mod module;
pub mod runtime;
pub(crate) mod sync;
pub mod sys;
pub mod tier;
pub mod trap;
pub mod types;
pub mod warm;
#[cfg(feature = "wasi")]
pub mod wasi;
