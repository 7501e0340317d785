//! The calling convention of WebAssembly functions, the same in every tier.
//!
//! A function is called as `(vmctx, caller vmctx, [result pointer], wasm parameters...)` in Cranelift's
//! `tail` convention. Results travel in registers while at most [`MAX_INT_RESULTS`] are integers or
//! references and at most [`MAX_FLOAT_RESULTS`] are floats or vectors; otherwise *all* of them go
//! through the result pointer, one 16-byte cell each, in order.
//!
//! Between host and WebAssembly, values travel in arrays of [`RawVal`], arguments and results in the
//! same array, which holds `max(parameters, results)` cells.

use crate::types::{FuncType, ValType};

/// Results that fit in integer registers (rax, rcx, rdx, rsi, rdi, r8, r9, r10 on x86-64).
pub const MAX_INT_RESULTS: usize = 8;
/// Results that fit in vector registers.
pub const MAX_FLOAT_RESULTS: usize = 8;
/// Size of one argument or result in memory.
pub const RAW_VAL_SIZE: usize = 16;

/// How a function hands its results back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// In registers.
    Registers,
    /// Through the result pointer, which is the third argument.
    Memory,
}

impl Results {
    /// Decides how functions with these results return.
    #[inline]
    pub fn of(results: &[ValType]) -> Results {
        // So few that their types do not matter.
        if results.len() <= MAX_INT_RESULTS.min(MAX_FLOAT_RESULTS) {
            return Results::Registers;
        }
        Results::of_many(results)
    }

    fn of_many(results: &[ValType]) -> Results {
        let vectors = results.iter().filter(|ty| ty.is_float() || **ty == ValType::V128).count();
        let integers = results.len() - vectors;
        if integers <= MAX_INT_RESULTS && vectors <= MAX_FLOAT_RESULTS { Results::Registers } else { Results::Memory }
    }
}

/// Cells that an argument and result array needs for a call of this type.
pub fn raw_cells(ty: &FuncType) -> usize {
    ty.params().len().max(ty.results().len())
}

/// One argument or result in memory.
///
/// Narrow values occupy the low bytes; the other bytes are unspecified and never read.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union RawVal {
    /// An i32.
    pub i32: i32,
    /// An i64.
    pub i64: i64,
    /// The bits of an f32.
    pub f32: u32,
    /// The bits of an f64.
    pub f64: u64,
    /// A v128, in memory order.
    pub v128: [u8; 16],
    /// A function reference: the address of a `VmFuncRef`, or 0 for null.
    pub funcref: usize,
    /// An external reference: an index into the store's table of them, 0 for null.
    pub externref: u32,
}

impl Default for RawVal {
    fn default() -> RawVal {
        RawVal { v128: [0; 16] }
    }
}

const _: () = assert!(size_of::<RawVal>() == RAW_VAL_SIZE);
