//! Hints: what sections and hosts say about functions, and what comes of it.
//!
//! How sections are read, and what is ignored, is tested beside the reader (`src/module/hints`), machine code in
//! `tests/disas`.

mod common;

use common::{Fixture, Rng};
use updraft::abi::vmctx::VmLayout;
use updraft::config::{BaselineChoice, Config, Strategy, Tiering, TieringPolicy, Tiers, Workers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions, Stream};
use updraft::module::hints::{HintKind, HostHints};
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::tier::top::{Bounds, CallLinkage, Scratch, TopCompiler};
use updraft::types::FuncIndex;
use wasm_encoder::Encode;

/// Nobody compiles but who is asked to, and no function moves up by itself.
fn config(strategy: Strategy, tiers: Tiers) -> Config {
    let tiering = Tiering { policy: TieringPolicy::Custom(1 << 30), ..Tiering::default() };
    Config { tiers, strategy, tiering, workers: Workers::Threads(0), code_reservation: 64 << 20, ..Config::default() }
}

/// Functions 0 to `count` with bodies that are long enough for a queue.
fn functions(count: usize) -> String {
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.const 7)))".repeat(120);
    (0..count).map(|i| format!("(func (export \"f{i}\") (param i32) (result i32) {body} (local.get 0))")).collect()
}

/// Priorities as the contents of a section.
fn section(said: &[(u32, u32, Option<u32>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    said.len().encode(&mut bytes);
    for (func, ..) in said {
        func.encode(&mut bytes);
        bytes.extend([1, 0]);
        let hint = priority(said, *func);
        hint.len().encode(&mut bytes);
        bytes.extend(hint);
    }
    bytes
}

fn priority(said: &[(u32, u32, Option<u32>)], func: u32) -> Vec<u8> {
    let (_, compile, optimise) = said.iter().find(|(known, ..)| *known == func).unwrap();
    let mut hint = Vec::new();
    compile.encode(&mut hint);
    if let Some(optimise) = optimise {
        optimise.encode(&mut hint);
    }
    hint
}

fn text(contents: &[u8]) -> String {
    contents.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Who gives the hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Section,
    Host,
}

/// A module of so many functions with these priorities.
fn module(engine: &Engine, count: usize, said: &[(u32, u32, Option<u32>)], from: From) -> CompiledModule {
    let mut options = ModuleOptions::default();
    let mut head = String::new();
    match from {
        From::Section => {
            let contents = text(&section(said));
            head = format!("(@custom \"metadata.code.compilation_priority\" (before code) \"{contents}\")");
        }
        From::Host => {
            let mut hints = HostHints::default();
            for (func, ..) in said {
                hints.add(HintKind::Priority, FuncIndex(*func), 0, &priority(said, *func));
            }
            options.hints = hints;
        }
    }
    let text = format!("(module {head} {})", functions(count));
    CompiledModule::with_options(engine, text.as_bytes(), &options).unwrap()
}

fn reached(module: &CompiledModule, func: u32) -> Option<Tier> {
    module.function_state(FuncIndex(func)).unwrap().reached()
}

/// The functions in the order in which they get code of a tier, one unit at a time.
fn order(module: &CompiledModule, tier: Tier) -> Vec<u32> {
    let mut order = Vec::new();
    loop {
        let new = module.defined_functions().find(|func| reached(module, *func) >= Some(tier) && !order.contains(func));
        order.extend(new);
        if new.is_none() && module.engine().run_jobs(1, None).unwrap() == 0 {
            return order;
        }
    }
}

const SAID: [(u32, u32, Option<u32>); 5] =
    [(2, 9, None), (3, 1, Some(20)), (7, 0, Some(3)), (11, 5, Some(127)), (12, 300, Some(10))];

#[test]
fn functions_are_compiled_in_the_order_that_hints_say() {
    for from in [From::Section, From::Host] {
        let engine = Engine::new(config(Strategy::EagerBackground, Tiers::Baseline)).unwrap();
        let module = module(&engine, 20, &SAID, from);
        let order = order(&module, Tier::Baseline);
        assert_eq!(order.len(), 20);
        assert_eq!(order[..5], [7, 3, 11, 2, 12], "{from:?}: those with hints come first");
    }
}

/// Hinted functions of a lazy module are compiled before they are called; the others are not.
#[test]
fn hints_make_lazy_functions_eager() {
    for from in [From::Section, From::Host] {
        let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
        let module = module(&engine, 20, &SAID, from);
        assert_eq!(module.progress().outstanding_first, 5);
        assert_eq!(order(&module, Tier::Baseline), [7, 3, 11, 2, 12]);
        assert!(module.compilation().is_finished());
    }
}

/// The hottest first, and what runs once not at all.
#[test]
fn hot_functions_are_compiled_by_the_top_tier() {
    for strategy in [Strategy::Lazy, Strategy::EagerBackground, Strategy::Eager] {
        let engine = Engine::new(config(strategy, Tiers::Both)).unwrap();
        let module = module(&engine, 20, &SAID, From::Section);
        assert_eq!(order(&module, Tier::Top), [7, 12, 3], "{strategy:?}");
        let expected = if strategy == Strategy::Lazy { 2 } else { 17 };
        assert_eq!(module.progress().counts.baseline, expected);
    }
    let engine = Engine::new(config(Strategy::Lazy, Tiers::Baseline)).unwrap();
    let module = module(&engine, 20, &SAID, From::Section);
    order(&module, Tier::Baseline);
    assert_eq!((module.progress().counts.baseline, module.progress().counts.top), (5, 0));
}

/// Small modules are compiled by their maker, and their hot functions all the same in the background.
#[test]
fn hot_functions_of_a_small_eager_module_are_not_waited_for() {
    let engine = Engine::new(config(Strategy::Eager, Tiers::Both)).unwrap();
    let module = module(&engine, 2, &[(1, 0, Some(0))], From::Section);
    assert_eq!((reached(&module, 0), reached(&module, 1)), (Some(Tier::Baseline), Some(Tier::Baseline)));
    assert_eq!(order(&module, Tier::Top), [1]);
}

/// What a host says of a single function counts more than any hint.
#[test]
fn a_strategy_for_a_function_counts_more() {
    let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
    let contents = text(&section(&SAID));
    let text = format!(
        "(module (@custom \"metadata.code.compilation_order\" (before code) \"{contents}\") {})",
        functions(20)
    );
    let overrides = vec![(FuncIndex(7), Strategy::Lazy), (FuncIndex(1), Strategy::LazyBaselineEagerTop)];
    let options = ModuleOptions { overrides, ..ModuleOptions::default() };
    let module = CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap();
    assert_eq!(order(&module, Tier::Top), [12, 3, 1]);
    assert_eq!(reached(&module, 7), None);
}

/// A module whose bytes come in pieces has the same hints, and the same comes of them.
#[test]
fn hints_of_a_module_that_comes_in_pieces() {
    let text = text(&section(&SAID));
    let head = format!("(@custom \"metadata.code.compilation_priority\" (before code) \"{text}\")");
    let bytes = wat::parse_str(format!("(module {head} {})", functions(20))).unwrap();
    let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
    let whole = CompiledModule::new(&engine, &bytes).unwrap();
    assert_eq!(order(&whole, Tier::Top), [7, 12, 3]);
    let profile = whole.export_profile();
    let plain = wat::parse_str(format!("(module {})", functions(20))).unwrap();
    for piece in [7, 1000, 100_000] {
        let stream = |bytes: &[u8], options: &ModuleOptions| {
            let mut stream = Stream::new(&engine, options, 0).unwrap();
            bytes.chunks(piece).for_each(|piece| stream.write(piece).unwrap());
            stream.finish().unwrap()
        };
        let module = stream(&bytes, &ModuleOptions::default());
        assert_eq!(order(&module, Tier::Top), [7, 12, 3]);
        assert_eq!((reached(&module, 2), reached(&module, 1)), (Some(Tier::Baseline), None));
        let mut hints = HostHints::default();
        hints.add(HintKind::Priority, FuncIndex(4), 0, &[0, 0]);
        let module = stream(&plain, &ModuleOptions { hints, ..ModuleOptions::default() });
        assert_eq!(order(&module, Tier::Top), [4]);
        let given = ModuleOptions { profile: Some(profile.clone().into()), ..ModuleOptions::default() };
        assert_eq!(order(&stream(&bytes, &given), Tier::Top).len(), 3);
        assert!(stream(&plain, &given).given_profile().unwrap().is_err());
    }
}

/// Bodies that are compiled before the rest of the module is there ask for no hints: there are none.
#[test]
fn branches_of_a_module_that_is_not_all_there() {
    let body = "(if (local.get 0) (then (local.set 0 (i32.const 7))))".repeat(200);
    let funcs = format!("(func (export \"f\") (param i32) (result i32) {body} (local.get 0))").to_string();
    let more = format!("(func (param i32) (result i32) {body} (local.get 0))").repeat(20);
    let bytes = wat::parse_str(format!("(module {funcs} {more} (memory 1) (data (i32.const 0) \"x\"))")).unwrap();
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        let config = Config { baseline, ..config(Strategy::Eager, Tiers::Both) };
        let engine = Engine::new(config).unwrap();
        let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
        for piece in bytes.chunks(5000) {
            stream.write(piece).unwrap();
            engine.run_jobs(usize::MAX, None).unwrap();
        }
        let module = stream.finish().unwrap();
        assert_eq!(module.progress().refused, [0, 0]);
        let mut fixture = Fixture::with_module(module);
        assert_eq!(fixture.call("f", &[Val::I32(1)]).unwrap(), [Val::I32(7)]);
    }
}

/// Nobody waits for hot functions longer than they ask: the sum of bytes is bounded.
#[test]
fn only_the_hottest_of_very_many_are_compiled_by_the_top_tier() {
    let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
    let said: Vec<(u32, u32, Option<u32>)> = (0..2000).map(|func| (func, 0, Some(func % 100))).collect();
    let module = module(&engine, 2000, &said, From::Section);
    let bytes = module.module().body_range(updraft::types::DefinedFunc(0)).len();
    assert_eq!(module.progress().outstanding_top - module.progress().outstanding_first, 0, "each counts once");
    let hot = (0..2000)
        .map(updraft::types::DefinedFunc)
        .filter(|func| module.compilation().look(*func).required_top() == Some(Tier::Top));
    let hot: Vec<u32> = hot.map(|func| func.0).collect();
    assert_eq!(hot.len(), (1 << 20) / bytes);
    let coldest = hot.iter().map(|func| func % 100).max().unwrap();
    assert!((0..2000).all(|func| func % 100 >= coldest || hot.contains(&func)));
}

/// Callees that are worth being inlined when a call is known to run often, and otherwise are not. What is inlined is seen by
/// its trap sites.
const INLINED: &str = r#"(module (type $t (func (param i32) (result i32))) (table 2 2 funcref)
    (elem (i32.const 0) $one $two)
    (func $one (type $t) (i32.xor (i32.mul (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 5)) (i32.const 7))
        (i32.div_u (local.get 0) (i32.shl (local.get 0) (i32.const 4)))))
    (func $two (type $t) (i32.add (i32.mul (local.get 0) (i32.const 11)) (i32.div_u (i32.const 9) (local.get 0))))
    (func (export "direct") (param i32) (result i32) (call $one (local.get 0)))
    (func (export "table") (param i32) (result i32)
        (call_indirect (type $t) (local.get 0) (i32.shr_u (local.get 0) (i32.const 10))))
    (func (export "both") (param i32) (result i32) (local i32)
        (loop $again
            (local.set 1 (i32.add (local.get 1) (call $two (local.get 0))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $one (local.get 1)))
    (func (export "set") (table.set (i32.const 0) (ref.func $one))))"#;

/// The functions that have been compiled into another one, as its code says, with hints for it.
fn inlined(func: u32, hints: &[(HintKind, u32, &[u8])]) -> Vec<u32> {
    let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
    let mut host = HostHints::default();
    hints.iter().for_each(|(kind, offset, said)| host.add(*kind, FuncIndex(func), *offset, said));
    let options = ModuleOptions { hints: host, ..ModuleOptions::default() };
    let module = CompiledModule::with_options(&engine, INLINED.as_bytes(), &options).unwrap();
    let counts = module.module().hints().counts(module.module());
    assert_eq!(
        counts.iter().map(|count| (count.used, count.ignored)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
        (hints.len(), 0)
    );
    inlined_into(&module, func)
}

/// What the compiler makes of a function with the profile that the module has.
fn inlined_into(module: &CompiledModule, func: u32) -> Vec<u32> {
    let compiler = TopCompiler::new(module.engine().config(), Bounds::Guarded).unwrap();
    let func = updraft::types::DefinedFunc(func);
    let profile = module.compilation().snapshot(func);
    let layout = VmLayout::new(module.module());
    let code = compiler.compile_function(
        &mut Scratch::new(),
        module.module(),
        &layout,
        func,
        CallLinkage::Direct,
        profile.as_ref(),
    );
    let mut inlined: Vec<u32> = code.unwrap().inlined.iter().map(|inlined| inlined.func.0).collect();
    inlined.sort_unstable();
    inlined
}

const DIRECT: u32 = 2;
const TABLE: u32 = 3;
const BOTH: u32 = 4;
const DIRECT_CALL: u32 = 3;
const TABLE_CALL: u32 = 8;
const IN_LOOP: u32 = 9;
const BEHIND_LOOP: u32 = 26;

#[test]
fn frequencies_say_what_is_inlined() {
    use HintKind::{Frequency, Targets};
    assert_eq!(inlined(DIRECT, &[]), []);
    // Once per call of a function in which nothing runs more often is often.
    assert_eq!(inlined(DIRECT, &[(Frequency, DIRECT_CALL, &[32])]), [0]);
    assert_eq!(inlined(DIRECT, &[(Frequency, DIRECT_CALL, &[127])]), [0]);
    assert_eq!(inlined(DIRECT, &[(Frequency, DIRECT_CALL, &[0])]), []);
    assert_eq!(inlined(BOTH, &[]), [1], "it is small, and in a loop");
    assert_eq!(inlined(BOTH, &[(Frequency, IN_LOOP, &[0])]), []);
    assert_eq!(
        inlined(BOTH, &[(Frequency, IN_LOOP, &[40]), (Frequency, BEHIND_LOOP, &[32])]),
        [1],
        "the other is rare"
    );
    assert_eq!(inlined(BOTH, &[(Frequency, IN_LOOP, &[33]), (Frequency, BEHIND_LOOP, &[32])]), [0, 1]);
    assert_eq!(inlined(BOTH, &[(Frequency, IN_LOOP, &[40]), (Frequency, BEHIND_LOOP, &[127])]), [0, 1]);
    assert_eq!(inlined(TABLE, &[]), []);
    assert_eq!(inlined(TABLE, &[(Targets, TABLE_CALL, &[1, 90])]), [1]);
    assert_eq!(inlined(TABLE, &[(Targets, TABLE_CALL, &[1, 60, 0, 40])]), [0, 1]);
    assert_eq!(inlined(TABLE, &[(Targets, TABLE_CALL, &[1, 24])]), [], "most calls go elsewhere");
    assert_eq!(inlined(TABLE, &[(Targets, TABLE_CALL, &[1, 90]), (Frequency, TABLE_CALL, &[1])]), []);
    assert_eq!(inlined(TABLE, &[(Targets, TABLE_CALL, &[1, 90]), (Frequency, TABLE_CALL, &[0])]), []);
}

/// What was counted counts more than what was said, but for what was ordered.
#[test]
fn a_profile_counts_more_than_hints() {
    for (said, expected) in [(&[1u8][..], vec![0]), (&[0], vec![])] {
        let mut host = HostHints::default();
        host.add(HintKind::Frequency, FuncIndex(DIRECT), DIRECT_CALL, said);
        let options = ModuleOptions { hints: host, ..ModuleOptions::default() };
        let engine = Engine::new(config(Strategy::Lazy, Tiers::Both)).unwrap();
        let module = CompiledModule::with_options(&engine, INLINED.as_bytes(), &options).unwrap();
        assert_eq!(inlined_into(&module, DIRECT), []);
        let mut fixture = Fixture::with_module(module);
        (1..1000).for_each(|i| drop(fixture.call("direct", &[Val::I32(i)]).unwrap()));
        assert_eq!(inlined_into(&fixture.module, DIRECT), expected);
    }
}

/// Modules with any hints give what they give without.
#[test]
fn random_hints_change_no_result() {
    const TEXT: &str = r#"(type $t (func (param i32) (result i32))) (table 2 2 funcref) (elem (i32.const 0) $even $odd)
        (func $even (type $t) (if (result i32) (local.get 0)
            (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))) (else (i32.const 1))))
        (func $odd (type $t) (if (result i32) (local.get 0)
            (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
        (func (export "run") (param i32) (result i32) (local i32 i32)
            (loop $again
                (if (i32.and (local.get 1) (i32.const 4)) (then (local.set 2 (i32.add (local.get 2) (i32.const 100))))
                    (else (local.set 2 (i32.add (local.get 2) (call $odd (i32.rem_u (local.get 1) (i32.const 9)))))))
                (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
            (local.get 2))"#;
    let engine = Engine::new(Config { workers: Workers::Threads(0), tiers: Tiers::Top, ..Config::default() }).unwrap();
    let mut expected = None;
    let mut rng = Rng::new(11);
    let rounds = if std::env::var_os("UPDRAFT_PROVE").is_some_and(|value| value != "0") { 2000 } else { 60 };
    let mut used = 0;
    for round in 0..rounds {
        let mut hints = HostHints::default();
        if round > 0 {
            for func in 0..3 {
                for offset in 0..70 {
                    let values: &[u8] = &[0, 1, 32, 33, 64, 127];
                    let value = *rng.pick(values);
                    let pair = [rng.below(2) as u8, rng.below(101) as u8];
                    match rng.below(5) {
                        0 => hints.add(HintKind::Branch, FuncIndex(func), offset, &[value & 1]),
                        1 => hints.add(HintKind::Frequency, FuncIndex(func), offset, &[value]),
                        2 => hints.add(HintKind::Targets, FuncIndex(func), offset, &pair),
                        _ => {}
                    }
                }
            }
        }
        let options = ModuleOptions { hints, ..ModuleOptions::default() };
        let text = format!("(module {TEXT})");
        let module = CompiledModule::with_options(&engine, text.as_bytes(), &options).unwrap();
        used += module.module().hints().counts(module.module()).map(|count| count.used).iter().sum::<usize>();
        let mut fixture = Fixture::with_module(module);
        let results: Vec<Vec<Val>> = [1, 7, 100].map(|times| fixture.call("run", &[Val::I32(times)]).unwrap()).into();
        assert_eq!(*expected.get_or_insert(results.clone()), results);
    }
    assert!(used > rounds, "{used}");
}
