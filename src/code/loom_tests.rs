//! Models of publication and lookup: the real functions, under every execution that the orderings allow.
//!
//! Each model holds with the orderings as they are, and each ordering is needed: weakened to Relaxed, one
//! of the models finds an execution that goes wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::map::{ChunkMap, GRANULE, Spaces, Table, set_chunk, table};
use super::slot::{self, Version};
use crate::sync::{AtomicUsize, Site, weakened};
use crate::tier::Tier;

/// Stands for code and metadata: loom reports reads that do not come after the write.
struct Record(UnsafeCell<u32>);

/// A code space with one chunk.
struct Space {
    base: usize,
    table: Table<Record>,
    chunk: ChunkMap<Record>,
    records: Vec<Record>,
    slots: Vec<AtomicUsize>,
}

// SAFETY: the records are what the models check.
unsafe impl Sync for Space {}
// SAFETY: as above.
unsafe impl Send for Space {}

impl Space {
    fn new(base: usize, functions: usize) -> Space {
        Space {
            base,
            table: table(1),
            chunk: ChunkMap::new(base, functions),
            records: (0..functions).map(|_| Record(UnsafeCell::new(0))).collect(),
            slots: (0..functions).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// What the arena and the publisher do for a function.
    fn publish(&self, func: usize) {
        let start = self.base + func * 64;
        let entry = self.chunk.reserve(start, 64).unwrap();
        // SAFETY: the publisher is alone with an unpublished record, or loom says otherwise.
        self.records[func].0.with_mut(|value| unsafe { *value = 42 });
        self.chunk.set(entry, &self.records[func]);
        assert!(slot::publish(&self.slots[func], &mut None, Version::first(Tier::Top), start));
    }

    /// What a thread does that calls the function and faults there, in its first byte.
    fn call_and_fault(&self, spaces: &Spaces<Record>, func: usize) {
        let pc = slot::load(&self.slots[func]);
        if pc != 0 {
            // SAFETY: nothing is freed in these models.
            let record = unsafe { &*spaces.find(pc).expect("running code is found") };
            // SAFETY: published records are not written, or loom says otherwise.
            assert_eq!(record.0.with(|value| unsafe { *value }), 42);
        }
    }
}

/// Runs both at the same time. (Both in threads of their own: loom explores more interleavings of spawned
/// threads than of spawned threads with the first one.)
fn race<W: Send + Sync + 'static>(world: W, one: fn(&W), other: fn(&W)) {
    let world = Arc::new(world);
    let threads = [one, other].map(|body| {
        let world = Arc::clone(&world);
        thread::spawn(move || body(&world))
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A new space, its first chunk, its first function: the slot alone hands all of it over.
fn first_publication() {
    race(
        (Spaces::<Record>::new(), Space::new(GRANULE, 1)),
        |(spaces, space)| {
            spaces.add(space.base, &space.table);
            set_chunk(&space.table, &space.chunk);
            space.publish(0);
        },
        |(spaces, space)| space.call_and_fault(spaces, 0),
    );
}

/// A function faults while another one is appended behind it.
fn append() {
    let (spaces, space) = (Spaces::<Record>::new(), Space::new(GRANULE, 2));
    spaces.add(space.base, &space.table);
    set_chunk(&space.table, &space.chunk);
    space.publish(0);
    race(
        (spaces, space),
        |(_, space)| space.publish(1),
        |(spaces, space)| {
            space.call_and_fault(spaces, 0);
            space.call_and_fault(spaces, 1);
        },
    );
}

/// A function faults while other code spaces come and go.
fn other_spaces() {
    let (spaces, space) = (Spaces::<Record>::new(), Space::new(2 * GRANULE, 1));
    let (old, new) = (Space::new(GRANULE, 0), Space::new(3 * GRANULE, 0));
    let node = spaces.add(old.base, &old.table);
    spaces.add(space.base, &space.table);
    set_chunk(&space.table, &space.chunk);
    space.publish(0);
    // SAFETY: added above.
    unsafe { spaces.remove(node) };
    race(
        (spaces, space, old, new),
        |(spaces, _, old, new)| {
            // The first gets the unused node, the second a new one.
            let node = spaces.add(new.base, &new.table);
            spaces.add(old.base, &old.table);
            // SAFETY: added above.
            unsafe { spaces.remove(node) };
        },
        |(spaces, space, ..)| space.call_and_fault(spaces, 0),
    );
}

const MODELS: [fn(); 3] = [first_publication, append, other_spaces];

#[test]
fn loom_running_code_is_always_found_and_complete() {
    MODELS.into_iter().for_each(loom::model);
}

/// Were an ordering not needed, it should be weaker; were a model blind, it would prove nothing.
#[test]
fn loom_every_ordering_is_needed() {
    use Site::{FindFence, MapCountLoad, MapCountStore, SlotStore, SpacesLoad, SpacesStore};
    for site in [SlotStore, FindFence, MapCountStore, MapCountLoad, SpacesStore, SpacesLoad] {
        let fails = |model: &fn()| catch_unwind(AssertUnwindSafe(|| weakened(site, || loom::model(*model)))).is_err();
        assert!(MODELS.iter().any(fails), "{site:?} may be Relaxed, or no model needs it");
    }
}
