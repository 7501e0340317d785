//! Relocations: fields of machine code that depend on where code and slots lie.
//!
//! All fields are 32-bit differences. Code and slots lie in one reservation of at most 2 GiB, so every
//! difference fits, but each is checked.
//!
//! # Calls
//! Code of the top tier calls functions of its module straight: `call rel32`. The field leads to the callee's code of
//! the top tier if that is in the same batch or was published before, and stays as it is when that is replaced: no code
//! is ever changed. Otherwise, and if that code is provisional, it leads to a relay behind the batch, which jumps through the callee's slot. No lookup
//! finds a relay: it cannot fault, and nothing returns to it.

use super::arena::TRAP;
use crate::error::{Error, Result};
use crate::tier::compiled::{Relocation, RelocationTarget};
use crate::types::DefinedFunc;

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

/// Bytes of a relay, and their alignment.
pub const RELAY_SIZE: usize = 8;

/// A relay at `address`: `jmp [rip + slot]`.
pub fn relay(address: usize, slot: usize) -> Result<[u8; RELAY_SIZE]> {
    let mut bytes = [0xFF, 0x25, 0, 0, 0, 0, TRAP, TRAP];
    // What the slot of the callee holds is the linker's own matter: any target of that kind does.
    let field = Relocation { offset: 2, target: RelocationTarget::Slot(DefinedFunc(0)), addend: -4 };
    link(&mut bytes, address, &[field], |_| Ok(slot))?;
    Ok(bytes)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
    fn relays_jump_through_the_slot() {
        assert_eq!(relay(0x1000, 0x3006).unwrap(), [0xFF, 0x25, 0x00, 0x20, 0, 0, TRAP, TRAP]);
        assert!(relay(1 << 32, 1 << 20).is_err(), "out of reach");
    }

    #[test]
    fn unresolvable_targets_fail_the_link() {
        let relocation = Relocation { offset: 0, target: RelocationTarget::Function(DefinedFunc(7)), addend: 0 };
        let error = link(&mut [0; 4], 0, &[relocation], |_| Err(Error::Bug { reason: "nowhere".into() }));
        assert!(matches!(error, Err(Error::Bug { .. })));
    }
}
