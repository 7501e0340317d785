//! Relocations: fields of machine code that depend on where code and slots lie.
//!
//! All fields are 32-bit differences. Code and slots lie in one reservation of at most 2 GiB, so every
//! difference fits, but each is checked.

use crate::error::{Error, Result};
use crate::tier::compiled::{Relocation, RelocationTarget};

/// Fills in the fields of `bytes`, which will run at `address`.
pub fn link(
    bytes: &mut [u8],
    address: usize,
    relocations: &[Relocation],
    resolve: impl Fn(RelocationTarget) -> Result<usize>,
) -> Result<()> {
    for relocation in relocations {
        let offset = relocation.offset as usize;
        let bug = |what: &str| Error::Bug { reason: format!("relocation at {offset:#x} {what}").into() };
        let field = bytes.get_mut(offset..).and_then(|rest| rest.first_chunk_mut::<4>());
        let field = field.ok_or_else(|| bug("outside of its code"))?;
        // Addresses are below 2^47, so nothing overflows.
        let target = resolve(relocation.target)? as i64 + i64::from(relocation.addend);
        let difference = target - (address + offset) as i64;
        let difference = i32::try_from(difference).map_err(|_| bug("out of reach of its target"))?;
        *field = difference.to_le_bytes();
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::types::DefinedFunc;

    fn linked(offset: u32, addend: i32, address: usize, target: usize) -> Result<[u8; 8]> {
        let mut bytes = [0xAA; 8];
        let relocation = Relocation { offset, target: RelocationTarget::Slot(DefinedFunc(0)), addend };
        link(&mut bytes, address, &[relocation], |_| Ok(target))?;
        Ok(bytes)
    }

    /// The formula is target + addend - field, and both ends of 32 bits are reachable, not one byte more.
    #[test]
    fn fields_are_differences_of_32_bits() {
        let field = |bytes: [u8; 8], at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let bytes = linked(2, -4, 0x1000_0000, 0x1000_0100).unwrap();
        assert_eq!(field(bytes, 2), 0x100 - 4 - 2);
        assert_eq!((bytes[..2].to_vec(), bytes[6..].to_vec()), (vec![0xAA; 2], vec![0xAA; 2]));
        assert_eq!(field(linked(0, 0, 1 << 32, (1 << 32) + i32::MAX as usize).unwrap(), 0), i32::MAX);
        assert_eq!(field(linked(0, 0, 1 << 32, 1 << 31).unwrap(), 0), i32::MIN);
        assert!(linked(0, 1, 1 << 32, (1 << 32) + i32::MAX as usize).is_err());
        assert!(linked(0, -1, 1 << 32, 1 << 31).is_err());
        assert!(linked(5, 0, 0, 0).is_err(), "the field would end behind the code");
    }

    #[test]
    fn unresolvable_targets_fail_the_link() {
        let relocation = Relocation { offset: 0, target: RelocationTarget::Function(DefinedFunc(7)), addend: 0 };
        let error = link(&mut [0; 4], 0, &[relocation], |_| Err(Error::Bug { reason: "nowhere".into() }));
        assert!(matches!(error, Err(Error::Bug { .. })));
    }
}
