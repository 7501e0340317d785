//! The programs that the engine is measured with give the same checksum in every mode.
//!
//! In: `bench/kernels` with its list of sizes and checksums, which come from native code. `UPDRAFT_PROVE=1` runs every
//! kernel at its full size in every mode; otherwise the larger ones run for a part of it, in the first mode and one of
//! the others, and these must agree.

mod common;

use std::path::PathBuf;

use common::{MIXED, MODES, Mode, call, exported_func, proving, tier_up_some};
use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::instance::Instance;
use updraft::runtime::value::Val;

/// Sizes up to this are run in full.
const SMALL: i32 = 20;

/// Larger ones are divided by this.
const PART: i32 = 16;

/// A kernel: its name, its size, and the checksum for it.
struct Kernel {
    name: String,
    size: i32,
    expected: u64,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "bench", "kernels"].iter().collect()
}

/// The value behind a key on a line of the list; the file has one kernel per line.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.split_once(&format!("\"{key}\": "))?.1;
    Some(value.split([',', '}']).next()?.trim_matches('"'))
}

fn kernels() -> Vec<Kernel> {
    let list = std::fs::read_to_string(folder().join("manifest.json")).expect("the list of kernels");
    let kernel = |line: &str| {
        Some(Kernel {
            name: line.split('"').nth(1)?.to_owned(),
            size: field(line, "n")?.parse().ok()?,
            expected: field(line, "expected")?.parse().ok()?,
        })
    };
    list.lines().filter_map(kernel).collect()
}

/// The checksum in a mode.
fn run(mode: Mode, wasm: &[u8], size: i32) -> u64 {
    let engine = Engine::new(mode.config()).expect("an engine");
    let module = CompiledModule::new(&engine, wasm).expect("a module");
    if mode.name == MIXED {
        tier_up_some(&module, size as u64);
    }
    let mut store = common::store(&engine).expect("a store");
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let func = exported_func(&mut store, instance, "run");
    match call(&mut store, func, &[Val::I32(size)]).expect("a checksum")[..] {
        [Val::I64(checksum)] => checksum as u64,
        ref other => panic!("not a checksum: {other:?}"),
    }
}

#[test]
fn kernels_give_their_checksum_in_every_mode() {
    let kernels = kernels();
    assert!(kernels.len() >= 41, "{} kernels", kernels.len());
    for (number, Kernel { name, size, expected }) in kernels.iter().enumerate() {
        let wasm = std::fs::read(folder().join(format!("{name}.wasm"))).expect("a kernel");
        let in_full = proving() || *size <= SMALL;
        let size = if in_full { *size } else { *size / PART };
        let expected = if in_full { *expected } else { run(MODES[0], &wasm, size) };
        let is_baseline =
            |mode: &&Mode| mode.name.starts_with("baseline") || mode.name.starts_with("osr") || mode.name == MIXED;
        let baseline: Vec<&Mode> = MODES.iter().filter(is_baseline).collect();
        let modes = if proving() { MODES.iter().collect() } else { vec![baseline[number % baseline.len()]] };
        for mode in modes {
            assert_eq!(run(*mode, &wasm, size), expected, "{name} of size {size} in mode {}", mode.name);
        }
    }
}
