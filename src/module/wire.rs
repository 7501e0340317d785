//! The bytes of a module: a copy, or the host's, which are let go with the module. They stay where they are, and more may
//! come behind them until the module is whole.
//!
//! Bodies, data segments, names and custom sections stay ranges of these bytes; nothing of them is copied. They are
//! needed as long as something may be compiled, instantiated or asked for, which is as long as the module lives.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::Result;
use crate::sys::bytes;

/// Bytes that somebody keeps for a module, and that do not change while it does.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of a module. Cheap to clone.
#[derive(Clone)]
pub struct WireBytes(SharedBytes);

/// A copy of bytes that may change, or go.
pub fn copied(bytes: &[u8]) -> Result<SharedBytes> {
    Ok(bytes::copy(bytes)?)
}

impl Deref for WireBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl From<SharedBytes> for WireBytes {
    fn from(bytes: SharedBytes) -> WireBytes {
        WireBytes(bytes)
    }
}

impl From<Vec<u8>> for WireBytes {
    fn from(bytes: Vec<u8>) -> WireBytes {
        WireBytes(Arc::new(bytes))
    }
}
