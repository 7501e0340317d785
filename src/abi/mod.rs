//! What machine code and the runtime agree on: layouts, signatures, helper numbers.
//!
//! Everything here is data. Machine code of every tier is compiled against these offsets, and the
//! runtime writes the same structures; nothing else may hard-code an offset.
//!
//! Not here: code that acts on these structures (`runtime`), code that is compiled against them (`tier`).

pub mod builtin;
pub mod call;
pub mod poll;
pub mod profile;
pub mod vmctx;
