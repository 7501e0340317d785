//! The frame of a function: its homes, its prologue and its epilogue.
//!
//!     [FRAME + STACK_ARGS + n]  stack arguments
//!     [FRAME]                   what the machine keeps there: the caller's frame, the return address
//!     [FRAME - 8 * n]           saved registers
//!     ...                       what loops count down, if they do
//!     ...                       homes of the locals
//!     ...                       home of the result pointer, if there is one
//!     ...                       homes of the operands, by height
//!     [STACK]                   while a call is prepared, its results in memory and its stack arguments come below
//!
//! All homes have one size: 8 bytes, or 16 in functions that know vectors. A pinned local has a home, too, where it
//! is kept while nobody looks.
//!
//! Not here: the instructions that make a frame and check the stack, in front of all of this (`Frames::enter_frame`).

use super::backend::{
    Assembler as _, FRAME, Frames as _, Label, MEMORY, Mem, SAVED_PINS, SCRATCH, SCRATCH_VREG, STACK_ARGS, TEMPS,
    VMCTX, VectorMoves as _, Width,
};
use super::budget::{Chunks, FirstChunk};
use super::call::{ArgPlace, ArgPlaces, stack_bytes};
use super::decode;
use super::operand::Loc;
use super::regs::{Gpr, Vreg};
use super::stack::{Entry, Kind, NO_PIN, Upper, in_vreg, width};
use super::{Emit, Local, LoopRecords};
use crate::abi::call::Results;
use crate::abi::vmctx::{MEMORY_BASE, Place};
use crate::limits::{OSR_LOCALS, OSR_OPERANDS, UNCHECKED_FRAME};
use crate::module::body::{BodyFlags, NEAR_LOCALS};
use crate::tier::compiled::{LoopSite, Loops, NO_LOOP, TailCalls};
use crate::tier::top::Bounds;
use crate::types::{FuncType, IndexType, MemoryIndex, ValType};

/// Frames up to this size are covered by the stack's headroom, and only the stack pointer is compared.
const COVERED_FRAME: u32 = 4096;

/// Bytes below the frame that calls may use before the check must count them.
const COVERED_OUTGOING: u32 = 1024;

/// Registers that a function saves, at most: those of pins, and that of the vmctx.
const SAVED: usize = SAVED_PINS.len() + 2;

/// Locals with a home that are zeroed one by one; more are zeroed in a loop.
const UNROLLED_ZEROS: u32 = 32;

/// The home at this distance from [`FRAME`].
#[inline(always)]
pub(crate) fn home_at(distance: i32) -> Mem {
    Mem::base(FRAME, distance)
}

/// How a function checks the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackCheck {
    /// It need not.
    None,
    /// By the stack pointer.
    Pointer,
    /// By what it will be at the deepest, known in the end: [`Frame::check_field`].
    Frame,
}

/// Where things are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frame {
    /// The home of local 0 and of operand 0, from [`FRAME`].
    locals: i32,
    operands: i32,
    /// log2 of the size of a home.
    shift: u32,
    /// The home of the result pointer.
    result_pointer: Option<i32>,
    /// What loops count down, and its home (`budget.rs`).
    pub(crate) chunks: Chunks,
    pub(crate) first_chunk: FirstChunk,
    chunk: Option<i32>,
    /// The register that has it instead.
    pub(crate) chunk_pin: Option<Gpr>,
    /// Registers that the prologue saves, by number; the first is nearest to [`FRAME`].
    saved: [u8; SAVED],
    saved_count: u8,
    /// Bytes of the incoming stack arguments.
    pub(crate) stack_args: u32,
    /// Bytes between [`FRAME`] and the stack pointer.
    pub(crate) size: u32,
    /// Most bytes that calls use below that.
    pub(crate) outgoing: u32,
    /// Offsets of the entry and of what follows the stack check.
    pub(crate) entry: u32,
    pub(crate) body: u32,
    /// The field of the stack check with the size of a large frame.
    pub(crate) check_field: Option<u32>,
}

impl Frame {
    /// The home of the operand at this height, from [`FRAME`].
    #[inline(always)]
    pub(crate) fn operand(&self, position: usize) -> i32 {
        self.operands - ((position as i32) << self.shift)
    }

    /// The home of a local.
    #[inline(always)]
    pub(crate) fn local_mem(&self, index: u32) -> Mem {
        home_at(self.local(index))
    }

    /// The same, from [`FRAME`].
    #[inline(always)]
    fn local(&self, index: u32) -> i32 {
        self.locals - ((index as i32) << self.shift)
    }

    /// What loops count down, if they do.
    pub(crate) fn chunk(&self) -> Option<Loc> {
        let home = || self.chunk.map(|distance| Loc::Mem(home_at(distance)));
        self.chunk_pin.map(Loc::Reg).or_else(home)
    }

    /// The home of the result pointer.
    pub(crate) fn result_pointer_mem(&self) -> Mem {
        home_at(self.result_pointer.expect("the results go through a pointer"))
    }

    /// Whether the results go through a pointer.
    pub(crate) fn has_result_pointer(&self) -> bool {
        self.result_pointer.is_some()
    }

    pub(crate) fn save(&mut self, reg: Gpr) {
        self.saved[usize::from(self.saved_count)] = reg.0;
        self.saved_count += 1;
    }

    /// The registers that the prologue saves, in order, and where, from [`FRAME`].
    pub(crate) fn saved(&self) -> impl Iterator<Item = (Gpr, i32)> {
        let Frame { saved, saved_count, .. } = *self;
        (0..usize::from(saved_count)).map(move |i| (Gpr(saved[i]), -8 * (i as i32 + 1)))
    }
}

impl<'a> Emit<'a> {
    /// Whether the loop in front of which code stands is recorded.
    fn records_loop(&self) -> bool {
        self.options.loops == LoopRecords::On
            && self.entries.len() <= OSR_OPERANDS
            && self.analysis.local_count as usize <= OSR_LOCALS
    }

    /// In front of a loop that is recorded, writes the constants among its operands home; the others are there. They
    /// stay constants: where the loop is in a branch, other ways to what follows do not come by here.
    pub(crate) fn prepare_loop_record(&mut self) {
        if !self.records_loop() {
            return;
        }
        for position in 0..self.entries.len() {
            let entry = self.entries[position];
            if entry.kind != Kind::Home {
                debug_assert_eq!(entry.kind, Kind::Const);
                self.asm.reserve(64);
                self.store_entry(entry, home_at(self.frame.operand(position)));
            }
        }
    }

    /// Records the loop whose header is at the cursor; its index.
    pub(crate) fn record_loop(&mut self) -> u32 {
        if !self.records_loop() {
            return NO_LOOP;
        }
        let site = (self.asm.offset(), self.wasm_offset());
        debug_assert!(self.entries.iter().all(|entry| matches!(entry.kind, Kind::Home | Kind::Const)));
        let Frame { locals, operands, shift, result_pointer, .. } = self.frame;
        let tail_calls = if self.has(BodyFlags::TAIL_CALLS) { TailCalls::Some } else { TailCalls::None };
        let outer = self.open_loop;
        let record = self.loops.get_or_insert_with(|| {
            let step = -(1 << shift);
            let (sites, types) = (Vec::new(), Vec::new());
            Box::new(Loops { locals, operands, step, result_pointer, tail_calls, sites, types })
        });
        let start = record.types.len() as u32;
        record.types.extend(self.entries.iter().map(|entry| entry.ty));
        let end = record.types.len() as u32;
        let index = record.sites.len() as u32;
        self.open_loop = Some(index);
        record.sites.push(LoopSite { offset: site.0, wasm_offset: site.1, operands: start..end, outer });
        index
    }

    /// At the end of the loop with this header.
    pub(crate) fn close_loop_record(&mut self, header: u32) {
        if let (Some(open), Some(loops)) = (self.open_loop, &self.loops) {
            let site = &loops.sites[open as usize];
            // Another one was not recorded.
            if site.offset == header {
                self.open_loop = site.outer;
            }
        }
    }

    /// The type of the function.
    pub(crate) fn func_type(&self) -> &'a FuncType {
        self.module.func_type(self.module.func_index(self.func))
    }

    /// Everything in front of the first operator.
    pub(crate) fn prologue(&mut self) {
        let ty = self.func_type();
        self.read_locals(ty);
        self.frame.chunks = self.choose_chunk();
        self.choose_pins();
        self.lay_out(ty);
        self.asm.reserve(256);
        self.enter_frame();
        self.take_params(ty);
        self.zero_locals(ty.params().len() as u32);
        self.load_memory_base();
        self.charge_entry();
    }

    fn read_locals(&mut self, ty: &FuncType) {
        self.locals.extend(ty.params().iter().map(|&ty| Local::at_home(ty)));
        let mut at = 0;
        for _ in 0..decode::u32_at(self.code, &mut at) {
            let count = decode::u32_at(self.code, &mut at) as usize;
            let ty = decode::val_type_at(self.code, &mut at);
            // The work of a function must not exceed its bytes, and ten bytes can declare all the locals there may be.
            let end = (self.locals.len() + count).min(NEAR_LOCALS);
            self.locals.resize(end, Local::at_home(ty));
        }
        debug_assert_eq!(self.locals.len(), NEAR_LOCALS.min(self.analysis.local_count as usize));
        debug_assert_eq!(at, self.pc);
    }

    /// Whether the function keeps the base of memory 0 in its register.
    fn uses_memory0(&self) -> bool {
        self.has(BodyFlags::MEMORY0)
    }

    fn lay_out(&mut self, ty: &FuncType) {
        let frame = &mut self.frame;
        frame.save(VMCTX);
        if self.analysis.flags.contains(BodyFlags::MEMORY0) {
            frame.save(MEMORY);
        }
        frame.shift = if self.analysis.flags.contains(BodyFlags::SIMD) { 4 } else { 3 };
        let home = 1u32 << frame.shift;
        let saved = (8 * u32::from(frame.saved_count)).next_multiple_of(home);
        let mut used = saved;
        if frame.chunks != Chunks::None && frame.chunk_pin.is_none() {
            used += home;
            frame.chunk = Some(-(used as i32));
        }
        frame.locals = -((used + home) as i32);
        used += home * self.analysis.local_count;
        if Results::of(ty.results()) == Results::Memory {
            used += home;
            frame.result_pointer = Some(-(used as i32));
        }
        frame.operands = -((used + home) as i32);
        used += home * self.analysis.max_height;
        frame.size = used.next_multiple_of(16);
        frame.stack_args = stack_bytes(ty);
    }

    /// What the check of the stack compares with the limit.
    pub(crate) fn stack_check(&self) -> StackCheck {
        let size = self.frame.size;
        if !self.has(BodyFlags::CALLS) && size < UNCHECKED_FRAME {
            StackCheck::None
        } else if size + COVERED_OUTGOING > COVERED_FRAME || self.outgoing_hint > COVERED_OUTGOING {
            StackCheck::Frame
        } else {
            StackCheck::Pointer
        }
    }

    /// Completes the stack check, now that it is known what calls use. False if it does not count them, but must:
    /// the function is to be emitted again.
    pub(crate) fn complete_stack_check(&mut self) -> bool {
        match self.frame.check_field {
            Some(field) => {
                self.set_checked_size(field, self.frame.size + self.frame.outgoing);
                true
            }
            None => self.frame.outgoing <= COVERED_OUTGOING,
        }
    }

    /// Brings the parameters where the locals live: those at home first, because pins may be registers that carry
    /// parameters. The upper half of an i32 is dropped.
    fn take_params(&mut self, ty: &FuncType) {
        let mut places = ArgPlaces::new(ty);
        if let Some(reg) = places.result_pointer() {
            let home = self.frame.result_pointer_mem();
            self.asm.store(Width::W64, home, reg);
        }
        let mut pinned = false;
        for (index, &ty) in ty.params().iter().enumerate() {
            let home = self.frame.local_mem(index as u32);
            let pin = self.locals[index].pin;
            self.asm.reserve(64);
            match places.next(ty) {
                ArgPlace::Gpr(reg) if pin != NO_PIN => {
                    self.add_move(pin, Entry::register(ty, reg.0, Upper::Unknown));
                    pinned = true;
                }
                ArgPlace::Gpr(reg) => self.asm.store(width(ty), home, reg),
                // No parameter comes in a vector register that is a pin.
                ArgPlace::Vreg(reg) if pin != NO_PIN => self.move_vreg(Vreg(pin), reg),
                ArgPlace::Vreg(reg) => self.store_vreg(ty, home, reg),
                ArgPlace::Stack(_) => {}
            }
        }
        if pinned {
            self.move_all();
            for local in &self.locals[..ty.params().len()] {
                // A saved register is never one that carries a parameter: the move has dropped the upper half.
                let unsaved = local.pin != NO_PIN && TEMPS.has(local.pin);
                if width(local.ty) == Width::W32 && !in_vreg(local.ty) && unsaved {
                    self.asm.copy(Width::W32, Gpr(local.pin), Gpr(local.pin));
                }
            }
        }
        if places.stack_bytes() != 0 {
            self.take_stack_params(ty);
        }
    }

    fn take_stack_params(&mut self, ty: &FuncType) {
        let mut places = ArgPlaces::new(ty);
        for (index, &ty) in ty.params().iter().enumerate() {
            let ArgPlace::Stack(offset) = places.next(ty) else { continue };
            self.asm.reserve(64);
            let source = Mem::base(FRAME, STACK_ARGS + offset as i32);
            let home = self.frame.local_mem(index as u32);
            let pin = self.locals[index].pin;
            match (in_vreg(ty), pin) {
                (true, NO_PIN) => {
                    self.load_vreg(ty, SCRATCH_VREG, source);
                    self.store_vreg(ty, home, SCRATCH_VREG);
                }
                (true, pin) => self.load_vreg(ty, Vreg(pin), source),
                (false, NO_PIN) => {
                    self.asm.load(width(ty), SCRATCH, source);
                    self.asm.store(width(ty), home, SCRATCH);
                }
                (false, pin) => self.asm.load(width(ty), Gpr(pin), source),
            }
        }
    }

    /// Sets the locals behind the parameters to zero.
    fn zero_locals(&mut self, first: u32) {
        let end = self.analysis.local_count;
        let near = self.locals.len() as u32;
        let mut homes = end - near;
        for index in first..near {
            let local = self.locals[index as usize];
            if local.pin == NO_PIN {
                homes += 1;
                continue;
            }
            self.asm.reserve(16);
            if in_vreg(local.ty) { self.zero_vreg(Vreg(local.pin)) } else { self.asm.zero(Gpr(local.pin)) }
        }
        if homes == 0 {
            return;
        }
        if homes > UNROLLED_ZEROS {
            // From the lowest home up to the highest one, pinned ones included.
            self.asm.reserve(64);
            let above = self.frame.local(first) + (1 << self.frame.shift);
            self.zero_homes(self.frame.local(end - 1), above);
            return;
        }
        self.zero_few(first, end, homes);
    }

    fn zero_few(&mut self, first: u32, end: u32, homes: u32) {
        self.asm.reserve(homes as usize * 16 + 64);
        let whole_vectors = self.frame.shift == 4;
        if whole_vectors || homes > 1 {
            self.zero_vreg(SCRATCH_VREG);
        }
        let mut index = first;
        while index < end {
            let local = self.locals[index as usize];
            let home = self.frame.local_mem(index);
            if local.pin != NO_PIN {
                index += 1;
            } else if whole_vectors {
                self.store_vreg(ValType::V128, home, SCRATCH_VREG);
                index += 1;
            } else if index + 1 < end && self.locals[index as usize + 1].pin == NO_PIN {
                // Two homes at once: the second one is below.
                self.store_vreg(ValType::V128, self.frame.local_mem(index + 1), SCRATCH_VREG);
                index += 2;
            } else {
                self.asm.store_const(Width::W64, home, 0);
                index += 1;
            }
        }
    }

    /// Loads the base of memory 0 into its register, in functions that use it. Uses no other register.
    pub(crate) fn load_memory_base(&mut self) {
        if !self.uses_memory0() {
            return;
        }
        self.asm.reserve(32);
        let ty = self.module.memories()[0];
        self.guarded_memory0 = ty.index == IndexType::I32 && self.options.bounds == Bounds::Guarded;
        match self.layout.memory(MemoryIndex(0)) {
            Place::Own(offset) => self.asm.load(Width::W64, MEMORY, Mem::base(VMCTX, offset + MEMORY_BASE)),
            Place::Imported(offset) => {
                self.asm.load(Width::W64, MEMORY, Mem::base(VMCTX, offset));
                self.asm.load(Width::W64, MEMORY, Mem::base(MEMORY, MEMORY_BASE));
            }
        }
    }

    /// Loads the base of memory 0 again after something that may have moved it.
    #[inline(always)]
    pub(crate) fn reload_memory_base(&mut self) {
        if !self.guarded_memory0 && self.uses_memory0() && !self.module.memories()[0].shared {
            self.load_memory_base();
        }
    }

    /// Gives the frame back, but for the return address.
    pub(crate) fn leave(&mut self) {
        let frame = self.frame;
        for (reg, disp) in frame.saved() {
            self.asm.load(Width::W64, reg, home_at(disp));
        }
        self.asm.leave();
    }

    /// What returns lead to: the results are where the caller expects them.
    pub(crate) fn epilogue(&mut self, returns: Label) {
        self.asm.reserve(128);
        self.asm.bind(returns);
        self.leave();
        self.asm.ret(self.frame.stack_args);
    }

    /// Restores the registers that the caller expects back, while the frame stays.
    pub(crate) fn restore_saved(&mut self) {
        let frame = self.frame;
        for (reg, disp) in frame.saved() {
            self.asm.load(Width::W64, reg, home_at(disp));
        }
    }
}
