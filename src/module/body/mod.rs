//! One pass over a body: whether it is valid, and what a single-pass compiler wants to know of it in advance.
//!
//! In: a decoded [`Module`] and one of its functions. Out: an [`Analysis`], or `None`.
//!
//! An analysis is proof that the body is valid with the features that the module was decoded with; this is final.
//! `None` says nothing: the body may be invalid, or use what is not known here. `validate` then asks wasmparser,
//! whose verdict, text and offset are final. Everything of [`Features::ALL`] is known here, so in practice `None`
//! is a body that wasmparser refuses.
//!
//! # How
//!
//! The types of the operands of the innermost block stand in one 64-bit word, four bits each, the top of the stack
//! in the lowest bits, and nothing (0) above the operands of the block. So a pop is a mask and a comparison, which
//! fails by itself where operands are missing, and one comparison tells at the `end` of a block whether exactly its
//! results are there. `fast.rs` takes one operator after the other as long as all is usual. What is not it leaves
//! to `step.rs`, which knows every operator, unreachable code, more than 16 operands and more than 15 parameters
//! or results, and which refuses.
//!
//! Bytes are read through a window of 16, more than any operator but the vector constants, `br_table` and an
//! oddly encoded memory access has. The window may reach past the body; nothing that does is accepted, because
//! the last `end` must be the body's last byte.
//!
//! Not here: errors (`validate`), sections (`decode`).

mod control;
mod env;
mod fast;
mod kept;
mod leb;
mod memory;
mod prefixed;
mod step;
mod tables;
mod walk;

use crate::module::{Features, Module};
use crate::types::{DefinedFunc, ValType};

pub(crate) use env::Environment;
pub use kept::Keep;
pub(crate) use kept::{Kept, Made};

/// What is known of a valid body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// Most operands at a time, those of outer blocks included, locals not. (In code that cannot be reached: those
    /// that are written there.)
    pub max_height: u32,
    /// Most blocks at a time, the function's own included.
    pub max_depth: u32,
    /// Number of locals, parameters included.
    pub local_count: u32,
    /// Offset of the first operator in the body.
    pub code_offset: u32,
    pub flags: BodyFlags,
    /// How many `call_indirect` and `return_call_indirect` there are, those that cannot be reached included.
    pub indirect_calls: u32,
    /// The features that the body uses.
    pub features: Features,
}

/// What occurs in a body, code that cannot be reached included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyFlags(pub u32);

impl BodyFlags {
    /// An operator that may call something: a function, or the runtime. That is every `call*`, `memory.grow`,
    /// `memory.init|copy|fill`, `data.drop`, all operators on tables and element segments, `ref.func`, and the
    /// `wait` and `notify` of atomics.
    pub const CALLS: BodyFlags = BodyFlags(1 << 0);
    /// One of them within a loop.
    pub const CALLS_IN_LOOP: BodyFlags = BodyFlags(1 << 1);
    /// An operator on memory 0.
    pub const MEMORY0: BodyFlags = BodyFlags(1 << 2);
    /// An operator on another memory.
    pub const OTHER_MEMORY: BodyFlags = BodyFlags(1 << 3);
    pub const LOOPS: BodyFlags = BodyFlags(1 << 4);
    pub const BR_TABLE: BodyFlags = BodyFlags(1 << 5);
    /// A vector operator, or a local, parameter or result that is a vector, also of a function that is called, or a global
    /// that is read. Without it no operand of code that is reached is a vector.
    pub const SIMD: BodyFlags = BodyFlags(1 << 6);
    pub const TAIL_CALLS: BodyFlags = BodyFlags(1 << 7);
    /// An operator on references or tables, or a local, parameter or result that is a reference.
    pub const REFS: BodyFlags = BodyFlags(1 << 8);
    pub const ATOMICS: BodyFlags = BodyFlags(1 << 9);
    /// `memory.grow` of any memory.
    pub const MEMORY_GROW: BodyFlags = BodyFlags(1 << 10);
    /// `table.set`, `table.init`, `table.copy`, `table.grow` or `table.fill`.
    pub const TABLE_WRITES: BodyFlags = BodyFlags(1 << 11);

    /// Whether all of `other` are in the set.
    pub fn contains(self, other: BodyFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What is known of a loop, the loops within it included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopInfo {
    /// Index of the innermost loop around it, or [`LoopInfo::NONE`].
    pub outer: u32,
    /// 1 if the loop contains any of [`BodyFlags::CALLS`], else 0.
    pub calls: u32,
    /// Which of the locals 0 to 63 occur in it, one bit each.
    pub touched: u64,
    /// Which of the locals 0 to 63 are set or teed in it, one bit each.
    pub written: u64,
}

impl LoopInfo {
    /// No loop.
    pub const NONE: u32 = u32::MAX;
}

impl Default for LoopInfo {
    fn default() -> LoopInfo {
        LoopInfo { outer: LoopInfo::NONE, calls: 0, touched: 0, written: 0 }
    }
}

/// Locals with a weight of their own, and with a type that is found at once. Behind them the weight is 0.
pub(crate) const NEAR_LOCALS: usize = 2048;

/// The weight of a local, at most: it leaves room for a type in a word.
const MAX_WEIGHT: u32 = u32::MAX >> 4;

/// Memory of the analysis, for one body after the other, and what it found out about the last of them beyond the
/// [`Analysis`]. After `None` the contents mean nothing.
#[derive(Default)]
pub struct AnalysisScratch {
    walk: walk::Walk,
    /// A body that ends where the module ends, with a window's bytes behind it.
    padded: Vec<u8>,
}

impl AnalysisScratch {
    /// How much a local is used: the sum over its `local.get`, `local.set` and `local.tee` of 8 to the power of the
    /// number of loops around, at most 3 of them. (Of 2^28 and more: less.)
    pub fn weight(&self, local: u32) -> u32 {
        self.walk.locals.get(local as usize).map_or(0, |local| local.weight().min(MAX_WEIGHT))
    }

    /// The type of a local.
    pub fn local_type(&self, local: u32) -> ValType {
        env::val_type(self.walk.local_type(local).expect("a local of the function"))
    }

    /// The loops, in the order of their `loop` operators, those that cannot be reached included.
    pub fn loops(&self) -> &[LoopInfo] {
        &self.walk.loops
    }
}

/// Analyses a body. `Some` says that it is valid; `None` that wasmparser decides.
pub fn analyse(module: &Module, func: DefinedFunc, scratch: &mut AnalysisScratch) -> Option<Analysis> {
    let body = module.body_range(func);
    match module.bytes.slice(body.start..body.end + leb::WINDOW) {
        Some(bytes) => fast::scan(module, func, bytes, &mut scratch.walk),
        None => analyse_bytes(module, func, module.bytes.known(body), scratch),
    }
}

/// As [`analyse`], or what is known already of a body that was analysed before.
pub fn recall(module: &Module, func: DefinedFunc, scratch: &mut AnalysisScratch) -> Option<Analysis> {
    let Some(known) = module.analyses.recall(func, scratch) else {
        return analyse(module, func, scratch);
    };
    if cfg!(debug_assertions) {
        let mut again = AnalysisScratch::default();
        assert_eq!(Some(known), analyse(module, func, &mut again), "{func:?}");
        assert_eq!(scratch.loops(), again.loops(), "{func:?}");
        for local in 0..known.local_count {
            assert_eq!(scratch.weight(local), again.weight(local), "{func:?}, local {local}");
            assert_eq!(scratch.local_type(local), again.local_type(local), "{func:?}, local {local}");
        }
    }
    Some(known)
}

/// Analyses other bytes in the place of a function's body.
pub fn analyse_bytes(
    module: &Module,
    func: DefinedFunc,
    body: &[u8],
    scratch: &mut AnalysisScratch,
) -> Option<Analysis> {
    let AnalysisScratch { walk, padded } = scratch;
    padded.clear();
    padded.extend_from_slice(body);
    padded.resize(body.len() + leb::WINDOW, 0);
    fast::scan(module, func, padded, walk)
}
