//! The bytes of a module: a copy, or the host's, which are let go with the module; or such as are fetched when they are
//! needed. They stay where they are, and more may come behind them until the module is whole.
//!
//! Bodies, data segments, names and custom sections stay ranges of these bytes; nothing of them is copied. They are
//! needed as long as something may be compiled, instantiated or asked for, which is as long as the module lives.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::error::Result;
use crate::sys::bytes;
use crate::sys::lazy::LazyBytes;

/// Bytes that somebody keeps for a module, and that do not change while it does.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of a module. Cheap to clone. Taken as a slice, all of them are fetched, and zeros stand for what is lost.
#[derive(Clone)]
pub struct WireBytes(Wire);

#[derive(Clone)]
enum Wire {
    Shared(SharedBytes),
    Lazy(Arc<LazyBytes>),
}

/// A copy of bytes that may change, or go.
pub fn copied(bytes: &[u8]) -> Result<SharedBytes> {
    Ok(bytes::copy(bytes)?)
}

impl WireBytes {
    /// How many there are by now.
    pub fn len(&self) -> usize {
        match &self.0 {
            Wire::Shared(bytes) => (**bytes).as_ref().len(),
            Wire::Lazy(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A range of them, which is all that is fetched. `None`: it is not there, or lost.
    pub fn slice(&self, range: Range<usize>) -> Option<&[u8]> {
        match &self.0 {
            Wire::Shared(bytes) => (**bytes).as_ref().get(range),
            Wire::Lazy(bytes) => bytes.slice(range.start, range.end),
        }
    }

    /// As [`WireBytes::slice`]; nothing where that is `None`. For what has been read before, and bodies that are valid.
    pub fn known(&self, range: Range<usize>) -> &[u8] {
        self.slice(range).unwrap_or_default()
    }

    /// Whether a range may be read: the whole of it is there.
    pub fn has(&self, range: Range<usize>) -> bool {
        match &self.0 {
            Wire::Shared(_) => true,
            Wire::Lazy(bytes) => bytes.slice(range.start, range.end).is_some(),
        }
    }
}

impl Deref for WireBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Wire::Shared(bytes) => (**bytes).as_ref(),
            Wire::Lazy(bytes) => bytes.all(),
        }
    }
}

impl From<SharedBytes> for WireBytes {
    fn from(bytes: SharedBytes) -> WireBytes {
        WireBytes(Wire::Shared(bytes))
    }
}

impl From<Arc<LazyBytes>> for WireBytes {
    fn from(bytes: Arc<LazyBytes>) -> WireBytes {
        WireBytes(Wire::Lazy(bytes))
    }
}

impl From<Vec<u8>> for WireBytes {
    fn from(bytes: Vec<u8>) -> WireBytes {
        WireBytes(Wire::Shared(Arc::new(bytes)))
    }
}
