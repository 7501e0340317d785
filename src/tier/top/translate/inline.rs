//! Inlining: a callee of the same module is translated in place of its call.
//!
//!     call f  -->  arguments become locals, the body's operators follow, `return` is a branch to their end
//!
//! # Which callees
//! By size, in bytes of their bodies, where a call runs often as far as that can be seen: in loops, and in functions
//! that call themselves. Elsewhere only where a call is hardly smaller than what it calls. The size halves with each
//! callee around it, and a function grows by a share of its own size. What a profile calls frequent may be larger. All
//! of this depends on the module and the profile alone, so that equal ones give equal code.
//!
//! # Locations
//! Backtraces are the same with and without inlining. Cranelift carries one number of 32 bits per instruction: it is
//! the operator's offset in the module, or, in inlined bodies, one behind the end of the module. Every inlined body
//! has numbers of its own there, as many as it has bytes.
//!
//! # Tail calls
//! What an inlined body calls in its place takes the place of a call of the function around it: it is called as if
//! from there, and its results are those of the body. No deeper stack comes of it: that function's frame was there
//! before, too.
//!
//! Not here: what machine code says about inlined bodies (`convert`), and who reads it (`runtime/backtrace.rs`).

use cranelift_codegen::ir::{SourceLoc, Type, Value, types};
use cranelift_frontend::Variable;
use wasmparser::{BinaryReader, FunctionBody};

use super::call::Call;
use super::guess::Runs;
use super::state::Reach;
use super::{Translator, clif_type};
use crate::module::Module;
use crate::tier::profile::Order;
use crate::tier::top::Inlining;
use crate::types::{DefinedFunc, ValType};

/// A local: its variable, and the kind of its type.
#[derive(Clone, Copy)]
pub(super) struct Local {
    variable: Variable,
    kind: u8,
}

/// Number of kinds of types: those that variables have.
pub(super) const KINDS: usize = 5;

/// The kind of a type.
fn kind(ty: Type) -> usize {
    match ty {
        types::I32 => 0,
        types::I64 => 1,
        types::F32 => 2,
        types::F64 => 3,
        _ => 4,
    }
}

/// A body that is being translated: the function's own, or that of a callee in place of its call.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// Number of locals of the scopes around it.
    locals: usize,
    /// Number of control frames around it.
    pub(super) frames: usize,
    /// Which of `Buffers::inlined` it is; none for the function itself.
    inlined: Option<u16>,
    /// What makes a location of an offset in the module.
    shift: u32,
    /// Where its call is, and the location of that.
    call: (u32, SourceLoc),
    /// Number of scopes around it.
    depth: u32,
}

impl Scope {
    /// The function itself.
    pub(super) fn outermost() -> Scope {
        Scope { locals: 0, frames: 0, inlined: None, shift: 0, call: (0, SourceLoc::default()), depth: 0 }
    }

    /// The location of an operator.
    pub(super) fn location(&self, offset: u32) -> SourceLoc {
        SourceLoc::new(offset.wrapping_add(self.shift))
    }

    /// Whether it is a callee.
    pub(super) fn is_inlined(&self) -> bool {
        self.inlined.is_some()
    }
}

/// A callee that was inlined.
#[derive(Clone, Copy, Debug)]
pub(in crate::tier::top) struct Inlined {
    /// The one around it; none for the function itself.
    pub(in crate::tier::top) parent: Option<u16>,
    pub(in crate::tier::top) func: DefinedFunc,
    /// Offset of its call in the module.
    pub(in crate::tier::top) call_offset: u32,
    /// First location of its body, the byte at `body_offset`. They ascend from one to the next.
    pub(in crate::tier::top) location: u32,
    pub(in crate::tier::top) body_offset: u32,
}

/// Callees in one function at most: their numbers have 16 bits.
const MOST_INLINED: usize = 1 << 12;

/// Locals of a callee at most, besides its parameters: each costs something, whatever the size of the body.
const MOST_LOCALS: u32 = 64;

/// How deep a function may be in itself.
const MOST_RECURSION: usize = 3;

/// Bytes of a callee at most, where nothing says that its call runs often: about what a call takes.
const MOST_ANYWHERE: usize = 12;

/// Bytes of a callee at most, in a loop.
const MOST_IN_LOOPS: usize = 48;

/// Bytes of a function at most that is inlined in itself.
const MOST_IN_ITSELF: usize = 160;

/// Bytes of a callee at most, if the profile says that the call runs often.
const MOST_OFTEN: usize = 240;

/// Bytes of a callee at most, if somebody wants it to be inlined.
const MOST_ORDERED: usize = 2000;

/// Bytes that any function may grow by. Larger ones may double.
const MOST_GROWTH: usize = 600;

/// The same for calls that run often. Larger ones may grow to four times their size.
const MOST_GROWTH_OFTEN: usize = 2400;

/// Functions of more bytes grow no further than one of this size: compilers take more than twice the time for twice
/// the code.
const LARGE: usize = 20_000;

impl Translator<'_> {
    /// Whether a call of this function, whose arguments are on the stack, is replaced by its body.
    pub(super) fn is_worth_inlining(&self, func: DefinedFunc) -> bool {
        let size = self.module.body_range(func).len();
        if self.options.inlining == Inlining::Off || size > MOST_ORDERED {
            return false;
        }
        let around = self.depth_of(func);
        let runs = self.runs_of_call(func);
        let most = match runs {
            _ if around > MOST_RECURSION => return false,
            // However deep.
            Runs::Ordered(Order::AlwaysInline) => MOST_ORDERED << self.scope.depth.min(16),
            Runs::Ordered(Order::NeverInline) => return false,
            Runs::Often => MOST_OFTEN,
            Runs::Never => MOST_ANYWHERE,
            Runs::Unknown | Runs::Sometimes if around > 0 => MOST_IN_ITSELF,
            Runs::Unknown | Runs::Sometimes if !self.buf.loops.is_empty() => MOST_IN_LOOPS,
            Runs::Unknown | Runs::Sometimes => MOST_ANYWHERE,
        };
        let own = self.module.body_range(self.func).len().min(LARGE);
        let most_growth = match runs {
            Runs::Ordered(_) | Runs::Often => MOST_GROWTH_OFTEN.max(3 * own),
            _ => MOST_GROWTH.max(own),
        };
        size <= most >> self.scope.depth
            && self.growth.saturating_add(size) <= most_growth
            && self.buf.inlined.len() < MOST_INLINED
            && self.next_location().checked_add(size as u32 + 1).is_some()
            // It may not have been looked at yet.
            && self.module.is_valid(func)
            && self.module.wire().has(self.module.body_range(func))
            && local_count(self.module, func).is_some_and(|count| count <= MOST_LOCALS)
    }

    /// Whether a call of which nothing is known might be replaced by the function's body if more was known.
    pub(super) fn may_be_worth_inlining(&self, func: DefinedFunc) -> bool {
        let size = self.module.body_range(func).len();
        self.knows_no_calls() && size <= MOST_OFTEN >> self.scope.depth && self.depth_of(func) <= MOST_RECURSION
    }

    /// How many of the scopes are bodies of this function.
    fn depth_of(&self, func: DefinedFunc) -> usize {
        let mut count = usize::from(self.func == func);
        let mut next = self.scope.inlined;
        while let Some(inlined) = next.map(|index| &self.buf.inlined[usize::from(index)]) {
            count += usize::from(inlined.func == func);
            next = inlined.parent;
        }
        count
    }

    /// Whose body is being translated.
    pub(super) fn current_func(&self) -> DefinedFunc {
        self.scope.inlined.map_or(self.func, |inlined| self.buf.inlined[usize::from(inlined)].func)
    }

    /// The first location that no body has.
    fn next_location(&self) -> u32 {
        let end = self.module.wire().len() as u32;
        self.buf.inlined.last().map_or(end, |last| last.location + self.module.body(last.func).len() as u32)
    }

    /// Translates a callee in place of its call: pops the arguments, pushes the results. What follows may be dead.
    pub(super) fn inline(&mut self, func: DefinedFunc, how: Call) {
        let around = self.scope;
        let around_offset = self.offset;
        let body = self.module.body(func);
        // In the place of the function around it, if that is what it takes.
        let (parent, call) = match how {
            Call::Nested => (around.inlined, (around_offset as u32, around.location(around_offset as u32))),
            Call::Tail => {
                let parent = around.inlined.expect("the outermost function's tail calls are not inlined");
                (self.buf.inlined[usize::from(parent)].parent, around.call)
            }
        };
        let location = self.next_location();
        let index = self.buf.inlined.len() as u16;
        self.buf.inlined.push(Inlined { parent, func, call_offset: call.0, location, body_offset: body.start as u32 });
        self.growth += body.len();
        self.work = self.work.saturating_add(body.len() as u64);
        let shift = location.wrapping_sub(body.start as u32);
        self.scope = Scope {
            locals: self.buf.locals.len(),
            frames: self.buf.frames.len(),
            inlined: Some(index),
            shift,
            call,
            depth: around.depth + 1,
        };
        let ty = self.module.func_type(self.module.func_index(func));
        let base = self.buf.stack.len() - ty.params().len();
        for (position, &ty) in ty.params().iter().enumerate() {
            let value = self.buf.stack[base + position];
            self.declare_local(ty, value);
        }
        self.buf.stack.truncate(base);
        let indirect_index = std::mem::take(&mut self.indirect_index);
        self.body(func, None).expect("validated: the body can be read");
        self.indirect_index = indirect_index;
        for local in self.buf.locals.drain(self.scope.locals..) {
            self.buf.unused[usize::from(local.kind)].push(local.variable);
        }
        self.scope = around;
        self.offset = around_offset;
        self.b.set_srcloc(around.location(around_offset as u32));
    }

    /// From here on, instructions belong to the call that an inlined body was translated in place of.
    pub(super) fn leave_inlined(&mut self) {
        self.b.set_srcloc(self.scope.call.1);
    }

    /// Branches to where an inlined body ends.
    pub(super) fn return_from_inlined(&mut self) {
        if self.reach == Reach::Live {
            self.branch(self.depth_of_body());
            self.reach = Reach::Dead;
        }
    }

    /// Depth of the frame of the body, as branches count.
    pub(super) fn depth_of_body(&self) -> u32 {
        (self.buf.frames.len() - 1 - self.scope.frames) as u32
    }

    /// Declares the next local of this type with this value.
    pub(super) fn declare_local(&mut self, ty: ValType, value: Value) {
        let ty = clif_type(ty);
        let kind = kind(ty);
        let unused = self.buf.unused[kind].pop();
        let variable = unused.unwrap_or_else(|| self.b.declare_var(ty));
        self.buf.locals.push(Local { variable, kind: kind as u8 });
        self.b.def_var(variable, value);
    }

    /// The variable of a local.
    pub(super) fn variable(&self, local: u32) -> Variable {
        self.buf.locals[self.scope.locals + local as usize].variable
    }
}

/// How many locals a body declares. None: more than anybody can count.
fn local_count(module: &Module, func: DefinedFunc) -> Option<u32> {
    let body = FunctionBody::new(BinaryReader::new(module.wire().known(module.body(func)), 0));
    let locals = body.get_locals_reader().ok()?;
    locals.into_iter().try_fold(0u32, |sum, local| sum.checked_add(local.ok()?.0))
}
