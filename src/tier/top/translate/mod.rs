//! WebAssembly bodies become Cranelift's IR.
//!
//! In: a validated body and the layout of its instances. Out: `ctx.func`, ready to compile.
//! Each operator is translated by the file of its group; a group's `translate` answers whether the
//! operator is one of its own.
//!
//!     state = operand stack and frames    env = instance, traps, helpers
//!     control, call, numeric, memory, table, reference | vector, relaxed, atomic, wide = groups of operators

mod atomic;
mod env;
mod memory;
#[cfg(all(test, target_arch = "x86_64"))]
mod operator_tests;
mod relaxed;
mod state;
mod vector;
mod wide;

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::Options;
use crate::abi::vmctx::VmLayout;
use crate::module::Module;
use crate::types::ValType;
use state::{Buffers, Reach};

#[allow(unused_imports)]
use memory::Access;

/// The translation of one body.
struct Translator<'a> {
    /// Where instructions go: `self.b.ins()`.
    b: FunctionBuilder<'a>,
    module: &'a Module,
    layout: &'a VmLayout,
    options: &'a Options,
    buf: &'a mut Buffers,
    /// The callee's vmctx.
    vmctx: Value,
    reach: Reach,
}

/// Flags of a bitcast between vector types: lanes are little endian.
const BITCAST: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

/// Cranelift's type for values of a WebAssembly type.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 | ValType::ExternRef => types::I32,
        ValType::I64 | ValType::FuncRef => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// The operand stack.
impl Translator<'_> {
    /// Pushes a value that is not a vector, or an `I8X16`.
    fn push(&mut self, value: Value) {
        debug_assert!(
            !self.b.func.dfg.value_type(value).is_vector() || self.b.func.dfg.value_type(value) == types::I8X16
        );
        self.buf.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.buf.stack.pop().expect("validated: the operand stack is not empty")
    }

    /// Pops two operands: the lower one first.
    fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three operands: the lowest one first.
    fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pushes a vector of any lane type.
    fn push_vector(&mut self, value: Value) {
        let bytes = self.bitcast(types::I8X16, value);
        self.buf.stack.push(bytes);
    }

    /// Pops a vector as one of this lane type.
    fn pop_vector(&mut self, ty: Type) -> Value {
        let bytes = self.pop();
        self.bitcast(ty, bytes)
    }

    /// Pops two vectors as ones of this lane type: the lower one first.
    fn pop2_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        (self.pop_vector(ty), second)
    }

    /// The same bits as a vector of another lane type.
    fn bitcast(&mut self, ty: Type, value: Value) -> Value {
        if self.b.func.dfg.value_type(value) == ty { value } else { self.b.ins().bitcast(ty, BITCAST, value) }
    }
}
