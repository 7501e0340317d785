//! Every operator that gives 32 bits, before everything that uses 32 bits as 64: addresses, lengths, indices of
//! tables, keys of branch tables, conversions. The operands come from registers whose upper half is garbage.

use std::fmt::Write as _;

use updraft::runtime::value::Val;
use updraft::types::ValType;

use crate::common::Rng;
use crate::operators::{Case, Operator};
use crate::values::{boundaries, random};

/// Calls of each use.
const CALLS: usize = 16;

/// What is done with the operator's result, which stands where the `@` is.
const USES: &[(&str, &str, &str)] = &[
    ("load", "i32", "(i32.load8_u (@))"),
    ("load-far", "i64", "(i64.load16_s offset=40000 (@))"),
    ("load-vector", "i64", "(i64x2.extract_lane 1 (v128.load offset=8 (@)))"),
    ("load-64", "i32", "(i32.load8_u $wide (i64.extend_i32_u (@)))"),
    ("store", "i32", "(i32.store8 offset=3 (@) (i32.const 77)) (i32.const 1)"),
    (
        "store-it",
        "i64",
        "(i64.store (i32.const 64) (i64.const -1)) (i32.store (i32.const 64) (@)) (i64.load (i32.const 64))",
    ),
    ("fill", "i32", "(memory.fill (@) (i32.const 5) (i32.const 9)) (i32.const 1)"),
    ("fill-length", "i32", "(memory.fill (i32.const 100) (i32.const 5) (@)) (i32.const 1)"),
    ("copy", "i32", "(memory.copy (i32.const 7) (@) (i32.const 20)) (i32.const 1)"),
    ("init", "i32", "(memory.init $d (i32.const 7) (@) (i32.const 2)) (i32.const 1)"),
    ("call", "i32", "(call_indirect (type $t) (i32.const 5) (@))"),
    ("table-get", "i32", "(ref.is_null (table.get $table (@)))"),
    ("table-set", "i32", "(table.set $table (@) (ref.null func)) (i32.const 1)"),
    ("grow", "i32", "(table.grow $table (ref.null func) (i32.and (@) (i32.const 1)))"),
    (
        "branch",
        "i32",
        "(block (block (block (br_table 0 1 2 1 (@))) (return (i32.const 10))) (return (i32.const 11))) (i32.const 12)",
    ),
    ("unsigned", "i64", "(i64.extend_i32_u (@))"),
    ("signed", "i64", "(i64.extend_i32_s (@))"),
    ("double", "f64", "(f64.convert_i32_u (@))"),
    ("single", "f32", "(f32.convert_i32_s (@))"),
    ("shift", "i64", "(i64.shl (i64.const 0x123456789) (i64.extend_i32_u (@)))"),
    ("local", "i32", "(local.set $x (@)) (i32.load8_u (local.get $x))"),
    ("tee", "i64", "(i64.add (i64.extend_i32_u (local.tee $x (@))) (i64.extend_i32_u (local.get $x)))"),
    ("block", "i32", "(i32.load8_u (block (result i32) (@)))"),
    ("select", "i64", "(i64.extend_i32_u (select (@) (i32.const 3) (i32.const 1)))"),
    ("if", "i64", "(i64.extend_i32_u (if (result i32) (i32.const 1) (then (@)) (else (i32.const 3))))"),
    ("result", "i32", "(i32.load8_u (call $same (@)))"),
    ("global", "i32", "(global.set $g (@)) (i32.load8_u (global.get $g))"),
    (
        "loop",
        "i32",
        "(local.set $n (i32.const 3)) (loop $again (local.set $x (@)) \
         (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $x)))) \
         (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (local.get $s)",
    ),
];

/// The operators that are looked at: those with one result of 32 bits.
pub fn is_one(op: &Operator) -> bool {
    op.results == [ValType::I32] && op.values.is_none()
}

/// A module with the operator before all uses, and calls of it.
pub fn module(op: &Operator, rng: &mut Rng) -> (String, Vec<Case>) {
    let mut text = String::from(
        "(module (memory (export \"memory\") 1) (memory $wide i64 1) (data $d \"some bytes\")\n\
         (type $t (func (param i32) (result i32))) (global $g (export \"g\") (mut i32) (i32.const 0))\n\
         (table $table (export \"table\") 8 20 funcref) (elem (i32.const 0) $same $next $same)\n\
         (func $same (type $t) (local.get 0)) (func $next (type $t) (i32.add (local.get 0) (i32.const 1)))\n",
    );
    let mut cases = Vec::new();
    for (name, result, template) in USES {
        let _ = write!(text, "(func (export \"{name}\") (param");
        let wide = |ty: ValType| if ty == ValType::I32 { ValType::I64 } else { ty };
        for ty in &op.params {
            let _ = write!(text, " {}", wide(*ty));
        }
        let _ = writeln!(text, ") (result {result}) (local $x i32) (local $n i32) (local $s i32)");
        let mut operands = String::new();
        for (position, ty) in op.params.iter().enumerate() {
            let _ = match ty {
                ValType::I32 => write!(operands, " (i32.wrap_i64 (local.get {position}))"),
                _ => write!(operands, " (local.get {position})"),
            };
        }
        let _ = writeln!(text, "{})", template.replace('@', &format!("{}{operands}", op.text)));
        for _ in 0..CALLS {
            let args = op.params.iter().map(|ty| {
                let value = if rng.below(3) == 0 { random(*ty, rng) } else { *rng.pick(&boundaries(*ty)) };
                match value {
                    Val::I32(value) => Val::I64((rng.next() << 32) as i64 | value as u32 as i64),
                    value => value,
                }
            });
            cases.push(Case { export: (*name).to_owned(), args: args.collect() });
        }
    }
    text.push(')');
    (text, cases)
}
