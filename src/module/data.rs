//! Data sections as most producers write them: active segments of memory 0 at constant offsets, or passive ones, which
//! some write by the hundred thousand.
//!
//! In: the bytes of a section, behind its count. Out: that there is nothing else in it, and all of it is valid. Anything else
//! is read by wasmparser, whose verdict is final. Of a plain section no table is made before somebody asks for a segment by
//! its number; who runs them reads them one by one ([`Data`]).
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
    extent: Option<Extent>,
}

/// Where the active segments of a plain section go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The first byte, and what is behind the last one: before it if there is none.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many of them they write.
    pub(crate) bytes: usize,
}

/// A valid section that [`segments_in`] can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Its bytes, behind the count.
    pub(super) section: Range<u32>,
    pub(super) count: u32,
}

impl Extent {
    const NONE: Extent = Extent { start: usize::MAX, end: 0, bytes: 0 };

    fn add(&mut self, start: usize, len: usize) {
        (self.start, self.end) = (self.start.min(start), self.end.max(start + len));
        self.bytes += len;
    }
}

impl Data {
    /// Segments that were read.
    pub(super) fn of(segments: Vec<DataSegment>) -> Data {
        Data { segments: OnceLock::from(Some(segments)), plain: None, extent: None }
    }

    /// Segments that are read when somebody asks.
    pub(super) fn later((plain, extent): (Plain, Option<Extent>)) -> Data {
        Data { segments: OnceLock::new(), plain: Some(plain), extent }
    }

    /// The segments one by one, without a table of them, if they are plain.
    pub(super) fn plain<'a>(&self, wire: &'a WireBytes) -> Option<PlainSegments<'a>> {
        self.plain.as_ref().map(|plain| PlainSegments::new(wire, plain))
    }

    /// Where they go, if that is known.
    pub(super) fn extent(&self) -> Option<&Extent> {
        self.extent.as_ref()
    }

    /// The segments. `None`: their bytes were changed after the module was made.
    pub(super) fn get(&self, wire: &WireBytes, memories: &[MemoryType]) -> Option<&[DataSegment]> {
        let segments = get_or_make(&self.segments, || {
            self.plain.as_ref().map_or_else(|| Some(Vec::new()), |plain| segments_in(wire, plain, memories))
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

/// Whether a section with so many segments, which takes this range of `bytes` behind its count, is plain; where they go, and
/// the features that they use, of those that are allowed.
pub(super) fn check_plain(
    bytes: &[u8],
    section: Range<usize>,
    count: u32,
    memories: &[MemoryType],
    allowed: Features,
) -> Option<(Extent, Features)> {
    if memories.first()?.index != IndexType::I32 || count > MAX_SEGMENTS {
        return None;
    }
    let mut reader = Reader { bytes: &bytes[..section.end], at: section.start };
    let mut used = Features::default();
    let mut extent = Extent::NONE;
    for _ in 0..count {
        let offset = match reader.byte()? {
            ACTIVE => Some(reader.i32_const()?),
            PASSIVE if allowed.contains(Features::BULK_MEMORY) => {
                used = Features::BULK_MEMORY;
                None
            }
            _ => return None,
        };
        let len = reader.u32()? as usize;
        reader.at = reader.at.checked_add(len).filter(|end| *end <= section.end)?;
        if let Some(offset) = offset {
            extent.add(offset as u32 as usize, len);
        }
    }
    (reader.at == section.end).then_some((extent, used))
}

/// Bytes of a segment before its contents, at most.
const HEADER: usize = 13;

/// A segment.
pub(crate) struct PlainSegment {
    /// Where it goes in memory 0, if it is active.
    pub(crate) offset: Option<i32>,
    /// Where its bytes are in the module's.
    pub(crate) bytes: Range<usize>,
}

/// The segments of a plain section, of whose bytes only those are looked at that tell where they are. Those that come are
/// `None` from the first on whose bytes were changed after the module was made.
pub(crate) struct PlainSegments<'a> {
    wire: &'a WireBytes,
    at: usize,
    end: usize,
    left: u32,
}

impl PlainSegments<'_> {
    fn new<'a>(wire: &'a WireBytes, plain: &Plain) -> PlainSegments<'a> {
        let Plain { section, count } = plain;
        PlainSegments { wire, at: section.start as usize, end: section.end as usize, left: *count }
    }

    fn read(&mut self) -> Option<PlainSegment> {
        let header = self.wire.slice(self.at..self.end.min(self.at + HEADER))?;
        let mut reader = Reader { bytes: header, at: 0 };
        let offset = match reader.byte()? {
            ACTIVE => Some(reader.i32_const()?),
            PASSIVE => None,
            _ => return None,
        };
        let len = reader.u32()? as usize;
        let start = self.at + reader.at;
        let end = start.checked_add(len).filter(|end| *end <= self.end)?;
        self.at = end;
        Some(PlainSegment { offset, bytes: start..end })
    }
}

impl Iterator for PlainSegments<'_> {
    type Item = Option<PlainSegment>;

    fn next(&mut self) -> Option<Option<PlainSegment>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.read())
    }
}

/// The segments of a plain section.
pub(super) fn segments_in(wire: &WireBytes, plain: &Plain, memories: &[MemoryType]) -> Option<Vec<DataSegment>> {
    if memories.first()?.index != IndexType::I32 {
        return None;
    }
    // A segment takes 2 bytes and more: what is reserved does not exceed the section's size by much.
    let mut segments = Vec::with_capacity(plain.count.min(plain.section.len() as u32 / 2) as usize);
    let mut read = PlainSegments::new(wire, plain);
    for segment in &mut read {
        let PlainSegment { offset, bytes } = segment?;
        let active = offset.map(|offset| (MemoryIndex(0), ConstExpr::of(ConstOp::I32(offset))));
        segments.push(DataSegment { active, bytes: bytes.start as u32..bytes.end as u32 });
    }
    (read.at == read.end).then_some(segments)
}

/// Reads bytes up to the end of a section.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Reader<'_> {
    /// An expression that is a constant.
    pub(super) fn i32_const(&mut self) -> Option<i32> {
        self.expect(I32_CONST)?;
        let value = self.i32()?;
        self.expect(END)?;
        Some(value)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn expect(&mut self, expected: u8) -> Option<()> {
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

    pub(super) fn u32(&mut self) -> Option<u32> {
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
            let section = start + 1..bytes.len();
            let checked =
                (count < 0x80).then(|| check_plain(&bytes, section.clone(), count, &[I32_MEMORY], Features::ALL));
            let Some((extent, used)) = checked.flatten() else {
                assert!(round != 0, "the usual form is not accepted");
                rejected += 1;
                continue;
            };
            let plain = Plain { section: section.start as u32..section.end as u32, count };
            let plain = segments_in(&bytes.clone().into(), &plain, &[I32_MEMORY]).expect("what was accepted");
            let active: Vec<Range<usize>> = plain
                .iter()
                .filter_map(|segment| match segment.active.as_ref()?.1.ops() {
                    [ConstOp::I32(offset)] => Some((*offset as u32 as usize, segment.bytes.len())),
                    other => panic!("{other:?}"),
                })
                .map(|(start, len)| start..start + len)
                .collect();
            let expected = Extent {
                start: active.iter().map(|range| range.start).min().unwrap_or(usize::MAX),
                end: active.iter().map(|range| range.end).max().unwrap_or(0),
                bytes: active.iter().map(Range::len).sum(),
            };
            assert_eq!(extent, expected, "{contents:02x?}");
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
            assert!(check_plain(usual, 1..usual.len(), 6, memories, Features::ALL).is_none(), "{memories:?}");
        }
        let memories = &[I32_MEMORY];
        assert!(check_plain(usual, 1..usual.len(), 6, memories, Features::ALL).is_some());
        assert!(check_plain(usual, 1..usual.len(), 6, memories, Features::default()).is_none());
    }
}
