//! Caches: machine code that outlives the process, kept in a directory or by the host.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::config::{change, updraft_config_t};
use super::engine::updraft_engine_t;
use super::error::{Fail, updraft_error_t};
use super::module::updraft_module_t;
use super::status::{UPDRAFT_STATUS_FAILED, UPDRAFT_STATUS_NOT_FOUND, UPDRAFT_STATUS_OK, updraft_status_t};
use super::{Extensible, HostData, array, enter, object, out, out_struct, path_of, updraft_finalizer_t};
use crate::engine::CacheWrite;
use crate::error::Error;
use crate::warm::cache::{CacheConfig, Place};
use crate::warm::schedule::When;
use crate::warm::store::{Body, Entry, EntryKey, Miss, Over, Store, Unwritten, Version};

/// Where the host's own cache puts what it has found. It lives as long as the call that it is given to.
pub struct updraft_cache_value_t {
    bytes: Option<Vec<u8>>,
}

/// Looks for the entry with the name in the `key_len` bytes (32) at `key`, and gives its bytes to
/// `updraft_cache_value_set`. Returns `UPDRAFT_STATUS_OK`, `UPDRAFT_STATUS_NOT_FOUND` if there is none, or any other status
/// if it cannot tell: both are misses. The bytes need not be trusted: they are authenticated with the key of
/// `updraft_config_set_cache_key`.
///
/// Called on threads that make modules, and on those that write (`updraft_cache_put_t`), several at once, under no lock, and
/// often on a stack of the engine's: a language whose runtime must know its stacks passes the request on to a thread of its
/// own. It may take its time, which whoever makes the module waits for. It must not use modules, stores or the engine.
pub type updraft_cache_get_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        key: *const u8,
        key_len: usize,
        value: *mut updraft_cache_value_t,
    ) -> updraft_status_t,
>;

/// Keeps the `len` bytes at `bytes`, which it must copy, under the name in the `key_len` bytes (32) at `key`, in place of
/// what was there. Returns `UPDRAFT_STATUS_OK`, or any other status if it could not. What was there was read by
/// `updraft_cache_get_t` just before, and what is new in it is part of the new bytes.
///
/// Called on threads that compile in the background, or run it (`updraft_engine_run_jobs`), on those that give up a module
/// as its last user, and in `updraft_module_cache_write`. Otherwise as `updraft_cache_get_t`.
pub type updraft_cache_put_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        key: *const u8,
        key_len: usize,
        bytes: *const u8,
        len: usize,
    ) -> updraft_status_t,
>;

fn path(path: *const c_char, len: usize) -> Result<PathBuf, Fail> {
    let absolute = std::path::absolute(path_of(path, len)?);
    absolute.map_err(|source| Error::System { what: "the current directory", source }.into())
}

fn set_place(config: &mut crate::config::Config, place: Place) {
    let when = config.cache.as_ref().map_or_else(When::default, |cache| cache.when);
    config.cache = Some(CacheConfig { place, when });
}

/// Keeps machine code of the top tier, and what was learned about modules, in the directory with the path of `len` bytes at
/// `path`, so that later processes begin where this one got to. A module that is made from bytes for which there is an
/// entry has its hot functions in the top tier from the first call on, and is compiled lazily but for those, unless its own
/// options say otherwise. (A module whose bytes come in pieces is compiled before they have all come, and then begins to
/// load.) `limit`: how many bytes all entries together may have
/// (at least 65536); those that were not used for longest make room.
///
/// The directory is made when it is first needed; a relative path begins where the process is now. It must belong to the user of the process, and nobody else may write
/// to it; any number of processes may use it at once. Entries are authenticated with a key that is kept in its
/// file "key" (or `updraft_config_set_cache_key`, `updraft_config_set_cache_key_file`). Whatever is wrong with an entry, or
/// with the directory, is a miss and is counted (`updraft_engine_cache_stats`); nothing fails.
///
/// Replaces `updraft_config_set_cache_store`. With `len` 0 there is no cache, which is the default; `path` may then be NULL.
/// Fails with MISUSE, SYSTEM and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_cache_directory(
    config: *mut updraft_config_t,
    path: *const c_char,
    len: usize,
    limit: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        if len == 0 {
            config.cache = None;
            return Ok(());
        }
        if limit < MIN_LIMIT {
            return Err(Fail::misuse(format!("limit is {limit}, less than {MIN_LIMIT}")));
        }
        set_place(config, Place::Directory { path: self::path(path, len)?, limit });
        Ok(())
    })
}

/// The smallest limit of a directory.
const MIN_LIMIT: u64 = 64 << 10;

/// Keeps what `updraft_config_set_cache_directory` speaks of wherever the host wants it. It needs a key of the host's
/// (`updraft_config_set_cache_key`, `updraft_config_set_cache_key_file`), without which every access is a miss.
///
/// `env` may be NULL. `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses
/// it goes, on the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_cache_store(
    config: *mut updraft_config_t,
    get: updraft_cache_get_t,
    put: updraft_cache_put_t,
    env: *mut c_void,
    finalizer: updraft_finalizer_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let get = get.ok_or_else(|| Fail::misuse("get is NULL"))?;
        let put = put.ok_or_else(|| Fail::misuse("put is NULL"))?;
        let env = HostData::new(env, finalizer);
        env.arm();
        set_place(config, Place::Host(Arc::new(HostStore { get, put, env })));
        Ok(())
    })
}

/// Authenticates what this engine writes, and what it uses of what others wrote, with a secret: `len` bytes at `bytes`, 16 or
/// more that nobody can guess, which are copied. Whoever has it can have this process run any machine code; engines
/// that share a cache share it. With `len` 0, the default, the key file in the cache's directory is used;
/// `bytes` may then be NULL.
///
/// Goes before `updraft_config_set_cache_key_file`. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_cache_key(
    config: *mut updraft_config_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.artifact_key = match array(bytes, len, "bytes")? {
            [] => None,
            bytes if bytes.len() < 16 => return Err(Fail::misuse(format!("len is {len}, less than 16"))),
            bytes => Some(bytes.into()),
        };
        Ok(())
    })
}

/// Takes the secret of `updraft_config_set_cache_key` from the file with the path of `len` bytes at `path`: 32 random bytes,
/// which only the user of the process may read. The file is made when it is first needed, if there is none; with one that is
/// not such a file, there is no key. With `len` 0, the default, the key file in the cache's directory is
/// used; `path` may then be NULL.
///
/// Fails with MISUSE, SYSTEM and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_cache_key_file(
    config: *mut updraft_config_t,
    path: *const c_char,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        config.key_file = if len == 0 { None } else { Some(self::path(path, len)?) };
        Ok(())
    })
}

/// Says when a module is written to the cache by itself: `quiet_ns` after the last code of the top tier was made, if there are
/// `least` bytes of it that were not written yet (default: 2 seconds, 1024); without waiting, if there are `most`
/// (default: 1048576). It is written in the background, and besides by whoever gives it up as its last user, if there is
/// anything new. With `quiet_ns` 0 nobody waits; with UINT64_MAX for `least`, only `updraft_module_cache_write` writes.
///
/// Fails with MISUSE (also without a cache) and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_config_set_cache_writes(
    config: *mut updraft_config_t,
    quiet_ns: u64,
    least: u64,
    most: u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    change(config, error, |config| {
        let cache = config.cache.as_mut().ok_or_else(|| Fail::misuse("config has no cache"))?;
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        cache.when = When { quiet: Duration::from_nanos(quiet_ns), least: bytes(least), most: bytes(most) };
        Ok(())
    })
}

/// Gives the bytes of an entry, which are copied, to the cache that has asked for it. From within an
/// `updraft_cache_get_t`; the last call counts.
///
/// Fails with MISUSE. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_cache_value_set(
    value: *mut updraft_cache_value_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let bytes = array(bytes, len, "bytes")?.to_vec();
        // SAFETY: the C contract: NULL, or what the callback was given and nobody else has.
        let value = unsafe { value.as_mut() }.ok_or_else(|| Fail::misuse("value is NULL"))?;
        value.bytes = Some(bytes);
        Ok(())
    })
}

/// A cache that the host keeps.
struct HostStore {
    get: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut updraft_cache_value_t) -> updraft_status_t,
    put: unsafe extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize) -> updraft_status_t,
    env: HostData,
}

impl Store for HostStore {
    fn get(&self, key: &EntryKey) -> Result<Entry, Miss> {
        let mut value = updraft_cache_value_t { bytes: None };
        // SAFETY: the C contract of `updraft_cache_get_t`.
        let status = unsafe { (self.get)(self.env.pointer(), key.as_ptr(), key.len(), &mut value) };
        match (status, value.bytes) {
            (UPDRAFT_STATUS_OK, Some(bytes)) => Ok(Entry { body: Body::Memory(bytes), version: Version::default() }),
            (UPDRAFT_STATUS_OK | UPDRAFT_STATUS_NOT_FOUND, _) => Err(Miss::Absent),
            _ => Err(Miss::Unreadable),
        }
    }

    fn put(&self, key: &EntryKey, bytes: &[u8], _over: Over) -> Result<(), Unwritten> {
        // SAFETY: the C contract of `updraft_cache_put_t`.
        let status = unsafe { (self.put)(self.env.pointer(), key.as_ptr(), key.len(), bytes.as_ptr(), bytes.len()) };
        if status == UPDRAFT_STATUS_OK { Ok(()) } else { Err(Unwritten::Failed) }
    }
}

/// What became of the accesses to a cache. Set `struct_size` before it is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_cache_stats_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// Modules that began with what an entry had.
    pub hits: u64,
    /// Modules that did not; the sum of the following.
    pub misses: u64,
    /// There was no entry.
    pub absent: u64,
    /// The system, or the host's own store, would not give it.
    pub unreadable: u64,
    /// There was something else in its place (a link, a directory, a file of another user, of a size that no entry has), or
    /// the directory is one that others may write to.
    pub not_an_entry: u64,
    /// It was made with another key, or was changed or damaged.
    pub not_authentic: u64,
    /// It was made by another version, for another processor, or with other settings.
    pub other_engine: u64,
    /// There was no key.
    pub no_key: u64,
    /// Entries that were written.
    pub writes: u64,
    /// Entries that could not be written.
    pub failures: u64,
    /// Bytes that were written.
    pub written_bytes: u64,
}

// SAFETY: `repr(C)`, the size comes first, integers.
unsafe impl Extensible for updraft_cache_stats_t {
    const FIRST_SIZE: usize = size_of::<updraft_cache_stats_t>();
}

/// Fills in what became of the accesses to the engine's cache; all 0 without one.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_engine_cache_stats(
    engine: *const updraft_engine_t,
    stats: *mut updraft_cache_stats_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (stats, engine) = (out_struct(stats, "stats")?, object(engine, "engine")?);
        let found = engine.engine.cache_stats();
        let missed = |miss: Miss| found.misses[miss as usize];
        stats.write(updraft_cache_stats_t {
            struct_size: size_of::<updraft_cache_stats_t>(),
            hits: found.hits,
            misses: found.misses.iter().sum(),
            absent: missed(Miss::Absent),
            unreadable: missed(Miss::Unreadable),
            not_an_entry: missed(Miss::NotAnEntry),
            not_authentic: missed(Miss::NotAuthentic),
            other_engine: missed(Miss::OtherEngine),
            no_key: missed(Miss::NoKey),
            writes: found.writes,
            failures: found.failures,
            written_bytes: found.written_bytes,
        });
        Ok(())
    })
}

/// Writes a module to the cache now, on this thread, whether there is anything new or not. Writes to `bytes` how large its
/// entry is; it may be NULL.
///
/// Fails with NOT_FOUND (the engine has no cache), BUSY (another thread is writing the module), INVALID (a body of the
/// module is: `updraft_validation_t`), FAILED (it could not be written; nothing has changed), SYSTEM and MISUSE. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_cache_write(
    module: *const updraft_module_t,
    bytes: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let len = match object(module, "module")?.module.write_to_cache()? {
            CacheWrite::Written(len) => len,
            CacheWrite::NoCache => return Err(Fail::not_found("the engine has no cache")),
            CacheWrite::Failed => {
                return Err(Fail::Status(UPDRAFT_STATUS_FAILED, "the cache would not take it".into()));
            }
        };
        if let Ok(bytes) = out(bytes, "bytes") {
            bytes.write(len);
        }
        Ok(())
    })
}
