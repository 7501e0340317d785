//! The operand stack while code is emitted: where each operand is, and the registers that hold them.
//!
//! An operand is a constant, a local that has not been read yet, a register, or lies in its home: the place in the
//! frame that its position on the stack has. The operands below `settled` are constants or at home, so that whatever
//! looks through the stack looks at no more than [`WINDOW`] operands, however deep it is.
//!
//! A register that holds an operand belongs to that operand alone. What `pop` returns belongs to the operator until
//! it frees it: it can be neither handed out again nor spilled.
//!
//! Nothing here or in `operand` changes what a test looks at, so that operands may be moved between a comparison and
//! its branch.
//!
//! Not here: bringing a popped operand where it is wanted (`operand`), where homes are (`frame`).

use super::Emit;
use super::backend::{Assembler as _, VectorMoves as _, Width};
use super::frame::home_at;
use super::operand::Loc;
use super::regs::{Gpr, Vreg};
use crate::types::ValType;

/// Operands above `settled`, at most.
const WINDOW: usize = 32;

/// No register: the local lives in its home.
pub(crate) const NO_PIN: u8 = 0xff;

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `bits` is its value; of a v128, where its 16 bytes start in the body.
    Const,
    /// The local with the index `bits`, which has not been read yet.
    Local,
    /// In the register `reg`, of the class that `ty` says.
    Reg,
    /// In the frame, `bits` bytes (as an i32) from its register.
    Home,
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) ty: ValType,
    pub(crate) reg: u8,
    /// Of an i32 in a register, also in a pinned local's: whether the upper half of the register is 0.
    pub(crate) upper: Upper,
    pub(crate) bits: u64,
}

/// What the upper half of a register that holds an i32 contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upper {
    Zero,
    Unknown,
}

/// The width of operations on integers and references of this type.
#[inline(always)]
pub(crate) fn width(ty: ValType) -> Width {
    match ty {
        ValType::I32 | ValType::ExternRef => Width::W32,
        _ => Width::W64,
    }
}

/// Whether values of this type are in vector registers.
#[inline(always)]
pub(crate) fn in_vreg(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)
}

impl Entry {
    #[inline(always)]
    pub(crate) fn constant(ty: ValType, bits: u64) -> Entry {
        Entry { kind: Kind::Const, ty, reg: 0, upper: Upper::Zero, bits }
    }

    #[inline(always)]
    pub(crate) fn local(ty: ValType, index: u32) -> Entry {
        Entry { kind: Kind::Local, ty, reg: 0, upper: Upper::Zero, bits: u64::from(index) }
    }

    #[inline(always)]
    pub(crate) fn register(ty: ValType, reg: u8, upper: Upper) -> Entry {
        Entry { kind: Kind::Reg, ty, reg, upper, bits: 0 }
    }

    #[inline(always)]
    fn home(ty: ValType, disp: i32) -> Entry {
        Entry { kind: Kind::Home, ty, reg: 0, upper: Upper::Zero, bits: disp as u32 as u64 }
    }

    /// The value of an integer constant.
    #[inline(always)]
    pub(crate) fn as_const(&self) -> Option<u64> {
        if self.kind == Kind::Const { Some(self.bits) } else { None }
    }
}

/// The stack itself.
impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() - self.settled >= WINDOW {
            self.settle_lowest();
        }
        self.entries.push(entry);
    }

    /// Pushes an i32, i64 or reference; an i32 has zeros above.
    #[inline(always)]
    pub(crate) fn push_gpr(&mut self, ty: ValType, reg: Gpr) {
        self.push(Entry::register(ty, reg.0, Upper::Zero));
    }

    /// Pushes an i32 in a register that may hold something above it.
    #[inline(always)]
    pub(crate) fn push_dirty(&mut self, ty: ValType, reg: Gpr) {
        self.push(Entry::register(ty, reg.0, Upper::Unknown));
    }

    /// Pushes an f32, f64 or v128.
    #[inline(always)]
    pub(crate) fn push_vreg(&mut self, ty: ValType, reg: Vreg) {
        self.push(Entry::register(ty, reg.0, Upper::Zero));
    }

    /// Pushes a constant. Of an i32 and an f32, the upper half of `bits` is 0.
    #[inline(always)]
    pub(crate) fn push_const(&mut self, ty: ValType, bits: u64) {
        self.push(Entry::constant(ty, bits));
    }

    /// Pushes an operand that lies at its home already.
    pub(crate) fn push_home(&mut self, ty: ValType) {
        let disp = self.frame.operand(self.entries.len());
        self.push(Entry::home(ty, disp));
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Entry {
        let entry = self.entries.pop().expect("validated: the operand stack is not empty");
        self.settled = self.settled.min(self.entries.len());
        entry
    }

    /// Frees the register of an operand that is not needed any more.
    #[inline(always)]
    pub(crate) fn free_entry(&mut self, entry: Entry) {
        if entry.kind == Kind::Reg {
            if in_vreg(entry.ty) { self.free_vregs.insert(entry.reg) } else { self.free_gprs.insert(entry.reg) }
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_lowest(&mut self) {
        self.settle_at(self.settled);
        self.settled += 1;
    }

    /// Brings the operand at this position home, unless it is a constant.
    fn settle_at(&mut self, position: usize) {
        match self.entries[position].kind {
            Kind::Const | Kind::Home => {}
            Kind::Local | Kind::Reg => self.spill_at(position),
        }
    }

    /// Brings the operand at this position home.
    pub(crate) fn spill_at(&mut self, position: usize) {
        let entry = self.entries[position];
        let disp = self.frame.operand(position);
        self.store_entry(entry, home_at(disp));
        self.free_entry(entry);
        self.entries[position] = Entry::home(entry.ty, disp);
    }

    /// Brings all operands home, but for constants. What precedes a place where several ways meet.
    #[inline(always)]
    pub(crate) fn flush(&mut self) {
        let height = self.entries.len();
        if self.settled < height {
            self.flush_to(height);
        }
    }

    /// As [`Emit::flush`], for the operands below this height.
    #[inline(never)]
    pub(crate) fn flush_to(&mut self, height: usize) {
        for position in self.settled..height {
            self.settle_at(position);
        }
        self.settled = self.settled.max(height);
    }

    /// Brings the operands from `start` home, constants included.
    pub(crate) fn materialise_from(&mut self, start: usize) {
        for position in start..self.entries.len() {
            if self.entries[position].kind != Kind::Home {
                self.asm.reserve(64);
                self.spill_at(position);
            }
        }
    }

    /// Brings the operands below this height that are in registers home: what precedes a call. Locals that have not
    /// been read yet stay so, since a callee cannot change them.
    pub(crate) fn spill_registers_below(&mut self, height: usize) {
        for position in self.settled..height {
            if self.entries[position].kind == Kind::Reg {
                self.spill_at(position);
            }
        }
    }

    /// Reads a local for the operands that have not done so yet, because it is about to change.
    #[inline(always)]
    pub(crate) fn read_before_write(&mut self, local: u32) {
        for position in self.settled..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind == Kind::Local && entry.bits == u64::from(local) {
                self.read_local_at(position);
            }
        }
    }

    #[inline(never)]
    fn read_local_at(&mut self, position: usize) {
        let entry = self.entries[position];
        let reg = if in_vreg(entry.ty) { self.to_temp_vreg(entry).0 } else { self.to_temp(entry).0 };
        self.entries[position] = Entry::register(entry.ty, reg, Upper::Zero);
    }
}

/// Registers.
impl Emit<'_> {
    /// A register that nothing uses.
    #[inline(always)]
    pub(crate) fn alloc(&mut self) -> Gpr {
        match self.free_gprs.first() {
            Some(number) => {
                self.free_gprs.remove(number);
                Gpr(number)
            }
            None => self.steal(),
        }
    }

    /// Spills the lowest operand in a general purpose register, and takes its register.
    #[cold]
    #[inline(never)]
    fn steal(&mut self) -> Gpr {
        for position in self.settled..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind == Kind::Reg && !in_vreg(entry.ty) {
                self.spill_at(position);
                self.free_gprs.remove(entry.reg);
                return Gpr(entry.reg);
            }
        }
        unreachable!("an operator holds all registers");
    }

    /// Takes this very register: an operand in it moves elsewhere. The operator must not hold it.
    pub(crate) fn take(&mut self, reg: Gpr) {
        if self.free_gprs.has(reg.0) {
            self.free_gprs.remove(reg.0);
            return;
        }
        for position in self.settled..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind == Kind::Reg && !in_vreg(entry.ty) && entry.reg == reg.0 {
                match self.free_gprs.first() {
                    Some(other) => {
                        self.free_gprs.remove(other);
                        self.asm.copy(Width::W64, Gpr(other), reg);
                        self.entries[position].reg = other;
                    }
                    None => {
                        self.spill_at(position);
                        self.free_gprs.remove(reg.0);
                    }
                }
                return;
            }
        }
        unreachable!("the operator holds the register already");
    }

    /// Gives a register back. A pinned one stays with its local.
    #[inline(always)]
    pub(crate) fn free(&mut self, reg: Gpr) {
        if self.temp_gprs.has(reg.0) {
            debug_assert!(!self.free_gprs.has(reg.0), "freed twice");
            self.free_gprs.insert(reg.0);
        }
    }

    #[inline(always)]
    pub(crate) fn free_loc(&mut self, loc: Loc) {
        if let Loc::Reg(reg) = loc {
            self.free(reg);
        }
    }

    /// A vector register that nothing uses.
    #[inline(always)]
    pub(crate) fn alloc_vreg(&mut self) -> Vreg {
        match self.free_vregs.first() {
            Some(number) => {
                self.free_vregs.remove(number);
                Vreg(number)
            }
            None => self.steal_vreg(),
        }
    }

    #[cold]
    #[inline(never)]
    fn steal_vreg(&mut self) -> Vreg {
        for position in self.settled..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind == Kind::Reg && in_vreg(entry.ty) {
                self.spill_at(position);
                self.free_vregs.remove(entry.reg);
                return Vreg(entry.reg);
            }
        }
        unreachable!("an operator holds all vector registers");
    }

    /// As [`Emit::take`], for vector registers.
    pub(crate) fn take_vreg(&mut self, reg: Vreg) {
        if self.free_vregs.has(reg.0) {
            self.free_vregs.remove(reg.0);
            return;
        }
        for position in self.settled..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind == Kind::Reg && in_vreg(entry.ty) && entry.reg == reg.0 {
                match self.free_vregs.first() {
                    Some(other) => {
                        self.free_vregs.remove(other);
                        self.move_vreg(Vreg(other), reg);
                        self.entries[position].reg = other;
                    }
                    None => {
                        self.spill_at(position);
                        self.free_vregs.remove(reg.0);
                    }
                }
                return;
            }
        }
        unreachable!("the operator holds the register already");
    }

    #[inline(always)]
    pub(crate) fn free_vreg(&mut self, reg: Vreg) {
        if self.temp_vregs.has(reg.0) {
            debug_assert!(!self.free_vregs.has(reg.0), "freed twice");
            self.free_vregs.insert(reg.0);
        }
    }
}
