//! Popped operands: brought into registers, kept in memory, copied into frames.
//!
//! Nothing in this file changes the flags (see `stack`).

use super::Emit;
use super::stack::{Entry, Kind, NO_PIN, Rmi, Upper, in_xmm, width};
use super::x64::asm::{Mem, Rm, Width};
use super::x64::regs::{Gpr, SCRATCH, SCRATCH_XMM, Xmm};
use super::x64::sse::Xm;
use crate::types::ValType;

/// A popped operand, brought where an operator wants it.
impl Emit<'_> {
    /// Where a local is.
    #[inline(always)]
    pub(crate) fn local_rm(&self, index: u64) -> Rm {
        let local = self.local(index as u32);
        if local.pin != NO_PIN { Rm::Reg(Gpr(local.pin)) } else { Rm::Mem(self.frame.local_mem(index as u32)) }
    }

    #[inline(always)]
    fn local_xm(&self, index: u64) -> Xm {
        let local = self.local(index as u32);
        if local.pin != NO_PIN { Xm::Reg(Xmm(local.pin)) } else { Xm::Mem(self.frame.local_mem(index as u32)) }
    }

    /// As a register or in memory; a constant gets a register. To be freed with [`Emit::free_rm`].
    #[inline(always)]
    pub(crate) fn to_rm(&mut self, entry: Entry) -> Rm {
        match entry.kind {
            Kind::Reg => Rm::Reg(Gpr(entry.reg)),
            Kind::Local => self.local_rm(entry.bits),
            Kind::Home => Rm::Mem(Mem::base(Gpr::RBP, entry.bits as i32)),
            Kind::Const => Rm::Reg(self.load_const(entry.bits)),
        }
    }

    /// As an immediate if it is a constant that fits, else as [`Emit::to_rm`].
    #[inline(always)]
    pub(crate) fn to_rmi(&mut self, entry: Entry) -> Rmi {
        match entry.as_imm() {
            Some(imm) => Rmi::Imm(imm),
            None => Rmi::Rm(self.to_rm(entry)),
        }
    }

    #[inline(never)]
    fn load_const(&mut self, bits: u64) -> Gpr {
        let reg = self.alloc();
        self.asm.mov_imm64(reg, bits);
        reg
    }

    /// In a register that must not be written: it may be a pinned local's. To be freed with [`Emit::free`].
    #[inline(always)]
    pub(crate) fn to_gpr(&mut self, entry: Entry) -> Gpr {
        match self.to_rm(entry) {
            Rm::Reg(reg) => reg,
            Rm::Mem(mem) => {
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
            self.asm.mov_rr(Width::W32, reg, reg);
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
        match self.to_rm(entry) {
            Rm::Reg(reg) if self.temp_gprs.has(reg.0) => reg,
            rm => {
                let reg = self.alloc();
                self.move_gpr(width(entry.ty), reg, rm);
                reg
            }
        }
    }

    #[inline(always)]
    pub(crate) fn move_gpr(&mut self, width: Width, dst: Gpr, src: Rm) {
        match src {
            Rm::Reg(src) => self.asm.mov_rr(width, dst, src),
            Rm::Mem(mem) => self.asm.load(width, dst, mem),
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
            Kind::Reg => self.asm.mov_rr(width(entry.ty), dst, Gpr(entry.reg)),
            Kind::Const => self.asm.mov_imm64(dst, entry.bits),
            Kind::Local => match self.local_rm(entry.bits) {
                Rm::Reg(pinned) if pinned == dst => {}
                rm => self.move_gpr(width(entry.ty), dst, rm),
            },
            Kind::Home => self.asm.load(width(entry.ty), dst, Mem::base(Gpr::RBP, entry.bits as i32)),
        }
    }

    /// As a vector register, in memory or in the pool of constants. To be freed with [`Emit::free_xm`].
    #[inline(always)]
    pub(crate) fn to_xm(&mut self, entry: Entry) -> Xm {
        match entry.kind {
            Kind::Reg => Xm::Reg(Xmm(entry.reg)),
            Kind::Local => self.local_xm(entry.bits),
            Kind::Home => Xm::Mem(Mem::base(Gpr::RBP, entry.bits as i32)),
            Kind::Const => self.pool_entry(entry),
        }
    }

    /// In a vector register that must not be written. To be freed with [`Emit::free_xmm`].
    #[inline(always)]
    pub(crate) fn to_xmm(&mut self, entry: Entry) -> Xmm {
        match self.xmm_of(entry) {
            Some(reg) => reg,
            None => self.load_temp_xmm(entry),
        }
    }

    /// In a vector register that the operator may write.
    #[inline(always)]
    pub(crate) fn to_temp_xmm(&mut self, entry: Entry) -> Xmm {
        match self.xmm_of(entry) {
            Some(reg) if self.temp_xmms.has(reg.0) => reg,
            _ => self.load_temp_xmm(entry),
        }
    }

    /// The vector register that holds an operand, if one does.
    #[inline(always)]
    pub(crate) fn xmm_of(&self, entry: Entry) -> Option<Xmm> {
        match entry.kind {
            Kind::Reg => Some(Xmm(entry.reg)),
            Kind::Local => Some(self.local(entry.bits as u32).pin).filter(|&pin| pin != NO_PIN).map(Xmm),
            Kind::Const | Kind::Home => None,
        }
    }

    #[inline(never)]
    fn load_temp_xmm(&mut self, entry: Entry) -> Xmm {
        let reg = self.alloc_xmm();
        self.load_xmm_entry(reg, entry);
        reg
    }

    /// Copies an operand into a vector register.
    pub(crate) fn load_xmm_entry(&mut self, dst: Xmm, entry: Entry) {
        match entry.kind {
            Kind::Reg if entry.reg == dst.0 => {}
            Kind::Reg => self.move_xmm(dst, Xmm(entry.reg)),
            Kind::Const => self.load_xmm_const(dst, entry),
            Kind::Local => match self.local_xm(entry.bits) {
                Xm::Reg(pinned) => self.move_xmm(dst, pinned),
                Xm::Mem(mem) => self.load_xmm(entry.ty, dst, mem),
                Xm::Pool(_) => unreachable!("locals are no constants"),
            },
            Kind::Home => self.load_xmm(entry.ty, dst, Mem::base(Gpr::RBP, entry.bits as i32)),
        }
    }

    /// Copies an operand into memory. Uses the scratch registers.
    pub(crate) fn store_entry(&mut self, entry: Entry, mem: Mem) {
        if in_xmm(entry.ty) {
            let source = match entry.kind {
                Kind::Reg => Xmm(entry.reg),
                Kind::Const if entry.ty != ValType::V128 => {
                    self.store_const(width_of_float(entry.ty), mem, entry.bits);
                    return;
                }
                _ => {
                    self.load_xmm_entry(SCRATCH_XMM, entry);
                    SCRATCH_XMM
                }
            };
            self.store_xmm(entry.ty, mem, source);
            return;
        }
        let width = width(entry.ty);
        let source = match entry.kind {
            Kind::Reg => Gpr(entry.reg),
            Kind::Const => {
                self.store_const(width, mem, entry.bits);
                return;
            }
            _ => {
                self.load_entry(SCRATCH, entry);
                SCRATCH
            }
        };
        self.asm.store(width, mem, source);
    }

    fn store_const(&mut self, width: Width, mem: Mem, bits: u64) {
        let imm = match width {
            Width::W32 => Some(bits as i32),
            Width::W64 => i32::try_from(bits as i64).ok(),
        };
        match imm {
            Some(imm) => self.asm.store_imm(width, mem, imm),
            None => {
                self.asm.mov_imm64(SCRATCH, bits);
                self.asm.store(width, mem, SCRATCH);
            }
        }
    }
}

/// Which integers have the bits of floats of this type.
fn width_of_float(ty: ValType) -> Width {
    if ty == ValType::F32 { Width::W32 } else { Width::W64 }
}
