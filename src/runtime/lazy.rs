//! Compiling on the calling thread, but on a stack of the engine's.
//!
//! The guest may have used its stack up to the last byte when it calls a function for the first time, a
//! host's thread may have 64 KiB in all, and a compiler needs more than either.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::enter::call_on_stack;
use crate::compile::COMPILE_STACK;
use crate::engine::{CompiledModule, Engine};
use crate::error::{Error, Result};
use crate::sys::mmap::{Mapping, Protection, page_size};
use crate::trap::{Trap, TrapCode};
use crate::types::DefinedFunc;

/// A stack with an inaccessible page below it.
pub(crate) fn new_compile_stack() -> Result<Mapping> {
    let stack = Mapping::reserve(COMPILE_STACK + page_size())?;
    // SAFETY: nobody uses the pages yet.
    unsafe { stack.protect(page_size(), COMPILE_STACK, Protection::ReadWrite) }?;
    Ok(stack)
}

/// What crosses to the other stack and back.
struct Job<F, T> {
    body: Option<F>,
    outcome: Result<T>,
}

/// Runs `body` on a stack of the engine's. A panic becomes an error.
pub(crate) fn on_compile_stack<T, F: FnOnce() -> Result<T>>(engine: &Engine, body: F) -> Result<T> {
    let stack = engine.take_compile_stack()?;
    let outcome = run_on(&stack, body);
    engine.give_back_compile_stack(stack);
    outcome
}

/// Runs `body` on a stack that nobody else uses.
fn run_on<T, F: FnOnce() -> Result<T>>(stack: &Mapping, body: F) -> Result<T> {
    let mut job = Job { body: Some(body), outcome: Err(Error::Bug { reason: "the compiler panicked".into() }) };
    let top = stack.base() as usize + stack.len();
    // SAFETY: the stack is the caller's alone; `run` catches panics; the job outlives the call.
    unsafe { call_on_stack(top, run::<T, F>, (&raw mut job).cast()) };
    job.outcome
}

/// A compile stack for one use, for a thread that serves no engine that it knows of.
pub(crate) struct OwnStack(Mapping);

impl OwnStack {
    /// A new one; freed when it was used.
    pub(crate) fn new() -> Result<OwnStack> {
        new_compile_stack().map(OwnStack)
    }

    /// Runs `body` on it. A panic becomes an error.
    pub(crate) fn run<T>(self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        run_on(&self.0, body)
    }
}

/// Compiles a function of a lazy module unless that has happened; its entry.
pub(super) fn compile(module: &CompiledModule, func: DefinedFunc) -> Result<usize> {
    on_compile_stack(module.engine(), || module.compile_now(func))
}

/// The trap of a call whose function cannot be compiled, for this reason.
pub(super) fn trap(module: &CompiledModule, error: &Error) -> Trap {
    let code = match error {
        Error::Invalid { .. } | Error::Unsupported { .. } => TrapCode::InvalidModule,
        _ => TrapCode::CompilationFailed,
    };
    let mut trap = Trap { code, ..failure(error) };
    if code == TrapCode::InvalidModule
        && let Some(invalid) = module.module().invalid()
    {
        trap.invalid = Some((invalid.func, invalid.offset));
        trap.message = format!("function {}: {error}", invalid.func.0).into();
    }
    trap
}

/// The trap of a call of what cannot be compiled, for this reason.
pub(super) fn failure(error: &Error) -> Trap {
    let mut trap = Trap::new(TrapCode::CompilationFailed);
    trap.message = error.to_string().into();
    trap
}

/// # Safety
/// `job` is a live [`Job`] of these types that nobody else uses.
unsafe extern "C" fn run<T, F: FnOnce() -> Result<T>>(job: *mut u8) {
    // SAFETY: the caller's contract.
    let job = unsafe { &mut *job.cast::<Job<F, T>>() };
    if let Some(body) = job.body.take()
        && let Ok(outcome) = catch_unwind(AssertUnwindSafe(body))
    {
        job.outcome = outcome;
    }
}
