//! Stores: owners of everything that runs, one thread at a time.
//!
//! ## Entering a store
//! Every C function that takes a store goes through [`with_store`], or, for calls, through [`enter_quickly`]. Between
//! them and the runtime, three things stay true:
//! - One thread. `turn` lets one in, and a second thread gets BUSY.
//! - No re-entry but from host functions. The store is *open* while C runs in one, and only then; a finalizer that
//!   calls back gets BUSY.
//! - One user. Whoever enters gets a `Store` of his own for as long as he stays, and those of the calls around
//!   his wait for him.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use super::engine::{Counter, Counting, Live, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::interrupt::updraft_interrupt_t;
use super::status::updraft_status_t;
use super::{Counted, Dropped, Extensible, HostData, clone_object, drop_object, enter, new_object, object, out};
use super::{out_struct, read_struct, updraft_finalizer_t};
use crate::error::Error;
use crate::runtime::store::{Handle, Store, StoreLimits};
use crate::runtime::turn::{Held, Turn, thread_token};

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
    turn: Turn,
    /// `FINE`, `BROKEN` or `GONE`.
    state: AtomicU8,
    store: UnsafeCell<ManuallyDrop<Store>>,
    /// References that host functions handed over, to be released when the outermost call ends, and whether there are
    /// any. The owner's.
    handed_over: RefCell<Vec<Handle>>,
    owing: Cell<bool>,
    data: Mutex<Option<HostData>>,
    counting: Counting,
}

/// The store may be used.
const FINE: u8 = 0;
/// A panic left the store in an unknown state.
const BROKEN: u8 = 1;
/// The store is being freed.
const GONE: u8 = 2;

impl StoreValue {
    /// Frees the store and the host's data; finalizers run while the object is still there to refuse them.
    ///
    /// # Safety
    /// Called once, by the thread whose turn it is; nobody enters the store afterwards.
    unsafe fn empty(&self) {
        // Relaxed: only this thread gets as far as to look.
        self.state.store(GONE, Ordering::Relaxed);
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

const INSIDE: Error = Error::Busy { what: "the store is in use by the function that led here" };

/// A thread's stay in a store; the drop restores what was before.
struct Stay<'a> {
    value: &'a StoreValue,
    /// For the use of the one who stays.
    store: ManuallyDrop<Store>,
    held: Option<Held<'a>>,
    open: u32,
    panicking: bool,
}

impl<'a> Stay<'a> {
    fn begin(value: &'a StoreValue) -> Result<Stay<'a>, Fail> {
        let held = value.turn.begin(thread_token())?;
        match value.open_store(&held) {
            Ok((store, open)) => Ok(Stay { value, store, held: Some(held), open, panicking: std::thread::panicking() }),
            Err(fail) => {
                value.turn.end(held);
                Err(fail)
            }
        }
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.panicking {
            self.value.state.store(BROKEN, Ordering::Relaxed);
        }
        self.store.set_open(self.open);
        if let Some(held) = self.held.take() {
            self.value.turn.end(held);
        }
    }
}

/// Runs `body` with the store behind a pointer from C.
pub(super) fn with_store<R>(
    store: *const updraft_store_t,
    body: impl FnOnce(&mut Store) -> Result<R, Fail>,
) -> Result<R, Fail> {
    let mut stay = Stay::begin(object(store, "store")?)?;
    let result = body(&mut stay.store);
    if stay.value.owing.get() && stay.held.as_ref().is_some_and(|held| !held.is_nested()) {
        stay.value.release_all(&mut stay.store);
    }
    result
}

/// Runs `body` with the store behind a pointer from C, if nobody is inside, it leans on this thread, and nothing is in the
/// way; else None, and nothing happened. `body` does not panic.
#[inline(always)]
pub(super) fn enter_quickly<R>(store: *const updraft_store_t, body: impl FnOnce(&mut Store) -> Option<R>) -> Option<R> {
    let value = super::object_quickly(store)?;
    let held = value.turn.begin_leaning(thread_token())?;
    let mut result = None;
    // Relaxed: written by a thread that was inside before, which `turn` synchronises with.
    if value.state.load(Ordering::Relaxed) == FINE {
        // SAFETY: it is this thread's turn, and it was not inside before. The store is not open.
        let mut store = unsafe { (*value.store.get()).alias() };
        result = body(&mut store);
        if value.owing.get() {
            value.release_all(&mut store);
        }
    }
    value.turn.end(held);
    result
}

/// As [`enter_quickly`], but for a thread that is in a host function of the store.
#[inline(always)]
pub(super) fn enter_again<R>(store: *const updraft_store_t, body: impl FnOnce(&mut Store) -> Option<R>) -> Option<R> {
    let value = super::object_quickly(store)?;
    let held = value.turn.begin(thread_token()).ok()?;
    let mut result = None;
    if held.is_nested()
        && let Ok((mut store, open)) = value.open_store(&held)
    {
        result = body(&mut store);
        store.set_open(open);
    }
    value.turn.end(held);
    result
}

impl StoreValue {
    /// The store for who holds the turn, closed for others, and whether it was open before.
    #[inline(always)]
    fn open_store(&self, held: &Held<'_>) -> Result<(ManuallyDrop<Store>, u32), Fail> {
        // Relaxed: written by a thread that was inside before, which `turn` synchronises with.
        match self.state.load(Ordering::Relaxed) {
            FINE => {}
            BROKEN => return Err(Error::Bug { reason: "a panic left the store in an unknown state".into() }.into()),
            _ => return Err(INSIDE.into()),
        }
        // SAFETY: it is this thread's turn, and whoever else has one waits for a host function, as `open` says below.
        let mut store = unsafe { (*self.store.get()).alias() };
        let open = store.set_open(0);
        if held.is_nested() && open == 0 {
            return Err(INSIDE.into());
        }
        Ok((store, open))
    }

    /// The C pointer of this store.
    pub(super) fn pointer(&self) -> *mut updraft_store_t {
        super::pointer_of::<updraft_store_t>(self)
    }

    /// What C calls a store of the runtime.
    ///
    /// # Safety
    /// The store is one that [`updraft_store_new`] made, and its object is alive.
    pub(super) unsafe fn of<'a>(store: &Store) -> &'a StoreValue {
        // SAFETY: the caller's contract.
        unsafe { &*store.embedder().cast::<StoreValue>() }
    }

    /// Releases a handle when the outermost call ends: nothing is reclaimed before.
    pub(super) fn release_later(&self, handle: Handle) {
        self.handed_over.borrow_mut().push(handle);
        self.owing.set(true);
    }

    #[cold]
    fn release_all(&self, store: &mut Store) {
        self.owing.set(false);
        for handle in self.handed_over.take() {
            // A handle that C released as well is stale by now, which only C could have prevented.
            let _ = store.release(handle);
        }
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
        let store = new_object::<updraft_store_t>(StoreValue {
            turn: Turn::new(),
            state: AtomicU8::new(FINE),
            store: UnsafeCell::new(ManuallyDrop::new(Store::new(&engine.engine)?)),
            handed_over: RefCell::default(),
            owing: Cell::new(false),
            data: Mutex::new(None),
            counting: engine.live.count(Counter::Stores),
        });
        let value = object(store, "store")?;
        with_store(store, |store| {
            store.set_embedder(std::ptr::from_ref(value).cast());
            Ok(())
        })?;
        out.write(store);
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
            let held = value.turn.begin(thread_token())?;
            if held.is_nested() {
                value.turn.end(held);
                return Err(INSIDE.into());
            }
            // SAFETY: alone inside. The turn never ends.
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
