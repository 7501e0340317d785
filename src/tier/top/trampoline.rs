//! Bridges between the host and WebAssembly, one of each kind per function type.
//!
//! On the host's side all values travel in one array of cells (`abi::call`).

use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, TrapCode, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use super::translate::{clif_trap, clif_type, signature};
use crate::abi::call::{Processor, RAW_VAL_SIZE, Results, raw_cells};
use crate::abi::vmctx::{self, VmCaller};
use crate::types::{FuncType, ValType};

const FLAGS: MemFlagsData = MemFlagsData::trusted();

/// Signature of entry trampolines: `fn(callee vmctx, caller vmctx, code, cells)`.
pub(super) fn entry_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 4]);
    signature
}

/// Emits the bridge from the host into functions of this type.
pub(super) fn entry(b: &mut FunctionBuilder<'_>, ty: &FuncType) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    b.seal_block(block);
    let &[callee_vmctx, caller_vmctx, code, cells] = b.block_params(block) else {
        unreachable!("an entry trampoline has four parameters");
    };
    let mut args = vec![callee_vmctx, caller_vmctx];
    let results = Results::of(ty.results());
    if results == Results::Memory {
        // The callee writes its results into the cells itself; its parameters are all loaded before.
        args.push(cells);
    }
    for (position, &ty) in ty.params().iter().enumerate() {
        args.push(load_cell(b, ty, cells, position));
    }
    let signature = b.import_signature(signature(Processor::X86_64, ty));
    let call = b.ins().call_indirect(signature, code, &args);
    if results == Results::Registers {
        for position in 0..ty.results().len() {
            let value = b.inst_results(call)[position];
            store_cell(b, value, cells, position);
        }
    }
    b.ins().return_(&[]);
}

/// What the bridge from WebAssembly to a host function calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// A routine of the runtime.
    Runtime,
    /// A C function on raw cells, unless the floating-point environment has to be switched.
    RawC,
}

/// Emits the bridge from WebAssembly to host functions of this type. Its vmctx is a `VmHostFunc`.
pub(super) fn host(b: &mut FunctionBuilder<'_>, ty: &FuncType, kind: HostKind) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    b.seal_block(block);
    let params = b.block_params(block).to_vec();
    let (vmctx, caller_vmctx) = (params[0], params[1]);
    let results = Results::of(ty.results());
    let first = if results == Results::Memory { 3 } else { 2 };

    let cells_size = raw_cells(ty) * RAW_VAL_SIZE;
    let caller_size = if kind == HostKind::RawC { size_of::<VmCaller>() } else { 0 };
    let align_shift = RAW_VAL_SIZE.trailing_zeros() as u8;
    let size = (cells_size + caller_size) as u32;
    let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, align_shift));
    let cells = b.ins().stack_addr(types::I64, slot, 0);
    for (position, &value) in params[first..].iter().enumerate() {
        store_cell(b, value, cells, position);
    }

    let store = b.ins().load(types::I64, FLAGS, vmctx, vmctx::VMCTX_STORE);
    let frame = b.ins().get_frame_pointer(types::I64);
    b.ins().store(FLAGS, frame, store, vmctx::STORE_EXIT_FP);

    let (unwind, done) = (b.create_block(), b.create_block());
    b.set_cold_block(unwind);
    if kind == HostKind::RawC {
        let through_runtime = b.create_block();
        b.set_cold_block(through_runtime);
        let direct = b.create_block();
        let env = b.ins().load(types::I32, FLAGS, store, vmctx::STORE_FLOAT_ENV);
        b.ins().brif(env, through_runtime, &[], direct, &[]);
        b.switch_to_block(direct);
        b.seal_block(direct);
        let caller = b.ins().stack_addr(types::I64, slot, cells_size as i32);
        call_c(b, CCall { vmctx, caller_vmctx, store, cells, caller, count: raw_cells(ty) }, (unwind, done));
        b.switch_to_block(through_runtime);
        b.seal_block(through_runtime);
    }
    let mut routine = Signature::new(CallConv::SystemV);
    routine.params.extend([AbiParam::new(types::I64); 3]);
    routine.returns.push(AbiParam::new(types::I32));
    let routine = b.import_signature(routine);
    let code = b.ins().load(types::I64, FLAGS, vmctx, vmctx::HOST_CALL);
    let call = b.ins().call_indirect(routine, code, &[vmctx, caller_vmctx, cells]);
    let status = b.inst_results(call)[0];
    b.ins().brif(status, unwind, &[], done, &[]);

    b.switch_to_block(unwind);
    b.seal_block(unwind);
    emit_unwind(b, vmctx);

    b.switch_to_block(done);
    b.seal_block(done);
    let values: Vec<Value> =
        ty.results().iter().enumerate().map(|(position, &ty)| load_cell(b, ty, cells, position)).collect();
    if results == Results::Registers {
        b.ins().return_(&values);
    } else {
        for (position, &value) in values.iter().enumerate() {
            store_cell(b, value, params[2], position);
        }
        b.ins().return_(&[]);
    }
}

/// What a call of a C function needs.
struct CCall {
    vmctx: Value,
    caller_vmctx: Value,
    store: Value,
    cells: Value,
    /// Room for a `VmCaller`.
    caller: Value,
    count: usize,
}

/// Calls the C function of a host function, and goes on in `done`, or in `unwind` with the trap in the store.
fn call_c(b: &mut FunctionBuilder<'_>, c: CCall, (unwind, done): (Block, Block)) {
    let kind = b.ins().iconst(types::I32, i64::from(vmctx::CALLER_KIND));
    b.ins().store(FLAGS, kind, c.caller, vmctx::CALLER_KIND_WORD);
    b.ins().store(FLAGS, c.vmctx, c.caller, vmctx::CALLER_HOST);
    b.ins().store(FLAGS, c.caller_vmctx, c.caller, vmctx::CALLER_INSTANCE);
    let one = b.ins().iconst(types::I32, 1);
    b.ins().store(FLAGS, one, c.store, vmctx::STORE_OPEN);

    let mut callback = Signature::new(CallConv::SystemV);
    callback.params.extend([AbiParam::new(types::I64); 4]);
    callback.returns.push(AbiParam::new(types::I64));
    let callback = b.import_signature(callback);
    let code = b.ins().load(types::I64, FLAGS, c.vmctx, vmctx::HOST_CALLBACK);
    let env = b.ins().load(types::I64, FLAGS, c.vmctx, vmctx::HOST_ENV);
    let count = b.ins().iconst(types::I64, c.count as i64);
    let call = b.ins().call_indirect(callback, code, &[env, c.caller, c.cells, count]);
    let error = b.inst_results(call)[0];
    let zero = b.ins().iconst(types::I32, 0);
    b.ins().store(FLAGS, zero, c.store, vmctx::STORE_OPEN);
    b.ins().store(FLAGS, zero, c.caller, vmctx::CALLER_KIND_WORD);

    let failed = b.create_block();
    b.set_cold_block(failed);
    b.ins().brif(error, failed, &[], done, &[]);
    b.switch_to_block(failed);
    b.seal_block(failed);
    let mut routine = Signature::new(CallConv::SystemV);
    routine.params.extend([AbiParam::new(types::I64); 2]);
    let routine = b.import_signature(routine);
    let code = b.ins().load(types::I64, FLAGS, c.vmctx, vmctx::HOST_FAILED);
    b.ins().call_indirect(routine, code, &[c.vmctx, error]);
    b.ins().jump(unwind, &[]);
}

/// Calls the routine that unwinds to the entry frame, and does not return.
fn emit_unwind(b: &mut FunctionBuilder<'_>, vmctx: Value) {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(types::I64));
    let signature = b.import_signature(signature);
    let code = b.ins().load(types::I64, FLAGS, vmctx, vmctx::VMCTX_UNWIND);
    b.ins().call_indirect(signature, code, &[vmctx]);
    b.ins().trap(unreached());
}

/// The code of a trap that is never reached.
fn unreached() -> TrapCode {
    clif_trap(crate::trap::TrapCode::Host)
}

fn load_cell(b: &mut FunctionBuilder<'_>, ty: ValType, cells: Value, position: usize) -> Value {
    b.ins().load(clif_type(ty), FLAGS, cells, (position * RAW_VAL_SIZE) as i32)
}

fn store_cell(b: &mut FunctionBuilder<'_>, value: Value, cells: Value, position: usize) {
    b.ins().store(FLAGS, value, cells, (position * RAW_VAL_SIZE) as i32);
}
