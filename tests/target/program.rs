//! A module and calls of it as a program of its own, for a system without anything else.
//!
//! In: a module without imports. Out: the bytes of a program: the module's code, linked; an instance as a runtime would make
//! it there; and an entry that calls exports one after the other and writes what each returns. Helpers end the program.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, Endianness, InstBuilder, MemFlagsData, Signature, Type, Value, types};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use updraft::abi::builtin::{Builtin, Plain};
use updraft::abi::call::{Processor, Results};
use updraft::abi::vmctx::{self, Place, VmLayout};
use updraft::config::Config;
use updraft::module::Module;
use updraft::runtime::value::Val;
use updraft::tier::top::{Bounds, TopCompiler};
use updraft::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, ValType};
use wasmparser::{ConstExpr, DataKind, ElementItems, ElementKind, Operator, Parser, Payload, TableInit};

use super::elsewhere::{code, config, link};

/// Where programs lie.
const BASE: u64 = 0x1000_0000;

/// What helpers end the program with.
const HELPER: i64 = 77;

const FLAGS: MemFlagsData = MemFlagsData::trusted();

pub(crate) struct Machine {
    processor: Processor,
    pub(crate) triple: &'static str,
    features: &'static str,
    pub(crate) qemu: [&'static str; 3],
    pub(crate) elf: u16,
    write: i64,
    exit: i64,
    /// `fn(number, a, b, c)`: a call of the system.
    system_call: &'static [u32],
}

pub(crate) const AARCH64: Machine = Machine {
    processor: Processor::Aarch64,
    triple: "aarch64-unknown-linux-gnu",
    features: "",
    qemu: ["qemu-aarch64", "-cpu", "max"],
    elf: 183,
    write: 64,
    exit: 93,
    // mov x8, x0; mov x0, x1; mov x1, x2; mov x2, x3; svc 0; ret
    system_call: &[0xaa00_03e8, 0xaa01_03e0, 0xaa02_03e1, 0xaa03_03e2, 0xd400_0001, 0xd65f_03c0],
};

pub(crate) const RISCV64: Machine = Machine {
    processor: Processor::Riscv64,
    triple: "riscv64gc-unknown-linux-gnu",
    features: "v",
    qemu: ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128"],
    elf: 243,
    write: 64,
    exit: 93,
    // mv a7, a0; mv a0, a1; mv a1, a2; mv a2, a3; ecall; ret
    system_call: &[0x0005_0893, 0x0005_8513, 0x0006_0593, 0x0006_8613, 0x0000_0073, 0x0000_8067],
};

pub(crate) const S390X: Machine = Machine {
    processor: Processor::S390x,
    triple: "s390x-unknown-linux-gnu",
    features: "",
    qemu: ["qemu-s390x", "-cpu", "max"],
    elf: 22,
    write: 4,
    exit: 1,
    // lgr r1, r2; lgr r2, r3; lgr r3, r4; lgr r4, r5; svc 0, br r14
    system_call: &[0xb904_0012, 0xb904_0023, 0xb904_0034, 0xb904_0045, 0x0a00_07fe],
};

/// A program that is being laid out.
pub(crate) struct Image {
    big: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Image {
    fn align(&mut self, alignment: usize) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
        BASE + self.bytes.len() as u64
    }

    /// Appends bytes; where they are.
    fn put(&mut self, bytes: &[u8], alignment: usize) -> u64 {
        let address = self.align(alignment);
        self.bytes.extend_from_slice(bytes);
        address
    }

    fn zeroes(&mut self, len: usize, alignment: usize) -> u64 {
        let address = self.align(alignment);
        self.bytes.resize(self.bytes.len() + len, 0);
        address
    }

    /// The low `size` bytes of a number, in the machine's order.
    fn number(&self, value: u128, size: usize) -> Vec<u8> {
        if self.big { value.to_be_bytes()[16 - size..].to_vec() } else { value.to_le_bytes()[..size].to_vec() }
    }

    fn set(&mut self, address: u64, value: u64, size: usize) {
        let bytes = self.number(value.into(), size);
        self.set_bytes(address, &bytes);
    }

    fn set_bytes(&mut self, address: u64, bytes: &[u8]) {
        let at = (address - BASE) as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A value as cells and globals hold it.
    fn value(&self, value: &Val) -> Option<Vec<u8>> {
        Some(match *value {
            Val::I32(value) => self.number(value as u32 as u128, 4),
            Val::I64(value) => self.number(value as u64 as u128, 8),
            Val::F32(bits) => self.number(bits.into(), 4),
            Val::F64(bits) => self.number(bits.into(), 8),
            Val::V128(bytes) => bytes.to_vec(),
            Val::FuncRef(None) => vec![0; 8],
            Val::ExternRef(None) => vec![0; 4],
            Val::FuncRef(_) | Val::ExternRef(_) => return None,
        })
    }

    pub(crate) fn read(&self, ty: ValType, cell: &[u8]) -> Val {
        let number = |size: usize| {
            let mut bytes = cell[..size].to_vec();
            if self.big {
                bytes.reverse();
            }
            bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
        };
        match ty {
            ValType::I32 => Val::I32(number(4) as i32),
            ValType::I64 => Val::I64(number(8) as i64),
            ValType::F32 => Val::F32(number(4) as u32),
            ValType::F64 => Val::F64(number(8)),
            ValType::V128 => Val::V128(cell[..16].try_into().unwrap()),
            ValType::FuncRef | ValType::ExternRef => unreachable!("calls with references are left out"),
        }
    }
}

fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 | ValType::ExternRef => types::I32,
        ValType::I64 | ValType::FuncRef => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// A call of an export.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) func: FuncIndex,
    pub(crate) name: String,
    pub(crate) args: Vec<Val>,
}

impl Machine {
    fn isa(&self) -> OwnedTargetIsa {
        let mut builder = isa::lookup_by_name(self.triple).unwrap();
        for name in self.features.split(',').filter(|name| !name.is_empty()) {
            builder.enable(&format!("has_{name}")).unwrap();
        }
        builder.finish(settings::Flags::new(settings::builder())).unwrap()
    }

    fn compiler(&self) -> TopCompiler {
        let config = Config { canonicalize_nans: true, ..config(self.triple, self.features) };
        TopCompiler::new(&config, Bounds::Explicit).unwrap()
    }
}

/// Compiles a function of the program's own.
fn emit(
    image: &mut Image,
    isa: &OwnedTargetIsa,
    conv: CallConv,
    params: usize,
    body: impl FnOnce(&mut FunctionBuilder<'_>, &[Value]),
) -> u64 {
    let (mut context, mut function) = (Context::new(), FunctionBuilderContext::new());
    context.func.signature = Signature::new(conv);
    context.func.signature.params.extend(vec![AbiParam::new(types::I64); params]);
    let mut b = FunctionBuilder::new(&mut context.func, &mut function);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let params = b.block_params(entry).to_vec();
    body(&mut b, &params);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
    let code = context.compile(&**isa, &mut ControlPlane::default()).unwrap();
    assert!(code.buffer.relocs().is_empty());
    image.put(code.buffer.data(), 64)
}

/// Emits a call of an address.
fn call_address(b: &mut FunctionBuilder<'_>, address: u64, args: &[i64]) {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend(vec![AbiParam::new(types::I64); args.len()]);
    let signature = b.import_signature(signature);
    let address = b.ins().iconst(types::I64, address as i64);
    let args: Vec<Value> = args.iter().map(|arg| b.ins().iconst(types::I64, *arg)).collect();
    b.ins().call_indirect(signature, address, &args);
}

/// Copies `len` bytes, or sets them to `source`, from the first or from the last on.
fn copy(b: &mut FunctionBuilder<'_>, params: &[Value], is_move: bool) {
    let &[target, source, len] = params else { unreachable!() };
    let (head, step, done) = (b.create_block(), b.create_block(), b.create_block());
    let left = b.append_block_param(head, types::I64);
    b.ins().jump(head, &[len.into()]);
    b.switch_to_block(head);
    b.ins().brif(left, step, &[], done, &[]);
    b.switch_to_block(step);
    let next = b.ins().iadd_imm_s(left, -1);
    let position = if is_move {
        // Forwards if the target is lower.
        let forwards = b.ins().icmp(IntCC::UnsignedLessThan, target, source);
        let from_start = b.ins().isub(len, left);
        b.ins().select(forwards, from_start, next)
    } else {
        next
    };
    let to = b.ins().iadd(target, position);
    if is_move {
        let from = b.ins().iadd(source, position);
        let byte = b.ins().load(types::I8, FLAGS, from, 0);
        b.ins().store(FLAGS, byte, to, 0);
    } else {
        b.ins().istore8(FLAGS, source, to, 0);
    }
    b.ins().jump(head, &[next.into()]);
    b.switch_to_block(done);
}

/// The value of a constant expression without arithmetic.
fn constant(expr: &ConstExpr<'_>, globals: &[Constant]) -> Option<Constant> {
    let mut reader = expr.get_operators_reader();
    let value = match reader.read().ok()? {
        Operator::I32Const { value } => Constant::Value(Val::I32(value)),
        Operator::I64Const { value } => Constant::Value(Val::I64(value)),
        Operator::F32Const { value } => Constant::Value(Val::F32(value.bits())),
        Operator::F64Const { value } => Constant::Value(Val::F64(value.bits())),
        Operator::V128Const { value } => Constant::Value(Val::V128(*value.bytes())),
        Operator::RefNull { .. } => Constant::Null,
        Operator::RefFunc { function_index } => Constant::Func(FuncIndex(function_index)),
        Operator::GlobalGet { global_index } => globals.get(global_index as usize)?.clone(),
        _ => return None,
    };
    matches!(reader.read().ok()?, Operator::End).then_some(value)
}

#[derive(Clone, Debug)]
enum Constant {
    Value(Val),
    Null,
    Func(FuncIndex),
}

impl Constant {
    fn offset(&self) -> Option<u64> {
        match self {
            Constant::Value(Val::I32(offset)) => Some(u64::from(*offset as u32)),
            Constant::Value(Val::I64(offset)) => Some(*offset as u64),
            _ => None,
        }
    }
}

/// An instance in an image.
struct Placed<'a> {
    module: &'a Module,
    layout: VmLayout,
    vmctx: u64,
    memories: Vec<u64>,
    tables: Vec<u64>,
}

impl Placed<'_> {
    fn field(&self, place: Place) -> u64 {
        let (Place::Own(offset) | Place::Imported(offset)) = place;
        self.vmctx + offset as u64
    }

    /// What a reference is in memory.
    fn reference(&self, constant: &Constant) -> Option<u64> {
        match constant {
            Constant::Null => Some(0),
            Constant::Func(func) => {
                Some(self.vmctx + self.layout.funcref(self.module.escaping_position(*func)?) as u64)
            }
            Constant::Value(_) => None,
        }
    }

    /// Sizes, function references, initial values. `None`: there is something in it that needs a runtime.
    fn fill(&mut self, image: &mut Image, entries: &[u64]) -> Option<()> {
        let (module, vmctx) = (self.module, self.vmctx);
        let ids: Vec<u64> = module
            .types()
            .iter()
            .map(|ty| module.types().iter().position(|other| other == ty).unwrap() as u64)
            .collect();
        let type_ids = image.zeroes(4 * ids.len().max(1), 16);
        ids.iter().zip((type_ids..).step_by(4)).for_each(|(id, address)| image.set(address, *id, 4));
        image.set(vmctx + vmctx::VMCTX_TYPE_IDS as u64, type_ids, 8);
        for (position, func) in module.escaping().iter().enumerate() {
            let slot = image.put(&[0; 8], 8);
            image.set(slot, entries[module.defined_func(*func)?.index()], 8);
            let reference = vmctx + self.layout.funcref(position as u32) as u64;
            image.set(reference + vmctx::FUNCREF_SLOT as u64, slot, 8);
            image.set(reference + vmctx::FUNCREF_VMCTX as u64, vmctx, 8);
            image.set(reference + vmctx::FUNCREF_TYPE_ID as u64, ids[module.functions()[func.index()].index()], 4);
        }
        for (index, ty) in module.memories().iter().enumerate() {
            let len = usize::try_from(ty.min).ok().filter(|pages| *pages <= 1024)? << 16;
            let base = image.zeroes(len, 4096);
            let place = self.layout.memory(MemoryIndex(index as u32));
            let mut definition = self.field(place);
            if let Place::Imported(_) = place {
                let shared = image.zeroes(16, 16);
                image.set(definition, shared, 8);
                definition = shared;
            }
            image.set(definition + vmctx::MEMORY_BASE as u64, base, 8);
            image.set(definition + vmctx::MEMORY_LENGTH as u64, len as u64, 8);
            self.memories.push(base);
        }
        for (index, ty) in module.tables().iter().enumerate() {
            let len = usize::try_from(ty.min).ok().filter(|len| *len <= 1 << 16)?;
            let base = image.zeroes(8 * len.max(1), 16);
            let definition = self.field(self.layout.table(TableIndex(index as u32)));
            image.set(definition + vmctx::TABLE_BASE as u64, base, 8);
            image.set(definition + vmctx::TABLE_LENGTH as u64, len as u64, 8);
            self.tables.push(base);
        }
        let mut globals: Vec<Constant> = Vec::new();
        for payload in Parser::new(0).parse_all(module.bytes()) {
            match payload.ok()? {
                Payload::StartSection { .. } => return None,
                Payload::GlobalSection(section) => {
                    for global in section {
                        let value = constant(&global.ok()?.init_expr, &globals)?;
                        let place = self.layout.global(GlobalIndex(globals.len() as u32));
                        let bytes = match &value {
                            Constant::Value(value) => image.value(value)?,
                            reference => image.number(self.reference(reference)?.into(), 8),
                        };
                        image.set_bytes(self.field(place), &bytes);
                        globals.push(value);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        if let TableInit::Expr(_) = table.ok()?.init {
                            return None;
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let element = element.ok()?;
                        let ElementKind::Active { table_index, offset_expr } = element.kind else { continue };
                        let table = table_index.unwrap_or(0) as usize;
                        let start = constant(&offset_expr, &globals)?.offset()?;
                        let items: Vec<Constant> = match element.items {
                            ElementItems::Functions(items) => items
                                .into_iter()
                                .map(|func| Some(Constant::Func(FuncIndex(func.ok()?))))
                                .collect::<Option<_>>()?,
                            ElementItems::Expressions(_, items) => {
                                items.into_iter().map(|item| constant(&item.ok()?, &globals)).collect::<Option<_>>()?
                            }
                        };
                        for (item, place) in items.iter().zip(start..module.tables()[table].min) {
                            let reference = self.reference(item)?;
                            image.set(self.tables[table] + 8 * place, reference, 8);
                        }
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.ok()?;
                        let DataKind::Active { memory_index, offset_expr } = data.kind else { continue };
                        let start = constant(&offset_expr, &globals)?.offset()?;
                        let len = module.memories()[memory_index as usize].min << 16;
                        if start.checked_add(data.data.len() as u64)? > len {
                            return None;
                        }
                        image.set_bytes(self.memories[memory_index as usize] + start, data.data);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }
}

/// A module and calls as a program. `None`: it needs more than its own code.
pub(crate) fn program(machine: &Machine, module: &Module, calls: &[Wanted], stack_limit: u64) -> Option<Image> {
    let isa = machine.isa();
    let big = isa.endianness() == Endianness::Big;
    let mut image = Image { big, bytes: vec![0; 0x100] };
    let codes = code(machine.processor, &machine.compiler(), module).unwrap_or_else(|error| panic!("{error}"));
    let (linked, offsets) = link(machine.processor, &codes);
    let start = image.put(&linked, 4096);
    let entries: Vec<u64> = offsets.iter().map(|offset| start + *offset as u64).collect();
    // Instructions of s390x have the machine's byte order; those of the others are little-endian, as the machines are.
    let words: Vec<u8> = machine.system_call.iter().flat_map(|word| image.number((*word).into(), 4)).collect();
    let system_call = image.put(&words, 64);

    let end = |b: &mut FunctionBuilder<'_>, status| call_address(b, system_call, &[machine.exit, status, 0, 0]);
    let helper = emit(&mut image, &isa, CallConv::SystemV, 0, |b, _| end(b, HELPER));
    let attend = emit(&mut image, &isa, CallConv::PreserveAll, 1, |_, _| {});
    let interrupt = emit(&mut image, &isa, CallConv::PreserveAll, 1, |_, _| {});
    let fill = emit(&mut image, &isa, CallConv::SystemV, 3, |b, params| copy(b, params, false));
    let moving = emit(&mut image, &isa, CallConv::SystemV, 3, |b, params| copy(b, params, true));
    let builtins = image.zeroes(8 * (Builtin::ALL.len() + Plain::COUNT), 16);
    for builtin in Builtin::ALL {
        let address = if *builtin == Builtin::interrupt { interrupt } else { helper };
        image.set(builtins + builtin.offset() as u64, address, 8);
    }
    image.set(builtins + Plain::Move.offset() as u64, moving, 8);
    image.set(builtins + Plain::Fill.offset() as u64, fill, 8);
    let store = image.zeroes(size_of::<vmctx::VmStore>(), 16);
    image.set(store + vmctx::STORE_STACK_LIMIT as u64, stack_limit, 8);

    let layout = VmLayout::new(module);
    let vmctx = image.zeroes(layout.size(), 16);
    image.set(vmctx + vmctx::VMCTX_STORE as u64, store, 8);
    image.set(vmctx + vmctx::VMCTX_BUILTINS as u64, builtins, 8);
    image.set(vmctx + vmctx::VMCTX_STACK_CHECK as u64, attend, 8);
    let mut placed = Placed { module, layout, vmctx, memories: Vec::new(), tables: Vec::new() };
    placed.fill(&mut image, &entries)?;

    let results = image.zeroes(16 * 64, 16);
    let mut args = Vec::new();
    for wanted in calls {
        let bytes = wanted.args.iter().map(|arg| image.value(arg)).collect::<Option<Vec<_>>>()?;
        args.push(bytes.iter().map(|bytes| image.put(bytes, 16)).collect::<Vec<u64>>());
    }
    let entry = emit(&mut image, &isa, CallConv::SystemV, 0, |b, _| {
        for (wanted, args) in calls.iter().zip(&args) {
            let ty = module.func_type(wanted.func);
            let mut signature = Signature::new(CallConv::Tail);
            let mut values = vec![b.ins().iconst(types::I64, vmctx as i64); 2];
            let cells = b.ins().iconst(types::I64, results as i64);
            let in_memory = machine.processor.results(ty.results()) == Results::Memory;
            values.extend(in_memory.then_some(cells));
            signature.params.extend(vec![AbiParam::new(types::I64); values.len()]);
            for (ty, address) in ty.params().iter().zip(args) {
                signature.params.push(AbiParam::new(clif_type(*ty)));
                let address = b.ins().iconst(types::I64, *address as i64);
                values.push(b.ins().load(clif_type(*ty), FLAGS, address, 0));
            }
            if !in_memory {
                signature.returns.extend(ty.results().iter().map(|ty| AbiParam::new(clif_type(*ty))));
            }
            let signature = b.import_signature(signature);
            let target = entries[module.defined_func(wanted.func).unwrap().index()];
            let target = b.ins().iconst(types::I64, target as i64);
            let call = b.ins().call_indirect(signature, target, &values);
            let returned = b.inst_results(call).to_vec();
            for (position, value) in returned.into_iter().enumerate() {
                b.ins().store(FLAGS, value, cells, 16 * position as i32);
            }
            let len = 16 * ty.results().len() as i64;
            call_address(b, system_call, &[machine.write, 1, results as i64, len]);
        }
        end(b, 0);
    });
    header(machine, &mut image, entry);
    Some(image)
}

/// The header of a program with one segment.
fn header(machine: &Machine, image: &mut Image, entry: u64) {
    let order = if image.big { 2 } else { 1 };
    let len = image.bytes.len() as u64;
    image.set_bytes(BASE, &[0x7f, b'E', b'L', b'F', 2, order, 1, 0]);
    let fields: [(u64, u64, usize); 14] = [
        (16, 2, 2),
        (18, machine.elf.into(), 2),
        (20, 1, 4),
        (24, entry, 8),
        (32, 64, 8),
        (52, 64, 2),
        (54, 56, 2),
        (56, 1, 2),
        // The segment: loaded, with all rights.
        (64, 1, 4),
        (68, 7, 4),
        (80, BASE, 8),
        (96, len, 8),
        (104, len, 8),
        (112, 4096, 8),
    ];
    fields.into_iter().for_each(|(offset, value, size)| image.set(BASE + offset, value, size));
}
