//! Analyses that outlive the validation that made them, for a compilation that follows at once.
//!
//! In: analyses, in the order of the functions. Out: the same, in any order, until they are dropped. They only
//! save work: what was not kept is analysed again, with the same outcome.
//!
//! An analysis is a run of words, some 80 bytes on average. Not here: for which modules this is worth it (`compile`).

use std::sync::Arc;

use super::env::{self, Code};
use super::walk::Local;
use super::{Analysis, AnalysisScratch, BodyFlags, LoopInfo, MAX_WEIGHT, NEAR_LOCALS};
use crate::module::Features;
use crate::sync::ForkMutex;
use crate::types::DefinedFunc;

/// Whether analyses are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All functions are compiled by a compiler that wants them, before anything else happens.
    Analyses,
    /// Nobody would use them soon.
    Nothing,
}

/// Analyses of functions that follow each other.
#[derive(Default)]
pub(crate) struct Made {
    words: Vec<u32>,
    /// Of each function, where its words start. Sorted.
    places: Vec<(DefinedFunc, u32)>,
}

impl Made {
    /// Adds the analysis that a scratch holds.
    pub(crate) fn add(&mut self, func: DefinedFunc, analysis: &Analysis, scratch: &AnalysisScratch) {
        let Ok(at) = u32::try_from(self.words.len()) else { return };
        // The types of those beyond are known by groups.
        if analysis.local_count as usize > NEAR_LOCALS {
            return;
        }
        self.places.push((func, at));
        let Analysis { max_height, max_depth, local_count, code_offset, flags, indirect_calls, features } = *analysis;
        let [low, high] = halves(features.0);
        self.words.extend([max_height, max_depth, local_count, code_offset, flags.0, indirect_calls, low, high]);
        self.words.push(scratch.walk.loops.len() as u32);
        self.words
            .extend(scratch.walk.locals.iter().map(|local| local.weight().min(MAX_WEIGHT) << 4 | local.ty() as u32));
        for LoopInfo { outer, calls, touched, written } in &scratch.walk.loops {
            let [[touched_low, touched_high], [written_low, written_high]] = [*touched, *written].map(halves);
            self.words.extend([*outer, *calls, touched_low, touched_high, written_low, written_high]);
        }
    }
}

/// Those of a module, as long as somebody may want them: in the order of the functions.
#[derive(Default)]
pub(crate) struct Kept(ForkMutex<Option<Vec<Arc<Made>>>>);

impl Kept {
    /// What is added from now on is kept.
    pub(crate) fn begin(&self) {
        *self.0.lock() = Some(Vec::new());
    }

    /// The analyses of functions behind those that were added before.
    pub(crate) fn add(&self, made: Made) {
        if !made.places.is_empty()
            && let Some(kept) = &mut *self.0.lock()
        {
            kept.push(Arc::new(made));
        }
    }

    /// Nobody will want them any more.
    pub(crate) fn forget(&self) {
        let analyses = self.0.lock().take();
        drop(analyses);
    }

    fn made(&self, func: DefinedFunc) -> Option<Arc<Made>> {
        let kept = self.0.lock();
        let kept = kept.as_ref()?;
        let behind = kept.partition_point(|made| made.places[0].0 <= func);
        Some(kept[behind.checked_sub(1)?].clone())
    }

    /// Has a scratch be as after the analysis of a body, if that was kept.
    pub(in crate::module) fn recall(&self, func: DefinedFunc, scratch: &mut AnalysisScratch) -> Option<Analysis> {
        let made = self.made(func)?;
        let place = made.places.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        let words = made.words.get(made.places[place].1 as usize..)?;
        let (fixed, rest) = words.split_first_chunk::<9>()?;
        let [max_height, max_depth, local_count, code_offset, flags, indirect_calls, low, high, loops] = *fixed;
        let (locals, rest) = rest.split_at(local_count as usize);
        let walk = &mut scratch.walk;
        walk.start();
        walk.locals.extend(locals.iter().map(|local| Local(((*local >> 4) as u64) << 32 | (local & 0xf) as Code)));
        walk.loops.extend(rest.chunks_exact(6).take(loops as usize).map(|words| LoopInfo {
            outer: words[0],
            calls: words[1],
            touched: whole(words[2], words[3]),
            written: whole(words[4], words[5]),
        }));
        Some(Analysis {
            max_height,
            max_depth,
            local_count,
            code_offset,
            flags: BodyFlags(flags),
            indirect_calls,
            features: Features(whole(low, high)),
        })
    }
}

fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn whole(low: u32, high: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const _: () = assert!(env::BITS == 4 && MAX_WEIGHT <= u32::MAX >> 4);
