//! The first call of a function: compiling on the calling thread, but on a stack of the engine's.
//!
//! The guest may have used its stack up to the last byte when it calls a function for the first time, and
//! a compiler needs more than the headroom.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::enter::call_on_stack;
use crate::compile::COMPILE_STACK;
use crate::engine::CompiledModule;
use crate::error::{Error, Result};
use crate::sys::mmap::{Mapping, Protection, page_size};
use crate::types::DefinedFunc;

/// A stack with an inaccessible page below it.
pub(crate) fn new_compile_stack() -> Result<Mapping> {
    let stack = Mapping::reserve(COMPILE_STACK + page_size())?;
    // SAFETY: nobody uses the pages yet.
    unsafe { stack.protect(page_size(), COMPILE_STACK, Protection::ReadWrite) }?;
    Ok(stack)
}

/// What crosses to the other stack and back.
struct Job<'a> {
    module: &'a CompiledModule,
    func: DefinedFunc,
    outcome: Result<usize>,
}

/// Compiles a function of a lazy module unless that has happened; its entry.
pub(super) fn compile(module: &CompiledModule, func: DefinedFunc) -> Result<usize> {
    let engine = module.engine();
    let stack = engine.take_compile_stack()?;
    let mut job = Job { module, func, outcome: Err(Error::Bug { reason: "the compiler panicked".into() }) };
    let top = stack.base() as usize + stack.len();
    // SAFETY: the stack is ours alone until it is given back; the body catches panics; the job outlives the call.
    unsafe { call_on_stack(top, run, (&raw mut job).cast()) };
    engine.give_back_compile_stack(stack);
    job.outcome
}

/// # Safety
/// `job` is a live [`Job`] that nobody else uses.
unsafe extern "C" fn run(job: *mut u8) {
    // SAFETY: the caller's contract.
    let job = unsafe { &mut *job.cast::<Job<'_>>() };
    if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| job.module.compile_now(job.func))) {
        job.outcome = outcome;
    }
}
