//! Updraft: a tiered WebAssembly engine behind a C ABI.
//!
//!     bytes -> module (decode, validate) -> compile (units) -> tier (unit -> CompiledCode)
//!           -> code (arena, link, publish) -> runtime (instances, calls, traps)
//!     abi = what machine code and the runtime agree on    sys = the OS    capi = the C rim    wasi = a guest of the public API
//!
//! Unsafe perimeter: `code`, `runtime`, `sys`, `capi` (each folder says why it may); `module`, `compile`,
//! `tier` and `abi` contain none.

pub mod abi;
pub mod config;
pub mod engine;
pub mod error;
pub mod limits;
pub mod module;
pub mod runtime;
pub mod tier;
pub mod trap;
pub mod types;
#[cfg(feature = "wasi")]
pub mod wasi;
