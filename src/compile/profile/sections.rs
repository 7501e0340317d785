//! Profiles as the hint sections that other engines read, too: `metadata.code.*`.
//!
//! In: what is known of how a module has run. Out: custom sections, and the module with them in front of its code.
//!
//! - `compilation_priority`: the functions that have run, the hottest first; those that had code of the top tier have
//!   a second number, which says how hot they were.
//! - `instr_freq`: calls and loops of these, by how often they ran for each call of their function.
//! - `call_targets`: what indirect calls called.
//!
//! The second numbers and the frequencies are logarithms: what is read back is about what was written, and the decisions are
//! the same but for what stands on an edge. A function of which nothing is known keeps the hints that the module has.
//!
//! Not here: reading (`module/hints.rs`), what is done with it (`hinted`, `advice`).

use std::collections::BTreeMap;

use wasmparser::BinaryReader;

use super::super::advice;
use super::data::{FunctionRecord, ProfileData, Reach};
use super::{Site, calls_of_functions, each_site};
use crate::bytes::put;
use crate::module::Module;
use crate::module::hints::{HintKind, MOST, ONCE, RUN_ONCE};
use crate::tier::profile::{IndirectCalls, SIGNIFICANT};
use crate::types::DefinedFunc;

/// Numbers of sections.
const CUSTOM: u8 = 0;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// Hints of a kind: by function, then by offset in its body.
type Said = BTreeMap<(DefinedFunc, u32), Vec<u8>>;

/// The sections, one after the other.
pub fn write(module: &Module, data: &ProfileData) -> Vec<u8> {
    let (calls, heat) = (calls_of_functions(module, data), advice::heat(module, data));
    let [mut priorities, mut frequencies, mut targets] = [Said::new(), Said::new(), Said::new()];
    for (place, (func, reach)) in (0..).zip(advice::by_heat(module, data)) {
        let mut bytes = Vec::new();
        put(&mut bytes, place);
        if reach == Reach::Top {
            put(&mut bytes, u64::from(coldness(&heat, func)));
        }
        priorities.insert((func, 0), bytes);
    }
    for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
        match data.function(func) {
            Some(record) if is_significant(record) => {
                add_sites(module, func, record, calls[func.index()], &mut frequencies, &mut targets);
            }
            _ => keep_sites(module, func, &mut frequencies, &mut targets),
        }
    }
    for (func, said) in module.hints().priorities().iter().filter(|(func, _)| data.function(*func).is_none()) {
        let mut bytes = Vec::new();
        put(&mut bytes, u64::from(said.compile));
        said.optimise.into_iter().for_each(|optimise| put(&mut bytes, u64::from(optimise)));
        priorities.insert((*func, 0), bytes);
    }
    let mut sections = Vec::new();
    for (name, said) in [("compilation_priority", priorities), ("instr_freq", frequencies), ("call_targets", targets)] {
        add_section(&mut sections, module, name, &said);
    }
    sections
}

/// Whether what was counted in a function says something: what is read back always does.
fn is_significant(record: &FunctionRecord) -> bool {
    let calls = record.calls.iter().map(|call| call.count);
    calls.chain(record.indirect.iter().map(|site| site.total)).max().is_some_and(|most| most >= SIGNIFICANT)
}

/// Adds the hints that the module has.
fn keep_sites(module: &Module, func: DefinedFunc, frequencies: &mut Said, targets: &mut Said) {
    let (hints, body) = (module.hints(), module.body_range(func));
    let place = |at: u32| (func, at - body.start as u32);
    frequencies.extend(hints.frequencies_in(&body).map(|(at, hint)| (place(at), vec![hint])));
    for at in hints.targets_in(&body) {
        let mut bytes = Vec::new();
        for (target, percent) in hints.targets(*at).unwrap_or_default() {
            put(&mut bytes, u64::from(target.0));
            put(&mut bytes, u64::from(*percent));
        }
        targets.insert(place(*at), bytes);
    }
}

/// How unlikely it is that a function is the one that runs: the negative logarithm of its part of all work.
fn coldness(heat: &[u64], func: DefinedFunc) -> u32 {
    let all: u128 = heat.iter().map(|heat| u128::from(*heat)).sum();
    let part = u128::from(heat[func.index()].max(1));
    (all.max(1) / part).max(1).ilog2().min(RUN_ONCE - 1)
}

/// How often something runs for each call of its function, as a hint has it. What did not run has the least.
fn frequency(count: u64, calls: u64) -> u8 {
    if count == 0 {
        return 1;
    }
    let calls = calls.max(1);
    let power = match count / calls {
        0 => -(calls.div_ceil(count).checked_next_power_of_two().map_or(64, u64::ilog2) as i32),
        times => times.ilog2() as i32,
    };
    (i32::from(ONCE) + power).clamp(2, i32::from(MOST)) as u8
}

/// What part of an indirect call's targets each of them is. What is lost by rounding goes to the first ones, which are the
/// most frequent, so that all targets together are 100 % where there are no others.
fn percents(site: &IndirectCalls) -> impl Iterator<Item = u64> {
    let counts = || site.targets.iter().map(|(_, count)| u128::from(*count));
    let percent = |count: u128| (count * 100 / u128::from(site.total.max(1))) as u64;
    let mut lost = percent(counts().sum()) - counts().map(percent).sum::<u64>();
    counts().map(move |count| {
        let more = u64::from(lost > 0);
        lost -= more;
        percent(count) + more
    })
}

fn add_sites(
    module: &Module,
    func: DefinedFunc,
    record: &FunctionRecord,
    calls: u64,
    frequencies: &mut Said,
    targets: &mut Said,
) {
    let start = module.body_range(func).start as u32;
    let last = record.calls.iter().map(|call| call.wasm_offset);
    let last = last.chain(record.indirect.iter().map(|site| site.wasm_offset));
    let last = last.chain(record.loops.iter().map(|site| site.wasm_offset)).max().unwrap_or(0);
    each_site(module, func, |wasm_offset, site| {
        let place = (func, wasm_offset - start);
        let found = match site {
            Site::Call(_) => {
                let found = record.calls.binary_search_by_key(&wasm_offset, |call| call.wasm_offset);
                found.ok().map(|found| record.calls[found].count)
            }
            Site::Loop => {
                let found = record.loops.binary_search_by_key(&wasm_offset, |site| site.wasm_offset);
                return if let Ok(found) = found {
                    let count = record.loops[found].trips.saturating_mul(advice::PER_TRIP);
                    frequencies.insert(place, vec![frequency(count, calls)]);
                };
            }
            Site::Indirect(_) => {
                let found = record.indirect.binary_search_by_key(&wasm_offset, |site| site.wasm_offset);
                found.ok().map(|found| {
                    let site = &record.indirect[found];
                    let mut bytes = Vec::new();
                    for ((target, _), percent) in
                        site.targets.iter().zip(percents(site)).filter(|(_, percent)| *percent > 0)
                    {
                        put(&mut bytes, u64::from(module.func_index(*target).0));
                        put(&mut bytes, percent);
                    }
                    if !bytes.is_empty() {
                        targets.insert(place, bytes);
                    }
                    site.total
                })
            }
        };
        // What did not run, in front of something that did: see `top/translate/guess.rs`.
        if let Some(count) = found.or((wasm_offset < last).then_some(0)) {
            frequencies.insert(place, vec![frequency(count, calls)]);
        }
    });
}

fn add_section(bytes: &mut Vec<u8>, module: &Module, name: &str, said: &Said) {
    if said.is_empty() {
        return;
    }
    let mut contents = Vec::new();
    put(&mut contents, (PREFIX.len() + name.len()) as u64);
    contents.extend_from_slice(PREFIX.as_bytes());
    contents.extend_from_slice(name.as_bytes());
    let hints: Vec<_> = said.iter().collect();
    let functions = hints.chunk_by(|((one, _), _), ((next, _), _)| one == next);
    put(&mut contents, functions.clone().count() as u64);
    for function in functions {
        put(&mut contents, u64::from(module.func_index(function[0].0.0).0));
        put(&mut contents, function.len() as u64);
        for ((_, offset), said) in function {
            put(&mut contents, u64::from(*offset));
            put(&mut contents, said.len() as u64);
            contents.extend_from_slice(said);
        }
    }
    bytes.push(0);
    put(bytes, contents.len() as u64);
    bytes.extend_from_slice(&contents);
}

/// What names of hint sections begin with.
const PREFIX: &str = "metadata.code.";

/// The module with these sections in front of its code, in the place of its own of these kinds.
pub fn insert(module: &Module, sections: &[u8]) -> Vec<u8> {
    let wasm = module.bytes();
    let mut bytes = Vec::with_capacity(wasm.len() + sections.len());
    // The header is eight bytes long.
    bytes.extend_from_slice(&wasm[..8]);
    let mut rest = Some(sections);
    let mut reader = BinaryReader::new(wasm, 0);
    let _ = reader.read_bytes(bytes.len());
    while !reader.eof() {
        let start = reader.original_position() as usize;
        let Some((number, replaced)) = next_section(&mut reader) else { break };
        if matches!(number, CODE | DATA) {
            bytes.extend_from_slice(rest.take().unwrap_or_default());
        }
        if replaced == Replaced::No {
            bytes.extend_from_slice(&wasm[start..reader.original_position() as usize]);
        }
    }
    bytes.extend_from_slice(rest.unwrap_or_default());
    bytes
}

/// Whether a section is left out, since another one comes in its place.
#[derive(PartialEq, Eq)]
enum Replaced {
    No,
    Yes,
}

/// Reads past a section: its number, and whether it is one of the hints that are written here. `None` never comes of a
/// module that was decoded.
fn next_section(reader: &mut BinaryReader<'_>) -> Option<(u8, Replaced)> {
    let number = reader.read_u8().ok()?;
    let len = reader.read_var_u32().ok()?;
    let contents = reader.read_bytes(len as usize).ok()?;
    let name = (number == CUSTOM).then(|| BinaryReader::new(contents, 0).read_string().ok()).flatten();
    let kind = name.and_then(HintKind::of_section).filter(|kind| *kind != HintKind::Branch);
    Some((number, if kind.is_some() { Replaced::Yes } else { Replaced::No }))
}
