//! Which locals live in registers, and where.
//!
//! - In a function that calls nothing, the hottest locals are pinned to registers that calls would overwrite, then
//!   to ones that must be saved; floats and vectors, too.
//! - In any other function, the hottest integers are pinned to saved registers. In addition, each outermost loop
//!   that calls nothing pins what it touches to registers that calls would overwrite. Such a pin is loaded in front
//!   of the loop, and whatever sets the local also stores it at home, so that nothing is to be done where the loop
//!   is left, by whatever way.
//!
//! A pin holds for a whole stretch of code, so that there is nothing to reconcile where ways meet. The upper half of
//! the pin of an i32 is 0.

use super::Emit;
use super::backend::{
    Assembler as _, SAVED_PINS, UNSAVED_PINS, VREG_PINS, VREG_PINS_BEYOND_PARAMS, VREG_PINS_PARAMS, VectorMoves as _,
};
use super::budget::Chunks;
use super::regs::{Gpr, Vreg};
use super::stack::{NO_PIN, in_vreg, width};
use crate::module::body::{BodyFlags, LoopInfo};

/// Sum of the weights of a local that makes saving and restoring a register worth while.
const SAVED_WEIGHT: u32 = 4;

/// What is kept where besides a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Nothing that counts.
    Stale,
    /// The current value, always.
    Current,
}

/// The pins of the outermost loop without calls that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopPins {
    /// Its depth.
    depth: usize,
    count: usize,
    locals: [u32; UNSAVED_PINS.len() + VREG_PINS.len()],
}

/// The heaviest few locals, heaviest first.
#[derive(Clone, Copy)]
struct Best<const N: usize> {
    items: [(u32, u32); N],
    limit: usize,
}

impl<const N: usize> Best<N> {
    fn new(limit: usize) -> Best<N> {
        Best { items: [(0, 0); N], limit }
    }

    #[inline(always)]
    fn offer(&mut self, weight: u32, local: u32) {
        if weight > self.items[self.limit - 1].0 {
            self.insert(weight, local);
        }
    }

    fn insert(&mut self, weight: u32, local: u32) {
        let mut place = self.limit - 1;
        while place > 0 && self.items[place - 1].0 < weight {
            self.items[place] = self.items[place - 1];
            place -= 1;
        }
        self.items[place] = (weight, local);
    }

    /// Those that are there.
    fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.items.into_iter().take(self.limit).take_while(|&(weight, _)| weight != 0)
    }
}

impl Emit<'_> {
    /// Whether registers that calls overwrite may be pinned in the whole function.
    fn calls_nothing(&self) -> bool {
        !self.has(BodyFlags::CALLS) && !self.has(BodyFlags::ATOMICS)
    }

    /// Pins locals for the whole function.
    pub(crate) fn choose_pins(&mut self) {
        let saved = if self.has(BodyFlags::MEMORY0) { SAVED_PINS.len() - 1 } else { SAVED_PINS.len() };
        let unsaved = if self.calls_nothing() { UNSAVED_PINS.len() } else { 0 };
        let mut gprs = Best::<{ SAVED_PINS.len() + UNSAVED_PINS.len() }>::new(saved + unsaved);
        // A pin must not be written while a parameter is still in it.
        let vector_params = self.func_type().params().iter().filter(|ty| in_vreg(**ty)).count();
        let limit = if vector_params <= VREG_PINS_PARAMS { VREG_PINS.len() } else { VREG_PINS_BEYOND_PARAMS };
        let mut vregs = Best::<{ VREG_PINS.len() }>::new(limit);
        for (index, local) in self.locals.iter().enumerate() {
            let weight = self.known.weight(index as u32);
            if in_vreg(local.ty) { vregs.offer(weight, index as u32) } else { gprs.offer(weight, index as u32) }
        }
        let mut pinned = 0;
        for (place, (weight, local)) in gprs.iter().enumerate() {
            // Heavier ones come first.
            if place >= unsaved && weight < SAVED_WEIGHT {
                break;
            }
            pinned = place + 1;
            if place < unsaved {
                self.pin_gpr(local, UNSAVED_PINS[place]);
            } else {
                let reg = SAVED_PINS[place - unsaved];
                self.locals[local as usize].pin = reg.0;
                self.frame.save(reg);
            }
        }
        if self.frame.chunks == Chunks::Register && pinned < unsaved + saved {
            self.pin_chunk(pinned, unsaved);
        }
        if unsaved != 0 {
            for ((_, local), reg) in vregs.iter().zip(VREG_PINS) {
                self.pin_vreg(local, reg);
            }
        }
    }

    /// Keeps what loops count down in the register behind so many that are taken.
    fn pin_chunk(&mut self, pinned: usize, unsaved: usize) {
        let reg = if pinned < unsaved {
            let reg = UNSAVED_PINS[pinned];
            self.temp_gprs.remove(reg.0);
            self.free_gprs.remove(reg.0);
            reg
        } else {
            let reg = SAVED_PINS[pinned - unsaved];
            self.frame.save(reg);
            reg
        };
        self.frame.chunk_pin = Some(reg);
    }

    fn pin_gpr(&mut self, local: u32, reg: Gpr) {
        self.locals[local as usize].pin = reg.0;
        self.temp_gprs.remove(reg.0);
        self.free_gprs.remove(reg.0);
    }

    fn pin_vreg(&mut self, local: u32, reg: Vreg) {
        self.locals[local as usize].pin = reg.0;
        self.temp_vregs.remove(reg.0);
        self.free_vregs.remove(reg.0);
    }

    /// In front of a loop, all of whose operands are at home: pins what it touches, if it is an outermost one that
    /// calls nothing. `depth` is the number of blocks around it.
    pub(crate) fn enter_loop(&mut self, depth: usize) {
        let index = self.loop_index;
        self.loop_index += 1;
        if self.loop_pins.is_some() || self.calls_nothing() || self.has(BodyFlags::ATOMICS) {
            return;
        }
        let LoopInfo { calls, touched, .. } = self.known.loops()[index];
        if calls == 0 && touched != 0 {
            self.pin_loop(depth, touched);
        }
    }

    #[inline(never)]
    fn pin_loop(&mut self, depth: usize, mut touched: u64) {
        let mut gprs = Best::<{ UNSAVED_PINS.len() }>::new(UNSAVED_PINS.len());
        let mut vregs = Best::<{ VREG_PINS.len() }>::new(VREG_PINS.len());
        while touched != 0 {
            let index = touched.trailing_zeros();
            touched &= touched - 1;
            let local = self.locals[index as usize];
            if local.pin == NO_PIN {
                let weight = self.known.weight(index);
                if in_vreg(local.ty) { vregs.offer(weight, index) } else { gprs.offer(weight, index) }
            }
        }
        let mut pins = LoopPins { depth, count: 0, locals: [0; UNSAVED_PINS.len() + VREG_PINS.len()] };
        for ((_, local), reg) in gprs.iter().zip(UNSAVED_PINS) {
            self.asm.load(width(self.locals[local as usize].ty), reg, self.frame.local_mem(local));
            self.pin_gpr(local, reg);
            pins.add(local);
        }
        for ((_, local), reg) in vregs.iter().zip(VREG_PINS) {
            self.load_vreg(self.locals[local as usize].ty, reg, self.frame.local_mem(local));
            self.pin_vreg(local, reg);
            pins.add(local);
        }
        for &local in &pins.locals[..pins.count] {
            self.locals[local as usize].home = Home::Current;
        }
        self.loop_pins = Some(pins);
    }

    /// At the end of the loop at this depth.
    #[inline(always)]
    pub(crate) fn leave_loop(&mut self, depth: usize) {
        if self.loop_pins.is_some_and(|pins| pins.depth == depth) {
            self.unpin_loop();
        }
    }

    #[inline(never)]
    fn unpin_loop(&mut self) {
        let Some(pins) = self.loop_pins.take() else { return };
        for &index in &pins.locals[..pins.count] {
            let local = &mut self.locals[index as usize];
            let (temps, free) = if in_vreg(local.ty) {
                (&mut self.temp_vregs, &mut self.free_vregs)
            } else {
                (&mut self.temp_gprs, &mut self.free_gprs)
            };
            temps.insert(local.pin);
            free.insert(local.pin);
            local.pin = NO_PIN;
            local.home = Home::Stale;
        }
    }

    /// Stores a local that has just changed in its register, if its home must be current.
    #[inline(always)]
    pub(crate) fn write_through(&mut self, index: u32) {
        let local = self.local(index);
        if local.home == Home::Current {
            let home = self.frame.local_mem(index);
            if in_vreg(local.ty) {
                self.store_vreg(local.ty, home, Vreg(local.pin));
            } else {
                self.asm.store(width(local.ty), home, Gpr(local.pin));
            }
        }
    }
}

impl LoopPins {
    fn add(&mut self, local: u32) {
        self.locals[self.count] = local;
        self.count += 1;
    }
}
