//! The seam between the baseline tier and the machine that it writes code for.
//!
//! Everything that names an instruction, an encoding or a register of one architecture is in the folder of that
//! architecture, `x64`. The files beside it know opcodes of WebAssembly, operands, homes, pins, blocks and records,
//! and reach the machine through what stands here, and only so (`tests/tidy.rs` looks). There is one backend in a
//! build: calls are direct and inlined, and a type that the backend gives is that very type.
//!
//! Another architecture is a folder with the same:
//!
//! - `Asm`: the buffer and the macro assembler, [`Assembler`].
//! - `Label`: forward jumps to one place; `Default` is one that nothing jumps to, `is_used` tells.
//! - `ShortJump`: a jump within one operator.
//! - `Test`: what can be tested behind a comparison, wherever the machine keeps that: flags, a register. `NOT_ZERO` is
//!   the one of [`Conditions::condition`], `not` inverts.
//! - `Mem`: what loads and stores can address: a register and any distance at least, `Mem::base`, and `plus`.
//! - `Cpu`: what of the processor matters, `Cpu::detect`. `REQUIRED` names what it must have.
//! - Roles and sets of registers: `FRAME`, `STACK`, `VMCTX`, `MEMORY`, `SCRATCH`, `SCRATCH_VREG`, `PARAMS`,
//!   `PARAM_VREGS`, `RESULTS`, `CALLEE`, `TEMPS`, `TEMP_VREGS`, `CLASS`; `SAVED_PINS`, `UNSAVED_PINS`, `VREG_PINS` and
//!   how many of those carry parameters.
//! - `SLACK`, the bytes that one operator may fill without asking for more; `STACK_ARGS`, from `FRAME` to the first
//!   stack argument.
//! - `storable`: whether a constant can be stored without a register.
//! - The lowering of operators: the traits below, for [`Emit`](super::Emit). What they need of operands and registers
//!   is in `stack` and `operand`. The order of an operator's duties is the same everywhere: pop, bring operands where
//!   they are wanted, `trap_site` right in front of what may fault, free, push.
//!
//! A move never changes what a `Test` looks at, unless it says so.
//!
//! Not here: what the runtime has for machine code of one architecture, its own shims first (`runtime/enter.rs`). One
//! is for this tier alone: `Builtin::budget_spent_keeping` finds the vmctx in `VMCTX` and what `push_two` pushed, and
//! leaves its answer in `SCRATCH`.

pub(crate) use super::x64::{
    Asm, CALLEE, CLASS, Cpu, FRAME, Label, MEMORY, Mem, PARAM_VREGS, PARAMS, REQUIRED, RESULTS, SAVED_PINS, SCRATCH,
    SCRATCH_VREG, SLACK, STACK, STACK_ARGS, ShortJump, TEMP_VREGS, TEMPS, Test, UNSAVED_PINS, VMCTX, VREG_PINS,
    VREG_PINS_BEYOND_PARAMS, VREG_PINS_PARAMS, storable,
};

use super::decode::MemArg;
use super::operand::Loc;
use super::regs::{Gpr, Vreg};
use super::stack::Entry;
use crate::tier::compiled::Relocation;
use crate::trap::TrapCode;
use crate::types::{DefinedFunc, ValType};

/// Width of an operation on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W32 = 0,
    W64 = 1,
}

/// Arithmetic that is alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    And,
    Or,
    Xor,
}

/// Shifts and rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShiftBy {
    Left,
    RightSigned,
    RightUnsigned,
    RotateLeft,
    RotateRight,
}

/// Comparisons of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    LessSigned,
    LessUnsigned,
    GreaterSigned,
    GreaterUnsigned,
    LessEqualSigned,
    LessEqualUnsigned,
    GreaterEqualSigned,
    GreaterEqualUnsigned,
}

/// The divisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    DivS,
    DivU,
    RemS,
    RemU,
}

/// Arithmetic on 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wide {
    Add,
    Sub,
    MulSigned,
    MulUnsigned,
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

/// What an atomic operator does to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rmw {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Exchange,
}

/// The macro assembler: `Asm`.
pub(crate) trait Assembler: Default {
    /// Empties the buffer, for a processor.
    fn start(&mut self, cpu: Cpu);
    /// How many bytes are written.
    fn offset(&self) -> u32;
    /// What is written.
    fn bytes(&self) -> &[u8];
    /// Bytes that the buffers hold on to.
    fn capacity(&self) -> usize;
    /// Makes sure that so many bytes can be written.
    fn reserve(&mut self, len: usize);
    /// Places the constants that instructions refer to behind the code, aligned to `origin`.
    fn place_constants(&mut self, origin: u32);

    /// Copies a register. In 32 bits, the upper half becomes 0.
    fn copy(&mut self, width: Width, dst: Gpr, src: Gpr);
    /// Loads a register. In 32 bits, the upper half becomes 0.
    fn load(&mut self, width: Width, dst: Gpr, mem: Mem);
    fn store(&mut self, width: Width, mem: Mem, src: Gpr);
    /// Stores a constant. Uses the scratch register if it is not [`storable`].
    fn store_const(&mut self, width: Width, mem: Mem, bits: u64);
    /// Sets a register to a constant.
    fn set(&mut self, dst: Gpr, bits: u64);
    /// Sets a register to 0. Changes what tests look at.
    fn zero(&mut self, dst: Gpr);
    /// The address of an operand in memory.
    fn address(&mut self, dst: Gpr, mem: Mem);
    /// Two registers exchange their values.
    fn exchange(&mut self, a: Gpr, b: Gpr);

    /// Shifts 64 bits to the right, filling with zeros.
    fn shift_right(&mut self, dst: Gpr, count: u8);
    /// Subtracts a constant; whether the result is negative.
    fn decrement(&mut self, width: Width, mem: Mem, by: i32) -> Test;
    /// As [`Assembler::decrement`] of 32 bits, by what [`Assembler::set_amount`] says later; and what to tell that.
    fn decrement_later(&mut self, place: Loc) -> (u32, Test);
    /// Fills in an amount.
    fn set_amount(&mut self, field: u32, by: u32);
    /// Adds a constant to 32 bits in memory.
    fn count(&mut self, mem: Mem, by: i32);
    /// Adds 1 to a byte in memory; whether it has become 0.
    fn count_in_byte(&mut self, mem: Mem) -> Test;
    /// Subtracts a register from 64 bits in memory; whether the result is negative.
    fn decrement_by(&mut self, mem: Mem, src: Gpr) -> Test;
    /// Whether 64 bits in a register are 0.
    fn is_zero(&mut self, reg: Gpr) -> Test;
    /// Whether 64 bits in memory are all ones.
    fn is_all_ones(&mut self, mem: Mem) -> Test;
    /// Whether 32 bits in memory differ from those in a register.
    fn differ(&mut self, mem: Mem, reg: Gpr) -> Test;

    /// Lets all jumps of the label lead to the cursor.
    fn bind(&mut self, label: Label);
    /// Jumps to a place that is not known yet.
    fn jump(&mut self, label: &mut Label);
    /// Jumps to a place behind the cursor.
    fn jump_back(&mut self, target: u32);
    /// Jumps to a place that is not known yet if the test holds.
    fn branch(&mut self, test: Test, label: &mut Label);
    /// Jumps to a place behind the cursor if the test holds.
    fn branch_back(&mut self, test: Test, target: u32);
    /// Jumps over a few instructions, which follow, unless the test holds. It is the test of a single comparison.
    fn skip_unless(&mut self, test: Test) -> ShortJump;
    /// Lets a short jump lead to the cursor.
    fn land(&mut self, jump: ShortJump);
    /// Jumps to where an entry of the table leads that follows. An index of `last` or above means that one. Changes the
    /// index and the scratch register.
    fn table_jump(&mut self, index: Gpr, last: u32);
    /// An entry of a table for a place that is not known yet.
    fn table_entry(&mut self, label: &mut Label);
    /// An entry of a table for a place behind the cursor.
    fn table_entry_back(&mut self, target: u32);

    /// Calls through the slot of a function of the module.
    fn call_slot(&mut self, func: DefinedFunc, relocations: &mut Vec<Relocation>);
    /// Jumps through it.
    fn jump_slot(&mut self, func: DefinedFunc, relocations: &mut Vec<Relocation>);
    /// Calls the address in memory.
    fn call_mem(&mut self, mem: Mem);
    /// Jumps to the address in memory.
    fn jump_mem(&mut self, mem: Mem);
    /// Calls the address in a register.
    fn call_reg(&mut self, reg: Gpr);
    /// Makes room of so many bytes on the stack, a multiple of 16.
    fn lower_stack(&mut self, bytes: u32);
    /// Gives room back.
    fn raise_stack(&mut self, bytes: u32);
    /// Pushes two constants, as arguments that `raise_stack(16)` drops.
    fn push_two(&mut self, first: i32, second: i32);
    /// Keeps a register on the stack, which stays aligned.
    fn keep(&mut self, reg: Gpr);
    /// Takes back what was kept last.
    fn take_back(&mut self, reg: Gpr);
    /// What no way of a correct program leads to, or a trap.
    fn undefined(&mut self);
    /// Gives back the frame but for the return address and what is below it.
    fn leave(&mut self);
    /// Returns, and drops so many bytes of stack arguments.
    fn ret(&mut self, stack_args: u32);
}

/// Moves of floats and vectors.
pub(crate) trait VectorMoves {
    fn move_vreg(&mut self, dst: Vreg, src: Vreg);
    fn zero_vreg(&mut self, dst: Vreg);
    fn load_vreg(&mut self, ty: ValType, dst: Vreg, mem: Mem);
    fn store_vreg(&mut self, ty: ValType, mem: Mem, src: Vreg);
    /// Copies a constant operand into a register.
    fn load_vreg_const(&mut self, dst: Vreg, entry: Entry);
    fn gpr_to_vreg(&mut self, width: Width, dst: Vreg, src: Gpr);
}

/// The ends of a frame, whose layout `frame` has.
pub(crate) trait Frames {
    /// Checks the stack and makes the frame; the vmctx goes into its register.
    fn enter_frame(&mut self);
    /// What the check compares with is known now.
    fn set_checked_size(&mut self, field: u32, size: u32);
    /// Zeroes the homes from a distance from `FRAME` up to another one. Parameters have been taken.
    fn zero_homes(&mut self, low: i32, high: i32);
    /// Moves `stack` bytes of arguments at `STACK` to where they end with our own `own` bytes, the return address below
    /// them, and leaves the frame.
    fn replace_arguments(&mut self, stack: u32, own: u32);
}

/// What a comparison leads to.
pub(crate) trait Conditions {
    /// Whether a popped integer is not 0: [`Test::NOT_ZERO`].
    fn condition(&mut self, entry: Entry);
    /// 1 if the test holds, else 0.
    fn set_test(&mut self, test: Test, reg: Gpr);
    /// `select`, whose two operands are on the stack.
    fn select_test(&mut self, test: Test);
}

/// Operators on integers, whose operands are on the stack.
pub(crate) trait Integers {
    fn arith(&mut self, op: Arith, ty: ValType);
    fn mul(&mut self, ty: ValType);
    fn shift(&mut self, by: ShiftBy, ty: ValType);
    /// Ends with [`Emit::outcome`](super::Emit::outcome), as does `eqz`.
    fn compare(&mut self, relation: Relation, ty: ValType);
    fn eqz(&mut self);
    fn clz(&mut self, ty: ValType);
    fn ctz(&mut self, ty: ValType);
    fn popcnt(&mut self, ty: ValType);
    fn extend8(&mut self, ty: ValType);
    fn extend16(&mut self, ty: ValType);
    /// `i64.extend32_s` and `i64.extend_i32_s`.
    fn extend32(&mut self);
}

/// Operators on integers of which some machines take more than one register.
pub(crate) trait WideIntegers {
    fn divide(&mut self, division: Division, ty: ValType);
    /// On pairs of i64, the lower half first.
    fn wide(&mut self, op: Wide);
}

/// Operators on floats, by their opcodes.
pub(crate) trait Floats {
    fn float(&mut self, opcode: u8);
}

/// Conversions between numbers, by their opcodes.
pub(crate) trait Conversions {
    fn convert(&mut self, opcode: u8);
    /// Behind the prefix FC.
    fn trunc_sat(&mut self, number: u32);
}

/// Operators on vectors, by their numbers behind the prefix FD.
pub(crate) trait Vectors {
    fn vector(&mut self, number: u32);
}

/// Accesses to memories and tables. Those of memories read their immediates.
pub(crate) trait Accesses {
    fn load_operator(&mut self, ty: ValType, load: Load);
    /// Stores the low `size` bytes of an integer.
    fn store_operator(&mut self, size: u32);
    /// Stores an f32 or f64.
    fn store_float(&mut self, ty: ValType);
    /// The address of the element at a popped index, in a register of the operator's. One out of bounds traps with
    /// `code`: here, or where the element is accessed, at null.
    fn element(&mut self, table: u32, index: Entry, code: TrapCode) -> Gpr;
}

/// Atomic accesses, whose operands are on the stack.
pub(crate) trait Atomics {
    fn atomic_fence(&mut self);
    fn atomic_load(&mut self, memarg: MemArg, ty: ValType, size: u32);
    fn atomic_store(&mut self, memarg: MemArg, size: u32);
    /// Replaces the value in memory by a function of it and the operand; the old value is the result.
    fn read_modify_write(&mut self, memarg: MemArg, op: Rmw, ty: ValType, size: u32);
    /// Replaces the value in memory if it equals the expected one; the old value is the result. The upper bits of the
    /// expected value do not make the comparison fail.
    fn compare_exchange(&mut self, memarg: MemArg, ty: ValType, size: u32);
    /// Traps unless the address is a multiple of `size`, a power of two. The index stays popped.
    fn trap_unless_aligned(&mut self, index: Entry, memarg: MemArg, size: u32);
    /// Adds an offset to an address; where `code` is there, traps if the sum exceeds 64 bits.
    fn add_offset(&mut self, addr: Gpr, offset: u64, code: Option<TrapCode>);
}

/// Counters that calls leave behind (`abi/profile.rs`).
pub(crate) trait Profiles {
    /// Counts a direct call of a function of the module, unless its stretch is counted (`tier/counters.rs`). Changes the
    /// scratch register only.
    fn count_call(&mut self);
    /// Notes the target of an indirect call, whose slot is in `CALLEE`. Changes what carries no argument only.
    fn note_target(&mut self);
    /// The detour of [`Profiles::note_target`].
    fn other_target(&mut self, site: i32, back: u32);
    /// What all these detours of a function share, behind it.
    fn write_target_routine(&mut self);
}
