//! Waiting: for streams, for points in time, and, in the same system call, for an interrupt.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::Context;
use super::abi::{Awaited, Dialect, EVENT_SIZE, Event, EventType, Rights, SUBSCRIPTION_CLOCK_ABSTIME, Subscription};
use super::clock::Clock;
use super::errno::Errno;
use super::guest::Guest;
use super::object::{Entry, Object};

/// Subscriptions of one call: two for each of a thousand descriptors, and timers.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Waits until `fd` is ready, or has failed, which the next transfer tells. `Again` at once if `nonblocking`;
/// `Intr` on an interrupt.
pub(super) fn wait_for(guest: &dyn Guest, fd: BorrowedFd<'_>, what: PollFlags, nonblocking: bool) -> Result<(), Errno> {
    let wake = if nonblocking { None } else { guest.wake_fd() };
    loop {
        let mut fds = Vec::with_capacity(2);
        fds.push(PollFd::from_borrowed_fd(fd, what));
        fds.extend(wake.map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        match rustix::event::poll(&mut fds, nonblocking.then_some(&zero)) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                // The interrupt first: a stream that is always ready must not keep it off.
                if guest.is_interrupted() || fds.get(1).is_some_and(|wake| !wake.revents().is_empty()) {
                    return Err(Errno::Intr);
                }
                if !fds[0].revents().is_empty() {
                    return Ok(());
                }
                if nonblocking {
                    return Err(Errno::Again);
                }
            }
        }
        if guest.is_interrupted() {
            return Err(Errno::Intr);
        }
    }
}

/// A subscription, looked up.
enum Waiting {
    /// Until this time on this clock.
    Until { clock: u32, due: u64 },
    /// Until a descriptor is ready.
    Ready { entry: Arc<Entry>, flags: PollFlags },
    /// It failed.
    Failed(Errno),
}

struct Awaiting {
    userdata: u64,
    kind: EventType,
    waiting: Waiting,
}

impl Awaiting {
    fn event(&self, error: Errno, bytes: u64, hangup: bool) -> Event {
        Event { userdata: self.userdata, error, kind: self.kind, bytes, hangup }
    }
    /// The descriptor to wait for, if the object has one. All others are always ready.
    fn fd(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.waiting {
            Waiting::Ready { entry, flags } => match &entry.object {
                Object::File(host) => Some((host.file.as_fd(), *flags)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Context {
    /// Waits until at least one subscription has its event, and writes all that have.
    pub(crate) fn poll_oneoff(
        &self,
        guest: &mut dyn Guest,
        (input, output): (u32, u32),
        count: u32,
        events_at: u32,
        dialect: Dialect,
    ) -> Result<(), Errno> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        let size = Subscription::size(dialect);
        guest.check(input, u64::from(count) * u64::from(size))?;
        guest.check(output, u64::from(count) * u64::from(EVENT_SIZE))?;
        guest.check(events_at, 4)?;

        let mut awaited = Vec::with_capacity(count as usize);
        let mut bytes = vec![0; size as usize];
        for i in 0..u64::from(count) {
            guest.read(u64::from(input) + i * u64::from(size), &mut bytes)?;
            awaited.push(self.look_up(Subscription::decode(&bytes, dialect)?));
        }
        let events = self.wait(guest, &awaited)?;
        for (i, event) in (0u64..).zip(&events) {
            guest.write(u64::from(output) + i * u64::from(EVENT_SIZE), &event.encode())?;
        }
        guest.write_u32(events_at, events.len() as u32)
    }

    fn look_up(&self, subscription: Subscription) -> Awaiting {
        let (kind, waiting) = match subscription.what {
            Awaited::Clock { clock, timeout, flags } => (EventType::Clock, self.until(clock, timeout, flags)),
            Awaited::FdRead(fd) => (EventType::FdRead, self.ready(fd, Rights::FD_READ, PollFlags::IN)),
            Awaited::FdWrite(fd) => (EventType::FdWrite, self.ready(fd, Rights::FD_WRITE, PollFlags::OUT)),
        };
        let waiting = waiting.unwrap_or_else(Waiting::Failed);
        Awaiting { userdata: subscription.userdata, kind, waiting }
    }

    fn until(&self, clock: u32, timeout: u64, flags: u16) -> Result<Waiting, Errno> {
        Clock::can_wait(clock)?;
        let due = match flags {
            0 => self.clock.now(clock)?.saturating_add(timeout),
            SUBSCRIPTION_CLOCK_ABSTIME => timeout,
            _ => return Err(Errno::Inval),
        };
        Ok(Waiting::Until { clock, due })
    }

    fn ready(&self, fd: u32, right: Rights, flags: PollFlags) -> Result<Waiting, Errno> {
        let entry = self.entry(fd)?;
        entry.require(right.with(Rights::POLL_FD_READWRITE))?;
        Ok(Waiting::Ready { entry, flags })
    }

    fn wait(&self, guest: &dyn Guest, awaited: &[Awaiting]) -> Result<Vec<Event>, Errno> {
        loop {
            let mut events = Vec::new();
            // Nanoseconds until the next clock is due.
            let mut next: Option<u64> = None;
            for one in awaited {
                match &one.waiting {
                    Waiting::Until { clock, due } => match due.saturating_sub(self.clock.now(*clock)?) {
                        0 => events.push(one.event(Errno::Success, 0, false)),
                        left => next = Some(next.map_or(left, |next| next.min(left))),
                    },
                    Waiting::Ready { entry, .. } if one.fd().is_none() => {
                        events.push(one.event(Errno::Success, readable(one.kind, entry), false));
                    }
                    Waiting::Ready { .. } => {}
                    Waiting::Failed(error) => events.push(one.event(*error, 0, false)),
                }
            }
            // Virtual time does not pass while streams are waited for: either one is ready or the clock is.
            let idle = events.is_empty();
            let is_virtual = matches!(self.clock, Clock::Virtual { .. });
            let timeout = if !idle || (is_virtual && next.is_some()) { Some(0) } else { next };
            poll_streams(guest, awaited, timeout, &mut events)?;
            if !events.is_empty() {
                return Ok(events);
            }
            if let Some(left) = next {
                self.clock.skip(left);
            }
        }
    }
}

/// Polls the streams for at most `timeout` nanoseconds and adds their events; `Intr` on an interrupt.
fn poll_streams(
    guest: &dyn Guest,
    awaited: &[Awaiting],
    timeout: Option<u64>,
    events: &mut Vec<Event>,
) -> Result<(), Errno> {
    let streams: Vec<(&Awaiting, BorrowedFd<'_>, PollFlags)> =
        awaited.iter().filter_map(|one| one.fd().map(|(fd, flags)| (one, fd, flags))).collect();
    let mut fds: Vec<PollFd<'_>> = streams.iter().map(|(_, fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    fds.extend(guest.wake_fd().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
    let timeout =
        timeout.map(|nanos| Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as _ });
    let polled = rustix::event::poll(&mut fds, timeout.as_ref());
    let is_woken = fds.get(streams.len()).is_some_and(|wake| !wake.revents().is_empty());
    if is_woken || guest.is_interrupted() {
        return Err(Errno::Intr);
    }
    match polled {
        // The caller looks at its clocks and comes back.
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    for ((one, fd, _), polled) in streams.iter().zip(&fds) {
        let revents = polled.revents();
        if revents.contains(PollFlags::NVAL) {
            events.push(one.event(Errno::Badf, 0, false));
        } else if !revents.is_empty() {
            let bytes = match one.kind {
                EventType::FdRead => available(one, *fd),
                _ => 0,
            };
            // After an error too: the next transfer tells what it was.
            let hangup = revents.intersects(PollFlags::HUP | PollFlags::ERR);
            events.push(one.event(Errno::Success, bytes, hangup));
        }
    }
    Ok(())
}

/// Bytes that a read would find; 0 where the host cannot say.
fn available(one: &Awaiting, fd: BorrowedFd<'_>) -> u64 {
    if let Waiting::Ready { entry, .. } = &one.waiting
        && let Object::File(host) = &entry.object
        && !host.is_stream()
    {
        let (Ok(stat), Ok(position)) = (rustix::fs::fstat(fd), rustix::fs::tell(fd)) else { return 0 };
        return u64::try_from(stat.st_size).unwrap_or(0).saturating_sub(position);
    }
    rustix::io::ioctl_fionread(fd).unwrap_or(0)
}

/// As [`available`], for objects that are no files.
fn readable(kind: EventType, entry: &Entry) -> u64 {
    match (&entry.object, kind) {
        (Object::Input(cursor), EventType::FdRead) => {
            let cursor = super::object::lock(cursor);
            (cursor.get_ref().len() as u64).saturating_sub(cursor.position())
        }
        _ => 0,
    }
}
