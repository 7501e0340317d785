//! What outlives a process: code, and what was learned about it.
//!
//!     CompiledModule -> engine/artifact -> warm/artifact -> bytes -> warm/artifact -> engine/artifact -> CompiledModule
//!
//! In: finished code and records. Out: bytes; and back, from bytes that nobody trusts.
//!
//! Not here: what is kept when and used for what (`engine`), how profiles are written (`compile/profile/format.rs`).

#![cfg_attr(not(test), forbid(unsafe_code))]

pub mod artifact;
pub mod directory;
pub mod key_file;
pub mod store;
