//! Loops: which of them must ask for interrupts, and how they end.
//!
//! # Polls
//! A loop polls at its header, unless it is seen at its end that it need not:
//! - each iteration calls the function itself, and entries check the stack limit, which an interrupt poisons; or
//! - it runs through few operators each time it is entered: it calls nothing, one branch leads back to its header,
//!   and that branch is taken only while a counter, which the loop advances by a constant, has not reached a bound.
//!
//! Whatever is not understood polls. All loops of a function without a poll, taken together, run through at most
//! [`MOST_WORK`] bytes of operators.
//!
//! # Counters
//! Compilers, Cranelift included, like to compare a counter as it was before its last step: `next = counter + 8` and
//! `counter != 4088`. Then both are alive at the branch back, which becomes a branch out, a move and a jump back.
//! So the comparison is made to be one of `next`, with 4096, and one that Cranelift leaves alone.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockArg, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
    condcodes::{CondCode, IntCC},
};

use super::Translator;

/// Bytes of WebAssembly that may run without a poll: a fraction of a millisecond.
const MOST_WORK: u64 = 1 << 20;

/// A loop that is being translated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub(super) header: Block,
    /// The jump that enters it.
    entry: Inst,
    poll: Option<Poll>,
    /// Where it starts in the module.
    pub(super) start: u64,
    /// `Translator::calls_seen` when it was entered.
    calls_before: u32,
    /// Work of the loops before it in the loop around it.
    work_before: u64,
    /// Height of the control frames at its operators.
    depth: usize,
    /// Number of branches to the header, the last of them if it is known, and the conditions under which it is
    /// reached.
    back_edges: u32,
    back_edge: Option<Inst>,
    conditions: [Option<Stays>; 3],
    /// Whether each iteration calls the function itself.
    calls_itself: bool,
}

/// What makes up a poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    /// Instructions that nothing else uses, the last first.
    pub(super) instructions: [Inst; 2],
    /// The branch that uses them, if there is one, and where it goes if all is calm.
    pub(super) branch: Option<(Inst, Block)>,
}

/// The loop goes on only if this value is, or is not, zero.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stays {
    IfNonzero(Value),
    IfZero(Value),
}

/// `base + offset`, where `base` is None for 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sum {
    base: Option<Value>,
    offset: u64,
}

impl Translator<'_> {
    /// Notes that a loop starts here, at its header.
    pub(super) fn enter_loop(&mut self, header: Block, entry: Inst) {
        let poll = self.poll();
        self.buf.loops.push(Loop {
            header,
            entry,
            poll,
            start: self.offset,
            calls_before: self.calls_seen,
            work_before: std::mem::take(&mut self.work),
            depth: self.buf.frames.len(),
            back_edges: 0,
            back_edge: None,
            conditions: [None; 3],
            calls_itself: false,
        });
    }

    /// Notes a branch to the header of a loop.
    pub(super) fn note_back_edge(&mut self, header: Block, branch: Option<Inst>, condition: Option<Stays>) {
        let open = self.buf.loops.iter_mut().rev().find(|open| open.header == header).expect("it is open");
        open.back_edges += 1;
        open.back_edge = branch;
        open.note_condition(condition);
    }

    /// Notes that the innermost loop is left here unless `condition` holds.
    pub(super) fn note_exit(&mut self, condition: Stays) {
        let depth = self.buf.frames.len();
        // At this depth, and with no branch back before it, every iteration comes here.
        if let Some(innermost) = self.buf.loops.last_mut()
            && innermost.depth == depth
            && innermost.back_edges == 0
        {
            innermost.note_condition(Some(condition));
        }
    }

    /// Notes a call of the function itself.
    pub(super) fn note_call_of_itself(&mut self) {
        let depth = self.buf.frames.len();
        if let Some(innermost) = self.buf.loops.last_mut() {
            // As above.
            innermost.calls_itself |= innermost.depth == depth && innermost.back_edges == 0;
        }
    }

    /// Whether each iteration of the innermost loop is known to call the function itself.
    pub(super) fn noted_calls_of_itself(&self) -> bool {
        self.buf.loops.last().is_some_and(|innermost| innermost.calls_itself)
    }

    /// Takes back what was noted since [`Self::noted_calls_of_itself`] was this.
    pub(super) fn forget_calls_of_itself(&mut self, noted: bool) {
        if let Some(innermost) = self.buf.loops.last_mut() {
            innermost.calls_itself = noted;
        }
    }

    /// Notes that the innermost loop ends; its header is sealed.
    pub(super) fn leave_loop(&mut self) {
        let ended = self.buf.loops.pop().expect("loops are balanced");
        self.close_charge();
        self.close_loop_record();
        self.compare_next(&ended);
        let body = self.offset - ended.start;
        let each = body.saturating_add(self.work);
        self.work = ended.work_before;
        let Some(poll) = ended.poll else { return };
        let work = if ended.calls_itself || ended.back_edges == 0 {
            Some(each)
        } else if self.calls_seen == ended.calls_before {
            self.iterations(&ended).and_then(|iterations| each.checked_mul(iterations))
        } else {
            None
        };
        let sum = work.and_then(|work| self.work.checked_add(work)).filter(|sum| *sum <= MOST_WORK);
        if let Some(sum) = sum {
            self.work = sum;
            self.remove_poll(poll);
        }
    }

    /// Makes the condition of the branch back one of the counter's next value, if it is one of its current value.
    fn compare_next(&mut self, ended: &Loop) -> Option<()> {
        let branch = ended.back_edge.filter(|_| ended.back_edges == 1)?;
        let dfg = &self.b.func.dfg;
        let InstructionData::Brif { arg, .. } = dfg.insts[branch] else { return None };
        let condition = dfg.resolve_aliases(arg);
        let compare = dfg.value_def(condition).inst().map(|inst| dfg.insts[inst]);
        let (relation, counter, bound) = match compare {
            Some(InstructionData::IntCompare { cond: cond @ (IntCC::Equal | IntCC::NotEqual), args, .. }) => {
                (cond, self.sum(args[0])?, self.constant(args[1])?)
            }
            Some(InstructionData::IntCompare { .. }) => return None,
            _ => (IntCC::NotEqual, self.sum(condition)?, 0),
        };
        let ValueDef::Param(block, position) = dfg.value_def(counter.base?) else { return None };
        if block != ended.header {
            return None;
        }
        let next = self.argument(branch, block, position)?;
        let step = self.sum(next).filter(|next| next.base == counter.base)?.offset;
        let first = self.sum(self.argument(ended.entry, block, position)?).filter(|first| first.base.is_none())?.offset;
        let ty = dfg.value_type(next);
        let last = (bound as u64).wrapping_add(step).wrapping_sub(counter.offset) & mask(ty.bits());
        let below = order_of(ty.bits(), first, step, last)?;
        let relation = if relation == IntCC::NotEqual { below } else { below.complement() };
        let mut cursor = FuncCursor::new(self.b.func).at_inst(branch);
        let bound = cursor.ins().iconst(ty, last as i64);
        let compared = cursor.ins().icmp(relation, next, bound);
        let InstructionData::Brif { arg, .. } = &mut self.b.func.dfg.insts[branch] else { unreachable!("as above") };
        *arg = compared;
        Some(())
    }

    fn remove_poll(&mut self, poll: Poll) {
        if let Some((branch, next)) = poll.branch {
            // The block with the call has no predecessor left: Cranelift removes it.
            self.b.func.replace(branch).jump(next, &[]);
        }
        for instruction in poll.instructions {
            self.b.func.layout.remove_inst(instruction);
        }
    }

    /// How often the loop's body runs at most, each time it is entered.
    fn iterations(&self, ended: &Loop) -> Option<u64> {
        let back_edge = ended.back_edge.filter(|_| ended.back_edges == 1)?;
        let conditions = ended.conditions.iter().flatten();
        conditions.filter_map(|stays| self.iterations_while(ended, back_edge, *stays)).min()
    }

    /// The same, as one condition says.
    fn iterations_while(&self, ended: &Loop, back_edge: Inst, stays: Stays) -> Option<u64> {
        let dfg = &self.b.func.dfg;
        let (Stays::IfNonzero(value) | Stays::IfZero(value)) = stays;
        let value = dfg.resolve_aliases(value);
        let compare = dfg.value_def(value).inst().map(|inst| dfg.insts[inst]);
        let (mut relation, left, right) = match compare {
            Some(InstructionData::IntCompare { cond, args: [left, right], .. }) => {
                (cond, self.sum(left)?, self.sum(right)?)
            }
            _ => (IntCC::NotEqual, self.sum(value)?, Sum { base: None, offset: 0 }),
        };
        if matches!(stays, Stays::IfZero(_)) {
            relation = relation.complement();
        }
        let compared = match compare {
            Some(InstructionData::IntCompare { args: [left, _], .. }) => left,
            _ => value,
        };
        let bits = dfg.value_type(compared).bits();
        // The counter may stand on either side.
        self.counted(ended, back_edge, bits, relation, left, right)
            .or_else(|| self.counted(ended, back_edge, bits, relation.swap_args(), right, left))
    }

    /// As above, for `counter relation bound`.
    fn counted(
        &self,
        ended: &Loop,
        back_edge: Inst,
        bits: u32,
        relation: IntCC,
        counter: Sum,
        bound: Sum,
    ) -> Option<u64> {
        let dfg = &self.b.func.dfg;
        let ValueDef::Param(block, position) = dfg.value_def(counter.base?) else { return None };
        if block != ended.header {
            return None;
        }
        let next = self.sum(self.argument(back_edge, block, position)?)?;
        let first = self.sum(self.argument(ended.entry, block, position)?)?;
        if next.base != counter.base {
            return None;
        }
        let mask = mask(bits);
        let start = first.offset.wrapping_add(counter.offset);
        let count = |start: Option<u64>, bound: u64| {
            iterations(bits, start.map(|start| start & mask), next.offset & mask, relation, bound & mask)
        };
        if bound.base == first.base {
            match bound.base {
                None => count(Some(start), bound.offset),
                // Only their distance is known.
                Some(_) if relation == IntCC::NotEqual => count(Some(start.wrapping_sub(bound.offset)), 0),
                Some(_) => None,
            }
        } else {
            bound.base.is_none().then(|| count(None, bound.offset))?
        }
    }

    /// What a branch passes to a parameter of a block.
    fn argument(&self, branch: Inst, block: Block, position: usize) -> Option<Value> {
        let dfg = &self.b.func.dfg;
        let destinations = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        let mut calls = destinations.iter().filter(|call| call.block(&dfg.value_lists) == block);
        let (call, other) = (calls.next()?, calls.next());
        match call.args(&dfg.value_lists).nth(position)? {
            BlockArg::Value(value) if other.is_none() => Some(value),
            _ => None,
        }
    }

    /// A value as a sum of another one, or nothing, and a constant.
    fn sum(&self, value: Value) -> Option<Sum> {
        let dfg = &self.b.func.dfg;
        let mut sum = Sum { base: Some(dfg.resolve_aliases(value)), offset: 0 };
        while let Some(inst) = sum.base.and_then(|base| dfg.value_def(base).inst()) {
            let (base, offset) = match dfg.insts[inst] {
                InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => (None, imm.bits() as u64),
                InstructionData::Binary { opcode: Opcode::Iadd, args: [left, right] } => {
                    match (self.constant(left), self.constant(right)) {
                        (_, Some(offset)) => (Some(left), offset as u64),
                        (Some(offset), None) => (Some(right), offset as u64),
                        (None, None) => break,
                    }
                }
                InstructionData::Binary { opcode: Opcode::Isub, args: [left, right] } => match self.constant(right) {
                    Some(offset) => (Some(left), (offset as u64).wrapping_neg()),
                    None => break,
                },
                _ => break,
            };
            sum = Sum { base: base.map(|base| dfg.resolve_aliases(base)), offset: sum.offset.wrapping_add(offset) };
        }
        Some(sum)
    }
}

impl Loop {
    fn note_condition(&mut self, condition: Option<Stays>) {
        if let (Some(condition), Some(free)) = (condition, self.conditions.iter_mut().find(|slot| slot.is_none())) {
            *free = Some(condition);
        }
    }
}

/// Numbers of this many bits.
fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The relation of all numbers from `first` in steps of `step` to `last`, which they reach, but for `last` itself.
/// None if they are in no such order, or do not reach it.
///
/// A test for equality would do, but Cranelift turns `counter + 1 != 10` back into `counter != 9`.
fn order_of(bits: u32, first: u64, step: u64, last: u64) -> Option<IntCC> {
    let mask = mask(bits);
    let down = step.wrapping_neg() & mask;
    let (first, step, last) = (first & mask, step & mask, last & mask);
    let top = 1u64 << (bits - 1);
    let flip = |value: u64| value ^ top;
    let rises = |first: u64, last: u64| first < last && (last - first).is_multiple_of(step);
    let falls = |first: u64, last: u64| first > last && (first - last).is_multiple_of(down);
    match () {
        () if step == 0 => None,
        () if rises(first, last) => Some(IntCC::UnsignedLessThan),
        () if rises(flip(first), flip(last)) => Some(IntCC::SignedLessThan),
        () if falls(first, last) => Some(IntCC::UnsignedGreaterThan),
        () if falls(flip(first), flip(last)) => Some(IntCC::SignedGreaterThan),
        () => None,
    }
}

/// How often at most a loop's body runs whose counter is `start` in its first iteration (None: anything) and `step`
/// more in each following one, if an iteration follows only while `counter relation bound`. All have `bits` bits.
fn iterations(bits: u32, start: Option<u64>, step: u64, relation: IntCC, bound: u64) -> Option<u64> {
    let mask = mask(bits);
    let top = 1u64 << (bits - 1);
    let down = step.wrapping_neg() & mask;
    if step == 0 {
        return None;
    }
    // Signed numbers in their order are unsigned ones with the top bit flipped.
    let (start, bound, relation) = match relation {
        IntCC::SignedLessThan
        | IntCC::SignedLessThanOrEqual
        | IntCC::SignedGreaterThan
        | IntCC::SignedGreaterThanOrEqual => (start.map(|start| start ^ top), bound ^ top, relation.unsigned()),
        _ => (start, bound, relation),
    };
    match relation {
        // Any number but one ends it.
        IntCC::Equal => Some(2),
        IntCC::NotEqual => {
            let (up_distance, down_distance) = (bound.wrapping_sub(start?) & mask, start?.wrapping_sub(bound) & mask);
            match () {
                () if up_distance % step == 0 => Some(up_distance / step + 1),
                () if down_distance % down == 0 => Some(down_distance / down + 1),
                () => None,
            }
        }
        // The counter must pass the bound before it wraps. It does so in small steps only.
        IntCC::UnsignedLessThan | IntCC::UnsignedLessThanOrEqual => {
            let first_beyond = bound.checked_add(u64::from(relation == IntCC::UnsignedLessThanOrEqual))?;
            (first_beyond.checked_add(step)? <= mask).then_some(())?;
            let distance = first_beyond.saturating_sub(start.unwrap_or(0));
            Some(distance.div_ceil(step) + 1)
        }
        IntCC::UnsignedGreaterThan | IntCC::UnsignedGreaterThanOrEqual => {
            let first_beyond = bound.checked_sub(u64::from(relation == IntCC::UnsignedGreaterThanOrEqual))?;
            first_beyond.checked_sub(down)?;
            let distance = start.unwrap_or(mask).saturating_sub(first_beyond);
            Some(distance.div_ceil(down) + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATIONS: [IntCC; 10] = [
        IntCC::Equal,
        IntCC::NotEqual,
        IntCC::SignedLessThan,
        IntCC::SignedLessThanOrEqual,
        IntCC::SignedGreaterThan,
        IntCC::SignedGreaterThanOrEqual,
        IntCC::UnsignedLessThan,
        IntCC::UnsignedLessThanOrEqual,
        IntCC::UnsignedGreaterThan,
        IntCC::UnsignedGreaterThanOrEqual,
    ];

    fn holds(bits: u32, relation: IntCC, left: u64, right: u64) -> bool {
        let signed = |value: u64| (value << (64 - bits)) as i64 >> (64 - bits);
        match relation {
            IntCC::Equal => left == right,
            IntCC::NotEqual => left != right,
            IntCC::SignedLessThan => signed(left) < signed(right),
            IntCC::SignedLessThanOrEqual => signed(left) <= signed(right),
            IntCC::SignedGreaterThan => signed(left) > signed(right),
            IntCC::SignedGreaterThanOrEqual => signed(left) >= signed(right),
            IntCC::UnsignedLessThan => left < right,
            IntCC::UnsignedLessThanOrEqual => left <= right,
            IntCC::UnsignedGreaterThan => left > right,
            IntCC::UnsignedGreaterThanOrEqual => left >= right,
        }
    }

    /// All counters of five bits.
    #[test]
    fn counters_are_in_order_until_they_reach_the_last() {
        let mut ordered = 0;
        for (first, step, last) in (0..1 << 15).map(|n: u64| (n & 31, n >> 5 & 31, n >> 10)) {
            let Some(relation) = order_of(5, first, step, last) else { continue };
            ordered += 1;
            let mut counter = first;
            for _ in 0..32 {
                assert_eq!(counter != last, holds(5, relation, counter, last), "{first} +{step} to {last}: {relation}");
                if counter == last {
                    break;
                }
                counter = (counter + step) & 31;
            }
            assert_eq!(counter, last, "{first} +{step}");
        }
        assert!(ordered > 4_000, "{ordered}");
    }

    /// Every loop with numbers of five bits: none runs longer than promised, and many promises are exact.
    #[test]
    fn no_loop_runs_longer_than_promised() {
        let bits = 5;
        let (mut promised, mut exact) = (0, 0);
        for relation in RELATIONS {
            for (start, step, bound) in (0..1 << (3 * bits)).map(|n: u64| (n & 31, n >> 5 & 31, n >> 10)) {
                let runs = |mut counter: u64| {
                    let mut runs = 1;
                    while holds(bits, relation, counter, bound) && runs <= 64 {
                        (counter, runs) = ((counter + step) & 31, runs + 1);
                    }
                    runs
                };
                if let Some(most) = iterations(bits, Some(start), step, relation, bound) {
                    assert!(runs(start) <= most, "{start} +{step} {relation} {bound}: {most}");
                    (promised, exact) = (promised + 1, exact + i32::from(runs(start) == most));
                }
                if let Some(most) = iterations(bits, None, step, relation, bound) {
                    assert!(runs(start) <= most, "any +{step} {relation} {bound}: {most}");
                }
            }
        }
        assert!(promised > 100_000 && exact * 2 > promised, "{promised}, {exact}");
    }
}
