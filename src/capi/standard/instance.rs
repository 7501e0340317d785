//! Instances.

use std::ptr::null_mut;
use std::sync::Arc;

use super::generated::references::{wasm_extern_t, wasm_instance_t, wasm_module_t, wasm_trap_t};
use super::generated::vectors::wasm_extern_vec_t;
use super::module::module;
use super::object::{What, item, new_extern, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::trap::new_trap;
use super::vectors::{elements, give};
use crate::capi::enter_total;
use crate::capi::error::Fail;
use crate::engine::CompiledModule;
use crate::runtime::instance::Instance;
use crate::runtime::store::Store;

/// Instantiates a module, and runs its start function.
///
/// `imports` are borrowed, exactly as many as the module imports, in order; NULL is an empty vector. Returns the instance,
/// owned by the caller, and writes NULL to `trap`, unless that is NULL; or returns NULL and writes a trap there, owned
/// by the caller, whatever went wrong: its message says what. NULL as the store leaves nothing to make a trap of.
/// An instance whose start function trapped lives on as far as it is reachable through its imports.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_new(
    store: *mut wasm_store_t,
    module: *const wasm_module_t,
    imports: *const wasm_extern_vec_t,
    trap: *mut *mut wasm_trap_t,
) -> *mut wasm_instance_t {
    let (instance, failure) = quiet((null_mut(), null_mut()), || {
        let shared = shared(store)?;
        let outcome = shared.enter(|store| {
            let outcome =
                self::module(module).and_then(|module| instantiate(store, &shared, module, elements(imports)));
            Ok(outcome.map_err(|fail| new_trap(&shared, Some(store), fail)))
        });
        Ok(match outcome {
            Ok(Ok(instance)) => (new_ref(&shared, What::Instance(instance)), null_mut()),
            Ok(Err(trap)) => (null_mut(), trap),
            Err(fail) => (null_mut(), new_trap(&shared, None, fail)),
        })
    });
    if trap.is_null() {
        crate::capi::delete(failure);
    } else {
        // SAFETY: the C contract: a place for a result is writable.
        unsafe { trap.write(failure) };
    }
    instance
}

fn instantiate(
    store: &mut Store,
    shared: &Arc<Shared>,
    module: &CompiledModule,
    imports: &[*mut wasm_extern_t],
) -> Result<Instance, Fail> {
    let imports = imports.iter().map(|import| item(reference(import.cast_const(), "an import")?, shared));
    let imports = imports.collect::<Result<Vec<_>, _>>()?;
    // A clone, since the start function may reach a host function that deletes the module.
    Ok(Instance::new(store, &module.clone(), &imports)?)
}

/// Writes to `out` what an instance exports, in the order of `wasm_module_exports`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_instance_exports(instance: *const wasm_instance_t, out: *mut wasm_extern_vec_t) {
    enter_total((), || give(out, exports(instance).unwrap_or_default()));
}

fn exports(pointer: *const wasm_instance_t) -> Result<Vec<*mut wasm_extern_t>, Fail> {
    let value = reference(pointer, "instance")?;
    let What::Instance(instance) = value.what else {
        return Err(Fail::misuse("instance is a reference of another kind"));
    };
    value.store.enter(|store| {
        let mut exports = Vec::new();
        while let Some(export) = instance.export_at(store, exports.len())? {
            exports.push(new_extern(&value.store, export));
        }
        Ok(exports)
    })
}
