//! What concerns the whole process: the main thread's stack, the host's own signal handlers, fork.
//!
//! Each scenario runs in a process of its own, which this program starts from itself: what one does to
//! signal handlers must not reach the others. An argument selects scenarios by a part of their name.

mod common;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::Instant;

use common::{Fixture, MODES, Mode, compile, exported_func};
use updraft::config::{BaselineChoice, Config, MemoryMode, Strategy, Tiering, TieringPolicy, Tiers, Workers};
use updraft::engine::{CompiledModule, Engine, Job, ModuleOptions, Waited};
use updraft::module::SharedBytes;
use updraft::runtime::func::{Caller, Func};
use updraft::runtime::instance::Instance;
use updraft::runtime::store::Store;
use updraft::runtime::value::{Extern, Val};
use updraft::trap::TrapCode;
use updraft::types::FuncType;

struct Scenario {
    name: &'static str,
    run: fn(),
    /// The signal that must end the process; none if it must end well.
    signal: Option<i32>,
    /// Bytes that the main thread's stack is limited to.
    stack: Option<u64>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "overflow on the main thread", run: overflow, signal: None, stack: None },
    Scenario { name: "overflow on a small main thread", run: overflow, signal: None, stack: Some(256 << 10) },
    Scenario { name: "a handler from before", run: handler_before, signal: None, stack: None },
    Scenario { name: "a handler from after, which chains", run: handler_after, signal: None, stack: None },
    Scenario {
        name: "a handler from after, which does not chain, with signals off",
        run: handler_without_chain,
        signal: None,
        stack: None,
    },
    Scenario { name: "signals off installs no handler", run: no_handler, signal: None, stack: None },
    Scenario { name: "a host's own crash", run: crash, signal: Some(libc::SIGSEGV), stack: None },
    Scenario { name: "a host's crash beneath wasm", run: crash_beneath, signal: Some(libc::SIGSEGV), stack: None },
    Scenario { name: "fork", run: fork_quiet, signal: None, stack: None },
    Scenario { name: "fork while threads compile", run: fork_busy, signal: None, stack: None },
    Scenario { name: "fork while loops wait for their code", run: fork_loops, signal: None, stack: None },
    Scenario { name: "fork with a job that nobody has begun", run: fork_job, signal: None, stack: None },
    Scenario {
        name: "fork while a thread compiles what the child waits for",
        run: fork_awaited,
        signal: None,
        stack: None,
    },
    Scenario {
        name: "fork while a thread compiles what the child calls",
        run: fork_claimed,
        signal: None,
        stack: None,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [first, name] = &args[..]
        && first == "child"
    {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario of this name");
        (scenario.run)();
        return ExitCode::SUCCESS;
    }
    let mut good = true;
    for scenario in SCENARIOS {
        if args.is_empty() || args.iter().any(|arg| scenario.name.contains(arg.as_str())) {
            let passed = run(scenario);
            println!("process: {} ... {}", scenario.name, if passed { "ok" } else { "FAILED" });
            good &= passed;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(scenario: &Scenario) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["child", scenario.name]);
    if let Some(stack) = scenario.stack {
        // SAFETY: setrlimit is async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                let limit = libc::rlimit { rlim_cur: stack, rlim_max: stack };
                match libc::setrlimit(libc::RLIMIT_STACK, &limit) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    }
    let output = command.output().expect("a process");
    let passed = match scenario.signal {
        None => output.status.success(),
        Some(signal) => output.status.signal() == Some(signal),
    };
    if !passed {
        println!("{:?}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    passed
}

/// Traps by fault, by division and by depth, and a call that works.
const TRAPS: &str = "(module
  (import \"\" \"host\" (func $host))
  (memory 1)
  (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export \"div\") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $deep (export \"deep\") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func (export \"host\") (param i32) (result i32) (call $host) (local.get 0)))";

fn fixture(config: Config, host: fn()) -> Fixture {
    let engine = Engine::new(config).expect("an engine");
    Fixture::with_imports(&engine, TRAPS, |store| {
        let callback = Arc::new(move |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
            host();
            Ok(())
        });
        vec![Extern::Func(Func::new(store, FuncType::new([], []), callback).expect("a host function"))]
    })
}

fn check_traps(fixture: &mut Fixture) {
    for _ in 0..3 {
        assert_eq!(fixture.trap("load", &[Val::I32(-1)]), TrapCode::MemoryOutOfBounds);
        assert_eq!(fixture.trap("div", &[Val::I32(0)]), TrapCode::IntegerDivideByZero);
        assert_eq!(fixture.trap("deep", &[Val::I32(0)]), TrapCode::StackOverflow);
        assert_eq!(fixture.call("load", &[Val::I32(0)]).expect("in bounds"), [Val::I32(0)]);
    }
}

fn overflow() {
    for mode in MODES {
        check_traps(&mut fixture(mode.config(), || {}));
    }
}

/// Faults that the host's handler has seen and repaired.
static REPAIRED: AtomicUsize = AtomicUsize::new(0);
/// A page of the host's which is not accessible until its handler makes it so.
static PAGE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
/// Who handled SIGSEGV before the host did, if the host chains.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(std::ptr::null_mut());

const PAGE_BYTES: usize = 4096;

extern "C" fn host_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let page = PAGE.load(Ordering::SeqCst);
    // SAFETY: the kernel passes a valid record.
    let address = unsafe { (*info).si_addr() }.cast::<u8>();
    if !page.is_null() && (page..page.wrapping_add(PAGE_BYTES)).contains(&address) {
        REPAIRED.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the page is the host's own.
        unsafe { libc::mprotect(page.cast(), PAGE_BYTES, libc::PROT_READ | libc::PROT_WRITE) };
        return;
    }
    let previous = PREVIOUS.load(Ordering::SeqCst);
    if previous.is_null() {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(99) };
    }
    // SAFETY: the record was filled by sigaction and stays; handlers with three arguments are what Rust's
    // runtime and the engine install.
    unsafe {
        assert!((*previous).sa_flags & libc::SA_SIGINFO != 0);
        let chained: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
            std::mem::transmute((*previous).sa_sigaction);
        chained(signal, info, context);
    }
}

fn current_handler(signal: i32) -> libc::sigaction {
    // SAFETY: only reads the current action into a record that zeroes are valid for.
    unsafe {
        let mut action = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, std::ptr::null(), &mut action), 0);
        action
    }
}

fn install_host_handler() {
    // SAFETY: a handler that keeps to what handlers may do, with the flags that its signature needs.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = host_handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        libc::sigemptyset(&mut action.sa_mask);
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()), 0);
    }
}

/// Touches a page of the host's that is not accessible: the host's handler repairs it.
fn host_fault() {
    // SAFETY: a new mapping; the write faults, and succeeds once the handler has run.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), PAGE_BYTES, libc::PROT_NONE, flags, -1, 0);
        assert!(page != libc::MAP_FAILED);
        let before = REPAIRED.load(Ordering::SeqCst);
        PAGE.store(page.cast(), Ordering::SeqCst);
        page.cast::<u8>().add(8).write_volatile(7);
        assert_eq!(REPAIRED.load(Ordering::SeqCst), before + 1);
        PAGE.store(std::ptr::null_mut(), Ordering::SeqCst);
        libc::munmap(page, PAGE_BYTES);
    }
}

fn handler_before() {
    install_host_handler();
    for mode in MODES {
        let mut fixture = fixture(mode.config(), host_fault);
        check_traps(&mut fixture);
        host_fault();
        // In a host function, with frames of WebAssembly above it.
        fixture.call("host", &[Val::I32(1)]).expect("the host repaired its fault");
        check_traps(&mut fixture);
    }
}

fn handler_after() {
    let mut fixture = fixture(Mode::named("eager").config(), host_fault);
    check_traps(&mut fixture);
    PREVIOUS.store(Box::into_raw(Box::new(current_handler(libc::SIGSEGV))), Ordering::SeqCst);
    install_host_handler();
    check_traps(&mut fixture);
    host_fault();
    fixture.call("host", &[Val::I32(1)]).expect("the host repaired its fault");
    // Later engines work below the host's handler as well.
    for mode in MODES {
        check_traps(&mut self::fixture(mode.config(), || {}));
    }
}

fn handler_without_chain() {
    let mut fixture = fixture(Mode::named("signals-off").config(), host_fault);
    install_host_handler();
    check_traps(&mut fixture);
    host_fault();
    fixture.call("host", &[Val::I32(1)]).expect("the host repaired its fault");
}

fn no_handler() {
    let signals = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
    let handlers = || signals.map(|signal| current_handler(signal).sa_sigaction);
    let before = handlers();
    let config = Config { signals: false, memory_mode: MemoryMode::Auto, ..Config::default() };
    check_traps(&mut fixture(config, || {}));
    assert_eq!(handlers(), before);
}

/// Reads what is not there, as a bug of the host's would.
fn read_nothing() {
    // SAFETY: none; the read must end this process.
    unsafe { std::ptr::without_provenance::<u8>(1 << 46).read_volatile() };
}

fn crash() {
    // A handler that the engine found, and must leave the crash to.
    let mut fixture = fixture(Mode::named("eager").config(), || {});
    check_traps(&mut fixture);
    read_nothing();
}

fn crash_beneath() {
    let mut fixture = fixture(Mode::named("eager").config(), read_nothing);
    let _ = fixture.call("host", &[Val::I32(1)]);
}

const FUNCTIONS: usize = 40;

fn functions() -> String {
    let list: Vec<String> =
        (0..FUNCTIONS).map(|i| format!("(func (export \"f{i}\") (result i32) (i32.const {i}))")).collect();
    format!("(module (func (export \"trap\") unreachable) {})", list.join(" "))
}

/// Forks; the child runs `body` and ends, and must end well. An alarm ends a child that hangs.
fn in_child(body: impl FnOnce()) {
    // SAFETY: the child uses what the engine promises to work after fork, and ends without unwinding.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(60);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            libc::_exit(i32::from(outcome.is_err()));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert_eq!(status, 0, "the child failed");
    }
}

fn call_some(fixture: &mut Fixture, range: std::ops::Range<usize>) {
    for i in range {
        assert_eq!(fixture.call(&format!("f{i}"), &[]).expect("a call"), [Val::I32(i as i32)]);
    }
    assert_eq!(fixture.trap("trap", &[]), TrapCode::Unreachable);
}

fn fork_quiet() {
    for mode in MODES {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_engine(&engine, &functions());
        call_some(&mut fixture, 0..10);
        for _ in 0..3 {
            in_child(|| {
                // What the parent compiled, what it did not, a new module, and a child of the child.
                call_some(&mut fixture, 0..20);
                call_some(&mut Fixture::with_engine(&engine, &functions()), 0..FUNCTIONS);
                in_child(|| call_some(&mut Fixture::with_engine(&engine, &functions()), 0..FUNCTIONS));
                let engine = Engine::new(mode.config()).expect("an engine");
                call_some(&mut Fixture::with_engine(&engine, &functions()), 0..FUNCTIONS);
            });
        }
        call_some(&mut fixture, 0..FUNCTIONS);
    }
}

/// A loop whose code was asked for in the parent, and nobody has compiled it: the child asks anew and gets it.
fn fork_loops() {
    let text = "(module (func (export \"f\") (param i32) (result i32) (local i32)
        (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
          (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))";
    for baseline in [BaselineChoice::Native, BaselineChoice::Portable] {
        let tiering = Tiering { policy: TieringPolicy::Custom(100), ..Tiering::default() };
        let workers = Workers::Threads(0);
        let config =
            Config { tiers: Tiers::Both, strategy: Strategy::Lazy, baseline, tiering, workers, ..Config::default() };
        let mut fixture = Fixture::with_config(config, text);
        let mut run = || {
            assert_eq!(fixture.call("f", &[Val::I32(10_000)]).expect("a call"), [Val::I32(50_005_000)]);
            fixture.module.osr_counts()
        };
        let counts = run();
        assert!(counts.claimed == 1 && counts.entered == 0, "{counts:?}");
        in_child(|| {
            let counts = run();
            assert!(counts.claimed == 0 && counts.entered > 0, "{counts:?}");
            in_child(|| assert_eq!(run().claimed, 0));
        });
        let counts = run();
        assert!(counts.claimed == 1 && counts.entered == 0, "{counts:?}");
    }
}

fn fork_busy() {
    for mode in [Mode::named("lazy"), Mode::named("eager"), Mode::named("tiered"), Mode::named("eager-top")] {
        let engine = Engine::new(mode.config()).expect("an engine");
        let mut fixture = Fixture::with_engine(&engine, &functions());
        let stop = AtomicBool::new(false);
        // The threads must end also if an assertion here fails, or the process would not.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                // Relaxed: the threads only look whether to go on.
                self.0.store(true, Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let module = compile(&engine, &functions());
                        let mut store = Store::new(&engine).expect("a store");
                        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                        for i in 0..FUNCTIONS {
                            let func = exported_func(&mut store, instance, &format!("f{i}"));
                            assert_eq!(common::call(&mut store, func, &[]).expect("a call"), [Val::I32(i as i32)]);
                        }
                    }
                });
            }
            let _stop = Stop(&stop);
            for round in 0..20 {
                in_child(|| {
                    call_some(&mut fixture, 0..FUNCTIONS);
                    call_some(&mut Fixture::with_engine(&engine, &functions()), 0..FUNCTIONS);
                });
                call_some(&mut fixture, round..round + 1);
            }
        });
    }
}

/// Parent and child each make the module by themselves, and neither has threads that would.
fn fork_job() {
    let config = Config { workers: Workers::Threads(0), ..Mode::named("eager-top").config() };
    let engine = Engine::new(config).expect("an engine");
    let bytes: SharedBytes = Arc::new(wat::parse_str(functions()).expect("valid text"));
    let job = Job::start(&engine, bytes, ModuleOptions::default());
    let finish = || {
        let module = job.wait(None).expect("no deadline").expect("a module");
        let mut store = Store::new(&engine).expect("a store");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        for i in 0..FUNCTIONS {
            let func = exported_func(&mut store, instance, &format!("f{i}"));
            assert_eq!(common::call(&mut store, func, &[]).expect("a call"), [Val::I32(i as i32)]);
        }
        assert_eq!(module.wait_finished(None).expect("a stack"), Waited::Done);
    };
    for _ in 0..3 {
        in_child(finish);
    }
    finish();
    in_child(finish);
}

/// A function that takes a while to compile.
fn large() -> String {
    let body: String = (0..3000)
        .map(|i| format!("(local.set 0 (i32.mul (i32.xor (local.get 0) (i32.const {i})) (i32.const 3)))"))
        .collect();
    format!("(func (export \"large\") (param i32) (result i32) {body} (local.get 0))")
}

/// A child that waits for a module, or a job, at which the parent's worker was when it forked, gets an answer.
fn fork_awaited() {
    // More than their maker compiles alone.
    let others: String = (0..12).map(|i| large().replace("large", &format!("other{i}"))).collect();
    let text = format!("(module {} {others})", large());
    let bytes: SharedBytes = Arc::new(wat::parse_str(text).expect("valid text"));
    for strategy in [Strategy::Eager, Strategy::EagerBackground] {
        let config = Config { workers: Workers::Threads(1), strategy, ..Mode::named("eager").config() };
        let engine = Engine::new(config).expect("an engine");
        for _ in 0..3 {
            let compiled = || engine.compile_stats().lanes.iter().map(|lane| lane.compiled).sum::<u64>();
            let before = compiled();
            let job = Job::start(&engine, bytes.clone(), ModuleOptions::default());
            // Until the worker has compiled a few, and is at the next.
            while compiled() < before + 3 {
                std::thread::yield_now();
            }
            in_child(|| {
                // Who does not want to wait compiles nothing.
                let before = compiled();
                let _ = job.wait(Some(Instant::now()));
                assert_eq!(compiled(), before);
                // Made here as well, or refused because the parent's thread was at it.
                if let Ok(module) = job.wait(None).expect("no deadline") {
                    assert!(matches!(module.wait_finished(None).expect("a stack"), Waited::Done | Waited::Closed));
                    let mut store = Store::new(&engine).expect("a store");
                    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                    let func = exported_func(&mut store, instance, "large");
                    common::call(&mut store, func, &[Val::I32(1)]).expect("a call");
                }
            });
            let module = job.wait(None).expect("no deadline").expect("a module");
            assert_eq!(module.wait_finished(None).expect("a stack"), Waited::Done);
        }
    }
}

/// The thread that compiles a function is not in the child, which must not wait for it.
fn fork_claimed() {
    let text = format!("(module {})", large());
    let engine = Engine::new(Mode::named("lazy").config()).expect("an engine");
    let run = |module: &CompiledModule| {
        let mut store = Store::new(&engine).expect("a store");
        let instance = Instance::new(&mut store, module, &[]).expect("an instance");
        let func = exported_func(&mut store, instance, "large");
        common::call(&mut store, func, &[Val::I32(1)]).expect("a call")
    };
    let expected = run(&compile(&engine, &text));
    // At different times of the compilation.
    for round in 0..10 {
        let module = compile(&engine, &text);
        let started = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                started.wait();
                assert_eq!(run(&module), expected);
            });
            started.wait();
            (0..round * 2000).for_each(|_| std::thread::yield_now());
            in_child(|| assert_eq!(run(&module), expected));
        });
    }
}
