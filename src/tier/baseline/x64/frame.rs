//! The instructions around a frame: the stack check, the prologue, the end of a tail call.
//!
//!     [rbp + 16 + n]  stack arguments
//!     [rbp + 8]       return address
//!     [rbp]           caller's rbp
//!     [rbp - 8 * n]   saved registers; what follows `baseline/frame.rs` says
//!
//! The stack check in front is the same as in the optimising tier (`top/convert.rs`).

use super::asm::{Alu, Cond, Mem, Rm};
use super::regs::{SCRATCH, SCRATCH_VREG, VMCTX};
use crate::abi::vmctx::{STORE_STACK_LIMIT, VMCTX_STACK_CHECK, VMCTX_STORE};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Frames, VectorMoves as _, Width};
use crate::tier::baseline::frame::StackCheck;
use crate::tier::baseline::regs::Gpr;
use crate::tier::compiled::{CallKind, CallSite, InlinedIndex};
use crate::types::ValType;

impl Frames for Emit<'_> {
    fn enter_frame(&mut self) {
        self.write_stack_check();
        self.asm.push(Gpr::RBP);
        self.asm.copy(Width::W64, Gpr::RBP, Gpr::RSP);
        let frame = self.frame;
        let mut pushed = 0;
        for (reg, _) in frame.saved() {
            self.asm.push(reg);
            pushed += 8;
        }
        let rest = frame.size - pushed;
        if rest != 0 {
            self.asm.lower_stack(rest);
        }
        self.asm.copy(Width::W64, VMCTX, Gpr::RDI);
    }

    fn set_checked_size(&mut self, field: u32, size: u32) {
        self.asm.set_field(field, (size as i32).wrapping_neg() as u32);
    }

    fn zero_homes(&mut self, low: i32, high: i32) {
        self.asm.zero(Gpr::RAX);
        self.asm.lea(Width::W64, Gpr::RDX, Mem::base(Gpr::RBP, low));
        self.asm.lea(Width::W64, Gpr::RCX, Mem::base(Gpr::RBP, high));
        let start = self.asm.offset();
        self.asm.store(Width::W64, Mem::base(Gpr::RDX, 0), Gpr::RAX);
        self.asm.alu_imm(Alu::Add, Width::W64, Rm::Reg(Gpr::RDX), 8);
        self.asm.alu(Alu::Cmp, Width::W64, Gpr::RDX, Rm::Reg(Gpr::RCX));
        self.asm.jcc_back(Cond::NotEqual, start);
    }

    /// Uses r10, r11 and xmm15, which carry no arguments.
    fn replace_arguments(&mut self, stack: u32, own: u32) {
        self.asm.load(Width::W64, Gpr::R10, Mem::base(Gpr::RBP, 8));
        self.asm.load(Width::W64, SCRATCH, Mem::base(Gpr::RBP, 0));
        let target = 16 + own as i32 - stack as i32;
        // Downwards: the target is above the source, and they may overlap.
        for offset in (0..stack as i32).step_by(16).rev() {
            self.asm.reserve(64);
            self.load_vreg(ValType::V128, SCRATCH_VREG, Mem::base(Gpr::RSP, offset));
            self.store_vreg(ValType::V128, Mem::base(Gpr::RBP, target + offset), SCRATCH_VREG);
        }
        self.asm.reserve(64);
        self.asm.lea(Width::W64, Gpr::RSP, Mem::base(Gpr::RBP, target - 8));
        self.asm.store(Width::W64, Mem::base(Gpr::RSP, 0), Gpr::R10);
        self.asm.copy(Width::W64, Gpr::RBP, SCRATCH);
    }
}

impl Emit<'_> {
    /// The call of what makes room, the entry, and the comparison with the limit.
    fn write_stack_check(&mut self) {
        const { assert!(VMCTX_STACK_CHECK < 128 && VMCTX_STORE < 128 && STORE_STACK_LIMIT < 128) };
        let check = self.stack_check();
        if check == StackCheck::None {
            return;
        }
        self.asm.mov_imm32(Gpr::RAX, self.module.func_index(self.func).0);
        self.asm.call_mem(Mem::base(Gpr::RDI, VMCTX_STACK_CHECK));
        self.call_sites.push(CallSite {
            return_offset: self.asm.offset(),
            wasm_offset: self.body_start,
            inlined: InlinedIndex::OWN,
            reference_map: CallSite::NONE,
            handler: CallSite::NONE,
            kind: CallKind::Nested,
        });
        let passed = self.asm.jmp_short();
        self.frame.entry = self.asm.offset();
        self.asm.load(Width::W64, SCRATCH, Mem::base(Gpr::RDI, VMCTX_STORE));
        let limit = Rm::Mem(Mem::base(SCRATCH, STORE_STACK_LIMIT));
        if check == StackCheck::Frame {
            self.frame.check_field = Some(self.asm.lea_rsp_field(Gpr::R10));
            self.asm.alu(Alu::Cmp, Width::W64, Gpr::R10, limit);
        } else {
            self.asm.alu(Alu::Cmp, Width::W64, Gpr::RSP, limit);
        }
        self.asm.jcc_back(Cond::Below, 0);
        self.asm.land(passed);
        self.frame.body = self.asm.offset();
    }
}
