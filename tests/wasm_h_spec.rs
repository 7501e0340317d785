//! The specification's test-suite once more, driven through the functions of wasm.h alone.
//!
//! In: the scripts of `tests/spec/suite.rs`. Out: what passed, failed and was skipped, and why. Arguments that are no
//! flags select files by a part of their name. Skipped is what the engine does not implement, and what wasm.h cannot
//! express: values of type v128, tables with 64-bit indices and shared memories made by the host.

// A test program has no public interface; `pub` is what its modules show each other.
#![allow(unreachable_pub)]

#[path = "wasm_h_spec/objects.rs"]
mod objects;
#[path = "wasm_h_spec/runner.rs"]
mod runner;
#[path = "spec/suite.rs"]
mod suite;
#[path = "spec/values.rs"]
#[allow(dead_code)]
mod values;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use objects::Engine;
use runner::{Engines, Outcome, run_script};
use suite::Script;
use updraft::config::Config;

/// Assertions and modules that pass. Fewer is a failure even if none failed: something was lost.
const PASSED_AT_LEAST: usize = 94_000;

/// Stack of the threads that run scripts: the engine's limit for calls, and room for the test itself.
const THREAD_STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let scripts: Vec<Script> = suite::scripts()
        .into_iter()
        .filter(|script| filters.is_empty() || filters.iter().any(|filter| script.name.contains(filter.as_str())))
        .collect();
    let engines: Vec<Engines> = suite::FEATURE_SETS
        .iter()
        .map(|features| Engines {
            standard: Engine::with_features(*features),
            native: updraft::engine::Engine::new(Config { features: *features, ..Config::default() })
                .expect("an engine"),
        })
        .collect();
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::new());
    let work = || {
        // Relaxed: the counter hands out numbers, the mutex the outcomes.
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < scripts.len()) {
            let script = &scripts[index];
            let outcome = run_script(&engines[script.feature_set], script);
            outcomes.lock().expect("no thread panics while it holds the lock").push((index, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |count| count.get()) {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no thread panicked");
    outcomes.sort_by_key(|(index, _)| *index);
    if report(&scripts, &outcomes, filters.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what happened. False if anything failed, or too little passed.
fn report(scripts: &[Script], outcomes: &[(usize, Outcome)], complete: bool) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, outcome) in outcomes {
        passed += outcome.passed;
        failed += outcome.failures.len();
        for failure in &outcome.failures {
            println!("FAILED {}:{failure}", scripts[*index].name);
        }
        for (reason, count) in &outcome.skipped {
            skipped += count;
            *reasons.entry(reason).or_default() += count;
        }
    }
    for (reason, count) in reasons {
        println!("skipped {count}: {reason}");
    }
    println!("spec through wasm.h: {passed} passed, {failed} failed, {skipped} skipped");
    if complete && passed < PASSED_AT_LEAST {
        println!("spec through wasm.h: at least {PASSED_AT_LEAST} passed when this floor was committed");
        return false;
    }
    failed == 0
}
