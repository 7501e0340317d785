//! What a toolchain or the host advises about the functions of a module: `metadata.code.*`.
//!
//! In: custom sections before the code section, and what the host gave for this module. Out: sorted lists that the
//! compilers look things up in. They are made at their first use; a module without hints has none.
//!
//!     section    count { function, count { offset, length, bytes } }
//!     or, as V8 writes some,  count { function, offset, length, bytes }
//!
//! The second form is tried if the first does not consume the section exactly. An offset counts from the start of a body,
//! where its locals are declared. What each kind of hint says stands at [`HintKind`].
//!
//! A hint is advice and never makes a module invalid. One that is out of range, out of order, cut off, or says what no
//! hint says is ignored; so is a section that can be read in neither form, comes twice, or stands behind the code. What is
//! ignored is counted. That a hint stands at an operator of its kind is checked by whoever looks it up: only such operators
//! ask. Counts find the others ([`Hints::counts`]), which takes a walk through the bodies.
//!
//! Hints of the host replace those of the sections for the same operator or function.
//!
//! Not here: what is done with hints (`tier/top/translate`, `compile/plan.rs`, `compile/profile.rs`), writing them
//! (`compile/profile/sections.rs`).

use std::ops::Range;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::module::{CustomSection, Module};
use crate::types::{DefinedFunc, FuncIndex};

#[cfg(test)]
mod tests;

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKind {
    /// `branch_hint`, at `if` and `br_if`: one byte, 0 = the branch is unlikely, 1 = it is likely.
    Branch,
    /// `compilation_priority`, once `compilation_order`, at functions: in which order they are compiled, and (optional)
    /// how hot they are. Lower numbers first. 127 in the second place: run once.
    Priority,
    /// `instr_freq`, at calls and loops: one byte, 32 + the binary logarithm of how often they run per call of their
    /// function, from 1 to 64; 0 = never optimise, 127 = always.
    Frequency,
    /// `call_targets`, at indirect calls: functions, and which part of the calls goes to each, in percent.
    Targets,
}

/// How many kinds there are.
pub const KINDS: usize = 4;

impl HintKind {
    /// All of them.
    pub const ALL: [HintKind; KINDS] = [HintKind::Branch, HintKind::Priority, HintKind::Frequency, HintKind::Targets];

    /// What a custom section of this name holds.
    pub fn of_section(name: &str) -> Option<HintKind> {
        match name.strip_prefix("metadata.code.")? {
            "branch_hint" => Some(HintKind::Branch),
            "compilation_priority" | "compilation_order" => Some(HintKind::Priority),
            "instr_freq" => Some(HintKind::Frequency),
            "call_targets" => Some(HintKind::Targets),
            _ => None,
        }
    }

    /// Whether an operator can have such a hint.
    fn is_at(self, op: &Operator<'_>) -> bool {
        use Operator::{BrIf, Call, CallIndirect, If, Loop, ReturnCall, ReturnCallIndirect};
        match self {
            HintKind::Branch => matches!(op, If { .. } | BrIf { .. }),
            HintKind::Priority => false,
            HintKind::Frequency => {
                matches!(op, Call { .. } | ReturnCall { .. } | Loop { .. }) || HintKind::Targets.is_at(op)
            }
            HintKind::Targets => matches!(op, CallIndirect { .. } | ReturnCallIndirect { .. }),
        }
    }
}

/// Which way a branch goes, as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// It is not taken; the first arm of an `if` is not run.
    Not,
    /// It is taken.
    Taken,
}

/// When a function is to be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Lower numbers first.
    pub compile: u32,
    /// How unlikely it is that the function is the one that runs, as a logarithm: the lowest are the hottest.
    pub optimise: Option<u32>,
}

/// In place of a heat: the function runs once.
pub const RUN_ONCE: u32 = 127;
/// Frequency of what is never to be optimised, and of what always is.
pub const NEVER: u8 = 0;
pub const ALWAYS: u8 = 127;
/// Frequency of what runs once per call of its function, and the largest one.
pub const ONCE: u8 = 32;
pub const MOST: u8 = 64;

/// Hints that the host gives for one module.
#[derive(Clone, Debug, Default)]
pub struct HostHints(Vec<HostHint>);

#[derive(Clone, Debug)]
struct HostHint {
    kind: HintKind,
    func: FuncIndex,
    offset: u32,
    bytes: Box<[u8]>,
}

impl HostHints {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one, at this offset in the body: what it says is written as in a section. Of several at the same place the
    /// last one counts.
    pub fn add(&mut self, kind: HintKind, func: FuncIndex, offset: u32, bytes: &[u8]) {
        self.0.push(HostHint { kind, func, offset, bytes: bytes.into() });
    }
}

/// How many hints of a kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintCount {
    /// Hints that can be of use.
    pub used: usize,
    /// Hints, and sections, that are ignored.
    pub ignored: usize,
}

/// The hints of a module.
#[derive(Debug, Default)]
pub struct Hints {
    branches: Sites,
    frequencies: Sites,
    targets: Targets,
    /// Sorted.
    priorities: Box<[(DefinedFunc, Priority)]>,
    ignored: [u32; KINDS],
}

/// A byte at each of some operators, by their offsets in the module.
#[derive(Debug, Default)]
struct Sites {
    offsets: Box<[u32]>,
    values: Box<[u8]>,
}

impl Sites {
    fn at(&self, wasm_offset: u32) -> Option<u8> {
        let found = self.offsets.binary_search(&wasm_offset).ok()?;
        Some(self.values[found])
    }
}

/// The targets of some calls, by the offsets of these.
#[derive(Debug, Default)]
struct Targets {
    offsets: Box<[u32]>,
    /// Behind the last target of each.
    ends: Box<[u32]>,
    list: Box<[(FuncIndex, u8)]>,
}

impl Hints {
    /// The hints in a module's sections, and those of its host.
    pub(super) fn new(module: &Module, host: Option<&HostHints>) -> Hints {
        let none = HostHints::default();
        let host = host.unwrap_or(&none);
        let named = |section: &CustomSection| HintKind::of_section(&section.name);
        if host.is_empty() && !module.custom_sections().iter().any(|section| named(section).is_some()) {
            return Hints::default();
        }
        let read = HintKind::ALL.map(|kind| {
            let sections = module.custom_sections().iter().filter(|section| named(section) == Some(kind));
            Reader { module, kind, ignored: 0, found: Vec::new() }.read(sections, host)
        });
        let ignored = std::array::from_fn(|kind| read[kind].1);
        let [branches, priorities, frequencies, targets] = read.map(|(found, _)| found);
        let sites = |found: Vec<(u32, &[u8])>| Sites {
            offsets: found.iter().map(|(at, _)| *at).collect(),
            values: found.iter().map(|(_, bytes)| bytes[0]).collect(),
        };
        let mut list = Vec::new();
        let ends = targets.iter().map(|(_, bytes)| {
            list.extend(pairs(bytes).flatten());
            list.len() as u32
        });
        Hints {
            branches: sites(branches),
            frequencies: sites(frequencies),
            targets: Targets {
                offsets: targets.iter().map(|(at, _)| *at).collect(),
                ends: ends.collect(),
                list: list.into(),
            },
            priorities: priorities
                .iter()
                .filter_map(|(func, bytes)| Some((DefinedFunc(*func), priority(bytes)?)))
                .collect(),
            ignored,
        }
    }

    /// Which way the branch at this offset in the module goes.
    pub fn branch(&self, wasm_offset: u32) -> Option<Likely> {
        self.branches.at(wasm_offset).map(|value| if value == 0 { Likely::Not } else { Likely::Taken })
    }

    /// How often the call or loop at this offset runs, as a section has it.
    pub fn frequency(&self, wasm_offset: u32) -> Option<u8> {
        self.frequencies.at(wasm_offset)
    }

    /// What the indirect call at this offset calls, and how often in percent.
    pub fn targets(&self, wasm_offset: u32) -> Option<&[(FuncIndex, u8)]> {
        let found = self.targets.offsets.binary_search(&wasm_offset).ok()?;
        let start = found.checked_sub(1).map_or(0, |before| self.targets.ends[before]);
        Some(&self.targets.list[start as usize..self.targets.ends[found] as usize])
    }

    /// The frequencies between these offsets.
    pub fn frequencies_in(&self, range: &Range<usize>) -> impl Iterator<Item = (u32, u8)> {
        let within = within(&self.frequencies.offsets, range);
        self.frequencies.offsets[within.clone()].iter().copied().zip(self.frequencies.values[within].iter().copied())
    }

    /// The indirect calls between these offsets of which it is said what they call.
    pub fn targets_in(&self, range: &Range<usize>) -> &[u32] {
        &self.targets.offsets[within(&self.targets.offsets, range)]
    }

    /// Whether anything is said about how often things between these offsets run, or what they call.
    pub fn has_frequencies(&self, range: &Range<usize>) -> bool {
        !within(&self.frequencies.offsets, range).is_empty() || !within(&self.targets.offsets, range).is_empty()
    }

    /// The functions with a priority, sorted.
    pub fn priorities(&self) -> &[(DefinedFunc, Priority)] {
        &self.priorities
    }

    /// How many hints there are of each kind. Goes through the bodies that have some: those that do not stand at an
    /// operator of their kind are ignored.
    pub fn counts(&self, module: &Module) -> [HintCount; KINDS] {
        HintKind::ALL.map(|kind| {
            let offsets = match kind {
                HintKind::Branch => &self.branches.offsets,
                HintKind::Priority => {
                    return HintCount { used: self.priorities.len(), ignored: self.ignored[kind as usize] as usize };
                }
                HintKind::Frequency => &self.frequencies.offsets,
                HintKind::Targets => &self.targets.offsets,
            };
            let used = count_at(module, kind, offsets);
            HintCount { used, ignored: self.ignored[kind as usize] as usize + offsets.len() - used }
        })
    }
}

/// Which of these offsets are in a range.
fn within(offsets: &[u32], range: &Range<usize>) -> Range<usize> {
    let before = |end: usize| offsets.partition_point(|at| (*at as usize) < end);
    before(range.start)..before(range.end)
}

/// How many of these offsets are those of operators that can have such a hint.
fn count_at(module: &Module, kind: HintKind, mut offsets: &[u32]) -> usize {
    let mut used = 0;
    while let Some(first) = offsets.first() {
        let body = module.bodies.at(*first);
        let (own, rest) = offsets.split_at(offsets.partition_point(|at| *at < body.end as u32));
        offsets = rest;
        let bytes = module.wire().known(body.clone());
        let body = FunctionBody::new(BinaryReader::new(bytes, body.start as u64));
        let Ok(mut operators) = body.get_operators_reader() else { continue };
        let mut own = own.iter().peekable();
        while own.peek().is_some() && !operators.eof() {
            let at = operators.original_position() as u32;
            // The body need not be valid.
            let Ok(operator) = operators.read() else { break };
            while own.next_if(|next| **next < at).is_some() {}
            if own.next_if(|next| **next == at).is_some() && kind.is_at(&operator) {
                used += 1;
            }
        }
    }
    used
}

/// How the hints of a section are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As the proposals have it: a function has any number.
    Counted,
    /// A function has one, and no number says so.
    Bare,
}

/// Goes through the hints of a section. `None`: it is not in this form.
fn walk<'a>(bytes: &'a [u8], form: Form, each: &mut dyn FnMut(u32, u32, &'a [u8])) -> Option<()> {
    let mut reader = BinaryReader::new(bytes, 0);
    for _ in 0..reader.read_var_u32().ok()? {
        let func = reader.read_var_u32().ok()?;
        let hints = if form == Form::Counted { reader.read_var_u32().ok()? } else { 1 };
        for _ in 0..hints {
            let (offset, len) = (reader.read_var_u32().ok()?, reader.read_var_u32().ok()?);
            each(func, offset, reader.read_bytes(len as usize).ok()?);
        }
    }
    reader.eof().then_some(())
}

/// Collects the hints of a kind: where they are, and what they say. Of functions, by index among the defined ones; else
/// by offset in the module.
struct Reader<'a> {
    module: &'a Module,
    kind: HintKind,
    ignored: u32,
    found: Vec<(u32, &'a [u8])>,
}

impl<'a> Reader<'a> {
    fn read(
        mut self,
        mut sections: impl Iterator<Item = &'a CustomSection>,
        host: &'a HostHints,
    ) -> (Vec<(u32, &'a [u8])>, u32) {
        if let Some(first) = sections.next() {
            self.section(first);
        }
        self.ignored += sections.count() as u32;
        let of_sections = self.found.len();
        for hint in host.0.iter().filter(|hint| hint.kind == self.kind) {
            match self.place(hint.func.0, hint.offset).filter(|_| self.is_sound(&hint.bytes)) {
                Some(place) => self.found.push((place, &hint.bytes)),
                None => self.ignored += 1,
            }
        }
        if self.found.len() > of_sections {
            // Stable: the later of two at the same place is the one that counts.
            self.found.reverse();
            self.found.sort_by_key(|(at, _)| *at);
            self.found.dedup_by_key(|(at, _)| *at);
        }
        (self.found, self.ignored)
    }

    fn section(&mut self, section: &'a CustomSection) {
        let bytes: &'a [u8] = self.module.wire().known(section.bytes.start as usize..section.bytes.end as usize);
        let code = (self.module.bodies.len() > 0).then(|| self.module.code_start() as u32);
        let form = [Form::Counted, Form::Bare].into_iter().find(|form| walk(bytes, *form, &mut |_, _, _| ()).is_some());
        let Some(form) = form.filter(|_| code.is_none_or(|code| section.bytes.start < code)) else {
            self.ignored += 1;
            return;
        };
        let _ = walk(bytes, form, &mut |func, offset, bytes| {
            let place = self.place(func, offset).filter(|_| self.is_sound(bytes));
            match place.filter(|place| self.found.last().is_none_or(|(last, _)| last < place)) {
                Some(place) => self.found.push((place, bytes)),
                None => self.ignored += 1,
            }
        });
    }

    /// Where a hint is, if that is in the module.
    fn place(&self, func: u32, offset: u32) -> Option<u32> {
        let func = self.module.defined_func(FuncIndex(func)).filter(|func| func.index() < self.module.bodies.len())?;
        if self.kind == HintKind::Priority {
            return (offset == 0).then_some(func.0);
        }
        let body = self.module.body_range(func);
        (body.start as u32).checked_add(offset).filter(|at| (*at as usize) < body.end)
    }

    /// Whether a hint says what hints of its kind say.
    fn is_sound(&self, bytes: &[u8]) -> bool {
        match (self.kind, bytes) {
            (HintKind::Branch, [value]) => *value <= 1,
            (HintKind::Branch, _) => false,
            (HintKind::Priority, _) => priority(bytes).is_some(),
            // More bytes are for what may come.
            (HintKind::Frequency, [value, ..]) => matches!(*value, NEVER..=MOST | ALWAYS),
            (HintKind::Frequency, []) => false,
            (HintKind::Targets, _) => {
                let exists = |func: FuncIndex| func.index() < self.module.functions().len();
                let sum = pairs(bytes).try_fold(0u32, |sum, pair| {
                    let (func, percent) = pair?;
                    (exists(func) && sum + u32::from(percent) <= 100).then_some(sum + u32::from(percent))
                });
                sum.is_some()
            }
        }
    }
}

/// The numbers of a priority. There may be more behind them, for what may come.
fn priority(bytes: &[u8]) -> Option<Priority> {
    let mut reader = BinaryReader::new(bytes, 0);
    let compile = reader.read_var_u32().ok()?;
    let optimise = if reader.eof() { None } else { Some(reader.read_var_u32().ok()?) };
    Some(Priority { compile, optimise })
}

/// Functions and percents; `None` where there is none.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = Option<(FuncIndex, u8)>> {
    let mut reader = BinaryReader::new(bytes, 0);
    std::iter::from_fn(move || {
        (!reader.eof()).then(|| {
            let func = reader.read_var_u32().ok();
            // After an error the reader stays where it is: `try_fold` ends at the first `None`.
            let percent = reader.read_var_u32().ok().and_then(|percent| u8::try_from(percent).ok());
            Some((FuncIndex(func?), percent.filter(|percent| *percent <= 100)?))
        })
    })
}

impl Module {
    /// Its hints. (Once all of it was read.)
    pub fn hints(&self) -> &Hints {
        crate::sync::get_or_make(&self.hints, || Hints::new(self, self.host_hints.as_deref()))
    }

    /// Which way the branch at this offset goes. A module that is compiled before all of it was read has no hints
    /// (`engine/stream.rs`).
    pub fn branch_hint(&self, wasm_offset: u32) -> Option<Likely> {
        if self.is_whole() { self.hints().branch(wasm_offset) } else { None }
    }

    /// Takes the hints of a host, before anybody asks for any.
    pub(crate) fn set_host_hints(&mut self, hints: &HostHints) {
        self.host_hints = (!hints.is_empty()).then(|| Box::new(hints.clone()));
    }
}
