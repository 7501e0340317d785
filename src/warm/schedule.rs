//! When a module is written to the cache: after a quiet period, or when much is new.
//!
//!     publisher: `grown` ---> nothing yet | an alarm | a task
//!     timer:     `alarm` ---> nothing any more | another alarm | a task
//!     writer:    `begin`, then it looks at what is there, and writes
//!
//! There is at most one alarm and one task per module at a time, and what is new is never forgotten: whoever finds an alarm
//! pending has left his news where that alarm sees it, and likewise for a task.
//!
//!     publisher                                | timer, writer
//!     -----------------------------------------+--------------------------------------------
//!     1. new.fetch_add, Relaxed                | a. pending.fetch_and (takes its bit out), AcqRel
//!     2. pending.fetch_or (sets a bit), AcqRel | b. reads `new`, Relaxed
//!
//! Either 2 comes after a and finds no bit: the publisher is the one who arms. Or a reads what 2 wrote, or what a later
//! one made of it, and so b sees 1.
//!
//! Not here: timers, threads, what is written.

use std::time::Duration;

use crate::sync::{AtomicUsize, Ordering, Site, order};

/// When a module is written by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// So long after the last code of the top tier.
    pub quiet: Duration,
    /// If there are so many bytes of it.
    pub least: usize,
    /// Without waiting, if there are so many bytes, and as many as were written before: an entry is written as a whole.
    pub most: usize,
}

impl Default for When {
    fn default() -> When {
        When { quiet: Duration::from_secs(2), least: 1 << 10, most: 1 << 20 }
    }
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Nothing.
    Nothing,
    /// Have `alarm` called after this time.
    Wait(Duration),
    /// Have somebody write the module.
    Write,
}

/// What is new of a module, and who has been asked to see to it.
pub struct Schedule {
    when: When,
    /// Bytes of code that are in no entry yet.
    new: AtomicUsize,
    /// Bytes of code that are in the entry.
    kept: AtomicUsize,
    /// When something became new, in milliseconds of the caller's clock.
    last: AtomicUsize,
    /// [`ALARM`] and [`TASK`].
    pending: AtomicUsize,
}

const ALARM: usize = 1;
const TASK: usize = 2;

impl Schedule {
    /// Nothing is new, and `kept` bytes are in the entry.
    pub fn new(when: When, kept: usize) -> Schedule {
        let number = AtomicUsize::new;
        Schedule { when, new: number(0), kept: number(kept), last: number(0), pending: number(0) }
    }

    /// So many bytes are new, as of `now`.
    pub fn grown(&self, bytes: usize, now: Duration) -> Do {
        self.last.store(now.as_millis() as usize, Ordering::Relaxed);
        let new = self.new.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match () {
            _ if new < self.when.least => Do::Nothing,
            _ if new >= self.most() || self.when.quiet.is_zero() => self.ask(TASK, Do::Write),
            _ => self.ask(ALARM, Do::Wait(self.when.quiet)),
        }
    }

    /// A writer has ended, and others may have left because of it. As `grown`.
    pub fn ended(&self, now: Duration) -> Do {
        if self.unwritten() > 0 { self.grown(0, now) } else { Do::Nothing }
    }

    /// The alarm has come.
    pub fn alarm(&self, now: Duration) -> Do {
        if self.take(ALARM) < self.when.least {
            return Do::Nothing;
        }
        let due = Duration::from_millis(self.last.load(Ordering::Relaxed) as u64) + self.when.quiet;
        match due.checked_sub(now).filter(|left| !left.is_zero()) {
            Some(left) => self.ask(ALARM, Do::Wait(left)),
            None => self.ask(TASK, Do::Write),
        }
    }

    /// Whoever was asked to write begins to look at what is there, or will not write. What comes from now on is new
    /// again. Says how many bytes were new.
    pub fn begin(&self) -> usize {
        self.take(TASK)
    }

    /// So many bytes that were new when the writer began are in an entry now. One writer at a time.
    pub fn written(&self, bytes: usize) {
        self.kept.fetch_add(bytes, Ordering::Relaxed);
        self.new.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether it says anything but nothing.
    pub fn writes_by_itself(&self) -> bool {
        self.when.least != usize::MAX
    }

    fn most(&self) -> usize {
        // Relaxed: whoever sees an older number writes earlier.
        self.when.most.max(self.kept.load(Ordering::Relaxed))
    }

    /// How many bytes are new.
    pub fn unwritten(&self) -> usize {
        self.new.load(Ordering::Relaxed)
    }

    fn ask(&self, bit: usize, what: Do) -> Do {
        // Release: pairs with the Acquire in `take`, which sees what is new by now.
        let before = self.pending.fetch_or(bit, order(Site::ScheduleAsk, Ordering::AcqRel));
        if before & bit == 0 { what } else { Do::Nothing }
    }

    fn take(&self, bit: usize) -> usize {
        // Acquire: pairs with the Release in `ask`. Both are read-modify-writes, so that one asked in between for
        // the other bit hands on what it has seen.
        self.pending.fetch_and(!bit, order(Site::ScheduleTake, Ordering::AcqRel));
        self.unwritten()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_module_is_written_when_nothing_new_has_come_for_a_while() {
        let schedule = Schedule::new(When { quiet: at(2000), least: 1000, most: 100_000 }, 0);
        assert_eq!(schedule.grown(999, at(5000)), Do::Nothing);
        assert_eq!(schedule.grown(1, at(6000)), Do::Wait(at(2000)));
        assert_eq!(schedule.grown(500, at(7500)), Do::Nothing, "there is an alarm");
        assert_eq!(schedule.alarm(at(8000)), Do::Wait(at(1500)));
        assert_eq!(schedule.alarm(at(9500)), Do::Write);
        assert_eq!(schedule.grown(5000, at(9600)), Do::Wait(at(2000)), "of what the writer may not see");
        assert_eq!(schedule.begin(), 6500);
        schedule.written(6500);
        assert_eq!(schedule.alarm(at(11_600)), Do::Nothing);
        assert_eq!(schedule.grown(1000, at(12_000)), Do::Wait(at(2000)));
    }

    #[test]
    fn much_is_written_at_once_and_by_one() {
        let schedule = Schedule::new(When { quiet: at(2000), least: 1000, most: 100_000 }, 0);
        assert_eq!(schedule.grown(1000, at(0)), Do::Wait(at(2000)));
        assert_eq!(schedule.grown(99_000, at(1)), Do::Write);
        assert_eq!(schedule.grown(99_000, at(2)), Do::Nothing, "somebody has been asked");
        assert_eq!(schedule.alarm(at(2100)), Do::Nothing);
        assert_eq!(schedule.begin(), 199_000);
        // It could not be written.
        assert_eq!(schedule.grown(1, at(3000)), Do::Write);
        assert_eq!(schedule.begin(), 199_001);
        schedule.written(199_001);
        // As much again: an entry of any size is not written over and over.
        assert_eq!(schedule.grown(199_000, at(9000)), Do::Wait(at(2000)));
        assert_eq!(schedule.grown(1, at(9001)), Do::Write);
    }

    #[test]
    fn without_a_quiet_period_nobody_waits() {
        let schedule = Schedule::new(When { quiet: Duration::ZERO, least: 1, most: usize::MAX }, 0);
        assert_eq!(schedule.grown(1, at(0)), Do::Write);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::weakened;
    use loom::sync::{Arc, Mutex};
    use std::panic::catch_unwind;

    /// Two publish, one alarm may come at any time: all that is new is written in the end, whoever was asked.
    fn model() {
        loom::model(|| {
            let when = When { quiet: Duration::from_millis(1), least: 1, most: 2 };
            // Whoever writes does so alone.
            let shared = Arc::new((Schedule::new(when, 0), Mutex::new(())));
            let publisher = |shared: Arc<(Schedule, Mutex<()>)>| {
                loom::thread::spawn(move || {
                    let mut what = shared.0.grown(1, Duration::ZERO);
                    if let Do::Wait(_) = what {
                        // The timer, much later.
                        what = shared.0.alarm(Duration::from_secs(1));
                    }
                    if what == Do::Write {
                        let _alone = shared.1.lock().unwrap();
                        let seen = shared.0.begin();
                        shared.0.written(seen);
                    }
                })
            };
            let threads = [publisher(shared.clone()), publisher(shared.clone())];
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(shared.0.unwritten(), 0);
        });
    }

    #[test]
    fn what_is_new_is_written() {
        model();
    }

    #[test]
    fn each_ordering_is_needed() {
        for site in [Site::ScheduleAsk, Site::ScheduleTake] {
            assert!(catch_unwind(|| weakened(site, model)).is_err(), "{site:?} can be weakened");
        }
    }
}
