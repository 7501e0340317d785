//! Blocks, branches and calls beyond their usual form, and what is known of loops.
//!
//! As in `slow.rs`, `None` is refusal and the word of operands goes through by value.

use super::env::{self, BITS, BOTTOM, Code, Signature};
use super::leb;
use super::slow::{BlockType, Frame, Kind, Walk};
use super::{BodyFlags, LoopInfo};
use crate::module::{Features, Module};
use crate::types::ValType;

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
    #[cold]
    #[inline(never)]
    pub(super) fn br_if_slow(&mut self, module: &Module, word: u64, seen: u64, frame: usize) -> Option<u64> {
        self.note_height(seen);
        let word = self.pop(word, env::I32)?;
        let word = self.pop_label(module, word, frame)?;
        Some(self.push_label(module, word, frame))
    }

    /// A branch to an open block, whose operands are checked here. The caller then calls
    /// [`Walk::unreachable`].
    #[cold]
    #[inline(never)]
    pub(super) fn br_slow(&mut self, module: &Module, word: u64, seen: u64, frame: usize) -> Option<()> {
        self.note_height(seen);
        self.pop_label(module, word, frame).map(drop)
    }

    /// Pops the parameters of a block.
    pub(super) fn pop_block_params(
        &mut self,
        module: &Module,
        word: u64,
        signature: &Signature,
        ty: BlockType,
    ) -> Option<u64> {
        if word & env::mask(signature.param_count) == signature.params {
            return Some(word >> (BITS * signature.param_count as u32));
        }
        match ty {
            BlockType::Short => Some(word),
            BlockType::Index(ty) => self.pop_params(module, word, ty),
        }
    }

    /// The operands of a block that begins.
    pub(super) fn push_params(&mut self, module: &Module, ty: BlockType) -> u64 {
        match ty {
            BlockType::Short => 0,
            BlockType::Index(ty) => self.push_list(0, module.types[ty as usize].params()),
        }
    }

    /// Pushes the results of a block that has ended.
    #[cold]
    #[inline(never)]
    pub(super) fn push_block_results(&mut self, module: &Module, word: u64, frame: &Frame) -> u64 {
        match frame.ty {
            BlockType::Short => self.push_packed(word, frame.results, BITS * frame.result_count as u32),
            BlockType::Index(ty) => self.push_results(module, word, ty),
        }
    }

    /// A `br_table` from its number of targets on, its key popped. The result is its length; the operands stay.
    #[inline(never)]
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
            let target = self.frames.len().checked_sub(1 + depth as usize)?;
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
            None => self.frames.last()?.unreachable.then_some(BOTTOM),
        }
    }

    /// `call_indirect`, `return_call` and `return_call_indirect`, from their first immediate on.
    #[inline(never)]
    pub(super) fn other_call(
        &mut self,
        module: &Module,
        opcode: u8,
        bytes: &[u8],
        mut word: u64,
    ) -> Option<(u64, usize)> {
        const CALL_INDIRECT: u8 = 0x11;
        const RETURN_CALL: u8 = 0x12;
        self.calls();
        let (index, mut at) = leb::u32_long(bytes)?;
        let ty = if opcode == RETURN_CALL {
            module.functions.get(index as usize)?.0
        } else {
            let (table, len) = leb::u32_long(bytes.get(at..)?)?;
            if opcode == CALL_INDIRECT && bytes[at] != 0 {
                self.needs(module, Features::REFERENCE_TYPES)?;
            }
            at += len;
            let table = module.tables.get(table as usize)?;
            (table.element == ValType::FuncRef).then_some(())?;
            word = self.pop(word, table.key())?;
            index
        };
        let callee = module.types.get(ty as usize)?;
        word = self.pop_params(module, word, ty)?;
        if opcode == CALL_INDIRECT {
            word = self.push_results(module, word, ty);
        } else {
            self.needs(module, Features::TAIL_CALL)?;
            self.flag(BodyFlags::TAIL_CALLS);
            let BlockType::Index(own) = self.frames[0].ty else { return None };
            (callee.results() == module.types[own as usize].results()).then_some(())?;
        }
        Some((word, at))
    }

    /// Opens the function's own block.
    pub(super) fn open_function(&mut self, module: &Module, ty: u32) {
        let signature = module.environment.signatures[ty as usize];
        self.frames.push(Frame {
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
        self.max_depth = 1;
    }

    /// Begins a loop. Takes which locals the code around has touched and written, and gives which the loop has.
    pub(super) fn enter_loop(&mut self, touched: u64, written: u64) -> (u64, u64) {
        self.flag(BodyFlags::LOOPS);
        let outer = self.current_index;
        let around = LoopInfo { touched, written, ..self.current };
        match self.loops.get_mut(outer as usize) {
            Some(info) => *info = around,
            None => self.outside = around,
        }
        self.current_index = self.loops.len() as u32;
        self.current = LoopInfo { outer, ..LoopInfo::default() };
        self.loops.push(self.current);
        self.loop_depth += 1;
        (0, 0)
    }

    /// Ends a loop. Takes which locals it has touched and written, and gives which the code around has.
    pub(super) fn leave_loop(&mut self, touched: u64, written: u64) -> (u64, u64) {
        let inner = LoopInfo { touched, written, ..self.current };
        self.loops[self.current_index as usize] = inner;
        if inner.calls != 0 {
            self.flag(BodyFlags::CALLS_IN_LOOP);
        }
        self.current_index = inner.outer;
        self.current = self.loops.get(inner.outer as usize).copied().unwrap_or(self.outside);
        self.current.calls |= inner.calls;
        self.loop_depth -= 1;
        (self.current.touched | touched, self.current.written | written)
    }
}
