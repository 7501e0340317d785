//! Functions that are entered at a loop: each loop of each function compiles, in every mode, and no loop of the result
//! is entered in the middle. What they compute is the business of the tests that run them (`tests/osr.rs`).

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;

use super::super::{Bounds, Scratch as TopScratch, Signals, TopCompiler};
use crate::abi::vmctx::VmLayout;
use crate::config::{Config, Tiers};
use crate::module::{Features, Module, decode};
use crate::tier::compiled::{CompiledCode, Resume};
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

const MODES: [(Bounds, Signals); 3] =
    [(Bounds::Guarded, Signals::On), (Bounds::Explicit, Signals::On), (Bounds::Explicit, Signals::Off)];

fn module(text: &str) -> Module {
    decode::load(&wat::parse_str(text).unwrap(), Features::ALL, 1).unwrap()
}

/// Compiles every function from every loop of it, in every mode, and says what each loop looks like: sizes of the code
/// and numbers of Cranelift's blocks, loop by loop, in the first mode.
fn compile_all(module: &Module) -> Vec<(CompiledCode, usize)> {
    let layout = VmLayout::new(module);
    let mut found = Vec::new();
    for (bounds, signals) in MODES {
        let config = Config { tiers: Tiers::Both, signals: signals == Signals::On, ..Config::default() };
        let compilers = Compilers::new(&config, bounds).unwrap();
        let top = TopCompiler::new(&config, bounds).unwrap();
        let (mut scratch, mut top_scratch) = (Scratch::new(), TopScratch::new());
        for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
            let code = compilers.compile(Tier::Baseline, &mut scratch, module, &layout, func, None).unwrap();
            let loops = code.loops.expect("every function here has a loop");
            for site in 0..loops.sites.len() as u32 {
                let resume = Resume { loops: &loops, site };
                let code = top.compile_osr(&mut top_scratch, module, &layout, func, resume, None).unwrap();
                let blocks = check_loops(&top_scratch, &format!("loop {site} of function {}", func.0));
                if (bounds, signals) == MODES[0] {
                    found.push((code, blocks));
                }
            }
        }
    }
    found
}

/// Every loop is entered at its header. Says how many blocks the function has.
fn check_loops(scratch: &TopScratch, what: &str) -> usize {
    let func = &scratch.context.func;
    let cfg = ControlFlowGraph::with_function(func);
    let dominators = DominatorTree::with_function(func, &cfg);
    let order: Vec<_> = dominators.cfg_postorder().iter().rev().copied().collect();
    for (position, &block) in order.iter().enumerate() {
        for successor in cfg.succ_iter(block) {
            let to = order.iter().position(|&other| other == successor).expect("reachable");
            let goes_back = to <= position;
            assert!(!goes_back || dominators.block_dominates(successor, block), "{what}: {block} to {successor}");
        }
    }
    order.len()
}

#[test]
fn every_loop_of_a_nest_is_entered_from_outside() {
    let nest = module(
        "(module (memory 1) (func (param $n i32) (result i32) (local $i i32) (local $j i32) (local $k i32) (local $s i32)
           (loop $a
             (local.set $j (i32.const 0))
             (loop $b
               (local.set $k (i32.const 0))
               (loop $c
                 (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $k))))
                 (br_if $b (i32.eq (local.get $s) (i32.const 77)))
                 (br_if $a (i32.eq (local.get $s) (i32.const 99)))
                 (br_if $c (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
               (br_if $b (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
             (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
           (local.get $s)))",
    );
    let [a, b, c] = compile_all(&nest).try_into().unwrap();
    // From the innermost loop on: it, the middle one with it, the outermost one with both.
    assert!(a.1 < b.1 && b.1 < c.1 && c.1 < 5 * a.1, "{} {} {}", a.1, b.1, c.1);
}

/// The loops around are not translated again if nothing goes back to them.
#[test]
fn what_nothing_goes_back_to_is_not_translated_again() {
    let text = |after: &str| {
        format!(
            "(module (memory 1) (func (param $n i32)
               (loop $a
                 (i32.store (i32.const 8) (local.get $n))
                 (loop $b (br_if $b (i32.load (i32.const 0))))
                 {after})))"
        )
    };
    let with = compile_all(&module(&text("(br_if $a (i32.load (i32.const 4)))")));
    let without = compile_all(&module(&text("(drop (i32.load (i32.const 4)))")));
    assert!(without[1].1 < with[1].1);
}

/// Operands below loops and parameters of loops, arms of an `if` with parameters, tables of branches, dead code.
#[test]
fn frames_around_a_loop_of_every_kind() {
    let found = compile_all(&module(
        r#"(module (memory 1) (table 2 funcref) (global $g (mut i32) (i32.const 0))
             (type $three (func (param i32 i64 f64) (result i32 i64 f64)))
             ;; In the first arm, in the second one, without a second one.
             (func (param i32 i64 f64 v128) (result i32 i64 f64)
               (local.get 0) (local.get 1) (local.get 2)
               (if (type $three) (local.get 0)
                 (then (loop $l (type $three) (br_if $l (local.get 0))))
                 (else (loop $l (type $three) (drop) (local.get 2) (br_if $l (local.get 0))))))
             (func (param i32 i64 f64 v128) (result i32 i64 f64)
               (local.get 0) (local.get 1) (local.get 2)
               (if (type $three) (local.get 0)
                 (then (block $out (type $three)
                   (loop $l (type $three) (br_if $out (local.get 0)) (br_if $l (local.get 0)) (br 2))))))
             ;; Operands of every type below two loops, and branches to both with parameters, by a table.
             (func (param $i i32) (param $r externref) (param $f funcref) (param $v v128) (result i32 v128 externref)
               (local.get $i) (local.get $v) (local.get $r) (local.get $f) (f32.const 1)
               (local.get $i) (i64.const 7)
               (loop $a (param i32 i64) (result i32)
                 (drop) (i64.const 1)
                 (loop $b (param i32 i64) (result i32 i64)
                   (block $out (param i32 i64) (result i32 i64)
                     (br_table $a $b $out (local.get $i)))
                   (local.set $i (i32.const 3))
                   (br_if $b (local.get $i))
                   (br_if $a (i32.const 4)))
                 (drop))
               (local.set $i) (drop) (drop) (drop) (drop)
               (local.set $i) (local.get $i) (local.get $v) (local.get $r))
             ;; Never left; left by a return only; behind code that is not reached.
             (func (loop $a (loop $b (global.set $g (i32.const 1)) (br $b))))
             (func (result i32)
               (block (br 0) (loop $dead (br $dead)))
               (loop $a (loop $b (if (global.get $g) (then (return (i32.const 1)))) (br_if $a (global.get $g)) (br $b)))
               (unreachable))
             ;; In a callee that calls itself, and ends by a tail call, with more results than registers.
             (type $many (func (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
             (func $many (type $many)
               (loop $l (br_if $l (local.get 0)) (global.set $g (i32.const 2)))
               (return_call $many (call_indirect (param i32) (result i32) (local.get 0) (local.get 0)))))"#,
    ));
    assert_eq!(found.len(), 2 + 1 + 2 + 2 + 2 + 1);
}
