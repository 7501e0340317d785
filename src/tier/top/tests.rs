//! Every operator outside of the vector groups is translated and passes Cranelift's verifier, in each
//! way of compiling; and the records that come out are consistent.
//!
//! What the code computes is the business of the tests that run it.

use std::collections::BTreeSet;
use std::fmt::Write;

use wasmparser::{BinaryReader, FunctionBody};

use super::*;
use crate::config::Target;
use crate::module::{Features, decode};
use crate::tier::compiled::{InlinedIndex, RelocationTarget};
use crate::trap::TrapCode;
use crate::types::ValType;

/// Every way to compile: bounds and signals, then linkage.
const MODES: [(Bounds, Signals); 3] =
    [(Bounds::Guarded, Signals::On), (Bounds::Explicit, Signals::On), (Bounds::Explicit, Signals::Off)];
const LINKAGES: [CallLinkage; 2] = [CallLinkage::Direct, CallLinkage::Slot];

fn compiler(mode: (Bounds, Signals)) -> TopCompiler {
    compiler_with(mode, |_| {})
}

fn compiler_with((bounds, signals): (Bounds, Signals), change: impl FnOnce(&mut Config)) -> TopCompiler {
    let mut config = Config { signals: signals == Signals::On, ..Config::default() };
    change(&mut config);
    TopCompiler::new(&config, bounds).unwrap()
}

fn module(text: &str) -> Module {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    decode::load(&bytes, Features::ALL, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// Compiles all functions of a module, and checks each record.
fn compile(compiler: &TopCompiler, module: &Module, linkage: CallLinkage) -> Vec<CompiledCode> {
    let layout = VmLayout::new(module);
    let mut scratch = Scratch::new();
    (0..module.defined_func_count() as u32)
        .map(|func| {
            let func = DefinedFunc(func);
            let code = compiler.compile_function(&mut scratch, module, &layout, func, linkage, None).unwrap();
            check_record(&code, module, func);
            code
        })
        .collect()
}

/// Compiles all functions in every way.
fn compile_in_all_modes(text: &str) {
    let module = module(text);
    for mode in MODES {
        for linkage in LINKAGES {
            compile(&compiler(mode), &module, linkage);
        }
    }
}

/// What must hold of every record.
fn check_record(code: &CompiledCode, module: &Module, func: DefinedFunc) {
    let body = |index: InlinedIndex| {
        let callee = index.position().map(|position| module.defined_func(code.inlined[position].func).unwrap());
        let body = module.body(callee.unwrap_or(func));
        body.start as u32..body.end as u32
    };
    for (position, inlined) in code.inlined.iter().enumerate() {
        assert!(inlined.caller.position().is_none_or(|caller| caller < position), "callers come first");
        assert!(body(inlined.caller).contains(&inlined.wasm_offset), "{inlined:?}");
    }
    let len = code.bytes.len() as u32;
    assert!(code.entry_offset <= code.body_offset && code.body_offset < len);
    assert!(code.alignment.is_power_of_two() && (code.alignment >= 32 || code.starts != 0), "entries are placed");
    assert!(code.trap_sites.is_sorted_by_key(|site| site.offset));
    assert!(code.call_sites.is_sorted_by_key(|site| site.return_offset));
    for site in &code.trap_sites {
        assert!((code.body_offset..len).contains(&site.offset));
        assert!(body(site.inlined).contains(&site.wasm_offset), "{site:x?} in {:x?}", body(site.inlined));
    }
    for site in &code.call_sites {
        assert!(site.return_offset <= len);
        assert!(body(site.inlined).contains(&site.wasm_offset), "{site:x?} in {:x?}", body(site.inlined));
    }
    for relocation in &code.relocations {
        assert!(relocation.offset + 4 <= len);
        assert_eq!(relocation.addend, -4);
    }
}

/// An operator without immediates, or with a memory operand only.
struct Simple {
    visit: &'static str,
    arity: &'static str,
}

/// Lists operators by proposal: names of all, and those that can be written without context.
macro_rules! list_operators {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        const OPERATORS: &[(&str, &str)] = &[$( (stringify!($proposal), stringify!($op)), )*];
        const SIMPLE: &[(&str, Simple)] =
            &[$( (stringify!($proposal), Simple { visit: stringify!($visit), arity: stringify!($($arity)*) }), )*];
    };
}
wasmparser::for_each_operator!(list_operators);

/// The proposals whose operators are translated here, not by the groups with tests of their own.
const PROPOSALS: [&str; 6] =
    ["mvp", "sign_extension", "saturating_float_to_int", "bulk_memory", "reference_types", "tail_call"];

/// Functions that use each simple numeric operator, load and store on all kinds of memories.
fn simple_operators() -> String {
    const TYPES: [&str; 4] = ["i32", "i64", "f32", "f64"];
    let mut text = String::from("(module (memory 1) (memory i64 1) (memory 1 2 shared)");
    for (proposal, simple) in SIMPLE.iter().filter(|(proposal, _)| PROPOSALS.contains(proposal)) {
        let name = simple.visit.trim_start_matches("visit_");
        let Some((ty, rest)) = name.split_once('_').filter(|(ty, _)| TYPES.contains(ty)) else {
            continue;
        };
        if rest == "const" {
            continue;
        }
        // Conversions name the type that they convert from.
        let source = rest.split('_').find(|part| TYPES.contains(part)).unwrap_or(ty);
        let numbers: Vec<u32> = simple.arity.split_whitespace().filter_map(|part| part.parse().ok()).collect();
        let &[operands, results] = numbers.as_slice() else {
            panic!("{proposal} {name}: arity {}", simple.arity);
        };
        let drops = "drop ".repeat(results as usize);
        text.push_str("(func (param i32 i64 f32 f64)");
        if simple.arity.contains("memarg") {
            for (memory, offset) in [(0, 0), (0, 0xffff_ffff_u64), (1, 8), (1, u64::MAX - 3), (2, 65536)] {
                let index = u32::from(memory == 1);
                let value = if operands == 2 { format!("local.get {}", type_local(ty)) } else { String::new() };
                write!(text, " local.get {index} {value} {ty}.{rest} {memory} offset={offset} {drops}").unwrap();
            }
        } else {
            let operand = format!(" local.get {}", type_local(source));
            write!(text, "{} {ty}.{rest} {drops}", operand.repeat(operands as usize)).unwrap();
        }
        text.push(')');
    }
    text + ")"
}

fn type_local(ty: &str) -> usize {
    ["i32", "i64", "f32", "f64"].iter().position(|&known| known == ty).unwrap()
}

/// Functions that use the other operators.
const OTHER_OPERATORS: &str = r#"(module
    (type $binary (func (param i32 i64) (result i64)))
    (type $many (func (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 f32 v128 externref funcref)))
    (type $wide_args (func (param i32 i32 i32 i32 i32 i32 i32 i32 f64 f64 f64 f64 f64 f64 f64 f64 f64) (result i32)))
    (import "m" "f" (func $imported (type $binary)))
    (import "m" "many" (func $imported_many (type $many)))
    (import "m" "t" (table $imported_table 1 funcref))
    (import "m" "m" (memory $imported_memory 1))
    (import "m" "g" (global $imported_global (mut i64)))
    (import "m" "c" (global $imported_constant i32))
    (table $funcs 4 100 funcref)
    (table $externs 4 externref)
    (table $wide i64 4 funcref)
    (memory $small 1 4)
    (memory $large i64 1)
    (memory $shared 1 2 shared)
    (global $mutable (mut f32) (f32.const 1))
    (global $vector (mut v128) (v128.const i64x2 1 2))
    (global $constant i32 (i32.const 7))
    (global $reference (mut externref) (ref.null extern))
    (elem $segment func $own $imported)
    (data $bytes "hello")

    (func $own (type $binary)
        local.get 1 local.get 0 i64.extend_i32_u i64.add)
    (func (type $binary) local.get 0 local.get 1 call $imported i32.wrap_i64 local.get 1 call $own)
    (func (type $binary) local.get 0 local.get 1 local.get 0 call_indirect (type $binary))
    (func (type $binary) local.get 0 local.get 1 local.get 1 call_indirect $wide (type $binary))
    (func (type $binary) local.get 0 local.get 1 return_call $own)
    (func (type $binary) local.get 0 local.get 1 return_call $imported)
    (func (type $binary) local.get 0 local.get 1 local.get 0 return_call_indirect (type $binary))

    (func $many (type $many) local.get 0 call $many)
    (func (type $many) local.get 0 call $imported_many)
    (func (type $many) local.get 0 return_call $many)
    (func (type $many) local.get 0 return_call $imported_many)
    (func (type $many) local.get 0 local.get 0 return_call_indirect $funcs (type $many))
    (func (type $many) local.get 0 call $many local.get 0 br_if 0)
    (func $wide_args (type $wide_args) local.get 7)
    (func (param i32) (result i32)
        local.get 0 local.get 0 local.get 0 local.get 0 local.get 0 local.get 0 local.get 0 local.get 0
        f64.const 1 f64.const nan f64.const -0 f64.const 1 f64.const 1 f64.const 1 f64.const 1 f64.const 1
        f64.const 1 return_call $wide_args)

    (func (param i32) (result i32) (local i32 i64 f32 f64 v128 funcref externref)
        nop f32.const 1 local.set 3 local.get 0 if (result i32) i32.const 1 else i32.const 2 end)
    (func (param i32) (result i32) local.get 0 local.get 0 if (param i32) (result i32) i32.const 1 i32.add end)
    (func (param i32) (result i32)
        local.get 0 local.get 0 if (param i32) (result i32) drop i32.const 5 br 0 else i32.eqz end)
    (func (param i32) (result i32)
        local.get 0 local.get 0 if (param i32) (result i32) unreachable else i32.eqz end)
    (func (param i32) (result i32) local.get 0 if unreachable end local.get 0)
    (func (param i32) (result i32 i64)
        local.get 0 i64.const 3
        loop (param i32 i64) (result i32 i64)
            drop local.tee 0 i64.const 9 local.get 0 br_if 0
        end)
    (func (param i32) (result i32)
        (block (block (block local.get 0 br_table 0 1 2 0 1) i32.const 10 return) i32.const 20 return) i32.const 30)
    (func (param i32) (result i32)
        (block (result i32) (loop (result i32) local.get 0 local.get 0 br_table 1 1 2 2 1 1)))
    (func (param i32) (loop local.get 0 br_table 0 0 1))
    (func (param i32) local.get 0 br_table 0)
    (func (result i32) unreachable (block (loop i32.const 0 (if (then) (else)))) i32.add drop br 0)
    (func (param i32) (result i32) i32.const 1 i64.const 2 local.get 0 return i32.eqz)
    (func (param i32) (result f64) f64.const 1 f64.const 2 local.get 0 select)
    (func (param i32 externref) (result externref) local.get 1 ref.null extern local.get 0 select (result externref))
    (func (param i32 v128) (result v128) local.get 1 local.get 1 local.get 0 select)
    (func (result i32) global.get $constant global.get $imported_constant i32.add)
    (func global.get $mutable global.set $mutable global.get $imported_global global.set $imported_global
        global.get $vector global.set $vector global.get $reference global.set $reference)

    (func (param i32) (result funcref) local.get 0 table.get $funcs)
    (func (param i32) (result externref) local.get 0 table.get $externs)
    (func (param i64) (result funcref) local.get 0 table.get $wide)
    (func (param i32) local.get 0 ref.func $own table.set $imported_table)
    (func (param i32) local.get 0 ref.func $imported table.set $funcs)
    (func (param i32 externref) local.get 0 local.get 1 table.set $externs)
    (func (param i64) local.get 0 ref.null func table.set $wide)
    (func (result i32) table.size $funcs table.size $externs i32.add)
    (func (result i64) table.size $wide)
    (func (param externref i32) (result i32) local.get 0 local.get 1 table.grow $externs)
    (func (param i64) (result i64) ref.null func local.get 0 table.grow $wide)
    (func (param i32 externref) local.get 0 local.get 1 local.get 0 table.fill $externs)
    (func (param i64) local.get 0 ref.null func local.get 0 table.fill $wide)
    (func (param i32) local.get 0 local.get 0 local.get 0 table.copy $funcs $imported_table)
    (func (param i32 i64) local.get 0 local.get 1 local.get 0 table.copy $funcs $wide)
    (func (param i32 i64) local.get 1 local.get 0 local.get 0 table.copy $wide $funcs)
    (func (param i64) local.get 0 local.get 0 local.get 0 table.copy $wide $wide)
    (func (param i32 i64) local.get 1 local.get 0 local.get 0 table.init $wide $segment elem.drop $segment)
    (func (param externref funcref) (result i32) local.get 0 ref.is_null local.get 1 ref.is_null i32.add)

    (func (result i32) memory.size $small memory.size $shared i32.add memory.size $imported_memory i32.add)
    (func (result i64) memory.size $large)
    (func (param i32) (result i32) local.get 0 memory.grow $small)
    (func (param i64) (result i64) local.get 0 memory.grow $large)
    (func (param i32) local.get 0 i32.const 1 local.get 0 memory.fill $small)
    (func (param i64) local.get 0 i32.const 1 local.get 0 memory.fill $large)
    (func (param i32) local.get 0 local.get 0 local.get 0 memory.copy $small $imported_memory)
    (func (param i32 i64) local.get 0 local.get 1 local.get 0 memory.copy $small $large)
    (func (param i32 i64) local.get 1 local.get 0 local.get 0 memory.copy $large $small)
    (func (param i64) local.get 0 local.get 0 local.get 0 memory.copy $large $large)
    (func (param i32 i64) local.get 1 local.get 0 local.get 0 memory.init $large $bytes data.drop $bytes)
    (func (result i32) i32.const 65532 i32.load $imported_memory)
    (func (result i32) i32.const 65533 i32.load $imported_memory)
)"#;

/// Names of the operators that the bodies of a module use.
fn operators_of(module: &Module, names: &mut BTreeSet<String>) {
    for func in 0..module.defined_func_count() as u32 {
        let range = module.body(DefinedFunc(func));
        let body = FunctionBody::new(BinaryReader::new(&module.bytes()[range.clone()], range.start as u64));
        for operator in body.get_operators_reader().unwrap() {
            let text = format!("{:?}", operator.unwrap());
            names.insert(text.split(|c: char| !c.is_alphanumeric()).next().unwrap().into());
        }
    }
}

#[test]
fn every_operator_is_used() {
    let mut used = BTreeSet::new();
    operators_of(&module(&simple_operators()), &mut used);
    operators_of(&module(OTHER_OPERATORS), &mut used);
    let missing: Vec<_> = OPERATORS
        .iter()
        .filter(|(proposal, name)| PROPOSALS.contains(proposal) && !used.contains(*name))
        // Read by the parser, but valid in no module.
        .filter(|(_, name)| *name != "TypedSelectMulti")
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(OPERATORS.iter().filter(|(proposal, _)| PROPOSALS.contains(proposal)).count() > 190);
}

#[test]
fn simple_operators_compile_in_all_modes() {
    compile_in_all_modes(&simple_operators());
}

#[test]
fn other_operators_compile_in_all_modes() {
    compile_in_all_modes(OTHER_OPERATORS);
}

#[test]
fn settings_change_code_only_where_they_should() {
    let module = module(OTHER_OPERATORS);
    let plain = compile(&compiler(MODES[0]), &module, CallLinkage::Direct);
    assert_eq!(plain, compile(&compiler(MODES[0]), &module, CallLinkage::Direct), "compiling is deterministic");
    let quiet = compiler_with(MODES[0], |config| config.interrupts = false);
    let quiet = compile(&quiet, &module, CallLinkage::Direct);
    assert!(quiet.iter().map(|code| code.bytes.len()).sum::<usize>() < plain.iter().map(|code| code.bytes.len()).sum());
    let narrow = compiler_with(MODES[0], |config| (config.target, config.canonicalize_nans) = (without_avx(), true));
    compile(&narrow, &module, CallLinkage::Direct);
}

/// The only function of this body in a module with a memory and a table.
fn one(mode: (Bounds, Signals), func: &str) -> (Module, CompiledCode) {
    let module = module(&format!(
        "(module (type $t (func (result i32))) (memory 1) (memory $large i64 1) (table 4 funcref) (func {func}))"
    ));
    let mut codes = compile(&compiler(mode), &module, CallLinkage::Direct);
    (module, codes.remove(0))
}

/// Offset in the module of the operator at this position of the only body.
fn operator_offset(module: &Module, position: usize) -> u32 {
    let range = module.body(DefinedFunc(0));
    let body = FunctionBody::new(BinaryReader::new(&module.bytes()[range.clone()], range.start as u64));
    let mut operators = body.get_operators_reader().unwrap();
    for _ in 0..position {
        operators.read().unwrap();
    }
    operators.original_position() as u32
}

/// Function bodies, the position of the operator that may trap, and its codes.
const TRAPPING: &[(&str, usize, &[TrapCode])] = &[
    ("nop unreachable", 1, &[TrapCode::Unreachable]),
    ("(param i32) local.get 0 i32.load drop", 1, &[TrapCode::MemoryOutOfBounds]),
    ("(param i32) local.get 0 i32.load offset=0xffffffff drop", 1, &[TrapCode::MemoryOutOfBounds]),
    ("(param i32) local.get 0 local.get 0 i32.store8", 2, &[TrapCode::MemoryOutOfBounds]),
    ("(param i64) local.get 0 f64.load $large drop", 1, &[TrapCode::MemoryOutOfBounds]),
    ("(param i64) local.get 0 i64.load $large offset=0xfffffffffffffffc drop", 1, &[TrapCode::MemoryOutOfBounds]),
    ("(param i32) local.get 0 table.get 0 drop", 1, &[TrapCode::TableOutOfBounds]),
    ("(param i32) local.get 0 ref.null func table.set 0", 2, &[TrapCode::TableOutOfBounds]),
    (
        "(param i32) local.get 0 call_indirect (type $t) drop",
        1,
        &[TrapCode::UndefinedElement, TrapCode::UninitializedElement, TrapCode::IndirectCallTypeMismatch],
    ),
    (
        "(param i32 i32) local.get 0 local.get 1 i32.div_s drop",
        2,
        &[TrapCode::IntegerOverflow, TrapCode::IntegerDivideByZero],
    ),
    ("(param i64 i64) local.get 0 local.get 1 i64.rem_u drop", 2, &[TrapCode::IntegerDivideByZero]),
    (
        "(param f32) local.get 0 i32.trunc_f32_u drop",
        1,
        &[TrapCode::IntegerOverflow, TrapCode::InvalidConversionToInteger],
    ),
];

#[test]
fn trap_sites_name_the_operator_and_the_reason() {
    for &(func, position, expected) in TRAPPING {
        for mode in MODES {
            let (module, code) = one(mode, func);
            let offset = operator_offset(&module, position);
            assert!(code.trap_sites.iter().all(|site| site.wasm_offset == offset), "{func} {mode:?}");
            let codes: BTreeSet<u8> = code.trap_sites.iter().map(|site| site.code as u8).collect();
            let expected: BTreeSet<u8> = expected.iter().map(|&code| code as u8).collect();
            assert_eq!(codes, expected, "{func} {mode:?}");
        }
    }
}

#[test]
fn without_signals_helpers_raise_and_nothing_faults() {
    const UD2: [u8; 2] = [0x0f, 0x0b];
    for &(func, position, expected) in TRAPPING {
        let (module, code) = one((Bounds::Explicit, Signals::Off), func);
        let offset = operator_offset(&module, position);
        // Cranelift's own checks follow ours in divisions and conversions, and are never met.
        let arithmetic =
            expected.contains(&TrapCode::IntegerOverflow) || expected.contains(&TrapCode::IntegerDivideByZero);
        for site in &code.trap_sites {
            assert!(arithmetic || code.bytes[site.offset as usize..].starts_with(&UD2), "{func}: {site:?}");
        }
        // Every reason has a call of `raise`, which returns to an instruction that is never reached.
        let raises = code
            .call_sites
            .iter()
            .filter(|call| call.wasm_offset == offset && code.bytes[call.return_offset as usize..].starts_with(&UD2));
        assert_eq!(raises.count(), expected.len(), "{func}");
    }
}

#[test]
fn constant_addresses_below_the_smallest_length_need_no_check() {
    for mode in MODES {
        let (_, inside) = one(mode, "i32.const 65528 i32.load offset=4 drop");
        assert_eq!((inside.trap_sites.len(), inside.call_sites.len()), (0, 0), "{mode:?}");
        let (_, outside) = one(mode, "i32.const 65529 i32.load offset=4 drop");
        assert!(!outside.trap_sites.is_empty(), "{mode:?}");
    }
}

#[test]
fn calls_within_a_module_are_linked_as_asked() {
    // Too large to be inlined.
    let module = module(&format!(
        r#"(module (import "m" "f" (func $imported))
            (func $first {}) (func $second call $first call $imported return_call $first))"#,
        "call $imported ".repeat(20)
    ));
    for (linkage, target) in [
        (CallLinkage::Direct, RelocationTarget::Function(DefinedFunc(0))),
        (CallLinkage::Slot, RelocationTarget::Slot(DefinedFunc(0))),
    ] {
        let codes = compile(&compiler(MODES[0]), &module, linkage);
        let targets: Vec<_> = codes[1].relocations.iter().map(|relocation| relocation.target).collect();
        assert_eq!(targets, [target, target]);
        // The stack check and the calls; Cranelift lists tail calls too, though nothing returns to them.
        assert_eq!(codes[1].call_sites.len(), 4);
    }
}

#[test]
fn only_functions_that_call_check_the_stack() {
    let checks = |func: &str| one(MODES[0], func).1.entry_offset != one(MODES[0], func).1.body_offset;
    assert!(!checks("(param i32) (result i32) local.get 0"));
    assert!(!checks("(loop br 0)"), "the poll of a loop is not a call");
    assert!(checks("call 0"));
    assert!(checks("return_call 0"), "tail calls can go on for ever, and must be interruptible");
    assert!(checks("i32.const 1 memory.grow drop"), "helpers may need more stack than the headroom of a leaf");
}

#[test]
fn huge_branch_tables_compile() {
    let labels = "0 1 2 ".repeat(7000);
    one(MODES[0], &format!("(param i32) (block (block local.get 0 br_table {labels} 1))"));
    let blocks = "(block (result i32) (block (result i32) i32.const 5 local.get 0 br_table";
    let (_, code) = one(MODES[0], &format!("(param i32) (result i32) {blocks} {labels} 1))"));
    // One block per depth passes the operand on: about four bytes an entry, not a jump each.
    assert!(code.bytes.len() < 21_000 * 5, "{}", code.bytes.len());
}

#[test]
fn dead_code_is_skipped() {
    let (_, code) =
        one(MODES[0], "(result i32) i32.const 1 return (block (result i32) (loop br 0) unreachable) i32.div_s");
    assert!(code.trap_sites.is_empty() && code.call_sites.is_empty());
}

#[test]
fn trampolines_of_all_shapes_compile() {
    use ValType::*;
    let all = [I32, I64, F32, F64, V128, FuncRef, ExternRef];
    let many: Vec<ValType> = all.iter().copied().cycle().take(300).collect();
    let types = [
        FuncType::new([], []),
        FuncType::new(all, all),
        FuncType::new([I64; 8], [I64; 8]),
        FuncType::new([F64; 9], [F32; 9]),
        FuncType::new([], many.clone()),
        FuncType::new(many, []),
    ];
    let compiler = compiler(MODES[0]);
    let mut scratch = Scratch::new();
    for ty in &types {
        let entry = compiler.compile_entry_trampoline(&mut scratch, ty).unwrap();
        assert_eq!(entry.entry_offset, entry.body_offset, "{ty}");
        assert_eq!(entry.call_sites.len(), 1, "{ty}");
        for kind in [HostKind::Runtime, HostKind::RawC] {
            let host = compiler.compile_host_trampoline(&mut scratch, ty, kind).unwrap();
            let large = host.frame_size >= crate::limits::UNCHECKED_FRAME;
            assert_eq!(host.entry_offset != host.body_offset, large, "{ty} {kind:?}");
            assert_eq!(large, ty.params().len().max(ty.results().len()) == 300, "{ty} {kind:?}");
        }
    }
}

#[test]
fn a_failure_harms_only_its_unit() {
    let module = module("(module (func) (func))");
    let layout = VmLayout::new(&module);
    let compiler = compiler_with(MODES[0], |config| config.fail_function = Some(1));
    let mut scratch = Scratch::new();
    let mut compile = |func| compiler.compile_function(&mut scratch, &module, &layout, func, CallLinkage::Direct, None);
    assert!(compile(DefinedFunc(0)).is_ok());
    assert!(matches!(compile(DefinedFunc(1)), Err(Error::Compile { func: FuncIndex(1), .. })));
    assert!(compile(DefinedFunc(0)).is_ok());

    let panicked = compiler.guarded(&mut scratch, FuncIndex(7), |_| panic!("on purpose"));
    let Err(Error::Compile { func: FuncIndex(7), reason }) = panicked else { panic!("{panicked:?}") };
    assert_eq!(&*reason, "the compiler panicked: on purpose");
    assert!(
        compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(0), CallLinkage::Direct, None).is_ok()
    );
}

fn without_avx() -> Target {
    Target::with_features("x86-64-v2")
}

#[test]
fn without_avx_nothing_beyond_the_baseline_is_used() {
    let compiler = compiler_with(MODES[0], |config| config.target = without_avx());
    for flag in compiler.isa.isa_flags() {
        let baseline = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"].contains(&flag.name)
            || flag.name == "has_cmpxchg16b"
            || !flag.name.starts_with("has_");
        assert!(baseline || flag.as_bool() != Some(true), "{}", flag.name);
    }
}

#[test]
fn deeply_nested_code_compiles() {
    let depth = 10_000;
    let (blocks, ends) = ("block ".repeat(depth), "end ".repeat(depth));
    one(MODES[0], &format!("(param i32) {blocks} local.get 0 br_if 0 local.get 0 br_if {} {ends}", depth - 1));
    let arms = "local.get 0 if (result i32) i32.const 1 else ".repeat(depth / 10);
    one(MODES[0], &format!("(param i32) (result i32) {arms} i32.const 2 {}", "end ".repeat(depth / 10)));
    let operands = "local.get 0 ".repeat(depth);
    one(MODES[0], &format!("(param i32) (result i32) {operands} {}", "i32.sub ".repeat(depth - 1)));
}

/// Equal profiles give equal code, and a profile that says something gives other code than none.
#[test]
fn a_profile_is_an_input_like_any_other() {
    use crate::tier::profile::IndirectCalls;
    let module = module(
        r#"(module (type $t (func (param i32) (result i32))) (table (export "t") 2 4 funcref) (elem (i32.const 0) $a $b)
            (func $a (type $t) (i32.add (local.get 0) (i32.const 1))) (func $b (type $t) (local.get 0))
            (func (export "f") (param i32 i32) (result i32)
                (call_indirect (type $t) (local.get 0) (local.get 1))))"#,
    );
    let layout = VmLayout::new(&module);
    let compiler = compiler_with(MODES[0], |_| {});
    let body = module.body(DefinedFunc(2));
    let at = module.bytes()[body.clone()].iter().position(|byte| *byte == 0x11).unwrap();
    let targets = vec![(DefinedFunc(0), 990), (DefinedFunc(1), 10)];
    let site = IndirectCalls { wasm_offset: (body.start + at) as u32, total: 1000, targets };
    let profile = FunctionProfile { indirect: vec![site], ..FunctionProfile::default() };
    let mut scratch = Scratch::new();
    let mut compile = |profile: Option<&FunctionProfile>| {
        compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(2), CallLinkage::Slot, profile).unwrap()
    };
    let (with, without) = (compile(Some(&profile)), compile(None));
    assert_eq!(with, compile(Some(&profile.clone())));
    assert_eq!(without, compile(None));
    assert_ne!(with, without);
}
