//! Calls through tables that never change reach the same functions as calls through tables that may: the optimising
//! tier compares the index instead of looking.

use std::sync::Arc;

use updraft::engine::Engine;
use updraft::error::Error;
use updraft::runtime::func::{Func, HostCallback};
use updraft::runtime::value::{Extern, Val};
use updraft::types::{FuncType, ValType};

use crate::common::{Fixture, MODES};

/// Elements: nothing, functions of several types, an import, one that traps, one that calls through the table itself.
/// `field` decides whether the table is one that never changes.
fn module(field: &str) -> String {
    format!(
        r#"(module
            (type $unary (func (param i32) (result i32)))
            (type $same (func (param i32) (result i32)))
            (type $many (func (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i64)))
            (type $nothing (func))
            (type $wide (func (param i64) (result i64)))
            (import "" "host" (func $host (type $same)))
            (table $t 9 funcref)
            (elem (table $t) (i32.const 1) func $double $many $host $fails $descend $wide1 $wide2)
            (func $double (type $unary) (i32.mul (local.get 0) (i32.const 2)))
            (func $fails (type $same) unreachable)
            (func $many (type $many)
                (local.get 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6)
                (i32.const 7) (i32.const 8) (i64.const 9))
            ;; Calls element 5, itself, one less deep, and element 1 at the bottom.
            (func $descend (type $unary)
                (i32.add (i32.const 1) (call_indirect $t (type $unary) (i32.sub (local.get 0) (i32.const 1))
                    (select (i32.const 1) (i32.const 5) (i32.eqz (local.get 0))))))
            (func $wide1 (type $wide) (i64.add (local.get 0) (i64.const 1)))
            (func $wide2 (type $wide) (i64.add (local.get 0) (i64.const 2)))
            (func (export "unary") (param i32 i32) (result i32)
                (i32.sub (i32.const 1000) (call_indirect $t (type $unary) (local.get 1) (local.get 0))))
            (func (export "tail") (param i32 i32) (result i32)
                (return_call_indirect $t (type $unary) (local.get 1) (local.get 0)))
            (func (export "many") (param i32 i32) (result i32)
                (call_indirect $t (type $many) (local.get 1) (local.get 0))
                drop drop drop i32.add i32.add i32.add i32.add i32.add i32.add)
            (func (export "nothing") (param i32 i32) (result i32)
                (call_indirect $t (type $nothing) (local.get 0)) (i32.const 0))
            (func (export "wide") (param i32 i32) (result i32)
                (i32.wrap_i64 (call_indirect $t (type $wide) (i64.extend_i32_u (local.get 1)) (local.get 0))))
            ;; The sum over a loop in which only some elements call on.
            (func $sum (export "sum") (param $index i32) (param $n i32) (result i32) (local $sum i32)
                (loop $again
                    (local.set $sum (i32.add (local.get $sum)
                        (call_indirect $t (type $unary) (local.get $n) (local.get $index))))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))
                (local.get $sum))
            {field})"#
    )
}

#[test]
fn calls_through_fixed_tables_are_calls_through_tables() {
    let [mut returned, mut trapped] = [0, 0];
    for mode in MODES {
        let [mut fixed, mut open] = ["", "(export \"t\" (table $t))"].map(|field| {
            let engine = Engine::new(mode.config()).expect("an engine");
            Fixture::with_imports(&engine, &module(field), |store| {
                let ty = FuncType::new([ValType::I32], [ValType::I32]);
                let host: HostCallback = Arc::new(|_, args, results| {
                    let [Val::I32(arg)] = *args else { unreachable!("one argument") };
                    results[0] = Val::I32(arg + 100);
                    Ok(())
                });
                vec![Extern::Func(Func::new(store, ty, host).expect("a function"))]
            })
        });
        for name in ["unary", "tail", "many", "nothing", "wide", "sum"] {
            for index in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -1, i32::MIN] {
                let args = [Val::I32(index), Val::I32(7)];
                let outcomes = [&mut fixed, &mut open].map(|fixture| match fixture.call(name, &args) {
                    Ok(results) => Ok(format!("{results:?}")),
                    Err(Error::Trap(trap)) => Err((trap.code, trap.frames.len())),
                    Err(error) => panic!("{}: {name}({index}): {error}", mode.name),
                });
                assert_eq!(outcomes[0], outcomes[1], "{}: {name}({index})", mode.name);
                *if outcomes[0].is_ok() { &mut returned } else { &mut trapped } += 1;
            }
        }
    }
    assert!(returned > 10 * MODES.len() && trapped > 40 * MODES.len(), "{returned}, {trapped}");
}
