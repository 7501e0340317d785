//! Profiles: what baseline code counts, who reads it, where it goes.

mod common;

use common::{Fixture, call, compile, exported_func};
use updraft::abi::vmctx::VmLayout;
use updraft::config::{BaselineChoice, Config, Osr, Strategy, Tiering, TieringPolicy, Tiers, Validation, Workers};
use updraft::engine::{CompiledModule, Eagerness, Engine, FunctionRecord, ModuleOptions, Reach, calls_of_functions};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::tier::top::{Bounds, CallLinkage, Scratch, TopCompiler};
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

/// Calls between which no way leads in or out are counted once, those at the head of a loop by the loop.
#[test]
fn each_call_has_its_own_count_also_where_several_share_a_counter() {
    let text = r#"(module
        (func $a) (func $b) (func $c)
        (func (export "run") (param $n i32) (result i32) (local $i i32)
            (call $a)
            (block $done
                (call $b)
                (loop $outer
                    (local.set $i (i32.const 2))
                    (call $c)
                    (block (call $a))
                    (loop $inner
                        (if (i32.and (local.get $n) (i32.const 1)) (then (call $a) (call $b)) (else (call $c)))
                        (call $b)
                        (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                    (br_if $done (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                    (call $b)
                    (br $outer)
                    (call $a)))
            (call $c)
            (return (local.get $i))
            (call $b)))"#;
    let steps = [TieringPolicy::Default, TieringPolicy::Custom(1 << 30), TieringPolicy::Custom(1 << 15)];
    for (baseline, policy) in BASELINES.into_iter().flat_map(|baseline| steps.map(|policy| (baseline, policy))) {
        // Nobody compiles.
        let tiering = Tiering { policy, osr: Osr::Off, ..Tiering::default() };
        let config = Config { tiering, workers: Workers::Threads(0), ..config(baseline) };
        let mut fixture = Fixture::with_config(config, text);
        for n in [1, 300, 1000] {
            assert_eq!(fixture.call("run", &[Val::I32(n)]).unwrap(), [Val::I32(0)]);
        }
        let all: u64 = 1301;
        let odd = 2 * (1 + 150 + 500);
        let counts: Vec<u64> = record(&fixture, DefinedFunc(3)).calls.iter().map(|call| call.count).collect();
        let expected = [3, 3, all, all, odd, odd, 2 * all - odd, 2 * all, all - 3, 3];
        assert_eq!(counts, expected, "{baseline:?} {policy:?}");
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

/// Functions 0 to 9, of which the first `hot` were hot and the next `run` ran in another process: its profile.
fn profile_of(hot: u32, run: u32) -> (String, Vec<u8>) {
    let text = format!("(module {})", functions(10));
    let tiering = Tiering { policy: TieringPolicy::Custom(1 << 30), ..Tiering::default() };
    let mut fixture = Fixture::with_config(Config { tiering, ..config(BaselineChoice::Auto) }, &text);
    for func in 0..hot + run {
        fixture.call(&format!("f{func}"), &[Val::I32(1)]).unwrap();
    }
    let hot: Vec<FuncIndex> = (0..hot).map(FuncIndex).collect();
    fixture.module.wait_tiers(&hot, Tier::Top, None).unwrap();
    (text, fixture.module.export_profile())
}

/// Functions with bodies that are long enough for a queue.
fn functions(count: usize) -> String {
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.const 7)))".repeat(120);
    (0..count).map(|i| format!("(func (export \"f{i}\") (param i32) (result i32) {body} (local.get 0))")).collect()
}

fn reached(module: &CompiledModule) -> Vec<Option<Tier>> {
    module.defined_functions().map(|func| module.function_state(FuncIndex(func)).unwrap().reached()).collect()
}

/// Nobody compiles but who is asked to.
fn by_hand(strategy: Strategy, tiers: Tiers) -> Engine {
    Engine::new(Config { strategy, tiers, workers: Workers::Threads(0), ..config(BaselineChoice::Auto) }).unwrap()
}

/// A module that is made with a profile has the code that the other process needed, before anybody calls it.
#[test]
fn a_module_begins_where_another_process_got_to() {
    let (text, profile) = profile_of(2, 3);
    let options = ModuleOptions { profile: Some(profile.into()), ..ModuleOptions::default() };
    let (base, top) = (Some(Tier::Baseline), Some(Tier::Top));
    let cases = [
        (Strategy::Lazy, Tiers::Both, [top, base, None], 5),
        (Strategy::EagerBackground, Tiers::Both, [top, base, None], 5),
        // Its maker has waited.
        (Strategy::Eager, Tiers::Both, [top, base, None], 0),
        (Strategy::Eager, Tiers::Top, [top, top, top], 0),
        (Strategy::LazyBaselineEagerTop, Tiers::Both, [top, top, top], 5),
        (Strategy::Lazy, Tiers::Baseline, [base, base, None], 5),
        (Strategy::Lazy, Tiers::Top, [top, top, None], 5),
    ];
    for (strategy, tiers, [hot, run, other], first) in cases {
        let engine = by_hand(strategy, tiers);
        let module = CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap();
        assert_eq!(module.given_profile().unwrap().unwrap(), 5);
        assert_eq!(module.progress().outstanding_first, first, "{strategy:?} {tiers:?}");
        while !module.compilation().is_ready() {
            assert_eq!(engine.run_jobs(1, None).unwrap(), 1);
            if tiers == Tiers::Both && strategy == Strategy::Lazy {
                assert!(!reached(&module).contains(&top), "hot functions hold up nothing");
            }
        }
        engine.run_jobs(usize::MAX, None).unwrap();
        let expected: Vec<_> = (0..10)
            .map(|func| {
                if func < 2 {
                    hot
                } else if func < 5 {
                    run
                } else {
                    other
                }
            })
            .collect();
        assert_eq!(reached(&module), expected, "{strategy:?} {tiers:?}");
        // The profile is known here, and goes on from here.
        let known = module.profile();
        assert_eq!(known.function(DefinedFunc(0)).map(|record| record.reach), Some(Reach::Top));
        let mut fixture = Fixture::with_module(module);
        assert_eq!(fixture.call("f0", &[Val::I32(0)]).unwrap(), [Val::I32(0)]);
        assert_eq!(fixture.call("f9", &[Val::I32(0)]).unwrap(), [Val::I32(0)]);
    }
}

/// It is advice: who does not understand it, does without.
#[test]
fn a_profile_that_does_not_fit_keeps_no_module_from_being_made() {
    let (text, profile) = profile_of(1, 1);
    let engine = by_hand(Strategy::Lazy, Tiers::Both);
    let make = |text: &str, bytes: &[u8]| {
        let options = ModuleOptions { profile: Some(bytes.into()), ..ModuleOptions::default() };
        CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap()
    };
    let stranger = make("(module (func (export \"f0\")))", &profile);
    let error = stranger.given_profile().unwrap().unwrap_err().to_string();
    assert_eq!(error, "invalid profile: it is of another module (at offset 0x8)");
    assert_eq!((stranger.progress().outstanding_first, stranger.profile().functions.len()), (0, 0));
    let damaged = make(&text, &profile[..profile.len() - 1]);
    assert!(damaged.given_profile().unwrap().is_err());
    assert!(compile(&engine, &text).given_profile().is_none());
    let overrides = vec![(FuncIndex(0), Strategy::Lazy)];
    let options = ModuleOptions { profile: Some(profile.into()), overrides, ..ModuleOptions::default() };
    let module = CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap();
    assert_eq!(module.progress().outstanding_first, 1, "what the host says of a function counts more");
}

/// Into a module that runs already.
#[test]
fn a_profile_that_comes_late_is_made_use_of() {
    let (text, profile) = profile_of(2, 3);
    let engine = by_hand(Strategy::Lazy, Tiers::Both);
    let mut fixture = Fixture::with_engine(&engine, &text);
    fixture.call("f4", &[Val::I32(0)]).unwrap();
    fixture.call("f5", &[Val::I32(0)]).unwrap();
    fixture.module.import_profile(&profile, Eagerness::Wait).unwrap();
    assert_eq!(engine.run_jobs(usize::MAX, None).unwrap(), 0);
    fixture.module.import_profile(&profile, Eagerness::TierUp).unwrap();
    assert!(fixture.module.compilation().is_ready(), "what comes late holds up nothing");
    engine.run_jobs(usize::MAX, None).unwrap();
    let (base, top) = (Some(Tier::Baseline), Some(Tier::Top));
    assert_eq!(reached(&fixture.module), [top, top, base, base, base, base, None, None, None, None]);
    // Twice is once.
    fixture.module.import_profile(&profile, Eagerness::TierUp).unwrap();
    assert_eq!(engine.run_jobs(usize::MAX, None).unwrap(), 0);
}

/// Where budgets do not count, what is compiled when it is called was called.
#[test]
fn what_has_run_is_known_without_counting() {
    let text = format!("(module {})", functions(3));
    for tiers in [Tiers::Baseline, Tiers::Both] {
        let off = Tiering { policy: TieringPolicy::Off, ..Tiering::default() };
        let mut fixture = Fixture::with_config(Config { tiers, tiering: off, ..config(BaselineChoice::Auto) }, &text);
        fixture.call("f1", &[Val::I32(0)]).unwrap();
        let known: Vec<_> =
            fixture.module.profile().functions.iter().map(|(func, record)| (func.0, record.reach)).collect();
        assert_eq!(known, [(1, Reach::Run)]);
    }
}

/// Hot loops, a usual target, callees that are inlined because they are called often, and calls that never run.
const HOT: &str = r#"(module (type $t (func (param i32) (result i32))) (table 2 2 funcref) (elem (i32.const 0) $one $two)
    (func $one (type $t) (i32.div_u (i32.mul (local.get 0) (i32.const 3)) (i32.or (local.get 0) (i32.const 1))))
    (func $two (type $t) (i32.div_u (i32.const 1000) (i32.or (local.get 0) (i32.const 2))))
    (func $three (param i32) (result i32) (i32.div_u (i32.mul (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 5))
        (i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.const 9))) (i32.or (local.get 0) (i32.const 4))))
    (func $never (param i32) (result i32) (i32.div_u (i32.const 1000) (local.get 0)))
    (func $rarely (param i32) (result i32) (i32.div_u (i32.const 1000)
        (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.add (local.get 0) (i32.const 11)))))
    (func (export "run") (param i32) (result i32) (local i32)
        (loop $again
            (if (i32.eq (local.get 0) (i32.const -1)) (then (local.set 1 (call $never (local.get 0)))))
            (if (i32.eq (local.get 0) (i32.const 17)) (then (local.set 1 (call $rarely (local.get 0)))))
            (local.set 1 (i32.add (local.get 1) (call_indirect (type $t) (local.get 0)
                (i32.eqz (i32.and (local.get 0) (i32.const 15))))))
            (local.set 1 (i32.xor (local.get 1) (call $three (local.get 0))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1))
    (func (export "idle") (result i32) (i32.const 1))
    (func (export "set") (table.set (i32.const 0) (ref.func $one))))"#;

/// The code of a function as the top tier makes it now: how long, and what is inlined in it.
fn code_of(module: &CompiledModule, func: u32) -> (usize, Vec<u32>) {
    let func = DefinedFunc(func);
    let compiler = TopCompiler::new(module.engine().config(), Bounds::Guarded).unwrap();
    let profile = module.compilation().snapshot(func);
    let layout = VmLayout::new(module.module());
    let (scratch, linkage) = (&mut Scratch::new(), CallLinkage::Direct);
    let code = compiler.compile_function(scratch, module.module(), &layout, func, linkage, profile.as_ref()).unwrap();
    (code.bytes.len(), code.inlined.iter().map(|inlined| inlined.func.0).collect())
}

/// A profile that became hints, in the module, leads to the same decisions in an engine that knows nothing else.
#[test]
fn hints_that_were_a_profile_say_the_same() {
    for baseline in BASELINES {
        let mut fixture = Fixture::with_config(config(baseline), HOT);
        let expected = fixture.call("run", &[Val::I32(10_000)]).unwrap();
        let cold = code_of(&Fixture::with_config(config(baseline), HOT).module, 5);
        let hot = code_of(&fixture.module, 5);
        assert_ne!(cold, hot);
        fixture.module.wait_tiers(&[FuncIndex(5), FuncIndex(2)], Tier::Top, None).unwrap();

        let with_hints = fixture.module.export_with_hints();
        let engine = by_hand(Strategy::Lazy, Tiers::Both);
        let module = CompiledModule::new(&engine, &with_hints).unwrap();
        let counts = module.module().hints().counts(module.module());
        assert!(counts.iter().all(|count| count.ignored == 0), "{counts:?}");
        assert!(counts[1..].iter().all(|count| count.used > 0), "{counts:?}");
        assert_eq!(code_of(&module, 5), hot);
        engine.run_jobs(usize::MAX, None).unwrap();
        let (base, top) = (Some(Tier::Baseline), Some(Tier::Top));
        assert_eq!(reached(&module), [base, base, top, None, base, top, None, None]);
        let mut fixture = Fixture::with_module(module);
        assert_eq!(fixture.call("run", &[Val::I32(10_000)]).unwrap(), expected);

        // The sections alone, put in front of the code by somebody else, are the same; and nothing is lost on the way.
        let again = fixture.module.export_with_hints();
        let module = CompiledModule::new(&engine, &again).unwrap();
        let kinds =
            |module: &CompiledModule| module.module().hints().counts(module.module()).map(|count| count.used > 0);
        assert_eq!(kinds(&module), kinds(&fixture.module));
        assert_eq!(again.len(), CompiledModule::new(&engine, &again).unwrap().export_with_hints().len());
    }
}

/// A module that was made without code, without hints, or with other sections stays what it is.
#[test]
fn modules_without_a_profile_are_exported_as_they_are() {
    let engine = by_hand(Strategy::Lazy, Tiers::Both);
    for text in ["(module)", "(module (memory 1) (data (i32.const 0) \"x\"))", TEXT, HOT] {
        let bytes = wat::parse_str(text).unwrap();
        let module = CompiledModule::new(&engine, &bytes).unwrap();
        assert_eq!((module.export_with_hints(), module.export_hints()), (bytes, vec![]));
    }
}

/// What a function of which nothing is known has in the way of hints stays.
#[test]
fn hints_that_nobody_knows_better_are_kept() {
    let text = r#"(module (@custom "metadata.code.instr_freq" (before code) "\01\01\01\01\01\28")
        (@custom "other" (before code) "x")
        (@custom "metadata.code.compilation_order" (before code) "\02\00\01\00\02\05\07\01\01\00\01\03")
        (func) (func (@metadata.code.branch_hint "\00") (if (i32.const 1) (then))) (func (call 0)))"#;
    let text = text.replace("\\01\\01\\01\\01\\01\\28", "\\01\\02\\01\\01\\01\\28");
    let engine = by_hand(Strategy::Lazy, Tiers::Both);
    let module = CompiledModule::new(&engine, text.as_bytes()).unwrap();
    let again = CompiledModule::new(&engine, &module.export_with_hints()).unwrap();
    let counts = |module: &CompiledModule| module.module().hints().counts(module.module());
    assert_eq!(counts(&again), counts(&module));
    assert_eq!(again.module().hints().priorities(), module.module().hints().priorities());
    assert_eq!(counts(&again).map(|count| (count.used, count.ignored)), [(1, 0), (2, 0), (1, 0), (0, 0)]);
    assert_eq!(again.module().custom_sections().len(), 4);
}

/// Of hot functions, those come first that are worth most for what they cost.
#[test]
fn a_large_hot_function_does_not_keep_small_ones_waiting() {
    let large = "(local.set 0 (i32.mul (local.get 0) (i32.const 7)))".repeat(2000);
    let text = format!(
        r#"(module (func $large (param i32) (result i32) {large} (local.get 0))
            (func $small (param i32) (result i32) (i32.rotl (local.get 0) (i32.const 1)))
            (func (export "run") (param i32) (result i32) (local i32)
                (loop (local.set 1 (i32.add (local.get 1) (call $small (local.get 0))))
                    (if (i32.eqz (i32.and (local.get 0) (i32.const 511)))
                        (then (local.set 1 (i32.add (local.get 1) (call $large (local.get 0))))))
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 1)))"#
    );
    let mut fixture = Fixture::with_config(config(BaselineChoice::Auto), &text);
    fixture.call("run", &[Val::I32(2000)]).unwrap();
    fixture.module.wait_tiers(&[0, 1].map(FuncIndex), Tier::Top, None).unwrap();
    let profile = fixture.module.export_profile();
    let engine = by_hand(Strategy::Lazy, Tiers::Both);
    let options = ModuleOptions { profile: Some(profile.into()), ..ModuleOptions::default() };
    let module = CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap();
    let mut order = Vec::new();
    while engine.run_jobs(1, None).unwrap() == 1 {
        let top = reached(&module).iter().map(|tier| *tier == Some(Tier::Top)).collect::<Vec<_>>();
        order.extend((0..3).filter(|func| top[*func] && !order.contains(func)).collect::<Vec<_>>());
    }
    assert_eq!(order, [1, 0]);
}
