//! A file descriptor that other parts of a program can poll: readable while it is set.
//!
//! Not here: when it is set (`compile::events`).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::error::{Error, Result};

/// A flag that `poll`, `select` and `epoll` understand. Never blocks; closed when dropped.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// An unset flag.
    pub fn new() -> Result<EventFd> {
        // SAFETY: makes a descriptor and touches no memory.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Error::last_os("make a descriptor for events"));
        }
        // SAFETY: a new descriptor, which nobody else owns.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Its number.
    pub fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes it readable.
    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: writes 8 bytes of a local. It cannot fail: the counter is 0 or 1.
        unsafe { libc::write(self.number(), (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: reads 8 bytes into a local. Fails, without blocking, when it is unset already.
        unsafe { libc::read(self.number(), (&raw mut count).cast(), size_of::<u64>()) };
    }

    /// Gives it a flag of its own, under the same number: after a fork, parent and child share one.
    pub fn separate(&self) -> Result<()> {
        let fresh = EventFd::new()?;
        // SAFETY: replaces our own descriptor by a copy of another one of ours.
        let status = unsafe { libc::dup3(fresh.number(), self.number(), libc::O_CLOEXEC) };
        if status < 0 { Err(Error::last_os("replace a descriptor for events")) } else { Ok(()) }
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.number(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one element, a local; the timeout of 0 returns at once.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::in_child;

    #[test]
    fn a_flag_is_readable_while_it_is_set() {
        let flag = EventFd::new().unwrap();
        assert!(!flag.is_set());
        flag.clear();
        flag.set();
        flag.set();
        assert!(flag.is_set());
        flag.clear();
        assert!(!flag.is_set());
    }

    #[test]
    fn a_child_can_have_its_own() {
        let flag = EventFd::new().unwrap();
        flag.set();
        let number = flag.number();
        in_child(|| {
            flag.separate().unwrap();
            assert!(!flag.is_set() && flag.number() == number);
            flag.set();
            flag.clear();
        });
        assert!(flag.is_set());
    }
}
