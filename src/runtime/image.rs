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
    let file = MemFile::new(c"updraft-image", len)?;
    for segment in segments {
        file.write_at(segment.start - offset, &module.bytes()[segment.bytes.clone()])?;
    }
    Ok(Some(MemoryImage { file, offset, len }))
}
