//! Handles: how the host names the objects of a store, and the tables behind them.
//!
//! A handle packs the kind (4 bits), the store's number (20), a generation (16) and an index (24). The
//! generation of an entry goes up each time it is reused, so that a stale handle is recognised; an entry
//! whose generations are used up is never reused.

use std::any::Any;

use crate::error::{Error, Result};
use crate::sync::ForkMutex;

/// Kinds of objects that a store owns; the number is part of every handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An instance.
    Instance = 1,
    /// A function.
    Func = 2,
    /// A table.
    Table = 3,
    /// A memory.
    Memory = 4,
    /// A global.
    Global = 5,
    /// An external reference.
    ExternRef = 6,
}

impl Kind {
    fn from_number(number: u64) -> Option<Kind> {
        [Kind::Instance, Kind::Func, Kind::Table, Kind::Memory, Kind::Global, Kind::ExternRef]
            .into_iter()
            .find(|kind| *kind as u64 == number)
    }

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Instance => "instance",
            Kind::Func => "function",
            Kind::Table => "table",
            Kind::Memory => "memory",
            Kind::Global => "global",
            Kind::ExternRef => "external reference",
        }
    }
}

/// A name for an object of a store, as the host holds it. Zero is never a valid handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Handle(pub u64);

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 16;
const STORE_BITS: u32 = 20;
/// Live objects of one kind in one store.
const MAX_ENTRIES: u64 = 1 << INDEX_BITS;

impl Handle {
    fn pack(kind: Kind, store: StoreId, generation: u16, index: u32) -> Handle {
        let high = (kind as u64) << STORE_BITS | u64::from(store.0);
        Handle((high << GENERATION_BITS | u64::from(generation)) << INDEX_BITS | u64::from(index))
    }

    /// The kind that the handle claims.
    pub(super) fn claimed_kind(self) -> Option<Kind> {
        Kind::from_number(self.0 >> (INDEX_BITS + GENERATION_BITS + STORE_BITS))
    }

    fn store(self) -> u32 {
        (self.0 >> (INDEX_BITS + GENERATION_BITS)) as u32 & ((1 << STORE_BITS) - 1)
    }

    fn generation(self) -> u16 {
        (self.0 >> INDEX_BITS) as u16
    }

    fn index(self) -> u32 {
        self.0 as u32 & ((1 << INDEX_BITS) - 1)
    }
}

/// The number of a live store, part of its handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoreId(u32);

/// Numbers of stores that went, oldest first, and the next fresh number.
static STORE_IDS: ForkMutex<(std::collections::VecDeque<u32>, u32)> =
    ForkMutex::new((std::collections::VecDeque::new(), 1));
/// A number is reused only when this many others wait, so that stale handles stay recognisable for long.
const IDS_KEPT_BACK: usize = 1 << 12;

impl StoreId {
    pub(super) fn take() -> Result<StoreId> {
        let mut ids = STORE_IDS.lock();
        let fresh_left = ids.1 < 1 << STORE_BITS;
        if (ids.0.len() > IDS_KEPT_BACK || !fresh_left)
            && let Some(id) = ids.0.pop_front()
        {
            return Ok(StoreId(id));
        }
        if !fresh_left {
            return Err(Error::Limit { what: "stores alive", asked: 1 << STORE_BITS, limit: (1 << STORE_BITS) - 1 });
        }
        let id = ids.1;
        ids.1 += 1;
        Ok(StoreId(id))
    }

    pub(super) fn give_back(self) {
        STORE_IDS.lock().0.push_back(self.0);
    }
}

/// The objects of one kind.
pub(super) struct Slab<T> {
    kind: Kind,
    store: StoreId,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    live: usize,
}

struct Entry<T> {
    /// The handle of the object that is here, 0 = none.
    name: u64,
    generation: u16,
    marked: bool,
    /// Handles that the host holds.
    roots: u32,
    value: Option<T>,
    /// What the host attached to the object; dropped with it.
    host_info: Option<Box<dyn Any + Send>>,
}

impl<T> Slab<T> {
    pub(super) fn new(kind: Kind, store: StoreId) -> Slab<T> {
        Slab { kind, store, entries: Vec::new(), free: Vec::new(), live: 0 }
    }

    /// Objects alive.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Adds an object that the host holds `roots` times; its index.
    pub(super) fn insert(&mut self, value: T, roots: u32) -> Result<u32> {
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.roots = roots;
            entry.value = Some(value);
            entry.name = Handle::pack(self.kind, self.store, entry.generation, index).0;
            self.live += 1;
            return Ok(index);
        }
        let index = self.entries.len() as u64;
        if index >= MAX_ENTRIES {
            return Err(Error::Limit { what: "objects of one kind in a store", asked: index + 1, limit: MAX_ENTRIES });
        }
        let name = Handle::pack(self.kind, self.store, 0, index as u32).0;
        self.entries.push(Entry { name, generation: 0, marked: false, roots, value: Some(value), host_info: None });
        self.live += 1;
        Ok(index as u32)
    }

    /// Removes an object.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        let value = entry.value.take()?;
        (entry.roots, entry.name) = (0, 0);
        let host_info = entry.host_info.take();
        self.live -= 1;
        // A used-up entry stays empty for ever.
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(index);
        }
        // Last: its drop may run code of the host.
        drop(host_info);
        Some(value)
    }

    /// The handle of an object.
    pub(super) fn handle(&self, index: u32) -> Handle {
        Handle::pack(self.kind, self.store, self.entries[index as usize].generation, index)
    }

    /// The index behind a handle, checked.
    pub(super) fn resolve(&self, handle: Handle) -> Result<u32> {
        if handle.claimed_kind() != Some(self.kind) {
            let got = handle.claimed_kind().map_or("no handle", Kind::name);
            return Err(Error::misuse(format!("handle {:#x}: expected a {}, got {got}", handle.0, self.kind.name())));
        }
        if handle.store() != self.store.0 {
            return Err(Error::misuse(format!(
                "handle {:#x}: the {} belongs to another store",
                handle.0,
                self.kind.name()
            )));
        }
        let index = handle.index();
        match self.entries.get(index as usize) {
            Some(entry) if entry.generation == handle.generation() && entry.value.is_some() => Ok(index),
            _ => Err(Error::misuse(format!("handle {:#x}: the {} was reclaimed", handle.0, self.kind.name()))),
        }
    }

    /// The object behind a handle, checked; None where [`Slab::resolve`] has a reason.
    #[inline(always)]
    pub(super) fn seek(&self, handle: Handle) -> Option<&T> {
        let entry = self.entries.get(handle.index() as usize)?;
        // No handle of another kind, store or generation is equal. Where there is no object, the name is 0.
        if entry.name == handle.0 { entry.value.as_ref() } else { None }
    }

    /// The object behind a handle, checked.
    pub(super) fn get(&self, handle: Handle) -> Result<&T> {
        let index = self.resolve(handle)?;
        Ok(self.at(index))
    }

    /// As [`Slab::get`].
    pub(super) fn get_mut(&mut self, handle: Handle) -> Result<&mut T> {
        let index = self.resolve(handle)?;
        Ok(self.at_mut(index))
    }

    /// The object at a live index.
    pub(super) fn at(&self, index: u32) -> &T {
        self.entries[index as usize].value.as_ref().expect("live index")
    }

    /// As [`Slab::at`].
    pub(super) fn at_mut(&mut self, index: u32) -> &mut T {
        self.entries[index as usize].value.as_mut().expect("live index")
    }

    /// The object at an index that may be empty or out of range.
    pub(super) fn find(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.value.as_ref()
    }

    /// One more handle for the host.
    pub(super) fn retain(&mut self, index: u32) -> Handle {
        let entry = &mut self.entries[index as usize];
        // Saturating: an object that is held four thousand million times stays for good.
        entry.roots = entry.roots.saturating_add(1);
        self.handle(index)
    }

    /// One handle fewer; an error if the host holds none.
    pub(super) fn release(&mut self, handle: Handle) -> Result<()> {
        let index = self.resolve(handle)?;
        let entry = &mut self.entries[index as usize];
        if entry.roots == 0 {
            return Err(Error::misuse(format!("handle {:#x}: released more often than held", handle.0)));
        }
        if entry.roots != u32::MAX {
            entry.roots -= 1;
        }
        Ok(())
    }

    /// What the host attached to an object.
    pub(super) fn host_info(&self, index: u32) -> Option<&(dyn Any + Send)> {
        self.entries[index as usize].host_info.as_deref()
    }

    /// Attaches something to an object; what was attached before.
    pub(super) fn set_host_info(&mut self, index: u32, info: Box<dyn Any + Send>) -> Option<Box<dyn Any + Send>> {
        self.entries[index as usize].host_info.replace(info)
    }

    /// Indices and objects of all that are alive.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().enumerate().filter_map(|(i, entry)| Some((i as u32, entry.value.as_ref()?)))
    }

    /// Whether an object was marked.
    pub(super) fn is_marked(&self, index: u32) -> bool {
        self.entries[index as usize].marked
    }

    /// Marks the objects with attachments that `is_alive` tells to keep.
    pub(super) fn keep_attached(&mut self, is_alive: impl Fn(&T) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| entry.host_info.is_some()) {
            entry.marked |= entry.value.as_ref().is_some_and(&is_alive);
        }
    }

    /// Marks an object; true if it was not marked before.
    pub(super) fn mark(&mut self, index: u32) -> bool {
        !std::mem::replace(&mut self.entries[index as usize].marked, true)
    }

    /// Indices of all objects that the host holds.
    pub(super) fn roots(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.roots > 0 && entry.value.is_some())
            .map(|(i, _)| i as u32)
    }

    /// Clears all marks and returns the indices of live objects that had none.
    pub(super) fn take_unmarked(&mut self) -> Vec<u32> {
        let mut unmarked = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let marked = std::mem::take(&mut entry.marked);
            if !marked && entry.value.is_some() {
                unmarked.push(index as u32);
            }
        }
        unmarked
    }

    /// Removes everything, calling `drop_one` for each object.
    pub(super) fn drain(&mut self, mut drop_one: impl FnMut(T)) {
        for index in 0..self.entries.len() as u32 {
            if let Some(value) = self.remove(index) {
                drop_one(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field of a handle survives packing at its extremes.
    #[test]
    fn handles_pack_and_unpack() {
        for kind in [Kind::Instance, Kind::ExternRef] {
            for (store, generation, index) in [(1, 0, 0), ((1 << STORE_BITS) - 1, u16::MAX, (1 << INDEX_BITS) - 1)] {
                let handle = Handle::pack(kind, StoreId(store), generation, index);
                assert_eq!(handle.claimed_kind(), Some(kind));
                assert_eq!((handle.store(), handle.generation(), handle.index()), (store, generation, index));
            }
        }
    }

    /// A stale handle is refused, also after its entry was reused, and a used-up entry is retired.
    #[test]
    fn stale_handles_are_refused() {
        let mut slab = Slab::new(Kind::Func, StoreId(7));
        let mut old = Vec::new();
        for round in 0..70_000u32 {
            let index = slab.insert(round, 1).unwrap();
            let handle = slab.handle(index);
            assert_eq!(*slab.get(handle).unwrap(), round);
            assert_eq!(slab.remove(index), Some(round));
            assert!(slab.get(handle).is_err());
            if round % 10_000 == 0 {
                old.push(handle);
            }
        }
        assert_eq!(slab.entries.len(), 2, "65,536 generations are used up once");
        slab.insert(1, 1).unwrap();
        assert!(old.iter().all(|handle| slab.get(*handle).is_err()));
        assert!(slab.get(Handle(0)).is_err());
        assert!(slab.get(Handle::pack(Kind::Func, StoreId(8), 0, 0)).is_err());
        assert!(slab.get(Handle::pack(Kind::Table, StoreId(7), 0, 0)).is_err());
    }

    /// Releasing more often than retaining is an error, not a wrap-around.
    #[test]
    fn releases_are_counted() {
        let mut slab = Slab::new(Kind::Global, StoreId(1));
        let index = slab.insert((), 0).unwrap();
        let handle = slab.retain(index);
        slab.retain(index);
        assert!(slab.release(handle).is_ok());
        assert!(slab.release(handle).is_ok());
        assert!(slab.release(handle).is_err());
        assert_eq!(slab.roots().count(), 0);
    }
}
