//! Host functions: how WebAssembly calls the host.
//!
//! A host function is called through the trampoline of its type, which spills the arguments into cells. It is compiled when
//! the first function of the type is called: most that are imported never are. Three ways lead on from there:
//!
//! - Rust: the trampoline calls [`call_host`], which runs the closure.
//! - C on raw cells ([`NativeCall::Raw`]): the trampoline calls the C function itself.
//! - C on checked values ([`NativeCall::Routine`]): the trampoline calls a routine that turns cells into C's values.
//!
//! Either C way has a closure as well, which does the same with all that is rare: a floating-point environment that has to
//! be switched, references. References among the arguments become handles that are released when the callback
//! returns; whoever wants to keep one retains it.
//!
//! A host function leaves the floating-point environment as it found it, as every C function must.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use super::cells::Scratch;
use super::func::{Floats, Func, FuncObject, FuncOwner};
use super::handle::Kind;
use super::instance::Instance;
use super::memory::Memory;
use super::store::{Handle, Store, StoreInner};
use super::value::Val;
use crate::abi::call::RawVal;
use crate::abi::vmctx::{CALLER_KIND, CodeSlot, VmCaller, VmFuncRef, VmHeader, VmHostFunc};
use crate::compile::trampoline::{HostKind, TypeEntry};
use crate::error::{Error, Result};
use crate::sync::{AtomicUsize, Ordering};
use crate::sys::float_env;
use crate::trap::TrapCode;
use crate::types::FuncType;

/// A host function with checked values. `results` arrive zeroed, and must keep their types.
/// Its drop is the finalizer: it runs exactly once, on the thread that drops the last user.
pub type HostCallback = Arc<dyn Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync>;

/// A host function on raw cells: arguments in, results out, in the same array of `raw_cells(type)` cells.
pub type RawHostCallback = Arc<dyn Fn(&mut Caller<'_>, *mut RawVal) -> Result<()> + Send + Sync>;

/// What a host function runs.
#[derive(Clone)]
pub(crate) enum Callback {
    /// Rust, with checked values.
    Checked(HostCallback),
    /// Rust, with cells.
    Raw(RawHostCallback),
    /// C.
    Native(Native),
}

/// A C function.
#[derive(Clone)]
pub(crate) struct Native {
    /// What the trampoline calls.
    pub(crate) call: NativeCall,
    /// The pointer that goes with it: the C function's own, or the routine's. Valid as long as `closure`.
    pub(crate) env: *mut c_void,
    /// The same function for what is rare: a `Checked` or `Raw`. Owns what the function needs.
    pub(crate) closure: Box<Callback>,
}

// SAFETY: `env` is a pointer of the host's, whose function says on which threads it is used, or leads into `closure`,
// which is Send and Sync.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

/// A C function on raw cells.
pub(crate) type NativeRaw = unsafe extern "C" fn(*mut c_void, *mut VmCaller, *mut RawVal, usize) -> *mut c_void;

/// How a C function is called.
#[derive(Clone, Copy)]
pub(crate) enum NativeCall {
    /// By the trampoline itself.
    Raw {
        /// Gets `env`, caller, cells and their number; returns null or an error.
        callback: NativeRaw,
        /// Takes such an error over, and leaves ours in the store.
        failed: unsafe extern "C" fn(host: *mut VmHostFunc, error: *mut c_void),
    },
    /// By a routine; see `VmHostFunc::call`.
    Routine(unsafe extern "C" fn(*mut VmHostFunc, *mut VmHeader, *mut RawVal) -> u32),
}

/// A host function: what machine code sees, and what the runtime knows.
#[repr(C)]
pub(super) struct HostFunc {
    vm: VmHostFunc,
    callback: Callback,
    ty: TypeEntry,
    kind: HostKind,
}

/// What a host function may reach while it runs.
pub struct Caller<'a> {
    /// Not a reference: while C runs in a host function, nested calls use the store.
    store: NonNull<StoreInner>,
    host: *mut VmHostFunc,
    /// The vmctx of the calling instance, or null.
    instance: *mut VmHeader,
    borrow: PhantomData<&'a mut StoreInner>,
}

impl HostFunc {
    pub(super) fn create(store: &mut StoreInner, ty: FuncType, callback: Callback) -> Result<Func> {
        store.make_room(1);
        let ty = store.engine.register_type(&ty);
        let runtime = call_host as *const () as usize;
        let (kind, call, raw, failed, env) = match &callback {
            Callback::Native(Native { call, env, .. }) => match *call {
                NativeCall::Routine(routine) => (HostKind::Runtime, routine as usize, 0, 0, *env),
                NativeCall::Raw { callback, failed } => {
                    (HostKind::RawC, runtime, callback as usize, failed as usize, *env)
                }
            },
            _ => (HostKind::Runtime, runtime, 0, 0, std::ptr::null_mut()),
        };
        let trampoline = store.engine.known_host_trampoline(&ty, kind);
        let first = trampoline.unwrap_or(super::enter::lazy_host as *const () as usize);
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
                call,
                callback: raw,
                env: env.cast(),
                failed,
                slot: CodeSlot(AtomicUsize::new(first)),
                funcref: VmFuncRef { slot: std::ptr::null(), vmctx: std::ptr::null_mut(), type_id, handle: 0 },
                data: std::ptr::null_mut(),
            },
            callback,
            ty: ty.clone(),
            kind,
        });
        let vm: *mut VmHostFunc = &mut host.vm;
        // SAFETY: `vm` points into the box, whose contents never move.
        let funcref = unsafe {
            (*vm).funcref.slot = &raw const (*vm).slot;
            (*vm).funcref.vmctx = vm.cast();
            (*vm).data = (&raw mut *host).cast();
            &raw mut (*vm).funcref
        };
        let index = store.funcs.insert(
            FuncObject { funcref, owner: FuncOwner::Host(host), ty, trampoline: 0, floats: Floats::Possible },
            1,
        )?;
        // SAFETY: the box now lives in the store.
        unsafe { (*funcref).handle = index + 1 };
        Ok(Func(store.funcs.handle(index)))
    }

    /// The trampoline, which the slot holds from now on.
    ///
    /// # Safety
    /// The function is one of a store that is running on this thread.
    pub(super) unsafe fn trampoline(vm: *mut VmHostFunc) -> Result<usize> {
        // SAFETY: by contract it is alive, and `data` leads to what the runtime knows of it.
        let (store, func) = unsafe { (Store::from_vmctx(vm.cast()), &*(*vm).data.cast::<HostFunc>()) };
        let entry = store.engine.host_trampoline(&func.ty, func.kind)?;
        // Release: pairs with the Acquire in `enter_function`; machine code is on this thread.
        func.vm.slot.0.store(entry, Ordering::Release);
        Ok(entry)
    }
}

/// What trampolines of host functions call. 0 = results are in `values`; 1 = a trap is pending.
///
/// # Safety
/// Called by machine code, or by a routine of [`NativeCall::Routine`] with its own arguments: `host` is a live host function
/// of a running store, `caller` the vmctx of the calling instance or null, `values` the cells of the function's type.
pub(crate) unsafe extern "C" fn call_host(host: *mut VmHostFunc, caller: *mut VmHeader, values: *mut RawVal) -> u32 {
    // SAFETY: the store is running on this thread, inside a call that does not use its `&mut` meanwhile.
    let mut caller = unsafe { Caller::new(host, caller) };
    // SAFETY: the host function is alive while it runs: the store reclaims nothing meanwhile.
    let func = unsafe { &*(*host).data.cast::<HostFunc>() };
    // SAFETY: a store's machine-visible part lives as long as the store.
    let float_env = unsafe { (*(*host).header.store).float_env };
    float_env::restore(float_env);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let callback = match &func.callback {
            Callback::Native(native) => &*native.closure,
            callback => callback,
        };
        match callback {
            Callback::Raw(callback) => callback(&mut caller, values),
            // SAFETY: `values` are the cells of the function's type.
            Callback::Checked(callback) => unsafe { call_checked(&mut caller, callback, func.ty.ty(), values) },
            Callback::Native(_) => unreachable!("the closure of a C function is one"),
        }
    }));
    if float_env != 0 {
        float_env::set_default();
    }
    let error = match outcome {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => error,
        Err(_) => Error::Bug { reason: "a host function panicked".into() },
    };
    caller.inner().raise(error);
    1
}

/// What the embedder calls the store of a running host function.
///
/// # Safety
/// As for [`Caller::from_vm`], but any thread may ask.
pub(crate) unsafe fn embedder_of(vm: &VmCaller) -> *const () {
    // SAFETY: the caller's contract; set when the store was made.
    unsafe { (*(*(*vm.host).header.store).store.cast::<StoreInner>()).embedder }
}

/// Leaves the error of a host function in its store, as the trap that unwinds.
///
/// # Safety
/// `host` is a live host function that is running on this thread, and the store is not borrowed.
pub(crate) unsafe fn raise(host: *mut VmHostFunc, error: impl FnOnce() -> Error) {
    // SAFETY: the caller's contract.
    let mut caller = unsafe { Caller::new(host, std::ptr::null_mut()) };
    let _ = catch_unwind(AssertUnwindSafe(|| caller.inner().raise(error())));
    let inner = caller.inner();
    if inner.pending.is_none() {
        inner.pending = Some(Error::Bug { reason: "an error of a host function panicked".into() });
    }
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
        *arg = unsafe { caller.inner().value_from_raw(*ty, &*cells.add(i)) }?;
    }
    for (result, ty) in results.iter_mut().zip(result_types) {
        *result = Val::default_of(*ty);
    }
    let outcome = callback(caller, args, results);
    // The borrowed handles end here, whatever the outcome.
    for arg in args.iter() {
        if let Val::FuncRef(Some(Func(handle))) | Val::ExternRef(Some(super::extern_ref::ExternRef(handle))) = arg {
            caller.inner().release_quietly(*handle);
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
        let raw = caller.inner().to_raw(result)?;
        // SAFETY: the caller's contract.
        unsafe { *cells.add(i) = raw };
    }
    Ok(())
}

impl Caller<'_> {
    /// # Safety
    /// - `host` is a live host function of a store that is running on this thread; `instance` a live instance of it, or null.
    /// - Until the result is gone, nobody else uses the store but between two uses of the result.
    #[inline(always)]
    pub(crate) unsafe fn new<'a>(host: *mut VmHostFunc, instance: *mut VmHeader) -> Caller<'a> {
        // SAFETY: the caller's contract.
        let store = unsafe { NonNull::new_unchecked((*(*host).header.store).store.cast()) };
        Caller { store, host, instance, borrow: PhantomData }
    }

    /// The caller behind the pointer that C got.
    ///
    /// # Safety
    /// As for `new`; `vm` is what [`Caller::open`] or a trampoline made, and its host function is running.
    pub(crate) unsafe fn from_vm<'a>(vm: &VmCaller) -> Caller<'a> {
        // SAFETY: the caller's contract.
        unsafe { Caller::new(vm.host, vm.instance) }
    }

    fn inner(&mut self) -> &mut StoreInner {
        // SAFETY: the contract of `new`.
        unsafe { self.store.as_mut() }
    }

    /// Whether WebAssembly runs in the host's floating-point environment, so that nothing has to be switched.
    #[inline(always)]
    pub(crate) fn shares_float_env(&self) -> bool {
        // SAFETY: the store outlives the call that runs.
        unsafe { (*(*self.host).header.store).float_env == 0 }
    }

    /// Lets C run: the store may be entered again until `body` returns, through the caller that `body` gets.
    #[inline(always)]
    pub(crate) fn open<R>(&mut self, body: impl FnOnce(*mut VmCaller) -> R) -> R {
        let mut vm = VmCaller { kind: CALLER_KIND, host: self.host, instance: self.instance };
        let caller = &raw mut vm;
        // SAFETY: the store outlives the call that runs, and only this thread looks at the field.
        let outer = unsafe { std::mem::replace(&mut (*(*self.host).header.store).open, 1) };
        let result = body(caller);
        // SAFETY: as above; volatile, since the compiler knows that the caller is gone next, and a caller that C kept is
        // noticed by its kind.
        unsafe {
            (*(*self.host).header.store).open = outer;
            (&raw mut (*caller).kind).write_volatile(0);
        }
        result
    }

    /// The store that is running.
    pub fn store(&mut self) -> &mut Store {
        self.inner().as_store()
    }

    /// The object of the calling instance.
    fn instance_object(&self) -> Option<u32> {
        // SAFETY: a caller is a live instance: host functions call nothing.
        (!self.instance.is_null()).then(|| unsafe { super::instance::owner_of(self.instance) })
    }

    /// The calling instance; None if the host called the function directly. The handle is borrowed: it is
    /// valid until the host function returns.
    pub fn instance(&mut self) -> Option<Instance> {
        let index = self.instance_object()?;
        Some(Instance(self.inner().instances.handle(index)))
    }

    /// The caller's memory: its export "memory", else its only memory. Borrowed, as above.
    pub fn memory(&mut self) -> Option<Memory> {
        let index = self.instance_object()?;
        let store = self.inner();
        let instance = store.instances.at(index);
        let index = instance.module.caller_memory()?;
        Some(Memory(store.memories.handle(instance.memories[index.index()])))
    }

    /// Whether a handle names something of this kind (for hosts that take handles from outside).
    pub fn kind(&mut self, handle: Handle) -> Result<Kind> {
        self.store().kind(handle)
    }
}

impl StoreInner {
    /// Leaves what a host function failed with as the trap that unwinds.
    fn raise(&mut self, error: Error) {
        let trap = self.as_trap(error);
        self.pending = Some(trap);
    }

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
