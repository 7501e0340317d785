//! Where a function should start, so that the blocks of its loops lie well.
//!
//! In: machine code and where its basic blocks begin. Out: the offsets within a line of 64 bytes at which the function
//! may start. Processors take decoded instructions from lines of this size. A block at which each iteration of a loop
//! begins or ends costs a cycle more if it straddles two of them (2026-11: a bytecode interpreter takes 120 ms to 151 ms
//! by where it lies, as the number of such blocks says).
//!
//! Loops are what branches back enclose. They are read from the ends of the blocks: a wrong guess would cost time,
//! nothing else.

use std::cmp::Reverse;

/// Bytes of a line.
const LINE: u32 = 64;

/// Distance of the starts that are compared.
const STEP: u32 = 4;

/// Loops in more loops than this count as being in so many.
const DEEPEST: usize = 4;

/// What [`starts`] reuses from function to function.
#[derive(Default)]
pub(super) struct Scratch {
    blocks: Vec<u32>,
    loops: Vec<Loop>,
    /// Around the block that is looked at.
    open: Vec<Loop>,
}

/// Code from the header of a loop to its last branch back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Loop {
    start: u32,
    end: u32,
}

/// The best offsets of the start of `code` in a line, one bit each; 0 if it has no loops. A start is a multiple of
/// `alignment`, at most a line. `blocks` are the offsets of the basic blocks, in any order.
pub(super) fn starts(code: &[u8], blocks: impl Iterator<Item = u32>, alignment: u32, scratch: &mut Scratch) -> u64 {
    scratch.blocks.clear();
    scratch.blocks.extend(blocks.filter(|block| *block < code.len() as u32));
    scratch.blocks.sort_unstable();
    scratch.blocks.dedup();
    scratch.loops.clear();
    let ends = scratch.blocks.iter().skip(1).copied().chain([code.len() as u32]);
    for (&start, end) in scratch.blocks.iter().zip(ends) {
        for header in branches(&code[start as usize..end as usize], end).into_iter().flatten() {
            if header <= start && scratch.blocks.binary_search(&header).is_ok() {
                scratch.loops.push(Loop { start: header, end });
            }
        }
    }
    if scratch.loops.is_empty() {
        return 0;
    }
    let costs = costs(code.len() as u32, scratch);
    let allowed = |number: &usize| (*number as u32 * STEP).is_multiple_of(alignment.max(1));
    let least = (0..costs.len()).filter(allowed).map(|number| costs[number]).min().expect("0 is a multiple");
    let best = (0..costs.len()).filter(allowed).filter(|number| costs[*number] == least);
    best.fold(0, |starts, number| starts | 1 << (number as u32 * STEP))
}

/// What each start costs: the blocks in loops that straddle lines, by how often they are likely to run.
fn costs(len: u32, scratch: &mut Scratch) -> [u32; (LINE / STEP) as usize] {
    let Scratch { blocks, loops, open } = scratch;
    // Of the loops with one header, the longest comes first; the others are left out below.
    loops.sort_unstable_by_key(|known| (known.start, Reverse(known.end)));
    loops.dedup_by_key(|known| known.start);
    let mut loops = loops.iter().peekable();
    open.clear();
    let mut costs = [0u32; (LINE / STEP) as usize];
    for (position, &start) in blocks.iter().enumerate() {
        let end = blocks.get(position + 1).copied().unwrap_or(len);
        open.retain(|around| around.end > start);
        open.extend(loops.next_if(|next| next.start == start));
        let is_edge = match open.iter().min_by_key(|around| around.end - around.start) {
            Some(innermost) => start == innermost.start || end == innermost.end,
            // The function may be called in a loop, or call itself.
            None if start == 0 => false,
            None => continue,
        };
        let depth = open.len().clamp(1, DEEPEST) as u32;
        let weight = 4u32.pow(depth) * if is_edge { 4 } else { 1 };
        for (number, cost) in costs.iter_mut().enumerate() {
            let bias = number as u32 * STEP;
            let crossings = (end - 1 + bias) / LINE - (start + bias) / LINE;
            *cost = cost.saturating_add(weight.saturating_mul(crossings));
        }
    }
    costs
}

/// Where the branches lead with which a block ends: a jump, a conditional one, or one behind the other. `end` is the
/// offset of the block's end.
fn branches(block: &[u8], end: u32) -> [Option<u32>; 2] {
    let jump = |bytes: &[u8]| matches!(bytes, [0xe9, ..]);
    let conditional = |bytes: &[u8]| matches!(bytes, [0x0f, 0x80..=0x8f, ..]);
    let target = |bytes: &[u8], end: u32| {
        let distance = bytes.last_chunk::<4>().map(|bytes| i32::from_le_bytes(*bytes))?;
        end.checked_add_signed(distance)
    };
    if let Some((rest, last)) = block.split_last_chunk::<5>()
        && jump(last)
    {
        let before = rest.last_chunk::<6>().filter(|bytes| conditional(*bytes));
        return [target(last, end), before.and_then(|bytes| target(bytes, end - 5))];
    }
    let last = block.last_chunk::<6>().filter(|bytes| conditional(*bytes));
    [last.and_then(|bytes| target(bytes, end)), None]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code of this many bytes with branches: (offset behind it, target, whether it is conditional).
    fn code(len: usize, branches: &[(u32, u32, bool)]) -> Vec<u8> {
        let mut code = vec![0x90; len];
        for &(behind, target, conditional) in branches {
            let at = behind as usize - 4;
            code[at..at + 4].copy_from_slice(&target.wrapping_sub(behind).to_le_bytes());
            if conditional {
                code[at - 2..at].copy_from_slice(&[0x0f, 0x85]);
            } else {
                code[at - 1] = 0xe9;
            }
        }
        code
    }

    fn best(code: &[u8], blocks: &[u32], alignment: u32) -> Vec<u32> {
        let starts = starts(code, blocks.iter().copied(), alignment, &mut Scratch::default());
        (0..64).filter(|bit| starts >> bit & 1 == 1).collect()
    }

    #[test]
    fn a_function_without_loops_may_start_anywhere() {
        assert_eq!(best(&code(100, &[(40, 90, true), (90, 95, false)]), &[0, 40, 90, 95], 1), []);
        assert_eq!(best(&[], &[0], 1), []);
        // A branch back to what is no block is none.
        assert_eq!(best(&code(100, &[(90, 33, true)]), &[0, 40, 90], 1), []);
    }

    #[test]
    fn a_small_loop_lies_in_one_line() {
        // 40 bytes from 50 on: they fit behind the starts from 14 to 38.
        let looped = code(100, &[(90, 50, true)]);
        assert_eq!(best(&looped, &[0, 50, 90], 1), [16, 20, 24, 28, 32, 36]);
        assert_eq!(best(&looped, &[90, 0, 50], 16), [16, 32]);
        assert_eq!(best(&looped, &[0, 50, 90], 32), [32]);
        // At no start that is a multiple of a line: then they are all the same.
        assert_eq!(best(&looped, &[0, 50, 90], 64), [0]);
        // The branch back may stand before a jump out, or be one.
        assert_eq!(best(&code(100, &[(85, 50, true), (90, 95, false)]), &[0, 50, 90, 95], 1), [16, 20, 24, 28, 32, 36]);
        assert_eq!(best(&code(100, &[(90, 50, false)]), &[0, 50, 90], 1), [16, 20, 24, 28, 32, 36]);
    }

    /// What each iteration runs through matters more than what some do, and inner loops more than outer ones.
    #[test]
    fn headers_and_ends_come_first() {
        // A loop from 0 to 200: its header has 24 bytes, its end 40. From 32 to 40 neither straddles lines.
        let interpreter = code(220, &[(200, 0, false)]);
        assert_eq!(best(&interpreter, &[0, 24, 100, 160, 200], 1), [32, 40]);
        // An inner loop of 60 bytes from 100 on, in one that begins at 0.
        let nest = code(300, &[(160, 100, true), (250, 0, true)]);
        assert_eq!(best(&nest, &[0, 60, 100, 160, 250], 1), [32]);
    }
}
