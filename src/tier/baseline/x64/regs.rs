//! Registers, sets of them, and the roles that the baseline tier gives them.

/// A general purpose register, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gpr(pub(crate) u8);

/// A vector register, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Xmm(pub(crate) u8);

impl Gpr {
    pub(crate) const RAX: Gpr = Gpr(0);
    pub(crate) const RCX: Gpr = Gpr(1);
    pub(crate) const RDX: Gpr = Gpr(2);
    pub(crate) const RBX: Gpr = Gpr(3);
    pub(crate) const RSP: Gpr = Gpr(4);
    pub(crate) const RBP: Gpr = Gpr(5);
    pub(crate) const RSI: Gpr = Gpr(6);
    pub(crate) const RDI: Gpr = Gpr(7);
    pub(crate) const R8: Gpr = Gpr(8);
    pub(crate) const R9: Gpr = Gpr(9);
    pub(crate) const R10: Gpr = Gpr(10);
    pub(crate) const R11: Gpr = Gpr(11);
    pub(crate) const R12: Gpr = Gpr(12);
    pub(crate) const R13: Gpr = Gpr(13);
    pub(crate) const R14: Gpr = Gpr(14);
    pub(crate) const R15: Gpr = Gpr(15);
}

impl Xmm {
    pub(crate) const XMM0: Xmm = Xmm(0);
}

/// The callee's vmctx, from the prologue to the end.
pub(crate) const VMCTX: Gpr = Gpr::R14;
/// First byte of memory 0 in functions that use it.
pub(crate) const MEMORY: Gpr = Gpr::R15;
/// Never holds an operand: for use within one operator.
pub(crate) const SCRATCH: Gpr = Gpr::R11;
/// As [`SCRATCH`], for vectors.
pub(crate) const SCRATCH_XMM: Xmm = Xmm(15);

/// Registers that carry parameters behind the two vmctx, in order.
pub(crate) const PARAMS: [Gpr; 6] = [Gpr::RDI, Gpr::RSI, Gpr::RDX, Gpr::RCX, Gpr::R8, Gpr::R9];
/// Vector registers that carry parameters or results are the first ones of this number.
pub(crate) const PARAM_XMMS: u8 = 8;
/// Registers that carry results, in order.
pub(crate) const RESULTS: [Gpr; 8] = [Gpr::RAX, Gpr::RCX, Gpr::RDX, Gpr::RSI, Gpr::RDI, Gpr::R8, Gpr::R9, Gpr::R10];

/// A set of registers of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u16);

impl Set {
    /// Registers that may hold operands: all that a call may overwrite, but for the scratch register.
    pub(crate) const TEMPS: Set = Set(0b0000_0111_1100_0111);
    /// As `TEMPS`, for vectors.
    pub(crate) const TEMP_XMMS: Set = Set(0x7fff);

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
