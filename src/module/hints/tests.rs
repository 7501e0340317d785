//! Sections and hosts that say all kinds of things about one module.

use super::*;
use crate::bytes::put;
use crate::module::{Features, decode};

/// Function 0 is imported. The bodies of the others, byte by byte:
///
///     1    0 locals  1 local.get 0  3 if  5 call 2  7 end  8 loop  10 local.get 0  12 br_if 0  14 end  15 end
///     2    0 locals  1 end
///     3    0 locals  1 i32.const 0  3 call_indirect 0 0  6 end
const TEXT: &str = r#"(module (type $t (func)) (import "" "" (func)) (table 1 funcref)
    (func (param i32) (if (local.get 0) (then (call 2))) (loop (br_if 0 (local.get 0))))
    (func) (func (call_indirect (type $t) (i32.const 0))))"#;

const BRANCH: &str = "metadata.code.branch_hint";
const PRIORITY: &str = "metadata.code.compilation_priority";
const ORDER: &str = "metadata.code.compilation_order";
const FREQUENCY: &str = "metadata.code.instr_freq";
const TARGETS: &str = "metadata.code.call_targets";

/// A hint: function, offset, what it says.
type Said<'a> = (u32, u32, &'a [u8]);

fn section(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    put(&mut inner, name.len() as u64);
    inner.extend(name.as_bytes());
    inner.extend(contents);
    let mut bytes = vec![0];
    put(&mut bytes, inner.len() as u64);
    bytes.extend(inner);
    bytes
}

/// Hints as the contents of a section. Those of one function follow each other.
fn written(form: Form, hints: &[Said<'_>]) -> Vec<u8> {
    let groups: Vec<&[Said<'_>]> = match form {
        Form::Counted => hints.chunk_by(|one, next| one.0 == next.0).collect(),
        Form::Bare => hints.chunks(1).collect(),
    };
    let mut bytes = Vec::new();
    put(&mut bytes, groups.len() as u64);
    for group in groups {
        put(&mut bytes, group[0].0.into());
        if form == Form::Counted {
            put(&mut bytes, group.len() as u64);
        }
        for (_, offset, said) in group {
            put(&mut bytes, (*offset).into());
            put(&mut bytes, said.len() as u64);
            bytes.extend(*said);
        }
    }
    bytes
}

/// Where the code section begins.
fn code_start(wasm: &[u8]) -> usize {
    let sections = wasmparser::Parser::new(0).parse_all(wasm);
    let found = sections.filter_map(Result::ok).find_map(|payload| match payload {
        wasmparser::Payload::CodeSectionStart { unchecked_range, .. } => Some(unchecked_range.start as usize),
        _ => None,
    });
    // In front of the contents: the number of the section, and its length in one byte.
    found.expect("there is code") - 2
}

/// The module with these sections before its code, and these behind.
fn module_with(before: &[u8], behind: &[u8]) -> Module {
    let mut bytes = wat::parse_str(TEXT).unwrap();
    let at = code_start(&bytes);
    bytes.splice(at..at, before.iter().copied());
    bytes.extend(behind);
    decode::load(&bytes, Features::ALL, 1).expect("hints never make a module invalid")
}

fn module(sections: &[(&str, &[u8])]) -> Module {
    let bytes: Vec<u8> = sections.iter().flat_map(|(name, contents)| section(name, contents)).collect();
    module_with(&bytes, &[])
}

fn counts(module: &Module, kind: HintKind) -> (usize, usize) {
    let count = module.hints().counts(module)[kind as usize];
    (count.used, count.ignored)
}

/// The offset in the module of one in a body.
fn at(module: &Module, func: u32, offset: u32) -> u32 {
    module.body_range(DefinedFunc(func - 1)).start as u32 + offset
}

#[test]
fn each_kind_is_read_in_both_forms() {
    for form in [Form::Counted, Form::Bare] {
        let branches = written(form, &[(1, 3, &[0]), (1, 12, &[1])]);
        let priorities = written(form, &[(1, 0, &[7]), (2, 0, &[0x80, 1, 127]), (3, 0, &[0, 3, 99])]);
        let frequencies = written(form, &[(1, 5, &[0]), (1, 8, &[40, 1, 2]), (3, 3, &[127])]);
        let targets = written(form, &[(3, 3, &[1, 60, 0, 40])]);
        for name in [PRIORITY, ORDER] {
            let module =
                module(&[(TARGETS, &targets), (BRANCH, &branches), (name, &priorities), (FREQUENCY, &frequencies)]);
            let hints = module.hints();
            assert_eq!(hints.branch(at(&module, 1, 3)), Some(Likely::Not));
            assert_eq!(hints.branch(at(&module, 1, 12)), Some(Likely::Taken));
            assert_eq!(hints.branch(at(&module, 1, 13)), None);
            let said = |compile, optimise| Priority { compile, optimise };
            let expected = [(0, said(7, None)), (1, said(128, Some(RUN_ONCE))), (2, said(0, Some(3)))];
            assert_eq!(hints.priorities(), expected.map(|(func, said)| (DefinedFunc(func), said)));
            let frequency = |func, offset| hints.frequency(at(&module, func, offset));
            assert_eq!([frequency(1, 5), frequency(1, 8), frequency(3, 3)], [Some(NEVER), Some(40), Some(ALWAYS)]);
            let called = [(FuncIndex(1), 60), (FuncIndex(0), 40)];
            assert_eq!(hints.targets(at(&module, 3, 3)), Some(&called[..]));
            assert_eq!(HintKind::ALL.map(|kind| counts(&module, kind)), [(2, 0), (3, 0), (3, 0), (1, 0)]);
        }
    }
}

#[test]
fn a_module_without_hints_has_none() {
    let module = module(&[("metadata.code.other", &[1]), ("branch_hint", &[0])]);
    assert_eq!(HintKind::ALL.map(|kind| counts(&module, kind)), [(0, 0); KINDS]);
    assert_eq!((module.hints().branch(0), module.hints().targets(0)), (None, None));
    let empty = written(Form::Counted, &[]);
    let module = module_with(&section(BRANCH, &empty), &[]);
    assert_eq!(counts(&module, HintKind::Branch), (0, 0));
}

/// What is wrong with one hint harms that hint only.
#[test]
fn bad_hints_are_ignored_and_counted() {
    let good: Said<'_> = (1, 12, &[1]);
    for (kind, name, hints, expected) in [
        // Of an imported function, of none, behind a body, at another operator, within one, twice, out of order.
        (HintKind::Branch, BRANCH, vec![(0, 3, &[0][..]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, (4, 3, &[0])], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, (u32::MAX, 0, &[0])], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, (1, 16, &[0])], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, (1, u32::MAX, &[0])], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(1, 5, &[0]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(1, 4, &[0]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(1, 0, &[0]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![good, (1, 3, &[0])], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(2, 1, &[0]), good], (0, 2)),
        // Too long, too short, no such value.
        (HintKind::Branch, BRANCH, vec![(1, 3, &[0, 0]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(1, 3, &[]), good], (1, 1)),
        (HintKind::Branch, BRANCH, vec![(1, 3, &[2]), good], (1, 1)),
        // A function's hint stands at offset 0.
        (HintKind::Priority, PRIORITY, vec![(1, 3, &[0]), (2, 0, &[1])], (1, 1)),
        (HintKind::Priority, PRIORITY, vec![(1, 0, &[]), (2, 0, &[0x80]), (3, 0, &[1, 0x80])], (0, 3)),
        (HintKind::Priority, PRIORITY, vec![(2, 0, &[1]), (1, 0, &[1]), (2, 0, &[1])], (1, 2)),
        (HintKind::Frequency, FREQUENCY, vec![(1, 5, &[65]), (1, 8, &[64])], (1, 1)),
        (HintKind::Frequency, FREQUENCY, vec![(1, 3, &[32]), (1, 5, &[]), (1, 8, &[1])], (1, 2)),
        // Of no function, more than all, cut off, at a direct call.
        (HintKind::Targets, TARGETS, vec![(3, 3, &[4, 10])], (0, 1)),
        (HintKind::Targets, TARGETS, vec![(3, 3, &[1, 60, 2, 41])], (0, 1)),
        (HintKind::Targets, TARGETS, vec![(3, 3, &[1, 60, 2])], (0, 1)),
        (HintKind::Targets, TARGETS, vec![(3, 3, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f])], (0, 1)),
        (HintKind::Targets, TARGETS, vec![(1, 5, &[1, 60])], (0, 1)),
    ] {
        let module = module(&[(name, &written(Form::Counted, &hints))]);
        assert_eq!(counts(&module, kind), expected, "{name} {hints:?}");
    }
}

#[test]
fn a_section_counts_as_one_if_it_is_not_read() {
    let good = written(Form::Counted, &[(1, 3, &[0])]);
    let with_more = [&good[..], &[0]].concat();
    for contents in [&with_more[..], &good[..good.len() - 1], &[], &[1], &[0xff; 20]] {
        let module = module(&[(BRANCH, contents)]);
        assert_eq!(counts(&module, HintKind::Branch), (0, 1), "{contents:?}");
    }
    // The first one counts.
    let other = written(Form::Counted, &[(1, 12, &[0])]);
    let twice = module(&[(BRANCH, &good), (BRANCH, &other)]);
    assert_eq!(counts(&twice, HintKind::Branch), (1, 1));
    assert_eq!(twice.hints().branch(at(&twice, 1, 3)), Some(Likely::Not));
    let both_names = module(&[(ORDER, &written(Form::Bare, &[(1, 0, &[3])])), (PRIORITY, &good)]);
    assert_eq!(counts(&both_names, HintKind::Priority), (1, 1));
    let behind = module_with(&[], &section(BRANCH, &good));
    assert_eq!(counts(&behind, HintKind::Branch), (0, 1));
    assert_eq!(behind.hints().branch(at(&behind, 1, 3)), None);
}

#[test]
fn what_the_host_says_replaces_what_sections_say() {
    let mut host = HostHints::default();
    host.add(HintKind::Branch, FuncIndex(1), 12, &[1]);
    host.add(HintKind::Branch, FuncIndex(1), 3, &[0]);
    host.add(HintKind::Branch, FuncIndex(1), 3, &[1]);
    host.add(HintKind::Branch, FuncIndex(9), 3, &[1]);
    host.add(HintKind::Priority, FuncIndex(2), 0, &[5, 6]);
    host.add(HintKind::Targets, FuncIndex(3), 3, &[2, 101]);
    for sections in [true, false] {
        let branches = written(Form::Counted, &[(1, 3, &[0])]);
        let priorities = written(Form::Counted, &[(1, 0, &[1]), (2, 0, &[1])]);
        let mut module = if sections { module(&[(BRANCH, &branches), (PRIORITY, &priorities)]) } else { module(&[]) };
        module.set_host_hints(&host);
        let hints = module.hints();
        assert_eq!(hints.branch(at(&module, 1, 3)), Some(Likely::Taken));
        assert_eq!(hints.branch(at(&module, 1, 12)), Some(Likely::Taken));
        let said = hints.priorities().iter().find(|(func, _)| func.0 == 1);
        assert_eq!(said.unwrap().1, Priority { compile: 5, optimise: Some(6) });
        assert_eq!(counts(&module, HintKind::Branch), (2, 1));
        assert_eq!(counts(&module, HintKind::Priority), (1 + usize::from(sections), 0));
        assert_eq!(counts(&module, HintKind::Targets), (0, 1));
    }
}

/// Sections of any bytes: what is read is what stands there, and every hint is either used or counted as ignored.
#[test]
fn random_sections_are_read_or_ignored() {
    let prove = std::env::var_os("UPDRAFT_PROVE").is_some_and(|value| value != "0");
    let rounds = if prove { 2_000_000 } else { 20_000 };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut used, mut ignored, mut unread) = (0, 0, 0);
    for _ in 0..rounds {
        let kind = HintKind::ALL[next(4) as usize];
        let form = [Form::Counted, Form::Bare][next(2) as usize];
        let places = [(1, 3), (1, 5), (1, 8), (1, 12), (2, 0), (3, 3)];
        let mut chosen: Vec<(u32, u32)> = places.into_iter().filter(|_| next(2) == 0).collect();
        if next(4) == 0 {
            chosen.push((next(6) as u32, next(20) as u32));
        }
        let mut byte = |often| if next(8) == 0 { next(256) as u8 } else { next(often) as u8 };
        let said: Vec<Vec<u8>> = chosen.iter().map(|_| (0..byte(4) % 8).map(|_| byte(4)).collect()).collect();
        let hints = chosen.iter().zip(&said).map(|((func, offset), said)| (*func, *offset, &said[..]));
        let mut contents = written(form, &hints.collect::<Vec<Said<'_>>>());
        for _ in 0..next(3) {
            let at = next(contents.len() as u64) as usize;
            match next(3) {
                0 => contents[at] = next(256) as u8,
                1 => contents.truncate(at.max(1)),
                _ => contents.insert(at, next(256) as u8),
            }
        }
        let module = module(&[([BRANCH, PRIORITY, FREQUENCY, TARGETS][kind as usize], &contents)]);
        let mut number = 0;
        let is_read = [Form::Counted, Form::Bare].into_iter().any(|form| {
            number = 0;
            walk(&contents, form, &mut |_, _, _| number += 1).is_some()
        });
        let count = counts(&module, kind);
        assert_eq!(count.0 + count.1, if is_read { number } else { 1 }, "{kind:?} {contents:?}");
        let hints = module.hints();
        let operators =
            [[(1, 3), (1, 12), (1, 12)], [(1, 5), (1, 8), (3, 3)]].map(|of| of.map(|(f, o)| at(&module, f, o)));
        let found = |offsets: &[u32], known: &[u32]| offsets.iter().filter(|at| known.contains(at)).count();
        let expected = match kind {
            HintKind::Branch => found(&hints.branches.offsets, &operators[0]),
            HintKind::Priority => hints.priorities().len(),
            HintKind::Frequency => found(&hints.frequencies.offsets, &operators[1]),
            HintKind::Targets => found(&hints.targets.offsets, &operators[1][2..]),
        };
        assert_eq!(count.0, expected, "{kind:?} {contents:?}");
        (used, ignored, unread) = (used + count.0, ignored + count.1, unread + usize::from(!is_read));
    }
    let least = rounds / 10;
    assert!(used > least && ignored > least && unread > least, "{used} used, {ignored} ignored, {unread} not read");
}
