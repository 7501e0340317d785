//! All that is known about one compiled unit, in one record.

use std::ops::Range;

use crate::trap::TrapCode;
use crate::types::{DefinedFunc, FuncIndex, ValType};

/// Machine code before linking, with everything that the runtime must know about it.
///
/// Equal inputs give equal records, whatever the schedule. Offsets count from the first byte of `bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledCode {
    /// The bytes; relocations are still to be applied.
    pub bytes: Vec<u8>,
    /// Required alignment of `bytes[entry_offset]`, a power of two.
    pub alignment: u32,
    /// Where `bytes[entry_offset]` runs best within a line of 64 bytes, one bit for each offset; 0 = wherever it is aligned.
    pub starts: u64,
    /// Where callers enter: the stack check, or the body where none is needed.
    pub entry_offset: u32,
    /// Where the body starts, behind the stack check.
    pub body_offset: u32,
    /// References to other code and data, by offset.
    pub relocations: Vec<Relocation>,
    /// Instructions that may trap, sorted by offset.
    pub trap_sites: Vec<TrapSite>,
    /// Calls, sorted by return offset.
    pub call_sites: Vec<CallSite>,
    /// Callees whose bodies are part of the code, each behind the one around it. Those alone that a site is in.
    pub inlined: Vec<InlinedCall>,
    /// Bytes of the frame, return address and saved frame pointer not counted.
    pub frame_size: u32,
    /// Where loops of the baseline tier could be continued by other code. Recorded where functions move up by themselves.
    pub loops: Option<Box<Loops>>,
    pub edition: Edition,
}

/// Whether code of the top tier is meant to be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// It is not: others may call it directly.
    #[default]
    Final,
    /// It looks out for what its profile did not foresee, and may be compiled once more: others call it through its slot.
    Provisional,
}

impl Edition {
    /// As a number, 0 or 1.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Of its number's lowest bit.
    pub fn of_number(number: u8) -> Edition {
        if number & 1 == 0 { Edition::Final } else { Edition::Provisional }
    }
}

/// The loops of a function and the homes of its values, which lie at equal distances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loops {
    /// Where the home of local 0 is, from the homes' address: the frame pointer, in the native baseline tier. (A pinned local is stored there before anybody looks.)
    pub locals: i32,
    /// Where the home of the lowest operand is, from there.
    pub operands: i32,
    /// Bytes from one home to the next.
    pub step: i32,
    /// Where the result pointer is kept, if there is one.
    pub result_pointer: Option<i32>,
    /// Whether the function ends by tail calls.
    pub tail_calls: TailCalls,
    /// In the order of their offsets.
    pub sites: Vec<LoopSite>,
    /// Types of the operands that are live at the sites, which name ranges of them.
    pub types: Vec<ValType>,
}

/// In place of an index of [`Loops::sites`]: a function's entry, or a loop that is not recorded.
pub const NO_LOOP: u32 = u32::MAX;

/// A loop header, where every operand is at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopSite {
    /// Offset of the header.
    pub offset: u32,
    /// Offset of the `loop` operator from the first byte of the module.
    pub wasm_offset: u32,
    /// Types of the live operands, lowest first, as a range of [`Loops::types`].
    pub operands: Range<u32>,
    /// The recorded loop around it, if there is one.
    pub outer: Option<u32>,
}

/// Where a function goes on that runs in the baseline tier: at a loop of its record there.
#[derive(Clone, Copy, Debug)]
pub struct Resume<'a> {
    /// The record.
    pub loops: &'a Loops,
    /// The loop, as an index of [`Loops::sites`].
    pub site: u32,
}

impl Resume<'_> {
    /// The loop.
    pub fn site(&self) -> &LoopSite {
        &self.loops.sites[self.site as usize]
    }
}

/// Whether a function ends by tail calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TailCalls {
    /// Never.
    #[default]
    None,
    /// It does, perhaps.
    Some,
}

impl Loops {
    /// The loops from one on, outwards.
    pub fn outwards(&self, site: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(site), |site| self.sites[*site as usize].outer)
    }
}

/// A field to fill in when the code is placed: `target + addend - address of the field`, 32 bits on x86-64. What it is in
/// calls of other processors is said by `target::link_call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where the field is.
    pub offset: u32,
    /// What it refers to.
    pub target: RelocationTarget,
    /// Added to the difference.
    pub addend: i32,
}

/// What a relocation refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocationTarget {
    /// A function of the same module, for calls: the entry of its code of the top tier, or what leads to its slot's.
    Function(DefinedFunc),
    /// The slot of a function of the same module.
    Slot(DefinedFunc),
}

/// An instruction that may trap, by hardware fault or as an undefined instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Offset of the instruction.
    pub offset: u32,
    /// Offset of the wasm operator from the first byte of the module.
    pub wasm_offset: u32,
    /// The inlined callee that the operator is in.
    pub inlined: InlinedIndex,
    /// Why it traps.
    pub code: TrapCode,
}

/// A call, for backtraces, references and exception handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Offset of the return address.
    pub return_offset: u32,
    /// Offset of the wasm operator from the first byte of the module.
    pub wasm_offset: u32,
    /// The inlined callee that the operator is in.
    pub inlined: InlinedIndex,
    /// Index of the map of live references; [`CallSite::NONE`] while there is no collector.
    pub reference_map: u32,
    /// Index of the exception handlers; [`CallSite::NONE`] while there are none.
    pub handler: u32,
    /// What is called.
    pub kind: CallKind,
}

/// What a call calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A function, or a helper.
    Nested,
    /// Code that goes on in the place of the caller, which only hands on the results: of the two, the caller is left
    /// out of backtraces.
    Osr,
}

impl CallSite {
    /// Whether what is called goes on in place of the caller.
    pub fn is_handover(&self) -> bool {
        self.kind == CallKind::Osr
    }

    /// No reference map, or no handler.
    pub const NONE: u32 = u32::MAX;
}

/// A position in [`CompiledCode::inlined`], or none for the unit's own function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedIndex(u16);

impl InlinedIndex {
    /// The unit's own function.
    pub const OWN: InlinedIndex = InlinedIndex(u16::MAX);

    /// The callee at this position.
    pub fn new(position: usize) -> InlinedIndex {
        InlinedIndex(u16::try_from(position).expect("the translation inlines fewer callees"))
    }

    /// The position, unless it is the unit's own function.
    pub fn position(self) -> Option<usize> {
        (self != InlinedIndex::OWN).then_some(usize::from(self.0))
    }
}

/// A callee whose body stands in place of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedCall {
    /// The callee.
    pub func: FuncIndex,
    /// Whose body the call is in.
    pub caller: InlinedIndex,
    /// Offset of the call from the first byte of the module.
    pub wasm_offset: u32,
}

/// What a unit compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// A function of a module.
    Function(FuncIndex),
    /// What goes on in such a function at one of its loops.
    Osr {
        /// The function.
        func: FuncIndex,
        /// Offset of the `loop` operator from the first byte of the module.
        wasm_offset: u32,
    },
    /// The bridge from the host into functions of one type.
    EntryTrampoline,
    /// The bridge from WebAssembly to host functions of one type.
    HostTrampoline,
}
