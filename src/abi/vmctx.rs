//! The layouts that machine code sees: the one source of every offset.
//!
//! Machine code reaches everything from a vmctx, a pointer to a [`VmHeader`] which is followed by the
//! rest of an instance (laid out by [`VmLayout`]) or, for host functions, by the rest of a [`VmHostFunc`].
//!
//!     vmctx --> VmHeader { store --> VmStore { stack limit, activation }, builtins, entries of stubs }
//!               VmInstance fixed part
//!               own memories | own tables | own globals      (definitions, in place)
//!               imported functions | memories | tables | globals   (records and pointers to definitions)
//!               function references of functions that escape

use crate::module::Module;
use crate::sync::AtomicUsize;
use crate::types::{DefinedGlobal, FuncIndex, GlobalIndex, MemoryIndex, TableIndex};

/// Where the entry address of a function is published. Starts at a lazy stub.
#[repr(transparent)]
#[derive(Debug)]
pub struct CodeSlot(pub AtomicUsize);

/// What every vmctx begins with.
#[repr(C)]
pub struct VmHeader {
    /// The machine-visible part of the store that owns the callee.
    pub store: *mut VmStore,
    /// Table of helper addresses, indexed by `Builtin`.
    pub builtins: *const usize,
    /// Target of lazy stubs: expects the function index in eax and all arguments in place.
    pub lazy_compile: usize,
    /// Called by prologues whose stack check fails, with all arguments in place. The return address tells which.
    pub stack_check: usize,
    /// Unwinds to the entry frame with the trap that the store holds; takes the vmctx, never returns.
    pub unwind: usize,
}

/// The machine-visible part of a store.
#[repr(C)]
pub struct VmStore {
    /// Lowest address that the stack pointer may reach; `usize::MAX` asks WebAssembly for attention.
    pub stack_limit: AtomicUsize,
    /// The innermost activation, or null.
    pub activation: *mut Activation,
    /// Frame pointer of the shim or trampoline through which WebAssembly was last left.
    pub exit_fp: usize,
    /// 1 while C runs in a host function, and may call back into the store; else 0.
    pub open: u32,
    /// The host's floating-point environment during a call, 0 if it is WebAssembly's.
    pub float_env: u32,
    /// The store itself, for the runtime only.
    pub store: *mut u8,
    /// An address whose 4 bytes loops may read, for nothing; null asks WebAssembly for attention. Written wherever
    /// the stack limit is, for loops that poll by a fault (`abi/poll.rs`).
    pub poll: AtomicUsize,
    /// Fuel that is left; negative = a run of operators wanted more. Taken by code of engines with fuel
    /// (`Config::fuel`).
    pub fuel: i64,
}

/// One entry from the host into WebAssembly. Lives on the stack of the entering Rust function.
#[repr(C)]
pub struct Activation {
    /// Frame pointer of the entry frame; written by the entry routine.
    pub entry_fp: usize,
    /// The activation around this one.
    pub prev: *mut Activation,
    /// `exit_fp` of the activation around this one, as it was at the entry.
    pub prev_exit_fp: usize,
    /// The store that was entered.
    pub store: *mut VmStore,
}

/// A memory as machine code sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmMemory {
    /// First byte. Never moves in the guarded mode.
    pub base: *mut u8,
    /// Current length in bytes. (A shared memory's is read atomically.)
    pub length: usize,
}

/// A table as machine code sees it: 8-byte elements. A function reference is the address of a
/// [`VmFuncRef`], an external reference a `u32` index; null is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct VmTable {
    /// First element.
    pub base: *mut u64,
    /// Current length in elements.
    pub length: usize,
}

/// A global's value.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct VmGlobal(pub [u8; 16]);

/// A function that can be called indirectly. Immutable while its owner lives.
#[repr(C)]
#[derive(Debug)]
pub struct VmFuncRef {
    /// Where the entry address is published.
    pub slot: *const CodeSlot,
    /// The vmctx to call it with.
    pub vmctx: *mut VmHeader,
    /// Engine-wide number of its type.
    pub type_id: u32,
    /// Index of the store's handle for this function plus one, or 0. For the runtime only.
    pub handle: u32,
}

/// An imported function. Kept apart from the reference to save a load per call.
#[repr(C)]
#[derive(Debug)]
pub struct VmFuncImport {
    /// Where the entry address is published.
    pub slot: *const CodeSlot,
    /// The vmctx to call it with.
    pub vmctx: *mut VmHeader,
    /// The function's reference, for `ref.func` and tables.
    pub funcref: *const VmFuncRef,
}

/// The fixed part of an instance; [`VmLayout`] places the rest after it.
#[repr(C)]
pub struct VmInstance {
    /// What every vmctx begins with.
    pub header: VmHeader,
    /// Engine-wide numbers of the module's types, by type index.
    pub type_ids: *const u32,
    /// The runtime's instance; for the runtime only.
    pub instance: *mut u8,
    /// Where the rest lies; the module's. For the runtime only.
    pub layout: *const VmLayout,
    /// What the baseline tier counts in (`abi/profile.rs`); null where it does not.
    pub profile: *mut u8,
    /// What the baseline tier counts down, an `i32` per function that the module defines; null where nothing is counted.
    /// The module's (`runtime/tiering.rs`).
    pub budgets: *mut i32,
}

/// A host function: what its trampoline sees.
#[repr(C)]
pub struct VmHostFunc {
    /// What every vmctx begins with.
    pub header: VmHeader,
    /// Called by the trampoline as `extern "C" fn(host: *mut VmHostFunc, caller: *mut VmHeader,
    /// values: *mut RawVal) -> u32`: 0 = results are in `values`, anything else = unwind.
    pub call: usize,
    /// Called by the trampoline for C functions on raw cells, as `extern "C" fn(env: *mut c_void,
    /// caller: *mut VmCaller, values: *mut RawVal, count: usize) -> *mut c_void`: null = results are in `values`.
    pub callback: usize,
    /// What such a function, or the routine behind `call`, needs.
    pub env: *mut u8,
    /// Called with the host function and what `callback` returned unless null: leaves the trap in the store.
    pub failed: usize,
    /// Its own slot, which holds the trampoline.
    pub slot: CodeSlot,
    /// Its own reference.
    pub funcref: VmFuncRef,
    /// The runtime's host function; for the runtime only.
    pub data: *mut u8,
}

/// Who called a host function: what C gets a pointer to. Lives on the stack of the call.
#[repr(C)]
pub struct VmCaller {
    /// [`CALLER_KIND`] while the host function runs, 0 afterwards.
    pub kind: u32,
    /// The host function.
    pub host: *mut VmHostFunc,
    /// The calling instance, or null.
    pub instance: *mut VmHeader,
}

/// First word of every [`VmCaller`].
pub const CALLER_KIND: u32 = 0x6c61_4375;

macro_rules! offsets {
    ($( $(#[$doc:meta])* $name:ident = $ty:ident . $($field:ident).+ ; )*) => {
        $( $(#[$doc])* pub const $name: i32 = std::mem::offset_of!($ty, $($field).+) as i32; )*
    };
}
offsets! {
    /// vmctx -> [`VmStore`].
    VMCTX_STORE = VmHeader.store;
    /// vmctx -> table of helpers.
    VMCTX_BUILTINS = VmHeader.builtins;
    /// vmctx -> lazy compile routine.
    VMCTX_LAZY_COMPILE = VmHeader.lazy_compile;
    /// vmctx -> stack check routine.
    VMCTX_STACK_CHECK = VmHeader.stack_check;
    /// vmctx -> unwind routine.
    VMCTX_UNWIND = VmHeader.unwind;
    /// vmctx of an instance -> engine-wide type numbers.
    VMCTX_TYPE_IDS = VmInstance.type_ids;
    /// vmctx of an instance -> counters of the profile.
    VMCTX_PROFILE = VmInstance.profile;
    /// vmctx of an instance -> budgets.
    VMCTX_BUDGETS = VmInstance.budgets;
    /// store -> stack limit.
    STORE_STACK_LIMIT = VmStore.stack_limit;
    /// store -> innermost activation.
    STORE_ACTIVATION = VmStore.activation;
    /// store -> frame through which WebAssembly was last left.
    STORE_EXIT_FP = VmStore.exit_fp;
    /// store -> what loops read.
    STORE_POLL = VmStore.poll;
    /// store -> fuel that is left.
    STORE_FUEL = VmStore.fuel;
    /// memory -> base.
    MEMORY_BASE = VmMemory.base;
    /// memory -> length in bytes.
    MEMORY_LENGTH = VmMemory.length;
    /// table -> base.
    TABLE_BASE = VmTable.base;
    /// table -> length in elements.
    TABLE_LENGTH = VmTable.length;
    /// reference -> slot.
    FUNCREF_SLOT = VmFuncRef.slot;
    /// reference -> vmctx.
    FUNCREF_VMCTX = VmFuncRef.vmctx;
    /// reference -> type number (32 bits).
    FUNCREF_TYPE_ID = VmFuncRef.type_id;
    /// import -> slot.
    IMPORT_SLOT = VmFuncImport.slot;
    /// import -> vmctx.
    IMPORT_VMCTX = VmFuncImport.vmctx;
    /// import -> reference.
    IMPORT_FUNCREF = VmFuncImport.funcref;
    /// store -> whether C may call back (32 bits).
    STORE_OPEN = VmStore.open;
    /// store -> the host's floating-point environment (32 bits).
    STORE_FLOAT_ENV = VmStore.float_env;
    /// host function -> what its trampoline calls.
    HOST_CALL = VmHostFunc.call;
    /// host function -> the C function on raw cells.
    HOST_CALLBACK = VmHostFunc.callback;
    /// host function -> the C function's own pointer.
    HOST_ENV = VmHostFunc.env;
    /// host function -> what takes an error.
    HOST_FAILED = VmHostFunc.failed;
    /// caller -> kind (32 bits).
    CALLER_KIND_WORD = VmCaller.kind;
    /// caller -> host function.
    CALLER_HOST = VmCaller.host;
    /// caller -> calling instance.
    CALLER_INSTANCE = VmCaller.instance;
}

// Stubs encode these as 8-bit displacements.
const _: () = assert!(VMCTX_LAZY_COMPILE < 128 && VMCTX_STACK_CHECK < 128 && STORE_STACK_LIMIT < 128);

/// Byte offsets, from the vmctx, of what follows [`VmInstance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmLayout {
    own_memories: u32,
    own_tables: u32,
    own_globals: u32,
    func_imports: u32,
    memory_imports: u32,
    table_imports: u32,
    global_imports: u32,
    funcrefs: u32,
    size: u32,
    imported_memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    /// Bit per memory: set if shared. (A module has at most 100 memories.)
    shared_memories: u128,
}

/// Where a definition is found: in the vmctx itself, or behind a pointer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The definition itself is at this offset.
    Own(i32),
    /// At this offset is a pointer to the definition.
    Imported(i32),
}

impl VmLayout {
    /// Alignment of an instance.
    pub const ALIGN: usize = 16;

    /// Lays out the instances of `module`.
    ///
    /// The counts are bounded by the validator's limits (10^6 functions, 100 memories, 10^6 globals,
    /// 100 tables), so that every offset fits in 31 bits.
    pub fn new(module: &Module) -> VmLayout {
        let mut next = size_of::<VmInstance>().next_multiple_of(Self::ALIGN) as u32;
        let mut take = |count: usize, size: usize| {
            let start = next;
            next += u32::try_from(count * size).expect("bounded by the validator");
            start
        };
        let imports = module.import_counts();
        let own_globals = take(module.globals().len() - imports.globals, size_of::<VmGlobal>());
        let own_memories = take(module.memories().len() - imports.memories, size_of::<VmMemory>());
        let own_tables = take(module.tables().len() - imports.tables, size_of::<VmTable>());
        let func_imports = take(imports.functions, size_of::<VmFuncImport>());
        let memory_imports = take(imports.memories, 8);
        let table_imports = take(imports.tables, 8);
        let global_imports = take(imports.globals, 8);
        let funcrefs = take(module.escaping_count(), size_of::<VmFuncRef>());
        VmLayout {
            own_memories,
            own_tables,
            own_globals,
            func_imports,
            memory_imports,
            table_imports,
            global_imports,
            funcrefs,
            size: next,
            imported_memories: imports.memories as u32,
            imported_tables: imports.tables as u32,
            imported_globals: imports.globals as u32,
            shared_memories: module.memories().iter().rev().fold(0, |bits, ty| bits << 1 | u128::from(ty.shared)),
        }
    }

    /// Bytes of a whole instance.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    fn place(index: u32, imported: u32, own: u32, own_size: usize, pointers: u32) -> Place {
        match index.checked_sub(imported) {
            Some(own_index) => Place::Own((own + own_index * own_size as u32) as i32),
            None => Place::Imported((pointers + index * 8) as i32),
        }
    }

    /// The [`VmMemory`] of a memory.
    ///
    /// The definition of a shared memory lives with the memory, so that all threads see one length: the
    /// cell of an own one holds a pointer to it.
    pub fn memory(&self, index: MemoryIndex) -> Place {
        let place =
            Self::place(index.0, self.imported_memories, self.own_memories, size_of::<VmMemory>(), self.memory_imports);
        match place {
            Place::Own(offset) if self.shared_memories >> index.0 & 1 == 1 => Place::Imported(offset),
            place => place,
        }
    }

    /// The [`VmTable`] of a table.
    pub fn table(&self, index: TableIndex) -> Place {
        Self::place(index.0, self.imported_tables, self.own_tables, size_of::<VmTable>(), self.table_imports)
    }

    /// The [`VmGlobal`] of a global.
    pub fn global(&self, index: GlobalIndex) -> Place {
        Self::place(index.0, self.imported_globals, self.own_globals, size_of::<VmGlobal>(), self.global_imports)
    }

    /// The [`VmGlobal`] of a global that the instance defines.
    pub fn own_global(&self, index: DefinedGlobal) -> i32 {
        (self.own_globals + index.0 * size_of::<VmGlobal>() as u32) as i32
    }

    /// The [`VmFuncImport`] of an imported function.
    pub fn func_import(&self, index: FuncIndex) -> i32 {
        (self.func_imports + index.0 * size_of::<VmFuncImport>() as u32) as i32
    }

    /// The [`VmFuncRef`] of an own function, by its position among the escaping ones (`Module::escaping`).
    pub fn funcref(&self, escaping: u32) -> i32 {
        (self.funcrefs + escaping * size_of::<VmFuncRef>() as u32) as i32
    }
}
