//! Runs one script through wasm.h: directive after directive, in a store of its own.
//!
//! wasm.h says neither why a module is refused nor which features it needs. That, and only that, is asked of the
//! engine itself, to tell what it does not implement from what it gets wrong.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use updraft::capi::standard::generated::references::{wasm_extern_t, wasm_ref_get_host_info};
use updraft::capi::standard::values::{wasm_val_t, wasm_val_union_t};
use updraft::engine::CompiledModule;
use updraft::error::Error;
use updraft::module::Features;
use updraft::runtime::func::Func;
use updraft::runtime::store::Handle;
use updraft::runtime::value::Val;
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};
use wast::token::Id;
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::objects::{self, Engine, Extern, Instance, Module, Store, c};
use crate::suite::{SUPERSEDED, Script};
use crate::values::matches_plain;

/// What a script came to.
#[derive(Default)]
pub struct Outcome {
    pub passed: usize,
    /// `line: what went wrong`.
    pub failures: Vec<String>,
    /// How many directives were skipped, by reason.
    pub skipped: BTreeMap<String, usize>,
}

/// Why a directive did not pass.
enum Miss {
    Failed(String),
    /// The engine does not implement this, or wasm.h cannot express it.
    Needs(String),
}

type Step<T = ()> = Result<T, Miss>;

fn failed<T>(what: impl Into<String>) -> Step<T> {
    Err(Miss::Failed(what.into()))
}

/// A type of values of which wasm.h has none.
const VECTORS: &str = "values of type v128, which wasm.h does not have";

/// An engine by both of its names.
pub struct Engines {
    pub standard: Engine,
    /// Only asked why it refuses a module.
    pub native: updraft::engine::Engine,
}

/// Runs all directives of a script.
pub fn run_script(engines: &Engines, script: &Script) -> Outcome {
    let mut outcome = Outcome::default();
    let text = script.file.raw();
    let buffer = match script.file.wast() {
        Ok(buffer) => buffer,
        Err(error) => {
            outcome.failures.push(format!("0: {error}"));
            return outcome;
        }
    };
    let directives = match buffer.directives() {
        Ok(directives) => directives,
        Err(error) => {
            outcome.failures.push(format!("0: {error}"));
            return outcome;
        }
    };
    let mut runner = Runner::new(engines);
    for directive in directives {
        let line = directive.span().linecol_in(text).0 + 1;
        match runner.run(directive) {
            Ok(()) => outcome.passed += 1,
            Err(Miss::Failed(what)) => match superseded(&script.name, line) {
                Some(reason) => *outcome.skipped.entry(reason.to_owned()).or_default() += 1,
                None => outcome.failures.push(format!("{line}: {what}")),
            },
            Err(Miss::Needs(what)) => *outcome.skipped.entry(format!("needs {what}")).or_default() += 1,
        }
    }
    outcome
}

/// Why an assertion no longer holds, if it does not.
fn superseded(script: &str, line: usize) -> Option<&'static str> {
    let entry = SUPERSEDED.iter().find(|(name, lines, _)| *name == script && lines.contains(&line));
    entry.map(|(_, _, reason)| *reason)
}

/// An instance, and its exports by name.
struct Live {
    exports: HashMap<String, Extern>,
    _instance: Instance,
}

/// Something, or what it needs that is not there.
type Made<T> = Result<Rc<T>, String>;

/// The state of a script.
struct Runner<'a> {
    engines: &'a Engines,
    current: Option<Made<Live>>,
    instances: HashMap<String, Made<Live>>,
    current_module: Option<Made<Module>>,
    modules: HashMap<String, Made<Module>>,
    /// What scripts may import, by module and name.
    names: HashMap<(String, String), Extern>,
    /// Modules registered for instances that could not be made, with what they need.
    absent: HashMap<String, String>,
    /// Goes last: it owns the objects above.
    store: Store,
}

impl Runner<'_> {
    fn new(engines: &Engines) -> Runner<'_> {
        let store = Store::of(&engines.standard);
        let mut names = HashMap::new();
        let mut define = |name: &str, item: Extern| {
            names.insert(("spectest".to_owned(), name.to_owned()), item);
        };
        use objects::{F32, F64, I32, I64};
        let functions: [(&str, &[u8]); 7] = [
            ("print", &[]),
            ("print_i32", &[I32]),
            ("print_i64", &[I64]),
            ("print_f32", &[F32]),
            ("print_f64", &[F64]),
            ("print_i32_f32", &[I32, F32]),
            ("print_f64_f64", &[F64, F64]),
        ];
        for (name, params) in functions {
            define(name, store.print(params));
        }
        define("global_i32", store.global(wasm_val_t { kind: I32, of: wasm_val_union_t { i32: 666 } }));
        define("global_i64", store.global(wasm_val_t { kind: I64, of: wasm_val_union_t { i64: 666 } }));
        define("global_f32", store.global(wasm_val_t { kind: F32, of: wasm_val_union_t { f32: 666.6 } }));
        define("global_f64", store.global(wasm_val_t { kind: F64, of: wasm_val_union_t { f64: 666.6 } }));
        define("table", store.table(10, 20));
        define("memory", store.memory(1, 2));
        Runner {
            engines,
            current: None,
            instances: HashMap::new(),
            current_module: None,
            modules: HashMap::new(),
            names,
            absent: HashMap::new(),
            store,
        }
    }

    fn run(&mut self, directive: WastDirective<'_>) -> Step {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                self.current = None;
                let compiled = self.compile(&mut module)?;
                self.add_instance(name, compiled)
            }
            WastDirective::ModuleDefinition(module) => self.module_definition(module),
            WastDirective::ModuleInstance { instance, module, .. } => {
                let compiled = match module {
                    Some(name) => self.modules.get(name.name()).cloned(),
                    None => self.current_module.clone(),
                };
                self.current = None;
                compiled.map_or_else(|| failed("no such module"), |compiled| self.add_instance(instance, compiled))
            }
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => {
                let results = self.invoke(&invoke)?.map_err(Miss::Failed)?;
                objects::delete(results);
                Ok(())
            }
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call)?;
                expect_trap(outcome, message)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => self.assert_unlinkable(module, message),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertInvalidCustom { module, message, .. }
            | WastDirective::AssertMalformedCustom { module, message, .. } => self.assert_refused(module, message),
            WastDirective::AssertException { .. } => match &self.current {
                Some(Err(needs)) => Err(Miss::Needs(needs.clone())),
                _ => failed("an exception is expected of a module that was compiled"),
            },
            WastDirective::AssertSuspension { .. } => failed("assert_suspension is not known to this runner"),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => failed("threads are not known to this runner"),
        }
    }

    /// The features that the engine does not implement and refuses the module for.
    fn missing_features(&self, binary: &[u8]) -> Option<String> {
        let error = CompiledModule::validate(&self.engines.native, binary).err()?;
        let Error::Unsupported { feature, .. } = error else { return None };
        let implemented = |name: &str| Features::LIST.iter().any(|(_, known, _)| *known == name);
        let missing: Vec<&str> = feature.split(", ").filter(|name| !implemented(name)).collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    fn compile(&mut self, module: &mut QuoteWat<'_>) -> Step<Made<Module>> {
        let binary = module.encode().map_err(|error| Miss::Failed(error.to_string()))?;
        match self.store.compile(&binary) {
            Some(module) => Ok(Ok(Rc::new(module))),
            None => match self.missing_features(&binary) {
                Some(feature) => Ok(Err(feature)),
                None => failed("the module was refused"),
            },
        }
    }

    /// Instantiates. The outer error is what cannot be had, the inner one why it failed.
    fn instantiate(&mut self, module: &Module) -> Result<Result<Live, String>, String> {
        let mut imports: Vec<*mut wasm_extern_t> = Vec::new();
        for import in module.imports() {
            if let Some(needs) = self.absent.get(&import.module) {
                return Err(needs.clone());
            }
            if import.module == "spectest" && ["table64", "shared_memory"].contains(&import.name.as_str()) {
                return Err("a 64-bit table or a shared memory of the host, which wasm.h cannot make".into());
            }
            match self.names.get(&(import.module.clone(), import.name.clone())) {
                Some(item) => imports.push(item.0),
                None => return Ok(Err("unknown import".into())),
            }
        }
        Ok(self.store.instantiate(module, &imports).map(|instance| {
            let names = module.exports().into_iter().map(|export| export.name);
            let exports = names.zip(instance.exports()).collect();
            Live { exports, _instance: instance }
        }))
    }

    fn module_definition(&mut self, mut module: QuoteWat<'_>) -> Step {
        let name = module.name();
        self.current_module = None;
        let compiled = self.compile(&mut module)?;
        if let Some(name) = name {
            self.modules.insert(name.name().to_owned(), compiled.clone());
        }
        let needs = compiled.as_ref().err().cloned();
        self.current_module = Some(compiled);
        needs.map_or(Ok(()), |needs| Err(Miss::Needs(needs)))
    }

    fn add_instance(&mut self, name: Option<Id<'_>>, compiled: Made<Module>) -> Step {
        let made = match compiled.and_then(|module| self.instantiate(&module)) {
            Ok(live) => Ok(Rc::new(live.map_err(Miss::Failed)?)),
            Err(needs) => Err(needs),
        };
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), made.clone());
        }
        let needs = made.as_ref().err().cloned();
        self.current = Some(made);
        needs.map_or(Ok(()), |needs| Err(Miss::Needs(needs)))
    }

    fn instance(&self, name: Option<Id<'_>>) -> Step<Rc<Live>> {
        let made = match name {
            Some(name) => self.instances.get(name.name()),
            None => self.current.as_ref(),
        };
        match made {
            Some(Ok(live)) => Ok(live.clone()),
            Some(Err(needs)) => Err(Miss::Needs(needs.clone())),
            None => failed("no such instance"),
        }
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Step {
        match self.instance(module) {
            Ok(live) => {
                self.absent.remove(name);
                for (export, item) in &live.exports {
                    self.names.insert((name.to_owned(), export.clone()), item.copy());
                }
                Ok(())
            }
            Err(Miss::Needs(needs)) => {
                self.absent.insert(name.to_owned(), needs.clone());
                Err(Miss::Needs(needs))
            }
            Err(miss) => Err(miss),
        }
    }

    /// Calls an export. The outer error is the script's or the runner's, the inner one the call's.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Step<Result<Vec<wasm_val_t>, String>> {
        let live = self.instance(invoke.module)?;
        let Some(func) = live.exports.get(invoke.name).filter(|item| item.kind() == objects::EXTERN_FUNC) else {
            return failed(format!("no exported function {}", invoke.name));
        };
        let (params, results) = func.signature();
        if params.iter().chain(&results).any(|kind| *kind == 4) {
            return Err(Miss::Needs(VECTORS.into()));
        }
        let mut args = Vec::new();
        for arg in &invoke.args {
            args.push(self.argument(arg)?);
        }
        Ok(func.call(args, results.len()))
    }

    fn argument(&self, arg: &WastArg<'_>) -> Step<wasm_val_t> {
        let null = |kind| wasm_val_t { kind, of: wasm_val_union_t { i64: 0 } };
        // The bytes that a kind does not need are garbage on purpose.
        let bits = |kind, bits: u64| wasm_val_t { kind, of: wasm_val_union_t { i64: bits.cast_signed() } };
        let garbage = 0xa5a5_a5a5_0000_0000;
        let WastArg::Core(arg) = arg else { return failed(format!("{arg:?}")) };
        Ok(match arg {
            WastArgCore::I32(value) => bits(objects::I32, garbage | u64::from(value.cast_unsigned())),
            WastArgCore::I64(value) => bits(objects::I64, value.cast_unsigned()),
            WastArgCore::F32(value) => bits(objects::F32, garbage | u64::from(value.bits)),
            WastArgCore::F64(value) => bits(objects::F64, value.bits),
            WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Func }) => {
                null(objects::FUNCREF)
            }
            WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern }) => {
                null(objects::EXTERNREF)
            }
            WastArgCore::RefExtern(number) => {
                let mut value = null(objects::EXTERNREF);
                value.of.r#ref = self.store.foreign(*number);
                value
            }
            other => return Err(Miss::Needs(format!("{other:?}"))),
        })
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Step<Result<Vec<wasm_val_t>, String>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let module = self.compile(&mut QuoteWat::Wat(module))?.map_err(Miss::Needs)?;
                Ok(self.instantiate(&module).map_err(Miss::Needs)?.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let live = self.instance(module)?;
                match live.exports.get(global).filter(|item| item.kind() == objects::EXTERN_GLOBAL) {
                    Some(item) => Ok(Ok(vec![item.value()])),
                    None => failed(format!("no exported global {global}")),
                }
            }
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Step {
        let results = self.execute(exec)?.map_err(Miss::Failed)?;
        let equal =
            results.len() == expected.len() && results.iter().zip(expected).all(|(value, want)| is(value, want));
        let shown: Vec<(u8, u64)> = results.iter().map(|value| (value.kind, content(value))).collect();
        objects::delete(results);
        if equal { Ok(()) } else { failed(format!("{shown:x?} instead of {expected:x?}")) }
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>, message: &str) -> Step {
        let binary = module.encode().map_err(|error| Miss::Failed(error.to_string()))?;
        let Some(module) = self.store.compile(&binary) else {
            return match self.missing_features(&binary) {
                Some(feature) => Err(Miss::Needs(feature)),
                None => failed("the module was refused"),
            };
        };
        match self.instantiate(&module).map_err(Miss::Needs)? {
            Ok(_) => failed(format!("linked, but should not for: {message}")),
            Err(reason) if reason.contains(message) => Ok(()),
            // WebAssembly 1.0 checked segments before it wrote any, and called that linking.
            Err(reason) if message.ends_with("segment does not fit") && reason.starts_with("out of bounds") => Ok(()),
            Err(reason) => failed(format!("{reason} instead of: {message}")),
        }
    }

    fn assert_refused(&mut self, mut module: QuoteWat<'_>, message: &str) -> Step {
        // The text parser is not ours, and what it refuses is refused.
        let Ok(binary) = module.encode() else { return Ok(()) };
        if self.store.validate(&binary) || self.store.compile(&binary).is_some() {
            return failed(format!("accepted, but should be refused for: {message}"));
        }
        // For want of a part of WebAssembly 3.0 it is refused for another reason than the asserted one.
        const LATER: &[&str] = &["exceptions", "function-references", "gc"];
        match self.missing_features(&binary) {
            Some(missing)
                if self.engines.native.config().features.contains(Features::EXTENDED_CONST)
                    && missing.split(", ").any(|name| LATER.contains(&name)) =>
            {
                Err(Miss::Needs(missing))
            }
            _ => Ok(()),
        }
    }
}

/// All bits of a value.
fn content(value: &wasm_val_t) -> u64 {
    // SAFETY: any bytes are an integer.
    unsafe { value.of.i64 }.cast_unsigned()
}

/// Whether a result is what the script expects.
fn is(value: &wasm_val_t, expected: &WastRet<'_>) -> bool {
    let WastRet::Core(expected) = expected else { return false };
    is_core(value, expected)
}

fn is_core(value: &wasm_val_t, expected: &WastRetCore<'_>) -> bool {
    if let WastRetCore::Either(cases) = expected {
        return cases.iter().any(|case| is_core(value, case));
    }
    let bits = content(value);
    let val = match value.kind {
        objects::I32 => Val::I32((bits as u32).cast_signed()),
        objects::I64 => Val::I64(bits.cast_signed()),
        objects::F32 => Val::F32(bits as u32),
        objects::F64 => Val::F64(bits),
        // Which function it is, no script asks.
        objects::FUNCREF => Val::FuncRef((bits != 0).then_some(Func(Handle(1)))),
        objects::EXTERNREF if bits == 0 => Val::ExternRef(None),
        objects::EXTERNREF => {
            // SAFETY: the kind says that it is a reference.
            let info = c!(wasm_ref_get_host_info(value.of.r#ref)).addr();
            return match expected {
                WastRetCore::RefExtern(number) => number.is_none_or(|number| info == number as usize),
                _ => false,
            };
        }
        _ => return false,
    };
    matches_plain(&val, expected)
}

/// Whether a call trapped with a message that agrees with the script's: one begins with the other.
fn expect_trap(outcome: Result<Vec<wasm_val_t>, String>, message: &str) -> Step {
    match outcome {
        Ok(results) => {
            objects::delete(results);
            failed(format!("no trap: {message}"))
        }
        Err(ours) if ours.starts_with(message) || message.starts_with(&ours) => Ok(()),
        Err(ours) => failed(format!("trap {ours:?} instead of {message:?}")),
    }
}
