//! What is compiled and waits to be published, and who publishes it: one thread at a time.
//!
//!     worker: push, push, push ... publish --.
//!     worker: push, publish (somebody is     |--> one of them publishes batch after batch until nothing waits
//!             at it: leaves)   --------------'
//!     caller: `take` (just what it waits for)
//!
//! Finished code does not belong to the thread that compiled it. Whoever needs a function that waits here
//! publishes it; nobody waits until a worker comes back from its next unit.
//!
//! One per module and tier. No lock is held while publishing, and nothing that is pushed stays behind: it is
//! seen either by the publisher before it leaves, or by whoever pushed it, who then publishes.
//!
//! Not here: how code is published (`code::publish`), when workers publish (`pool`).

use super::lock::Lock;

/// Code that waits, and whether somebody publishes.
pub(super) struct Publisher<T> {
    queue: Lock<Queue<T>>,
}

struct Queue<T> {
    waiting: Vec<T>,
    is_publishing: bool,
}

/// What became of an attempt to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// Nothing waits any more; so many batches were published.
    Batches(usize),
    /// Somebody else publishes, and will take what waits.
    Busy,
}

impl<T> Default for Publisher<T> {
    fn default() -> Publisher<T> {
        Publisher { queue: Lock::new(Queue { waiting: Vec::new(), is_publishing: false }) }
    }
}

impl<T> Publisher<T> {
    /// Adds something to what waits.
    pub(super) fn push(&self, item: T) {
        self.queue.lock().waiting.push(item);
    }

    /// Takes one thing back, for a thread that publishes it by itself.
    pub(super) fn take(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let mut queue = self.queue.lock();
        let position = queue.waiting.iter().position(&mut wanted)?;
        Some(queue.waiting.swap_remove(position))
    }

    /// Takes everything back, for the end of a module.
    pub(super) fn take_all(&self) -> Vec<T> {
        std::mem::take(&mut self.queue.lock().waiting)
    }

    /// The sum of a number of what waits.
    pub(super) fn sum(&self, number: impl Fn(&T) -> usize) -> usize {
        self.queue.lock().waiting.iter().map(number).sum()
    }

    /// Publishes what waits, and what comes meanwhile, unless somebody else is at it.
    pub(super) fn drain(&self, mut publish: impl FnMut(Vec<T>)) -> Drained {
        let mut batches = 0;
        let mut turn: Option<Turn<'_, T>> = None;
        loop {
            let batch = {
                let mut queue = self.queue.lock();
                if turn.is_none() && queue.is_publishing {
                    return Drained::Busy;
                }
                let batch = std::mem::take(&mut queue.waiting);
                queue.is_publishing = !batch.is_empty();
                if batch.is_empty() {
                    // The turn is given back under this lock: what is pushed now is somebody else's to publish.
                    if let Some(turn) = &mut turn {
                        turn.is_over = true;
                    }
                    return Drained::Batches(batches);
                }
                batch
            };
            // Made once: another one, dropped at once, would give the turn back.
            turn.get_or_insert_with(|| Turn { publisher: self, is_over: false });
            publish(batch);
            batches += 1;
        }
    }
}

/// The right to publish; a panic gives it back.
struct Turn<'a, T> {
    publisher: &'a Publisher<T>,
    is_over: bool,
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.publisher.queue.lock().is_publishing = false;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_comes_meanwhile_is_published_by_whoever_is_at_it() {
        let publisher = Publisher::default();
        (0..3).for_each(|item| publisher.push(item));
        let mut seen = Vec::new();
        let drained = publisher.drain(|batch| {
            // In the first batch, and in one that follows.
            if seen.len() < 2 {
                publisher.push(7);
                assert_eq!(publisher.drain(|_| panic!("two at once")), Drained::Busy);
            }
            seen.push(batch);
        });
        assert_eq!((drained, seen), (Drained::Batches(3), vec![vec![0, 1, 2], vec![7], vec![7]]));
        assert_eq!(publisher.drain(|_| panic!("nothing waits")), Drained::Batches(0));
    }

    #[test]
    fn a_panic_does_not_keep_the_turn() {
        let publisher = Publisher::default();
        publisher.push(1);
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| publisher.drain(|_| panic!("asked for"))));
        assert!(panicked.is_err());
        publisher.push(2);
        assert_eq!(publisher.take(|item| *item == 2), Some(2));
        publisher.push(3);
        let mut seen = Vec::new();
        publisher.drain(|batch| seen.extend(batch));
        assert_eq!(seen, [3]);
    }
}
