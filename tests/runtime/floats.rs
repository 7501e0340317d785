//! WebAssembly has its own floating-point environment, whatever the host's is.

use std::arch::asm;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use updraft::engine::Engine;
use updraft::runtime::func::{Func, HostCallback};
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::FuncType;

use crate::common::{Fixture, MODES};

/// Flush to zero, subnormals are zero, round up, division by zero not masked.
const UNUSUAL: u32 = (1 << 15) | (1 << 6) | (2 << 13) | (0x1f80 & !(1 << 9));
/// What a host function sets while it runs: round down.
const OTHER: u32 = 0x1f80 | (1 << 13);
/// Without the sticky flags.
const CONTROL: u32 = 0xffc0;

fn environment() -> u32 {
    let mut value = 0u32;
    // SAFETY: stores the control word at a valid address.
    unsafe { asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack)) };
    value & CONTROL
}

fn set_environment(value: u32) {
    // SAFETY: the word has no reserved bits.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack)) };
}

/// What compilers compute ahead, they compute as WebAssembly does, whatever the environment of the host's thread that
/// they run on.
#[test]
fn constants_are_folded_in_the_environment_of_wasm() {
    let text = r#"(module (func (export "run") (result f32 f32 f32 f64)
        (f32.mul (f32.const 0x1p-126) (f32.const 0.5))
        (f32.add (f32.const 1) (f32.const 0x1p-30))
        (f32.div (f32.const 1) (f32.const 0))
        (f64.sub (f64.const 1) (f64.const 0x1p-60))))"#;
    for mode in MODES {
        let engine = Engine::new(mode.config()).unwrap();
        set_environment(UNUSUAL);
        let mut fixture = Fixture::with_imports(&engine, text, |_| Vec::new());
        let kept = environment();
        set_environment(0x1f80);
        assert_eq!(kept, UNUSUAL, "{}", mode.name);
        let results = fixture.call("run", &[]).unwrap();
        let expected = [
            Val::F32(0x0040_0000),
            Val::F32(1f32.to_bits()),
            Val::F32(f32::INFINITY.to_bits()),
            Val::F64(1f64.to_bits()),
        ];
        assert_eq!(results, expected, "{}", mode.name);
    }
}

/// Subnormals, rounding and divisions by zero are as specified; the host, and host functions, keep theirs.
#[test]
fn the_host_keeps_its_floating_point_environment_and_wasm_its_own() {
    let text = r#"(module
        (import "" "" (func $host))
        (func (export "run") (param f32 f32 f32) (result f32 f32 f32 f32)
            (f32.mul (local.get 0) (f32.const 0.5))
            (f32.add (f32.const 1) (local.get 1))
            (f32.div (f32.const 1) (local.get 2))
            (call $host)
            (f32.sub (f32.const 1) (local.get 1)))
        (func (export "trap") unreachable))"#;
    for mode in MODES {
        let seen = Arc::new(AtomicU32::new(0));
        let engine = Engine::new(mode.config()).unwrap();
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let seen = seen.clone();
            let host: HostCallback = Arc::new(move |_, _, _| {
                seen.store(environment(), Ordering::Relaxed);
                set_environment(OTHER);
                assert_eq!(environment(), OTHER);
                set_environment(UNUSUAL);
                Ok(())
            });
            vec![Extern::Func(Func::new(store, FuncType::new([], []), host).unwrap())]
        });
        let smallest = f32::from_bits(0x0080_0000);
        let args = [smallest, f32::EPSILON / 8.0, 0.0].map(|value| Val::F32(value.to_bits()));
        let usual = environment();
        set_environment(UNUSUAL);
        let results = fixture.call("run", &args);
        let after = environment();
        set_environment(UNUSUAL);
        let trap = fixture.trap("trap", &[]);
        let after_trap = environment();
        set_environment(usual);
        let expected = [0x0040_0000, 1f32.to_bits(), f32::INFINITY.to_bits(), 1f32.to_bits()].map(Val::F32);
        assert_eq!(results.unwrap(), expected, "{}", mode.name);
        assert_eq!(seen.load(Ordering::Relaxed), UNUSUAL, "{}: in the host function", mode.name);
        assert_eq!(after, UNUSUAL, "{}: after the call", mode.name);
        assert_eq!((trap, after_trap), (TrapCode::Unreachable, UNUSUAL), "{}: after a trap", mode.name);
    }
}
