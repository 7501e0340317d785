//! Blocks, branches, returns, `select`, and what a comparison leads to.
//!
//! Locals have fixed places, so that only operands must agree where ways meet. In front of a block, a loop and an
//! `if`, all operands go home, so that those below a block are at rest while it runs. A single result of a block is
//! in the first register for results at its end; several results, and the parameters of a loop, are at home.
//!
//! What brings operands there changes nothing that a test looks at (see `stack`), so that a branch may be prepared
//! between the comparison and the jump.

use super::Emit;
use super::backend::{
    Assembler as _, Conditions as _, Label, Mem, RESULTS, SCRATCH, SCRATCH_VREG, SLACK, Test, VectorMoves as _, Width,
};
use super::decode::BlockType;
use super::frame::home_at;
use super::regs::{Gpr, Vreg};
use super::stack::{Entry, Kind, Upper, in_vreg, width};
use crate::abi::call::{RAW_VAL_SIZE, Results};
use crate::trap::TrapCode;
use crate::types::ValType;

/// Carries the result of a block that is a float or a vector.
const RESULT_VREG: Vreg = Vreg(0);

/// The register that carries the single result of a block.
#[inline(always)]
fn result_register(ty: ValType) -> u8 {
    if in_vreg(ty) { RESULT_VREG.0 } else { RESULTS[0].0 }
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlKind {
    /// The function itself.
    Function,
    Block,
    /// With the offset of its header.
    Loop(u32),
    /// `if` whose `else` has not come, with the jumps to it.
    If(Label),
    Else,
}

/// A block that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    kind: ControlKind,
    ty: BlockType,
    /// Operands below the block's parameters.
    height: usize,
    /// Jumps to the end.
    end: Label,
    /// Entries of the current `br_table` that must bring operands along.
    table: Label,
}

/// Where operands go that a branch takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// Nothing goes along.
    None,
    /// The single operand goes into the first register for results of its class.
    Register,
    /// So many operands go to the homes from this height on.
    Homes { count: usize, height: usize },
    /// They are the results of the function.
    Results(usize),
}

impl<'a> Emit<'a> {
    /// Types of a block's parameters.
    fn block_params(&self, ty: BlockType) -> &'a [ValType] {
        match ty {
            BlockType::Empty | BlockType::Result(_) => &[],
            BlockType::Func(index) => self.module.types()[index as usize].params(),
        }
    }

    /// Types of a block's results.
    fn block_results(&self, ty: BlockType) -> &'a [ValType] {
        match ty {
            BlockType::Empty => &[],
            BlockType::Result(ValType::I32) => &[ValType::I32],
            BlockType::Result(ValType::I64) => &[ValType::I64],
            BlockType::Result(ValType::F32) => &[ValType::F32],
            BlockType::Result(ValType::F64) => &[ValType::F64],
            BlockType::Result(ValType::V128) => &[ValType::V128],
            BlockType::Result(ValType::FuncRef) => &[ValType::FuncRef],
            BlockType::Result(ValType::ExternRef) => &[ValType::ExternRef],
            BlockType::Func(index) => self.module.types()[index as usize].results(),
        }
    }

    fn open(&mut self, kind: ControlKind, ty: BlockType, params: usize) {
        let height = self.entries.len() - params;
        self.control.push(Control { kind, ty, height, end: Label::default(), table: Label::default() });
    }

    /// Opens the frame of the function itself.
    pub(crate) fn open_function(&mut self) {
        let ty = self.module.functions()[self.module.func_index(self.func).index()];
        self.open(ControlKind::Function, BlockType::Func(ty.0), 0);
    }

    pub(crate) fn block(&mut self) {
        let ty = self.block_type();
        self.flush();
        let params = self.block_params(ty).len();
        self.open(ControlKind::Block, ty, params);
    }

    pub(crate) fn loop_(&mut self) {
        let ty = self.block_type();
        let params = self.block_params(ty).len();
        self.flush();
        self.materialise_from(self.entries.len() - params);
        self.prepare_loop_record();
        self.prepare_charge(self.loop_index);
        self.enter_loop(self.control.len());
        let site = self.record_loop();
        self.open(ControlKind::Loop(self.asm.offset()), ty, params);
        self.poll();
        self.stretch_is_counted = false;
        self.charge_loop(site);
        // Last: code of another tier that goes on at the header pays for this run itself.
        self.begin_run();
    }

    pub(crate) fn if_(&mut self) {
        let condition = self.pop();
        self.condition(condition);
        self.if_test(Test::NOT_ZERO);
    }

    /// `if`, on a test.
    pub(crate) fn if_test(&mut self, test: Test) {
        let ty = self.block_type();
        let params = self.block_params(ty).len();
        self.flush();
        self.materialise_from(self.entries.len() - params);
        let mut otherwise = Label::default();
        self.asm.branch(test.not(), &mut otherwise);
        self.open(ControlKind::If(otherwise), ty, params);
        self.begin_stretch();
    }

    pub(crate) fn else_(&mut self) {
        let depth = self.control.len() - 1;
        let Control { kind: ControlKind::If(otherwise), ty, height, .. } = self.control[depth] else {
            unreachable!("validated: `else` belongs to an `if`");
        };
        if self.reachable {
            self.pass_operands(self.destination(depth));
            let mut end = self.control[depth].end;
            self.asm.jump(&mut end);
            self.control[depth].end = end;
        }
        self.control[depth].kind = ControlKind::Else;
        self.asm.bind(otherwise);
        self.reset_to(height);
        for &ty in self.block_params(ty) {
            self.push_home(ty);
        }
        self.settled = self.entries.len();
        self.reachable = true;
        self.begin_stretch();
    }

    /// Forgets the operands above this height, whoever has their registers.
    fn reset_to(&mut self, height: usize) {
        self.entries.truncate(height);
        debug_assert!(self.entries.iter().rev().take(64).all(|entry| entry.kind != Kind::Reg));
        self.settled = height;
        self.free_gprs = self.temp_gprs;
        self.free_vregs = self.temp_vregs;
    }

    pub(crate) fn end(&mut self) {
        let depth = self.control.len() - 1;
        let Control { kind, ty, height, .. } = self.control[depth];
        let results = self.block_results(ty);
        match kind {
            ControlKind::Function => return self.end_function(),
            ControlKind::Loop(header) => {
                self.leave_loop(depth);
                self.close_loop_record(header);
                self.close_charge();
            }
            ControlKind::If(otherwise) => {
                // Without an `else`, the parameters are the results.
                if self.reachable {
                    self.pass_operands(self.destination(depth));
                    if !results.is_empty() {
                        let mut end = self.control[depth].end;
                        self.asm.jump(&mut end);
                        self.control[depth].end = end;
                    }
                }
                self.asm.bind(otherwise);
                self.reset_to(height);
                for &ty in results {
                    self.push_home(ty);
                }
                if self.control[depth].end.is_used() {
                    self.pass_operands(self.destination(depth));
                    self.asm.bind(self.control[depth].end);
                    self.take_results(depth);
                }
                self.reachable = true;
            }
            ControlKind::Block | ControlKind::Else => {
                let end = self.control[depth].end;
                if end.is_used() {
                    if self.reachable {
                        self.pass_operands(self.destination(depth));
                    }
                    self.asm.bind(end);
                    self.take_results(depth);
                    self.reachable = true;
                }
            }
        }
        self.control.pop();
        if !self.reachable {
            self.reset_to(height);
        }
    }

    /// Where ways have met: the results are where they all brought them.
    fn take_results(&mut self, depth: usize) {
        let Control { ty, height, .. } = self.control[depth];
        self.reset_to(height);
        let results = self.block_results(ty);
        if let &[ty] = results {
            if in_vreg(ty) {
                self.free_vregs.remove(RESULT_VREG.0);
                self.push_vreg(ty, RESULT_VREG);
            } else {
                self.free_gprs.remove(RESULTS[0].0);
                self.push_dirty(ty, RESULTS[0]);
            }
            return;
        }
        for &ty in results {
            self.push_home(ty);
            self.settled = self.entries.len();
        }
    }

    fn end_function(&mut self) {
        let returns = self.control[0].end;
        if self.reachable {
            self.pass_operands(self.destination(0));
        }
        if self.reachable || returns.is_used() {
            self.epilogue(returns);
        }
        self.control.pop();
    }

    /// What a branch to the block at this position takes along.
    fn destination(&self, position: usize) -> Destination {
        let Control { kind, ty, height, .. } = self.control[position];
        let count = match kind {
            ControlKind::Loop(_) => self.block_params(ty).len(),
            _ => self.block_results(ty).len(),
        };
        match (kind, count) {
            (_, 0) => Destination::None,
            (ControlKind::Function, _) if Results::of(self.block_results(ty)) == Results::Memory => {
                Destination::Results(count)
            }
            (ControlKind::Loop(_), _) => Destination::Homes { count, height },
            (_, 1) => Destination::Register,
            (ControlKind::Function, _) => Destination::Results(count),
            _ => Destination::Homes { count, height },
        }
    }

    /// Copies the topmost operands to where they go. Changes nothing that a test looks at, nor what is known of the
    /// operands: the code that follows is not reached from here, or does not care.
    fn pass_operands(&mut self, destination: Destination) {
        let height = self.entries.len();
        match destination {
            Destination::None => {}
            Destination::Register => {
                let entry = self.entries[height - 1];
                if in_vreg(entry.ty) {
                    self.load_vreg_entry(RESULT_VREG, entry);
                } else {
                    self.load_entry(RESULTS[0], entry);
                }
            }
            Destination::Homes { count, height: target } => {
                // Upwards: no home is written before what lies in it has been read.
                for i in 0..count {
                    let entry = self.entries[height - count + i];
                    let disp = self.frame.operand(target + i);
                    self.asm.reserve(64);
                    if entry.kind != Kind::Home || entry.bits as i32 != disp {
                        self.store_entry(entry, home_at(disp));
                    }
                }
            }
            Destination::Results(count) => self.pass_results(count),
        }
    }

    /// Brings the topmost operands where the caller expects several results.
    fn pass_results(&mut self, count: usize) {
        let start = self.entries.len() - count;
        let ty = self.func_type();
        if Results::of(ty.results()) == Results::Memory {
            for i in 0..count {
                self.asm.reserve(64);
                self.store_result(self.entries[start + i], i);
            }
            return;
        }
        let (mut gprs, mut vregs) = (0, 0);
        for position in start..start + count {
            let entry = self.entries[position];
            if in_vreg(entry.ty) {
                self.add_move(vregs, entry);
                vregs += 1;
            } else {
                self.add_move(RESULTS[gprs].0, entry);
                gprs += 1;
            }
        }
        self.move_all();
    }

    /// Stores a result through the result pointer. Needs a register besides the scratch register: a register that
    /// holds no operand cannot be counted on, so that one is borrowed.
    fn store_result(&mut self, entry: Entry, index: usize) {
        let pointer = self.frame.result_pointer_mem();
        let offset = (index * RAW_VAL_SIZE) as i32;
        if in_vreg(entry.ty) {
            self.load_vreg_entry(SCRATCH_VREG, entry);
            self.asm.load(Width::W64, SCRATCH, pointer);
            self.store_vreg(entry.ty, Mem::base(SCRATCH, offset), SCRATCH_VREG);
        } else if entry.kind == Kind::Reg {
            self.asm.load(Width::W64, SCRATCH, pointer);
            self.asm.store(width(entry.ty), Mem::base(SCRATCH, offset), Gpr(entry.reg));
        } else {
            // Integers go the way of vectors.
            self.load_entry(SCRATCH, entry);
            self.gpr_to_vreg(Width::W64, SCRATCH_VREG, SCRATCH);
            self.asm.load(Width::W64, SCRATCH, pointer);
            self.store_vreg(ValType::F64, Mem::base(SCRATCH, offset), SCRATCH_VREG);
        }
    }
}

/// Branches.
impl Emit<'_> {
    /// Marks the code that follows as not reached, and passes over it.
    pub(crate) fn end_of_reach(&mut self) {
        self.reachable = false;
        let height = self.control.last().expect("validated: inside the function").height;
        self.reset_to(height);
        self.skip_unreachable();
    }

    pub(crate) fn unreachable_(&mut self) {
        self.trap(TrapCode::Unreachable);
        self.end_of_reach();
    }

    pub(crate) fn br(&mut self) {
        let depth = self.u32() as usize;
        self.branch_to(self.control.len() - 1 - depth);
        self.end_of_reach();
    }

    pub(crate) fn return_(&mut self) {
        self.branch_to(0);
        self.end_of_reach();
    }

    /// Brings operands along and jumps.
    fn branch_to(&mut self, position: usize) {
        self.pass_operands(self.destination(position));
        self.jump_to(position);
    }

    fn jump_to(&mut self, position: usize) {
        match self.control[position].kind {
            ControlKind::Loop(start) => self.asm.jump_back(start),
            _ => self.asm.jump(&mut self.control[position].end),
        }
    }

    pub(crate) fn br_if(&mut self) {
        let condition = self.pop();
        self.condition(condition);
        self.br_if_test(Test::NOT_ZERO);
    }

    /// `br_if`, on a test.
    pub(crate) fn br_if_test(&mut self, test: Test) {
        self.branch_on(test);
        self.begin_stretch();
    }

    fn branch_on(&mut self, test: Test) {
        let depth = self.u32() as usize;
        let position = self.control.len() - 1 - depth;
        let destination = self.destination(position);
        let top = self.entries.len();
        let direct = match destination {
            Destination::None => true,
            Destination::Register => {
                self.settle_in_register(top - 1);
                true
            }
            Destination::Homes { count, height } if top - count == height => {
                self.materialise_from(height);
                true
            }
            Destination::Homes { .. } | Destination::Results(_) => false,
        };
        if !direct {
            let mut over = Label::default();
            self.asm.branch(test.not(), &mut over);
            self.asm.reserve(SLACK);
            self.branch_to(position);
            self.asm.bind(over);
            return;
        }
        match self.control[position].kind {
            ControlKind::Loop(start) => self.asm.branch_back(test, start),
            _ => self.asm.branch(test, &mut self.control[position].end),
        }
    }

    /// Brings the topmost operand into the first register for results, where it stays.
    fn settle_in_register(&mut self, position: usize) {
        let entry = self.entries[position];
        if entry.kind == Kind::Reg && entry.reg == result_register(entry.ty) {
            return;
        }
        let upper = if entry.kind == Kind::Reg { entry.upper } else { Upper::Zero };
        if in_vreg(entry.ty) {
            self.take_vreg(RESULT_VREG);
            self.load_vreg_entry(RESULT_VREG, self.entries[position]);
        } else {
            self.take(RESULTS[0]);
            self.load_entry(RESULTS[0], self.entries[position]);
        }
        self.free_entry(self.entries[position]);
        self.entries[position] = Entry::register(entry.ty, result_register(entry.ty), upper);
        self.settled = self.settled.min(position);
    }

    pub(crate) fn br_table(&mut self) {
        let count = self.u32();
        if count == 0 {
            let index = self.pop();
            self.free_entry(index);
            let depth = self.u32() as usize;
            self.branch_to(self.control.len() - 1 - depth);
            return self.end_of_reach();
        }
        self.settle_for_table();
        let index = self.pop();
        let index = self.clean_temp(index);
        // The entry behind the last one is the default's.
        self.asm.table_jump(index, count);
        self.free(index);
        for _ in 0..=count {
            self.asm.reserve(16);
            let depth = self.u32() as usize;
            self.table_entry(self.control.len() - 1 - depth);
        }
        let mut depths = std::mem::take(&mut self.table_depths);
        for position in depths.drain(..) {
            self.asm.reserve(SLACK);
            let table = std::mem::take(&mut self.control[position as usize].table);
            self.asm.bind(table);
            // Beyond the bound, the function is given up behind this operator.
            if self.asm.offset() <= self.options.max_code {
                self.branch_to(position as usize);
            }
        }
        self.table_depths = depths;
        self.end_of_reach();
    }

    /// If the branches of a `br_table` take one operand along, brings it, which lies below the index, into the
    /// register for it.
    fn settle_for_table(&mut self) {
        // All targets take the same number along.
        let mut at = self.pc;
        let depth = super::decode::u32_at(self.code, &mut at) as usize;
        if self.destination(self.control.len() - 1 - depth) == Destination::Register {
            self.settle_in_register(self.entries.len() - 2);
        }
    }

    /// An entry of the table.
    fn table_entry(&mut self, position: usize) {
        let direct = match self.destination(position) {
            Destination::None => true,
            Destination::Register => {
                let top = self.entries[self.entries.len() - 1];
                top.kind == Kind::Reg && top.reg == result_register(top.ty)
            }
            Destination::Homes { .. } | Destination::Results(_) => false,
        };
        let control = &mut self.control[position];
        if !direct {
            if !control.table.is_used() {
                self.table_depths.push(position as u32);
            }
            self.asm.table_entry(&mut control.table);
        } else if let ControlKind::Loop(start) = control.kind {
            self.asm.table_entry_back(start);
        } else {
            self.asm.table_entry(&mut control.end);
        }
    }
}
