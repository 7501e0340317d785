//! Host functions: how WebAssembly calls the host.
//!
//! A host function is called through the trampoline of its type, which spills the arguments into cells and
//! calls [`call_host`]. References among the arguments become handles that are released when the callback
//! returns; whoever wants to keep one retains it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::cells::Scratch;
use super::float_env;
use super::func::{Func, FuncObject, FuncOwner};
use super::handle::Kind;
use super::instance::Instance;
use super::memory::Memory;
use super::store::{Handle, Store, StoreInner};
use super::value::Val;
use crate::abi::call::RawVal;
use crate::abi::vmctx::{CodeSlot, VmFuncRef, VmHeader, VmHostFunc};
use crate::compile::trampoline::TypeEntry;
use crate::error::{Error, Result};
use crate::sync::AtomicUsize;
use crate::trap::TrapCode;
use crate::types::FuncType;

/// A host function with checked values. `results` arrive zeroed, and must keep their types.
/// Its drop is the finalizer: it runs exactly once, on the thread that drops the last user.
pub type HostCallback = Arc<dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync>;

/// A host function on raw cells: arguments in, results out, in the same array of `raw_cells(type)` cells.
pub type RawHostCallback = Arc<dyn Fn(&mut Caller<'_>, *mut RawVal) -> Result<()> + Send + Sync>;

/// The two kinds of callbacks.
#[derive(Clone)]
pub(super) enum Callback {
    Checked(HostCallback),
    Raw(RawHostCallback),
}

/// A host function: what machine code sees, and what the runtime knows.
#[repr(C)]
pub(super) struct HostFunc {
    vm: VmHostFunc,
    callback: Callback,
    ty: TypeEntry,
}

/// What a host function may reach while it runs.
pub struct Caller<'a> {
    store: &'a mut StoreInner,
    instance: Option<u32>,
}

impl HostFunc {
    pub(super) fn create(store: &mut StoreInner, ty: FuncType, callback: Callback) -> Result<Func> {
        store.make_room(1);
        let ty = store.engine.register_type(&ty);
        let trampoline = store.engine.host_trampoline(&ty)?;
        let type_id = ty.id();
        let mut host = Box::new(HostFunc {
            vm: VmHostFunc {
                header: VmHeader {
                    store: store.vm(),
                    builtins: super::builtins::TABLE.as_ptr(),
                    // Tells host functions from instances: see `reclaim.rs`.
                    lazy_compile: 0,
                    stack_check: super::enter::stack_check as *const () as usize,
                    unwind: super::enter::unwind as *const () as usize,
                },
                call: call_host as *const () as usize,
                slot: CodeSlot(AtomicUsize::new(trampoline)),
                funcref: VmFuncRef { slot: std::ptr::null(), vmctx: std::ptr::null_mut(), type_id, handle: 0 },
                data: std::ptr::null_mut(),
            },
            callback,
            ty: ty.clone(),
        });
        let vm: *mut VmHostFunc = &mut host.vm;
        // SAFETY: `vm` points into the box, whose contents never move.
        let funcref = unsafe {
            (*vm).funcref.slot = &raw const (*vm).slot;
            (*vm).funcref.vmctx = vm.cast();
            (*vm).data = (&raw mut *host).cast();
            &raw mut (*vm).funcref
        };
        let index = store.funcs.insert(FuncObject { funcref, owner: FuncOwner::Host(host), ty, trampoline: 0 }, 1)?;
        // SAFETY: the box now lives in the store.
        unsafe { (*funcref).handle = index + 1 };
        Ok(Func(store.funcs.handle(index)))
    }
}

/// What trampolines of host functions call. 0 = results are in `values`; 1 = a trap is pending.
///
/// # Safety
/// Called by machine code only: `host` is a live host function of a running store, `caller` the vmctx of the
/// calling instance or null, `values` the cells of the function's type.
unsafe extern "C" fn call_host(host: *mut VmHostFunc, caller: *mut VmHeader, values: *mut RawVal) -> u32 {
    // SAFETY: the store is running on this thread, inside a call that does not use its `&mut` meanwhile.
    let store = unsafe { Store::from_vmctx(host.cast()) };
    // SAFETY: the host function is alive while it runs: the store reclaims nothing meanwhile.
    let func = unsafe { &*(*host).data.cast::<HostFunc>() };
    // SAFETY: a caller is an instance: host functions call nothing.
    let instance = (!caller.is_null()).then(|| unsafe { super::instance::owner_of(caller) });
    let pointer: *mut StoreInner = store;
    let activation = store.activation();
    // SAFETY: the activation through which WebAssembly runs.
    float_env::restore(unsafe { (*activation).float_env });
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `store` above is not used until the closure is done.
        let mut caller = Caller { store: unsafe { &mut *pointer }, instance };
        match &func.callback {
            Callback::Raw(callback) => callback(&mut caller, values),
            // SAFETY: `values` are the cells of the function's type.
            Callback::Checked(callback) => unsafe { call_checked(&mut caller, callback, func.ty.ty(), values) },
        }
    }));
    // SAFETY: as above. What the host function set is the host's from now on.
    unsafe { (*activation).float_env = float_env::enter() };
    let error = match outcome {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => error,
        Err(_) => Error::Bug { reason: "a host function panicked".into() },
    };
    // SAFETY: as above; the closure is done.
    let store = unsafe { &mut *pointer };
    store.pending = Some(store.as_trap(error));
    1
}

/// Values of a call that fit on the stack.
const STACK_VALUES: usize = 16;

/// # Safety
/// `cells` are the cells of a call of this type.
unsafe fn call_checked(
    caller: &mut Caller<'_>,
    callback: &HostCallback,
    ty: &FuncType,
    cells: *mut RawVal,
) -> Result<()> {
    let (params, result_types) = (ty.params(), ty.results());
    let mut scratch = Scratch::<Val, STACK_VALUES>::new();
    let values = scratch.fill(params.len() + result_types.len(), Val::I32(0));
    let (args, results) = values.split_at_mut(params.len());
    for (i, (arg, ty)) in args.iter_mut().zip(params).enumerate() {
        // SAFETY: the caller's contract.
        *arg = unsafe { caller.store.value_from_raw(*ty, &*cells.add(i)) }?;
    }
    for (result, ty) in results.iter_mut().zip(result_types) {
        *result = Val::default_of(*ty);
    }
    let outcome = callback(caller, args, results);
    // The borrowed handles end here, whatever the outcome.
    for arg in args.iter() {
        if let Val::FuncRef(Some(Func(handle))) | Val::ExternRef(Some(super::extern_ref::ExternRef(handle))) = arg {
            caller.store.release_quietly(*handle);
        }
    }
    outcome?;
    for (i, (result, ty)) in results.iter().zip(result_types).enumerate() {
        if result.ty() != *ty {
            return Err(Error::misuse(format!(
                "results[{i}]: the host function gave a {}, its type says {ty}",
                result.ty()
            )));
        }
        let raw = caller.store.to_raw(result)?;
        // SAFETY: the caller's contract.
        unsafe { *cells.add(i) = raw };
    }
    Ok(())
}

impl Caller<'_> {
    /// The store that is running.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_store()
    }

    /// The calling instance; None if the host called the function directly. The handle is borrowed: it is
    /// valid until the host function returns.
    pub fn instance(&self) -> Option<Instance> {
        self.instance.map(|index| Instance(self.store.instances.handle(index)))
    }

    /// The caller's memory: its export "memory", else its only memory. Borrowed, as above.
    pub fn memory(&mut self) -> Option<Memory> {
        let instance = self.store.instances.at(self.instance?);
        let index = instance.module.caller_memory()?;
        Some(Memory(self.store.memories.handle(instance.memories[index.index()])))
    }

    /// Whether a handle names something of this kind (for hosts that take handles from outside).
    pub fn kind(&mut self, handle: Handle) -> Result<Kind> {
        self.store().kind(handle)
    }
}

impl StoreInner {
    /// What a host function failed with, as the trap that unwinds: other errors travel inside a host trap.
    pub(super) fn as_trap(&mut self, error: Error) -> Error {
        let mut trap = match error {
            Error::Trap(trap) => trap,
            Error::Bug { .. } => return error,
            other => {
                let mut trap = crate::trap::Trap::new(TrapCode::Host);
                trap.message = other.to_string().into();
                trap.payload = Some(Box::new(other));
                Box::new(trap)
            }
        };
        if trap.frames.is_empty() {
            trap.frames = super::backtrace::capture(self, super::backtrace::Start::Exit);
        }
        Error::Trap(trap)
    }
}
