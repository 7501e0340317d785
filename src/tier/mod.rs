//! Stage 3: a unit becomes [`compiled::CompiledCode`]. A pure function: no threads, no OS, no engine.
//!
//! Two compilers, one record, one convention for calls: a caller never knows which of them made its callee.
//!
//! Not here: when a unit is compiled (`compile`), where its bytes go (`code`).

#![forbid(unsafe_code)]

pub mod baseline;
pub mod compiled;
pub mod counters;
mod fuel;
pub mod profile;
pub mod target;
pub mod top;

pub use crate::types::Tier;

use crate::abi::vmctx::VmLayout;
use crate::config::{BaselineChoice, Config};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::types::DefinedFunc;
use compiled::{CompiledCode, Resume};
use profile::FunctionProfile;
use top::{Bounds, CallLinkage, Optimisation, TopCompiler};

/// The compilers of an engine. Any thread; each brings its own [`Scratch`].
pub struct Compilers {
    top: TopCompiler,
    /// Absent where only the top tier is used.
    baseline: Option<Baseline>,
    counts: Counts,
}

/// The compiler of the baseline tier.
enum Baseline {
    /// The engine's own.
    Native(baseline::BaselineCompiler),
    /// Cranelift without optimisation.
    Portable(TopCompiler),
}

/// Whether code of the baseline tier counts how it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It does not.
    Off,
    /// It does, in the memory that `VmInstance::profile` points to.
    On,
}

impl Counts {
    /// As the configuration says.
    pub fn of(config: &Config) -> Counts {
        if config.tiers_up() { Counts::On } else { Counts::Off }
    }
}

/// Which compiler the baseline tier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineKind {
    /// The engine's own.
    Native,
    /// Cranelift without optimisation.
    Portable,
}

/// What one thread reuses from unit to unit.
#[derive(Default)]
pub struct Scratch {
    top: top::Scratch,
    baseline: baseline::Scratch,
    /// For whoever validates a body before it is compiled.
    pub(crate) validation: crate::module::validate::Scratch,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Scratch {
        Scratch::default()
    }
}

impl Compilers {
    /// The compilers that the configuration asks for, for this machine.
    pub fn new(config: &Config, bounds: Bounds) -> Result<Compilers> {
        let top = TopCompiler::new(config, bounds)?;
        let wanted = config.tiers.contains(Tier::Baseline);
        let portable = || -> Result<Baseline> {
            Ok(Baseline::Portable(TopCompiler::with_optimisation(config, bounds, Optimisation::None)?))
        };
        let baseline = match config.baseline {
            _ if !wanted => None,
            BaselineChoice::Native => Some(Baseline::Native(baseline::BaselineCompiler::new(config, bounds)?)),
            BaselineChoice::Auto => match baseline::BaselineCompiler::new(config, bounds) {
                Ok(native) => Some(Baseline::Native(native)),
                Err(_) => Some(portable()?),
            },
            BaselineChoice::Portable => Some(portable()?),
        };
        Ok(Compilers { top, baseline, counts: Counts::of(config) })
    }

    /// The optimising compiler, which makes the trampolines, too.
    pub fn top(&self) -> &TopCompiler {
        &self.top
    }

    /// Whether code of the baseline tier counts how it runs.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Which compiler the baseline tier is, if there is one.
    pub fn baseline_kind(&self) -> Option<BaselineKind> {
        self.baseline.as_ref().map(|baseline| match baseline {
            Baseline::Native(_) => BaselineKind::Native,
            Baseline::Portable(_) => BaselineKind::Portable,
        })
    }

    /// Compiles a function of a validated module. Code of the baseline tier always calls through slots, so that it
    /// finds better code as soon as there is some, and has no use for a profile.
    pub fn compile(
        &self,
        tier: Tier,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        match (tier, &self.baseline) {
            (Tier::Top, _) => {
                self.top.compile_function(&mut scratch.top, module, layout, func, CallLinkage::Direct, profile)
            }
            (Tier::Baseline, Some(Baseline::Native(compiler))) => {
                compiler.compile_function(&mut scratch.baseline, module, layout, func)
            }
            (Tier::Baseline, Some(Baseline::Portable(compiler))) => {
                compiler.compile_function(&mut scratch.top, module, layout, func, CallLinkage::Slot, None)
            }
            (Tier::Baseline, None) => Err(Error::Bug { reason: "there is no baseline tier in this engine".into() }),
        }
    }

    /// Compiles a function by the top tier for the first of two times, if code of this engine counts.
    pub fn compile_first(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        match self.counts {
            Counts::On => self.top.compile_first(&mut scratch.top, module, layout, func, profile),
            Counts::Off => self.compile(Tier::Top, scratch, module, layout, func, profile),
        }
    }

    /// Compiles, by the top tier, what goes on at a loop of a function that runs in the baseline tier.
    pub fn compile_osr(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        resume: Resume<'_>,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        self.top.compile_osr(&mut scratch.top, module, layout, func, resume, profile)
    }
}
