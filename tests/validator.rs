//! Our analysis of bodies against wasmparser: it may accept nothing that wasmparser refuses, and should refuse
//! nothing that wasmparser accepts.
//!
//! Every operator on every short stack, the modules of the WebAssembly test suite, modules from wasm-smith, and
//! damaged bodies of all of them. `UPDRAFT_PROVE=1` runs every stack and 10^8 damaged bodies; `UPDRAFT_CASES` and
//! `UPDRAFT_SEED_START` choose another number and another start; `UPDRAFT_CORPUS` names a folder with further
//! modules. A failure prints the body.

// A test program has no public interface; `pub` is what its modules show each other.
#![allow(unreachable_pub)]

#[path = "validator/analysis.rs"]
mod analysis;
#[path = "validator/features.rs"]
mod features;
#[path = "validator/material.rs"]
mod material;
#[path = "validator/operators.rs"]
mod operators;

use material::{Random, Subject, corpus, decoded, smiths, suite};
use operators::{Case, Stack};
use updraft::module::Features;

/// Damaged bodies of an ordinary run, and of a proof.
const SLICE: u64 = 150_000;
const PROOF: u64 = 100_000_000;

/// Modules of wasm-smith.
const SMITHS: usize = 150;

fn proving() -> bool {
    std::env::var_os("UPDRAFT_PROVE").is_some_and(|value| value != "0")
}

fn env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// How often each pair of verdicts occurred.
#[derive(Default, Debug)]
struct Counts {
    accepted: u64,
    refused: u64,
    /// Valid, and not accepted by the analysis.
    declined: u64,
}

impl Counts {
    /// Both verdicts on bytes in the place of a function's body.
    fn compare(&mut self, subject: &mut Subject, func: u32, body: &[u8]) {
        match (subject.analyse(func, body), subject.reference(func, body)) {
            (Some(analysis), Ok(features)) => {
                assert_eq!(analysis.features, features, "features of {body:02x?} in {}", subject.name);
                self.accepted += 1;
            }
            (None, Err(_)) => self.refused += 1,
            (None, Ok(_)) => self.declined += 1,
            (Some(_), Err(error)) => {
                panic!("accepted, but {error}\nfunction {func} of {}: {body:02x?}", subject.name)
            }
        }
    }

    fn all(&self) -> u64 {
        self.accepted + self.refused + self.declined
    }
}

/// Every operator with its immediates, on stacks of up to three operands, where code is reached and where not;
/// and where that is valid, with every type asked of the result.
#[test]
fn operators_on_every_stack() {
    let mut subject = operators::module();
    let mut counts = Counts::default();
    let mut random = Random::new(1);
    let (sequences, stacks) = (operators::sequences(), operators::stacks());
    for sequence in &sequences {
        for stack in &stacks {
            if !proving() && stack.depth() == 3 && random.below(24) != 0 {
                continue;
            }
            let case = Case { stack, sequence };
            let func = random.below(operators::FUNCTION_TYPES) as u32;
            let before = counts.refused;
            counts.compare(&mut subject, func, &case.body(&[0x00, 0x0b]));
            if counts.refused == before {
                for end in operators::ENDS {
                    counts.compare(&mut subject, func, &case.body(end));
                }
            }
        }
    }
    eprintln!("{} sequences on {} stacks: {counts:?}", sequences.len(), stacks.len());
    assert_eq!(counts.declined, 0, "{counts:?}");
    assert!(counts.accepted > counts.all() / 20 && counts.refused > counts.all() / 20, "{counts:?}");
    assert!(stacks.len() == 985 && stacks.iter().filter(|stack| matches!(stack, Stack::Unreachable(_))).count() == 585);
}

/// Every body of the test suite, the invalid ones included, with all features and without one of them each.
#[test]
fn bodies_of_the_test_suite() {
    let mut counts = Counts::default();
    let modules = suite();
    let sets = Features::LIST.iter().map(|(feature, ..)| Features(Features::ALL.0 & !feature.0));
    for features in sets.chain([Features::ALL, Features::default()]) {
        for (name, bytes) in &modules {
            if let Some(mut subject) = decoded(name, bytes, features) {
                for func in 0..subject.count() {
                    let body = subject.body(func);
                    counts.compare(&mut subject, func, &body);
                }
            }
        }
    }
    eprintln!("test suite: {} modules: {counts:?}", modules.len());
    assert_eq!(counts.declined, 0, "{counts:?}");
    assert!(counts.refused > 3_000 && counts.accepted > 100_000, "{counts:?}");
}

/// Bodies of all materials, damaged.
#[test]
fn damaged_bodies() {
    let mut modules = suite();
    modules.extend(smiths(SMITHS));
    modules.extend(corpus());
    let mut subjects: Vec<Subject> =
        modules.iter().filter_map(|(name, bytes)| decoded(name, bytes, Features::ALL)).collect();
    subjects.retain(|subject| subject.count() > 0);
    let cases = env_number("UPDRAFT_CASES").unwrap_or(if proving() { PROOF } else { SLICE });
    let mut random = Random::new(env_number("UPDRAFT_SEED_START").unwrap_or(2));
    let mut counts = Counts::default();
    let mut body = Vec::new();
    while counts.all() < cases {
        let donor = random.below(subjects.len());
        let part = subjects[donor].random_body(&mut random);
        let at = random.below(subjects.len());
        let subject = &mut subjects[at];
        let func = random.below(subject.count() as usize) as u32;
        let original = subject.body(func);
        // Large bodies are damaged less often, so that the number of bodies counts.
        if original.len() > 2_000 && random.below(original.len()) > 1_000 {
            continue;
        }
        // A body that is read well is damaged in several ways.
        for _ in 0..8 {
            body.clone_from(&original);
            for _ in 0..1 + random.below(4) / 3 {
                material::damage(&mut body, &part, &mut random);
            }
            counts.compare(subject, func, &body);
        }
        if counts.all() % (1 << 24) < 8 {
            eprintln!("damaged bodies so far: {counts:?}");
        }
    }
    eprintln!("damaged bodies of {} modules: {counts:?}", subjects.len());
    assert_eq!(counts.declined, 0, "{counts:?}");
    assert!(counts.accepted > counts.all() / 100 && counts.refused > counts.all() / 100, "{counts:?}");
}

/// What the analysis says about bodies, against a plain count of it.
#[test]
fn analyses_are_right() {
    let mut modules = suite();
    modules.extend(smiths(SMITHS));
    let mut seen = analysis::Seen::default();
    for (name, bytes) in &modules {
        if let Some(mut subject) = decoded(name, bytes, Features::ALL) {
            for func in 0..subject.count() {
                analysis::check(&mut subject, func, &mut seen);
            }
        }
    }
    eprintln!("analyses: {seen:?}");
    assert!(seen.bodies > 5_000 && seen.loops > 1_000 && seen.nested > 100 && seen.high > 20, "{seen:?}");
}
