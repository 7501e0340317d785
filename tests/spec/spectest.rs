//! The host module `spectest` that the scripts import from.

use std::sync::Arc;

use updraft::error::Result;
use updraft::runtime::global::Global;
use updraft::runtime::linker::Linker;
use updraft::runtime::memory::Memory;
use updraft::runtime::store::Store;
use updraft::runtime::table::Table;
use updraft::runtime::value::{Extern, Val};
use updraft::types::{FuncType, GlobalType, IndexType, MemoryType, TableType, ValType};

/// Defines everything that the suite may import.
pub fn define(linker: &mut Linker, store: &mut Store) -> Result<()> {
    use ValType::{F32, F64, I32, I64};
    let functions: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in functions {
        let ty = FuncType::new(params.iter().copied(), []);
        linker.define_func("spectest", name, ty, Arc::new(|_, _, _| Ok(())))?;
    }
    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6f32.to_bits())),
        ("global_f64", Val::F64(666.6f64.to_bits())),
    ];
    for (name, value) in globals {
        let global = Global::new(store, GlobalType { content: value.ty(), mutable: false }, value)?;
        linker.define(store, "spectest", name, Extern::Global(global))?;
    }
    for (name, index) in [("table", IndexType::I32), ("table64", IndexType::I64)] {
        let ty = TableType { element: ValType::FuncRef, min: 10, max: Some(20), index };
        let table = Table::new(store, ty, Val::FuncRef(None))?;
        linker.define(store, "spectest", name, Extern::Table(table))?;
    }
    for (name, shared) in [("memory", false), ("shared_memory", true)] {
        let ty = MemoryType { min: 1, max: Some(2), index: IndexType::I32, shared };
        let memory = Memory::new(store, ty)?;
        linker.define(store, "spectest", name, Extern::Memory(memory))?;
    }
    Ok(())
}
