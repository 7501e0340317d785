//! Data sections as most producers write them: active segments of memory 0 at constant offsets, or passive ones, which
//! some write by the hundred thousand.
//!
//! In: the bytes of a section, behind its count. Out: its segments, if there is nothing else in it and all of it is
//! valid. Anything else is read by wasmparser, whose verdict is final. A section that is known to be plain is read when
//! somebody asks for its segments ([`Data`]).
//!
//! Not here: what becomes of the segments (`runtime::instantiate`, `runtime::image`).

use std::ops::Range;
use std::sync::OnceLock;

use super::{ConstExpr, ConstOp, DataSegment, Features, WireBytes};
use crate::sync::get_or_make;
use crate::types::{IndexType, MemoryIndex, MemoryType};

/// The data segments of a module.
#[derive(Default)]
pub(crate) struct Data {
    segments: OnceLock<Option<Vec<DataSegment>>>,
    plain: Option<Plain>,
}

/// A valid section that [`segments_in`] can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Its bytes, behind the count.
    pub(super) section: Range<u32>,
    pub(super) count: u32,
}

impl Data {
    /// Segments that were read.
    pub(super) fn of(segments: Vec<DataSegment>) -> Data {
        Data { segments: OnceLock::from(Some(segments)), plain: None }
    }

    /// Segments that are read when somebody asks.
    pub(super) fn later(plain: Plain) -> Data {
        Data { segments: OnceLock::new(), plain: Some(plain) }
    }

    /// The segments. `None`: their bytes were changed after the module was made.
    pub(super) fn get(&self, wire: &WireBytes, memories: &[MemoryType]) -> Option<&[DataSegment]> {
        let segments = get_or_make(&self.segments, || {
            let Some(Plain { section, count }) = &self.plain else { return Some(Vec::new()) };
            segments_in(wire, section.start as usize..section.end as usize, *count, memories)
        });
        segments.as_deref()
    }
}

/// Segments of a module, at most. (wasmparser's limit, too.)
const MAX_SEGMENTS: u32 = 100_000;

/// Of the flags of a segment: active, memory 0; and passive.
const ACTIVE: u8 = 0x00;
const PASSIVE: u8 = 0x01;
const I32_CONST: u8 = 0x41;
const END: u8 = 0x0b;

/// The segments of a section with so many of them, which takes this range of `bytes` behind its count; and the features
/// that they use, of those that are allowed.
pub(super) fn plain_segments(
    bytes: &[u8],
    section: Range<usize>,
    count: u32,
    memories: &[MemoryType],
    allowed: Features,
) -> Option<(Vec<DataSegment>, Features)> {
    if memories.first()?.index != IndexType::I32 || count > MAX_SEGMENTS {
        return None;
    }
    let mut reader = Reader { bytes: &bytes[..section.end], at: section.start };
    // A segment takes 2 bytes and more: what is reserved does not exceed the section's size by much.
    let mut segments = Vec::with_capacity(count.min(section.len() as u32 / 2) as usize);
    let mut used = Features::default();
    for _ in 0..count {
        let active = match reader.byte()? {
            ACTIVE => Some(reader.active()?),
            PASSIVE if allowed.contains(Features::BULK_MEMORY) => {
                used = Features::BULK_MEMORY;
                None
            }
            _ => return None,
        };
        let len = reader.u32()? as usize;
        let start = reader.at;
        reader.at = start.checked_add(len).filter(|end| *end <= section.end)?;
        segments.push(DataSegment { active, bytes: start as u32..reader.at as u32 });
    }
    (reader.at == section.end).then_some((segments, used))
}

/// Bytes of a segment before its contents, at most.
const HEADER: usize = 13;

/// As [`plain_segments`], of a section that is valid, and of whose bytes only those are looked at that tell where the
/// segments are.
pub(super) fn segments_in(
    wire: &WireBytes,
    section: Range<usize>,
    count: u32,
    memories: &[MemoryType],
) -> Option<Vec<DataSegment>> {
    if memories.first()?.index != IndexType::I32 {
        return None;
    }
    let mut segments = Vec::with_capacity(count.min(section.len() as u32 / 2) as usize);
    let mut at = section.start;
    for _ in 0..count {
        let header = wire.slice(at..section.end.min(at + HEADER))?;
        let mut reader = Reader { bytes: header, at: 0 };
        let active = match reader.byte()? {
            ACTIVE => Some(reader.active()?),
            PASSIVE => None,
            _ => return None,
        };
        let len = reader.u32()? as usize;
        let start = at + reader.at;
        at = start.checked_add(len).filter(|end| *end <= section.end)?;
        segments.push(DataSegment { active, bytes: start as u32..at as u32 });
    }
    (at == section.end).then_some(segments)
}

/// Reads bytes up to the end of a section.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Where an active segment goes.
    fn active(&mut self) -> Option<(MemoryIndex, ConstExpr)> {
        self.expect(I32_CONST)?;
        let offset = self.i32()?;
        self.expect(END)?;
        Some((MemoryIndex(0), ConstExpr::of(ConstOp::I32(offset))))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, expected: u8) -> Option<()> {
        (self.byte()? == expected).then_some(())
    }

    /// The 35 bits, at most, of a number of up to five bytes; and how many bits.
    fn number(&mut self) -> Option<(u64, u32)> {
        let (mut value, mut bits) = (0, 0);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << bits;
            bits += 7;
            match byte & 0x80 {
                0 => return Some((value, bits)),
                _ if bits == 35 => return None,
                _ => {}
            }
        }
    }

    fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?.0).ok()
    }

    fn i32(&mut self) -> Option<i32> {
        let (value, bits) = self.number()?;
        let unused = 64 - bits;
        // The bits above the 32nd must be copies of the sign.
        i32::try_from((value << unused) as i64 >> unused).ok()
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{DataKind, Operator, Parser, Payload, Validator};

    use super::*;
    use crate::types::PAGE_SIZE;

    const I32_MEMORY: MemoryType = MemoryType { index: IndexType::I32, min: 1, max: None, shared: false };

    /// A module whose memory is followed by these contents of a data section.
    fn module(contents: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0\x05\x03\x01\x00\x01\x0b".to_vec();
        bytes.push(contents.len() as u8);
        bytes.extend(contents);
        bytes
    }

    /// A segment: memory and offset if it is active; its bytes.
    type Segment = (Option<(u32, i32)>, Range<u32>);

    /// The segments that wasmparser finds. `None` if it rejects the module.
    fn reference(module: &[u8]) -> Option<Vec<Segment>> {
        Validator::new().validate_all(module).ok()?;
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            let Payload::DataSection(segments) = payload.ok()? else { continue };
            for segment in segments {
                let segment = segment.ok()?;
                let active = match segment.kind {
                    DataKind::Passive => None,
                    DataKind::Active { memory_index, offset_expr } => match offset_expr.get_operators_reader().read() {
                        Ok(Operator::I32Const { value }) => Some((memory_index, value)),
                        _ => return Some(Vec::new()),
                    },
                };
                let end = segment.range.end as u32;
                found.push((active, end - segment.data.len() as u32..end));
            }
        }
        Some(found)
    }

    /// What is accepted here is valid, and read as wasmparser reads it; the usual form is accepted.
    #[test]
    fn what_is_plain_is_what_wasmparser_reads() {
        let usual = b"\x06\x01\x02gh\x01\x00\x00\x41\x80\x08\x0b\x02ab\x00\x41\x7f\x0b\x00\x00\x41\xff\xff\xff\xff\x07\x0b\x81\x00c\x00\x41\x00\x0b\x03def";
        let mut state = 1u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut accepted, mut rejected) = (0, 0);
        for round in 0..60_000 {
            let mut contents = usual.to_vec();
            for _ in 0..if round == 0 { 0 } else { 1 + random(3) } {
                let at = random(contents.len());
                match random(4) {
                    0 => contents[at] = random(256) as u8,
                    1 => contents[at] ^= 1 << random(8),
                    2 => contents.insert(at, [0x00, 0x80, 0xff, 0x7f][random(4)]),
                    _ => drop(contents.remove(at)),
                }
            }
            let bytes = module(&contents);
            let start = bytes.len() - contents.len();
            let count = u32::from(contents[0]);
            let plain = (count < 0x80)
                .then(|| plain_segments(&bytes, start + 1..bytes.len(), count, &[I32_MEMORY], Features::ALL));
            let Some((plain, used)) = plain.flatten() else {
                assert!(round != 0, "the usual form is not accepted");
                rejected += 1;
                continue;
            };
            accepted += 1;
            let read = |segment: DataSegment| {
                let active = segment.active.map(|(memory, offset)| match offset.ops() {
                    [ConstOp::I32(offset)] => (memory.0, *offset),
                    other => panic!("{other:?}"),
                });
                (active, segment.bytes)
            };
            let is_passive = |segment: &DataSegment| segment.active.is_none();
            assert_eq!(used.contains(Features::BULK_MEMORY), plain.iter().any(is_passive), "{contents:02x?}");
            assert_eq!(Some(plain.into_iter().map(read).collect()), reference(&bytes), "{contents:02x?}");
        }
        assert!(accepted > 5000 && rejected > 5000, "{accepted} accepted, {rejected} rejected");
        let wide = MemoryType { index: IndexType::I64, max: Some(PAGE_SIZE), ..I32_MEMORY };
        for memories in [&[][..], &[wide][..]] {
            assert!(plain_segments(usual, 1..usual.len(), 6, memories, Features::ALL).is_none(), "{memories:?}");
        }
        let memories = &[I32_MEMORY];
        assert!(plain_segments(usual, 1..usual.len(), 6, memories, Features::ALL).is_some());
        assert!(plain_segments(usual, 1..usual.len(), 6, memories, Features::default()).is_none());
    }
}
