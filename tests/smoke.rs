//! The whole way from text to results, in each way of compiling.

use std::sync::Arc;
use updraft::config::{Config, Strategy};
use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::runtime::instance::Instance;
use updraft::runtime::linker::Linker;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::{FuncType, ValType};

fn configs() -> Vec<Config> {
    let mut all = Vec::new();
    for compilation in [Strategy::Eager, Strategy::Lazy] {
        for signals in [true, false] {
            all.push(Config { strategy: compilation, signals, ..Config::default() });
        }
    }
    all
}

fn export(store: &mut Store, instance: Instance, name: &str) -> updraft::runtime::func::Func {
    match instance.export(store, name).unwrap() {
        Some(Extern::Func(func)) => func,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_traps_and_host_functions_work_in_every_mode() {
    for config in configs() {
        let engine = Engine::new(config.clone()).unwrap();
        let module = CompiledModule::new(
            &engine,
            br#"(module $m
              (import "h" "twice" (func $twice (param i32) (result i32)))
              (memory (export "memory") 1)
              (data (i32.const 8) "\01\02\03\04")
              (func $fib (export "fib") (param i32) (result i32)
                (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
                  (then (local.get 0))
                  (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
              (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
              (func (export "twice") (param i32) (result i32) (call $twice (local.get 0)))
              (func $deep (export "deep") (call $deep))
              (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
              (func (export "loop") (loop (br 0)))
              (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
              (func (export "many") (result i32 i64 f32 f64 i32 i32 i32 i32 i32 i32 i32)
                 (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9) (i32.const 10) (i32.const 11))
            )"#,
        )
        .unwrap();
        let mut store = Store::new(&engine).unwrap();
        let mut linker = Linker::new(&engine);
        linker
            .define_func(
                "h",
                "twice",
                FuncType::new([ValType::I32], [ValType::I32]),
                Arc::new(|_, args, results| {
                    let Val::I32(x) = args[0] else { unreachable!() };
                    if x == 13 {
                        return Err(Error::misuse("thirteen"));
                    }
                    results[0] = Val::I32(2 * x);
                    Ok(())
                }),
            )
            .unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let mut r = [Val::I32(0)];
        export(&mut store, instance, "fib").call(&mut store, &[Val::I32(20)], &mut r).unwrap();
        assert_eq!(r, [Val::I32(6765)]);
        export(&mut store, instance, "load").call(&mut store, &[Val::I32(8)], &mut r).unwrap();
        assert_eq!(r, [Val::I32(0x04030201)]);
        let e = export(&mut store, instance, "load").call(&mut store, &[Val::I32(65533)], &mut r).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::MemoryOutOfBounds, "{e}");
        assert_eq!(e.trap().unwrap().frames.len(), 1, "{e}");
        let e = export(&mut store, instance, "load").call(&mut store, &[Val::I32(-1)], &mut r).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::MemoryOutOfBounds);
        export(&mut store, instance, "twice").call(&mut store, &[Val::I32(21)], &mut r).unwrap();
        assert_eq!(r, [Val::I32(42)]);
        let e = export(&mut store, instance, "twice").call(&mut store, &[Val::I32(13)], &mut r).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::Host, "{e}");
        let e = export(&mut store, instance, "deep").call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::StackOverflow, "{e}");
        assert_eq!(e.trap().unwrap().frames.len(), 64);
        let e = export(&mut store, instance, "div").call(&mut store, &[Val::I32(1), Val::I32(0)], &mut r).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::IntegerDivideByZero, "{e}");
        let e = export(&mut store, instance, "div")
            .call(&mut store, &[Val::I32(i32::MIN), Val::I32(-1)], &mut r)
            .unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::IntegerOverflow, "{e}");
        export(&mut store, instance, "grow").call(&mut store, &[Val::I32(3)], &mut r).unwrap();
        assert_eq!(r, [Val::I32(1)]);
        let mut many = [Val::I32(0); 11];
        export(&mut store, instance, "many").call(&mut store, &[], &mut many).unwrap();
        assert_eq!(many[10], Val::I32(11));
        assert_eq!(many[3], Val::F64(4f64.to_bits()));
        let handle = store.interrupt_handle();
        let thread = std::thread::spawn(move || handle.interrupt());
        let e = export(&mut store, instance, "loop").call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::Interrupt, "{e}");
        thread.join().unwrap();
        let e = export(&mut store, instance, "loop")
            .call_with_timeout(&mut store, &[], &mut [], std::time::Duration::from_millis(5))
            .unwrap_err();
        assert_eq!(e.trap().unwrap().code, TrapCode::Deadline, "{e}");
    }
}
