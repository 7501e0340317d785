//! Every vector, atomic and wide operator is translated, and compiles for a machine with nothing but
//! x86-64-v2 as well as for a newer one.
//!
//! The list of operators is wasmparser's own, so that none is left out. What they compute is the
//! business of the specification's tests.

use std::mem;
use std::sync::OnceLock;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, Type, UserFuncName, types};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmparser::{MemArg, MemArgTarget, Operator, Ordering, V128};

use super::state::Buffers;
use super::{Job, Translator, atomic, relaxed, vector, wide};
use crate::abi::call::Processor;
use crate::abi::vmctx::VmLayout;
use crate::config::Osr;
use crate::limits::MEMORY_GUARD;
use crate::module::{Features, ImportCounts, Late, Module};
use crate::tier::Counts;
use crate::tier::fuel::Metering;
use crate::tier::top::{Bounds, Budgets, CallLinkage, Inlining, Lookout, Options, Signals};
use crate::types::{DefinedFunc, IndexType, MemoryType};

/// An operator with the number of its operands and results.
struct Sample {
    name: &'static str,
    op: Operator<'static>,
    operand_count: usize,
    result_count: usize,
    subject: Subject,
}

/// What an operator works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Operands,
    Memory,
}

/// An immediate that any operator accepts.
trait Immediate {
    const SUBJECT: Subject = Subject::Operands;
    /// A valid one: this, if it is a memory operand.
    fn sample(memarg: MemArg) -> Self;
}

impl Immediate for MemArg {
    const SUBJECT: Subject = Subject::Memory;

    fn sample(memarg: MemArg) -> MemArg {
        memarg
    }
}

impl Immediate for u8 {
    fn sample(_: MemArg) -> u8 {
        1
    }
}

impl Immediate for [u8; 16] {
    /// A shuffle that no single instruction does.
    fn sample(_: MemArg) -> [u8; 16] {
        [31, 0, 5, 17, 2, 9, 30, 21, 8, 8, 1, 29, 3, 16, 12, 7]
    }
}

impl Immediate for V128 {
    fn sample(_: MemArg) -> V128 {
        let code = [&[0xfd, 0x0c][..], &[0x5a; 16]].concat();
        let reader = wasmparser::OperatorsReader::new(wasmparser::BinaryReader::new(&code, 0));
        match reader.into_iter().next() {
            Some(Ok(Operator::V128Const { value })) => value,
            other => panic!("decoded as {other:?}"),
        }
    }
}

impl Immediate for Ordering {
    fn sample(_: MemArg) -> Ordering {
        Ordering::SeqCst
    }
}

/// Reads `arity 2 -> 1`, with or without `memarg`.
fn sample(name: &'static str, op: Operator<'static>, subjects: &[Subject], arity: &str) -> Sample {
    let numbers: Vec<usize> = arity.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let &[operand_count, result_count] = &numbers[..] else {
        panic!("{name}: {arity} is no arity");
    };
    let subject = if subjects.contains(&Subject::Memory) { Subject::Memory } else { Subject::Operands };
    Sample { name, op, operand_count, result_count, subject }
}

/// Appends an operator to the list of its group, if that is under test.
macro_rules! keep {
    ($list:ident threads $($rest:tt)*) => { sample!($list, threads, $($rest)*) };
    ($list:ident wide_arithmetic $($rest:tt)*) => { sample!($list, wide, $($rest)*) };
    ($list:ident simd $($rest:tt)*) => { sample!($list, simd, $($rest)*) };
    ($list:ident relaxed_simd $($rest:tt)*) => { sample!($list, relaxed, $($rest)*) };
    ($list:ident $other:ident $($rest:tt)*) => {};
}

macro_rules! sample {
    ($list:ident, $group:ident, $op:ident { $($arg:ident: $argty:ty),* } $ann:tt) => {
        $list.$group.push(sample(
            stringify!($op),
            Operator::$op { $($arg: <$argty as Immediate>::sample($list.memarg)),* },
            &[$(<$argty as Immediate>::SUBJECT),*],
            stringify!($ann),
        ))
    };
}

macro_rules! keep_all {
    ($list:ident $( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident $ann:tt )*) => {
        $( keep!($list $proposal $op { $($($arg: $argty),*)? } $ann); )*
    };
}

/// The operators of the groups under test.
struct Samples {
    memarg: MemArg,
    simd: Vec<Sample>,
    relaxed: Vec<Sample>,
    threads: Vec<Sample>,
    wide: Vec<Sample>,
}

impl Samples {
    /// With this as the memory operand.
    fn new(memarg: MemArg) -> Samples {
        let mut list = Samples { memarg, simd: Vec::new(), relaxed: Vec::new(), threads: Vec::new(), wide: Vec::new() };
        macro_rules! collect {
            ($($ops:tt)*) => { keep_all!(list $($ops)*) };
        }
        wasmparser::for_each_visit_operator!(collect);
        wasmparser::for_each_visit_simd_operator!(collect);
        list
    }

    fn all(&self) -> impl Iterator<Item = &Sample> {
        self.simd.iter().chain(&self.relaxed).chain(&self.threads).chain(&self.wide)
    }
}

/// Type of a lane, as WebAssembly sees it, by the start of an operator's name.
fn lane_type(name: &str) -> Type {
    match &name[..3] {
        "I64" => types::I64,
        "F32" => types::F32,
        "F64" => types::F64,
        _ => types::I32,
    }
}

/// Types of the operands. A wrong answer is found by Cranelift's verifier.
fn operand_types(sample: &Sample, address: Type) -> Vec<Type> {
    let name = sample.name;
    let lane = lane_type(name);
    let types = match sample.op {
        Operator::MemoryAtomicNotify { .. } => vec![address, types::I32],
        Operator::MemoryAtomicWait32 { .. } => vec![address, types::I32, types::I64],
        Operator::MemoryAtomicWait64 { .. } => vec![address, types::I64, types::I64],
        _ if name.contains("Atomic") => [address, lane, lane][..sample.operand_count].to_vec(),
        _ if name.contains("128") && name.starts_with("I64") => vec![types::I64; 4],
        _ if name.contains("MulWide") => vec![types::I64; 2],
        _ if name.starts_with("V128Load") || name.starts_with("V128Store") => {
            [address, types::I8X16][..sample.operand_count].to_vec()
        }
        _ if name.ends_with("Splat") => vec![lane],
        _ if name.ends_with("ReplaceLane") => vec![types::I8X16, lane],
        _ if ["Shl", "ShrS", "ShrU"].iter().any(|shift| name.ends_with(shift)) => vec![types::I8X16, types::I32],
        _ => vec![types::I8X16; sample.operand_count],
    };
    assert_eq!(types.len(), sample.operand_count, "{name}");
    types
}

const MEMORY32: u32 = 0;
const MEMORY64: u32 = 1;
const SHARED: u32 = 2;

/// A module with a memory of each kind.
fn module() -> Module {
    let unshared = MemoryType { min: 1, max: None, index: IndexType::I32, shared: false };
    Module {
        bytes: vec![].into(),
        types: Vec::new(),
        imports: Vec::new(),
        exports: Vec::new(),
        functions: Vec::new(),
        tables: Vec::new(),
        memories: vec![
            unshared,
            MemoryType { index: IndexType::I64, ..unshared },
            MemoryType { max: Some(2), shared: true, ..unshared },
        ],
        globals: Vec::new(),
        import_counts: ImportCounts::default(),
        global_inits: Vec::new(),
        table_inits: Vec::new(),
        elements: Vec::new(),
        start: None,
        bodies: Default::default(),
        escaping: Default::default(),
        indirect_sites: Default::default(),
        late: Late { features: Features::ALL, ..Late::default() }.into(),
        hints: OnceLock::new(),
        host_hints: None,
        fixed_tables: OnceLock::new(),
        environment: Default::default(),
        validity: Default::default(),
        analyses: Default::default(),
    }
}

/// What the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    /// SSE up to 4.2, and no more.
    V2,
    /// AVX, FMA and the like.
    V3,
}

/// What happens to NaN results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nans {
    Any,
    Canonical,
}

fn target(machine: Machine, nans: Nans) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    let canonical = if nans == Nans::Canonical { "true" } else { "false" };
    for (name, value) in [
        ("enable_verifier", "true"),
        ("opt_level", "speed"),
        ("is_pic", "true"),
        ("enable_nan_canonicalization", canonical),
    ] {
        flags.set(name, value).expect("a setting of Cranelift");
    }
    let mut target = isa::lookup_by_name("x86_64-unknown-linux-gnu").expect("the target is compiled in");
    let v2 = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_cmpxchg16b"];
    let v3 = ["has_avx", "has_avx2", "has_fma", "has_bmi1", "has_bmi2", "has_lzcnt"];
    let newer = if machine == Machine::V3 { &v3[..] } else { &[] };
    for name in v2.iter().chain(newer) {
        target.enable(name).expect("a feature of x86-64");
    }
    target.finish(settings::Flags::new(flags)).expect("the features fit together")
}

/// What happens to the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Results {
    Returned,
    Dropped,
}

/// Translates and compiles a function that consists of this operator, and checks the code.
/// Returns Cranelift's text of the function.
fn compile(
    context: &mut Context,
    isa: &dyn isa::TargetIsa,
    module: &Module,
    options: &Options,
    sample: &Sample,
    address: Type,
    results: Results,
) -> String {
    let operands = operand_types(sample, address);
    context.clear();
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([types::I64; 2].iter().chain(&operands).map(|&ty| AbiParam::new(ty)));
    context.func = ir::Function::with_name_signature(UserFuncName::user(0, 0), signature);
    let mut function = FunctionBuilderContext::new();
    let mut b = FunctionBuilder::new(&mut context.func, &mut function);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let params = b.block_params(entry).to_vec();
    let layout = VmLayout::new(module);
    let mut buf = Buffers::new();
    buf.stack.extend(&params[2..]);
    let (func, linkage, lookout) = (DefinedFunc(0), CallLinkage::Direct, Lookout::Off);
    let job = Job { module, layout: &layout, options, func, linkage, resume: None, profile: None, lookout };
    let mut t = Translator::new(job, b, &mut buf, params[0], None);

    let groups = [vector::translate, relaxed::translate, atomic::translate, wide::translate];
    let takers = groups.iter().filter(|translate| translate(&mut t, &sample.op)).count();
    assert_eq!(takers, 1, "{}: operators belong to one group each", sample.name);

    let stack = mem::take(&mut t.buf.stack);
    assert_eq!(stack.len(), sample.result_count, "{}", sample.name);
    let stack = if results == Results::Returned { stack } else { Vec::new() };
    for &value in &stack {
        let ty = t.b.func.dfg.value_type(value);
        assert!(!ty.is_vector() || ty == types::I8X16, "{}: vectors at rest are I8X16", sample.name);
        t.b.func.signature.returns.push(AbiParam::new(ty));
    }
    t.b.ins().return_(&stack);
    t.b.finalize(isa.frontend_config());
    let text = context.func.display().to_string();

    let code = match context.compile(isa, &mut ControlPlane::default()) {
        Ok(code) => code,
        Err(error) => panic!("{}, {options:?}: {:?}\n{text}", sample.name, error.inner),
    };
    for reloc in code.buffer.relocs() {
        let library = matches!(reloc.target, FinalizedRelocTarget::ExternalName(ir::ExternalName::LibCall(_)));
        assert!(!library, "{}: no instruction of the machine does this\n{text}", sample.name);
    }
    if options.signals == Signals::Off {
        for trap in code.buffer.traps() {
            // What follows a call of `raise` is `ud2`, and never runs.
            let bytes = &code.code_buffer()[trap.offset as usize..];
            let elsewhere = options.processor != Processor::X86_64;
            assert!(
                elsewhere || bytes.starts_with(&[0x0f, 0x0b]),
                "{}: {:?} by a fault\n{text}",
                sample.name,
                trap.code
            );
        }
    }
    text
}

/// All combinations of checks that the engine knows.
fn all_options() -> Vec<Options> {
    let choices = [(Bounds::Guarded, Signals::On), (Bounds::Explicit, Signals::On), (Bounds::Explicit, Signals::Off)];
    choices
        .iter()
        .map(|&(bounds, signals)| Options {
            processor: Processor::X86_64,
            bounds,
            signals,
            interrupts: true,
            fuel: Metering::Off,
            budgets: Budgets::Off,
            inlining: Inlining::On,
            counts: Counts::Off,
            osr: Osr::Off,
        })
        .collect()
}

fn memarg(memory: u32, offset: u64) -> MemArg {
    MemArg { align: 0, max_align: 0, offset, target: MemArgTarget::Memory(memory), ordering: None }
}

#[test]
fn all_operators_are_listed() {
    let samples = Samples::new(memarg(MEMORY32, 0));
    assert_eq!(samples.simd.len(), 236);
    assert_eq!(samples.relaxed.len(), 20);
    assert_eq!(samples.threads.len(), 67);
    assert_eq!(samples.wide.len(), 4);
}

/// Offsets: none; odd, which an alignment check must see; the last that needs no check, and one more;
/// beyond what an immediate of the machine can hold.
#[test]
fn every_operator_compiles_for_every_machine_and_check() {
    let module = module();
    let mut context = Context::new();
    for machine in [Machine::V2, Machine::V3] {
        let isa = target(machine, Nans::Any);
        for options in &all_options() {
            for (memory, address) in [(MEMORY32, types::I32), (MEMORY64, types::I64), (SHARED, types::I32)] {
                for offset in [0, 3, 16, MEMORY_GUARD - 16, MEMORY_GUARD, u64::from(u32::MAX)] {
                    let samples = Samples::new(memarg(memory, offset));
                    let first = memory == MEMORY32 && offset == 0;
                    for sample in samples.all().filter(|sample| first || sample.subject == Subject::Memory) {
                        compile(&mut context, &*isa, &module, options, sample, address, Results::Returned);
                        compile(&mut context, &*isa, &module, options, sample, address, Results::Dropped);
                    }
                }
            }
        }
    }
}

#[test]
fn every_operator_compiles_with_canonical_nans() {
    let module = module();
    let mut context = Context::new();
    for machine in [Machine::V2, Machine::V3] {
        let isa = target(machine, Nans::Canonical);
        for sample in Samples::new(memarg(MEMORY32, 0)).all() {
            compile(&mut context, &*isa, &module, &all_options()[0], sample, types::I32, Results::Returned);
        }
    }
}

/// Offsets that no access can be in bounds with, and one that wraps around together with the index.
#[test]
fn offsets_of_64_bits_compile() {
    let module = module();
    let mut context = Context::new();
    let isa = target(Machine::V2, Nans::Any);
    for options in &all_options() {
        for offset in [u64::MAX, u64::MAX - 15, 1 << 63, 1 << 32] {
            for sample in Samples::new(memarg(MEMORY64, offset)).all() {
                compile(&mut context, &*isa, &module, options, sample, types::I64, Results::Returned);
            }
        }
    }
}

/// The same for machines of other kinds, without the features that only some of them have.
#[cfg(feature = "all-arch")]
#[test]
fn every_operator_compiles_for_other_processors() {
    let module = module();
    let mut context = Context::new();
    for (name, processor) in [("aarch64-linux", Processor::Aarch64), ("s390x-linux", Processor::S390x)] {
        let builder = isa::lookup_by_name(name).expect("compiled in");
        let isa = builder.finish(settings::Flags::new(settings::builder())).expect("no features are needed");
        for options in all_options().into_iter().filter(|options| options.bounds == Bounds::Explicit) {
            let options = Options { processor, ..options };
            for (memory, address) in [(MEMORY32, types::I32), (MEMORY64, types::I64), (SHARED, types::I32)] {
                for sample in Samples::new(memarg(memory, 3)).all() {
                    compile(&mut context, &*isa, &module, &options, sample, address, Results::Returned);
                }
            }
        }
    }
}

/// Relaxed operators must not use what only newer machines have: the translation does not know the
/// machine, and Cranelift may not fuse, so that it is enough that no `fma` is asked for.
#[test]
fn relaxed_operators_round_twice() {
    let module = module();
    let mut context = Context::new();
    let isa = target(Machine::V3, Nans::Any);
    for sample in Samples::new(memarg(MEMORY32, 0)).relaxed.iter().filter(|sample| sample.name.ends_with("madd")) {
        let options = &all_options()[0];
        let text = compile(&mut context, &*isa, &module, options, sample, types::I32, Results::Returned);
        assert!(text.contains("fmul") && !text.contains("fma "), "{}:\n{text}", sample.name);
    }
}

/// Accesses of one byte are always aligned; all others are checked, offset included.
#[test]
fn atomic_accesses_check_their_alignment() {
    let module = module();
    let mut context = Context::new();
    let isa = target(Machine::V2, Nans::Any);
    let code = super::env::clif_trap(crate::trap::TrapCode::UnalignedAtomic).to_string();
    for options in all_options().iter().filter(|options| options.signals == Signals::On) {
        for sample in &Samples::new(memarg(SHARED, 3)).threads {
            if sample.subject == Subject::Operands {
                continue;
            }
            let text = compile(&mut context, &*isa, &module, options, sample, types::I32, Results::Dropped);
            let byte_wide = sample.name.contains('8');
            assert_eq!(text.contains(&code), !byte_wide, "{text}");
        }
    }
}
