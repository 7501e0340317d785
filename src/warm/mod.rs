//! What outlives a process: machine code and what was learned, so that the next process starts where this one got to.
//!
//! In: modules, in whatever state they are. Out: bytes that another process can begin with, and where they are kept.

pub mod cache;
pub mod directory;
pub mod key_file;
pub mod schedule;
pub mod store;
