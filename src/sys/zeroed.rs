//! Tables of zeros: large ones come from the system as pages that nobody has touched, and cost memory where they are used.
//!
//! Not here: what is in them.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Values that are made of zeros.
///
/// # Safety
/// A value of this type may be all zeros, and has nothing to drop that such a value has not.
pub unsafe trait Zeroed {}

// SAFETY: a number.
unsafe impl Zeroed for AtomicU32 {}
// SAFETY: a number.
unsafe impl Zeroed for AtomicU64 {}

/// So many values, all zeros.
pub fn table<T: Zeroed>(count: usize) -> Box<[T]> {
    let layout = Layout::array::<T>(count).expect("a table fits into the address space");
    let start = if layout.size() == 0 {
        NonNull::dangling()
    } else {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc_zeroed(layout) };
        NonNull::new(start.cast::<T>()).unwrap_or_else(|| handle_alloc_error(layout))
    };
    // SAFETY: so many values, which zeros are; allocated as a box of a slice would be, and given up here.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(start.as_ptr(), count)) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn tables_are_zeros_of_the_wanted_length() {
        for count in [0, 1, 7, 100_000] {
            let (small, large) = (table::<AtomicU32>(count), table::<AtomicU64>(count));
            assert_eq!((small.len(), large.len()), (count, count));
            assert!(small.iter().all(|value| value.swap(1, Relaxed) == 0));
            assert!(large.iter().all(|value| value.load(Relaxed) == 0));
        }
    }
}
