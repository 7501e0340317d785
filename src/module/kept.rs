//! Modules that are known to be valid are read without looking at their bodies, or at anything else that nobody needs yet.
//!
//! In: bytes that may be fetched as they are read, and what is known of them ([`Facts`]): where the sections and the
//! bodies are. Out: the sections before the bodies; data segments are read when somebody asks for them. Whoever knows the facts had validated the very same bytes; what does not fit all the same is `None`.
//!
//! Not here: what the sections say (`decode`), who knows the facts (`warm`).

use std::ops::Range;
use std::sync::Arc;

use wasmparser::{
    BinaryReader, DataSectionReader, ElementSectionReader, ExportSectionReader, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, MemorySectionReader, Payload, TableSectionReader, TypeSectionReader,
    WasmFeatures,
};

use super::data::{Plain, Reader as Numbers, segments_in};
use super::decode::Builder;
use super::facts::Facts;
use super::tables::BODY_PAGE;
use super::{CustomSection, Features, Module, WireBytes};
use crate::bytes::Reader;
use crate::types::TypeIndex;

/// Bytes of a number of 32 bits, at most.
const NUMBER: usize = 5;

/// Bytes before the first section.
const PREAMBLE: usize = 8;

/// A section of a module that is known to be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Custom(CustomName, Range<u32>),
    /// With the bodies, the first of which begins here.
    Code(Range<u32>, u32),
    /// One that is read when its segments are needed.
    Data(Plain),
    /// Another one: its number, and its contents.
    Other(u8, Range<u32>),
}

/// What a custom section is called.
pub(super) type CustomName = Box<str>;

/// The sections of a valid module. `None`: some of its bytes are lost.
pub(super) fn outline(module: &Module) -> Option<Vec<Section>> {
    let (wire, mut at, mut sections) = (module.wire(), PREAMBLE, Vec::new());
    let mut custom = module.custom_sections().iter();
    while at < wire.len() {
        let mut reader = Reader(wire.slice(at..wire.len())?);
        let (id, size) = (reader.byte()?, padded(&mut reader)? as usize);
        let start = wire.len() - reader.0.len();
        at = start.checked_add(size).filter(|end| *end <= wire.len())?;
        sections.push(match id {
            0 => {
                let CustomSection { name, bytes } = custom.next()?;
                Section::Custom(name.clone(), bytes.clone())
            }
            10 => Section::Code(start as u32..at as u32, module.code_start() as u32),
            11 => {
                let count = padded(&mut reader)?;
                let plain = Plain { section: (wire.len() - reader.0.len()) as u32..at as u32, count };
                match segments_in(wire, &plain, module.memories()) {
                    Some(_) => Section::Data(plain),
                    None => Section::Other(id, start as u32..at as u32),
                }
            }
            _ => Section::Other(id, start as u32..at as u32),
        });
    }
    Some(sections)
}

/// Reads the sections of a module into a builder.
pub(super) fn read(
    builder: &mut Builder,
    wire: &WireBytes,
    facts: &Facts,
    features: Features,
    flags: WasmFeatures,
) -> Option<()> {
    let mut has_code = false;
    for section in facts.sections() {
        match section {
            Section::Custom(name, bytes) => {
                builder.add_custom(CustomSection { name: name.clone(), bytes: bytes.clone() });
            }
            Section::Code(section, first) if facts.count() > 0 => {
                let (wire, section, known) = (wire.clone(), section.clone(), facts.bodies().clone());
                let bodies = u64::from(*first)..u64::from(section.end);
                let fetch = move |page| known(page).or_else(|| bodies_in(&wire, section.clone(), page));
                builder.begin_kept(bodies, features, Arc::new(fetch));
                has_code = true;
            }
            Section::Code(..) => {}
            Section::Data(plain) => builder.set_plain_data(plain.clone()),
            Section::Other(id, bytes) => {
                let bytes = bytes.start as usize..bytes.end as usize;
                if *id == 3 && functions(builder, wire.slice(bytes.clone())?).is_some() {
                    continue;
                }
                let section = BinaryReader::new_features(wire.slice(bytes.clone())?, bytes.start as u64, flags);
                let payload = payload(*id, section, bytes.clone())?;
                if let Payload::ElementSection(segments) = &payload
                    && builder.plain_elements(wire.slice(0..bytes.end)?, segments).is_some()
                {
                    continue;
                }
                builder.section(payload).ok()?;
            }
        }
    }
    if builder.module().is_none() {
        builder.begin(0..0, features, None);
    }
    let count = builder.module()?.bodies.len();
    (count == facts.count() && has_code == (count > 0)).then_some(())
}

/// The types of the functions, which are many.
fn functions(builder: &mut Builder, bytes: &[u8]) -> Option<()> {
    let mut reader = Numbers { bytes, at: 0 };
    let (count, types) = (reader.u32()? as usize, builder.types());
    let mut functions = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        functions.push(TypeIndex(reader.u32().filter(|ty| (*ty as usize) < types)?));
    }
    (reader.at == bytes.len()).then(|| builder.add_functions(functions))
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
        1 => Payload::TypeSection(TypeSectionReader::new(section).ok()?),
        2 => Payload::ImportSection(ImportSectionReader::new(section).ok()?),
        3 => Payload::FunctionSection(FunctionSectionReader::new(section).ok()?),
        4 => Payload::TableSection(TableSectionReader::new(section).ok()?),
        5 => Payload::MemorySection(MemorySectionReader::new(section).ok()?),
        6 => Payload::GlobalSection(GlobalSectionReader::new(section).ok()?),
        7 => Payload::ExportSection(ExportSectionReader::new(section).ok()?),
        8 => Payload::StartSection { func: section.read_var_u32().ok()?, range },
        9 => Payload::ElementSection(ElementSectionReader::new(section).ok()?),
        11 => Payload::DataSection(DataSectionReader::new(section).ok()?),
        12 => Payload::DataCountSection { count: section.read_var_u32().ok()?, range },
        _ => return None,
    })
}

/// Where the bodies of a page of functions are, from the bytes of the code section: for whom nobody else knows.
fn bodies_in(wire: &WireBytes, section: Range<u32>, page: usize) -> Option<Vec<u8>> {
    let end = section.end as usize;
    let number = |at: &mut usize| {
        let mut reader = Reader(wire.slice(*at..end.min(*at + NUMBER))?);
        let before = reader.0.len();
        let number = padded(&mut reader)?;
        *at += before - reader.0.len();
        Some(number as usize)
    };
    let mut at = section.start as usize;
    let count = number(&mut at)?;
    let mut bytes = Vec::new();
    for index in 0..count.min((page + 1) * BODY_PAGE) {
        let len = number(&mut at)?;
        let start = at;
        at = start.checked_add(len).filter(|at| *at <= end)?;
        if index >= page * BODY_PAGE {
            bytes.extend_from_slice(&(start as u32).to_le_bytes());
            bytes.extend_from_slice(&(at as u32).to_le_bytes());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::decode::load;
    use super::super::stream::Decoder;
    use super::*;

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
        // Also with several pages of bodies, some of which nobody knows but the bytes.
        let many = format!("(module {})", "(func) (func (nop) (nop))".repeat(BODY_PAGE));
        for (text, known) in texts.into_iter().chain([&*many]).flat_map(|text| [(text, 0), (text, 1), (text, 2)]) {
            let whole = load(text.as_bytes(), Features::ALL, 1).unwrap();
            let mut facts = Vec::new();
            Facts::write(&whole, &mut facts);
            let bodies = Facts::write_bodies(&whole);
            let fetch = Arc::new(move |page: usize| {
                bodies.chunks(8 * BODY_PAGE).nth(page).filter(|_| page < known).map(<[u8]>::to_vec)
            });
            let facts = Facts::read(&facts, whole.defined_func_count(), fetch).unwrap();
            let wire: WireBytes = whole.bytes().to_vec().into();
            let mut decoder = Decoder::new(wire, Features::ALL).unwrap();
            decoder.read_kept(&facts).unwrap();
            let validated = decoder.module().unwrap().note_facts(facts);
            let kept: Arc<Module> = decoder.finish(Some(validated));
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
