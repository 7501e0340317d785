//! WebAssembly bodies become Cranelift's IR.
//!
//! In: a validated body and the layout of its instances. Out: `ctx.func`, ready to compile.
//! Each operator is translated by the file of its group; a group's `translate` answers whether the
//! operator is one of its own.
//!
//!     state = operand stack and frames    env = instance, traps, helpers    fuel = what runs of operators take
//!     inline = callees that are translated in place    guess = what a profile is good for
//!     cold = what runs rarely
//!     control, loops, call, variable, numeric, memory, bulk, table, reference, vector, relaxed, atomic, wide = groups of operators

mod atomic;
mod budget;
mod bulk;
mod call;
mod cold;
mod control;
mod env;
mod fixed;
mod fuel;
mod guess;
mod index;
mod inline;
mod leave;
mod loops;
mod memory;
mod numeric;
#[cfg(all(test, target_arch = "x86_64"))]
mod operator_tests;
pub(in crate::tier::top) mod osr;
#[cfg(all(test, target_arch = "x86_64"))]
mod osr_tests;
mod profile;
mod reference;
mod relaxed;
mod state;
mod table;
mod variable;
mod vector;
mod wide;

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, SourceLoc, StackSlot, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use wasmparser::{BinaryReader, BinaryReaderError, FunctionBody, Operator, OperatorsReader};

use super::{CallLinkage, Lookout, Options};
use crate::abi::vmctx::VmLayout;
use crate::module::Module;
use crate::tier::Counts;
use crate::tier::compiled::{Edition, Loops, Resume};
use crate::tier::counters::CounterLayout;
use crate::tier::fuel::Metering;
use crate::tier::profile::FunctionProfile;
use crate::types::{DefinedFunc, ValType};
use inline::Scope;
use state::Reach;

pub(super) use call::signature;
pub(super) use env::clif_trap;
pub(super) use inline::Inlined;
pub(super) use leave::mark_calls;
pub(in crate::tier) use memory::{Check, Wrap, decide};
pub(super) use state::Buffers;

/// What is translated, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) module: &'a Module,
    pub(super) layout: &'a VmLayout,
    pub(super) options: &'a Options,
    pub(super) func: DefinedFunc,
    pub(super) linkage: CallLinkage,
    /// The loop at which the function is entered, if not at its start.
    pub(super) resume: Option<Resume<'a>>,
    /// How the function has run, if that is known.
    pub(super) profile: Option<&'a FunctionProfile>,
    pub(super) lookout: Lookout,
}

/// What is known about a translated body besides its instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Whether it calls or tail-calls functions, or helpers other than those that raise or attend to interrupts.
    pub(super) calls: bool,
    /// Bytes of stack arguments that its tail calls may need beyond its own, at most.
    pub(super) tail_stack: u32,
    /// Where other code may go on.
    pub(super) loops: Option<Box<Loops>>,
    pub(super) edition: Edition,
}

/// Translates a function's body into an empty `builder`, whose function has the signature already.
///
/// The body is valid. An error can only mean that it is not what was validated.
pub(super) fn translate(
    job: Job<'_>,
    mut builder: FunctionBuilder<'_>,
    buf: &mut Buffers,
    finish: impl FnOnce(FunctionBuilder<'_>),
) -> Result<Summary, BinaryReaderError> {
    buf.clear();
    let range = job.module.body(job.func);
    builder.set_srcloc(SourceLoc::new(range.start as u32));
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let vmctx = builder.block_params(entry)[0];
    let type_index = job.module.functions()[job.module.func_index(job.func).index()];
    let ty = &job.module.types()[type_index.index()];
    let result_pointer =
        Translator::find_result_pointer(job.options.processor, ty.results(), builder.block_params(entry).get(2));
    let mut t = Translator::new(job, builder, buf, vmctx, result_pointer);
    t.check_stack();
    let first = if result_pointer.is_some() { 3 } else { 2 };
    let mut middle = job.resume.map(|resume| {
        let homes = t.b.block_params(entry)[first];
        osr::Entry::new(&mut t, resume, homes)
    });
    for (position, &ty) in ty.params().iter().enumerate() {
        match &mut middle {
            Some(middle) => middle.declare_locals(&mut t, ty, 1),
            None => {
                let value = t.b.block_params(entry)[first + position];
                t.declare_local(ty, value);
                t.note_locals(1);
            }
        }
    }
    t.body(job.func, middle)?;
    t.spread_cold();
    let loops = t.take_loops();
    let summary = Summary { calls: t.calls, tail_stack: t.tail_stack, loops, edition: t.edition };
    finish(t.b);
    Ok(summary)
}

/// The translation of one body.
struct Translator<'a> {
    /// Where instructions go: `self.b.ins()`.
    b: FunctionBuilder<'a>,
    module: &'a Module,
    layout: &'a VmLayout,
    options: &'a Options,
    linkage: CallLinkage,
    buf: &'a mut Buffers,
    /// The callee's vmctx.
    vmctx: Value,
    /// Where the results go, unless they travel in registers.
    result_pointer: Option<Value>,
    /// Where the results of callees go that do not travel in registers.
    result_slot: Option<StackSlot>,
    reach: Reach,
    /// The loop that is read again next.
    again: Option<osr::Again>,
    /// As in [`Summary`].
    calls: bool,
    /// As in [`Summary`].
    tail_stack: u32,
    func: DefinedFunc,
    /// Where the operator is in the module.
    offset: u64,
    /// The body that it belongs to.
    scope: Scope,
    /// Bytes of the bodies that were inlined.
    growth: usize,
    /// What the profile says.
    known: Option<guess::Known<'a>>,
    /// Whether it says that some calls have never run.
    has_rare_calls: bool,
    /// How many calls were translated, of functions and of helpers.
    calls_seen: u32,
    /// Whether it looks out for what the profile did not foresee, and whether it found a place where it does.
    lookout: Lookout,
    edition: Edition,
    /// Whether the indirect call that is being translated is such a place.
    unforeseen: bool,
    /// Where the function counts how it runs, if it does.
    counters: Option<CounterLayout>,
    /// How many `call_indirect` and `return_call_indirect` have been met.
    indirect_index: u32,
    /// Of the loops without a poll, in the open loop or the function: as `loops.rs` counts it.
    work: u64,
    /// Whether the next operator that counts begins a run of those that take fuel together.
    run_due: bool,
    /// Of the function and of its open loops: what an entry and an iteration cost.
    charges: Vec<budget::Charge>,
    /// Of the portable baseline tier: its loops.
    records: leave::Records,
}

impl<'a> Translator<'a> {
    fn new(
        job: Job<'a>,
        b: FunctionBuilder<'a>,
        buf: &'a mut Buffers,
        vmctx: Value,
        result_pointer: Option<Value>,
    ) -> Translator<'a> {
        let Job { module, layout, options, linkage, .. } = job;
        Translator {
            b,
            module,
            layout,
            options,
            linkage,
            buf,
            vmctx,
            result_pointer,
            result_slot: None,
            reach: Reach::Live,
            again: None,
            calls: false,
            tail_stack: 0,
            func: job.func,
            offset: 0,
            scope: Scope::outermost(),
            // Nothing is inlined in front of the loop at which a function is entered: that is not run.
            growth: if job.resume.is_some() { usize::MAX } else { 0 },
            known: guess::Known::of(job.profile),
            has_rare_calls: false,
            calls_seen: 0,
            work: 0,
            lookout: job.lookout,
            edition: Edition::Final,
            unforeseen: false,
            counters: CounterLayout::new(module).filter(|_| options.counts == Counts::On || job.lookout == Lookout::On),
            indirect_index: 0,
            run_due: false,
            charges: Vec::new(),
            records: leave::Records::default(),
        }
    }
}

/// Flags of a bitcast between vector types: lanes are little endian.
const BITCAST: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

/// Cranelift's type for values of a WebAssembly type.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 | ValType::ExternRef => types::I32,
        ValType::I64 | ValType::FuncRef => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// The type of a value in a validated body.
fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(reference) if reference.is_func_ref() => ValType::FuncRef,
        wasmparser::ValType::Ref(reference) if reference.is_extern_ref() => ValType::ExternRef,
        wasmparser::ValType::Ref(_) => unreachable!("validated: other references are not supported"),
    }
}

impl<'a> Translator<'a> {
    /// Translates the body of the function, or of one that is inlined. Its parameters are declared.
    fn body(&mut self, func: DefinedFunc, mut middle: Option<osr::Entry<'a>>) -> Result<(), BinaryReaderError> {
        let range = self.module.body(func);
        let body = FunctionBody::new(BinaryReader::new(self.module.wire().known(range.clone()), range.start as u64));
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = val_type(ty);
            if let Some(middle) = &mut middle {
                middle.declare_locals(self, ty, count);
                continue;
            }
            let zero = self.zero(ty);
            for _ in 0..count {
                self.declare_local(ty, zero);
            }
            self.note_locals(count);
        }
        self.open_body(self.module.functions()[self.module.func_index(func).index()].0);
        self.begin_body_fuel();
        self.offset = range.start as u64;
        self.charge_entry();
        let allocations = self.buf.readers.pop().unwrap_or_default();
        let mut operators = OperatorsReader::new_with_allocs(body.get_binary_reader_for_operators()?, allocations);
        while !operators.eof() {
            let offset = operators.original_position();
            self.offset = offset;
            let operator = operators.read()?;
            self.b.set_srcloc(self.scope.location(offset as u32));
            if let (Some(middle), Operator::Loop { .. }) = (&mut middle, &operator) {
                middle.meet_loop(self, &operators);
            }
            if let Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } = operator {
                self.note_tail_call();
            }
            self.operator(&operator);
            if let (Some(again), Some(middle)) = (self.again, &middle) {
                operators = middle.begin_again(self, again);
            }
        }
        if let Some(middle) = middle {
            middle.finish();
        }
        self.buf.readers.push(operators.into_allocations());
        self.close_charge();
        Ok(())
    }

    fn operator(&mut self, op: &Operator<'_>) {
        self.number_indirect_call(op);
        if self.options.fuel == Metering::On {
            let opcode = self.module.wire().known(self.offset as usize..self.offset as usize + 1)[0];
            if self.reach == Reach::Live {
                self.fuel_before(opcode);
            }
            self.fuel_behind(opcode);
        }
        if self.reach == Reach::Dead {
            return control::translate_dead(self, op);
        }
        let known = variable::translate(self, op)
            || control::translate(self, op)
            || numeric::translate(self, op)
            || memory::translate(self, op)
            || bulk::translate(self, op)
            || call::translate(self, op)
            || table::translate(self, op)
            || reference::translate(self, op)
            || vector::translate(self, op)
            || relaxed::translate(self, op)
            || atomic::translate(self, op)
            || wide::translate(self, op);
        // Without its name: that would cost the names of all operators.
        assert!(known, "a validated operator that the engine does not implement");
    }
}

/// The operand stack.
impl Translator<'_> {
    /// Pushes a value that is not a vector, or an `I8X16`.
    fn push(&mut self, value: Value) {
        debug_assert!(
            !self.b.func.dfg.value_type(value).is_vector() || self.b.func.dfg.value_type(value) == types::I8X16
        );
        self.buf.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.buf.stack.pop().expect("validated: the operand stack is not empty")
    }

    /// Pops two operands: the lower one first.
    fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three operands: the lowest one first.
    fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pushes a vector of any lane type.
    fn push_vector(&mut self, value: Value) {
        let bytes = self.bitcast(types::I8X16, value);
        self.buf.stack.push(bytes);
    }

    /// Pops a vector as one of this lane type.
    fn pop_vector(&mut self, ty: Type) -> Value {
        let bytes = self.pop();
        self.bitcast(ty, bytes)
    }

    /// Pops two vectors as ones of this lane type: the lower one first.
    fn pop2_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        (self.pop_vector(ty), second)
    }

    /// The same bits as a vector of another lane type.
    fn bitcast(&mut self, ty: Type, value: Value) -> Value {
        if self.b.func.dfg.value_type(value) == ty { value } else { self.b.ins().bitcast(ty, BITCAST, value) }
    }
}
