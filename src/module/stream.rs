//! Modules are read while their bytes come.
//!
//! In: the bytes of a module, of which there are more each time. Out: a [`Module`] as soon as its first body is there,
//! bodies from then on, all of it in the end. Bytes that are there at once take the same way.
//!
//! What is wrong with a section is found out when all of it is there, and told then, in the words of a module that was
//! there at once. One thing takes longer: bytes that another WebAssembly may allow are called unsupported only if all of
//! the module is valid there ([`Decoder::explain_prefix`]).
//!
//! Bodies are told apart here: their sizes are all that is read of them. What is not as it should be there is left to
//! wasmparser, from the first body on, which says what is wrong.
//!
//! Not here: what the sections say (`decode`), validation of the bodies (`validate`), who brings bytes
//! (`engine/stream.rs`).

use std::sync::Arc;

use wasmparser::{Chunk, Parser, Payload, Validator, WasmFeatures};

use crate::error::{Error, Result};
use crate::module::data::Reader;
use crate::module::decode::{Builder, Parsed};
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

/// Bytes of a body, at most. (wasmparser's limit.)
const MOST_BODY: usize = 7_654_321;

/// A code section that is read.
#[derive(Clone, Copy)]
struct Code {
    /// Its first body.
    start: usize,
    end: usize,
    bodies: usize,
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
    /// The code section while its bodies are told apart here; the parser stands at the first one.
    code: Option<Code>,
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
            features,
            flags,
            bodies: Bodies::new(wire.clone(), flags),
            wire,
            code: None,
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
            if let Some(read) = self.split(wire, bytes, enough)? {
                return Ok(read);
            }
            match self.parser.parse(&wire[self.at..], bytes == Bytes::All)? {
                Chunk::NeedMoreData(_) => return Ok(Read::WhatThereIs),
                Chunk::Parsed { consumed, payload } => {
                    self.at += consumed;
                    let is_end = matches!(payload, Payload::End(_));
                    self.payload(wire, payload)?;
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

    /// Tells bodies apart, if it is their turn. `None`: go on with the parser.
    fn split(&mut self, wire: &[u8], bytes: Bytes, enough: usize) -> Parsed<Option<Read>> {
        let Some(code) = self.code else { return Ok(None) };
        let here = &wire[..code.end.min(wire.len())];
        while self.count < code.bodies {
            match next_body(here, self.at) {
                Some(body) => {
                    self.at = body.end;
                    if self.add_body(body) >= enough {
                        self.taken = 0;
                        return Ok(Some(Read::Enough));
                    }
                }
                None if bytes == Bytes::Some && is_cut_off(here, self.at, code.end) => {
                    return Ok(Some(Read::WhatThereIs));
                }
                None => return self.leave_to_parser(wire, code),
            }
        }
        if self.at != code.end {
            return self.leave_to_parser(wire, code);
        }
        self.code = None;
        self.parser.skip_section();
        Ok(None)
    }

    /// Has the parser say what is wrong with the next body, or behind the last one.
    fn leave_to_parser(&mut self, wire: &[u8], code: Code) -> Parsed<Option<Read>> {
        self.code = None;
        let mut at = code.start;
        for _ in 0..self.count {
            match self.parser.parse(&wire[at..self.at], false)? {
                Chunk::Parsed { consumed, .. } => at += consumed,
                Chunk::NeedMoreData(_) => unreachable!("a body that was told apart"),
            }
        }
        Ok(None)
    }

    /// Takes a body; how many bytes of them were read since there were enough.
    fn add_body(&mut self, body: std::ops::Range<usize>) -> usize {
        if self.count == 0 {
            self.begin(body.start as u64..self.code_end.max(body.start as u64));
        }
        if let Some(module) = self.builder.module() {
            module.bodies.set(self.count, body.start as u32..body.end as u32);
        }
        self.count += 1;
        self.taken += body.len();
        self.taken
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

    /// Reads a section, or a body that the parser told apart.
    fn payload(&mut self, wire: &[u8], payload: Payload<'_>) -> Parsed {
        match &payload {
            Payload::DataSection(segments) if self.builder.plain_data(wire, segments, self.features).is_some() => {
                return Ok(());
            }
            Payload::ElementSection(segments) if self.builder.plain_elements(wire, segments).is_some() => {
                return Ok(());
            }
            Payload::CodeSectionStart { unchecked_range, size, count } => {
                // Whoever says more than there can be is found out by the parser.
                self.code_end = unchecked_range.end.min(u32::MAX.into());
                self.code_size = *size as usize;
                let (start, end) = (self.at, self.at.checked_add(self.code_size));
                if let (Some(end), 1..) = (end.filter(|end| *end as u64 == self.code_end), *count) {
                    self.code = Some(Code { start, end, bodies: *count as usize });
                }
            }
            _ => {}
        }
        self.validator.payload(&payload)?;
        if let Payload::CodeSectionEntry(body) = &payload {
            let body = body.range();
            self.add_body(body.start as usize..body.end as usize);
        }
        self.builder.section(payload)
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

/// The body whose size stands at this place, if the whole of it is there.
fn next_body(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let mut reader = Reader { bytes, at };
    let size = reader.u32()? as usize;
    let end = reader.at.checked_add(size)?;
    (end <= bytes.len() && size <= MOST_BODY).then_some(reader.at..end)
}

/// Whether the body at this place is one that may come, in a section that ends there.
fn is_cut_off(bytes: &[u8], at: usize, section_end: usize) -> bool {
    let mut reader = Reader { bytes, at };
    match reader.u32() {
        Some(size) => (reader.at.checked_add(size as usize)).is_some_and(|end| bytes.len() < end && end <= section_end),
        // Its size is cut off: every byte that is there says that another follows.
        None => bytes.len() < section_end && bytes[at..].len() < 5,
    }
}

/// Positions in a module are 32 bits wide.
pub fn check_length(len: usize) -> Result<()> {
    match u32::try_from(len) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Limit { what: "bytes of a module", asked: len as u64, limit: u32::MAX as u64 }),
    }
}
