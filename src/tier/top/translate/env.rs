//! What a body reaches outside of itself: its instance, helpers, traps.

use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, SigRef, Signature, Type, Value, condcodes::IntCC, types,
};
use cranelift_codegen::isa::CallConv;

use super::Translator;
use super::loops::Poll;
use super::state::{builtin_key, plain_key};
use crate::abi::builtin::{AbiType, Builtin, Plain};
use crate::abi::call::Processor;
use crate::abi::vmctx::{self, Place};
use crate::tier::top::Signals;
use crate::trap::TrapCode;

/// Flags of loads of what never changes while an instance lives: they may be shared and hoisted.
pub(super) const CONSTANT: MemFlagsData = MemFlagsData::trusted().with_readonly().with_can_move();
/// As [`CONSTANT`], but loaded where it is used.
const IN_PLACE: MemFlagsData = MemFlagsData::trusted().with_readonly();
/// Flags of accesses to the runtime's structures that may change.
pub(super) const MUTABLE: MemFlagsData = MemFlagsData::trusted();

/// Cranelift's name for one of our trap codes: the same number.
pub(in crate::tier::top) fn clif_trap(code: TrapCode) -> ir::TrapCode {
    ir::TrapCode::user(code as u8).expect("trap codes are small and never 0")
}

impl Translator<'_> {
    /// Loads a field that never changes from the vmctx.
    pub(super) fn vmctx_constant(&mut self, ty: Type, offset: i32) -> Value {
        let flags = self.constant_flags();
        self.b.ins().load(ty, flags, self.vmctx, offset)
    }

    /// Flags of a load of what never changes: where code is cold it stays, or each entry of the loop around would pay.
    pub(super) fn constant_flags(&self) -> MemFlagsData {
        let is_cold = self.b.current_block().is_some_and(|block| self.b.func.layout.is_cold(block));
        if is_cold { IN_PLACE } else { CONSTANT }
    }

    /// Where a definition is: base and offset.
    pub(super) fn place(&mut self, place: Place) -> (Value, i32) {
        match place {
            Place::Own(offset) => (self.vmctx, offset),
            Place::Imported(offset) => (self.vmctx_constant(types::I64, offset), 0),
        }
    }

    fn builtin_signature(&mut self, builtin: Builtin) -> SigRef {
        let key = builtin_key(builtin);
        if let Some(signature) = self.buf.builtins.get(key) {
            return signature;
        }
        let processor = self.options.processor;
        let clif = |ty: AbiType| match (ty, processor) {
            // Whoever is called may rely on the upper half.
            (AbiType::I32, Processor::Riscv64) => AbiParam::new(types::I32).sext(),
            (AbiType::I32, Processor::S390x) => AbiParam::new(types::I32).uext(),
            (AbiType::I32, _) => AbiParam::new(types::I32),
            (AbiType::I64, _) => AbiParam::new(types::I64),
        };
        let mut signature = Signature::new(match builtin.preserves_registers() {
            true => CallConv::PreserveAll,
            false => CallConv::SystemV,
        });
        signature.params.push(AbiParam::new(types::I64));
        signature.params.extend(builtin.params().iter().map(|&ty| clif(ty)));
        signature.returns.extend(builtin.result().map(clif));
        let signature = self.b.import_signature(signature);
        self.buf.builtins.insert(key, signature);
        signature
    }

    /// Calls a helper; the arguments follow the vmctx, in the types of `Builtin::params`.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        if !matches!(builtin, Builtin::raise | Builtin::interrupt | Builtin::budget_spent) {
            self.calls = true;
            self.calls_seen += 1;
        }
        let signature = self.builtin_signature(builtin);
        // Not hoisted: most helpers are called where little else runs, and a register that a loop keeps
        // for its poll is dearer than two loads when that is taken.
        let table = self.b.ins().load(types::I64, IN_PLACE, self.vmctx, vmctx::VMCTX_BUILTINS);
        let callee = self.b.ins().load(types::I64, IN_PLACE, table, builtin.offset());
        let mut all = [self.vmctx; 8];
        all[1..=args.len()].copy_from_slice(args);
        let call = self.b.ins().call_indirect(signature, callee, &all[..=args.len()]);
        self.b.inst_results(call).first().copied()
    }

    /// As `call_builtin`, for helpers that have a result.
    pub(super) fn call_builtin_value(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        self.call_builtin(builtin, args).expect("the helper has a result")
    }

    /// Calls a function of the platform. It is no call as the stack check counts them: it calls nothing of ours.
    pub(super) fn call_plain(&mut self, function: Plain, args: &[Value; 3]) {
        self.calls_seen += 1;
        let key = plain_key(function);
        let signature = self.buf.builtins.get(key).unwrap_or_else(|| {
            let mut signature = Signature::new(CallConv::SystemV);
            let param = |arg| match (self.b.func.dfg.value_type(arg), self.options.processor) {
                (types::I32, Processor::Riscv64 | Processor::S390x) => AbiParam::new(types::I32).sext(),
                (ty, _) => AbiParam::new(ty),
            };
            signature.params.extend(args.map(param));
            let signature = self.b.import_signature(signature);
            self.buf.builtins.insert(key, signature);
            signature
        });
        let table = self.b.ins().load(types::I64, IN_PLACE, self.vmctx, vmctx::VMCTX_BUILTINS);
        let callee = self.b.ins().load(types::I64, IN_PLACE, table, function.offset());
        self.b.ins().call_indirect(signature, callee, args);
    }

    /// A 32-bit constant, as helpers take indices and codes.
    pub(super) fn index_const(&mut self, index: u32) -> Value {
        self.b.ins().iconst(types::I32, i64::from(index))
    }

    /// Traps if `condition` is not zero. What is emitted next runs only if it was zero.
    pub(super) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        match self.options.signals {
            Signals::On => {
                self.b.ins().trapnz(condition, clif_trap(code));
            }
            Signals::Off => {
                let before = self.b.current_block();
                let raise = self.b.create_block();
                let next = self.b.create_block();
                self.b.set_cold_block(raise);
                self.b.ins().brif(condition, raise, &[], next, &[]);
                self.b.switch_to_block(raise);
                self.b.seal_block(raise);
                self.trap(code);
                self.b.switch_to_block(next);
                self.b.seal_block(next);
                self.keep_checked(before, next);
            }
        }
    }

    /// Traps. Ends the block; the caller switches to another one or marks the code behind it dead.
    pub(super) fn trap(&mut self, code: TrapCode) {
        if self.options.signals == Signals::Off {
            let number = self.index_const(code as u32);
            self.call_builtin(Builtin::raise, &[number]);
        }
        // Without signals this is only the end that a block must have: the helper does not return.
        self.b.ins().trap(clif_trap(code));
    }

    /// Lets the host interrupt this loop.
    pub(super) fn poll(&mut self) -> Option<Poll> {
        match (self.options.interrupts, self.options.signals) {
            (false, _) => None,
            (true, Signals::On) if self.options.processor == Processor::X86_64 => Some(self.poll_by_fault()),
            (true, _) => Some(self.poll_by_comparison()),
        }
    }

    /// At the entry of a function for processors whose prologues do not do it (`convert`): calls for attention if the
    /// stack is used up. What other instructions have put into the frame by then lies within the headroom.
    pub(super) fn check_stack(&mut self) {
        if self.options.processor == Processor::X86_64 {
            return;
        }
        let store = self.vmctx_constant(types::I64, vmctx::VMCTX_STORE);
        let limit = self.b.ins().iadd_imm_s(store, i64::from(vmctx::STORE_STACK_LIMIT));
        // Atomic, as polls are.
        let limit = self.b.ins().atomic_load(types::I64, MUTABLE, limit);
        let pointer = self.b.ins().get_stack_pointer(types::I64);
        let used_up = self.b.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        let (attend, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(attend);
        self.b.ins().brif(used_up, attend, &[], next, &[]);
        self.b.switch_to_block(attend);
        self.b.seal_block(attend);
        // Whatever is live stays where it is, and nothing is saved for the rare case.
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(AbiParam::new(types::I64));
        let signature = self.b.import_signature(signature);
        let check = self.vmctx_constant(types::I64, vmctx::VMCTX_STACK_CHECK);
        self.b.ins().call_indirect(signature, check, &[self.vmctx]);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
    }

    /// As `abi/poll.rs` lays down.
    fn poll_by_fault(&mut self) -> Poll {
        let store = self.vmctx_constant(types::I64, vmctx::VMCTX_STORE);
        let word = self.b.ins().iadd_imm_s(store, i64::from(vmctx::STORE_POLL));
        // Atomic, so that neither alias analysis nor code motion merges polls.
        let address = self.b.ins().atomic_load(types::I64, MUTABLE, word);
        let faulting = MUTABLE.with_trap_code(Some(clif_trap(TrapCode::Interrupt)));
        let value = self.b.ins().load(types::I32, faulting, address, 0);
        let [address, value] = [address, value].map(|value| self.b.func.dfg.value_def(value).unwrap_inst());
        Poll { instructions: [value, address], branch: None }
    }

    /// Asks for attention if the stack limit is poisoned.
    fn poll_by_comparison(&mut self) -> Poll {
        let store = self.vmctx_constant(types::I64, vmctx::VMCTX_STORE);
        let limit = self.b.ins().iadd_imm_s(store, i64::from(vmctx::STORE_STACK_LIMIT));
        // Atomic, as above.
        let limit = self.b.ins().atomic_load(types::I64, MUTABLE, limit);
        let poisoned = self.b.ins().icmp_imm_s(IntCC::Equal, limit, -1);
        let attend = self.b.create_block();
        let next = self.b.create_block();
        self.b.set_cold_block(attend);
        let branch = self.b.ins().brif(poisoned, attend, &[], next, &[]);
        self.b.switch_to_block(attend);
        self.b.seal_block(attend);
        self.call_builtin(Builtin::interrupt, &[]);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        let [limit, poisoned] = [limit, poisoned].map(|value| self.b.func.dfg.value_def(value).unwrap_inst());
        Poll { instructions: [poisoned, limit], branch: Some((branch, next)) }
    }
}
