//! The directory by itself, with bytes that say of themselves whether they are whole. What a module makes of it, and
//! many processes at once: `tests/cache.rs`.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("updraft-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn store(&self, limit: u64) -> Directory {
        Directory::new(self.0.clone(), limit)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(number: u8) -> EntryKey {
    [number; 32]
}

fn contents(store: &Directory, number: u8) -> Vec<u8> {
    match store.get(&key(number)).unwrap().body {
        Body::Memory(bytes) => bytes,
        Body::File(file) => {
            let mut bytes = Vec::new();
            (&*file).read_to_end(&mut bytes).unwrap();
            bytes
        }
    }
}

/// Bytes that say how many they are.
fn entry(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![seed; len];
    bytes[..8].copy_from_slice(&(len as u64).to_le_bytes());
    bytes
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() as u64 == u64::from_le_bytes(bytes[..8].try_into().unwrap())
        && bytes[8..].iter().all(|byte| *byte == bytes[8])
}

#[test]
fn what_is_put_is_found_by_whoever_comes_later() {
    let folder = Folder::new("found");
    let store = folder.store(1 << 20);
    assert_eq!(store.get(&key(1)).unwrap_err(), Miss::Absent);
    assert!(!folder.0.exists(), "looking makes nothing");
    store.put(&key(1), &entry(5, 300_000), Over::Absent).unwrap();
    assert_eq!(contents(&store, 1), entry(5, 300_000));
    store.put(&key(1), &entry(5, 5000), Over::Anything).unwrap();
    assert_eq!(contents(&folder.store(1 << 20), 1), entry(5, 5000));
    assert_eq!(store.get(&key(2)).unwrap_err(), Miss::Absent);
    assert_eq!(folder.names(), [hex(&key(1)), "lock".to_owned()]);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder.0), mode(&store.entry(&key(1)))), (0o700, 0o600));
}

#[test]
fn large_entries_do_not_use_up_descriptors() {
    let folder = Folder::new("descriptors");
    let store = folder.store(1 << 20);
    store.put(&key(1), &entry(5, 300_000), Over::Absent).unwrap();
    let found: Vec<Body> = (0..MAX_KEPT + 3).map(|_| store.get(&key(1)).unwrap().body).collect();
    let open = found.iter().filter(|body| matches!(body, Body::File(_))).count();
    // Other tests have some open.
    assert!((1..=MAX_KEPT).contains(&open));
    assert!(found.iter().all(|body| !matches!(body, Body::Memory(bytes) if !is_whole(bytes))));
}

#[test]
fn an_entry_is_replaced_only_by_who_has_seen_it() {
    let folder = Folder::new("replaced");
    let store = folder.store(1 << 20);
    store.put(&key(1), &entry(1, 100), Over::Absent).unwrap();
    assert_eq!(store.put(&key(1), &entry(2, 100), Over::Absent), Err(Unwritten::Changed));
    let read = store.get(&key(1)).unwrap();
    store.put(&key(1), &entry(3, 100), Over::Version(read.version)).unwrap();
    assert_eq!(store.put(&key(1), &entry(4, 100), Over::Version(read.version)), Err(Unwritten::Changed));
    assert_eq!(contents(&store, 1), entry(3, 100));
    store.put(&key(1), &entry(5, 100), Over::Anything).unwrap();
    assert_eq!(contents(&store, 1), entry(5, 100));
    // A hit that notes the time does not make its own version a stale one.
    let file = File::open(store.entry(&key(1))).unwrap();
    file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
    let read = store.get(&key(1)).unwrap();
    assert!(file.metadata().unwrap().mtime() > 1_000_000_000);
    store.put(&key(1), &entry(6, 100), Over::Version(read.version)).unwrap();
    assert_eq!(folder.names(), [hex(&key(1)), "lock".to_owned()], "nothing unfinished is left");
}

#[test]
fn what_is_no_entry_is_a_miss_and_gives_way() {
    let folder = Folder::new("hostile");
    let store = folder.store(1 << 20);
    store.put(&key(9), &entry(9, 100), Over::Absent).unwrap();
    let path = store.entry(&key(1));
    let expect = |what: &str, gives_way: bool| {
        assert_eq!(store.get(&key(1)).unwrap_err(), Miss::NotAnEntry, "{what}");
        let put = store.put(&key(1), &entry(1, 100), Over::Anything);
        assert_eq!(put.is_ok(), gives_way, "{what}: {put:?}");
        if gives_way {
            assert_eq!(contents(&store, 1), entry(1, 100), "{what}");
            fs::remove_file(&path).unwrap();
        }
        // What a link leads to is not touched.
        assert_eq!(contents(&store, 9), entry(9, 100), "{what}");
    };
    symlink(store.entry(&key(9)), &path).unwrap();
    expect("a link", true);
    symlink(&path, &path).unwrap();
    expect("a link to itself", true);
    let fifo = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a path that ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    expect("a pipe", true);
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    expect("a socket", true);
    fs::write(&path, b"").unwrap();
    expect("an empty file", true);
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    expect("a huge file", true);
    fs::create_dir(&path).unwrap();
    expect("a directory", false);
    fs::remove_dir(&path).unwrap();
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } == 0 {
        fs::write(&path, entry(2, 100)).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        expect("a file of another user", true);
    }
}

#[test]
fn a_directory_that_others_write_to_is_not_used() {
    let folder = Folder::new("lax");
    let store = folder.store(1 << 20);
    store.put(&key(1), &entry(1, 100), Over::Absent).unwrap();
    for mode in [0o770, 0o707, 0o777] {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(store.get(&key(1)).unwrap_err(), Miss::NotAnEntry);
        assert_eq!(store.put(&key(1), &entry(2, 100), Over::Anything), Err(Unwritten::Failed));
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(contents(&store, 1), entry(1, 100));
    // A file in its place.
    let file = Directory::new(store.entry(&key(1)), 1 << 20);
    assert_eq!(file.get(&key(1)).unwrap_err(), Miss::NotAnEntry);
    assert_eq!(file.put(&key(1), &entry(1, 100), Over::Absent), Err(Unwritten::Failed));
    // Where nothing can be made.
    let nowhere = Directory::new("/proc/updraft".into(), 1 << 20);
    assert_eq!(nowhere.get(&key(1)).unwrap_err(), Miss::Absent);
    assert_eq!(nowhere.put(&key(1), &entry(1, 100), Over::Absent), Err(Unwritten::Failed));
}

#[test]
fn the_entries_that_were_not_used_for_longest_make_room() {
    let folder = Folder::new("room");
    let store = folder.store(10_000);
    assert_eq!(store.put(&key(0), &entry(0, 10_001), Over::Absent), Err(Unwritten::TooLarge));
    for number in 1..=10 {
        store.put(&key(number), &entry(number, 1000), Over::Absent).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(number.into());
        let file = File::open(store.entry(&key(number))).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    // The oldest is used.
    store.get(&key(1)).unwrap();
    // Not an entry, and nobody's business.
    fs::write(folder.0.join("README"), vec![0; 20_000]).unwrap();
    store.put(&key(11), &entry(11, 1000), Over::Absent).unwrap();
    let left: Vec<u8> = (1..=11).filter(|number| store.entry(&key(*number)).exists()).collect();
    // 11,000 bytes became at most seven eighths of 10,000.
    assert_eq!(left, [1, 5, 6, 7, 8, 9, 10, 11]);
    // An entry in the place of another needs no more room than it takes itself.
    store.put(&key(11), &entry(11, 3000), Over::Anything).unwrap();
    let left: Vec<u8> = (1..=11).filter(|number| store.entry(&key(*number)).exists()).collect();
    assert_eq!(left, [1, 5, 6, 7, 8, 9, 10, 11]);
    assert!(folder.0.join("README").exists());
}

#[test]
fn leftovers_of_writers_that_are_gone_are_removed() {
    let folder = Folder::new("leftovers");
    let store = folder.store(1 << 20);
    ensure_own_directory(&folder.0).unwrap();
    let (left, file) = create_unfinished(&folder.0).unwrap();
    let (kept, _writer) = create_unfinished(&folder.0).unwrap();
    drop(file);
    store.put(&key(1), &entry(1, 100), Over::Absent).unwrap();
    assert!(!left.exists() && kept.exists());
}

#[test]
fn readers_find_whole_entries_while_many_write() {
    let folder = Folder::new("many");
    let store = &folder.store(200_000);
    let (hits, writes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for seed in 1..=8u8 {
            let writes = &writes;
            scope.spawn(move || {
                for round in 0..100u8 {
                    let bytes = entry(seed, 100 + usize::from(seed) * 1000 + usize::from(round) * 10);
                    let put = store.put(&key(round % 20), &bytes, Over::Anything);
                    assert!(matches!(put, Ok(()) | Err(Unwritten::Changed)), "{put:?}");
                    writes.fetch_add(usize::from(put.is_ok()), Ordering::Relaxed);
                }
            });
            let hits = &hits;
            scope.spawn(move || {
                for round in 0..400u32 {
                    match store.get(&key((round % 20) as u8)) {
                        Ok(Entry { body: Body::Memory(bytes), .. }) => {
                            assert!(is_whole(&bytes));
                            hits.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(found) => panic!("{found:?}"),
                        Err(miss) => assert_eq!(miss, Miss::Absent),
                    }
                }
            });
        }
    });
    assert!(writes.into_inner() > 700 && hits.into_inner() > 100);
    let unfinished = folder.names().into_iter().filter(|name| name.starts_with(UNFINISHED)).count();
    assert_eq!(unfinished, 0);
}
