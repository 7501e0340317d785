//! Floats, conversions, vectors and atomics: being built.

use super::Emit;

impl Emit<'_> {
    pub(crate) fn float(&mut self, opcode: u8) {
        unreachable!("operator {opcode:#x}")
    }
    pub(crate) fn convert(&mut self, opcode: u8) {
        unreachable!("operator {opcode:#x}")
    }
    pub(crate) fn trunc_sat(&mut self, sub: u32) {
        unreachable!("operator fc {sub}")
    }
    pub(crate) fn vector(&mut self, sub: u32) {
        unreachable!("operator fd {sub}")
    }
    pub(crate) fn atomic(&mut self, sub: u32) {
        unreachable!("operator fe {sub}")
    }
}
