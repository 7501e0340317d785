//! When to compile what: a WASI command or a kernel from its bytes to its end, with each default that an engine could
//! have.
//!
//!     cargo run --profile fast --example strategies -- FILE.wasm [arguments...]
//!
//! A kernel's argument is its amount of work. Wall time, processor time of the thread that runs the program, and of the
//! process; the ways are run in turns, and the best of several rounds counts.
//!
//!     cargo run --profile fast --example strategies -- --bars [--rounds N] FILE.wasm...
//!
//! What making modules is held to, a line for each bar, over all files (geometric mean, and the worst): how a second thread
//! speeds up making a lazy module, and compiling a whole one by either tier (the optimising one up to 512 KiB); and what
//! making a lazy module costs beyond validating it. Wall time, the best of the rounds, in which the ways take turns; on a machine
//! that does other work, too, only the last line holds, which compares processor time.

use std::sync::Arc;
use std::time::Instant;

use updraft::config::{Config, Strategy, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::module::SharedBytes;
use updraft::runtime::linker::Linker;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::wasi::{Wasi, WasiConfig};

const ROUNDS: usize = 5;

/// Seconds of processor time, by this clock.
fn clock(id: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live struct.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Wall time, the thread's and the process's.
fn run(config: Config, bytes: &[u8], arguments: &[String]) -> [f64; 3] {
    let clocks = [libc::CLOCK_THREAD_CPUTIME_ID, libc::CLOCK_PROCESS_CPUTIME_ID];
    let (start, before) = (Instant::now(), clocks.map(clock));
    let engine = Engine::new(config).expect("an engine");
    let module = CompiledModule::new(&engine, bytes).expect("a module");
    let mut store = Store::new(&engine).expect("a store");
    let mut wasi = WasiConfig::new();
    wasi.arg("program").args(arguments.iter().map(String::as_str));
    let wasi = Wasi::new(wasi).expect("a WASI state");
    let mut linker = Linker::new(&engine);
    wasi.add_to_linker(&mut linker).expect("an empty linker");
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    if let Some(Extern::Func(kernel)) = instance.export(&mut store, "run").expect("a live instance") {
        let work = arguments.first().and_then(|text| text.parse().ok()).expect("a kernel's amount of work");
        kernel.call(&mut store, &[Val::I32(work)], &mut [Val::I64(0)]).expect("a kernel does not trap");
    } else if let Some(Extern::Func(command)) = instance.export(&mut store, "_start").expect("a live instance") {
        // The end of a program is a trap, and so is its failure: the times are what is wanted.
        let _ = command.call(&mut store, &[], &mut []);
    }
    let wall = start.elapsed().as_secs_f64();
    let [thread, process] = [0, 1].map(|i| clock(clocks[i]) - before[i]);
    [wall, thread, process]
}

/// Wall time, and processor time of the process.
fn measured(what: impl FnOnce()) -> [f64; 2] {
    let (start, before) = (Instant::now(), clock(libc::CLOCK_PROCESS_CPUTIME_ID));
    what();
    [start.elapsed().as_secs_f64(), clock(libc::CLOCK_PROCESS_CPUTIME_ID) - before]
}

/// Makes a module of the bytes, which are not copied, as a host does that has them.
fn make(engine: &Engine, bytes: &SharedBytes) {
    CompiledModule::from_shared(engine, bytes, &ModuleOptions::default()).expect("a module");
}

/// What a ratio is held to.
#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// Geometric mean, and the worst.
fn line(name: &str, ratios: &[f64], bar: Bar) {
    if ratios.is_empty() {
        return;
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let (worst, sign, bar, is_met) = match bar {
        Bar::AtLeast(bar) => (ratios.iter().copied().fold(f64::MAX, f64::min), ">=", bar, mean >= bar),
        Bar::AtMost(bar) => (ratios.iter().copied().fold(0.0, f64::max), "<=", bar, mean <= bar),
    };
    let verdict = if is_met { "met" } else { "missed" };
    println!("{name:52} {mean:6.3}   worst {worst:6.3}   {sign} {bar:.2}   {verdict}");
}

/// Bytes of modules that the optimising tier compiles whole here.
const SMALL: usize = 512 << 10;

fn bars(rounds: usize, files: &[String]) {
    let engine = |tiers, strategy, compile_threads| {
        Engine::new(Config { tiers, strategy, compile_threads, ..Config::default() }).expect("an engine")
    };
    let kinds = [(Tiers::Both, Strategy::Lazy), (Tiers::Baseline, Strategy::Eager), (Tiers::Top, Strategy::Eager)];
    let engines = kinds.map(|(tiers, strategy)| [1, 2].map(|threads| engine(tiers, strategy, threads)));
    let (mut speedups, mut price) = ([const { Vec::new() }; 3], Vec::new());
    for path in files {
        let bytes: SharedBytes = Arc::new(std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}")));
        let len = (*bytes).as_ref().len();
        // Of each kind and number of threads: wall time. Then processor time, with one thread, of making and validating.
        let (mut best, mut alone) = ([[f64::MAX; 2]; 3], [f64::MAX; 2]);
        for _ in 0..rounds {
            for (kind, engines) in engines.iter().enumerate().filter(|(kind, _)| *kind < 2 || len < SMALL) {
                for (threads, engine) in engines.iter().enumerate() {
                    let [wall, _] = measured(|| make(engine, &bytes));
                    best[kind][threads] = best[kind][threads].min(wall);
                }
            }
            // Both from a copy.
            let (lazy, bytes) = (&engines[0][0], (*bytes).as_ref());
            let made = measured(|| drop(CompiledModule::new(lazy, bytes).expect("a module")));
            let validated = measured(|| CompiledModule::validate(lazy, bytes).expect("a valid module"));
            (alone[0], alone[1]) = (alone[0].min(made[1]), alone[1].min(validated[1]));
        }
        for (speedups, [one, two]) in speedups.iter_mut().zip(best).filter(|(_, best)| best[0] != f64::MAX) {
            speedups.push(one / two);
        }
        price.push(alone[0] / alone[1]);
    }
    line("making a lazy module, two threads against one", &speedups[0], Bar::AtLeast(1.8));
    line("compiling by the baseline tier, two against one", &speedups[1], Bar::AtLeast(1.85));
    line("compiling by the optimising tier, two against one", &speedups[2], Bar::AtLeast(1.85));
    line("making a lazy module against validating it", &price, Bar::AtMost(1.1));
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "--bars").is_some() {
        let mut rounds = 15;
        if arguments.next_if(|argument| argument == "--rounds").is_some() {
            rounds = arguments.next().and_then(|text| text.parse().ok()).expect("a number of rounds");
        }
        return bars(rounds, &arguments.collect::<Vec<_>>());
    }
    let bytes = std::fs::read(arguments.next().expect("a file")).expect("a module");
    let arguments: Vec<String> = arguments.collect();
    let tiering = Tiering { policy: TieringPolicy::Default, ..Tiering::default() };
    let both = |strategy| Config { tiers: Tiers::Both, strategy, tiering, ..Config::default() };
    let ways = [
        ("top, eager", Config { tiers: Tiers::Top, strategy: Strategy::Eager, ..Config::default() }),
        ("baseline, eager", Config { tiers: Tiers::Baseline, strategy: Strategy::Eager, ..Config::default() }),
        ("both, eager", both(Strategy::Eager)),
        ("both, background", both(Strategy::EagerBackground)),
        ("both, lazy", both(Strategy::Lazy)),
    ];
    let mut best = [[f64::MAX; 3]; 5];
    for _ in 0..ROUNDS {
        for (best, (_, config)) in best.iter_mut().zip(&ways) {
            let times = run(config.clone(), &bytes, &arguments);
            (0..3).for_each(|i| best[i] = best[i].min(times[i]));
        }
    }
    println!("{:18} {:>10} {:>10} {:>10}", "", "wall", "thread", "process");
    for ([wall, thread, process], (name, _)) in best.into_iter().zip(ways) {
        println!("{name:18} {:8.2}ms {:8.2}ms {:8.2}ms", wall * 1e3, thread * 1e3, process * 1e3);
    }
}
