//! Copies and fills of constant length are done in place, others by the platform: both give what a byte by byte
//! model gives, and write nothing if they trap.

use std::fmt::Write as _;

use updraft::runtime::memory::Memory;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;

use crate::common::{Fixture, MODES, Rng};

/// Around each power of two, and around the longest that is done in place.
const LENGTHS: [u32; 26] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 47, 48, 63, 64, 65, 100, 127, 128, 129];
const PAGE: u32 = 65536;

fn module() -> String {
    let mut text = String::from(
        "(module (memory (export \"m\") 1 1) (memory $wide (export \"wide\") i64 1 2)
           (func (export \"copy\") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
           (func (export \"fill\") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
           (func (export \"wide copy\") (param i64 i64 i64)
             (memory.copy $wide $wide (local.get 0) (local.get 1) (local.get 2)))
           (func (export \"wide fill\") (param i64 i32 i64)
             (memory.fill $wide (local.get 0) (local.get 1) (local.get 2)))",
    );
    for len in LENGTHS {
        let _ = write!(
            text,
            "(func (export \"copy{len}\") (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const {len})))
             (func (export \"fill{len}\") (param i32 i32) (memory.fill (local.get 0) (local.get 1) (i32.const {len})))
             (func (export \"fill{len}with\") (param i32) (memory.fill (local.get 0) (i32.const 0x1a5) (i32.const {len})))
             (func (export \"wide copy{len}\") (param i64 i64)
               (memory.copy $wide $wide (local.get 0) (local.get 1) (i64.const {len})))
             (func (export \"wide fill{len}\") (param i64 i32)
               (memory.fill $wide (local.get 0) (local.get 1) (i64.const {len})))
             (func (export \"across{len}\") (param i32 i64)
               (memory.copy 0 $wide (local.get 0) (local.get 1) (i32.const {len})))"
        );
    }
    text + ")"
}

/// A fixture with random bytes in both memories, and models of them.
struct Pair {
    fixture: Fixture,
    memories: [Memory; 2],
    models: [Vec<u8>; 2],
    name: &'static str,
}

impl Pair {
    /// Calls an export, which must do to the memories what `model` does to the models, or trap and do nothing.
    fn check(&mut self, name: &str, args: &[Val], model: impl FnOnce(&mut [Vec<u8>; 2]) -> Option<()>) {
        let context = format!("{}: {name} {args:?}", self.name);
        match model(&mut self.models) {
            Some(()) => drop(self.fixture.call(name, args).unwrap_or_else(|error| panic!("{context}: {error}"))),
            None => assert_eq!(self.fixture.trap(name, args), TrapCode::MemoryOutOfBounds, "{context}"),
        }
        for (memory, model) in self.memories.iter().zip(&self.models) {
            let mut bytes = vec![0; PAGE as usize];
            memory.read(&self.fixture.store, 0, &mut bytes).expect("in bounds");
            assert!(bytes == *model, "{context}");
        }
    }
}

fn copy(memory: &mut [u8], dst: u64, src: u64, len: u32) -> Option<()> {
    let (dst, src, len) = (usize::try_from(dst).ok()?, usize::try_from(src).ok()?, len as usize);
    let (src_end, dst_end) = (src.checked_add(len)?, dst.checked_add(len)?);
    if src_end.max(dst_end) > memory.len() {
        return None;
    }
    memory.copy_within(src..src_end, dst);
    Some(())
}

fn fill(memory: &mut [u8], dst: u64, value: u8, len: u32) -> Option<()> {
    let dst = usize::try_from(dst).ok()?;
    memory.get_mut(dst..dst.checked_add(len as usize)?)?.fill(value);
    Some(())
}

#[test]
fn copies_and_fills_of_every_length_do_what_a_model_does() {
    for mode in MODES {
        let mut rng = Rng::new(11);
        let mut fixture = Fixture::new(*mode, &module());
        let memories = ["m", "wide"].map(|name| match fixture.instance.export(&mut fixture.store, name) {
            Ok(Some(Extern::Memory(memory))) => memory,
            other => panic!("{other:?}"),
        });
        let models = [rng.bytes(PAGE as usize), rng.bytes(PAGE as usize)];
        for (memory, model) in memories.iter().zip(&models) {
            memory.write(&mut fixture.store, 0, model).expect("in bounds");
        }
        let mut pair = Pair { fixture, memories, models, name: mode.name };
        for len in LENGTHS {
            check_length(&mut pair, &mut rng, len);
        }
    }
}

fn check_length(pair: &mut Pair, rng: &mut Rng, len: u32) {
    let near = 5000 + rng.below(500) as u32;
    // Overlaps in both directions, the last bytes, one byte too many, and far away.
    let end = PAGE - len;
    let pairs = [
        (near, near),
        (near + 1, near),
        (near, near + 1),
        (near + len / 2, near),
        (near, near + len.div_ceil(2)),
        (near + len, near),
        (end, near),
        (near, end),
        (end + 1, near),
        (near, end + 1),
        (near, u32::MAX),
        (u32::MAX - len / 2, near),
    ];
    for (dst, src) in pairs {
        let (wide_dst, wide_src) = (i64::from(dst), i64::from(src));
        let (i32_dst, i32_src, length) = (dst as i32, src as i32, len as i32);
        let narrow = |models: &mut [Vec<u8>; 2]| copy(&mut models[0], dst.into(), src.into(), len);
        pair.check(&format!("copy{len}"), &[Val::I32(i32_dst), Val::I32(i32_src)], narrow);
        pair.check("copy", &[Val::I32(i32_dst), Val::I32(i32_src), Val::I32(length)], narrow);
        let wide = |models: &mut [Vec<u8>; 2]| copy(&mut models[1], dst.into(), src.into(), len);
        pair.check(&format!("wide copy{len}"), &[Val::I64(wide_dst), Val::I64(wide_src)], wide);
        pair.check("wide copy", &[Val::I64(wide_dst), Val::I64(wide_src), Val::I64(len.into())], wide);
        pair.check(&format!("across{len}"), &[Val::I32(i32_dst), Val::I64(wide_src)], |[small, wide]| {
            let source = wide.get(src as usize..)?.get(..len as usize)?;
            small.get_mut(dst as usize..)?.get_mut(..len as usize)?.copy_from_slice(source);
            Some(())
        });
        let value = rng.next() as u32;
        let narrow = |models: &mut [Vec<u8>; 2]| fill(&mut models[0], dst.into(), value as u8, len);
        pair.check(&format!("fill{len}"), &[Val::I32(i32_dst), Val::I32(value as i32)], narrow);
        pair.check("fill", &[Val::I32(i32_dst), Val::I32(value as i32), Val::I32(length)], narrow);
        pair.check(&format!("fill{len}with"), &[Val::I32(i32_dst)], |models| {
            fill(&mut models[0], dst.into(), 0xa5, len)
        });
        let wide = |models: &mut [Vec<u8>; 2]| fill(&mut models[1], dst.into(), value as u8, len);
        pair.check(&format!("wide fill{len}"), &[Val::I64(wide_dst), Val::I32(value as i32)], wide);
        pair.check("wide fill", &[Val::I64(wide_dst), Val::I32(value as i32), Val::I64(len.into())], wide);
    }
    // Sums that do not fit into 64 bits.
    for (dst, src, count) in [(-1, 0, 2), (0, -8, 16), (1, 1, -1)] {
        let args = [Val::I64(dst), Val::I64(src), Val::I64(count)];
        pair.check("wide copy", &args, |_| None);
    }
    pair.check("wide fill", &[Val::I64(-1), Val::I32(1), Val::I64(2)], |_| None);
}
