//! Code for other processors, as recorded beside this file: `UPDRAFT_BLESS=1` records what there is now.

use std::fmt::Write;
use std::path::Path;

use updraft::abi::vmctx::VmLayout;
use updraft::module::{Features, decode};
use updraft::tier::top::{Bounds, CallLinkage, Scratch, TopCompiler};
use updraft::types::DefinedFunc;

use super::elsewhere::{MACHINES, config};

#[test]
fn code_is_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/target");
    let wasm = wat::parse_file(folder.join("idioms.wat")).unwrap();
    let module = decode::load(&wasm, Features::ALL, 1).unwrap();
    let layout = VmLayout::new(&module);
    for (triple, features, _) in &MACHINES[..3] {
        let compiler = TopCompiler::new(&config(triple, features), Bounds::Explicit).unwrap().keep_calls();
        let (mut scratch, mut text) = (Scratch::with_listing(), String::new());
        for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
            compiler.compile_function(&mut scratch, &module, &layout, func, CallLinkage::Direct, None).unwrap();
            let name = module.names().function(module.func_index(func)).unwrap();
            writeln!(text, "{name}:\n{}", scratch.listing().unwrap()).unwrap();
        }
        let path = folder.join(format!("{}.txt", triple.split('-').next().unwrap()));
        if std::env::var_os("UPDRAFT_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let recorded = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, (now, then)) in text.lines().zip(recorded.lines()).enumerate() {
            assert_eq!(now, then, "{triple}, line {}", number + 1);
        }
        assert_eq!(text.lines().count(), recorded.lines().count(), "{triple}");
    }
}
