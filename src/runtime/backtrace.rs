//! Backtraces: frame pointers and the code map, nothing else.
//!
//! Machine code of every tier keeps frame pointers. A walk starts where WebAssembly was left, follows them
//! up to the entry trampoline (above it lies code that the map does not know: the entry routine), and goes
//! on below the activation around, whose `exit_fp` the inner one saved.

use crate::code::map;
use crate::tier::compiled::CodeKind;
use crate::trap::Frame;
use crate::types::{FuncIndex, Tier};

use super::store::StoreInner;

/// Where a walk starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// At the shim or trampoline through which WebAssembly was left.
    Exit,
    /// At an instruction that faulted, with its frame pointer.
    Fault { pc: usize, fp: usize },
    /// At a stack check; the function has no frame yet. `fp` is the frame of the stub that it called.
    StackCheck { fp: usize },
}

/// The frames of the running calls, innermost first, as many as the engine keeps.
pub(super) fn capture(store: &StoreInner, start: Start) -> Box<[Frame]> {
    let limit = store.engine.config().backtrace_frames;
    let mut frames = Vec::new();
    if limit == 0 {
        return frames.into();
    }
    // SAFETY: this thread runs the store; its activations and their frames are live.
    unsafe {
        let mut fp = match start {
            Start::Exit => (*store.vm()).exit_fp,
            Start::Fault { pc, fp } => {
                push(&mut frames, pc, Pc::Faulted);
                fp
            }
            Start::StackCheck { fp } => {
                push(&mut frames, word(fp + 8), Pc::Returned);
                push(&mut frames, word(fp + 16), Pc::Returned);
                word(fp)
            }
        };
        let mut activation = store.activation();
        while !activation.is_null() && frames.len() < limit {
            while fp != 0 && fp != (*activation).entry_fp && frames.len() < limit {
                push(&mut frames, word(fp + 8), Pc::Returned);
                fp = word(fp);
            }
            fp = (*activation).prev_exit_fp;
            activation = (*activation).prev;
        }
    }
    frames.truncate(limit);
    frames.into()
}

/// The frame pointer of the entry frame above a frame of machine code.
///
/// # Safety
/// `fp` is the frame pointer of a running function of WebAssembly.
pub(super) unsafe fn entry_frame(mut fp: usize) -> usize {
    // SAFETY: every frame of machine code has a caller; the walk ends at the entry routine, which the map
    // does not know.
    unsafe {
        while map::find(word(fp + 8).wrapping_sub(1)).is_some() {
            fp = word(fp);
        }
    }
    fp
}

/// # Safety
/// `address` is a live word of a stack.
unsafe fn word(address: usize) -> usize {
    // SAFETY: the caller's contract.
    unsafe { *(address as *const usize) }
}

/// What a pc points to.
enum Pc {
    /// The instruction that faulted.
    Faulted,
    /// The instruction after a call.
    Returned,
}

/// Adds the frame of a function, and those of the callees inlined there; trampolines have none.
///
/// # Safety
/// `pc` is in a frame that is live.
unsafe fn push(frames: &mut Vec<Frame>, pc: usize, kind: Pc) {
    let lookup = match kind {
        Pc::Faulted => pc,
        // The call may be the last instruction of its function.
        Pc::Returned => pc.wrapping_sub(1),
    };
    // SAFETY: the caller's contract.
    let Some(found) = (unsafe { map::find(lookup) }) else { return };
    let (CodeKind::Function(func) | CodeKind::Osr { func, .. }, Some(module)) = (found.function.kind, found.module)
    else {
        return;
    };
    let Some(defined) = module.defined_func(func) else { return };
    let site = match kind {
        Pc::Faulted => found.trap_site_at(pc).map(|site| (site.wasm_offset, site.inlined)),
        Pc::Returned => match found.call_site_returning_to(pc) {
            // The frame below goes on in this one's place.
            Some(site) if site.is_handover() => return,
            site => site.map(|site| (site.wasm_offset, site.inlined)),
        },
    };
    let mut add = |func: FuncIndex, module_offset: u32| {
        let start = module.defined_func(func).map_or(0, |defined| module.body_range(defined).start);
        frames.push(Frame {
            func,
            module: std::sync::Arc::as_ptr(module).addr(),
            tier: found.function.tier.unwrap_or(Tier::Top),
            func_name: module.names().function(func),
            module_name: module.names().module(),
            module_offset,
            func_offset: module_offset.saturating_sub(start as u32),
        });
    };
    match site {
        Some((offset, inlined)) => {
            found.function.unfold(offset, inlined).for_each(|(callee, offset)| add(callee.unwrap_or(func), offset));
        }
        // In the stack check, before the first operator.
        None => add(func, module.body_range(defined).start as u32),
    }
}
