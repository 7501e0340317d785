//! The features that a body uses, by wasmparser's list of operators and proposals: what ours are compared with.

use updraft::module::Features;
use wasmparser::{
    BinaryReader, BlockType, FrameKind, FrameStack, FuncToValidate, FuncValidatorAllocations, ValType,
    ValidatorResources, VisitOperator, VisitSimdOperator,
};

/// The verdict of wasmparser on a body that starts at `start` in its module, and the features used.
pub fn features(
    to_validate: FuncToValidate<ValidatorResources>,
    start: usize,
    bytes: &[u8],
    memory: &mut FuncValidatorAllocations,
) -> wasmparser::Result<Features> {
    let flags = to_validate.features;
    let mut validator = to_validate.into_validator(std::mem::take(memory));
    let mut reader = BinaryReader::new_features(bytes, start as u64, flags);
    let mut used = Features::default();
    for _ in 0..reader.read_var_u32()? {
        let offset = reader.original_position();
        let count = reader.read()?;
        let ty = reader.read()?;
        validator.define_locals(offset, count, ty)?;
        used = used | value_features(ty);
    }
    while !reader.eof() {
        let offset = reader.original_position();
        let from_here = &bytes[offset as usize - start..];
        let mut scan = Scan { inner: validator.visitor(offset), used: &mut used, bytes: from_here };
        reader.visit_operator(&mut scan)??;
    }
    reader.finish_expression(&validator.visitor(reader.original_position()))?;
    *memory = validator.into_allocations();
    Ok(used)
}

/// The features that a value of this type needs.
fn value_features(ty: ValType) -> Features {
    match ty {
        ValType::V128 => Features::SIMD,
        ValType::Ref(_) => Features::REFERENCE_TYPES,
        _ => Features::default(),
    }
}

/// Bytes of the longest encoding of a 32-bit number in LEB128.
const LEB32: usize = 5;

/// The features that the encoding of a memory argument needs; `operator` starts at the opcode.
fn memory_argument(operator: &[u8]) -> Features {
    let flags = operands(operator);
    let (mut offset, _) = skip_leb(flags);
    let mut features = Features::default();
    if flags[0] & 0x40 != 0 {
        features = Features::MULTI_MEMORY;
        offset = skip_leb(offset).0;
    }
    if skip_leb(offset).1 > LEB32 {
        features = features | Features::MEMORY64;
    }
    features
}

/// Whether the index that follows `skip` numbers behind the opcode is anything but a zero byte.
fn has_index(operator: &[u8], skip: usize) -> bool {
    (0..skip).fold(operands(operator), |bytes, _| skip_leb(bytes).0)[0] != 0
}

/// What follows an opcode.
fn operands(operator: &[u8]) -> &[u8] {
    // From 0xfc on a byte is the prefix of an opcode in LEB128.
    if operator[0] < 0xfc { &operator[1..] } else { skip_leb(&operator[1..]).0 }
}

/// What follows a number in LEB128, and the number's length.
fn skip_leb(bytes: &[u8]) -> (&[u8], usize) {
    let len = bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    (&bytes[len..], len)
}

/// Validates an operator and notes the feature that it belongs to.
struct Scan<'u, V> {
    inner: V,
    used: &'u mut Features,
    /// The body from the operator on.
    bytes: &'u [u8],
}

impl<V> Scan<'_, V> {
    fn uses(&mut self, features: Features) {
        *self.used = *self.used | features;
    }

    fn memory_index(&mut self) {
        if has_index(self.bytes, 0) {
            self.uses(Features::MULTI_MEMORY);
        }
    }

    fn block(&mut self, ty: BlockType) {
        match ty {
            BlockType::Empty => {}
            BlockType::Type(ty) => self.uses(value_features(ty)),
            BlockType::FuncType(_) => self.uses(Features::MULTI_VALUE),
        }
    }
}

impl<V: FrameStack> FrameStack for Scan<'_, V> {
    fn current_frame(&self) -> Option<FrameKind> {
        self.inner.current_frame()
    }
}

macro_rules! note {
    ($self:ident, reference_types, visit_typed_select, $ty:ident) => {
        $self.uses(Features::REFERENCE_TYPES | value_features($ty))
    };
    ($self:ident, mvp, visit_block, $ty:ident) => {
        $self.block($ty)
    };
    ($self:ident, mvp, visit_loop, $ty:ident) => {
        $self.block($ty)
    };
    ($self:ident, mvp, visit_if, $ty:ident) => {
        $self.block($ty)
    };
    ($self:ident, sign_extension, $($rest:tt)*) => {
        $self.uses(Features::SIGN_EXTENSION)
    };
    ($self:ident, saturating_float_to_int, $($rest:tt)*) => {
        $self.uses(Features::SATURATING_FLOAT_TO_INT)
    };
    ($self:ident, bulk_memory, $($rest:tt)*) => {
        $self.uses(Features::BULK_MEMORY)
    };
    ($self:ident, reference_types, $($rest:tt)*) => {
        $self.uses(Features::REFERENCE_TYPES)
    };
    ($self:ident, tail_call, $($rest:tt)*) => {
        $self.uses(Features::TAIL_CALL)
    };
    ($self:ident, threads, $($rest:tt)*) => {
        $self.uses(Features::THREADS)
    };
    ($self:ident, simd, $($rest:tt)*) => {
        $self.uses(Features::SIMD)
    };
    ($self:ident, relaxed_simd, $($rest:tt)*) => {
        $self.uses(Features::RELAXED_SIMD)
    };
    ($self:ident, wide_arithmetic, $($rest:tt)*) => {
        $self.uses(Features::WIDE_ARITHMETIC)
    };
    // WebAssembly 1.0, and proposals that the validator refuses.
    ($self:ident, $proposal:ident, $($rest:tt)*) => {};
}

/// Notes the features that the encoding of an operator's operands needs.
macro_rules! encoding {
    ($self:ident, $visit:ident, memarg $($rest:tt)*) => {
        $self.uses(memory_argument($self.bytes))
    };
    ($self:ident, visit_call_indirect, $($rest:tt)*) => {
        if has_index($self.bytes, 1) {
            $self.uses(Features::REFERENCE_TYPES);
        }
    };
    ($self:ident, visit_memory_size, $($rest:tt)*) => {
        $self.memory_index()
    };
    ($self:ident, visit_memory_grow, $($rest:tt)*) => {
        $self.memory_index()
    };
    ($self:ident, $visit:ident, $($rest:tt)*) => {};
}

macro_rules! scan {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => { $(
        #[inline]
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            note!(self, $proposal, $visit, $($($arg),*)?);
            encoding!(self, $visit, $($($arg),*)?);
            self.inner.$visit($($($arg),*)?)
        }
    )* };
}

macro_rules! scan_simd {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => { $(
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
            note!(self, $proposal, $visit, $($($arg),*)?);
            encoding!(self, $visit, $($($arg),*)?);
            self.inner.simd_visitor().expect("wasmparser's simd feature is on").$visit($($($arg),*)?)
        }
    )* };
}

impl<'a, V: VisitOperator<'a, Output = wasmparser::Result<()>>> VisitOperator<'a> for Scan<'_, V> {
    type Output = wasmparser::Result<()>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(scan);
}

impl<'a, V: VisitOperator<'a, Output = wasmparser::Result<()>>> VisitSimdOperator<'a> for Scan<'_, V> {
    wasmparser::for_each_visit_simd_operator!(scan_simd);
}
