//! When to compile what: a WASI command or a kernel from its bytes to its end, with each default that an engine could
//! have.
//!
//!     cargo run --profile fast --example strategies -- FILE.wasm [arguments...]
//!
//! A kernel's argument is its amount of work. Wall time, processor time of the thread that runs the program, and of the
//! process; the ways are run in turns, and the best of several rounds counts.

use std::time::Instant;

use updraft::config::{Config, Strategy, Tiering, TieringPolicy, Tiers};
use updraft::engine::{CompiledModule, Engine};
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

fn main() {
    let mut arguments = std::env::args().skip(1);
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
