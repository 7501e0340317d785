//! Depth: what runs out of stack traps, on any thread, and never crashes.

use std::sync::{Arc, Mutex};

use updraft::config::Tiers;
use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::runtime::func::{Func, HostCallback};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::FuncType;

use crate::common::{Fixture, MODES, Mode, call, compile, exported_func};

/// Recursions with small, large and no frames of their own, and through tables.
const RECURSIONS: &str = "(module
  (type $i (func (param i32) (result i32)))
  (table 4 funcref) (elem (i32.const 0) $indirect)
  (func $small (export \"small\") (param i32) (result i32) (i32.add (i32.const 1) (call $small (local.get 0))))
  (func $indirect (export \"indirect\") (param i32) (result i32)
    (i32.add (i32.const 1) (call_indirect (type $i) (local.get 0) (i32.const 0))))
  (func $vectors (export \"vectors\") (param i32) (result i32) (local v128 v128 v128 v128 v128 v128 v128 v128)
    (local.set 1 (i32x4.splat (call $vectors (local.get 0))))
    (local.set 2 (i32x4.splat (call $vectors (local.get 0))))
    (local.set 3 (i32x4.splat (call $vectors (local.get 0))))
    (local.set 4 (i32x4.splat (call $vectors (local.get 0))))
    (i32x4.extract_lane 0 (i32x4.add (i32x4.add (local.get 1) (local.get 2)) (i32x4.add (local.get 3) (local.get 4)))))
  (func $work (export \"work\") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func $bounded (export \"bounded\") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $bounded (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))";

fn overflow_everywhere(fixture: &mut Fixture, mode: Mode) {
    for name in ["small", "indirect", "vectors"] {
        for _ in 0..3 {
            assert_eq!(fixture.trap(name, &[Val::I32(0)]), TrapCode::StackOverflow, "{} {name}", mode.name);
        }
    }
    let results = fixture.call("work", &[Val::I32(5)]).expect("a working call");
    assert_eq!(results, [Val::I32(15)], "{}", mode.name);
}

#[test]
fn endless_recursion_traps_and_leaves_all_usable() {
    for mode in MODES {
        overflow_everywhere(&mut Fixture::new(*mode, RECURSIONS), *mode);
    }
}

/// A frame of megabytes must be checked as a whole, not only where it begins.
#[test]
fn huge_frames_are_checked() {
    // Every local is live across the call, which cannot be inlined.
    let locals = 12_000;
    let mut body = String::new();
    for i in 0..locals {
        body.push_str(&format!("(local.set {i} (call_indirect (type $v) (i64.const {i}) (i32.const 0)))\n"));
    }
    for i in 0..locals {
        body.push_str(&format!("(global.set $sum (i64.add (global.get $sum) (local.get {i})))\n"));
    }
    let text = format!(
        "(module (global $sum (mut i64) (i64.const 0)) (func $value (type $v) (local.get 0))
           (type $v (func (param i64) (result i64))) (table (export \"t\") funcref (elem $value))
           (func $huge (local {}) {body})
           (func $down (export \"down\") (param i32)
             (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))) (call $nothing))
               (else (call $huge))))
           (func $nothing)
           (func $plain (export \"plain\") (param i32)
             (if (local.get 0) (then (call $plain (i32.sub (local.get 0) (i32.const 1))) (call $nothing)))))",
        "i64 ".repeat(locals)
    );
    let mode = Mode::named("eager");
    let mut config = mode.config();
    config.max_stack = 256 << 10;
    let mut fixture = Fixture::with_config(config, &text);
    let (with, without) = (deepest(&mut fixture, "down"), deepest(&mut fixture, "plain"));
    // The frame takes 96,000 bytes of the 256 KiB.
    assert!(with > 0 && with * 3 < without * 2, "{with} levels above the huge frame, {without} without");
}

/// The greatest argument with which an export does not overflow.
fn deepest(fixture: &mut Fixture, name: &str) -> i32 {
    let (mut good, mut bad) = (0, 10_000_000);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match fixture.call(name, &[Val::I32(middle)]) {
            Ok(_) => good = middle,
            Err(Error::Trap(trap)) if trap.code == TrapCode::StackOverflow => bad = middle,
            Err(error) => panic!("{name} {middle}: {error}"),
        }
    }
    good
}

/// Runs `body` on a new thread whose whole stack has this size, as a foreign runtime might make it.
pub(crate) fn on_small_stack(size: usize, body: impl FnOnce() + Send) {
    type Body<'a> = Box<dyn FnOnce() + Send + 'a>;
    extern "C" fn start(body: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: `body` is the box that was leaked below, and comes here once.
        let body = unsafe { Box::from_raw(body.cast::<Body<'_>>()) };
        // A panic must not leave this function; it is seen as a result that is not null.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(*body));
        if outcome.is_ok() { std::ptr::null_mut() } else { std::ptr::dangling_mut() }
    }
    let body: Box<Body<'_>> = Box::new(Box::new(body));
    let mut result = std::ptr::null_mut();
    // SAFETY: the attributes are initialised before they are used, and the thread is joined before what
    // `body` borrows can go.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        assert_eq!(libc::pthread_attr_setstacksize(&mut attributes, size), 0);
        let mut thread = 0;
        let body = Box::into_raw(body).cast();
        assert_eq!(libc::pthread_create(&mut thread, &attributes, start, body), 0);
        assert_eq!(libc::pthread_join(thread, &mut result), 0);
        libc::pthread_attr_destroy(&mut attributes);
    }
    assert!(result.is_null(), "the thread panicked");
}

/// A thread with less stack than the engine's limit gets a limit of its own.
#[test]
fn a_foreign_thread_with_64_kib_of_stack_gets_traps() {
    for mode in MODES {
        let fixture = Mutex::new(Fixture::new(*mode, RECURSIONS));
        on_small_stack(64 << 10, || {
            let mut fixture = fixture.lock().expect("no other user");
            overflow_everywhere(&mut fixture, *mode);
        });
    }
}

/// Compilers recurse on deep expressions, and a host may compile anywhere.
#[test]
fn modules_are_compiled_and_instantiated_on_64_kib_of_stack() {
    let depth = 5_000;
    let text = format!(
        "(module (func (export \"deep\") (param i64) (result i64) {} (local.get 0) {}))",
        "(local.get 0) ".repeat(depth),
        "(i64.add) (i64.xor)".repeat(depth / 2)
    );
    let wasm = wat::parse_str(&text).expect("valid text");
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        on_small_stack(64 << 10, || {
            let module = CompiledModule::new(&engine, &wasm).expect("a module");
            let mut store = crate::common::store(&engine).expect("a store");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let func = exported_func(&mut store, instance, "deep");
            match call(&mut store, func, &[Val::I64(3)]) {
                Ok(_) => {}
                // A frame of the baseline tier has a home for each of the operands: too much for this stack.
                Err(Error::Trap(trap)) if mode.config().tiers != Tiers::Top => {
                    assert_eq!(trap.code, TrapCode::StackOverflow);
                }
                Err(error) => panic!("{}: {error}", mode.name),
            }
        });
    }
}

/// The engine's headroom keeps lazy compilation out of the guest's stack.
#[test]
fn a_function_is_compiled_just_below_the_stack_limit() {
    let text = "(module
      (global $depth (export \"depth\") (mut i32) (i32.const 0))
      (func $probe (export \"probe\")
        (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $probe) (call $nothing))
      (func $nothing)
      (func $late (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func $down (export \"down\") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))
          (else (call $late (i32.const 41))))))";
    for mode in [Mode::named("lazy"), Mode::named("moving")] {
        let engine = Engine::new(mode.config()).expect("an engine");
        // One more than works, so that the first attempts overflow.
        let deepest = deepest(&mut Fixture::with_engine(&engine, text), "down") + 2;
        let mut outcomes = [0, 0];
        for back in (0..40).chain([deepest / 2, deepest]) {
            // A new module each time: what is compiled stays compiled.
            let mut fixture = Fixture::with_engine(&engine, text);
            match fixture.call("down", &[Val::I32(deepest - back)]) {
                Ok(values) => {
                    assert_eq!(values, [Val::I32(42)]);
                    outcomes[0] += 1;
                }
                Err(Error::Trap(trap)) if trap.code == TrapCode::StackOverflow => outcomes[1] += 1,
                Err(error) => panic!("{}: {error}", mode.name),
            }
        }
        assert!(outcomes[0] > 2 && outcomes[1] > 0, "{}: {outcomes:?}", mode.name);
    }
}

/// The limit is the engine's, not the thread's, when the thread has more.
#[test]
fn the_configured_stack_bounds_depth() {
    let depth = |max_stack| {
        let mut config = Mode::named("eager").config();
        config.max_stack = max_stack;
        let mut fixture = Fixture::with_config(config, RECURSIONS);
        deepest(&mut fixture, "bounded")
    };
    let (small, large) = std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || (depth(128 << 10), depth(1 << 20)))
        .expect("a thread")
        .join()
        .expect("no panic");
    assert!(large > small * 4, "{small} levels in 128 KiB, {large} in 1 MiB");
}

/// Tail calls need no stack, whatever they call.
#[test]
fn tail_calls_run_for_ever_in_constant_stack() {
    let text = "(module
      (type $f (func (param i32 i64) (result i64)))
      (table 2 funcref) (elem (i32.const 0) $even $odd)
      (func $even (export \"even\") (param i32 i64) (result i64)
        (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
        (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))))
      (func $odd (param i32 i64) (result i64)
        (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
        (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (i32.const 0))))";
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, text);
        let results = fixture.call("even", &[Val::I32(3_000_000), Val::I64(0)]).expect("no overflow");
        assert_eq!(results, [Val::I64(1_500_000)], "{}", mode.name);
    }
}

/// Tail calls across instances, too, and with more parameters than registers.
#[test]
fn tail_calls_cross_instances() {
    let callee = "(module (global $g i32 (i32.const 7))
      (func (export \"f\") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32 i64 i32 i64)
        (local.get 0) (i64.sub (local.get 1) (local.get 11)) (global.get $g) (local.get 10)))";
    let caller = "(module (import \"\" \"f\" (func $f (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i32 i64 i32 i64)))
      (func (export \"g\") (param i32) (result i32 i64 i32 i64)
        (return_call $f (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
          (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11))))";
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let callee: CompiledModule = compile(&engine, callee);
        let caller = compile(&engine, caller);
        let mut store = crate::common::store(&engine).expect("a store");
        let callee = Instance::new(&mut store, &callee, &[]).expect("an instance");
        let f = exported_func(&mut store, callee, "f");
        let caller = Instance::new(&mut store, &caller, &[Extern::Func(f)]).expect("an instance");
        let g = exported_func(&mut store, caller, "g");
        let results = call(&mut store, g, &[Val::I32(99)]).expect("a call");
        assert_eq!(results, [Val::I32(99), Val::I64(-10), Val::I32(7), Val::I64(10)], "{}", mode.name);
    }
}

/// A call that is refused before it starts, on another stack, leaves the limit of the call around it alone.
#[test]
fn a_refused_call_on_another_stack_keeps_the_limit() {
    let text = "(module (import \"\" \"host\" (func $host))
      (global $depth (export \"depth\") (mut i32) (i32.const 0))
      (func (export \"nothing\"))
      (func $endless (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $endless) (call $host))
      (func (export \"plain\") (call $endless))
      (func (export \"nested\") (call $host) (call $endless)))";
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let nothing: Arc<Mutex<Option<Func>>> = Arc::default();
    let nested = nothing.clone();
    let callback: HostCallback = Arc::new(move |caller, _, _| {
        let nothing = nested.lock().expect("no other user").expect("set before the first call");
        let store = caller.store();
        store.interrupt_handle().interrupt();
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| nothing.call(store, &[], &mut [])).join().expect("no panic");
            assert!(matches!(refused, Err(Error::Trap(trap)) if trap.code == TrapCode::Interrupt));
        });
        Ok(())
    });
    let mut fixture = Fixture::with_imports(&engine, text, |store| {
        vec![Extern::Func(Func::new(store, FuncType::new([], []), callback).expect("a function"))]
    });
    *nothing.lock().expect("no other user") = Some(fixture.func("nothing"));
    let Some(Extern::Global(depth)) = fixture.instance.export(&mut fixture.store, "depth").expect("an instance") else {
        panic!("depth is a global");
    };
    let mut levels = |name: &str| {
        depth.set(&mut fixture.store, Val::I32(0)).expect("a mutable global");
        assert_eq!(fixture.trap(name, &[]), TrapCode::StackOverflow, "{name}");
        let Val::I32(levels) = depth.get(&mut fixture.store).expect("a global") else { panic!("an i32") };
        levels
    };
    let (plain, nested) = (levels("plain"), levels("nested"));
    assert!(plain - nested < 100 && nested - plain < 100, "{plain} levels, {nested} after a refused call");
}

/// Stacks of the host's own, as coroutines have them: one that lies above the other may call in between, and
/// the call on the other one can still trap.
#[test]
fn calls_on_two_coroutines_nest() {
    const STACK: usize = 4 << 20;
    type Task = Box<dyn FnMut()>;
    /// Runs `task` on the stack, and comes back.
    fn on_stack(stack: &mut [u8], mut task: Task) {
        extern "C" fn start(task: *mut Task) {
            // SAFETY: points to the task of the suspended `on_stack`.
            unsafe { (*task)() }
        }
        // SAFETY: the contexts are initialised before they are used, and outlive their use: `start` returns to
        // `back`. The pointer goes through the integer registers, as `makecontext` passes its arguments.
        unsafe {
            let (mut there, mut back): (libc::ucontext_t, libc::ucontext_t) = std::mem::zeroed();
            assert_eq!(libc::getcontext(&mut there), 0);
            there.uc_stack.ss_sp = stack.as_mut_ptr().cast();
            there.uc_stack.ss_size = stack.len();
            there.uc_link = &mut back;
            let start = std::mem::transmute::<extern "C" fn(*mut Task), extern "C" fn()>(start);
            libc::makecontext(&mut there, start, 1, &raw mut task);
            assert_eq!(libc::swapcontext(&mut back, &there), 0);
        }
    }
    let text = "(module (import \"\" \"host\" (func $host))
      (func (export \"quiet\")) (func (export \"trap\") unreachable)
      (func (export \"outer\") (call $host) unreachable))";
    for (mode, inner) in MODES.iter().flat_map(|mode| [(mode, "quiet"), (mode, "trap")]) {
        let stacks: &'static mut [u8] = vec![0; 2 * STACK].leak();
        let (outer_stack, inner_stack) = stacks.split_at_mut(STACK);
        let stack = Mutex::new(Some(inner_stack));
        let funcs: Arc<Mutex<Option<Func>>> = Arc::default();
        let inner_func = funcs.clone();
        let callback: HostCallback = Arc::new(move |caller, _, _| {
            let func = inner_func.lock().expect("no other user").expect("set before the first call");
            let store: *mut Store = caller.store();
            let stack = stack.lock().expect("no other user").take().expect("called once");
            let outcome = std::rc::Rc::new(std::cell::Cell::new(None));
            let result = outcome.clone();
            // SAFETY: the store outlives the callback, which does not use it meanwhile.
            on_stack(stack, Box::new(move || result.set(Some(unsafe { func.call(&mut *store, &[], &mut []) }))));
            let trapped = outcome.take().expect("the call was made").is_err();
            assert_eq!(trapped, inner == "trap");
            Ok(())
        });
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            vec![Extern::Func(Func::new(store, FuncType::new([], []), callback).expect("a function"))]
        });
        *funcs.lock().expect("no other user") = Some(fixture.func(inner));
        let (codes, seen) = std::sync::mpsc::channel();
        on_stack(outer_stack, Box::new(move || codes.send(fixture.trap("outer", &[])).expect("a receiver")));
        assert_eq!(seen.recv(), Ok(TrapCode::Unreachable), "{} {inner}", mode.name);
    }
}
