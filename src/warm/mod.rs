//! What outlives a process: code, and what was learned about it.
//!
//!     CompiledModule -> engine/artifact -> warm/artifact -> bytes -> warm/artifact -> engine/artifact -> CompiledModule
//!
//!                              engine/cache    -> warm/cache    -> warm/store, warm/directory
//!
//! In: finished code and records. Out: bytes, and where they are kept; and back, from bytes that nobody trusts.
//!
//! Not here: what is kept when and used for what (`engine`), how profiles are written (`compile/profile/format.rs`).

#![cfg_attr(not(test), forbid(unsafe_code))]

pub mod artifact;
pub mod cache;
pub mod directory;
pub mod key_file;
pub mod profile_file;
pub mod schedule;
pub mod store;
