//! The name section, read at its first use: backtraces need it, nothing else waits for it.
//!
//! A malformed name section yields the names that came before the fault; names never make a module invalid.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wasmparser::{BinaryReader, Name, NameSectionReader};

use crate::types::FuncIndex;

/// Names of a module and its functions.
#[derive(Default)]
pub struct Names {
    /// The module's bytes and the contents of its name section.
    section: Option<(Arc<[u8]>, Range<u32>)>,
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
    pub(super) fn new(bytes: Arc<[u8]>, section: Option<Range<u32>>) -> Names {
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
        let name = std::str::from_utf8(&bytes[range.start as usize..range.end as usize]).ok()?;
        Some(name.into())
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| match &self.section {
            Some((bytes, section)) => Index::read(bytes, section.clone()),
            None => Index::default(),
        })
    }
}

impl Index {
    fn read(bytes: &[u8], section: Range<u32>) -> Index {
        let contents = &bytes[section.start as usize..section.end as usize];
        // A name as a range of `bytes`, of which wasmparser returned a part.
        let range = |name: &str| {
            let start = (name.as_ptr().addr() - bytes.as_ptr().addr()) as u32;
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
