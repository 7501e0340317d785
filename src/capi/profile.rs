//! Profiles: how the functions of a module have run, for the host to read, to keep, and to bring into another process.

use std::ffi::c_char;

use super::error::{Fail, updraft_error_t};
use super::job::{BUSY, updraft_module_options_t};
use super::module::updraft_module_t;
use super::status::updraft_status_t;
use super::{Record, array, array_mut, enter, object, out, path_of, write_records};
use crate::engine::{
    CompiledModule, Eagerness, FunctionRecord, Reach, calls_of_functions, merge_profiles, read_profile,
};
use crate::types::{DefinedFunc, FuncIndex};

/// What becomes of functions that a profile says to be hot.
pub type updraft_profile_use_t = u32;
/// They move to the top tier when they are hot here, too; the profile makes their code better then.
pub const UPDRAFT_PROFILE_USE_WAIT: updraft_profile_use_t = 0;
/// Those that had code of the top tier are compiled by it now, in the background. In an engine with one tier the same as
/// `UPDRAFT_PROFILE_USE_WAIT`.
pub const UPDRAFT_PROFILE_USE_TIER_UP: updraft_profile_use_t = 1;

/// It has been run: in this process in the baseline tier, or in another one, without getting further.
pub const UPDRAFT_PROFILE_RUN: u32 = 1;
/// It has, or had in another process, code of the top tier.
pub const UPDRAFT_PROFILE_TOP: u32 = 2;

/// What is counted.
pub type updraft_profile_site_kind_t = u32;
/// A direct call of a function of the module.
pub const UPDRAFT_PROFILE_SITE_CALL: updraft_profile_site_kind_t = 1;
/// An indirect call.
pub const UPDRAFT_PROFILE_SITE_INDIRECT_CALL: updraft_profile_site_kind_t = 2;
/// A loop.
pub const UPDRAFT_PROFILE_SITE_LOOP: updraft_profile_site_kind_t = 3;

/// How a function has run.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct updraft_func_profile_t {
    /// Bytes of this struct that are filled in.
    pub size: u32,
    /// Index of the function, imported ones counted.
    pub func: u32,
    /// `UPDRAFT_PROFILE_` bits.
    pub flags: u32,
    /// How many of its operators something is known of: what `updraft_module_profile_sites` gives.
    pub sites: u32,
    /// How often baseline code of the module called it. Calls by the host, by other modules and by code of the top tier
    /// are not counted.
    pub calls: u64,
}

const _: () = assert!(size_of::<updraft_func_profile_t>() == 24);

// SAFETY: `repr(C)`; the assertion above leaves no room for padding.
unsafe impl Record for updraft_func_profile_t {}

/// How an operator has run.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct updraft_profile_site_t {
    /// Bytes of this struct that are filled in.
    pub size: u32,
    /// What it is.
    pub kind: updraft_profile_site_kind_t,
    /// Offset of the operator from the first byte of the module.
    pub module_offset: u32,
    /// How many of the targets are filled in, for an indirect call.
    pub target_count: u32,
    /// How often it was run in the baseline tier; for a loop, how often the budget of its function was spent there, which
    /// tells where its time goes.
    pub count: u64,
    /// Functions of the module that it called, the most frequent first, and how often each. What is missing to `count` are
    /// others.
    pub targets: [u32; 4],
    /// How often each was called.
    pub target_counts: [u64; 4],
}

const _: () = assert!(size_of::<updraft_profile_site_t>() == 72);

// SAFETY: `repr(C)`; the assertion above leaves no room for padding.
unsafe impl Record for updraft_profile_site_t {}

/// Fills in how functions have run, from the function `first` on (imported ones are counted), those left out of which
/// nothing is known: up to `capacity` of them. Writes how many to `count`; 0 if there are none from `first` on.
/// `record_size` is the size of an element as its user knows it, sizeof(updraft_func_profile_t); each says in `size` how
/// much of it was filled in, and the rest is 0. `records` may be NULL if `capacity` is 0.
///
/// What was brought in by `updraft_module_import_profile` is counted. Baseline code counts where functions move to the
/// top tier by themselves (`updraft_config_set_tiering`), and about: threads that count at once lose counts, and one that
/// reaches 2^32 starts again. Takes time that grows with the whole module. Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_profile(
    module: *const updraft_module_t,
    first: u32,
    records: *mut updraft_func_profile_t,
    capacity: usize,
    record_size: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, module) = (out(count, "count")?, &object(module, "module")?.module);
        let list = || Ok(func_profiles(module, first, capacity));
        count.write(write_records(records, capacity, record_size, ["records", "record_size"], list)?);
        Ok(())
    })
}

fn func_profiles(module: &CompiledModule, first: u32, capacity: usize) -> Vec<updraft_func_profile_t> {
    let data = module.profile();
    let calls = calls_of_functions(module.module(), &data);
    let nothing = FunctionRecord::default();
    let all = module.defined_functions().zip((0..).map(DefinedFunc)).filter(|(func, _)| *func >= first);
    let records = all.filter_map(|(func, defined)| {
        let record = data.function(defined).unwrap_or(&nothing);
        let was_run = record.reach == Reach::Run || module.function(FuncIndex(func)).is_some_and(|state| state.was_run);
        let flags = [(was_run, UPDRAFT_PROFILE_RUN), (record.reach == Reach::Top, UPDRAFT_PROFILE_TOP)];
        let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum();
        let sites = (record.calls.len() + record.indirect.len() + record.loops.len()) as u32;
        let calls = calls[defined.index()];
        let size = size_of::<updraft_func_profile_t>() as u32;
        (flags != 0 || sites != 0 || calls != 0).then_some(updraft_func_profile_t { size, func, flags, sites, calls })
    });
    records.take(capacity).collect()
}

/// Fills in how the operators of a function have run, in the order of their offsets, those left out of which nothing is
/// known: up to `capacity` of them, from the offset `first_offset` in the module on. Writes how many to `count`.
/// `site_size` is sizeof(updraft_profile_site_t), as in `updraft_module_profile`. `sites` may be NULL if `capacity` is 0.
///
/// Fails with OUT_OF_BOUNDS (the module defines no such function) and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_profile_sites(
    module: *const updraft_module_t,
    func: u32,
    first_offset: u32,
    sites: *mut updraft_profile_site_t,
    capacity: usize,
    site_size: usize,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (count, module) = (out(count, "count")?, &object(module, "module")?.module);
        let list = || {
            let record = module.function_profile(FuncIndex(func));
            let record = record.ok_or_else(|| Fail::out_of_bounds(format!("the module defines no function {func}")))?;
            let mut all = sites_for_c(module, &record);
            all.sort_unstable_by_key(|site| site.module_offset);
            all.retain(|site| site.module_offset >= first_offset);
            all.truncate(capacity);
            Ok(all)
        };
        count.write(write_records(sites, capacity, site_size, ["sites", "site_size"], list)?);
        Ok(())
    })
}

fn sites_for_c(module: &CompiledModule, record: &FunctionRecord) -> Vec<updraft_profile_site_t> {
    let site = |kind, module_offset, count| updraft_profile_site_t {
        size: size_of::<updraft_profile_site_t>() as u32,
        kind,
        module_offset,
        target_count: 0,
        count,
        targets: [0; 4],
        target_counts: [0; 4],
    };
    let calls = record.calls.iter().map(|call| site(UPDRAFT_PROFILE_SITE_CALL, call.wasm_offset, call.count));
    let loops = record.loops.iter().map(|trips| site(UPDRAFT_PROFILE_SITE_LOOP, trips.wasm_offset, trips.trips));
    let indirect = record.indirect.iter().map(|calls| {
        let mut site = site(UPDRAFT_PROFILE_SITE_INDIRECT_CALL, calls.wasm_offset, calls.total);
        for (i, (func, count)) in calls.targets.iter().take(site.targets.len()).enumerate() {
            site.targets[i] = module.module().func_index(*func).0;
            site.target_counts[i] = *count;
            site.target_count = i as u32 + 1;
        }
        site
    });
    calls.chain(loops).chain(indirect).collect()
}

/// Writes a module's profile as bytes, which `updraft_module_import_profile` takes: in another process, on another machine,
/// in an engine of another version or other settings; for the same module, byte by byte. Writes the length to `needed`;
/// nothing is written to `buffer` if that is more than `capacity`. Both may change from call to call while the module runs.
/// `buffer` may be NULL if `capacity` is 0.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_profile(
    module: *const updraft_module_t,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || write_bytes(buffer, capacity, needed, || Ok(object(module, "module")?.module.export_profile())))
}

/// Hands out bytes: their length, and they themselves if there is room.
fn write_bytes(
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    bytes: impl FnOnce() -> Result<Vec<u8>, Fail>,
) -> Result<(), Fail> {
    let (needed, buffer) = (out(needed, "needed")?, array_mut(buffer, capacity, "buffer")?);
    let bytes = bytes()?;
    if let Some(place) = buffer.get_mut(..bytes.len()) {
        place.copy_from_slice(&bytes);
    }
    needed.write(bytes.len());
    Ok(())
}

/// Brings in what another run of the same module has found out: `len` bytes of `updraft_module_export_profile`, which are
/// not kept. It is added to what is known, so that several profiles can be brought in, one by one. Code that is compiled
/// by the top tier from now on is made with it; `use` says what becomes of functions that were hot there.
///
/// The bytes may come from anywhere: a profile changes how fast code is, never what it does. Fails with INVALID (not a
/// profile of this module, or damaged: with the offset), SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_profile(
    module: *const updraft_module_t,
    bytes: *const u8,
    len: usize,
    r#use: updraft_profile_use_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = &object(module, "module")?.module;
        Ok(module.import_profile(array(bytes, len, "bytes")?, eagerness(r#use)?)?)
    })
}

fn eagerness(number: updraft_profile_use_t) -> Result<Eagerness, Fail> {
    match number {
        UPDRAFT_PROFILE_USE_WAIT => Ok(Eagerness::Wait),
        UPDRAFT_PROFILE_USE_TIER_UP => Ok(Eagerness::TierUp),
        other => Err(Fail::misuse(format!("use has no value {other}"))),
    }
}

/// Writes a module's profile to a file, whose path has `path_len` bytes: what `updraft_module_export_profile` gives. A file of
/// that name is replaced, as a whole or not at all, whoever reads it meanwhile; only its owner can read the new one.
///
/// Fails with SYSTEM (the message names the file) and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_profile_file(
    module: *const updraft_module_t,
    path: *const c_char,
    path_len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || Ok(object(module, "module")?.module.export_profile_to(path_of(path, path_len)?)?))
}

/// As `updraft_module_import_profile`, from a file, whose path has `path_len` bytes.
///
/// Fails as that does, and with SYSTEM (the file cannot be read, is not a regular one, or is too large; the message names it).
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_profile_file(
    module: *const updraft_module_t,
    path: *const c_char,
    path_len: usize,
    r#use: updraft_profile_use_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let module = &object(module, "module")?.module;
        Ok(module.import_profile_from(path_of(path, path_len)?, eagerness(r#use)?)?)
    })
}

/// What another run has found out about the module that is made with these options: `len` bytes of
/// `updraft_module_export_profile`, which are copied. Functions that ran there are compiled by the baseline tier before they
/// are called, in the background unless the strategy waits; those that were hot there, by the top tier besides, in the
/// background, without anybody waiting for them. The others are compiled at their first call, also if the strategy is to
/// compile all (not in an engine with the top tier only). Strategies of single functions count more.
///
/// A profile that is damaged, or of another module, does not keep the module from being made:
/// `updraft_module_given_profile` says what became of it. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_set_profile(
    options: *const updraft_module_options_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let bytes = array(bytes, len, "bytes")?;
        object(options, "options")?.try_lock().map_err(|_| BUSY)?.profile = Some(bytes.into());
        Ok(())
    })
}

/// As `updraft_module_options_set_profile`, from a file, whose path has `path_len` bytes, and which is read now.
///
/// Fails with SYSTEM (as `updraft_module_import_profile_file`), MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_set_profile_file(
    options: *const updraft_module_options_t,
    path: *const c_char,
    path_len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let options = object(options, "options")?;
        let bytes = read_profile(path_of(path, path_len)?)?;
        options.try_lock().map_err(|_| BUSY)?.profile = Some(bytes.into());
        Ok(())
    })
}

/// Writes to `functions` of how many functions the profile knew something that a module was made with
/// (`updraft_module_options_set_profile`).
///
/// Fails with INVALID (it was not used; the message and the offset say why), NOT_FOUND (it was made without one) and MISUSE.
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_given_profile(
    module: *const updraft_module_t,
    functions: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (functions, module) = (out(functions, "functions")?, &object(module, "module")?.module);
        let given = module.given_profile().ok_or_else(|| Fail::not_found("the module was made without a profile"))?;
        functions.write(given?);
        Ok(())
    })
}

/// Adds up `count` profiles of one module, which is not needed: those of several machines, for example. The counts add up,
/// and stop at the largest number; a function counts as hot if it was in one of them. `profiles` points to their bytes, `lens`
/// to their lengths. The result goes where `updraft_module_export_profile` would put it.
///
/// Fails with INVALID (one of them is damaged or of another module than the first one; the message has its number, from 0,
/// and the offset in it) and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_profile_merge(
    profiles: *const *const u8,
    lens: *const usize,
    count: usize,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (profiles, lens) = (array(profiles, count, "profiles")?, array(lens, count, "lens")?);
        let each = profiles.iter().zip(lens).map(|(bytes, len)| array(*bytes, *len, "profiles"));
        let each = each.collect::<Result<Vec<&[u8]>, Fail>>()?;
        write_bytes(buffer, capacity, needed, || Ok(merge_profiles(&each)?))
    })
}

/// Writes what is known of how a module has run as hints that other engines read, too: the custom sections
/// `metadata.code.compilation_priority`, `metadata.code.instr_freq` and `metadata.code.call_targets`, one after the other, which
/// belong in front of the module's code section. Functions of which nothing is known keep the hints that they have. The bytes
/// go where `updraft_module_export_profile` would put them.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_hints(
    module: *const updraft_module_t,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || write_bytes(buffer, capacity, needed, || Ok(object(module, "module")?.module.export_hints())))
}

/// As `updraft_module_export_hints`: the whole module, in the binary form, with these sections in the place of those that it
/// has. All else stays as it is; hints on branches, too.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_with_hints(
    module: *const updraft_module_t,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || write_bytes(buffer, capacity, needed, || Ok(object(module, "module")?.module.export_with_hints())))
}
