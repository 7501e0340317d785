//! Waiting.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::*;
use crate::wasi::config::Input;

const MS: u64 = 1_000_000;

/// One decoded event: (userdata, error, type, bytes, flags).
type Seen = (u64, u16, u8, u64, u16);

fn clock(userdata: u64, id: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut out = vec![0; 48];
    out[..8].copy_from_slice(&userdata.to_le_bytes());
    out[16..20].copy_from_slice(&id.to_le_bytes());
    out[24..32].copy_from_slice(&timeout.to_le_bytes());
    out[40..42].copy_from_slice(&flags.to_le_bytes());
    out
}

fn stream(userdata: u64, tag: u8, fd: u32) -> Vec<u8> {
    let mut out = vec![0; 48];
    out[..8].copy_from_slice(&userdata.to_le_bytes());
    out[8] = tag;
    out[16..20].copy_from_slice(&fd.to_le_bytes());
    out
}

impl Rig {
    fn poll_as(&mut self, subscriptions: &[Vec<u8>], dialect: Dialect) -> Result<Vec<Seen>, Errno> {
        let input = self.put(&subscriptions.concat()).0;
        let output = self.alloc(32 * subscriptions.len() as u32);
        let (context, guest) = self.parts();
        context.poll_oneoff(guest, (input, output), subscriptions.len() as u32, OUT, dialect)?;
        Ok((0..self.u32(OUT))
            .map(|i| {
                let at = output + 32 * i;
                let short = |at| u16::from_le_bytes(self.bytes(at, 2).try_into().unwrap());
                (self.u64(at), short(at + 8), self.bytes(at + 10, 1)[0], self.u64(at + 16), short(at + 24))
            })
            .collect())
    }
    fn poll(&mut self, subscriptions: &[Vec<u8>]) -> Result<Vec<Seen>, Errno> {
        self.poll_as(subscriptions, Dialect::Preview1)
    }
}

/// A program whose standard input is a pipe.
fn piped() -> (Rig, File) {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let rig = Rig::with(|config| {
        config.stdin(Input::File(File::from(read)));
    });
    (rig, File::from(write))
}

#[test]
fn clocks_relative_and_absolute() {
    let mut rig = Rig::new();
    for id in [0, 1] {
        let start = Instant::now();
        assert_eq!(rig.poll(&[clock(7, id, 20 * MS, 0)]), Ok(vec![(7, 0, 0, 0, 0)]));
        assert!(start.elapsed() >= Duration::from_millis(20));
        let (context, guest) = rig.parts();
        context.clock_time_get(guest, id, OUT).unwrap();
        let now = rig.u64(OUT);
        let start = Instant::now();
        assert_eq!(rig.poll(&[clock(8, id, now + 20 * MS, 1)]), Ok(vec![(8, 0, 0, 0, 0)]));
        assert!(start.elapsed() >= Duration::from_millis(10));
        assert_eq!(rig.poll(&[clock(9, id, 1, 1)]), Ok(vec![(9, 0, 0, 0, 0)]));
    }
    // Only what is due comes back.
    assert_eq!(rig.poll(&[clock(1, 1, 3_600_000 * MS, 0), clock(2, 1, MS, 0)]), Ok(vec![(2, 0, 0, 0, 0)]));
    assert_eq!(rig.poll(&[clock(1, 1, u64::MAX, 0), clock(2, 1, 0, 0)]), Ok(vec![(2, 0, 0, 0, 0)]));
}

#[test]
fn errors_of_subscriptions_are_events() {
    let mut rig = Rig::new();
    let seen = rig.poll(&[
        clock(1, 9, 0, 0),
        clock(2, 2, 0, 0),
        clock(3, 1, 0, 2),
        stream(4, 1, 99),
        stream(5, 1, 1),
        stream(6, 2, DIR),
    ]);
    let (inval, notsup, badf) = (Errno::Inval as u16, Errno::NotSup as u16, Errno::Badf as u16);
    let expected = vec![
        (1, inval, 0, 0, 0),
        (2, notsup, 0, 0, 0),
        (3, inval, 0, 0, 0),
        (4, badf, 1, 0, 0),
        (5, badf, 1, 0, 0),
        (6, badf, 2, 0, 0),
    ];
    assert_eq!(seen, Ok(expected));
}

#[test]
fn errors_of_the_call() {
    let mut rig = Rig::new();
    assert_eq!(rig.poll(&[]), Err(Errno::Inval));
    assert_eq!(rig.poll(&[stream(0, 3, 0)]), Err(Errno::Inval));
    let end = MEMORY_BYTES as u32;
    let (context, guest) = rig.parts();
    let mut poll =
        |input, output, count, out| context.poll_oneoff(guest, (input, output), count, out, Dialect::Preview1);
    assert_eq!(poll(0, HEAP, 4097, OUT), Err(Errno::Inval));
    assert_eq!(poll(0, HEAP, u32::MAX, OUT), Err(Errno::Inval));
    assert_eq!(poll(end - 47, HEAP, 1, OUT), Err(Errno::Fault));
    assert_eq!(poll(HEAP, end - 31, 1, OUT), Err(Errno::Fault));
    assert_eq!(poll(HEAP, HEAP, 1, end - 3), Err(Errno::Fault));
}

#[test]
fn streams_that_are_ready_and_that_become_so() {
    let (mut rig, mut writer) = piped();
    // Nothing there: the clock comes first.
    assert_eq!(rig.poll(&[stream(1, 1, 0), clock(2, 1, MS, 0)]), Ok(vec![(2, 0, 0, 0, 0)]));
    writer.write_all(b"abc").unwrap();
    assert_eq!(rig.poll(&[stream(1, 1, 0), clock(2, 1, 3_600_000 * MS, 0)]), Ok(vec![(1, 0, 1, 3, 0)]));
    assert_eq!(rig.read(0, 10).unwrap(), b"abc");
    let waiting = this_thread();
    let late = std::thread::spawn(move || {
        until_blocked(waiting);
        writer.write_all(b"late").unwrap();
    });
    assert_eq!(rig.poll(&[stream(3, 1, 0)]).unwrap()[0].0, 3);
    late.join().unwrap();
    assert_eq!(rig.read(0, 10).unwrap(), b"late");
    // The writer is gone.
    assert_eq!(rig.poll(&[stream(4, 1, 0)]), Ok(vec![(4, 0, 1, 0, 1)]));
    assert_eq!(rig.read(0, 10).unwrap(), b"");
    // Buffers and files are always ready.
    fs::write(rig.host("box/file"), "12345").unwrap();
    let file = rig.open_read(DIR, "file", 0).unwrap();
    rig.seek(file, 2, 0).unwrap();
    assert_eq!(rig.poll(&[stream(5, 2, 1), stream(6, 1, file)]), Ok(vec![(5, 0, 2, 0, 0), (6, 0, 1, 3, 0)]));
    let mut rig = Rig::with(|config| {
        config.stdin(Input::Bytes(b"xyz".to_vec()));
    });
    assert_eq!(rig.poll(&[stream(7, 1, 0)]), Ok(vec![(7, 0, 1, 3, 0)]));
}

#[test]
fn nonblocking_streams_say_so() {
    let (mut rig, mut writer) = piped();
    rig.wasi.context.fd_fdstat_set_flags(0, 4).unwrap();
    assert_eq!(rig.read(0, 10), Err(Errno::Again));
    writer.write_all(b"x").unwrap();
    assert_eq!(rig.read(0, 10).unwrap(), b"x");
    assert_eq!(rig.read(0, 0).unwrap(), b"");
}

#[test]
fn an_interrupt_ends_every_wait() {
    let (mut rig, _writer) = piped();
    let (read, write) = rustix::pipe::pipe().unwrap();
    rig.guest.wake = Some(read);
    let mut write = File::from(write);
    let hour = 3_600_000 * MS;
    let waits: [fn(&mut Rig, u64) -> Option<Errno>; 4] = [
        |rig, hour| rig.poll(&[clock(1, 1, hour, 0)]).err(),
        |rig, hour| rig.poll(&[clock(1, 0, hour, 0), stream(2, 1, 0)]).err(),
        |rig, _| rig.poll(&[stream(2, 1, 0)]).err(),
        |rig, _| rig.read(0, 10).err(),
    ];
    for wait in waits {
        let waiting = this_thread();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                until_blocked(waiting);
                write.write_all(b"!").unwrap();
            });
            assert_eq!(wait(&mut rig, hour), Some(Errno::Intr));
        });
        let mut byte = [0];
        assert_eq!(rustix::io::read(rig.guest.wake.as_ref().unwrap(), &mut byte), Ok(1));
    }
    // Pending before the wait begins.
    write.write_all(b"!").unwrap();
    assert_eq!(rig.poll(&[clock(1, 1, hour, 0)]), Err(Errno::Intr));
    assert_eq!(rig.read(0, 10), Err(Errno::Intr));
    let (context, guest) = rig.parts();
    assert_eq!(context.random_get(guest, 0, 100), Err(Errno::Intr));
}

#[test]
fn a_full_pipe_does_not_hold_an_interrupt_off() {
    let (_read, write) = rustix::pipe::pipe().unwrap();
    let mut rig = Rig::with(|config| {
        config.stdout(Output::File(File::from(write)));
    });
    let (wake, write) = rustix::pipe::pipe().unwrap();
    rig.guest.wake = Some(wake);
    let waiting = this_thread();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until_blocked(waiting);
            rustix::io::write(&write, b"!").unwrap();
        });
        // More than a pipe holds: what fitted is told, and the next write is interrupted at once.
        assert_eq!(rig.write(1, &[7; 200_000]), Ok(65536));
    });
    assert_eq!(rig.write(1, b"x"), Err(Errno::Intr));
}

#[test]
fn virtual_time_passes_at_once() {
    let (mut rig, _writer) = {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let rig = Rig::with(|config| {
            config.stdin(Input::File(File::from(read))).virtual_clock(0, 1);
        });
        (rig, write)
    };
    let hour = 3_600_000 * MS;
    let waits = [clock(1, 1, hour, 0), stream(2, 1, 0), clock(3, 0, 2 * hour, 0)];
    assert_eq!(rig.poll(&waits), Ok(vec![(1, 0, 0, 0, 0)]));
    let (context, guest) = rig.parts();
    context.clock_time_get(guest, 0, OUT).unwrap();
    let now = rig.u64(OUT);
    assert!((hour..hour + 100).contains(&now), "{now}");
}

#[test]
fn older_subscriptions_have_an_identifier() {
    let mut rig = Rig::new();
    let mut timer = vec![0; 56];
    timer[..8].copy_from_slice(&5u64.to_le_bytes());
    timer[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    timer[24..28].copy_from_slice(&1u32.to_le_bytes());
    timer[32..40].copy_from_slice(&MS.to_le_bytes());
    let mut out = stream(6, 2, 1);
    out.resize(56, 0);
    assert_eq!(rig.poll_as(&[timer.clone()], Dialect::Unstable), Ok(vec![(5, 0, 0, 0, 0)]));
    timer[48] = 2;
    let inval = Errno::Inval as u16;
    assert_eq!(rig.poll_as(&[timer, out], Dialect::Unstable), Ok(vec![(5, inval, 0, 0, 0), (6, 0, 2, 0, 0)]));
}

#[test]
fn threads_of_one_program_do_not_wait_for_each_other() {
    let (mut rig, mut writer) = piped();
    let wasi = rig.wasi.clone();
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let reader = scope.spawn(move || {
            tell.send(this_thread()).unwrap();
            rig.read(0, 10)
        });
        // While the other thread waits for input, this one writes, opens, and closes the stream under it.
        until_blocked(told.recv().unwrap());
        let mut memory = vec![0; 4096];
        memory[..8].copy_from_slice(&[16, 0, 0, 0, 3, 0, 0, 0]);
        memory[16..19].copy_from_slice(b"out");
        let mut guest = Fake { memory, wake: None };
        wasi.context.fd_write(&mut guest, 1, (0, 1), 8).unwrap();
        wasi.context.path_create_directory(&mut guest, DIR, (16, 3)).unwrap();
        assert_eq!(wasi.context.fd_close(0), Ok(()));
        assert_eq!(wasi.context.fd_read(&mut guest, 0, (0, 1), 8), Err(Errno::Badf));
        assert!(!reader.is_finished());
        writer.write_all(b"in").unwrap();
        assert_eq!(reader.join().unwrap(), Ok(b"in".to_vec()));
    });
    assert_eq!(wasi.stdout(), b"out");
}
