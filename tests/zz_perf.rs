//! temp
mod common;
use std::time::Instant;
use updraft::config::*;
use updraft::engine::*;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::types::FuncIndex;

fn chain(count: usize) -> Vec<u8> {
    let mut text = String::from("(module ");
    for i in 0..count {
        let body =
            if i + 1 == count { "(i32.const 1)".into() } else { format!("(i32.add (call $f{}) (i32.const 1))", i + 1) };
        text += &format!("(func $f{i} (export \"f{i}\") (result i32) {body})");
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}
fn real(count: usize) -> Vec<u8> {
    let mut text = String::from("(module (memory 1) ");
    for i in 0..count {
        let mut body = String::new();
        for k in 0..(5 + i % 40) {
            body += &format!(
                "(local.set $a (i32.add (i32.load offset={} (local.get $a)) (i32.mul (local.get $b) (i32.const {k}))))",
                k * 4
            );
            if k % 5 == 0 {
                body += "(if (i32.lt_s (local.get $a) (i32.const 5)) (then (local.set $b (i32.xor (local.get $a) (local.get $b)))))";
            }
        }
        text +=
            &format!("(func $f{i} (export \"f{i}\") (param $a i32) (param $b i32) (result i32) {body} (local.get $a))");
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}
#[test]
fn perf() {
    let bytes = real(3000);
    println!("module {} bytes", bytes.len());
    for tiers in [Tiers::Top, Tiers::Baseline, Tiers::Both] {
        for round in 0..2 {
            for threads in [1usize, 2] {
                let engine = Engine::new(Config {
                    tiers,
                    strategy: Strategy::Eager,
                    compile_threads: threads,
                    ..Config::default()
                })
                .unwrap();
                let t = Instant::now();
                let m = CompiledModule::new(&engine, &bytes).unwrap();
                let e = t.elapsed();
                println!(
                    "{tiers:?} threads {threads} round {round}: {e:?} stats {:?} batches {}",
                    engine.compile_stats().lanes[0].run_ns / 1_000_000,
                    m.progress().batches
                );
            }
        }
    }
    for tiers in [Tiers::Both, Tiers::Top] {
        let bytes = chain(1000);
        for strategy in [Strategy::Eager, Strategy::Lazy, Strategy::Eager, Strategy::Lazy] {
            let engine = Engine::new(Config { tiers, strategy, compile_threads: 1, ..Config::default() }).unwrap();
            let t = Instant::now();
            let module = CompiledModule::new(&engine, &bytes).unwrap();
            let made = t.elapsed();
            let mut store = Store::new(&engine).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let f = common::exported_func(&mut store, instance, "f0");
            common::call(&mut store, f, &[]).unwrap();
            let total = t.elapsed();
            let mut ns: Vec<u64> = (0..1000).map(|i| module.function(FuncIndex(i)).unwrap().compile_ns).collect();
            ns.sort();
            println!(
                "chain {tiers:?} {strategy:?}: made {made:?} total {total:?}, compile median {} sum {}us",
                ns[500],
                ns.iter().sum::<u64>() / 1000
            );
        }
    }
}
