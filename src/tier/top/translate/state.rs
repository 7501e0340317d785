//! What the translation of one body keeps: operand stack, control frames, caches of declarations.
//!
//! All of it lives in [`Buffers`], which a thread reuses from function to function.

use cranelift_codegen::entity::packed_option::ReservedValue;
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, FuncRef, SigRef, Value};
use cranelift_frontend::Variable;
use wasmparser::{BlockType, OperatorsReaderAllocations};

use super::cold::Edge;
use super::inline::{Inlined, KINDS, Local};
use super::loops::Loop;
use super::memory::Checked;
use crate::abi::builtin::{Builtin, Plain};

/// Whether the operators that follow can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// They can: the operand stack holds what the validator says.
    Live,
    /// They follow a branch, and are skipped up to the end of the frame.
    Dead,
}

/// What a control frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// `block`, or the function itself.
    Block,
    /// `loop`, with its header.
    Loop { header: Block },
    /// `if` whose `else` has not been met, with the block that the condition leads to if it is zero.
    If { otherwise: Block },
    /// `if` behind its `else`.
    Else,
    /// `if` in whose first arm the function was entered: the other one is dead.
    Then,
    /// `loop` within which the function was entered: where it starts, and where branches to its header go, once
    /// something branches there.
    Around { start: u64, again: Option<Block> },
    /// Any frame that starts in dead code; nothing is emitted for it.
    Dead,
}

/// A control frame.
///
/// The operands of a frame start at `height`. An `if` with parameters keeps a second copy of them right
/// below, from which the other arm starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) ty: BlockType,
    /// Height of the operand stack without the frame's parameters and without their copy.
    pub(super) outer_height: usize,
    /// Height of the operand stack below the frame's own operands.
    pub(super) height: usize,
    /// Where the code behind `end` starts, once something jumps there; its parameters are the results.
    pub(super) end: Option<Block>,
}

/// A map from small numbers to entities, emptied in the time that filling it took.
pub(super) struct SparseMap<T> {
    slots: Vec<T>,
    used: Vec<u32>,
}

impl<T: Copy + ReservedValue> SparseMap<T> {
    fn new() -> SparseMap<T> {
        SparseMap { slots: Vec::new(), used: Vec::new() }
    }

    /// The entity of `key`, if there is one.
    pub(super) fn get(&self, key: u32) -> Option<T> {
        self.slots.get(key as usize).copied().filter(|entity| !entity.is_reserved_value())
    }

    /// Sets the entity of `key`, which had none.
    pub(super) fn insert(&mut self, key: u32, entity: T) {
        let position = key as usize;
        if position >= self.slots.len() {
            self.slots.resize(position + 1, T::reserved_value());
        }
        self.slots[position] = entity;
        self.used.push(key);
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// The key that was inserted at this position, and its entity.
    pub(super) fn entry(&self, position: usize) -> (u32, T) {
        let key = self.used[position];
        (key, self.slots[key as usize])
    }

    pub(super) fn clear(&mut self) {
        for key in self.used.drain(..) {
            self.slots[key as usize] = T::reserved_value();
        }
    }
}

/// The buffers of a translation, reused by the thread that owns them.
pub(in crate::tier::top) struct Buffers {
    /// Operand stack. Vectors are `I8X16`, always.
    pub(super) stack: Vec<Value>,
    /// Control frames, outermost first.
    pub(super) frames: Vec<Frame>,
    /// Open loops, outermost first.
    pub(super) loops: Vec<Loop>,
    /// Declared callees, by function index.
    pub(super) callees: SparseMap<FuncRef>,
    /// Declared signatures, by type index.
    pub(super) signatures: SparseMap<SigRef>,
    /// Declared signatures of helpers, by number.
    pub(super) builtins: SparseMap<SigRef>,
    /// Of the `br_table` that is being emitted: blocks that pass operands on, by depth.
    pub(super) forwards: SparseMap<Block>,
    /// Arguments of the jump that is being emitted.
    pub(super) block_args: Vec<BlockArg>,
    /// Targets of the `br_table` that is being emitted.
    pub(super) block_calls: Vec<BlockCall>,
    /// Checks of indices that may still hold.
    pub(super) checked: [Option<Checked>; 4],
    /// Arguments of the call that is being emitted.
    pub(super) arguments: Vec<Value>,
    /// The readers' own stacks of frames, of those who do not read.
    pub(super) readers: Vec<OperatorsReaderAllocations>,
    /// Locals of the function and of the callees that are being inlined, outermost first.
    pub(super) locals: Vec<Local>,
    /// Variables of callees that have been inlined, by the kind of their type.
    pub(super) unused: [Vec<Variable>; KINDS],
    /// Callees that have been or are being inlined.
    pub(super) inlined: Vec<Inlined>,
    /// Ways that branches rarely go.
    pub(super) cold_edges: Vec<Edge>,
}

impl Buffers {
    pub(in crate::tier::top) fn new() -> Buffers {
        Buffers {
            stack: Vec::new(),
            frames: Vec::new(),
            loops: Vec::new(),
            forwards: SparseMap::new(),
            block_args: Vec::new(),
            block_calls: Vec::new(),
            callees: SparseMap::new(),
            signatures: SparseMap::new(),
            builtins: SparseMap::new(),
            checked: [None; 4],
            arguments: Vec::new(),
            readers: Vec::new(),
            locals: Vec::new(),
            unused: Default::default(),
            inlined: Vec::new(),
            cold_edges: Vec::new(),
        }
    }

    /// Callees that were inlined into the last function.
    pub(in crate::tier::top) fn inlined(&self) -> &[Inlined] {
        &self.inlined
    }

    /// Forgets the last function.
    pub(super) fn clear(&mut self) {
        self.stack.clear();
        self.frames.clear();
        self.loops.clear();
        self.forwards.clear();
        self.block_args.clear();
        self.block_calls.clear();
        self.callees.clear();
        self.signatures.clear();
        self.builtins.clear();
        self.checked = [None; 4];
        self.arguments.clear();
        self.locals.clear();
        self.unused.iter_mut().for_each(Vec::clear);
        self.inlined.clear();
        self.cold_edges.clear();
    }
}

/// The key of a helper in [`Buffers::builtins`].
pub(super) fn builtin_key(builtin: Builtin) -> u32 {
    builtin as u32
}

/// As [`builtin_key`], for functions of the platform.
pub(super) fn plain_key(function: Plain) -> u32 {
    Builtin::ALL.len() as u32 + function as u32
}
