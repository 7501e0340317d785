//! One module in two engines: ours, and the interpreter wasmi as the reference.
//!
//! In: wasm bytes and calls. Out: agreement, a [`Mismatch`] for people, or that the two may differ
//! (stack depth and memory of the machine are not part of WebAssembly).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::module::ExportItem;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::global::Global;
use updraft::runtime::instance::Instance;
use updraft::runtime::memory::Memory;
use updraft::runtime::store::Store;
use updraft::runtime::table::Table;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::{ExternType, FuncType, IndexType, ValType};

use crate::common::{extern_handle, val_handle};

/// Results of a call, or why there are none.
pub type Called = Result<Vec<Val>, Stop>;

/// Why a call ended without results, in words that both engines know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Unreachable,
    Memory,
    Table,
    NullCall,
    DivideByZero,
    Overflow,
    Conversion,
    Signature,
    /// Depends on the machine: proves nothing.
    Exhausted,
}

/// What the two engines disagree about.
#[derive(Debug)]
pub struct Mismatch(pub String);

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both did the same.
    Same,
    /// A resource ran out in one of them; their states may differ from here on.
    Inconclusive,
}

/// How NaNs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nans {
    /// As any other bits.
    Exact,
    /// Every quiet NaN equals every other (scalar results).
    AnyScalar,
    /// As `AnyScalar`, in lanes of 32 bits.
    AnyF32x4,
    /// As `AnyScalar`, in lanes of 64 bits.
    AnyF64x2,
}

/// The reference engine with everything that it implements.
pub fn reference() -> wasmi::Engine {
    let mut config = wasmi::Config::default();
    config
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_wide_arithmetic(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(true)
        .compilation_mode(wasmi::CompilationMode::Eager);
    wasmi::Engine::new(&config)
}

/// A module instantiated in both engines.
pub struct Pair {
    pub store: Store,
    pub instance: Instance,
    pub module: CompiledModule,
    their_store: wasmi::Store<HostLog>,
    their_instance: wasmi::Instance,
    /// Functions that were called before: looking them up again costs more than most calls.
    functions: HashMap<String, (Func, usize, wasmi::Func)>,
    our_log: Arc<Mutex<HostLog>>,
}

/// Calls of host functions, as a hash of what they were given.
#[derive(Default)]
pub struct HostLog {
    pub hash: u64,
    pub count: u64,
}

impl HostLog {
    fn record(&mut self, import: usize, args: &[Val]) {
        let mut hasher = DefaultHasher::new();
        (self.hash, self.count, import).hash(&mut hasher);
        for arg in args {
            plain(arg).hash(&mut hasher);
        }
        self.hash = hasher.finish();
        self.count += 1;
    }
}

/// A value in a form that means the same in both engines: references only say whether they are null.
pub fn plain(value: &Val) -> (u8, [u8; 16]) {
    let mut bytes = [0; 16];
    let kind = match value {
        Val::I32(value) => (0, bytes[..4].copy_from_slice(&value.to_le_bytes())).0,
        Val::I64(value) => (1, bytes[..8].copy_from_slice(&value.to_le_bytes())).0,
        Val::F32(value) => (2, bytes[..4].copy_from_slice(&value.to_le_bytes())).0,
        Val::F64(value) => (3, bytes[..8].copy_from_slice(&value.to_le_bytes())).0,
        Val::V128(value) => (4, bytes = *value).0,
        Val::FuncRef(func) => (5, bytes[0] = u8::from(func.is_some())).0,
        Val::ExternRef(object) => (6, bytes[0] = u8::from(object.is_some())).0,
    };
    (kind, bytes)
}

impl Pair {
    /// Compiles and instantiates in both. `Ok(Err(_))`: both refused alike, or it proves nothing.
    pub fn new(engine: &Engine, reference: &wasmi::Engine, wasm: &[u8]) -> Result<Result<Pair, Verdict>, Mismatch> {
        let ours = CompiledModule::new(engine, wasm);
        let Some(theirs) = unless_it_panics(|| wasmi::Module::new(reference, wasm)) else {
            return Ok(Err(Verdict::Inconclusive));
        };
        let (module, their_module) = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            // The reference has limits of its own (registers, branch distances).
            (Ok(_), Err(error)) if is_limit(&error) => return Ok(Err(Verdict::Inconclusive)),
            (Ok(_), Err(error)) => return Err(Mismatch(format!("only the reference refused the module: {error}"))),
            (Err(error), Ok(_)) => return Err(Mismatch(format!("only updraft refused the module: {error}"))),
            (Err(_), Err(_)) => return Ok(Err(Verdict::Same)),
        };
        let mut store = crate::common::store(engine).map_err(|error| Mismatch(error.to_string()))?;
        let mut their_store = wasmi::Store::new(reference, HostLog::default());
        let our_log = Arc::new(Mutex::new(HostLog::default()));
        let mut linker = wasmi::Linker::new(reference);
        let mut imports = Vec::new();
        for (index, import) in module.module().imports().iter().enumerate() {
            imports.push(our_import(&mut store, &our_log, index, &import.ty)?);
            let item = their_import(&mut their_store, index, &import.ty)?;
            if linker.define(&import.module, &import.name, item).is_err() {
                // The reference links by name only, and cannot give one name two meanings.
                return Ok(Err(Verdict::Inconclusive));
            }
        }
        let ours = Instance::new(&mut store, &module, &imports).map_err(stop);
        let Some(theirs) = unless_it_panics(|| linker.instantiate_and_start(&mut their_store, &their_module)) else {
            return Ok(Err(Verdict::Inconclusive));
        };
        let theirs = theirs.map_err(|error| their_stop(&error));
        match (ours, theirs) {
            (Ok(instance), Ok(their_instance)) => {
                let functions = HashMap::new();
                Ok(Ok(Pair { store, instance, module, their_store, their_instance, functions, our_log }))
            }
            (Err(Ok(Stop::Exhausted)), _) | (_, Err(Ok(Stop::Exhausted))) => Ok(Err(Verdict::Inconclusive)),
            (Err(Ok(ours)), Err(Ok(theirs))) if ours == theirs => Ok(Err(Verdict::Same)),
            (ours, theirs) => Err(Mismatch(format!(
                "instantiation differs: updraft {:?}, reference {:?}",
                ours.map(|_| "works"),
                theirs.map(|_| "works")
            ))),
        }
    }

    /// Calls an export in both and compares results and host calls.
    pub fn call(&mut self, name: &str, args: &[Val], nans: Nans) -> Result<(Verdict, Called), Mismatch> {
        let (func, results, their_func) = self.function(name)?;
        let ours =
            self.call_ours(func, results, args).map_err(|error| Mismatch(format!("updraft, {name:?}: {error}")))?;
        let theirs = self.call_theirs(their_func, results, args);
        let theirs = theirs.map_err(|error| Mismatch(format!("the reference, {name:?}: {error}")))?;
        if ours == Err(Stop::Exhausted) || theirs == Err(Stop::Exhausted) {
            return Ok((Verdict::Inconclusive, ours));
        }
        let equal = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same_value(a, b, nans))
            }
            (Err(ours), Err(theirs)) => ours == theirs,
            _ => false,
        };
        let our_log = self.our_log.lock().expect("host functions do not panic");
        let their_log = self.their_store.data();
        if !equal || (our_log.hash, our_log.count) != (their_log.hash, their_log.count) {
            let mut text = format!("call of {name:?} with {args:x?}\n");
            let _ = writeln!(text, "  updraft:   {ours:x?}, {} host calls", our_log.count);
            let _ = writeln!(text, "  reference: {theirs:x?}, {} host calls", their_log.count);
            return Err(Mismatch(text));
        }
        Ok((Verdict::Same, ours))
    }

    /// The exported function of this name in both engines, and how many results it has.
    fn function(&mut self, name: &str) -> Result<(Func, usize, wasmi::Func), Mismatch> {
        if let Some(function) = self.functions.get(name) {
            return Ok(*function);
        }
        let failed = |error: Error| Mismatch(format!("updraft, {name:?}: {error}"));
        let Some(Extern::Func(func)) = self.instance.export(&mut self.store, name).map_err(failed)? else {
            return Err(Mismatch(format!("updraft exports no function {name:?}")));
        };
        let Some(their_func) = self.their_instance.get_func(&self.their_store, name) else {
            return Err(Mismatch(format!("the reference exports no function {name:?}")));
        };
        let function = (func, func.ty(&self.store).map_err(failed)?.results().len(), their_func);
        self.functions.insert(name.to_owned(), function);
        Ok(function)
    }

    fn call_ours(&mut self, func: Func, results: usize, args: &[Val]) -> Result<Called, Box<Error>> {
        let mut results = vec![Val::I32(0); results];
        if let Err(error) = func.call(&mut self.store, args, &mut results) {
            return stop(error).map(Err);
        }
        for handle in results.iter().copied().filter_map(val_handle) {
            self.store.release(handle)?;
        }
        Ok(Ok(results))
    }

    fn call_theirs(&mut self, func: wasmi::Func, results: usize, args: &[Val]) -> Result<Called, String> {
        let args: Vec<wasmi::Val> = args.iter().map(to_theirs).collect();
        let mut results = vec![wasmi::Val::I32(0); results];
        let Some(outcome) = unless_it_panics(|| func.call(&mut self.their_store, &args, &mut results)) else {
            return Ok(Err(Stop::Exhausted));
        };
        match outcome {
            Ok(()) => Ok(Ok(results.iter().map(from_theirs).collect())),
            Err(error) => their_stop(&error).map(Err),
        }
    }

    /// Compares everything that is exported: memories byte by byte, tables and globals.
    pub fn compare_state(&mut self) -> Result<(), Mismatch> {
        let exports = self.module.module().exports().to_vec();
        for export in exports {
            if matches!(export.item, ExportItem::Func(_)) {
                continue;
            }
            let failed = |error: Error| Mismatch(format!("updraft, {:?}: {error}", export.name));
            let ours = self.instance.export(&mut self.store, &export.name).map_err(failed)?;
            let theirs = self.their_instance.get_export(&self.their_store, &export.name);
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                return Err(Mismatch(format!("{:?} is not exported by both", export.name)));
            };
            let different = match (ours, theirs) {
                (Extern::Memory(ours), wasmi::Extern::Memory(theirs)) => self.compare_memory(ours, theirs),
                (Extern::Table(ours), wasmi::Extern::Table(theirs)) => self.compare_table(ours, theirs),
                (Extern::Global(ours), wasmi::Extern::Global(theirs)) => {
                    let ours = ours.get(&mut self.store).map_err(failed)?;
                    let theirs = from_theirs(&theirs.get(&self.their_store));
                    if let Some(handle) = val_handle(ours) {
                        self.store.release(handle).map_err(failed)?;
                    }
                    (!same_value(&ours, &theirs, Nans::Exact)).then(|| format!("{ours:x?} and {theirs:x?}"))
                }
                _ => Some("the kinds differ".to_owned()),
            };
            self.store.release(extern_handle(ours)).map_err(failed)?;
            if let Some(what) = different {
                return Err(Mismatch(format!("state of {:?} differs (updraft first): {what}", export.name)));
            }
        }
        Ok(())
    }

    fn compare_memory(&self, ours: Memory, theirs: wasmi::Memory) -> Option<String> {
        let (base, len) = ours.data(&self.store).expect("a live memory");
        // SAFETY: base and length are the memory's, nothing runs, and the slice is gone before anything grows.
        let our_bytes = if len == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(base, len) } };
        let their_bytes = theirs.data(&self.their_store);
        if our_bytes.len() != their_bytes.len() {
            return Some(format!("{} and {} bytes", our_bytes.len(), their_bytes.len()));
        }
        if our_bytes == their_bytes {
            return None;
        }
        let at = our_bytes.iter().zip(their_bytes).position(|(a, b)| a != b)?;
        let end = (at + 16).min(our_bytes.len());
        Some(format!("at {at:#x}: {:x?} and {:x?}", &our_bytes[at..end], &their_bytes[at..end]))
    }

    fn compare_table(&mut self, ours: Table, theirs: wasmi::Table) -> Option<String> {
        let size = ours.size(&self.store).expect("a live table");
        let their_size = theirs.size(&self.their_store);
        if size != their_size {
            return Some(format!("{size} and {their_size} elements"));
        }
        for index in 0..size {
            let element = ours.get(&mut self.store, index).expect("a live table").expect("an element");
            let is_null = match val_handle(element) {
                Some(handle) => {
                    self.store.release(handle).expect("a live handle");
                    false
                }
                None => true,
            };
            let their_element = theirs.get(&self.their_store, index).expect("an element");
            let theirs_is_null = match their_element {
                wasmi::Val::FuncRef(func) => func.is_null(),
                wasmi::Val::ExternRef(external) => external.is_null(),
                other => return Some(format!("element {index} is {other:?}")),
            };
            if is_null != theirs_is_null {
                return Some(format!("element {index}: null is {is_null} and {theirs_is_null}"));
            }
        }
        None
    }

    /// Sets an exported global in both engines, if there is one of this name.
    pub fn set_global(&mut self, name: &str, value: Val) -> Result<(), Mismatch> {
        let failed = |error: Error| Mismatch(format!("updraft, {name:?}: {error}"));
        if let Some(Extern::Global(global)) = self.instance.export(&mut self.store, name).map_err(failed)? {
            global.set(&mut self.store, value).map_err(failed)?;
            self.store.release(global.0).map_err(failed)?;
        }
        if let Some(global) = self.their_instance.get_global(&self.their_store, name) {
            let set = global.set(&mut self.their_store, to_theirs(&value));
            set.map_err(|error| Mismatch(format!("the reference, {name:?}: {error}")))?;
        }
        Ok(())
    }
}

/// Instantiates and calls everything in our engine only; what comes of it does not matter.
pub fn run_alone(engine: &Engine, wasm: &[u8], mut args: impl FnMut(&FuncType) -> Vec<Val>) {
    let Ok(module) = CompiledModule::new(engine, wasm) else { return };
    let mut store = crate::common::store(engine).expect("a store");
    let log = Arc::new(Mutex::new(HostLog::default()));
    let imports = module.module().imports().iter().enumerate();
    let imports: Result<Vec<Extern>, Mismatch> =
        imports.map(|(index, import)| our_import(&mut store, &log, index, &import.ty)).collect();
    let Ok(instance) = Instance::new(&mut store, &module, &imports.expect("imports")) else { return };
    for export in module.module().exports() {
        if let Ok(Some(Extern::Func(func))) = instance.export(&mut store, &export.name) {
            let ty = func.ty(&store).expect("a live function");
            let mut results = vec![Val::I32(0); ty.results().len()];
            let _ = func.call(&mut store, &args(&ty), &mut results);
        }
    }
}

pub fn our_import(
    store: &mut Store,
    log: &Arc<Mutex<HostLog>>,
    index: usize,
    ty: &ExternType,
) -> Result<Extern, Mismatch> {
    let made = match ty {
        ExternType::Func(ty) => {
            let log = log.clone();
            let callback = move |_: &mut Caller<'_>, args: &[Val], _: &mut [Val]| {
                log.lock().expect("recording does not panic").record(index, args);
                Ok(())
            };
            Func::new(store, ty.clone(), Arc::new(callback)).map(Extern::Func)
        }
        ExternType::Table(ty) => Table::new(store, *ty, Val::default_of(ty.element)).map(Extern::Table),
        ExternType::Memory(ty) => Memory::new(store, *ty).map(Extern::Memory),
        ExternType::Global(ty) => Global::new(store, *ty, Val::default_of(ty.content)).map(Extern::Global),
    };
    made.map_err(|error| Mismatch(format!("updraft, import {index}: {error}")))
}

fn their_import(store: &mut wasmi::Store<HostLog>, index: usize, ty: &ExternType) -> Result<wasmi::Extern, Mismatch> {
    let failed = |error: &dyn std::fmt::Display| Mismatch(format!("the reference, import {index}: {error}"));
    Ok(match ty {
        ExternType::Func(ty) => {
            let func = wasmi::Func::new(&mut *store, their_func_type(ty), move |mut caller, args, _| {
                let args: Vec<Val> = args.iter().map(from_theirs).collect();
                caller.data_mut().record(index, &args);
                Ok(())
            });
            func.into()
        }
        ExternType::Table(ty) => {
            let element = their_type(ty.element);
            let their_type = match ty.index {
                IndexType::I32 => wasmi::TableType::new(element, ty.min as u32, ty.max.map(|max| max as u32)),
                IndexType::I64 => wasmi::TableType::new64(element, ty.min, ty.max),
            };
            wasmi::Table::new(store, their_type, wasmi::Val::default(element)).map_err(|error| failed(&error))?.into()
        }
        ExternType::Memory(ty) => {
            let their_type = match ty.index {
                IndexType::I32 => wasmi::MemoryType::new(ty.min as u32, ty.max.map(|max| max as u32)),
                IndexType::I64 => wasmi::MemoryType::new64(ty.min, ty.max),
            };
            wasmi::Memory::new(store, their_type).map_err(|error| failed(&error))?.into()
        }
        ExternType::Global(ty) => {
            let mutability = if ty.mutable { wasmi::Mutability::Var } else { wasmi::Mutability::Const };
            wasmi::Global::new(store, to_theirs(&Val::default_of(ty.content)), mutability).into()
        }
    })
}

fn their_func_type(ty: &FuncType) -> wasmi::FuncType {
    let types = |types: &[ValType]| types.iter().map(|ty| their_type(*ty)).collect::<Vec<_>>();
    wasmi::FuncType::new(types(ty.params()), types(ty.results()))
}

fn their_type(ty: ValType) -> wasmi::ValType {
    match ty {
        ValType::I32 => wasmi::ValType::I32,
        ValType::I64 => wasmi::ValType::I64,
        ValType::F32 => wasmi::ValType::F32,
        ValType::F64 => wasmi::ValType::F64,
        ValType::V128 => wasmi::ValType::V128,
        ValType::FuncRef => wasmi::ValType::FuncRef,
        ValType::ExternRef => wasmi::ValType::ExternRef,
    }
}

/// References in arguments are always null.
fn to_theirs(value: &Val) -> wasmi::Val {
    match value {
        Val::I32(value) => wasmi::Val::I32(*value),
        Val::I64(value) => wasmi::Val::I64(*value),
        Val::F32(bits) => wasmi::Val::F32(wasmi::F32::from_bits(*bits)),
        Val::F64(bits) => wasmi::Val::F64(wasmi::F64::from_bits(*bits)),
        Val::V128(bytes) => wasmi::Val::V128(wasmi::V128::from(u128::from_le_bytes(*bytes))),
        Val::FuncRef(_) => wasmi::Val::default(wasmi::ValType::FuncRef),
        Val::ExternRef(_) => wasmi::Val::default(wasmi::ValType::ExternRef),
    }
}

/// A reference that is not null becomes one that equals no other, but it is only ever tested for null.
fn from_theirs(value: &wasmi::Val) -> Val {
    use updraft::runtime::extern_ref::ExternRef;
    use updraft::runtime::store::Handle;
    let some = Handle(u64::MAX);
    match value {
        wasmi::Val::I32(value) => Val::I32(*value),
        wasmi::Val::I64(value) => Val::I64(*value),
        wasmi::Val::F32(value) => Val::F32(value.to_bits()),
        wasmi::Val::F64(value) => Val::F64(value.to_bits()),
        wasmi::Val::V128(value) => Val::V128(value.as_u128().to_le_bytes()),
        wasmi::Val::FuncRef(func) => Val::FuncRef((!func.is_null()).then_some(Func(some))),
        wasmi::Val::ExternRef(object) => Val::ExternRef((!object.is_null()).then_some(ExternRef(some))),
    }
}

/// Whether a value of ours may stand where the reference has this one.
fn same_value(ours: &Val, theirs: &Val, nans: Nans) -> bool {
    if plain(ours) == plain(theirs) {
        return true;
    }
    match (ours, theirs, nans) {
        (Val::F32(a), Val::F32(b), Nans::AnyScalar) => both_nan32(*a, *b),
        (Val::F64(a), Val::F64(b), Nans::AnyScalar) => both_nan64(*a, *b),
        (Val::V128(a), Val::V128(b), Nans::AnyF32x4) => {
            let lanes =
                |bytes: &[u8; 16]| bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect::<Vec<_>>();
            lanes(a).iter().zip(lanes(b)).all(|(a, b)| *a == b || both_nan32(*a, b))
        }
        (Val::V128(a), Val::V128(b), Nans::AnyF64x2) => {
            let lanes =
                |bytes: &[u8; 16]| bytes.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect::<Vec<_>>();
            lanes(a).iter().zip(lanes(b)).all(|(a, b)| *a == b || both_nan64(*a, b))
        }
        _ => false,
    }
}

/// Ours must be quiet; what theirs is does not matter.
fn both_nan32(ours: u32, theirs: u32) -> bool {
    ours & 0x7fc0_0000 == 0x7fc0_0000 && f32::from_bits(theirs).is_nan()
}

fn both_nan64(ours: u64, theirs: u64) -> bool {
    ours & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000 && f64::from_bits(theirs).is_nan()
}

/// Why our engine stopped, or the error if it did more than stop.
pub fn stop(error: Error) -> Result<Stop, Box<Error>> {
    let code = match &error {
        Error::Trap(trap) => trap.code,
        Error::Limit { .. } => return Ok(Stop::Exhausted),
        _ => return Err(Box::new(error)),
    };
    Ok(match code {
        TrapCode::Unreachable => Stop::Unreachable,
        TrapCode::MemoryOutOfBounds => Stop::Memory,
        TrapCode::TableOutOfBounds | TrapCode::UndefinedElement => Stop::Table,
        TrapCode::UninitializedElement => Stop::NullCall,
        TrapCode::IntegerDivideByZero => Stop::DivideByZero,
        TrapCode::IntegerOverflow => Stop::Overflow,
        TrapCode::InvalidConversionToInteger => Stop::Conversion,
        TrapCode::IndirectCallTypeMismatch => Stop::Signature,
        TrapCode::StackOverflow => Stop::Exhausted,
        _ => return Err(Box::new(error)),
    })
}

fn their_stop(error: &wasmi::Error) -> Result<Stop, String> {
    use wasmi::TrapCode as Theirs;
    match error.as_trap_code() {
        Some(Theirs::UnreachableCodeReached) => Ok(Stop::Unreachable),
        Some(Theirs::MemoryOutOfBounds) => Ok(Stop::Memory),
        Some(Theirs::TableOutOfBounds) => Ok(Stop::Table),
        Some(Theirs::IndirectCallToNull) => Ok(Stop::NullCall),
        Some(Theirs::IntegerDivisionByZero) => Ok(Stop::DivideByZero),
        Some(Theirs::IntegerOverflow) => Ok(Stop::Overflow),
        Some(Theirs::BadConversionToInteger) => Ok(Stop::Conversion),
        Some(Theirs::BadSignature) => Ok(Stop::Signature),
        Some(Theirs::StackOverflow | Theirs::GrowthOperationLimited) => Ok(Stop::Exhausted),
        _ if does_not_fit(error) => Ok(Stop::Table),
        _ => Err(error.to_string()),
    }
}

/// Whether a table was too short, which the reference says with errors of its own besides its traps.
fn does_not_fit(error: &wasmi::Error) -> bool {
    use wasmi::errors::{ErrorKind, InstantiationError, TableError};
    matches!(
        error.kind(),
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })
            | ErrorKind::Table(
                TableError::CopyOutOfBounds
                    | TableError::FillOutOfBounds
                    | TableError::InitOutOfBounds
                    | TableError::SetOutOfBounds
            )
    )
}

/// What the reference gives, unless it panics: then it says nothing about ours. Only the reference may run in `body`.
fn unless_it_panics<T>(body: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).ok()
}

/// Whether the reference refused for a bound of its own.
fn is_limit(error: &wasmi::Error) -> bool {
    use wasmi::errors::ErrorKind;
    matches!(error.kind(), ErrorKind::Translation(_) | ErrorKind::Ir(_))
}
