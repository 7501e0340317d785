//! What is kept beside installed code so that it can be taken out again as it was before linking: where it may be placed,
//! and its relocations, in a few bytes each. Its bytes are read back from where they run.
//!
//! Numbers are in LEB128: an offset as a difference from the one before, a function with the kind in its lowest bit, an
//! addend only where it is not the usual one.
//!
//! Not here: what it is taken out for (`warm`).

use super::map::Installed;
use crate::bytes::{Reader, put, put_signed};
use crate::tier::compiled::{CompiledCode, Edition, Relocation, RelocationTarget};
use crate::types::DefinedFunc;

/// The addend of nearly all fields: they end where the instruction ends.
const USUAL_ADDEND: i32 = -4;

/// What one unit looked like before it was linked.
#[derive(Clone, Debug)]
pub struct Kept(Box<[u8]>);

/// Bytes before the relocations: where the unit may be placed.
const PLACE: usize = 9;

impl Kept {
    /// Of a unit that is about to be installed.
    pub(super) fn of(code: &CompiledCode) -> Kept {
        let mut bytes = vec![(code.alignment.max(1).trailing_zeros() as u8) << 1 | code.edition.number()];
        bytes.extend_from_slice(&code.starts.to_le_bytes());
        pack_into(&mut bytes, &code.relocations);
        Kept(bytes.into())
    }

    /// The unit as it was, given its bytes as they are.
    pub(super) fn restore(&self, unit: &Installed, linked: &[u8]) -> Option<CompiledCode> {
        let (place, packed) = self.0.split_at_checked(PLACE)?;
        let relocations = unpack(packed, linked.len() as u32, u32::MAX)?;
        let mut bytes = linked.to_vec();
        for relocation in &relocations {
            bytes.get_mut(relocation.offset as usize..)?.first_chunk_mut::<4>()?.fill(0);
        }
        Some(CompiledCode {
            bytes,
            alignment: 1 << (place[0] >> 1),
            starts: u64::from_le_bytes(place[1..].try_into().ok()?),
            entry_offset: (unit.entry - unit.start) as u32,
            body_offset: (unit.body - unit.start) as u32,
            relocations,
            trap_sites: unit.trap_sites.to_vec(),
            call_sites: unit.call_sites.to_vec(),
            inlined: unit.inlined.to_vec(),
            frame_size: unit.frame_size,
            loops: None,
            edition: Edition::of_number(place[0]),
        })
    }

    /// Bytes that it takes.
    pub fn memory_use(&self) -> usize {
        self.0.len()
    }
}

/// Relocations as bytes.
pub fn pack(relocations: &[Relocation]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack_into(&mut bytes, relocations);
    bytes
}

fn pack_into(bytes: &mut Vec<u8>, relocations: &[Relocation]) {
    let mut before = 0;
    for relocation in relocations {
        put_signed(bytes, i64::from(relocation.offset) - i64::from(before));
        before = relocation.offset;
        let (func, slot) = match relocation.target {
            RelocationTarget::Function(func) => (func, 0),
            RelocationTarget::Slot(func) => (func, 1),
        };
        let unusual = relocation.addend != USUAL_ADDEND;
        put(bytes, u64::from(func.0) << 2 | slot << 1 | u64::from(unusual));
        if unusual {
            put_signed(bytes, relocation.addend.into());
        }
    }
}

/// Relocations from bytes, of code of this length in a module that defines so many functions. `None`: it is not that.
pub fn unpack(bytes: &[u8], len: u32, defined: u32) -> Option<Vec<Relocation>> {
    let mut relocations = Vec::with_capacity(bytes.len() / 3);
    let mut reader = Reader(bytes);
    let mut before = 0i64;
    while !reader.is_empty() {
        before = before.checked_add(reader.signed()?)?;
        let offset = u32::try_from(before).ok().filter(|offset| offset.checked_add(4).is_some_and(|end| end <= len))?;
        let bits = reader.number()?;
        let func = u32::try_from(bits >> 2).ok().filter(|func| *func < defined).map(DefinedFunc)?;
        let target = if bits & 2 == 0 { RelocationTarget::Function(func) } else { RelocationTarget::Slot(func) };
        let addend = if bits & 1 == 0 { USUAL_ADDEND } else { i32::try_from(reader.signed()?).ok()? };
        relocations.push(Relocation { offset, target, addend });
    }
    Some(relocations)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn relocation(offset: u32, func: u32, slot: bool, addend: i32) -> Relocation {
        let func = DefinedFunc(func);
        let target = if slot { RelocationTarget::Slot(func) } else { RelocationTarget::Function(func) };
        Relocation { offset, target, addend }
    }

    #[test]
    fn relocations_come_back_in_few_bytes() {
        let some = [
            relocation(10, 0, false, -4),
            relocation(70, 99_999, true, -4),
            relocation(20, 5, true, 12),
            relocation(u32::MAX - 4, u32::MAX, false, i32::MIN),
        ];
        let packed = pack(&some);
        assert_eq!(unpack(&packed, u32::MAX, u32::MAX), None, "a function that is not defined");
        assert_eq!(unpack(&pack(&some[..3]), 74, 100_000).unwrap(), some[..3]);
        assert_eq!(unpack(&pack(&some[..3]), 73, 100_000), None, "a field that ends behind the code");
        assert!(pack(&[relocation(40, 1000, false, -4)]).len() <= 4);
        for len in 0..packed.len() {
            let read = unpack(&packed[..len], u32::MAX, u32::MAX);
            assert!(read.is_none_or(|read| read == some[..read.len()]));
        }
    }
}
