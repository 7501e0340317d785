//! Random modules from wasm-smith, and random calls of all that they export.

use arbitrary::{Arbitrary, Unstructured};
use updraft::engine::Engine;
use updraft::module::ExportItem;
use updraft::runtime::value::Val;
use wasm_smith::{Config, Module};

use crate::common::Rng;
use crate::coverage::Coverage;
use crate::engines::{self, Mismatch, Nans, Pair, Verdict};
use crate::values::random;

/// Loop iterations and calls that one call from the host may make.
pub const FUEL: i32 = 2000;

/// The module of a seed, and the name of its fuel's global.
pub struct Random {
    pub wasm: Vec<u8>,
    pub fuel: String,
}

/// Makes the module of a seed; None for the few seeds that make none.
pub fn module(seed: u64) -> Option<Random> {
    let mut rng = Rng::new(seed);
    // Swarm testing: which features and limits a module may use is itself random.
    let settings = rng.bytes(512);
    let mut config = Config::arbitrary(&mut Unstructured::new(&settings)).ok()?;
    limit(&mut config, &mut rng);
    let len = 512 << rng.below(7);
    let bytes = rng.bytes(len);
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    let fuel = module.ensure_termination(FUEL as u32).ok()?;
    let (wasm, fuel) = export_global(&module.to_bytes(), fuel);
    Some(Random { wasm, fuel })
}

/// Keeps the module inside of what both engines implement and of small resources.
fn limit(config: &mut Config, rng: &mut Rng) {
    config.allow_start_export = true;
    config.canonicalize_nans = true;
    config.compact_imports_enabled = false;
    config.custom_descriptors_enabled = false;
    config.custom_page_sizes_enabled = false;
    // Traps end a function early, but some operators are only made where traps are allowed.
    config.disallow_traps = rng.below(2) == 0;
    config.exceptions_enabled = false;
    config.export_everything = true;
    config.gc_enabled = false;
    config.generate_custom_sections = false;
    config.max_data_segments = 4;
    config.max_element_segments = 4;
    config.min_data_segments = 0;
    config.min_element_segments = 0;
    config.min_elements = 0;
    config.min_exports = 0;
    config.min_globals = 0;
    config.min_imports = 0;
    config.min_tags = 0;
    config.min_types = 0;
    config.min_tables = 0;
    config.max_funcs = 10;
    config.min_funcs = 1 + rng.below(6);
    config.max_imports = 4;
    config.max_instructions = 600;
    config.max_memories = if rng.below(4) == 0 { 3 } else { 1 };
    config.max_memory32_bytes = 10 << 16;
    config.max_memory64_bytes = 10 << 16;
    config.max_table_elements = 100;
    config.max_tables = 3;
    config.memory_max_size_required = true;
    config.min_memories = 1;
    config.multi_value_enabled = true;
    config.reference_types_enabled = true;
    config.bulk_memory_enabled = true;
    // Its results depend on the machine.
    config.relaxed_simd_enabled = false;
    config.saturating_float_to_int_enabled = true;
    config.shared_everything_threads_enabled = false;
    config.sign_extension_ops_enabled = true;
    config.simd_enabled = true;
    config.table_max_size_required = true;
    config.tail_call_enabled = true;
    // The reference has none.
    config.threads_enabled = false;
    config.wide_arithmetic_enabled = rng.below(2) == 0;
    config.allow_invalid_funcs = false;
    config.acquire_release_atomics_enabled = false;
    config.multibyte_array_access_enabled = false;
}

/// Exports the global under a name that no other export has.
fn export_global(wasm: &[u8], global: u32) -> (Vec<u8>, String) {
    use wasm_encoder::{ExportKind, ExportSection, RawSection};
    let mut names = Vec::new();
    let mut exports = ExportSection::new();
    let mut module = wasm_encoder::Module::new();
    let mut sections = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("wasm-smith encodes correctly");
        if let wasmparser::Payload::ExportSection(reader) = &payload {
            for export in reader.clone() {
                let export = export.expect("wasm-smith encodes correctly");
                names.push(export.name.to_owned());
                let kind = match export.kind {
                    wasmparser::ExternalKind::Table => ExportKind::Table,
                    wasmparser::ExternalKind::Memory => ExportKind::Memory,
                    wasmparser::ExternalKind::Global => ExportKind::Global,
                    _ => ExportKind::Func,
                };
                exports.export(export.name, kind, export.index);
            }
        } else if let Some((id, range)) = payload.as_section() {
            sections.push((id, range.start as usize..range.end as usize));
        }
    }
    let mut name = String::from("fuel");
    while names.contains(&name) {
        name.push('_');
    }
    exports.export(&name, ExportKind::Global, global);
    // The export section (7) comes before start (8), element (9) and what follows; 12 is the data count.
    let before = |id: u8| matches!(id, 1..=6 | 13);
    let mut written = false;
    for (id, range) in sections {
        if !before(id) && !written {
            module.section(&exports);
            written = true;
        }
        module.section(&RawSection { id, data: &wasm[range] });
    }
    if !written {
        module.section(&exports);
    }
    (module.finish(), name)
}

/// How a seed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every call was compared.
    Compared { calls: u64, traps: u64 },
    /// A resource ran out before the end.
    Inconclusive,
    /// No module, or both engines refused it alike.
    Nothing,
}

/// Runs the module of a seed in our engine only, to see whether it survives.
pub fn run_alone(engine: &Engine, seed: u64, random_module: &Random) {
    let mut rng = Rng::new(!seed);
    engines::run_alone(engine, &random_module.wasm, |ty| ty.params().iter().map(|ty| random(*ty, &mut rng)).collect());
}

/// Runs the module of a seed in both engines.
pub fn run(
    engine: &Engine,
    reference: &wasmi::Engine,
    seed: u64,
    random_module: &Random,
    coverage: &mut Coverage,
) -> Result<Outcome, Mismatch> {
    let mut pair = match Pair::new(engine, reference, &random_module.wasm)? {
        Ok(pair) => pair,
        Err(Verdict::Inconclusive) => return Ok(Outcome::Inconclusive),
        Err(Verdict::Same) => return Ok(Outcome::Nothing),
    };
    // The start function ran on the initial fuel; it and its globals are compared as well.
    pair.compare_state()?;
    let mut rng = Rng::new(!seed);
    let (mut calls, mut traps) = (0, 0);
    let module = pair.module.module().clone();
    for _ in 0..2 {
        for export in module.exports() {
            let ExportItem::Func(func) = export.item else { continue };
            let args: Vec<Val> = module.func_type(func).params().iter().map(|ty| random(*ty, &mut rng)).collect();
            pair.set_global(&random_module.fuel, Val::I32(FUEL))?;
            let (verdict, called) = pair.call(&export.name, &args, Nans::Exact)?;
            if verdict == Verdict::Inconclusive {
                return Ok(Outcome::Inconclusive);
            }
            calls += 1;
            traps += u64::from(called.is_err());
            if let Some(func) = module.defined_func(func) {
                coverage.add(&module, func);
            }
            pair.compare_state()?;
        }
    }
    Ok(Outcome::Compared { calls, traps })
}
