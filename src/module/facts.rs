//! What validation found out about a module, as bytes: whoever knows that the module was validated need not do it again.
//!
//! Not here: who knows that (`warm`).

use super::body::Kept;
use super::fixed::TableWrites;
use super::validate::Validated;
use super::{Features, IndirectSites, Module};
use crate::bytes::{Reader, put};
use crate::types::DefinedFunc;

impl Validated {
    /// Appends what is known of a module all of whose bodies are valid.
    pub(crate) fn write(module: &Module, out: &mut Vec<u8>) {
        put(out, module.features().0);
        out.push(u8::from(module.table_writes == TableWrites::Possible));
        let IndirectSites { functions, count } = &module.indirect_sites;
        put(out, functions.len() as u64);
        let firsts = functions.iter().skip(1).map(|(_, first)| *first).chain([*count]);
        let mut next = 0;
        for ((func, first), end) in functions.iter().zip(firsts) {
            put(out, u64::from(func.0 - next));
            put(out, u64::from(end - first));
            next = func.0 + 1;
        }
    }

    /// Reads it, for a module that defines so many functions.
    pub(crate) fn read(bytes: &[u8], defined: usize) -> Option<Validated> {
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
        let indirect_sites = IndirectSites::new(functions);
        reader.is_empty().then_some(Validated { features, indirect_sites, table_writes, analyses: Kept::default() })
    }
}

#[cfg(test)]
mod tests {
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
            Validated::write(module, &mut bytes);
            let read = Validated::read(&bytes, module.defined_func_count()).unwrap();
            assert_eq!(read.features, module.features());
            assert_eq!(read.indirect_sites, module.indirect_sites);
            assert_eq!(read.table_writes, module.table_writes);
            assert!((0..bytes.len()).all(|len| Validated::read(&bytes[..len], 4).is_none()));
        }
        let mut bytes = Vec::new();
        Validated::write(&one, &mut bytes);
        assert!(Validated::read(&bytes, 3).is_none(), "a function that is not there");
    }
}
