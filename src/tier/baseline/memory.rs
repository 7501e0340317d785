//! Linear memories: addresses, loads, stores.
//!
//! [`Emit::access`] is the only place that widens an index and forms an address.

use super::Emit;
use super::decode::MemArg;
use super::stack::{Entry, width};
use super::x64::asm::{Alu, Cond, Mem, Rm, Width};
use super::x64::regs::{Gpr, MEMORY, SCRATCH, VMCTX};
use crate::abi::vmctx::{MEMORY_BASE, MEMORY_LENGTH, Place};
use crate::limits::MEMORY_GUARD;
use crate::tier::top::{Check, Signals, Wrap, decide};
use crate::trap::TrapCode;
use crate::types::{IndexType, MemoryIndex, ValType};

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

/// How a load extends what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Full,
    Unsigned8,
    Signed8,
    Unsigned16,
    Signed16,
    Unsigned32,
    Signed32,
}

impl Load {
    fn size(self, ty: ValType) -> u32 {
        match self {
            Load::Full => match ty {
                ValType::I32 | ValType::F32 => 4,
                _ => 8,
            },
            Load::Unsigned8 | Load::Signed8 => 1,
            Load::Unsigned16 | Load::Signed16 => 2,
            Load::Unsigned32 | Load::Signed32 => 4,
        }
    }
}

/// Addresses.
impl Emit<'_> {
    /// Pops the index of an access of `size` bytes.
    #[inline(always)]
    pub(crate) fn pop_access(&mut self, memarg: MemArg, size: u32) -> Access {
        let index = self.pop();
        self.access(index, memarg, size)
    }

    /// The address of an access at a popped index.
    #[inline(always)]
    pub(crate) fn access(&mut self, index: Entry, memarg: MemArg, size: u32) -> Access {
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
    pub(crate) fn release(&mut self, access: &Access) {
        for reg in access.held.into_iter().flatten() {
            self.free(reg);
        }
    }

    /// What precedes the instruction that makes the access, directly.
    #[inline(always)]
    pub(crate) fn access_site(&mut self, access: &Access) {
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
                self.asm.mov_imm64(SCRATCH, end);
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
                self.asm.mov_imm64(SCRATCH, memarg.offset);
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
            self.asm.mov_imm64(SCRATCH, offset);
            self.asm.alu(Alu::Add, Width::W64, addr, Rm::Reg(SCRATCH));
            0
        })
    }

    fn add_signed(&mut self, reg: Gpr, value: i64) {
        match i32::try_from(value) {
            Ok(imm) => self.asm.alu_imm(Alu::Add, Width::W64, Rm::Reg(reg), imm),
            Err(_) => {
                self.asm.mov_imm64(SCRATCH, value as u64);
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

    /// The length of a memory in bytes. Uses no other register.
    pub(crate) fn load_length(&mut self, memory: u32, reg: Gpr) {
        self.load_field(memory, MEMORY_LENGTH, reg);
    }

    /// Loads a field of a memory's definition. Uses no other register.
    fn load_field(&mut self, memory: u32, field: i32, reg: Gpr) {
        match self.layout.memory(MemoryIndex(memory)) {
            Place::Own(offset) => self.asm.load(Width::W64, reg, Mem::base(VMCTX, offset + field)),
            Place::Imported(offset) => {
                self.asm.load(Width::W64, reg, Mem::base(VMCTX, offset));
                self.asm.load(Width::W64, reg, Mem::base(reg, field));
            }
        }
    }

    /// The width of a memory's addresses.
    pub(crate) fn index_type(&self, memory: u32) -> IndexType {
        self.module.memories()[memory as usize].index
    }
}

/// Loads and stores.
impl Emit<'_> {
    #[inline(always)]
    pub(crate) fn load_operator(&mut self, ty: ValType, load: Load) {
        let memarg = self.memarg();
        let access = self.pop_access(memarg, load.size(ty));
        if super::stack::in_xmm(ty) {
            let target = self.vector_target();
            self.release(&access);
            let dst = self.vector_result_register(target);
            self.access_site(&access);
            self.load_xmm(ty, dst, access.mem);
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
    pub(crate) fn store_operator(&mut self, size: u32) {
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
    pub(crate) fn store_float(&mut self, ty: ValType) {
        let memarg = self.memarg();
        let value = self.pop();
        let size = if ty == ValType::F32 { 4 } else { 8 };
        let index = self.pop();
        let value = self.to_xmm(value);
        let access = self.access(index, memarg, size);
        self.access_site(&access);
        self.store_xmm(ty, access.mem, value);
        self.release(&access);
        self.free_xmm(value);
    }
}
