//! Calls: where arguments and results are, how they get there, direct and indirect calls, tail calls, helpers.
//!
//! Functions are called in Cranelift's `tail` convention (`abi/call.rs` says with which arguments):
//!
//! - integers and references in `PARAMS`, floats and vectors in the first `PARAM_VREGS`, in order; the others on the
//!   stack, from `STACK` at the call instruction on, 8 bytes each, vectors 16 and aligned. Upper halves of i32 are
//!   unspecified.
//! - the callee removes the stack arguments, whose size is rounded up to 16; the stack is aligned to 16 at the call.
//! - results in `RESULTS` and the first `PARAM_VREGS`.
//! - which registers are preserved the backend says (`SAVED_PINS`).

use super::Emit;
use super::backend::{
    Assembler as _, CALLEE, CLASS, Frames as _, Mem, PARAM_VREGS, PARAMS, Profiles as _, RESULTS, SCRATCH,
    SCRATCH_VREG, STACK, VMCTX, VectorMoves as _, Width,
};
use super::frame::home_at;
use super::regs::{Gpr, Vreg};
use super::stack::{Entry, Kind, NO_PIN, Upper, in_vreg, width};
use crate::abi::builtin::{AbiType, Builtin};
use crate::abi::call::{RAW_VAL_SIZE, Results};
use crate::abi::vmctx::{FUNCREF_SLOT, FUNCREF_VMCTX, IMPORT_SLOT, IMPORT_VMCTX};
use crate::types::{DefinedFunc, FuncIndex, FuncType, ValType};

/// Where an argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgPlace {
    Gpr(Gpr),
    Vreg(Vreg),
    /// This far above the first stack argument.
    Stack(u32),
}

/// Deals out the places of the arguments of a function, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArgPlaces {
    gprs: usize,
    vregs: u8,
    stack: u32,
    results: Results,
}

impl ArgPlaces {
    pub(crate) fn new(ty: &FuncType) -> ArgPlaces {
        let results = Results::of(ty.results());
        ArgPlaces { gprs: if results == Results::Memory { 3 } else { 2 }, vregs: 0, stack: 0, results }
    }

    /// The register of the result pointer, if there is one.
    pub(crate) fn result_pointer(&self) -> Option<Gpr> {
        (self.results == Results::Memory).then_some(PARAMS[2])
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, ty: ValType) -> ArgPlace {
        if in_vreg(ty) {
            if self.vregs < PARAM_VREGS {
                self.vregs += 1;
                return ArgPlace::Vreg(Vreg(self.vregs - 1));
            }
        } else if let Some(&reg) = PARAMS.get(self.gprs) {
            self.gprs += 1;
            return ArgPlace::Gpr(reg);
        }
        let size = if ty == ValType::V128 { 16 } else { 8 };
        let offset = self.stack.next_multiple_of(size);
        self.stack = offset + size;
        ArgPlace::Stack(offset)
    }

    /// Bytes of the stack arguments so far.
    pub(crate) fn stack_bytes(&self) -> u32 {
        self.stack.next_multiple_of(16)
    }
}

/// A move into a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    dst: u8,
    /// The register that holds the operand, or [`NO_PIN`].
    source: u8,
    entry: Entry,
}

/// Moves that are made at once, at most; 8 results of each class are the most that there are.
const MAX_MOVES: usize = 32;

/// Registers of both classes.
const REGISTERS: usize = 2 * CLASS as usize;

/// The moves between registers that are still to be made.
struct Pending {
    /// The source of each, by its place in the list; vector registers count from `CLASS` on.
    source: [u8; MAX_MOVES],
    /// How many moves each register is the source of.
    uses: [u8; REGISTERS],
    /// A bit for each move.
    left: u32,
}

/// The number of a register among those of both classes.
fn number(entry: Entry, reg: u8) -> u8 {
    if in_vreg(entry.ty) { CLASS + reg } else { reg }
}

impl Emit<'_> {
    /// Adds to the moves that [`Emit::move_all`] makes.
    #[inline(always)]
    pub(crate) fn add_move(&mut self, dst: u8, entry: Entry) {
        let source = match entry.kind {
            Kind::Reg => entry.reg,
            Kind::Local => self.local(entry.bits as u32).pin,
            Kind::Const | Kind::Home => NO_PIN,
        };
        self.moves.push(Move { dst, source, entry });
    }

    /// Makes all moves that were added, as if at once. Whatever was in the destinations is lost; nothing else is, nor
    /// what a test looks at. The registers of moved operands are not freed.
    pub(crate) fn move_all(&mut self) {
        self.asm.reserve(512);
        if self.moves.is_empty() {
            return;
        }
        let mut moves = std::mem::take(&mut self.moves);
        let mut pending = Pending { source: [0; MAX_MOVES], uses: [0; REGISTERS], left: 0 };
        for (i, &Move { dst, source, entry }) in moves.iter().enumerate() {
            if source == NO_PIN || source == dst {
                continue;
            }
            let source = number(entry, source);
            pending.source[i] = source;
            pending.uses[usize::from(source)] += 1;
            pending.left |= 1 << i;
        }
        if pending.left != 0 {
            self.move_registers(&moves, pending);
        }
        for &Move { dst, source, entry } in &moves {
            if source != NO_PIN {
                continue;
            }
            if in_vreg(entry.ty) { self.load_vreg_entry(Vreg(dst), entry) } else { self.load_entry(Gpr(dst), entry) }
        }
        moves.clear();
        self.moves = moves;
    }

    fn move_registers(&mut self, moves: &[Move], mut pending: Pending) {
        while pending.left != 0 {
            let before = pending.left;
            let mut bits = pending.left;
            while bits != 0 {
                let i = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Move { dst, entry, .. } = moves[i];
                if pending.uses[usize::from(number(entry, dst))] == 0 {
                    pending.left &= !(1 << i);
                    pending.uses[usize::from(pending.source[i])] -= 1;
                    self.move_register(entry.ty, dst, pending.source[i]);
                }
            }
            if pending.left == before {
                self.break_cycle(moves, &mut pending);
            }
        }
    }

    fn move_register(&mut self, ty: ValType, dst: u8, source: u8) {
        if in_vreg(ty) {
            self.move_vreg(Vreg(dst), Vreg(source - CLASS));
        } else {
            self.asm.copy(width(ty), Gpr(dst), Gpr(source));
        }
    }

    /// Only cycles are left, in which every register is one source and one destination. An integer changes places
    /// with its source; a float steps aside.
    fn break_cycle(&mut self, moves: &[Move], pending: &mut Pending) {
        let first = pending.left.trailing_zeros() as usize;
        let Move { dst, entry, .. } = moves[first];
        let (full, source) = (number(entry, dst), pending.source[first]);
        let stand_in = if in_vreg(entry.ty) {
            self.move_vreg(SCRATCH_VREG, Vreg(dst));
            CLASS + SCRATCH_VREG.0
        } else {
            self.asm.exchange(Gpr(dst), Gpr(source));
            pending.left &= !(1 << first);
            pending.uses[usize::from(source)] -= 1;
            source
        };
        // What was in `dst` is in the stand-in now.
        for (i, other) in moves.iter().enumerate() {
            if pending.left >> i & 1 != 0 && pending.source[i] == full {
                pending.source[i] = stand_in;
                pending.uses[usize::from(full)] -= 1;
                pending.uses[usize::from(stand_in)] += 1;
                if number(other.entry, other.dst) == stand_in {
                    pending.left &= !(1 << i);
                    pending.uses[usize::from(stand_in)] -= 1;
                }
            }
        }
    }
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    /// A function that the module defines.
    Own(DefinedFunc),
    /// An import, whose record is at this offset in the vmctx.
    Import(i32),
    /// The function whose reference is in `CALLEE`, which the operator holds.
    Reference,
}

/// Whether the caller's frame stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It does.
    Nested,
    /// The callee takes its place.
    Tail,
}

impl Emit<'_> {
    pub(crate) fn call(&mut self, call: Call) {
        let func = FuncIndex(self.u32());
        let callee = match self.module.defined_func(func) {
            Some(own) => Callee::Own(own),
            None => Callee::Import(self.layout.func_import(func)),
        };
        let ty = self.module.func_type(func);
        match call {
            Call::Nested => self.nested_call(callee, ty),
            Call::Tail => self.tail_call(callee, ty),
        }
    }

    /// Stores the stack arguments from `STACK` on, and adds the moves of those in registers.
    fn place_arguments(&mut self, ty: &FuncType) {
        let base = self.entries.len() - ty.params().len();
        let mut places = ArgPlaces::new(ty);
        for (i, &ty) in ty.params().iter().enumerate() {
            let entry = self.entries[base + i];
            match places.next(ty) {
                ArgPlace::Gpr(reg) => self.add_move(reg.0, entry),
                ArgPlace::Vreg(reg) => self.add_move(reg.0, entry),
                ArgPlace::Stack(offset) => {
                    self.asm.reserve(64);
                    self.store_entry(entry, Mem::base(STACK, offset as i32));
                }
            }
        }
    }

    /// Forgets the arguments. No register holds an operand any more.
    fn drop_arguments(&mut self, count: usize) {
        let base = self.entries.len() - count;
        self.entries.truncate(base);
        self.settled = self.settled.min(base);
        self.free_gprs = self.temp_gprs;
        self.free_vregs = self.temp_vregs;
    }

    /// The vmctx of both sides, which come last: their registers may have held arguments.
    fn set_vmctx(&mut self, callee: Callee) {
        match callee {
            Callee::Own(_) => {
                self.count_call();
                self.asm.copy(Width::W64, PARAMS[0], VMCTX);
            }
            Callee::Import(record) => {
                self.asm.load(Width::W64, PARAMS[0], Mem::base(VMCTX, record + IMPORT_VMCTX));
                self.asm.load(Width::W64, CALLEE, Mem::base(VMCTX, record + IMPORT_SLOT));
            }
            Callee::Reference => {
                self.asm.load(Width::W64, PARAMS[0], Mem::base(CALLEE, FUNCREF_VMCTX));
                self.asm.load(Width::W64, CALLEE, Mem::base(CALLEE, FUNCREF_SLOT));
                self.note_target();
            }
        }
        self.asm.copy(Width::W64, PARAMS[1], VMCTX);
    }

    /// A call whose arguments are the topmost operands.
    pub(crate) fn nested_call(&mut self, callee: Callee, ty: &FuncType) {
        let count = ty.params().len();
        self.spill_registers_below(self.entries.len() - count);
        let stack = stack_bytes(ty);
        let in_memory = Results::of(ty.results()) == Results::Memory;
        let cells = if in_memory { (ty.results().len() * RAW_VAL_SIZE) as u32 } else { 0 };
        self.frame.outgoing = self.frame.outgoing.max(stack + cells);
        if stack + cells != 0 {
            self.asm.lower_stack(stack + cells);
        }
        self.place_arguments(ty);
        self.move_all();
        if in_memory {
            self.asm.address(PARAMS[2], Mem::base(STACK, stack as i32));
        }
        self.set_vmctx(callee);
        match callee {
            Callee::Own(func) => self.asm.call_slot(func, &mut self.relocations),
            Callee::Import(_) | Callee::Reference => self.asm.call_mem(Mem::base(CALLEE, 0)),
        }
        self.call_site();
        self.drop_arguments(count);
        if in_memory {
            self.take_memory_results(ty, cells);
        } else {
            self.take_register_results(ty);
        }
        self.reload_memory_base();
        self.begin_run();
    }

    fn take_register_results(&mut self, ty: &FuncType) {
        let (mut gprs, mut vregs) = (0, 0);
        for &ty in ty.results() {
            if in_vreg(ty) {
                self.free_vregs.remove(vregs);
                self.push_vreg(ty, Vreg(vregs));
                vregs += 1;
            } else {
                let reg = RESULTS[gprs];
                self.free_gprs.remove(reg.0);
                self.push_dirty(ty, reg);
                gprs += 1;
            }
        }
    }

    /// Brings results home from the cells at `STACK`, and gives these back.
    fn take_memory_results(&mut self, ty: &FuncType, cells: u32) {
        for (i, &ty) in ty.results().iter().enumerate() {
            self.asm.reserve(64);
            let cell = Mem::base(STACK, (i * RAW_VAL_SIZE) as i32);
            self.push_home(ty);
            let disp = self.entries[self.entries.len() - 1].bits as i32;
            if in_vreg(ty) {
                self.load_vreg(ty, SCRATCH_VREG, cell);
                self.store_vreg(ty, home_at(disp), SCRATCH_VREG);
            } else {
                self.asm.load(width(ty), SCRATCH, cell);
                self.asm.store(width(ty), home_at(disp), SCRATCH);
            }
        }
        self.asm.raise_stack(cells);
    }

    /// A call that the function ends with. The callee's stack arguments take the place of our own, so that both end
    /// at the same address.
    pub(crate) fn tail_call(&mut self, callee: Callee, ty: &FuncType) {
        let stack = stack_bytes(ty);
        if stack != 0 {
            self.asm.lower_stack(stack);
        }
        let own = self.frame.stack_args;
        self.frame.outgoing = self.frame.outgoing.max(stack + stack.saturating_sub(own));
        self.place_arguments(ty);
        self.move_all();
        if Results::of(ty.results()) == Results::Memory {
            // The callee has our result types, and returns to our caller.
            self.asm.load(Width::W64, PARAMS[2], self.frame.result_pointer_mem());
        }
        self.set_vmctx(callee);
        self.restore_saved();
        if stack == 0 && own == 0 {
            self.asm.leave();
        } else {
            self.replace_arguments(stack, own);
        }
        match callee {
            Callee::Own(func) => self.asm.jump_slot(func, &mut self.relocations),
            Callee::Import(_) | Callee::Reference => self.asm.jump_mem(Mem::base(CALLEE, 0)),
        }
        self.end_of_reach();
    }
}

/// An argument of a helper.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg {
    /// A 32-bit constant.
    Index(u32),
    /// An operand. Where the helper takes 64 bits and the operand is an i32, it is extended with zeros.
    Operand(Entry),
}

impl Emit<'_> {
    /// Calls a helper, which may clobber everything but pinned locals. The operands among the arguments are popped
    /// already. The result, if there is one, is in the first register for results, for the caller to push.
    pub(crate) fn call_builtin(&mut self, builtin: Builtin, args: &[Arg]) {
        debug_assert_eq!(args.len(), builtin.params().len());
        self.spill_registers_below(self.entries.len());
        let mut widened = [None; PARAMS.len()];
        for (i, ((&arg, &ty), reg)) in args.iter().zip(builtin.params()).zip(&PARAMS[1..]).enumerate() {
            match arg {
                Arg::Index(index) => self.add_move(reg.0, Entry::constant(ValType::I32, u64::from(index))),
                Arg::Operand(entry) => {
                    let dirty = entry.upper == Upper::Unknown;
                    if ty == AbiType::I64 && width(entry.ty) == Width::W32 && dirty {
                        widened[i] = Some(*reg);
                    }
                    self.add_move(reg.0, entry);
                }
            }
        }
        self.move_all();
        for reg in widened.into_iter().flatten() {
            self.asm.copy(Width::W32, reg, reg);
        }
        self.call_builtin_with(builtin);
        self.free_gprs = self.temp_gprs;
        self.free_vregs = self.temp_vregs;
    }

    /// Pushes the result of a helper.
    pub(crate) fn push_builtin_result(&mut self, ty: ValType) {
        self.free_gprs.remove(RESULTS[0].0);
        self.push_dirty(ty, RESULTS[0]);
    }
}

/// Bytes of the stack arguments of functions of this type.
pub(crate) fn stack_bytes(ty: &FuncType) -> u32 {
    // So few that all are in registers.
    if ty.params().len() <= PARAMS.len() - 3 {
        return 0;
    }
    let mut places = ArgPlaces::new(ty);
    ty.params().iter().for_each(|&ty| {
        places.next(ty);
    });
    places.stack_bytes()
}
