//! Accesses that share a check: several offsets behind one index, in memories of every kind, with growth, calls and
//! branches between them. What is written before a trap stays written.

use std::fmt::Write as _;

use updraft::error::Error;
use updraft::runtime::value::Val;
use updraft::trap::TrapCode;

use crate::common::{Fixture, MODES, Rng};

/// Functions per kind of memory, each of which is called in every mode.
const FUNCTIONS: usize = 24;
const PAGE: usize = 65536;

/// A step of a function with the parameters `$a` and `$b`, which are indices.
enum Step {
    /// Adds what is at an index, of so many bytes.
    Load {
        index: char,
        offset: u64,
        wide: bool,
    },
    /// Stores a byte.
    Store {
        index: char,
        offset: u64,
        value: u8,
    },
    Grow,
    Call,
    /// A new value of an index: it has moved on by this much.
    Move {
        index: char,
        by: u64,
    },
    /// Steps that are run if the index is even.
    If(char, Vec<Step>),
}

fn random(rng: &mut Rng, depth: usize) -> Vec<Step> {
    let length = 2 + rng.below(8);
    let step = |rng: &mut Rng| {
        let index = ['a', 'b'][rng.below(2)];
        let offset = [0, 4, 8, 8, 16, 4080, 4095, 5000, PAGE as u64 - 4][rng.below(9)];
        match rng.below(if depth > 0 { 16 } else { 15 }) {
            0..7 => Step::Load { index, offset, wide: rng.below(2) == 0 },
            7..12 => Step::Store { index, offset, value: rng.below(256) as u8 },
            12 => Step::Grow,
            13 => Step::Call,
            14 => Step::Move { index, by: [1, 8, 4096][rng.below(3)] },
            _ => Step::If(index, random(rng, depth - 1)),
        }
    };
    (0..length).map(|_| step(rng)).collect()
}

/// `ty` is the index type.
fn text(steps: &[Step], ty: &str, out: &mut String) {
    for step in steps {
        let _ = match step {
            Step::Load { index, offset, wide: false } => writeln!(
                out,
                "(local.set $sum (i64.add (local.get $sum) (i64.load8_u offset={offset} (local.get ${index}))))"
            ),
            Step::Load { index, offset, wide: true } => {
                writeln!(
                    out,
                    "(local.set $sum (i64.add (local.get $sum) (i64.load offset={offset} (local.get ${index}))))"
                )
            }
            Step::Store { index, offset, value } => {
                writeln!(out, "(i64.store8 offset={offset} (local.get ${index}) (i64.const {value}))")
            }
            Step::Grow => writeln!(out, "(drop (memory.grow ({ty}.const 1)))"),
            Step::Call => writeln!(out, "(call $grow)"),
            Step::Move { index, by } => {
                writeln!(out, "(local.set ${index} ({ty}.add (local.get ${index}) ({ty}.const {by})))")
            }
            Step::If(index, steps) => {
                let _ = writeln!(out, "(if ({ty}.eqz ({ty}.and (local.get ${index}) ({ty}.const 1))) (then");
                text(steps, ty, out);
                writeln!(out, "))")
            }
        };
    }
}

/// The memory, the indices and the sum, as the specification has them.
struct State {
    memory: Vec<u8>,
    most: usize,
    indices: [u64; 2],
    sum: u64,
}

impl State {
    /// Runs the steps; None for a trap.
    fn run(&mut self, steps: &[Step], mask: u64) -> Option<()> {
        let number = |index: char| usize::from(index == 'b');
        for step in steps {
            match step {
                Step::Load { index, offset, wide } => {
                    let start = self.indices[number(*index)].checked_add(*offset)?;
                    let size = if *wide { 8 } else { 1 };
                    let bytes = self.memory.get(usize::try_from(start).ok()?..)?.get(..size)?;
                    let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
                    self.sum = self.sum.wrapping_add(value);
                }
                Step::Store { index, offset, value } => {
                    let start = self.indices[number(*index)].checked_add(*offset)?;
                    *self.memory.get_mut(usize::try_from(start).ok()?)? = *value;
                }
                Step::Grow | Step::Call => {
                    self.memory.resize((self.memory.len() + PAGE).min(self.most), 0);
                }
                Step::Move { index, by } => {
                    let index = &mut self.indices[number(*index)];
                    *index = index.wrapping_add(*by) & mask;
                }
                Step::If(index, steps) => {
                    if self.indices[number(*index)] & 1 == 0 {
                        self.run(steps, mask)?;
                    }
                }
            }
        }
        Some(())
    }
}

#[test]
fn accesses_that_share_a_check_trap_where_each_would() {
    let mut rng = Rng::new(0xc4ec);
    let [mut ran, mut trapped] = [0, 0];
    // Memories that may be shorter than the offsets, and ones that may not.
    for (ty, memory, first) in [
        ("i32", "(memory (export \"m\") 0 4)", 0),
        ("i32", "(memory (export \"m\") 1 4)", 1),
        ("i64", "(memory (export \"m\") i64 1 4)", 1),
        ("i32", "(memory (export \"m\") 1 4 shared)", 1),
    ] {
        for _ in 0..FUNCTIONS {
            let steps = random(&mut rng, 2);
            let mut body = String::new();
            text(&steps, ty, &mut body);
            // Reads all of the memory afterwards: the sum of its bytes, each times its place.
            let module = format!(
                "(module {memory} (global $sum (mut i64) (i64.const 0))
                    (func $grow (drop (memory.grow ({ty}.const 1))))
                    (func (export \"run\") (param $a {ty}) (param $b {ty}) (result i64) (local $sum i64)
                        {body} (local.get $sum))
                    (func (export \"digest\") (result i64) (local $at i64) (local $sum i64)
                        (block $done (loop $again
                            (br_if $done (i64.ge_u (local.get $at)
                                (i64.mul (i64.const 65536) ({extend} (memory.size)))))
                            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31))
                                (i64.load8_u ({wrap} (local.get $at)))))
                            (local.set $at (i64.add (local.get $at) (i64.const 1)))
                            (br $again)))
                        (local.get $sum)))",
                extend = if ty == "i32" { "i64.extend_i32_u" } else { "" },
                wrap = if ty == "i32" { "i32.wrap_i64" } else { "" },
            )
            .replace("( (memory.size))", "(memory.size)")
            .replace("( (local.get $at))", "(local.get $at)");
            let mask = if ty == "i32" { u64::from(u32::MAX) } else { u64::MAX };
            let ends = [0, 8, 60_000, 65_528, 65_535, 2 * 65_536 - 9, (u64::MAX - 7) & mask, 1 << 31];
            let pairs: [[u64; 2]; 4] = std::array::from_fn(|_| [0, 0].map(|_: u64| ends[rng.below(ends.len())]));
            for mode in MODES {
                let mut fixture = Fixture::new(*mode, &module);
                let memory = vec![0; first * PAGE];
                let mut state = State { memory, most: 4 * PAGE, indices: [0; 2], sum: 0 };
                for pair in pairs {
                    (state.indices, state.sum) = (pair, 0);
                    let expected = state.run(&steps, mask).map(|()| vec![Val::I64(state.sum as i64)]);
                    let value = |index: u64| if ty == "i32" { Val::I32(index as i32) } else { Val::I64(index as i64) };
                    let got = match fixture.call("run", &pair.map(value)) {
                        Ok(results) => Some(results),
                        Err(Error::Trap(trap)) if trap.code == TrapCode::MemoryOutOfBounds => None,
                        Err(error) => panic!("{error}"),
                    };
                    assert_eq!(got, expected, "{}: {pair:x?}: {module}", mode.name);
                    *if got.is_some() { &mut ran } else { &mut trapped } += 1;
                }
                let digest =
                    state.memory.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
                let got = fixture.call("digest", &[]).expect("it does not trap");
                assert_eq!(got, [Val::I64(digest as i64)], "{}: {pairs:x?}: {module}", mode.name);
            }
        }
    }
    let each = MODES.len() * FUNCTIONS;
    assert!(ran > each && trapped > each, "{ran}, {trapped}");
}
