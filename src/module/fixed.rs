//! Tables whose elements never change, and the functions that calls through them can reach.
//!
//! A table is fixed if nobody but instantiation writes to it: the module defines it and does not export it, no body
//! has an operator that writes to tables, and active segments with constant offsets within its smallest length fill it.
//! Then it has the same elements in every instance, at every moment at which code of the instance runs.
//!
//! That needs one thing more. Where instantiation fails half way, functions of the instance live on in the tables of
//! others into which segments put them. So a module that fills an imported table has no fixed ones.

use std::collections::HashMap;

use crate::module::{ConstExpr, ConstOp, ElementItems, ElementMode, ElementSegment, ExportItem, Module};
use crate::types::{FuncIndex, IndexType, TableIndex, TypeIndex, ValType};

/// Whether bodies have operators that write to tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TableWrites {
    /// None has, all of them were looked at.
    None,
    /// Some do, or that is not known.
    #[default]
    Possible,
}

/// An element that is a function: its index in the table, and the function.
pub(crate) type Target = (u64, FuncIndex);

/// How many targets of a type are remembered.
pub(crate) const FEW: usize = 4;

/// The targets of one type, as long as there are few.
#[derive(Clone, Copy, Debug, Default)]
struct Targets {
    count: usize,
    first: [Option<Target>; FEW],
}

/// A table whose elements never change.
#[derive(Debug)]
struct FixedTable {
    /// By type index; types that are equal have equal entries.
    targets: Box<[Targets]>,
}

/// The fixed tables of a module, by index.
#[derive(Debug)]
pub(crate) struct FixedTables(Box<[Option<FixedTable>]>);

impl FixedTables {
    pub(super) fn new(module: &Module) -> FixedTables {
        let imported = module.import_counts.tables;
        let fills_imported = module
            .elements
            .iter()
            .any(|segment| matches!(segment.mode, ElementMode::Active(table, _) if table.index() < imported));
        if module.table_writes() == TableWrites::Possible || fills_imported {
            return FixedTables(Box::default());
        }
        FixedTables((0..module.tables.len()).map(|table| fixed(module, TableIndex(table as u32))).collect())
    }

    /// The elements that a call of this type through the table may name without trapping, if the table is fixed and
    /// there are few of them, at least one.
    pub(crate) fn targets(&self, table: TableIndex, ty: TypeIndex) -> Option<([Option<Target>; FEW], usize)> {
        let targets = self.0.get(table.index())?.as_ref()?.targets[ty.index()];
        (1..=FEW).contains(&targets.count).then_some((targets.first, targets.count))
    }
}

/// The table, if it is fixed.
fn fixed(module: &Module, table: TableIndex) -> Option<FixedTable> {
    let ty = module.tables[table.index()];
    let defined = table.index().checked_sub(module.import_counts.tables)?;
    let exported = module.exports.iter().any(|export| export.item == ExportItem::Table(table));
    // A table that starts full of functions has as many targets as elements.
    let starts_null = module.table_inits[defined].is_none();
    if exported || !starts_null || ty.element != ValType::FuncRef {
        return None;
    }
    let mut elements = HashMap::new();
    for segment in &module.elements {
        match &segment.mode {
            ElementMode::Active(filled, offset) if *filled == table => {
                let start = constant(offset, ty.index)?;
                let end = start.checked_add(segment.items.len() as u64)?;
                (end <= ty.min).then_some(())?;
                collect(segment, start, &mut elements)?;
            }
            _ => {}
        }
    }
    Some(FixedTable { targets: by_type(module, elements) })
}

/// The value of a constant expression that is a single constant.
fn constant(expr: &ConstExpr, index: IndexType) -> Option<u64> {
    match (expr.ops(), index) {
        (&[ConstOp::I32(value)], IndexType::I32) => Some(u64::from(value as u32)),
        (&[ConstOp::I64(value)], IndexType::I64) => Some(value as u64),
        _ => None,
    }
}

/// Adds the elements of a segment. Later ones take the place of earlier ones, as at instantiation.
fn collect(segment: &ElementSegment, start: u64, elements: &mut HashMap<u64, FuncIndex>) -> Option<()> {
    match &segment.items {
        ElementItems::Functions(items) => elements.extend((start..).zip(items.iter().copied())),
        ElementItems::Expressions(items) => {
            for (index, item) in (start..).zip(items) {
                match *item.ops() {
                    [ConstOp::RefFunc(func)] => elements.insert(index, func),
                    [ConstOp::RefNull(_)] => elements.remove(&index),
                    // What a global holds, is not known here.
                    _ => return None,
                };
            }
        }
    }
    Some(())
}

fn by_type(module: &Module, elements: HashMap<u64, FuncIndex>) -> Box<[Targets]> {
    let mut elements: Vec<Target> = elements.into_iter().collect();
    elements.sort_unstable();
    let mut first_equal = HashMap::new();
    let canonical: Vec<usize> =
        module.types.iter().enumerate().map(|(index, ty)| *first_equal.entry(ty).or_insert(index)).collect();
    let mut targets = vec![Targets::default(); module.types.len()];
    for (index, func) in elements {
        let of_type = &mut targets[canonical[module.functions[func.index()].index()]];
        if let Some(free) = of_type.first.get_mut(of_type.count) {
            *free = Some((index, func));
        }
        of_type.count += 1;
    }
    canonical.iter().map(|&first| targets[first]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Features;
    use crate::module::decode::load;

    /// Elements of the type `(func (param i32))`, which is declared twice, that calls through table 0 can name.
    fn targets(fields: &str) -> Option<Vec<(u64, u32)>> {
        let text = format!(
            "(module (type (func (param i32))) (type (func (param i32))) (type (func))
                (func $f (type 0)) (func $g (type 1)) (func $h (type 2)) {fields})"
        );
        let module = load(text.as_bytes(), Features::ALL, 1).expect("a valid module");
        let found = [0, 1].map(|ty| module.fixed_tables().targets(TableIndex(0), TypeIndex(ty)));
        assert_eq!(found[0], found[1], "{fields}");
        found[0].map(|(targets, count)| targets[..count].iter().map(|t| t.map(|(at, f)| (at, f.0)).unwrap()).collect())
    }

    #[test]
    fn a_table_that_only_segments_fill_is_fixed() {
        for (fields, expected) in [
            ("(table 9 funcref) (elem (i32.const 1) $f $h $g)", &[(1, 0), (3, 1)][..]),
            ("(table 3 9 funcref) (elem (i32.const 0) $f $f $f) (elem (i32.const 1) $h)", &[(0, 0), (2, 0)]),
            ("(table 9 funcref) (elem (i32.const 8) funcref (ref.func $g))", &[(8, 1)]),
            (
                "(table 9 funcref) (elem (i32.const 7) $f $f) (elem (i32.const 8) funcref (item ref.null func))",
                &[(7, 0)],
            ),
            (
                "(table 9 funcref) (elem (i32.const 8) $f) (elem funcref (ref.func $f)) (elem declare func $f)",
                &[(8, 0)],
            ),
            ("(table i64 9 funcref) (elem (i64.const 8) $f)", &[(8, 0)]),
            ("(table 9 funcref) (table 1 funcref) (elem (i32.const 2) $f) (export \"t\" (table 1))", &[(2, 0)]),
            ("(table 9 funcref) (elem (i32.const 2) $f) (func (drop (table.get 0 (i32.const 0))))", &[(2, 0)]),
            ("(table 9 funcref) (elem (i32.const 0) $f $f $f $f)", &[(0, 0), (1, 0), (2, 0), (3, 0)]),
        ] {
            assert_eq!(targets(fields).as_deref(), Some(expected), "{fields}");
        }
    }

    #[test]
    fn a_table_that_somebody_else_may_write_to_is_not() {
        let filled = "(table 9 funcref) (elem (i32.const 1) $f)";
        for field in [
            "(export \"t\" (table 0))",
            "(func (table.set (i32.const 0) (ref.null func)))",
            "(func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 0)))",
            "(func (drop (table.grow (ref.null func) (i32.const 0))))",
            "(func (table.copy (i32.const 0) (i32.const 0) (i32.const 0)))",
            "(elem $e func $f) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)))",
            "(elem (i32.const 9) $f)",
            "(elem (i32.add (i32.const 1) (i32.const 1)) $f)",
            "(elem (i32.const 1) $f $f $f $f $f)",
        ] {
            assert_eq!(targets(&format!("{filled} {field}")), None, "{field}");
        }
        assert!(targets(filled).is_some());
        assert_eq!(targets("(table 9 funcref) (elem (i32.const 1) $h)"), None);
        let global = "(module (import \"\" \"g\" (global funcref)) (type (func)) (func $f) (table 9 funcref)
            (elem (i32.const 1) $f) (elem (i32.const 2) funcref (global.get 0)))";
        let module = load(global.as_bytes(), Features::ALL, 1).expect("a valid module");
        assert!(module.fixed_tables().targets(TableIndex(0), TypeIndex(0)).is_none());
    }

    /// Instantiation may fail after it put functions into a table of somebody else's, and before it filled ours.
    #[test]
    fn a_module_that_fills_an_imported_table_has_no_fixed_ones() {
        let module = |table: u32| {
            let text = format!(
                "(module (import \"\" \"t\" (table 9 funcref)) (table 9 funcref) (func $f)
                    (elem (table 1) (i32.const 0) func $f) (elem (table {table}) (i32.const 1) func $f))"
            );
            load(text.as_bytes(), Features::ALL, 1).expect("a valid module")
        };
        let fixed = |table| module(table).fixed_tables().targets(TableIndex(1), TypeIndex(0)).is_some();
        assert!(fixed(1));
        assert!(!fixed(0));
        assert!(module(1).fixed_tables().targets(TableIndex(0), TypeIndex(0)).is_none());
    }
}
