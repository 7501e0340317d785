//! Profiles as bytes, to be kept by the host and brought into another process.
//!
//! A profile is of one module, whatever the processor, the engine's version and its settings. Numbers are in LEB128,
//! all that is sorted is written as differences, and there is one encoding of each profile:
//!
//!     "updprof" 0x02                      what it is, and the version
//!     BLAKE3 of the wasm (32 bytes)       of which module
//!     count { function, reach, calls, indirect calls, loops }
//!     calls           count { offset, count }
//!     indirect calls  count { offset, total, count { function, count } }
//!     loops           count { offset, trips }
//!
//! A function is a difference from the one before, an offset from the operator before or from the body's start. The reach of
//! a function: 0 nowhere, 1 it has run, 2 it had code of the top tier.
//!
//! Readers believe nothing: each offset is an operator of its kind in that function, each target a function of the
//! site's type. What is wrong is refused with its offset in the bytes. Without the module, offsets are those in the bodies, and
//! only what can be known without it is checked: whoever brings the profile in does the rest.

use super::data::{FunctionRecord, ProfileData, Reach, TARGETS};
use super::{Site, each_site, fits};
use crate::bytes::put;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::tier::profile::{CallCount, IndirectCalls, LoopTrips};
use crate::types::{DefinedFunc, TypeIndex};

/// What the bytes begin with; the last one is the version.
const MAGIC: [u8; 8] = *b"updprof\x02";

/// What a module is known by: the hash of its bytes.
pub type Key = [u8; 32];

/// Where the body of a function begins, as the offsets of a profile count.
fn start_of(module: Option<&Module>, func: DefinedFunc) -> u32 {
    module.map_or(0, |module| module.body_range(func).start as u32)
}

/// Writes a profile of the module with this hash.
pub fn write(key: &Key, module: Option<&Module>, data: &ProfileData) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(key);
    put(&mut bytes, data.functions.len() as u64);
    let mut next = 0;
    for (func, record) in &data.functions {
        put(&mut bytes, u64::from(func.0 - next));
        next = func.0 + 1;
        put(&mut bytes, record.reach as u64);
        let start = start_of(module, *func);
        let mut before = start;
        let mut offset = |bytes: &mut Vec<u8>, at: u32, first: bool| {
            put(bytes, u64::from(at - if first { start } else { before }));
            before = at;
        };
        put(&mut bytes, record.calls.len() as u64);
        for (i, call) in record.calls.iter().enumerate() {
            offset(&mut bytes, call.wasm_offset, i == 0);
            put(&mut bytes, call.count);
        }
        put(&mut bytes, record.indirect.len() as u64);
        for (i, site) in record.indirect.iter().enumerate() {
            offset(&mut bytes, site.wasm_offset, i == 0);
            put(&mut bytes, site.total);
            put(&mut bytes, site.targets.len() as u64);
            for (target, count) in &site.targets {
                put(&mut bytes, u64::from(target.0));
                put(&mut bytes, *count);
            }
        }
        put(&mut bytes, record.loops.len() as u64);
        for (i, site) in record.loops.iter().enumerate() {
            offset(&mut bytes, site.wasm_offset, i == 0);
            put(&mut bytes, site.trips);
        }
    }
    bytes
}

/// Reads a profile of a module. `key` is what it must be known by; `None`: whoever kept the profile knows.
pub fn read(module: &Module, key: Option<&Key>, bytes: &[u8]) -> Result<ProfileData> {
    read_for(Some(module), key, bytes).map(|(_, data)| data)
}

/// Adds up profiles of one module, which need not be there. Counts stop at the largest number.
pub fn merge(profiles: &[&[u8]]) -> Result<Vec<u8>> {
    let mut merged: Option<(Key, ProfileData)> = None;
    for (number, bytes) in profiles.iter().enumerate() {
        let known = merged.as_ref().map(|(key, _)| *key);
        let read = read_for(None, known.as_ref(), bytes).map(|(key, data)| match &mut merged {
            None => merged = Some((key, data)),
            Some((_, merged)) => merged.merge(&data),
        });
        read.map_err(|error| match error {
            Error::Profile { offset, reason } => {
                Error::Profile { offset, reason: format!("number {number}: {reason}").into() }
            }
            other => other,
        })?;
    }
    let (key, data) = merged.ok_or_else(|| Error::misuse("profiles: there is none"))?;
    Ok(write(&key, None, &data))
}

/// Reads a profile, for a module if that is known, else for any, and for this hash, if there is one. Also the hash.
fn read_for(module: Option<&Module>, wanted: Option<&Key>, bytes: &[u8]) -> Result<(Key, ProfileData)> {
    let mut reader = Reader { bytes, at: 0 };
    let magic = reader.take(MAGIC.len())?;
    if magic[..7] != MAGIC[..7] {
        return Err(refused(0, "it is not a profile"));
    }
    if magic[7] != MAGIC[7] {
        return Err(refused(7, &format!("its version is {}, known is {}", magic[7], MAGIC[7])));
    }
    let mut key = Key::default();
    key.copy_from_slice(reader.take(size_of::<Key>())?);
    if wanted.is_some_and(|wanted| *wanted != key) {
        return Err(refused(MAGIC.len(), "it is of another module"));
    }
    let functions = module.map_or(u64::from(u32::MAX), |module| module.defined_func_count() as u64);
    let (start, count) = (reader.at, reader.number()?);
    if count > functions {
        return Err(refused(start, "it has more functions than the module"));
    }
    let mut data = ProfileData::default();
    let mut next = 0;
    for _ in 0..count {
        let start = reader.at;
        let func = reader.number()?.saturating_add(next);
        if func >= functions {
            return Err(refused(start, &format!("the module defines no function {func}")));
        }
        next = func + 1;
        let func = DefinedFunc(func as u32);
        let record = function(&mut reader, module, func)?;
        if record.is_empty() {
            return Err(refused(start, "a function of which nothing is known"));
        }
        data.functions.push((func, record));
    }
    if reader.at != bytes.len() {
        return Err(refused(reader.at, "bytes behind its end"));
    }
    Ok((key, data))
}

fn refused(at: usize, reason: &str) -> Error {
    Error::Profile { offset: at as u64, reason: reason.into() }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let taken = taken.ok_or_else(|| refused(self.bytes.len(), "it ends too early"))?;
        self.at += count;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64> {
        let start = self.at;
        let mut number = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            // One encoding for each number: none is cut off, and none ends in a zero that could be left out.
            if bits << shift >> shift != bits || (byte == 0 && shift != 0) {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(refused(start, "not a number"))
    }

    /// A number that counts something, and is not 0.
    fn count(&mut self) -> Result<u64> {
        let start = self.at;
        match self.number()? {
            0 => Err(refused(start, "a count of 0")),
            count => Ok(count),
        }
    }
}

/// The operators of a kind in a function: offsets, and what belongs to each. `None`: nobody knows them.
type Operators<T> = Option<Vec<(u32, T)>>;

/// Reads the sites of a kind, which must be among `known`.
fn sites<K: Copy, T>(
    reader: &mut Reader<'_>,
    start: u32,
    known: &Operators<K>,
    mut site: impl FnMut(&mut Reader<'_>, u32, Option<K>) -> Result<T>,
) -> Result<Vec<T>> {
    let (at, count) = (reader.at, reader.number()?);
    if known.as_ref().is_some_and(|known| count > known.len() as u64) {
        return Err(refused(at, "more operators of a kind than the function has"));
    }
    let mut found = Vec::new();
    let mut before = None;
    for _ in 0..count {
        let at = reader.at;
        let offset = reader.number()?.checked_add(u64::from(before.unwrap_or(start)));
        let offset = offset.and_then(|offset| u32::try_from(offset).ok()).filter(|offset| before != Some(*offset));
        let offset = offset.ok_or_else(|| refused(at, "no operator of that kind is there"))?;
        let kind = match known {
            Some(known) => match known.binary_search_by_key(&offset, |(offset, _)| *offset) {
                Ok(position) => Some(known[position].1),
                Err(_) => return Err(refused(at, "no operator of that kind is there")),
            },
            None => None,
        };
        before = Some(offset);
        found.push(site(reader, offset, kind)?);
    }
    Ok(found)
}

fn function(reader: &mut Reader<'_>, module: Option<&Module>, func: DefinedFunc) -> Result<FunctionRecord> {
    let at = reader.at;
    let reach = match reader.number()? {
        0 => Reach::Nowhere,
        1 => Reach::Run,
        2 => Reach::Top,
        other => return Err(refused(at, &format!("reach {other} is not known"))),
    };
    let (mut calls, mut indirect, mut loops): (Operators<()>, Operators<TypeIndex>, Operators<()>) = (None, None, None);
    // Most functions have run, and nothing was counted in them: their bodies are not looked at.
    let has_counts = !reader.bytes[reader.at..].starts_with(&[0; 3]);
    if let Some(module) = module.filter(|_| has_counts) {
        each_site(module, func, |offset, site| match site {
            Site::Call(_) => calls.get_or_insert_default().push((offset, ())),
            Site::Indirect(ty) => indirect.get_or_insert_default().push((offset, ty)),
            Site::Loop => loops.get_or_insert_default().push((offset, ())),
        });
        // Known, and none.
        calls.get_or_insert_default();
        indirect.get_or_insert_default();
        loops.get_or_insert_default();
    }
    let start = start_of(module, func);
    Ok(FunctionRecord {
        reach,
        calls: sites(reader, start, &calls, |reader, wasm_offset, _| {
            Ok(CallCount { wasm_offset, count: reader.count()? })
        })?,
        indirect: sites(reader, start, &indirect, |reader, wasm_offset, ty| {
            indirect_calls(reader, module, wasm_offset, ty)
        })?,
        loops: sites(reader, start, &loops, |reader, wasm_offset, _| {
            Ok(LoopTrips { wasm_offset, trips: reader.count()? })
        })?,
    })
}

fn indirect_calls(
    reader: &mut Reader<'_>,
    module: Option<&Module>,
    wasm_offset: u32,
    ty: Option<TypeIndex>,
) -> Result<IndirectCalls> {
    let total = reader.count()?;
    let at = reader.at;
    let count = reader.number()?;
    if count > TARGETS as u64 {
        return Err(refused(at, "too many targets"));
    }
    let mut targets: Vec<(DefinedFunc, u64)> = Vec::new();
    let mut rest = total;
    let can_be_called = |func: DefinedFunc| match (module, ty) {
        (Some(module), Some(ty)) => func.index() < module.defined_func_count() && fits(module, func, ty),
        _ => true,
    };
    for _ in 0..count {
        let at = reader.at;
        let target = u32::try_from(reader.number()?).ok().map(DefinedFunc).filter(|func| can_be_called(*func));
        let target = target.ok_or_else(|| refused(at, "no function that can be called there"))?;
        let at = reader.at;
        let count = reader.count()?;
        rest = rest.checked_sub(count).ok_or_else(|| refused(at, "more calls of a target than calls"))?;
        let key = |(func, count): (DefinedFunc, u64)| (std::cmp::Reverse(count), func);
        if targets.last().is_some_and(|last| key(*last) >= key((target, count)))
            || targets.iter().any(|(known, _)| *known == target)
        {
            return Err(refused(at, "targets out of order"));
        }
        targets.push((target, count));
    }
    Ok(IndirectCalls { wasm_offset, total, targets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{Features, decode};

    const KEY: Key = [7; 32];

    fn module() -> Module {
        let text = r#"(module (type $t (func)) (table 3 3 funcref) (elem (i32.const 0) 0 1 2)
            (func $a) (func $b) (func $other (param i32))
            (func (loop (call $a) (call_indirect (type $t) (i32.const 0)) (loop (call $b)))
                (call_indirect (type $t) (i32.const 1))))"#;
        decode::load(text.as_bytes(), Features::ALL, 1).unwrap()
    }

    fn data(module: &Module) -> ProfileData {
        let mut record = FunctionRecord { reach: Reach::Top, ..FunctionRecord::default() };
        let mut number = 0;
        each_site(module, DefinedFunc(3), |wasm_offset, site| {
            number += 1;
            match site {
                Site::Call(_) => record.calls.push(CallCount { wasm_offset, count: u64::MAX - number }),
                Site::Indirect(_) => {
                    let targets = vec![(DefinedFunc(1), 70), (DefinedFunc(0), number)];
                    record.indirect.push(IndirectCalls { wasm_offset, total: 1000, targets });
                }
                Site::Loop => record.loops.push(LoopTrips { wasm_offset, trips: 3 }),
            }
        });
        let top = FunctionRecord { reach: Reach::Top, ..FunctionRecord::default() };
        ProfileData { functions: vec![(DefinedFunc(0), top), (DefinedFunc(3), record)] }
    }

    #[test]
    fn what_was_written_is_read() {
        let module = module();
        for data in [data(&module), ProfileData::default()] {
            assert_eq!(read(&module, Some(&KEY), &write(&KEY, Some(&module), &data)).unwrap(), data);
        }
    }

    #[test]
    fn a_profile_is_refused_by_another_module() {
        let module = module();
        let bytes = write(&KEY, Some(&module), &data(&module));
        let error = read(&module, Some(&[8; 32]), &bytes).unwrap_err().to_string();
        assert_eq!(error, "invalid profile: it is of another module (at offset 0x8)");
        assert!(read(&module, None, &bytes).is_ok(), "whoever kept it knows");
        let mut older = bytes;
        older[7] = 1;
        let error = read(&module, None, &older).unwrap_err().to_string();
        assert_eq!(error, "invalid profile: its version is 1, known is 2 (at offset 0x7)");
    }

    #[test]
    fn profiles_are_added_up_without_their_module() {
        let module = module();
        let full = data(&module);
        let mut some = full.clone();
        some.functions[0] = (DefinedFunc(1), FunctionRecord { reach: Reach::Run, ..FunctionRecord::default() });
        some.functions[1].1.calls.remove(0);
        some.functions[1].1.indirect[0].targets = vec![(DefinedFunc(0), 9)];
        let [one, other] = [&full, &some].map(|data| write(&KEY, Some(&module), data));
        let mut expected = full.clone();
        expected.merge(&some);
        let merged = merge(&[&one, &other]).unwrap();
        assert_eq!(read(&module, Some(&KEY), &merged).unwrap(), expected);
        assert_eq!(merge(&[&one]).unwrap(), one);
        assert_eq!(merge(&[&other, &one]).unwrap(), merged);
        let foreign = write(&[8; 32], Some(&module), &full);
        let error = merge(&[&one, &foreign]).unwrap_err().to_string();
        assert_eq!(error, "invalid profile: number 1: it is of another module (at offset 0x8)");
        assert!(merge(&[]).is_err() && merge(&[&one, &[]]).is_err());
    }

    /// Every change of a byte, and every end that comes early, is refused or gives another profile that is written back
    /// as the same bytes: nothing is ignored.
    #[test]
    fn damaged_bytes_are_refused_or_mean_something_else() {
        let module = module();
        let good = write(&KEY, Some(&module), &data(&module));
        let (mut refusals, mut others) = (0, 0);
        let mut check = |bytes: &[u8]| match read(&module, Some(&KEY), bytes) {
            Ok(data) => {
                assert_eq!(write(&KEY, Some(&module), &data), bytes);
                assert_eq!(merge(&[bytes]).unwrap(), bytes);
                others += 1;
            }
            Err(Error::Profile { offset, .. }) => {
                assert!(offset <= bytes.len() as u64);
                refusals += 1;
            }
            Err(other) => panic!("{other}"),
        };
        for len in 0..good.len() {
            check(&good[..len]);
        }
        for at in 0..good.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = good.clone();
                bytes[at] = byte;
                check(&bytes);
                bytes.insert(at, good[at]);
                check(&bytes);
            }
        }
        assert!(refusals > 10_000 && others > 1_000, "{refusals} refused, {others} read");
    }
}
