//! Writing artifacts.
//!
//! Not here: the format (`mod`).

use super::seal::{Key, Piece, Sealer, Tag};
use super::{BODY_BYTES, Identity, Image, MAGIC, PAGE_FUNCTIONS, Progress, VERSION, WASM_PAGE, hash, image, record};
use crate::bytes::put;
use crate::module::Module;
use crate::module::facts::Facts;
use crate::tier::compiled::CompiledCode;
use crate::types::DefinedFunc;

/// What is written of a module, all of whose bodies are valid.
pub struct Contents<'a> {
    /// The module.
    pub module: &'a Module,
    /// The hash of its bytes, if it is known already.
    pub hash: Option<[u8; 32]>,
    /// Whether its bytes are written, too. Else who opens the artifact must have them.
    pub wasm: Wasm,
    /// What became of each function.
    pub progress: Vec<Progress>,
    /// For each function that ran without code of the top tier, how much more work it may do before it asks for that; 0:
    /// nobody knows.
    pub budgets: Vec<u32>,
    /// Its code of the top tier, sorted.
    pub code: Vec<(DefinedFunc, CompiledCode)>,
    /// The profile, as bytes.
    pub profile: Vec<u8>,
    /// What its memories have in them at first, in place of its data segments.
    pub images: Vec<Image>,
}

/// Whether an artifact has the wasm bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wasm {
    /// It does.
    Kept,
    /// It does not.
    LeftOut,
}

/// What is known of a module once its pieces are written.
struct Written {
    directory: Vec<u8>,
    wasm: (u64, u64),
}

/// Writes an artifact of these modules.
pub fn write(identity: &Identity, key: &Key, modules: Vec<Contents<'_>>) -> Vec<u8> {
    let mut pieces = Vec::new();
    let mut context = Vec::new();
    identity.write(key, &mut context);
    let count = modules.len();
    let written: Vec<Written> =
        modules.into_iter().map(|contents| module(&mut pieces, &context, key, contents)).collect();

    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(count as u32).to_le_bytes());
    // The lengths are known at the end.
    let lengths = head.len();
    head.extend_from_slice(&[0; 16]);
    for Written { wasm: (offset, len), .. } in &written {
        head.extend_from_slice(&offset.to_le_bytes());
        head.extend_from_slice(&len.to_le_bytes());
    }
    head.extend_from_slice(&context);
    written.iter().for_each(|written| head.extend_from_slice(&written.directory));
    let end = head.len() + size_of::<Tag>();
    head[lengths..][..8].copy_from_slice(&((end + pieces.len()) as u64).to_le_bytes());
    head[lengths + 8..][..4].copy_from_slice(&(end as u32).to_le_bytes());
    let tag = key.sealer(b"root").tag(Piece::Root, 0, &head);
    head.extend_from_slice(&tag);
    head.append(&mut pieces);
    head
}

/// What authenticates the pieces of a module.
pub(super) fn sealer(key: &Key, identity: &[u8], wasm: &[u8; 32]) -> Sealer {
    let mut context = b"module".to_vec();
    context.extend_from_slice(identity);
    context.extend_from_slice(wasm);
    key.sealer(&context)
}

fn module(pieces: &mut Vec<u8>, identity: &[u8], key: &Key, contents: Contents<'_>) -> Written {
    let Contents { module, hash: known, wasm, mut progress, budgets, code, profile, images } = contents;
    let wasm_hash = known.unwrap_or_else(|| hash(module.bytes()));
    let sealer = sealer(key, identity, &wasm_hash);
    let mut directory = wasm_hash.to_vec();
    let start = pieces.len() as u64;
    put(&mut directory, start);
    put(&mut directory, module.wire().len() as u64);
    put(&mut directory, module.functions().len() as u64);
    put(&mut directory, module.defined_func_count() as u64);
    let kept = if wasm == Wasm::Kept { module.bytes() } else { &[] };
    directory.push(u8::from(wasm == Wasm::Kept));
    for (number, page) in kept.chunks(WASM_PAGE).enumerate() {
        directory.extend_from_slice(&sealer.tag(Piece::Wasm, number as u32, page));
    }
    pieces.extend_from_slice(kept);

    let mut facts = Vec::new();
    Facts::write(module, &mut facts);
    let (mut list, mut units) = (Vec::new(), Vec::new());
    image::write(&images, &sealer, &mut list, &mut units);
    for (piece, bytes) in [(Piece::Facts, facts), (Piece::Profile, profile), (Piece::Images, list)] {
        put(&mut directory, bytes.len() as u64);
        directory.extend_from_slice(&sealer.tag(piece, 0, &bytes));
        pieces.extend_from_slice(&bytes);
    }

    let (records, code) = records(&sealer, &mut progress, code);
    for (number, page) in index(&progress, &budgets, &records).iter().enumerate() {
        put(&mut directory, page.len() as u64);
        directory.extend_from_slice(&sealer.tag(Piece::Index, number as u32, page));
        pieces.extend_from_slice(page);
    }
    put(&mut directory, units.len() as u64);
    pieces.append(&mut units);
    for (number, page) in Facts::write_bodies(module).chunks(BODY_BYTES).enumerate() {
        directory.extend_from_slice(&sealer.tag(Piece::Bodies, number as u32, page));
        pieces.extend_from_slice(page);
    }
    put(&mut directory, code.len() as u64);
    pieces.extend_from_slice(&code);
    Written { directory, wasm: (start, kept.len() as u64) }
}

/// The records, with the length and tag of each.
fn records(
    sealer: &Sealer,
    progress: &mut [Progress],
    code: Vec<(DefinedFunc, CompiledCode)>,
) -> (Vec<(u32, Tag)>, Vec<u8>) {
    // Who has no record here has no code, whatever was said before.
    for progress in progress.iter_mut().filter(|progress| **progress == Progress::Top) {
        *progress = Progress::Executed;
    }
    let (mut lengths, mut bytes) = (Vec::with_capacity(code.len()), Vec::new());
    for (func, code) in code {
        let start = bytes.len();
        if record::write(&mut bytes, &code) {
            progress[func.index()] = Progress::Top;
            let record = &bytes[start..];
            lengths.push((record.len() as u32, sealer.tag(Piece::Code, func.0, record)));
        } else {
            bytes.truncate(start);
        }
    }
    (lengths, bytes)
}

/// The pages of the index.
fn index(progress: &[Progress], budgets: &[u32], records: &[(u32, Tag)]) -> Vec<Vec<u8>> {
    let mut records = records.iter();
    let mut offset = 0u64;
    let page = |(functions, budgets): (&[Progress], &[u32])| {
        let mut page = Vec::new();
        put(&mut page, offset);
        for four in functions.chunks(4) {
            page.push(four.iter().rev().fold(0, |bits, progress| bits << 2 | *progress as u8));
        }
        let with_code = functions.iter().filter(|progress| **progress == Progress::Top).count();
        for (len, tag) in records.by_ref().take(with_code) {
            put(&mut page, u64::from(*len));
            page.extend_from_slice(tag);
            offset += u64::from(*len);
        }
        for (_, budget) in functions.iter().zip(budgets).filter(|(progress, _)| **progress == Progress::Executed) {
            put(&mut page, u64::from(*budget));
        }
        page
    };
    progress.chunks(PAGE_FUNCTIONS).zip(budgets.chunks(PAGE_FUNCTIONS)).map(page).collect()
}
