//! Numbers in LEB128, read from a window of bytes.
//!
//! Every function returns the number and its length in bytes, and `None` for what is too long or too large, by
//! the rules of the specification (and so of wasmparser). Reading what lies behind the window gives `None` too.

/// Bytes that can be read without a check. More than any operator needs that is read this way.
pub(super) const WINDOW: usize = 16;

/// The next bytes.
pub(super) type Window = [u8; WINDOW];

/// An unsigned 32-bit number at the start of the bytes.
#[inline(never)]
pub(super) fn u32_long(bytes: &[u8]) -> Option<(u32, usize)> {
    let (value, len) = unsigned(bytes, 5)?;
    u32::try_from(value).ok().map(|value| (value, len))
}

/// An unsigned 64-bit number at the start of the bytes.
#[inline(never)]
pub(super) fn u64_long(bytes: &[u8]) -> Option<(u64, usize)> {
    let (value, len) = unsigned(bytes, 10)?;
    u64::try_from(value).ok().map(|value| (value, len))
}

/// An unsigned number of at most so many bytes.
fn unsigned(bytes: &[u8], max_len: usize) -> Option<(u128, usize)> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(max_len).enumerate() {
        value |= ((byte & 0x7f) as u128) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// The index of a type in the place of a block's type: a signed 33-bit number that is not negative.
#[inline(never)]
pub(super) fn type_index(bytes: &[u8]) -> Option<(u32, usize)> {
    let (value, len) = unsigned(bytes, 5)?;
    // The highest bit of the last byte's seven is the sign. Five bytes carry 35 bits, of which the upper three
    // must agree.
    if value >> (7 * len - 1) != 0 {
        return None;
    }
    u32::try_from(value).ok().map(|value| (value, len))
}

/// The length of a signed 32-bit number at offset 1.
#[inline(always)]
pub(super) fn i32_len(window: &Window) -> Option<usize> {
    if window[1] < 0x80 {
        return Some(1);
    }
    let len = len_of(window)?;
    match len {
        ..5 => Some(len),
        // 35 bits, of which the upper four must be copies of the sign.
        5 if matches!(window[5] & 0x78, 0 | 0x78) => Some(5),
        _ => None,
    }
}

/// The length of a signed 64-bit number at offset 1.
#[inline(always)]
pub(super) fn i64_len(window: &Window) -> Option<usize> {
    if window[1] < 0x80 {
        return Some(1);
    }
    match len_of(window) {
        Some(len) => Some(len),
        None if window[9] < 0x80 => Some(9),
        // 70 bits, of which the upper seven must be copies of the sign.
        None if matches!(window[10], 0 | 0x7f) => Some(10),
        None => None,
    }
}

/// The length of a number at a small offset, or 0 if it is longer than 4 bytes.
#[inline(always)]
pub(super) fn offset_len(window: &Window, at: usize) -> usize {
    if window[at] < 0x80 {
        return 1;
    }
    let bytes = u32::from_le_bytes([window[at], window[at + 1], window[at + 2], window[at + 3]]);
    match !bytes & 0x8080_8080 {
        0 => 0,
        ends => ends.trailing_zeros() as usize / 8 + 1,
    }
}

/// The length of a number of at most 8 bytes at offset 1.
#[inline(always)]
fn len_of(window: &Window) -> Option<usize> {
    let bytes =
        u64::from_le_bytes([window[1], window[2], window[3], window[4], window[5], window[6], window[7], window[8]]);
    let ends = !bytes & 0x8080_8080_8080_8080;
    (ends != 0).then(|| ends.trailing_zeros() as usize / 8 + 1)
}
