//! Functions on paths, where they should succeed, and their ordinary errors.

use super::*;
use crate::wasi::abi::{fdflags, fstflags, oflags};

#[test]
fn files_are_created_cut_and_appended() {
    let mut rig = Rig::new();
    let fd = rig.open(DIR, "file", oflags::CREAT).unwrap();
    rig.write(fd, b"hello").unwrap();
    assert_eq!(rig.open(DIR, "file", oflags::CREAT | oflags::EXCL), Err(Errno::Exist));
    assert!(rig.open(DIR, "file", oflags::CREAT).is_ok());
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"hello");
    let append = OpenRequest { lookup: 1, oflags: 0, base: ALL, inheriting: ALL, fdflags: fdflags::APPEND };
    let appended = rig.open_as(DIR, "./file", append).unwrap();
    rig.write(appended, b"!").unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"hello!");
    assert_eq!(rig.fdstat(appended).unwrap().1, 1);
    rig.open(DIR, "file", oflags::TRUNC).unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"");
    assert_eq!(rig.open(DIR, "missing", 0), Err(Errno::NoEnt));
    assert_eq!(rig.open(DIR, "missing/x", oflags::CREAT), Err(Errno::NoEnt));
    assert_eq!(rig.open(DIR, "file/x", oflags::CREAT), Err(Errno::NotDir));
    let exclusive = rig.open(DIR, "new", oflags::CREAT | oflags::EXCL).unwrap();
    assert_eq!(rig.fdstat(exclusive).unwrap().0, 4);
}

#[test]
fn opening_gives_what_was_asked_for() {
    let mut rig = Rig::new();
    fs::write(rig.host("box/file"), "abc").unwrap();
    let request = |base: Rights, oflags| OpenRequest { lookup: 0, oflags, base: base.0, inheriting: 0, fdflags: 0 };
    let read = rig.open_as(DIR, "file", request(Rights::FD_READ, 0)).unwrap();
    assert_eq!(rig.fdstat(read).unwrap().2, Rights::FD_READ.0);
    assert_eq!(rig.write(read, b"x"), Err(Errno::Badf));
    let write = rig.open_as(DIR, "file", request(Rights::FD_WRITE, 0)).unwrap();
    assert_eq!(rig.read(write, 1), Err(Errno::Badf));
    assert_eq!(rig.write(write, b"A"), Ok(1));
    // Cut without a right to write: the file is cut, and still cannot be written.
    let cut = rig.open_as(DIR, "file", request(Rights::FD_READ, oflags::TRUNC)).unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"");
    assert_eq!(rig.write(cut, b"x"), Err(Errno::Badf));
    // All 64 bits, as Go's runtime asks, mean all that are known.
    let all = OpenRequest { lookup: 0, oflags: 0, base: u64::MAX, inheriting: u64::MAX, fdflags: 0 };
    assert_eq!(rig.open_as(DIR, "file", all), Err(Errno::NotCapable));
    let known = !(Rights::SOCK_ACCEPT.0 | Rights::SOCK_SHUTDOWN.0);
    let all = OpenRequest { base: known, inheriting: known, ..all };
    let fd = rig.open_as(DIR, "file", all).unwrap();
    assert_eq!(rig.fdstat(fd).unwrap().2, Rights::FILE.0);
    for (lookup, oflags, fdflags) in [(2, 0, 0), (0, 16, 0), (0, 0, 32)] {
        let request = OpenRequest { lookup, oflags, base: 0, inheriting: 0, fdflags };
        assert_eq!(rig.open_as(DIR, "file", request), Err(Errno::Inval));
    }
}

#[test]
fn directories_are_opened_with_and_without_the_flag() {
    let mut rig = Rig::new();
    rig.mkdir(DIR, "sub").unwrap();
    rig.mkdir(DIR, "sub/deep/").unwrap();
    fs::write(rig.host("box/sub/file"), "x").unwrap();
    for (path, oflags) in [("sub", oflags::DIRECTORY), ("sub/", oflags::DIRECTORY), ("sub", 0), ("sub/", 0), (".", 0)] {
        let fd = rig.open_read(DIR, path, oflags).unwrap();
        let (filetype, _, base, inheriting) = rig.fdstat(fd).unwrap();
        assert_eq!((filetype, base & Rights::PATH_OPEN.0 != 0, inheriting), (3, true, READ), "{path}");
        assert_eq!(rig.stat(fd, if path == "." { "sub/file" } else { "file" }, 0), Ok((4, 1)));
        assert_eq!(rig.wasi.context.fd_sync(fd), Ok(()));
    }
    let sub = rig.open(DIR, "sub", oflags::DIRECTORY).unwrap();
    assert_eq!(rig.open(sub, "..", 0), Err(Errno::Perm));
    assert_eq!(rig.open(sub, "../sub/file", 0), Err(Errno::Perm));
    assert!(rig.open(DIR, "sub/../sub/deep/../file", 0).is_ok());
    assert_eq!(rig.open(DIR, "sub/file", oflags::DIRECTORY), Err(Errno::NotDir));
    assert_eq!(rig.open(DIR, "sub/file/", oflags::DIRECTORY), Err(Errno::NotDir));
    assert_eq!(rig.open(DIR, "sub", 0), Err(Errno::IsDir));
    assert_eq!(rig.open(DIR, "sub", oflags::CREAT), Err(Errno::IsDir));
    for bad in [oflags::CREAT, oflags::EXCL, oflags::TRUNC] {
        assert_eq!(rig.open(DIR, "sub", oflags::DIRECTORY | bad), Err(Errno::Inval));
    }
    assert_eq!(rig.mkdir(DIR, "sub"), Err(Errno::Exist));
    assert_eq!(rig.mkdir(DIR, "sub/file/x"), Err(Errno::NotDir));
    assert_eq!(rig.rmdir(DIR, "sub"), Err(Errno::NotEmpty));
    assert_eq!(rig.rmdir(DIR, "sub/file"), Err(Errno::NotDir));
    assert_eq!(rig.rmdir(DIR, "sub/deep/"), Ok(()));
    assert_eq!(rig.rmdir(DIR, "sub/deep"), Err(Errno::NoEnt));
}

#[test]
fn what_is_opened_has_at_most_what_the_directory_passes_on() {
    let mut rig = Rig::new();
    fs::create_dir(rig.host("box/sub")).unwrap();
    fs::write(rig.host("box/sub/file"), "x").unwrap();
    let inheriting = Rights::FD_READ.with(Rights::PATH_OPEN).0;
    let sub = OpenRequest { lookup: 0, oflags: oflags::DIRECTORY, base: ALL, inheriting, fdflags: 0 };
    let sub = rig.open_as(DIR, "sub", sub).unwrap();
    let request = |base: Rights, fdflags| OpenRequest { lookup: 0, oflags: 0, base: base.0, inheriting: 0, fdflags };
    assert!(rig.open_as(sub, "file", request(Rights::FD_READ, 0)).is_ok());
    assert_eq!(rig.open_as(sub, "file", request(Rights::FD_WRITE, 0)), Err(Errno::NotCapable));
    assert_eq!(rig.open_as(sub, "file", request(Rights::FD_READ, fdflags::SYNC)), Err(Errno::NotCapable));
    let wide = OpenRequest { inheriting: Rights::FD_WRITE.0, ..request(Rights::FD_READ, 0) };
    assert_eq!(rig.open_as(sub, "file", wide), Err(Errno::NotCapable));
    // Creating and cutting are rights of the directory.
    let context = &rig.wasi.context;
    let less = Rights::DIRECTORY.without(Rights::PATH_CREATE_FILE).without(Rights::PATH_FILESTAT_SET_SIZE);
    context.fd_fdstat_set_rights(sub, less.0, inheriting).unwrap();
    for flag in [oflags::CREAT, oflags::TRUNC] {
        let request = OpenRequest { oflags: flag, ..request(Rights::FD_READ, 0) };
        assert_eq!(rig.open_as(sub, "file", request), Err(Errno::NotCapable));
    }
    assert_eq!(fs::read(rig.host("box/sub/file")).unwrap(), b"x");
}

#[test]
fn links_are_made_read_and_followed() {
    let mut rig = Rig::new();
    fs::create_dir(rig.host("box/sub")).unwrap();
    fs::write(rig.host("box/sub/file"), "abc").unwrap();
    rig.symlink("sub/file", DIR, "link").unwrap();
    assert_eq!(rig.readlink(DIR, "link", 100).unwrap(), b"sub/file");
    assert_eq!(rig.readlink(DIR, "link", 3).unwrap(), b"sub");
    assert_eq!(rig.readlink(DIR, "sub", 100), Err(Errno::Inval));
    assert_eq!(rig.readlink(DIR, "missing", 100), Err(Errno::NoEnt));
    assert_eq!(rig.stat(DIR, "link", 0).unwrap().0, 7);
    assert_eq!(rig.stat(DIR, "link", 1), Ok((4, 3)));
    assert_eq!(rig.stat(DIR, "link", 2), Err(Errno::Inval));
    assert!(rig.open(DIR, "link", 0).is_ok());
    let nofollow = OpenRequest { lookup: 0, oflags: 0, base: ALL, inheriting: ALL, fdflags: 0 };
    assert_eq!(rig.open_as(DIR, "link", nofollow), Err(Errno::Loop));
    rig.symlink("sub", DIR, "dirlink").unwrap();
    assert!(rig.open_read(DIR, "dirlink/", oflags::DIRECTORY).is_ok());
    let nofollow = OpenRequest { oflags: oflags::DIRECTORY, ..nofollow };
    assert_eq!(rig.open_as(DIR, "dirlink", nofollow), Err(Errno::NotDir));
    rig.symlink("loop", DIR, "loop").unwrap();
    assert_eq!(rig.open(DIR, "loop", 0), Err(Errno::Loop));
    assert_eq!(rig.stat(DIR, "loop", 1), Err(Errno::Loop));
    assert_eq!(rig.symlink("x", DIR, "link"), Err(Errno::Exist));
    assert_eq!(rig.symlink("x", DIR, "new/"), Err(Errno::NoEnt));
    assert_eq!(rig.symlink("x", DIR, "sub/"), Err(Errno::Exist));
    assert_eq!(rig.symlink("", DIR, "new"), Err(Errno::NoEnt));
    // An exclusive open does not go through a link, dangling or not.
    rig.symlink("nowhere", DIR, "dangling").unwrap();
    assert_eq!(rig.open(DIR, "dangling", oflags::CREAT | oflags::EXCL), Err(Errno::Exist));
    assert!(!rig.host("box/nowhere").exists());
    assert_eq!(rig.unlink(DIR, "link"), Ok(()));
    assert_eq!(rig.unlink(DIR, "dirlink"), Ok(()));
    assert_eq!(fs::read(rig.host("box/sub/file")).unwrap(), b"abc");
}

#[test]
fn hard_links() {
    let mut rig = Rig::new();
    fs::write(rig.host("box/file"), "abc").unwrap();
    fs::create_dir(rig.host("box/sub")).unwrap();
    let sub = rig.open(DIR, "sub", oflags::DIRECTORY).unwrap();
    rig.link(DIR, 0, "file", sub, "second").unwrap();
    let fd = rig.open(sub, "second", 0).unwrap();
    rig.write(fd, b"ABC").unwrap();
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"ABC");
    assert_eq!(rig.link(DIR, 0, "file", sub, "second"), Err(Errno::Exist));
    assert_eq!(rig.link(DIR, 0, "missing", sub, "x"), Err(Errno::NoEnt));
    assert_eq!(rig.link(DIR, 0, "sub", DIR, "x"), Err(Errno::Perm));
    assert_eq!(rig.link(DIR, 0, "file", DIR, "x/"), Err(Errno::NoEnt));
    assert_eq!(rig.link(DIR, 0, "file/", DIR, "x"), Err(Errno::NotDir));
    assert_eq!(rig.link(DIR, 2, "file", DIR, "x"), Err(Errno::Inval));
    // A link to a link, and to what it leads to.
    rig.symlink("file", DIR, "soft").unwrap();
    rig.link(DIR, 0, "soft", DIR, "soft2").unwrap();
    rig.link(DIR, 1, "soft", DIR, "hard").unwrap();
    assert_eq!(rig.stat(DIR, "soft2", 0).unwrap().0, 7);
    assert_eq!(rig.stat(DIR, "hard", 0), Ok((4, 3)));
    assert!(!rig.host("box/x").exists());
}

#[test]
fn renaming_and_removing() {
    let mut rig = Rig::new();
    fs::write(rig.host("box/a"), "A").unwrap();
    fs::write(rig.host("box/b"), "B").unwrap();
    for name in ["dir", "other", "full"] {
        fs::create_dir(rig.host("box").join(name)).unwrap();
    }
    fs::write(rig.host("box/full/x"), "").unwrap();
    assert_eq!(rig.rename(DIR, "a", DIR, "b"), Ok(()));
    assert_eq!(fs::read(rig.host("box/b")).unwrap(), b"A");
    assert_eq!(rig.rename(DIR, "a", DIR, "c"), Err(Errno::NoEnt));
    assert_eq!(rig.rename(DIR, "b", DIR, "dir"), Err(Errno::IsDir));
    assert_eq!(rig.rename(DIR, "dir", DIR, "b"), Err(Errno::NotDir));
    assert_eq!(rig.rename(DIR, "dir", DIR, "full"), Err(Errno::NotEmpty));
    assert_eq!(rig.rename(DIR, "dir", DIR, "dir/sub"), Err(Errno::Inval));
    assert_eq!(rig.rename(DIR, "dir/", DIR, "other/"), Ok(()));
    assert_eq!(rig.rename(DIR, "other", DIR, "new/"), Ok(()));
    assert!(rig.host("box/new").is_dir());
    // Across descriptors.
    let full = rig.open(DIR, "full", oflags::DIRECTORY).unwrap();
    assert_eq!(rig.rename(DIR, "b", full, "moved"), Ok(()));
    assert_eq!(fs::read(rig.host("box/full/moved")).unwrap(), b"A");
    assert_eq!(rig.unlink(DIR, "full"), Err(Errno::IsDir));
    assert_eq!(rig.unlink(DIR, "full/moved"), Ok(()));
    assert_eq!(rig.unlink(DIR, "full/moved"), Err(Errno::NoEnt));
    assert_eq!(rig.unlink(full, "x"), Ok(()));
    assert_eq!(rig.rmdir(DIR, "full"), Ok(()));
    // A removed directory that is still open is empty for ever.
    assert_eq!(rig.open(full, "x", oflags::CREAT), Err(Errno::NoEnt));
}

#[test]
fn times_of_files_and_of_links() {
    let mut rig = Rig::new();
    fs::write(rig.host("box/file"), "").unwrap();
    rig.symlink("file", DIR, "link").unwrap();
    let both = fstflags::ATIM | fstflags::MTIM;
    let times = |rig: &mut Rig, path: &str, lookup| {
        rig.stat(DIR, path, lookup).unwrap();
        (rig.u64(OUT + 40), rig.u64(OUT + 48))
    };
    rig.set_times(DIR, "link", 1, (5, 6), both).unwrap();
    assert_eq!(times(&mut rig, "file", 0), (5, 6));
    rig.set_times(DIR, "link", 0, (1_000_000_007, 8), both).unwrap();
    assert_eq!(times(&mut rig, "link", 0), (1_000_000_007, 8));
    assert_eq!(times(&mut rig, "file", 0), (5, 6));
    rig.set_times(DIR, "file", 1, (9, 10), fstflags::MTIM).unwrap();
    assert_eq!(times(&mut rig, "file", 0), (5, 10));
    rig.set_times(DIR, "file", 1, (0, 0), fstflags::ATIM_NOW).unwrap();
    assert!(times(&mut rig, "file", 0).0 > 1_600_000_000_000_000_000);
    let twice = fstflags::MTIM | fstflags::MTIM_NOW;
    assert_eq!(rig.set_times(DIR, "file", 1, (0, 0), twice), Err(Errno::Inval));
    assert_eq!(rig.set_times(DIR, "file", 1, (0, 0), 16), Err(Errno::Inval));
    assert_eq!(rig.set_times(DIR, "file", 2, (0, 0), 0), Err(Errno::Inval));
    assert_eq!(rig.set_times(DIR, "missing", 0, (0, 0), both), Err(Errno::NoEnt));
    assert_eq!(rig.set_times(DIR, "file/", 0, (0, 0), both), Err(Errno::NotDir));
}

#[test]
fn paths_and_results_out_of_bounds() {
    let mut rig = Rig::new();
    fs::write(rig.host("box/file"), "abc").unwrap();
    rig.symlink("file", DIR, "link").unwrap();
    let end = MEMORY_BYTES as u32;
    let (path, link, fresh) = (rig.path("file"), rig.path("link"), rig.path("fresh"));
    let create = OpenRequest { lookup: 0, oflags: oflags::CREAT, base: ALL, inheriting: 0, fdflags: 0 };
    let (context, guest) = rig.parts();
    // A result that cannot be written creates nothing and leaks no descriptor.
    assert_eq!(context.path_open(guest, DIR, fresh, create, end - 3), Err(Errno::Fault));
    assert_eq!(context.path_readlink(guest, DIR, link, (end - 1, 2), OUT), Err(Errno::Fault));
    assert_eq!(context.path_readlink(guest, DIR, link, (OUT, 2), end), Err(Errno::Fault));
    assert_eq!(context.path_filestat_get(guest, (DIR, 0), path, end - 63, Dialect::Preview1), Err(Errno::Fault));
    for bad in [(end - 1, 2), (u32::MAX, 1), (0, u32::MAX)] {
        let fault = Err(Errno::Fault);
        assert_eq!(context.path_open(guest, DIR, bad, create, OUT), fault);
        assert_eq!(context.path_create_directory(guest, DIR, bad), fault);
        assert_eq!(context.path_remove_directory(guest, DIR, bad), fault);
        assert_eq!(context.path_unlink_file(guest, DIR, bad), fault);
        assert_eq!(context.path_filestat_get(guest, (DIR, 0), bad, OUT, Dialect::Preview1), fault);
        assert_eq!(context.path_filestat_set_times(guest, (DIR, 0), bad, (0, 0), 0), fault);
        assert_eq!(context.path_readlink(guest, DIR, bad, (OUT, 8), OUT), fault);
        assert_eq!(context.path_link(guest, (DIR, 0), path, DIR, bad), fault);
        assert_eq!(context.path_link(guest, (DIR, 0), bad, DIR, fresh), fault);
        assert_eq!(context.path_rename(guest, DIR, path, DIR, bad), fault);
        assert_eq!(context.path_rename(guest, DIR, bad, DIR, fresh), fault);
        assert_eq!(context.path_symlink(guest, bad, DIR, fresh), fault);
        assert_eq!(context.path_symlink(guest, path, DIR, bad), fault);
    }
    assert!(!rig.host("box/fresh").exists());
    assert_eq!(rig.open(DIR, "file", 0), Ok(5));
    let long = "x/".repeat(2100);
    assert_eq!(rig.open(DIR, &long, 0), Err(Errno::NameTooLong));
    assert_eq!(rig.mkdir(DIR, &"x".repeat(300)), Err(Errno::NameTooLong));
    assert_eq!(rig.stat(DIR, "", 0), Err(Errno::NoEnt));
    assert_eq!(rig.mkdir(DIR, ""), Err(Errno::NoEnt));
    assert_eq!(rig.open(DIR, "", 0), Err(Errno::NoEnt));
}
