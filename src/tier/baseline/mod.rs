//! The baseline tier: one pass over a body, machine code out of the other end.
//!
//! In: a validated module, the layout of its instances, a function. Out: [`CompiledCode`], of the same form and with
//! the same calling convention as the optimising tier's.
//!
//!     body -> analysis (module) -> driver, operator by operator -> bytes, records
//!
//!     driver = the match on opcodes      decode = immediates            stack, operand = operands and registers
//!     frame, pins = where locals live    control, select = blocks and branches         locals = locals and globals
//!     call = calls and helpers           table, bulk, memory, atomic = operators   trap = what happens out of line
//!     fuel = what runs of operators take  budget, osr = what is hot goes on elsewhere
//!     backend = what all of these ask of the machine             x64 = the machine: instructions, and which ones
//!
//! The body is known to be valid, so that nothing here is checked and nothing fails; what cannot be is an assertion,
//! and a panic becomes [`Error::Compile`]. No step takes time that grows with the height of the operand stack or the
//! depth of blocks.
//!
//! Not here: when functions are compiled and by which thread (`compile`), where their bytes go (`code`).

// `to_loc` and its like bring an operand somewhere, which emits code.
#![allow(clippy::wrong_self_convention)]

#[cfg(test)]
mod access_tests;
mod atomic;
mod backend;
mod budget;
mod bulk;
mod call;
mod control;
pub(super) mod decode;
mod driver;
mod frame;
mod fuel;
mod locals;
mod memory;
mod operand;
mod osr;
mod pins;
mod regs;
mod select;
mod stack;
mod table;
#[cfg(test)]
mod tests;
mod trap;
// The one backend that there is. On other processors it is built, and refuses.
mod x64;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::compiled::{CallSite, CompiledCode, Edition, Loops, Relocation, TrapSite};
use super::counters::CounterLayout;
use super::fuel::Metering;
use super::top::{Bounds, Signals};
use super::{Counts, Tier};
use crate::abi::vmctx::VmLayout;
use crate::config::{Config, Osr};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::module::body::{self, Analysis, AnalysisScratch, BodyFlags};
use crate::types::{DefinedFunc, ValType};
use backend::{Asm, Assembler as _, Cpu, Label, REQUIRED, TEMP_VREGS, TEMPS};
use budget::Budgets;
use control::Control;
use frame::Frame;
use regs::Set;
use stack::Entry;
use trap::Detour;

/// What changes the code that is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    bounds: Bounds,
    signals: Signals,
    /// Whether loops poll for interrupts.
    interrupts: bool,
    fuel: Metering,
    canonicalize_nans: bool,
    loops: LoopRecords,
    counts: Counts,
    budgets: Budgets,
    /// Whether running loops may be left for other code.
    osr: Osr,
    cpu: Cpu,
    /// [`MAX_CODE`], but in tests.
    max_code: u32,
}

/// Whether loops are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoopRecords {
    Off,
    On,
}

impl LoopRecords {
    /// Where loops count: something could go on in one, and the profile names them.
    fn of(config: &Config) -> LoopRecords {
        if config.tiers_up() { LoopRecords::On } else { LoopRecords::Off }
    }
}

/// The compiler of one engine. Any thread; each brings its own [`Scratch`].
pub struct BaselineCompiler {
    options: Options,
    fail_function: Option<u32>,
}

/// What one thread reuses from function to function.
#[derive(Default)]
pub struct Scratch {
    analysis: AnalysisScratch,
    buffers: Buffers,
}

/// The buffers of the emission.
#[derive(Default)]
struct Buffers {
    asm: Asm,
    entries: Vec<Entry>,
    locals: Vec<Local>,
    control: Vec<Control>,
    detours: Vec<Detour>,
    charges: Vec<budget::Charge>,
    table_depths: Vec<u32>,
    moves: Vec<call::Move>,
    trap_sites: Vec<TrapSite>,
    call_sites: Vec<CallSite>,
    relocations: Vec<Relocation>,
}

impl Buffers {
    /// Memory that is held on to, but for what is small whatever the function.
    fn bytes(&self) -> usize {
        self.asm.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.control.capacity() * size_of::<Control>()
            + self.detours.capacity() * size_of::<Detour>()
            + self.trap_sites.capacity() * size_of::<TrapSite>()
            + self.call_sites.capacity() * size_of::<CallSite>()
            + self.relocations.capacity() * size_of::<Relocation>()
    }
}

/// A local of the function.
#[derive(Clone, Copy, Debug)]
struct Local {
    ty: ValType,
    /// The register that it lives in, or `stack::NO_PIN`.
    pin: u8,
    /// Of a pinned local: what its home holds.
    home: pins::Home,
}

impl Local {
    fn at_home(ty: ValType) -> Local {
        Local { ty, pin: stack::NO_PIN, home: pins::Home::Stale }
    }
}

impl BaselineCompiler {
    /// A compiler for this machine. `bounds` is what the engine found out that it can have.
    ///
    /// Fails if there is no backend for the processor, or it lacks what that needs.
    pub fn new(config: &Config, bounds: Bounds) -> Result<BaselineCompiler> {
        let cpu = Cpu::detect(config).ok_or_else(|| Error::Unsupported {
            offset: 0,
            feature: format!("the baseline compiler on a processor without {REQUIRED}").into(),
        })?;
        Ok(BaselineCompiler {
            options: Options {
                bounds,
                signals: if config.signals { Signals::On } else { Signals::Off },
                interrupts: config.interrupts,
                fuel: Metering::of(config),
                canonicalize_nans: config.canonicalize_nans,
                loops: LoopRecords::of(config),
                counts: Counts::of(config),
                budgets: Budgets::of(config),
                osr: config.tiering.osr,
                cpu,
                max_code: MAX_CODE,
            },
            fail_function: config.fail_function.filter(|_| config.fail_tiers.contains(Tier::Baseline)),
        })
    }

    /// Compiles a function of a validated module.
    pub fn compile_function(
        &self,
        scratch: &mut Scratch,
        module: &Module,
        layout: &VmLayout,
        func: DefinedFunc,
    ) -> Result<CompiledCode> {
        let failed = |reason: &str| Error::Compile { func: module.func_index(func), reason: reason.into() };
        if self.fail_function == Some(func.0) {
            return Err(failed("injected fault"));
        }
        // Unwind safe: what the panic may have left inconsistent is replaced below.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let analysis =
                body::recall(module, func, &mut scratch.analysis).ok_or("the analysis does not know the body")?;
            emit(self.options, scratch, module, layout, func, &analysis).ok_or("its machine code is too large")
        }));
        match outcome {
            Ok(code) => code.map_err(failed),
            Err(payload) => {
                *scratch = Scratch::default();
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                Err(failed(&format!("the compiler panicked: {}", text.unwrap_or("without a message"))))
            }
        }
    }
}

/// Machine code of a function, at most. Values that many branches take along can make it exceed any multiple of the
/// body.
const MAX_CODE: u32 = 128 << 20;

/// How an emission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Complete,
    /// It is to be made again, with what is known now of the frame.
    Again,
    TooLarge,
}

/// Alignment of entries: as in the optimising tier.
const ENTRY_ALIGNMENT: u32 = 32;

/// Bytes of scratch that a thread keeps from one function to the next.
const KEPT_SCRATCH: usize = 4 << 20;

/// The emission of one function, into the buffers of the scratch. `None` if the code would be too large.
fn emit(
    options: Options,
    scratch: &mut Scratch,
    module: &Module,
    layout: &VmLayout,
    func: DefinedFunc,
    analysis: &Analysis,
) -> Option<CompiledCode> {
    let Scratch { analysis: known, buffers } = scratch;
    let mut outgoing_hint = 0;
    let (code, returned) = loop {
        let mut emit =
            Emit::new(options, outgoing_hint, std::mem::take(buffers), module, layout, func, analysis, known);
        let outcome = emit.function();
        outgoing_hint = emit.frame.outgoing;
        let code = match outcome {
            Outcome::Complete => Some(emit.code()),
            Outcome::Again => None,
            Outcome::TooLarge => return None,
        };
        let returned = emit.into_buffers();
        if code.is_some() {
            break (code, returned);
        }
        *buffers = returned;
    };
    // A function of megabytes must not leave megabytes behind in every thread.
    if returned.bytes() <= KEPT_SCRATCH {
        *buffers = returned;
    }
    code
}

/// The state of one emission.
pub(crate) struct Emit<'a> {
    options: Options,
    asm: Asm,
    /// The operand stack.
    entries: Vec<Entry>,
    /// Operands below this height are constants or at home.
    settled: usize,
    /// Registers that may hold operands, and those of them that do not.
    temp_gprs: Set,
    free_gprs: Set,
    temp_vregs: Set,
    free_vregs: Set,
    frame: Frame,
    locals: Vec<Local>,
    control: Vec<Control>,
    /// Whether the operators that follow can be reached.
    reachable: bool,
    module: &'a Module,
    layout: &'a VmLayout,
    func: DefinedFunc,
    analysis: &'a Analysis,
    known: &'a AnalysisScratch,
    /// The body, and where it starts in the module.
    code: &'a [u8],
    body_start: u32,
    /// The next byte of the body, and where the current operator starts.
    pc: usize,
    operator: usize,
    /// Bytes below the frame that calls use at least, where that is known already.
    outgoing_hint: u32,
    /// Whether memory 0 is a 32-bit memory behind guard pages, whose base is in its register.
    guarded_memory0: bool,
    /// How many `loop` operators have been met, and the pins of the one that is open.
    loop_index: usize,
    loop_pins: Option<pins::LoopPins>,
    /// Where the function counts how it runs, if it does.
    counters: Option<CounterLayout>,
    /// Whether the direct calls of the stretch of operators in which the next one stands are counted.
    stretch_is_counted: bool,
    /// How many `call_indirect` and `return_call_indirect` have been met.
    indirect_index: u32,
    /// Calls of the routine that notes what is not the first target of a site.
    target_routine: Label,
    loops: Option<Box<Loops>>,
    /// The innermost open loop that is recorded.
    open_loop: Option<u32>,
    /// Code to be written behind the function.
    detours: Vec<Detour>,
    /// Of the open loops: what an iteration costs.
    charges: Vec<budget::Charge>,
    /// Depths of a `br_table` that need code of their own.
    table_depths: Vec<u32>,
    moves: Vec<call::Move>,
    trap_sites: Vec<TrapSite>,
    call_sites: Vec<CallSite>,
    relocations: Vec<Relocation>,
}

impl<'a> Emit<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        options: Options,
        outgoing_hint: u32,
        buffers: Buffers,
        module: &'a Module,
        layout: &'a VmLayout,
        func: DefinedFunc,
        analysis: &'a Analysis,
        known: &'a AnalysisScratch,
    ) -> Emit<'a> {
        let body = module.body(func);
        let Buffers {
            mut asm,
            mut entries,
            mut locals,
            mut control,
            mut detours,
            mut charges,
            mut table_depths,
            mut moves,
            mut trap_sites,
            mut call_sites,
            mut relocations,
        } = buffers;
        asm.start(options.cpu);
        entries.clear();
        locals.clear();
        control.clear();
        detours.clear();
        charges.clear();
        table_depths.clear();
        moves.clear();
        trap_sites.clear();
        call_sites.clear();
        relocations.clear();
        Emit {
            options,
            asm,
            entries,
            settled: 0,
            temp_gprs: TEMPS,
            free_gprs: TEMPS,
            temp_vregs: TEMP_VREGS,
            free_vregs: TEMP_VREGS,
            frame: Frame::default(),
            locals,
            control,
            reachable: true,
            module,
            layout,
            func,
            analysis,
            known,
            body_start: body.start as u32,
            code: module.wire().known(body),
            pc: analysis.code_offset as usize,
            operator: 0,
            outgoing_hint,
            guarded_memory0: false,
            loop_index: 0,
            loop_pins: None,
            counters: CounterLayout::new(module).filter(|_| options.counts == Counts::On),
            stretch_is_counted: false,
            indirect_index: 0,
            target_routine: Label::default(),
            loops: None,
            open_loop: None,
            detours,
            charges,
            table_depths,
            moves,
            trap_sites,
            call_sites,
            relocations,
        }
    }

    /// A local. The first ones are at hand, and only they can be pinned.
    #[inline(always)]
    fn local(&self, index: u32) -> Local {
        match self.locals.get(index as usize) {
            Some(&local) => local,
            None => self.far_local(index),
        }
    }

    #[cold]
    fn far_local(&self, index: u32) -> Local {
        Local::at_home(self.known.local_type(index))
    }

    /// Whether the body has this property.
    fn has(&self, flags: BodyFlags) -> bool {
        self.analysis.flags.contains(flags)
    }

    /// Where the current operator is in the module.
    fn wasm_offset(&self) -> u32 {
        self.body_start + self.operator as u32
    }

    /// The record.
    fn code(&self) -> CompiledCode {
        CompiledCode {
            edition: Edition::Final,
            bytes: self.asm.bytes().to_vec(),
            alignment: ENTRY_ALIGNMENT,
            starts: 0,
            entry_offset: self.frame.entry,
            body_offset: self.frame.body,
            relocations: self.relocations.clone(),
            trap_sites: self.trap_sites.clone(),
            call_sites: self.call_sites.clone(),
            inlined: Vec::new(),
            frame_size: self.frame.size + self.frame.outgoing,
            loops: self.loops.clone(),
        }
    }

    /// The buffers for the next function.
    fn into_buffers(self) -> Buffers {
        Buffers {
            asm: self.asm,
            entries: self.entries,
            locals: self.locals,
            control: self.control,
            detours: self.detours,
            charges: self.charges,
            table_depths: self.table_depths,
            moves: self.moves,
            trap_sites: self.trap_sites,
            call_sites: self.call_sites,
            relocations: self.relocations,
        }
    }
}
