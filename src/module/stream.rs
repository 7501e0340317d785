//! Modules are read while their bytes come.
//!
//! In: the bytes of a module, of which there are more each time. Out: a [`Module`] as soon as its first body is there,
//! bodies from then on, all of it in the end. Bytes that are there at once take the same way.
//!
//! What is wrong with a section is found out when all of it is there, and told then, in the words of a module that was
//! there at once. One thing takes longer: bytes that another WebAssembly may allow are called unsupported only if all of
//! the module is valid there ([`Decoder::explain_prefix`]).
//!
//! Not here: what the sections say (`decode`), validation of the bodies (`validate`), who brings bytes
//! (`engine/stream.rs`).

use std::sync::Arc;

use wasmparser::{Chunk, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::error::{Error, Result};
use crate::module::decode::{Builder, Parsed, range};
use crate::module::facts::Facts;
use crate::module::hints::HostHints;
use crate::module::kept;
use crate::module::unsupported;
use crate::module::validate::{Bodies, Validated};
use crate::module::{Features, Module, WireBytes};

/// Whether there will be more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// There may be.
    Some,
    /// These are all.
    All,
}

/// How far the decoder got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// As many bytes of bodies as were asked for, or more. There may be more to read.
    Enough,
    /// What there is, as far as it can be read.
    WhatThereIs,
    /// The module to its end.
    Everything,
}

/// Reads a module.
pub struct Decoder {
    wire: WireBytes,
    parser: Parser,
    validator: Validator,
    builder: Builder,
    features: Features,
    flags: WasmFeatures,
    /// What validation of bodies needs, once there is a body.
    bodies: Bodies,
    /// Whether the module's bodies are validated when somebody needs them.
    defers: bool,
    /// The first byte that was not read.
    at: usize,
    /// Where the code section ends.
    code_end: u64,
    /// Bodies that were read.
    count: usize,
    /// Bytes of those that were read since there were enough.
    taken: usize,
    /// Bytes of the bodies in the code section; of its header at least.
    code_size: usize,
}

impl Decoder {
    /// For a module that has been validated before anybody else sees it.
    pub fn new(wire: WireBytes, features: Features) -> Result<Decoder> {
        check_length(wire.len())?;
        let flags = features.flags();
        let mut parser = Parser::new(0);
        parser.set_features(flags);
        Ok(Decoder {
            parser,
            validator: Validator::new_with_features(flags),
            builder: Builder::new(wire.clone()),
            wire,
            features,
            flags,
            bodies: Bodies { resources: None, flags },
            defers: false,
            at: 0,
            code_end: 0,
            count: 0,
            taken: 0,
            code_size: 0,
        })
    }

    /// Has the bodies validated when somebody needs them. Before anything was read.
    pub fn defer(&mut self) {
        self.defers = true;
    }

    /// Takes the hints of a host. Before anything was read.
    pub fn set_host_hints(&mut self, hints: &HostHints) {
        self.builder.set_host_hints(hints);
    }

    /// Whether there are hints for the module, in front of its bodies or of its host.
    pub fn is_hinted(&self) -> bool {
        self.builder.is_hinted()
    }

    /// Reads on, until so many bytes of bodies were read since the last time when there were enough.
    pub fn read(&mut self, bytes: Bytes, enough: usize) -> Parsed<Read> {
        let wire = self.wire.clone();
        let wire: &[u8] = &wire;
        loop {
            match self.parser.parse(&wire[self.at..], bytes == Bytes::All)? {
                Chunk::NeedMoreData(_) => return Ok(Read::WhatThereIs),
                Chunk::Parsed { consumed, payload } => {
                    self.at += consumed;
                    let is_end = matches!(payload, Payload::End(_));
                    self.taken += self.payload(wire, payload)?;
                    if is_end {
                        if self.builder.module().is_none() {
                            self.begin(0..0);
                        }
                        return Ok(Read::Everything);
                    }
                    if self.taken >= enough {
                        self.taken = 0;
                        return Ok(Read::Enough);
                    }
                }
            }
        }
    }

    /// Reads a module that is known to be valid, but for its bodies. `None`: it does not fit what is known of it.
    pub(crate) fn read_kept(&mut self, facts: &Facts) -> Option<()> {
        let wire = self.wire.clone();
        kept::read(&mut self.builder, &wire, facts, self.features, self.flags)?;
        self.at = wire.len();
        self.count = facts.count();
        self.code_size = self.builder.module()?.code_bytes();
        Some(())
    }

    /// Reads a section or a body. How many bytes of bodies that were.
    fn payload(&mut self, wire: &[u8], payload: Payload<'_>) -> Parsed<usize> {
        match &payload {
            Payload::DataSection(segments) if self.builder.plain_data(wire, segments, self.features).is_some() => {
                return Ok(0);
            }
            Payload::CodeSectionStart { unchecked_range, size, .. } => {
                // Whoever says more than there can be is found out by the parser.
                self.code_end = unchecked_range.end.min(u32::MAX.into());
                self.code_size = *size as usize;
            }
            _ => {}
        }
        let mut taken = 0;
        if let ValidPayload::Func(func, body) = self.validator.payload(&payload)? {
            let body = body.range();
            if self.count == 0 {
                // All bodies share one set of resources, complete since the code section began.
                self.bodies.resources = Some(func.resources);
                self.begin(body.start..self.code_end.max(body.start));
            }
            taken = (body.end - body.start) as usize;
            if let Some(module) = self.builder.module() {
                module.bodies.set(self.count, range(body));
            }
            self.count += 1;
        }
        self.builder.section(payload)?;
        Ok(taken)
    }

    fn begin(&mut self, bodies: std::ops::Range<u64>) {
        let defer = self.defers.then(|| self.bodies.clone());
        self.builder.begin(bodies, self.features, defer);
    }

    /// The module, from its first body on.
    pub fn module(&self) -> Option<&Arc<Module>> {
        self.builder.module()
    }

    /// What validation of its bodies needs, from the first body on.
    pub fn bodies(&self) -> Bodies {
        self.bodies.clone()
    }

    /// How many bodies were read.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the code section, once it has begun.
    pub fn code_size(&self) -> usize {
        self.code_size
    }

    /// The module that was read to its end. Its bodies have been validated with this outcome, or are going to be.
    pub fn finish(&mut self, validated: Option<Validated>) -> Arc<Module> {
        std::mem::replace(&mut self.builder, Builder::new(self.wire.clone())).finish(validated)
    }

    /// The error that all bytes have.
    pub fn explain(&self, error: &wasmparser::Error) -> Error {
        unsupported::explain(error, &self.wire, self.flags)
    }

    /// The error that all bytes have, of which these are the first. `None`: only the rest of them will tell.
    pub fn explain_prefix(&self, error: &wasmparser::Error) -> Option<Error> {
        unsupported::explain_prefix(error, &self.wire, self.flags)
    }
}

/// Positions in a module are 32 bits wide.
pub fn check_length(len: usize) -> Result<()> {
    match u32::try_from(len) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Limit { what: "bytes of a module", asked: len as u64, limit: u32::MAX as u64 }),
    }
}
