//! Which code runs rarely, and goes to the end of the function, out of the way of the rest.
//!
//! In: branches that a hint says go one way as a rule, blocks that hold what has never run (`guess`). Out: all blocks that
//! only such branches lead to, or that lead to nothing else.
//!
//! Where nobody said anything, nothing is done here.
//!
//! # Exits of loops
//! A loop runs many times and is left once: that the branch out of it is rarely taken does not say that what follows
//! the loop is rare. (If it is the way out in case of an error, it is.) So these branches count only if the function has
//! a way to its end without them.

use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Block, Inst};

use super::Translator;
use super::state::FrameKind;
use crate::module::hints::Likely;

/// A way that a branch rarely goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    branch: Inst,
    /// Which of its targets.
    way: usize,
    exit: Exit,
}

/// Whether a branch leaves a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    No,
    Yes,
}

/// Whether there is a way to the end of the function that is not rare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Rare,
    Usual,
}

impl Translator<'_> {
    /// Notes what is known of the conditional branch that was just translated: `if` (no depth), or `br_if`. `taken` says
    /// which of its two ways is taken if the condition holds.
    pub(super) fn note_branch(&mut self, branch: Inst, taken: usize, depth: Option<u32>) {
        let Some(likely) = self.module.branch_hint(self.offset as u32) else { return };
        let mut exit = Exit::No;
        if let Some(depth) = depth {
            let left = self.buf.frames.iter().rev().take(depth as usize + 1);
            let mut loops = left.map(|frame| matches!(frame.kind, FrameKind::Loop { .. } | FrameKind::Around { .. }));
            match loops.next_back() {
                // How often a loop goes on says nothing of what follows it.
                Some(true) => return,
                _ if likely == Likely::Not && loops.any(|is_loop| is_loop) => exit = Exit::Yes,
                _ => {}
            }
        }
        let way = if likely == Likely::Not { taken } else { 1 - taken };
        self.buf.cold_edges.push(Edge { branch, way, exit });
    }

    /// What is being translated runs rarely, unless it is where the function begins.
    pub(super) fn mark_cold(&mut self) {
        let block = self.b.current_block().expect("code is emitted into it");
        if self.b.func.layout.entry_block().is_some_and(|entry| entry != block) {
            self.b.set_cold_block(block);
        }
    }

    /// Marks what is rare because of what was noted. The whole body is translated.
    pub(super) fn spread_cold(&mut self) {
        if self.buf.cold_edges.is_empty() && !self.has_rare_calls {
            return;
        }
        let (mut cold, end) = self.cold_blocks(Exit::Yes);
        if end == End::Rare {
            (cold, _) = self.cold_blocks(Exit::No);
        }
        cold.iter().for_each(|block| self.b.set_cold_block(block));
    }

    /// The rare blocks. Branches go forward in the order of blocks, but for those to loop headers, which does not matter
    /// here: a loop is as rare as the way into it.
    fn cold_blocks(&self, exits: Exit) -> (EntitySet<Block>, End) {
        let func = &self.b.func;
        let rare_way = |branch: Inst, way: usize| {
            let is_it =
                |edge: &Edge| edge.branch == branch && edge.way == way && (edge.exit == Exit::No || exits == Exit::Yes);
            // They are in the order in which they were made, as the branches are.
            let first = self.buf.cold_edges.partition_point(|edge| edge.branch < branch);
            self.buf.cold_edges.get(first).is_some_and(is_it)
        };
        let targets = |block: Block| {
            let last = func.layout.last_inst(block);
            let calls = last.map(|inst| {
                let data = &func.dfg.insts[inst];
                data.branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
            });
            let calls = calls.unwrap_or_default().iter().enumerate();
            calls.map(move |(way, call)| {
                (last.is_some_and(|inst| rare_way(inst, way)), call.block(&func.dfg.value_lists))
            })
        };
        let entry = func.layout.entry_block();
        let [mut cold, mut rarely_reached, mut reached] = [EntitySet::new(), EntitySet::new(), EntitySet::new()];
        let (mut ends, mut usual_ends) = (0, 0);
        for block in func.layout.blocks() {
            let is_cold = func.layout.is_cold(block) || (rarely_reached.contains(block) && !reached.contains(block));
            if is_cold && Some(block) != entry {
                cold.insert(block);
            }
            let is_cold = cold.contains(block);
            for (rare_way, target) in targets(block) {
                if is_cold || rare_way {
                    rarely_reached.insert(target)
                } else {
                    reached.insert(target)
                };
            }
            if func.layout.last_inst(block).is_some_and(|inst| func.dfg.insts[inst].opcode().is_return()) {
                ends += 1;
                usual_ends += usize::from(!is_cold);
            }
        }
        let backwards = std::iter::successors(func.layout.last_block(), |block| func.layout.prev_block(*block));
        for block in backwards.filter(|block| Some(*block) != entry) {
            let mut targets = targets(block).peekable();
            if targets.peek().is_some() && targets.all(|(rare_way, target)| rare_way || cold.contains(target)) {
                cold.insert(block);
            }
        }
        (cold, if ends > 0 && usual_ends == 0 { End::Rare } else { End::Usual })
    }
}
