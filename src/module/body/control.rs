//! Blocks, branches and calls beyond their usual form, and what is known of loops.
//!
//! As in `walk.rs`, `None` is refusal and the word of operands goes through by value.

use super::env::{self, BITS, BOTTOM, Code, Signature};
use super::leb;
use super::walk::{BlockType, Frame, Kind, Walk};
use super::{BodyFlags, LoopInfo};
use crate::module::{Features, Module};
use crate::types::ValType;

/// What a loop multiplies the weight of locals by.
const LOOP_WEIGHT: u64 = 8;

/// How many loops around a local weigh.
const WEIGHED_LOOPS: u32 = 3;

impl Walk {
    /// Pops what a branch to an open block carries.
    pub(super) fn pop_label(&mut self, module: &Module, word: u64, frame: usize) -> Option<u64> {
        let Frame { label, label_count, kind, ty, .. } = self.frames[frame];
        match ty {
            BlockType::Short => self.pop_packed(word, label, BITS * label_count as u32),
            BlockType::Index(ty) if kind == Kind::Loop => self.pop_params(module, word, ty),
            BlockType::Index(ty) => self.pop_list(word, module.types[ty as usize].results()),
        }
    }

    /// Pushes what a branch to an open block carries.
    fn push_label(&mut self, module: &Module, word: u64, frame: usize) -> u64 {
        let Frame { label, label_count, kind, ty, .. } = self.frames[frame];
        match ty {
            BlockType::Short => self.push_packed(word, label, BITS * label_count as u32),
            BlockType::Index(ty) if kind == Kind::Loop => self.push_list(word, module.types[ty as usize].params()),
            BlockType::Index(ty) => self.push_results(module, word, ty),
        }
    }

    /// A branch to an open block that may not be taken.
    pub(super) fn br_if(&mut self, module: &Module, word: u64, depth: u32) -> Option<u64> {
        let word = self.pop(word, env::I32)?;
        let target = self.target(depth)?;
        let word = self.pop_label(module, word, target)?;
        Some(self.push_label(module, word, target))
    }

    /// A branch to an open block. Nothing is reached behind it.
    pub(super) fn br(&mut self, module: &Module, word: u64, depth: u32) -> Option<()> {
        let target = self.target(depth)?;
        self.pop_label(module, word, target)?;
        self.unreachable();
        Some(())
    }

    /// The type of a block behind its opcode: its packed lists, where it is, and its length.
    fn block_type(&mut self, module: &Module, bytes: &[u8]) -> Option<(Signature, BlockType, usize)> {
        if bytes[0] == 0x40 {
            return Some((Signature::block(0), BlockType::Short, 1));
        }
        if bytes[0] & 0xc0 == 0x40 {
            let (ty, len) = self.value_type(module, bytes)?;
            return Some((Signature::block(ty), BlockType::Short, len));
        }
        self.needs(module, Features::MULTI_VALUE)?;
        let (ty, len) = leb::type_index(bytes)?;
        let signature = *module.environment.signatures.get(ty as usize)?;
        Some((signature, BlockType::Index(ty), len))
    }

    /// `block`, `loop` and `if`, from the type on. The result is the word, and the type's length.
    pub(super) fn open(&mut self, module: &Module, kind: Kind, bytes: &[u8], mut word: u64) -> Option<(u64, usize)> {
        let (signature, ty, len) = self.block_type(module, bytes)?;
        if kind == Kind::If {
            word = self.pop(word, env::I32)?;
        }
        if let BlockType::Index(ty) = ty {
            word = self.pop_params(module, word, ty)?;
        }
        let (label, label_count) = match kind {
            Kind::Loop => (signature.params, signature.param_count),
            _ => (signature.results, signature.result_count),
        };
        let frame = Frame {
            outer: word,
            label,
            results: signature.results,
            base: self.below() + env::count(word),
            overflow: self.overflow_len(),
            ty,
            checked: 0,
            label_count,
            result_count: signature.result_count,
            kind,
            unreachable: false,
        };
        self.push_frame(frame);
        if kind == Kind::Loop {
            self.enter_loop();
        }
        Some((self.push_params(module, ty), len))
    }

    /// Opens a block. There is room for one more afterwards.
    pub(super) fn push_frame(&mut self, frame: Frame) {
        match self.frames.get_mut(self.depth) {
            Some(free) => *free = frame,
            None => self.frames.push(frame),
        }
        self.depth += 1;
        if self.frames.len() == self.depth {
            self.frames.push(frame);
        }
        self.max_depth = self.max_depth.max(self.depth as u32);
    }

    /// The operands of a block that begins.
    fn push_params(&mut self, module: &Module, ty: BlockType) -> u64 {
        match ty {
            BlockType::Short => 0,
            BlockType::Index(ty) => self.push_list(0, module.types[ty as usize].params()),
        }
    }

    /// Checks that the operands of the innermost block are its results, and nothing else.
    fn check_results(&mut self, module: &Module, word: u64) -> Option<()> {
        let Frame { results, result_count, ty, .. } = *self.frame();
        let word = match ty {
            BlockType::Short => self.pop_packed(word, results, BITS * result_count as u32)?,
            BlockType::Index(ty) => self.pop_list(word, module.types[ty as usize].results())?,
        };
        (word == 0 && self.overflowed() == 0).then_some(())
    }

    /// `else`.
    pub(super) fn begin_else(&mut self, module: &Module, word: u64) -> Option<u64> {
        self.check_results(module, word)?;
        let frame = self.frame_mut();
        (frame.kind == Kind::If).then_some(())?;
        frame.kind = Kind::Else;
        frame.unreachable = false;
        let ty = frame.ty;
        Some(self.push_params(module, ty))
    }

    /// `end`.
    pub(super) fn close(&mut self, module: &Module, word: u64) -> Option<u64> {
        self.check_results(module, word)?;
        let frame = *self.frame();
        match frame.kind {
            Kind::If if !gives_what_it_takes(module, &frame) => return None,
            Kind::Loop => self.leave_loop(),
            _ => {}
        }
        self.depth -= 1;
        if self.depth == 0 {
            return Some(0);
        }
        Some(match frame.ty {
            BlockType::Short => self.push_packed(frame.outer, frame.results, BITS * frame.result_count as u32),
            BlockType::Index(ty) => self.push_results(module, frame.outer, ty),
        })
    }

    /// A `br_table` from its number of targets on, its key popped. The result is its length; the operands stay.
    pub(super) fn br_table(&mut self, module: &Module, bytes: &[u8], word: u64) -> Option<usize> {
        self.flag(BodyFlags::BR_TABLE);
        // Each block is looked at once per table, however often it is a target.
        self.tables_checked += 1;
        let (count, mut at) = leb::u32_long(bytes)?;
        let mut arity = None;
        for _ in 0..=count {
            let (depth, len) = match *bytes.get(at)? {
                depth @ 0..=0x7f => (depth as u32, 1),
                _ => leb::u32_long(&bytes[at..])?,
            };
            at += len;
            let target = self.target(depth)?;
            let frame = &mut self.frames[target];
            if std::mem::replace(&mut frame.checked, self.tables_checked) != self.tables_checked {
                let found = self.check_label(module, word, target)?;
                (*arity.get_or_insert(found) == found).then_some(())?;
            }
        }
        Some(at)
    }

    /// Checks the operands of a branch to an open block, which stay. The result is their number.
    fn check_label(&self, module: &Module, word: u64, frame: usize) -> Option<usize> {
        let Frame { label, label_count, kind, ty, .. } = self.frames[frame];
        if word & env::mask(label_count) == label {
            return Some(label_count as usize);
        }
        let types = match ty {
            BlockType::Short => &[env::val_type(label)],
            BlockType::Index(ty) if kind == Kind::Loop => module.types[ty as usize].params(),
            BlockType::Index(ty) => module.types[ty as usize].results(),
        };
        for (depth, ty) in types.iter().rev().enumerate() {
            let found = self.operand(word, depth)?;
            (found == env::code(*ty) || found == BOTTOM).then_some(())?;
        }
        Some(types.len())
    }

    /// The operand at a depth, the top being at 0.
    fn operand(&self, word: u64, depth: usize) -> Option<Code> {
        let in_word = env::count(word) as usize;
        if depth < in_word {
            return Some(word >> (BITS as usize * depth) & 0xf);
        }
        match self.overflow_at(depth - in_word) {
            Some(ty) => Some(ty),
            None => self.frame().unreachable.then_some(BOTTOM),
        }
    }

    /// All calls, from their first immediate on. The result is the word, and the length of the immediates.
    pub(super) fn call(&mut self, module: &Module, opcode: u8, bytes: &[u8], mut word: u64) -> Option<(u64, usize)> {
        const CALL_INDIRECT: u8 = 0x11;
        self.calls();
        let (index, mut at) = leb::u32_long(bytes)?;
        let is_indirect = opcode & 1 != 0;
        let ty = if is_indirect {
            self.indirect_calls += 1;
            let (table, len) = leb::u32_long(bytes.get(at..)?)?;
            // Without references the table is one byte, zero.
            if opcode == CALL_INDIRECT && bytes[at] != 0 {
                self.needs(module, Features::REFERENCE_TYPES)?;
            }
            at += len;
            let table = module.tables.get(table as usize)?;
            (table.element == ValType::FuncRef).then_some(())?;
            word = self.pop(word, table.key())?;
            index
        } else {
            module.functions.get(index as usize)?.0
        };
        let callee = module.types.get(ty as usize)?;
        self.flag(module.environment.signatures[ty as usize].call);
        word = self.pop_params(module, word, ty)?;
        if opcode <= CALL_INDIRECT {
            return Some((self.push_results(module, word, ty), at));
        }
        self.needs(module, Features::TAIL_CALL)?;
        self.flag(BodyFlags::TAIL_CALLS);
        let BlockType::Index(own) = self.frames[0].ty else { return None };
        (callee.results() == module.types[own as usize].results()).then_some(())?;
        self.unreachable();
        Some((0, at))
    }

    /// Opens the function's own block.
    pub(super) fn open_function(&mut self, module: &Module, ty: u32) {
        let signature = module.environment.signatures[ty as usize];
        self.push_frame(Frame {
            outer: 0,
            label: signature.results,
            results: signature.results,
            base: 0,
            overflow: 0,
            ty: BlockType::Index(ty),
            checked: 0,
            label_count: signature.result_count,
            result_count: signature.result_count,
            kind: Kind::Function,
            unreachable: false,
        });
    }

    /// Begins a loop.
    fn enter_loop(&mut self) {
        self.flag(BodyFlags::LOOPS);
        let outer = self.current_index;
        match self.loops.get_mut(outer as usize) {
            Some(info) => *info = self.current,
            None => self.outside = self.current,
        }
        self.current_index = self.loops.len() as u32;
        self.current = LoopInfo { outer, ..LoopInfo::default() };
        self.loops.push(self.current);
        self.loop_depth += 1;
        if self.loop_depth <= WEIGHED_LOOPS {
            self.unit *= LOOP_WEIGHT;
        }
    }

    /// Ends a loop.
    fn leave_loop(&mut self) {
        let inner = self.current;
        self.loops[self.current_index as usize] = inner;
        if inner.calls != 0 {
            self.flag(BodyFlags::CALLS_IN_LOOP);
        }
        self.current_index = inner.outer;
        self.current = self.loops.get(inner.outer as usize).copied().unwrap_or(self.outside);
        self.current.calls |= inner.calls;
        self.current.touched |= inner.touched;
        self.current.written |= inner.written;
        if self.loop_depth <= WEIGHED_LOOPS {
            self.unit /= LOOP_WEIGHT;
        }
        self.loop_depth -= 1;
    }
}

/// Whether an `if` may do without `else`.
fn gives_what_it_takes(module: &Module, frame: &Frame) -> bool {
    match frame.ty {
        BlockType::Short => frame.results == 0,
        BlockType::Index(ty) => {
            let ty = &module.types[ty as usize];
            ty.params() == ty.results()
        }
    }
}
