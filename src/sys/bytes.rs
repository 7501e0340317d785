//! Copies of a host's bytes.
//!
//! Of megabytes, most of the time of a copy goes to page faults: large ones are mapped with huge pages, where the
//! system has them to spare.

use super::mmap::{Mapping, page_size};
use crate::error::Result;

/// From this length on, bytes have a mapping of their own: a huge page, and what the allocator would map by itself.
const LARGE: usize = 2 << 20;

/// Bytes that nobody changes.
#[derive(Debug)]
pub struct Bytes(Memory);

#[derive(Debug)]
enum Memory {
    Small(Box<[u8]>),
    Large { mapping: Mapping, len: usize },
}

impl Bytes {
    /// A copy.
    pub fn copy(bytes: &[u8]) -> Result<Bytes> {
        if bytes.len() < LARGE {
            return Ok(Bytes(Memory::Small(bytes.into())));
        }
        let mapping = Mapping::anonymous(bytes.len().next_multiple_of(page_size()))?;
        mapping.prefer_huge_pages();
        // SAFETY: the mapping is fresh, writable and at least as long as `bytes`.
        unsafe { mapping.base().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(Bytes(Memory::Large { mapping, len: bytes.len() }))
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Memory::Small(bytes) => bytes,
            // SAFETY: `copy` has written so many bytes, nobody writes later, and the mapping lives as long as `self`.
            Memory::Large { mapping, len } => unsafe { std::slice::from_raw_parts(mapping.base(), *len) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_all_bytes_whatever_its_size() {
        for len in [0, 1, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE + 4097] {
            let original: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            assert!(Bytes::copy(&original).unwrap().as_ref() == original, "{len} bytes");
        }
    }
}
