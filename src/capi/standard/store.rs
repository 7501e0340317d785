//! Stores, and what their objects know of them.
//!
//! ## Life and death
//! - [`Shared`] owns one reference to the native store, and every object of the store owns the `Shared`. Deleting
//!   the `wasm_store_t` ends the store at once, or when the call that is running in it returns; the objects that C
//!   still holds are then dead, and their functions give NULL, false or a trap.
//! - Objects give up their handles through `released`: the store may be in use when an object is deleted, by
//!   another thread, or because it is just running the finalizer that deletes. The next entry releases them.
//! - `inside` counts entries, so that the end of the store waits for the last of them to leave.

use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::wasm_engine_t;
use super::quiet;
use crate::capi::engine::{Live, updraft_engine_t};
use crate::capi::error::Fail;
use crate::capi::store::{live_of, updraft_store_delete, updraft_store_new, updraft_store_t, with_store};
use crate::capi::{Counted, clone_object, delete, new_object, object};
use crate::engine::Engine;
use crate::runtime::store::{Handle, Store};

/// An owner of instances and of what belongs to them. One thread at a time; a second one gets NULL, false or a trap.
pub struct wasm_store_t {
    _private: [u8; 0],
}

impl Counted for wasm_store_t {
    type Value = StoreValue;
    const KIND: u32 = 0x7453_7377;
}

/// What a store object holds.
pub(in crate::capi) struct StoreValue(Arc<Shared>);

impl Drop for StoreValue {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A store, for its objects.
pub(in crate::capi) struct Shared {
    state: Mutex<State>,
    /// The store's, known without entering it.
    pub(in crate::capi) engine: Engine,
    pub(in crate::capi) live: Arc<Live>,
}

/// Someone is in the store, which does not end before he left: by the drop, also when a panic passes.
pub(super) struct Inside<'a> {
    shared: &'a Shared,
    pub(super) native: *mut updraft_store_t,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.inside -= 1;
        if state.ending && state.inside == 0 {
            end(state);
        }
    }
}

struct State {
    /// The native store; NULL once it is gone.
    native: *mut updraft_store_t,
    inside: usize,
    /// Whether the store ends when nobody is inside any more.
    ending: bool,
    /// Handles that deleted objects gave up.
    released: Vec<Handle>,
}

// SAFETY: the pointer leads to a native store, which checks by itself which thread uses it.
unsafe impl Send for State {}

impl Shared {
    fn new(native: *mut updraft_store_t, engine: Engine) -> Result<Arc<Shared>, Fail> {
        let live = live_of(native)?;
        let state = State { native, inside: 0, ending: false, released: Vec::new() };
        Ok(Arc::new(Shared { state: Mutex::new(state), engine, live }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `body` with the store.
    pub(in crate::capi) fn enter<R>(&self, body: impl FnOnce(&mut Store) -> Result<R, Fail>) -> Result<R, Fail> {
        let inside = {
            let mut state = self.state();
            if state.native.is_null() {
                return Err(Fail::misuse("the store was deleted"));
            }
            state.inside += 1;
            Inside { shared: self, native: state.native }
        };
        with_store(inside.native, |store| {
            self.release_all(store);
            body(store)
        })
    }

    /// Enters for a call the short way; None if the store is gone, or has handles to release first.
    pub(super) fn step_in(&self) -> Option<Inside<'_>> {
        let mut state = self.state();
        if state.native.is_null() || !state.released.is_empty() {
            return None;
        }
        state.inside += 1;
        Some(Inside { shared: self, native: state.native })
    }

    fn release_all(&self, store: &mut Store) {
        let released = std::mem::take(&mut self.state().released);
        for handle in &released {
            // Fails only for handles that a host released by the native interface as well.
            let _ = store.release(*handle);
        }
        let mut state = self.state();
        if state.released.is_empty() {
            // Kept for its allocation.
            state.released = released;
            state.released.clear();
        }
    }

    /// Releases a handle at the next entry, and not now: to enter on this thread could make another one fail that uses
    /// the store as it may.
    pub(super) fn release(&self, handle: Handle) {
        let mut state = self.state();
        if !state.native.is_null() {
            state.released.push(handle);
        }
    }

    /// The store is deleted.
    fn end(&self) {
        let mut state = self.state();
        state.ending = true;
        if state.inside == 0 {
            end(state);
        }
    }

    /// A reference to the native store, owned by the caller.
    pub(in crate::capi) fn native(&self) -> Result<*mut updraft_store_t, Fail> {
        let state = self.state();
        if state.native.is_null() {
            return Err(Fail::misuse("the store was deleted"));
        }
        clone_object(state.native.cast_const(), "store")
    }
}

/// Gives up the native store. The lock goes first: finalizers run in there.
fn end(mut state: MutexGuard<'_, State>) {
    let native = std::mem::replace(&mut state.native, null_mut());
    let released = std::mem::take(&mut state.released);
    drop(state);
    if native.is_null() {
        return;
    }
    // The host may hold the native store as well, and then it lives on.
    let _ = with_store(native, |store| {
        for handle in released {
            store.release(handle)?;
        }
        Ok(())
    });
    // SAFETY: the reference is ours, and gone now.
    unsafe { updraft_store_delete(native, null_mut()) };
}

impl Drop for Shared {
    fn drop(&mut self) {
        end(self.state());
    }
}

/// What the objects of a store know of it. Owned, since a host function may delete the store meanwhile.
pub(in crate::capi) fn shared(store: *const wasm_store_t) -> Result<Arc<Shared>, Fail> {
    Ok(object(store, "store")?.0.clone())
}

/// A store of the standard API around a native one.
pub(in crate::capi) fn wrap(native: *mut updraft_store_t) -> Result<*mut wasm_store_t, Fail> {
    let engine = with_store(native, |store| Ok(store.engine().clone()))?;
    Ok(new_object(StoreValue(Shared::new(clone_object(native.cast_const(), "store")?, engine)?)))
}

/// Makes a store; NULL if there is no memory for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_new(engine: *mut wasm_engine_t) -> *mut wasm_store_t {
    quiet(null_mut(), || {
        let value = object(engine.cast_const(), "engine")?;
        let mut native = null_mut();
        // SAFETY: valid pointers, as the function asks for.
        let status = unsafe { updraft_store_new(engine.cast::<updraft_engine_t>(), &raw mut native, null_mut()) };
        if status != 0 {
            return Err(Fail::misuse("no store"));
        }
        Ok(new_object(StoreValue(Shared::new(native, value.engine.clone())?)))
    })
}

/// Deletes a store and all that it owns, and runs the finalizers of what it owned, on this thread. NULL is allowed.
///
/// Objects of the store that are still held may be deleted afterwards, in any order; until then, their functions give
/// NULL, false or a trap. Modules and traps do not need their store: they can still be looked at. If a
/// call is running in the store, the store ends when the call returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_delete(store: *mut wasm_store_t) {
    delete(store);
}
