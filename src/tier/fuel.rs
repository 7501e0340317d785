//! Fuel: what operators cost, the same for all compilers.
//!
//! In: a valid body and an offset in it. Out: the cost of the run of operators that begins there.
//!
//! # The rule
//!
//! Each operator that is executed takes one unit, but for `unreachable`, `nop`, `block`, `loop`, `else`, `end`,
//! `return` and `drop`, which are free. A bulk operator takes more, by its length ([`Size`]).
//!
//! Units are taken from the store a *run* of operators at a time, before the first of them. A run ends behind a
//! branch, an `if`, a call and `unreachable`, and in front of `loop`, `else` and `end`: control enters a run only at
//! its start, and leaves it before its end only by a trap. If the store has less left than the run takes, the run
//! traps before it does anything. So what was taken is known exactly in a host function, where a call returns, and
//! after a trap: it is the sum over the runs that were begun.
//!
//! All of this is a matter of the body alone. It therefore does not depend on who compiles it, what is inlined into
//! what, or where code of one tier goes on with what another began: at a call, or at the header of a loop, where a run
//! begins too.
//!
//! Not here: the code that takes (`baseline/fuel.rs`, `top/translate/fuel.rs`).

use super::baseline::decode::skip_operator;
use crate::abi::builtin::Builtin;
use crate::config::Config;

/// Whether code takes fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metering {
    Off,
    On,
}

impl Metering {
    /// What the configuration asks for.
    pub(crate) fn of(config: &Config) -> Metering {
        if config.fuel { Metering::On } else { Metering::Off }
    }
}

/// What the length of a bulk operator counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Bytes of a memory: 64 of them take a unit, what is left over is free.
    Bytes,
    /// Elements of a table: 8 of them take a unit, what is left over is free.
    Elements,
}

impl Size {
    /// What the length of the operator counts that this helper does.
    pub(crate) fn of(builtin: Builtin) -> Size {
        match builtin {
            Builtin::table_copy | Builtin::table_fill | Builtin::table_init => Size::Elements,
            _ => Size::Bytes,
        }
    }

    /// The number of units is the length, shifted by so many bits: below 2^58, whatever the guest says.
    pub(crate) fn shift(self) -> u8 {
        match self {
            Size::Bytes => 6,
            Size::Elements => 3,
        }
    }
}

/// A run of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where the first operator starts that is not free.
    pub(crate) start: usize,
    /// What it takes: at least 1, and at most the number of bytes of a body.
    pub(crate) cost: u32,
}

const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BR: u8 = 0x0c;
const BR_IF: u8 = 0x0d;
const BR_TABLE: u8 = 0x0e;
const RETURN: u8 = 0x0f;
const CALL: u8 = 0x10;
const RETURN_CALL_INDIRECT: u8 = 0x13;
const DROP: u8 = 0x1a;

/// Whether an operator takes nothing.
pub(crate) fn is_free(opcode: u8) -> bool {
    matches!(opcode, UNREACHABLE | NOP | BLOCK | LOOP | ELSE | END | RETURN | DROP)
}

/// Whether a run ends in front of this operator.
fn ends_before(opcode: u8) -> bool {
    matches!(opcode, LOOP | ELSE | END)
}

/// Whether a run ends behind this operator.
fn ends_behind(opcode: u8) -> bool {
    matches!(opcode, UNREACHABLE | IF | BR | BR_IF | BR_TABLE | RETURN | CALL..=RETURN_CALL_INDIRECT)
}

/// Whether what follows this operator, or is entered by it, begins a run.
pub(crate) fn is_border(opcode: u8) -> bool {
    ends_before(opcode) || ends_behind(opcode)
}

/// The run that begins at `at` in a valid body; `None` if it takes nothing.
pub(crate) fn run(code: &[u8], mut at: usize) -> Option<Run> {
    let (mut start, mut cost) = (None, 0);
    while let Some(&opcode) = code.get(at).filter(|opcode| !ends_before(**opcode)) {
        if !is_free(opcode) {
            start.get_or_insert(at);
            cost += 1;
        }
        if ends_behind(opcode) {
            break;
        }
        skip_operator(code, &mut at);
    }
    start.map(|start| Run { start, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs of a function's body that has no locals, each begun where the one before it ended.
    fn runs(text: &str) -> Vec<u32> {
        let bytes = wat::parse_str(format!("(module (memory 1) (func $f {text}))")).unwrap();
        let module = crate::module::decode::load(&bytes, crate::module::Features::ALL, 1).unwrap();
        let code = &module.bytes()[module.body(crate::types::DefinedFunc(0))][1..];
        let (mut at, mut found, mut border) = (0, Vec::new(), true);
        while at < code.len() {
            if border {
                found.push(run(code, at).map_or(0, |run| run.cost));
            }
            border = is_border(code[at]);
            skip_operator(code, &mut at);
        }
        found
    }

    #[test]
    fn runs_end_where_control_may_go_elsewhere() {
        // Where the `if` begins, in each arm, behind it.
        assert_eq!(runs("(if (i32.const 1) (then nop (drop (i32.const 1))) (else (call $f)))"), [2, 1, 1, 0, 0]);
        // Before the loop, in it, behind the branch, behind the loop.
        assert_eq!(runs("(drop (i32.const 1)) (loop (br_if 0 (i32.const 0))) (drop (i32.const 2))"), [1, 2, 0, 1]);
        assert_eq!(runs("(block (br_table 0 0 (i32.const 1)))"), [2, 0, 0]);
    }

    /// The operators with the longest immediates, which a scan could stumble over.
    #[test]
    fn immediates_are_not_taken_for_operators() {
        let cost = |text: &str| runs(text)[0];
        assert_eq!(cost("(drop (i64.const -0x7475f4f4f4f4f4f5))"), 1);
        assert_eq!(cost("(drop (f64.const nan:0x0b0b0b0b0b0b0))"), 1);
        assert_eq!(cost("(drop (v128.const i32x4 0x0b0b0b0b 0x0b0b0b0b 0x0b0b0b0b 0x0b0b0b0b))"), 1);
        assert_eq!(
            cost(
                "(v128.store offset=11 (i32.const 11) (v128.load8_lane offset=11 11 (i32.const 11) (v128.const i64x2 1 1)))"
            ),
            5
        );
        assert_eq!(cost("(memory.fill (i32.const 11) (i32.const 11) (i32.const 11))"), 4);
        assert_eq!(cost("(drop (select (result i32) (i32.const 11) (i32.const 11) (i32.const 11)))"), 4);
        assert_eq!(cost("atomic.fence (drop (i32.const 11))"), 2);
    }
}
