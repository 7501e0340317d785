//! The state of an analysis, and its stacks in their full generality: unreachable code, more operands than a word
//! holds, long lists of types.
//!
//! A function that returns `None` has found that the body is not valid, or not known to be. The word of operands
//! goes through by value.

use super::env::{self, BITS, BOTTOM, Code};
use super::tables::Effect;
use super::{BodyFlags, LoopInfo, NEAR_LOCALS};
use crate::module::{Features, Module};
use crate::types::ValType;

/// How many operands move to or from the overflow stack at once. (Half a word, so that moves back and forth at
/// the border of a word cost little on average.)
const MOVED: u32 = 8;

/// A local: its type in the low half, its weight in the high one.
#[derive(Clone, Copy)]
pub(super) struct Local(pub(super) u64);

impl Local {
    /// A weight of one, and the shift to it.
    pub(super) const WEIGHT: u64 = 1 << 32;

    pub(super) fn ty(self) -> Code {
        self.0 & 0xf
    }

    pub(super) fn weight(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What opened a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Block,
    Loop,
    If,
    Else,
}

/// Where a block's type is.
#[derive(Clone, Copy)]
pub(super) enum BlockType {
    /// In its packed lists: no parameter and at most one result.
    Short,
    /// In the module.
    Index(u32),
}

/// An open block.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// The word of the block around, without the parameters of this one.
    pub(super) outer: u64,
    /// What a branch to the block carries; [`env::NEVER`] if the list is long.
    pub(super) label: u64,
    /// [`env::NEVER`] if the list is long.
    pub(super) results: u64,
    /// Operands below the block's.
    pub(super) base: u32,
    /// Length of the overflow stack below the block's operands.
    pub(super) overflow: u32,
    pub(super) ty: BlockType,
    /// The last `br_table` that checked a branch to the block.
    pub(super) checked: u32,
    pub(super) label_count: u8,
    pub(super) result_count: u8,
    pub(super) kind: Kind,
    pub(super) unreachable: bool,
}

/// An analysis under way.
#[derive(Default)]
pub(super) struct Walk {
    /// The first of the locals.
    pub(super) locals: Vec<Local>,
    /// If there are more: the types of all, as the index behind each group.
    groups: Vec<(u32, Code)>,
    /// The open blocks, and room for more.
    pub(super) frames: Vec<Frame>,
    /// How many are open.
    pub(super) depth: usize,
    /// Operands that a word had no room for: of each block its lowest ones.
    overflow: Vec<u8>,
    pub(super) loops: Vec<LoopInfo>,
    /// What is known so far of the loop around, or of the function outside of all loops.
    pub(super) current: LoopInfo,
    /// What was known of the function outside of its loops when the last of them began.
    pub(super) outside: LoopInfo,
    /// Index of the loop around.
    pub(super) current_index: u32,
    pub(super) loop_depth: u32,
    /// What an occurrence adds to a local: its weight at this depth of loops, in the place that it has in a local.
    pub(super) unit: u64,
    pub(super) max_height: u32,
    pub(super) max_depth: u32,
    pub(super) flags: BodyFlags,
    pub(super) used: Features,
    pub(super) tables_checked: u32,
    pub(super) indirect_calls: u32,
}

impl Walk {
    /// Forgets the last body.
    pub(super) fn start(&mut self) {
        self.locals.clear();
        self.groups.clear();
        self.depth = 0;
        self.overflow.clear();
        self.loops.clear();
        self.current = LoopInfo::default();
        self.outside = LoopInfo::default();
        self.current_index = LoopInfo::NONE;
        self.loop_depth = 0;
        self.unit = Local::WEIGHT;
        self.max_height = 0;
        self.max_depth = 0;
        self.flags = BodyFlags::default();
        self.used = Features::default();
        self.tables_checked = 0;
        self.indirect_calls = 0;
    }

    pub(super) fn uses(&mut self, features: Features) {
        self.used = self.used | features;
    }

    pub(super) fn flag(&mut self, flags: BodyFlags) {
        self.flags.0 |= flags.0;
    }

    /// An operator that may call something.
    pub(super) fn calls(&mut self) {
        self.flag(BodyFlags::CALLS);
        self.current.calls = 1;
    }

    /// Notes what a value of a type says about the body.
    pub(super) fn has_type(&mut self, ty: Code) {
        match ty {
            env::V128 => self.flag(BodyFlags::SIMD),
            env::FUNC | env::EXTERN => self.flag(BodyFlags::REFS),
            _ => {}
        }
    }

    /// The type of a local.
    pub(super) fn local_type(&self, local: u32) -> Option<Code> {
        match self.locals.get(local as usize) {
            Some(local) => Some(local.ty()),
            None => self.far_local_type(local),
        }
    }

    /// The type of a local that is not among the first.
    #[cold]
    #[inline(never)]
    pub(super) fn far_local_type(&self, local: u32) -> Option<Code> {
        let group = self.groups.partition_point(|(end, _)| *end <= local);
        self.groups.get(group).map(|(_, ty)| *ty)
    }

    /// Adds locals of a type behind the `total` that there are.
    pub(super) fn add_locals(&mut self, total: u32, count: u32, ty: Code) {
        let end = total + count;
        self.locals.resize(NEAR_LOCALS.min(end as usize), Local(ty));
        if end as usize > NEAR_LOCALS {
            self.groups.push((end, ty));
        }
    }

    /// The innermost open block.
    pub(super) fn frame(&self) -> &Frame {
        &self.frames[self.depth - 1]
    }

    /// The innermost open block.
    pub(super) fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frames[self.depth - 1]
    }

    /// The open block at a depth, 0 being the innermost: its place among the open blocks.
    pub(super) fn target(&self, depth: u32) -> Option<usize> {
        self.depth.checked_sub(1 + depth as usize)
    }

    /// Operands of the innermost block on the overflow stack.
    pub(super) fn overflowed(&self) -> u32 {
        self.overflow.len() as u32 - self.frame().overflow
    }

    /// Operands below a word.
    pub(super) fn below(&self) -> u32 {
        self.frame().base + self.overflowed()
    }

    /// The operand of the innermost block at a depth below the word.
    pub(super) fn overflow_at(&self, depth: usize) -> Option<Code> {
        self.overflow[self.frame().overflow as usize..].iter().rev().nth(depth).map(|ty| *ty as Code)
    }

    /// Length of the overflow stack.
    pub(super) fn overflow_len(&self) -> u32 {
        self.overflow.len() as u32
    }

    /// Notes how many operands there are, by a word that had or has as many.
    pub(super) fn note_height(&mut self, word: u64) {
        self.max_height = self.max_height.max(self.below() + env::count(word));
    }

    /// Makes room in a full word.
    fn make_room(&mut self, word: u64) -> u64 {
        for i in (u64::BITS / BITS - MOVED..u64::BITS / BITS).rev() {
            self.overflow.push((word >> (i * BITS)) as u8 & 0xf);
        }
        word & ((1 << (MOVED * BITS)) - 1)
    }

    /// Pushes an operand.
    pub(super) fn push(&mut self, mut word: u64, ty: Code) -> u64 {
        if word >> (u64::BITS - BITS) != 0 {
            word = self.make_room(word);
        }
        word = word << BITS | ty;
        self.note_height(word);
        word
    }

    /// Pops an operand of any type.
    pub(super) fn pop_any(&mut self, mut word: u64) -> Option<(u64, Code)> {
        if word == 0 {
            let moved = self.overflowed().min(MOVED) as usize;
            if moved == 0 {
                return self.frame().unreachable.then_some((0, BOTTOM));
            }
            let start = self.overflow.len() - moved;
            word = self.overflow.drain(start..).fold(0, |word, ty| word << BITS | ty as u64);
        }
        Some((word >> BITS, word & 0xf))
    }

    /// Pops an operand of a type.
    pub(super) fn pop(&mut self, word: u64, ty: Code) -> Option<u64> {
        let (word, found) = self.pop_any(word)?;
        (found == ty || found == BOTTOM).then_some(word)
    }

    /// `select` without a type.
    pub(super) fn select(&mut self, word: u64) -> Option<u64> {
        let word = self.pop(word, env::I32)?;
        let (word, one) = self.pop_any(word)?;
        let (word, two) = self.pop_any(word)?;
        if [one, two].iter().any(|ty| matches!(*ty, env::FUNC | env::EXTERN)) {
            return None;
        }
        let ty = match (one, two) {
            (BOTTOM, ty) | (ty, BOTTOM) => ty,
            (one, two) if one == two => one,
            _ => return None,
        };
        Some(self.push(word, ty))
    }

    /// Applies an operator's effect.
    pub(super) fn apply(&mut self, word: u64, effect: &Effect) -> Option<u64> {
        let word = self.pop_packed(word, effect.operands as u64, effect.operand_bits as u32)?;
        Some(self.push_packed(word, effect.results as u64, effect.result_bits as u32))
    }

    /// Pops operands of the types in a packed list of so many bits.
    pub(super) fn pop_packed(&mut self, mut word: u64, types: u64, bits: u32) -> Option<u64> {
        for shift in (0..bits).step_by(BITS as usize) {
            word = self.pop(word, types >> shift & 0xf)?;
        }
        Some(word)
    }

    /// Pushes operands of the types in a packed list of so many bits.
    pub(super) fn push_packed(&mut self, mut word: u64, types: u64, bits: u32) -> u64 {
        for shift in (0..bits).step_by(BITS as usize).rev() {
            word = self.push(word, types >> shift & 0xf);
        }
        word
    }

    pub(super) fn pop_list(&mut self, word: u64, types: &[ValType]) -> Option<u64> {
        types.iter().rev().try_fold(word, |word, ty| self.pop(word, env::code(*ty)))
    }

    pub(super) fn push_list(&mut self, word: u64, types: &[ValType]) -> u64 {
        types.iter().fold(word, |word, ty| self.push(word, env::code(*ty)))
    }

    /// Pops the parameters of a function type.
    pub(super) fn pop_params(&mut self, module: &Module, word: u64, ty: u32) -> Option<u64> {
        self.pop_list(word, module.types[ty as usize].params())
    }

    /// Pushes the results of a function type.
    pub(super) fn push_results(&mut self, module: &Module, word: u64, ty: u32) -> u64 {
        self.push_list(word, module.types[ty as usize].results())
    }

    /// What follows is not reached. The word is empty from here on.
    pub(super) fn unreachable(&mut self) {
        let frame = &mut self.frames[self.depth - 1];
        frame.unreachable = true;
        self.overflow.truncate(frame.overflow as usize);
    }
}
