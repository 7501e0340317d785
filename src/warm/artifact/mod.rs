//! Artifacts: modules with the machine code that they had, as bytes.
//!
//! In: modules in whatever mix of tiers. Out: bytes; and from bytes of any origin: modules, with as much of their code as is
//! ours and fits.
//!
//! # The format, version 2
//!
//!     fixed       "updwarm\0", version: u32, modules: u32, length: u64, head: u32, 0: u32
//!     per module  wasm: offset u64, length u64 (0: not kept)      this far, every version is the same
//!     identity    build (16 bytes), key (16 bytes), processor, settings, features, target
//!     directory   per module: hash of the wasm (32 bytes), lengths, and a tag of each piece
//!     tag         of all of the above: here the head ends
//!     pieces      per module: wasm, facts, profile, list of images, pages of the index, units of images, bodies, code
//!
//! Offsets count from the end of the head. Numbers of the identity and the directory are in LEB128, without a length they
//! are little-endian. The index has a page for [`PAGE_FUNCTIONS`] functions: what became of each (two bits), and for each
//! with code the record's length and tag, then for each that was run without, what is left of its budget; records lie one
//! after the other, in the order of the functions (`record`).
//!
//! Bodies are pages of [`BODY_PAGE`] functions: for each, where its body starts and ends in the wasm, in 32 bits each.
//!
//! An image is what a memory has in it at first, in place of data segments: a list of units of [`IMAGE_UNIT`] bytes, with the
//! tag of each that is not all zeros. An artifact without wasm has none: whoever has the wasm has them.
//!
//! # What is believed
//!
//! Nothing that is not authenticated (`seal`): the head when the artifact is opened, every piece when it is needed, as a
//! copy of our own. The tags make a tree: that of the head covers those of the pages, these cover those of the code. Who
//! wrote the tags had validated the module, so its bodies count as valid, and no others do. Of an artifact that is
//! not ours, or does not fit (a [`Rejected`]), the wasm alone is used, like any bytes of the host's.
//!
//! Not here: modules (`engine/artifact.rs`), where artifacts are kept (`directory`).

mod image;
mod read;
mod record;
mod seal;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use image::{Image, KeptImage};
pub use read::{Opened, Part, open};
pub use seal::{Key, hash};
pub use store::Store;
pub use write::{Contents, Wasm, write};

use crate::bytes::put;
use crate::module::tables::BODY_PAGE;

const MAGIC: &[u8; 8] = b"updwarm\0";

/// Of the format.
const VERSION: u32 = 2;

/// Bytes of what is at a fixed place, before the table of modules.
const FIXED: usize = 32;

/// Bytes of an entry in that table.
const ENTRY: usize = 16;

/// Modules of an artifact, at most.
pub const MAX_MODULES: usize = 1024;

/// Bytes of wasm that are authenticated at a time.
const WASM_PAGE: usize = 64 << 10;

/// Bytes of an image that are authenticated at a time.
const IMAGE_UNIT: usize = 32 << 10;

/// Bytes of a page that says where bodies are.
const BODY_BYTES: usize = 8 * BODY_PAGE;

/// Functions of a page of the index.
const PAGE_FUNCTIONS: usize = 128;

/// What code depends on besides its module. Each field is compared by itself, so that it can be told what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of the engine, its compilers included.
    pub build: [u8; 16],
    /// The target triple.
    pub target: Box<str>,
    /// Processor features that code uses, a bit each. Code runs where all of them are.
    pub cpu: u64,
    /// Settings of the engine that change code.
    pub settings: u64,
    /// Features that modules may use.
    pub features: u64,
}

impl Identity {
    fn write(&self, key: &Key, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.build);
        out.extend_from_slice(&key.id());
        put(out, self.cpu);
        put(out, self.settings);
        put(out, self.features);
        put(out, self.target.len() as u64);
        out.extend_from_slice(self.target.as_bytes());
    }

    /// By what a module's artifact is known where many are kept: everything that must fit.
    pub fn entry(&self, wasm: &[u8; 32]) -> [u8; 32] {
        let mut bytes = wasm.to_vec();
        bytes.extend_from_slice(&self.build);
        for number in [u64::from(VERSION), self.cpu, self.settings, self.features] {
            put(&mut bytes, number);
        }
        bytes.extend_from_slice(self.target.as_bytes());
        hash(&bytes)
    }
}

/// Why the code of an artifact is not used. The numbers are part of the C interface and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Rejected {
    /// It has another version of the format.
    Version = 1,
    /// Another build of the engine made it.
    Build = 2,
    /// It is for another kind of machine.
    Target = 3,
    /// It uses features that this processor, or this engine, does not have.
    Cpu = 4,
    /// The engine that made it had other settings.
    Settings = 5,
    /// The engine that made it allowed other features of WebAssembly.
    Features = 6,
    /// It was made with another key.
    Key = 7,
    /// It is not what was written.
    Damaged = 8,
    /// It is of another module than the one that it was to be used for.
    Wasm = 9,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// It was not run.
    #[default]
    Lazy = 0,
    /// It was run in the baseline tier.
    Executed = 1,
    /// It has code of the top tier.
    Top = 2,
    /// The top tier has refused it.
    Refused = 3,
}

impl Progress {
    fn from_bits(bits: u8) -> Progress {
        [Progress::Lazy, Progress::Executed, Progress::Top, Progress::Refused][usize::from(bits & 3)]
    }
}
