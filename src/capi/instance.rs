//! Instances of a store.

use std::ffi::c_char;

use super::error::{Fail, updraft_error_t};
use super::module::{ModuleValue, updraft_module_t};
use super::status::updraft_status_t;
use super::store::{live_of, updraft_instance_t, updraft_store_t, with_store};
use super::value::{item, item_for_c, updraft_extern_t};
use super::{array, enter, new_object, object, out, text};
use crate::runtime::instance::Instance;
use crate::runtime::store::Handle;

/// Instantiates a module with its imports given in order (`updraft_module_import`), and runs its start function.
///
/// `imports` holds `import_count` items, as many as the module imports; NULL if it imports nothing. Their handles
/// stay the caller's. Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with LINK (an import is
/// not what the module asks for), TRAP (initial data do not fit, or the start function trapped), MISUSE, COMPILE, LIMIT,
/// SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_instance_new(
    store: *mut updraft_store_t,
    module: *const updraft_module_t,
    imports: *const updraft_extern_t,
    import_count: usize,
    out: *mut updraft_instance_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, module) = (super::out(out, "out")?, object(module, "module")?);
        let wanted = module.module.module().imports().len();
        if import_count != wanted {
            return Err(Fail::misuse(format!("imports: {import_count} given, the module has {wanted}")));
        }
        let imports = array(imports, import_count, "imports")?;
        let imports = imports.iter().map(|import| item(import, "imports")).collect::<Result<Vec<_>, _>>()?;
        out.write(with_store(store, |store| Ok(Instance::new(store, &module.module, &imports)?))?.0.0);
        Ok(())
    })
}

/// Writes to `item` an export of an instance, by name: a handle owned by the caller (`updraft_store_release`).
///
/// Fails with NOT_FOUND, MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_instance_export(
    store: *mut updraft_store_t,
    instance: updraft_instance_t,
    name: *const c_char,
    name_len: usize,
    item: *mut updraft_extern_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (item, name) = (out(item, "item")?, text(name, name_len, "name")?);
        let found = with_store(store, |store| Ok(Instance(Handle(instance)).export(store, name)?))?;
        item.write(item_for_c(found.ok_or_else(|| Fail::not_found(format!("there is no export \"{name}\"")))?));
        Ok(())
    })
}

/// Writes to `item` the `index`-th export of an instance, in the order of `updraft_module_export`: a handle owned
/// by the caller (`updraft_store_release`).
///
/// Fails with OUT_OF_BOUNDS, MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_instance_export_at(
    store: *mut updraft_store_t,
    instance: updraft_instance_t,
    index: usize,
    item: *mut updraft_extern_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let item = out(item, "item")?;
        let found = with_store(store, |store| Ok(Instance(Handle(instance)).export_at(store, index)?))?;
        item.write(item_for_c(found.ok_or_else(|| Fail::out_of_bounds(format!("there is no export {index}")))?));
        Ok(())
    })
}

/// Writes to `module` the module of an instance: a new reference, owned by the caller (`updraft_module_delete`).
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_instance_module(
    store: *mut updraft_store_t,
    instance: updraft_instance_t,
    module: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = out(module, "module")?;
        let live = live_of(store)?;
        let found = with_store(store, |store| Ok(Instance(Handle(instance)).module(store)?))?;
        module.write(new_object(ModuleValue::new(found, &live)));
        Ok(())
    })
}
