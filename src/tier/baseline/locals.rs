//! Locals and globals, whatever their type, and results that go straight into a pinned local.
//!
//! Where the next operator sets a pinned local, the result is computed in its register.

use super::Emit;
use super::backend::{Assembler as _, Mem, SCRATCH, VMCTX, VectorMoves as _, Width, storable};
use super::operand::Loc;
use super::regs::{Gpr, Vreg};
use super::stack::{Entry, Kind, NO_PIN, Upper, in_vreg, width};
use crate::abi::vmctx::Place;
use crate::types::{GlobalIndex, ValType};

/// A pinned local that the next operator sets, which has been consumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) pin: Gpr,
    local: u32,
    /// Whether the value stays on the stack, too.
    tee: bool,
}

/// A pinned local that the next operator sets, which has been consumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorTarget {
    pub(crate) pin: Vreg,
    local: u32,
    /// Whether the value stays on the stack, too.
    tee: bool,
}

/// Locals.
impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn local_get(&mut self) {
        let index = self.u32();
        let ty = self.local(index).ty;
        self.push(Entry::local(ty, index));
    }

    pub(crate) fn local_set(&mut self) {
        let index = self.u32();
        let value = self.pop();
        self.assign(index, value);
        self.free_entry(value);
    }

    pub(crate) fn local_tee(&mut self) {
        let index = self.u32();
        let value = self.pop();
        self.assign(index, value);
        let local = self.local(index);
        if local.pin != NO_PIN {
            self.free_entry(value);
            self.push(Entry::local(local.ty, index));
        } else if value.kind == Kind::Home {
            // Its home is this position's.
            self.push_home(value.ty);
        } else {
            self.push(value);
        }
    }

    /// Gives a local the value of a popped operand, which keeps its register.
    fn assign(&mut self, index: u32, value: Entry) {
        self.read_before_write(index);
        let local = self.local(index);
        if local.pin == NO_PIN {
            if value.kind == Kind::Local && value.bits == u64::from(index) {
                return;
            }
            let home = self.frame.local_mem(index);
            self.store_entry(value, home);
        } else if in_vreg(local.ty) {
            self.load_vreg_entry(Vreg(local.pin), value);
            self.write_through(index);
        } else {
            // 32 bits of an i32, so that the upper half of a pin is always 0.
            self.load_entry(Gpr(local.pin), value);
            self.write_through(index);
        }
    }

    /// If the next operator sets a pinned integer local, consumes it: the result goes straight there. The operands
    /// are popped already; those that remain read the local first if they have not yet.
    #[inline(always)]
    pub(crate) fn target(&mut self) -> Option<Target> {
        let opcode = self.peek();
        if opcode != 0x21 && opcode != 0x22 {
            return None;
        }
        self.target_of_set(opcode)
    }

    fn target_of_set(&mut self, opcode: u8) -> Option<Target> {
        let mut at = self.pc + 1;
        let local = super::decode::u32_at(self.code, &mut at);
        let super::Local { ty, pin, .. } = self.local(local);
        if pin == NO_PIN || in_vreg(ty) {
            return None;
        }
        self.pc = at;
        self.read_before_write(local);
        Some(Target { pin: Gpr(pin), local, tee: opcode == 0x22 })
    }

    /// Pushes the result of an operator, which is in `reg`; or, with a target, in its pin.
    #[inline(always)]
    pub(crate) fn result(&mut self, ty: ValType, reg: Gpr, target: Option<Target>) {
        match target {
            None => self.push_gpr(ty, reg),
            Some(target) => {
                if reg != target.pin {
                    self.asm.copy(width(ty), target.pin, reg);
                    self.free(reg);
                }
                self.write_through(target.local);
                if target.tee {
                    self.push(Entry::local(ty, target.local));
                }
            }
        }
    }

    /// A register for a result that is computed from nothing in a register.
    #[inline(always)]
    pub(crate) fn result_register(&mut self, target: Option<Target>) -> Gpr {
        match target {
            Some(target) => target.pin,
            None => self.alloc(),
        }
    }

    pub(crate) fn global_get(&mut self) {
        let global = GlobalIndex(self.u32());
        let ty = self.module.globals()[global.index()].content;
        let mem = self.place(self.layout.global(global));
        if in_vreg(ty) {
            let reg = self.alloc_vreg();
            self.load_vreg(ty, reg, mem);
            self.push_vreg(ty, reg);
        } else {
            let target = self.target();
            let reg = self.result_register(target);
            self.asm.load(width(ty), reg, mem);
            self.result(ty, reg, target);
        }
    }

    pub(crate) fn global_set(&mut self) {
        let global = GlobalIndex(self.u32());
        let value = self.pop();
        if in_vreg(value.ty) {
            let reg = self.to_vreg(value);
            let mem = self.place(self.layout.global(global));
            self.store_vreg(value.ty, mem, reg);
            self.free_vreg(reg);
        } else if let Some(bits) = value.as_const().filter(|&bits| storable(width(value.ty), bits)) {
            let mem = self.place(self.layout.global(global));
            self.asm.store_const(width(value.ty), mem, bits);
        } else {
            let reg = self.to_gpr(value);
            let mem = self.place(self.layout.global(global));
            self.asm.store(width(value.ty), mem, reg);
            self.free(reg);
        }
    }

    /// Where a definition is. Uses the scratch register for an imported one.
    pub(crate) fn place(&mut self, place: Place) -> Mem {
        match place {
            Place::Own(offset) => Mem::base(VMCTX, offset),
            Place::Imported(offset) => {
                self.asm.load(Width::W64, SCRATCH, Mem::base(VMCTX, offset));
                Mem::base(SCRATCH, 0)
            }
        }
    }
}

/// Results in pinned locals.
impl Emit<'_> {
    /// A copy of an operand that may be written: in the target, or in a register of the operator's.
    pub(crate) fn writable(&mut self, entry: Entry, target: Option<Target>) -> Gpr {
        match target {
            Some(target) => {
                self.load_entry(target.pin, entry);
                self.free_entry(entry);
                target.pin
            }
            None => self.to_temp(entry),
        }
    }

    /// Whether an operand is the local in this register.
    pub(crate) fn is_pin(&self, entry: Entry, pin: Gpr) -> bool {
        entry.kind == Kind::Local && self.local_loc(entry.bits) == Loc::Reg(pin)
    }

    /// As [`Emit::target`], for locals in vector registers.
    #[inline(always)]
    pub(crate) fn vector_target(&mut self) -> Option<VectorTarget> {
        let opcode = self.peek();
        if opcode != 0x21 && opcode != 0x22 {
            return None;
        }
        let mut at = self.pc + 1;
        let local = super::decode::u32_at(self.code, &mut at);
        let super::Local { ty, pin, .. } = self.locals[local as usize];
        if pin == NO_PIN || !in_vreg(ty) {
            return None;
        }
        self.pc = at;
        self.read_before_write(local);
        Some(VectorTarget { pin: Vreg(pin), local, tee: opcode == 0x22 })
    }

    /// Pushes the result of an operator, which is in `reg`; or, with a target, in its pin.
    #[inline(always)]
    pub(crate) fn vector_result(&mut self, ty: ValType, reg: Vreg, target: Option<VectorTarget>) {
        let Some(target) = target else { return self.push_vreg(ty, reg) };
        if reg != target.pin {
            self.move_vreg(target.pin, reg);
            self.free_vreg(reg);
        }
        self.write_through(target.local);
        if target.tee {
            self.push(Entry::local(ty, target.local));
        }
    }

    /// A register for a result that is computed from nothing in a register.
    #[inline(always)]
    pub(crate) fn vector_result_register(&mut self, target: Option<VectorTarget>) -> Vreg {
        match target {
            Some(target) => target.pin,
            None => self.alloc_vreg(),
        }
    }
}

/// Operators without an instruction of their own.
impl Emit<'_> {
    /// `i64.extend_i32_u`.
    pub(crate) fn extend_unsigned(&mut self) {
        let entry = self.pop();
        if entry.kind == Kind::Const {
            return self.push_const(ValType::I64, entry.bits);
        }
        let reg = self.clean_temp(entry);
        self.push_gpr(ValType::I64, reg);
    }

    /// `i32.wrap_i64`: no instruction. What is above the lower half is not known any more.
    pub(crate) fn wrap(&mut self) {
        let mut entry = self.pop();
        entry.ty = ValType::I32;
        match entry.kind {
            Kind::Const => entry.bits = u64::from(entry.bits as u32),
            Kind::Local | Kind::Reg => entry.upper = Upper::Unknown,
            Kind::Home => {}
        }
        self.push(entry);
    }
}
