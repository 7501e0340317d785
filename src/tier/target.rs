//! Which machine code is made for: its kind, and the features of its processor that code may use.
//!
//! In: what the configuration asks for. Out: what Cranelift compiles for, and whether that runs here.
//!
//! Names of features are Cranelift's, without `has_`; names of groups and of processors are its presets.

use std::str::FromStr;

use cranelift_codegen::isa::{self, Builder, OwnedTargetIsa};
use cranelift_codegen::settings::{Configurable, Flags, Value, builder};

use crate::abi::call::Processor;
use crate::config::Target;
use crate::error::{Error, Result};

/// Processor features that every function on x86-64 may use (x86-64-v2).
const REQUIRED: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];

/// Where code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Here,
    /// On another one: it is compiled and serialised, never placed or run.
    Elsewhere(Processor),
}

/// Where code runs that is made for this target, or why there can be none.
pub fn place(target: &Target) -> Result<Place> {
    // The usual case is free.
    if target.triple.is_none() { Ok(Place::Here) } else { Ok(Machine::choose(target)?.place) }
}

/// This machine, as a triple.
pub fn here() -> Result<String> {
    Ok(Machine::choose(&Target::default())?.isa.triple().to_string())
}

/// What Cranelift compiles for.
pub(super) struct Machine {
    isa: Builder,
    processor: Processor,
    place: Place,
}

impl Machine {
    /// The machine that is asked for.
    pub(super) fn choose(target: &Target) -> Result<Machine> {
        let native = cranelift_native::builder().map_err(unsupported)?;
        let here = native.triple();
        if let Some(triple) = &target.triple {
            let parsed = parse_as(here, triple);
            let wanted = parsed.ok_or_else(|| Error::misuse(format!("target: {triple} is no triple")))?;
            if wanted.pointer_width().is_ok_and(|width| width.bits() != 64) {
                return Err(unsupported(&format!("code for {wanted}, whose pointers do not have 64 bits")));
            }
            if (wanted.architecture, wanted.operating_system) != (here.architecture, here.operating_system) {
                if cfg!(not(feature = "all-arch")) {
                    let feature = format!("code for {wanted}, without the cargo feature all-arch; this is {here}");
                    return Err(unsupported(&feature));
                }
                let system = wanted.operating_system.to_string();
                let none = || unsupported(&format!("code for {wanted}, for which there is no compiler"));
                let processor = processor(&wanted.architecture.to_string()).ok_or_else(none)?;
                let isa = isa::lookup(wanted.clone()).map_err(|_| none())?;
                if !["linux", "darwin", "macos"].iter().any(|known| system.starts_with(known)) {
                    return Err(unsupported(&format!("code for {wanted}: systems are linux and darwin")));
                }
                let mut machine = Machine { isa, processor, place: Place::Elsewhere(processor) };
                machine.allow(target.features.as_deref().unwrap_or_default())?;
                return Ok(machine);
            }
        }
        let processor = processor(&here.architecture.to_string()).ok_or_else(|| unsupported("this processor"))?;
        let machine = |isa| Machine { isa, processor, place: Place::Here };
        let Some(names) = &target.features else { return Ok(machine(native)) };
        let mut chosen = machine(isa::lookup(here.clone()).map_err(|error| unsupported(&error.to_string()))?);
        chosen.allow(names)?;
        let flags = machine(native).flags()?;
        let is_here = |name: &str| flags.iter().any(|flag| flag.name == name && is_on(flag));
        match chosen.flags()?.iter().find(|flag| is_on(flag) && !is_here(flag.name)) {
            Some(missing) => Err(Error::misuse(format!("features: this processor lacks {}", plain(missing.name)))),
            None => Ok(chosen),
        }
    }

    /// The kind of processor.
    pub(super) fn processor(&self) -> Processor {
        self.processor
    }

    /// Whether it is this machine.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Cranelift's description, with settings that are not the processor's.
    pub(super) fn isa(&self, shared: Flags) -> Result<OwnedTargetIsa> {
        self.isa.finish(shared).map_err(|error| unsupported(&error.to_string()))
    }

    /// The processor's settings.
    fn flags(&self) -> Result<Vec<Value>> {
        Ok(self.isa(Flags::new(builder()))?.isa_flags())
    }

    /// Whether code may use a feature, by Cranelift's name.
    pub(super) fn has(&self, name: &str) -> Result<bool> {
        Ok(self.flags()?.iter().any(|flag| flag.name == name && is_on(flag)))
    }

    /// Switches on what the names stand for, and what it cannot do without.
    fn allow(&mut self, names: &str) -> Result<()> {
        for name in required(self.processor) {
            self.isa.enable(name).map_err(|error| unsupported(&error.to_string()))?;
        }
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "native" && self.place != Place::Here {
                return Err(Error::misuse(format!("features: native is this processor, not {}", self.isa.triple())));
            } else if name == "native" {
                cranelift_native::infer_native_flags(&mut self.isa).map_err(unsupported)?;
            } else if self.isa.enable(&format!("has_{name}")).is_err() && self.isa.enable(name).is_err() {
                return Err(Error::misuse(format!("features: {name} is unknown for {}", self.isa.triple())));
            }
        }
        // Some presets of Cranelift's leave these out, which their processors have.
        let chosen = self.flags()?;
        let has = |prefix: &str| chosen.iter().any(|flag| flag.name.starts_with(prefix) && is_on(flag));
        let implied =
            [("has_avx512", "has_avx512f"), ("has_avx512", "has_avx2"), ("has_avx", "has_avx"), ("has_fma", "has_avx")];
        for (_, name) in implied.into_iter().filter(|(prefix, _)| has(prefix)) {
            self.isa.enable(name).map_err(|error| unsupported(&error.to_string()))?;
        }
        Ok(())
    }
}

/// The names of the features that code may use.
pub(super) fn features(isa: &OwnedTargetIsa) -> impl Iterator<Item = &'static str> {
    isa.isa_flags().into_iter().filter(is_on).map(|flag| plain(flag.name))
}

/// The same as a set, a bit each.
pub(super) fn feature_bits(isa: &OwnedTargetIsa) -> u64 {
    let flags = isa.isa_flags();
    debug_assert!(flags.len() <= 64);
    (0..).zip(&flags).fold(0, |bits, (bit, flag)| bits | u64::from(is_on(flag)) << bit)
}

/// A feature that every processor of the kind must have, and this one does not.
pub(super) fn missing(processor: Processor, isa: &OwnedTargetIsa) -> Option<&'static str> {
    let flags = isa.isa_flags();
    required(processor)
        .iter()
        .find(|name| !flags.iter().any(|flag| flag.name == **name && is_on(flag)))
        .copied()
        .map(plain)
}

fn required(processor: Processor) -> &'static [&'static str] {
    if processor == Processor::X86_64 { &REQUIRED } else { &[] }
}

/// By the first part of a triple. (Others of these kinds have the wrong byte order.)
fn processor(architecture: &str) -> Option<Processor> {
    match architecture {
        "x86_64" => Some(Processor::X86_64),
        "aarch64" => Some(Processor::Aarch64),
        "s390x" => Some(Processor::S390x),
        "riscv64" | "riscv64gc" => Some(Processor::Riscv64),
        _ => None,
    }
}

/// Fills in the field of a call in code for this processor, so that it leads to what is `difference` bytes (the addend
/// counted in) behind the field. `None`: it is out of reach, or no such field.
#[cfg(feature = "all-arch")]
pub fn link_call(processor: Processor, bytes: &mut [u8], offset: usize, difference: i64) -> Option<()> {
    let short = i32::try_from(difference).ok()?;
    let field = bytes.get_mut(offset..)?.first_chunk_mut::<4>()?;
    match processor {
        Processor::X86_64 => *field = short.to_le_bytes(),
        // `bl`: 26 bits of words.
        Processor::Aarch64 => {
            let reach = -(1 << 27)..1 << 27;
            if short % 4 != 0 || !reach.contains(&short) {
                return None;
            }
            let word = u32::from_le_bytes(*field) | (short >> 2) as u32 & 0x03ff_ffff;
            *field = word.to_le_bytes();
        }
        // `larl` and its like: halfwords.
        Processor::S390x => {
            if short % 2 != 0 {
                return None;
            }
            *field = (short / 2).to_be_bytes();
        }
        // `auipc` and `jalr`: the upper 20 bits, and 12 bits with a sign.
        Processor::Riscv64 => {
            let upper = short.checked_add(0x800)? as u32 & 0xffff_f000;
            *field = (u32::from_le_bytes(*field) | upper).to_le_bytes();
            let field = bytes.get_mut(offset + 4..)?.first_chunk_mut::<4>()?;
            *field = (u32::from_le_bytes(*field) | (short as u32 & 0xfff) << 20).to_le_bytes();
        }
    }
    Some(())
}

/// Reads a value whose type Cranelift has and does not name.
fn parse_as<T: FromStr>(_: &T, text: &str) -> Option<T> {
    text.parse().ok()
}

fn is_on(flag: &Value) -> bool {
    flag.as_bool() == Some(true)
}

fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("has_").unwrap_or(name)
}

fn unsupported(feature: &str) -> Error {
    Error::Unsupported { offset: 0, feature: feature.into() }
}
