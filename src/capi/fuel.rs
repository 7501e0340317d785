//! Fuel: how much WebAssembly may do before it traps.

use super::config::{change, updraft_config_t};
use super::error::updraft_error_t;
use super::status::updraft_status_t;
use super::store::{updraft_store_t, with_store};
use super::{enter, flag, out};

/// Whether WebAssembly uses fuel (1): each store has some, running code takes of it, and what finds too little left
/// traps with `UPDRAFT_TRAP_OUT_OF_FUEL`. If not (0, the default), code is not slowed down by it.
///
/// Every operator that is executed takes one unit, but for `unreachable`, `nop`, `block`, `loop`, `else`, `end`, `return`
/// and `drop`, which take nothing. In addition `memory.fill`, `memory.copy` and `memory.init` take one unit per 64 bytes
/// of their length, `table.fill`, `table.copy` and `table.init` one per 8 elements, both rounded down. Constant
/// expressions and host functions take nothing; a host function may lower the fuel itself.
///
/// Units are taken for a run of operators at a time, before the first of them. A run ends behind a branch (`br`, `br_if`,
/// `br_table`, `return`), an `if`, a call and `unreachable`, and in front of `loop`, `else` and `end`. If there is less
/// left than the run takes, it traps before it does anything; whatever came before it is done. A trap for another reason
/// leaves the run in which it happened paid in full. Compilers, tiers and strategies make no difference to any of this: in
/// a host function, when a call returns and after a trap, the store has the same left in all of them.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_fuel(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.fuel = flag(on, "on")?;
        Ok(())
    })
}

/// Sets how much fuel a store has left: 0 when it is made. More than `INT64_MAX` counts as `INT64_MAX`. A host function
/// may set it as well, for the call that it is part of.
///
/// A store that has run out of fuel works as before once it has some again.
/// Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_set_fuel(
    store: *mut updraft_store_t,
    fuel: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || with_store(store, |store| Ok(store.set_fuel(fuel)?)))
}

/// Adds to the fuel that a store has left, up to `INT64_MAX` in all.
///
/// Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_add_fuel(
    store: *mut updraft_store_t,
    fuel: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || with_store(store, |store| Ok(store.add_fuel(fuel).map(drop)?)))
}

/// Writes to `fuel` how much fuel a store has left, 0 if it has run out of it. In a host function that is what is
/// left behind the call of it.
///
/// Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_fuel(
    store: *mut updraft_store_t,
    fuel: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let fuel = out(fuel, "fuel")?;
        fuel.write(with_store(store, |store| Ok(store.fuel()?))?);
        Ok(())
    })
}
