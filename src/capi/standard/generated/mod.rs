//! What the standard declares once per type, by macros: see `tools/wasm-functions.py`.

pub mod casts;
pub mod references;
pub mod types;
pub mod vectors;
