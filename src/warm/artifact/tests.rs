//! Artifacts as bytes: what is written is read, what is not is refused; and readers stand whatever comes, even with the key.

use std::sync::Arc;

use super::record::{self, Fit};
use super::seal::{Piece, TAG};
use super::*;
use crate::module::facts::Facts;
use crate::module::{Features, Module, decode};
use crate::tier::compiled::{
    CallKind, CallSite, CompiledCode, Edition, InlinedCall, InlinedIndex, Relocation, RelocationTarget, TrapSite,
};
use crate::trap::TrapCode;
use crate::types::{DefinedFunc, FuncIndex, MemoryIndex};

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}

fn rounds(count: usize) -> usize {
    if std::env::var_os("UPDRAFT_PROVE").is_some() { count * 100 } else { count }
}

const FUNCTIONS: usize = 300;

fn module() -> Module {
    let functions = "(func (nop) (nop) (nop) (nop))".repeat(FUNCTIONS);
    decode::load(format!("(module (import \"\" \"\" (func)) {functions})").as_bytes(), Features::ALL, 1).unwrap()
}

fn fit(module: &Module) -> Fit {
    let defined = module.defined_func_count() as u32;
    Fit { functions: module.functions().len() as u32, defined, wasm: module.bytes().len() as u32 }
}

/// Code that could be, with something of everything.
fn code(rng: &mut Rng, module: &Module) -> CompiledCode {
    let len = 40 + rng.below(400);
    let wasm = module.bytes().len();
    let inlined: Vec<InlinedCall> = (0..rng.below(4))
        .map(|position| InlinedCall {
            func: FuncIndex(rng.below(FUNCTIONS + 1) as u32),
            caller: if position == 0 { InlinedIndex::OWN } else { InlinedIndex::new(rng.below(position)) },
            wasm_offset: rng.below(wasm) as u32,
        })
        .collect();
    let mut offsets = |count: usize, most: usize| {
        let mut offsets: Vec<u32> = (0..rng.below(count + 1)).map(|_| rng.below(most) as u32).collect();
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    };
    let (traps, calls, fields) = (offsets(6, len), offsets(6, len + 1), offsets(6, len - 4));
    let mut place = |_: &u32| {
        let inside = rng.below(inlined.len() + 1);
        let inlined = if inside == 0 { InlinedIndex::OWN } else { InlinedIndex::new(inside - 1) };
        (rng.below(wasm) as u32, inlined)
    };
    let trap_sites = traps.iter().map(|offset| {
        let (wasm_offset, inlined) = place(offset);
        TrapSite { offset: *offset, wasm_offset, inlined, code: TrapCode::Unreachable }
    });
    let trap_sites: Vec<TrapSite> = trap_sites.collect();
    let call_sites = calls.iter().map(|offset| {
        let (wasm_offset, inlined) = place(offset);
        let (reference_map, handler) = (CallSite::NONE, CallSite::NONE);
        CallSite { return_offset: *offset, wasm_offset, inlined, reference_map, handler, kind: CallKind::Nested }
    });
    let call_sites: Vec<CallSite> = call_sites.collect();
    let mut target = |offset: &u32| {
        let func = DefinedFunc(rng.below(FUNCTIONS) as u32);
        let slot = rng.below(2) == 0;
        let target = if slot { RelocationTarget::Slot(func) } else { RelocationTarget::Function(func) };
        Relocation {
            offset: *offset,
            target,
            addend: if rng.below(4) == 0 { rng.below(1000) as i32 - 500 } else { -4 },
        }
    };
    let relocations = fields.iter().map(&mut target).collect();
    let entry_offset = rng.below(10) as u32;
    CompiledCode {
        bytes: (0..len).map(|_| rng.below(256) as u8).collect(),
        alignment: 16 << rng.below(3),
        starts: if rng.below(2) == 0 { 0 } else { rng.below(usize::MAX >> 16) as u64 },
        entry_offset,
        body_offset: entry_offset + rng.below(20) as u32,
        relocations,
        trap_sites,
        call_sites,
        inlined,
        frame_size: rng.below(1 << 20) as u32,
        edition: Edition::of_number(rng.below(2) as u8),
        loops: None,
    }
}

fn identity() -> Identity {
    Identity { build: [7; 16], target: "x86_64-unknown-linux-gnu".into(), cpu: 0b1011, settings: 5, features: 99 }
}

fn key() -> Key {
    Key::new(b"a key for tests")
}

/// Two images, with units of zeros and of other bytes, and a last one that is shorter.
fn images() -> Vec<Image> {
    let image = |memory: u32, len: usize, zeros: std::ops::Range<usize>| {
        let mut bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251 + memory as usize) as u8).collect();
        bytes[zeros].fill(0);
        Image { memory: MemoryIndex(memory), offset: 4096 * u64::from(memory + 1), bytes }
    };
    vec![image(0, 3 * IMAGE_UNIT + 4096, IMAGE_UNIT..2 * IMAGE_UNIT), image(2, 8192, 0..8192)]
}

/// An artifact of the module, in which every third function has code.
fn artifact(module: &Module, rng: &mut Rng) -> (Vec<u8>, Vec<(DefinedFunc, CompiledCode)>) {
    let all: Vec<(DefinedFunc, CompiledCode)> =
        (0..FUNCTIONS as u32).step_by(3).map(|func| (DefinedFunc(func), code(rng, module))).collect();
    let mut progress = vec![Progress::Lazy; FUNCTIONS];
    progress[1] = Progress::Executed;
    progress[2] = Progress::Refused;
    let contents = |wasm| Contents {
        module,
        hash: None,
        wasm,
        progress: progress.clone(),
        budgets: (0..FUNCTIONS as u32).map(|func| func * 1000).collect(),
        code: all.clone(),
        profile: b"a profile".to_vec(),
        images: images(),
    };
    (write(&identity(), &key(), vec![contents(Wasm::Kept), contents(Wasm::LeftOut)]), all)
}

fn opened(bytes: &[u8], identity: &Identity, key: &Key) -> crate::error::Result<Opened> {
    open(Store::memory(Arc::new(bytes.to_vec())), identity, key)
}

#[test]
fn what_is_written_is_read() {
    let (module, mut rng) = (module(), Rng(3));
    let (bytes, all) = artifact(&module, &mut rng);
    let opened = opened(&bytes, &identity(), &key()).unwrap();
    assert_eq!(opened.untrusted_wasm(0).as_deref(), Some(module.bytes()));
    assert_eq!(opened.untrusted_wasm(1), None);
    let parts = opened.parts.unwrap();
    assert_eq!(parts[0].wasm().as_deref(), Some(module.bytes()));
    assert!(parts[1].wasm().is_none());
    for part in parts.into_iter().map(Arc::new) {
        assert_eq!(part.hash, hash(module.bytes()));
        assert_eq!(part.profile().as_deref(), Some(&b"a profile"[..]));
        assert!(part.facts().is_some() && part.fits(FUNCTIONS + 1, FUNCTIONS, module.bytes().len()));
        let mut expected = all.iter();
        for func in (0..FUNCTIONS as u32).map(DefinedFunc) {
            let code = if func.0 % 3 == 0 { expected.next() } else { None };
            assert_eq!(part.offers(func), code.is_some());
            assert_eq!(part.load(func).as_ref(), code.map(|(_, code)| code));
            let progress = match func.0 {
                1 => Progress::Executed,
                2 => Progress::Refused,
                _ if code.is_some() => Progress::Top,
                _ => Progress::Lazy,
            };
            assert_eq!(part.progress(func), progress);
            assert_eq!(part.budget(func), (progress == Progress::Executed).then_some(func.0 * 1000));
        }
        let pages = (0..FUNCTIONS.div_ceil(BODY_PAGE)).flat_map(|page| part.bodies_page(page).unwrap());
        assert!(pages.eq(Facts::write_bodies(&module)) && part.bodies_page(FUNCTIONS).is_none());
        let kept = part.images();
        assert_eq!(kept.len(), 2);
        for (kept, image) in kept.iter().zip(images()) {
            let len = image.bytes.len();
            assert_eq!((kept.memory, kept.offset, kept.len), (image.memory, image.offset, len as u64));
            for (unit, bytes) in image.bytes.chunks(IMAGE_UNIT).enumerate() {
                let mut place = vec![0; bytes.len()];
                assert!(part.fetch_unit(kept, unit, &mut place) && place == bytes);
            }
        }
        assert_eq!(part.damaged(), 0);
        assert!(!part.fetch_unit(&kept[0], 4, &mut []) && !part.fetch_unit(&kept[0], 0, &mut [0; 7]));
        assert!(!part.offers(DefinedFunc(FUNCTIONS as u32)) && part.load(DefinedFunc(u32::MAX)).is_none());
    }
    // Equal inputs give equal bytes.
    assert!(artifact(&module, &mut Rng(3)).0 == bytes);
}

#[test]
fn each_difference_has_its_name() {
    let module = module();
    let (bytes, _) = artifact(&module, &mut Rng(5));
    let rejected = |identity: &Identity, key: &Key| opened(&bytes, identity, key).unwrap().parts.err();
    let own = identity();
    assert_eq!(rejected(&own, &key()), None);
    assert_eq!(rejected(&Identity { cpu: 0b1111, ..own.clone() }, &key()), None, "more features do no harm");
    assert_eq!(rejected(&Identity { cpu: 0b0111, ..own.clone() }, &key()), Some(Rejected::Cpu));
    assert_eq!(rejected(&Identity { build: [8; 16], ..own.clone() }, &key()), Some(Rejected::Build));
    assert_eq!(rejected(&Identity { target: "s390x".into(), ..own.clone() }, &key()), Some(Rejected::Target));
    assert_eq!(rejected(&Identity { settings: 4, ..own.clone() }, &key()), Some(Rejected::Settings));
    assert_eq!(rejected(&Identity { features: 98, ..own.clone() }, &key()), Some(Rejected::Features));
    assert_eq!(rejected(&own, &Key::new(b"another")), Some(Rejected::Key));
    let mut newer = bytes.clone();
    newer[8] += 1;
    let newer = opened(&newer, &own, &key()).unwrap();
    assert_eq!(newer.untrusted_wasm(0).as_deref(), Some(module.bytes()), "every version has it at the same place");
    assert_eq!(newer.parts.err(), Some(Rejected::Version));
    // Who says that he has our key does not have it.
    let other = Identity { settings: 4, ..own.clone() };
    assert_ne!(own.entry(&[0; 32]), other.entry(&[0; 32]));
}

/// A piece is right in one place only: of another module, function or kind it has another tag.
#[test]
fn pieces_cannot_be_moved() {
    let (one, two) = (key().sealer(b"one"), key().sealer(b"two"));
    let tag = one.tag(Piece::Code, 7, b"code");
    assert!(one.holds(Piece::Code, 7, b"code", &tag));
    assert!(!one.holds(Piece::Code, 8, b"code", &tag));
    assert!(!one.holds(Piece::Index, 7, b"code", &tag));
    assert!(!one.holds(Piece::Code, 7, b"node", &tag));
    assert!(!two.holds(Piece::Code, 7, b"code", &tag));
    for bit in 0..8 * TAG {
        let mut wrong = tag;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!one.holds(Piece::Code, 7, b"code", &wrong));
    }
}

/// Records that are damaged in any way are refused, or say something else that could be.
#[test]
fn damaged_records_are_refused_or_make_sense() {
    let (module, mut rng) = (module(), Rng(9));
    let fit = fit(&module);
    let (mut refused, mut read) = (0, 0);
    for _ in 0..rounds(40) {
        let good = code(&mut rng, &module);
        let mut bytes = Vec::new();
        assert!(record::write(&mut bytes, &good));
        assert_eq!(record::read(&bytes, fit).as_ref(), Some(&good));
        for len in 0..bytes.len() {
            assert!(record::read(&bytes[..len], fit).is_none());
        }
        for _ in 0..400 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(bytes.len());
                match rng.below(3) {
                    0 => bytes[at] ^= 1 << rng.below(8),
                    1 => bytes.insert(at, rng.below(256) as u8),
                    _ => drop(bytes.remove(at)),
                }
            }
            match record::read(&bytes, fit) {
                None => refused += 1,
                Some(code) => {
                    read += 1;
                    assert!(code.trap_sites.is_sorted_by_key(|site| site.offset));
                    assert!(code.call_sites.is_sorted_by_key(|site| site.return_offset));
                    assert!(code.trap_sites.iter().all(|site| (site.offset as usize) < code.bytes.len()));
                    assert!(code.relocations.iter().all(|field| field.offset as usize + 4 <= code.bytes.len()));
                    assert!((code.body_offset as usize) < code.bytes.len());
                    let mut again = Vec::new();
                    assert!(record::write(&mut again, &code) && again == bytes, "one encoding of each record");
                }
            }
        }
    }
    assert!(refused > 1000 && read > 1000, "{refused} {read}");
}

/// Even who has the key cannot make a reader fail: heads with any contents are opened, rejected or refused.
#[test]
fn authentic_nonsense_does_no_harm() {
    let (module, mut rng) = (module(), Rng(11));
    let (good, _) = artifact(&module, &mut rng);
    let head_len = u32::from_le_bytes(good[24..28].try_into().unwrap()) as usize;
    let (mut accepted, mut others) = (0, 0);
    for _ in 0..rounds(2000) {
        let mut bytes = good.clone();
        for _ in 0..1 + rng.below(3) {
            bytes[rng.below(head_len - TAG)] = rng.below(256) as u8;
        }
        let tag = key().sealer(b"root").tag(Piece::Root, 0, &bytes[..head_len - TAG]);
        bytes[head_len - TAG..head_len].copy_from_slice(&tag);
        match opened(&bytes, &identity(), &key()).map(|opened| opened.parts) {
            Ok(Ok(parts)) => {
                accepted += 1;
                for part in parts.into_iter().map(Arc::new) {
                    assert!(part.wasm().is_none_or(|wasm| wasm.len() < bytes.len()));
                    part.facts();
                    part.profile();
                    part.images();
                    part.bodies_page(0);
                    for func in (0..FUNCTIONS as u32 + 200).map(DefinedFunc) {
                        part.progress(func);
                        part.load(func);
                    }
                }
            }
            Ok(Err(_)) | Err(_) => others += 1,
        }
    }
    assert!(accepted > 100 && others > 100, "{accepted} {others}");
}

/// Nor can lists of images be led out of bounds.
#[test]
fn lists_of_images_are_refused_or_right() {
    let sealer = key().sealer(b"images");
    let (mut list, mut bytes) = (Vec::new(), Vec::new());
    image::write(&images(), &sealer, &mut list, &mut bytes);
    let units = 100..100 + bytes.len() as u64;
    assert_eq!(image::read(&list, units.clone()).map(|images| images.len()), Some(2));
    assert!((0..list.len()).all(|len| image::read(&list[..len], units.clone()).is_none()));
    assert!(image::read(&list, units.start..units.end - 1).is_none(), "bytes that are not there");
    let mut all = vec![0; 100];
    all.append(&mut bytes);
    let (store, mut rng, mut place) = (Store::memory(Arc::new(all)), Rng(19), vec![0; IMAGE_UNIT]);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds(3000) {
        let mut list = list.clone();
        for _ in 0..1 + rng.below(3) {
            // Mostly what is not a tag.
            let at = if rng.below(2) == 0 { rng.below(list.len()) } else { rng.below(12) };
            list[at] = if rng.below(2) == 0 { rng.below(4) as u8 } else { rng.below(256) as u8 };
        }
        let Some(images) = image::read(&list, units.clone()) else {
            refused += 1;
            continue;
        };
        read += 1;
        for image in images {
            for unit in 0..5 {
                let len = rng.below(2) * IMAGE_UNIT + rng.below(2) * 4096;
                image.fetch(&store, &sealer, unit, &mut place[..len.min(IMAGE_UNIT)]);
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} {refused}");
}
