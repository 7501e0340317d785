//! The operating system's rim: mappings, threads, fork, signals. What the engine asks of the OS, it asks here.
//!
//! Unsafe perimeter: this folder calls libc. Each file offers the narrowest interface that the engine
//! needs, in terms that every supported system can have; another system brings its own version of the
//! same file (`mmap/windows.rs`...), and nothing outside of this folder changes.
//!
//! Not here: what faults mean (`runtime`), what the memory is used for (`code`, `runtime`).

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64")))]
compile_error!("updraft supports x86-64 Linux only so far");

pub mod bytes;
pub mod clock;
pub mod event_fd;
pub mod files;
pub mod float_env;
pub mod fork;
pub mod lazy;
pub mod mmap;
pub mod random;
pub mod regions;
pub mod signals;
pub mod threads;
pub mod zeroed;

#[cfg(test)]
pub(crate) mod tests {
    /// Runs `body` in a forked child and fails if it panics, crashes or hangs (for a minute).
    pub(crate) fn in_child(body: impl FnOnce()) {
        // SAFETY: the child runs `body` and leaves without returning to the test harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            // SAFETY: only the child's own alarm and exit.
            unsafe { libc::alarm(60) };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: `_exit` skips the parent's exit handlers.
            unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 101 }) };
        }
        let mut status = 0;
        // SAFETY: `pid` is our child.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0, "the child failed (wait status {status:#x})");
    }
}
