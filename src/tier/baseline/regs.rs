//! Registers by their numbers, and sets of them. Which numbers there are, and what each one is for, the backend says.

/// A register for integers, references and addresses, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gpr(pub(crate) u8);

/// A register for floats and vectors, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vreg(pub(crate) u8);

/// A set of registers of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u32);

impl Set {
    #[inline(always)]
    pub(crate) fn has(self, number: u8) -> bool {
        self.0 >> number & 1 != 0
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, number: u8) {
        self.0 |= 1 << number;
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, number: u8) {
        self.0 &= !(1 << number);
    }

    /// The lowest register of the set.
    #[inline(always)]
    pub(crate) fn first(self) -> Option<u8> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as u8) }
    }
}
