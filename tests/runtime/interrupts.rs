//! Interrupts from another thread, and deadlines, stop whatever WebAssembly is doing.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use updraft::engine::Engine;
use updraft::error::Error;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::interrupt::InterruptHandle;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::FuncType;

use crate::common::{Fixture, MODES, Mode, call};

/// Ways to run for ever. Each says first that it has started.
const ENDLESS: &str = "(module
  (import \"\" \"started\" (func $started))
  (memory 1 1 shared)
  (type $f (func))
  (table 1 funcref) (elem (i32.const 0) $tail)
  (global $n (mut i64) (i64.const 0))
  (func (export \"loop\") (call $started) (loop $l (br $l)))
  (func (export \"counting\") (local i32) (call $started)
    (loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $l (i32.or (local.get 0) (i32.const 1)))))
  (func (export \"nested\") (call $started)
    (loop $outer (block $out (loop $inner (br_if $out (i64.ne (global.get $n) (i64.const 1))) (br $inner))) (br $outer)))
  (func (export \"table-loop\") (param i32) (call $started)
    (loop $l (loop $m (br_table $l $m $l (i32.and (local.get 0) (i32.const 3))))))
  (func $leaf (global.set $n (i64.add (global.get $n) (i64.const 2))))
  (func (export \"calls\") (call $started) (loop $l (call $leaf) (br $l)))
  (func $tail (return_call_indirect (type $f) (i32.const 0)))
  (func (export \"tail\") (call $started) (call $tail))
  (func (export \"wait32\") (call $started)
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
  (func (export \"wait64\") (call $started)
    (drop (memory.atomic.wait64 (i32.const 8) (i64.const 0) (i64.const -1))))
  (func (export \"short\") (result i32) (i32.const 1))
  (func (export \"short-loop\") (param i32) (result i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0)))";

const EXPORTS: &[&str] = &["loop", "counting", "nested", "table-loop", "calls", "tail", "wait32", "wait64"];

fn endless(mode: Mode, started: impl Fn() + Send + Sync + 'static) -> Fixture {
    let engine = Engine::new(mode.config()).expect("an engine");
    Fixture::with_imports(&engine, ENDLESS, |store| {
        let callback = Arc::new(move |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
            started();
            Ok(())
        });
        vec![Extern::Func(host(store, callback))]
    })
}

fn host(store: &mut Store, callback: updraft::runtime::func::HostCallback) -> Func {
    Func::new(store, FuncType::new([], []), callback).expect("a host function")
}

fn args(name: &str) -> Vec<Val> {
    if name == "table-loop" { vec![Val::I32(1)] } else { Vec::new() }
}

#[test]
fn another_thread_interrupts_every_kind_of_loop_and_wait() {
    for mode in MODES {
        let (sender, receiver) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let mut fixture = endless(*mode, move || sender.lock().expect("no panic").send(()).expect("a receiver"));
        let handle = fixture.store.interrupt_handle();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // One interrupt for each call that has started; the call may or may not have reached its loop.
                while receiver.recv().is_ok() {
                    handle.interrupt();
                }
            });
            for name in EXPORTS {
                for _ in 0..10 {
                    assert_eq!(fixture.trap(name, &args(name)), TrapCode::Interrupt, "{} {name}", mode.name);
                }
                let results = fixture.call("short", &[]).expect("interrupts do not linger");
                assert_eq!(results, [Val::I32(1)]);
            }
            drop(fixture);
        });
    }
}

#[test]
fn an_interrupt_without_a_call_stops_the_next_one_unless_taken_back() {
    for mode in MODES {
        let mut fixture = endless(*mode, || {});
        let handle = fixture.store.interrupt_handle();
        handle.interrupt();
        assert!(handle.is_pending());
        assert_eq!(fixture.trap("loop", &[]), TrapCode::Interrupt, "{}", mode.name);
        assert!(!handle.is_pending(), "{}", mode.name);
        let short = |fixture: &mut Fixture| fixture.call("short-loop", &[Val::I32(10)]).expect("a call");
        assert_eq!(short(&mut fixture), [Val::I32(0)], "{}", mode.name);
        handle.interrupt();
        handle.clear();
        assert_eq!(short(&mut fixture), [Val::I32(0)], "{}", mode.name);
        // Several interrupts before one call are one.
        handle.interrupt();
        handle.interrupt();
        assert_eq!(fixture.trap("loop", &[]), TrapCode::Interrupt, "{}", mode.name);
        assert_eq!(short(&mut fixture), [Val::I32(0)], "{}", mode.name);
    }
}

#[test]
fn deadlines_stop_loops_and_waits() {
    for mode in MODES {
        let mut fixture = endless(*mode, || {});
        for name in EXPORTS {
            let func = fixture.func(name);
            let error = func
                .call_with_timeout(&mut fixture.store, &args(name), &mut [], Duration::from_millis(5))
                .expect_err("it runs for ever");
            assert_eq!(error.trap().expect("a trap").code, TrapCode::Deadline, "{} {name}", mode.name);
            // The deadline was that call's alone.
            let results = fixture.call("short-loop", &[Val::I32(1000)]).expect("a call without a deadline");
            assert_eq!(results, [Val::I32(0)]);
        }
    }
}

#[test]
fn a_call_that_ends_in_time_has_its_results() {
    for mode in MODES {
        let mut fixture = endless(*mode, || {});
        let func = fixture.func("short-loop");
        let mut results = [Val::I32(-1)];
        func.call_with_timeout(&mut fixture.store, &[Val::I32(100)], &mut results, Duration::from_secs(3600))
            .expect("time enough");
        assert_eq!(results, [Val::I32(0)]);
    }
}

/// An interrupt that arrives in a host function waits for WebAssembly, and reaches the outer call.
#[test]
fn interrupts_are_delivered_after_host_functions() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_imports(&engine, ENDLESS, |store| {
            let handle = store.interrupt_handle();
            vec![Extern::Func(host(
                store,
                Arc::new(move |_, _, _| {
                    handle.interrupt();
                    Ok(())
                }),
            ))]
        });
        for name in EXPORTS {
            assert_eq!(fixture.trap(name, &args(name)), TrapCode::Interrupt, "{} {name}", mode.name);
        }
    }
}

/// Handles may outlive their store.
#[test]
fn handles_of_a_dead_store_do_nothing() {
    let fixture = endless(Mode::named("eager"), || {});
    let handle = fixture.store.interrupt_handle();
    drop(fixture);
    handle.interrupt();
    handle.clear();
}

/// With interrupts off, loops have no polls and calls still work.
#[test]
fn interrupts_can_be_compiled_out() {
    let mut config = Mode::named("eager").config();
    config.interrupts = false;
    let mut fixture = Fixture::with_config(
        config,
        "(module (func (export \"f\") (param i32) (result i32)
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0)))",
    );
    let func = fixture.func("f");
    assert_eq!(call(&mut fixture.store, func, &[Val::I32(1000)]).expect("a call"), [Val::I32(0)]);
}

/// A loop with more values than there are registers, entered behind a call of the host.
fn busy_loop() -> String {
    let (integers, floats) = (14, 14);
    let mut text = String::from(
        "(module (import \"\" \"disturb\" (func $disturb))
           (func (export \"run\") (param $n i32) (result i64 f64) (local $v v128)",
    );
    let mut steps = String::new();
    let (mut sum, mut float_sum) =
        (String::from("(i64.const 0)"), String::from("(f64x2.extract_lane 0 (local.get $v))"));
    for i in 0..integers {
        text += &format!("(local $i{i} i64)");
        steps += &format!(
            "(local.set $i{i} (i64.add (i64.mul (local.get $i{i}) (i64.const {})) (i64.extend_i32_u (local.get $n))))",
            2 * i + 3
        );
        sum = format!("(i64.xor (i64.rotl {sum} (i64.const 5)) (local.get $i{i}))");
    }
    for i in 0..floats {
        text += &format!("(local $f{i} f64)");
        steps += &format!(
            "(local.set $f{i} (f64.add (f64.mul (local.get $f{i}) (f64.const 0.5)) (f64.convert_i32_u (local.get $n))))"
        );
        float_sum = format!("(f64.add (f64.mul {float_sum} (f64.const 0.75)) (local.get $f{i}))");
    }
    steps += "(local.set $v (f64x2.add (local.get $v) (f64x2.splat (local.get $f3))))";
    text += &format!(
        "(call $disturb)
         (loop $l {steps} (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         {sum} {float_sum}))"
    );
    text
}

/// An interrupt that was taken back leaves the poll poisoned: the loop asks, is told to go on, and has lost nothing.
#[test]
fn loops_that_are_interrupted_for_nothing_keep_all_their_values() {
    for mode in MODES {
        let run = |disturb: bool| {
            let engine = Engine::new(mode.config()).expect("an engine");
            let cell = Arc::new(std::sync::Mutex::new(None::<InterruptHandle>));
            let seen = cell.clone();
            let mut fixture = Fixture::with_imports(&engine, &busy_loop(), |store| {
                let callback = Arc::new(move |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
                    if let Some(handle) = &*seen.lock().expect("no panic") {
                        handle.interrupt();
                        handle.clear();
                    }
                    Ok(())
                });
                vec![Extern::Func(host(store, callback))]
            });
            *cell.lock().expect("no panic") = disturb.then(|| fixture.store.interrupt_handle());
            [1, 2, 77].map(|n| fixture.call("run", &[Val::I32(n)]).expect("nobody interrupts"))
        };
        assert_eq!(format!("{:?}", run(true)), format!("{:?}", run(false)), "{}", mode.name);
    }
}

/// The host interrupts, and the loop behind its call finds out: the one frame is there, not at the function's start.
#[test]
fn backtraces_of_interrupted_loops_name_the_loop() {
    for mode in MODES {
        let cell = Arc::new(std::sync::Mutex::new(None::<InterruptHandle>));
        let seen = cell.clone();
        let mut fixture = endless(*mode, move || {
            if let Some(handle) = &*seen.lock().expect("no panic") {
                handle.interrupt();
            }
        });
        *cell.lock().expect("no panic") = Some(fixture.store.interrupt_handle());
        for (name, func) in [("loop", 1), ("counting", 2), ("nested", 3)] {
            let error = fixture.call(name, &[]).expect_err("interrupted");
            let Error::Trap(trap) = error else { panic!("{}: {error}", mode.name) };
            let [frame] = &*trap.frames else { panic!("{} {name}: {trap:?}", mode.name) };
            assert_eq!((trap.code, frame.func.0), (TrapCode::Interrupt, func), "{} {name}", mode.name);
            // Behind the number of locals and the call.
            assert!(frame.func_offset >= 3, "{} {name}: {trap:?}", mode.name);
        }
    }
}
