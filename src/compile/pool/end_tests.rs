//! How a pool ends: with units queued and in flight, from its own threads, in a child of the process. And what
//! its threads are.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, OnceLock};

use super::tests::*;
use super::*;
use crate::sys::tests::in_child;

#[test]
fn shutdown_discards_what_is_queued_and_waits_within_its_bound() {
    let gate = Gate::default();
    let held = gate.clone();
    let pool = hooked(workers(1), move |_| held.pass());
    let batch = units(Lane::Baseline, 10);
    pool.add_units(batch.clone());
    gate.wait_for(1);
    assert!(!pool.shutdown(Some(Duration::ZERO)));
    assert_eq!(batch.iter().filter(|unit| unit.record.discarded.load(SeqCst) == 1).count(), 9);
    let late = unit(Lane::Top, 1, 1, 0);
    assert_eq!(pool.add_units(vec![late.clone()]), Runner::Nobody);
    assert_eq!(late.record.discarded.load(SeqCst), 1);
    assert_eq!((pool.run_jobs(1, None), pool.wait_until(Lane::Top, None, &|| false)), (0, Waited::Closed));
    gate.open();
    assert!(pool.shutdown(None) && pool.shutdown(None));
    assert_eq!((pool.stats().threads, pool.is_idle()), (0, true));
    assert_eq!(batch.iter().filter(|unit| is_published(unit)).count(), 1);
}

/// Whoever waits is woken by the end of the pool, and by his deadline.
#[test]
fn waiting_ends_with_the_pool_and_at_the_deadline() {
    let pool = Arc::new(pool(1));
    let soon = Some(Instant::now() + Duration::from_millis(1));
    assert_eq!(pool.wait_until(Lane::Baseline, soon, &|| false), Waited::TimedOut);
    assert_eq!(pool.help_until(Lane::Baseline, 1, soon, &|| false), Waited::TimedOut);
    let asked = Gate::default();
    let waiter = std::thread::spawn({
        let (pool, asked) = (pool.clone(), asked.clone());
        asked.open();
        move || {
            pool.help_until(Lane::Baseline, 1, None, &|| {
                asked.pass();
                false
            })
        }
    });
    asked.wait_for(2);
    assert!(pool.shutdown(None));
    assert_eq!(waiter.join().unwrap(), Waited::Closed);
}

/// The last owner of an engine may be a unit.
#[test]
fn a_worker_may_end_its_own_pool() {
    static POOL: OnceLock<Mutex<Option<Pool<Mock>>>> = OnceLock::new();
    static ENDED: OnceLock<bool> = OnceLock::new();
    let pool = hooked(workers(2), |_| {
        let pool = POOL.get().unwrap().lock().unwrap().take().unwrap();
        ENDED.set(pool.shutdown(None)).unwrap();
        drop(pool);
    });
    let last = unit(Lane::Baseline, 1, 1, 0);
    let slot = POOL.get_or_init(|| Mutex::new(Some(pool))).lock().unwrap();
    slot.as_ref().unwrap().add_units(vec![last.clone()]);
    drop(slot);
    while !is_published(&last) {
        yield_now();
    }
    // It did not wait for itself.
    assert_eq!(ENDED.get(), Some(&false));
}

/// The threads of the parent are not there: the child is told to run units itself, and ends without them.
#[test]
fn a_child_of_the_process_runs_its_units_itself() {
    crate::sys::fork::install().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let pool = hooked(workers(2), move |unit| {
        if unit.number < 2 {
            held.pass()
        }
    });
    pool.add_units(units(Lane::Baseline, 2));
    gate.wait_for(2);
    let queued: Vec<_> = (2..20).map(|number| unit(Lane::Baseline, 100, 1, number)).collect();
    pool.add_units(queued);
    // With two units in the hands of threads.
    in_child(|| {
        assert!(!pool.is_idle());
        let late = unit(Lane::Top, 1, 1, 99);
        assert_eq!(pool.add_units(vec![late.clone()]), Runner::Caller);
        assert_eq!(pool.help_until(Lane::Top, 1, None, &|| is_published(&late)), Waited::Done);
        pool.run_jobs(usize::MAX, None);
        assert!(pool.is_idle());
        assert_eq!(pool.add_priority_unit(unit(Lane::Baseline, 1, 1, 98), 1), Runner::Caller);
        assert!(pool.shutdown(None));
        assert_eq!(pool.stats().lanes[0].queued, 0);
    });
    gate.open();
    wait_idle(&pool);
    assert_eq!(pool.stats().lanes[0].compiled, 20);
}

/// As many as are needed, when they are needed; with names, and without the host's signals.
#[cfg(target_os = "linux")]
#[test]
fn threads_are_started_on_demand_and_made_for_their_work() {
    type Seen = (String, i32, bool, usize);
    let seen: Arc<Mutex<Vec<(Lane, Seen)>>> = Arc::default();
    let own = seen.clone();
    let gate = Gate::default();
    let held = gate.clone();
    let pool = hooked(workers(2), move |unit| {
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        let bounds = crate::sys::threads::stack_bounds().unwrap();
        // SAFETY: both ask about the current thread only.
        let (niceness, blocked) = unsafe {
            let mut mask = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
            (libc::getpriority(libc::PRIO_PROCESS, 0), libc::sigismember(&mask, libc::SIGALRM) == 1)
        };
        own.lock().unwrap().push((unit.lane, (name.trim().into(), niceness, blocked, bounds.high - bounds.low)));
        held.pass();
    });
    assert_eq!(pool.stats().threads, 0);
    pool.add_units(units(Lane::Baseline, 1));
    gate.wait_for(1);
    assert_eq!(pool.stats().threads, 1);
    pool.add_units(units(Lane::Top, 5));
    gate.wait_for(3);
    assert_eq!(pool.stats().threads, 3);
    gate.open();
    wait_idle(&pool);
    // SAFETY: asks about the current thread.
    let own = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    for (lane, (name, niceness, blocked, stack)) in seen.lock().unwrap().iter() {
        let (prefix, expected) = match lane {
            Lane::Baseline => ("updraft-base-", own),
            Lane::Top => ("updraft-top-", (own + 5).min(19)),
        };
        assert!(name.starts_with(prefix), "{name}");
        assert_eq!(*niceness, expected, "{name}");
        assert!(*blocked && *stack >= crate::compile::COMPILE_STACK, "{name}");
    }
}

/// Tasks of a host's thread pool: no more at once than allowed, and none is needed for ever.
#[test]
fn an_executor_runs_tasks_until_nothing_is_left() {
    let tasks: Arc<Mutex<Vec<Task>>> = Arc::default();
    let own = tasks.clone();
    let executor: Executor = Arc::new(move |task| own.lock().unwrap().push(task));
    let pool = Pool::new(Mock::default(), PoolConfig { workers: 2, executor: Some(executor), ..Default::default() });
    let asked = || std::mem::take(&mut *tasks.lock().unwrap());
    assert_eq!(pool.add_units(units(Lane::Baseline, 30)), Runner::Workers);
    pool.add_units(units(Lane::Baseline, 30));
    pool.add_units(units(Lane::Top, 1));
    let mut first = asked();
    assert_eq!(first.iter().map(Task::lane).collect::<Vec<_>>(), [Lane::Baseline, Lane::Baseline, Lane::Top]);
    // One is dropped: it may be asked for again.
    drop(first.remove(0));
    pool.add_units(units(Lane::Baseline, 1));
    assert_eq!((tasks.lock().unwrap().len(), pool.stats().threads), (1, 0));
    first.into_iter().for_each(Task::run);
    asked().into_iter().for_each(Task::run);
    assert!(pool.is_idle() && tasks.lock().unwrap().is_empty());
    assert_eq!((pool.stats().lanes[0].compiled, pool.stats().lanes[1].compiled), (61, 1));
    // Tasks that outlive the pool do nothing.
    pool.add_units(units(Lane::Top, 5));
    let late = asked();
    assert!(late.len() == 2 && pool.shutdown(None));
    late.into_iter().for_each(Task::run);
    assert_eq!((pool.stats().lanes[1].discarded, pool.stats().lanes[1].compiled), (5, 1));
}

/// An executor may run its task at once, on the thread that asks.
#[test]
fn an_executor_may_run_in_place_and_tasks_held_up_by_baseline_come_back() {
    let executor: Executor = Arc::new(Task::run);
    let pool = Pool::new(Mock::default(), PoolConfig { workers: 1, executor: Some(executor), ..Default::default() });
    pool.add_units(units(Lane::Baseline, 5));
    assert!(pool.is_idle());
    let later: Arc<Mutex<Vec<Task>>> = Arc::default();
    let own = later.clone();
    let executor: Executor = Arc::new(move |task| own.lock().unwrap().push(task));
    let pool = Pool::new(Mock::default(), PoolConfig { workers: 1, executor: Some(executor), ..Default::default() });
    let asked = || std::mem::take(&mut *later.lock().unwrap());
    let waiting = pool.waiting(Lane::Baseline);
    pool.add_units(units(Lane::Baseline, 1));
    pool.add_units(units(Lane::Top, 1));
    let [baseline, top]: [Task; 2] = asked().try_into().unwrap_or_else(|_| panic!("two tasks"));
    top.run();
    assert_eq!((ran(&pool).len(), asked().len()), (0, 0));
    baseline.run();
    // Nothing holds it up any more.
    asked().into_iter().for_each(Task::run);
    assert_eq!(ran(&pool).len(), 2);
    drop(waiting);
}
