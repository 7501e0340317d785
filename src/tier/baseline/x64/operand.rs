//! Popped operands as instructions with immediates take them.

use super::asm::Rm;
use crate::tier::baseline::Emit;
use crate::tier::baseline::stack::{Entry, Kind};
use crate::types::ValType;

/// An operand as instructions with immediates take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rmi {
    Rm(Rm),
    Imm(i32),
}

impl Entry {
    /// The value of an integer constant that instructions of its width can have as immediate.
    #[inline(always)]
    pub(super) fn as_imm(&self) -> Option<i32> {
        if self.kind != Kind::Const {
            return None;
        }
        match self.ty {
            ValType::I32 => Some(self.bits as i32),
            _ => i32::try_from(self.bits as i64).ok(),
        }
    }
}

impl Emit<'_> {
    /// As an immediate if it is a constant that fits, else as [`Emit::to_loc`].
    #[inline(always)]
    pub(super) fn to_rmi(&mut self, entry: Entry) -> Rmi {
        match entry.as_imm() {
            Some(imm) => Rmi::Imm(imm),
            None => Rmi::Rm(self.to_loc(entry)),
        }
    }
}
