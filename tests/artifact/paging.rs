//! Memories of modules from artifacts have their initial contents as they are needed: whoever looks first, it is the same.

use updraft::config::{Config, Strategy, Tiers, Workers};
use updraft::engine::{CompiledModule, Engine, ModuleOptions};
use updraft::error::Error;
use updraft::runtime::instance::Instance;
use updraft::runtime::memory::Memory;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::tier::Tier;
use updraft::trap::TrapCode;
use updraft::types::FuncIndex;

use super::common::{Fixture, MODES, Rng, compile};
use super::{config, i32s, instance, named, restore};

/// Where the data begins, and how long it is: eight units and a bit, whose ends are not those of pages.
const START: usize = 100;
const LEN: usize = 8 * (32 << 10) + 5000;

fn data() -> Vec<u8> {
    Rng::new(77).bytes(LEN)
}

/// Code that is the first to touch a unit in every way.
fn text() -> String {
    let escaped: String = data().iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(module
        (memory (export "memory") 8 20)
        (data (i32.const {START}) "{escaped}")
        (data $passive "a passive segment")
        (func $at (export "at") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "deep") (param i32) (result i32) (i32.add (i32.const 1) (call $at (local.get 0))))
        (func (export "constant") (result i32) (i32.load (i32.const 40000)))
        (func (export "wide") (param i32) (result i64) (i64.load (local.get 0)))
        (func (export "float") (param i32) (result i32)
            (i32.wrap_i64 (i64.trunc_sat_f64_s (f64.add (f64.load (local.get 0)) (f64.convert_i32_s (local.get 0))))))
        (func (export "vector") (param i32 i32) (result i32)
            (i32x4.extract_lane 3 (i32x4.add (v128.load (local.get 0)) (v128.load (local.get 1)))))
        (func (export "choose") (param i32 i32) (result i32)
            (select (i32.load (local.get 0)) (i32.load (local.get 1))
                (i32.lt_u (i32.load offset=4 (local.get 0)) (i32.load offset=4 (local.get 1)))))
        (func (export "branch") (param i32) (result i32) (local i32)
            (loop
                (if (i32.gt_s (i32.load (local.get 0)) (i32.const 0))
                    (then (local.set 1 (i32.add (local.get 1) (i32.const 1)))))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4093))) (i32.const {LEN}))))
            (local.get 1))
        (func (export "put") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
        (func (export "move") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init") (param i32) (memory.init $passive (local.get 0) (i32.const 2) (i32.const 9)))
        (func (export "again") (param i32) (memory.init 0 (local.get 0) (i32.const 0) (i32.const 1)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#
    )
}

/// Steps, of which a test takes any number in any order.
fn steps() -> Vec<(&'static str, Vec<Val>)> {
    let unit = |number: i32| number * (32 << 10);
    vec![
        ("at", i32s(&[unit(3) + 7])),
        ("deep", i32s(&[unit(5) + 7])),
        ("constant", vec![]),
        ("wide", i32s(&[unit(2) - 3])),
        ("float", i32s(&[unit(6) - 4])),
        ("vector", i32s(&[unit(1) - 9, unit(4) - 1])),
        ("choose", i32s(&[unit(7) - 6, unit(3) - 2])),
        ("branch", i32s(&[0])),
        ("put", i32s(&[unit(4) - 2, 0x1234_5678])),
        ("move", i32s(&[unit(1) + 100, unit(6) - 50, 3000])),
        ("move", i32s(&[unit(7), unit(2) + 50, 40_000])),
        ("move", i32s(&[unit(7), unit(15) + 50, 40_000])),
        ("fill", i32s(&[unit(5) - 77, 0xee, 200])),
        ("init", i32s(&[unit(6) - 4])),
        ("again", i32s(&[0])),
        ("grow", i32s(&[1])),
        ("grow", i32s(&[100])),
        ("at", i32s(&[(8 << 16) - 1])),
        ("at", i32s(&[20 << 16])),
    ]
}

fn outcome(fixture: &mut Fixture, (name, args): &(&str, Vec<Val>)) -> String {
    match fixture.call(name, args) {
        Ok(values) => format!("{name} {values:?}"),
        Err(Error::Trap(trap)) => {
            let frames: Vec<_> = trap.frames.iter().map(|frame| (frame.func.0, frame.module_offset)).collect();
            format!("{name} {:?} {frames:?}", trap.code)
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

fn memory(fixture: &mut Fixture) -> Memory {
    match fixture.instance.export(&mut fixture.store, "memory").unwrap() {
        Some(Extern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    }
}

/// All bytes, taken as a host does who wants their address.
fn bytes(fixture: &mut Fixture) -> Vec<u8> {
    let memory = memory(fixture);
    let (base, len) = memory.data(&fixture.store).unwrap();
    // SAFETY: the memory is not used meanwhile.
    unsafe { std::slice::from_raw_parts(base, len) }.to_vec()
}

#[test]
fn contents_come_whoever_looks_first_in_every_mode() {
    let (text, steps) = (text(), steps());
    for mode in MODES {
        let engine = Engine::new(config(*mode)).unwrap();
        let module = compile(&engine, &text);
        if engine.config().tiers == Tiers::Both {
            super::tier_up_some(&module, 3);
        }
        let artifact = module.serialize().unwrap();
        let mut rng = Rng::new(9);
        for round in 0..4 {
            // Each instance sees one step first; the first two are of modules of their own.
            let kept = restore(config(*mode), &artifact);
            assert_eq!(kept.rejected, None);
            let (mut one, mut other) = (instance(module.clone()), instance(kept.module));
            for step in 0..6 {
                let step = if step == 0 { &steps[round % steps.len()] } else { rng.pick(&steps) };
                assert_eq!(outcome(&mut one, step), outcome(&mut other, step), "{} {round}", mode.name);
                if rng.below(4) == 0 {
                    let at = rng.below(LEN) as u64;
                    let (mut a, mut b) = ([0; 100], [0; 100]);
                    let (first, second) = (memory(&mut one), memory(&mut other));
                    first.read(&one.store, at, &mut a).unwrap();
                    second.read(&other.store, at, &mut b).unwrap();
                    assert_eq!(a, b);
                    first.write(&mut one.store, at, &[7; 300]).unwrap();
                    second.write(&mut other.store, at, &[7; 300]).unwrap();
                }
            }
            assert!(bytes(&mut one) == bytes(&mut other), "{} {round}", mode.name);
            // The next instance has what the module says, not what was written.
            let mut next = instance(other.module.clone());
            assert!(bytes(&mut next)[START..START + LEN] == data(), "{} {round}", mode.name);
            assert_eq!(next.module.artifact_status().unwrap().damaged, 0);
        }
    }
}

/// Every step once with nothing in its place before it.
#[test]
fn every_access_may_be_the_first() {
    let (text, steps) = (text(), steps());
    for tier in [Tier::Baseline, Tier::Top] {
        let tiers = if tier == Tier::Top { Tiers::Top } else { Tiers::Baseline };
        let base = || Config { tiers, strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
        let module = compile(&Engine::new(base()).unwrap(), &text);
        let artifact = module.serialize().unwrap();
        for step in &steps {
            let (mut one, mut other) = (instance(module.clone()), instance(restore(base(), &artifact).module));
            assert_eq!(outcome(&mut one, step), outcome(&mut other, step), "{tier:?}");
            assert!(bytes(&mut one) == bytes(&mut other), "{tier:?} {step:?}");
        }
    }
}

/// A unit that is damaged is made from the data segments.
#[test]
fn a_damaged_unit_is_made_from_the_segments() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let artifact = compile(&Engine::new(base()).unwrap(), &text()).serialize().unwrap();
    // The data is in the wasm, and in the image.
    let part = &data()[3 * (32 << 10)..][..64];
    let found: Vec<usize> = (0..artifact.len() - 64).filter(|at| artifact[*at..*at + 64] == *part).collect();
    let [in_wasm, in_image] = found[..] else { panic!("{found:?}") };
    for (at, damaged) in [(in_image, 1), (in_wasm, 0)] {
        let mut bad = artifact.clone();
        bad[at + 9] ^= 4;
        let restored = restore(base(), &bad);
        assert_eq!(restored.rejected, None);
        let mut fixture = instance(restored.module.clone());
        assert_eq!(bytes(&mut fixture)[START..START + LEN], data());
        assert_eq!(restored.module.artifact_status().unwrap().damaged, damaged);
        // Neither is there an image for others, but what it is made of.
        let mut fixture = instance(restored.module);
        assert_eq!(bytes(&mut fixture)[START..START + LEN], data());
    }
    // Both: what needs it traps.
    let mut bad = artifact;
    bad[in_image] ^= 4;
    bad[in_wasm] ^= 4;
    let restored = restore(base(), &bad);
    let at = i32s(&[(START + 3 * (32 << 10)) as i32]);
    let mut fixture = instance(restored.module.clone());
    assert_eq!(fixture.trap("at", &at), TrapCode::InvalidModule);
    assert_eq!(fixture.trap("at", &at), TrapCode::InvalidModule, "and does so again");
    let mut store = Store::new(restored.module.engine()).unwrap();
    match Instance::new(&mut store, &restored.module, &[]) {
        Err(Error::Trap(trap)) => assert_eq!(trap.code, TrapCode::InvalidModule),
        other => panic!("{:?}", other.map(drop)),
    }
}

/// A file that is changed under an instance: what is in its place stays, the rest is a trap wherever it is needed.
#[test]
fn what_is_lost_is_a_trap() {
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let module = compile(&Engine::new(base()).unwrap(), &text());
    let all: Vec<FuncIndex> = module.defined_functions().map(FuncIndex).collect();
    module.wait_tiers(&all, Tier::Top, None).unwrap();
    let artifact = module.serialize().unwrap();
    let path = std::env::temp_dir().join(format!("updraft-paging-{}.artifact", std::process::id()));
    std::fs::write(&path, &artifact).unwrap();
    let engine = Engine::new(base()).unwrap();
    let opened = CompiledModule::deserialize_file(&engine, &path, &ModuleOptions::default()).unwrap();
    assert_eq!(opened.rejected, None);
    opened.module.wait_tiers(&all, Tier::Top, None).unwrap();
    let mut fixture = instance(opened.module);
    let there = i32s(&[START as i32]);
    let first = fixture.call("at", &there).unwrap();
    assert_eq!(first, i32s(&[data()[0].into()]));
    std::fs::write(&path, vec![0xcc; artifact.len()]).unwrap();
    assert_eq!(fixture.call("at", &there).unwrap(), first);
    let frames = |fixture: &mut Fixture, name: &str, args: &[Val]| match fixture.call(name, args) {
        Err(Error::Trap(trap)) => {
            assert_eq!(trap.code, TrapCode::InvalidModule, "{name}");
            trap.frames.len()
        }
        other => panic!("{name}: {other:?}"),
    };
    for (name, args) in steps().into_iter().filter(|(name, _)| !["init", "again", "grow"].contains(name)).take(13) {
        if name != "move" || args[1] != Val::I32(15 * (32 << 10) + 50) {
            assert!(frames(&mut fixture, name, &args) >= 1, "{name}");
        }
    }
    assert_eq!(frames(&mut fixture, "deep", &i32s(&[3 << 15])), 2);
    let memory = memory(&mut fixture);
    let mut place = [0; 8];
    memory.read(&fixture.store, START as u64, &mut place).unwrap();
    assert_eq!(place, data()[..8]);
    assert!(matches!(memory.read(&fixture.store, 3 << 15, &mut place), Err(Error::Trap(_))));
    assert!(matches!(memory.data(&fixture.store), Err(Error::Trap(_))));
    // Behind the data nothing can be lost.
    memory.write(&mut fixture.store, 7 << 16, b"behind").unwrap();
    assert_eq!(fixture.call("at", &i32s(&[7 << 16])).unwrap(), i32s(&[i32::from(b'b')]));
    std::fs::remove_file(&path).unwrap();
}

/// Element segments that do not fit: the data must not have come, also where an instance lives on in a table.
#[test]
fn elements_that_do_not_fit_leave_zeros() {
    let text = format!(
        "(module (import \"\" \"table\" (table 2 funcref)) (memory 8) (data (i32.const {START}) \"{}\")
            (elem (i32.const 0) $look) (elem (i32.const 2) $look)
            (func $look (param i32) (result i32) (i32.load8_u (local.get 0))))",
        "x".repeat(LEN)
    );
    let caller = "(module (table (export \"table\") 2 funcref)
        (func (export \"look\") (param i32) (result i32)
            (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))";
    let base = || Config { strategy: Strategy::Lazy, workers: Workers::Threads(0), ..named("default") };
    let artifact = compile(&Engine::new(base()).unwrap(), &text).serialize().unwrap();
    let restored = restore(base(), &artifact).module;
    let mut fixture = Fixture::with_engine(restored.engine(), caller);
    let table = fixture.instance.export(&mut fixture.store, "table").unwrap().unwrap();
    for _ in 0..2 {
        assert!(matches!(Instance::new(&mut fixture.store, &restored, &[table]), Err(Error::Trap(_))));
        assert_eq!(fixture.call("look", &i32s(&[START as i32 + 40_000])).unwrap(), i32s(&[0]));
    }
}
