//! What the translation of one body keeps: operand stack, control frames, caches of declarations.
//!
//! All of it lives in [`Buffers`], which a thread reuses from function to function.

use cranelift_codegen::entity::{EntityRef, packed_option::ReservedValue};
use cranelift_codegen::ir::{Block, FuncRef, Inst, SigRef, Value};
use cranelift_frontend::Variable;

use crate::abi::builtin::Builtin;
use crate::types::ValType;

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
    /// `if` whose `else` has not been met: the branch that leads to it.
    If { branch: Inst, otherwise: Block },
    /// `if` after its `else`; `then_reach` tells how its first arm ended.
    Else,
    /// A frame of dead code; nothing was emitted for it.
    Dead,
}

/// A control frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Where the code behind `end` starts; its parameters are the results.
    pub(super) end: Block,
    /// Number of operands under the frame's parameters.
    pub(super) height: usize,
    pub(super) param_count: usize,
    pub(super) result_count: usize,
    /// Whether anything jumps to `end`.
    pub(super) end_used: Reach,
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

    fn clear(&mut self) {
        for key in self.used.drain(..) {
            self.slots[key as usize] = T::reserved_value();
        }
    }
}

/// The buffers of a translation, reused by the thread that owns them.
pub(super) struct Buffers {
    /// Operand stack. Vectors are `I8X16`, always.
    pub(super) stack: Vec<Value>,
    /// Control frames, outermost first.
    pub(super) frames: Vec<Frame>,
    /// Types of parameters and locals.
    pub(super) locals: Vec<ValType>,
    /// Declared callees, by function index.
    pub(super) callees: SparseMap<FuncRef>,
    /// Declared signatures, by type index.
    pub(super) signatures: SparseMap<SigRef>,
    /// Declared signatures of helpers, by number.
    pub(super) builtins: SparseMap<SigRef>,
    /// Arguments of the call that is being emitted.
    pub(super) arguments: Vec<Value>,
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers {
            stack: Vec::new(),
            frames: Vec::new(),
            locals: Vec::new(),
            callees: SparseMap::new(),
            signatures: SparseMap::new(),
            builtins: SparseMap::new(),
            arguments: Vec::new(),
        }
    }

    /// Forgets the last function.
    pub(super) fn clear(&mut self) {
        self.stack.clear();
        self.frames.clear();
        self.locals.clear();
        self.callees.clear();
        self.signatures.clear();
        self.builtins.clear();
        self.arguments.clear();
    }
}

/// The variable of a local: they are declared in order.
pub(super) fn variable(local: u32) -> Variable {
    Variable::new(local as usize)
}

/// The key of a helper in [`Buffers::builtins`].
pub(super) fn builtin_key(builtin: Builtin) -> u32 {
    builtin as u32
}
