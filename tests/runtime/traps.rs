//! Every trap has its code, its place and its backtrace, in every mode.

use updraft::config::Config;
use updraft::error::Error;
use updraft::runtime::value::Val;
use updraft::trap::{Trap, TrapCode};
use updraft::types::FuncIndex;

use crate::common::{Fixture, MODES, Mode};

/// Bodies that trap, one per way in which a function can.
const BODIES: &[(&str, TrapCode)] = &[
    ("unreachable", TrapCode::Unreachable),
    ("(drop (i32.load (i32.const 65533)))", TrapCode::MemoryOutOfBounds),
    ("(drop (i32.load offset=0xffffffff (local.get 0)))", TrapCode::MemoryOutOfBounds),
    ("(i64.store8 (i32.const -1) (i64.const 0))", TrapCode::MemoryOutOfBounds),
    ("(drop (v128.load (i32.const 65521)))", TrapCode::MemoryOutOfBounds),
    ("(drop (i32.load $wide (i64.const 0x1_0000_0000_0000)))", TrapCode::MemoryOutOfBounds),
    ("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))", TrapCode::MemoryOutOfBounds),
    ("(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))", TrapCode::MemoryOutOfBounds),
    ("(memory.init $data (i32.const 0) (i32.const 3) (i32.const 1))", TrapCode::MemoryOutOfBounds),
    ("(drop (i32.atomic.load (i32.const 2)))", TrapCode::UnalignedAtomic),
    ("(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))", TrapCode::WaitOnUnsharedMemory),
    ("(drop (table.get $t (i32.const 3)))", TrapCode::TableOutOfBounds),
    ("(table.set $t (i32.const -1) (ref.null func))", TrapCode::TableOutOfBounds),
    ("(table.fill $t (i32.const 2) (ref.null func) (i32.const 2))", TrapCode::TableOutOfBounds),
    ("(table.init $t $elems (i32.const 0) (i32.const 0) (i32.const 2))", TrapCode::TableOutOfBounds),
    ("(call_indirect $t (i32.const 3))", TrapCode::UndefinedElement),
    ("(return_call_indirect $t (i32.const 0x7fffffff))", TrapCode::UndefinedElement),
    ("(call_indirect $t (i32.const 2))", TrapCode::UninitializedElement),
    ("(call_indirect $t (param i64) (i64.const 0) (i32.const 0))", TrapCode::IndirectCallTypeMismatch),
    ("(drop (i32.div_s (i32.const 1) (i32.xor (local.get 0) (local.get 0))))", TrapCode::IntegerDivideByZero),
    ("(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (local.get 0))))", TrapCode::IntegerDivideByZero),
    ("(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get 0) (i32.const 1))))", TrapCode::IntegerOverflow),
    ("(drop (i32.trunc_f32_s (f32.const 3e9)))", TrapCode::IntegerOverflow),
    ("(drop (i64.trunc_f64_u (f64.const -1)))", TrapCode::IntegerOverflow),
    ("(drop (i32.trunc_f64_u (f64.const nan)))", TrapCode::InvalidConversionToInteger),
    ("(call $forever)", TrapCode::StackOverflow),
];

fn module(body: &str) -> String {
    format!(
        "(module $traps
           (memory 1 1) (memory $wide i64 1 1)
           (table $t 3 3 funcref) (elem (table $t) (i32.const 0) func $empty)
           (elem $elems func $empty) (data $data \"abc\")
           (func $empty)
           (func $forever (call $forever) (call $empty))
           (func $inner (param i32) {body})
           (func $middle (param i32) (call $inner (local.get 0)) (call $empty))
           (func $outer (export \"run\") (param i32) (call $middle (local.get 0)) (call $empty)))"
    )
}

fn trap(mode: Mode, body: &str) -> Box<Trap> {
    match Fixture::new(mode, &module(body)).call("run", &[Val::I32(0)]) {
        Err(Error::Trap(trap)) => trap,
        other => panic!("{}: {body} gave {other:?}", mode.name),
    }
}

#[test]
fn every_trap_has_its_code_in_every_mode() {
    for mode in MODES {
        for (body, code) in BODIES {
            let trap = trap(*mode, body);
            assert_eq!(trap.code, *code, "{}: {body}", mode.name);
            assert_eq!(&*trap.message, code.message(), "{}: {body}", mode.name);
        }
    }
}

/// The innermost frame is the instruction that trapped; the others are the calls. Tail calls leave no frame.
#[test]
fn backtraces_name_functions_and_instructions() {
    for mode in MODES {
        for (body, code) in BODIES {
            if *code == TrapCode::StackOverflow || body.contains("return_call") {
                continue;
            }
            let trap = trap(*mode, body);
            let context = format!("{}: {body}: {trap:?}", mode.name);
            let indices: Vec<u32> = trap.frames.iter().map(|frame| frame.func.0).collect();
            assert_eq!(indices, [2, 3, 4], "{context}");
            let names: Vec<_> = trap.frames.iter().map(|frame| frame.func_name.as_deref()).collect();
            assert_eq!(names, [Some("inner"), Some("middle"), Some("outer")], "{context}");
            assert!(trap.frames.iter().all(|frame| frame.module_name.as_deref() == Some("traps")), "{context}");
            check_places(&module(body), body, &trap, &context);
        }
    }
}

/// Compares the frames' offsets with those of the operators that wasmparser finds.
fn check_places(text: &str, body: &str, trap: &Trap, context: &str) {
    let wasm = wat::parse_str(text).expect("valid text");
    let bodies: Vec<wasmparser::FunctionBody<'_>> = wasmparser::Parser::new(0)
        .parse_all(&wasm)
        .filter_map(|payload| match payload.expect("a valid module") {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        })
        .collect();
    for (frame, is_call) in trap.frames.iter().zip([false, true, true]) {
        let function = &bodies[frame.func.index()];
        let start = function.range().start as u32;
        assert_eq!(frame.module_offset - frame.func_offset, start, "{context}");
        let at = operator_at(function, frame.module_offset);
        let Some(name) = at else { panic!("no operator at {:#x}: {context}", frame.module_offset) };
        let expected = if is_call { "call".to_owned() } else { operator_that_traps(body) };
        let squeezed: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let expected: String = expected.chars().filter(char::is_ascii_alphanumeric).collect();
        assert!(squeezed.starts_with(&expected), "{name} at the frame's offset, not {expected}: {context}");
    }
}

/// The first word of the body that is not `drop`, as every body traps in its outermost other operator.
fn operator_that_traps(body: &str) -> String {
    let words: Vec<&str> = body.split(['(', ' ', ')']).filter(|word| !word.is_empty() && *word != "drop").collect();
    words[0].to_owned()
}

fn operator_at(body: &wasmparser::FunctionBody<'_>, offset: u32) -> Option<String> {
    let mut reader = body.get_operators_reader().expect("a valid body");
    while !reader.eof() {
        let (op, at) = reader.read_with_offset().expect("a valid body");
        if at as u32 == offset {
            return Some(format!("{op:?}"));
        }
    }
    None
}

#[test]
fn backtraces_are_cut_at_the_configured_length() {
    for (frames, kept) in [(0, 0), (2, 2), (64, 3)] {
        let config = Config { backtrace_frames: frames, ..Config::default() };
        let mut fixture = Fixture::with_config(config, &module("unreachable"));
        let error = fixture.call("run", &[Val::I32(0)]).expect_err("it traps");
        assert_eq!(error.trap().expect("a trap").frames.len(), kept, "{frames}");
    }
}

/// A deep recursion keeps the innermost frames.
#[test]
fn backtraces_of_stack_overflows_begin_at_the_overflow() {
    for mode in MODES {
        let trap = trap(*mode, "(call $forever)");
        assert_eq!(trap.frames.len(), 64, "{}", mode.name);
        let forever = FuncIndex(1);
        // The outermost kept frames, too, are far from the entry.
        assert!(trap.frames.iter().skip(1).all(|frame| frame.func == forever), "{}: {trap:?}", mode.name);
    }
}

/// Names are optional, and frames without them say so.
#[test]
fn backtraces_work_without_names() {
    let text = "(module (func unreachable) (func (export \"run\") (call 0) (call 0)))";
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, text);
        let error = fixture.call("run", &[]).expect_err("it traps");
        let trap = error.trap().expect("a trap");
        assert!(trap.frames.iter().all(|frame| frame.func_name.is_none() && frame.module_name.is_none()), "{trap:?}");
        assert!(trap.to_string().contains("function 0 at 0x"), "{trap}");
    }
}

/// An instance goes on working after any trap.
#[test]
fn instances_survive_their_traps() {
    let text = "(module (memory 1) (global $n (mut i32) (i32.const 0))
      (func (export \"run\") (param i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (drop (i32.load (local.get 0))) (global.get $n)))";
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, text);
        for round in 0..200 {
            let outside = round % 2 == 0;
            let result = fixture.call("run", &[Val::I32(if outside { -1 } else { 0 })]);
            match result {
                Err(error) if outside => assert_eq!(error.trap().expect("a trap").code, TrapCode::MemoryOutOfBounds),
                Ok(values) if !outside => assert_eq!(values, [Val::I32(round + 1)]),
                other => panic!("{}: {other:?}", mode.name),
            }
        }
    }
}
