//! The name section, read at its first use: backtraces need it, nothing else waits for it.
//!
//! A malformed name section yields the names that came before the fault; names never make a module invalid.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wasmparser::{BinaryReader, Name, NameSectionReader};

use crate::module::WireBytes;
use crate::sync::get_or_make;
use crate::types::FuncIndex;

/// Names of a module and its functions.
#[derive(Default)]
pub struct Names {
    /// The module's bytes and the contents of its name section.
    section: Option<(WireBytes, Range<u32>)>,
    index: OnceLock<Index>,
}

/// Where the names are in the module's bytes.
#[derive(Default)]
struct Index {
    module: Option<Range<u32>>,
    /// Sorted by function.
    functions: Box<[(FuncIndex, Range<u32>)]>,
}

impl Names {
    /// The names in this section of the module, if it has one.
    pub(super) fn new(bytes: WireBytes, section: Option<Range<u32>>) -> Names {
        Names { section: section.map(|section| (bytes, section)), index: OnceLock::new() }
    }

    /// The module's name.
    pub fn module(&self) -> Option<Arc<str>> {
        self.text(self.index().module.clone()?)
    }

    /// A function's name.
    pub fn function(&self, func: FuncIndex) -> Option<Arc<str>> {
        let functions = &self.index().functions;
        let position = functions.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        self.text(functions[position].1.clone())
    }

    fn text(&self, range: Range<u32>) -> Option<Arc<str>> {
        let (bytes, _) = self.section.as_ref()?;
        let name = std::str::from_utf8(bytes.slice(range.start as usize..range.end as usize)?).ok()?;
        Some(name.into())
    }

    fn index(&self) -> &Index {
        get_or_make(&self.index, || match &self.section {
            Some((bytes, section)) => Index::read(bytes, section.clone()),
            None => Index::default(),
        })
    }
}

impl Index {
    fn read(bytes: &WireBytes, section: Range<u32>) -> Index {
        let contents = bytes.known(section.start as usize..section.end as usize);
        // A name as a range of `bytes`, of which wasmparser returned a part.
        let range = |name: &str| {
            let start = section.start + (name.as_ptr().addr() - contents.as_ptr().addr()) as u32;
            start..start + name.len() as u32
        };
        let mut module = None;
        let mut functions = Vec::new();
        for subsection in NameSectionReader::new(BinaryReader::new(contents, section.start as u64)) {
            match subsection {
                Ok(Name::Module { name, .. }) => module = module.or(Some(range(name))),
                Ok(Name::Function(names)) => {
                    functions.extend(names.map_while(|name| name.ok()).map(|n| (FuncIndex(n.index), range(n.name))));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // Stable, and the first of several names is kept.
        functions.sort_by_key(|(func, _)| *func);
        functions.dedup_by_key(|(func, _)| *func);
        Index { module, functions: functions.into() }
    }
}

#[cfg(test)]
mod tests {
    use crate::module::{Features, Module, decode::load};
    use crate::types::FuncIndex;

    /// A module with these contents of its name section and three functions.
    fn module(sections: &[&[u8]]) -> Module {
        let mut bytes = wat::parse_str("(module (func) (func) (func))").unwrap();
        for contents in sections {
            bytes.extend([0, contents.len() as u8 + 5, 4]);
            bytes.extend(b"name");
            bytes.extend(*contents);
        }
        load(&bytes, Features::ALL, 1).expect("names never make a module invalid")
    }

    fn names(sections: &[&[u8]]) -> [Option<String>; 4] {
        let module = module(sections);
        let function = |func| module.names().function(FuncIndex(func)).map(|name| name.to_string());
        [module.names().module().map(|name| name.to_string()), function(0), function(1), function(2)]
    }

    fn some(name: &str) -> Option<String> {
        Some(name.into())
    }

    #[test]
    fn of_the_module_and_its_functions() {
        assert_eq!(names(&[]), [None, None, None, None]);
        let contents = b"\x00\x02\x01m\x01\x0b\x02\x00\x02f0\x02\x04\xc3\xa4f2";
        assert_eq!(names(&[contents]), [some("m"), some("f0"), None, some("\u{e4}f2")]);
    }

    #[test]
    fn by_name_in_the_text() {
        let bytes = wat::parse_str(r#"(module $m (import "" "" (func $i)) (func $a (local $l i32)) (func) (func $c))"#);
        let module = load(&bytes.unwrap(), Features::ALL, 1).unwrap();
        let name = |func| module.names().function(FuncIndex(func)).map(|name| name.to_string());
        assert_eq!([name(0), name(1), name(2), name(3), name(4)], [some("i"), some("a"), None, some("c"), None]);
    }

    #[test]
    fn before_a_fault_are_kept() {
        // Cut off in the second name.
        assert_eq!(names(&[b"\x01\x08\x02\x00\x02f0\x02\x05f2"]), [None, some("f0"), None, None]);
        // Out of order, and twice.
        assert_eq!(names(&[b"\x01\x09\x02\x02\x02f2\x00\x02f0"]), [None, None, None, some("f2")]);
        assert_eq!(names(&[b"\x01\x09\x02\x02\x02f2\x02\x02f3"]), [None, None, None, some("f2")]);
        // Not UTF-8.
        assert_eq!(names(&[b"\x01\x09\x02\x00\x02f0\x01\x02\xff\xfe"]), [None, some("f0"), None, None]);
        // A subsection longer than the section.
        assert_eq!(names(&[b"\x00\x02\x01m\x01\x7f\x01\x00\x02f0"]), [some("m"), None, None, None]);
        assert_eq!(names(&[b"\xff"]), [None, None, None, None]);
    }

    #[test]
    fn come_from_the_first_section() {
        assert_eq!(names(&[b"\x00\x02\x01m", b"\x00\x02\x01n"]), [some("m"), None, None, None]);
    }
}
