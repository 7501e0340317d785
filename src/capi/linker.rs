//! Linkers: imports by name.

use std::ffi::{c_char, c_void};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::engine::{Counter, Counting, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::func::{host_callback, raw_host_callback, updraft_callback_t, updraft_raw_callback_t};
use super::module::updraft_module_t;
use super::status::updraft_status_t;
use super::store::{updraft_instance_t, updraft_store_t, with_store};
use super::types::updraft_functype_t;
use super::updraft_finalizer_t;
use super::value::{item_for_c, updraft_extern_t};
use super::{Counted, HostData, array, clone_object, delete, enter, flag, new_object, object, out, text};
use crate::error::Error;
use crate::runtime::instance::Instance;
use crate::runtime::linker::Linker;
use crate::runtime::store::Handle;

/// Definitions by module and name, from which modules are instantiated. Reference-counted; any thread; while one thread
/// defines, and while an instantiation runs, who defines gets BUSY.
pub struct updraft_linker_t {
    _private: [u8; 0],
}

impl Counted for updraft_linker_t {
    type Value = LinkerValue;
    const KIND: u32 = 0x6b6e_4c75;
}

/// What a linker object holds.
pub(super) struct LinkerValue {
    linker: RwLock<Linker>,
    /// Held for its drop.
    _counting: Counting,
}

const BUSY: Error = Error::Busy { what: "the linker is in use" };

impl LinkerValue {
    pub(super) fn write(&self) -> Result<RwLockWriteGuard<'_, Linker>, Fail> {
        Ok(self.linker.try_write().map_err(|_| BUSY)?)
    }

    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Linker>, Fail> {
        Ok(self.linker.try_read().map_err(|_| BUSY)?)
    }
}

/// Makes a linker without definitions.
///
/// Writes to `out` a linker owned by the caller (`updraft_linker_delete`). Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_new(
    engine: *const updraft_engine_t,
    out: *mut *mut updraft_linker_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let linker = RwLock::new(Linker::new(&engine.engine));
        out.write(new_object(LinkerValue { linker, _counting: engine.live.count(Counter::Linkers) }));
        Ok(())
    })
}

/// Counts one more reference to a linker, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_clone(
    linker: *const updraft_linker_t,
    out: *mut *mut updraft_linker_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(linker, "linker")?);
        Ok(())
    })
}

/// Gives up a reference to a linker. NULL is allowed. Instances made by it are not affected.
///
/// Finalizers of host functions that nobody else uses run on this thread. Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_delete(linker: *mut updraft_linker_t) {
    delete(linker);
}

/// Whether a later definition replaces an earlier one of the same name (1) or is an error (0, the default).
///
/// Fails with MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_allow_shadowing(
    linker: *mut updraft_linker_t,
    on: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let on = flag(on, "on")?;
        object(linker, "linker")?.write()?.allow_shadowing(on);
        Ok(())
    })
}

/// Defines an object of a store under a module and a name. The linker keeps the object alive; it can then be used in
/// this store only. The handle in `item` stays the caller's.
///
/// Fails with LINK if the name is taken, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define(
    linker: *mut updraft_linker_t,
    store: *mut updraft_store_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    item: *const updraft_extern_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module, name) = (text(module, module_len, "module")?, text(name, name_len, "name")?);
        let item = super::value::item(&array(item, 1, "item")?[0], "item")?;
        let mut linker = object(linker, "linker")?.write()?;
        with_store(store, |store| Ok(linker.define(store, module, name, item)?))
    })
}

/// Defines a host function under a module and a name, for any store of the linker's engine. The callback may then run
/// on several threads at once, one per store.
///
/// `env` is passed to each call, and may be NULL. `finalizer`, unless NULL, is called once with `env` when neither the
/// linker nor a store uses the function any more, on the thread that drops the last of them. On failure `env` stays with
/// the caller. Fails with LINK if the name is taken, MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define_func(
    linker: *mut updraft_linker_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    functype: *const updraft_functype_t,
    callback: updraft_callback_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module, name) = (text(module, module_len, "module")?, text(name, name_len, "name")?);
        let ty = object(functype, "functype")?.ty.clone();
        let env = Arc::new(HostData::new(env, finalizer));
        let callback = host_callback(callback, env.clone(), &ty)?;
        object(linker, "linker")?.write()?.define_native(module, name, ty, callback)?;
        env.arm();
        Ok(())
    })
}

/// Defines a host function that gets raw cells; otherwise as `updraft_linker_define_func`.
///
/// Fails with LINK if the name is taken, MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define_raw_func(
    linker: *mut updraft_linker_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    functype: *const updraft_functype_t,
    callback: updraft_raw_callback_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (module, name) = (text(module, module_len, "module")?, text(name, name_len, "name")?);
        let ty = object(functype, "functype")?.ty.clone();
        let env = Arc::new(HostData::new(env, finalizer));
        let callback = raw_host_callback(callback, env.clone(), &ty)?;
        object(linker, "linker")?.write()?.define_native(module, name, ty, callback)?;
        env.arm();
        Ok(())
    })
}

/// Defines all exports of an instance under a module. The linker keeps the instance alive.
///
/// Fails with LINK if a name is taken, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define_instance(
    linker: *mut updraft_linker_t,
    store: *mut updraft_store_t,
    module: *const c_char,
    module_len: usize,
    instance: updraft_instance_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = text(module, module_len, "module")?;
        let mut linker = object(linker, "linker")?.write()?;
        with_store(store, |store| Ok(linker.define_instance(store, module, Instance(Handle(instance)))?))
    })
}

/// Defines every import of a module that has no definition yet as a function that traps when it is called: for tests and
/// for hosts that provide a part only. Imports that are not functions stay undefined.
///
/// Fails with MISUSE and BUSY. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_define_unknown_imports_as_traps(
    linker: *mut updraft_linker_t,
    module: *const updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (linker, module) = (object(linker, "linker")?, object(module, "module")?);
        Ok(linker.write()?.define_unknown_imports_as_traps(&module.module)?)
    })
}

/// Writes to `item` what is defined under a module and a name: a handle owned by the caller (`updraft_store_release`).
///
/// Fails with NOT_FOUND, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_get(
    linker: *const updraft_linker_t,
    store: *mut updraft_store_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    item: *mut updraft_extern_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out(item, "item")?;
        let (module, name) = (text(module, module_len, "module")?, text(name, name_len, "name")?);
        let linker = object(linker, "linker")?.read()?;
        let found = with_store(store, |store| Ok(linker.get(store, module, name)?))?;
        let found = found.ok_or_else(|| Fail::not_found(format!("\"{module}\" \"{name}\" is not defined")))?;
        out.write(item_for_c(found));
        Ok(())
    })
}

/// Instantiates a module in a store with the definitions of the linker, and runs its start function.
///
/// Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with LINK (the message lists every import
/// that is missing or does not fit), TRAP (initial data do not fit, or the start function trapped), MISUSE, COMPILE, LIMIT,
/// SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_linker_instantiate(
    linker: *const updraft_linker_t,
    store: *mut updraft_store_t,
    module: *const updraft_module_t,
    out: *mut updraft_instance_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, module) = (super::out(out, "out")?, object(module, "module")?);
        let linker = object(linker, "linker")?.read()?;
        out.write(with_store(store, |store| Ok(linker.instantiate(store, &module.module)?))?.0.0);
        Ok(())
    })
}
