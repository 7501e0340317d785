//! Shared memories: atomics are atomic, waiters wake, and growth is seen by all.

use updraft::engine::{CompiledModule, Engine};
use updraft::runtime::instance::Instance;
use updraft::runtime::memory::{Memory, SharedMemory};
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::types::{IndexType, MemoryType};

use crate::common::{MODES, call, compile, exported_func};

const THREADS: usize = 4;

const MODULE: &str = "(module
  (import \"\" \"memory\" (memory 1 16 shared))
  (func (export \"add\") (param i32 i32)
    (loop $l
      (drop (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
      (drop (i64.atomic.rmw.sub offset=8 (local.get 0) (i64.const 3)))
      (drop (i32.atomic.rmw8.add_u offset=16 (local.get 0) (i32.const 1)))
      (drop (i32.atomic.rmw16.xor_u offset=18 (local.get 0) (local.get 1)))
      (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export \"locked\") (param i32 i32)
    (loop $l
      (loop $take (br_if $take (i32.atomic.rmw.cmpxchg (local.get 0) (i32.const 0) (i32.const 1))))
      ;; Not atomic: the lock must order it.
      (i64.store offset=8 (local.get 0) (i64.add (i64.load offset=8 (local.get 0)) (i64.const 1)))
      (i32.atomic.store (local.get 0) (i32.const 0))
      (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export \"wait\") (param i32 i32) (result i32)
    (drop (i32.atomic.rmw.add offset=4 (local.get 0) (i32.const 1)))
    (memory.atomic.wait32 (local.get 0) (local.get 1) (i64.const -1)))
  (func (export \"wait64\") (param i32 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (i64.const -1)))
  (func (export \"notify\") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export \"set\") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))
  (func (export \"size\") (result i32) (memory.size))
  (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export \"last\") (param i32) (result i32)
    (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (local.get 0)) (memory.size)))";

/// A store of its own around the shared memory, as each thread has one.
fn join(module: &CompiledModule, memory: &SharedMemory) -> (Store, Instance) {
    let mut store = crate::common::store(module.engine()).expect("a store");
    let memory = Memory::from_shared(&mut store, memory).expect("a memory");
    let instance = Instance::new(&mut store, module, &[Extern::Memory(memory)]).expect("an instance");
    (store, instance)
}

/// Runs `body` on several threads, each with its own store.
fn on_threads(module: &CompiledModule, memory: &SharedMemory, body: impl Fn(usize, &mut Store, Instance) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let body = &body;
            scope.spawn(move || {
                let (mut store, instance) = join(module, memory);
                body(thread, &mut store, instance);
            });
        }
    });
}

fn run(store: &mut Store, instance: Instance, name: &str, args: &[i32]) -> Vec<Val> {
    let func = exported_func(store, instance, name);
    let args: Vec<Val> = args.iter().map(|value| Val::I32(*value)).collect();
    let results = call(store, func, &args).expect("a call");
    store.release(func.0).expect("a live handle");
    results
}

fn shared(engine: &Engine) -> SharedMemory {
    let ty = MemoryType { min: 1, max: Some(16), index: IndexType::I32, shared: true };
    SharedMemory::new(engine, ty).expect("a shared memory")
}

fn read(memory: &SharedMemory, at: usize, len: usize) -> u64 {
    let (base, size) = memory.data();
    assert!(at + len <= size);
    let mut bytes = [0; 8];
    // SAFETY: in bounds, as asserted; a shared memory never moves, and no thread runs any more.
    unsafe { std::ptr::copy_nonoverlapping(base.add(at), bytes.as_mut_ptr(), len) };
    u64::from_le_bytes(bytes)
}

#[test]
fn atomic_operators_lose_nothing() {
    const ROUNDS: i32 = 20_000;
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let module = compile(&engine, MODULE);
        let memory = shared(&engine);
        on_threads(&module, &memory, |_, store, instance| {
            run(store, instance, "add", &[64, ROUNDS]);
            run(store, instance, "locked", &[128, ROUNDS / 10]);
        });
        let total = THREADS as u64 * ROUNDS as u64;
        assert_eq!(read(&memory, 64, 4), total, "{}", mode.name);
        assert_eq!(read(&memory, 72, 8), (total * 3).wrapping_neg(), "{}", mode.name);
        assert_eq!(read(&memory, 80, 1), total & 0xff, "{}", mode.name);
        // Every number was applied an even number of times.
        assert_eq!(read(&memory, 82, 2), 0, "{}", mode.name);
        assert_eq!(read(&memory, 136, 8), total / 10, "{}", mode.name);
    }
}

#[test]
fn notify_wakes_as_many_waiters_as_it_says() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let module = compile(&engine, MODULE);
        let memory = shared(&engine);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let (mut store, instance) = join(&module, &memory);
                    // 0: woken by a notify, not by a timeout.
                    assert_eq!(run(&mut store, instance, "wait", &[256, 0]), [Val::I32(0)], "{}", mode.name);
                });
            }
            let (mut store, instance) = join(&module, &memory);
            let mut woken = 0;
            // A waiter may not have arrived yet, so that nobody is there to be woken.
            while woken < THREADS as i32 {
                let Val::I32(count) = run(&mut store, instance, "notify", &[256, 1])[0] else { panic!() };
                assert!((0..=1).contains(&count), "{count}");
                woken += count;
                std::thread::yield_now();
            }
            assert_eq!(run(&mut store, instance, "notify", &[256, -1]), [Val::I32(0)]);
        });
        assert_eq!(read(&memory, 260, 4), THREADS as u64);
    }
}

/// Two views of one memory: what one thread grows, the others may use.
#[test]
fn growth_is_seen_by_all_threads() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let module = compile(&engine, MODULE);
        let memory = shared(&engine);
        on_threads(&module, &memory, |thread, store, instance| {
            for _ in 0..3 {
                let Val::I32(old) = run(store, instance, "grow", &[1])[0] else { panic!() };
                assert!(old >= 1, "room for all: {old}");
                run(store, instance, "last", &[thread as i32]);
            }
        });
        assert_eq!(memory.size(), 1 + THREADS as u64 * 3, "{}", mode.name);
        assert_eq!(memory.grow(3), Some(13));
        assert_eq!(memory.grow(1), None);
        let (mut store, instance) = join(&module, &memory);
        assert_eq!(run(&mut store, instance, "size", &[]), [Val::I32(16)]);
        assert_eq!(run(&mut store, instance, "grow", &[1]), [Val::I32(-1)]);
    }
}
