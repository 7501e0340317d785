//! Stores: owners of everything that runs, one thread at a time.
//!
//! ## Entering a store
//! Every C function that takes a store goes through [`with_store`], and host functions come back through
//! [`with_host_function`]. Between them they keep three things true:
//! - One thread. `owner` holds the token of the thread that is inside, 0 if none; it is claimed by a
//!   compare-and-swap, so that a second thread gets BUSY.
//! - No re-entry but from host functions. While the runtime has the store, `open` is off, so that a finalizer that
//!   calls back gets BUSY; a host function switches it on for as long as C runs.
//! - One chain of borrows. `current` is the pointer that the innermost host function got from the runtime, and
//!   nested calls borrow through it, not around it.
//!
//! The store that a host function runs in is the one that its thread entered last (`ENTERED`): a linker's host
//! functions are made before any store is known.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::engine::{Counter, Counting, Live, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::interrupt::updraft_interrupt_t;
use super::status::updraft_status_t;
use super::{Counted, Dropped, Extensible, HostData, clone_object, drop_object, enter, new_object, object, out};
use super::{out_struct, read_struct, updraft_finalizer_t};
use crate::error::Error;
use crate::runtime::store::{Handle, Store, StoreLimits};

/// An owner of instances and of what belongs to them. One thread at a time, which is checked: a call while another
/// thread is inside gets BUSY. Host functions may call back into the store that calls them; finalizers may not.
/// Reference-counted.
pub struct updraft_store_t {
    _private: [u8; 0],
}

impl Counted for updraft_store_t {
    type Value = StoreValue;
    const KIND: u32 = 0x726f_5475;
}

/// An object of a store: instance, function, table, memory, global or external reference. 0 is none. A handle keeps
/// its object alive until it is released (`updraft_store_release`); stale and foreign ones are noticed.
pub type updraft_handle_t = u64;
/// A handle of a function.
pub type updraft_func_t = updraft_handle_t;
/// A handle of a table.
pub type updraft_table_t = updraft_handle_t;
/// A handle of a memory.
pub type updraft_memory_t = updraft_handle_t;
/// A handle of a global.
pub type updraft_global_t = updraft_handle_t;
/// A handle of an instance.
pub type updraft_instance_t = updraft_handle_t;
/// A handle of an external reference.
pub type updraft_externref_t = updraft_handle_t;

/// What a store object holds.
pub(super) struct StoreValue {
    /// Token of the thread inside, or 0.
    owner: AtomicUsize,
    /// Whether C runs in a host function of this store, and may call back. The owner's.
    open: Cell<bool>,
    /// The way to the store for who may use it now. The owner's.
    current: Cell<*mut Store>,
    /// Whether a panic left the store in an unknown state.
    broken: AtomicBool,
    store: Box<UnsafeCell<ManuallyDrop<Store>>>,
    /// References that host functions handed over, to be released when the outermost call ends. The owner's.
    handed_over: RefCell<Vec<Handle>>,
    data: Mutex<Option<HostData>>,
    counting: Counting,
}

impl StoreValue {
    /// Frees the store and the host's data; finalizers run while the object is still there to refuse them.
    ///
    /// # Safety
    /// Called once, by the thread that claimed `owner`, with `open` off; nobody enters the store afterwards.
    unsafe fn empty(&self) {
        // SAFETY: nobody is inside, and whoever comes, a finalizer or another thread, is refused.
        unsafe { ManuallyDrop::drop(&mut *self.store.get()) }
        let data = self.data.lock().unwrap_or_else(|poison| poison.into_inner()).take();
        drop(data);
    }
}

/// Bounds on what guests may allocate in a store. Set `struct_size` first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_store_limits_t {
    /// Size of the struct, set by its user.
    pub struct_size: usize,
    /// Bytes of one memory.
    pub memory_bytes: u64,
    /// Elements of one table.
    pub table_elements: u64,
    /// Instances alive.
    pub instances: u64,
    /// Memories alive.
    pub memories: u64,
    /// Tables alive.
    pub tables: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_store_limits_t {
    const FIRST_SIZE: usize = size_of::<updraft_store_limits_t>();
}

thread_local! {
    /// The store that this thread entered last. Its address is the thread's token.
    static ENTERED: Cell<*const StoreValue> = const { Cell::new(std::ptr::null()) };
}

const OTHER_THREAD: Error = Error::Busy { what: "the store is in use by another thread" };
const INSIDE: Error = Error::Busy { what: "the store is in use by the function that led here" };

fn token() -> usize {
    ENTERED.with(|entered| std::ptr::from_ref(entered).addr())
}

/// A thread's stay in a store; the drop restores what was before.
struct Stay<'a> {
    store: &'a StoreValue,
    outer: *const StoreValue,
    owner: usize,
    open: bool,
    panicking: bool,
}

impl<'a> Stay<'a> {
    fn begin(store: &'a StoreValue) -> Result<Stay<'a>, Fail> {
        let token = token();
        // Acquire pairs with the Release in `drop`: this thread sees what the thread before it did.
        let owner = match store.owner.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => 0,
            Err(owner) if owner == token => owner,
            Err(_) => return Err(OTHER_THREAD.into()),
        };
        if owner == token && !store.open.get() {
            return Err(INSIDE.into());
        }
        let outer = ENTERED.replace(store);
        Ok(Stay { store, outer, owner, open: store.open.replace(false), panicking: std::thread::panicking() })
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.panicking {
            self.store.broken.store(true, Ordering::Relaxed);
        }
        self.store.open.set(self.open);
        ENTERED.set(self.outer);
        // Release: see `begin`.
        self.store.owner.store(self.owner, Ordering::Release);
    }
}

/// Runs `body` with the store behind a pointer from C.
pub(super) fn with_store<R>(
    store: *const updraft_store_t,
    body: impl FnOnce(&mut Store) -> Result<R, Fail>,
) -> Result<R, Fail> {
    let value = object(store, "store")?;
    let stay = Stay::begin(value)?;
    // Relaxed: written by a thread that was inside before, which `begin` synchronises with.
    if value.broken.load(Ordering::Relaxed) {
        return Err(Error::Bug { reason: "a panic left the store in an unknown state".into() }.into());
    }
    // SAFETY: this thread is inside alone (`Stay`), and no borrow but the suspended one that `current` was made
    // from is alive: `open` was on, or nobody was inside.
    let store = unsafe { &mut *value.current.get() };
    let result = body(store);
    if stay.owner == 0 {
        for handle in value.handed_over.take() {
            // A handle that C released as well is stale by now, which only C could have prevented.
            let _ = store.release(handle);
        }
    }
    result
}

/// Lets C run inside a host function: `store`, which the runtime lent to the host function, is what nested calls use.
pub(super) fn with_host_function<R>(store: *mut Store, body: impl FnOnce(&StoreValue) -> R) -> R {
    /// Restores what was before, also when a panic passes.
    struct Restore<'a>(&'a StoreValue, bool, *mut Store);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.0.open.set(self.1);
            self.0.current.set(self.2);
        }
    }
    let entered = ENTERED.get();
    assert!(!entered.is_null(), "a host function runs outside of a call");
    // SAFETY: `Stay` set the pointer, and lives on below on this stack, and with it the store.
    let value = unsafe { &*entered };
    assert_eq!(value.owner.load(Ordering::Relaxed), token(), "a host function runs in a store of another thread");
    let _restore = Restore(value, value.open.replace(true), value.current.replace(store));
    body(value)
}

impl StoreValue {
    /// The C pointer of this store.
    pub(super) fn pointer(&self) -> *mut updraft_store_t {
        super::pointer_of::<updraft_store_t>(self)
    }

    /// Releases a handle when the outermost call ends: nothing is reclaimed before.
    pub(super) fn release_later(&self, handle: Handle) {
        self.handed_over.borrow_mut().push(handle);
    }

    /// Makes `store` what nested calls use from now on, in the running host function.
    pub(super) fn lend(&self, store: *mut Store) {
        self.current.set(store);
    }
}

/// Makes a store.
///
/// Writes to `out` a store owned by the caller (`updraft_store_delete`). Fails with MISUSE, LIMIT and SYSTEM.
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_new(
    engine: *const updraft_engine_t,
    out: *mut *mut updraft_store_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let store = Box::new(UnsafeCell::new(ManuallyDrop::new(Store::new(&engine.engine)?)));
        out.write(new_object(StoreValue {
            owner: AtomicUsize::new(0),
            open: Cell::new(false),
            // `ManuallyDrop` is transparent.
            current: Cell::new(store.get().cast::<Store>()),
            broken: AtomicBool::new(false),
            store,
            handed_over: RefCell::default(),
            data: Mutex::new(None),
            counting: engine.live.count(Counter::Stores),
        }));
        Ok(())
    })
}

/// Counts one more reference to a store, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_clone(
    store: *const updraft_store_t,
    out: *mut *mut updraft_store_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(store, "store")?);
        Ok(())
    })
}

/// Gives up a reference to a store. NULL is allowed. The last one frees the store and all that it owns, and runs the
/// finalizers of host functions, external references and user data on this thread.
///
/// Fails with MISUSE, and with BUSY while a call runs in the store and this is the last reference: the store is
/// then left as it was. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_delete(
    store: *mut updraft_store_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        if store.is_null() {
            return Ok(());
        }
        let dropped = drop_object(store, "store", |value| {
            // Acquire pairs with the Release at the end of the last stay.
            if let Err(owner) = value.owner.compare_exchange(0, token(), Ordering::Acquire, Ordering::Relaxed) {
                return Err(if owner == token() { INSIDE } else { OTHER_THREAD }.into());
            }
            // SAFETY: claimed just now, and `open` is off outside of host functions. `owner` stays claimed.
            unsafe { value.empty() };
            Ok(())
        })?;
        // What is left of the store may count itself out only now.
        if let Dropped::Last(value) = dropped {
            drop(value);
        }
        Ok(())
    })
}

/// Attaches a host pointer to a store; one that was there before is finalized now.
///
/// `data` may be NULL. `finalizer`, unless NULL, is called once with `data` when it is replaced or the store is freed,
/// on the thread that does so. On failure `data` stays with the caller. Fails with MISUSE, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_set_data(
    store: *mut updraft_store_t,
    data: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let old = with_store(store, |_| {
            let new = HostData::new(data, finalizer);
            new.arm();
            let mut slot = object(store, "store")?.data.lock().unwrap_or_else(|poison| poison.into_inner());
            Ok(slot.replace(new))
        })?;
        // After the stay, so that the finalizer finds the store as the caller left it.
        drop(old);
        Ok(())
    })
}

/// Writes to `data` the host pointer of a store, NULL if none was attached. The store still owns it.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_data(
    store: *const updraft_store_t,
    data: *mut *mut c_void,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let data = out(data, "data")?;
        let slot = object(store, "store")?.data.lock().unwrap_or_else(|poison| poison.into_inner());
        data.write(slot.as_ref().map_or(std::ptr::null_mut(), HostData::pointer));
        Ok(())
    })
}

/// Writes to `engine` the engine of a store: a new reference, owned by the caller.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_engine(
    store: *mut updraft_store_t,
    engine: *mut *mut updraft_engine_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let engine = out(engine, "engine")?;
        let live = live_of(store)?;
        let inner = with_store(store, |store| Ok(store.engine().clone()))?;
        engine.write(new_object(super::engine::EngineValue { engine: inner, live }));
        Ok(())
    })
}

/// Fills in the limits of a store.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_limits(
    store: *mut updraft_store_t,
    limits: *mut updraft_store_limits_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(limits, "limits")?;
        let limits = with_store(store, |store| Ok(store.limits()))?;
        out.write(updraft_store_limits_t {
            struct_size: size_of::<updraft_store_limits_t>(),
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            instances: limits.instances,
            memories: limits.memories,
            tables: limits.tables,
        });
        Ok(())
    })
}

/// Sets the limits of a store; what is already larger stays. To change one of them, fill the struct in by
/// `updraft_store_limits` first.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_set_limits(
    store: *mut updraft_store_t,
    limits: *const updraft_store_limits_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let limits = read_struct(limits, "limits")?;
        with_store(store, |store| {
            store.set_limits(StoreLimits {
                memory_bytes: limits.memory_bytes,
                table_elements: limits.table_elements,
                instances: limits.instances,
                memories: limits.memories,
                tables: limits.tables,
            });
            Ok(())
        })
    })
}

/// Reclaims what nothing reaches any more, and writes to `count`, unless NULL, how many objects went. Does nothing
/// while a call is running. The engine does this by itself from time to time.
///
/// Runs finalizers of what it reclaims on this thread. Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_collect(
    store: *mut updraft_store_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let collected = with_store(store, |store| Ok(store.collect()))?;
        if let Ok(count) = out(count, "count") {
            count.write(collected);
        }
        Ok(())
    })
}

/// Writes to `count` how many instances are alive.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_instance_count(
    store: *mut updraft_store_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let count = out(count, "count")?;
        count.write(with_store(store, |store| Ok(store.instance_count()))?);
        Ok(())
    })
}

/// Writes to `running` whether a WebAssembly call is running in the store: 1 in a host function, else 0.
///
/// Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_is_running(
    store: *mut updraft_store_t,
    running: *mut u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let running = out(running, "running")?;
        running.write(with_store(store, |store| Ok(store.is_running()))?.into());
        Ok(())
    })
}

/// Makes a handle that interrupts the store's calls from any thread; it may outlive the store.
///
/// Writes to `out` a handle owned by the caller (`updraft_interrupt_delete`). Fails with MISUSE, BUSY and BUG.
/// The store's thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_store_interrupt_handle(
    store: *mut updraft_store_t,
    out: *mut *mut updraft_interrupt_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(new_object(with_store(store, |store| Ok(store.interrupt_handle()))?));
        Ok(())
    })
}

/// The counters of a store's engine.
pub(super) fn live_of(store: *const updraft_store_t) -> Result<Arc<Live>, Fail> {
    Ok(object(store, "store")?.counting.live().clone())
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::capi::config::{updraft_config_delete, updraft_config_new, updraft_config_set_signals};
    use crate::capi::engine::{updraft_engine_delete, updraft_engine_new};
    use crate::capi::reference::{updraft_externref_new, updraft_store_release};
    use crate::capi::status::{UPDRAFT_STATUS_BUSY, UPDRAFT_STATUS_OK};

    struct Seen {
        store: *mut updraft_store_t,
        other: updraft_handle_t,
        statuses: Vec<updraft_status_t>,
    }

    unsafe extern "C" fn finalizer(data: *mut c_void) {
        // SAFETY: `data` is the `Seen` of the test below, which nobody uses meanwhile.
        unsafe {
            let seen = &mut *data.cast::<Seen>();
            seen.statuses.push(updraft_store_release(seen.store, seen.other, null_mut()));
            seen.statuses.push(updraft_store_delete(seen.store, null_mut()));
        }
    }

    /// A finalizer that calls into its store is refused, also when it is the store that goes.
    #[test]
    fn finalizers_find_the_store_busy_while_it_is_freed() {
        // SAFETY: the pointers are what the functions made.
        unsafe {
            let (mut engine, mut store, mut other, mut object) = (null_mut(), null_mut(), 0, 0);
            // Without signals: handlers would stay installed for the other tests of this process.
            let mut config = null_mut();
            assert_eq!(updraft_config_new(&mut config, null_mut()), UPDRAFT_STATUS_OK);
            assert_eq!(updraft_config_set_signals(config, 0, null_mut()), UPDRAFT_STATUS_OK);
            assert_eq!(updraft_engine_new(config, &mut engine, null_mut()), UPDRAFT_STATUS_OK);
            updraft_config_delete(config);
            assert_eq!(updraft_store_new(engine, &mut store, null_mut()), UPDRAFT_STATUS_OK);
            assert_eq!(updraft_externref_new(store, null_mut(), None, &mut other, null_mut()), UPDRAFT_STATUS_OK);
            let seen: *mut Seen = Box::into_raw(Box::new(Seen { store, other, statuses: Vec::new() }));
            let made = updraft_externref_new(store, seen.cast(), Some(finalizer), &mut object, null_mut());
            assert_eq!(made, UPDRAFT_STATUS_OK);
            assert_eq!(updraft_store_set_data(store, seen.cast(), Some(finalizer), null_mut()), UPDRAFT_STATUS_OK);
            assert_eq!(updraft_store_delete(store, null_mut()), UPDRAFT_STATUS_OK);
            assert_eq!(Box::from_raw(seen).statuses, [UPDRAFT_STATUS_BUSY; 4]);
            updraft_engine_delete(engine);
        }
    }
}
