//! Loops with counters end when they should, however the comparison is written: the optimising tier rewrites it.

use std::fmt::Write as _;

use updraft::runtime::value::Val;

use crate::common::{Fixture, MODES, Rng};

/// Loops per run; each is run in every mode.
const LOOPS: usize = 400;
/// Longest run of a loop that is taken.
const MOST: u64 = 3000;

/// A loop: the counter starts at `start`, and `step` is added in each iteration.
#[derive(Clone, Copy, Debug)]
struct Sample {
    wide: bool,
    start: u64,
    step: u64,
    bound: u64,
    relation: &'static str,
    /// The comparison is one of the counter with this much added.
    ahead: u64,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `loop .. br_if`, with the comparison at the end.
    Bottom,
    /// As `Bottom`, but the comparison comes before the step, and what is left does too.
    Early,
    /// `block loop br_if exit .. br`.
    Top,
    /// As `Bottom`, and the start is a parameter.
    Unknown,
}

impl Sample {
    fn random(rng: &mut Rng) -> Sample {
        let wide = rng.below(3) == 0;
        let mask = if wide { u64::MAX } else { u64::from(u32::MAX) };
        let near = |rng: &mut Rng| {
            let center = [0, 0, 1 << 31, 1 << 32, 1 << 63, 100][rng.below(6)];
            (center + rng.below(4000) as u64).wrapping_sub(2000) & mask
        };
        let steps: [u64; 9] = [1, 1, 1, 2, 3, 4, 8, 12, 255];
        let step = steps[rng.below(steps.len())];
        let step = if rng.below(2) == 0 { step } else { step.wrapping_neg() & mask };
        let start = near(rng);
        let bound = match rng.below(3) {
            0 => near(rng),
            _ => start.wrapping_add(step.wrapping_mul(rng.below(300) as u64)).wrapping_add((rng.below(5) / 4) as u64),
        };
        let relations = ["ne", "ne", "ne", "eq", "lt_u", "le_u", "gt_u", "ge_u", "lt_s", "le_s", "gt_s", "ge_s"];
        let ahead = [0, 0, step, step, 7][rng.below(5)];
        let form = [Form::Bottom, Form::Early, Form::Top, Form::Unknown][rng.below(4)];
        Sample { wide, start, step, bound: bound & mask, relation: relations[rng.below(relations.len())], ahead, form }
    }

    /// Whether the loop goes on with this counter.
    fn goes_on(&self, counter: u64) -> bool {
        let shift = if self.wide { 0 } else { 32 };
        let (left, right) = (counter.wrapping_add(self.ahead) << shift, self.bound << shift);
        let (signed_left, signed_right) = (left as i64, right as i64);
        match self.relation {
            "ne" => left != right,
            "eq" => left == right,
            "lt_u" => left < right,
            "le_u" => left <= right,
            "gt_u" => left > right,
            "ge_u" => left >= right,
            "lt_s" => signed_left < signed_right,
            "le_s" => signed_left <= signed_right,
            "gt_s" => signed_left > signed_right,
            _ => signed_left >= signed_right,
        }
    }

    /// How many iterations there are, unless they are too many.
    fn iterations(&self) -> Option<u64> {
        let (mut counter, mut count) = (self.start, 0);
        while count < MOST {
            // `Top` compares before each iteration, the others behind it: with the counter as it was or will be.
            match self.form {
                Form::Top if !self.goes_on(counter) => return Some(count),
                Form::Top => (counter, count) = (counter.wrapping_add(self.step), count + 1),
                Form::Early => {
                    count += 1;
                    if !self.goes_on(counter) {
                        return Some(count);
                    }
                    counter = counter.wrapping_add(self.step);
                }
                Form::Bottom | Form::Unknown => {
                    (counter, count) = (counter.wrapping_add(self.step), count + 1);
                    if !self.goes_on(counter) {
                        return Some(count);
                    }
                }
            }
        }
        None
    }

    /// A function that counts its iterations.
    fn text(&self, name: usize) -> String {
        let ty = if self.wide { "i64" } else { "i32" };
        let signed = |value: u64| if self.wide { value as i64 } else { i64::from(value as u32 as i32) };
        let (start, step, bound) = (signed(self.start), signed(self.step), signed(self.bound));
        let start = match self.form {
            Form::Unknown => "(local.get 0)".to_owned(),
            _ => format!("({ty}.const {start})"),
        };
        let counter = match self.ahead {
            0 => "(local.get 1)".to_owned(),
            ahead => format!("({ty}.add (local.get 1) ({ty}.const {}))", signed(ahead)),
        };
        let compare = format!("({ty}.{} {counter} ({ty}.const {bound}))", self.relation);
        let step = format!("(local.set 1 ({ty}.add (local.get 1) ({ty}.const {step})))");
        let count = "(local.set 2 (i32.add (local.get 2) (i32.const 1)))";
        let body = match self.form {
            Form::Bottom | Form::Unknown => format!("(loop $l {count} {step} (br_if $l {compare}))"),
            Form::Early => format!("(loop $l {count} (local.set 3 {compare}) {step} (br_if $l (local.get 3)))"),
            Form::Top => format!("(block $out (loop $l (br_if $out (i32.eqz {compare})) {count} {step} (br $l)))"),
        };
        format!(
            "(func (export \"{name}\") (param {ty}) (result i32) (local {ty} i32 i32)
               (local.set 1 {start}) {body} (local.get 2))"
        )
    }
}

#[test]
fn counted_loops_run_as_often_as_a_model_says() {
    let mut rng = Rng::new(5);
    let samples: Vec<(Sample, u64)> = std::iter::repeat_with(|| Sample::random(&mut rng))
        .filter_map(|sample| Some((sample, sample.iterations()?)))
        .take(LOOPS)
        .collect();
    assert!(samples.iter().filter(|(_, iterations)| *iterations > 2).count() > LOOPS / 3, "most are loops");
    let mut text = String::from("(module ");
    for (name, (sample, _)) in samples.iter().enumerate() {
        let _ = writeln!(text, "{}", sample.text(name));
    }
    text.push(')');
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, &text);
        for (name, (sample, iterations)) in samples.iter().enumerate() {
            let arg = if sample.wide { Val::I64(sample.start as i64) } else { Val::I32(sample.start as i32) };
            let results = fixture.call(&name.to_string(), &[arg]).expect("it ends");
            assert_eq!(results, [Val::I32(*iterations as i32)], "{}: {sample:?}", mode.name);
        }
    }
}

/// A constant below a loop is the same whether the way to its use leads through the loop or past it.
#[test]
fn constants_below_a_loop_that_is_passed_by_stay() {
    for mode in MODES {
        let mut fixture = Fixture::new(
            *mode,
            "(module (func (export \"f\") (param i32) (result i32)
                (i32.const 1561923599)
                (block
                    (br_if 0 (local.get 0))
                    (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (i32.gt_s (local.get 0) (i32.const -9)))))
                (i32.add (local.get 0))))",
        );
        for (argument, expected) in [(1, 1561923600), (0, 1561923590)] {
            let result = fixture.call("f", &[Val::I32(argument)]).expect("a call");
            assert_eq!(result, [Val::I32(expected)], "{}", mode.name);
        }
    }
}
