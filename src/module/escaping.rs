//! The functions of a module that can be called through a reference: in order, and where each is in that order.
//!
//! Modules have them by the ten thousand, and put each into a table: finding one takes no search.
//!
//! Not here: which functions these are (`decode`).

use crate::types::FuncIndex;

/// Functions, in order, each once.
#[derive(Default)]
pub(crate) struct Escaping {
    list: Vec<FuncIndex>,
    words: Box<[Word]>,
}

/// 64 functions, from a multiple of 64 on.
#[derive(Clone, Copy, Default)]
struct Word {
    /// A bit for each that is in the list.
    bits: u64,
    /// How many are before them.
    before: u32,
}

impl Escaping {
    /// Of functions in any order and any number: those with lower indices than `first`, and the others.
    pub(super) fn new(functions: Vec<FuncIndex>, first: u32) -> (Vec<FuncIndex>, Escaping) {
        let count = functions.iter().map(|func| func.index() / 64 + 1).max().unwrap_or(0);
        let mut words = vec![Word::default(); count].into_boxed_slice();
        for func in functions {
            words[func.index() / 64].bits |= 1 << (func.index() % 64);
        }
        let in_order = |words: &[Word]| {
            let mut list = Vec::with_capacity(words.iter().map(|word| word.bits.count_ones() as usize).sum());
            for (word, start) in words.iter().zip((0..).step_by(64)) {
                let mut bits = word.bits;
                while bits != 0 {
                    list.push(FuncIndex(start + bits.trailing_zeros()));
                    bits &= bits - 1;
                }
            }
            list
        };
        let mut lower = in_order(&words[..words.len().min(first.div_ceil(64) as usize)]);
        lower.retain(|func| func.0 < first);
        for func in &lower {
            words[func.index() / 64].bits &= !(1 << (func.index() % 64));
        }
        let mut before = 0;
        for word in &mut words {
            word.before = before;
            before += word.bits.count_ones();
        }
        (lower, Escaping { list: in_order(&words), words })
    }

    /// All of them.
    pub(crate) fn list(&self) -> &[FuncIndex] {
        &self.list
    }

    /// Where a function is among them.
    pub(crate) fn position(&self, func: FuncIndex) -> Option<u32> {
        let word = self.words.get(func.index() / 64)?;
        let bit = 1 << (func.index() % 64);
        (word.bits & bit != 0).then(|| word.before + (word.bits & (bit - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_where_a_search_finds_them() {
        let mut state = 3u64;
        let mut random = move |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 % below
        };
        for round in 0..200 {
            let (most, first) = (1 + random(700), random(300));
            let functions: Vec<FuncIndex> = (0..random(900)).map(|_| FuncIndex(random(most))).collect();
            let mut sorted = functions.clone();
            sorted.sort_unstable();
            sorted.dedup();
            let (lower, escaping) = Escaping::new(functions, first);
            let (below, rest) = sorted.split_at(sorted.partition_point(|func| func.0 < first));
            assert_eq!((&lower[..], escaping.list()), (below, rest), "round {round}");
            for func in (0..most + 130).map(FuncIndex) {
                let found = rest.binary_search(&func).ok().map(|position| position as u32);
                assert_eq!(escaping.position(func), found, "round {round}, {func:?}");
            }
        }
    }
}
