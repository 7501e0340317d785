//! Lazy stubs: what a slot leads to before its function has code.
//!
//! A stub tells the runtime which function is wanted, and leaves all arguments in place. It depends on the
//! number of the function only, so all modules of an engine share the stubs. No lookup finds them: they
//! cannot fault, and no frame returns to them.

use std::io::IoSlice;

use super::arena::{CACHE_LINE, CodeSpace};
use crate::abi::vmctx::VMCTX_LAZY_COMPILE;
use crate::error::Result;
use crate::sys::fork::Pass;

/// Stubs that are made together, at least.
const STUB_GROUP: usize = 512;

/// Bytes of a stub.
const STUB_SIZE: usize = 8;

/// Bytes of a group.
const GROUP_SIZE: usize = STUB_GROUP * STUB_SIZE;

/// Addresses of lazy stubs.
pub(super) struct Stubs(Box<[usize]>);

impl Stubs {
    /// The stubs, in the order of the functions: of those that were asked for, and some more.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|group| (0..STUB_GROUP).map(move |index| group + index * STUB_SIZE))
    }
}

impl CodeSpace {
    /// The stubs of the first `count` functions of any module. They stay with the engine.
    pub(super) fn stubs(&self, pass: &Pass, count: usize) -> Result<Stubs> {
        let groups = count.div_ceil(STUB_GROUP);
        loop {
            let have = {
                let state = self.lock(pass);
                if let Some(stubs) = state.stubs.get(..groups) {
                    return Ok(Stubs(stubs.into()));
                }
                state.stubs.len()
            };
            // Somebody else may make the same groups meanwhile; the second of the two gives back its own.
            let missing = groups - have;
            let (range, writer) = self.allocate(pass, missing * GROUP_SIZE, CACHE_LINE)?;
            let numbers = have * STUB_GROUP..groups * STUB_GROUP;
            let stubs: Vec<[u8; STUB_SIZE]> = numbers.map(|index| lazy_stub(index as u32)).collect();
            if let Err(error) = self.write(pass, &range, writer, &mut [IoSlice::new(stubs.as_flattened())]) {
                self.free(pass, range);
                return Err(error);
            }
            let mut state = self.lock(pass);
            if state.stubs.len() == have {
                state.stubs.extend((0..missing).map(|group| range.start() + group * GROUP_SIZE));
            } else {
                drop(state);
                self.free(pass, range);
            }
        }
    }
}

/// `mov eax, index; jmp [rdi + VMCTX_LAZY_COMPILE]`.
fn lazy_stub(index: u32) -> [u8; STUB_SIZE] {
    let [a, b, c, d] = index.to_le_bytes();
    [0xB8, a, b, c, d, 0xFF, 0x67, VMCTX_LAZY_COMPILE as u8]
}
