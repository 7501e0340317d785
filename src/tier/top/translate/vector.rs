//! 128-bit vectors (SIMD).

use super::Translator;
use wasmparser::Operator;

/// Translates the operator if it is one of this group.
pub(super) fn translate(_t: &mut Translator<'_>, _op: &Operator<'_>) -> bool {
    false
}
