//! Host functions: re-entry, errors on their way through WebAssembly, finalizers, the caller's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use updraft::config::{Config, Strategy};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::error::Error;
use updraft::runtime::func::{Caller, Func, HostCallback};
use updraft::runtime::instance::Instance;
use updraft::runtime::linker::Linker;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::{Trap, TrapCode};
use updraft::types::{FuncType, ValType};

use crate::common::{Fixture, MODES, Mode, call, compile, exported_func};
use crate::stack::on_small_stack;

/// WebAssembly calls the host, which calls WebAssembly, and so on down.
const LADDER: &str = "(module $ladder
  (import \"\" \"host\" (func $host (param i32 i64) (result i64)))
  (memory (export \"memory\") 1)
  (func $step (export \"step\") (param i32 i64) (result i64)
    (i32.store (i32.mul (local.get 0) (i32.const 4)) (local.get 0))
    (i64.add (i64.const 1) (call $host (local.get 0) (local.get 1))))
  (func $bottom (export \"bottom\") (param i32) (result i64)
    (if (local.get 0) (then unreachable))
    (i64.const 1000)))";

const LEVELS: i32 = 100;

/// The host's rung: down to `bottom`, which is called with the second argument.
fn rung() -> HostCallback {
    Arc::new(|caller, args, results| {
        let [Val::I32(level), Val::I64(fault)] = *args else { panic!("{args:?}") };
        let instance = caller.instance().expect("WebAssembly is the caller");
        let store = caller.store();
        let outcome = if level > 0 {
            let step = exported_func(store, instance, "step");
            let outcome = call(store, step, &[Val::I32(level - 1), Val::I64(fault)]);
            store.release(step.0)?;
            outcome?
        } else {
            let bottom = exported_func(store, instance, "bottom");
            let outcome = call(store, bottom, &[Val::I32(fault as i32)]);
            store.release(bottom.0)?;
            outcome?
        };
        results[0] = outcome[0];
        Ok(())
    })
}

fn ladder(mode: Mode) -> Fixture {
    let engine = Engine::new(mode.config()).expect("an engine");
    Fixture::with_imports(&engine, LADDER, |store| {
        let ty = FuncType::new([ValType::I32, ValType::I64], [ValType::I64]);
        vec![Extern::Func(Func::new(store, ty, rung()).expect("a host function"))]
    })
}

/// Runs on a stack that holds a hundred debug-built host frames.
fn with_stack(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(body).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn the_host_and_webassembly_call_each_other_a_hundred_levels_deep() {
    with_stack(|| {
        for mode in MODES {
            let mut fixture = ladder(*mode);
            for _ in 0..3 {
                let results = fixture.call("step", &[Val::I32(LEVELS), Val::I64(0)]).expect("no trap");
                assert_eq!(results, [Val::I64(1000 + i64::from(LEVELS) + 1)], "{}", mode.name);
            }
        }
    });
}

#[test]
fn a_trap_passes_a_hundred_levels_of_host_functions() {
    with_stack(|| {
        for mode in MODES {
            let mut fixture = ladder(*mode);
            for _ in 0..3 {
                let error = fixture.call("step", &[Val::I32(LEVELS), Val::I64(1)]).expect_err("it traps");
                let trap = error.trap().expect("a trap");
                assert_eq!(trap.code, TrapCode::Unreachable, "{}", mode.name);
                assert_eq!(trap.frames[0].func_name.as_deref(), Some("bottom"), "{}: {trap:?}", mode.name);
                assert!(!fixture.store.is_running());
            }
            // The memory shows that every level was reached, and all works as before.
            let results = fixture.call("step", &[Val::I32(3), Val::I64(0)]).expect("no trap");
            assert_eq!(results, [Val::I64(1004)]);
        }
    });
}

/// Where a hundred levels do not fit they end as a trap, and as many as fit work.
#[test]
fn host_recursion_on_64_kib_of_stack_traps_or_works() {
    for mode in MODES {
        let mut fixture = ladder(*mode);
        on_small_stack(64 << 10, || {
            assert_eq!(fixture.call("step", &[Val::I32(0), Val::I64(0)]).expect("one level"), [Val::I64(1001)]);
            for levels in [2, 5, 10, 20, 50, LEVELS] {
                match fixture.call("step", &[Val::I32(levels), Val::I64(0)]) {
                    Ok(results) => assert_eq!(results, [Val::I64(1001 + i64::from(levels))]),
                    Err(error) => assert_eq!(error.trap().expect("a trap").code, TrapCode::StackOverflow),
                }
            }
            assert_eq!(fixture.call("step", &[Val::I32(0), Val::I64(0)]).expect("one level"), [Val::I64(1001)]);
        });
    }
}

/// Recursion through the host ends as a trap as well, before the real stack does.
#[test]
fn endless_recursion_through_the_host_traps() {
    with_stack(|| {
        for mode in MODES {
            let mut fixture = ladder(*mode);
            let code = fixture.trap("step", &[Val::I32(10_000), Val::I64(0)]);
            assert_eq!(code, TrapCode::StackOverflow, "{}", mode.name);
            let results = fixture.call("step", &[Val::I32(3), Val::I64(0)]).expect("no trap");
            assert_eq!(results, [Val::I64(1004)]);
        }
    });
}

/// Calls `host` from two functions deep.
const CALLER: &str = "(module $caller (import \"\" \"host\" (func $host))
  (func $inner (call $host)) (func $outer (export \"run\") (call $inner) (call $inner)))";

fn with_host(mode: Mode, callback: HostCallback) -> Fixture {
    let engine = Engine::new(mode.config()).expect("an engine");
    Fixture::with_imports(&engine, CALLER, |store| {
        vec![Extern::Func(Func::new(store, FuncType::new([], []), callback).expect("a host function"))]
    })
}

/// What a host attaches to its error arrives where the call was made, with the frames in between.
#[test]
fn a_host_error_travels_with_its_payload() {
    for mode in MODES {
        let mut fixture = with_host(
            *mode,
            Arc::new(|_, _, _| {
                let mut trap = Trap::new(TrapCode::Host);
                trap.message = "the disk is full".into();
                trap.payload = Some(Box::new(String::from("payload")));
                Err(Error::from(trap))
            }),
        );
        for _ in 0..3 {
            let Err(Error::Trap(mut trap)) = fixture.call("run", &[]) else { panic!("no trap") };
            assert_eq!((trap.code, &*trap.message), (TrapCode::Host, "the disk is full"), "{}", mode.name);
            let names: Vec<_> = trap.frames.iter().filter_map(|frame| frame.func_name.as_deref()).collect();
            assert_eq!(names, ["inner", "outer"], "{}", mode.name);
            let payload = trap.payload.take().expect("the payload").downcast::<String>().expect("its type");
            assert_eq!(*payload, "payload");
        }
    }
}

#[test]
fn an_exit_carries_its_status() {
    for mode in MODES {
        let mut fixture = with_host(
            *mode,
            Arc::new(|_, _, _| {
                let mut trap = Trap::new(TrapCode::Exit);
                trap.exit_status = Some(7);
                Err(Error::from(trap))
            }),
        );
        let error = fixture.call("run", &[]).expect_err("it exits");
        let trap = error.trap().expect("a trap");
        assert_eq!((trap.code, trap.exit_status), (TrapCode::Exit, Some(7)), "{}", mode.name);
    }
}

/// An error that is no trap leaves WebAssembly as an error, not as success.
#[test]
fn other_host_errors_leave_too() {
    for mode in MODES {
        let mut fixture = with_host(*mode, Arc::new(|_, _, _| Err(Error::misuse("the host's own"))));
        let error = fixture.call("run", &[]).expect_err("it fails");
        assert!(error.to_string().contains("the host's own"), "{}: {error}", mode.name);
    }
}

/// A panic of a host function does not unwind through machine code.
#[test]
fn a_panicking_host_function_becomes_an_error() {
    for mode in MODES {
        let mut fixture = with_host(*mode, Arc::new(|_, _, _| std::panic::resume_unwind(Box::new("oops"))));
        assert!(fixture.call("run", &[]).is_err(), "{}", mode.name);
        assert!(!fixture.store.is_running());
    }
}

/// The callback of a host function is dropped exactly once, with its last user.
#[test]
fn host_functions_are_finalized_once() {
    struct Finalizer(Arc<AtomicUsize>);
    impl Drop for Finalizer {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for mode in MODES {
        let count = Arc::new(AtomicUsize::new(0));
        let finalizer = Finalizer(count.clone());
        let callback = move |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
            let _ = &finalizer;
            Ok(())
        };
        let mut fixture = with_host(*mode, Arc::new(callback));
        fixture.call("run", &[]).expect("a call");
        assert_eq!(count.load(Ordering::SeqCst), 0);
        drop(fixture);
        assert_eq!(count.load(Ordering::SeqCst), 1, "{}", mode.name);
    }
}

/// A host function reads and writes the memory of whoever called it.
#[test]
fn host_functions_see_their_callers_memory() {
    let text = "(module (import \"\" \"host\" (func $host (param i32) (result i32)))
      (memory (export \"memory\") 1) (data (i32.const 8) \"\\2a\")
      (func (export \"run\") (result i32) (i32.add (call $host (i32.const 8)) (i32.load8_u (i32.const 9)))))";
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut linker = Linker::new(&engine);
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        let callback: HostCallback = Arc::new(|caller, args, results| {
            let Val::I32(at) = args[0] else { panic!("{args:?}") };
            let memory = caller.memory().expect("the caller's memory");
            let mut byte = [0];
            memory.read(caller.store(), at as u64, &mut byte)?;
            memory.write(caller.store(), at as u64 + 1, &[byte[0] + 1])?;
            results[0] = Val::I32(byte[0].into());
            Ok(())
        });
        linker.define_func("", "host", ty, callback).expect("a definition");
        let module = compile(&engine, text);
        let mut store = crate::common::store(&engine).expect("a store");
        for _ in 0..2 {
            let instance = linker.instantiate(&mut store, &module).expect("an instance");
            let run = exported_func(&mut store, instance, "run");
            assert_eq!(call(&mut store, run, &[]).expect("a call"), [Val::I32(42 + 43)], "{}", mode.name);
        }
    }
}

/// A host function that is called by the host itself has no caller.
#[test]
fn a_host_function_called_directly_has_no_instance() {
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let mut store = crate::common::store(&engine).expect("a store");
    let callback: HostCallback = Arc::new(|caller, args, results| {
        assert!(caller.instance().is_none() && caller.memory().is_none());
        results[0] = args[1];
        results[1] = args[0];
        Ok(())
    });
    let ty = FuncType::new([ValType::I64, ValType::V128], [ValType::V128, ValType::I64]);
    let func = Func::new(&mut store, ty, callback).expect("a host function");
    let results = call(&mut store, func, &[Val::I64(-5), Val::V128([9; 16])]).expect("a call");
    assert_eq!(results, [Val::V128([9; 16]), Val::I64(-5)]);
}

/// Many parameters and results of every type cross in both directions, in registers and in memory.
#[test]
fn values_of_every_type_cross_the_border() {
    use ValType::{F32, F64, I32, I64, V128};
    for count in [1, 4, 7, 8, 9, 12, 17, 40] {
        let types: Vec<ValType> = (0..count).map(|i| [I32, F64, V128, I64, F32][i % 5]).collect();
        let list: Vec<String> = types.iter().map(ValType::to_string).collect();
        let list = list.join(" ");
        let pass: Vec<String> = (0..count).map(|i| format!("(local.get {i})")).collect();
        let text = format!(
            "(module (import \"\" \"host\" (func $host (param {list}) (result {list})))
               (func (export \"run\") (param {list}) (result {list}) (call $host {0}))
               (func (export \"tail\") (param {list}) (result {list}) (return_call $host {0})))",
            pass.join(" ")
        );
        let args: Vec<Val> = types
            .iter()
            .enumerate()
            .map(|(i, ty)| match ty {
                I32 => Val::I32(-(i as i32)),
                I64 => Val::I64(i as i64 - (1 << 40)),
                F32 => Val::F32(0x7fa0_0001 + i as u32),
                F64 => Val::F64(0xfff4_0000_0000_0001 + i as u64),
                _ => Val::V128([i as u8; 16]),
            })
            .collect();
        for mode in MODES {
            let engine = Engine::new(mode.config()).expect("an engine");
            let ty = FuncType::new(types.iter().copied(), types.iter().copied());
            let mut fixture = Fixture::with_imports(&engine, &text, |store| {
                let same: HostCallback = Arc::new(|_, args, results| {
                    results.copy_from_slice(args);
                    Ok(())
                });
                vec![Extern::Func(Func::new(store, ty, same).expect("a host function"))]
            });
            for name in ["run", "tail"] {
                let results = fixture.call(name, &args).expect("a call");
                assert_eq!(results, args, "{} {name} {count}", mode.name);
            }
        }
    }
}

/// One error lists all imports that are missing; one of another type is told from one that is not there.
#[test]
fn linking_names_what_is_missing_and_what_does_not_fit() {
    let text = "(module (import \"a\" \"x\" (func)) (import \"b\" \"y\" (memory 1)) (import \"c\" \"z\" (global i32)))";
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let module = compile(&engine, text);
    let mut store = crate::common::store(&engine).expect("a store");
    let mut linker = Linker::new(&engine);
    let error = linker.instantiate(&mut store, &module).expect_err("nothing is defined").to_string();
    for name in ["a", "x", "b", "y", "c", "z", "unknown import"] {
        assert!(error.contains(name), "{name} in {error}");
    }
    let nothing: HostCallback = Arc::new(|_, _, _| Ok(()));
    linker.define_func("a", "x", FuncType::new([ValType::I32], []), nothing.clone()).expect("a definition");
    let again = linker.define_func("a", "x", FuncType::new([], []), nothing.clone());
    assert!(again.is_err(), "a second definition needs allow_shadowing");
    linker.define_unknown_imports_as_traps(&compile(&engine, "(module (import \"b\" \"f\" (func)))")).expect("traps");
    let only_a = compile(&engine, "(module (import \"a\" \"x\" (func)))");
    let error = linker.instantiate(&mut store, &only_a).expect_err("the types differ").to_string();
    assert!(error.contains("incompatible import type"), "{error}");
    linker.allow_shadowing(true);
    linker.define_func("a", "x", FuncType::new([], []), nothing).expect("a definition");
    linker.instantiate(&mut store, &only_a).expect("it fits");
}

#[track_caller]
fn misused(result: updraft::error::Result<()>) {
    assert!(matches!(result, Err(Error::Misuse { .. })), "{result:?}");
}

/// Objects of another store, dead ones and wrong arguments are errors, not undefined behaviour.
#[test]
fn misuse_is_an_error() {
    let text = "(module (func (export \"f\") (param i32) (result i32) (local.get 0)))";
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let mut fixture = Fixture::with_engine(&engine, text);
    let mut other = crate::common::store(&engine).expect("a store");
    let func = fixture.func("f");
    let mut one = [Val::I32(0)];
    misused(func.call(&mut other, &[Val::I32(1)], &mut one));
    misused(func.call(&mut fixture.store, &[], &mut one));
    misused(func.call(&mut fixture.store, &[Val::I64(1)], &mut one));
    misused(func.call(&mut fixture.store, &[Val::I32(1)], &mut []));
    fixture.store.release(func.0).expect("a live handle");
    misused(fixture.store.release(func.0));
    // The handle is dead when the object is, and stays so when its place is taken.
    fixture.store.release(fixture.instance.0).expect("a live handle");
    fixture.store.collect();
    misused(func.call(&mut fixture.store, &[Val::I32(1)], &mut one));
    let instance = Instance::new(&mut fixture.store, &fixture.module, &[]).expect("an instance");
    exported_func(&mut fixture.store, instance, "f");
    misused(func.call(&mut fixture.store, &[Val::I32(1)], &mut one));
    let elsewhere = Engine::new(Mode::named("eager").config()).expect("an engine");
    let mut foreign = crate::common::store(&elsewhere).expect("a store");
    misused(Instance::new(&mut foreign, &fixture.module, &[]).map(|_| ()));
}

/// The bridge to a host function is made when the function is called first. If there is no room for it then, the call
/// traps, and nothing else happens; when there is room again, the next call makes it.
#[test]
fn a_host_function_whose_bridge_has_no_room_traps_until_there_is_some() {
    let config = Config { code_reservation: 1 << 20, ..Mode::named("lazy").config() };
    let engine = Engine::new(config).expect("an engine");
    let text = "(module
      (import \"\" \"host\" (func $host (param i64 f32 v128 i64 i64 i64 i64 i64 i64 i64) (result i32)))
      (func (export \"run\") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (call $host (i64.const 1) (f32.const 2) (v128.const i64x2 3 4) (i64.const 5) (i64.const 6) (i64.const 7)
            (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11)))
          (else (i32.const -1)))))";
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let mut fixture = Fixture::with_imports(&engine, text, |store| {
        let wide = [ValType::I64, ValType::F32, ValType::V128];
        let ty = FuncType::new(wide.into_iter().chain([ValType::I64; 7]), [ValType::I32]);
        let host: HostCallback = Arc::new(move |_, args, results| {
            let expected = [5, 6, 7, 8, 9, 10, 11].map(Val::I64);
            assert_eq!(
                (args[0], args[2], &args[3..]),
                (Val::I64(1), Val::V128((3u128 | 4 << 64).to_le_bytes()), &expected[..])
            );
            counted.fetch_add(1, Ordering::Relaxed);
            results[0] = Val::I32(42);
            Ok(())
        });
        vec![Extern::Func(Func::new(store, ty, host).expect("a host function"))]
    });
    assert_eq!(fixture.call("run", &[Val::I32(0)]).expect("a call"), [Val::I32(-1)]);
    let body = "(drop (call_indirect (param f64) (result f64) (f64.const 1) (i32.const 0)))".repeat(40);
    let filler = format!("(module (table 1 funcref) {})", format!("(func {body})").repeat(100));
    let options = ModuleOptions { strategy: Some(Strategy::Eager), ..ModuleOptions::default() };
    let filler = wat::parse_str(&filler).expect("valid text");
    let mut modules = Vec::new();
    let error = loop {
        match CompiledModule::with_options(&engine, &filler, &options) {
            Ok(module) => modules.push(module),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    // What is left over, smaller modules take.
    let small = wat::parse_str("(module (func (export \"f\") (result i32) (i32.const 1)))").expect("valid text");
    while let Ok(module) = CompiledModule::with_options(&engine, &small, &options) {
        modules.push(module);
    }
    for _ in 0..2 {
        assert_eq!(fixture.trap("run", &[Val::I32(1)]), TrapCode::CompilationFailed);
    }
    assert_eq!(fixture.call("run", &[Val::I32(0)]).expect("a call"), [Val::I32(-1)]);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    drop(modules);
    for _ in 0..2 {
        assert_eq!(fixture.call("run", &[Val::I32(1)]).expect("a call"), [Val::I32(42)]);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
