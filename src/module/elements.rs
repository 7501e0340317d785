//! Element sections as most producers write them: functions for table 0, at constant offsets.
//!
//! In: the bytes of a section, behind its count. Out: its segments, if there is nothing else in it and all of it is
//! valid. Anything else is read by wasmparser, whose verdict is final.
//!
//! Not here: what becomes of the segments (`runtime::instantiate`).

use super::data::Reader;
use super::{ConstExpr, ConstOp, ElementItems, ElementMode, ElementSegment};
use crate::types::{FuncIndex, IndexType, TableIndex, TableType, ValType};

/// Segments of a module, and elements of a segment, at most. (wasmparser's limits, too.)
const MAX_SEGMENTS: u32 = 100_000;
const MAX_ELEMENTS: u32 = 10_000_000;

/// Of the flags of a segment: active, of functions by their indices, table 0.
const ACTIVE: u8 = 0x00;

/// The segments of a section with so many of them, which takes `bytes` from `start` on, behind its count, in a module with
/// so many functions.
pub(super) fn plain_elements(
    bytes: &[u8],
    start: usize,
    count: u32,
    tables: &[TableType],
    functions: usize,
) -> Option<Vec<ElementSegment>> {
    let table = tables.first()?;
    if table.index != IndexType::I32 || table.element != ValType::FuncRef || count > MAX_SEGMENTS {
        return None;
    }
    let mut reader = Reader { bytes, at: start };
    // A segment takes 5 bytes and more.
    let mut segments = Vec::with_capacity(count.min((bytes.len() - start) as u32 / 5) as usize);
    for _ in 0..count {
        reader.expect(ACTIVE)?;
        let offset = reader.i32_const()?;
        let items = plain_functions(&mut reader, functions)?;
        let mode = ElementMode::Active(TableIndex(0), ConstExpr::of(ConstOp::I32(offset)));
        segments.push(ElementSegment { mode, ty: ValType::FuncRef, items: ElementItems::Functions(items) });
    }
    (reader.at == bytes.len()).then_some(segments)
}

fn plain_functions(reader: &mut Reader<'_>, functions: usize) -> Option<Box<[FuncIndex]>> {
    let count = reader.u32()?;
    if count > MAX_ELEMENTS || count as usize > reader.bytes.len() - reader.at {
        return None;
    }
    let mut items = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let func = reader.u32().filter(|func| (*func as usize) < functions)?;
        items.push(FuncIndex(func));
    }
    Some(items.into())
}

#[cfg(test)]
mod tests {
    use wasmparser::{ElementItems as ParsedItems, ElementKind, Operator, Parser, Payload, Validator};

    use super::*;

    const TABLE: TableType = TableType { element: ValType::FuncRef, index: IndexType::I32, min: 4, max: None };
    const FUNCTIONS: u8 = 200;

    /// A module with as many functions and a table, whose element section has these contents.
    fn module(contents: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\xcb\x0d\xc8\x01".to_vec();
        for number in 0..FUNCTIONS {
            bytes.extend([3, b'a' + number / 26, b'a' + number % 26, b'x', 1, b'f', 0, 0]);
        }
        // The size of the section: so many imports, and their number in two bytes.
        let size = usize::from(FUNCTIONS) * 8 + 2;
        (bytes[15], bytes[16]) = (size as u8 & 0x7f | 0x80, (size >> 7) as u8);
        bytes.extend([0x04, 0x04, 0x01, 0x70, 0x00, 0x04, 0x09, contents.len() as u8]);
        bytes.extend(contents);
        bytes
    }

    /// Offset and functions of each segment, as wasmparser reads them. `None` if it rejects the module.
    fn reference(module: &[u8]) -> Option<Vec<(i32, Vec<u32>)>> {
        Validator::new().validate_all(module).ok()?;
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            let Payload::ElementSection(segments) = payload.ok()? else { continue };
            for segment in segments {
                let segment = segment.ok()?;
                let ElementKind::Active { table_index: None | Some(0), offset_expr } = segment.kind else {
                    return Some(Vec::new());
                };
                let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else {
                    return Some(Vec::new());
                };
                let ParsedItems::Functions(functions) = segment.items else { return Some(Vec::new()) };
                found.push((value, functions.into_iter().collect::<Result<Vec<_>, _>>().ok()?));
            }
        }
        Some(found)
    }

    /// What is accepted here is valid, and read as wasmparser reads it; the usual form is accepted.
    #[test]
    fn what_is_plain_is_what_wasmparser_reads() {
        let usual = b"\x04\x00\x41\x01\x0b\x03\x00\x01\x02\x00\x41\x7f\x0b\x02\xc7\x01\xc6\x01\x00\x41\x80\x01\x0b\x00\x00\x41\x00\x0b\x01\x7f";
        let mut state = 1u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut accepted, mut rejected) = (0, 0);
        for round in 0..30_000 {
            let mut contents = usual.to_vec();
            for _ in 0..if round == 0 { 0 } else { 1 + random(3) } {
                let at = random(contents.len());
                match random(4) {
                    0 => contents[at] = random(256) as u8,
                    1 => contents[at] ^= 1 << random(8),
                    2 => contents.insert(at, [0x00, 0x80, 0xc8, 0x01][random(4)]),
                    _ => drop(contents.remove(at)),
                }
            }
            let bytes = module(&contents);
            let start = bytes.len() - contents.len() + 1;
            let count = u32::from(contents[0]);
            let plain =
                (count < 0x80).then(|| plain_elements(&bytes, start, count, &[TABLE], FUNCTIONS.into())).flatten();
            let Some(plain) = plain else {
                assert!(round != 0, "the usual form is not accepted");
                rejected += 1;
                continue;
            };
            accepted += 1;
            let read = |segment: ElementSegment| match (segment.mode, segment.items) {
                (ElementMode::Active(TableIndex(0), offset), ElementItems::Functions(items)) => match offset.ops() {
                    [ConstOp::I32(offset)] => (*offset, items.iter().map(|func| func.0).collect()),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            };
            let expected = reference(&bytes);
            assert_eq!(Some(plain.into_iter().map(read).collect()), expected, "{contents:02x?}");
        }
        assert!(accepted > 1500 && rejected > 3000, "{accepted} accepted, {rejected} rejected");
        let others = [TableType { index: IndexType::I64, ..TABLE }, TableType { element: ValType::ExternRef, ..TABLE }];
        for tables in [&[][..], &others[..1], &others[1..]] {
            assert!(plain_elements(usual, 1, 4, tables, FUNCTIONS.into()).is_none(), "{tables:?}");
        }
        assert!(plain_elements(usual, 1, 4, &[TABLE], FUNCTIONS.into()).is_some());
    }
}
