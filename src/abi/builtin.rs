//! The helpers that machine code may call, and how.
//!
//! Machine code loads a helper's address from the table behind `VmHeader::builtins` and calls it in the
//! C convention of the platform with the vmctx as first argument (the interrupt poll preserves all
//! registers besides). A helper that raises does not return:
//! the table holds shims which record where WebAssembly was left, call the body, and unwind to the
//! entry frame if the body says so. Machine code therefore never tests for a raised trap.

/// Machine type of a helper's argument or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbiType {
    /// 32 bits; the upper half of the register is unspecified.
    I32,
    /// 64 bits.
    I64,
}

/// Lists all helpers once: `name(arguments) -> result`, after the vmctx.
/// Sizes, addresses and counts of memory64 and table64 share the 64-bit helpers, zero-extended by the caller.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_builtin {
    ($mac:ident) => {
        $mac! {
            /// Grows memory `index` by `delta` pages; the old size in pages, or -1.
            memory_grow(index: I32, delta: I64) -> I64;
            /// Sets `len` bytes at `dst` of memory `index` to `value`.
            memory_fill(index: I32, dst: I64, value: I32, len: I64);
            /// Copies `len` bytes between memories; ranges may overlap.
            memory_copy(dst_index: I32, src_index: I32, dst: I64, src: I64, len: I64);
            /// Copies from data segment `segment` into memory `index`.
            memory_init(index: I32, segment: I32, dst: I64, src: I32, len: I32);
            /// Drops a data segment.
            data_drop(segment: I32);
            /// Grows table `index` by `delta` elements of value `init`; the old size, or -1.
            table_grow(index: I32, delta: I64, init: I64) -> I64;
            /// Sets `len` elements at `dst` of table `index` to `value`.
            table_fill(index: I32, dst: I64, value: I64, len: I64);
            /// Copies `len` elements between tables; ranges may overlap.
            table_copy(dst_index: I32, src_index: I32, dst: I64, src: I64, len: I64);
            /// Copies from element segment `segment` into table `index`.
            table_init(index: I32, segment: I32, dst: I64, src: I32, len: I32);
            /// Drops an element segment.
            elem_drop(segment: I32);
            /// `memory.atomic.notify`: how many waiters were woken.
            memory_notify(index: I32, addr: I64, count: I32) -> I32;
            /// `memory.atomic.wait32`: 0 woken, 1 not equal, 2 timed out.
            memory_wait32(index: I32, addr: I64, expected: I32, timeout: I64) -> I32;
            /// `memory.atomic.wait64`: as `memory_wait32`.
            memory_wait64(index: I32, addr: I64, expected: I64, timeout: I64) -> I32;
            /// Raises the trap with this `TrapCode`. Never returns.
            raise(code: I32);
            /// Called when the interrupt poll finds the stack limit poisoned: raises, or returns if it was spurious.
            interrupt();
            /// Called by the baseline tier when a function has spent its budget, at the entry or at a loop (an index of
            /// `tier::compiled::Loops::sites`, or `NO_LOOP`): the entry of an OSR body for that loop, or 0.
            budget_spent(func: I32, site: I32) -> I64;
            /// The same for the native baseline tier, which pushes the loop and then the function, and keeps the vmctx
            /// in r14: preserves every register but r11, where the entry is.
            budget_spent_keeping() -> I64;
        }
    };
}

macro_rules! define_builtins {
    ($( $(#[$doc:meta])* $name:ident ( $($arg:ident : $ty:ident),* ) $(-> $ret:ident)? ; )*) => {
        /// A helper, by its index in the table.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Builtin { $( $(#[$doc])* $name, )* }

        impl Builtin {
            /// All helpers, in the order of the table.
            pub const ALL: &'static [Builtin] = &[$( Builtin::$name, )*];

            /// Types of the arguments that follow the vmctx.
            pub fn params(self) -> &'static [AbiType] {
                match self { $( Builtin::$name => &[$( AbiType::$ty, )*], )* }
            }

            /// Type of the result, if there is one.
            pub fn result(self) -> Option<AbiType> {
                match self { $( Builtin::$name => None $( .or(Some(AbiType::$ret)) )?, )* }
            }

            /// Whether the helper preserves every register. The poll does, so that loops keep their values
            /// where they like; it has no result.
            pub fn preserves_registers(self) -> bool {
                self == Builtin::interrupt
            }

            /// Byte offset of the helper's address in the table.
            pub fn offset(self) -> i32 {
                self as i32 * 8
            }
        }
    };
}
for_each_builtin!(define_builtins);

/// Functions of the platform that machine code calls like helpers, but without a vmctx: they know nothing of
/// WebAssembly and raise nothing. The table holds their addresses behind those of the helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Plain {
    /// `memmove(target address, source address, length)`.
    Move,
    /// `memset(target address, value: I32, length)`.
    Fill,
}

impl Plain {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// Byte offset of the function's address in the table.
    pub fn offset(self) -> i32 {
        (Builtin::ALL.len() as i32 + self as i32) * 8
    }
}
