//! Hints: what a toolchain or the host advises about the functions of a module.
//!
//! Not here: profiles (`profile`).

use super::error::{Fail, updraft_error_t};
use super::job::{BUSY, updraft_module_options_t};
use super::module::updraft_module_t;
use super::status::updraft_status_t;
use super::{array, enter, object, out};
use crate::bytes::put;
use crate::module::hints::HintKind;
use crate::types::FuncIndex;

/// What a hint is about. A hint never changes what a program does.
pub type updraft_hint_kind_t = u32;
/// Which way an `if` or `br_if` goes, as a rule (`metadata.code.branch_hint`).
pub const UPDRAFT_HINT_BRANCH: updraft_hint_kind_t = 1;
/// In which order functions are compiled, and how hot they are (`metadata.code.compilation_priority`, which was called
/// `compilation_order`).
pub const UPDRAFT_HINT_PRIORITY: updraft_hint_kind_t = 2;
/// How often calls and loops run (`metadata.code.instr_freq`).
pub const UPDRAFT_HINT_FREQUENCY: updraft_hint_kind_t = 3;
/// What indirect calls call (`metadata.code.call_targets`).
pub const UPDRAFT_HINT_TARGETS: updraft_hint_kind_t = 4;

/// In place of an optimisation priority: nothing is known.
pub const UPDRAFT_PRIORITY_NONE: u32 = u32::MAX;
/// In place of an optimisation priority: the function runs once, and is not worth the top tier.
pub const UPDRAFT_PRIORITY_RUN_ONCE: u32 = 127;

/// Frequency of a call that is never to be inlined.
pub const UPDRAFT_FREQUENCY_NEVER: u32 = 0;
/// Frequency of what runs once per call of its function; one more is twice as often, one less half as often. From 1 to 64.
pub const UPDRAFT_FREQUENCY_ONCE: u32 = 32;
/// Frequency of a call that is to be inlined whenever that is possible.
pub const UPDRAFT_FREQUENCY_ALWAYS: u32 = 127;

/// Writes how many hints of a kind a module has: those of its custom sections, and those of the options that it was made
/// with. `used` can be of use (of hints for one place, one); `ignored` are those that are out of range or out of order, do
/// not stand at an operator of their kind, or say what no hint says, and whole sections that are damaged, come twice or stand
/// behind the code.
///
/// Reads the bodies that have hints. Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_hint_counts(
    module: *const updraft_module_t,
    kind: updraft_hint_kind_t,
    used: *mut usize,
    ignored: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (used, ignored) = (out(used, "used")?, out(ignored, "ignored")?);
        let module = object(module, "module")?.module.module();
        let number = (kind as usize).checked_sub(1).filter(|number| *number < HintKind::ALL.len());
        let number = number.ok_or_else(|| Fail::misuse(format!("kind has no value {kind}")))?;
        let count = module.hints().counts(module)[number];
        used.write(count.used);
        ignored.write(count.ignored);
        Ok(())
    })
}

/// Adds what a section would say to options.
fn add(
    options: *const updraft_module_options_t,
    kind: HintKind,
    (func, offset): (u32, u32),
    bytes: &[u8],
) -> Result<(), Fail> {
    let mut options = object(options, "options")?.try_lock().map_err(|_| BUSY)?;
    options.hints.add(kind, FuncIndex(func), offset, bytes);
    Ok(())
}

/// A hint for the function `func` (imported ones are counted): functions with a lower `compile` are compiled before others,
/// and before those without; where functions are compiled when they are first called, this one is compiled in the background
/// instead. `optimise` says how hot it is: the lower, the hotter, each number half as hot as the one before; the hottest
/// functions are compiled by the top tier in the background, without being waited for. Or `UPDRAFT_PRIORITY_NONE`, or
/// `UPDRAFT_PRIORITY_RUN_ONCE`.
///
/// Of several hints for one place, in options or in the module, the last one given here counts. One for a function or an
/// operator that the module does not have is ignored, and counted (`updraft_module_hint_counts`). A strategy that a function
/// was given (`updraft_module_options_set_func_strategy`) counts more. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_add_priority(
    options: *const updraft_module_options_t,
    func: u32,
    compile: u32,
    optimise: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let mut bytes = Vec::new();
        put(&mut bytes, compile.into());
        if optimise != UPDRAFT_PRIORITY_NONE {
            put(&mut bytes, optimise.into());
        }
        add(options, HintKind::Priority, (func, 0), &bytes)
    })
}

/// A hint for the `if` or `br_if` that is `offset` bytes behind the start of the body of the function `func` (where its
/// locals are declared): `likely` is 1 if the branch is taken as a rule, 0 if it is not.
///
/// The rest as with `updraft_module_options_add_priority`. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_add_branch_hint(
    options: *const updraft_module_options_t,
    func: u32,
    offset: u32,
    likely: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let byte = u8::try_from(likely).ok().filter(|likely| *likely <= 1);
        let byte = byte.ok_or_else(|| Fail::misuse(format!("likely has no value {likely}")))?;
        add(options, HintKind::Branch, (func, offset), &[byte])
    })
}

/// A hint for the call or loop that is `offset` bytes behind the start of a body: how often it runs per call of its function
/// (`UPDRAFT_FREQUENCY_ONCE`), or one of the other `UPDRAFT_FREQUENCY_` numbers.
///
/// The rest as with `updraft_module_options_add_priority`. Fails with MISUSE and BUSY. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_add_frequency(
    options: *const updraft_module_options_t,
    func: u32,
    offset: u32,
    frequency: u32,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let byte = u8::try_from(frequency).ok().filter(|value| matches!(value, 0..=64 | 127));
        let byte = byte.ok_or_else(|| Fail::misuse(format!("frequency has no value {frequency}")))?;
        add(options, HintKind::Frequency, (func, offset), &[byte])
    })
}

/// A hint for the indirect call that is `offset` bytes behind the start of a body: it calls the `count` functions at `funcs`,
/// each in so many percent of the cases; others get the rest.
///
/// The rest as with `updraft_module_options_add_priority`. Fails with MISUSE (more than 100 percent, for example) and BUSY.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_options_add_call_targets(
    options: *const updraft_module_options_t,
    func: u32,
    offset: u32,
    funcs: *const u32,
    percents: *const u32,
    count: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (funcs, percents) = (array(funcs, count, "funcs")?, array(percents, count, "percents")?);
        if percents.iter().fold(0u32, |sum, percent| sum.saturating_add(*percent)) > 100 {
            return Err(Fail::misuse("percents: their sum is more than 100"));
        }
        let mut bytes = Vec::new();
        funcs.iter().zip(percents).for_each(|(func, percent)| {
            put(&mut bytes, (*func).into());
            put(&mut bytes, (*percent).into());
        });
        add(options, HintKind::Targets, (func, offset), &bytes)
    })
}
