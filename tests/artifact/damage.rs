//! Artifacts that were changed: by a bit, anywhere, in length, before and after they were opened.

use updraft::config::{Config, Strategy, Workers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::error::Error;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::FuncIndex;

use super::common::{Rng, compile, cores};
use super::{TEXT, all_top, instance, named, transcript};

/// [`TEXT`] with more functions, so that its artifact is large.
fn large_text() -> String {
    let more = |i: usize| {
        let steps: String = (0..14)
            .map(|step| {
                format!(
                    "(local.set 1 (i32.xor (i32.rotl (local.get 1) (i32.const {})) (i32.load8_u (i32.and (local.get 0)
                        (i32.const {})))))",
                    1 + (i + step) % 31,
                    255 + step
                )
            })
            .collect();
        format!(
            "(func (param i32) (result i32) (local i32) (loop {steps} (br_if 0 (i32.eqz (local.get 1)))) (local.get 1))"
        )
    };
    let functions: String = (0..90).map(more).collect();
    format!("{} {functions})", TEXT.trim_end().strip_suffix(')').unwrap())
}

/// Every bit of an artifact is flipped in turn: the result is an error, or a module that gives the same results, and
/// nothing is ignored.
#[test]
fn a_flipped_bit_is_never_run() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let engine = Engine::new(base()).unwrap();
    let module = compile(&engine, &large_text());
    let all: Vec<FuncIndex> = module.defined_functions().map(FuncIndex).collect();
    module.wait_tiers(&all, Tier::Top, None).unwrap();
    let good = module.serialize().unwrap();
    assert!(good.len() >= 64 << 10, "{} bytes", good.len());
    let wasm = module.module().bytes().to_vec();
    let expected = transcript(&mut instance(module));
    let bits = 8 * good.len();
    let is_full = std::env::var_os("UPDRAFT_PROVE").is_some();
    let count = if is_full { bits } else { 240 };
    let outcomes: Vec<[usize; 3]> = std::thread::scope(|scope| {
        let threads = cores();
        let work = |thread: usize| {
            let (good, wasm, expected) = (&good, &wasm, &expected);
            move || {
                let engine = Engine::new(base()).unwrap();
                let mut rng = Rng::new(thread as u64);
                let mut outcomes = [0; 3];
                for i in (thread..count).step_by(threads) {
                    let bit = if is_full { i } else { rng.below(bits) };
                    outcomes[flip(&engine, good, bit, wasm, expected, i % 16 == 0)] += 1;
                }
                outcomes
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let [errors, rejected, damaged] = [0, 1, 2].map(|of| outcomes.iter().map(|counts| counts[of]).sum::<usize>());
    assert!(rejected > 0 && damaged > 0 && (errors > 0 || !is_full), "{errors} {rejected} {damaged}");
}

/// What became of a flipped bit: 0 an error, 1 rejected as a whole, 2 found where it was needed.
fn flip(engine: &Engine, good: &[u8], bit: usize, wasm: &[u8], expected: &[String], runs: bool) -> usize {
    let mut bytes = good.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let restored = match CompiledModule::deserialize_copy(engine, &bytes, &ModuleOptions::default()) {
        Err(Error::Artifact { .. } | Error::Invalid { .. } | Error::Unsupported { .. }) => return 0,
        Err(other) => panic!("bit {bit}: {other}"),
        Ok(restored) => restored,
    };
    // A damaged module may be another valid one, but then nothing that was kept is run with it.
    if restored.module.module().bytes() != wasm {
        assert!(restored.rejected.is_some(), "bit {bit}");
        return 1;
    }
    let is_rejected = restored.rejected.is_some();
    let mut fixture = instance(restored.module);
    if runs {
        assert_eq!(transcript(&mut fixture), expected, "bit {bit}");
    }
    while engine.run_jobs(usize::MAX, None).unwrap() > 0 {}
    match fixture.module.artifact_status() {
        Some(status) => {
            assert!(status.damaged > 0 && !is_rejected, "bit {bit}: nothing is ignored");
            2
        }
        None => {
            assert!(is_rejected);
            1
        }
    }
}

#[test]
fn what_is_cut_off_is_an_error_or_compiled() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let good = all_top(base());
    let engine = Engine::new(base()).unwrap();
    // Every length, also in the shared slice: it takes no time.
    for len in 0..good.len() {
        let cut = CompiledModule::deserialize_copy(&engine, &good[..len], &ModuleOptions::default());
        assert!(matches!(cut, Err(Error::Artifact { .. })), "{len}");
    }
}

/// Mutations of all kinds, at random places: an error, or a module that was compiled from what is there.
#[test]
fn arbitrary_bytes_are_an_error_or_compiled() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let good = all_top(base());
    let engine = Engine::new(base()).unwrap();
    let load = |bytes: &[u8]| CompiledModule::deserialize_copy(&engine, bytes, &ModuleOptions::default());
    let expected = transcript(&mut instance(load(&good).unwrap().module));
    let wasm = load(&good).unwrap().module.module().bytes().to_vec();
    let mut rng = Rng::new(23);
    let rounds = if std::env::var_os("UPDRAFT_PROVE").is_some() { 200_000 } else { 600 };
    let mut outcomes = [0; 3];
    for round in 0..rounds {
        let mut bytes = good.clone();
        for _ in 0..1 + rng.below(4) {
            let (at, len) = (rng.below(bytes.len()), 1 + rng.below(200));
            let end = (at + len).min(bytes.len());
            match rng.below(5) {
                0 => bytes[at..end].iter_mut().for_each(|byte| *byte = rng.next() as u8),
                1 => bytes[at..end].fill(if rng.below(2) == 0 { 0 } else { 0xff }),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let from = rng.below(good.len() - 1);
                    let piece = good[from..(from + len).min(good.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let from = rng.below(good.len() - 1);
                    let piece = &good[from..(from + end - at).min(good.len())];
                    bytes[at..at + piece.len()].copy_from_slice(piece);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // Some of them have a length that fits.
        if rng.below(2) == 0 && bytes.len() > 24 {
            let len = bytes.len() as u64;
            bytes[16..24].copy_from_slice(&len.to_le_bytes());
        }
        match load(&bytes) {
            Err(_) => outcomes[0] += 1,
            Ok(restored) if restored.module.module().bytes() == wasm => {
                outcomes[1] += 1;
                assert_eq!(transcript(&mut instance(restored.module)), expected, "round {round}");
            }
            Ok(restored) => {
                outcomes[2] += 1;
                assert!(restored.rejected.is_some(), "round {round}: another module with our code");
            }
        }
    }
    assert!(outcomes[0] > 100 && outcomes[1] > 20, "{outcomes:?}");
}

/// In place of the file: a directory, a pipe, nothing, an empty file, one that ends early, one without end.
#[test]
fn only_files_are_read() {
    let folder = std::env::temp_dir().join(format!("updraft-artifact-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let engine = Engine::new(named("default")).unwrap();
    let load = |name: &str| CompiledModule::deserialize_file(&engine, &folder.join(name), &ModuleOptions::default());
    assert!(matches!(load("."), Err(Error::System { .. })));
    assert!(matches!(load("nothing"), Err(Error::System { .. })));
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status();
    if pipe.is_ok_and(|status| status.success()) {
        assert!(matches!(load("pipe"), Err(Error::System { .. })));
    }
    let bytes = all_top(named("default"));
    for (name, contents) in [("empty", &[][..]), ("short", &bytes[..bytes.len() / 2])] {
        std::fs::write(folder.join(name), contents).unwrap();
        assert!(matches!(load(name), Err(Error::Artifact { .. })), "{name}");
    }
    let sparse = std::fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert!(matches!(load("sparse"), Err(Error::Artifact { .. })));
    // The same with a head that is right.
    std::fs::write(folder.join("sparse"), &bytes).unwrap();
    std::fs::OpenOptions::new().write(true).open(folder.join("sparse")).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(load("sparse"), Err(Error::Artifact { .. })));

    // A file that is changed after it was opened.
    std::fs::write(folder.join("good"), &bytes).unwrap();
    let config = Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let engine = Engine::new(config).unwrap();
    let good = CompiledModule::deserialize_file(&engine, &folder.join("good"), &ModuleOptions::default()).unwrap();
    let expected = transcript(&mut instance(compile(&engine, TEXT)));
    std::fs::write(folder.join("good"), vec![0xcc; bytes.len()]).unwrap();
    let mut fixture = instance(good.module);
    assert_eq!(transcript(&mut fixture), expected);
    let status = fixture.module.artifact_status().unwrap();
    assert!(status.loaded == 0 && status.damaged > 0, "{status:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Of a large module only those pages are read that are needed; what was changed meanwhile is an error where it is
/// needed, and nothing else.
#[test]
fn a_large_module_is_read_as_it_is_needed() {
    let functions: String = (0..40)
        .map(|i| {
            let nops = "(nop)".repeat(8000);
            format!("(func (export \"f{i}\") (param i32) (result i32) {nops} (i32.add (local.get 0) (i32.const {i})))")
        })
        .collect();
    let text = format!("(module (memory 4) {functions} (data (i32.const 0) \"{}\"))", "x".repeat(200_000));
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let module = compile(&Engine::new(base()).unwrap(), &text);
    module.wait_tiers(&[FuncIndex(20)], Tier::Top, None).unwrap();
    let bytes = module.serialize().unwrap();
    let path = std::env::temp_dir().join(format!("updraft-large-{}.artifact", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let open = || {
        let engine = Engine::new(base()).unwrap();
        let opened = CompiledModule::deserialize_file(&engine, &path, &ModuleOptions::default()).unwrap();
        assert_eq!(opened.rejected, None);
        opened.module
    };
    // All of it works, and comes back whole.
    let mut whole = instance(open());
    for i in [0, 39, 20, 7] {
        assert_eq!(whole.call(&format!("f{i}"), &[Val::I32(1)]).unwrap(), [Val::I32(1 + i)]);
    }
    assert_eq!(whole.module.progress().loaded, 1);
    assert!(whole.module.serialize().unwrap() == bytes || whole.module.module().bytes() == module.module().bytes());

    // What is already here stays; the rest is gone.
    let mut fixture = instance(open());
    assert_eq!(fixture.call("f0", &[Val::I32(1)]).unwrap(), [Val::I32(1)]);
    let uninstantiated = open();
    std::fs::write(&path, vec![0; bytes.len()]).unwrap();
    assert_eq!(fixture.call("f0", &[Val::I32(2)]).unwrap(), [Val::I32(2)]);
    assert_eq!(fixture.trap("f30", &[Val::I32(1)]), TrapCode::CompilationFailed);
    assert_eq!(fixture.trap("f20", &[Val::I32(1)]), TrapCode::CompilationFailed, "neither its code nor its body");
    assert!(fixture.module.artifact_status().unwrap().damaged >= 2);
    assert!(matches!(fixture.module.serialize(), Err(Error::Artifact { .. })));
    // Its data cannot be had.
    let mut store = Store::new(uninstantiated.engine()).unwrap();
    match Instance::new(&mut store, &uninstantiated, &[]) {
        Err(Error::Trap(trap)) => assert_eq!(trap.code, TrapCode::InvalidModule),
        other => panic!("{:?}", other.map(drop)),
    }
    std::fs::remove_file(&path).unwrap();
}
