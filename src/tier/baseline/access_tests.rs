//! Every operator that accesses memory compiles, whatever the index, the offset, the memory and the checks.
//!
//! Constants and offsets at the ends of their ranges are where sums overflow. What the code does is the business of
//! the tests that run it.

use wasm_encoder as encode;
use wasm_encoder::Encode;

use super::tests::check_record;
use super::*;
use crate::config::Target;
use crate::module::{Features, decode};

/// What an operator takes besides the index, and whether it leaves something.
struct Access {
    /// Prefix and number.
    opcode: Vec<u8>,
    /// log2 of the bytes; atomic accesses must say it.
    align: u32,
    operands: &'static [encode::ValType],
    lane: bool,
    result: bool,
}

use encode::ValType::{F32, F64, I32, I64, V128};

fn scalar(opcode: u8) -> Access {
    let operands: &[encode::ValType] = match opcode {
        0x28..=0x35 => &[],
        0x36 | 0x3a | 0x3b => &[I32],
        0x38 => &[F32],
        0x39 => &[F64],
        _ => &[I64],
    };
    Access { opcode: vec![opcode], align: 0, operands, lane: false, result: operands.is_empty() }
}

fn vector(number: u32) -> Access {
    let mut opcode = vec![0xfd];
    number.encode(&mut opcode);
    let takes = number == 11 || (84..=91).contains(&number);
    let result = number != 11 && !(88..=91).contains(&number);
    Access { opcode, align: 0, operands: if takes { &[V128] } else { &[] }, lane: (84..=91).contains(&number), result }
}

fn atomic(number: u32) -> Access {
    let (align, operands, result): (u32, &[encode::ValType], bool) = match number {
        0 => (2, &[I32], true),
        1 => (2, &[I32, I64], true),
        2 => (3, &[I64, I64], true),
        _ => {
            let (ty, align) =
                [(I32, 2), (I64, 3), (I32, 0), (I32, 1), (I64, 0), (I64, 1), (I64, 2)][(number as usize - 0x10) % 7];
            let one: &[encode::ValType] = if ty == I32 { &[I32] } else { &[I64] };
            match (number - 0x10) / 7 {
                0 => (align, &[], true),
                1 => (align, one, false),
                8 => (align, if ty == I32 { &[I32, I32] } else { &[I64, I64] }, true),
                _ => (align, one, true),
            }
        }
    };
    Access { opcode: vec![0xfe, number as u8], align, operands, lane: false, result }
}

fn all() -> Vec<Access> {
    let scalars = (0x28..=0x3e).map(scalar);
    let vectors = (0..=11).chain(84..=93).map(vector);
    scalars.chain(vectors).chain((0..=2).chain(0x10..=0x4e).map(atomic)).collect()
}

/// Where the index comes from.
#[derive(Clone, Copy)]
enum Index {
    Param,
    Constant(i64),
}

/// A function body with the operator.
fn body(access: &Access, memory: u32, wide: bool, index: Index, offset: u64) -> Vec<u8> {
    let mut body = vec![0];
    match index {
        Index::Param => body.extend([0x20, u8::from(wide)]),
        Index::Constant(value) if wide => {
            body.push(0x42);
            value.encode(&mut body);
        }
        Index::Constant(value) => {
            body.push(0x41);
            (value as i32).encode(&mut body);
        }
    }
    for ty in access.operands {
        match ty {
            I32 => body.extend([0x41, 0x7f]),
            I64 => body.extend([0x42, 0x7f]),
            F32 => body.extend([0x43, 0, 0, 0x80, 0x3f]),
            F64 => body.extend([0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
            _ => {
                body.extend([0xfd, 12]);
                body.extend([0x5a; 16]);
            }
        }
    }
    body.extend(&access.opcode);
    (access.align | 0x40).encode(&mut body);
    memory.encode(&mut body);
    offset.encode(&mut body);
    if access.lane {
        body.push(0);
    }
    if access.result {
        body.push(0x1a);
    }
    body.push(0x0b);
    body
}

const MEMORY_64: u32 = 1;

/// A module with memories of all kinds and a function per operator, memory, index and offset.
fn module() -> Module {
    let memory = |memory64, shared: bool| encode::MemoryType {
        minimum: 1,
        maximum: shared.then_some(2),
        memory64,
        shared,
        page_size_log2: None,
    };
    let mut memories = encode::MemorySection::new();
    memories.memory(memory(false, false)).memory(memory(true, false)).memory(memory(false, true));
    let mut types = encode::TypeSection::new();
    types.ty().function([I32, I64], []);
    let mut functions = encode::FunctionSection::new();
    let mut code = encode::CodeSection::new();
    let constants = [0, 1, 0xfff9, 0xffff_ffff, i64::MAX, i64::MIN, -1, -8].map(Index::Constant);
    for access in &all() {
        for number in 0..3 {
            let wide = number == MEMORY_64;
            let far: &[u64] = if wide { &[1 << 32, 1 << 63, i64::MAX as u64, u64::MAX - 7, u64::MAX] } else { &[] };
            let offsets = [0, 1, 7, 0xfff8, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
            for &offset in offsets.iter().chain(far) {
                for index in constants.into_iter().chain([Index::Param]) {
                    functions.function(0);
                    code.raw(&body(access, number, wide, index, offset));
                }
            }
        }
    }
    let mut module = encode::Module::new();
    module.section(&types).section(&functions).section(&memories).section(&code);
    let bytes = module.finish();
    decode::load(&bytes, Features::ALL, 1).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_access_compiles_at_the_ends_of_all_ranges() {
    let module = module();
    let layout = VmLayout::new(&module);
    let mut scratch = Scratch::default();
    let count = module.defined_func_count() as u32;
    assert!(count > 25_000, "{count} functions");
    let checks = [(Bounds::Guarded, true), (Bounds::Explicit, true), (Bounds::Explicit, false)];
    for (i, (bounds, signals)) in checks.into_iter().enumerate() {
        let compiler = {
            let target = if i == 1 { Target::with_features("x86-64-v2") } else { Target::default() };
            BaselineCompiler::new(&Config { signals, target, ..Config::default() }, bounds).unwrap()
        };
        for func in (0..count).map(DefinedFunc) {
            let code = compiler.compile_function(&mut scratch, &module, &layout, func).unwrap();
            let body = module.body(func);
            check_record(&code, body.start as u32..body.end as u32);
        }
    }
}
