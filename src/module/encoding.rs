//! Types that only a later feature lets be encoded the way they are.
//!
//! Some features widened what was a zero byte or a number of at most 32 bits before. A module that uses the
//! wider encoding needs the feature even where the value is an old one. All bytes here have been read by
//! wasmparser before, so none is missing.

use crate::module::Features;

/// Bytes of the longest encoding of a 32-bit number in LEB128.
const LEB32: usize = 5;

/// The features that the encoding of a table's type needs.
pub(super) fn table(mut bytes: &[u8]) -> Features {
    // An initial value may come first, and the element type may be in the long form.
    if bytes[0] == 0x40 {
        bytes = &bytes[2..];
    }
    limits(if matches!(bytes[0], 0x63 | 0x64) { skip_leb(&bytes[1..]).0 } else { &bytes[1..] })
}

/// The features that the encoding of limits needs.
pub(super) fn limits(bytes: &[u8]) -> Features {
    let (max, min_len) = skip_leb(&bytes[1..]);
    let max_len = if bytes[0] & 1 != 0 { skip_leb(max).1 } else { 0 };
    if min_len.max(max_len) > LEB32 { Features::MEMORY64 } else { Features::default() }
}

/// The features that the encoding of an import's type needs.
pub(super) fn import(bytes: &[u8]) -> Features {
    let kind = skip_string(skip_string(bytes));
    match kind[0] {
        1 => table(&kind[1..]),
        2 => limits(&kind[1..]),
        _ => Features::default(),
    }
}

/// What follows a number in LEB128, and the number's length.
fn skip_leb(bytes: &[u8]) -> (&[u8], usize) {
    let len = bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    (&bytes[len..], len)
}

/// What follows a string.
fn skip_string(bytes: &[u8]) -> &[u8] {
    let (text, digits) = skip_leb(bytes);
    let len = bytes[..digits].iter().rev().fold(0, |len, byte| len << 7 | (byte & 0x7f) as usize);
    &text[len..]
}
