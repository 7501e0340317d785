//! Traps and their frames.

use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};

use super::generated::references::{wasm_instance_t, wasm_trap_t};
use super::generated::types::wasm_frame_t;
use super::generated::vectors::{wasm_byte_vec_t, wasm_frame_vec_t};
use super::object::{Info, What, new_ref, reference};
use super::quiet;
use super::store::{Shared, shared, wasm_store_t};
use super::vectors::{self, Owned};
use crate::capi::error::Fail;
use crate::capi::{clone_object, delete, enter_total, new_object, object};
use crate::error::Error;
use crate::runtime::store::Store;
use crate::trap::{Frame, Trap, TrapCode};

/// The message of a trap: its last byte is NUL.
pub type wasm_message_t = wasm_byte_vec_t;

/// What a trap holds.
pub(in crate::capi) struct TrapData {
    code: TrapCode,
    /// Without a NUL at its end.
    message: Box<[u8]>,
    exit_status: Option<i32>,
    /// Set when the trap leaves WebAssembly. The objects of C, and what they were made of.
    frames: OnceLock<(Owned<wasm_frame_vec_t>, Box<[Frame]>)>,
}

/// What a frame holds.
pub(in crate::capi) struct FrameValue {
    frame: Frame,
    /// Owned, or NULL.
    instance: *mut wasm_instance_t,
}

impl Drop for FrameValue {
    fn drop(&mut self) {
        delete(self.instance);
    }
}

/// A trap object that unwinds through WebAssembly, to come out again as the same object.
struct Carried(*mut wasm_trap_t);

// SAFETY: the pointer owns a reference, which may be given up on any thread.
unsafe impl Send for Carried {}

impl Drop for Carried {
    fn drop(&mut self) {
        delete(self.0);
    }
}

/// A trap for C: why something failed. Finds the instances of its frames, if the store can be asked.
pub(in crate::capi) fn new_trap(shared: &Arc<Shared>, store: Option<&mut Store>, fail: Fail) -> *mut wasm_trap_t {
    let trap = match fail {
        Fail::Error(Error::Trap(trap)) => *trap,
        Fail::Error(error) => {
            let code = if let Error::Compile { .. } = error { TrapCode::CompilationFailed } else { TrapCode::Host };
            Trap { message: error.to_string().into(), ..Trap::new(code) }
        }
        Fail::Status(_, message) => Trap { message, ..Trap::new(TrapCode::Host) },
    };
    let Trap { code, message, frames, payload, exit_status, invalid: _ } = trap;
    let carried = payload.and_then(|payload| payload.downcast::<Carried>().ok());
    let object = match carried {
        Some(carried) => carried.into_inner(),
        None => {
            let message = message.into_boxed_bytes();
            let data = TrapData { code, message, exit_status, frames: OnceLock::new() };
            new_ref(shared, What::Trap(data, Info::default()))
        }
    };
    if let Ok(Ok(data)) = reference(object.cast_const(), "trap").map(data) {
        set_frames(data, shared, store, frames);
    }
    object
}

impl Carried {
    fn into_inner(mut self) -> *mut wasm_trap_t {
        std::mem::replace(&mut self.0, null_mut())
    }
}

fn set_frames(data: &TrapData, shared: &Arc<Shared>, mut store: Option<&mut Store>, frames: Box<[Frame]>) {
    if frames.is_empty() {
        return;
    }
    // A trap that passed through another call before keeps the frames of its origin.
    data.frames.get_or_init(|| {
        // Frames of one instance share its object.
        let mut known: Vec<(usize, *mut wasm_instance_t)> = Vec::new();
        let mut objects = Vec::new();
        for frame in &frames {
            if !known.iter().any(|(module, _)| *module == frame.module) {
                let instance = store.as_mut().and_then(|store| store.instance_of(frame));
                let object = instance.map_or(null_mut(), |instance| new_ref(shared, What::Instance(instance)));
                known.push((frame.module, object));
            }
            let known = known.iter().find(|(module, _)| *module == frame.module);
            let instance = known.map_or(null_mut(), |(_, instance)| super::object::copy(*instance));
            objects.push(new_object::<wasm_frame_t>(FrameValue { frame: frame.clone(), instance }));
        }
        for (_, instance) in known {
            delete(instance);
        }
        (Owned::new(objects), frames)
    });
}

/// The error that stops WebAssembly for a trap that a host function returned. Takes the object over.
pub(super) fn carry(object: *mut wasm_trap_t) -> Error {
    let data = match reference(object.cast_const(), "trap").and_then(data) {
        Ok(data) => data,
        Err(_) => {
            delete(object);
            let mut trap = Trap::new(TrapCode::Host);
            trap.message = "the host function returned something that is not a trap".into();
            return trap.into();
        }
    };
    let mut trap = data.to_trap();
    trap.payload = Some(Box::new(Carried(object)));
    trap.into()
}

fn data(value: &super::object::RefValue) -> Result<&TrapData, Fail> {
    match &value.what {
        What::Trap(data, _) => Ok(data),
        _ => Err(Fail::misuse("trap is a reference of another kind")),
    }
}

impl TrapData {
    /// The trap as the engine knows it.
    fn to_trap(&self) -> Trap {
        let mut trap = Trap::new(self.code);
        trap.message = String::from_utf8_lossy(&self.message).into();
        trap.exit_status = self.exit_status;
        if let Some((_, frames)) = self.frames.get() {
            trap.frames = frames.clone();
        }
        trap
    }
}

/// What a trap object was made of.
pub(in crate::capi) fn to_error(trap: *const wasm_trap_t) -> Result<Trap, Fail> {
    Ok(data(reference(trap, "trap")?)?.to_trap())
}

fn frames_of(trap: *const wasm_trap_t) -> Result<&'static [*mut wasm_frame_t], Fail> {
    let data = data(reference(trap, "trap")?)?;
    Ok(data.frames.get().map_or(&[][..], |(objects, _)| objects.elements()))
}

/// Makes a trap, to be returned by a host function. `message` is copied; a NUL at its end is expected but not needed,
/// and NULL is the empty message. NULL without a store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_new(store: *mut wasm_store_t, message: *const wasm_message_t) -> *mut wasm_trap_t {
    quiet(null_mut(), || {
        let shared = shared(store)?;
        let message = vectors::as_bytes(vectors::elements(message));
        let message = message.strip_suffix(&[0]).unwrap_or(message).into();
        let data = TrapData { code: TrapCode::Host, message, exit_status: None, frames: OnceLock::new() };
        Ok(new_ref(&shared, What::Trap(data, Info::default())))
    })
}

/// Writes to `out` the message of a trap and a NUL, which `size` counts. The bytes are those that `wasm_trap_new` got,
/// whatever they are; the engine's own are ASCII. Just a NUL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_message(trap: *const wasm_trap_t, out: *mut wasm_message_t) {
    enter_total((), || {
        let message = reference(trap, "trap").and_then(data).map_or(&[][..], |data| &*data.message);
        let mut bytes = vectors::bytes(message);
        bytes.push(0);
        vectors::give(out, bytes);
    });
}

/// The innermost frame of a trap, owned by the caller; NULL if the trap has not passed WebAssembly.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_origin(trap: *const wasm_trap_t) -> *mut wasm_frame_t {
    quiet(null_mut(), || match frames_of(trap)?.first() {
        Some(frame) => clone_object(frame.cast_const(), "frame"),
        None => Ok(null_mut()),
    })
}

/// Writes to `out` all frames of a trap, the innermost first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_trap_trace(trap: *const wasm_trap_t, out: *mut wasm_frame_vec_t) {
    enter_total((), || {
        let frames = frames_of(trap).unwrap_or_default();
        vectors::give(out, frames.iter().map(|frame| super::object::copy(*frame)).collect());
    });
}

/// The instance of a frame; it lives as long as the frame, also beyond the last reference that the host had. NULL if the
/// store had several instances of the module when the trap was caught, since frames do not tell them apart.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_instance(frame: *const wasm_frame_t) -> *mut wasm_instance_t {
    quiet(null_mut(), || Ok(object(frame, "frame")?.instance))
}

/// The index of a frame's function in its module; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_func_index(frame: *const wasm_frame_t) -> u32 {
    quiet(0, || Ok(object(frame, "frame")?.frame.func.0))
}

/// Where a frame is, in bytes from the start of its function's body; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_func_offset(frame: *const wasm_frame_t) -> usize {
    quiet(0, || Ok(object(frame, "frame")?.frame.func_offset as usize))
}

/// Where a frame is, in bytes from the start of the module; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_frame_module_offset(frame: *const wasm_frame_t) -> usize {
    quiet(0, || Ok(object(frame, "frame")?.frame.module_offset as usize))
}
