//! Compiled code of one module becomes reachable, and goes again.
//!
//! In: code of claimed functions. Out: published code, states, counts, events; the claims end.
//!
//! Not here: who publishes when (`publisher`, `pool`), how (`code::publish`).

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::super::counts::count;
use super::super::events::{Event, EventKind};
use super::super::growth::Watcher;
use super::super::publisher::{Drained, Publisher};
use super::super::source::Origin;
use super::super::state::Change;
use super::{Compilation, Ready};
use crate::code::{ModuleCode, NewCode, Version};
use crate::error::{Error, Result};
use crate::sync::{Ordering, yield_now};
use crate::tier::Tier;
use crate::tier::compiled::CompiledCode;
use crate::types::DefinedFunc;

impl Compilation {
    /// Has somebody, at most one, told of the code that can be kept beyond this process. To be called before any is published.
    pub(crate) fn watch_growth(&self, watcher: Arc<dyn Watcher>) {
        self.growth.watch(watcher);
    }

    /// Publishes what waits, and what comes meanwhile. Says whether it published anything.
    pub(crate) fn publish(&self) -> bool {
        // Acquire: pairs with the Release in `count_compiled`.
        if self.whole.load(Ordering::Relaxed) != 0 && self.uncompiled.load(Ordering::Acquire) != 0 {
            return false;
        }
        let drain = |publisher: &Publisher<Ready>| publisher.drain(|batch| self.publish_batch(batch));
        let published = self.publishers.each_ref().map(drain);
        published.iter().any(|drained| matches!(drained, Drained::Batches(1..)))
    }

    /// Publishes one function that waits. False: it is in other hands.
    pub(in crate::compile) fn publish_function(&self, func: DefinedFunc, tier: Tier) -> bool {
        match self.publishers[tier as usize - 1].take(|ready| ready.func == func) {
            Some(ready) => {
                self.publish_batch(vec![ready]);
                true
            }
            None => false,
        }
    }

    /// A caller has to wait for somebody else's publication.
    pub(in crate::compile) fn count_publication_wait(&self) {
        count(&self.counters.publication_waits);
    }

    /// Publishes the code of claimed functions, which ends their claims.
    pub(in crate::compile) fn publish_batch(&self, batch: Vec<Ready>) {
        let whole = self.whole.load(Ordering::Relaxed) != 0;
        let is_useless = whole && !self.failures.lock().is_empty();
        let Some(code) = self.code.upgrade().filter(|_| !is_useless) else {
            return batch.iter().for_each(|ready| self.give_up(ready.func, ready.tier));
        };
        if let Err((error, batch)) = self.try_publish(&code, batch) {
            // Perhaps there is room for some of them.
            let single = batch.len() == 1;
            for ready in batch {
                let (func, tier) = (ready.func, ready.tier);
                if single || whole || self.try_publish(&code, vec![ready]).is_err() {
                    self.give_up(func, tier);
                }
            }
            self.unpublished.lock().get_or_insert(error);
        }
    }

    /// Publishes a function for a caller that needs it; the error is the caller's.
    pub(in crate::compile) fn publish_now(&self, ready: Ready) -> Result<()> {
        let (func, tier) = (ready.func, ready.tier);
        let Some(code) = self.code.upgrade() else {
            self.give_up(func, tier);
            return Err(Error::Bug { reason: "a function of a module that is gone was called".into() });
        };
        self.try_publish(&code, vec![ready]).map_err(|(error, _)| {
            self.account(self.states[func.index()].release(tier));
            error
        })
    }

    fn try_publish(&self, code: &ModuleCode, batch: Vec<Ready>) -> Result<(), (Error, Vec<Ready>)> {
        let mut told = Vec::with_capacity(batch.len());
        let mut new = Vec::with_capacity(batch.len());
        for Ready { func, tier, code, effort, origin } in batch {
            let attempts = self.look(func).attempts();
            let generation = if tier == Tier::Top { attempts.saturating_sub(1) as u16 } else { 0 };
            told.push((func, tier, (effort, origin), code.bytes.len() as u32));
            new.push(NewCode { func, version: Version { tier, generation }, code });
        }
        let publishing = self.begin_publishing();
        if let Err(error) = code.publish(&mut new) {
            told.retain(|(func, ..)| new.iter().any(|new| new.func == *func));
            told.sort_by_key(|(func, ..)| *func);
            new.sort_by_key(|new| new.func);
            let ready = told.into_iter().zip(new).map(|((func, tier, (effort, origin), _), new)| Ready {
                func,
                tier,
                code: new.code,
                effort,
                origin,
            });
            return Err((error, ready.collect()));
        }
        let changes: Vec<Change> =
            told.iter().map(|(func, tier, ..)| self.states[func.index()].published(*tier)).collect();
        drop(publishing);
        count(&self.counters.batches);
        let wanted = self.events.is_wanted(EventKind::FunctionTiered);
        let (functions, bytes) = told.iter().fold((0, 0), |(n, sum), (.., size)| (n + 1, sum + size));
        let lasting = told.iter().filter(|(_, tier, (_, origin), _)| (*tier, *origin) == (Tier::Top, Origin::Compiled));
        let (lasting, lasting_bytes) = lasting.fold((0, 0), |(n, sum), (.., size)| (n + 1, sum + size));
        for ((func, tier, (effort, origin), code_size), change) in told.into_iter().zip(changes) {
            if change.new.reached() == Some(tier) {
                self.measured.set(func, code_size, effort.duration_ns);
            }
            if wanted && change.old.reached() < change.new.reached() {
                let event = Event {
                    func: self.module.func_index(func).0,
                    from_tier: change.old.reached(),
                    to_tier: Some(tier),
                    code_size,
                    began_ns: effort.began_ns,
                    duration_ns: effort.duration_ns,
                    worker: effort.worker,
                    origin,
                    ..Event::new(EventKind::FunctionTiered)
                };
                // Not left out because the other tier was published meanwhile: that may not be told yet, and `account`
                // may tell that all functions are there.
                self.events.post_if(event, || self.states[func.index()].tell(tier));
            }
            self.account(change);
        }
        self.events.post(Event { count: functions, code_size: bytes, ..Event::new(EventKind::CompilationChunk) });
        if lasting > 0 {
            let event = Event { count: lasting, code_size: lasting_bytes, ..Event::new(EventKind::Serializable) };
            self.events.post(event);
            self.growth.add(lasting_bytes.into());
        }
        Ok(())
    }

    /// Places code that goes on in a function at a loop; where it is entered.
    pub(in crate::compile) fn publish_osr(
        &self,
        func: DefinedFunc,
        wasm_offset: u32,
        compiled: CompiledCode,
        settle: impl FnOnce(usize),
    ) -> Result<usize> {
        let gone = || Error::Bug { reason: "a loop of a module that is gone was compiled".into() };
        let code = self.code.upgrade().ok_or_else(gone)?;
        // `restart` would drop the code before it is known.
        let publishing = self.begin_publishing();
        let entry = code.publish_osr(func, wasm_offset, compiled)?;
        settle(entry);
        drop(publishing);
        count(&self.counters.compiled);
        Ok(entry)
    }

    /// Has every function start again, with `clear` dropping the code. Refused while somebody publishes. Code that
    /// is being compiled meanwhile is published as the first of its function.
    pub(in crate::compile) fn restart(&self, clear: impl FnOnce() -> Result<()>) -> Result<()> {
        // Acquire: pairs with the Release of publishers: what they published is seen, and dropped.
        let claimed = self.publishing.compare_exchange(0, CLEARING, Ordering::Acquire, Ordering::Relaxed);
        claimed.map_err(|_| Error::Busy { what: "functions of the module are being published" })?;
        let cleared = clear();
        if cleared.is_ok() {
            // Relaxed: nobody compiles a whole module that exists.
            self.whole.store(0, Ordering::Relaxed);
            self.failures.lock().clear();
            self.osr_bodies.clear();
            for (func, state) in (0..).map(DefinedFunc).zip(&self.states) {
                self.measured.set(func, 0, 0);
                self.account(state.cleared());
            }
        }
        // Release: pairs with the Acquire of publishers.
        self.publishing.store(0, Ordering::Release);
        cleared
    }

    /// Keeps `restart` out, or waits for it, which takes a few stores per function.
    fn begin_publishing(&self) -> Publishing<'_> {
        let add = |count| match count {
            // The thread that drops the code is not in this process.
            CLEARING if self.is_inherited() => Some(1),
            CLEARING => None,
            count => Some(count + 1),
        };
        while self.publishing.fetch_update(Ordering::Acquire, Ordering::Relaxed, add).is_err() {
            yield_now();
        }
        Publishing(&self.publishing)
    }
}

/// In place of the number of publishers: the code is being dropped.
const CLEARING: usize = usize::MAX;

/// Code of a module is being published, and its states follow.
struct Publishing<'a>(&'a AtomicUsize);

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `restart`.
        self.0.fetch_sub(1, Ordering::Release);
    }
}
