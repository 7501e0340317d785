//! From which operator each machine instruction comes.
//!
//! Cranelift keeps one location per instruction of its IR and drops that of instructions that it makes itself. And it merges
//! a load into the instruction that uses the value, under the location of that one, although it is the load that traps.
//! Therefore, once the IR is optimised, each instruction gets its number as its location, so that a table of ours leads from
//! there to the operator; and each load that can trap gets one of [`CODES`] trap codes in turn. A trap is then that of the
//! last load with its code in front of the instruction it was merged into: behind as many loads as there are codes stands a
//! fence, which no load is merged across.
//!
//! In: the optimised IR. Out: [`Places::operator`]. Not here: inlined callees (`convert.rs`).

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder, InstructionData, Opcode, SourceLoc, Value, types};

use super::translate::clif_trap;
use crate::trap::TrapCode;

/// The first trap code of loads; those below are [`TrapCode`]s.
const FIRST_CODE: u8 = 100;

/// How many trap codes loads have.
const CODES: usize = 128;

/// How deep below a use loads are looked for that Cranelift may merge into it.
const DEPTH: u32 = 4;

/// A load that can trap.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Its number.
    number: u32,
    inst: Inst,
    block: Block,
}

/// The places of one function, in buffers that are used again.
#[derive(Default)]
pub(super) struct Places {
    /// The locations of instructions, by their numbers; [`SourceLoc::default`] for those without.
    locations: Vec<u32>,
    /// In the order of their numbers.
    loads: Vec<Load>,
    /// The location that stands for number 0.
    first: u32,
}

impl Places {
    /// Numbers the instructions of a function that has been optimised. Numbers are lost when it is changed.
    pub(super) fn number(&mut self, func: &mut Function) {
        self.locations.clear();
        self.loads.clear();
        self.first = func.params.base_srcloc().bits();
        let mut next = func.layout.entry_block();
        while let Some(block) = next {
            let mut following = func.layout.first_inst(block);
            while let Some(inst) = following {
                let number = self.locations.len() as u32;
                let location = self.location(func, inst);
                self.locations.push(location);
                func.set_srcloc(inst, SourceLoc::new(self.first.wrapping_add(number)));
                following = func.layout.next_inst(inst);
                if is_trapping_load(func, inst) {
                    self.mark(func, Load { number, inst, block });
                }
                self.keep_order(func, inst, block);
            }
            next = func.layout.next_block(block);
        }
    }

    /// Where an instruction comes from. A store that changes what a load of the same place has given may become one
    /// instruction with it, under the store's location; only the load can trap.
    fn location(&self, func: &Function, inst: Inst) -> u32 {
        let own = func.srcloc(inst).bits();
        let InstructionData::Store { opcode: Opcode::Store, args: [value, place], offset, .. } = func.dfg.insts[inst]
        else {
            return own;
        };
        let Some(operation) = func.dfg.value_def(value).inst() else { return own };
        let same = |&arg: &Value| {
            let load = func.dfg.value_def(arg).inst()?;
            let InstructionData::Load { opcode: Opcode::Load, arg: from, offset: at, .. } = func.dfg.insts[load] else {
                return None;
            };
            let same = from == place && at == offset && func.dfg.value_type(arg) == func.dfg.value_type(value);
            self.load_at(func, load).filter(|_| same)
        };
        let load = func.dfg.inst_args(operation).iter().find_map(same);
        load.map_or(own, |load| self.locations[load.number as usize])
    }

    /// A load that was met.
    fn load_at(&self, func: &Function, inst: Inst) -> Option<Load> {
        // An instruction that has no number yet may have the location of another's.
        let number = func.srcloc(inst).bits().wrapping_sub(self.first);
        let position = self.loads.binary_search_by_key(&number, |load| load.number).ok()?;
        Some(self.loads[position]).filter(|load| load.inst == inst)
    }

    /// Gives a load its trap code.
    fn mark(&mut self, func: &mut Function, load: Load) {
        let code = FIRST_CODE + (self.loads.len() % CODES) as u8;
        let code = cranelift_codegen::ir::TrapCode::unwrap_user(code);
        let InstructionData::Load { flags, .. } = func.dfg.insts[load.inst] else { return };
        let marked = func.dfg.mem_flags[flags].with_trap_code(Some(code));
        let Ok(marked) = func.dfg.mem_flags.insert(marked) else {
            return fence(func, load.inst);
        };
        if let InstructionData::Load { flags, .. } = &mut func.dfg.insts[load.inst] {
            *flags = marked;
        }
        self.loads.push(load);
        if self.loads.len().is_multiple_of(CODES) {
            fence(func, load.inst);
        }
    }

    /// Keeps two loads in their order that an instruction might run the other way round, if it became both: one in its
    /// condition and one in a value, or one in each of two conditions.
    fn keep_order(&self, func: &mut Function, inst: Inst, block: Block) {
        let args = func.dfg.inst_args(inst);
        let (one, others) = match func.dfg.insts[inst].opcode() {
            Opcode::Select | Opcode::SelectSpectreGuard => (args[0], &args[1..]),
            Opcode::Band | Opcode::Bor if func.dfg.value_type(args[0]) == types::I8 => (args[0], &args[1..]),
            _ => return,
        };
        let Some(one) = self.beneath(func, one, block, DEPTH) else { return };
        let other = others.iter().filter_map(|&other| self.beneath(func, other, block, DEPTH)).max_by_key(|l| l.number);
        if let Some(other) = other.filter(|other| other.number != one.number) {
            fence(func, if one.number < other.number { one.inst } else { other.inst });
        }
    }

    /// The last load of the block that an instruction with this operand might become one with.
    fn beneath(&self, func: &Function, value: Value, block: Block, depth: u32) -> Option<Load> {
        let inst = func.dfg.value_def(value).inst()?;
        if let Some(load) = self.load_at(func, inst) {
            return Some(load).filter(|load| load.block == block);
        }
        let looked_through = matches!(
            func.dfg.insts[inst].opcode(),
            Opcode::Icmp | Opcode::Fcmp | Opcode::Band | Opcode::Bor | Opcode::Uextend | Opcode::Ireduce
        );
        if depth == 0 || !looked_through {
            return None;
        }
        let args = func.dfg.inst_args(inst).iter();
        args.filter_map(|&arg| self.beneath(func, arg, block, depth - 1)).max_by_key(|load| load.number)
    }

    /// The location that an instruction had, by the one that it has; `None` if it had none.
    pub(super) fn operator(&self, location: SourceLoc) -> Option<u32> {
        self.at(location.bits().wrapping_sub(self.first))
    }

    /// The location of the load with this trap code that became part of an instruction at this location, if the trap code
    /// is that of a load.
    pub(super) fn load(&self, location: SourceLoc, code: cranelift_codegen::ir::TrapCode) -> Option<u32> {
        meaning(code)?;
        let code = usize::from(code.as_raw().get() - FIRST_CODE);
        let number = location.bits().wrapping_sub(self.first);
        let last = self.loads.partition_point(|load| load.number <= number).checked_sub(1)?;
        let back = (last % CODES + CODES - code) % CODES;
        self.at(self.loads.get(last.checked_sub(back)?)?.number)
    }

    fn at(&self, number: u32) -> Option<u32> {
        let location = *self.locations.get(number as usize)?;
        (location != SourceLoc::default().bits()).then_some(location)
    }
}

/// What a trap code stands for, if it is that of a load.
pub(super) fn meaning(code: cranelift_codegen::ir::TrapCode) -> Option<TrapCode> {
    let codes = FIRST_CODE..FIRST_CODE + CODES as u8;
    codes.contains(&code.as_raw().get()).then_some(TrapCode::MemoryOutOfBounds)
}

fn is_trapping_load(func: &Function, inst: Inst) -> bool {
    let InstructionData::Load { opcode: Opcode::Load, flags, .. } = func.dfg.insts[inst] else { return false };
    func.dfg.mem_flags[flags].trap_code() == Some(clif_trap(TrapCode::MemoryOutOfBounds))
}

/// Keeps a load from being merged into what follows. No code comes of it.
fn fence(func: &mut Function, load: Inst) {
    FuncCursor::new(func).after_inst(load).ins().sequence_point();
}
