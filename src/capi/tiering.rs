//! Tiers: how the functions of a module are compiled, watched and steered from outside.

use std::ffi::c_char;

use super::error::{Fail, updraft_error_t, updraft_tier_t};
use super::events::{deadline, tier_number};
use super::module::{TextPlace, updraft_module_t};
use super::status::{self, updraft_status_t};
use super::{Extensible, Record, array, enter, object, out, out_struct, write_records};
use crate::engine::{Cancel, CompiledModule, Denied, FunctionState, Waited};
use crate::error::Error;
use crate::types::{FuncIndex, Tier};

/// What a host decides about the tiers of a function.
pub type updraft_policy_t = u32;
/// As the strategy of its module says, and as requests come.
pub const UPDRAFT_POLICY_AUTO: updraft_policy_t = 0;
/// It is never compiled by the top tier. Code of the top tier that it has already stays. Not in an engine whose only tier
/// is the top one.
pub const UPDRAFT_POLICY_NEVER_TOP: updraft_policy_t = 1;
/// It is compiled by the top tier now, in the background.
pub const UPDRAFT_POLICY_EAGER_TOP: updraft_policy_t = 2;

/// Which compilations a cancellation stops.
pub type updraft_cancel_t = u32;
/// Whatever is under way.
pub const UPDRAFT_CANCEL_ALWAYS: updraft_cancel_t = 0;
/// Only if the module is not ready yet: what its strategy asks for at first is not all there.
pub const UPDRAFT_CANCEL_IF_NOT_READY: updraft_cancel_t = 1;

/// A unit of the baseline tier is queued.
pub const UPDRAFT_FUNC_BASELINE_QUEUED: u32 = 1;
/// A unit of the top tier is queued.
pub const UPDRAFT_FUNC_TOP_QUEUED: u32 = 2;
/// The baseline tier is compiling it, or its code is about to be published.
pub const UPDRAFT_FUNC_BASELINE_IN_FLIGHT: u32 = 4;
/// The top tier is compiling it, or its code is about to be published.
pub const UPDRAFT_FUNC_TOP_IN_FLIGHT: u32 = 8;
/// The baseline tier cannot compile it.
pub const UPDRAFT_FUNC_BASELINE_REFUSED: u32 = 16;
/// The top tier cannot compile it (`updraft_module_func_refusal` says why).
pub const UPDRAFT_FUNC_TOP_REFUSED: u32 = 32;
/// The host keeps it from the top tier (`UPDRAFT_POLICY_NEVER_TOP`).
pub const UPDRAFT_FUNC_NEVER_TOP: u32 = 64;
/// It is imported: it belongs to another module, or to the host, and all else is 0.
pub const UPDRAFT_FUNC_IMPORTED: u32 = 128;
/// `calls` is known.
pub const UPDRAFT_FUNC_CALLS_KNOWN: u32 = 256;
/// Its code of the baseline tier has been run. Known where functions move to the top tier by themselves
/// (`updraft_config_set_tiering`), else not set.
pub const UPDRAFT_FUNC_BASELINE_RUN: u32 = 512;
/// There is code for loops of it, at which threads that run it in the baseline tier go on in the top tier.
pub const UPDRAFT_FUNC_LOOPS_TOP: u32 = 1024;
/// Such code waits to be compiled, or is being compiled.
pub const UPDRAFT_FUNC_LOOPS_QUEUED: u32 = 2048;
/// Such code was refused, for one of its loops at least.
pub const UPDRAFT_FUNC_LOOPS_REFUSED: u32 = 4096;

/// The state of a function at one moment.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct updraft_func_state_t {
    /// Bytes of this struct that are filled in.
    pub size: u32,
    /// Index of the function, imported ones counted.
    pub func: u32,
    /// The tier of the code that callers reach: an `UPDRAFT_TIER_` number, 0 = it is compiled at its next call.
    pub tier: updraft_tier_t,
    /// The tier that it is to reach by what was asked for so far; 0 = none, or nothing was asked for.
    pub target_tier: updraft_tier_t,
    /// `UPDRAFT_FUNC_` bits.
    pub flags: u32,
    /// Bytes of its machine code.
    pub code_size: u32,
    /// How long that code took to compile, in nanoseconds.
    pub compile_ns: u64,
    /// How often it was called, if `UPDRAFT_FUNC_CALLS_KNOWN` is set.
    pub calls: u64,
    /// How often the top tier has compiled it.
    pub top_compilations: u32,
    /// The priority of the last request for the top tier.
    pub priority: u32,
}

const _: () = assert!(size_of::<updraft_func_state_t>() == 48);

// SAFETY: `repr(C)`; the assertion above leaves no room for padding.
unsafe impl Record for updraft_func_state_t {}

/// Numbers of a module's compilation. Set `struct_size` before it is filled in. They are read one by one, while other
/// threads may go on; when nothing is queued or compiled they fit together.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_module_stats_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Functions that the module defines.
    pub functions: u64,
    /// Functions whose code is of the baseline tier.
    pub baseline_functions: u64,
    /// Functions whose code is of the top tier.
    pub top_functions: u64,
    /// Functions that the baseline tier cannot compile.
    pub baseline_refused: u64,
    /// Functions that the top tier cannot compile.
    pub top_refused: u64,
    /// Functions that lack what the strategy asks for at first.
    pub outstanding_first: u64,
    /// Functions that lack what was asked for so far.
    pub outstanding: u64,
    /// Units that are queued or compiled, or wait to be published.
    pub units: u64,
    /// Functions that were compiled, each tier counted.
    pub compiled: u64,
    /// Units that nobody needed any more.
    pub discarded: u64,
    /// Batches of code that were published.
    pub publications: u64,
    /// How often a call had to wait for another thread's publication.
    pub publication_waits: u64,
    /// Bytes of machine code.
    pub code_bytes: u64,
    /// Bytes that the module takes, machine code included, its instances not.
    pub memory_bytes: u64,
    /// Loops that have code of their own in the top tier.
    pub loops: u64,
    /// How often threads that ran a loop in the baseline tier went on there.
    pub loops_entered: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_module_stats_t {
    const FIRST_SIZE: usize = size_of::<updraft_module_stats_t>();
}

/// A tier from C.
fn tier_of(tier: updraft_tier_t) -> Result<Tier, Fail> {
    [Tier::Baseline, Tier::Top]
        .into_iter()
        .find(|known| *known as updraft_tier_t == tier)
        .ok_or_else(|| Fail::misuse(format!("tier has no value {tier}")))
}

/// The functions that C names; NULL and 0 = all that the module defines.
fn funcs_of(module: &CompiledModule, funcs: *const u32, count: usize) -> Result<Vec<FuncIndex>, Fail> {
    let defined = module.defined_functions();
    if funcs.is_null() && count == 0 {
        return Ok(defined.map(FuncIndex).collect());
    }
    let named = array(funcs, count, "funcs")?.iter().map(|func| {
        let known = defined.contains(func).then_some(FuncIndex(*func));
        known.ok_or_else(|| Fail::out_of_bounds(format!("the module defines no function {func}")))
    });
    named.collect()
}

/// The outcome of waiting for compilation.
fn waited(outcome: Result<Waited, Error>) -> Result<(), Fail> {
    match outcome {
        Ok(Waited::Done) => Ok(()),
        Ok(Waited::TimedOut) => Err(Fail::Status(status::UPDRAFT_STATUS_TIMEOUT, "it was not reached in time".into())),
        Ok(Waited::Closed) => Err(Error::Cancelled.into()),
        Err(error @ Error::Compile { .. }) => {
            Err(Fail::Status(status::UPDRAFT_STATUS_FAILED, error.to_string().into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until all that the strategy of a module asks for at first is there (for a lazy one: at once), and compiles its
/// functions meanwhile. `timeout_ns` may be 0, and UINT64_MAX to wait without end; a function that was begun is ended.
///
/// Fails with TIMEOUT, CANCELLED (the engine is shut down), SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_wait_ready(
    module: *const updraft_module_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || waited(object(module, "module")?.module.wait_ready(deadline(timeout_ns))))
}

/// Waits until nothing that was asked for is outstanding, and compiles meanwhile: every function has its target tier, or
/// cannot have it, or the work was cancelled. Repeated compilations (`updraft_module_allow_again`) are not waited for.
///
/// Fails as `updraft_module_wait_ready` does. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_wait_idle(
    module: *const updraft_module_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || waited(object(module, "module")?.module.wait_finished(deadline(timeout_ns))))
}

/// Asks for a tier of the `count` functions at `funcs`, or of all (NULL and 0), and waits until they have it, or a better
/// one. Compiles meanwhile. `funcs` counts imported functions.
///
/// Fails with FAILED if one of them can not have it (the tier refuses it, the host keeps it from the tier), TIMEOUT,
/// CANCELLED, LIMIT (no room for code), OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for a tier that the
/// engine does not use). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_wait_tier(
    module: *const updraft_module_t,
    funcs: *const u32,
    count: usize,
    tier: updraft_tier_t,
    timeout_ns: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module, tier) = (&object(module, "module")?.module, tier_of(tier)?);
        waited(module.wait_tiers(&funcs_of(module, funcs, count)?, tier, deadline(timeout_ns)))
    })
}

/// Asks for a tier of the `count` functions at `funcs`, or of all (NULL and 0), in the background. Work of higher `priority`
/// (0 to 255) comes first; asking once more with a higher one moves what is queued to the front. Writes to `reached` how
/// many of them have the tier, or a better one, by now; it may be NULL.
///
/// Functions that cannot have the tier are left out. Without workers and outside of `updraft_engine_run_jobs`, nothing
/// happens before somebody waits. Fails with OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for a tier that the
/// engine does not use). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_request_tier(
    module: *const updraft_module_t,
    funcs: *const u32,
    count: usize,
    tier: updraft_tier_t,
    priority: u32,
    reached: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module, tier) = (&object(module, "module")?.module, tier_of(tier)?);
        let priority =
            u8::try_from(priority).map_err(|_| Fail::misuse(format!("priority is {priority}, not 0 to 255")))?;
        let there = module.request_tiers(&funcs_of(module, funcs, count)?, tier, priority)?;
        if let Ok(reached) = out(reached, "reached") {
            reached.write(there);
        }
        Ok(())
    })
}

/// Decides about the tiers of the `count` functions at `funcs`, or of all (NULL and 0): an `UPDRAFT_POLICY_` number.
///
/// Fails with OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for NEVER_TOP without a baseline tier). Any thread.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_set_policy(
    module: *const updraft_module_t,
    funcs: *const u32,
    count: usize,
    policy: updraft_policy_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = &object(module, "module")?.module;
        let funcs = funcs_of(module, funcs, count)?;
        let denied = match policy {
            UPDRAFT_POLICY_AUTO | UPDRAFT_POLICY_EAGER_TOP => Denied::No,
            UPDRAFT_POLICY_NEVER_TOP => Denied::Yes,
            other => return Err(Fail::misuse(format!("policy has no value {other}"))),
        };
        if policy == UPDRAFT_POLICY_EAGER_TOP || module.engine().config().tiers.lowest() == Tier::Baseline {
            module.deny_top_all(&funcs, denied)?;
        } else if denied == Denied::Yes {
            return Err(Fail::misuse("policy: without a baseline tier, no function can do without the top tier"));
        }
        if policy == UPDRAFT_POLICY_EAGER_TOP {
            module.request_tiers(&funcs, Tier::Top, 0)?;
        }
        Ok(())
    })
}

/// Allows the top tier to compile the `count` functions at `funcs` once more, or all (NULL and 0): at the next request for
/// that tier. Right even while they are being compiled: another time follows then. A function that the tier refused may
/// be tried again.
///
/// Fails with OUT_OF_BOUNDS (no such function) and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_allow_again(
    module: *const updraft_module_t,
    funcs: *const u32,
    count: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = &object(module, "module")?.module;
        for func in funcs_of(module, funcs, count)? {
            module.allow_again(Some(func))?;
        }
        Ok(())
    })
}

/// Stops the background work of a module: an `UPDRAFT_CANCEL_` number says under which condition. What is compiled stays, and
/// a function without code is still compiled when it is called. Nothing is compiled in the background any more.
/// Writes to `cancelled` whether this stopped it (1) or there was nothing to stop (0); it may be NULL.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_cancel(
    module: *const updraft_module_t,
    which: updraft_cancel_t,
    cancelled: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = &object(module, "module")?.module;
        let which = match which {
            UPDRAFT_CANCEL_ALWAYS => Cancel::Always,
            UPDRAFT_CANCEL_IF_NOT_READY => Cancel::IfNotReady,
            other => return Err(Fail::misuse(format!("which has no value {other}"))),
        };
        let stopped = module.cancel(which);
        if let Ok(cancelled) = out(cancelled, "cancelled") {
            cancelled.write(stopped.into());
        }
        Ok(())
    })
}

/// Drops the machine code of a module that has no instance; each function is compiled again when it is called. What the
/// host decided about its tiers stays.
///
/// Fails with BUSY (it has an instance, or is being compiled), SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_clear(
    module: *const updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || Ok(object(module, "module")?.module.clear()?))
}

/// Fills in the states of functions, from the function `first` on (imported ones are counted): up to `capacity` of them.
/// Writes how many to `count`; 0 if there are none from `first` on. `state_size` is the size of an element as its user
/// knows it, sizeof(updraft_func_state_t); each says in `size` how much of it was filled in, and the rest is 0. `states`
/// may be NULL if `capacity` is 0. Each state is of one moment; two of them may be of different ones.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_func_states(
    module: *const updraft_module_t,
    first: u32,
    states: *mut updraft_func_state_t,
    capacity: usize,
    state_size: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, module) = (out(count, "count")?, &object(module, "module")?.module);
        let all = first..u32::try_from(module.module().functions().len()).unwrap_or(u32::MAX);
        let state = |func| func_state_for_c(func, module.function(FuncIndex(func)));
        let records = || Ok(all.take(capacity).map(state).collect());
        count.write(write_records(states, capacity, state_size, ["states", "state_size"], records)?);
        Ok(())
    })
}

fn func_state_for_c(func: u32, state: Option<FunctionState>) -> updraft_func_state_t {
    let mut record = updraft_func_state_t {
        size: size_of::<updraft_func_state_t>() as u32,
        func,
        tier: 0,
        target_tier: 0,
        flags: UPDRAFT_FUNC_IMPORTED,
        code_size: 0,
        compile_ns: 0,
        calls: 0,
        top_compilations: 0,
        priority: 0,
    };
    let Some(FunctionState { word, code_size, compile_ns, osr, was_run }) = state else { return record };
    let flags = [
        (word.is_queued(Tier::Baseline), UPDRAFT_FUNC_BASELINE_QUEUED),
        (word.is_queued(Tier::Top), UPDRAFT_FUNC_TOP_QUEUED),
        (word.is_in_flight(Tier::Baseline), UPDRAFT_FUNC_BASELINE_IN_FLIGHT),
        (word.is_in_flight(Tier::Top), UPDRAFT_FUNC_TOP_IN_FLIGHT),
        (word.is_refused(Tier::Baseline), UPDRAFT_FUNC_BASELINE_REFUSED),
        (word.is_refused(Tier::Top), UPDRAFT_FUNC_TOP_REFUSED),
        (word.is_denied(), UPDRAFT_FUNC_NEVER_TOP),
        (was_run, UPDRAFT_FUNC_BASELINE_RUN),
        (osr.ready != 0, UPDRAFT_FUNC_LOOPS_TOP),
        (osr.claimed != 0, UPDRAFT_FUNC_LOOPS_QUEUED),
        (osr.refused != 0, UPDRAFT_FUNC_LOOPS_REFUSED),
    ];
    record.flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum();
    record.tier = tier_number(word.reached());
    record.target_tier = tier_number(word.required_top());
    record.code_size = code_size;
    record.compile_ns = compile_ns;
    record.top_compilations = word.attempts();
    record.priority = word.priority().into();
    record
}

/// Copies why a tier refused a function to `buffer`, which has room for `capacity` bytes: as much as fits, and a NUL. Writes
/// the length of the whole text, without a NUL, to `needed`: if that is not less than `capacity`, the copy is cut off.
/// `buffer` may be NULL if `capacity` is 0. `func` counts imported functions.
///
/// Fails with NOT_FOUND (the tier has not refused it), OUT_OF_BOUNDS (the module defines no such function) and MISUSE. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_func_refusal(
    module: *const updraft_module_t,
    func: u32,
    tier: updraft_tier_t,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let place = TextPlace::new(buffer, capacity, needed)?;
        let (module, tier) = (&object(module, "module")?.module, tier_of(tier)?);
        if !module.defined_functions().contains(&func) {
            return Err(Fail::out_of_bounds(format!("the module defines no function {func}")));
        }
        let why = module.refusal(FuncIndex(func), tier);
        let why = why.ok_or_else(|| Fail::not_found(format!("function {func} was not refused by that tier")))?;
        place.write(&why.to_string());
        Ok(())
    })
}

/// Fills in the numbers of a module's compilation.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_stats(
    module: *const updraft_module_t,
    stats: *mut updraft_module_stats_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, module) = (out_struct(stats, "stats")?, &object(module, "module")?.module);
        let (progress, osr) = (module.progress(), module.osr_counts());
        out.write(updraft_module_stats_t {
            struct_size: size_of::<updraft_module_stats_t>(),
            functions: module.module().defined_func_count() as u64,
            baseline_functions: progress.counts.baseline as u64,
            top_functions: progress.counts.top as u64,
            baseline_refused: progress.refused[0] as u64,
            top_refused: progress.refused[1] as u64,
            outstanding_first: progress.outstanding_first as u64,
            outstanding: progress.outstanding_first.max(progress.outstanding_top) as u64,
            units: progress.units as u64,
            compiled: progress.compiled,
            discarded: progress.discarded,
            publications: progress.batches,
            publication_waits: progress.publication_waits,
            code_bytes: progress.code_size as u64,
            memory_bytes: module.memory_use() as u64,
            loops: osr.ready as u64,
            loops_entered: osr.entered,
        });
        Ok(())
    })
}
