//! How fast bodies are validated, in millions of bytes of code per second on one thread: our analysis, and
//! wasmparser on the same bodies in the same run.
//!
//!     cargo run --profile fast --example validate -- <modules>...
//!
//! The best of several rounds counts. Modules with less than 20 kB of code are left out.

use std::time::Instant;

use updraft::module::Features;
use updraft::module::body::{self, AnalysisScratch};
use updraft::module::decode::decode;
use updraft::types::DefinedFunc;
use wasmparser::{FuncToValidate, FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures};

/// Rounds per module and validator.
const ROUNDS: usize = 7;

/// Bytes of code that are worth measuring.
const LEAST: usize = 20_000;

/// Seconds of the fastest round.
fn best(mut round: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    });
    rounds.fold(f64::MAX, f64::min)
}

/// Seconds that wasmparser takes for the bodies of a module.
fn reference(bytes: &[u8]) -> f64 {
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let valid = validator.payload(&payload.expect("a module that has been decoded"));
        if let ValidPayload::Func(function, body) = valid.expect("a module that has been decoded") {
            functions.push((function, body));
        }
    }
    let mut memory = FuncValidatorAllocations::default();
    best(|| {
        for (function, body) in &functions {
            let FuncToValidate { resources, index, ty, features } = function;
            let function = FuncToValidate { resources: resources.clone(), index: *index, ty: *ty, features: *features };
            let mut validator = function.into_validator(std::mem::take(&mut memory));
            validator.validate(body).expect("a valid body");
            memory = validator.into_allocations();
        }
    })
}

fn main() {
    println!("{:28} {:>8} {:>8} {:>10} {:>6}", "module", "MB", "ours", "wasmparser", "ratio");
    let mut logs: Vec<(f64, f64)> = Vec::new();
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let decoded = match decode(bytes.to_vec().into(), Features::ALL) {
            Ok(decoded) => decoded,
            Err(error) => {
                println!("{path}: {error}");
                continue;
            }
        };
        let module = decoded.module;
        let functions: Vec<DefinedFunc> = (0..module.defined_func_count() as u32).map(DefinedFunc).collect();
        let size: usize = functions.iter().map(|func| module.body_range(*func).len()).sum();
        if size < LEAST {
            continue;
        }
        let mut scratch = AnalysisScratch::default();
        let ours = best(|| {
            for func in &functions {
                assert!(body::analyse(&module, *func, &mut scratch).is_some(), "{path}: {func:?} is not accepted");
            }
        });
        let megabytes = size as f64 / 1e6;
        let (ours, theirs) = (megabytes / ours, megabytes / reference(&bytes));
        let name = path.rsplit('/').next().unwrap_or(&path);
        println!("{name:28} {megabytes:8.2} {ours:8.0} {theirs:10.0} {:6.2}", ours / theirs);
        logs.push((ours.ln(), theirs.ln()));
    }
    let count = logs.len() as f64;
    let ours = (logs.iter().map(|(ours, _)| ours).sum::<f64>() / count).exp();
    let theirs = (logs.iter().map(|(_, theirs)| theirs).sum::<f64>() / count).exp();
    println!("geometric mean: ours {ours:.0} MB/s, wasmparser {theirs:.0} MB/s, {:.2}x", ours / theirs);
}
