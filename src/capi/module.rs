//! Modules: compiled WebAssembly, and what it imports, exports and says about itself.

use std::ffi::c_char;
use std::sync::Arc;

use super::engine::{Counter, Counting, Live, updraft_engine_t};
use super::error::{Fail, updraft_error_t};
use super::status::updraft_status_t;
use super::{
    Counted, Extensible, Out, array, array_mut, clone_object, delete, enter, new_object, object, out, out_struct,
};
use crate::engine::CompiledModule;
use crate::types::FuncIndex;

/// A compiled module. Reference-counted, immutable; any thread; any number of stores of its engine.
pub struct updraft_module_t {
    _private: [u8; 0],
}

impl Counted for updraft_module_t {
    type Value = ModuleValue;
    const KIND: u32 = 0x646f_4d75;
}

/// What a module object holds.
pub(super) struct ModuleValue {
    pub(super) module: CompiledModule,
    /// Held for its drop.
    _counting: Counting,
}

impl ModuleValue {
    pub(super) fn new(module: CompiledModule, live: &Arc<Live>) -> ModuleValue {
        ModuleValue { module, _counting: live.count(Counter::Modules) }
    }
}

/// A custom section. Set `struct_size` before it is filled in. The name is UTF-8, not terminated; name and bytes live as
/// long as the module.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct updraft_custom_section_t {
    /// Size of the struct, set by the caller.
    pub struct_size: usize,
    /// The name.
    pub name: *const c_char,
    /// Its length in bytes.
    pub name_len: usize,
    /// The contents.
    pub bytes: *const u8,
    /// Their length.
    pub len: usize,
}

// SAFETY: `repr(C)`, the size comes first, integers and raw pointers.
unsafe impl Extensible for updraft_custom_section_t {
    const FIRST_SIZE: usize = size_of::<updraft_custom_section_t>();
}

/// Compiles a module from the `len` bytes at `bytes`, which are not kept. The text format is accepted as well where it is
/// compiled in (`UPDRAFT_CAPABILITY_TEXT`).
///
/// Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails with INVALID and UNSUPPORTED (with the
/// offset), TEXT, COMPILE, LIMIT, SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_new(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let (out, engine) = (super::out(out, "out")?, object(engine, "engine")?);
        let module = CompiledModule::new(&engine.engine, array(bytes, len, "bytes")?)?;
        out.write(new_object(ModuleValue::new(module, &engine.live)));
        Ok(())
    })
}

/// Decodes and validates the `len` bytes at `bytes`, and compiles nothing.
///
/// Fails as `updraft_module_new` does, but for COMPILE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_validate(
    engine: *const updraft_engine_t,
    bytes: *const u8,
    len: usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let engine = object(engine, "engine")?;
        Ok(CompiledModule::validate(&engine.engine, array(bytes, len, "bytes")?)?)
    })
}

/// Validates the bodies of a module that are not known to be valid, on the calling thread; nothing if its bodies were
/// validated before it existed (`updraft_validation_t`).
///
/// Fails with INVALID and UNSUPPORTED (with the offset) if the module has failed, or does by this, with the error of the
/// first body that was found to be invalid; SYSTEM and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_validate_rest(
    module: *const updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || Ok(object(module, "module")?.module.validate_rest()?))
}

/// Counts one more reference to a module, and writes the same pointer to `out`.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_clone(
    module: *const updraft_module_t,
    out: *mut *mut updraft_module_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = super::out(out, "out")?;
        out.write(clone_object(module, "module")?);
        Ok(())
    })
}

/// Gives up a reference to a module. NULL is allowed. Instances keep what they need of it.
///
/// Cannot fail. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_delete(module: *mut updraft_module_t) {
    delete(module);
}

/// Body of the functions that give one number of a module.
fn number<T>(
    module: *const updraft_module_t,
    result: *mut T,
    error: *mut *mut updraft_error_t,
    name: &'static str,
    read: impl FnOnce(&CompiledModule) -> T,
) -> updraft_status_t {
    enter(error, || {
        let (result, module) = (out(result, name)?, object(module, "module")?);
        result.write(read(&module.module));
        Ok(())
    })
}

/// Writes to `count` how many imports a module has.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_import_count(
    module: *const updraft_module_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, count, error, "count", |module| module.module().imports().len())
}

/// Writes to `count` how many exports a module has.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_export_count(
    module: *const updraft_module_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, count, error, "count", |module| module.module().exports().len())
}

/// Writes to `count` how many functions a module has, imported ones included.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_func_count(
    module: *const updraft_module_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, count, error, "count", |module| module.module().functions().len())
}

/// Writes to `count` how many functions of a module have machine code by now.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_compiled_count(
    module: *const updraft_module_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, count, error, "count", CompiledModule::compiled_count)
}

/// Writes to `bytes` how much machine code a module has by now.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_code_size(
    module: *const updraft_module_t,
    bytes: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, bytes, error, "bytes", CompiledModule::code_size)
}

/// Writes to `module_id` the number of a module, which no other module of its engine has or had: from 1. Events
/// name it.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_id(
    module: *const updraft_module_t,
    module_id: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, module_id, error, "module_id", CompiledModule::id)
}

/// Writes to `features` the features that a module uses: bit n is the feature of number n (`UPDRAFT_FEATURE_`). Of bodies
/// that are validated after the module was made, those count that were found to be valid so far.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_features(
    module: *const updraft_module_t,
    features: *mut u64,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, features, error, "features", |module| module.module().features().0)
}

/// Writes to `count` how many custom sections a module has.
///
/// Fails with MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_custom_section_count(
    module: *const updraft_module_t,
    count: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    number(module, count, error, "count", |module| module.module().custom_sections().len())
}

/// Fills in the `index`-th custom section.
///
/// Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_custom_section(
    module: *const updraft_module_t,
    index: usize,
    section: *mut updraft_custom_section_t,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let out = out_struct(section, "section")?;
        let module = object(module, "module")?.module.module();
        let section = module.custom_sections().get(index);
        let section = section.ok_or_else(|| Fail::out_of_bounds(format!("there is no custom section {index}")))?;
        let bytes = module.wire().known(section.bytes.start as usize..section.bytes.end as usize);
        out.write(updraft_custom_section_t {
            struct_size: size_of::<updraft_custom_section_t>(),
            name: section.name.as_ptr().cast(),
            name_len: section.name.len(),
            bytes: bytes.as_ptr(),
            len: bytes.len(),
        });
        Ok(())
    })
}

/// Where a host wants a text to be.
pub(super) struct TextPlace<'a> {
    buffer: &'a mut [u8],
    needed: Out<usize>,
}

impl TextPlace<'_> {
    pub(super) fn new(buffer: *mut c_char, capacity: usize, needed: *mut usize) -> Result<Self, Fail> {
        let needed = out(needed, "needed")?;
        Ok(TextPlace { buffer: array_mut(buffer.cast::<u8>(), capacity, "buffer")?, needed })
    }

    /// Copies a text, as far as there is room, ends it by a NUL if there is any, and writes its whole length to `needed`.
    pub(super) fn write(self, text: &str) {
        if let Some(room) = self.buffer.len().checked_sub(1) {
            let len = text.len().min(room);
            self.buffer[..len].copy_from_slice(&text.as_bytes()[..len]);
            self.buffer[len] = 0;
        }
        self.needed.write(text.len());
    }
}

/// Copies the name that a function has in the name section to `buffer`, which has room for `capacity` bytes: as much as
/// fits, and a NUL. Writes the length of the whole name, without a NUL, to `needed`: if that is not less than `capacity`,
/// the copy is cut off. `buffer` may be NULL if `capacity` is 0. `func` counts imported functions.
///
/// Fails with NOT_FOUND if the function has no name, OUT_OF_BOUNDS if there is no such function, and MISUSE.
/// Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_func_name(
    module: *const updraft_module_t,
    func: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let place = TextPlace::new(buffer, capacity, needed)?;
        let module = object(module, "module")?.module.module();
        if func as usize >= module.functions().len() {
            return Err(Fail::out_of_bounds(format!("there is no function {func}")));
        }
        let name = module.names().function(FuncIndex(func));
        let name = name.ok_or_else(|| Fail::not_found(format!("function {func} has no name")))?;
        place.write(&name);
        Ok(())
    })
}

/// Copies the name that the module has in the name section; the buffer is as in `updraft_module_func_name`.
///
/// Fails with NOT_FOUND if the module has no name, and MISUSE. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_module_name(
    module: *const updraft_module_t,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut *mut updraft_error_t,
) -> updraft_status_t {
    enter(error, || {
        let place = TextPlace::new(buffer, capacity, needed)?;
        let name = object(module, "module")?.module.module().names().module();
        let name = name.ok_or_else(|| Fail::not_found("the module has no name"))?;
        place.write(&name);
        Ok(())
    })
}
