//! The pass itself: a loop over the operators of a body whose state is in local variables.
//!
//! Every arm first tries the usual case and leaves the rest to a function of `slow.rs`, `memory.rs` or
//! `prefixed.rs` with the same meaning. Where `?` stands the body is refused.

use super::env::{self, BITS, I32, NEVER, Signature};
use super::leb::{self, WINDOW, Window};
use super::slow::{BlockType, Frame, Kind, Local, Walk};
use super::tables;
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
    let mut near = std::mem::take(&mut walk.locals);
    let verdict = operators(module, &bytes[code_offset..], &mut near, walk);
    walk.locals = near;
    verdict?;
    Some(Analysis {
        max_height: walk.max_height,
        max_depth: walk.max_depth,
        local_count,
        code_offset: code_offset as u32,
        flags: walk.flags,
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
        let (ty, features, len) = super::prefixed::value_type(bytes.get(at..)?)?;
        at += len;
        walk.needs(module, features)?;
        walk.has_type(ty);
        if count > MAX_LOCALS - total {
            return None;
        }
        walk.add_locals(total, count, ty);
        total += count;
    }
    Some((total, at))
}

/// A local's bit in a set of 64.
#[inline(always)]
fn bit(local: u32) -> u64 {
    if local < u64::BITS { 1 << local } else { 0 }
}

/// The type of a block behind its opcode: its lists, where they are, and the length.
#[inline(always)]
fn block_type(module: &Module, rest: &[u8], window: &Window, walk: &mut Walk) -> Option<(Signature, BlockType, usize)> {
    match window[1] {
        0x40 => Some((Signature::block(0), BlockType::Short, 1)),
        // The numeric types.
        ty @ 0x7c..=0x7f => Some((Signature::block(0x80 - ty as u64), BlockType::Short, 1)),
        _ => other_block_type(module, &rest[1..], walk),
    }
}

#[cold]
#[inline(never)]
fn other_block_type(module: &Module, bytes: &[u8], walk: &mut Walk) -> Option<(Signature, BlockType, usize)> {
    if bytes[0] & 0xc0 == 0x40 {
        let (ty, len) = walk.value_type(module, bytes)?;
        return Some((Signature::block(ty), BlockType::Short, len));
    }
    walk.needs(module, Features::MULTI_VALUE)?;
    let (ty, len) = leb::type_index(bytes)?;
    let signature = *module.environment.signatures.get(ty as usize)?;
    Some((signature, BlockType::Index(ty), len))
}

/// Whether the end of a block needs a closer look: an `if` without `else` gives what it takes.
fn gives_what_it_takes(module: &Module, frame: &Frame) -> bool {
    match frame.ty {
        BlockType::Short => frame.results == 0,
        BlockType::Index(ty) => {
            let ty = &module.types[ty as usize];
            ty.params() == ty.results()
        }
    }
}

/// Checks the operators, of which `rest` are the bytes, with a window behind them.
///
/// `word` are the operands of the innermost block, `seen` all bits that the word has had since the block's height
/// was noted last.
fn operators(module: &Module, mut rest: &[u8], locals: &mut [Local], walk: &mut Walk) -> Option<()> {
    let environment = &module.environment;
    let memory0 = environment.memory0;
    let (mut word, mut seen) = (0, 0);
    let mut unit = Local::WEIGHT;
    let (mut touched, mut written, mut flags) = (0, 0, 0);

    macro_rules! push {
        ($ty:expr) => {{
            if word >> (u64::BITS - BITS) != 0 {
                word = walk.make_room(word, seen);
                seen = 0;
            }
            word = word << BITS | $ty;
            seen |= word;
        }};
    }
    macro_rules! pop {
        ($ty:expr) => {{
            let ty = $ty;
            if word & 0xf == ty {
                word >>= BITS;
            } else {
                word = walk.pop_slow(word, seen, ty)?;
                seen = word;
            }
        }};
    }
    macro_rules! apply {
        ($effect:expr) => {{
            let effect = $effect;
            if word & effect.mask as u64 == effect.operands as u64 {
                word = word >> effect.operand_bits << effect.result_bits | effect.results as u64;
            } else {
                word = walk.apply_slow(word, seen, effect)?;
                seen = word;
            }
        }};
    }
    // The index of an operator's local, and the local's type.
    macro_rules! local {
        ($window:ident, $index:ident, $ty:ident) => {
            let ($index, len) = leb::u32_at($window, 1)?;
            rest = rest.get(1 + len..)?;
            let $ty = match locals.get_mut($index as usize) {
                Some(local) => {
                    local.0 += unit;
                    local.ty()
                }
                None => walk.far_local_type($index)?,
            };
            touched |= bit($index);
        };
    }
    // A step of `prefixed.rs` behind one byte.
    macro_rules! step {
        ($step:expr) => {{
            walk.note_height(seen);
            let (after, len) = $step?;
            (word, seen) = (after, after);
            rest = rest.get(1 + len..)?;
        }};
    }

    loop {
        let (window, _) = rest.split_first_chunk::<WINDOW>()?;
        let opcode = window[0];
        match opcode {
            // unreachable
            0x00 => {
                walk.unreachable(seen);
                (word, seen) = (0, 0);
                rest = &rest[1..];
            }
            // nop
            0x01 => rest = &rest[1..],
            // block, loop, if
            0x02..=0x04 => {
                let (signature, ty, len) = block_type(module, rest, window, walk)?;
                rest = rest.get(1 + len..)?;
                if opcode == 0x04 {
                    pop!(I32);
                }
                walk.note_height(seen);
                let params = match signature.params {
                    0 => 0,
                    params => {
                        word = walk.pop_block_params(module, word, &signature, ty)?;
                        params
                    }
                };
                let (kind, label, label_count) = match opcode {
                    0x02 => (Kind::Block, signature.results, signature.result_count),
                    0x03 => (Kind::Loop, params, signature.param_count),
                    _ => (Kind::If, signature.results, signature.result_count),
                };
                walk.frames.push(Frame {
                    outer: word,
                    label,
                    results: signature.results,
                    base: walk.below() + env::count(word),
                    overflow: walk.overflow_len(),
                    ty,
                    checked: 0,
                    label_count,
                    result_count: signature.result_count,
                    kind,
                    unreachable: false,
                });
                walk.max_depth = walk.max_depth.max(walk.frames.len() as u32);
                word = if params == NEVER { walk.push_params(module, ty) } else { params };
                seen = word;
                if kind == Kind::Loop {
                    (touched, written) = walk.enter_loop(touched, written);
                    unit <<= if walk.loop_depth <= 3 { 3 } else { 0 };
                }
            }
            // else
            0x05 => {
                let frame = *walk.frame();
                if frame.kind != Kind::If {
                    return None;
                }
                if word != frame.results || !walk.is_compact() {
                    walk.check_results(module, word, seen)?;
                }
                walk.note_height(seen);
                walk.frame().kind = Kind::Else;
                walk.frame().unreachable = false;
                word = match frame.ty {
                    BlockType::Short => 0,
                    BlockType::Index(_) => walk.push_params(module, frame.ty),
                };
                seen = word;
                rest = &rest[1..];
            }
            // end
            0x0b => {
                let frame = *walk.frame();
                if word != frame.results || !walk.is_compact() {
                    walk.check_results(module, word, seen)?;
                }
                if frame.kind == Kind::If && !gives_what_it_takes(module, &frame) {
                    return None;
                }
                rest = &rest[1..];
                walk.note_height(seen);
                if frame.kind == Kind::Loop {
                    unit >>= if walk.loop_depth <= 3 { 3 } else { 0 };
                    (touched, written) = walk.leave_loop(touched, written);
                }
                walk.frames.pop();
                if walk.frames.is_empty() {
                    break;
                }
                word = frame.outer;
                let bits = BITS * frame.result_count as u32;
                if frame.results == NEVER || bits != 0 && word >> (u64::BITS - bits) != 0 {
                    word = walk.push_block_results(module, word, &frame);
                } else {
                    word = word << bits | frame.results;
                }
                seen = word;
            }
            // br
            0x0c => {
                let (depth, len) = leb::u32_at(window, 1)?;
                rest = rest.get(1 + len..)?;
                let target = walk.frames.len().checked_sub(1 + depth as usize)?;
                let Frame { label, label_count, .. } = walk.frames[target];
                if word & env::mask(label_count) != label {
                    walk.br_slow(module, word, seen, target)?;
                }
                walk.unreachable(seen);
                (word, seen) = (0, 0);
            }
            // br_if
            0x0d => {
                let (depth, len) = leb::u32_at(window, 1)?;
                rest = rest.get(1 + len..)?;
                let target = walk.frames.len().checked_sub(1 + depth as usize)?;
                let Frame { label, label_count, .. } = walk.frames[target];
                if word & 0xf == I32 && word >> BITS & env::mask(label_count) == label {
                    word >>= BITS;
                } else {
                    word = walk.br_if_slow(module, word, seen, target)?;
                    seen = word;
                }
            }
            // br_table
            0x0e => {
                pop!(I32);
                let len = walk.br_table(module, &rest[1..], word)?;
                rest = rest.get(1 + len..)?;
                walk.unreachable(seen);
                (word, seen) = (0, 0);
            }
            // return
            0x0f => {
                let Frame { label, label_count, .. } = walk.frames[0];
                if word & env::mask(label_count) != label {
                    walk.br_slow(module, word, seen, 0)?;
                }
                walk.unreachable(seen);
                (word, seen) = (0, 0);
                rest = &rest[1..];
            }
            // call
            0x10 => {
                let (callee, len) = leb::u32_at(window, 1)?;
                rest = rest.get(1 + len..)?;
                let ty = module.functions.get(callee as usize)?;
                let Signature { params, results, param_count, result_count } =
                    *environment.signatures.get(ty.index())?;
                walk.calls();
                let below = word >> (BITS * param_count as u32);
                let bits = BITS * result_count as u32;
                if word & env::mask(param_count) == params && below >> (60 - bits) == 0 && results != NEVER {
                    word = below << bits | results;
                    seen |= word;
                } else {
                    word = walk.call_slow(module, word, seen, ty.0)?;
                    seen = word;
                }
            }
            // call_indirect, return_call, return_call_indirect
            0x11..=0x13 => {
                let reached = opcode == 0x11;
                step!(walk.other_call(module, opcode, &rest[1..], word));
                if !reached {
                    walk.unreachable(seen);
                    (word, seen) = (0, 0);
                }
            }
            // drop
            0x1a => {
                rest = &rest[1..];
                if word != 0 {
                    word >>= BITS;
                } else {
                    word = walk.drop_slow(word, seen)?;
                    seen = word;
                }
            }
            // select
            0x1b => {
                rest = &rest[1..];
                let (one, two) = (word >> BITS & 0xf, word >> (2 * BITS) & 0xf);
                if word & 0xf == I32 && one == two && one.wrapping_sub(1) < env::V128 {
                    word >>= 2 * BITS;
                } else {
                    word = walk.select_slow(word, seen)?;
                    seen = word;
                }
            }
            // local.get
            0x20 => {
                local!(window, _index, ty);
                push!(ty);
            }
            // local.set
            0x21 => {
                local!(window, index, ty);
                written |= bit(index);
                pop!(ty);
            }
            // local.tee
            0x22 => {
                local!(window, index, ty);
                written |= bit(index);
                if word & 0xf != ty {
                    word = walk.pop_slow(word, seen, ty)?;
                    word = walk.push(word, ty);
                    seen = word;
                }
            }
            // global.get
            0x23 => {
                let (index, len) = leb::u32_at(window, 1)?;
                rest = rest.get(1 + len..)?;
                push!(env::code(module.globals.get(index as usize)?.content));
            }
            // global.set
            0x24 => {
                let (index, len) = leb::u32_at(window, 1)?;
                rest = rest.get(1 + len..)?;
                let global = module.globals.get(index as usize)?;
                if !global.mutable {
                    return None;
                }
                pop!(env::code(global.content));
            }
            // loads and stores
            0x28..=0x3e => {
                let access = &tables::ACCESSES[opcode as usize & 0x3f];
                let effect = &access.effect;
                let operands = memory0 << effect.operand_bits | effect.operands as u64;
                let mask = (effect.mask as u64) << BITS | 0xf;
                let len = leb::offset_len(window);
                if window[1] <= access.natural && len != 0 && word & mask == operands {
                    word = word >> (effect.operand_bits as u32 + BITS) << effect.result_bits | effect.results as u64;
                    flags |= BodyFlags::MEMORY0.0;
                    rest = rest.get(2 + len..)?;
                } else {
                    let (after, len) = walk.access_slow(module, &rest[1..], word, seen, access)?;
                    (word, seen) = (after, after);
                    rest = rest.get(1 + len..)?;
                }
            }
            // memory.size
            0x3f => {
                let (address, len) = walk.size_argument(module, &rest[1..])?;
                rest = rest.get(1 + len..)?;
                push!(address);
            }
            // memory.grow
            0x40 => {
                let (address, len) = walk.size_argument(module, &rest[1..])?;
                rest = rest.get(1 + len..)?;
                pop!(address);
                push!(address);
                walk.calls();
                walk.flag(BodyFlags::MEMORY_GROW);
            }
            // i32.const
            0x41 => {
                let len = leb::i32_len(window)?;
                rest = rest.get(1 + len..)?;
                push!(I32);
            }
            // i64.const
            0x42 => {
                let len = leb::i64_len(window)?;
                rest = rest.get(1 + len..)?;
                push!(env::I64);
            }
            // f32.const
            0x43 => {
                rest = &rest[5..];
                push!(env::F32);
            }
            // f64.const
            0x44 => {
                rest = &rest[9..];
                push!(env::F64);
            }
            // numeric
            0x45..=0xbf => {
                rest = &rest[1..];
                apply!(&tables::NUMERIC[opcode as usize]);
            }
            // sign extension
            0xc0..=0xc4 => {
                walk.needs(module, Features::SIGN_EXTENSION)?;
                rest = &rest[1..];
                apply!(&tables::NUMERIC[opcode as usize]);
            }
            // typed select, table.get, table.set, ref.null, ref.is_null, ref.func
            0x1c | 0x25 | 0x26 | 0xd0..=0xd2 => step!(walk.reference(module, opcode, &rest[1..], word)),
            0xfc => step!(walk.miscellaneous(module, &rest[1..], word)),
            0xfd => step!(walk.vector(module, &rest[1..], word)),
            0xfe => step!(walk.atomic(module, &rest[1..], word)),
            _ => return None,
        }
    }
    walk.flag(BodyFlags(flags));
    // What is left is the window behind the body.
    (rest.len() == WINDOW).then_some(())
}
