//! The one place that wires the stages together: engines and compiled modules.

use crate::config::Config;
use crate::error::Result;
use crate::module::Module;
use std::sync::Arc;

/// Configuration, code space and type registry, shared by modules and stores. Any thread.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);
struct EngineInner {
    config: Config,
}

impl Engine {
    pub fn new(config: Config) -> Result<Engine> {
        todo!()
    }
    pub fn config(&self) -> &Config {
        &self.0.config
    }
    /// Whether 32-bit memories are kept in bounds by unmapped pages.
    pub fn memories_are_guarded(&self) -> bool {
        todo!()
    }
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A module with its machine code. Any thread; reference-counted.
#[derive(Clone)]
pub struct CompiledModule(Arc<CompiledModuleInner>);
struct CompiledModuleInner {
    module: Arc<Module>,
    engine: Engine,
}

impl CompiledModule {
    /// Decodes, validates and (eager) compiles. Text is accepted when the `wat` feature is compiled in.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<CompiledModule> {
        todo!()
    }
    /// Decodes and validates only.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        todo!()
    }
    pub fn module(&self) -> &Arc<Module> {
        &self.0.module
    }
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }
    /// How many functions have machine code.
    pub fn compiled_count(&self) -> usize {
        todo!()
    }
    /// Bytes of machine code.
    pub fn code_size(&self) -> usize {
        todo!()
    }
}
