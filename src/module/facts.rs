//! What validation found out about a module, as bytes: whoever knows that the module was validated need not do it again.
//!
//! Not here: who knows that (`warm`).

use super::data::Plain;
use super::fixed::TableWrites;
use super::kept::{Section, outline};
use super::tables::FetchBodies;
use super::validate::Validated;
use super::{Features, Module};
use crate::bytes::{Reader, put};
use crate::types::DefinedFunc;

/// What is known of a module all of whose bodies are valid.
pub struct Facts {
    validated: Validated,
    /// Functions with indirect calls, and how many. Sorted.
    indirect: Vec<(DefinedFunc, u32)>,
    /// How many bodies there are, and who knows where.
    count: usize,
    bodies: FetchBodies,
    /// Where the sections are.
    sections: Vec<Section>,
}

impl Module {
    /// The bodies of the module are known to be valid.
    pub(crate) fn note_facts(&self, facts: Facts) -> Validated {
        self.indirect_sites.add(0..self.bodies.len(), &facts.indirect);
        self.note_valid_up_to(self.bodies.len());
        facts.validated
    }
}

impl Facts {
    /// How many bodies there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Who knows where they are.
    pub(super) fn bodies(&self) -> &FetchBodies {
        &self.bodies
    }

    /// The sections, in order.
    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Appends what is known of a module all of whose bodies are valid.
    pub(crate) fn write(module: &Module, out: &mut Vec<u8>) {
        put(out, module.features().0);
        out.push(u8::from(module.table_writes() == TableWrites::Possible));
        let all = (0..module.defined_func_count() as u32).map(DefinedFunc);
        let with_any = all.map(|func| (func, module.indirect_sites.of(func).len())).filter(|(_, calls)| *calls > 0);
        put(out, with_any.clone().count() as u64);
        let mut next = 0;
        for (func, calls) in with_any {
            put(out, u64::from(func.0 - next));
            put(out, calls as u64);
            next = func.0 + 1;
        }
        write_sections(module, out);
    }

    /// Where the bodies of a module are, as [`FetchBodies`] gives it, of all pages.
    pub(crate) fn write_bodies(module: &Module) -> Vec<u8> {
        let bodies = (0..module.defined_func_count() as u32).map(|func| module.body_range(DefinedFunc(func)));
        bodies.flat_map(|body| [body.start as u32, body.end as u32]).flat_map(u32::to_le_bytes).collect()
    }

    /// Reads it, for a module that defines so many functions, of whose bodies somebody knows where they are.
    pub(crate) fn read(bytes: &[u8], defined: usize, bodies: FetchBodies) -> Option<Facts> {
        let mut reader = Reader(bytes);
        let features = Features(reader.number()?);
        let table_writes = match reader.byte()? {
            0 => TableWrites::None,
            1 => TableWrites::Possible,
            _ => return None,
        };
        let count = reader.count()?;
        let mut functions = Vec::with_capacity(count);
        let (mut next, mut total) = (0u32, 0u32);
        for _ in 0..count {
            let func = next.checked_add(reader.u32()?).filter(|func| (*func as usize) < defined)?;
            let calls = reader.u32()?;
            total = total.checked_add(calls)?;
            functions.push((DefinedFunc(func), calls));
            next = func + 1;
        }
        let sections = read_sections(&mut reader)?;
        let validated = Validated { features, table_writes };
        reader.is_empty().then_some(Facts { validated, indirect: functions, count: defined, bodies, sections })
    }
}

/// In place of a section's number: a data section that is read later. (Modules have at most 13 kinds.)
const PLAIN_DATA: u8 = 0x80;

fn write_sections(module: &Module, out: &mut Vec<u8>) {
    // Of a module whose bytes are lost, nothing fits.
    let sections = outline(module).unwrap_or_default();
    put(out, sections.len() as u64);
    for section in sections {
        let (id, range) = match &section {
            Section::Custom(_, range) => (0, range.clone()),
            Section::Code(range, _) => (10, range.clone()),
            Section::Data(plain) => (PLAIN_DATA, plain.section.clone()),
            Section::Other(id, range) => (*id, range.clone()),
        };
        out.push(id);
        put(out, range.start.into());
        put(out, (range.end - range.start).into());
        match section {
            Section::Custom(name, _) => {
                put(out, name.len() as u64);
                out.extend_from_slice(name.as_bytes());
            }
            Section::Data(plain) => put(out, plain.count.into()),
            Section::Code(_, first) => put(out, first.into()),
            Section::Other(..) => {}
        }
    }
}

fn read_sections(reader: &mut Reader<'_>) -> Option<Vec<Section>> {
    let count = reader.count()?;
    let mut sections = Vec::with_capacity(count);
    for _ in 0..count {
        let id = reader.byte()?;
        let start = reader.u32()?;
        let range = start..start.checked_add(reader.u32()?)?;
        sections.push(match id {
            0 => {
                let len = reader.count()?;
                Section::Custom(std::str::from_utf8(reader.take(len)?).ok()?.into(), range)
            }
            10 => Section::Code(range, reader.u32()?),
            PLAIN_DATA => Section::Data(Plain { section: range, count: reader.u32()? }),
            id => Section::Other(id, range),
        });
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::module::decode::load;

    #[test]
    fn facts_come_back() {
        let module = |text: &str| load(text.as_bytes(), Features::ALL, 1).unwrap();
        let one = module(
            "(module (type $t (func)) (table 1 funcref)
                (func) (func (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0)))
                (func) (func (call_indirect (type $t) (i32.const 0)) (drop (i32.extend8_s (i32.const 1)))))",
        );
        let other = module("(module (table 1 funcref) (func (table.set (i32.const 0) (ref.null func))))");
        for module in [&one, &other] {
            let mut bytes = Vec::new();
            Facts::write(module, &mut bytes);
            let nobody: FetchBodies = Arc::new(|_| None);
            let read = Facts::read(&bytes, module.defined_func_count(), nobody.clone()).unwrap();
            assert_eq!(read.validated.features, module.features());
            assert_eq!(read.validated.table_writes, module.table_writes());
            let before: Vec<_> = (0..4).map(|func| module.indirect_sites.of(DefinedFunc(func))).collect();
            module.indirect_sites.add(0..module.bodies.len(), &[]);
            module.note_facts(read);
            let after: Vec<_> = (0..4).map(|func| module.indirect_sites.of(DefinedFunc(func))).collect();
            assert_eq!(before, after);
            assert!((0..bytes.len()).all(|len| Facts::read(&bytes[..len], 4, nobody.clone()).is_none()));
        }
        let mut bytes = Vec::new();
        Facts::write(&one, &mut bytes);
        assert!(Facts::read(&bytes, 3, Arc::new(|_| None)).is_none(), "a function that is not there");
    }
}
