//! Which missing feature made wasmparser refuse a module.
//!
//! Only runs on modules that have been refused: it words the error and never changes the verdict.

use wasmparser::{Chunk, FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures};

use crate::error::Error;
use crate::module::Features;

/// Header of a component: the version 0xd of layer 1.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The error for a module that wasmparser refused with `error` when `flags` were on.
pub(super) fn explain(error: &wasmparser::Error, bytes: &[u8], flags: WasmFeatures) -> Error {
    let offset = error.offset();
    let feature = if bytes.starts_with(COMPONENT) {
        Some("component-model".into())
    } else if let Some(missing) = error.missing_wasm_feature() {
        Some(name(missing.difference(flags)))
    } else {
        missing(bytes, flags).map(name)
    };
    match feature {
        Some(feature) => Error::Unsupported { offset, feature: feature.into() },
        None => Error::Invalid { offset, reason: error.message().into() },
    }
}

/// As [`explain`], for the first bytes of a module. `None`: the rest of them decides which error it is.
pub(super) fn explain_prefix(error: &wasmparser::Error, prefix: &[u8], flags: WasmFeatures) -> Option<Error> {
    let is_known = prefix.starts_with(COMPONENT) || error.missing_wasm_feature().is_some();
    (is_known || !may_become_valid(prefix)).then(|| explain(error, prefix, flags))
}

/// Whether a module with all that wasmparser knows may begin like this.
fn may_become_valid(prefix: &[u8]) -> bool {
    let (mut parser, mut validator) = (Parser::new(0), Validator::new_with_features(WasmFeatures::all()));
    parser.set_features(WasmFeatures::all());
    let mut memory = FuncValidatorAllocations::default();
    let mut rest = prefix;
    loop {
        let payload = match parser.parse(rest, false) {
            Ok(Chunk::Parsed { consumed, payload }) => {
                rest = &rest[consumed..];
                payload
            }
            Ok(Chunk::NeedMoreData(_)) => return true,
            Err(_) => return false,
        };
        match validator.payload(&payload) {
            Ok(ValidPayload::Func(func, body)) => {
                let mut func = func.into_validator(std::mem::take(&mut memory));
                if func.validate(&body).is_err() {
                    return false;
                }
                memory = func.into_allocations();
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// The features without which the module is invalid, if it is valid with all that wasmparser knows.
///
/// wasmparser names the feature in most errors, but not where its absence changes how bytes read.
fn missing(bytes: &[u8], flags: WasmFeatures) -> Option<WasmFeatures> {
    let valid = |flags| Validator::new_with_features(flags).validate_all(bytes).is_ok();
    let mut needed = WasmFeatures::all();
    if !valid(needed) {
        return None;
    }
    for (_, flag) in WasmFeatures::all().difference(flags).iter_names() {
        let without = needed.difference(flag) | flags;
        if valid(without) {
            needed = without;
        }
    }
    Some(needed.difference(flags))
}

/// The features' names, ours where we have one, wasmparser's otherwise.
fn name(missing: WasmFeatures) -> String {
    let mut names = Vec::new();
    let mut left = missing;
    for &(_, name, flag) in Features::LIST {
        // Some of wasmparser's flags are parts of one of our features.
        if left.intersects(flag) {
            names.push(name.to_owned());
            left = left.difference(flag);
        }
    }
    names.extend(left.iter_names().map(|(name, _)| name.to_ascii_lowercase().replace('_', "-")));
    names.join(", ")
}
