//! Addresses are what the specification says, however they are put together: the optimising tier takes sums and shifts
//! apart where it can prove that they do not wrap.

use std::fmt::Write as _;

use updraft::error::Error;
use updraft::runtime::value::Val;
use updraft::trap::TrapCode;

use crate::common::{Fixture, MODES, Rng};

/// Functions per run, each of which is called in every mode.
const FUNCTIONS: usize = 300;
/// Bytes of the memory.
const LENGTH: u64 = 2 * 65536;

/// An operand of 32 bits.
enum Expr {
    Param,
    Constant(u32),
    /// The byte, or the two bytes, at an address that is in bounds.
    Narrow(u64, u32),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Select(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Box<Expr>),
}

impl Expr {
    fn random(rng: &mut Rng, depth: usize) -> Expr {
        let boxed = |rng: &mut Rng| Box::new(Expr::random(rng, depth - 1));
        let constant = |rng: &mut Rng| {
            let near = [0, 0x10000, 0x20000, 1 << 31, 1 << 24, 0xff][rng.below(6)];
            let small = [1, 2, 3, 4, 8, 0xff, 0xffff, 0x7fff, 24, 16, 31][rng.below(11)];
            if rng.below(3) == 0 { (near + rng.below(16) as u32).wrapping_sub(8) } else { small }
        };
        match if depth == 0 { rng.below(3) } else { rng.below(12) } {
            0 => Expr::Param,
            1 => Expr::Constant(constant(rng)),
            2 => Expr::Narrow(1 + rng.below(2) as u64, rng.below(LENGTH as usize - 1) as u32),
            3 => Expr::Select(boxed(rng), boxed(rng)),
            4 => Expr::Compare(boxed(rng), boxed(rng)),
            _ => {
                let ops = ["add", "add", "add", "shl", "shl", "and", "or", "xor", "mul", "shr_u", "sub"];
                let right = if rng.below(4) == 0 { boxed(rng) } else { Box::new(Expr::Constant(constant(rng))) };
                Expr::Binary(ops[rng.below(ops.len())], boxed(rng), right)
            }
        }
    }

    fn text(&self, out: &mut String) {
        let mut list = |head: &str, parts: &[&Expr], tail: &str| {
            let _ = write!(out, "({head}");
            for part in parts {
                out.push(' ');
                part.text(out);
            }
            let _ = write!(out, "{tail})");
        };
        match self {
            Expr::Param => list("local.get 0", &[], ""),
            Expr::Constant(value) => list(&format!("i32.const {}", *value as i32), &[], ""),
            Expr::Narrow(1, at) => list(&format!("i32.load8_u (i32.const {at})"), &[], ""),
            Expr::Narrow(_, at) => list(&format!("i32.load16_u (i32.const {at})"), &[], ""),
            Expr::Binary(op, left, right) => list(&format!("i32.{op}"), &[left, right], ""),
            Expr::Select(left, right) => list("select", &[left, right], " (local.get 0)"),
            Expr::Compare(left, right) => list("i32.lt_u", &[left, right], ""),
        }
    }

    fn value(&self, param: u32) -> u32 {
        match self {
            Expr::Param => param,
            Expr::Constant(value) => *value,
            Expr::Narrow(size, at) => u32::from(byte(*at)) | if *size == 2 { u32::from(byte(*at + 1)) << 8 } else { 0 },
            Expr::Select(left, right) => if param != 0 { left } else { right }.value(param),
            Expr::Compare(left, right) => u32::from(left.value(param) < right.value(param)),
            Expr::Binary(op, left, right) => {
                let (left, right) = (left.value(param), right.value(param));
                match *op {
                    "add" => left.wrapping_add(right),
                    "sub" => left.wrapping_sub(right),
                    "mul" => left.wrapping_mul(right),
                    "and" => left & right,
                    "or" => left | right,
                    "xor" => left ^ right,
                    "shl" => left.wrapping_shl(right),
                    _ => left.wrapping_shr(right),
                }
            }
        }
    }
}

/// What the memory holds.
fn byte(at: u32) -> u8 {
    (at.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

/// A load of four bytes at `index + offset`, or a store of which nothing is seen but whether it traps.
struct Access {
    index: Expr,
    offset: u32,
    is_store: bool,
}

impl Access {
    fn random(rng: &mut Rng) -> Access {
        let offset = [0, 0, 4, 0xfffc, 0x1fffc, 0x7fff_ffff, u32::MAX][rng.below(7)];
        let depth = 1 + rng.below(4);
        Access { index: Expr::random(rng, depth), offset, is_store: rng.below(8) == 0 }
    }

    fn text(&self, number: usize) -> String {
        let mut index = String::new();
        self.index.text(&mut index);
        let offset = self.offset;
        let body = match self.is_store {
            // What is there: the byte that is loaded does not trap if the store does not.
            true => format!("(i32.store8 offset={offset} {index} (i32.load8_u offset={offset} {index})) (i32.const 0)"),
            false => format!("(i32.load offset={offset} {index})"),
        };
        format!("(func (export \"{number}\") (param i32) (result i32) {body})\n")
    }

    fn expected(&self, param: u32) -> Option<u32> {
        let start = u64::from(self.index.value(param)) + u64::from(self.offset);
        let size = if self.is_store { 1 } else { 4 };
        let bytes = [0, 1, 2, 3].map(|i| byte((start + i) as u32));
        (start + size <= LENGTH).then(|| if self.is_store { 0 } else { u32::from_le_bytes(bytes) })
    }
}

#[test]
fn addresses_are_sums_that_wrap_before_the_offset_is_added() {
    let mut rng = Rng::new(0xadd5);
    let accesses: Vec<Access> = (0..FUNCTIONS).map(|_| Access::random(&mut rng)).collect();
    let mut text = "(module (memory 2)\n".to_owned();
    accesses.iter().enumerate().for_each(|(number, access)| text.push_str(&access.text(number)));
    // The memory fills itself: 0x9e3779b1 * at >> 24.
    text.push_str(
        "(func $start (local $at i32) (loop $again
           (i32.store8 (local.get $at) (i32.shr_u (i32.mul (local.get $at) (i32.const 0x9e3779b1)) (i32.const 24)))
           (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 131072)))))
         (start $start))",
    );
    let [mut loaded, mut trapped] = [0, 0];
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, &text);
        for (number, access) in accesses.iter().enumerate() {
            for param in [0, 1, 0x80, 0xffff, 0x1_ffff, 1 << 31, u32::MAX, rng.below(1 << 32) as u32] {
                let got = match fixture.call(&number.to_string(), &[Val::I32(param as i32)]) {
                    Ok(results) => Some(results),
                    Err(Error::Trap(trap)) if trap.code == TrapCode::MemoryOutOfBounds => None,
                    Err(error) => panic!("{error}"),
                };
                let expected = access.expected(param);
                let context = || format!("{}: {:#x}: {}", mode.name, param, access.text(number));
                assert_eq!(got, expected.map(|value| vec![Val::I32(value as i32)]), "{}", context());
                *if expected.is_some() { &mut loaded } else { &mut trapped } += 1;
            }
        }
    }
    let each = MODES.len() * FUNCTIONS;
    assert!(loaded > each && trapped > each, "{loaded}, {trapped}");
}
