//! Which machine code is made for: features of the processor by name, code that uses no others, other machines.

mod common;
#[cfg(feature = "all-arch")]
#[path = "target/elsewhere.rs"]
mod elsewhere;
#[cfg(feature = "all-arch")]
#[path = "target/emulated.rs"]
mod emulated;
#[cfg(feature = "all-arch")]
#[path = "target/program.rs"]
mod program;
#[cfg(feature = "all-arch")]
#[path = "target/recorded.rs"]
mod recorded;

use common::Fixture;
use updraft::config::{Config, Target};
use updraft::engine::Engine;
use updraft::error::{Error, Result};
use updraft::runtime::value::Val;

fn engine(triple: Option<&str>, features: Option<&str>) -> Result<Engine> {
    let target = Target { triple: triple.map(Into::into), features: features.map(Into::into) };
    Engine::new(Config { target, code_reservation: 64 << 20, ..Config::default() })
}

fn misuse(result: Result<Engine>) -> String {
    match result {
        Err(Error::Misuse { what }) => what.into(),
        Err(other) => panic!("{other}"),
        Ok(engine) => panic!("an engine for {}", engine.target()),
    }
}

fn names(engine: &Engine) -> Vec<String> {
    engine.cpu_features().split(',').map(Into::into).collect()
}

const LEAST: [&str; 5] = ["sse3", "ssse3", "sse41", "sse42", "popcnt"];

#[test]
fn features_are_chosen_by_names_and_groups() {
    let least = engine(None, Some("")).unwrap();
    assert_eq!(names(&least).iter().filter(|name| !LEAST.contains(&name.as_str())).count(), 0);
    assert_eq!(names(&least).len(), LEAST.len());
    let group = engine(None, Some("x86-64-v2")).unwrap();
    assert_eq!(names(&group).len(), LEAST.len() + 1, "cmpxchg16b belongs to the group");
    let native = names(&engine(None, None).unwrap());
    assert_eq!(native, names(&engine(None, Some("native")).unwrap()));
    assert_eq!(native, names(&engine(None, Some(&native.join(", "))).unwrap()), "the names lead back to the set");
    // What is used needs what it is built on.
    for (name, with) in [("avx2", "avx"), ("fma", "avx"), ("avx512vl", "avx512f"), ("avx512vl", "avx2")] {
        if native.iter().any(|has| has == name) {
            let chosen = names(&engine(None, Some(name)).unwrap());
            assert!([name, with].iter().all(|wanted| chosen.iter().any(|has| has == wanted)), "{chosen:?}");
        }
    }
}

#[test]
fn what_is_unknown_or_lacking_is_refused_by_name() {
    let unknown = misuse(engine(None, Some("x86-64-v2, warp9")));
    assert!(unknown.starts_with("features: warp9 is unknown for x86_64-"), "{unknown}");
    let all = [
        "avx",
        "avx2",
        "fma",
        "bmi1",
        "bmi2",
        "lzcnt",
        "avx_vnni",
        "avx512bitalg",
        "avx512dq",
        "avx512f",
        "avx512vl",
        "avx512vbmi",
        "avx512vnni",
        "cmpxchg16b",
    ];
    let native = names(&engine(None, None).unwrap());
    let (present, lacking): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| native.iter().any(|has| has == name));
    for name in present {
        assert!(engine(None, Some(name)).is_ok(), "{name}");
    }
    for name in lacking {
        let refused = misuse(engine(None, Some(name)));
        assert!(refused.starts_with("features: this processor lacks "), "{refused}");
    }
}

/// A machine has its own triple, and others that name the same processor and system.
#[test]
fn this_machine_by_its_triple() {
    let here = engine(None, None).unwrap().target();
    for triple in [here.as_str(), "x86_64-linux", "x86_64-unknown-linux-musl"] {
        let engine = engine(Some(triple), None).unwrap();
        assert_eq!(engine.target(), here);
    }
    let engine = engine(Some(&here), Some("x86-64-v2")).unwrap();
    let mut fixture = Fixture::with_engine(&engine, r#"(module (func (export "f") (result i32) i32.const 7))"#);
    assert!(matches!(fixture.call("f", &[]).unwrap()[..], [Val::I32(7)]));
}

#[test]
fn other_triples() {
    assert_eq!(misuse(engine(Some("toaster"), None)), "target: toaster is no triple");
    if cfg!(not(feature = "all-arch")) {
        for triple in ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "s390x-unknown-linux-gnu"] {
            let Err(error @ Error::Unsupported { .. }) = engine(Some(triple), None) else { panic!("{triple}") };
            let error = error.to_string();
            assert!(error.contains(triple) && error.contains("cargo feature all-arch"), "{error}");
        }
    }
}
