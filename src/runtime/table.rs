//! Tables.
//!
//! Elements are 8 bytes: the address of a function's reference, or the number of an external one. The
//! elements belong to the table object; the `VmTable` that machine code reads lives in the instance that
//! defines the table, or in a box if the host made it.

use std::alloc::{Layout, alloc_zeroed};

use super::store::{Handle, Store, StoreInner, StoreLimits};
use super::value::Val;
use crate::abi::vmctx::VmTable;
use crate::error::{Error, Result};
use crate::types::{IndexType, TableType};

/// A table of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table(pub Handle);

/// What the store keeps about a table.
pub(super) struct TableObject {
    pub(super) ty: TableType,
    elements: Vec<u64>,
    definition: *mut VmTable,
    /// The instance that defines it, which keeps `definition` alive.
    pub(super) owner: Option<u32>,
    /// Keeps `definition` alive if the host made the table.
    #[allow(dead_code)]
    own: Option<Box<VmTable>>,
}

impl TableObject {
    /// A table of `ty.min` elements. Without a definition it makes its own.
    pub(super) fn new(
        ty: TableType,
        init: u64,
        limits: &StoreLimits,
        place: Option<(*mut VmTable, u32)>,
    ) -> Result<TableObject> {
        let limit = limits.table_elements;
        if ty.min > limit {
            return Err(Error::Limit { what: "table elements", asked: ty.min, limit });
        }
        let mut elements = nulls(ty.min as usize)?;
        if init != 0 {
            elements.fill(init);
        }
        let (definition, owner, own) = match place {
            Some((definition, owner)) => (definition, Some(owner), None),
            None => {
                let mut own = Box::new(VmTable { base: std::ptr::null_mut(), length: 0 });
                (&raw mut *own, None, Some(own))
            }
        };
        let mut table = TableObject { ty, elements, definition, owner, own };
        table.publish();
        Ok(table)
    }

    /// Tells machine code where the elements are.
    fn publish(&mut self) {
        // SAFETY: the definition is alive, and only this thread uses the store.
        unsafe { *self.definition = VmTable { base: self.elements.as_mut_ptr(), length: self.elements.len() } };
    }

    /// What importers point to.
    pub(super) fn definition(&self) -> *mut VmTable {
        self.definition
    }

    pub(super) fn elements(&self) -> &[u64] {
        &self.elements
    }

    pub(super) fn elements_mut(&mut self) -> &mut [u64] {
        &mut self.elements
    }

    /// The type, with the current size as its minimum.
    pub(super) fn current_type(&self) -> TableType {
        TableType { min: self.elements.len() as u64, ..self.ty }
    }

    /// The old size, or None if the table cannot grow so far.
    pub(super) fn grow(&mut self, delta: u64, init: u64, limits: &StoreLimits) -> Option<u64> {
        let old = self.elements.len() as u64;
        let by_index = if self.ty.index == IndexType::I32 { u64::from(u32::MAX) } else { u64::MAX };
        let max = self.ty.max.unwrap_or(u64::MAX).min(limits.table_elements).min(by_index);
        let new = old.checked_add(delta).filter(|new| *new <= max)?;
        reserve(&mut self.elements, delta as usize).ok()?;
        self.elements.resize(new as usize, init);
        self.publish();
        Some(old)
    }
}

/// This many null elements: pages that nobody writes take no memory, so that a module cannot have gigabytes
/// touched by declaring tables.
fn nulls(count: usize) -> Result<Vec<u64>> {
    let out_of_memory = || Error::System { what: MEMORY, source: std::io::ErrorKind::OutOfMemory.into() };
    if count == 0 {
        return Ok(Vec::new());
    }
    let layout = Layout::array::<u64>(count).map_err(|_| out_of_memory())?;
    // SAFETY: the layout has a size, as there are elements.
    let elements = unsafe { alloc_zeroed(layout) }.cast::<u64>();
    if elements.is_null() {
        return Err(out_of_memory());
    }
    // SAFETY: allocated by the global allocator with this layout, and zero is a valid element.
    Ok(unsafe { Vec::from_raw_parts(elements, count, count) })
}

/// What could not be had.
const MEMORY: &str = "memory for a table";

fn reserve(elements: &mut Vec<u64>, count: usize) -> Result<()> {
    elements
        .try_reserve(count)
        .map_err(|_| Error::System { what: MEMORY, source: std::io::ErrorKind::OutOfMemory.into() })
}

impl Table {
    /// A table made by the host, each element `init`.
    pub fn new(store: &mut Store, ty: TableType, init: Val) -> Result<Table> {
        let inner = store.inner_mut();
        check_type(ty, &init)?;
        if !ty.element.is_ref() {
            return Err(Error::misuse(format!("type: a table cannot hold {}", ty.element)));
        }
        if ty.max.is_some_and(|max| max < ty.min) {
            return Err(Error::misuse("type: the maximum is below the minimum"));
        }
        inner.make_room(1);
        inner.check_count("tables alive", inner.limits.tables, |store| store.tables.live())?;
        let table = TableObject::new(ty, inner.to_raw_reference(&init)?, &inner.limits, None)?;
        let index = inner.tables.insert(table, 1)?;
        Ok(Table(inner.tables.handle(index)))
    }

    /// The type, with the current size as its minimum.
    pub fn ty(self, store: &Store) -> Result<TableType> {
        Ok(store.inner().tables.get(self.0)?.current_type())
    }

    /// Number of elements.
    pub fn size(self, store: &Store) -> Result<u64> {
        Ok(store.inner().tables.get(self.0)?.elements.len() as u64)
    }

    /// The element, or None if `index` is out of bounds. A reference is a new handle.
    pub fn get(self, store: &mut Store, index: u64) -> Result<Option<Val>> {
        let inner = store.inner_mut();
        let table = inner.tables.get(self.0)?;
        let ty = table.ty.element;
        let Some(raw) = usize::try_from(index).ok().and_then(|index| table.elements.get(index)).copied() else {
            return Ok(None);
        };
        // SAFETY: a table holds references of its type.
        unsafe { inner.reference_from_raw(ty, raw) }.map(Some)
    }

    /// Sets the element; false if `index` is out of bounds.
    pub fn set(self, store: &mut Store, index: u64, value: Val) -> Result<bool> {
        let inner = store.inner_mut();
        let raw = inner.to_raw_reference(&value)?;
        let table = inner.tables.get_mut(self.0)?;
        check_type(table.ty, &value)?;
        let element = usize::try_from(index).ok().and_then(|index| table.elements.get_mut(index));
        Ok(element.map(|element| *element = raw).is_some())
    }

    /// The old size, or None if the table cannot grow so far.
    pub fn grow(self, store: &mut Store, delta: u64, init: Val) -> Result<Option<u64>> {
        let inner: &mut StoreInner = store.inner_mut();
        let raw = inner.to_raw_reference(&init)?;
        let limits = inner.limits;
        let table = inner.tables.get_mut(self.0)?;
        check_type(table.ty, &init)?;
        Ok(table.grow(delta, raw, &limits))
    }
}

fn check_type(ty: TableType, value: &Val) -> Result<()> {
    if value.ty() == ty.element || !ty.element.is_ref() {
        return Ok(());
    }
    Err(Error::misuse(format!("value: a {} given, the table holds {}", value.ty(), ty.element)))
}
