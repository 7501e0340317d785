//! Fuel: what is counted, when it is taken, and that all tiers and modes agree on it at every moment a host can see.
//!
//! What random modules use is compared with a count of their own: each operator is preceded by operators that add 1 to
//! a global.

mod common;

use std::sync::{Arc, Mutex};

use common::{Fixture, MIXED, MODES, Mode, Rng, exported_func, proving, tier_up_some};
use updraft::config::Config;
use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::module::ExportItem;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::FuncType;

/// More than anything below uses.
const PLENTY: u64 = 1 << 40;

fn metered(mode: &Mode) -> Config {
    Config { fuel: true, ..mode.config() }
}

fn fixture(mode: &Mode, text: &str) -> Fixture {
    let fixture = Fixture::with_config(metered(mode), text);
    if mode.name == MIXED {
        tier_up_some(&fixture.module, text.len() as u64);
    }
    fixture
}

/// What a call of `f` uses, and how it ended.
fn used(fixture: &mut Fixture, args: &[Val]) -> (u64, Result<Vec<Val>, TrapCode>) {
    fixture.store.set_fuel(PLENTY).expect("fuel is on");
    let outcome = fixture.call("f", args).map_err(|error| match error {
        Error::Trap(trap) => trap.code,
        other => panic!("{other}"),
    });
    (PLENTY - fixture.store.fuel().expect("fuel is on"), outcome)
}

/// Every kind of run, by hand: what is free, where runs begin and end, what a trap leaves paid.
#[test]
fn operators_are_counted_as_the_header_says() {
    use TrapCode::{IntegerDivideByZero, MemoryOutOfBounds, TableOutOfBounds, Unreachable};
    let cases: &[(&str, i32, u64, Option<TrapCode>)] = &[
        ("", 0, 0, None),
        ("nop (block (block)) (return)", 0, 0, None),
        ("(drop (local.get 0))", 0, 1, None),
        ("(return (drop (i32.add (local.get 0) (i32.const 1))))", 0, 3, None),
        ("(if (local.get 0) (then (drop (i32.const 1))) (else nop)) (drop (i32.const 2))", 1, 4, None),
        ("(if (local.get 0) (then (drop (i32.const 1))) (else nop)) (drop (i32.const 2))", 0, 3, None),
        // The condition fused with the branch that uses it.
        ("(if (i32.eqz (i32.eqz (i32.lt_s (local.get 0) (i32.const 1)))) (then (drop (i32.const 1))))", 0, 7, None),
        ("(if (f64.lt (f64.const 1) (f64.const 2)) (then (drop (i32.const 1))))", 0, 5, None),
        ("(drop (select (i32.const 1) (i32.const 2) (i32.eqz (local.get 0))))", 0, 5, None),
        ("(drop (select (result f64) (f64.const 1) (f64.const 2) (i32.const 1)))", 0, 4, None),
        // Three turns of four operators, one before.
        (
            "(local.set 0 (i32.const 3)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
            0,
            2 + 3 * 5,
            None,
        ),
        ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 1, 2, None),
        ("(block (br_if 0 (local.get 0)) (drop (i32.const 1)))", 0, 3, None),
        ("(block (block (br_table 0 1 0 (local.get 0))) (drop (i32.const 1)))", 0, 3, None),
        ("(block (block (br_table 0 1 0 (local.get 0))) (drop (i32.const 1)))", 1, 2, None),
        ("(block (br 0) (drop (i32.const 1)))", 0, 1, None),
        ("(block (result i32) (br_if 0 (i32.const 1) (local.get 0)) (i32.popcnt)) drop", 1, 3, None),
        // A call pays for itself, the callee for what it does.
        ("(call $two) (drop (i32.const 1))", 0, 1 + 2 + 1, None),
        ("(call_indirect (type $t) (i32.const 0)) (drop (i32.const 1))", 0, 2 + 2 + 1, None),
        ("(return_call $two)", 0, 3, None),
        ("(return_call_indirect (type $t) (i32.const 0))", 0, 4, None),
        // A trap leaves its run paid, and what is behind it unpaid.
        ("(drop (i32.const 1)) unreachable", 0, 1, Some(Unreachable)),
        (
            "(drop (i32.div_u (i32.const 1) (local.get 0))) (drop (i32.const 1)) (call $two)",
            0,
            5,
            Some(IntegerDivideByZero),
        ),
        (
            "(drop (i32.load (i32.const -1))) (drop (i32.const 1)) (block) (if (i32.const 1) (then))",
            0,
            3,
            Some(MemoryOutOfBounds),
        ),
        // Bulk operators pay by their length, even where they are out of bounds.
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 63, 4, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 64, 5, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const 128))", 0, 6, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 65536, 4 + 1024, None),
        ("(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", -1, 4 + (1 << 26) - 1, Some(MemoryOutOfBounds)),
        ("(memory.copy (i32.const 0) (i32.const 8) (i32.add (local.get 0) (local.get 0)))", 64, 6 + 2, None),
        ("(memory.copy (i32.const 0) (i32.const 8) (i32.const 64))", 64, 5, None),
        ("(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))", 70, 5, None),
        ("(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))", 640, 14, Some(MemoryOutOfBounds)),
        ("(table.fill (i32.const 0) (ref.null func) (local.get 0))", 8, 5, None),
        ("(table.copy (i32.const 0) (i32.const 1) (local.get 0))", 7, 4, None),
        ("(table.copy (i32.const 0) (i32.const 1) (local.get 0))", 16, 6, None),
        ("(table.init $e (i32.const 0) (i32.const 0) (local.get 0))", 80, 14, Some(TableOutOfBounds)),
        ("(drop (memory.grow (i32.const 1))) (drop (table.grow (ref.null func) (i32.const 100)))", 0, 5, None),
        ("(data.drop $d) (elem.drop $e)", 0, 2, None),
        ("(drop (i64x2.add (v128.const i64x2 1 1) (v128.load (i32.const 0))))", 0, 4, None),
        ("(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 0))) (atomic.fence)", 0, 4, None),
    ];
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        for &(body, argument, expected, trap) in cases {
            let text = format!(
                "(module (memory 1) (table 20 funcref) (elem (i32.const 0) $two) (type $t (func))
                   (data $d \"{}\") (elem $e func $two $two)
                   (func $two (drop (i32.eqz (i32.const 0))))
                   (func (export \"f\") (param i32) {body}))",
                "x".repeat(70)
            );
            let mut fixture = Fixture::with_engine(&engine, &text);
            if mode.name == MIXED {
                tier_up_some(&fixture.module, body.len() as u64);
            }
            let (used, outcome) = used(&mut fixture, &[Val::I32(argument)]);
            assert_eq!((used, outcome.err()), (expected, trap), "{}: {argument}: {body}", mode.name);
        }
    }
}

/// All that can be seen of a program after it ran out of fuel, at each amount that it can run out at.
const STEPS: &str = "(module (memory (export \"m\") 1) (global $g (export \"g\") (mut i32) (i32.const 0))
  (table funcref (elem $add $sub))
  (type $op (func (param i32)))
  (func $add (param i32) (global.set $g (i32.add (global.get $g) (local.get 0))))
  (func $sub (param i32)
    (if (i32.lt_s (global.get $g) (i32.const 5)) (then (return_call $add (local.get 0))))
    (global.set $g (i32.sub (global.get $g) (local.get 0))))
  (func (export \"f\") (param i32) (result i32) (local $i i32)
    (loop $l
      (i32.store8 (local.get $i) (i32.add (global.get $g) (i32.const 1)))
      (call_indirect (type $op) (local.get $i) (i32.and (local.get $i) (i32.const 1)))
      (memory.copy (i32.const 256) (i32.const 0) (i32.shl (local.get $i) (i32.const 5)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (i32.store (i32.const 100) (local.get $i))
    (global.get $g)))";

#[derive(Debug, PartialEq)]
struct Seen {
    result: Result<Vec<Val>, TrapCode>,
    left: u64,
    global: Val,
    memory: Vec<u8>,
    /// Function and offset of each frame of the trap.
    frames: Vec<(u32, u32)>,
}

fn see(store: &mut Store, instance: Instance, func: Func, args: &[Val]) -> Seen {
    let (result, frames) = match common::call(store, func, args) {
        Ok(values) => (Ok(values), Vec::new()),
        Err(Error::Trap(trap)) => {
            (Err(trap.code), trap.frames.iter().map(|frame| (frame.func.0, frame.module_offset)).collect())
        }
        Err(other) => panic!("{other}"),
    };
    let Ok(Some(Extern::Global(global))) = instance.export(store, "g") else { panic!("there is a global") };
    let Ok(Some(Extern::Memory(memory))) = instance.export(store, "m") else { panic!("there is a memory") };
    let mut bytes = vec![0; 512];
    memory.read(store, 0, &mut bytes).expect("in bounds");
    let global = global.get(store).expect("a live global");
    Seen { result, left: store.fuel().expect("fuel is on"), global, memory: bytes, frames }
}

#[test]
fn whatever_amount_it_ends_at_a_program_ends_alike_in_all_modes() {
    let engines: Vec<Engine> = MODES.iter().map(|mode| Engine::new(metered(mode)).expect("an engine")).collect();
    let mut total = None;
    for fuel in 0.. {
        let mut expected: Option<Seen> = None;
        for (mode, engine) in MODES.iter().zip(&engines) {
            let mut fixture = Fixture::with_engine(engine, STEPS);
            if mode.name == MIXED {
                tier_up_some(&fixture.module, fuel);
            }
            let func = fixture.func("f");
            fixture.store.set_fuel(fuel).expect("fuel is on");
            let seen = see(&mut fixture.store, fixture.instance, func, &[Val::I32(6)]);
            match &seen.result {
                Ok(_) => assert_eq!(seen.left, 0, "the first amount that suffices is used up"),
                Err(code) => {
                    assert_eq!((*code, seen.left), (TrapCode::OutOfFuel, 0));
                    // With more fuel the store works on.
                    fixture.store.add_fuel(PLENTY).expect("fuel is on");
                    fixture.call("f", &[Val::I32(1)]).expect("there is enough");
                }
            }
            if let Some(expected) = &expected {
                assert_eq!(*expected, seen, "{} with {fuel}", mode.name);
            }
            expected = Some(seen);
        }
        if expected.is_some_and(|seen| seen.result.is_ok()) {
            total = Some(fuel);
            break;
        }
    }
    // Counted by hand: the six turns, what they call, what they copy, and the end.
    assert!(total.is_some_and(|total| total > 6 * 25), "{total:?}");
}

/// Everything that can go on for ever takes fuel.
#[test]
fn nothing_runs_for_ever() {
    let text = "(module (type $f (func)) (table 1 funcref) (elem (i32.const 0) $tail)
      (func (export \"loop\") (loop (br 0)))
      (func (export \"loop-if\") (loop (if (i32.const 1) (then (br 1)))))
      (func (export \"table-loop\") (loop (br_table 0 (i32.const 0))))
      (func (export \"nested\") (loop $outer (loop $inner (br_if $outer (i32.const 1)) (br $inner))))
      (func $tail (return_call_indirect (type $f) (i32.const 0)))
      (func (export \"tail\") (call $tail))
      (func $self (export \"self\") (return_call $self)))";
    for mode in MODES {
        let mut fixture = fixture(mode, text);
        for name in ["loop", "loop-if", "table-loop", "nested", "tail", "self"] {
            fixture.store.set_fuel(100_000).expect("fuel is on");
            assert_eq!(fixture.trap(name, &[]), TrapCode::OutOfFuel, "{}: {name}", mode.name);
            assert_eq!(fixture.store.fuel().expect("fuel is on"), 0);
        }
    }
}

/// A host function sees what is left behind its call, and what it sets counts at once, below as well as above.
#[test]
fn host_functions_read_and_set_the_fuel_of_the_running_call() {
    let text = "(module (import \"\" \"host\" (func $host (param i32))) (memory 1)
      (func $in (drop (i32.const 1)) (call $host (i32.const 1)) (drop (i32.const 1)))
      (func (export \"f\") (call $in) (drop (i32.load (i32.const 0))) (call $host (i32.const 2)) (loop (br 0))))";
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let in_host = seen.clone();
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let callback = Arc::new(move |caller: &mut Caller<'_>, args: &[Val], _: &mut [Val]| {
                in_host.lock().expect("no panic").push(caller.store().fuel()?);
                caller.store().set_fuel(if args[0] == Val::I32(1) { 10 } else { 7 })?;
                Ok(())
            });
            let ty = FuncType::new([updraft::types::ValType::I32], []);
            vec![Extern::Func(Func::new(store, ty, callback).expect("a host function"))]
        });
        if mode.name == MIXED {
            tier_up_some(&fixture.module, 1);
        }
        fixture.store.set_fuel(100).expect("fuel is on");
        assert_eq!(fixture.trap("f", &[]), TrapCode::OutOfFuel, "{}", mode.name);
        // 1 for the call, 3 in front of the host; then 1 of 10, and 4 up to the second one.
        assert_eq!(*seen.lock().expect("no panic"), [96, 5], "{}", mode.name);
    }
}

#[test]
fn start_functions_take_fuel_and_constant_expressions_none() {
    let text = "(module (global i32 (i32.add (i32.const 1) (i32.const 2))) (memory 1) (data (i32.const 0) \"abc\")
      (func $start (drop (i32.const 1))) (start $start))";
    for mode in MODES {
        let engine = Engine::new(metered(mode)).expect("an engine");
        let module = common::compile(&engine, text);
        let mut store = Store::new(&engine).expect("a store");
        match Instance::new(&mut store, &module, &[]) {
            Err(Error::Trap(trap)) => assert_eq!(trap.code, TrapCode::OutOfFuel),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.add_fuel(5).expect("fuel is on"), 5);
        Instance::new(&mut store, &module, &[]).expect("there is enough");
        assert_eq!(store.fuel().expect("fuel is on"), 4, "{}", mode.name);
    }
}

#[test]
fn without_the_setting_there_is_no_fuel() {
    let mut fixture = Fixture::new(MODES[0], "(module (func (export \"f\") (drop (i32.const 1))))");
    for refused in [fixture.store.set_fuel(1).err(), fixture.store.fuel().err(), fixture.store.add_fuel(1).err()] {
        assert!(matches!(refused, Some(Error::Misuse { .. })), "{refused:?}");
    }
    fixture.call("f", &[]).expect("it takes nothing");
}

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

/// Real programs: loops in loops, tables of functions, vectors.
#[test]
fn kernels_use_the_same_in_all_modes() {
    let folder: std::path::PathBuf = [env!("CARGO_MANIFEST_DIR"), "bench", "kernels"].iter().collect();
    let modes =
        if proving() { MODES.to_vec() } else { vec![MODES[0], Mode::named("portable"), Mode::named("baseline")] };
    for (name, size) in
        [("sha256", 20), ("json", 4), ("interp", 50), ("vcall", 2000), ("quicksort", 1), ("dot_simd", 30)]
    {
        let wasm = std::fs::read(folder.join(format!("{name}.wasm"))).expect("a kernel");
        let uses = modes.iter().map(|mode| {
            let engine = Engine::new(metered(mode)).expect("an engine");
            let module = CompiledModule::new(&engine, &wasm).expect("a module");
            let mut store = Store::new(&engine).expect("a store");
            store.set_fuel(PLENTY).expect("fuel is on");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let func = exported_func(&mut store, instance, "run");
            let result = common::call(&mut store, func, &[Val::I32(size)]).expect("a checksum");
            (PLENTY - store.fuel().expect("fuel is on"), result)
        });
        let uses: Vec<_> = uses.collect();
        assert!(uses.iter().all(|other| *other == uses[0]), "{name}: {uses:?}");
        assert!(uses[0].0 > 10_000, "{name}: {uses:?}");
    }
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
