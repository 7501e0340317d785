//! What decoding promises beyond wasmparser: counts, names, features, and which error is reported.

use super::body::Keep;
use super::decode::{Decoded, decode, load};
use super::validate::{Scratch, validate, validate_all};
use super::*;
use crate::error::Error;
use crate::types::IndexType;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn module(text: &str) -> Module {
    load(&wasm(text), Features::ALL, 1).unwrap()
}

fn refusal(bytes: &[u8], features: Features) -> Error {
    load(bytes, features, 1).err().expect("the module is refused")
}

fn missing(text: &str, features: Features) -> String {
    match refusal(&wasm(text), features) {
        Error::Unsupported { feature, .. } => feature.into(),
        other => panic!("{other}"),
    }
}

/// All features but one.
const WITHOUT: fn(Features) -> Features = |feature| Features(Features::ALL.0 & !feature.0);

#[test]
fn a_module_of_every_section() {
    let module = module(
        r#"(module $all
            (type $t (func (param i32) (result i64)))
            (import "a" "f" (func $imported (type $t)))
            (import "a" "t" (table 1 2 externref))
            (import "a" "m" (memory 1 2))
            (import "a" "g" (global i32))
            (table $own 3 funcref)
            (memory $wide i64 1)
            (global $v128 v128 (v128.const i32x4 1 2 3 4))
            (global $sum (mut i32) (i32.add (global.get 0) (i32.mul (i32.const 2) (i32.const 3))))
            (global $func funcref (ref.func $by_global))
            (global $null externref (ref.null extern))
            (export "f" (func $exported))
            (export "imported" (func $imported))
            (export "m" (memory $wide))
            (start $starts)
            (elem (table $own) (i32.const 0) func $by_active)
            (elem func $by_passive $imported)
            (elem declare func $by_declared)
            (elem funcref (ref.null func) (ref.func $by_expression))
            (func $exported (type $t) (i64.const 0))
            (func $private)
            (func $starts)
            (func $by_global) (func $by_active) (func $by_passive) (func $by_declared) (func $by_expression)
            (data (memory $wide) (i64.const 5) "active")
            (data "passive"))"#,
    );
    assert_eq!(module.import_counts(), ImportCounts { functions: 1, tables: 1, memories: 1, globals: 1 });
    assert_eq!(module.imports().len(), 4);
    assert_eq!(&*module.imports()[1].name, "t");
    assert_eq!(module.imports()[0].ty, ExternType::Func(FuncType::new([ValType::I32], [ValType::I64])));
    assert_eq!(module.functions().len(), 9);
    assert_eq!(module.defined_func_count(), 8);
    assert_eq!(module.tables()[0].element, ValType::ExternRef);
    assert_eq!(module.tables()[1], TableType { element: ValType::FuncRef, min: 3, max: None, index: IndexType::I32 });
    assert_eq!(module.memories()[1].index, IndexType::I64);
    assert_eq!(module.table_inits, [None]);
    let one_to_four = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];
    let inits: Vec<&[ConstOp]> = module.global_inits.iter().map(|init| init.ops()).collect();
    assert_eq!(inits[0], [ConstOp::V128(one_to_four)]);
    let sum = [ConstOp::GlobalGet(GlobalIndex(0)), ConstOp::I32(2), ConstOp::I32(3), ConstOp::I32Mul, ConstOp::I32Add];
    assert_eq!(inits[1], sum);
    assert_eq!(inits[2], [ConstOp::RefFunc(FuncIndex(4))]);
    assert_eq!(inits[3], [ConstOp::RefNull(ValType::ExternRef)]);
    assert_eq!(module.start, Some(FuncIndex(3)));
    // Not the imported one, though exported; not the private one; not the one that only starts.
    assert_eq!(module.escaping(), [1, 4, 5, 6, 7, 8].map(FuncIndex));
    assert_eq!(module.escaping_position(FuncIndex(5)), Some(2));
    assert_eq!(module.escaping_position(FuncIndex(2)), None);
    assert!(
        matches!(&module.elements[0].mode, ElementMode::Active(TableIndex(1), at) if *at.ops() == [ConstOp::I32(0)])
    );
    assert!(matches!(&module.elements[1].mode, ElementMode::Passive));
    assert!(matches!(&module.elements[2].mode, ElementMode::Declared));
    assert!(matches!(&module.elements[3].items, ElementItems::Expressions(items) if items.len() == 2));
    let data = |index: usize| {
        let range = &module.data().unwrap()[index].bytes;
        &module.bytes()[range.start as usize..range.end as usize]
    };
    assert_eq!(data(0), b"active");
    assert_eq!(data(1), b"passive");
    assert!(matches!(&module.data().unwrap()[0].active, Some((MemoryIndex(1), at)) if *at.ops() == [ConstOp::I64(5)]));
    assert!(module.data().unwrap()[1].active.is_none());
    // A body is its locals and operators: none, `i64.const 0`, `end`.
    assert_eq!(module.bytes()[module.body(DefinedFunc(0))], [0, 0x42, 0, 0x0b]);
    assert_eq!(module.names().module().as_deref(), Some("all"));
    assert_eq!(module.export_type(module.exports()[2].item), ExternType::Memory(module.memories()[1]));
}

/// Modules and exactly the features that each needs.
const USES: &[(&str, Features)] = &[
    ("(module)", Features(0)),
    ("(module (table 1 funcref) (elem (i32.const 0) func 0) (func (call_indirect (i32.const 0))))", Features(0)),
    ("(module (func (result i32) (block (result i32) (i32.const 1))))", Features(0)),
    (r#"(module (global (export "g") (mut i32) (i32.const 0)))"#, Features::MUTABLE_GLOBAL),
    (r#"(module (global (import "" "") (mut i32)))"#, Features::MUTABLE_GLOBAL),
    ("(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))", Features::SATURATING_FLOAT_TO_INT),
    ("(module (func (drop (i32.extend8_s (i32.const 0)))))", Features::SIGN_EXTENSION),
    ("(module (func (param externref)))", Features::REFERENCE_TYPES),
    ("(module (func (local funcref)))", Features::REFERENCE_TYPES),
    ("(module (func (drop (ref.null func))))", Features::REFERENCE_TYPES),
    ("(module (table 1 funcref) (table 1 funcref))", Features::REFERENCE_TYPES),
    ("(module (func (unreachable) (block (result externref) (unreachable)) (drop)))", Features::REFERENCE_TYPES),
    ("(module (func (result i32 i32) (i32.const 0) (i32.const 0)))", Features::MULTI_VALUE),
    ("(module (func (i32.const 0) (block (param i32) (drop))))", Features::MULTI_VALUE),
    ("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", Features::BULK_MEMORY),
    (r#"(module (data ""))"#, Features::BULK_MEMORY),
    ("(module (elem func))", Features::BULK_MEMORY),
    ("(module (func (local v128)))", Features::SIMD),
    ("(module (func (param v128)))", Features::SIMD),
    ("(module (func (drop (i32x4.splat (i32.const 0)))))", Features::SIMD),
    (
        "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))",
        Features(Features::SIMD.0 | Features::RELAXED_SIMD.0),
    ),
    ("(module (func (atomic.fence)))", Features::THREADS),
    ("(module (memory 1 1 shared))", Features::THREADS),
    ("(module (func $f (return_call $f)))", Features::TAIL_CALL),
    ("(module (memory 1) (memory 1))", Features::MULTI_MEMORY),
    ("(module (memory i64 1))", Features::MEMORY64),
    ("(module (table i64 1 funcref))", Features::MEMORY64),
    ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", Features::EXTENDED_CONST),
    (
        "(module (func (result i64 i64) (i64.mul_wide_u (i64.const 1) (i64.const 2))))",
        Features(Features::WIDE_ARITHMETIC.0 | Features::MULTI_VALUE.0),
    ),
];

#[test]
fn features_used_are_those_needed() {
    let mut seen = Features::default();
    for &(text, uses) in USES {
        let module = module(text);
        assert_eq!(module.features(), uses, "{text}");
        // Enough, and none too many.
        load(&wasm(text), uses, 1).unwrap_or_else(|error| panic!("{text}: {error}"));
        for &(feature, name, _) in Features::LIST.iter().filter(|(feature, ..)| uses.contains(*feature)) {
            let named = missing(text, WITHOUT(feature));
            assert_eq!(named, name, "{text}");
        }
        seen = seen | uses;
    }
    assert_eq!(seen, Features::ALL, "every feature has a module");
}

#[test]
fn features_that_are_not_there_are_named() {
    let all = Features::ALL;
    assert_eq!(missing("(module (tag))", all), "exceptions");
    assert_eq!(missing("(module (tag $t) (func (throw $t)))", all), "exceptions");
    assert_eq!(missing("(module (type (struct)))", all), "gc");
    assert_eq!(missing("(module (func (param anyref)))", all), "gc");
    assert_eq!(missing("(module (func (drop (ref.i31 (i32.const 0)))))", all), "gc");
    assert_eq!(missing("(module (type $f (func)) (func (param (ref $f))))", all), "function-references");
    assert_eq!(missing("(module (table 1 funcref (ref.null func)))", all), "function-references");
    assert_eq!(missing("(module (memory 1 (pagesize 1)))", all), "custom-page-sizes");
    assert_eq!(missing("(module (global (shared i32) (i32.const 0)))", all), "shared-everything-threads");
    assert_eq!(missing("(module (func try catch_all end))", all), "legacy-exceptions");
    assert_eq!(missing("(component)", all), "component-model");
}

#[test]
fn features_that_change_how_bytes_read_are_named() {
    // An offset of more than 32 bits.
    let text = "(module (func (param i64) (drop (i32.load offset=0x100000000 (local.get 0)))) (memory i64 1))";
    assert_eq!(missing(text, WITHOUT(Features::MEMORY64)), "memory64");
    let text = "(module (table 1 funcref) (table 1 funcref) (func (call_indirect 1 (i32.const 0))))";
    assert_eq!(missing(text, WITHOUT(Features::REFERENCE_TYPES)), "reference-types");
    // Only where an overlong table index is read does it matter, and wasmparser does not say so.
    let mut bytes = wasm("(module (table 1 funcref) (func (call_indirect (i32.const 0))))");
    let at = bytes.windows(3).position(|window| window == [0x11, 0, 0]).unwrap();
    bytes[at + 2] = 0x80;
    bytes.insert(at + 3, 0);
    bytes[at - 4] += 1;
    bytes[at - 6] += 1;
    load(&bytes, Features::ALL, 1).unwrap();
    match refusal(&bytes, WITHOUT(Features::REFERENCE_TYPES)) {
        Error::Unsupported { feature, .. } => assert_eq!(&*feature, "reference-types"),
        other => panic!("{other}"),
    }
}

#[test]
fn invalid_is_not_unsupported() {
    let bytes = wasm("(module (func (result i32) (i64.const 0)))");
    match refusal(&bytes, Features::ALL) {
        Error::Invalid { offset, reason } => {
            assert_eq!(offset, bytes.len() as u64 - 1);
            assert_eq!(&*reason, "type mismatch: expected i32, found i64");
        }
        other => panic!("{other}"),
    }
    for bytes in [&b""[..], b"\0asm", b"\x7fELF\x02\x01\x01\0"] {
        assert!(matches!(refusal(bytes, Features::ALL), Error::Invalid { .. }));
    }
}

/// A body that is invalid at its end, after so many operators.
fn invalid_after(operators: usize) -> String {
    "(func ".to_owned() + &"(drop (i32.const 1))".repeat(operators / 2) + "(i32.const 7))"
}

/// 200 valid bodies, the invalid `first`, and 50 times the invalid `other` and three valid ones: on every
/// number of threads the error is that of `first`, as wasmparser says.
fn the_first_is_reported(first: &str, other: &str) {
    let valid = "(func ".to_owned() + &"(drop (i32.const 1))".repeat(200) + ")";
    let others = (other.to_owned() + &valid.repeat(3)).repeat(50);
    let bytes = wasm(&format!("(module {}{first}{others})", valid.repeat(200)));
    let Decoded { module, bodies } = decode(bytes.clone().into(), Features::ALL).unwrap();
    let expected = wasmparser::Validator::new_with_features(Features::ALL.flags()).validate_all(&bytes).err().unwrap();
    let body = module.body_range(DefinedFunc(200));
    assert!(body.contains(&(expected.offset() as usize)));
    for round in 0..100 {
        match validate_all(&bodies, &module, 1 + round % 16) {
            Err(Error::Invalid { offset, reason }) => {
                assert_eq!((offset, &*reason), (expected.offset(), expected.message()));
            }
            _ => panic!("not an invalid module"),
        }
    }
}

#[test]
fn the_lowest_invalid_body_is_reported_when_found_last() {
    the_first_is_reported(&invalid_after(20_000), &invalid_after(0));
}

#[test]
fn the_lowest_invalid_body_is_reported_when_found_first() {
    the_first_is_reported(&invalid_after(0), &invalid_after(20_000));
}

#[test]
fn bodies_are_valid_one_by_one_in_any_order_on_any_thread() {
    let text = "(module (func) (func (result i32) (i64.const 0)) (func (return_call 0)) (func (local v128)))";
    let Decoded { module, bodies } = decode(wasm(text).into(), Features::ALL).unwrap();
    let (module, bodies) = (&module, &bodies);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let mut scratch = Scratch::default();
                let mut check = |func| validate(bodies, module, DefinedFunc(func), &mut scratch);
                assert_eq!(check(3).unwrap(), Features::SIMD);
                assert!(matches!(check(1), Err(Error::Invalid { .. })));
                assert_eq!(check(2).unwrap(), Features::TAIL_CALL);
                assert_eq!(check(0).unwrap(), Features::default());
            });
        }
    });
}

#[test]
fn custom_sections_are_kept_in_order() {
    let module = module(r#"(module (@custom "a" "one") (func) (@custom "b" (after last) "two") (@custom "a" ""))"#);
    let sections: Vec<(&str, &[u8])> = module
        .custom_sections()
        .iter()
        .map(|section| (&*section.name, &module.bytes()[section.bytes.start as usize..section.bytes.end as usize]))
        .collect();
    assert!(sections.starts_with(&[("a", b"one"), ("b", b"two"), ("a", b"")]), "{sections:?}");
}

/// Vectors may come from elsewhere than an operator on vectors; a module that knows vectors has bodies that do not.
#[test]
fn bodies_with_vectors_say_so() {
    let text = "(module (type $v (func (result v128))) (import \"\" \"f\" (func $f (type $v)))
      (global $g (mut v128) (v128.const i64x2 0 0)) (table 1 funcref) (global $i i32 (i32.const 1))
      (func (drop (call $f))) (func (drop (call_indirect (type $v) (i32.const 0)))) (func (drop (global.get $g)))
      (func (local v128)) (func (drop (i8x16.splat (i32.const 1)))) (func (result v128) unreachable)
      (func (return_call 9)) (func (drop (global.get $i))) (func (drop (i32.const 1))) (func (call 8)))";
    let module = module(text);
    let mut scratch = body::AnalysisScratch::default();
    let mut has_vectors = |func| {
        let analysis = body::analyse(&module, DefinedFunc(func), &mut scratch).expect("valid");
        analysis.flags.contains(body::BodyFlags::SIMD)
    };
    let found: Vec<bool> = (0..10).map(&mut has_vectors).collect();
    assert_eq!(found, [true, true, true, true, true, true, false, false, false, false]);
}

/// What is said of a body that the analysis does not know is what it says of those that it knows.
#[test]
fn features_are_found_without_knowing_operators() {
    let text = "(module (memory 1) (memory 1 1 shared) (table 1 funcref) (func)
      (func (drop (i32x4.splat (i32.const 1)))) (func (drop (i32.extend8_s (i32.const 1))))
      (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))) (func (return_call 0))
      (func (drop (ref.null extern))) (func (drop (i32.atomic.load 1 (i32.const 0))))
      (func (drop (i32.trunc_sat_f32_s (f32.const 0)))) (func (local externref)) (func (i64.add128 (i64.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0)) drop drop) (func (drop (i32.relaxed_trunc_f32x4_s (v128.const i64x2 0 0)))))";
    let text = text.replace("(i32.relaxed", "(i32x4.relaxed");
    let Decoded { module, bodies } = decode(wasm(&text).into(), Features::ALL).unwrap();
    let (mut scratch, mut own) = (Scratch::default(), body::AnalysisScratch::default());
    for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
        let known = body::analyse(&module, func, &mut own).expect("valid").features;
        assert_eq!(validate::features_by_reference(&bodies, &module, func, &mut scratch), known, "{func:?}");
    }
}

/// Bodies that were taken by a thread which did not come back do not count as valid.
#[test]
fn validation_that_leaves_bodies_out_fails() {
    let Decoded { module, bodies } = decode(wasm("(module (func) (func))").into(), Features::ALL).unwrap();
    let progress = validate::Progress::new(&module, Keep::Nothing);
    assert!(matches!(progress.finish(&bodies, &module), Err(Error::Bug { .. })));
    progress.announce(1);
    progress.work(&bodies, &module, &mut |valid| assert_eq!(valid, 0..1));
    assert!(matches!(progress.finish(&bodies, &module), Err(Error::Bug { .. })));
    progress.announce(2);
    progress.work(&bodies, &module, &mut |valid| assert_eq!(valid, 1..2));
    assert!(progress.finish(&bodies, &module).is_ok());
}

/// What is kept of an analysis is all that it finds out, for each body but those with too many locals; until nobody wants it.
#[test]
fn analyses_are_kept_whole_until_they_are_forgotten() {
    let locals = " i64 f32".repeat(1100);
    let text = format!(
        "(module (memory 1) (type $t (func)) (table 1 funcref) (func) (func (local {locals}) (local.set 2199 (f32.const 0)))
          (func (param i32 v128) (local externref i64) (loop (loop (loop (local.set 0 (local.get 0)) (br_if 1 (local.get 0)))
            (call_indirect (type $t) (i32.const 0))) (local.set 3 (i64.load (local.get 0))))))"
    );
    let Decoded { module, bodies } = decode(wasm(&text).into(), Features::ALL).unwrap();
    let progress = validate::Progress::new(&module, Keep::Analyses);
    for known in 1..=3 {
        progress.announce(known);
        progress.work(&bodies, &module, &mut |_| ());
    }
    let validated = progress.finish(&bodies, &module).unwrap();
    let module = Decoded { module, bodies }.validated(validated);
    let (mut kept, mut own) = (body::AnalysisScratch::default(), body::AnalysisScratch::default());
    for (func, is_kept) in [(0, true), (1, false), (2, true)] {
        let func = DefinedFunc(func);
        let found = module.analyses.recall(func, &mut kept);
        assert_eq!(found.is_some(), is_kept, "{func:?}");
        let analysis = body::analyse(&module, func, &mut own);
        assert!(found.is_none() || found == analysis, "{func:?}: {found:?} {analysis:?}");
        // With debug assertions this compares the rest.
        assert_eq!(body::recall(&module, func, &mut kept), analysis);
        assert_eq!(kept.loops(), own.loops());
    }
    assert_eq!((kept.loops().len(), kept.weight(0), kept.weight(3)), (3, 8 * 8 * 8 * 3 + 8, 8));
    module.analyses.forget();
    assert!(module.analyses.recall(DefinedFunc(2), &mut kept).is_none());
    assert!(body::recall(&module, DefinedFunc(2), &mut kept).is_some());
}
