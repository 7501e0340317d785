//! The machine that an engine makes code for.

use std::ffi::c_char;

use super::config::{change, updraft_config_t};
use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t};
use super::module::TextPlace;
use super::status::updraft_status_t;
use super::{enter, object, text};
use crate::config::Target;

/// The machine that code is made for: a target triple such as "x86_64-unknown-linux-gnu" (NULL: this machine, the
/// default), and the features of its processor that code may use besides those that the engine needs everywhere: names as
/// "avx2", and of groups as "x86-64-v3", separated by commas; "native" is all that this processor has. NULL, the default, is
/// "native" for this machine, and nothing else for another one. Both are UTF-8 and are copied.
///
/// With features that older machines have, artifacts are of use there, too. The engine itself is refused on a machine that
/// lacks one of them. An engine for another machine compiles modules whole, in the optimising tier, when they are made; they
/// can be serialised, but there are no stores to run them. It needs a library with the cargo feature `all-arch`.
///
/// Fails with MISUSE and BUSY; `updraft_engine_new` with MISUSE for what is no triple, and for features that are unknown or
/// that this processor lacks, and with UNSUPPORTED for machines that the library has no compiler for. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_target(
    config: *mut updraft_config_t,
    triple: *const c_char,
    triple_len: usize,
    features: *const c_char,
    features_len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    let optional = |pointer: *const c_char, len, name| -> Result<Option<Box<str>>, Fail> {
        let text = text(pointer, len, name)?;
        Ok((!pointer.is_null()).then(|| text.into()))
    };
    change(config, error, |config| {
        let triple = optional(triple, triple_len, "triple")?;
        config.target = Target { triple, features: optional(features, features_len, "features")? };
        Ok(())
    })
}

/// Copies the target triple of the machine that the engine makes code for to `buffer`, as `updraft_module_func_name` does.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_target(
    engine: *const updraft_engine_t,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let place = TextPlace::new(buffer, capacity, needed)?;
        place.write(&object(engine, "engine")?.engine.target());
        Ok(())
    })
}

/// Copies the names of the processor features that the engine's code may use, separated by commas, to `buffer`, as
/// `updraft_module_func_name` does. They are names for `updraft_config_set_target`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_cpu_features(
    engine: *const updraft_engine_t,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let place = TextPlace::new(buffer, capacity, needed)?;
        place.write(&object(engine, "engine")?.engine.cpu_features());
        Ok(())
    })
}
