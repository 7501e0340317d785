//! Many threads at once on what they share: lazily compiled modules, engines, and stores that come and go.

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{MODES, Mode, Rng, call, compile, exported_func, proving};
use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::trap::TrapCode;

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
    let mut store = Store::new(module.engine()).expect("a store");
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
            let mut store = Store::new(&engine).expect("a store");
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
            let mut store = Store::new(&engine).expect("a store");
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
