//! Small functions that compute with integers and call nothing: they run the same in any floating-point environment.
//!
//! Not here: what that is good for (`runtime/call.rs`).

use wasmparser::{BinaryReader, FunctionBody};

use crate::module::Module;
use crate::types::DefinedFunc;

/// Bytes of a body that is looked at; longer functions pay for a switch of the environment in other ways.
const SMALL: usize = 256;

/// Whether a function is surely one of them. (Of one that nobody has validated, nothing is sure.)
pub(crate) fn is_integer_leaf(module: &Module, func: DefinedFunc) -> bool {
    if !module.is_valid(func) {
        return false;
    }
    let body = &module.bytes[module.body(func)];
    body.len() <= SMALL && all_are_plain(body).unwrap_or(false)
}

fn all_are_plain(body: &[u8]) -> wasmparser::Result<bool> {
    let mut reader = FunctionBody::new(BinaryReader::new(body, 0)).get_operators_reader()?;
    while !reader.eof() {
        if !is_plain(body[reader.original_position() as usize]) {
            return Ok(false);
        }
        reader.read()?;
    }
    Ok(true)
}

/// Whether an operator with this first byte moves values or computes with integers.
fn is_plain(opcode: u8) -> bool {
    match opcode {
        // unreachable, nop, block, loop, if, else, end, branches, return, drop, select
        0x00..=0x05 | 0x0b..=0x0f | 0x1a | 0x1b => true,
        // locals, globals, constants
        0x20..=0x24 | 0x41 | 0x42 => true,
        // loads and stores of integers, memory.size
        0x28 | 0x29 | 0x2c..=0x37 | 0x3a..=0x3f => true,
        // comparisons, arithmetic, i32.wrap_i64, i64.extend_i32_*, sign extensions
        0x45..=0x5a | 0x67..=0x8a | 0xa7 | 0xac | 0xad | 0xc0..=0xc4 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Features;
    use crate::module::decode::load;

    fn is_leaf(function: &str) -> bool {
        let text = format!(
            "(module (import \"\" \"f\" (func $f)) (memory 1) (table 1 funcref) (global $g (mut f64) (f64.const 0)) {function})"
        );
        let module = load(text.as_bytes(), Features::ALL, 1).expect("a valid module");
        is_integer_leaf(&module, DefinedFunc(0))
    }

    #[test]
    fn integers_and_moves_make_a_leaf() {
        for function in [
            "(func)",
            "(func (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))",
            "(func (param f64) (result f64) (global.get $g) (global.set $g (local.get 0)))",
            "(func (param i32) (loop (br_if 0 (i32.store8 (i32.const 1) (i32.const 2)) (local.get 0))))",
            "(func (result i64) (i64.div_s (i64.load (i32.const 0)) (i64.const 0)))",
        ] {
            assert!(is_leaf(function), "{function}");
        }
    }

    /// Anything that rounds, or runs other code, or is not known to do neither.
    #[test]
    fn floats_calls_and_all_else_do_not() {
        let long = format!("(func {})", "(drop (i32.const 1))".repeat(SMALL));
        for function in [
            "(func (result f32) (f32.add (f32.const 1) (f32.const 2)))",
            "(func (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))",
            "(func (param f64) (result i32) (f64.lt (local.get 0) (local.get 0)))",
            "(func (param f64) (result f32) (f32.demote_f64 (local.get 0)))",
            "(func (call $f))",
            "(func (call_indirect (i32.const 0)))",
            "(func (return_call $f))",
            "(func (drop (memory.grow (i32.const 1))))",
            "(func (memory.fill (i32.const 1) (i32.const 1) (i32.const 1)))",
            "(func (drop (f32x4.add (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0))))",
            &long,
        ] {
            assert!(!is_leaf(function), "{function}");
        }
    }
}
