//! The functions of wasm.h, called as C calls them, behind owners that delete what they own.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use updraft::capi::bridge::updraft_wasm_config_wrap;
use updraft::capi::config::{updraft_config_delete, updraft_config_new, updraft_config_set_feature};
use updraft::capi::standard::config::{wasm_engine_delete, wasm_engine_new_with_config, wasm_engine_t};
use updraft::capi::standard::external::{wasm_extern_kind, wasm_foreign_new};
use updraft::capi::standard::func::{wasm_func_call, wasm_func_new, wasm_func_type};
use updraft::capi::standard::generated::casts::*;
use updraft::capi::standard::generated::references::*;
use updraft::capi::standard::generated::types::*;
use updraft::capi::standard::generated::vectors::*;
use updraft::capi::standard::global::{wasm_global_get, wasm_global_new};
use updraft::capi::standard::instance::{wasm_instance_exports, wasm_instance_new};
use updraft::capi::standard::memory::wasm_memory_new;
use updraft::capi::standard::module::{
    wasm_module_exports, wasm_module_imports, wasm_module_new, wasm_module_validate,
};
use updraft::capi::standard::store::{wasm_store_delete, wasm_store_new, wasm_store_t};
use updraft::capi::standard::table::wasm_table_new;
use updraft::capi::standard::trap::wasm_trap_message;
use updraft::capi::standard::types::*;
use updraft::capi::standard::values::{wasm_val_t, wasm_val_union_t};
use updraft::module::Features;

/// Calls a function of wasm.h.
macro_rules! c {
    ($call:expr) => {{
        // SAFETY: pointers to objects that live, and to places for results of their types.
        unsafe { $call }
    }};
}
pub(crate) use c;

/// Numbers of `wasm_valkind_enum` and `wasm_externkind_enum`.
pub const I32: u8 = 0;
pub const I64: u8 = 1;
pub const F32: u8 = 2;
pub const F64: u8 = 3;
pub const EXTERNREF: u8 = 128;
pub const FUNCREF: u8 = 129;
pub const EXTERN_FUNC: u8 = 0;
pub const EXTERN_GLOBAL: u8 = 1;

/// An owner of an object of C.
macro_rules! owners {
    ($($name:ident: $object:ident, $delete:ident;)*) => { $(
        pub struct $name(pub *mut $object);

        impl Drop for $name {
            fn drop(&mut self) {
                c!($delete(self.0));
            }
        }

        impl $name {
            /// None for NULL.
            pub fn new(pointer: *mut $object) -> Option<$name> {
                (!pointer.is_null()).then_some($name(pointer))
            }
        }
    )* };
}
owners! {
    Engine: wasm_engine_t, wasm_engine_delete;
    Store: wasm_store_t, wasm_store_delete;
    Module: wasm_module_t, wasm_module_delete;
    Instance: wasm_instance_t, wasm_instance_delete;
    Trap: wasm_trap_t, wasm_trap_delete;
    Extern: wasm_extern_t, wasm_extern_delete;
    FuncType: wasm_functype_t, wasm_functype_delete;
}

/// What is imported or exported.
pub struct Item {
    /// Empty for exports.
    pub module: String,
    pub name: String,
}

// SAFETY: an engine may be used by any thread.
unsafe impl Sync for Engine {}
// SAFETY: as above.
unsafe impl Send for Engine {}

impl Engine {
    /// The standard has no settings: they come from the native interface.
    pub fn with_features(features: Features) -> Engine {
        let mut config = null_mut();
        let mut standard = null_mut();
        c!(assert_eq!(updraft_config_new(&raw mut config, null_mut()), 0));
        for (bit, ..) in Features::LIST {
            let number = bit.0.trailing_zeros();
            let on = u32::from(features.contains(*bit));
            c!(assert_eq!(updraft_config_set_feature(config, number, on, null_mut()), 0));
        }
        c!(assert_eq!(updraft_wasm_config_wrap(config, &raw mut standard, null_mut()), 0));
        c!(updraft_config_delete(config));
        Engine::new(c!(wasm_engine_new_with_config(standard))).expect("an engine")
    }
}

fn bytes(bytes: &[u8]) -> wasm_byte_vec_t {
    wasm_byte_vec_t { size: bytes.len(), data: bytes.as_ptr().cast_mut().cast() }
}

/// The text of a vector that somebody else owns.
fn text(name: &wasm_name_t) -> String {
    if name.size == 0 {
        return String::new();
    }
    // SAFETY: a vector of the library: `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(name.data.cast::<u8>(), name.size) };
    String::from_utf8(bytes.to_vec()).expect("names are UTF-8")
}

/// The elements of a vector of pointers that the library made.
fn pointers<T>(size: usize, data: *mut *mut T) -> &'static [*mut T] {
    if size == 0 {
        return &[];
    }
    // SAFETY: a vector of the library: `size` pointers; used before the vector is deleted.
    unsafe { std::slice::from_raw_parts(data, size) }
}

impl Store {
    pub fn of(engine: &Engine) -> Store {
        Store::new(c!(wasm_store_new(engine.0))).expect("a store")
    }

    pub fn validate(&self, binary: &[u8]) -> bool {
        c!(wasm_module_validate(self.0, &bytes(binary)))
    }

    pub fn compile(&self, binary: &[u8]) -> Option<Module> {
        Module::new(c!(wasm_module_new(self.0, &bytes(binary))))
    }

    /// Instantiates; the message of the trap if that fails.
    pub fn instantiate(&self, module: &Module, imports: &[*mut wasm_extern_t]) -> Result<Instance, String> {
        let imports = wasm_extern_vec_t { size: imports.len(), data: imports.as_ptr().cast_mut() };
        let mut trap = null_mut();
        let instance = c!(wasm_instance_new(self.0, module.0, &imports, &mut trap));
        match (Instance::new(instance), Trap::new(trap)) {
            (Some(instance), None) => Ok(instance),
            (None, Some(trap)) => Err(trap.message()),
            _ => panic!("neither an instance nor a trap, or both"),
        }
    }

    /// A reference to a foreign object, which knows this number. Owned by the caller.
    pub fn foreign(&self, number: u32) -> *mut wasm_ref_t {
        let foreign = c!(wasm_foreign_new(self.0));
        let info = std::ptr::without_provenance_mut::<c_void>(number as usize);
        c!(wasm_foreign_set_host_info(foreign, info));
        c!(wasm_foreign_as_ref(foreign))
    }

    /// A function that takes values of these kinds and does nothing.
    pub fn print(&self, params: &[u8]) -> Extern {
        extern "C" fn nothing(_: *const wasm_val_vec_t, _: *mut wasm_val_vec_t) -> *mut wasm_trap_t {
            null_mut()
        }
        let params: Vec<*mut wasm_valtype_t> = params.iter().map(|kind| c!(wasm_valtype_new(*kind))).collect();
        let mut list = wasm_valtype_vec_t { size: 0, data: null_mut() };
        c!(wasm_valtype_vec_new(&mut list, params.len(), params.as_ptr()));
        let ty = FuncType::new(c!(wasm_functype_new(&mut list, null_mut()))).expect("a type");
        Extern::new(c!(wasm_func_as_extern(wasm_func_new(self.0, ty.0, Some(nothing))))).expect("a function")
    }

    /// A global that cannot be set.
    pub fn global(&self, value: wasm_val_t) -> Extern {
        let ty = c!(wasm_globaltype_new(wasm_valtype_new(value.kind), 0));
        let global = c!(wasm_global_as_extern(wasm_global_new(self.0, ty, &value)));
        c!(wasm_globaltype_delete(ty));
        Extern::new(global).expect("a global")
    }

    /// A table of functions.
    pub fn table(&self, min: u32, max: u32) -> Extern {
        let ty = c!(wasm_tabletype_new(wasm_valtype_new(FUNCREF), &wasm_limits_t { min, max }));
        let table = c!(wasm_table_as_extern(wasm_table_new(self.0, ty, null_mut())));
        c!(wasm_tabletype_delete(ty));
        Extern::new(table).expect("a table")
    }

    pub fn memory(&self, min: u32, max: u32) -> Extern {
        let ty = c!(wasm_memorytype_new(&wasm_limits_t { min, max }));
        let memory = c!(wasm_memory_as_extern(wasm_memory_new(self.0, ty)));
        c!(wasm_memorytype_delete(ty));
        Extern::new(memory).expect("a memory")
    }
}

impl Trap {
    pub fn message(&self) -> String {
        let mut message = wasm_byte_vec_t { size: 0, data: null_mut() };
        c!(wasm_trap_message(self.0, &mut message));
        let text = text(&message);
        c!(wasm_byte_vec_delete(&mut message));
        text.strip_suffix('\0').expect("a NUL at the end").to_owned()
    }
}

impl Module {
    pub fn imports(&self) -> Vec<Item> {
        let mut list = wasm_importtype_vec_t { size: 0, data: null_mut() };
        c!(wasm_module_imports(self.0, &mut list));
        let item = |import: &*mut wasm_importtype_t| {
            c!(Item { module: text(&*wasm_importtype_module(*import)), name: text(&*wasm_importtype_name(*import)) })
        };
        let items = pointers(list.size, list.data).iter().map(item).collect();
        c!(wasm_importtype_vec_delete(&mut list));
        items
    }

    pub fn exports(&self) -> Vec<Item> {
        let mut list = wasm_exporttype_vec_t { size: 0, data: null_mut() };
        c!(wasm_module_exports(self.0, &mut list));
        let item = |export: &*mut wasm_exporttype_t| {
            c!(Item { module: String::new(), name: text(&*wasm_exporttype_name(*export)) })
        };
        let items = pointers(list.size, list.data).iter().map(item).collect();
        c!(wasm_exporttype_vec_delete(&mut list));
        items
    }
}

impl Instance {
    pub fn exports(&self) -> Vec<Extern> {
        let mut list = wasm_extern_vec_t { size: 0, data: null_mut() };
        c!(wasm_instance_exports(self.0, &mut list));
        let item = |export: &*mut wasm_extern_t| Extern::new(c!(wasm_extern_copy(*export))).expect("an export");
        let items = pointers(list.size, list.data).iter().map(item).collect();
        c!(wasm_extern_vec_delete(&mut list));
        items
    }
}

impl Extern {
    pub fn copy(&self) -> Extern {
        Extern::new(c!(wasm_extern_copy(self.0))).expect("a copy")
    }

    pub fn kind(&self) -> u8 {
        c!(wasm_extern_kind(self.0))
    }

    /// Kinds of the parameters and results of a function.
    pub fn signature(&self) -> (Vec<u8>, Vec<u8>) {
        let ty = FuncType::new(c!(wasm_func_type(wasm_extern_as_func(self.0)))).expect("a type");
        let kinds = |list: *const wasm_valtype_vec_t| {
            // SAFETY: a vector that lives as long as the type.
            let (size, data) = unsafe { ((*list).size, (*list).data) };
            pointers(size, data).iter().map(|ty| c!(wasm_valtype_kind(*ty))).collect()
        };
        (kinds(c!(wasm_functype_params(ty.0))), kinds(c!(wasm_functype_results(ty.0))))
    }

    /// Calls a function; the message of the trap if it traps. `args` are deleted.
    pub fn call(&self, mut args: Vec<wasm_val_t>, result_count: usize) -> Result<Vec<wasm_val_t>, String> {
        // What is in the places of results must not matter.
        let garbage = wasm_val_t { kind: 0x55, of: wasm_val_union_t { i64: 0x5555_5555_5555_5555 } };
        let mut results = vec![garbage; result_count];
        let arg_vec = wasm_val_vec_t { size: args.len(), data: args.as_mut_ptr() };
        let mut result_vec = wasm_val_vec_t { size: results.len(), data: results.as_mut_ptr() };
        let func = c!(wasm_extern_as_func(self.0));
        assert!(!func.is_null());
        let trap = c!(wasm_func_call(func, if args.is_empty() { null() } else { &arg_vec }, &mut result_vec));
        delete(args);
        match Trap::new(trap) {
            Some(trap) => Err(trap.message()),
            None => Ok(results),
        }
    }

    /// The value of a global.
    pub fn value(&self) -> wasm_val_t {
        let mut value = wasm_val_t { kind: 0, of: wasm_val_union_t { i64: 0 } };
        c!(wasm_global_get(wasm_extern_as_global(self.0), &mut value));
        value
    }
}

/// Deletes values.
pub fn delete(values: Vec<wasm_val_t>) {
    for mut value in values {
        c!(updraft::capi::standard::values::wasm_val_delete(&mut value));
    }
}
