//! What a profile of an earlier run is worth: how soon the hot functions of a program are in the top tier with it and
//! without, from the bytes on, and how long the program takes.
//!
//!     cargo run --profile fast --example profiles -- FILE.wasm [arguments...]
//!
//! A kernel's argument is its amount of work; of a WASI command the directory in which it is run is open as ".".
//! Hot is what a first run had in the top tier. The ways are run in turns: without; with the profile when the module is
//! made; with the module's own hint sections, made of that profile. Each line has the middle of several rounds: when
//! half of the hot functions, by their heat, and when all of them that get there in this way were in the top tier; the
//! whole time; processor time of the process.

use std::time::Instant;

use updraft::compile::advice;
use updraft::compile::events::{EventKind, Scope};
use updraft::config::Config;
use updraft::engine::{CompiledModule, Engine, ModuleOptions, ProfileData, Reach};
use updraft::runtime::linker::Linker;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::types::{DefinedFunc, Tier};
use updraft::wasi::{Access, Wasi, WasiConfig};

const ROUNDS: usize = 7;

/// Seconds, by this clock.
fn clock(id: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live struct.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A run: the module, how long it took, processor time, and when each function got code of the top tier.
struct Run {
    module: CompiledModule,
    wall: f64,
    process: f64,
    tiered: Vec<(u32, f64)>,
}

fn run(bytes: &[u8], options: &ModuleOptions, arguments: &[String]) -> Run {
    let engine = Engine::new(Config::default()).expect("an engine");
    let events = engine.events().subscribe(Scope::Engine, 1 << EventKind::FunctionTiered as u32, 1 << 16);
    let mut wasi = WasiConfig::new();
    wasi.arg("program").args(arguments.iter().map(String::as_str)).preopen(".", ".", Access::ReadOnly);
    let wasi = Wasi::new(wasi).expect("a WASI state");
    let (start, before) = (Instant::now(), clock(libc::CLOCK_PROCESS_CPUTIME_ID));
    let start_ns = clock(libc::CLOCK_MONOTONIC);
    let module = CompiledModule::with_options(&engine, bytes, options).expect("a module");
    let mut store = Store::new(&engine).expect("a store");
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
    let process = clock(libc::CLOCK_PROCESS_CPUTIME_ID) - before;
    let mut told = Vec::new();
    events.drain(&mut told, usize::MAX).expect("nobody else takes them");
    let tiered = told.iter().filter(|event| event.to_tier == Some(Tier::Top));
    let tiered = tiered.map(|event| (event.func, event.time_ns as f64 / 1e9 - start_ns)).collect();
    Run { module, wall, process, tiered }
}

/// When so much of the heat was in the top tier, of that which got there.
fn when(run: &Run, heat: &[(u32, u64)], part: f64) -> f64 {
    let heat_of = |func: u32| heat.iter().find(|(hot, _)| *hot == func).map_or(0, |(_, heat)| *heat);
    let mut tiered: Vec<(f64, u64)> = run.tiered.iter().map(|(func, at)| (*at, heat_of(*func))).collect();
    tiered.retain(|(_, heat)| *heat > 0);
    tiered.sort_by(|one, next| one.0.total_cmp(&next.0));
    let all: u64 = heat.iter().map(|(_, heat)| *heat).sum();
    let mut sum = 0;
    let reached = tiered.iter().find(|(_, heat)| {
        sum += heat;
        sum as f64 >= part * all as f64
    });
    reached.or(tiered.last()).map_or(f64::NAN, |(at, _)| *at)
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let bytes = std::fs::read(arguments.next().expect("a file")).expect("a module");
    let arguments: Vec<String> = arguments.collect();
    let first = run(&bytes, &ModuleOptions::default(), &arguments);
    let known: ProfileData = first.module.profile();
    let (module, profile) = (first.module.module(), first.module.export_profile());
    let heats = advice::heat(module, &known);
    let is_hot = |func: &DefinedFunc| known.function(*func).is_some_and(|record| record.reach == Reach::Top);
    let hot = (0..module.defined_func_count() as u32).map(DefinedFunc).filter(is_hot);
    let hot: Vec<(u32, u64)> = hot.map(|func| (module.func_index(func).0, heats[func.index()].max(1))).collect();
    let ran = known.functions.iter().filter(|(_, record)| record.reach != Reach::Nowhere).count();
    println!(
        "{} functions, {ran} ran, {} hot; a profile of {} bytes",
        module.defined_func_count(),
        hot.len(),
        profile.len()
    );
    let with_hints = first.module.export_with_hints();
    let plain = ModuleOptions::default();
    let given = ModuleOptions { profile: Some(profile.into()), ..ModuleOptions::default() };
    let ways = [("without", &bytes, &plain), ("profile", &bytes, &given), ("hints", &with_hints, &plain)];
    let mut times: [[Vec<f64>; 5]; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (times, (_, bytes, options)) in times.iter_mut().zip(&ways) {
            let run = run(bytes, options, &arguments);
            let values = [when(&run, &hot, 0.5), when(&run, &hot, 0.9), when(&run, &hot, 1.0), run.wall, run.process];
            times.iter_mut().zip(values).for_each(|(times, value)| times.push(value));
        }
    }
    println!("{:8} {:>10} {:>10} {:>10} {:>10} {:>10}", "", "half hot", "90 % hot", "all hot", "end", "processor");
    for (times, (name, ..)) in times.into_iter().zip(ways) {
        let [half, most, all, wall, process] = times.map(|values| middle(values) * 1e3);
        println!("{name:8} {half:8.2}ms {most:8.2}ms {all:8.2}ms {wall:8.2}ms {process:8.2}ms");
    }
}
