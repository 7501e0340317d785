//! Initial contents of memories: as files, mapped copy-on-write at instantiation, or in pieces of an artifact.
//!
//! Images replace the active data segments of a module where that cannot be told apart from running them:
//! all of them lie, by constants, within the initial size of memories that the module defines.
//!
//! Not here: where artifacts keep them (`engine/artifact.rs`), how a memory gets them piece by piece (`paging`).

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::engine::Engine;
use crate::error::Result;
use crate::module::{ConstOp, Module};
use crate::sync::get_or_make;
use crate::sys::mmap::{MemFile, page_size};
use crate::trap::TrapCode;
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

/// What a new memory has in it.
pub(super) enum Initial<'a> {
    Zeros,
    Mapped(&'a MemoryImage),
    /// To be fetched as it is needed.
    Kept(&'a Arc<KeptImage>),
}

/// The images of a module, by memory; empty if its segments have to be run.
#[derive(Default)]
pub(crate) struct Images(Vec<Option<Image>>);

enum Image {
    Made(MemoryImage),
    Kept {
        image: Arc<KeptImage>,
        /// Whether an instance had it already.
        taken: AtomicBool,
        /// For all others. `None`: it cannot be made.
        whole: OnceLock<Option<MemoryImage>>,
    },
}

/// Whoever keeps an image fetches a unit of it to its place, which holds zeros. False: it is not what was written.
pub(crate) type FetchUnit = Box<dyn Fn(usize, &mut [u8]) -> bool + Send + Sync>;

/// What an artifact says of an image that it has.
pub(crate) struct Offered {
    pub(crate) memory: MemoryIndex,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// Bytes of a unit; the last one may be shorter.
    pub(crate) unit: usize,
    pub(crate) fetch: FetchUnit,
}

/// The image of a memory in an artifact.
pub(crate) struct KeptImage {
    module: Arc<Module>,
    memory: MemoryIndex,
    pub(super) offset: usize,
    pub(super) len: usize,
    unit: usize,
    fetch: FetchUnit,
}

/// Bytes of the module, as a range, and where they go in a memory.
type Piece = (usize, Range<usize>);

impl Images {
    /// Makes the images of a module; none if the system has no files for them.
    pub(crate) fn new(engine: &Engine, module: &Module) -> Images {
        let config = engine.config();
        if !config.memory_images || config.memory_creator.is_some() {
            return Images::default();
        }
        let Some(placed) = place_all(module) else { return Images::default() };
        let mut images = Vec::new();
        for pieces in placed {
            let is_empty = pieces.is_empty();
            let image = make(module, pieces).unwrap_or_default();
            if image.is_none() && !is_empty {
                // All or none: a segment that runs could trap after one that was mapped.
                return Images::default();
            }
            images.push(image.map(Image::Made));
        }
        Images(images)
    }

    /// The images that an artifact has, if they are right for the module: they have all of its active segments then.
    pub(crate) fn kept(engine: &Engine, module: &Arc<Module>, offered: Vec<Offered>) -> Option<Images> {
        let config = engine.config();
        if !config.memory_images || config.memory_creator.is_some() || offered.is_empty() {
            return None;
        }
        let mut images: Vec<Option<Image>> = module.memories().iter().map(|_| None).collect();
        for offered in offered {
            let memory = offered.memory;
            let ty = module.memories().get(memory.index()).filter(|ty| !ty.shared)?;
            let end = offered.offset.checked_add(offered.len)?;
            let is_ours = memory.index() >= module.import_counts().memories;
            let is_whole = [offered.offset, offered.len, offered.unit as u64]
                .iter()
                .all(|number| number.is_multiple_of(page_size() as u64));
            if !is_ours || !is_whole || offered.len == 0 || offered.unit == 0 {
                return None;
            }
            if end > ty.min.saturating_mul(PAGE_SIZE) || images[memory.index()].is_some() {
                return None;
            }
            let (offset, len) = (usize::try_from(offered.offset).ok()?, usize::try_from(offered.len).ok()?);
            let Offered { unit, fetch, .. } = offered;
            let image = Arc::new(KeptImage { module: module.clone(), memory, offset, len, unit, fetch });
            images[memory.index()] = Some(Image::Kept { image, taken: AtomicBool::new(false), whole: OnceLock::new() });
        }
        Some(Images(images))
    }

    /// No images: segments are run.
    pub(crate) fn none() -> &'static Images {
        static NONE: Images = Images(Vec::new());
        &NONE
    }

    /// Whether they take the place of all active segments.
    pub(crate) fn replace_segments(&self) -> bool {
        !self.0.is_empty()
    }

    /// What a memory of a new instance has in it.
    pub(super) fn initial(&self, engine: &Engine, memory: MemoryIndex) -> Result<Initial<'_>> {
        Ok(match self.0.get(memory.index()) {
            None | Some(None) => Initial::Zeros,
            Some(Some(Image::Made(image))) => Initial::Mapped(image),
            Some(Some(Image::Kept { image, taken, whole })) => {
                // Relaxed: whoever comes first; nothing is handed over.
                if engine.config().signals && !taken.swap(true, Ordering::Relaxed) {
                    return Ok(Initial::Kept(image));
                }
                match get_or_make(whole, || image.make()) {
                    Some(image) => Initial::Mapped(image),
                    None => return Err(TrapCode::InvalidModule.into()),
                }
            }
        })
    }
}

/// The images of a module as bytes, each with its memory and offset: those that [`Images::new`] would make.
pub(crate) fn contents(module: &Module) -> Vec<(MemoryIndex, usize, Vec<u8>)> {
    let mut images = Vec::new();
    for (memory, pieces) in (0..).map(MemoryIndex).zip(place_all(module).unwrap_or_default()) {
        if pieces.is_empty() {
            continue;
        }
        let Some((offset, len)) = extent(&pieces) else { return Vec::new() };
        let mut bytes = vec![0; len];
        for (at, piece) in pieces {
            let Some(piece) = module.wire().slice(piece) else { return Vec::new() };
            bytes[at - offset..][..piece.len()].copy_from_slice(piece);
        }
        images.push((memory, offset, bytes));
    }
    images
}

impl KeptImage {
    /// How many units it has.
    pub(super) fn units(&self) -> usize {
        self.len.div_ceil(self.unit)
    }

    /// The unit that an offset in the image is in.
    pub(super) fn unit_at(&self, offset: usize) -> usize {
        offset / self.unit
    }

    /// Where a unit is in the image.
    pub(super) fn range(&self, unit: usize) -> Range<usize> {
        let start = unit * self.unit;
        start..(start + self.unit).min(self.len)
    }

    /// Fetches a unit to its place, which holds zeros; if it is lost, from the data segments. False: these are lost, too.
    pub(super) fn fetch(&self, unit: usize, place: &mut [u8]) -> bool {
        (self.fetch)(unit, place) || self.run_segments(unit, place).is_some()
    }

    fn run_segments(&self, unit: usize, place: &mut [u8]) -> Option<()> {
        place.fill(0);
        let start = self.offset + unit * self.unit;
        for (at, bytes) in place_all(&self.module)?.into_iter().nth(self.memory.index())? {
            let (from, to) = (at.max(start), (at + bytes.len()).min(start + place.len()));
            if from < to {
                let piece = self.module.wire().slice(bytes.start + from - at..bytes.start + to - at)?;
                place[from - start..to - start].copy_from_slice(piece);
            }
        }
        Some(())
    }

    /// All of it as a file.
    fn make(&self) -> Option<MemoryImage> {
        let file = MemFile::new(c"updraft-image", self.len).ok()?;
        let mut place = vec![0; self.unit.min(self.len)];
        for unit in 0..self.units() {
            let range = self.range(unit);
            let place = &mut place[..range.len()];
            place.fill(0);
            if !self.fetch(unit, place) {
                return None;
            }
            // What nobody writes stays a hole.
            if place.iter().any(|byte| *byte != 0) {
                file.write_at(range.start, place).ok()?;
            }
        }
        Some(MemoryImage { file, offset: self.offset, len: self.len })
    }
}

/// Where all active segments lie, by memory, if they certainly fit. Empty ones are left out.
fn place_all(module: &Module) -> Option<Vec<Vec<Piece>>> {
    let mut placed = vec![Vec::new(); module.memories().len()];
    let data = module.data()?;
    if let [only] = &mut placed[..] {
        only.reserve_exact(data.len());
    }
    for segment in data {
        let Some((memory, offset)) = &segment.active else { continue };
        let start = match *offset.ops() {
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
        if !bytes.is_empty() {
            placed[memory.index()].push((usize::try_from(start).ok()?, bytes));
        }
    }
    Some(placed)
}

/// Where the image of one memory's segments lies, and its length, if it is worth it.
fn extent(pieces: &[Piece]) -> Option<(usize, usize)> {
    let total: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
    let start = pieces.iter().map(|(at, _)| *at).min()?;
    let end = pieces.iter().map(|(at, bytes)| at + bytes.len()).max()?;
    let offset = start / page_size() * page_size();
    let len = (end - offset).next_multiple_of(page_size());
    (total >= WORTH_MAPPING && len / MOST_SPARSE <= total).then_some((offset, len))
}

/// The image of one memory's segments, if it is worth it.
fn make(module: &Module, mut pieces: Vec<Piece>) -> Result<Option<MemoryImage>> {
    let Some((offset, len)) = extent(&pieces) else { return Ok(None) };
    let file = MemFile::new(c"updraft-image", len)?;
    for (at, _) in &mut pieces {
        *at -= offset;
    }
    let first = pieces.iter().map(|(_, bytes)| bytes.start).min().unwrap_or(0);
    let last = pieces.iter().map(|(_, bytes)| bytes.end).max().unwrap_or(0);
    for (_, bytes) in &mut pieces {
        *bytes = bytes.start - first..bytes.end - first;
    }
    // What is lost, whoever copies segment by segment finds out.
    let Some(source) = module.wire().slice(first..last) else { return Ok(None) };
    write_pieces(&file, source, pieces)?;
    Ok(Some(MemoryImage { file, offset, len }))
}

/// Bytes that are written at once, when they come in pieces.
const RUN: usize = 256 << 10;
/// Zeros that are written rather than left out, between two pieces.
const GAP: usize = 4 << 10;

/// Writes pieces of `source` to a file of zeros in few system calls: some producers make a segment of every string.
/// What nobody writes stays a hole. Where pieces overlap, the later one wins.
fn write_pieces(file: &MemFile, source: &[u8], mut pieces: Vec<Piece>) -> Result<()> {
    let in_order = |pieces: &[Piece]| pieces.windows(2).all(|pair| pair[0].0 + pair[0].1.len() <= pair[1].0);
    if !in_order(&pieces) {
        let as_given = pieces.clone();
        pieces.sort_by_key(|(at, _)| *at);
        if !in_order(&pieces) {
            return as_given.into_iter().try_for_each(|(at, bytes)| file.write_at(at, &source[bytes]));
        }
    }
    let (mut run, mut start) = (Vec::with_capacity(RUN), 0);
    for (at, bytes) in pieces {
        let bytes = &source[bytes];
        if at - (start + run.len()) > GAP || run.len() + bytes.len() > RUN {
            file.write_at(start, &run)?;
            run.clear();
            start = at;
        }
        if bytes.len() > RUN {
            file.write_at(at, bytes)?;
            start = at + bytes.len();
        } else {
            run.resize(at - start, 0);
            run.extend_from_slice(bytes);
        }
    }
    file.write_at(start, &run)
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
        let bytes: Vec<u8> = (0..2 * RUN).map(|_| random(256) as u8).collect();
        let mut overlapping = 0;
        for round in 0..24 {
            let file = MemFile::new(c"updraft-test", len).unwrap();
            let mut pieces = Vec::new();
            let mut at = 0;
            while pieces.len() < 400 {
                // Upwards with small gaps, rarely with large ones; rarely long pieces.
                at += if random(20) == 0 { random(3 * GAP) } else { random(40) };
                let longest = if random(100) == 0 { 2 * RUN } else { 300 };
                let count = random(longest).min(len - at.min(len));
                pieces.push((at.min(len), 0..count));
                at += count;
            }
            // Some rounds in another order, some with pieces over others.
            if round % 3 == 1 {
                pieces.reverse();
            }
            if round % 3 == 2 {
                overlapping += 1;
                pieces.extend((0..20).map(|i| (random(len - 4096), i..i + 4096)));
            }
            let mut expected = vec![0u8; len];
            for (at, piece) in &pieces {
                expected[*at..*at + piece.len()].copy_from_slice(&bytes[piece.clone()]);
            }
            write_pieces(&file, &bytes, pieces).unwrap();
            let mapping = crate::sys::mmap::Mapping::reserve(len).unwrap();
            // SAFETY: the mapping is fresh, and as long as the file.
            let found = unsafe {
                let (protection, sharing) =
                    (crate::sys::mmap::Protection::ReadWrite, crate::sys::mmap::Sharing::Private);
                mapping.map_file(0, len, &file, 0, protection, sharing).unwrap();
                std::slice::from_raw_parts(mapping.base(), len)
            };
            assert!(found == expected, "round {round}");
        }
        assert!(overlapping > 0);
    }
}
