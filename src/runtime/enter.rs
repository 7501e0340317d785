//! The machine-level edges between host and WebAssembly: entering, leaving through helpers, unwinding.
//!
//! # The entry frame
//!
//! [`enter_wasm`] is inlined where WebAssembly is called. It makes a frame, in which the activation is found, and calls the
//! entry trampoline. The frame, from high addresses to low:
//!
//!     [rbp]        saved rbp
//!     [rbp - 8]    saved rbx, which is not the compiler's to save around inline assembly
//!     [rbp - 16]   activation
//!     [rbp - 24]   where to go on after a trap
//!
//! The other registers that a callee preserves are clobbered, since a trap comes back with anything in them: the function
//! around saves them once, and not a frame of ours as well. A trap goes back in one step: [`unwind`] finds the innermost activation through
//! the vmctx, and goes on behind the call with 1 for a result. No frame that is skipped has a destructor: they
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

use std::arch::{asm, naked_asm};

use crate::abi::call::RawVal;
use crate::abi::vmctx::{Activation, STORE_ACTIVATION, STORE_EXIT_FP, VMCTX_STORE, VmHeader};

/// Distance of the activation below the frame pointer of the entry frame.
pub(super) const ENTRY_ACTIVATION: usize = 16;
/// Distance of the address to go on at.
const ENTRY_RESUME: usize = 24;
const ENTRY_FP: usize = std::mem::offset_of!(Activation, entry_fp);

/// What the body of a helper returns: in rax and rdx.
#[repr(C)]
pub(super) struct BuiltinResult {
    /// The helper's result.
    pub(super) value: u64,
    /// Nonzero = the store holds a pending trap.
    pub(super) raised: u64,
}

/// Calls `trampoline(vmctx, 0, code, values)`. Returns 0, or 1 if a trap unwound to here.
///
/// # Safety
/// - `activation` is the innermost activation of the store behind `vmctx`.
/// - `trampoline` is the entry trampoline of the type of the function at `code`, whose vmctx is `vmctx`.
/// - `values` holds the arguments and has room for the results.
/// - No reference to anything that WebAssembly or the host may touch meanwhile is used afterwards.
#[inline(always)]
pub(super) unsafe fn enter_wasm(
    activation: *mut Activation,
    trampoline: usize,
    vmctx: *mut VmHeader,
    code: usize,
    values: *mut RawVal,
) -> u32 {
    let trapped: u32;
    // SAFETY: the caller's contract. After a trap, the registers that a callee preserves hold anything: they are clobbered or
    // saved here. rsp is as it was at the end, whichever way leads there.
    unsafe {
        asm!(
            "push rbp",
            "mov rbp, rsp",
            "push rbx",
            "push {activation}",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [{activation} + {entry_fp}], rbp",
            "xor esi, esi",
            "call {trampoline}",
            "xor eax, eax",
            "2:",
            "mov rbx, [rbp - 8]",
            "mov rsp, rbp",
            "pop rbp",
            activation = in(reg) activation,
            trampoline = in(reg) trampoline,
            entry_fp = const ENTRY_FP,
            inout("rdi") vmctx => _,
            out("rsi") _,
            inout("rdx") code => _,
            inout("rcx") values => _,
            out("eax") trapped,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("C"),
        );
    }
    trapped
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
        "mov eax, 1",
        "jmp [rbp - {resume}]",
        resume = const ENTRY_RESUME,
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

/// The body of a naked function that preserves every register: what it does between, and where `2:` leads, from which
/// it does not return.
macro_rules! preserving_all {
    ($($body:literal),*; $($raised:literal),*; $($operands:tt)*) => {
        std::arch::naked_asm!(
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
            $($body,)*
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
            $($raised,)*
            $($operands)*
        )
    };
}
pub(super) use preserving_all;

/// Shim of the interrupt poll: as the others, but preserves every register.
///
/// # Safety
/// Called by machine code only, with the vmctx.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn interrupt() {
    preserving_all!(
        "mov rax, [rdi + {store}]",
        "mov [rax + {exit_fp}], rbp",
        "call {body}",
        "test edx, edx",
        "jne 2f";
        "mov rdi, [rbp - 8]",
        "jmp {unwind}";
        store = const VMCTX_STORE,
        exit_fp = const STORE_EXIT_FP,
        body = sym super::builtins::body::interrupt,
        unwind = sym unwind,
    )
}

/// A routine in the place of code that is not there yet: has `$body` make it, given the vmctx and eax, and jumps to it, with
/// all arguments as they were.
macro_rules! made_at_the_first_call {
    ($body:path) => {
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
            body = sym $body,
            unwind = sym unwind,
        )
    };
}

/// Target of lazy stubs: compiles the function with the number in eax, then jumps to its code.
///
/// # Safety
/// Reached only by a jump from a lazy stub.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn lazy_compile() {
    made_at_the_first_call!(super::builtins::lazy_compile_body)
}

/// What the slot of a host function holds whose trampoline nobody has needed yet: has it compiled, then jumps to it.
///
/// # Safety
/// Called only through the slot of a host function.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn lazy_host() {
    made_at_the_first_call!(super::builtins::lazy_host_body)
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
