//! Initial contents of memories as files, mapped copy-on-write at instantiation.
//!
//! Images replace the active data segments of a module where that cannot be told apart from running them:
//! all of them lie, by constants, within the initial size of memories that the module defines.

use crate::engine::Engine;
use crate::error::Result;
use crate::module::{ConstOp, Module};
use crate::sys::mmap::{MemFile, page_size};
use crate::types::{MemoryIndex, PAGE_SIZE};

/// Contents that are shorter are copied: a mapping costs as much as copying some pages.
const WORTH_MAPPING: usize = 16 << 10;
/// Bytes of an image per byte of data at most: segments that lie far apart are copied.
const MOST_SPARSE: usize = 8;

/// Initial contents of a memory: mapped copy-on-write, so that instances share what they do not write.
pub(crate) struct MemoryImage {
    pub(super) file: MemFile,
    /// Where it starts in the memory; a multiple of the page size.
    pub(super) offset: usize,
    /// Its length; a multiple of the page size.
    pub(super) len: usize,
}

/// The images of a module, by memory; empty if its segments have to be run.
#[derive(Default)]
pub(crate) struct Images(Vec<Option<MemoryImage>>);

/// A data segment that lies where a constant says.
struct Placed {
    memory: MemoryIndex,
    start: usize,
    bytes: std::ops::Range<usize>,
}

impl Images {
    /// Makes the images of a module; none if the system has no files for them.
    pub(crate) fn new(engine: &Engine, module: &Module) -> Images {
        let config = engine.config();
        if !config.memory_images || config.memory_creator.is_some() {
            return Images::default();
        }
        let Some(segments) = place_all(module) else { return Images::default() };
        let mut images: Vec<Option<MemoryImage>> = Vec::new();
        for index in 0..module.memories().len() {
            let own: Vec<&Placed> = segments.iter().filter(|segment| segment.memory.index() == index).collect();
            let image = make(module, &own).unwrap_or_default();
            if image.is_none() && !own.is_empty() {
                // All or none: a segment that runs could trap after one that was mapped.
                return Images::default();
            }
            images.push(image);
        }
        Images(images)
    }

    /// The image of a memory.
    pub(crate) fn of(&self, memory: MemoryIndex) -> Option<&MemoryImage> {
        self.0.get(memory.index())?.as_ref()
    }
}

/// Where all active segments lie, if they certainly fit.
fn place_all(module: &Module) -> Option<Vec<Placed>> {
    let mut placed = Vec::new();
    for segment in &module.data {
        let Some((memory, offset)) = &segment.active else { continue };
        let start = match *offset.0 {
            [ConstOp::I32(start)] => u64::from(start as u32),
            [ConstOp::I64(start)] => start as u64,
            _ => return None,
        };
        let ty = module.memories()[memory.index()];
        let bytes = segment.bytes.start as usize..segment.bytes.end as usize;
        let end = start.checked_add(bytes.len() as u64)?;
        if memory.index() < module.import_counts().memories || ty.shared || end > ty.min.saturating_mul(PAGE_SIZE) {
            return None;
        }
        placed.push(Placed { memory: *memory, start: usize::try_from(start).ok()?, bytes });
    }
    Some(placed)
}

/// The image of one memory's segments, if it is worth it.
fn make(module: &Module, segments: &[&Placed]) -> Result<Option<MemoryImage>> {
    let total: usize = segments.iter().map(|segment| segment.bytes.len()).sum();
    let filled = || segments.iter().filter(|segment| !segment.bytes.is_empty());
    let (Some(start), Some(end)) = (
        filled().map(|segment| segment.start).min(),
        filled().map(|segment| segment.start + segment.bytes.len()).max(),
    ) else {
        return Ok(None);
    };
    let offset = start / page_size() * page_size();
    let len = (end - offset).next_multiple_of(page_size());
    if total < WORTH_MAPPING || len / MOST_SPARSE > total {
        return Ok(None);
    }
    let mut file = RunWriter { file: MemFile::new(c"updraft-image", len)?, run: Vec::new(), start: 0, high: 0 };
    for segment in segments {
        file.write(segment.start - offset, &module.bytes()[segment.bytes.clone()])?;
    }
    file.flush()?;
    Ok(Some(MemoryImage { file: file.file, offset, len }))
}

/// Bytes that are written at once, when they come in pieces.
const RUN: usize = 256 << 10;
/// Zeros that are written rather than left out, between two pieces.
const GAP: usize = 4 << 10;

/// Writes pieces to a file in few system calls: some producers make a segment of every string. What nobody writes
/// stays a hole.
struct RunWriter {
    file: MemFile,
    /// What waits, for `start`.
    run: Vec<u8>,
    start: usize,
    /// Where everything that came yet ends: beyond, the file is zero.
    high: usize,
}

impl RunWriter {
    /// Pieces may overlap: the later one wins.
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let end = self.start + self.run.len();
        // Zeros go only where nothing was written before.
        let goes_on = end == self.high && at >= end && at - end <= GAP && self.run.len() + bytes.len() <= RUN;
        if !goes_on {
            self.flush()?;
            self.start = at;
        }
        self.run.resize(at - self.start, 0);
        self.high = self.high.max(at + bytes.len());
        if self.run.is_empty() && bytes.len() >= RUN {
            self.start = at + bytes.len();
            return self.file.write_at(at, bytes);
        }
        self.run.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_at(self.start, &self.run)?;
        self.start += self.run.len();
        self.run.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the order, gaps and overlaps: the file is as if each piece was written by itself.
    #[test]
    fn pieces_come_out_as_they_were_written() {
        let len = 2 << 20;
        let mut state = 7u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..20u8 {
            let file = MemFile::new(c"updraft-test", len).unwrap();
            let mut writer = RunWriter { file, run: Vec::new(), start: 0, high: 0 };
            let mut expected = vec![0u8; len];
            let mut at = 0;
            for piece in 0..400u32 {
                // Mostly upwards with small gaps, sometimes anywhere; rarely long.
                at = if random(10) == 0 { random(len) } else { at + random(2 * GAP) } % len;
                let longest = if random(40) == 0 { 2 * RUN } else { 300 };
                let count = random(longest).min(len - at);
                let bytes = vec![piece as u8 ^ round | 1; count];
                writer.write(at, &bytes).unwrap();
                expected[at..at + count].copy_from_slice(&bytes);
                at += count;
            }
            writer.flush().unwrap();
            let mapping = crate::sys::mmap::Mapping::reserve(len).unwrap();
            // SAFETY: the mapping is fresh, and as long as the file.
            let found = unsafe {
                let (protection, sharing) =
                    (crate::sys::mmap::Protection::ReadWrite, crate::sys::mmap::Sharing::Private);
                mapping.map_file(0, len, &writer.file, 0, protection, sharing).unwrap();
                std::slice::from_raw_parts(mapping.base(), len)
            };
            assert!(found == expected, "round {round}");
        }
    }
}
