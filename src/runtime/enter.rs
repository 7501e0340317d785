//! The machine-level edges between host and WebAssembly: entering, leaving through helpers, unwinding.
//!
//! # The entry frame
//!
//! [`enter_wasm`] saves the callee-saved registers, pushes the activation and calls the entry trampoline.
//! Its frame looks like this, from high addresses to low:
//!
//!     [rbp + 8]        return address into Rust
//!     [rbp]            saved rbp
//!     [rbp - 8..-40]   rbx r12 r13 r14 r15
//!     [rbp - 48]       activation
//!
//! A trap goes back to it in one step: [`unwind`] finds the innermost activation through the vmctx, sets
//! rsp to the frame, restores the registers and returns 1. No frame that is skipped has a destructor: they
//! are frames of WebAssembly, of trampolines, and of the shims below, never of Rust code with live values.
//!
//! # Helpers
//!
//! Machine code calls a shim per helper. The shim records its frame in `VmStore::exit_fp`, so that
//! backtraces start at the caller, calls the body, and unwinds if the body says that it raised.
//!
//! # The lazy stub and the stack check
//!
//! Both are reached with all argument registers of the `tail` convention live (rdi, rsi, rdx, rcx, r8, r9,
//! xmm0 to xmm7), which they preserve.
//!
//! x86-64 only; another processor needs its own version of this file.

use std::arch::naked_asm;

use crate::abi::call::RawVal;
use crate::abi::vmctx::{Activation, STORE_ACTIVATION, STORE_EXIT_FP, VMCTX_STORE, VmHeader};

/// Distance of the activation below the frame pointer of the entry frame.
pub(super) const ENTRY_ACTIVATION: usize = 48;
const ENTRY_FP: usize = std::mem::offset_of!(Activation, entry_fp);

/// What the body of a helper returns: in rax and rdx.
#[repr(C)]
pub(super) struct BuiltinResult {
    /// The helper's result.
    pub(super) value: u64,
    /// Nonzero = the store holds a pending trap.
    pub(super) raised: u64,
}

/// Calls `trampoline(vmctx, caller, code, values)`. Returns 0, or 1 if a trap unwound to here.
///
/// # Safety
/// - `activation` is the innermost activation of the store behind `vmctx`.
/// - `trampoline` is the entry trampoline of the type of the function at `code`, whose vmctx is `vmctx`.
/// - `values` holds the arguments and has room for the results.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter_wasm(
    activation: *mut Activation,
    trampoline: usize,
    vmctx: *mut VmHeader,
    caller: *mut VmHeader,
    code: usize,
    values: *mut RawVal,
) -> u32 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rdi",
        "mov [rdi + {entry_fp}], rbp",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "mov rcx, r9",
        "call rax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "xor eax, eax",
        "ret",
        entry_fp = const ENTRY_FP,
    )
}

/// Returns 1 from the innermost [`enter_wasm`] of the store behind the vmctx.
///
/// # Safety
/// The store has an activation, and no frame between here and it has a destructor to run.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn unwind(vmctx: *mut VmHeader) -> ! {
    naked_asm!(
        "mov rax, [rdi + {store}]",
        "mov rax, [rax + {activation}]",
        "mov rdi, [rax + {entry_fp}]",
        "jmp {unwind_to}",
        store = const VMCTX_STORE,
        activation = const STORE_ACTIVATION,
        entry_fp = const ENTRY_FP,
        unwind_to = sym unwind_to,
    )
}

/// Returns 1 from the [`enter_wasm`] whose frame pointer is `entry_fp`.
///
/// # Safety
/// As for [`unwind`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn unwind_to(entry_fp: usize) -> ! {
    naked_asm!(
        "mov rbp, rdi",
        "lea rsp, [rbp - {activation}]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "mov eax, 1",
        "ret",
        activation = const ENTRY_ACTIVATION,
    )
}

/// Makes the shim of a helper: `shim!(name, body)`, where `body` takes the vmctx and up to five arguments.
macro_rules! shim {
    ($name:ident, $body:path) => {
        /// Shim: see the header of `enter.rs`.
        ///
        /// # Safety
        /// Called by machine code only, in the C convention, with the vmctx first.
        #[unsafe(naked)]
        pub(in crate::runtime) unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "push rdi",
                "sub rsp, 8",
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit_fp}], rbp",
                "call {body}",
                "test edx, edx",
                "jne 2f",
                "leave",
                "ret",
                "2:",
                "mov rdi, [rbp - 8]",
                "jmp {unwind}",
                store = const $crate::abi::vmctx::VMCTX_STORE,
                exit_fp = const $crate::abi::vmctx::STORE_EXIT_FP,
                body = sym $body,
                unwind = sym $crate::runtime::enter::unwind,
            )
        }
    };
}
pub(super) use shim;

/// Shim of the interrupt poll: as the others, but preserves every register.
///
/// # Safety
/// Called by machine code only, with the vmctx.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn interrupt() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 264",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "mov rax, [rdi + {store}]",
        "mov [rax + {exit_fp}], rbp",
        "call {body}",
        "test edx, edx",
        "jne 2f",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 264",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rdi",
        "pop rbp",
        "ret",
        "2:",
        "mov rdi, [rbp - 8]",
        "jmp {unwind}",
        store = const VMCTX_STORE,
        exit_fp = const STORE_EXIT_FP,
        body = sym super::builtins::body::interrupt,
        unwind = sym unwind,
    )
}

/// Target of lazy stubs: compiles the function with the number in eax, then jumps to its code.
///
/// # Safety
/// Reached only by a jump from a lazy stub.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn lazy_compile() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "sub rsp, 128",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "mov r10, [rdi + {store}]",
        "mov [r10 + {exit_fp}], rbp",
        "mov esi, eax",
        "call {body}",
        "test edx, edx",
        "jne 2f",
        "mov r11, rax",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "add rsp, 128",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rbp",
        "jmp r11",
        "2:",
        "mov rdi, [rbp - 8]",
        "jmp {unwind}",
        store = const VMCTX_STORE,
        exit_fp = const STORE_EXIT_FP,
        body = sym super::builtins::lazy_compile_body,
        unwind = sym unwind,
    )
}

/// Called by prologues whose stack check failed; returns if the function may run after all.
///
/// # Safety
/// Called only by the stack check of a function, before it made its frame.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn stack_check() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        // The function has no frame yet, so that the stack is off by one word here: 136, not 128.
        "sub rsp, 136",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "mov r10, [rdi + {store}]",
        "mov [r10 + {exit_fp}], rbp",
        "mov rsi, rbp",
        "call {body}",
        "test edx, edx",
        "jne 2f",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "add rsp, 136",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rbp",
        "ret",
        "2:",
        "mov rdi, [rbp - 8]",
        "jmp {unwind}",
        store = const VMCTX_STORE,
        exit_fp = const STORE_EXIT_FP,
        body = sym super::builtins::stack_check_body,
        unwind = sym unwind,
    )
}

/// Runs `body(argument)` on another stack whose highest address is `top` (16-byte aligned).
///
/// # Safety
/// - The stack below `top` is mapped and used by nobody else.
/// - `body` does not unwind.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn call_on_stack(top: usize, body: unsafe extern "C" fn(*mut u8), argument: *mut u8) {
    naked_asm!("push rbp", "mov rbp, rsp", "mov rsp, rdi", "mov rdi, rdx", "call rsi", "mov rsp, rbp", "pop rbp", "ret",)
}

/// The stack pointer, near enough.
#[inline(always)]
pub(super) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { std::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}
