//! Many threads at once on what they share: lazily compiled modules, engines, and stores that come and go.

mod common;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use common::{MODES, Mode, Rng, call, compile, exported_func, proving};
use updraft::config::{BaselineChoice, Config, Osr, Strategy, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Denied, Eagerness, Engine};
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::{FuncIndex, FuncType, ValType};

const THREADS: usize = 8;

fn rounds() -> usize {
    if proving() { 400 } else { 8 }
}

/// Functions that call each other directly, through a table, and by tail calls: `f<i>` returns 2^i + i.
fn many_functions(count: usize) -> String {
    let mut text = format!("(module (type $t (func (result i64))) (table {count} funcref) (elem (i32.const 0)");
    for i in 0..count {
        text.push_str(&format!(" $f{i}"));
    }
    text.push(')');
    for i in 0..count {
        let previous = i.wrapping_sub(1);
        let body = match i {
            0 => "(i64.const 1)".to_owned(),
            _ if i % 3 == 0 => format!("(i64.add (call_indirect (type $t) (i32.const {previous})) (i64.const {i}))"),
            _ if i % 7 == 0 => format!("(return_call $f{previous})"),
            _ => format!("(i64.add (call $f{previous}) (i64.const {i}))"),
        };
        text.push_str(&format!("(func $f{i} (export \"f{i}\") (result i64) {body})"));
    }
    text.push_str("(func (export \"trap\") unreachable))");
    text
}

fn expected(i: usize) -> i64 {
    (1..=i).filter(|i| i % 3 == 0 || i % 7 != 0).map(|i| i as i64).sum::<i64>() + 1
}

/// Runs `body` on all threads, which begin together.
fn together(body: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (body, barrier) = (&body, &barrier);
            scope.spawn(move || {
                barrier.wait();
                body(thread);
            });
        }
    });
}

fn check(module: &CompiledModule, count: usize, rng: &mut Rng) {
    let mut store = common::store(module.engine()).expect("a store");
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    for _ in 0..count {
        let i = rng.below(count);
        let func = exported_func(&mut store, instance, &format!("f{i}"));
        assert_eq!(call(&mut store, func, &[]).expect("a call"), [Val::I64(expected(i))], "f{i}");
        store.release(func.0).expect("a live handle");
    }
    let trap = exported_func(&mut store, instance, "trap");
    let error = call(&mut store, trap, &[]).expect_err("it traps");
    assert_eq!(error.trap().expect("a trap").code, TrapCode::Unreachable);
}

#[test]
fn hammer_first_calls_of_one_lazy_module() {
    const COUNT: usize = 60;
    let text = many_functions(COUNT);
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        for round in 0..rounds() {
            let module = compile(&engine, &text);
            together(|thread| check(&module, COUNT, &mut Rng::new((round * THREADS + thread) as u64)));
            assert!(module.compiled_count() <= COUNT + 1, "compiled more than there is");
        }
    }
}

/// All threads call the same function first: one compiles, the others get its code.
#[test]
fn hammer_one_function() {
    let text = many_functions(1);
    let engine = Engine::new(Mode::named("lazy").config()).expect("an engine");
    for _ in 0..rounds() * 10 {
        let module = compile(&engine, &text);
        let calls = AtomicUsize::new(0);
        together(|_| {
            let mut store = common::store(&engine).expect("a store");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let func = exported_func(&mut store, instance, "f0");
            assert_eq!(call(&mut store, func, &[]).expect("a call"), [Val::I64(1)]);
            // Relaxed: the count is read after the threads are joined.
            calls.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(calls.into_inner(), THREADS);
        assert_eq!(module.compiled_count(), 1);
    }
}

/// Modules are compiled, run and freed by all threads in one engine, while others run theirs.
#[test]
fn hammer_modules_that_come_and_go() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let rounds = rounds();
        together(|thread| {
            let mut rng = Rng::new(thread as u64);
            for _ in 0..rounds {
                let count = 1 + rng.below(40);
                let module = compile(&engine, &many_functions(count));
                let second = module.clone();
                check(&module, count, &mut rng);
                drop(module);
                check(&second, count, &mut rng);
            }
        });
    }
}

/// Engines, too: handlers and registers of the process are shared by all of them.
#[test]
fn hammer_engines_that_come_and_go() {
    let rounds = rounds();
    together(|thread| {
        let mut rng = Rng::new(thread as u64);
        for _ in 0..rounds {
            let mode = rng.pick(MODES);
            let engine = Engine::new(mode.config()).expect("an engine");
            let module = compile(&engine, &many_functions(10));
            check(&module, 10, &mut rng);
        }
    });
}

/// Traps on many threads at once: the signal handler takes no lock and mixes nothing up.
#[test]
fn hammer_traps() {
    let text = "(module $m (memory 1)
      (func $load (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))
      (func $div (export \"div\") (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
      (func $deep (export \"deep\") (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1))))";
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let module = compile(&engine, text);
        let rounds = rounds() * 20;
        together(|thread| {
            let mut store = common::store(&engine).expect("a store");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            for round in 0..rounds {
                let (name, argument, code) = [
                    ("load", -1, TrapCode::MemoryOutOfBounds),
                    ("div", 0, TrapCode::IntegerDivideByZero),
                    ("deep", 0, TrapCode::StackOverflow),
                ][(thread + round) % 3];
                let func = exported_func(&mut store, instance, name);
                let error = call(&mut store, func, &[Val::I32(argument)]).expect_err("it traps");
                let trap = error.trap().expect("a trap");
                assert_eq!(trap.code, code, "{}", mode.name);
                assert_eq!(trap.frames.last().expect("a frame").func_name.as_deref(), Some(name));
                store.release(func.0).expect("a live handle");
            }
        });
    }
}

/// Functions that others import: `p<i>` adds i to its argument.
const PROVIDED: usize = 12;

fn provider() -> String {
    let functions = (0..PROVIDED)
        .map(|i| format!("(func (export \"p{i}\") (param i64) (result i64) (i64.add (local.get 0) (i64.const {i})))"));
    format!("(module {})", functions.collect::<String>())
}

/// Functions of the module that is hammered, imports not counted.
const HAMMERED: usize = 25;

/// `h<i>` adds i to its argument by way of an import, the host, a direct call, the table, a tail call, a loop or a
/// value that is there twice, as i says.
fn hammered() -> String {
    let mut text = String::from("(module (type $t (func (param i64) (result i64)))");
    for i in 0..PROVIDED {
        text.push_str(&format!("(import \"p\" \"p{i}\" (func $p{i} (type $t)))"));
    }
    text.push_str("(import \"h\" \"same\" (func $same (type $t)))");
    text.push_str(&format!("(table {HAMMERED} funcref) (elem (i32.const 0)"));
    (0..HAMMERED).for_each(|i| text.push_str(&format!(" $h{i}")));
    text.push_str(") (func $small (type $t) (i64.add (local.get 0) (i64.const 1)))");
    for i in 0..HAMMERED {
        let less = i.saturating_sub(1);
        let body = match (i, i % 7) {
            (0, _) => "(local.get 0)".into(),
            (_, 0) => format!("(call $p{} (i64.add (local.get 0) (i64.const {})))", i % PROVIDED, i - i % PROVIDED),
            (_, 1) => format!("(call $same (i64.add (local.get 0) (i64.const {i})))"),
            (_, 2) => format!("(call $small (call $h{less} (local.get 0)))"),
            (_, 3) => format!("(call $small (call_indirect (type $t) (local.get 0) (i32.const {less})))"),
            (_, 4) => format!("(return_call_indirect (type $t) (call $small (local.get 0)) (i32.const {less}))"),
            (_, 5) => format!("(return_call $h{less} (call $small (local.get 0)))"),
            _ => format!(
                "(local i64) (loop (local.set 0 (call $small (local.get 0)))
                   (br_if 0 (i64.lt_u (local.tee 1 (i64.add (local.get 1) (i64.const 1))) (i64.const {i}))))
                 (local.get 0)"
            ),
        };
        text.push_str(&format!("(func $h{i} (export \"h{i}\") (type $t) {body})"));
    }
    // All through one call site, over and over.
    text.push_str(
        "(func (export \"all\") (param i64 i32) (result i64) (local i32)
           (loop (local.set 0 (call_indirect (type $t) (local.get 0) (local.get 2)))
             (local.set 2 (i32.add (local.get 2) (i32.const 1)))
             (if (i32.eq (local.get 2) (i32.const 25)) (then (local.set 2 (i32.const 0))))
             (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
           (local.get 0))
         (func (export \"trap\") (param i64) (result i64) (call $small (i64.div_u (local.get 0) (i64.const 0)))))",
    );
    text
}

/// A store with the module, its provider and a host function.
fn hammered_store(modules: [&CompiledModule; 2]) -> (Store, Instance) {
    let mut store = common::store(modules[0].engine()).expect("a store");
    let provider = Instance::new(&mut store, modules[0], &[]).expect("an instance");
    let mut imports: Vec<Extern> = (0..PROVIDED)
        .map(|i| provider.export(&mut store, &format!("p{i}")).expect("a live instance").expect("an export"))
        .collect();
    let same = Func::new(
        &mut store,
        FuncType::new([ValType::I64], [ValType::I64]),
        Arc::new(|_: &mut _, args: &[Val], results: &mut [Val]| {
            results[0] = args[0];
            Ok(())
        }),
    );
    imports.push(Extern::Func(same.expect("a function")));
    let instance = Instance::new(&mut store, modules[1], &imports).expect("an instance");
    (store, instance)
}

/// Calls all of it until `done`, and counts the calls.
fn hammer_calls(modules: [&CompiledModule; 2], seed: u64, done: &AtomicUsize, calls: &AtomicU64) {
    let mut rng = Rng::new(seed);
    // Relaxed: whoever misses it makes another round.
    while done.load(Ordering::Relaxed) == 0 {
        let (mut store, instance) = hammered_store(modules);
        let functions: Vec<Func> =
            (0..HAMMERED).map(|i| exported_func(&mut store, instance, &format!("h{i}"))).collect();
        let (all, trap) = (exported_func(&mut store, instance, "all"), exported_func(&mut store, instance, "trap"));
        for _ in 0..200 {
            let (i, argument) = (rng.below(HAMMERED), rng.next() as i64 >> 1);
            let sum = call(&mut store, functions[i], &[Val::I64(argument)]).expect("a sum");
            assert_eq!(sum, [Val::I64(argument.wrapping_add(i as i64))], "h{i}");
            if rng.below(20) == 0 {
                let times = 1 + rng.below(300);
                let added = (0..times).map(|i| (i % HAMMERED) as i64).sum::<i64>();
                let sum = call(&mut store, all, &[Val::I64(argument), Val::I32(times as i32)]).expect("a sum");
                assert_eq!(sum, [Val::I64(argument.wrapping_add(added))], "all, {times} times");
                let error = call(&mut store, trap, &[Val::I64(argument)]).expect_err("it traps");
                assert_eq!(error.trap().expect("a trap").code, TrapCode::IntegerDivideByZero);
            }
        }
        calls.fetch_add(200, Ordering::Relaxed);
    }
}

/// Asks for tiers, again and again, and for all that may get in the way.
fn disturb(modules: [&CompiledModule; 2], rng: &mut Rng, actions: usize) {
    for _ in 0..actions {
        let module = modules[rng.below(2)];
        let all = module.defined_functions();
        let func = FuncIndex(all.start + rng.below(all.len()) as u32);
        let outcome = match rng.below(12) {
            0..=3 => module.request_tier(func, Tier::Top, rng.below(256) as u8).map(drop),
            4 | 5 => module.allow_again(Some(func)).and_then(|()| module.request_tier(func, Tier::Top, 1).map(drop)),
            6 => module.allow_again(None).and_then(|()| module.tier_up_all().map(drop)),
            7 => module.wait_tier(func, Tier::Top, Some(Instant::now())).map(drop),
            8 => module.deny_top(func, Denied::Yes),
            9 => module.deny_top(func, Denied::No),
            10 => module.import_profile(&module.export_profile(), Eagerness::TierUp),
            _ => {
                std::thread::yield_now();
                Ok(())
            }
        };
        // A function that is kept from the top tier just now says so.
        let _ = outcome;
    }
}

/// Eight threads call in all ways while another one has code replaced, functions and loops moved up, and profiles
/// brought in: for ten minutes in a proof.
#[test]
fn hammer_code_that_is_replaced_under_calls() {
    let texts = [provider(), hammered()];
    let tiering = |policy, osr| Tiering { policy, osr, seed: Some(5), ..Tiering::default() };
    let settings = [
        (BaselineChoice::Native, tiering(TieringPolicy::Custom(400), Osr::On)),
        (BaselineChoice::Native, tiering(TieringPolicy::Custom(1), Osr::At(3))),
        (BaselineChoice::Portable, tiering(TieringPolicy::Custom(100), Osr::On)),
        (BaselineChoice::Native, tiering(TieringPolicy::Off, Osr::Off)),
    ];
    let end = Instant::now() + Duration::from_secs(if proving() { 600 } else { 0 });
    let (calls, mut replaced, mut round) = (AtomicU64::new(0), 0, 0);
    while round < settings.len() * 2 || Instant::now() < end {
        let (baseline, tiering) = settings[round % settings.len()];
        let config = Config {
            tiers: Tiers::Both,
            strategy: if round % 3 == 2 { Strategy::EagerBackground } else { Strategy::Lazy },
            baseline,
            tiering,
            schedule_seed: (round % 2 == 0).then_some(round as u64),
            code_reservation: 64 << 20,
            ..Config::default()
        };
        let engine = Engine::new(config).expect("an engine");
        let modules = texts.each_ref().map(|text| compile(&engine, text));
        let modules = [&modules[0], &modules[1]];
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (done, calls) = (&done, &calls);
                scope.spawn(move || hammer_calls(modules, (round * THREADS + thread) as u64, done, calls));
            }
            disturb(modules, &mut Rng::new(round as u64), if proving() { 4000 } else { 400 });
            done.store(1, Ordering::Relaxed);
        });
        let attempts = |func| modules[1].function(FuncIndex(func)).map_or(0, |state| state.word.attempts());
        replaced += modules[1].defined_functions().map(attempts).filter(|attempts| *attempts > 1).count();
        round += 1;
    }
    let calls = calls.into_inner();
    println!("{round} rounds, {calls} calls, {replaced} functions whose code was replaced");
    assert!(replaced > 20 && calls > 1000, "{replaced} functions were replaced, {calls} calls");
}
