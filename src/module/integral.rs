//! Small functions that compute with integers, and call only such functions: they run the same in any floating-point environment.
//!
//! Not here: what that is good for (`runtime/call.rs`).

use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::module::Module;
use crate::types::{DefinedFunc, FuncIndex};

/// Bytes of bodies that are looked at, the functions that are called included; what is larger pays for a look at the
/// environment in other ways.
const SMALL: usize = 1024;

/// Functions that are looked at.
const FEW: usize = 16;

/// Whether a function is surely one of them: it, and each function that it can reach, moves values, computes with
/// integers, and calls functions of its own module by their index. (Of one that nobody has validated, nothing is sure.)
pub(crate) fn is_integral(module: &Module, func: DefinedFunc) -> bool {
    let mut reached = vec![func];
    let (mut next, mut size) = (0, 0);
    while let Some(&func) = reached.get(next) {
        if !module.is_valid(func) {
            return false;
        }
        let body = module.bytes.known(module.body(func));
        (next, size) = (next + 1, size + body.len());
        if reached.len() > FEW || size > SMALL || !all_are_plain(module, body, &mut reached).unwrap_or(false) {
            return false;
        }
    }
    true
}

/// Whether all operators of a body are plain, or calls of functions of the module, which are added to `reached`.
fn all_are_plain(module: &Module, body: &[u8], reached: &mut Vec<DefinedFunc>) -> wasmparser::Result<bool> {
    let mut reader = FunctionBody::new(BinaryReader::new(body, 0)).get_operators_reader()?;
    while !reader.eof() {
        let opcode = body[reader.original_position() as usize];
        match reader.read()? {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                // An import may be anything.
                let Some(callee) = module.defined_func(FuncIndex(function_index)) else { return Ok(false) };
                if !reached.contains(&callee) {
                    reached.push(callee);
                }
            }
            _ if is_plain(opcode) => {}
            _ => return Ok(false),
        }
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

    /// The last of these functions; the first, `$f`, is imported.
    fn last_is_integral(functions: &str) -> bool {
        let text = format!(
            "(module (import \"\" \"f\" (func $f)) (memory 1) (table 1 funcref) (global $g (mut f64) (f64.const 0)) {functions})"
        );
        let module = load(text.as_bytes(), Features::ALL, 1).expect("a valid module");
        is_integral(&module, DefinedFunc(module.defined_func_count() as u32 - 1))
    }

    #[test]
    fn integers_and_moves_are_integral() {
        for function in [
            "(func)",
            "(func (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))",
            "(func (param f64) (result f64) (global.get $g) (global.set $g (local.get 0)))",
            "(func (param i32) (loop (br_if 0 (i32.store8 (i32.const 1) (i32.const 2)) (local.get 0))))",
            "(func (result i64) (i64.div_s (i64.load (i32.const 0)) (i64.const 0)))",
        ] {
            assert!(last_is_integral(function), "{function}");
        }
    }

    #[test]
    fn calls_of_integral_functions_are_integral() {
        for functions in [
            "(func $g) (func (call $g) (call $g))",
            "(func $g (return_call $h)) (func $h (call $h)) (func (call $g))",
            "(func $g (drop (f64.add (f64.const 1) (f64.const 2)))) (func $h)",
        ] {
            assert!(last_is_integral(functions), "{functions}");
        }
        let chain = |length: usize| -> String {
            (1..length)
                .map(|n| format!("(func $c{n} (call $c{}))", n - 1))
                .fold("(func $c0)".into(), |all, one| all + &one)
        };
        assert!(last_is_integral(&chain(FEW)));
        assert!(!last_is_integral(&chain(FEW + 1)));
    }

    /// Anything that rounds, or runs code that is not known, or is not known to do neither.
    #[test]
    fn floats_unknown_code_and_all_else_are_not() {
        let long = format!("(func {})", "(drop (i32.const 1))".repeat(SMALL / 3));
        let long_together =
            format!("(func $g {0}) (func $h {0}) (func (call $g) (call $h))", "(drop (i32.const 1))".repeat(SMALL / 5));
        for function in [
            "(func (result f32) (f32.add (f32.const 1) (f32.const 2)))",
            "(func (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))",
            "(func (param f64) (result i32) (f64.lt (local.get 0) (local.get 0)))",
            "(func (param f64) (result f32) (f32.demote_f64 (local.get 0)))",
            "(func (call $f))",
            "(func (call_indirect (i32.const 0)))",
            "(func (return_call $f))",
            "(func (return_call_indirect (i32.const 0)))",
            "(func $h (call $f)) (func $g (call $h)) (func (call $g))",
            "(func $g (drop (f64.sqrt (f64.const 2)))) (func (call $g))",
            "(func (drop (memory.grow (i32.const 1))))",
            "(func (memory.fill (i32.const 1) (i32.const 1) (i32.const 1)))",
            "(func (drop (f32x4.add (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0))))",
            &long,
            &long_together,
        ] {
            assert!(!last_is_integral(function), "{function}");
        }
    }
}
