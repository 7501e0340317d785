//! Machine code of both tiers, as recorded in `tests/disas/*.wat`.
//!
//! A file is a module with comments:
//!
//!     ;;! explicit, signals off     what differs from the defaults (`Setup::parse`)
//!     (module ...)
//!     ;; function 0:                behind an empty line: the recorded code, one function after the other
//!     ;;   ...
//!
//! `UPDRAFT_BLESS=1` records what the compiler gives now. The code is made for a machine with x86-64-v2
//! and no more, so that it does not depend on the one that runs the test.
#![cfg(target_arch = "x86_64")]

#[path = "disas/listing.rs"]
mod listing;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use updraft::abi::vmctx::VmLayout;
use updraft::config::{Config, Target, Tiers};
use updraft::error::Result;
use updraft::module::{Features, decode};
use updraft::tier::baseline::{self, BaselineCompiler};
use updraft::tier::compiled::CompiledCode;
use updraft::tier::profile::{CallCount, FunctionProfile, IndirectCalls};
use updraft::tier::top::{Bounds, CallLinkage, HostKind, Scratch, TopCompiler};
use updraft::types::DefinedFunc;

/// What a file asks for.
struct Setup {
    config: Config,
    bounds: Bounds,
    linkage: CallLinkage,
    calls: Calls,
    /// The target of all indirect calls, as a profile has it.
    usual: Option<u32>,
    subject: Subject,
}

/// What becomes of calls of small functions.
#[derive(PartialEq)]
enum Calls {
    /// They may be replaced by what they call.
    Go,
    /// All of them stay.
    Stay,
}

/// What is recorded.
enum Subject {
    Functions,
    /// Functions, in the baseline tier, whose compiler is the engine's own.
    Baseline,
    /// The bridges between the host and WebAssembly, for each type of the module.
    Trampolines,
}

impl Setup {
    /// Reads the `;;!` lines of a file.
    fn parse(text: &str) -> Setup {
        let config = Config {
            tiers: Tiers::Baseline,
            target: Target::with_features("x86-64-v2"),
            interrupts: false,
            ..Config::default()
        };
        let mut setup = Setup {
            config,
            bounds: Bounds::Guarded,
            linkage: CallLinkage::Direct,
            calls: Calls::Go,
            usual: None,
            subject: Subject::Functions,
        };
        let words = text.lines().filter_map(|line| line.strip_prefix(";;!")).flat_map(|line| line.split(','));
        for word in words {
            match word.trim() {
                "explicit" => setup.bounds = Bounds::Explicit,
                "signals off" => (setup.config.signals, setup.bounds) = (false, Bounds::Explicit),
                "interrupts" => setup.config.interrupts = true,
                "fuel" => setup.config.fuel = true,
                "both tiers" => setup.config.tiers = Tiers::Both,
                "baseline" => setup.subject = Subject::Baseline,
                "trampolines" => setup.subject = Subject::Trampolines,
                "calls stay" => setup.calls = Calls::Stay,
                "lazy" => setup.linkage = CallLinkage::Slot,
                other if let Some(func) = other.strip_prefix("usual target ") => {
                    setup.usual = Some(func.parse().expect("a number"));
                }
                other => panic!("unknown setting: {other}"),
            }
        }
        setup
    }
}

/// A profile in which every call ran as often, and the indirect ones called this function almost always.
fn profile(wasm: &[u8], func: DefinedFunc) -> FunctionProfile {
    let mut profile = FunctionProfile::default();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("a valid module") else { continue };
        let mut operators = body.get_operators_reader().expect("a valid body");
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset().expect("a valid body");
            let wasm_offset = offset as u32;
            match operator {
                wasmparser::Operator::Call { .. } => profile.calls.push(CallCount { wasm_offset, count: 1000 }),
                wasmparser::Operator::CallIndirect { .. } | wasmparser::Operator::ReturnCallIndirect { .. } => {
                    let targets = vec![(func, 990)];
                    profile.indirect.push(IndirectCalls { wasm_offset, total: 1000, targets });
                }
                _ => {}
            }
        }
    }
    profile
}

/// The code that a file is about.
fn compile(name: &str, source: &str, setup: &Setup) -> String {
    let wasm = wat::parse_str(source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let module = decode::load(&wasm, Features::ALL, 1).unwrap_or_else(|error| panic!("{name}: {error}"));
    let compiler = TopCompiler::new(&setup.config, setup.bounds).expect("the machine has x86-64-v2");
    let compiler = if setup.calls == Calls::Stay { compiler.keep_calls() } else { compiler };
    let mut scratch = Scratch::new();
    let mut text = String::new();
    let mut list = |title: String, code: Result<CompiledCode>| {
        let code = code.unwrap_or_else(|error| panic!("{name}: {error}"));
        let _ = writeln!(text, "{title}:\n{}", listing::listing(&code).trim_end());
    };
    match setup.subject {
        Subject::Functions => {
            let layout = VmLayout::new(&module);
            let profile = setup.usual.map(|func| profile(&wasm, DefinedFunc(func)));
            for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
                let code =
                    compiler.compile_function(&mut scratch, &module, &layout, func, setup.linkage, profile.as_ref());
                list(format!("function {}", module.func_index(func).0), code);
            }
        }
        Subject::Baseline => {
            let layout = VmLayout::new(&module);
            let compiler = BaselineCompiler::new(&setup.config, setup.bounds).expect("the machine has x86-64-v2");
            let mut scratch = baseline::Scratch::default();
            for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
                let code = compiler.compile_function(&mut scratch, &module, &layout, func);
                list(format!("function {}", module.func_index(func).0), code);
            }
        }
        Subject::Trampolines => {
            for (index, ty) in module.types().iter().enumerate() {
                list(format!("entry into type {index}"), compiler.compile_entry_trampoline(&mut scratch, ty));
                let code = compiler.compile_host_trampoline(&mut scratch, ty, HostKind::Runtime);
                list(format!("host function of type {index}"), code);
                let code = compiler.compile_host_trampoline(&mut scratch, ty, HostKind::RawC);
                list(format!("C function of type {index}"), code);
            }
        }
    }
    text
}

/// The part of a file before the recorded code.
fn source(text: &str) -> &str {
    let end = text.find("\n\n;; ").unwrap_or(text.len());
    text[..end].trim_end()
}

/// The text of a file with this code.
fn recorded(source: &str, listing: &str) -> String {
    let mut text = format!("{source}\n\n");
    for line in listing.lines() {
        let _ = writeln!(text, "{}", format!(";; {line}").trim_end());
    }
    text
}

/// The first line that differs, with its surroundings.
fn first_difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let at = (0..).find(|&i| expected.get(i) != actual.get(i)).expect("the texts differ");
    let around = |lines: &[&str]| lines[at.saturating_sub(3).min(lines.len())..(at + 6).min(lines.len())].join("\n");
    format!("line {}\nrecorded:\n{}\nnow:\n{}", at + 1, around(&expected), around(&actual))
}

#[test]
fn machine_code_is_as_recorded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disas");
    let bless = env::var_os("UPDRAFT_BLESS").is_some();
    let entries = fs::read_dir(&directory).expect("the directory exists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the directory is readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    paths.sort();
    assert!(!paths.is_empty());
    let mut failures = String::new();
    for path in &paths {
        let name = path.file_name().expect("files have names").to_string_lossy();
        let text = fs::read_to_string(path).expect("the file is readable");
        let source = source(&text);
        let actual = recorded(source, &compile(&name, source, &Setup::parse(source)));
        if actual == text {
            continue;
        }
        if bless {
            fs::write(path, actual).expect("the file is writable");
        } else {
            let _ = writeln!(failures, "{name}, {}\n", first_difference(&text, &actual));
        }
    }
    assert!(failures.is_empty(), "UPDRAFT_BLESS=1 records the code of today, if it is right\n\n{failures}");
}
