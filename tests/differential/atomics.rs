//! Atomic operators against a model in Rust, since the reference has none of them.
//!
//! One thread only: that they are atomic is shown by `tests/runtime.rs`.

use std::fmt::Write as _;

use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;

use crate::common::{Rng, call, exported_func};
use crate::coverage::Coverage;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Add,
    Sub,
    And,
    Or,
    Xor,
    Exchange,
    CompareExchange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    I32,
    I64,
}

/// An atomic access.
#[derive(Debug)]
struct Access {
    name: String,
    kind: Kind,
    ty: Type,
    /// Bytes accessed.
    width: usize,
}

fn accesses() -> Vec<Access> {
    let mut accesses = Vec::new();
    for (ty, prefix, widths) in [(Type::I32, "i32", &[4, 1, 2][..]), (Type::I64, "i64", &[8, 1, 2, 4][..])] {
        for (position, &width) in widths.iter().enumerate() {
            let narrow = position > 0;
            let bits = if narrow { (width * 8).to_string() } else { String::new() };
            let unsigned = if narrow { "_u" } else { "" };
            let mut add = |name, kind| accesses.push(Access { name, kind, ty, width });
            add(format!("{prefix}.atomic.load{bits}{unsigned}"), Kind::Load);
            add(format!("{prefix}.atomic.store{bits}"), Kind::Store);
            for (op, kind) in [
                ("add", Kind::Add),
                ("sub", Kind::Sub),
                ("and", Kind::And),
                ("or", Kind::Or),
                ("xor", Kind::Xor),
                ("xchg", Kind::Exchange),
                ("cmpxchg", Kind::CompareExchange),
            ] {
                add(format!("{prefix}.atomic.rmw{bits}.{op}{unsigned}"), kind);
            }
        }
    }
    accesses
}

/// What an access must do: the result, or the trap, and the memory after it.
fn model(access: &Access, memory: &mut [u8], address: u64, operands: [u64; 2]) -> Result<u64, TrapCode> {
    // The alignment is checked first; an expected value is wrapped to the width of the access.
    if !address.is_multiple_of(access.width as u64) {
        return Err(TrapCode::UnalignedAtomic);
    }
    let end = address.checked_add(access.width as u64).filter(|end| *end <= memory.len() as u64);
    let Some(end) = end else { return Err(TrapCode::MemoryOutOfBounds) };
    let place = &mut memory[address as usize..end as usize];
    let mut bytes = [0; 8];
    bytes[..access.width].copy_from_slice(place);
    let old = u64::from_le_bytes(bytes);
    let mask = if access.width == 8 { u64::MAX } else { (1 << (access.width * 8)) - 1 };
    let new = match access.kind {
        Kind::Load => old,
        Kind::Store | Kind::Exchange => operands[0],
        Kind::Add => old.wrapping_add(operands[0]),
        Kind::Sub => old.wrapping_sub(operands[0]),
        Kind::And => old & operands[0],
        Kind::Or => old | operands[0],
        Kind::Xor => old ^ operands[0],
        Kind::CompareExchange if operands[0] & mask == old => operands[1],
        Kind::CompareExchange => old,
    };
    place.copy_from_slice(&(new & mask).to_le_bytes()[..access.width]);
    Ok(old)
}

/// Runs all atomic operators in one engine; what went wrong, if anything.
pub fn check(engine: &Engine, coverage: &mut Coverage) -> Result<u64, String> {
    let mut calls = 0;
    for memory in ["1 1", "1 1 shared", "i64 1 1", "i64 1 1 shared"] {
        for access in accesses() {
            calls += check_access(engine, &access, memory, coverage)
                .map_err(|error| format!("{} on memory {memory}: {error}", access.name))?;
        }
        calls += check_wait_and_fence(engine, memory, coverage).map_err(|error| format!("memory {memory}: {error}"))?;
    }
    Ok(calls)
}

fn check_access(engine: &Engine, access: &Access, memory: &str, coverage: &mut Coverage) -> Result<u64, String> {
    let index = if memory.starts_with("i64") { "i64" } else { "i32" };
    let ty = if access.ty == Type::I32 { "i32" } else { "i64" };
    let (params, operands) = match access.kind {
        Kind::Load => (String::new(), ""),
        Kind::CompareExchange => (format!("(param {ty} {ty})"), "(local.get 1) (local.get 2)"),
        _ => (format!("(param {ty})"), "(local.get 1)"),
    };
    let result = if access.kind == Kind::Store { String::new() } else { format!("(result {ty})") };
    let mut text = format!("(module (memory (export \"memory\") {memory})\n");
    let offsets = [0u64, 1, 8, 65532, 0xffff_fff8];
    for (i, offset) in offsets.iter().enumerate() {
        let _ = writeln!(
            text,
            "(func (export \"f{i}\") (param {index}) {params} {result} ({} offset={offset} (local.get 0) {operands}))",
            access.name
        );
        // The result unused, and the new value computed from the old one, are selected differently.
        let dropped = if access.kind == Kind::Store { "" } else { "(drop)" };
        let _ = writeln!(
            text,
            "(func (export \"d{i}\") (param {index}) {params} ({} offset={offset} (local.get 0) {operands}) {dropped})",
            access.name
        );
    }
    text.push(')');
    let mut machine = Machine::new(engine, &text)?;
    let mut expected = vec![0u8; 65536];
    let mut rng = Rng::new(access.name.len() as u64);
    let seed = rng.bytes(64);
    for at in [0, 65536 - seed.len()] {
        expected[at..at + seed.len()].copy_from_slice(&seed);
        machine.write(at as u64, &seed)?;
    }
    let mut calls = 0;
    for (i, offset) in offsets.iter().enumerate() {
        for address in [0u64, 1, 2, 3, 4, 7, 8, 16, 65527, 65528, 65532, 65535, 65536, 0xffff_fff8, 0xffff_ffff] {
            for round in 0..4 {
                let effective = address + offset;
                // Half of the comparisons succeed: what memory holds is expected.
                let held = usize::try_from(effective).ok().and_then(|at| expected.get(at..at + access.width));
                let mut first = rng.next() >> rng.below(64);
                if let (Some(held), true) = (held, access.kind == Kind::CompareExchange && round % 2 == 0) {
                    let mut bytes = [0; 8];
                    bytes[..access.width].copy_from_slice(held);
                    first = u64::from_le_bytes(bytes);
                }
                let operands = [first, rng.next()];
                let value =
                    |value: u64| if access.ty == Type::I32 { Val::I32(value as i32) } else { Val::I64(value as i64) };
                let mut args = vec![if index == "i64" { Val::I64(address as i64) } else { Val::I32(address as i32) }];
                let count = params.matches(ty).count();
                args.extend(operands[..count].iter().map(|operand| value(*operand)));
                let want = model(access, &mut expected, effective, operands).map(|old| match access.kind {
                    Kind::Store => Vec::new(),
                    _ if round == 3 => Vec::new(),
                    _ => vec![value(old)],
                });
                let name = format!("{}{i}", if round == 3 { "d" } else { "f" });
                let got = machine.call(&name, &args, coverage)?;
                calls += 1;
                if got != want {
                    return Err(format!("{name} {args:x?}: {got:x?} instead of {want:x?}"));
                }
            }
        }
    }
    if machine.memory()? != expected {
        return Err("the memory differs from the model's".to_owned());
    }
    Ok(calls)
}

/// A call, and what must come of it.
type WaitCase = (&'static str, Vec<Val>, Result<Vec<Val>, TrapCode>);

/// `notify` wakes nobody, `wait` sees another value or times out, and both check their address.
fn check_wait_and_fence(engine: &Engine, memory: &str, coverage: &mut Coverage) -> Result<u64, String> {
    let (index, address) = if memory.starts_with("i64") {
        ("i64", Val::I64 as fn(i64) -> Val)
    } else {
        ("i32", (|value| Val::I32(value as i32)) as fn(i64) -> Val)
    };
    let text = format!(
        "(module (memory (export \"memory\") {memory})
          (func (export \"notify\") (param {index} i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
          (func (export \"wait32\") (param {index} i32 i64) (result i32)
            (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
          (func (export \"wait64\") (param {index} i64 i64) (result i32)
            (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
          (func (export \"fence\") (param i32) (result i32) (atomic.fence) (local.get 0)))"
    );
    let mut machine = Machine::new(engine, &text)?;
    let shared = memory.ends_with("shared");
    let result = |value: i32| if shared { Ok(vec![Val::I32(value)]) } else { Err(TrapCode::WaitOnUnsharedMemory) };
    let (unaligned, outside) = (Err(TrapCode::UnalignedAtomic), Err(TrapCode::MemoryOutOfBounds));
    let cases: Vec<WaitCase> = vec![
        ("notify", vec![address(8), Val::I32(1)], Ok(vec![Val::I32(0)])),
        ("notify", vec![address(9), Val::I32(1)], unaligned.clone()),
        ("notify", vec![address(65536), Val::I32(1)], outside.clone()),
        ("wait32", vec![address(8), Val::I32(1), Val::I64(-1)], result(1)),
        ("wait32", vec![address(8), Val::I32(0), Val::I64(0)], result(2)),
        ("wait64", vec![address(8), Val::I64(1), Val::I64(-1)], result(1)),
        ("wait64", vec![address(8), Val::I64(0), Val::I64(0)], result(2)),
        ("wait64", vec![address(8), Val::I64(0), Val::I64(1)], result(2)),
        ("fence", vec![Val::I32(3)], Ok(vec![Val::I32(3)])),
    ];
    let checks_of_wait: Vec<WaitCase> = vec![
        ("wait32", vec![address(2), Val::I32(1), Val::I64(-1)], unaligned.clone()),
        ("wait64", vec![address(4), Val::I64(1), Val::I64(-1)], unaligned),
        ("wait32", vec![address(65536), Val::I32(1), Val::I64(-1)], outside.clone()),
        ("wait64", vec![address(65536), Val::I64(1), Val::I64(-1)], outside),
    ];
    let mut calls = 0;
    for (name, args, want) in cases.into_iter().chain(checks_of_wait.into_iter().filter(|_| shared)) {
        let got = machine.call(name, &args, coverage)?;
        calls += 1;
        if got != want {
            return Err(format!("{name} {args:x?}: {got:x?} instead of {want:x?}"));
        }
    }
    Ok(calls)
}

/// An instance with one memory.
struct Machine {
    store: Store,
    module: CompiledModule,
    instance: Instance,
}

impl Machine {
    fn new(engine: &Engine, text: &str) -> Result<Machine, String> {
        let bytes = wat::parse_str(text).map_err(|error| format!("{error}\n{text}"))?;
        let module = CompiledModule::new(engine, &bytes).map_err(|error| error.to_string())?;
        let mut store = crate::common::store(engine).map_err(|error| error.to_string())?;
        let instance = Instance::new(&mut store, &module, &[]).map_err(|error| error.to_string())?;
        Ok(Machine { store, module, instance })
    }

    fn call(
        &mut self,
        name: &str,
        args: &[Val],
        coverage: &mut Coverage,
    ) -> Result<Result<Vec<Val>, TrapCode>, String> {
        let func = exported_func(&mut self.store, self.instance, name);
        let outcome = call(&mut self.store, func, args);
        self.store.release(func.0).map_err(|error| error.to_string())?;
        let module = self.module.module();
        for export in module.exports().iter().filter(|export| &*export.name == name) {
            if let updraft::module::ExportItem::Func(func) = export.item {
                coverage.add(module, module.defined_func(func).expect("a defined function"));
            }
        }
        match outcome {
            Ok(results) => Ok(Ok(results)),
            Err(error) => match error.trap() {
                Some(trap) => Ok(Err(trap.code)),
                None => Err(error.to_string()),
            },
        }
    }

    fn with_memory<T>(
        &mut self,
        body: impl FnOnce(&mut Store, updraft::runtime::memory::Memory) -> updraft::error::Result<T>,
    ) -> Result<T, String> {
        match self.instance.export(&mut self.store, "memory") {
            Ok(Some(Extern::Memory(memory))) => body(&mut self.store, memory).map_err(|error| error.to_string()),
            other => Err(format!("no memory: {other:?}")),
        }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), String> {
        self.with_memory(|store, memory| memory.write(store, at, bytes))
    }

    fn memory(&mut self) -> Result<Vec<u8>, String> {
        self.with_memory(|store, memory| {
            let mut bytes = vec![0; memory.data(store)?.1];
            memory.read(store, 0, &mut bytes)?;
            Ok(bytes)
        })
    }
}
