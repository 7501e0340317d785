//! The standard C API (`include/wasm.h`) on the objects of the native one.
//!
//! ## Conventions
//! - An object of C is an [`crate::capi::Object`]: one allocation with a kind word and a count of owners. `_copy`
//!   counts one more owner and returns the same pointer, `_delete` gives one up.
//! - All references (functions, instances, traps, ...) are of one type, [`object::RefValue`], so that the casts of the
//!   standard cost nothing. What a store owns, they hold by a handle.
//! - [`store::Shared`] is what is left of a store for its objects. It knows whether the store is still there, and
//!   collects the handles that deleted objects give up, so that an object may be deleted anywhere and at any time.
//! - The standard has no errors: a function that fails returns NULL, false or a trap. [`quiet`] is the way.
//! - `generated` holds what the standard declares by macros, once per type (`tools/wasm-functions.py`).
//! - `trailer.h` is the part of the header that is no declaration (`tools/wasm-header.sh`).
//!
//! Unsafe for the reasons of `capi`, and under its C contract.

// The order is that of the header.
pub mod vectors;

pub mod generated;

pub mod config;
pub mod store;

pub mod types;

pub mod values;

pub mod object;

pub mod trap;

pub mod module;

pub mod func;
pub mod global;
pub mod memory;
pub mod table;

pub mod external;
pub mod instance;

use super::enter_total;
use super::error::Fail;

/// Runs the body of a function that has no way to tell why it failed.
fn quiet<R>(fallback: R, body: impl FnOnce() -> Result<R, Fail>) -> R
where
    R: Copy,
{
    enter_total(fallback, || body().unwrap_or(fallback))
}
