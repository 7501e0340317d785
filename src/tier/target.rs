//! Which machine code is made for: its kind, and the features of its processor that code may use.
//!
//! In: what the configuration asks for. Out: what Cranelift compiles for, and whether that runs here.
//!
//! Names of features are Cranelift's, without `has_`; names of groups and of processors are its presets.

use std::str::FromStr;

use cranelift_codegen::isa::{self, Builder, OwnedTargetIsa};
use cranelift_codegen::settings::{Configurable, Flags, Value, builder};

use crate::config::Target;
use crate::error::{Error, Result};

/// Processor features that every function on x86-64 may use (x86-64-v2).
const REQUIRED: [&str; 5] = ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];

/// What Cranelift compiles for.
pub(super) struct Machine {
    isa: Builder,
}

impl Machine {
    /// The machine that is asked for.
    pub(super) fn choose(target: &Target) -> Result<Machine> {
        let native = cranelift_native::builder().map_err(unsupported)?;
        if let Some(triple) = &target.triple {
            let parsed = parse(triple).ok_or_else(|| Error::misuse(format!("target: {triple} is no triple")))?;
            let here = native.triple();
            let same = [&parsed, here].map(|triple: &_| (triple.architecture, triple.operating_system));
            if same[0] != same[1] {
                let feature = format!("code for {parsed}, without the cargo feature all-arch; this is {here}");
                return Err(unsupported(&feature));
            }
        }
        let Some(names) = &target.features else { return Ok(Machine { isa: native }) };
        let mut machine =
            Machine { isa: isa::lookup(native.triple().clone()).map_err(|error| unsupported(&error.to_string()))? };
        machine.allow(names)?;
        let here = Machine { isa: native }.flags()?;
        let is_here = |name: &str| here.iter().any(|flag| flag.name == name && is_on(flag));
        match machine.flags()?.iter().find(|flag| is_on(flag) && !is_here(flag.name)) {
            Some(missing) => Err(Error::misuse(format!("features: this processor lacks {}", plain(missing.name)))),
            None => Ok(machine),
        }
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
        for name in REQUIRED {
            self.isa.enable(name).map_err(|error| unsupported(&error.to_string()))?;
        }
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "native" {
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
pub(super) fn missing(isa: &OwnedTargetIsa) -> Option<&'static str> {
    let flags = isa.isa_flags();
    REQUIRED.into_iter().find(|name| !flags.iter().any(|flag| flag.name == *name && is_on(flag))).map(plain)
}

/// A triple, whose type Cranelift does not name.
fn parse<T: FromStr>(text: &str) -> Option<T> {
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
