//! Hardware faults: offered to the engine first, then to whoever handled them before.
//!
//! The handler runs on whatever thread faulted, with anything half done below it. It therefore uses no
//! thread-local storage, no lock and no allocation; all that it reads was written before it was installed,
//! or is one atomic word.
//!
//! # Beside the host's own handlers
//!
//! - What the hook does not want goes to the handler that was there before, with its own mask and flags, as
//!   if the engine were not there. Signals that a process sent (`kill`) are never offered to the hook.
//! - While no engine lives, everything goes there at once.
//! - The handlers stay installed: somebody may have saved them as his predecessor. The library that holds
//!   them is kept from being unloaded for the same reason.
//! - When an engine is created and somebody else's handler is on top, ours is put on top of it again, with
//!   the other as its predecessor. That one may chain to our older handler in turn, so every installation is
//!   a *level* with a handler function and a predecessor of its own: faults travel down the levels, and no
//!   circle can form. A host that replaces the handler after the last engine was created, without chaining,
//!   cuts the engine off; it must switch signals off in the configuration.
//!
//! Not here: which faults are traps, and where execution continues (`runtime`).

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::sync::ForkMutex;

/// A hardware fault, as the handler saw it.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which of [`SIGNALS`].
    pub signal: i32,
    /// The instruction that faulted.
    pub pc: usize,
    /// Its stack pointer.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// For SIGSEGV and SIGBUS the address that it accessed (0 if the processor does not tell).
    pub address: usize,
}

/// Where the faulting thread goes on.
#[derive(Clone, Copy, Debug)]
pub struct Redirect {
    /// The next instruction.
    pub pc: usize,
    /// The stack pointer there.
    pub sp: usize,
    /// The first four arguments in the platform's C convention (rdi, rsi, rdx, rcx). None: all other registers
    /// keep their values.
    pub args: Option<[usize; 4]>,
}

/// Decides about a fault. Runs inside of the signal handler: it may use neither locks nor thread-local
/// storage nor the heap, and must not panic.
pub type Hook = fn(&Fault) -> Option<Redirect>;

/// The signals that hardware faults arrive as.
pub const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

/// How often the handlers can be put on top again in the life of the process.
const LEVELS: usize = 8;

/// The handler function of each level.
const HANDLERS: [Handler; LEVELS] =
    [handle::<0>, handle::<1>, handle::<2>, handle::<3>, handle::<4>, handle::<5>, handle::<6>, handle::<7>];

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// The installed hook, a [`Hook`] or null. One for the process: all engines use the same code.
static HOOK: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// How many engines want faults.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// The predecessors, by level and signal.
static PREVIOUS: [[Previous; SIGNALS.len()]; LEVELS] = [const { [const { Previous::new() }; SIGNALS.len()] }; LEVELS];

/// How many levels are in use, by signal. The lock orders installations; handlers do not take it.
static USED: ForkMutex<[usize; SIGNALS.len()]> = ForkMutex::new([0; SIGNALS.len()]);

/// One engine's wish for faults. While any exists, the hook is asked.
#[derive(Debug)]
pub struct Active(());

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Puts the handlers on top unless they are there already, and offers faults to `hook` while the result lives.
///
/// Every engine calls it, with the same hook.
#[must_use = "faults are offered while the result lives"]
pub fn install(hook: Hook) -> Result<Active> {
    let mut used = USED.lock();
    // Release: pairs with the Acquire in `handle` for whatever the hook's code relies on.
    HOOK.store(hook as *mut c_void, Ordering::Release);
    if used.iter().all(|&levels| levels == 0) {
        stay_loaded();
    }
    for (index, &signal) in SIGNALS.iter().enumerate() {
        put_on_top(index, signal, &mut used[index])?;
    }
    // Relaxed: a thread that may fault on behalf of this engine got the engine from here by other means.
    ACTIVE.fetch_add(1, Ordering::Relaxed);
    Ok(Active(()))
}

/// Installs the next level's handler for a signal, if the current handler is none of ours.
fn put_on_top(index: usize, signal: c_int, used: &mut usize) -> Result<()> {
    let what = "install a signal handler";
    let mut current = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only; `current` is valid for writing.
    if unsafe { libc::sigaction(signal, ptr::null(), current.as_mut_ptr()) } != 0 {
        return Err(Error::last_os(what));
    }
    // SAFETY: written by the successful call.
    let current = unsafe { current.assume_init() };
    if HANDLERS.iter().any(|&handler| current.sa_sigaction == handler as usize) {
        return Ok(());
    }
    let Some((&handler, previous)) = HANDLERS.get(*used).zip(PREVIOUS.get(*used)) else {
        return Err(Error::Limit {
            what: "replacements of signal handlers",
            asked: *used as u64,
            limit: LEVELS as u64,
        });
    };
    // SAFETY: the level is unused: nobody reads its predecessor before its handler is installed below.
    unsafe { previous[index].set(current) };
    // SAFETY: all-zero bytes are a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // SA_ONSTACK: a host may run its threads with alternative stacks. SA_NODEFER: the handler leaves for
    // the landing routine by returning, but a host callback below it may fault again in earnest.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler is async-signal-safe and lives as long as the process (`stay_loaded`).
    if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
        return Err(Error::last_os(what));
    }
    *used += 1;
    Ok(())
}

/// Keeps the library that holds this code loaded: handlers cannot be taken back from those who saved them.
fn stay_loaded() {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: the address is code of ours; `info` is valid for writing and read only after success. The
    // name is a C string that lives as long as the library. If the library is the program itself, dlopen
    // fails or does nothing, both of which are right.
    unsafe {
        if libc::dladdr(HANDLERS[0] as *const c_void, info.as_mut_ptr()) != 0 {
            let name = info.assume_init().dli_fname;
            libc::dlopen(name, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// What handled a signal before a level was installed.
struct Previous {
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
    /// Set once a handler that asked for one call only (`SA_RESETHAND`) has had it.
    spent: AtomicUsize,
}

// SAFETY: `action` is written once, before the handler that reads it is installed (`put_on_top`); the system
// call orders the two. `spent` is atomic.
unsafe impl Sync for Previous {}

impl Previous {
    const fn new() -> Previous {
        Previous { action: UnsafeCell::new(MaybeUninit::uninit()), spent: AtomicUsize::new(0) }
    }

    /// # Safety
    /// Called once, before anybody can call [`Previous::get`].
    unsafe fn set(&self, action: libc::sigaction) {
        // SAFETY: nobody else has access, by contract.
        unsafe { (*self.action.get()).write(action) };
    }

    /// # Safety
    /// [`Previous::set`] happened before.
    unsafe fn get(&self) -> &libc::sigaction {
        // SAFETY: written, and never again, by contract.
        unsafe { (*self.action.get()).assume_init_ref() }
    }
}

/// The signal handler of a level.
extern "C" fn handle<const LEVEL: usize>(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel (or a host's handler that chains) passes what SA_SIGINFO promises.
    let (si_code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // A positive code means that the kernel reports something that the thread itself did.
    if si_code > 0 && ACTIVE.load(Ordering::Relaxed) > 0 {
        let hook = HOOK.load(Ordering::Acquire);
        // SAFETY: `context` is the ucontext of SA_SIGINFO; `hook` was stored by `install`, which precedes
        // every installation and every count in ACTIVE.
        unsafe {
            let context = context.cast::<libc::ucontext_t>();
            let hook = transmute::<*mut c_void, Hook>(hook);
            if let Some(redirect) = hook(&context::fault(&*context, signal, address)) {
                return context::redirect(&mut *context, &redirect);
            }
        }
    }
    if let Some(index) = SIGNALS.iter().position(|&known| known == signal) {
        // SAFETY: the handler of this level runs, so its predecessor was set before. The rest is what the
        // kernel passed to us.
        unsafe { chain(&PREVIOUS[LEVEL][index], signal, info, context) };
    }
}

/// Passes a signal on as if our handler were not there.
///
/// # Safety
/// `previous` is set; the others are a signal handler's arguments.
unsafe fn chain(previous: &Previous, signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: by contract.
    let (action, si_code) = unsafe { (previous.get(), (*info).si_code) };
    let once = action.sa_flags & libc::SA_RESETHAND != 0;
    let spent = once && previous.spent.swap(1, Ordering::Relaxed) != 0;
    let from_kernel = si_code > 0;
    match action.sa_sigaction {
        // The kernel does not let a fault be ignored either.
        libc::SIG_IGN if !from_kernel => {}
        libc::SIG_DFL | libc::SIG_IGN => default_action(signal, from_kernel),
        _ if spent => default_action(signal, from_kernel),
        handler => {
            // SAFETY: the mask is part of a valid sigaction, and is put back. The handler was installed by
            // the host for this signal, with the signature that its flags tell; it gets our own arguments.
            unsafe {
                let mut blocked = action.sa_mask;
                if action.sa_flags & libc::SA_NODEFER == 0 {
                    libc::sigaddset(&mut blocked, signal);
                }
                let mut before = MaybeUninit::<libc::sigset_t>::uninit();
                libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, before.as_mut_ptr());
                if action.sa_flags & libc::SA_SIGINFO != 0 {
                    transmute::<usize, Handler>(handler)(signal, info, context);
                } else {
                    transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
            }
        }
    }
}

/// Takes the default action: a fault happens again once the handler returns, a sent signal is sent again.
fn default_action(signal: c_int, from_kernel: bool) {
    // SAFETY: all-zero bytes are a valid sigaction, SIG_DFL a valid handler; both calls are
    // async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &action, ptr::null_mut());
        if !from_kernel {
            libc::raise(signal);
        }
    }
}

/// The processor's registers in a signal context.
#[cfg(target_arch = "x86_64")]
mod context {
    use super::{Fault, Redirect};

    pub(super) fn fault(context: &libc::ucontext_t, signal: i32, address: usize) -> Fault {
        let register = |index: i32| context.uc_mcontext.gregs[index as usize] as usize;
        Fault {
            signal,
            pc: register(libc::REG_RIP),
            sp: register(libc::REG_RSP),
            fp: register(libc::REG_RBP),
            address: if matches!(signal, libc::SIGSEGV | libc::SIGBUS) { address } else { 0 },
        }
    }

    pub(super) fn redirect(context: &mut libc::ucontext_t, redirect: &Redirect) {
        let mut set = |index: i32, value: usize| context.uc_mcontext.gregs[index as usize] = value as i64;
        set(libc::REG_RIP, redirect.pc);
        set(libc::REG_RSP, redirect.sp);
        let Some([rdi, rsi, rdx, rcx]) = redirect.args else { return };
        set(libc::REG_RDI, rdi);
        set(libc::REG_RSI, rsi);
        set(libc::REG_RDX, rdx);
        set(libc::REG_RCX, rcx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mmap::{Mapping, Protection};
    use crate::sys::tests::in_child;

    /// Executable memory with these bytes.
    fn code(bytes: &[u8]) -> Mapping {
        let mapping = Mapping::anonymous(4096).unwrap();
        // SAFETY: fresh memory of a page, which nobody else uses.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), mapping.base(), bytes.len());
            mapping.protect(0, 4096, Protection::ReadExecute).unwrap();
        }
        mapping
    }

    fn call(code: &Mapping, argument: usize) -> u64 {
        // SAFETY: the code of these tests has this signature.
        unsafe { transmute::<*mut u8, extern "C" fn(usize) -> u64>(code.base())(argument) }
    }

    /// `ud2; mov eax, 7; ret`: our handlers skip the first.
    const UNDEFINED: &[u8] = &[0x0F, 0x0B, 0xB8, 7, 0, 0, 0, 0xC3];
    /// `mov eax, [rdi]; ret`
    const LOAD: &[u8] = &[0x8B, 0x07, 0xC3];
    /// `xor eax, eax; cdq; div eax; ret`
    const DIVIDE: &[u8] = &[0x31, 0xC0, 0x99, 0xF7, 0xF0, 0xC3];
    /// `lea rax, [rdi + rsi]; add rax, rdx; lea rax, [rax + 2 * rcx]; ret`
    const LANDING: &[u8] = &[0x48, 0x8D, 0x04, 0x37, 0x48, 0x01, 0xD0, 0x48, 0x8D, 0x04, 0x48, 0xC3];

    static START: AtomicUsize = AtomicUsize::new(0);
    static LANDING_AT: AtomicUsize = AtomicUsize::new(0);
    static HOST_CALLS: AtomicUsize = AtomicUsize::new(0);

    /// Takes the faults of the instruction at START, and nothing else.
    fn hook(fault: &Fault) -> Option<Redirect> {
        let ours = START.load(Ordering::Relaxed) == fault.pc;
        let args = [1000, fault.signal as usize, fault.address, 100_000];
        ours.then(|| Redirect { pc: LANDING_AT.load(Ordering::Relaxed), sp: fault.sp, args: Some(args) })
    }

    /// A host's handler: skips two bytes, and checks that its own mask is in force.
    extern "C" fn host(signal: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
        HOST_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the arguments of a signal handler; asks for the mask only.
        unsafe {
            let mut mask = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut mask);
            assert!(libc::sigismember(&mask, signal) == 1 && libc::sigismember(&mask, libc::SIGUSR2) == 1);
            (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2;
        }
    }

    extern "C" fn host_without_info(_: c_int) {
        HOST_CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: returning would fault again.
        unsafe { libc::_exit(0) };
    }

    static SAVED: AtomicUsize = AtomicUsize::new(0);

    /// A later handler of the host that passes everything on to its predecessor.
    extern "C" fn chaining_host(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        HOST_CALLS.fetch_add(100, Ordering::Relaxed);
        // SAFETY: the predecessor is one of our handlers.
        unsafe { transmute::<usize, Handler>(SAVED.load(Ordering::Relaxed))(signal, info, context) };
    }

    fn set_host(signal: c_int, handler: usize, flags: c_int) -> usize {
        // SAFETY: a valid sigaction; the handlers above are async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let mut before: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            libc::sigaddset(&mut action.sa_mask, libc::SIGUSR2);
            assert_eq!(libc::sigaction(signal, &action, &mut before), 0);
            before.sa_sigaction
        }
    }

    fn start_at(code: &Mapping, offset: usize) {
        START.store(code.base() as usize + offset, Ordering::Relaxed);
    }

    #[test]
    fn faults_of_each_kind_continue_where_the_hook_says() {
        in_child(|| {
            let landing = code(LANDING);
            LANDING_AT.store(landing.base() as usize, Ordering::Relaxed);
            let _active = install(hook).unwrap();
            for _ in 0..3 {
                for (bytes, offset, argument, signal, address) in [
                    (UNDEFINED, 0, 0, libc::SIGILL, 0),
                    (LOAD, 0, 0x1230, libc::SIGSEGV, 0x1230),
                    (DIVIDE, 3, 0, libc::SIGFPE, 0),
                ] {
                    let code = code(bytes);
                    start_at(&code, offset);
                    assert_eq!(call(&code, argument), 201_000 + signal as u64 + address, "signal {signal}");
                }
            }
        });
    }

    /// The host's handler was there first.
    #[test]
    fn other_faults_go_to_the_earlier_handler_with_its_mask() {
        in_child(|| {
            set_host(libc::SIGILL, host as *const () as usize, libc::SA_SIGINFO);
            let active = install(hook).unwrap();
            let undefined = code(UNDEFINED);
            for expected in 1..=3 {
                assert_eq!((call(&undefined, 0), HOST_CALLS.load(Ordering::Relaxed)), (7, expected));
            }
            // Even a fault that the hook wants, once no engine is left.
            let landing = code(LANDING);
            LANDING_AT.store(landing.base() as usize, Ordering::Relaxed);
            start_at(&undefined, 0);
            assert_ne!(call(&undefined, 0), 7);
            drop(active);
            assert_eq!((call(&undefined, 0), HOST_CALLS.load(Ordering::Relaxed)), (7, 4));
        });
        in_child(|| {
            set_host(libc::SIGILL, host_without_info as *const () as usize, 0);
            let _active = install(hook).unwrap();
            call(&code(UNDEFINED), 0);
            panic!("the host's handler leaves");
        });
    }

    /// Later handlers that chain, and engines created after them: no circle, everyone is asked once.
    #[test]
    fn a_handler_put_on_top_later_is_chained_to_without_a_circle() {
        in_child(|| {
            set_host(libc::SIGILL, host as *const () as usize, libc::SA_SIGINFO);
            let _first = install(hook).unwrap();
            let ours = set_host(libc::SIGILL, chaining_host as *const () as usize, libc::SA_SIGINFO);
            // Of whichever level: an engine of another test may have taken the first.
            assert!(HANDLERS.iter().any(|&handler| handler as usize == ours));
            SAVED.store(ours, Ordering::Relaxed);
            let undefined = code(UNDEFINED);
            assert_eq!((call(&undefined, 0), HOST_CALLS.swap(0, Ordering::Relaxed)), (7, 101));
            let _second = install(hook).unwrap();
            let _third = install(hook).unwrap();
            assert_eq!((call(&undefined, 0), HOST_CALLS.swap(0, Ordering::Relaxed)), (7, 101));
            let landing = code(LANDING);
            LANDING_AT.store(landing.base() as usize, Ordering::Relaxed);
            start_at(&undefined, 0);
            assert!(call(&undefined, 0) >= 1000);
            assert_eq!(HOST_CALLS.load(Ordering::Relaxed), 0, "our faults are taken on top");
        });
    }

    /// Replacing our handlers again and again ends in an error, not in silence.
    #[test]
    fn levels_are_bounded() {
        in_child(|| {
            for _ in 0..LEVELS {
                let _active = install(hook).unwrap();
                set_host(libc::SIGILL, host as *const () as usize, libc::SA_SIGINFO);
            }
            assert!(matches!(install(hook), Err(Error::Limit { .. })));
        });
    }

    /// How a child that runs `body` ends: the signal that killed it.
    fn death(body: impl FnOnce()) -> c_int {
        // SAFETY: the child runs `body` and leaves.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: the child's own limits and exit.
            unsafe {
                libc::alarm(60);
                let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                libc::setrlimit(libc::RLIMIT_CORE, &none);
                body();
                libc::_exit(0);
            }
        }
        let mut status = 0;
        // SAFETY: `pid` is our child.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { 0 }
    }

    /// Crashes stay crashes, ignored signals stay ignored.
    #[test]
    fn default_and_ignored_signals_keep_their_meaning() {
        let crash = |handler: usize| {
            death(|| {
                set_host(libc::SIGILL, handler, 0);
                let _active = install(hook).unwrap();
                call(&code(UNDEFINED), 0);
            })
        };
        assert_eq!(crash(libc::SIG_DFL), libc::SIGILL);
        assert_eq!(crash(libc::SIG_IGN), libc::SIGILL, "a fault cannot be ignored");
        let sent = |handler: usize| {
            death(|| {
                set_host(libc::SIGFPE, handler, 0);
                let _active = install(hook).unwrap();
                // SAFETY: sends a signal to this process.
                unsafe { libc::raise(libc::SIGFPE) };
            })
        };
        assert_eq!(sent(libc::SIG_DFL), libc::SIGFPE);
        assert_eq!(sent(libc::SIG_IGN), 0);
        let once = death(|| {
            set_host(libc::SIGILL, host as *const () as usize, libc::SA_SIGINFO | libc::SA_RESETHAND);
            let _active = install(hook).unwrap();
            let undefined = code(UNDEFINED);
            assert_eq!(call(&undefined, 0), 7);
            call(&undefined, 0);
        });
        assert_eq!(once, libc::SIGILL);
    }
}
