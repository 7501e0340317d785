//! Code that was made with a profile does what code without one does, whatever comes when the profile is no longer
//! true: other targets, other instances, traps.

use updraft::config::{BaselineChoice, Config, Strategy, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::FuncIndex;

use crate::common::{call, compile, exported_func};
use crate::inline::{Outcome, outcome};

/// `run(index, n)` calls an element of a table that others may write to; `tail` does so in its own place, `deep`
/// from within a callee that is inlined, `wide` with results in memory. `$mark` tells instances apart.
const TEXT: &str = "(module
  (type $t (func (param i32) (result i32)))
  (type $w (func (param i32) (result i32 i64 i32 i32 i32 i32 i32 i32 i32 i32)))
  (table (export \"table\") 12 funcref)
  (elem (i32.const 0) $first $second $third $traps $other)
  (elem (i32.const 6) $wide $wide2)
  (global $mark (export \"mark\") (mut i32) (i32.const 1))
  (func $first (type $t) (i32.add (local.get 0) (global.get $mark)))
  (func $second (type $t) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 3)))
      (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
    (i32.mul (local.get 1) (global.get $mark)))
  (func $third (type $t) (i32.sub (i32.const 0) (local.get 0)))
  (func $traps (type $t) (i32.div_u (i32.const 1) (i32.const 0)))
  (func $other (param i64))
  (func $wide (type $w) (local.get 0) (i64.const 5) (local.get 0) (local.get 0) (i32.const 1) (i32.const 2) (i32.const 3)
    (i32.const 4) (i32.const 5) (global.get $mark))
  (func $wide2 (type $w) (local.get 0) (i64.const 6) (local.get 0) (local.get 0) (i32.const 7) (i32.const 2) (i32.const 3)
    (i32.const 4) (i32.const 5) (i32.const 6))
  (func $run (export \"run\") (param i32 i32) (result i32)
    (i32.add (i32.const 1000) (call_indirect (type $t) (local.get 1) (local.get 0))))
  (func $tail (export \"tail\") (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 1) (local.get 0)))
  (func $middle (param i32 i32) (result i32) (return_call_indirect (type $t) (local.get 1) (local.get 0)))
  (func $deep (export \"deep\") (param i32 i32) (result i32)
    (i32.add (i32.const 1) (call $middle (local.get 0) (local.get 1))))
  (func $wide_sum (export \"wide\") (param i32 i32) (result i32)
    (call_indirect (type $w) (local.get 1) (local.get 0))
    i32.add i32.add i32.add i32.add i32.add i32.add i32.add (i64.extend_i32_s) i64.add i32.wrap_i64 i32.add))";

const EXPORTS: [&str; 4] = ["run", "tail", "deep", "wide"];

/// Both tiers, but no function leaves the baseline tier by itself.
fn config(baseline: BaselineChoice) -> Config {
    let tiering = Tiering { policy: TieringPolicy::Custom(1 << 30), ..Tiering::default() };
    Config {
        tiers: Tiers::Both,
        strategy: Strategy::Lazy,
        baseline,
        tiering,
        code_reservation: 64 << 20,
        ..Config::default()
    }
}

struct World {
    store: Store,
    module: CompiledModule,
    /// The second one's functions are in the table of the first, too.
    instance: Instance,
}

impl World {
    fn new(baseline: BaselineChoice) -> World {
        let engine = Engine::new(config(baseline)).expect("an engine");
        let module = compile(&engine, TEXT);
        let mut store = crate::common::store(&engine).expect("a store");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let twin = Instance::new(&mut store, &module, &[]).expect("an instance");
        let table = |store: &mut Store, instance: Instance| match instance.export(store, "table") {
            Ok(Some(Extern::Table(table))) => table,
            other => panic!("a table: {other:?}"),
        };
        let Ok(Some(Extern::Global(mark))) = twin.export(&mut store, "mark") else { panic!("a global") };
        mark.set(&mut store, Val::I32(50)).expect("a mutable global");
        let (own, others) = (table(&mut store, instance), table(&mut store, twin));
        for (from, to) in [(0, 8), (1, 9), (6, 10)] {
            let func = others.get(&mut store, from).expect("a live table").expect("an element");
            own.set(&mut store, to, func).expect("an element");
        }
        World { store, module, instance }
    }

    fn call(&mut self, export: &str, index: i32, argument: i32) -> Outcome {
        let func = exported_func(&mut self.store, self.instance, export);
        outcome(call(&mut self.store, func, &[Val::I32(index), Val::I32(argument)]))
    }

    fn all(&mut self) -> Vec<Outcome> {
        let mut all = Vec::new();
        for export in EXPORTS {
            // Nothing is at 5; 12 and -1 are not in the table.
            for index in (-1..13).chain([i32::MIN, i32::MAX]) {
                all.push(self.call(export, index, 7));
            }
        }
        all
    }

    fn tier_up(&self) {
        let all: Vec<FuncIndex> = (0..self.module.module().defined_func_count() as u32).map(FuncIndex).collect();
        self.module.wait_tiers(&all, Tier::Top, None).expect("the tier exists");
    }
}

/// What was usual: nothing, one target, two, many, a target of another instance, one that traps.
const HABITS: [&[(&str, i32)]; 7] = [
    &[],
    &[("run", 0), ("tail", 0), ("deep", 0), ("wide", 6)],
    &[("run", 1), ("run", 0), ("tail", 0), ("tail", 2), ("deep", 1), ("deep", 0), ("wide", 6), ("wide", 7)],
    &[("run", 0), ("run", 1), ("run", 2), ("deep", 0), ("deep", 1), ("deep", 2)],
    &[("run", 8), ("tail", 9), ("deep", 8), ("wide", 10)],
    &[("run", 3), ("tail", 3), ("deep", 3)],
    &[("run", 4), ("tail", 5), ("deep", -1), ("wide", 0)],
];

#[test]
fn whatever_was_usual_every_target_does_the_same() {
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        let expected = World::new(baseline).all();
        let traps = expected.iter().filter(|outcome| outcome.is_err()).count();
        assert!(traps > 30 && expected.len() - traps > 15, "{traps} of {}", expected.len());
        for habits in HABITS {
            let mut world = World::new(baseline);
            for _ in 0..300 {
                for (export, index) in habits {
                    let _ = world.call(export, *index, 3);
                }
            }
            world.tier_up();
            assert_eq!(world.all(), expected, "{baseline:?} {habits:?}");
        }
    }
}
