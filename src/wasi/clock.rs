//! Clocks and random numbers: the system's, or ones that give the same program the same run.

use std::sync::Mutex;

use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use super::Context;
use super::config::ClockSource;
use super::errno::Errno;
use super::guest::Guest;
use super::object::lock;

/// `clockid`.
const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;
const PROCESS_CPUTIME: u32 = 2;
const THREAD_CPUTIME: u32 = 3;

/// Random bytes that are made at once.
const RANDOM_PIECE_BYTES: usize = 4096;

/// The clocks of a context.
pub(super) enum Clock {
    System,
    /// One counter behind all clocks; see `WasiConfig::virtual_clock`.
    Virtual {
        now: Mutex<u64>,
        step: u64,
    },
}

impl Clock {
    pub(super) fn new(source: ClockSource) -> Clock {
        match source {
            ClockSource::System => Clock::System,
            ClockSource::Virtual { start, step } => Clock::Virtual { now: Mutex::new(start), step },
        }
    }
    /// Nanoseconds on the clock.
    pub(super) fn now(&self, clock: u32) -> Result<u64, Errno> {
        let id = clock_id(clock)?;
        match self {
            Clock::System => nanos(clock_gettime(id)),
            Clock::Virtual { now, step } => {
                let mut now = lock(now);
                let seen = *now;
                *now = seen.saturating_add(*step);
                Ok(seen)
            }
        }
    }
    fn resolution(&self, clock: u32) -> Result<u64, Errno> {
        let id = clock_id(clock)?;
        match self {
            Clock::System => nanos(clock_getres(id)),
            Clock::Virtual { step, .. } => Ok((*step).max(1)),
        }
    }
    /// Lets virtual time pass.
    pub(super) fn skip(&self, nanos: u64) {
        if let Clock::Virtual { now, .. } = self {
            let mut now = lock(now);
            *now = now.saturating_add(nanos);
        }
    }
    /// Whether a program can wait for a time on this clock.
    pub(super) fn can_wait(clock: u32) -> Result<(), Errno> {
        match clock {
            REALTIME | MONOTONIC => Ok(()),
            PROCESS_CPUTIME | THREAD_CPUTIME => Err(Errno::NotSup),
            _ => Err(Errno::Inval),
        }
    }
}

fn clock_id(clock: u32) -> Result<ClockId, Errno> {
    match clock {
        REALTIME => Ok(ClockId::Realtime),
        MONOTONIC => Ok(ClockId::Monotonic),
        PROCESS_CPUTIME => Ok(ClockId::ProcessCPUTime),
        THREAD_CPUTIME => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

/// `Overflow` before 1970 and after 2554, which the interface cannot say.
fn nanos(time: Timespec) -> Result<u64, Errno> {
    u64::try_from(i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)).map_err(|_| Errno::Overflow)
}

/// Where random bytes come from.
pub(super) enum Random {
    System,
    Seeded(Mutex<u64>),
}

impl Random {
    pub(super) fn new(seed: Option<u64>) -> Random {
        seed.map_or(Random::System, |seed| Random::Seeded(Mutex::new(seed)))
    }
    fn fill(&self, mut buffer: &mut [u8]) -> Result<(), Errno> {
        match self {
            Random::System => {
                while !buffer.is_empty() {
                    match getrandom(&mut *buffer, GetRandomFlags::empty()) {
                        Ok(count) => buffer = &mut buffer[count..],
                        Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Random::Seeded(state) => {
                let mut state = lock(state);
                for part in buffer.chunks_mut(8) {
                    let bytes = split_mix(&mut state).to_le_bytes();
                    part.copy_from_slice(&bytes[..part.len()]);
                }
            }
        }
        Ok(())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough for runs that are to be repeated.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Context {
    pub(crate) fn clock_res_get(&self, guest: &mut dyn Guest, clock: u32, out: u32) -> Result<(), Errno> {
        let resolution = self.clock.resolution(clock)?;
        guest.write_u64(out, resolution)
    }
    /// The precision that the guest asks for is a wish, which every clock here fulfils.
    pub(crate) fn clock_time_get(&self, guest: &mut dyn Guest, clock: u32, out: u32) -> Result<(), Errno> {
        guest.check(out, 8)?;
        let now = self.clock.now(clock)?;
        guest.write_u64(out, now)
    }
    pub(crate) fn random_get(&self, guest: &mut dyn Guest, buffer: u32, len: u32) -> Result<(), Errno> {
        guest.check(buffer, len.into())?;
        let mut piece = vec![0; RANDOM_PIECE_BYTES.min(len as usize)];
        let mut done = 0;
        while done < len {
            if guest.is_interrupted() {
                return Err(Errno::Intr);
            }
            let count = piece.len().min((len - done) as usize);
            self.random.fill(&mut piece[..count])?;
            guest.write(u64::from(buffer) + u64::from(done), &piece[..count])?;
            done += count as u32;
        }
        Ok(())
    }
    pub(crate) fn sched_yield(&self) -> Result<(), Errno> {
        std::thread::yield_now();
        Ok(())
    }
}
