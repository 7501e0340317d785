//! Exports the functions of `wasm.h` that wasmi implements.

pub use wasmi_c_api::*;
