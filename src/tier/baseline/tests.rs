//! What the records say is consistent, emission is repeatable, and hostile bodies cost what their bytes allow.
//!
//! What the code computes is the business of the tests that run it.

use std::fmt::Write as _;

use super::*;
use crate::config::{Tiering, TieringPolicy, Tiers};
use crate::module::{Features, decode};

/// Every way to compile.
const MODES: [(Bounds, Signals); 3] =
    [(Bounds::Guarded, Signals::On), (Bounds::Explicit, Signals::On), (Bounds::Explicit, Signals::Off)];

fn compiler((bounds, signals): (Bounds, Signals)) -> BaselineCompiler {
    let config = Config { tiers: Tiers::Baseline, signals: signals == Signals::On, ..Config::default() };
    BaselineCompiler::new(&config, bounds).unwrap()
}

fn module(text: &str) -> Module {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    decode::load(&bytes, Features::ALL, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// Compiles all functions of a module, and checks each record.
fn compile_with(compiler: &BaselineCompiler, scratch: &mut Scratch, module: &Module) -> Vec<CompiledCode> {
    let layout = VmLayout::new(module);
    (0..module.defined_func_count() as u32)
        .map(|func| {
            let func = DefinedFunc(func);
            let code = compiler.compile_function(scratch, module, &layout, func).unwrap();
            let body = module.body(func);
            check_record(&code, body.start as u32..body.end as u32);
            code
        })
        .collect()
}

fn compile(mode: (Bounds, Signals), text: &str) -> Vec<CompiledCode> {
    compile_with(&compiler(mode), &mut Scratch::default(), &module(text))
}

/// What must hold of every record; `body` is where the function is in the module.
pub(super) fn check_record(code: &CompiledCode, body: std::ops::Range<u32>) {
    let len = code.bytes.len() as u32;
    assert!(code.entry_offset <= code.body_offset && code.body_offset < len);
    assert!(code.alignment.is_power_of_two());
    assert!(code.trap_sites.is_sorted_by_key(|site| site.offset));
    assert!(code.call_sites.is_sorted_by_key(|site| site.return_offset));
    for site in &code.trap_sites {
        assert!((code.body_offset..len).contains(&site.offset));
        assert!(body.contains(&site.wasm_offset), "trap at {:#x} in {body:x?}", site.wasm_offset);
    }
    for site in &code.call_sites {
        assert!(site.return_offset <= len);
        assert!(body.contains(&site.wasm_offset), "call at {:#x} in {body:x?}", site.wasm_offset);
    }
    for relocation in &code.relocations {
        assert!(relocation.offset + 4 <= len);
        assert_eq!(relocation.addend, -4);
        assert!(matches!(relocation.target, crate::tier::compiled::RelocationTarget::Slot(_)));
    }
}

const SAMPLE: &str = r#"(module
    (import "m" "f" (func $imported (param i32 f64) (result i64)))
    (import "m" "m" (memory 1))
    (table $t 4 funcref)
    (memory $other i64 1)
    (global $g (mut i64) (i64.const 0))
    (type $many (func (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 f32)))
    (func $callee (param i32 i32 i32 i32 i32 i32 i64) (result i32)
        (i32.add (local.get 5) (i32.div_s (local.get 0) (local.get 1))))
    (func $many (type $many)
        (loop (br_if 0 (i32.lt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
        (return_call_indirect $t (type $many) (local.get 0) (local.get 0)))
    (func (param i32) (result i32) (local i64)
        (block
            (loop
                (local.set 1 (i64.add (local.get 1) (i64.load $other offset=8 (local.get 1))))
                (global.set $g (call $imported (local.get 0) (f64.const 1)))
                (br_table 0 1 0 (i32.load8_u (local.get 0)))))
        (drop (drop (drop (drop (drop (drop (drop (drop (drop (drop (call $many (local.get 0))))))))))))
        (call $callee (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (local.get 0)
            (i64.const 7)))
    (func (param i32 i32) (result i32)
        (memory.fill (local.get 0) (local.get 1) (memory.grow (local.get 1)))
        (if (result i32) (local.get 0) (then (unreachable)) (else (i32.load (i32.const -4))))))"#;

#[test]
fn records_are_consistent_in_every_mode() {
    for mode in MODES {
        let codes = compile(mode, SAMPLE);
        let faulting = codes.iter().map(|code| code.trap_sites.len()).sum::<usize>();
        assert_eq!(mode.1 == Signals::Off, faulting == 0, "{mode:?}: {faulting} trap sites");
    }
}

/// Equal inputs give equal records, whatever the scratch was used for before.
#[test]
fn emission_is_repeatable() {
    let (compiler, module) = (compiler(MODES[0]), module(SAMPLE));
    let mut scratch = Scratch::default();
    let first = compile_with(&compiler, &mut scratch, &module);
    compile_with(&compiler, &mut scratch, &self::module("(module (func (result f64) f64.const 0.5))"));
    assert_eq!(first, compile_with(&compiler, &mut scratch, &module));
    assert_eq!(first, compile_with(&compiler, &mut Scratch::default(), &module));
}

/// Only where they count; with the types of what lies below each loop.
#[test]
fn loops_are_recorded_where_both_tiers_are_used() {
    let text = "(module (func (param i32 f64) (result i32)
        (local.get 0) (f64.const 2)
        (loop (param f64) (result f64) (br_if 0 (local.get 0)))
        (drop)
        (loop (loop (br_if 1 (local.get 0))))
        (i32.add (local.get 0))))";
    let module = module(text);
    assert_eq!(compile_with(&compiler(MODES[0]), &mut Scratch::default(), &module)[0].loops, None);
    let tiering = Tiering { policy: TieringPolicy::Off, ..Tiering::default() };
    let config = Config { tiers: Tiers::Both, tiering, ..Config::default() };
    let without = BaselineCompiler::new(&config, Bounds::Guarded).unwrap();
    assert_eq!(compile_with(&without, &mut Scratch::default(), &module)[0].loops, None);
    let config = Config { tiers: Tiers::Both, ..Config::default() };
    let compiler = BaselineCompiler::new(&config, Bounds::Guarded).unwrap();
    let code = &compile_with(&compiler, &mut Scratch::default(), &module)[0];
    let loops = code.loops.as_ref().unwrap();
    let types: Vec<&[ValType]> =
        loops.sites.iter().map(|site| &loops.types[site.operands.start as usize..site.operands.end as usize]).collect();
    assert_eq!(types, [&[ValType::I32, ValType::F64][..], &[ValType::I32], &[ValType::I32]]);
    assert!(loops.sites.is_sorted_by_key(|site| site.offset) && loops.sites.is_sorted_by_key(|site| site.wasm_offset));
    assert_eq!(loops.sites.iter().map(|site| site.outer).collect::<Vec<_>>(), [None, None, Some(1)]);
    assert!(loops.operands < loops.locals && loops.locals < 0 && loops.step == -8);
}

/// A module with one function without parameters and results.
fn function(body: &str) -> String {
    format!("(module (memory 1) (func {body}))")
}

/// Bodies of which the `size` decides, and that make something grow besides the code.
fn bombs(size: usize) -> Vec<(&'static str, String)> {
    let repeat = |text: &str| text.repeat(size);
    let mut table = String::from("(param i32) ");
    let _ = write!(table, "{} (br_table", "block ".repeat(size));
    for depth in 0..size {
        let _ = write!(table, " {depth}");
    }
    let _ = write!(table, " (local.get 0)) {}", repeat("end "));
    vec![
        ("operands", function(&format!("(local i32) {} {}", repeat("local.get 0 "), repeat("local.set 0 ")))),
        ("locals read late", {
            let body = format!("{} {}", repeat("local.get 0 "), repeat("local.get 1 local.set 1 "));
            function(&format!("(local i32 i32) {body} {}", repeat("drop ")))
        }),
        ("blocks", function(&format!("{} {}", repeat("block "), repeat("end ")))),
        ("ifs", function(&format!("{} {}", repeat("i32.const 1 if "), repeat("end ")))),
        ("loops", function(&repeat("loop end "))),
        ("loads", function(&repeat("(drop (i32.load (i32.const 1)))"))),
        ("table", function(&table)),
        ("vectors", function(&repeat("(drop (i8x16.add (v128.const i64x2 1 2) (v128.const i64x2 3 4)))"))),
    ]
}

#[test]
fn code_grows_with_the_body_and_not_faster() {
    const SIZE: usize = 3000;
    for mode in MODES {
        for ((name, small), (_, large)) in bombs(SIZE).into_iter().zip(bombs(2 * SIZE)) {
            let (small, large) = (&compile(mode, &small)[0], &compile(mode, &large)[0]);
            let bound = small.bytes.len() * 21 / 10 + 64;
            assert!(large.bytes.len() <= bound, "{name}: {} and {}", small.bytes.len(), large.bytes.len());
            let sites = small.trap_sites.len() + small.call_sites.len();
            assert!(large.trap_sites.len() + large.call_sites.len() <= 2 * sites + 1, "{name}");
        }
    }
}

/// All the locals that there may be, declared in a few bytes: code that does not know how many they are.
#[test]
fn fifty_thousand_locals_take_a_loop() {
    let text = format!("(local {}) (local.set 49999 (local.get 40000))", "i64 ".repeat(50_000));
    let code = &compile(MODES[0], &function(&text))[0];
    assert!(code.bytes.len() < 200, "{} bytes", code.bytes.len());
    assert!(code.frame_size >= 400_000);
}

/// What calls need below the frame is part of what the stack check compares, also where that is found out late.
#[test]
fn the_stack_check_counts_large_arguments_and_results() {
    let params = "v128 ".repeat(500);
    let args = "(v128.const i64x2 0 0) ".repeat(500);
    let text = format!(
        "(module (func $f (param {params})) (func (call $f {args}))
            (func $g (result {params}) unreachable) (func call $g {}))",
        "drop ".repeat(500)
    );
    for mode in MODES {
        let codes = compile(mode, &text);
        // The first eight are in registers.
        assert!(codes[1].frame_size >= 492 * 16, "{}", codes[1].frame_size);
        assert!(codes[3].frame_size >= 500 * 16, "{}", codes[3].frame_size);
        for code in [&codes[1], &codes[3]] {
            let compared = (code.frame_size as i32).wrapping_neg().to_le_bytes();
            let prefix = &code.bytes[code.entry_offset as usize..code.body_offset as usize];
            assert!(prefix.windows(4).any(|field| field == compared), "{prefix:x?}");
        }
    }
}

/// Operands that a thousand branches take along would be copied a thousand times: such a function is refused.
#[test]
fn code_beyond_the_limit_is_refused() {
    let types = "i64 ".repeat(200);
    let values = "i64.const 0 ".repeat(200);
    let branches = "(br_if 0 (i32.const 1)) ".repeat(100);
    let text = format!(
        "(module (func (result i64) i64.const 0 (block (result {types}) i64.const 0 {values} {branches}
        unreachable) unreachable))"
    );
    let module = module(&text);
    let mut compiler = compiler(MODES[0]);
    let layout = VmLayout::new(&module);
    let mut scratch = Scratch::default();
    let whole = compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(0)).unwrap();
    assert!(whole.bytes.len() > 100 * 200 * 4, "{}", whole.bytes.len());
    compiler.options.max_code = whole.bytes.len() as u32 / 2;
    let refused = compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(0));
    assert!(matches!(refused, Err(Error::Compile { .. })), "{refused:?}");
    compiler.options.max_code = MAX_CODE;
    assert_eq!(compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(0)).unwrap(), whole);
}
