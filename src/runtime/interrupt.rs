//! Interrupting calls from any thread.

/// Interrupts calls of one store. Any thread; may outlive the store.
#[derive(Clone)]
pub struct InterruptHandle {}
impl InterruptHandle {
    /// Makes the running call, or the next one if none is running, trap with `TrapCode::Interrupt`.
    pub fn interrupt(&self) {
        todo!()
    }
    /// Takes back an interrupt that was not delivered yet.
    pub fn clear(&self) {
        todo!()
    }
    /// Blocks until `deadline` (None = for ever) or an interrupt, whichever is first; true = interrupted.
    pub fn park(&self, deadline: Option<std::time::Instant>) -> bool {
        todo!()
    }
    /// A file descriptor that becomes readable when an interrupt is pending, for poll(2). Owned by the handle.
    pub fn fd(&self) -> crate::error::Result<i32> {
        todo!()
    }
    /// As `fd`, borrowed from the handle, for callers without unsafe code.
    pub fn as_fd(&self) -> crate::error::Result<std::os::fd::BorrowedFd<'_>> {
        todo!()
    }
    /// Whether an interrupt or a passed deadline is pending.
    pub fn is_pending(&self) -> bool {
        todo!()
    }
}
