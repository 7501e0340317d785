//! Hand-assembled functions, published, called, found and freed, with both ways of writing code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::arena::{Backing, CodeSpace, MAX_RESERVATION};
use super::map::{GRANULE, find};
use super::publish::{Lazy, ModuleCode, NewCode};
use super::slot::Version;
use crate::abi::vmctx::{CodeSlot, VMCTX_LAZY_COMPILE, VmHeader};
use crate::error::{Error, Result};
use crate::module::{Features, Module, decode};
use crate::sys::tests::in_child;
use crate::tier::Tier;
use crate::tier::compiled::{
    CallKind, CallSite, CodeKind, CompiledCode, InlinedIndex, Relocation, RelocationTarget, TrapSite,
};
use crate::trap::TrapCode;
use crate::types::{DefinedFunc, FuncIndex};

const BOTH: [Backing; 2] = [Backing::TwoViews, Backing::FreshPages];

fn space(bytes: usize, backing: Backing) -> Arc<CodeSpace> {
    Arc::new(CodeSpace::with_backing(bytes, backing).unwrap())
}

/// A module with one import and this many functions of its own.
fn module(count: usize) -> Arc<Module> {
    let text = format!("(module (import \"\" \"\" (func)) {})", "(func)".repeat(count));
    Arc::new(decode::load(&wat::parse_str(text).unwrap(), Features::ALL, 1).unwrap())
}

/// `mov eax, value; ret`
fn returns(value: i32) -> CompiledCode {
    let [a, b, c, d] = value.to_le_bytes();
    code(&[0xB8, a, b, c, d, 0xC3], None)
}

/// `sub rsp, 8; call func; add rsp, 8; ret`
fn calls(func: u32) -> CompiledCode {
    let bytes = [0x48, 0x83, 0xEC, 8, 0xE8, 0, 0, 0, 0, 0x48, 0x83, 0xC4, 8, 0xC3];
    code(&bytes, Some((5, RelocationTarget::Function(DefinedFunc(func)))))
}

/// `sub rsp, 8; call [rip + slot]; add rsp, 8; ret`
fn calls_through_slot(func: u32) -> CompiledCode {
    let bytes = [0x48, 0x83, 0xEC, 8, 0xFF, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xC4, 8, 0xC3];
    code(&bytes, Some((6, RelocationTarget::Slot(DefinedFunc(func)))))
}

fn code(bytes: &[u8], field: Option<(u32, RelocationTarget)>) -> CompiledCode {
    let relocations = field.map(|(offset, target)| Relocation { offset, target, addend: -4 });
    CompiledCode {
        bytes: bytes.to_vec(),
        alignment: 16,
        relocations: relocations.into_iter().collect(),
        ..CompiledCode::default()
    }
}

/// What `func` returns when it is called through its slot.
fn call(code: &ModuleCode, func: u32) -> i32 {
    run(code.entry(DefinedFunc(func)))
}

fn run(entry: usize) -> i32 {
    // SAFETY: all code of these tests takes nothing and returns in eax.
    unsafe { std::mem::transmute::<usize, extern "C" fn() -> i32>(entry)() }
}

fn publish(code: &ModuleCode, batch: impl IntoIterator<Item = (u32, CompiledCode)>) -> Result<()> {
    code.publish(&mut batch.into_iter().map(|(func, code)| (DefinedFunc(func), Tier::Top, code).into()).collect())
}

/// Runs a test that counts memory or chunks in a child: forks of other tests would make this process's code
/// spaces change to new files and chunks.
fn alone(test: impl FnOnce()) {
    in_child(test);
}

/// Lines of `/proc/self/maps` for the addresses of the reservation that hold anything, as (permissions).
fn mappings(space: &CodeSpace) -> Vec<String> {
    let addresses = space.addresses();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let parse = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let start = usize::from_str_radix(range.split_once('-')?.0, 16).ok()?;
        (addresses.contains(&start) && !rest.starts_with("---")).then(|| rest[..4].to_owned())
    };
    maps.lines().filter_map(parse).collect()
}

#[test]
fn functions_run_through_slots_and_direct_calls() {
    for backing in BOTH {
        let space = space(1 << 20, backing);
        let code = ModuleCode::new(&space, module(4), Lazy::NoStubs).unwrap();
        assert_eq!(code.entry(DefinedFunc(0)), 0);
        publish(&code, [(0, calls(2)), (2, returns(42)), (1, calls_through_slot(3))]).unwrap();
        assert_eq!((code.published_count(), code.is_published(DefinedFunc(3))), (3, false));
        assert_eq!((call(&code, 0), call(&code, 2)), (42, 42));
        publish(&code, [(3, calls(2))]).unwrap();
        assert_eq!(call(&code, 1), 42, "{backing:?}: 1 calls 3 through its slot, 3 calls 2 of an older batch");
        let slot = code.slot(DefinedFunc(2));
        // SAFETY: the slot lives as long as `code`.
        assert_eq!(unsafe { (*slot).0.load(Ordering::Relaxed) }, code.entry(DefinedFunc(2)));
        assert!(code.code_size() >= 49);
    }
}

/// What a failed stack check does stands before the entry, and it is the entry that is aligned.
#[test]
fn entries_are_aligned_whatever_stands_before_them() {
    let space = space(1 << 20, Backing::TwoViews);
    let code = ModuleCode::new(&space, module(3), Lazy::NoStubs).unwrap();
    let prefixed = |value: i32, alignment: u32| {
        let mut code = returns(value);
        code.bytes.splice(0..0, [0x90; 13]);
        CompiledCode { alignment, entry_offset: 3, body_offset: 13, ..code }
    };
    publish(&code, [(0, prefixed(1, 16)), (1, prefixed(2, 64)), (2, prefixed(3, 256))]).unwrap();
    for (func, alignment) in [(0, 16), (1, 64), (2, 256)] {
        let entry = code.entry(DefinedFunc(func));
        assert_eq!((entry % alignment, call(&code, func)), (0, func as i32 + 1));
        // SAFETY: the code is alive.
        let found = unsafe { find(entry) }.unwrap();
        assert_eq!((found.function.body, found.function.entry), (entry + 10, entry));
    }
}

/// What a signal handler and a stack walk need.
#[test]
fn every_pc_of_a_function_is_found_with_its_sites() {
    for backing in BOTH {
        let space = space(1 << 20, backing);
        let code = ModuleCode::new(&space, module(3), Lazy::NoStubs).unwrap();
        let mut with_sites = calls(1);
        with_sites.trap_sites =
            vec![TrapSite { offset: 4, wasm_offset: 77, inlined: InlinedIndex::OWN, code: TrapCode::Unreachable }];
        with_sites.call_sites = vec![CallSite {
            return_offset: 9,
            wasm_offset: 78,
            inlined: InlinedIndex::OWN,
            reference_map: CallSite::NONE,
            handler: CallSite::NONE,
            kind: CallKind::Nested,
        }];
        publish(&code, [(0, with_sites), (1, returns(5))]).unwrap();
        publish(&code, [(2, returns(6))]).unwrap();
        let trampoline = space.publish_single(CodeKind::EntryTrampoline, returns(7)).unwrap();
        assert_eq!(run(trampoline.entry()), 7);
        for (func, len) in [(0, 14), (1, 6), (2, 6)] {
            let start = code.entry(DefinedFunc(func));
            for pc in start..start + len {
                // SAFETY: the code is alive.
                let found = unsafe { find(pc) }.unwrap();
                assert_eq!(found.function.kind, CodeKind::Function(FuncIndex(func + 1)), "{backing:?}");
                assert_eq!((found.function.start, found.function.len), (start, len));
                assert!(Arc::ptr_eq(found.module.unwrap(), code.module()));
                let site = (func == 0 && pc == start + 4).then_some(77);
                assert_eq!(found.trap_site_at(pc).map(|site| site.wasm_offset), site);
                let site = (func == 0 && pc == start + 9).then_some(78);
                assert_eq!(found.call_site_returning_to(pc).map(|site| site.wasm_offset), site);
            }
            // SAFETY: the gap behind the function is in no unit, but in a chunk that lives.
            assert!(unsafe { find(start + len) }.is_none());
        }
        // SAFETY: alive, or outside of all code spaces.
        unsafe {
            let found = find(trampoline.entry()).unwrap();
            assert!(found.module.is_none() && found.function.kind == CodeKind::EntryTrampoline);
            assert!(find(0).is_none() && find(usize::MAX).is_none() && find(space.addresses().start - 1).is_none());
            assert!(find(run as *const () as usize).is_none());
        }
    }
}

/// A stub loads the number of its function and jumps where the vmctx says.
#[test]
fn lazy_stubs_pass_the_function_on() {
    for backing in BOTH {
        let space = space(2 << 20, backing);
        let probe = space.publish_single(CodeKind::EntryTrampoline, code(&[0xC3], None)).unwrap();
        // SAFETY: all-zero bytes are a valid header.
        let mut header: VmHeader = unsafe { std::mem::zeroed() };
        header.lazy_compile = probe.entry();
        assert_eq!(std::mem::offset_of!(VmHeader, lazy_compile), VMCTX_LAZY_COMPILE as usize);
        let small = ModuleCode::new(&space, module(3), Lazy::Stubs).unwrap();
        let large = ModuleCode::new(&space, module(3000), Lazy::Stubs).unwrap();
        for (code, func) in [(&small, 0), (&small, 2), (&large, 2), (&large, 511), (&large, 512), (&large, 2999)] {
            let stub = code.entry(DefinedFunc(func));
            // SAFETY: the stub takes the vmctx in rdi; the code it jumps to returns what the stub put in eax.
            let index = unsafe { std::mem::transmute::<usize, extern "C" fn(*const VmHeader) -> u32>(stub)(&header) };
            assert_eq!((index, code.is_published(DefinedFunc(func))), (func, false), "{backing:?}");
        }
        publish(&large, [(512, returns(9))]).unwrap();
        assert_eq!((call(&large, 512), large.published_count()), (9, 1));
    }
}

#[test]
fn published_code_is_not_replaced_by_equal_code_and_errors_publish_nothing() {
    let space = space(1 << 20, Backing::TwoViews);
    let code = ModuleCode::new(&space, module(3), Lazy::NoStubs).unwrap();
    publish(&code, [(0, returns(1))]).unwrap();
    let (entry, size) = (code.entry(DefinedFunc(0)), code.code_size());
    publish(&code, [(0, returns(2))]).unwrap();
    assert_eq!((code.entry(DefinedFunc(0)), code.code_size(), call(&code, 0)), (entry, size, 1));
    for batch in [
        vec![(1, returns(1)), (2, calls(7))],
        vec![(1, returns(1)), (1, returns(1))],
        vec![(1, calls(2))],
        vec![(1, calls_through_slot(3))],
        vec![(3, returns(1))],
    ] {
        assert!(matches!(publish(&code, batch), Err(Error::Bug { .. })));
        assert_eq!((code.entry(DefinedFunc(1)), code.published_count(), code.code_size()), (0, 1, size));
    }
    publish(&code, [(0, returns(3)), (1, calls(0))]).unwrap();
    assert_eq!((call(&code, 0), call(&code, 1)), (1, 1), "calls go to the code that was kept");
}

/// Modules that come and go must not use up addresses, memory or mappings, whatever their size.
#[test]
fn ranges_of_dropped_modules_are_used_again() {
    alone(|| {
        for (backing, rounds) in [(Backing::TwoViews, 10_000), (Backing::FreshPages, 2_000)] {
            let space = space(16 * GRANULE, backing);
            let (small, large) = (module(2), module(6000));
            let big = code(&[0xC3; 3 * GRANULE], None);
            let round = |i: usize| {
                let code = ModuleCode::new(&space, Arc::clone(&small), Lazy::Stubs).unwrap();
                publish(&code, [(0, returns(i as i32)), (1, returns(1))]).unwrap();
                assert_eq!(call(&code, 0), i as i32);
                if i.is_multiple_of(50) {
                    let code = ModuleCode::new(&space, Arc::clone(&large), Lazy::NoStubs).unwrap();
                    publish(&code, [(0, big.clone())]).unwrap();
                    run(code.entry(DefinedFunc(0)));
                }
            };
            // Until the chunk with the stubs, which stay, is full.
            (0..1100).for_each(round);
            let before = (mappings(&space), space.file_memory());
            (1100..rounds).for_each(round);
            assert_eq!((mappings(&space), space.file_memory()), before, "{backing:?}");
            assert!(space.file_memory() <= 2 * GRANULE);
        }
    });
}

/// The second shape of the same: modules that overlap in time, freed in another order.
#[test]
fn ranges_merge_again_when_modules_overlap() {
    let space = space(64 * GRANULE, Backing::TwoViews);
    let shared = module(1);
    for round in 0..20 {
        let mut alive: Vec<_> = (0..12)
            .map(|i| {
                let code = ModuleCode::new(&space, Arc::clone(&shared), Lazy::NoStubs).unwrap();
                let mut body = returns(i);
                body.bytes.resize((i as usize % 4 + 1) * GRANULE, 0x90);
                publish(&code, [(0, body)]).unwrap();
                (i, code)
            })
            .collect();
        alive.sort_by_key(|(i, _)| (i * 7 + round) % 12);
        while let Some((i, code)) = alive.pop() {
            assert_eq!(call(&code, 0), i);
        }
    }
    let code = ModuleCode::new(&space, shared, Lazy::NoStubs).unwrap();
    publish(&code, [(0, code_of(60 * GRANULE))]).unwrap();
}

fn code_of(len: usize) -> CompiledCode {
    code(&vec![0xC3; len], None)
}

/// Plugins: many modules alive at once must stay cheap.
#[test]
fn ten_thousand_tiny_modules_need_few_mappings_and_little_memory() {
    alone(|| {
        let space = space(64 << 20, Backing::TwoViews);
        let shared = module(3);
        let alive: Vec<_> = (0..10_000)
            .map(|i| {
                let code = ModuleCode::new(&space, Arc::clone(&shared), Lazy::Stubs).unwrap();
                publish(&code, [(0, returns(i)), (1, calls_through_slot(0))]).unwrap();
                code
            })
            .collect();
        for (i, code) in alive.iter().enumerate() {
            assert_eq!(call(code, 1), i as i32);
            // SAFETY: the code is alive.
            let found = unsafe { find(code.entry(DefinedFunc(0))) }.unwrap();
            assert_eq!(found.function.start, code.entry(DefinedFunc(0)));
        }
        let mappings = mappings(&space);
        assert!(mappings.len() <= 8, "{mappings:?}");
        assert!(space.file_memory() <= 10_000 * 64 + 4 * GRANULE, "{} bytes", space.file_memory());
        let without = space.file_memory();
        drop(alive);
        assert!(space.file_memory() < without / 4);
    });
}

/// A few long-lived modules among many short-lived ones keep their own pages only.
#[test]
fn survivors_do_not_keep_the_memory_of_their_neighbours() {
    alone(|| {
        let space = space(64 << 20, Backing::TwoViews);
        let shared = module(1);
        let mut alive: Vec<_> = (0..10_000)
            .map(|i| {
                let code = ModuleCode::new(&space, Arc::clone(&shared), Lazy::Stubs).unwrap();
                publish(&code, [(0, returns(i))]).unwrap();
                Some(code)
            })
            .collect();
        let all = space.file_memory();
        for (i, code) in alive.iter_mut().enumerate() {
            if !i.is_multiple_of(500) {
                *code = None;
            }
        }
        // The survivors' pages, the stubs, and what is still being filled.
        assert!(all >= 10_000 * 64 && space.file_memory() <= (20 + 2) * 4096 + GRANULE, "{}", space.file_memory());
        for (i, code) in alive.iter().enumerate().filter_map(|(i, code)| Some((i, code.as_ref()?))) {
            assert_eq!(call(code, 0), i as i32);
        }
    });
}

#[test]
fn exhaustion_is_a_limit_and_leaves_the_rest_working() {
    alone(|| {
        for backing in BOTH {
            let space = space(4 * GRANULE, backing);
            let code = ModuleCode::new(&space, module(2), Lazy::Stubs).unwrap();
            let error = publish(&code, [(0, code_of(3 * GRANULE))]);
            assert!(matches!(error, Err(Error::Limit { limit, .. }) if limit == 4 * GRANULE as u64), "{error:?}");
            let large = ModuleCode::new(&space, module(1), Lazy::Stubs).unwrap();
            publish(&large, [(0, code_of(2 * GRANULE))]).unwrap();
            assert!(matches!(publish(&code, [(1, code_of(GRANULE))]), Err(Error::Limit { .. })));
            let many = (0..).map_while(|i| space.publish_single(CodeKind::HostTrampoline, returns(i)).ok());
            let many: Vec<_> = many.collect();
            assert!(many.len() >= 14 && many.iter().enumerate().all(|(i, code)| run(code.entry()) == i as i32));
            drop(large);
            publish(&code, [(0, code_of(GRANULE)), (1, returns(8))]).unwrap();
            assert_eq!(call(&code, 1), 8);
        }
        assert!(matches!(CodeSpace::new(0), Err(Error::Misuse { .. })));
        assert!(matches!(CodeSpace::new(MAX_RESERVATION + 1), Err(Error::Misuse { .. })));
        // The ends of the largest reservation still reach each other.
        let space = CodeSpace::new(MAX_RESERVATION).unwrap();
        let code = ModuleCode::new(&space, module(2), Lazy::NoStubs).unwrap();
        publish(&code, [(0, calls_through_slot(1)), (1, returns(3))]).unwrap();
        assert_eq!(call(&code, 0), 3);
    });
}

/// Where memory files are forbidden, fresh pages do; where pages cannot become executable, memory files do;
/// where both are forbidden, the engine says so.
#[test]
fn either_way_of_writing_code_is_enough() {
    let no_memory_file = || {
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the child's own limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    };
    // SAFETY: the child's own setting: memory that was not executable never becomes so. Linux 6.3.
    let no_change = || unsafe { libc::prctl(65, 1, 0, 0, 0) } == 0;
    let works = || {
        let space = CodeSpace::new(1 << 20).unwrap();
        let code = ModuleCode::new(&space, module(2), Lazy::Stubs).unwrap();
        publish(&code, [(0, returns(6)), (1, calls(0))]).unwrap();
        assert_eq!(call(&code, 1), 6);
        space.file_memory() > 0
    };
    in_child(|| {
        no_memory_file();
        assert!(!works());
    });
    in_child(|| {
        let code = ModuleCode::new(&CodeSpace::new(1 << 20).unwrap(), module(1), Lazy::Stubs).unwrap();
        no_memory_file();
        publish(&code, [(0, code_of(GRANULE))]).unwrap();
    });
    in_child(|| {
        if no_change() {
            assert!(works());
            no_memory_file();
            let error = CodeSpace::new(1 << 20).err();
            assert!(matches!(error, Some(Error::System { what: "make memory executable", .. })), "{error:?}");
        }
    });
}

/// Write and execute never meet, in the reservation or elsewhere.
#[test]
fn no_mapping_is_writable_and_executable() {
    for backing in BOTH {
        let space = space(1 << 20, backing);
        let code = ModuleCode::new(&space, module(2), Lazy::Stubs).unwrap();
        publish(&code, [(0, returns(1)), (1, code_of(GRANULE))]).unwrap();
        let permissions = mappings(&space);
        assert!(permissions.iter().any(|text| text.starts_with("r-x")), "{permissions:?}");
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let both = |line: &&str| line.split(' ').nth(1).is_some_and(|text| text.contains('w') && text.contains('x'));
        assert_eq!(maps.lines().find(both), None);
    }
}

/// Parent and child share the file. Each goes on with its own, and neither takes code from under the other.
#[test]
fn forked_processes_do_not_disturb_each_other() {
    for backing in BOTH {
        let space = space(1 << 20, backing);
        let code = ModuleCode::new(&space, module(4), Lazy::Stubs).unwrap();
        let inherited = ModuleCode::new(&space, module(1), Lazy::Stubs).unwrap();
        publish(&code, [(0, returns(1))]).unwrap();
        publish(&inherited, [(0, code_of(GRANULE))]).unwrap();
        let kept = code.entry(DefinedFunc(0));
        // SAFETY: the code is alive.
        let bytes = || unsafe { std::slice::from_raw_parts((kept & !63) as *const u8, 4096) }.to_vec();
        let before = bytes();
        in_child(|| {
            publish(&code, [(1, returns(2)), (2, calls(0))]).unwrap();
            assert_eq!((call(&code, 0), call(&code, 1), call(&code, 2)), (1, 2, 1));
            // SAFETY: the code is alive.
            assert!(unsafe { find(code.entry(DefinedFunc(1))).is_some() && find(kept).is_some() });
            // SAFETY: the parent's copy is another process's. The child forgets it by `_exit`.
            drop(unsafe { std::ptr::read(&inherited) });
            let other = ModuleCode::new(&space, module(1), Lazy::Stubs).unwrap();
            publish(&other, [(0, code_of(GRANULE))]).unwrap();
            run(other.entry(DefinedFunc(0)));
            // A grandchild, too.
            in_child(|| {
                publish(&code, [(3, returns(4))]).unwrap();
                assert_eq!((call(&code, 3), call(&code, 1)), (4, 2));
            });
            // SAFETY: as above.
            drop(unsafe { std::ptr::read(&code) });
        });
        assert_eq!(bytes(), before, "{backing:?}: the child wrote into the parent's code");
        assert!(!code.is_published(DefinedFunc(1)));
        run(inherited.entry(DefinedFunc(0)));
        publish(&code, [(1, returns(3))]).unwrap();
        assert_eq!((call(&code, 0), call(&code, 1)), (1, 3));
    }
}

/// The other direction: the parent unloads what the child still runs.
#[test]
fn a_child_keeps_the_code_that_its_parent_frees() {
    let space = space(1 << 20, Backing::TwoViews);
    let code = ModuleCode::new(&space, module(2), Lazy::Stubs).unwrap();
    publish(&code, [(0, returns(1)), (1, code_of(GRANULE))]).unwrap();
    let (mut to_child, mut to_parent) = ([0; 2], [0; 2]);
    // SAFETY: both arrays hold two descriptors.
    unsafe { assert!(libc::pipe(to_child.as_mut_ptr()) == 0 && libc::pipe(to_parent.as_mut_ptr()) == 0) };
    // SAFETY: the child only calls code, and leaves without returning to the test harness.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: plain system calls on valid descriptors.
        unsafe {
            libc::alarm(60);
            libc::read(to_child[0], [0u8; 1].as_mut_ptr().cast(), 1);
            let fine = call(&code, 0) == 1;
            run(code.entry(DefinedFunc(1)));
            libc::_exit(if fine { 0 } else { 1 });
        }
    }
    drop(code);
    let other = ModuleCode::new(&space, module(2), Lazy::Stubs).unwrap();
    publish(&other, [(0, returns(7)), (1, CompiledCode { bytes: vec![0x0F, 0x0B], ..code_of(2 * GRANULE) })]).unwrap();
    let mut status = 0;
    // SAFETY: plain system calls on valid descriptors; `pid` is our child.
    unsafe {
        libc::write(to_child[1], [0u8; 1].as_ptr().cast(), 1);
        libc::waitpid(pid, &mut status, 0);
        for fd in to_child.into_iter().chain(to_parent) {
            libc::close(fd);
        }
    }
    assert_eq!(status, 0);
}

/// Publishers, callers, lookups, new and dying modules, all at the same time.
#[test]
fn threads_publish_call_and_look_up_at_the_same_time() {
    let space = space(256 << 20, Backing::TwoViews);
    let shared = ModuleCode::new(&space, module(400), Lazy::NoStubs).unwrap();
    let (stop, calls_made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let slot_entry = |func: u32| {
        // SAFETY: the slot lives as long as `shared`.
        let slot: &CodeSlot = unsafe { &*shared.slot(DefinedFunc(func)) };
        slot.0.load(Ordering::Relaxed)
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for func in 0..400 {
                        let entry = slot_entry(func);
                        if entry != 0 {
                            assert_eq!(run(entry), func as i32);
                            // SAFETY: the code is alive.
                            let found = unsafe { find(entry) }.expect("published code is found");
                            assert_eq!(found.function.kind, CodeKind::Function(FuncIndex(func + 1)));
                            calls_made.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            let other = module(2);
            while !stop.load(Ordering::Relaxed) {
                let code = ModuleCode::new(&space, Arc::clone(&other), Lazy::Stubs).unwrap();
                publish(&code, [(0, returns(5)), (1, calls(0))]).unwrap();
                assert_eq!(call(&code, 1), 5);
                drop(CodeSpace::new(1 << 20).unwrap());
            }
        });
        let publishers: Vec<_> = (0..2)
            .map(|half| {
                let shared = &shared;
                scope.spawn(move || {
                    for func in 0..400 {
                        // Both publish every second function: one of the two wins.
                        if func % 2 == half || func % 4 == 0 {
                            publish(shared, [(func, returns(func as i32))]).unwrap();
                        }
                    }
                })
            })
            .collect();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        while calls_made.load(Ordering::Relaxed) < 2000 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(shared.published_count(), 400);
}

/// A fork can happen while other threads publish; the child has none of them, and must find nothing half done.
#[test]
fn children_of_busy_processes_can_publish() {
    let space = space(8 << 20, Backing::TwoViews);
    let (stop, one) = (AtomicBool::new(false), module(1));
    let work = || {
        let code = ModuleCode::new(&space, Arc::clone(&one), Lazy::Stubs).unwrap();
        publish(&code, [(0, returns(5))]).unwrap();
        assert_eq!(call(&code, 0), 5);
        drop(CodeSpace::new(1 << 20).unwrap());
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                work();
            }
        });
        for _ in 0..50 {
            in_child(work);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Calls of the top tier go straight to code of that tier, and through a relay to what else the slot may hold.
#[test]
fn calls_of_code_that_may_get_better_go_through_relays() {
    for backing in BOTH {
        let space = space(1 << 20, backing);
        let code = ModuleCode::new(&space, module(5), Lazy::Stubs).unwrap();
        let baseline = |func: u32, body| (DefinedFunc(func), Tier::Baseline, body).into();
        code.publish(&mut vec![baseline(1, returns(10)), baseline(2, returns(20))]).unwrap();
        publish(&code, [(0, calls(1)), (3, calls(2))]).unwrap();
        assert_eq!((call(&code, 0), call(&code, 3)), (10, 20), "{backing:?}");
        publish(&code, [(1, returns(11)), (4, calls(2))]).unwrap();
        assert_eq!((call(&code, 0), call(&code, 3), call(&code, 4)), (11, 20, 20), "better code is found at once");
        let entry = |code: &ModuleCode, func| code.entry(DefinedFunc(func));
        // SAFETY: the code is alive, and `calls` has its field at offset 5.
        let field = |at: usize| unsafe { std::ptr::read_unaligned((at + 5) as *const i32) };
        let target =
            |code: &ModuleCode, func| (entry(code, func) + 9).wrapping_add_signed(field(entry(code, func)) as isize);
        // SAFETY: in a batch of this module.
        assert!(unsafe { find(target(&code, 0)) }.is_none(), "no lookup finds a relay");
        let straight = ModuleCode::new(&space, module(3), Lazy::Stubs).unwrap();
        publish(&straight, [(1, returns(5))]).unwrap();
        publish(&straight, [(0, calls(1)), (2, calls(0))]).unwrap();
        assert_eq!([0, 2].map(|func| target(&straight, func)), [1, 0].map(|func| entry(&straight, func)));
        // What replaces it is for later code: the edge stays.
        let version = Version { tier: Tier::Top, generation: 1 };
        straight.publish(&mut vec![NewCode { func: DefinedFunc(1), version, code: returns(6) }]).unwrap();
        assert_eq!([1, 0, 2].map(|func| call(&straight, func)), [6, 5, 5]);
    }
}
