//! Calls through tables whose elements never change (`module/fixed.rs`), where few functions have the type.
//!
//! The index is compared with the places of these functions, which are then called directly:
//!
//!     index == 3 ? call f : index == 7 ? call g : trap
//!
//! Neither the table nor the function's type is looked at, unless to find out which trap it is.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};

use super::Translator;
use super::env::{MUTABLE, clif_trap};
use super::state::Reach;
use crate::abi::vmctx;
use crate::module::fixed::Target;
use crate::tier::top::Signals;
use crate::trap::TrapCode;
use crate::types::{FuncIndex, TableIndex, TypeIndex};

impl Translator<'_> {
    /// Calls the one of `targets` that `index` names; traps if it names none. The arguments are on the stack, and
    /// the results take their place.
    pub(super) fn call_one_of(
        &mut self,
        targets: impl IntoIterator<Item = Target>,
        table: TableIndex,
        index: Value,
        type_index: TypeIndex,
        call: impl Fn(&mut Self, FuncIndex),
    ) {
        let ty = &self.module.types()[type_index.index()];
        let (param_count, result_count) = (ty.params().len(), ty.results().len());
        let base = self.buf.stack.len() - param_count;
        let join = self.block_taking(ty.results());
        let noted = self.noted_calls_of_itself();
        let mut reached = false;
        for (place, func) in targets {
            let (hit, miss) = (self.b.create_block(), self.b.create_block());
            let is_it = self.b.ins().icmp_imm_u(IntCC::Equal, index, place as i64);
            self.b.ins().brif(is_it, hit, &[], miss, &[]);
            self.b.switch_to_block(hit);
            self.b.seal_block(hit);
            self.buf.stack.extend_from_within(base..);
            call(self, func);
            if self.reach == Reach::Live {
                self.take_block_args(self.buf.stack.len() - result_count);
                self.b.ins().jump(join, &self.buf.block_args);
                reached = true;
            }
            self.reach = Reach::Live;
            self.buf.stack.truncate(base + param_count);
            self.b.switch_to_block(miss);
            self.b.seal_block(miss);
        }
        // Not each way calls it.
        self.forget_calls_of_itself(noted);
        let miss = self.b.current_block().expect("the last block that was made");
        self.b.set_cold_block(miss);
        self.trap_of_no_target(table, index);
        self.buf.stack.truncate(base);
        self.b.seal_block(join);
        if reached {
            self.enter_block(join);
        } else {
            self.reach = Reach::Dead;
        }
    }

    /// Traps as a call of a type does that no element at `index` has.
    fn trap_of_no_target(&mut self, table: TableIndex, index: Value) {
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let funcref = self.b.ins().load(types::I64, element.flags, element.addr, 0);
        match self.options.signals {
            Signals::On => {
                // A null reference faults in the null page.
                let faulting = MUTABLE.with_trap_code(Some(clif_trap(TrapCode::UninitializedElement)));
                self.b.ins().load(types::I32, faulting, funcref, vmctx::FUNCREF_TYPE_ID);
            }
            Signals::Off => {
                let null = self.b.ins().icmp_imm_u(IntCC::Equal, funcref, 0);
                self.trap_if(null, TrapCode::UninitializedElement);
            }
        }
        self.trap(TrapCode::IndirectCallTypeMismatch);
    }
}
