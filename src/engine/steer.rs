//! What hosts ask of many functions, or of all modules, at once.
//!
//! Not here: what one function or module is asked (`module`).

use std::ops::Range;
use std::time::Instant;

use super::{CompiledModule, Engine};
use crate::compile::compilation::Cancel;
use crate::compile::estimate::Estimate;
use crate::compile::osr::OsrCounts;
use crate::compile::pool::Waited;
use crate::compile::state::{Denied, Word};
use crate::error::{Error, Result};
use crate::module::decode;
use crate::runtime::lazy::on_compile_stack;
use crate::tier::Tier;
use crate::types::{DefinedFunc, FuncIndex};

/// A function's state, and what is known of its code.
#[derive(Clone, Copy, Debug, Default)]
pub struct FunctionState {
    /// The state.
    pub word: Word,
    /// Bytes of the code that was published last.
    pub code_size: u32,
    /// How long that code took to compile.
    pub compile_ns: u64,
    /// Code that goes on at its loops.
    pub osr: OsrCounts,
    /// Whether its baseline code has been run; always false where nothing is counted.
    pub was_run: bool,
}

impl CompiledModule {
    /// The functions that the module defines, imported ones counted before them.
    pub fn defined_functions(&self) -> Range<u32> {
        let module = self.module();
        let first = module.func_index(DefinedFunc(0)).0;
        first..first + module.defined_func_count() as u32
    }

    /// What is known of a function; `None` for imported ones.
    pub fn function(&self, func: FuncIndex) -> Option<FunctionState> {
        let func = self.module().defined_func(func).filter(|func| func.index() < self.module().defined_func_count())?;
        let (code_size, compile_ns) = self.compilation().measured(func);
        let was_run = self.budgets().is_some_and(|budgets| budgets.was_run(func));
        let osr = self.compilation().osr_counts_of(func);
        Some(FunctionState { word: self.compilation().look(func), code_size, compile_ns, osr, was_run })
    }

    /// Code that goes on at loops of the module's functions.
    pub fn osr_counts(&self) -> OsrCounts {
        self.compilation().osr_counts()
    }

    /// The loops that were continued in the top tier at least once: by function and number within it.
    pub fn osr_entered(&self) -> Vec<(DefinedFunc, u32)> {
        self.compilation().osr_entered()
    }

    /// Why a tier refused a function; `None` if it has not, or the module does not define the function.
    pub fn refusal(&self, func: FuncIndex, tier: Tier) -> Option<Error> {
        let func = self.module().defined_func(func).filter(|func| func.index() < self.module().defined_func_count())?;
        self.compilation().refusal(func, tier)
    }

    fn tier_exists(&self, tier: Tier) -> Result<()> {
        if self.engine().config().tiers.contains(tier) {
            return Ok(());
        }
        Err(Error::misuse(format!("tier: the engine does not use tier {}", tier as u32)))
    }

    /// Asks for a tier of functions that the module defines, in the background. How many of them have it by now.
    pub fn request_tiers(&self, funcs: &[FuncIndex], tier: Tier, priority: u8) -> Result<usize> {
        self.tier_exists(tier)?;
        if priority == 0 && funcs.len() == self.module().defined_func_count() && tier == Tier::Top {
            self.tier_up_all()?;
        } else {
            for func in funcs {
                self.request_tier(*func, tier, priority)?;
            }
        }
        Ok(funcs.iter().filter(|func| self.has_tier(**func, tier)).count())
    }

    fn has_tier(&self, func: FuncIndex, tier: Tier) -> bool {
        self.function(func).is_some_and(|function| function.word.reached() >= Some(tier))
    }

    /// Asks for a tier of functions that the module defines, and waits until all of them have it, compiling meanwhile.
    /// Fails if one will not have it.
    pub fn wait_tiers(&self, funcs: &[FuncIndex], tier: Tier, deadline: Option<Instant>) -> Result<Waited> {
        self.request_tiers(funcs, tier, 0)?;
        let module = self.module();
        let defined: Vec<DefinedFunc> = funcs.iter().filter_map(|func| module.defined_func(*func)).collect();
        let waited = on_compile_stack(self.engine(), || {
            Ok(self.engine().pipeline().wait_settled(self.compilation(), &defined, tier, deadline))
        })?;
        if waited != Waited::Done {
            return Ok(waited);
        }
        // What has not got it by now, either fails or is tried once more.
        for func in funcs.iter().filter(|func| !self.has_tier(**func, tier)) {
            match self.wait_tier(*func, tier, deadline)? {
                Waited::Done => {}
                waited => return Ok(waited),
            }
        }
        Ok(Waited::Done)
    }

    /// Keeps functions from the top tier, or lets them go there again.
    pub fn deny_top_all(&self, funcs: &[FuncIndex], denied: Denied) -> Result<()> {
        let needed = self.compilation().lowest() == Tier::Top;
        if needed && denied == Denied::No {
            return Ok(());
        }
        funcs.iter().try_for_each(|func| self.deny_top(*func, denied))
    }
}

impl Engine {
    /// What a module is expected to take once it is compiled, and how many functions it defines. Its functions are not
    /// validated.
    pub fn estimate(&self, bytes: &[u8]) -> Result<(usize, Estimate)> {
        on_compile_stack(self, || {
            let module = decode::outline(bytes, self.config().features)?;
            Ok((module.defined_func_count(), Estimate::of(&module, self.config().tiers)))
        })
    }

    /// Stops the background work of all modules and jobs.
    pub fn cancel_all(&self) {
        for job in self.live_jobs() {
            job.cancel();
        }
        for module in self.live_modules() {
            module.cancel(Cancel::Always);
        }
    }

    /// Bounds the bytes of machine code of the engine; 0 = as many as it has reserved.
    pub fn set_code_limit(&self, bytes: usize) {
        self.code_space().set_limit(bytes);
    }

    /// Bytes that machine code and what belongs to it take, and how many they may.
    pub fn code_use(&self) -> (usize, usize) {
        self.code_space().usage()
    }
}
