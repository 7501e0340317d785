//! Stage 2: which functions are compiled, when, and on which thread.
//!
//!     eager: all functions on scoped threads, before the module exists; linked directly
//!     lazy:  one function on the calling thread, at its first call; linked through slots
//!
//! `pool` has the threads, `queue` the units that wait for one.
//!
//! In: a validated module. Out: code that is published.
//!
//! Not here: code generation (`tier`), executable memory (`code`). No lock is held while compiling but the
//! claim of the very function.

mod lock;
pub mod pool;
mod queue;
pub mod trampoline;
mod wake;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::abi::vmctx::VmLayout;
use crate::code::publish::ModuleCode;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::sync::{generation, without_host_signals};
use crate::tier::compiled::CompiledCode;
use crate::tier::top::CallLinkage;
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

/// Functions that a thread takes at once.
const CHUNK: usize = 4;
/// Stack of a compiling thread: Cranelift recurses on deep expression trees.
pub(crate) const COMPILE_STACK: usize = 8 << 20;

/// The number of a module in its engine, from 1; no two modules have the same, not even one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u64);

/// A function and its code.
pub type Unit = (DefinedFunc, Tier, CompiledCode);

/// Compiles all functions on up to `threads` threads, the calling one included, in the order of the module.
/// Fails with the error of the lowest function that failed.
pub fn compile_all(
    compilers: &Compilers,
    tier: Tier,
    module: &Module,
    layout: &VmLayout,
    threads: usize,
) -> Result<Vec<Unit>> {
    let count = module.defined_func_count();
    let threads = threads.min(count.div_ceil(CHUNK)).max(1);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<CompiledCode>)>> = Mutex::new(Vec::with_capacity(count));
    let work = || {
        let mut scratch = Scratch::new();
        let mut own = Vec::new();
        loop {
            // Relaxed: hands out numbers; the results are handed over by the lock.
            let start = next.fetch_add(CHUNK, Relaxed);
            if start >= count {
                break;
            }
            for index in start..count.min(start + CHUNK) {
                let func = DefinedFunc(index as u32);
                let code = compilers.compile(tier, &mut scratch, module, layout, func, CallLinkage::Direct);
                let failed = code.is_err();
                own.push((index, code));
                if failed {
                    // Lower functions are taken already; higher ones are not needed any more.
                    next.fetch_max(count, Relaxed);
                    break;
                }
            }
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that cannot be had is one helper fewer.
            let builder = std::thread::Builder::new().name("updraft-compile".into()).stack_size(COMPILE_STACK);
            let _ = without_host_signals(|| builder.spawn_scoped(scope, work));
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(index, code)| Ok((DefinedFunc(index as u32), tier, code?))).collect()
}

/// The functions of a module that are compiled at their first call.
pub struct LazyUnits {
    /// Whoever comes first compiles; others wait for it. The claim, and the outcome, of each function.
    claims: Box<[OnceLock<Outcome>]>,
    /// The process that made them: in its child, whoever holds a claim may be a thread that is not there.
    generation: usize,
}

/// How a compilation ended; the reason if it failed.
type Outcome = std::result::Result<(), Box<str>>;

impl LazyUnits {
    /// Nothing is compiled yet.
    pub fn new(module: &Module) -> LazyUnits {
        let claims = (0..module.defined_func_count()).map(|_| OnceLock::new()).collect();
        LazyUnits { claims, generation: generation() }
    }

    /// Compiles and publishes a function unless that has happened.
    pub fn compile(
        &self,
        compilers: &Compilers,
        tier: Tier,
        module: &Arc<Module>,
        layout: &VmLayout,
        code: &ModuleCode,
        func: DefinedFunc,
    ) -> Result<()> {
        let compile = || -> Outcome {
            compilers
                .compile(tier, &mut Scratch::new(), module, layout, func, CallLinkage::Slot)
                .and_then(|compiled| code.publish(vec![(func, tier, compiled)]))
                .map_err(|error| error.to_string().into())
        };
        let claim = &self.claims[func.index()];
        let outcome = match claim.get() {
            Some(outcome) => outcome.clone(),
            None if self.generation == generation() => claim.get_or_init(compile).clone(),
            // After a fork nobody waits for a claim of the parent's. Of two threads that compile the same
            // function here, one's code is left out by the publication.
            None if code.is_published(func) => Ok(()),
            None => compile(),
        };
        outcome.map_err(|reason| Error::Compile { func: module.func_index(func), reason })
    }
}
