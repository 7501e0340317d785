//! Our compiled code against the interpreter wasmi: every operator in all its surroundings, and random modules.
//!
//! Results, traps, host calls, memories, tables and globals are compared after each call. Every operator of
//! every implemented feature must have been executed, or the test fails.
//!
//! `UPDRAFT_PROVE=1` runs a million random modules and every operator in every mode; `UPDRAFT_CASES` and
//! `UPDRAFT_SEED_START` choose other seeds, to go on with a run or to repeat one. What differs is written
//! to `target/differential/`.

// A test program has no public interface; `pub` is what its modules show each other.
#![allow(unreachable_pub)]

#[path = "differential/atomics.rs"]
mod atomics;
#[path = "differential/campaign.rs"]
mod campaign;
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
#[path = "differential/uppers.rs"]
mod uppers;
#[path = "differential/values.rs"]
mod values;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{MIXED, MODES, Rng, cores, env_number, proving, tier_up_some};
use coverage::Coverage;
use engines::{Mismatch, Nans, Pair, Verdict, reference};
use operators::Case;
use updraft::engine::Engine;
use updraft::module::ExportItem;
use updraft::runtime::value::Val;
use values::boundaries;

/// Stack of the threads that run modules: the engine's limit for calls, and room for the interpreter.
const THREAD_STACK: usize = 16 << 20;

/// Random modules of an ordinary run, and of a proof.
const SLICE: u64 = 3000;
const PROOF: u64 = 1_000_000;

/// Programs of an ordinary run, and of a proof. Each makes 24 calls.
const PROGRAMS: u64 = 300;
const PROGRAMS_PROOF: u64 = 45_000;

/// Both engines, ours in every mode.
struct Engines {
    ours: Vec<Engine>,
    reference: wasmi::Engine,
    /// Calls of single operators that were compared.
    calls: AtomicU64,
}

impl Engines {
    fn new() -> Engines {
        let ours = MODES.iter().map(|mode| Engine::new(mode.config()).expect("an engine")).collect();
        Engines { ours, reference: reference(), calls: AtomicU64::new(0) }
    }
}

/// Runs `body` for the numbers of a range on all cores; coverage, and the first few errors.
fn in_parallel(
    range: std::ops::Range<u64>,
    body: impl Fn(u64, &mut Coverage) -> Result<(), String> + Sync,
) -> (Coverage, Vec<String>) {
    let next = AtomicU64::new(range.start);
    let all = Mutex::new((Coverage::default(), Vec::new()));
    let work = || {
        let mut coverage = Coverage::default();
        // Relaxed: the counter hands out numbers, the mutex the outcomes.
        while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < range.end) {
            if let Err(error) = body(number, &mut coverage) {
                let mut all = all.lock().expect("no thread panics while it holds the lock");
                all.1.push(error);
                if all.1.len() >= 20 {
                    // Enough to look at; the others take no further numbers.
                    next.store(range.end, Ordering::Relaxed);
                }
            }
        }
        all.lock().expect("no thread panics while it holds the lock").0.merge(coverage);
    };
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    all.into_inner().expect("no thread panicked")
}

/// Writes a module that the engines disagree about, and what they disagree about.
fn keep(name: &str, wasm: &[u8], mismatch: &str) -> String {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "target", "differential"].iter().collect();
    std::fs::create_dir_all(&folder).expect("a folder for reports");
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect();
    std::fs::write(folder.join(format!("{name}.wasm")), wasm).expect("a report");
    std::fs::write(folder.join(format!("{name}.txt")), mismatch).expect("a report");
    format!("{name}: {mismatch} (in target/differential)")
}

/// As [`attempt`]; the reference must be able to run the module.
fn compare(
    engines: &Engines,
    mode: usize,
    wasm: &[u8],
    cases: &[Case],
    nans: Nans,
    coverage: &mut Coverage,
) -> Result<(), Mismatch> {
    match attempt(engines, mode, wasm, cases, nans, coverage)? {
        Verdict::Same => Ok(()),
        Verdict::Inconclusive => Err(Mismatch("the module was not instantiated".into())),
    }
}

/// Makes all calls of a module in both engines and compares everything. Inconclusive if the reference has too
/// little room for the module.
fn attempt(
    engines: &Engines,
    mode: usize,
    wasm: &[u8],
    cases: &[Case],
    nans: Nans,
    coverage: &mut Coverage,
) -> Result<Verdict, Mismatch> {
    let mut pair = match Pair::new(&engines.ours[mode], &engines.reference, wasm)? {
        Ok(pair) => pair,
        Err(Verdict::Inconclusive) => return Ok(Verdict::Inconclusive),
        Err(Verdict::Same) => return Err(Mismatch("both refused the module".into())),
    };
    for (number, case) in cases.iter().enumerate() {
        // Some functions are in the top tier, and more of them later.
        if MODES[mode].name == MIXED && (number == 0 || number == cases.len() / 2) {
            tier_up_some(&pair.module, (wasm.len() + number) as u64);
        }
        let (verdict, _) = pair.call(&case.export, &case.args, nans)?;
        if verdict == Verdict::Inconclusive {
            return Err(Mismatch(format!("{} ran out of resources", case.export)));
        }
    }
    pair.compare_state()?;
    // Relaxed: a count, read when all threads have ended.
    engines.calls.fetch_add(cases.len() as u64, Ordering::Relaxed);
    let module = pair.module.module();
    let mut called: Vec<&str> = cases.iter().map(|case| case.export.as_str()).collect();
    called.sort_unstable();
    for export in module.exports() {
        if let ExportItem::Func(func) = export.item
            && called.binary_search(&&*export.name).is_ok()
            && let Some(func) = module.defined_func(func)
        {
            coverage.add(module, func);
        }
    }
    Ok(Verdict::Same)
}

/// The modes that a case runs in: all of them in a proof, otherwise some that change from case to case, both
/// compilers among them.
fn modes_of(number: u64) -> Vec<usize> {
    if proving() {
        return (0..MODES.len()).collect();
    }
    let is_baseline = |mode: &usize| MODES[*mode].name.starts_with("baseline") || MODES[*mode].name == MIXED;
    let (baseline, others): (Vec<usize>, Vec<usize>) = (0..MODES.len()).partition(is_baseline);
    let pick = |modes: &[usize], step: u64| modes[((number + step) % modes.len() as u64) as usize];
    vec![pick(&others, 0), pick(&baseline, 0), pick(&baseline, 2)]
}

fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every operator, its operands from parameters, constants, memory and mixed.
fn run_operators(engines: &Engines) -> (Coverage, Vec<String>) {
    let operators = operators::operators();
    in_parallel(0..operators.len() as u64, |number, coverage| {
        let op = &operators[number as usize];
        let (text, cases) = operators::module(op, &mut Rng::new(number));
        let wasm = parse(&text);
        for mode in modes_of(number) {
            compare(engines, mode, &wasm, &cases, op.nans, coverage)
                .map_err(|error| keep(&format!("{}-{}", op.text, MODES[mode].name), &wasm, &error.0))?;
        }
        Ok(())
    })
}

/// Every load and store.
fn run_accesses(engines: &Engines) -> (Coverage, Vec<String>) {
    let accesses = memory::accesses();
    in_parallel(0..accesses.len() as u64 * 2, |number, coverage| {
        let access = &accesses[number as usize / 2];
        let width = if number % 2 == 0 { memory::Width::Bits32 } else { memory::Width::Bits64 };
        let (text, cases) = memory::module(access, width, &mut Rng::new(number));
        let wasm = parse(&text);
        for mode in modes_of(number / 2) {
            compare(engines, mode, &wasm, &cases, Nans::Exact, coverage)
                .map_err(|error| keep(&format!("{}-{width:?}-{}", access.name, MODES[mode].name), &wasm, &error.0))?;
        }
        Ok(())
    })
}

/// Control, calls, tables and bulk operators.
fn run_rest(engines: &Engines) -> (Coverage, Vec<String>) {
    let wasm = parse(include_str!("differential/rest.wat"));
    in_parallel(0..MODES.len() as u64, |number, coverage| {
        let mode = number as usize;
        let module =
            updraft::engine::CompiledModule::new(&engines.ours[mode], &wasm).map_err(|error| error.to_string())?;
        let mut rng = Rng::new(number);
        let mut cases = Vec::new();
        for _ in 0..60 {
            for export in module.module().exports() {
                let ExportItem::Func(func) = export.item else { continue };
                // What drops segments comes once, in the end.
                if !export.name.starts_with("zz") {
                    let params = module.module().func_type(func).params();
                    let small = |rng: &mut Rng, ty| match ty {
                        // Indices of tables and segments are small numbers.
                        updraft::types::ValType::I32 if rng.below(2) == 0 => Val::I32(rng.below(12) as i32),
                        ty => *rng.pick(&boundaries(ty)),
                    };
                    let args = params.iter().map(|ty| small(&mut rng, *ty)).collect();
                    cases.push(Case { export: export.name.to_string(), args });
                }
            }
        }
        let last = |export: &str, args: &[i32]| Case {
            export: export.to_owned(),
            args: args.iter().map(|value| Val::I32(*value)).collect(),
        };
        cases.push(last("zz-drop", &[]));
        for len in [0, 1] {
            cases.push(last("memory.init", &[0, 0, len]));
            cases.push(last("table.init", &[0, 0, len]));
        }
        compare(engines, mode, &wasm, &cases, Nans::AnyScalar, coverage)
            .map_err(|error| keep(&format!("rest-{}", MODES[mode].name), &wasm, &error.0))
    })
}

/// Every operator that gives 32 bits before everything that uses them as 64.
fn run_uppers(engines: &Engines) -> (Coverage, Vec<String>) {
    let operators: Vec<_> = operators::operators().into_iter().filter(uppers::is_one).collect();
    assert!(operators.len() > 90, "{} operators", operators.len());
    in_parallel(0..operators.len() as u64, |number, coverage| {
        let op = &operators[number as usize];
        let (text, cases) = uppers::module(op, &mut Rng::new(number));
        let wasm = parse(&text);
        for mode in modes_of(number) {
            compare(engines, mode, &wasm, &cases, Nans::Exact, coverage)
                .map_err(|error| keep(&format!("upper-{}-{}", op.text, MODES[mode].name), &wasm, &error.0))?;
        }
        Ok(())
    })
}

/// Atomic operators against a model.
fn run_atomics(engines: &Engines) -> (Coverage, Vec<String>) {
    in_parallel(0..MODES.len() as u64, |number, coverage| {
        let mode = number as usize;
        atomics::check(&engines.ours[mode], coverage)
            .map(|_| ())
            .map_err(|error| format!("atomics, {}: {error}", MODES[mode].name))
    })
}

/// Every operator that the engine implements is executed and agrees with the reference, or with the model.
#[test]
fn every_operator_agrees_with_the_reference() {
    let engines = Engines::new();
    let mut coverage = Coverage::default();
    let mut errors = Vec::new();
    for run in [run_operators, run_accesses, run_rest, run_uppers, run_atomics] {
        let (covered, failed) = run(&engines);
        coverage.merge(covered);
        errors.extend(failed);
    }
    let (kinds, count) = coverage.totals();
    let calls = engines.calls.load(Ordering::Relaxed);
    println!("{kinds} operators, in {count} places of functions that were executed, {calls} calls compared");
    assert!(calls > if proving() { 10_000_000 } else { 1_000_000 }, "{calls} calls compared");
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let missing = coverage.missing();
    assert!(missing.is_empty(), "never executed: {missing:?}");
}

/// Programs that press on registers, stack and control flow do the same in both engines.
#[test]
fn programs_agree_with_the_reference() {
    let engines = Engines::new();
    let operators: Vec<_> = operators::operators().into_iter().filter(|op| op.values.is_none()).collect();
    let start = env_number("UPDRAFT_SEED_START").unwrap_or(0);
    let count = env_number("UPDRAFT_PROGRAMS").unwrap_or(if proving() { PROGRAMS_PROOF } else { PROGRAMS });
    let compared = AtomicU64::new(0);
    let (coverage, errors) = in_parallel(start..start + count, |seed, coverage| {
        let (text, cases) = programs::module(&operators, seed);
        let wasm = parse(&text);
        for mode in modes_of(seed) {
            let verdict = attempt(&engines, mode, &wasm, &cases, Nans::Exact, coverage)
                .map_err(|error| keep(&format!("program-{seed}-{}", MODES[mode].name), &wasm, &error.0))?;
            // Relaxed: read after the threads have ended.
            compared.fetch_add(u64::from(verdict == Verdict::Same), Ordering::Relaxed);
        }
        Ok(())
    });
    let (kinds, places) = coverage.totals();
    let compared = compared.into_inner();
    println!(
        "{count} programs, {compared} comparisons: {kinds} operators, in {places} places of functions that were executed"
    );
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert!(compared >= count * 2, "too few programs were compared");
    assert!(count < PROGRAMS || kinds > 380, "{kinds} operators");
}

/// Loops of programs that are left for the top tier at whatever time their headers are reached: at their first, second,
/// third or fifth time, in both baseline compilers, with and without signals. Every type of value is alive at them.
#[test]
fn loops_that_go_on_in_the_top_tier_agree_with_the_reference() {
    let modes = ["osr", "osr-signals-off", "osr-portable"];
    let configs = modes.iter().flat_map(|mode| [1, 2, 3, 5].map(|every| (mode, every)));
    let ours: Vec<Engine> = configs
        .map(|(mode, every)| {
            let mut config = common::Mode::named(mode).config();
            config.tiering.osr = updraft::config::Osr::At(every);
            Engine::new(config).expect("an engine")
        })
        .collect();
    let reference = reference();
    let operators: Vec<_> = operators::operators().into_iter().filter(|op| op.values.is_none()).collect();
    let start = env_number("UPDRAFT_SEED_START").unwrap_or(0);
    let count = env_number("UPDRAFT_PROGRAMS").unwrap_or(if proving() { PROGRAMS_PROOF } else { PROGRAMS / 2 });
    let (sites, entries) = (AtomicU64::new(0), AtomicU64::new(0));
    let live = Mutex::new(std::collections::BTreeMap::<String, u64>::new());
    let (_, errors) = in_parallel(start..start + count, |seed, _| {
        let (text, cases) = programs::module(&operators, seed);
        let wasm = parse(&text);
        let mut entered = std::collections::BTreeSet::new();
        for number in [seed as usize, seed as usize + 5] {
            let engine = number % ours.len();
            let kept = |error: Mismatch| keep(&format!("osr-{seed}-{engine}"), &wasm, &error.0);
            let pair = Pair::new(&ours[engine], &reference, &wasm).map_err(kept)?;
            let Ok(mut pair) = pair else { continue };
            for case in &cases {
                let (verdict, _) = pair.call(&case.export, &case.args, Nans::Exact).map_err(kept)?;
                if verdict == Verdict::Inconclusive {
                    return Err(keep(&format!("osr-{seed}-{engine}"), &wasm, "it ran out of resources"));
                }
            }
            pair.compare_state().map_err(kept)?;
            let counts = pair.module.osr_counts();
            if counts.refused + counts.claimed != 0 {
                return Err(keep(&format!("osr-{seed}-{engine}"), &wasm, &format!("{counts:?}")));
            }
            // Relaxed, here and below: read after the threads have ended.
            entries.fetch_add(counts.entered, Ordering::Relaxed);
            let module = pair.module.module();
            for (func, site) in pair.module.osr_entered() {
                if entered.insert((func, site)) {
                    let mut live = live.lock().expect("no thread panics while it holds the lock");
                    coverage::local_types(module, func).for_each(|ty| *live.entry(ty).or_default() += 1);
                }
            }
        }
        sites.fetch_add(entered.len() as u64, Ordering::Relaxed);
        Ok(())
    });
    let (sites, entries) = (sites.into_inner(), entries.into_inner());
    let live = live.into_inner().expect("no thread panicked");
    println!("osr: {entries} entries at {sites} loops of {count} programs; alive at so many of them: {live:?}");
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert!(sites >= if proving() { 100_000 } else { count }, "{sites} loops");
    for ty in ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"] {
        assert_eq!(live.get(ty), Some(&sites), "loops with a live {ty}");
    }
}

/// A NaN result has the one canonical bit pattern when the engine is told so.
#[test]
fn nans_are_canonical_on_request() {
    let engines: Vec<Engine> = ["eager", "baseline", "baseline-no-avx"]
        .iter()
        .map(|mode| updraft::config::Config { canonicalize_nans: true, ..common::Mode::named(mode).config() })
        .map(|config| Engine::new(config).expect("an engine"))
        .collect();
    let operators = operators::operators();
    let (_, errors) = in_parallel(0..(operators.len() * engines.len()) as u64, |number, _| {
        let (engine, number) = (&engines[number as usize % engines.len()], number / engines.len() as u64);
        let op = &operators[number as usize];
        if op.nans == Nans::Exact {
            return Ok(());
        }
        let (text, cases) = operators::module(op, &mut Rng::new(number));
        let module = common::compile(engine, &text);
        let mut store = updraft::runtime::store::Store::new(engine).expect("a store");
        let instance = updraft::runtime::instance::Instance::new(&mut store, &module, &[]).expect("an instance");
        for case in &cases {
            let func = common::exported_func(&mut store, instance, &case.export);
            let results =
                common::call(&mut store, func, &case.args).map_err(|error| format!("{}: {error}", op.text))?;
            store.release(func.0).expect("a live handle");
            if !results.iter().all(|value| is_canonical(value, op.nans)) {
                return Err(format!("{} {:x?} gives {results:x?}", op.text, case.args));
            }
        }
        Ok(())
    });
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

fn is_canonical(value: &Val, nans: Nans) -> bool {
    let f32_ok = |bits: u32| !f32::from_bits(bits).is_nan() || bits == 0x7fc0_0000;
    let f64_ok = |bits: u64| !f64::from_bits(bits).is_nan() || bits == 0x7ff8_0000_0000_0000;
    match value {
        Val::F32(bits) => f32_ok(*bits),
        Val::F64(bits) => f64_ok(*bits),
        Val::V128(bytes) if nans == Nans::AnyF32x4 => {
            bytes.as_chunks().0.iter().all(|lane| f32_ok(u32::from_le_bytes(*lane)))
        }
        Val::V128(bytes) => bytes.as_chunks().0.iter().all(|lane| f64_ok(u64::from_le_bytes(*lane))),
        _ => true,
    }
}

/// Random modules do the same in both engines.
#[test]
fn random_modules_agree_with_the_reference() {
    if campaign::is_child() {
        return;
    }
    let start = env_number("UPDRAFT_SEED_START").unwrap_or(0);
    let count = env_number("UPDRAFT_CASES").unwrap_or(if proving() { PROOF } else { SLICE });
    let report = campaign::run("random_modules_agree_with_the_reference", start..start + count);
    let counts = ["compared", "calls", "traps", "inconclusive", "nothing", "crashes of the reference"];
    let [compared, calls, traps, inconclusive, nothing, crashes] = counts.map(|name| report.count(name));
    let (kinds, places) = report.coverage.totals();
    println!(
        "differential: {compared} modules compared in {calls} calls ({traps} trapped), {inconclusive} inconclusive, \
         {nothing} empty, {crashes} crashes of the reference; {kinds} operators in {places} places"
    );
    assert!(report.errors.is_empty(), "{}", report.errors.join("\n"));
    assert_eq!(compared + inconclusive + nothing + crashes, count, "every seed has one outcome");
    // Counters, so that a generator which makes nothing or an oracle which says nothing is noticed.
    if count >= 1000 {
        assert!(compared * 10 >= count * 7, "too few modules were compared");
        assert!(calls >= compared * 2, "too few calls");
        assert!(crashes * 1000 <= count, "the reference crashes too often to be one");
        let missing = report.coverage.missing();
        let allowed = if count >= PROOF { 0 } else { MISSING };
        let unexpected: Vec<_> = missing.iter().filter(|name| !only_by_hand(name)).collect();
        assert!(unexpected.len() <= allowed, "random modules never executed {unexpected:?}");
    }
}

/// How many operators a slice of random modules may miss; the test of single operators misses none.
const MISSING: usize = 40;

/// Operators that random modules cannot have: the reference lacks atomics, and relaxed ones are not compared.
fn only_by_hand(name: &str) -> bool {
    name.contains("Atomic") || name.contains("Relaxed")
}
