//! Scratch space of calls: on the stack for the usual few values, on the heap for many.

use std::mem::MaybeUninit;

/// Room for some values of a type that needs no drop; nothing is written before it is used.
pub(super) struct Scratch<T: Copy, const N: usize> {
    on_stack: [MaybeUninit<T>; N],
    on_heap: Vec<T>,
}

impl<T: Copy, const N: usize> Scratch<T, N> {
    #[inline]
    pub(super) fn new() -> Scratch<T, N> {
        Scratch { on_stack: [const { MaybeUninit::uninit() }; N], on_heap: Vec::new() }
    }

    /// `count` values, each `value`.
    #[inline]
    pub(super) fn fill(&mut self, count: usize, value: T) -> &mut [T] {
        if count > N {
            self.on_heap.resize(count, value);
            return &mut self.on_heap;
        }
        let cells = &mut self.on_stack[..count];
        cells.fill(MaybeUninit::new(value));
        // SAFETY: written just now.
        unsafe { &mut *(cells as *mut [MaybeUninit<T>] as *mut [T]) }
    }
}
