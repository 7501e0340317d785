//! What of the processor matters.

use crate::config::Config;
use crate::tier::target::Machine;

/// What a processor must have, for errors.
pub(crate) const REQUIRED: &str = "x86-64-v2";

/// What the processor has beyond x86-64-v2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(super) avx: bool,
    pub(super) avx2: bool,
    pub(super) lzcnt: bool,
    pub(super) bmi1: bool,
    pub(super) bmi2: bool,
}

impl Cpu {
    /// This one, or what the configuration says that code is for; `None` if it lacks what is required.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn detect(config: &Config) -> Option<Cpu> {
        use std::arch::is_x86_feature_detected as has;
        if config.target.features.is_some() {
            let machine = Machine::choose(&config.target).ok()?;
            let has = |name| machine.has(name).ok();
            return Some(Cpu {
                avx: has("has_avx")?,
                avx2: has("has_avx2")?,
                lzcnt: has("has_lzcnt")?,
                bmi1: has("has_bmi1")?,
                bmi2: has("has_bmi2")?,
            });
        }
        let required = has!("sse3") && has!("ssse3") && has!("sse4.1") && has!("sse4.2") && has!("popcnt");
        required.then(|| Cpu {
            avx: has!("avx"),
            avx2: has!("avx") && has!("avx2"),
            lzcnt: has!("lzcnt"),
            bmi1: has!("bmi1"),
            bmi2: has!("bmi2"),
        })
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detect(_: &Config) -> Option<Cpu> {
        None
    }
}
