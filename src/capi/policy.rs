//! Settings of an engine: when functions and loops move to the top tier by themselves.
//!
//! Not here: what hosts ask for function by function (`tiering`).

use super::config::{change, updraft_config_t};
use super::error::{Fail, updraft_error_t};
use super::flag;
use super::status::updraft_status_t;
use crate::config::{Osr, TierUp, TieringPolicy};

/// When functions move to the top tier by themselves.
pub type updraft_tiering_t = u32;
/// Never: nothing is counted.
pub const UPDRAFT_TIERING_OFF: updraft_tiering_t = 0;
/// When the work that was done in the baseline tier tells that compiling pays.
pub const UPDRAFT_TIERING_DEFAULT: updraft_tiering_t = 1;
/// Ten times as early.
pub const UPDRAFT_TIERING_AGGRESSIVE: updraft_tiering_t = 2;
/// After as much work as the host says.
pub const UPDRAFT_TIERING_CUSTOM: updraft_tiering_t = 3;

/// When functions move to the top tier by themselves: an `UPDRAFT_TIERING_` number. Default: DEFAULT. Of no effect unless
/// the engine uses both tiers (`updraft_config_set_tiers`), as it does by default.
///
/// `budget` counts for CUSTOM only: how many bytes of WebAssembly a function may run in the baseline tier, each iteration
/// of a loop counted, before the top tier is asked for it; 1 to 2^31 - 1.
///
/// What a function asked for shows in its state (`updraft_module_func_states`), and what became of it in events of the kind
/// FUNCTION_TIERED or FUNCTION_REFUSED. A function that the host keeps from the top tier asks for nothing. Without workers
/// what is asked for waits for `updraft_engine_run_jobs`. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_tiering(
    config: *mut updraft_config_t,
    policy: updraft_tiering_t,
    budget: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.tiering.policy = match policy {
            UPDRAFT_TIERING_OFF => TieringPolicy::Off,
            UPDRAFT_TIERING_DEFAULT => TieringPolicy::Default,
            UPDRAFT_TIERING_AGGRESSIVE => TieringPolicy::Aggressive,
            UPDRAFT_TIERING_CUSTOM if budget == 0 || budget > i32::MAX as u32 => {
                return Err(Fail::misuse(format!("budget is {budget}, not 1 to {}", i32::MAX)));
            }
            UPDRAFT_TIERING_CUSTOM => TieringPolicy::Custom(budget),
            other => return Err(Fail::misuse(format!("policy has no value {other}"))),
        };
        Ok(())
    })
}

/// Whether the thread that runs a hot function compiles it, and waits (1), or whoever compiles in the background (0, the
/// default). A test mode: what becomes of a program is the same every time.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_synchronous_tiering(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.tiering.tier_up = if flag(on, "on")? { TierUp::Synchronous } else { TierUp::Background };
        Ok(())
    })
}

/// Whether a hot loop that is running may be continued by code of the top tier (1, the default), or stays in the baseline
/// tier until its function is called again (0).
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_osr(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.tiering.osr = if flag(on, "on")? { Osr::On } else { Osr::Off };
        Ok(())
    })
}

/// Draws the budget of each function at random, from 1 to what the policy gives, by this seed; 0, the default: not. A test
/// mode.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_tiering_seed(
    config: *mut updraft_config_t,
    seed: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.tiering.seed = (seed != 0).then_some(seed);
        Ok(())
    })
}
