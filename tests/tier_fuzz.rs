//! Tiers give the same results: each module in the baseline tier, with and without counters, in the top tier, while
//! functions move up at random moments, while loops go on in the top tier, and in the top tier with a profile.
//!
//! Results, traps with their backtraces, host calls, memories, tables and globals are compared. `tests/differential.rs`
//! says whether they are right; here the modules may be anything that ends. NaNs are canonicalised.
//!
//! Counted, and too little of it is a failure: operators by class of ways, loops that went on in the top tier, the types
//! of the locals that lived there. `UPDRAFT_PROVE=1` runs a million random modules; `UPDRAFT_CASES` and
//! `UPDRAFT_SEED_START` choose other seeds. What differs is written to `target/tier_fuzz/`.

// A test program has no public interface; `pub` is what its modules show each other. What they share with
// `tests/differential.rs` is not all used here.
#![allow(unreachable_pub, dead_code)]

#[path = "differential/atomics.rs"]
mod atomics;
#[path = "tier_fuzz/calls.rs"]
mod calls;
mod common;
#[path = "differential/coverage.rs"]
mod coverage;
#[path = "differential/engines.rs"]
mod engines;
#[path = "differential/memory.rs"]
mod memory;
#[path = "differential/operators.rs"]
mod operators;
#[path = "differential/programs.rs"]
mod programs;
#[path = "differential/relaxed.rs"]
mod relaxed;
#[path = "differential/smith.rs"]
mod smith;
#[path = "differential/values.rs"]
mod values;
#[path = "tier_fuzz/ways.rs"]
mod ways;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Rng, cores, env_number, proving};
use coverage::Coverage;
use operators::Case;
use updraft::module::{ExportItem, Features, decode};
use updraft::runtime::value::Val;
use updraft::types::ValType;
use values::{boundaries, random};
use ways::{CLASSES, Class, Nothing, Program, Way, difference, ways};

/// Stack of the threads that run modules.
const THREAD_STACK: usize = 16 << 20;

/// Random modules and programs of an ordinary run, and of a proof.
const SLICE: u64 = 400;
const PROOF: u64 = 1_000_000;
const PROGRAMS: u64 = 30;
const PROGRAMS_PROOF: u64 = 20_000;
const CALLERS: u64 = 60;
const CALLERS_PROOF: u64 = 50_000;

/// Errors after which there is enough to look at.
const ENOUGH: usize = 10;

/// What was run.
#[derive(Default)]
struct Counts {
    compared: u64,
    inconclusive: u64,
    nothing: u64,
    calls: u64,
    traps: u64,
    /// Loops of different modules, or ways, that went on in the top tier, and how often they did.
    osr_sites: u64,
    osr_entries: u64,
    /// Locals that lived there, by type.
    live: BTreeMap<String, u64>,
    /// Profiles that said something.
    profiles: u64,
    coverage: BTreeMap<Class, Coverage>,
    errors: Vec<String>,
}

impl Counts {
    fn merge(&mut self, other: Counts) {
        self.compared += other.compared;
        self.inconclusive += other.inconclusive;
        self.nothing += other.nothing;
        self.calls += other.calls;
        self.traps += other.traps;
        self.osr_sites += other.osr_sites;
        self.osr_entries += other.osr_entries;
        self.profiles += other.profiles;
        for (ty, count) in other.live {
            *self.live.entry(ty).or_default() += count;
        }
        for (class, coverage) in other.coverage {
            self.coverage.entry(class).or_default().merge(coverage);
        }
        self.errors.extend(other.errors);
    }
}

/// Writes a module that ways differ about.
fn keep(name: &str, wasm: &[u8], what: &str) -> String {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "target", "tier_fuzz"].iter().collect();
    std::fs::create_dir_all(&folder).expect("a folder for reports");
    std::fs::write(folder.join(format!("{name}.wasm")), wasm).expect("a report");
    std::fs::write(folder.join(format!("{name}.txt")), what).expect("a report");
    format!("{name}: {what} (in target/tier_fuzz)")
}

/// The ways of a class that a case runs in: one of them, another one for each case.
fn way_of(ways: &[Way], class: Class, number: u64) -> &Way {
    let mut of_class = ways.iter().filter(|way| way.class == class);
    let count = of_class.clone().count() as u64;
    of_class.nth((number % count) as usize).expect("a way of each class")
}

/// Runs a program in a way of each class, and compares.
fn compare(ways: &[Way], name: &str, number: u64, program: &Program, counts: &mut Counts) {
    let mut first = None;
    let mut profile = None;
    let mut seen = Counts::default();
    for class in CLASSES {
        let way = way_of(ways, class, number);
        let trace = match ways::run(way, program, profile.as_deref().filter(|_| class == Class::Profiled), number) {
            Ok(trace) => trace,
            Err(Nothing::Exhausted) => return counts.inconclusive += 1,
            Err(Nothing::Refused(why)) => {
                return counts.errors.push(keep(&format!("{name}-{}", way.name), &program.wasm, &why));
            }
        };
        if class == Class::Counting {
            let bytes = trace.module.export_profile();
            seen.profiles += u64::from(!trace.module.profile().functions.is_empty());
            profile = Some(bytes);
        }
        if class == Class::Osr {
            let osr = trace.module.osr_counts();
            seen.osr_sites += osr.entered_sites as u64;
            seen.osr_entries += osr.entered;
            for ty in trace.live_types() {
                *seen.live.entry(ty.to_string()).or_default() += 1;
            }
        }
        let module = trace.module.module();
        for func in trace.covered(class).into_iter().filter_map(|func| module.defined_func(func)) {
            seen.coverage.entry(class).or_default().add(module, func);
        }
        seen.calls += trace.steps.len() as u64;
        seen.traps += trace.traps;
        match &first {
            None => first = Some(trace),
            Some(first) => {
                if let Some(what) = difference(first, &trace, program) {
                    let report = format!("baseline and {}: {what}", way.name);
                    return counts.errors.push(keep(&format!("{name}-{}", way.name), &program.wasm, &report));
                }
            }
        }
    }
    seen.compared = 1;
    counts.merge(seen);
}

/// Runs `body` for the numbers of a range on all cores.
fn in_parallel(range: Range<u64>, body: impl Fn(u64, &mut Counts) + Sync) -> Counts {
    let next = AtomicU64::new(range.start);
    let all = Mutex::new(Counts::default());
    let work = || {
        let mut own = Counts::default();
        // Relaxed: the counter hands out numbers, the mutex the outcomes.
        while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < range.end) {
            body(number, &mut own);
            if own.errors.len() >= ENOUGH {
                next.store(range.end, Ordering::Relaxed);
            }
        }
        all.lock().expect("no thread panics while it holds the lock").merge(own);
    };
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    all.into_inner().expect("no thread panicked")
}

fn random_program(seed: u64) -> Option<Program> {
    let smith::Random { wasm, fuel } = smith::module(seed)?;
    let module = decode::load(&wasm, Features::ALL, 1).ok()?;
    let mut rng = Rng::new(!seed);
    let mut calls = Vec::new();
    // Often enough for functions to move up in the middle.
    for _ in 0..4 {
        for export in module.exports() {
            if let ExportItem::Func(func) = export.item {
                let args = module.func_type(func).params().iter().map(|ty| random(*ty, &mut rng)).collect();
                calls.push((export.name.to_string(), args));
            }
        }
    }
    let state_every = (calls.len() / 2).max(1);
    Some(Program { wasm, calls, fuel: Some(fuel), state_every })
}

fn program_of(text: &str, cases: Vec<Case>, every: usize) -> Program {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let calls = cases.into_iter().map(|case| (case.export, case.args)).collect();
    Program { wasm, calls, fuel: None, state_every: every }
}

fn print(what: &str, counts: &Counts) {
    let Counts { compared, inconclusive, nothing, calls, traps, osr_sites, osr_entries, profiles, live, .. } = counts;
    println!(
        "{what}: {compared} compared in {calls} steps ({traps} trapped), {inconclusive} inconclusive, {nothing} empty; \
         {osr_entries} OSR entries at {osr_sites} loops, live locals {live:?}; {profiles} profiles"
    );
    for (class, coverage) in &counts.coverage {
        let (kinds, places) = coverage.totals();
        println!("  {class:?}: {kinds} operators in {places} places");
    }
}

/// Random modules, and programs that press on registers, stack and control flow.
#[test]
fn random_modules_do_the_same_in_all_tiers() {
    let ways = ways();
    let start = env_number("UPDRAFT_SEED_START").unwrap_or(0);
    let count = env_number("UPDRAFT_CASES").unwrap_or(if proving() { PROOF } else { SLICE });
    let mut counts = in_parallel(start..start + count, |seed, counts| match random_program(seed) {
        Some(program) => compare(&ways, &format!("seed-{seed}"), seed, &program, counts),
        None => counts.nothing += 1,
    });
    let programs = if proving() { PROGRAMS_PROOF } else { PROGRAMS };
    let operators: Vec<_> = operators::operators().into_iter().filter(|op| op.values.is_none()).collect();
    counts.merge(in_parallel(start..start + programs, |seed, counts| {
        let (text, cases) = programs::module(&operators, seed);
        let cases =
            cases.iter().chain(&cases).map(|case| Case { export: case.export.clone(), args: case.args.clone() });
        compare(&ways, &format!("program-{seed}"), seed, &program_of(&text, cases.collect(), 12), counts);
    }));
    print("random modules", &counts);
    assert!(counts.errors.is_empty(), "{}", counts.errors.join("\n"));
    assert_eq!(counts.compared + counts.inconclusive + counts.nothing, count + programs, "every seed has one outcome");
    assert!(counts.compared * 10 >= (count + programs) * 7, "too few modules were compared");
    assert!(counts.profiles * 10 >= counts.compared, "too few modules have a profile");
    if count >= PROOF {
        assert!(counts.osr_sites >= 100_000, "too few loops went on in the top tier");
    }
    if count >= SLICE {
        assert!(counts.osr_sites >= 100 && counts.traps > 0);
        let numbers = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
        // Locals that are references are rare.
        let references = [ValType::FuncRef, ValType::ExternRef];
        for ty in numbers.iter().chain(references.iter().filter(|_| count >= PROOF)) {
            assert!(counts.live.contains_key(&ty.to_string()), "no local of type {ty} lived in a loop that went on");
        }
    }
    for class in CLASSES {
        let missing = counts.coverage.get(&class).map(Coverage::missing).unwrap_or_default();
        // Random modules have no atomics, and no operators whose result is a choice; see the other test.
        let missing: Vec<_> =
            missing.into_iter().filter(|name| !name.contains("Atomic") && !name.contains("Relaxed")).collect();
        assert!(counts.coverage.contains_key(&class), "nothing ran in {class:?}");
        assert!(count < PROOF || missing.is_empty(), "{class:?} never executed {missing:?}");
    }
}

/// Programs that call, so that profiles are worth something.
#[test]
fn programs_that_call_do_the_same_in_all_tiers() {
    let ways = ways();
    let start = env_number("UPDRAFT_SEED_START").unwrap_or(0);
    let count = env_number("UPDRAFT_CASES").unwrap_or(if proving() { CALLERS_PROOF } else { CALLERS });
    let counts = in_parallel(start..start + count, |seed, counts| {
        compare(&ways, &format!("calls-{seed}"), seed, &calls::program(seed), counts);
    });
    print("programs that call", &counts);
    assert!(counts.errors.is_empty(), "{}", counts.errors.join("\n"));
    assert_eq!(counts.compared, count, "every program ends, and fits");
    assert_eq!(counts.profiles, count, "every program calls");
    assert!(count < CALLERS || counts.traps > 0 && counts.osr_sites >= count);
}

/// Every operator is executed in each tier.
#[test]
fn every_operator_does_the_same_in_all_tiers() {
    let ways = ways();
    let operators = operators::operators();
    let accesses = memory::accesses();
    let operator_count = operators.len() as u64;
    let mut counts = in_parallel(0..operator_count + accesses.len() as u64 * 2, |number, counts| {
        let mut rng = Rng::new(number);
        let (name, (text, mut cases)) = match number.checked_sub(operator_count) {
            None => {
                let op = &operators[number as usize];
                (op.text.to_string(), operators::module(op, &mut rng))
            }
            Some(number) => {
                let access = &accesses[number as usize / 2];
                let width = if number % 2 == 0 { memory::Width::Bits32 } else { memory::Width::Bits64 };
                (format!("{}-{width:?}", access.name), memory::module(access, width, &mut rng))
            }
        };
        if !proving() {
            // Of each function some calls.
            cases.retain(|_| rng.below(16) == 0);
        }
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        compare(&ways, &name, number, &program_of(&text, cases, usize::MAX), counts);
    });
    counts.merge(in_parallel(0..4, |number, counts| compare(&ways, "rest", number, &rest(number), counts)));
    // Whether atomics are right a model knows; here each tier runs them.
    let first = |way: &&Way| proving() || std::ptr::eq(*way, way_of(&ways, way.class, 0));
    for way in ways.iter().filter(first) {
        let coverage = counts.coverage.entry(way.class).or_default();
        atomics::check(&way.engine, coverage).unwrap_or_else(|error| panic!("{}: {error}", way.name));
    }
    print("operators", &counts);
    assert!(counts.errors.is_empty(), "{}", counts.errors.join("\n"));
    for class in CLASSES.into_iter().filter(|class| !matches!(class, Class::Tiered | Class::Osr)) {
        let missing = counts.coverage.get(&class).map(Coverage::missing).unwrap_or_default();
        assert!(missing.is_empty(), "{class:?} never executed {missing:?}");
    }
}

/// Control, calls, tables and bulk operators, with random small arguments.
fn rest(seed: u64) -> Program {
    let text = include_str!("differential/rest.wat");
    let wasm = wat::parse_str(text).expect("valid text");
    let module = decode::load(&wasm, Features::ALL, 1).expect("a valid module");
    let mut rng = Rng::new(seed);
    let mut cases = Vec::new();
    for round in 0..20 {
        for export in module.exports() {
            let ExportItem::Func(func) = export.item else { continue };
            // What drops segments comes once, in the end.
            if export.name.starts_with("zz") == (round == 19) {
                let params = module.func_type(func).params();
                let small = |rng: &mut Rng, ty| match ty {
                    ValType::I32 if rng.below(2) == 0 => Val::I32(rng.below(12) as i32),
                    ty => *rng.pick(&boundaries(ty)),
                };
                let args = params.iter().map(|ty| small(&mut rng, *ty)).collect();
                cases.push(Case { export: export.name.to_string(), args });
            }
        }
    }
    program_of(text, cases, 40)
}
