//! The profile of a module: what its baseline code has counted, and what the host brought in.
//!
//!     baseline code --> shards of counters --> snapshot per function --> optimising tier
//!                                    |                  ^
//!                                    '--> data <--> host, bytes (`format`)
//!
//! A snapshot is taken when a function is compiled for the top tier; it is plain data, so that the compiler stays a
//! pure function. Counters are read while threads count: a snapshot is of about now, and may be half-way in the middle
//! of a change. Nothing in it is believed: a target is one of the module's own functions, or is not there.
//!
//! Not here: the memory of the counters (`code::counters`), where each of them is (`tier::counters`).

mod data;
pub mod format;
mod hinted;
pub mod sections;

pub use data::{FunctionRecord, ProfileData, Reach, TARGETS};

use std::sync::{Arc, OnceLock};

use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::lock::Lock;
use crate::abi::profile::{SITE_COUNT0, SITE_COUNT1, SITE_OTHERS, SITE_SLOT0, SITE_SLOT1};
use crate::code::ModuleCode;
use crate::code::counters::{Counters, Shard};
use crate::error::Result;
use crate::module::Module;
use crate::tier::Counts;
use crate::tier::counters::{CounterLayout, ends_stretch};
use crate::tier::profile::{Absent, CallCount, FunctionProfile, IndirectCalls, LoopTrips};
use crate::types::{DefinedFunc, FuncIndex, TypeIndex};

/// Functions whose sites a snapshot has besides the function's own.
const CALLEES: usize = 64;

/// Bytes of the bodies of such functions, each: longer ones are not compiled into others.
const CALLEE_BYTES: usize = 4096;

/// The profile of a module. Any thread.
pub struct ModuleProfile {
    module: Arc<Module>,
    /// `None`: nothing is counted. Not set before the module is whole.
    counted: OnceLock<Option<Counted>>,
    counts: Counts,
    imported: Lock<Imported>,
}

/// What was found out elsewhere.
#[derive(Clone, Default)]
struct Imported {
    /// All of it: what the host brought in, and what follows.
    all: Option<Arc<ProfileData>>,
    /// What was kept with the module.
    kept: Option<Arc<ProfileData>>,
}

impl Imported {
    fn add(&mut self, data: &ProfileData) {
        let mut merged = self.all.as_deref().cloned().unwrap_or_default();
        merged.merge(data);
        self.all = Some(Arc::new(merged));
    }
}

struct Counted {
    layout: CounterLayout,
    counters: Counters,
}

impl ModuleProfile {
    /// A profile in which nothing is counted yet; `known` was brought in.
    pub fn new(module: &Arc<Module>, counts: Counts, known: Option<Arc<ProfileData>>) -> ModuleProfile {
        let imported = Lock::new(Imported { all: known, kept: None });
        ModuleProfile { module: module.clone(), counted: OnceLock::new(), counts, imported }
    }

    /// The module is whole: it is known how much there is to count.
    pub(super) fn complete(&self) {
        let layout = CounterLayout::new(&self.module).filter(|_| self.counts == Counts::On);
        let counted = layout.map(|layout| Counted { layout, counters: Counters::new(layout.bytes(&self.module)) });
        // Nobody else sets it.
        let _ = self.counted.set(counted);
    }

    fn counting(&self) -> Option<&Counted> {
        self.counted.get()?.as_ref()
    }

    /// What an instance that this thread makes counts in: null if nothing is counted.
    pub fn shard(&self) -> Result<*mut u8> {
        self.counting().map_or(Ok(std::ptr::null_mut()), |counted| counted.counters.of_this_thread())
    }

    /// Notes that a budget was spent at the loop at this offset.
    pub fn note_loop(&self, wasm_offset: u32) {
        if let Some(Counted { layout, counters }) = self.counting()
            && let Some(shard) = counters.shards().next()
        {
            shard.add(layout.cell(wasm_offset), 1);
        }
    }

    /// Adds what is known from elsewhere to what was brought in before. It was read for this module.
    pub fn import(&self, data: &ProfileData) {
        self.imported.lock().add(data);
    }

    /// The same of what an artifact or an entry of a cache has, of which the module was made. Once.
    pub fn import_kept(&self, data: ProfileData) {
        let mut imported = self.imported.lock();
        imported.add(&data);
        imported.kept = Some(Arc::new(data));
    }

    /// Bytes of memory that the counters may take.
    pub fn memory_use(&self) -> usize {
        self.counting().map_or(0, |counted| counted.counters.reserved())
    }

    /// All that is known of the module. `reach` is how far a function got here.
    pub fn data(&self, code: &ModuleCode, reach: impl Fn(DefinedFunc) -> Reach) -> ProfileData {
        self.data_and_kept(code, reach).0
    }

    /// All that is known of the module, and what part of that it was kept with.
    pub fn data_and_kept(
        &self,
        code: &ModuleCode,
        reach: impl Fn(DefinedFunc) -> Reach,
    ) -> (ProfileData, Option<Arc<ProfileData>>) {
        let Imported { all: imported, kept } = self.imported.lock().clone();
        let all = (0..self.module.defined_func_count() as u32).map(DefinedFunc);
        let functions = all.filter_map(|func| {
            let reach = reach(func);
            // What did not run has counted nothing, and need not be looked at.
            let mut record = match reach {
                Reach::Nowhere => {
                    imported.as_deref().and_then(|known| known.function(func)).cloned().unwrap_or_default()
                }
                _ => self.record(code, imported.as_deref(), func),
            };
            record.reach = record.reach.max(reach);
            (!record.is_empty()).then_some((func, record))
        });
        (ProfileData { functions: functions.collect() }, kept)
    }

    /// All that is known of a function. `reach` is how far it got here.
    pub fn function(&self, code: &ModuleCode, func: DefinedFunc, reach: Reach) -> FunctionRecord {
        let imported = self.imported.lock().all.clone();
        let mut record = self.record(code, imported.as_deref(), func);
        record.reach = record.reach.max(reach);
        record
    }

    /// How a function has run, and what it calls: for the optimising tier. `None`: nothing is known of it.
    pub fn snapshot(&self, code: &ModuleCode, func: DefinedFunc) -> Option<FunctionProfile> {
        let imported = self.imported.lock().all.clone();
        let mut own = self.record(code, imported.as_deref(), func);
        // What was measured, or else what was said: the two have no scale in common.
        let hinted = !own.has_counts();
        let mut profile = FunctionProfile::default();
        if hinted {
            profile.absent = Absent::Unknown;
            own = hinted::record(&self.module, func, &profile);
        }
        hinted::add_orders(&self.module, func, &mut profile);
        if !own.has_counts() && profile.orders.is_empty() {
            return None;
        }
        let mut met = vec![func];
        let mut waiting = self.callees(&own);
        own.add_to(&mut profile);
        // In the order in which they are met: nearer ones first.
        let mut next = 0;
        while next < waiting.len() && met.len() <= CALLEES {
            let callee = waiting[next];
            next += 1;
            if met.contains(&callee) {
                continue;
            }
            met.push(callee);
            if self.module.body_range(callee).len() <= CALLEE_BYTES {
                let record = match hinted {
                    true => hinted::record(&self.module, callee, &profile),
                    false => self.record(code, imported.as_deref(), callee),
                };
                hinted::add_orders(&self.module, callee, &mut profile);
                waiting.extend(self.callees(&record));
                record.add_to(&mut profile);
            }
        }
        profile.calls.sort_unstable_by_key(|call| call.wasm_offset);
        profile.indirect.sort_unstable_by_key(|site| site.wasm_offset);
        profile.loops.sort_unstable_by_key(|site| site.wasm_offset);
        profile.orders.sort_unstable_by_key(|(at, _)| *at);
        Some(profile)
    }

    /// Functions that a function was seen to call.
    fn callees(&self, record: &FunctionRecord) -> Vec<DefinedFunc> {
        let direct = record.calls.iter().filter_map(|call| called_at(&self.module, call.wasm_offset));
        let indirect = record.indirect.iter().flat_map(|site| site.targets.iter().map(|(func, _)| *func));
        direct.chain(indirect).collect()
    }

    /// All that is known of a function.
    fn record(&self, code: &ModuleCode, imported: Option<&ProfileData>, func: DefinedFunc) -> FunctionRecord {
        let mut record = self.counted(code, func);
        if let Some(known) = imported.and_then(|imported| imported.function(func)) {
            record.merge(known);
        }
        record
    }

    /// What was counted of a function in all shards.
    fn counted(&self, code: &ModuleCode, func: DefinedFunc) -> FunctionRecord {
        let mut record = FunctionRecord::default();
        let Some(Counted { layout, counters }) = self.counting() else { return record };
        let sum = |cell| counters.shards().map(|shard| shard.count(cell)).sum::<u64>();
        let mut indirect_index = 0;
        each_site(&self.module, func, |wasm_offset, site| match site {
            Site::Call(first) => {
                let count = sum(layout.cell(wasm_offset)).max(sum(layout.cell(first)));
                if count != 0 {
                    record.calls.push(CallCount { wasm_offset, count });
                }
            }
            Site::Loop => {
                let trips = sum(layout.cell(wasm_offset));
                if trips != 0 {
                    record.loops.push(LoopTrips { wasm_offset, trips });
                }
            }
            Site::Indirect(ty) => {
                if let Some(site) = layout.site(&self.module, func, indirect_index) {
                    let mut calls = IndirectCalls { wasm_offset, total: 0, targets: Vec::new() };
                    counters.shards().for_each(|shard| add_site(&mut calls, code, shard, site));
                    calls.targets.retain(|(func, _)| fits(&self.module, *func, ty));
                    data::sort_targets(&mut calls.targets);
                    if calls.total != 0 {
                        record.indirect.push(calls);
                    }
                }
                indirect_index += 1;
            }
        });
        record
    }
}

/// How often each function was called by code of the module, as far as `data` tells.
pub fn calls_of_functions(module: &Module, data: &ProfileData) -> Vec<u64> {
    let mut counts = vec![0u64; module.defined_func_count()];
    let mut add = |func: DefinedFunc, count| {
        let known = &mut counts[func.index()];
        *known = known.saturating_add(count);
    };
    for (_, record) in &data.functions {
        for call in &record.calls {
            if let Some(func) = called_at(module, call.wasm_offset) {
                add(func, call.count);
            }
        }
        record.indirect.iter().flat_map(|site| &site.targets).for_each(|(func, count)| add(*func, *count));
    }
    counts
}

/// Adds what a shard has counted at an indirect call.
fn add_site(calls: &mut IndirectCalls, code: &ModuleCode, shard: Shard<'_>, site: i32) {
    for (slot, count) in [(SITE_SLOT0, SITE_COUNT0), (SITE_SLOT1, SITE_COUNT1)] {
        let (slot, count) = (shard.address(site + slot), shard.count(site + count));
        calls.total += count;
        if let Some(func) = code.function_of_slot(slot).filter(|_| count != 0) {
            data::add_target(&mut calls.targets, func, count);
        }
    }
    calls.total += shard.count(site + SITE_OTHERS);
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    /// A direct call of a function of the module; where the first one of its stretch is (`tier/counters.rs`).
    Call(u32),
    /// An indirect call of functions of this type.
    Indirect(TypeIndex),
    Loop,
}

/// The counted operators of a function, those that cannot be reached included, with their offsets in the module. Of a
/// body that has not been validated yet, and is not valid: some.
fn each_site(module: &Module, func: DefinedFunc, mut each: impl FnMut(u32, Site)) {
    let range = module.body_range(func);
    let bytes = module.wire().known(range.clone());
    let body = FunctionBody::new(BinaryReader::new(bytes, range.start as u64));
    let Ok(mut operators) = body.get_operators_reader() else { return };
    let mut first = None;
    while !operators.eof() {
        let offset = operators.original_position() as u32;
        let Ok(operator) = operators.read() else { return };
        match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index }
                if defined(module, function_index).is_some() =>
            {
                each(offset, Site::Call(*first.get_or_insert(offset)));
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                each(offset, Site::Indirect(TypeIndex(type_index)));
            }
            Operator::Loop { .. } => each(offset, Site::Loop),
            _ => {}
        }
        if ends_stretch(bytes[offset as usize - range.start]) {
            first = None;
        }
    }
}

/// Whether a function can be what an indirect call of this type calls: it has a reference, and the type.
fn fits(module: &Module, func: DefinedFunc, ty: TypeIndex) -> bool {
    let index = module.func_index(func);
    module.escaping_position(index).is_some() && module.types().get(ty.index()) == Some(module.func_type(index))
}

/// The function that the direct call at this offset calls.
fn called_at(module: &Module, wasm_offset: u32) -> Option<DefinedFunc> {
    let start = wasm_offset as usize + 1;
    let mut reader = BinaryReader::new(module.wire().slice(start..module.wire().len().min(start + 5))?, 0);
    defined(module, reader.read_var_u32().ok()?)
}

/// The function of this index, if the module defines it.
fn defined(module: &Module, index: u32) -> Option<DefinedFunc> {
    module.defined_func(FuncIndex(index)).filter(|func| func.index() < module.defined_func_count())
}
