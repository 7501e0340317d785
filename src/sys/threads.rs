//! Facts about threads: how many can run at once, where a thread's stack is, and which thread this is.
//!
//! Not here: starting threads; whoever needs one uses the standard library.

use std::arch::asm;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use once_cell::sync::OnceCell;

use crate::error::{Error, Result};

/// Runs `start`, which starts threads, with all signals blocked but those of faults: the threads inherit that.
/// A host's signal handlers are written for the host's threads; one that jumps must not do so on ours.
pub fn without_host_signals<R>(start: impl FnOnce() -> R) -> R {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are initialised before they are read; changes the mask of this thread only.
    let status = unsafe {
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(blocked.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT] {
            libc::sigdelset(blocked.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, blocked.as_ptr(), before.as_mut_ptr())
    };
    let result = start();
    if status == 0 {
        // SAFETY: written by the successful call above; the old mask comes back.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    }
    result
}

/// Gives way to all other threads of the process whenever they have work. There is no way back without
/// privileges. A system that refuses leaves the thread as it is.
pub fn lower_priority() {
    // The process's niceness counts, not the thread's: that one comes from the thread that has started it.
    // SAFETY: asks about the own process, which cannot fail; changes this thread only: on Linux, 0 names the calling
    // thread, not its process.
    unsafe {
        let base = libc::getpriority(libc::PRIO_PROCESS, libc::getpid() as libc::id_t);
        libc::setpriority(libc::PRIO_PROCESS, 0, base + BACKGROUND_NICENESS);
    }
}

/// What is added to the niceness of threads whose work can wait: a third of an ordinary thread's share. RATIONALE:
/// "Why does the top tier have threads of its own?"
const BACKGROUND_NICENESS: libc::c_int = 5;

/// How many threads can make progress at the same time: the processor affinity and the quotas of the
/// control groups (version 1 and 2, with all ancestors) count, at least 1.
pub fn usable_cores() -> usize {
    // The standard library reads `sched_getaffinity`, `cpu.max` and `cpu.cfs_quota_us`.
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

/// Where a thread's stack lies. It grows from `high` down to `low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackBounds {
    /// Lowest usable address; guard pages lie below.
    pub low: usize,
    /// First address above.
    pub high: usize,
}

impl StackBounds {
    /// Whether `address` is on this stack. (A host that switches stacks by itself runs on none of ours.)
    pub fn contains(&self, address: usize) -> bool {
        (self.low..self.high).contains(&address)
    }
}

thread_local! {
    // Const-initialised and without destructor: usable at any time in a thread's life, and no obstacle
    // to unloading the library.
    static STACK_BOUNDS: Cell<Option<StackBounds>> = const { Cell::new(None) };
}

/// As [`stack_bounds`], if somebody asked on this thread before.
#[inline(always)]
pub fn known_stack_bounds() -> Option<StackBounds> {
    STACK_BOUNDS.get()
}

/// The bounds of the stack that the system gave to the current thread.
pub fn stack_bounds() -> Result<StackBounds> {
    if let Some(bounds) = STACK_BOUNDS.get() {
        return Ok(bounds);
    }
    let bounds = query_stack_bounds()?;
    STACK_BOUNDS.set(Some(bounds));
    Ok(bounds)
}

/// A number that no other living thread has. Never 0.
///
/// The address of the thread's control block, whose first word holds it: glibc and musl both promise that to the code
/// of compilers. One load, where a thread-local variable of a shared library is a call.
#[inline(always)]
pub fn thread_token() -> usize {
    let token: usize;
    // SAFETY: reads a word that every thread of x86-64 Linux has.
    unsafe { asm!("mov {}, fs:0", out(reg) token, options(nostack, preserves_flags, readonly, pure)) };
    token
}

/// Threads that were watched and ended.
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// The key whose destructor counts them; None = the system has no more keys.
static WATCH: OnceCell<Option<libc::pthread_key_t>> = OnceCell::new();

unsafe extern "C" fn count_end(_value: *mut libc::c_void) {
    // Relaxed: whoever may mistake another thread for this one starts after this one ended, by way of the C library's
    // lists of stacks, which are locked.
    ENDED.fetch_add(1, Ordering::Relaxed);
}

/// Makes the end of the current thread count in [`ended_threads`]; false if that cannot be.
///
/// Tokens and stack addresses of a thread that ended come again. What is remembered by one of them holds while the
/// count stays the same.
pub fn watch_thread_end() -> bool {
    let key = WATCH.get_or_init(|| {
        let mut key = 0;
        // SAFETY: `key` is valid for writing; the library is never unloaded (`-z nodelete`), and with it the destructor.
        (unsafe { libc::pthread_key_create(&mut key, Some(count_end)) } == 0).then_some(key)
    });
    // SAFETY: the key was made above. Any value but null has the destructor called.
    key.is_some_and(|key| unsafe { libc::pthread_setspecific(key, std::ptr::dangling::<u8>().cast()) } == 0)
}

/// Threads that ended after [`watch_thread_end`].
#[inline(always)]
pub fn ended_threads() -> usize {
    // Relaxed: see `count_end`.
    ENDED.load(Ordering::Relaxed)
}

/// Commands of membarrier(2).
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the call has numbers for arguments, and no effect on memory but its order.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Whether [`fence_all_threads`] can be had: one of the four below.
static FENCES: AtomicU8 = AtomicU8::new(NOT_ASKED);
const NOT_ASKED: u8 = 0;
/// A thread is asking. (A child of fork that met this stays without.)
const ASKING: u8 = 1;
const GRANTED: u8 = 2;
const REFUSED: u8 = 3;

/// Who may wait for the system to grant fences, which takes some 10 ms where there is more than one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Nobody: nothing is asked unless the answer comes at once.
    IfQuick,
    /// A thread of its own.
    Behind,
    /// The calling thread.
    Now,
}

/// Whether [`fence_all_threads`] can be had by now. Asks the system, unless somebody did.
pub fn may_fence_all_threads(asking: Asking) -> bool {
    // Relaxed: nothing but the answer of the system hangs on it.
    match FENCES.load(Ordering::Relaxed) {
        GRANTED => true,
        NOT_ASKED => ask_for_fences(asking),
        _ => asking == Asking::Now && answer_of_fences(),
    }
}

#[cold]
fn ask_for_fences(asking: Asking) -> bool {
    if asking == Asking::Now || is_only_thread() {
        return answer_of_fences();
    }
    if asking == Asking::Behind
        && FENCES.compare_exchange(NOT_ASKED, ASKING, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    {
        let ask = || {
            answer_of_fences();
        };
        if without_host_signals(|| std::thread::Builder::new().spawn(ask)).is_err() {
            FENCES.store(NOT_ASKED, Ordering::Relaxed);
        }
    }
    false
}

fn answer_of_fences() -> bool {
    let granted = membarrier(REGISTER_PRIVATE_EXPEDITED);
    FENCES.store(if granted { GRANTED } else { REFUSED }, Ordering::Relaxed);
    granted
}

fn is_only_thread() -> bool {
    use std::os::unix::fs::MetadataExt;
    // A folder per thread, and two links more.
    std::fs::metadata("/proc/self/task").is_ok_and(|tasks| tasks.nlink() == 3)
}

/// A full fence on every running thread of this process: what this thread wrote before is seen by what the others read
/// afterwards, and the other way round. Microseconds, so that others pay nothing. False if the system refuses.
pub fn fence_all_threads() -> bool {
    // A child of fork may have to ask anew.
    membarrier(PRIVATE_EXPEDITED) || (answer_of_fences() && membarrier(PRIVATE_EXPEDITED))
}

fn query_stack_bounds() -> Result<StackBounds> {
    let failed =
        |code| Error::System { what: "find the stack of a thread", source: std::io::Error::from_raw_os_error(code) };
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the attributes are written before anything reads them.
    let status = unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) };
    if status != 0 {
        return Err(failed(status));
    }
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: initialised above; destroyed exactly once, here.
    let status = unsafe {
        let status = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        status
    };
    if status != 0 { Err(failed(status)) } else { Ok(StackBounds { low: low as usize, high: low as usize + size }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local_address() -> usize {
        let local = 0u8;
        std::ptr::from_ref(std::hint::black_box(&local)) as usize
    }

    /// Small foreign stacks are where wrong bounds would crash.
    #[test]
    fn bounds_hold_the_stack_pointer_and_match_the_size_asked_for() {
        let size = 256 << 10;
        let bounds = std::thread::Builder::new()
            .stack_size(size)
            .spawn(|| {
                let bounds = stack_bounds().unwrap();
                assert!(bounds.contains(local_address()));
                assert_eq!(bounds, stack_bounds().unwrap());
                bounds
            })
            .unwrap()
            .join()
            .unwrap();
        assert!(bounds.high - bounds.low >= size - 16384 && bounds.high - bounds.low < 4 * size, "{bounds:?}");
        assert!(!bounds.contains(local_address()));
    }

    /// Our threads take no signals of the host's, and the thread that starts them takes them as before.
    #[test]
    fn started_threads_leave_the_hosts_signals_alone() {
        let blocked = |signal| {
            // SAFETY: asks for the mask only.
            unsafe {
                let mut mask = std::mem::zeroed();
                libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
                libc::sigismember(&mask, signal) == 1
            }
        };
        let (alarm, fault) =
            without_host_signals(|| std::thread::spawn(move || (blocked(libc::SIGALRM), blocked(libc::SIGSEGV))))
                .join()
                .unwrap();
        assert!(alarm && !fault && !blocked(libc::SIGALRM));
    }

    /// Only threads that asked for it count, once each.
    #[test]
    fn ends_of_watched_threads_are_counted() {
        let before = ended_threads();
        std::thread::spawn(|| assert!(watch_thread_end() && watch_thread_end())).join().unwrap();
        assert!(ended_threads() > before);
    }

    #[test]
    fn all_threads_can_be_fenced() {
        assert!(may_fence_all_threads(Asking::Now) && fence_all_threads() && may_fence_all_threads(Asking::IfQuick));
    }

    #[test]
    fn tokens_differ_between_living_threads() {
        let mine = thread_token();
        assert_ne!(mine, 0);
        assert_eq!(mine, thread_token());
        assert_ne!(mine, std::thread::spawn(thread_token).join().unwrap());
        assert!(usable_cores() >= 1);
    }
}
