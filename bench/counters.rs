//! What the counters of two-tier baseline code cost in steady state: kernels in the baseline tier alone, and in the
//! baseline tier of an engine with both tiers whose budgets never run out.
//!
//!     cargo run --profile fast --example counters -- [kernel...]
//!
//! Processor time of the calling thread; the two are run in turns, and the best of several rounds counts.

use std::path::Path;

use updraft::config::{BaselineChoice, Config, Osr, Tiering, TieringPolicy, Tiers, Workers};
use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};

/// Rounds per kernel.
const ROUNDS: usize = 7;

/// Seconds of a run in the baseline tier, about.
const RUN: f64 = 0.1;

/// Seconds of processor time that this thread has taken.
fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live struct.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A kernel that is ready to run.
struct Ready {
    store: Store,
    run: Func,
}

impl Ready {
    fn new(bytes: &[u8], config: Config) -> Ready {
        let engine = Engine::new(config).expect("an engine");
        let module = CompiledModule::new(&engine, bytes).expect("a kernel");
        let mut store = Store::new(&engine).expect("a store");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let Some(Extern::Func(run)) = instance.export(&mut store, "run").expect("a live instance") else {
            panic!("a kernel exports `run`")
        };
        Ready { store, run }
    }

    /// Seconds that it takes, and its checksum.
    fn run(&mut self, n: u32) -> (f64, u64) {
        let mut results = [Val::I64(0)];
        let start = thread_time();
        self.run.call(&mut self.store, &[Val::I32(n as i32)], &mut results).expect("a kernel does not trap");
        let Val::I64(checksum) = results[0] else { panic!("a checksum") };
        (thread_time() - start, checksum as u64)
    }
}

fn baseline() -> Config {
    Config { tiers: Tiers::Baseline, baseline: BaselineChoice::Native, ..Config::default() }
}

fn counters() -> Config {
    let policy = TieringPolicy::Custom(i32::MAX as u32);
    Config {
        tiers: Tiers::Both,
        tiering: Tiering { policy, osr: Osr::Off, ..Tiering::default() },
        workers: Workers::Threads(0),
        ..baseline()
    }
}

/// Kernels with the amount of work that the list of them names.
fn kernels(folder: &Path) -> Vec<(String, u32)> {
    let list = std::fs::read_to_string(folder.join("manifest.json")).expect("the list of kernels");
    let lines = list.lines().filter_map(|line| {
        let (name, rest) = line.trim().strip_prefix('"')?.split_once("\": {\"n\": ")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    });
    lines.collect()
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/kernels");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    println!("{:16} {:>10} {:>10} {:>7}", "kernel", "baseline", "counters", "ratio");
    let mut logs = Vec::new();
    for (name, most) in kernels(&folder).into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)) {
        let bytes = std::fs::read(folder.join(format!("{name}.wasm"))).expect("a kernel");
        let (mut plain, mut counting) = (Ready::new(&bytes, baseline()), Ready::new(&bytes, counters()));
        let mut n = most;
        while n > 1 && plain.run(n).0 > 2.0 * RUN {
            n = n.div_ceil(2);
        }
        let mut best = [f64::MAX; 2];
        for _ in 0..ROUNDS {
            let ((a, one), (b, other)) = (plain.run(n), counting.run(n));
            assert_eq!(one, other, "{name}");
            best = [best[0].min(a), best[1].min(b)];
        }
        let ratio = best[1] / best[0];
        logs.push(ratio.ln());
        println!("{name:16} {:8.1}ms {:8.1}ms {ratio:7.3}", best[0] * 1e3, best[1] * 1e3);
    }
    println!("geometric mean {:.3}", (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp());
}
