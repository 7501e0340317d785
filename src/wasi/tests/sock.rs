//! Sockets.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use super::*;

/// The descriptor after the directories.
const SOCKET: u32 = 5;

fn with_pair() -> (Rig, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let rig = Rig::with(|config| {
        config.socket(theirs);
    });
    (rig, ours)
}

impl Rig {
    fn recv(&mut self, fd: u32, len: u32, flags: u32) -> Result<(Vec<u8>, u16), Errno> {
        let at = self.alloc(len);
        let vectors = self.vectors(&[(at, len)]);
        let (context, guest) = self.parts();
        context.sock_recv(guest, fd, vectors, flags, OUT, OUT + 4)?;
        Ok((self.bytes(at, self.u32(OUT)), self.u32(OUT + 4) as u16))
    }
    fn send(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let part = self.put(bytes);
        let vectors = self.vectors(&[part]);
        let (context, guest) = self.parts();
        context.sock_send(guest, fd, vectors, 0, OUT)?;
        Ok(self.u32(OUT))
    }
}

#[test]
fn connections_are_accepted_and_talk() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut rig = Rig::with(|config| {
        config.socket(listener);
    });
    let (filetype, _, base, inheriting) = rig.fdstat(SOCKET).unwrap();
    assert_eq!((filetype, base, inheriting), (6, Rights::LISTENER.0, Rights::SOCKET.0));
    let (context, guest) = rig.parts();
    // Nobody is there.
    context.fd_fdstat_set_flags(SOCKET, 4).unwrap();
    assert_eq!(context.sock_accept(guest, SOCKET, 0, OUT), Err(Errno::Again));
    context.fd_fdstat_set_flags(SOCKET, 0).unwrap();
    assert_eq!(context.sock_accept(guest, SOCKET, 1, OUT), Err(Errno::Inval));
    assert_eq!(context.sock_accept(guest, SOCKET, 0, u32::MAX), Err(Errno::Fault));

    let mut client = TcpStream::connect(address).unwrap();
    context.sock_accept(guest, SOCKET, 4, OUT).unwrap();
    let fd = rig.u32(OUT);
    assert_eq!(fd, 6);
    assert_eq!(rig.fdstat(fd).unwrap(), (6, 4, Rights::SOCKET.0, 0));
    assert_eq!(rig.recv(fd, 10, 0), Err(Errno::Again));
    client.write_all(b"hello").unwrap();
    rig.wasi.context.fd_fdstat_set_flags(fd, 0).unwrap();
    assert_eq!(rig.recv(fd, 3, 1), Ok((b"hel".to_vec(), 0)));
    assert_eq!(rig.recv(fd, 3, 0), Ok((b"hel".to_vec(), 0)));
    assert_eq!(rig.read(fd, 100).unwrap(), b"lo");
    assert_eq!(rig.send(fd, b"answer"), Ok(6));
    assert_eq!(rig.write(fd, b"!"), Ok(1));
    assert_eq!(rig.wasi.context.sock_shutdown(fd, 2), Ok(()));
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer!");
    assert_eq!(rig.send(fd, b"more"), Err(Errno::Pipe));
    assert_eq!(rig.send(SOCKET, b"x"), Err(Errno::Badf));
}

#[test]
fn wait_for_all_and_the_end() {
    let (mut rig, mut ours) = with_pair();
    let waiting = this_thread();
    let writer = std::thread::spawn(move || {
        ours.write_all(b"abc").unwrap();
        until_blocked(waiting);
        ours.write_all(b"def").unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        ours
    });
    assert_eq!(rig.recv(SOCKET, 5, 2), Ok((b"abcde".to_vec(), 0)));
    assert_eq!(rig.recv(SOCKET, 5, 2), Ok((b"f".to_vec(), 0)));
    assert_eq!(rig.recv(SOCKET, 5, 0), Ok((vec![], 0)));
    assert_eq!(rig.recv(SOCKET, 0, 0), Ok((vec![], 0)));
    drop(writer.join().unwrap());
    assert_eq!(rig.send(SOCKET, b"x"), Err(Errno::Pipe));
}

#[test]
fn a_full_socket_waits_without_the_hosts_flags() {
    let (mut rig, mut ours) = with_pair();
    rig.wasi.context.fd_fdstat_set_flags(SOCKET, 4).unwrap();
    let first = rig.send(SOCKET, &[1; 500_000]).unwrap();
    assert!((1..500_000).contains(&first), "{first}");
    assert_eq!(rig.send(SOCKET, b"x"), Err(Errno::Again));
    assert_eq!(rig.recv(SOCKET, 1, 0), Err(Errno::Again));
    rig.wasi.context.fd_fdstat_set_flags(SOCKET, 0).unwrap();
    rig.heap = HEAP;
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        ours.read_to_end(&mut all).unwrap();
        all
    });
    assert_eq!(rig.send(SOCKET, &[2; 500_000]), Ok(500_000));
    drop(rig);
    assert_eq!(reader.join().unwrap().len(), first as usize + 500_000);
}

#[test]
fn datagrams_are_cut_and_say_so() {
    let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    let mut rig = Rig::with(|config| {
        config.socket(theirs);
    });
    assert_eq!(rig.fdstat(SOCKET).unwrap().0, 5);
    ours.send(b"datagram").unwrap();
    ours.send(b"next").unwrap();
    assert_eq!(rig.recv(SOCKET, 4, 0), Ok((b"data".to_vec(), 1)));
    assert_eq!(rig.recv(SOCKET, 100, 0), Ok((b"next".to_vec(), 0)));
    assert_eq!(rig.send(SOCKET, &[5; 5000]), Ok(5000));
    assert_eq!(ours.recv(&mut [0; 9000]).unwrap(), 5000);
}

#[test]
fn errors() {
    let (mut rig, _ours) = with_pair();
    let vectors = rig.vectors(&[(HEAP, 1)]);
    let (context, guest) = rig.parts();
    for fd in [0, 1, DIR] {
        let notsock = Err(Errno::NotSock);
        assert_eq!(context.sock_accept(guest, fd, 0, OUT), notsock);
        assert_eq!(context.sock_recv(guest, fd, vectors, 0, OUT, OUT), notsock);
        assert_eq!(context.sock_send(guest, fd, vectors, 0, OUT), notsock);
        assert_eq!(context.sock_shutdown(fd, 1), notsock);
    }
    let fault = Err(Errno::Fault);
    assert_eq!(context.sock_recv(guest, SOCKET, vectors, 0, u32::MAX, OUT), fault);
    assert_eq!(context.sock_recv(guest, SOCKET, vectors, 0, OUT, u32::MAX), fault);
    assert_eq!(context.sock_recv(guest, SOCKET, (u32::MAX, 1), 0, OUT, OUT), fault);
    assert_eq!(context.sock_recv(guest, SOCKET, vectors, 4, OUT, OUT), Err(Errno::Inval));
    assert_eq!(context.sock_send(guest, SOCKET, vectors, 1, OUT), Err(Errno::Inval));
    assert_eq!(context.sock_send(guest, SOCKET, vectors, 0, u32::MAX), fault);
    assert_eq!(context.sock_send(guest, SOCKET, (0, 1025), 0, OUT), Err(Errno::Inval));
    assert_eq!(context.sock_shutdown(SOCKET, 0), Err(Errno::Inval));
    assert_eq!(context.sock_shutdown(SOCKET, 4), Err(Errno::Inval));
    assert_eq!(context.sock_accept(guest, SOCKET, 0, OUT), Err(Errno::NotCapable));
    context.fd_fdstat_set_rights(SOCKET, 0, 0).unwrap();
    assert_eq!(context.sock_shutdown(SOCKET, 1), Err(Errno::NotCapable));
    assert_eq!(context.sock_recv(guest, SOCKET, vectors, 0, OUT, OUT), Err(Errno::Badf));
    // A file is no socket.
    let temp = Temp::new();
    fs::write(temp.join("file"), "").unwrap();
    let mut config = WasiConfig::new();
    config.socket(fs::File::open(temp.join("file")).unwrap());
    assert!(Wasi::new(config).is_err());
}
