//! What several test programs share: the engine's modes, a small fixture, seeded numbers, memory figures.
//!
//! Not here: anything that knows a particular test.

// Each test program compiles its own copy of this module, uses a part of it, and has no public interface.
#![allow(dead_code, unreachable_pub)]

use updraft::config::{
    BaselineChoice, Config, MemoryMode, Osr, Strategy, Target, TierUp, Tiering, TieringPolicy, Tiers, Validation,
};
use updraft::engine::{CompiledModule, Engine, Waited};
use updraft::error::Error;
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::{Handle, Store};
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::FuncIndex;

/// A way to run WebAssembly. All of them give the same results.
#[derive(Clone, Copy)]
pub struct Mode {
    /// How it is called in reports and on command lines.
    pub name: &'static str,
    adjust: fn(&mut Config),
}

impl Mode {
    /// The engine's defaults, but for the top tier only, with this mode's changes.
    pub fn config(&self) -> Config {
        let mut config = Config { tiers: Tiers::Top, code_reservation: 128 << 20, ..Config::default() };
        (self.adjust)(&mut config);
        config
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Mode {
        *MODES.iter().find(|mode| mode.name == name).expect("a mode of this name")
    }
}

/// The mode in which functions of both tiers call each other, where a test moves some of them up.
pub const MIXED: &str = "mixed";

/// All modes.
pub const MODES: &[Mode] = &[
    Mode { name: "default", adjust: |config| config.tiers = Config::default().tiers },
    Mode { name: "eager", adjust: |config| config.memory_mode = MemoryMode::Guarded },
    Mode {
        name: "lazy",
        adjust: |config| {
            config.memory_mode = MemoryMode::Guarded;
            config.strategy = Strategy::Lazy;
        },
    },
    Mode {
        name: "portable",
        adjust: |config| {
            config.tiers = Tiers::Baseline;
            config.baseline = BaselineChoice::Portable;
        },
    },
    Mode {
        name: "signals-off",
        adjust: |config| {
            config.signals = false;
            config.memory_mode = MemoryMode::Explicit;
        },
    },
    Mode {
        name: "no-avx",
        adjust: |config| {
            config.memory_mode = MemoryMode::Guarded;
            config.target = Target::with_features("x86-64-v2");
        },
    },
    Mode {
        name: "moving",
        adjust: |config| {
            config.memory_mode = MemoryMode::Explicit;
            config.memory_moves = true;
            config.strategy = Strategy::Lazy;
            config.validation = Validation::Deferred;
        },
    },
    Mode {
        name: "baseline",
        adjust: |config| {
            baseline(config);
            config.memory_mode = MemoryMode::Guarded;
        },
    },
    Mode {
        name: "baseline-signals-off",
        adjust: |config| {
            baseline(config);
            config.signals = false;
            config.memory_mode = MemoryMode::Explicit;
        },
    },
    Mode {
        name: "baseline-no-avx",
        adjust: |config| {
            baseline(config);
            config.memory_mode = MemoryMode::Guarded;
            config.target = Target::with_features("x86-64-v2");
            config.strategy = Strategy::Lazy;
            config.validation = Validation::Background;
        },
    },
    Mode {
        name: "baseline-moving",
        adjust: |config| {
            baseline(config);
            config.memory_mode = MemoryMode::Explicit;
            config.memory_moves = true;
        },
    },
    Mode {
        name: "tiered",
        adjust: |config| {
            tiering(config, BaselineChoice::Native, TierUp::Background, 200);
            config.memory_mode = MemoryMode::Guarded;
        },
    },
    Mode {
        name: "eager-top",
        adjust: |config| {
            baseline(config);
            config.tiers = Tiers::Both;
            config.strategy = Strategy::LazyBaselineEagerTop;
        },
    },
    Mode { name: "tiered-at-once", adjust: |config| tiering(config, BaselineChoice::Native, TierUp::Synchronous, 12) },
    Mode {
        name: "tiered-signals-off",
        adjust: |config| {
            tiering(config, BaselineChoice::Native, TierUp::Synchronous, 60);
            config.signals = false;
            config.memory_mode = MemoryMode::Explicit;
        },
    },
    Mode {
        name: "tiered-portable",
        adjust: |config| tiering(config, BaselineChoice::Portable, TierUp::Synchronous, 40),
    },
    Mode {
        name: MIXED,
        adjust: |config| {
            baseline(config);
            config.tiers = Tiers::Both;
            config.tiering.policy = TieringPolicy::Off;
        },
    },
    Mode {
        name: "kept",
        adjust: |config| {
            config.tiers = Tiers::Both;
            config.memory_mode = MemoryMode::Guarded;
            config.artifact_round_trip = true;
        },
    },
    Mode {
        name: "kept-signals-off",
        adjust: |config| {
            config.artifact_round_trip = true;
            config.signals = false;
            config.memory_mode = MemoryMode::Explicit;
        },
    },
    Mode {
        name: "osr",
        adjust: |config| {
            osr(config, 1);
            config.baseline = BaselineChoice::Native;
            config.memory_mode = MemoryMode::Guarded;
        },
    },
    Mode {
        name: "osr-signals-off",
        adjust: |config| {
            osr(config, 2);
            config.baseline = BaselineChoice::Native;
            config.signals = false;
            config.memory_mode = MemoryMode::Explicit;
            config.target = Target::with_features("x86-64-v2");
        },
    },
    Mode {
        name: "osr-portable",
        adjust: |config| {
            osr(config, 1);
            config.baseline = BaselineChoice::Portable;
        },
    },
    Mode {
        name: "fuel",
        adjust: |config| {
            config.fuel = true;
            config.memory_mode = MemoryMode::Explicit;
        },
    },
    Mode {
        name: "baseline-fuel",
        adjust: |config| {
            baseline(config);
            config.fuel = true;
            config.memory_mode = MemoryMode::Guarded;
        },
    },
    Mode {
        name: "tiered-fuel",
        adjust: |config| {
            osr(config, 2);
            config.fuel = true;
            config.strategy = Strategy::Lazy;
            config.baseline = BaselineChoice::Native;
        },
    },
];

/// What a store of a mode with fuel begins with: more than anything takes, copies of 2^64 bytes that trap included.
const FUEL: u64 = u64::MAX;

/// A store in which all of a test can run.
pub fn store(engine: &Engine) -> Result<Store, Error> {
    let mut store = Store::new(engine)?;
    if engine.config().fuel {
        store.set_fuel(FUEL)?;
    }
    Ok(store)
}

/// Running loops go on in the top tier when their headers are reached this often.
fn osr(config: &mut Config, every: u32) {
    config.tiers = Tiers::Both;
    config.tiering = Tiering { policy: TieringPolicy::Custom(1), osr: Osr::At(every), ..Tiering::default() };
}

/// The engine's own baseline compiler, and no other.
fn baseline(config: &mut Config) {
    config.tiers = Tiers::Baseline;
    config.baseline = BaselineChoice::Native;
}

/// Both tiers, where functions move up by themselves after next to no work: random amounts up to `budget`.
fn tiering(config: &mut Config, baseline: BaselineChoice, tier_up: TierUp, budget: u32) {
    config.tiers = Tiers::Both;
    config.baseline = baseline;
    config.strategy = Strategy::Lazy;
    config.tiering = Tiering { policy: TieringPolicy::Custom(budget), tier_up, seed: Some(11), ..Tiering::default() };
}

/// A module in text form, instantiated alone in a store of its own.
pub struct Fixture {
    pub store: Store,
    pub module: CompiledModule,
    pub instance: Instance,
}

impl Fixture {
    /// Instantiates a module that imports nothing, in this mode.
    pub fn new(mode: Mode, text: &str) -> Fixture {
        let fixture = Fixture::with_config(mode.config(), text);
        if mode.name == MIXED {
            tier_up_some(&fixture.module, text.len() as u64);
        }
        fixture
    }

    /// As `new`, with settings of the test's own.
    pub fn with_config(config: Config, text: &str) -> Fixture {
        let engine = Engine::new(config).expect("an engine");
        Fixture::with_engine(&engine, text)
    }

    /// As `new`, in an engine of the test's own.
    pub fn with_engine(engine: &Engine, text: &str) -> Fixture {
        Fixture::with_imports(engine, text, |_| Vec::new())
    }

    /// Instantiates with imports that `imports` makes.
    pub fn with_imports(engine: &Engine, text: &str, imports: impl FnOnce(&mut Store) -> Vec<Extern>) -> Fixture {
        Fixture::of_module(compile(engine, text), imports)
    }

    /// Instantiates a module that imports nothing.
    pub fn with_module(module: CompiledModule) -> Fixture {
        Fixture::of_module(module, |_| Vec::new())
    }

    fn of_module(module: CompiledModule, imports: impl FnOnce(&mut Store) -> Vec<Extern>) -> Fixture {
        let mut store = store(module.engine()).expect("a store");
        let imports = imports(&mut store);
        let instance = Instance::new(&mut store, &module, &imports).expect("an instance");
        Fixture { store, module, instance }
    }

    /// The exported function of this name.
    pub fn func(&mut self, name: &str) -> Func {
        exported_func(&mut self.store, self.instance, name)
    }

    /// Calls an export; the results, or why there are none.
    pub fn call(&mut self, name: &str, args: &[Val]) -> Result<Vec<Val>, Error> {
        let func = self.func(name);
        call(&mut self.store, func, args)
    }

    /// Calls an export which must trap; the code.
    pub fn trap(&mut self, name: &str, args: &[Val]) -> TrapCode {
        match self.call(name, args) {
            Err(Error::Trap(trap)) => trap.code,
            other => panic!("{name} should have trapped: {other:?}"),
        }
    }
}

/// Compiles text.
pub fn compile(engine: &Engine, text: &str) -> CompiledModule {
    let bytes = wat::parse_str(text).expect("valid text");
    CompiledModule::new(engine, &bytes).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Moves some of a module's functions to the top tier, others for other seeds. Only in an engine with both tiers.
pub fn tier_up_some(module: &CompiledModule, seed: u64) {
    let mut rng = Rng::new(seed);
    let imported = module.module().import_counts().functions as u32;
    let defined = 0..module.module().defined_func_count() as u32;
    let some: Vec<FuncIndex> = defined.filter(|_| rng.below(2) == 0).map(|func| FuncIndex(imported + func)).collect();
    assert_eq!(module.wait_tiers(&some, Tier::Top, None).expect("the tier exists"), Waited::Done);
}

/// The function that an instance exports under this name, as a new handle.
pub fn exported_func(store: &mut Store, instance: Instance, name: &str) -> Func {
    match instance.export(store, name).expect("a live instance") {
        Some(Extern::Func(func)) => func,
        other => panic!("{name} is not an exported function: {other:?}"),
    }
}

/// Calls a function with room for its results.
pub fn call(store: &mut Store, func: Func, args: &[Val]) -> Result<Vec<Val>, Error> {
    let ty = func.ty(store)?;
    let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
    func.call(store, args, &mut results)?;
    Ok(results)
}

/// The handle inside an external value.
pub fn extern_handle(item: Extern) -> Handle {
    match item {
        Extern::Func(func) => func.0,
        Extern::Table(table) => table.0,
        Extern::Memory(memory) => memory.0,
        Extern::Global(global) => global.0,
    }
}

/// The handle inside a value, if it is a reference that is not null.
pub fn val_handle(value: Val) -> Option<Handle> {
    match value {
        Val::FuncRef(func) => func.map(|func| func.0),
        Val::ExternRef(object) => object.map(|object| object.0),
        _ => None,
    }
}

/// Seeded numbers (xorshift64*): the same on every machine and in every run.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose numbers depend on the seed only.
    pub fn new(seed: u64) -> Rng {
        // The state must not be zero; the multiplication spreads neighbouring seeds.
        let mut rng = Rng((seed.wrapping_add(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1);
        rng.next();
        rng.next();
        rng
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// This many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// What the process occupies.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Resident bytes.
    pub resident: usize,
    /// Bytes of address space.
    pub address_space: usize,
    /// Mappings.
    pub mappings: usize,
}

/// What the process occupies now.
pub fn footprint() -> Footprint {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a field of the status file");
        line[name.len()..].trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    };
    let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs");
    Footprint { resident: field("VmRSS:"), address_space: field("VmSize:"), mappings: maps.lines().count() }
}

/// Runs the test of this name again in a process of its own, where nothing else takes or frees memory. True in
/// that process; false, after it succeeded, in the one that was asked to run it.
pub fn alone(test: &str) -> bool {
    const ALONE: &str = "UPDRAFT_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let output = command.output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "there is no test {test:?}: {text}");
    false
}

/// A number from the environment, for lengths of runs.
pub fn env_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// Whether the full counts are asked for.
pub fn proving() -> bool {
    std::env::var("UPDRAFT_PROVE").is_ok_and(|value| value == "1")
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}
