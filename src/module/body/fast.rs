//! The pass itself: the usual operators in a loop without any call, so that its state stays in registers, and all
//! others through `step.rs`, one at a time.

use super::env::{self, BITS, I32, I64, NEVER, Signature};
use super::leb::{self, WINDOW, Window};
use super::step::bit;
use super::tables::{self, Vector};
use super::walk::{BlockType, Frame, Kind, Walk};
use super::{Analysis, BodyFlags};
use crate::limits::MAX_LOCALS;
use crate::module::{Features, Module};
use crate::types::DefinedFunc;

/// Analyses a body, given with [`WINDOW`] bytes behind it.
pub(super) fn scan(module: &Module, func: DefinedFunc, bytes: &[u8], walk: &mut Walk) -> Option<Analysis> {
    let ty = module.functions[module.func_index(func).index()].0;
    walk.start();
    let (local_count, code_offset) = locals(module, ty, bytes, walk)?;
    walk.open_function(module, ty);
    let mut rest = &bytes[code_offset..];
    let mut word = 0;
    while walk.depth != 0 {
        (word, rest) = usual(module, rest, word, walk);
        let (window, _) = rest.split_first_chunk::<WINDOW>()?;
        let (after, len) = walk.step(module, rest, window, word)?;
        (word, rest) = (after, rest.get(len..)?);
    }
    // What is left is the window behind the body.
    (rest.len() == WINDOW).then_some(())?;
    Some(Analysis {
        max_height: walk.max_height,
        max_depth: walk.max_depth,
        local_count,
        code_offset: code_offset as u32,
        flags: walk.flags,
        indirect_calls: walk.indirect_calls,
        features: walk.used,
    })
}

/// Reads the locals; the result is their number, and the offset of what follows.
fn locals(module: &Module, ty: u32, bytes: &[u8], walk: &mut Walk) -> Option<(u32, usize)> {
    let ty = &module.types[ty as usize];
    let mut total = 0;
    for param in ty.params() {
        let code = env::code(*param);
        walk.has_type(code);
        walk.add_locals(total, 1, code);
        total += 1;
    }
    for result in ty.results() {
        walk.has_type(env::code(*result));
    }
    let (groups, mut at) = leb::u32_long(bytes)?;
    for _ in 0..groups {
        let (count, len) = leb::u32_long(bytes.get(at..)?)?;
        at += len;
        let (ty, len) = walk.value_type(module, bytes.get(at..)?)?;
        at += len;
        if count > MAX_LOCALS - total {
            return None;
        }
        walk.add_locals(total, count, ty);
        total += count;
    }
    Some((total, at))
}

/// An index behind an opcode and what has been read of the operator in bytes.
#[inline(always)]
fn index(window: &Window) -> Option<(u32, usize)> {
    let [_, one, two, three, ..] = *window;
    if one < 0x80 {
        Some((one as u32, 2))
    } else if two < 0x80 {
        Some(((one & 0x7f) as u32 | (two as u32) << 7, 3))
    } else if three < 0x80 {
        Some(((one & 0x7f) as u32 | ((two & 0x7f) as u32) << 7 | (three as u32) << 14, 4))
    } else {
        None
    }
}

/// Takes operators as long as they are usual; the result is the word, and the bytes from the first that is not.
///
/// Every arm first looks whether all is usual, and breaks out of the loop before it has changed anything if not.
/// `word` are the operands of the innermost block, `seen` all bits that the word has had since the block's height
/// was noted last.
fn usual<'b>(module: &Module, mut rest: &'b [u8], mut word: u64, walk: &mut Walk) -> (u64, &'b [u8]) {
    /// Bits above which a word has no room for another operand.
    const FULL: u32 = u64::BITS - BITS;
    let environment = &module.environment;
    let (signatures, memory0) = (&environment.signatures[..], environment.memory0);
    let overflow = walk.overflow_len();
    let mut below = walk.below();
    let Walk { locals, frames, depth, unit, current, max_height, max_depth, flags, used, .. } = walk;
    let (locals, frames, unit) = (&mut locals[..], &mut frames[..], *unit);
    let (mut open, mut highest) = (*depth, *max_height);
    let (mut touched, mut written, mut flagged, mut features) = (0, 0, 0, 0);
    let mut seen = word;

    macro_rules! unless {
        ($usual:expr) => {
            if !$usual {
                break;
            }
        };
    }
    macro_rules! take {
        ($pattern:pat = $value:expr) => {
            let $pattern = $value else { break };
        };
    }
    // Notes how high the operands of the innermost block have been.
    macro_rules! note_height {
        () => {
            highest = highest.max(below + env::count(seen))
        };
    }
    macro_rules! apply {
        ($effect:expr) => {{
            let effect = $effect;
            unless!(word & effect.mask as u64 == effect.operands as u64);
            word = word >> effect.operand_bits << effect.result_bits | effect.results as u64;
        }};
    }
    macro_rules! push {
        ($ty:expr) => {{
            word = word << BITS | $ty;
            seen |= word;
        }};
    }
    // Nothing is reached any more, and there are no operands.
    macro_rules! unreachable {
        () => {{
            let frame = &mut frames[open - 1];
            unless!(frame.overflow == overflow);
            note_height!();
            frame.unreachable = true;
            (word, seen) = (0, 0);
        }};
    }
    // An access to memory 0, whose argument is so far behind the opcode.
    macro_rules! access {
        ($window:ident, $at:literal, $access:expr) => {{
            let access = $access;
            let effect = &access.effect;
            let len = leb::offset_len($window, $at + 1);
            let operands = memory0 << effect.operand_bits | effect.operands as u64;
            let mask = (effect.mask as u64) << BITS | 0xf;
            unless!($window[$at] <= access.natural && len != 0 && word & mask == operands);
            word = word >> (effect.operand_bits as u32 + BITS) << effect.result_bits | effect.results as u64;
            flagged |= BodyFlags::MEMORY0.0;
            rest = &rest[$at + 1 + len..];
        }};
    }

    while let Some((window, _)) = rest.split_first_chunk::<WINDOW>() {
        let opcode = window[0];
        match opcode {
            // unreachable
            0x00 => {
                unreachable!();
                rest = &rest[1..];
            }
            // block and if, without parameters
            0x02 | 0x04 => {
                let result = match window[1] {
                    0x40 => 0,
                    ty @ 0x7c..=0x7f => 0x80 - ty as u64,
                    _ => break,
                };
                // There must be room for another one afterwards.
                unless!(open + 1 < frames.len());
                note_height!();
                let mut kind = Kind::Block;
                if opcode == 0x04 {
                    unless!(word & 0xf == I32);
                    word >>= BITS;
                    kind = Kind::If;
                }
                below += env::count(word);
                let count = (result != 0) as u8;
                frames[open] = Frame {
                    outer: word,
                    label: result,
                    results: result,
                    base: below,
                    overflow,
                    ty: BlockType::Short,
                    checked: 0,
                    label_count: count,
                    result_count: count,
                    kind,
                    unreachable: false,
                };
                open += 1;
                *max_depth = (*max_depth).max(open as u32);
                (word, seen) = (0, 0);
                rest = &rest[2..];
            }
            // else, without parameters
            0x05 => {
                let frame = &mut frames[open - 1];
                unless!(word == frame.results && frame.overflow == overflow);
                unless!(frame.kind == Kind::If && matches!(frame.ty, BlockType::Short));
                note_height!();
                frame.kind = Kind::Else;
                frame.unreachable = false;
                (word, seen) = (0, 0);
                rest = &rest[1..];
            }
            // end
            0x0b => {
                let frame = &frames[open - 1];
                unless!(word == frame.results && frame.overflow == overflow);
                match frame.kind {
                    Kind::Block | Kind::Else => {}
                    Kind::If if frame.results == 0 && matches!(frame.ty, BlockType::Short) => {}
                    _ => break,
                }
                let bits = BITS * frame.result_count as u32;
                unless!(frame.outer >> (FULL - bits) == 0);
                note_height!();
                word = frame.outer << bits | frame.results;
                seen = word;
                let around = &frames[open - 2];
                below = around.base + overflow - around.overflow;
                open -= 1;
                rest = &rest[1..];
            }
            // br
            0x0c => {
                take!(Some((depth, len)) = index(window));
                take!(Some(target) = open.checked_sub(1 + depth as usize));
                let Frame { label, label_count, .. } = frames[target];
                unless!(word & env::mask(label_count) == label);
                unreachable!();
                rest = &rest[len..];
            }
            // br_if
            0x0d => {
                take!(Some((depth, len)) = index(window));
                take!(Some(target) = open.checked_sub(1 + depth as usize));
                let Frame { label, label_count, .. } = frames[target];
                unless!(word & 0xf == I32 && word >> BITS & env::mask(label_count) == label);
                word >>= BITS;
                rest = &rest[len..];
            }
            // return
            0x0f => {
                let Frame { label, label_count, .. } = frames[0];
                unless!(word & env::mask(label_count) == label);
                unreachable!();
                rest = &rest[1..];
            }
            // call
            0x10 => {
                take!(Some((callee, len)) = index(window));
                take!(Some(ty) = module.functions.get(callee as usize));
                take!(Some(signature) = signatures.get(ty.index()));
                let Signature { params, results, param_count, result_count, call } = *signature;
                let left = word >> (BITS * param_count as u32);
                let bits = BITS * result_count as u32;
                unless!(word & env::mask(param_count) == params && left >> (FULL - bits) == 0 && results != NEVER);
                word = left << bits | results;
                seen |= word;
                flagged |= call.0;
                rest = &rest[len..];
            }
            // drop
            0x1a => {
                unless!(word != 0);
                word >>= BITS;
                rest = &rest[1..];
            }
            // select
            0x1b => {
                let (one, two) = (word >> BITS & 0xf, word >> (2 * BITS) & 0xf);
                unless!(word & 0xf == I32 && one == two && one.wrapping_sub(1) < env::V128);
                word >>= 2 * BITS;
                rest = &rest[1..];
            }
            // local.get
            0x20 => {
                take!(Some((local, len)) = index(window));
                unless!(word >> FULL == 0);
                take!(Some(entry) = locals.get_mut(local as usize));
                entry.0 += unit;
                touched |= bit(local);
                push!(entry.ty());
                rest = &rest[len..];
            }
            // local.set
            0x21 => {
                take!(Some((local, len)) = index(window));
                take!(Some(entry) = locals.get_mut(local as usize));
                unless!(word & 0xf == entry.ty());
                entry.0 += unit;
                written |= bit(local);
                word >>= BITS;
                rest = &rest[len..];
            }
            // local.tee
            0x22 => {
                take!(Some((local, len)) = index(window));
                take!(Some(entry) = locals.get_mut(local as usize));
                unless!(word & 0xf == entry.ty());
                entry.0 += unit;
                written |= bit(local);
                rest = &rest[len..];
            }
            // global.get
            0x23 => {
                take!(Some((global, len)) = index(window));
                take!(Some(global) = module.globals.get(global as usize));
                unless!(word >> FULL == 0);
                let ty = env::code(global.content);
                if ty == env::V128 {
                    flagged |= BodyFlags::SIMD.0;
                }
                push!(ty);
                rest = &rest[len..];
            }
            // global.set
            0x24 => {
                take!(Some((global, len)) = index(window));
                take!(Some(global) = module.globals.get(global as usize));
                unless!(global.mutable && word & 0xf == env::code(global.content));
                word >>= BITS;
                rest = &rest[len..];
            }
            // loads and stores
            0x28..=0x3e => access!(window, 1, &tables::ACCESSES[opcode as usize & 0x3f]),
            // i32.const
            0x41 => {
                take!(Some(len) = leb::i32_len(window));
                unless!(word >> FULL == 0);
                push!(I32);
                rest = &rest[1 + len..];
            }
            // i64.const
            0x42 => {
                take!(Some(len) = leb::i64_len(window));
                unless!(word >> FULL == 0);
                push!(I64);
                rest = &rest[1 + len..];
            }
            // f32.const
            0x43 => {
                unless!(word >> FULL == 0);
                push!(env::F32);
                rest = &rest[5..];
            }
            // f64.const
            0x44 => {
                unless!(word >> FULL == 0);
                push!(env::F64);
                rest = &rest[9..];
            }
            // numeric
            0x45..=0xbf => {
                apply!(&tables::NUMERIC[opcode as usize]);
                rest = &rest[1..];
            }
            // sign extension
            0xc0..=0xc4 => {
                unless!(environment.allowed.contains(Features::SIGN_EXTENSION));
                apply!(&tables::NUMERIC[opcode as usize]);
                features |= Features::SIGN_EXTENSION.0;
                rest = &rest[1..];
            }
            // vectors
            0xfd => {
                unless!(environment.allowed.contains(Features::SIMD));
                let [_, low, high, ..] = *window;
                if low < 0x80 {
                    match &tables::VECTOR[low as usize] {
                        Vector::Plain(effect) => {
                            apply!(effect);
                            rest = &rest[2..];
                        }
                        Vector::Access(argument) => access!(window, 2, argument),
                        _ => break,
                    }
                } else {
                    // Up to 0xff, in two bytes.
                    unless!(high == 1);
                    take!(Vector::Plain(effect) = &tables::VECTOR[low as usize]);
                    apply!(effect);
                    rest = &rest[3..];
                }
                flagged |= BodyFlags::SIMD.0;
                features |= Features::SIMD.0;
            }
            _ => break,
        }
    }
    note_height!();
    *depth = open;
    *max_height = highest;
    flags.0 |= flagged;
    used.0 |= features;
    current.touched |= touched | written;
    current.written |= written;
    if flagged & BodyFlags::CALLS.0 != 0 {
        current.calls = 1;
    }
    (word, rest)
}
