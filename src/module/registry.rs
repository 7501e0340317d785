//! One number per function type in an engine: equal types have equal numbers, whichever module they come from.
//!
//! A type lives as long as a handle to it: modules, host functions and instances hold handles, so the number
//! that `call_indirect` compares cannot be given to another type in the meantime. Each entry carries
//! data of the registry's owner (the engine keeps trampolines there), dropped with the entry.
//!
//! The count of handles is in the entry and changes without the lock, except from zero: whoever drops the
//! last handle takes the lock and looks again, since `register` may have found the entry in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::{ForkGuard, ForkMutex};
use crate::types::FuncType;

/// The function types of an engine. Any thread; clones share the types.
pub struct TypeRegistry<T>(Arc<ForkMutex<Table<T>>>);

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
    fn lock(&self) -> ForkGuard<'_, Table<T>> {
        // Nothing here panics between two changes that belong together.
        self.0.lock()
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
        TypeRegistry(Arc::new(ForkMutex::new(Table { ids: HashMap::new(), entries: Vec::new(), free: Vec::new() })))
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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::types::ValType;

    fn ty(params: usize) -> FuncType {
        FuncType::new(vec![ValType::I32; params], [])
    }

    #[test]
    fn equal_types_share_number_and_data() {
        let registry = TypeRegistry::<OnceLock<u32>>::default();
        let one = registry.register(&ty(1));
        let two = registry.register(&ty(2));
        let again = registry.clone().register(&ty(1));
        assert_eq!(one.id(), again.id());
        assert_ne!(one.id(), two.id());
        one.data().set(7).unwrap();
        assert_eq!(again.data().get(), Some(&7));
        assert_eq!(two.data().get(), None);
        assert_eq!((again.ty(), registry.lookup(one.id())), (&ty(1), Some(ty(1))));
        // The split between parameters and results is part of the type.
        let results = registry.register(&FuncType::new([], [ValType::I32]));
        assert_ne!(results.id(), one.id());
        assert_eq!(registry.len(), 3);
    }

    #[test]
    fn the_last_handle_frees_the_number() {
        let registry = TypeRegistry::<Arc<()>>::default();
        let one = registry.register(&ty(1));
        let (id, data) = (one.id(), one.data().clone());
        let clone = one.clone();
        drop(one);
        assert_eq!(registry.lookup(id), Some(ty(1)));
        drop(clone);
        assert!(registry.is_empty());
        assert_eq!(registry.lookup(id), None);
        assert_eq!(Arc::strong_count(&data), 1, "the entry's data were dropped");
        assert_eq!(registry.register(&ty(5)).id(), id, "the number is used again");
    }

    #[test]
    fn a_handle_may_be_the_last_to_know_the_registry() {
        let handle = TypeRegistry::<()>::default().register(&ty(1));
        assert_eq!(handle.clone().id(), handle.id());
    }

    /// Threads that register, clone and drop few types at a high rate. While a thread holds a handle its number
    /// must mean its type, and the data must be those of every other holder of the type.
    #[test]
    fn numbers_keep_their_meaning_under_threads() {
        let registry = TypeRegistry::<AtomicU64>::default();
        let rounds = if std::env::var_os("UPDRAFT_PROVE").is_some() { 2_000_000 } else { 50_000 };
        std::thread::scope(|scope| {
            for thread in 0..4usize {
                let registry = &registry;
                scope.spawn(move || {
                    let mut random = thread as u64 + 1;
                    let mut held: Vec<TypeHandle<AtomicU64>> = Vec::new();
                    for _ in 0..rounds {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let wanted = ty((random >> 8) as usize % 3);
                        let handle = registry.register(&wanted);
                        assert_eq!(handle.ty(), &wanted);
                        assert_eq!(registry.lookup(handle.id()), Some(wanted.clone()));
                        let tag = 1 + wanted.params().len() as u64;
                        assert!([0, tag].contains(&handle.data().swap(tag, Ordering::Relaxed)));
                        for other in &held {
                            assert_eq!(other.id() == handle.id(), other.ty() == handle.ty());
                        }
                        match random >> 60 {
                            0..4 => held.push(handle.clone()),
                            4 => held.clear(),
                            _ => {}
                        }
                    }
                });
            }
        });
        assert!(registry.is_empty());
        let table = registry.lock();
        assert_eq!(table.free.len(), table.entries.len(), "every number is free, once");
        assert!(table.entries.len() <= 3, "never more numbers than types at a time");
    }
}
