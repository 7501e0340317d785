//! Functions on descriptors.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::wasi::abi::{fdflags, fstflags, oflags};
use crate::wasi::config::Input;

const END: u32 = MEMORY_BYTES as u32;
/// A file with this content, opened with all rights, at descriptor 5.
fn with_file(content: &str) -> (Rig, u32) {
    let mut rig = Rig::new();
    fs::write(rig.host("box/file"), content).unwrap();
    let fd = rig.open(DIR, "file", 0).unwrap();
    (rig, fd)
}

#[test]
fn vectors_are_gathered_and_scattered() {
    let (mut rig, fd) = with_file("");
    let (a, b) = (rig.put(b"hello "), rig.put(b"world"));
    let vectors = rig.vectors(&[a, (a.0, 0), b]);
    let (context, guest) = rig.parts();
    context.fd_write(guest, fd, vectors, OUT).unwrap();
    assert_eq!(rig.u32(OUT), 11);
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"hello world");

    let (a, b) = (rig.alloc(4), rig.alloc(100));
    let vectors = rig.vectors(&[(a, 4), (b, 0), (b, 100)]);
    let (context, guest) = rig.parts();
    context.fd_pread(guest, fd, vectors, 1, OUT).unwrap();
    assert_eq!(rig.u32(OUT), 10);
    assert_eq!((rig.bytes(a, 4), rig.bytes(b, 7)), (b"ello".to_vec(), b" world\0".to_vec()));

    let part = rig.put(b"J");
    let vectors = rig.vectors(&[part]);
    let (context, guest) = rig.parts();
    context.fd_pwrite(guest, fd, vectors, 0, OUT).unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"Jello world");
    // Neither of the two moved the position.
    assert_eq!(rig.seek(fd, 0, 1), Ok(11));
}

#[test]
fn large_transfers_go_in_pieces() {
    let (mut rig, fd) = with_file("");
    let content: Vec<u8> = (0..200_001u32).map(|i| (i * 7 % 251) as u8).collect();
    assert_eq!(rig.write(fd, &content), Ok(200_001));
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), content);
    assert_eq!(rig.seek(fd, 0, 0), Ok(0));
    assert_eq!(rig.read(fd, 300_000).unwrap(), content);
    assert_eq!(rig.read(fd, 10).unwrap(), b"");
}

#[test]
fn vectors_out_of_bounds_transfer_nothing() {
    let (mut rig, fd) = with_file("abc");
    let good = rig.put(b"xyz");
    for bad in [(END - 1, 2), (END + 1, 0), (u32::MAX, 1), (0, u32::MAX)] {
        let vectors = rig.vectors(&[good, bad]);
        let (context, guest) = rig.parts();
        assert_eq!(context.fd_write(guest, fd, vectors, OUT), Err(Errno::Fault));
        assert_eq!(context.fd_pwrite(guest, fd, vectors, 0, OUT), Err(Errno::Fault));
        assert_eq!(context.fd_read(guest, fd, vectors, OUT), Err(Errno::Fault));
        assert_eq!(context.fd_pread(guest, fd, vectors, 0, OUT), Err(Errno::Fault));
    }
    let vectors = rig.vectors(&[good]);
    let (context, guest) = rig.parts();
    for (vectors, out, errno) in [
        (vectors, END - 3, Errno::Fault),
        ((END - 7, 1), OUT, Errno::Fault),
        ((u32::MAX, 1), OUT, Errno::Fault),
        ((0, 1025), OUT, Errno::Inval),
        ((0, u32::MAX), OUT, Errno::Inval),
    ] {
        assert_eq!(context.fd_write(guest, fd, vectors, out), Err(errno));
        assert_eq!(context.fd_pwrite(guest, fd, vectors, 0, out), Err(errno));
        assert_eq!(context.fd_read(guest, fd, vectors, out), Err(errno));
        assert_eq!(context.fd_pread(guest, fd, vectors, 0, out), Err(errno));
    }
    // Lengths whose sum does not fit.
    let whole = (0, END);
    let vectors = rig.vectors(&vec![whole; 1024]);
    rig.guest.memory.resize(8 << 20, 0);
    let whole = (0, 8 << 20);
    let many = rig.vectors(&vec![whole; 513]);
    let (context, guest) = rig.parts();
    assert_eq!(context.fd_read(guest, fd, many, OUT), Err(Errno::Inval));
    assert_eq!(vectors.1, 1024);
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"abc");
    assert_eq!(rig.seek(fd, 0, 1), Ok(0));
}

#[test]
fn every_function_refuses_descriptors_that_are_not_open() {
    let mut rig = Rig::new();
    let path = rig.path("x");
    let vectors = rig.vectors(&[(HEAP, 1)]);
    for fd in [5, 511, 512, u32::MAX] {
        let (context, guest) = rig.parts();
        let open = OpenRequest { lookup: 0, oflags: 0, base: 0, inheriting: 0, fdflags: 0 };
        let d = Dialect::Preview1;
        let outcomes = [
            context.fd_advise(fd, 0, 0, 0),
            context.fd_allocate(fd, 0, 1),
            context.fd_close(fd),
            context.fd_datasync(fd),
            context.fd_fdstat_get(guest, fd, OUT),
            context.fd_fdstat_set_flags(fd, 0),
            context.fd_fdstat_set_rights(fd, 0, 0),
            context.fd_filestat_get(guest, fd, OUT, d),
            context.fd_filestat_set_size(fd, 0),
            context.fd_filestat_set_times(fd, 0, 0, 0),
            context.fd_pread(guest, fd, vectors, 0, OUT),
            context.fd_prestat_get(guest, fd, OUT),
            context.fd_prestat_dir_name(guest, fd, OUT, 8),
            context.fd_pwrite(guest, fd, vectors, 0, OUT),
            context.fd_read(guest, fd, vectors, OUT),
            context.fd_readdir(guest, fd, (OUT, 8), 0, OUT),
            context.fd_renumber(fd, 0),
            context.fd_renumber(0, fd),
            context.fd_seek(guest, fd, 0, 0, OUT, d),
            context.fd_sync(fd),
            context.fd_tell(guest, fd, OUT),
            context.fd_write(guest, fd, vectors, OUT),
            context.path_create_directory(guest, fd, path),
            context.path_filestat_get(guest, (fd, 0), path, OUT, d),
            context.path_filestat_set_times(guest, (fd, 0), path, (0, 0), 0),
            context.path_link(guest, (fd, 0), path, DIR, path),
            context.path_link(guest, (DIR, 0), path, fd, path),
            context.path_open(guest, fd, path, open, OUT),
            context.path_readlink(guest, fd, path, (OUT, 8), OUT),
            context.path_remove_directory(guest, fd, path),
            context.path_rename(guest, fd, path, DIR, path),
            context.path_rename(guest, DIR, path, fd, path),
            context.path_symlink(guest, path, fd, path),
            context.path_unlink_file(guest, fd, path),
            context.sock_accept(guest, fd, 0, OUT),
            context.sock_recv(guest, fd, vectors, 0, OUT, OUT),
            context.sock_send(guest, fd, vectors, 0, OUT),
            context.sock_shutdown(fd, 1),
        ];
        for (i, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome, Err(Errno::Badf), "outcome {i}");
        }
    }
    assert!(rig.seek(DIR, 0, 1).is_err());
}

#[test]
fn files_are_no_directories_and_directories_no_files() {
    let (mut rig, file) = with_file("abc");
    let vectors = rig.vectors(&[(HEAP, 1)]);
    let path = rig.path("x");
    let (context, guest) = rig.parts();
    let badf = Err(Errno::Badf);
    assert_eq!(context.fd_read(guest, DIR, vectors, OUT), badf);
    assert_eq!(context.fd_write(guest, DIR, vectors, OUT), badf);
    assert_eq!(context.fd_pread(guest, DIR, vectors, 0, OUT), badf);
    assert_eq!(context.fd_pwrite(guest, DIR, vectors, 0, OUT), badf);
    assert_eq!(context.fd_seek(guest, DIR, 0, 1, OUT, Dialect::Preview1), badf);
    assert_eq!(context.fd_tell(guest, DIR, OUT), badf);
    assert_eq!(context.fd_advise(DIR, 0, 0, 0), badf);
    assert_eq!(context.fd_allocate(DIR, 0, 1), badf);
    assert_eq!(context.fd_filestat_set_size(DIR, 0), badf);
    let notdir = Err(Errno::NotDir);
    assert_eq!(context.fd_readdir(guest, file, (OUT, 8), 0, OUT), notdir);
    assert_eq!(context.path_create_directory(guest, file, path), notdir);
    assert_eq!(context.path_unlink_file(guest, file, path), notdir);
    assert_eq!(context.path_link(guest, (file, 0), path, DIR, path), notdir);
    assert_eq!(context.path_link(guest, (DIR, 0), path, file, path), notdir);
    assert_eq!(context.fd_prestat_get(guest, file, OUT), badf);
    assert_eq!(context.fd_prestat_dir_name(guest, file, OUT, 8), badf);
    assert_eq!(rig.open(file, "x", 0), notdir.map(|()| 0));
}

#[test]
fn seek_and_tell() {
    let (mut rig, fd) = with_file("0123456789");
    assert_eq!(rig.seek(fd, 4, 0), Ok(4));
    assert_eq!(rig.seek(fd, -1, 1), Ok(3));
    assert_eq!(rig.seek(fd, -2, 2), Ok(8));
    assert_eq!(rig.read(fd, 5).unwrap(), b"89");
    assert_eq!(rig.seek(fd, 90, 2), Ok(100));
    let (context, guest) = rig.parts();
    context.fd_tell(guest, fd, OUT).unwrap();
    assert_eq!(rig.u64(OUT), 100);
    assert_eq!(rig.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(rig.seek(fd, -101, 1), Err(Errno::Inval));
    assert_eq!(rig.seek(fd, 0, 3), Err(Errno::Inval));
    assert_eq!(rig.seek(fd, 0, u32::MAX), Err(Errno::Inval));
    let (context, guest) = rig.parts();
    // Out of bounds moves nothing.
    assert_eq!(context.fd_seek(guest, fd, 0, 0, u32::MAX, Dialect::Preview1), Err(Errno::Fault));
    assert_eq!(context.fd_tell(guest, fd, u32::MAX - 6), Err(Errno::Fault));
    assert_eq!(rig.seek(fd, 0, 1), Ok(100));
    // The older numbers: cur, end, set.
    let (context, guest) = rig.parts();
    for (delta, whence, position) in [(7, 2, 7), (-1, 0, 6), (-3, 1, 7)] {
        context.fd_seek(guest, fd, delta, whence, OUT, Dialect::Unstable).unwrap();
        assert_eq!(guest.memory[OUT as usize], position);
    }
    // A stream has no position.
    assert_eq!(rig.seek(1, 0, 1), Err(Errno::Spipe));
}

#[test]
fn rights_only_shrink_and_are_asked_for() {
    let (mut rig, fd) = with_file("abc");
    let (_, _, base, inheriting) = rig.fdstat(fd).unwrap();
    assert_eq!((base, inheriting), (Rights::FILE.0, 0));
    let context = &rig.wasi.context;
    let less = Rights::FD_READ.0;
    assert_eq!(context.fd_fdstat_set_rights(fd, base, 1), Err(Errno::NotCapable));
    assert_eq!(context.fd_fdstat_set_rights(fd, base | Rights::PATH_OPEN.0, 0), Err(Errno::NotCapable));
    assert_eq!(context.fd_fdstat_set_rights(fd, less, 0), Ok(()));
    assert_eq!(context.fd_fdstat_set_rights(fd, base, 0), Err(Errno::NotCapable));
    assert_eq!(rig.fdstat(fd).unwrap().2, less);
    assert_eq!(rig.read(fd, 1).unwrap(), b"a");
    assert_eq!(rig.write(fd, b"x"), Err(Errno::Badf));
    assert_eq!(rig.seek(fd, 1, 0), Err(Errno::NotCapable));
    assert_eq!(rig.seek(fd, 0, 1), Err(Errno::NotCapable));
    let vectors = rig.vectors(&[(HEAP, 1)]);
    let (context, guest) = rig.parts();
    for outcome in [
        context.fd_advise(fd, 0, 0, 0),
        context.fd_allocate(fd, 0, 1),
        context.fd_datasync(fd),
        context.fd_sync(fd),
        context.fd_fdstat_set_flags(fd, 0),
        context.fd_filestat_get(guest, fd, OUT, Dialect::Preview1),
        context.fd_filestat_set_size(fd, 0),
        context.fd_filestat_set_times(fd, 0, 0, 0),
        context.fd_pread(guest, fd, vectors, 0, OUT),
        context.fd_tell(guest, fd, OUT),
    ] {
        assert_eq!(outcome, Err(Errno::NotCapable));
    }
    // Without any right on the directory, nothing can be done in it.
    context.fd_fdstat_set_rights(DIR, 0, 0).unwrap();
    assert_eq!(rig.open(DIR, "file", 0), Err(Errno::NotCapable));
    assert_eq!(rig.mkdir(DIR, "d"), Err(Errno::NotCapable));
    assert_eq!(rig.unlink(DIR, "file"), Err(Errno::NotCapable));
    assert_eq!(rig.rmdir(DIR, "d"), Err(Errno::NotCapable));
    assert_eq!(rig.rename(DIR, "file", DIR, "b"), Err(Errno::NotCapable));
    assert_eq!(rig.link(DIR, 0, "file", DIR, "b"), Err(Errno::NotCapable));
    assert_eq!(rig.symlink("file", DIR, "b"), Err(Errno::NotCapable));
    assert_eq!(rig.readlink(DIR, "b", 10), Err(Errno::NotCapable));
    assert_eq!(rig.stat(DIR, "file", 0), Err(Errno::NotCapable));
    assert_eq!(rig.set_times(DIR, "file", 0, (0, 0), 0), Err(Errno::NotCapable));
    let (context, guest) = rig.parts();
    assert_eq!(context.fd_readdir(guest, DIR, (OUT, 8), 0, OUT), Err(Errno::NotCapable));
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"abc");
}

#[test]
fn flags_can_be_set_where_the_kernel_can() {
    let (mut rig, fd) = with_file("abc");
    let context = &rig.wasi.context;
    context.fd_fdstat_set_flags(fd, fdflags::APPEND | fdflags::NONBLOCK).unwrap();
    assert_eq!(context.fd_fdstat_set_flags(fd, fdflags::SYNC), Err(Errno::NotSup));
    assert_eq!(context.fd_fdstat_set_flags(fd, 32), Err(Errno::Inval));
    assert_eq!(rig.fdstat(fd).unwrap().1, 5);
    rig.write(fd, b"d").unwrap();
    rig.wasi.context.fd_fdstat_set_flags(fd, 0).unwrap();
    rig.seek(fd, 0, 0).unwrap();
    rig.write(fd, b"A").unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"Abcd");
    let sync = OpenRequest { lookup: 1, oflags: 0, base: ALL, inheriting: ALL, fdflags: fdflags::SYNC };
    let synced = rig.open_as(DIR, "file", sync).unwrap();
    assert_eq!(rig.fdstat(synced).unwrap().1, 16);
    assert_eq!(rig.wasi.context.fd_fdstat_set_flags(synced, 0), Err(Errno::NotSup));
    assert_eq!(rig.wasi.context.fd_fdstat_set_flags(synced, fdflags::SYNC | fdflags::APPEND), Ok(()));
}

#[test]
fn sizes_times_space_and_advice() {
    let (mut rig, fd) = with_file("abc");
    let context = &rig.wasi.context;
    context.fd_filestat_set_size(fd, 5).unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"abc\0\0");
    assert_eq!(context.fd_filestat_set_size(fd, 1 << 63), Err(Errno::Inval));
    assert_eq!(context.fd_filestat_set_size(1, 0), Err(Errno::Inval));
    context.fd_allocate(fd, 0, 4096).unwrap();
    assert_eq!(fs::metadata(rig.host("box/file")).unwrap().len(), 4096);
    assert_eq!(context.fd_allocate(fd, 0, 0), Err(Errno::Inval));
    assert_eq!(context.fd_allocate(fd, (1 << 63) - 1, 2), Err(Errno::Fbig));
    assert_eq!(context.fd_allocate(fd, u64::MAX, u64::MAX), Err(Errno::Inval));
    for advice in 0..6 {
        assert_eq!(context.fd_advise(fd, 0, 100, advice), Ok(()));
    }
    assert_eq!(context.fd_advise(fd, 0, 0, 6), Err(Errno::Inval));
    assert_eq!(context.fd_advise(fd, u64::MAX, 0, 0), Err(Errno::Inval));
    assert_eq!(context.fd_advise(1, 0, 0, 0), Err(Errno::Spipe));
    for descriptor in [fd, DIR, 0, 1, 2] {
        assert_eq!(context.fd_sync(descriptor), Ok(()));
        assert_eq!(context.fd_datasync(descriptor), Ok(()));
    }

    let times = |rig: &mut Rig, fd| {
        let (context, guest) = rig.parts();
        context.fd_filestat_get(guest, fd, OUT, Dialect::Preview1).unwrap();
        (rig.u64(OUT + 40), rig.u64(OUT + 48))
    };
    let (both, atim) = (fstflags::ATIM | fstflags::MTIM, fstflags::ATIM);
    for descriptor in [fd, DIR] {
        let set = |rig: &Rig, a, m, flags| rig.wasi.context.fd_filestat_set_times(descriptor, a, m, flags);
        set(&rig, 1_500_000_001, 2_000_000_002, both).unwrap();
        assert_eq!(times(&mut rig, descriptor), (1_500_000_001, 2_000_000_002));
        set(&rig, 7, 8, atim).unwrap();
        assert_eq!(times(&mut rig, descriptor), (7, 2_000_000_002));
        set(&rig, 0, 0, fstflags::MTIM_NOW).unwrap();
        assert!(times(&mut rig, descriptor).1 > 1_600_000_000_000_000_000);
        assert_eq!(set(&rig, 0, 0, fstflags::ATIM | fstflags::ATIM_NOW), Err(Errno::Inval));
        assert_eq!(set(&rig, 0, 0, 16), Err(Errno::Inval));
    }
    assert_eq!(rig.wasi.context.fd_filestat_set_times(1, 0, 0, 0), Err(Errno::NotCapable));
}

#[test]
fn filestat_in_both_layouts() {
    let (mut rig, fd) = with_file("abc");
    fs::hard_link(rig.host("box/file"), rig.host("box/second")).unwrap();
    let (context, guest) = rig.parts();
    context.fd_filestat_get(guest, fd, OUT, Dialect::Preview1).unwrap();
    context.fd_filestat_get(guest, fd, OUT + 64, Dialect::Unstable).unwrap();
    assert_eq!(context.fd_filestat_get(guest, fd, END - 63, Dialect::Preview1), Err(Errno::Fault));
    let (new, old) = (rig.bytes(OUT, 64), rig.bytes(OUT + 64, 56));
    assert_eq!(new[..17], old[..17]);
    assert_eq!((new[16], new[24], new[32]), (4, 2, 3));
    assert_eq!((old[20], old[24]), (2, 3));
    assert_eq!(new[32..], old[24..]);
    assert_ne!(rig.u64(OUT + 8), 0);
    let (context, guest) = rig.parts();
    context.fd_filestat_get(guest, DIR, OUT, Dialect::Preview1).unwrap();
    context.fd_filestat_get(guest, 1, OUT + 64, Dialect::Preview1).unwrap();
    assert_eq!((rig.bytes(OUT + 16, 1)[0], rig.bytes(OUT + 80, 1)[0]), (3, 0));
}

#[test]
fn preopens_are_listed_until_badf() {
    let mut rig = Rig::new();
    let (context, guest) = rig.parts();
    context.fd_prestat_get(guest, RO, OUT).unwrap();
    context.fd_prestat_dir_name(guest, RO, OUT + 8, 3).unwrap();
    assert_eq!(context.fd_prestat_dir_name(guest, RO, OUT, 2), Err(Errno::NameTooLong));
    assert_eq!(context.fd_prestat_dir_name(guest, RO, END - 2, 3), Err(Errno::Fault));
    assert_eq!(context.fd_prestat_get(guest, RO, END - 7), Err(Errno::Fault));
    for fd in [0, 1, 2, 5] {
        assert_eq!(context.fd_prestat_get(guest, fd, OUT), Err(Errno::Badf));
    }
    assert_eq!((rig.u32(OUT), rig.u32(OUT + 4), rig.bytes(OUT + 8, 4)), (0, 3, b"/ro\0".to_vec()));
    let (filetype, _, base, inheriting) = rig.fdstat(DIR).unwrap();
    assert_eq!((filetype, base, inheriting), (3, Rights::DIRECTORY.0, ALL));
}

#[test]
fn close_renumber_and_the_bound() {
    let mut rig = Rig::with(|config| {
        config.max_descriptors(7);
    });
    fs::write(rig.host("box/a"), "A").unwrap();
    fs::write(rig.host("box/b"), "B").unwrap();
    let (a, b) = (rig.open(DIR, "a", 0).unwrap(), rig.open(DIR, "b", 0).unwrap());
    assert_eq!((a, b), (5, 6));
    // Nothing is created when there is no room.
    assert_eq!(rig.open(DIR, "new", oflags::CREAT), Err(Errno::Mfile));
    assert!(!rig.host("box/new").exists());
    let context = &rig.wasi.context;
    assert_eq!(context.fd_renumber(b, 100), Err(Errno::Badf));
    assert_eq!(context.fd_renumber(a, a), Ok(()));
    assert_eq!(context.fd_renumber(b, a), Ok(()));
    assert_eq!(context.fd_close(b), Err(Errno::Badf));
    assert_eq!(rig.read(a, 10).unwrap(), b"B");
    assert_eq!(rig.wasi.context.fd_close(0), Ok(()));
    // The lowest free number.
    assert_eq!(rig.open(DIR, "a", 0), Ok(0));
    assert_eq!(rig.wasi.context.fd_close(DIR), Ok(()));
    assert_eq!(rig.open(DIR, "a", 0), Err(Errno::Badf));
}

#[test]
fn standard_streams_and_their_kinds() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let sink = written.clone();
    let mut left = b"callback".to_vec();
    let mut rig = Rig::with(|config| {
        config.stdin(Input::Callback(Box::new(move |buffer| {
            let count = buffer.len().min(left.len()).min(5);
            buffer[..count].copy_from_slice(&left[..count]);
            left.drain(..count);
            Ok(count)
        })));
        config.stderr(Output::Callback(Box::new(move |bytes| {
            if bytes.starts_with(b"!") {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            // A short count is asked again.
            let count = bytes.len().min(3);
            sink.lock().unwrap().extend_from_slice(&bytes[..count]);
            Ok(count)
        })));
    });
    assert_eq!(rig.read(0, 100).unwrap(), b"callb");
    assert_eq!(rig.read(0, 100).unwrap(), b"ack");
    assert_eq!(rig.read(0, 100).unwrap(), b"");
    assert_eq!(rig.write(2, b"0123456789"), Ok(10));
    assert_eq!(*written.lock().unwrap(), b"0123456789");
    assert_eq!(rig.write(2, b"!"), Err(Errno::Pipe));
    // The buffer holds 16 bytes.
    assert_eq!(rig.write(1, b"0123456789"), Ok(10));
    assert_eq!(rig.write(1, b"0123456789"), Ok(6));
    assert_eq!(rig.write(1, b"x"), Err(Errno::NoSpc));
    assert_eq!(rig.write(1, b""), Ok(0));
    assert_eq!(rig.wasi.stdout(), b"0123456789012345");
    assert_eq!(rig.wasi.stderr(), b"");
    // One direction each.
    assert_eq!(rig.read(1, 1), Err(Errno::Badf));
    assert_eq!(rig.write(0, b"x"), Err(Errno::Badf));
    // No terminal: wasi-libc takes a character device without seek and tell for one.
    assert_eq!(rig.fdstat(1).unwrap().0, 0);

    let mut rig = Rig::with(|config| {
        config.stdin(Input::Bytes(b"bytes".to_vec())).stdout(Output::Null);
    });
    assert_eq!(rig.read(0, 3).unwrap(), b"byt");
    assert_eq!(rig.read(0, 30).unwrap(), b"es");
    assert_eq!(rig.read(0, 30).unwrap(), b"");
    assert_eq!(rig.write(1, b"gone"), Ok(4));
    assert_eq!(rig.read(2, 1), Err(Errno::Badf));
}

#[test]
fn host_files_as_standard_streams_keep_their_flags() {
    let temp = Temp::new();
    fs::write(temp.join("in"), "input").unwrap();
    let output = fs::File::create(temp.join("out")).unwrap();
    let input = fs::File::open(temp.join("in")).unwrap();
    let mut rig = Rig::with(|config| {
        config.stdin(Input::File(input)).stdout(Output::File(output.try_clone().unwrap()));
    });
    assert_eq!(rig.read(0, 100).unwrap(), b"input");
    assert_eq!(rig.seek(0, 2, 0), Ok(2));
    assert_eq!(rig.read(0, 100).unwrap(), b"put");
    assert_eq!(rig.write(1, b"out"), Ok(3));
    assert_eq!(fs::read(temp.join("out")).unwrap(), b"out");
    // The open file is shared with the host, so the guest must not change how it is written.
    assert_eq!(rig.wasi.context.fd_fdstat_set_flags(1, fdflags::APPEND), Err(Errno::NotSup));
    assert_eq!(rig.wasi.context.fd_fdstat_set_flags(1, fdflags::NONBLOCK), Ok(()));
    assert!(!rustix::fs::fcntl_getfl(&output).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    assert_eq!(rig.write(0, b"x"), Err(Errno::Badf));
}

#[test]
fn directories_list_with_stable_cookies() {
    let mut rig = Rig::new();
    for name in ["b", "a", "cc"] {
        fs::write(rig.host("box").join(name), "").unwrap();
    }
    fs::create_dir(rig.host("box/d")).unwrap();
    std::os::unix::fs::symlink("a", rig.host("box/e")).unwrap();
    let list = |rig: &mut Rig, len: u32, cookie: u64| {
        let buffer = rig.alloc(len);
        let (context, guest) = rig.parts();
        context.fd_readdir(guest, DIR, (buffer, len), cookie, OUT).unwrap();
        let bytes = rig.bytes(buffer, rig.u32(OUT));
        let mut entries = Vec::new();
        let mut rest = &bytes[..];
        while rest.len() >= 24 {
            let number = |at: usize| u64::from_le_bytes(rest[at..at + 8].try_into().unwrap());
            let (next, name_len) = (number(0), (number(16) as u32) as usize);
            assert_ne!(number(8), 0);
            let name = rest[24..].get(..name_len).map(|name| String::from_utf8(name.to_vec()).unwrap());
            entries.push((name, rest[20], next));
            rest = rest.get(24 + name_len..).unwrap_or_default();
        }
        (entries, bytes.len() as u32)
    };
    let (entries, _) = list(&mut rig, 4096, 0);
    let named = |(name, kind, next): &(Option<String>, u8, u64)| (name.clone().unwrap(), *kind, *next);
    let expected = [(".", 3, 1), ("..", 3, 2), ("a", 4, 3), ("b", 4, 4), ("cc", 4, 5), ("d", 3, 6), ("e", 7, 7)];
    assert_eq!(entries.iter().map(named).collect::<Vec<_>>(), expected.map(|(n, k, c)| (n.to_owned(), k, c)));

    // A cut entry fills the buffer, and its cookie asks for it again. Removing does not disturb.
    let (entries, used) = list(&mut rig, 60, 0);
    assert_eq!((used, entries.len()), (60, 2));
    fs::remove_file(rig.host("box/a")).unwrap();
    let (entries, _) = list(&mut rig, 4096, 3);
    assert_eq!(named(&entries[0]), ("b".to_owned(), 4, 4));
    // The beginning looks again; the end and beyond are empty.
    assert_eq!(list(&mut rig, 4096, 0).0.len(), 6);
    assert_eq!(list(&mut rig, 4096, 6), (vec![], 0));
    assert_eq!(list(&mut rig, 4096, u64::MAX), (vec![], 0));
    assert_eq!(list(&mut rig, 0, 0), (vec![], 0));
    let (context, guest) = rig.parts();
    assert_eq!(context.fd_readdir(guest, DIR, (END - 1, 2), 0, OUT), Err(Errno::Fault));
    assert_eq!(context.fd_readdir(guest, DIR, (0, u32::MAX), 0, OUT), Err(Errno::Fault));
    assert_eq!(context.fd_readdir(guest, DIR, (0, 8), 0, END), Err(Errno::Fault));
}
