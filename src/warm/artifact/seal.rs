//! Keys, and what tells bytes that we wrote from others.
//!
//! Everything is authenticated with BLAKE3 in its keyed mode. The secret is the host's, or the user's, or a random one of
//! the process; from it a key is derived for each module of an artifact, from all that its code depends on. So a piece that
//! is right elsewhere (another module, build, processor or setting; another place of the same module) is wrong here.

use std::fmt;

use crate::error::Result;
use crate::sys::random::random;

/// Bytes of a tag.
pub(super) const TAG: usize = 16;

/// What authenticates a piece.
pub(super) type Tag = [u8; TAG];

/// A secret that artifacts are authenticated with.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key of a secret, of any length.
    pub fn new(secret: &[u8]) -> Key {
        Key(blake3::derive_key("updraft 2026-11-20 key of artifacts", secret))
    }

    /// A key that nobody else has.
    pub fn random() -> Result<Key> {
        Ok(Key(random()?))
    }

    /// A number that tells keys apart, and nothing about them.
    pub(super) fn id(&self) -> Tag {
        self.sealer(b"id").tag(Piece::Root, 0, &[])
    }

    /// What authenticates pieces in this context.
    pub(super) fn sealer(&self, context: &[u8]) -> Sealer {
        Sealer(*blake3::keyed_hash(&self.0, context).as_bytes())
    }
}

/// What a piece is.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Piece {
    Root = 0,
    Wasm = 1,
    Facts = 2,
    Index = 3,
    Code = 4,
    Profile = 5,
    Images = 6,
    Unit = 7,
    Bodies = 8,
}

/// Authenticates pieces in one context.
#[derive(Clone)]
pub(super) struct Sealer([u8; 32]);

impl Sealer {
    /// The tag of the piece with this number of its kind.
    pub(super) fn tag(&self, piece: Piece, number: u32, bytes: &[u8]) -> Tag {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // What and where comes last, so that the bytes are hashed in whole blocks.
        hasher.update(bytes);
        let [a, b, c, d] = number.to_le_bytes();
        hasher.update(&[piece as u8, a, b, c, d]);
        let mut tag = [0; TAG];
        hasher.finalize_xof().fill(&mut tag);
        tag
    }

    /// Whether this is the tag. (Takes the same time whichever bytes differ.)
    pub(super) fn holds(&self, piece: Piece, number: u32, bytes: &[u8], tag: &Tag) -> bool {
        let own = self.tag(piece, number, bytes);
        own.iter().zip(tag).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }
}

/// The hash by which a module is known.
pub fn hash(wasm: &[u8]) -> [u8; 32] {
    *blake3::hash(wasm).as_bytes()
}
