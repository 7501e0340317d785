//! Control: blocks, branches, `select`.

use cranelift_codegen::ir::{
    Block, BlockArg, InstBuilder, InstructionData, JumpTableData, Opcode, Value, condcodes::IntCC,
};
use wasmparser::{BlockType, BrTable, Operator};

use super::loops::Stays;
use super::state::{Frame, FrameKind, Reach};
use super::{Translator, clif_type, val_type};
use crate::abi::call::{Processor, RAW_VAL_SIZE, Results};
use crate::trap::TrapCode;
use crate::types::ValType;

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::Nop => {}
        Operator::Unreachable => t.unreachable(),
        Operator::Block { blockty } => t.block(blockty),
        Operator::Loop { blockty } => t.loop_(blockty),
        Operator::If { blockty } => t.if_(blockty),
        Operator::Else => t.else_(),
        Operator::End => t.end(),
        Operator::Br { relative_depth } => {
            t.branch(relative_depth);
            t.reach = Reach::Dead;
        }
        Operator::BrIf { relative_depth } => t.branch_if(relative_depth),
        Operator::BrTable { ref targets } => t.branch_table(targets),
        Operator::Return => {
            t.branch(t.depth_of_body());
            t.reach = Reach::Dead;
        }
        Operator::Drop => {
            t.pop();
        }
        Operator::Select | Operator::TypedSelect { .. } => {
            let (yes, no, condition) = t.pop3();
            let value = match t.condition(condition) {
                Condition::Nonzero(value) => t.b.ins().select(value, yes, no),
                Condition::Zero(value) => t.b.ins().select(value, no, yes),
            };
            t.push(value);
        }
        _ => return false,
    }
    true
}

/// What a condition depends on.
#[derive(Clone, Copy)]
enum Condition {
    /// It holds if this is not zero.
    Nonzero(Value),
    /// It holds if this is zero.
    Zero(Value),
}

/// Keeps track of frames in dead code, where nothing else matters.
pub(super) fn translate_dead(t: &mut Translator<'_>, op: &Operator<'_>) {
    match *op {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            let height = t.buf.stack.len();
            t.buf.frames.push(Frame { kind: FrameKind::Dead, ty: blockty, outer_height: height, height, end: None });
        }
        Operator::Else => t.else_(),
        Operator::End => t.end(),
        _ => {}
    }
}

impl<'a> Translator<'a> {
    /// Types of a block's parameters.
    fn block_params(&self, ty: BlockType) -> &'a [ValType] {
        match ty {
            BlockType::Empty | BlockType::Type(_) => &[],
            BlockType::FuncType(index) => self.module.types()[index as usize].params(),
        }
    }

    /// Types of a block's results.
    pub(super) fn block_results(&self, ty: BlockType) -> &'a [ValType] {
        match ty {
            BlockType::Empty => &[],
            BlockType::Type(ty) => match val_type(ty) {
                ValType::I32 => &[ValType::I32],
                ValType::I64 => &[ValType::I64],
                ValType::F32 => &[ValType::F32],
                ValType::F64 => &[ValType::F64],
                ValType::V128 => &[ValType::V128],
                ValType::FuncRef => &[ValType::FuncRef],
                ValType::ExternRef => &[ValType::ExternRef],
            },
            BlockType::FuncType(index) => self.module.types()[index as usize].results(),
        }
    }

    /// A new block that takes values of these types.
    pub(super) fn block_taking(&mut self, types: &[ValType]) -> Block {
        let block = self.b.create_block();
        for &ty in types {
            self.b.append_block_param(block, clif_type(ty));
        }
        block
    }

    /// Makes the operands from `start` on the arguments of the next jump.
    pub(super) fn take_block_args(&mut self, start: usize) {
        self.buf.block_args.clear();
        self.buf.block_args.extend(self.buf.stack[start..].iter().map(|&value| BlockArg::Value(value)));
    }

    /// Starts emitting into a block, and pushes what it takes.
    pub(super) fn enter_block(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.buf.stack.extend_from_slice(self.b.block_params(block));
    }

    /// Looks through `eqz` and the widening of comparisons. Cranelift does so for integers, but a float's
    /// comparison has no inverse.
    fn condition(&self, operand: Value) -> Condition {
        let dfg = &self.b.func.dfg;
        let mut condition = Condition::Nonzero(operand);
        loop {
            let (Condition::Nonzero(value) | Condition::Zero(value)) = condition;
            let Some(inst) = dfg.value_def(value).inst() else {
                return condition;
            };
            condition = match (dfg.insts[inst], condition) {
                (InstructionData::Unary { opcode: Opcode::Uextend, arg }, Condition::Nonzero(_)) => {
                    Condition::Nonzero(arg)
                }
                (InstructionData::Unary { opcode: Opcode::Uextend, arg }, Condition::Zero(_)) => Condition::Zero(arg),
                (InstructionData::IntCompare { cond: IntCC::Equal, args: [value, zero], .. }, _)
                    if self.constant(zero) == Some(0) =>
                {
                    match condition {
                        Condition::Nonzero(_) => Condition::Zero(value),
                        Condition::Zero(_) => Condition::Nonzero(value),
                    }
                }
                _ => return condition,
            };
        }
    }

    /// Opens the frame of the function itself, or of one that is inlined.
    pub(super) fn open_body(&mut self, type_index: u32) {
        let ty = BlockType::FuncType(type_index);
        let height = self.buf.stack.len();
        self.buf.frames.push(Frame { kind: FrameKind::Block, ty, outer_height: height, height, end: None });
    }

    fn unreachable(&mut self) {
        self.mark_cold();
        // Of a block that does nothing but trap, Cranelift makes a conditional trap in the place of the branch to it: it
        // would be at another operator then, perhaps in another function that is inlined. This emits nothing.
        self.b.ins().nop();
        self.trap(TrapCode::Unreachable);
        self.reach = Reach::Dead;
    }

    fn block(&mut self, ty: BlockType) {
        let height = self.buf.stack.len() - self.block_params(ty).len();
        self.buf.frames.push(Frame { kind: FrameKind::Block, ty, outer_height: height, height, end: None });
    }

    fn loop_(&mut self, ty: BlockType) {
        let params = self.block_params(ty);
        let height = self.buf.stack.len() - params.len();
        let header = self.block_taking(params);
        self.take_block_args(height);
        let entry = self.b.ins().jump(header, &self.buf.block_args);
        self.buf.stack.truncate(height);
        // Sealed at the end of the loop, when all branches to it are known.
        self.enter_block(header);
        let end = self.again.take().and_then(|again| again.end);
        self.buf.frames.push(Frame { kind: FrameKind::Loop { header }, ty, outer_height: height, height, end });
        self.enter_loop(header, entry);
        self.charge_loop();
    }

    fn if_(&mut self, ty: BlockType) {
        let condition = self.pop();
        let height = self.buf.stack.len();
        let outer_height = height - self.block_params(ty).len();
        let then = self.b.create_block();
        let otherwise = self.b.create_block();
        let (branch, taken) = match self.condition(condition) {
            Condition::Nonzero(value) => (self.b.ins().brif(value, then, &[], otherwise, &[]), 0),
            Condition::Zero(value) => (self.b.ins().brif(value, otherwise, &[], then, &[]), 1),
        };
        self.note_branch(branch, taken, None);
        self.b.switch_to_block(then);
        self.b.seal_block(then);
        self.b.seal_block(otherwise);
        self.buf.stack.extend_from_within(outer_height..);
        self.buf.frames.push(Frame { kind: FrameKind::If { otherwise }, ty, outer_height, height, end: None });
    }

    fn else_(&mut self) {
        let depth = self.buf.frames.len() - 1;
        let frame = self.buf.frames[depth];
        if frame.kind == FrameKind::Dead {
            return;
        }
        if self.reach == Reach::Live {
            self.branch(0);
        }
        let FrameKind::If { otherwise } = frame.kind else {
            debug_assert_eq!(frame.kind, FrameKind::Then);
            self.reach = Reach::Dead;
            return;
        };
        self.buf.stack.truncate(frame.height);
        self.buf.stack.extend_from_within(frame.outer_height..);
        self.buf.frames[depth].kind = FrameKind::Else;
        self.b.switch_to_block(otherwise);
        self.reach = Reach::Live;
    }

    pub(super) fn end(&mut self) {
        match self.buf.frames.last().expect("validated: frames are balanced").kind {
            FrameKind::Dead => {
                self.buf.frames.pop();
                return;
            }
            FrameKind::If { otherwise } => {
                // Without an `else`, the parameters are the results.
                if self.reach == Reach::Live {
                    self.branch(0);
                }
                let frame = self.buf.frames[self.buf.frames.len() - 1];
                self.buf.stack.truncate(frame.height);
                self.b.switch_to_block(otherwise);
                self.reach = Reach::Live;
                if frame.end.is_some() {
                    self.branch(0);
                    self.reach = Reach::Dead;
                }
            }
            FrameKind::Loop { header } => {
                self.b.seal_block(header);
                self.leave_loop();
                let frame = self.buf.frames[self.buf.frames.len() - 1];
                if let (Reach::Live, Some(end)) = (self.reach, frame.end) {
                    self.take_block_args(self.buf.stack.len() - self.block_results(frame.ty).len());
                    self.b.ins().jump(end, &self.buf.block_args);
                }
            }
            FrameKind::Around { start, again: Some(header) } => return self.end_middle(start, header),
            FrameKind::Block | FrameKind::Else | FrameKind::Then | FrameKind::Around { again: None, .. } => {
                let frame = self.buf.frames[self.buf.frames.len() - 1];
                if self.reach == Reach::Live && frame.end.is_some() {
                    self.branch(0);
                }
            }
        }
        let frame = self.buf.frames.pop().expect("it was there above");
        match frame.end {
            Some(end) => {
                self.buf.stack.truncate(frame.outer_height);
                self.b.seal_block(end);
                self.enter_block(end);
                self.reach = Reach::Live;
            }
            None if self.reach == Reach::Live => {
                // Nothing branches here: the code goes on in the same block, with the results on the stack.
                let results = self.buf.stack.len() - self.block_results(frame.ty).len();
                debug_assert!(results >= frame.outer_height);
                self.buf.stack.drain(frame.outer_height..results);
            }
            None => self.buf.stack.truncate(frame.outer_height),
        }
        if self.buf.frames.is_empty() && self.reach == Reach::Live {
            self.return_();
        }
    }

    /// Where a branch to the frame at this depth goes, and how many operands it takes along.
    fn target(&mut self, depth: u32) -> (Block, usize) {
        let position = self.buf.frames.len() - 1 - depth as usize;
        let frame = self.buf.frames[position];
        if let FrameKind::Loop { header } = frame.kind {
            return (header, self.block_params(frame.ty).len());
        }
        if let FrameKind::Around { start, again } = frame.kind {
            let params = self.block_params(frame.ty);
            let header = again.unwrap_or_else(|| self.block_taking(params));
            self.buf.frames[position].kind = FrameKind::Around { start, again: Some(header) };
            return (header, params.len());
        }
        let results = self.block_results(frame.ty);
        let end = frame.end.unwrap_or_else(|| self.block_taking(results));
        self.buf.frames[position].end = Some(end);
        (end, results.len())
    }

    /// Jumps to the frame at this depth. The caller says what follows.
    pub(super) fn branch(&mut self, depth: u32) {
        let (block, count) = self.target(depth);
        self.take_block_args(self.buf.stack.len() - count);
        let jump = self.b.ins().jump(block, &self.buf.block_args);
        if self.is_loop(depth) {
            self.note_back_edge(block, Some(jump), None);
        }
    }

    fn is_loop(&self, depth: u32) -> bool {
        let position = self.buf.frames.len() - 1 - depth as usize;
        matches!(self.buf.frames[position].kind, FrameKind::Loop { .. })
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        let condition = self.condition(condition);
        let (block, count) = self.target(depth);
        self.take_block_args(self.buf.stack.len() - count);
        let next = self.b.create_block();
        let args = &self.buf.block_args;
        let (branch, taken, not_taken) = match condition {
            Condition::Nonzero(value) => {
                (self.b.ins().brif(value, block, args, next, &[]), Stays::IfNonzero(value), Stays::IfZero(value))
            }
            Condition::Zero(value) => {
                (self.b.ins().brif(value, next, &[], block, args), Stays::IfZero(value), Stays::IfNonzero(value))
            }
        };
        self.note_branch(branch, usize::from(matches!(taken, Stays::IfZero(_))), Some(depth));
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        if self.is_loop(depth) {
            self.note_back_edge(block, Some(branch), Some(taken));
        }
        self.note_exit(not_taken);
    }

    fn branch_table(&mut self, targets: &BrTable<'_>) {
        let index = self.pop();
        self.reach = Reach::Dead;
        if targets.is_empty() {
            self.branch(targets.default());
            return;
        }
        let mut calls = std::mem::take(&mut self.buf.block_calls);
        calls.clear();
        self.buf.forwards.clear();
        let default = self.table_target(targets.default());
        let default = self.b.func.dfg.block_call(default, &[]);
        for depth in targets.targets() {
            let block = self.table_target(depth.expect("validated: the table can be read"));
            calls.push(self.b.func.dfg.block_call(block, &[]));
        }
        let table = self.b.create_jump_table(JumpTableData::new(default, &calls));
        self.buf.block_calls = calls;
        self.b.ins().br_table(index, table);
        self.fill_forwards();
    }

    /// The block for an entry of a `br_table`. Where operands are passed on, all entries of a depth share a
    /// block of their own that does it, or else every entry would have its moves.
    fn table_target(&mut self, depth: u32) -> Block {
        let (block, count) = self.target(depth);
        if count == 0 {
            if self.is_loop(depth) {
                self.note_back_edge(block, None, None);
            }
            return block;
        }
        self.buf.forwards.get(depth).unwrap_or_else(|| {
            let forward = self.b.create_block();
            self.buf.forwards.insert(depth, forward);
            forward
        })
    }

    fn fill_forwards(&mut self) {
        for position in 0..self.buf.forwards.len() {
            let (depth, forward) = self.buf.forwards.entry(position);
            self.b.switch_to_block(forward);
            self.b.seal_block(forward);
            self.branch(depth);
        }
    }

    /// Returns the operands, which are the results.
    fn return_(&mut self) {
        if let Some(pointer) = self.result_pointer {
            for position in 0..self.buf.stack.len() {
                let value = self.buf.stack[position];
                self.b.ins().store(super::env::MUTABLE, value, pointer, (position * RAW_VAL_SIZE) as i32);
            }
            self.b.ins().return_(&[]);
        } else {
            self.b.ins().return_(&self.buf.stack);
        }
        self.reach = Reach::Dead;
    }

    /// The pointer through which this function returns, from its parameters behind the two vmctx.
    pub(super) fn find_result_pointer(
        processor: Processor,
        results: &[ValType],
        third: Option<&Value>,
    ) -> Option<Value> {
        match processor.results(results) {
            Results::Registers => None,
            Results::Memory => Some(*third.expect("the signature has a result pointer")),
        }
    }
}
