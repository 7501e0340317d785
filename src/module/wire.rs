//! The bytes of a module: its own copy, or the host's, which are let go with the module.
//!
//! Bodies, data segments, names and custom sections stay ranges of these bytes; nothing of them is copied. They are
//! needed as long as something may be compiled, instantiated or asked for, which is as long as the module lives.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes that somebody keeps for a module, and that do not change while it does.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of a module. Cheap to clone.
#[derive(Clone)]
pub enum WireBytes {
    /// A copy.
    Own(Arc<[u8]>),
    /// The host's.
    Shared(SharedBytes),
}

impl Deref for WireBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            WireBytes::Own(bytes) => bytes,
            WireBytes::Shared(bytes) => (**bytes).as_ref(),
        }
    }
}

impl From<Arc<[u8]>> for WireBytes {
    fn from(bytes: Arc<[u8]>) -> WireBytes {
        WireBytes::Own(bytes)
    }
}

impl From<Vec<u8>> for WireBytes {
    fn from(bytes: Vec<u8>) -> WireBytes {
        WireBytes::Own(bytes.into())
    }
}

impl From<&[u8]> for WireBytes {
    fn from(bytes: &[u8]) -> WireBytes {
        WireBytes::Own(bytes.into())
    }
}
