//! The code of one function, before linking, as bytes.
//!
//!     alignment, starts, entry, body - entry, frame size, length
//!     trap sites   count { offset, wasm offset, inlined, code }
//!     call sites   count { return offset, wasm offset, inlined }
//!     inlined      count { function, caller, wasm offset }
//!     relocations  length, as `code/kept.rs` packs them
//!     code
//!
//! Numbers are in LEB128. What is sorted is written as differences from the one before; wasm offsets are zigzag differences.
//!
//! Readers check that all of it fits together and the module, also after authentication: a record is then one that a
//! compiler could have made, so that nothing that uses it can be led out of bounds.

use crate::bytes::{Reader, put, put_signed};
use crate::code::kept;
use crate::tier::compiled::{CallKind, CallSite, CompiledCode, Edition, InlinedCall, InlinedIndex, TrapSite};
use crate::trap::TrapCode;
use crate::types::FuncIndex;

/// Bytes of a function's code, at most: positions are 32 bits wide.
const MAX_CODE: u32 = 1 << 30;

/// Wasm offsets, each near the one before.
#[derive(Default)]
struct Near(u32);

impl Near {
    fn put(&mut self, out: &mut Vec<u8>, offset: u32) {
        put_signed(out, i64::from(offset) - i64::from(self.0));
        self.0 = offset;
    }

    fn get(&mut self, reader: &mut Reader<'_>) -> Option<u32> {
        self.0 = u32::try_from(reader.signed()?.checked_add(i64::from(self.0))?).ok()?;
        Some(self.0)
    }
}

/// 0 for the unit's own function.
fn put_inlined(out: &mut Vec<u8>, inlined: InlinedIndex) {
    put(out, inlined.position().map_or(0, |position| position as u64 + 1));
}

fn get_inlined(reader: &mut Reader<'_>, count: usize) -> Option<InlinedIndex> {
    match reader.number()? {
        0 => Some(InlinedIndex::OWN),
        position if position <= count as u64 => Some(InlinedIndex::new(position as usize - 1)),
        _ => None,
    }
}

/// Appends the record of code of the top tier. False: it has something that no such code has.
pub(super) fn write(out: &mut Vec<u8>, code: &CompiledCode) -> bool {
    let plain = |site: &CallSite| {
        (site.reference_map, site.handler, site.kind) == (CallSite::NONE, CallSite::NONE, CallKind::Nested)
    };
    if code.loops.is_some() || !code.call_sites.iter().all(plain) {
        return false;
    }
    put(out, u64::from(code.alignment.max(1).trailing_zeros()) << 1 | u64::from(code.edition.number()));
    put(out, code.starts);
    put(out, code.entry_offset.into());
    put(out, (code.body_offset - code.entry_offset).into());
    put(out, code.frame_size.into());
    put(out, code.bytes.len() as u64);
    let mut near = Near::default();
    put(out, code.inlined.len() as u64);
    for call in &code.inlined {
        put(out, call.func.0.into());
        put_inlined(out, call.caller);
        near.put(out, call.wasm_offset);
    }
    put(out, code.trap_sites.len() as u64);
    let mut before = 0;
    for site in &code.trap_sites {
        put(out, (site.offset - before).into());
        before = site.offset;
        near.put(out, site.wasm_offset);
        put_inlined(out, site.inlined);
        out.push(site.code as u8);
    }
    put(out, code.call_sites.len() as u64);
    before = 0;
    for site in &code.call_sites {
        put(out, (site.return_offset - before).into());
        before = site.return_offset;
        near.put(out, site.wasm_offset);
        put_inlined(out, site.inlined);
    }
    let relocations = kept::pack(&code.relocations);
    put(out, relocations.len() as u64);
    out.extend_from_slice(&relocations);
    out.extend_from_slice(&code.bytes);
    true
}

/// What a record must fit.
#[derive(Clone, Copy)]
pub(super) struct Fit {
    /// Functions of the module, imported ones first.
    pub functions: u32,
    /// Functions that it defines.
    pub defined: u32,
    /// Bytes of the module.
    pub wasm: u32,
}

/// Reads a record.
pub(super) fn read(bytes: &[u8], fit: Fit) -> Option<CompiledCode> {
    let mut reader = Reader(bytes);
    let reader = &mut reader;
    let place = reader.number().filter(|place| *place >> 1 <= 12)?;
    let (alignment, edition) = (1u32 << (place >> 1), Edition::of_number(place as u8));
    let starts = reader.number()?;
    let entry_offset = reader.u32()?;
    let body_offset = entry_offset.checked_add(reader.u32()?)?;
    let frame_size = reader.u32()?;
    let len = reader.u32().filter(|len| *len <= MAX_CODE && body_offset < *len)?;
    let mut near = Near::default();
    let in_wasm = |offset: u32| (offset < fit.wasm).then_some(offset);

    let count = reader.count().filter(|count| *count < usize::from(u16::MAX))?;
    let mut inlined = Vec::with_capacity(count);
    for position in 0..count {
        let func = reader.u32().filter(|func| *func < fit.functions).map(FuncIndex)?;
        // Each behind the one around it, so that looking outwards ends.
        let caller = get_inlined(reader, position)?;
        inlined.push(InlinedCall { func, caller, wasm_offset: in_wasm(near.get(reader)?)? });
    }

    let count = reader.count()?;
    let mut trap_sites: Vec<TrapSite> = Vec::with_capacity(count);
    let mut before = 0u32;
    for _ in 0..count {
        let step = reader.u32()?;
        before = before.checked_add(step).filter(|offset| *offset < len)?;
        let wasm_offset = in_wasm(near.get(reader)?)?;
        let site_inlined = get_inlined(reader, inlined.len())?;
        let code = TrapCode::from_number(reader.byte()?)?;
        trap_sites.push(TrapSite { offset: before, wasm_offset, inlined: site_inlined, code });
    }

    let count = reader.count()?;
    let mut call_sites: Vec<CallSite> = Vec::with_capacity(count);
    before = 0;
    for _ in 0..count {
        let step = reader.u32()?;
        // The return address may be just behind the code.
        before = before.checked_add(step).filter(|offset| *offset <= len)?;
        let wasm_offset = in_wasm(near.get(reader)?)?;
        let site_inlined = get_inlined(reader, inlined.len())?;
        call_sites.push(CallSite {
            return_offset: before,
            wasm_offset,
            inlined: site_inlined,
            reference_map: CallSite::NONE,
            handler: CallSite::NONE,
            kind: CallKind::Nested,
        });
    }

    let packed = reader.count()?;
    let relocations = kept::unpack(reader.take(packed)?, len, fit.defined)?;
    let bytes = reader.take(len as usize)?.to_vec();
    if !reader.is_empty() {
        return None;
    }
    Some(CompiledCode {
        bytes,
        alignment,
        starts,
        entry_offset,
        body_offset,
        relocations,
        trap_sites,
        call_sites,
        inlined,
        frame_size,
        loops: None,
        edition,
    })
}
