//! Values that cost no more than a load from the frame are made where they are used.
//!
//! Cranelift means to do that with integer constants, one copy for each block, but forgets it of those that it has copied
//! already; and it moves loads of what never changes in front of all loops. In the loop of an interpreter, which is
//! the function, dozens of values that a few of its hundreds of blocks use are alive everywhere then: they are stored
//! into the frame at each entry and take registers from what runs.
//!
//! In: the optimised IR. Out: the same, in which constants are made in the blocks that use them, and so are loads from
//! the vmctx that were moved out of a large loop, if few of its blocks use them.

use cranelift_codegen::Context;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, InstructionData, Opcode, Value};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use cranelift_codegen::packed_option::PackedOption;

/// Blocks of a loop in which no value can be expected to stay in a register.
const LARGE: u32 = 32;

/// What one in so many blocks of a loop uses is worth a register there.
const OFTEN: u32 = 8;

/// What a value has been replaced by in a block.
#[derive(Clone, Copy, Default)]
struct Copy {
    block: PackedOption<Block>,
    value: PackedOption<Value>,
}

/// Buffers that are used again.
#[derive(Default)]
pub(super) struct Nearby {
    copies: SecondaryMap<Value, Copy>,
    /// Of each loop: number of its blocks, inner loops included.
    sizes: SecondaryMap<Loop, u32>,
    /// Of loads from the vmctx: number of uses.
    uses: SecondaryMap<Value, u32>,
    arguments: Vec<Value>,
}

impl Nearby {
    /// Changes a function that has been optimised.
    pub(super) fn make(&mut self, context: &mut Context) {
        self.copies.clear();
        let loops = &context.loop_analysis;
        self.measure(&context.func, loops);
        let func = &mut context.func;
        let mut next = func.layout.entry_block();
        while let Some(block) = next {
            let mut following = func.layout.first_inst(block);
            while let Some(inst) = following {
                self.arguments.clear();
                self.arguments.extend(func.dfg.inst_values(inst));
                let mut changed = false;
                for position in 0..self.arguments.len() {
                    let value = self.arguments[position];
                    if !self.is_better_here(func, loops, value, block) {
                        continue;
                    }
                    let copy = self.copies[value];
                    let value_here = match copy.value.expand().filter(|_| copy.block == block.into()) {
                        Some(value) => value,
                        None => {
                            let made = func.dfg.value_def(value).unwrap_inst();
                            let made = func.dfg.clone_inst(made);
                            func.layout.insert_inst(made, inst);
                            func.dfg.first_result(made)
                        }
                    };
                    self.copies[value] = Copy { block: block.into(), value: value_here.into() };
                    self.leave(func, value);
                    self.arguments[position] = value_here;
                    changed = true;
                }
                if changed {
                    func.dfg.overwrite_inst_values(inst, self.arguments.drain(..));
                }
                following = func.layout.next_inst(inst);
            }
            next = func.layout.next_block(block);
        }
    }

    /// Notes that one use less is left of a value. Loads that nobody uses would stay.
    fn leave(&mut self, func: &mut Function, value: Value) {
        let Some(rest) = self.uses[value].checked_sub(1) else { return };
        self.uses[value] = rest;
        if rest == 0 {
            let unused = func.dfg.value_def(value).unwrap_inst();
            func.layout.remove_inst(unused);
        }
    }

    /// Counts the blocks of loops.
    fn measure(&mut self, func: &Function, loops: &LoopAnalysis) {
        self.sizes.clear();
        self.uses.clear();
        let mut any = false;
        for block in func.layout.blocks() {
            let mut around = loops.innermost_loop(block);
            while let Some(inside) = around {
                self.sizes[inside] += 1;
                any |= self.sizes[inside] >= LARGE;
                around = loops.loop_parent(inside);
            }
        }
        if !any {
            return;
        }
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                for value in func.dfg.inst_values(inst).filter(|value| is_from_vmctx(func, *value)) {
                    self.uses[value] += 1;
                }
            }
        }
    }

    /// Whether a value should be made in this block, which uses it.
    fn is_better_here(&self, func: &Function, loops: &LoopAnalysis, value: Value, block: Block) -> bool {
        let Some(inst) = func.dfg.value_def(value).inst() else { return false };
        let is_constant = matches!(func.dfg.insts[inst], InstructionData::UnaryImm { opcode: Opcode::Iconst, .. });
        let Some(made) = func.layout.inst_block(inst).filter(|made| *made != block) else { return false };
        is_constant || (self.uses[value] > 0 && self.is_across_large_loop(loops, value, made, block))
    }

    /// Whether a loop of many blocks, few of which use the value, has the second block, and not the first one.
    fn is_across_large_loop(&self, loops: &LoopAnalysis, value: Value, made: Block, used: Block) -> bool {
        let mut around = loops.innermost_loop(used);
        while let Some(inside) = around.filter(|inside| !loops.is_in_loop(made, *inside)) {
            if self.sizes[inside] >= LARGE.max(self.uses[value].saturating_mul(OFTEN)) {
                return true;
            }
            around = loops.loop_parent(inside);
        }
        false
    }
}

/// Whether a value is loaded from the vmctx and never changes.
fn is_from_vmctx(func: &Function, value: Value) -> bool {
    let Some(inst) = func.dfg.value_def(value).inst() else { return false };
    let InstructionData::Load { opcode: Opcode::Load, arg, flags, .. } = func.dfg.insts[inst] else { return false };
    let flags = func.dfg.mem_flags[flags];
    // The first parameter of the function.
    let entry = func.layout.entry_block();
    let vmctx = entry.and_then(|entry| func.dfg.block_params(entry).first().copied());
    flags.readonly() && flags.can_move() && flags.trap_code().is_none() && vmctx == Some(arg)
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::ir::{AbiParam, Function, Inst, InstBuilder, MemFlagsData, Signature, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Switch};

    use super::super::{Bounds, TopCompiler};
    use super::*;
    use crate::config::Config;

    /// A loop whose blocks are `cases` and two more, with a load and a constant in front of it: the first case uses
    /// them. Says in which blocks there are loads and constants then, as numbers of blocks.
    fn run(cases: u32, users: u32) -> (Vec<u32>, Vec<u32>) {
        let mut context = Context::new();
        context.func = Function::new();
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I32)]);
        context.func.signature = signature;
        let mut buffers = FunctionBuilderContext::new();
        let mut b = FunctionBuilder::new(&mut context.func, &mut buffers);
        let (entry, header, latch) = (b.create_block(), b.create_block(), b.create_block());
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let (vmctx, which) = (b.block_params(entry)[0], b.block_params(entry)[1]);
        let constant = MemFlagsData::trusted().with_readonly().with_can_move();
        let loaded = b.ins().load(types::I64, constant, vmctx, 8);
        let number = b.ins().iconst(types::I64, 77);
        b.ins().jump(header, &[]);
        let mut switch = Switch::new();
        let blocks: Vec<Block> = (0..cases).map(|_| b.create_block()).collect();
        blocks.iter().enumerate().for_each(|(case, block)| switch.set_entry(case as u128, *block));
        b.switch_to_block(header);
        switch.emit(&mut b, which, latch);
        for (case, block) in (0..).zip(&blocks) {
            b.switch_to_block(*block);
            if case < users {
                b.ins().store(MemFlagsData::trusted(), number, loaded, 0);
                b.ins().store(MemFlagsData::trusted(), loaded, number, 0);
            }
            b.ins().jump(latch, &[]);
        }
        b.switch_to_block(latch);
        b.ins().jump(header, &[]);
        b.seal_all_blocks();
        let compiler = TopCompiler::new(&Config::default(), Bounds::Guarded).expect("this machine has a compiler");
        b.finalize(compiler.isa.frontend_config());
        context.compute_cfg();
        context.compute_domtree();
        context.compute_loop_analysis();
        Nearby::default().make(&mut context);
        let func = &context.func;
        let used = |inst: Inst| {
            let value = func.dfg.first_result(inst);
            let mut insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
            insts.any(|user| func.dfg.inst_values(user).any(|other| other == value))
        };
        let places = |opcode: Opcode| {
            let blocks = func.layout.blocks().filter(|block| {
                let mut insts = func.layout.block_insts(*block);
                insts.any(|inst| func.dfg.insts[inst].opcode() == opcode && (opcode == Opcode::Load || used(inst)))
            });
            blocks.map(|block| block.as_u32()).collect()
        };
        (places(Opcode::Load), places(Opcode::Iconst))
    }

    #[test]
    fn values_are_made_where_few_blocks_of_a_large_loop_use_them() {
        let first_case = 3;
        assert_eq!(run(LARGE, 2), (vec![first_case, first_case + 1], vec![first_case, first_case + 1]));
    }

    #[test]
    fn loads_stay_in_front_of_loops_that_are_small_or_use_them_often() {
        let entry = 0;
        assert_eq!(run(LARGE - 3, 1), (vec![entry], vec![3]));
        let (loads, constants) = run(LARGE, LARGE);
        assert_eq!((loads, constants.len()), (vec![entry], LARGE as usize));
    }
}
