//! Inlining shows nowhere: results, traps, backtraces and interrupts are those of code without it.
//!
//! The baseline tier never inlines, so that it says what is right. Not here: which callees are inlined
//! (`tests/disas`, `bench`).

use std::fmt::Write as _;

use updraft::abi::vmctx::VmLayout;
use updraft::config::Config;
use updraft::engine::Engine;
use updraft::error::Error;
use updraft::module::{Features, decode};
use updraft::runtime::value::Val;
use updraft::tier::compiled::CompiledCode;
use updraft::tier::top::{Bounds, CallLinkage, Scratch, TopCompiler};
use updraft::trap::TrapCode;
use updraft::types::DefinedFunc;

use crate::common::{Fixture, MODES, Mode, Rng, env_number};

/// A frame: the function, its name, and where it is in the module and in the function.
pub(crate) type Place = (u32, Option<String>, u32, u32);

/// What a call gave: results, or a trap and where it was.
pub(crate) type Outcome = Result<String, (TrapCode, Vec<Place>)>;

pub(crate) fn outcome(result: Result<Vec<Val>, Error>) -> Outcome {
    match result {
        // As text: NaNs are equal to themselves.
        Ok(values) => Ok(format!("{values:?}")),
        Err(Error::Trap(trap)) => Err((
            trap.code,
            trap.frames
                .iter()
                .map(|frame| {
                    let name = frame.func_name.as_deref().map(str::to_owned);
                    (frame.func.0, name, frame.module_offset, frame.func_offset)
                })
                .collect(),
        )),
        Err(error) => panic!("{error}"),
    }
}

/// Calls an export in every mode, with each of these arguments in turn; what it gave, which is the same everywhere.
pub(crate) fn run_everywhere(text: &str, export: &str, arguments: &[Vec<Val>]) -> Vec<Outcome> {
    let run = |mode: Mode| -> Vec<Outcome> {
        let mut fixture = Fixture::new(mode, text);
        arguments.iter().map(|arguments| outcome(fixture.call(export, arguments))).collect()
    };
    let expected = run(Mode::named("baseline"));
    for mode in MODES {
        let got = run(*mode);
        for ((arguments, got), expected) in arguments.iter().zip(&got).zip(&expected) {
            assert_eq!(got, expected, "{}: {export}{arguments:?}\n{text}", mode.name);
        }
    }
    expected
}

/// What the optimising tier makes of a module's functions.
fn compiled(text: &str) -> Vec<CompiledCode> {
    let bytes = wat::parse_str(text).expect("valid text");
    let module = decode::load(&bytes, Features::ALL, 1).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let compiler = TopCompiler::new(&Config::default(), Bounds::Guarded).expect("this machine");
    let (layout, mut scratch) = (VmLayout::new(&module), Scratch::new());
    (0..module.defined_func_count() as u32)
        .map(|func| {
            let code =
                compiler.compile_function(&mut scratch, &module, &layout, DefinedFunc(func), CallLinkage::Direct, None);
            code.unwrap_or_else(|error| panic!("{error}\n{text}"))
        })
        .collect()
}

/// How many callees a function has that were inlined, of those that can trap or call.
fn inlined(text: &str, func: usize) -> usize {
    compiled(text)[func].inlined.len()
}

fn names(outcome: &Outcome) -> Vec<&str> {
    let (_, frames) = outcome.as_ref().expect_err("it traps");
    frames.iter().map(|(_, name, ..)| name.as_deref().expect("a name")).collect()
}

#[test]
fn callees_in_callees_keep_their_frames() {
    let text = "(module
      (func $a (param i32) (result i32) (i32.div_u (i32.const 8) (local.get 0)))
      (func $b (param i32) (result i32) (i32.add (i32.const 1) (call $a (local.get 0))))
      (func $run (export \"run\") (param i32) (result i32) (local i32)
        (loop $again
          (local.set 1 (i32.add (local.get 1) (call $b (local.get 0))))
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br_if $again (i32.lt_s (local.get 0) (i32.const 100))))
        (local.get 1)))";
    assert_eq!(inlined(text, 2), 2, "both callees");
    let got = run_everywhere(text, "run", &[vec![Val::I32(3)], vec![Val::I32(101)]]);
    assert_eq!(names(&got[0]), ["a", "b", "run"]);
    assert!(got[1].is_ok());
}

/// However many calls there are: a function at most doubles, and is at most three deep in itself.
#[test]
fn functions_grow_within_bounds() {
    let calls = "(call $f (local.get 0))".repeat(3_000);
    let text = format!(
        "(module (import \"\" \"\" (func $import)) (memory 1) (func $f (param i32) (call $import))
           (func $many (param i32) (loop {calls}))
           (func $tree (param i32) (result i32) (if (result i32) (local.get 0)
             (then (i32.add (call $tree (i32.sub (local.get 0) (i32.const 1))) (call $tree (i32.load (local.get 0)))))
             (else (i32.const 1)))))"
    );
    let codes = compiled(&text);
    let wasm = wat::parse_str(&text).expect("valid text");
    let module = decode::load(&wasm, Features::ALL, 1).expect("a valid module");
    let size = |func: u32| module.body(DefinedFunc(func)).len();
    let copies = codes[1].inlined.len();
    assert!(copies > 100 && copies * size(0) <= size(1).max(600), "{copies} copies of {} in {}", size(0), size(1));
    let tree = &codes[2].inlined;
    let depth = |mut index: usize| {
        let mut depth = 1;
        while let Some(caller) = tree[index].caller.position() {
            (index, depth) = (caller, depth + 1);
        }
        depth
    };
    assert_eq!((0..tree.len()).map(depth).max(), Some(3));
    assert!(tree.len() * size(2) <= 600, "{} copies of {}", tree.len(), size(2));
}

/// The frames of a function in itself, as deep as it may be inlined, and deeper.
#[test]
fn recursion_in_itself_keeps_its_frames() {
    let text = "(module (memory 1)
      (func $down (export \"run\") (param i32 i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
          (else (i32.load (local.get 1))))))";
    assert!(inlined(text, 0) >= 2);
    let arguments: Vec<Vec<Val>> = (0..20).map(|n| vec![Val::I32(n), Val::I32(-1)]).collect();
    for (depth, got) in run_everywhere(text, "run", &arguments).iter().enumerate() {
        assert_eq!(names(got), vec!["down"; depth + 1]);
    }
    let fine = run_everywhere(text, "run", &[vec![Val::I32(1000), Val::I32(0)]]);
    assert_eq!(fine[0].as_deref(), Ok("[I32(1000)]"));
}

/// Cranelift likes to trap where a condition is tested instead of behind a branch; that may be in another body.
#[test]
fn unreachable_is_where_it_stands() {
    let text = "(module
      (func $no unreachable)
      (func $maybe (param i32) (if (local.get 0) (then (unreachable))))
      (func $run (export \"run\") (param i32 i32)
        (loop (if (local.get 0) (then (call $no))) (call $maybe (local.get 1)))))";
    let got = run_everywhere(text, "run", &[vec![Val::I32(1), Val::I32(0)], vec![Val::I32(0), Val::I32(1)]]);
    assert_eq!(got.iter().map(names).collect::<Vec<_>>(), [["no", "run"], ["maybe", "run"]]);
}

/// A tail call leaves no frame of the function that made it, wherever that is.
#[test]
fn tail_calls_of_inlined_bodies_leave_no_frame() {
    let text = "(module
      (type $t (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $big $small)
      (func $small (type $t) (i32.div_u (i32.const 6) (local.get 0)))
      (func $big (type $t) (local i32 i32) BIG (call $small (local.get 0)))
      (func $to_small (type $t) (return_call $small (local.get 0)))
      (func $to_big (type $t) (return_call $big (local.get 0)))
      (func $to_any (type $t) (return_call_indirect (type $t) (local.get 0) (local.get 0)))
      (func $to_to (type $t) (return_call $to_big (local.get 0)))
      (func $run_small (export \"small\") (param i32) (result i32) (loop (result i32) (call $to_small (local.get 0))))
      (func $run_big (export \"big\") (param i32) (result i32) (loop (result i32) (call $to_big (local.get 0))))
      (func $run_any (export \"any\") (param i32) (result i32) (loop (result i32) (call $to_any (local.get 0))))
      (func $run_to (export \"to\") (param i32) (result i32) (loop (result i32) (call $to_to (local.get 0))))
      (func $run_own (export \"own\") (param i32) (result i32) (return_call $to_to (local.get 0))))";
    let text = text.replace("BIG", &"(local.set 1 (i32.add (local.get 1) (local.get 0)))".repeat(30));
    assert!(inlined(&text, 6) >= 1, "a tail call is inlined");
    let arguments = [vec![Val::I32(0)], vec![Val::I32(1)], vec![Val::I32(2)]];
    for (export, expected) in [
        ("small", &["small", "run_small"][..]),
        ("big", &["small", "big", "run_big"]),
        ("any", &["small", "big", "run_any"]),
        ("to", &["small", "big", "run_to"]),
        ("own", &["small", "big"]),
    ] {
        let got = run_everywhere(&text, export, &arguments);
        assert_eq!(names(&got[0]), expected, "{export}");
        assert_eq!(got[1].as_deref(), Ok("[I32(6)]"), "{export}");
    }
    // The check of a tail call belongs to the body that makes it.
    let got = run_everywhere(&text, "any", &arguments);
    assert_eq!(names(&got[2]), ["to_any", "run_any"]);
}

/// Ten million tail calls of an inlined body in constant stack.
#[test]
fn tail_calls_of_inlined_bodies_do_not_deepen_the_stack() {
    let text = "(module
      (func $even (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 1)))) (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
      (func $odd (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0)))) (return_call $even (i32.sub (local.get 0) (i32.const 1))))
      (func (export \"run\") (param i32) (result i32)
        (loop (result i32) (call $even (local.get 0)))))";
    let got = run_everywhere(text, "run", &[vec![Val::I32(1_000_001)], vec![Val::I32(1_000_000)]]);
    assert_eq!(got, [Ok("[I32(0)]".to_owned()), Ok("[I32(1)]".to_owned())]);
}

/// All types, many results, early returns, and locals that start at zero each time.
#[test]
fn values_of_every_type_pass_through_inlined_bodies() {
    let text = "(module
      (type $all (func (param i32 i64 f32 f64 v128 externref funcref) (result i32 i64 f32 f64 v128 externref funcref)))
      (global $n (mut i32) (i32.const 0))
      (func $pass (type $all)
        (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6))
      (func $zeros (param i32) (result i32 i64 f32 f64 v128 externref funcref)
        (local i32 i64 f32 f64 v128 externref funcref)
        (if (local.get 0) (then (return (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
          (local.get 7))))
        (local.set 1 (i32.const 7)) (local.set 4 (f64.const 7)) (local.set 2 (i64.const 9))
        (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7))
      (func $many (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
        (local.get 0) (local.get 0) (i32.const 1) (i32.add) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6)
        (i32.const 7) (i32.const 8) (i32.const 9) (i32.const 10))
      (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
      (func (export \"pass\") (param i32 i64 f32 f64 v128 externref funcref)
        (result i32 i64 f32 f64 v128 externref funcref)
        (loop (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
          (call $pass) (return)) (unreachable))
      (func (export \"zeros\") (param i32) (result i32 i64 f32 f64 v128 externref funcref) (local i32)
        (loop (call $zeros (i32.const 0)) (drop) (drop) (drop) (drop) (drop) (drop) (drop)
          (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3))))
        (call $zeros (local.get 0)))
      (func (export \"many\") (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
        (loop (call $count) (br_if 0 (i32.lt_u (global.get $n) (i32.const 10))))
        (call $many (global.get $n))))";
    let values = vec![
        Val::I32(-1),
        Val::I64(1 << 40),
        Val::F32(1.5f32.to_bits()),
        Val::F64(f64::NAN.to_bits()),
        Val::V128([7; 16]),
        Val::ExternRef(None),
        Val::FuncRef(None),
    ];
    let got = run_everywhere(text, "pass", std::slice::from_ref(&values));
    assert_eq!(got[0].as_ref(), Ok(&format!("{values:?}")));
    let zeros = run_everywhere(text, "zeros", &[vec![Val::I32(1)], vec![Val::I32(0)]]);
    assert!(zeros[0].as_ref().is_ok_and(|text| text.starts_with("[I32(0), I64(0), F32(0), F64(0)")), "{zeros:?}");
    assert!(zeros[1].as_ref().is_ok_and(|text| text.starts_with("[I32(7), I64(9), F32(0)")), "{zeros:?}");
    let many = run_everywhere(text, "many", &[vec![Val::I32(1)]]);
    assert!(many[0].as_ref().is_ok_and(|text| text.starts_with("[I32(10), I32(11), I32(3)")), "{many:?}");
}

/// A host function that is called from an inlined body sees the frames too, and what it throws has them.
#[test]
fn imports_called_from_inlined_bodies_have_the_frames_above() {
    use std::sync::Arc;
    use updraft::runtime::func::{Caller, Func};
    use updraft::runtime::value::Extern;
    use updraft::types::FuncType;
    let text = "(module (import \"\" \"f\" (func $f))
      (func $leaf (call $f)) (func $middle (call $leaf) (call $leaf))
      (func $run (export \"run\") (loop (call $middle))))";
    let run = |mode: &Mode| {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let ty = FuncType::new([], []);
            let callback = Arc::new(|_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Err(Error::misuse("no")));
            vec![Extern::Func(Func::new(store, ty, callback).expect("a host function"))]
        });
        outcome(fixture.call("run", &[]))
    };
    let expected = run(&Mode::named("baseline"));
    assert_eq!(names(&expected), ["leaf", "middle", "run"]);
    for mode in MODES {
        assert_eq!(run(mode), expected, "{}", mode.name);
    }
}

/// The bodies of small functions with every way to trap, tail calls, early returns, recursion, calls through a
/// table. Calls go down by one level of the second parameter.
struct Program {
    rng: Rng,
    functions: usize,
}

impl Program {
    fn text(seed: u64) -> String {
        let mut program = Program { rng: Rng::new(seed), functions: 3 + Rng::new(seed).below(6) };
        let count = program.functions;
        let mut text = "(module $random (memory 1) (global $g (mut i32) (i32.const 1))\n\
            (type $t (func (param i32 i32) (result i32))) (type $w (func (param i32 i32) (result i32 i64)))\n"
            .to_owned();
        let _ = writeln!(text, "(table {} funcref)", count + 2);
        for func in 0..count {
            let _ = writeln!(text, "(elem (i32.const {func}) $f{func})");
        }
        for func in 0..count {
            program.function(&mut text, func);
        }
        text.push_str("(func (export \"state\") (result i32 i32) (global.get $g) (i32.load (i32.const 64))))");
        text
    }

    fn function(&mut self, text: &mut String, func: usize) {
        let export = if func == 0 { "(export \"run\")" } else { "" };
        let wide = Self::is_wide(func);
        let ty = if wide { "$w" } else { "$t" };
        let _ = write!(text, "(func $f{func} {export} (type {ty}) (local i32 i64)");
        for _ in 0..self.rng.below(3) {
            self.statement(text, func);
        }
        if !wide && self.rng.below(4) == 0 {
            let callee = self.narrow();
            let _ = write!(text, "(if (local.get 1) (then (return_call $f{callee} ");
            self.value(text, 1);
            text.push_str("(i32.sub (local.get 1) (i32.const 1)))))");
        }
        self.value(text, 3);
        if wide {
            text.push_str("(i64.extend_i32_s (local.get 2))");
        }
        text.push_str(")\n");
    }

    /// Whether a function has two results. The first has one.
    fn is_wide(func: usize) -> bool {
        func % 4 == 3
    }

    /// A function with one result.
    fn narrow(&mut self) -> usize {
        let func = self.rng.below(self.functions);
        if Self::is_wide(func) { func - 1 } else { func }
    }

    fn statement(&mut self, text: &mut String, func: usize) {
        match self.rng.below(6) {
            0 => {
                let local = [0, 2][self.rng.below(2)];
                let _ = write!(text, "(local.set {local} ");
                self.value(text, 2);
                text.push(')');
            }
            1 => {
                text.push_str("(global.set $g ");
                self.value(text, 2);
                text.push(')');
            }
            2 if !Self::is_wide(func) => {
                text.push_str("(if ");
                self.value(text, 1);
                text.push_str("(then (return ");
                self.value(text, 1);
                text.push_str(")))");
            }
            3 => {
                text.push_str("(if (i32.eq (i32.const 5) ");
                self.value(text, 1);
                text.push_str(") (then unreachable))");
            }
            4 => {
                text.push_str("(i32.store (i32.const 64) ");
                self.value(text, 2);
                text.push(')');
            }
            _ => {
                text.push_str("(loop $l (local.set 2 (i32.add (local.get 2) (i32.const 1))) (local.set 0 ");
                self.value(text, 2);
                text.push_str(") (br_if $l (i32.lt_u (local.get 2) (i32.const 3))))");
            }
        }
    }

    /// An expression of this depth.
    fn value(&mut self, text: &mut String, depth: usize) {
        if depth == 0 {
            let leaf = *self.rng.pick(&[
                "(local.get 0)",
                "(local.get 1)",
                "(local.get 2)",
                "(i32.const 3)",
                "(global.get $g)",
            ]);
            return text.push_str(leaf);
        }
        let (before, between, after) = match self.rng.below(10) {
            0 => ("(i32.add ", "", ")"),
            1 => ("(i32.xor ", "", ")"),
            2 => ("(i32.div_u ", "(i32.and (i32.const 7) ", "))"),
            3 => ("(i32.load (i32.and (i32.const 0x100ff) (i32.mul (i32.const 997) ", "", "))) drop ("),
            4 => ("(block (result i32) (br_if 0 ", "", ") drop (local.get 0))"),
            5 => ("(i32.trunc_f32_s (f32.mul (f32.const 1e7) (f32.convert_i32_s ", "", ")))"),
            6 => return self.indirect(text, depth),
            _ => return self.call(text, depth),
        };
        if before.contains("load") || before.contains("trunc") {
            text.push_str(before);
            self.value(text, depth - 1);
            text.push_str(after.trim_end_matches(" drop ("));
            return;
        }
        text.push_str(before);
        self.value(text, depth - 1);
        text.push_str(between);
        self.value(text, depth - 1);
        text.push_str(after);
    }

    fn call(&mut self, text: &mut String, depth: usize) {
        let callee = self.rng.below(self.functions);
        let _ = write!(text, "(if (result i32) (local.get 1) (then (call $f{callee} ");
        self.value(text, depth - 1);
        text.push_str("(i32.sub (local.get 1) (i32.const 1)))");
        if Self::is_wide(callee) {
            text.push_str("(local.set 3)");
        }
        text.push_str(") (else ");
        self.value(text, depth - 1);
        text.push_str("))");
    }

    fn indirect(&mut self, text: &mut String, depth: usize) {
        text.push_str("(if (result i32) (local.get 1) (then (call_indirect (type $t) ");
        self.value(text, depth - 1);
        text.push_str("(i32.sub (local.get 1) (i32.const 1)) (i32.and (i32.const 15) ");
        self.value(text, depth - 1);
        text.push_str("))) (else (i32.const 2)))");
    }
}

#[test]
fn random_programs_of_small_functions_agree_in_every_mode() {
    let (first, count) = match env_number("UPDRAFT_PROVE") {
        Some(_) => (0, 3_000),
        None => (env_number("UPDRAFT_SEED").unwrap_or(20261120), 25),
    };
    let (mut traps, mut deep, mut returned, mut copies) = (0, 0, 0, 0);
    for seed in first..first + count {
        let text = Program::text(seed);
        copies += compiled(&text).iter().map(|code| code.inlined.len()).sum::<usize>();
        let arguments: Vec<Vec<Val>> =
            (0..12).map(|n| vec![Val::I32([0, 1, 5, -3][n % 4]), Val::I32(n as i32 / 2)]).collect();
        for got in run_everywhere(&text, "run", &arguments) {
            match got {
                Ok(_) => returned += 1,
                Err((_, frames)) => (traps, deep) = (traps + 1, deep + usize::from(frames.len() > 3)),
            }
        }
        state_is_the_same_everywhere(&text);
    }
    let count = count as usize;
    assert!(
        traps > 2 * count && returned > 2 * count && deep > count / 2 && copies > count,
        "{traps} {returned} {deep} {copies}"
    );
}

/// Globals and memory after the calls.
fn state_is_the_same_everywhere(text: &str) {
    let run = |mode: &Mode| {
        let mut fixture = Fixture::new(*mode, text);
        for n in 0..4 {
            let _ = fixture.call("run", &[Val::I32(n), Val::I32(3)]);
        }
        outcome(fixture.call("state", &[]))
    };
    let expected = run(&Mode::named("baseline"));
    for mode in MODES {
        assert_eq!(run(mode), expected, "{}\n{text}", mode.name);
    }
}
