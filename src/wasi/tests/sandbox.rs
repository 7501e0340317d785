//! Attempts to leave the sandbox, and to change what is read-only. After each: the outside is as it was.

use super::*;
use crate::wasi::abi::{fstflags, oflags};

/// Paths that lead to the host's `secret`, next to the directory, or to what lies above.
const OUTSIDE: &[&str] = &[
    "../secret",
    "./../secret",
    "sub/../../secret",
    "sub/../../box/../secret",
    "sub/up/secret",
    "up/secret",
    "up/box/../secret",
    "up/../etc/passwd",
    "abs/etc/passwd",
    "far",
    "far/",
    "farther",
    "chain",
    "/etc/passwd",
    "//etc/passwd",
    "/",
    "..",
    "../",
    "sub/../..",
    "up",
    "up/",
    "up/.",
    "abs",
    "abs/",
    "sub/../../../../../../../../etc/passwd",
    "back/../../secret",
];

/// What a guest could have made (relative links) and what a host might leave there (absolute ones).
fn trapped() -> Rig {
    let rig = Rig::new();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, rig.host("box").join(name)).unwrap();
    fs::create_dir(rig.host("box/sub")).unwrap();
    fs::write(rig.host("box/file"), "mine").unwrap();
    link("..", "up");
    link("../..", "sub/up");
    link("/", "abs");
    link("../secret", "far");
    link("sub/../../secret", "farther");
    link("chain2", "chain");
    link("./sub/../far", "chain2");
    link("sub/..", "back");
    link(rig.host("secret").to_str().unwrap(), "named");
    rig
}

/// Everything outside of `box`: names and contents.
fn outside(rig: &Rig) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["", "ro"] {
        for entry in fs::read_dir(rig.host(folder)).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(&rig.temp.0).unwrap().to_str().unwrap().to_owned();
            let links = std::os::unix::fs::MetadataExt::nlink(&entry.metadata().unwrap());
            let times = entry.metadata().unwrap().modified().unwrap();
            let content = fs::read(entry.path()).unwrap_or_default();
            if name != "box" {
                found.push((format!("{name} {links} {times:?}"), content));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_path_leads_outside() {
    let mut rig = trapped();
    let before = outside(&rig);
    let times = (1_000_000_000, 1_000_000_000);
    let both = fstflags::ATIM | fstflags::MTIM;
    let paths = OUTSIDE.iter().chain(&["named", "named/"]);
    for path in paths {
        // Following, nothing is opened, with any flags.
        for flags in [0, oflags::CREAT, oflags::TRUNC, oflags::CREAT | oflags::TRUNC, oflags::DIRECTORY] {
            for result in [rig.open(DIR, path, flags), rig.open_read(DIR, path, flags)] {
                assert!(result.is_err(), "open {path} {flags}: {result:?}");
            }
        }
        assert!(rig.open(DIR, path, oflags::CREAT | oflags::EXCL).is_err(), "create {path}");
        assert!(rig.stat(DIR, path, 1).is_err(), "stat {path}");
        assert!(rig.set_times(DIR, path, 1, times, both).is_err(), "times {path}");
        assert!(rig.mkdir(DIR, path).is_err(), "mkdir {path}");
        assert!(rig.rmdir(DIR, path).is_err(), "rmdir {path}");
        assert!(rig.symlink("file", DIR, path).is_err(), "symlink {path}");
        assert!(rig.link(DIR, 0, "file", DIR, path).is_err(), "link to {path}");
        assert!(rig.link(DIR, 1, path, DIR, "stolen").is_err(), "link from {path}");
        assert!(!rig.host("box/stolen").exists());
    }
    assert_eq!(outside(&rig), before);

    // What acts on the name itself may act on a link, which is inside, but on nothing behind it.
    for path in OUTSIDE.iter().filter(|path| path.contains('/') || **path == "..") {
        assert!(rig.unlink(DIR, path).is_err(), "unlink {path}");
        assert!(rig.rename(DIR, path, DIR, "stolen").is_err(), "rename from {path}");
        assert!(rig.rename(DIR, "file", DIR, path).is_err(), "rename to {path}");
        assert!(rig.link(DIR, 0, path, DIR, "stolen").is_err(), "link from {path}");
        assert!(rig.stat(DIR, path, 0).is_err(), "lstat {path}");
        assert!(rig.set_times(DIR, path, 0, times, both).is_err(), "link times {path}");
        assert!(rig.readlink(DIR, path, 100).is_err(), "readlink {path}");
    }
    assert_eq!(outside(&rig), before);
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"mine");
}

#[test]
fn escapes_are_refused_as_such() {
    let mut rig = trapped();
    for path in ["../secret", "up/secret", "far", "chain", "/etc/passwd", "..", "abs/etc/passwd", "named"] {
        assert_eq!(rig.open_read(DIR, path, 0), Err(Errno::Perm), "{path}");
        assert_eq!(rig.stat(DIR, path, 1), Err(Errno::Perm), "{path}");
    }
    // A link out may be looked at; where an absolute one leads is the host's to know.
    assert_eq!(rig.stat(DIR, "far", 0).unwrap().0, 7);
    assert_eq!(rig.readlink(DIR, "far", 100).unwrap(), b"../secret");
    assert_eq!(rig.readlink(DIR, "named", 100), Err(Errno::Perm));
    assert_eq!(rig.symlink("/etc", DIR, "etc"), Err(Errno::Perm));
    assert_eq!(rig.symlink("/", DIR, "etc"), Err(Errno::Perm));
    assert!(fs::symlink_metadata(rig.host("box/etc")).is_err());
    // Within the directory, the same means work.
    assert!(rig.open(DIR, "back/file", 0).is_ok());
    assert!(rig.open(DIR, "sub/../file", 0).is_ok());
    assert!(rig.open(DIR, "back/back/sub/../file", 0).is_ok());
}

#[test]
fn a_guest_cannot_build_its_way_out() {
    let mut rig = Rig::new();
    let before = outside(&rig);
    rig.mkdir(DIR, "a").unwrap();
    rig.mkdir(DIR, "a/b").unwrap();
    rig.symlink("../..", DIR, "a/b/up").unwrap();
    assert_eq!(rig.open_read(DIR, "a/b/up", 0).map(|fd| rig.stat(fd, "a", 0).is_ok()), Ok(true));
    // The link leads outside once it is moved up, and so does a descriptor whose directory is.
    let b = rig.open(DIR, "a/b", oflags::DIRECTORY).unwrap();
    rig.rename(DIR, "a/b/up", DIR, "up").unwrap();
    assert_eq!(rig.open_read(DIR, "up/..", 0), Err(Errno::Perm));
    assert_eq!(rig.open_read(DIR, "up", 0), Err(Errno::Perm));
    rig.rename(DIR, "a/b", DIR, "b").unwrap();
    assert_eq!(rig.open_read(b, "../secret", 0), Err(Errno::Perm));
    assert_eq!(rig.open_read(b, "..", 0), Err(Errno::Perm));
    // Through the listing, only names come; through a NUL, nothing.
    for path in ["file\0", "\0", "../secret\0x", "a\0/../secret"] {
        assert_eq!(rig.open(DIR, path, oflags::CREAT), Err(Errno::Inval));
        assert_eq!(rig.stat(DIR, path, 0), Err(Errno::Inval));
        assert_eq!(rig.mkdir(DIR, path), Err(Errno::Inval));
        assert_eq!(rig.symlink(path, DIR, "x"), Err(Errno::Inval));
        assert_eq!(rig.symlink("x", DIR, path), Err(Errno::Inval));
        assert_eq!(rig.rename(DIR, path, DIR, "x"), Err(Errno::Inval));
        assert_eq!(rig.link(DIR, 0, "a", DIR, path), Err(Errno::Inval));
    }
    assert_eq!(outside(&rig), before);
}

#[test]
fn dots_at_the_end_are_no_names() {
    let mut rig = trapped();
    fs::create_dir(rig.host("box/empty")).unwrap();
    for path in ["empty/.", "empty/./", "empty//.", "."] {
        assert_eq!(rig.stat(DIR, path, 0).map(|stat| stat.0), Ok(3), "{path}");
        assert!(rig.open_read(DIR, path, 0).is_ok(), "{path}");
        assert!(rig.open_read(DIR, path, oflags::DIRECTORY).is_ok(), "{path}");
        assert_eq!(rig.mkdir(DIR, path), Err(Errno::Exist), "{path}");
        assert_eq!(rig.rmdir(DIR, path), Err(Errno::Inval), "{path}");
        assert_eq!(rig.unlink(DIR, path), Err(Errno::IsDir), "{path}");
        assert_eq!(rig.rename(DIR, path, DIR, "x"), Err(Errno::Busy), "{path}");
        assert_eq!(rig.rename(DIR, "sub", DIR, path), Err(Errno::Busy), "{path}");
        assert_eq!(rig.symlink("sub", DIR, path), Err(Errno::Exist), "{path}");
        assert_eq!(rig.link(DIR, 0, "file", DIR, path), Err(Errno::Exist), "{path}");
        assert_eq!(rig.link(DIR, 0, path, DIR, "x"), Err(Errno::IsDir), "{path}");
        assert_eq!(rig.open(DIR, path, oflags::CREAT), Err(Errno::IsDir), "{path}");
        assert_eq!(rig.readlink(DIR, path, 9), Err(Errno::Inval), "{path}");
    }
    for path in ["new/.", "new/./"] {
        assert_eq!(rig.mkdir(DIR, path), Err(Errno::NoEnt), "{path}");
        assert_eq!(rig.symlink("sub", DIR, path), Err(Errno::NoEnt), "{path}");
    }
    // Two dots that stay inside.
    assert_eq!(rig.stat(DIR, "sub/..", 0).map(|stat| stat.0), Ok(3));
    for path in ["sub/..", "sub/../"] {
        assert!(rig.rmdir(DIR, path).is_err() && rig.unlink(DIR, path).is_err(), "{path}");
        assert!(rig.rename(DIR, path, DIR, "x").is_err() && rig.rename(DIR, "sub", DIR, path).is_err(), "{path}");
        assert!(rig.symlink("x", DIR, path).is_err() && rig.mkdir(DIR, path).is_err(), "{path}");
        assert!(rig.link(DIR, 0, "file", DIR, path).is_err(), "{path}");
    }
    assert!(rig.host("box/empty").is_dir() && rig.host("box/sub").is_dir());
}

#[test]
fn slashes_at_the_end_name_directories_only() {
    let mut rig = trapped();
    rig.symlink("file", DIR, "soft").unwrap();
    rig.symlink("sub", DIR, "dirsoft").unwrap();
    for path in ["file/", "file//", "file/.", "soft/"] {
        for flags in [0, oflags::CREAT, oflags::TRUNC, oflags::DIRECTORY] {
            assert_eq!(rig.open(DIR, path, flags), Err(Errno::NotDir), "{path} {flags}");
        }
        assert_eq!(rig.open_read(DIR, path, 0), Err(Errno::NotDir), "{path}");
        assert_eq!(rig.stat(DIR, path, 0), Err(Errno::NotDir), "{path}");
        assert_eq!(rig.stat(DIR, path, 1), Err(Errno::NotDir), "{path}");
        assert!(rig.unlink(DIR, path).is_err(), "{path}");
        assert!(rig.rmdir(DIR, path).is_err(), "{path}");
        assert!(rig.rename(DIR, path, DIR, "x").is_err(), "{path}");
        assert!(rig.rename(DIR, "file", DIR, path).is_err(), "{path}");
        assert!(rig.link(DIR, 0, path, DIR, "x").is_err(), "{path}");
        assert!(rig.link(DIR, 0, "file", DIR, path).is_err(), "{path}");
    }
    for flags in [oflags::CREAT, oflags::CREAT | oflags::EXCL] {
        assert_eq!(rig.open(DIR, "new/", flags), Err(Errno::IsDir));
    }
    assert_eq!(rig.open(DIR, "new/", oflags::TRUNC), Err(Errno::NoEnt));
    assert_eq!(rig.rename(DIR, "file", DIR, "new/"), Err(Errno::NotDir));
    // The link to a directory is not the directory.
    assert_eq!(rig.unlink(DIR, "dirsoft/"), Err(Errno::IsDir));
    assert_eq!(rig.rmdir(DIR, "dirsoft/"), Err(Errno::NotDir));
    assert_eq!(rig.rename(DIR, "dirsoft/", DIR, "x"), Err(Errno::NotDir));
    assert_eq!(fs::read(rig.host("box/file")).unwrap(), b"mine");
    assert!(!rig.host("box/new").exists() && !rig.host("box/x").exists());
}

#[test]
fn read_only_directories_do_not_change() {
    let mut rig = Rig::new();
    fs::create_dir(rig.host("ro/sub")).unwrap();
    fs::write(rig.host("ro/sub/inner"), "inner").unwrap();
    fs::write(rig.host("box/mine"), "mine").unwrap();
    std::os::unix::fs::symlink("file", rig.host("ro/link")).unwrap();
    let before = outside(&rig);
    // A directory is opened with rights to write, which do not help.
    let sub = rig.open(RO, "sub", oflags::DIRECTORY).unwrap();
    let file = rig.open_read(RO, "file", 0).unwrap();
    assert_eq!(rig.read(file, 10).unwrap(), b"fixed");
    let rofs = Err(Errno::Rofs);
    let both = fstflags::ATIM | fstflags::MTIM;

    for (fd, name, fresh) in
        [(RO, "file", "new"), (sub, "inner", "new"), (RO, "link", "new"), (RO, "sub/inner", "sub/x")]
    {
        // Every flag that creates or cuts, with rights to write and without.
        for flags in
            [oflags::CREAT, oflags::TRUNC, oflags::CREAT | oflags::TRUNC, oflags::CREAT | oflags::EXCL, oflags::EXCL]
        {
            assert_eq!(rig.open(fd, name, flags), rofs.map(|()| 0));
            assert_eq!(rig.open_read(fd, name, flags), rofs.map(|()| 0));
            assert_eq!(rig.open_read(fd, fresh, flags), rofs.map(|()| 0));
        }
        assert_eq!(rig.open(fd, name, 0), rofs.map(|()| 0));
        for lookup in [0, 1] {
            assert_eq!(rig.set_times(fd, name, lookup, (1, 1), both), rofs);
            // A second name in a writable directory would make the file writable.
            assert_eq!(rig.link(fd, lookup, name, DIR, "alias"), rofs);
            assert_eq!(rig.link(DIR, lookup, "mine", fd, fresh), rofs);
        }
        assert_eq!(rig.mkdir(fd, fresh), rofs);
        assert_eq!(rig.rmdir(fd, name), rofs);
        assert_eq!(rig.unlink(fd, name), rofs);
        assert_eq!(rig.symlink("x", fd, fresh), rofs);
        assert_eq!(rig.rename(fd, name, fd, fresh), rofs);
        assert_eq!(rig.rename(fd, name, DIR, "stolen"), rofs);
        assert_eq!(rig.rename(DIR, "mine", fd, fresh), rofs);
    }
    assert_eq!(rig.write(file, b"x"), Err(Errno::Badf));
    // Rights that were asked for and given do not help: opened with all but the one to write.
    let all = ALL & !Rights::FD_WRITE.0;
    let request = OpenRequest { lookup: 1, oflags: 0, base: all, inheriting: all, fdflags: 0 };
    let file = rig.open_as(RO, "file", request).unwrap();
    let context = &rig.wasi.context;
    assert_eq!(context.fd_filestat_set_size(file, 0), rofs);
    assert_eq!(context.fd_allocate(file, 0, 1000), rofs);
    for fd in [file, sub, RO] {
        assert_eq!(context.fd_filestat_set_times(fd, 1, 1, both), rofs);
        assert_eq!(context.fd_filestat_set_times(fd, 0, 0, fstflags::MTIM_NOW), rofs);
    }
    // Under another number it is still read-only.
    context.fd_renumber(sub, DIR).unwrap();
    assert_eq!(rig.mkdir(DIR, "new"), rofs);
    assert_eq!(outside(&rig), before);
    assert!(!rig.host("box/alias").exists() && !rig.host("box/stolen").exists());
    // Looking is allowed.
    assert_eq!(rig.stat(RO, "file", 0), Ok((4, 5)));
    assert_eq!(rig.readlink(RO, "link", 9).unwrap(), b"file");
}

#[test]
fn opening_a_pipe_does_not_wait() {
    let mut rig = Rig::new();
    let fifo = rig.host("box/fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let fd = rig.open_read(DIR, "fifo", 0).unwrap();
    assert_eq!(rig.fdstat(fd).unwrap().0, 0);
    rig.wasi.context.fd_fdstat_set_flags(fd, 4).unwrap();
    assert_eq!(rig.read(fd, 1), Err(Errno::Again));
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    std::io::Write::write_all(&mut writer, b"ping").unwrap();
    assert_eq!(rig.read(fd, 100).unwrap(), b"ping");
    assert_eq!(rig.seek(fd, 0, 1), Err(Errno::Spipe));
}

#[test]
fn a_walk_fits_into_the_headroom_of_the_stack() {
    // `limits::STACK_HEADROOM` is all that a host function is sure to have, signal frames included.
    let deep = "d/".repeat(100) + "../".repeat(50).as_str() + "d/l/l/file";
    let mut rig = Rig::new();
    fs::create_dir_all(rig.host("box").join("d/".repeat(100))).unwrap();
    let at = rig.host("box").join("d/".repeat(51));
    fs::write(at.join("file"), "x").unwrap();
    std::os::unix::fs::symlink("../d", at.join("l")).unwrap();
    let walk = move || {
        let fd = rig.open(DIR, &deep, 0).unwrap();
        rig.write(fd, b"y").unwrap();
        rig.stat(DIR, &deep, 1).unwrap();
        rig.set_times(DIR, &deep, 1, (1, 1), 5).unwrap();
        rig.link(DIR, 1, &deep, DIR, "second").unwrap();
        rig.rename(DIR, &deep, DIR, "third").unwrap();
        rig.symlink("x", DIR, &deep).unwrap();
        assert_eq!(rig.readlink(DIR, &deep, 10).unwrap(), b"x");
        rig.unlink(DIR, &deep).unwrap();
        rig.mkdir(DIR, &deep).unwrap();
        rig.rmdir(DIR, &deep).unwrap();
        let (context, guest) = rig.parts();
        context.fd_readdir(guest, DIR, (HEAP, 1000), 0, OUT).unwrap();
        context.random_get(guest, HEAP, 1000).unwrap();
        context.fd_fdstat_set_flags(fd, 1).unwrap();
    };
    // 8 KiB are left to what is not measured here: the way in and a signal's frame.
    let size = crate::limits::STACK_HEADROOM - (8 << 10);
    std::thread::Builder::new().stack_size(size).spawn(walk).unwrap().join().unwrap();
}
