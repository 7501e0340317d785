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

use super::state::variable;
use super::{Translator, osr};
use crate::abi::call::RAW_VAL_SIZE;
use crate::limits::{OSR_LOCALS, OSR_OPERANDS};
use crate::module::body::Effects;
use crate::tier::compiled::{CallKind, CallSite, LoopSite, Loops, NO_LOOP, TailCalls};
use crate::types::ValType;

/// The loops of a function that is translated for the portable baseline tier.
#[derive(Default)]
pub(super) struct Records {
    /// Types of the locals.
    pub(super) locals: Vec<ValType>,
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
