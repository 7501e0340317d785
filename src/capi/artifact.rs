//! Artifacts: modules with the machine code that they had, as bytes, and back.

use std::ffi::{c_char, c_void};

use super::config::{change, updraft_config_t};
use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t};
use super::job::{chosen, shared, updraft_module_options_t};
use super::module::{ModuleValue, updraft_module_t};
use super::status::updraft_status_t;
use super::{
    Counted, Extensible, array, array_mut, clone_object, delete, enter, flag, new_object, object, out, out_struct,
    path_of, updraft_finalizer_t,
};
use crate::engine::{CompiledModule, Store, Wasm};

/// Modules as bytes, with the code that they had. Reference-counted, immutable; any thread.
pub struct updraft_artifact_t {
    _private: [u8; 0],
}

impl Counted for updraft_artifact_t {
    type Value = Vec<u8>;
    const KIND: u32 = 0x7472_4175;
}

/// Why the code of an artifact is not used. Later versions may add some.
pub type updraft_artifact_verdict_t = u32;
/// It is used, each piece after it was authenticated.
pub const UPDRAFT_ARTIFACT_ACCEPTED: updraft_artifact_verdict_t = 0;
/// It has another version of the format.
pub const UPDRAFT_ARTIFACT_VERSION: updraft_artifact_verdict_t = 1;
/// Another build of the engine made it.
pub const UPDRAFT_ARTIFACT_BUILD: updraft_artifact_verdict_t = 2;
/// It is for another kind of machine.
pub const UPDRAFT_ARTIFACT_TARGET: updraft_artifact_verdict_t = 3;
/// It uses features that this processor does not have, or that this engine is not to use.
pub const UPDRAFT_ARTIFACT_CPU: updraft_artifact_verdict_t = 4;
/// The engine that made it had other settings, of those that change code.
pub const UPDRAFT_ARTIFACT_SETTINGS: updraft_artifact_verdict_t = 5;
/// The engine that made it allowed other features of WebAssembly.
pub const UPDRAFT_ARTIFACT_FEATURES: updraft_artifact_verdict_t = 6;
/// It was made with another key.
pub const UPDRAFT_ARTIFACT_KEY: updraft_artifact_verdict_t = 7;
/// It is not what was written.
pub const UPDRAFT_ARTIFACT_DAMAGED: updraft_artifact_verdict_t = 8;
/// It is of another module than the one that it was to be used for.
pub const UPDRAFT_ARTIFACT_WASM: updraft_artifact_verdict_t = 9;
/// The module was not made from an artifact.
pub const UPDRAFT_ARTIFACT_NONE: updraft_artifact_verdict_t = u32::MAX;

/// What the artifact of a module was good for so far. Set `struct_size` before it is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_artifact_status_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Whether its code is used, or why not.
    pub verdict: updraft_artifact_verdict_t,
    /// 0.
    pub reserved: u32,
    /// Bytes that the code in it takes there.
    pub code_bytes: u64,
    /// Functions that were loaded, not compiled.
    pub loaded: u64,
    /// Pieces that turned out not to be what was written when they were needed: their functions are compiled.
    pub damaged: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers without padding.
unsafe impl Extensible for updraft_artifact_status_t {
    const FIRST_SIZE: usize = size_of::<updraft_artifact_status_t>();
}

/// Whether modules can be serialised with their machine code (1, the default), which takes a few bytes for each call in it.
/// With 0 artifacts have none.
///
/// Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_artifacts(
    config: *mut updraft_config_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.artifacts = flag(on, "on")?;
        Ok(())
    })
}

/// Makes an artifact of a module as it is now: its wasm, the code of the optimising tier, what became of each function, and
/// the profile. May be called at any time, also while the module runs. Of bodies that are validated later, all are first.
///
/// The artifact is authenticated with the secret of `updraft_config_set_cache_key`, or of a key file, which a cache in a
/// directory has as well; without one, with a random one of the process, so that in other processes the wasm alone is used.
///
/// Writes to `out` an artifact owned by the caller (`updraft_artifact_delete`). Fails with INVALID and UNSUPPORTED (a body that
/// is not valid), SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_serialize(
    module: *const updraft_module_t,
    out: *mut *mut updraft_artifact_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(new_object(object(module, "module")?.module.serialize()?));
        Ok(())
    })
}

/// As `updraft_module_serialize`, of `count` modules that belong together (1 to 1024, of one engine) in one artifact:
/// `updraft_artifact_open` makes them again, in this order.
///
/// Writes to `out` an artifact owned by the caller (`updraft_artifact_delete`). Fails with INVALID, UNSUPPORTED, LIMIT, SYSTEM
/// and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_artifact_new(
    modules: *const *const updraft_module_t,
    count: usize,
    out: *mut *mut updraft_artifact_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        let modules = array(modules, count, "modules")?.iter().map(|module| Ok(&object(*module, "modules")?.module));
        let modules: Vec<&CompiledModule> = modules.collect::<Result<_, Fail>>()?;
        out.write(new_object(CompiledModule::serialize_together(&modules, Wasm::Kept)?));
        Ok(())
    })
}

/// Writes to `bytes` where the bytes of an artifact are, which live as long as it, and to `len` how many there are.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_artifact_bytes(
    artifact: *const updraft_artifact_t,
    bytes: *mut *const u8,
    len: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (place, len) = (out(bytes, "bytes")?, out(len, "len")?);
        let bytes = object(artifact, "artifact")?;
        place.write(bytes.as_ptr());
        len.write(bytes.len());
        Ok(())
    })
}

/// Counts one more reference to an artifact, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_artifact_clone(
    artifact: *const updraft_artifact_t,
    out: *mut *mut updraft_artifact_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(artifact, "artifact")?);
        Ok(())
    })
}

/// Gives up a reference to an artifact. NULL is allowed. Modules made from its bytes are not affected.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_artifact_delete(artifact: *mut updraft_artifact_t) {
    delete(artifact);
}

/// Makes the module of an artifact with one module from the `len` bytes at `bytes`, which may come from anywhere: code is run
/// only if it was made with the same secret, by this build of the engine, for this machine and with the same settings; of
/// what is not, or was changed, the wasm is used like that of `updraft_module_new`. `updraft_module_artifact_status` tells.
///
/// Code is loaded when a function is called first, and ahead in the background, with an event for each function
/// (`UPDRAFT_ORIGIN_LOADED`). `options` may be NULL, and are copied; without a strategy of their own nothing is compiled
/// before it is needed. With `release` NULL the bytes are copied (and `env` is not used). Otherwise they must stay as they
/// are until `release` is called with `env`, once, as soon as the engine does not need them any more: on a thread that lets go of
/// the module, or on this one.
///
/// Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails with INVALID (no artifact, one without wasm
/// that is of no use here, or one for another kind of machine), as `updraft_module_new` does, and with BUSY (the options); `release` is called then, too, if
/// the bytes were looked at. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_deserialize(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    release: updraft_finalizer_t,
    env: *mut c_void,
    options: *const updraft_module_options_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let options = chosen(options)?;
        let bytes = shared(bytes, len, release, env)?;
        let module = CompiledModule::deserialize(&engine.engine, bytes, &options)?.module;
        out.write(new_object(ModuleValue::new(module, &engine.live)));
        Ok(())
    })
}

/// As `updraft_module_deserialize`, from the file with the path of `len` bytes at `path`, which is read as far as it is
/// needed, and stays open as long as the module. It may be changed or replaced at any time: code that is lost by that is compiled,
/// if its body is not lost, too; what needs lost bodies or data traps (`UPDRAFT_TRAP_COMPILATION_FAILED`,
/// `UPDRAFT_TRAP_INVALID_MODULE`).
///
/// With signals, the first instance has its data fetched when it is touched: a fault of WebAssembly's own code is no error then, and
/// whoever replaces the handler of SIGSEGV must pass it on, as for traps.
///
/// Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_deserialize` does, and with
/// SYSTEM (the file). Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_deserialize_file(
    engine: *const updraft_engine_t,
    path: *const c_char,
    len: usize,
    options: *const updraft_module_options_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let module = CompiledModule::deserialize_file(&engine.engine, path_of(path, len)?, &chosen(options)?)?.module;
        out.write(new_object(ModuleValue::new(module, &engine.live)));
        Ok(())
    })
}

/// As `updraft_module_deserialize`, of an artifact with any number of modules: writes up to `capacity` of them to `modules`,
/// in the order in which they were given to `updraft_artifact_new`, and to `count` how many the artifact has. If those
/// are more than `capacity`, nothing is made, and nothing is written to `modules`, which may be NULL if `capacity` is 0. The
/// bytes are copied.
///
/// Each module is owned by the caller (`updraft_module_delete`). Fails as `updraft_module_deserialize` does. Any thread. Since
/// 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_artifact_open(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    options: *const updraft_module_options_t,
    modules: *mut *mut updraft_module_t,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, engine) = (out(count, "count")?, object(engine, "engine")?);
        let places = array_mut(modules, capacity, "modules")?;
        let store = Store::memory(shared(bytes, len, None, std::ptr::null_mut())?);
        let (all, restored) = CompiledModule::restore(&engine.engine, store, &chosen(options)?, capacity)?;
        for (place, restored) in places.iter_mut().zip(restored) {
            *place = new_object(ModuleValue::new(restored.module, &engine.live));
        }
        count.write(all);
        Ok(())
    })
}

/// Fills in what the artifact that a module was made from was good for so far.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_artifact_status(
    module: *const updraft_module_t,
    status: *mut updraft_artifact_status_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (place, module) = (out_struct(status, "status")?, &object(module, "module")?.module);
        let known = module.artifact_status().unwrap_or_default();
        let verdict = match (module.artifact_status(), module.artifact_rejected()) {
            (_, Some(why)) => why as updraft_artifact_verdict_t,
            (Some(_), None) => UPDRAFT_ARTIFACT_ACCEPTED,
            (None, None) => UPDRAFT_ARTIFACT_NONE,
        };
        place.write(updraft_artifact_status_t {
            struct_size: size_of::<updraft_artifact_status_t>(),
            verdict,
            reserved: 0,
            code_bytes: known.code_bytes,
            loaded: known.loaded,
            damaged: known.damaged,
        });
        Ok(())
    })
}
