//! Streams from inside: the code that they give, and who is at the bodies.

use super::*;
use crate::compile::compilation::Compilation;
use crate::config::{Config, Strategy, Tiers, Workers};
use crate::module::decode::load;
use crate::tier::Tier;
use crate::tier::compiled::CompiledCode;
use crate::types::DefinedFunc;

/// Functions that call each other, directly and not, and loop: what is counted depends on all functions before.
fn module() -> Vec<u8> {
    let mut text =
        String::from("(module (type $t (func (param i32) (result i32))) (table 400 funcref) (elem (i32.const 0)");
    (0..400).for_each(|i| text.push_str(&format!(" $f{i}")));
    text.push(')');
    for i in 0..400 {
        let indirect = "(local.set 0 (call_indirect (type $t) (local.get 0) (i32.const 3)))".repeat(i % 3);
        let callee = (i * 7 + 1) % 400;
        text.push_str(&format!(
            "(func $f{i} (type $t) {indirect} (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
              (call $f{callee} (local.get 0)))"
        ));
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

/// All that was compiled of a module.
fn code(engine: &Engine, compilation: &Arc<Compilation>) -> Vec<(DefinedFunc, Tier, CompiledCode)> {
    engine.pipeline().wait_finished(compilation, None);
    let mut recorded = compilation.recorded();
    recorded.sort_by_key(|(func, tier, _)| (*func, *tier));
    recorded
}

/// The same of a module that was read and validated to its end before anything was compiled.
fn reference(engine: &Engine, bytes: &[u8]) -> Vec<(DefinedFunc, Tier, CompiledCode)> {
    let module = Arc::new(load(bytes, engine.config().features, 1).unwrap());
    assert!(module.indirect_sites().count() > 300);
    let (pipeline, events) = (engine.pipeline(), engine.pipeline().events().open());
    let (layout, plan) = (VmLayout::new(&module), plan(engine, &module, &ModuleOptions::default(), None).unwrap());
    let begun = pipeline.prepare(engine.code_space(), events, module, layout, plan, None).unwrap();
    pipeline.begin(&begun.compilation, Early::Nothing);
    code(engine, &begun.compilation)
}

#[test]
fn pieces_give_the_same_code_before_linking() {
    let bytes = module();
    for (tiers, strategy) in
        [(Tiers::Both, Strategy::Eager), (Tiers::Top, Strategy::Eager), (Tiers::Both, Strategy::EagerBackground)]
    {
        for workers in [0, 2] {
            let config = Config { tiers, strategy, workers: Workers::Threads(workers), ..Config::default() };
            let engine = Engine::new(config).unwrap();
            let expected = reference(&engine, &bytes);
            assert_eq!(expected.len(), 400);
            let whole = CompiledModule::new(&engine, &bytes).unwrap();
            assert!(code(&engine, whole.compilation()) == expected, "{tiers:?}, {strategy:?}, {workers} workers");
            for piece in [1, 100, 5000] {
                let mut stream = Stream::new(&engine, &ModuleOptions::default(), 0).unwrap();
                bytes.chunks(piece).try_for_each(|piece| stream.write(piece)).unwrap();
                engine.run_jobs(usize::MAX, None).unwrap();
                let module = stream.finish().unwrap();
                assert!(
                    code(&engine, module.compilation()) == expected,
                    "{tiers:?}, {strategy:?}, {workers} workers, pieces of {piece}"
                );
            }
        }
    }
}

/// Workers that leave and bodies that come do not miss each other: when all is quiet, nobody has to be asked again.
#[test]
fn nothing_that_was_announced_waits_for_the_end() {
    let bytes = module();
    let config =
        Config { strategy: Strategy::Lazy, workers: Workers::Threads(2), compile_threads: 2, ..Config::default() };
    let engine = Engine::new(config).unwrap();
    for round in 0..60 {
        let wanted = Wanted::module(&engine, &ModuleOptions::default());
        let mut copy = Appender::of_length(bytes.len()).unwrap();
        let shared: SharedBytes = copy.bytes().clone();
        // Somebody is engaged every few bodies.
        let mut loader = Loader::new(&engine, shared.into(), 32 + round, wanted).unwrap();
        for piece in bytes.chunks(100 + round) {
            copy.append(piece).unwrap();
            loader.read(Bytes::Some).unwrap();
        }
        while !engine.is_idle() {
            std::thread::yield_now();
        }
        assert!(loader.making.as_ref().is_some_and(|making| !making.has_more()), "round {round}");
    }
}
