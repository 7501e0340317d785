//! Configurations and engines: the native objects under their standard names.

use std::ptr::{null, null_mut};

use crate::capi::config::{updraft_config_new, updraft_config_t};
use crate::capi::engine::{updraft_engine_new, updraft_engine_t};
use crate::capi::{Counted, delete};

/// Settings for an engine. The same object as an `updraft_config_t`, whose functions set everything.
pub struct wasm_config_t {
    _private: [u8; 0],
}

impl Counted for wasm_config_t {
    type Value = <updraft_config_t as Counted>::Value;
    const KIND: u32 = updraft_config_t::KIND;
}

/// What stores share. The same object as an `updraft_engine_t`. Any thread.
pub struct wasm_engine_t {
    _private: [u8; 0],
}

impl Counted for wasm_engine_t {
    type Value = <updraft_engine_t as Counted>::Value;
    const KIND: u32 = updraft_engine_t::KIND;
}

/// Makes settings, all at their defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_new() -> *mut wasm_config_t {
    let mut config = null_mut();
    // SAFETY: valid pointers, as the function asks for.
    unsafe { updraft_config_new(&raw mut config, null_mut()) };
    config.cast()
}

/// Deletes settings. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_delete(config: *mut wasm_config_t) {
    delete(config);
}

/// Makes an engine with default settings; NULL if the machine cannot run one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_new() -> *mut wasm_engine_t {
    new_engine(null())
}

/// Makes an engine, and takes the settings over, also when it fails: NULL for settings that the machine cannot give.
/// NULL for default settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_new_with_config(config: *mut wasm_config_t) -> *mut wasm_engine_t {
    let engine = new_engine(config);
    delete(config);
    engine
}

fn new_engine(config: *const wasm_config_t) -> *mut wasm_engine_t {
    let mut engine = null_mut();
    // SAFETY: valid pointers, as the function asks for; `config` is NULL or what the caller gave.
    unsafe { updraft_engine_new(config.cast::<updraft_config_t>(), &raw mut engine, null_mut()) };
    engine.cast()
}

/// Gives up an engine. NULL is allowed. Stores and shared modules keep what they need of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_delete(engine: *mut wasm_engine_t) {
    delete(engine);
}
