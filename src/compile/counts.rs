//! What is counted of a module's compilation.
//!
//! Not here: when something counts (`state`, `compilation`).

use std::sync::atomic::{AtomicU32 as Word, AtomicU64};

use crate::code::TierCounts;
use crate::sync::{AtomicU32, Ordering, Site, order, zeroed_table};
use crate::types::DefinedFunc;

/// Numbers of one module. All are exact when nothing is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Functions that lack what the strategy requires at first.
    pub outstanding_first: usize,
    /// Functions that lack what is required in the end.
    pub outstanding_top: usize,
    /// Functions by the tier of their best code.
    pub counts: TierCounts,
    /// Functions that a tier refused: the baseline tier, the top tier.
    pub refused: [usize; 2],
    /// Units that exist: queued, or being compiled.
    pub units: usize,
    /// Compilations that ended with code.
    pub compiled: u64,
    /// Functions whose code was loaded, not compiled.
    pub loaded: u64,
    /// Units that found their work done, taken or not wanted any more.
    pub discarded: u64,
    /// Functions that asked for a second compilation by the top tier.
    pub repeated: u64,
    /// Batches that were published.
    pub batches: u64,
    /// Callers that had to wait until somebody else had published what was compiled.
    pub publication_waits: u64,
    /// Bytes of machine code.
    pub code_size: usize,
}

/// Counters that order nothing.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) compiled: AtomicU64,
    pub(super) loaded: AtomicU64,
    pub(super) discarded: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) publication_waits: AtomicU64,
}

/// What is known of the code of each function: its size, and how long it took to compile. 0: nothing.
pub(super) struct Measured {
    code_size: Box<[Word]>,
    compile_ns: Box<[AtomicU64]>,
}

impl Measured {
    /// Of so many functions.
    pub(super) fn new(count: usize) -> Measured {
        Measured { code_size: zeroed_table(count), compile_ns: zeroed_table(count) }
    }

    /// Bytes for each function.
    pub(super) const SIZE: usize = size_of::<u32>() + size_of::<u64>();

    pub(super) fn set(&self, func: DefinedFunc, code_size: u32, compile_ns: u64) {
        // Relaxed: statistics; the two may be of different compilations for a moment.
        self.code_size[func.index()].store(code_size, Ordering::Relaxed);
        self.compile_ns[func.index()].store(compile_ns, Ordering::Relaxed);
    }

    pub(super) fn get(&self, func: DefinedFunc) -> (u32, u64) {
        // Relaxed: as in `set`.
        let code_size = self.code_size[func.index()].load(Ordering::Relaxed);
        (code_size, self.compile_ns[func.index()].load(Ordering::Relaxed))
    }
}

pub(super) fn count(counter: &AtomicU64) {
    // Relaxed: a statistic.
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Numbers of outstanding functions, and how they get to 0: who then sees 0 finds everything published.
pub(super) struct Outstanding(AtomicU32);

impl Outstanding {
    pub(super) fn new(count: u32) -> Outstanding {
        Outstanding(AtomicU32::new(count))
    }

    /// The number now.
    pub(super) fn get(&self) -> u32 {
        // Acquire: pairs with the Release in `change`, of every function that was outstanding.
        self.0.load(order(Site::OutstandingLook, Ordering::Acquire))
    }

    /// Counts a change. True: nothing is outstanding any more, and this change was the last.
    pub(super) fn change(&self, difference: i32) -> bool {
        // Release: pairs with the Acquire in `get`. The last one acquires, too, for the event that it posts.
        let ordering = order(Site::OutstandingChange, Ordering::AcqRel);
        match difference {
            0 => false,
            up if up > 0 => {
                self.0.fetch_add(up as u32, ordering);
                false
            }
            down => self.0.fetch_sub(down.unsigned_abs(), ordering) == down.unsigned_abs(),
        }
    }
}
