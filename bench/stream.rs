//! How long a module takes from its last byte, when its bytes come at the rate of a network.
//!
//!     cargo run --profile fast --example stream -- [--rate MB/S] [--rounds N] FILE.wasm...
//!
//! Per file, size of the pieces and strategy: milliseconds from the last piece to the module, the best and the median of
//! the rounds; and beside it what the module takes when all bytes are there at once, and the processor time of the process
//! per megabyte both ways: all of it, and without what sleeping until the next piece takes, which is measured by itself. Two threads compile, the one that brings the bytes included. Pieces come when it is their time
//! by the clock; a piece that is late does not make the next ones late.

use std::time::{Duration, Instant};

use updraft::config::{Config, Strategy, Tiers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions, Stream};

const PIECES: [usize; 3] = [1 << 10, 8 << 10, 64 << 10];
const STRATEGIES: [(&str, Strategy); 2] = [("lazy", Strategy::Lazy), ("eager", Strategy::Eager)];

/// Seconds of processor time of the process.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live struct.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn engine(strategy: Strategy) -> Engine {
    let config = Config { tiers: Tiers::Both, strategy, compile_threads: 2, ..Config::default() };
    Engine::new(config).expect("an engine")
}

/// What a round took, in seconds.
struct Round {
    /// From the last piece, or from all bytes, to the module.
    ready: f64,
    /// Processor time from the first piece on, and what sleeping takes of it.
    spent: f64,
    asleep: f64,
}

/// Does something with each piece when it is its time; when the last one came.
fn in_time(bytes: &[u8], piece: usize, rate: f64, mut each: impl FnMut(&[u8])) -> Instant {
    let begun = Instant::now();
    let (mut sent, mut last) = (0, begun);
    for piece in bytes.chunks(piece) {
        sent += piece.len();
        let due = begun + Duration::from_secs_f64(sent as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        last = Instant::now();
        each(piece);
    }
    last
}

fn streamed(strategy: Strategy, bytes: &[u8], piece: usize, rate: f64) -> Round {
    let before = processor_time();
    in_time(bytes, piece, rate, |_| ());
    let asleep = processor_time() - before;
    let engine = engine(strategy);
    let mut stream = Stream::new(&engine, &ModuleOptions::default(), bytes.len()).expect("a stream");
    let before = processor_time();
    let last = in_time(bytes, piece, rate, |piece| stream.write(piece).expect("a valid module"));
    let module = stream.finish().expect("a valid module");
    let ready = last.elapsed().as_secs_f64();
    let spent = processor_time() - before;
    drop(module);
    Round { ready, spent, asleep }
}

fn at_once(strategy: Strategy, bytes: &[u8]) -> Round {
    let engine = engine(strategy);
    let (begun, before) = (Instant::now(), processor_time());
    let module = CompiledModule::new(&engine, bytes).expect("a valid module");
    let (ready, spent) = (begun.elapsed().as_secs_f64(), processor_time() - before);
    drop(module);
    Round { ready, spent, asleep: 0.0 }
}

fn summary(mut rounds: Vec<Round>, megabytes: f64) -> String {
    rounds.sort_by(|a, b| a.ready.total_cmp(&b.ready));
    let (best, median) = (rounds[0].ready * 1e3, rounds[rounds.len() / 2].ready * 1e3);
    let least = |of: fn(&Round) -> f64| rounds.iter().map(of).fold(f64::MAX, f64::min) * 1e3 / megabytes;
    let (spent, awake) = (least(|round| round.spent), least(|round| round.spent - round.asleep));
    format!("{best:8.2} {median:8.2} {spent:8.2} {awake:8.2}")
}

fn main() {
    let (mut rate, mut rounds, mut files) = (10e6, 3, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<f64>().ok()).expect("a number");
        match argument.as_str() {
            "--rate" => rate = number() * 1e6,
            "--rounds" => rounds = number() as usize,
            _ => files.push(argument),
        }
    }
    println!(
        "{:32} {:>6} {:6} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "module", "MB", "", "pieces", "best ms", "median", "cpu/MB", "awake"
    );
    for path in files {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (name, megabytes) = (path.rsplit('/').next().unwrap_or(&path), bytes.len() as f64 / 1e6);
        for (label, strategy) in STRATEGIES {
            let line = |pieces: &str, figures: String| {
                println!("{name:32} {megabytes:6.1} {label:6} {pieces:>9} {figures}");
            };
            line("all", summary((0..rounds).map(|_| at_once(strategy, &bytes)).collect(), megabytes));
            for piece in PIECES {
                let ways = (0..rounds).map(|_| streamed(strategy, &bytes, piece, rate)).collect();
                line(&piece.to_string(), summary(ways, megabytes));
            }
        }
    }
}
