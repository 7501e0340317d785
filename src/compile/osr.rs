//! Code that goes on in the middle of a function: which loops of a module have it, and who makes it.
//!
//! A thread whose baseline code has spent its budget at a loop asks here, each time:
//!
//!     ask ---> Enter: the code is there
//!          |-> Compile: claimed; the unit goes to the pool, or is compiled at once
//!          |-> Later: somebody is at it, or the function's own code must come first
//!          `-> Never: refused, or too many
//!
//! The loop that is asked for is the one that runs. To enter an inner loop costs the ones around it nothing
//! (`tier/top/translate/osr.rs`), and nobody knows when the header of an outer one is reached next.
//!
//! # States
//!
//!     (none) --claim--> Claimed --> Ready
//!                          |------> Refused: never asked for again
//!                          `------> (none): the unit was taken back
//!
//! All of it is behind one lock per module, which is taken where a budget was spent and where code is published,
//! never by a call. The lock also hands over what was written before the entry was stored.
//!
//! `clear` drops everything; a claim of before then ends without effect (its epoch is another one). In a child of a
//! fork, a claim may be held by a thread that is not there: claims of another process do not count.
//!
//! Not here: when a budget is spent (`tiering`), whether there is stack for it (`runtime::tiering`).

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::client::Unit;
use super::compilation::Compilation;
use super::events::{Event, EventKind, NO_WORKER};
use super::lock::Lock;
use super::pipeline::Pipeline;
use super::pool::Runner;
use crate::error::{Error, Result};
use crate::sync::{WasmFloats, generation, now_ns};
use crate::tier::compiled::{Loops, Resume, TailCalls};
use crate::tier::{Compilers, Scratch, Tier};
use crate::types::DefinedFunc;

/// Bodies of a function, at most. Each stays until the module's code goes.
const MOST_BODIES: usize = 16;

/// Bodies of a function that are claimed at a time.
const MOST_CLAIMED: usize = 2;

/// Bytes of WebAssembly that are translated for a body, at most: a function with all loops around the one that is
/// entered, each counted as the whole function.
const MOST_BYTES: usize = 1 << 20;

/// What a thread asks for: the loop that it runs.
pub struct Asked {
    /// The function.
    pub func: DefinedFunc,
    /// Of its code that runs.
    pub loops: Arc<Loops>,
    /// Index of the loop.
    pub site: u32,
}

impl Asked {
    /// Whether the function ends by tail calls, perhaps.
    pub fn has_tail_calls(&self) -> bool {
        self.loops.tail_calls == TailCalls::Some
    }
}

/// What it gets.
pub enum Answer {
    /// The code.
    Enter(Entrance),
    /// The claim: whoever has it queues it or compiles it.
    Compile(OsrUnit),
    /// Ask again.
    Later,
    /// Do not.
    Never,
}

/// Where code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The address.
    pub entry: usize,
    /// Bytes of its frame.
    pub frame_size: u32,
}

/// A claimed loop. Dropped without a result, the claim ends.
pub struct OsrUnit {
    compilation: Arc<Compilation>,
    func: DefinedFunc,
    loops: Arc<Loops>,
    site: u32,
    epoch: u64,
}

/// The bodies of a module.
#[derive(Default)]
pub(super) struct Bodies(Lock<Table>);

#[derive(Default)]
struct Table {
    functions: HashMap<u32, Vec<Body>>,
    /// Counts `clear`.
    epoch: u64,
}

struct Body {
    site: u32,
    state: State,
    /// How often its loop was asked about (a test mode counts).
    asked: u32,
    code_size: u32,
    entered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Known, because somebody asked about it.
    Idle,
    /// In the hands of a unit, in the process of this number.
    Claimed(usize),
    Ready(Entrance),
    Refused,
}

/// Numbers of a module, or of a function, for hosts and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OsrCounts {
    /// Loops that have code of their own.
    pub ready: usize,
    /// Loops that are being compiled, or wait for it.
    pub claimed: usize,
    /// Loops that were refused.
    pub refused: usize,
    /// Bytes of code.
    pub code_size: usize,
    /// Loops that were continued there at least once.
    pub entered_sites: usize,
    /// How often loops were continued there.
    pub entered: u64,
}

impl Table {
    fn body(&mut self, func: u32, site: u32) -> &mut Body {
        let bodies = self.functions.entry(func).or_default();
        let position = bodies.iter().position(|body| body.site == site).unwrap_or_else(|| {
            bodies.push(Body { site, state: State::Idle, asked: 0, code_size: 0, entered: 0 });
            bodies.len() - 1
        });
        &mut bodies[position]
    }

    /// Claims a loop that nobody has.
    fn claim(&mut self, func: u32, site: u32) -> Claim {
        let is_claimed = |body: &Body| body.state == State::Claimed(generation());
        let is_body = |body: &Body| is_claimed(body) || matches!(body.state, State::Ready(_));
        let bodies = self.functions.get(&func).map_or(&[][..], Vec::as_slice);
        let claimed = bodies.iter().filter(|body| is_claimed(body)).count();
        let total = bodies.iter().filter(|body| is_body(body)).count();
        let body = self.body(func, site);
        match body.state {
            State::Ready(entrance) => Claim::Ready(entrance),
            State::Refused => Claim::Refused,
            State::Claimed(by) if by == generation() => Claim::Taken,
            _ if total >= MOST_BODIES => Claim::Refused,
            _ if claimed >= MOST_CLAIMED => Claim::Taken,
            State::Idle | State::Claimed(_) => {
                body.state = State::Claimed(generation());
                Claim::Won
            }
        }
    }
}

enum Claim {
    Won,
    Taken,
    Refused,
    Ready(Entrance),
}

impl Bodies {
    /// Ends a claim. Nothing happens if it has ended, or all was dropped meanwhile.
    fn settle(&self, unit: &OsrUnit, state: State, code_size: u32) {
        let mut table = self.0.lock();
        if table.epoch == unit.epoch {
            let body = table.body(unit.func.0, unit.site);
            if body.state == State::Claimed(generation()) {
                (body.state, body.code_size) = (state, code_size);
            }
        }
    }

    /// Forgets everything: the code is gone.
    pub(super) fn clear(&self) {
        let mut table = self.0.lock();
        let epoch = table.epoch + 1;
        *table = Table { epoch, ..Table::default() };
    }

    fn counts_of<'a>(bodies: impl Iterator<Item = &'a Body>) -> OsrCounts {
        let mut counts = OsrCounts::default();
        for body in bodies {
            match body.state {
                State::Idle => {}
                State::Claimed(_) => counts.claimed += 1,
                State::Ready(_) => counts.ready += 1,
                State::Refused => counts.refused += 1,
            }
            counts.code_size += body.code_size as usize;
            counts.entered_sites += usize::from(body.entered != 0);
            counts.entered += body.entered;
        }
        counts
    }
}

impl Compilation {
    /// The thread that runs a loop in the baseline tier asks what to do.
    pub fn ask_osr(self: &Arc<Compilation>, asked: Asked) -> Answer {
        let word = self.look(asked.func);
        if word.is_denied() || word.is_refused(Tier::Top) {
            return Answer::Never;
        }
        // A body's tail calls leave the baseline's frame behind. If what they call comes back to this loop, it must be
        // in the top tier, or frames would pile up.
        if asked.has_tail_calls() && word.reached() != Some(Tier::Top) {
            return Answer::Later;
        }
        let Asked { func, loops, site } = asked;
        let depth = loops.outwards(site).count();
        if depth.saturating_mul(self.module().body(func).len()) > MOST_BYTES {
            return Answer::Never;
        }
        let mut table = self.osr_bodies().0.lock();
        let claimed = if self.stopped().is_none() { table.claim(func.0, site) } else { table.find(func.0, site) };
        match claimed {
            Claim::Ready(entrance) => Answer::Enter(entrance),
            Claim::Taken => Answer::Later,
            Claim::Refused => Answer::Never,
            Claim::Won => {
                let epoch = table.epoch;
                drop(table);
                self.count_unit(1);
                let compilation = self.clone();
                Answer::Compile(OsrUnit { compilation, func, loops, site, epoch })
            }
        }
    }

    /// Counts that a loop is asked about, from 1 on: for a test mode.
    pub fn count_asked(&self, func: DefinedFunc, site: u32) -> u32 {
        let mut table = self.osr_bodies().0.lock();
        let body = table.body(func.0, site);
        body.asked = body.asked.wrapping_add(1);
        body.asked
    }

    /// Counts that a loop is continued elsewhere.
    pub fn count_entered(&self, func: DefinedFunc, site: u32) {
        self.osr_bodies().0.lock().body(func.0, site).entered += 1;
    }

    /// Numbers of the module.
    pub fn osr_counts(&self) -> OsrCounts {
        Bodies::counts_of(self.osr_bodies().0.lock().functions.values().flatten())
    }

    /// The loops that were continued in the top tier at least once: by function and number among its recorded loops.
    pub fn osr_entered(&self) -> Vec<(DefinedFunc, u32)> {
        let table = self.osr_bodies().0.lock();
        let entered = |(func, bodies): (&u32, &Vec<Body>)| {
            let func = DefinedFunc(*func);
            let entered = bodies.iter().filter(|body| body.entered != 0).map(move |body| (func, body.site));
            entered.collect::<Vec<_>>()
        };
        table.functions.iter().flat_map(entered).collect()
    }

    /// Numbers of a function.
    pub fn osr_counts_of(&self, func: DefinedFunc) -> OsrCounts {
        Bodies::counts_of(self.osr_bodies().0.lock().functions.get(&func.0).into_iter().flatten())
    }
}

impl Table {
    /// What there is, where nothing is claimed any more.
    fn find(&mut self, func: u32, site: u32) -> Claim {
        match self.body(func, site).state {
            State::Ready(entrance) => Claim::Ready(entrance),
            State::Idle | State::Claimed(_) | State::Refused => Claim::Refused,
        }
    }
}

impl OsrUnit {
    pub(super) fn compilation(&self) -> &Arc<Compilation> {
        &self.compilation
    }

    /// Bytes of WebAssembly.
    pub(super) fn size(&self) -> usize {
        self.compilation.module().body(self.func).len()
    }

    /// Compiles and publishes, which ends the claim.
    pub(super) fn run(&self, compilers: &Compilers, scratch: &mut Scratch, worker: u32) -> Result<Entrance> {
        let (began_ns, compilation) = (now_ns(), &self.compilation);
        let outcome = self.compile(compilers, scratch);
        if outcome.is_err() {
            compilation.osr_bodies().settle(self, State::Refused, 0);
        }
        compilation.events().post(Event {
            func: compilation.module().func_index(self.func).0,
            loop_offset: self.resume().site().wasm_offset,
            from_tier: Some(Tier::Baseline),
            to_tier: Some(Tier::Top),
            code_size: outcome.as_ref().map_or(0, |(_, size)| *size),
            status: outcome.as_ref().map_or_else(Error::status, |_| 0),
            began_ns,
            duration_ns: now_ns().saturating_sub(began_ns),
            worker,
            ..Event::new(EventKind::LoopTiered)
        });
        outcome.map(|(entrance, _)| entrance)
    }

    fn resume(&self) -> Resume<'_> {
        Resume { loops: &self.loops, site: self.site }
    }

    fn compile(&self, compilers: &Compilers, scratch: &mut Scratch) -> Result<(Entrance, u32)> {
        let (compilation, resume) = (&self.compilation, self.resume());
        let (module, layout) = (compilation.module(), compilation.layout());
        // The compilers turn their own panics into errors. One that comes through must not leave a claim behind.
        let compile = AssertUnwindSafe(|| {
            let _floats = WasmFloats::enter();
            let profile = compilation.snapshot(self.func);
            compilers.compile_osr(scratch, module, layout, self.func, resume, profile.as_ref())
        });
        let failed = || Error::Compile { func: module.func_index(self.func), reason: "the compiler panicked".into() };
        let code = catch_unwind(compile).unwrap_or_else(|_| Err(failed()))?;
        let (frame_size, size) = (code.frame_size, code.bytes.len() as u32);
        let entry = compilation.publish_osr(self.func, resume.site().wasm_offset, code, |entry| {
            compilation.osr_bodies().settle(self, State::Ready(Entrance { entry, frame_size }), size);
        })?;
        Ok((Entrance { entry, frame_size }, size))
    }
}

impl Drop for OsrUnit {
    fn drop(&mut self) {
        // Unless the claim has ended.
        self.compilation.osr_bodies().settle(self, State::Idle, 0);
        self.compilation.count_unit(-1);
    }
}

impl Pipeline {
    /// Has a claimed loop compiled in the background, before units of lower priority.
    pub fn queue_osr(&self, unit: OsrUnit, priority: u8) {
        if self.pool().add_priority_unit(Unit::osr(unit), priority.into()) == Runner::Caller {
            self.run_jobs(usize::MAX, None);
        }
    }

    /// Compiles a claimed loop on this thread. The thread's stack is used: at least `COMPILE_STACK` bytes.
    pub fn compile_osr_now(&self, unit: OsrUnit) -> Result<Entrance> {
        self.with_scratch(unit.size(), |scratch| unit.run(self.compilers(), scratch, NO_WORKER))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const ENTRANCE: Entrance = Entrance { entry: 64, frame_size: 16 };

    #[test]
    fn a_loop_is_claimed_once_and_a_function_two_at_a_time() {
        let mut table = Table::default();
        assert!(matches!(table.claim(1, 0), Claim::Won));
        assert!(matches!(table.claim(1, 0), Claim::Taken));
        assert!(matches!(table.claim(1, 5), Claim::Won));
        assert!(matches!(table.claim(1, 7), Claim::Taken), "two are under way");
        assert!(matches!(table.claim(2, 7), Claim::Won), "of another function");
        table.body(1, 0).state = State::Ready(ENTRANCE);
        assert!(matches!(table.claim(1, 0), Claim::Ready(ENTRANCE)));
        assert!(matches!(table.claim(1, 7), Claim::Won));
        table.body(1, 5).state = State::Refused;
        assert!(matches!(table.claim(1, 5), Claim::Refused), "for good");
        table.body(1, 7).state = State::Idle;
        assert!(matches!(table.claim(1, 7), Claim::Won), "what was given back may be claimed again");
    }

    #[test]
    fn a_function_has_so_many_bodies() {
        let mut table = Table::default();
        for site in 0..MOST_BODIES as u32 {
            assert!(matches!(table.claim(3, site), Claim::Won));
            table.body(3, site).state = State::Ready(ENTRANCE);
        }
        assert!(matches!(table.claim(3, 99), Claim::Refused));
        assert!(matches!(table.claim(3, 0), Claim::Ready(_)), "those that it has go on");
        assert!(matches!(table.claim(4, 99), Claim::Won));
    }

    #[test]
    fn claims_of_another_process_do_not_count() {
        let mut table = Table::default();
        for site in 0..3 {
            table.body(1, site).state = State::Claimed(generation() + 1);
        }
        assert!(matches!(table.claim(1, 0), Claim::Won));
        assert!(matches!(table.claim(1, 0), Claim::Taken));
    }

    #[test]
    fn where_work_has_stopped_only_what_is_there_is_used() {
        let mut table = Table::default();
        assert!(matches!(table.find(1, 0), Claim::Refused));
        assert_eq!(table.body(1, 0).state, State::Idle, "nothing was claimed");
        table.body(1, 0).state = State::Ready(ENTRANCE);
        assert!(matches!(table.find(1, 0), Claim::Ready(_)));
    }
}
