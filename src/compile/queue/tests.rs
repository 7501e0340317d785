//! What the queues promise, for each implementation of a slot's queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;

fn entry(number: usize, size: u32) -> Entry<usize> {
    Entry { unit: number, size, module: number as u64 % 3, added: 0 }
}

impl Counts {
    /// For queues that are tested without their pool.
    fn full() -> Counts {
        let counts = Counts::default();
        counts.added(1 << 20);
        counts
    }
}

fn filled<Q: UnitQueue<usize>>(count: usize) -> Q {
    let queue = Q::default();
    queue.push((0..count).collect(), &Counts::full());
    queue
}

fn drain<Q: UnitQueue<usize>>(queue: &Q) -> Vec<usize> {
    std::iter::from_fn(|| queue.pop(Pick::Newest, &Counts::full())).collect()
}

/// The tests of one implementation.
macro_rules! queue_tests {
    ($name:ident, $queue:ident) => {
        mod $name {
            use super::*;

            #[test]
            fn the_owner_takes_the_newest() {
                let queue: $queue<usize> = filled(3);
                queue.push(vec![7, 8], &Counts::full());
                assert_eq!(drain(&queue), [8, 7, 2, 1, 0]);
                assert_eq!(queue.pop(Pick::Random(5), &Counts::full()), None);
            }

            /// Of 1: all. Of 2: one. Of 3: two. The oldest of them is begun, the others keep their order.
            #[test]
            fn thieves_take_the_newer_half() {
                for (count, taken) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (9, 5), (1000, 500)] {
                    let (victim, thief): ($queue<usize>, $queue<usize>) = (filled(count), filled(0));
                    let stolen = victim.steal_half(&thief, &Counts::full());
                    let kept = count - taken;
                    assert_eq!(stolen, (count > 0).then_some((kept, taken)), "of {count}");
                    assert_eq!(drain(&victim), (0..kept).rev().collect::<Vec<_>>(), "of {count}");
                    assert_eq!(drain(&thief), (kept + 1..count).rev().collect::<Vec<_>>(), "of {count}");
                }
            }

            #[test]
            fn stolen_units_are_the_newest_of_the_thief() {
                let (victim, thief): ($queue<usize>, $queue<usize>) = (filled(4), Default::default());
                thief.push(vec![100], &Counts::full());
                assert_eq!(victim.steal_half(&thief, &Counts::full()), Some((2, 2)));
                assert_eq!(drain(&thief), [3, 100]);
            }

            #[test]
            fn nobody_steals_from_himself() {
                let queue: $queue<usize> = filled(4);
                assert_eq!(queue.steal_half(&queue, &Counts::full()), None);
                assert_eq!(queue.steal_half_of(&queue, &|_| true, &Counts::full()), None);
                assert_eq!(drain(&queue).len(), 4);
            }

            #[test]
            fn units_of_a_kind_are_taken_stolen_and_removed_alone() {
                let even = |unit: &usize| unit % 2 == 0;
                let (victim, thief): ($queue<usize>, $queue<usize>) = (filled(10), filled(0));
                assert_eq!(victim.pop_of(&even, &Counts::full()), Some(8));
                // Of 0, 2, 4, 6 the newer half.
                assert_eq!(victim.steal_half_of(&thief, &even, &Counts::full()), Some((4, 2)));
                assert_eq!(drain(&thief), [6]);
                assert_eq!(victim.remove(&even, &Counts::full()), [0, 2]);
                assert_eq!(victim.pop_of(&even, &Counts::full()), None);
                assert_eq!(victim.steal_half_of(&thief, &even, &Counts::full()), None);
                assert_eq!(drain(&victim), [9, 7, 5, 3, 1]);
            }

            /// Whatever the schedule, units neither vanish nor double.
            #[test]
            fn each_unit_is_taken_once_by_however_many_threads() {
                let rounds = if prove() { 2000 } else { 50 };
                for round in 0..rounds {
                    let queues: Vec<$queue<usize>> = (0..4).map(|_| filled(0)).collect();
                    queues[round % 4].push((0..200).collect(), &Counts::full());
                    let taken: Vec<usize> = std::thread::scope(|scope| {
                        let threads: Vec<_> = (0..4)
                            .map(|own| {
                                scope.spawn({
                                    let queues = &queues;
                                    move || race(queues, own)
                                })
                            })
                            .collect();
                        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
                    });
                    let distinct: BTreeSet<_> = taken.iter().collect();
                    assert_eq!((taken.len(), distinct.len()), (200, 200));
                }
            }

            fn race(queues: &[$queue<usize>], own: usize) -> Vec<usize> {
                let mut taken = Vec::new();
                loop {
                    let next = queues[own].pop(Pick::Newest, &Counts::full()).or_else(|| {
                        let others = queues.iter().enumerate().filter(|(other, _)| *other != own);
                        others
                            .into_iter()
                            .find_map(|(_, victim)| victim.steal_half(&queues[own], &Counts::full()))
                            .map(|(unit, _)| unit)
                    });
                    // A unit that another thread has just stolen is that thread's to take.
                    let Some(unit) = next else { return taken };
                    taken.push(unit);
                }
            }

            /// The order of one worker: priority, big units by size, own ones, stolen ones.
            #[test]
            fn a_worker_takes_what_is_most_urgent_first() {
                let queues = Queues::<usize, $queue<Entry<usize>>>::new(2);
                queues.grow_to(1);
                let batch = [(0, 10), (1, 5000), (2, 20), (3, 9000), (4, 4096), (5, 4097)];
                queues.add(batch.map(|(number, size)| entry(number, size)).into(), None);
                queues.add(vec![entry(6, 1), entry(7, 1), entry(8, 1)], None);
                for (number, priority) in [(10, 1), (11, 7), (12, 1), (13, 7)] {
                    queues.add_priority(entry(number, 1), priority);
                }
                assert_eq!((queues.len(), queues.is_urgent()), (13, true));
                let order: Vec<_> =
                    std::iter::from_fn(|| queues.take(0, None)).map(|(entry, source)| (entry.unit, source)).collect();
                use Source::*;
                let expected = [
                    (11, Priority),
                    (13, Priority),
                    (10, Priority),
                    (12, Priority),
                    (3, Big),
                    (1, Big),
                    (5, Big),
                    (4, Own),
                    (2, Own),
                    (0, Own),
                    (7, Stolen(2)),
                    (8, Own),
                    (6, Stolen(1)),
                ];
                assert_eq!(order, expected);
                assert_eq!((queues.len(), queues.in_flight()), (0, 13));
                queues.finished(13);
                assert_eq!(queues.in_flight(), 0);
            }

            /// Batches go to the slots in turn; a thief goes on behind its last victim.
            #[test]
            fn batches_and_thefts_go_round() {
                let queues = Queues::<usize, $queue<Entry<usize>>>::new(4);
                queues.grow_to(3);
                for number in 0..4 {
                    queues.add(vec![entry(number, 1)], None);
                }
                let next = |slot| queues.take(slot, None).map(|(entry, source)| (entry.unit, source));
                assert_eq!(next(2), Some((2, Source::Own)));
                assert_eq!(next(2), Some((3, Source::Stolen(1))));
                assert_eq!(next(2), Some((0, Source::Stolen(1))));
                queues.add(vec![entry(4, 1)], None);
                assert_eq!(next(2), Some((1, Source::Stolen(1))));
                assert_eq!(next(2), Some((4, Source::Stolen(1))));
                assert_eq!(next(2), None);
            }

            #[test]
            fn units_of_a_module_are_found_wherever_they_are() {
                let queues = Queues::<usize, $queue<Entry<usize>>>::new(3);
                queues.grow_to(2);
                for start in [0, 100, 200] {
                    queues.add((start..start + 9).map(|number| entry(number, 1)).collect(), None);
                }
                queues.add(vec![entry(300, 5000), entry(301, 5001), entry(302, 6000)], None);
                queues.add_priority(entry(400, 1), 1);
                queues.add_priority(entry(401, 1), 2);
                let of = |module: u64| (0..402).filter(move |number| number % 3 == module as usize);
                let here: Vec<usize> = (0..9).chain(100..109).chain(200..209).chain(300..303).chain(400..402).collect();
                let expected: BTreeSet<usize> = of(1).filter(|number| here.contains(number)).collect();
                let first = queues.take_of(1, 1).map(|(entry, source)| (entry.unit, source));
                assert_eq!(first, Some((400, Source::Priority)));
                let second = queues.take_of(1, 1).map(|(entry, source)| (entry.unit, source));
                assert_eq!(second, Some((301, Source::Big)));
                let mut taken: BTreeSet<usize> =
                    std::iter::from_fn(|| queues.take_of(1, 1)).map(|(entry, _)| entry.unit).collect();
                taken.extend([400, 301]);
                assert_eq!(taken, expected);
                let removed: BTreeSet<usize> =
                    queues.remove(&|entry| entry.module == 2).into_iter().map(|entry| entry.unit).collect();
                assert_eq!(removed, of(2).filter(|number| here.contains(number)).collect());
                assert_eq!(queues.len(), here.len() - taken.len() - removed.len());
            }

            /// The test mode loses nothing either, and its order differs from seed to seed.
            #[test]
            fn shuffled_queues_give_each_unit_once_and_repeatably() {
                let order = |seed| {
                    let queues = Queues::<usize, $queue<Entry<usize>>>::new(4);
                    let shuffle = Shuffle::new(seed);
                    queues.grow_to(3);
                    queues.add(
                        (0..60).map(|number| entry(number, if number % 5 == 0 { 5000 } else { 1 })).collect(),
                        Some(&shuffle),
                    );
                    queues.add_priority(entry(60, 1), 1);
                    let order: Vec<_> = (0..)
                        .map_while(|step| queues.take(step % 4, Some(&shuffle)))
                        .map(|(entry, _)| entry.unit)
                        .collect();
                    assert_eq!(queues.len(), 0);
                    order
                };
                let mut orders = BTreeSet::new();
                for seed in 0..if prove() { 10_000 } else { 100 } {
                    let taken = order(seed);
                    assert_eq!(taken, order(seed));
                    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 61);
                    orders.insert(taken);
                }
                assert!(orders.len() > 90);
            }
        }
    };
}

queue_tests!(locked, LockedDeque);

fn prove() -> bool {
    std::env::var("UPDRAFT_PROVE").is_ok_and(|value| value == "1")
}

/// V8's table: an eighth of each worker's share, at least ten, between one and two times that.
#[test]
fn publish_limits_are_staggered() {
    for (declared, slots, limits) in [
        (0, 1, vec![10]),
        (79, 1, vec![10]),
        (800, 1, vec![100]),
        (800, 2, vec![50, 75]),
        (100, 4, vec![10, 12, 15, 17]),
        (10_000, 4, vec![312, 390, 468, 546]),
        (10_000, 8, vec![156, 175, 195, 214, 234, 253, 273, 292]),
    ] {
        let found: Vec<_> = (0..slots).map(|slot| publish_limit(declared, slots, slot)).collect();
        assert_eq!(found, limits, "{declared} units in {slots} slots");
        assert!(found.iter().all(|limit| (limits[0]..2 * limits[0]).contains(limit)));
    }
}

/// The limits follow what is declared while there is work, and start anew when there was none.
#[test]
fn publish_limits_follow_the_wave_of_units() {
    let queues = Queues::<usize>::new(2);
    queues.add((0..1600).map(|number| entry(number, 1)).collect(), None);
    queues.add((0..1600).map(|number| entry(number, 1)).collect(), None);
    assert_eq!(queues.publish_limit(0), 400);
    queues.grow_to(1);
    assert_eq!([0, 1].map(|slot| queues.publish_limit(slot)), [200, 300]);
    while queues.take(0, None).is_some() {}
    queues.add(vec![entry(0, 1)], None);
    assert_eq!(queues.publish_limit(0), 10);
}

/// Whoever adds, takes, steals and removes at the same time.
#[test]
fn counts_are_exact_at_rest() {
    let queues = Arc::new(Queues::<usize>::new(5));
    queues.grow_to(4);
    for round in 0..if prove() { 500 } else { 20 } {
        let workers: Vec<_> = (1..5)
            .map(|slot| {
                let queues = queues.clone();
                std::thread::spawn(move || {
                    let mut taken = 0;
                    for step in 0..200 {
                        match (step + slot) % 4 {
                            0 => queues.add((0..10).map(|number| entry(number, number as u32 * 1000)).collect(), None),
                            1 => queues.add_priority(entry(step, 1), step as u64),
                            2 => taken += queues.remove(&|entry| entry.unit == 9).len(),
                            _ => {}
                        }
                        taken += usize::from(queues.take(slot, None).is_some());
                        let other = queues.take_of(slot, 1).is_some();
                        taken += usize::from(other);
                        assert!(queues.len() < 1 << 20, "round {round}");
                    }
                    taken
                })
            })
            .collect();
        let taken: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        let added = 4 * (200 / 4 * 10 + 200 / 4);
        assert_eq!(queues.len(), added - taken);
        let rest = std::iter::from_fn(|| queues.take(0, None)).count();
        assert_eq!((queues.len(), rest), (0, added - taken));
        assert_eq!(queues.take_of(0, 1).map(|(entry, _)| entry.unit), None);
    }
}
