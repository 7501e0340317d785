//! References: what they are, host info, identity, casts.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

use super::generated::references::{wasm_extern_t, wasm_ref_t};
use super::module::ModuleData;
use super::quiet;
use super::store::Shared;
use super::trap::TrapData;
use crate::capi::error::Fail;
use crate::capi::{Counted, HostData, clone_object, enter_total, new_object, object};
use crate::runtime::extern_ref::ExternRef;
use crate::runtime::func::Func;
use crate::runtime::global::Global;
use crate::runtime::instance::Instance;
use crate::runtime::memory::Memory;
use crate::runtime::store::{Handle, Kind, Store};
use crate::runtime::table::Table;
use crate::runtime::value::Extern;

/// Kind word of every reference.
pub(super) const REF_KIND: u32 = 0x6665_5277;

/// What a reference holds.
pub(in crate::capi) struct RefValue {
    pub(in crate::capi) store: Arc<Shared>,
    pub(in crate::capi) what: What,
}

/// The object behind a reference.
pub(in crate::capi) enum What {
    Func(Func),
    Global(Global),
    Table(Table),
    Memory(Memory),
    Instance(Instance),
    /// Made by `wasm_foreign_new`, or by the native interface.
    Foreign(ExternRef),
    Module(ModuleData, Info),
    Trap(TrapData, Info),
}

/// Host info of an object that no store owns.
#[derive(Default)]
pub(in crate::capi) struct Info(Mutex<Option<HostData>>);

/// What a cast asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Ref,
    Extern,
    Func,
    Global,
    Table,
    Memory,
    Instance,
    Foreign,
    Module,
    Trap,
}

impl What {
    fn group(&self) -> Group {
        match self {
            What::Func(_) => Group::Func,
            What::Global(_) => Group::Global,
            What::Table(_) => Group::Table,
            What::Memory(_) => Group::Memory,
            What::Instance(_) => Group::Instance,
            What::Foreign(_) => Group::Foreign,
            What::Module(..) => Group::Module,
            What::Trap(..) => Group::Trap,
        }
    }

    /// The handle of what a store owns.
    pub(in crate::capi) fn handle(&self) -> Option<Handle> {
        match self {
            What::Func(func) => Some(func.0),
            What::Global(global) => Some(global.0),
            What::Table(table) => Some(table.0),
            What::Memory(memory) => Some(memory.0),
            What::Instance(instance) => Some(instance.0),
            What::Foreign(foreign) => Some(foreign.0),
            What::Module(..) | What::Trap(..) => None,
        }
    }
}

impl Drop for RefValue {
    fn drop(&mut self) {
        if let Some(handle) = self.what.handle() {
            self.store.release(handle);
        }
    }
}

/// A reference for C. A handle in `what` is taken over.
pub(super) fn new_ref<C: Counted<Value = RefValue>>(store: &Arc<Shared>, what: What) -> *mut C {
    new_object(RefValue { store: store.clone(), what })
}

/// The reference to what can be exported. Takes the handle over.
pub(super) fn new_extern(store: &Arc<Shared>, item: Extern) -> *mut wasm_extern_t {
    new_ref(
        store,
        match item {
            Extern::Func(func) => What::Func(func),
            Extern::Table(table) => What::Table(table),
            Extern::Memory(memory) => What::Memory(memory),
            Extern::Global(global) => What::Global(global),
        },
    )
}

/// The reference for a handle of a store, which stays its owner's.
pub(in crate::capi) fn from_handle(
    store: &mut Store,
    shared: &Arc<Shared>,
    handle: Handle,
) -> Result<*mut wasm_ref_t, Fail> {
    let kind = store.kind(handle)?;
    store.retain(handle)?;
    Ok(new_ref(
        shared,
        match kind {
            Kind::Func => What::Func(Func(handle)),
            Kind::Table => What::Table(Table(handle)),
            Kind::Memory => What::Memory(Memory(handle)),
            Kind::Global => What::Global(Global(handle)),
            Kind::Instance => What::Instance(Instance(handle)),
            Kind::ExternRef => return from_external(store, shared, ExternRef(handle)),
        },
    ))
}

/// The reference behind a pointer.
pub(in crate::capi) fn reference<'a, C: Counted<Value = RefValue>>(
    pointer: *const C,
    name: &'static str,
) -> Result<&'a RefValue, Fail> {
    object(pointer, name)
}

/// What can be imported, behind a reference of a store.
pub(super) fn item(reference: &RefValue, store: &Arc<Shared>) -> Result<Extern, Fail> {
    if !Arc::ptr_eq(&reference.store, store) {
        return Err(Fail::misuse("an import belongs to another store"));
    }
    match reference.what {
        What::Func(func) => Ok(Extern::Func(func)),
        What::Global(global) => Ok(Extern::Global(global)),
        What::Table(table) => Ok(Extern::Table(table)),
        What::Memory(memory) => Ok(Extern::Memory(memory)),
        _ => Err(Fail::misuse("an import is no function, global, table or memory")),
    }
}

/// `wasm_X_copy`.
pub(super) fn copy<C: Counted>(pointer: *const C) -> *mut C {
    quiet(null_mut(), || clone_object(pointer, "object"))
}

/// A cast: the same pointer under another name, or NULL if it does not lead to an object of that kind.
pub(super) fn view<From, To>(pointer: *const From, group: Group) -> *mut To
where
    From: Counted<Value = RefValue>,
    To: Counted<Value = RefValue>,
{
    quiet(null_mut(), || {
        let is = reference(pointer, "object")?.what.group();
        let external = matches!(is, Group::Func | Group::Global | Group::Table | Group::Memory);
        let fits = group == is || group == Group::Ref || (group == Group::Extern && external);
        Ok(if fits { pointer.cast_mut().cast() } else { null_mut() })
    })
}

/// `wasm_X_same`.
pub(super) fn same<C: Counted<Value = RefValue>>(a: *const C, b: *const C) -> bool {
    quiet(false, || {
        let (left, right) = (reference(a, "a")?, reference(b, "b")?);
        Ok(std::ptr::eq(a, b)
            || (Arc::ptr_eq(&left.store, &right.store)
                && left.what.handle().is_some()
                && left.what.handle() == right.what.handle()))
    })
}

/// `wasm_X_get_host_info`.
pub(super) fn host_info<C: Counted<Value = RefValue>>(pointer: *const C) -> *mut c_void {
    quiet(null_mut(), || {
        let value = reference(pointer, "object")?;
        let Some(handle) = value.what.handle() else {
            return Ok(value.what.info().map_or(null_mut(), Info::get));
        };
        value.store.enter(|store| {
            let info = store.host_info(handle)?.and_then(|info| info.downcast_ref::<HostData>());
            Ok(info.map_or(null_mut(), HostData::pointer))
        })
    })
}

/// `wasm_X_set_host_info` and `wasm_X_set_host_info_with_finalizer`.
pub(super) fn set_host_info<C: Counted<Value = RefValue>>(
    pointer: *mut C,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    enter_total((), || {
        let info = HostData::new(info, finalizer);
        info.arm();
        // Without an object, its finalizer runs now.
        let Ok(value) = reference(pointer.cast_const(), "object") else { return };
        // What was there before is dropped here, outside of the store, so that its finalizer finds the store free.
        match value.what.handle() {
            None => drop(value.what.info().and_then(|place| place.replace(info))),
            Some(handle) => drop(value.store.enter(move |store| attach(store, handle, info))),
        }
    });
}

fn attach(store: &mut Store, handle: Handle, info: HostData) -> Result<Option<Box<HostData>>, Fail> {
    let old = store.set_host_info(handle, Box::new(info))?;
    Ok(old.and_then(|old| old.downcast::<HostData>().ok()))
}

impl What {
    fn info(&self) -> Option<&Info> {
        match self {
            What::Module(_, info) | What::Trap(_, info) => Some(info),
            _ => None,
        }
    }
}

impl Info {
    fn get(&self) -> *mut c_void {
        let info = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        info.as_ref().map_or(null_mut(), HostData::pointer)
    }

    fn replace(&self, info: HostData) -> Option<HostData> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(info)
    }
}

/// A reference that WebAssembly holds as an external reference, though it is of another kind than foreign.
struct Held(*mut wasm_ref_t);

// SAFETY: the pointer owns a reference, which may be given up on any thread.
unsafe impl Send for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        crate::capi::delete(self.0);
    }
}

/// A reference as WebAssembly's external reference, and whether a handle was made for it.
pub(super) fn to_external(store: &mut Store, pointer: *const wasm_ref_t) -> Result<(ExternRef, Option<Handle>), Fail> {
    if let What::Foreign(foreign) = reference(pointer, "value")?.what {
        return Ok((foreign, None));
    }
    let held = Held(clone_object(pointer, "value")?);
    let external = ExternRef::new(store, Box::new(held))?;
    Ok((external, Some(external.0)))
}

/// WebAssembly's external reference as a reference for C. Takes the handle over.
pub(super) fn from_external(
    store: &mut Store,
    shared: &Arc<Shared>,
    external: ExternRef,
) -> Result<*mut wasm_ref_t, Fail> {
    if let Some(held) = external.object(store)?.downcast_ref::<Held>() {
        let pointer = clone_object(held.0.cast_const(), "value")?;
        store.release(external.0)?;
        return Ok(pointer);
    }
    Ok(new_ref(shared, What::Foreign(external)))
}
