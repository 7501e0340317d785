//! The clock that events and statistics are stamped with.

/// Nanoseconds of CLOCK_MONOTONIC, so that hosts can compare with what they read themselves.
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a local. The clock exists on every supported system, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_does_not_go_back() {
        let first = super::now_ns();
        assert!(first > 0 && super::now_ns() >= first);
    }
}
