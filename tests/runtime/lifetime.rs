//! What is no longer reachable is freed, and limits hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use updraft::config::MemoryMode;
use updraft::engine::{CompiledModule, Engine};
use updraft::error::{Error, Result};
use updraft::runtime::extern_ref::ExternRef;
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::memory::{HostMemory, Memory, MemoryCreator};
use updraft::runtime::store::Store;
use updraft::runtime::table::Table;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::{FuncType, IndexType, MemoryType, TableType, ValType};

use crate::common::{
    Fixture, MODES, Mode, alone, call, compile, exported_func, extern_handle, footprint, proving, val_handle,
};

/// Instances one after another; the number in a proof.
fn rounds() -> usize {
    if proving() { 100_000 } else { 6_000 }
}

/// Resident bytes and mappings that may come on top while instances come and go: what waits to be reclaimed.
const SLACK_BYTES: usize = 24 << 20;
const SLACK_MAPPINGS: usize = 200;

/// Two instances that hold each other: the exporter's table has the importer's function in it, and the
/// importer calls into the exporter. A global holds a reference as well.
const EXPORTER: &str = "(module
  (memory (export \"memory\") 1) (data (i32.const 0) \"data of the exporter\")
  (table (export \"table\") 10 funcref) (global (export \"global\") (mut funcref) (ref.null func))
  (func (export \"f\") (param i32) (result i32) (i32.load8_u (local.get 0))))";
const IMPORTER: &str = "(module
  (import \"\" \"f\" (func $f (param i32) (result i32)))
  (import \"\" \"table\" (table $t 1 funcref))
  (import \"\" \"memory\" (memory 1))
  (import \"\" \"global\" (global $g (mut funcref)))
  (table $own 5 funcref)
  (elem (table $t) (i32.const 3) func $back) (elem (table $own) (i32.const 0) func $f $back)
  (func $back (param i32) (result i32) (call $f (local.get 0)))
  (func $start (global.set $g (ref.func $back)))
  (start $start)
  (func (export \"run\") (param i32) (result i32)
    (call_indirect $t (param i32) (result i32) (local.get 0) (i32.const 3))))";

struct Cycle {
    exporter: CompiledModule,
    importer: CompiledModule,
}

impl Cycle {
    fn new(engine: &Engine) -> Cycle {
        Cycle { exporter: compile(engine, EXPORTER), importer: compile(engine, IMPORTER) }
    }

    /// Makes both instances, uses them, and lets go of them.
    fn turn(&self, store: &mut Store) {
        let exporter = Instance::new(store, &self.exporter, &[]).expect("an instance");
        let imports: Vec<Extern> = self
            .importer
            .module()
            .imports()
            .iter()
            .map(|import| exporter.export(store, &import.name).expect("a live instance").expect("an export"))
            .collect();
        let importer = Instance::new(store, &self.importer, &imports).expect("an instance");
        let run = exported_func(store, importer, "run");
        assert_eq!(call(store, run, &[Val::I32(0)]).expect("a call"), [Val::I32('d' as i32)]);
        for handle in imports.into_iter().map(extern_handle).chain([exporter.0, importer.0, run.0]) {
            store.release(handle).expect("a live handle");
        }
    }
}

/// A store reclaims by itself: nobody calls `collect` here.
#[test]
fn instances_in_cycles_come_and_go_in_constant_memory() {
    if !alone("lifetime::instances_in_cycles_come_and_go_in_constant_memory") {
        return;
    }
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let cycle = Cycle::new(&engine);
        let mut store = crate::common::store(&engine).expect("a store");
        let rounds = rounds() / MODES.len();
        for _ in 0..rounds / 4 {
            cycle.turn(&mut store);
        }
        let before = footprint();
        let mut most = 0;
        for _ in 0..rounds {
            cycle.turn(&mut store);
            most = most.max(store.instance_count());
        }
        let after = footprint();
        assert!(most <= 2000, "{}: {most} instances at once", mode.name);
        let context = format!("{}: {before:?}, then {after:?}", mode.name);
        assert!(after.resident <= before.resident + SLACK_BYTES, "{context}");
        assert!(after.mappings <= before.mappings + SLACK_MAPPINGS, "{context}");
        store.collect();
        assert_eq!(store.instance_count(), 0, "{}", mode.name);
    }
}

#[test]
fn modules_and_their_code_are_freed() {
    if !alone("lifetime::modules_and_their_code_are_freed") {
        return;
    }
    for mode in [Mode::named("eager"), Mode::named("lazy")] {
        let engine = Engine::new(mode.config()).expect("an engine");
        let turn = |round: usize| {
            let text = format!("(module (func (export \"f\") (result i32) (i32.const {round})))");
            let mut fixture = Fixture::with_engine(&engine, &text);
            assert_eq!(fixture.call("f", &[]).expect("a call"), [Val::I32(round as i32)]);
        };
        let rounds = if proving() { 10_000 } else { 1_500 };
        (0..rounds).for_each(turn);
        let before = footprint();
        (0..rounds).for_each(turn);
        let after = footprint();
        let context = format!("{}: {before:?}, then {after:?}", mode.name);
        assert!(after.resident <= before.resident + SLACK_BYTES, "{context}");
        assert!(after.mappings <= before.mappings + SLACK_MAPPINGS, "{context}");
    }
}

#[test]
fn engines_are_freed() {
    if !alone("lifetime::engines_are_freed") {
        return;
    }
    let turn = || {
        let engine = Engine::new(Mode::named("lazy").config()).expect("an engine");
        let mut fixture = Fixture::with_engine(&engine, EXPORTER);
        fixture.call("f", &[Val::I32(1)]).expect("a call");
    };
    (0..20).for_each(|_| turn());
    let before = footprint();
    (0..100).for_each(|_| turn());
    let after = footprint();
    assert!(after.resident <= before.resident + SLACK_BYTES, "{before:?}, then {after:?}");
    assert!(after.mappings <= before.mappings + SLACK_MAPPINGS, "{before:?}, then {after:?}");
}

/// An instance lives as long as a handle, a table, a global or another instance leads to it.
#[test]
fn what_is_reachable_stays() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut store = crate::common::store(&engine).expect("a store");
        let module = compile(
            &engine,
            "(module (global $g i32 (i32.const 7)) (func (export \"f\") (result i32) (global.get $g)))",
        );
        let table = TableType { element: ValType::FuncRef, min: 2, max: None, index: IndexType::I32 };
        let table = Table::new(&mut store, table, Val::FuncRef(None)).expect("a table");
        {
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let f = exported_func(&mut store, instance, "f");
            assert!(table.set(&mut store, 1, Val::FuncRef(Some(f))).expect("a live table"));
            store.release(f.0).expect("a live handle");
            store.release(instance.0).expect("a live handle");
        }
        store.collect();
        assert_eq!(store.instance_count(), 1, "{}: the table holds the function's instance", mode.name);
        let element = table.get(&mut store, 1).expect("a live table").expect("an element");
        let Val::FuncRef(Some(f)) = element else { panic!("{element:?}") };
        assert_eq!(call(&mut store, f, &[]).expect("a call"), [Val::I32(7)]);
        assert!(table.set(&mut store, 1, Val::FuncRef(None)).expect("a live table"));
        store.collect();
        assert_eq!(store.instance_count(), 1, "{}: the handle holds the function's instance", mode.name);
        store.release(f.0).expect("a live handle");
        store.collect();
        assert_eq!(store.instance_count(), 0, "{}", mode.name);
        // The module can be instantiated again in what became free.
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let f = exported_func(&mut store, instance, "f");
        assert_eq!(call(&mut store, f, &[]).expect("a call"), [Val::I32(7)]);
    }
}

/// Host objects behind external references are dropped when neither host nor WebAssembly reaches them.
#[test]
fn external_references_drop_their_objects() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let text = "(module (global $g (mut externref) (ref.null extern)) (table $t 4 externref)
      (func (export \"keep\") (param externref) (result externref)
        (global.set $g (local.get 0)) (table.set $t (i32.const 2) (local.get 0)) (local.get 0))
      (func (export \"drop\") (global.set $g (ref.null extern)) (table.set $t (i32.const 2) (ref.null extern))))";
    for mode in MODES {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut fixture = Fixture::new(*mode, text);
        let object = ExternRef::new(&mut fixture.store, Box::new(Counted(dropped.clone()))).expect("a reference");
        let results = fixture.call("keep", &[Val::ExternRef(Some(object))]).expect("a call");
        let [Val::ExternRef(Some(same))] = results[..] else { panic!("{results:?}") };
        assert!(fixture.store.same(object.0, same.0).expect("live handles"), "{}", mode.name);
        assert!(same.object(&fixture.store).expect("a live object").is::<Counted>());
        fixture.store.release(object.0).expect("a live handle");
        fixture.store.release(val_handle(results[0]).expect("a reference")).expect("a live handle");
        fixture.store.collect();
        assert_eq!(dropped.load(Ordering::SeqCst), 0, "{}: WebAssembly holds it", mode.name);
        fixture.call("drop", &[]).expect("a call");
        fixture.store.collect();
        assert_eq!(dropped.load(Ordering::SeqCst), 1, "{}", mode.name);
        let object = ExternRef::new(&mut fixture.store, Box::new(Counted(dropped.clone()))).expect("a reference");
        fixture.call("keep", &[Val::ExternRef(Some(object))]).expect("a call");
        drop(fixture);
        assert_eq!(dropped.load(Ordering::SeqCst), 2, "{}: the store is gone", mode.name);
    }
}

/// Many short-lived references must not pile up between collections that nobody asks for.
#[test]
fn external_references_come_and_go_in_constant_memory() {
    if !alone("lifetime::external_references_come_and_go_in_constant_memory") {
        return;
    }
    let text = "(module (func (export \"f\") (param externref) (result externref) (local.get 0)))";
    let mut fixture = Fixture::new(Mode::named("eager"), text);
    let func = fixture.func("f");
    let turn = |fixture: &mut Fixture| {
        let object = ExternRef::new(&mut fixture.store, Box::new([0u8; 256])).expect("a reference");
        let results = call(&mut fixture.store, func, &[Val::ExternRef(Some(object))]).expect("a call");
        fixture.store.release(object.0).expect("a live handle");
        fixture.store.release(val_handle(results[0]).expect("a reference")).expect("a live handle");
    };
    (0..20_000).for_each(|_| turn(&mut fixture));
    let before = footprint();
    (0..200_000).for_each(|_| turn(&mut fixture));
    let after = footprint();
    assert!(after.resident <= before.resident + SLACK_BYTES, "{before:?}, then {after:?}");
}

#[test]
fn limits_hold() {
    let grow = "(module (memory (export \"m\") 1) (table (export \"t\") 1 funcref)
      (func (export \"memory\") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export \"table\") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))";
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let module = compile(&engine, grow);
        let mut store = crate::common::store(&engine).expect("a store");
        let mut limits = store.limits();
        limits.memory_bytes = 4 << 16;
        limits.table_elements = 100;
        limits.instances = 3;
        store.set_limits(limits);
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = |store: &mut Store, name: &str, delta: i32| {
            let func = exported_func(store, instance, name);
            call(store, func, &[Val::I32(delta)]).expect("a call")[0]
        };
        assert_eq!(run(&mut store, "memory", 3), Val::I32(1), "{}", mode.name);
        assert_eq!(run(&mut store, "memory", 1), Val::I32(-1), "{}", mode.name);
        assert_eq!(run(&mut store, "memory", 0), Val::I32(4), "{}", mode.name);
        assert_eq!(run(&mut store, "table", 99), Val::I32(1), "{}", mode.name);
        assert_eq!(run(&mut store, "table", 1), Val::I32(-1), "{}", mode.name);
        assert_eq!(run(&mut store, "table", -1), Val::I32(-1), "{}", mode.name);
        let large = compile(&engine, "(module (memory 5))");
        assert!(matches!(Instance::new(&mut store, &large, &[]), Err(Error::Limit { .. })), "{}", mode.name);
        for _ in 0..2 {
            Instance::new(&mut store, &module, &[]).expect("an instance");
        }
        assert!(matches!(Instance::new(&mut store, &module, &[]), Err(Error::Limit { .. })), "{}", mode.name);
    }
}

/// What is dead does not count: a limit is met by what could not be reclaimed.
#[test]
fn limits_count_what_is_alive() {
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let module = compile(&engine, "(module (memory 1) (memory 1) (table 1 funcref))");
    let memory = MemoryType { min: 1, max: None, index: IndexType::I32, shared: false };
    let table = TableType { element: ValType::FuncRef, min: 1, max: None, index: IndexType::I32 };
    let mut store = crate::common::store(&engine).expect("a store");
    let mut limits = store.limits();
    (limits.instances, limits.memories, limits.tables) = (u64::MAX, 2, 1);
    store.set_limits(limits);
    for _ in 0..5 {
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let full = Memory::new(&mut store, memory);
        assert!(matches!(full, Err(Error::Limit { what: "memories alive", .. })), "{full:?}");
        store.release(instance.0).expect("a live instance");
        let memory = Memory::new(&mut store, memory).expect("a memory");
        let table = Table::new(&mut store, table, Val::FuncRef(None)).expect("a table");
        store.release(memory.0).expect("a live memory");
        store.release(table.0).expect("a live table");
    }
}

/// A module of some hundred bytes must not have gigabytes touched.
#[test]
fn declared_tables_take_no_memory_before_they_are_used() {
    if !alone("lifetime::declared_tables_take_no_memory_before_they_are_used") {
        return;
    }
    let tables: String = (0..100).map(|_| "(table 10000000 funcref)").collect();
    let text = format!(
        "(module {tables} (func (export \"get\") (result i32) (ref.is_null (table.get 99 (i32.const 9999999)))))"
    );
    let before = footprint();
    let mut fixture = Fixture::new(Mode::named("eager"), &text);
    assert_eq!(fixture.call("get", &[]).expect("a call"), [Val::I32(1)]);
    let after = footprint();
    assert!(after.resident <= before.resident + SLACK_BYTES, "{before:?}, then {after:?}");
}

/// What this thread has used of the processor; unlike wall time it does not depend on what else runs.
fn processor_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and `time` is valid for writing.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Finding the types of imports does not take time in the square of their number.
#[test]
fn many_imports_of_many_types_are_checked_in_linear_time() {
    const MANY: usize = 1 << 12;
    let types: String = (0..MANY)
        .map(|i| {
            let params: String = (0..12).map(|bit| if i >> bit & 1 == 0 { " i32" } else { " i64" }).collect();
            format!("(type (func (param{params})))")
        })
        .collect();
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let mut store = crate::common::store(&engine).expect("a store");
    let mut time = |of: usize, param: ValType| {
        let imports: String = (0..MANY).map(|_| format!("(import \"\" \"\" (func (type {of})))")).collect();
        let module = compile(&engine, &format!("(module {types} {imports})"));
        let ty = FuncType::new(vec![param; 12], []);
        let func = Func::new(&mut store, ty, Arc::new(|_, _, _| Ok(()))).expect("a function");
        let imports = vec![Extern::Func(func); MANY];
        let start = processor_time();
        Instance::new(&mut store, &module, &imports).expect("an instance");
        processor_time() - start
    };
    let (first, last) = (time(0, ValType::I32), time(MANY - 1, ValType::I64));
    // A search from the front takes many times as long for the last type.
    assert!(last < first * 20, "{first:?} for the first type, {last:?} for the last");
}

/// The host's own memories: made through its creator, grown in place, given back with the store.
#[test]
fn hosts_bring_their_own_memories() {
    struct Creator {
        alive: Arc<AtomicUsize>,
    }
    struct Mapped {
        base: *mut u8,
        mapped: usize,
        reserved: usize,
        alive: Arc<AtomicUsize>,
    }
    // SAFETY: the mapping is the object's own, and nothing about it belongs to a thread.
    unsafe impl Send for Mapped {}
    // SAFETY: as above; `&self` only gives the base away.
    unsafe impl Sync for Mapped {}
    impl MemoryCreator for Creator {
        fn create(&self, _ty: MemoryType, min: usize, reserved: usize, guard: usize) -> Result<Box<dyn HostMemory>> {
            let mapped = reserved.max(min) + guard;
            // SAFETY: a new mapping that nothing else knows.
            let base = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
                libc::mmap(std::ptr::null_mut(), mapped, libc::PROT_NONE, flags, -1, 0)
            };
            if base == libc::MAP_FAILED {
                return Err(Error::last_os("a host memory"));
            }
            self.alive.fetch_add(1, Ordering::SeqCst);
            let mut memory =
                Mapped { base: base.cast(), mapped, reserved: reserved.max(min), alive: self.alive.clone() };
            assert!(memory.grow(min));
            Ok(Box::new(memory))
        }
    }
    impl HostMemory for Mapped {
        fn base(&self) -> *mut u8 {
            self.base
        }
        fn grow(&mut self, new_len: usize) -> bool {
            // SAFETY: the range is inside of this object's mapping.
            new_len <= self.reserved
                && unsafe { libc::mprotect(self.base.cast(), new_len, libc::PROT_READ | libc::PROT_WRITE) } == 0
        }
    }
    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: the mapping is this object's, and no instance uses it any more.
            unsafe { libc::munmap(self.base.cast(), self.mapped) };
            self.alive.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let unbounded = "(module (memory 1) (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";
    let text = "(module (memory (export \"m\") 1 3) (data (i32.const 1) \"ab\")
      (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";
    for mode in MODES.iter().filter(|mode| !mode.config().memory_moves) {
        let alive = Arc::new(AtomicUsize::new(0));
        let mut config = mode.config();
        config.memory_creator = Some(Arc::new(Creator { alive: alive.clone() }));
        let mut fixture = Fixture::with_config(config.clone(), unbounded);
        assert_eq!(fixture.call("grow", &[Val::I32(1000)]).expect("a call"), [Val::I32(1)], "{}", mode.name);
        drop(fixture);
        let mut fixture = Fixture::with_config(config, text);
        assert_eq!(alive.load(Ordering::SeqCst), 1, "{}", mode.name);
        assert_eq!(fixture.call("load", &[Val::I32(0)]).expect("a call"), [Val::I32(0x0062_6100)]);
        assert_eq!(fixture.trap("load", &[Val::I32(65533)]), TrapCode::MemoryOutOfBounds, "{}", mode.name);
        assert_eq!(fixture.call("grow", &[Val::I32(2)]).expect("a call"), [Val::I32(1)]);
        assert_eq!(fixture.call("load", &[Val::I32(65533)]).expect("a call"), [Val::I32(0)]);
        assert_eq!(fixture.trap("load", &[Val::I32(3 * 65536 - 3)]), TrapCode::MemoryOutOfBounds, "{}", mode.name);
        assert_eq!(fixture.call("grow", &[Val::I32(1)]).expect("a call"), [Val::I32(-1)]);
        drop(fixture);
        assert_eq!(alive.load(Ordering::SeqCst), 0, "{}", mode.name);
    }
}

/// Memories moved by a grow keep what was in them, and machine code follows.
#[test]
fn memories_keep_their_contents_when_they_grow() {
    let text = "(module (memory (export \"m\") 1) (memory $n 1)
      (func (export \"run\") (param i32) (result i64) (local i64)
        (i64.store (i32.const 65528) (i64.const 0x0102030405060708))
        (i64.store $n (i32.const 8) (i64.const 5))
        (loop $l
          (drop (memory.grow (i32.const 1)))
          (drop (memory.grow $n (i32.const 1)))
          (i64.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8)) (i64.const 1))
          (local.set 1 (i64.add (local.get 1) (i64.load (i32.const 65528))))
          (local.set 1 (i64.add (local.get 1) (i64.load $n (i32.const 8))))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))";
    for mode in MODES {
        let mut fixture = Fixture::new(*mode, text);
        let results = fixture.call("run", &[Val::I32(20)]).expect("a call");
        assert_eq!(results, [Val::I64(20 * (0x0102_0304_0506_0708 + 5))], "{}", mode.name);
        let Some(Extern::Memory(memory)) = fixture.instance.export(&mut fixture.store, "m").expect("alive") else {
            panic!("no memory")
        };
        assert_eq!(memory.size(&fixture.store).expect("alive"), 21);
        let mut bytes = [0; 8];
        assert!(memory.read(&fixture.store, 21 * 65536 - 7, &mut bytes).is_err());
        memory.read(&fixture.store, 65528, &mut bytes).expect("in bounds");
        assert_eq!(u64::from_le_bytes(bytes), 0x0102_0304_0506_0708);
    }
}

/// A function that cannot be compiled harms nobody else.
#[test]
fn a_function_that_fails_to_compile_is_named() {
    let text = "(module (func (export \"good\") (result i32) (i32.const 1)) (func (export \"bad\") (result i32) (i32.const 2)))";
    let mut config = Mode::named("eager").config();
    config.fail_function = Some(1);
    let engine = Engine::new(config).expect("an engine");
    let error = CompiledModule::new(&engine, &wat::parse_str(text).expect("valid text")).err().expect("a failure");
    assert!(matches!(&error, Error::Compile { func, .. } if func.0 == 1), "{error}");
    let mut config = Mode::named("lazy").config();
    config.fail_function = Some(1);
    let mut fixture = Fixture::with_config(config, text);
    for _ in 0..3 {
        assert_eq!(fixture.call("good", &[]).expect("a call"), [Val::I32(1)]);
        assert_eq!(fixture.trap("bad", &[]), TrapCode::CompilationFailed);
    }
}

/// Where initial data come from makes no difference.
#[test]
fn memory_images_and_copies_are_equal() {
    let mut text = String::from("(module (memory (export \"m\") 4)");
    for at in [0, 100, 4095, 4096, 65536, 200_000, 262_143] {
        text.push_str(&format!("(data (i32.const {at}) \"{}\")", if at == 262_143 { "z" } else { "some data" }));
    }
    text.push_str("(func (export \"spoil\") (memory.fill (i32.const 0) (i32.const 255) (i32.const 262144))))");
    for mode in MODES {
        let contents = |images: bool| {
            let mut config = mode.config();
            config.memory_images = images;
            let engine = Engine::new(config).expect("an engine");
            let mut store = crate::common::store(&engine).expect("a store");
            let module = compile(&engine, &text);
            let mut all = Vec::new();
            // The second instance must not see what the first one wrote.
            for _ in 0..2 {
                let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                let Some(Extern::Memory(memory)) = instance.export(&mut store, "m").expect("alive") else { panic!() };
                let mut bytes = vec![0; 4 << 16];
                memory.read(&store, 0, &mut bytes).expect("in bounds");
                all.push(bytes);
                let spoil = exported_func(&mut store, instance, "spoil");
                call(&mut store, spoil, &[]).expect("a call");
            }
            assert_eq!(all[0], all[1], "{}", mode.name);
            all.swap_remove(0)
        };
        assert!(contents(true) == contents(false), "{}", mode.name);
    }
}

/// A host that may not reserve address space gets explicit checks, unless it insists.
#[test]
fn memory_modes_are_what_was_asked_for() {
    let guarded = |memory_mode, signals| {
        let config = updraft::config::Config { memory_mode, signals, ..Mode::named("eager").config() };
        Engine::new(config).expect("an engine").memories_are_guarded()
    };
    assert!(guarded(MemoryMode::Guarded, true));
    assert!(!guarded(MemoryMode::Explicit, true));
    assert!(!guarded(MemoryMode::Auto, false));
}

/// Memories made by the host are in the engine's mode as well.
#[test]
fn host_made_memories_are_checked_like_others() {
    let text = "(module (import \"\" \"m\" (memory 1)) (func (export \"f\") (param i32) (result i32) (i32.load (local.get 0))))";
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_imports(&engine, text, |store| {
            let ty = MemoryType { min: 1, max: None, index: IndexType::I32, shared: false };
            vec![Extern::Memory(Memory::new(store, ty).expect("a memory"))]
        });
        for address in [65533, 65536, 1 << 20, i32::MAX, i32::MIN, -1] {
            assert_eq!(fixture.trap("f", &[Val::I32(address)]), TrapCode::MemoryOutOfBounds, "{}", mode.name);
        }
    }
}
