//! One number per function type in an engine: equal types have equal numbers, whichever module they come from.
//!
//! A type lives as long as a handle to it: modules, host functions and instances hold handles, so the number
//! that `call_indirect` compares cannot be given to another type in the meantime. Each entry carries
//! data of the registry's owner (the engine keeps trampolines there), dropped with the entry.
//!
//! The count of handles is in the entry and changes without the lock, except from zero: whoever drops the
//! last handle takes the lock and looks again, since `register` may have found the entry in between.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::types::FuncType;

/// The function types of an engine. Any thread; clones share the types.
pub struct TypeRegistry<T>(Arc<Mutex<Table<T>>>);

struct Table<T> {
    ids: HashMap<FuncType, u32>,
    entries: Vec<Option<Arc<Entry<T>>>>,
    /// Numbers without an entry.
    free: Vec<u32>,
}

struct Entry<T> {
    ty: FuncType,
    id: u32,
    handles: AtomicUsize,
    data: T,
}

/// A registered type; keeps its number.
pub struct TypeHandle<T> {
    registry: TypeRegistry<T>,
    entry: Arc<Entry<T>>,
}

impl<T> TypeRegistry<T> {
    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // Nothing here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The type with this number, if there is one.
    pub fn lookup(&self, id: u32) -> Option<FuncType> {
        self.lock().entries.get(id as usize)?.as_ref().map(|entry| entry.ty.clone())
    }

    /// Number of types.
    pub fn len(&self) -> usize {
        self.lock().ids.len()
    }

    /// Whether there are no types.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Default> TypeRegistry<T> {
    /// A handle to this type, registered now if it has not been.
    pub fn register(&self, ty: &FuncType) -> TypeHandle<T> {
        let mut table = self.lock();
        if let Some(&id) = table.ids.get(ty) {
            let entry = table.entries[id as usize].clone().expect("a number in the map has an entry");
            // Relaxed: the lock orders this against removal.
            entry.handles.fetch_add(1, Ordering::Relaxed);
            return TypeHandle { registry: self.clone(), entry };
        }
        let id = table.free.pop().unwrap_or_else(|| {
            table.entries.push(None);
            u32::try_from(table.entries.len() - 1).expect("fewer than 2^32 function types fit into memory")
        });
        let entry = Arc::new(Entry { ty: ty.clone(), id, handles: AtomicUsize::new(1), data: T::default() });
        table.entries[id as usize] = Some(entry.clone());
        table.ids.insert(ty.clone(), id);
        TypeHandle { registry: self.clone(), entry }
    }
}

impl<T> Default for TypeRegistry<T> {
    fn default() -> TypeRegistry<T> {
        TypeRegistry(Arc::new(Mutex::new(Table { ids: HashMap::new(), entries: Vec::new(), free: Vec::new() })))
    }
}

impl<T> Clone for TypeRegistry<T> {
    fn clone(&self) -> TypeRegistry<T> {
        TypeRegistry(self.0.clone())
    }
}

impl<T> TypeHandle<T> {
    /// The type's number.
    pub fn id(&self) -> u32 {
        self.entry.id
    }

    /// The type.
    pub fn ty(&self) -> &FuncType {
        &self.entry.ty
    }

    /// What the registry's owner keeps with the type.
    pub fn data(&self) -> &T {
        &self.entry.data
    }
}

impl<T> Clone for TypeHandle<T> {
    fn clone(&self) -> TypeHandle<T> {
        // Relaxed: this handle keeps the count above zero.
        self.entry.handles.fetch_add(1, Ordering::Relaxed);
        TypeHandle { registry: self.registry.clone(), entry: self.entry.clone() }
    }
}

impl<T> Drop for TypeHandle<T> {
    fn drop(&mut self) {
        if self.entry.handles.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        let mut table = self.registry.lock();
        // `register` may have revived the entry, and a later handle may have removed it already: then its
        // number may be another entry's.
        let id = self.entry.id as usize;
        let ours = table.entries[id].as_ref().is_some_and(|entry| Arc::ptr_eq(entry, &self.entry));
        if !ours || self.entry.handles.load(Ordering::Relaxed) != 0 {
            return;
        }
        table.ids.remove(&self.entry.ty);
        let removed = table.entries[id].take();
        table.free.push(self.entry.id);
        // The owner's data may do anything when dropped, so not under the lock. (`self.entry` drops later.)
        drop(table);
        drop(removed);
    }
}
