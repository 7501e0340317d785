//! Leaving a loop of the portable baseline tier for code of the top tier, which goes on in it: what
//! `tier/baseline/osr.rs` does, in Cranelift's IR.
//!
//!     spent:  entry = budget_spent(...)           leave:  locals and operands -> homes
//!             brif entry, leave, header's rest             results = call entry(vmctx, vmctx, [result pointer], homes)
//!                                                          return results
//!
//! Values live where Cranelift keeps them; only on this cold way are they stored, to a slot of the frame that all loops
//! share. The record ([`Loops`]) says which home is whose: from the homes' address on upwards, locals first.
//!
//! Not here: the other side (`osr.rs`).

use cranelift_codegen::ir::{Block, InstBuilder, SourceLoc, StackSlot, StackSlotData, StackSlotKind, Value, types};

use super::{Translator, osr};
use crate::abi::call::RAW_VAL_SIZE;
use crate::config::Osr;
use crate::limits::{OSR_LOCALS, OSR_OPERANDS};
use crate::tier::compiled::{CallKind, CallSite, LoopSite, Loops, NO_LOOP, TailCalls};
use crate::types::ValType;

/// The loops of a function that is translated for the portable baseline tier.
#[derive(Default)]
pub(super) struct Records {
    /// How many locals the function has.
    locals: usize,
    tail_calls: TailCalls,
    /// What is recorded.
    loops: Option<Box<Loops>>,
    homes: Option<StackSlot>,
    /// The loops that are open, as indices of `loops`.
    open: Vec<Option<u32>>,
}

/// Where the call of the code that goes on at a loop is in the module: within the `loop` operator, where no operator
/// starts.
fn call_offset(site: &LoopSite) -> u32 {
    site.wasm_offset + 1
}

/// Marks the calls of code that goes on at loops.
pub(in crate::tier::top) fn mark_calls(call_sites: &mut [CallSite], loops: &Loops) {
    for site in call_sites {
        if let Ok(position) = loops.sites.binary_search_by_key(&site.wasm_offset, call_offset) {
            site.kind = CallKind::Osr;
            site.wasm_offset = loops.sites[position].wasm_offset;
        }
    }
}

impl Translator<'_> {
    /// Notes that there are more locals.
    pub(super) fn note_locals(&mut self, count: u32) {
        self.records.locals += count as usize;
    }

    /// Notes that the function ends by a tail call, perhaps.
    pub(super) fn note_tail_call(&mut self) {
        self.records.tail_calls = TailCalls::Some;
    }

    /// At the header of a loop: records it if other code may go on there; its index, or `NO_LOOP`.
    pub(super) fn record_loop(&mut self) -> u32 {
        let operands = self.live_operands().count();
        let fits = self.records.locals <= OSR_LOCALS && operands <= OSR_OPERANDS;
        if self.options.osr == Osr::Off || !fits {
            self.records.open.push(None);
            return NO_LOOP;
        }
        let types: Vec<ValType> = self.live_operands().map(|position| self.type_of(self.buf.stack[position])).collect();
        let outer = self.records.open.iter().rev().copied().find_map(|open| open);
        let first_operand = (self.records.locals * RAW_VAL_SIZE) as i32;
        let loops = self.records.loops.get_or_insert_with(|| {
            let (sites, types, tail_calls) = (Vec::new(), Vec::new(), TailCalls::None);
            let (operands, step) = (first_operand, RAW_VAL_SIZE as i32);
            Box::new(Loops { locals: 0, operands, step, result_pointer: None, tail_calls, sites, types })
        });
        let start = loops.types.len() as u32;
        loops.types.extend(types);
        let operands = start..loops.types.len() as u32;
        let site = loops.sites.len() as u32;
        loops.sites.push(LoopSite { offset: 0, wasm_offset: self.offset as u32, operands, outer });
        self.records.open.push(Some(site));
        site
    }

    /// What was recorded.
    pub(super) fn take_loops(&mut self) -> Option<Box<Loops>> {
        let mut loops = self.records.loops.take();
        if let Some(loops) = &mut loops {
            loops.tail_calls = self.records.tail_calls;
        }
        loops
    }

    /// At the end of a loop.
    pub(super) fn close_loop_record(&mut self) {
        self.records.open.pop();
    }

    /// Positions of the operands: of what an `if` keeps for its other arm, none.
    fn live_operands(&self) -> impl Iterator<Item = usize> {
        let frames = &self.buf.frames;
        let is_kept = |position| frames.iter().any(|frame| (frame.outer_height..frame.height).contains(&position));
        (0..self.buf.stack.len()).filter(move |position| !is_kept(*position))
    }

    /// What a home of such a value holds.
    fn type_of(&self, value: Value) -> ValType {
        match self.b.func.dfg.value_type(value) {
            types::I32 => ValType::I32,
            types::I64 => ValType::I64,
            types::F32 => ValType::F32,
            types::F64 => ValType::F64,
            _ => ValType::V128,
        }
    }

    /// Goes on at `entry`, with what is alive at the header of a loop, unless it is 0: then at `next`. Ends the block.
    pub(super) fn leave_for_osr(&mut self, entry: Value, site: u32, next: Block) {
        let leave = self.b.create_block();
        self.b.set_cold_block(leave);
        self.b.ins().brif(entry, leave, &[], next, &[]);
        self.b.switch_to_block(leave);
        self.b.seal_block(leave);
        let operands: Vec<usize> = self.live_operands().collect();
        let homes = self.homes(self.records.locals + operands.len());
        for local in 0..self.records.locals {
            let value = self.b.use_var(self.variable(local as u32));
            self.b.ins().stack_store(types::I64, value, homes, (local * RAW_VAL_SIZE) as i32);
        }
        for (height, position) in operands.into_iter().enumerate() {
            let home = (self.records.locals + height) * RAW_VAL_SIZE;
            self.b.ins().stack_store(types::I64, self.buf.stack[position], homes, home as i32);
        }
        let homes = self.b.ins().stack_addr(types::I64, homes, 0);
        let ty = self.module.func_type(self.module.func_index(self.func));
        let signature = self.b.import_signature(osr::signature(self.options.processor, ty));
        let mut args = vec![self.vmctx, self.vmctx];
        args.extend(self.result_pointer);
        args.push(homes);
        let loops = self.records.loops.as_ref().expect("the loop is recorded");
        let location = self.b.srcloc();
        self.b.set_srcloc(SourceLoc::new(call_offset(&loops.sites[site as usize])));
        let call = self.b.ins().call_indirect(signature, entry, &args);
        self.b.set_srcloc(location);
        let results = self.b.inst_results(call).to_vec();
        self.b.ins().return_(&results);
    }

    /// The homes that all loops share, for this many values at least.
    fn homes(&mut self, count: usize) -> StackSlot {
        let size = (count.max(1) * RAW_VAL_SIZE) as u32;
        let align_shift = RAW_VAL_SIZE.trailing_zeros() as u8;
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, size, align_shift);
        let homes = *self.records.homes.get_or_insert_with(|| self.b.create_sized_stack_slot(data));
        let slot = &mut self.b.func.sized_stack_slots[homes];
        slot.size = slot.size.max(size);
        homes
    }
}
