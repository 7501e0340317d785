//! Profiles as bytes, to be kept by the host and brought into another process.
//!
//! A profile is of one module, whatever the processor, the engine's version and its settings. Numbers are in LEB128,
//! all that is sorted is written as differences, and there is one encoding of each profile:
//!
//!     "updprof" 0x01                      what it is, and the version
//!     length, fingerprint (16 bytes)      of the module
//!     count { function, bits, calls, indirect calls, loops }
//!     calls           count { offset, count }
//!     indirect calls  count { offset, total, count { function, count } }
//!     loops           count { offset, trips }
//!
//! A function is a difference from the one before, an offset from the operator before or from the body's start. Bit 0
//! of the bits: the function reached the top tier.
//!
//! Readers believe nothing: each offset is an operator of its kind in that function, each target a function of the
//! site's type. What is wrong is refused with its offset in the bytes.

use super::data::{FunctionRecord, ProfileData, Reach, TARGETS};
use super::{Site, each_site, fits};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::tier::profile::{CallCount, IndirectCalls, LoopTrips};
use crate::types::DefinedFunc;

/// What the bytes begin with; the last one is the version.
const MAGIC: [u8; 8] = *b"updprof\x01";

/// Bit of a function that reached the top tier.
const REACHED_TOP: u64 = 1;
/// Bit of one that got no further than to run.
const HAS_RUN: u64 = 2;

/// Writes a profile of a module.
pub fn write(module: &Module, data: &ProfileData) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put(&mut bytes, module.bytes().len() as u64);
    bytes.extend_from_slice(&fingerprint(module.bytes()));
    put(&mut bytes, data.functions.len() as u64);
    let mut next = 0;
    for (func, record) in &data.functions {
        put(&mut bytes, u64::from(func.0 - next));
        next = func.0 + 1;
        put(&mut bytes, if record.reach == Reach::Top { REACHED_TOP } else { record.reach as u64 * HAS_RUN });
        let start = module.body_range(*func).start as u32;
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

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Tells modules apart that differ by accident. (Who makes two modules alike on purpose gets advice that does not fit,
/// and nothing else.)
fn fingerprint(bytes: &[u8]) -> [u8; 16] {
    let mut lanes = [0x243f_6a88_85a3_08d3_u64, 0x1319_8a2e_0370_7344];
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        for (lane, odd) in lanes.iter_mut().zip([0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03]) {
            *lane = (*lane ^ word).wrapping_mul(odd);
            *lane ^= *lane >> 29;
        }
    }
    let [one, two] = lanes.map(u64::to_le_bytes);
    std::array::from_fn(|i| if i < 8 { one[i] } else { two[i - 8] })
}

/// Reads a profile of a module.
pub fn read(module: &Module, bytes: &[u8]) -> Result<ProfileData> {
    let mut reader = Reader { bytes, at: 0 };
    let magic = reader.take(MAGIC.len())?;
    if magic[..7] != MAGIC[..7] {
        return Err(refused(0, "it is not a profile"));
    }
    if magic[7] != MAGIC[7] {
        return Err(refused(7, &format!("its version is {}, known is {}", magic[7], MAGIC[7])));
    }
    let start = reader.at;
    let (len, own) = (reader.number()?, reader.take(16)?);
    if len != module.bytes().len() as u64 || own != fingerprint(module.bytes()) {
        return Err(refused(start, "it is of another module"));
    }
    let (start, count) = (reader.at, reader.number()?);
    if count > module.defined_func_count() as u64 {
        return Err(refused(start, "it has more functions than the module"));
    }
    let mut data = ProfileData::default();
    let mut next = 0;
    for _ in 0..count {
        let start = reader.at;
        let func = reader.number()?.saturating_add(next);
        if func >= module.defined_func_count() as u64 {
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
    Ok(data)
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

/// Reads the sites of a kind: those that follow are among the operators at `known`.
fn sites<T>(
    reader: &mut Reader<'_>,
    start: u32,
    known: &[u32],
    mut site: impl FnMut(&mut Reader<'_>, usize) -> Result<T>,
) -> Result<Vec<T>> {
    let (at, count) = (reader.at, reader.number()?);
    if count > known.len() as u64 {
        return Err(refused(at, "more operators of a kind than the function has"));
    }
    let mut found = Vec::with_capacity(count as usize);
    let mut before = None;
    for _ in 0..count {
        let at = reader.at;
        let offset = reader.number()?.checked_add(u64::from(before.unwrap_or(start)));
        let offset = offset.and_then(|offset| u32::try_from(offset).ok()).filter(|offset| before != Some(*offset));
        let position = offset.and_then(|offset| known.binary_search(&offset).ok());
        let position = position.ok_or_else(|| refused(at, "no operator of that kind is there"))?;
        before = Some(known[position]);
        found.push(site(reader, position)?);
    }
    Ok(found)
}

fn function(reader: &mut Reader<'_>, module: &Module, func: DefinedFunc) -> Result<FunctionRecord> {
    let at = reader.at;
    let reach = match reader.number()? {
        0 => Reach::Nowhere,
        HAS_RUN => Reach::Run,
        REACHED_TOP => Reach::Top,
        other => return Err(refused(at, &format!("bits {other:#x} are not known"))),
    };
    let (mut calls, mut indirect, mut types, mut loops) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    each_site(module, func, |offset, site| match site {
        Site::Call(_) => calls.push(offset),
        Site::Indirect(ty) => {
            indirect.push(offset);
            types.push(ty);
        }
        Site::Loop => loops.push(offset),
    });
    let start = module.body_range(func).start as u32;
    Ok(FunctionRecord {
        reach,
        calls: sites(reader, start, &calls, |reader, i| {
            Ok(CallCount { wasm_offset: calls[i], count: reader.count()? })
        })?,
        indirect: sites(reader, start, &indirect, |reader, i| {
            let total = reader.count()?;
            let at = reader.at;
            let count = reader.number()?;
            if count > TARGETS as u64 {
                return Err(refused(at, "too many targets"));
            }
            let mut targets: Vec<(DefinedFunc, u64)> = Vec::new();
            let mut rest = total;
            for _ in 0..count {
                let at = reader.at;
                let target = reader.number()?;
                let target = u32::try_from(target).ok().map(DefinedFunc);
                let target = target.filter(|func| func.index() < module.defined_func_count());
                let target = target.filter(|func| fits(module, *func, types[i]));
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
            Ok(IndirectCalls { wasm_offset: indirect[i], total, targets })
        })?,
        loops: sites(reader, start, &loops, |reader, i| {
            Ok(LoopTrips { wasm_offset: loops[i], trips: reader.count()? })
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{Features, decode};

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
            assert_eq!(read(&module, &write(&module, &data)).unwrap(), data);
        }
    }

    #[test]
    fn a_profile_is_refused_by_another_module() {
        let other = decode::load(b"(module (func))", Features::ALL, 1).unwrap();
        let module = module();
        let error = read(&other, &write(&module, &data(&module))).unwrap_err().to_string();
        assert_eq!(error, "invalid profile: it is of another module (at offset 0x8)");
    }

    /// Every change of a byte, and every end that comes early, is refused or gives another profile that is written back
    /// as the same bytes: nothing is ignored.
    #[test]
    fn damaged_bytes_are_refused_or_mean_something_else() {
        let module = module();
        let good = write(&module, &data(&module));
        let (mut refusals, mut others) = (0, 0);
        let mut check = |bytes: &[u8]| match read(&module, bytes) {
            Ok(data) => {
                assert_eq!(write(&module, &data), bytes);
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
