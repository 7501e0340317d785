//! What opening an artifact costs: from its file to a module, to an instance, and to a function of the top tier.
//!
//!     cargo run --profile fast --example artifact -- FILE.wasm [functions [rounds [export]]]
//!
//! So many functions have code of the top tier in it (200). Wall time and processor time of the thread; the best of several
//! rounds (15) counts. Imports are functions that trap, so nothing of the module is run but what one function needs. If an
//! export is named, it is called with zeros, and the sum of all steps is printed: from the file to the first result.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use updraft::config::{Config, Strategy, Tiers, Workers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::module::ExportItem;
use updraft::runtime::linker::Linker;
use updraft::runtime::memory::{Memory, SharedMemory};
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::types::{ExternType, FuncIndex, ValType};

/// Milliseconds of processor time of this thread.
fn thread_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live struct.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// What a step costs: its result, wall time and processor time.
fn step<T>(body: impl FnOnce() -> T) -> (T, [f64; 2]) {
    let (wall, thread) = (Instant::now(), thread_ms());
    let result = body();
    (result, [wall.elapsed().as_secs_f64() * 1e3, thread_ms() - thread])
}

fn config() -> Config {
    Config {
        tiers: Tiers::Both,
        strategy: Strategy::Lazy,
        workers: Workers::Threads(0),
        artifact_key: Some(Arc::from(&b"a benchmark's key"[..])),
        ..Config::default()
    }
}

/// What an instance of the module costs, and a call of its export.
fn first_result(engine: &Engine, module: &CompiledModule, export: Option<&str>) -> [[f64; 2]; 2] {
    let mut store = Store::new(engine).expect("a store");
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(module).expect("imports");
    for import in module.module().imports() {
        if let ExternType::Memory(ty) = import.ty {
            let memory = match SharedMemory::new(engine, ty) {
                Ok(shared) => Memory::from_shared(&mut store, &shared),
                Err(_) => Memory::new(&mut store, ty),
            };
            let memory = Extern::Memory(memory.expect("a memory"));
            linker.define(&mut store, &import.module, &import.name, memory).expect("a definition");
        }
    }
    let (instance, instantiated) = step(|| linker.instantiate(&mut store, module));
    let instance = instance.expect("an instance");
    let Some(name) = export else { return [instantiated, [0.0; 2]] };
    let Some(ExportItem::Func(func)) = module.find_export(name) else { panic!("{name} is not a function") };
    let ty = module.module().func_type(func).clone();
    let zeros = |types: &[ValType]| types.iter().map(|ty| Val::default_of(*ty)).collect::<Vec<Val>>();
    let (args, mut results) = (zeros(ty.params()), zeros(ty.results()));
    let (result, called) = step(|| match instance.export(&mut store, name) {
        Ok(Some(Extern::Func(func))) => func.call(&mut store, &args, &mut results),
        other => panic!("{other:?}"),
    });
    result.expect("a result");
    [instantiated, called]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let bytes = std::fs::read(arguments.next().expect("a file")).expect("a readable file");
    let count: usize = arguments.next().map_or(200, |text| text.parse().expect("a number"));
    let rounds: usize = arguments.next().map_or(15, |text| text.parse().expect("a number"));
    let export = arguments.next();
    let path: PathBuf = std::env::temp_dir().join(format!("updraft-bench-{}.artifact", std::process::id()));

    let engine = Engine::new(config()).expect("an engine");
    let (module, made) = step(|| CompiledModule::new(&engine, &bytes).expect("a module"));
    let functions: Vec<FuncIndex> = module.defined_functions().map(FuncIndex).collect();
    let mut hot: Vec<FuncIndex> = functions.iter().copied().step_by((functions.len() / count).max(1)).collect();
    if export.is_some() {
        first_result(&engine, &module, export.as_deref());
        let ran = |func: &FuncIndex| module.function_state(*func).is_ok_and(|word| word.reached().is_some());
        hot.extend(functions.iter().copied().filter(ran));
    }
    module.wait_tiers(&hot, Tier::Top, None).expect("the tier");
    let (artifact, written) = step(|| module.serialize().expect("an artifact"));
    std::fs::write(&path, &artifact).expect("a file");
    println!("{} functions, {} hot, {} bytes of code", functions.len(), hot.len(), module.code_size());
    println!("made from wasm {:9.3} ms, {} bytes serialised {:9.3} ms", made[0], artifact.len(), written[0]);

    let mut best = [[f64::MAX; 2]; 5];
    for _ in 0..rounds {
        let engine = Engine::new(config()).expect("an engine");
        let (module, open) = step(|| {
            let restored = CompiledModule::deserialize_file(&engine, &path, &ModuleOptions::default());
            restored.expect("a module").module
        });
        assert_eq!(module.artifact_rejected(), None);
        let [instantiated, call] = first_result(&engine, &module, export.as_deref());
        let (waited, loaded) = step(|| module.wait_tier(hot[hot.len() / 2], Tier::Top, None));
        waited.expect("the tier");
        assert_eq!(module.progress().compiled, 0);
        let all = [0, 1].map(|of| open[of] + instantiated[of] + call[of]);
        for (best, now) in best.iter_mut().zip([open, instantiated, loaded, call, all]) {
            *best = [best[0].min(now[0]), best[1].min(now[1])];
        }
    }
    std::fs::remove_file(&path).expect("the file");
    for (name, [wall, thread]) in
        ["opened", "instantiated", "one function", "called", "first result"].into_iter().zip(best)
    {
        println!("{name:14} {wall:9.3} ms, thread {thread:9.3} ms");
    }
}
