//! Every operator with immediates of all kinds, and every short stack to put it on.

use wasm_encoder as encode;
use wasm_encoder::{Encode, RefType, ValType};

use crate::material::{Subject, decoded};
use updraft::module::Features;

/// The types of operands; the last is an operand of unreachable code.
const TYPES: usize = 7;

/// A stack, as the numbers of its types.
pub enum Stack {
    Reachable(Vec<usize>),
    /// On top of unreachable code; 7 is an operand of no particular type.
    Unreachable(Vec<usize>),
}

impl Stack {
    pub fn depth(&self) -> usize {
        match self {
            Stack::Reachable(types) | Stack::Unreachable(types) => types.len(),
        }
    }
}

/// All stacks of up to three operands.
pub fn stacks() -> Vec<Stack> {
    fn lists(types: usize) -> Vec<Vec<usize>> {
        let mut all = vec![vec![]];
        let mut last = all.clone();
        for _ in 0..3 {
            last = last.iter().flat_map(|list| (0..types).map(move |ty| [&list[..], &[ty]].concat())).collect();
            all.extend(last.iter().cloned());
        }
        all
    }
    let reachable = lists(TYPES).into_iter().map(Stack::Reachable);
    reachable.chain(lists(TYPES + 1).into_iter().map(Stack::Unreachable)).collect()
}

/// Operators on a stack.
pub struct Case<'a> {
    pub stack: &'a Stack,
    pub sequence: &'a [u8],
}

/// One local of each type.
const LOCALS: &[u8] = &[7, 1, 0x7f, 1, 0x7e, 1, 0x7d, 1, 0x7c, 1, 0x7b, 1, 0x70, 1, 0x6f];

impl Case<'_> {
    /// The body, which ends like this.
    pub fn body(&self, end: &[u8]) -> Vec<u8> {
        let (prefix, types): (&[u8], _) = match self.stack {
            Stack::Reachable(types) => (&[], types),
            Stack::Unreachable(types) => (&[0x00], types),
        };
        let mut body = [LOCALS, prefix].concat();
        for ty in types {
            match ty {
                0 => body.extend([0x41, 0]),
                1 => body.extend([0x42, 0]),
                2 => body.extend([0x43, 0, 0, 0, 0]),
                3 => body.extend([0x44, 0, 0, 0, 0, 0, 0, 0, 0]),
                4 => body.extend([&[0xfd, 0x0c][..], &[0; 16]].concat()),
                5 => body.extend([0xd0, 0x70]),
                6 => body.extend([0xd0, 0x6f]),
                // A `select` of nothing.
                _ => body.extend([0x41, 0, 0x1b]),
            }
        }
        body.extend(self.sequence);
        body.extend(end);
        body
    }
}

/// Ends of a body that ask for one type each, and for nothing.
pub const ENDS: &[&[u8]] = &[
    &[0x21, 0, 0x00, 0x0b],
    &[0x21, 1, 0x00, 0x0b],
    &[0x21, 2, 0x00, 0x0b],
    &[0x21, 3, 0x00, 0x0b],
    &[0x21, 4, 0x00, 0x0b],
    &[0x21, 5, 0x00, 0x0b],
    &[0x21, 6, 0x00, 0x0b],
    &[0x1a, 0x0b],
    &[0x0b],
    // Not the end of the body.
    &[0x0b, 0x0b],
    &[0x01],
    &[],
];

/// Types of the functions that bodies are put into: numbers of types of the module.
pub const FUNCTION_TYPES: usize = 5;

/// Function types: parameters and results.
const SIGNATURES: &[(&[ValType], &[ValType])] = &[
    (&[], &[]),
    (&[], &[ValType::I32]),
    (&[], &[ValType::I32, ValType::I64]),
    (&[], &[ValType::Ref(RefType::EXTERNREF)]),
    (&[], &[ValType::F64]),
    (&[ValType::I32], &[ValType::I32]),
    (&[ValType::I64, ValType::F32], &[ValType::F64]),
    (&[ValType::V128, ValType::Ref(RefType::FUNCREF)], &[ValType::Ref(RefType::EXTERNREF)]),
    (&[ValType::I32, ValType::I32], &[]),
    (&[ValType::I32; 16], &[ValType::I32; 17]),
];

/// A module with something of every kind. Its functions have the first of the types.
pub fn module() -> Subject {
    let mut module = encode::Module::new();
    let mut types = encode::TypeSection::new();
    for (params, results) in SIGNATURES {
        types.ty().function(params.iter().copied(), results.iter().copied());
    }
    module.section(&types);
    let mut imports = encode::ImportSection::new();
    imports.import("", "declared", encode::EntityType::Function(5));
    imports.import("", "undeclared", encode::EntityType::Function(0));
    module.section(&imports);
    let mut functions = encode::FunctionSection::new();
    for ty in 0..SIGNATURES.len() as u32 {
        functions.function(ty);
    }
    module.section(&functions);
    let mut tables = encode::TableSection::new();
    for (element_type, table64) in [(RefType::FUNCREF, false), (RefType::EXTERNREF, false), (RefType::FUNCREF, true)] {
        tables.table(encode::TableType { element_type, table64, minimum: 1, maximum: None, shared: false });
    }
    module.section(&tables);
    let mut memories = encode::MemorySection::new();
    for (memory64, shared) in [(false, false), (true, false), (false, true)] {
        memories.memory(encode::MemoryType { minimum: 1, maximum: Some(2), memory64, shared, page_size_log2: None });
    }
    module.section(&memories);
    module.section(&globals());
    let mut exports = encode::ExportSection::new();
    exports.export("exported", encode::ExportKind::Func, 2);
    module.section(&exports);
    let mut elements = encode::ElementSection::new();
    elements.passive(encode::Elements::Functions([0, 3][..].into()));
    let null = encode::ConstExpr::ref_null(encode::HeapType::EXTERN);
    elements.passive(encode::Elements::Expressions(RefType::EXTERNREF, [null][..].into()));
    module.section(&elements);
    module.section(&encode::DataCountSection { count: 2 });
    let mut code = encode::CodeSection::new();
    for _ in SIGNATURES {
        code.raw(&[0, 0x00, 0x0b]);
    }
    module.section(&code);
    let mut data = encode::DataSection::new();
    data.passive([1]).passive([2]);
    module.section(&data);
    decoded("operators", &module.finish(), Features::ALL).expect("valid sections")
}

/// A variable of each type, and a constant.
fn globals() -> encode::GlobalSection {
    let zero = [
        (ValType::I32, encode::ConstExpr::i32_const(0)),
        (ValType::I64, encode::ConstExpr::i64_const(0)),
        (ValType::F32, encode::ConstExpr::f32_const(0f32.into())),
        (ValType::F64, encode::ConstExpr::f64_const(0f64.into())),
        (ValType::V128, encode::ConstExpr::v128_const(0)),
        (ValType::Ref(RefType::FUNCREF), encode::ConstExpr::ref_null(encode::HeapType::FUNC)),
        (ValType::Ref(RefType::EXTERNREF), encode::ConstExpr::ref_null(encode::HeapType::EXTERN)),
    ];
    let mut globals = encode::GlobalSection::new();
    for (val_type, init) in &zero {
        globals.global(encode::GlobalType { val_type: *val_type, mutable: true, shared: false }, init);
    }
    globals.global(encode::GlobalType { val_type: ValType::I32, mutable: false, shared: false }, &zero[0].1);
    globals
}

/// A number in LEB128.
fn leb(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}

/// Memory arguments: alignments, memories, offsets of several lengths, and what is wrong with them.
fn memory_arguments() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..6).map(|align| vec![align, 0]).collect();
    for align in 0..5 {
        all.extend((0..4).map(|memory| vec![0x40 | align, memory, 0]));
    }
    let offsets: &[&[u8]] = &[
        &[0x7f],
        &[0x80, 0x01],
        &[0xff, 0x80, 0x01],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0x1f],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    ];
    for offset in offsets {
        all.push([&[0], *offset].concat());
        all.push([&[0x40, 1], *offset].concat());
        all.push([&[0xc0, 0x80, 0x00, 0x81, 0x00], *offset].concat());
    }
    all.extend([&[0x80, 0x00, 0][..], &[0x80, 0x01, 0], &[0x20, 0], &[0x60, 0, 0], &[0x85, 0x00, 0]].map(Vec::from));
    all
}

/// Immediates of the operators of one byte that are not among the others here.
fn immediates(opcode: u8) -> Vec<Vec<u8>> {
    let indices = |count: u8| {
        let overlong = [vec![0x80, 0x00], vec![0x80, 0x80, 0x80, 0x80, 0x00], vec![0xff, 0xff, 0xff, 0xff, 0x1f]];
        (0..count).map(|index| vec![index]).chain(overlong).collect::<Vec<_>>()
    };
    let i32s: &[&[u8]] = &[&[0x3f], &[0xff, 0], &[0x80, 0x80, 0x80, 0x80, 0x78], &[0x80, 0x80, 0x80, 0x80, 0x70]];
    let numbers: &[&[u8]] = &[
        &[0xff, 0xff, 0xff, 0xff, 0x07],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    ];
    match opcode {
        0x0c | 0x0d => indices(3),
        0x0e => {
            [&[0, 0][..], &[1, 0, 0], &[2, 0, 0x80, 0x00, 0], &[1, 1, 0], &[1, 0, 1], &[2, 0, 0]].map(Vec::from).into()
        }
        0x10 | 0x12 => indices(14),
        0x11 | 0x13 => {
            let mut all = Vec::new();
            (0..11).for_each(|ty| all.extend((0..4).map(|table| vec![ty, table])));
            all.extend([vec![0, 0x80, 0x00], vec![0x80, 0x00, 0], vec![0x80]]);
            all
        }
        0x1c => {
            let types = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x6e, 0x40];
            let mut all: Vec<Vec<u8>> = types.iter().map(|ty| vec![1, *ty]).collect();
            all.extend([
                vec![0],
                vec![2, 0x7f, 0x7f],
                vec![1, 0x63, 0x70],
                vec![1, 0x64, 0x70],
                vec![0x81, 0x00, 0x63, 0x6f],
            ]);
            all
        }
        0x20..=0x22 => indices(8),
        0x23 | 0x24 => indices(9),
        0x25 | 0x26 | 0x3f | 0x40 => indices(4),
        0x28..=0x3e => memory_arguments(),
        0x41 | 0x42 => i32s.iter().chain(numbers).map(|number| number.to_vec()).collect(),
        0x43 => vec![vec![0; 4]],
        0x44 => vec![vec![0; 8]],
        0xd0 => [&[0x70][..], &[0x6f], &[0x6e], &[0x00], &[0xf0, 0x7f]].map(Vec::from).into(),
        0xd2 => indices(13),
        _ => vec![vec![], vec![0], vec![0, 0]],
    }
}

/// Blocks of all types, with something in them.
fn blocks() -> Vec<Vec<u8>> {
    let mut types: Vec<Vec<u8>> = [0x40, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x6e].map(|ty| vec![ty]).into();
    types.extend((0..=SIGNATURES.len() as u8).map(|ty| vec![ty]));
    types.extend([vec![0x63, 0x70], vec![0x64, 0x6f], vec![0x85, 0x00], vec![0x85, 0x80, 0x80, 0x80, 0x00]]);
    types.extend([vec![0x85, 0x80, 0x80, 0x80, 0x10], vec![0xff, 0x7f], vec![0xc0, 0x7f], vec![0xc5, 0x00]]);
    let insides: &[&[u8]] = &[
        &[0x0b],
        &[0x00, 0x0b],
        &[0x05, 0x0b],
        &[0x00, 0x05, 0x00, 0x0b],
        &[0x00, 0x05, 0x0b],
        &[0x05, 0x00, 0x0b],
        &[0x0c, 0, 0x0b],
        &[0x0c, 1, 0x0b],
        &[0x41, 0, 0x0d, 0, 0x0b],
        &[0x41, 0, 0x0d, 1, 0x0b],
        &[0x41, 0, 0x0e, 1, 0, 0, 0x0b],
        &[0x00, 0x41, 0, 0x0e, 1, 0, 1, 0x0b],
        &[0x00, 0x0d, 0, 0x0b],
        &[0x41, 0, 0x0b],
        &[0x1a, 0x0b],
        &[0x05, 0x05, 0x0b],
        &[0x0f, 0x0b],
        &[],
    ];
    let mut all = Vec::new();
    for opcode in 0x02..=0x04 {
        for ty in &types {
            all.extend(insides.iter().map(|inside| [&[opcode], &ty[..], inside].concat()));
        }
    }
    all
}

/// All sequences of operators to try.
pub fn sequences() -> Vec<Vec<u8>> {
    let mut all = blocks();
    for opcode in (0x00..=0x01).chain(0x05..=0xfb).chain([0xff]) {
        all.extend(immediates(opcode).into_iter().map(|rest| [&[opcode], &rest[..]].concat()));
    }
    let indices: Vec<Vec<u8>> = (0..4).flat_map(|one| (0..4).map(move |two| vec![one, two])).collect();
    for number in 0..0x18 {
        let rests = indices.iter().cloned().chain([vec![], vec![0], vec![1], vec![2], vec![3], vec![0x80, 0x00, 0]]);
        all.extend(rests.map(|rest| [&[0xfc], &leb(number)[..], &rest].concat()));
    }
    for number in 0..0x118 {
        let mut rests = vec![vec![]];
        if number < 0x0c || (0x54..=0x5d).contains(&number) {
            rests.extend(memory_arguments());
            rests.extend((0..5).flat_map(|align| [0, 1, 2, 3, 4, 7, 8, 15, 16].map(|lane| vec![align, 0, lane])));
        } else if number < 0x23 {
            rests.extend((0..18).map(|lane| vec![lane]));
            rests.extend([vec![0; 16], vec![31; 16], vec![32; 16]]);
        }
        all.extend(rests.into_iter().map(|rest| [&[0xfd], &leb(number)[..], &rest].concat()));
    }
    for number in 0..0x52 {
        let rests = memory_arguments().into_iter().chain([vec![], vec![0], vec![1]]);
        all.extend(rests.map(|rest| [&[0xfe], &leb(number)[..], &rest].concat()));
    }
    // Longer encodings of the number behind a prefix.
    all.extend([&[0xfc, 0x80, 0x00][..], &[0xfd, 0xce, 0x00], &[0xfe, 0x83, 0x00, 0], &[0xfc, 0x80]].map(Vec::from));
    all
}
