//! Opening artifacts, and taking code out of them.
//!
//! Not here: the format, and what is believed (`mod`).

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::record::{self, Fit};
use super::seal::{Key, Piece, Sealer, TAG, Tag};
use super::write::sealer;
use super::{
    BODY_BYTES, ENTRY, FIXED, Identity, KeptImage, MAGIC, MAX_MODULES, PAGE_FUNCTIONS, Progress, Rejected, Store,
    VERSION, WASM_PAGE, image,
};
use crate::bytes::Reader;
use crate::error::{Error, Result};
use crate::module::WireBytes;
use crate::module::facts::Facts;
use crate::module::tables::BODY_PAGE;
use crate::sync::get_or_make;
use crate::sys::lazy::LazyBytes;
use crate::tier::compiled::CompiledCode;
use crate::types::DefinedFunc;

/// Bytes of a head, at most: that of a thousand large modules.
const MAX_HEAD: u32 = 256 << 20;

/// An artifact that was opened.
pub struct Opened {
    store: Arc<Store>,
    /// Where the wasm of each module is, authenticated or not. Empty: it is not kept.
    wasm: Vec<Range<u64>>,
    /// What it has besides, or why that is not used.
    pub parts: Result<Vec<Part>, Rejected>,
    /// The target that it is for, if it says so.
    pub target: Option<Box<str>>,
}

/// What an artifact has of a module besides the wasm. Authenticated as far as it was looked at.
pub struct Part {
    store: Arc<Store>,
    sealer: Sealer,
    /// The hash of its wasm.
    pub hash: [u8; 32],
    wasm: Range<u64>,
    wasm_tags: Vec<u8>,
    facts: Sealed,
    profile: Sealed,
    images: Sealed,
    index: Vec<Sealed>,
    /// Where the records are.
    code: Range<u64>,
    /// Where the units of images are.
    units: Range<u64>,
    /// Where it says where the bodies are, a page of functions at a time.
    bodies: Range<u64>,
    body_tags: Vec<u8>,
    fit: Fit,
    pages: Box<[OnceLock<Option<Box<Page>>>]>,
    damaged: Arc<AtomicU64>,
}

/// A piece: where it is, and its tag.
struct Sealed {
    range: Range<u64>,
    tag: Tag,
}

/// A page of the index.
struct Page {
    progress: [Progress; PAGE_FUNCTIONS],
    /// By function: how much more work it may do before it asks for the top tier; 0: nobody knows.
    budgets: [u32; PAGE_FUNCTIONS],
    /// By position among those with code: where the record is.
    records: Vec<Sealed>,
    /// For each function its position there, if it has code.
    positions: [u8; PAGE_FUNCTIONS],
    /// A bit for each function whose record is of no use.
    useless: [AtomicU64; PAGE_FUNCTIONS / 64],
}

const NO_RECORD: u8 = u8::MAX;

fn refused(reason: &str) -> Error {
    Error::Artifact { reason: reason.into() }
}

/// Opens an artifact that was made, or may have been made, by an engine of this identity with this key. Fails if it is
/// not an artifact at all; one of which only the wasm can be used is none the less opened.
pub fn open(store: Store, identity: &Identity, key: &Key) -> Result<Opened> {
    let store = Arc::new(store);
    let fixed = store.read(0, FIXED).ok_or_else(|| refused("it is shorter than a head"))?;
    let mut reader = Reader(&fixed);
    let (magic, version, modules, len, head_len, zero) =
        (reader.take(8), reader.word(), reader.word(), reader.long(), reader.word(), reader.word());
    if magic != Some(MAGIC) {
        return Err(refused("it does not begin as one"));
    }
    let modules = modules.unwrap_or(0) as usize;
    let tables = FIXED + modules.min(MAX_MODULES) * ENTRY;
    let head_len = head_len.filter(|len| (tables as u32 + TAG as u32..=MAX_HEAD).contains(len));
    let head = head_len.and_then(|len| store.read(0, len as usize));
    let head = head.filter(|_| len == Some(store.len()) && zero == Some(0) && (1..=MAX_MODULES).contains(&modules));
    let head = head.ok_or_else(|| refused("its lengths do not fit"))?;

    let base = head.len() as u64;
    let mut reader = Reader(&head[FIXED..]);
    let mut wasm = Vec::with_capacity(modules);
    for _ in 0..modules {
        let range = reader.long().zip(reader.long()).and_then(|(at, len)| {
            let start = at.checked_add(base)?;
            let end = start.checked_add(len).filter(|end| *end <= store.len())?;
            u32::try_from(len).ok().map(|_| start..end)
        });
        wasm.push(range.ok_or_else(|| refused("its modules lie outside of it"))?);
    }
    let (mut parts, mut target) = (Err(Rejected::Version), None);
    if version == Some(VERSION) {
        let (sealed, tag) = head.split_at(head.len() - TAG);
        let mut reader = Reader(&sealed[tables..]);
        target = read_target(reader);
        parts = check(&mut reader, identity, key).and_then(|()| {
            let holds = tag.try_into().is_ok_and(|tag| key.sealer(b"root").holds(Piece::Root, 0, sealed, tag));
            let context = &sealed[tables..sealed.len() - reader.0.len()];
            let read = || wasm.iter().map(|wasm| part(&mut reader, &store, base, wasm, key, context)).collect();
            let parts: Option<Vec<Part>> = holds.then(read).flatten();
            parts.filter(|_| reader.is_empty()).ok_or(Rejected::Damaged)
        });
    }
    Ok(Opened { store, wasm, parts, target })
}

fn read_target(mut reader: Reader<'_>) -> Option<Box<str>> {
    reader.take(32)?;
    for _ in 0..3 {
        reader.number()?;
    }
    let len = reader.count().filter(|len| *len <= 128)?;
    Some(std::str::from_utf8(reader.take(len)?).ok()?.into())
}

/// Compares the identity of an artifact with an engine's, field by field. (What a liar says of his bytes can only have them
/// rejected: that they are ours, the tag says.)
fn check(reader: &mut Reader<'_>, own: &Identity, key: &Key) -> Result<(), Rejected> {
    let target = read_target(*reader).ok_or(Rejected::Damaged)?;
    let mut fields = || {
        let (build, key) = (reader.array::<16>()?, reader.array::<TAG>()?);
        let fields = (build, key, reader.number()?, reader.number()?, reader.number()?);
        let len = reader.count()?;
        reader.take(len)?;
        Some(fields)
    };
    let (build, key_id, cpu, settings, features) = fields().ok_or(Rejected::Damaged)?;
    match () {
        _ if target != own.target => Err(Rejected::Target),
        _ if build != own.build => Err(Rejected::Build),
        _ if cpu & !own.cpu != 0 => Err(Rejected::Cpu),
        _ if settings != own.settings => Err(Rejected::Settings),
        _ if features != own.features => Err(Rejected::Features),
        _ if key_id != key.id() => Err(Rejected::Key),
        _ => Ok(()),
    }
}

/// Reads a module's part of a directory that is authenticated.
fn part(
    reader: &mut Reader<'_>,
    store: &Arc<Store>,
    base: u64,
    wasm: &Range<u64>,
    key: &Key,
    context: &[u8],
) -> Option<Part> {
    let hash = reader.array::<32>()?;
    let mut next = reader.number()?.checked_add(base)?;
    let mut range = |len: u64| {
        let start = next;
        next = next.checked_add(len).filter(|end| *end <= store.len())?;
        Some(start..next)
    };
    let wasm_len = reader.u32()?;
    let fit = Fit { functions: reader.u32()?, defined: reader.u32()?, wasm: wasm_len };
    let is_kept = reader.byte()? == 1;
    let kept = if is_kept { wasm_len as usize } else { 0 };
    let wasm_tags = reader.take(kept.div_ceil(WASM_PAGE) * TAG)?.to_vec();
    if range(kept as u64)? != *wasm {
        return None;
    }
    let mut sealed = |reader: &mut Reader<'_>| {
        let range = range(reader.number()?)?;
        Some(Sealed { range, tag: reader.array()? })
    };
    let (facts, profile, images) = (sealed(reader)?, sealed(reader)?, sealed(reader)?);
    let pages = (fit.defined as usize).div_ceil(PAGE_FUNCTIONS);
    let index: Vec<Sealed> = (0..pages).map(|_| sealed(reader)).collect::<Option<_>>()?;
    let units = range(reader.number()?)?;
    let bodies = range(8 * u64::from(fit.defined))?;
    let body_tags = reader.take((fit.defined as usize).div_ceil(BODY_PAGE) * TAG)?.to_vec();
    let code = range(reader.number()?)?;
    Some(Part {
        store: store.clone(),
        sealer: sealer(key, context, &hash),
        hash,
        wasm: wasm.clone(),
        wasm_tags,
        facts,
        profile,
        images,
        index,
        code,
        units,
        bodies,
        body_tags,
        fit,
        pages: (0..pages).map(|_| OnceLock::new()).collect(),
        damaged: Arc::default(),
    })
}

impl Opened {
    /// How many modules it has.
    pub fn modules(&self) -> usize {
        self.wasm.len()
    }

    /// The wasm of a module, which nobody has authenticated. `None`: it is not kept, or cannot be read.
    pub fn untrusted_wasm(&self, module: usize) -> Option<Vec<u8>> {
        let range = self.wasm.get(module).filter(|range| !range.is_empty())?;
        self.store.read(range.start, (range.end - range.start) as usize)
    }
}

impl Part {
    /// The wasm, each page of which is read and authenticated when it is needed. `None`: it is not kept, or there is no
    /// memory for it.
    pub fn wasm(&self) -> Option<WireBytes> {
        let Range { start, end } = self.wasm;
        let len = (end - start) as usize;
        if len == 0 {
            return None;
        }
        let (store, sealer, damaged) = (self.store.clone(), self.sealer.clone(), self.damaged.clone());
        let tags = self.wasm_tags.clone();
        let fetch = move |page: usize, place: &mut [u8]| {
            let tag = tags.chunks_exact(TAG).nth(page).and_then(|tag| tag.try_into().ok());
            let at = start + (page * WASM_PAGE) as u64;
            let is_ours = store.read_into(at, place).is_some()
                && tag.is_some_and(|tag| sealer.holds(Piece::Wasm, page as u32, place, tag));
            // Relaxed: a statistic.
            damaged.fetch_add((!is_ours).into(), Ordering::Relaxed);
            is_ours
        };
        Some(Arc::new(LazyBytes::new(len, WASM_PAGE, Box::new(fetch)).ok()?).into())
    }

    /// Functions that the module defines.
    pub fn defined(&self) -> usize {
        self.fit.defined as usize
    }

    /// Whether it is of a module like this.
    pub fn fits(&self, functions: usize, defined: usize, wasm: usize) -> bool {
        (self.fit.functions as usize, self.fit.defined as usize, self.fit.wasm as usize) == (functions, defined, wasm)
    }

    /// What validation found out.
    pub fn facts(self: &Arc<Part>) -> Option<Facts> {
        let part = self.clone();
        Facts::read(&self.facts_bytes()?, self.defined(), Arc::new(move |page| part.bodies_page(page)))
    }

    fn facts_bytes(&self) -> Option<Vec<u8>> {
        self.piece(Piece::Facts, 0, &self.facts)
    }

    /// Where the bodies of a page of functions are.
    pub(super) fn bodies_page(&self, page: usize) -> Option<Vec<u8>> {
        let tag = self.body_tags.as_chunks::<TAG>().0.get(page)?;
        let start = self.bodies.start + (page * BODY_BYTES) as u64;
        let range = start..(start + BODY_BYTES as u64).min(self.bodies.end);
        self.piece(Piece::Bodies, page as u32, &Sealed { range, tag: *tag })
    }

    /// The profile, as bytes.
    pub fn profile(&self) -> Option<Vec<u8>> {
        self.piece(Piece::Profile, 0, &self.profile)
    }

    /// What memories have in them at first, if it is kept.
    pub fn images(&self) -> Vec<KeptImage> {
        let list = self.piece(Piece::Images, 0, &self.images);
        let images = list.and_then(|list| {
            let images = image::read(&list, self.units.clone());
            if images.is_none() {
                self.note_damage();
            }
            images
        });
        images.unwrap_or_default()
    }

    /// Reads a unit of an image to its place, which holds zeros. False: it is not what was written.
    pub fn fetch_unit(&self, image: &KeptImage, unit: usize, place: &mut [u8]) -> bool {
        let is_there = image.fetch(&self.store, &self.sealer, unit, place).is_some();
        if !is_there {
            self.note_damage();
        }
        is_there
    }

    /// A copy of a piece that is what was written.
    fn piece(&self, piece: Piece, number: u32, sealed: &Sealed) -> Option<Vec<u8>> {
        let len = (sealed.range.end - sealed.range.start) as usize;
        let bytes = self.store.read(sealed.range.start, len);
        let bytes = bytes.filter(|bytes| self.sealer.holds(piece, number, bytes, &sealed.tag));
        if bytes.is_none() {
            self.note_damage();
        }
        bytes
    }

    fn note_damage(&self) {
        // Relaxed: a statistic.
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Pieces that were not what was written.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Bytes of all records.
    pub fn code_bytes(&self) -> u64 {
        self.code.end - self.code.start
    }

    fn page(&self, func: DefinedFunc) -> Option<(&Page, usize)> {
        let number = func.index() / PAGE_FUNCTIONS;
        let page = get_or_make(self.pages.get(number)?, || {
            let bytes = self.piece(Piece::Index, number as u32, &self.index[number])?;
            let page = self.parse_page(number, &bytes);
            if page.is_none() {
                self.note_damage();
            }
            page.map(Box::new)
        });
        Some((page.as_deref()?, func.index() % PAGE_FUNCTIONS))
    }

    fn parse_page(&self, number: usize, bytes: &[u8]) -> Option<Page> {
        let mut reader = Reader(bytes);
        let count = PAGE_FUNCTIONS.min(self.defined() - number * PAGE_FUNCTIONS);
        let mut at = reader.number()?.checked_add(self.code.start)?;
        let mut page = Page {
            progress: [Progress::Lazy; PAGE_FUNCTIONS],
            budgets: [0; PAGE_FUNCTIONS],
            records: Vec::new(),
            positions: [NO_RECORD; PAGE_FUNCTIONS],
            useless: [const { AtomicU64::new(0) }; PAGE_FUNCTIONS / 64],
        };
        let bits = reader.take(count.div_ceil(4))?;
        for func in 0..count {
            page.progress[func] = Progress::from_bits(bits[func / 4] >> (func % 4 * 2));
            if page.progress[func] == Progress::Top {
                let start = at;
                at = at.checked_add(reader.number()?).filter(|end| *end <= self.code.end)?;
                page.positions[func] = page.records.len() as u8;
                page.records.push(Sealed { range: start..at, tag: reader.array()? });
            }
        }
        for func in (0..count).filter(|func| page.progress[*func] == Progress::Executed) {
            page.budgets[func] = reader.u32()?;
        }
        reader.is_empty().then_some(page)
    }

    /// What became of a function.
    pub fn progress(&self, func: DefinedFunc) -> Progress {
        self.page(func).map_or(Progress::Lazy, |(page, position)| page.progress[position])
    }

    /// How much more work a function without code of the top tier may do before it asks for that, if it is known.
    pub fn budget(&self, func: DefinedFunc) -> Option<u32> {
        let (page, position) = self.page(func)?;
        Some(page.budgets[position]).filter(|budget| *budget != 0)
    }

    /// Whether there is code of a function, as far as is known.
    pub fn offers(&self, func: DefinedFunc) -> bool {
        self.page(func).is_some_and(|(page, position)| {
            // Relaxed: who misses it finds out by itself.
            let useless = page.useless[position / 64].load(Ordering::Relaxed) >> (position % 64) & 1;
            page.positions[position] != NO_RECORD && useless == 0
        })
    }

    /// The code of a function. `None`: there is none, or it is not what was written; then it is not offered any more.
    pub fn load(&self, func: DefinedFunc) -> Option<CompiledCode> {
        let (page, position) = self.page(func)?;
        let sealed = page.records.get(usize::from(page.positions[position]))?;
        let code = self.piece(Piece::Code, func.0, sealed).and_then(|bytes| {
            let code = record::read(&bytes, self.fit);
            if code.is_none() {
                self.note_damage();
            }
            code
        });
        if code.is_none() {
            // Relaxed: see `offers`.
            page.useless[position / 64].fetch_or(1 << (position % 64), Ordering::Relaxed);
        }
        code
    }
}
