//! Exports the functions of `wasm.h` that Wasmer implements, and its own that choose a compiler.

pub use wasmer::*;
