//! Makes compiled code reachable: the only writer of slots.
//!
//! # Publication protocol
//!
//!     publisher                                    | running thread
//!     ---------------------------------------------+------------------------------------------
//!     1. take a range of executable memory         |
//!     2. write and relocate the code               |
//!     3. make its records visible (`map`)          |
//!     4. store the entries into the slots, Release | a. machine code loads the slot, jumps
//!                                                  | b. on a fault: fence (Acquire), `map::find`
//!
//! - 3 before 4: no thread may run code whose trap sites cannot be found.
//! - All of a batch is written before the first slot is stored: functions of a batch may call each other
//!   directly, and direct calls go to code that is complete.
//! - A thread may keep using the old entry for any time. Right, because tiers agree; safe, because code is
//!   freed with its module, never earlier.
//! - Only 4 is done under the module's publication lock: a few stores per function. Whoever copies and links a
//!   large batch keeps nobody else from publishing. Code that loses against better code stays unreachable.
//!
//! Not here: compilation, and the choice of what to compile (`compile`).

mod unlinked;

use std::io::IoSlice;
use std::sync::Arc;

use super::arena::{CACHE_LINE, CodeRange, CodeSpace, SlotRange, TRAP};
use super::kept::Kept;
use super::link::{RELAY_SIZE, link, relay};
use super::map::{Batch, Installed};
use super::slot::{self, TierCounts, Version};
use crate::abi::vmctx::CodeSlot;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::sync::ForkMutex;
use crate::sys::fork::{self, Pass};
use crate::tier::Tier;
use crate::tier::compiled::{CodeKind, CompiledCode, Edition, RelocationTarget};
use crate::types::DefinedFunc;
pub use unlinked::Retain;

/// What slots hold before the first publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lazy {
    /// Stubs that have the function compiled at its first call.
    Stubs,
    /// Nothing (0): all functions are published before the first instance exists.
    NoStubs,
}

/// The machine code of a module, and its slots. Dropping it frees both: by then no instance of the
/// module may exist, and no other module may refer to its slots.
pub struct ModuleCode {
    space: Arc<CodeSpace>,
    module: Arc<Module>,
    slots: SlotRange,
    retain: Retain,
    state: ForkMutex<State>,
}

/// Guarded by the publication lock.
struct State {
    /// What each slot holds.
    versions: Box<[Option<Version>]>,
    /// Whether that is meant to be replaced.
    provisional: Box<[bool]>,
    batches: Vec<Placed>,
    counts: TierCounts,
    code_size: usize,
    /// Code that is placed nowhere ([`Retain::Elsewhere`]).
    elsewhere: Vec<(DefinedFunc, CompiledCode)>,
}

/// Compiled code of a function, to be published.
pub struct NewCode {
    /// The function.
    pub func: DefinedFunc,
    /// Which code of the function it is.
    pub version: Version,
    /// The code.
    pub code: CompiledCode,
}

impl From<(DefinedFunc, Tier, CompiledCode)> for NewCode {
    fn from((func, tier, code): (DefinedFunc, Tier, CompiledCode)) -> NewCode {
        NewCode { func, version: Version::first(tier), code }
    }
}

/// A batch in executable memory.
struct Placed {
    range: CodeRange,
    /// From `Box::into_raw`: the map has the same pointer.
    batch: *const Batch,
    /// Address where callers of each unit enter, in the order in which the units were given.
    entries: Vec<usize>,
}

// SAFETY: the pointer stands for a `Box<Batch>` that is only read until `Placed::free`.
unsafe impl Send for Placed {}
// SAFETY: as above.
unsafe impl Sync for Placed {}

/// Functions that a batch calls and that are not in it.
#[derive(Default)]
struct Outside {
    /// Sorted by function.
    goals: Vec<(DefinedFunc, Goal)>,
    /// The slots that relays jump through.
    slots: Vec<usize>,
}

/// Where calls of a function go.
#[derive(Clone, Copy)]
enum Goal {
    /// To this address.
    Entry(usize),
    /// To the relay with this number.
    Relay(usize),
}

impl Outside {
    /// Where calls of a function go, given the address of the first relay.
    fn address(&self, func: DefinedFunc, relays: usize) -> Option<usize> {
        let position = self.goals.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        Some(match self.goals[position].1 {
            Goal::Entry(entry) => entry,
            Goal::Relay(number) => relays + number * RELAY_SIZE,
        })
    }
}

/// Where a batch lies.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Address where callers of each unit enter.
    entries: &'a [usize],
    /// Address of the first relay.
    relays: usize,
}

/// A unit to be placed.
struct Unit {
    kind: CodeKind,
    tier: Option<Tier>,
    code: CompiledCode,
    kept: Option<Kept>,
}

impl ModuleCode {
    /// Makes a slot for every function that the module defines.
    pub fn new(space: &Arc<CodeSpace>, module: Arc<Module>, lazy: Lazy) -> Result<ModuleCode> {
        let count = module.defined_func_count();
        let pass = fork::enter();
        let stubs = match lazy {
            Lazy::Stubs => Some(space.stubs(&pass, count)?),
            Lazy::NoStubs => None,
        };
        let slots = space.allocate_slots(&pass, count)?;
        // Without stubs they stay 0.
        if let Some(stubs) = &stubs {
            (0..count).zip(stubs.all()).for_each(|(index, stub)| slot::init(slots.get(index), stub));
        }
        drop(pass);
        let state = State {
            versions: vec![None; count].into(),
            provisional: vec![false; count].into(),
            batches: Vec::new(),
            counts: TierCounts::default(),
            code_size: 0,
            elsewhere: Vec::new(),
        };
        Ok(ModuleCode {
            space: Arc::clone(space),
            module,
            slots,
            retain: Retain::Nothing,
            state: ForkMutex::new(state),
        })
    }

    /// The same, with what is to be kept of what is published.
    pub fn retaining(mut self, retain: Retain) -> ModuleCode {
        self.retain = retain;
        self
    }

    /// The module.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The slot of a function; valid while this value lives.
    pub fn slot(&self, func: DefinedFunc) -> *const CodeSlot {
        self.slots.get(func.index())
    }

    /// The function whose slot is at this address, if it is one of the module's. Any number will do.
    pub fn function_of_slot(&self, address: usize) -> Option<DefinedFunc> {
        let count = self.module.defined_func_count();
        if count == 0 {
            return None;
        }
        let offset = address.checked_sub(std::ptr::from_ref(self.slots.get(0)).addr())?;
        let index = offset / size_of::<CodeSlot>();
        (offset % size_of::<CodeSlot>() == 0 && index < count).then_some(DefinedFunc(index as u32))
    }

    /// Where callers enter a function now: its code, its stub, or 0.
    pub fn entry(&self, func: DefinedFunc) -> usize {
        slot::load(self.slots.get(func.index()))
    }

    /// Whether a function has code.
    pub fn is_published(&self, func: DefinedFunc) -> bool {
        self.state.lock().versions[func.index()].is_some()
    }

    /// How many functions have code.
    pub fn published_count(&self) -> usize {
        let counts = self.counts();
        counts.baseline + counts.top
    }

    /// How many functions have code, by tier.
    pub fn counts(&self) -> TierCounts {
        self.state.lock().counts
    }

    /// The code that each function has.
    pub fn versions(&self) -> Vec<Option<Version>> {
        self.state.lock().versions.to_vec()
    }

    /// Bytes of machine code, including code that was replaced and gaps between functions.
    pub fn code_size(&self) -> usize {
        self.state.lock().code_size
    }

    /// Makes functions reachable, all of them or, on failure, none; `batch` is then as it was, but for its order.
    ///
    /// A function that has code at least as good already is left out. Calls of [`RelocationTarget::Function`] lead to
    /// its code of the top tier, if there is some that is final, or through its slot, which must then lead somewhere.
    pub fn publish(&self, batch: &mut Vec<NewCode>) -> Result<()> {
        let pass = fork::enter();
        batch.sort_by_key(|new| new.func);
        if let Some(twice) = batch.windows(2).find(|pair| pair[0].func == pair[1].func) {
            return Err(bug(twice[0].func, "is given twice"));
        }
        if let Some(last) = batch.last().filter(|last| last.func.index() >= self.slots.count()) {
            return Err(bug(last.func, "does not exist"));
        }
        self.leave_out(batch);
        if batch.is_empty() || self.retain == Retain::Elsewhere {
            self.keep_elsewhere(batch);
            return Ok(());
        }
        let funcs: Vec<(DefinedFunc, Version, Edition)> =
            batch.iter().map(|new| (new.func, new.version, new.code.edition)).collect();
        let position = |func: DefinedFunc| {
            let position = funcs.binary_search_by_key(&func, |(func, ..)| *func).ok();
            position.filter(|position| funcs[*position].2 == Edition::Final)
        };
        let outside = self.outside(batch.iter().map(|new| &new.code), |func| position(func).is_some())?;
        let resolve = |target: RelocationTarget, place: Place<'_>| match target {
            RelocationTarget::Function(func) if let Some(position) = position(func) => Ok(place.entries[position]),
            target => self.resolve(target, &outside, place),
        };
        let mut units: Vec<Unit> = batch.drain(..).map(|new| Unit::of(new, &self.module, self.retain)).collect();
        let module = Some(Arc::clone(&self.module));
        let placed = match Placed::new(&self.space, &pass, module, &mut units, &outside.slots, resolve) {
            Ok(placed) => placed,
            Err(error) => {
                batch.extend(
                    units.into_iter().zip(&funcs).map(|(unit, &(func, version, _))| unit.given_back(func, version)),
                );
                return Err(error);
            }
        };
        let mut state = self.state.lock();
        let State { versions, provisional, batches, counts, code_size, .. } = &mut *state;
        *code_size += placed.range.len();
        for (&(func, version, edition), &entry) in funcs.iter().zip(&placed.entries) {
            let current = &mut versions[func.index()];
            let before = *current;
            if slot::publish(self.slots.get(func.index()), current, version, entry) {
                if let Some(before) = before {
                    *counts.of(before.tier) -= 1;
                }
                *counts.of(version.tier) += 1;
                provisional[func.index()] = edition == Edition::Provisional;
            }
        }
        batches.push(placed);
        Ok(())
    }

    /// Where the functions are that code calls and that are not `inside` of its batch.
    fn outside<'a>(
        &self,
        codes: impl Iterator<Item = &'a CompiledCode>,
        is_inside: impl Fn(DefinedFunc) -> bool,
    ) -> Result<Outside> {
        let targets = codes.flat_map(|code| &code.relocations).filter_map(|relocation| match relocation.target {
            RelocationTarget::Function(func) if !is_inside(func) => Some(func),
            _ => None,
        });
        let mut funcs: Vec<DefinedFunc> = targets.collect();
        let mut outside = Outside::default();
        if funcs.is_empty() {
            return Ok(outside);
        }
        funcs.sort_unstable();
        funcs.dedup();
        let state = self.state.lock();
        for func in funcs {
            let version = *state.versions.get(func.index()).ok_or_else(|| bug(func, "does not exist"))?;
            // Slots of this module change under this lock only.
            let goal = match (version.map(|version| version.tier), self.entry(func)) {
                (_, 0) => return Err(bug(func, "is called directly but has no code")),
                (Some(Tier::Top), entry) if !state.provisional[func.index()] => Goal::Entry(entry),
                _ => {
                    outside.slots.push(self.slot(func) as usize);
                    Goal::Relay(outside.slots.len() - 1)
                }
            };
            outside.goals.push((func, goal));
        }
        Ok(outside)
    }

    /// Where a field leads to, of code whose batch has no such function.
    fn resolve(&self, target: RelocationTarget, outside: &Outside, place: Place<'_>) -> Result<usize> {
        match target {
            RelocationTarget::Slot(func) if func.index() < self.slots.count() => Ok(self.slot(func) as usize),
            RelocationTarget::Slot(func) => Err(bug(func, "does not exist")),
            RelocationTarget::Function(func) => {
                outside.address(func, place.relays).ok_or_else(|| bug(func, "is not where calls go"))
            }
        }
    }

    /// Places code that goes on in a function at a loop, and says where it is entered: valid while this value lives, or
    /// until [`ModuleCode::clear`]. Whoever hands that to another thread does so in order (a lock): that is what makes
    /// its record visible there.
    pub fn publish_osr(&self, func: DefinedFunc, wasm_offset: u32, code: CompiledCode) -> Result<usize> {
        let pass = fork::enter();
        let outside = self.outside(std::iter::once(&code), |_| false)?;
        let resolve = |target: RelocationTarget, place: Place<'_>| self.resolve(target, &outside, place);
        let kind = CodeKind::Osr { func: self.module.func_index(func), wasm_offset };
        let mut units = vec![Unit { kind, tier: Some(Tier::Top), code, kept: None }];
        let module = Some(Arc::clone(&self.module));
        let placed = Placed::new(&self.space, &pass, module, &mut units, &outside.slots, resolve)?;
        let entry = placed.entries[0];
        let mut state = self.state.lock();
        state.code_size += placed.range.len();
        state.batches.push(placed);
        Ok(entry)
    }

    /// Leaves out what is not better than what there is.
    fn leave_out(&self, batch: &mut Vec<NewCode>) {
        let state = self.state.lock();
        batch.retain(|new| state.versions[new.func.index()] < Some(new.version));
    }

    /// Drops all code: the next call of each function has it compiled again. The slots stay.
    ///
    /// # Safety
    /// No thread runs code of this module, or has it on its stack, or begins to before this returns; and none is in
    /// [`ModuleCode::unlinked`].
    pub unsafe fn clear(&self) -> Result<()> {
        let pass = fork::enter();
        let stubs = self.space.stubs(&pass, self.slots.count())?;
        let mut state = self.state.lock();
        let all = (0..self.slots.count()).zip(stubs.all());
        all.for_each(|(index, stub)| slot::init(self.slots.get(index), stub));
        state.versions.fill(None);
        state.provisional.fill(false);
        state.counts = TierCounts::default();
        state.code_size = 0;
        let batches = std::mem::take(&mut state.batches);
        drop(state);
        for placed in batches {
            placed.free(&self.space, &pass);
        }
        Ok(())
    }
}

impl Drop for ModuleCode {
    fn drop(&mut self) {
        let pass = fork::enter();
        let state = self.state.get_mut();
        for placed in state.batches.drain(..) {
            placed.free(&self.space, &pass);
        }
        self.space.free_slots(&pass, &self.slots);
    }
}

fn bug(func: DefinedFunc, what: &str) -> Error {
    Error::Bug { reason: format!("defined function {} {what}", func.0).into() }
}

impl Placed {
    /// Takes memory for the units, and for relays through these slots, links them, and makes them visible to lookups.
    /// Units of a failure are kept.
    fn new(
        space: &CodeSpace,
        pass: &Pass,
        module: Option<Arc<Module>>,
        units: &mut Vec<Unit>,
        relayed: &[usize],
        resolve: impl Fn(RelocationTarget, Place<'_>) -> Result<usize>,
    ) -> Result<Placed> {
        let mut offsets = Vec::with_capacity(units.len());
        let (mut len, mut alignment) = (0usize, 1usize);
        for Unit { code, .. } in &*units {
            let (entry, wanted) = (code.entry_offset as usize, code.alignment.max(1) as usize);
            // What stands before the entry, where few come, lies in the gap as far as it fits.
            let offset = start_from(len + entry, wanted, code.starts) - entry;
            offsets.push(offset);
            len = offset + code.bytes.len();
            alignment = alignment.max(if code.starts == 0 { wanted } else { CACHE_LINE });
        }
        let relays = if relayed.is_empty() { len } else { len.next_multiple_of(RELAY_SIZE) };
        let (range, writer) = space.allocate(pass, relays + relayed.len() * RELAY_SIZE, alignment.max(RELAY_SIZE))?;
        let start = range.start();
        let addresses: Vec<usize> = offsets.iter().map(|offset| start + offset).collect();
        let entry = |(unit, address): (&Unit, &usize)| address + unit.code.entry_offset as usize;
        let entries: Vec<usize> = units.iter().zip(&addresses).map(entry).collect();
        // A second attempt fills the same fields in again.
        let write = || {
            let place = Place { entries: &entries, relays: start + relays };
            for (Unit { code, .. }, address) in units.iter_mut().zip(&addresses) {
                link(&mut code.bytes, *address, &code.relocations, |target| resolve(target, place))?;
            }
            let tail = (relays..).step_by(RELAY_SIZE).zip(relayed);
            let tail = tail.map(|(offset, slot)| relay(start + offset, *slot)).collect::<Result<Vec<_>>>()?;
            let mut pieces = Vec::with_capacity(2 * units.len() + 2);
            let mut end = 0;
            for (Unit { code, .. }, &offset) in units.iter().zip(&offsets) {
                fill_gap(&mut pieces, offset - end);
                pieces.push(IoSlice::new(&code.bytes));
                end = offset + code.bytes.len();
            }
            fill_gap(&mut pieces, relays - end);
            pieces.push(IoSlice::new(tail.as_flattened()));
            space.write(pass, &range, writer, &mut pieces)
        };
        let written = write();
        if let Err(error) = written {
            space.free(pass, range);
            return Err(error);
        }
        let functions = units.drain(..).zip(addresses).map(|(unit, address)| unit.installed(address)).collect();
        let batch: *const Batch = Box::into_raw(Box::new(Batch { module, functions }));
        range.set_record(batch);
        Ok(Placed { range, batch, entries })
    }

    /// Frees the code, which nobody runs any more, and its records.
    fn free(self, space: &CodeSpace, pass: &Pass) {
        // The map forgets the record first.
        space.free(pass, self.range);
        // SAFETY: from `Box::into_raw`, once. No lookup can hold it: nobody runs the code.
        drop(unsafe { Box::from_raw(self.batch.cast_mut()) });
    }
}

impl Unit {
    fn of(new: NewCode, module: &Module, retain: Retain) -> Unit {
        let kind = CodeKind::Function(module.func_index(new.func));
        let tier = new.version.tier;
        let kept = (retain == Retain::Unlinked && tier == Tier::Top).then(|| Kept::of(&new.code));
        Unit { kind, tier: Some(tier), code: new.code, kept }
    }

    fn given_back(self, func: DefinedFunc, version: Version) -> NewCode {
        NewCode { func, version, code: self.code }
    }

    fn installed(self, start: usize) -> Installed {
        let code = self.code;
        Installed {
            kind: self.kind,
            tier: self.tier,
            start,
            len: code.bytes.len(),
            entry: start + code.entry_offset as usize,
            body: start + code.body_offset as usize,
            frame_size: code.frame_size,
            trap_sites: code.trap_sites.into(),
            call_sites: code.call_sites.into(),
            inlined: code.inlined.into(),
            loops: code.loops.map(Arc::from),
            kept: self.kept,
        }
    }
}

/// Adds bytes that trap.
fn fill_gap(pieces: &mut Vec<IoSlice<'_>>, mut len: usize) {
    static TRAPS: [u8; CACHE_LINE] = [TRAP; CACHE_LINE];
    while len > 0 {
        let piece = &TRAPS[..len.min(CACHE_LINE)];
        pieces.push(IoSlice::new(piece));
        len -= piece.len();
    }
}

/// The first multiple of `alignment` from `least` on that is good by `starts`, as [`CompiledCode::starts`] says.
fn start_from(least: usize, alignment: usize, starts: u64) -> usize {
    let first = least.next_multiple_of(alignment);
    if starts == 0 {
        return first;
    }
    let candidates = (first..first + CACHE_LINE).step_by(alignment.min(CACHE_LINE));
    candidates.into_iter().find(|start| starts >> (start % CACHE_LINE) & 1 == 1).unwrap_or(first)
}

/// Code of the engine itself, which belongs to no module. Freed with this value.
pub struct CodeHandle {
    space: Arc<CodeSpace>,
    placed: Option<Placed>,
    entry: usize,
}

impl CodeHandle {
    /// Where callers enter; valid while this value lives.
    pub fn entry(&self) -> usize {
        self.entry
    }
}

impl Drop for CodeHandle {
    fn drop(&mut self) {
        if let Some(placed) = self.placed.take() {
            placed.free(&self.space, &fork::enter());
        }
    }
}

impl CodeSpace {
    /// Places a trampoline. Whoever hands its entry address to another thread does so in order (a lock, a
    /// channel, an `Arc`): that is what makes its record visible there.
    pub fn publish_single(self: &Arc<CodeSpace>, kind: CodeKind, code: CompiledCode) -> Result<CodeHandle> {
        let pass = fork::enter();
        let resolve = |_: RelocationTarget, _: Place<'_>| -> Result<usize> {
            Err(Error::Bug { reason: "a trampoline refers to a function of a module".into() })
        };
        let placed =
            Placed::new(self, &pass, None, &mut vec![Unit { kind, tier: None, code, kept: None }], &[], resolve)?;
        let entry = placed.entries[0];
        Ok(CodeHandle { space: Arc::clone(self), placed: Some(placed), entry })
    }
}
