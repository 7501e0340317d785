//! What a function notes of how it runs: direct calls, targets of indirect calls.
//!
//! In front of a direct call of a function of the module:
//!
//!     mov r11, [vmctx + VMCTX_PROFILE]
//!     add dword [r11 + cell], 1
//!
//! Only the first one of a stretch is counted (`tier/counters.rs`): the others are run as often. Where the stretch begins
//! at a loop, the loop counts it (`budget.rs`).
//!
//! In front of an indirect call, whose slot is in rax:
//!
//!     mov r11, [vmctx + VMCTX_PROFILE]
//!     cmp rax, [r11 + site + SITE_SLOT0]
//!     jne detour
//!     add dword [r11 + site + SITE_COUNT0], 1
//!
//! What the detour does is written once per function: a routine that looks for the slot in the second place, takes a
//! free one, or counts it among the others. The first place belongs to the more frequent one, and a slot that is
//! called often gets into the second one in the end, whatever was called before. The routine uses r10 and r11, and no
//! stack but its return address. It is not WebAssembly's business: no trap, no call site, no backtrace can have it.
//!
//! Entries are not counted, since callers count: that would cost as much again, and say less.
//!
//! Not here: where counters are (`tier/counters.rs`), what they say (`compile/profile.rs`).

use super::asm::{Alu, Cond, Label, Mem, Rm, Shift};
use super::regs::{SCRATCH, VMCTX};
use crate::abi::profile::{PATIENCE_SHIFT, SITE_COUNT0, SITE_COUNT1, SITE_OTHERS, SITE_SLOT0, SITE_SLOT1};
use crate::abi::vmctx::VMCTX_PROFILE;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Assembler as _, Profiles, Width};
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::trap::{Detour, DetourKind};

impl Profiles for Emit<'_> {
    /// Counts a direct call of a function of the module, if nobody has. Changes r11 only.
    fn count_call(&mut self) {
        if let Some(layout) = self.counters.filter(|_| !self.stretch_is_counted) {
            self.stretch_is_counted = true;
            let cell = layout.cell(self.wasm_offset());
            self.asm.reserve(64);
            self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_PROFILE));
            self.asm.alu_imm(Alu::Add, Width::W32, Rm::Mem(Mem::base(SCRATCH, cell)), 1);
        }
    }

    /// Notes the target of an indirect call, whose slot is in rax. Changes r10 and r11 only.
    fn note_target(&mut self) {
        let Some(layout) = self.counters else { return };
        let Some(site) = layout.site(self.module, self.func, self.indirect_index - 1) else { return };
        self.asm.reserve(64);
        self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, VMCTX_PROFILE));
        self.asm.alu(Alu::Cmp, Width::W64, Gpr::RAX, Rm::Mem(Mem::base(SCRATCH, site + SITE_SLOT0)));
        let mut from = Label::default();
        self.asm.jcc(Cond::NotEqual, &mut from);
        self.asm.alu_imm(Alu::Add, Width::W32, Rm::Mem(Mem::base(SCRATCH, site + SITE_COUNT0)), 1);
        let kind = DetourKind::OtherTarget { site, back: self.asm.offset() };
        self.detours.push(Detour { from, wasm_offset: self.wasm_offset(), kind });
    }

    /// The detour of [`Emit::note_target`].
    fn other_target(&mut self, site: i32, back: u32) {
        self.asm.alu_imm(Alu::Add, Width::W64, Rm::Reg(SCRATCH), site);
        let mut routine = self.target_routine;
        self.asm.call(&mut routine);
        self.target_routine = routine;
        self.asm.jump_back(back);
    }

    /// The routine behind all detours of the function: the record is at r11, and the slot, in rax, is not its first.
    fn write_target_routine(&mut self) {
        if !self.target_routine.is_used() {
            return;
        }
        let field = |offset| Mem::base(SCRATCH, offset);
        let (slot0, slot1) = (field(SITE_SLOT0), field(SITE_SLOT1));
        let (count0, count1, others) = (field(SITE_COUNT0), field(SITE_COUNT1), field(SITE_OTHERS));
        let asm = &mut self.asm;
        asm.reserve(256);
        asm.bind(self.target_routine);
        let (mut first, mut second, mut done) = (Label::default(), Label::default(), Label::default());

        asm.alu(Alu::Cmp, Width::W64, Gpr::RAX, Rm::Mem(slot1));
        let unknown = asm.jcc_short(Cond::NotEqual);
        asm.alu_imm(Alu::Add, Width::W32, Rm::Mem(count1), 1);
        asm.load(Width::W32, Gpr::R10, count1);
        asm.alu(Alu::Cmp, Width::W32, Gpr::R10, Rm::Mem(count0));
        asm.jcc(Cond::BelowEqual, &mut done);
        // It is called more often than the first: they change places.
        asm.load(Width::W64, Gpr::R10, slot0);
        asm.store(Width::W64, slot1, Gpr::R10);
        asm.store(Width::W64, slot0, Gpr::RAX);
        const { assert!(SITE_COUNT1 == SITE_COUNT0 + 4) };
        asm.load(Width::W64, Gpr::R10, count0);
        asm.shift_imm(Shift::Ror, Width::W64, Gpr::R10, 32);
        asm.store(Width::W64, count0, Gpr::R10);
        asm.ret(0);

        asm.land(unknown);
        asm.alu_imm(Alu::Cmp, Width::W64, Rm::Mem(slot0), 0);
        asm.jcc(Cond::Equal, &mut first);
        asm.alu_imm(Alu::Cmp, Width::W64, Rm::Mem(slot1), 0);
        asm.jcc(Cond::Equal, &mut second);
        asm.alu_imm(Alu::Add, Width::W32, Rm::Mem(others), 1);
        asm.load(Width::W32, Gpr::R10, count1);
        asm.shift_imm(Shift::Shl, Width::W32, Gpr::R10, PATIENCE_SHIFT);
        asm.alu(Alu::Cmp, Width::W32, Gpr::R10, Rm::Mem(others));
        asm.jcc(Cond::AboveEqual, &mut done);
        // Whatever is in the second place has not been called for long.
        asm.load(Width::W32, Gpr::R10, count1);
        asm.alu_mem(Alu::Add, Width::W32, others, Gpr::R10);
        asm.alu_imm(Alu::Sub, Width::W32, Rm::Mem(others), 1);

        asm.bind(second);
        asm.store(Width::W64, slot1, Gpr::RAX);
        asm.store_imm(Width::W32, count1, 1);
        asm.ret(0);

        asm.bind(first);
        asm.store(Width::W64, slot0, Gpr::RAX);
        asm.store_imm(Width::W32, count0, 1);
        asm.bind(done);
        asm.ret(0);
    }
}
