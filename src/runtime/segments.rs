//! Active data segments run, one after the other, at instantiation: where no image takes their place (`image`).
//!
//! In: a new instance. Out: its memories filled, or the trap of the first segment that does not fit; those before it have run.

use super::instantiate::in_bounds;
use super::store::StoreInner;
use crate::error::Result;
use crate::module::{Extent, PlainSegment, PlainSegments};
use crate::trap::TrapCode;

impl StoreInner {
    /// Runs the active segments, which are dropped by that.
    pub(super) fn run_data(&mut self, index: u32) -> Result<()> {
        let compiled = self.instances.at(index).module.clone();
        let outcome = match compiled.module().plain_data() {
            Some((segments, extent)) => self.run_plain(index, segments, extent).map_err(Into::into),
            None => self.run_all(index),
        };
        if outcome.is_ok() {
            self.instances.at_mut(index).spent_data = u32::MAX;
        }
        outcome
    }

    /// Producers from the Go world write segments by the hundred thousand.
    fn run_plain(&mut self, index: u32, segments: PlainSegments<'_>, extent: Option<&Extent>) -> Result<(), TrapCode> {
        let instance = self.instances.at(index);
        let (compiled, memory) = (instance.module.clone(), instance.memories[0]);
        let object = self.memories.at(memory);
        if let Some(&Extent { start, end, bytes }) = extent
            && start < end
            && (end - start) / 2 <= bytes
        {
            object.expect_writes(start..end);
        }
        let (wire, base, size) = (compiled.module().wire(), object.base(), object.len() as u64);
        let run = || -> Result<(), (u32, TrapCode)> {
            for (i, segment) in (0..).zip(segments) {
                // Bytes of an artifact that was changed after it was opened.
                let lost = (i, TrapCode::InvalidModule);
                let PlainSegment { offset, bytes } = segment.ok_or(lost)?;
                let Some(offset) = offset else { continue };
                let target = in_bounds(u64::from(offset as u32), bytes.len() as u64, size);
                let target = target.ok_or((i, TrapCode::MemoryOutOfBounds))?;
                object.ensure(target.clone()).map_err(|code| (i, code))?;
                let source = wire.slice(bytes).ok_or(lost)?;
                // SAFETY: the target is in bounds, and a module's bytes are not part of a memory.
                unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), base.add(target.start), source.len()) };
            }
            Ok(())
        };
        run().map_err(|(spent, code)| {
            self.instances.at_mut(index).spent_data = spent;
            code
        })
    }

    fn run_all(&mut self, index: u32) -> Result<()> {
        let compiled = self.instances.at(index).module.clone();
        let module = compiled.module();
        let data = module.data().ok_or(TrapCode::InvalidModule)?;
        for (i, segment) in (0..).zip(data) {
            let Some((memory, offset)) = &segment.active else { continue };
            let offset = self.evaluate_offset(index, offset, module.memories()[memory.index()].index);
            self.init_memory(index, *memory, i, offset, 0, segment.bytes.len() as u64)?;
            self.instances.at_mut(index).spent_data = i + 1;
        }
        Ok(())
    }
}
