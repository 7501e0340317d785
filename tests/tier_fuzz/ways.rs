//! The ways to run a module that must not differ, and one run of a module in one of them.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use updraft::config::{
    BaselineChoice, Config, MemoryMode, Osr, Strategy, TierUp, Tiering, TieringPolicy, Tiers, Workers,
};
use updraft::engine::{CompiledModule, Eagerness, Engine, ModuleOptions};
use updraft::module::ExportItem;
use updraft::module::hints::{HintKind, HostHints};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::{FuncIndex, ValType};

use crate::common::{Rng, extern_handle, val_handle};
use crate::engines::{Called, HostLog, Stop, our_import, plain, stop};
use crate::smith;

/// What a way is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Baseline,
    /// The baseline tier with all that it counts; its profile is exported.
    Counting,
    Top,
    /// Functions move up as they run.
    Tiered,
    /// Loops go on in the top tier while they run.
    Osr,
    /// The top tier with the profile of `Counting`.
    Profiled,
}

/// All of them, in the order in which they are run.
pub const CLASSES: [Class; 6] =
    [Class::Baseline, Class::Counting, Class::Top, Class::Tiered, Class::Osr, Class::Profiled];

/// A way to run modules.
pub struct Way {
    pub name: String,
    pub class: Class,
    pub engine: Engine,
}

/// Every way, by its class.
pub fn ways() -> Vec<Way> {
    let base = || Config {
        canonicalize_nans: true,
        strategy: Strategy::Lazy,
        tiers: Tiers::Both,
        memory_mode: MemoryMode::Guarded,
        code_reservation: 128 << 20,
        workers: Workers::Threads(0),
        ..Config::default()
    };
    let tiering = |budget, osr| Tiering {
        policy: TieringPolicy::Custom(budget),
        tier_up: TierUp::Synchronous,
        osr,
        ..Tiering::default()
    };
    let explicit = |config: Config| Config { memory_mode: MemoryMode::Explicit, signals: false, ..config };
    let mut all = Vec::new();
    let mut add = |name: String, class, config| {
        let engine = Engine::new(config).expect("an engine");
        all.push(Way { name, class, engine });
    };
    add("baseline".into(), Class::Baseline, Config { tiers: Tiers::Baseline, ..base() });
    add("counting".into(), Class::Counting, Config { tiering: tiering(1 << 30, Osr::Off), ..base() });
    let portable = BaselineChoice::Portable;
    let counting = Config { tiering: tiering(1 << 30, Osr::Off), baseline: portable, ..base() };
    add("counting-portable".into(), Class::Counting, counting);
    add("top".into(), Class::Top, Config { tiers: Tiers::Top, ..base() });
    for budget in [1, 40, 400, 4000] {
        let tiering = Tiering { seed: Some(u64::from(budget)), ..tiering(budget, Osr::On) };
        add(format!("tiered-{budget}"), Class::Tiered, Config { tiering, ..base() });
    }
    let off = explicit(Config { tiering: tiering(60, Osr::On), ..base() });
    add("tiered-signals-off".into(), Class::Tiered, off);
    let background = Tiering { tier_up: TierUp::Background, ..tiering(30, Osr::On) };
    let background = Config { tiering: background, workers: Workers::Threads(1), ..base() };
    add("tiered-background".into(), Class::Tiered, background);
    add(
        "tiered-portable".into(),
        Class::Tiered,
        Config { tiering: tiering(80, Osr::On), baseline: portable, ..base() },
    );
    for every in [1, 2, 7, 50] {
        add(format!("osr-{every}"), Class::Osr, Config { tiering: tiering(1, Osr::At(every)), ..base() });
    }
    add("osr-signals-off".into(), Class::Osr, explicit(Config { tiering: tiering(1, Osr::At(3)), ..base() }));
    let osr = Config { tiering: tiering(1, Osr::At(2)), baseline: portable, ..base() };
    add("osr-portable".into(), Class::Osr, osr);
    add("profiled".into(), Class::Profiled, Config { tiers: Tiers::Top, ..base() });
    add("profiled-tiered".into(), Class::Profiled, Config { tiering: tiering(200, Osr::On), ..base() });
    all
}

/// How often a profile is brought in: small counts say nothing.
const HOT: usize = 300;

/// A module, and what is called in it.
pub struct Program {
    pub wasm: Vec<u8>,
    pub calls: Vec<(String, Vec<Val>)>,
    /// A global that is set before each call, so that it ends.
    pub fuel: Option<String>,
    /// After how many calls the whole state is looked at.
    pub state_every: usize,
}

/// What a call, or a look at the state, has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The module could not be instantiated.
    Refused(Option<Stop>),
    /// The result, the functions and offsets of the backtrace, and what host functions were given so far.
    Call { called: Called, frames: Vec<(u32, u32)>, host: (u64, u64) },
    /// A hash of memories, tables and globals.
    State(u64),
}

/// What a run has shown.
pub struct Trace {
    pub steps: Vec<Step>,
    pub traps: u64,
    pub module: CompiledModule,
    /// Functions that were called by the host.
    pub called: Vec<FuncIndex>,
}

/// Why a run says nothing.
pub enum Nothing {
    /// A resource ran out.
    Exhausted,
    /// The engine does not take the module.
    Refused(String),
}

/// Brings in profiles that say something else than what happened: damaged ones that are taken all the same.
fn mislead(module: &CompiledModule, profile: &[u8], seed: u64) {
    let mut rng = Rng::new(seed);
    for _ in 0..100 {
        let mut damaged = profile.to_vec();
        let at = rng.below(damaged.len());
        damaged[at] ^= 1 << rng.below(8);
        let _ = module.import_profile(&damaged, Eagerness::Wait);
    }
}

/// Hints of all kinds, wherever an operator may be.
fn hints(seed: u64) -> HostHints {
    let (mut rng, mut hints) = (Rng::new(seed), HostHints::default());
    for (func, offset) in (0..24).flat_map(|func| (0..160).map(move |offset| (FuncIndex(func), offset))) {
        let frequency = [0, 1, 20, 32, 36, 64, 127, 127][rng.below(8)];
        match rng.below(4) {
            0 => hints.add(HintKind::Branch, func, offset, &[rng.below(2) as u8]),
            1 => hints.add(HintKind::Frequency, func, offset, &[frequency]),
            2 => hints.add(HintKind::Targets, func, offset, &[rng.below(24) as u8, 60, rng.below(24) as u8, 40]),
            _ => {}
        }
    }
    hints
}

struct Run<'a> {
    program: &'a Program,
    store: Store,
    module: CompiledModule,
    instance: Instance,
    log: Arc<Mutex<HostLog>>,
}

/// Runs a program.
pub fn run(way: &Way, program: &Program, profile: Option<&[u8]>, seed: u64) -> Result<Trace, Nothing> {
    let refused = |error: &dyn std::fmt::Display| Nothing::Refused(format!("{}: {error}", way.name));
    let hints = if profile.is_some() && !seed.is_multiple_of(3) { hints(seed) } else { HostHints::default() };
    let options = ModuleOptions { hints, ..ModuleOptions::default() };
    let module = CompiledModule::with_options(&way.engine, &program.wasm, &options).map_err(|error| refused(&error))?;
    // Of one in three, hints are all that is known.
    if let Some(profile) = profile.filter(|_| seed % 3 != 1) {
        // So often that what has run looks hot.
        for _ in 0..HOT {
            module.import_profile(profile, Eagerness::Wait).map_err(|error| refused(&error))?;
        }
        if seed % 2 == 1 {
            mislead(&module, profile, seed);
        }
    }
    if profile.is_some() {
        let all: Vec<FuncIndex> = module.defined_functions().map(FuncIndex).collect();
        module.wait_tiers(&all, Tier::Top, None).map_err(|error| refused(&error))?;
    }
    let mut store = Store::new(&way.engine).map_err(|error| refused(&error))?;
    let log = Arc::new(Mutex::new(HostLog::default()));
    let imports = module.module().imports().iter().enumerate();
    let imports: Result<Vec<Extern>, _> =
        imports.map(|(index, import)| our_import(&mut store, &log, index, &import.ty)).collect();
    let imports = imports.map_err(|error| Nothing::Refused(error.0))?;
    let instance = match Instance::new(&mut store, &module, &imports) {
        Ok(instance) => instance,
        Err(error) => {
            let called = Vec::new();
            return match stop(error) {
                Ok(Stop::Exhausted) => Err(Nothing::Exhausted),
                Ok(stop) => Ok(Trace { steps: vec![Step::Refused(Some(stop))], traps: 0, module, called }),
                Err(_) => Ok(Trace { steps: vec![Step::Refused(None)], traps: 0, module, called }),
            };
        }
    };
    Run { program, store, module, instance, log }.calls().map_err(|nothing| match nothing {
        Nothing::Refused(why) => Nothing::Refused(format!("{}: {why}", way.name)),
        nothing => nothing,
    })
}

impl Run<'_> {
    fn calls(mut self) -> Result<Trace, Nothing> {
        let mut steps = vec![Step::State(self.state())];
        let (mut called_funcs, mut traps) = (Vec::new(), 0);
        for (number, (export, args)) in self.program.calls.iter().enumerate() {
            if let Some(fuel) = &self.program.fuel {
                self.set_global(fuel, Val::I32(smith::FUEL));
            }
            let (called, frames) = self.call(export, args)?;
            traps += u64::from(called.is_err());
            let host = {
                let log = self.log.lock().expect("recording does not panic");
                (log.hash, log.count)
            };
            steps.push(Step::Call { called, frames, host });
            if (number + 1) % self.program.state_every == 0 || number + 1 == self.program.calls.len() {
                steps.push(Step::State(self.state()));
            }
            if let Some(ExportItem::Func(func)) = self.module.find_export(export) {
                called_funcs.push(func);
            }
        }
        called_funcs.sort_unstable();
        called_funcs.dedup();
        Ok(Trace { steps, traps, module: self.module, called: called_funcs })
    }

    fn call(&mut self, export: &str, args: &[Val]) -> Result<(Called, Vec<(u32, u32)>), Nothing> {
        let item = self.instance.export(&mut self.store, export).expect("a live instance");
        let Some(Extern::Func(func)) = item else { panic!("{export:?} is not a function") };
        let count = func.ty(&self.store).expect("a live function").results().len();
        let mut results = vec![Val::I32(0); count];
        let outcome = func.call(&mut self.store, args, &mut results);
        self.store.release(func.0).expect("a live handle");
        let Err(error) = outcome else {
            for handle in results.iter().copied().filter_map(val_handle) {
                self.store.release(handle).expect("a live handle");
            }
            // References only say whether they are null.
            let results = results.iter().map(|value| if val_handle(*value).is_some() { Val::I64(1) } else { *value });
            return Ok((Ok(results.collect()), Vec::new()));
        };
        let frames = error.trap().map(|trap| &trap.frames[..]).unwrap_or_default();
        let frames = frames.iter().map(|frame| (frame.func.0, frame.module_offset)).collect();
        match stop(error) {
            Ok(Stop::Exhausted) => Err(Nothing::Exhausted),
            Ok(stop) => Ok((Err(stop), frames)),
            Err(error) => Err(Nothing::Refused(format!("{export:?}: {error}"))),
        }
    }

    fn set_global(&mut self, name: &str, value: Val) {
        if let Ok(Some(Extern::Global(global))) = self.instance.export(&mut self.store, name) {
            global.set(&mut self.store, value).expect("the fuel can be set");
            self.store.release(global.0).expect("a live handle");
        }
    }

    /// A hash of all that is exported.
    fn state(&mut self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let module = self.module.module().clone();
        for (index, export) in module.exports().iter().enumerate() {
            if matches!(export.item, ExportItem::Func(_)) {
                continue;
            }
            let item = self.instance.export_at(&mut self.store, index).expect("a live instance").expect("an export");
            match item {
                Extern::Memory(memory) => {
                    let (base, len) = memory.data(&self.store).expect("a live memory");
                    // SAFETY: base and length are the memory's, nothing runs, and the slice is gone before anything grows.
                    let bytes = if len == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(base, len) } };
                    bytes.hash(&mut hasher);
                }
                Extern::Table(table) => {
                    for index in 0..table.size(&self.store).expect("a live table") {
                        let element = table.get(&mut self.store, index).expect("a live table").expect("an element");
                        self.hash_value(element, &mut hasher);
                    }
                }
                Extern::Global(global) => {
                    let value = global.get(&mut self.store).expect("a live global");
                    self.hash_value(value, &mut hasher);
                }
                Extern::Func(_) => {}
            }
            self.store.release(extern_handle(item)).expect("a live handle");
        }
        hasher.finish()
    }

    fn hash_value(&mut self, value: Val, hasher: &mut DefaultHasher) {
        plain(&value).hash(hasher);
        if let Some(handle) = val_handle(value) {
            self.store.release(handle).expect("a live handle");
        }
    }
}

impl Trace {
    /// Functions that were called and that have code, or loops, as a class is about.
    pub fn covered(&self, class: Class) -> Vec<FuncIndex> {
        let is_covered = |func: &&FuncIndex| {
            self.module.function(**func).is_some_and(|state| match class {
                Class::Baseline | Class::Counting => state.word.reached() == Some(Tier::Baseline),
                Class::Top | Class::Tiered => state.word.reached() == Some(Tier::Top),
                Class::Osr => state.osr.entered_sites != 0,
                Class::Profiled => state.word.reached() == Some(Tier::Top),
            })
        };
        self.called.iter().filter(is_covered).copied().collect()
    }

    /// Types of the locals of functions whose loops went on in the top tier, once for each loop.
    pub fn live_types(&self) -> Vec<ValType> {
        let module = self.module.module();
        let mut types = Vec::new();
        for func in self.module.defined_functions().map(FuncIndex) {
            let sites = self.module.function(func).map_or(0, |state| state.osr.entered_sites);
            let body = module.body(module.defined_func(func).expect("a defined function"));
            let body = wasmparser::FunctionBody::new(wasmparser::BinaryReader::new(&module.bytes()[body], 0));
            for _ in 0..sites {
                types.extend_from_slice(module.func_type(func).params());
                for local in body.get_locals_reader().expect("validated") {
                    types.push(match local.expect("validated").1 {
                        wasmparser::ValType::I32 => ValType::I32,
                        wasmparser::ValType::I64 => ValType::I64,
                        wasmparser::ValType::F32 => ValType::F32,
                        wasmparser::ValType::F64 => ValType::F64,
                        wasmparser::ValType::V128 => ValType::V128,
                        wasmparser::ValType::Ref(ty) if ty.is_func_ref() => ValType::FuncRef,
                        wasmparser::ValType::Ref(_) => ValType::ExternRef,
                    });
                }
            }
        }
        types
    }
}

/// Where two runs differ.
pub fn difference(one: &Trace, other: &Trace, program: &Program) -> Option<String> {
    if one.steps == other.steps {
        return None;
    }
    let at = one.steps.iter().zip(&other.steps).position(|(a, b)| a != b);
    let at = at.unwrap_or(one.steps.len().min(other.steps.len()));
    let calls = one.steps[..at.min(one.steps.len())].iter().filter(|step| matches!(step, Step::Call { .. })).count();
    let (one, other) = (one.steps.get(at), other.steps.get(at));
    Some(format!("step {at}, call {:x?}:\n  {one:x?}\n  {other:x?}", program.calls.get(calls)))
}
