//! Where the counters of a module are in a shard (`abi/profile.rs`).
//!
//! A cell belongs to two bytes of the code section, so that its place is known without a table: every operator that
//! is counted takes two bytes at least.
//!
//! # Stretches
//!
//! Direct calls between which no way leads in or out are run equally often, but for traps. Such a stretch of a body ends
//! at every operator of control but `block` ([`ends_stretch`]). The baseline tier for x86-64 counts its first direct
//! call of a function of the module only; the optimising tier and the portable one count each. So a call has been run as
//! often as its own cell says or that of the first call of its stretch, whichever is more.
//!
//! In: a validated module. Out: offsets in a shard.

use crate::abi::profile::{CELL_SIZE, SITE_SIZE};
use crate::module::Module;
use crate::types::DefinedFunc;

/// Alignment of a shard, and of the records in it.
const APART: u32 = 64;

/// Opcodes of `loop` and `call`.
pub(crate) const LOOP: u8 = 0x03;
pub(crate) const CALL: u8 = 0x10;

/// Whether a stretch ends at an operator with this first byte.
pub(crate) fn ends_stretch(opcode: u8) -> bool {
    // unreachable; loop, if, else; end; br, br_if, br_table, return; tail calls.
    matches!(opcode, 0x00 | LOOP..=0x05 | 0x0b | 0x0c..=0x0f | 0x12 | 0x13)
}

/// The places of the counters of one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterLayout {
    /// Offset of the first cell's bytes in the module.
    start: u32,
    /// Offset of the records.
    sites: u32,
}

impl CounterLayout {
    /// The places for a module, also while its bodies are still on their way. `None`: there is nothing to count, or more
    /// than machine code can reach.
    pub fn new(module: &Module) -> Option<CounterLayout> {
        if module.defined_func_count() == 0 {
            return None;
        }
        let (start, bytes) = (module.code_start() as u32, module.code_bytes() as u64);
        let sites = (bytes.div_ceil(2) * u64::from(CELL_SIZE)).next_multiple_of(u64::from(APART));
        i32::try_from(sites).ok()?;
        Some(CounterLayout { start, sites: sites as u32 })
    }

    /// Bytes of a shard. (Once all bodies are validated.)
    pub fn bytes(&self, module: &Module) -> usize {
        let last = u64::from(module.indirect_sites().count()).min(self.most_sites());
        (u64::from(self.sites) + last * u64::from(SITE_SIZE)).next_multiple_of(u64::from(APART)) as usize
    }

    /// How many records machine code can reach.
    fn most_sites(&self) -> u64 {
        (u64::from(i32::MAX as u32 - APART) - u64::from(self.sites).min(u64::from(i32::MAX as u32 - APART)))
            / u64::from(SITE_SIZE)
    }

    /// The cell of the operator at this offset in the module.
    pub fn cell(&self, wasm_offset: u32) -> i32 {
        ((wasm_offset - self.start) / 2 * CELL_SIZE) as i32
    }

    /// The record of the `n`-th indirect call of a function, those that cannot be reached counted. `None` only if the
    /// function has fewer, or if it is too far away.
    pub fn site(&self, module: &Module, func: DefinedFunc, n: u32) -> Option<i32> {
        let number = module.indirect_sites().of(func).nth(n as usize)?;
        (u64::from(number) < self.most_sites()).then_some(())?;
        Some((self.sites + number * SITE_SIZE) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{Features, decode};

    /// Every counter has memory of its own: also where functions are as short as can be.
    #[test]
    fn no_two_counters_overlap() {
        let text = r#"(module (type $f (func)) (table 1 funcref)
            (func) (func (call 0) (call 0) (return_call 1)) (func) (func)
            (func (call_indirect (type $f) (i32.const 0)) (call_indirect (type $f) (i32.const 0)))
            (func (unreachable) (call_indirect (type $f)) (return_call_indirect (type $f)))
            (func (call 0)))"#;
        let module = decode::load(text.as_bytes(), Features::ALL, 1).unwrap();
        let layout = CounterLayout::new(&module).unwrap();
        let mut taken = Vec::new();
        let calls = [1, 1, 1, 6].into_iter().zip([0, 2, 4, 0]).map(|(func, at)| {
            // A byte says that there are no locals.
            module.body_range(DefinedFunc(func)).start as u32 + 1 + at
        });
        taken.extend(calls.map(|offset| (layout.cell(offset), CELL_SIZE)));
        for func in (0..module.defined_func_count() as u32).map(DefinedFunc) {
            let sites = (0..8).map_while(|n| layout.site(&module, func, n)).collect::<Vec<_>>();
            assert_eq!(sites.len(), if matches!(func.0, 4 | 5) { 2 } else { 0 });
            taken.extend(sites.into_iter().map(|site| (site, SITE_SIZE)));
        }
        taken.sort_unstable();
        for pair in taken.windows(2) {
            assert!(pair[0].0 + pair[0].1 as i32 <= pair[1].0, "{taken:?}");
        }
        let (last, size) = taken[taken.len() - 1];
        assert!(last as usize + size as usize <= layout.bytes(&module));
        assert!(taken.iter().all(|(at, size)| at % *size as i32 == 0));
    }

    #[test]
    fn a_module_without_functions_counts_nothing() {
        let module = decode::load(b"(module)", Features::ALL, 1).unwrap();
        assert_eq!(CounterLayout::new(&module), None);
    }
}
