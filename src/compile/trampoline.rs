//! Trampolines between host and WebAssembly: one of each kind per signature and engine, made when first needed.

use std::sync::{Arc, OnceLock};

use crate::code::arena::CodeSpace;
use crate::code::publish::CodeHandle;
use crate::error::Result;
use crate::module::registry::{TypeHandle, TypeRegistry};
use crate::tier::compiled::CodeKind;
pub use crate::tier::top::HostKind;
use crate::tier::top::{Scratch, TopCompiler};

/// The trampolines of a signature; they go when no module and no function uses the signature any more.
#[derive(Default)]
pub struct Trampolines {
    entry: OnceLock<CodeHandle>,
    host: OnceLock<CodeHandle>,
    host_raw_c: OnceLock<CodeHandle>,
}

impl Trampolines {
    /// The bridge from the host into functions of the type, if it is made.
    pub fn entry(&self) -> Option<usize> {
        self.entry.get().map(CodeHandle::entry)
    }

    /// The bridge from WebAssembly to host functions of the type and kind, if it is made.
    pub fn host(&self, kind: HostKind) -> Option<usize> {
        self.host_cell(kind).get().map(CodeHandle::entry)
    }

    fn host_cell(&self, kind: HostKind) -> &OnceLock<CodeHandle> {
        match kind {
            HostKind::Runtime => &self.host,
            HostKind::RawC => &self.host_raw_c,
        }
    }
}

/// A registered function type with its trampolines.
pub type TypeEntry = TypeHandle<Trampolines>;
/// The function types of an engine.
pub type Types = TypeRegistry<Trampolines>;

/// The bridge from the host into functions of this type.
pub fn entry(ty: &TypeEntry, top: &TopCompiler, space: &Arc<CodeSpace>) -> Result<usize> {
    if let Some(entry) = ty.data().entry() {
        return Ok(entry);
    }
    let code = top.compile_entry_trampoline(&mut Scratch::new(), ty.ty())?;
    let code = space.publish_single(CodeKind::EntryTrampoline, code)?;
    // Of two threads that get here at once, one's code is dropped.
    Ok(ty.data().entry.get_or_init(|| code).entry())
}

/// The bridge from WebAssembly to host functions of this type and kind.
pub fn host(ty: &TypeEntry, kind: HostKind, top: &TopCompiler, space: &Arc<CodeSpace>) -> Result<usize> {
    if let Some(entry) = ty.data().host(kind) {
        return Ok(entry);
    }
    let code = top.compile_host_trampoline(&mut Scratch::new(), ty.ty(), kind)?;
    let code = space.publish_single(CodeKind::HostTrampoline, code)?;
    Ok(ty.data().host_cell(kind).get_or_init(|| code).entry())
}
