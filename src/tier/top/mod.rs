//! The optimising tier: Cranelift.
//!
//! In: a validated module, the layout of its instances, a function. Out: [`CompiledCode`]. A unit harms
//! only itself: errors and panics of Cranelift become [`Error::Compile`].
//!
//! Not here: when functions are compiled and by which thread (`compile`), where their bytes go (`code`).

mod convert;
mod nearby;
mod placement;
mod places;
#[cfg(test)]
mod tests;
mod trampoline;
pub use trampoline::HostKind;
mod translate;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, OptLevel};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::Counts;
use super::compiled::{CompiledCode, Resume};
use super::fuel::Metering;
use super::profile::FunctionProfile;
use super::target::{self, Machine, Place};
use crate::abi::call::Processor;
use crate::abi::vmctx::VmLayout;
use crate::config::{Config, Osr};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::types::{DefinedFunc, FuncIndex, FuncType, Tier};
use convert::{Placement, Sources, StackCheck, Unit};
use nearby::Nearby;
use places::Places;
use translate::{Buffers, Job};
pub(in crate::tier) use translate::{Check, Wrap, decide};

/// How 32-bit memories are kept in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// By unmapped pages behind them; they never move.
    Guarded,
    /// By explicit checks; they may move when they grow.
    Explicit,
}

/// Whether traps may use signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// Faulting instructions are trap sites.
    On,
    /// Every check is explicit; no instruction faults.
    Off,
}

/// How functions call others of their module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallLinkage {
    /// Straight to code of the top tier, as far as it is there when they are linked.
    Direct,
    /// Through their slots.
    Slot,
}

/// How much time goes into the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimisation {
    /// As fast as Cranelift makes it: the top tier.
    Speed,
    /// Compiled as fast as Cranelift can: the portable baseline tier.
    None,
}

/// What changes the code that is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    processor: Processor,
    bounds: Bounds,
    signals: Signals,
    /// Whether loops poll for interrupts.
    interrupts: bool,
    /// Whether functions count how they run: those of the baseline tier.
    counts: Counts,
    fuel: Metering,
    budgets: Budgets,
    /// Whether running loops may be left for other code.
    osr: Osr,
    inlining: Inlining,
}

/// Whether callees are translated in place of their calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inlining {
    /// Where it is worth it.
    On,
    /// Nowhere: that would take time.
    Off,
}

/// Whether functions count what they do: those of the portable baseline tier, if they are to move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Budgets {
    Off,
    On,
}

/// Whether code looks out for what its profile did not foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookout {
    /// It does not.
    Off,
    /// It counts what it calls there, and asks to be compiled again when that was a lot.
    On,
}

/// The compiler of one engine. Any thread; each brings its own [`Scratch`].
pub struct TopCompiler {
    isa: OwnedTargetIsa,
    place: Place,
    options: Options,
    fail_function: Option<u32>,
}

/// What one thread reuses from unit to unit.
pub struct Scratch {
    context: Context,
    builder: FunctionBuilderContext,
    buffers: Buffers,
    placement: placement::Scratch,
    nearby: Nearby,
    places: Places,
    registers: regalloc2::Ctx,
    /// The text of the last unit, where somebody wants it.
    listing: Option<String>,
}

impl Scratch {
    /// Empty buffers, for [`Scratch::listing`].
    #[cfg(feature = "all-arch")]
    pub fn with_listing() -> Scratch {
        Scratch { listing: Some(String::new()), ..Scratch::new() }
    }

    /// Cranelift's text of the last unit's instructions. For tests.
    #[cfg(feature = "all-arch")]
    pub fn listing(&self) -> Option<&str> {
        self.listing.as_deref()
    }

    /// Empty buffers.
    pub fn new() -> Scratch {
        Scratch {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            buffers: Buffers::new(),
            placement: placement::Scratch::default(),
            nearby: Nearby::default(),
            places: Places::default(),
            registers: regalloc2::Ctx::default(),
            listing: None,
        }
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}

impl TopCompiler {
    /// A compiler for the machine that `Config::target` names. `bounds` is what the engine found out that it can have.
    ///
    /// Fails if the processor lacks what x86-64-v2 has.
    pub fn new(config: &Config, bounds: Bounds) -> Result<TopCompiler> {
        TopCompiler::with_optimisation(config, bounds, Optimisation::Speed)
    }

    /// As [`TopCompiler::new`], for the top tier or for the portable baseline tier.
    pub fn with_optimisation(config: &Config, bounds: Bounds, optimisation: Optimisation) -> Result<TopCompiler> {
        let flags = settings::Flags::new(shared_settings(config, optimisation));
        let machine = Machine::choose(&config.target)?;
        let (processor, isa) = (machine.processor(), machine.isa(flags)?);
        if let Some(missing) = target::missing(processor, &isa) {
            return Err(Error::Unsupported { offset: 0, feature: format!("a processor without {missing}").into() });
        }
        let signals = if config.signals { Signals::On } else { Signals::Off };
        assert!(signals == Signals::On || bounds == Bounds::Explicit, "guarded memories need signals");
        let counts = if optimisation == Optimisation::None { Counts::of(config) } else { Counts::Off };
        let budgets = if counts == Counts::On { Budgets::On } else { Budgets::Off };
        let osr = if counts == Counts::On { config.tiering.osr } else { Osr::Off };
        let fuel = Metering::of(config);
        let inlining = if optimisation == Optimisation::Speed { Inlining::On } else { Inlining::Off };
        let options =
            Options { processor, bounds, signals, interrupts: config.interrupts, fuel, budgets, counts, osr, inlining };
        let tier = if optimisation == Optimisation::Speed { Tier::Top } else { Tier::Baseline };
        let fail_function = config.fail_function.filter(|_| config.fail_tiers.contains(tier));
        Ok(TopCompiler { isa, place: machine.place(), options, fail_function })
    }

    /// Where the code runs.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The kind of machine that code is for, as a triple.
    pub fn target(&self) -> String {
        self.isa.triple().to_string()
    }

    /// The processor features that code may use, a bit each.
    pub fn cpu(&self) -> u64 {
        target::feature_bits(&self.isa)
    }

    /// Their names, separated by commas.
    pub fn cpu_features(&self) -> String {
        target::features(&self.isa).collect::<Vec<_>>().join(",")
    }

    /// The same compiler without inlining: every call is one. For tests that look at calls.
    pub fn keep_calls(mut self) -> TopCompiler {
        self.options.inlining = Inlining::Off;
        self
    }

    /// Compiles a function of a validated module.
    ///
    /// A profile changes how fast the code is, never what it does. `Config::fail_function` is obeyed here. A cap on the size of functions is the caller's matter.
    pub fn compile_function(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        linkage: CallLinkage,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        let (resume, lookout) = (None, Lookout::Off);
        self.compile(scratch, Job { module, layout, options: &self.options, func, linkage, resume, profile, lookout })
    }

    /// As [`TopCompiler::compile_function`], with direct calls, for the first of two times. Instances of the module have
    /// budgets and counters.
    pub fn compile_first(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        let (linkage, resume, lookout) = (CallLinkage::Direct, None, Lookout::On);
        self.compile(scratch, Job { module, layout, options: &self.options, func, linkage, resume, profile, lookout })
    }

    /// Compiles what goes on at a loop of a function that the baseline tier runs, as `(vmctx, caller vmctx,
    /// [result pointer], homes)` with the results of the function.
    pub fn compile_osr(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
        resume: Resume<'_>,
        profile: Option<&FunctionProfile>,
    ) -> Result<CompiledCode> {
        let (linkage, resume, lookout) = (CallLinkage::Direct, Some(resume), Lookout::Off);
        self.compile(scratch, Job { module, layout, options: &self.options, func, linkage, resume, profile, lookout })
    }

    fn compile(&self, scratch: &mut Scratch, job: Job<'_>) -> Result<CompiledCode> {
        let module = job.module;
        let index = module.func_index(job.func);
        let processor = self.options.processor;
        if self.fail_function == Some(job.func.0) {
            return Err(Error::Compile { func: index, reason: "failure asked for by the configuration".into() });
        }
        self.guarded(scratch, index, |scratch| {
            let Scratch { context, builder, buffers, .. } = scratch;
            let signature = match job.resume {
                None => translate::signature(processor, module.func_type(index)),
                Some(_) => translate::osr::signature(processor, module.func_type(index)),
            };
            let builder = start(context, builder, signature);
            let config = self.isa.frontend_config();
            let summary = translate::translate(job, builder, buffers, |b| b.finalize(config))
                .map_err(|error| error.to_string())?;
            if processor == Processor::Riscv64 {
                let dfg = &context.func.dfg;
                let vectors = dfg.values().any(|value| dfg.value_type(value).is_vector());
                if vectors && !target::features(&self.isa).any(|name| name == "v") {
                    return Err("vectors, without the processor feature v".into());
                }
            }
            let check = if summary.calls { StackCheck::Always } else { StackCheck::IfLarge };
            let unit = Unit {
                processor,
                check,
                extra_stack: summary.tail_stack,
                imported_functions: module.import_counts().functions as u32,
                wasm_start: module.body(job.func).start as u32,
                placement: Placement::ByLoops,
            };
            let mut code = self.finish(scratch, unit)?;
            if let Some(loops) = &summary.loops {
                translate::mark_calls(&mut code.call_sites, loops);
            }
            code.loops = summary.loops;
            code.edition = summary.edition;
            Ok(code)
        })
    }

    /// Compiles the bridge from the host into functions of this type.
    pub fn compile_entry_trampoline(&self, scratch: &mut Scratch, ty: &FuncType) -> Result<CompiledCode> {
        self.guarded(scratch, NO_FUNCTION, |scratch| {
            let mut builder = start(&mut scratch.context, &mut scratch.builder, trampoline::entry_signature());
            trampoline::entry(&mut builder, ty);
            builder.finalize(self.isa.frontend_config());
            self.finish(scratch, bridge(StackCheck::Never))
        })
    }

    /// Compiles the bridge from WebAssembly to host functions of this type and kind.
    pub fn compile_host_trampoline(
        &self,
        scratch: &mut Scratch,
        ty: &FuncType,
        kind: HostKind,
    ) -> Result<CompiledCode> {
        self.guarded(scratch, NO_FUNCTION, |scratch| {
            let mut builder =
                start(&mut scratch.context, &mut scratch.builder, translate::signature(Processor::X86_64, ty));
            trampoline::host(&mut builder, ty, kind);
            builder.finalize(self.isa.frontend_config());
            self.finish(scratch, bridge(StackCheck::IfLarge))
        })
    }

    /// Runs Cranelift on the function that was translated.
    fn finish(&self, scratch: &mut Scratch, unit: Unit) -> Result<CompiledCode, String> {
        let Scratch { context, buffers, placement, nearby, places, registers, listing, .. } = scratch;
        let text = |error: cranelift_codegen::CodegenError| error.to_string();
        let mut plane = ControlPlane::default();
        context.optimize(&*self.isa, &mut plane).map_err(text)?;
        if self.isa.flags().opt_level() == OptLevel::Speed {
            nearby.make(context);
        }
        places.number(&mut context.func);
        let func = &context.func;
        let wanted = listing.is_some();
        let mut code =
            self.isa.compile_function(func, &context.domtree, registers, wanted, &mut plane).map_err(text)?;
        if wanted {
            *listing = code.vcode.take();
        }
        let code = code.apply_params(&func.params);
        convert::convert(&code, func, unit, Sources { places, inlined: buffers.inlined() }, placement)
    }

    /// Turns errors and panics into [`Error::Compile`]. A panic costs the scratch its buffers.
    fn guarded(
        &self,
        scratch: &mut Scratch,
        func: FuncIndex,
        compile: impl FnOnce(&mut Scratch) -> Result<CompiledCode, String>,
    ) -> Result<CompiledCode> {
        // Unwind safe: what the panic may have left inconsistent is replaced below.
        let outcome = catch_unwind(AssertUnwindSafe(|| compile(scratch))).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            Err(format!("the compiler panicked: {}", text.unwrap_or("without a message")))
        });
        outcome.map_err(|reason| {
            *scratch = Scratch::new();
            Error::Compile { func, reason: reason.into() }
        })
    }
}

/// What trampolines name as their function.
const NO_FUNCTION: FuncIndex = FuncIndex(u32::MAX);

fn bridge(check: StackCheck) -> Unit {
    let placement = Placement::Aligned;
    Unit { processor: Processor::X86_64, check, extra_stack: 0, imported_functions: 0, wasm_start: 0, placement }
}

/// Empties the context for a function of this signature.
fn start<'a>(
    context: &'a mut Context,
    builder: &'a mut FunctionBuilderContext,
    signature: Signature,
) -> FunctionBuilder<'a> {
    context.clear();
    context.func.signature = signature;
    FunctionBuilder::new(&mut context.func, builder)
}

fn shared_settings(config: &Config, optimisation: Optimisation) -> settings::Builder {
    let mut shared = settings::builder();
    let nans = if config.canonicalize_nans { "true" } else { "false" };
    let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
    let (opt_level, regalloc, cfg_info) = match optimisation {
        Optimisation::Speed => ("speed", "backtracking", "true"),
        Optimisation::None => ("none", "single_pass", "false"),
    };
    for (name, value) in [
        ("opt_level", opt_level),
        ("regalloc_algorithm", regalloc),
        ("is_pic", "true"),
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
        // Where blocks begin.
        ("machine_code_cfg_info", cfg_info),
        ("enable_nan_canonicalization", nans),
        ("enable_verifier", verifier),
    ] {
        shared.set(name, value).expect("a setting that Cranelift has");
    }
    shared
}
