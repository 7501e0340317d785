//! Every operator on its own, in every way that its operands can come: parameters, constants, memory, the
//! same value twice, and its result used as a condition.
//!
//! In: [`TABLE`]. Out: modules for both engines, called with boundary values and seeded ones.

use std::fmt::Write as _;

use updraft::runtime::value::Val;
use updraft::types::ValType;

use crate::common::{Rng, proving};
use crate::engines::Nans;
use crate::relaxed;
use crate::values::{boundaries, constant};

/// Operators by signature. `~` marks those whose NaN results may have any bits; a `#n` behind a name stands
/// for an immediate lane below n.
const TABLE: &str = "
i32 -> i32: i32.eqz i32.clz i32.ctz i32.popcnt i32.extend8_s i32.extend16_s
i32 i32 -> i32: i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
i32 i32 -> i32: i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor
i32 i32 -> i32: i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
i64 -> i32: i64.eqz i32.wrap_i64
i64 -> i64: i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s
i64 i64 -> i32: i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
i64 i64 -> i64: i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor
i64 i64 -> i64: i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr
i64 i64 i64 i64 -> i64 i64: i64.add128 i64.sub128
i64 i64 -> i64 i64: i64.mul_wide_s i64.mul_wide_u
f32 f32 -> i32: f32.eq f32.ne f32.lt f32.gt f32.le f32.ge
f64 f64 -> i32: f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
f32 -> f32: f32.abs f32.neg
f64 -> f64: f64.abs f64.neg
f32 f32 -> f32: f32.copysign
f64 f64 -> f64: f64.copysign
~f32 -> f32: f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt
~f64 -> f64: f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt
~f32 f32 -> f32: f32.add f32.sub f32.mul f32.div f32.min f32.max
~f64 f64 -> f64: f64.add f64.sub f64.mul f64.div f64.min f64.max
f32 -> i32: i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.reinterpret_f32
f64 -> i32: i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u
f32 -> i64: i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u
f64 -> i64: i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u i64.reinterpret_f64
i32 -> i64: i64.extend_i32_s i64.extend_i32_u
i32 -> f32: f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32
i64 -> f32: f32.convert_i64_s f32.convert_i64_u
i32 -> f64: f64.convert_i32_s f64.convert_i32_u
i64 -> f64: f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64
~f64 -> f32: f32.demote_f64
~f32 -> f64: f64.promote_f32
i32 i32 i32 -> i32: select
i64 i64 i32 -> i64: select
f32 f32 i32 -> f32: select
f64 f64 i32 -> f64: select
v128 v128 i32 -> v128: select
i32 -> v128: i8x16.splat i16x8.splat i32x4.splat
i64 -> v128: i64x2.splat
f32 -> v128: f32x4.splat
f64 -> v128: f64x2.splat
v128 -> i32: i8x16.extract_lane_s#16 i8x16.extract_lane_u#16 i16x8.extract_lane_s#8 i16x8.extract_lane_u#8
v128 -> i32: i32x4.extract_lane#4
v128 -> i64: i64x2.extract_lane#2
v128 -> f32: f32x4.extract_lane#4
v128 -> f64: f64x2.extract_lane#2
v128 i32 -> v128: i8x16.replace_lane#16 i16x8.replace_lane#8 i32x4.replace_lane#4
v128 i64 -> v128: i64x2.replace_lane#2
v128 f32 -> v128: f32x4.replace_lane#4
v128 f64 -> v128: f64x2.replace_lane#2
v128 v128 -> v128: i8x16.swizzle
v128 v128 -> v128: i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u
v128 v128 -> v128: i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u
v128 v128 -> v128: i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u
v128 v128 -> v128: i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s
v128 v128 -> v128: f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
v128 -> v128: v128.not
v128 v128 -> v128: v128.and v128.andnot v128.or v128.xor
v128 v128 v128 -> v128: v128.bitselect
v128 -> i32: v128.any_true i8x16.all_true i16x8.all_true i32x4.all_true i64x2.all_true
v128 -> i32: i8x16.bitmask i16x8.bitmask i32x4.bitmask i64x2.bitmask
v128 -> v128: i8x16.abs i8x16.neg i8x16.popcnt i16x8.abs i16x8.neg i32x4.abs i32x4.neg i64x2.abs i64x2.neg
v128 v128 -> v128: i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
v128 i32 -> v128: i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u
v128 i32 -> v128: i32x4.shl i32x4.shr_s i32x4.shr_u i64x2.shl i64x2.shr_s i64x2.shr_u
v128 v128 -> v128: i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u
v128 v128 -> v128: i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u i8x16.avgr_u
v128 v128 -> v128: i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u i16x8.mul
v128 v128 -> v128: i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u i16x8.avgr_u i16x8.q15mulr_sat_s
v128 v128 -> v128: i32x4.add i32x4.sub i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
v128 v128 -> v128: i64x2.add i64x2.sub i64x2.mul
v128 -> v128: i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u
v128 -> v128: i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u
v128 -> v128: i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
v128 -> v128: i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u
v128 -> v128: i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u
v128 v128 -> v128: i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u
v128 v128 -> v128: i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u
v128 v128 -> v128: i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
v128 -> v128: f32x4.abs f32x4.neg f64x2.abs f64x2.neg
~v128 -> v128: f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest f32x4.sqrt
~v128 -> v128: f64x2.ceil f64x2.floor f64x2.trunc f64x2.nearest f64x2.sqrt
~v128 v128 -> v128: f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max
~v128 v128 -> v128: f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max
v128 v128 -> v128: f32x4.pmin f32x4.pmax f64x2.pmin f64x2.pmax
v128 -> v128: i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero
v128 -> v128: f32x4.convert_i32x4_s f32x4.convert_i32x4_u f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
~v128 -> v128: f32x4.demote_f64x2_zero f64x2.promote_low_f32x4
";

/// An operator with its immediate, and what it takes and gives.
pub struct Operator {
    /// As in the text format, immediate included.
    pub text: String,
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
    pub nans: Nans,
    /// Values to choose each operand from, where boundary values would not do.
    pub values: Option<Vec<Vec<Val>>>,
}

/// All operators of the table, each lane on its own, and shuffles.
pub fn operators() -> Vec<Operator> {
    let mut operators = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let (signature, names) = line.split_once(": ").expect("a colon");
        let any_nan = signature.starts_with('~');
        let (params, results) = signature.trim_start_matches('~').split_once(" -> ").expect("an arrow");
        let types = |text: &str| text.split(' ').map(val_type).collect::<Vec<_>>();
        for name in names.split(' ') {
            let (name, lanes) = name.split_once('#').unwrap_or((name, ""));
            let texts = match lanes.parse::<u32>() {
                Ok(lanes) => (0..lanes).map(|lane| format!("{name} {lane}")).collect(),
                Err(_) => vec![name.to_owned()],
            };
            let nans = match name.split_once('.') {
                Some((shape, _)) if any_nan => nans_of(shape),
                _ => Nans::Exact,
            };
            operators.extend(texts.into_iter().map(|text| Operator {
                text,
                params: types(params),
                results: types(results),
                nans,
                values: None,
            }));
        }
    }
    operators.extend(shuffles());
    operators.extend(relaxed::operators());
    operators
}

fn val_type(name: &str) -> ValType {
    match name {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "v128" => ValType::V128,
        other => panic!("{other} is no type of the table"),
    }
}

fn nans_of(shape: &str) -> Nans {
    match shape {
        "f32x4" => Nans::AnyF32x4,
        "f64x2" => Nans::AnyF64x2,
        _ => Nans::AnyScalar,
    }
}

/// Shuffles for which compilers have instructions of their own, and seeded ones.
fn shuffles() -> Vec<Operator> {
    let mut rng = Rng::new(1);
    let mut masks: Vec<[u8; 16]> = vec![
        std::array::from_fn(|i| i as u8),
        std::array::from_fn(|i| 16 + i as u8),
        std::array::from_fn(|i| 15 - i as u8),
        [0; 16],
        [31; 16],
        std::array::from_fn(|i| (i / 2 + 16 * (i % 2)) as u8),
        std::array::from_fn(|i| (8 + i / 2 + 16 * (i % 2)) as u8),
        std::array::from_fn(|i| (i / 4 * 2 + i % 2 + 16 * (i / 2 % 2)) as u8),
        std::array::from_fn(|i| (i % 4 + i / 8 * 4 + 16 * (i / 4 % 2)) as u8),
        std::array::from_fn(|i| (i % 8 + 16 * (i / 8)) as u8),
        std::array::from_fn(|i| (i * 2) as u8),
        std::array::from_fn(|i| (i * 2 + 1) as u8),
    ];
    for shift in [1, 4, 8, 15] {
        masks.push(std::array::from_fn(|i| (i + shift) as u8));
        masks.push(std::array::from_fn(|i| ((i + shift) % 16) as u8));
    }
    for pick in [0x1b_u32, 0x4e, 0xb1, 0x93] {
        // The patterns of pshufd, on one operand and across two.
        let lane = |i: usize| (pick >> (2 * (i / 4)) & 3) as usize * 4 + i % 4;
        masks.push(std::array::from_fn(|i| lane(i) as u8));
        masks.push(std::array::from_fn(|i| (lane(i) + if i < 8 { 0 } else { 16 }) as u8));
    }
    for _ in 0..16 {
        masks.push(std::array::from_fn(|_| rng.below(32) as u8));
    }
    let operator = |mask: [u8; 16]| {
        let lanes: Vec<String> = mask.iter().map(u8::to_string).collect();
        Operator {
            text: format!("i8x16.shuffle {}", lanes.join(" ")),
            params: vec![ValType::V128, ValType::V128],
            results: vec![ValType::V128],
            nans: Nans::Exact,
            values: None,
        }
    };
    masks.into_iter().map(operator).collect()
}

/// A call that both engines must answer alike.
pub struct Case {
    pub export: String,
    pub args: Vec<Val>,
}

/// Constants that an ordinary run tries for an operand.
const CONSTANTS: usize = 8;

/// Addresses from which operands are loaded; none is aligned.
const OPERAND_ADDRESS: usize = 33;
const OPERAND_STRIDE: usize = 48;

/// A module with the operator in all its surroundings, and calls of it.
pub fn module(op: &Operator, rng: &mut Rng) -> (String, Vec<Case>) {
    let mut writer = Writer {
        op,
        text: String::from("(module (memory (export \"memory\") 1) (table 3 funcref)\n"),
        cases: Vec::new(),
    };
    let values = op.values.clone().unwrap_or_else(|| op.params.iter().map(|ty| boundaries(*ty)).collect());
    let tuples = tuples(op, &values, rng);

    writer.function("p", &Operands::all(op, Source::Param), &tuples);
    writer.function("m", &Operands::all(op, Source::Memory), &tuples);
    for (position, choices) in values.iter().enumerate() {
        let few: Vec<Vec<Val>> = (0..24).map(|_| rng.pick(&tuples).clone()).collect();
        let mut operands = Operands::all(op, Source::Param);
        operands.0[position] = Source::Memory;
        writer.function(&format!("m{position}"), &operands, &few);
        for (index, value) in choices.iter().enumerate() {
            // Constants are compiled one by one, which takes most of the time.
            if !proving() && rng.below(choices.len()) >= CONSTANTS {
                continue;
            }
            let mut operands = Operands::all(op, Source::Param);
            operands.0[position] = Source::Constant(*value);
            let few: Vec<Vec<Val>> = (0..12).map(|_| rng.pick(&tuples).clone()).collect();
            writer.function(&format!("k{position}_{index}"), &operands, &few);
        }
    }
    for index in 0..if proving() { 32 } else { CONSTANTS } {
        let tuple = rng.pick(&tuples).clone();
        let operands = Operands(tuple.iter().map(|value| Source::Constant(*value)).collect());
        writer.function(&format!("c{index}"), &operands, std::slice::from_ref(&tuple));
    }
    if op.values.is_none() && op.params.len() > 1 && op.params.iter().all(|ty| *ty == op.params[0]) {
        writer.function("same", &Operands::all(op, Source::FirstParam), &tuples);
    }
    if op.results == [ValType::I32] {
        writer.conditions(&tuples);
        writer.indices(&tuples, rng);
    }
    writer.surroundings(&tuples, rng);
    writer.text.push(')');
    (writer.text, writer.cases)
}

/// All pairs of boundary values, as far as that is few enough, and seeded ones.
fn tuples(op: &Operator, values: &[Vec<Val>], rng: &mut Rng) -> Vec<Vec<Val>> {
    let mut tuples: Vec<Vec<Val>> = vec![Vec::new()];
    for values in values {
        tuples = tuples.iter().flat_map(|tuple| values.iter().map(|v| [&tuple[..], &[*v]].concat())).collect();
        if tuples.len() > 600 {
            tuples = (0..300).map(|_| rng.pick(&tuples).clone()).collect();
        }
    }
    for _ in 0..if op.values.is_none() { 32 } else { 0 } {
        tuples.push(op.params.iter().map(|ty| crate::values::random(*ty, rng)).collect());
    }
    tuples
}

/// Where an operand comes from.
#[derive(Clone)]
enum Source {
    Param,
    FirstParam,
    Constant(Val),
    Memory,
    /// As `Memory`, and brought to its place in the frame by a block that follows.
    Spilled,
    /// An i32 whose register has ones in the upper half; otherwise a parameter.
    Dirty,
}

struct Operands(Vec<Source>);

impl Operands {
    fn all(op: &Operator, source: Source) -> Operands {
        Operands(vec![source; op.params.len()])
    }
}

struct Writer<'a> {
    op: &'a Operator,
    text: String,
    cases: Vec<Case>,
}

impl Writer<'_> {
    /// A function that applies the operator, called with all of `tuples`.
    fn function(&mut self, name: &str, operands: &Operands, tuples: &[Vec<Val>]) {
        let results = list("result", &self.op.results);
        self.open(name, &results);
        for (position, (source, ty)) in operands.0.iter().zip(&self.op.params).enumerate() {
            if matches!(source, Source::Memory | Source::Spilled) {
                let at = OPERAND_ADDRESS + position * OPERAND_STRIDE;
                let _ = writeln!(self.text, "({ty}.store offset={at} (i32.const 0) (local.get {position}))");
            }
        }
        self.apply(operands);
        self.text.push_str(")\n");
        self.calls(name, tuples);
    }

    /// Functions that a compiler with one pass may get wrong: operands in every kind of place, with nothing left to
    /// hold them, and results that are not used or that go straight into a local.
    fn surroundings(&mut self, tuples: &[Vec<Val>], rng: &mut Rng) {
        let all = |source| Operands::all(self.op, source);
        let (spilled, dirty, loaded, params) =
            (all(Source::Spilled), all(Source::Dirty), all(Source::Memory), all(Source::Param));
        let few: Vec<Vec<Val>> = (0..48).map(|_| rng.pick(tuples).clone()).collect();
        self.function("spilled", &spilled, &few);
        if self.op.params.contains(&ValType::I32) {
            self.function("dirty", &dirty, &few);
        }
        for (name, operands) in [("pressure", &params), ("pressure_loaded", &loaded), ("pressure_spilled", &spilled)] {
            self.under_pressure(name, operands, &few);
        }

        // What the operator does is all that remains of it.
        self.open("unused", "(result i32)");
        self.apply(&params);
        self.text.push_str(&"(drop) ".repeat(self.op.results.len()));
        self.text.push_str("(i32.const 7))\n");
        self.calls("unused", &few);

        // Where it is not reached, with operands and without.
        self.open("dead", &list("result", &self.op.results));
        let nothing = "(drop) ".repeat(self.op.results.len());
        self.text.push_str("(block (br 0) ");
        self.apply(&params);
        let _ = writeln!(self.text, "{nothing} (unreachable) ({}) {nothing} (br 0))", self.op.text);
        self.apply(&params);
        self.text.push_str(")\n");
        self.calls("dead", &few);

        // In a loop, where locals live in registers; the result replaces an operand where the types allow it.
        let [result] = self.op.results[..] else { return };
        for (name, target) in [("looped", self.op.params.len()), ("replaced", 0)] {
            if target == 0 && self.op.params[0] != result {
                continue;
            }
            self.open(name, &list("result", &[result]));
            let _ = writeln!(self.text, "(local {result}) (loop ");
            self.apply(&params);
            let _ = writeln!(self.text, "(local.set {target})) (local.get {target}))");
            self.calls(name, &few);
        }
    }

    /// The operator above so many operands of each class that they take all registers; they must survive it.
    fn under_pressure(&mut self, name: &str, operands: &Operands, tuples: &[Vec<Val>]) {
        const HELD: usize = 18;
        const AT: usize = 1024;
        let results = list("result", &self.op.results);
        self.open(name, &results);
        let first = self.op.params.len();
        for ty in &self.op.results {
            let _ = write!(self.text, "(local {ty}) ");
        }
        self.text.push_str("(local $int i64) (local $float f64)\n");
        for (position, (source, ty)) in operands.0.iter().zip(&self.op.params).enumerate() {
            if matches!(source, Source::Memory | Source::Spilled) {
                let at = OPERAND_ADDRESS + position * OPERAND_STRIDE;
                let _ = writeln!(self.text, "({ty}.store offset={at} (i32.const 0) (local.get {position}))");
            }
        }
        for held in 0..HELD {
            let at = AT + 8 * held;
            let _ = writeln!(self.text, "(i64.store (i32.const {at}) (i64.const {}))", 1 << held);
        }
        for held in 0..HELD {
            let at = AT + 8 * held;
            let _ = write!(self.text, "(i64.load (i32.const {at})) (f64.convert_i64_s (i64.load (i32.const {at}))) ");
        }
        self.apply(operands);
        for result in (0..self.op.results.len()).rev() {
            let _ = write!(self.text, "(local.set {}) ", first + result);
        }
        // All of them must be what they were.
        for held in (0..HELD).rev() {
            let _ = write!(self.text, "(local.set $float) (local.set $int) ");
            let expected = format!("(f64.eq (local.get $float) (f64.const {}))", 1 << held);
            let both = format!("(i32.and (i64.eq (local.get $int) (i64.const {})) {expected})", 1 << held);
            let _ = writeln!(self.text, "(if (i32.eqz {both}) (then (unreachable))) ");
        }
        for result in 0..self.op.results.len() {
            let _ = write!(self.text, "(local.get {}) ", first + result);
        }
        self.text.push_str(")\n");
        self.calls(name, tuples);
    }

    /// Functions in which the operator's result decides.
    fn conditions(&mut self, tuples: &[Vec<Val>]) {
        let params = Operands::all(self.op, Source::Param);
        let shapes = [
            ("if", "", "(if (result i32) (then (i32.const 11)) (else (i32.const 22)))"),
            ("select", "(i32.const 11) (i32.const 22)", "(select)"),
            ("brif", "(block $out ", "(br_if $out) (return (i32.const 22))) (i32.const 11)"),
            ("eqz", "", "(i32.eqz) (if (result i32) (then (i32.const 11)) (else (i32.const 22)))"),
            ("selectf", "(f64.const 1.5) (f64.const -2.5)", "(select) (i32.trunc_f64_s)"),
        ];
        for (name, before, after) in shapes {
            self.within(name, &params, before, after, tuples);
        }
    }

    /// Functions in which the operator's result is an address, an index or a key, for which all of a register counts;
    /// with operands whose registers have ones above, too.
    fn indices(&mut self, tuples: &[Vec<Val>], rng: &mut Rng) {
        let few: Vec<Vec<Val>> = (0..32).map(|_| rng.pick(tuples).clone()).collect();
        let shapes = [
            ("load", "", "(i32.load8_u)"),
            ("load_far", "", "(i32.load16_s offset=60000)"),
            ("load_vector", "", "(v128.load) (i32x4.extract_lane 0)"),
            ("store", "", "(i32.const 5) (i32.store8) (i32.const 1)"),
            ("extend", "", "(i64.extend_i32_u) (i64.const 32) (i64.shr_u) (i32.wrap_i64)"),
            (
                "key",
                "(block (block (block ",
                "(br_table 0 1 2)) (return (i32.const 1))) (return (i32.const 2))) (i32.const 3)",
            ),
            ("element", "", "(table.get 0) (ref.is_null)"),
        ];
        for (name, before, after) in shapes {
            for (suffix, source) in [("", Source::Param), ("_dirty", Source::Dirty)] {
                self.within(&format!("{name}{suffix}"), &Operands::all(self.op, source), before, after, &few);
            }
        }
    }

    /// A function with the operator between two pieces of text, of which an i32 remains.
    fn within(&mut self, name: &str, operands: &Operands, before: &str, after: &str, tuples: &[Vec<Val>]) {
        self.open(name, "(result i32)");
        self.text.push_str(before);
        self.apply(operands);
        self.text.push_str(after);
        self.text.push_str(")\n");
        self.calls(name, tuples);
    }

    fn open(&mut self, name: &str, results: &str) {
        let _ = writeln!(self.text, "(func (export \"{name}\") {} {results}", list("param", &self.op.params));
    }

    fn apply(&mut self, operands: &Operands) {
        for (position, (source, ty)) in operands.0.iter().zip(&self.op.params).enumerate() {
            let _ = match source {
                Source::Param => write!(self.text, "(local.get {position}) "),
                Source::FirstParam => write!(self.text, "(local.get 0) "),
                Source::Constant(value) => write!(self.text, "{} ", constant(value)),
                Source::Memory => {
                    let at = OPERAND_ADDRESS + position * OPERAND_STRIDE;
                    write!(self.text, "({ty}.load offset={at} (i32.const 0)) ")
                }
                Source::Spilled => {
                    let at = OPERAND_ADDRESS + position * OPERAND_STRIDE;
                    write!(self.text, "({ty}.load offset={at} (i32.const 0)) (block) ")
                }
                Source::Dirty if *ty == ValType::I32 => {
                    let extended = format!("(i64.extend_i32_u (local.get {position}))");
                    write!(self.text, "(i32.wrap_i64 (i64.xor {extended} (i64.const 0x8765432100000000))) ")
                }
                Source::Dirty => write!(self.text, "(local.get {position}) "),
            };
        }
        let _ = writeln!(self.text, "({}) ", self.op.text);
    }

    fn calls(&mut self, name: &str, tuples: &[Vec<Val>]) {
        self.cases.extend(tuples.iter().map(|args| Case { export: name.to_owned(), args: args.clone() }));
    }
}

fn list(what: &str, types: &[ValType]) -> String {
    let names: Vec<String> = types.iter().map(ValType::to_string).collect();
    format!("({what} {})", names.join(" "))
}
