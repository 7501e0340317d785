//! Calls: direct, indirect, tail.

use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Inst, InstBuilder, MemFlagsData, SigRef, Signature, StackSlotData,
    StackSlotKind, UserExternalName, Value, condcodes::IntCC, types,
};
use cranelift_codegen::isa::CallConv;
use wasmparser::Operator;

use super::env::{MUTABLE, clif_trap};
use super::state::Reach;
use super::{Translator, clif_type};
use crate::abi::call::{Processor, RAW_VAL_SIZE, Results};
use crate::abi::vmctx;
use crate::tier::top::{CallLinkage, Signals};
use crate::trap::TrapCode;
use crate::types::{FuncIndex, FuncType, TableIndex, TypeIndex};

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    match *op {
        Operator::Call { function_index } => t.call(FuncIndex(function_index), Call::Nested),
        Operator::CallIndirect { type_index, table_index } => {
            t.call_indirect(TypeIndex(type_index), TableIndex(table_index), Call::Nested);
        }
        Operator::ReturnCall { function_index } => t.call(FuncIndex(function_index), Call::Tail),
        Operator::ReturnCallIndirect { type_index, table_index } => {
            t.call_indirect(TypeIndex(type_index), TableIndex(table_index), Call::Tail);
        }
        _ => return false,
    }
    true
}

/// Whether the caller's frame stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It does.
    Nested,
    /// The callee takes its place.
    Tail,
}

/// Parameters that are in registers whatever their types: three integer registers hold the pointers.
const REGISTER_PARAMS: usize = 3;

/// Integer parameters that x86-64 has registers for, pointers included.
const INTEGER_REGISTERS: usize = 6;

/// Who is called.
#[derive(Clone, Copy)]
enum Callee {
    /// A function of the same instance.
    Direct(FuncRef),
    /// The function at this address, with this vmctx.
    Indirect { entry: Value, vmctx: Value, signature: SigRef },
}

/// The signature of functions of this type, as `abi::call` lays down.
pub(in crate::tier::top) fn signature(processor: Processor, ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    let results = processor.results(ty.results());
    let pointers = if results == Results::Memory { 3 } else { 2 };
    signature.params.reserve_exact(pointers + ty.params().len());
    signature.params.extend([AbiParam::new(types::I64); 3].iter().take(pointers));
    let mut registers = if processor == Processor::X86_64 { INTEGER_REGISTERS - pointers } else { usize::MAX };
    signature.params.extend(ty.params().iter().map(|&ty| {
        let param = AbiParam::new(clif_type(ty));
        match (param.value_type, registers) {
            // A whole cell of the stack: the callee loads all of it, and cannot have that before a shorter store, which is
            // not forwarded, has reached the cache.
            (types::I32, 0) => param.uext(),
            (types::I32 | types::I64, _) => {
                registers = registers.saturating_sub(1);
                param
            }
            _ => param,
        }
    }));
    if results == Results::Registers {
        signature.returns.extend(ty.results().iter().map(|&ty| AbiParam::new(clif_type(ty))));
    }
    signature
}

impl Translator<'_> {
    fn type_signature(&mut self, ty: TypeIndex) -> SigRef {
        if let Some(declared) = self.buf.signatures.get(ty.0) {
            return declared;
        }
        let declared = self.b.import_signature(signature(self.options.processor, &self.module.types()[ty.index()]));
        self.buf.signatures.insert(ty.0, declared);
        declared
    }

    fn declare_callee(&mut self, func: FuncIndex) -> FuncRef {
        if let Some(declared) = self.buf.callees.get(func.0) {
            return declared;
        }
        let signature = self.type_signature(self.module.functions()[func.index()]);
        let name = self.b.func.declare_imported_user_function(UserExternalName::new(0, func.0));
        let declared = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            // Not colocated = through a pointer that the linker provides: the slot.
            colocated: self.linkage == CallLinkage::Direct,
            patchable: false,
        });
        self.buf.callees.insert(func.0, declared);
        declared
    }

    /// Calls a function: pops the arguments, pushes the results.
    pub(super) fn call(&mut self, func: FuncIndex, call: Call) {
        let type_index = self.module.functions()[func.index()];
        let defined = self.module.defined_func(func);
        if let Some(defined) = defined {
            self.note_call(defined);
        }
        if let Some(defined) = defined
            && (call == Call::Nested || self.scope.is_inlined())
            && self.is_worth_inlining(defined)
        {
            self.inline(defined, call);
            if call == Call::Tail {
                self.return_from_inlined();
            }
            return;
        }
        if defined == Some(self.func) && call == Call::Nested {
            self.note_call_of_itself();
        }
        let callee = if defined.is_some() {
            self.count_call(defined, call);
            Callee::Direct(self.declare_callee(func))
        } else {
            let import = self.layout.func_import(func);
            let signature = self.type_signature(type_index);
            let slot = self.vmctx_constant(types::I64, import + vmctx::IMPORT_SLOT);
            let vmctx = self.vmctx_constant(types::I64, import + vmctx::IMPORT_VMCTX);
            let entry = self.b.ins().load(types::I64, MUTABLE, slot, 0);
            Callee::Indirect { entry, vmctx, signature }
        };
        self.emit_call(callee, type_index, call);
    }

    fn call_indirect(&mut self, type_index: TypeIndex, table: TableIndex, call: Call) {
        let index = self.pop();
        // Of a module that is compiled before all of it was read, nobody knows which tables are written.
        if call == Call::Nested
            && self.module.is_whole()
            && let Some((targets, count)) = self.module.fixed_tables().targets(table, type_index)
        {
            let targets = targets.into_iter().take(count).flatten();
            return self.call_one_of(targets, table, index, type_index, |t, func| t.call(func, Call::Nested));
        }
        self.note_indirect_call();
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let funcref = self.b.ins().load(types::I64, element.flags, element.addr, 0);
        self.call_guessed(funcref, type_index, call, |t| {
            let callee = t.checked_funcref(funcref, type_index);
            t.emit_call(callee, type_index, call);
        });
    }

    /// Checks that a reference is not null and that its function has this type.
    fn checked_funcref(&mut self, funcref: Value, type_index: TypeIndex) -> Callee {
        // References are immutable, but loads from them must stay behind the check for null.
        let field = MemFlagsData::trusted().with_readonly();
        let first = match self.options.signals {
            // A null reference faults in the null page.
            Signals::On => field.with_trap_code(Some(clif_trap(TrapCode::UninitializedElement))),
            Signals::Off => {
                let null = self.b.ins().icmp_imm_u(IntCC::Equal, funcref, 0);
                self.trap_if(null, TrapCode::UninitializedElement);
                field
            }
        };
        let actual = self.b.ins().load(types::I32, first, funcref, vmctx::FUNCREF_TYPE_ID);
        let ids = self.vmctx_constant(types::I64, vmctx::VMCTX_TYPE_IDS);
        let flags = self.constant_flags();
        let expected = self.b.ins().load(types::I32, flags, ids, (type_index.0 * 4) as i32);
        let other = self.b.ins().icmp(IntCC::NotEqual, actual, expected);
        self.trap_if(other, TrapCode::IndirectCallTypeMismatch);
        let signature = self.type_signature(type_index);
        let slot = self.b.ins().load(types::I64, field, funcref, vmctx::FUNCREF_SLOT);
        self.note_target(slot);
        let vmctx = self.b.ins().load(types::I64, field, funcref, vmctx::FUNCREF_VMCTX);
        let entry = self.b.ins().load(types::I64, MUTABLE, slot, 0);
        Callee::Indirect { entry, vmctx, signature }
    }

    /// Pops the arguments, calls, pushes the results.
    fn emit_call(&mut self, callee: Callee, type_index: TypeIndex, call: Call) {
        if call == Call::Tail && self.scope.is_inlined() {
            self.leave_inlined();
            self.emit_call(callee, type_index, Call::Nested);
            return self.return_from_inlined();
        }
        self.calls = true;
        self.calls_seen += 1;
        let ty = &self.module.types()[type_index.index()];
        let base = self.buf.stack.len() - ty.params().len();
        let in_memory = self.options.processor.results(ty.results()) == Results::Memory;
        let pointer = match call {
            _ if !in_memory => None,
            Call::Nested => Some(self.result_cells(ty.results().len())),
            // The callee has our result types, and returns to our caller.
            Call::Tail => Some(self.result_pointer.expect("the same results as the callee's")),
        };
        let callee_vmctx = match callee {
            Callee::Direct(_) => self.vmctx,
            Callee::Indirect { vmctx, .. } => vmctx,
        };
        let args = &mut self.buf.arguments;
        args.clear();
        args.extend([callee_vmctx, self.vmctx]);
        args.extend(pointer);
        args.extend(self.buf.stack.drain(base..));
        let inst = match (call, callee) {
            (Call::Nested, Callee::Direct(func)) => self.b.ins().call(func, args),
            (Call::Nested, Callee::Indirect { entry, signature, .. }) => {
                self.b.ins().call_indirect(signature, entry, args)
            }
            (Call::Tail, Callee::Direct(func)) => self.b.ins().return_call(func, args),
            (Call::Tail, Callee::Indirect { entry, signature, .. }) => {
                self.b.ins().return_call_indirect(signature, entry, args)
            }
        };
        match call {
            Call::Nested => self.push_results(inst, ty, pointer),
            Call::Tail => {
                let stack = ty.params().len().saturating_sub(REGISTER_PARAMS) * RAW_VAL_SIZE;
                self.tail_stack = self.tail_stack.max(stack as u32);
                self.reach = Reach::Dead;
            }
        }
    }

    fn push_results(&mut self, call: Inst, ty: &FuncType, pointer: Option<Value>) {
        let Some(pointer) = pointer else {
            self.buf.stack.extend_from_slice(self.b.func.dfg.inst_results(call));
            return;
        };
        for (position, &ty) in ty.results().iter().enumerate() {
            let offset = (position * RAW_VAL_SIZE) as i32;
            let value = self.b.ins().load(clif_type(ty), MUTABLE, pointer, offset);
            self.push(value);
        }
    }

    /// Cells for this many results. All calls of a function share them: they are read right behind the call.
    fn result_cells(&mut self, count: usize) -> Value {
        let size = (count * RAW_VAL_SIZE) as u32;
        let slot = match self.result_slot {
            Some(slot) => {
                let slot_size = &mut self.b.func.sized_stack_slots[slot].size;
                *slot_size = size.max(*slot_size);
                slot
            }
            None => {
                let align_shift = RAW_VAL_SIZE.trailing_zeros() as u8;
                self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, align_shift))
            }
        };
        self.result_slot = Some(slot);
        self.b.ins().stack_addr(types::I64, slot, 0)
    }
}
