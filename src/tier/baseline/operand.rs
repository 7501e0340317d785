//! Popped operands: brought into registers, kept in memory, copied into frames.
//!
//! Nothing in this file changes what a test looks at (see `stack`).

use super::backend::{Assembler as _, Mem, SCRATCH, SCRATCH_VREG, VectorMoves as _, Width};
use super::frame::home_at;
use super::regs::{Gpr, Vreg};
use super::stack::{Entry, Kind, NO_PIN, Upper, in_vreg, width};
use super::{Emit, Local};
use crate::types::ValType;

/// Where an integer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loc {
    Reg(Gpr),
    Mem(Mem),
}

/// A popped operand, brought where an operator wants it.
impl Emit<'_> {
    /// Where a local is.
    #[inline(always)]
    pub(crate) fn local_loc(&self, index: u64) -> Loc {
        let local = self.local(index as u32);
        if local.pin != NO_PIN { Loc::Reg(Gpr(local.pin)) } else { Loc::Mem(self.frame.local_mem(index as u32)) }
    }

    /// As a register or in memory; a constant gets a register. To be freed with [`Emit::free_loc`].
    #[inline(always)]
    pub(crate) fn to_loc(&mut self, entry: Entry) -> Loc {
        match entry.kind {
            Kind::Reg => Loc::Reg(Gpr(entry.reg)),
            Kind::Local => self.local_loc(entry.bits),
            Kind::Home => Loc::Mem(home_at(entry.bits as i32)),
            Kind::Const => Loc::Reg(self.load_const(entry.bits)),
        }
    }

    #[inline(never)]
    fn load_const(&mut self, bits: u64) -> Gpr {
        let reg = self.alloc();
        self.asm.set(reg, bits);
        reg
    }

    /// In a register that must not be written: it may be a pinned local's. To be freed with [`Emit::free`].
    #[inline(always)]
    pub(crate) fn to_gpr(&mut self, entry: Entry) -> Gpr {
        match self.to_loc(entry) {
            Loc::Reg(reg) => reg,
            Loc::Mem(mem) => {
                let reg = self.alloc();
                self.asm.load(width(entry.ty), reg, mem);
                reg
            }
        }
    }

    /// In a register that the operator may write, an i32 with zeros above it.
    pub(crate) fn clean_temp(&mut self, entry: Entry) -> Gpr {
        let reg = self.to_temp(entry);
        if entry.kind == Kind::Reg && entry.upper == Upper::Unknown && width(entry.ty) == Width::W32 {
            self.asm.copy(Width::W32, reg, reg);
        }
        reg
    }

    /// In a register that must not be written, an i32 with zeros above it.
    #[inline(always)]
    pub(crate) fn clean_gpr(&mut self, entry: Entry) -> Gpr {
        if entry.upper == Upper::Unknown { self.clean_temp(entry) } else { self.to_gpr(entry) }
    }

    /// In a register that the operator may write. An i32 may still have something above it.
    #[inline(always)]
    pub(crate) fn to_temp(&mut self, entry: Entry) -> Gpr {
        match self.to_loc(entry) {
            Loc::Reg(reg) if self.temp_gprs.has(reg.0) => reg,
            rm => {
                let reg = self.alloc();
                self.move_gpr(width(entry.ty), reg, rm);
                reg
            }
        }
    }

    #[inline(always)]
    pub(crate) fn move_gpr(&mut self, width: Width, dst: Gpr, src: Loc) {
        match src {
            Loc::Reg(src) => self.asm.copy(width, dst, src),
            Loc::Mem(mem) => self.asm.load(width, dst, mem),
        }
    }

    /// In this very register, which the operator does not hold.
    pub(crate) fn to_fixed(&mut self, entry: Entry, reg: Gpr) {
        if entry.kind == Kind::Reg && entry.reg == reg.0 {
            return;
        }
        self.take(reg);
        self.load_entry(reg, entry);
        self.free_entry(entry);
    }

    /// Copies an operand into a register.
    pub(crate) fn load_entry(&mut self, dst: Gpr, entry: Entry) {
        match entry.kind {
            Kind::Reg if entry.reg == dst.0 => {}
            Kind::Reg => self.asm.copy(width(entry.ty), dst, Gpr(entry.reg)),
            Kind::Const => self.asm.set(dst, entry.bits),
            Kind::Local => match self.local_loc(entry.bits) {
                Loc::Reg(pinned) if pinned == dst => {}
                rm => self.move_gpr(width(entry.ty), dst, rm),
            },
            Kind::Home => self.asm.load(width(entry.ty), dst, home_at(entry.bits as i32)),
        }
    }

    /// In a vector register that must not be written. To be freed with [`Emit::free_vreg`].
    #[inline(always)]
    pub(crate) fn to_vreg(&mut self, entry: Entry) -> Vreg {
        match self.vreg_of(entry) {
            Some(reg) => reg,
            None => self.load_temp_vreg(entry),
        }
    }

    /// In a vector register that the operator may write.
    #[inline(always)]
    pub(crate) fn to_temp_vreg(&mut self, entry: Entry) -> Vreg {
        match self.vreg_of(entry) {
            Some(reg) if self.temp_vregs.has(reg.0) => reg,
            _ => self.load_temp_vreg(entry),
        }
    }

    /// The vector register that holds an operand, if one does.
    #[inline(always)]
    pub(crate) fn vreg_of(&self, entry: Entry) -> Option<Vreg> {
        match entry.kind {
            Kind::Reg => Some(Vreg(entry.reg)),
            Kind::Local => Some(self.local(entry.bits as u32).pin).filter(|&pin| pin != NO_PIN).map(Vreg),
            Kind::Const | Kind::Home => None,
        }
    }

    #[inline(never)]
    fn load_temp_vreg(&mut self, entry: Entry) -> Vreg {
        let reg = self.alloc_vreg();
        self.load_vreg_entry(reg, entry);
        reg
    }

    /// Copies an operand into a vector register.
    pub(crate) fn load_vreg_entry(&mut self, dst: Vreg, entry: Entry) {
        match entry.kind {
            Kind::Reg if entry.reg == dst.0 => {}
            Kind::Reg => self.move_vreg(dst, Vreg(entry.reg)),
            Kind::Const => self.load_vreg_const(dst, entry),
            Kind::Local => {
                let Local { pin, .. } = self.local(entry.bits as u32);
                if pin != NO_PIN {
                    self.move_vreg(dst, Vreg(pin));
                } else {
                    self.load_vreg(entry.ty, dst, self.frame.local_mem(entry.bits as u32));
                }
            }
            Kind::Home => self.load_vreg(entry.ty, dst, home_at(entry.bits as i32)),
        }
    }

    /// Copies an operand into memory. Uses the scratch registers.
    pub(crate) fn store_entry(&mut self, entry: Entry, mem: Mem) {
        if in_vreg(entry.ty) {
            let source = match entry.kind {
                Kind::Reg => Vreg(entry.reg),
                Kind::Const if entry.ty != ValType::V128 => {
                    self.asm.store_const(width_of_float(entry.ty), mem, entry.bits);
                    return;
                }
                _ => {
                    self.load_vreg_entry(SCRATCH_VREG, entry);
                    SCRATCH_VREG
                }
            };
            self.store_vreg(entry.ty, mem, source);
            return;
        }
        let width = width(entry.ty);
        let source = match entry.kind {
            Kind::Reg => Gpr(entry.reg),
            Kind::Const => {
                self.asm.store_const(width, mem, entry.bits);
                return;
            }
            _ => {
                self.load_entry(SCRATCH, entry);
                SCRATCH
            }
        };
        self.asm.store(width, mem, source);
    }
}

/// Which integers have the bits of floats of this type.
fn width_of_float(ty: ValType) -> Width {
    if ty == ValType::F32 { Width::W32 } else { Width::W64 }
}
