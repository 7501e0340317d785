//! The floating-point environment: WebAssembly has one, hosts have others.
//!
//! A host may flush subnormals to zero (audio code, `-ffast-math`), round differently, or unmask exceptions.
//! WebAssembly runs with the default of the processor; a host function finds the host's again, and leaves it so: its
//! control bits belong to the caller, says the calling convention, so that nothing is read after a host function.
//! What a compiler computes ahead, it must compute in WebAssembly's environment, too ([`WasmFloats`]).

use std::arch::asm;
use std::mem::MaybeUninit;

/// Everything but the sticky flags, which nobody relies on.
const CONTROL: u32 = 0xffc0;
/// All exceptions masked, round to nearest, subnormals kept.
const DEFAULT: u32 = 0x1f80;

#[inline(always)]
fn read() -> u32 {
    let mut value = MaybeUninit::<u32>::uninit();
    // SAFETY: stores the control word of this thread at a valid address.
    unsafe {
        asm!("stmxcsr [{}]", in(reg) value.as_mut_ptr(), options(nostack, preserves_flags));
        value.assume_init()
    }
}

fn write(value: u32) {
    // SAFETY: the word came from `read`, or is the processor's default.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags, readonly)) };
}

/// Switches to WebAssembly's environment.
pub fn set_default() {
    write(DEFAULT);
}

/// Whether the host's environment is WebAssembly's.
#[inline(always)]
pub fn is_default() -> bool {
    read() & CONTROL == DEFAULT
}

/// Switches to WebAssembly's environment. What to [`restore`] afterwards.
#[inline]
pub fn enter() -> u32 {
    let host = read();
    if host & CONTROL == DEFAULT {
        return 0;
    }
    write(DEFAULT);
    host
}

/// Switches back to what [`enter`] found.
#[inline]
pub fn restore(host: u32) {
    if host != 0 {
        write(host);
    }
}

/// WebAssembly's environment, on this thread, until this is dropped.
#[must_use = "the host's environment is back as soon as this is dropped"]
pub struct WasmFloats {
    host: u32,
}

impl WasmFloats {
    /// Switches to it.
    pub fn enter() -> WasmFloats {
        WasmFloats { host: enter() }
    }
}

impl Drop for WasmFloats {
    fn drop(&mut self) {
        restore(self.host);
    }
}
