//! A campaign of random modules in child processes, so that a crash costs one seed and is known by it.
//!
//!     campaign:  chunks of seeds -> child processes -> [`Report`]s
//!     child:     seeds -> both engines -> lines on standard output
//!
//! A seed that kills its process is run again in our engine alone: if that works, the reference was to blame.

use std::collections::HashMap;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::common::{MODES, cores};
use crate::coverage::Coverage;
use crate::smith::{self, Outcome};
use crate::{Engines, THREAD_STACK, keep};

/// Tells a process that it is a child, and its seeds: `start..end`, with `alone` for our engine only.
const SEEDS: &str = "UPDRAFT_DIFFERENTIAL_SEEDS";
const ALONE: &str = "alone";

/// Seeds of one child.
const CHUNK: u64 = 1000;

/// After so many errors there is enough to look at.
const ENOUGH: usize = 20;

/// What came of a range of seeds.
#[derive(Default)]
pub struct Report {
    /// By name: compared, calls, traps, inconclusive, nothing, crashes of the reference.
    pub counts: HashMap<String, u64>,
    pub coverage: Coverage,
    pub errors: Vec<String>,
}

impl Report {
    /// A count, zero if there was nothing to count.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    fn add(&mut self, name: &str, count: u64) {
        *self.counts.entry(name.to_owned()).or_default() += count;
    }
}

/// Does a child's work if this process is one; false if it is not.
pub fn is_child() -> bool {
    let Ok(seeds) = std::env::var(SEEDS) else { return false };
    let mut words = seeds.split(' ');
    let (start, end) = words.next().and_then(|range| range.split_once("..")).expect("a range of seeds");
    let range = start.parse().expect("a seed")..end.parse().expect("a seed");
    let alone = words.next() == Some(ALONE);
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
    thread.spawn(move || child(range, alone)).expect("a thread").join().expect("no panic");
    true
}

fn child(range: Range<u64>, alone: bool) {
    let engines = Engines::new();
    let mut report = Report::default();
    for seed in range {
        // The parent learns from the last line of this kind who killed the process.
        println!("\n@ {seed}");
        let Some(module) = smith::module(seed) else {
            report.add("nothing", 1);
            continue;
        };
        let mode = seed as usize % MODES.len();
        if alone {
            smith::run_alone(&engines.ours[mode], seed, &module);
            continue;
        }
        match smith::run(&engines.ours[mode], &engines.reference, seed, &module, &mut report.coverage) {
            Ok(Outcome::Compared { calls, traps }) => {
                report.add("compared", 1);
                report.add("calls", calls);
                report.add("traps", traps);
            }
            Ok(Outcome::Inconclusive) => report.add("inconclusive", 1),
            Ok(Outcome::Nothing) => report.add("nothing", 1),
            Err(error) => {
                let error = keep(&format!("seed-{seed}-{}", MODES[mode].name), &module.wasm, &error.0);
                println!("! {}", error.replace('\n', " "));
            }
        }
    }
    for (name, count) in &report.counts {
        println!("# {name} {count}");
    }
    for (name, count) in report.coverage.counts() {
        println!("+ {name} {count}");
    }
}

/// How a child ended.
enum End {
    /// With these lines.
    Well(String),
    /// By a signal or a panic, while it ran this seed.
    Badly(u64, String),
}

fn start_child(test: &str, seeds: &Range<u64>, alone: bool) -> End {
    let mut text = format!("{}..{}", seeds.start, seeds.end);
    if alone {
        text.push_str(&format!(" {ALONE}"));
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(SEEDS, text)
        .stdin(Stdio::null())
        .output()
        .expect("a process");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return End::Well(lines);
    }
    let last = lines.lines().rev().find_map(|line| line.strip_prefix("@ ")).and_then(|seed| seed.parse().ok());
    let errors = String::from_utf8_lossy(&output.stderr);
    End::Badly(last.unwrap_or(seeds.start), format!("{}: {}", output.status, errors.trim()))
}

/// Runs all seeds of a range in children, on all cores. `test` is the test that children are to run.
pub fn run(test: &str, range: Range<u64>) -> Report {
    let chunk = CHUNK.min((range.end - range.start).div_ceil(cores() as u64 * 2)).max(1);
    let starts = range.clone().step_by(chunk as usize);
    let mut chunks: Vec<Range<u64>> = starts.map(|start| start..range.end.min(start + chunk)).collect();
    chunks.reverse();
    let state = Mutex::new((chunks, Report::default()));
    let work = || {
        loop {
            let mut locked = state.lock().expect("no thread panics while it holds the lock");
            let (chunks, report) = &mut *locked;
            let Some(seeds) = chunks.pop().filter(|_| report.errors.len() < ENOUGH) else { break };
            drop(locked);
            let end = start_child(test, &seeds, false);
            let blame = match &end {
                End::Badly(seed, _) => Some(start_child(test, &(*seed..*seed + 1), true)),
                End::Well(_) => None,
            };
            let mut locked = state.lock().expect("no thread panics while it holds the lock");
            let (chunks, report) = &mut *locked;
            match end {
                End::Well(lines) => {
                    collect(report, &lines);
                    if seeds.end % 50_000 == 0 {
                        println!("differential: seed {}, {} modules compared", seeds.end, report.count("compared"));
                    }
                }
                End::Badly(seed, how) => {
                    match blame {
                        Some(End::Badly(_, how)) => report.errors.push(format!("seed {seed}: {how}")),
                        _ => {
                            println!("differential: seed {seed} kills the reference: {how}");
                            report.add("crashes of the reference", 1);
                        }
                    }
                    // What the child had to tell about its other seeds is lost.
                    chunks
                        .extend([seed + 1..seeds.end, seeds.start..seed].into_iter().filter(|seeds| !seeds.is_empty()));
                }
            }
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(work))));
    state.into_inner().expect("no thread panicked").1
}

fn collect(report: &mut Report, lines: &str) {
    for line in lines.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "!" => report.errors.push(rest.to_owned()),
            "#" | "+" => {
                let (name, count) = rest.rsplit_once(' ').expect("a name and a count");
                let count = count.parse().expect("a count");
                if kind == "#" { report.add(name, count) } else { report.coverage.add_count(name, count) }
            }
            _ => {}
        }
    }
}
