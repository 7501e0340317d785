//! Random modules use the same in all modes, and use what they count themselves: each operator is preceded by operators
//! that add 1 to a global.

use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::module::ExportItem;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;

use crate::common::{self, MIXED, MODES, Mode, Rng, exported_func, proving, tier_up_some};
use crate::{PLENTY, metered};

/// The module of a seed: one that may trap, recurse and run for ever.
fn random_module(seed: u64) -> Option<Vec<u8>> {
    use arbitrary::Unstructured;
    let mut rng = Rng::new(seed);
    let config = wasm_smith::Config {
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        disallow_traps: rng.below(2) == 0,
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        max_funcs: 8,
        min_funcs: 2,
        max_imports: 0,
        max_instructions: 400,
        max_memories: 2,
        min_memories: 1,
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        max_table_elements: 100,
        max_tables: 2,
        memory_max_size_required: true,
        table_max_size_required: true,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        simd_enabled: true,
        tail_call_enabled: true,
        threads_enabled: false,
        custom_page_sizes_enabled: false,
        custom_descriptors_enabled: false,
        compact_imports_enabled: false,
        shared_everything_threads_enabled: false,
        acquire_release_atomics_enabled: false,
        multibyte_array_access_enabled: false,
        wide_arithmetic_enabled: true,
        ..wasm_smith::Config::default()
    };
    let len = 512 << rng.below(5);
    let bytes = rng.bytes(len);
    Some(wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes())
}

/// Whether the rule makes an operator free; as in the header, and not by its opcode.
fn is_free(operator: &wasmparser::Operator<'_>) -> bool {
    use wasmparser::Operator::{Block, Drop, Else, End, Loop, Nop, Return, Unreachable};
    matches!(operator, Block { .. } | Drop | Else | End | Loop { .. } | Nop | Return | Unreachable)
}

/// Whether the operator costs more than a unit.
fn is_bulk(operator: &wasmparser::Operator<'_>) -> bool {
    use wasmparser::Operator::{MemoryCopy, MemoryFill, MemoryInit, TableCopy, TableFill, TableInit};
    matches!(
        operator,
        MemoryCopy { .. }
            | MemoryFill { .. }
            | MemoryInit { .. }
            | TableCopy { .. }
            | TableFill { .. }
            | TableInit { .. }
    )
}

/// The module with an exported global that counts the operators, and whether bulk operators are among them.
fn counting(wasm: &[u8]) -> (Vec<u8>, bool) {
    use wasm_encoder::{CodeSection, Encode, ExportKind, ExportSection, RawSection};
    let (mut global_count, mut global_entries) = (0u32, &[][..]);
    let mut sections = Vec::new();
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let mut bulk = false;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("wasm-smith encodes correctly");
        match &payload {
            wasmparser::Payload::GlobalSection(reader) => {
                global_count = reader.count();
                let range = reader.range().start as usize..reader.range().end as usize;
                let mut entries = wasmparser::BinaryReader::new(&wasm[range.clone()], 0);
                entries.read_var_u32().expect("the number of globals");
                global_entries = &wasm[range.start + entries.original_position() as usize..range.end];
            }
            wasmparser::Payload::ExportSection(reader) => {
                for export in reader.clone() {
                    let export = export.expect("wasm-smith encodes correctly");
                    let kind = match export.kind {
                        wasmparser::ExternalKind::Table => ExportKind::Table,
                        wasmparser::ExternalKind::Memory => ExportKind::Memory,
                        wasmparser::ExternalKind::Global => ExportKind::Global,
                        _ => ExportKind::Func,
                    };
                    exports.export(export.name, kind, export.index);
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            sections.push((id, range.start as usize..range.end as usize));
        }
    }
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("read above") else { continue };
        let range = body.range();
        let mut out = Vec::new();
        let mut written = range.start as usize;
        let mut operators = body.get_operators_reader().expect("a valid body");
        while !operators.eof() {
            let at = operators.original_position() as usize;
            let operator = operators.read().expect("a valid body");
            bulk |= is_bulk(&operator);
            if !is_free(&operator) {
                out.extend_from_slice(&wasm[written..at]);
                written = at;
                // global.get, i64.const 1, i64.add, global.set
                out.push(0x23);
                global_count.encode(&mut out);
                out.extend([0x42, 1, 0x7c, 0x24]);
                global_count.encode(&mut out);
            }
        }
        out.extend_from_slice(&wasm[written..range.end as usize]);
        code.raw(&out);
    }
    let mut globals = Vec::new();
    (global_count + 1).encode(&mut globals);
    globals.extend_from_slice(global_entries);
    // A mutable i64 that is 0.
    globals.extend([0x7e, 1, 0x42, 0, 0x0b]);
    exports.export("operators executed", ExportKind::Global, global_count);
    let mut module = wasm_encoder::Module::new();
    // In the order that sections have: table, memory, then globals; 12 is the data count, 13 are tags.
    let mut rest = sections.into_iter().filter(|(id, _)| !matches!(id, 6 | 7 | 10)).peekable();
    let early = |id: u8| matches!(id, 1..=5 | 13);
    while let Some((id, range)) = rest.next_if(|(id, _)| early(*id)) {
        module.section(&RawSection { id, data: &wasm[range] });
    }
    module.section(&RawSection { id: 6, data: &globals }).section(&exports);
    while let Some((id, range)) = rest.next_if(|(id, _)| matches!(id, 8 | 9 | 12)) {
        module.section(&RawSection { id, data: &wasm[range] });
    }
    module.section(&code);
    for (id, range) in rest {
        module.section(&RawSection { id, data: &wasm[range] });
    }
    (module.finish(), bulk)
}

/// What one call of a random module used, and how it ended; None where the stack of a mode was too small.
fn uses_of(engine: &Engine, mode: &Mode, wasm: &[u8], seed: u64, fuel: u64) -> Option<Vec<(u64, String)>> {
    let module = CompiledModule::new(engine, wasm).expect("wasm-smith makes valid modules");
    if mode.name == MIXED {
        tier_up_some(&module, seed);
    }
    let mut store = Store::new(engine).expect("a store");
    let mut uses = Vec::new();
    let mut note = |store: &Store, outcome: Result<String, &Error>| {
        let text = match outcome {
            Ok(text) => text,
            Err(Error::Trap(trap)) if trap.code == TrapCode::StackOverflow => return None,
            Err(Error::Trap(trap)) => format!("{:?}", trap.code),
            Err(other) => other.to_string(),
        };
        uses.push((fuel - store.fuel().expect("fuel is on"), text));
        Some(())
    };
    store.set_fuel(fuel).expect("fuel is on");
    let instance = Instance::new(&mut store, &module, &[]);
    note(&store, instance.as_ref().map(|_| String::new()))?;
    let Ok(instance) = instance else { return Some(uses) };
    let mut rng = Rng::new(!seed);
    for export in module.module().exports() {
        let ExportItem::Func(func) = export.item else { continue };
        let params = module.module().func_type(func).params();
        let args: Vec<Val> = params.iter().map(|ty| small(*ty, &mut rng)).collect();
        let func = exported_func(&mut store, instance, &export.name);
        store.set_fuel(fuel).expect("fuel is on");
        let outcome = common::call(&mut store, func, &args).map(|values| {
            // References are handles, which count up as the host gets them: the same in all modes.
            format!("{values:?}")
        });
        note(&store, outcome.as_ref().map(Clone::clone))?;
    }
    Some(uses)
}

/// A number that leads somewhere.
fn small(ty: updraft::types::ValType, rng: &mut Rng) -> Val {
    use updraft::types::ValType;
    let number = rng.below(300) as i32 - 20;
    match ty {
        ValType::I32 => Val::I32(number),
        ValType::I64 => Val::I64(number.into()),
        ValType::F32 => Val::F32((number as f32).to_bits()),
        ValType::F64 => Val::F64(f64::from(number).to_bits()),
        other => Val::default_of(other),
    }
}

/// Random modules use the same in all modes, run out at the same place whatever the amount, and use what they count.
#[test]
fn random_modules_use_the_same_in_all_modes() {
    let seeds = if proving() { 20_000 } else { 60 };
    let engines: Vec<Engine> = MODES.iter().map(|mode| Engine::new(metered(mode)).expect("an engine")).collect();
    let baseline = MODES.iter().position(|mode| mode.name == "baseline").expect("a mode of this name");
    let (mut compared, mut exhausted, mut counted) = (0, 0, 0);
    for seed in 0..seeds {
        let Some(wasm) = random_module(seed) else { continue };
        let fuel = if seed % 2 == 0 { 5000 } else { 1 + Rng::new(seed).below(100) as u64 };
        let mut expected: Option<Vec<(u64, String)>> = None;
        for (mode, engine) in MODES.iter().zip(&engines) {
            let Some(uses) = uses_of(engine, mode, &wasm, seed, fuel) else { break };
            if let Some(expected) = &expected {
                assert_eq!(*expected, uses, "{} with {fuel}, seed {seed}", mode.name);
                compared += uses.len();
                exhausted += uses.iter().filter(|(_, outcome)| outcome == "OutOfFuel").count();
            }
            expected = Some(uses);
        }
        counted += check_count(&engines[0], &engines[baseline], &wasm, seed);
    }
    println!("{compared} calls compared, {exhausted} of them out of fuel; {counted} counted in two ways");
    assert!(compared > 1000 && exhausted > 100 && counted > 30, "{compared} {exhausted} {counted}");
}

/// Compares what calls use with the module's own count of operators; how many were compared.
fn check_count(metered: &Engine, also_metered: &Engine, wasm: &[u8], seed: u64) -> usize {
    let (instrumented, bulk) = counting(wasm);
    if bulk {
        return 0;
    }
    let mut compared = 0;
    for engine in [metered, also_metered] {
        let module = CompiledModule::new(engine, &instrumented).expect("still valid");
        let plain = CompiledModule::new(engine, wasm).expect("valid");
        let (mut store, mut plain_store) = (Store::new(engine).expect("a store"), Store::new(engine).expect("a store"));
        store.set_fuel(PLENTY).expect("fuel is on");
        plain_store.set_fuel(5000).expect("fuel is on");
        let Ok(plain_instance) = Instance::new(&mut plain_store, &plain, &[]) else { return compared };
        let instance = Instance::new(&mut store, &module, &[]).expect("as the plain one");
        let Ok(Some(Extern::Global(count))) = instance.export(&mut store, "operators executed") else {
            panic!("there is a global")
        };
        let mut rng = Rng::new(!seed);
        for export in plain.module().exports() {
            let ExportItem::Func(index) = export.item else { continue };
            let params = plain.module().func_type(index).params();
            let args: Vec<Val> = params.iter().map(|ty| small(*ty, &mut rng)).collect();
            plain_store.set_fuel(5000).expect("fuel is on");
            let func = exported_func(&mut plain_store, plain_instance, &export.name);
            if common::call(&mut plain_store, func, &args).is_err() {
                // The two would go different ways from here on.
                break;
            }
            count.set(&mut store, Val::I64(0)).expect("mutable");
            let func = exported_func(&mut store, instance, &export.name);
            common::call(&mut store, func, &args).expect("as the plain one");
            let Ok(Val::I64(executed)) = count.get(&mut store) else { panic!("a number") };
            let used = 5000 - plain_store.fuel().expect("fuel is on");
            assert_eq!(used, executed as u64, "{}, seed {seed}", export.name);
            compared += 1;
        }
    }
    compared
}
