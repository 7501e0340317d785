//! Modules made to blow up a compiler: each must be validated and compiled by the baseline tier in time and memory
//! that grow with its size and no faster.
//!
//! The time is that of the processor, on the one thread that compiles. `UPDRAFT_PROVE=1` makes the modules as large
//! as WebAssembly lets them be, where each must take less than 10 seconds and 1 GB; it wants an optimised build.
//! An argument in `UPDRAFT_BOMBS` selects bombs by a part of their name.

mod common;

use common::{alone, proving};
use updraft::config::{BaselineChoice, Config, MemoryMode, Strategy, Tiers};
use updraft::engine::{CompiledModule, Engine};
use wasm_encoder as encode;
use wasm_encoder::{Encode, ValType};

/// Most that a bomb of full size may take.
const SECONDS: f64 = 10.0;
const BYTES: usize = 1 << 30;

/// A bomb of four times the size may take so many times as long: between linear (4) and quadratic (16).
const GROWTH: f64 = 8.0;

/// Bytes of a function's body, at most.
const BODY: usize = 7_654_321;

/// A bomb: its name, the module of a size, and the largest size.
struct Bomb {
    name: &'static str,
    module: fn(usize) -> Vec<u8>,
    full: usize,
}

const BOMBS: &[Bomb] = &[
    Bomb { name: "long", module: long, full: BODY / 8 - 8 },
    Bomb { name: "locals and blocks", module: locals_and_blocks, full: 10_000 },
    Bomb { name: "loops", module: loops, full: 1_000_000 },
    Bomb { name: "chained blocks", module: chained_blocks, full: 1_000_000 },
    Bomb { name: "nested blocks", module: nested_blocks, full: 100_000 },
    Bomb { name: "nested loops", module: nested_loops, full: 100_000 },
    Bomb { name: "nested ifs", module: nested_ifs, full: 100_000 },
    Bomb { name: "branch tables", module: branch_tables, full: 700_000 },
    Bomb { name: "wide calls", module: wide_calls, full: 3_000 },
    Bomb { name: "many operands", module: many_operands, full: 1_000_000 },
    Bomb { name: "vector constants", module: vector_constants, full: 380_000 },
    Bomb { name: "tiny functions", module: tiny_functions, full: 1_000_000 },
    Bomb { name: "traps", module: traps, full: 1_000_000 },
    Bomb { name: "dead code", module: dead_code, full: 2_000_000 },
];

/// A module with functions of one type, two i32 to one, all with this body: locals and operators.
fn functions(count: usize, body: &[u8]) -> Vec<u8> {
    with_type(&[ValType::I32; 2], &[ValType::I32], count, body)
}

fn with_type(params: &[ValType], results: &[ValType], count: usize, body: &[u8]) -> Vec<u8> {
    let mut module = encode::Module::new();
    let mut types = encode::TypeSection::new();
    types.ty().function(params.iter().copied(), results.iter().copied());
    module.section(&types);
    let mut functions = encode::FunctionSection::new();
    let mut code = encode::CodeSection::new();
    for _ in 0..count {
        functions.function(0);
        code.raw(body);
    }
    module.section(&functions);
    let mut memories = encode::MemorySection::new();
    let memory = encode::MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    module.section(&memories);
    module.section(&code);
    module.finish()
}

/// A body without locals: something before, something repeated, something after.
fn repeated(before: &[u8], repeated: &[u8], count: usize, after: &[u8]) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(before);
    (0..count).for_each(|_| body.extend(repeated));
    body.extend(after);
    body.push(0x0b);
    body
}

const RESULT: &[u8] = &[0x20, 0];

/// Sums into a parameter, over and over.
fn long(size: usize) -> Vec<u8> {
    functions(1, &repeated(&[], &[0x20, 0, 0x20, 1, 0x6a, 0x21, 0, 0x01], size, RESULT))
}

fn locals_and_blocks(size: usize) -> Vec<u8> {
    let mut body = vec![1];
    49_998u32.encode(&mut body);
    body.push(0x7f);
    for block in 0..size as u32 {
        body.extend([0x02, 0x40, 0x20]);
        (block * 5 % 50_000).encode(&mut body);
        body.extend([0x0d, 0, 0x20, 1, 0x21]);
        (block * 7 % 50_000).encode(&mut body);
        body.push(0x0b);
    }
    body.extend(RESULT);
    body.push(0x0b);
    functions(1, &body)
}

fn loops(size: usize) -> Vec<u8> {
    functions(1, &repeated(&[], &[0x03, 0x40, 0x0b], size, RESULT))
}

fn chained_blocks(size: usize) -> Vec<u8> {
    functions(1, &repeated(&[], &[0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b], size, RESULT))
}

fn nested(opener: &[u8], size: usize) -> Vec<u8> {
    let mut body = repeated(&[], opener, size, &[0x20, 0, 0x0d, 0]);
    body.pop();
    body.extend(std::iter::repeat_n(0x0b, size));
    body.extend(RESULT);
    body.push(0x0b);
    functions(1, &body)
}

fn nested_blocks(size: usize) -> Vec<u8> {
    nested(&[0x20, 0, 0x1a, 0x02, 0x40], size)
}

fn nested_loops(size: usize) -> Vec<u8> {
    nested(&[0x03, 0x40, 0x20, 1, 0x21, 0], size)
}

fn nested_ifs(size: usize) -> Vec<u8> {
    nested(&[0x20, 0, 0x04, 0x40], size)
}

/// Ten tables of so many targets, a few blocks being all of them.
fn branch_tables(size: usize) -> Vec<u8> {
    let mut body = vec![0];
    for _ in 0..10 {
        body.extend([0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e]);
        (size as u32).encode(&mut body);
        body.extend((0..size).map(|target| (target % 3) as u8));
        body.extend([0, 0x0b, 0x0b, 0x0b]);
    }
    body.extend(RESULT);
    body.push(0x0b);
    functions(1, &body)
}

/// Calls with a thousand parameters and a thousand results each.
fn wide_calls(size: usize) -> Vec<u8> {
    let mut one = Vec::new();
    (0..1000).for_each(|_| one.extend([0x20, 0]));
    one.extend([0x10, 0]);
    (0..1000).for_each(|_| one.push(0x1a));
    let mut results = Vec::new();
    (0..1000).for_each(|_| results.extend([0x20, 1]));
    with_type(&[ValType::I64; 1000], &[ValType::I64; 1000], 1, &repeated(&[], &one, size / 2, &results))
}

fn many_operands(size: usize) -> Vec<u8> {
    let mut after = vec![0x1a; size - 1];
    after.insert(0, 0x01);
    functions(1, &repeated(&[], &[0x20, 0, 0x20, 1, 0x6a], size, &after))
}

fn vector_constants(size: usize) -> Vec<u8> {
    let mut body = vec![1, 1, 0x7b];
    for number in 0..size as u64 {
        body.extend([0xfd, 0x0c]);
        body.extend(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        body.extend(number.to_le_bytes());
        body.extend([0x21, 2]);
    }
    body.extend(RESULT);
    body.push(0x0b);
    functions(1, &body)
}

fn tiny_functions(size: usize) -> Vec<u8> {
    functions(size, &[0, 0x20, 0, 0x0b])
}

/// Divisions and accesses, each with its own way to trap.
fn traps(size: usize) -> Vec<u8> {
    functions(1, &repeated(&[0x20, 0], &[0x20, 1, 0x6d, 0x28, 2, 0], size, &[]))
}

fn dead_code(size: usize) -> Vec<u8> {
    functions(1, &repeated(&[0x00], &[0x02, 0x40, 0x0b], size, &[]))
}

/// Seconds of this thread.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds that a module takes from bytes to machine code.
fn compile(wasm: &[u8]) -> f64 {
    let config = Config {
        tiers: Tiers::Baseline,
        baseline: BaselineChoice::Native,
        strategy: Strategy::Eager,
        memory_mode: MemoryMode::Guarded,
        compile_threads: 1,
        ..Config::default()
    };
    let engine = Engine::new(config).expect("an engine");
    let start = processor_time();
    let module = CompiledModule::new(&engine, wasm).expect("a module");
    let time = processor_time() - start;
    let progress = module.progress();
    assert_eq!(progress.counts.baseline, module.module().defined_func_count(), "{progress:?}");
    time
}

/// Most memory that the process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn bombs_take_time_and_memory_by_their_size() {
    if !alone("bombs_take_time_and_memory_by_their_size") {
        return;
    }
    let wanted = std::env::var("UPDRAFT_BOMBS").unwrap_or_default();
    let mut failures = Vec::new();
    for bomb in BOMBS.iter().filter(|bomb| bomb.name.contains(&wanted)) {
        let full = if proving() { bomb.full } else { bomb.full / 64 };
        let small = (bomb.module)(full / 4);
        let large = (bomb.module)(full);
        // The faster of two, since a first run also warms up.
        let least = |wasm: &[u8]| compile(wasm).min(compile(wasm));
        let (one, four) = (least(&small), least(&large));
        let peak = peak();
        println!(
            "{:20} {:>9} bytes: {:7.1} ms, a quarter {:7.1} ms, x{:.1}; peak so far {} MB",
            bomb.name,
            large.len(),
            four * 1e3,
            one * 1e3,
            four / one,
            peak >> 20
        );
        if four > one * GROWTH + 0.005 {
            failures.push(format!("{} grows too fast: {one} s, then {four} s", bomb.name));
        }
        if proving() && (four > SECONDS || peak > BYTES) {
            failures.push(format!("{} takes {four} s, and the process {} MB", bomb.name, peak >> 20));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
