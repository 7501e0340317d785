//! Caches with several processes: killed, at once, forked, and without what the system refuses.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use updraft::config::Workers;
use updraft::engine::CacheWrite;
use updraft::warm::schedule::When;
use updraft::warm::store::Miss;

use super::common::{Rng, proving};
use super::{FUNCTIONS, Folder, accesses, filled, hits, make, missed, run, tier_up, with_when};

/// Runs `body` in a child of this process; its wait status.
fn forked(body: impl FnOnce()) -> i32 {
    // SAFETY: the child runs `body` and ends without returning to the test harness.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child without the exit handlers of the parent.
        unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 101 }) };
    }
    wait_for_child(pid)
}

fn wait_for_child(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: a child of this process.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// Each process compiles a function of its own choice, writes, and is killed at a random moment. Whatever is found then is
/// whole: every later process has a hit, or finds nothing; never something damaged.
#[test]
fn writers_that_are_killed_leave_nothing_but_whole_entries() {
    let folder = filled("killed", 8);
    let kills = if proving() { 10_000 } else { 150 };
    let mut rng = Rng::new(77);
    let (mut written, mut before) = (0, 0);
    for number in 0..kills {
        let counted = Pipe::new();
        // SAFETY: the child never returns from this block.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let engine = folder.engine();
            let module = make(&engine);
            tier_up(&module, [number % FUNCTIONS]);
            loop {
                let _ = module.write_to_cache();
                counted.put();
            }
        }
        // It writes by now.
        counted.take();
        for _ in 0..rng.below(200_000) {
            std::hint::spin_loop();
        }
        // SAFETY: a child of this process, which was not waited for yet.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
        let status = wait_for_child(pid);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL, "{status:#x}");
        if number % 10 == 0 || number + 1 == kills {
            let engine = folder.engine();
            let in_top = run(&make(&engine));
            assert_eq!(accesses(&engine), hits(1));
            assert!(in_top >= before, "a function was lost");
            before = in_top;
        }
        written += 1;
    }
    assert_eq!((written, before), (kills, FUNCTIONS as usize));
    // The next writer tidies up.
    let engine = folder.engine();
    assert!(matches!(make(&engine).write_to_cache(), Ok(CacheWrite::Written(_))));
    assert_eq!(folder.unfinished(), 0);
}

/// A pipe between a child and its parent.
struct Pipe([i32; 2]);

impl Pipe {
    fn new() -> Pipe {
        let mut ends = [0; 2];
        // SAFETY: writes two descriptors.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) }, 0);
        Pipe(ends)
    }

    /// Never waits: what nobody takes is lost.
    fn put(&self) {
        // SAFETY: writes a byte of a constant.
        unsafe { libc::write(self.0[1], b"x".as_ptr().cast(), 1) };
    }

    /// Waits for a byte.
    fn take(&self) {
        let mut poll = libc::pollfd { fd: self.0[0], events: libc::POLLIN, revents: 0 };
        // SAFETY: one element, a local.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 120_000) }, 1, "the child wrote nothing");
        let mut byte = 0u8;
        // SAFETY: reads a byte into a local.
        assert_eq!(unsafe { libc::read(self.0[0], (&raw mut byte).cast(), 1) }, 1);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: descriptors of our own.
        self.0.iter().for_each(|end| assert_eq!(unsafe { libc::close(*end) }, 0));
    }
}

#[test]
fn eight_writers_and_eight_readers_at_once() {
    let folder = filled("many", 1);
    let rounds = if proving() { 300 } else { 12 };
    let mut children = Vec::new();
    for child in 0..16u32 {
        // SAFETY: the child never returns from this block.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let work = || {
                let mut seen = 0;
                for round in 0..rounds {
                    let engine = folder.engine();
                    let module = make(&engine);
                    assert_eq!(accesses(&engine), hits(1));
                    if child % 2 == 0 {
                        tier_up(&module, [(child / 2 * 3 + round) % FUNCTIONS]);
                        assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(_))));
                    } else {
                        let in_top = run(&module);
                        assert!(in_top >= seen, "a function was lost");
                        seen = in_top;
                    }
                }
            };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: as in `forked`.
            unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 101 }) };
        }
        children.push(pid);
    }
    children.into_iter().for_each(|pid| assert_eq!(wait_for_child(pid), 0));
    assert_eq!(run(&make(&folder.engine())), FUNCTIONS as usize);
    assert_eq!(folder.unfinished(), 0);
}

/// A child neither writes what its parent began, nor what it compiles of its parent's modules, unless it is asked to.
#[test]
fn a_child_of_a_fork_writes_only_what_it_is_asked_to() {
    let folder = Folder::new("fork");
    let when = When { quiet: Duration::ZERO, least: 1, most: usize::MAX };
    let engine = with_when(&folder, when, Workers::Threads(0));
    let module = make(&engine);
    tier_up(&module, 0..2);
    let mut module = Some(module);
    let child = || {
        tier_up(module.as_ref().unwrap(), 2..4);
        while engine.run_jobs(1, None).unwrap() > 0 {}
        module.take();
        assert_eq!(engine.cache_stats().writes, 0);
        // A module of its own.
        let own = make(&engine);
        tier_up(&own, 4..5);
        drop(own);
        assert_eq!(engine.cache_stats().writes, 1);
    };
    assert_eq!(forked(child), 0);
    assert_eq!(run(&make(&folder.engine())), 1);
    let module = make(&engine);
    tier_up(&module, 0..2);
    assert_eq!(forked(|| assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(_))))), 0);
    assert_eq!(run(&make(&folder.engine())), 3);
}

/// What the system refuses: the module runs, and the failure is counted.
fn refused(folder: &Folder, what: &str) {
    let engine = folder.engine();
    let module = make(&engine);
    tier_up(&module, 5..9);
    assert_eq!(module.write_to_cache().unwrap(), CacheWrite::Failed, "{what}");
    run(&module);
    let stats = engine.cache_stats();
    assert_eq!((stats.writes, stats.failures), (0, 1), "{what}");
    assert_eq!(stats.hits + stats.misses.iter().sum::<u64>(), 1, "{what}");
}

#[test]
fn files_that_may_not_grow_are_counted_failures() {
    let folder = filled("file-size", 3);
    let before = fs::read(folder.entry()).unwrap();
    let child = || {
        // SIGXFSZ, which comes with it, ends processes by default.
        let limit = libc::rlimit { rlim_cur: 600, rlim_max: 600 };
        // SAFETY: a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
        refused(&folder, "a limit of files");
    };
    assert_eq!(forked(child), 0);
    assert_eq!(fs::read(folder.entry()).unwrap(), before);
    assert_eq!(folder.unfinished(), 0, "a file that could not be finished is removed");
}

/// Another user, who may neither read nor write.
#[test]
fn without_permission_everything_is_counted() {
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let folder = filled("permission", 3);
    let child = || {
        // SAFETY: gives up privileges of this process.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
        let engine = folder.engine();
        let module = make(&engine);
        assert_eq!(accesses(&engine), missed(Miss::NoKey));
        assert_eq!(run(&module), 0);
        refused(&folder, "another user's directory");
        // His own one, which he may not write to.
        let own = std::env::temp_dir().join(format!("updraft-cache-own-{}", std::process::id()));
        fs::create_dir(&own).unwrap();
        let own = Folder(own);
        fs::set_permissions(&own.0, fs::Permissions::from_mode(0o500)).unwrap();
        refused(&own, "a directory without permission to write");
        fs::set_permissions(&own.0, fs::Permissions::from_mode(0o700)).unwrap();
        let engine = own.engine();
        let module = make(&engine);
        tier_up(&module, 0..2);
        drop(module);
        fs::set_permissions(own.entry(), fs::Permissions::from_mode(0o000)).unwrap();
        let engine = own.engine();
        assert_eq!(run(&make(&engine)), 0);
        assert_eq!(accesses(&engine), missed(Miss::Unreadable));
        drop(own);
    };
    assert_eq!(forked(child), 0);
}

/// A file system of its own, full or read-only, where the process may have one.
#[test]
fn full_and_read_only_file_systems_are_counted_failures() {
    let folder = Folder::new("mounted");
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    let path = std::ffi::CString::new(folder.0.to_str().unwrap()).unwrap();
    let mount = |flags: libc::c_ulong| {
        let (name, options) = (c"tmpfs", c"size=64k,mode=700");
        // SAFETY: strings that end with a NUL; changes the mounts of this process alone.
        unsafe { libc::mount(name.as_ptr(), path.as_ptr(), name.as_ptr(), flags, options.as_ptr().cast()) == 0 }
    };
    let child = || {
        // SAFETY: gives this process mounts of its own, which others do not see.
        let own = unsafe {
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    std::ptr::null(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null(),
                ) == 0
        };
        if !own || !mount(0) {
            return;
        }
        let engine = folder.engine();
        let module = make(&engine);
        tier_up(&module, 0..3);
        assert!(matches!(module.write_to_cache(), Ok(CacheWrite::Written(_))));
        let before = fs::read(folder.entry()).unwrap();
        let mut filler = fs::File::create(folder.0.join("filler")).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
        drop(filler);
        refused(&folder, "full");
        assert_eq!(fs::read(folder.entry()).unwrap(), before);
        assert_eq!(folder.unfinished(), 0);
        assert!(mount(libc::MS_REMOUNT | libc::MS_RDONLY));
        refused(&folder, "read-only");
        let engine = folder.engine();
        assert_eq!(run(&make(&engine)), 3);
        assert_eq!(accesses(&engine), hits(1));
    };
    assert_eq!(forked(child), 0);
}
