//! Why WebAssembly stopped: trap codes, and the trap as the host sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::types::{FuncIndex, Tier};

macro_rules! trap_codes {
    ($( $(#[$doc:meta])* $name:ident = $number:literal, $text:literal; )*) => {
        /// The reason of a trap. The numbers are part of the C interface and are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TrapCode { $( $(#[$doc])* $name = $number, )* }

        impl TrapCode {
            /// All codes.
            pub const ALL: &'static [TrapCode] = &[$( TrapCode::$name, )*];

            /// The code with this number.
            pub fn from_number(number: u8) -> Option<TrapCode> {
                match number { $( $number => Some(TrapCode::$name), )* _ => None }
            }

            /// What happened, in the words of the specification where it has some.
            pub fn message(self) -> &'static str {
                match self { $( TrapCode::$name => $text, )* }
            }
        }
    };
}
trap_codes! {
    /// The stack limit was reached.
    StackOverflow = 1, "call stack exhausted";
    /// An access outside of a memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// An atomic access to an address that is not a multiple of its width.
    UnalignedAtomic = 3, "unaligned atomic";
    /// An access outside of a table.
    TableOutOfBounds = 4, "out of bounds table access";
    /// `call_indirect` with an index outside of the table.
    UndefinedElement = 5, "undefined element";
    /// `call_indirect` of a null element.
    UninitializedElement = 6, "uninitialized element";
    /// `call_indirect` of a function of another type.
    IndirectCallTypeMismatch = 7, "indirect call type mismatch";
    /// The quotient is not representable.
    IntegerOverflow = 8, "integer overflow";
    /// Division by zero.
    IntegerDivideByZero = 9, "integer divide by zero";
    /// The float is not representable as an integer.
    InvalidConversionToInteger = 10, "invalid conversion to integer";
    /// `unreachable` was executed.
    Unreachable = 11, "unreachable";
    /// `memory.atomic.wait` on a memory that is not shared.
    WaitOnUnsharedMemory = 12, "expected shared memory";
    /// A null reference was used.
    NullReference = 13, "null reference";
    /// The host interrupted the call.
    Interrupt = 14, "interrupted";
    /// The deadline of the call passed.
    Deadline = 15, "deadline passed";
    /// A host function raised an error.
    Host = 16, "host function failed";
    /// A function could not be compiled when it was first called.
    CompilationFailed = 17, "function could not be compiled";
    /// The guest asked to end the program (`proc_exit`).
    Exit = 18, "program exited";
    /// The store has less fuel left than the next run of operators takes.
    OutOfFuel = 19, "all fuel consumed";
    /// The module was found to be invalid, and the function that was called was not known to be valid by then.
    InvalidModule = 20, "module is not valid";
}

/// One frame of a backtrace.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Index of the function in its module.
    pub func: FuncIndex,
    /// Which module, as a number that no other living module has.
    pub module: usize,
    /// Which tier its code came from.
    pub tier: Tier,
    /// Name of the function from the name section.
    pub func_name: Option<Arc<str>>,
    /// Name of the module from the name section.
    pub module_name: Option<Arc<str>>,
    /// Offset of the instruction from the first byte of the module; the call for all but the innermost frame.
    pub module_offset: u32,
    /// Offset of the instruction from the first byte of the function's body.
    pub func_offset: u32,
}

/// A payload which a host function attaches to its error and finds again where the call returns.
pub type HostPayload = Box<dyn Any + Send>;

/// WebAssembly stopped before it returned.
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// What happened, for people.
    pub message: Box<str>,
    /// Innermost frame first.
    pub frames: Box<[Frame]>,
    /// What the host attached.
    pub payload: Option<HostPayload>,
    /// The status that the guest gave to `proc_exit`.
    pub exit_status: Option<i32>,
    /// The function whose body is invalid, and where in the module.
    pub invalid: Option<(FuncIndex, u64)>,
}

impl Trap {
    /// A trap without frames; the runtime adds them as it passes.
    pub fn new(code: TrapCode) -> Trap {
        Trap {
            code,
            message: code.message().into(),
            frames: Box::default(),
            payload: None,
            exit_status: None,
            invalid: None,
        }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap")
            .field("code", &self.code)
            .field("message", &self.message)
            .field("frames", &self.frames)
            .finish()
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {i}: ")?;
            match (&frame.module_name, &frame.func_name) {
                (Some(module), Some(func)) => write!(f, "{module}!{func}")?,
                (None, Some(func)) => f.write_str(func)?,
                _ => write!(f, "function {}", frame.func.0)?,
            }
            write!(f, " at {:#x}", frame.module_offset)?;
        }
        Ok(())
    }
}
