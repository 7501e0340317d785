//! A function that is entered in the middle: at a loop which code of the baseline tier runs already.
//!
//! In: what the baseline tier recorded of the loop ([`Loops`]). Out: a function `(vmctx, vmctx, [result pointer], homes)`
//! with the results of the original, which loads all locals and operands and goes on at the loop's header.
//!
//! # What is in front of the loop
//! It is translated like any code, into blocks that nothing leads to, so that control frames and operands are what
//! they must be at the loop; Cranelift removes it. Then the open frames are made ready for what follows
//! ([`Translator::close_front`]): nothing else leads to their ends, the other arm of an `if` is dead.
//!
//! # The loops around
//! To enter a loop in the middle makes it irreducible, and Cranelift hoists nothing out of such a loop. Therefore the
//! rest of an iteration of theirs, as it was entered, is one piece of code, and the loop itself another one, which is
//! a loop like any other:
//!
//!     loop a                     entry: loop b { second }; third; jump a
//!       first                    a:     loop { first; loop b { second }; third; br a }
//!       loop b { second }        fourth
//!       third; br a
//!     fourth
//!
//! The second piece is translated when the end of the loop is met, if anything branched to its header, by reading its
//! operators once more. Both pieces meet behind the loop. What follows a loop is never translated twice, and operands
//! below a loop are the same in both pieces: nothing in the loop can change them.
//!
//! The outermost of these loops is where the time will be spent, and should be allocated registers as if it stood alone.
//! What it loads from the vmctx would be shared with the pieces in front, and live, and be spilled, as long as the whole
//! function. So it uses the second parameter, which is the vmctx, too (2026-11: edit distance, 1.4 of the time without).
//!
//! No fact from in front of the loop is used: its header is entered with values that come from memory, or as
//! parameters of a block, and nothing is known of either.
//!
//! Not here: who asks for such code and who calls it (`compile::osr`, the baseline tier).

use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, Signature, Value, types};
use wasmparser::{BlockType, Operator, OperatorsReader};

use super::env::{MUTABLE, clif_trap};
use super::state::{FrameKind, Reach};
use super::{Translator, clif_type};
use crate::abi::call::Processor;
use crate::tier::compiled::{Loops, Resume};
use crate::trap::TrapCode;
use crate::types::{FuncType, ValType};

/// Of a function that is entered at a loop.
pub(super) struct Entry<'a> {
    resume: Resume<'a>,
    /// Where the homes are.
    homes: Value,
    /// Where it is entered.
    block: Block,
    /// The second parameter: the vmctx once more, which Cranelift does not know.
    vmctx: Value,
    /// Types of the locals.
    locals: Vec<ValType>,
    /// Of the loops that are open, until the function is entered: offset, and a reader behind the operator.
    readers: Vec<(u64, OperatorsReader<'a>)>,
    is_open: Open,
}

/// Whether the loop at which a function is entered has been met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    NotYet,
    Already,
}

/// A loop that is about to be read again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again {
    /// Offset of its operator.
    start: u64,
    ty: BlockType,
    /// Where the code behind it starts.
    pub(super) end: Option<Block>,
}

/// The signature of such functions.
pub(in crate::tier::top) fn signature(processor: Processor, ty: &FuncType) -> Signature {
    let mut signature = super::signature(processor, ty);
    signature.params.truncate(signature.params.len() - ty.params().len());
    signature.params.push(AbiParam::new(types::I64));
    signature
}

impl<'a> Entry<'a> {
    /// Ends the entry block, whose last parameter says where the homes are. What is translated next is not reached.
    pub(super) fn new(t: &mut Translator<'_>, resume: Resume<'a>, homes: Value) -> Entry<'a> {
        let vmctx = t.b.block_params(t.b.current_block().expect("the entry block"))[1];
        let block = t.b.create_block();
        t.b.ins().jump(block, &[]);
        t.b.seal_block(block);
        let front = t.b.create_block();
        t.b.switch_to_block(front);
        t.b.seal_block(front);
        Entry { resume, homes, block, vmctx, locals: Vec::new(), readers: Vec::new(), is_open: Open::NotYet }
    }

    /// Declares locals, which have their values where the function is entered.
    pub(super) fn declare_locals(&mut self, t: &mut Translator<'_>, ty: ValType, count: u32) {
        let zero = t.zero(ty);
        for _ in 0..count {
            t.declare_local(ty, zero);
            self.locals.push(ty);
        }
    }

    /// Before a `loop` operator is translated, which has been read.
    pub(super) fn meet_loop(&mut self, t: &mut Translator<'_>, operators: &OperatorsReader<'a>) {
        if self.is_open == Open::Already || t.reach == Reach::Dead {
            return;
        }
        if t.offset == u64::from(self.resume.site().wasm_offset) {
            self.enter(t);
            self.is_open = Open::Already;
        } else {
            self.readers.truncate(t.buf.loops.len());
            self.readers.push((t.offset, operators.clone()));
        }
    }

    /// Translates the `loop` operator of a loop that was open where the function is entered, and reads on behind it.
    pub(super) fn begin_again(&self, t: &mut Translator<'_>, again: Again) -> OperatorsReader<'a> {
        t.offset = again.start;
        if !t.buf.frames.iter().any(|frame| matches!(frame.kind, FrameKind::Around { .. })) {
            t.vmctx = self.vmctx;
        }
        // The loop itself may grow as any function may.
        t.growth = 0;
        t.operator(&Operator::Loop { blockty: again.ty });
        let reader = self.readers.iter().find(|(offset, _)| *offset == again.start);
        reader.expect("it was open where the function is entered").1.clone()
    }

    /// At the end of the body.
    pub(super) fn finish(self) {
        assert!(self.is_open == Open::Already, "the loop was not met");
    }

    /// Goes on here, with what is at home.
    fn enter(&self, t: &mut Translator<'_>) {
        t.close_front();
        t.b.switch_to_block(self.block);
        let Loops { locals, operands, step, .. } = *self.resume.loops;
        let home = |first: i32, position: usize| first + position as i32 * step;
        for (index, &ty) in self.locals.iter().enumerate() {
            let value = t.b.ins().load(clif_type(ty), MUTABLE, self.homes, home(locals, index));
            let variable = t.variable(index as u32);
            t.b.def_var(variable, value);
        }
        let range = &self.resume.site().operands;
        let mut live = self.resume.loops.types[range.start as usize..range.end as usize].iter().enumerate();
        for position in 0..t.buf.stack.len() {
            // What an `if` keeps for its other arm is no operand, and that arm is dead.
            if t.buf.frames.iter().any(|frame| (frame.outer_height..frame.height).contains(&position)) {
                continue;
            }
            let (height, &ty) = live.next().expect("the record has every operand");
            let known = t.b.func.dfg.value_type(t.buf.stack[position]);
            assert!(known == clif_type(ty), "an operand of another type than the record says");
            t.buf.stack[position] = t.b.ins().load(known, MUTABLE, self.homes, home(operands, height));
        }
        assert!(live.next().is_none(), "the record has more operands than there are");
    }
}

impl Translator<'_> {
    /// Ends what is in front of the loop, to which nothing leads: only what comes from the entry goes on in the frames
    /// that are open.
    fn close_front(&mut self) {
        self.b.ins().trap(clif_trap(TrapCode::Unreachable));
        let starts: Vec<u64> = self.buf.loops.drain(..).map(|open| open.start).collect();
        let mut starts = starts.into_iter();
        for position in 0..self.buf.frames.len() {
            let frame = &mut self.buf.frames[position];
            let end = frame.end.take();
            match frame.kind {
                FrameKind::Loop { header } => {
                    let start = starts.next().expect("every loop is noted");
                    frame.kind = FrameKind::Around { start, again: None };
                    self.b.seal_block(header);
                }
                FrameKind::If { otherwise } => {
                    frame.kind = FrameKind::Then;
                    self.bury(otherwise);
                }
                FrameKind::Block | FrameKind::Else => {}
                FrameKind::Then | FrameKind::Around { .. } | FrameKind::Dead => unreachable!("live, and entered once"),
            }
            if let Some(end) = end {
                self.b.seal_block(end);
                self.bury(end);
            }
        }
        self.work = 0;
        self.growth = 0;
    }

    /// Fills a block to which nothing leads.
    fn bury(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.ins().trap(clif_trap(TrapCode::Unreachable));
    }

    /// At the end of a loop that was entered in the middle, and to whose header something branched: goes on there, with
    /// the loop to be read once more.
    pub(super) fn end_middle(&mut self, start: u64, header: Block) {
        let frame = self.buf.frames.pop().expect("it ends here");
        let end = (self.reach == Reach::Live).then(|| {
            let results = self.block_results(frame.ty);
            let end = self.block_taking(results);
            self.take_block_args(self.buf.stack.len() - results.len());
            self.b.ins().jump(end, &self.buf.block_args);
            end
        });
        self.buf.stack.truncate(frame.height);
        self.b.seal_block(header);
        self.enter_block(header);
        self.reach = Reach::Live;
        self.again = Some(Again { start, ty: frame.ty, end });
    }
}
