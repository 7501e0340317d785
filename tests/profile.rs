//! Profiles: what baseline code counts, who reads it, where it goes.

mod common;

use common::{Fixture, call, compile, exported_func};
use updraft::config::{BaselineChoice, Config, Osr, Strategy, Tiering, TieringPolicy, Tiers, Validation, Workers};
use updraft::engine::{Eagerness, Engine, FunctionRecord, Reach, calls_of_functions};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::types::{DefinedFunc, FuncIndex};

const BASELINES: [BaselineChoice; 2] = [BaselineChoice::Native, BaselineChoice::Portable];

/// Both tiers, but so large budgets that no function leaves the baseline tier.
fn config(baseline: BaselineChoice) -> Config {
    let tiering = Tiering { policy: TieringPolicy::Custom(1 << 30), ..Tiering::default() };
    let strategy = Strategy::Lazy;
    Config { tiers: Tiers::Both, strategy, baseline, tiering, code_reservation: 64 << 20, ..Config::default() }
}

/// Function 0 is imported nowhere: `run(target, times)` calls the table's element so often, and `direct` each time.
const TEXT: &str = r#"(module
    (type $t (func (param i32 f64 i64) (result i32)))
    (table 6 6 funcref)
    (elem (i32.const 0) $a $b $c $d $e $f)
    (func $a (type $t) (local.get 0))
    (func $b (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func $c (type $t) (i32.add (local.get 0) (i32.const 2)))
    (func $d (type $t) (i32.add (local.get 0) (i32.const 3)))
    (func $e (type $t) (i32.add (local.get 0) (i32.const 4)))
    (func $f (type $t) (i32.add (local.get 0) (i32.const 5)))
    (func $direct (param i32) (result i32) (i32.add (local.get 0) (i32.const 100)))
    (func (export "run") (param $target i32) (param $times i32) (result i32)
        (local $sum i32)
        (if (i32.eqz (local.get $times)) (then
            (return (i32.const 0))
            (drop (call_indirect (type $t) (i32.const 0) (f64.const 0) (i64.const 0) (i32.const 0)))))
        (loop $again
            (local.set $sum (i32.add (local.get $sum)
                (call_indirect (type $t) (call $direct (local.get $times)) (f64.const 1.5) (i64.const 7)
                    (local.get $target))))
            (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
    (func (export "tail") (param i32) (result i32)
        (return_call_indirect (type $t) (i32.const 1000) (f64.const 0) (i64.const 0) (local.get 0))))"#;

const RUN: DefinedFunc = DefinedFunc(7);
const TAIL: DefinedFunc = DefinedFunc(8);

fn run(fixture: &mut Fixture, target: i32, times: i32) {
    let expected = (1..=times).map(|times| times + 100 + target).sum();
    assert_eq!(fixture.call("run", &[Val::I32(target), Val::I32(times)]).unwrap(), [Val::I32(expected)]);
}

fn record(fixture: &Fixture, func: DefinedFunc) -> FunctionRecord {
    fixture.module.profile().function(func).cloned().unwrap_or_default()
}

/// The targets of the only indirect call of a function that has been run.
fn targets(fixture: &Fixture, func: DefinedFunc) -> (u64, Vec<(u32, u64)>) {
    let record = record(fixture, func);
    let [site] = &record.indirect[..] else { panic!("one site was run: {record:?}") };
    (site.total, site.targets.iter().map(|(func, count)| (func.0, *count)).collect())
}

#[test]
fn calls_are_counted() {
    for baseline in BASELINES {
        let mut fixture = Fixture::with_config(config(baseline), TEXT);
        assert_eq!(fixture.module.profile().functions, [], "nothing has run");
        run(&mut fixture, 2, 10);
        run(&mut fixture, 2, 20);
        run(&mut fixture, 2, 0);
        let calls = record(&fixture, RUN).calls;
        assert_eq!(calls.iter().map(|call| call.count).collect::<Vec<_>>(), [30]);
        let seen = calls_of_functions(fixture.module.module(), &fixture.module.profile());
        assert_eq!(seen, [0, 0, 30, 0, 0, 0, 30, 0, 0], "calls of the host are not seen");
        assert_eq!(record(&fixture, DefinedFunc(1)), FunctionRecord::default());
        let ran = FunctionRecord { reach: Reach::Run, ..FunctionRecord::default() };
        assert_eq!(record(&fixture, DefinedFunc(2)), ran);
        assert_eq!(targets(&fixture, RUN), (30, vec![(2, 30)]));
        let bytes = fixture.module.module().bytes();
        assert_eq!(bytes[calls[0].wasm_offset as usize], 0x10);
        assert_eq!(bytes[record(&fixture, RUN).indirect[0].wasm_offset as usize], 0x11);
    }
}

#[test]
fn the_most_frequent_targets_are_known() {
    for baseline in BASELINES {
        let mut fixture = Fixture::with_config(config(baseline), TEXT);
        // The second one becomes the more frequent one.
        run(&mut fixture, 0, 10);
        run(&mut fixture, 1, 15);
        assert_eq!(targets(&fixture, RUN), (25, vec![(1, 15), (0, 10)]));
        run(&mut fixture, 0, 9);
        assert_eq!(targets(&fixture, RUN), (34, vec![(0, 19), (1, 15)]));
        // What comes late gets a place if it comes often.
        run(&mut fixture, 2, 3);
        assert_eq!(targets(&fixture, RUN), (37, vec![(0, 19), (1, 15)]));
        run(&mut fixture, 3, 1000);
        let (total, known) = targets(&fixture, RUN);
        assert_eq!((total, known.len(), known[0].0, known[1]), (1037, 2, 3, (0, 19)));
        assert!(known[0].1 > 900, "{known:?}");
        for times in 0..100 {
            run(&mut fixture, times % 6, 1);
        }
        assert_eq!(targets(&fixture, RUN).0, 1137);
        assert_eq!(targets(&fixture, RUN).1[0].0, 3);
    }
}

/// Bodies that nobody has validated yet have no profile of their own, and can have one brought in.
#[test]
fn bodies_that_are_validated_later_are_no_obstacle() {
    let mut fixture = Fixture::with_config(config(BaselineChoice::Native), TEXT);
    run(&mut fixture, 2, 10);
    let known = fixture.module.export_profile();
    let deferred = Config { validation: Validation::Deferred, ..config(BaselineChoice::Native) };
    let mut fixture = Fixture::with_config(deferred, TEXT);
    assert_eq!(fixture.module.profile().functions, []);
    fixture.module.import_profile(&known, Eagerness::TierUp).unwrap();
    assert_eq!(targets(&fixture, RUN), (10, vec![(2, 10)]));
    run(&mut fixture, 2, 10);
    run(&mut fixture, 1, 5);
    assert_eq!(record(&fixture, RUN).calls[0].count, 25);
    let all: Vec<FuncIndex> = fixture.module.defined_functions().map(FuncIndex).collect();
    fixture.module.wait_tiers(&all, Tier::Top, None).unwrap();
    run(&mut fixture, 2, 10);
    run(&mut fixture, 4, 10);
}

/// A function of another module is counted, and not named.
#[test]
fn only_functions_of_the_module_are_targets() {
    for baseline in BASELINES {
        let engine = Engine::new(config(baseline)).unwrap();
        let provider = compile(
            &engine,
            r#"(module (type $t (func (result i32))) (table (export "t") 2 2 funcref) (elem (i32.const 0) $a)
                (func $a (type $t) (i32.const 7)))"#,
        );
        let mut fixture = Fixture::with_imports(
            &engine,
            r#"(module (type $t (func (result i32))) (import "p" "t" (table 2 2 funcref)) (elem (i32.const 1) $own)
                (func $own (type $t) (i32.const 8))
                (func (export "run") (param i32) (result i32) (call_indirect (type $t) (local.get 0))))"#,
            |store| {
                let instance = Instance::new(store, &provider, &[]).unwrap();
                vec![instance.export(store, "t").unwrap().unwrap()]
            },
        );
        for target in [0, 0, 1, 0] {
            assert_eq!(fixture.call("run", &[Val::I32(target)]).unwrap(), [Val::I32(7 + target)]);
        }
        assert_eq!(targets(&fixture, DefinedFunc(1)), (4, vec![(0, 1)]));
    }
}

/// What several instances have counted, on threads that have counters of their own, is added up.
#[test]
fn instances_and_threads_add_up() {
    for baseline in BASELINES {
        let engine = Engine::new(config(baseline)).unwrap();
        let module = compile(&engine, TEXT);
        // One after the other: threads that count at once may lose counts.
        for times in 1..=20 {
            let (engine, module) = (&engine, &module);
            let body = || {
                let mut store = Store::new(engine).unwrap();
                let instance = Instance::new(&mut store, module, &[]).unwrap();
                let func = exported_func(&mut store, instance, "run");
                call(&mut store, func, &[Val::I32(times % 2), Val::I32(times)]).unwrap();
            };
            std::thread::scope(|scope| _ = scope.spawn(body).join());
        }
        let data = module.profile();
        let record = data.function(RUN).unwrap();
        assert_eq!(record.calls[0].count, 210);
        assert_eq!(record.indirect[0].total, 210);
        assert_eq!(record.indirect[0].targets, [(DefinedFunc(0), 110), (DefinedFunc(1), 100)]);
    }
}

/// Where a function spends its time is sampled when it spends its budget.
#[test]
fn loops_are_sampled() {
    const TEXT: &str = r#"(module (func (export "run") (param i32) (result i32) (local i32)
        (loop $cold (br_if $cold (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 3))))
        (loop $hot (br_if $hot (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))"#;
    let tiering = Tiering { policy: TieringPolicy::Custom(1000), osr: Osr::Off, ..Tiering::default() };
    // Nobody compiles.
    let config = Config { tiering, workers: Workers::Threads(0), ..config(BaselineChoice::Native) };
    let mut fixture = Fixture::with_config(config, TEXT);
    assert_eq!(fixture.call("run", &[Val::I32(100_000)]).unwrap(), [Val::I32(3)]);
    let loops = record(&fixture, DefinedFunc(0)).loops;
    let [hot] = &loops[..] else { panic!("one loop takes all the time: {loops:?}") };
    assert_eq!(fixture.module.module().bytes()[hot.wasm_offset as usize], 0x03);
    assert!(hot.trips > 100, "{hot:?}");
}

#[test]
fn tail_calls_are_counted() {
    for baseline in BASELINES {
        let mut fixture = Fixture::with_config(config(baseline), TEXT);
        for target in [5, 5, 4, 5] {
            assert_eq!(fixture.call("tail", &[Val::I32(target)]).unwrap(), [Val::I32(1000 + target)]);
        }
        assert_eq!(targets(&fixture, TAIL), (4, vec![(5, 3), (4, 1)]));
    }
}

#[test]
fn nothing_is_counted_where_functions_stay_in_their_tier() {
    let off = Tiering { policy: TieringPolicy::Off, ..Tiering::default() };
    let configs = [Tiers::Baseline, Tiers::Top].map(|tiers| Config { tiers, ..config(BaselineChoice::Auto) });
    for config in configs.into_iter().chain([Config { tiering: off, ..config(BaselineChoice::Auto) }]) {
        let mut fixture = Fixture::with_config(config, TEXT);
        run(&mut fixture, 2, 10);
        let known = fixture.module.profile().functions;
        assert!(known.iter().all(|(_, record)| record.calls.is_empty() && record.indirect.is_empty()), "{known:?}");
    }
}
