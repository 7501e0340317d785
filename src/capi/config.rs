//! Configurations: what the host chooses before it makes an engine.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex};

use super::error::{Fail, updraft_error_t};
use super::status::{UPDRAFT_STATUS_OK, updraft_status_t};
use super::types::{memory_type_for_c, updraft_memorytype_t};
use super::updraft_finalizer_t;
use super::version::{feature_bit, updraft_feature_t};
use super::{Counted, Extensible, HostData, clone_object, delete, enter, flag, new_object, object};
use crate::config::{BaselineChoice, Config, MemoryMode, Strategy, Tiers, Validation};
use crate::error::{Error, Result};
use crate::module::Features;
use crate::runtime::memory::{HostMemory, MemoryCreator};
use crate::types::MemoryType;

/// Settings for engines. Reference-counted; any thread, one at a time (a second one gets BUSY).
pub struct updraft_config_t {
    _private: [u8; 0],
}

impl Counted for updraft_config_t {
    type Value = Mutex<Config>;
    const KIND: u32 = 0x666e_4375;
}

/// When functions are compiled. What is compiled first is the lowest tier that `updraft_tiers_t` names.
pub type updraft_strategy_t = u32;
/// All functions before the module exists.
pub const UPDRAFT_STRATEGY_EAGER: updraft_strategy_t = 0;
/// Each function at its first call.
pub const UPDRAFT_STRATEGY_LAZY: updraft_strategy_t = 1;
/// All functions in the background, from the creation of the module on; what is called before its turn comes is
/// compiled at once.
pub const UPDRAFT_STRATEGY_EAGER_BACKGROUND: updraft_strategy_t = 2;
/// In the baseline tier at the first call, in the top tier in the background, from the creation of the module on. With
/// one tier only: as LAZY, or as EAGER_BACKGROUND if that is the top tier.
pub const UPDRAFT_STRATEGY_LAZY_BASELINE_EAGER_TOP: updraft_strategy_t = 3;

/// When the bodies of functions are validated. Everything else of a module always is before it exists, and no body is
/// compiled that is not known to be valid.
///
/// With DEFERRED and BACKGROUND, an invalid body is found after the module was made: by the call that is the first to need
/// it, by a worker, or by `updraft_module_validate_rest`. The module has failed then. An `UPDRAFT_EVENT_FAILED` names the
/// function, and is the last event of the module; its background work stops; it cannot be instantiated any more.
/// Instances go on, but a call of a function that was not known to be valid by then traps with
/// `UPDRAFT_TRAP_INVALID_MODULE`. Which invalid body is found first is a matter of chance.
pub type updraft_validation_t = u32;
/// Before the module exists. Of several invalid bodies, the error is about the one with the lowest index.
pub const UPDRAFT_VALIDATION_UPFRONT: updraft_validation_t = 0;
/// Each before it is compiled for the first time.
pub const UPDRAFT_VALIDATION_DEFERRED: updraft_validation_t = 1;
/// As DEFERRED, and all of them by the workers, from the creation of the module on.
pub const UPDRAFT_VALIDATION_BACKGROUND: updraft_validation_t = 2;

/// Which compilers are used.
pub type updraft_tiers_t = u32;
/// The optimising one only.
pub const UPDRAFT_TIERS_TOP: updraft_tiers_t = 0;
/// The fast one only.
pub const UPDRAFT_TIERS_BASELINE: updraft_tiers_t = 1;
/// The fast one first, the optimising one for what is worth it.
pub const UPDRAFT_TIERS_BOTH: updraft_tiers_t = 2;

/// Which compiler is the baseline tier.
pub type updraft_baseline_t = u32;
/// The engine's own where there is one for the processor.
pub const UPDRAFT_BASELINE_AUTO: updraft_baseline_t = 0;
/// The engine's own; the engine is refused where there is none.
pub const UPDRAFT_BASELINE_NATIVE: updraft_baseline_t = 1;
/// The optimising compiler with optimisation switched off.
pub const UPDRAFT_BASELINE_PORTABLE: updraft_baseline_t = 2;

/// How accesses to 32-bit memories are kept in bounds.
pub type updraft_memory_mode_t = u32;
/// Guarded if a probe at engine creation finds that the process may reserve the address space, else explicit.
pub const UPDRAFT_MEMORY_MODE_AUTO: updraft_memory_mode_t = 0;
/// By unmapped pages; the engine is refused if they cannot be had.
pub const UPDRAFT_MEMORY_MODE_GUARDED: updraft_memory_mode_t = 1;
/// By explicit checks.
pub const UPDRAFT_MEMORY_MODE_EXPLICIT: updraft_memory_mode_t = 2;

/// A linear memory that the host provides; filled in by an `updraft_memory_create_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_host_memory_t {
    /// Size of the struct, set by the engine before the host fills in the rest.
    pub struct_size: usize,
    /// First byte; page-aligned; never moves.
    pub base: *mut u8,
    /// Passed to `grow` and `finalizer`.
    pub env: *mut c_void,
    /// Makes `new_len` bytes accessible, never fewer than before; returns 1, or 0 if that cannot be. NULL for a
    /// memory that never grows.
    pub grow: Option<unsafe extern "C" fn(env: *mut c_void, new_len: usize) -> u32>,
    /// Called once with `env` when the memory is not used any more, on the thread that drops its last user. May be NULL.
    pub finalizer: updraft_finalizer_t,
}

// SAFETY: `repr(C)`, the size comes first, pointers and optional function pointers.
unsafe impl Extensible for updraft_host_memory_t {
    const FIRST_SIZE: usize = size_of::<updraft_host_memory_t>();
}

/// Makes a memory of `min` accessible, zeroed bytes. Behind the base, `reserved` bytes are the memory's to grow
/// into, and the `guard` bytes after them must stay inaccessible. Returns `UPDRAFT_STATUS_OK`, or any other status to
/// refuse. Called on the thread that makes the memory; must be safe on several at once; must not call Updraft.
pub type updraft_memory_create_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        memory_type: *const updraft_memorytype_t,
        min: usize,
        reserved: usize,
        guard: usize,
        memory: *mut updraft_host_memory_t,
    ) -> updraft_status_t,
>;

/// Makes a configuration with the default settings.
///
/// Writes to `out` a configuration owned by the caller (`updraft_config_delete`). Fails with MISUSE.
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_new(
    out: *mut *mut updraft_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(new_object(Mutex::new(Config::default())));
        Ok(())
    })
}

/// Counts one more reference to a configuration, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_clone(
    config: *const updraft_config_t,
    out: *mut *mut updraft_config_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(config, "config")?);
        Ok(())
    })
}

/// Gives up a reference to a configuration. NULL is allowed. Engines made from it are not affected.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_delete(config: *mut updraft_config_t) {
    delete(config);
}

/// The settings of a configuration, NULL = the defaults.
pub(super) fn settings(config: *const updraft_config_t) -> Result<Config, Fail> {
    if config.is_null() {
        return Ok(Config::default());
    }
    let config = object(config, "config")?;
    Ok(config.try_lock().map_err(|_| BUSY)?.clone())
}

const BUSY: Error = Error::Busy { what: "the configuration is in use by another thread" };

pub(super) fn change(
    config: *mut updraft_config_t,
    error: *mut *mut updraft_error_t,
    body: impl FnOnce(&mut Config) -> Result<(), Fail>,
) -> updraft_status_t {
    enter(error, || body(&mut *object(config, "config")?.try_lock().map_err(|_| BUSY)?))
}

/// Allows (1) or refuses (0) a WebAssembly feature (an `UPDRAFT_FEATURE_` number). Default: all are allowed.
///
/// Fails with MISUSE, UNSUPPORTED for a feature that this library does not implement, and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_feature(
    config: *mut updraft_config_t,
    feature: updraft_feature_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let on = flag(on, "on")?;
        let bit = feature_bit(feature)
            .ok_or_else(|| Error::Unsupported { offset: 0, feature: format!("number {feature}").into() })?;
        config.features = Features(if on { config.features.0 | bit.0 } else { config.features.0 & !bit.0 });
        Ok(())
    })
}

/// When functions are compiled: an `UPDRAFT_STRATEGY_` number. Default: EAGER.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_strategy(
    config: *mut updraft_config_t,
    strategy: updraft_strategy_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.strategy = strategy_of(strategy)?;
        Ok(())
    })
}

/// When bodies are validated: an `UPDRAFT_VALIDATION_` number. Default: UPFRONT.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_validation(
    config: *mut updraft_config_t,
    validation: updraft_validation_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.validation = validation_of(validation)?;
        Ok(())
    })
}

/// The validation of this number.
pub(super) fn validation_of(validation: updraft_validation_t) -> Result<Validation, Fail> {
    match validation {
        UPDRAFT_VALIDATION_UPFRONT => Ok(Validation::Upfront),
        UPDRAFT_VALIDATION_DEFERRED => Ok(Validation::Deferred),
        UPDRAFT_VALIDATION_BACKGROUND => Ok(Validation::Background),
        other => Err(Fail::misuse(format!("validation has no value {other}"))),
    }
}

/// The strategy of this number.
pub(super) fn strategy_of(strategy: updraft_strategy_t) -> Result<Strategy, Fail> {
    match strategy {
        UPDRAFT_STRATEGY_EAGER => Ok(Strategy::Eager),
        UPDRAFT_STRATEGY_LAZY => Ok(Strategy::Lazy),
        UPDRAFT_STRATEGY_EAGER_BACKGROUND => Ok(Strategy::EagerBackground),
        UPDRAFT_STRATEGY_LAZY_BASELINE_EAGER_TOP => Ok(Strategy::LazyBaselineEagerTop),
        other => Err(Fail::misuse(format!("strategy has no value {other}"))),
    }
}

/// Which compilers are used: an `UPDRAFT_TIERS_` number. Default: BOTH.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_tiers(
    config: *mut updraft_config_t,
    tiers: updraft_tiers_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.tiers = match tiers {
            UPDRAFT_TIERS_TOP => Tiers::Top,
            UPDRAFT_TIERS_BASELINE => Tiers::Baseline,
            UPDRAFT_TIERS_BOTH => Tiers::Both,
            other => return Err(Fail::misuse(format!("tiers has no value {other}"))),
        };
        Ok(())
    })
}

/// Which compiler is the baseline tier: an `UPDRAFT_BASELINE_` number. Default: AUTO. NATIVE is refused
/// (`updraft_engine_new`) where there is none.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_baseline(
    config: *mut updraft_config_t,
    baseline: updraft_baseline_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.baseline = match baseline {
            UPDRAFT_BASELINE_AUTO => BaselineChoice::Auto,
            UPDRAFT_BASELINE_NATIVE => BaselineChoice::Native,
            UPDRAFT_BASELINE_PORTABLE => BaselineChoice::Portable,
            other => return Err(Fail::misuse(format!("baseline has no value {other}"))),
        };
        Ok(())
    })
}

/// How accesses to 32-bit memories are kept in bounds: an `UPDRAFT_MEMORY_MODE_` number. Default: AUTO, which is
/// EXPLICIT when signals are off; GUARDED is refused then (`updraft_engine_new`).
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_memory_mode(
    config: *mut updraft_config_t,
    mode: updraft_memory_mode_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.memory_mode = match mode {
            UPDRAFT_MEMORY_MODE_AUTO => MemoryMode::Auto,
            UPDRAFT_MEMORY_MODE_GUARDED => MemoryMode::Guarded,
            UPDRAFT_MEMORY_MODE_EXPLICIT => MemoryMode::Explicit,
            other => return Err(Fail::misuse(format!("mode has no value {other}"))),
        };
        Ok(())
    })
}

/// Whether traps may use SIGSEGV, SIGBUS, SIGFPE and SIGILL (1, the default). If not (0), no handler is installed
/// and every check is explicit.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_signals(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.signals = flag(on, "on")?;
        Ok(())
    })
}

/// Whether running code can be interrupted, and calls may have a timeout (1, the default), at the price of a poll
/// per loop iteration.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_interrupts(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.interrupts = flag(on, "on")?;
        Ok(())
    })
}

/// Whether NaN results have one bit pattern (1) or what the processor gives (0, the default).
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_canonicalize_nans(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.canonicalize_nans = flag(on, "on")?;
        Ok(())
    })
}

/// Whether processor features beyond x86-64-v2, AVX and later, are used where they exist (1, the default): the features
/// "native" or "x86-64-v2" of `updraft_config_set_target`.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_avx(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.target.features = if flag(on, "on")? { None } else { Some("x86-64-v2".into()) };
        Ok(())
    })
}

/// Whether explicitly checked memories move at each grow: a test mode. Default: 0.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_memory_moves(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.memory_moves = flag(on, "on")?;
        Ok(())
    })
}

/// Bytes of stack that one outermost call may use. Default: 1 MiB.
///
/// Fails with MISUSE (0 bytes) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_max_stack(
    config: *mut updraft_config_t,
    bytes: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        if bytes == 0 {
            return Err(Fail::misuse("bytes is 0"));
        }
        config.max_stack = bytes;
        Ok(())
    })
}

/// Threads that validate and compile a module while its maker waits, the calling one included; the others are workers
/// that are free. 0, the default: as many as the process may use. With 1, calling threads alone compile, unless
/// `updraft_config_set_workers` says otherwise.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_compile_threads(
    config: *mut updraft_config_t,
    threads: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.compile_threads = threads;
        Ok(())
    })
}

/// Bytes of address space for machine code and what belongs to it. Default: 1 GiB.
///
/// Fails with MISUSE (0 bytes) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_code_reservation(
    config: *mut updraft_config_t,
    bytes: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        if bytes == 0 {
            return Err(Fail::misuse("bytes is 0"));
        }
        config.code_reservation = bytes;
        Ok(())
    })
}

/// Frames that a backtrace keeps; 0 = no backtraces. Default: 64.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_backtrace_frames(
    config: *mut updraft_config_t,
    frames: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.backtrace_frames = frames;
        Ok(())
    })
}

/// Whether initial data are mapped copy-on-write where that is possible (1, the default).
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_memory_images(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.memory_images = flag(on, "on")?;
        Ok(())
    })
}

/// Makes the host the source of linear memories, instead of the engine.
///
/// `create` may be NULL, which gives the task back to the engine (`env` and `finalizer` are then ignored).
/// `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses it goes, on
/// the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_memory_creator(
    config: *mut updraft_config_t,
    create: updraft_memory_create_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.memory_creator = create.map(|create| {
            let env = HostData::new(env, finalizer);
            env.arm();
            Arc::new(Creator { create, env }) as _
        });
        Ok(())
    })
}

/// Makes the compilation of one function fail, counted among those that a module defines: a test mode.
/// `UINT32_MAX`, the default: none.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_fail_function(
    config: *mut updraft_config_t,
    func: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.fail_function = (func != u32::MAX).then_some(func);
        Ok(())
    })
}

/// A memory creator written in C.
struct Creator {
    create: unsafe extern "C" fn(
        *mut c_void,
        *const updraft_memorytype_t,
        usize,
        usize,
        usize,
        *mut updraft_host_memory_t,
    ) -> updraft_status_t,
    env: HostData,
}

impl MemoryCreator for Creator {
    fn create(&self, ty: MemoryType, min: usize, reserved: usize, guard: usize) -> Result<Box<dyn HostMemory>> {
        let ty = memory_type_for_c(&ty);
        let mut memory = updraft_host_memory_t {
            struct_size: size_of::<updraft_host_memory_t>(),
            base: null_mut(),
            env: null_mut(),
            grow: None,
            finalizer: None,
        };
        // SAFETY: the C contract of `updraft_memory_create_t`.
        let status = unsafe { (self.create)(self.env.pointer(), &ty, min, reserved, guard, &mut memory) };
        if status != UPDRAFT_STATUS_OK {
            let source = std::io::Error::from_raw_os_error(libc::ENOMEM);
            return Err(Error::System { what: "the host refused to make a memory", source });
        }
        let env = HostData::new(memory.env, memory.finalizer);
        env.arm();
        if memory.base.is_null() || !memory.base.addr().is_multiple_of(4096) {
            return Err(Error::misuse("the base of the host's memory is not page-aligned"));
        }
        Ok(Box::new(CMemory { base: memory.base, grow: memory.grow, env }))
    }
}

/// A linear memory that C provides.
struct CMemory {
    base: *mut u8,
    grow: Option<unsafe extern "C" fn(*mut c_void, usize) -> u32>,
    env: HostData,
}

// SAFETY: the memory is plain bytes; its functions may be called from any thread, as their documentation says.
unsafe impl Send for CMemory {}
// SAFETY: as above.
unsafe impl Sync for CMemory {}

impl HostMemory for CMemory {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn grow(&mut self, new_len: usize) -> bool {
        // SAFETY: the C contract of `updraft_host_memory_t`.
        self.grow.is_some_and(|grow| unsafe { grow(self.env.pointer(), new_len) } == 1)
    }
}
