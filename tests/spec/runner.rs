//! Runs one script: directive after directive, in a store of its own.

use std::collections::{BTreeMap, HashMap};

use updraft::config::Tiers;
use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::module::Features;
use updraft::runtime::instance::Instance;
use updraft::runtime::linker::Linker;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::{Trap, TrapCode};
use wast::token::Id;
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::common::{extern_handle, tier_up_some, val_handle};
use crate::spectest;
use crate::suite::{SUPERSEDED, Script};
use crate::values::{argument, matches};

/// What a script came to.
#[derive(Default)]
pub struct Outcome {
    pub passed: usize,
    /// `line: what went wrong`.
    pub failures: Vec<String>,
    /// How many directives were skipped, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Loops that went on in the top tier while they ran.
    pub moved_loops: usize,
}

/// Why a directive did not pass.
enum Miss {
    /// The engine was wrong.
    Failed(String),
    /// The directive needs this feature, which the engine does not implement.
    Needs(String),
}

impl From<Error> for Miss {
    fn from(error: Error) -> Miss {
        match missing_feature(&error) {
            Some(feature) => Miss::Needs(feature),
            None => Miss::Failed(error.to_string()),
        }
    }
}

type Step<T = ()> = Result<T, Miss>;

fn failed<T>(what: impl Into<String>) -> Step<T> {
    Err(Miss::Failed(what.into()))
}

/// Parts of WebAssembly 3.0 that the engine refuses so far.
const LATER: &[&str] = &["exceptions", "function-references", "gc"];

/// The features that the engine refused the module for, if it does not implement one of them. Those that it
/// has and this script switched off do not count.
fn missing_feature(error: &Error) -> Option<String> {
    let Error::Unsupported { feature, .. } = error else { return None };
    let implemented = |name: &str| Features::LIST.iter().any(|(_, known, _)| *known == name);
    let missing: Vec<&str> = feature.split(", ").filter(|name| !implemented(name)).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Runs all directives of a script.
pub fn run_script(engine: &Engine, script: &Script) -> Outcome {
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
    let mut runner = match Runner::new(engine) {
        Ok(runner) => runner,
        Err(error) => {
            outcome.failures.push(format!("0: {error}"));
            return outcome;
        }
    };
    for directive in directives {
        let line = directive.span().linecol_in(text).0 + 1;
        match runner.run(directive) {
            Ok(()) => outcome.passed += 1,
            Err(Miss::Failed(what)) => match superseded(&script.name, line) {
                Some(reason) => *outcome.skipped.entry(reason.to_owned()).or_default() += 1,
                None => outcome.failures.push(format!("{line}: {what}")),
            },
            Err(Miss::Needs(feature)) => *outcome.skipped.entry(format!("needs {feature}")).or_default() += 1,
        }
    }
    outcome.moved_loops = runner.compiled.iter().map(|module| module.osr_counts().entered_sites).sum();
    outcome
}

/// Why an assertion no longer holds, if it does not.
fn superseded(script: &str, line: usize) -> Option<&'static str> {
    let entry = SUPERSEDED.iter().find(|(name, lines, _)| *name == script && lines.contains(&line));
    entry.map(|(_, _, reason)| *reason)
}

/// An instance or module, or the feature for want of which there is none.
type Made<T> = Result<T, String>;

/// The state of a script.
struct Runner<'a> {
    store: Store,
    linker: Linker,
    engine: &'a Engine,
    /// The instance that directives without a name mean.
    current: Option<Made<Instance>>,
    instances: HashMap<String, Made<Instance>>,
    current_module: Option<Made<CompiledModule>>,
    modules: HashMap<String, Made<CompiledModule>>,
    /// All of them.
    compiled: Vec<CompiledModule>,
    /// Names registered for instances that could not be made, with the feature.
    absent: HashMap<String, String>,
}

impl Runner<'_> {
    fn new(engine: &Engine) -> Result<Runner<'_>, Error> {
        let mut store = crate::common::store(engine)?;
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store)?;
        Ok(Runner {
            store,
            linker,
            engine,
            current: None,
            instances: HashMap::new(),
            current_module: None,
            modules: HashMap::new(),
            compiled: Vec::new(),
            absent: HashMap::new(),
        })
    }

    fn run(&mut self, directive: WastDirective<'_>) -> Step {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::ModuleDefinition(module) => self.module_definition(module),
            WastDirective::ModuleInstance { instance, module, .. } => self.module_instance(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => self.invoke(&invoke)?.map(|_| ()).map_err(Miss::from),
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call)?;
                expect_trap(outcome, message).and_then(|trap| match trap.code {
                    TrapCode::StackOverflow => Ok(()),
                    _ => failed(format!("{trap:?} instead of a stack overflow")),
                })
            }
            WastDirective::AssertUnlinkable { module, message, .. } => self.assert_unlinkable(module, message),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. }
            | WastDirective::AssertInvalidCustom { module, message, .. }
            | WastDirective::AssertMalformedCustom { module, message, .. } => self.assert_refused(module, message),
            WastDirective::AssertException { .. } => match &self.current {
                Some(Err(feature)) => Err(Miss::Needs(feature.clone())),
                _ => failed("an exception is expected of a module that was compiled"),
            },
            // Directives that no script of the pinned suite holds. They fail, so that none is missed if that changes.
            WastDirective::AssertSuspension { .. } => failed("assert_suspension is not known to this runner"),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => failed("threads are not known to this runner"),
        }
    }

    /// Compiles; the inner error names a feature that is not there.
    fn compile(&mut self, module: &mut QuoteWat<'_>) -> Step<Made<CompiledModule>> {
        let bytes = module.encode().map_err(|error| Miss::Failed(error.to_string()))?;
        // What is missing is found out now, also where bodies are validated later.
        let known = CompiledModule::validate(self.engine, &bytes);
        match known.and_then(|()| CompiledModule::new(self.engine, &bytes)) {
            Ok(module) => {
                // Where functions do not move up by themselves.
                if self.engine.config().tiers == Tiers::Both && !self.engine.config().tiers_up() {
                    tier_up_some(&module, bytes.len() as u64);
                }
                self.compiled.push(module.clone());
                Ok(Ok(module))
            }
            Err(error) => missing_feature(&error).map(Err).ok_or_else(|| Miss::Failed(error.to_string())),
        }
    }

    /// Instantiates; the inner error names a feature for want of which an import is absent.
    fn instantiate(&mut self, module: &CompiledModule) -> Made<Result<Instance, Error>> {
        for import in module.module().imports() {
            if let Some(feature) = self.absent.get(&*import.module) {
                return Err(feature.clone());
            }
        }
        Ok(self.linker.instantiate(&mut self.store, module))
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Step {
        let name = module.name();
        // A module that fails must not leave its assertions to the one before it.
        self.current = None;
        let compiled = self.compile(&mut module)?;
        self.add_instance(name, compiled)
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
        needs.map_or(Ok(()), |feature| Err(Miss::Needs(feature)))
    }

    fn module_instance(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Step {
        let compiled = match module {
            Some(name) => self.modules.get(name.name()).cloned(),
            None => self.current_module.clone(),
        };
        self.current = None;
        match compiled {
            Some(compiled) => self.add_instance(instance, compiled),
            None => failed("no such module"),
        }
    }

    fn add_instance(&mut self, name: Option<Id<'_>>, compiled: Made<CompiledModule>) -> Step {
        let made = match compiled.and_then(|module| self.instantiate(&module)) {
            Ok(instance) => Ok(instance?),
            Err(feature) => Err(feature),
        };
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), made.clone());
        }
        let needs = made.as_ref().err().cloned();
        self.current = Some(made);
        needs.map_or(Ok(()), |feature| Err(Miss::Needs(feature)))
    }

    fn instance(&self, name: Option<Id<'_>>) -> Step<Instance> {
        let made = match name {
            Some(name) => self.instances.get(name.name()),
            None => self.current.as_ref(),
        };
        match made {
            Some(Ok(instance)) => Ok(*instance),
            Some(Err(feature)) => Err(Miss::Needs(feature.clone())),
            None => failed("no such instance"),
        }
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Step {
        match self.instance(module) {
            Ok(instance) => {
                self.absent.remove(name);
                Ok(self.linker.define_instance(&mut self.store, name, instance)?)
            }
            Err(Miss::Needs(feature)) => {
                self.absent.insert(name.to_owned(), feature.clone());
                Err(Miss::Needs(feature))
            }
            Err(miss) => Err(miss),
        }
    }

    /// Calls an export. The outer error is the script's or the runner's, the inner one the call's.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Step<Result<Vec<Val>, Error>> {
        let instance = self.instance(invoke.module)?;
        let Some(Extern::Func(func)) = instance.export(&mut self.store, invoke.name)? else {
            return failed(format!("no exported function {}", invoke.name));
        };
        let mut args = Vec::new();
        for arg in &invoke.args {
            args.push(argument(&mut self.store, arg)?.map_err(Miss::Needs)?);
        }
        let ty = func.ty(&self.store)?;
        let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
        let outcome = func.call(&mut self.store, &args, &mut results);
        // Handles are given back at once, so that the suite also runs against the reclaiming of objects.
        self.store.release(func.0)?;
        for handle in args.into_iter().filter_map(val_handle) {
            self.store.release(handle)?;
        }
        Ok(outcome.map(|()| results))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Step<Result<Vec<Val>, Error>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let module = self.compile(&mut QuoteWat::Wat(module))?.map_err(Miss::Needs)?;
                Ok(self.instantiate(&module).map_err(Miss::Needs)?.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.export(&mut self.store, global)? {
                    Some(Extern::Global(item)) => {
                        let value = item.get(&mut self.store)?;
                        self.store.release(item.0)?;
                        Ok(Ok(vec![value]))
                    }
                    other => {
                        if let Some(item) = other {
                            self.store.release(extern_handle(item))?;
                        }
                        failed(format!("no exported global {global}"))
                    }
                }
            }
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Step {
        let results = self.execute(exec)??;
        let equal = results.len() == expected.len()
            && results.iter().zip(expected).all(|(value, expected)| matches(&self.store, value, expected));
        for handle in results.iter().copied().filter_map(val_handle) {
            self.store.release(handle)?;
        }
        if equal { Ok(()) } else { failed(format!("{results:x?} instead of {expected:x?}")) }
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, message: &str) -> Step {
        let outcome = self.execute(exec)?;
        expect_trap(outcome, message).map(|_| ())
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>, message: &str) -> Step {
        let bytes = module.encode().map_err(|error| Miss::Failed(error.to_string()))?;
        let module = CompiledModule::new(self.engine, &bytes)?;
        match self.instantiate(&module).map_err(Miss::Needs)? {
            Ok(_) => failed(format!("linked, but should not for: {message}")),
            Err(Error::Link { reason }) if reason.contains(message) => Ok(()),
            // WebAssembly 1.0 checked segments before it wrote any, and called that linking.
            Err(Error::Trap(trap)) if message.ends_with("segment does not fit") => match trap.code {
                TrapCode::MemoryOutOfBounds | TrapCode::TableOutOfBounds => Ok(()),
                _ => failed(format!("{trap:?} instead of: {message}")),
            },
            Err(error) => failed(format!("{error} instead of: {message}")),
        }
    }

    fn assert_refused(&mut self, mut module: QuoteWat<'_>, message: &str) -> Step {
        // The text parser is not ours, and what it refuses is refused.
        let Ok(bytes) = module.encode() else { return Ok(()) };
        // A module whose bodies are validated later is refused by whoever goes through them.
        match CompiledModule::new(self.engine, &bytes).and_then(|module| module.validate_rest()) {
            Ok(()) => failed(format!("accepted, but should be refused for: {message}")),
            Err(Error::Invalid { .. }) => Ok(()),
            // Refused as it should be, but if a part of WebAssembly 3.0 is missing, not for the asserted reason.
            Err(error @ Error::Unsupported { .. }) => match missing_feature(&error) {
                Some(missing)
                    if self.engine.config().features.contains(Features::EXTENDED_CONST)
                        && missing.split(", ").any(|name| LATER.contains(&name)) =>
                {
                    Err(Miss::Needs(missing))
                }
                _ => Ok(()),
            },
            Err(error) => failed(format!("{error} instead of: {message}")),
        }
    }
}

/// The trap of a call, if its message agrees with the script's as in the specification's interpreter: one
/// begins with the other (old scripts also give the element's number).
fn expect_trap(outcome: Result<Vec<Val>, Error>, message: &str) -> Step<Box<Trap>> {
    match outcome {
        Ok(results) => failed(format!("{results:x?} instead of a trap: {message}")),
        Err(Error::Trap(trap)) => {
            let ours = trap.code.message();
            if ours.starts_with(message) || message.starts_with(ours) {
                Ok(trap)
            } else {
                failed(format!("trap {ours:?} instead of {message:?}"))
            }
        }
        Err(error) => failed(format!("{error} instead of a trap: {message}")),
    }
}
