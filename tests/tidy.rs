//! The rules of the repository, as tests: who may import what, how long files are, what `unsafe` owes.
//!
//! Text is searched as rustfmt leaves it; nothing here parses Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, and of a function.
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 100;

/// Functions that may be longer, with the reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    ("src/tier/top/translate/vector/mod.rs", "translate", "one match with a line for each of 236 operators"),
    ("src/tier/baseline/driver.rs", "operator", "one match with an arm for each operator"),
    ("src/module/body/fast.rs", "usual", "one match whose state stays in registers"),
    ("src/module/body/prefixed.rs", "miscellaneous", "one match with an arm for each operator"),
];

/// Files of `src` that belong to no stage and are open to all.
const LEAVES: &[&str] = &["abi", "bytes", "config", "error", "limits", "sync", "trap", "tuning", "types"];

/// What each folder of `src` may import besides itself and the leaves. A path grants what is below it.
const IMPORTS: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("module", &[]),
    ("tier", &["module"]),
    ("code", &["module", "tier::compiled", "tier::Tier", "sys"]),
    ("compile", &["module", "tier", "code"]),
    // Stores and instances hold the engine and the modules that the host gave them.
    ("runtime", &["module", "code", "compile", "sys", "engine"]),
    ("sys", &[]),
    ("warm", &["module", "tier", "code", "compile", "sys"]),
    ("engine", &["module", "tier", "code", "compile", "runtime", "sys", "warm"]),
    ("wasi", &["engine", "module", "runtime"]),
    ("capi", &["compile::events", "engine", "module", "runtime", "warm", "wasi"]),
];

/// Imports beyond the table: file, import, reason.
const IMPORT_EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/abi/vmctx.rs", "module", "the layout of instance state is computed from the module"),
    ("src/config.rs", "module", "the features that a host chooses are the module's"),
    ("src/runtime/backtrace.rs", "tier::compiled::CodeKind", "frames are told apart by the kind of their code"),
    ("src/module/wire.rs", "sys::bytes", "the bytes of a module are the largest thing that is copied"),
    ("src/module/wire.rs", "sys::lazy", "and the largest that is fetched"),
    ("src/sync.rs", "sys::clock", "events and statistics of every stage carry a time"),
    ("src/sync.rs", "sys::event_fd", "hosts poll for events of the stage that compiles"),
    ("src/sync.rs", "sys::float_env", "compilers fold constants as WebAssembly computes"),
    ("src/sync.rs", "sys::fork", "locks are taken before a fork and given back after it"),
    ("src/sync.rs", "sys::threads::without_host_signals", "every stage that starts threads starts them so"),
    ("src/sync.rs", "sys::threads::lower_priority", "threads of the top tier give way to others"),
    ("src/sync.rs", "sys::zeroed", "tables of atomics, one for each function, that are rarely written"),
    ("src/config.rs", "compile::pool::Executor", "a host lends its own threads through a type of the pool"),
    ("src/config.rs", "warm::cache", "a host says where code is kept, and may keep it itself"),
    ("src/config.rs", "runtime::memory", "a host brings its own memories through a trait of the runtime"),
];

/// Folders without `unsafe`.
const SAFE: &[&str] = &["abi", "bytes", "module", "compile", "tier", "warm", "wasi"];

/// What no file of `src` may contain outside of comments and of its tests.
const BANNED: &[&str] = &["todo!", "unimplemented!", "println!", "eprintln!", "dbg!", "thread::sleep", "static mut"];

/// A file of the repository.
struct File {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

impl File {
    /// Lines with their numbers, comments left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or("")))
    }

    /// The lines before the file's own tests.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.lines().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(usize::MAX);
        self.code().filter(move |(line, _)| *line <= end)
    }

    /// Whether the whole file is a test.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.ends_with("_tests.rs")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder; hidden folders and build outputs are left out.
fn files(folder: &str, extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if path.is_dir() {
                if !["target", "build", "node_modules", "shared", ".git"].contains(&name) {
                    folders.push(path);
                }
            } else if name == ".git" {
                // A work tree's pointer to its repository.
            } else if extensions.is_empty() || extensions.iter().any(|end| name.ends_with(end)) {
                // What is not text has no rules.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push(File { path: relative(&path), text });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("a path of the repository");
    path.to_str().expect("an ordinary path").replace('\\', "/")
}

/// Fails with all findings at once.
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Whether a word stands in a line by itself.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

/// The folder of `src` that a file belongs to, or its own name.
fn area(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// No stage calls backwards: see ARCHITECTURE.md for the picture behind the table.
#[test]
fn folders_import_only_what_they_may() {
    let mut findings = Vec::new();
    for file in files("src", &[".rs"]) {
        let own = area(&file.path);
        if own == "lib" || file.is_test() {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(folder, _)| *folder == own).map_or(&[][..], |(_, allowed)| *allowed);
        for (line, import) in imports(&file) {
            let target = import.split("::").next().unwrap_or("");
            let grants = |grant: &str| import == grant || import.starts_with(&format!("{grant}::"));
            let excepted = IMPORT_EXCEPTIONS.iter().any(|(path, grant, _)| *path == file.path && grants(grant));
            let is_macro = import.ends_with('!') || import.starts_with("for_each");
            if target != own
                && !LEAVES.contains(&target)
                && !allowed.iter().any(|g| grants(g))
                && !excepted
                && !is_macro
            {
                findings.push(format!("{}:{line}: {own} may not import {import}", file.path));
            }
        }
    }
    none(findings);
}

/// The folder of the baseline tier's backend.
const MACHINE: &str = "src/tier/baseline/x64/";

/// What only a backend of the baseline tier may name, comments included: registers, instructions, parts of their
/// encoding.
const MACHINE_WORDS: &[&str] = &[
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "rip", "eax", "ecx", "edx", "mov", "movzx", "movsx", "lea",
    "cmov", "setcc", "jcc", "jmp", "jz", "js", "jne", "cqo", "imul", "idiv", "sbb", "adc", "xchg", "cmpxchg", "ud2",
    "lzcnt", "tzcnt", "bsr", "bsf", "rorx", "movaps", "ucomiss", "cvt", "rex", "modrm", "vex", "sse", "avx", "x64",
    "x86", "x86_64",
];

/// Whether a word names something of one machine: of the list, or a numbered register.
fn of_a_machine(word: &str) -> bool {
    let numbered = |stem: &str| {
        word.strip_prefix(stem).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
    };
    MACHINE_WORDS.contains(&word) || numbered("r") || numbered("xmm") || numbered("ymm")
}

/// A second architecture is one more folder: nothing else in the baseline tier names the first one.
#[test]
fn the_baseline_tier_names_its_machine_in_one_folder() {
    // Which folder it is, in code and in the map of the tier.
    let choices = [
        ("src/tier/baseline/mod.rs", "mod x64;"),
        ("src/tier/baseline/mod.rs", "x64 = the machine"),
        ("src/tier/baseline/backend.rs", "use super::x64::{"),
        ("src/tier/baseline/backend.rs", "architecture, `x64`."),
    ];
    let (mut findings, mut inside, mut files_outside) = (Vec::new(), BTreeSet::new(), 0);
    for file in files("src/tier/baseline", &[".rs"]) {
        if file.is_test() {
            continue;
        }
        let own = file.path.starts_with(MACHINE);
        files_outside += usize::from(!own);
        for (i, line) in file.text.lines().enumerate() {
            if choices.iter().any(|(path, text)| file.path == *path && line.contains(text)) {
                continue;
            }
            let line = line.to_lowercase();
            for word in line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| of_a_machine(word)) {
                if own {
                    inside.insert(word.to_owned());
                } else {
                    findings.push(format!("{}:{}: {word}", file.path, i + 1));
                }
            }
        }
    }
    assert!(files_outside > 15, "{files_outside} files");
    assert!(inside.len() > 40, "the backend itself names {inside:?} only");
    none(findings);
}

/// Paths after `crate::`, in imports and in the middle of code.
fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, code) in file.product() {
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or("");
                found.extend(group.split(',').map(|item| (line, item.trim().to_owned())));
            } else {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "_:!".contains(c))).unwrap_or(rest.len());
                found.push((line, rest[..end].trim_end_matches(':').to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_import_exception_is_needed() {
    let files = files("src", &[".rs"]);
    let mut findings = Vec::new();
    for (path, grant, reason) in IMPORT_EXCEPTIONS {
        assert!(!reason.is_empty());
        let used = files.iter().find(|file| file.path == *path).is_some_and(|file| {
            imports(file).iter().any(|(_, import)| import == grant || import.starts_with(&format!("{grant}::")))
        });
        if !used {
            findings.push(format!("{path} does not import {grant}"));
        }
    }
    none(findings);
}

#[test]
fn every_file_says_what_it_is() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "examples", "bench"] {
        for file in files(folder, &[".rs"]) {
            if !file.text.starts_with("//! ") {
                findings.push(format!("{} has no header", file.path));
            }
        }
    }
    none(findings);
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Vec::new();
    for file in [files("src", &[".rs"]), files("tests", &[".rs"])].into_iter().flatten() {
        let lines: Vec<&str> = file.text.lines().collect();
        if lines.len() > FILE_LINES {
            findings.push(format!("{} has {} lines", file.path, lines.len()));
        }
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let Some(name) = function_name(code) else { continue };
            // rustfmt closes a body in the column where it began.
            if code.trim_end().ends_with('}') {
                continue;
            }
            let end = lines[start..].iter().position(|line| {
                line.len() > indent && line[indent..].starts_with('}') && line[..indent].trim().is_empty()
            });
            let len = end.map_or(0, |end| end + 1);
            let declared =
                lines[start..].iter().position(|line| line.trim_end().ends_with([';', '{', '}'])).unwrap_or(0);
            let has_body = !lines[start + declared].trim_end().ends_with(';');
            let excepted = LONG_FUNCTIONS.iter().any(|(path, long, _)| *path == file.path && *long == name);
            if has_body && len > FUNCTION_LINES && !excepted {
                findings.push(format!("{}:{}: {name} has {len} lines", file.path, start + 1));
            }
        }
    }
    none(findings);
}

/// The name of the function that begins in this line.
fn function_name(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace();
    let modifiers = ["pub", "pub(crate)", "pub(super)", "const", "unsafe", "extern", "\"C\"", "async"];
    let word = words.find(|word| !modifiers.contains(word))?;
    if word != "fn" {
        return None;
    }
    let name = words.next()?;
    name.split(['(', '<']).next()
}

#[test]
fn unsafe_stays_inside_its_perimeter() {
    let mut findings = Vec::new();
    for file in files("src", &[".rs"]) {
        if SAFE.contains(&area(&file.path)) && !file.is_test() {
            for (line, code) in file.product() {
                if has_word(code, "unsafe") && !code.contains("unsafe_code") {
                    findings.push(format!("{}:{line}: unsafe", file.path));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut findings = Vec::new();
    for file in [files("src", &[".rs"]), files("tests", &[".rs"])].into_iter().flatten() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (line, code) in file.code() {
            let claims = ["unsafe {", "unsafe impl"];
            let in_text = |at: usize| code[..at].matches('"').count() % 2 == 1;
            if !claims.iter().any(|claim| code.find(claim).is_some_and(|at| !in_text(at))) {
                continue;
            }
            // The comment stands above the statement, which may have begun a few lines before.
            let above = lines[..line].iter().rev().take(12);
            let reason = above.take_while(|line| !line.trim().is_empty()).any(|line| line.contains("SAFETY:"));
            if !reason {
                findings.push(format!("{}:{line}: unsafe without SAFETY", file.path));
            }
        }
    }
    none(findings);
}

#[test]
fn nothing_unfinished_or_printing_is_in_the_library() {
    let mut findings = Vec::new();
    for file in files("src", &[".rs"]) {
        if file.is_test() {
            continue;
        }
        for (line, code) in file.product() {
            for banned in BANNED.iter().filter(|banned| code.contains(**banned)) {
                // println! is part of eprintln!.
                if *banned != "println!" || !code.contains("eprintln!") {
                    findings.push(format!("{}:{line}: {banned}", file.path));
                }
            }
        }
    }
    none(findings);
}

/// A clone builds anywhere: no file names a place on one machine or a server behind a package manager.
#[test]
fn files_name_no_machine_and_no_registry() {
    // Put together here, so that this file does not contain them.
    let hosts = ["registry.npmjs", "pypi", "files.pythonhosted", "index.crates", "static.crates"];
    let tops = ["org", "org", "org", "io", "io"];
    let mut banned: Vec<String> = hosts.iter().zip(tops).map(|(host, top)| format!("{host}.{top}")).collect();
    banned.extend(["home", "work", "root"].map(|folder| format!("/{folder}/")));
    let mut findings = Vec::new();
    for file in files("", &[]) {
        for (line, text) in file.text.lines().enumerate() {
            for banned in &banned {
                // A path may go on to the left, and then it is relative.
                let absolute = |at: usize| {
                    !banned.starts_with('/')
                        || !text[..at]
                            .chars()
                            .next_back()
                            .is_some_and(|c| c.is_alphanumeric() || "._-*}>)/".contains(c))
                };
                if text.match_indices(banned.as_str()).any(|(at, _)| absolute(at)) {
                    findings.push(format!("{}:{}: {banned}", file.path, line + 1));
                }
            }
        }
    }
    none(findings);
}

/// What the documents name exists: links rot, and names are the links here.
#[test]
fn documents_name_only_what_exists() {
    let mut findings = Vec::new();
    let tops = ["src/", "tests/", "include/", "examples/", "c-tests/", "tools/", "bench/", "docs/", ".ci/", "cmake/"];
    for document in ["README.md", "ARCHITECTURE.md", "RATIONALE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let Ok(text) = fs::read_to_string(root().join(document)) else {
            findings.push(format!("{document} is missing"));
            continue;
        };
        let mut named = BTreeSet::new();
        for (i, quoted) in text.split('`').enumerate() {
            if i % 2 == 1 && !quoted.contains('\n') {
                named.extend(quoted.split_whitespace().map(|word| word.trim_end_matches([',', '.', ':'])));
            }
        }
        for name in named {
            let plain = name.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
            let is_source = name.ends_with(".rs") && !name.contains('/');
            if plain && tops.iter().any(|top| name.starts_with(top)) && !root().join(name).exists() {
                findings.push(format!("{document} names {name}"));
            }
            if plain && is_source && !exists_somewhere(name) {
                findings.push(format!("{document} names {name}"));
            }
        }
    }
    none(findings);
}

fn exists_somewhere(name: &str) -> bool {
    let all = [files("src", &[name]), files("tests", &[name])];
    all.iter().flatten().any(|file| PathBuf::from(&file.path).file_name().is_some_and(|found| found == name))
}
