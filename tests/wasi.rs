//! WASI programs through the engine: linking, memory, exits, interrupts, and the depth of the stack.

#![cfg(feature = "wasi")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use updraft::config::{Config, Strategy, Tiers};
use updraft::engine::{CompiledModule, Engine};
use updraft::error::{Error, Result};
use updraft::runtime::func::Func;
use updraft::runtime::instance::Instance;
use updraft::runtime::linker::Linker;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::wasi::{Access, Input, Output, Wasi, WasiConfig};

/// A directory that goes when it is dropped.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Temp {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wasi-run-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Temp(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn export(store: &mut Store, instance: Instance, name: &str) -> Func {
    match instance.export(store, name).unwrap() {
        Some(Extern::Func(func)) => func,
        other => panic!("{name}: {other:?}"),
    }
}

/// One program, ready to be called.
struct Program {
    store: Store,
    instance: Instance,
    start: Func,
    wasi: Wasi,
}

impl Program {
    fn new(wasm: &[u8], config: Config, change: impl FnOnce(&mut WasiConfig)) -> Program {
        let engine = Engine::new(config).unwrap();
        let module = CompiledModule::new(&engine, wasm).unwrap();
        let mut config = WasiConfig::new();
        config.stdout(Output::Buffer { limit: 1 << 20 });
        change(&mut config);
        let wasi = Wasi::new(config).unwrap();
        let mut linker = Linker::new(&engine);
        wasi.add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let start = export(&mut store, instance, "_start");
        Program { store, instance, start, wasi }
    }
    fn export(&mut self, name: &str) -> Func {
        export(&mut self.store, self.instance, name)
    }
    fn call(&mut self, results: &mut [Val]) -> Result<()> {
        self.start.call(&mut self.store, &[], results)
    }
    fn run_i32(&mut self) -> i32 {
        let mut results = [Val::I32(-1)];
        self.call(&mut results).unwrap();
        let [Val::I32(value)] = results else { panic!("{results:?}") };
        value
    }
}

fn run(wat: &str, change: impl FnOnce(&mut WasiConfig)) -> Program {
    Program::new(wat.as_bytes(), Config::default(), change)
}

fn config(strategy: Strategy) -> Config {
    Config { strategy, ..Config::default() }
}

const PREVIEW1: &str = r#"(import "wasi_snapshot_preview1""#;

#[test]
fn hello_from_both_generations_in_every_way_of_compiling() {
    for compilation in [Strategy::Eager, Strategy::Lazy] {
        for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
            let wat = format!(
                r#"(module
                  (import "{module}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
                  (memory (export "memory") 1)
                  (data (i32.const 0) "\10\00\00\00\06\00\00\00")
                  (data (i32.const 16) "hello\n")
                  (func (export "_start") (result i32)
                    (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
                    (i32.load (i32.const 8))
                    i32.const 100 i32.mul i32.add))"#
            );
            let mut program = Program::new(wat.as_bytes(), config(compilation), |_| ());
            assert_eq!(program.run_i32(), 600);
            assert_eq!(program.wasi.stdout(), b"hello\n");
        }
    }
}

#[test]
fn exit_carries_its_status_to_the_host() {
    for (call, status) in [("(call $exit (i32.const 42))", 42), ("(drop (call $raise (i32.const 6)))", 134)] {
        let wat = format!(
            r#"(module
              {PREVIEW1} "proc_exit" (func $exit (param i32)))
              {PREVIEW1} "proc_raise" (func $raise (param i32) (result i32)))
              (func $inner {call})
              (func (export "_start") (call $inner) unreachable))"#
        );
        let mut program = run(&wat, |_| ());
        let error = program.call(&mut []).unwrap_err();
        let trap = error.trap().unwrap();
        assert_eq!((trap.code, trap.exit_status), (TrapCode::Exit, Some(status)));
        // The store is as good as before.
        assert_eq!(program.call(&mut []).unwrap_err().trap().unwrap().exit_status, Some(status));
    }
}

#[test]
fn a_program_without_memory_gets_faults() {
    let wat = format!(
        r#"(module
          {PREVIEW1} "random_get" (func $random (param i32 i32) (result i32)))
          {PREVIEW1} "sched_yield" (func $yield (result i32)))
          (func (export "_start") (result i32)
            (i32.add (call $yield) (call $random (i32.const 0) (i32.const 1)))))"#
    );
    assert_eq!(run(&wat, |_| ()).run_i32(), 21);
}

#[test]
fn pointers_are_unsigned_and_follow_a_grown_memory() {
    let wat = format!(
        r#"(module
          {PREVIEW1} "random_get" (func $random (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start") (result i32)
            ;; 21 + 21*100 (out of bounds), then 0 once the memory is large enough
            (call $random (i32.const 0xfffffff0) (i32.const 16))
            (i32.mul (i32.const 100) (call $random (i32.const 65536) (i32.const 1)))
            i32.add
            (drop (memory.grow (i32.const 1)))
            (i32.mul (i32.const 10000) (call $random (i32.const 65536) (i32.const 65536)))
            i32.add))"#
    );
    assert_eq!(run(&wat, |_| ()).run_i32(), 2121);
}

#[test]
fn files_are_read_from_a_directory() {
    let temp = Temp::new();
    fs::write(temp.0.join("name"), "content of the file").unwrap();
    let wat = format!(
        r#"(module
          {PREVIEW1} "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          {PREVIEW1} "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
          {PREVIEW1} "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          {PREVIEW1} "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "name")
          (data (i32.const 16) "\00\01\00\00\64\00\00\00")
          (func (export "_start") (result i32)
            (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)
              (i64.const 0x6) (i64.const 0) (i32.const 0) (i32.const 32))
            (call $seek (i32.load (i32.const 32)) (i64.const -4) (i32.const 2) (i32.const 40))
            i32.add
            (call $read (i32.load (i32.const 32)) (i32.const 16) (i32.const 1) (i32.const 20))
            i32.add
            (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))
            i32.add))"#
    );
    let mut program = run(&wat, |config| {
        config.preopen(&temp.0, ".", Access::ReadOnly);
    });
    assert_eq!(program.run_i32(), 0);
    assert_eq!(program.wasi.stdout(), b"file");
}

/// A program that sleeps for an hour, as the older or the newer interface says it.
fn sleeper() -> String {
    format!(
        r#"(module
          {PREVIEW1} "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (loop
              (i32.store (i32.const 16) (i32.const 1))
              (i64.store (i32.const 24) (i64.const 3600000000000))
              (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
              (br 0))))"#
    )
}

/// Returns when the thread waits in a system call.
fn until_blocked(thread: i32) {
    let state = || fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    // The state stands behind the name, which may hold anything but ends with the last parenthesis.
    while !state().rsplit(')').next().unwrap().trim_start().starts_with('S') {
        std::thread::yield_now();
    }
}

#[test]
fn interrupts_and_deadlines_wake_a_sleeping_program() {
    let mut program = run(&sleeper(), |_| ());
    // SAFETY: has no preconditions.
    let waiting = unsafe { libc::gettid() };
    for _ in 0..3 {
        let handle = program.store.interrupt_handle();
        let host = std::thread::spawn(move || {
            until_blocked(waiting);
            handle.interrupt();
        });
        let error = program.call(&mut []).unwrap_err();
        assert_eq!(error.trap().unwrap().code, TrapCode::Interrupt);
        host.join().unwrap();
        let timeout = Duration::from_millis(20);
        let error = program.start.call_with_timeout(&mut program.store, &[], &mut [], timeout).unwrap_err();
        assert_eq!(error.trap().unwrap().code, TrapCode::Deadline);
        // One that was taken back wakes nobody.
        let handle = program.store.interrupt_handle();
        handle.interrupt();
        handle.clear();
        assert!(!handle.is_pending());
    }
}

#[test]
fn an_interrupt_that_was_taken_back_does_not_disturb_a_sleep() {
    let wat = format!(
        r#"(module
          {PREVIEW1} "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start") (result i32)
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 1000000))
            (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"#
    );
    let mut program = run(&wat, |_| ());
    let handle = program.store.interrupt_handle();
    // The descriptor exists before the interrupt, and is signalled by it.
    handle.fd().unwrap();
    handle.interrupt();
    handle.clear();
    assert_eq!(program.run_i32(), 0);
}

#[test]
fn reading_from_a_silent_pipe_is_interrupted() {
    let (read, _write) = std::io::pipe().unwrap();
    let wat = format!(
        r#"(module
          {PREVIEW1} "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00\06\00\00\00")
          (func (export "_start")
            (loop (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"#
    );
    let mut program = run(&wat, |config| {
        config.stdin(Input::File(std::os::fd::OwnedFd::from(read).into()));
    });
    let timeout = Duration::from_millis(20);
    let error = program.start.call_with_timeout(&mut program.store, &[], &mut [], timeout).unwrap_err();
    assert_eq!(error.trap().unwrap().code, TrapCode::Deadline);
}

#[test]
fn host_functions_have_stack_wherever_the_guest_stands() {
    // In its last frames the guest opens a path with links, changes times, lists, polls.
    let temp = Temp::new();
    fs::create_dir(temp.0.join("d")).unwrap();
    fs::write(temp.0.join("d/file"), "x").unwrap();
    std::os::unix::fs::symlink("d/../d", temp.0.join("l")).unwrap();
    let wat = format!(
        r#"(module
          {PREVIEW1} "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          {PREVIEW1} "path_filestat_set_times" (func $times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
          {PREVIEW1} "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
          {PREVIEW1} "path_link" (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
          {PREVIEW1} "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))
          {PREVIEW1} "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          {PREVIEW1} "fd_close" (func $close (param i32) (result i32)))
          (memory (export "memory") 1)
          (global $depth (mut i32) (i32.const 0))
          (global $calls (mut i32) (i32.const 0))
          (data (i32.const 0) "l/../l/./file")
          (func $deep (param i32) (result i32)
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (if (i32.ge_u (global.get $depth) (local.get 0)) (then
              (if (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 13) (i32.const 0)
                    (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)) (then unreachable))
              (drop (call $times (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 13) (i64.const 1) (i64.const 1) (i32.const 5)))
              (drop (call $rename (i32.const 3) (i32.const 0) (i32.const 13) (i32.const 3) (i32.const 0) (i32.const 13)))
              (drop (call $link (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 13) (i32.const 3) (i32.const 0) (i32.const 13)))
              (drop (call $list (i32.const 3) (i32.const 256) (i32.const 1024) (i64.const 0) (i32.const 40)))
              (i32.store (i32.const 2064) (i32.const 1))
              (drop (call $poll (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 40)))
              (if (call $close (i32.load (i32.const 32))) (then unreachable))
              (global.set $calls (i32.add (global.get $calls) (i32.const 1)))))
            (i32.add (i32.const 1) (call $deep (local.get 0))))
          ;; Goes down without the host until the stack ends.
          (func (export "measure") (drop (call $deep (i32.const -1))))
          ;; Goes down again, and calls the host in the last frames.
          (func (export "_start")
            (local i32)
            (local.set 0 (i32.sub (global.get $depth) (i32.const 4)))
            (global.set $depth (i32.const 0))
            (drop (call $deep (local.get 0))))
          (func (export "calls") (result i32) (global.get $calls)))"#
    );
    // One tier at a time: what is measured must be the frames that the second run has.
    for tiers in [Tiers::Top, Tiers::Baseline] {
        let mut program = Program::new(wat.as_bytes(), Config { tiers, ..Config::default() }, |config| {
            config.preopen(&temp.0, ".", Access::ReadWrite);
        });
        let measure = program.export("measure");
        for func in [measure, program.start] {
            let error = func.call(&mut program.store, &[], &mut []).unwrap_err();
            assert_eq!(error.trap().map(|trap| trap.code), Some(TrapCode::StackOverflow), "{error}");
        }
        let mut calls = [Val::I32(0)];
        program.export("calls").call(&mut program.store, &[], &mut calls).unwrap();
        assert!(matches!(calls, [Val::I32(1..=6)]), "{tiers:?}: {calls:?}");
    }
}

#[test]
fn programs_that_use_a_c_library() {
    // `libc.c` beside it is the source, with the command that built it.
    let wasm = include_bytes!("wasi/libc.wasm");
    for compilation in [Strategy::Eager, Strategy::Lazy] {
        let temp = Temp::new();
        for name in ["data", "fixed"] {
            fs::create_dir(temp.0.join(name)).unwrap();
        }
        fs::write(temp.0.join("fixed/file"), "fixed").unwrap();
        fs::write(temp.0.join("secret"), "secret").unwrap();
        let mut program = Program::new(wasm, config(compilation), |config| {
            config.args(["libc", "", "two words"]).env("NAME", "value").stdin(Input::Bytes(b"input\n".to_vec()));
            config.preopen(temp.0.join("data"), "/data", Access::ReadWrite);
            config.preopen(temp.0.join("fixed"), "/fixed", Access::ReadOnly);
            config.stderr(Output::Buffer { limit: 1 << 16 });
        });
        let error = program.call(&mut []).unwrap_err();
        assert_eq!(String::from_utf8(program.wasi.stderr()).unwrap(), "");
        assert_eq!(program.wasi.stdout(), b"0 failures");
        assert_eq!(error.trap().and_then(|trap| trap.exit_status), Some(0), "{error}");
        assert_eq!(fs::read(temp.0.join("fixed/file")).unwrap(), b"fixed");
        assert_eq!(fs::read_dir(temp.0.join("fixed")).unwrap().count(), 1);
    }
}

#[test]
fn one_linker_serves_one_program_and_says_so() {
    let engine = Engine::new(Config::default()).unwrap();
    let mut linker = Linker::new(&engine);
    Wasi::new(WasiConfig::new()).unwrap().add_to_linker(&mut linker).unwrap();
    let second = Wasi::new(WasiConfig::new()).unwrap();
    assert!(matches!(second.add_to_linker(&mut linker), Err(Error::Link { .. })));
    linker.allow_shadowing(true);
    second.add_to_linker(&mut linker).unwrap();
}

#[test]
fn all_functions_are_there_with_their_types() {
    // As in the interface's description: name, parameters (i = i32, I = i64), results.
    const FUNCTIONS: &str = "args_get ii i|args_sizes_get ii i|environ_get ii i|environ_sizes_get ii i|clock_res_get ii i|\
        clock_time_get iIi i|fd_advise iIIi i|fd_allocate iII i|fd_close i i|fd_datasync i i|fd_fdstat_get ii i|\
        fd_fdstat_set_flags ii i|fd_fdstat_set_rights iII i|fd_filestat_get ii i|fd_filestat_set_size iI i|\
        fd_filestat_set_times iIIi i|fd_pread iiiIi i|fd_prestat_get ii i|fd_prestat_dir_name iii i|fd_pwrite iiiIi i|\
        fd_read iiii i|fd_readdir iiiIi i|fd_renumber ii i|fd_seek iIii i|fd_sync i i|fd_tell ii i|fd_write iiii i|\
        path_create_directory iii i|path_filestat_get iiiii i|path_filestat_set_times iiiiIIi i|path_link iiiiiii i|\
        path_open iiiiiIIii i|path_readlink iiiiii i|path_remove_directory iii i|path_rename iiiiii i|\
        path_symlink iiiii i|path_unlink_file iii i|poll_oneoff iiii i|proc_exit i -|proc_raise i i|sched_yield - i|\
        random_get ii i|sock_accept iii i|sock_recv iiiiii i|sock_send iiiii i|sock_shutdown ii i";
    assert_eq!(FUNCTIONS.split('|').count(), 46);
    let types = |letters: &str| -> String {
        letters
            .chars()
            .map(|c| match c {
                'i' => " i32",
                'I' => " i64",
                _ => "",
            })
            .collect()
    };
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let imports: String = FUNCTIONS
            .split('|')
            .filter(|function| module != "wasi_unstable" || !function.starts_with("sock_accept"))
            .map(|function| {
                let [name, params, results] = function.split_whitespace().collect::<Vec<_>>()[..] else {
                    panic!("{function}");
                };
                let (params, results) = (types(params), types(results));
                format!(r#"(import "{module}" "{name}" (func (param{params}) (result{results})))"#)
            })
            .collect();
        // Instantiation compares the types.
        run(&format!(r#"(module {imports} (func (export "_start")))"#), |_| ());
    }
}
