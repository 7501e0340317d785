//! What memories have in them at first, as bytes.
//!
//!     count { memory, offset, length, units { 0 | 1, tag } }
//!
//! Numbers are in LEB128. A unit of zeros is a 0, and has no bytes; the bytes of the others lie one behind the other, those
//! of all images together. Units are numbered through, so that none can take another's place.
//!
//! Not here: what becomes of them (`runtime/image.rs`).

use std::ops::Range;

use super::seal::{Piece, Sealer, TAG, Tag};
use super::{IMAGE_UNIT, Store};
use crate::bytes::{Reader, put};
use crate::types::MemoryIndex;

/// The image of a memory, to be written.
pub struct Image {
    /// The memory.
    pub memory: MemoryIndex,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An image that was read, but for its bytes.
pub struct KeptImage {
    /// The memory.
    pub memory: MemoryIndex,
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub len: u64,
    /// The number of its first unit.
    first: u32,
    /// For each unit where its bytes are, and their tag. `None`: zeros.
    units: Vec<Option<(u64, Tag)>>,
}

/// Appends images to a list of them, and the bytes of their units.
pub(super) fn write(images: &[Image], sealer: &Sealer, list: &mut Vec<u8>, bytes: &mut Vec<u8>) {
    put(list, images.len() as u64);
    let mut number = 0;
    for image in images {
        put(list, image.memory.0.into());
        put(list, image.offset);
        put(list, image.bytes.len() as u64);
        for unit in image.bytes.chunks(IMAGE_UNIT) {
            let has_any = unit.iter().any(|byte| *byte != 0);
            list.push(has_any.into());
            if has_any {
                list.extend_from_slice(&sealer.tag(Piece::Unit, number, unit));
                bytes.extend_from_slice(unit);
            }
            number += 1;
        }
    }
}

/// Reads a list of images, the bytes of whose units are in this range of an artifact.
pub(super) fn read(list: &[u8], bytes: Range<u64>) -> Option<Vec<KeptImage>> {
    let mut reader = Reader(list);
    let count = reader.count()?;
    let (mut images, mut first, mut next) = (Vec::with_capacity(count), 0u32, bytes.start);
    for _ in 0..count {
        let memory = MemoryIndex(reader.u32()?);
        let (offset, len) = (reader.number()?, reader.number()?);
        let units = usize::try_from(len.div_ceil(IMAGE_UNIT as u64)).ok();
        let units = units.filter(|units| *units <= reader.0.len())?;
        let mut image = KeptImage { memory, offset, len, first, units: Vec::with_capacity(units) };
        for unit in 0..units {
            image.units.push(match reader.byte()? {
                0 => None,
                1 => {
                    let at = next;
                    next = at.checked_add(image.unit_len(unit) as u64).filter(|end| *end <= bytes.end)?;
                    Some((at, reader.array::<TAG>()?))
                }
                _ => return None,
            });
        }
        first = first.checked_add(u32::try_from(units).ok()?)?;
        images.push(image);
    }
    reader.is_empty().then_some(images)
}

impl KeptImage {
    /// Bytes of a unit, but for the last one of an image.
    pub const UNIT: usize = IMAGE_UNIT;

    fn unit_len(&self, unit: usize) -> usize {
        (self.len - (unit * IMAGE_UNIT) as u64).min(IMAGE_UNIT as u64) as usize
    }

    /// Reads a unit to its place, which holds zeros. `None`: there is no such unit, or it is not what was written.
    pub(super) fn fetch(&self, store: &Store, sealer: &Sealer, unit: usize, place: &mut [u8]) -> Option<()> {
        let entry = self.units.get(unit)?;
        if place.len() != self.unit_len(unit) {
            return None;
        }
        let Some((at, tag)) = entry else { return Some(()) };
        store.read_into(*at, place)?;
        sealer.holds(Piece::Unit, self.first + unit as u32, place, tag).then_some(())
    }
}
