//! 128-bit addition, subtraction and multiplication.

use super::Translator;
use wasmparser::Operator;

/// Translates the operator if it is one of this group.
pub(super) fn translate(_t: &mut Translator<'_>, _op: &Operator<'_>) -> bool {
    false
}
