//! Modules that are known to be valid are read without looking at their bodies, or at anything else that nobody needs yet.
//!
//! In: bytes that may be fetched as they are read, and what is known of them ([`Facts`]). Out: the sections, and where
//! the bodies are. Whoever knows the facts had validated the very same bytes; what does not fit all the same is `None`.
//!
//! Not here: what the sections say (`decode`), who knows the facts (`warm`).

use std::ops::Range;

use wasmparser::{
    BinaryReader, CustomSectionReader, DataSectionReader, ElementSectionReader, ExportSectionReader,
    FunctionSectionReader, GlobalSectionReader, ImportSectionReader, MemorySectionReader, Payload, TableSectionReader,
    TypeSectionReader, WasmFeatures,
};

use super::data::segments_in;
use super::decode::Builder;
use super::facts::Facts;
use super::{Features, WireBytes};
use crate::bytes::Reader;

/// Bytes of a section's header, at most, and then some.
const HEADER: usize = 16;

/// Bytes before the first section.
const PREAMBLE: usize = 8;

/// Reads the sections of a module into a builder.
pub(super) fn read(
    builder: &mut Builder,
    wire: &WireBytes,
    facts: &Facts,
    features: Features,
    flags: WasmFeatures,
) -> Option<()> {
    let mut at = PREAMBLE;
    while at < wire.len() {
        let header = wire.slice(at..wire.len().min(at + HEADER))?;
        let mut reader = Reader(header);
        let (id, size) = (reader.byte()?, padded(&mut reader)? as usize);
        let start = at + header.len() - reader.0.len();
        let end = start.checked_add(size).filter(|end| *end <= wire.len())?;
        at = end;
        match id {
            10 => code(builder, facts, start..end, features)?,
            11 => data(builder, wire, start..end, flags)?,
            _ => {
                let section = BinaryReader::new_features(wire.slice(start..end)?, start as u64, flags);
                builder.section(payload(id, section, start..end)?).ok()?;
            }
        }
    }
    if builder.module().is_none() {
        builder.begin(0..0, features, None);
    }
    let module = builder.module()?;
    (at == wire.len() && module.bodies.len() == facts.bodies().len()).then_some(())
}

/// A number of 32 bits in LEB128, as modules have them: zeros may follow.
fn padded(reader: &mut Reader<'_>) -> Option<u32> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = reader.byte()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok();
        }
    }
    None
}

fn payload<'a>(id: u8, mut section: BinaryReader<'a>, range: Range<usize>) -> Option<Payload<'a>> {
    let range = range.start as u64..range.end as u64;
    Some(match id {
        0 => Payload::CustomSection(CustomSectionReader::new(section).ok()?),
        1 => Payload::TypeSection(TypeSectionReader::new(section).ok()?),
        2 => Payload::ImportSection(ImportSectionReader::new(section).ok()?),
        3 => Payload::FunctionSection(FunctionSectionReader::new(section).ok()?),
        4 => Payload::TableSection(TableSectionReader::new(section).ok()?),
        5 => Payload::MemorySection(MemorySectionReader::new(section).ok()?),
        6 => Payload::GlobalSection(GlobalSectionReader::new(section).ok()?),
        7 => Payload::ExportSection(ExportSectionReader::new(section).ok()?),
        8 => Payload::StartSection { func: section.read_var_u32().ok()?, range },
        9 => Payload::ElementSection(ElementSectionReader::new(section).ok()?),
        12 => Payload::DataCountSection { count: section.read_var_u32().ok()?, range },
        _ => return None,
    })
}

fn code(builder: &mut Builder, facts: &Facts, section: Range<usize>, features: Features) -> Option<()> {
    let bodies = facts.bodies();
    let Some(first) = bodies.first() else { return Some(()) };
    if (first.start as usize) < section.start || bodies.last()?.end as usize != section.end {
        return None;
    }
    builder.begin(u64::from(first.start)..section.end as u64, features, None);
    let module = builder.module()?;
    if module.bodies.len() != bodies.len() {
        return None;
    }
    (0..).zip(bodies).for_each(|(index, body)| module.bodies.set(index, body.clone()));
    Some(())
}

fn data(builder: &mut Builder, wire: &WireBytes, section: Range<usize>, flags: WasmFeatures) -> Option<()> {
    let mut reader = Reader(wire.slice(section.start..section.end.min(section.start + HEADER))?);
    let before = reader.0.len();
    let count = padded(&mut reader)?;
    let first = section.start + before - reader.0.len();
    match segments_in(wire, first..section.end, count, builder.memories()) {
        Some(segments) => builder.set_data(segments),
        None => {
            let bytes = BinaryReader::new_features(wire.slice(section.clone())?, section.start as u64, flags);
            builder.section(Payload::DataSection(DataSectionReader::new(bytes).ok()?)).ok()?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::decode::load;
    use super::super::stream::Decoder;
    use super::*;
    use std::sync::Arc;

    /// Everything that is read comes out as it does when everything is looked at.
    #[test]
    fn a_module_is_read_as_it_would_be_with_its_bodies() {
        let texts = [
            "(module)",
            "(module (import \"a\" \"b\" (func (param i32))) (func (export \"x\") (nop)) (memory 1) (data (i32.const 8) \"abc\"))",
            "(module (type (func)) (table 3 funcref) (memory i64 1) (global (mut i64) (i64.const 7)) (func $f) (func $g)
                (elem (i32.const 1) $f $g) (start $f) (data \"passive\") (data (i64.const 3) \"x\")
                (func (data.drop 0)) (@custom \"c\" \"contents\"))",
        ];
        for text in texts {
            let whole = load(text.as_bytes(), Features::ALL, 1).unwrap();
            let mut facts = Vec::new();
            Facts::write(&whole, &mut facts);
            let facts = Facts::read(&facts, whole.defined_func_count()).unwrap();
            let wire: WireBytes = whole.bytes().to_vec().into();
            let mut decoder = Decoder::new(wire, Features::ALL).unwrap();
            decoder.read_kept(&facts).unwrap();
            let validated = decoder.module().unwrap().note_facts(facts);
            let kept: Arc<super::super::Module> = decoder.finish(Some(validated));
            assert_eq!(kept.features(), whole.features(), "{text}");
            assert_eq!(kept.table_writes(), whole.table_writes());
            assert_eq!(format!("{:?}", kept.imports()), format!("{:?}", whole.imports()));
            assert_eq!(format!("{:?}", kept.exports()), format!("{:?}", whole.exports()));
            assert_eq!(format!("{:?}", kept.data()), format!("{:?}", whole.data()));
            assert_eq!(format!("{:?}", kept.elements), format!("{:?}", whole.elements));
            assert_eq!(format!("{:?}", kept.custom_sections()), format!("{:?}", whole.custom_sections()));
            assert_eq!((kept.functions(), kept.start), (whole.functions(), whole.start));
            assert_eq!((kept.globals(), &kept.global_inits), (whole.globals(), &whole.global_inits));
            assert_eq!((kept.tables(), kept.memories()), (whole.tables(), whole.memories()));
            assert_eq!(kept.escaping(), whole.escaping());
            for func in (0..whole.defined_func_count() as u32).map(crate::types::DefinedFunc) {
                assert_eq!(kept.body(func), whole.body(func));
            }
        }
    }
}
