//! Version and capabilities: what a host can ask before it makes anything.

use std::ffi::c_char;

use crate::module::Features;

/// Version of the binary interface that this header describes.
pub const UPDRAFT_ABI_VERSION: u32 = 1;

/// A WebAssembly feature; also the number of its bit in a set of features.
pub type updraft_feature_t = u32;
/// Mutable globals may be imported and exported.
pub const UPDRAFT_FEATURE_MUTABLE_GLOBAL: updraft_feature_t = 0;
/// Float to integer conversions that saturate.
pub const UPDRAFT_FEATURE_SATURATING_FLOAT_TO_INT: updraft_feature_t = 1;
/// Sign extension operators.
pub const UPDRAFT_FEATURE_SIGN_EXTENSION: updraft_feature_t = 2;
/// References and several tables.
pub const UPDRAFT_FEATURE_REFERENCE_TYPES: updraft_feature_t = 3;
/// Several results, and blocks with parameters.
pub const UPDRAFT_FEATURE_MULTI_VALUE: updraft_feature_t = 4;
/// Bulk operators on memories and tables.
pub const UPDRAFT_FEATURE_BULK_MEMORY: updraft_feature_t = 5;
/// 128-bit vectors.
pub const UPDRAFT_FEATURE_SIMD: updraft_feature_t = 6;
/// Vector operators with a choice of results.
pub const UPDRAFT_FEATURE_RELAXED_SIMD: updraft_feature_t = 7;
/// Shared memories and atomic operators.
pub const UPDRAFT_FEATURE_THREADS: updraft_feature_t = 8;
/// Tail calls.
pub const UPDRAFT_FEATURE_TAIL_CALL: updraft_feature_t = 9;
/// Several memories.
pub const UPDRAFT_FEATURE_MULTI_MEMORY: updraft_feature_t = 10;
/// 64-bit memories and tables.
pub const UPDRAFT_FEATURE_MEMORY64: updraft_feature_t = 11;
/// Arithmetic in constant expressions.
pub const UPDRAFT_FEATURE_EXTENDED_CONST: updraft_feature_t = 12;
/// 128-bit addition, subtraction and multiplication.
// Last added.
pub const UPDRAFT_FEATURE_WIDE_ARITHMETIC: updraft_feature_t = 13;

/// A capability of the library itself.
pub type updraft_capability_t = u32;
/// Modules may be given in the text format.
pub const UPDRAFT_CAPABILITY_TEXT: updraft_capability_t = 1;
/// WASI preview 1 is there.
pub const UPDRAFT_CAPABILITY_WASI: updraft_capability_t = 2;
/// The baseline tier is there.
pub const UPDRAFT_CAPABILITY_BASELINE_TIER: updraft_capability_t = 3;
/// The optimising tier is there.
pub const UPDRAFT_CAPABILITY_TOP_TIER: updraft_capability_t = 4;
/// Code for other kinds of machines can be made (`updraft_config_set_target`).
// Last added.
pub const UPDRAFT_CAPABILITY_ALL_ARCH: updraft_capability_t = 5;

/// Version of the binary interface of the library that is running. A program that loads the library at run time
/// compares it with `UPDRAFT_ABI_VERSION`; unequal numbers do not work together.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_abi_version() -> u32 {
    UPDRAFT_ABI_VERSION
}

/// Version of the library, such as "0.1.0": NUL-terminated, static, never freed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Processor and system that the library makes code for, such as "x86_64-linux": NUL-terminated, static, never freed.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_target_string() -> *const c_char {
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) { c"x86_64-linux".as_ptr() } else { c"unknown".as_ptr() }
}

/// 1 if this library implements a WebAssembly feature (an `UPDRAFT_FEATURE_` number), 0 if not or if the number
/// is unknown.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_feature_supported(feature: updraft_feature_t) -> u32 {
    feature_bit(feature).is_some().into()
}

/// 1 if this library has a capability (an `UPDRAFT_CAPABILITY_` number), 0 if not or if the number is unknown.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_capability_supported(capability: updraft_capability_t) -> u32 {
    match capability {
        UPDRAFT_CAPABILITY_TEXT => cfg!(feature = "wat").into(),
        UPDRAFT_CAPABILITY_WASI => cfg!(feature = "wasi").into(),
        UPDRAFT_CAPABILITY_TOP_TIER => 1,
        UPDRAFT_CAPABILITY_ALL_ARCH => cfg!(feature = "all-arch").into(),
        _ => 0,
    }
}

/// The name of a feature, as specifications write it ("multi-value"): static, `*len` bytes and a NUL. NULL, and
/// length 0, for an unknown number. `len` may be NULL.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_feature_name(feature: updraft_feature_t, len: *mut usize) -> *const c_char {
    let name = feature_bit(feature).and_then(|bit| NAMES.iter().find(|(other, _)| *other == bit.0));
    let (pointer, length) = name.map_or((std::ptr::null(), 0), |(_, name)| (name.as_ptr(), name.to_bytes().len()));
    if !len.is_null() {
        // SAFETY: the C contract: `len` points to a writable size.
        unsafe { len.write(length) };
    }
    pointer
}

/// The set with one feature, if the engine has it.
pub(super) fn feature_bit(feature: updraft_feature_t) -> Option<Features> {
    let bit = 1u64.checked_shl(feature)?;
    Features::ALL.contains(Features(bit)).then_some(Features(bit))
}

/// Names with a NUL, for C.
const NAMES: &[(u64, &std::ffi::CStr)] = &[
    (1 << UPDRAFT_FEATURE_MUTABLE_GLOBAL, c"mutable-global"),
    (1 << UPDRAFT_FEATURE_SATURATING_FLOAT_TO_INT, c"saturating-float-to-int"),
    (1 << UPDRAFT_FEATURE_SIGN_EXTENSION, c"sign-extension"),
    (1 << UPDRAFT_FEATURE_REFERENCE_TYPES, c"reference-types"),
    (1 << UPDRAFT_FEATURE_MULTI_VALUE, c"multi-value"),
    (1 << UPDRAFT_FEATURE_BULK_MEMORY, c"bulk-memory"),
    (1 << UPDRAFT_FEATURE_SIMD, c"simd"),
    (1 << UPDRAFT_FEATURE_RELAXED_SIMD, c"relaxed-simd"),
    (1 << UPDRAFT_FEATURE_THREADS, c"threads"),
    (1 << UPDRAFT_FEATURE_TAIL_CALL, c"tail-call"),
    (1 << UPDRAFT_FEATURE_MULTI_MEMORY, c"multi-memory"),
    (1 << UPDRAFT_FEATURE_MEMORY64, c"memory64"),
    (1 << UPDRAFT_FEATURE_EXTENDED_CONST, c"extended-const"),
    (1 << UPDRAFT_FEATURE_WIDE_ARITHMETIC, c"wide-arithmetic"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers and names that C sees are those of the engine, all of them.
    #[test]
    fn features_of_the_header_are_those_of_the_engine() {
        assert_eq!(NAMES.len(), Features::LIST.len());
        for ((bit, name), (feature, text, _)) in NAMES.iter().zip(Features::LIST) {
            assert_eq!((*bit, name.to_str().unwrap()), (feature.0, *text));
        }
        assert_eq!(updraft_feature_supported(14), 0);
        assert_eq!(updraft_feature_supported(64), 0);
    }
}
