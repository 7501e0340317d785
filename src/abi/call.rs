//! The calling convention of WebAssembly functions, the same in every tier.
//!
//! A function is called as `(vmctx, caller vmctx, [result pointer], wasm parameters...)` in Cranelift's
//! `tail` convention. Results travel in registers while at most [`MAX_INT_RESULTS`] are integers or
//! references and at most [`MAX_FLOAT_RESULTS`] are floats or vectors; otherwise *all* of them go
//! through the result pointer, one 16-byte cell each, in order.
//!
//! That is x86-64, where all tiers are; code of the top tier for other processors has its own numbers of registers
//! ([`Processor`]). There, a function begins by comparing its stack pointer, with its frame in place, with the stack limit; if
//! that is lower, it calls what the field of the stack check holds with the vmctx, in Cranelift's `preserve_all` convention;
//! that returns if the function may run after all. Everything that is not wasm memory is in the processor's byte order.
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

/// A kind of processor that code can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    X86_64,
    Aarch64,
    Riscv64,
    S390x,
}

/// Registers in which results travel, at most.
struct ResultRegisters {
    integers: usize,
    floats: usize,
    vectors: usize,
    /// Floats and vectors.
    together: usize,
}

impl Processor {
    fn result_registers(self) -> ResultRegisters {
        let (integers, floats, vectors, together) = match self {
            Processor::X86_64 => (MAX_INT_RESULTS, MAX_FLOAT_RESULTS, MAX_FLOAT_RESULTS, MAX_FLOAT_RESULTS),
            Processor::Aarch64 => (6, 8, 8, 8),
            Processor::Riscv64 => (2, 2, 0, 2),
            Processor::S390x => (6, 4, 8, 12),
        };
        ResultRegisters { integers, floats, vectors, together }
    }

    /// Decides how functions with these results return.
    pub fn results(self, results: &[ValType]) -> Results {
        if self == Processor::X86_64 {
            return Results::of(results);
        }
        let has = self.result_registers();
        let floats = results.iter().filter(|ty| ty.is_float()).count();
        let vectors = results.iter().filter(|ty| **ty == ValType::V128).count();
        let fits = results.len() - floats - vectors <= has.integers
            && floats <= has.floats
            && vectors <= has.vectors
            && floats + vectors <= has.together;
        if fits { Results::Registers } else { Results::Memory }
    }
}

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
