//! Linear memories: addresses, loads, stores.
//!
//! [`Emit::access`] is the only place that widens an index and forms an address.

use super::asm::{Alu, Cond, Mem, Rm};
use super::regs::{MEMORY, SCRATCH};
use crate::abi::vmctx::{MEMORY_BASE, TABLE_BASE, TABLE_LENGTH};
use crate::limits::MEMORY_GUARD;
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{Accesses, Assembler as _, Load, VectorMoves as _, Width};
use crate::tier::baseline::decode::MemArg;
use crate::tier::baseline::regs::Gpr;
use crate::tier::baseline::stack::{Entry, in_vreg, width};
use crate::tier::top::{Check, Signals, Wrap, decide};
use crate::trap::TrapCode;
use crate::types::{TableIndex, ValType};

/// The operand of an instruction that loads or stores. To be given back with [`Emit::release`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) mem: Mem,
    /// Registers that the address is made of, if they are the operator's.
    held: [Option<Gpr>; 2],
    /// Whether the instruction is a trap site.
    faults: Faults,
}

/// Whether an access may fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Faults {
    Never,
    OutOfBounds,
}

/// Addresses.
impl Emit<'_> {
    /// Pops the index of an access of `size` bytes.
    #[inline(always)]
    pub(super) fn pop_access(&mut self, memarg: MemArg, size: u32) -> Access {
        let index = self.pop();
        self.access(index, memarg, size)
    }

    /// The address of an access at a popped index.
    #[inline(always)]
    pub(super) fn access(&mut self, index: Entry, memarg: MemArg, size: u32) -> Access {
        if self.guarded_memory0 && memarg.memory == 0 && memarg.offset <= MEMORY_GUARD - 16 {
            return self.guarded_access(index, memarg.offset as i32);
        }
        self.checked_access(index, memarg, size)
    }

    /// In memory 0 behind guard pages.
    #[inline(always)]
    fn guarded_access(&mut self, index: Entry, offset: i32) -> Access {
        if let Some(index) = index.as_const() {
            let disp = index + offset as u64;
            if let Ok(disp) = i32::try_from(disp) {
                return Access { mem: Mem::base(MEMORY, disp), held: [None; 2], faults: Faults::OutOfBounds };
            }
        }
        let index = self.clean_gpr(index);
        Access { mem: Mem::indexed(MEMORY, index, 0, offset), held: [Some(index), None], faults: Faults::OutOfBounds }
    }

    /// Gives the registers of an access back.
    #[inline(always)]
    pub(super) fn release(&mut self, access: &Access) {
        for reg in access.held.into_iter().flatten() {
            self.free(reg);
        }
    }

    /// What precedes the instruction that makes the access, directly.
    #[inline(always)]
    pub(super) fn access_site(&mut self, access: &Access) {
        if access.faults == Faults::OutOfBounds {
            self.trap_site(TrapCode::MemoryOutOfBounds);
        }
    }

    /// Any access to any memory.
    #[inline(never)]
    fn checked_access(&mut self, entry: Entry, memarg: MemArg, size: u32) -> Access {
        let ty = self.module.memories()[memarg.memory as usize];
        let check = decide(&ty, self.options.bounds, entry.as_const(), memarg.offset, u64::from(size));
        if check == Check::Never {
            self.trap_always();
        }
        let addr = self.clean_temp(entry);
        if matches!(check, Check::InBounds | Check::Guarded) {
            let faults = if check == Check::InBounds { Faults::Never } else { Faults::OutOfBounds };
            let (base, held) = self.base_register(memarg.memory);
            let disp = self.fold_offset(addr, memarg.offset);
            return Access { mem: Mem::indexed(base, addr, 0, disp), held: [Some(addr), held], faults };
        }
        // The last byte against the length, and the whole address, which becomes null if it is outside.
        let length = self.alloc();
        match check {
            Check::BelowLength { end } => {
                self.load_length(memarg.memory, length);
                self.add_signed(length, (end as i64).wrapping_neg());
                self.asm.alu(Alu::Cmp, Width::W64, addr, Rm::Reg(length));
            }
            Check::EndAgainstLength { end, wrap } => {
                self.asm.set(SCRATCH, end);
                self.asm.alu(Alu::Add, Width::W64, SCRATCH, Rm::Reg(addr));
                if wrap == Wrap::Possible {
                    // A sum that exceeds 64 bits becomes the largest one, which no length reaches.
                    self.asm.alu(Alu::Sbb, Width::W64, length, Rm::Reg(length));
                    self.asm.alu(Alu::Or, Width::W64, SCRATCH, Rm::Reg(length));
                }
                self.load_length(memarg.memory, length);
                self.asm.alu(Alu::Cmp, Width::W64, SCRATCH, Rm::Reg(length));
            }
            // Emitted for its length only: the code is not reached.
            Check::Never | Check::InBounds | Check::Guarded => {
                self.asm.alu(Alu::Cmp, Width::W64, addr, Rm::Reg(length));
            }
        }
        if self.options.signals == Signals::Off {
            self.trap_if(Cond::Above, TrapCode::MemoryOutOfBounds);
        }
        // No flags change from here to the conditional move.
        let (base, held) = self.base_register_into(memarg.memory, length);
        match i32::try_from(memarg.offset) {
            Ok(disp) => self.asm.lea(Width::W64, addr, Mem::indexed(base, addr, 0, disp)),
            Err(_) => {
                self.asm.lea(Width::W64, addr, Mem::indexed(base, addr, 0, 0));
                self.asm.set(SCRATCH, memarg.offset);
                self.asm.lea(Width::W64, addr, Mem::indexed(addr, SCRATCH, 0, 0));
            }
        }
        self.asm.mov_imm32(SCRATCH, 0);
        self.asm.cmov(Cond::Above, Width::W64, addr, Rm::Reg(SCRATCH));
        debug_assert!(held.is_none() || held == Some(length));
        self.free(length);
        let faults = if self.options.signals == Signals::Off { Faults::Never } else { Faults::OutOfBounds };
        Access { mem: Mem::base(addr, 0), held: [Some(addr), None], faults }
    }

    /// Traps whatever the index; the code that follows is emitted, but not reached.
    fn trap_always(&mut self) {
        self.asm.alu(Alu::Cmp, Width::W32, SCRATCH, Rm::Reg(SCRATCH));
        self.trap_if(Cond::Equal, TrapCode::MemoryOutOfBounds);
    }

    /// The static offset as a displacement, or added to the address.
    fn fold_offset(&mut self, addr: Gpr, offset: u64) -> i32 {
        i32::try_from(offset).unwrap_or_else(|_| {
            self.asm.set(SCRATCH, offset);
            self.asm.alu(Alu::Add, Width::W64, addr, Rm::Reg(SCRATCH));
            0
        })
    }

    fn add_signed(&mut self, reg: Gpr, value: i64) {
        match i32::try_from(value) {
            Ok(imm) => self.asm.alu_imm(Alu::Add, Width::W64, Rm::Reg(reg), imm),
            Err(_) => {
                self.asm.set(SCRATCH, value as u64);
                self.asm.alu(Alu::Add, Width::W64, reg, Rm::Reg(SCRATCH));
            }
        }
    }

    /// The base of a memory, and what is to be freed besides.
    fn base_register(&mut self, memory: u32) -> (Gpr, Option<Gpr>) {
        if memory == 0 {
            return (MEMORY, None);
        }
        let reg = self.alloc();
        self.base_register_into(memory, reg);
        (reg, Some(reg))
    }

    /// The base of a memory, in `reg` unless it has a register of its own. Changes no flags.
    fn base_register_into(&mut self, memory: u32, reg: Gpr) -> (Gpr, Option<Gpr>) {
        if memory == 0 {
            return (MEMORY, None);
        }
        self.load_field(memory, MEMORY_BASE, reg);
        (reg, Some(reg))
    }
}

impl Accesses for Emit<'_> {
    #[inline(always)]
    fn load_operator(&mut self, ty: ValType, load: Load) {
        let memarg = self.memarg();
        let access = self.pop_access(memarg, load.size(ty));
        if in_vreg(ty) {
            let target = self.vector_target();
            self.release(&access);
            let dst = self.vector_result_register(target);
            self.access_site(&access);
            self.load_vreg(ty, dst, access.mem);
            return self.vector_result(ty, dst, target);
        }
        let target = self.target();
        self.release(&access);
        let dst = self.result_register(target);
        self.access_site(&access);
        let (width, mem) = (width(ty), Rm::Mem(access.mem));
        match load {
            Load::Full => self.asm.load(width, dst, access.mem),
            Load::Unsigned32 => self.asm.load(Width::W32, dst, access.mem),
            Load::Unsigned8 => self.asm.movzx8(dst, mem),
            Load::Signed8 => self.asm.movsx8(width, dst, mem),
            Load::Unsigned16 => self.asm.movzx16(dst, mem),
            Load::Signed16 => self.asm.movsx16(width, dst, mem),
            Load::Signed32 => self.asm.movsx32(dst, mem),
        }
        self.result(ty, dst, target);
    }

    /// Stores the low `size` bytes of an integer.
    fn store_operator(&mut self, size: u32) {
        let memarg = self.memarg();
        let value = self.pop();
        let index = self.pop();
        if let Some(imm) = if size < 8 { value.as_const().map(|bits| bits as i32) } else { value.as_imm() } {
            let access = self.access(index, memarg, size);
            self.access_site(&access);
            match size {
                1 => self.asm.store8_imm(access.mem, imm as u8),
                2 => self.asm.store16_imm(access.mem, imm as u16),
                4 => self.asm.store_imm(Width::W32, access.mem, imm),
                _ => self.asm.store_imm(Width::W64, access.mem, imm),
            }
            return self.release(&access);
        }
        let value = self.to_gpr(value);
        let access = self.access(index, memarg, size);
        self.access_site(&access);
        match size {
            1 => self.asm.store8(access.mem, value),
            2 => self.asm.store16(access.mem, value),
            4 => self.asm.store(Width::W32, access.mem, value),
            _ => self.asm.store(Width::W64, access.mem, value),
        }
        self.release(&access);
        self.free(value);
    }

    /// Stores an f32 or f64.
    fn store_float(&mut self, ty: ValType) {
        let memarg = self.memarg();
        let value = self.pop();
        let size = if ty == ValType::F32 { 4 } else { 8 };
        let index = self.pop();
        let value = self.to_vreg(value);
        let access = self.access(index, memarg, size);
        self.access_site(&access);
        self.store_vreg(ty, access.mem, value);
        self.release(&access);
        self.free_vreg(value);
    }

    fn element(&mut self, table: u32, index: Entry, code: TrapCode) -> Gpr {
        let addr = self.clean_temp(index);
        let base = self.alloc();
        let place = self.place(self.layout.table(TableIndex(table)));
        let ty = self.table_type(table);
        match ty.max.filter(|max| *max == ty.min).and_then(|length| i32::try_from(length).ok()) {
            Some(length) => self.asm.alu_imm(Alu::Cmp, Width::W64, Rm::Reg(addr), length),
            None => {
                let length = place.plus(TABLE_LENGTH);
                self.asm.alu(Alu::Cmp, Width::W64, addr, Rm::Mem(length));
            }
        }
        if self.options.signals == Signals::Off {
            self.trap_if(Cond::AboveEqual, code);
        }
        self.asm.load(Width::W64, base, place.plus(TABLE_BASE));
        self.asm.lea(Width::W64, addr, Mem::indexed(base, addr, 3, 0));
        self.asm.mov_imm32(SCRATCH, 0);
        self.asm.cmov(Cond::AboveEqual, Width::W64, addr, Rm::Reg(SCRATCH));
        self.free(base);
        addr
    }
}
